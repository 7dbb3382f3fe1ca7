//! Notifications of APIv3: checked, then decrypted.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::aes_gcm;
use crate::answer::ask;
use crate::client::{Apiv3, Core, missing};
use crate::error::{Check, DecodeError, Error, Result, Short, Subject, VerifyError};
use crate::formatter;
use crate::pending::Pending;
use crate::platform::{is_public_key_id, refreshed};
use crate::protocol::v3::{self, Judge, Keys, Verdict};
use crate::transport::{Driver, block_on};

/// What is larger is refused unread: WeChat Pay sends a few kilobytes.
pub(crate) const LARGEST: usize = 1024 * 1024;
const ALGORITHM: &str = "AEAD_AES_256_GCM";

/// A notification whose signature was checked, decrypted: see
/// [`Client::notification`](crate::Client::notification).
pub struct Notification {
    envelope: Envelope,
    data: Value,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    id: String,
    #[serde(default)]
    create_time: String,
    #[serde(default)]
    event_type: String,
    #[serde(default)]
    resource_type: String,
    #[serde(default)]
    summary: String,
    resource: Resource,
}

#[derive(Deserialize)]
struct Resource {
    algorithm: String,
    ciphertext: String,
    nonce: String,
    associated_data: Option<String>,
}

impl Notification {
    /// The number of the notification. WeChat Pay repeats one until it is answered with success, so
    /// keep the numbers of those that were dealt with.
    pub fn id(&self) -> &str {
        &self.envelope.id
    }

    /// What happened, such as `TRANSACTION.SUCCESS` or `REFUND.SUCCESS`.
    pub fn event_type(&self) -> &str {
        &self.envelope.event_type
    }

    /// The type of the resource: `encrypt-resource`.
    pub fn resource_type(&self) -> &str {
        &self.envelope.resource_type
    }

    /// A few words for people, such as `支付成功`.
    pub fn summary(&self) -> &str {
        &self.envelope.summary
    }

    /// When it was made, as RFC 3339: `2024-05-20T13:29:35+08:00`.
    pub fn create_time(&self) -> &str {
        &self.envelope.create_time
    }

    /// The decrypted resource: an order, a refund, a coupon.
    pub fn data(&self) -> &Value {
        &self.data
    }

    /// The decrypted resource as a type of the caller's.
    ///
    /// # Errors
    /// [`Error::Decode`] if it is not of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.data)
            .map_err(|error| Error::Decode(Box::new(DecodeError::json(&error))))
    }

    /// What to answer once the notification was dealt with: status and body.
    ///
    /// It is due within 5 s; without it WeChat Pay repeats the notification.
    pub fn success() -> (u16, String) {
        (200, json!({ "code": "SUCCESS" }).to_string())
    }

    /// What to answer when the notification could not be trusted or not be dealt with: status and
    /// body. It comes again later.
    pub fn failure(message: impl AsRef<str>) -> (u16, String) {
        let body = json!({ "code": "FAIL", "message": message.as_ref() });
        (500, body.to_string())
    }
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notification")
            .field("id", &self.envelope.id)
            .field("event_type", &self.envelope.event_type)
            .field("create_time", &self.envelope.create_time)
            .finish_non_exhaustive()
    }
}

/// The headers of a notification, from any framework: a `&HeaderMap`, or pairs of names and values.
///
/// Names compare without regard to case, and CGI's `HTTP_WECHATPAY_SIGNATURE` is understood. White
/// space around a value is dropped.
pub trait NotificationHeaders: sealed::Collect {}

impl<T: sealed::Collect> NotificationHeaders for T {}

mod sealed {
    use http::HeaderMap;

    #[expect(
        unnameable_types,
        reason = "it is sealed: only the forms below are headers"
    )]
    pub trait Collect {
        /// Those that matter.
        fn collect(&self) -> HeaderMap;
    }
}

impl sealed::Collect for &HeaderMap {
    fn collect(&self) -> HeaderMap {
        of_pairs(self.iter())
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>> sealed::Collect for &[(K, V)] {
    fn collect(&self) -> HeaderMap {
        of_pairs(self.iter().map(|(name, value)| (name, value)))
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>, const N: usize> sealed::Collect for &[(K, V); N] {
    fn collect(&self) -> HeaderMap {
        self.as_slice().collect()
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>> sealed::Collect for &Vec<(K, V)> {
    fn collect(&self) -> HeaderMap {
        self.as_slice().collect()
    }
}

static RELEVANT: [HeaderName; 6] = [
    HeaderName::from_static("wechatpay-nonce"),
    HeaderName::from_static("wechatpay-serial"),
    HeaderName::from_static("wechatpay-signature"),
    HeaderName::from_static("wechatpay-signature-type"),
    HeaderName::from_static("wechatpay-timestamp"),
    HeaderName::from_static("request-id"),
];

fn of_pairs(pairs: impl Iterator<Item = (impl AsRef<str>, impl AsRef<[u8]>)>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = name.as_ref().trim().to_ascii_lowercase().replace('_', "-");
        let name = name.strip_prefix("http-").unwrap_or(&name);
        let Some(name) = RELEVANT.iter().find(|relevant| *relevant == name) else {
            continue;
        };
        let value = value.as_ref().trim_ascii();
        // What no header can hold becomes one that is no text, which the checks refuse by its name.
        let value = HeaderValue::from_bytes(value).or_else(|_| HeaderValue::from_bytes(&[0xff]));
        if let Ok(value) = value {
            // Two different ones are refused, and more tell no more.
            let known = headers.get_all(name);
            if known.iter().count() < 2 && known.iter().all(|known| *known != value) {
                headers.append(name, value);
            }
        }
    }
    headers
}

/// A notification that is to be checked, by `.await` or [`.wait()`](Self::wait): see
/// [`Client::notification`](crate::Client::notification).
#[must_use = "a notification is checked by `.await` or `.wait()`"]
pub struct Incoming {
    core: Arc<Core>,
    headers: HeaderMap,
    /// Empty where it is too large.
    body: Bytes,
    length: usize,
    at: Option<u64>,
}

impl Incoming {
    pub(crate) fn new(core: Arc<Core>, headers: impl NotificationHeaders, body: &[u8]) -> Self {
        let kept = if body.len() > LARGEST { &[] } else { body };
        Self {
            core,
            headers: headers.collect(),
            body: Bytes::copy_from_slice(kept),
            length: body.len(),
            at: None,
        }
    }

    /// Checks a stored notification as it would have been checked at this time, in seconds since
    /// 1970: for examination offline, never for one that has just come in.
    ///
    /// Nothing is fetched: the key must be known.
    pub fn at(mut self, seconds: u64) -> Self {
        self.at = Some(seconds);
        self
    }

    /// Checks and decrypts the notification, and blocks if a certificate has to be fetched.
    ///
    /// # Errors
    /// As [`Client::notification`](crate::Client::notification) says.
    pub fn wait(self) -> Result<Notification> {
        block_on(self.go(Driver::Own))
    }

    async fn go(self, driver: Driver) -> Result<Notification> {
        let core = Arc::clone(&self.core);
        let wanted = "the APIv3 key, 32 bytes, which decrypts notifications";
        let Some(apiv3) = &core.v3 else {
            return Err(missing("apiv3_key", wanted));
        };
        let Some(key) = &apiv3.apiv3_key else {
            return Err(missing("apiv3_key", wanted));
        };
        let mut verdict = None;
        if let Some(verifier) = core.verifier() {
            if let Ok(presented) = v3::presented(&self.headers, self.now()) {
                let question = presented.question(&self.body);
                verdict = Some(ask(Arc::clone(verifier), question, driver, None).await);
            }
        }
        let mut checked = self.check(apiv3, verdict.as_ref());
        let mut note = None;
        if let (Err(Check::Serial { unknown, .. }), None) = (&checked, self.at) {
            if !is_public_key_id(unknown) && apiv3.keeps_certificates() {
                let store = core.certificates()?;
                let fetched = match core.flights.begin() {
                    Ok(_flight) => refreshed(&core, &store, driver, None).await,
                    Err(error) => Err(error),
                };
                note = fetched
                    .err()
                    .map(|reason| format!("the certificates could not be fetched again: {reason}"));
                checked = self.check(apiv3, None);
            }
        }
        match checked {
            Ok(()) => opened(&self.body, key),
            Err(check) => {
                if check == Check::Signature {
                    note = Some(suspicion(&self.body, key).to_owned());
                }
                Err(self.refusal(check, note))
            }
        }
    }

    fn now(&self) -> u64 {
        self.at.unwrap_or_else(formatter::now)
    }

    fn check(&self, apiv3: &Apiv3, verdict: Option<&Verdict>) -> std::result::Result<(), Check> {
        if self.body.is_empty() {
            return Err(Check::Body { bytes: self.length });
        }
        let keys = Keys {
            of: &|serial| match verdict {
                Some(verdict) => Some(Judge::Elsewhere(verdict.clone())),
                None => apiv3.platform.any(serial).map(Judge::Key),
            },
            known: &|| apiv3.platform.serials(),
        };
        v3::verify(&self.headers, &self.body, self.now(), &keys)
    }

    fn refusal(self, check: Check, note: Option<String>) -> Error {
        let mut answer = http::Response::new(self.body);
        *answer.headers_mut() = self.headers;
        Error::Verify(Box::new(VerifyError {
            subject: Subject::Notification,
            check,
            note,
            answer,
            signed: None,
        }))
    }
}

/// What a wrong signature may mean.
fn suspicion(body: &[u8], key: &str) -> &'static str {
    if opened(body, key).is_ok() {
        "its content decrypts, so it is probably genuine but not byte for byte: hand over the raw request \
         body as it came, not JSON that was parsed and serialised again"
    } else {
        "if the raw request body was handed over as it came, it is not from WeChat Pay"
    }
}

/// The content of a notification whose signature was checked.
fn opened(body: &[u8], key: &str) -> Result<Notification> {
    let envelope: Envelope = serde_json::from_slice(body).map_err(|error| {
        let error = DecodeError::json(&error);
        Error::Decode(Box::new(
            error.of("the notification is not the JSON wanted"),
        ))
    })?;
    let resource = &envelope.resource;
    let refuse = |problem: String| Err(Error::ciphertext("the notification's resource", problem));
    if resource.algorithm != ALGORITHM {
        let algorithm = Short(&resource.algorithm);
        return refuse(format!(
            "it is encrypted by {algorithm:?}, which this version does not know; wanted: {ALGORITHM}"
        ));
    }
    let data = resource.associated_data.as_deref().unwrap_or_default();
    let Ok(plain) = aes_gcm::decrypt(&resource.ciphertext, key, &resource.nonce, data) else {
        return refuse(
            "the signature is right, so the APIv3 key that is configured is not the one it was \
             encrypted with: compare it with the one set on the merchant platform"
                .to_owned(),
        );
    };
    match serde_json::from_str(&plain) {
        Ok(data) => Ok(Notification { envelope, data }),
        Err(_) => refuse("what was decrypted is no JSON".to_owned()),
    }
}

impl IntoFuture for Incoming {
    type Output = Result<Notification>;
    type IntoFuture = Pending<Notification>;

    fn into_future(self) -> Self::IntoFuture {
        Pending::new(self.go(Driver::Caller))
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("body_bytes", &self.length)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}
