//! The ways to a sandbox, and the one call that these tests make.

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use wechatpay_chain::{Client, ClientBuilder, Request, Response};
use wechatpay_sandbox::{Builder, Sandbox};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Http2,
    Http1,
    Plain,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::Http2, Self::Http1, Self::Plain];

    pub(crate) fn builder(self) -> Builder {
        match self {
            Self::Http2 => Sandbox::builder(),
            Self::Http1 => Sandbox::builder().http1_only(),
            Self::Plain => Sandbox::builder().plain(),
        }
    }

    pub(crate) fn sandbox(self) -> Sandbox {
        self.builder().start_blocking().unwrap()
    }
}

/// A call that the sandbox answers; the answer has the same `number`.
pub(crate) fn coupon(client: &Client, number: impl Display) -> Request {
    let path = client.chain("v3/marketing/busifavor/product-coupons/send");
    path.post(json!({
        "openid": "xsd3434454567676", "appid": "wx1234567889999", "stock_id": "12312354",
        "out_request_no": number.to_string(), "coupon_type": "NORMAL",
    }))
}

/// Asserts that this is the answer to the call with this number.
pub(crate) fn assert_answers(response: &Response, number: impl Display) {
    assert!(response.verified());
    let data = response.data().unwrap();
    assert_eq!(data["out_request_no"], number.to_string());
}

/// The settings of a client of its own for this sandbox.
pub(crate) fn settings(sandbox: &Sandbox) -> ClientBuilder {
    let settings = strange_settings(sandbox);
    match sandbox.root_certificate() {
        Some(root) => settings.root_certificate(root),
        None => settings,
    }
}

/// The same without the sandbox's root certificate.
pub(crate) fn strange_settings(sandbox: &Sandbox) -> ClientBuilder {
    Client::builder()
        .mchid(sandbox.mchid())
        .serial(sandbox.merchant_serial())
        .private_key(sandbox.merchant_private_key())
        .cert(sandbox.platform_serial(), sandbox.platform_public_key())
        .base_uri(sandbox.base_uri())
}

/// Waits until the sandbox has read this many requests.
pub(crate) fn until_received(sandbox: &Sandbox, number: usize) {
    until(|| sandbox.received().len() >= number);
}

/// Waits until this is true, which it must be within a limit that only a hang reaches.
pub(crate) fn until(mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "it never came");
        thread::sleep(Duration::from_millis(1));
    }
}
