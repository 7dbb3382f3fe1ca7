//! What a log sees of a request: a span from its beginning to its end, an event for each attempt and its
//! outcome, and bodies for whoever asks for them.
//!
//! A span and an event whose level nobody listens to format nothing.

use std::borrow::Cow;
use std::time::Instant;

use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tracing::Span;
use tracing::field::Empty;

use crate::blanked::Blanked;
use crate::error::{Endpoint, Error, Short};

/// One request, as it is seen until it is dropped; then its span has all its fields.
pub(crate) struct Seen {
    span: Span,
    started: Instant,
    pub(crate) log: Log,
    /// The pointers to sensitive fields, beside those of the catalogue.
    blanks: Vec<String>,
    host: Option<Authority>,
    attempts: u32,
    sent_bytes: u64,
    received_bytes: u64,
    status: Option<StatusCode>,
    request_id: Option<HeaderValue>,
}

impl Seen {
    /// A request that begins now; `template` is its path without values.
    pub(crate) fn begin(
        method: &Method,
        template: impl FnOnce() -> Cow<'static, str>,
        log: Log,
    ) -> Self {
        Self::with(
            log,
            tracing::info_span!(
                target: "wechatpay_chain",
                "request",
                verb = method.as_str(),
                path = %Short(&template()),
                host = Empty,
                status = Empty,
                request_id = Empty,
                attempts = Empty,
                elapsed_ms = Empty,
                sent_bytes = Empty,
                received_bytes = Empty,
            ),
        )
    }

    /// What is not sent from here.
    pub(crate) fn none() -> Self {
        Self::with(Log::default(), Span::none())
    }

    fn with(log: Log, span: Span) -> Self {
        Self {
            span,
            started: Instant::now(),
            log,
            blanks: Vec::new(),
            host: None,
            attempts: 0,
            sent_bytes: 0,
            received_bytes: 0,
            status: None,
            request_id: None,
        }
    }

    /// What the request's own work runs in.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Says which fields of the bodies are sensitive, by JSON pointers.
    #[cfg(feature = "aws-lc-rs")]
    pub(crate) fn blank(&mut self, pointers: &[String]) {
        self.blanks.extend_from_slice(pointers);
    }

    /// Another attempt, of how many there were by now.
    pub(crate) fn attempt(&mut self, host: &Authority) -> u32 {
        self.attempts += 1;
        if !self.span.is_disabled() {
            self.host = Some(host.clone());
        }
        self.attempts
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(crate) fn sent(&mut self, bytes: u64) {
        self.sent_bytes = self.sent_bytes.saturating_add(bytes);
    }

    pub(crate) fn received(&mut self, bytes: usize) {
        self.received_bytes = self.received_bytes.saturating_add(bytes as u64);
    }

    pub(crate) fn answered(&mut self, status: StatusCode, headers: &HeaderMap) {
        if !self.span.is_disabled() {
            self.status = Some(status);
            self.request_id = headers.get("request-id").cloned();
        }
    }

    /// The body of a request, for whoever listens to bodies.
    pub(crate) fn request_body(&self, endpoint: &Endpoint, body: &[u8]) {
        if !body.is_empty() {
            let body = Blanked::new(endpoint, &self.blanks, body);
            tracing::trace!(target: "wechatpay_chain::body", %endpoint, %body, "request body");
        }
    }

    /// The body of an answer, not verified yet, for whoever listens to bodies.
    pub(crate) fn answer_body(&self, endpoint: &Endpoint, body: &[u8]) {
        if !body.is_empty() {
            let body = Blanked::new(endpoint, &self.blanks, body);
            tracing::trace!(target: "wechatpay_chain::body", %endpoint, %body, "answer body");
        }
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        let span = &self.span;
        if span.is_disabled() {
            return;
        }
        if let Some(host) = &self.host {
            span.record("host", host.as_str());
        }
        if let Some(status) = self.status {
            span.record("status", status.as_u16());
        }
        if let Some(Ok(id)) = self.request_id.as_ref().map(HeaderValue::to_str) {
            span.record("request_id", id);
        }
        let elapsed = self.started.elapsed().as_millis();
        span.record("attempts", self.attempts)
            .record("elapsed_ms", u64::try_from(elapsed).unwrap_or(u64::MAX))
            .record("sent_bytes", self.sent_bytes)
            .record("received_bytes", self.received_bytes);
    }
}

/// The events of a request, at the level that its caller wants.
#[derive(Clone, Copy, Default)]
pub(crate) struct Log {
    /// PHP's `debug`: INFO, else DEBUG.
    pub(crate) is_loud: bool,
}

/// An event at the level of a [`Log`].
macro_rules! event {
    ($log:expr, $($fields:tt)+) => {
        if $log.is_loud {
            tracing::info!(target: "wechatpay_chain", $($fields)+);
        } else {
            tracing::debug!(target: "wechatpay_chain", $($fields)+);
        }
    };
}

impl Log {
    pub(crate) fn attempt(
        self,
        endpoint: &Endpoint,
        host: &Authority,
        attempt: u32,
        body_bytes: u64,
    ) {
        event!(self, %endpoint, %host, attempt, body_bytes, "request");
    }

    pub(crate) fn answered(self, endpoint: &Endpoint, status: StatusCode, headers: &HeaderMap) {
        let request_id = headers.get("request-id");
        let request_id = request_id.and_then(|id| id.to_str().ok());
        event!(self, %endpoint, status = status.as_u16(), request_id, "answered");
    }

    pub(crate) fn failed(self, error: &Error) {
        event!(self, %error, "failed");
    }
}
