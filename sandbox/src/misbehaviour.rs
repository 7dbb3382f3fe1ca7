//! The gateway's bad days, on request.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;

use crate::answer::{
    Answer, JSON, NONCE, SERIAL, SIGNATURE, SIGNATURE_TYPE, Signed, TIMESTAMP, add, number, put,
    valid,
};
use crate::notification::PROBE;
use crate::route;

/// One way in which the gateway, or the network before it, misbehaves: see
/// [`Sandbox::misbehave`](crate::Sandbox::misbehave).
///
/// The request is authenticated as always, and a bad one still gets its 401. What changes the
/// signature then changes that of the 401, too. [`Raw`](Self::Raw) and what happens to connections
/// happen to any request, however it is signed.
///
/// To APIv2 happen, beside those, [`Unsigned`](Self::Unsigned) and
/// [`SignatureAltered`](Self::SignatureAltered), which are about the answer's `sign`,
/// [`BodyAltered`](Self::BodyAltered), [`Status`](Self::Status), which gives `err_code` and
/// `err_code_des`, and [`Delay`](Self::Delay). The others leave its answers as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// The answer is good, but has none of the five `Wechatpay-*` headers of a signature.
    Unsigned,
    /// The answer is good, but has not this header: `Wechatpay-Nonce`, `-Serial`, `-Signature` or
    /// `-Timestamp`, in any case; any other header of the answer works, too.
    WithoutHeader(String),
    /// The answer is signed by the right key, but says that the key has this serial.
    UnknownSerial(String),
    /// The signature is Base64 of the right length, but not one over this answer.
    SignatureAltered,
    /// One character of the body was changed after it was signed: a digit where there is one, so
    /// that JSON stays JSON.
    BodyAltered,
    /// The answer's time stamp is this many seconds from the gateway's clock, and the answer is
    /// signed with it.
    ClockOffset(i64),
    /// The answer's time stamp is this text, and the answer is signed with it. A text that no
    /// header can hold, such as one with a line break, leaves the header out.
    Timestamp(String),
    /// `Wechatpay-Signature-Type` is this.
    SignatureType(String),
    /// The signature begins with `WECHATPAY/SIGNTEST/`, as WeChat Pay's probes do.
    ProbeSignature,
    /// A signed error of this status and code; the request is not carried out.
    Status {
        /// The HTTP status, such as 429; what is none becomes 500.
        status: u16,
        /// The `code`, such as `FREQUENCY_LIMITED`.
        code: String,
        /// The `message`.
        message: String,
    },
    /// Exactly this answer; the request is not carried out.
    ///
    /// [`html`](Self::html), [`json`](Self::json), [`half_json`](Self::half_json),
    /// [`empty`](Self::empty), [`no_content`](Self::no_content) and
    /// [`redirect`](Self::redirect) make the common ones.
    Raw {
        /// The HTTP status; what is none, or is below 200, becomes 500.
        status: u16,
        /// The `Content-Type`; empty for none.
        content_type: String,
        /// The body.
        body: Vec<u8>,
        /// Whether WeChat Pay said it: with a signature and a `Request-ID`.
        signed: bool,
        /// More headers; one that no header can be is left out.
        headers: Vec<(String, String)>,
    },
    /// The platform certificates are encrypted with another APIv3 key than the merchant's. It waits
    /// for a request for certificates; other requests are answered meanwhile.
    CertificatesUnderAnotherKey,
    /// The first of the platform certificates is listed under this `serial_no`, which is not its
    /// own. It waits for a request for certificates, too.
    CertificateListedAs(String),
    /// A new platform certificate is published, and signs from this answer on, as WeChat Pay rotates
    /// them. The answer is good.
    CertificateRotation,
    /// The request is carried out, and the answer is good, but comes this much later.
    Delay(Duration),
    /// The connection is accepted, with its TLS handshake, and closed before a request is read.
    /// Where the client uses a connection that is open already, that one is closed when the
    /// request's headers have come, and the body is not read.
    CutBeforeRead,
    /// The whole request is read and carried out, and the connection is closed without an answer.
    CutAfterRead,
    /// The request is carried out, the answer's headers and half of its body are sent, and the
    /// connection is closed.
    CutInAnswer,
    /// The request is carried out, a part of the answer's headers is sent, and the connection is
    /// closed.
    CutInHeaders,
    /// The whole answer is sent, and then the connection is closed, which nothing had announced.
    CutAfterAnswer,
    /// As [`CutAfterRead`](Self::CutAfterRead), but the connection is reset, as by a firewall or a
    /// program that was killed.
    ResetAfterRead,
    /// As [`CutInHeaders`](Self::CutInHeaders), but the connection is reset.
    ResetInHeaders,
    /// As [`CutInAnswer`](Self::CutInAnswer), but the connection is reset.
    ResetInAnswer,
    /// The request is carried out, the answer's headers and half of its body are sent, and nothing
    /// more; the connection stays open.
    StallInAnswer,
    /// The answer's `Content-Length` is so many bytes more than there are, or fewer. Over HTTP/1.1
    /// the connection is closed where bytes are lacking.
    ContentLength(i64),
    /// The answer is good, and no more requests are taken on this connection: `GOAWAY`, or over
    /// HTTP/1.1 `Connection: close`.
    GoAway,
    /// From this request on nothing comes or goes on its connection any more, and
    /// neither end is told: a cable was pulled, a router forgot. The request is not carried out.
    Vanish,
    /// The connection is accepted, and nothing is ever said on it: no TLS handshake, or over plain
    /// http no answer. It waits for the next new connection; requests on open ones are answered
    /// meanwhile.
    TlsNeverAnswers,
    /// TLS answers a byte at a time, with this pause before each. It waits for the next new
    /// connection.
    TlsDrips(Duration),
    /// The TLS certificate is one that expired yesterday. It waits for the next new connection.
    TlsExpired,
    /// The TLS certificate is for another host. It waits for the next new connection.
    TlsOfAnotherHost,
}

impl Misbehaviour {
    /// The answer is good, but has not this header.
    #[must_use]
    pub fn without(header: impl Into<String>) -> Self {
        Self::WithoutHeader(header.into())
    }

    /// A signed error of this status, code and message.
    #[must_use]
    pub fn status(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Status {
            status,
            code: code.into(),
            message: message.into(),
        }
    }

    /// An HTML page of this status, as a proxy or a captive portal sends it: unsigned.
    #[must_use]
    pub fn html(status: u16) -> Self {
        let page = format!(
            "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n</body>\r\n</html>\r\n"
        );
        Self::Raw {
            status,
            content_type: "text/html; charset=utf-8".to_owned(),
            body: page.into_bytes(),
            signed: false,
            headers: Vec::new(),
        }
    }

    /// This JSON under this status, signed.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::signed(status, JSON, body.to_string().into_bytes())
    }

    /// 200 with the first half of a JSON object, signed as it is.
    #[must_use]
    pub fn half_json() -> Self {
        Self::signed(200, JSON, b"{\"stock_id\":\"1231".to_vec())
    }

    /// 200 with an empty body, signed.
    #[must_use]
    pub fn empty() -> Self {
        Self::signed(200, JSON, Vec::new())
    }

    /// 204, signed over its empty body.
    #[must_use]
    pub fn no_content() -> Self {
        Self::signed(204, "", Vec::new())
    }

    /// A 302 to `location`, unsigned.
    #[must_use]
    pub fn redirect(location: impl Into<String>) -> Self {
        Self::Raw {
            status: 302,
            content_type: String::new(),
            body: Vec::new(),
            signed: false,
            headers: vec![("Location".to_owned(), location.into())],
        }
    }

    fn signed(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        Self::Raw {
            status,
            content_type: content_type.to_owned(),
            body,
            signed: true,
            headers: Vec::new(),
        }
    }

    /// Whether it is about the TLS of a new connection.
    fn is_about_tls(&self) -> bool {
        matches!(
            self,
            Self::TlsNeverAnswers | Self::TlsDrips(_) | Self::TlsExpired | Self::TlsOfAnotherHost
        )
    }

    /// Whether a connection that it cuts is reset.
    pub(crate) fn is_reset(&self) -> bool {
        matches!(
            self,
            Self::ResetAfterRead | Self::ResetInHeaders | Self::ResetInAnswer
        )
    }

    /// The answer that takes the place of an authenticated request's own.
    pub(crate) fn instead(&self) -> Option<Answer> {
        match self {
            Self::Status {
                status,
                code,
                message,
            } => {
                let number = match status {
                    400 => number::PARAMETER,
                    401 => number::SIGNATURE,
                    404 => number::NOT_FOUND,
                    429 => number::RATE,
                    _ => number::OTHER,
                };
                Some(Answer::error(valid(*status), code, message, None, number))
            }
            _ => None,
        }
    }

    /// The answer that takes the place of any request's own.
    pub(crate) fn instead_of_any(&self) -> Option<Answer> {
        let Self::Raw {
            status,
            content_type,
            body,
            signed,
            headers: more,
        } = self
        else {
            return None;
        };
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            put(&mut headers, CONTENT_TYPE, content_type);
        }
        for (name, value) in more {
            add(&mut headers, name, value);
        }
        let signed = if *signed { Signed::Body } else { Signed::No };
        let body = Bytes::from(body.clone());
        Some(Answer::raw(valid(*status), headers, body, signed))
    }

    /// What becomes of the `sign` of an APIv2 answer.
    pub(crate) fn sign(&self, sign: String) -> String {
        match self {
            Self::SignatureAltered => String::from_utf8_lossy(&alter(sign.as_bytes())).into_owned(),
            _ => sign,
        }
    }

    /// The time stamp to sign with.
    pub(crate) fn timestamp(&self, now: i64) -> String {
        match self {
            Self::ClockOffset(seconds) => now.saturating_add(*seconds).to_string(),
            Self::Timestamp(text) => text.clone(),
            _ => now.to_string(),
        }
    }

    /// Does to an answer what is to be done to it; to a signature in its headers only where it has
    /// one.
    pub(crate) fn distort(&self, answer: &mut Response<Bytes>) {
        let is_signed = answer.headers().contains_key(SIGNATURE);
        match self {
            Self::Unsigned => {
                for name in [NONCE, SERIAL, SIGNATURE, SIGNATURE_TYPE, TIMESTAMP] {
                    answer.headers_mut().remove(name);
                }
            }
            Self::WithoutHeader(name) => {
                answer.headers_mut().remove(name.as_str());
            }
            Self::UnknownSerial(serial) if is_signed => put(answer.headers_mut(), SERIAL, serial),
            Self::SignatureType(name) if is_signed => {
                put(answer.headers_mut(), SIGNATURE_TYPE, name)
            }
            Self::SignatureAltered if is_signed => {
                let altered = alter(signature(answer).as_bytes());
                put(
                    answer.headers_mut(),
                    SIGNATURE,
                    &String::from_utf8_lossy(&altered),
                );
            }
            Self::ProbeSignature if is_signed => {
                let probe = format!("{PROBE}{}", signature(answer));
                put(answer.headers_mut(), SIGNATURE, &probe);
            }
            Self::BodyAltered => {
                let altered = alter(answer.body());
                *answer.body_mut() = Bytes::from(altered);
            }
            _ => {}
        }
    }
}

fn signature(answer: &Response<Bytes>) -> String {
    answer
        .headers()
        .get(SIGNATURE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .unwrap_or_default()
}

/// Changes one digit, or where there is none one letter, near the middle; a text without either
/// gets a space.
///
/// The middle, because the last character of Base64 before its padding may hold bits that no
/// decoder looks at; a digit, because that leaves JSON what it was.
fn alter(text: &[u8]) -> Vec<u8> {
    let mut altered = text.to_vec();
    let middle = text.len() / 2;
    let (before, after) = altered.split_at_mut(middle);
    let around: Vec<&mut u8> = after.iter_mut().chain(before.iter_mut().rev()).collect();
    let (digits, others): (Vec<_>, Vec<_>) =
        around.into_iter().partition(|byte| byte.is_ascii_digit());
    let mut letters = others.into_iter().filter(|byte| byte.is_ascii_alphabetic());
    if let Some(digit) = digits.into_iter().next() {
        *digit = if *digit == b'9' { b'1' } else { *digit + 1 };
    } else if let Some(letter) = letters.next() {
        *letter ^= 0x20;
    } else {
        altered.push(b' ');
    }
    altered
}

/// What is to happen next.
#[derive(Default)]
pub(crate) struct Script {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: VecDeque<Misbehaviour>,
    always: Option<Misbehaviour>,
}

impl Script {
    pub(crate) fn push(&self, misbehaviour: Misbehaviour) {
        self.with(|state| state.next.push_back(misbehaviour));
    }

    pub(crate) fn always(&self, misbehaviour: Misbehaviour) {
        self.with(|state| state.always = Some(misbehaviour));
    }

    pub(crate) fn clear(&self) {
        self.with(|state| *state = State::default());
    }

    /// What happens to a new connection: the first of the queue, if it is about connections, or
    /// else the standing one.
    pub(crate) fn for_connection(&self) -> Option<Misbehaviour> {
        let concerns = |misbehaviour: &Misbehaviour| {
            *misbehaviour == Misbehaviour::CutBeforeRead || misbehaviour.is_about_tls()
        };
        self.with(|state| match state.next.front() {
            Some(first) if concerns(first) => state.next.pop_front(),
            Some(_) => None,
            None => state.always.clone().filter(concerns),
        })
    }

    /// What happens to a request for `path`: the first of the queue that can, or else the standing
    /// one.
    pub(crate) fn for_request(&self, path: &str) -> Option<Misbehaviour> {
        let concerns = |misbehaviour: &Misbehaviour| match misbehaviour {
            _ if misbehaviour.is_about_tls() => false,
            Misbehaviour::CertificatesUnderAnotherKey | Misbehaviour::CertificateListedAs(_) => {
                route::is_certificates(path)
            }
            _ => true,
        };
        self.with(|state| match state.next.iter().position(concerns) {
            Some(index) => state.next.remove(index),
            None => state.always.clone().filter(concerns),
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn altering_changes_one_character_and_keeps_json_json() {
        for (before, after) in [
            ("{\"a\":\"19x\"}", "{\"a\":\"29x\"}"),
            ("{\"a\":true,\"b1\":null}", "{\"a\":true,\"b2\":null}"),
            ("{\"code\":\"X\"}", "{\"code\":\"x\"}"),
            ("", " "),
            ("{}", "{} "),
        ] {
            assert_eq!(
                String::from_utf8_lossy(&alter(before.as_bytes())),
                after,
                "{before}"
            );
        }
    }

    #[test]
    fn the_queue_comes_before_the_standing_one_and_in_order() {
        let script = Script::default();
        script.always(Misbehaviour::Unsigned);
        script.push(Misbehaviour::BodyAltered);
        script.push(Misbehaviour::TlsNeverAnswers);
        script.push(Misbehaviour::SignatureAltered);
        assert_eq!(script.for_connection(), None);
        assert_eq!(script.for_request("/v3/x"), Some(Misbehaviour::BodyAltered));
        assert_eq!(
            script.for_request("/v3/x"),
            Some(Misbehaviour::SignatureAltered)
        );
        assert_eq!(script.for_connection(), Some(Misbehaviour::TlsNeverAnswers));
        assert_eq!(script.for_connection(), None);
        assert_eq!(script.for_request("/v3/x"), Some(Misbehaviour::Unsigned));
        assert_eq!(script.for_request("/v3/x"), Some(Misbehaviour::Unsigned));
        script.clear();
        assert_eq!(script.for_request("/v3/x"), None);
    }

    #[test]
    fn what_is_about_certificates_waits_for_a_request_for_them() {
        let script = Script::default();
        script.always(Misbehaviour::CertificateListedAs("1".to_owned()));
        script.push(Misbehaviour::CertificatesUnderAnotherKey);
        script.push(Misbehaviour::Unsigned);
        assert_eq!(script.for_request("/v3/x"), Some(Misbehaviour::Unsigned));
        assert_eq!(script.for_request("/v3/x"), None);
        assert_eq!(
            script.for_request("/v3/certificates"),
            Some(Misbehaviour::CertificatesUnderAnotherKey)
        );
        assert_eq!(
            script.for_request("/hk/v3/certificates"),
            Some(Misbehaviour::CertificateListedAs("1".to_owned()))
        );
    }
}
