use std::borrow::Cow;
use std::fmt;
use std::future::IntoFuture;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Method};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::sleep;
use tracing::Instrument as _;

use crate::address::{Absolute, Base};
use crate::answer::{Answer, finish};
use crate::catalogue::tree;
use crate::chain::PathText;
use crate::client::{Core, check_published};
use crate::download::Download;
#[cfg(feature = "aws-lc-rs")]
use crate::draft::Sensitive;
use crate::draft::{AskedOfV2, Destination, Draft, Ready};
use crate::error::{Endpoint, Error, Result};
use crate::options::{self, Limit, kind};
use crate::payload::Payload;
use crate::pending::Pending;
use crate::platform::{Store, refresh_in_background, refreshed};
use crate::protocol::check_in_pieces;
use crate::protocol::v2::request::Workwx;
use crate::protocol::v3::{self};
use crate::query::Query;
use crate::response::Response;
use crate::seen::{Log, Seen};
#[cfg(feature = "aws-lc-rs")]
use crate::sensitive;
use crate::shutdown::Flight;
use crate::streamed::Streaming;
use crate::template;
use crate::transport::retry::Retry;
use crate::transport::{Driver, Limits, Transport, block_on, drive};

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
    /// The pieces of it as they were given, which APIv2 signs; none where the path is of APIv3.
    pieces: Vec<Value>,
    variables: Vec<(String, Value)>,
    headers: HeaderMap,
    timeout: Option<Limit>,
    connect_timeout: Option<Limit>,
    idle_timeout: Option<Limit>,
    answer_limit: Option<usize>,
    /// Whether the answer is to be handed on before its end.
    is_in_pieces: bool,
    base: Option<Base>,
    debug: bool,
    retry: Option<Retry>,
    #[cfg(feature = "aws-lc-rs")]
    sensitive: Sensitive,
    apiv2: Apiv2,
    /// The first thing asked for that only APIv3 has, and the way in APIv2; the path may tell only
    /// when its variables are filled which protocol it is.
    only_v3: Option<(&'static str, &'static str)>,
    /// The same of APIv2.
    only_v2: Option<&'static str>,
    mistake: Option<Error>,
}

/// What can be asked of a request to APIv2.
#[derive(Default)]
struct Apiv2 {
    is_secure: bool,
    is_nonceless: bool,
    workwx: Option<Box<Workwx>>,
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
            pieces: Vec::new(),
            variables: Vec::new(),
            headers: HeaderMap::new(),
            timeout: None,
            connect_timeout: None,
            idle_timeout: None,
            answer_limit: None,
            is_in_pieces: false,
            base: None,
            debug: false,
            retry: None,
            #[cfg(feature = "aws-lc-rs")]
            sensitive: Sensitive::default(),
            apiv2: Apiv2::default(),
            only_v3: None,
            only_v2: None,
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
    /// float is rounded. To APIv2 a `Value` holds the fields, which go signed as XML; a text is refused,
    /// since its sign can't be known.
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
    ///
    /// A GET of APIv2 has its fields here, and they are signed: `true` is `1`, and what nests is an
    /// error. Beside any other verb of APIv2 a query is not signed.
    pub fn query(mut self, query: impl Serialize) -> Self {
        match serde_json::to_value(query) {
            Ok(value) => self.add_query(value),
            Err(error) => {
                let part = format!("query: it can't be serialised: {error}");
                self.remember(Error::request(part, "an object or pairs"));
            }
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

    /// How long the body of a [`stream`](Self::stream) or a [`download`](Self::download) may stand
    /// still, after its headers were there within the limit of the whole. Zero for no limit; by default
    /// the client's, 30 s.
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle_timeout = Some(limit.into());
        self
    }

    /// How many bytes of the answer are held in memory, counted after its compression was undone; by
    /// default the client's, 16 MB. See [`ClientBuilder::answer_limit`](crate::ClientBuilder::answer_limit).
    pub fn answer_limit(mut self, bytes: usize) -> Self {
        self.answer_limit = Some(bytes);
        self
    }

    /// Encrypts the texts that these JSON pointers name, `*` for each element of a list, with the
    /// current platform key, and says its serial in `Wechatpay-Serial`.
    ///
    /// A serial that the caller set in that header chooses the key. An empty text stays empty.
    /// A pointer that matches nothing, a value that is no text, that looks encrypted already or is
    /// too long (214 bytes under a key of 2048 bits) is an error before anything is sent.
    ///
    /// ```
    /// # let sandbox = wechatpay_sandbox::Sandbox::start_blocking()?;
    /// # let client = sandbox.client();
    /// # use serde_json::json;
    /// let request = client
    ///     .v3().profitsharing().receivers().add()
    ///     .post(json!({ "type": "MERCHANT_ID", "account": "1900000110", "name": "张三" }))
    ///     .sensitive(["/name"]);
    /// # request.into_http()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "aws-lc-rs")]
    #[cfg_attr(docsrs, doc(cfg(feature = "aws-lc-rs")))]
    pub fn sensitive<P: Into<String>>(mut self, pointers: impl IntoIterator<Item = P>) -> Self {
        self.of_v3("sensitive()", ENCRYPT);
        let pointers: Vec<String> = pointers.into_iter().map(Into::into).collect();
        if let Err(error) = sensitive::check(&pointers) {
            self.remember(error);
        }
        self.sensitive.pointers.extend(pointers);
        self
    }

    /// Encrypts the values of these names of the query, as [`sensitive`](Self::sensitive) does those
    /// of the body.
    #[cfg(feature = "aws-lc-rs")]
    #[cfg_attr(docsrs, doc(cfg(feature = "aws-lc-rs")))]
    pub fn sensitive_query<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.of_v3("sensitive_query()", ENCRYPT);
        let names = names.into_iter().map(Into::into);
        self.sensitive.query.extend(names);
        self
    }

    /// Encrypts what the catalogue calls sensitive, in the body and in the query; what is absent or
    /// null is left out. An endpoint of which it knows no such field is an error.
    #[cfg(feature = "aws-lc-rs")]
    #[cfg_attr(docsrs, doc(cfg(feature = "aws-lc-rs")))]
    pub fn sensitive_known(mut self) -> Self {
        self.of_v3("sensitive_known()", ENCRYPT);
        self.sensitive.known = true;
        self
    }

    /// Presents the merchant certificate, which some endpoints of APIv2 want; PHP's `security`.
    ///
    /// Where the catalogue knows that an endpoint wants it, it is presented by itself. It goes by a
    /// connection of its own; over plain http, as to a sandbox, there is none to present.
    pub fn security(mut self) -> Self {
        self.of_v2("security()");
        self.apiv2.is_secure = true;
        self
    }

    /// Adds no `nonce_str` to the fields of APIv2. Where an endpoint is known to take none, it is left
    /// out by itself.
    pub fn nonceless(mut self) -> Self {
        self.of_v2("nonceless()");
        self.apiv2.is_nonceless = true;
        self
    }

    /// Adds the `workwx_sign` of Enterprise WeChat (企业微信) to the fields of APIv2: for its red
    /// packets and for payments to employees, whose lists of fields are known.
    ///
    /// `agent_secret` is the secret of the payment application, not the APIv2 key.
    pub fn workwx_sign(self, agent_secret: impl Into<String>) -> Self {
        self.signed_by_workwx(agent_secret.into(), None)
    }

    /// The same over a list of fields of one's own, in any order.
    pub fn workwx_sign_of<F: Into<String>>(
        self,
        agent_secret: impl Into<String>,
        fields: impl IntoIterator<Item = F>,
    ) -> Self {
        let fields = fields.into_iter().map(Into::into).collect();
        self.signed_by_workwx(agent_secret.into(), Some(fields))
    }

    fn signed_by_workwx(mut self, agent_secret: String, fields: Option<Vec<String>>) -> Self {
        self.of_v2("workwx_sign()");
        self.apiv2.workwx = Some(Box::new(Workwx {
            agent_secret: agent_secret.into(),
            fields,
        }));
        self
    }

    fn add_query(&mut self, value: Value) {
        let joined = Query::from_value(&value).and_then(|query| self.query.join(&query));
        if let Err(error) = joined {
            self.remember(error);
        }
        // A path that begins so is of no other protocol, whatever its variables hold.
        let is_of_v3 = matches!(&self.target, Target::Path(path) if path.text.starts_with("v3/"));
        if !is_of_v3 {
            self.pieces.push(value);
        }
    }

    fn of_v2(&mut self, name: &'static str) {
        self.only_v2.get_or_insert(name);
    }

    fn of_v3(&mut self, name: &'static str, wanted: &'static str) {
        self.only_v3.get_or_insert((name, wanted));
    }

    /// Makes the request again when it may succeed then: see [`Retry`].
    ///
    /// Without this nothing is ever sent again, unless it is proved that it did not arrive.
    pub fn retry(mut self, retry: Retry) -> Self {
        if !retry.is_idempotent && self.method != Method::GET {
            self.remember(Error::request(
                format!("Retry::reads() for a {}", self.method),
                "Retry::idempotent(), if the request has a number of its own by which WeChat Pay \
                 carries it out once",
            ));
        }
        self.retry = Some(retry);
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
        block_on(Box::new(self).go(Driver::Own))
    }

    /// The answer's body in pieces, as they come, by `.await` or `.wait()`: for endpoints that sign
    /// nothing, such as a bill's `download_url` or an image.
    ///
    /// The limit of the whole request ends at the answer's headers; then there may be
    /// [`idle_timeout`](Self::idle_timeout) without a byte. A 4xx or 5xx is [`Error::Api`], as always.
    ///
    /// Where the answer is signed as a whole, nothing of it can be trusted before its end, and a stream
    /// is [`Error::Request`] before anything is sent; so it is with APIv2, whose failures are told in
    /// the body. A signature that an endpoint sends though it need not is checked first: that answer
    /// is read whole, within [`answer_limit`](Self::answer_limit).
    pub fn stream(self) -> Streaming {
        Streaming::new(self)
    }

    /// The answer's body into a file, by `.await` or `.wait()`: for the endpoints of
    /// [`stream`](Self::stream), with its limits, in constant memory.
    ///
    /// It is written beside `path` under another name, and renamed at the end: a download that fails
    /// leaves no file, and what was at `path` stays as it was.
    pub fn download(self, path: impl Into<PathBuf>) -> Download {
        Download::new(self, path.into())
    }

    /// The signed request, without sending it.
    ///
    /// # Errors
    /// What [`wait`](Self::wait) would refuse before sending.
    pub fn into_http(self) -> Result<http::Request<Bytes>> {
        let draft = self.draft(Driver::Own, Seen::none())?;
        let ready = draft.seal()?.ready_here()?;
        ready.compose_once()?.sign_here()?.into_http()
    }

    /// The signed request, and what verifies the answer that another HTTP client brought back.
    ///
    /// # Errors
    /// What [`wait`](Self::wait) would refuse before sending; and [`Error::Request`] where the
    /// client has yet to fetch the certificates that verify the answer: [`sign`](Self::sign) does.
    pub fn into_parts(self) -> Result<(http::Request<Bytes>, Answer)> {
        let draft = self.draft(Driver::Own, Seen::none())?;
        if draft.wanting().is_some() {
            let part = "the platform certificates are still to be fetched";
            let wanted = ".sign().await or .sign().wait(), which fetches them";
            return Err(Error::request(part, wanted).at(&draft.endpoint));
        }
        if draft.is_judged_elsewhere() {
            let part = "the answer is to be verified elsewhere, by a Verifier";
            let wanted = ".sign().await, and accept_async() of the Answer it gives";
            return Err(Error::request(part, wanted).at(&draft.endpoint));
        }
        let ready = draft.seal()?.ready_here()?;
        ready.compose_once()?.sign_here()?.into_parts()
    }

    /// The signed request and what verifies its answer, as [`into_parts`](Self::into_parts), after
    /// fetching what is needed for it: `.sign().await` or `.sign().wait()`.
    pub fn sign(self) -> Signing {
        Signing(self)
    }

    /// From here on it is on the heap: a future has as much room for each of its steps as that holds.
    async fn go(self: Box<Self>, driver: Driver) -> Result<Response> {
        let _flight = self.begin()?;
        self.carry_out(driver).await
    }

    /// Counts as in flight from here on, unless the client was shut down.
    pub(crate) fn begin(&self) -> Result<Flight> {
        let flight = self.core.flights.begin();
        flight.map_err(|error| error.at(&self.endpoint()))
    }

    /// All of a request that is counted as in flight.
    pub(crate) async fn carry_out(self: Box<Self>, driver: Driver) -> Result<Response> {
        let seen = self.seen();
        let span = seen.span();
        self.in_attempts(driver, seen).instrument(span).await
    }

    async fn in_attempts(self: Box<Self>, driver: Driver, seen: Seen) -> Result<Response> {
        let retry = self.retry.clone();
        let mut ready = self.prepare(driver, seen).await?;
        let Some(retry) = retry else {
            return attempt(&mut ready, driver).await;
        };
        let mut plan = retry.plan(driver.now());
        loop {
            let error = match attempt(&mut ready, driver).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let Some(pause) = plan.pause(&error, driver.now()) else {
                return Err(plan.into_error(error));
            };
            tracing::warn!(target: "wechatpay_chain", %error, pause = pause.as_secs_f64(), "made again after a pause");
            plan.failed(&error);
            // A timer belongs to the runtime on which it is made.
            let paused = drive(driver, move || async move { sleep(pause).await });
            if paused.await.is_err() {
                return Err(plan.into_error(error));
            }
            let now = driver.now();
            ready.restart(now, plan.remaining(now));
        }
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
        let bodies = ["json", "xml", "body"].into_iter();
        let bodies = bodies.filter(|name| options.contains_key(*name));
        if bodies.clone().count() > 1 {
            let bodies: Vec<_> = bodies.collect();
            self.remember(Error::request(
                format!("the options {} are both there", bodies.join(" and ")),
                "one of them: json and xml are serialised here, body is sent as it is",
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
            ("json", value) => {
                self.of_v3("the option json", "`xml` with an object of fields");
                self.payload = value.into();
            }
            ("xml", value) => {
                self.of_v2("the option xml");
                self.payload = value.into();
            }
            ("security", Value::Bool(false)) | ("nonceless", Value::Bool(false)) => {}
            ("security", Value::Bool(true)) => {
                self.of_v2("the option security");
                self.apiv2.is_secure = true;
            }
            ("nonceless", Value::Bool(true)) => {
                self.of_v2("the option nonceless");
                self.apiv2.is_nonceless = true;
            }
            ("security" | "nonceless", other) => {
                return Err((
                    format!("the option {name} is {}", kind(&other)),
                    "true or false".to_owned(),
                ));
            }
            ("body", Value::String(text)) => self.payload = text.into(),
            ("body", Value::Null) => {}
            ("query", value) => self.add_query(value),
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

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::new(self.method.clone(), self.template())
    }

    /// A request that is sent from here, as a log sees it from here on.
    pub(crate) fn seen(&self) -> Seen {
        let log = Log {
            is_loud: self.debug || self.core.debug,
        };
        Seen::begin(&self.method, || self.template(), log)
    }

    fn template(&self) -> Cow<'static, str> {
        match &self.target {
            Target::Path(path) => path.masked(),
            Target::Absolute(address) => {
                // The catalogue knows a path without what stands before every request's.
                let path = address.target.path();
                let path = path.strip_prefix(&*self.core.base.prefix).unwrap_or(path);
                PathText::literal(path).masked()
            }
            Target::None => Cow::Borrowed("client.url(…)"),
        }
    }

    /// Takes the answer in pieces, which is an error for what can only be trusted as a whole.
    pub(crate) fn in_pieces(mut self) -> Self {
        self.is_in_pieces = true;
        self
    }

    /// Everything that is done before a byte leaves.
    pub(crate) async fn prepare(self: Box<Self>, driver: Driver, seen: Seen) -> Result<Ready> {
        let log = seen.log;
        let prepared = self.prepared(driver, seen).await;
        prepared.inspect_err(|error| log.failed(error))
    }

    async fn prepared(self: Box<Self>, driver: Driver, seen: Seen) -> Result<Ready> {
        let draft = self.draft(driver, seen)?;
        if let Some(store) = draft.wanting() {
            let fetched = refreshed(&draft.core, &store, driver, draft.limits.deadline()).await;
            // Certificates that have expired are better than none.
            if fetched.is_err() && store.keys().is_empty() {
                fetched.map_err(|error| error.before(&draft.endpoint))?;
            }
        } else if let Some(store) = draft
            .store
            .as_ref()
            .filter(|store| store.is_due(driver.now()))
        {
            refresh_in_background(&draft.core, store, driver);
        }
        draft.seal()?.ready(driver).await
    }

    /// The request as it was asked for, with its mistakes found and its address known.
    fn draft(mut self, driver: Driver, seen: Seen) -> Result<Box<Draft>> {
        let endpoint = self.endpoint();
        if let Some(mistake) = self.mistake.take() {
            return Err(mistake.at(&endpoint));
        }
        let core = Arc::clone(&self.core);
        let mut destination = match self.destination() {
            Ok(destination) => destination,
            Err(error) => return Err(error.at(&endpoint)),
        };
        let limits = Limits {
            whole: self.timeout.unwrap_or(core.timeout),
            connect: self.connect_timeout.unwrap_or(core.connect_timeout),
            idle: self.idle_timeout.unwrap_or(core.idle_timeout),
            answer: self.answer_limit.unwrap_or(core.answer_limit),
            started: driver.now(),
        };
        let path = destination.target.path();
        let is_invoice = v3::is_invoice(destination.authority.host(), path);
        let is_exempt = is_invoice || v3::is_unsigned(path);
        if self.is_in_pieces {
            // Before anything is fetched for it.
            check_in_pieces(destination.apiv2.is_none(), is_exempt)
                .map_err(|error| error.at(&endpoint))?;
        }
        let (mut store, mut apiv2, mut transport) = (None, None, Arc::clone(&core.transport));
        match destination.apiv2.take() {
            None => store = self.store(&endpoint, &destination)?,
            Some(path) => {
                transport = self.transport_of_v2(&endpoint, &path, &destination.scheme)?;
                apiv2 = Some(AskedOfV2 {
                    path,
                    is_nonceless: self.apiv2.is_nonceless,
                    workwx: self.apiv2.workwx,
                    fields: self.pieces,
                });
            }
        }
        Ok(Box::new(Draft {
            endpoint,
            method: self.method,
            destination,
            payload: self.payload,
            headers: self.headers,
            limits,
            seen,
            #[cfg(feature = "aws-lc-rs")]
            sensitive: self.sensitive,
            apiv2,
            is_signed: !is_invoice,
            is_exempt,
            store,
            transport,
            core,
        }))
    }

    /// Where the certificates for a call of APIv3 are fetched, once it is clear that it can be made.
    fn store(&self, endpoint: &Endpoint, destination: &Destination) -> Result<Option<Arc<Store>>> {
        let Some(apiv3) = &self.core.v3 else {
            return Err(Error::config(
                "APIv3",
                format!("{endpoint} is a call of APIv3, and this client has APIv2's settings only"),
                "serial, private_key and cert beside them",
            ));
        };
        match self.only_v2 {
            None => Ok(apiv3.store_of(destination)),
            Some(name) => {
                let part = format!("{name} is APIv2's, and this is a call of APIv3");
                let wanted = "a path under v2/; APIv3 takes `json`, and no merchant certificate";
                Err(Error::request(part, wanted).at(endpoint))
            }
        }
    }

    /// What sends a call of APIv2, once it is clear that it can be made: with the merchant certificate
    /// or without.
    fn transport_of_v2(
        &self,
        endpoint: &Endpoint,
        path: &str,
        scheme: &Scheme,
    ) -> Result<Arc<Transport>> {
        let core = &self.core;
        if core.secret.is_none() {
            return Err(Error::config(
                "secret",
                format!("{endpoint} is a call of APIv2, and this client has APIv3's settings only"),
                "secret, the APIv2 key",
            ));
        }
        if let Some((name, wanted)) = self.only_v3 {
            let part = format!("{name} is APIv3's, and this is a call of APIv2");
            return Err(Error::request(part, wanted).at(endpoint));
        }
        let known = tree::walk(&format!("v2/{path}")).endpoint(self.method.as_str());
        let is_wanted = known.is_some_and(|known| known.needs_client_certificate());
        // Without TLS there is no certificate: a sandbox does not ask for it.
        let is_secure = (self.apiv2.is_secure || is_wanted) && *scheme == Scheme::HTTPS;
        match &core.secure {
            _ if !is_secure => Ok(Arc::clone(&core.transport)),
            Some(secure) => Ok(Arc::clone(secure)),
            None => Err(Error::config(
                "merchant",
                format!("{endpoint} wants the merchant certificate, and this client has none"),
                ".merchant(certificate, key) with apiclient_cert.pem and apiclient_key.pem",
            )),
        }
    }

    /// Scheme, host and target, as they are signed and sent.
    fn destination(&mut self) -> Result<Destination> {
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
                let is_base = address.authority == core.base.authority;
                let prefix = if is_base {
                    Arc::clone(&core.base.prefix)
                } else {
                    "/".into()
                };
                return Ok(Destination {
                    query: Query::default(),
                    prefix,
                    scheme: address.scheme,
                    authority: address.authority,
                    target: address.target,
                    apiv2: None,
                });
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
        // What selects APIv2 is not sent.
        let apiv2 = template::strip_prefix(&expanded.path, "v2/");
        let path = apiv2.unwrap_or(&expanded.path);
        let mut target = String::with_capacity(base.prefix.len() + path.len() + 64);
        target.push_str(&base.prefix);
        target.push_str(path);
        let mut query = Query::default();
        if apiv2.is_some() && self.method == Method::GET {
            // It is signed first.
            let written = expanded.query.map(Value::String);
            self.pieces.splice(..0, written);
        } else {
            query = Query::from_text(expanded.query.as_deref().unwrap_or_default());
            query.join(&self.query)?;
            if !query.as_str().is_empty() {
                target.push('?');
                target.push_str(query.as_str());
            }
        }
        let Ok(target) = PathAndQuery::try_from(target) else {
            return Err(Error::request(
                "the path and query can't be sent",
                "fewer than 65,535 bytes",
            ));
        };
        Ok(Destination {
            scheme: base.scheme.clone(),
            authority: base.authority.clone(),
            prefix: Arc::clone(&base.prefix),
            target,
            query,
            apiv2: apiv2.map(str::to_owned),
        })
    }
}

#[cfg(feature = "aws-lc-rs")]
const ENCRYPT: &str =
    "the field as rsa::PublicKey::encrypt makes it, with the key of v2/risk/getpublickey";

fn seconds(name: &str, value: &Value) -> Result<Limit, options::Problem> {
    let limit = Limit::from_seconds(value);
    limit.map_err(|(given, wanted)| (format!("the option {name}: {given}"), wanted))
}

/// One attempt: sent, and its answer judged.
async fn attempt(ready: &mut Ready, driver: Driver) -> Result<Response> {
    let sent = ready.send(driver).await;
    let (exchange, outcome) = sent.inspect_err(|error| ready.seen().log.failed(error))?;
    finish(exchange, outcome, driver, ready.seen()).await
}

impl IntoFuture for Request {
    type Output = Result<Response>;
    type IntoFuture = ResponseFuture;

    fn into_future(self) -> ResponseFuture {
        Pending::new(Box::new(self).go(Driver::Caller))
    }
}

/// The future of a [`Request`].
pub type ResponseFuture = Pending<Response>;

/// A request on its way to be signed, for another HTTP client: see [`Request::sign`].
#[must_use = "a request is signed by `.await` or `.wait()`"]
#[derive(Debug)]
pub struct Signing(Request);

impl Signing {
    /// Signs, and blocks until what is needed for it is there. It needs no runtime.
    ///
    /// # Errors
    /// What [`Request::wait`] would refuse before sending.
    pub fn wait(self) -> Result<(http::Request<Bytes>, Answer)> {
        block_on(self.go(Driver::Own))
    }

    async fn go(self, driver: Driver) -> Result<(http::Request<Bytes>, Answer)> {
        let _flight = self.0.begin()?;
        let ready = Box::new(self.0).prepare(driver, Seen::none()).await?;
        ready.compose_once()?.sign(driver).await?.into_parts()
    }
}

impl IntoFuture for Signing {
    type Output = Result<(http::Request<Bytes>, Answer)>;
    type IntoFuture = Pending<(http::Request<Bytes>, Answer)>;

    fn into_future(self) -> Self::IntoFuture {
        Pending::new(self.go(Driver::Caller))
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
