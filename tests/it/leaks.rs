//! No Debug or Display of anything public, and no log event, holds a key, a secret, a signature,
//! an `Authorization` value, a body, a query or a value of a path.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::fmt::{Debug, Display};
use std::future::IntoFuture as _;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata};
use wechatpay_chain::{
    Chain, Client, ClientBuilder, Error, Media, Payload, Request, Response, Retry, catalogue,
    formatter, hash, rsa, transformer,
};
use wechatpay_sandbox::{CannedAnswer, Misbehaviour, Sandbox};

use crate::support::{
    MERCHANT_KEY, PLATFORM_CERTIFICATE, PLATFORM_KEY, PLATFORM_SERIAL, keeping, recorded,
    signing_by_certificate,
};

/// What every marker holds.
const MARK: &str = "MARKed";
const APIV3_KEY: &str = "MARKedapiv3keyMARKedapiv3keyMARK";
const SECRET: &str = "MARKedsecretMARKedsecretMARKedse";
const KEYS: [&str; 2] = [MERCHANT_KEY, PLATFORM_KEY];

/// Texts that must hold nothing of what is secret.
#[derive(Default)]
struct Shown {
    /// Secrets that are not known beforehand, such as signatures.
    more: Vec<String>,
    errors: BTreeSet<String>,
    types: BTreeSet<&'static str>,
}

impl Shown {
    fn text(&self, text: &str) {
        let bare: String = text.split_whitespace().collect();
        assert!(!bare.contains(MARK), "{text}");
        for key in KEYS {
            for line in key.lines().filter(|line| !line.starts_with('-')) {
                for part in 0..line.len() / 16 {
                    let part = &line[part * 16..(part + 1) * 16];
                    assert!(!bare.contains(part), "{text}");
                }
            }
        }
        for secret in &self.more {
            assert!(!text.contains(secret.as_str()), "{text}");
        }
    }

    fn debug(&mut self, name: &'static str, shown: &impl Debug) {
        self.types.insert(name);
        self.text(&format!("{shown:?}"));
        self.text(&format!("{shown:#?}"));
    }

    fn both(&mut self, name: &'static str, shown: &(impl Debug + Display)) {
        self.debug(name, shown);
        self.text(&shown.to_string());
    }

    /// The error, what is inside it, and its causes.
    fn error(&mut self, error: &Error) {
        self.both("Error", error);
        let debug = format!("{error:?}");
        let (variant, _) = debug.split_once('(').unwrap();
        self.errors.insert(variant.to_owned());
        match error {
            Error::Config(error) => self.both("ConfigError", error),
            Error::Key(error) => self.both("KeyError", error),
            Error::Request(error) => self.both("RequestError", error),
            Error::Template(error) => self.both("TemplateError", error),
            Error::Connect(error) | Error::Timeout(error) | Error::Transport(error) => {
                self.both("NetworkError", error);
                self.both("Phase", &error.phase());
            }
            Error::Redirect(error) => self.both("RedirectError", error),
            Error::Api(error) => {
                self.both("ApiError", error);
                self.debug("SignatureState", &error.signature());
            }
            Error::Verify(error) => {
                self.both("VerifyError", error);
                self.debug("Check", error.check());
            }
            Error::Decode(error) => self.both("DecodeError", error),
            other => panic!("not walked: {other}"),
        }
        for attempt in error.attempts() {
            self.both("Attempt", attempt);
        }
        let mut cause = error.source();
        while let Some(error) = cause {
            self.text(&format!("{error} {error:?} {error:#?}"));
            cause = error.source();
        }
    }

    fn refused(&mut self, request: Request) -> Error {
        self.debug("Request", &request);
        let error = request.into_http().unwrap_err();
        self.error(&error);
        error
    }
}

/// A client whose every setting can be recognised.
fn marked(base_uri: &str) -> ClientBuilder {
    recorded("1900000109")
        .apiv3_key(APIV3_KEY)
        .secret(SECRET)
        .header("X-Client", "MARKedheader")
        .base_uri(base_uri)
}

/// A request with a marker in each part that is a value.
fn filled(client: &Client) -> Request {
    let path = client
        .v3()
        .marketing()
        .busifavor()
        .users()
        .openid("MARKedopenid")
        .coupons()
        .coupon_code("MARKedcode")
        .appids();
    path.chain("{appid}")
        .segment("MARKedsegment")
        .post(json!({ "name": "MARKedbody", "MARKedkey": 1 }))
        .query(json!({ "token": "MARKedquery" }))
        .var("appid", "MARKedvar")
        .header("X-Request", "MARKedheader")
        .timeout(Duration::from_secs(10))
}

/// Each part of the `Authorization` header that is secret.
fn signature(request: &http::Request<Bytes>) -> String {
    let header = request.headers()["authorization"].to_str().unwrap();
    let (_, rest) = header.split_once("signature=\"").unwrap();
    rest.trim_end_matches('"').to_owned()
}

fn with_type(status: u16, headers: &[(&str, &str)], body: &str) -> http::Response<Bytes> {
    let mut answer = http::Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    answer.body(Bytes::from(body.to_owned())).unwrap()
}

fn signed(body: &str) -> http::Response<Bytes> {
    let now = formatter::timestamp();
    let key = rsa::PrivateKey::from_pem(PLATFORM_KEY).unwrap();
    let signature = key.sign(formatter::response(&now, "nonce1", body));
    let headers = [
        ("Wechatpay-Timestamp", now.as_str()),
        ("Wechatpay-Nonce", "nonce1"),
        ("Wechatpay-Serial", PLATFORM_SERIAL.trim()),
        ("Wechatpay-Signature", &signature),
        ("X-Other", "MARKedheader"),
    ];
    with_type(200, &headers, body)
}

fn settings(shown: &mut Shown) {
    let lines: Vec<_> = MERCHANT_KEY.lines().collect();
    let body = lines[1..lines.len() - 1].join("\n");
    let one_line = body.replace('\n', "");
    let damaged = [
        body.clone(),
        one_line.clone(),
        MERCHANT_KEY.replace("KEY-----", "KEY"),
        MERCHANT_KEY.replacen("KEY-----", "KEY", 1),
        MERCHANT_KEY.replacen("KEY-----", "KEY---", 1),
        MERCHANT_KEY
            .replacen("KEY-----", "KEY", 1)
            .replace('\n', ""),
        MERCHANT_KEY
            .replacen("KEY-----", "KEY", 1)
            .replace('\n', "\\n"),
        MERCHANT_KEY.replace("-----END", "END"),
        MERCHANT_KEY.replace("PRIVATE", "EC PRIVATE"),
        MERCHANT_KEY.replace("PRIVATE", "ENCRYPTED PRIVATE"),
        MERCHANT_KEY.replace("PRIVATE", "PUBLIC"),
        MERCHANT_KEY.replace("PRIVATE", "RSA PRIVATE"),
        MERCHANT_KEY.replacen('A', "*", 3),
        lines[..5].join("\n"),
        format!("private.pkcs8://{one_line}"),
        format!("private.pkcs1://{one_line}"),
        format!("file://{one_line}"),
        format!("file:///{one_line}"),
        format!("\"{}\"", MERCHANT_KEY.replace('\n', "\\n")),
    ];
    let wrong = |builder: ClientBuilder| builder.mchid("1900000109").build();
    for key in damaged {
        if let Err(error) = wrong(recorded("1").private_key(&key)) {
            shown.error(&error);
        }
        if let Err(error) = wrong(recorded("1").private_key(key.as_bytes())) {
            shown.error(&error);
        }
        shown.error(&wrong(recorded("1").platform_certificate(&key)).unwrap_err());
        shown.error(&wrong(recorded("1").root_certificate(&key)).unwrap_err());
        shown.debug("ClientBuilder", &recorded("1").private_key(key));
    }
    // Settings that were taken for each other.
    let swapped = [
        recorded("1").mchid(SECRET),
        recorded("1").mchid(APIV3_KEY),
        recorded("1").serial(MERCHANT_KEY),
        recorded("1").serial(&one_line),
        recorded("1").cert(MERCHANT_KEY, PLATFORM_CERTIFICATE),
        recorded("1").cert(MERCHANT_KEY, "MARKed"),
        recorded("1").cert("AB", MERCHANT_KEY),
        recorded("1").private_key(SECRET),
        recorded("1").private_key(PLATFORM_CERTIFICATE),
        recorded("1").merchant(MERCHANT_KEY, SECRET),
        recorded("1").apiv3_key(format!("{APIV3_KEY}\n")),
        recorded("1").apiv3_key(MERCHANT_KEY),
        recorded("1").secret(format!(" {SECRET}")),
        recorded("1").base_uri("https://MARKeduser:MARKedpass@api.mch.weixin.qq.com/"),
        recorded("1").base_uri("ht tp://MARKeduser:MARKedpass@api.mch.weixin.qq.com/"),
        recorded("1").base_uri("https://api.mch.weixin.qq.com/?token=MARKed"),
        recorded("1").base_uri("https://api.mch.weixin.qq.com/#MARKed"),
        recorded("1").base_uri("no address?MARKed"),
        recorded("1").base_uri("https://MARKed?@api.mch.weixin.qq.com/"),
        recorded("1").root_certificate("file://MARKed"),
        recorded("1").root_certificate("-----BEGIN MARKed\nMARKed"),
        recorded("1").header("Authorization: MARKed", ""),
        recorded("1").header("X", "MARKed\nx"),
        recorded("1").header("Host", "MARKed"),
        recorded("1").root_certificate("MARKed"),
    ];
    for builder in swapped {
        shown.error(&builder.build().unwrap_err());
    }
    let key = MERCHANT_KEY;
    for more in [
        json!({ "unknown": "MARKed" }),
        json!({ "apiv3Key": ["MARKed"] }),
        json!({ "apiv3Key": "MARKed" }),
        json!({ "secret": { "MARKed": 1 } }),
        json!({ "privateKey": ["MARKed", key] }),
        json!({ "merchant": { "cert": key, "key": ["MARKed", "MARKed"] } }),
        json!({ "merchant": ["MARKed", key] }),
        json!({ "certs": "MARKed" }),
        json!({ "certs": { "AB": key } }),
        json!({ "headers": { "X": "MARKed\nx" } }),
        json!({ "headers": { "X": [["MARKed"]] } }),
        json!({ "headers": ["Authorization: MARKed"] }),
        json!({ "headers": { "Authorization: MARKed": "" } }),
        json!({ "timeout": "MARKed" }),
        json!({ "timeout": ["MARKed"] }),
        json!({ "proxy": "https://user:MARKed@proxy" }),
        json!({ "proxy": { "https": "http://user:MARKed@proxy" } }),
        json!({ "auth": ["user", "MARKed"] }),
        json!({ "cookies": { "session": "MARKed" } }),
        json!("MARKed"),
    ] {
        shown.error(&Client::factory(more).unwrap_err());
    }
    for error in [
        rsa::PrivateKey::from_file("/nowhere/apiclient_key.pem").map(drop),
        rsa::PublicKey::from_pem(MERCHANT_KEY).map(drop),
        wechatpay_chain::pem::serial_number(MERCHANT_KEY).map(drop),
    ] {
        shown.error(&error.unwrap_err());
    }
}

/// One value is shown by design: a segment that was refused for its capitals, which is named so
/// that its writer finds it.
fn requests(shown: &mut Shown, client: &Client) {
    let path = client.chain("v3/pay/transactions/id");
    let wrong = [
        path.post(json!({ "json": { "a": "MARKed" } })),
        path.post(json!("MARKed")),
        path.get().header("X", "MARKed\nx"),
        path.get().header("Authorization: MARKed", "MARKed"),
        path.get().header("Content-Length", "MARKed"),
        path.get().query(1),
        path.get().query(["MARKed"]),
        path.get().query(json!({ "a": [["MARKed"]] })),
        path.get().query([("a", "MARKed")]).query([("a", "MARKed")]),
        client.chain("v3/x?a=MARKed").get().query([("a", "MARKed")]),
        path.get()
            .base_uri("https://MARKed:MARKed@api.mch.weixin.qq.com/"),
        path.get().base_uri("http://api.mch.weixin.qq.com/?MARKed"),
        path.request("GET", json!({ "json": "MARKed" })),
        path.request("GET", json!({ "json": {}, "body": "MARKed" })),
        path.request("GET", json!({ "body": ["MARKed"] })),
        path.request("GET", json!({ "auth": ["user", "MARKed"] })),
        path.request("GET", json!({ "proxy": "http://user:MARKed@proxy" })),
        path.request("GET", json!({ "verify": "MARKed" })),
        path.request("GET", json!({ "sink": "/MARKed" })),
        path.request("GET", json!({ "timeout": "MARKed" })),
        path.request("GET", json!({ "headers": { "X": [["MARKed"]] } })),
        path.request("GET", json!({ "xml": "MARKed" })),
        path.request("GET", json!("MARKed")),
        path.request("GET", json!({ "unknown": "MARKed" })),
        path.segment("MARKed")
            .request("GET", json!({ "unknown": "MARKed" })),
        path.segment("MARKed").segment("").get(),
        path.segment("MARKed").segment("..").get(),
        client.url("https://evil.example/x?token=MARKed"),
        client.url("https://u:MARKed@api.mch.weixin.qq.com/x"),
        client.url("https://api.mch.weixin.qq.com/x#MARKed"),
        client.url("https://api.mch.weixin.qq.com/MARKed/../x?MARKed"),
        client.url("MARKed?token=MARKed"),
        client
            .chain("https://api.mch.weixin.qq.com/x?token=MARKed")
            .get(),
        client
            .chain("v2/pay/orderquery")
            .post(json!({ "MARKed": 1 })),
        client.chain("v3/pay/transactions/id/MARKed/{x}").get(),
        path.segment("MARKed").chain("{x}").get(),
        path.segment("MARKed").chain("{").get(),
        path.segment("MARKed").get().var("x", "MARKed"),
        path.chain("{x}").get().var("x", ""),
        path.chain("{x}/{y}").get().var("x", "MARKed"),
        path.chain("{x}/{y}")
            .get()
            .var("x", "MARKed")
            .var("y", ".."),
        path.chain("{x:MARK}").get().var("x", "MARKed"),
        path.chain("{#x}").get().var("x", "MARKed"),
        path.chain("{x:3}").get().var("x", ["MARKed"]),
    ];
    for request in wrong {
        shown.refused(request);
    }
}

fn answers(shown: &mut Shown, client: &Client) {
    let body = "{\"a\":\"MARKed\"";
    let whole = "{\"a\":\"MARKed\"}";
    let location = |location: &'static str| with_type(302, &[("Location", location)], body);
    let mut altered = signed(whole);
    *altered.body_mut() = Bytes::from_static(b"MARKed");
    let mut nonsense = signed(whole);
    nonsense.headers_mut().insert(
        "wechatpay-signature",
        http::HeaderValue::from_bytes("MARKed\u{4e2d}".as_bytes()).unwrap(),
    );
    let sign_error = json!({
        "code": "SIGN_ERROR", "message": "m", "MARKed": "MARKed",
        "detail": { "sign_information": {
            "method": "POST", "url": "/MARKed?MARKed", "sign_message_length": 9,
            "truncated_sign_message": "POST\n/MARKed",
        }},
    });
    let wrong = [
        location("https://evil.example/MARKed?token=MARKed#MARKed"),
        location("https://user:MARKed@evil.example/?token=MARKed"),
        location("/MARKed?token=MARKed"),
        location("?token=MARKed"),
        location("MARKed MARKed"),
        location("MARKed"),
        with_type(200, &[("X", "MARKed"), ("Set-Cookie", "MARKed")], body),
        with_type(200, &[("Wechatpay-Signature", "MARKed")], body),
        altered,
        nonsense,
        with_type(
            400,
            &[("Set-Cookie", "MARKed"), ("Wechatpay-Signature", "MARKed")],
            body,
        ),
        with_type(400, &[], whole),
        with_type(502, &[], "<html><title>MARKed</title>MARKed</html>"),
        with_type(401, &[], &sign_error.to_string()),
    ];
    for answer in wrong {
        let (request, accept) = filled(client).into_parts().unwrap();
        shown.more.push(signature(&request));
        shown.text(&format!(
            "{:?} {:#?}",
            request.headers()["authorization"],
            request.headers()["authorization"]
        ));
        shown.debug("Answer", &accept);
        shown.error(&accept.accept(answer).unwrap_err());
    }
    let (_, accept) = filled(client).into_parts().unwrap();
    let response = accept.accept(signed(body)).unwrap();
    shown.debug("Response", &response);
    shown.error(&response.data().unwrap_err());
    shown.error(&response.json::<u8>().unwrap_err());
    let (_, accept) = filled(client).into_parts().unwrap();
    let response: Response = accept.accept(signed(whole)).unwrap();
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {}
    shown.error(&response.json::<Strict>().unwrap_err());
    shown.error(
        &response
            .json::<std::collections::HashMap<String, u8>>()
            .unwrap_err(),
    );
}

fn network(shown: &mut Shown) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    let silent = marked(&format!("https://{address}/"));
    let silent = silent.connect_timeout(Duration::from_millis(100)).build();
    let silent = silent.unwrap();
    let error = filled(&silent).wait().unwrap_err();
    assert!(error.is_timeout());
    shown.error(&error);
    drop(port);
    shown.error(&filled(&silent).wait().unwrap_err());

    for builder in [
        Sandbox::builder(),
        Sandbox::builder().http1_only(),
        Sandbox::builder().plain(),
    ] {
        let sandbox = builder.start_blocking().unwrap();
        // Another authority than the sandbox's: its certificate is not trusted.
        let stranger = marked(&sandbox.base_uri()).build().unwrap();
        shown.error(&filled(&stranger).wait().unwrap_err());
        let client = sandbox.client();
        for misbehaviour in [
            Misbehaviour::CutAfterRead,
            Misbehaviour::CutInAnswer,
            Misbehaviour::CutBeforeRead,
            Misbehaviour::ProbeSignature,
            Misbehaviour::html(502),
        ] {
            sandbox.misbehave(misbehaviour);
            shown.error(&filled(&client).wait().unwrap_err());
        }
        sandbox.misbehave(Misbehaviour::Delay(Duration::from_secs(5)));
        let limited = filled(&client).timeout(Duration::from_millis(400));
        shown.error(&limited.wait().unwrap_err());
    }
}

/// The names behind `pub use`, from the source: a type that is added there must be shown here.
fn public_names() -> BTreeSet<&'static str> {
    let source = include_str!("../../src/lib.rs");
    let exports = source.split("pub use ").skip(1);
    let names = exports.flat_map(|export| {
        let export = export.split(';').next().unwrap();
        export.split(|c: char| !c.is_ascii_alphanumeric())
    });
    names
        .filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()))
        .collect()
}

/// The variants of `Error`, from the source.
fn variants() -> BTreeSet<String> {
    let source = include_str!("../../src/error.rs");
    let (_, variants) = source.split_once("pub enum Error {").unwrap();
    let (variants, _) = variants.split_once("\n}").unwrap();
    let names = variants
        .lines()
        .filter_map(|line| line.trim().split_once("(Box<"));
    names.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn nothing_public_shows_a_key_a_secret_a_signature_a_body_a_query_or_a_value() {
    let mut shown = Shown::default();
    let client = marked("https://api.mch.weixin.qq.com/").build().unwrap();

    shown.debug("Client", &client);
    shown.debug("ClientBuilder", &marked("https://u:MARKed@host/?MARKed"));
    shown.debug(
        "PrivateKey",
        &rsa::PrivateKey::from_pem(MERCHANT_KEY).unwrap(),
    );
    shown.debug(
        "PublicKey",
        &rsa::PublicKey::from_pem(PLATFORM_CERTIFICATE).unwrap(),
    );
    let chain: Chain = client.chain("v3/x/4200001234567890?token=MARKed");
    shown.debug("Chain", &chain.segment("MARKed"));
    shown.debug(
        "Chain",
        &client.chain("v3/pay/transactions/id/MARKed").clone(),
    );
    shown.debug(
        "Chain",
        &client
            .v3()
            .pay()
            .transactions()
            .id()
            .transaction_id("MARKed"),
    );
    let media = Media::new("MARKed.png", "MARKed").meta(json!({ "MARKed": 1 }));
    shown.debug("Media", &media);
    for payload in [
        Payload::from(json!({ "MARKed": "MARKed" })),
        Payload::from("MARKed"),
        Payload::from(b"MARKed".to_vec()),
        Payload::from(()),
        Payload::from(&media),
    ] {
        shown.debug("Payload", &payload);
    }
    shown.debug("Request", &filled(&client));
    shown.debug(
        "Request",
        &client.url("https://api.mch.weixin.qq.com/v3/billdownload/file?token=MARKed"),
    );
    shown.debug(
        "Request",
        &client.url("https://api.mch.weixin.qq.com/v3/merchant-service/images/MARKed"),
    );
    shown.debug("Pending", &filled(&client).into_future());
    bills(&mut shown);
    shown.debug("Signing", &filled(&client).sign());
    shown.debug("PayParams", &client.pay_params());
    apiv2(&mut shown, &client);
    shown.debug("Endpoints", &catalogue::endpoints());
    for endpoint in catalogue::endpoints().take(3) {
        shown.debug("Endpoint", &endpoint);
    }

    settings(&mut shown);
    requests(&mut shown, &client);
    answers(&mut shown, &client);
    network(&mut shown);
    platform(&mut shown);

    assert_eq!(shown.errors, variants());
    let names = public_names();
    let no_types = [
        "NotificationHeaders",
        "ResponseFuture",
        "Result",
        "ServiceError",
        "ServiceFuture",
        "Signer",
        "Verifier",
    ];
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !shown.types.contains(**name) && !no_types.contains(name))
        .collect();
    assert!(missing.is_empty(), "not shown: {missing:?}");
}

/// A request of APIv2 with a marker in each part that is a value, and the two secrets of such a one.
fn filled_v2(client: &Client) -> Request {
    let path = client.chain("v2/pay/{x}");
    let fields = json!({ "mch_id": "1900000109", "appid": "MARKedappid", "nonce_str": "n" });
    path.post(fields)
        .var("x", "MARKedvar")
        .workwx_sign_of("MARKedagent", ["appid"])
        .query([("token", "MARKedquery")])
        .header("X-Request", "MARKedheader")
        .timeout(Duration::from_secs(10))
}

/// What an XML body, a form or a query of APIv2 was signed with.
fn signs(request: &http::Request<Bytes>) -> Vec<String> {
    let body = String::from_utf8_lossy(request.body());
    signs_in(&format!("{}\n{body}", request.uri()))
}

/// Both kinds of signs: hexadecimal digits in capitals.
fn signs_in(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| {
        let is_digit = |c: char| c.is_ascii_digit() || ('A'..='F').contains(&c);
        matches!(word.len(), 32 | 64) && word.chars().all(is_digit)
    });
    words.map(str::to_owned).collect()
}

/// Bills, streams and downloads: their query holds a token, and their body what was paid.
fn bills(shown: &mut Shown) {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let file = || {
        let path = client.chain("v3/billdownload/file").get();
        path.query([("token", "MARKed")])
    };
    let address = format!("{}v3/billdownload/file?token=MARKed", sandbox.base_uri());
    let digest = "6d9a5a2e4e4d6cbf2c2f2b4c3b5b0d2b8f6f6a10";
    let promise = json!({
        "hash_type": "SHA1", "hash_value": digest, "download_url": address,
    });
    sandbox.answer("GET", "/v3/bill/tradebill", 200, promise);
    let bill = || {
        let bill = client.bill().trade("2024-01-01");
        bill.query([("sub_mchid", "MARKed")])
    };
    shown.debug("Bills", &client.bill());
    shown.debug("BillRequest", &bill());
    shown.debug("Streaming", &file().stream());
    let path = std::env::temp_dir().join(format!("wechatpay-chain leaks {}", std::process::id()));
    shown.debug("Download", &file().download(&path));
    shown.debug("BillDownload", &bill().download(&path));
    let answer = CannedAnswer::new(200)
        .unsigned()
        .header("X-Other", "MARKed")
        .body("MARKed");
    let path_of_file = "/v3/billdownload/file";
    sandbox.answer_with("GET", path_of_file, answer.clone());
    shown.error(&bill().wait().unwrap_err());
    shown.error(&bill().download(&path).wait().unwrap_err());
    shown.debug("BodyReader", &file().stream().wait().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let streamed = runtime.block_on(async { file().stream().await });
    shown.debug("Streamed", &streamed.unwrap());
    shown.debug("Downloaded", &file().download(&path).wait().unwrap());
    std::fs::remove_file(&path).unwrap();
    let packed = answer.header("Content-Encoding", "gzip");
    sandbox.answer_with("GET", path_of_file, packed);
    shown.error(&file().download(&path).wait().unwrap_err());
    sandbox.answer_with("GET", path_of_file, CannedAnswer::new(200).body("MARKed"));
    shown.error(&file().answer_limit(1).stream().wait().unwrap_err());
    sandbox.forget_answers();
    shown.error(&file().stream().wait().unwrap_err());
    shown.debug("Bill", &client.bill().trade("2024-01-01").wait().unwrap());
    sandbox.answer(
        "GET",
        "/v3/bill/tradebill",
        200,
        json!({ "hash_type": "SM3" }),
    );
    shown.error(&bill().wait().unwrap_err());
}

/// APIv2's requests, answers and notifications, whose bodies hold signs.
fn apiv2(shown: &mut Shown, client: &Client) {
    let order = || {
        let path = client.v2().pay().orderquery();
        let fields = json!({ "mch_id": "1900000109", "out_trade_no": "MARKed" });
        path.post(fields).query([("MARKed", "MARKed")])
    };
    shown.debug("Request", &order().workwx_sign("MARKed"));
    for request in [
        order(),
        filled_v2(client),
        client
            .v2()
            .papay()
            .entrustweb()
            .get()
            .query(json!({ "mch_id": "1900000109", "a": "MARKed" })),
        client
            .chain("v2/x")
            .post(Media::new("MARKed.png", "MARKed").field("mch_id", "1900000109")),
    ] {
        shown.debug("Request", &request);
        let (request, accept) = request.into_parts().unwrap();
        shown.more.extend(signs(&request));
        shown.debug("Answer", &accept);
        for (status, body) in [
            (200, "<xml><return_code>FAIL</return_code></xml>"),
            (200, "<xml><return_code>SUCCESS</return_code></xml>"),
            (502, "MARKed"),
        ] {
            let request = filled_v2(client);
            let (_, accept) = request.into_parts().unwrap();
            shown.error(&accept.accept(with_type(status, &[], body)).unwrap_err());
        }
    }
    let agent = |secret: &str| {
        let path = client.chain("v2/x");
        let fields = json!({ "mch_id": "1900000109", "a": "MARKed" });
        path.post(fields).workwx_sign_of(secret, ["b"])
    };
    for request in [
        agent("MARKedagent"),
        agent(""),
        client
            .chain("v2/x")
            .post(json!({ "mch_id": "1900000109" }))
            .workwx_sign("MARKedagent"),
        client.chain("v3/x").get().workwx_sign("MARKedagent"),
    ] {
        shown.refused(request);
    }
    let fields = json!({ "return_code": "SUCCESS", "attach": "MARKed" });
    let sign = hash::sign(hash::SignType::Md5, &fields, SECRET);
    let signed = |sign: &str| {
        let mut fields = fields.clone();
        fields["sign"] = sign.into();
        transformer::to_xml(&fields)
    };
    let wrong = "0BEAEF74E47D46933351C63550BFCE95";
    shown.more.extend([sign.clone(), wrong.to_owned()]);
    let (_, accept) = order().into_parts().unwrap();
    shown.debug("Answer", &accept);
    let response = accept.accept(with_type(200, &[], &signed(&sign))).unwrap();
    shown.debug("Response", &response);
    shown.error(&response.json::<u8>().unwrap_err());
    for (status, body) in [
        (200, signed(wrong)),
        (200, transformer::to_xml(&fields)),
        (200, "<xml><a>MARKed</a></xml>".to_owned()),
        (200, "<xml><a>MARKed".to_owned()),
        (200, "MARKed".to_owned()),
        (302, "MARKed".to_owned()),
        (502, "<html>MARKed</html>".to_owned()),
        (
            200,
            "<xml><return_code>FAIL</return_code><a>MARKed</a></xml>".to_owned(),
        ),
    ] {
        let (_, accept) = order().into_parts().unwrap();
        let answer = with_type(status, &[("X-Other", "MARKed")], &body);
        shown.error(&accept.accept(answer).unwrap_err());
    }
    shown.debug(
        "NotificationV2",
        &client.notification_v2(signed(&sign)).unwrap(),
    );
    let req_info = "<xml><req_info>MARKed</req_info></xml>".to_owned();
    for body in [signed(wrong), transformer::to_xml(&fields), req_info] {
        shown.error(&client.notification_v2(body).unwrap_err());
    }
    let path = client.v2().pay().orderquery();
    for request in [
        path.post("<xml>MARKed</xml>"),
        path.post(json!({ "mch_id": "1900000109", "a": { "MARKed": "MARKed" } })),
        path.post(json!({ "mch_id": "1900000109", "a": ["MARKed"] })),
        path.post(json!({ "mch_id": "1900000109", "sign_type": "MARKed" })),
        path.get()
            .query(json!({ "mch_id": "1900000109", "a": { "b": "MARKed" } })),
        client
            .v2()
            .secapi()
            .pay()
            .refund()
            .post(json!({ "a": "MARKed" })),
        client
            .chain("v3/x")
            .request("POST", json!({ "xml": { "a": "MARKed" } })),
    ] {
        shown.refused(request);
    }
}

/// What is known of platform keys, and notifications.
fn platform(shown: &mut Shown) {
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    let certificates = client.certificates();
    shown.debug("Certificates", &certificates);
    for certificate in certificates.wait().unwrap() {
        shown.debug("PlatformCertificate", &certificate);
    }
    shown.debug("PlatformKeys", &client.platform_keys());
    for key in client.platform_keys().keys() {
        shown.debug("PlatformKey", key);
    }
    let secret = json!({ "MARKed": "MARKed" });
    let event = sandbox.notification("TRANSACTION.SUCCESS", "transaction", &secret);
    let incoming = client.notification(&event.headers(), event.body());
    shown.debug("Incoming", &incoming);
    shown.debug("Notification", &incoming.wait().unwrap());
    let again = Retry::idempotent().first_pause(Duration::ZERO);
    shown.debug("Retry", &again);
    shown.debug("Shutdown", &client.shutdown(Duration::ZERO));
    sandbox.misbehave_always(Misbehaviour::status(429, "MARK", "m"));
    let request = client.chain("v3/x").post("MARKed").retry(again);
    shown.error(&request.wait().unwrap_err());
    sandbox.behave();
    let forged = sandbox
        .notification_builder("X", "transaction", &secret)
        .probe();
    let forged = forged.build();
    let refused = client.notification(&forged.headers(), forged.body()).wait();
    shown.error(&refused.unwrap_err());
    let other = sandbox
        .client_builder()
        .apiv3_key("MARKed-MARKed-MARKed-MARKed-MARK");
    let error = other.build().unwrap().certificates().wait().unwrap_err();
    shown.error(&error);
}

/// Collects the fields of every span and event of this thread, whoever they are from.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<String>>>);

struct Fields<'a>(&'a Collector, &'static str);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{} {field}={value:?}", self.1);
        self.0.0.lock().unwrap().push(text);
    }
}

impl tracing::Subscriber for Collector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Fields(self, span.metadata().target()));
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Fields(self, "span"));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut Fields(self, event.metadata().target()));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn no_span_and_no_log_event_shows_a_signature_a_body_a_query_or_a_value_but_for_bodies_at_trace() {
    let collector = Collector::default();
    let mut shown = Shown::default();
    // While there is one only, tracing asks the thread that comes to an event first, which may be
    // another test's, and never again.
    let _second = tracing::Dispatch::new(collector.clone());
    let _guard = tracing::subscriber::set_default(collector.clone());
    for builder in [Sandbox::builder(), Sandbox::builder().http1_only()] {
        let sandbox = builder.start_blocking().unwrap();
        let client = sandbox.client();
        let success = json!({ "return_code": "SUCCESS", "attach": "MARKed" });
        sandbox.answer_with("POST", "/pay/*", CannedAnswer::xml(200, &success));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let debug = |client: &Client| {
            let path = client.chain("v3/pay/transactions/id/MARKed");
            path.request(
                "POST",
                json!({
                    "json": { "a": "MARKed" }, "query": { "b": "MARKed" }, "debug": true,
                    "headers": { "X": "MARKed" },
                }),
            )
        };
        let debug_v2 = |client: &Client| {
            let path = client.chain("v2/pay/orderquery");
            path.request(
                "POST",
                json!({
                    "xml": { "mch_id": "1900000109", "attach": "MARKed" }, "security": true,
                    "query": { "b": "MARKed" }, "debug": true, "headers": { "X": "MARKed" },
                }),
            )
        };
        for misbehaviour in [
            Misbehaviour::json(200, &json!({ "a": "MARKed" })),
            Misbehaviour::Unsigned,
            Misbehaviour::SignatureAltered,
            Misbehaviour::status(400, "PARAM_ERROR", "m"),
            Misbehaviour::redirect("https://evil.example/?token=MARKed"),
            Misbehaviour::html(200),
            Misbehaviour::CutAfterRead,
        ] {
            for request in [filled as fn(&Client) -> Request, filled_v2, debug, debug_v2] {
                sandbox.misbehave(misbehaviour.clone());
                let _ = request(&client).wait();
                sandbox.misbehave(misbehaviour.clone());
                let _ = runtime.block_on(request(&client).into_future());
            }
        }
        for received in sandbox.received() {
            let Some(header) = received.header("authorization") else {
                let found = signs_in(&String::from_utf8_lossy(received.body()));
                assert!(!found.is_empty());
                shown.more.extend(found);
                continue;
            };
            let (_, rest) = header.split_once("signature=\"").unwrap();
            shown.more.push(rest.trim_end_matches('"').to_owned());
        }
    }
    let events = collector.0.lock().unwrap();
    assert!(events.iter().any(|event| event.contains("PARAM_ERROR")));
    assert!(events.iter().any(|event| event.contains("body_bytes")));
    // The layers below speak, too.
    assert!(events.iter().any(|event| event.starts_with("h2")));
    assert!(shown.more.len() >= 80);
    assert!(
        events
            .iter()
            .any(|it| it.starts_with("wechatpay_chain verb="))
    );
    assert!(events.iter().any(|it| it.starts_with("span sent_bytes=")));
    let (bodies, others): (Vec<_>, Vec<_>) = events
        .iter()
        .partition(|event| event.starts_with("wechatpay_chain::body body="));
    assert!(bodies.iter().any(|body| body.contains(MARK)));
    for event in others {
        shown.text(event);
    }
    // A body may have anything but what is secret.
    for body in bodies {
        shown.text(&body.replace(MARK, ""));
    }
}

#[test]
fn what_a_caller_asks_for_by_name_is_all_there() {
    let client = marked("https://api.mch.weixin.qq.com/").build().unwrap();
    let (_, accept) = filled(&client).into_parts().unwrap();
    let answer = with_type(302, &[("Location", "https://h/?token=MARKed")], "MARKed");
    let error = accept.accept(answer).unwrap_err();
    let signed = error.signed_message().unwrap();
    assert!(signed.contains("MARKedopenid") && signed.contains("MARKedbody"));
    let Error::Redirect(redirect) = &error else {
        panic!("{error}");
    };
    assert_eq!(redirect.location(), Some("https://h/?token=MARKed"));
    assert_eq!(&error.into_response().unwrap().body()[..], b"MARKed");
}
