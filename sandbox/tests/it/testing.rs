//! What tests in Rust have.

use std::panic::{AssertUnwindSafe, catch_unwind};

use http::StatusCode;
use serde_json::json;
use wechatpay_sandbox::{CannedAnswer, Sandbox};

use crate::client::{Draft, SEND, Way, order as coupon, send};
use crate::shop::{NATIVE, Shop, order};

#[tokio::test]
async fn what_is_expected_must_come() {
    for (expected, is_met) in [(2, true), (1, false), (3, false)] {
        let mut shop = Shop::open().await;
        shop.sandbox
            .expect("POST v3/pay/transactions/native", expected);
        shop.sandbox.expect("GET v3/pay/transactions/*", 0);
        shop.order().await;
        shop.order().await;
        // A request that nobody signed doesn't count.
        let draft = Draft::new(&shop.sandbox, "POST", NATIVE, "{}");
        let request = draft.with_authorization(&shop.sandbox, "x");
        send(&shop.sandbox, Way::PlainHttp2, request).await.unwrap();
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(shop)));
        assert_eq!(dropped.is_ok(), is_met, "{expected}");
        if let Err(panic) = dropped {
            let message = panic.downcast_ref::<String>().unwrap();
            let part = format!("expected {expected}, received 2");
            assert!(message.contains(&part), "{message}");
        }
    }
}

#[test]
fn a_test_that_fails_already_is_not_made_to_panic_again() {
    let panic = catch_unwind(|| {
        let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
        sandbox.expect("GET v3/certificates", 1);
        assert!(sandbox.received().len() > 1, "the first reason");
    });
    let panic = panic.unwrap_err();
    assert_eq!(*panic.downcast_ref::<&str>().unwrap(), "the first reason");
}

#[tokio::test]
async fn an_answer_is_given_once_and_in_order() {
    let mut shop = Shop::open().await;
    shop.sandbox
        .answer_once("v3/pay/transactions/native", json!({ "n": 1 }));
    shop.sandbox
        .answer_once("POST /v3/pay/transactions/native", json!({ "n": 2 }));
    let refused = CannedAnswer::json(500, &json!({ "code": "SYSTEM_ERROR" }));
    shop.sandbox
        .answer_once_with("GET v3/pay/transactions/*", refused);
    let body = order(&shop.sandbox);
    assert_eq!(shop.post(NATIVE, &body).await.json(), json!({ "n": 1 }));
    assert_eq!(shop.post(NATIVE, &body).await.json(), json!({ "n": 2 }));
    let answer = shop.post(NATIVE, &body).await.json();
    assert!(answer["code_url"].is_string());
    let number = body["out_trade_no"].as_str().unwrap();
    assert_eq!(
        shop.query(number).await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    assert_eq!(shop.query(number).await.status, StatusCode::OK);
}

#[tokio::test]
async fn several_merchants_have_their_own_orders() {
    let builder = Sandbox::builder().merchant("1900000110");
    let mut shop = Shop::with(builder).await;
    let mut order = order(&shop.sandbox);
    shop.post(NATIVE, &order).await;
    let number = order["out_trade_no"].as_str().unwrap().to_owned();
    let other = shop.sandbox.merchant("1900000110").unwrap();
    assert!(other.pay(&number).is_err());
    assert!(shop.sandbox.merchant("1900000111").is_none());
    order["mchid"] = json!("1900000110");
    let client = other.client().unwrap();
    let call = client
        .chain("v3/pay/transactions/native")
        .post(order.clone());
    let answer = call.await.unwrap();
    assert!(answer.data().unwrap()["code_url"].is_string());
    other.pay(&number).unwrap();
    let state = shop.state().await;
    assert_eq!(state["merchants"]["1900000110"]["balance"], 100);
    assert_eq!(state["merchants"][shop.sandbox.mchid()]["balance"], 0);
    // Whoever signs is who orders.
    let answer = shop.post(NATIVE, &order).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn reset_forgets_everything() {
    let mut shop = Shop::with(Sandbox::builder().seed(1)).await;
    let order = order(&shop.sandbox);
    let first = shop.post(NATIVE, &order).await.json();
    let number = order["out_trade_no"].as_str().unwrap();
    shop.sandbox.pay(number).unwrap();
    shop.sandbox.settled().await;
    shop.sandbox.answer("POST", NATIVE, 500, json!({}));
    shop.sandbox.advance(crate::shop::DAY);
    shop.sandbox.reset();
    assert!(shop.sandbox.received().is_empty());
    assert!(shop.sandbox.deliveries().is_empty());
    assert_eq!(shop.query(number).await.status, StatusCode::NOT_FOUND);
    let again = shop.post(NATIVE, &order).await.json();
    assert!(again["code_url"].is_string());
    // The first draw is the first again.
    assert_eq!(
        first["code_url"].as_str().unwrap()[30..],
        again["code_url"].as_str().unwrap()[30..]
    );
}

#[tokio::test]
async fn the_last_thousand_requests_are_kept_or_as_many_as_is_said() {
    let mut shop = Shop::with(Sandbox::builder().keep(2)).await;
    for _ in 0..3 {
        shop.order().await;
    }
    shop.get("/v3/certificates").await;
    let received = shop.sandbox.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[1].target(), "/v3/certificates");
    let mut shop = Shop::with(Sandbox::builder().keep(0)).await;
    shop.paid().await;
    shop.sandbox.settled().await;
    assert!(shop.sandbox.received().is_empty());
    assert!(shop.sandbox.deliveries().is_empty());
}

#[tokio::test]
async fn a_wrong_signature_is_recorded_with_what_was_signed() {
    let sandbox = Way::PlainHttp2.start().await;
    let body = coupon().to_string();
    let draft = Draft::new(&sandbox, "POST", &format!("{SEND}?a=b"), &body);
    let right = draft.message();
    for wrong in [
        right.replace("?a=b", ""),
        right.trim_end_matches('\n').to_owned(),
        right.replace(&body, ""),
        right.replace("\n/v3", &format!("\nhttp://{}/v3", sandbox.address())),
    ] {
        let request = draft.with_signature_over(&sandbox, &wrong);
        let answer = send(&sandbox, Way::PlainHttp2, request).await.unwrap();
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let received = sandbox.received().pop().unwrap();
        let mismatch = received.mismatch().unwrap();
        assert_eq!(mismatch.expected(), right);
        assert_eq!(mismatch.signed(), Some(&*wrong));
    }
    let request = draft.with_signature_over(&sandbox, "anything else");
    send(&sandbox, Way::PlainHttp2, request).await.unwrap();
    let received = sandbox.received().pop().unwrap();
    assert_eq!(received.mismatch().unwrap().signed(), None);
    send(&sandbox, Way::PlainHttp2, draft.sign(&sandbox))
        .await
        .unwrap();
    assert!(sandbox.received().pop().unwrap().mismatch().is_none());
}
