//! What an HTTP/2 server gives back is signed anew and sent again; what it took is not.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use h2::{Reason, server};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use wechatpay_chain::{Client, Error};

use crate::support::{assert_says, order, recorded};

/// What the server does with the first request.
#[derive(Clone, Copy)]
enum First {
    /// It refuses the stream.
    Refuses,
    /// It ends the stream in another way, after it has looked at it.
    Cancels,
    /// It says in GOAWAY that it looked at no stream.
    GoesAway,
}

/// The headers that say which attempt it was.
type Seen = Arc<Mutex<Vec<String>>>;

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, first: First, seen: Seen) {
    let stream = acceptor.accept(stream).await.unwrap();
    let mut connection = server::handshake(stream).await.unwrap();
    if matches!(first, First::GoesAway) && seen.lock().unwrap().is_empty() {
        // Before anything is accepted, so that the last stream is none.
        seen.lock().unwrap().push(String::new());
        connection.abrupt_shutdown(Reason::NO_ERROR);
    }
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let header = request.headers()["authorization"].to_str().unwrap();
        let mut seen = seen.lock().unwrap();
        seen.push(header.to_owned());
        match first {
            First::Refuses if seen.len() == 1 => respond.send_reset(Reason::REFUSED_STREAM),
            First::Cancels if seen.len() == 1 => respond.send_reset(Reason::CANCEL),
            _ => {
                let answer = http::Response::builder().status(400).body(()).unwrap();
                let body = Bytes::from_static(br#"{"code":"PARAM_ERROR","message":"m"}"#);
                let mut stream = respond.send_response(answer, false).unwrap();
                stream.send_data(body, true).unwrap();
            }
        }
    }
}

async fn client(first: First) -> (Client, Seen) {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let mut tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let base_uri = format!("https://{}/", listener.local_addr().unwrap());
    let seen = Seen::default();
    let seen_there = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen_there);
            tokio::spawn(serve(stream, acceptor.clone(), first, seen));
        }
    });
    let builder = recorded("1900000109").base_uri(base_uri);
    let client = builder.root_certificate(own.cert.pem()).build().unwrap();
    (client, seen)
}

#[tokio::test]
async fn a_refused_stream_is_signed_anew_and_sent_again() {
    let (client, seen) = client(First::Refuses).await;
    let error = order(&client).await.unwrap_err();
    // The answer of the second attempt.
    assert_eq!(error.api().unwrap().code(), "PARAM_ERROR");
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 2);
    assert_ne!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_stream_beyond_the_last_of_a_goaway_is_sent_again() {
    let (client, seen) = client(First::GoesAway).await;
    let error = order(&client).await.unwrap_err();
    assert_eq!(error.api().unwrap().code(), "PARAM_ERROR");
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_stream_that_was_looked_at_is_not_sent_again() {
    let (client, seen) = client(First::Cancels).await;
    let error = order(&client).await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error}");
    assert!(error.may_have_been_sent() && !error.is_retryable());
    assert_says(&error, &["query before"]);
    assert_eq!(seen.lock().unwrap().len(), 1);
}
