use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

#[cfg(feature = "aws-lc-rs")]
use crate::catalogue::tree;
#[cfg(feature = "aws-lc-rs")]
use crate::error::SignedMessage;
use crate::error::{DecodeError, Error, Result};
#[cfg(feature = "aws-lc-rs")]
use crate::sensitive::{self, By};
#[cfg(feature = "aws-lc-rs")]
use crate::signer::MerchantKey;

/// A success: 2xx, with its signature checked or from an endpoint known to sign nothing; or the
/// redirect of one whose answer is for the user's browser.
pub struct Response {
    pub(crate) answer: http::Response<Bytes>,
    pub(crate) verified: bool,
    /// What the body was read as before it was trusted.
    pub(crate) data: Option<Value>,
    /// Of APIv3: what it answers, which tells the fields that the catalogue calls sensitive, and the
    /// merchant's key, which opens them.
    #[cfg(feature = "aws-lc-rs")]
    pub(crate) opens: Option<(SignedMessage, MerchantKey)>,
}

impl Response {
    /// The HTTP status: 2xx, or 302 for the user's browser.
    pub fn status(&self) -> StatusCode {
        self.answer.status()
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        self.answer.headers()
    }

    /// One header's first value, if it is text; names compare without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header_text(self.answer.headers(), name)
    }

    /// WeChat Pay's `Request-ID`, which its support asks for.
    pub fn request_id(&self) -> Option<&str> {
        self.header("request-id")
    }

    /// Where the answer points to, for pages that are meant for the user's browser: APIv2's
    /// `appauth/authindex` and the entrust pages.
    pub fn location(&self) -> Option<&str> {
        self.header(header::LOCATION.as_str())
    }

    /// The body as it came.
    pub fn bytes(&self) -> &Bytes {
        self.answer.body()
    }

    /// The body as text; bytes that are no UTF-8 become U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.answer.body()).into_owned()
    }

    /// The body as JSON, or as what its XML says, whose every text is a text; `Null` when there is
    /// none, as with 204.
    ///
    /// # Errors
    /// [`Error::Decode`] if the body is neither.
    pub fn data(&self) -> Result<Value> {
        match &self.data {
            Some(data) => Ok(data.clone()),
            None if self.answer.body().is_empty() => Ok(Value::Null),
            None => self.json(),
        }
    }

    /// The body, JSON or XML, as a type of the caller's.
    ///
    /// # Errors
    /// [`Error::Decode`] if the body is neither, or not of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let read = match &self.data {
            Some(data) => T::deserialize(data),
            None => serde_json::from_slice(self.answer.body()),
        };
        read.map_err(|error| Error::Decode(Box::new(DecodeError::json(&error))))
    }

    /// The body as JSON in which the texts that these JSON pointers name, `*` for each element of a
    /// list, are decrypted with the merchant's private key. A list may be empty, and a field null.
    ///
    /// # Errors
    /// [`Error::Decode`] for a pointer that matches nothing, and for a text that is no ciphertext or
    /// was not made for this key; it names the pointer and shows no value.
    #[cfg(feature = "aws-lc-rs")]
    #[cfg_attr(docsrs, doc(cfg(feature = "aws-lc-rs")))]
    pub fn decrypt<P: AsRef<str>>(&self, pointers: impl IntoIterator<Item = P>) -> Result<Value> {
        let pointers: Vec<P> = pointers.into_iter().collect();
        self.opened(&pointers, By::Reader)
    }

    /// The body as JSON in which what the catalogue calls sensitive is decrypted; what is absent or
    /// null stays so.
    ///
    /// # Errors
    /// [`Error::Decode`] as [`decrypt`](Self::decrypt), and for an endpoint of whose answer the
    /// catalogue knows no sensitive field.
    #[cfg(feature = "aws-lc-rs")]
    #[cfg_attr(docsrs, doc(cfg(feature = "aws-lc-rs")))]
    pub fn decrypt_known(&self) -> Result<Value> {
        let endpoint = self.opens.as_ref().and_then(|(request, _)| {
            let path = request.target.path().trim_start_matches('/');
            tree::walk(path).endpoint(request.method.as_str())
        });
        let pointers = endpoint.map(|endpoint| endpoint.sensitive_response().collect::<Vec<_>>());
        match pointers.unwrap_or_default().as_slice() {
            [] => Err(Error::ciphertext(
                "decrypt_known",
                "the catalogue knows no sensitive field of this answer; wanted: \
                 .decrypt([\"/pointer/to/field\"])",
            )),
            pointers => self.opened(pointers, By::Catalogue),
        }
    }

    #[cfg(feature = "aws-lc-rs")]
    fn opened(&self, pointers: &[impl AsRef<str>], by: By) -> Result<Value> {
        let Some((_, key)) = &self.opens else {
            return Err(Error::ciphertext(
                "decrypt",
                "nothing in an answer of APIv2 is encrypted for the merchant's key",
            ));
        };
        let mut data = self.data()?;
        sensitive::decrypt(&mut data, pointers, by, key.here()?)?;
        Ok(data)
    }

    /// Whether a signature was checked; `false` only for endpoints that sign nothing.
    pub fn verified(&self) -> bool {
        self.verified
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status())
            .field("request_id", &self.request_id())
            .field("verified", &self.verified)
            .field("body_bytes", &self.bytes().len())
            .finish_non_exhaustive()
    }
}

pub(crate) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
