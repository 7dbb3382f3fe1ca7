//! The endpoints under a path, or with a word in their title: `cargo run --example catalogue -- v3/pay`.
//!
//! Without an argument it shows those of the seed; with an empty one, `""`, all of them.

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use wechatpay_chain::catalogue::endpoints;

fn main() {
    let wanted = std::env::args().nth(1);
    let wanted = wanted.as_deref().unwrap_or("v3/marketing/busifavor");
    let found = endpoints().filter(|endpoint| {
        endpoint.path().starts_with(wanted) || endpoint.title().contains(wanted)
    });
    for endpoint in found {
        println!(
            "{} {} {}",
            endpoint.verb(),
            endpoint.path(),
            endpoint.title()
        );
    }
}
