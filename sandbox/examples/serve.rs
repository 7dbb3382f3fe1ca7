//! A sandbox for a program in another language.
//!
//! It prints one line of JSON with everything that a client needs, and runs until its standard
//! input closes; with the argument `plain` over plain http. Each line that comes in is a command,
//! and is answered by one line of JSON:
//!
//! - `pay NUMBER` has the user pay the order of this `out_trade_no`;
//! - `received` lists what came in so far.
//!
//! The same and more is served over HTTP under `/_sandbox/`: see the crate's documentation.

#![allow(
    clippy::print_stdout,
    reason = "whoever started it reads its standard output"
)]

use std::io::{self, BufRead as _, Write as _};

use serde_json::{Value, json};
use wechatpay_sandbox::Sandbox;

fn main() -> io::Result<()> {
    let builder = match std::env::args().nth(1).as_deref() {
        None => Sandbox::builder(),
        Some("plain") => Sandbox::builder().plain(),
        Some(_) => return Err(io::Error::other("the only argument is plain")),
    };
    let sandbox = builder.start_blocking()?;
    say(&json!({
        "base_uri": sandbox.base_uri(),
        "ca": sandbox.root_certificate(),
        "mchid": sandbox.mchid(),
        "serial": sandbox.merchant_serial(),
        "private_key": sandbox.merchant_private_key(),
        "certificate": sandbox.merchant_certificate(),
        "platform_serial": sandbox.platform_serial(),
        "platform_public_key": sandbox.platform_public_key(),
        "apiv3_key": sandbox.apiv3_key(),
        "secret": sandbox.secret(),
    }))?;
    for line in io::stdin().lock().lines() {
        say(&answer(&sandbox, line?.trim()))?;
    }
    Ok(())
}

/// Line by line: standard output keeps lines back when it is a pipe.
fn say(value: &Value) -> io::Result<()> {
    println!("{value}");
    io::stdout().flush()
}

fn answer(sandbox: &Sandbox, command: &str) -> Value {
    if let Some(out_trade_no) = command.strip_prefix("pay ") {
        return match sandbox.pay(out_trade_no) {
            Ok(transaction_id) => json!({ "transaction_id": transaction_id }),
            Err(error) => json!({ "error": error.to_string() }),
        };
    }
    if command != "received" {
        return json!({ "error": "the commands are `pay NUMBER` and `received`" });
    }
    let received = sandbox.received();
    let received = received.iter().map(|request| {
        json!({
            "method": request.method(),
            "target": request.target(),
            "authenticated": request.authenticated(),
            "client_certificate": request.client_certificate().is_some(),
        })
    });
    received.collect()
}
