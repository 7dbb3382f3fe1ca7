//! What several modules need.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::json;
use wechatpay_chain::{Client, ClientBuilder, Error, Request};
use wechatpay_sandbox::Sandbox;

pub(crate) const MERCHANT_KEY: &str = include_str!("../vectors/keys/merchant.key");
pub(crate) const MERCHANT_SERIAL: &str = include_str!("../vectors/keys/merchant.serial");
pub(crate) const MERCHANT_PUBLIC: &str = include_str!("../vectors/keys/merchant.pub");
pub(crate) const PLATFORM_KEY: &str = include_str!("../vectors/keys/platform.key");
pub(crate) const PLATFORM_CERTIFICATE: &str = include_str!("../vectors/keys/platform.crt");
pub(crate) const PLATFORM_SERIAL: &str = include_str!("../vectors/keys/platform.serial");

/// A little more than the shortest time between two fetches of certificates.
pub(crate) const MINUTE: Duration = Duration::from_secs(61);

/// The paths of what the sandbox received.
pub(crate) fn paths(sandbox: &Sandbox) -> Vec<String> {
    let received = sandbox.received();
    received.iter().map(|it| it.path().to_owned()).collect()
}

/// How often the certificates were fetched.
pub(crate) fn fetches(sandbox: &Sandbox) -> usize {
    let paths = paths(sandbox);
    paths
        .iter()
        .filter(|path| path.ends_with("/certificates"))
        .count()
}

/// Moves tokio's clock, and with it the client's.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// A sandbox that signs with its first platform certificate.
pub(crate) fn signing_by_certificate() -> Sandbox {
    // Tests under load count what came.
    let sandbox = Sandbox::builder().keep(100_000).start_blocking().unwrap();
    let certificate = &sandbox.certificates()[0];
    sandbox.sign_with(certificate.serial()).unwrap();
    sandbox
}

/// A client that fetches its platform certificates.
pub(crate) fn keeping(sandbox: &Sandbox) -> Client {
    let builder = sandbox.client_builder().apiv3_key(sandbox.apiv3_key());
    builder.build().unwrap()
}

/// The request that the sandbox knows.
pub(crate) fn order(client: &Client) -> Request {
    let send = client.chain("v3/marketing/busifavor/product-coupons/send");
    send.post(json!({
        "openid": "o1", "appid": "wx1234567889999", "stock_id": "12312354",
        "out_request_no": "2335465", "coupon_type": "NORMAL",
    }))
}

/// Lets everything else run until it is so.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "it never came");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// In hexadecimal digits.
pub(crate) fn sha1(content: impl AsRef<[u8]>) -> String {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, content.as_ref());
    let bytes = digest.as_ref().iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn gzip(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// The settings of the recorded requests.
pub(crate) fn recorded(mchid: &str) -> ClientBuilder {
    Client::builder()
        .mchid(mchid)
        .serial(MERCHANT_SERIAL)
        .private_key(MERCHANT_KEY)
        .platform_certificate(PLATFORM_CERTIFICATE)
}

/// A client with the recorded keys, towards the default host: for what is never sent.
pub(crate) fn offline() -> Client {
    recorded("1900000109").build().unwrap()
}

/// Path and query as they are signed and sent.
#[track_caller]
pub(crate) fn target(request: Request) -> String {
    let request = request.into_http().unwrap();
    request.uri().path_and_query().unwrap().as_str().to_owned()
}

/// The body as it is signed and sent.
pub(crate) fn body(request: Request) -> String {
    String::from_utf8(request.into_http().unwrap().into_body().to_vec()).unwrap()
}

/// One header of a signed request, `""` where there is none.
pub(crate) fn header<T>(request: &http::Request<T>, name: &str) -> String {
    let value = request.headers().get(name).map(|value| value.as_bytes());
    String::from_utf8(value.unwrap_or_default().to_vec()).unwrap()
}

/// An error says each of these, on one line.
#[track_caller]
pub(crate) fn assert_says(error: &Error, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
    assert!(!text.contains(char::is_control), "{text:?}");
}
