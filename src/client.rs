use std::borrow::Cow;
use std::env;
use std::fmt;
use std::ops::Index;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use elsa::sync::FrozenMap;
use http::HeaderMap;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::address::{Base, is_tencents};
use crate::bill::Bills;
use crate::chain::{Chain, PathText};
use crate::crypto::sha256_hex;
use crate::draft::Destination;
use crate::error::{Error, Result};
use crate::notification::{Incoming, NotificationHeaders};
use crate::notification_v2::NotificationV2;
use crate::options::{self, Limit};
use crate::pay_params::PayParams;
use crate::platform::{Certificates, KeySet, Place, Platform, PlatformKeys, Store, same_serial};
use crate::protocol::v2;
use crate::request::Request;
use crate::rsa::{PrivateKey, PublicKey};
use crate::shutdown::{Flights, Shutdown};
use crate::signer::{MerchantKey, Signer, Verifier};
use crate::template::strip_prefix;
use crate::transport::failover::Entrances;
use crate::transport::{Identity, Proxies, Transport};

const DEFAULT_BASE: &str = "https://api.mch.weixin.qq.com/";
const DEFAULT_SECOND: &str = "https://api2.mch.weixin.qq.com/";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_ANSWER_LIMIT: usize = 16 * 1024 * 1024;
const APIV3_KEY_BYTES: usize = 32;

/// SHA-256 of the public halves of the keys that the sandbox publishes: everyone has their
/// private halves.
const PUBLISHED_KEYS: [&str; 5] = [
    "f5c747206f10b46d172a53f00430af44f953f0bb04e6ef6792ae08c694899d4b",
    "522c72348bd9c8502dd0878c37c55ba1af48122522ffacf427004ec132909f6f",
    "df06d9acb45656c8890c812aae391f70120bd7031da4c1f380665e4b12189e76",
    "37feefcd006c6a3ee8439deea4001a163a1765f50007c7c7ab736086ad1cd978",
    "b81badde774ebf9cead220b17a98f3461d2037d140923a0725b840a71e58e606",
];

/// What the APIv3 key and the APIv2 key that the sandbox publishes begin with.
const PUBLISHED_TEXT: &str = "WechatpaySandboxPublic";

const PLATFORM_WANTED: &str = "WeChat Pay's public key or a platform certificate, by cert(serial, \
     key) or platform_certificate(certificate), or the APIv3 key";

/// A merchant's client: settings, keys and connections.
///
/// A clone is cheap and shares everything. A client outlives async runtimes and may be a static.
///
/// ```no_run
/// use wechatpay_chain::Client;
///
/// let client = Client::builder()
///     .mchid("1900000109")
///     .serial("3775B6A45ACD588826D15E583A95F5DDA1B2C3D4")
///     .private_key("file:///path/apiclient_key.pem")
///     .cert("PUB_KEY_ID_0114232134912410000000000000000", "file:///path/pub_key.pem")
///     .build()?;
/// # Ok::<(), wechatpay_chain::Error>(())
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    core: Arc<Core>,
    /// The chains behind `client["…"]`. They hold the core, never this table, so that the client
    /// is dropped with its last clone.
    table: FrozenMap<&'static str, Box<Chain>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(apiv3) = &self.core.v3 {
            apiv3.platform.abort_background();
        }
    }
}

/// What every chain and request of a client shares.
pub(crate) struct Core {
    pub(crate) mchid: String,
    pub(crate) v3: Option<Apiv3>,
    /// The APIv2 key.
    pub(crate) secret: Option<Zeroizing<String>>,
    pub(crate) base: Base,
    /// Whether `base` was given, so that an endpoint's own host does not count.
    pub(crate) has_own_base: bool,
    /// Where requests to `base` go when it can't be reached.
    pub(crate) entrances: Option<Entrances>,
    pub(crate) plain_http: Option<String>,
    /// The setting whose key is public, so that no real host may be spoken to.
    pub(crate) published: Option<&'static str>,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Limit,
    pub(crate) connect_timeout: Limit,
    /// How long the body of a stream may stand still.
    pub(crate) idle_timeout: Limit,
    /// How many bytes of an answer are held in memory.
    pub(crate) answer_limit: usize,
    /// Whether each request is a log event.
    pub(crate) debug: bool,
    /// Its requests, which are counted until the client is shut down.
    pub(crate) flights: Arc<Flights>,
    pub(crate) transport: Arc<Transport>,
    /// What presents the merchant certificate, if the client has it: connections of its own.
    pub(crate) secure: Option<Arc<Transport>>,
}

/// The settings of APIv3.
pub(crate) struct Apiv3 {
    pub(crate) serial: String,
    pub(crate) key: MerchantKey,
    pub(crate) platform: Platform,
    /// What verifies, if that is elsewhere.
    verifier: Option<Arc<dyn Verifier>>,
    /// For notifications and certificates.
    pub(crate) apiv3_key: Option<Zeroizing<String>>,
}

impl Apiv3 {
    /// Whether the client fetches its certificates: it has the APIv3 key, and no platform key was
    /// configured.
    pub(crate) fn keeps_certificates(&self) -> bool {
        let has_none = self.verifier.is_none() && self.platform.configured().is_empty();
        self.apiv3_key.is_some() && has_none
    }

    /// Where the certificates that verify the answer to a request are fetched, if the client keeps
    /// its own.
    pub(crate) fn store_of(&self, destination: &Destination) -> Option<Arc<Store>> {
        if !self.keeps_certificates() {
            return None;
        }
        let Destination {
            scheme,
            authority,
            prefix,
            ..
        } = destination;
        let place = Place::beside(scheme, authority, prefix)?;
        Some(self.platform.store(&place))
    }
}

impl Core {
    /// Who signs APIv2's requests.
    pub(crate) fn merchant(&self) -> v2::Merchant<'_> {
        v2::Merchant {
            mchid: &self.mchid,
            secret: self.secret.as_ref().map(|secret| secret.as_str()),
        }
    }

    /// What verifies, if that is elsewhere.
    pub(crate) fn verifier(&self) -> Option<&Arc<dyn Verifier>> {
        self.v3.as_ref()?.verifier.as_ref()
    }

    /// The store of the base address's host.
    pub(crate) fn certificates(&self) -> Result<Arc<Store>> {
        let apiv3 = self.v3.as_ref();
        let Some(apiv3) = apiv3.filter(|apiv3| apiv3.apiv3_key.is_some()) else {
            return Err(missing(
                "apiv3_key",
                "the APIv3 key, 32 bytes, which decrypts platform certificates",
            ));
        };
        let Base {
            scheme,
            authority,
            prefix,
            ..
        } = &self.base;
        match Place::beside(scheme, authority, prefix) {
            Some(place) => Ok(apiv3.platform.store(&place)),
            None => Err(missing("base_uri", "a shorter address")),
        }
    }
}

impl Client {
    /// Starts with no settings; [`ClientBuilder::build`] checks them.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// PHP's `Builder::factory([...])`: the same keys, and the same checks as
    /// [`ClientBuilder::build`].
    ///
    /// `mchid`, `serial`, `privateKey`, `certs` (an object of serial and key), `apiv3Key`,
    /// `secret`, `merchant` (an object of `cert` and `key`, plain paths as in PHP, too), `base_uri`, `headers`, `debug`,
    /// `proxy` (a text, as [`ClientBuilder::proxy`] takes it; an empty one is none), `timeout` and `connect_timeout` (seconds, fractions allowed, 0 for no limit). The placeholders
    /// of APIv2-only code, `serial: "nop"`, `privateKey: "any"` and `certs: {"any": null}`, mean
    /// "not configured".
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown key or a value that does not fit; [`Error::Key`] for a key
    /// that can't be loaded.
    pub fn factory(settings: impl Into<Value>) -> Result<Self> {
        match settings.into() {
            Value::Object(settings) => from_settings(settings)?.build(),
            other => Err(Error::config(
                "factory",
                format!("{} was given", options::kind(&other)),
                "an object such as json!({ \"mchid\": …, \"serial\": …, \"privateKey\": … })",
            )),
        }
    }

    /// Settings from the environment; an empty variable counts as absent.
    ///
    /// `WECHATPAY_MCHID`, `WECHATPAY_SERIAL`, `WECHATPAY_PRIVATE_KEY`, `WECHATPAY_CERTS`
    /// (`serial=key`, comma separated), `WECHATPAY_APIV3_KEY`, `WECHATPAY_SECRET`,
    /// `WECHATPAY_MERCHANT_CERT`, `WECHATPAY_BASE_URI`, `WECHATPAY_CA`. Keys and certificates are
    /// `file:///absolute/path` or PEM text.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`]; the message names the variable.
    pub fn from_env() -> Result<Self> {
        from_environment(|name| env::var_os(name))
    }

    /// A path to call, by PHP's rule for keys: see [`Chain::chain`].
    pub fn chain(&self, path: impl AsRef<str>) -> Chain {
        self.at(PathText::key(path.as_ref()))
    }

    /// A GET of an address that WeChat Pay itself returned, as it stands, signed: a bill's
    /// `download_url`, a complaint's image.
    ///
    /// Only addresses that may see this merchant's `Authorization` header are taken: WeChat Pay's
    /// hosts by https, and the configured `base_uri`. White space around it is dropped; an address
    /// that would be rewritten before it is sent is an error.
    pub fn url(&self, address: impl AsRef<str>) -> Request {
        Request::absolute(Arc::clone(&self.inner.core), address.as_ref())
    }

    /// Checks and decrypts a notification, by `.await` or `.wait()`: the headers and the raw bytes of
    /// the body as they came.
    ///
    /// No I/O happens unless the serial is unknown and the client fetches its own certificates.
    /// Answer with [`Notification::success`](crate::Notification::success) only after it was
    /// trusted and dealt with.
    ///
    /// ```
    /// # use serde_json::json;
    /// # use wechatpay_chain::{Client, Notification};
    /// fn receive(client: &Client, headers: &http::HeaderMap, body: &[u8]) -> (u16, String) {
    ///     match client.notification(headers, body).wait() {
    ///         Ok(event) if event.event_type() == "TRANSACTION.SUCCESS" => {
    ///             let order = event.data()["out_trade_no"].as_str();
    ///             // … mark it as paid, once …
    ///             Notification::success()
    ///         }
    ///         Ok(_) => Notification::success(),
    ///         Err(error) => Notification::failure("not accepted"),
    ///     }
    /// }
    /// ```
    ///
    /// Frameworks with another version of `http` give pairs of names and values. Where several
    /// merchants share one address, ask each one's client in turn: the first that does not answer
    /// with an unknown serial is the one.
    ///
    /// # Errors
    /// [`Error::Verify`] if it can't be trusted: a header is missing, the clock is more than 300 s
    /// off, the serial is unknown, the signature is wrong or a probe; [`Error::Decode`] if its
    /// signature is right but the APIv3 key or the algorithm is another one; [`Error::Config`]
    /// without the APIv3 key. Source: <https://pay.weixin.qq.com/doc/v3/merchant/4012071382>.
    pub fn notification(
        &self,
        headers: impl NotificationHeaders,
        body: impl AsRef<[u8]>,
    ) -> Incoming {
        Incoming::new(Arc::clone(&self.inner.core), headers, body.as_ref())
    }

    /// Checks a notification of APIv2, from the raw bytes of its body: that of a payment by its `sign`,
    /// and that of a refund by opening its `req_info`. No I/O happens.
    ///
    /// ```
    /// # use wechatpay_chain::{Client, NotificationV2};
    /// fn receive(client: &Client, body: &[u8]) -> String {
    ///     match client.notification_v2(body) {
    ///         Ok(event) if event.is_refund() => {
    ///             let refund = event.data()["out_refund_no"].as_str();
    ///             // … query this refund, since nothing authenticates its notification …
    ///             NotificationV2::reply_ok()
    ///         }
    ///         Ok(event) => {
    ///             let order = event.data()["out_trade_no"].as_str();
    ///             // … compare the amount, and mark the order as paid, once …
    ///             NotificationV2::reply_ok()
    ///         }
    ///         Err(error) => NotificationV2::reply_fail("not accepted"),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Error::Verify`] if it can't be trusted: it is another merchant's, has no `sign` (and no
    /// `req_info`), or a wrong one; [`Error::Decode`] if it is no XML, or its `req_info` was encrypted
    /// under another APIv2 key; [`Error::Config`] without the APIv2 key.
    pub fn notification_v2(&self, body: impl AsRef<[u8]>) -> Result<NotificationV2> {
        NotificationV2::receive(&self.inner.core, body.as_ref())
    }

    /// What a front end needs to open the payment of an order, ready and signed: for JSAPI, mini
    /// programs and apps.
    ///
    /// ```
    /// # let client = wechatpay_sandbox::Sandbox::start_blocking()?.client();
    /// let params = client.pay_params().jsapi("wx8888888888888888", "wx201410272009395522657")?;
    /// assert_eq!(params["package"], "prepay_id=wx201410272009395522657");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pay_params(&self) -> PayParams {
        PayParams::new(Arc::clone(&self.inner.core))
    }

    /// Bills (账单): both calls, unzipped and checked, into a file or into memory, by `.await` or
    /// `.wait()`.
    ///
    /// ```
    /// # let sandbox = wechatpay_sandbox::Sandbox::start_blocking()?;
    /// # let client = sandbox.client();
    /// let bill = client.bill().trade("2024-01-01").wait()?;
    /// assert!(bill.text().contains("交易时间"));
    /// # let path = std::env::temp_dir().join(format!("bill of {}", std::process::id()));
    /// let saved = client.bill().fund_flow("2024-01-01").download(&path).wait()?;
    /// assert_eq!(saved.bytes_written(), std::fs::metadata(&path)?.len());
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bill(&self) -> Bills {
        Bills::new(Arc::clone(&self.inner.core))
    }

    /// The platform certificates, fetched from the host of `base_uri` by `.await` or `.wait()`: with
    /// serial, dates and PEM, to be saved.
    ///
    /// They are at `v3/certificates` behind `base_uri`'s path (so `https://…/hk/` leads to
    /// `/hk/v3/certificates`), and at `v3/global/certificates` of `apihk`, `apius` and
    /// `apieu.mch.weixin.qq.com`. Requests to another host have certificates of their own, from
    /// there.
    ///
    /// A client that has the APIv3 key and no platform key does so by itself. At most one fetch a
    /// minute is made; a call within it gets what the last one brought.
    ///
    /// # Errors
    /// [`Error::Config`] without the APIv3 key; [`Error::Api`] for a merchant that only has the
    /// public key (404 `RESOURCE_NOT_EXISTS`), [`Error::Decode`] when the APIv3 key is another one;
    /// and what every request may fail with.
    pub fn certificates(&self) -> Certificates {
        let core = &self.inner.core;
        Certificates::new(core.certificates().map(|store| (Arc::clone(core), store)))
    }

    /// The platform keys that are known: serials, expiry, and how the last fetch of certificates
    /// went; for readiness probes.
    pub fn platform_keys(&self) -> PlatformKeys {
        match &self.inner.core.v3 {
            Some(apiv3) => PlatformKeys::of(&apiv3.platform),
            None => PlatformKeys::default(),
        }
    }

    /// Replaces the configured platform keys as a whole, while requests go on: serials and keys, as
    /// [`ClientBuilder::cert`] takes them. Requests that are on their way are still verified with the
    /// old ones, too.
    ///
    /// From certificates to the public key without an interruption: first give both, and after the
    /// switch on the merchant platform has ended the public key alone. Without any key a client that
    /// has the APIv3 key fetches certificates.
    ///
    /// # Errors
    /// [`Error::Config`] and [`Error::Key`] as [`ClientBuilder::build`]; the old keys then stay.
    pub fn replace_platform_keys<S, K>(&self, keys: impl IntoIterator<Item = (S, K)>) -> Result<()>
    where
        S: Into<String>,
        K: TryInto<PublicKey>,
        K::Error: Into<Error>,
    {
        let core = &self.inner.core;
        let Some(apiv3) = &core.v3 else {
            return Err(missing("APIv3", "serial and private_key of the merchant"));
        };
        let mut given = Vec::new();
        for (serial, key) in keys {
            let serial = serial.into();
            let setting = format!("certs[{:?}]", shown(&serial));
            let key = key
                .try_into()
                .map_err(|error| error.into().setting(&setting))?;
            given.push((Some(serial), key));
        }
        let keys = key_set(given, &apiv3.serial, &apiv3.key)?;
        if keys.is_empty() && apiv3.apiv3_key.is_none() {
            return Err(missing("certs", PLATFORM_WANTED));
        }
        if has_published(&keys) {
            check_published(Some("certs"), &core.base)?;
        }
        apiv3.platform.replace(keys);
        Ok(())
    }

    /// Ends the client, by `.await` or `.wait()`: no other request begins, and those in flight are waited
    /// for, up to the limit. Gives the number of those that are in flight even then; 0 if all came to
    /// their end.
    ///
    /// It holds for all clones of this client, and not for other clients that share its connections.
    /// A request that begins later is [`Error::Request`], and was not sent. A repeat of one that had
    /// begun is part of it. A stream is in flight until its body has come to its end or is dropped, a
    /// download or a bill until its file is there. The certificates are refreshed no more; a
    /// notification is still checked, with the keys that are known.
    ///
    /// What is still in flight when the limit runs out is not cut off here, but by the end of the
    /// process: [query](Error::may_have_been_sent) those orders before repeating. A limit of zero does not
    /// wait.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # let sandbox = wechatpay_sandbox::Sandbox::start_blocking()?;
    /// # let client = sandbox.client();
    /// let left = client.shutdown(Duration::from_secs(20)).wait();
    /// if left > 0 {
    ///     eprintln!("{left} requests did not end: query their orders");
    /// }
    /// let error = client.chain("v3/certificates").get().wait().unwrap_err();
    /// assert!(!error.may_have_been_sent());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown(&self, limit: Duration) -> Shutdown {
        Shutdown::new(Arc::clone(&self.inner.core), limit)
    }

    pub(crate) fn fixed(&self, path: &'static str) -> Chain {
        self.at(PathText::fixed(path))
    }

    fn at(&self, path: PathText) -> Chain {
        Chain::new(Arc::clone(&self.inner.core), path)
    }
}

/// `client["v3/…"]`: a reference needs a table that never forgets, so only literals may fill it;
/// a path made at run time goes through [`Client::chain`].
impl Index<&'static str> for Client {
    type Output = Chain;

    fn index(&self, path: &'static str) -> &Chain {
        let table = &self.inner.table;
        match table.get(path) {
            Some(chain) => chain,
            None => table.insert(path, Box::new(self.chain(path))),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = &self.inner.core;
        let v3 = core.v3.as_ref();
        f.debug_struct("Client")
            .field("mchid", &core.mchid)
            .field("serial", &v3.map(|v3| &v3.serial))
            .field("platform_keys", &self.platform_keys().serials())
            .field("host", &core.base.host())
            .finish_non_exhaustive()
    }
}

/// Settings on their way to a [`Client`].
///
/// A setting that can't be read is kept as the error of [`build`](Self::build); the first one
/// counts.
#[derive(Default)]
pub struct ClientBuilder {
    mchid: Option<String>,
    serial: Option<String>,
    private_key: Option<PrivateKey>,
    signer: Option<Arc<dyn Signer>>,
    verifier: Option<Arc<dyn Verifier>>,
    merchant_certificate: Option<PublicKey>,
    merchant: Option<(PublicKey, PrivateKey)>,
    platform: Vec<(Option<String>, PublicKey)>,
    apiv3_key: Option<Zeroizing<String>>,
    secret: Option<Zeroizing<String>>,
    base_uri: Option<String>,
    second_entrance: Option<Option<String>>,
    plain_http: Option<String>,
    roots: Vec<CertificateDer<'static>>,
    /// `Some(None)` for none, whatever the environment says.
    proxy: Option<Option<Zeroizing<String>>>,
    transport: Option<Arc<Transport>>,
    headers: HeaderMap,
    timeout: Option<Limit>,
    connect_timeout: Option<Limit>,
    idle_timeout: Option<Limit>,
    answer_limit: Option<usize>,
    debug: bool,
    mistake: Option<Error>,
}

impl ClientBuilder {
    /// The merchant number, digits only.
    pub fn mchid(mut self, mchid: impl Into<String>) -> Self {
        self.mchid = Some(mchid.into());
        self
    }

    /// The serial number of the merchant certificate, in hex.
    ///
    /// White space and `serial=` around it, as `openssl x509 -serial` prints them, are dropped.
    pub fn serial(mut self, serial: impl Into<String>) -> Self {
        self.serial = Some(serial.into());
        self
    }

    /// The merchant's private key: `"file:///absolute/path"`, PEM text or bytes, bare base64, one of
    /// these with its passphrase as `(key, passphrase)`, or a [`PrivateKey`].
    pub fn private_key<K>(mut self, key: K) -> Self
    where
        K: TryInto<PrivateKey>,
        K::Error: Into<Error>,
    {
        self.private_key = self.read("private_key", key);
        self
    }

    /// Who signs instead of a private key: a key management service, or a service of one's own.
    ///
    /// The [`serial`](Self::serial) of the merchant certificate is needed all the same. What only a
    /// key that is here can do says so: [`Request::into_http`], pay parameters, and decrypting
    /// sensitive fields.
    pub fn signer(mut self, signer: impl Signer + 'static) -> Self {
        self.signer = Some(Arc::new(signer));
        self
    }

    /// Who verifies answers and notifications instead of configured keys. Keys given beside it
    /// encrypt sensitive fields, and their public key ID goes into `Wechatpay-Serial`.
    pub fn verifier(mut self, verifier: impl Verifier + 'static) -> Self {
        self.verifier = Some(Arc::new(verifier));
        self
    }

    /// The merchant certificate, which says the serial; given beside [`serial`](Self::serial), it
    /// must not contradict the private key if the serials are equal.
    ///
    /// Together with the private key that it was made for, it serves APIv2's mutual TLS, too, unless
    /// [`merchant`](Self::merchant) gives another pair for that. A client that has these two,
    /// [`secret`](Self::secret) and nothing else of APIv3 is one of APIv2 alone.
    pub fn merchant_certificate<K>(mut self, certificate: K) -> Self
    where
        K: TryInto<PublicKey>,
        K::Error: Into<Error>,
    {
        self.merchant_certificate = self.read("merchant_certificate", certificate);
        self
    }

    /// The certificate and key for APIv2's mutual TLS, `apiclient_cert.pem` and
    /// `apiclient_key.pem`; what stands behind the certificate in its file is presented with it. Those
    /// of `apiclient_cert.p12` come from `from_p12` of [`PublicKey`] and [`PrivateKey`].
    ///
    /// It is presented to endpoints that are known to want it, and where
    /// [`Request::security`] asks for it.
    pub fn merchant<C, K>(mut self, certificate: C, key: K) -> Self
    where
        C: TryInto<PublicKey>,
        C::Error: Into<Error>,
        K: TryInto<PrivateKey>,
        K::Error: Into<Error>,
    {
        let certificate = self.read("merchant.cert", certificate);
        let key = self.read("merchant.key", key);
        self.merchant = certificate.zip(key);
        self
    }

    /// A key that answers are verified with, under its serial: WeChat Pay's public key under its
    /// `PUB_KEY_ID_…`, or a platform certificate. Call it once for each.
    pub fn cert<K>(mut self, serial: impl Into<String>, key: K) -> Self
    where
        K: TryInto<PublicKey>,
        K::Error: Into<Error>,
    {
        let serial = serial.into();
        if let Some(key) = self.read(&format!("certs[{:?}]", shown(&serial)), key) {
            self.platform.push((Some(serial), key));
        }
        self
    }

    /// A platform certificate, which says its serial. Call it once for each.
    pub fn platform_certificate<K>(mut self, certificate: K) -> Self
    where
        K: TryInto<PublicKey>,
        K::Error: Into<Error>,
    {
        if let Some(key) = self.read("platform_certificate", certificate) {
            self.platform.push((None, key));
        }
        self
    }

    /// The APIv3 key, 32 bytes: for notifications and certificates.
    pub fn apiv3_key(mut self, key: impl Into<String>) -> Self {
        self.apiv3_key = Some(Zeroizing::new(key.into()));
        self
    }

    /// The APIv2 key.
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secret = Some(Zeroizing::new(secret.into()));
        self
    }

    /// Where requests go; by default `https://api.mch.weixin.qq.com/`.
    ///
    /// A path in it stands before every request's and is signed; a final slash is added.
    pub fn base_uri(mut self, address: impl Into<String>) -> Self {
        self.base_uri = Some(address.into());
        self
    }

    /// Where requests to [`base_uri`](Self::base_uri) go when its name, TCP or TLS fails or times out;
    /// by default `https://api2.mch.weixin.qq.com/` for the default base, and none for another.
    ///
    /// Only what provably did not arrive goes there, signed anew. The base is tried again after a
    /// minute. A certificate that does not verify never moves on. Its path must be the base's.
    pub fn second_entrance(mut self, address: impl Into<String>) -> Self {
        self.second_entrance = Some(Some(address.into()));
        self
    }

    /// Turns the [`second_entrance`](Self::second_entrance) off.
    pub fn without_second_entrance(mut self) -> Self {
        self.second_entrance = Some(None);
        self
    }

    /// Allows plain http to this one host, besides loopback: a sandbox in a container, say. Never
    /// a name of WeChat Pay's.
    pub fn allow_plain_http(mut self, host: impl Into<String>) -> Self {
        self.plain_http = Some(host.into().trim().to_ascii_lowercase());
        self
    }

    /// A root certificate to trust beside the built-in ones, as PEM text or
    /// `file:///absolute/path`. Call it once for each.
    pub fn root_certificate(mut self, pem: impl AsRef<[u8]>) -> Self {
        match roots(pem.as_ref()) {
            Ok(roots) => self.roots.extend(roots),
            Err(error) => self.remember(error),
        }
        self
    }

    /// The system's root certificates, beside the built-in ones; with the feature `native-roots`. They are
    /// read by this call, and again by the next client's.
    ///
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` take their place, as elsewhere. A certificate there that can't
    /// be a root is left out; where there is none, [`build`](Self::build) is an error.
    #[cfg(feature = "native-roots")]
    #[cfg_attr(docsrs, doc(cfg(feature = "native-roots")))]
    pub fn native_roots(mut self) -> Self {
        match native_roots() {
            Ok(roots) => self.roots.extend(roots),
            Err(error) => self.remember(error),
        }
        self
    }

    /// The proxy that all connections go through: `http://host:port`, which is asked by CONNECT for plain
    /// http, too, or `socks5://host:port`. User and password stand before the host,
    /// `http://user:password@host:port`, percent-encoded.
    ///
    /// By default it is that of the environment, read once, when the client is built: `HTTPS_PROXY` for
    /// https; for plain http `HTTP_PROXY`, but not where `REQUEST_METHOD` is set, since in a CGI program
    /// whoever sent the request chooses it; `ALL_PROXY` for what has none of its own. Hosts in
    /// `NO_PROXY` (separated by commas; a domain with all its hosts, an address, a network, or `*`) are
    /// reached directly in either case, and so is loopback. Each name counts in small letters, too.
    ///
    /// The proxy looks up names: `socks5://` and `socks5h://` are the same. A port that is not given is
    /// 80, or 1080 of SOCKS5. A proxy that refuses, or can't be reached, is [`Error::Connect`] in
    /// [`Phase::Proxy`](crate::Phase::Proxy): the request was not sent, and no second entrance is
    /// tried. [`connect_timeout`](Self::connect_timeout) covers its answer. One that opens TLS itself
    /// needs its root by [`root_certificate`](Self::root_certificate).
    ///
    /// ```
    /// # use wechatpay_chain::Client;
    /// let client = Client::builder()
    ///     .mchid("1900000109")
    ///     .secret("the APIv2 key, of 32 characters.")
    ///     .proxy("http://user:pass%40word@proxy.example:3128")
    ///     .build()?;
    /// # Ok::<(), wechatpay_chain::Error>(())
    /// ```
    pub fn proxy(mut self, address: impl Into<String>) -> Self {
        self.proxy = Some(Some(Zeroizing::new(address.into())));
        self
    }

    /// All connections are direct, whatever the environment says of a [`proxy`](Self::proxy).
    pub fn without_proxy(mut self) -> Self {
        self.proxy = Some(None);
        self
    }

    /// Shares the connections of another client, of another merchant, say. Those that present a
    /// merchant's certificate are never shared: each client has its own.
    ///
    /// The other client's root certificates hold for this one, too; one that it does not trust is an
    /// error of [`build`](Self::build). So does its [`proxy`](Self::proxy), and giving one here is an
    /// error.
    ///
    /// ```
    /// # use wechatpay_chain::Client;
    /// # let first = wechatpay_sandbox::Sandbox::start_blocking()?.client();
    /// let second = Client::builder()
    ///     .mchid("1900000110")
    ///     .secret("the APIv2 key, of 32 characters.")
    ///     .transport_of(&first)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn transport_of(mut self, other: &Client) -> Self {
        self.transport = Some(Arc::clone(&other.inner.core.transport));
        self
    }

    /// A header of every request; it replaces a default of the same name.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let header = options::check_count(&self.headers)
            .and_then(|()| options::header(name.as_ref(), value.as_ref()));
        match header {
            Ok((name, value)) => {
                self.headers.insert(name, value);
            }
            Err((given, wanted)) => self.remember(Error::config("headers", given, wanted)),
        }
        self
    }

    /// The limit of a whole request, from queueing to the last byte of the answer; 30 s by
    /// default, zero for none.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(Limit::from(limit));
        self
    }

    /// The limit of making a connection: lookup, TCP, the answer of a proxy, and TLS; 5 s by default,
    /// zero for none.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = Some(Limit::from(limit));
        self
    }

    /// How long the body of a [stream](Request::stream), a [download](Request::download) or a
    /// [bill](Client::bill) may stand still; 30 s by default, zero for no limit.
    ///
    /// Theirs is the whole limit only until the answer's headers are there.
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle_timeout = Some(Limit::from(limit));
        self
    }

    /// How many bytes of an answer are held in memory, counted after its compression was undone;
    /// 16 MB by default. It holds for errors, too.
    ///
    /// Of a larger answer no more is read: it is [`Error::Transport`], and the request may have had its
    /// effect. What [`Request::stream`] and [`Request::download`] bring may be of any size.
    pub fn answer_limit(mut self, bytes: usize) -> Self {
        self.answer_limit = Some(bytes);
        self
    }

    /// Checks the settings and makes the client. Nothing is sent and no runtime is started.
    ///
    /// # Errors
    /// [`Error::Config`] for a setting that is missing, malformed or contradicts another;
    /// [`Error::Key`] for a key that can't be loaded.
    pub fn build(self) -> Result<Client> {
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        let mchid = check_mchid(self.mchid)?;
        let plain_http = check_plain_http(self.plain_http)?;
        let has_own_base = self.base_uri.is_some();
        let base = self.base_uri.as_deref().unwrap_or(DEFAULT_BASE);
        let base = Base::parse(base, plain_http.as_deref())?;
        let second = match self.second_entrance {
            Some(second) => second,
            None => is_default(&base).then(|| DEFAULT_SECOND.to_owned()),
        };
        let second = second.map(|second| check_second(&second, &base, plain_http.as_deref()));
        let second = second.transpose()?;
        check_secret(self.secret.as_deref())?;
        let identity = identity_of(
            self.merchant.as_ref(),
            self.merchant_certificate.as_ref(),
            self.private_key.as_ref(),
        );
        let parts = Apiv3Parts {
            serial: self.serial,
            private_key: self.private_key,
            signer: self.signer,
            verifier: self.verifier,
            merchant_certificate: self.merchant_certificate,
            platform: self.platform,
            apiv3_key: self.apiv3_key,
        };
        let merchant_pair = self.merchant.as_ref().map(|(cert, key)| (cert, key));
        let is_v2_alone = self.secret.is_some() && parts.is_merchant_alone();
        let v3 = if parts.is_empty() || is_v2_alone {
            if let Some((certificate, key)) = merchant_pair.or_else(|| parts.own_pair()) {
                check_pair("merchant.key", key, certificate)?;
                serial_of("merchant.cert", certificate)?;
            }
            None
        } else {
            Some(parts.check(merchant_pair)?)
        };
        if v3.is_none() && self.secret.is_none() {
            return Err(Error::config(
                "settings",
                "neither those of APIv3 nor those of APIv2 were given",
                "for APIv3 serial, private_key and cert; for APIv2 secret",
            ));
        }
        let published = v3
            .as_ref()
            .and_then(Apiv3::published)
            .or_else(|| published_text("secret", self.secret.as_deref()))
            .or_else(|| {
                let key = identity.as_ref()?.public_der();
                is_published(key).then_some("merchant.key")
            });
        check_published(published, &base)?;
        if let Some(second) = &second {
            check_published(published, second)?;
        }
        let entrances = second.map(|second| Entrances::new(base.origin(), second.origin()));
        let transport = match self.transport {
            None => {
                let set = self.proxy.as_ref();
                let set = set.map(|proxy| proxy.as_ref().map(|proxy| proxy.as_str()));
                let proxies = Proxies::new(set, &|name| env::var_os(name))?;
                Arc::new(Transport::new(self.roots, proxies)?)
            }
            Some(shared) if !is_shared_way(self.proxy.as_ref(), &shared) => {
                return Err(Error::config(
                    "proxy",
                    "a way of its own beside transport_of",
                    "the proxy on that client, whose connections are shared",
                ));
            }
            Some(shared) if shared.trusts(&self.roots) => shared,
            Some(_) => {
                return Err(Error::config(
                    "root_certificate",
                    "one that the client of transport_of does not trust",
                    "the same root_certificate on that client, whose connections are shared",
                ));
            }
        };
        let secure = identity.map(|identity| transport.presenting(&identity));
        let core = Core {
            mchid,
            v3,
            secret: self.secret,
            base,
            has_own_base,
            entrances,
            plain_http,
            published,
            headers: self.headers,
            timeout: self.timeout.unwrap_or(Limit(Some(DEFAULT_TIMEOUT))),
            connect_timeout: self
                .connect_timeout
                .unwrap_or(Limit(Some(DEFAULT_CONNECT_TIMEOUT))),
            idle_timeout: self
                .idle_timeout
                .unwrap_or(Limit(Some(DEFAULT_IDLE_TIMEOUT))),
            answer_limit: self.answer_limit.unwrap_or(DEFAULT_ANSWER_LIMIT),
            debug: self.debug,
            flights: Arc::default(),
            transport,
            secure: secure.transpose()?.map(Arc::new),
        };
        Ok(Client {
            inner: Arc::new(Inner {
                core: Arc::new(core),
                table: FrozenMap::new(),
            }),
        })
    }

    /// Reads a key; one that can't be read is remembered under its setting's name.
    fn read<K, T>(&mut self, setting: &str, given: K) -> Option<T>
    where
        K: TryInto<T>,
        K::Error: Into<Error>,
    {
        match given.try_into() {
            Ok(key) => Some(key),
            Err(error) => {
                self.remember(error.into().setting(setting));
                None
            }
        }
    }

    fn remember(&mut self, error: Error) {
        self.mistake.get_or_insert(error);
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("mchid", &self.mchid)
            .field("serial", &self.serial)
            .field("private_key", &self.private_key)
            .field("platform_keys", &self.platform.len())
            .field("mistake", &self.mistake)
            .finish_non_exhaustive()
    }
}

/// The settings of APIv3 before they are checked.
struct Apiv3Parts {
    serial: Option<String>,
    private_key: Option<PrivateKey>,
    signer: Option<Arc<dyn Signer>>,
    verifier: Option<Arc<dyn Verifier>>,
    merchant_certificate: Option<PublicKey>,
    platform: Vec<(Option<String>, PublicKey)>,
    apiv3_key: Option<Zeroizing<String>>,
}

impl Apiv3Parts {
    fn is_empty(&self) -> bool {
        self.serial.is_none()
            && self.private_key.is_none()
            && self.signer.is_none()
            && self.verifier.is_none()
            && self.merchant_certificate.is_none()
            && self.platform.is_empty()
            && self.apiv3_key.is_none()
    }

    /// Whether all that is there is the merchant's own certificate and key, which serve APIv2, too.
    fn is_merchant_alone(&self) -> bool {
        self.serial.is_none()
            && self.own_pair().is_some()
            && self.signer.is_none()
            && self.verifier.is_none()
            && self.platform.is_empty()
            && self.apiv3_key.is_none()
    }

    fn own_pair(&self) -> Option<(&PublicKey, &PrivateKey)> {
        let certificate = self.merchant_certificate.as_ref()?;
        Some((certificate, self.private_key.as_ref()?))
    }

    fn check(self, merchant: Option<(&PublicKey, &PrivateKey)>) -> Result<Apiv3> {
        if let Some(key) = &self.apiv3_key {
            check_apiv3_key(key)?;
        }
        let own = match &self.merchant_certificate {
            Some(certificate) => Some(serial_of("merchant_certificate", certificate)?),
            None => None,
        };
        let serial = match &self.serial {
            Some(serial) => check_serial("serial", serial)?,
            None => own.map(str::to_owned).ok_or_else(|| {
                missing(
                    "serial",
                    "the serial number of the merchant certificate, or the certificate itself by \
                     merchant_certificate",
                )
            })?,
        };
        let key = match (self.private_key, self.signer) {
            (Some(key), None) => MerchantKey::Here(key),
            (None, Some(signer)) => MerchantKey::Elsewhere(signer),
            (Some(_), Some(_)) => {
                return Err(Error::config(
                    "private_key",
                    "a private key and a signer were given",
                    "one of them",
                ));
            }
            (None, None) => {
                return Err(missing(
                    "private_key",
                    "the merchant's private key (apiclient_key.pem), as PEM text or \
                     file:///absolute/path",
                ));
            }
        };
        let has_verifier = self.verifier.is_some() || self.apiv3_key.is_some();
        if self.platform.is_empty() && !has_verifier {
            return Err(missing("certs", PLATFORM_WANTED));
        }
        if let Some(certificate) = &self.merchant_certificate {
            if own.is_some_and(|own| same_serial(own, &serial)) {
                check_own(&key, certificate)?;
            }
        }
        if let Some((certificate, own_key)) = merchant {
            check_pair("merchant.key", own_key, certificate)?;
            let own = serial_of("merchant.cert", certificate)?;
            if same_serial(own, &serial) {
                check_own(&key, certificate)?;
            }
        }
        let platform = Platform::new(key_set(self.platform, &serial, &key)?);
        Ok(Apiv3 {
            serial,
            key,
            platform,
            verifier: self.verifier,
            apiv3_key: self.apiv3_key,
        })
    }
}

impl Apiv3 {
    /// The setting that holds one of the keys that the sandbox publishes.
    fn published(&self) -> Option<&'static str> {
        let key = self.key.here().ok();
        if key.is_some_and(|key| is_published(key.public_der())) {
            Some("private_key")
        } else if has_published(&self.platform.configured()) {
            Some("certs")
        } else {
            published_text("apiv3_key", self.apiv3_key.as_deref())
        }
    }
}

fn has_published(keys: &KeySet) -> bool {
    keys.iter().any(|(_, key)| is_published(key.der()))
}

fn is_published(der: &[u8]) -> bool {
    PUBLISHED_KEYS.contains(&sha256_hex(der).as_str())
}

/// The setting, if its text is one that the sandbox publishes.
fn published_text(setting: &'static str, text: Option<&String>) -> Option<&'static str> {
    let is_published = text.is_some_and(|text| text.starts_with(PUBLISHED_TEXT));
    is_published.then_some(setting)
}

/// Refuses the sandbox's keys for any host that is not the sandbox's.
pub(crate) fn check_published(published: Option<&'static str>, base: &Base) -> Result<()> {
    match published {
        Some(setting) if !base.is_private => Err(Error::config(
            setting,
            format!(
                "a key of the sandbox, which everyone has, for the host {}",
                base.host()
            ),
            "the merchant's own keys; the sandbox's are for loopback, or for the host named in \
             .allow_plain_http(host)",
        )),
        _ => Ok(()),
    }
}

/// The platform keys that were given, each checked.
fn key_set(
    given: Vec<(Option<String>, PublicKey)>,
    merchant_serial: &str,
    merchant_key: &MerchantKey,
) -> Result<KeySet> {
    let mut keys = KeySet::default();
    for (serial, public) in given {
        let (serial, public) = check_platform(serial, public, merchant_serial, merchant_key)?;
        keys.add(serial, public);
    }
    Ok(keys)
}

fn check_platform(
    given: Option<String>,
    public: PublicKey,
    merchant_serial: &str,
    merchant_key: &MerchantKey,
) -> Result<(String, PublicKey)> {
    let serial = match &given {
        Some(serial) => check_serial("certs", serial)?,
        None => serial_of("platform_certificate", &public)?.to_owned(),
    };
    if let Some(own) = public.serial().filter(|own| !same_serial(own, &serial)) {
        return Err(Error::config(
            "certs",
            format!("a certificate under the serial {serial}, though its own is {own}"),
            "each certificate under its own serial number; \
             platform_certificate(certificate) reads it",
        ));
    }
    let own = merchant_key.here().ok().map(PrivateKey::public_der);
    if same_serial(&serial, merchant_serial) || own == Some(public.der()) {
        return Err(Error::config(
            "certs",
            format!("the merchant's own certificate or key, under {serial}"),
            "WeChat Pay's public key (pub_key.pem) or platform certificate \
             (wechatpay_….pem), which verify its answers",
        ));
    }
    Ok((serial, public))
}

/// Whether what was set of a proxy is what connections that are shared have.
fn is_shared_way(proxy: Option<&Option<Zeroizing<String>>>, shared: &Transport) -> bool {
    match proxy {
        None => true,
        Some(None) => !shared.has_proxy(),
        Some(Some(_)) => false,
    }
}

/// Whether this is the address that requests go to by default.
fn is_default(base: &Base) -> bool {
    Base::parse(DEFAULT_BASE, None)
        .is_ok_and(|default| default.origin() == base.origin() && default.prefix == base.prefix)
}

/// A second entrance, which differs from the first in its host alone.
fn check_second(address: &str, base: &Base, plain_http: Option<&str>) -> Result<Base> {
    let second = Base::parse(address, plain_http).map_err(|error| match error {
        Error::Config(config) => Error::config("second_entrance", config.given(), config.wanted()),
        error => error,
    })?;
    if second.prefix == base.prefix && second.origin() != base.origin() {
        return Ok(second);
    }
    Err(Error::config(
        "second_entrance",
        format!(
            "{}{} beside {}{}",
            second.host(),
            second.prefix,
            base.host(),
            base.prefix
        ),
        "another host, with the path of base_uri, since the path is signed",
    ))
}

fn check_mchid(mchid: Option<String>) -> Result<String> {
    const WANTED: &str = "the merchant number, 1 to 32 digits such as 1900000109";
    let Some(given) = mchid else {
        return Err(missing("mchid", WANTED));
    };
    let mchid = given.trim();
    if !(1..=32).contains(&mchid.len()) || !mchid.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::config(
            "mchid",
            // Longer ones are no merchant number but, likely, a key in the wrong place.
            match mchid.len() {
                0..=20 => format!("{:?} was given", shown(&given)),
                length => format!("a text of {length} bytes was given"),
            },
            WANTED,
        ));
    }
    Ok(mchid.to_owned())
}

/// A serial without the white space and `serial=` that `openssl x509 -serial` prints around it.
fn check_serial(setting: &'static str, given: &str) -> Result<String> {
    let serial = given.trim();
    let serial = strip_prefix(serial, "serial=").map_or(serial, str::trim);
    let is_text = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !(1..=128).contains(&serial.len()) || !serial.bytes().all(is_text) {
        return Err(Error::config(
            setting,
            format!("{:?} was given as a serial", shown(given)),
            "a serial number in hex as `openssl x509 -noout -serial` prints it, without colons, \
             or a PUB_KEY_ID_…",
        ));
    }
    Ok(serial.to_owned())
}

fn check_apiv3_key(key: &str) -> Result<()> {
    if key.len() == APIV3_KEY_BYTES && key.trim().len() == APIV3_KEY_BYTES {
        return Ok(());
    }
    let around = if key.trim_end_matches(['\r', '\n']).len() < key.len() {
        ", the last of them a line break"
    } else if key.trim().len() < key.len() {
        ", with white space around it"
    } else {
        ""
    };
    Err(Error::config(
        "apiv3_key",
        format!("{} bytes were given{around}", key.len()),
        "the APIv3 key, exactly 32 bytes",
    ))
}

fn check_secret(secret: Option<&String>) -> Result<()> {
    let Some(secret) = secret else {
        return Ok(());
    };
    if secret.is_empty() || secret.trim().len() < secret.len() {
        return Err(Error::config(
            "secret",
            match secret.len() {
                0 => "an empty text was given".to_owned(),
                length => format!("{length} bytes with white space around them were given"),
            },
            "the APIv2 key, 32 characters",
        ));
    }
    Ok(())
}

fn check_plain_http(host: Option<String>) -> Result<Option<String>> {
    let Some(host) = host else {
        return Ok(None);
    };
    if host.is_empty() || host.contains(['/', ':', '@']) {
        return Err(Error::config(
            "allow_plain_http",
            format!("{:?} was given", shown(&host)),
            "one host's name, without scheme, port or path",
        ));
    }
    if is_tencents(&host) {
        return Err(Error::config(
            "allow_plain_http",
            format!("{host} was given"),
            "a host of your own; WeChat Pay is only spoken to by https",
        ));
    }
    Ok(Some(host))
}

/// What mutual TLS presents: the pair that was given for it, else the merchant certificate if the
/// private key is the one that it was made for.
fn identity_of(
    pair: Option<&(PublicKey, PrivateKey)>,
    certificate: Option<&PublicKey>,
    key: Option<&PrivateKey>,
) -> Option<Identity> {
    let (certificate, key) = match pair {
        Some((certificate, key)) => (certificate, key),
        None => (certificate?, key?),
    };
    let is_pair = key.public_der() == certificate.der() && !certificate.chain().is_empty();
    is_pair.then(|| Identity::new(certificate, key))
}

/// Checks the private key of APIv3, if it is here.
fn check_own(key: &MerchantKey, certificate: &PublicKey) -> Result<()> {
    match key {
        MerchantKey::Here(key) => check_pair("private_key", key, certificate),
        MerchantKey::Elsewhere(_) => Ok(()),
    }
}

fn check_pair(setting: &'static str, key: &PrivateKey, certificate: &PublicKey) -> Result<()> {
    if key.public_der() == certificate.der() {
        return Ok(());
    }
    Err(Error::config(
        setting,
        format!(
            "a private key that does not belong to the merchant certificate {}",
            certificate.serial().unwrap_or_default()
        ),
        "the private key (apiclient_key.pem) that this certificate (apiclient_cert.pem) was made \
         for",
    ))
}

fn serial_of<'a>(setting: &'static str, certificate: &'a PublicKey) -> Result<&'a str> {
    certificate.serial().ok_or_else(|| {
        Error::config(
            setting,
            "a public key was given, which has no serial number",
            "an X.509 certificate; a public key goes through cert(\"PUB_KEY_ID_…\", key)",
        )
    })
}

pub(crate) fn missing(setting: &'static str, wanted: &'static str) -> Error {
    Error::config(setting, "nothing was given", wanted)
}

/// What was given, short enough for a message; nothing of what may be a key in the wrong place.
fn shown(given: &str) -> Cow<'_, str> {
    if given.contains("-----") || given.trim_start().starts_with("MII") {
        return Cow::Owned(crate::pem::outline(given));
    }
    match given.char_indices().nth(64) {
        Some((end, _)) => Cow::Owned(format!("{}…", given.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(given),
    }
}

fn roots(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    const WANTED: &str = "one or more certificates, as PEM text or as file:///absolute/path";
    let refuse = |given: String| Err(Error::config("root_certificate", given, WANTED));
    let address = std::str::from_utf8(pem)
        .ok()
        .and_then(|text| text.trim().strip_prefix("file://"));
    let read;
    let pem = match address.map(Path::new) {
        None => pem,
        Some(path) if !path.is_absolute() => {
            return refuse("a file address whose path is not absolute".to_owned());
        }
        Some(path) => match std::fs::read(path) {
            Ok(bytes) => {
                read = bytes;
                read.as_slice()
            }
            Err(error) => {
                return refuse(format!("{} can't be read: {error}", crate::pem::file(path)));
            }
        },
    };
    // As in keys, a line break may have become the two characters `\n`.
    let text = String::from_utf8_lossy(pem);
    let text = text.replace("\\r", "").replace("\\n", "\n");
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => refuse(format!("{} bytes without a certificate", pem.len())),
        // The error's own text would hold the line that is broken.
        Err(_) => refuse(format!("{} bytes of broken PEM", pem.len())),
    }
}

/// The roots of the system that can be roots here.
#[cfg(feature = "native-roots")]
fn native_roots() -> Result<Vec<CertificateDer<'static>>> {
    let found = rustls_native_certs::load_native_certs();
    let (found, errors) = (found.certs, found.errors);
    let mut store = rustls::RootCertStore::empty();
    let roots: Vec<_> = found
        .into_iter()
        .filter(|root| store.add(root.clone()).is_ok())
        .collect();
    if !roots.is_empty() {
        return Ok(roots);
    }
    let why = errors.first().map(|error| format!(": {error}"));
    Err(Error::config(
        "native_roots",
        format!("the system has none{}", why.unwrap_or_default()),
        "root certificates where the system keeps them, or in the file that SSL_CERT_FILE names",
    ))
}

/// PHP's array of settings; Guzzle's client options follow the rule of request options.
fn from_settings(settings: Map<String, Value>) -> Result<ClientBuilder> {
    const KNOWN: &str = "mchid, serial, privateKey, certs, apiv3Key, secret, merchant, base_uri, \
         headers, timeout, connect_timeout, proxy, debug";
    let mut builder = Client::builder();
    for (name, value) in settings {
        builder = match (name.as_str(), value) {
            ("mchid", Value::Number(number)) => builder.mchid(number.to_string()),
            ("mchid", value) => builder.mchid(text("mchid", &value)?),
            ("serial", value) => match text("serial", &value)? {
                "nop" => builder,
                serial => builder.serial(serial),
            },
            ("privateKey", Value::String(placeholder)) if placeholder == "any" => builder,
            ("privateKey", value) => match with_passphrase("privateKey", value)? {
                (key, Some(passphrase)) => builder.private_key((key.as_str(), passphrase.as_str())),
                (key, None) => builder.private_key(key.as_str()),
            },
            ("certs", Value::Object(certs)) => {
                for (serial, key) in certs {
                    if serial == "any" && key.is_null() {
                        continue;
                    }
                    builder = builder.cert(serial, text("certs", &key)?);
                }
                builder
            }
            // PHP's empty array has no names, and is a list here.
            ("certs", Value::Array(none)) if none.is_empty() => builder,
            ("apiv3Key", value) => {
                builder.apiv3_key = Some(secret("apiv3Key", value)?);
                builder
            }
            ("secret", value) => {
                builder.secret = Some(secret("secret", value)?);
                builder
            }
            ("merchant", Value::Object(merchant)) => merchant_pair(builder, merchant)?,
            ("base_uri", value) => builder.base_uri(text("base_uri", &value)?),
            ("proxy", Value::String(none)) if none.is_empty() => builder.without_proxy(),
            ("proxy", Value::String(address)) => builder.proxy(address),
            ("headers", value) => {
                let headers = options::headers(&value);
                let headers =
                    headers.map_err(|(given, wanted)| Error::config("headers", given, wanted))?;
                builder.headers.extend(headers);
                builder
            }
            ("timeout", value) => {
                builder.timeout = Some(seconds("timeout", &value)?);
                builder
            }
            ("connect_timeout", value) => {
                builder.connect_timeout = Some(seconds("connect_timeout", &value)?);
                builder
            }
            ("certs" | "merchant", other) => {
                return Err(Error::config(
                    name,
                    format!("{} was given", options::kind(&other)),
                    "an object: certs of serial and key, merchant of cert and key",
                ));
            }
            ("debug", Value::Bool(debug)) => {
                builder.debug = debug;
                builder
            }
            ("json" | "query" | "body" | "xml" | "security" | "nonceless", _) => {
                return Err(Error::config(
                    name,
                    "an option of a request was given",
                    "it in the options of .request(method, options)",
                ));
            }
            (other, _) if !options::is_guzzle(other) => {
                let name = shown(other).into_owned();
                let given = format!("{name:?} is no setting");
                return Err(Error::config(name, given, KNOWN));
            }
            (other, value) => {
                options::refuse_guzzle(other, &value)
                    .map_err(|(given, wanted)| Error::config(other.to_owned(), given, wanted))?;
                builder
            }
        };
    }
    Ok(builder)
}

fn merchant_pair(
    builder: ClientBuilder,
    mut merchant: Map<String, Value>,
) -> Result<ClientBuilder> {
    let mut part = |name: &str, setting: &'static str| {
        with_passphrase(setting, merchant.remove(name).unwrap_or_default())
    };
    // A certificate needs no passphrase; cURL takes one for files that hold the key too.
    let (certificate, _) = part("cert", "merchant.cert")?;
    let certificate = as_address(certificate);
    let (key, passphrase) = part("key", "merchant.key")?;
    let (certificate, key) = (certificate.as_str(), as_address(key));
    Ok(match passphrase {
        Some(passphrase) => builder.merchant(certificate, (key.as_str(), passphrase.as_str())),
        None => builder.merchant(certificate, key.as_str()),
    })
}

/// cURL, which has these two in PHP, takes plain paths.
fn as_address(text: Secret) -> Secret {
    if Path::new(text.as_str()).is_absolute() {
        Zeroizing::new(format!("file://{}", text.as_str()))
    } else {
        text
    }
}

type Secret = Zeroizing<String>;

/// A key, or PHP's list of a key and its passphrase.
fn with_passphrase(setting: &'static str, value: Value) -> Result<(Secret, Option<Secret>)> {
    let refuse = |kind: &str| {
        Err(Error::config(
            setting,
            format!("{kind} was given"),
            "PEM text or file:///absolute/path, or a list of that and its passphrase",
        ))
    };
    match value {
        Value::String(key) => Ok((Zeroizing::new(key), None)),
        Value::Array(list) => match <[Value; 2]>::try_from(list) {
            Ok([Value::String(key), Value::String(passphrase)]) => {
                Ok((Zeroizing::new(key), Some(Zeroizing::new(passphrase))))
            }
            _ => refuse("another list than that of a key and its passphrase"),
        },
        other => refuse(options::kind(&other)),
    }
}

/// A text that is wiped when it is dropped.
fn secret(setting: &'static str, value: Value) -> Result<Secret> {
    match value {
        Value::String(text) => Ok(Zeroizing::new(text)),
        other => Err(not_text(setting, &other)),
    }
}

fn text<'a>(setting: &'static str, value: &'a Value) -> Result<&'a str> {
    value.as_str().ok_or_else(|| not_text(setting, value))
}

fn not_text(setting: &'static str, value: &Value) -> Error {
    let given = format!("{} was given", options::kind(value));
    Error::config(setting, given, "a text")
}

fn seconds(setting: &'static str, value: &Value) -> Result<Limit> {
    Limit::from_seconds(value).map_err(|(given, wanted)| Error::config(setting, given, wanted))
}

/// The names of the environment's variables, and the settings that they fill.
const VARIABLES: [(&str, &str); 9] = [
    ("WECHATPAY_MCHID", "mchid"),
    ("WECHATPAY_SERIAL", "serial"),
    ("WECHATPAY_PRIVATE_KEY", "private_key"),
    ("WECHATPAY_CERTS", "certs"),
    ("WECHATPAY_APIV3_KEY", "apiv3_key"),
    ("WECHATPAY_SECRET", "secret"),
    ("WECHATPAY_MERCHANT_CERT", "merchant_certificate"),
    ("WECHATPAY_BASE_URI", "base_uri"),
    ("WECHATPAY_CA", "root_certificate"),
];

fn from_environment(get: impl Fn(&str) -> Option<std::ffi::OsString>) -> Result<Client> {
    let mut builder = Client::builder();
    for (variable, setting) in VARIABLES {
        let Some(value) = get(variable).filter(|value| !value.is_empty()) else {
            continue;
        };
        let Ok(value) = value.into_string().map(Zeroizing::new) else {
            return Err(Error::config(variable, "bytes that are no UTF-8", "a text"));
        };
        let value = value.as_str();
        builder = match setting {
            "mchid" => builder.mchid(value),
            "serial" => builder.serial(value),
            "private_key" => builder.private_key(value),
            "certs" => certs_of_environment(builder, value)?,
            "apiv3_key" => builder.apiv3_key(value),
            "secret" => builder.secret(value),
            "merchant_certificate" => builder.merchant_certificate(value),
            "base_uri" => builder.base_uri(value),
            _ => builder.root_certificate(value),
        };
    }
    builder.build().map_err(name_variable)
}

fn certs_of_environment(mut builder: ClientBuilder, value: &str) -> Result<ClientBuilder> {
    const WANTED: &str = "serial=file:///absolute/path, or serial=PEM; several separated by commas";
    for (index, entry) in value.split(',').enumerate() {
        let parts = entry.split_once('=');
        let parts = parts.map(|(serial, key)| (serial.trim(), key.trim()));
        let problem = match parts {
            _ if entry.trim().is_empty() => "is empty",
            None => "has no `=`",
            Some(("", _)) => "has no serial before its `=`",
            Some((_, "")) => "has no key behind its `=`",
            Some((serial, key)) => {
                builder = builder.cert(serial, key);
                continue;
            }
        };
        return Err(Error::config(
            "WECHATPAY_CERTS",
            format!("entry {} {problem}", index + 1),
            WANTED,
        ));
    }
    Ok(builder)
}

/// Names the variable beside the setting, since that is what its reader can change.
fn name_variable(error: Error) -> Error {
    let named = |setting: &str| {
        let base = setting.split('[').next().unwrap_or_default();
        let variable = VARIABLES.iter().find(|(_, name)| *name == base);
        variable.map(|(variable, _)| format!("{setting} ({variable})"))
    };
    match error {
        Error::Config(config) => match named(config.setting()) {
            Some(setting) => Error::config(setting, config.given(), config.wanted()),
            None => Error::Config(config),
        },
        Error::Key(mut key) => {
            key.setting = key
                .setting
                .map(|setting| named(&setting).unwrap_or(setting));
            Error::Key(key)
        }
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = include_str!("../tests/vectors/keys/merchant.key");
    const PLATFORM: &str = include_str!("../tests/vectors/keys/platform.crt");

    fn client() -> Client {
        Client::builder()
            .mchid("1900000109")
            .serial("AB")
            .private_key(KEY)
            .platform_certificate(PLATFORM)
            .build()
            .unwrap()
    }

    #[test]
    fn a_client_is_dropped_with_its_last_clone_however_many_paths_were_indexed() {
        let client = client();
        let inner = Arc::downgrade(&client.inner);
        let core = Arc::downgrade(&client.inner.core);
        for path in ["v3/a", "v3/b", "v3/a"] {
            let _ = client[path].get();
        }
        let clone = client.clone();
        drop(client);
        assert!(inner.upgrade().is_some());
        drop(clone);
        assert!(inner.upgrade().is_none());
        assert!(core.upgrade().is_none());
    }

    #[test]
    fn the_same_literal_gives_the_same_chain() {
        let client = client();
        assert!(std::ptr::eq(&client["v3/a"], &client["v3/a"]));
        assert!(std::ptr::eq(&client["v3/a"], &client.clone()["v3/a"]));
    }

    #[test]
    fn the_environment_is_read_and_its_variables_are_named_in_errors() {
        let certs = format!("35703DF0454F720EFBCCC940B3A3A2892BF625A9={PLATFORM}");
        let get = |name: &str| {
            let value = match name {
                "WECHATPAY_MCHID" => "1900000109",
                "WECHATPAY_SERIAL" => "serial=AB\n",
                "WECHATPAY_PRIVATE_KEY" => KEY,
                "WECHATPAY_CERTS" => &certs,
                _ => return None,
            };
            Some(value.into())
        };
        from_environment(get).unwrap();
        let error = from_environment(|_| None).unwrap_err().to_string();
        assert!(error.contains("WECHATPAY_MCHID"), "{error}");
        for entry in ["=file:///x", "AB=", "AB", "", "AB=file:///x,"] {
            let get = |name: &str| match name {
                "WECHATPAY_CERTS" if entry.is_empty() => Some(" ".into()),
                "WECHATPAY_CERTS" => Some(entry.into()),
                name => get(name),
            };
            let error = from_environment(get).unwrap_err();
            assert!(matches!(error, Error::Config(_) | Error::Key(_)));
            assert!(
                error.to_string().contains("WECHATPAY_CERTS"),
                "{entry}: {error}"
            );
        }
    }
}
