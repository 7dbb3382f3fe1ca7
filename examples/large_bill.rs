//! How fast a large bill is unzipped and compared with its digest, beside `zcat | sha1sum`.
//!
//! `cargo run --release --example large_bill -- [megabytes] [rounds]`. The bill comes from a sandbox in
//! this process, packed, and goes into a file; `zcat` reads the same packed file and hashes what comes
//! out. They take turns, and the median of each is shown.

#![expect(clippy::print_stdout, reason = "an example prints what it gets")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::json;
use wechatpay_sandbox::{CannedAnswer, Sandbox};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| match arguments.next() {
        Some(text) => text.parse::<usize>(),
        None => Ok(default),
    };
    let (megabytes, rounds) = (number(8)?, number(1)?);
    let bill = bill(megabytes * 1_000_000);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bill.as_bytes())?;
    let packed = encoder.finish()?;
    let digest: String = digest(&SHA1_FOR_LEGACY_USE_ONLY, bill.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    println!("a bill of {} bytes, {} packed", bill.len(), packed.len());

    let stem = format!("wechatpay-chain-large-bill-{}", std::process::id());
    let stem = std::env::temp_dir().join(stem);
    let (zipped, saved) = (stem.with_extension("gz"), stem.with_extension("csv"));
    fs::write(&zipped, &packed)?;
    let measured = measure(packed, &digest, rounds, &zipped, &saved);
    for file in [zipped, saved] {
        // What failed before it was written is not there.
        let _ = fs::remove_file(file);
    }
    measured
}

fn measure(
    packed: Vec<u8>,
    digest: &str,
    rounds: usize,
    zipped: &Path,
    saved: &Path,
) -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start_blocking()?;
    let client = sandbox.client();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        let promise = json!({ "hash_type": "SHA1", "hash_value": digest, "download_url":
            format!("{}v3/billdownload/file?token=large", sandbox.base_uri()) });
        sandbox.answer("GET", "/v3/bill/tradebill", 200, promise);
        let file = CannedAnswer::new(200).unsigned().body(packed.clone());
        sandbox.answer_with("GET", "/v3/billdownload/file", file);
        let started = Instant::now();
        client.bill().trade("2024-01-01").download(saved).wait()?;
        ours.push(started.elapsed());

        let pipe = format!("zcat '{}' | sha1sum", zipped.display());
        let started = Instant::now();
        let found = Command::new("sh").arg("-c").arg(pipe).output();
        if found.is_ok_and(|found| found.stdout.starts_with(digest.as_bytes())) {
            theirs.push(started.elapsed());
        }
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!("fetched, unzipped, hashed and written in {ours:.2?}");
    if theirs.is_zero() {
        println!("zcat and sha1sum are not here, or not the same");
    } else {
        let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
        println!("zcat | sha1sum in {theirs:.2?}: it has {ratio:.2} of their speed");
    }
    Ok(())
}

/// Lines like those of a trade bill, of which no two are alike.
fn bill(length: usize) -> String {
    let mut bill = String::with_capacity(length + 256);
    let mut number = 0_u64;
    while bill.len() < length {
        number += 1;
        let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let (order, cents) = (mixed >> 20, mixed % 100_000);
        // Writing to a String can't fail.
        let _ = writeln!(
            bill,
            "`2024-01-01 12:{:02}:{:02},`wx8888888888888888,`1900000109,`0,`,`42000{order:018},`1217752501{number:012},\
             `o{mixed:020},`JSAPI,`SUCCESS,`OTHERS,`CNY,`{}.{:02},`0.00,`0,`0,`0.00,`0.00,`,`,`商品,`,`0.00,`0.60%\r",
            number / 60 % 60,
            number % 60,
            cents / 100,
            cents % 100,
        );
    }
    bill
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
