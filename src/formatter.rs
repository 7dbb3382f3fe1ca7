//! The texts that are signed: those of APIv3 with its `Authorization` header, and APIv2's.
//!
//! The names are those of PHP's `Formatter`.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Map, Value};

use crate::payload::compact;

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
    joined_by_line_feed([
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
    joined_by_line_feed([timestamp.as_ref(), nonce.as_ref(), body.as_ref()])
}

/// The value of the `Authorization` header.
pub fn authorization(
    mchid: impl AsRef<str>,
    nonce: impl AsRef<str>,
    signature: impl AsRef<str>,
    timestamp: impl AsRef<str>,
    serial: impl AsRef<str>,
) -> String {
    [
        "WECHATPAY2-SHA256-RSA2048 mchid=\"",
        mchid.as_ref(),
        "\",serial_no=\"",
        serial.as_ref(),
        "\",timestamp=\"",
        timestamp.as_ref(),
        "\",nonce_str=\"",
        nonce.as_ref(),
        "\",signature=\"",
        signature.as_ref(),
        "\"",
    ]
    .concat()
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

/// The parts with a line feed after each, the last one too.
///
/// ```
/// # use wechatpay_chain::formatter;
/// assert_eq!(formatter::joined_by_line_feed(["GET", "/v3/certificates"]), "GET\n/v3/certificates\n");
/// ```
pub fn joined_by_line_feed<P: AsRef<str>>(parts: impl IntoIterator<Item = P>) -> String {
    let mut text = String::new();
    for part in parts {
        text.push_str(part.as_ref());
        text.push('\n');
    }
    text
}

/// An object with its names in the order of their bytes, in which APIv2 signs: `10` before `9`,
/// `Z` before `a`.
///
/// What is no object comes back as it is; objects within it keep their order.
pub fn ksort(data: &Value) -> Value {
    match data {
        Value::Object(fields) => {
            let mut names: Vec<_> = fields.iter().collect();
            names.sort_unstable_by_key(|(name, _)| name.as_str());
            let sorted = names
                .into_iter()
                .map(|(name, value)| (name.clone(), value.clone()));
            Value::Object(sorted.collect())
        }
        other => other.clone(),
    }
}

/// The fields of an object as `name=value&name=value`: what APIv2 signs, when [`ksort`] went before.
///
/// It does not sort and encodes nothing. `sign` and what is empty are left out: null, `""` and
/// `false`, which is the empty text; `0` and `"0"` stay. `true` is `1`, a whole float an integer, and
/// a list or an object its compact JSON, where PHP writes `Array`. What is no object gives `""`.
///
/// ```
/// # use serde_json::json;
/// # use wechatpay_chain::formatter;
/// let data = json!({ "total_fee": 0, "sign": "x", "attach": "", "detail": null, "body": "a b" });
/// let text = formatter::query_string_like(&formatter::ksort(&data));
/// assert_eq!(text, "body=a b&total_fee=0");
/// ```
pub fn query_string_like(data: &Value) -> String {
    data.as_object().map(pairs).unwrap_or_default()
}

pub(crate) fn pairs(fields: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        let value = plain(value);
        if name == "sign" || value.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        text.push_str(&value);
    }
    text
}

/// The text of a field of APIv2, in the sign and in the XML alike.
pub(crate) fn plain(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null | Value::Bool(false) => Cow::Borrowed(""),
        Value::Bool(true) => Cow::Borrowed("1"),
        Value::String(text) => Cow::Borrowed(text),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => Cow::Owned(compact(value)),
    }
}

/// The time now, in seconds since 1970; 0 for a clock that is set before.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_nonce_has_32_characters_of_base62_and_does_not_repeat() {
        let first = nonce();
        assert_eq!(first.len(), 32);
        assert!(first.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(first, nonce());
    }

    #[test]
    fn names_are_sorted_as_plain_text() {
        let sorted =
            ksort(&json!({ "b": 1, "a_b": 2, "aB": 3, "9": 4, "10": 5, "Z": { "y": 1, "x": 2 } }));
        let names: Vec<_> = sorted.as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, ["10", "9", "Z", "aB", "a_b", "b"]);
        assert_eq!(sorted["Z"], json!({ "y": 1, "x": 2 }));
        assert_eq!(ksort(&json!([2, 1])), json!([2, 1]));
    }

    #[test]
    fn what_is_empty_is_left_out_and_zero_is_not_empty() {
        let data = json!({
            "a": 0, "b": "0", "c": "", "d": null, "e": false, "f": true, "g": " ", "h": 1.0,
            "i": {"x": "中/"}, "sign": "x",
        });
        assert_eq!(
            query_string_like(&ksort(&data)),
            "a=0&b=0&f=1&g= &h=1&i={\"x\":\"中/\"}"
        );
        assert_eq!(query_string_like(&json!("text")), "");
    }

    #[test]
    fn a_query_string_keeps_the_order_it_is_given() {
        // The tests' serde_json keeps the order of names; without that, every object is sorted.
        assert_eq!(query_string_like(&json!({ "b": 1, "a": 2 })), "b=1&a=2");
    }
}
