//! What WeChat Pay tells the merchant on its own account.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

use crate::answer::{ALPHABET, JSON, number, request_id};
use crate::authenticate::SCHEME;
use crate::clock::{now, rfc3339, seconds};
use crate::gateway::Gateway;
use crate::json::{object, text};
use crate::keys;
use crate::platform::Signer;
use crate::random::Random;

/// What the signature of a probe begins with.
pub(crate) const PROBE: &str = "WECHATPAY/SIGNTEST/";

/// A notification as WeChat Pay POSTs it: see
/// [`Sandbox::notification`](crate::Sandbox::notification).
#[derive(Clone, Debug)]
pub struct Notification {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Notification {
    /// One of APIv2, which has no headers of its own.
    pub(crate) fn apiv2(body: String) -> Self {
        Self {
            headers: vec![("Content-Type".to_owned(), "text/xml".to_owned())],
            body: body.into_bytes(),
        }
    }

    /// The five `Wechatpay-…` headers, `Request-ID` and `Content-Type`; of APIv2 the last alone.
    #[must_use]
    pub fn headers(&self) -> Vec<(String, String)> {
        self.headers.clone()
    }

    /// The body: what was signed, and of APIv2 XML that holds its own proof.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

/// A notification that is to be unlike a genuine one: see
/// [`Sandbox::notification_builder`](crate::Sandbox::notification_builder).
#[derive(Clone)]
#[must_use = "it makes nothing before build"]
pub struct NotificationBuilder {
    gateway: Arc<Gateway>,
    event_type: String,
    resource_type: String,
    plaintext: Vec<u8>,
    /// `None` leaves the field out.
    associated_data: Option<String>,
    algorithm: String,
    apiv3_key: String,
    summary: String,
    /// `None` is the one that is made of all this.
    body: Option<Vec<u8>>,
    at: Option<i64>,
    signed_by: Option<String>,
    signature: Signature,
    /// What repeats have in common.
    id: Option<String>,
    /// `None` is when it is signed.
    created: Option<i64>,
    random: Random,
}

#[derive(Clone)]
enum Signature {
    Genuine,
    Probe,
    Text(String),
}

impl NotificationBuilder {
    pub(crate) fn new(
        gateway: Arc<Gateway>,
        event_type: &str,
        resource_type: &str,
        resource: &Value,
    ) -> Self {
        Self {
            random: gateway.notices.clone(),
            apiv3_key: gateway.keys.apiv3_key.clone(),
            gateway,
            event_type: event_type.to_owned(),
            resource_type: resource_type.to_owned(),
            plaintext: resource.to_string().into_bytes(),
            associated_data: Some(resource_type.to_owned()),
            algorithm: "AEAD_AES_256_GCM".to_owned(),
            summary: summary(event_type).to_owned(),
            body: None,
            at: None,
            signed_by: None,
            signature: Signature::Genuine,
            id: None,
            created: None,
        }
    }

    /// One attempt of several: with this `id` and `create_time`, and with nonces of this stream.
    pub(crate) fn attempt(mut self, id: &str, created: i64, random: Random) -> Self {
        self.id = Some(id.to_owned());
        self.created = Some(created);
        self.random = random;
        self
    }

    /// Made and signed at this time, to the second, instead of now; one before 1970 becomes 1970.
    pub fn at(mut self, time: SystemTime) -> Self {
        self.at = Some(seconds(time));
        self
    }

    /// Signed by the platform key of this serial instead of the current one. When the sandbox has
    /// no such key, `Wechatpay-Serial` says so all the same, and the current key signs.
    pub fn signed_by(mut self, serial: impl Into<String>) -> Self {
        self.signed_by = Some(serial.into());
        self
    }

    /// One of WeChat Pay's probes: the signature begins with `WECHATPAY/SIGNTEST/`.
    pub fn probe(mut self) -> Self {
        self.signature = Signature::Probe;
        self
    }

    /// `Wechatpay-Signature` is this text.
    pub fn signature(mut self, text: impl Into<String>) -> Self {
        self.signature = Signature::Text(text.into());
        self
    }

    /// Encrypted with this key instead of the merchant's. One that has not 32 bytes leaves the
    /// ciphertext empty.
    pub fn apiv3_key(mut self, key: impl Into<String>) -> Self {
        self.apiv3_key = key.into();
        self
    }

    /// `algorithm` is this text; what is encrypted stays what it was.
    pub fn algorithm(mut self, name: impl Into<String>) -> Self {
        self.algorithm = name.into();
        self
    }

    /// `associated_data` is this text instead of the type of the resource, and it is encrypted so.
    pub fn associated_data(mut self, text: impl Into<String>) -> Self {
        self.associated_data = Some(text.into());
        self
    }

    /// There is no `associated_data`, and it is encrypted so.
    pub fn without_associated_data(mut self) -> Self {
        self.associated_data = None;
        self
    }

    /// What is encrypted is this, JSON or not.
    pub fn plaintext(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.plaintext = bytes.into();
        self
    }

    /// `summary` is this text instead of the one that WeChat Pay gives.
    pub fn summary(mut self, text: impl Into<String>) -> Self {
        self.summary = text.into();
        self
    }

    /// The whole body is this, JSON or not, and is signed so.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some(bytes.into());
        self
    }

    /// Makes it, each time with an `id`, nonces and a signature of its own.
    #[must_use]
    pub fn build(&self) -> Notification {
        let at = self.at.unwrap_or_else(now);
        let body = match &self.body {
            Some(body) => body.clone(),
            None => self.json(at).into_bytes(),
        };
        let signer = self.signer();
        let timestamp = at.to_string();
        let nonce = self.random.text(ALPHABET, 32);
        let signature = match &self.signature {
            Signature::Genuine => signer.sign(&timestamp, &nonce, &body),
            Signature::Probe => format!("{PROBE}{}", signer.sign(&timestamp, &nonce, &body)),
            Signature::Text(text) => text.clone(),
        };
        let headers = [
            ("Content-Type", JSON.to_owned()),
            ("Request-ID", request_id(number::SUCCESS, &self.random)),
            ("Wechatpay-Nonce", nonce),
            ("Wechatpay-Serial", signer.serial),
            ("Wechatpay-Signature", signature),
            ("Wechatpay-Signature-Type", SCHEME.to_owned()),
            ("Wechatpay-Timestamp", timestamp),
        ];
        Notification {
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            body,
        }
    }

    fn signer(&self) -> Signer {
        let platform = &self.gateway.platform;
        let Some(serial) = &self.signed_by else {
            return platform.signer();
        };
        platform.known(serial).unwrap_or_else(|| Signer {
            serial: serial.clone(),
            key: platform.signer().key,
        })
    }

    fn json(&self, at: i64) -> String {
        let nonce = self.random.text(ALPHABET, 12);
        let associated_data = self.associated_data.as_deref();
        let ciphertext = keys::seal(
            self.apiv3_key.as_bytes(),
            &nonce,
            associated_data.unwrap_or_default(),
            &self.plaintext,
        );
        let mut resource = vec![
            ("original_type", text(&self.resource_type)),
            ("algorithm", text(&self.algorithm)),
            ("ciphertext", text(&ciphertext)),
        ];
        if let Some(associated_data) = associated_data {
            resource.push(("associated_data", text(associated_data)));
        }
        resource.push(("nonce", text(&nonce)));
        let id = self.id.clone();
        let id = id.unwrap_or_else(|| random_id(&self.random));
        object([
            ("id", text(&id)),
            ("create_time", text(&rfc3339(self.created.unwrap_or(at)))),
            ("resource_type", text("encrypt-resource")),
            ("event_type", text(&self.event_type)),
            ("summary", text(&self.summary)),
            ("resource", object(resource)),
        ])
    }
}

impl fmt::Debug for NotificationBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotificationBuilder")
            .field("event_type", &self.event_type)
            .field("resource_type", &self.resource_type)
            .finish_non_exhaustive()
    }
}

/// `5b38…-…-…-…-…`, in the form of a UUID.
pub(crate) fn random_id(random: &Random) -> String {
    let groups = [8, 4, 4, 4, 12].map(|length| random.text(b"0123456789abcdef", length));
    groups.join("-")
}

/// WeChat Pay's word for it, or the type itself where we know none.
fn summary(event_type: &str) -> &str {
    match event_type {
        "TRANSACTION.SUCCESS" => "支付成功",
        "REFUND.SUCCESS" => "退款成功",
        "REFUND.ABNORMAL" => "退款异常",
        "REFUND.CLOSED" => "退款关闭",
        "COUPON.SEND" => "商家券领券通知",
        _ => event_type,
    }
}
