//! A bill into a file: asked for, fetched, unzipped and compared with the digest that was promised.
//!
//! `cargo run --example bill -- 2024-01-01 bill.csv` takes it from a sandbox of its own; with `--real`
//! before the date, from the account of the `WECHATPAY_*` variables.

#![expect(clippy::print_stdout, reason = "an example prints what it gets")]

use std::error::Error;

use wechatpay_chain::Client;
use wechatpay_sandbox::Sandbox;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<_> = std::env::args().skip(1).collect();
    let is_real = arguments.first().is_some_and(|first| first == "--real");
    if is_real {
        arguments.remove(0);
    }
    let mut arguments = arguments.into_iter();
    let date = arguments.next().unwrap_or_else(|| "2024-01-01".to_owned());
    let path = arguments.next();
    if is_real {
        return fetch(&Client::from_env()?, &date, path);
    }
    let sandbox = Sandbox::start_blocking()?;
    fetch(&sandbox.client(), &date, path)
}

fn fetch(client: &Client, date: &str, path: Option<String>) -> Result<(), Box<dyn Error>> {
    let bill = client.bill().trade(date);
    match path {
        // In constant memory, however large the bill is.
        Some(path) => {
            let saved = bill.download(&path).wait()?;
            println!("{path}: {} bytes", saved.bytes_written());
        }
        None => println!("{}", bill.wait()?.text()),
    }
    Ok(())
}
