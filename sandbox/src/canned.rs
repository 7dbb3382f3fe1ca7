//! Answers that a test gives for endpoints of its choice.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;

use crate::answer::{Answer, JSON, Signed, XML, add, valid};
use crate::apiv2::Call;
use crate::endpoint::Endpoint;
use crate::misbehaviour::Misbehaviour;
use crate::received::Received;
use crate::xml::{self, Fields};

/// An answer prepared for an endpoint: see [`Sandbox::answer_with`](crate::Sandbox::answer_with).
#[derive(Clone)]
#[must_use = "it does nothing before Sandbox::answer_with"]
pub struct CannedAnswer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
    signed: Signed,
    /// What APIv2 signs, instead of a body.
    fields: Option<Fields>,
}

impl CannedAnswer {
    /// An answer of this status with an empty body, signed. What is no status, or is below 200,
    /// becomes 500.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            signed: Signed::Body,
            fields: None,
        }
    }

    /// This JSON under this status, signed.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status)
            .header(CONTENT_TYPE.as_str(), JSON)
            .body(body.to_string())
    }

    /// These fields of a JSON object as APIv2's XML, with a `sign` as the request had it. `null` is
    /// left out; what is no text goes in as JSON writes it. A request of APIv3 gets an empty body.
    pub fn xml(status: u16, fields: &Value) -> Self {
        Self {
            fields: Some(Fields::default().given(fields)),
            ..Self::new(status).header(CONTENT_TYPE.as_str(), XML)
        }
    }

    /// One more header; one that no header can be is left out.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        add(&mut self.headers, name.as_ref(), value.as_ref());
        self
    }

    /// The body, byte for byte as it goes over the wire. A `Content-Encoding` is for the caller to
    /// apply, and to name in a header.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Bytes::from(body.into());
        self.fields = None;
        self
    }

    /// Signs this text instead of the body: for a body that is compressed, what it was before; for
    /// a statement overseas, `{"sha1":"…"}` with its `Wechatpay-Statement-Sha1`.
    pub fn signed_over(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.signed = Signed::Text(Bytes::from(text.into()));
        self
    }

    /// No signature and no `Request-ID`, as a file that is downloaded has none; no `sign` in
    /// [`xml`](Self::xml).
    pub fn unsigned(mut self) -> Self {
        self.signed = Signed::No;
        self
    }

    /// The answer to a request of APIv2, which signs nothing in headers.
    pub(crate) fn answer_apiv2(&self, call: &Call, misbehaviour: Option<&Misbehaviour>) -> Answer {
        let body = match &self.fields {
            None => self.body.clone(),
            Some(fields) => {
                let fields = match self.signed {
                    Signed::No => fields.clone(),
                    _ => call.sign(fields.clone(), misbehaviour),
                };
                Bytes::from(xml::write("xml", &fields))
            }
        };
        Answer::raw(valid(self.status), self.headers.clone(), body, Signed::No)
    }

    /// The answer to a request of APIv3.
    pub(crate) fn answer(&self) -> Answer {
        Answer::raw(
            valid(self.status),
            self.headers.clone(),
            self.body.clone(),
            self.signed.clone(),
        )
    }
}

impl fmt::Debug for CannedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CannedAnswer")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// The answers that were prepared, the latest last.
#[derive(Default)]
pub(crate) struct Canned {
    answers: Mutex<Vec<(Endpoint, CannedAnswer)>>,
    /// Those that are given once, the first first.
    once: Mutex<Vec<(Endpoint, CannedAnswer)>>,
}

impl Canned {
    /// Prepares an answer, in the place of one for the same method and path.
    pub(crate) fn add(&self, method: &str, path: &str, answer: CannedAnswer) {
        let endpoint = Endpoint::new(method, path);
        self.with(|answers| {
            answers.retain(|(known, _)| *known != endpoint);
            answers.push((endpoint, answer));
        });
    }

    /// Prepares an answer for one request.
    pub(crate) fn add_once(&self, endpoint: Endpoint, answer: CannedAnswer) {
        let mut once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        once.push((endpoint, answer));
    }

    pub(crate) fn clear(&self) {
        self.with(Vec::clear);
        let mut once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        once.clear();
    }

    /// The first answer that was prepared for one request such as this, which is used up with that,
    /// or else the latest one that was prepared for all of them.
    pub(crate) fn find(&self, request: &Received) -> Option<CannedAnswer> {
        let mut once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = once.iter().position(|(known, _)| known.matches(request)) {
            return Some(once.remove(index).1);
        }
        drop(once);
        self.with(|answers| {
            let mut answers = answers.iter().rev();
            let (_, answer) = answers.find(|(endpoint, _)| endpoint.matches(request))?;
            Some(answer.clone())
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<(Endpoint, CannedAnswer)>) -> T) -> T {
        act(&mut self.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_answer_that_fits_is_given() {
        let canned = Canned::default();
        let find = |method, target| {
            let request = Received::for_test(method, target, &[], "");
            canned.find(&request).map(|answer| answer.status)
        };
        assert_eq!(find("GET", "/v3/a"), None);
        canned.add("GET", "/v3/a", CannedAnswer::new(201));
        canned.add("GET", "/v3/a/*", CannedAnswer::new(202));
        canned.add("POST", "/v3/a", CannedAnswer::new(203));
        assert_eq!(find("GET", "/v3/a?b=c"), Some(201));
        assert_eq!(find("GET", "/v3/a/"), Some(202));
        assert_eq!(find("GET", "/v3/a/b/c?d"), Some(202));
        assert_eq!(find("POST", "/v3/a"), Some(203));
        assert_eq!(find("PUT", "/v3/a"), None);
        assert_eq!(find("GET", "/v3/ab"), None);
        canned.add("GET", "/v3/*", CannedAnswer::new(204));
        assert_eq!(find("GET", "/v3/a"), Some(204));
        canned.add("GET", "/v3/a", CannedAnswer::new(205));
        assert_eq!(find("GET", "/v3/a"), Some(205));
        canned.clear();
        assert_eq!(find("GET", "/v3/a"), None);
    }
}
