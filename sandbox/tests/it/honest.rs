//! What the gateway does on a good day.

use http::{Request, StatusCode, Version};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wechatpay_sandbox::Sandbox;

use crate::client::{
    Answer, Connection, Draft, SEND, Way, connector, good, nonce, now, order, send,
};

async fn post(sandbox: &Sandbox, body: &Value) -> Answer {
    let request = Draft::new(sandbox, "POST", SEND, &body.to_string()).sign(sandbox);
    send(sandbox, Way::TlsHttp2, request).await.unwrap()
}

fn assert_refused(answer: &Answer, sandbox: &Sandbox, message: &str) {
    answer.assert_genuine(sandbox);
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json()["code"], "SIGN_ERROR");
    assert_eq!(answer.json()["message"], message);
    assert!(answer.header("Request-ID").ends_with("-268443699"));
}

#[tokio::test]
async fn a_signed_order_gets_its_coupon_however_it_comes() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        let order = order();
        let request = Draft::new(&sandbox, "POST", SEND, &order.to_string()).sign(&sandbox);
        let answer = send(&sandbox, way, request).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{way:?}");
        answer.assert_genuine(&sandbox);
        assert_eq!(
            answer.json(),
            json!({
                "stock_id": "12312354",
                "coupon_code": "202007019999",
                "out_request_no": order["out_request_no"],
            })
        );
        assert_eq!(
            answer.header("Content-Type"),
            "application/json; charset=utf-8"
        );
        assert!(answer.header("Request-ID").ends_with("-0"));

        let received = sandbox.received();
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].method(), "POST");
        assert_eq!(received[0].target(), SEND);
        assert_eq!(
            received[0].header("user-AGENT"),
            Some("wechatpay-sandbox tests")
        );
        assert_eq!(received[0].body(), order.to_string().as_bytes());
        assert!(received[0].authenticated());
        let version = if way.is_http2() {
            Version::HTTP_2
        } else {
            Version::HTTP_11
        };
        assert_eq!(received[0].version(), version);
        assert_eq!(answer.version, version);
        assert_eq!(sandbox.connections(), 1);
    }
}

#[tokio::test]
async fn the_same_order_gets_the_same_coupon_and_another_gets_another() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut order = order();
    order.as_object_mut().unwrap().remove("coupon_code");
    let first = post(&sandbox, &order).await.json();
    let again = post(&sandbox, &order).await.json();
    assert_eq!(first, again);
    assert!(!first["coupon_code"].as_str().unwrap().is_empty());
    order["out_request_no"] = json!(nonce());
    let other = post(&sandbox, &order).await.json();
    assert_ne!(first["coupon_code"], other["coupon_code"]);
}

#[tokio::test]
async fn the_target_is_verified_as_it_came_over_the_wire() {
    let target = "/v3/nothing?a=%e4%B8%ad%20b+c&&~=*'()&x=/?:@";
    for way in Way::ALL {
        let sandbox = way.start().await;
        let mut connection = Connection::open(&sandbox, way).await.unwrap();
        let draft = Draft::new(&sandbox, "GET", target, "");
        let mut request = draft.sign(&sandbox);
        if !way.is_http2() {
            *request.uri_mut() = target.parse().unwrap();
        }
        let answer = connection.send(request).await.unwrap();
        // Authenticated, and then there is no such path.
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{way:?}");
        answer.assert_genuine(&sandbox);
        assert_eq!(answer.json()["code"], "RESOURCE_NOT_EXISTS");
        assert_eq!(sandbox.received()[0].target(), target);
        assert_eq!(sandbox.received()[0].path(), "/v3/nothing");
    }
}

#[tokio::test]
async fn another_method_is_405_and_names_the_right_one() {
    let sandbox = Sandbox::start().await.unwrap();
    let request = Draft::new(&sandbox, "GET", SEND, "").sign(&sandbox);
    let answer = send(&sandbox, Way::TlsHttp1, request).await.unwrap();
    answer.assert_genuine(&sandbox);
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.json()["code"], "METHOD_NOT_ALLOWED");
    assert_eq!(answer.header("Allow"), "POST");
}

#[tokio::test]
async fn a_wrong_field_is_named_with_its_value() {
    let sandbox = Sandbox::start().await.unwrap();
    let missing = |title: &str, name: &str| {
        format!("输入源“/body/{name}”映射到字段“{title}”必填性规则校验失败，此字段为必填项")
    };
    let rows = [
        ("openid", None, missing("用户标识", "openid")),
        ("appid", None, missing("公众账号ID", "appid")),
        ("stock_id", None, missing("批次号", "stock_id")),
        ("out_request_no", None, missing("发放请求单号", "out_request_no")),
        ("coupon_type", None, missing("券类型", "coupon_type")),
        (
            "openid",
            Some(json!("")),
            "输入源“/body/openid”映射到字段“用户标识”字符串规则校验失败，字节数 0，小于最小值 1".to_owned(),
        ),
        (
            "stock_id",
            Some(json!(12_312_354)),
            "无法将JSON输入源“/body/stock_id”映射到目标字段“批次号”中，此字段需要一个合法的字符串".to_owned(),
        ),
        (
            "coupon_code",
            Some(Value::Null),
            "无法将JSON输入源“/body/coupon_code”映射到目标字段“券code”中，此字段需要一个合法的字符串".to_owned(),
        ),
        (
            "member_card_id",
            Some(json!(["x"])),
            "无法将JSON输入源“/body/member_card_id”映射到目标字段“会员卡ID”中，此字段需要一个合法的字符串".to_owned(),
        ),
        (
            "coupon_type",
            Some(json!("normal")),
            "输入源“/body/coupon_type”映射到枚举字段“券类型”规则校验失败，值不在枚举范围内".to_owned(),
        ),
    ];
    for (name, value, message) in rows {
        let mut order = order();
        match &value {
            None => drop(order.as_object_mut().unwrap().remove(name)),
            Some(value) => order[name] = value.clone(),
        }
        let answer = post(&sandbox, &order).await;
        answer.assert_genuine(&sandbox);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name} {value:?}");
        assert!(answer.header("Request-ID").ends_with("-268435461"));
        let error = answer.json();
        assert_eq!(error["code"], "PARAM_ERROR");
        assert_eq!(error["message"], message);
        assert_eq!(error["detail"]["field"], format!("/{name}"));
        assert_eq!(error["detail"]["value"], value.unwrap_or_default());
        assert_eq!(error["detail"]["location"], "body");
        assert!(error["detail"]["issue"].is_string());
    }
    for body in ["", "{", "[]", "null", "\"{}\"", "\u{feff}{}", "a=b"] {
        let request = Draft::new(&sandbox, "POST", SEND, body).sign(&sandbox);
        let answer = send(&sandbox, Way::TlsHttp2, request).await.unwrap();
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body:?}");
        assert_eq!(answer.json()["code"], "PARAM_ERROR");
        assert_eq!(answer.json()["detail"]["location"], "body");
    }
    // `{}` names the first field that is missing.
    assert_eq!(
        post(&sandbox, &json!({})).await.json()["detail"]["field"],
        "/openid"
    );
}

#[tokio::test]
async fn a_signature_that_does_not_match_is_told_what_should_have_been_signed() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        let draft = Draft::new(&sandbox, "POST", SEND, &order().to_string());
        let other = draft.message().replace("POST", "PUT");
        let request = draft.with_signature_over(&sandbox, &other);
        let answer = send(&sandbox, way, request).await.unwrap();
        assert_refused(&answer, &sandbox, "错误的签名，验签失败");
        let expected = json!({
            "detail": { "issue": "sign not match" },
            "field": "signature",
            "location": "authorization",
            "sign_information": {
                "method": "POST",
                "sign_message_length": draft.message().len(),
                "truncated_sign_message":
                    format!("POST\n{SEND}\n{}\n{}\n{}\n", draft.timestamp, draft.nonce, &draft.body[..8]),
                "url": SEND,
            },
        });
        assert_eq!(answer.json()["detail"], expected);
        assert!(!sandbox.received()[0].authenticated());
    }
}

#[tokio::test]
async fn a_repeated_request_is_refused_and_does_nothing() {
    let sandbox = Sandbox::start().await.unwrap();
    let draft = Draft::new(&sandbox, "POST", SEND, &order().to_string());
    let first = send(&sandbox, Way::TlsHttp1, draft.sign(&sandbox)).await;
    assert_eq!(first.unwrap().status, StatusCode::OK);
    let again = send(&sandbox, Way::TlsHttp2, draft.sign(&sandbox)).await;
    assert_refused(
        &again.unwrap(),
        &sandbox,
        "Http头Authorization中的nonce_str已被使用，请勿重放请求",
    );
}

#[tokio::test]
async fn every_other_flaw_of_an_authorization_has_its_own_401() {
    let sandbox = Sandbox::start().await.unwrap();
    let new = || Draft::new(&sandbox, "POST", SEND, &order().to_string());
    let mut rows = Vec::new();

    let mut draft = new();
    draft.mchid = "1900000108".to_owned();
    rows.push((
        draft,
        "Http头Authorization中的商户号有误，请使用该网关认识的商户号",
        "mchid",
    ));
    let mut draft = new();
    draft.serial = "0".repeat(40);
    rows.push((
        draft,
        "商户证书序列号有误。请使用签名私钥匹配的证书序列号",
        "serial_no",
    ));
    for offset in [-400, 400] {
        let mut draft = new();
        draft.timestamp = (now() + offset).to_string();
        rows.push((
            draft,
            "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟",
            "timestamp",
        ));
    }
    let mut draft = new();
    draft.timestamp = "soon".to_owned();
    rows.push((
        draft,
        "Http头Authorization中的timestamp格式错误",
        "timestamp",
    ));
    let mut draft = new();
    draft.nonce = "n".repeat(33);
    rows.push((
        draft,
        "Http头Authorization中的nonce_str有误，应为1到32个可见字符",
        "nonce_str",
    ));
    for (draft, message, field) in rows {
        let answer = send(&sandbox, Way::TlsHttp2, draft.sign(&sandbox))
            .await
            .unwrap();
        assert_refused(&answer, &sandbox, message);
        assert_eq!(answer.json()["detail"]["field"], field);
        assert_eq!(answer.json()["detail"]["sign_information"], Value::Null);
    }

    for (authorization, message) in [
        ("Bearer x", "Http头Authorization认证类型不正确"),
        (
            "WECHATPAY2-SHA256-RSA2048 mchid=\"1900000109\"",
            "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》",
        ),
    ] {
        let request = new().with_authorization(&sandbox, authorization);
        let answer = send(&sandbox, Way::TlsHttp1, request).await.unwrap();
        assert_refused(&answer, &sandbox, message);
    }
    let mut request = good(&sandbox);
    request.headers_mut().remove("Authorization");
    let answer = send(&sandbox, Way::TlsHttp1, request).await.unwrap();
    assert_refused(
        &answer,
        &sandbox,
        "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》",
    );
}

#[tokio::test]
async fn a_request_without_user_agent_or_accept_is_400() {
    let sandbox = Sandbox::start().await.unwrap();
    for name in ["User-Agent", "Accept"] {
        let mut request = good(&sandbox);
        request.headers_mut().remove(name);
        let answer = send(&sandbox, Way::TlsHttp1, request).await.unwrap();
        answer.assert_genuine(&sandbox);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.json()["code"], "INVALID_REQUEST");
        assert_eq!(answer.json()["message"], "Http头缺少Accept或User-Agent");
    }
}

#[tokio::test]
async fn a_body_over_2_mb_is_413_and_one_for_media_may_be_larger() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        for (target, length, expected) in [
            (SEND, 2 * 1024 * 1024, StatusCode::BAD_REQUEST),
            (SEND, 2 * 1024 * 1024 + 1, StatusCode::PAYLOAD_TOO_LARGE),
            (
                "/v3/merchant/media/upload",
                3 * 1024 * 1024,
                StatusCode::BAD_REQUEST,
            ),
        ] {
            let body = "x".repeat(length);
            let request = Draft::new(&sandbox, "POST", target, &body).sign(&sandbox);
            let answer = send(&sandbox, way, request).await.unwrap();
            assert_eq!(answer.status, expected, "{way:?} {target} {length}");
            answer.assert_genuine(&sandbox);
        }
        assert_eq!(sandbox.received().len(), 3);
        assert!(!sandbox.received()[1].authenticated());
    }
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        let mut connection = Connection::open(&sandbox, way).await.unwrap();
        for _ in 0..5 {
            let answer = connection.send(good(&sandbox)).await.unwrap();
            assert_eq!(answer.status, StatusCode::OK);
        }
        assert_eq!(sandbox.connections(), 1);
        assert_eq!(sandbox.received().len(), 5);
    }
}

#[tokio::test]
async fn http1_only_does_not_offer_http2() {
    let sandbox = Sandbox::builder().http1_only().start().await.unwrap();
    let tcp = TcpStream::connect(sandbox.address()).await.unwrap();
    let tls = connector(&sandbox, &[b"h2", b"http/1.1"])
        .connect("127.0.0.1".try_into().unwrap(), tcp)
        .await
        .unwrap();
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let answer = send(&sandbox, Way::TlsHttp1, good(&sandbox)).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);

    let plain = Sandbox::builder()
        .plain()
        .http1_only()
        .start()
        .await
        .unwrap();
    assert!(send(&plain, Way::PlainHttp2, good(&plain)).await.is_err());
    let answer = send(&plain, Way::PlainHttp1, good(&plain)).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn nonsense_on_the_wire_ends_its_connection_and_nothing_else() {
    let sandbox = Sandbox::builder().plain().start().await.unwrap();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01"[..],
        b"GET\r\n\r\n",
        b"POST /v3 HTTP/1.1\r\nContent-Length: 5\r\n\r\nab",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"",
    ] {
        let mut stream = TcpStream::connect(sandbox.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // A reset is as good an end as any.
        let _ = stream.read_to_end(&mut answer).await;
    }
    let answer = send(&sandbox, Way::PlainHttp1, good(&sandbox))
        .await
        .unwrap();
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn the_environment_says_everything_a_client_needs() {
    let sandbox = Sandbox::start().await.unwrap();
    let environment = sandbox.environment();
    let get = |name: &str| {
        let found = environment.iter().find(|(known, _)| known == name);
        found.unwrap().1.as_str()
    };
    assert_eq!(get("WECHATPAY_MCHID"), "1900000109");
    assert_eq!(get("WECHATPAY_SERIAL").len(), 40);
    assert!(get("WECHATPAY_PRIVATE_KEY").starts_with("-----BEGIN PRIVATE KEY-----"));
    let (serial, key) = get("WECHATPAY_CERTS").split_once('=').unwrap();
    assert!(serial.starts_with("PUB_KEY_ID_"));
    assert!(key.starts_with("-----BEGIN PUBLIC KEY-----"));
    assert_eq!(get("WECHATPAY_APIV3_KEY").len(), 32);
    assert_eq!(get("WECHATPAY_SECRET").len(), 32);
    assert_eq!(
        get("WECHATPAY_BASE_URI"),
        format!("https://127.0.0.1:{}/", sandbox.address().port())
    );
    assert!(get("WECHATPAY_CA").starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(
        get("WECHATPAY_MERCHANT_CERT"),
        sandbox.merchant_certificate()
    );
    assert!(
        sandbox
            .merchant_certificate()
            .starts_with("-----BEGIN CERTIFICATE-----")
    );

    let plain = Sandbox::builder().plain().start().await.unwrap();
    assert!(plain.base_uri().starts_with("http://127.0.0.1:"));
    assert!(plain.root_certificate().is_none());
    assert_eq!(plain.environment().len(), environment.len() - 1);
}

#[tokio::test]
async fn an_answer_to_head_has_no_body() {
    let sandbox = Sandbox::start().await.unwrap();
    let request: Request<Full<_>> = Draft::new(&sandbox, "HEAD", SEND, "").sign(&sandbox);
    let answer = send(&sandbox, Way::TlsHttp1, request).await.unwrap();
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(answer.body.is_empty());
}
