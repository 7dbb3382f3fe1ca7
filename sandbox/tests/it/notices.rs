//! What the merchant is told of its own accord.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use wechatpay_sandbox::Sandbox;

use crate::client::nonce;
use crate::shop::{DAY, ELSEWHERE, Ear, FAIL, NATIVE, NO_CONTENT, OK, REFUNDS, Shop, order};
use crate::shop::{refund, seconds};

#[tokio::test]
async fn a_payment_and_a_refund_are_told_signed_and_encrypted() {
    let mut shop = Shop::open().await;
    let ear = Ear::open(&[OK, NO_CONTENT]);
    let mut order = order(&shop.sandbox);
    order["notify_url"] = json!(ear.url);
    order["attach"] = json!("附加");
    shop.post(NATIVE, &order).await;
    let number = order["out_trade_no"].as_str().unwrap();
    let transaction_id = shop.sandbox.pay(number).unwrap();
    shop.sandbox.settled().await;
    let mut body = refund(number, "R1", 40);
    body["notify_url"] = json!(ear.url);
    let applied = shop.post(REFUNDS, &body).await.json();
    shop.sandbox.settled().await;

    let heard = ear.heard();
    assert_eq!(heard.len(), 2);
    for heard in &heard {
        assert!(heard.verifies(&shop.sandbox), "{heard:?}");
        assert!(heard.head.starts_with("POST /notify HTTP/1.1"));
    }
    assert_eq!(heard[0].json()["event_type"], "TRANSACTION.SUCCESS");
    assert_eq!(
        heard[0].json()["resource"]["associated_data"],
        "transaction"
    );
    let queried = shop.query(number).await.json();
    let mut expected = queried.clone();
    expected["trade_state"] = json!("SUCCESS");
    expected["trade_state_desc"] = json!("支付成功");
    assert_eq!(heard[0].resource(&shop.sandbox), expected);
    assert_eq!(expected["attach"], "附加");

    assert_eq!(heard[1].json()["event_type"], "REFUND.SUCCESS");
    let resource = heard[1].resource(&shop.sandbox);
    assert_eq!(
        resource,
        json!({
            "mchid": shop.sandbox.mchid(),
            "out_trade_no": number,
            "transaction_id": transaction_id,
            "out_refund_no": "R1",
            "refund_id": applied["refund_id"],
            "refund_status": "SUCCESS",
            "success_time": resource["success_time"],
            "user_received_account": "支付用户零钱",
            "amount": { "total": 100, "refund": 40, "payer_total": 100, "payer_refund": 40 },
        })
    );
    let deliveries = shop.sandbox.deliveries();
    assert_eq!(deliveries.len(), 2);
    assert!(
        deliveries
            .iter()
            .all(wechatpay_sandbox::Delivery::acknowledged)
    );
    assert_eq!(deliveries[0].subject(), number);
    assert_eq!(deliveries[1].subject(), "R1");
    assert_eq!(deliveries[1].status(), Some(204));
}

#[tokio::test]
async fn what_is_not_acknowledged_is_told_again_on_its_schedule() {
    let mut shop = Shop::open().await;
    let ear = Ear::open(&[FAIL]);
    let mut order = order(&shop.sandbox);
    order["notify_url"] = json!(ear.url);
    shop.post(NATIVE, &order).await;
    shop.sandbox
        .pay(order["out_trade_no"].as_str().unwrap())
        .unwrap();
    shop.sandbox.settled().await;
    assert_eq!(ear.heard().len(), 1);
    for (wait, heard) in [(14, 1), (1, 2), (15, 3), (30, 4), (180, 5), (600, 6)] {
        // A second may pass meanwhile, but not more than there is room for here.
        shop.sandbox.advance(Duration::from_secs(wait));
        shop.sandbox.settled().await;
        let now = ear.heard().len();
        assert!(now == heard || (wait == 14 && now == 2), "{wait}: {now}");
    }
    shop.sandbox.advance(2 * DAY);
    shop.sandbox.settled().await;
    assert_eq!(ear.heard().len(), 16);
    let deliveries = shop.sandbox.deliveries();
    let attempts: Vec<usize> = deliveries
        .iter()
        .map(|delivery| delivery.attempt())
        .collect();
    assert_eq!(attempts, (1..=16).collect::<Vec<_>>());
    assert!(deliveries.iter().all(|delivery| !delivery.acknowledged()));
    assert_eq!(deliveries[0].answer(), b"{\"code\":\"FAIL\"}");
    assert!(seconds(deliveries[0].at(), deliveries[15].at()) > 24 * 60 * 60);
    // Each is the same notification, signed anew.
    let heard = ear.heard();
    assert_eq!(heard[0].json()["id"], heard[15].json()["id"]);
    assert_ne!(
        heard[0].header("Wechatpay-Nonce"),
        heard[15].header("Wechatpay-Nonce")
    );
    assert!(heard[15].verifies(&shop.sandbox));
}

#[tokio::test]
async fn attempts_are_listed_as_they_were_begun_whichever_ended_first() {
    let shop = Shop::open().await;
    let slow = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow_url = format!("http://{}/", slow.local_addr().unwrap());
    let ear = Ear::open(&[OK]);
    for url in [&slow_url, &ear.url] {
        let resource = json!({ "coupon_code": "1" });
        shop.sandbox.notify("COUPON.SEND", resource, url);
    }
    let (mut held, _) = slow.accept().await.unwrap();
    while shop.sandbox.deliveries().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(shop.sandbox.deliveries()[0].url(), ear.url);
    held.write_all(OK.as_bytes()).await.unwrap();
    shop.sandbox.settled().await;
    let deliveries = shop.sandbox.deliveries();
    let urls: Vec<&str> = deliveries.iter().map(|delivery| delivery.url()).collect();
    assert_eq!(urls, [&slow_url, &ear.url]);
}

#[tokio::test]
async fn it_is_told_until_it_is_acknowledged() {
    let shop = Shop::open().await;
    let ear = Ear::open(&[FAIL, FAIL, OK]);
    shop.sandbox
        .notify("COUPON.SEND", json!({ "coupon_code": "1" }), &ear.url);
    shop.sandbox.settled().await;
    shop.sandbox.advance(DAY);
    shop.sandbox.settled().await;
    let heard = ear.heard();
    assert_eq!(heard.len(), 3);
    assert_eq!(heard[2].json()["resource"]["original_type"], "coupon");
    assert_eq!(
        heard[2].resource(&shop.sandbox),
        json!({ "coupon_code": "1" })
    );
    let last = shop.sandbox.deliveries().pop().unwrap();
    assert!(last.acknowledged());
    assert_eq!(last.event_type(), "COUPON.SEND");
}

#[tokio::test]
async fn a_coupon_is_told_of_eleven_times_and_of_its_use_nine() {
    let shop = Shop::open().await;
    for (event, times) in [("COUPON.SEND", 11), ("COUPON.USE", 9)] {
        let ear = Ear::open(&[FAIL]);
        shop.sandbox.notify(event, json!({}), &ear.url);
        shop.sandbox.settled().await;
        shop.sandbox.advance(DAY);
        shop.sandbox.settled().await;
        assert_eq!(ear.heard().len(), times, "{event}");
    }
}

#[tokio::test]
async fn a_probe_comes_once_and_does_not_verify() {
    let shop = Shop::open().await;
    let ear = Ear::open(&[FAIL]);
    shop.sandbox.probe(&ear.url);
    shop.sandbox.advance(DAY);
    shop.sandbox.settled().await;
    let heard = ear.heard();
    assert_eq!(heard.len(), 1);
    assert!(
        heard[0]
            .header("Wechatpay-Signature")
            .starts_with("WECHATPAY/SIGNTEST/")
    );
    assert!(!heard[0].verifies(&shop.sandbox));
    assert_eq!(shop.sandbox.deliveries()[0].event_type(), "SIGNTEST");
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let shop = Shop::open().await;
    let other = Ear::open(&[OK]);
    let answer = format!(
        "HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        other.url
    );
    let answers: &'static [&'static str] = vec![&*answer.leak()].leak();
    let ear = Ear::open(answers);
    shop.sandbox
        .notify("TRANSACTION.SUCCESS", json!({}), &ear.url);
    shop.sandbox.settled().await;
    assert_eq!(other.heard().len(), 0);
    let delivery = shop.sandbox.deliveries().pop().unwrap();
    assert_eq!(delivery.status(), Some(302));
    assert!(!delivery.acknowledged());
}

#[tokio::test]
async fn nobody_elsewhere_is_told_and_none_is_tried_again() {
    let mut shop = Shop::open().await;
    shop.paid().await;
    for url in [
        "https://127.0.0.1/x",
        "http://192.0.2.1/x",
        "http://sandbox.invalid/",
    ] {
        shop.sandbox.notify("TRANSACTION.SUCCESS", json!({}), url);
    }
    shop.sandbox.settled().await;
    shop.sandbox.advance(DAY);
    shop.sandbox.settled().await;
    let deliveries = shop.sandbox.deliveries();
    assert_eq!(deliveries.len(), 4);
    assert!(
        deliveries
            .iter()
            .any(|delivery| delivery.url() == ELSEWHERE)
    );
    for delivery in deliveries {
        assert_eq!(delivery.status(), None);
        assert!(
            delivery.error().unwrap().contains("sandbox"),
            "{delivery:?}"
        );
    }
}

#[tokio::test]
async fn https_is_refused_even_where_it_is_allowed_and_the_record_says_why() {
    let builder = Sandbox::builder().plain().allow_notify("www.example.com");
    let sandbox = builder.start().await.unwrap();
    for url in ["https://www.example.com/x", "https://127.0.0.1/x"] {
        sandbox.notify("TRANSACTION.SUCCESS", json!({}), url);
        sandbox.settled().await;
        let delivery = sandbox.deliveries().pop().unwrap();
        assert_eq!((delivery.url(), delivery.status()), (url, None));
        let error = delivery.error().unwrap();
        assert!(error.contains("is https"), "{error}");
    }
}

#[test]
fn a_test_without_a_runtime_waits_for_what_is_told() {
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    // With nothing to wait for, there is nothing to wait.
    sandbox.settled_blocking();
    let ear = Ear::open(&[FAIL, OK]);
    for (attempt, status) in [(1, 500), (2, 200)] {
        if attempt == 1 {
            sandbox.notify("TRANSACTION.SUCCESS", json!({}), &ear.url);
        } else {
            sandbox.advance(Duration::from_secs(15));
        }
        sandbox.settled_blocking();
        let deliveries = sandbox.deliveries();
        assert_eq!(deliveries.len(), attempt);
        assert_eq!(deliveries[attempt - 1].status(), Some(status));
    }
    assert!(sandbox.deliveries()[1].acknowledged());
}

#[tokio::test]
async fn a_name_that_is_allowed_may_be_elsewhere() {
    let builder = Sandbox::builder().plain().allow_notify("192.0.2.1");
    let sandbox = builder.start().await.unwrap();
    sandbox.notify("TRANSACTION.SUCCESS", json!({}), "http://192.0.2.1:9/x");
    sandbox.settled().await;
    let delivery = sandbox.deliveries().pop().unwrap();
    // Nobody is there, but it was tried.
    assert!(
        !delivery.error().unwrap().contains("allow_notify"),
        "{delivery:?}"
    );
}

#[tokio::test]
async fn an_abnormal_and_a_closed_refund_are_told_of_and_one_in_process_is_not() {
    let mut shop = Shop::open().await;
    let ear = Ear::open(&[OK]);
    let order = shop.paid().await;
    let mut numbers = Vec::new();
    for end in ["ABNORMAL", "CLOSED", "PROCESSING"] {
        let number = format!("SANDBOX_{end}_{}", nonce());
        let mut body = refund(&order, &number, 10);
        body["notify_url"] = json!(ear.url);
        shop.post(REFUNDS, &body).await;
        shop.sandbox.settled().await;
        numbers.push(number);
    }
    let heard = ear.heard();
    let events: Vec<_> = heard
        .iter()
        .map(|heard| heard.json()["event_type"].clone())
        .collect();
    assert_eq!(events, ["REFUND.ABNORMAL", "REFUND.CLOSED"]);
    assert_eq!(heard[0].json()["summary"], "退款异常");
    assert!(
        heard[0]
            .resource(&shop.sandbox)
            .get("success_time")
            .is_none()
    );
    shop.sandbox.end_refund(&numbers[2], "SUCCESS").unwrap();
    shop.sandbox.settled().await;
    assert_eq!(ear.heard()[2].json()["event_type"], "REFUND.SUCCESS");
}

const OK_XML: &str = "HTTP/1.1 200 OK\r\nContent-Length: 53\r\nConnection: close\r\n\r\n<xml><return_code><![CDATA[SUCCESS]]></return_code></xml>";

#[tokio::test]
async fn an_order_of_apiv2_is_told_of_in_xml_and_one_by_code_is_not() {
    let answer = OK_XML.replace(
        "53",
        &OK_XML.split("\r\n\r\n").nth(1).unwrap().len().to_string(),
    );
    let answers: &'static [&'static str] = vec![OK, &*answer.leak()].leak();
    let ear = Ear::open(answers);
    let shop = Shop::open().await;
    let number = nonce();
    let mut fields = vec![
        ("appid", "wx8888888888888888"),
        ("body", "QQ公仔"),
        ("out_trade_no", &*number),
        ("total_fee", "100"),
        ("spbill_create_ip", "127.0.0.1"),
        ("notify_url", &*ear.url),
        ("trade_type", "NATIVE"),
        ("sign_type", "HMAC-SHA256"),
    ];
    crate::apiv2::call(&shop.sandbox, "/pay/unifiedorder", &fields).await;
    let transaction_id = shop.sandbox.pay(&number).unwrap();
    shop.sandbox.settled().await;
    // An empty answer is no acknowledgement here.
    shop.sandbox.advance(Duration::from_secs(15));
    shop.sandbox.settled().await;
    let heard = ear.heard();
    assert_eq!(heard.len(), 2);
    assert!(heard[1].body.contains(&transaction_id), "{heard:?}");
    assert!(heard[1].body.contains("<sign>"));
    let deliveries = shop.sandbox.deliveries();
    assert!(!deliveries[0].acknowledged() && deliveries[1].acknowledged());

    fields[6] = ("refund_fee", "100");
    fields.push(("out_refund_no", "R1"));
    crate::apiv2::call(&shop.sandbox, "/secapi/pay/refund", &fields).await;
    shop.sandbox.settled().await;
    let heard = ear.heard();
    assert!(heard[2].body.contains("<req_info>"), "{heard:?}");
    assert!(shop.sandbox.deliveries()[2].acknowledged());

    let other = nonce();
    fields[2] = ("out_trade_no", &other);
    fields.push(("auth_code", "130000000000000001"));
    crate::apiv2::call(&shop.sandbox, "/pay/micropay", &fields).await;
    shop.sandbox.settled().await;
    assert_eq!(ear.heard().len(), 3);
}
