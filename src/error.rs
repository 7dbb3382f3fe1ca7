use std::borrow::Cow;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::Value;

use crate::platform::is_public_key_id;
use crate::response::header_text;
use crate::transport::ArrivalError;

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Cause = Arc<dyn StdError + Send + Sync>;

/// Everything that can go wrong, one variant for each thing a caller does about it.
///
/// An error says what happened and what to do, on one line. After a failed payment the first
/// question is whether the request arrived: [`Error::may_have_been_sent`] is `false` only where
/// that is proved.
///
/// Neither `Display` nor `Debug` prints a key, a signature, an `Authorization` header, a body, a
/// query or the value in a path.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is missing, malformed, or contradicts another.
    ///
    /// When: in [`ClientBuilder::build`](crate::ClientBuilder::build),
    /// [`Client::factory`](crate::Client::factory), [`Client::from_env`](crate::Client::from_env),
    /// or on a call to the API version that the client has no settings for, or to an endpoint that
    /// wants the merchant certificate where the client has none.
    /// What to do: correct the setting that is named; no request was made.
    #[error(transparent)]
    Config(Box<ConfigError>),
    /// A key or certificate can't be loaded.
    ///
    /// When: while a key is read from a file or a text, or when it has not the length that a
    /// cipher wants.
    /// What to do: compare what was seen with what is wanted; the OpenSSL command in the message
    /// shows what the file holds.
    #[error(transparent)]
    Key(Box<KeyError>),
    /// What was asked for can't be sent.
    ///
    /// When: before a connection is opened; an unknown option, a name in two queries, an address
    /// that may not see the `Authorization` header.
    /// What to do: write the part that is named as the message says.
    #[error(transparent)]
    Request(Box<RequestError>),
    /// A variable of the path is missing or unknown.
    ///
    /// When: before a connection is opened.
    /// What to do: fill the variable with `.var(name, value)`, or correct its name.
    #[error(transparent)]
    Template(Box<TemplateError>),
    /// No connection could be made: name lookup, TCP or TLS failed, or a proxy refused.
    ///
    /// When: before the request was written, so it did not arrive.
    /// What to do: repeat it; see to the network, proxy or certificate that the message names.
    #[error(transparent)]
    Connect(Box<NetworkError>),
    /// A limit of time ran out.
    ///
    /// When: in the phase that [`NetworkError::phase`] names.
    /// What to do: if [`Error::may_have_been_sent`], query the order before repeating.
    #[error(transparent)]
    Timeout(Box<NetworkError>),
    /// The connection broke before the whole answer was there.
    ///
    /// When: after a connection was made.
    /// What to do: if [`Error::may_have_been_sent`], query the order before repeating.
    #[error(transparent)]
    Transport(Box<NetworkError>),
    /// The answer is a redirect, which is never followed: a signature is for one address.
    ///
    /// When: on a 3xx.
    /// What to do: look at [`RedirectError::location`]; a redirect usually means a wrong host or a
    /// captive portal.
    #[error(transparent)]
    Redirect(Box<RedirectError>),
    /// WeChat Pay refused: a 4xx or 5xx, or an APIv2 answer that says FAIL.
    ///
    /// When: the gateway answered with an error.
    /// What to do: act by [`ApiError::code`]; a 401 `SIGN_ERROR` explains itself in the message.
    #[error(transparent)]
    Api(Box<ApiError>),
    /// A success that can't be trusted, since its signature was not there or is not right.
    ///
    /// When: on a 2xx, or on a notification.
    /// What to do: treat it as unknown, not as failed: query the order. [`VerifyError::check`]
    /// tells which check failed.
    #[error(transparent)]
    Verify(Box<VerifyError>),
    /// A body or a ciphertext is not what it says.
    ///
    /// When: while an answer is read as JSON or XML, or a ciphertext is opened.
    /// What to do: look at the bytes at the position that is given; for a ciphertext, see to the key
    /// that the message names.
    #[error(transparent)]
    Decode(Box<DecodeError>),
}

const _: () = assert!(size_of::<Error>() <= 24);

impl Error {
    /// WeChat Pay's own error, when there is one.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }

    /// WeChat Pay's `Request-ID`, which its support asks for.
    pub fn request_id(&self) -> Option<&str> {
        header_text(self.answer_headers()?, "request-id")
    }

    /// Whether a limit of time ran out.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    /// Whether no connection could be made, be it by a failure or by a timeout.
    pub fn is_connect(&self) -> bool {
        match self {
            Self::Connect(_) => true,
            Self::Timeout(error) => error.phase.is_before_sending(),
            _ => false,
        }
    }

    /// Whether the same request may succeed if it is made again.
    ///
    /// True for 429, for a 5xx with `SYSTEM_ERROR` or `FREQUENCY_LIMITED`, and when it is proved
    /// that the request was not sent; never for [`Error::Verify`]. Repeat with the same order
    /// number, never with a new one.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Api(error) => error.is_retryable(),
            Self::Connect(_) | Self::Timeout(_) | Self::Transport(_) => !self.may_have_been_sent(),
            _ => false,
        }
    }

    /// Whether WeChat Pay may have received the request.
    ///
    /// `false` only where the opposite is proved. `true` means: query before you repeat.
    pub fn may_have_been_sent(&self) -> bool {
        if self.endpoint().is_some_and(Endpoint::is_errand) {
            return false;
        }
        match self {
            Self::Config(_) | Self::Key(_) | Self::Request(_) | Self::Template(_) => false,
            Self::Connect(error) | Self::Timeout(error) | Self::Transport(error) => {
                error.may_have_been_sent
            }
            // A notification is no request.
            Self::Verify(error) => matches!(error.subject, Subject::Answer { .. }),
            Self::Redirect(_) | Self::Api(_) | Self::Decode(_) => true,
        }
    }

    /// The attempts before the one that this error is about, where
    /// [`Request::retry`](crate::Request::retry) made several; the first one first.
    pub fn attempts(&self) -> &[Attempt] {
        match self {
            Self::Connect(error) | Self::Timeout(error) | Self::Transport(error) => &error.attempts,
            Self::Api(error) => &error.attempts,
            _ => &[],
        }
    }

    /// The text that was signed for this request, without the signature; of APIv2 without the key, too.
    ///
    /// Of an answer or a notification of APIv2 whose sign is wrong it is the text that this sign should
    /// cover. It holds the body: keep it out of logs that others read.
    pub fn signed_message(&self) -> Option<String> {
        let signed = match self {
            Self::Connect(error) | Self::Timeout(error) | Self::Transport(error) => {
                error.signed.as_ref()
            }
            Self::Redirect(error) => error.signed.as_ref(),
            Self::Api(error) => error.signed.as_ref(),
            Self::Verify(error) => error.signed.as_ref(),
            _ => None,
        };
        signed.map(Signed::text)
    }

    /// The answer as it came, for PHP's `->otherwise(fn($e) => $e->getResponse())`.
    ///
    /// Nothing in it is to be trusted: it is an error's, or its signature was not verified.
    pub fn into_response(self) -> Option<http::Response<Bytes>> {
        match self {
            Self::Api(error) => Some(error.answer),
            Self::Verify(error) => Some(error.answer),
            Self::Redirect(error) => Some(error.answer),
            _ => None,
        }
    }

    /// Whether it may pass by itself, for a request that changes nothing more when it is repeated.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Timeout(_) => true,
            // One that is too large stays so.
            Self::Transport(error) => !error.is_about_size(),
            _ => self.is_retryable(),
        }
    }

    /// How long the answer asks to wait, in seconds.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let header = header_text(self.answer_headers()?, header::RETRY_AFTER.as_str())?;
        header.trim().parse().ok().map(Duration::from_secs)
    }

    /// Lists the attempts before this one. If one of them may have arrived, the request may have.
    pub(crate) fn after(mut self, attempts: Vec<Attempt>) -> Self {
        match &mut self {
            Self::Connect(error) | Self::Timeout(error) | Self::Transport(error) => {
                error.may_have_been_sent |= attempts.iter().any(Attempt::may_have_been_sent);
                error.attempts = attempts;
            }
            Self::Api(error) => error.attempts = attempts,
            _ => {}
        }
        self
    }

    fn answer_headers(&self) -> Option<&HeaderMap> {
        match self {
            Self::Api(error) => Some(error.answer.headers()),
            Self::Verify(error) => Some(error.answer.headers()),
            Self::Redirect(error) => Some(error.answer.headers()),
            _ => None,
        }
    }

    pub(crate) fn config(
        setting: impl Into<Cow<'static, str>>,
        given: impl Into<String>,
        wanted: impl Into<String>,
    ) -> Self {
        Self::Config(Box::new(ConfigError {
            setting: setting.into(),
            given: given.into(),
            wanted: wanted.into(),
        }))
    }

    pub(crate) fn request(part: impl Into<String>, wanted: impl Into<String>) -> Self {
        Self::Request(Box::new(RequestError {
            endpoint: None,
            part: part.into(),
            wanted: wanted.into(),
        }))
    }

    /// A mistake in a template, which whoever knows the whole path adds by `at`.
    pub(crate) fn template(name: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Template(Box::new(TemplateError {
            name: name.into(),
            template: String::new(),
            problem: problem.into(),
        }))
    }

    /// Certificates that can't be taken.
    pub(crate) fn certificates(endpoint: Endpoint, problem: String) -> Self {
        Self::Decode(Box::new(DecodeError {
            endpoint: Some(endpoint),
            what: "platform certificates",
            problem,
            position: None,
        }))
    }

    /// An answer that names no bill that can be fetched.
    pub(crate) fn bill(endpoint: Endpoint, problem: String) -> Self {
        Self::Decode(Box::new(DecodeError {
            endpoint: Some(endpoint),
            what: "the answer names no bill that can be fetched",
            problem,
            position: None,
        }))
    }

    /// A ciphertext that can't be opened.
    pub(crate) fn ciphertext(what: &'static str, problem: impl Into<String>) -> Self {
        Self::Decode(Box::new(DecodeError::ciphertext(what, problem)))
    }

    /// XML that can't be read, and the byte at which that shows.
    pub(crate) fn xml(problem: &'static str, text: &str, offset: usize) -> Self {
        Self::Decode(Box::new(DecodeError::xml(problem, text, offset)))
    }

    /// Says which endpoint a mistake belongs to, where the place that found it could not know.
    pub(crate) fn at(mut self, endpoint: &Endpoint) -> Self {
        match &mut self {
            Self::Request(error) => {
                error.endpoint.get_or_insert_with(|| endpoint.clone());
            }
            Self::Template(error) => error.template = endpoint.template.to_string(),
            Self::Decode(error) => {
                error.endpoint.get_or_insert_with(|| endpoint.clone());
            }
            _ => {}
        }
        self
    }

    /// Says for which request something else was fetched in vain: it was not sent.
    pub(crate) fn before(mut self, request: &Endpoint) -> Self {
        let endpoint = match &mut self {
            Self::Connect(error) | Self::Timeout(error) | Self::Transport(error) => {
                error.may_have_been_sent = false;
                &mut error.endpoint
            }
            Self::Redirect(error) => &mut error.endpoint,
            Self::Api(error) => &mut error.endpoint,
            Self::Verify(error) => match &mut error.subject {
                Subject::Answer { endpoint, .. } => endpoint,
                Subject::Notification => return self,
            },
            Self::Decode(error) => match &mut error.endpoint {
                Some(endpoint) => endpoint,
                None => return self,
            },
            Self::Config(_) | Self::Key(_) | Self::Request(_) | Self::Template(_) => return self,
        };
        endpoint.errand_of = Some(Box::new(request.clone()));
        self
    }

    /// Whose call it is that went wrong, where it had begun.
    fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Connect(error) | Self::Timeout(error) | Self::Transport(error) => {
                Some(&error.endpoint)
            }
            Self::Redirect(error) => Some(&error.endpoint),
            Self::Api(error) => Some(&error.endpoint),
            Self::Verify(error) => match &error.subject {
                Subject::Answer { endpoint, .. } => Some(endpoint),
                Subject::Notification => None,
            },
            Self::Decode(error) => error.endpoint.as_ref(),
            Self::Config(_) | Self::Key(_) | Self::Request(_) | Self::Template(_) => None,
        }
    }

    /// Says which setting a key belongs to, where the key itself could not know.
    pub(crate) fn setting(mut self, setting: &str) -> Self {
        if let Self::Key(error) = &mut self {
            error.setting.get_or_insert_with(|| setting.to_owned());
        }
        self
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Config(_) => "Config",
            Self::Key(_) => "Key",
            Self::Request(_) => "Request",
            Self::Template(_) => "Template",
            Self::Connect(_) => "Connect",
            Self::Timeout(_) => "Timeout",
            Self::Transport(_) => "Transport",
            Self::Redirect(_) => "Redirect",
            Self::Api(_) => "Api",
            Self::Verify(_) => "Verify",
            Self::Decode(_) => "Decode",
        };
        write!(f, "{name}({self})")
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Which setting is wrong, what was given, and what is wanted.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {}; wanted: {wanted}", OneLine(setting), OneLine(given))]
pub struct ConfigError {
    setting: Cow<'static, str>,
    given: String,
    wanted: String,
}

impl ConfigError {
    /// The name of the setting, as the builder has it.
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// What was given; a secret is described, never shown.
    pub fn given(&self) -> &str {
        &self.given
    }

    /// What is wanted instead.
    pub fn wanted(&self) -> &str {
        &self.wanted
    }
}

/// Which key can't be loaded, what was seen in it, and how to look at it.
#[derive(Debug, Clone)]
pub struct KeyError {
    pub(crate) setting: Option<String>,
    pub(crate) origin: String,
    pub(crate) seen: String,
    pub(crate) wanted: String,
    pub(crate) command: Option<String>,
}

impl KeyError {
    /// Where the key came from: a file's address, or the form of the text; never the key.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The format that was recognised, or what stands in its way.
    pub fn seen(&self) -> &str {
        &self.seen
    }

    /// The OpenSSL command that shows what the file holds.
    pub fn command(&self) -> Option<&str> {
        self.command.as_deref()
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(setting) = &self.setting {
            write!(f, "{setting}: ")?;
        }
        let (origin, seen) = (OneLine(&self.origin), OneLine(&self.seen));
        write!(f, "{origin}: {seen}; wanted: {}", self.wanted)?;
        match &self.command {
            Some(command) => write!(f, "; to look at it: {}", OneLine(command)),
            None => Ok(()),
        }
    }
}

impl StdError for KeyError {}

/// Which part of a request can't be sent, and the way to write it.
#[derive(Debug, Clone)]
pub struct RequestError {
    endpoint: Option<Endpoint>,
    part: String,
    wanted: String,
}

impl RequestError {
    /// The part of the request that can't be sent.
    pub fn part(&self) -> &str {
        &self.part
    }

    /// The way to write it.
    pub fn wanted(&self) -> &str {
        &self.wanted
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(endpoint) = &self.endpoint {
            write!(f, "{endpoint}: ")?;
        }
        write!(f, "{}: {}", OneLine(&self.part), self.wanted)
    }
}

impl StdError for RequestError {}

/// Which variable of which path template is missing or unknown.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {}", OneLine(template), OneLine(problem))]
pub struct TemplateError {
    name: String,
    template: String,
    problem: String,
}

impl TemplateError {
    /// The variable's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path template.
    pub fn template(&self) -> &str {
        &self.template
    }
}

/// How far a request had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Waiting for a connection to become free, or for the I/O thread.
    Queue,
    /// Waiting for the signature of a [`Signer`](crate::Signer).
    Signing,
    /// Waiting for the platform certificates that the answer will be verified with.
    Certificates,
    /// Looking up the host's name.
    Lookup,
    /// Opening the TCP connection.
    Connect,
    /// Through a proxy: connecting to it, and waiting for it to connect to the server.
    Proxy,
    /// The TLS handshake.
    Handshake,
    /// The request was handed to a connection; nothing of the answer was there yet.
    Exchange,
    /// The answer's headers had come, its body not wholly.
    Read,
}

impl Phase {
    pub(crate) fn is_before_sending(self) -> bool {
        !matches!(self, Self::Exchange | Self::Read)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queue => "waiting for a connection to",
            Self::Signing => "waiting for the signature of a request to",
            Self::Certificates => "waiting for the platform certificates of",
            Self::Lookup => "looking up",
            Self::Connect => "connecting to",
            Self::Proxy => "going through a proxy to",
            Self::Handshake => "TLS handshake with",
            Self::Exchange => "waiting for the answer of",
            Self::Read => "reading the answer of",
        })
    }
}

/// A failure of the network: how far the request had come, to which host, and whether it may
/// have arrived.
#[derive(Clone)]
pub struct NetworkError {
    pub(crate) endpoint: Endpoint,
    pub(crate) phase: Phase,
    pub(crate) host: Authority,
    pub(crate) may_have_been_sent: bool,
    pub(crate) limit: Option<(&'static str, Duration)>,
    pub(crate) cause: Option<Cause>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) signed: Option<Signed>,
}

impl NetworkError {
    /// How far the request had come.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The host, and its port where it is not the scheme's own.
    pub fn host(&self) -> &str {
        self.host.as_str()
    }

    /// Whether WeChat Pay may have received the request; `false` only where it is proved.
    pub fn may_have_been_sent(&self) -> bool {
        self.may_have_been_sent
    }

    /// The limit that ran out, for [`Error::Timeout`].
    pub fn limit(&self) -> Option<Duration> {
        self.limit.map(|(_, limit)| limit)
    }
}

impl NetworkError {
    fn is_about_size(&self) -> bool {
        let cause = self.cause.as_deref();
        let cause = cause.and_then(|cause| cause.downcast_ref::<ArrivalError>());
        matches!(cause, Some(ArrivalError::TooLarge { .. }))
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}: ", self.endpoint, self.phase, self.host)?;
        if let Some((name, limit)) = self.limit {
            write!(f, "{name} of {} s ran out", limit.as_secs_f64())?;
        }
        if let Some(cause) = self.cause.as_deref() {
            let lead = if self.limit.is_some() { ": " } else { "" };
            write!(f, "{lead}{}", with_causes(cause))?;
        }
        write!(f, "{}", Before(&self.attempts))?;
        f.write_str(if self.may_have_been_sent {
            "; the request may have been received: query before repeating it"
        } else {
            "; the request was not sent"
        })
    }
}

impl fmt::Debug for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkError")
            .field("endpoint", &self.endpoint)
            .field("phase", &self.phase)
            .field("host", &self.host)
            .field("may_have_been_sent", &self.may_have_been_sent)
            .field("limit", &self.limit)
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

impl StdError for NetworkError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// One of several attempts to make a request, which failed.
#[derive(Debug, Clone)]
pub struct Attempt {
    outcome: String,
    may_have_been_sent: bool,
}

impl Attempt {
    pub(crate) fn of(error: &Error) -> Self {
        let outcome = match error {
            Error::Api(error) => {
                let outcome = format!("{} {}", error.status().as_u16(), Short(error.code()));
                outcome.trim_end().to_owned()
            }
            Error::Timeout(error) => format!("{} {} took too long", error.phase, error.host),
            Error::Connect(error) | Error::Transport(error) => {
                format!("{} {} failed", error.phase, error.host)
            }
            other => other.to_string(),
        };
        Self {
            outcome,
            may_have_been_sent: error.may_have_been_sent(),
        }
    }

    /// How it ended, in a few words.
    pub fn outcome(&self) -> &str {
        &self.outcome
    }

    /// Whether WeChat Pay may have received it.
    pub fn may_have_been_sent(&self) -> bool {
        self.may_have_been_sent
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.outcome)
    }
}

/// The attempts before the last one, in an error.
struct Before<'a>(&'a [Attempt]);

impl fmt::Display for Before<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, attempt) in self.0.iter().enumerate() {
            let lead = if index == 0 { "; before it: " } else { ", " };
            write!(f, "{lead}{}", OneLine(&attempt.outcome))?;
        }
        Ok(())
    }
}

/// A redirect, which was not followed.
#[derive(Clone)]
pub struct RedirectError {
    pub(crate) endpoint: Endpoint,
    pub(crate) answer: http::Response<Bytes>,
    pub(crate) signed: Option<Signed>,
}

impl RedirectError {
    /// The status, 3xx.
    pub fn status(&self) -> StatusCode {
        self.answer.status()
    }

    /// Where the answer points to. It may hold a credential in its query.
    pub fn location(&self) -> Option<&str> {
        header_text(self.answer.headers(), header::LOCATION.as_str())
    }
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.endpoint, self.answer.status().as_u16())?;
        if let Some(location) = self.location() {
            let bare = location.split(['?', '#']).next().unwrap_or_default();
            match bare.parse::<http::Uri>() {
                // Without a scheme, what is parsed as a host is the end of a path.
                Ok(uri) => match uri.host().filter(|_| uri.scheme().is_some()) {
                    Some(host) => write!(f, " to the host {host}")?,
                    None => f.write_str(" to a path of the same host")?,
                },
                Err(_) => f.write_str(" to an address that is none")?,
            }
        }
        f.write_str("; a redirect is never followed: check base_uri and what stands between")
    }
}

impl fmt::Debug for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedirectError({self})")
    }
}

impl StdError for RedirectError {}

/// WeChat Pay's refusal: a 4xx or 5xx with its code and message.
#[derive(Clone)]
pub struct ApiError {
    pub(crate) endpoint: Endpoint,
    pub(crate) answer: http::Response<Bytes>,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) body: Value,
    pub(crate) signature: SignatureState,
    pub(crate) hint: Option<String>,
    pub(crate) signed: Option<Signed>,
    pub(crate) attempts: Vec<Attempt>,
}

/// Whether an error's answer carried a signature, and whether it is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureState {
    /// It carried none, as many errors do.
    Absent,
    /// It verified: the error comes from WeChat Pay.
    Verified,
    /// It is by a key that is not known here.
    Unknown,
    /// It did not verify.
    Invalid,
}

impl ApiError {
    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.answer.status()
    }

    /// WeChat Pay's code, such as `PARAM_ERROR`; empty when the answer has none.
    ///
    /// Of APIv2 the first that is there of `err_code`, `error_code`, `retcode` and `return_code`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// WeChat Pay's message; empty when the answer has none.
    ///
    /// Of APIv2 the first that is there of `err_code_des`, `return_msg` and `retmsg`; of an HTML page
    /// its title.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The answer's `detail`, of any type; absent and `null` are `None`.
    pub fn detail(&self) -> Option<&Value> {
        self.body.get("detail").filter(|detail| !detail.is_null())
    }

    /// WeChat Pay's `Request-ID`, which its support asks for.
    pub fn request_id(&self) -> Option<&str> {
        header_text(self.answer.headers(), "request-id")
    }

    /// The raw body.
    pub fn bytes(&self) -> &Bytes {
        self.answer.body()
    }

    /// Whether the answer carried a signature, and whether it verified.
    pub fn signature(&self) -> SignatureState {
        self.signature
    }

    /// What this library can tell beyond the gateway's words.
    ///
    /// For a 401 `SIGN_ERROR` it sets the message that was signed here beside the one that the
    /// gateway built.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    fn is_retryable(&self) -> bool {
        let status = self.answer.status();
        status == StatusCode::TOO_MANY_REQUESTS
            || (status.is_server_error()
                && matches!(self.code(), "SYSTEM_ERROR" | "FREQUENCY_LIMITED"))
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.endpoint, self.answer.status().as_u16())?;
        if !self.code().is_empty() {
            write!(f, " {}", Short(self.code()))?;
        }
        if !self.message().is_empty() {
            // The title of a server's page begins with the status.
            let status = self.answer.status();
            let message = self.message();
            let message = message.strip_prefix(status.as_str()).unwrap_or(message);
            write!(f, ": {}", Short(message.trim_start()))?;
        }
        if let Some(detail) = self.detail() {
            for name in ["field", "value", "issue"] {
                // The issue of a wrong signature stands one level deeper.
                let deeper = detail
                    .pointer("/detail")
                    .and_then(|deeper| deeper.get(name));
                match detail.get(name).or(deeper) {
                    None | Some(Value::Null) => {}
                    Some(Value::String(text)) => write!(f, ", {name} {:?}", Short(text))?,
                    Some(other) => write!(f, ", {name} {}", Short(&other.to_string()))?,
                }
            }
        }
        if self.code().is_empty() && self.message().is_empty() {
            write!(f, ": no code and no message, but {}", Outline(&self.answer))?;
            if self.signature == SignatureState::Absent {
                f.write_str("; a proxy before WeChat Pay may have answered")?;
            }
        }
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        if self.signature == SignatureState::Invalid {
            f.write_str("; the signature this answer carries does not verify")?;
        }
        write!(f, "{}", Before(&self.attempts))?;
        let is_failure_of_theirs =
            self.answer.status().is_server_error() || self.code() == "SYSTEMERROR";
        if is_failure_of_theirs && !self.endpoint.has_no_effect() {
            f.write_str("; its effect is unknown: query before repeating it")?;
        }
        write!(f, "{}", RequestId(self.answer.headers()))
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("endpoint", &self.endpoint)
            .field("status", &self.status())
            .field("code", &self.code())
            .field("message", &self.message())
            .field("request_id", &self.request_id())
            .field("signature", &self.signature)
            .field("body_bytes", &self.bytes().len())
            .finish_non_exhaustive()
    }
}

impl StdError for ApiError {}

/// Which check a success did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Check {
    /// Headers of the signature are missing.
    #[non_exhaustive]
    Headers {
        /// Their names.
        missing: Vec<&'static str>,
    },
    /// A header of the signature is not what it must be.
    #[non_exhaustive]
    Malformed {
        /// The header's name.
        header: &'static str,
        /// What it holds; empty where that is no text, or two different ones.
        given: String,
    },
    /// The clocks differ by more than 300 s.
    #[non_exhaustive]
    Clock {
        /// The time here, seconds since 1970.
        local: u64,
        /// The time in the answer, seconds since 1970.
        remote: u64,
    },
    /// The key that signed is not among the configured ones.
    #[non_exhaustive]
    Serial {
        /// The serial that the answer names.
        unknown: String,
        /// The serials that are configured.
        known: Vec<String>,
    },
    /// The signature does not fit the bytes of the answer.
    Signature,
    /// The verifier that is elsewhere said neither yes nor no.
    #[non_exhaustive]
    Elsewhere {
        /// Why.
        reason: String,
    },
    /// A notification's body is empty, or larger than 1 MB.
    #[non_exhaustive]
    Body {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The signature covers a digest, and the content has another one.
    #[non_exhaustive]
    Digest {
        /// The header that holds the digest.
        header: &'static str,
    },
    /// A bill has not the digest that was promised when it was asked for.
    #[non_exhaustive]
    Bill {
        /// The SHA-1 that was promised, in hex.
        promised: String,
        /// The SHA-1 of the unzipped bytes that came.
        found: String,
    },
    /// The signature is one of WeChat Pay's probes, which are wrong on purpose.
    Probe,
    /// An APIv2 answer says neither that it is a success nor that it is a failure.
    NoCode,
    /// An APIv2 answer or notification has no `sign`.
    NoSign,
    /// The `sign` of APIv2 does not fit the fields.
    WrongSign,
    /// An APIv2 notification is another merchant's.
    #[non_exhaustive]
    OtherMerchant {
        /// The field that says so.
        field: &'static str,
        /// The merchant number in it.
        given: String,
    },
    /// There is no APIv2 key here to check the `sign` with.
    NoSecret,
}

/// What can't be trusted.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    Answer { endpoint: Endpoint, host: Authority },
    Notification,
}

/// A success, or a notification, that can't be trusted.
#[derive(Clone)]
pub struct VerifyError {
    pub(crate) subject: Subject,
    pub(crate) check: Check,
    /// What else is known: why a fetch of certificates did not help, what a wrong signature may mean.
    pub(crate) note: Option<String>,
    pub(crate) answer: http::Response<Bytes>,
    pub(crate) signed: Option<Signed>,
}

impl VerifyError {
    /// Which check failed.
    pub fn check(&self) -> &Check {
        &self.check
    }

    /// The whole unverified answer, for inspection; of a notification its body and those of its
    /// headers that were looked at.
    pub fn response(&self) -> &http::Response<Bytes> {
        &self.answer
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = match &self.subject {
            Subject::Answer { endpoint, host } => {
                let status = self.answer.status().as_u16();
                write!(f, "{endpoint}: {status} of {host} can't be trusted: ")?;
                "answer"
            }
            Subject::Notification => {
                f.write_str("a notification can't be trusted: ")?;
                "notification"
            }
        };
        let is_notification = matches!(self.subject, Subject::Notification);
        match &self.check {
            Check::Headers { missing } if is_notification => write!(
                f,
                "{} missing among its headers: hand over those of the request as they came",
                missing.join(", ")
            ),
            Check::Elsewhere { reason } => write!(
                f,
                "its signature is to be verified elsewhere: {}",
                OneLine(reason)
            ),
            Check::Body { bytes: 0 } => f.write_str(
                "its body is empty: something before has probably read it; hand over the raw bytes",
            ),
            Check::Body { bytes } => write!(f, "its body of {bytes} bytes is larger than 1 MB"),
            Check::Headers { missing } => write!(
                f,
                "it did not come from WeChat Pay, or not unchanged: {} missing, {}; a proxy or a \
                 captive portal may have answered",
                missing.join(", "),
                Outline(&self.answer)
            ),
            Check::Malformed { header, given } => {
                let is_empty = given.is_empty();
                let given = Short(given);
                match *header {
                    _ if is_empty => write!(
                        f,
                        "{header} has a value which is no text, or two different ones, or is empty"
                    ),
                    "Wechatpay-Signature-Type" => write!(
                        f,
                        "{header} is {given:?}, an algorithm this version does not know; wanted: \
                         WECHATPAY2-SHA256-RSA2048"
                    ),
                    "Wechatpay-Timestamp" => write!(
                        f,
                        "{header} is {given:?}, which is no number of seconds since 1970"
                    ),
                    "Content-Encoding" => write!(
                        f,
                        "{header} is {given:?}, and its body is not that, or this version can't undo \
                         it; wanted: gzip or none"
                    ),
                    _ => write!(f, "{header} is {given:?}, which can't be"),
                }
            }
            Check::Clock { local, remote } => {
                write!(
                    f,
                    "the clock here says {local}, the {noun} {remote}: {} s apart, at most 300 s \
                     are allowed; this machine's clock is ",
                    local.abs_diff(*remote)
                )?;
                if local < remote {
                    write!(f, "behind, or the {noun}'s is ahead")
                } else if is_notification {
                    f.write_str(
                        "ahead, or the notification is an old one: a stored one can't be replayed, \
                         .at(time) checks it against its own time, and tests use the sandbox",
                    )
                } else {
                    f.write_str("ahead, or the answer is an old one")
                }
            }
            Check::Serial { unknown, known } => {
                write!(
                    f,
                    "it is signed by {:?}, which is not among the configured keys ({})",
                    Short(unknown),
                    known.join(", ")
                )?;
                f.write_str(if !is_public_key_id(unknown) {
                    "; add this platform certificate with .cert(serial, \"file:///…\")"
                } else if known.iter().any(|known| is_public_key_id(known)) {
                    "; compare the ID of the public key with the merchant platform's, and add this \
                     key with .cert(\"PUB_KEY_ID_…\", \"file:///…\") beside the others"
                } else {
                    "; this merchant is being moved to the public key: download it on the merchant \
                     platform and add .cert(\"PUB_KEY_ID_…\", \"file:///…\") beside the \
                     certificates"
                })
            }
            Check::Signature => f.write_str(
                "its signature does not fit its bytes, or the key configured under this serial is \
                 another one",
            ),
            Check::Digest { header } => write!(
                f,
                "its signature is right, but its content has not the digest that {header} promises"
            ),
            Check::Bill { promised, found } => write!(
                f,
                "the SHA-1 of the bill is {found}, and {promised} was promised when it was asked for; \
                 fetch it again"
            ),
            Check::Probe => f.write_str(
                "its signature is one of WeChat Pay's probes (WECHATPAY/SIGNTEST/…), sent to see \
                 whether wrong signatures are refused",
            ),
            Check::NoCode => write!(
                f,
                "it has no return_code, {}; a proxy or a captive portal may have answered",
                Outline(&self.answer)
            ),
            Check::NoSign if is_notification => f.write_str(
                "it has neither the sign of a payment nor the req_info of a refund, so anybody may \
                 have sent it",
            ),
            Check::NoSign => f.write_str("it has no sign, so anybody may have made it"),
            Check::WrongSign => f.write_str(
                "its sign does not fit its fields: it was altered, or the APIv2 key (secret) here is \
                 not the one set on the merchant platform",
            ),
            Check::OtherMerchant { field, given } => write!(
                f,
                "it is another merchant's: its {field} is {:?}; wanted: the client of that merchant",
                Short(given)
            ),
            Check::NoSecret => f.write_str(
                "it has a sign, and there is no APIv2 key (secret) here to check it with",
            ),
        }?;
        if let Some(note) = &self.note {
            write!(f, "; {note}")?;
        }
        match &self.subject {
            Subject::Answer { endpoint, .. } if !endpoint.has_no_effect() => {
                f.write_str("; its effect is unknown: query before repeating it")?;
            }
            _ => {}
        }
        write!(f, "{}", RequestId(self.answer.headers()))
    }
}

impl fmt::Debug for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyError")
            .field("subject", &self.subject)
            .field("status", &self.answer.status())
            .field("check", &self.check)
            .field("body_bytes", &self.answer.body().len())
            .finish_non_exhaustive()
    }
}

impl StdError for VerifyError {}

/// A body or a ciphertext that is not what it says.
#[derive(Debug, Clone)]
pub struct DecodeError {
    endpoint: Option<Endpoint>,
    what: &'static str,
    problem: String,
    /// Line and column.
    position: Option<(usize, usize)>,
}

impl DecodeError {
    pub(crate) fn json(error: &serde_json::Error) -> Self {
        let problem = match error.classify() {
            serde_json::error::Category::Eof => "the text ends too early".to_owned(),
            serde_json::error::Category::Data => shape(&error.to_string()),
            _ => "the text is no JSON".to_owned(),
        };
        Self {
            endpoint: None,
            what: "the answer's body is not the JSON wanted",
            problem,
            // What was read from a value has none.
            position: (error.line() > 0).then(|| (error.line(), error.column())),
        }
    }

    /// A text that can't be opened; nothing of it or of the key is kept.
    pub(crate) fn ciphertext(what: &'static str, problem: impl Into<String>) -> Self {
        Self {
            endpoint: None,
            what,
            problem: problem.into(),
            position: None,
        }
    }

    /// The same mistake in something else.
    pub(crate) fn of(mut self, what: &'static str) -> Self {
        self.what = what;
        self
    }

    /// XML that can't be read; nothing of it is kept.
    pub(crate) fn xml(problem: &'static str, text: &str, offset: usize) -> Self {
        let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
        let line_start = before.iter().rposition(|&byte| byte == b'\n');
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let column = before.len() - line_start.map_or(0, |end| end + 1) + 1;
        Self {
            endpoint: None,
            what: "the XML can't be read",
            problem: problem.to_owned(),
            position: Some((line, column)),
        }
    }

    /// The line of the mistake, from 1; 0 in a ciphertext, which has no lines.
    pub fn line(&self) -> usize {
        self.position.map_or(0, |(line, _)| line)
    }

    /// The column of the mistake, in bytes, from 1; 0 in a ciphertext.
    pub fn column(&self) -> usize {
        self.position.map_or(0, |(_, column)| column)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(endpoint) = &self.endpoint {
            write!(f, "{endpoint}: ")?;
        }
        write!(f, "{}: {}", self.what, OneLine(&self.problem))?;
        match self.position {
            Some((line, column)) => write!(f, " at line {line}, column {column}"),
            None => Ok(()),
        }
    }
}

impl StdError for DecodeError {}

/// What serde wanted, without what it found: that is a value of the answer.
fn shape(error: &str) -> String {
    let error = error
        .rsplit_once(" at line ")
        .map_or(error, |(text, _)| text);
    match error.rsplit_once(", expected ") {
        _ if error.starts_with("missing field `") => error.to_owned(),
        Some((_, wanted)) => format!("it has another shape: expected {wanted}"),
        None => "it has another shape than asked for".to_owned(),
    }
}

/// A verb and a path template, which names a request without showing any of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) method: Method,
    pub(crate) template: Cow<'static, str>,
    /// The request that can't be sent, since this one for its platform certificates failed.
    errand_of: Option<Box<Self>>,
}

impl Endpoint {
    pub(crate) fn new(method: Method, template: impl Into<Cow<'static, str>>) -> Self {
        Self {
            method,
            template: template.into(),
            errand_of: None,
        }
    }

    /// Whether nothing comes of it if it arrives once more.
    fn has_no_effect(&self) -> bool {
        self.is_errand() || self.method == Method::GET
    }

    fn is_errand(&self) -> bool {
        self.errand_of.is_some()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(request) = &self.errand_of {
            write!(
                f,
                "{request}: not sent, since there are no platform certificates to verify its answer \
                 with: "
            )?;
        }
        write!(f, "{} {}", self.method, Short(&self.template))
    }
}

/// What went into a signature of APIv3, kept to be shown on request.
#[derive(Clone)]
pub(crate) struct SignedMessage {
    pub(crate) method: Method,
    pub(crate) target: PathAndQuery,
    /// Seconds since 1970.
    pub(crate) timestamp: String,
    pub(crate) nonce: String,
    pub(crate) body: Bytes,
}

/// What was signed, in either protocol.
#[derive(Clone)]
pub(crate) enum Signed {
    V3(SignedMessage),
    /// The sorted fields, without the key.
    V2(String),
}

impl Signed {
    fn text(&self) -> String {
        match self {
            Self::V3(message) => String::from_utf8_lossy(&message.bytes()).into_owned(),
            Self::V2(text) => text.clone(),
        }
    }
}

/// An error and its causes, on one line.
pub(crate) fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let mut next = Some(error);
    let mut shown = String::new();
    while let Some(error) = next {
        let io = error.downcast_ref::<io::Error>().map(io::Error::kind);
        let text = error.to_string();
        // rustls explains an unexpected end at length, and with an address.
        let is_end = io == Some(io::ErrorKind::UnexpectedEof);
        let text = if is_end || text.contains("TLS close_notify") {
            "it was closed at the other end".to_owned()
        } else {
            OneLine(&text).to_string()
        };
        // Some layers repeat their source's text in their own.
        if !shown.contains(&text) {
            if !shown.is_empty() {
                shown.push_str(": ");
            }
            shown.push_str(&text);
        }
        next = error.source();
    }
    shown
}

/// Control characters, the line ends of Unicode, and what turns the direction of reading.
fn ends_or_turns_a_line(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text from outside on one line: what ends or turns a line is escaped.
pub(crate) struct OneLine<'a>(pub(crate) &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if ends_or_turns_a_line(character) {
                write!(f, "{}", character.escape_default())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        Ok(())
    }
}

/// An answer by its length and type.
struct Outline<'a>(&'a http::Response<Bytes>);

impl fmt::Display for Outline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes ", self.0.body().len())?;
        match header_text(self.0.headers(), header::CONTENT_TYPE.as_str()) {
            Some(kind) => write!(f, "of {}", Short(kind)),
            None => f.write_str("without a content type"),
        }
    }
}

/// What WeChat Pay's support asks for, at the end of a line.
struct RequestId<'a>(&'a HeaderMap);

impl fmt::Display for RequestId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match header_text(self.0, "request-id") {
            Some(id) => write!(f, " (Request-ID {})", Short(id)),
            None => Ok(()),
        }
    }
}

/// The start of a text that may be long.
pub(crate) struct Short<'a>(pub(crate) &'a str);

const SHORT: usize = 200;

impl Short<'_> {
    fn parts(&self) -> (&str, bool) {
        match self.0.char_indices().nth(SHORT) {
            Some((end, _)) => (self.0.get(..end).unwrap_or_default(), true),
            None => (self.0, false),
        }
    }
}

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, cut) = self.parts();
        write!(f, "{}{}", OneLine(start), if cut { "…" } else { "" })
    }
}

impl fmt::Debug for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, cut) = self.parts();
        write!(f, "{start:?}{}", if cut { "…" } else { "" })
    }
}
