//! Everything that a client does goes through its proxy, or is an error that names the proxy.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::json;
use wechatpay_chain::rsa::{PrivateKey, PublicKey};
use wechatpay_chain::{
    Client, ClientBuilder, Error, NetworkError, Phase, ServiceFuture, Signer, Verifier,
};
use wechatpay_sandbox::Sandbox;

use crate::support::{MERCHANT_KEY, MINUTE, assert_says, fetches, order, pass, recorded};
use crate::way::{Way, assert_answers, coupon};

const MERCHANT_CERTIFICATE: &str = include_str!("../vectors/keys/merchant.crt");
/// A host that only a proxy knows.
const ELSEWHERE: &str = "pay.test";

/// How a proxy behaves.
#[derive(Clone)]
enum Manner {
    Connect,
    /// With this value of `Proxy-Authorization` only.
    Wants(&'static str),
    /// It says this, whatever is asked.
    Says(&'static str),
    Silent,
    /// There is a way to every host, but `api.mch.weixin.qq.com` hangs up.
    FirstHangsUp,
    Socks,
    /// With this user and password only.
    SocksWants(&'static str, &'static str),
}

/// A proxy that leads to one address, whichever it is asked for.
struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(manner: Manner, destination: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            asked: Arc::default(),
        };
        let asked = Arc::clone(&proxy.asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (manner, asked) = (manner.clone(), Arc::clone(&asked));
                thread::spawn(move || serve(stream, &manner, &asked, destination));
            }
        });
        proxy
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked for, once each.
    fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.dedup();
        asked
    }
}

fn serve(
    mut stream: TcpStream,
    manner: &Manner,
    asked: &Mutex<Vec<String>>,
    destination: SocketAddr,
) -> io::Result<()> {
    let target = match manner {
        Manner::Socks => socks(&mut stream, None)?,
        Manner::SocksWants(user, password) => socks(&mut stream, Some((user, password)))?,
        _ => connect(&mut stream, manner)?,
    };
    let hangs_up = matches!(manner, Manner::FirstHangsUp) && target.starts_with("api.mch.");
    asked.lock().unwrap().push(target);
    match manner {
        Manner::Silent => thread::sleep(Duration::from_secs(60)),
        Manner::Says(says) => stream.write_all(says.as_bytes())?,
        _ if hangs_up => {}
        _ => {
            let server = TcpStream::connect(destination)?;
            one_way(stream.try_clone()?, server.try_clone()?);
            one_way(server, stream);
        }
    }
    Ok(())
}

fn one_way(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}

fn take(stream: &mut TcpStream, length: impl Into<usize>) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// What CONNECT asks for.
fn connect(stream: &mut TcpStream, manner: &Manner) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(take(stream, 1_u8)?);
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let start = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    assert!(head.starts_with(&start), "{head}");
    let credentials = head.strip_prefix(&start).unwrap().trim_end();
    match manner {
        Manner::Silent | Manner::Says(_) => {}
        Manner::Wants(value) if credentials != format!("Proxy-Authorization: {value}") => {
            stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")?;
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        _ => stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: a test\r\n\r\n")?,
    }
    Ok(target)
}

/// What SOCKS5 asks for: RFC 1928 and 1929.
fn socks(stream: &mut TcpStream, wants: Option<(&str, &str)>) -> io::Result<String> {
    let hello = take(stream, 2_u8)?;
    assert_eq!(hello[0], 5);
    let methods = take(stream, hello[1])?;
    let method = if wants.is_some() { 2 } else { 0 };
    if !methods.contains(&method) {
        stream.write_all(&[5, 0xff])?;
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    stream.write_all(&[5, method])?;
    if let Some((user, password)) = wants {
        assert_eq!(take(stream, 1_u8)?, [1]);
        let mut is_right = true;
        for wanted in [user, password] {
            let length = take(stream, 1_u8)?[0];
            is_right &= take(stream, length)? == wanted.as_bytes();
        }
        stream.write_all(&[1, u8::from(!is_right)])?;
        if !is_right {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
    }
    let request = take(stream, 5_u8)?;
    assert_eq!(
        request[..4],
        [5, 1, 0, 3],
        "a name is the proxy's to look up"
    );
    let name = String::from_utf8(take(stream, request[4])?).unwrap();
    let port = take(stream, 2_u8)?;
    let port = u16::from_be_bytes([port[0], port[1]]);
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    Ok(format!("{name}:{port}"))
}

/// The sandbox's keys, but elsewhere: those that are here are refused for WeChat Pay's own hosts.
struct Keys {
    private: PrivateKey,
    public: PublicKey,
}

impl Signer for Keys {
    fn sign<'a>(&'a self, message: &'a [u8]) -> ServiceFuture<'a, String> {
        Box::pin(async move { Ok(self.private.sign(message)) })
    }
}

impl Verifier for Keys {
    fn verify<'a>(
        &'a self,
        _: &'a str,
        message: &'a [u8],
        signature: &'a str,
    ) -> ServiceFuture<'a, bool> {
        Box::pin(async move { Ok(self.public.verify(message, signature)) })
    }
}

/// A client of the sandbox's merchant for WeChat Pay's own hosts.
fn real(sandbox: &Sandbox) -> ClientBuilder {
    let keys = || Keys {
        private: PrivateKey::from_pem(sandbox.merchant_private_key()).unwrap(),
        public: PublicKey::from_pem(sandbox.platform_public_key()).unwrap(),
    };
    Client::builder()
        .mchid(sandbox.mchid())
        .serial(sandbox.merchant_serial())
        .signer(keys())
        .verifier(keys())
        .root_certificate(sandbox.root_certificate().unwrap())
}

fn network(error: &Error) -> &NetworkError {
    match error {
        Error::Connect(error) | Error::Timeout(error) | Error::Transport(error) => error,
        other => panic!("not of the network: {other}"),
    }
}

/// Asserts that there was no way through the proxy.
#[track_caller]
fn assert_no_way(error: &Error, proxy: &str, says: &str) {
    assert!(matches!(error, Error::Connect(_)), "{error:?}");
    assert_eq!(network(error).phase(), Phase::Proxy, "{error}");
    assert!(error.is_connect() && error.is_retryable() && !error.may_have_been_sent());
    let proxy = format!("the proxy {proxy} ");
    assert_says(
        error,
        &["api.mch.weixin.qq.com", &proxy, says, "was not sent"],
    );
    assert!(!error.to_string().contains("signature"), "{error}");
}

// The sandbox as the proxy

#[test]
fn through_the_sandbox_a_client_gets_to_the_sandbox_under_wechat_pay_s_names() {
    for way in [Way::Http2, Way::Http1] {
        let sandbox = way.sandbox();
        let proxy = format!("http://{}", sandbox.address());
        let client = real(&sandbox).proxy(&proxy).build().unwrap();
        assert_answers(&coupon(&client, 1).wait().unwrap(), 1);
        let request = coupon(&client, 2).base_uri("https://apihk.mch.weixin.qq.com/");
        assert_answers(&request.wait().unwrap(), 2);
        // What its first call answers is at the host that was asked.
        let bill = client.bill().trade("2024-01-01").wait().unwrap();
        assert!(bill.text().contains("交易时间"));
        let received = sandbox.received();
        let hosts: Vec<_> = received.iter().map(|it| it.host()).collect();
        let (api, hk) = ("api.mch.weixin.qq.com", "apihk.mch.weixin.qq.com");
        assert_eq!(hosts, [api, hk, api, api]);
        assert!(received.iter().all(|it| it.authenticated()));
    }
}

#[test]
fn the_sandbox_is_no_proxy_to_anywhere_else() {
    let sandbox = Way::Http2.sandbox();
    let plain = Way::Plain.sandbox();
    for (proxy, host) in [
        (&sandbox, "https://pay.test/"),
        (&sandbox, "https://api.mch.weixin.qq.com:8443/"),
        (&sandbox, "https://evil.api.mch.weixin.qq.com/"),
        (&plain, "https://api.mch.weixin.qq.com/"),
    ] {
        let address = proxy.address().to_string();
        let client = real(&sandbox).base_uri(host);
        let client = client.proxy(format!("http://{address}")).build().unwrap();
        let error = coupon(&client, 1).wait().unwrap_err();
        assert_eq!(network(&error).phase(), Phase::Proxy);
        assert_says(&error, &[&address, "refused with 403 Forbidden"]);
        assert!(proxy.received().is_empty());
    }
}

#[test]
fn plain_http_to_a_port_of_tls_is_told_so() {
    let sandbox = Way::Http2.sandbox();
    let mut stream = TcpStream::connect(sandbox.address()).unwrap();
    let request = b"GET /v3/certificates HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("TLS"), "{answer}");
}

// Everything goes through it

#[tokio::test]
async fn certificates_at_the_start_and_at_a_refresh_go_through_the_proxy() {
    // Over plain http, since its keys are for no host of WeChat Pay's.
    let sandbox = Sandbox::builder().plain().start().await.unwrap();
    sandbox
        .sign_with(sandbox.certificates()[0].serial())
        .unwrap();
    let proxy = Proxy::start(Manner::Connect, sandbox.address());
    let builder = sandbox.client_builder().apiv3_key(sandbox.apiv3_key());
    let client = builder
        .base_uri(format!("http://{ELSEWHERE}/"))
        .allow_plain_http(ELSEWHERE)
        .proxy(proxy.url())
        .build()
        .unwrap();
    assert!(order(&client).await.unwrap().verified());
    assert_eq!(fetches(&sandbox), 1);
    let now = SystemTime::now();
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    let next = sandbox.add_certificate(now, now + year);
    sandbox.sign_with(next.serial()).unwrap();
    pass(MINUTE).await;
    assert!(order(&client).await.unwrap().verified());
    assert!(order(&client).wait().unwrap().verified());
    assert_eq!(fetches(&sandbox), 2);
    assert_eq!(proxy.asked(), ["pay.test:80"]);
    assert!(sandbox.received().iter().all(|it| it.host() == ELSEWHERE));
}

#[test]
fn the_second_entrance_goes_through_the_proxy_when_the_first_hangs_up_behind_it() {
    let sandbox = Way::Http2.sandbox();
    let proxy = Proxy::start(Manner::FirstHangsUp, sandbox.address());
    let client = real(&sandbox).proxy(proxy.url()).build().unwrap();
    assert_answers(&coupon(&client, 1).wait().unwrap(), 1);
    let (first, second) = ("api.mch.weixin.qq.com:443", "api2.mch.weixin.qq.com:443");
    assert_eq!(proxy.asked(), [first, second]);
    assert_eq!(sandbox.received()[0].host(), "api2.mch.weixin.qq.com");
}

#[test]
fn a_download_from_another_host_goes_through_the_proxy() {
    let sandbox = Way::Http2.sandbox();
    let proxy = Proxy::start(Manner::Connect, sandbox.address());
    let client = real(&sandbox).proxy(proxy.url()).build().unwrap();
    let name = format!("a download through a proxy of {}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let address = "https://api2.wechatpay.cn/v3/billdownload/file?token=sandbox-plain";
    client.url(address).download(&path).wait().unwrap();
    let read = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(read.contains("交易时间"));
    assert_eq!(proxy.asked(), ["api2.wechatpay.cn:443"]);
}

#[test]
fn mutual_tls_goes_through_the_proxy_and_ends_at_the_server() {
    let sandbox = Way::Http2.sandbox();
    let proxy = Proxy::start(Manner::Connect, sandbox.address());
    let client = Client::builder()
        .mchid("1900000109")
        .secret("exposed_your_key_here_have_risks")
        .merchant(MERCHANT_CERTIFICATE, MERCHANT_KEY)
        .root_certificate(sandbox.root_certificate().unwrap())
        .proxy(proxy.url())
        .build()
        .unwrap();
    let refund = client.chain("v2/secapi/pay/refund");
    let refund = refund.post(json!({ "appid": "wx1", "mch_id": "1900000109" }));
    // The certificate is not the sandbox's merchant's: it has a page to say so.
    let error = refund.wait().unwrap_err();
    assert!(matches!(error, Error::Api(_)), "{error}");
    assert!(sandbox.received()[0].client_certificate().is_some());
    assert_eq!(proxy.asked(), ["api.mch.weixin.qq.com:443"]);
}

#[test]
fn clients_on_one_transport_have_one_proxy() {
    let sandbox = Way::Http2.sandbox();
    let proxy = Proxy::start(Manner::Connect, sandbox.address());
    let first = real(&sandbox).proxy(proxy.url()).build().unwrap();
    let second = real(&sandbox).transport_of(&first).build().unwrap();
    assert_answers(&coupon(&second, 1).wait().unwrap(), 1);
    assert_eq!(proxy.asked(), ["api.mch.weixin.qq.com:443"]);
    let shared = || real(&sandbox).transport_of(&first);
    for builder in [shared().proxy(proxy.url()), shared().without_proxy()] {
        let error = builder.build().unwrap_err();
        assert_says(&error, &["proxy: ", "transport_of"]);
    }
    let direct = real(&sandbox).without_proxy().build().unwrap();
    let builder = real(&sandbox).transport_of(&direct);
    builder.without_proxy().build().unwrap();
}

#[test]
fn loopback_never_goes_through_a_proxy() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        for host in ["127.0.0.1", "localhost"] {
            let base_uri = sandbox.base_uri().replace("127.0.0.1", host);
            let keys = sandbox.client_builder();
            let keys = keys.cert(sandbox.platform_serial(), sandbox.platform_public_key());
            // Nobody listens there.
            let client = keys.base_uri(base_uri).proxy("http://127.0.0.1:1");
            assert_answers(&coupon(&client.build().unwrap(), 1).wait().unwrap(), 1);
        }
    }
}

// Credentials and SOCKS5

#[test]
fn user_and_password_are_decoded_and_shown_to_the_proxy_alone() {
    let sandbox = Way::Http2.sandbox();
    // `us er` and `MARK:ed@/%`
    let wanted = "Basic dXMgZXI6TUFSSzplZEAvJQ==";
    let proxy = Proxy::start(Manner::Wants(wanted), sandbox.address());
    let address = format!("http://us%20er:MARK%3Aed%40%2F%25@{}", proxy.address);
    let builder = real(&sandbox).proxy(&address);
    assert!(!format!("{builder:?}").contains("MARK"));
    let client = builder.build().unwrap();
    assert!(!format!("{client:?}").contains("MARK"));
    assert_answers(&coupon(&client, 1).wait().unwrap(), 1);
    assert_eq!(proxy.asked(), ["api.mch.weixin.qq.com:443"]);
    let received = &sandbox.received()[0];
    assert_eq!(received.header("proxy-authorization"), None);

    for (credentials, says) in [
        ("", "it wants a user and a password"),
        (
            "us%20er:MARKed@",
            "does not take the user and password given",
        ),
    ] {
        let address = format!("http://{credentials}{}", proxy.address);
        let client = real(&sandbox).proxy(address).build().unwrap();
        let error = coupon(&client, 2).wait().unwrap_err();
        let proxy = proxy.address.to_string();
        assert_no_way(
            &error,
            &proxy,
            "refused with 407 Proxy Authentication Required",
        );
        assert_says(&error, &[says]);
        let shown = format!("{error:?} {:?}", network(&error));
        assert!(
            !shown.contains("MARK") && !shown.contains("Basic"),
            "{shown}"
        );
    }
    assert_eq!(sandbox.received().len(), 1);
}

#[test]
fn socks5_leads_there_with_and_without_credentials_and_looks_up_the_name() {
    let sandbox = Way::Http2.sandbox();
    for (manner, scheme, credentials) in [
        (Manner::Socks, "socks5", ""),
        (Manner::Socks, "socks5h", ""),
        (
            Manner::SocksWants("us er", "MARK:ed"),
            "socks5",
            "us%20er:MARK%3Aed@",
        ),
    ] {
        let proxy = Proxy::start(manner, sandbox.address());
        let address = format!("{scheme}://{credentials}{}", proxy.address);
        let client = real(&sandbox).proxy(address).build().unwrap();
        assert_answers(&coupon(&client, 1).wait().unwrap(), 1);
        assert_eq!(proxy.asked(), ["api.mch.weixin.qq.com:443"]);
    }
    for (manner, credentials, says) in [
        (Manner::Socks, "us%20er:MARKed@", "SOCKS error: "),
        (Manner::SocksWants("user", "right"), "", "SOCKS error: "),
        (
            Manner::SocksWants("user", "right"),
            "user:MARKed@",
            "credentials not accepted",
        ),
    ] {
        let proxy = Proxy::start(manner, sandbox.address());
        let address = format!("socks5://{credentials}{}", proxy.address);
        let client = real(&sandbox).proxy(address).build().unwrap();
        let error = coupon(&client, 1).wait().unwrap_err();
        assert_no_way(&error, &proxy.address.to_string(), says);
        assert!(!format!("{error:?} {:?}", network(&error)).contains("MARK"));
    }
}

// No way through it

#[test]
fn a_proxy_that_refuses_is_named_and_no_second_entrance_is_tried() {
    let sandbox = Way::Http2.sandbox();
    for (says, named) in [
        (
            "HTTP/1.1 403 Forbidden\r\n\r\n",
            "refused with 403 Forbidden",
        ),
        (
            "HTTP/1.0 502 MARK\r\n\r\n<html>",
            "refused with 502 Bad Gateway",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",
            "refused with 302",
        ),
        ("", "closed the connection instead of answering"),
        ("HTTP/1.1 200 Connection est", "closed the connection"),
        ("220 mail.example ESMTP\r\n\r\n", "no HTTP"),
    ] {
        let proxy = Proxy::start(Manner::Says(says), sandbox.address());
        let client = real(&sandbox).proxy(proxy.url()).build().unwrap();
        let error = coupon(&client, 1).wait().unwrap_err();
        assert_no_way(&error, &proxy.address.to_string(), named);
        assert_eq!(proxy.asked(), ["api.mch.weixin.qq.com:443"]);
    }
    assert!(sandbox.received().is_empty());
}

#[test]
fn a_proxy_that_can_t_be_reached_is_named_and_no_second_entrance_is_tried() {
    let sandbox = Way::Http2.sandbox();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    for (scheme, address) in [
        ("http", address.as_str()),
        ("socks5", &address),
        ("http", "does-not-exist.invalid:3128"),
    ] {
        let client = real(&sandbox).proxy(format!("{scheme}://{address}"));
        let error = coupon(&client.build().unwrap(), 1).wait().unwrap_err();
        assert_no_way(&error, address, "can't be reached: ");
    }
}

#[test]
fn a_proxy_that_never_answers_ends_with_either_limit_and_is_named() {
    let sandbox = Way::Http2.sandbox();
    let short = Duration::from_secs(1);
    let proxy = Proxy::start(Manner::Silent, sandbox.address());
    for (builder, limit) in [
        (
            real(&sandbox).connect_timeout(short),
            "the limit of connecting",
        ),
        (
            real(&sandbox).timeout(short),
            "the limit of the whole request",
        ),
    ] {
        let client = builder.proxy(proxy.url()).build().unwrap();
        let error = coupon(&client, 1).wait().unwrap_err();
        assert!(error.is_timeout() && error.is_connect(), "{error:?}");
        assert!(!error.may_have_been_sent());
        assert_eq!(network(&error).phase(), Phase::Proxy);
        let named = format!(
            "of 1 s ran out: the proxy {} had not answered",
            proxy.address
        );
        assert_says(&error, &[limit, &named]);
    }
    assert_eq!(proxy.asked(), ["api.mch.weixin.qq.com:443"]);
}

// Settings

#[test]
fn an_address_that_is_no_proxy_s_is_refused_without_its_credentials() {
    for address in [
        "",
        "http://",
        ":3128",
        "https://proxy.example:3128",
        "socks4://proxy.example:1080",
        "ftp://proxy.example",
        "http://proxy.example:99999",
        "http://proxy example:1",
        "http://MARK:MARK@",
        "http://user:MARK",
        "user:MARK:3128",
        MERCHANT_KEY,
        "http://user:MARK@pass@proxy.example:3128",
        "http://user:12/MARK@proxy.example:3128",
        "http://user:12#MARK@proxy.example:3128",
        "http://user:12?MARK@proxy.example:3128",
        "http://user:MA RK@proxy.example:3128",
    ] {
        let by_builder = recorded("1900000109").proxy(address).build();
        let Err(error) = by_builder else {
            panic!("{address:?} was taken");
        };
        let mut errors = vec![error];
        if !address.is_empty() {
            let settings =
                json!({ "mchid": "1900000109", "secret": "x".repeat(32), "proxy": address });
            errors.push(Client::factory(settings).unwrap_err());
        }
        for error in errors {
            let Error::Config(config) = &error else {
                panic!("{address}: {error}");
            };
            assert_eq!(config.setting(), "proxy");
            assert_says(&error, &["http://host:port", "socks5://"]);
            let text = format!("{error} {error:?}");
            assert!(!text.contains("MARK") && !text.contains("BEGIN"), "{text}");
        }
    }
    let error = recorded("1900000109").proxy("http://user:MARK@proxy.example:x");
    assert_says(&error.build().unwrap_err(), &["a text of 32 bytes"]);
    let error = recorded("1900000109").proxy("socks4://user:MARK@proxy.example:1");
    assert_says(&error.build().unwrap_err(), &["spoken to by socks4"]);
    let error = recorded("1900000109").proxy("http://user:a/b@proxy.example:1");
    assert_says(&error.build().unwrap_err(), &["http://…@proxy.example:1"]);
}

#[test]
fn php_s_option_takes_one_address_and_else_names_the_builder() {
    let settings =
        |proxy| json!({ "mchid": "1900000109", "secret": "x".repeat(32), "proxy": proxy });
    for proxy in [
        json!("http://proxy.example:3128"),
        json!("proxy.example:3128"),
        json!(""),
    ] {
        Client::factory(settings(proxy)).unwrap();
    }
    let by_scheme = json!({ "https": "http://user:MARK@proxy.example:3128", "no": [".example"] });
    let error = Client::factory(settings(by_scheme)).unwrap_err();
    assert_says(&error, &[".proxy(address)", "NO_PROXY"]);
    assert!(!error.to_string().contains("MARK"));
}

// The environment

/// What [`child_of_the_environment`] writes: the phase in which it found no way, and the error.
fn in_a_process(base_uri: &str, variables: &[(&str, &str)]) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let name = "proxies::child_of_the_environment";
    child.args(["--exact", name, "--nocapture"]);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_ascii_uppercase();
        if text.ends_with("_PROXY") || text.starts_with("SSL_CERT_") || text == "REQUEST_METHOD" {
            child.env_remove(name);
        }
    }
    child.env("PROXIES_CHILD", base_uri);
    child.envs(variables.iter().copied());
    let output = child.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let (_, text) = text.split_once("<<").unwrap();
    text.split_once(">>").unwrap().0.to_owned()
}

/// Does nothing but in a process that [`in_a_process`] started.
#[test]
fn child_of_the_environment() {
    let Ok(base_uri) = std::env::var("PROXIES_CHILD") else {
        return;
    };
    let mut builder = recorded("1900000109").base_uri(base_uri);
    builder = builder.allow_plain_http(ELSEWHERE);
    if let Ok(proxy) = std::env::var("PROXIES_CHILD_PROXY") {
        builder = builder.proxy(proxy);
    }
    #[cfg(feature = "native-roots")]
    if std::env::var_os("SSL_CERT_FILE").is_some() {
        builder = builder.native_roots();
    }
    let said = match builder.build() {
        Err(error) => error.to_string(),
        Ok(client) => match coupon(&client, 1).wait().unwrap_err() {
            Error::Connect(error) => format!("{:?} {error}", error.phase()),
            error => error.to_string(),
        },
    };
    writeln!(io::stdout(), "<<{said}>>").unwrap();
}

#[test]
fn the_environment_s_proxy_is_taken_unless_an_exception_or_cgi_says_otherwise() {
    let (https, http) = ("https://pay.test/", "http://pay.test/");
    let refuses = Manner::Says("HTTP/1.1 403 Forbidden\r\n\r\n");
    let proxy = Proxy::start(refuses, (Ipv4Addr::LOCALHOST, 1).into());
    let url = proxy.url();
    let refused = format!("the proxy {} refused with 403", proxy.address);
    let through = |base_uri: &str, variables: &[(&str, &str)]| {
        let said = in_a_process(base_uri, variables);
        let is_through = said.starts_with("Proxy ") && said.contains(&refused);
        assert!(is_through || said.starts_with("Lookup "), "{said}");
        is_through
    };
    assert!(!through(https, &[]));
    assert!(through(https, &[("HTTPS_PROXY", &url)]));
    assert!(through(
        https,
        &[("https_proxy", &url), ("REQUEST_METHOD", "GET")]
    ));
    assert!(through(https, &[("ALL_PROXY", &url)]));
    assert!(!through(https, &[("HTTP_PROXY", &url)]));
    assert!(through(http, &[("HTTP_PROXY", &url)]));
    assert!(!through(
        http,
        &[("HTTP_PROXY", &url), ("REQUEST_METHOD", "GET")]
    ));
    assert!(!through(
        https,
        &[("HTTPS_PROXY", &url), ("NO_PROXY", "a.b, test")]
    ));
    assert!(!through(
        https,
        &[("PROXIES_CHILD_PROXY", &url), ("no_proxy", "*")]
    ));
    assert!(through(
        https,
        &[("PROXIES_CHILD_PROXY", &url), ("NO_PROXY", "ay.test")]
    ));
}

#[test]
fn a_variable_that_is_no_proxy_s_address_is_named() {
    let variables = [("HTTPS_PROXY", "https://user:MARK@proxy.example:1")];
    let said = in_a_process("https://pay.test/", &variables);
    assert!(said.starts_with("HTTPS_PROXY: "), "{said}");
    assert!(
        said.contains("http://host:port") && !said.contains("MARK"),
        "{said}"
    );
}

#[cfg(feature = "native-roots")]
#[test]
fn the_system_s_roots_are_trusted_when_asked_for() {
    let sandbox = Way::Http2.sandbox();
    let name = format!("root of the sandbox of {}.pem", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, sandbox.root_certificate().unwrap()).unwrap();
    let file = path.to_str().unwrap();
    let base_uri = sandbox.base_uri();
    let said = in_a_process(&base_uri, &[("SSL_CERT_FILE", file)]);
    std::fs::write(&path, "").unwrap();
    let without = in_a_process(&base_uri, &[("SSL_CERT_FILE", file)]);
    std::fs::remove_file(&path).unwrap();
    // The merchant's key is another one, but the connection is good.
    assert!(said.contains("401"), "{said}");
    assert!(
        without.contains("native_roots: the system has none"),
        "{without}"
    );
    let strange = in_a_process(&base_uri, &[]);
    assert!(strange.contains("UnknownIssuer"), "{strange}");
}
