//! Which connections go through a proxy, and how: CONNECT, or SOCKS5.

use std::error::Error as StdError;
use std::ffi::OsString;
use std::fmt;
use std::future::{self, Ready};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::uri::Authority;
use http::{HeaderValue, StatusCode, Uri};
use hyper_util::client::legacy::connect::proxy::SocksV5;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower_service::Service;

use super::connect::{BoxError, Stream};
use crate::error::{Error, Result};

const WANTED: &str = "http://host:port, http://user:password@host:port with everything but letters and digits \
     percent-encoded in user and password, or the same with socks5://";

/// The longest head of an answer to CONNECT.
const LONGEST_HEAD: usize = 16 * 1024;

/// The proxies of a client's connections, and what goes without; `None` where everything does.
pub(crate) struct Proxies(Option<Matcher>);

type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

impl Proxies {
    /// What was set on the builder, `Some(None)` for none, else what the environment says.
    ///
    /// The exceptions are the environment's in either case, as cURL has it.
    pub(crate) fn new(set: Option<Option<&str>>, environment: Environment<'_>) -> Result<Self> {
        let (https, http) = match set {
            Some(None) => (String::new(), String::new()),
            Some(Some(address)) => {
                check("proxy", address)?;
                (address.to_owned(), address.to_owned())
            }
            None => {
                let all = proxy(environment, ["ALL_PROXY", "all_proxy"])?;
                let https = proxy(environment, ["HTTPS_PROXY", "https_proxy"])?;
                // In a CGI program HTTP_PROXY is the header `Proxy` of whoever sent the request.
                let http = match environment("REQUEST_METHOD") {
                    None => proxy(environment, ["HTTP_PROXY", "http_proxy"])?,
                    Some(_) => String::new(),
                };
                let or_all = |own: String| if own.is_empty() { all.clone() } else { own };
                (or_all(https), or_all(http))
            }
        };
        if https.is_empty() && http.is_empty() {
            return Ok(Self(None));
        }
        let exceptions = first(environment, ["NO_PROXY", "no_proxy"])?;
        let (_, exceptions) = exceptions.unwrap_or_default();
        // cURL takes blanks between names, too.
        let exceptions: Vec<_> = exceptions.split([',', ' ', '\t']).collect();
        if exceptions.contains(&"*") {
            return Ok(Self(None));
        }
        let builder = Matcher::builder().https(https).http(http);
        Ok(Self(Some(builder.no(exceptions.join(",")).build())))
    }

    /// Whether no connection goes through one.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The proxy of a connection to there, if it goes through one; loopback never does.
    pub(super) fn of(&self, destination: &Uri) -> Option<Proxy> {
        let host = destination.host()?;
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        if host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|ip| ip.is_loopback()) {
            return None;
        }
        Proxy::of(&self.0.as_ref()?.intercept(destination)?)
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxies")
    }
}

/// The first of these variables that is not empty, and its name.
fn first(
    environment: Environment<'_>,
    names: [&'static str; 2],
) -> Result<Option<(&'static str, String)>> {
    for name in names {
        let value = environment(name).unwrap_or_default();
        match value.into_string() {
            Ok(value) if value.is_empty() => {}
            Ok(value) => return Ok(Some((name, value))),
            Err(_) => return Err(Error::config(name, "bytes that are no UTF-8", "a text")),
        }
    }
    Ok(None)
}

/// The proxy that one of these variables names, `""` for none.
fn proxy(environment: Environment<'_>, names: [&'static str; 2]) -> Result<String> {
    match first(environment, names)? {
        None => Ok(String::new()),
        Some((name, address)) => check(name, &address).map(|()| address),
    }
}

/// Refuses what is no address of a proxy, and shows nothing of its credentials.
fn check(setting: &'static str, address: &str) -> Result<()> {
    let refuse = |given: String| Err(Error::config(setting, given, WANTED));
    let shown = shown(address);
    let matcher = Matcher::builder().all(address).build();
    let intercept = matcher.intercept(&Uri::from_static("https://api.mch.weixin.qq.com"));
    let Some(intercept) = intercept else {
        return refuse(format!("{shown} is no address of a proxy"));
    };
    let uri = intercept.uri();
    let scheme = uri.scheme_str().unwrap_or_default();
    if !["http", "socks5", "socks5h"].contains(&scheme) {
        return refuse(format!("a proxy that is spoken to by {scheme}"));
    }
    let has_credentials = intercept.basic_auth().is_some() || intercept.raw_auth().is_some();
    let is_whole = has_credentials == address.contains('@');
    let is_one = !uri
        .authority()
        .is_some_and(|host| host.as_str().contains('@'));
    if !is_whole || !is_one {
        return refuse(format!("{shown} behind credentials that are not encoded"));
    }
    if Proxy::of(&intercept).is_none() {
        return refuse(format!("{shown} has no host, or no port that can be"));
    }
    Ok(())
}

/// An address without what may be a user or a password, be they encoded as they should or not.
fn shown(address: &str) -> String {
    const LONG: usize = 100;
    let start = address.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = address.split_at(start);
    let (user, host) = match rest.rsplit_once('@') {
        Some((_, host)) => ("…@", host),
        None => ("", rest),
    };
    let (_, port) = host.split_once(':').unwrap_or_default();
    let is_port = port
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'/');
    match is_port && address.len() <= LONG {
        true => format!("{:?}", format!("{scheme}{user}{host}")),
        false => format!("a text of {} bytes", address.len()),
    }
}

/// How a proxy is spoken to, and what it gets to see of its credentials.
enum Kind {
    Connect(Option<HeaderValue>),
    Socks(Option<(String, String)>),
}

/// The proxy of one connection.
pub(super) struct Proxy {
    address: Authority,
    kind: Kind,
}

impl Proxy {
    fn of(intercept: &Intercept) -> Option<Self> {
        let uri = intercept.uri();
        let (kind, port) = if uri.scheme_str() == Some("http") {
            (Kind::Connect(intercept.basic_auth().cloned()), 80)
        } else {
            let credentials = intercept.raw_auth();
            let owned = credentials.map(|(user, password)| (user.to_owned(), password.to_owned()));
            (Kind::Socks(owned), 1080)
        };
        let host = uri.host().filter(|host| !host.is_empty())?;
        let has_port = uri.authority().is_some_and(|it| it.as_str() != host);
        let port = if has_port { uri.port_u16()? } else { port };
        let address = format!("{host}:{port}").parse().ok()?;
        Some(Self { address, kind })
    }

    /// Its host and port.
    pub(super) fn address(&self) -> &str {
        self.address.as_str()
    }

    /// Where to connect to.
    fn uri(&self) -> Option<Uri> {
        let uri = Uri::builder().scheme("http").path_and_query("/");
        uri.authority(self.address.clone()).build().ok()
    }

    /// A connection to there, as far as TLS. Names are looked up by the proxy.
    pub(super) async fn open<C>(self, mut tcp: C, destination: Uri) -> Result<Stream, BoxError>
    where
        C: Service<Uri, Response = Stream, Error: Into<BoxError>>,
    {
        let fail = |trouble| ProxyFailure::new(self.address.as_str(), trouble);
        let port = match destination.scheme_str() {
            Some("http") => destination.port_u16().unwrap_or(80),
            _ => destination.port_u16().unwrap_or(443),
        };
        let host = destination.host().unwrap_or_default();
        let (Some(proxy), Ok(target)) = (self.uri(), format!("{host}:{port}").parse()) else {
            return Err("an address that is none".into());
        };
        let stream = tcp.call(proxy).await.map_err(|error| {
            let cause = Arc::from(error.into());
            fail(Trouble::Unreachable(cause))
        })?;
        match &self.kind {
            Kind::Connect(credentials) => {
                let tunnel = tunnel(stream.into_inner(), &target, credentials.as_ref()).await;
                Ok(TokioIo::new(tunnel.map_err(fail)?))
            }
            Kind::Socks(credentials) => {
                let target = Uri::builder()
                    .scheme("http")
                    .path_and_query("/")
                    .authority(target);
                let mut socks = SocksV5::new(Uri::default(), Opened(Some(stream)));
                if let Some((user, password)) = credentials.clone() {
                    socks = socks.with_auth(user, password);
                }
                let opened = socks.call(target.build()?).await;
                Ok(opened.map_err(|error| fail(Trouble::Socks(error.to_string())))?)
            }
        }
    }
}

/// A connection that is there already, for the connector of hyper-util's SOCKS5.
struct Opened(Option<Stream>);

impl Service<Uri> for Opened {
    type Response = Stream;
    type Error = io::Error;
    type Future = Ready<io::Result<Stream>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let stream = self.0.take();
        future::ready(stream.ok_or_else(|| io::Error::other("the connection is in use")))
    }
}

/// Asks for a tunnel by CONNECT.
async fn tunnel(
    mut stream: TcpStream,
    target: &Authority,
    credentials: Option<&HeaderValue>,
) -> std::result::Result<TcpStream, Trouble> {
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
    if let Some(credentials) = credentials {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(credentials.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await.map_err(Trouble::Broken)?;
    let mut head = Vec::new();
    // Byte by byte, since what follows is the server's.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= LONGEST_HEAD {
            return Err(Trouble::Strange);
        }
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) => return Err(Trouble::Broken(error)),
        }
    }
    let is_http = head.starts_with(b"HTTP/1.") && head.get(8) == Some(&b' ');
    let status = head.get(9..12).filter(|_| is_http);
    match status.map(StatusCode::from_bytes) {
        Some(Ok(status)) if status.is_success() => Ok(stream),
        Some(Ok(status)) => Err(Trouble::Refused {
            status,
            had_credentials: credentials.is_some(),
        }),
        _ => Err(Trouble::Strange),
    }
}

/// Why a proxy, of this host and port, made no way to the server.
#[derive(Debug)]
pub(super) struct ProxyFailure {
    address: String,
    trouble: Trouble,
}

#[derive(Debug)]
enum Trouble {
    Unreachable(Arc<dyn StdError + Send + Sync>),
    Broken(io::Error),
    Refused {
        status: StatusCode,
        had_credentials: bool,
    },
    Socks(String),
    Strange,
    Silent,
}

impl ProxyFailure {
    fn new(address: &str, trouble: Trouble) -> Self {
        Self {
            address: address.to_owned(),
            trouble,
        }
    }

    /// The time was over before it had answered.
    pub(super) fn silent(address: &str) -> Self {
        Self::new(address, Trouble::Silent)
    }
}

impl fmt::Display for ProxyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy {} ", self.address)?;
        match &self.trouble {
            Trouble::Unreachable(_) => f.write_str("can't be reached"),
            Trouble::Broken(_) => f.write_str("closed the connection instead of answering"),
            Trouble::Refused {
                status,
                had_credentials,
            } => {
                write!(f, "refused with {status}")?;
                match (status.as_u16(), had_credentials) {
                    (407, true) => f.write_str("; it does not take the user and password given"),
                    (407, false) => f.write_str(
                        "; it wants a user and a password: http://user:password@host:port",
                    ),
                    _ => Ok(()),
                }
            }
            Trouble::Socks(problem) => write!(f, "refused: {problem}"),
            Trouble::Strange => f.write_str("answered CONNECT with something that is no HTTP"),
            Trouble::Silent => f.write_str("had not answered"),
        }
    }
}

impl StdError for ProxyFailure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.trouble {
            Trouble::Unreachable(cause) => Some(&**cause),
            Trouble::Broken(cause) => Some(cause),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The proxy's host and port, where there is one.
    fn way(set: Option<Option<&str>>, variables: &[(&str, &str)], to: &'static str) -> String {
        let environment = |name: &str| {
            let value = variables.iter().find(|(known, _)| *known == name);
            value.map(|(_, value)| OsString::from(value))
        };
        let proxies = Proxies::new(set, &environment).unwrap();
        let proxy = proxies.of(&Uri::from_static(to));
        proxy.map_or_else(String::new, |proxy| proxy.address().to_owned())
    }

    const HTTPS: &str = "https://api.mch.weixin.qq.com/";
    const HTTP: &str = "http://sandbox/";

    #[test]
    fn each_scheme_has_its_variable_in_capitals_or_not_and_one_is_for_both() {
        let of =
            |variables: &[(&str, &str)]| (way(None, variables, HTTPS), way(None, variables, HTTP));
        let pair = |https: &str, http: &str| (https.to_owned(), http.to_owned());
        assert_eq!(of(&[]), pair("", ""));
        for name in ["HTTPS_PROXY", "https_proxy"] {
            assert_eq!(of(&[(name, "http://a:1/")]), pair("a:1", ""));
        }
        for name in ["HTTP_PROXY", "http_proxy"] {
            assert_eq!(of(&[(name, "a:1")]), pair("", "a:1"));
            let cgi = [(name, "a:1"), ("ALL_PROXY", "b:2"), ("REQUEST_METHOD", "")];
            assert_eq!(of(&cgi), pair("b:2", "b:2"));
        }
        let both = [("ALL_PROXY", "socks5://b"), ("HTTPS_PROXY", "http://a")];
        assert_eq!(of(&both), pair("a:80", "b:1080"));
        let first = [("HTTPS_PROXY", "a:1"), ("https_proxy", "b:2")];
        assert_eq!(of(&first), pair("a:1", ""));
        let empty = [("HTTPS_PROXY", ""), ("https_proxy", "b:2")];
        assert_eq!(of(&empty), pair("b:2", ""));
    }

    #[test]
    fn what_was_set_comes_before_the_environment_but_for_the_exceptions() {
        let set = Some(Some("http://[2001:db8::1]:3128"));
        let proxy = "[2001:db8::1]:3128";
        let all = ("ALL_PROXY", "a:1");
        assert_eq!(way(set, &[all], HTTPS), proxy);
        assert_eq!(way(set, &[all], HTTP), proxy);
        assert_eq!(way(Some(None), &[all], HTTPS), "");
        for (exceptions, is_direct) in [
            ("weixin.qq.com", true),
            (".weixin.qq.com", true),
            ("a.example b.example,\tAPI.mch.weixin.qq.com", true),
            ("*", true),
            ("a.example, *", true),
            ("in.qq.com", false),
            ("qq", false),
            ("*.qq.com", false),
            ("", false),
        ] {
            let way = way(set, &[("NO_PROXY", exceptions)], HTTPS);
            assert_eq!(way.is_empty(), is_direct, "{exceptions}");
        }
        let network = [("no_proxy", "10.0.0.0/8")];
        assert_eq!(way(set, &network, "https://10.1.2.3/"), "");
        assert_eq!(way(set, &network, "https://11.1.2.3/"), proxy);
    }

    #[test]
    fn loopback_goes_without() {
        for to in [
            "http://localhost:1/",
            "https://LOCALHOST/",
            "http://127.1.2.3/",
            "http://[::1]:8/",
        ] {
            assert_eq!(way(Some(Some("a:1")), &[], to), "", "{to}");
        }
    }
}
