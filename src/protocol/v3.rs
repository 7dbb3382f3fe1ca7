//! APIv3: what is signed, and when an answer is trusted.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;

use crate::catalogue::tree;
use crate::client::{Apiv3, Core};
use crate::error::{
    ApiError, Check, Endpoint, Error, RedirectError, Result, SignatureState, SignedMessage,
    VerifyError,
};
use crate::formatter;
use crate::response::Response;
use crate::transport::Failure;

const NONCE: &str = "Wechatpay-Nonce";
const SERIAL: &str = "Wechatpay-Serial";
const SIGNATURE: &str = "Wechatpay-Signature";
const SIGNATURE_TYPE: &str = "Wechatpay-Signature-Type";
const TIMESTAMP: &str = "Wechatpay-Timestamp";

const ALGORITHM: &str = "WECHATPAY2-SHA256-RSA2048";
const PROBE: &str = "WECHATPAY/SIGNTEST/";
/// How far the clocks may be apart; an offset of exactly this passes.
const MAXIMUM_OFFSET: u64 = 300;

const ACCEPTED: HeaderValue = HeaderValue::from_static(
    "application/json, text/plain, application/x-gzip, application/pdf, image/png, image/*;q=0.5",
);
const AGENT: HeaderValue = HeaderValue::from_static(if cfg!(feature = "aws-lc-rs") {
    concat!(
        "wechatpay-chain/",
        env!("CARGO_PKG_VERSION"),
        " (aws-lc-rs)"
    )
} else {
    concat!("wechatpay-chain/", env!("CARGO_PKG_VERSION"), " (ring)")
});
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const JSON_UTF8: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// What makes each signature its own.
pub(crate) struct Stamp {
    /// Seconds since 1970.
    pub(crate) timestamp: u64,
    pub(crate) nonce: String,
}

pub(crate) fn message(method: Method, target: String, stamp: Stamp, body: Bytes) -> SignedMessage {
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
        let timestamp = self.timestamp.to_string();
        lines(&[
            self.method.as_str().as_bytes(),
            self.target.as_bytes(),
            timestamp.as_bytes(),
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

/// The headers of a signed request: the caller's, over the client's, over the defaults.
pub(crate) fn headers(
    core: &Core,
    apiv3: &Apiv3,
    signed: &SignedMessage,
    own: &HeaderMap,
    is_json: bool,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(ACCEPT, ACCEPTED);
    headers.insert(CONTENT_TYPE, if is_json { JSON } else { JSON_UTF8 });
    headers.insert(USER_AGENT, AGENT);
    let public_key = apiv3.platform.public_key_id();
    if let Some(Ok(serial)) = public_key.map(HeaderValue::try_from) {
        headers.insert(HeaderName::from_static("wechatpay-serial"), serial);
    }
    for more in [&core.headers, own] {
        for name in more.keys() {
            headers.remove(name);
            for value in more.get_all(name) {
                headers.append(name, value.clone());
            }
        }
    }
    let signature = apiv3.key.sign(signed.bytes());
    let authorization = formatter::authorization(
        &core.mchid,
        &signed.nonce,
        signature,
        signed.timestamp.to_string(),
        &apiv3.serial,
    );
    // All its parts were checked to be text when the client was built.
    if let Ok(mut authorization) = HeaderValue::try_from(authorization) {
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
    }
    headers
}

/// A request that was made, and everything that its answer is judged by.
pub(crate) struct Exchange {
    pub(crate) core: Arc<Core>,
    pub(crate) endpoint: Endpoint,
    pub(crate) host: String,
    pub(crate) signed: SignedMessage,
}

impl Exchange {
    /// Whether an answer could never be verified, for want of a key.
    pub(crate) fn needs_platform_key(&self) -> bool {
        let apiv3 = self.core.v3.as_ref();
        apiv3.is_some_and(|apiv3| apiv3.platform.is_empty()) && !is_unsigned(self.path())
    }

    /// What the transport brought back, as the caller gets it.
    pub(crate) fn finish(
        self,
        answer: std::result::Result<http::Response<Bytes>, Failure>,
    ) -> Result<Response> {
        let endpoint = self.endpoint.clone();
        let result = match answer {
            Ok(answer) => self.accept(answer),
            Err(failure) => Err(failure.into_error(self.endpoint, self.host, self.signed)),
        };
        match &result {
            Ok(response) => tracing::debug!(
                %endpoint,
                status = response.status().as_u16(),
                request_id = response.request_id(),
                "answered"
            ),
            Err(error) => tracing::debug!(%error, "failed"),
        }
        result
    }

    /// The one place that decides whether an answer is trusted.
    pub(crate) fn accept(self, answer: http::Response<Bytes>) -> Result<Response> {
        self.accept_at(answer, formatter::now())
    }

    fn accept_at(self, answer: http::Response<Bytes>, now: u64) -> Result<Response> {
        let status = answer.status();
        if status.is_redirection() {
            return Err(Error::Redirect(Box::new(RedirectError {
                endpoint: self.endpoint,
                answer,
                signed: Some(self.signed),
            })));
        }
        if !status.is_success() {
            return Err(self.refusal(answer, now));
        }
        let carries_signature = answer.headers().contains_key(SIGNATURE);
        if is_unsigned(self.path()) && !carries_signature {
            return Ok(Response {
                answer,
                verified: false,
            });
        }
        match self.verify(&answer, now) {
            Ok(()) => Ok(Response {
                answer,
                verified: true,
            }),
            Err(check) => Err(Error::Verify(Box::new(VerifyError {
                endpoint: self.endpoint,
                host: self.host,
                check,
                answer,
                signed: Some(self.signed),
            }))),
        }
    }

    fn path(&self) -> &str {
        self.signed.target.split('?').next().unwrap_or_default()
    }

    /// The checks in their order: headers, clock, serial, algorithm, signature.
    fn verify(&self, answer: &http::Response<Bytes>, now: u64) -> std::result::Result<(), Check> {
        let headers = answer.headers();
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
        let platform = self.core.v3.as_ref().map(|apiv3| &apiv3.platform);
        let Some(key) = platform.and_then(|platform| platform.get(serial)) else {
            let known = platform
                .map(|platform| platform.serials())
                .unwrap_or_default();
            return Err(Check::Serial {
                unknown: serial.to_owned(),
                known: known.into_iter().map(str::to_owned).collect(),
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
        let message = lines(&[timestamp.as_bytes(), nonce.as_bytes(), answer.body()]);
        if key.verify(message, signature) {
            Ok(())
        } else if signature.starts_with(PROBE) {
            Err(Check::Probe)
        } else {
            Err(Check::Signature)
        }
    }

    fn refusal(self, answer: http::Response<Bytes>, now: u64) -> Error {
        let signature = if !answer.headers().contains_key(SIGNATURE) {
            SignatureState::Absent
        } else if self.verify(&answer, now).is_ok() {
            SignatureState::Verified
        } else {
            SignatureState::Invalid
        };
        let body = serde_json::from_slice::<Value>(answer.body())
            .ok()
            .filter(Value::is_object)
            .unwrap_or_default();
        let code = body.get("code").and_then(Value::as_str);
        // A proxy that asks for a password says 401, too, but has no code.
        let is_sign_error = code == Some("SIGN_ERROR")
            || (answer.status() == StatusCode::UNAUTHORIZED && code.is_some());
        let hint = if is_sign_error {
            let serial = self.core.v3.as_ref().map(|apiv3| apiv3.serial.as_str());
            Some(explain(&self.signed, serial.unwrap_or_default(), &body))
        } else {
            unknown_endpoint(&self.endpoint, answer.status())
        };
        Error::Api(Box::new(ApiError {
            endpoint: self.endpoint,
            answer,
            body,
            signature,
            hint,
            signed: Some(self.signed),
        }))
    }
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

/// Endpoints that sign nothing: their content is checked by a digest, or is a picture.
fn is_unsigned(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let Some(path) = path.strip_prefix("/v3/") else {
        return false;
    };
    let path = path.strip_prefix("global/").unwrap_or(path);
    match path {
        "billdownload/file" | "transferdownload/elecvoucherfile" | "transferdownload/signfile" => {
            true
        }
        _ => path
            .strip_prefix("merchant-service/images/")
            .is_some_and(|image| image != "upload"),
    }
}

/// What the catalogue says of a path or a verb that the gateway does not know.
fn unknown_endpoint(endpoint: &Endpoint, status: StatusCode) -> Option<String> {
    if !matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
    ) {
        return None;
    }
    let verb = endpoint.method.as_str();
    let walk = tree::walk(&endpoint.template);
    let verbs = walk.place().map(|place| place.node().verbs);
    match verbs.filter(|verbs| !verbs.is_empty()) {
        Some(_) if walk.endpoint(verb).is_some() => None,
        Some(verbs) => {
            let verbs: Vec<_> = verbs.iter().map(|verb| verb.verb).collect();
            let verbs = verbs.join(", ");
            Some(format!(
                "the catalogue knows this path with {verbs}, not with {verb}"
            ))
        }
        None => match tree::nearest(&endpoint.template).as_slice() {
            [] => Some("the catalogue does not know this path".to_owned()),
            near => {
                let near = near.join(" or ");
                Some(format!(
                    "the catalogue does not know this path; did you mean {near}?"
                ))
            }
        },
    }
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
    if url != signed.target {
        let same = url
            .bytes()
            .zip(signed.target.bytes())
            .take_while(|(theirs, ours)| theirs == ours)
            .count();
        let part = match signed.target.find('?') {
            Some(query) if same >= query => "query",
            _ => "path",
        };
        return format!(
            "the URL differs first, in its {part} at byte {same}: {} bytes were signed here, the \
             gateway saw {}; something between rewrites it",
            signed.target.len(),
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
