//! What is signed is what is sent, and an answer is trusted for its signature alone.

use bytes::Bytes;
use serde_json::{Value, json};
use wechatpay_chain::rsa::{PrivateKey, PublicKey};
use wechatpay_chain::{Answer, Chain, Error, Request, SignatureState, formatter};
use wechatpay_sandbox::{Misbehaviour, Received, Sandbox};

use crate::support::{
    MERCHANT_KEY, MERCHANT_PUBLIC, MERCHANT_SERIAL, PLATFORM_KEY, PLATFORM_SERIAL, assert_says,
    header, offline as client,
};
use crate::way::settings;

/// The parts of an `Authorization` header.
struct Authorization {
    mchid: String,
    serial: String,
    timestamp: String,
    nonce: String,
    signature: String,
}

impl Authorization {
    fn read(header: &str) -> Self {
        let rest = header.strip_prefix("WECHATPAY2-SHA256-RSA2048 ").unwrap();
        let part = |name: &str| {
            let (_, rest) = rest.split_once(&format!("{name}=\"")).unwrap();
            rest.split_once('"').unwrap().0.to_owned()
        };
        Self {
            mchid: part("mchid"),
            serial: part("serial_no"),
            timestamp: part("timestamp"),
            nonce: part("nonce_str"),
            signature: part("signature"),
        }
    }
}

/// Whether the request is signed by the recorded merchant over what it will send.
#[track_caller]
fn assert_signed(request: &http::Request<Bytes>) {
    let authorization = Authorization::read(&header(request, "authorization"));
    assert_eq!(authorization.mchid, "1900000109");
    assert_eq!(authorization.serial, MERCHANT_SERIAL.trim());
    assert_eq!(authorization.nonce.len(), 32);
    assert!(
        authorization
            .nonce
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric())
    );
    let message = formatter::request(
        request.method(),
        request.uri().path_and_query().unwrap().as_str(),
        &authorization.timestamp,
        &authorization.nonce,
        std::str::from_utf8(request.body()).unwrap(),
    );
    let key = PublicKey::from_pem(MERCHANT_PUBLIC).unwrap();
    assert!(key.verify(message, authorization.signature));
}

#[test]
fn every_request_has_a_nonce_and_a_signature_of_its_own() {
    let chain = client().chain("v3/x");
    let nonces = (0..50).map(|_| {
        let sent = chain.get().into_http().unwrap();
        Authorization::read(&header(&sent, "authorization")).nonce
    });
    let mut nonces: Vec<_> = nonces.collect();
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), 50);
}

/// The requests whose bytes could differ between what is signed and what is sent.
fn delicate(chain: &Chain) -> Vec<(Request, String)> {
    let odd = "{ \"mchid\": \"1900000109\",\n  \"description\": \"中/文 & <b>\\u4e2d\" }";
    let emoji = json!({"description": "🏠 诚信🔥 a%n?"});
    vec![
        (chain.post(odd), odd.to_owned()),
        (chain.post(odd.to_owned()), odd.to_owned()),
        (chain.post(odd.as_bytes().to_vec()), odd.to_owned()),
        (chain.post(emoji.clone()), emoji.to_string()),
        (
            chain.put(json!({"a": "中/文 & <b>\u{2028}\u{7f}\u{1}"})),
            "{\"a\":\"中/文 & <b>\u{2028}\u{7f}\\u0001\"}".to_owned(),
        ),
        (
            chain.patch(json!({"total": 29.0 * 100.0})),
            r#"{"total":2900}"#.to_owned(),
        ),
        (chain.post(()), String::new()),
        (chain.post(""), String::new()),
        (chain.post("\r\n \u{feff}"), "\r\n \u{feff}".to_owned()),
        (chain.get(), String::new()),
        (
            chain.delete().body(json!({"reason": "退"})),
            r#"{"reason":"退"}"#.to_owned(),
        ),
        (
            chain
                .get()
                .query(json!({"begin_date": "2024-01-01", "x": "a b+c/d=&", "y": "中文~-_."})),
            String::new(),
        ),
        (chain.get().query("a=%2B+b'(c)*!$&=&d"), String::new()),
        (chain.segment("a/b 中?#%").get(), String::new()),
        (
            chain
                .chain("images/{+id}")
                .get()
                .var("id", "QmFzZTY0%2BeA%3D%3D"),
            String::new(),
        ),
        (chain.chain("a:b@c;d=e,f/%7e%41/").get(), String::new()),
        (chain.chain("").post(json!({})), "{}".to_owned()),
        (chain.post("x".repeat(300_000)), "x".repeat(300_000)),
    ]
}

#[test]
fn what_is_signed_is_what_is_sent_over_http_1_and_2() {
    for (builder, version) in [
        (Sandbox::builder(), http::Version::HTTP_2),
        (Sandbox::builder().http1_only(), http::Version::HTTP_11),
        (Sandbox::builder().plain(), http::Version::HTTP_11),
    ] {
        let sandbox = builder.start_blocking().unwrap();
        let chain = sandbox.client().chain("v3/sandbox/echo");
        let expected: Vec<_> = delicate(&chain)
            .into_iter()
            .map(|(request, body)| {
                let sent = request.into_http().unwrap();
                (
                    sent.uri().path_and_query().unwrap().to_string(),
                    sent.method().to_string(),
                    body,
                )
            })
            .collect();
        for (request, _) in delicate(&chain) {
            let error = request.wait().unwrap_err();
            assert_eq!(error.api().unwrap().status(), 404, "{error}");
            assert_eq!(error.api().unwrap().signature(), SignatureState::Verified);
        }
        let received = sandbox.received();
        assert_eq!(received.len(), expected.len());
        for (received, (target, method, body)) in received.iter().zip(expected) {
            assert!(received.authenticated(), "{method} {target}");
            assert_eq!(received.target(), target);
            assert_eq!(received.method(), method);
            assert_eq!(received.body(), body.as_bytes());
            assert_eq!(received.version(), version);
        }
    }
}

#[test]
fn a_prefix_in_base_uri_is_signed_and_sent() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = settings(&sandbox)
        .base_uri(format!("{}hk", sandbox.base_uri()))
        .build()
        .unwrap();
    let error = client.chain("v3/x").get().wait().unwrap_err();
    assert_eq!(error.api().unwrap().status(), 404, "{error}");
    let base = format!("{}us/", sandbox.base_uri());
    client
        .chain("v3/x")
        .get()
        .base_uri(base)
        .wait()
        .unwrap_err();
    let address = format!(
        "{}v3/billdownload/file?token=AbC%2B&a=b+c",
        sandbox.base_uri()
    );
    client.url(address).wait().unwrap_err();
    let received = sandbox.received();
    let targets: Vec<_> = received.iter().map(Received::target).collect();
    assert_eq!(
        targets,
        [
            "/hk/v3/x",
            "/us/v3/x",
            "/v3/billdownload/file?token=AbC%2B&a=b+c"
        ]
    );
    assert!(received.iter().all(Received::authenticated));
}

#[test]
fn a_key_of_another_merchant_is_explained_when_the_gateway_saw_the_same_message() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = settings(&sandbox)
        .private_key(PLATFORM_KEY)
        .build()
        .unwrap();
    let error = client
        .chain("v3/x")
        .post(json!({"a": "中"}))
        .wait()
        .unwrap_err();
    let api = error.api().unwrap();
    assert_eq!((api.status().as_u16(), api.code()), (401, "SIGN_ERROR"));
    assert_says(
        &error,
        &[
            "private key does not belong to the serial",
            sandbox.merchant_serial(),
        ],
    );
    assert!(
        error
            .signed_message()
            .unwrap()
            .contains("\n{\"a\":\"中\"}\n")
    );
}

/// An answer that is signed by the recorded platform.
fn answer(status: u16, body: &'static str, timestamp: &str) -> http::Response<Bytes> {
    let key = PrivateKey::from_pem(PLATFORM_KEY).unwrap();
    let signature = key.sign(formatter::response(timestamp, "N0nce", body));
    http::Response::builder()
        .status(status)
        .header("wechatpay-TIMESTAMP", timestamp)
        .header("Wechatpay-Nonce", "N0nce")
        .header("Wechatpay-Serial", PLATFORM_SERIAL.trim())
        .header("Wechatpay-Signature", signature)
        .header("Request-ID", "08F-0")
        .body(Bytes::from_static(body.as_bytes()))
        .unwrap()
}

/// What judges an answer to a POST of `v3/x`.
fn judge() -> Answer {
    let (request, answer) = client()
        .chain("v3/x")
        .post(json!({"a": 1}))
        .into_parts()
        .unwrap();
    assert_signed(&request);
    answer
}

fn seconds_from_now(offset: i64) -> String {
    let now: i64 = formatter::timestamp().parse().unwrap();
    (now + offset).to_string()
}

#[test]
fn an_answer_that_another_client_brought_back_is_judged_the_same() {
    let now = formatter::timestamp();
    for (status, body) in [
        (200, r#"{"code_url":"weixin://中"}"#),
        (200, "not JSON"),
        (202, "{}"),
        (204, ""),
        (200, ""),
    ] {
        let response = judge().accept(answer(status, body, &now)).unwrap();
        assert!(response.verified());
        assert_eq!(response.status(), status);
        assert_eq!(response.text(), body);
        assert_eq!(response.request_id(), Some("08F-0"));
        match response.data() {
            Ok(data) if body.is_empty() => assert_eq!(data, Value::Null),
            Ok(data) => assert_eq!(data, serde_json::from_str::<Value>(body).unwrap()),
            Err(error) => assert!(
                matches!(error, Error::Decode(_)) && body == "not JSON",
                "{error}"
            ),
        }
    }
    for offset in [-290, 290] {
        judge()
            .accept(answer(200, "{}", &seconds_from_now(offset)))
            .unwrap();
    }
    let mut lower = answer(200, "{}", &now);
    lower.headers_mut().insert(
        "wechatpay-serial",
        format!("00{}", PLATFORM_SERIAL.trim().to_lowercase())
            .parse()
            .unwrap(),
    );
    judge().accept(lower).unwrap();
}

#[test]
fn an_answer_that_is_not_signed_as_it_should_be_is_never_a_success() {
    let now = formatter::timestamp();
    let changed = |name: &'static str, value: &str| {
        let mut answer = answer(200, r#"{"a":1}"#, &now);
        answer.headers_mut().insert(name, value.parse().unwrap());
        answer
    };
    let body = |body: &'static str| {
        answer(200, r#"{"a":1}"#, &now).map(|_| Bytes::from_static(body.as_bytes()))
    };
    let without = |name: &str| {
        let mut answer = answer(200, r#"{"a":1}"#, &now);
        answer.headers_mut().remove(name);
        answer
    };
    for (answer, fragment) in [
        (body(r#"{"a":2}"#), "signature"),
        (body(r#"{"a":1} "#), "signature"),
        (body(""), "signature"),
        (changed("wechatpay-nonce", "other"), "signature"),
        (changed("wechatpay-signature", "AAAA"), "signature"),
        (changed("wechatpay-signature", ""), "signature"),
        (changed("wechatpay-signature", "%%%"), "signature"),
        (
            changed("wechatpay-signature", "WECHATPAY/SIGNTEST/nXPz8Wk"),
            "probe",
        ),
        (
            changed("wechatpay-serial", MERCHANT_SERIAL.trim()),
            "serial",
        ),
        (
            changed(
                "wechatpay-serial",
                "PUB_KEY_ID_0119000001092024101100397200000006",
            ),
            "PUB_KEY_ID",
        ),
        (
            changed("wechatpay-signature-type", "WECHATPAY2-SM2-WITH-SM3"),
            "SM2",
        ),
        (changed("wechatpay-timestamp", "x"), "Timestamp"),
        (changed("wechatpay-timestamp", "+1"), "Timestamp"),
        (
            changed("wechatpay-timestamp", "99999999999999999999999"),
            "Timestamp",
        ),
        (without("wechatpay-nonce"), "Wechatpay-Nonce"),
        (without("wechatpay-serial"), "Wechatpay-Serial"),
        (without("wechatpay-signature"), "Wechatpay-Signature"),
        (without("wechatpay-timestamp"), "Wechatpay-Timestamp"),
        (answer(200, "{}", &seconds_from_now(-400)), "300"),
        (answer(200, "{}", &seconds_from_now(400)), "300"),
        (answer(200, "{}", "0"), "300"),
    ] {
        let error = judge().accept(answer).unwrap_err();
        assert!(matches!(error, Error::Verify(_)), "{error}");
        assert_says(&error, &[fragment]);
        assert!(!error.is_retryable() && error.may_have_been_sent());
        assert_eq!(error.into_response().unwrap().status(), 200);
    }
}

/// An answer of 400 with this body.
fn refusal(body: &str, signed: bool) -> Misbehaviour {
    Misbehaviour::Raw {
        status: 400,
        content_type: "application/json".to_owned(),
        body: body.as_bytes().to_vec(),
        signed,
        headers: vec![("Request-ID".to_owned(), "08F-268435461".to_owned())],
    }
}

#[test]
fn a_detail_of_any_type_is_kept_and_shown() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let chain = sandbox.client().chain("v3/x");
    for (body, detail, shown) in [
        (
            r#"{"code":"PARAM_ERROR","detail":{"location":"body","value":36},"message":"m"}"#,
            Some(json!({"location": "body", "value": 36})),
            "36",
        ),
        (
            r#"{"code":"PARAM_ERROR","detail":{"value":110.00000000000001},"message":"m"}"#,
            Some(json!({"value": 110.000_000_000_000_01})),
            "110.00000000000001",
        ),
        (
            r#"{"code":"PARAM_ERROR","detail":{"value":["/body/appid","/body/mchid"],"location":null},"message":"m"}"#,
            Some(json!({"value": ["/body/appid", "/body/mchid"], "location": null})),
            "/body/mchid",
        ),
        (
            r#"{"code":"PARAM_ERROR","detail":{"field":"f\n","issue":{"a":1}},"message":"a\nb"}"#,
            Some(json!({"field": "f\n", "issue": {"a": 1}})),
            "PARAM_ERROR",
        ),
        (
            r#"{"code":"PARAM_ERROR","detail":"text","message":"m"}"#,
            Some(json!("text")),
            "PARAM_ERROR",
        ),
        (
            r#"{"code":"PARAM_ERROR","detail":[1],"message":"m"}"#,
            Some(json!([1])),
            "PARAM_ERROR",
        ),
        (
            r#"{"code":"PARAM_ERROR","detail":null,"message":"m"}"#,
            None,
            "PARAM_ERROR",
        ),
        (r#"{"code":"X"}"#, None, "X"),
        (r#"{"message":"only"}"#, None, "only"),
        (r#"{"code":1,"message":{}}"#, None, "400"),
        ("[]", None, "400"),
        ("", None, "400"),
        ("\u{0}<html>", None, "400"),
    ] {
        sandbox.misbehave(refusal(body, false));
        let error = chain.post(json!({})).wait().unwrap_err();
        let api = error.api().unwrap();
        assert_eq!(api.detail(), detail.as_ref(), "{body}");
        assert_says(&error, &[shown]);
    }
}

#[test]
fn each_verb_sends_its_own_method() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let chain = client.chain("v3/x");
    for (request, method) in [
        (chain.get(), "GET"),
        (chain.delete(), "DELETE"),
        (chain.post(json!({})), "POST"),
        (chain.put(json!({})), "PUT"),
        (chain.patch(json!({})), "PATCH"),
    ] {
        let _ = request.wait();
        let received = sandbox.received().pop().unwrap();
        assert_eq!(received.method(), method);
        assert!(received.authenticated());
    }
}

#[test]
fn the_serial_of_the_merchant_certificate_is_the_one_that_signs() {
    let builder = wechatpay_chain::Client::builder()
        .mchid("1900000109")
        .private_key(MERCHANT_KEY)
        .merchant_certificate(include_str!("../vectors/keys/merchant.crt"))
        .cert(PLATFORM_SERIAL, crate::support::PLATFORM_CERTIFICATE);
    let request = builder.build().unwrap().chain("v3/x").get();
    let request = request.into_http().unwrap();
    let authorization = Authorization::read(&header(&request, "authorization"));
    assert_eq!(authorization.serial, MERCHANT_SERIAL.trim());
}
