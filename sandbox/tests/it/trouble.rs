//! Trouble on request.

use http::StatusCode;
use serde_json::json;
use wechatpay_sandbox::{Misbehaviour, Rule, Sandbox};

use crate::client::nonce;
use crate::shop::{NATIVE, REFUNDS, Shop, order, refund};

#[tokio::test]
async fn a_header_asks_for_any_code() {
    let mut shop = Shop::open().await;
    let body = order(&shop.sandbox).to_string();
    for (code, status) in [
        ("OUT_TRADE_NO_USED", 403),
        ("ORDER_CLOSED", 400),
        ("FREQUENCY_LIMITED", 429),
        ("SYSTEM_ERROR", 500),
        ("USERPAYING", 202),
        ("NEVER_HEARD_OF", 400),
    ] {
        let headers = [("wechatpay-negative-test", code)];
        let answer = shop.call_with("POST", NATIVE, &body, &headers).await;
        assert_eq!(answer.status.as_u16(), status, "{code}");
        assert_eq!(answer.json()["code"], code);
        assert_eq!(answer.header("Sandbox-Fidelity"), "shape");
        answer.assert_genuine(&shop.sandbox);
    }
    // Nothing was carried out.
    assert_eq!(shop.state().await["orders"], json!([]));
    let target = "/v3/ecommerce/bill/fundflowbill?bill_date=2026-01-01";
    let headers = [("wechatpay-negative-test", "NO_AUTH")];
    let answer = shop.call_with("GET", target, "", &headers).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_number_asks_where_no_header_can_be_added() {
    let mut shop = Shop::open().await;
    let mut order = order(&shop.sandbox);
    order["out_trade_no"] = json!("SANDBOX_SYSTEM_ERROR_1");
    let answer = shop.post(NATIVE, &order).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    let paid = shop.paid().await;
    let answer = shop.refund(&paid, "SANDBOX_NOT_ENOUGH_1", 1).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(
        answer.json()["message"],
        "基本账户余额不足，请充值后重新发起"
    );
}

#[tokio::test]
async fn accidents_have_names() {
    let mut shop = Shop::open().await;
    let body = order(&shop.sandbox).to_string();
    for code in [
        "UNSIGNED",
        "BAD_SIGNATURE",
        "UNKNOWN_SERIAL",
        "EMPTY",
        "HALF",
        "HTML",
        "CLOCK_OFFSET",
    ] {
        let headers = [("wechatpay-negative-test", code)];
        let answer = shop.call_with("POST", NATIVE, &body, &headers).await;
        let is_signed = answer.verifies(&shop.sandbox);
        let is_good =
            is_signed && answer.header("Wechatpay-Serial") == shop.sandbox.platform_serial();
        match code {
            "EMPTY" | "HALF" => {
                assert!(serde_json::from_slice::<serde_json::Value>(&answer.body).is_err())
            }
            "HTML" => assert_eq!(answer.status, StatusCode::BAD_GATEWAY),
            "CLOCK_OFFSET" => {
                let time: i64 = answer.header("Wechatpay-Timestamp").parse().unwrap();
                assert!(crate::client::now() - time > 500);
            }
            _ => assert!(!is_good, "{code}"),
        }
    }
    let headers = [("wechatpay-negative-test", "CERTIFICATE_ROTATION")];
    let before = shop.sandbox.certificates().len();
    let answer = shop.call_with("POST", NATIVE, &body, &headers).await;
    let certificates = shop.sandbox.certificates();
    assert_eq!(certificates.len(), before + 1);
    let newest = certificates.last().unwrap();
    assert_eq!(answer.header("Wechatpay-Serial"), newest.serial());
    assert!(answer.verifies_with(newest.pem()));
}

#[tokio::test]
async fn a_rule_is_about_an_endpoint_and_counts() {
    let mut shop = Shop::open().await;
    let limit = Misbehaviour::status(429, "FREQUENCY_LIMITED", "频率超限");
    shop.sandbox.add_rule(
        Rule::new("POST v3/refund/domestic/refunds", limit)
            .after(1)
            .times(2),
    );
    let paid = shop.paid().await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let answer = shop.post(REFUNDS, &refund(&paid, &nonce(), 1)).await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [200, 429, 429, 200]);
}

#[tokio::test]
async fn a_rule_over_http_follows_the_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let mut shop = Shop::with(Sandbox::builder().seed(7)).await;
        let rule = json!({ "endpoint": "GET v3/certificates", "trouble": "SYSTEM_ERROR", "probability": 0.5 });
        shop.control("POST", "/_sandbox/rules", &rule.to_string(), &[])
            .await;
        let mut run = Vec::new();
        for _ in 0..16 {
            run.push(shop.get("/v3/certificates").await.status.as_u16());
        }
        shop.control("DELETE", "/_sandbox/rules", "", &[]).await;
        assert_eq!(shop.get("/v3/certificates").await.status, StatusCode::OK);
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&200) && runs[0].contains(&500));
}

#[tokio::test]
async fn what_the_sandbox_has_yet_to_learn_is_501_and_what_there_is_not_404() {
    let mut shop = Shop::open().await;
    let answer = shop
        .get("/v3/ecommerce/bill/fundflowbill?bill_date=2026-01-01")
        .await;
    assert_eq!(answer.status, StatusCode::NOT_IMPLEMENTED);
    answer.assert_genuine(&shop.sandbox);
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("GET /v3/ecommerce/bill/fundflowbill")
            && message.contains("v3/refund/domestic")
    );
    assert_eq!(answer.header("Sandbox-Fidelity"), "");
    let answer = shop.get("/v3/nothing").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header("Sandbox-Fidelity"), "shape");
    let answer = shop.post("/v3/bill/tradebill", &json!({})).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("Sandbox-Fidelity"), "shape");
    assert_eq!(answer.header("Allow"), "GET");
}

#[tokio::test]
async fn the_same_seed_and_requests_give_the_same_answers() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let mut shop = Shop::with(Sandbox::builder().seed(seed)).await;
        let mut order = order(&shop.sandbox);
        order["out_trade_no"] = json!("1217752501201407033233368018");
        let mut run = Vec::new();
        for answer in [
            shop.post(NATIVE, &order).await,
            shop.get("/v3/certificates").await,
            shop.post(
                "/v3/marketing/busifavor/product-coupons/send",
                &json!({
                    "openid": "o", "appid": "wx1", "stock_id": "1", "out_request_no": "1",
                    "coupon_type": "NORMAL",
                }),
            )
            .await,
        ] {
            run.push((
                answer.header("Wechatpay-Nonce").to_owned(),
                answer.header("Request-ID").to_owned(),
            ));
            let json = answer.json();
            let coupon = json["coupon_code"].to_string();
            let serial = json["data"][0]["serial_no"].to_string();
            // The last places of a code_url are random, those before are a time.
            let url = json["code_url"].as_str().unwrap_or_default();
            run.push((
                coupon + &serial,
                url.get(30..).unwrap_or_default().to_owned(),
            ));
        }
        shop.sandbox.pay("1217752501201407033233368018").unwrap();
        shop.sandbox.settled().await;
        let told = shop.sandbox.deliveries().remove(0);
        let json: serde_json::Value = serde_json::from_slice(told.notification().body()).unwrap();
        run.push((
            json["id"].to_string(),
            json["resource"]["nonce"].to_string(),
        ));
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

/// Everything that a shop gets in a run, but for signatures.
async fn run(seed: u64) -> Vec<String> {
    let mut shop = Shop::with(Sandbox::builder().seed(seed)).await;
    let mut order = order(&shop.sandbox);
    let number = "1217752501201407033233368018";
    order["out_trade_no"] = json!(number);
    let mut answers = vec![shop.post(NATIVE, &order).await];
    shop.sandbox.pay(number).unwrap();
    answers.push(shop.query(number).await);
    answers.push(shop.refund(number, "R1", 1).await);
    answers.push(shop.get("/v3/refund/domestic/refunds/R1").await);
    answers.push(shop.close(number).await);
    answers.push(shop.get("/v3/nothing").await);
    let mut by_code = order.clone();
    by_code.as_object_mut().unwrap().remove("notify_url");
    by_code["out_trade_no"] = json!("SANDBOX_USERPAYING_1");
    by_code["payer"] = json!({ "auth_code": "130000000000000001" });
    by_code["scene_info"] = json!({ "store_info": {} });
    answers.push(shop.post("/v3/pay/transactions/codepay", &by_code).await);
    let mut stock = crate::coupons::stock("WECHATPAY_MODE");
    stock["out_request_no"] = json!("1");
    answers.push(crate::coupons::call(&mut shop, "stocks", &stock).await);
    let stock_id = answers.last().unwrap().json()["stock_id"].to_string();
    let mut sending = crate::coupons::sending(stock_id.trim_matches('"'));
    sending["out_request_no"] = json!("1");
    answers.push(crate::coupons::call(&mut shop, "coupons/send", &sending).await);
    let asked = [("out_trade_no", number)];
    let mut apiv2 = crate::apiv2::call(&shop.sandbox, "/pay/orderquery", &asked).await;
    apiv2.remove("sign");
    let mut lines = vec![format!("{apiv2:?}")];
    shop.sandbox.settled().await;
    for told in shop.sandbox.deliveries() {
        let mut told: serde_json::Value =
            serde_json::from_slice(told.notification().body()).unwrap();
        told["resource"]["ciphertext"].take();
        lines.push(told.to_string());
    }
    for answer in answers {
        for (name, value) in &answer.headers {
            let is_free = ["wechatpay-signature", "wechatpay-timestamp", "date"];
            if !is_free.contains(&name.as_str()) {
                lines.push(format!("{name}: {value:?}"));
            }
        }
        lines.push(String::from_utf8(answer.body.to_vec()).unwrap());
    }
    lines
}

#[tokio::test]
async fn the_same_seed_and_requests_give_the_same_bytes() {
    // Times are left as they are, so that both must be done within one second.
    for _ in 0..100 {
        let before = crate::client::now();
        let runs = [run(1).await, run(1).await];
        if crate::client::now() == before {
            assert_eq!(runs[0], runs[1]);
            assert_ne!(runs[0], run(2).await);
            return;
        }
    }
    panic!("two runs never took less than a second");
}
