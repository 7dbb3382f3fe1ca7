//! Sends one signed request and brings back the whole answer. It never looks into a body.
//!
//! A connection that presents a merchant's certificate belongs to a transport of that merchant's own,
//! so none is ever taken for a request that should not present it, nor the reverse.
//!
//! hyper's pool spawns its connections on the runtime of the request that opened them, so there is
//! one pool a runtime, over one shared connector. A guard task on that runtime removes the pool
//! when the runtime goes.

mod arrival;
pub(crate) mod body;
mod connect;
mod ended;
pub(crate) mod failover;
mod gate;
mod gather;
mod identity;
mod proxy;
pub(crate) mod retry;

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::response::Parts;
use http::uri::Authority;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use tokio::runtime::{Handle, Id, Runtime};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use crate::error::{Endpoint, Error, NetworkError, Phase, Result, Signed};
use crate::options::Limit;
use crate::signer::ServiceError;

pub(crate) use self::arrival::{AbandonArrival, Arrival, ArrivalError};
use self::body::{Body, Trouble};
use self::connect::{Attempt, ConnectFailure, Connector};
pub(crate) use self::identity::Identity;
pub(crate) use self::proxy::Proxies;

/// WeChat Pay's servers close an idle connection after 8 s; the pool lets go before.
const IDLE: Duration = Duration::from_secs(7);

/// A request that was dropped sooner says nothing about its connection; and how long after its
/// connection's end a request may be given back by hyper.
const DOUBT: Duration = Duration::from_secs(1);

type Pool = Client<Connector, Body>;
pub(crate) type Outcome = std::result::Result<http::Response<Bytes>, Failure>;

/// Tells by the headers of an answer whether its body is handed on in pieces.
pub(crate) type InPieces = fn(&Parts) -> bool;

/// What a request brought back: the whole answer, or its headers while its body is on its way.
pub(crate) enum Brought {
    Whole(http::Response<Bytes>),
    Begun(http::Response<Arrival>),
}

/// The connections of one client or of several, on whichever runtimes they are used.
pub(crate) struct Transport {
    connector: Connector,
    roots: Arc<RootCertStore>,
    /// Those beside the built-in ones.
    more_roots: Vec<CertificateDer<'static>>,
    proxies: Arc<Proxies>,
    pools: Mutex<HashMap<Id, Entry>>,
}

struct Entry {
    pool: Arc<Pool>,
    /// Ends the guard task when the transport goes before the runtime does.
    _open: oneshot::Sender<()>,
}

impl Transport {
    pub(crate) fn new(more_roots: Vec<CertificateDer<'static>>, proxies: Proxies) -> Result<Self> {
        let roots = connect::roots(&more_roots)?;
        let proxies = Arc::new(proxies);
        Ok(Self {
            connector: Connector::new(Arc::clone(&roots), Arc::clone(&proxies), None)?,
            roots,
            more_roots,
            proxies,
            pools: Mutex::default(),
        })
    }

    /// A transport that trusts the same roots, goes the same way and presents this certificate.
    pub(crate) fn presenting(&self, identity: &Identity) -> Result<Self> {
        let (roots, proxies) = (Arc::clone(&self.roots), Arc::clone(&self.proxies));
        Ok(Self {
            connector: Connector::new(roots, proxies, Some(identity))?,
            roots: Arc::clone(&self.roots),
            more_roots: self.more_roots.clone(),
            proxies: Arc::clone(&self.proxies),
            pools: Mutex::default(),
        })
    }

    /// Whether each of these is among the roots beside the built-in ones.
    pub(crate) fn trusts(&self, roots: &[CertificateDer<'static>]) -> bool {
        roots.iter().all(|root| self.more_roots.contains(root))
    }

    /// Whether some of its connections go through a proxy.
    pub(crate) fn has_proxy(&self) -> bool {
        !self.proxies.is_empty()
    }

    /// The pool of the runtime that this is called on.
    fn pool(self: &Arc<Self>) -> Arc<Pool> {
        let runtime = Handle::current();
        let mut pools = self.lock();
        if let Some(entry) = pools.get(&runtime.id()) {
            return Arc::clone(&entry.pool);
        }
        let pool = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .retry_canceled_requests(false)
            .build(self.connector.of_another_pool());
        let pool = Arc::new(pool);
        let (open, closed) = oneshot::channel();
        let guard = Guard {
            transport: Arc::downgrade(self),
            runtime: runtime.id(),
        };
        let entry = Entry {
            pool: Arc::clone(&pool),
            _open: open,
        };
        pools.insert(runtime.id(), entry);
        drop(pools);
        runtime.spawn(async move {
            let _guard = guard;
            let _ = closed.await;
        });
        pool
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Entry>> {
        // No code that can panic runs under the lock.
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lives as long as its runtime, and removes that runtime's pool at the end.
struct Guard {
    transport: Weak<Transport>,
    runtime: Id,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(transport) = self.transport.upgrade() {
            let entry = transport.lock().remove(&self.runtime);
            // The pool is dropped outside the lock: it wakes its connections.
            drop(entry);
        }
    }
}

/// The limits of one request.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) whole: Limit,
    pub(crate) connect: Limit,
    /// How long a body that is read in pieces may stand still.
    pub(crate) idle: Limit,
    /// How many bytes of an answer may be held in memory.
    pub(crate) answer: usize,
    /// From when on they count.
    pub(crate) started: Instant,
}

impl Limits {
    /// The limit of the whole, and when it runs out.
    pub(crate) fn deadline(&self) -> Option<(Duration, Instant)> {
        let limit = self.whole.0?;
        Some((limit, self.started.checked_add(limit)?))
    }
}

/// Whose runtime does the I/O.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Driver {
    /// The caller's tokio; where there is none, the library's own.
    Caller,
    /// The library's own, since the caller's thread blocks.
    Own,
}

impl Driver {
    /// The time by the clock of the runtime that does the I/O.
    pub(crate) fn now(self) -> Instant {
        if self.has_runtime() {
            Instant::now()
        } else {
            // tokio's needs thread-locals, which may be gone where a destructor waits.
            std::time::Instant::now().into()
        }
    }

    fn has_runtime(self) -> bool {
        match self {
            Self::Caller => Handle::try_current().is_ok(),
            Self::Own => false,
        }
    }
}

/// Runs the future that `make` makes, which does I/O, and gives it up together with whoever waits
/// for it. It is made where it is run: an async function that holds a future twice, before and while
/// it runs it, is twice as large.
pub(crate) async fn drive<T, F>(
    driver: Driver,
    make: impl FnOnce() -> F,
) -> std::result::Result<T, Failure>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    if driver.has_runtime() {
        return Ok(make().await);
    }
    let runtime = shared_runtime().map_err(Failure::no_runtime)?;
    Abandon(runtime.spawn(make().in_current_span())).await
}

/// A future of its own on the heap.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Runs a future that does I/O until the caller's limit, if there is one; then it is given up. It is
/// for what few requests need, and boxed so that the others don't make room for it.
pub(crate) fn drive_until<T: Send + 'static>(
    driver: Driver,
    deadline: Option<(Duration, Instant)>,
    phase: Phase,
    future: impl Future<Output = T> + Send + 'static,
) -> Boxed<std::result::Result<T, Failure>> {
    let future = Box::pin(future);
    let make = move || async move {
        match deadline {
            None => Ok(future.await),
            Some((limit, deadline)) => timeout_at(deadline, future)
                .await
                .map_err(|_| Failure::too_late(phase, limit)),
        }
    };
    Box::pin(async move { drive(driver, make).await? })
}

/// Has a future that does I/O run by itself.
pub(crate) fn spawn(
    driver: Driver,
    future: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<AbortHandle> {
    let task = if driver.has_runtime() {
        tokio::spawn(future)
    } else {
        shared_runtime()?.spawn(future)
    };
    Ok(task.abort_handle())
}

/// Runs a future on this thread, which sleeps while the future waits.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// One request, ready to be sent.
pub(crate) struct Call {
    transport: Arc<Transport>,
    request: http::Request<Body>,
    limits: Limits,
}

impl Call {
    pub(crate) fn new(
        transport: Arc<Transport>,
        request: http::Request<Body>,
        limits: Limits,
    ) -> Self {
        Self {
            transport,
            request,
            limits,
        }
    }

    /// Sends it, and takes the answer. Of one that is taken in pieces, the limit of the whole ends with
    /// its headers.
    pub(crate) async fn open(
        self,
        driver: Driver,
        in_pieces: InPieces,
    ) -> std::result::Result<Brought, Failure> {
        drive(driver, move || self.send(in_pieces))
            .await
            .unwrap_or_else(Err)
    }

    async fn send(self, in_pieces: InPieces) -> std::result::Result<Brought, Failure> {
        let attempt = Arc::new(Attempt::new(self.limits.connect));
        let pool = self.transport.pool();
        let mut request = self.request;
        let watch = request.body().watch();
        // It is filled in the moment in which a connection was found for the request.
        let connection = capture_connection(&mut request);
        let is_taken = request.body_mut().is_taken();
        let ended = ended::ended(connection.clone());
        // Most requests are answered before it is worth a look at their connection; and hyper gives
        // back what it finds, which is almost always all there is.
        let ended = async {
            tokio::time::sleep(DOUBT).await;
            ended.await;
            tokio::time::sleep(DOUBT).await;
        };
        let mut exchanging = Exchanging {
            connection,
            started: std::time::Instant::now(),
            is_over: false,
        };
        let exchange = Attempt::scope(&attempt, async {
            let answer = answered(pool.request(request), ended, &is_taken);
            let Some(answer) = answer.await else {
                return Err(Failure::not_taken());
            };
            let answer = answer.map_err(|error| {
                let trouble = watch.as_ref().and_then(|watch| watch.trouble());
                trouble.map_or_else(|| Failure::of_client(error), Failure::of_upload)
            })?;
            attempt.enter(Phase::Read);
            let (parts, body) = answer.into_parts();
            if in_pieces(&parts) {
                return Ok((parts, Err(body)));
            }
            let body = arrival::whole(body, parts.status, self.limits.answer).await?;
            Ok((parts, Ok(body)))
        });
        let hand_over = |outcome, mut exchanging: Exchanging| match outcome {
            Ok((parts, Err(body))) => {
                let arrival = Arrival::start(body, self.limits.idle, exchanging);
                Ok(Brought::Begun(http::Response::from_parts(parts, arrival)))
            }
            Ok((parts, Ok(body))) => {
                exchanging.is_over = true;
                Ok(Brought::Whole(http::Response::from_parts(parts, body)))
            }
            Err(failure) => {
                exchanging.is_over = true;
                Err(failure)
            }
        };
        let mut exchange = pin!(exchange);
        let Some((limit, deadline)) = self.limits.deadline() else {
            return hand_over(exchange.await, exchanging);
        };
        let mut until = deadline;
        let outcome = loop {
            if let Ok(outcome) = timeout_at(until, exchange.as_mut()).await {
                break Some(outcome);
            }
            // A large file may take longer than the limit, as long as it is on its way.
            let touched = watch.as_ref().and_then(|watch| watch.touched());
            match touched.and_then(|touched| touched.checked_add(limit)) {
                Some(later) if later > until => until = later,
                _ => break None,
            }
        };
        match outcome {
            Some(outcome) => hand_over(outcome, exchanging),
            None => {
                exchanging.is_over = true;
                let name = if watch.is_some() {
                    "the limit since the last byte sent"
                } else {
                    "the limit of the whole request"
                };
                exchanging.avoid_connection();
                let has_connection = exchanging.connection.connection_metadata().is_some();
                let phase = match attempt.phase() {
                    Phase::Read => Phase::Read,
                    _ if has_connection => Phase::Exchange,
                    phase => phase,
                };
                Err(Failure {
                    kind: Kind::Timeout,
                    phase,
                    limit: Some((name, limit)),
                    may_have_been_sent: has_connection,
                    is_given_back: false,
                    cause: match phase {
                        Phase::Proxy => attempt.waited_for(),
                        _ => None,
                    },
                })
            }
        }
    }
}

/// The outcome of a request; `None` when its connection ended and had not taken it.
async fn answered<T>(
    answer: impl Future<Output = T>,
    ended: impl Future<Output = ()>,
    is_taken: &AtomicBool,
) -> Option<T> {
    let (mut answer, mut ended) = (pin!(answer), pin!(ended));
    let mut is_over = false;
    std::future::poll_fn(|context| {
        if let Poll::Ready(answer) = answer.as_mut().poll(context) {
            return Poll::Ready(Some(answer));
        }
        if !is_over && ended.as_mut().poll(context).is_ready() {
            is_over = true;
            // One that was taken is answered all the same.
            if !is_taken.load(Ordering::SeqCst) {
                return Poll::Ready(None);
            }
        }
        Poll::Pending
    })
    .await
}

/// A request on its way. When it is given up, by its limit or by whoever dropped it after a while,
/// later requests get another connection: this one may be dead. HTTP/1.1 closes it in any case;
/// over HTTP/2 each request would keep it in the pool for the next, until TCP gives up.
struct Exchanging {
    connection: CaptureConnection,
    started: std::time::Instant,
    is_over: bool,
}

impl Exchanging {
    fn avoid_connection(&self) {
        if let Some(connection) = self.connection.connection_metadata().as_ref() {
            connection.poison();
        }
    }
}

impl Drop for Exchanging {
    fn drop(&mut self) {
        if !self.is_over && self.started.elapsed() >= DOUBT {
            self.avoid_connection();
        }
    }
}

/// The library's own runtime: one thread, for `.wait()` and for executors that are not tokio.
fn shared_runtime() -> std::io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("wechatpay-io")
        .enable_io()
        .enable_time()
        .build()?;
    // Of two threads that come here at once, one gives its runtime up again.
    if let Err(second) = RUNTIME.set(runtime) {
        second.shutdown_background();
    }
    RUNTIME
        .get()
        .ok_or_else(|| std::io::Error::other("the runtime is gone"))
}

/// A task that is abandoned together with whoever waits for it.
struct Abandon<T>(JoinHandle<T>);

impl<T> Future for Abandon<T> {
    type Output = std::result::Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|joined| joined.map_err(|_| Failure::lost(Phase::Exchange)))
    }
}

impl<T> Drop for Abandon<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    phase: Phase,
    limit: Option<(&'static str, Duration)>,
    may_have_been_sent: bool,
    /// Whether a connection that was there took nothing of the request.
    is_given_back: bool,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

#[derive(Debug)]
enum Kind {
    Connect,
    Timeout,
    Transport,
}

impl Failure {
    /// The request failed before the answer's headers were there.
    fn of_client(error: legacy::Error) -> Self {
        if let Some(failure) = find::<ConnectFailure>(&error) {
            let limit = failure
                .limit
                .map(|limit| ("the limit of connecting", limit));
            return Self {
                kind: if limit.is_some() {
                    Kind::Timeout
                } else {
                    Kind::Connect
                },
                phase: failure.phase,
                limit,
                may_have_been_sent: false,
                is_given_back: false,
                cause: failure.cause.clone(),
            };
        }
        // Without a connection's details the request was never handed to one.
        let is_unsent = error.connect_info().is_none() || is_given_back(&error);
        let is_given_back = is_unsent && !error.is_connect();
        Self {
            is_given_back,
            kind: if error.is_connect() {
                Kind::Connect
            } else {
                Kind::Transport
            },
            phase: if is_unsent {
                Phase::Queue
            } else {
                Phase::Exchange
            },
            limit: None,
            may_have_been_sent: !is_unsent,
            cause: Some(Arc::new(Bare(error))),
        }
    }

    /// Its connection was over before it had looked at the request.
    fn not_taken() -> Self {
        let cause = std::io::Error::other("the connection ended before it took the request");
        Self {
            kind: Kind::Transport,
            phase: Phase::Queue,
            limit: None,
            may_have_been_sent: false,
            is_given_back: true,
            cause: Some(Arc::new(cause)),
        }
    }

    /// The request's own body was given up; some of it was sent.
    fn of_upload(trouble: Arc<Trouble>) -> Self {
        Self {
            kind: Kind::Transport,
            phase: Phase::Exchange,
            limit: None,
            may_have_been_sent: true,
            is_given_back: false,
            cause: Some(trouble),
        }
    }

    /// The answer broke off.
    fn of_body(error: hyper::Error) -> Self {
        Self::while_reading(Arc::new(error))
    }

    /// No more is read of an answer that does not fit into memory.
    pub(crate) fn too_large(status: StatusCode, limit: usize) -> Self {
        Self::of_arrival(ArrivalError::TooLarge { status, limit })
    }

    /// The body of the answer is not as it should be.
    pub(crate) fn of_arrival(error: ArrivalError) -> Self {
        Self::while_reading(Arc::new(error))
    }

    fn while_reading(cause: Arc<dyn StdError + Send + Sync>) -> Self {
        Self {
            kind: Kind::Transport,
            phase: Phase::Read,
            limit: None,
            may_have_been_sent: true,
            is_given_back: false,
            cause: Some(cause),
        }
    }

    /// No byte of the answer's body came for this long.
    fn stood_still(limit: Duration) -> Self {
        Self {
            kind: Kind::Timeout,
            phase: Phase::Read,
            limit: Some(("the limit without a byte", limit)),
            may_have_been_sent: true,
            is_given_back: false,
            cause: None,
        }
    }

    /// The signer elsewhere gave none.
    pub(crate) fn of_signer(error: ServiceError) -> Self {
        Self {
            kind: Kind::Transport,
            phase: Phase::Signing,
            limit: None,
            may_have_been_sent: false,
            is_given_back: false,
            cause: Some(error.into()),
        }
    }

    /// What a request waits for before it is sent did not come in its time.
    pub(crate) fn too_late(phase: Phase, limit: Duration) -> Self {
        Self {
            kind: Kind::Timeout,
            phase,
            limit: Some(("the limit of the whole request", limit)),
            may_have_been_sent: false,
            is_given_back: false,
            cause: None,
        }
    }

    /// No thread for the library's own runtime.
    fn no_runtime(error: std::io::Error) -> Self {
        Self {
            kind: Kind::Transport,
            phase: Phase::Queue,
            limit: None,
            may_have_been_sent: false,
            is_given_back: false,
            cause: Some(Arc::new(error)),
        }
    }

    /// The task that had the request is gone; how far it had come is not known.
    pub(crate) fn lost(phase: Phase) -> Self {
        let cause = std::io::Error::other("the task that sent the request was ended");
        Self {
            kind: Kind::Transport,
            phase,
            limit: None,
            may_have_been_sent: true,
            is_given_back: false,
            cause: Some(Arc::new(cause)),
        }
    }

    /// Whether it is proved that nothing of the request was taken by the connection that had it: by
    /// HTTP/1.1 none was written, by HTTP/2 the server refused it or did not come to it.
    pub(crate) fn is_given_back(&self) -> bool {
        self.is_given_back
    }

    pub(crate) fn may_have_been_sent(&self) -> bool {
        self.may_have_been_sent
    }

    /// Whether no connection could be made, but for a certificate that does not verify, behind which
    /// may stand somebody else, and for a proxy: another entrance would not make either better.
    pub(crate) fn is_unreachable(&self) -> bool {
        let phases = [Phase::Lookup, Phase::Connect, Phase::Handshake];
        let cause = self
            .cause
            .as_deref()
            .map(|cause| cause as &(dyn StdError + 'static));
        let is_about_certificate = cause.is_some_and(|cause| {
            let error = find::<rustls::Error>(cause);
            matches!(error, Some(rustls::Error::InvalidCertificate(_)))
        });
        phases.contains(&self.phase) && !is_about_certificate
    }

    pub(crate) fn into_error(
        self,
        endpoint: Endpoint,
        host: Authority,
        signed: Option<Signed>,
    ) -> Error {
        let error = Box::new(NetworkError {
            endpoint,
            phase: self.phase,
            host,
            may_have_been_sent: self.may_have_been_sent,
            limit: self.limit,
            cause: self.cause,
            attempts: Vec::new(),
            signed,
        });
        match self.kind {
            Kind::Connect => Error::Connect(error),
            Kind::Timeout => Error::Timeout(error),
            Kind::Transport => Error::Transport(error),
        }
    }
}

/// Whether a connection gave the request back. hyper says "canceled" of what it did not write;
/// HTTP/2 refuses a stream, or says in GOAWAY which was the last that it looked at.
fn is_given_back(error: &legacy::Error) -> bool {
    if find::<hyper::Error>(error).is_some_and(hyper::Error::is_canceled) {
        return true;
    }
    find::<h2::Error>(error).is_some_and(|error| {
        let is_refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        error.is_remote() && (is_refused || error.is_go_away())
    })
}

/// The first error of this type among an error and its causes.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // What is wrapped in an I/O error is not its source, but the source is the wrapped one's.
        let wrapped = error.downcast_ref::<std::io::Error>();
        let wrapped = wrapped.and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}

/// An error of hyper-util without its outermost words, which only say "client error".
#[derive(Debug)]
struct Bare(legacy::Error);

impl fmt::Display for Bare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.source() {
            Some(source) => write!(f, "{source}"),
            None => write!(f, "{}", self.0),
        }
    }
}

impl StdError for Bare {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()?.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime::Builder;

    type Tested = std::result::Result<(), Box<dyn StdError>>;

    fn transport() -> Result<Arc<Transport>> {
        let proxies = Proxies::new(Some(None), &|_| None)?;
        Transport::new(Vec::new(), proxies).map(Arc::new)
    }

    fn runtimes() -> std::io::Result<[Runtime; 2]> {
        Ok([
            Builder::new_current_thread().enable_all().build()?,
            Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()?,
        ])
    }

    fn until(mut condition: impl FnMut() -> bool) {
        let start = std::time::Instant::now();
        while !condition() {
            assert!(start.elapsed() < Duration::from_secs(20), "it never came");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_pool_goes_with_its_runtime() -> Tested {
        let transport = transport()?;
        let kept = runtimes()?;
        for runtime in &kept {
            runtime.block_on(async { transport.pool() });
        }
        for _ in 0..15 {
            for runtime in runtimes()? {
                runtime.block_on(async {
                    transport.pool();
                    transport.pool();
                });
                assert_eq!(transport.lock().len(), 3);
                drop(runtime);
                assert_eq!(transport.lock().len(), 2);
            }
        }
        for runtime in kept {
            runtime.shutdown_background();
        }
        until(|| transport.lock().is_empty());
        Ok(())
    }

    #[test]
    fn a_pool_that_is_asked_for_while_its_runtime_is_dropped_goes_with_it() -> Tested {
        struct Late(Arc<Transport>);
        impl Drop for Late {
            fn drop(&mut self) {
                if Handle::try_current().is_ok() {
                    self.0.pool();
                }
            }
        }
        let transport = transport()?;
        for runtime in runtimes()? {
            for _ in 0..8 {
                let late = Late(Arc::clone(&transport));
                runtime.spawn(async move {
                    let _late = late;
                    std::future::pending::<()>().await;
                });
            }
            runtime.block_on(async { transport.pool() });
            drop(runtime);
            assert!(transport.lock().is_empty());
        }
        Ok(())
    }

    #[test]
    fn a_runtime_keeps_no_task_of_a_transport_that_is_gone() -> Tested {
        for runtime in runtimes()? {
            let transport = transport()?;
            runtime.block_on(async { transport.pool() });
            assert_eq!(runtime.metrics().num_alive_tasks(), 1);
            drop(transport);
            until(|| {
                runtime.block_on(tokio::task::yield_now());
                runtime.metrics().num_alive_tasks() == 0
            });
        }
        Ok(())
    }
}
