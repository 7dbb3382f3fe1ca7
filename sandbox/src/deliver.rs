//! Bringing a notification to the merchant's own server, as long as that is on this machine.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::notification::Notification;

/// How long WeChat Pay waits for the merchant's answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the name of the merchant's server may take.
const RESOLVING: Duration = Duration::from_secs(2);

/// POSTs the notification, and returns the status and the body of the answer.
///
/// `allowed` are the names that may be elsewhere than on loopback.
pub(crate) async fn deliver(
    url: String,
    notification: Notification,
    allowed: &[String],
) -> io::Result<(u16, Vec<u8>)> {
    match timeout(PATIENCE, post(&url, notification, allowed)).await {
        Ok(answer) => answer,
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("{url} gave no answer within 5 s"),
        )),
    }
}

async fn post(
    url: &str,
    notification: Notification,
    allowed: &[String],
) -> io::Result<(u16, Vec<u8>)> {
    let place = Place::new(url)?;
    let stream = TcpStream::connect(place.addresses(allowed).await?.as_slice()).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    // It ends with the sender, or with the server's own end.
    tokio::spawn(connection);
    let mut request = http::Request::post(place.target)
        .header("Host", place.authority)
        .header("User-Agent", "Mozilla/4.0")
        .header("Accept", "*/*");
    for (name, value) in notification.headers() {
        request = request.header(name, value);
    }
    let body = Full::new(Bytes::from(notification.body().to_vec()));
    let request = request.body(body).map_err(io::Error::other)?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(io::Error::other)?;
    let status = answer.status().as_u16();
    let body = answer
        .into_body()
        .collect()
        .await
        .map_err(io::Error::other)?;
    Ok((status, body.to_bytes().into()))
}

/// Where to, taken apart.
#[derive(Debug)]
struct Place {
    host: String,
    port: u16,
    authority: String,
    target: String,
}

impl Place {
    fn new(url: &str) -> io::Result<Self> {
        let uri: Uri = url
            .parse()
            .map_err(|error| refuse(url, &format!("is no URL: {error}")))?;
        match uri.scheme_str() {
            Some("http") => {}
            // It has no roots, and to trust whoever answers would prove nothing.
            Some("https") => return Err(refuse(url, "is https, for which there is no trust here")),
            _ => return Err(refuse(url, "is not a plain http:// URL")),
        }
        let Some(authority) = uri.authority() else {
            return Err(refuse(url, "has no host"));
        };
        if authority.as_str().contains('@') {
            return Err(refuse(url, "has a user name in it"));
        }
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        Ok(Self {
            host: authority
                .host()
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: authority.to_string(),
            target: target.to_owned(),
        })
    }

    /// The addresses of the host, all of them on loopback unless its name is among these.
    async fn addresses(&self, allowed: &[String]) -> io::Result<Vec<SocketAddr>> {
        let addresses = if let Ok(ip) = self.host.parse::<IpAddr>() {
            vec![SocketAddr::from((ip, self.port))]
        } else {
            let found = timeout(RESOLVING, lookup_host((&*self.host, self.port))).await;
            let Ok(Ok(found)) = found else {
                return Err(refuse(&self.authority, "has no address"));
            };
            found.collect()
        };
        let is_allowed = allowed
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&self.host));
        let is_loopback = addresses.iter().all(|address| address.ip().is_loopback());
        if addresses.is_empty() || !(is_allowed || is_loopback) {
            return Err(refuse(&self.authority, "is not on loopback"));
        }
        Ok(addresses)
    }
}

fn refuse(url: &str, why: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "{url} {why}; the sandbox notifies over plain http, on loopback, and the names given to Builder::allow_notify"
        ),
    )
}
