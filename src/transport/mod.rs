//! Sends one signed request and brings back the whole answer. It never looks into a body.
//!
//! hyper's pool spawns its connections on the runtime of the request that opened them, so there is
//! one pool a runtime, over one shared connector. A guard task on that runtime removes the pool
//! when the runtime goes.

pub(crate) mod body;
mod connect;

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak, mpsc};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use tokio::runtime::{Handle, Id, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::error::{Endpoint, Error, NetworkError, Phase, Result, SignedMessage};
use crate::options::Limit;

use self::body::{Body, Trouble};
use self::connect::{Attempt, ConnectFailure, Connector};

/// WeChat Pay's servers close an idle connection after 8 s; the pool lets go before.
const IDLE: Duration = Duration::from_secs(7);

/// A request that was dropped sooner says nothing about its connection.
const DOUBT: Duration = Duration::from_secs(1);

type Pool = Client<Connector, Body>;
type Outcome = std::result::Result<http::Response<Bytes>, Failure>;

/// The connections of a client, on whichever runtimes it is used.
pub(crate) struct Transport {
    connector: Connector,
    pools: Mutex<HashMap<Id, Entry>>,
}

struct Entry {
    pool: Pool,
    /// Ends the guard task when the transport goes before the runtime does.
    _open: oneshot::Sender<()>,
}

impl Transport {
    pub(crate) fn new(roots: Vec<CertificateDer<'static>>) -> Result<Self> {
        Ok(Self {
            connector: Connector::new(roots)?,
            pools: Mutex::default(),
        })
    }

    /// The pool of the runtime that this is called on.
    fn pool(self: &Arc<Self>) -> Pool {
        let runtime = Handle::current();
        let mut pools = self.lock();
        if let Some(entry) = pools.get(&runtime.id()) {
            return entry.pool.clone();
        }
        let pool = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .retry_canceled_requests(false)
            .build(self.connector.clone());
        let (open, closed) = oneshot::channel();
        let guard = Guard {
            transport: Arc::downgrade(self),
            runtime: runtime.id(),
        };
        let entry = Entry {
            pool: pool.clone(),
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

    /// Sends on the caller's runtime; where there is none, on the library's own.
    pub(crate) async fn run(self) -> Outcome {
        if Handle::try_current().is_ok() {
            return self.send(Instant::now()).await;
        }
        let runtime = shared_runtime().map_err(Failure::no_runtime)?;
        let started = Instant::now();
        let task = Abandon(runtime.spawn(self.send(started)));
        task.await
    }

    /// Sends on the library's own runtime, and blocks this thread until the answer is there.
    pub(crate) fn wait(self) -> Outcome {
        let runtime = shared_runtime().map_err(Failure::no_runtime)?;
        let started = Instant::now();
        let (answered, answer) = mpsc::sync_channel(1);
        runtime.spawn(async move {
            // The receiver waits below, for as long as it takes.
            let _ = answered.send(self.send(started).await);
        });
        answer.recv().unwrap_or_else(|_| Err(Failure::lost()))
    }

    async fn send(self, started: Instant) -> Outcome {
        let attempt = Arc::new(Attempt::new(self.limits.connect));
        let pool = self.transport.pool();
        let mut request = self.request;
        let watch = request.body().watch();
        // It is filled in the moment in which a connection was found for the request.
        let connection = capture_connection(&mut request);
        let mut exchanging = Exchanging {
            connection,
            started,
            is_over: false,
        };
        let exchange = Attempt::scope(&attempt, async {
            let answer = pool.request(request).await.map_err(|error| {
                let trouble = watch.as_ref().and_then(|watch| watch.trouble());
                trouble.map_or_else(|| Failure::of_client(error), Failure::of_upload)
            })?;
            attempt.enter(Phase::Read);
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.map_err(Failure::of_body)?;
            Ok(http::Response::from_parts(parts, body.to_bytes()))
        });
        let deadline = self.limits.whole.0.and_then(|limit| {
            let deadline = started.checked_add(limit)?;
            Some((limit, deadline))
        });
        let Some((limit, deadline)) = deadline else {
            let outcome = exchange.await;
            exchanging.is_over = true;
            return outcome;
        };
        let mut exchange = pin!(exchange);
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
        exchanging.is_over = true;
        match outcome {
            Some(outcome) => outcome,
            None => {
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
                    cause: None,
                })
            }
        }
    }
}

/// A request on its way. When it is given up, by its limit or by whoever dropped it after a while,
/// later requests get another connection: this one may be dead. HTTP/1.1 closes it in any case;
/// over HTTP/2 each request would keep it in the pool for the next, until TCP gives up.
struct Exchanging {
    connection: CaptureConnection,
    started: Instant,
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
struct Abandon(JoinHandle<Outcome>);

impl Future for Abandon {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|joined| joined.unwrap_or_else(|_| Err(Failure::lost())))
    }
}

impl Drop for Abandon {
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
                cause: failure.cause.clone(),
            };
        }
        // hyper says "canceled" of a request that it gives back: nothing of it was written.
        let is_canceled = find::<hyper::Error>(&error).is_some_and(hyper::Error::is_canceled);
        let is_unsent = error.connect_info().is_none() || is_canceled;
        Self {
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

    /// The request's own body was given up; some of it was sent.
    fn of_upload(trouble: Arc<Trouble>) -> Self {
        Self {
            kind: Kind::Transport,
            phase: Phase::Exchange,
            limit: None,
            may_have_been_sent: true,
            cause: Some(trouble),
        }
    }

    /// The answer broke off.
    fn of_body(error: hyper::Error) -> Self {
        Self {
            kind: Kind::Transport,
            phase: Phase::Read,
            limit: None,
            may_have_been_sent: true,
            cause: Some(Arc::new(error)),
        }
    }

    /// No thread for the library's own runtime.
    fn no_runtime(error: std::io::Error) -> Self {
        Self {
            kind: Kind::Transport,
            phase: Phase::Queue,
            limit: None,
            may_have_been_sent: false,
            cause: Some(Arc::new(error)),
        }
    }

    /// The task that had the request is gone; how far it had come is not known.
    fn lost() -> Self {
        let cause = std::io::Error::other("the task that sent the request was ended");
        Self {
            kind: Kind::Transport,
            phase: Phase::Exchange,
            limit: None,
            may_have_been_sent: true,
            cause: Some(Arc::new(cause)),
        }
    }

    pub(crate) fn into_error(
        self,
        endpoint: Endpoint,
        host: String,
        signed: SignedMessage,
    ) -> Error {
        let error = Box::new(NetworkError {
            endpoint,
            phase: self.phase,
            host,
            may_have_been_sent: self.may_have_been_sent,
            limit: self.limit,
            cause: self.cause,
            signed: Some(signed),
        });
        match self.kind {
            Kind::Connect => Error::Connect(error),
            Kind::Timeout => Error::Timeout(error),
            Kind::Transport => Error::Transport(error),
        }
    }
}

/// The first error of this type among an error and its causes.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
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
        Transport::new(Vec::new()).map(Arc::new)
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
            std::thread::sleep(Duration::from_millis(1));
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
