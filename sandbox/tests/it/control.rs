//! `/_sandbox/…`, which any language can play the payer with.

use http::StatusCode;
use serde_json::json;

use crate::shop::{Ear, FAIL, NATIVE, OK, Shop, order};

#[tokio::test]
async fn an_order_is_paid_over_http_and_told_of() {
    let mut shop = Shop::open().await;
    let ear = Ear::open(&[FAIL, OK]);
    let mut order = order(&shop.sandbox);
    order["notify_url"] = json!(ear.url);
    shop.post(NATIVE, &order).await;
    let body = json!({ "out_trade_no": order["out_trade_no"] }).to_string();
    let failed = shop
        .control("POST", "/_sandbox/pay_fails", &body, &[])
        .await;
    assert_eq!(failed.status, StatusCode::OK, "{failed:?}");
    let paid = shop.control("POST", "/_sandbox/pay", &body, &[]).await;
    assert_eq!(paid.status, StatusCode::OK, "{paid:?}");
    assert!(
        paid.json()["transaction_id"]
            .as_str()
            .unwrap()
            .starts_with("4200")
    );
    let again = shop.control("POST", "/_sandbox/pay", &body, &[]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(
        again.json()["error"]
            .as_str()
            .unwrap()
            .contains("该订单已支付")
    );
    shop.sandbox.settled().await;
    let clock = r#"{"advance":15}"#;
    let clock = shop.control("POST", "/_sandbox/clock", clock, &[]).await;
    assert_eq!(clock.json()["ahead"], 15);
    shop.sandbox.settled().await;
    let deliveries = shop.control("GET", "/_sandbox/deliveries", "", &[]).await;
    let deliveries = deliveries.json();
    assert_eq!(deliveries["pending"], 0);
    assert_eq!(deliveries["data"][0]["status"], 500);
    assert_eq!(deliveries["data"][1]["acknowledged"], true);
    let state = shop.state().await;
    assert_eq!(state["orders"][0]["trade_state"], "SUCCESS");
    let mchid = shop.sandbox.mchid();
    assert_eq!(
        state["merchants"][mchid],
        json!({ "payments": 100, "refunds": 0, "withdrawn": 0, "balance": 100 })
    );
}

#[tokio::test]
async fn events_and_probes_without_an_order_are_sent_over_http() {
    let mut shop = Shop::open().await;
    let ear = Ear::open(&[OK]);
    let body = json!({ "event_type": "COUPON.SEND", "data": { "a": 1 }, "url": ear.url });
    shop.control("POST", "/_sandbox/notify", &body.to_string(), &[])
        .await;
    shop.sandbox.settled().await;
    let body = json!({ "url": ear.url }).to_string();
    shop.control("POST", "/_sandbox/probe", &body, &[]).await;
    shop.sandbox.settled().await;
    let heard = ear.heard();
    assert_eq!(heard[0].resource(&shop.sandbox), json!({ "a": 1 }));
    assert!(heard[0].verifies(&shop.sandbox));
    assert!(!heard[1].verifies(&shop.sandbox));
}

#[tokio::test]
async fn what_was_received_is_told_and_its_own_calls_are_not() {
    let mut shop = Shop::open().await;
    shop.order().await;
    shop.control("GET", "/_sandbox/health", "", &[]).await;
    let received = shop.control("GET", "/_sandbox/received", "", &[]).await;
    let received = received.json();
    assert_eq!(received["data"].as_array().unwrap().len(), 1);
    assert_eq!(received["data"][0]["target"], NATIVE);
    assert_eq!(received["data"][0]["authenticated"], true);
    let reset = shop.control("DELETE", "/_sandbox/state", "", &[]).await;
    assert_eq!(reset.status, StatusCode::OK);
    assert_eq!(shop.state().await["orders"], json!([]));
    assert!(shop.sandbox.received().is_empty());
}

#[tokio::test]
async fn a_page_in_a_browser_is_refused() {
    let mut shop = Shop::open().await;
    for headers in [
        [("origin", "null")],
        [("origin", "http://127.0.0.1")],
        [("sec-fetch-site", "same-origin")],
        [("host", "sandbox.example.com")],
        [("host", "192.0.2.1")],
    ] {
        for (method, target) in [("GET", "/_sandbox/health"), ("DELETE", "/_sandbox/state")] {
            let answer = shop.control(method, target, "", &headers).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
        }
    }
    let answer = shop.control("GET", "/_sandbox/health", "", &[]).await;
    assert_eq!(answer.json(), json!({ "status": "ok" }));
    let answer = shop
        .control("GET", "/_sandbox/health", "", &[("host", "localhost:1")])
        .await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn what_it_does_not_understand_is_said() {
    let mut shop = Shop::open().await;
    for (method, target, body, status) in [
        ("GET", "/_sandbox/nothing", "", 404),
        ("GET", "/_sandbox", "", 404),
        ("GET", "/_sandbox/pay", "", 405),
        ("POST", "/_sandbox/pay", "", 400),
        ("POST", "/_sandbox/pay", "[]", 400),
        (
            "POST",
            "/_sandbox/pay",
            r#"{"out_trade_no":"unknown"}"#,
            404,
        ),
        ("POST", "/_sandbox/clock", r#"{"advance":"1"}"#, 400),
        ("POST", "/_sandbox/notify", "{}", 400),
        ("POST", "/_sandbox/rules", "{}", 400),
    ] {
        let answer = shop.control(method, target, body, &[]).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {target} {body}");
        assert!(answer.json()["error"].is_string());
    }
    let answer = shop.control("GET", "/_sandbox/pay", "", &[]).await;
    assert_eq!(answer.header("Allow"), "POST");
}
