//! Who sent this? The gateway's own reading of WeChat Pay's APIv3 signature rules.
//!
//! Nothing here is shared with a client: the message that is verified is built from the request as
//! it came.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use http::header::{ACCEPT, AUTHORIZATION, HOST, USER_AGENT};
use serde_json::{Value, json};

use crate::answer::{Answer, number};
use crate::apiv2::unescape;
use crate::json::canonical;
use crate::keys::Keys;
use crate::media;
use crate::received::{Mismatch, Received};

/// The one authentication scheme, which is also the name of the one signature type.
pub(crate) const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";

/// How far a request's time stamp may be from the gateway's clock, in seconds, either way.
const TOLERANCE: u64 = 300;

/// How long a nonce is remembered, in seconds. A time stamp that is [`TOLERANCE`] ahead when it is
/// first seen is still good until twice that has passed.
const MEMORY: i64 = 2 * TOLERANCE as i64;

/// How much of the body the gateway shows in `truncated_sign_message`, in bytes, as WeChat Pay
/// does.
const SHOWN_OF_BODY: usize = 8;

/// The largest body, in bytes, for which it is guessed what was signed by mistake.
const GUESSED: usize = 64 * 1024;

/// What an `Authorization` header says, as it stands: nothing is checked but the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials<'a> {
    /// The merchant number.
    pub mchid: &'a str,
    /// The random text.
    pub nonce_str: &'a str,
    /// The signature in Base64.
    pub signature: &'a str,
    /// The Unix time in seconds.
    pub timestamp: &'a str,
    /// The serial of the merchant's certificate.
    pub serial_no: &'a str,
}

/// Why an `Authorization` header is refused before anything it says is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// It does not begin with the scheme `WECHATPAY2-SHA256-RSA2048` and one space.
    Scheme,
    /// What follows is not `name="value"`, separated by single commas.
    Item,
    /// A name that is not one of the five.
    Unknown,
    /// A name that occurs twice.
    Repeated,
    /// A value that is empty.
    Empty,
    /// A name that is missing.
    Missing(&'static str),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => write!(f, "the scheme is not {SCHEME} followed by one space"),
            Self::Item => f.write_str("the items are not name=\"value\" separated by commas"),
            Self::Unknown => f.write_str("there is an item of another name"),
            Self::Repeated => f.write_str("an item occurs twice"),
            Self::Empty => f.write_str("an item is empty"),
            Self::Missing(name) => write!(f, "{name} is missing"),
        }
    }
}

impl std::error::Error for Malformed {}

/// Takes an `Authorization` header apart: the scheme, one space, then `mchid`, `nonce_str`,
/// `signature`, `timestamp` and `serial_no` in any order, each once, quoted and not empty,
/// separated by single commas, and nothing else.
///
/// # Errors
///
/// [`Malformed`] says which of these does not hold.
pub fn parse(header: &str) -> Result<Credentials<'_>, Malformed> {
    let items = header.strip_prefix(SCHEME).ok_or(Malformed::Scheme)?;
    let mut rest = items.strip_prefix(' ').ok_or(Malformed::Scheme)?;
    let mut mchid = None;
    let mut nonce_str = None;
    let mut signature = None;
    let mut timestamp = None;
    let mut serial_no = None;
    loop {
        let (name, quoted) = rest.split_once("=\"").ok_or(Malformed::Item)?;
        let (value, after) = quoted.split_once('"').ok_or(Malformed::Item)?;
        let place = match name {
            "mchid" => &mut mchid,
            "nonce_str" => &mut nonce_str,
            "signature" => &mut signature,
            "timestamp" => &mut timestamp,
            "serial_no" => &mut serial_no,
            _ => return Err(Malformed::Unknown),
        };
        if value.is_empty() {
            return Err(Malformed::Empty);
        }
        if place.replace(value).is_some() {
            return Err(Malformed::Repeated);
        }
        if after.is_empty() {
            break;
        }
        rest = after.strip_prefix(',').ok_or(Malformed::Item)?;
    }
    Ok(Credentials {
        mchid: mchid.ok_or(Malformed::Missing("mchid"))?,
        nonce_str: nonce_str.ok_or(Malformed::Missing("nonce_str"))?,
        signature: signature.ok_or(Malformed::Missing("signature"))?,
        timestamp: timestamp.ok_or(Malformed::Missing("timestamp"))?,
        serial_no: serial_no.ok_or(Malformed::Missing("serial_no"))?,
    })
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `User-Agent` or `Accept` is missing.
    Anonymous,
    /// `Authorization` is missing, repeated or not text.
    Authorization,
    Malformed(Malformed),
    Merchant,
    Serial,
    /// The time stamp is no number.
    Timestamp,
    /// The time stamp is too far from the clock.
    Expired,
    Nonce,
    Signature {
        method: String,
        url: String,
        length: usize,
        shown: String,
        mismatch: Box<Mismatch>,
    },
    Replayed,
}

impl Refusal {
    /// The answer that WeChat Pay gives, in its own words where those are known.
    pub(crate) fn answer(&self) -> Answer {
        let (message, detail) = match self {
            Self::Anonymous => {
                return Answer::error(
                    StatusCode::BAD_REQUEST,
                    "INVALID_REQUEST",
                    "Http头缺少Accept或User-Agent",
                    None,
                    number::PARAMETER,
                );
            }
            Self::Authorization => (
                "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》",
                None,
            ),
            Self::Malformed(Malformed::Scheme) => ("Http头Authorization认证类型不正确", None),
            Self::Malformed(malformed) => (
                "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》",
                Some(detail("authorization", &malformed.to_string())),
            ),
            Self::Merchant => (
                "Http头Authorization中的商户号有误，请使用该网关认识的商户号",
                Some(detail("mchid", "mchid not known")),
            ),
            Self::Serial => (
                "商户证书序列号有误。请使用签名私钥匹配的证书序列号",
                Some(detail("serial_no", "serial_no not known")),
            ),
            Self::Timestamp => (
                "Http头Authorization中的timestamp格式错误",
                Some(detail("timestamp", "timestamp not a number")),
            ),
            Self::Expired => (
                "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟",
                Some(detail("timestamp", "timestamp expired")),
            ),
            Self::Nonce => (
                "Http头Authorization中的nonce_str有误，应为1到32个可见字符",
                Some(detail("nonce_str", "nonce_str not 1 to 32 characters")),
            ),
            Self::Replayed => (
                "Http头Authorization中的nonce_str已被使用，请勿重放请求",
                Some(detail("nonce_str", "nonce_str used before")),
            ),
            Self::Signature {
                method,
                url,
                length,
                shown,
                ..
            } => (
                "错误的签名，验签失败",
                Some(json!({
                    "detail": { "issue": "sign not match" },
                    "field": "signature",
                    "location": "authorization",
                    "sign_information": {
                        "method": method,
                        "sign_message_length": length,
                        "truncated_sign_message": shown,
                        "url": url,
                    },
                })),
            ),
        };
        Answer::error(
            StatusCode::UNAUTHORIZED,
            "SIGN_ERROR",
            message,
            detail,
            number::SIGNATURE,
        )
    }
}

/// `detail` of a `SIGN_ERROR` that is not about the signature itself. There is no
/// `sign_information`: a client takes that as the message to compare with its own, and here the
/// message is not what is wrong.
fn detail(field: &str, issue: &str) -> Value {
    json!({ "detail": { "issue": issue }, "field": field, "location": "authorization" })
}

/// The five lines that the merchant should have signed.
fn message(request: &Received, credentials: &Credentials<'_>) -> Vec<u8> {
    let mut message = head(request, credentials).into_bytes();
    message.extend_from_slice(media::signed(request));
    message.push(b'\n');
    message
}

/// The first four lines.
fn head(request: &Received, credentials: &Credentials<'_>) -> String {
    format!(
        "{}\n{}\n{}\n{}\n",
        request.method(),
        request.target(),
        credentials.timestamp,
        credentials.nonce_str,
    )
}

/// The message as WeChat Pay shows it: four lines whole, and the beginning of the body.
fn shown(request: &Received, credentials: &Credentials<'_>) -> String {
    let body = media::signed(request);
    let start = body.get(..SHOWN_OF_BODY).unwrap_or(body);
    // A character that the cut splits is left out rather than shown broken.
    let start = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) => start
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
    };
    format!("{}{start}\n", head(request, credentials))
}

/// The number of the merchant who sent a request that was checked; empty for any other.
pub(crate) fn merchant(request: &Received) -> &str {
    let header = request.header(AUTHORIZATION.as_str()).unwrap_or_default();
    parse(header).map_or("", |credentials| credentials.mchid)
}

/// The messages that are signed by mistake.
fn guesses(request: &Received, credentials: &Credentials<'_>) -> Vec<String> {
    let Credentials {
        timestamp,
        nonce_str,
        ..
    } = credentials;
    let method = request.method();
    let target = request.target();
    let body = String::from_utf8_lossy(media::signed(request)).into_owned();
    let message = |method: &str, target: &str, body: &str| {
        format!("{method}\n{target}\n{timestamp}\n{nonce_str}\n{body}\n")
    };
    let host = request.header(HOST.as_str()).unwrap_or_default();
    let mut targets = vec![
        request.path().to_owned(),
        target.trim_start_matches('/').to_owned(),
        format!("https://{host}{target}"),
        format!("http://{host}{target}"),
    ];
    targets.extend(unescape(target));
    let mut bodies = vec![
        String::new(),
        body.trim().to_owned(),
        format!("{body}\n"),
        format!("{body}\r\n"),
        "{}".to_owned(),
    ];
    if let Ok(json) = serde_json::from_str::<Value>(&body) {
        bodies.extend([json.to_string(), canonical(&json)]);
        bodies.extend(serde_json::to_string_pretty(&json));
    }
    let right = message(method, target, &body);
    let mut guesses = vec![
        right.trim_end_matches('\n').to_owned(),
        right.replace('\n', "\r\n"),
        message(&method.to_lowercase(), target, &body),
        format!("{timestamp}\n{nonce_str}\n{body}\n"),
    ];
    guesses.extend(targets.iter().map(|target| message(method, target, &body)));
    guesses.extend(bodies.iter().map(|body| message(method, target, body)));
    // Of an upload everything is signed by mistake.
    if let Ok(whole) = std::str::from_utf8(request.body()) {
        guesses.push(message(method, target, whole));
    }
    guesses
}

/// Knows the merchants, who share their keys, and the nonces they used lately.
pub(crate) struct Authenticator {
    merchants: Vec<String>,
    keys: Arc<Keys>,
    nonces: Mutex<Nonces>,
}

impl Authenticator {
    /// Beside the merchant whose keys these are there may be others.
    pub(crate) fn new(keys: Arc<Keys>, others: Vec<String>) -> Self {
        let mut merchants = vec![keys.mchid.clone()];
        merchants.extend(others);
        Self {
            merchants,
            keys,
            nonces: Mutex::default(),
        }
    }

    /// Whose requests are taken.
    pub(crate) fn merchants(&self) -> &[String] {
        &self.merchants
    }

    /// Forgets the nonces.
    pub(crate) fn reset(&self) {
        *self.nonces.lock().unwrap_or_else(PoisonError::into_inner) = Nonces::default();
    }

    /// Encrypts a field for the merchant.
    pub(crate) fn encrypt(&self, text: &str) -> Option<String> {
        self.keys.merchant.encrypt(text)
    }

    /// What should have been signed, beside what was, where it is one of the usual mistakes: a
    /// signature tells only whether it is one over a given text.
    fn mismatch(
        &self,
        request: &Received,
        credentials: &Credentials<'_>,
        expected: &[u8],
    ) -> Mismatch {
        let expected = String::from_utf8_lossy(expected);
        let guesses = if request.body().len() <= GUESSED {
            guesses(request, credentials)
        } else {
            Vec::new()
        };
        let mut signed = guesses.into_iter();
        let signed = signed.find(|guess| {
            self.keys
                .merchant
                .verify(guess.as_bytes(), credentials.signature)
        });
        Mismatch::new(expected.into_owned(), signed)
    }

    /// Checks a request against the clock `now`, in the order in which WeChat Pay does.
    pub(crate) fn check(&self, request: &Received, now: i64) -> Result<(), Refusal> {
        if blank(request.header(USER_AGENT.as_str())) || blank(request.header(ACCEPT.as_str())) {
            return Err(Refusal::Anonymous);
        }
        let mut headers = request.headers().get_all(AUTHORIZATION).iter();
        let (Some(header), None) = (headers.next(), headers.next()) else {
            return Err(Refusal::Authorization);
        };
        let header = header.to_str().map_err(|_| Refusal::Authorization)?;
        let credentials = parse(header).map_err(Refusal::Malformed)?;
        if !self
            .merchants
            .iter()
            .any(|known| known == credentials.mchid)
        {
            return Err(Refusal::Merchant);
        }
        if credentials.serial_no != self.keys.merchant_serial {
            return Err(Refusal::Serial);
        }
        // Digits only: `i64::from_str` would also take a sign.
        if !credentials.timestamp.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Refusal::Timestamp);
        }
        let timestamp: i64 = credentials
            .timestamp
            .parse()
            .map_err(|_| Refusal::Timestamp)?;
        if now.abs_diff(timestamp) > TOLERANCE {
            return Err(Refusal::Expired);
        }
        let nonce = credentials.nonce_str;
        if nonce.len() > 32 || !nonce.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Err(Refusal::Nonce);
        }
        let message = message(request, &credentials);
        if !self.keys.merchant.verify(&message, credentials.signature) {
            return Err(Refusal::Signature {
                method: request.method().to_owned(),
                url: request.target().to_owned(),
                length: message.len(),
                shown: shown(request, &credentials),
                mismatch: Box::new(self.mismatch(request, &credentials, &message)),
            });
        }
        // Last, so that only the merchant itself can use up a nonce.
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        let nonce = format!("{} {nonce}", credentials.mchid);
        if nonces.is_new(&nonce, now) {
            Ok(())
        } else {
            Err(Refusal::Replayed)
        }
    }
}

fn blank(header: Option<&str>) -> bool {
    header.is_none_or(|value| value.trim().is_empty())
}

/// The nonces of the last [`MEMORY`] seconds.
#[derive(Default)]
struct Nonces {
    known: HashSet<String>,
    /// When each was seen, oldest first.
    seen: VecDeque<(i64, String)>,
}

impl Nonces {
    /// Remembers `nonce`, and tells whether it was not known before.
    fn is_new(&mut self, nonce: &str, now: i64) -> bool {
        while let Some((at, _)) = self.seen.front() {
            if now.saturating_sub(*at) <= MEMORY {
                break;
            }
            if let Some((_, old)) = self.seen.pop_front() {
                self.known.remove(&old);
            }
        }
        if !self.known.insert(nonce.to_owned()) {
            return false;
        }
        self.seen.push_back((now, nonce.to_owned()));
        true
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeyPair;
    use aws_lc_rs::signature::RSA_PKCS1_SHA256;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;
    use crate::keys::{self, Own};

    const NOW: i64 = 1_700_000_000;
    const TARGET: &str = "/v3/pay?a=%E4%B8%AD&b=~";
    const BODY: &str = "{\"name\":\"中文\"}";

    fn authenticator() -> Authenticator {
        let keys = Keys::new(Own::default()).unwrap();
        Authenticator::new(Arc::new(keys), Vec::new())
    }

    fn sign(message: &str) -> String {
        let der =
            PrivatePkcs8KeyDer::from_pem_slice(keys::MERCHANT_PRIVATE_KEY.as_bytes()).unwrap();
        let pair = KeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message.as_bytes(),
            &mut signature,
        )
        .unwrap();
        BASE64.encode(signature)
    }

    fn header(mchid: &str, serial: &str, timestamp: &str, nonce: &str, signature: &str) -> String {
        format!(
            "{SCHEME} mchid=\"{mchid}\",nonce_str=\"{nonce}\",signature=\"{signature}\",timestamp=\"{timestamp}\",serial_no=\"{serial}\""
        )
    }

    fn request(authorization: &str) -> Received {
        let headers = [
            ("User-Agent", "test"),
            ("Accept", "*/*"),
            ("Authorization", authorization),
        ];
        Received::for_test("POST", TARGET, &headers, BODY)
    }

    fn good(timestamp: i64, nonce: &str) -> Received {
        let signature = sign(&format!("POST\n{TARGET}\n{timestamp}\n{nonce}\n{BODY}\n"));
        let timestamp = timestamp.to_string();
        request(&header(
            keys::MCHID,
            keys::MERCHANT_SERIAL,
            &timestamp,
            nonce,
            &signature,
        ))
    }

    #[test]
    fn an_authorization_may_have_its_items_in_any_order() {
        let text = "WECHATPAY2-SHA256-RSA2048 signature=\"c2ln+/==\",timestamp=\"1\",serial_no=\"AB\",mchid=\"19\",nonce_str=\"n=,\"";
        let parsed = parse(text).unwrap();
        let expected = Credentials {
            mchid: "19",
            nonce_str: "n=,",
            signature: "c2ln+/==",
            timestamp: "1",
            serial_no: "AB",
        };
        assert_eq!(parsed, expected);
    }

    #[test]
    fn an_authorization_of_any_other_form_is_refused() {
        let whole = header("19", "AB", "1", "n", "s");
        assert!(parse(&whole).is_ok());
        let rows = [
            ("", Malformed::Scheme),
            ("WECHATPAY2-SHA256-RSA2048", Malformed::Scheme),
            ("Bearer token", Malformed::Scheme),
            ("wechatpay2-sha256-rsa2048 mchid=\"19\"", Malformed::Scheme),
            ("WECHATPAY2-SHA256-RSA2048\tmchid=\"19\"", Malformed::Scheme),
            ("WECHATPAY2-SHA256-RSA2048 ", Malformed::Item),
            ("WECHATPAY2-SHA256-RSA2048 mchid=19", Malformed::Item),
            ("WECHATPAY2-SHA256-RSA2048 mchid=\"19", Malformed::Item),
            ("WECHATPAY2-SHA256-RSA2048 mchid='19'", Malformed::Item),
            ("WECHATPAY2-SHA256-RSA2048 mchid=\"\"", Malformed::Empty),
            (
                "WECHATPAY2-SHA256-RSA2048  mchid=\"19\"",
                Malformed::Unknown,
            ),
            ("WECHATPAY2-SHA256-RSA2048 Mchid=\"19\"", Malformed::Unknown),
            (
                "WECHATPAY2-SHA256-RSA2048 brand_id=\"19\"",
                Malformed::Unknown,
            ),
            (
                "WECHATPAY2-SHA256-RSA2048 mchid=\"19\",mchid=\"19\"",
                Malformed::Repeated,
            ),
            (
                "WECHATPAY2-SHA256-RSA2048 mchid=\"19\"",
                Malformed::Missing("nonce_str"),
            ),
            (
                "WECHATPAY2-SHA256-RSA2048 nonce_str=\"n\",signature=\"s\",timestamp=\"1\",serial_no=\"AB\"",
                Malformed::Missing("mchid"),
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(parse(text), Err(expected), "{text}");
        }
        for tail in [",", " ", ";", ",x", ", ", "x", "\""] {
            assert_eq!(
                parse(&format!("{whole}{tail}")),
                Err(Malformed::Item),
                "{tail:?}"
            );
        }
        let spaced = whole.replace("\",", "\", ");
        assert_eq!(parse(&spaced), Err(Malformed::Unknown));
        let extra = format!("{whole},x=\"y\"");
        assert_eq!(parse(&extra), Err(Malformed::Unknown));
    }

    #[test]
    fn a_good_request_passes_and_its_nonce_only_once() {
        let gateway = authenticator();
        assert_eq!(gateway.check(&good(NOW, "one"), NOW), Ok(()));
        assert_eq!(
            gateway.check(&good(NOW, "one"), NOW + 300),
            Err(Refusal::Replayed)
        );
        assert_eq!(gateway.check(&good(NOW, "two"), NOW), Ok(()));
    }

    #[test]
    fn a_nonce_is_refused_for_as_long_as_its_time_stamp_is_good_and_then_forgotten() {
        let gateway = authenticator();
        let ahead = good(NOW + 300, "one");
        assert_eq!(gateway.check(&ahead, NOW), Ok(()));
        assert_eq!(gateway.check(&ahead, NOW + 600), Err(Refusal::Replayed));
        assert_eq!(gateway.check(&ahead, NOW + 601), Err(Refusal::Expired));
        assert_eq!(gateway.check(&good(NOW + 601, "two"), NOW + 601), Ok(()));
        let nonces = gateway.nonces.lock().unwrap();
        assert_eq!(nonces.known.len(), 1);
        assert_eq!(nonces.seen.len(), 1);
    }

    #[test]
    fn a_time_stamp_may_be_300_seconds_off_and_not_301() {
        let gateway = authenticator();
        for (nonce, offset, expected) in [
            ("a", -301, Err(Refusal::Expired)),
            ("b", -300, Ok(())),
            ("c", 300, Ok(())),
            ("d", 301, Err(Refusal::Expired)),
        ] {
            assert_eq!(
                gateway.check(&good(NOW + offset, nonce), NOW),
                expected,
                "{offset}"
            );
        }
    }

    #[test]
    fn the_checks_come_in_their_order() {
        let gateway = authenticator();
        let now = NOW.to_string();
        let serial = keys::MERCHANT_SERIAL;
        let long = "n".repeat(33);
        let rows = [
            (header("1900000108", "AB", "x", "n", "s"), Refusal::Merchant),
            (header(keys::MCHID, "AB", "x", "n", "s"), Refusal::Serial),
            (
                header(keys::MCHID, serial, "+1700000000", "n", "s"),
                Refusal::Timestamp,
            ),
            (
                header(keys::MCHID, serial, "99999999999999999999", "n", "s"),
                Refusal::Timestamp,
            ),
            (
                header(keys::MCHID, serial, "0", &long, "s"),
                Refusal::Expired,
            ),
            (
                header(keys::MCHID, serial, "9223372036854775807", "n", "s"),
                Refusal::Expired,
            ),
            (
                header(keys::MCHID, serial, &now, &long, "s"),
                Refusal::Nonce,
            ),
            ("Bearer x".to_owned(), Refusal::Malformed(Malformed::Scheme)),
        ];
        for (authorization, expected) in rows {
            assert_eq!(
                gateway.check(&request(&authorization), NOW),
                Err(expected),
                "{authorization}"
            );
        }
    }

    #[test]
    fn a_request_without_user_agent_accept_or_exactly_one_authorization_is_refused() {
        let gateway = authenticator();
        let whole = header(keys::MCHID, keys::MERCHANT_SERIAL, "1", "n", "s");
        let rows: [(&[(&str, &str)], Refusal); 4] = [
            (
                &[("Accept", "*/*"), ("Authorization", &whole)],
                Refusal::Anonymous,
            ),
            (
                &[("User-Agent", "x"), ("Authorization", &whole)],
                Refusal::Anonymous,
            ),
            (
                &[("User-Agent", "x"), ("Accept", "*/*")],
                Refusal::Authorization,
            ),
            (
                &[
                    ("User-Agent", "x"),
                    ("Accept", "*/*"),
                    ("Authorization", &whole),
                    ("Authorization", &whole),
                ],
                Refusal::Authorization,
            ),
        ];
        for (headers, expected) in rows {
            let request = Received::for_test("GET", "/", headers, "");
            assert_eq!(gateway.check(&request, NOW), Err(expected));
        }
    }

    #[test]
    fn a_bad_signature_says_what_should_have_been_signed() {
        let gateway = authenticator();
        let mut bad = good(NOW, "n");
        bad = {
            let authorization = bad.header("authorization").unwrap().to_owned();
            let headers = [
                ("User-Agent", "test"),
                ("Accept", "*/*"),
                ("Authorization", &authorization),
            ];
            Received::for_test("PUT", TARGET, &headers, BODY)
        };
        let expected = Refusal::Signature {
            method: "PUT".to_owned(),
            url: TARGET.to_owned(),
            length: format!("PUT\n{TARGET}\n{NOW}\nn\n{BODY}\n").len(),
            shown: format!("PUT\n{TARGET}\n{NOW}\nn\n{{\"name\":\n"),
            mismatch: Box::new(Mismatch::new(
                format!("PUT\n{TARGET}\n{NOW}\nn\n{BODY}\n"),
                None,
            )),
        };
        assert_eq!(gateway.check(&bad, NOW), Err(expected));
        // It has not used up the nonce of the real one.
        assert_eq!(gateway.check(&good(NOW, "n"), NOW), Ok(()));
    }

    #[test]
    fn the_message_shown_never_splits_a_character() {
        let text = header("19", "AB", "1", "n", "s");
        let credentials = parse(&text).unwrap();
        for (body, expected) in [
            ("", "GET\n/\n1\nn\n\n"),
            ("{}", "GET\n/\n1\nn\n{}\n"),
            ("中文中文", "GET\n/\n1\nn\n中文\n"),
        ] {
            let request = Received::for_test("GET", "/", &[], body);
            assert_eq!(shown(&request, &credentials), expected);
        }
    }

    #[test]
    fn the_merchant_s_keys_belong_together() {
        let signature = sign("message");
        let key = Keys::new(Own::default()).unwrap().merchant;
        assert!(key.verify(b"message", &signature));
        assert!(!key.verify(b"other", &signature));
        assert!(!key.verify(b"message", "%%%"));
    }
}
