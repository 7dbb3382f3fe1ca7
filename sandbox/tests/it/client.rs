//! A plain client of hyper and rustls, and a signer of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer};
use rustls::server::ParsedCertificate;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use wechatpay_sandbox::Sandbox;

pub(crate) const SEND: &str = "/v3/marketing/busifavor/product-coupons/send";

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How to speak to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    TlsHttp1,
    TlsHttp2,
    PlainHttp1,
    PlainHttp2,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [
        Self::TlsHttp1,
        Self::TlsHttp2,
        Self::PlainHttp1,
        Self::PlainHttp2,
    ];

    pub(crate) fn is_tls(self) -> bool {
        matches!(self, Self::TlsHttp1 | Self::TlsHttp2)
    }

    pub(crate) fn is_http2(self) -> bool {
        matches!(self, Self::TlsHttp2 | Self::PlainHttp2)
    }

    pub(crate) async fn start(self) -> Sandbox {
        let builder = Sandbox::builder();
        let builder = if self.is_tls() {
            builder
        } else {
            builder.plain()
        };
        builder.start().await.unwrap()
    }
}

pub(crate) enum Connection {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) version: Version,
    pub(crate) body: Bytes,
    /// Whether the body came whole.
    pub(crate) whole: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Whether the signature verifies with the platform's public key.
    pub(crate) fn verifies(&self, sandbox: &Sandbox) -> bool {
        self.verifies_with(sandbox.platform_public_key())
    }

    /// Whether the signature verifies with this public key or certificate.
    pub(crate) fn verifies_with(&self, pem: &str) -> bool {
        self.verifies_over(pem, &self.body)
    }

    /// Whether the signature is one over this text instead of the body.
    pub(crate) fn verifies_over(&self, pem: &str, text: &[u8]) -> bool {
        verifies(pem, |name| self.header(name), text)
    }

    /// Whether it is what WeChat Pay sends, whatever it says.
    pub(crate) fn assert_genuine(&self, sandbox: &Sandbox) {
        assert!(self.verifies(sandbox), "{self:?}");
        assert_eq!(self.header("Wechatpay-Serial"), sandbox.platform_serial());
        assert_eq!(
            self.header("Wechatpay-Signature-Type"),
            "WECHATPAY2-SHA256-RSA2048"
        );
        let timestamp: i64 = self.header("Wechatpay-Timestamp").parse().unwrap();
        assert!((now() - timestamp).abs() < 60);
        assert!(self.header("Request-ID").starts_with("08"));
    }
}

/// Whether a signature over `text` verifies with this public key or certificate.
pub(crate) fn verifies<'a>(pem: &str, header: impl Fn(&str) -> &'a str, text: &[u8]) -> bool {
    let der = public_key(pem);
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &*der);
    let message = [
        header("Wechatpay-Timestamp").as_bytes(),
        b"\n",
        header("Wechatpay-Nonce").as_bytes(),
        b"\n",
        text,
        b"\n",
    ]
    .concat();
    match BASE64.decode(header("Wechatpay-Signature")) {
        Ok(signature) => key.verify(&message, &signature).is_ok(),
        Err(_) => false,
    }
}

/// The public key in a PEM that is one or a certificate.
pub(crate) fn public_key(pem: &str) -> SubjectPublicKeyInfoDer<'static> {
    if pem.starts_with("-----BEGIN PUBLIC KEY-----") {
        return SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).unwrap();
    }
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let certificate = ParsedCertificate::try_from(&der).unwrap();
    certificate.subject_public_key_info().into_owned()
}

/// What AES-256-GCM under the merchant's APIv3 key hid in this object, as WeChat Pay writes it.
pub(crate) fn decrypt(sandbox: &Sandbox, resource: &Value) -> Option<String> {
    let text = |name: &str| resource[name].as_str().unwrap();
    assert_eq!(text("algorithm"), "AEAD_AES_256_GCM");
    let key = UnboundKey::new(&AES_256_GCM, sandbox.apiv3_key().as_bytes()).unwrap();
    let nonce = Nonce::try_assume_unique_for_key(text("nonce").as_bytes()).unwrap();
    let mut sealed = BASE64.decode(text("ciphertext")).unwrap();
    let opened = LessSafeKey::new(key)
        .open_in_place(nonce, Aad::from(text("associated_data")), &mut sealed)
        .ok()?;
    Some(String::from_utf8(opened.to_vec()).unwrap())
}

impl Connection {
    pub(crate) async fn open(sandbox: &Sandbox, way: Way) -> Result<Self, Failure> {
        Self::open_as(sandbox, way, None).await
    }

    /// With a client certificate and its private key, in PEM.
    pub(crate) async fn open_as(
        sandbox: &Sandbox,
        way: Way,
        identity: Option<(&str, &str)>,
    ) -> Result<Self, Failure> {
        let tcp = TcpStream::connect(sandbox.address()).await?;
        tcp.set_nodelay(true)?;
        if !way.is_tls() {
            return Self::speak(tcp, way).await;
        }
        let protocol: &[u8] = if way.is_http2() { b"h2" } else { b"http/1.1" };
        let tls = connector_as(sandbox, &[protocol], identity)
            .connect(ServerName::try_from("localhost")?, tcp)
            .await?;
        assert_eq!(tls.get_ref().1.alpn_protocol(), Some(protocol));
        Self::speak(tls, way).await
    }

    async fn speak<S>(stream: S, way: Way) -> Result<Self, Failure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let stream = TokioIo::new(stream);
        if way.is_http2() {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
            tokio::spawn(connection);
            Ok(Self::Http2(sender))
        } else {
            let (sender, connection) = http1::handshake(stream).await?;
            tokio::spawn(connection);
            Ok(Self::Http1(sender))
        }
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let response = match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (parts, mut incoming) = response.into_parts();
        let mut body = Vec::new();
        let mut whole = true;
        while let Some(frame) = incoming.frame().await {
            match frame {
                Ok(frame) => body.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Err(_) => {
                    whole = false;
                    break;
                }
            }
        }
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            version: parts.version,
            body: body.into(),
            whole,
        })
    }
}

/// TLS that trusts the sandbox's authority and nothing else.
pub(crate) fn connector(sandbox: &Sandbox, protocols: &[&[u8]]) -> TlsConnector {
    connector_as(sandbox, protocols, None)
}

fn connector_as(
    sandbox: &Sandbox,
    protocols: &[&[u8]],
    identity: Option<(&str, &str)>,
) -> TlsConnector {
    let root = CertificateDer::from_pem_slice(sandbox.root_certificate().unwrap().as_bytes());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root.unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
            let key = PrivatePkcs8KeyDer::from_pem_slice(key.as_bytes()).unwrap();
            config
                .with_client_auth_cert(vec![certificate], key.into())
                .unwrap()
        }
    };
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

/// One request on a connection of its own.
pub(crate) async fn send(
    sandbox: &Sandbox,
    way: Way,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Failure> {
    Connection::open(sandbox, way).await?.send(request).await
}

pub(crate) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

pub(crate) fn nonce() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{:032}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A request to be signed, with every part open to mischief.
pub(crate) struct Draft {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) body: String,
    pub(crate) mchid: String,
    pub(crate) serial: String,
    pub(crate) timestamp: String,
    pub(crate) nonce: String,
}

impl Draft {
    pub(crate) fn new(sandbox: &Sandbox, method: &'static str, target: &str, body: &str) -> Self {
        Self {
            method,
            target: target.to_owned(),
            body: body.to_owned(),
            mchid: sandbox.mchid().to_owned(),
            serial: sandbox.merchant_serial().to_owned(),
            timestamp: now().to_string(),
            nonce: nonce(),
        }
    }

    pub(crate) fn message(&self) -> String {
        let Self {
            method,
            target,
            timestamp,
            nonce,
            body,
            ..
        } = self;
        format!("{method}\n{target}\n{timestamp}\n{nonce}\n{body}\n")
    }

    pub(crate) fn sign(&self, sandbox: &Sandbox) -> Request<Full<Bytes>> {
        self.with_signature_over(sandbox, &self.message())
    }

    pub(crate) fn with_signature_over(
        &self,
        sandbox: &Sandbox,
        message: &str,
    ) -> Request<Full<Bytes>> {
        let der =
            PrivatePkcs8KeyDer::from_pem_slice(sandbox.merchant_private_key().as_bytes()).unwrap();
        let key = KeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message.as_bytes(),
            &mut signature,
        )
        .unwrap();
        let authorization = format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"{}\",serial_no=\"{}\",timestamp=\"{}\",nonce_str=\"{}\",signature=\"{}\"",
            self.mchid,
            self.serial,
            self.timestamp,
            self.nonce,
            BASE64.encode(signature),
        );
        self.with_authorization(sandbox, &authorization)
    }

    pub(crate) fn with_authorization(
        &self,
        sandbox: &Sandbox,
        authorization: &str,
    ) -> Request<Full<Bytes>> {
        // HTTP/2 wants an absolute URI, from which hyper makes :path; for HTTP/1.1 it is made
        // relative by the caller.
        let uri = format!("http://{}{}", sandbox.address(), self.target);
        Request::builder()
            .method(self.method)
            .uri(uri)
            .header("Host", sandbox.address().to_string())
            .header("User-Agent", "wechatpay-sandbox tests")
            .header("Accept", "application/json")
            .header("Content-Type", "application/json")
            .header("Authorization", authorization)
            .body(Full::new(Bytes::from(self.body.clone())))
            .unwrap()
    }
}

/// The body of a coupon request with its own `out_request_no`.
pub(crate) fn order() -> Value {
    json!({
        "openid": "xsd3434454567676",
        "appid": "wx1234567889999",
        "stock_id": "12312354",
        "out_request_no": nonce(),
        "coupon_code": "202007019999",
        "coupon_type": "NORMAL",
        "member_card_id": "pbLatjvWOibDc5-TBnbUk1pD12o0",
    })
}

/// The answer to a signed GET over HTTP/2.
pub(crate) async fn get(sandbox: &Sandbox, target: &str) -> Answer {
    let request = Draft::new(sandbox, "GET", target, "").sign(sandbox);
    send(sandbox, Way::PlainHttp2, request).await.unwrap()
}

/// A good request for a coupon.
pub(crate) fn good(sandbox: &Sandbox) -> Request<Full<Bytes>> {
    Draft::new(sandbox, "POST", SEND, &order().to_string()).sign(sandbox)
}
