//! A chainable WeChat Pay (微信支付) client: a path is a chain of methods, a body is raw JSON, each
//! request is signed, and an answer is trusted only when its signature was checked.
//!
//! It mirrors the PHP SDK `wechatpay/wechatpay`. One call, in six styles:
//!
//! ```
//! use serde_json::json;
//! use wechatpay_chain::Client;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # futures::executor::block_on(run())
//! # }
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = wechatpay_sandbox::Sandbox::start().await?;
//! # let client: Client = sandbox.client();
//!
//! let body = json!({
//!     "openid": "xsd3434454567676", "appid": "wx1234567889999", "stock_id": "12312354",
//!     "out_request_no": "2335465", "coupon_code": "202007019999", "coupon_type": "NORMAL",
//!     "member_card_id": "pbLatjvWOibDc5-TBnbUk1pD12o0",
//! });
//!
//! // PHP's ->postAsync([...])->then(...) is `.await`.
//! let r = client.v3().marketing().busifavor().product_coupons().send().post(body.clone()).await?;
//! let r = client.chain("v3/marketing/busifavor/product-coupons/send").post(body.clone()).await?;
//! let r = client["v3/marketing/busifavor/product-coupons/send"].post(body.clone()).await?;
//!
//! // PHP's ->post([...]) is `.wait()`: it blocks, needs no runtime, and works inside one too.
//! let r = client.v3().marketing().busifavor().product_coupons().send().post(body.clone()).wait()?;
//! let r = client.chain("v3/marketing/busifavor/product-coupons/send").post(body.clone()).wait()?;
//! let r = client["v3/marketing/busifavor/product-coupons/send"].post(body).wait()?;
//!
//! assert_eq!(r.data()?["coupon_code"], "202007019999");
//! # Ok(())
//! # }
//! ```
//!
//! # A client
//!
//! [`Client::builder`], [`Client::factory`] with PHP's array of settings, or [`Client::from_env`]:
//! all three end in the same checks and the same messages.
//!
//! ```no_run
//! # use wechatpay_chain::Client;
//! let client = Client::builder()
//!     .mchid("1900000109")
//!     // The merchant certificate says its serial number.
//!     .merchant_certificate("file:///path/apiclient_cert.pem")
//!     .private_key("file:///path/apiclient_key.pem")
//!     // WeChat Pay's public key, and while a merchant is being moved to it, certificates too.
//!     .cert("PUB_KEY_ID_0114232134912410000000000000000", "file:///path/pub_key.pem")
//!     .platform_certificate("file:///path/wechatpay_7132D72A.pem")
//!     .build()?;
//! # Ok::<(), wechatpay_chain::Error>(())
//! ```
//!
//! # Paths, variables and queries
//!
//! Every known endpoint is a chain of methods: [`catalogue::table`] lists all 1,155. A place of the
//! [`catalogue`] derefs to a [`Chain`], so what the catalogue doesn't list is one
//! `.chain("…")` away. A variable of a path is filled by value or by template:
//!
//! ```
//! # use serde_json::json;
//! # let sandbox = wechatpay_sandbox::Sandbox::start_blocking()?;
//! # let client = sandbox.client();
//! let orders = client.v3().pay().transactions().out_trade_no();
//! let by_value = orders.out_trade_no("ORDER2024Ab").get();
//! let by_template = orders._out_trade_no_().get().var("out_trade_no", "ORDER2024Ab");
//! let as_php = orders.chain("{out_trade_no}").request("GET", json!({
//!     "out_trade_no": "ORDER2024Ab", "query": { "mchid": "1900000109" },
//! }));
//! for request in [by_value, by_template, as_php.query([("extra", "raw 值")])] {
//!     let path = "/v3/pay/transactions/out-trade-no/ORDER2024Ab";
//!     assert_eq!(request.into_http()?.uri().path(), path);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Money
//!
//! Amounts are integers in the currency's smallest unit. A float that is whole goes out as an
//! integer, as PHP writes it; one that is not is never rounded.
//!
//! # When it fails
//!
//! Each variant of [`Error`] says when it happens and what to do. After a failed payment ask
//! [`Error::may_have_been_sent`]: `false` only where that is proved. A redirect is never followed
//! and what may have arrived is sent again only by [`Request::retry`].
//!
//! ```
//! # use serde_json::json;
//! # use wechatpay_chain::Error;
//! # let sandbox = wechatpay_sandbox::Sandbox::start_blocking()?;
//! # let client = sandbox.client();
//! let send = client.v3().marketing().busifavor().product_coupons().send();
//! match send.post(json!({ "stock_id": "12312354" })).wait() {
//!     Ok(response) => drop(response.data()?),
//!     Err(Error::Api(error)) if error.code() == "PARAM_ERROR" => {
//!         assert_eq!(error.status(), 400);
//!         assert!(error.detail().is_some());
//!     }
//!     Err(error) if error.may_have_been_sent() => { /* query the order before repeating */ }
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Platform keys
//!
//! WeChat Pay's public key, platform certificates, or both verify its answers. With the APIv3 key
//! and neither of them the client fetches the certificates before its first request and keeps them
//! current; see [`Client::platform_keys`], [`Client::certificates`] and
//! [`Client::replace_platform_keys`].
//!
//! # Notifications
//!
//! [`Client::notification`] takes the headers and the raw body of any framework, checks and
//! decrypts:
//!
//! ```
//! # use serde_json::json;
//! # let sandbox = wechatpay_sandbox::Sandbox::start_blocking()?;
//! # let client = sandbox.client();
//! # let sent = sandbox.notification(
//! #     "TRANSACTION.SUCCESS", "transaction", &json!({ "out_trade_no": "T1" }));
//! # let (headers, body) = (sent.headers(), sent.body());
//! let event = client.notification(&headers, body).wait()?;
//! assert_eq!(event.event_type(), "TRANSACTION.SUCCESS");
//! assert_eq!(event.data()["out_trade_no"], "T1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # APIv2
//!
//! A path under `v2/` goes to APIv2: the fields go out as XML with their `sign`, a GET has them in its
//! query, and an answer is data whose `sign` was checked. It needs the APIv2 key
//! ([`ClientBuilder::secret`]) and nothing of APIv3. Where the catalogue knows that an endpoint wants
//! the merchant certificate ([`ClientBuilder::merchant`]), it is presented by itself;
//! [`Request::security`] asks for it elsewhere.
//!
//! ```
//! # use serde_json::json;
//! # use wechatpay_chain::Client;
//! let client = Client::builder()
//!     .mchid("1900000109")
//!     .secret("the APIv2 key, of 32 characters.")
//!     .build()?;
//! let order = json!({ "appid": "wx8888888888888888", "mch_id": "1900000109", "out_trade_no": "1" });
//! let request = client.v2().pay().orderquery().post(order).into_http()?;
//! assert_eq!(request.uri(), "https://api.mch.weixin.qq.com/pay/orderquery");
//! assert!(request.body().starts_with(b"<xml><appid>wx8888888888888888</appid>"));
//! # Ok::<(), wechatpay_chain::Error>(())
//! ```
//!
//! # Bills, downloads and streams
//!
//! An answer in memory is limited to 16 MB ([`ClientBuilder::answer_limit`]). [`Client::bill`] makes
//! both calls of a bill and compares it with its digest; [`Request::download`] and
//! [`Request::stream`] take what nothing signs, of any size, in constant memory.
//!
//! ```
//! # let sandbox = wechatpay_sandbox::Sandbox::start_blocking()?;
//! # let client = sandbox.client();
//! let bill = client.bill().trade("2024-01-01").wait()?;
//! assert_eq!(bill.bytes().len(), 95);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Logs
//!
//! By `tracing`, all under the target `wechatpay_chain`; nothing is formatted where nobody listens.
//!
//! | level | what |
//! |---|---|
//! | INFO | a span `request` for each request, however often it is sent: `verb`, `path` (the template, never a value), `host` (of the last attempt), `status` and `request_id` (of the last answer), `attempts`, `elapsed_ms`, and the bodies' `sent_bytes` and `received_bytes`, as they went over the wire in all attempts |
//! | DEBUG | events in it: `request` for each attempt, `answered` or `failed`. PHP's `debug` makes those of one request, or of all of a client ([`Client::factory`]), INFO |
//! | WARN | what ought to be looked into: an entrance that can't be reached, a repeat by [`Request::retry`], a certificate that has expired or can't be refreshed |
//! | TRACE | bodies, under the target `wechatpay_chain::body`, as JSON |
//!
//! The span is below the caller's own. It ends with the request, that of a stream with its body, and that
//! of a future that is dropped with it; but for verb and path its fields are there at the end. A field that is not
//! known is absent. A bill is two requests, and the fetch of platform certificates one of its own: below
//! the request that waits for it, and below none where it goes on in the background. What is signed for
//! another HTTP client has no span.
//!
//! No span and no event shows a header, a query or a value of a path. In bodies those fields are blanked
//! that the catalogue or [`Request::sensitive`](Request) calls sensitive, and those that are secret by
//! their name: signs, keys, tokens, the payer's `auth_code`; so are the queries of addresses. All
//! else is there, amounts and openids too: leave TRACE off where payments are real. Files, streams and
//! the certificates are not shown.
//!
//! # The end of a process
//!
//! [`Client::shutdown`] waits for what is in flight, and lets nothing else begin.
//!
//! # Another HTTP client
//!
//! [`Request::into_parts`] gives the signed request and what verifies its answer: the pair is the
//! whole library without its transport.
//!
//! # Features
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `aws-lc-rs` | yes | RSA by AWS-LC, about twice as fast as ring's, and OAEP; needs a C compiler |
//! | `native-roots` | no | the system's root certificates, by `native_roots()` of the [`ClientBuilder`] |
//! | `p12` | no | keys and certificates from PKCS#12 files |
//!
//! Without `aws-lc-rs` RSA is ring's, which has no encryption: `encrypt` and `decrypt` are absent. TLS
//! is ring's in both; no process default of rustls is needed or set.
//!
//! # PHP's helpers
//!
//! | PHP | here |
//! |---|---|
//! | `Rsa::from`, `fromPkcs1`, `fromPkcs8`, `fromSpki` | [`rsa::PrivateKey`] and [`rsa::PublicKey`]: `TryFrom`, `from_pem`, `from_pkcs1` … |
//! | `Rsa::sign`, `verify`, `encrypt`, `decrypt` | the same two: `sign`, `verify`, `encrypt`, `decrypt` |
//! | `Rsa::pkcs1ToSpki` | [`rsa::pkcs1_to_spki`] |
//! | `AesGcm`, `AesEcb` | [`aes_gcm`], [`aes_ecb`] |
//! | `Hash::md5`, `hmac`, `sign`, `equals` | [`hash`] |
//! | `Formatter` | [`formatter`], in snake_case |
//! | `MediaUtil` | [`Media`], given to `.post(…)` |
//! | `Transformer::toArray`, `toXml` | [`transformer::to_value`], [`transformer::to_xml`] |
//! | `PemUtil::parseCertificateSerialNo` | [`pem::serial_number`] |

#![cfg_attr(docsrs, feature(doc_cfg))]
#![recursion_limit = "256"]

mod address;
mod answer;
mod bill;
mod blanked;
mod chain;
mod client;
mod crypto;
mod download;
mod draft;
mod error;
mod media;
mod notification;
mod notification_v2;
mod options;
mod pay_params;
mod payload;
mod pending;
mod platform;
mod protocol;
mod query;
mod request;
mod response;
mod seen;
mod sensitive;
mod shutdown;
mod signer;
mod streamed;
mod template;
mod transport;

pub mod catalogue;
pub mod formatter;
pub mod pem;
pub mod transformer;

/// RSA keys: the merchant's private key signs and decrypts, WeChat Pay's public key verifies and
/// encrypts.
pub mod rsa {
    pub use crate::crypto::rsa::{PrivateKey, PublicKey, pkcs1_to_spki};
}

pub use answer::Answer;
pub use bill::{Bill, BillDownload, BillRequest, Bills};
pub use chain::Chain;
pub use client::{Client, ClientBuilder};
pub use crypto::{aes_ecb, aes_gcm, hash};
pub use download::{Download, Downloaded};
pub use error::{
    ApiError, Attempt, Check, ConfigError, DecodeError, Error, KeyError, NetworkError, Phase,
    RedirectError, RequestError, Result, SignatureState, TemplateError, VerifyError,
};
pub use media::Media;
pub use notification::{Incoming, Notification, NotificationHeaders};
pub use notification_v2::NotificationV2;
pub use pay_params::PayParams;
pub use payload::Payload;
pub use pending::Pending;
pub use platform::{Certificates, PlatformCertificate, PlatformKey, PlatformKeys};
pub use request::{Request, ResponseFuture, Signing};
pub use response::Response;
pub use shutdown::Shutdown;
pub use signer::{ServiceError, ServiceFuture, Signer, Verifier};
pub use streamed::{BodyReader, Streamed, Streaming};
pub use transport::retry::Retry;
