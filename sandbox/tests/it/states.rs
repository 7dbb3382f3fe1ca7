//! The rows of STATES.md, of its sections 2, 5, 8 and 9, that are documented or were seen on the
//! wire: what state a number is in, what is called, and what is answered.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use crate::apiv2::{call as call_v2, said};
use crate::client::{Answer, nonce};
use crate::coupons::{call as coupon_call, create, one, send, sending, stock, using};
use crate::shop::{NATIVE, REFUNDS, Shop, order, refund};

/// The state of an order's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Unknown,
    NotPay,
    /// After its `time_expire`.
    Expired,
    Paid,
    /// In part.
    Refunded,
    /// In full.
    AllRefunded,
    Closed,
    /// Closed before it was ever ordered.
    Burnt,
    Micropay,
}

const REENTRY: &str = "请求重入时，参数与首次请求时不一致";

/// A number that is in this state, and what was ordered by it.
async fn bring(shop: &mut Shop, is: Is) -> (String, Value) {
    let mut body = order(&shop.sandbox);
    let number = body["out_trade_no"].as_str().unwrap().to_owned();
    match is {
        Is::Unknown | Is::Burnt | Is::Micropay => {}
        Is::Expired => {
            body["time_expire"] = json!("2018-06-08T10:34:56+08:00");
            shop.post(NATIVE, &body).await;
            shop.sandbox.advance(Duration::from_secs(61));
        }
        _ => {
            let answer = shop.post(NATIVE, &body).await;
            assert_eq!(answer.status, StatusCode::OK);
        }
    }
    match is {
        Is::Paid | Is::Refunded | Is::AllRefunded => {
            shop.sandbox.pay(&number).unwrap();
        }
        Is::Closed | Is::Burnt => {
            assert_eq!(shop.close(&number).await.status, StatusCode::NO_CONTENT);
        }
        Is::Micropay => {
            let code = format!("13{}", &number[number.len() - 16..]);
            let fields = [
                ("appid", "wx8888888888888888"),
                ("body", "QQ公仔"),
                ("out_trade_no", &number),
                ("total_fee", "100"),
                ("spbill_create_ip", "127.0.0.1"),
                ("auth_code", &code),
            ];
            let charged = call_v2(&shop.sandbox, "/pay/micropay", &fields).await;
            assert_eq!(said(&charged), "SUCCESS");
            // A payment by code that was paid is answered as any paid order.
        }
        _ => {}
    }
    let refunded = match is {
        Is::Refunded => 40,
        Is::AllRefunded => 100,
        _ => 0,
    };
    if refunded > 0 {
        let answer = shop.refund(&number, &format!("R{number}"), refunded).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    (number, body)
}

/// What is expected: a status, a code and a message, either of which may be empty for any.
type Expected = (u16, &'static str, &'static str);

fn assert_is(answer: &Answer, (status, code, message): Expected, row: &str) {
    assert_eq!(answer.status.as_u16(), status, "{row}: {answer:?}");
    if status == 204 {
        assert!(answer.body.is_empty(), "{row}");
        return;
    }
    let json = answer.json();
    if !code.is_empty() {
        assert_eq!(json["code"], code, "{row}");
    }
    if !message.is_empty() {
        assert_eq!(json["message"], message, "{row}");
    }
}

#[tokio::test]
async fn section_2a_to_order() {
    let rows: [(Is, Expected, Expected, &str); 8] = [
        (Is::Unknown, (200, "", ""), (200, "", ""), "0"),
        (
            Is::NotPay,
            (200, "", ""),
            (400, "INVALID_REQUEST", REENTRY),
            "268498688",
        ),
        (Is::Expired, (400, "", "该订单已失效"), (400, "", ""), ""),
        (
            Is::Paid,
            (400, "ORDERPAID", "该订单已支付"),
            (400, "ORDERPAID", "该订单已支付"),
            "268449538",
        ),
        (
            Is::Refunded,
            (400, "ORDERPAID", "该订单已支付"),
            (400, "ORDERPAID", "该订单已支付"),
            "268449538",
        ),
        (
            Is::AllRefunded,
            (400, "ORDERPAID", ""),
            (400, "ORDERPAID", ""),
            "268449538",
        ),
        (
            Is::Closed,
            (400, "ORDER_CLOSED", "该订单已失效"),
            (400, "", ""),
            "268447914",
        ),
        (
            Is::Burnt,
            (400, "INVALID_REQUEST", REENTRY),
            (400, "INVALID_REQUEST", REENTRY),
            "268498688",
        ),
    ];
    for (is, same, other, number) in rows {
        let mut shop = Shop::open().await;
        let (_, body) = bring(&mut shop, is).await;
        let answer = shop.post(NATIVE, &body).await;
        assert_is(&answer, same, &format!("{is:?}, same"));
        if same.0 != 200 {
            let id = answer.header("Request-ID");
            assert!(
                number.is_empty() || id.ends_with(&format!("-{number}")),
                "{is:?} {id}"
            );
        }
        let (_, mut body) = bring(&mut shop, is).await;
        body["amount"]["total"] = json!(101);
        let answer = shop.post(NATIVE, &body).await;
        assert_is(&answer, other, &format!("{is:?}, other"));
    }
    // The same again gives another handle, and another payment type is something else.
    let mut shop = Shop::open().await;
    let body = order(&shop.sandbox);
    let first = shop.post(NATIVE, &body).await.json();
    assert_ne!(first, shop.post(NATIVE, &body).await.json());
    let answer = shop.post("/v3/pay/transactions/app", &body).await;
    assert_is(&answer, (400, "INVALID_REQUEST", REENTRY), "another type");
    // `time_expire` may not change.
    let mut body = order(&shop.sandbox);
    body["time_expire"] = json!("2126-06-08T10:34:56+08:00");
    shop.post(NATIVE, &body).await;
    body["time_expire"] = json!("2126-06-08T10:34:57+08:00");
    let answer = shop.post(NATIVE, &body).await;
    assert_is(
        &answer,
        (400, "INVALID_REQUEST", REENTRY),
        "another time_expire",
    );
}

#[tokio::test]
async fn section_2b_to_ask() {
    for (is, state, description) in [
        (Is::NotPay, "NOTPAY", "订单未支付"),
        (Is::Expired, "NOTPAY", "订单未支付"),
        (Is::Paid, "SUCCESS", "支付成功"),
        (
            Is::Refunded,
            "REFUND",
            "订单发生过退款，退款详情请查询退款单",
        ),
        (
            Is::AllRefunded,
            "REFUND",
            "订单发生过退款，退款详情请查询退款单",
        ),
        (Is::Closed, "CLOSED", "订单已关闭"),
    ] {
        let mut shop = Shop::open().await;
        let (number, _) = bring(&mut shop, is).await;
        let answer = shop.query(&number).await;
        assert_is(&answer, (200, "", ""), &format!("{is:?}"));
        let json = answer.json();
        assert_eq!(json["trade_state"], state, "{is:?}");
        assert_eq!(json["trade_state_desc"], description, "{is:?}");
        let is_paid = matches!(state, "SUCCESS" | "REFUND");
        for name in [
            "transaction_id",
            "payer",
            "success_time",
            "bank_type",
            "amount",
        ] {
            assert_eq!(json.get(name).is_some(), is_paid, "{is:?} {name}");
        }
    }
    let mut shop = Shop::open().await;
    let mchid = shop.sandbox.mchid();
    for is in [Is::Unknown, Is::Burnt] {
        let (number, _) = bring(&mut shop, is).await;
        let answer = shop.query(&number).await;
        assert_is(
            &answer,
            (404, "ORDER_NOT_EXIST", "订单不存在"),
            &format!("{is:?}"),
        );
        assert!(answer.header("Request-ID").ends_with("-268512771"));
    }
    let target = format!("/v3/pay/transactions/id/4200000001202601010000000001?mchid={mchid}");
    let answer = shop.get(&target).await;
    assert_is(
        &answer,
        (404, "ORDER_NOT_EXIST", ""),
        "an unknown transaction_id",
    );
    let (number, _) = bring(&mut shop, Is::Paid).await;
    let answer = shop
        .get(&format!("/v3/pay/transactions/out-trade-no/{number}"))
        .await;
    assert_is(&answer, (400, "PARAM_ERROR", ""), "without mchid");
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(message.ends_with("/mchid”映射到字段“直连商户号”必填性规则校验失败，此字段为必填项"));
    assert_eq!(answer.json()["detail"]["location"], "query");
    assert_eq!(answer.json()["detail"]["value"], "");
}

#[tokio::test]
async fn section_2c_to_close() {
    let paid = (400, "ORDERPAID", "该订单已支付");
    for (is, expected) in [
        (Is::NotPay, (204, "", "")),
        (Is::Expired, (204, "", "")),
        (Is::Closed, (204, "", "")),
        (Is::Unknown, (204, "", "")),
        (Is::Burnt, (204, "", "")),
        (Is::Paid, paid),
        (Is::Refunded, paid),
        (Is::AllRefunded, paid),
        (Is::Micropay, paid),
    ] {
        let mut shop = Shop::open().await;
        let (number, body) = bring(&mut shop, is).await;
        let answer = shop.close(&number).await;
        assert_is(&answer, expected, &format!("{is:?}"));
        if expected.0 == 204 {
            // The number is used up.
            assert_eq!(
                shop.post(NATIVE, &body).await.status.as_u16(),
                400,
                "{is:?}"
            );
            assert!(shop.sandbox.pay(&number).is_err());
        }
    }
    let mut shop = Shop::open().await;
    let (number, _) = bring(&mut shop, Is::NotPay).await;
    let target = format!("/v3/pay/transactions/out-trade-no/{number}/close");
    let answer = shop.post(&target, &json!({})).await;
    assert_is(&answer, (400, "PARAM_ERROR", ""), "without mchid");
    assert_eq!(answer.json()["detail"]["location"], "uri_template");
    // An old table has an error under 202, which is reached by asking for it.
    let body = json!({ "mchid": shop.sandbox.mchid() }).to_string();
    for code in ["USERPAYING", "USER_PAYING"] {
        let headers = [("wechatpay-negative-test", code)];
        let answer = shop.call_with("POST", &target, &body, &headers).await;
        assert_is(&answer, (202, code, ""), code);
    }
}

#[tokio::test]
async fn section_5b_to_refund() {
    let unknown = (404, "RESOURCE_NOT_EXISTS", "订单不存在");
    let too_much = (400, "INVALID_REQUEST", "申请退款金额超过订单可退金额");
    let nothing_left = (400, "INVALID_REQUEST", "订单已全额退款");
    let rows: [(Is, u64, Expected); 11] = [
        (Is::Paid, 100, (200, "", "")),
        (Is::Paid, 1, (200, "", "")),
        (Is::Refunded, 60, (200, "", "")),
        (Is::Refunded, 61, too_much),
        (Is::Paid, 101, too_much),
        (Is::AllRefunded, 1, nothing_left),
        (Is::Unknown, 1, unknown),
        (Is::NotPay, 1, unknown),
        (Is::Expired, 1, unknown),
        (Is::Closed, 1, unknown),
        (Is::Burnt, 1, unknown),
    ];
    for (is, amount, expected) in rows {
        let mut shop = Shop::open().await;
        let (number, _) = bring(&mut shop, is).await;
        let answer = shop.refund(&number, &nonce(), amount).await;
        assert_is(&answer, expected, &format!("{is:?} {amount}"));
        if expected.0 == 200 {
            assert_eq!(answer.json()["status"], "PROCESSING");
        }
        if expected.0 == 404 {
            assert!(answer.header("Request-ID").ends_with("-268512771"));
        }
    }
    let mut shop = Shop::open().await;
    let (number, _) = bring(&mut shop, Is::Paid).await;
    let first = shop.refund(&number, "R1", 40).await.json();
    let again = shop.refund(&number, "R1", 40).await;
    assert_is(&again, (200, "", ""), "the same again");
    assert_eq!(again.json()["refund_id"], first["refund_id"]);
    let mismatch = (
        400,
        "INVALID_REQUEST",
        "订单金额或退款金额与之前请求不一致，请核实后再试",
    );
    let answer = shop.refund(&number, "R1", 41).await;
    assert_is(&answer, mismatch, "the same number, another amount");
    let mut body = refund(&number, "R1", 40);
    body["amount"]["total"] = json!(200);
    let answer = shop.post(REFUNDS, &body).await;
    assert_is(&answer, mismatch, "the same number, another total");
    let body = body.to_string().replace("R1", "R2");
    let answer = shop.call("POST", REFUNDS, &body).await;
    assert_is(&answer, mismatch, "another total than the order's");
    // By either number.
    let paid = shop.query(&number).await.json();
    let mut body = refund(&number, "R3", 1);
    body.as_object_mut().unwrap().remove("out_trade_no");
    body["transaction_id"] = paid["transaction_id"].clone();
    assert_is(
        &shop.post(REFUNDS, &body).await,
        (200, "", ""),
        "by transaction_id",
    );
    // A partner's call for an order that is none of its merchant's.
    body["sub_mchid"] = json!("1900000111");
    body["out_refund_no"] = json!("R4");
    assert_is(
        &shop.post(REFUNDS, &body).await,
        (403, "NO_AUTH", ""),
        "not this merchant's",
    );
    // What no state of the sandbox has.
    for (code, status) in [
        ("NOT_ENOUGH", 403),
        ("USER_ACCOUNT_ABNORMAL", 403),
        ("RESOURCE_NOT_EXISTS", 404),
        ("FREQUENCY_LIMITED", 429),
        ("SYSTEM_ERROR", 500),
    ] {
        let body = refund(&number, &format!("SANDBOX_{code}_1"), 1);
        let answer = shop.post(REFUNDS, &body).await;
        assert_is(&answer, (status, code, ""), code);
    }
    // More than a year later.
    shop.sandbox.advance(366 * crate::shop::DAY);
    let answer = shop.refund(&number, "R5", 1).await;
    assert_is(&answer, (400, "INVALID_REQUEST", ""), "a year later");
    assert_eq!(answer.header("Sandbox-Fidelity"), "shape");
}

#[tokio::test]
async fn section_5c_to_ask_for_a_refund() {
    let mut shop = Shop::open().await;
    let unknown = (404, "RESOURCE_NOT_EXISTS", "退款单不存在");
    let answer = shop.get(&format!("{REFUNDS}/R1")).await;
    assert_is(&answer, unknown, "unknown");
    let (number, _) = bring(&mut shop, Is::Paid).await;
    shop.refund(&number, "R1", 40).await;
    let answer = shop.get(&format!("{REFUNDS}/R1")).await;
    assert_is(&answer, (200, "", ""), "known");
    for (name, end) in [
        ("PROCESSING", "PROCESSING"),
        ("REFUND_CLOSED", "CLOSED"),
        ("ABNORMAL", "ABNORMAL"),
    ] {
        let refund_no = format!("SANDBOX_{name}_1");
        shop.refund(&number, &refund_no, 1).await;
        let found = shop.get(&format!("{REFUNDS}/{refund_no}")).await.json();
        assert_eq!(found["status"], end);
        assert!(found.get("success_time").is_none());
    }
}

#[tokio::test]
async fn section_8_apiv2_in_five_states() {
    // Never ordered, NOTPAY, SUCCESS, REFUND in full, CLOSED.
    let rows = [
        (
            "/pay/orderquery",
            [
                "ORDERNOTEXIST order not exist",
                "NOTPAY 订单未支付",
                "SUCCESS 支付成功",
                "REFUND 订单发生过退款，退款详情请查询退款单",
                "CLOSED 订单已关闭",
            ],
        ),
        (
            "/pay/closeorder",
            [
                "SUCCESS",
                "SUCCESS",
                "ORDERPAID order paid",
                "ORDERPAID order paid",
                "SUCCESS",
            ],
        ),
        (
            "/secapi/pay/refund",
            [
                "ORDERNOTEXIST 订单不存在",
                "ORDERNOTEXIST 订单不存在",
                "SUCCESS",
                "SUCCESS",
                "ERROR 订单已关闭",
            ],
        ),
        (
            "/pay/refundquery",
            [
                "REFUNDNOTEXIST not exist",
                "REFUNDNOTEXIST not exist",
                "REFUNDNOTEXIST not exist",
                "SUCCESS",
                "REFUNDNOTEXIST not exist",
            ],
        ),
        (
            "/pay/unifiedorder",
            [
                "SUCCESS",
                "SUCCESS",
                "ORDERPAID 该订单已支付",
                "ORDERPAID 该订单已支付",
                "INVALID_REQUEST 201 商户订单号重复",
            ],
        ),
    ];
    let states = [
        Is::Unknown,
        Is::NotPay,
        Is::Paid,
        Is::AllRefunded,
        Is::Closed,
    ];
    for (path, expected) in rows {
        for (is, expected) in states.into_iter().zip(expected) {
            let shop = Shop::open().await;
            let number = nonce();
            let fields = [
                ("appid", "wx8888888888888888"),
                ("body", "QQ公仔"),
                ("out_trade_no", &*number),
                ("total_fee", "100"),
                ("refund_fee", "100"),
                ("spbill_create_ip", "127.0.0.1"),
                ("notify_url", crate::shop::ELSEWHERE),
                ("trade_type", "NATIVE"),
            ];
            let order: Vec<_> = fields
                .into_iter()
                .filter(|(name, _)| *name != "refund_fee")
                .collect();
            let mut refund = fields.to_vec();
            refund.push(("out_refund_no", &number));
            let sandbox = &shop.sandbox;
            if is != Is::Unknown {
                assert_eq!(
                    said(&call_v2(sandbox, "/pay/unifiedorder", &order).await),
                    "SUCCESS"
                );
            }
            if matches!(is, Is::Paid | Is::AllRefunded) {
                sandbox.pay(&number).unwrap();
            }
            if is == Is::AllRefunded {
                call_v2(sandbox, "/secapi/pay/refund", &refund).await;
            }
            if is == Is::Closed {
                call_v2(sandbox, "/pay/closeorder", &[("out_trade_no", &number)]).await;
            }
            let answer = match path {
                "/pay/unifiedorder" => call_v2(sandbox, path, &order).await,
                "/secapi/pay/refund" => call_v2(sandbox, path, &refund).await,
                _ => call_v2(sandbox, path, &[("out_trade_no", &number)]).await,
            };
            let line = match answer.get("trade_state") {
                Some(state) => format!("{state} {}", answer["trade_state_desc"]),
                None => said(&answer),
            };
            assert_eq!(line, expected, "{path} {is:?}");
        }
    }
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
