//! APIv3's orders, and what becomes of them.

use http::StatusCode;
use serde_json::{Value, json};

use crate::client::nonce;
use crate::shop::{DAY, ELSEWHERE, NATIVE, Shop, order};

/// An order of this kind, by a partner or not.
fn body(shop: &Shop, kind: &str, is_partner: bool) -> Value {
    let mut body = order(&shop.sandbox);
    let fields = body.as_object_mut().unwrap();
    if is_partner {
        let (appid, mchid) = (fields.remove("appid"), fields.remove("mchid"));
        fields.insert("sp_appid".to_owned(), appid.unwrap());
        fields.insert("sp_mchid".to_owned(), mchid.unwrap());
        fields.insert("sub_mchid".to_owned(), json!("1900000110"));
    }
    match (kind, is_partner) {
        ("jsapi", false) => body["payer"] = json!({ "openid": "oUser" }),
        ("jsapi", true) => {
            body["payer"] = json!({ "sub_openid": "oUser" });
            body["sub_appid"] = json!("wxsub");
        }
        ("h5", _) => {
            body["scene_info"] = json!({
                "payer_client_ip": "127.0.0.1",
                "h5_info": { "type": "Wap" },
            });
        }
        _ => {}
    }
    body
}

#[tokio::test]
async fn each_way_to_order_gives_its_own_handle() {
    let mut shop = Shop::open().await;
    for (kind, trade_type, name, start) in [
        (
            "native",
            "NATIVE",
            "code_url",
            "weixin://wxpay/bizpayurl?pr=",
        ),
        ("jsapi", "JSAPI", "prepay_id", "wx"),
        ("app", "APP", "prepay_id", "wx"),
        (
            "h5",
            "MWEB",
            "h5_url",
            "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=",
        ),
    ] {
        for is_partner in [false, true] {
            let order = body(&shop, kind, is_partner);
            let place = if is_partner { "partner/" } else { "" };
            let target = format!("/v3/pay/{place}transactions/{kind}");
            let answer = shop.post(&target, &order).await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            answer.assert_genuine(&shop.sandbox);
            assert_eq!(answer.header("Sandbox-Fidelity"), "state");
            let json = answer.json();
            assert_eq!(json.as_object().unwrap().len(), 1);
            assert!(json[name].as_str().unwrap().starts_with(start));

            let number = order["out_trade_no"].as_str().unwrap();
            let transaction_id = shop.sandbox.pay(number).unwrap();
            let query = if is_partner {
                let mchid = shop.sandbox.mchid();
                format!("sp_mchid={mchid}&sub_mchid=1900000110")
            } else {
                format!("mchid={}", shop.sandbox.mchid())
            };
            for by in [
                format!("out-trade-no/{number}"),
                format!("id/{transaction_id}"),
            ] {
                let target = format!("/v3/pay/{place}transactions/{by}?{query}");
                let answer = shop.get(&target).await;
                assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
                let json = answer.json();
                assert_eq!(json["trade_state"], "SUCCESS");
                assert_eq!(json["trade_type"], trade_type);
                assert_eq!(json["transaction_id"], json!(transaction_id));
                assert_eq!(json["amount"]["payer_total"], 100);
                assert_eq!(json["attach"], "");
                let (name, appid) = if is_partner {
                    ("sp_mchid", "sp_appid")
                } else {
                    ("mchid", "appid")
                };
                assert_eq!(json[name], json!(shop.sandbox.mchid()));
                assert_eq!(json[appid], "wx8888888888888888");
                if kind == "jsapi" {
                    let openid = if is_partner { "sub_openid" } else { "openid" };
                    assert_eq!(json["payer"][openid], "oUser");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_unpaid_and_a_closed_order_say_little() {
    let mut shop = Shop::open().await;
    let number = shop.order().await;
    let unpaid = shop.query(&number).await.json();
    assert_eq!(unpaid["trade_state"], "NOTPAY");
    assert_eq!(unpaid["trade_state_desc"], "订单未支付");
    let closed = shop.close(&number).await;
    assert_eq!(closed.status, StatusCode::NO_CONTENT);
    assert!(closed.body.is_empty());
    closed.assert_genuine(&shop.sandbox);
    let closed = shop.query(&number).await.json();
    assert_eq!(closed["trade_state"], "CLOSED");
    for name in ["amount", "payer", "transaction_id", "success_time"] {
        assert!(unpaid.get(name).is_none() && closed.get(name).is_none());
    }
}

#[tokio::test]
async fn an_order_expires_and_is_closed_by_the_clock() {
    let mut shop = Shop::open().await;
    let number = shop.order().await;
    shop.sandbox.advance(std::time::Duration::from_secs(7200));
    // The code_url is too old, and the order is open still.
    let error = shop.sandbox.pay(&number).unwrap_err();
    assert!(error.to_string().contains("该订单已失效"), "{error}");
    assert_eq!(shop.query(&number).await.json()["trade_state"], "NOTPAY");
    shop.sandbox.advance(7 * DAY);
    assert_eq!(shop.query(&number).await.json()["trade_state"], "CLOSED");
    // Signatures go by the real time.
    let answer = shop.query(&number).await;
    answer.assert_genuine(&shop.sandbox);
}

#[tokio::test]
async fn a_payment_that_fails_can_be_tried_again_and_not_by_another_user() {
    let mut shop = Shop::open().await;
    let order = body(&shop, "jsapi", false);
    shop.post("/v3/pay/transactions/jsapi", &order).await;
    let number = order["out_trade_no"].as_str().unwrap();
    shop.sandbox.pay_fails(number, "NOT_ENOUGH").unwrap();
    assert_eq!(shop.query(number).await.json()["trade_state"], "NOTPAY");
    let error = shop.sandbox.pay_by(number, "oOther").unwrap_err();
    assert!(error.to_string().contains("下单账号与支付账号不一致"));
    shop.sandbox.pay_by(number, "oUser").unwrap();
    assert!(shop.sandbox.pay_fails(number, "NOT_ENOUGH").is_err());
    assert!(shop.sandbox.pay_fails("unknown", "NOT_ENOUGH").is_err());
}

#[tokio::test]
async fn a_wrong_field_is_named() {
    let mut shop = Shop::open().await;
    let rows: [(&str, Value, &str); 16] = [
        ("/appid", Value::Null, "/appid"),
        ("/mchid", Value::Null, "/mchid"),
        ("/description", json!(""), "/description"),
        ("/description", json!("x".repeat(128)), "/description"),
        ("/out_trade_no", json!("12345"), "/out_trade_no"),
        ("/out_trade_no", json!("1234 6"), "/out_trade_no"),
        ("/notify_url", json!("ftp://x/"), "/notify_url"),
        ("/notify_url", json!("https://x/?a=b"), "/notify_url"),
        ("/amount", Value::Null, "/amount"),
        ("/amount/total", json!(0), "/amount/total"),
        ("/amount/total", json!("100"), "/amount/total"),
        ("/amount/total", json!(1.5), "/amount/total"),
        ("/amount/currency", json!("USD"), "/amount/currency"),
        ("/time_expire", json!("2018-06-08"), "/time_expire"),
        ("/payer", json!({ "openid": "o" }), "/payer/openid"),
        ("/settle", json!({}), "/settle"),
    ];
    for (path, value, field) in rows {
        let mut order = order(&shop.sandbox);
        let (parent, name) = path.rsplit_once('/').unwrap();
        let parent = order.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Value::Null => parent.remove(name),
            value => parent.insert(name.to_owned(), value),
        };
        let answer = shop.post(NATIVE, &order).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {answer:?}");
        assert_eq!(answer.json()["code"], "PARAM_ERROR", "{path}");
        assert_eq!(answer.json()["detail"]["field"], field, "{answer:?}");
    }
    let answer = shop.call("POST", NATIVE, "[]").await;
    assert_eq!(answer.json()["code"], "PARAM_ERROR");
}

#[tokio::test]
async fn an_unknown_field_is_refused_as_it_was_seen() {
    let mut shop = Shop::open().await;
    let mut order = order(&shop.sandbox);
    order["payer"] = json!({ "openid": "o" });
    let answer = shop.post(NATIVE, &order).await;
    let json = answer.json();
    assert_eq!(json["message"], "请求中含有未在API文档中定义的参数");
    assert_eq!(json["detail"]["value"], json!(["/body/payer/openid"]));
    assert_eq!(json["detail"]["location"], Value::Null);
    assert!(answer.header("Request-ID").ends_with("-270924358"));
}

#[tokio::test]
async fn a_partner_asks_with_both_numbers_and_for_its_own_merchant() {
    let mut shop = Shop::open().await;
    let order = body(&shop, "native", true);
    shop.post("/v3/pay/partner/transactions/native", &order)
        .await;
    let number = order["out_trade_no"].as_str().unwrap();
    let target = format!("/v3/pay/partner/transactions/out-trade-no/{number}");
    let mchid = shop.sandbox.mchid().to_owned();
    for (query, code) in [
        (format!("sp_mchid={mchid}"), "PARAM_ERROR"),
        ("sub_mchid=1900000110".to_owned(), "PARAM_ERROR"),
        (
            format!("sp_mchid={mchid}&sub_mchid=1900000111"),
            "INVALID_REQUEST",
        ),
    ] {
        let answer = shop.get(&format!("{target}?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.json()["code"], code, "{query}");
    }
    let close = json!({ "sp_mchid": mchid, "sub_mchid": "1900000110" });
    let answer = shop.post(&format!("{target}/close"), &close).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_number_in_a_path_may_be_escaped() {
    let mut shop = Shop::open().await;
    let mut order = order(&shop.sandbox);
    let number = format!("a|*{}", &nonce()[10..]);
    order["out_trade_no"] = json!(number);
    shop.post(NATIVE, &order).await;
    let escaped = number.replace('|', "%7C").replace('*', "%2A");
    let answer = shop.query(&escaped).await;
    assert_eq!(answer.json()["out_trade_no"], json!(number));
}

#[tokio::test]
async fn orders_of_both_versions_are_the_same_orders() {
    let mut shop = Shop::open().await;
    let number = shop.order().await;
    shop.sandbox.pay(&number).unwrap();
    let paid = shop
        .sandbox
        .notification_v2(&json!({ "out_trade_no": number }));
    let text = String::from_utf8(paid.body().to_vec()).unwrap();
    assert!(text.contains("4200000001"), "{text}");
    assert!(ELSEWHERE.starts_with("http://192.0.2."));
}
