//! Notifications of APIv2: checked by their sign, or opened.

use std::fmt;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::{Core, missing};
use crate::error::{Check, DecodeError, Error, Result, Signed, Subject, VerifyError};
use crate::notification::LARGEST;
use crate::protocol::Distrust;
use crate::protocol::v2::notification::{Notice, Rejection, notification, reply_fail, reply_ok};

/// A notification of APIv2 that is this merchant's: see
/// [`Client::notification_v2`](crate::Client::notification_v2).
pub struct NotificationV2 {
    notice: Notice,
}

impl NotificationV2 {
    pub(crate) fn receive(core: &Core, body: &[u8]) -> Result<Self> {
        if core.secret.is_none() {
            let wanted = "the APIv2 key, which verifies payments and decrypts refunds";
            return Err(missing("secret", wanted));
        }
        if body.is_empty() || body.len() > LARGEST {
            let bytes = body.len();
            return Err(refusal(&[], Check::Body { bytes }.into()));
        }
        match notification(core.merchant(), body) {
            Ok(notice) => Ok(Self { notice }),
            Err(Rejection::Untrusted(distrust)) => Err(refusal(body, distrust)),
            Err(Rejection::Unreadable(error)) => Err(error),
        }
    }

    /// Whether it is about a refund.
    ///
    /// Nothing authenticates such a notification, not even its encryption: query the refund, and act
    /// on that answer.
    pub fn is_refund(&self) -> bool {
        matches!(self.notice, Notice::Refund { .. })
    }

    /// The fields, each a text: of a payment those that were signed, of a refund those that were
    /// encrypted. A payment succeeded only if `result_code` is `SUCCESS`.
    pub fn data(&self) -> &Value {
        match &self.notice {
            Notice::Signed(data) | Notice::Refund { data, .. } => data,
        }
    }

    /// The same as a type of the caller's.
    ///
    /// # Errors
    /// [`Error::Decode`] if they are not of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(self.data()).map_err(|error| {
            let error = DecodeError::json(&error);
            Error::Decode(Box::new(
                error.of("the notification is not of the shape wanted"),
            ))
        })
    }

    /// What stood around the encrypted part of a refund: `appid`, `mch_id`, `return_code`.
    pub fn envelope(&self) -> Option<&Value> {
        match &self.notice {
            Notice::Signed(_) => None,
            Notice::Refund { envelope, .. } => Some(envelope),
        }
    }

    /// The XML to answer with, status 200, once the notification was dealt with. Without it WeChat Pay
    /// repeats the notification.
    pub fn reply_ok() -> String {
        reply_ok()
    }

    /// The XML to answer with, status 200, when the notification could not be trusted or not be dealt
    /// with. It comes again later.
    pub fn reply_fail(message: impl AsRef<str>) -> String {
        reply_fail(message.as_ref())
    }
}

fn refusal(body: &[u8], distrust: Distrust) -> Error {
    Error::Verify(Box::new(VerifyError {
        subject: Subject::Notification,
        check: distrust.check,
        note: None,
        answer: http::Response::new(Bytes::copy_from_slice(body)),
        signed: distrust.text.map(Signed::V2),
    }))
}

impl fmt::Debug for NotificationV2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotificationV2")
            .field("is_refund", &self.is_refund())
            .finish_non_exhaustive()
    }
}
