//! Section 9.

use serde_json::json;

use crate::coupons::{call as coupon_call, create, one, send, sending, stock, using};
use crate::shop::Shop;
use crate::states::assert_is;

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
    // After its validity.
    let other = create(shop).await;
    let answer = coupon_call(shop, "product-coupons/send", &sending(&other)).await;
    let code = answer.json()["coupon_code"].as_str().unwrap().to_owned();
    shop.sandbox.advance(4 * crate::shop::DAY);
    let answer = coupon_call(shop, "coupons/use", &using(&code, "U4")).await;
    assert_is(&answer, (403, "RULE_LIMIT", "券不在有效期"), "too late");
    assert_eq!(one(shop, &code).await.json()["coupon_state"], "EXPIRED");
    // What no state of the sandbox has.
    for (name, status) in [
        ("APPID_MCHID_NOT_MATCH", 400),
        ("NO_AUTH", 403),
        ("FREQUENCY_LIMITED", 429),
    ] {
        let target = "/v3/marketing/busifavor/coupons/use";
        let headers = [("wechatpay-negative-test", name)];
        let answer = shop.call_with("POST", target, "{}", &headers).await;
        assert_is(&answer, (status, name, ""), name);
    }
}
