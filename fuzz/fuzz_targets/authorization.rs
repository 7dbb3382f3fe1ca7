//! The sandbox's parser of `Authorization` takes any text without a panic, and what it takes is
//! what stands there.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wechatpay_sandbox::authenticate::parse;

fuzz_target!(|text: &str| {
    if let Ok(credentials) = parse(text) {
        for part in [
            credentials.mchid,
            credentials.nonce_str,
            credentials.signature,
            credentials.timestamp,
            credentials.serial_no,
        ] {
            assert!(text.contains(&format!("\"{part}\"")));
        }
    }
});
