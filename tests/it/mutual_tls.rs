//! The merchant certificate is presented where it is wanted and nowhere else, however connections are
//! kept and shared.

use std::convert::Infallible;
use std::fs;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::future::join_all;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::crypto::ring::default_provider;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;
use wechatpay_chain::{Client, ClientBuilder, Error, Request};

use crate::support::{MERCHANT_KEY, PLATFORM_CERTIFICATE, PLATFORM_KEY, assert_says};
use crate::v2::{MERCHANT_CERTIFICATE, SECRET, signed};

/// A server that asks for a client certificate, or demands it.
#[derive(Clone, Copy, Debug)]
struct Kind {
    demands: bool,
    http2: bool,
    tls12: bool,
}

const ASKS: Kind = Kind {
    demands: false,
    http2: true,
    tls12: false,
};

fn kinds(demands: bool) -> impl Iterator<Item = Kind> {
    let both = [false, true];
    let pairs = both
        .into_iter()
        .flat_map(move |http2| both.map(|tls12| (http2, tls12)));
    pairs.map(move |(http2, tls12)| Kind {
        demands,
        http2,
        tls12,
    })
}

/// What came in on which connection, and which certificates were presented there.
#[derive(Clone, Debug)]
struct Seen {
    path: String,
    connection: usize,
    chain: Vec<CertificateDer<'static>>,
    http2: bool,
}

struct Server {
    base_uri: String,
    root: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
    runtime: Option<Runtime>,
}

impl Server {
    fn start(kind: Kind) -> Self {
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let versions: &[_] = match kind.tls12 {
            true => &[&rustls::version::TLS12],
            false => &[&rustls::version::TLS13],
        };
        let mut tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_client_cert_verifier(Arc::new(Anybody {
                demands: kind.demands,
                provider: default_provider(),
            }))
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        if kind.http2 {
            tls.alpn_protocols = vec![b"h2".to_vec()];
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = runtime.block_on(listener).unwrap();
        let mut server = Self {
            base_uri: format!("https://{}/", listener.local_addr().unwrap()),
            root: own.cert.pem(),
            seen: Arc::default(),
            connections: Arc::default(),
            runtime: None,
        };
        let (seen, connections) = (Arc::clone(&server.seen), Arc::clone(&server.connections));
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(acceptor.clone(), stream, number, Arc::clone(&seen)));
            }
        });
        server.runtime = Some(runtime);
        server
    }

    /// A client of APIv2 alone.
    fn builder(&self) -> ClientBuilder {
        let builder = Client::builder().mchid("1900000109").secret(SECRET);
        builder
            .base_uri(&self.base_uri)
            .root_certificate(&self.root)
    }

    fn client(&self) -> Client {
        let builder = self.builder();
        let builder = builder.merchant(MERCHANT_CERTIFICATE, MERCHANT_KEY);
        builder.build().unwrap()
    }

    fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

async fn serve(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    connection: usize,
    all: Arc<Mutex<Vec<Seen>>>,
) {
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let (_, tls) = stream.get_ref();
    let chain = tls.peer_certificates().unwrap_or_default().to_vec();
    let chain: Vec<_> = chain.into_iter().map(CertificateDer::into_owned).collect();
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let seen = Seen {
            path: request.uri().path().to_owned(),
            connection,
            chain: chain.clone(),
            http2: request.version() == http::Version::HTTP_2,
        };
        let is_lacking = seen.chain.is_empty() && seen.path.starts_with("/secapi/");
        all.lock().unwrap().push(seen);
        async move {
            let (status, body) = if is_lacking {
                let title = "400 No required SSL certificate was sent";
                (
                    400,
                    format!("<html><head><title>{title}</title></head></html>"),
                )
            } else {
                (
                    200,
                    signed(json!({ "return_code": "SUCCESS", "nonce_str": "n" })),
                )
            };
            let answer = http::Response::builder().status(status);
            Ok::<_, Infallible>(answer.body(Full::new(Bytes::from(body))).unwrap())
        }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let _ = builder
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Whoever has the private key of what is presented.
#[derive(Debug)]
struct Anybody {
    demands: bool,
    provider: CryptoProvider,
}

type Verified = rustls::client::danger::HandshakeSignatureValid;

impl ClientCertVerifier for Anybody {
    fn client_auth_mandatory(&self) -> bool {
        self.demands
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<Verified, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<Verified, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

fn fields() -> serde_json::Value {
    json!({ "mch_id": "1900000109", "nonce_str": "n" })
}

/// Needs no certificate.
fn order(client: &Client) -> Request {
    client.v2().pay().orderquery().post(fields())
}

/// Needs the certificate.
fn refund(client: &Client) -> Request {
    client.v2().secapi().pay().refund().post(fields())
}

#[test]
fn a_server_that_demands_the_certificate_gets_it() {
    for kind in kinds(true) {
        let server = Server::start(kind);
        let client = server.client();
        for _ in 0..2 {
            refund(&client).wait().unwrap();
            order(&client).security().wait().unwrap();
        }
        let seen = server.seen();
        assert_eq!(seen.len(), 4);
        for seen in seen {
            assert_eq!(seen.chain, [der(MERCHANT_CERTIFICATE)], "{kind:?}");
            assert_eq!(seen.http2, kind.http2);
            assert_eq!(seen.connection, 0);
        }
        // It really does.
        let error = order(&client).wait().unwrap_err();
        let is_of_network = matches!(error, Error::Connect(_) | Error::Transport(_));
        assert!(is_of_network, "{kind:?}: {error}");
        assert!(server.seen().is_empty());
    }
}

#[test]
fn a_connection_without_the_certificate_never_serves_a_request_that_needs_it_nor_the_reverse() {
    for kind in kinds(false) {
        let server = Server::start(kind);
        let client = server.client();
        let check = || {
            let seen = server.seen();
            let own = [der(MERCHANT_CERTIFICATE)];
            for seen in &seen {
                let is_wanted = seen.path == "/secapi/pay/refund" || seen.path == "/pay/micropay";
                let expected: &[_] = if is_wanted { &own } else { &[] };
                assert_eq!(seen.chain, expected, "{kind:?} {}", seen.path);
            }
            seen.iter().map(|seen| seen.connection).collect::<Vec<_>>()
        };
        let micropay = || client.v2().pay().micropay().post(fields()).security();
        for request in [
            order(&client),
            refund(&client),
            order(&client),
            refund(&client),
            micropay(),
            order(&client),
        ] {
            request.wait().unwrap();
        }
        assert_eq!(check(), [0, 1, 0, 1, 1, 0]);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let all = (0..30).map(|number| match number % 3 {
                0 => order(&client).into_future(),
                1 => refund(&client).into_future(),
                _ => micropay().into_future(),
            });
            for response in join_all(all).await {
                response.unwrap();
            }
        });
        assert_eq!(check().len(), 30);
    }
}

#[test]
fn the_gateway_s_page_about_the_certificate_is_an_error_that_names_it() {
    let server = Server::start(ASKS);
    let client = server.client();
    // The catalogue does not know this one.
    let request = client.chain("v2/secapi/pay/unknown").post(fields());
    let error = request.wait().unwrap_err();
    assert_says(
        &error,
        &["No required SSL certificate was sent", ".security()"],
    );
    assert_eq!(error.api().unwrap().status(), 400);
}

#[test]
fn merchants_on_one_transport_share_connections_but_never_a_certificate() {
    for kind in kinds(false) {
        let server = Server::start(kind);
        let first = server.client();
        let second = Client::builder()
            .mchid("1900000109")
            .secret(SECRET)
            .base_uri(&server.base_uri)
            .merchant(PLATFORM_CERTIFICATE, PLATFORM_KEY)
            .transport_of(&first)
            .build()
            .unwrap();
        let third = server.builder().transport_of(&second).build().unwrap();
        for _ in 0..2 {
            refund(&first).wait().unwrap();
            refund(&second).wait().unwrap();
            for client in [&first, &second, &third] {
                order(client).wait().unwrap();
            }
        }
        let error = refund(&third).wait().unwrap_err();
        assert_says(&error, &["certificate"]);
        let seen = server.seen();
        let chains: Vec<_> = seen.iter().map(|seen| seen.chain.clone()).collect();
        let own = vec![der(MERCHANT_CERTIFICATE)];
        let others = vec![der(PLATFORM_CERTIFICATE)];
        let round = [own, others, vec![], vec![], vec![]];
        assert_eq!(chains, [round.clone(), round].concat(), "{kind:?}");
        let connections: Vec<_> = seen.iter().map(|seen| seen.connection).collect();
        assert_eq!(connections, [0, 1, 2, 2, 2, 0, 1, 2, 2, 2]);
    }
}

#[test]
fn what_stands_behind_the_certificate_in_its_file_is_presented_with_it() {
    let server = Server::start(ASKS);
    let chain = format!("{MERCHANT_CERTIFICATE}\n{PLATFORM_CERTIFICATE}");
    let encrypted = include_str!("../vectors/keys/merchant.encrypted.key");
    let client = server.builder().merchant(chain, (encrypted, "1900000109"));
    refund(&client.build().unwrap()).wait().unwrap();
    let expected = [der(MERCHANT_CERTIFICATE), der(PLATFORM_CERTIFICATE)];
    assert_eq!(server.seen()[0].chain, expected);
}

#[cfg(feature = "p12")]
#[test]
fn a_pkcs12_file_serves_as_the_certificate() {
    use wechatpay_chain::rsa::{PrivateKey, PublicKey};

    let server = Server::start(ASKS);
    let file = include_bytes!("../vectors/keys/merchant.p12");
    let client = server.builder().merchant(
        PublicKey::from_p12(file, "1900000109").unwrap(),
        PrivateKey::from_p12(file, "1900000109").unwrap(),
    );
    refund(&client.build().unwrap()).wait().unwrap();
    assert_eq!(server.seen()[0].chain, [der(MERCHANT_CERTIFICATE)]);
}

#[test]
fn roots_that_contradict_those_of_a_shared_transport_are_refused() {
    let (server, other) = (Server::start(ASKS), Server::start(ASKS));
    let client = server.client();
    for root in [None, Some(&server.root)] {
        let builder = Client::builder()
            .mchid("1")
            .secret(SECRET)
            .transport_of(&client);
        let builder = match root {
            None => builder,
            Some(root) => builder.root_certificate(root),
        };
        builder.build().unwrap();
    }
    let builder = Client::builder().mchid("1").secret(SECRET);
    let builder = builder.root_certificate(&other.root).transport_of(&client);
    let error = builder.build().unwrap_err();
    assert!(matches!(error, Error::Config(_)), "{error}");
    assert_says(&error, &["root_certificate", "transport_of"]);
}

/// The threads of this process that do the library's own I/O, for all of its tests.
fn io_threads() -> Option<usize> {
    let tasks = fs::read_dir("/proc/self/task").ok()?;
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    Some(names.filter(|name| name.trim() == "wechatpay-io").count())
}

#[test]
fn fifteen_hundred_clients_on_one_transport_share_connections_and_take_no_thread_each() {
    let server = Server::start(ASKS);
    let first = server.client();
    let clients: Vec<_> = (0..1500)
        .map(|number| {
            let builder = Client::builder().mchid((1_900_000_000 + number).to_string());
            let builder = builder.secret(SECRET).base_uri(&server.base_uri);
            builder.transport_of(&first).build().unwrap()
        })
        .collect();
    for (number, client) in clients.iter().enumerate() {
        let mchid = (1_900_000_000 + number).to_string();
        let order = client.v2().pay().orderquery();
        order.post(json!({ "mch_id": mchid })).wait().unwrap();
    }
    // A connection is back in the pool a moment after its answer: on a busy machine the next client
    // may have asked before.
    assert!(server.connections.load(Ordering::SeqCst) <= 15);
    assert!(io_threads().is_none_or(|threads| threads < 150));
}
