//! From the listener to a request and from an answer back to the wire: TCP, TLS, HTTP/1.1 and
//! HTTP/2.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::{Ipv6Addr, Shutdown};
use std::ops::Range;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints,
};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::bills::{self, Made};
use crate::clock::now;
use crate::connect;
use crate::control;
use crate::gateway::Gateway;
use crate::misbehaviour::Misbehaviour;
use crate::received::{Peer, Received};
use crate::route;
use crate::wire::{Drip, Line, Wire};

/// How long a client may take to ask for a tunnel, and then for its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(30);

/// How long a connection that was cut is kept to swallow what the client still sends. Closing it at
/// once would make TCP reset it, and a reset can destroy what the client has not read yet, such as
/// half an answer.
const LINGER: Duration = Duration::from_secs(5);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How much of a body over the limit is read and thrown away, so that the client gets to read the
/// 413.
const SWALLOWED: usize = 64 * 1024 * 1024;

/// How much of an answer goes out before it is cut in its headers: less than any has, also over
/// HTTP/2, whose headers may be a frame's nine bytes and few more.
const PART_OF_HEADERS: usize = 10;

/// How long what was written may take to be read before a cut that must not destroy it.
const A_MOMENT: Duration = Duration::from_millis(20);

/// What all connections share.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) gateway: Arc<Gateway>,
    /// `None` for plain http.
    pub(crate) tls: Option<Acceptors>,
    pub(crate) http1_only: bool,
    /// Turns true when the listener is to close and the connections are to end.
    pub(crate) closing: watch::Receiver<bool>,
}

impl Server {
    /// Accepts connections until it is told to close. `closed` is dropped when the port is free.
    pub(crate) async fn run(self, listener: TcpListener, closed: Sender<Infallible>) {
        let mut closing = self.closing.clone();
        loop {
            tokio::select! {
                biased;
                () = told(&mut closing) => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        self.gateway.count_connection();
                        tokio::spawn(self.clone().connection(stream));
                    }
                    // Too many open files, or a client that went away: neither ends the gateway.
                    Err(_) => sleep(Duration::from_millis(10)).await,
                },
            }
        }
        drop(listener);
        drop(closed);
    }

    /// One connection from its first byte to its last.
    async fn connection(self, stream: TcpStream) {
        let misbehaviour = self.gateway.script.for_connection();
        let mut closing = self.closing.clone();
        let stream = match &self.tls {
            None => stream,
            Some(_) => tokio::select! {
                () = told(&mut closing) => return,
                opened = timeout(HANDSHAKE, connect::opened(stream)) => match opened {
                    Ok(Ok(Some(stream))) => stream,
                    _ => return,
                },
            },
        };
        if let Some(Misbehaviour::TlsNeverAnswers) = misbehaviour {
            swallow(stream).await;
            return;
        }
        // A second handle of the socket: a cut closes it under hyper and TLS, which would say
        // good-bye.
        let Ok((stream, socket)) = twice(stream) else {
            return;
        };
        let end = match self.tls.clone() {
            None => self.serve(stream, Peer::default(), misbehaviour).await,
            Some(acceptors) => {
                let (acceptor, pause) = match misbehaviour {
                    Some(Misbehaviour::TlsExpired) => (acceptors.expired, None),
                    Some(Misbehaviour::TlsOfAnotherHost) => (acceptors.of_another_host, None),
                    Some(Misbehaviour::TlsDrips(pause)) => (acceptors.good, Some(pause)),
                    _ => (acceptors.good, None),
                };
                let handshake = timeout(HANDSHAKE, acceptor.accept(Drip::new(stream, pause)));
                let handshake = tokio::select! {
                    () = told(&mut closing) => return,
                    handshake = handshake => handshake,
                };
                match handshake {
                    Ok(Ok(stream)) => {
                        let (_, session) = stream.get_ref();
                        let sent = session.peer_certificates().and_then(<[_]>::first);
                        let peer = Peer {
                            tls: true,
                            certificate: sent.cloned().map(CertificateDer::into_owned),
                        };
                        self.serve(stream, peer, misbehaviour).await
                    }
                    // No certificate, no common version, or nothing at all: the client knows why.
                    _ => return,
                }
            }
        };
        match end {
            End::Own => {}
            End::Cut => {
                let _ = socket.shutdown(Shutdown::Write);
                if let Ok(stream) = TcpStream::from_std(socket) {
                    let _ = timeout(LINGER, swallow(stream)).await;
                }
            }
            End::Reset => {
                if let Ok(stream) = TcpStream::from_std(socket) {
                    // What is closed so is reset.
                    let _ = stream.set_zero_linger();
                }
            }
        }
    }

    /// Speaks HTTP until the connection ends, and tells how it is to end.
    async fn serve<S>(self, stream: S, peer: Peer, misbehaviour: Option<Misbehaviour>) -> End
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        if let Some(Misbehaviour::CutBeforeRead) = misbehaviour {
            return End::Cut;
        }
        let line = Arc::new(Line::default());
        let service = service_fn(|request| {
            let gateway = Arc::clone(&self.gateway);
            let line = Arc::clone(&line);
            let peer = peer.clone();
            async move { Ok::<_, Infallible>(answer(gateway, request, peer, line).await) }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        // `Wechatpay-Nonce` rather than `wechatpay-nonce`: what WeChat Pay sends over HTTP/1.1.
        builder
            .http1()
            .timer(TokioTimer::new())
            .title_case_headers(true);
        builder.http2().timer(TokioTimer::new());
        if self.http1_only {
            builder = builder.http1_only();
        }
        let stream = TokioIo::new(Wire::new(stream, Arc::clone(&line)));
        let mut connection = pin!(builder.serve_connection(stream, service));
        let mut closing = self.closing.clone();
        let mut ending = false;
        loop {
            tokio::select! {
                // The connection first: what was handed to it before the cut is then on the wire.
                biased;
                _ = connection.as_mut() => return End::Own,
                () = line.cut.notified() => {
                    return if line.is_reset() { End::Reset } else { End::Cut };
                }
                () = told(&mut closing), if !ending => {
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = line.leave.notified(), if !ending => {
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// How a connection ends.
enum End {
    /// As HTTP wants it.
    Own,
    Cut,
    Reset,
}

/// Waits until the gateway is to close, or is gone.
async fn told(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}

/// One request: read, judged, answered.
async fn answer(
    gateway: Arc<Gateway>,
    request: Request<Incoming>,
    peer: Peer,
    line: Arc<Line>,
) -> Response<Reply> {
    if request.method() == Method::CONNECT {
        let mut answer = Response::new(Reply::new(
            Bytes::from_static(connect::PLAIN.as_bytes()),
            Tail::Whole,
        ));
        *answer.status_mut() = StatusCode::FORBIDDEN;
        return answer;
    }
    if control::is_control(request.uri().path()) {
        return control(&gateway, request, &line).await;
    }
    let path = request.uri().path();
    let misbehaviour = gateway
        .script
        .for_request(path)
        .or_else(|| gateway.rules.find(request.method().as_str(), path));
    if let Some(Misbehaviour::CutBeforeRead) = misbehaviour {
        return never(&line).await;
    }
    let version = request.version();
    let (parts, body) = request.into_parts();
    let (body, whole) = match read(body, route::limit(parts.uri.path())).await {
        Read::Whole(body) => (body, true),
        Read::TooLarge => (Bytes::new(), false),
        // The client gave this one up; the connection is its other requests', too.
        Read::Broken if parts.version == Version::HTTP_2 => return pending().await,
        Read::Broken => return never(&line).await,
    };
    let request = Received::new(parts, body, peer);
    let misbehaviour = misbehaviour.or_else(|| gateway.asked_for(&request));
    if let Some(Misbehaviour::Vanish) = misbehaviour {
        line.lose();
        return pending().await;
    }
    let made = bills::made(&request);
    let answer = gateway.judge(request, whole, misbehaviour.as_ref(), now());
    if misbehaviour.as_ref().is_some_and(Misbehaviour::is_reset) {
        line.reset();
    }
    match misbehaviour {
        Some(
            Misbehaviour::CutAfterRead | Misbehaviour::CutBeforeRead | Misbehaviour::ResetAfterRead,
        ) => return never(&line).await,
        Some(Misbehaviour::Delay(delay)) => sleep(delay).await,
        Some(Misbehaviour::GoAway) if version == Version::HTTP_2 => line.leave.notify_one(),
        _ => {}
    }
    // Signed only now: a gateway that was slow signs when it is done.
    let mut answer = gateway.seal(answer, misbehaviour.as_ref(), now());
    match made {
        Some(made) if answer.status() == StatusCode::OK && answer.body().is_empty() => {
            return answer.map(|_| Reply::made(made));
        }
        _ => {}
    }
    let tail = match misbehaviour {
        Some(Misbehaviour::GoAway) if version != Version::HTTP_2 => {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(CONNECTION, close);
            Tail::Whole
        }
        Some(Misbehaviour::CutInAnswer | Misbehaviour::ResetInAnswer) => Tail::Cut(line),
        Some(Misbehaviour::StallInAnswer) => Tail::Stalls,
        Some(Misbehaviour::CutInHeaders | Misbehaviour::ResetInHeaders) => {
            line.cut_after(PART_OF_HEADERS);
            Tail::Whole
        }
        Some(Misbehaviour::CutAfterAnswer) => {
            tokio::spawn(async move {
                sleep(A_MOMENT).await;
                line.cut.notify_one();
            });
            Tail::Whole
        }
        Some(Misbehaviour::ContentLength(more)) => {
            let length = answer.body().len() as u64;
            let length = length.saturating_add_signed(more);
            answer
                .headers_mut()
                .insert(CONTENT_LENGTH, HeaderValue::from(length));
            let is_http1 = version != Version::HTTP_2;
            Tail::OfAnotherLength(is_http1.then_some((length, line)))
        }
        _ => Tail::Whole,
    };
    answer.map(|body| Reply::new(body, tail))
}

/// One request for the sandbox itself.
async fn control(gateway: &Gateway, request: Request<Incoming>, line: &Line) -> Response<Reply> {
    let (parts, body) = request.into_parts();
    let body = match read(body, route::limit(parts.uri.path())).await {
        Read::Whole(body) => body,
        Read::TooLarge => Bytes::new(),
        Read::Broken => return never(line).await,
    };
    let answer = control::answer(gateway, parts, body);
    answer.map(|body| Reply::new(body, Tail::Whole))
}

/// Has the connection cut, and does not answer.
async fn never(line: &Line) -> Response<Reply> {
    line.cut.notify_one();
    pending().await
}

enum Read {
    Whole(Bytes),
    TooLarge,
    Broken,
}

/// Reads a body of at most `limit` bytes; what goes beyond is thrown away.
async fn read(mut body: Incoming, limit: usize) -> Read {
    let mut kept = BytesMut::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Read::Broken;
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length = length.saturating_add(data.len());
        if length <= limit {
            kept.extend_from_slice(&data);
        } else if length > SWALLOWED {
            break;
        }
    }
    if length <= limit {
        Read::Whole(kept.freeze())
    } else {
        Read::TooLarge
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct Reply {
    data: Option<Bytes>,
    /// What is announced and not sent yet.
    left: u64,
    tail: Tail,
    made: Option<Made>,
}

/// How the body of an answer ends.
#[derive(Debug)]
enum Tail {
    Whole,
    /// After half of it the connection is cut.
    Cut(Arc<Line>),
    /// After half of it nothing more comes.
    Stalls,
    /// Its headers tell another length. Over HTTP/1.1 hyper keeps to that length, so that what goes
    /// beyond it has to follow by another way.
    OfAnotherLength(Option<(u64, Arc<Line>)>),
}

impl Reply {
    fn new(body: Bytes, tail: Tail) -> Self {
        let left = body.len() as u64;
        let data = match tail {
            Tail::Cut(_) | Tail::Stalls => body.slice(..body.len() / 2),
            Tail::Whole | Tail::OfAnotherLength(_) => body,
        };
        Self {
            data: Some(data).filter(|data| !data.is_empty()),
            left,
            tail,
            made: None,
        }
    }

    fn made(made: Made) -> Self {
        Self {
            data: None,
            left: made.promised(),
            tail: Tail::Whole,
            made: Some(made),
        }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let reply = self.get_mut();
        if let Some(made) = &mut reply.made {
            let piece = made.piece();
            reply.left = made.promised();
            return match piece {
                Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
                None if reply.left == 0 => Poll::Ready(None),
                // It stands still.
                None => Poll::Pending,
            };
        }
        if let Some(data) = reply.data.take() {
            reply.left = reply.left.saturating_sub(data.len() as u64);
            if let Tail::OfAnotherLength(Some((length, line))) = &reply.tail {
                let length = usize::try_from(*length).unwrap_or(usize::MAX);
                line.add(data.slice(length.min(data.len())..));
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match &reply.tail {
            Tail::Whole | Tail::OfAnotherLength(_) => Poll::Ready(None),
            Tail::Stalls => Poll::Pending,
            // hyper flushes what it has while it waits for more; then the connection's own task
            // sees the cut.
            Tail::Cut(line) => {
                line.cut.notify_one();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let is_whole = matches!(self.tail, Tail::Whole | Tail::OfAnotherLength(_));
        self.data.is_none() && is_whole && self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        match self.tail {
            Tail::OfAnotherLength(_) => SizeHint::default(),
            _ => SizeHint::with_exact(self.left),
        }
    }
}

/// The stream ready for use, and a second handle of its socket.
fn twice(stream: TcpStream) -> io::Result<(TcpStream, std::net::TcpStream)> {
    // Without it, HTTP/2 waits for acknowledgements that the client delays.
    stream.set_nodelay(true)?;
    let stream = stream.into_std()?;
    let socket = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, socket))
}

/// Reads until the client closes, and says nothing.
async fn swallow(mut stream: TcpStream) {
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
}

/// TLS with each of the sandbox's certificates.
#[derive(Clone)]
pub(crate) struct Acceptors {
    good: TlsAcceptor,
    expired: TlsAcceptor,
    of_another_host: TlsAcceptor,
}

/// Makes a certificate authority and certificates of it for this machine and for WeChat Pay's hosts,
/// and returns the authority as PEM. Its key is gone when this returns. It is good for nothing but
/// these names, and for a day.
pub(crate) fn tls(http1_only: bool, mandatory: bool) -> io::Result<(Acceptors, String)> {
    let (root, issuer) = authority()?;
    let acceptor = |names: &[&'static str], validity: Range<SystemTime>| {
        let (certificate, server_key) = leaf(&issuer, names, validity)?;

        // The provider is given here: the process default is neither needed nor installed.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let mut config = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_client_cert_verifier(Arc::new(AnyClient {
                provider,
                mandatory,
            }))
            .with_single_cert(vec![certificate], key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = if http1_only {
            vec![b"http/1.1".to_vec()]
        } else {
            vec![b"h2".to_vec(), b"http/1.1".to_vec()]
        };
        Ok::<_, io::Error>(TlsAcceptor::from(Arc::new(config)))
    };
    let mut own = vec!["127.0.0.1", "::1", "localhost"];
    own.extend(connect::HOSTS);
    let over = validity().start;
    let acceptors = Acceptors {
        good: acceptor(&own, validity())?,
        expired: acceptor(&own, over - DAY..over)?,
        of_another_host: acceptor(&["api2.wechatpay.cn"], validity())?,
    };
    Ok((acceptors, root.pem()))
}

/// How long the sandbox's certificates hold: from an hour ago, for a client whose clock is a little
/// behind, until a day from now.
fn validity() -> Range<SystemTime> {
    let now = SystemTime::now();
    now - DAY / 24..now + DAY
}

/// An authority of its own, and its certificate.
fn authority() -> io::Result<(Certificate, Issuer<'static, KeyPair>)> {
    let mut authority = CertificateParams::default();
    let validity = validity();
    authority.not_before = validity.start.into();
    authority.not_after = validity.end.into();
    authority.distinguished_name = named("WeChat Pay sandbox, made at its start");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.name_constraints = Some(NameConstraints {
        permitted_subtrees: permitted(),
        excluded_subtrees: Vec::new(),
    });
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let root = authority.self_signed(&key).map_err(io::Error::other)?;
    Ok((root, Issuer::new(authority, key)))
}

/// A server's certificate for these names and this time, and its key.
fn leaf(
    issuer: &Issuer<'_, KeyPair>,
    names: &[&str],
    validity: Range<SystemTime>,
) -> io::Result<(CertificateDer<'static>, KeyPair)> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut server = CertificateParams::new(names).map_err(io::Error::other)?;
    server.not_before = validity.start.into();
    server.not_after = validity.end.into();
    server.distinguished_name = named("localhost");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let certificate = server.signed_by(&key, issuer).map_err(io::Error::other)?;
    Ok((certificate.der().clone(), key))
}

/// All that the sandbox's authority may speak for: WeChat Pay's hosts and this machine.
fn permitted() -> Vec<GeneralSubtree> {
    let loopback = [
        CidrSubnet::V4([127, 0, 0, 0], [255, 0, 0, 0]),
        CidrSubnet::from_v6_prefix(Ipv6Addr::LOCALHOST.octets(), 128),
    ];
    let names = connect::HOSTS.into_iter().chain(["localhost"]);
    let names = names.map(|name| GeneralSubtree::DnsName(name.to_owned()));
    let addresses = loopback.into_iter().map(GeneralSubtree::IpAddress);
    names.chain(addresses).collect()
}

/// Asks each client for a certificate, and takes any whose key the client has, or none: what a
/// request needs is decided when it has come.
#[derive(Debug)]
struct AnyClient {
    provider: Arc<CryptoProvider>,
    /// Whether none is not taken, after all.
    mandatory: bool,
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    /// Any authority: certificates of merchants are issued by many.
    fn root_hint_subjects(&self) -> &[rustls::DistinguishedName] {
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
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

pub(crate) fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

#[cfg(test)]
mod tests {
    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::pki_types::ServerName;

    use super::*;

    #[test]
    fn the_authority_speaks_for_wechat_pay_and_this_machine_and_for_nobody_else() {
        let (root, issuer) = authority().unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(root.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = verifier.build().unwrap();
        let is_taken = |name: &'static str| {
            let (leaf, _) = leaf(&issuer, &[name], validity()).unwrap();
            let server = ServerName::try_from(name).unwrap();
            let at = |time| verifier.verify_server_cert(&leaf, &[], &server, &[], time);
            let tomorrow = SystemTime::now() + Duration::from_secs(24 * 60 * 60 + 60);
            let tomorrow = tomorrow.duration_since(SystemTime::UNIX_EPOCH).unwrap();
            at(UnixTime::since_unix_epoch(tomorrow)).unwrap_err();
            at(UnixTime::now()).is_ok()
        };
        let own = ["127.0.0.1", "127.0.0.2", "::1", "localhost"].into_iter();
        for name in own.chain(connect::HOSTS) {
            assert!(is_taken(name), "{name}");
        }
        for name in [
            "example.com",
            "pay.weixin.qq.com",
            "mch.weixin.qq.com",
            "10.0.0.1",
            "::2",
        ] {
            assert!(!is_taken(name), "{name}");
        }
    }
}
