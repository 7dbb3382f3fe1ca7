//! Any path, template, variable and query ends in a request whose target is what was signed, or in
//! an error before anything is sent; never in a panic, and never outside of the base address.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use wechatpay_chain::{Client, Error, Request};

static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    Client::builder()
        .mchid("1900000109")
        .serial(include_str!("../../tests/vectors/keys/merchant.serial"))
        .private_key(include_str!("../../tests/vectors/keys/merchant.key"))
        .platform_certificate(include_str!("../../tests/vectors/keys/platform.crt"))
        .base_uri("https://127.0.0.1/prefix/")
        .build()
        .unwrap()
});

fuzz_target!(|input: (&str, &str, &str, &str, bool)| {
    let (path, segment, name, value, typed) = input;
    // Every kind of expansion meets every value.
    let filled = CLIENT.chain("v3/{+a}/x{b}{;c*}{.d:3}{?e}").get();
    let filled = filled
        .var("a", value)
        .var("b", name)
        .var("c", json!({ name: [value] }));
    check(filled.var("d", value).var("e", path));

    let mut request = CLIENT.chain("v3").chain(path).segment(segment).get();
    if !name.is_empty() {
        request = if typed {
            request.var(name, json!([value, { name: value }, 1.5, null]))
        } else {
            request.var(name, value)
        };
    }
    check(request.query(json!({ name: value })));
});

fn check(request: Request) {
    let shown = format!("{request:?}");
    assert!(!shown.contains('\n'));
    match request.into_http() {
        Ok(request) => {
            let target = request.uri().path_and_query().unwrap().as_str();
            assert!(target.starts_with("/prefix/v3/"), "{target}");
            assert!(target.bytes().all(|byte| byte.is_ascii_graphic()));
            let path = request.uri().path();
            let climbs = path.split('/').any(|segment| {
                let plain = segment.to_ascii_lowercase().replace("%2e", ".");
                plain == "." || plain == ".."
            });
            assert!(!climbs, "{target}");
        }
        Err(Error::Request(_) | Error::Template(_)) => {}
        Err(error) => panic!("{error}"),
    }
}
