//! How much memory an upload takes: sends a video that was given, or one of 100 MB that is made for
//! it, over HTTP/1.1 and HTTP/2, and says how far the memory rose above idle.
//!
//! `cargo run --release --example upload -- [video]`. The sandbox keeps what it gets, so that the
//! client is a process of its own: this program once more. Memory is read from Linux's /proc.

#![expect(clippy::print_stdout, reason = "an example prints what it gets")]

use std::error::Error;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use wechatpay_chain::{Client, Media};
use wechatpay_sandbox::Sandbox;

const MEGABYTE: usize = 1024 * 1024;

/// Tells the client from the program that starts it.
const CLIENT: &str = "--client";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    match (arguments.next(), arguments.next(), arguments.next()) {
        (Some(client), Some(how), Some(video)) if client == CLIENT => {
            upload(how == "await", Path::new(&video))
        }
        (Some(video), None, None) => measure(Path::new(&video)),
        _ => {
            let video = Made::new(100)?;
            measure(&video.0)
        }
    }
}

/// A video of noughts, removed at its end.
struct Made(PathBuf);

impl Made {
    fn new(megabytes: usize) -> Result<Self, Box<dyn Error>> {
        let name = format!("wechatpay-chain-upload-{}.mp4", std::process::id());
        let made = Self(std::env::temp_dir().join(name));
        let mut file = File::create(&made.0)?;
        for _ in 0..megabytes {
            file.write_all(&vec![0; MEGABYTE])?;
        }
        Ok(made)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn measure(video: &Path) -> Result<(), Box<dyn Error>> {
    for (name, builder) in [
        ("HTTP/1.1", Sandbox::builder().http1_only()),
        ("HTTP/2", Sandbox::builder()),
    ] {
        let sandbox = builder.start_blocking()?;
        for how in ["await", "wait"] {
            println!("{name}, {how}:");
            let status = Command::new(std::env::current_exe()?)
                .args([CLIENT, how])
                .arg(video)
                .envs(sandbox.environment())
                .status()?;
            if !status.success() {
                return Err("the client failed".into());
            }
        }
    }
    Ok(())
}

fn upload(is_awaited: bool, video: &Path) -> Result<(), Box<dyn Error>> {
    let client = Client::from_env()?;
    let idle = memory("VmRSS")?;
    let started = Instant::now();
    let request = client
        .v3()
        .merchant()
        .media()
        .video_upload()
        .post(Media::from_path(video)?);
    let response = if is_awaited {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(request.into_future())?
    } else {
        request.wait()?
    };
    let took = started.elapsed();
    let peak = memory("VmHWM")?;
    println!("  {} bytes in {took:.1?}", fs::metadata(video)?.len());
    println!(
        "  idle {idle} kB, peak {peak} kB: {} kB above",
        peak.saturating_sub(idle)
    );
    println!("  {}", response.text());
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
