//! APIv3's refunds.

use http::StatusCode;
use serde_json::{Value, json};

use crate::client::nonce;
use crate::shop::{REFUNDS, Shop, refund};

#[tokio::test]
async fn a_refund_is_in_process_and_then_done() {
    let mut shop = Shop::open().await;
    let order = shop.paid().await;
    let number = nonce();
    let answer = shop.refund(&order, &number, 30).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.assert_genuine(&shop.sandbox);
    let applied = answer.json();
    assert_eq!(applied["status"], "PROCESSING");
    assert!(applied.get("success_time").is_none());
    let refund_id = applied["refund_id"].as_str().unwrap();
    assert!(refund_id.len() == 29 && refund_id.starts_with("5030"));
    let found = shop.get(&format!("{REFUNDS}/{number}")).await.json();
    assert_eq!(found["status"], "SUCCESS");
    assert!(found["success_time"].as_str().unwrap().ends_with("+08:00"));
    for name in [
        "refund_id",
        "out_refund_no",
        "transaction_id",
        "out_trade_no",
        "channel",
        "user_received_account",
        "create_time",
        "funds_account",
        "amount",
        "promotion_detail",
    ] {
        assert_eq!(found[name], applied[name], "{name}");
    }
    assert_eq!(found["amount"]["refund"], 30);
    assert_eq!(found["amount"]["total"], 100);
    assert_eq!(found["amount"]["settlement_refund"], 30);
    let order = shop.query(&order).await.json();
    assert_eq!(order["trade_state"], "REFUND");
    assert_eq!(order["amount"]["total"], 100);
}

#[tokio::test]
async fn partial_refunds_go_up_to_the_whole_and_fifty_of_them() {
    let mut shop = Shop::open().await;
    let order = shop.paid().await;
    assert_eq!(
        shop.refund(&order, &nonce(), 60).await.status,
        StatusCode::OK
    );
    assert_eq!(
        shop.refund(&order, &nonce(), 40).await.status,
        StatusCode::OK
    );
    let order = shop.paid().await;
    for _ in 0..50 {
        assert_eq!(
            shop.refund(&order, &nonce(), 1).await.status,
            StatusCode::OK
        );
    }
    let answer = shop.refund(&order, &nonce(), 1).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["code"], "INVALID_REQUEST");
    assert_eq!(answer.header("Sandbox-Fidelity"), "shape");
}

#[tokio::test]
async fn an_abnormal_refund_can_be_sent_to_another_card() {
    let mut shop = Shop::open().await;
    let order = shop.paid().await;
    let number = format!("SANDBOX_ABNORMAL_{}", nonce());
    let applied = shop.refund(&order, &number, 100).await.json();
    let target = format!("{REFUNDS}/{number}");
    assert_eq!(shop.get(&target).await.json()["status"], "ABNORMAL");
    let refund_id = applied["refund_id"].as_str().unwrap();
    let redirect = format!("{REFUNDS}/{refund_id}/apply-abnormal-refund");
    let body = json!({ "out_refund_no": number, "type": "USER_BANK_CARD" });
    let answer = shop.post(&redirect, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.json()["status"], "PROCESSING");
    assert_eq!(shop.get(&target).await.json()["status"], "SUCCESS");
    let again = shop.post(&redirect, &body).await;
    assert_eq!(again.json()["code"], "INVALID_REQUEST");
    let unknown = format!("{REFUNDS}/50300000000/apply-abnormal-refund");
    let answer = shop.post(&unknown, &body).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_closed_refund_moves_no_money_and_needs_a_new_number() {
    let mut shop = Shop::open().await;
    let order = shop.paid().await;
    let number = nonce();
    let body = refund(&order, &number, 100).to_string();
    let headers = [("wechatpay-negative-test", "REFUND_CLOSED")];
    let answer = shop.call_with("POST", REFUNDS, &body, &headers).await;
    assert_eq!(answer.json()["status"], "PROCESSING");
    // The same number is the same refund.
    let answer = shop.refund(&order, &number, 100).await;
    assert_eq!(answer.json()["status"], "CLOSED");
    let answer = shop.refund(&order, &nonce(), 100).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refund_in_process_ends_when_the_test_says() {
    let mut shop = Shop::open().await;
    let order = shop.paid().await;
    let number = format!("SANDBOX_PROCESSING_{}", nonce());
    shop.refund(&order, &number, 100).await;
    let target = format!("{REFUNDS}/{number}");
    assert_eq!(shop.get(&target).await.json()["status"], "PROCESSING");
    assert!(shop.sandbox.end_refund(&number, "PROCESSING").is_err());
    shop.sandbox.end_refund(&number, "CLOSED").unwrap();
    assert_eq!(shop.get(&target).await.json()["status"], "CLOSED");
    assert!(shop.sandbox.end_refund(&number, "SUCCESS").is_err());
}

#[tokio::test]
async fn a_wrong_field_is_named() {
    let mut shop = Shop::open().await;
    for (path, value, field) in [
        ("/out_refund_no", Value::Null, "/out_refund_no"),
        ("/out_refund_no", json!("a b"), "/out_refund_no"),
        ("/out_trade_no", Value::Null, "/out_trade_no"),
        ("/amount/currency", Value::Null, "/amount/currency"),
        ("/amount/refund", json!(0), "/amount/refund"),
        ("/amount/refund", json!(0.5), "/amount/refund"),
        ("/amount/total", Value::Null, "/amount/total"),
        ("/notify_url", json!("x"), "/notify_url"),
        ("/why", json!("x"), "/why"),
    ] {
        let mut body = refund("123456", "1", 1);
        let (parent, name) = path.rsplit_once('/').unwrap();
        let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Value::Null => parent.remove(name),
            value => parent.insert(name.to_owned(), value),
        };
        let answer = shop.post(REFUNDS, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {answer:?}");
        assert_eq!(answer.json()["code"], "PARAM_ERROR", "{path}");
        assert_eq!(answer.json()["detail"]["field"], field, "{answer:?}");
    }
    // What is written as a float and is whole is taken.
    let order = shop.paid().await;
    let body = refund(&order, &nonce(), 1).to_string();
    let body = body.replace(":100", ":100.0");
    let answer = shop.call("POST", REFUNDS, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}
