//! Answers that a test gives for endpoints of its choice.

use http::StatusCode;
use serde_json::json;
use wechatpay_sandbox::{CannedAnswer, Misbehaviour, Sandbox};

use crate::client::{Draft, SEND, Way, get, good, send};

#[tokio::test]
async fn an_endpoint_that_the_gateway_does_not_know_can_be_answered() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        sandbox.answer("GET", "/v3/refund/*", 200, json!({ "status": "SUCCESS" }));
        sandbox.answer("POST", "/v3/refund", 403, json!({ "code": "NO_AUTH" }));
        let request = Draft::new(&sandbox, "GET", "/v3/refund/1?a=b", "").sign(&sandbox);
        let answer = send(&sandbox, way, request).await.unwrap();
        answer.assert_genuine(&sandbox);
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json(), json!({ "status": "SUCCESS" }));
        assert_eq!(
            answer.header("Content-Type"),
            "application/json; charset=utf-8"
        );
        assert!(answer.header("Request-ID").ends_with("-0"));
        let request = Draft::new(&sandbox, "POST", "/v3/refund", "{}").sign(&sandbox);
        let answer = send(&sandbox, way, request).await.unwrap();
        answer.assert_genuine(&sandbox);
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        let request = Draft::new(&sandbox, "POST", "/v3/refund/1", "{}").sign(&sandbox);
        let answer = send(&sandbox, way, request).await.unwrap();
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn one_that_it_knows_too_until_it_is_forgotten() {
    let sandbox = Way::PlainHttp1.start().await;
    sandbox.answer("POST", SEND, 500, json!({ "code": "SYSTEM_ERROR" }));
    let body = json!({ "code": "NO_AUTH" });
    sandbox.answer("GET", "/v3/certificates", 403, body);
    let certificates = get(&sandbox, "/v3/certificates").await;
    assert_eq!(certificates.status, StatusCode::FORBIDDEN);
    sandbox.misbehave(Misbehaviour::status(429, "FREQUENCY_LIMITED", "频率超限"));
    for status in [429, 500] {
        let answer = send(&sandbox, Way::PlainHttp1, good(&sandbox)).await;
        assert_eq!(answer.unwrap().status.as_u16(), status);
    }
    sandbox.forget_answers();
    let answer = send(&sandbox, Way::PlainHttp1, good(&sandbox)).await;
    assert_eq!(answer.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn only_an_authenticated_request_gets_it() {
    let sandbox = Way::PlainHttp1.start().await;
    sandbox.answer("POST", SEND, 200, json!({}));
    let mut request = good(&sandbox);
    request.headers_mut().remove("Authorization");
    let answer = send(&sandbox, Way::PlainHttp1, request).await.unwrap();
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_signature_may_be_over_another_text_or_absent() {
    let sandbox = Sandbox::builder().plain().start().await.unwrap();
    let pem = sandbox.platform_public_key();
    let sha1 = r#"{"sha1":"6d3a29b5f6e2a2d1"}"#;
    let statement = CannedAnswer::new(200)
        .header("Content-Type", "text/csv")
        .header("Wechatpay-Statement-Sha1", "6d3a29b5f6e2a2d1")
        .header("not a header", "x")
        .body("a,b\r\n")
        .signed_over(sha1);
    sandbox.answer_with("GET", "/v3/global/statements", statement.clone());
    let answer = get(&sandbox, "/v3/global/statements?date=20261125").await;
    assert_eq!(&answer.body[..], b"a,b\r\n");
    assert_eq!(
        answer.header("Wechatpay-Statement-Sha1"),
        "6d3a29b5f6e2a2d1"
    );
    assert!(!answer.verifies(&sandbox));
    assert!(answer.verifies_over(pem, sha1.as_bytes()));

    let file = statement.unsigned().header("Content-Encoding", "gzip");
    sandbox.answer_with("GET", "/v3/billdownload/file", file);
    let answer = get(&sandbox, "/v3/billdownload/file?token=x").await;
    assert_eq!(answer.header("Content-Encoding"), "gzip");
    assert_eq!(&answer.body[..], b"a,b\r\n");
    for name in answer.headers.keys() {
        let is_statement = name == "wechatpay-statement-sha1";
        assert!(
            is_statement || !name.as_str().starts_with("wechatpay"),
            "{name}"
        );
    }
    assert!(!answer.headers.contains_key("Request-ID"));
}
