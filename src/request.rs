use std::borrow::Cow;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Uri};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::address::{Absolute, Base};
use crate::catalogue::tree;
use crate::chain::PathText;
use crate::client::{Core, check_published};
use crate::error::{Endpoint, Error, Result};
use crate::formatter;
use crate::options::{self, Limit, kind};
use crate::payload::Payload;
use crate::protocol::v3::{self, Exchange, Stamp};
use crate::query::Query;
use crate::response::Response;
use crate::template;
use crate::transport::body::Body;
use crate::transport::{Call, Limits};

/// One call on its way: options first, then `.await` or [`.wait()`](Self::wait).
///
/// A mistake in a setter surfaces when the request is sent, before any byte leaves.
#[must_use = "a request is sent by `.await` or `.wait()`"]
pub struct Request {
    core: Arc<Core>,
    method: Method,
    target: Target,
    payload: Payload,
    query: Query,
    variables: Vec<(String, Value)>,
    headers: HeaderMap,
    timeout: Option<Limit>,
    connect_timeout: Option<Limit>,
    base: Option<Base>,
    debug: bool,
    mistake: Option<Error>,
}

enum Target {
    Path(PathText),
    Absolute(Absolute),
    /// The mistake says why.
    None,
}

impl Request {
    pub(crate) fn new(core: Arc<Core>, method: Method, path: PathText, payload: Payload) -> Self {
        Self {
            core,
            method,
            target: Target::Path(path),
            payload,
            query: Query::default(),
            variables: Vec::new(),
            headers: HeaderMap::new(),
            timeout: None,
            connect_timeout: None,
            base: None,
            debug: false,
            mistake: None,
        }
    }

    pub(crate) fn absolute(core: Arc<Core>, address: &str) -> Self {
        let target = Absolute::parse(address, &core.base);
        let path = PathText::default();
        let mut request = Self::new(core, Method::GET, path, Payload::none());
        request.target = match target {
            Ok(address) => Target::Absolute(address),
            Err(error) => {
                request.mistake = Some(error);
                Target::None
            }
        };
        request
    }

    /// The body: a `Value`, `()` for none, a [`Media`](crate::Media), or JSON that is text or bytes
    /// already, which is signed and sent byte for byte.
    ///
    /// In a `Value` a float that is whole goes out as an integer, as APIv3 wants money; no other
    /// float is rounded.
    pub fn body(mut self, body: impl Into<Payload>) -> Self {
        self.payload = body.into();
        self
    }

    /// Adds to the query: an object, pairs such as `[("mchid", "1900000109")]`, anything that
    /// serialises to either, or a text that is a query already.
    ///
    /// Values are given raw and are percent-encoded here (RFC 3986). `true` and `false` go as
    /// words, null and an empty list are left out, a list repeats the name, an object goes as its
    /// JSON text. A name that the path's query or an earlier call has is an error.
    pub fn query(mut self, query: impl Serialize) -> Self {
        let value = match serde_json::to_value(query) {
            Ok(value) => value,
            Err(error) => {
                let part = format!("query: it can't be serialised: {error}");
                self.remember(Error::request(part, "an object or pairs"));
                return self;
            }
        };
        let joined = Query::from_value(&value).and_then(|query| self.query.join(&query));
        if let Err(error) = joined {
            self.remember(error);
        }
        self
    }

    /// Fills the variable `name` of the path's template (RFC 6570); the value is given raw.
    ///
    /// `{empty}` filled with `""` asks for a trailing slash. A name that the template doesn't have
    /// is an error.
    pub fn var(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        let name = name.into();
        match serde_json::to_value(value) {
            Ok(value) => {
                self.variables.retain(|(known, _)| *known != name);
                self.variables.push((name, value));
            }
            Err(error) => {
                let part = format!("the variable {name} can't be serialised: {error}");
                self.remember(Error::request(
                    part,
                    "a text, a number, a list or an object",
                ));
            }
        }
        self
    }

    /// Sets a header; it replaces a default of the same name, but never `Authorization`.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let header = options::check_count(&self.headers)
            .and_then(|()| options::header(name.as_ref(), value.as_ref()));
        match header {
            Ok((name, value)) => {
                self.headers.insert(name, value);
            }
            Err((part, wanted)) => self.remember(Error::request(part, wanted)),
        }
        self
    }

    /// The limit of the whole request: queueing, lookup, connecting, sending, and reading the
    /// answer. Zero for none; by default the client's, 30 s.
    ///
    /// Of an upload it is counted from the last byte that was sent, so that a large file may take
    /// its time, but may not stand still.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit.into());
        self
    }

    /// Another base address for this request, which passes the checks of the builder's.
    pub fn base_uri(mut self, address: impl AsRef<str>) -> Self {
        let base = Base::parse(address.as_ref(), self.core.plain_http.as_deref());
        match base {
            Ok(base) => self.base = Some(base),
            Err(error) => self.remember(error),
        }
        self
    }

    /// Sends the request and blocks until the answer is there and verified.
    ///
    /// It needs no runtime, and works on a thread of one.
    ///
    /// # Errors
    /// Each variant of [`Error`] says when it happens.
    pub fn wait(self) -> Result<Response> {
        let outgoing = self.prepare()?;
        let (call, exchange) = outgoing.split();
        let answer = call.wait();
        exchange.finish(answer)
    }

    /// The signed request, without sending it.
    ///
    /// # Errors
    /// What [`wait`](Self::wait) would refuse before sending.
    pub fn into_http(self) -> Result<http::Request<Bytes>> {
        buffered(self.assemble()?.request)
    }

    /// The signed request, and what verifies the answer that another HTTP client brought back.
    ///
    /// # Errors
    /// What [`wait`](Self::wait) would refuse before sending.
    pub fn into_parts(self) -> Result<(http::Request<Bytes>, Answer)> {
        let outgoing = self.prepare()?;
        let answer = Answer {
            exchange: outgoing.exchange,
        };
        Ok((buffered(outgoing.request)?, answer))
    }

    pub(crate) fn with_options(mut self, method: &str, options: Value) -> Self {
        match method.to_ascii_uppercase().as_str() {
            "GET" => self.method = Method::GET,
            "DELETE" => self.method = Method::DELETE,
            "POST" => self.method = Method::POST,
            "PUT" => self.method = Method::PUT,
            "PATCH" => self.method = Method::PATCH,
            _ => self.remember(Error::request(
                format!("the method {:?} is none of WeChat Pay's", method),
                "GET, POST, PUT, PATCH or DELETE",
            )),
        }
        match options {
            Value::Object(options) => self.apply(options),
            Value::Null => self,
            other => {
                let part = format!("the options are {}", kind(&other));
                let wanted = "an object such as json!({ \"json\": …, \"query\": … })";
                self.remember(Error::request(part, wanted));
                self
            }
        }
    }

    fn apply(mut self, options: Map<String, Value>) -> Self {
        if options.contains_key("json") && options.contains_key("body") {
            self.remember(Error::request(
                "the options json and body are both there",
                "one of them: json is serialised here, body is sent as it is",
            ));
        }
        let mut strangers = Vec::new();
        for (name, value) in options {
            match self.option(&name, value) {
                Ok(None) => {}
                Ok(Some(value)) => {
                    strangers.push(name.clone());
                    self.variables.push((name, value));
                }
                Err((part, wanted)) => self.remember(Error::request(part, wanted)),
            }
        }
        self.check_strangers(&strangers);
        self
    }

    /// Takes one option; a value that comes back belongs to a variable.
    fn option(&mut self, name: &str, value: Value) -> Result<Option<Value>, options::Problem> {
        match (name, value) {
            ("json", Value::String(_)) => {
                return Err((
                    "the option json is a text".to_owned(),
                    "the value itself, which is encoded here; a text that is JSON already goes \
                     in body"
                        .to_owned(),
                ));
            }
            ("json", value) => self.payload = value.into(),
            ("body", Value::String(text)) => self.payload = text.into(),
            ("body", Value::Null) => {}
            ("query", value) => {
                let joined = Query::from_value(&value).and_then(|query| self.query.join(&query));
                if let Err(error) = joined {
                    self.remember(error);
                }
            }
            ("headers", value) => {
                let headers = options::check_count(&self.headers)
                    .and_then(|()| options::headers(&value))
                    .map_err(|(given, wanted)| (format!("the option headers: {given}"), wanted))?;
                for (name, value) in &headers {
                    self.headers.append(name, value.clone());
                }
            }
            ("timeout", value) => self.timeout = Some(seconds(name, &value)?),
            ("connect_timeout", value) => self.connect_timeout = Some(seconds(name, &value)?),
            ("base_uri", Value::String(text)) => {
                match Base::parse(&text, self.core.plain_http.as_deref()) {
                    Ok(base) => self.base = Some(base),
                    Err(error) => self.remember(error),
                }
            }
            ("debug", Value::Bool(debug)) => self.debug = debug,
            ("base_uri" | "body", other) => {
                return Err((
                    format!("the option {name} is {}", kind(&other)),
                    "a text".to_owned(),
                ));
            }
            ("xml" | "security" | "nonceless", _) => {
                return Err((
                    format!("the option {name} is APIv2's"),
                    "APIv2 is not in this version; APIv3 takes `json`".to_owned(),
                ));
            }
            (name, value) if options::is_guzzle(name) => options::refuse_guzzle(name, &value)?,
            (_, value) => return Ok(Some(value)),
        }
        Ok(None)
    }

    /// A key that is neither an option nor in the template is an error that lists both.
    fn check_strangers(&mut self, keys: &[String]) {
        let Target::Path(path) = &self.target else {
            return;
        };
        let text = format!(
            "{}?{}",
            path.text,
            path.query.as_deref().unwrap_or_default()
        );
        let Ok(names) = template::names(&text) else {
            return;
        };
        let is_known = |key: &str| {
            let recased = crate::chain::recase(key);
            names.iter().any(|name| *name == key || *name == recased)
        };
        let Some(stranger) = keys.iter().find(|key| !is_known(key)) else {
            return;
        };
        let variables = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        let problem = format!(
            "{stranger} is neither an option ({}) nor a variable of the path ({variables})",
            options::known()
        );
        let error = Error::template(stranger.as_str(), problem);
        self.remember(error);
    }

    fn remember(&mut self, error: Error) {
        self.mistake.get_or_insert(error);
    }

    fn endpoint(&self) -> Endpoint {
        let template = match &self.target {
            Target::Path(path) => path.masked(),
            Target::Absolute(address) => {
                // The catalogue knows a path without what stands before every request's.
                let path = address.target.path();
                let path = path.strip_prefix(&self.core.base.prefix).unwrap_or(path);
                PathText::literal(path).masked()
            }
            Target::None => Cow::Borrowed("client.url(…)"),
        };
        Endpoint {
            method: self.method.clone(),
            template,
        }
    }

    /// Reads what the body has to be read for, where the thread must not be blocked.
    async fn read(mut self) -> Result<Self> {
        if self.mistake.is_none() {
            let payload = std::mem::replace(&mut self.payload, Payload::none());
            let prepared = payload.prepare().await;
            self.payload = prepared.map_err(|error| error.at(&self.endpoint()))?;
        }
        Ok(self)
    }

    /// Everything that is done before a byte leaves, where the answer will be verified.
    fn prepare(self) -> Result<Outgoing> {
        let outgoing = self.assemble()?;
        if outgoing.exchange.needs_platform_key() {
            return Err(Error::config(
                "certs",
                "no platform key was given, and fetching them with the APIv3 key is not in this \
                 version",
                "WeChat Pay's public key or a platform certificate, by cert(serial, key)",
            ));
        }
        Ok(outgoing)
    }

    fn assemble(mut self) -> Result<Outgoing> {
        let endpoint = self.endpoint();
        if let Some(mistake) = self.mistake.take() {
            return Err(mistake.at(&endpoint));
        }
        let core = Arc::clone(&self.core);
        let (scheme, authority, target) = match self.destination() {
            Ok(destination) => destination,
            Err(error) => return Err(error.at(&endpoint)),
        };
        let Some(apiv3) = &core.v3 else {
            return Err(Error::config(
                "APIv3",
                format!("{endpoint} is a call of APIv3, and this client has APIv2's settings only"),
                "serial, private_key and cert beside them",
            ));
        };
        let is_json = self.payload.is_json();
        let content = self
            .payload
            .into_content()
            .map_err(|error| error.at(&endpoint))?;
        let stamp = Stamp {
            timestamp: formatter::now(),
            nonce: formatter::nonce(),
        };
        let signed = v3::message(
            self.method.clone(),
            target.as_str().to_owned(),
            stamp,
            content.signed,
        );
        let mut headers = v3::headers(&core, apiv3, &signed, &self.headers, is_json);
        if let Some(content_type) = content.content_type {
            headers.insert(CONTENT_TYPE, content_type);
        }
        let host = authority.as_str().to_owned();
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(authority)
            .path_and_query(target)
            .build()
            .map_err(|_| Error::request("the address can't be put together", "another path"))?;
        let mut request = http::Request::new(content.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let limits = Limits {
            whole: self.timeout.unwrap_or(core.timeout),
            connect: self.connect_timeout.unwrap_or(core.connect_timeout),
        };
        if self.debug || core.debug {
            tracing::info!(%endpoint, %host, body_bytes = request.body().length(), "request");
        }
        Ok(Outgoing {
            request,
            limits,
            exchange: Exchange {
                core,
                endpoint,
                host,
                signed,
            },
        })
    }

    /// Scheme, host and target, as they are signed and sent.
    fn destination(&mut self) -> Result<(Scheme, Authority, PathAndQuery)> {
        let core = &self.core;
        let path = match std::mem::replace(&mut self.target, Target::None) {
            Target::None => return Err(Error::request("the address", "one that can be sent")),
            Target::Absolute(address) => {
                let is_changed = !self.variables.is_empty()
                    || !self.query.as_str().is_empty()
                    || self.base.is_some();
                if is_changed {
                    return Err(Error::request(
                        "url: the address goes as it stands, without .query(), .var() and .base_uri()",
                        "the whole address in client.url(address)",
                    ));
                }
                if core.published.is_some() {
                    let is_base = address.authority == core.base.authority;
                    if !is_base {
                        return Err(Error::request(
                            "url: this client has the sandbox's keys, which everyone has",
                            "an address of the sandbox",
                        ));
                    }
                }
                return Ok((address.scheme, address.authority, address.target));
            }
            Target::Path(path) => path,
        };
        path.check()?;
        let own_host = self.base.is_none() && !core.has_own_base;
        let of_endpoint = own_host.then(|| tree::walk(&path.text).place()?.host());
        let of_endpoint = of_endpoint.flatten().map(Base::of_host).transpose()?;
        let base = self.base.as_ref().or(of_endpoint.as_ref());
        let base = base.unwrap_or(&core.base);
        check_published(core.published, base)?;
        let expanded = template::expand(&path.text, path.query.as_deref(), &self.variables)?;
        if expanded.path.is_empty() {
            return Err(Error::request(
                "the path is empty",
                "a path such as v3/certificates",
            ));
        }
        if expanded
            .path
            .get(..3)
            .is_some_and(|start| start.eq_ignore_ascii_case("v2/"))
        {
            return Err(refuse_v2(core.has_v2));
        }
        let mut target = String::with_capacity(base.prefix.len() + expanded.path.len() + 64);
        target.push_str(&base.prefix);
        target.push_str(&expanded.path);
        let mut query = Query::from_text(expanded.query.as_deref().unwrap_or_default());
        query.join(&self.query)?;
        if !query.as_str().is_empty() {
            target.push('?');
            target.push_str(query.as_str());
        }
        let Ok(target) = PathAndQuery::try_from(target) else {
            return Err(Error::request(
                "the path and query can't be sent",
                "fewer than 65,535 bytes",
            ));
        };
        Ok((base.scheme.clone(), base.authority.clone(), target))
    }
}

fn buffered(request: http::Request<Body>) -> Result<http::Request<Bytes>> {
    let (parts, body) = request.into_parts();
    match body.into_bytes() {
        Some(body) => Ok(http::Request::from_parts(parts, body)),
        None => Err(Error::request(
            "the body is read from a file while it is sent",
            "Media::new(filename, bytes) where another HTTP client sends it; or `.await`",
        )),
    }
}

fn seconds(name: &str, value: &Value) -> Result<Limit, options::Problem> {
    let limit = Limit::from_seconds(value);
    limit.map_err(|(given, wanted)| (format!("the option {name}: {given}"), wanted))
}

fn refuse_v2(has_settings: bool) -> Error {
    if has_settings {
        return Error::request(
            "a path under v2/ is a call of APIv2",
            "APIv2 is not in this version",
        );
    }
    Error::config(
        "secret",
        "a path under v2/ is a call of APIv2, and this client has APIv3's settings only",
        "secret, the APIv2 key",
    )
}

impl IntoFuture for Request {
    type Output = Result<Response>;
    type IntoFuture = ResponseFuture;

    fn into_future(self) -> ResponseFuture {
        ResponseFuture(Box::pin(async move {
            let outgoing = self.read().await?.prepare()?;
            let (call, exchange) = outgoing.split();
            let answer = call.run().await;
            exchange.finish(answer)
        }))
    }
}

/// The future of a [`Request`]: signs when it is first polled, sends, and verifies the answer.
///
/// It runs on the caller's tokio runtime, which needs its I/O and time drivers (`enable_all`):
/// polled on one without them it panics, as all of tokio's own I/O does. Under any other executor
/// the I/O runs on a small runtime of the library's own. Dropping it abandons the request, which
/// may have been sent.
///
/// Don't block the only thread of a tokio runtime on it with another executor's `block_on`: the
/// runtime that is to carry the request then stands still. [`Request::wait`] is for that.
#[must_use = "a future does nothing unless it is awaited"]
pub struct ResponseFuture(Pin<Box<dyn Future<Output = Result<Response>> + Send>>);

impl Future for ResponseFuture {
    type Output = Result<Response>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("endpoint", &format_args!("{}", self.endpoint()))
            .field("payload", &self.payload)
            .field("mistake", &self.mistake)
            .finish_non_exhaustive()
    }
}

/// A signed request, and what its answer is judged by.
struct Outgoing {
    request: http::Request<Body>,
    limits: Limits,
    exchange: Exchange,
}

impl Outgoing {
    fn split(self) -> (Call, Exchange) {
        let transport = Arc::clone(&self.exchange.core.transport);
        let call = Call::new(transport, self.request, self.limits);
        (call, self.exchange)
    }
}

/// Verifies what another HTTP client brought back for a request of [`Request::into_parts`].
pub struct Answer {
    pub(crate) exchange: Exchange,
}

impl Answer {
    /// Judges the answer as a request sent from here would have been judged.
    ///
    /// # Errors
    /// [`Error::Api`], [`Error::Verify`] or [`Error::Redirect`].
    pub fn accept(self, answer: http::Response<Bytes>) -> Result<Response> {
        self.exchange.accept(answer)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({})", self.exchange.endpoint)
    }
}
