//! A request from what was asked to what is signed and sent.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Uri, header};
use serde_json::Value;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::catalogue::{self, tree};
use crate::client::{Apiv3, Core};
#[cfg(feature = "aws-lc-rs")]
use crate::error::Short;
use crate::error::{Endpoint, Error, Phase, Result, SignedMessage};
use crate::formatter;
use crate::options::Limit;
use crate::payload::{Content, Payload};
use crate::platform::{Store, Trust};
use crate::protocol::v2::request::{Fields, Workwx};
use crate::protocol::v3::{self, Stamp};
use crate::protocol::{self, Exchange, Sent, Terms, v2};
use crate::query::Query;
use crate::seen::{Log, Seen};
use crate::sensitive;
#[cfg(feature = "aws-lc-rs")]
use crate::sensitive::By;
use crate::signer::MerchantKey;
use crate::transport::body::{Body, Watch};
use crate::transport::failover::Origin;
use crate::transport::{
    Brought, Call, Driver, Failure, InPieces, Limits, Outcome, Transport, drive_until,
};

/// Where a request goes.
pub(crate) struct Destination {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
    /// What stands before the path of every request to there, with its slashes.
    pub(crate) prefix: Arc<str>,
    pub(crate) target: PathAndQuery,
    /// The query of the target, while it may still change.
    pub(crate) query: Query,
    /// The path of a call to APIv2, without what stands before it.
    pub(crate) apiv2: Option<String>,
}

impl Destination {
    fn origin(&self) -> Origin {
        (self.scheme.clone(), self.authority.clone())
    }
}

/// Which fields are to be encrypted.
#[cfg(feature = "aws-lc-rs")]
#[derive(Default)]
pub(crate) struct Sensitive {
    pub(crate) pointers: Vec<String>,
    pub(crate) query: Vec<String>,
    /// Those that the catalogue knows, too.
    pub(crate) known: bool,
}

#[cfg(feature = "aws-lc-rs")]
impl Sensitive {
    pub(crate) fn is_empty(&self) -> bool {
        !self.known && self.pointers.is_empty() && self.query.is_empty()
    }
}

/// A request that can be signed.
pub(crate) struct Draft {
    pub(crate) core: Arc<Core>,
    pub(crate) endpoint: Endpoint,
    pub(crate) method: Method,
    pub(crate) destination: Destination,
    pub(crate) payload: Payload,
    pub(crate) headers: HeaderMap,
    pub(crate) limits: Limits,
    pub(crate) seen: Seen,
    #[cfg(feature = "aws-lc-rs")]
    pub(crate) sensitive: Sensitive,
    /// `None` for APIv3.
    pub(crate) apiv2: Option<AskedOfV2>,
    /// Whether it goes with the `Authorization` header, if it is of APIv3.
    pub(crate) is_signed: bool,
    /// Whether the endpoint signs nothing, if it is of APIv3.
    pub(crate) is_exempt: bool,
    /// Where the client fetches the certificates for it.
    pub(crate) store: Option<Arc<Store>>,
    /// What sends it: connections with the merchant certificate, or those without.
    pub(crate) transport: Arc<Transport>,
}

/// What APIv2 has to know of a request.
pub(crate) struct AskedOfV2 {
    /// Without a prefix of base_uri.
    pub(crate) path: String,
    pub(crate) is_nonceless: bool,
    pub(crate) workwx: Option<Box<Workwx>>,
    /// The fields of a GET, in the pieces in which they came; of any other verb they are the body's.
    pub(crate) fields: Vec<Value>,
}

impl AskedOfV2 {
    /// Signs the fields, with a nonce of its own unless they have one.
    fn signed(&self, core: &Core, verb: &Method) -> Result<(Fields, v2::Terms)> {
        let call = v2::request::Call {
            verb,
            path: &self.path,
            nonce: &formatter::nonce(),
            is_nonceless: self.is_nonceless,
            workwx: self.workwx.as_deref(),
        };
        let (fields, signed) = v2::request::signed(core.merchant(), &call, &self.fields)?;
        let path = self.path.clone();
        Ok((fields, v2::Terms { path, signed }))
    }
}

impl Destination {
    /// Puts another query into the target.
    fn set_query(&mut self, query: &str) -> Result<()> {
        if query.is_empty() {
            return Ok(());
        }
        let target = format!("{}?{query}", self.target.path());
        self.target = PathAndQuery::try_from(target)
            .map_err(|_| Error::request("the query can't be sent", "fewer than 65,535 bytes"))?;
        Ok(())
    }
}

impl Draft {
    /// A GET of the client's own, for which nothing is fetched before.
    pub(crate) fn get(core: &Arc<Core>, endpoint: Endpoint, destination: Destination) -> Box<Self> {
        let seen = Seen::begin(&Method::GET, || endpoint.template.clone(), Log::default());
        Box::new(Self {
            core: Arc::clone(core),
            endpoint,
            method: Method::GET,
            destination,
            payload: Payload::none(),
            headers: HeaderMap::new(),
            limits: Limits {
                whole: core.timeout,
                connect: core.connect_timeout,
                idle: core.idle_timeout,
                answer: core.answer_limit,
                started: Driver::Caller.now(),
            },
            seen,
            #[cfg(feature = "aws-lc-rs")]
            sensitive: Sensitive::default(),
            store: None,
            transport: Arc::clone(&core.transport),
            apiv2: None,
            is_signed: true,
            is_exempt: false,
        })
    }

    /// Whether a verifier elsewhere is to be asked about the answer.
    pub(crate) fn is_judged_elsewhere(&self) -> bool {
        self.apiv2.is_none() && self.core.verifier().is_some()
    }

    /// Where certificates have to be fetched before the request leaves, so that a failure there
    /// means that nothing was sent.
    pub(crate) fn wanting(&self) -> Option<Arc<Store>> {
        let store = self.store.as_ref()?;
        let is_wanting = self.needs_key() && store.is_wanting();
        is_wanting.then(|| Arc::clone(store))
    }

    #[cfg(feature = "aws-lc-rs")]
    fn needs_key(&self) -> bool {
        !self.is_exempt || !self.sensitive.is_empty()
    }

    #[cfg(not(feature = "aws-lc-rs"))]
    fn needs_key(&self) -> bool {
        !self.is_exempt
    }

    /// The serial that the caller set by hand, which wins over all others.
    fn own_serial(&self) -> Option<&str> {
        let headers = [&self.headers, &self.core.headers];
        let mut own = headers.into_iter().filter_map(|own| own.get(v3::SERIAL));
        own.next()?.to_str().ok()
    }

    /// What the catalogue knows of the endpoint.
    fn catalogued(&self) -> Option<catalogue::Endpoint> {
        let path = self.destination.target.path().trim_start_matches('/');
        tree::walk(path).endpoint(self.method.as_str())
    }

    /// The serial of the platform key that the gateway is told of, after the sensitive fields were
    /// encrypted with just that one.
    fn announced(&mut self, trust: &Trust) -> Result<Option<String>> {
        #[cfg(feature = "aws-lc-rs")]
        if !self.sensitive.is_empty() {
            return self.encrypted(trust).map(Some);
        }
        if let Some(serial) = self.own_serial().or_else(|| trust.public_key_id()) {
            return Ok(Some(serial.to_owned()));
        }
        if !self.holds_ciphertext() {
            return Ok(None);
        }
        match trust.serials().as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(only.clone())),
            several => Err(Error::request(
                format!(
                    "the request holds a ciphertext, and there are several platform keys: {}",
                    several.join(", ")
                ),
                ".header(\"Wechatpay-Serial\", …) with the serial of the one that encrypted it; or \
                 the plain text, which .sensitive_known() encrypts",
            )),
        }
    }

    /// Whether something that the catalogue calls sensitive was encrypted by the caller.
    fn holds_ciphertext(&self) -> bool {
        let Some(endpoint) = self.catalogued() else {
            return false;
        };
        let pointers: Vec<_> = endpoint.sensitive_request().collect();
        let names: Vec<_> = endpoint.sensitive_query().collect();
        let in_body = !pointers.is_empty()
            && self
                .payload
                .peek()
                .is_some_and(|body| !sensitive::ciphertexts(&body, &pointers).is_empty());
        in_body || !sensitive::query_ciphertexts(&self.destination.query, &names).is_empty()
    }

    #[cfg(feature = "aws-lc-rs")]
    fn encrypted(&mut self, trust: &Trust) -> Result<String> {
        let (serial, key) = match self.own_serial() {
            None => trust.encrypting().ok_or_else(|| {
                let part = "sensitive: no platform key is known yet";
                Error::request(part, ".await, .wait() or .sign(), which fetch it")
            })?,
            Some(serial) => match trust.get(serial) {
                Some(key) => (serial, key),
                None => {
                    let part = format!(
                        "sensitive: the header Wechatpay-Serial names {:?}, which is not among the \
                         platform keys ({})",
                        Short(serial),
                        trust.serials().join(", ")
                    );
                    let wanted = "the serial of one of these, or no such header";
                    return Err(Error::request(part, wanted));
                }
            },
        };
        let (serial, key) = (serial.to_owned(), key.clone());
        let endpoint = self.catalogued();
        let scheme = sensitive::scheme(endpoint.as_ref());
        let asked = std::mem::take(&mut self.sensitive);
        self.seen.blank(&asked.pointers);
        let mut seal = |pointers: &[String], names: &[String], by| {
            if !pointers.is_empty() {
                let body = self.payload.json_mut(by)?;
                if let Some(body) = body {
                    sensitive::encrypt(body, pointers, by, &key, scheme)?;
                }
            }
            let query = &mut self.destination.query;
            sensitive::encrypt_query(query, names, by, &key, scheme)
        };
        seal(&asked.pointers, &asked.query, By::Caller)?;
        if asked.known {
            let endpoint = endpoint.as_ref();
            let pointers: Vec<_> = endpoint
                .into_iter()
                .flat_map(|it| it.sensitive_request())
                .collect();
            let names: Vec<_> = endpoint
                .into_iter()
                .flat_map(|it| it.sensitive_query())
                .collect();
            if pointers.is_empty() && names.is_empty() {
                return Err(Error::request(
                    "sensitive_known: the catalogue knows no sensitive field of a request to this \
                     endpoint",
                    ".sensitive([\"/pointer/to/field\"])",
                ));
            }
            // What the caller named is encrypted already.
            let left = |fields: Vec<&str>, asked: &[String]| {
                let fields = fields.into_iter().map(str::to_owned);
                fields
                    .filter(|field| !asked.contains(field))
                    .collect::<Vec<_>>()
            };
            let (pointers, names) = (left(pointers, &asked.pointers), left(names, &asked.query));
            seal(&pointers, &names, By::Catalogue)?;
        }
        let query = std::mem::take(&mut self.destination.query);
        self.destination.set_query(query.as_str())?;
        Ok(serial)
    }

    /// Encrypts what is sensitive, with the keys that are known by now; or signs the fields of APIv2,
    /// whose key is here.
    pub(crate) fn seal(mut self: Box<Self>) -> Result<Sealed> {
        let sealed = if let Some(asked) = self.apiv2.take() {
            self.signed(asked)
        } else {
            self.encrypted_for_v3()
        };
        match sealed {
            Ok(seal) => Ok(Sealed { draft: self, seal }),
            Err(error) => Err(error.at(&self.endpoint)),
        }
    }

    fn encrypted_for_v3(&mut self) -> Result<Seal> {
        let Some(apiv3) = &self.core.v3 else {
            let part = "the call is of APIv3";
            return Err(Error::request(part, "a client with its settings"));
        };
        let trust = apiv3.platform.trust(self.store.take());
        let announced = self.announced(&trust)?;
        Ok(Seal::V3 { trust, announced })
    }

    /// Puts the signed fields of APIv2 into the payload, or into the query of a GET.
    fn signed(&mut self, mut asked: AskedOfV2) -> Result<Seal> {
        let mut payload = std::mem::replace(&mut self.payload, Payload::none());
        let pieces = payload.take_pieces()?;
        let is_query = self.method == Method::GET;
        if !is_query {
            asked.fields = pieces;
        } else if !pieces.is_empty() {
            return Err(Error::request(
                "a GET of APIv2 with a body",
                "its fields in .query(), which are signed",
            ));
        }
        let (fields, terms) = asked.signed(&self.core, &self.method)?;
        if is_query {
            self.destination.set_query(&fields.to_query())?;
        } else {
            self.payload = payload.signed(&fields);
        }
        Ok(Seal::V2 { asked, terms })
    }
}

/// A request whose sensitive fields are encrypted, or whose fields are signed.
pub(crate) struct Sealed {
    draft: Box<Draft>,
    seal: Seal,
}

enum Seal {
    V3 {
        trust: Trust,
        /// The serial of the platform key that the gateway is told of.
        announced: Option<String>,
    },
    V2 {
        asked: AskedOfV2,
        /// Of the attempt that is next, or was the last.
        terms: v2::Terms,
    },
}

impl Sealed {
    /// Makes the body what it is on the wire.
    pub(crate) async fn ready(mut self, driver: Driver) -> Result<Ready> {
        let payload = self.take_payload();
        let content = payload.into_content(driver).await;
        self.with(content)
    }

    /// The same on this thread.
    pub(crate) fn ready_here(mut self) -> Result<Ready> {
        let content = self.take_payload().into_content_here();
        self.with(content)
    }

    fn take_payload(&mut self) -> Payload {
        std::mem::replace(&mut self.draft.payload, Payload::none())
    }

    fn with(self, content: Result<Content>) -> Result<Ready> {
        let content = content.map_err(|error| error.at(&self.draft.endpoint))?;
        Ok(Ready {
            draft: self.draft,
            seal: self.seal,
            content,
        })
    }
}

/// A request that can be signed and sent, as often as it is proved that it did not arrive.
pub(crate) struct Ready {
    draft: Box<Draft>,
    seal: Seal,
    content: Content,
}

/// The body of an attempt, which a connection takes.
struct Sending {
    length: u64,
    watch: Option<Arc<Watch>>,
}

impl Sending {
    fn of(request: &http::Request<Body>) -> Self {
        Self {
            length: request.body().length(),
            watch: request.body().watch(),
        }
    }

    /// How much of it was taken, if anything was.
    fn bytes(&self) -> u64 {
        let taken = self.watch.as_ref().map(|watch| watch.taken());
        taken.unwrap_or(self.length)
    }
}

/// How often a request is given to a connection that had just been closed.
const MOST_GIVEN_BACK: u32 = 3;

impl Ready {
    /// Signs, sends, and takes the whole answer.
    pub(crate) async fn send(&mut self, driver: Driver) -> Result<(Exchange, Outcome)> {
        let (exchange, outcome) = self.send_by(driver, |_| false).await?;
        let outcome = outcome.and_then(|brought| match brought {
            Brought::Whole(answer) => Ok(answer),
            Brought::Begun(_) => Err(Failure::lost(Phase::Read)),
        });
        Ok((exchange, outcome))
    }

    pub(crate) fn seen(&self) -> &Seen {
        &self.draft.seen
    }

    pub(crate) fn into_seen(self) -> Seen {
        self.draft.seen
    }

    /// Signs and sends. What provably did not arrive is signed anew and sent again: where a
    /// connection was closed before a byte was written, and where an entrance can't be reached.
    pub(crate) async fn send_by(
        &mut self,
        driver: Driver,
        in_pieces: InPieces,
    ) -> Result<(Exchange, std::result::Result<Brought, Failure>)> {
        let own = self.draft.destination.origin();
        let core = Arc::clone(&self.draft.core);
        let entrances = core.entrances.as_ref();
        let order = entrances.and_then(|entrances| entrances.order(&own, driver.now()));
        let [mut origin, other] = order.unwrap_or([&own, &own]);
        let mut given_back = 0;
        loop {
            let signed = self.another(origin)?.sign(driver).await?;
            let body = Sending::of(&signed.request);
            let (call, exchange) = signed.split();
            let outcome = call.open(driver, in_pieces).await;
            self.saw(&body, &outcome);
            // When the request's own time is over, that says nothing of an entrance.
            let is_over = exchange.sent.is_over(driver.now());
            let is_unreachable = !is_over && outcome.as_ref().is_err_and(Failure::is_unreachable);
            if let Some(entrances) = entrances {
                entrances.saw(origin, !is_unreachable, driver.now());
            }
            match outcome.as_ref().map(|_| ()) {
                Err(failure) if failure.is_given_back() && given_back < MOST_GIVEN_BACK => {
                    given_back += 1;
                    tracing::debug!(target: "wechatpay_chain", host = %origin.1, "a connection had been closed; sent again");
                }
                Err(_) if is_unreachable && origin != other => {
                    tracing::warn!(target: "wechatpay_chain", host = %origin.1, other = %other.1, "unreachable; sent to the other entrance");
                    origin = other;
                }
                _ => return Ok((exchange, outcome)),
            }
        }
    }

    /// Begins anew, as another attempt: with the limit of the request, or what is left of that of all
    /// attempts.
    pub(crate) fn restart(&mut self, now: Instant, remaining: Option<Duration>) {
        let limits = &mut self.draft.limits;
        limits.started = now;
        limits.whole = match (limits.whole.0, remaining) {
            (Some(own), Some(remaining)) => Limit(Some(own.min(remaining))),
            (own, remaining) => Limit(own.or(remaining)),
        };
    }

    /// The request towards the host that it was made for, unsigned.
    pub(crate) fn compose_once(&self) -> Result<Unsigned> {
        self.compose(&self.draft.destination.origin())
    }

    /// The request of another attempt. Whatever its protocol, it has a nonce and a signature of its own.
    fn another(&mut self, origin: &Origin) -> Result<Unsigned> {
        if self.seen().attempts() > 0 {
            self.renew()
                .map_err(|error| error.at(&self.draft.endpoint))?;
        }
        let composed = self.compose(origin)?;
        let Draft { endpoint, seen, .. } = &mut *self.draft;
        let attempt = seen.attempt(&origin.1);
        let length = composed.0.request.body().length();
        seen.log.attempt(endpoint, &origin.1, attempt, length);
        let is_v3 = matches!(self.seal, Seal::V3 { .. });
        if let Some(body) = self.content.shown(is_v3) {
            seen.request_body(endpoint, body);
        }
        Ok(composed)
    }

    /// Takes down what became of an attempt.
    fn saw(&mut self, body: &Sending, outcome: &std::result::Result<Brought, Failure>) {
        let seen = &mut self.draft.seen;
        let is_unsent = matches!(outcome, Err(failure) if !failure.may_have_been_sent());
        if !is_unsent {
            seen.sent(body.bytes());
        }
        match outcome {
            Ok(Brought::Whole(answer)) => {
                seen.answered(answer.status(), answer.headers());
                seen.received(answer.body().len());
            }
            Ok(Brought::Begun(answer)) => seen.answered(answer.status(), answer.headers()),
            Err(_) => {}
        }
    }

    /// Signs the fields of APIv2 with another nonce. APIv3's are in a header, which is made each time.
    fn renew(&mut self) -> Result<()> {
        let Seal::V2 { asked, terms } = &mut self.seal else {
            return Ok(());
        };
        let fields;
        (fields, *terms) = asked.signed(&self.draft.core, &self.draft.method)?;
        if self.draft.method == Method::GET {
            return self.draft.destination.set_query(&fields.to_query());
        }
        self.content.set_fields(&fields);
        Ok(())
    }

    fn compose(&self, origin: &Origin) -> Result<Unsigned> {
        let Draft {
            core,
            endpoint,
            method,
            destination,
            headers: own,
            limits,
            transport,
            is_signed,
            is_exempt,
            ..
        } = &*self.draft;
        let (headers, terms) = match &self.seal {
            Seal::V2 { terms, .. } => (v2::headers(), Terms::V2(terms.clone())),
            Seal::V3 { trust, announced } => {
                let stamp = Stamp {
                    timestamp: formatter::timestamp(),
                    nonce: formatter::nonce(),
                };
                let target = destination.target.clone();
                let body = self.content.signed().clone();
                let terms = v3::Terms {
                    signed: v3::message(method.clone(), target, stamp, body),
                    is_signed: *is_signed,
                    trust: trust.clone(),
                    is_exempt: *is_exempt,
                    verdict: None,
                };
                let headers = v3::headers(self.content.is_json(), announced.as_deref());
                (headers, Terms::V3(terms))
            }
        };
        let mut headers = protocol::headers(headers, core, own);
        headers.remove(header::AUTHORIZATION);
        if let Some(content_type) = self.content.content_type() {
            headers.insert(header::CONTENT_TYPE, content_type.clone());
        }
        let (scheme, authority) = origin.clone();
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(authority)
            .path_and_query(destination.target.clone())
            .build()
            .map_err(|_| Error::request("the address can't be put together", "another path"))?;
        let mut request = http::Request::new(self.content.body());
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(Unsigned(Outgoing {
            request,
            limits: *limits,
            transport: Arc::clone(transport),
            exchange: Exchange {
                core: Arc::clone(core),
                sent: Sent {
                    endpoint: endpoint.clone(),
                    host: origin.1.clone(),
                    deadline: limits.deadline(),
                    answer_limit: limits.answer,
                    terms,
                },
            },
        }))
    }
}

/// A request that lacks nothing but APIv3's signature.
pub(crate) struct Unsigned(Outgoing);

impl Unsigned {
    /// Signs with a key that is here.
    pub(crate) fn sign_here(self) -> Result<Outgoing> {
        let Some((apiv3, signed)) = self.wanting() else {
            return Ok(self.0);
        };
        let key = apiv3.key.here();
        let key = key.map_err(|error| error.at(&self.0.exchange.sent.endpoint))?;
        let signature = key.sign(signed.bytes());
        self.with(&signature)
    }

    /// Signs with the merchant's key, wherever that is.
    pub(crate) async fn sign(self, driver: Driver) -> Result<Outgoing> {
        let (signer, message) = match self.wanting() {
            Some((apiv3, signed)) => match &apiv3.key {
                MerchantKey::Elsewhere(signer) => (Arc::clone(signer), signed.bytes()),
                MerchantKey::Here(_) => return self.sign_here(),
            },
            None => return self.sign_here(),
        };
        let deadline = self.0.exchange.sent.deadline;
        let signing = async move { signer.sign(&message).await };
        let signed = drive_until(driver, deadline, Phase::Signing, signing).await;
        match signed.and_then(|signed| signed.map_err(Failure::of_signer)) {
            Ok(signature) => self.with(signature.trim()),
            Err(failure) => Err(self.0.exchange.sent.failed(failure)),
        }
    }

    /// What is still to be signed, and whose key signs it.
    pub(crate) fn wanting(&self) -> Option<(&Apiv3, &SignedMessage)> {
        let Exchange { core, sent } = &self.0.exchange;
        match (&core.v3, &sent.terms) {
            (Some(apiv3), Terms::V3(terms)) if terms.is_signed => Some((apiv3, &terms.signed)),
            _ => None,
        }
    }

    fn with(mut self, signature: &str) -> Result<Outgoing> {
        let value = match self.wanting() {
            None => return Ok(self.0),
            Some((apiv3, signed)) => {
                let Exchange { core, sent } = &self.0.exchange;
                v3::authorization(core, &apiv3.serial, signed, signature)
                    .map_err(|error| error.at(&sent.endpoint))?
            }
        };
        let headers = self.0.request.headers_mut();
        headers.insert(header::AUTHORIZATION, value);
        Ok(self.0)
    }
}

/// A signed request, and what its answer is judged by.
pub(crate) struct Outgoing {
    pub(crate) request: http::Request<Body>,
    pub(crate) limits: Limits,
    pub(crate) transport: Arc<Transport>,
    pub(crate) exchange: Exchange,
}

impl Outgoing {
    pub(crate) fn split(self) -> (Call, Exchange) {
        let call = Call::new(self.transport, self.request, self.limits);
        (call, self.exchange)
    }

    /// For another client, which takes a body in one piece.
    pub(crate) fn into_http(self) -> Result<http::Request<Bytes>> {
        Ok(self.into_parts()?.0)
    }

    pub(crate) fn into_parts(self) -> Result<(http::Request<Bytes>, Answer)> {
        let mut exchange = self.exchange;
        // The other client has its own limits.
        exchange.sent.deadline = None;
        let (parts, body) = self.request.into_parts();
        match body.into_bytes() {
            Some(body) => Ok((http::Request::from_parts(parts, body), Answer { exchange })),
            None => Err(Error::request(
                "the body is read from a file while it is sent",
                "Media::new(filename, bytes) where another HTTP client sends it; or `.await`",
            )),
        }
    }
}
