//! What the modules share: the recorded facts, a client from the test keys, and how a request looks before it is sent.

use http::Request as HttpRequest;
use serde_json::Value;
use wechatpay_chain::{Client, ClientBuilder, Error, Request};
use wechatpay_sandbox::Sandbox;

pub(crate) const MCHID: &str = "1900197849";
pub(crate) const MERCHANT_KEY: &str = include_str!("../vectors/keys/merchant.key");
pub(crate) const MERCHANT_CERTIFICATE: &str = include_str!("../vectors/keys/merchant.crt");
pub(crate) const MERCHANT_SERIAL: &str = "468E7085162A99070AADF2B986A76420E8684762";
pub(crate) const MERCHANT_PUBLIC: &str = include_str!("../vectors/keys/merchant.pub");
pub(crate) const PLATFORM_KEY: &str = include_str!("../vectors/keys/platform.key");
pub(crate) const PLATFORM_CERTIFICATE: &str = include_str!("../vectors/keys/platform.crt");
pub(crate) const PLATFORM_SERIAL: &str = "35703DF0454F720EFBCCC940B3A3A2892BF625A9";
pub(crate) const PLATFORM_PUBLIC: &str = include_str!("../vectors/keys/platform.pub");
pub(crate) const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119001978492024101100397200000006";
pub(crate) const APIV3_KEY: &str = "0123456789abcdef0123456789ABCDEF";
pub(crate) const SECRET: &str = "exposed_your_key_here_have_risks";

/// The address of a file among the test keys.
pub(crate) fn key_file(name: &str) -> String {
    format!(
        "file://{}/tests/vectors/keys/{name}",
        env!("CARGO_MANIFEST_DIR")
    )
}

/// The settings of the recorded merchant, with WeChat Pay's default host.
pub(crate) fn builder() -> ClientBuilder {
    Client::builder()
        .mchid(MCHID)
        .serial(MERCHANT_SERIAL)
        .private_key(MERCHANT_KEY)
        .platform_certificate(PLATFORM_CERTIFICATE)
}

/// A client of the recorded merchant.
pub(crate) fn client() -> Client {
    builder().build().unwrap()
}

/// A client of the sandbox's merchant, so that one setting can be another.
pub(crate) fn sandbox_builder(sandbox: &Sandbox) -> ClientBuilder {
    let builder = Client::builder()
        .mchid(sandbox.mchid())
        .serial(sandbox.merchant_serial())
        .private_key(sandbox.merchant_private_key())
        .cert(sandbox.platform_serial(), sandbox.platform_public_key())
        .base_uri(sandbox.base_uri());
    match sandbox.root_certificate() {
        Some(root) => builder.root_certificate(root),
        None => builder,
    }
}

/// Path and query as they are signed and sent.
pub(crate) fn target(request: Request) -> String {
    let request = request.into_http().unwrap();
    request.uri().path_and_query().unwrap().as_str().to_owned()
}

/// One header of a signed request, `""` where there is none.
pub(crate) fn header<T>(request: &HttpRequest<T>, name: &str) -> String {
    let value = request.headers().get(name).map(|value| value.as_bytes());
    String::from_utf8(value.unwrap_or_default().to_vec()).unwrap()
}

/// The body of a signed request, as text.
pub(crate) fn body(request: Request) -> String {
    String::from_utf8(request.into_http().unwrap().into_body().to_vec()).unwrap()
}

/// The rows of a recording.
pub(crate) fn rows(recording: &str) -> Vec<Value> {
    serde_json::from_str(recording).unwrap()
}

/// Whether an error's text holds every one of these.
#[track_caller]
pub(crate) fn assert_says(error: &Error, fragments: &[&str]) {
    let text = error.to_string();
    for fragment in fragments {
        assert!(text.contains(fragment), "no {fragment:?} in: {text}");
    }
    assert!(!text.contains(['\n', '\r', '\0']), "{text:?}");
}

/// That an error shows nothing of this key: no 20 characters in a row of its body.
#[track_caller]
pub(crate) fn assert_hides(error: &Error, key: &str) {
    let shown = format!("{error} {error:?}");
    let body: String = key
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    for window in body.as_bytes().windows(20) {
        let window = std::str::from_utf8(window).unwrap();
        assert!(!shown.contains(window), "{window} of the key in: {shown}");
    }
}
