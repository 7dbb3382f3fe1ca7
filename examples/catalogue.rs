//! The endpoints under a path, or with a word in their title:
//! `cargo run --example catalogue -- v3/pay`, or `-- 商家券`.
//!
//! Without an argument it shows those of the seed; with an empty one, `""`, all of them.

use std::io::{self, Write as _};

use wechatpay_chain::catalogue::endpoints;

fn main() -> io::Result<()> {
    let wanted = std::env::args().nth(1);
    let wanted = wanted.as_deref().unwrap_or("v3/marketing/busifavor");
    let wanted = wanted.trim_start_matches('/');
    let found = endpoints().filter(|endpoint| {
        endpoint.path().starts_with(wanted) || endpoint.title().contains(wanted)
    });
    let mut out = io::stdout().lock();
    for endpoint in found {
        let (verb, path, title) = (endpoint.verb(), endpoint.path(), endpoint.title());
        match writeln!(out, "{verb} {path} {title}") {
            // Whoever reads has seen enough: `… | head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            written => written?,
        }
    }
    Ok(())
}
