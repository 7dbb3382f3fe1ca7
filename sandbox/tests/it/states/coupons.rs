//! Section 9.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Answer, nonce};
use crate::coupons::{call as coupon_call, create, one, send, sending, stock, using};
use crate::shop::{DAY, Ear, OK, Shop};
use crate::states::assert_is;

const PLACE: &str = "/v3/marketing/busifavor";

/// A stock of this mode, with these rules over how much it gives.
async fn create_as(shop: &mut Shop, mode: &str, rules: &Value) -> String {
    let mut body = stock(mode);
    for (name, value) in rules.as_object().unwrap() {
        body["stock_send_rule"][name] = value.clone();
    }
    let answer = coupon_call(shop, "stocks", &body).await;
    assert_is(&answer, (200, "", ""), mode);
    answer.json()["stock_id"].as_str().unwrap().to_owned()
}

async fn patch(shop: &mut Shop, path: &str, body: &Value) -> Answer {
    let target = format!("{PLACE}/stocks/{path}");
    shop.call("PATCH", &target, &body.to_string()).await
}

/// A coupon for a user of whom nobody has heard.
async fn send_to_stranger(shop: &mut Shop, stock_id: &str) -> Answer {
    let mut body = sending(stock_id);
    body["openid"] = json!(nonce());
    coupon_call(shop, "product-coupons/send", &body).await
}

/// A coupon for this user.
async fn send_to(shop: &mut Shop, stock_id: &str, openid: &str) -> String {
    let mut body = sending(stock_id);
    body["openid"] = json!(openid);
    let answer = coupon_call(shop, "product-coupons/send", &body).await;
    assert_is(&answer, (200, "", ""), openid);
    answer.json()["coupon_code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn section_9_coupons() {
    let mut shop = Shop::open().await;
    let shop = &mut shop;
    // To create.
    let mut body = stock("WECHATPAY_MODE");
    assert_is(
        &coupon_call(shop, "stocks", &body).await,
        (200, "", ""),
        "create",
    );
    body["stock_name"] = json!("another");
    let answer = coupon_call(shop, "stocks", &body).await;
    assert_is(
        &answer,
        (400, "RESOURCE_ALREADY_EXISTS", "批次已存在"),
        "another stock",
    );
    let answer = shop.get("/v3/marketing/busifavor/stocks/1").await;
    assert_is(
        &answer,
        (404, "RESOURCE_NOT_EXISTS", ""),
        "an unknown stock",
    );
    // To send.
    let stock_id = create(shop).await;
    let sent = coupon_call(shop, "product-coupons/send", &sending(&stock_id)).await;
    assert_is(&sent, (200, "", ""), "send");
    assert_eq!(sent.json().as_object().unwrap().len(), 3);
    // To use.
    let code = send(shop, &stock_id).await;
    assert_is(
        &coupon_call(shop, "coupons/use", &using("1", "U1")).await,
        (404, "RESOURCE_NOT_EXISTS", ""),
        "unknown",
    );
    let mut body = using(&code, "U1");
    body["openid"] = json!("oOther");
    let answer = coupon_call(shop, "coupons/use", &body).await;
    assert_is(
        &answer,
        (404, "USER_NOT_EXISTS", "openid不正确"),
        "another openid",
    );
    assert_is(
        &coupon_call(shop, "coupons/use", &using(&code, "U1")).await,
        (200, "", ""),
        "use",
    );
    let answer = coupon_call(shop, "coupons/use", &using(&code, "U2")).await;
    assert_is(
        &answer,
        (400, "RESOURCE_ALREADY_EXISTS", "券已被其他订单核销"),
        "use again",
    );
    // What becomes of it.
    let back = json!({ "coupon_code": code, "stock_id": stock_id, "return_request_no": "R1" });
    assert_is(
        &coupon_call(shop, "coupons/return", &back).await,
        (200, "", ""),
        "return",
    );
    assert_is(
        &coupon_call(shop, "coupons/use", &using(&code, "U3")).await,
        (200, "", ""),
        "use once more",
    );
    let void = json!({ "coupon_code": code, "stock_id": stock_id, "deactivate_request_no": "D1" });
    let answer = coupon_call(shop, "coupons/deactivate", &void).await;
    assert_is(&answer, (400, "", ""), "deactivate a used one");
    let mut back = back;
    back["return_request_no"] = json!("R2");
    assert_is(
        &coupon_call(shop, "coupons/return", &back).await,
        (200, "", ""),
        "return once more",
    );
    assert_is(
        &coupon_call(shop, "coupons/deactivate", &void).await,
        (200, "", ""),
        "deactivate",
    );
    assert_eq!(one(shop, &code).await.json()["coupon_state"], "DEACTIVATED");
    // To list, and one.
    let target = "/v3/marketing/busifavor/users/oUser/coupons?appid=wx1";
    let list = shop.get(target).await;
    assert_is(&list, (200, "", ""), "list");
    assert_eq!(list.json()["total_count"], 2);
    let answer = shop.get(&target.replace("oUser", "oNobody")).await;
    assert_is(&answer, (404, "USER_NOT_EXISTS", ""), "nobody's");
    assert_is(
        &one(shop, "1").await,
        (404, "RESOURCE_NOT_EXISTS", ""),
        "one unknown",
    );
    // Before its validity.
    let mut body = stock("WECHATPAY_MODE");
    body["coupon_use_rule"]["coupon_available_time"]["wait_days_after_receive"] = json!(1);
    let answer = coupon_call(shop, "stocks", &body).await;
    let other = answer.json()["stock_id"].as_str().unwrap().to_owned();
    let code = send_to(shop, &other, "oPatient").await;
    let early = coupon_call(shop, "coupons/use", &using(&code, "U5")).await;
    assert_is(&early, (403, "RULE_LIMIT", "券不在有效期"), "too early");
    shop.sandbox.advance(DAY);
    let answer = coupon_call(shop, "coupons/use", &using(&code, "U5")).await;
    assert_is(&answer, (200, "", ""), "in its time");
    assert_eq!(answer.json()["openid"], "oPatient");
    // After its validity.
    let other = create(shop).await;
    let answer = coupon_call(shop, "product-coupons/send", &sending(&other)).await;
    let code = answer.json()["coupon_code"].as_str().unwrap().to_owned();
    shop.sandbox.advance(4 * DAY);
    let answer = coupon_call(shop, "coupons/use", &using(&code, "U4")).await;
    assert_is(&answer, (403, "RULE_LIMIT", "券不在有效期"), "too late");
    assert_eq!(one(shop, &code).await.json()["coupon_state"], "EXPIRED");
    // Where to be told: https alone.
    let target = "/v3/marketing/busifavor/callbacks";
    let answer = shop
        .post(target, &json!({ "notify_url": "http://www.example.com/" }))
        .await;
    assert_is(&answer, (400, "PARAM_ERROR", ""), "http");
    let url = "https://www.example.com/";
    let answer = shop.post(target, &json!({ "notify_url": url })).await;
    assert_is(&answer, (200, "", ""), "https");
    assert_eq!(answer.json().as_object().unwrap().len(), 3);
    let mchid = shop.sandbox.mchid();
    let expected = json!({ "mchid": mchid, "notify_url": url });
    assert_eq!(shop.get(target).await.json(), expected);
    // What no state of the sandbox has.
    for (name, status) in [
        ("APPID_MCHID_NOT_MATCH", 400),
        ("MCH_NOT_EXISTS", 400),
        ("SYSTEM_ERROR", 500),
        ("NOT_ENOUGH", 403),
        ("USER_ACCOUNT_ABNORMAL", 403),
        ("NO_AUTH", 403),
        ("FREQUENCY_LIMITED", 429),
    ] {
        let target = "/v3/marketing/busifavor/coupons/use";
        let headers = [("wechatpay-negative-test", name)];
        let answer = shop.call_with("POST", target, "{}", &headers).await;
        assert_is(&answer, (status, name, ""), name);
    }
}

#[tokio::test]
async fn section_9a_states_of_a_stock() {
    let mut shop = Shop::open().await;
    let shop = &mut shop;
    let id = create(shop).await;
    let target = format!("{PLACE}/stocks/{id}");
    for (state, expected) in [
        ("UNAUDIT", (403, "REQUEST_BLOCKED", "活动未开始或已结束")),
        ("PAUSED", (403, "REQUEST_BLOCKED", "活动未开始或已结束")),
        ("STOPED", (403, "REQUEST_BLOCKED", "活动未开始或已结束")),
        ("RUNNING", (200, "", "")),
    ] {
        shop.sandbox.set_stock_state(&id, state).unwrap();
        assert_eq!(shop.get(&target).await.json()["stock_state"], state);
        let answer = send_to_stranger(shop, &id).await;
        assert_is(&answer, expected, state);
        let fidelity = if expected.0 == 200 { "state" } else { "shape" };
        assert_eq!(answer.header("Sandbox-Fidelity"), fidelity);
    }
    assert!(shop.sandbox.set_stock_state(&id, "STOPPED").is_err());
    assert!(shop.sandbox.set_stock_state("1", "PAUSED").is_err());
    let body = json!({ "stock_id": id, "stock_state": "PAUSED" }).to_string();
    shop.control("POST", "/_sandbox/set_stock_state", &body, &[])
        .await;
    assert_eq!(shop.get(&target).await.json()["stock_state"], "PAUSED");
}

#[tokio::test]
async fn section_9a_a_user_deletes_a_coupon() {
    let mut shop = Shop::open().await;
    let shop = &mut shop;
    let id = create(shop).await;
    let code = send(shop, &id).await;
    shop.sandbox.delete_coupon(&code).unwrap();
    assert_eq!(one(shop, &code).await.json()["coupon_state"], "DELETED");
    let target = format!("{PLACE}/users/oUser/coupons?appid=wx1");
    let list = shop.get(&target).await.json();
    assert_eq!(list["data"][0]["coupon_state"], "DELETED");
    assert_eq!(list["limit"], 20);
    let answer = coupon_call(shop, "coupons/use", &using(&code, "U1")).await;
    assert_is(&answer, (400, "INVALID_REQUEST", ""), "use");
    assert!(shop.sandbox.delete_coupon(&code).is_err());
    let used = send(shop, &id).await;
    coupon_call(shop, "coupons/use", &using(&used, "U1")).await;
    let body = json!({ "coupon_code": used }).to_string();
    let answer = shop
        .control("POST", "/_sandbox/delete_coupon", &body, &[])
        .await;
    assert_eq!(answer.status.as_u16(), 404);
}

#[tokio::test]
async fn section_9b_a_stock_gives_so_many() {
    let mut shop = Shop::open().await;
    let shop = &mut shop;
    let rules = json!({ "max_coupons": 3, "max_coupons_by_day": 2 });
    let id = create_as(shop, "WECHATPAY_MODE", &rules).await;
    let limit = (403, "RULE_LIMIT", "");
    for (step, expected) in [
        ("first", (200, "", "")),
        ("second", (200, "", "")),
        ("over the day", limit),
        ("the next day", (200, "", "")),
        ("over all", limit),
    ] {
        if step == "the next day" {
            shop.sandbox.advance(DAY);
        }
        assert_is(&send_to_stranger(shop, &id).await, expected, step);
    }
    let path = format!("{id}/budget");
    let mut change = json!({
        "target_max_coupons": 9, "current_max_coupons": 4, "target_max_coupons_by_day": 8,
        "modify_budget_request_no": "B1",
    });
    let answer = patch(shop, &path, &change).await;
    assert_is(&answer, (400, "INVALID_REQUEST", ""), "another budget");
    change["current_max_coupons"] = json!(3);
    for _ in 0..2 {
        let answer = patch(shop, &path, &change).await;
        assert_is(&answer, (200, "", ""), "the budget");
        let expected = json!({ "max_coupons": 9, "max_coupons_by_day": 8 });
        assert_eq!(answer.json(), expected);
    }
    assert_is(&send_to_stranger(shop, &id).await, (200, "", ""), "more");
    let none = json!({ "modify_budget_request_no": "B2" });
    assert_is(
        &patch(shop, &path, &none).await,
        (400, "PARAM_ERROR", ""),
        "none",
    );
    let unknown = patch(shop, "1/budget", &change).await;
    assert_is(&unknown, (404, "RESOURCE_NOT_EXISTS", ""), "no stock");
}

#[tokio::test]
async fn section_9b_a_stock_is_changed() {
    let mut shop = Shop::open().await;
    let shop = &mut shop;
    let id = create(shop).await;
    let change = json!({
        "out_request_no": "P1", "stock_name": "8月8日活动券",
        "coupon_use_rule": { "use_method": "SELF_CONSUME" },
        "stock_send_rule": { "prevent_api_abuse": true },
        "notify_config": { "notify_appid": "wx23232232323" },
    });
    let answer = patch(shop, &id, &change).await;
    assert_is(&answer, (204, "", ""), "change");
    let found = shop.get(&format!("{PLACE}/stocks/{id}")).await.json();
    assert_eq!(found["stock_name"], "8月8日活动券");
    assert_eq!(found["coupon_use_rule"]["use_method"], "SELF_CONSUME");
    assert_eq!(
        found["coupon_use_rule"]["fixed_normal_coupon"],
        json!({ "discount_amount": 5, "transaction_minimum": 100 })
    );
    assert_eq!(found["stock_send_rule"]["max_coupons"], 100);
    assert_eq!(found["stock_send_rule"]["prevent_api_abuse"], true);
    assert!(found.get("out_request_no").is_none());
    for (body, field) in [
        (json!({ "stock_name": "x" }), "/out_request_no"),
        (
            json!({ "out_request_no": "1", "stock_send_rule": { "max_coupons": 1 } }),
            "/stock_send_rule/max_coupons",
        ),
    ] {
        let answer = patch(shop, &id, &body).await;
        assert_eq!(answer.json()["detail"]["field"], field, "{body}");
    }
    let unknown = patch(shop, "1", &change).await;
    assert_is(&unknown, (404, "RESOURCE_NOT_EXISTS", ""), "no stock");
    // The stock says now who is to be told who has a coupon.
    let ear = Ear::open(&[OK]);
    let callbacks = format!("{PLACE}/callbacks");
    let set = shop
        .post(&callbacks, &json!({ "notify_url": ear.url }))
        .await;
    assert_is(&set, (200, "", ""), "callbacks");
    let code = send(shop, &id).await;
    shop.sandbox.settled().await;
    let told = ear.heard()[0].resource(&shop.sandbox);
    assert_eq!(told["openid"], "oUser");
    assert_eq!(told["coupon_code"], json!(code));
    // Of what becomes of it, nobody is told.
    coupon_call(shop, "coupons/use", &using(&code, "U1")).await;
    shop.sandbox.settled().await;
    assert_eq!(ear.heard().len(), 1);
}

#[tokio::test]
async fn section_9b_codes_that_the_merchant_uploads() {
    let mut shop = Shop::open().await;
    let shop = &mut shop;
    let rules = json!({ "max_coupons": 3 });
    let other = create(shop).await;
    let id = create_as(shop, "MERCHANT_UPLOAD", &rules).await;
    let upload = |codes: &[&str], request_no: &str| json!({ "coupon_code_list": codes, "upload_request_no": request_no });
    let path = |id: &str| format!("stocks/{id}/couponcodes");
    let answer = coupon_call(shop, &path(&other), &upload(&["A"], "1")).await;
    assert_is(
        &answer,
        (400, "INVALID_REQUEST", "发券模式不合法"),
        "another mode",
    );
    assert_eq!(answer.header("Sandbox-Fidelity"), "state");
    let answer = send_to_stranger(shop, &id).await;
    assert_is(&answer, (403, "RULE_LIMIT", ""), "before there are codes");
    let answer = coupon_call(shop, &path(&id), &upload(&["A", "B", "A"], "1")).await;
    assert_is(&answer, (200, "", ""), "upload");
    let first = answer.json();
    for (name, value) in [
        ("stock_id", json!(id)),
        ("total_count", json!(3)),
        ("success_count", json!(2)),
        ("success_codes", json!(["A", "B"])),
        ("fail_count", json!(1)),
        ("exist_codes", json!([])),
        ("duplicate_codes", json!(["A"])),
    ] {
        assert_eq!(first[name], value, "{name}");
    }
    let again = coupon_call(shop, &path(&id), &upload(&["A", "B", "A"], "1")).await;
    assert_eq!(again.json(), first);
    let answer = coupon_call(shop, &path(&id), &upload(&["C", "A"], "2")).await;
    assert_eq!(answer.json()["exist_codes"], json!(["A"]));
    let answer = coupon_call(shop, &path(&id), &upload(&["D"], "3")).await;
    let expected = (400, "INVALID_REQUEST", "上传的自定义code已达上限");
    assert_is(&answer, expected, "too many");
    let answer = coupon_call(shop, &path(&id), &upload(&[], "4")).await;
    assert_is(&answer, (400, "PARAM_ERROR", ""), "none");
    // They go in their order.
    let sent = send(shop, &id).await;
    assert_eq!(sent, "A");
    let found = shop.get(&format!("{PLACE}/stocks/{id}")).await.json();
    let expected = json!({ "total_count": 3, "available_count": 2 });
    assert_eq!(found["coupon_code_count"], expected);
    let list = format!("{PLACE}/{}?status=AVAILABLE&limit=1", path(&id));
    let list = shop.get(&list).await.json();
    assert_eq!(list["total_count"], 2);
    assert_eq!(list["data"][0]["code"], "B");
    let code = |code: &str| format!("{PLACE}/{}/{code}", path(&id));
    let one = shop.get(&code("A")).await.json();
    assert_eq!(one["code_information"]["code_status"], "DISPATCHED");
    assert_eq!(one["code_information"]["openid"], "oUser");
    assert_eq!(one["coupon_information"]["coupon_state"], "SENDED");
    let unknown = shop.get(&code("Z")).await;
    assert_is(&unknown, (404, "RESOURCE_NOT_EXISTS", ""), "no code");
    for (name, expected) in [
        ("A?delete_request_no=1x", (400, "INVALID_REQUEST", "")),
        ("B", (400, "PARAM_ERROR", "")),
        ("B?delete_request_no=2x", (200, "", "")),
        ("B?delete_request_no=2x", (200, "", "")),
        ("B?delete_request_no=3x", (404, "RESOURCE_NOT_EXISTS", "")),
    ] {
        let answer = shop.call("DELETE", &code(name), "").await;
        assert_is(&answer, expected, name);
    }
    assert_eq!(send_to_stranger(shop, &id).await.json()["coupon_code"], "C");
    // Of such a stock, who uses a coupon says which it is.
    let mut body = using("A", "U1");
    let answer = coupon_call(shop, "coupons/use", &body).await;
    assert_eq!(answer.json()["detail"]["field"], "/stock_id");
    body["stock_id"] = json!(id);
    let answer = coupon_call(shop, "coupons/use", &body).await;
    assert_is(&answer, (200, "", ""), "use");
}

#[tokio::test]
async fn section_9b_an_order_and_its_coupon() {
    let mut shop = Shop::open().await;
    let shop = &mut shop;
    let id = create(shop).await;
    let code = send(shop, &id).await;
    let mut body = json!({
        "stock_id": id, "coupon_code": code, "out_trade_no": "MCH_102233445",
        "out_request_no": "A1",
    });
    let refused = (400, "INVALID_REQUEST", "");
    let answer = coupon_call(shop, "coupons/disassociate", &body).await;
    assert_is(&answer, refused, "before there is an order");
    let first = coupon_call(shop, "coupons/associate", &body).await;
    assert_is(&first, (200, "", ""), "associate");
    assert_eq!(first.header("Sandbox-Fidelity"), "state");
    assert!(first.json()["wechatpay_associate_time"].is_string());
    shop.sandbox.advance(Duration::from_secs(9));
    let again = coupon_call(shop, "coupons/associate", &body).await;
    assert_eq!(again.json(), first.json());
    let order = |coupon: Answer| coupon.json().get("associate_out_trade_no").cloned();
    assert_eq!(order(one(shop, &code).await), Some(json!("MCH_102233445")));
    let mut other = body.clone();
    other["out_trade_no"] = json!("MCH_1");
    let answer = coupon_call(shop, "coupons/disassociate", &other).await;
    assert_is(&answer, refused, "another order");
    let answer = coupon_call(shop, "coupons/disassociate", &body).await;
    assert!(answer.json()["wechatpay_disassociate_time"].is_string());
    assert_eq!(order(one(shop, &code).await), None);
    coupon_call(shop, "coupons/use", &using(&code, "U1")).await;
    body["out_request_no"] = json!("A2");
    let answer = coupon_call(shop, "coupons/associate", &body).await;
    assert_is(&answer, refused, "one that was used");
    body["coupon_code"] = json!("1");
    let answer = coupon_call(shop, "coupons/associate", &body).await;
    assert_is(&answer, (404, "RESOURCE_NOT_EXISTS", ""), "no coupon");
}
