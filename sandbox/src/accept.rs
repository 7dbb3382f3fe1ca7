//! From the listener to a request and from an answer back to the wire: TCP, TLS, HTTP/1.1 and
//! HTTP/2.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::Shutdown;
use std::ops::Range;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
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
use crate::control;
use crate::gateway::Gateway;
use crate::misbehaviour::Misbehaviour;
use crate::received::{Peer, Received};
use crate::route;
use crate::wire::{Drip, Line, Wire};

/// How long a client may take for its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(30);

/// How long a connection that was cut is kept to swallow what the client still sends. Closing it at
/// once would make TCP reset it, and a reset can destroy what the client has not read yet, such as
/// half an answer.
const LINGER: Duration = Duration::from_secs(5);

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
                let mut closing = self.closing.clone();
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

/// Makes a certificate authority and a certificate of it for 127.0.0.1 and localhost, both of which
/// live as long as this sandbox, and returns the authority as PEM.
pub(crate) fn tls(http1_only: bool, mandatory: bool) -> io::Result<(Acceptors, String)> {
    let day = Duration::from_secs(24 * 60 * 60);
    // From yesterday, for a client whose clock is a little behind.
    let not_before = SystemTime::now() - day;
    let not_after = not_before + 398 * day;

    let mut authority = CertificateParams::default();
    authority.not_before = (not_before - day).into();
    authority.not_after = not_after.into();
    authority.distinguished_name = named("WeChat Pay sandbox, made at its start");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate().map_err(io::Error::other)?;
    let root = authority
        .self_signed(&authority_key)
        .map_err(io::Error::other)?;
    let issuer = Issuer::new(authority, authority_key);

    let server_key = KeyPair::generate().map_err(io::Error::other)?;
    let acceptor = |names: &[&str], validity: Range<SystemTime>| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut server = CertificateParams::new(names).map_err(io::Error::other)?;
        server.not_before = validity.start.into();
        server.not_after = validity.end.into();
        server.distinguished_name = named("localhost");
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        let certificate = server
            .signed_by(&server_key, &issuer)
            .map_err(io::Error::other)?;

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
            .with_single_cert(vec![certificate.der().clone()], key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = if http1_only {
            vec![b"http/1.1".to_vec()]
        } else {
            vec![b"h2".to_vec(), b"http/1.1".to_vec()]
        };
        Ok::<_, io::Error>(TlsAcceptor::from(Arc::new(config)))
    };
    let own = ["127.0.0.1", "localhost"];
    let acceptors = Acceptors {
        good: acceptor(&own, not_before..not_after)?,
        expired: acceptor(&own, not_before - day..not_before)?,
        of_another_host: acceptor(&["sandbox.example"], not_before..not_after)?,
    };
    Ok((acceptors, root.pem()))
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
