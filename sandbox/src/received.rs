//! One request as the gateway got it.

use bytes::Bytes;
use http::header::{HOST, HeaderMap};
use http::request::Parts;
use http::{Method, Version};
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};

use crate::apiv2::unescape;

/// Who is at the other end of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer {
    pub(crate) tls: bool,
    pub(crate) certificate: Option<CertificateDer<'static>>,
}

/// One request as the gateway got it: see [`Sandbox::received`](crate::Sandbox::received).
#[derive(Clone, Debug)]
pub struct Received {
    method: Method,
    target: String,
    host: String,
    headers: HeaderMap,
    body: Bytes,
    version: Version,
    peer: Peer,
    authenticated: bool,
    mismatch: Option<Mismatch>,
}

/// What a wrong signature should have been over, beside what it is over: see
/// [`Received::mismatch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    expected: String,
    signed: Option<String>,
}

impl Mismatch {
    pub(crate) fn new(expected: String, signed: Option<String>) -> Self {
        Self { expected, signed }
    }

    /// The message that should have been signed: of APIv3 the five lines, of APIv2 the name of the
    /// algorithm, a space and the fields with the key.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// The message that was signed instead, where it is one of the usual mistakes: without the
    /// query, with the host, with another form of the body, without the last line break, and some
    /// more. `None` for any other: a signature doesn't tell what it is over.
    #[must_use]
    pub fn signed(&self) -> Option<&str> {
        self.signed.as_deref()
    }
}

impl Received {
    pub(crate) fn new(parts: Parts, body: Bytes, peer: Peer) -> Self {
        // The text as it came: http::Uri keeps path and query byte for byte. It has neither for `*`
        // and for CONNECT.
        let target = match parts.uri.path_and_query() {
            Some(target) => target.as_str().to_owned(),
            None => parts.uri.to_string(),
        };
        let authority = parts.uri.authority().map(|authority| authority.as_str());
        let header = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        Self {
            method: parts.method,
            target,
            host: authority.or(header).unwrap_or_default().to_owned(),
            headers: parts.headers,
            body,
            version: parts.version,
            peer,
            authenticated: false,
            mismatch: None,
        }
    }

    /// The HTTP method, such as `POST`.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// The host that the request was for, and its port where it is not the scheme's own: the
    /// sandbox's own address, or one of WeChat Pay's hosts where the sandbox was the proxy.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path and the query exactly as they came over the wire: the second line of what was to be
    /// signed.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        match self.target.split_once('?') {
            Some((path, _)) => path,
            None => &self.target,
        }
    }

    /// The first value of this name in the query; empty where there is none.
    pub(crate) fn query(&self, name: &str) -> String {
        let (_, query) = self.target.split_once('?').unwrap_or_default();
        let mut pairs = query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let value = pairs.find(|(known, _)| *known == name);
        value
            .and_then(|(_, value)| unescape(value))
            .unwrap_or_default()
    }

    /// The first value of a header, looked up without regard to case; `None` when it is absent or
    /// not UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.headers.get(name)?.as_bytes()).ok()
    }

    /// All headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The raw bytes of the body; empty when it was over the limit (the answer is then 413).
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The version of HTTP: 1.1 or 2.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The client certificate of the connection on which the request came, in DER; `None` when none
    /// was sent, as over plain http. Whose it is, is checked where an endpoint needs one.
    #[must_use]
    pub fn client_certificate(&self) -> Option<&[u8]> {
        self.peer.certificate.as_deref()
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.peer.tls
    }

    /// Whether the request passed every check of who sent it: of its `Authorization`, or of an
    /// APIv2 request's client certificate, merchant number and `sign`.
    #[must_use]
    pub fn authenticated(&self) -> bool {
        self.authenticated
    }

    pub(crate) fn set_authenticated(&mut self) {
        self.authenticated = true;
    }

    /// What was signed, beside what should have been, when everything but the signature was right.
    #[must_use]
    pub fn mismatch(&self) -> Option<&Mismatch> {
        self.mismatch.as_ref()
    }

    pub(crate) fn set_mismatch(&mut self, mismatch: Mismatch) {
        self.mismatch = Some(mismatch);
    }

    pub(crate) fn json(&self) -> Value {
        let mismatch = self.mismatch.as_ref();
        json!({
            "method": self.method.as_str(),
            "host": self.host,
            "target": self.target,
            "body": String::from_utf8_lossy(&self.body),
            "authenticated": self.authenticated,
            "client_certificate": self.client_certificate().is_some(),
            "mismatch": mismatch.map(|mismatch| json!({
                "expected": mismatch.expected,
                "signed": mismatch.signed,
            })),
        })
    }

    #[cfg(test)]
    pub(crate) fn for_test(
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Self {
        let mut request = http::Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let body = Bytes::copy_from_slice(body.as_bytes());
        Self::new(parts, body, Peer::default())
    }
}
