//! APIv3: what is signed, and when an answer is trusted.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;

use super::{Outcome, Refusal};
use crate::client::Core;
use crate::crypto::sha1_hex;
use crate::error::{Check, Error, Result, SignatureState, SignedMessage};
use crate::formatter;
use crate::platform::{Store, Trust, is_public_key_id};
use crate::rsa::PublicKey;
use crate::template::strip_prefix;

const NONCE: &str = "Wechatpay-Nonce";
pub(crate) const SERIAL: &str = "Wechatpay-Serial";
const SIGNATURE: &str = "Wechatpay-Signature";
const SIGNATURE_TYPE: &str = "Wechatpay-Signature-Type";
const TIMESTAMP: &str = "Wechatpay-Timestamp";
const STATEMENT_DIGEST: &str = "Wechatpay-Statement-Sha1";
const ENCODING: &str = "Content-Encoding";

const ALGORITHM: &str = "WECHATPAY2-SHA256-RSA2048";
const PROBE: &str = "WECHATPAY/SIGNTEST/";
/// How far the clocks may be apart; an offset of exactly this passes.
const MAXIMUM_OFFSET: u64 = 300;
const ACCEPTED: HeaderValue = HeaderValue::from_static(
    "application/json, text/plain, application/x-gzip, application/pdf, image/png, image/*;q=0.5",
);
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const JSON_UTF8: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// What makes each signature its own.
pub(crate) struct Stamp {
    /// Seconds since 1970.
    pub(crate) timestamp: String,
    pub(crate) nonce: String,
}

pub(crate) fn message(
    method: Method,
    target: PathAndQuery,
    stamp: Stamp,
    body: Bytes,
) -> SignedMessage {
    SignedMessage {
        method,
        target,
        timestamp: stamp.timestamp,
        nonce: stamp.nonce,
        body,
    }
}

impl SignedMessage {
    /// `METHOD\nTARGET\nTIMESTAMP\nNONCE\nBODY\n`.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        lines(&[
            self.method.as_str().as_bytes(),
            self.target.as_str().as_bytes(),
            self.timestamp.as_bytes(),
            self.nonce.as_bytes(),
            &self.body,
        ])
    }
}

fn lines(parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len() + 1).sum();
    let mut bytes = Vec::with_capacity(length);
    for part in parts {
        bytes.extend_from_slice(part);
        bytes.push(b'\n');
    }
    bytes
}

/// The headers that are APIv3's own. `announced` is the serial of the platform key that the gateway
/// is told of.
pub(crate) fn headers(is_json: bool, announced: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(ACCEPT, ACCEPTED);
    headers.insert(CONTENT_TYPE, if is_json { JSON } else { JSON_UTF8 });
    if let Some(Ok(serial)) = announced.map(HeaderValue::try_from) {
        headers.insert(HeaderName::from_static("wechatpay-serial"), serial);
    }
    headers
}

/// The `Authorization` header of a signed message.
pub(crate) fn authorization(
    core: &Core,
    serial: &str,
    signed: &SignedMessage,
    signature: &str,
) -> Result<HeaderValue> {
    let authorization = formatter::authorization(
        &core.mchid,
        &signed.nonce,
        signature,
        &signed.timestamp,
        serial,
    );
    // All else was checked to be text when the client was built.
    let mut authorization = HeaderValue::try_from(authorization).map_err(|_| {
        let part = "what the Signer gave is no signature";
        Error::request(part, "base64 on one line")
    })?;
    authorization.set_sensitive(true);
    Ok(authorization)
}

/// By what an answer is judged.
pub(crate) struct Terms {
    pub(crate) signed: SignedMessage,
    /// Whether the request goes with the `Authorization` header.
    pub(crate) is_signed: bool,
    pub(crate) trust: Trust,
    /// Whether the endpoint signs nothing.
    pub(crate) is_exempt: bool,
    /// What a verifier elsewhere says of the answer's signature, where that one is asked.
    pub(crate) verdict: Option<Verdict>,
}

/// What a verifier elsewhere says of a signature.
#[derive(Debug, Clone)]
pub(crate) enum Verdict {
    Right,
    Wrong,
    /// It was not asked, or gave no answer.
    None(String),
}

impl Terms {
    /// Where to fetch the certificate that a success was signed with, if it is not known.
    pub(crate) fn lacking(
        &self,
        core: &Core,
        answer: &http::Response<Bytes>,
    ) -> Option<Arc<Store>> {
        let store = self.trust.store()?;
        let serial = only_text(answer.headers(), SERIAL).ok().flatten()?;
        let is_lacking = answer.status().is_success()
            && !is_public_key_id(serial)
            && self.key(core, serial).is_none();
        is_lacking.then(|| Arc::clone(store))
    }

    /// What an answer is worth that is no redirect.
    pub(crate) fn judge(&self, core: &Core, answer: &http::Response<Bytes>, now: u64) -> Outcome {
        if !answer.status().is_success() {
            return Outcome::Refused(self.refusal(core, answer, now));
        }
        if self.is_exempt && is_plain(answer.status(), answer.headers()) {
            return Outcome::Plain;
        }
        match self.verify(core, answer, now) {
            Ok(()) => Outcome::Accepted {
                data: None,
                is_verified: true,
            },
            Err(check) => Outcome::Untrusted(check.into()),
        }
    }

    fn key(&self, core: &Core, serial: &str) -> Option<PublicKey> {
        let apiv3 = core.v3.as_ref()?;
        apiv3.platform.key(&self.trust, serial)
    }

    fn verify(
        &self,
        core: &Core,
        answer: &http::Response<Bytes>,
        now: u64,
    ) -> std::result::Result<(), Check> {
        let headers = answer.headers();
        if let Some(encoding) = only_text(headers, ENCODING)? {
            return Err(Check::Malformed {
                header: ENCODING,
                given: encoding.to_owned(),
            });
        }
        let keys = Keys {
            of: &|serial| match &self.verdict {
                Some(verdict) => Some(Judge::Elsewhere(verdict.clone())),
                None => self.key(core, serial).map(Judge::Key),
            },
            known: &|| self.trust.serials(),
        };
        verify(headers, &self.signed_part(answer)?, now, &keys)?;
        let Some(digest) = self.statement_digest(headers)? else {
            return Ok(());
        };
        if sha1_hex(answer.body()).eq_ignore_ascii_case(digest) {
            Ok(())
        } else {
            Err(Check::Digest {
                header: STATEMENT_DIGEST,
            })
        }
    }

    /// What the signature of an answer covers.
    fn signed_part<'a>(
        &self,
        answer: &'a http::Response<Bytes>,
    ) -> std::result::Result<Cow<'a, [u8]>, Check> {
        Ok(match self.statement_digest(answer.headers())? {
            Some(digest) => Cow::Owned(format!("{{\"sha1\":\"{digest}\"}}").into_bytes()),
            None => Cow::Borrowed(answer.body()),
        })
    }

    fn statement_digest<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> std::result::Result<Option<&'a str>, Check> {
        match is_statement(self.signed.target.path()) {
            true => only_text(headers, STATEMENT_DIGEST),
            false => Ok(None),
        }
    }

    /// What a verifier elsewhere is to be asked about an answer; `None` where that makes no
    /// difference.
    pub(crate) fn question(&self, answer: &http::Response<Bytes>) -> Option<Question> {
        let headers = answer.headers();
        if answer.status().is_redirection() || !headers.contains_key(SIGNATURE) {
            return None;
        }
        let body = self.signed_part(answer).ok()?;
        let presented = presented(headers, formatter::now()).ok()?;
        Some(presented.question(&body))
    }

    fn refusal(&self, core: &Core, answer: &http::Response<Bytes>, now: u64) -> Refusal {
        let signature = if !answer.headers().contains_key(SIGNATURE) {
            SignatureState::Absent
        } else {
            match self.verify(core, answer, now) {
                Ok(()) => SignatureState::Verified,
                Err(Check::Serial { .. }) => SignatureState::Unknown,
                Err(_) => SignatureState::Invalid,
            }
        };
        let body = serde_json::from_slice::<Value>(answer.body())
            .ok()
            .filter(Value::is_object)
            .unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let code = text("code");
        // A proxy that asks for a password says 401, too, but has no code.
        let is_sign_error = code == Some("SIGN_ERROR")
            || (answer.status() == StatusCode::UNAUTHORIZED && code.is_some());
        let hint = if is_sign_error {
            let serial = core.v3.as_ref().map(|apiv3| apiv3.serial.as_str());
            Some(explain(&self.signed, serial.unwrap_or_default(), &body))
        } else if is_certificates(self.signed.target.path()) {
            no_certificates(answer.status(), code)
        } else {
            None
        };
        Refusal {
            code: code.unwrap_or_default().to_owned(),
            message: text("message").unwrap_or_default().to_owned(),
            hint,
            signature,
            data: body,
        }
    }
}

/// Whether an endpoint that signs nothing by design has kept to that: then there is nothing to check
/// in its success.
pub(crate) fn is_plain(status: StatusCode, headers: &HeaderMap) -> bool {
    status.is_success() && !headers.contains_key(SIGNATURE)
}

/// Where the checks look keys up.
pub(crate) struct Keys<'a> {
    pub(crate) of: &'a dyn Fn(&str) -> Option<Judge>,
    /// The serials, for an error.
    pub(crate) known: &'a dyn Fn() -> Vec<String>,
}

/// What tells whether a signature is right.
pub(crate) enum Judge {
    Key(PublicKey),
    Elsewhere(Verdict),
}

/// The checks of an answer or a notification in their order: headers, clock, serial, algorithm,
/// signature. `body` is the part that is signed.
pub(crate) fn verify(
    headers: &HeaderMap,
    body: &[u8],
    now: u64,
    keys: &Keys<'_>,
) -> std::result::Result<(), Check> {
    let presented = presented(headers, now)?;
    let Some(judge) = (keys.of)(presented.serial) else {
        return Err(Check::Serial {
            unknown: presented.serial.to_owned(),
            known: (keys.known)(),
        });
    };
    match only_text(headers, SIGNATURE_TYPE)? {
        None | Some(ALGORITHM) => {}
        Some(other) => {
            return Err(Check::Malformed {
                header: SIGNATURE_TYPE,
                given: other.to_owned(),
            });
        }
    }
    let is_right = match judge {
        Judge::Key(key) => key.verify(presented.message(body), presented.signature),
        Judge::Elsewhere(Verdict::Right) => true,
        Judge::Elsewhere(Verdict::Wrong) => false,
        Judge::Elsewhere(Verdict::None(reason)) => return Err(Check::Elsewhere { reason }),
    };
    if is_right {
        Ok(())
    } else if presented.signature.starts_with(PROBE) {
        Err(Check::Probe)
    } else {
        Err(Check::Signature)
    }
}

/// The headers of a signature.
pub(crate) struct Presented<'a> {
    timestamp: &'a str,
    nonce: &'a str,
    serial: &'a str,
    signature: &'a str,
}

/// What a verifier elsewhere is asked.
pub(crate) struct Question {
    pub(crate) serial: String,
    pub(crate) message: Vec<u8>,
    pub(crate) signature: String,
}

impl Presented<'_> {
    fn message(&self, body: &[u8]) -> Vec<u8> {
        lines(&[self.timestamp.as_bytes(), self.nonce.as_bytes(), body])
    }

    pub(crate) fn question(&self, body: &[u8]) -> Question {
        Question {
            serial: self.serial.to_owned(),
            message: self.message(body),
            signature: self.signature.to_owned(),
        }
    }
}

/// The headers of a signature, when they are whole and of the right time.
pub(crate) fn presented(
    headers: &HeaderMap,
    now: u64,
) -> std::result::Result<Presented<'_>, Check> {
    let names = [NONCE, SERIAL, SIGNATURE, TIMESTAMP];
    let [nonce, serial, signature, timestamp] = names.map(|name| only_text(headers, name));
    let found = [nonce?, serial?, signature?, timestamp?];
    let [Some(nonce), Some(serial), Some(signature), Some(timestamp)] = found else {
        let missing = names.into_iter().zip(found);
        let missing = missing.filter(|(_, value)| value.is_none());
        return Err(Check::Headers {
            missing: missing.map(|(name, _)| name).collect(),
        });
    };
    let is_number = timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let remote = match timestamp.parse::<u64>() {
        Ok(remote) if is_number => remote,
        _ => {
            return Err(Check::Malformed {
                header: TIMESTAMP,
                given: timestamp.to_owned(),
            });
        }
    };
    if now.abs_diff(remote) > MAXIMUM_OFFSET {
        return Err(Check::Clock { local: now, remote });
    }
    Ok(Presented {
        timestamp,
        nonce,
        serial,
        signature,
    })
}

/// A header's text; one that is no text, or that comes twice with different values, is malformed.
fn only_text<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
) -> std::result::Result<Option<&'a str>, Check> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(text) if values.all(|other| other == value) => Ok(Some(text.trim())),
        _ => Err(Check::Malformed {
            header: name,
            // Nothing of it is kept: it may be the signature.
            given: String::new(),
        }),
    }
}

/// The overseas statements, whose signature covers a digest.
fn is_statement(path: &str) -> bool {
    ["/hk/v3/statements", "/v3/global/statements"]
        .iter()
        .any(|statements| path.eq_ignore_ascii_case(statements))
}

/// The download of electronic invoices: neither signed nor verified; its integrity is the header
/// `SM3-Digest`.
pub(crate) fn is_invoice(host: &str, path: &str) -> bool {
    host.eq_ignore_ascii_case("pay.wechatpay.cn")
        && path.eq_ignore_ascii_case("/invoicing/fapiao/fapiao-file")
}

/// The endpoints of platform certificates.
fn is_certificates(path: &str) -> bool {
    path.ends_with("v3/certificates") || path.ends_with("v3/global/certificates")
}

/// Endpoints that sign nothing: their content is checked by a digest, or is a picture.
pub(crate) fn is_unsigned(path: &str) -> bool {
    let Some(path) = strip_prefix(path, "/v3/") else {
        return false;
    };
    let path = strip_prefix(path, "global/").unwrap_or(path);
    let files = [
        "billdownload/file",
        "transferdownload/elecvoucherfile",
        "transferdownload/signfile",
    ];
    files.iter().any(|file| path.eq_ignore_ascii_case(file))
        || strip_prefix(path, "merchant-service/images/")
            .is_some_and(|image| !image.eq_ignore_ascii_case("upload"))
}

/// Why a merchant gets no certificates.
fn no_certificates(status: StatusCode, code: Option<&str>) -> Option<String> {
    let is_without = matches!(
        (status.as_u16(), code),
        (403 | 404, _) | (500, Some("SYSTEM_ERROR"))
    );
    is_without.then(|| {
        "a merchant that only has WeChat Pay's public key gets no certificates: download the public \
         key on the merchant platform and configure it, .cert(\"PUB_KEY_ID_…\", \
         \"file:///…/pub_key.pem\")"
            .to_owned()
    })
}

/// Sets the message that was signed here beside what the gateway says that it built.
///
/// It shows no part of either: both hold values.
fn explain(signed: &SignedMessage, serial: &str, body: &Value) -> String {
    let seen = body.pointer("/detail/sign_information");
    let text = |name: &str| seen?.get(name)?.as_str();
    let length = seen.and_then(|seen| seen.get("sign_message_length")?.as_u64());
    let (Some(url), Some(length)) = (text("url"), length) else {
        return "the gateway tells nothing of the message it built; err.signed_message() is the \
                one that was signed here"
            .to_owned();
    };
    let message = signed.bytes();
    if let Some(method) = text("method").filter(|method| *method != signed.method.as_str()) {
        return format!(
            "the method differs first: {} was signed here, the gateway saw {method:?}",
            signed.method
        );
    }
    let target = signed.target.as_str();
    if url != target {
        let same = url
            .bytes()
            .zip(target.bytes())
            .take_while(|(theirs, ours)| theirs == ours)
            .count();
        let part = match target.find('?') {
            Some(query) if same >= query => "query",
            _ => "path",
        };
        return format!(
            "the URL differs first, in its {part} at byte {same}: {} bytes were signed here, the \
             gateway saw {}; something between rewrites it",
            target.len(),
            url.len()
        );
    }
    if length != message.len() as u64 {
        return format!(
            "method and URL are equal, the length differs first: {} bytes were signed here, the \
             gateway's message has {length}; something between rewrites the body",
            message.len()
        );
    }
    if let Some(start) = text("truncated_sign_message") {
        let ours = String::from_utf8_lossy(&message);
        // The last line is cut, or followed by marks that say so.
        let whole = start.lines().count().saturating_sub(1);
        let differs =
            ours.lines()
                .zip(start.lines())
                .enumerate()
                .position(|(index, (ours, theirs))| match index < whole {
                    true => ours != theirs,
                    false => !ours.starts_with(theirs.trim_end_matches('.')),
                });
        let part = match differs {
            Some(2) => Some("the timestamp"),
            Some(3) => Some("the nonce"),
            Some(4..) => Some("the body"),
            _ => None,
        };
        if let Some(part) = part {
            return format!("method, URL and length are equal, {part} differs first");
        }
    }
    format!(
        "method, URL and length of the message are equal, so the private key does not belong to \
         the serial {serial}: compare `openssl x509 -in apiclient_cert.pem -noout -pubkey` with \
         `openssl pkey -in apiclient_key.pem -pubout`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::Response;
    use crate::{Client, rsa};

    const PLATFORM_KEY: &str = include_str!("../../tests/vectors/keys/platform.key");
    const PLATFORM: &str = include_str!("../../tests/vectors/keys/platform.crt");

    fn judged(sent_at: u64, now: u64) -> Result<Response> {
        let client = Client::builder()
            .mchid("1900000109")
            .serial("AB")
            .private_key(include_str!("../../tests/vectors/keys/merchant.key"))
            .platform_certificate(PLATFORM)
            .build()?;
        let (_, answer) = client.chain("v3/certificates").get().into_parts()?;
        let key = rsa::PrivateKey::from_pem(PLATFORM_KEY)?;
        let sent_at = sent_at.to_string();
        let signature = key.sign(formatter::response(&sent_at, "nonce1", "{}"));
        let signed = http::Response::builder()
            .header(TIMESTAMP, sent_at)
            .header(NONCE, "nonce1")
            .header(SERIAL, crate::pem::serial_number(PLATFORM)?)
            .header(SIGNATURE, signature)
            .body(Bytes::from_static(b"{}"));
        answer.exchange.accept_at(signed.unwrap(), now)
    }

    #[test]
    fn an_offset_of_exactly_300_seconds_passes_either_way() {
        const NOW: u64 = 1_700_000_000;
        for offset in [0, 299, 300] {
            assert!(judged(NOW - offset, NOW).unwrap().verified());
            assert!(judged(NOW + offset, NOW).unwrap().verified());
        }
        for remote in [NOW - 301, NOW + 301] {
            let Err(Error::Verify(error)) = judged(remote, NOW) else {
                panic!("{remote} passed");
            };
            assert_eq!(*error.check(), Check::Clock { local: NOW, remote });
        }
    }

    #[test]
    fn the_clock_is_judged_before_the_signature() {
        let error = judged(0, u64::MAX).unwrap_err();
        assert!(error.to_string().contains("clock"), "{error}");
    }
}
