//! The texts of APIv3: what is signed, and the `Authorization` header.
//!
//! The names are those of PHP's `Formatter`.

use std::time::{SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom as _, SystemRandom};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const NONCE_LENGTH: usize = 32;

/// The message of a request: `METHOD\nTARGET\nTIMESTAMP\nNONCE\nBODY\n`.
///
/// `target` is the path and the query exactly as they go on the wire.
/// Source: <https://pay.weixin.qq.com/doc/v3/merchant/4012365336>.
pub fn request(
    method: impl AsRef<str>,
    target: impl AsRef<str>,
    timestamp: impl AsRef<str>,
    nonce: impl AsRef<str>,
    body: impl AsRef<str>,
) -> String {
    lines(&[
        method.as_ref(),
        target.as_ref(),
        timestamp.as_ref(),
        nonce.as_ref(),
        body.as_ref(),
    ])
}

/// The message of an answer or a notification: `TIMESTAMP\nNONCE\nBODY\n`.
///
/// Source: <https://pay.weixin.qq.com/doc/v3/merchant/4013053420>.
pub fn response(
    timestamp: impl AsRef<str>,
    nonce: impl AsRef<str>,
    body: impl AsRef<str>,
) -> String {
    lines(&[timestamp.as_ref(), nonce.as_ref(), body.as_ref()])
}

/// The value of the `Authorization` header.
pub fn authorization(
    mchid: impl AsRef<str>,
    nonce: impl AsRef<str>,
    signature: impl AsRef<str>,
    timestamp: impl AsRef<str>,
    serial: impl AsRef<str>,
) -> String {
    format!(
        "WECHATPAY2-SHA256-RSA2048 mchid=\"{}\",serial_no=\"{}\",timestamp=\"{}\",nonce_str=\"{}\",\
         signature=\"{}\"",
        mchid.as_ref(),
        serial.as_ref(),
        timestamp.as_ref(),
        nonce.as_ref(),
        signature.as_ref()
    )
}

/// The time now, in seconds since 1970.
pub fn timestamp() -> String {
    now().to_string()
}

/// A fresh nonce: 32 characters of base62 from the system's random source.
///
/// # Panics
/// If the operating system has no random source.
#[expect(
    clippy::expect_used,
    reason = "without randomness no request can be signed; every call would fail the same"
)]
pub fn nonce() -> String {
    let random = SystemRandom::new();
    let mut nonce = String::with_capacity(NONCE_LENGTH);
    let mut bytes = [0; NONCE_LENGTH + 16];
    while nonce.len() < NONCE_LENGTH {
        random.fill(&mut bytes).expect("a random source");
        // 248 is the largest multiple of 62 in a byte: what lies above would favour the first ones.
        let characters = bytes
            .iter()
            .filter(|&&byte| byte < 248)
            .filter_map(|&byte| BASE62.get(usize::from(byte % 62)));
        for &character in characters.take(NONCE_LENGTH - nonce.len()) {
            nonce.push(char::from(character));
        }
    }
    nonce
}

/// The time now, in seconds since 1970; 0 for a clock that is set before.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn lines(parts: &[&str]) -> String {
    let length = parts.iter().map(|part| part.len() + 1).sum();
    let mut text = String::with_capacity(length);
    for part in parts {
        text.push_str(part);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_has_32_characters_of_base62_and_does_not_repeat() {
        let first = nonce();
        assert_eq!(first.len(), 32);
        assert!(first.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(first, nonce());
    }
}
