//! An honest WeChat Pay APIv3 gateway on loopback, for tests.
//!
//! [`Sandbox::start`] opens a gateway on a free port of 127.0.0.1, with TLS, HTTP/1.1 and HTTP/2.
//! It checks what WeChat Pay checks, by its own reading of the rules and with no code of any
//! client, signs every answer, and remembers what it got:
//!
//! ```
//! # use futures::executor::block_on;
//! # block_on(async {
//! use serde_json::json;
//! use wechatpay_sandbox::Sandbox;
//!
//! let sandbox = Sandbox::start().await?;
//! let client = sandbox.client();
//! let response = client
//!     .chain("v3/marketing/busifavor/product-coupons/send")
//!     .post(json!({
//!         "openid": "xsd3434454567676", "appid": "wx1234567889999", "stock_id": "12312354",
//!         "out_request_no": "2335465", "coupon_type": "NORMAL",
//!     }))
//!     .await?;
//! assert_eq!(response.data()?["out_request_no"], "2335465");
//! assert!(sandbox.received()[0].authenticated());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! Any other client, in any language, gets what it needs from [`Sandbox::environment`].
//!
//! It also misbehaves, when it is told to, as the real gateway and the network before it do on a
//! bad day:
//!
//! ```
//! # use futures::executor::block_on;
//! # block_on(async {
//! # let sandbox = wechatpay_sandbox::Sandbox::start().await?;
//! # let client = sandbox.client();
//! use serde_json::json;
//! use wechatpay_sandbox::Misbehaviour;
//!
//! sandbox.misbehave(Misbehaviour::status(429, "FREQUENCY_LIMITED", "频率超限"));
//! let path = client.chain("v3/marketing/busifavor/product-coupons/send");
//! let error = path.post(json!({ "stock_id": "12312354" })).await.unwrap_err();
//! assert!(error.is_retryable());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # What it checks
//!
//! In this order: that there is a `User-Agent` and an `Accept` (400 `INVALID_REQUEST`); the form of
//! `Authorization`, the merchant number, the serial, a time stamp at most 300 s from its clock, a
//! nonce of 1 to 32 characters, the signature over the method, the target as it came over the wire
//! and the bytes of the body (of an upload those of its part `meta`), and that the nonce was not used before (401 `SIGN_ERROR`); path and
//! method (404, 405); fields, types and enumerations (400 `PARAM_ERROR`). A body over 2 MB is
//! answered with 413 before all this.
//!
//! # Its keys are public
//!
//! Key pairs, APIv3 key and APIv2 key are fixed and published in this crate's source: use them on
//! loopback and nowhere else. Only the TLS certificate is made anew at each start.

mod accept;
mod answer;
#[doc(hidden)]
pub mod authenticate;
mod coupons;
mod gateway;
mod keys;
mod media;
mod misbehaviour;
mod received;
mod route;

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};
use wechatpay_chain::Client;

use crate::accept::Server;
use crate::gateway::Gateway;

pub use crate::misbehaviour::Misbehaviour;
pub use crate::received::Received;

/// How long [`Sandbox::refuse`] and dropping a [`Sandbox`] wait for the port to close. It takes
/// well under a millisecond; this is so that nothing can hang.
const CLOSING: Duration = Duration::from_secs(2);

/// A WeChat Pay gateway on loopback, on threads of its own. Dropping it shuts it down.
///
/// It may be started, used and dropped from any thread, inside a runtime or outside.
pub struct Sandbox {
    gateway: Arc<Gateway>,
    address: SocketAddr,
    /// Of the TLS certificate's authority; `None` for plain http.
    root_certificate: Option<String>,
    client: Client,
    closing: watch::Sender<bool>,
    /// Nothing ever comes; it disconnects when the listener is closed.
    closed: Mutex<Receiver<Infallible>>,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Sandbox {
    /// Starts a gateway with TLS, HTTP/1.1 and HTTP/2.
    ///
    /// # Errors
    ///
    /// When the system gives no thread or no port.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Starts a gateway as [`start`](Self::start) does, without `async`.
    ///
    /// # Errors
    ///
    /// When the system gives no thread or no port.
    pub fn start_blocking() -> io::Result<Self> {
        Self::builder().start_blocking()
    }

    /// Starts a gateway with other settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A client of the test merchant, ready to call this gateway.
    ///
    /// Every call gives a clone of one client, so they share their connections.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The number of the one merchant that the gateway knows.
    #[must_use]
    pub fn mchid(&self) -> &'static str {
        keys::MCHID
    }

    /// The serial of the merchant's certificate, 40 hexadecimal digits.
    #[must_use]
    pub fn merchant_serial(&self) -> &'static str {
        keys::MERCHANT_SERIAL
    }

    /// The merchant's private key, PKCS#8 in PEM. It is public.
    #[must_use]
    pub fn merchant_private_key(&self) -> &'static str {
        keys::MERCHANT_PRIVATE_KEY
    }

    /// The merchant's certificate in PEM.
    #[must_use]
    pub fn merchant_certificate(&self) -> &'static str {
        keys::MERCHANT_CERTIFICATE
    }

    /// The ID of the public key that verifies the answers: `PUB_KEY_ID_…`.
    #[must_use]
    pub fn platform_serial(&self) -> &'static str {
        keys::PLATFORM_SERIAL
    }

    /// The public key that verifies the answers, SPKI in PEM.
    #[must_use]
    pub fn platform_public_key(&self) -> &'static str {
        keys::PLATFORM_PUBLIC_KEY
    }

    /// The APIv3 key, 32 characters. It is public.
    #[must_use]
    pub fn apiv3_key(&self) -> &'static str {
        keys::APIV3_KEY
    }

    /// The APIv2 key, 32 characters. It is public.
    #[must_use]
    pub fn secret(&self) -> &'static str {
        keys::SECRET
    }

    /// The authority of the TLS certificate in PEM, made at the start; `None` for plain http.
    #[must_use]
    pub fn root_certificate(&self) -> Option<&str> {
        self.root_certificate.as_deref()
    }

    /// Where the gateway listens: 127.0.0.1 and a port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The gateway's address as a URL with its final slash, such as `https://127.0.0.1:34567/`.
    #[must_use]
    pub fn base_uri(&self) -> String {
        base_uri(self.root_certificate.is_some(), self.address)
    }

    /// All settings as environment variables, for another process or another language. Keys and
    /// certificates are PEM text, not paths; `WECHATPAY_CERTS` is `serial=PEM`; `WECHATPAY_CA`
    /// is absent for plain http.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let certs = format!("{}={}", self.platform_serial(), self.platform_public_key());
        let base_uri = self.base_uri();
        let mut variables = vec![
            ("WECHATPAY_MCHID", self.mchid()),
            ("WECHATPAY_SERIAL", self.merchant_serial()),
            ("WECHATPAY_PRIVATE_KEY", self.merchant_private_key()),
            ("WECHATPAY_CERTS", &certs),
            ("WECHATPAY_APIV3_KEY", self.apiv3_key()),
            ("WECHATPAY_SECRET", self.secret()),
            ("WECHATPAY_BASE_URI", &base_uri),
        ];
        if let Some(root) = self.root_certificate() {
            variables.push(("WECHATPAY_CA", root));
        }
        variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// The requests that were read, in the order in which they were, also the refused ones. A
    /// request is there before its answer is sent. Of very many, the last 65,536 are kept.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.gateway.received()
    }

    /// How many TCP connections were accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.gateway.connections()
    }

    /// Has the next request that nothing else is waiting for go wrong in this way. Several calls
    /// make a queue.
    ///
    /// [`CutBeforeRead`](Misbehaviour::CutBeforeRead) happens to the next new connection or to the
    /// next request on an open one, whichever comes first;
    /// [`TlsNeverAnswers`](Misbehaviour::TlsNeverAnswers) to the next new connection.
    pub fn misbehave(&self, misbehaviour: Misbehaviour) {
        self.gateway.script.push(misbehaviour);
    }

    /// Has every request for which the queue holds nothing go wrong in this way, until
    /// [`behave`](Self::behave).
    pub fn misbehave_always(&self, misbehaviour: Misbehaviour) {
        self.gateway.script.always(misbehaviour);
    }

    /// Has everything go well again: forgets the queue and the standing misbehaviour.
    pub fn behave(&self) {
        self.gateway.script.clear();
    }

    /// Closes the port, so that from the return of this call on connections to it are refused, and
    /// ends the connections that are open as soon as they have no request in flight. For good:
    /// there is no way back.
    pub fn refuse(&self) {
        self.closing.send_replace(true);
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = closed.recv_timeout(CLOSING);
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.refuse();
        if let Some(runtime) = self.runtime.take() {
            // Dropping a runtime inside another one panics; this doesn't, and it doesn't wait for
            // connections.
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("base_uri", &self.base_uri())
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}

/// How a [`Sandbox`] is to be: see [`Sandbox::builder`].
#[derive(Clone, Debug, Default)]
#[must_use = "nothing listens before it is started"]
pub struct Builder {
    plain: bool,
    http1_only: bool,
}

impl Builder {
    /// Plain http instead of TLS; HTTP/2 then by prior knowledge only.
    pub fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    /// HTTP/1.1 only: HTTP/2 is not offered.
    pub fn http1_only(mut self) -> Self {
        self.http1_only = true;
        self
    }

    /// Starts the gateway. It needs no runtime: any executor may await this.
    ///
    /// # Errors
    ///
    /// When the system gives no thread or no port.
    pub async fn start(self) -> io::Result<Sandbox> {
        let (done, started) = oneshot::channel();
        // Making keys and the first signature take tens of milliseconds, which an executor's thread
        // should not spend.
        std::thread::Builder::new()
            .name("wechatpay-sandbox-start".to_owned())
            .spawn(move || {
                // When nobody waits any more, the sandbox that comes back is dropped here.
                let _ = done.send(self.start_blocking());
            })?;
        started
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the sandbox did not start")))
    }

    /// Starts the gateway, without `async`.
    ///
    /// # Errors
    ///
    /// When the system gives no thread or no port.
    pub fn start_blocking(self) -> io::Result<Sandbox> {
        let gateway = Arc::new(Gateway::new()?);
        let (tls, root_certificate) = if self.plain {
            (None, None)
        } else {
            let (acceptor, root) = accept::tls(self.http1_only)?;
            (Some(acceptor), Some(root))
        };
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        // Threads of its own: a test that blocks its only thread on an answer must not block the
        // gateway that gives it.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("wechatpay-sandbox")
            .enable_all()
            .build()?;
        let listener = {
            let _entered = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let base_uri = base_uri(root_certificate.is_some(), address);
        let client = client(&base_uri, root_certificate.as_deref()).map_err(io::Error::other)?;
        let (closing, closing_seen) = watch::channel(false);
        let (closed, closed_seen) = mpsc::channel();
        let server = Server {
            gateway: Arc::clone(&gateway),
            tls,
            http1_only: self.http1_only,
            closing: closing_seen,
        };
        runtime.spawn(server.run(listener, closed));
        Ok(Sandbox {
            gateway,
            address,
            root_certificate,
            client,
            closing,
            closed: Mutex::new(closed_seen),
            runtime: Some(runtime),
        })
    }
}

fn base_uri(tls: bool, address: SocketAddr) -> String {
    let scheme = if tls { "https" } else { "http" };
    format!("{scheme}://{address}/")
}

fn client(base_uri: &str, root_certificate: Option<&str>) -> wechatpay_chain::Result<Client> {
    let mut builder = Client::builder()
        .mchid(keys::MCHID)
        .serial(keys::MERCHANT_SERIAL)
        .private_key(keys::MERCHANT_PRIVATE_KEY)
        .cert(keys::PLATFORM_SERIAL, keys::PLATFORM_PUBLIC_KEY)
        .apiv3_key(keys::APIV3_KEY)
        .secret(keys::SECRET)
        .base_uri(base_uri);
    if let Some(root) = root_certificate {
        builder = builder.root_certificate(root);
    }
    builder.build()
}
