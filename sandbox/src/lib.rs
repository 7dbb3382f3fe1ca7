//! An honest WeChat Pay gateway on loopback, for tests: APIv3 and APIv2.
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
//! # Orders, refunds and coupons
//!
//! What WeChat Pay remembers, the sandbox remembers: a merchant's orders (native, JSAPI, app, H5, by
//! code, also a partner's), its refunds, and the stocks and coupons of `v3/marketing/busifavor`. Of
//! each it has the states, the codes and the messages, and it answers what was given. [`pay`](Sandbox::pay) is the user at
//! the other end, and the merchant's own server on loopback is told:
//!
//! ```
//! # use futures::executor::block_on;
//! # block_on(async {
//! # let sandbox = wechatpay_sandbox::Sandbox::start().await?;
//! # let client = sandbox.client();
//! use serde_json::json;
//!
//! let order = json!({
//!     "appid": "wx8888888888888888", "mchid": sandbox.mchid(), "description": "QQ公仔",
//!     "out_trade_no": "1217752501201407033233368018",
//!     "notify_url": "http://127.0.0.1:9/notify",
//!     "amount": { "total": 100 },
//! });
//! client.chain("v3/pay/transactions/native").post(order).await?;
//! sandbox.pay("1217752501201407033233368018")?;
//!
//! let query = client.chain("v3/pay/transactions/out-trade-no/1217752501201407033233368018");
//! let order = query.get().query(json!({ "mchid": sandbox.mchid() })).await?;
//! assert_eq!(order.data()?["trade_state"], "SUCCESS");
//!
//! sandbox.settled().await;
//! let told = &sandbox.deliveries()[0];
//! assert_eq!(told.event_type(), "TRANSACTION.SUCCESS");
//! assert!(!told.acknowledged(), "nobody listens there, so it is told again");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! A notification that isn't acknowledged is repeated as WeChat Pay repeats it: a payment or a refund
//! 15 times within a day and 4 minutes. [`advance`](Sandbox::advance) moves the sandbox's clock, by
//! which orders expire, too; signatures keep to the real time. Notifications go over plain http to
//! addresses on loopback, and to the names given to [`Builder::allow_notify`]; no redirect is
//! followed. An order may name an `https` address, as a real one should, but nothing is sent there:
//! the sandbox has no authorities to trust. That, too, is in [`deliveries`](Sandbox::deliveries). [`notify`](Sandbox::notify) tells of anything else, and [`probe`](Sandbox::probe)
//! sends one that must be refused.
//!
//! A refund is `PROCESSING` in the answer to its application and has ended after it, with success
//! unless the application asks for `REFUND_ABNORMAL`, `REFUND_CLOSED` or `REFUND_PROCESSING`, as
//! below.
//!
//! [`pay_with_coupon`](Sandbox::pay_with_coupon) has the user pay a part with a coupon of WeChat
//! Pay's, which the order and its refunds then show. [`withdraw`](Sandbox::withdraw) leaves a merchant
//! with less than it would refund, [`set_stock_state`](Sandbox::set_stock_state) and
//! [`delete_coupon`](Sandbox::delete_coupon) do what is done by hand, and [`Builder::limits`] keeps to
//! the rates that WeChat Pay has published.
//!
//! Every answer says in `Sandbox-Fidelity` how far it is WeChat Pay's: `state` where it is documented
//! or was seen, with what led to it, and `shape` where only its form is, or where it was asked for. An
//! endpoint that the sandbox doesn't have is answered with 501, which alone doesn't say so.
//!
//! # Trouble on request
//!
//! The header `Wechatpay-Negative-Test` on any request has it answered with the error of that code,
//! under the status that WeChat Pay gives it: `NOT_ENOUGH`, `FREQUENCY_LIMITED`, `SYSTEM_ERROR` and
//! so on. Where a program can't add a header, an `out_trade_no` or `out_refund_no` in the body that
//! begins with `SANDBOX_NOT_ENOUGH_` does the same. What happens to answers has names, too:
//! `TIMEOUT` (a second late), `CUT`, `CUT_IN_ANSWER`, `CUT_BEFORE_READ`, `EMPTY`, `HALF`, `HTML`,
//! `UNSIGNED`, `BAD_SIGNATURE`, `UNKNOWN_SERIAL`, `CLOCK_OFFSET` and `CERTIFICATE_ROTATION`.
//!
//! A [`Rule`] is about an endpoint, and counts or draws lots. Everything random follows
//! [`Builder::seed`]:
//!
//! ```
//! # use futures::executor::block_on;
//! # block_on(async {
//! use wechatpay_sandbox::{Misbehaviour, Rule, Sandbox};
//!
//! let sandbox = Sandbox::builder().seed(7).start().await?;
//! let limit = Misbehaviour::status(429, "FREQUENCY_LIMITED", "频率超限");
//! sandbox.add_rule(Rule::new("POST v3/refund/domestic/refunds", limit).after(150));
//! let lost = Rule::new("*", Misbehaviour::CutAfterRead).probability(0.01);
//! sandbox.add_rule(lost);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # In tests
//!
//! [`expect`](Sandbox::expect) counts requests and is checked when the sandbox is dropped,
//! [`answer_once`](Sandbox::answer_once) gives one answer, [`reset`](Sandbox::reset) forgets
//! everything, [`Builder::merchant`] adds merchants beside the first, and
//! [`Received::mismatch`] shows what a wrong signature should have been over.
//!
//! # For any language
//!
//! The same port serves `/_sandbox/`, without signatures, in JSON: POST `pay` and `pay_fails` (with
//! an `out_trade_no`, or the `code_url` as such, and perhaps `mchid`, `openid`, `reason`, and a `coupon`
//! of a `type`, `CASH` or `NOCASH`, and an `amount`), POST `end_refund` (`out_refund_no`, `status`),
//! `withdraw` (`amount`), `set_stock_state` (`stock_id`, `stock_state`) and `delete_coupon`
//! (`coupon_code`), POST `notify` (`event_type`, `data`, `url`) and `probe` (`url`), GET `clock` and POST
//! `clock` (`advance`, in seconds), GET `state` (orders, refunds, coupons, and each merchant's
//! payments, refunds and balance), DELETE `state`, GET `received`, `deliveries` and `health`, POST
//! `rules` (`endpoint`, `trouble`, and perhaps `after`, `times`, `probability`) and DELETE `rules`.
//! A request with an `Origin` or a `Sec-Fetch-Site`, or for a host that isn't loopback, is refused:
//! it comes from a page in a browser.
//!
//! # Answers of one's own
//!
//! [`Sandbox::answer`] gives an answer for any other endpoint, and [`Sandbox::answer_with`] one that
//! is not JSON or is signed otherwise:
//!
//! ```
//! # use futures::executor::block_on;
//! # block_on(async {
//! # let sandbox = wechatpay_sandbox::Sandbox::start().await?;
//! # let client = sandbox.client();
//! use serde_json::json;
//!
//! let bill = json!({ "hash_type": "SHA1" });
//! sandbox.answer("GET", "/v3/bill/*", 200, bill);
//! let path = client.chain("v3/bill/tradebill");
//! let response = path.get().query(json!({ "bill_date": "2026-11-25" })).await?;
//! assert_eq!(response.data()?["hash_type"], "SHA1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
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
//! # Platform certificates
//!
//! Beside its public key, the gateway has platform certificates, as WeChat Pay has while a merchant
//! moves from the ones to the other. `GET /v3/certificates`, `/hk/v3/certificates` and
//! `/v3/global/certificates` list them, encrypted with the APIv3 key;
//! [`add_certificate`](Sandbox::add_certificate) and
//! [`withdraw_certificate`](Sandbox::withdraw_certificate) change the list,
//! [`sign_with`](Sandbox::sign_with) decides which key signs, and
//! [`public_key_only`](Sandbox::public_key_only) has the list answer 404:
//!
//! ```
//! # use futures::executor::block_on;
//! # block_on(async {
//! # let sandbox = wechatpay_sandbox::Sandbox::start().await?;
//! let certificate = &sandbox.certificates()[0];
//! sandbox.sign_with(certificate.serial())?;
//! let client = sandbox
//!     .client_builder()
//!     .cert(certificate.serial(), certificate.pem())
//!     .build()?;
//! let response = client.chain("v3/certificates").get().await?;
//! assert_eq!(response.data()?["data"][0]["serial_no"], certificate.serial());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Notifications
//!
//! [`notification`](Sandbox::notification) makes what WeChat Pay POSTs to a merchant,
//! [`notification_builder`](Sandbox::notification_builder) what it should not, and
//! [`deliver`](Sandbox::deliver) brings either to a server on loopback:
//!
//! ```
//! # let sandbox = wechatpay_sandbox::Sandbox::start_blocking()?;
//! use serde_json::json;
//! use std::time::{Duration, SystemTime};
//!
//! let paid = json!({ "out_trade_no": "1217752501201407033233368018" });
//! let genuine = sandbox.notification("TRANSACTION.SUCCESS", "transaction", &paid);
//! assert_eq!(genuine.headers().len(), 7);
//! let late = sandbox
//!     .notification_builder("TRANSACTION.SUCCESS", "transaction", &paid)
//!     .at(SystemTime::now() - Duration::from_secs(600))
//!     .build();
//! # let _ = late;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`decrypt`](Sandbox::decrypt) opens a sensitive field of a request, and
//! [`encrypt_for_merchant`](Sandbox::encrypt_for_merchant) makes one for an answer.
//!
//! # APIv2
//!
//! The same port speaks APIv2: XML signed with MD5 or HMAC-SHA256, as `sign_type` says, and answered
//! in kind. It knows `pay/unifiedorder`, `pay/orderquery`, `pay/closeorder`, `pay/micropay`,
//! `secapi/pay/reverse`, `secapi/pay/refund`, `pay/refundquery`, `mmpaymkttransfers/sendredpack`,
//! `mmpaymkttransfers/gethbinfo`, and `pay/downloadbill`, which gives the same bill for every day.
//! [`answer_with`](Sandbox::answer_with) gives an answer for any other, to a request whose `sign` is
//! right.
//!
//! Orders and refunds are the same as APIv3's, and so are the notifications that are sent for them, in
//! XML. [`pay`](Sandbox::pay) is the user who pays; [`notification_v2`](Sandbox::notification_v2) and
//! [`refund_notification_v2`](Sandbox::refund_notification_v2) are what the merchant is told then:
//!
//! ```
//! # let sandbox = wechatpay_sandbox::Sandbox::start_blocking()?;
//! use serde_json::json;
//!
//! let paid = json!({ "out_trade_no": "1217752501201407033233368018", "total_fee": 100 });
//! let notification = sandbox.notification_v2(&paid);
//! assert!(notification.body().starts_with(b"<xml>"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A payment by code, also one of APIv3, succeeds at once, unless the request has the header
//! `Wechatpay-Negative-Test` or its `out_trade_no` begins with `SANDBOX_`: with
//! `MICROPAY_USERPAYING` or `SANDBOX_USERPAYING_…` the user has to type a password, which
//! [`pay`](Sandbox::pay) does, and with `MICROPAY_PAYERROR` or `SANDBOX_PAYERROR_…` it fails.
//!
//! WeChat Pay's own sandboxes are here, too, for SDKs that have a switch for them. Under `sandboxnew/`
//! are the paths of `pay/` and `secapi/pay/`, and under `xdc/apiv2sandbox/` `pay/micropay` and
//! `pay/orderquery`. They sign with a key of their own, from `sandboxnew/pay/getsignkey` and
//! `xdc/apiv2getsignkey/sign/getsignkey`, and the amount decides: 2 fen are paid with a coupon over 1,
//! 3 fen with two coupons. Their orders are among the merchant's others.
//!
//! TLS asks every client for a certificate, and takes any and none. What moves money out needs that
//! of the merchant, under `secapi/`, `mmpaymkttransfers/` and `mmpaysptrans/`, and is answered with
//! nginx's page otherwise; plain http waives it. With
//! [`certificate_only`](Builder::certificate_only) there is no connection without one. [`Received::client_certificate`] tells what came.
//!
//! # As the real hosts
//!
//! A program whose SDK has WeChat Pay's hosts built in runs unchanged with the sandbox as its proxy
//! (`HTTPS_PROXY=http://127.0.0.1:PORT`) and its [root certificate](Sandbox::root_certificate) among
//! the authorities of that one process. The port takes `CONNECT` to port 443 of `api`, `api2`,
//! `apihk`, `apius`, `apieu` and `fraud.mch.weixin.qq.com`, `payapp.weixin.qq.com`, and `api` and
//! `api2.wechatpay.cn`, and ends their TLS itself: nothing leaves this machine. Any other host is
//! answered with 403. [`Received::host`] tells which was meant.
//!
//! ```text
//! curl --cacert ca.pem -x http://127.0.0.1:PORT https://api.mch.weixin.qq.com/v3/certificates
//! ```
//!
//! The authority is made at each start and its key is forgotten at once. Whoever trusts it trusts it
//! for these hosts and this machine only, and for 24 hours: a sandbox that runs longer is started
//! anew. Give its file to a process, never to the system. A [plain](Builder::plain) sandbox has no
//! TLS, and answers every `CONNECT` with 403.
//!
//! # Other languages
//!
//! The command `wechatpay sandbox`, of the package `wechatpay-cli`, starts a sandbox for a program in
//! any language; `docs/sandbox.md` in this repository is its guide.
//!
//! # What it checks
//!
//! In this order: that there is a `User-Agent` and an `Accept` (400 `INVALID_REQUEST`); the form of
//! `Authorization`, the merchant number, the serial, a time stamp at most 300 s from its clock, a
//! nonce of 1 to 32 characters, the signature over the method, the target as it came over the wire
//! and the bytes of the body (of an upload those of its part `meta`), and that the nonce was not used before (401 `SIGN_ERROR`); path and
//! method (404, 405, 501); fields that are required, their types, lengths and enumerations, and for
//! orders and refunds that there are no others (400 `PARAM_ERROR`). A body over 2 MB is
//! answered with 413 before all this.
//!
//! Of an APIv2 request, which is told by its path and by having no `Authorization`: the client
//! certificate (400 and a page); method, body, encoding and XML; `sign_type`, the merchant number,
//! `nonce_str` and `sign` (`return_code` FAIL); then the endpoint's own fields.
//!
//! # Its keys are public
//!
//! Key pairs, APIv3 key and APIv2 key are fixed and published in this crate's source: use them on
//! loopback and nowhere else. Only certificates are made anew at each start: the one of TLS with a
//! key of its own, the platform's with fixed and published keys.
//!
//! A program that has test settings already keeps them: [`Builder::mchid`] and its like have a sandbox
//! take another merchant number and other keys.

mod accept;
mod answer;
mod apiv2;
#[doc(hidden)]
pub mod authenticate;
mod bills;
mod canned;
mod catalogue;
mod clock;
mod codepay;
mod connect;
mod control;
mod coupons;
mod deliver;
mod endpoint;
mod expectation;
mod fields;
mod gateway;
mod json;
mod keys;
mod limits;
mod media;
mod merchant;
mod misbehaviour;
mod notification;
mod notifier;
mod orders;
mod payments;
mod platform;
mod random;
mod received;
mod refunds;
mod route;
mod trouble;
mod voucher;
mod wire;
mod xml;

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};
use wechatpay_chain::{Client, ClientBuilder};

use crate::accept::Server;
use crate::coupons::StockState;
use crate::endpoint::Endpoint;
use crate::gateway::{Gateway, Settings};
use crate::keys::{Keys, Padding};
use crate::orders::{NotPaid, Payer, RefundState};

pub use crate::canned::CannedAnswer;
pub use crate::merchant::Merchant;
pub use crate::misbehaviour::Misbehaviour;
pub use crate::notification::{Notification, NotificationBuilder};
pub use crate::notifier::Delivery;
pub use crate::platform::PlatformCertificate;
pub use crate::received::{Mismatch, Received};
pub use crate::trouble::Rule;

/// The guide's Rust compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../docs/sandbox.md")]
struct Guide;

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

    /// What a client of the test merchant needs in order to call this gateway, and nothing else:
    /// merchant number, serial, private key, base_uri and the authority of its TLS. There is no
    /// platform key, no APIv3 key, no APIv2 key and no client certificate: [`client`](Self::client)
    /// adds them, a test may add what it is about.
    #[must_use]
    pub fn client_builder(&self) -> ClientBuilder {
        let (keys, root) = (&self.gateway.keys, self.root_certificate());
        client_builder(keys, &keys.mchid, &self.base_uri(), root)
    }

    /// The number of the test merchant, [given](Builder::mchid) or the published one;
    /// [`Builder::merchant`] adds others.
    #[must_use]
    pub fn mchid(&self) -> &str {
        &self.gateway.keys.mchid
    }

    /// The serial of the merchant's certificate in upper-case hexadecimal digits, 40 of the published
    /// one.
    #[must_use]
    pub fn merchant_serial(&self) -> &str {
        &self.gateway.keys.merchant_serial
    }

    /// The merchant's private key, PKCS#8 in PEM. It is public, unless it was
    /// [given](Builder::merchant_key).
    #[must_use]
    pub fn merchant_private_key(&self) -> &str {
        &self.gateway.keys.merchant_private_key
    }

    /// The merchant's certificate in PEM.
    #[must_use]
    pub fn merchant_certificate(&self) -> &str {
        &self.gateway.keys.merchant_certificate
    }

    /// The ID of the public key that verifies the answers, unless [`sign_with`](Self::sign_with)
    /// says otherwise: `PUB_KEY_ID_…`, or what was [given](Builder::platform_key).
    #[must_use]
    pub fn platform_serial(&self) -> &str {
        &self.gateway.keys.platform_serial
    }

    /// The public key of that ID, SPKI in PEM.
    #[must_use]
    pub fn platform_public_key(&self) -> &str {
        &self.gateway.keys.platform_public_key
    }

    /// The APIv3 key, 32 bytes. It is public, unless it was [given](Builder::apiv3_key).
    #[must_use]
    pub fn apiv3_key(&self) -> &str {
        &self.gateway.keys.apiv3_key
    }

    /// The APIv2 key, 32 characters. It is public, unless it was [given](Builder::secret).
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.gateway.keys.secret
    }

    /// The authority of the TLS certificate in PEM, made at the start, for 24 hours, for this machine
    /// and [WeChat Pay's hosts](crate#as-the-real-hosts) only; `None` for plain http.
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
            ("WECHATPAY_MERCHANT_CERT", self.merchant_certificate()),
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
    /// request is there before its answer is sent. Of very many the last are kept: 1,000, or as
    /// many as [`Builder::keep`] says.
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
    /// those whose name begins with `Tls` to the next new connection.
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

    /// Has every authenticated request of this method for this path answered with this JSON, signed,
    /// whether or not the gateway knows the endpoint itself.
    ///
    /// The path is the one that comes over the wire, without its query; a `*` at its end stands for
    /// whatever follows. Of several answers that fit, the latest is given; one for the same method
    /// and path takes the place of the former. A [`misbehave`](Self::misbehave) comes first.
    pub fn answer(
        &self,
        method: impl AsRef<str>,
        path: impl AsRef<str>,
        status: u16,
        body: impl Into<Value>,
    ) {
        self.answer_with(method, path, CannedAnswer::json(status, &body.into()));
    }

    /// Has every authenticated request of this method for this path answered with this: as
    /// [`answer`](Self::answer), for what is not JSON, has more headers, or is signed otherwise.
    pub fn answer_with(
        &self,
        method: impl AsRef<str>,
        path: impl AsRef<str>,
        answer: CannedAnswer,
    ) {
        let canned = &self.gateway.canned;
        canned.add(method.as_ref(), path.as_ref(), answer);
    }

    /// Has the next authenticated request for this path answered with this JSON under 200, signed:
    /// `v3/pay/transactions/native`, or with a method before it as in [`expect`](Self::expect).
    /// Several calls make a queue. It comes before what [`answer`](Self::answer) prepared.
    pub fn answer_once(&self, path: impl AsRef<str>, body: impl Into<Value>) {
        self.answer_once_with(path, CannedAnswer::json(200, &body.into()));
    }

    /// Has the next authenticated request for this path answered with this: as
    /// [`answer_once`](Self::answer_once), for any other answer.
    pub fn answer_once_with(&self, path: impl AsRef<str>, answer: CannedAnswer) {
        let endpoint = Endpoint::parse(path.as_ref());
        self.gateway.canned.add_once(endpoint, answer);
    }

    /// Expects so many authenticated requests from now until the sandbox is dropped, which panics
    /// when there were more or fewer, unless the thread panics already.
    ///
    /// The endpoint is such as `POST v3/pay/transactions/native`, or a path alone for any method. A
    /// `*` in the path stands for a segment, and at its end for whatever follows.
    ///
    /// ```should_panic
    /// # let sandbox = wechatpay_sandbox::Sandbox::start_blocking().unwrap();
    /// sandbox.expect("POST v3/pay/transactions/native", 1);
    /// drop(sandbox);
    /// ```
    pub fn expect(&self, endpoint: impl AsRef<str>, count: usize) {
        self.gateway.expectations.add(endpoint.as_ref(), count);
    }

    /// A merchant that the gateway knows: the test merchant, or one that was given to
    /// [`Builder::merchant`]. `None` for any other.
    #[must_use]
    pub fn merchant(&self, mchid: impl AsRef<str>) -> Option<Merchant<'_>> {
        let merchants = self.gateway.authenticator.merchants();
        let mchid = merchants.iter().find(|known| *known == mchid.as_ref())?;
        Some(Merchant::new(self, mchid))
    }

    /// Forgets all answers that [`answer`](Self::answer) and [`answer_with`](Self::answer_with)
    /// prepared.
    pub fn forget_answers(&self) {
        self.gateway.canned.clear();
    }

    /// The platform certificates that are published, the oldest first: two at the start.
    ///
    /// They are made at the start, of three fixed and published keys, which take turns.
    #[must_use]
    pub fn certificates(&self) -> Vec<PlatformCertificate> {
        self.gateway.platform.published()
    }

    /// Makes and publishes one more platform certificate. It does not sign before
    /// [`sign_with`](Self::sign_with) says so.
    ///
    /// The dates are kept to the second; one before 1970 becomes 1970, and one after 9999 the end
    /// of 9999.
    pub fn add_certificate(
        &self,
        valid_from: SystemTime,
        valid_to: SystemTime,
    ) -> PlatformCertificate {
        let platform = &self.gateway.platform;
        platform.add(clock::seconds(valid_from), clock::seconds(valid_to))
    }

    /// Stops publishing a platform certificate, and tells whether it was published. If it signs, it
    /// goes on signing: who signs is [`sign_with`](Self::sign_with)'s.
    pub fn withdraw_certificate(&self, serial: impl AsRef<str>) -> bool {
        self.gateway.platform.withdraw(serial.as_ref())
    }

    /// Has every answer and notification from now on signed by the key of this serial: that of a
    /// platform certificate, published or withdrawn, or the `PUB_KEY_ID_…` that signs at the start.
    ///
    /// It takes effect at once and as a whole: an answer that is signed meanwhile has the serial
    /// and the signature of one key. What a request says in `Wechatpay-Serial` changes nothing.
    ///
    /// # Errors
    ///
    /// When the sandbox has no key of this serial; nothing changes then.
    pub fn sign_with(&self, serial: impl AsRef<str>) -> io::Result<()> {
        self.gateway.platform.sign_with(serial.as_ref())
    }

    /// Whether the merchant is one that has the public key only: then the certificates' endpoints
    /// answer 404 `RESOURCE_NOT_EXISTS`. At the start it is not. Who signs is
    /// [`sign_with`](Self::sign_with)'s.
    pub fn public_key_only(&self, only: bool) {
        self.gateway.platform.set_public_key_only(only);
    }

    /// A notification as WeChat Pay POSTs it to the merchant, signed by the key that signs now and
    /// encrypted with the APIv3 key.
    ///
    /// `event_type` is such as `TRANSACTION.SUCCESS`; `resource_type`, which becomes
    /// `original_type` and `associated_data`, such as `transaction`; `resource` is what gets
    /// encrypted.
    #[must_use]
    pub fn notification(
        &self,
        event_type: impl AsRef<str>,
        resource_type: impl AsRef<str>,
        resource: &Value,
    ) -> Notification {
        self.notification_builder(event_type, resource_type, resource)
            .build()
    }

    /// A notification that is to differ from a genuine one: signed by another key or at another
    /// time, a probe, encrypted otherwise, or no notification at all.
    pub fn notification_builder(
        &self,
        event_type: impl AsRef<str>,
        resource_type: impl AsRef<str>,
        resource: &Value,
    ) -> NotificationBuilder {
        NotificationBuilder::new(
            Arc::clone(&self.gateway),
            event_type.as_ref(),
            resource_type.as_ref(),
            resource,
        )
    }

    /// Has the user pay an order of the test merchant, whichever API it came by, and returns its
    /// `transaction_id`. A payment by code that waits for the user's password is paid so, too.
    ///
    /// Instead of the order's number, here and wherever a user acts, its `code_url` can be given: the
    /// latest one, as earlier ones are void.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) when there is no such order, and
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when it can't be paid: it is paid already,
    /// closed or expired, or its prepay_id is too old. The text says which.
    pub fn pay(&self, out_trade_no: impl AsRef<str>) -> io::Result<String> {
        self.pay_by(out_trade_no, "")
    }

    /// Has the user of this `openid` pay an order, as [`pay`](Self::pay) does.
    ///
    /// # Errors
    ///
    /// As there, and when the order was made for another user.
    pub fn pay_by(
        &self,
        out_trade_no: impl AsRef<str>,
        openid: impl AsRef<str>,
    ) -> io::Result<String> {
        let payer = Payer {
            openid: openid.as_ref(),
            ..Payer::default()
        };
        pay(&self.gateway, self.mchid(), out_trade_no.as_ref(), payer)
    }

    /// Has the user pay an order with a coupon of WeChat Pay's (代金券) over so many fen, and the rest
    /// with money. `coupon_type` is `CASH`, which the merchant gets, too, or `NOCASH`, which it goes
    /// without. The order and its refunds then say so in `promotion_detail` and their amounts.
    ///
    /// # Errors
    ///
    /// As [`pay`](Self::pay), and [`InvalidInput`](io::ErrorKind::InvalidInput) when the coupon is
    /// neither, or over nothing or more than the order.
    pub fn pay_with_coupon(
        &self,
        out_trade_no: impl AsRef<str>,
        coupon_type: impl AsRef<str>,
        amount: u64,
    ) -> io::Result<String> {
        let kind = voucher::Kind::named(coupon_type.as_ref()).filter(|_| amount > 0);
        let Some(kind) = kind else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a coupon is CASH or NOCASH, and over at least one fen",
            ));
        };
        let payer = Payer {
            coupon: Some((kind, amount)),
            ..Payer::default()
        };
        pay(&self.gateway, self.mchid(), out_trade_no.as_ref(), payer)
    }

    /// Has the user fail to pay an order: for want of money, a wrong password, or a change of mind.
    /// The order stays unpaid and can be paid still. A payment by code that waits for the user's
    /// password is over with that, unless the reason is `USER_CANCEL`.
    ///
    /// # Errors
    ///
    /// As [`pay`](Self::pay).
    pub fn pay_fails(
        &self,
        out_trade_no: impl AsRef<str>,
        reason: impl AsRef<str>,
    ) -> io::Result<()> {
        self.pay_fails_by(out_trade_no, "", reason)
    }

    /// Has the user of this `openid` fail to pay an order, as [`pay_fails`](Self::pay_fails) does.
    /// Whoever scans a `code_url` first is the only one who can pay it.
    ///
    /// # Errors
    ///
    /// As [`pay_by`](Self::pay_by).
    pub fn pay_fails_by(
        &self,
        out_trade_no: impl AsRef<str>,
        openid: impl AsRef<str>,
        reason: impl AsRef<str>,
    ) -> io::Result<()> {
        let (number, openid) = (out_trade_no.as_ref(), openid.as_ref());
        pay_fails(&self.gateway, self.mchid(), number, openid, reason.as_ref())
    }

    /// Has the user delete a coupon of `v3/marketing/busifavor` that the test merchant sent: it is
    /// `DELETED` then, and can't be used.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) when there is none that could be used.
    pub fn delete_coupon(&self, coupon_code: impl AsRef<str>) -> io::Result<()> {
        delete_coupon(&self.gateway, self.mchid(), coupon_code.as_ref())
    }

    /// Puts a stock of coupons into this state, as its owner does by hand: `RUNNING`, `PAUSED`,
    /// `STOPED` or `UNAUDIT` (so spelled). It gives coupons while it is running.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) when there is no such stock, and
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for any other state.
    pub fn set_stock_state(
        &self,
        stock_id: impl AsRef<str>,
        stock_state: impl AsRef<str>,
    ) -> io::Result<()> {
        set_stock_state(&self.gateway, stock_id.as_ref(), stock_state.as_ref())
    }

    /// Takes this much, in fen, out of the test merchant's balance. What it doesn't have any more, it
    /// can't refund: that is 403 `NOT_ENOUGH`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when there is less.
    pub fn withdraw(&self, amount: u64) -> io::Result<()> {
        withdraw(&self.gateway, self.mchid(), amount)
    }

    /// Ends a refund of the test merchant's that is in process or abnormal: `SUCCESS`, `CLOSED` or
    /// `ABNORMAL`, and tells the merchant.
    ///
    /// A refund is in process only while its application is answered, unless the application asked
    /// for another end: with a `Wechatpay-Negative-Test` of `REFUND_PROCESSING`, `REFUND_ABNORMAL`
    /// or `REFUND_CLOSED`, or by a number that begins with `SANDBOX_PROCESSING_` and so on.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) when there is no such refund, or it has ended.
    pub fn end_refund(
        &self,
        out_refund_no: impl AsRef<str>,
        status: impl AsRef<str>,
    ) -> io::Result<()> {
        let (number, status) = (out_refund_no.as_ref(), status.as_ref());
        end_refund(&self.gateway, self.mchid(), number, status)
    }

    /// Tells the test merchant of an event, at this URL, signed and encrypted: once, and again on
    /// the event's own schedule until it is acknowledged, as what becomes of orders is.
    ///
    /// `event_type` is such as `COUPON.SEND`, and `data` what gets encrypted. What comes of it is in
    /// [`deliveries`](Self::deliveries), also that nothing was sent because the URL is neither on
    /// loopback nor [allowed](Builder::allow_notify), or is `https`.
    pub fn notify(
        &self,
        event_type: impl AsRef<str>,
        data: impl Into<Value>,
        url: impl AsRef<str>,
    ) {
        let Gateway {
            notifier, clock, ..
        } = &*self.gateway;
        let (event_type, url) = (event_type.as_ref(), url.as_ref());
        notifier.custom(self.mchid(), event_type, &data.into(), url, clock.now());
    }

    /// Sends a probe to this URL, once: a notification under a signature that is wrong by design,
    /// as WeChat Pay does to see whether the merchant refuses it. A merchant that acknowledges it
    /// verifies nothing.
    pub fn probe(&self, url: impl AsRef<str>) {
        let Gateway {
            notifier, clock, ..
        } = &*self.gateway;
        notifier.probe(self.mchid(), url.as_ref(), clock.now());
    }

    /// Every attempt to tell a merchant something that has ended, in the order in which they were
    /// begun, whichever ended first. Of very many the last are kept: as many as of
    /// [requests](Builder::keep).
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.gateway.notifier.deliveries()
    }

    /// Waits until no notification is due or on its way. Those that wait for their next attempt
    /// don't count: [`advance`](Self::advance) has them come.
    pub async fn settled(&self) {
        let (done, settled) = oneshot::channel();
        self.settle(move || {
            let _ = done.send(());
        });
        let _ = settled.await;
    }

    /// Waits as [`settled`](Self::settled) does, without `async`. The merchant's server must not
    /// need this thread.
    pub fn settled_blocking(&self) {
        let (done, settled) = mpsc::channel();
        self.settle(move || {
            let _ = done.send(());
        });
        let _ = settled.recv();
    }

    fn settle(&self, done: impl FnOnce() + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            let gateway = Arc::clone(&self.gateway);
            runtime.spawn(async move {
                notifier::idle(gateway).await;
                done();
            });
        }
    }

    /// Moves the sandbox's clock ahead, by whole seconds: orders expire, and notifications are
    /// repeated. Signatures are made and checked by the real time all the same, so that clients need
    /// not know.
    pub fn advance(&self, by: Duration) {
        self.gateway.advance(by);
    }

    /// The sandbox's clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        clock::time(self.gateway.clock.now())
    }

    /// Forgets orders, refunds, coupons, what was received and delivered or is to be, prepared
    /// answers, misbehaviours and rules, and sets the clock right. Certificates and what was
    /// [expected](Self::expect) stay. The same requests then get the same answers again, where the
    /// [seed](Builder::seed) decides.
    pub fn reset(&self) {
        self.gateway.reset();
    }

    /// Has requests go wrong by rule: some endpoint's, so many of them, or with a probability. A
    /// [`misbehave`](Self::misbehave) comes first; of several rules the first that applies is taken.
    pub fn add_rule(&self, rule: Rule) {
        self.gateway.rules.add(rule);
    }

    /// APIv2's notification of a payment: XML with a `sign`, of HMAC-SHA256 where the fields have a
    /// `sign_type` that says so, else of MD5.
    ///
    /// The fields are those of a JSON object. Of an order that the sandbox knows by its
    /// `out_trade_no`, the other fields are filled in; what is given takes their place, and `null`
    /// leaves one out. A `sign` that is given is not replaced.
    #[must_use]
    pub fn notification_v2(&self, fields: &Value) -> Notification {
        let now = self.gateway.clock.now();
        Notification::apiv2(apiv2::payment(self.to(), fields, now))
    }

    /// APIv2's notification of a refund: its fields are in `req_info`, encrypted under the APIv2
    /// key, and nothing is signed.
    ///
    /// Of a refund that the sandbox knows by its `out_refund_no`, the other fields are filled in,
    /// as for [`notification_v2`](Self::notification_v2).
    #[must_use]
    pub fn refund_notification_v2(&self, fields: &Value) -> Notification {
        let now = self.gateway.clock.now();
        Notification::apiv2(apiv2::refund(self.to(), fields, now))
    }

    fn to(&self) -> apiv2::To<'_> {
        apiv2::To {
            keys: &self.gateway.keys,
            orders: &self.gateway.business.orders,
            merchant: self.mchid(),
            random: &self.gateway.notices,
        }
    }

    /// POSTs a notification to the merchant's server, and returns the status and the body of its
    /// answer. It needs no runtime: any executor may await this.
    ///
    /// The server must be on loopback, or have a name that was given to [`Builder::allow_notify`], and
    /// be spoken to over plain http.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for any other URL, and then nothing is sent;
    /// [`TimedOut`](io::ErrorKind::TimedOut) when the answer takes more than 5 s, which is what
    /// WeChat Pay grants; whatever else the network says.
    pub async fn deliver(
        &self,
        url: impl Into<String>,
        notification: &Notification,
    ) -> io::Result<(u16, Vec<u8>)> {
        let (done, answer) = oneshot::channel();
        self.send(url.into(), notification, move |result| {
            // Nobody waits any more: then nobody wants to know.
            let _ = done.send(result);
        });
        answer.await.unwrap_or_else(|_| Err(undelivered()))
    }

    /// POSTs a notification as [`deliver`](Self::deliver) does, without `async`.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn deliver_blocking(
        &self,
        url: impl Into<String>,
        notification: &Notification,
    ) -> io::Result<(u16, Vec<u8>)> {
        let (done, answer) = mpsc::channel();
        self.send(url.into(), notification, move |result| {
            let _ = done.send(result);
        });
        answer.recv().unwrap_or_else(|_| Err(undelivered()))
    }

    /// Delivers on the gateway's own threads.
    fn send(
        &self,
        url: String,
        notification: &Notification,
        done: impl FnOnce(io::Result<(u16, Vec<u8>)>) + Send + 'static,
    ) {
        if let Some(runtime) = &self.runtime {
            let notification = notification.clone();
            let gateway = Arc::clone(&self.gateway);
            runtime.spawn(async move {
                let allowed = gateway.notifier.allowed();
                done(deliver::deliver(url, notification, allowed).await);
            });
        }
    }

    /// What a client encrypted for the platform key of this serial: opens a field that was
    /// encrypted with RSA-OAEP and SHA-1, in Base64. `None` when the sandbox has no such key, or
    /// when the field was not encrypted for it, not so, or is not UTF-8.
    ///
    /// Withdrawn certificates still open what was encrypted for them.
    #[must_use]
    pub fn decrypt(&self, serial: impl AsRef<str>, ciphertext: impl AsRef<str>) -> Option<String> {
        let signer = self.gateway.platform.known(serial.as_ref())?;
        signer.key.decrypt(Padding::Oaep, ciphertext.as_ref())
    }

    /// What a client encrypted with RSA and PKCS#1 v1.5: otherwise as [`decrypt`](Self::decrypt).
    #[must_use]
    pub fn decrypt_pkcs1(
        &self,
        serial: impl AsRef<str>,
        ciphertext: impl AsRef<str>,
    ) -> Option<String> {
        let signer = self.gateway.platform.known(serial.as_ref())?;
        signer.key.decrypt(Padding::Pkcs1, ciphertext.as_ref())
    }

    /// A field as WeChat Pay encrypts it for the merchant: with RSA-OAEP and SHA-1, in Base64.
    /// `None` for a text for which there is no room: of more than 214 bytes with a key of 2048 bits.
    #[must_use]
    pub fn encrypt_for_merchant(&self, text: impl AsRef<str>) -> Option<String> {
        self.gateway.authenticator.encrypt(text.as_ref())
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
        let unmet = self.gateway.expectations.unmet();
        assert!(
            unmet.is_empty() || std::thread::panicking(),
            "the sandbox received other requests than were expected: {}",
            unmet.join("; ")
        );
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
    port: u16,
    plain: bool,
    http1_only: bool,
    certificate_only: bool,
    settings: Settings,
}

impl Builder {
    /// The port on 127.0.0.1; 0, the default, is a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Plain http instead of TLS; HTTP/2 then by prior knowledge only, and no `CONNECT`.
    pub fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    /// HTTP/1.1 only: HTTP/2 is not offered.
    pub fn http1_only(mut self) -> Self {
        self.http1_only = true;
        self
    }

    /// A client that shows no certificate has no TLS connection, whatever it would have asked for.
    /// Without this the gateway asks for one, and minds its absence only where money moves out.
    pub fn certificate_only(mut self) -> Self {
        self.certificate_only = true;
        self
    }

    /// Everything random follows this seed: the same seed and the same requests give the same bytes,
    /// but for signatures, ciphertexts and times. Without one, each sandbox has its own.
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = Some(seed);
        self
    }

    /// The merchant number of a program's existing test settings, 1 to 32 digits, instead of the
    /// published one, so that they work here as they are. The same goes for
    /// [`merchant_key`](Self::merchant_key), [`platform_key`](Self::platform_key),
    /// [`apiv3_key`](Self::apiv3_key) and [`secret`](Self::secret); whatever is not given is the
    /// published one.
    ///
    /// All of them are checked at the start. Give the keys of a test, never those of a merchant who
    /// takes money: the sandbox hands them out, as in [`Sandbox::environment`].
    ///
    /// ```
    /// use wechatpay_sandbox::Sandbox;
    ///
    /// let sandbox = Sandbox::builder()
    ///     .mchid("1900000999")
    ///     .apiv3_key("0123456789abcdefghijklmnopqrstuv")
    ///     .start_blocking()?;
    /// assert_eq!(sandbox.mchid(), "1900000999");
    ///
    /// let error = Sandbox::builder().apiv3_key("short").start_blocking().unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "apiv3_key: a key of 5 bytes was given; wanted: the APIv3 key, exactly 32 bytes"
    /// );
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn mchid(mut self, number: impl Into<String>) -> Self {
        self.settings.own.mchid = Some(number.into());
        self
    }

    /// The merchant's certificate (`apiclient_cert.pem`) and private key (`apiclient_key.pem`), as the
    /// text of these files: RSA, PKCS#8 or PKCS#1, unencrypted, made for each other. The serial is the
    /// certificate's; who issued it, and until when it is valid, is not looked at.
    pub fn merchant_key(
        mut self,
        certificate: impl Into<String>,
        private_key: impl Into<String>,
    ) -> Self {
        self.settings.own.merchant = Some((certificate.into(), private_key.into()));
        self
    }

    /// The private key that signs in WeChat Pay's stead, in PEM, and the ID of its public key
    /// (`PUB_KEY_ID_…`) or the serial of its certificate: the other half of what the program verifies
    /// with. WeChat Pay's own private key nobody has, so a pair for tests it is.
    ///
    /// The [platform certificates](crate#platform-certificates) that can be fetched keep their
    /// published keys.
    pub fn platform_key(
        mut self,
        id_or_serial: impl Into<String>,
        private_key: impl Into<String>,
    ) -> Self {
        self.settings.own.platform = Some((id_or_serial.into(), private_key.into()));
        self
    }

    /// The APIv3 key, exactly 32 bytes, with which notifications and platform certificates are
    /// encrypted.
    pub fn apiv3_key(mut self, key: impl Into<String>) -> Self {
        self.settings.own.apiv3_key = Some(key.into());
        self
    }

    /// The APIv2 key, with which APIv2 signs and notifications of its refunds are encrypted.
    pub fn secret(mut self, key: impl Into<String>) -> Self {
        self.settings.own.secret = Some(key.into());
        self
    }

    /// One more merchant, of this number, beside the test merchant: see [`Sandbox::merchant`]. All
    /// share the test merchant's keys and serial; orders, refunds and coupons are each one's own.
    pub fn merchant(mut self, mchid: impl Into<String>) -> Self {
        self.settings.merchants.push(mchid.into());
        self
    }

    /// How many requests and deliveries are kept for [`Sandbox::received`] and
    /// [`Sandbox::deliveries`]: the last 1,000 by default.
    pub fn keep(mut self, count: usize) -> Self {
        self.settings.kept = Some(count);
        self
    }

    /// Notifications may go to the server of this name, wherever it is, over plain http. Without this
    /// they go to addresses on loopback only, whatever the name.
    pub fn allow_notify(mut self, host: impl Into<String>) -> Self {
        self.settings.allowed.push(host.into());
        self
    }

    /// Keeps to the rates that WeChat Pay has published, which are counted by the sandbox's clock, and
    /// answers what is over them with 429 `FREQUENCY_LIMITED`: 150 refunds and 6 refused ones a
    /// second, of payments older than a month 5,000 a minute, a minute between two refunds of one
    /// order; 500 orders of JSAPI and 33 payments by code a second; of coupons 500 uses and 500
    /// associations a second, and 1,000 new stocks a minute. Without this there is no limit: tests
    /// are faster than shops.
    pub fn limits(mut self) -> Self {
        self.settings.limits = true;
        self
    }

    /// Starts the gateway. It needs no runtime: any executor may await this.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when a key or a number that was
    /// [given](Self::mchid) can't be used, which says which and why but shows no key; else when the
    /// system gives no thread or no port.
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
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when a key or a number that was
    /// [given](Self::mchid) can't be used, which says which and why but shows no key; else when the
    /// system gives no thread or no port.
    pub fn start_blocking(self) -> io::Result<Sandbox> {
        let gateway = Arc::new(Gateway::new(clock::now(), self.settings)?);
        let (tls, root_certificate) = if self.plain {
            (None, None)
        } else {
            let (acceptors, root) = accept::tls(self.http1_only, self.certificate_only)?;
            (Some(acceptors), Some(root))
        };
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))?;
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
        gateway.business.bills.set_base(&base_uri);
        let (keys, root) = (&gateway.keys, root_certificate.as_deref());
        let client = client(keys, &keys.mchid, &base_uri, root);
        let client = client.map_err(io::Error::other)?;
        let (closing, closing_seen) = watch::channel(false);
        let (closed, closed_seen) = mpsc::channel();
        let server = Server {
            gateway: Arc::clone(&gateway),
            tls,
            http1_only: self.http1_only,
            closing: closing_seen,
        };
        runtime.spawn(server.run(listener, closed));
        runtime.spawn(notifier::run(Arc::clone(&gateway)));
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

/// The number of the order that is meant: by that number, or by the code_url that is scanned.
fn meant(gateway: &Gateway, merchant: &str, order: &str) -> io::Result<String> {
    if !order.starts_with("weixin://") {
        return Ok(order.to_owned());
    }
    let number = gateway.business.orders.scanned(merchant, order);
    number.ok_or_else(|| unpaid(order, NotPaid::Void))
}

/// Has the user pay an order.
fn pay(gateway: &Gateway, merchant: &str, order: &str, payer: Payer<'_>) -> io::Result<String> {
    let out_trade_no = &meant(gateway, merchant, order)?;
    let order = gateway
        .pay(merchant, out_trade_no, payer)
        .map_err(|why| unpaid(out_trade_no, why))?;
    let payment = order.payment.map(|payment| payment.transaction_id);
    Ok(payment.unwrap_or_default())
}

/// Has the user fail to pay an order.
fn pay_fails(
    gateway: &Gateway,
    merchant: &str,
    order: &str,
    openid: &str,
    reason: &str,
) -> io::Result<()> {
    let out_trade_no = &meant(gateway, merchant, order)?;
    let is_cancelled = reason == "USER_CANCEL";
    let orders = &gateway.business.orders;
    orders
        .fail(
            merchant,
            out_trade_no,
            openid,
            is_cancelled,
            gateway.clock.now(),
        )
        .map_err(|why| unpaid(out_trade_no, why))
}

/// Takes money out of a merchant's balance.
fn withdraw(gateway: &Gateway, merchant: &str, amount: u64) -> io::Result<()> {
    let withdrawn = gateway.business.orders.withdraw(merchant, amount);
    withdrawn.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("the merchant {merchant} has less than {amount} fen"),
        )
    })
}

/// Has the user delete a coupon.
fn delete_coupon(gateway: &Gateway, merchant: &str, coupon_code: &str) -> io::Result<()> {
    let coupons = &gateway.business.coupons;
    let deleted = coupons.delete(merchant, coupon_code, gateway.clock.now());
    deleted.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no coupon {coupon_code:?} that could be used"),
        )
    })
}

/// Puts a stock of coupons into this state.
fn set_stock_state(gateway: &Gateway, stock_id: &str, stock_state: &str) -> io::Result<()> {
    let Some(state) = StockState::named(stock_state) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a stock is RUNNING, PAUSED, STOPED or UNAUDIT, not {stock_state:?}"),
        ));
    };
    let set = gateway.business.coupons.set_state(stock_id, state);
    set.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no stock {stock_id:?}"),
        )
    })
}

fn unpaid(out_trade_no: &str, why: NotPaid) -> io::Error {
    let kind = match why {
        NotPaid::Unknown => io::ErrorKind::NotFound,
        _ => io::ErrorKind::InvalidInput,
    };
    io::Error::new(
        kind,
        format!("the order {out_trade_no:?} was not paid: {why}"),
    )
}

/// Ends a refund so.
fn end_refund(
    gateway: &Gateway,
    merchant: &str,
    out_refund_no: &str,
    status: &str,
) -> io::Result<()> {
    let end = RefundState::named(status).filter(|end| *end != RefundState::Processing);
    let Some(end) = end else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a refund ends with SUCCESS, CLOSED or ABNORMAL, not with {status:?}"),
        ));
    };
    match gateway.end_refund(merchant, out_refund_no, end) {
        Some(_) => Ok(()),
        None => Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no refund {out_refund_no:?} that could end"),
        )),
    }
}

/// Only a sandbox that is being dropped says so.
fn undelivered() -> io::Error {
    io::Error::other("the sandbox is gone")
}

fn base_uri(tls: bool, address: SocketAddr) -> String {
    let scheme = if tls { "https" } else { "http" };
    format!("{scheme}://{address}/")
}

fn client_builder(
    keys: &Keys,
    mchid: &str,
    base_uri: &str,
    root_certificate: Option<&str>,
) -> ClientBuilder {
    let builder = Client::builder()
        .mchid(mchid)
        .serial(&keys.merchant_serial)
        .private_key(&*keys.merchant_private_key)
        .base_uri(base_uri)
        // Loopback never goes through one, and what the environment says may be malformed.
        .without_proxy();
    match root_certificate {
        Some(root) => builder.root_certificate(root),
        None => builder,
    }
}

fn client(
    keys: &Keys,
    mchid: &str,
    base_uri: &str,
    root_certificate: Option<&str>,
) -> wechatpay_chain::Result<Client> {
    client_builder(keys, mchid, base_uri, root_certificate)
        .cert(&*keys.platform_serial, &*keys.platform_public_key)
        .apiv3_key(&*keys.apiv3_key)
        .secret(&*keys.secret)
        .merchant(&*keys.merchant_certificate, &*keys.merchant_private_key)
        .build()
}
