//! Whatever another HTTP client brings back is judged without a panic, and only what the platform
//! key signed is trusted.

#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use wechatpay_chain::Client;

static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    Client::builder()
        .mchid("1900000109")
        .serial(include_str!("../../tests/vectors/keys/merchant.serial"))
        .private_key(include_str!("../../tests/vectors/keys/merchant.key"))
        .platform_certificate(include_str!("../../tests/vectors/keys/platform.crt"))
        .build()
        .unwrap()
});

const NAMES: [&str; 7] = [
    "wechatpay-nonce",
    "wechatpay-serial",
    "wechatpay-signature",
    "wechatpay-signature-type",
    "wechatpay-timestamp",
    "request-id",
    "location",
];

// Lines: the status, the seven headers, then the body.
fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(NAMES.len() + 2, |byte| *byte == b'\n');
    let status = parts.next().unwrap_or_default();
    let status = std::str::from_utf8(status)
        .ok()
        .and_then(|text| text.parse().ok());
    let mut answer = http::Response::builder().status(status.unwrap_or(200_u16));
    for name in NAMES {
        let value = parts.next().unwrap_or_default();
        // "now" lets a time stamp pass the clock.
        let now = wechatpay_chain::formatter::timestamp();
        let value = if value == b"now" {
            now.as_bytes()
        } else {
            value
        };
        if !value.is_empty() {
            answer = answer.header(name, value);
        }
    }
    let body = Bytes::copy_from_slice(parts.next().unwrap_or_default());
    let Ok(answer) = answer.body(body) else {
        return;
    };
    let request = CLIENT.chain("v3/certificates").get();
    let (_, judge) = request.into_parts().unwrap();
    match judge.accept(answer) {
        Ok(_) => panic!("an answer without a right signature was trusted"),
        Err(error) => {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(['\n', '\r', '\0']), "{shown}");
            let _ = error.into_response();
        }
    }
});
