//! How much memory a download takes: a gigabyte into a file, over HTTP/1.1 and HTTP/2, and how far the
//! memory rose above idle.
//!
//! `cargo run --release --example download -- [bytes]`. The client is a process of its own: this
//! program once more. Memory is read from Linux's /proc.

#![expect(clippy::print_stdout, reason = "an example prints what it gets")]

use std::error::Error;
use std::fs;
use std::future::IntoFuture as _;
use std::process::Command;
use std::time::Instant;

use wechatpay_chain::Client;
use wechatpay_sandbox::Sandbox;

const GIGABYTE: &str = "1073741824";

/// Tells the client from the program that starts it.
const CLIENT: &str = "--client";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next(), arguments.next(), arguments.next()) {
        (Some(client), Some(how), Some(bytes)) if client == CLIENT => {
            download(how == "await", &bytes)
        }
        (bytes, _, _) => measure(bytes.as_deref().unwrap_or(GIGABYTE)),
    }
}

fn measure(bytes: &str) -> Result<(), Box<dyn Error>> {
    for (name, builder) in [
        ("HTTP/1.1", Sandbox::builder().http1_only()),
        ("HTTP/2", Sandbox::builder()),
    ] {
        let sandbox = builder.start_blocking()?;
        for how in ["await", "wait"] {
            println!("{name}, {how}:");
            let status = Command::new(std::env::current_exe()?)
                .args([CLIENT, how, bytes])
                .envs(sandbox.environment())
                .status()?;
            if !status.success() {
                return Err("the client failed".into());
            }
        }
    }
    Ok(())
}

fn download(is_awaited: bool, bytes: &str) -> Result<(), Box<dyn Error>> {
    let client = Client::from_env()?;
    let idle = memory("VmRSS")?;
    let started = Instant::now();
    let name = format!("wechatpay-chain-download-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let request = client.v3().billdownload().file().get();
    let token = format!("stream-{bytes}");
    let download = request.query([("token", token)]).download(&path);
    let downloaded = if is_awaited {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(download.into_future())?
    } else {
        download.wait()?
    };
    let took = started.elapsed();
    let peak = memory("VmHWM")?;
    fs::remove_file(&path)?;
    println!("  {} bytes in {took:.1?}", downloaded.bytes_written());
    println!(
        "  idle {idle} kB, peak {peak} kB: {} kB above",
        peak.saturating_sub(idle)
    );
    Ok(())
}

/// A line of this process's status, in kB.
fn memory(name: &str) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .ok_or("no such line in /proc/self/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
