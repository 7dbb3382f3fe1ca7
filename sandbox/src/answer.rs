//! What the gateway answers, in WeChat Pay's shape and signed.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::authenticate::SCHEME;
use crate::platform::Signer;
use crate::random::Random;

/// The number behind the `Request-ID`.
pub(crate) mod number {
    pub(crate) const SUCCESS: u32 = 0;
    pub(crate) const PARAMETER: u32 = 268_435_461;
    pub(crate) const SIGNATURE: u32 = 268_443_699;
    pub(crate) const RATE: u32 = 268_447_840;
    pub(crate) const NOT_FOUND: u32 = 268_512_771;
    /// A field that the documents don't have.
    pub(crate) const UNDEFINED: u32 = 270_924_358;
    pub(crate) const PAID: u32 = 268_449_538;
    /// The same number with other parameters.
    pub(crate) const REENTRY: u32 = 268_498_688;
    /// Closed or expired.
    pub(crate) const VOID: u32 = 268_447_914;
    pub(crate) const MICROPAY: u32 = 268_449_641;
    pub(crate) const SUB_MERCHANT: u32 = 268_447_845;
    pub(crate) const MERCHANT: u32 = 268_447_843;
    /// For whatever has no number that we know of.
    pub(crate) const OTHER: u32 = 268_435_456;
}

pub(crate) const JSON: &str = "application/json; charset=utf-8";
pub(crate) const XML: &str = "text/xml; charset=utf-8";

pub(crate) const NONCE: HeaderName = HeaderName::from_static("wechatpay-nonce");
pub(crate) const SERIAL: HeaderName = HeaderName::from_static("wechatpay-serial");
pub(crate) const SIGNATURE: HeaderName = HeaderName::from_static("wechatpay-signature");
pub(crate) const SIGNATURE_TYPE: HeaderName = HeaderName::from_static("wechatpay-signature-type");
pub(crate) const TIMESTAMP: HeaderName = HeaderName::from_static("wechatpay-timestamp");
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
pub(crate) const FIDELITY: HeaderName = HeaderName::from_static("sandbox-fidelity");

/// 64 characters, so that every one is as likely as the others; `0` and `1` fill the last two
/// places twice over.
pub(crate) const ALPHABET: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz012345678901";

/// An answer that has yet to be signed.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The number behind the `Request-ID`.
    pub(crate) number: u32,
    pub(crate) signed: Signed,
    /// `None` where the gateway can't tell what WeChat Pay would say.
    pub(crate) fidelity: Option<Fidelity>,
}

/// How far an answer is WeChat Pay's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fidelity {
    /// Documented, or seen on the wire, and so is what became of it.
    State,
    /// Its form alone.
    Shape,
}

impl Fidelity {
    fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Shape => "shape",
        }
    }
}

/// Whether WeChat Pay speaks, which gives a `Request-ID` and a signature, and what is signed.
#[derive(Clone, Debug)]
pub(crate) enum Signed {
    No,
    /// The body.
    Body,
    /// This instead of the body.
    Text(Bytes),
}

impl Answer {
    /// 200 with a JSON body.
    pub(crate) fn ok(body: &Value) -> Self {
        Self::json(StatusCode::OK, body.to_string(), number::SUCCESS)
    }

    /// An error in WeChat Pay's shape.
    pub(crate) fn error(
        status: StatusCode,
        code: &str,
        message: &str,
        detail: Option<Value>,
        number: u32,
    ) -> Self {
        let mut body = json!({ "code": code, "message": message });
        if let (Some(detail), Some(body)) = (detail, body.as_object_mut()) {
            body.insert("detail".to_owned(), detail);
        }
        Self::json(status, body.to_string(), number)
    }

    /// This JSON text, which keeps its order.
    pub(crate) fn json(status: StatusCode, body: String, number: u32) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        Self {
            status,
            headers,
            body: Bytes::from(body),
            number,
            signed: Signed::Body,
            fidelity: Some(Fidelity::State),
        }
    }

    /// Says that its form alone is WeChat Pay's.
    pub(crate) fn shape(mut self) -> Self {
        self.fidelity = Some(Fidelity::Shape);
        self
    }

    /// Says nothing of how far it is WeChat Pay's.
    pub(crate) fn without_fidelity(mut self) -> Self {
        self.fidelity = None;
        self
    }

    /// Whatever it is.
    pub(crate) fn raw(status: StatusCode, headers: HeaderMap, body: Bytes, signed: Signed) -> Self {
        Self {
            status,
            headers,
            body,
            number: if status.is_success() {
                number::SUCCESS
            } else {
                number::OTHER
            },
            signed,
            fidelity: Some(Fidelity::Shape),
        }
    }

    /// Signs the answer as of `timestamp`, which is a text so that a misbehaving gateway can say
    /// anything.
    pub(crate) fn sign(self, signer: &Signer, timestamp: &str, random: &Random) -> Response<Bytes> {
        let mut headers = self.headers;
        let text = match &self.signed {
            Signed::No => None,
            Signed::Body => Some(&self.body),
            Signed::Text(text) => Some(text),
        };
        if let Some(text) = text {
            let nonce = random.text(ALPHABET, 32);
            put(&mut headers, NONCE, &nonce);
            put(&mut headers, TIMESTAMP, timestamp);
            put(&mut headers, SERIAL, &signer.serial);
            put(
                &mut headers,
                SIGNATURE,
                &signer.sign(timestamp, &nonce, text),
            );
            put(&mut headers, SIGNATURE_TYPE, SCHEME);
            put(&mut headers, REQUEST_ID, &request_id(self.number, random));
        }
        if let Some(fidelity) = self.fidelity {
            put(&mut headers, FIDELITY, fidelity.name());
        }
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

/// Sets a header; a text that no header can hold leaves it out.
pub(crate) fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    headers.remove(&name);
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.insert(name, value);
    }
}

/// Adds a header; one that no header can be is left out.
pub(crate) fn add(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (
        HeaderName::from_bytes(name.as_bytes()),
        HeaderValue::from_bytes(value.as_bytes()),
    ) {
        headers.append(name, value);
    }
}

/// The status, or 500 for what is none or would be no final answer.
pub(crate) fn valid(status: u16) -> StatusCode {
    match StatusCode::from_u16(status) {
        // hyper sends no final answer of 1xx.
        Ok(status) if !status.is_informational() => status,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// `08`, more upper-case hexadecimal digits, a hyphen and a number.
pub(crate) fn request_id(number: u32, random: &Random) -> String {
    let digits = random.text(b"0123456789ABCDEF", 42);
    format!("08{digits}-{number}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::keys::{Keys, Own};
    use crate::platform::Platform;

    #[test]
    fn a_nonce_is_32_letters_and_digits_and_a_request_id_says_its_number() {
        let random = Random::new(1);
        let keys = Arc::new(Keys::new(Own::default()).unwrap());
        let platform = Platform::new(1_700_000_000, &random, keys).unwrap();
        let signer = platform.signer();
        let answer = Answer::ok(&json!({})).sign(&signer, "1700000000", &random);
        let nonce = answer.headers().get(NONCE).unwrap().to_str().unwrap();
        assert_eq!(nonce.len(), 32);
        assert!(nonce.bytes().all(|b| b.is_ascii_alphanumeric()));
        let id = answer.headers().get(REQUEST_ID).unwrap().to_str().unwrap();
        let (hex, number) = id.split_once('-').unwrap();
        assert_eq!(number, "0");
        assert_eq!(hex.len(), 44);
        assert!(hex.starts_with("08"));
        assert!(hex.bytes().all(|b| b"0123456789ABCDEF".contains(&b)));
    }

    #[test]
    fn an_error_without_detail_has_no_detail() {
        let answer = Answer::error(StatusCode::NOT_FOUND, "X", "m", None, number::NOT_FOUND);
        assert_eq!(&answer.body[..], br#"{"code":"X","message":"m"}"#);
    }

    #[test]
    fn a_status_that_is_none_becomes_500() {
        for (given, expected) in [(0, 500), (101, 500), (204, 204), (599, 599), (1000, 500)] {
            assert_eq!(valid(given).as_u16(), expected);
        }
    }

    #[test]
    fn a_text_that_no_header_can_hold_leaves_the_header_out() {
        let mut headers = HeaderMap::new();
        put(&mut headers, TIMESTAMP, "1");
        put(&mut headers, TIMESTAMP, "a\nb");
        assert!(!headers.contains_key(TIMESTAMP));
    }
}
