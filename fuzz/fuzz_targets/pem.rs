//! Any text and any bytes are a key, or an error on one line; never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wechatpay_chain::rsa::{PrivateKey, PublicKey};
use wechatpay_chain::{Error, Result, pem};

fuzz_target!(|data: &[u8]| {
    // What lies on this machine's disk is none of a fuzzer's business.
    if data
        .windows(7)
        .any(|part| part.eq_ignore_ascii_case(b"file://"))
    {
        return;
    }
    private(PrivateKey::try_from(data));
    public(PublicKey::try_from(data));
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    private(PrivateKey::try_from(text));
    public(PublicKey::try_from(text));
    private(PrivateKey::from_pem(text));
    public(PublicKey::from_pem(text));
    match pem::serial_number(text) {
        Ok(serial) => assert!(
            serial.len() >= 2 && serial.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{serial:?}"
        ),
        Err(error) => refused(&error),
    }
});

fn private(key: Result<PrivateKey>) {
    match key {
        Ok(key) => assert!(!key.sign("message").is_empty()),
        Err(error) => refused(&error),
    }
}

fn public(key: Result<PublicKey>) {
    match key {
        Ok(key) => assert!(!key.verify("message", "c2lnbmF0dXJl")),
        Err(error) => refused(&error),
    }
}

fn refused(error: &Error) {
    assert!(matches!(error, Error::Key(_)), "{error}");
    let text = format!("{error} {error:?}");
    assert!(!text.contains(['\n', '\r', '\0']), "{text}");
}
