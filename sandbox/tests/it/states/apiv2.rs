//! Section 8.

use std::time::{Duration, Instant};

use serde_json::json;
use wechatpay_sandbox::Sandbox;

use crate::apiv2::{call as call_v2, call_with, opens, said, status, verifies};
use crate::client::nonce;
use crate::shop::{ELSEWHERE, Ear, OK, Shop};
use crate::states::Is;

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
                ("notify_url", ELSEWHERE),
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
async fn section_8a_what_each_call_says_in_each_state() {
    let shop = Shop::open().await;
    let sandbox = &shop.sandbox;
    let number = nonce();
    let order = order(&number, "100");
    call_v2(sandbox, "/pay/unifiedorder", &order).await;
    let asked = [("appid", "wx8888888888888888"), ("out_trade_no", &*number)];
    let always = ["appid", "nonce_str", "result_code", "trade_state_desc"];
    let unpaid = call_v2(sandbox, "/pay/orderquery", &asked).await;
    assert_eq!(unpaid["total_fee"], "100");
    sandbox.pay(&number).unwrap();
    let paid = call_v2(sandbox, "/pay/orderquery", &asked).await;
    for name in [
        "openid",
        "is_subscribe",
        "trade_type",
        "bank_type",
        "total_fee",
        "fee_type",
        "cash_fee",
        "cash_fee_type",
        "transaction_id",
        "attach",
        "time_end",
    ] {
        assert!(paid.contains_key(name), "{name}");
        assert!(name == "total_fee" || !unpaid.contains_key(name), "{name}");
    }
    let closed = call_v2(sandbox, "/pay/closeorder", &asked).await;
    assert_eq!(closed["sub_mch_id"], "");
    // Of both numbers WeChat Pay's own comes first.
    let both = [
        ("transaction_id", &*paid["transaction_id"]),
        ("out_trade_no", "number-1"),
    ];
    let found = call_v2(sandbox, "/pay/orderquery", &both).await;
    assert_eq!(found["out_trade_no"], number);
    let refund = [
        ("out_trade_no", &*number),
        ("out_refund_no", "R1"),
        ("total_fee", "100"),
        ("refund_fee", "40"),
    ];
    let refunded = call_v2(sandbox, "/secapi/pay/refund", &refund).await;
    for (name, text) in [
        ("transaction_id", &*paid["transaction_id"]),
        ("out_trade_no", &number),
        ("out_refund_no", "R1"),
        ("refund_channel", ""),
        ("refund_fee", "40"),
        ("coupon_refund_fee", "0"),
        ("total_fee", "100"),
        ("cash_fee", "100"),
        ("coupon_refund_count", "0"),
        ("cash_refund_fee", "40"),
    ] {
        assert_eq!(refunded[name], text, "{name}");
    }
    let found = call_v2(sandbox, "/pay/refundquery", &asked).await;
    for (name, text) in [
        ("transaction_id", &*paid["transaction_id"]),
        ("total_fee", "100"),
        ("cash_fee", "100"),
        ("refund_count", "1"),
        ("refund_fee", "40"),
        ("out_refund_no_0", "R1"),
        ("refund_id_0", &refunded["refund_id"]),
        ("refund_channel_0", "ORIGINAL"),
        ("refund_fee_0", "40"),
        ("refund_status_0", "SUCCESS"),
        ("refund_account_0", "REFUND_SOURCE_UNSETTLED_FUNDS"),
        ("refund_recv_accout_0", "支付用户零钱"),
    ] {
        assert_eq!(found[name], text, "{name}");
    }
    let number = nonce();
    let closing = [("appid", "wx8888888888888888"), ("out_trade_no", &*number)];
    call_v2(sandbox, "/pay/unifiedorder", &self::order(&number, "1")).await;
    call_v2(sandbox, "/pay/closeorder", &closing).await;
    let closed = call_v2(sandbox, "/pay/orderquery", &closing).await;
    assert_eq!(closed["attach"], "");
    for answer in [unpaid, paid, closed] {
        assert!(always.iter().all(|name| answer.contains_key(*name)));
    }
    for (end, status) in [
        ("PROCESSING", "PROCESSING"),
        ("REFUND_CLOSED", "REFUNDCLOSE"),
        ("ABNORMAL", "CHANGE"),
    ] {
        let refund_no = format!("SANDBOX_{end}_1");
        let mut refund = refund;
        refund[1].1 = &refund_no;
        refund[3].1 = "1";
        call_v2(sandbox, "/secapi/pay/refund", &refund).await;
        let asked = [("out_refund_no", &*refund_no)];
        let found = call_v2(sandbox, "/pay/refundquery", &asked).await;
        assert_eq!(found["refund_status_0"], status);
    }
}

#[tokio::test]
async fn section_8b_any_code_is_reached_by_asking_for_it() {
    let shop = Shop::open().await;
    let sandbox = &shop.sandbox;
    for (path, codes) in [
        (
            "/pay/unifiedorder",
            &["NOAUTH", "ORDERCLOSED", "APPID_NOT_EXIST"][..],
        ),
        ("/pay/orderquery", &["SYSTEMERROR"]),
        ("/pay/closeorder", &["ORDERCLOSED"]),
        (
            "/secapi/pay/refund",
            &["BIZERR_NEED_RETRY", "NOTENOUGH", "USER_ACCOUNT_ABNORMAL"],
        ),
        ("/pay/refundquery", &["INVALID_TRANSACTIONID"]),
        (
            "/pay/micropay",
            &["BANKERROR", "AUTHCODEEXPIRE", "NOTSUPORTCARD"],
        ),
    ] {
        for code in codes {
            let asked = [("out_trade_no", "number-1")];
            let key = sandbox.secret();
            let answer = call_with(sandbox, key, path, &asked, code).await;
            assert_eq!(answer["result_code"], "FAIL");
            assert_eq!(answer["err_code"], *code);
        }
    }
}

/// An order of this many fen.
fn order<'a>(number: &'a str, total: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("appid", "wx8888888888888888"),
        ("body", "QQ公仔"),
        ("out_trade_no", number),
        ("total_fee", total),
        ("spbill_create_ip", "127.0.0.1"),
        ("notify_url", ELSEWHERE),
        ("trade_type", "NATIVE"),
    ]
}

/// A payment by code of this many fen.
fn by_code<'a>(number: &'a str, total: &'a str, code: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("appid", "any"),
        ("body", "QQ公仔"),
        ("out_trade_no", number),
        ("total_fee", total),
        ("auth_code", code),
    ]
}

/// What WeChat Pay's own sandboxes sign with.
async fn sign_key(sandbox: &Sandbox, path: &str) -> String {
    let answer = call_v2(sandbox, path, &[]).await;
    assert_eq!(answer["mch_id"], sandbox.mchid());
    assert!(!answer.contains_key("sign"));
    assert_eq!(answer["sandbox_signkey"].len(), 32);
    answer["sandbox_signkey"].clone()
}

const NEW: &str = "/xdc/apiv2sandbox/pay/micropay";
const ASK_NEW: &str = "/xdc/apiv2sandbox/pay/orderquery";

#[tokio::test]
async fn section_8d_the_newer_sandbox_goes_by_the_amount() {
    let shop = Shop::open().await;
    let sandbox = &shop.sandbox;
    let key = sign_key(sandbox, "/xdc/apiv2getsignkey/sign/getsignkey").await;
    for (total, cash, coupons) in [
        ("1", "1", &[][..]),
        ("2", "1", &[("CASH", "1")]),
        ("3", "0", &[("CASH", "1"), ("NO_CASH", "2")]),
    ] {
        let number = nonce();
        let code = format!("12000000000000000{total}");
        let pairs = by_code(&number, total, &code);
        let paid = call_with(sandbox, &key, NEW, &pairs, "").await;
        assert_eq!(said(&paid), "SUCCESS");
        let asked = [("out_trade_no", &*number)];
        let found = call_with(sandbox, &key, ASK_NEW, &asked, "").await;
        assert_eq!(found["trade_state"], "SUCCESS");
        for answer in [&paid, &found] {
            assert_eq!(answer["total_fee"], total);
            assert_eq!(answer["cash_fee"], cash);
            let count = answer.get("coupon_count").map_or("0", String::as_str);
            assert_eq!(count, coupons.len().to_string());
            for (index, (kind, fee)) in coupons.iter().enumerate() {
                assert_eq!(answer[&format!("coupon_type_{index}")], *kind);
                assert_eq!(answer[&format!("coupon_fee_{index}")], *fee);
            }
        }
        // By its own number only.
        let asked = [("transaction_id", &*paid["transaction_id"])];
        let found = call_with(sandbox, &key, ASK_NEW, &asked, "").await;
        assert_eq!(said(&found), "FAIL 缺少参数");
    }
    // It has no more than these two.
    for (path, expected) in [
        (ASK_NEW, (200, "state")),
        ("/xdc/apiv2sandbox/pay/refund", (501, "")),
    ] {
        let asked = [("out_trade_no", "number-1")];
        let (status, fidelity) = status(sandbox, &key, path, &asked).await;
        assert_eq!((status, &*fidelity), expected, "{path}");
    }
}

#[tokio::test]
async fn section_8d_the_newer_sandbox_has_its_negative_tests() {
    let shop = Shop::open().await;
    let sandbox = &shop.sandbox;
    let key = sign_key(sandbox, "/xdc/apiv2getsignkey/sign/getsignkey").await;
    let late = Duration::from_secs(1);
    for (trouble, is_late, expected, state) in [
        (
            "MICROPAY_USERPAYING",
            false,
            "USERPAYING 需要用户输入支付密码",
            "USERPAYING",
        ),
        ("MICROPAY_TIMEOUT", true, "SUCCESS", "SUCCESS"),
        (
            "MICROPAY_PAYERROR",
            true,
            "TRADE_ERROR 交易错误",
            "PAYERROR",
        ),
        ("MICROPAY_PAY_QUERY_TIMEOUT", true, "SUCCESS", "SUCCESS"),
    ] {
        let number = nonce();
        let digits = number.bytes().rev().map(|byte| (byte % 10).to_string());
        let code = format!("10{}", digits.take(16).collect::<String>());
        let start = Instant::now();
        let pairs = by_code(&number, "1", &code);
        let paid = call_with(sandbox, &key, NEW, &pairs, trouble).await;
        assert_eq!(said(&paid), expected, "{trouble}");
        assert_eq!(start.elapsed() >= late, is_late, "{trouble}");
        let asked = [("out_trade_no", &*number)];
        let found = call_with(sandbox, &key, ASK_NEW, &asked, "").await;
        assert_eq!(found["trade_state"], state, "{trouble}");
    }
    let start = Instant::now();
    let asked = [("out_trade_no", "number-1")];
    let trouble = "MICROPAY_PAY_QUERY_TIMEOUT";
    call_with(sandbox, &key, ASK_NEW, &asked, trouble).await;
    assert!(start.elapsed() >= late, "the query is late, too");
}

#[tokio::test]
async fn section_8d_the_older_sandbox_has_its_own_key_and_words() {
    let shop = Shop::open().await;
    let sandbox = &shop.sandbox;
    let place = |path: &str| format!("/sandboxnew{path}");
    let key = sign_key(sandbox, "/sandboxnew/pay/getsignkey").await;
    let ear = Ear::open(&[OK]);
    let number = nonce();
    let mut pairs = order(&number, "2");
    pairs[5].1 = &ear.url;
    let path = place("/pay/unifiedorder");
    for (wrong, expected) in [
        (
            sandbox.secret(),
            "FAIL 验证签名失败, 请调用getsignkey生成沙箱密钥",
        ),
        (
            "any",
            "FAIL 沙箱验证签名失败，请确认沙箱签名key是否正确（通过getsignkey调用生成）",
        ),
    ] {
        let refused = call_with(sandbox, wrong, &path, &pairs, "").await;
        assert_eq!(said(&refused), expected);
        let received = sandbox.received().pop().unwrap();
        let mismatch = received.mismatch().unwrap();
        assert!(mismatch.expected().ends_with(&key));
    }
    let refused = call_with(sandbox, &key, "/pay/unifiedorder", &pairs, "").await;
    assert_eq!(said(&refused), "FAIL 签名错误");
    let placed = call_with(sandbox, &key, &path, &pairs, "").await;
    assert_eq!(said(&placed), "SUCCESS");
    assert_eq!(placed["retmsg"], "ok");
    assert_eq!(placed["retcode"], "0");
    assert_eq!(placed["device_info"], "sandbox");
    assert!(!placed.contains_key("return_msg"));
    sandbox.pay(&number).unwrap();
    sandbox.settled().await;
    let asked = [("out_trade_no", &*number)];
    let paid = call_with(sandbox, &key, &place("/pay/orderquery"), &asked, "").await;
    assert_eq!(paid["trade_state"], "SUCCESS");
    assert_eq!(paid["coupon_fee"], "1");
    let unknown = call_with(sandbox, &key, &place("/pay/refundquery"), &asked, "").await;
    assert_eq!(said(&unknown), "ORDERNOTEXIST order not exist");
    for (path, refund_no) in [("/pay/refund", "R1"), ("/secapi/pay/refund", "R2")] {
        let refund = [
            ("out_trade_no", &*number),
            ("out_refund_no", refund_no),
            ("total_fee", "2"),
            ("refund_fee", "1"),
            ("notify_url", &*ear.url),
        ];
        let refunded = call_with(sandbox, &key, &place(path), &refund, "").await;
        assert_eq!(said(&refunded), "SUCCESS", "{path}");
    }
    let charge = [
        by_code("number-1", "1", "130000000000000001"),
        vec![("spbill_create_ip", "127.0.0.1")],
    ]
    .concat();
    let charged = call_with(sandbox, &key, &place("/pay/micropay"), &charge, "").await;
    assert_eq!(said(&charged), "SUCCESS");
    let asked = [("out_trade_no", "number-1")];
    let reversed = call_with(sandbox, &key, &place("/secapi/pay/reverse"), &asked, "").await;
    assert_eq!(said(&reversed), "SUCCESS");
    // The merchant is told under the same key.
    sandbox.settled().await;
    let heard = ear.heard();
    assert!(verifies(&key, &heard[0].body), "{heard:?}");
    assert!(opens(&key, &heard[1].body).contains("<out_refund_no>"));
}

#[tokio::test]
async fn section_8d_a_client_switches_to_the_older_sandbox_by_its_key_alone() {
    let shop = Shop::open().await;
    let sandbox = &shop.sandbox;
    let mchid = sandbox.mchid();
    let client = sandbox.client();
    let ask = client.chain("v2/sandboxnew/pay/getsignkey");
    let answer = ask.post(json!({ "mch_id": mchid })).await.unwrap();
    let key = answer.data().unwrap()["sandbox_signkey"].clone();
    let builder = sandbox.client_builder().secret(key.as_str().unwrap());
    let builder = builder.cert(sandbox.platform_serial(), sandbox.platform_public_key());
    let client = builder.build().unwrap();
    let number = nonce();
    let fields = json!({
        "appid": "wx8888888888888888", "mch_id": mchid, "body": "QQ公仔",
        "out_trade_no": number, "total_fee": 101, "spbill_create_ip": "127.0.0.1",
        "notify_url": ELSEWHERE, "trade_type": "NATIVE",
    });
    let place = client.chain("v2/sandboxnew/pay/unifiedorder").post(fields);
    let placed = place.await.unwrap();
    sandbox
        .pay(placed.data().unwrap()["code_url"].as_str().unwrap())
        .unwrap();
    let fields = json!({
        "appid": "wx8888888888888888", "mch_id": mchid, "out_trade_no": number,
    });
    let ask = client.chain("v2/sandboxnew/pay/orderquery").post(fields);
    let found = ask.await.unwrap();
    assert_eq!(found.data().unwrap()["trade_state"], "SUCCESS");
}
