//! Coupons of `v3/marketing/busifavor`, from their stock to their end.

use http::StatusCode;
use serde_json::{Value, json};

use crate::client::{Answer, nonce};
use crate::shop::{DAY, Ear, OK, Shop};

const PLACE: &str = "/v3/marketing/busifavor";

/// A stock of coupons that are good now.
pub(crate) fn stock(code_mode: &str) -> Value {
    json!({
        "stock_name": "8月1日活动券",
        "belong_merchant": "1900000109",
        "comment": "活动使用",
        "goods_name": "xxx商品使用",
        "stock_type": "NORMAL",
        "coupon_use_rule": {
            "coupon_available_time": {
                "available_begin_time": "2015-05-20T13:29:35+08:00",
                "available_end_time": "2126-05-20T13:29:35+08:00",
                "available_day_after_receive": 3,
            },
            "fixed_normal_coupon": { "discount_amount": 5, "transaction_minimum": 100 },
            "use_method": "OFF_LINE",
        },
        "stock_send_rule": { "max_coupons": 100, "max_coupons_per_user": 2 },
        "out_request_no": nonce(),
        "coupon_code_mode": code_mode,
    })
}

pub(crate) async fn call(shop: &mut Shop, path: &str, body: &Value) -> Answer {
    shop.post(&format!("{PLACE}/{path}"), body).await
}

pub(crate) async fn create(shop: &mut Shop) -> String {
    let answer = call(shop, "stocks", &stock("WECHATPAY_MODE")).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()["stock_id"].as_str().unwrap().to_owned()
}

pub(crate) fn sending(stock_id: &str) -> Value {
    json!({
        "openid": "oUser", "appid": "wx1234567889999", "stock_id": stock_id,
        "out_request_no": nonce(), "coupon_type": "NORMAL",
    })
}

pub(crate) async fn send(shop: &mut Shop, stock_id: &str) -> String {
    let answer = call(shop, "product-coupons/send", &sending(stock_id)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()["coupon_code"].as_str().unwrap().to_owned()
}

pub(crate) fn using(code: &str, request_no: &str) -> Value {
    json!({
        "coupon_code": code, "appid": "wx1234567889999",
        "use_time": "2015-05-20T13:29:35+08:00", "use_request_no": request_no,
    })
}

pub(crate) async fn one(shop: &mut Shop, code: &str) -> Answer {
    shop.get(&format!("{PLACE}/users/oUser/coupons/{code}/appids/wx1"))
        .await
}

#[tokio::test]
async fn a_stock_echoes_what_was_given() {
    let mut shop = Shop::open().await;
    let body = stock("WECHATPAY_MODE");
    let created = call(&mut shop, "stocks", &body).await;
    created.assert_genuine(&shop.sandbox);
    assert_eq!(created.header("Sandbox-Fidelity"), "state");
    let id = created.json()["stock_id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 16);
    let found = shop.get(&format!("{PLACE}/stocks/{id}")).await.json();
    for name in [
        "stock_name",
        "goods_name",
        "coupon_use_rule",
        "stock_send_rule",
    ] {
        assert_eq!(found[name], body[name], "{name}");
    }
    assert_eq!(found["stock_state"], "RUNNING");
    assert_eq!(found["coupon_code_mode"], "WECHATPAY_MODE");
    let again = call(&mut shop, "stocks", &body).await;
    assert_eq!(again.json(), created.json());
    assert_eq!(again.header("Sandbox-Fidelity"), "shape");
}

#[tokio::test]
async fn a_coupon_is_sent_used_returned_and_deactivated() {
    let mut shop = Shop::open().await;
    let id = create(&mut shop).await;
    let code = send(&mut shop, &id).await;
    assert_eq!(code.len(), 22);
    let coupon = one(&mut shop, &code).await.json();
    assert_eq!(coupon["coupon_state"], "SENDED");
    assert_eq!(coupon["stock_name"], "8月1日活动券");
    assert!(coupon.get("use_time").is_none());
    let used = call(&mut shop, "coupons/use", &using(&code, "U1")).await;
    assert_eq!(used.status, StatusCode::OK, "{used:?}");
    assert_eq!(used.json()["openid"], "oUser");
    assert_eq!(one(&mut shop, &code).await.json()["use_request_no"], "U1");
    let body = json!({ "coupon_code": code, "stock_id": id, "return_request_no": "R1" });
    let returned = call(&mut shop, "coupons/return", &body).await;
    assert!(
        returned.json()["wechatpay_return_time"].is_string(),
        "{returned:?}"
    );
    assert_eq!(one(&mut shop, &code).await.json()["coupon_state"], "SENDED");
    let body = json!({
        "coupon_code": code, "stock_id": id, "deactivate_request_no": "D1",
        "deactivate_reason": "误发",
    });
    let deactivated = call(&mut shop, "coupons/deactivate", &body).await;
    assert!(deactivated.json()["wechatpay_deactivate_time"].is_string());
    let coupon = one(&mut shop, &code).await.json();
    assert_eq!(coupon["coupon_state"], "DEACTIVATED");
    assert_eq!(coupon["deactivate_reason"], "误发");
    let used = call(&mut shop, "coupons/use", &using(&code, "U2")).await;
    assert_eq!(used.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_other_way_to_send_answers_in_both_forms() {
    let mut shop = Shop::open().await;
    let id = create(&mut shop).await;
    let answer = call(&mut shop, "coupons/send", &sending(&id)).await.json();
    assert_eq!(answer["stock_id"], json!(id));
    assert_eq!(
        answer["send_coupon_result"]["coupon_code"],
        answer["coupon_code"]
    );
}

#[tokio::test]
async fn a_user_has_no_more_coupons_than_the_stock_gives() {
    let mut shop = Shop::open().await;
    let id = create(&mut shop).await;
    let first = send(&mut shop, &id).await;
    let second = send(&mut shop, &id).await;
    assert_ne!(first, second);
    let answer = call(&mut shop, "product-coupons/send", &sending(&id)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.json()["code"], "RULE_LIMIT");
    let target = format!("{PLACE}/users/oUser/coupons?appid=wx1&offset=1&limit=1");
    let list = shop.get(&target).await.json();
    assert_eq!(list["total_count"], 2);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert_eq!(list["limit"], 1);
}

#[tokio::test]
async fn a_coupon_expires_by_the_clock() {
    let mut shop = Shop::open().await;
    let id = create(&mut shop).await;
    let code = send(&mut shop, &id).await;
    shop.sandbox.advance(3 * DAY + DAY);
    assert_eq!(
        one(&mut shop, &code).await.json()["coupon_state"],
        "EXPIRED"
    );
    let used = call(&mut shop, "coupons/use", &using(&code, "U1")).await;
    assert_eq!(used.status, StatusCode::FORBIDDEN);
    assert_eq!(used.json()["message"], "券不在有效期");
}

#[tokio::test]
async fn a_mode_and_a_kind_ask_for_their_fields() {
    let mut shop = Shop::open().await;
    let answer = call(&mut shop, "stocks", &stock("MERCHANT_API")).await;
    let id = answer.json()["stock_id"].as_str().unwrap().to_owned();
    let mut body = sending(&id);
    let answer = call(&mut shop, "product-coupons/send", &body).await;
    assert_eq!(answer.json()["detail"]["field"], "/coupon_code");
    body["coupon_code"] = json!("A1");
    body["coupon_type"] = json!("MEMBER");
    let answer = call(&mut shop, "product-coupons/send", &body).await;
    assert_eq!(answer.json()["detail"]["field"], "/member_card_id");
    body["member_card_id"] = json!("card");
    let answer = call(&mut shop, "product-coupons/send", &body).await;
    assert_eq!(answer.json()["coupon_code"], "A1");
    body["out_request_no"] = json!(nonce());
    let answer = call(&mut shop, "product-coupons/send", &body).await;
    assert_eq!(answer.json()["code"], "RESOURCE_ALREADY_EXISTS");
    let answer = call(&mut shop, "coupons/use", &using("A1", "U1")).await;
    assert_eq!(answer.json()["detail"]["field"], "/stock_id");
}

#[tokio::test]
async fn the_merchant_is_told_of_coupons_where_it_says() {
    let mut shop = Shop::open().await;
    let ear = Ear::open(&[OK]);
    let target = format!("{PLACE}/callbacks");
    let refused = shop
        .post(&target, &json!({ "notify_url": "http://example.com/" }))
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(shop.get(&target).await.status, StatusCode::NOT_FOUND);
    let set = shop.post(&target, &json!({ "notify_url": ear.url })).await;
    assert_eq!(set.json()["mchid"], json!(shop.sandbox.mchid()));
    assert_eq!(shop.get(&target).await.json()["notify_url"], json!(ear.url));
    let id = create(&mut shop).await;
    let code = send(&mut shop, &id).await;
    shop.sandbox.settled().await;
    let heard = ear.heard();
    assert_eq!(heard[0].json()["event_type"], "COUPON.SEND");
    assert_eq!(heard[0].json()["summary"], "商家券领券通知");
    let resource = heard[0].resource(&shop.sandbox);
    assert_eq!(resource["coupon_code"], json!(code));
    assert_eq!(resource["event_type"], "EVENT_TYPE_BUSICOUPON_SEND");
    assert!(resource.get("openid").is_none());
}
