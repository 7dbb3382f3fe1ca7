//! The rows of STATES.md, of its sections 2, 5, 8 and 9, that are documented or were seen on the
//! wire: what state a number is in, what is called, and what is answered.

mod apiv2;
mod coupons;

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use wechatpay_sandbox::Sandbox;

use crate::apiv2::{call as call_v2, said};
use crate::client::{Answer, nonce};
use crate::shop::{ELSEWHERE, Ear, NATIVE, OK, REFUNDS, Shop, order, refund};

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
    /// A payment by code that waits for the user's password.
    UserPaying,
    /// A payment by code that failed.
    PayError,
    Revoked,
}

const CODEPAY: &str = "/v3/pay/transactions/codepay";

/// A payment by code, of 100 fen; the same for the same number.
fn by_code_of(shop: &Shop, out_trade_no: &str) -> Value {
    let mut body = order(&shop.sandbox);
    body.as_object_mut().unwrap().remove("notify_url");
    body["out_trade_no"] = json!(out_trade_no);
    body["payer"] = json!({ "auth_code": auth_code(out_trade_no) });
    body["scene_info"] = json!({ "store_info": { "id": "1" } });
    body
}

/// What a user shows for it.
fn auth_code(out_trade_no: &str) -> String {
    let digits = out_trade_no
        .bytes()
        .rev()
        .map(|byte| (byte % 10).to_string());
    let digits: String = digits.take(16).collect();
    format!("13{digits}")
}

async fn reverse(shop: &mut Shop, out_trade_no: &str) -> Answer {
    let target = format!("/v3/pay/transactions/out-trade-no/{out_trade_no}/reverse");
    let body = json!({ "appid": "wx8888888888888888", "mchid": shop.sandbox.mchid() });
    shop.post(&target, &body).await
}

const REENTRY: &str = "请求重入时，参数与首次请求时不一致";

/// A number that is in this state, and what was ordered by it.
async fn bring(shop: &mut Shop, is: Is) -> (String, Value) {
    let mut body = order(&shop.sandbox);
    let number = body["out_trade_no"].as_str().unwrap().to_owned();
    match is {
        Is::Unknown | Is::Burnt | Is::Micropay => {}
        Is::UserPaying | Is::PayError | Is::Revoked => {
            let code = match is {
                Is::UserPaying => "USERPAYING",
                _ => "PAYERROR",
            };
            let headers = [("wechatpay-negative-test", code)];
            let text = by_code_of(shop, &number).to_string();
            let answer = shop.call_with("POST", CODEPAY, &text, &headers).await;
            assert!(answer.json()["code"].is_string(), "{answer:?}");
        }
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
        Is::Revoked => {
            assert_eq!(reverse(shop, &number).await.status, StatusCode::OK);
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
    let reentry = (400, "INVALID_REQUEST", REENTRY);
    let rows: [(Is, Expected, Expected, &str); 9] = [
        (Is::Unknown, (200, "", ""), (200, "", ""), "0"),
        (Is::NotPay, (200, "", ""), reentry, "268498688"),
        (Is::UserPaying, reentry, reentry, "268498688"),
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
        (Is::Burnt, reentry, reentry, "268498688"),
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
    let second = shop.post(NATIVE, &body).await.json();
    assert_ne!(first, second);
    let [first, second] = [first, second].map(|answer| answer["code_url"].to_string());
    let refused = shop.sandbox.pay(first.trim_matches('"')).unwrap_err();
    assert!(refused.to_string().ends_with("该订单已失效，请重新下单"));
    shop.sandbox.pay(second.trim_matches('"')).unwrap();
    let body = order(&shop.sandbox);
    shop.post(NATIVE, &body).await;
    let answer = shop.post("/v3/pay/transactions/app", &body).await;
    assert_is(&answer, (400, "INVALID_REQUEST", REENTRY), "another type");
    // The current table's words, which nobody has seen, and an old table's.
    for (code, status) in [("OUT_TRADE_NO_USED", 403), ("ORDER_CLOSED", 400)] {
        let text = body.to_string();
        let headers = [("wechatpay-negative-test", code)];
        let answer = shop.call_with("POST", NATIVE, &text, &headers).await;
        assert_is(&answer, (status, code, ""), code);
    }
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
        (Is::UserPaying, "USERPAYING", "用户支付中，需要输入密码"),
        (
            Is::PayError,
            "PAYERROR",
            "支付失败(其他原因，如银行返回失败)",
        ),
        (Is::Revoked, "REVOKED", "订单已撤销"),
    ] {
        let mut shop = Shop::open().await;
        let (number, _) = bring(&mut shop, is).await;
        let answer = shop.query(&number).await;
        assert_is(&answer, (200, "", ""), &format!("{is:?}"));
        let json = answer.json();
        assert_eq!(json["trade_state"], state, "{is:?}");
        assert_eq!(json["trade_state_desc"], description, "{is:?}");
        for name in ["appid", "mchid", "out_trade_no"] {
            assert!(json[name].is_string(), "{is:?} {name}");
        }
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
    let mchid = shop.sandbox.mchid().to_owned();
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
async fn section_2b_another_merchants_order() {
    let mut shop = Shop::with(Sandbox::builder().merchant("1900000110")).await;
    let mchid = shop.sandbox.mchid().to_owned();
    let mut theirs = order(&shop.sandbox);
    theirs["mchid"] = json!("1900000110");
    let number = theirs["out_trade_no"].as_str().unwrap().to_owned();
    let other = shop.sandbox.merchant("1900000110").unwrap();
    let client = other.client().unwrap();
    let place = client.chain("v3/pay/transactions/native").post(theirs);
    place.await.unwrap();
    let transaction_id = other.pay(&number).unwrap();
    let (own, _) = bring(&mut shop, Is::Paid).await;
    let partners = json!({
        "sp_appid": "wx8888888888888888", "sp_mchid": mchid, "sub_mchid": "1900000111",
        "description": "QQ公仔", "out_trade_no": nonce(), "notify_url": ELSEWHERE,
        "amount": { "total": 100 },
    });
    let sub = partners["out_trade_no"].as_str().unwrap().to_owned();
    let placed = shop.post("/v3/pay/partner/transactions/native", &partners);
    assert_eq!(placed.await.status, StatusCode::OK);
    for (target, expected, number) in [
        (
            format!("id/{transaction_id}?mchid={mchid}"),
            "商户号和订单不匹配",
            "268447843",
        ),
        (
            format!("out-trade-no/{own}?mchid=1900000110"),
            "商户号和订单不匹配",
            "268447843",
        ),
        (
            format!("out-trade-no/{sub}?mchid={mchid}"),
            "商户号和订单不匹配",
            "268447843",
        ),
        (
            format!("partner/out-trade-no/{sub}?sp_mchid={mchid}&sub_mchid=1900000112"),
            "子商户号和订单信息不匹配",
            "268447845",
        ),
    ] {
        let target = match target.strip_prefix("partner/") {
            Some(rest) => format!("/v3/pay/partner/transactions/{rest}"),
            None => format!("/v3/pay/transactions/{target}"),
        };
        let answer = shop.get(&target).await;
        assert_is(&answer, (400, "INVALID_REQUEST", expected), &target);
        assert!(answer.header("Request-ID").ends_with(&format!("-{number}")));
    }
    // Their number is nobody's here.
    let answer = shop.query(&number).await;
    assert_is(&answer, (404, "ORDER_NOT_EXIST", "订单不存在"), "theirs");
    // A partner says both numbers.
    for query in [format!("sp_mchid={mchid}"), "sub_mchid=1900000111".into()] {
        let target = format!("/v3/pay/partner/transactions/out-trade-no/{sub}?{query}");
        assert_is(&shop.get(&target).await, (400, "PARAM_ERROR", ""), &query);
    }
}

#[tokio::test]
async fn section_2c_to_close() {
    let paid = (400, "ORDERPAID", "该订单已支付");
    let by_code = (
        400,
        "INVALID_REQUEST",
        "当前交易不允许进行普通关单(只能撤销)",
    );
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
        (
            Is::UserPaying,
            (202, "USERPAYING", "用户支付中，需要输入密码"),
        ),
        (Is::PayError, by_code),
        (Is::Revoked, by_code),
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
    // The table's other spelling is reached by asking for it.
    let body = json!({ "mchid": shop.sandbox.mchid() }).to_string();
    let headers = [("wechatpay-negative-test", "USER_PAYING")];
    let answer = shop.call_with("POST", &target, &body, &headers).await;
    assert_is(&answer, (202, "USER_PAYING", ""), "the other spelling");
    let (number, _) = bring(&mut shop, Is::PayError).await;
    let answer = shop.close(&number).await;
    assert!(answer.header("Request-ID").ends_with("-268449641"));
}

#[tokio::test]
async fn section_2c_and_8c_to_pay_by_code_and_to_reverse() {
    let ok: Expected = (200, "", "");
    let by_code = (400, "INVALID_REQUEST", "该订单不支持撤销");
    for (is, charged, reversed) in [
        (Is::Unknown, ok, (404, "ORDER_NOT_EXIST", "订单不存在")),
        (Is::NotPay, (403, "OUT_TRADE_NO_USED", ""), by_code),
        (Is::Paid, (400, "ORDERPAID", "该订单已支付"), by_code),
        (Is::Micropay, (400, "ORDERPAID", "该订单已支付"), ok),
        (Is::UserPaying, (202, "USERPAYING", ""), ok),
        (Is::PayError, (403, "OUT_TRADE_NO_USED", ""), ok),
        (Is::Revoked, (400, "ORDERREVERSED", ""), ok),
    ] {
        let mut shop = Shop::open().await;
        let (number, _) = bring(&mut shop, is).await;
        let answer = reverse(&mut shop, &number).await;
        assert_is(&answer, reversed, &format!("reverse {is:?}"));
        if reversed == ok {
            let expected = json!({
                "appid": "wx8888888888888888", "mchid": shop.sandbox.mchid(),
                "out_trade_no": number,
            });
            assert_eq!(answer.json(), expected);
            assert_eq!(answer.header("Sandbox-Fidelity"), "state");
            let order = shop.query(&number).await.json();
            assert_eq!(order["trade_state"], "REVOKED");
        }
        let number = match is {
            Is::Revoked => number,
            _ => bring(&mut shop, is).await.0,
        };
        let body = by_code_of(&shop, &number);
        let answer = shop.post(CODEPAY, &body).await;
        assert_is(&answer, charged, &format!("charge {is:?}"));
    }
    // What a payment says, at once and without a notification, and what partners say.
    let mut shop = Shop::open().await;
    let number = nonce();
    let body = by_code_of(&shop, &number);
    let paid = shop.post(CODEPAY, &body).await;
    paid.assert_genuine(&shop.sandbox);
    assert_eq!(paid.header("Sandbox-Fidelity"), "state");
    assert_eq!(paid.json(), shop.query(&number).await.json());
    assert_eq!(paid.json()["trade_type"], "MICROPAY");
    shop.sandbox.settled().await;
    assert_eq!(shop.sandbox.deliveries().len(), 0);
    let mut other = by_code_of(&shop, &nonce());
    other["payer"] = body["payer"].clone();
    let answer = shop.post(CODEPAY, &other).await;
    assert_is(&answer, (400, "AUTH_CODE_ERROR", ""), "a used code");
    other["payer"]["auth_code"] = json!("281234567890123456");
    let answer = shop.post(CODEPAY, &other).await;
    assert_is(&answer, (400, "AUTH_CODE_INVALID", ""), "no code");
    other["scene_info"] = json!({});
    let answer = shop.post(CODEPAY, &other).await;
    assert_eq!(answer.json()["detail"]["field"], "/scene_info/store_info");
    let mut partners = by_code_of(&shop, &nonce());
    let fields = partners.as_object_mut().unwrap();
    for (name, own) in [("appid", "sp_appid"), ("mchid", "sp_mchid")] {
        let value = fields.remove(name).unwrap();
        fields.insert(own.to_owned(), value);
    }
    partners["sub_mchid"] = json!("1900000111");
    let target = CODEPAY.replace("pay/", "pay/partner/");
    let answer = shop.post(&target, &partners).await;
    assert_eq!(answer.json()["sub_mchid"], "1900000111", "{answer:?}");
    assert!(answer.json()["payer"]["sp_openid"].is_string());
    let number = partners["out_trade_no"].as_str().unwrap();
    let target = format!("/v3/pay/partner/transactions/out-trade-no/{number}/reverse");
    let mut whose = json!({ "sp_mchid": shop.sandbox.mchid(), "sub_mchid": "1900000112" });
    let answer = shop.post(&target, &whose).await;
    assert!(answer.header("Request-ID").ends_with("-268447845"));
    whose["sub_mchid"] = json!("1900000111");
    assert_is(&shop.post(&target, &whose).await, ok, "a partner's reverse");
    // Within a week.
    let number = nonce();
    let body = by_code_of(&shop, &number);
    shop.post(CODEPAY, &body).await;
    shop.sandbox.advance(7 * crate::shop::DAY);
    let answer = reverse(&mut shop, &number).await;
    assert_is(&answer, (400, "INVALID_REQUEST", "订单无法撤销"), "a week");
}

#[tokio::test]
async fn section_2d_what_the_user_sees() {
    let mut shop = Shop::open().await;
    let refused = |result: std::io::Result<String>, expected: &str| {
        let error = result.unwrap_err();
        assert!(error.to_string().ends_with(expected), "{error}");
    };
    let void = "该订单已失效，请重新下单";
    let (closed, _) = bring(&mut shop, Is::Closed).await;
    refused(shop.sandbox.pay(&closed), void);
    let mut body = order(&shop.sandbox);
    body["payer"] = json!({ "openid": "oUser" });
    shop.post("/v3/pay/transactions/jsapi", &body).await;
    let number = body["out_trade_no"].as_str().unwrap();
    refused(
        shop.sandbox.pay_by(number, "oOther"),
        "下单账号与支付账号不一致",
    );
    let (scanned, again) = bring(&mut shop, Is::NotPay).await;
    shop.sandbox
        .pay_fails_by(&scanned, "oOne", "USER_CANCEL")
        .unwrap();
    refused(
        shop.sandbox.pay_by(&scanned, "oTwo"),
        "商家订单信息有误，请重新下单支付",
    );
    // A new code_url is anybody's.
    shop.post(NATIVE, &again).await;
    shop.sandbox.pay_by(&scanned, "oTwo").unwrap();
    assert_eq!(shop.query(&scanned).await.json()["payer"]["openid"], "oTwo");
    // The first who scanned is who pays.
    let (scanned, _) = bring(&mut shop, Is::NotPay).await;
    let body = json!({ "out_trade_no": scanned, "openid": "oOne" }).to_string();
    shop.control("POST", "/_sandbox/pay_fails", &body, &[])
        .await;
    shop.sandbox.pay(&scanned).unwrap();
    assert_eq!(shop.query(&scanned).await.json()["payer"]["openid"], "oOne");
    let mut h5 = order(&shop.sandbox);
    h5["scene_info"] = json!({ "payer_client_ip": "127.0.0.1", "h5_info": { "type": "Wap" } });
    shop.post("/v3/pay/transactions/h5", &h5).await;
    shop.sandbox.advance(Duration::from_secs(300));
    let h5 = h5["out_trade_no"].as_str().unwrap();
    refused(shop.sandbox.pay(h5), "支付请求已失效，请重新发起支付");
    shop.sandbox.advance(Duration::from_secs(7200));
    refused(shop.sandbox.pay(number), void);
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
    // A float that is whole.
    let body = refund(&number, "R6", 1).to_string();
    let body = body.replace("\"refund\":1", "\"refund\":1.0");
    let body = body.replace("\"total\":100", "\"total\":100.0");
    let answer = shop.call("POST", REFUNDS, &body).await;
    assert_is(&answer, (200, "", ""), "floats");
    assert_eq!(answer.json()["amount"]["refund"], 1);
    // What no state of the sandbox has.
    for (code, status) in [
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
async fn section_5b_a_merchant_refunds_what_it_has() {
    let mut shop = Shop::open().await;
    let (number, _) = bring(&mut shop, Is::Paid).await;
    assert!(shop.sandbox.withdraw(101).is_err());
    shop.sandbox.withdraw(60).unwrap();
    let answer = shop.refund(&number, "R1", 41).await;
    let expected = (403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起");
    assert_is(&answer, expected, "more than there is");
    let answer = shop.refund(&number, "R1", 40).await;
    assert_is(&answer, (200, "", ""), "what there is");
    // Another payment pays for it, by the same number.
    bring(&mut shop, Is::Paid).await;
    let answer = shop.refund(&number, "R2", 60).await;
    assert_is(&answer, (200, "", ""), "what there is then");
    let state = shop.state().await;
    assert_eq!(
        state["merchants"][shop.sandbox.mchid()],
        json!({ "payments": 200, "refunds": 100, "withdrawn": 60, "balance": 40 })
    );
    let body = json!({ "amount": 41 }).to_string();
    let answer = shop.control("POST", "/_sandbox/withdraw", &body, &[]).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn section_5b_rates_are_kept_where_a_test_wants_them() {
    let limit = (429, "FREQUENCY_LIMITED", "频率超限");
    // The window is a second of the clock: a run that crossed into the next one says nothing.
    for _ in 0..20 {
        let mut shop = Shop::with(Sandbox::builder().limits()).await;
        let (number, _) = bring(&mut shop, Is::Paid).await;
        shop.sandbox.advance(Duration::from_secs(1));
        let before = shop.sandbox.now();
        let mut answers = Vec::new();
        for _ in 0..7 {
            answers.push(shop.refund("unknown", &nonce(), 1).await);
        }
        if shop.sandbox.now() != before {
            continue;
        }
        for answer in &answers[..6] {
            assert_is(answer, (404, "RESOURCE_NOT_EXISTS", ""), "6 that fail");
        }
        assert_is(&answers[6], limit, "the 7th that fails in a second");
        assert!(answers[6].header("Request-ID").ends_with("-268447840"));
        shop.sandbox.advance(Duration::from_secs(1));
        let first = shop.refund(&number, "R1", 1).await;
        assert_is(&first, (200, "", ""), "a second later");
        // A minute between two of one order.
        let answer = shop.refund(&number, "R2", 1).await;
        assert_is(&answer, limit, "at once");
        assert_eq!(answer.header("Sandbox-Fidelity"), "shape");
        shop.sandbox.advance(Duration::from_secs(60));
        let answer = shop.refund(&number, "R2", 1).await;
        assert_is(&answer, (200, "", ""), "a minute later");
        return;
    }
    panic!("seven refunds never took less than a second");
}

#[tokio::test]
async fn section_5c_to_ask_for_a_refund() {
    let mut shop = Shop::open().await;
    let unknown = (404, "RESOURCE_NOT_EXISTS", "退款单不存在");
    let target = format!("{REFUNDS}/R1");
    let answer = shop.get(&target).await;
    assert_is(&answer, unknown, "unknown");
    let headers = [("wechatpay-negative-test", "MCH_NOT_EXISTS")];
    let answer = shop.call_with("GET", &target, "", &headers).await;
    assert_is(
        &answer,
        (404, "MCH_NOT_EXISTS", ""),
        "not 400, as for orders",
    );
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
async fn section_5d_what_a_refund_says() {
    let mut shop = Shop::open().await;
    let ear = Ear::open(&[OK]);
    let (number, _) = bring(&mut shop, Is::NotPay).await;
    let refused = shop.sandbox.pay_with_coupon(&number, "NOCASH", 101);
    assert!(refused.unwrap_err().to_string().contains("coupon"));
    let refused = shop.sandbox.pay_with_coupon(&number, "FREE", 1);
    assert!(refused.is_err());
    shop.sandbox.pay_with_coupon(&number, "NOCASH", 30).unwrap();
    let paid = shop.query(&number).await.json();
    assert_eq!(paid["amount"]["payer_total"], 70);
    assert_eq!(paid["amount"]["total"], 100);
    let promotion = &paid["promotion_detail"][0];
    for (name, value) in [
        ("scope", json!("GLOBAL")),
        ("type", json!("NOCASH")),
        ("amount", json!(30)),
        ("wechatpay_contribute", json!(0)),
        ("merchant_contribute", json!(30)),
        ("other_contribute", json!(0)),
        ("currency", json!("CNY")),
    ] {
        assert_eq!(promotion[name], value, "{name}");
    }
    let mut body = refund(&number, "R1", 50);
    body["notify_url"] = json!(ear.url);
    body["funds_account"] = json!("AVAILABLE");
    body["amount"]["from"] = json!([
        { "account": "AVAILABLE", "amount": 20 }, { "account": "UNAVAILABLE", "amount": 30 },
    ]);
    let applied = shop.post(REFUNDS, &body).await;
    assert_is(&applied, (200, "", ""), "with coupons");
    let applied = applied.json();
    let found = shop.get(&format!("{REFUNDS}/R1")).await.json();
    for answer in [&applied, &found] {
        assert_eq!(answer["funds_account"], "AVAILABLE");
        assert_eq!(
            answer["amount"],
            json!({
                "total": 100, "refund": 50, "from": body["amount"]["from"],
                "payer_total": 70, "payer_refund": 35,
                "settlement_total": 70, "settlement_refund": 35,
                "discount_refund": 15, "currency": "CNY", "refund_fee": 0,
            })
        );
        let promotion = json!([{
            "promotion_id": promotion["coupon_id"], "scope": "GLOBAL", "type": "NOCASH",
            "amount": 30, "refund_amount": 15,
        }]);
        assert_eq!(answer["promotion_detail"], promotion);
    }
    shop.sandbox.settled().await;
    assert_eq!(
        ear.heard()[0].resource(&shop.sandbox)["amount"],
        json!({ "total": 100, "refund": 50, "payer_total": 70, "payer_refund": 35 })
    );
    // A coupon that is the merchant's money comes over HTTP, too.
    let (number, _) = bring(&mut shop, Is::NotPay).await;
    let coupon = json!({ "type": "CASH", "amount": 30 });
    let pay = json!({ "out_trade_no": number, "coupon": coupon }).to_string();
    shop.control("POST", "/_sandbox/pay", &pay, &[]).await;
    let applied = shop.refund(&number, "R2", 100).await.json();
    assert_eq!(applied["amount"]["payer_refund"], 70);
    assert_eq!(applied["amount"]["settlement_refund"], 100);
    // Without any there is nothing of it.
    let (number, _) = bring(&mut shop, Is::Paid).await;
    let applied = shop.refund(&number, "R3", 100).await.json();
    assert_eq!(applied["promotion_detail"], json!([]));
    assert_eq!(applied["amount"]["from"], json!([]));
    assert_eq!(applied["funds_account"], "UNSETTLED");
    // The accounts must be the refund.
    let (number, _) = bring(&mut shop, Is::Paid).await;
    for (from, code) in [
        (json!([{ "account": "AVAILABLE" }]), "PARAM_ERROR"),
        (
            json!([{ "account": "AVAILABLE", "amount": 2 }]),
            "INVALID_REQUEST",
        ),
        (
            json!([{ "account": "A", "amount": 1 }, { "account": "A", "amount": 2 }]),
            "INVALID_REQUEST",
        ),
    ] {
        let mut body = refund(&number, "R4", 3);
        body["amount"]["from"] = from.clone();
        assert_is(
            &shop.post(REFUNDS, &body).await,
            (400, code, ""),
            &from.to_string(),
        );
    }
}
