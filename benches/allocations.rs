//! How often the client allocates, and how much: a count, not a time, so it is the same on every run.
//!
//! The counter is the thread's own, and the sandbox has threads of its own: of a round trip only the
//! client's side is counted, with hyper's and rustls's part of it.

#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

use allocation_counter::AllocationInfo;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use wechatpay_chain::{Chain, Client};
use wechatpay_sandbox::Sandbox;

const PATH: &str = "v3/marketing/busifavor/product-coupons/send";

fn main() {
    let sandbox = Sandbox::start_blocking().unwrap_or_else(|error| panic!("no sandbox: {error}"));
    let client = sandbox.client();
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    // Tables, pools and connections are made by the first.
    for number in 0..20 {
        runtime.block_on(call(&client, number));
    }
    let body = body(20);
    show("path by methods", || {
        let _: Chain = client
            .v3()
            .marketing()
            .busifavor()
            .product_coupons()
            .send()
            .into();
    });
    show("path by chain()", || {
        let _ = client.chain(PATH);
    });
    show("path by index", || {
        let _ = &client[PATH];
    });
    show("its body as text (serde_json)", || {
        let _ = body.to_string();
    });
    show("request, not sent", || {
        let _ = client[PATH].post(&body);
    });
    show("request, composed and signed", || {
        let _ = client[PATH].post(&body).into_http();
    });
    let mut number = 21;
    show("round trip, verified", || {
        number += 1;
        runtime.block_on(call(&client, number));
    });
}

async fn call(client: &Client, number: u64) {
    let response = client[PATH].post(body(number)).await;
    let response = response.unwrap_or_else(|error| panic!("{error}"));
    assert!(response.verified());
}

fn body(number: u64) -> Value {
    json!({
        "openid": "xsd3434454567676", "appid": "wx1234567889999", "stock_id": "12312354",
        "out_request_no": format!("{number:07}"), "coupon_code": "202007019999",
        "coupon_type": "NORMAL", "member_card_id": "pbLatjvWOibDc5-TBnbUk1pD12o0",
    })
}

/// The least of several runs: a connection that answers a ping in between is not the request's doing.
fn show(what: &str, mut run: impl FnMut()) {
    let runs = (0..10).map(|_| allocation_counter::measure(&mut run));
    let least = runs.min_by_key(|info| info.count_total);
    let AllocationInfo {
        count_total,
        bytes_total,
        ..
    } = least.unwrap_or_default();
    println!("{what:<32} {count_total:>4} allocations {bytes_total:>7} bytes");
}
