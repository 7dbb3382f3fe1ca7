//! Makes connections, and tells how far it came: lookup, TCP or a proxy, TLS.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiResolver, Name};
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use super::ended::Watched;
use super::gate::{Gate, Place, Waited};
use super::identity::Identity;
use super::proxy::{Proxies, ProxyFailure};
use crate::error::{Error, Phase, Result};
use crate::options::Limit;

pub(super) type BoxError = Box<dyn StdError + Send + Sync>;
type Cause = Arc<dyn StdError + Send + Sync>;
type Connecting<T> = Pin<Box<dyn Future<Output = std::result::Result<T, BoxError>> + Send>>;
pub(super) type Stream = TokioIo<TcpStream>;

tokio::task_local! {
    /// The request on whose behalf a connection is made.
    static ATTEMPT: Arc<Attempt>;
}

/// How far a request has come, and how long its connection may take.
#[derive(Debug)]
pub(crate) struct Attempt {
    phase: AtomicU8,
    limit: Limit,
    /// Host and port of the proxy that its connection goes through.
    proxy: OnceLock<String>,
    /// The one whose connection it waits for, while it does.
    leader: OnceLock<Arc<Self>>,
    is_alone: AtomicBool,
}

const PHASES: [Phase; 7] = [
    Phase::Queue,
    Phase::Lookup,
    Phase::Connect,
    Phase::Proxy,
    Phase::Handshake,
    Phase::Exchange,
    Phase::Read,
];

impl Attempt {
    pub(crate) fn new(limit: Limit) -> Self {
        Self {
            phase: AtomicU8::new(0),
            limit,
            proxy: OnceLock::new(),
            leader: OnceLock::new(),
            is_alone: AtomicBool::new(false),
        }
    }

    /// Runs `future` so that the connections it makes report here.
    pub(crate) fn scope<F: Future>(
        attempt: &Arc<Self>,
        future: F,
    ) -> impl Future<Output = F::Output> {
        ATTEMPT.scope(Arc::clone(attempt), future)
    }

    pub(crate) fn phase(&self) -> Phase {
        let own = self.phase.load(Ordering::Relaxed);
        let own = PHASES.get(usize::from(own)).copied();
        let own = own.unwrap_or(Phase::Queue);
        match (own, self.leader().map(|leader| leader.phase())) {
            // What the other's request does with the connection is no business of this one.
            (Phase::Lookup, Some(Phase::Exchange | Phase::Read)) => Phase::Handshake,
            (Phase::Lookup, Some(reached)) => reached,
            _ => own,
        }
    }

    /// Waits for the connection that another one makes, and is as far as that.
    fn follow(&self, leader: &Arc<Self>) {
        let _ = self.leader.set(Arc::clone(leader));
    }

    /// Makes a connection of its own after all.
    fn go_alone(&self) {
        self.is_alone.store(true, Ordering::Relaxed);
    }

    fn leader(&self) -> Option<&Arc<Self>> {
        let leader = self.leader.get()?;
        (!self.is_alone.load(Ordering::Relaxed)).then_some(leader)
    }

    /// Says that this phase has come. There is no way back: a connection that the request does not
    /// need any more may still be on its way for the pool, and report here.
    pub(crate) fn enter(&self, phase: Phase) {
        let index = PHASES.iter().position(|known| *known == phase);
        let index = index.and_then(|index| u8::try_from(index).ok());
        self.phase
            .fetch_max(index.unwrap_or_default(), Ordering::Relaxed);
    }

    /// What to say when time runs out: whom it waited for, if that is not the server.
    pub(crate) fn waited_for(&self) -> Option<Cause> {
        if let Some(leader) = self.leader() {
            return leader.waited_for();
        }
        let proxy = self.proxy.get()?;
        let is_waiting = self.phase() == Phase::Proxy;
        is_waiting.then(|| Arc::new(ProxyFailure::silent(proxy)) as Cause)
    }

    fn current() -> Option<Arc<Self>> {
        ATTEMPT.try_with(Arc::clone).ok()
    }

    /// Tells the request that makes a connection; one that is made for the pool alone has none.
    fn reached(phase: Phase) {
        let _ = ATTEMPT.try_with(|attempt| attempt.enter(phase));
    }

    /// The same of a connection through a proxy.
    fn reached_proxy(address: &str) {
        let _ = ATTEMPT.try_with(|attempt| {
            let _ = attempt.proxy.set(address.to_owned());
            attempt.enter(Phase::Proxy);
        });
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) struct ConnectFailure {
    pub(crate) phase: Phase,
    /// The limit, if it ran out.
    pub(crate) limit: Option<Duration>,
    pub(crate) cause: Option<Cause>,
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no connection")
    }
}

impl StdError for ConnectFailure {}

/// The built-in roots, and more.
pub(crate) fn roots(more: &[CertificateDer<'static>]) -> Result<Arc<RootCertStore>> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for root in more {
        roots.add(root.clone()).map_err(|error| {
            Error::config(
                "root_certificate",
                format!("a certificate that can't be a root: {error}"),
                "the certificate of an authority, or the server's own",
            )
        })?;
    }
    Ok(Arc::new(roots))
}

/// TCP, perhaps through a proxy, and TLS, HTTP/2 or HTTP/1.1 by ALPN, within the limit of connecting.
#[derive(Clone)]
pub(crate) struct Connector {
    https: HttpsConnector<Tcp>,
    gate: Gate,
}

impl Connector {
    /// The certificate of `identity` is presented to whoever asks for one.
    pub(crate) fn new(
        roots: Arc<RootCertStore>,
        proxies: Arc<Proxies>,
        identity: Option<&Identity>,
    ) -> Result<Self> {
        // The provider is given by hand: a process default is neither needed nor installed.
        let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::config("TLS", error.to_string(), "TLS 1.2 or 1.3"))?
            .with_root_certificates(roots);
        let tls = match identity {
            None => tls.with_no_client_auth(),
            Some(identity) => tls.with_client_cert_resolver(identity.resolver()),
        };
        let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        tcp.enforce_http(false);
        // Without it a request whose head and body are two writes waits for an acknowledgement.
        tcp.set_nodelay(true);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(Tcp { tcp, proxies });
        Ok(Self {
            https,
            gate: Gate::default(),
        })
    }

    /// The same for another pool, which has connections of its own.
    pub(crate) fn of_another_pool(&self) -> Self {
        Self {
            https: self.https.clone(),
            gate: Gate::default(),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = Watched<MaybeHttpsStream<Stream>>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<std::result::Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let attempt = Attempt::current();
        let attempt = attempt.unwrap_or_else(|| Arc::new(Attempt::new(Limit(None))));
        attempt.enter(Phase::Lookup);
        let place = self.gate.enter(&destination, &attempt);
        let connecting = self.https.call(destination);
        Box::pin(async move {
            let connecting = async {
                if let Place::Waits(waiter) = &place {
                    attempt.follow(waiter.leader());
                    if let Waited::IsThere = waiter.wait(attempt.limit).await {
                        return Err("a connection is there already".into());
                    }
                    attempt.go_alone();
                }
                // The task may become the pool's own; what is below reports to this request still.
                Attempt::scope(&attempt, connecting).await
            };
            let connected = match attempt.limit.0 {
                None => Ok(connecting.await),
                Some(limit) => timeout(limit, connecting).await.map_err(|_| limit),
            };
            let (limit, cause) = match connected {
                Ok(Ok(stream)) => return Ok(place.found(Watched::new(stream))),
                Ok(Err(error)) => (None, Some(Arc::from(error))),
                Err(limit) => (Some(limit), attempt.waited_for()),
            };
            Err(ConnectFailure {
                phase: attempt.phase(),
                limit,
                cause,
            }
            .into())
        })
    }
}

impl Place {
    /// Tells those who wait what was found.
    fn found<S: Connection>(self, stream: Watched<S>) -> Watched<S> {
        if let Self::Leads(leader) = self {
            let is_http2 = stream.connected().is_negotiated_h2();
            leader.found(is_http2.then(|| stream.ended()));
        }
        stream
    }
}

/// TCP, to the server or to its proxy, and the phases around it.
#[derive(Clone)]
struct Tcp {
    tcp: HttpConnector<Resolver>,
    proxies: Arc<Proxies>,
}

impl Service<Uri> for Tcp {
    type Response = Stream;
    type Error = BoxError;
    type Future = Connecting<Stream>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<std::result::Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        if let Some(proxy) = self.proxies.of(&destination) {
            let tcp = self.tcp.clone();
            return Box::pin(async move {
                Attempt::reached_proxy(proxy.address());
                let stream = proxy.open(tcp, destination).await?;
                Attempt::reached(Phase::Handshake);
                Ok(stream)
            });
        }
        let host = destination.host().unwrap_or_default();
        let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let connecting = self.tcp.call(destination);
        Box::pin(async move {
            if is_address {
                Attempt::reached(Phase::Connect);
            }
            let stream = connecting.await?;
            Attempt::reached(Phase::Handshake);
            Ok(stream)
        })
    }
}

/// The system's lookup, and the phase behind it.
#[derive(Clone)]
struct Resolver(GaiResolver);

impl Service<Name> for Resolver {
    type Response = GaiAddrs;
    type Error = BoxError;
    type Future = Connecting<GaiAddrs>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<std::result::Result<(), BoxError>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let looking_up = self.0.call(name);
        Box::pin(async move {
            let addresses = looking_up.await?;
            Attempt::reached(Phase::Connect);
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_answered_already_does_not_go_back_to_connecting() {
        let attempt = Attempt::new(Limit(None));
        for phase in PHASES {
            attempt.enter(phase);
            assert_eq!(attempt.phase(), phase);
        }
        attempt.enter(Phase::Handshake);
        assert_eq!(attempt.phase(), Phase::Read);
    }
}
