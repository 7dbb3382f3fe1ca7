//! What each error says and tells: judged by `Answer::accept`, so that every answer is exact.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use wechatpay_chain::{
    Check, Client, Error, Request, Response, Result, SignatureState, formatter, rsa,
};

use crate::support::{MERCHANT_KEY, MERCHANT_SERIAL, PLATFORM_KEY, PLATFORM_SERIAL, recorded};

const PLATFORM_PUBLIC: &str = include_str!("../vectors/keys/platform.pub");

const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000001092024101100397200000006";

fn send(client: &Client) -> Request {
    let path = client.v3().marketing().busifavor().product_coupons().send();
    path.post(json!({ "openid": "xsd3434454567676" }))
}

fn offline() -> Client {
    recorded("1900000109").build().unwrap()
}

fn seconds() -> i64 {
    formatter::timestamp().parse().unwrap()
}

fn accept(client: &Client, answer: http::Response<Bytes>) -> Result<Response> {
    let (_, accept) = send(client).into_parts().unwrap();
    accept.accept(answer)
}

fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> http::Response<Bytes> {
    let mut answer = http::Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    answer.body(body.into()).unwrap()
}

/// An answer that WeChat Pay signed at `timestamp`.
fn signed(status: u16, timestamp: &str, serial: &str, body: &str) -> http::Response<Bytes> {
    let key = rsa::PrivateKey::from_pem(PLATFORM_KEY).unwrap();
    let signature = key.sign(formatter::response(timestamp, "nonce1", body));
    let headers = [
        ("Wechatpay-Timestamp", timestamp),
        ("Wechatpay-Nonce", "nonce1"),
        ("Wechatpay-Serial", serial),
        ("Wechatpay-Signature", &signature),
        ("Request-ID", "08F5C0-0"),
    ];
    answer(status, &headers, body.to_owned())
}

fn signed_now(status: u16, body: &str) -> http::Response<Bytes> {
    let now = formatter::timestamp();
    signed(status, &now, PLATFORM_SERIAL.trim(), body)
}

fn refused(status: u16, body: impl Into<Bytes>) -> Error {
    let headers = [("Request-ID", "08F5C0E7-268435461")];
    accept(&offline(), answer(status, &headers, body)).unwrap_err()
}

/// Repeats what reads the clock until it did not tick meanwhile; gives the time it saw.
fn within_a_second<T>(mut act: impl FnMut(i64) -> T) -> (i64, T) {
    loop {
        let before = seconds();
        let result = act(before);
        if before == seconds() {
            return (before, result);
        }
    }
}

fn check(error: &Error) -> &Check {
    match error {
        Error::Verify(error) => error.check(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_refusal_is_logged_as_one_line_of_this_shape() {
    let body = json!({ "code": "PARAM_ERROR", "message": "参数错误" }).to_string();
    let error = refused(400, body);
    let line = "POST v3/marketing/busifavor/product-coupons/send: 400 PARAM_ERROR: 参数错误 \
                (Request-ID 08F5C0E7-268435461)";
    assert_eq!(error.to_string(), line);
    assert_eq!(format!("{error:?}"), format!("Api({line})"));

    let detail = json!({
        "code": "PARAM_ERROR", "message": "输入源映射失败",
        "detail": { "field": "/body/amount/total", "value": 0, "issue": "too small" },
    });
    assert_eq!(
        refused(400, detail.to_string()).to_string(),
        "POST v3/marketing/busifavor/product-coupons/send: 400 PARAM_ERROR: 输入源映射失败, field \
         \"/body/amount/total\", value 0, issue \"too small\" (Request-ID 08F5C0E7-268435461)"
    );
}

/// Characters that end a line, move the cursor or turn the reading direction.
const NASTY: &str = "a\r\nb\tc\u{1b}[31md\u{85}e\u{2028}f\u{2029}g\u{202e}h\u{0}i";

fn assert_one_line(error: &Error) {
    for text in [error.to_string(), format!("{error:?}")] {
        let is_nasty =
            |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202e}');
        assert!(!text.contains(is_nasty), "{text:?}");
    }
}

#[test]
fn an_error_is_one_line_whatever_the_answer_holds() {
    for detail in [
        json!({ "field": NASTY, "value": NASTY, "issue": NASTY }),
        json!({ "value": [NASTY, { NASTY: NASTY }] }),
        json!({ "sign_information": {
            "method": NASTY, "url": NASTY, "sign_message_length": 1, "truncated_sign_message": NASTY,
        }}),
        json!(NASTY),
    ] {
        let body = json!({ "code": NASTY, "message": NASTY, "detail": detail });
        for status in [400, 401, 500] {
            assert_one_line(&refused(status, body.to_string()));
        }
    }
    let client = offline();
    let headers = [
        ("Content-Type", "text/\thtml"),
        ("Request-ID", "08\tAB"),
        ("Content-Encoding", "g\tzip"),
        ("Location", "https://a\tb/\u{e9}"),
    ];
    for status in [200, 302, 400, 401, 502] {
        assert_one_line(&accept(&client, answer(status, &headers, NASTY)).unwrap_err());
    }
    for name in [
        "Wechatpay-Serial",
        "Wechatpay-Timestamp",
        "Wechatpay-Signature-Type",
    ] {
        let mut answer = signed_now(200, "{}");
        let value = http::HeaderValue::from_static("a\tb");
        answer.headers_mut().insert(name, value);
        assert_one_line(&accept(&client, answer).unwrap_err());
    }
    let response = accept(&client, signed_now(200, NASTY)).unwrap();
    assert_one_line(&response.data().unwrap_err());
}

#[test]
fn an_error_is_one_line_whatever_the_caller_gave() {
    let client = offline();
    let wrong = [
        client.chain(format!("v3/{NASTY}/{{x}}")).get(),
        client.chain(format!("v3/{{{NASTY}}}")).get(),
        client.chain("v3/x").get().var(NASTY, 1),
        client.chain("v3/x").get().header(NASTY, "x"),
        client.chain("v3/x").get().header("x", NASTY),
        client
            .chain("v3/x")
            .get()
            .base_uri(format!("https://{NASTY}/")),
        client.chain("v3/x").request(NASTY, Value::Null),
        client.chain("v3/x").request("GET", json!({ NASTY: NASTY })),
        client
            .chain("v3/x")
            .request("GET", json!({ "timeout": NASTY })),
        client
            .chain("v3/x")
            .request("GET", json!({ "headers": { NASTY: [[]] } })),
        client.url(format!("https://evil.example/{NASTY}")),
        client
            .chain(format!("v3/x?{NASTY}=1"))
            .get()
            .query([(NASTY, 2)]),
    ];
    for request in wrong {
        assert_one_line(&request.into_http().unwrap_err());
    }
    let wrong = [
        Client::builder().mchid(NASTY),
        Client::builder()
            .mchid("1")
            .private_key(format!("file:///{NASTY}.pem")),
        Client::builder()
            .mchid("1")
            .private_key(format!("/{NASTY}/apiclient_key.pem")),
        Client::builder().mchid("1").cert(NASTY, "x"),
        Client::builder().mchid("1").base_uri(NASTY),
        Client::builder().mchid("1").allow_plain_http(NASTY),
        Client::builder().mchid("1").header(NASTY, NASTY),
        Client::builder()
            .mchid("1")
            .root_certificate(format!("file:///{NASTY}")),
        recorded("1").serial(NASTY),
    ];
    for builder in wrong {
        assert_one_line(&builder.build().unwrap_err());
    }
    for settings in [
        json!({ NASTY: 1 }),
        json!({ "mchid": "1", "timeout": NASTY }),
    ] {
        assert_one_line(&Client::factory(settings).unwrap_err());
    }
}

#[test]
fn a_long_answer_does_not_make_a_long_line() {
    let long = "长".repeat(100_000);
    let body = json!({ "code": long, "message": long, "detail": { "value": long } });
    let error = refused(400, body.to_string());
    assert!(error.to_string().chars().count() < 1_000);
    assert_eq!(error.api().unwrap().message(), long);
    let type_ = "x".repeat(10_000);
    let headers = [("Content-Type", type_.as_str()), ("Request-ID", &type_)];
    for status in [200, 400] {
        let error = accept(&offline(), answer(status, &headers, "")).unwrap_err();
        assert!(error.to_string().len() < 1_000, "{error}");
    }
}

#[test]
fn a_refusal_without_code_and_message_says_what_came_instead() {
    let cases = [
        ("<html></html>", "13 bytes"),
        ("[1]", "3 bytes"),
        ("{}", "2 bytes"),
        ("{\"code\":\"X", "10 bytes"),
        ("", "0 bytes"),
    ];
    for (body, length) in cases {
        let error = refused(400, body);
        let text = error.to_string();
        assert!(text.contains("no code and no message"), "{text}");
        assert!(text.contains(length), "{text}");
        assert!(!text.contains("html>"), "{text}");
        let api = error.api().unwrap();
        assert_eq!((api.code(), api.message(), api.detail()), ("", "", None));
        assert_eq!(api.bytes(), body.as_bytes());
    }
}

#[test]
fn a_fault_of_the_server_says_that_its_effect_is_unknown_and_a_refusal_does_not() {
    for (status, body, unknown) in [
        (500, r#"{"code":"SYSTEM_ERROR","message":"系统错误"}"#, true),
        (502, "<html></html>", true),
        (400, r#"{"code":"PARAM_ERROR","message":"m"}"#, false),
        (429, r#"{"code":"FREQUENCY_LIMITED","message":"m"}"#, false),
    ] {
        let error = refused(status, body);
        let text = error.to_string();
        assert_eq!(text.contains("its effect is unknown"), unknown, "{text}");
        assert!(error.may_have_been_sent());
    }
    // Reading has no effect.
    let (_, accept) = offline()
        .chain("v3/certificates")
        .get()
        .into_parts()
        .unwrap();
    let error = accept.accept(answer(502, &[], "")).unwrap_err();
    assert!(!error.to_string().contains("effect"), "{error}");
}

#[test]
fn a_401_of_a_proxy_is_not_taken_for_a_wrong_signature() {
    let error = refused(401, "<html><title>Proxy Authentication</title></html>");
    assert_eq!(error.api().unwrap().hint(), None);
    assert!(!error.to_string().contains("sign"), "{error}");
}

#[test]
fn a_204_is_verified_over_an_empty_third_line() {
    let client = offline();
    let close = client.v3().pay().transactions().out_trade_no();
    let close = close._out_trade_no_().close();
    let request = close.post(json!({ "mchid": "1900000109" }));
    let (_, accept) = request.var("out_trade_no", "T1").into_parts().unwrap();
    let response = accept.accept(signed_now(204, "")).unwrap();
    assert_eq!(response.status(), 204);
    assert!(response.verified());
    assert_eq!(response.data().unwrap(), Value::Null);
    assert_eq!(response.text(), "");
    assert_eq!(response.request_id(), Some("08F5C0-0"));
}

#[test]
fn a_stored_answer_is_told_by_its_age_before_its_signature_is_looked_at() {
    let client = offline();
    for (offset, side, why) in [(-3600, "ahead", "an old one"), (3600, "behind", "ahead")] {
        let (now, error) = within_a_second(|now| {
            let sent = (now + offset).to_string();
            let mut stored = signed(200, &sent, PLATFORM_SERIAL.trim(), "{}");
            *stored.body_mut() = Bytes::from_static(b"altered");
            accept(&client, stored).unwrap_err()
        });
        let Check::Clock { local, remote, .. } = check(&error) else {
            panic!("{error}");
        };
        assert_eq!(
            (local.cast_signed(), remote.cast_signed()),
            (now, now + offset)
        );
        let text = error.to_string();
        for part in [
            now.to_string(),
            (now + offset).to_string(),
            "3600 s apart".to_owned(),
            "at most 300 s".to_owned(),
            format!("this machine's clock is {side}"),
            why.to_owned(),
            "query before repeating".to_owned(),
            "(Request-ID 08F5C0-0)".to_owned(),
        ] {
            assert!(text.contains(&part), "{part}: {text}");
        }
        assert_eq!(error.request_id(), Some("08F5C0-0"));
    }
}

#[test]
fn a_merchant_with_certificates_only_is_told_of_the_public_key() {
    let now = formatter::timestamp();
    let error = accept(&offline(), signed(200, &now, PUBLIC_KEY_ID, "{}")).unwrap_err();
    let Check::Serial { unknown, known, .. } = check(&error) else {
        panic!("{error}");
    };
    assert_eq!(
        (unknown.as_str(), known.as_slice()),
        (PUBLIC_KEY_ID, &[PLATFORM_SERIAL.trim().to_owned()][..])
    );
    let text = error.to_string();
    for part in [
        PUBLIC_KEY_ID,
        PLATFORM_SERIAL.trim(),
        "being moved to the public key",
        ".cert(\"PUB_KEY_ID_…\", \"file:///…\")",
        "beside the certificates",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }

    // The key of the platform certificate stands in for the public key: the serial is what counts.
    let both = recorded("1900000109").cert(PUBLIC_KEY_ID, PLATFORM_PUBLIC);
    let both = both.build().unwrap();
    for serial in [PUBLIC_KEY_ID, PLATFORM_SERIAL.trim()] {
        let now = formatter::timestamp();
        assert!(
            accept(&both, signed(200, &now, serial, "{}"))
                .unwrap()
                .verified()
        );
    }
    // Another ID than the configured one is no move.
    let other = "PUB_KEY_ID_0119000001092099999999999900000001";
    let text = accept(&both, signed(200, &now, other, "{}"))
        .unwrap_err()
        .to_string();
    assert!(
        text.contains(other) && text.contains(PUBLIC_KEY_ID),
        "{text}"
    );
    assert!(!text.contains("being moved"), "{text}");
}

#[test]
fn a_serial_counts_without_its_leading_zeros_and_in_either_case() {
    let serial = PLATFORM_SERIAL.trim();
    for written in [
        serial.to_ascii_lowercase(),
        format!("00{serial}"),
        format!(" {serial} "),
    ] {
        let now = formatter::timestamp();
        let response = accept(&offline(), signed(200, &now, &written, "{}"));
        assert!(response.unwrap().verified(), "{written:?}");
    }
}

#[test]
fn a_header_that_is_there_but_no_text_is_not_called_missing() {
    for name in [
        "Wechatpay-Nonce",
        "Wechatpay-Serial",
        "Wechatpay-Signature",
        "Wechatpay-Timestamp",
    ] {
        let mut answer = signed_now(200, "{}");
        let value = http::HeaderValue::from_bytes("\u{4e2d}".as_bytes()).unwrap();
        answer.headers_mut().insert(name, value);
        let error = accept(&offline(), answer).unwrap_err();
        let Check::Malformed { header, .. } = check(&error) else {
            panic!("{error}");
        };
        assert_eq!(*header, name);
        assert!(error.to_string().contains("which is no "), "{error}");
    }
}

#[test]
fn the_checks_come_in_the_order_of_the_documents() {
    let client = offline();
    // Wrong in every way: each repair shows the next.
    let old = (seconds() - 3600).to_string();
    let mut wrong = signed(200, &old, "AB", "{}");
    wrong
        .headers_mut()
        .insert("wechatpay-signature", http::HeaderValue::from_static("%%%"));
    wrong.headers_mut().insert(
        "wechatpay-signature-type",
        http::HeaderValue::from_static("SM2"),
    );
    wrong.headers_mut().remove("wechatpay-nonce");
    let mut next = |repair: &dyn Fn(&mut http::HeaderMap)| {
        repair(wrong.headers_mut());
        let error = accept(&client, wrong.clone()).unwrap_err();
        check(&error).clone()
    };
    assert!(matches!(next(&|_| {}), Check::Headers { .. }));
    let set = |name: &'static str, value: String| {
        move |headers: &mut http::HeaderMap| {
            headers.insert(name, value.parse().unwrap());
        }
    };
    assert!(matches!(
        next(&set("wechatpay-nonce", "nonce1".into())),
        Check::Clock { .. }
    ));
    let now = formatter::timestamp();
    assert!(matches!(
        next(&set("wechatpay-timestamp", now)),
        Check::Serial { .. }
    ));
    let serial = PLATFORM_SERIAL.trim().to_owned();
    assert!(matches!(
        next(&set("wechatpay-serial", serial)),
        Check::Malformed { .. }
    ));
    let algorithm = "WECHATPAY2-SHA256-RSA2048".to_owned();
    assert_eq!(
        next(&set("wechatpay-signature-type", algorithm)),
        Check::Signature
    );
    let probe = "WECHATPAY/SIGNTEST/nXPz8Wk".to_owned();
    assert_eq!(next(&set("wechatpay-signature", probe)), Check::Probe);
}

#[test]
fn an_exempt_endpoint_is_checked_when_it_does_carry_a_signature() {
    let client = offline();
    for path in [
        "v3/billdownload/file",
        "v3/merchant-service/images/AbC",
        "v3/global/billdownload/file",
    ] {
        let judged = |answer| {
            let (_, accept) = client.chain(path).get().into_parts().unwrap();
            accept.accept(answer)
        };
        assert!(judged(signed_now(200, "bill")).unwrap().verified());
        assert!(!judged(answer(200, &[], "bill")).unwrap().verified());
        let mut altered = signed_now(200, "bill");
        *altered.body_mut() = Bytes::from_static(b"bull");
        let error = judged(altered).unwrap_err();
        assert_eq!(*check(&error), Check::Signature, "{error}");
        let mut half = signed_now(200, "bill");
        half.headers_mut().remove("wechatpay-nonce");
        assert!(matches!(
            check(&judged(half).unwrap_err()),
            Check::Headers { .. }
        ));
        let error = judged(answer(404, &[], r#"{"code":"NO_STATEMENT_EXIST"}"#)).unwrap_err();
        assert_eq!(error.api().unwrap().code(), "NO_STATEMENT_EXIST");
    }
}

#[test]
fn a_refusal_tells_whether_a_signature_that_it_carries_verified() {
    let body = r#"{"code":"PARAM_ERROR","message":"m"}"#;
    let error = accept(&offline(), signed_now(400, body)).unwrap_err();
    assert_eq!(error.api().unwrap().signature(), SignatureState::Verified);
    let mut forged = signed_now(400, body);
    *forged.body_mut() = Bytes::from_static(br#"{"code":"ORDER_PAID","message":"m"}"#);
    let error = accept(&offline(), forged).unwrap_err();
    let api = error.api().unwrap();
    assert_eq!(
        (api.code(), api.signature()),
        ("ORDER_PAID", SignatureState::Invalid)
    );
    assert!(error.to_string().contains("does not verify"), "{error}");
    assert_eq!(
        refused(400, body).api().unwrap().signature(),
        SignatureState::Absent
    );
}

#[derive(Debug, Deserialize)]
struct Coupon {
    coupon_code: String,
    amount: u32,
}

#[test]
fn data_that_can_t_be_read_is_told_with_its_position_and_not_its_value() {
    let judged = |body: &str| accept(&offline(), signed_now(200, body)).unwrap();
    let good = judged(r#"{"coupon_code":"A1","amount":5}"#).json::<Coupon>();
    let good = good.unwrap();
    assert_eq!((good.coupon_code.as_str(), good.amount), ("A1", 5));

    let position = |error: Error| match error {
        Error::Decode(error) => (error.line(), error.column(), error.to_string()),
        other => panic!("{other}"),
    };
    for (body, line, column, says) in [
        ("{\"a\":\n  tr", 2, 4, "ends too early"),
        ("<xml></xml>", 1, 1, "no JSON"),
        ("{\"a\":1}x", 1, 8, "no JSON"),
    ] {
        let (l, c, text) = position(judged(body).data().unwrap_err());
        assert_eq!((l, c), (line, column), "{text}");
        assert!(text.contains(says), "{text}");
        assert!(
            text.contains(&format!("line {line}, column {column}")),
            "{text}"
        );
    }
    for (body, says) in [
        (r#"{"coupon_code":"A1"}"#, "missing field `amount`"),
        (
            r#"{"coupon_code":"A1","amount":"secret text"}"#,
            "expected u32",
        ),
        (
            r#"{"coupon_code":{"secret text":1},"amount":5}"#,
            "expected a string",
        ),
        (r#"{"coupon_code":"A1","amount":-777}"#, "expected u32"),
    ] {
        let (line, _, text) = position(judged(body).json::<Coupon>().unwrap_err());
        assert_eq!(line, 1);
        assert!(text.contains(says), "{says}: {text}");
        assert!(!text.contains("secret") && !text.contains("777"), "{text}");
    }
    // Nothing at all is no Coupon, though it is `Null` as data.
    let empty = accept(&offline(), signed_now(204, "")).unwrap();
    assert!(matches!(empty.json::<Coupon>(), Err(Error::Decode(_))));
    let nested = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(judged(&nested).data(), Err(Error::Decode(_))));
}

#[test]
fn the_answer_can_be_taken_out_of_every_error_that_has_one() {
    let client = offline();
    for (status, name) in [
        (200, "Verify"),
        (302, "Redirect"),
        (400, "Api"),
        (503, "Api"),
    ] {
        let headers = [("X-Mark", "1"), ("Request-ID", "08AB")];
        let error = accept(&client, answer(status, &headers, "body")).unwrap_err();
        assert!(format!("{error:?}").starts_with(name));
        assert_eq!(error.request_id(), Some("08AB"));
        assert!(
            error
                .signed_message()
                .unwrap()
                .ends_with("\n{\"openid\":\"xsd3434454567676\"}\n")
        );
        let answer = error.into_response().unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.body()[..]),
            (status, &b"body"[..])
        );
        assert_eq!(answer.headers()["x-mark"], "1");
    }
    let error = Client::builder().build().unwrap_err();
    assert!(error.request_id().is_none() && error.signed_message().is_none());
    assert!(!error.may_have_been_sent() && error.into_response().is_none());
}

#[test]
fn the_message_of_an_error_is_what_was_signed() {
    let client = offline();
    let (request, accept) = send(&client).into_parts().unwrap();
    let error = accept.accept(answer(500, &[], "")).unwrap_err();
    let authorization = request.headers()["authorization"].to_str().unwrap();
    let signature = authorization.split("signature=\"").nth(1).unwrap();
    let signature = signature.split('"').next().unwrap();
    let public = rsa::PublicKey::from_pem(crate::support::MERCHANT_PUBLIC).unwrap();
    let message = error.signed_message().unwrap();
    assert!(public.verify(&message, signature));
    assert!(!message.contains(signature));
}

#[test]
fn a_private_key_of_another_certificate_is_refused_when_the_client_is_built() {
    let certificate = include_str!("../vectors/keys/merchant.crt");
    let other = PLATFORM_KEY;
    let wrong = [
        Client::builder()
            .private_key(other)
            .merchant_certificate(certificate),
        Client::builder()
            .private_key(MERCHANT_KEY)
            .serial(MERCHANT_SERIAL)
            .merchant(certificate, other),
        Client::builder()
            .private_key(other)
            .serial(MERCHANT_SERIAL)
            .merchant(certificate, MERCHANT_KEY),
    ];
    for builder in wrong {
        let builder = builder
            .mchid("1900000109")
            .cert(PUBLIC_KEY_ID, PLATFORM_PUBLIC);
        let error = builder.build().unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{error}");
        assert!(
            error
                .to_string()
                .contains("does not belong to the merchant certificate"),
            "{error}"
        );
    }
}
