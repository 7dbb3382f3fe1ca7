//! APIv2, as a client with its own XML and its own signatures sees it.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{Request, StatusCode};
use http_body_util::Full;
use md5::{Digest as _, Md5};
use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use wechatpay_sandbox::{CannedAnswer, Misbehaviour, Sandbox};

use crate::client::{Answer, Connection, Way, good, nonce, send};

const REFUND: &str = "/secapi/pay/refund";
const ORDER: &str = "/pay/unifiedorder";

pub(crate) type Fields = BTreeMap<String, String>;

async fn plain() -> Sandbox {
    Sandbox::builder().plain().start().await.unwrap()
}

/// `name=text` pairs as fields.
fn fields(pairs: &[(&str, &str)]) -> Fields {
    let pairs = pairs.iter();
    pairs
        .map(|&(name, text)| (name.to_owned(), text.to_owned()))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// HMAC-SHA256 or MD5 over the fields.
fn sign(secret: &str, fields: &Fields, is_hmac: bool) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        if name != "sign" && !value.is_empty() {
            text += &format!("{name}={value}&");
        }
    }
    text += &format!("key={secret}");
    if is_hmac {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        hex(hmac::sign(&key, text.as_bytes()).as_ref())
    } else {
        hex(&Md5::digest(text))
    }
}

fn to_xml(fields: &Fields) -> String {
    let fields = fields.iter();
    let elements: String = fields
        .map(|(name, text)| format!("<{name}><![CDATA[{text}]]></{name}>"))
        .collect();
    format!("<xml>{elements}</xml>")
}

/// Reads what the gateway writes: every text in CDATA.
fn from_xml(xml: &str) -> Fields {
    let mut rest = xml.strip_prefix("<xml>").unwrap_or_else(|| panic!("{xml}"));
    let mut fields = Fields::new();
    while rest != "</xml>" {
        let (name, after) = rest.trim_start().split_once('>').unwrap();
        let name = name.strip_prefix('<').unwrap();
        let after = after.strip_prefix("<![CDATA[").unwrap();
        let (text, after) = after.split_once("]]>").unwrap();
        rest = after.strip_prefix(&format!("</{name}>")).unwrap();
        assert_eq!(fields.insert(name.to_owned(), text.to_owned()), None);
    }
    fields
}

fn body(answer: &Answer) -> Fields {
    assert_eq!(answer.header("Content-Type"), "text/xml; charset=utf-8");
    assert_eq!(answer.header("Wechatpay-Signature"), "");
    from_xml(std::str::from_utf8(&answer.body).unwrap())
}

/// What the merchant sends: the fields, its number, a nonce and a signature.
fn signed(sandbox: &Sandbox, pairs: &[(&str, &str)]) -> Fields {
    signed_with(sandbox, sandbox.secret(), pairs)
}

fn signed_with(sandbox: &Sandbox, key: &str, pairs: &[(&str, &str)]) -> Fields {
    let mut all = fields(pairs);
    all.entry("mch_id".to_owned())
        .or_insert_with(|| sandbox.mchid().to_owned());
    all.entry("nonce_str".to_owned()).or_insert_with(nonce);
    let is_hmac = all
        .get("sign_type")
        .is_some_and(|name| name == "HMAC-SHA256");
    let sign = sign(key, &all, is_hmac);
    all.insert("sign".to_owned(), sign);
    all
}

fn request(sandbox: &Sandbox, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(format!("http://{}{path}", sandbox.address()))
        .header("Host", sandbox.address().to_string())
        .header("Content-Type", "text/xml; charset=utf-8")
        .body(Full::new(body.into()))
        .unwrap()
}

async fn post(sandbox: &Sandbox, path: &str, body: impl Into<Bytes>) -> Answer {
    let request = request(sandbox, path, body);
    send(sandbox, Way::PlainHttp2, request).await.unwrap()
}

/// The verified answer to a signed request.
pub(crate) async fn call(sandbox: &Sandbox, path: &str, pairs: &[(&str, &str)]) -> Fields {
    call_with(sandbox, sandbox.secret(), path, pairs, "").await
}

/// The same with another key, and perhaps with a wish for trouble.
pub(crate) async fn call_with(
    sandbox: &Sandbox,
    key: &str,
    path: &str,
    pairs: &[(&str, &str)],
    trouble: &str,
) -> Fields {
    let fields = signed_with(sandbox, key, pairs);
    let is_hmac = fields["sign"].len() == 64;
    let mut request = request(sandbox, path, to_xml(&fields));
    if !trouble.is_empty() {
        let headers = request.headers_mut();
        headers.insert("Wechatpay-Negative-Test", trouble.parse().unwrap());
    }
    let answer = send(sandbox, Way::PlainHttp2, request).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert!(["state", "shape"].contains(&answer.header("Sandbox-Fidelity")));
    let body = body(&answer);
    let is_signed = !path.starts_with("/mmpaymkttransfers/") && !path.ends_with("/getsignkey");
    if body["return_code"] == "SUCCESS" && is_signed {
        assert_eq!(body["sign"], sign(key, &body, is_hmac), "{body:?}");
        assert_eq!(body["mch_id"], sandbox.mchid());
        assert_eq!(body["nonce_str"].len(), 32);
    }
    body
}

/// The status of the answer to such a request, and how far it is WeChat Pay's.
pub(crate) async fn status(
    sandbox: &Sandbox,
    key: &str,
    path: &str,
    pairs: &[(&str, &str)],
) -> (u16, String) {
    let fields = signed_with(sandbox, key, pairs);
    let answer = post(sandbox, path, to_xml(&fields)).await;
    let fidelity = answer.header("Sandbox-Fidelity");
    (answer.status.as_u16(), fidelity.to_owned())
}

/// Whether a notification of a payment is signed with this key.
pub(crate) fn verifies(key: &str, notice: &str) -> bool {
    let notice = from_xml(notice);
    notice["sign"] == sign(key, &notice, false)
}

/// What is encrypted with this key in a notification of a refund.
pub(crate) fn opens(key: &str, notice: &str) -> String {
    let digits = hex(&Md5::digest(key)).to_lowercase();
    let key = UnboundCipherKey::new(&AES_256, digits.as_bytes()).unwrap();
    let mut sealed = BASE64.decode(&from_xml(notice)["req_info"]).unwrap();
    let info = PaddedBlockDecryptingKey::ecb_pkcs7(key)
        .unwrap()
        .decrypt(&mut sealed, DecryptionContext::None)
        .unwrap();
    String::from_utf8(info.to_vec()).unwrap()
}

/// `SUCCESS`, or what is wrong, in one line.
pub(crate) fn said(body: &Fields) -> String {
    let get = |name: &str| body.get(name).map(String::as_str).unwrap_or_default();
    match (get("return_code"), get("result_code")) {
        ("SUCCESS", "SUCCESS") => "SUCCESS".to_owned(),
        ("SUCCESS", "FAIL") => format!("{} {}", get("err_code"), get("err_code_des")),
        _ => format!("FAIL {}", get("return_msg")),
    }
}

const GOODS: [(&str, &str); 6] = [
    ("appid", "wx8888888888888888"),
    ("body", "商品 <&>"),
    ("total_fee", "100"),
    ("spbill_create_ip", "127.0.0.1"),
    ("notify_url", "https://www.example.com/notify"),
    ("trade_type", "NATIVE"),
];

async fn order(sandbox: &Sandbox, out_trade_no: &str, more: &[(&str, &str)]) -> Fields {
    let mut pairs = [&GOODS[..], &[("out_trade_no", out_trade_no)]].concat();
    pairs.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    pairs.extend_from_slice(more);
    call(sandbox, ORDER, &pairs).await
}

async fn query(sandbox: &Sandbox, out_trade_no: &str) -> Fields {
    call(
        sandbox,
        "/pay/orderquery",
        &[("out_trade_no", out_trade_no)],
    )
    .await
}

async fn close(sandbox: &Sandbox, out_trade_no: &str) -> String {
    said(
        &call(
            sandbox,
            "/pay/closeorder",
            &[("out_trade_no", out_trade_no)],
        )
        .await,
    )
}

async fn refund(
    sandbox: &Sandbox,
    out_trade_no: &str,
    number: &str,
    total: &str,
    amount: &str,
) -> Fields {
    let pairs = [
        ("out_trade_no", out_trade_no),
        ("out_refund_no", number),
        ("total_fee", total),
        ("refund_fee", amount),
    ];
    call(sandbox, REFUND, &pairs).await
}

async fn micropay(sandbox: &Sandbox, out_trade_no: &str, auth_code: &str) -> Fields {
    let pairs = [
        ("appid", "wx8888888888888888"),
        ("body", "商品"),
        ("total_fee", "100"),
        ("spbill_create_ip", "127.0.0.1"),
        ("out_trade_no", out_trade_no),
        ("auth_code", auth_code),
    ];
    call(sandbox, "/pay/micropay", &pairs).await
}

async fn reverse(sandbox: &Sandbox, out_trade_no: &str) -> Fields {
    call(
        sandbox,
        "/secapi/pay/reverse",
        &[("out_trade_no", out_trade_no)],
    )
    .await
}

#[tokio::test]
async fn an_order_is_placed_paid_and_queried_with_either_signature() {
    let sandbox = plain().await;
    for (number, sign_type) in [("number-md5", "MD5"), ("number-hmac", "HMAC-SHA256")] {
        let kind = [("sign_type", sign_type), ("attach", "附加")];
        let placed = order(&sandbox, number, &kind).await;
        assert_eq!(said(&placed), "SUCCESS");
        assert_eq!(placed["appid"], "wx8888888888888888");
        assert_eq!(placed["trade_type"], "NATIVE");
        assert_eq!(placed["prepay_id"].len(), 36);
        assert!(placed["code_url"].starts_with("weixin://wxpay/bizpayurl?pr="));

        let open = query(&sandbox, number).await;
        assert_eq!(open["trade_state"], "NOTPAY");
        assert_eq!(open["trade_state_desc"], "订单未支付");
        assert!(!open.contains_key("transaction_id"));

        let transaction_id = sandbox.pay(number).unwrap();
        assert_eq!(transaction_id.len(), 28);
        assert!(transaction_id.starts_with("4200"));
        for asked in [
            ("out_trade_no", number),
            ("transaction_id", &*transaction_id),
        ] {
            let pairs = [asked, ("sign_type", sign_type)];
            let paid = call(&sandbox, "/pay/orderquery", &pairs).await;
            assert_eq!(paid["trade_state"], "SUCCESS");
            for (name, text) in [
                ("out_trade_no", number),
                ("transaction_id", &*transaction_id),
                ("total_fee", "100"),
                ("cash_fee", "100"),
                ("fee_type", "CNY"),
                ("attach", "附加"),
                ("trade_type", "NATIVE"),
            ] {
                assert_eq!(paid[name], text);
            }
            assert_eq!(paid["time_end"].len(), 14);
        }
    }
    assert!(sandbox.received().iter().all(|got| got.authenticated()));
}

#[tokio::test]
async fn each_trade_type_is_answered_in_its_own_way() {
    let sandbox = plain().await;
    let missing = order(&sandbox, "number-1", &[("trade_type", "JSAPI")]).await;
    assert_eq!(said(&missing), "FAIL JSAPI支付必须传openid");
    let jsapi = [("trade_type", "JSAPI"), ("openid", "oOpenid")];
    let jsapi = order(&sandbox, "number-1", &jsapi).await;
    assert!(!jsapi.contains_key("code_url"));
    let app = order(&sandbox, "number-2", &[("trade_type", "APP")]).await;
    assert_eq!(app["trade_type"], "APP");
    let h5 = order(&sandbox, "number-3", &[("trade_type", "MWEB")]).await;
    assert!(h5["mweb_url"].contains(&h5["prepay_id"]));
    let other = order(&sandbox, "number-4", &[("trade_type", "FACE")]).await;
    assert_eq!(said(&other), "FAIL invalid trade_type");
    sandbox.pay("number-1").unwrap();
    assert_eq!(query(&sandbox, "number-1").await["openid"], "oOpenid");
}

#[tokio::test]
async fn every_state_answers_every_call_as_production_does() {
    let sandbox = plain().await;
    for number in ["not-paid", "paid-1", "refunded", "closed"] {
        assert_eq!(said(&order(&sandbox, number, &[]).await), "SUCCESS");
    }
    sandbox.pay("paid-1").unwrap();
    sandbox.pay("refunded").unwrap();
    let first = refund(&sandbox, "refunded", "R1", "100", "100").await;
    assert_eq!(said(&first), "SUCCESS");
    assert_eq!(close(&sandbox, "closed").await, "SUCCESS");

    let unknown = "never-ordered";
    assert_eq!(
        said(&query(&sandbox, unknown).await),
        "ORDERNOTEXIST order not exist"
    );
    for (number, state, description) in [
        ("not-paid", "NOTPAY", "订单未支付"),
        ("paid-1", "SUCCESS", "支付成功"),
        ("refunded", "REFUND", "订单发生过退款，退款详情请查询退款单"),
        ("closed", "CLOSED", "订单已关闭"),
    ] {
        let answer = query(&sandbox, number).await;
        assert_eq!(answer["trade_state"], state);
        assert_eq!(answer["trade_state_desc"], description);
        let is_paid = ["SUCCESS", "REFUND"].contains(&state);
        assert_eq!(answer.contains_key("transaction_id"), is_paid);
    }

    for (number, expected) in [
        (unknown, "ORDERNOTEXIST 订单不存在"),
        ("not-paid", "ORDERNOTEXIST 订单不存在"),
        ("closed", "ERROR 订单已关闭"),
    ] {
        let answer = refund(&sandbox, number, "R2", "100", "100").await;
        assert_eq!(said(&answer), expected, "{number}");
    }
    let again = refund(&sandbox, "refunded", "R1", "100", "100").await;
    assert_eq!(again["refund_id"], first["refund_id"]);

    for number in [unknown, "not-paid", "paid-1", "closed"] {
        let pairs = [("out_trade_no", number)];
        let answer = call(&sandbox, "/pay/refundquery", &pairs).await;
        assert_eq!(said(&answer), "REFUNDNOTEXIST not exist", "{number}");
    }

    for (number, total_fee, expected) in [
        ("not-paid", "100", "SUCCESS"),
        ("not-paid", "101", "INVALID_REQUEST 201 商户订单号重复"),
        ("paid-1", "100", "ORDERPAID 该订单已支付"),
        ("refunded", "101", "ORDERPAID 该订单已支付"),
        ("closed", "100", "INVALID_REQUEST 201 商户订单号重复"),
    ] {
        let answer = order(&sandbox, number, &[("total_fee", total_fee)]).await;
        assert_eq!(said(&answer), expected, "{number}");
    }

    for (number, expected) in [
        (unknown, "SUCCESS"),
        ("not-paid", "SUCCESS"),
        ("paid-1", "ORDERPAID order paid"),
        ("refunded", "ORDERPAID order paid"),
        ("closed", "SUCCESS"),
    ] {
        assert_eq!(close(&sandbox, number).await, expected, "{number}");
    }
    // Closed before it was ever ordered: the number is burnt, and there still is no order.
    let burnt = order(&sandbox, unknown, &[]).await;
    assert_eq!(said(&burnt), "INVALID_REQUEST 201 商户订单号重复");
    assert_eq!(
        said(&query(&sandbox, unknown).await),
        "ORDERNOTEXIST order not exist"
    );
}

#[tokio::test]
async fn the_same_order_gets_a_new_prepay_id() {
    let sandbox = plain().await;
    let first = order(&sandbox, "number-1", &[]).await;
    let second = order(&sandbox, "number-1", &[("sign_type", "HMAC-SHA256")]).await;
    assert_eq!(said(&second), "SUCCESS");
    assert_ne!(first["prepay_id"], second["prepay_id"]);
}

#[tokio::test]
async fn refunds_are_partial_within_what_is_left_and_happen_once() {
    let sandbox = plain().await;
    order(&sandbox, "number-1", &[]).await;
    sandbox.pay("number-1").unwrap();
    let part = refund(&sandbox, "number-1", "R1", "100", "30").await;
    assert_eq!(part["refund_fee"], "30");
    assert_eq!(part["cash_refund_fee"], "30");
    assert_eq!(part["total_fee"], "100");
    assert_eq!(part["refund_channel"], "");
    assert_eq!(part["refund_id"].len(), 29);
    let mismatch = "REFUND_FEE_MISMATCH 订单金额或退款金额与之前请求不一致，请核实后再试";
    for (number, total, amount, expected) in [
        ("R1", "100", "30", "SUCCESS"),
        ("R1", "100", "31", mismatch),
        ("R2", "101", "30", mismatch),
        (
            "R2",
            "100",
            "71",
            "INVALID_REQUEST 申请退款金额超过订单可退金额",
        ),
        ("R2", "100", "0", "FAIL invalid refund_fee"),
        ("R2", "100", "-1", "FAIL invalid refund_fee"),
        ("R2", "100", "1.0", "FAIL invalid refund_fee"),
        ("R2", "100", "", "FAIL 缺少参数"),
        ("R#", "100", "1", "FAIL invalid out_refund_no"),
        ("R2", "100", "70", "SUCCESS"),
        ("R2", "100", "70", "SUCCESS"),
        ("R3", "100", "1", "INVALID_REQUEST 订单已全额退款"),
    ] {
        let answer = refund(&sandbox, "number-1", number, total, amount).await;
        assert_eq!(said(&answer), expected, "{number} {total} {amount}");
    }
    let all = call(
        &sandbox,
        "/pay/refundquery",
        &[("out_trade_no", "number-1")],
    )
    .await;
    assert_eq!(all["refund_count"], "2");
    assert_eq!(all["refund_fee"], "100");
    assert_eq!(all["out_refund_no_0"], "R1");
    assert_eq!(all["refund_fee_1"], "70");
    assert_eq!(all["refund_status_1"], "SUCCESS");
    assert_eq!(all["refund_success_time_1"].len(), 19);
    for asked in [("out_refund_no", "R1"), ("refund_id", &*part["refund_id"])] {
        let one = call(&sandbox, "/pay/refundquery", &[asked]).await;
        assert_eq!(one["refund_count"], "1");
        assert_eq!(one["refund_id_0"], part["refund_id"]);
    }
    let pairs = [("out_trade_no", "number-1"), ("offset", "1")];
    let rest = call(&sandbox, "/pay/refundquery", &pairs).await;
    assert_eq!(rest["total_refund_count"], "2");
    assert_eq!(rest["out_refund_no_0"], "R2");
}

#[tokio::test]
async fn the_51st_refund_of_an_order_is_refused() {
    let sandbox = plain().await;
    order(&sandbox, "number-1", &[]).await;
    sandbox.pay("number-1").unwrap();
    for number in 0..50 {
        let answer = refund(&sandbox, "number-1", &format!("R{number}"), "100", "1").await;
        assert_eq!(said(&answer), "SUCCESS");
    }
    let answer = refund(&sandbox, "number-1", "R50", "100", "1").await;
    assert_eq!(said(&answer), "INVALID_REQUEST 该订单退款次数已达上限");
    let all = call(
        &sandbox,
        "/pay/refundquery",
        &[("out_trade_no", "number-1")],
    )
    .await;
    assert_eq!(all["refund_count"], "20");
}

#[tokio::test]
async fn a_code_is_paid_at_once_and_can_be_reversed() {
    let sandbox = plain().await;
    let code = "130000000000000001";
    let paid = micropay(&sandbox, "number-1", code).await;
    assert_eq!(said(&paid), "SUCCESS");
    assert_eq!(paid["trade_type"], "MICROPAY");
    assert!(!paid.contains_key("trade_state"));
    for (number, code, expected) in [
        ("number-1", code, "ORDERPAID 该订单已支付"),
        (
            "number-2",
            code,
            "AUTH_CODE_ERROR 每个二维码仅限使用一次，请刷新再试",
        ),
        (
            "number-2",
            "280000000000000001",
            "AUTH_CODE_INVALID 请扫描微信支付被扫条码/二维码",
        ),
        (
            "number-2",
            "13000000000000000",
            "AUTH_CODE_INVALID 请扫描微信支付被扫条码/二维码",
        ),
        ("number-2", "", "FAIL 缺少参数"),
    ] {
        let answer = micropay(&sandbox, number, code).await;
        assert_eq!(said(&answer), expected);
    }
    let closed = close(&sandbox, "number-1").await;
    assert_eq!(closed, "ORDERPAID order paid");
    let reversed = reverse(&sandbox, "number-1").await;
    assert_eq!(said(&reversed), "SUCCESS");
    assert_eq!(reversed["recall"], "N");
    assert_eq!(said(&reverse(&sandbox, "number-1").await), "SUCCESS");
    assert_eq!(query(&sandbox, "number-1").await["trade_state"], "REVOKED");
    let again = micropay(&sandbox, "number-1", "130000000000000002").await;
    assert_eq!(said(&again), "ORDERREVERSED 订单已撤销");
    let refunded = refund(&sandbox, "number-1", "R1", "100", "1").await;
    assert_eq!(said(&refunded), "ERROR 订单已撤销");

    order(&sandbox, "number-3", &[]).await;
    for (number, expected) in [
        ("number-3", "INVALID_REQUEST 该订单不支持撤销"),
        ("number-4", "ORDERNOTEXIST 订单不存在"),
    ] {
        assert_eq!(said(&reverse(&sandbox, number).await), expected);
    }
}

#[tokio::test]
async fn a_code_may_need_a_password_or_fail_when_the_test_says_so() {
    let sandbox = plain().await;
    let number = "SANDBOX_USERPAYING_1";
    for _ in 0..2 {
        let waiting = micropay(&sandbox, number, "130000000000000001").await;
        assert_eq!(said(&waiting), "USERPAYING 需要用户输入支付密码");
    }
    assert_eq!(query(&sandbox, number).await["trade_state"], "USERPAYING");
    let closed = close(&sandbox, number).await;
    assert_eq!(
        closed,
        "INVALID_REQUEST 当前交易不允许进行普通关单(只能撤销)"
    );
    sandbox.pay(number).unwrap();
    assert_eq!(query(&sandbox, number).await["trade_state"], "SUCCESS");

    let failing = signed(
        &sandbox,
        &[
            ("appid", "wx8888888888888888"),
            ("body", "商品"),
            ("total_fee", "100"),
            ("spbill_create_ip", "127.0.0.1"),
            ("out_trade_no", "number-1"),
            ("auth_code", "130000000000000002"),
        ],
    );
    let mut request = request(&sandbox, "/pay/micropay", to_xml(&failing));
    let code = "MICROPAY_PAYERROR".parse().unwrap();
    request
        .headers_mut()
        .insert("Wechatpay-Negative-Test", code);
    let answer = send(&sandbox, Way::PlainHttp1, request).await.unwrap();
    assert_eq!(said(&body(&answer)), "TRADE_ERROR 交易错误");
    assert_eq!(query(&sandbox, "number-1").await["trade_state"], "PAYERROR");
    let error = sandbox.pay("number-1").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(said(&reverse(&sandbox, "number-1").await), "SUCCESS");
}

#[tokio::test]
async fn paying_says_why_it_can_not() {
    let sandbox = plain().await;
    let error = sandbox.pay("number-1").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        "the order \"number-1\" was not paid: there is no such order"
    );
    order(&sandbox, "number-1", &[]).await;
    sandbox.pay("number-1").unwrap();
    let error = sandbox.pay("number-1").unwrap_err();
    assert!(error.to_string().contains("该订单已支付"), "{error}");
    order(&sandbox, "number-2", &[]).await;
    close(&sandbox, "number-2").await;
    let error = sandbox.pay("number-2").unwrap_err();
    assert!(error.to_string().contains("该订单已失效"), "{error}");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_as_such_is_said_unsigned() {
    let sandbox = plain().await;
    let good = signed(&sandbox, &[("out_trade_no", "number-1")]);
    let change = |name: &str, text: &str| {
        let mut changed = good.clone();
        changed.insert(name.to_owned(), text.to_owned());
        to_xml(&changed)
    };
    let again = |pairs: &[(&str, &str)]| to_xml(&signed(&sandbox, pairs));
    let long = "n".repeat(33);
    for (body_sent, expected) in [
        (String::new(), "post数据为空"),
        ("{}".to_owned(), "XML格式错误"),
        (
            to_xml(&good).replace("<xml>", "<!DOCTYPE xml><xml>"),
            "XML格式错误",
        ),
        (change("out_trade_no", "number-2"), "签名错误"),
        (change("sign", ""), "缺少参数"),
        (change("sign", &good["sign"].to_lowercase()), "签名错误"),
        (change("mch_id", ""), "mch_id参数格式错误"),
        (change("mch_id", "abc"), "mch_id参数格式错误"),
        (
            again(&[("mch_id", "1900000108")]),
            "商户号mch_id或sub_mch_id不存在",
        ),
        (again(&[("nonce_str", "")]), "缺少参数"),
        (again(&[("nonce_str", &long)]), "nonce_str参数格式错误"),
        (again(&[("sign_type", "RSA")]), "sign_type参数格式错误"),
        (again(&[]), "缺少参数"),
    ] {
        let answer = post(&sandbox, "/pay/orderquery", body_sent.clone()).await;
        assert_eq!(answer.status, StatusCode::OK);
        let said = fields(&[("return_code", "FAIL"), ("return_msg", expected)]);
        assert_eq!(body(&answer), said, "{body_sent}");
    }
    let received = sandbox.received();
    let (last, others) = received.split_last().unwrap();
    assert!(last.authenticated());
    assert!(others.iter().all(|got| !got.authenticated()));
    let answer = post(&sandbox, "/pay/orderquery", &b"<xml><a>\xff</a></xml>"[..]).await;
    assert_eq!(said(&body(&answer)), "FAIL 编码格式错误");
    let mut get = request(&sandbox, "/pay/orderquery", "");
    *get.method_mut() = http::Method::GET;
    let answer = send(&sandbox, Way::PlainHttp1, get).await.unwrap();
    assert_eq!(said(&body(&answer)), "FAIL 请使用post方法");
    let answer = post(&sandbox, "/pay/orderquery", vec![b'x'; 2 * 1024 * 1024 + 1]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn an_order_needs_its_fields() {
    let sandbox = plain().await;
    for (name, _) in GOODS {
        let answer = order(&sandbox, "number-1", &[(name, "")]).await;
        assert_eq!(said(&answer), "FAIL 缺少参数", "{name}");
    }
    for (name, text) in [
        ("total_fee", "0"),
        ("total_fee", "1.5"),
        ("total_fee", "99999999999999999999"),
        ("time_expire", "2018-06-08"),
        ("out_trade_no", "short"),
        ("out_trade_no", "中文中文"),
    ] {
        let answer = order(&sandbox, "number-1", &[(name, text)]).await;
        assert_eq!(said(&answer), format!("FAIL invalid {name}"));
    }
}

#[tokio::test]
async fn money_moves_only_with_the_merchants_certificate() {
    for way in [Way::TlsHttp1, Way::TlsHttp2] {
        let sandbox = way.start().await;
        let merchant = (
            sandbox.merchant_certificate(),
            sandbox.merchant_private_key(),
        );
        let key = KeyPair::generate().unwrap();
        let other = CertificateParams::new(vec![sandbox.mchid().to_owned()]).unwrap();
        let other = (other.self_signed(&key).unwrap().pem(), key.serialize_pem());
        let rows = [
            (None, "400 No required SSL certificate was sent"),
            (
                Some((&*other.0, &*other.1)),
                "400 The SSL certificate error",
            ),
            (Some(merchant), ""),
        ];
        for (identity, title) in rows {
            let mut connection = Connection::open_as(&sandbox, way, identity).await.unwrap();
            for path in [
                REFUND,
                "/secapi/pay/reverse",
                "/mmpaymkttransfers/sendredpack",
            ] {
                let xml = to_xml(&signed(&sandbox, &[("out_trade_no", "number-1")]));
                let mut request = request(&sandbox, path, xml);
                if !way.is_http2() {
                    *request.uri_mut() = path.parse().unwrap();
                }
                let answer = connection.send(request).await.unwrap();
                let received = sandbox.received();
                let received = received.last().unwrap();
                let sent = identity.is_some();
                assert_eq!(received.client_certificate().is_some(), sent);
                if title.is_empty() {
                    assert_eq!(answer.status, StatusCode::OK);
                    assert!(received.authenticated());
                } else {
                    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
                    assert_eq!(answer.header("Content-Type"), "text/html");
                    let page = std::str::from_utf8(&answer.body).unwrap();
                    assert!(page.contains(&format!("<title>{title}</title>")), "{page}");
                    assert!(!received.authenticated());
                }
            }
            // Where it is not needed, any will do, and none.
            let xml = to_xml(&signed(&sandbox, &[("out_trade_no", "number-1")]));
            let mut request = request(&sandbox, "/pay/orderquery", xml);
            if !way.is_http2() {
                *request.uri_mut() = "/pay/orderquery".parse().unwrap();
            }
            let answer = connection.send(request).await.unwrap();
            assert_eq!(said(&body(&answer)), "ORDERNOTEXIST order not exist");
        }
    }
}

#[tokio::test]
async fn a_gateway_may_have_no_connection_without_a_certificate() {
    let builder = Sandbox::builder().certificate_only();
    let sandbox = builder.start().await.unwrap();
    for way in [Way::TlsHttp1, Way::TlsHttp2] {
        let merchant = (
            sandbox.merchant_certificate(),
            sandbox.merchant_private_key(),
        );
        for (identity, works) in [(None, false), (Some(merchant), true)] {
            let request = good(&sandbox);
            let sent = async {
                let mut connection = Connection::open_as(&sandbox, way, identity).await?;
                connection.send(request).await
            };
            assert_eq!(sent.await.is_ok(), works, "{way:?}");
        }
    }
    let received = sandbox.received();
    assert_eq!(received.len(), 2);
    assert!(
        received
            .iter()
            .all(|got| got.client_certificate().is_some())
    );
}

#[tokio::test]
async fn a_red_packet_is_sent_once_and_answered_unsigned() {
    let sandbox = plain().await;
    let packet = [
        ("mch_billno", "10000098201411111234567890"),
        ("wxappid", "wx8888888888888888"),
        ("send_name", "天虹百货"),
        ("re_openid", "oOpenid"),
        ("total_amount", "1000"),
        ("total_num", "1"),
        ("wishing", "祝你好运"),
        ("client_ip", "127.0.0.1"),
        ("act_name", "活动"),
        ("remark", "备注"),
    ];
    let path = "/mmpaymkttransfers/sendredpack";
    let sent = call(&sandbox, path, &packet).await;
    assert_eq!(said(&sent), "SUCCESS");
    assert!(!sent.contains_key("sign"));
    assert_eq!(sent["err_code"], "SUCCESS");
    assert_eq!(sent["total_amount"], "1000");
    let again = call(&sandbox, path, &packet).await;
    assert_eq!(again["send_listid"], sent["send_listid"]);
    for (name, text, expected) in [
        (
            "re_openid",
            "oOther",
            "FATAL_ERROR openid和原始单参数不一致",
        ),
        ("total_amount", "99", "MONEY_LIMIT 红包金额发放限制"),
        ("wishing", "", "PARAM_ERROR 参数错误:wishing字段必填"),
        ("total_num", "2", "PARAM_ERROR 参数错误:total_num必须为1"),
    ] {
        let changed =
            packet.map(|(known, value)| (known, if known == name { text } else { value }));
        assert_eq!(said(&call(&sandbox, path, &changed).await), expected);
    }
    let path = "/mmpaymkttransfers/gethbinfo";
    let ask = |number| {
        [
            ("mch_billno", number),
            ("appid", "wx8888888888888888"),
            ("bill_type", "MCHT"),
        ]
    };
    let known = call(&sandbox, path, &ask("10000098201411111234567890")).await;
    assert_eq!(known["status"], "SENT");
    assert_eq!(known["detail_id"], sent["send_listid"]);
    assert_eq!(known["total_amount"], "1000");
    let unknown = call(&sandbox, path, &ask("1")).await;
    assert_eq!(said(&unknown), "NOT_FOUND 指定单号数据不存在");
}

#[tokio::test]
async fn a_bill_is_text_or_a_zipped_file_and_an_error_is_xml() {
    let sandbox = plain().await;
    let path = "/pay/downloadbill";
    let ask = |tar_type| {
        let pairs = [
            ("appid", "wx1"),
            ("bill_date", "20180608"),
            ("tar_type", tar_type),
        ];
        to_xml(&signed(&sandbox, &pairs))
    };
    let text = post(&sandbox, path, ask("")).await;
    assert_eq!(text.header("Content-Type"), "text/plain; charset=utf-8");
    let bill = std::str::from_utf8(&text.body).unwrap();
    assert!(bill.starts_with("\u{feff}交易时间,"));
    assert!(bill.contains("\r\n`2018-06-08 10:34:56,`"));
    assert!(bill.ends_with("`1.00,`0.50\r\n"));
    let zipped = post(&sandbox, path, ask("GZIP")).await;
    assert_eq!(zipped.header("Content-Type"), "application/x-gzip");
    assert_eq!(zipped.header("Content-Encoding"), "");
    let mut unzipped = String::new();
    GzDecoder::new(&zipped.body[..])
        .read_to_string(&mut unzipped)
        .unwrap();
    assert_eq!(unzipped, bill);
    let pairs = [("appid", "wx1"), ("bill_date", "2018-06-08")];
    let error = call(&sandbox, path, &pairs).await;
    assert_eq!(said(&error), "FAIL invalid bill_date");
    assert_eq!(error["error_code"], "20001");
}

#[tokio::test]
async fn an_endpoint_that_nobody_answers_says_so_and_can_be_given_an_answer() {
    let sandbox = plain().await;
    let path = "/mmpaymkttransfers/promotion/transfers";
    let pairs = [("mchid", sandbox.mchid()), ("mch_id", "")];
    let xml = || to_xml(&signed(&sandbox, &pairs));
    let answer = post(&sandbox, path, xml()).await;
    assert_eq!(answer.status, StatusCode::NOT_IMPLEMENTED);
    assert!(body(&answer)["return_msg"].contains(path));
    sandbox.answer_with(
        "POST",
        path,
        CannedAnswer::new(200).body("<xml><a>1</a></xml>"),
    );
    let answer = post(&sandbox, path, xml()).await;
    assert_eq!(&answer.body[..], b"<xml><a>1</a></xml>");
    assert_eq!(answer.header("Wechatpay-Signature"), "");
    let wrong = xml().replace("<sign><![CDATA[", "<sign><![CDATA[0");
    assert_eq!(
        said(&body(&post(&sandbox, path, wrong).await)),
        "FAIL 签名错误"
    );

    let fields_given = json!({ "return_code": "SUCCESS", "result_code": "SUCCESS", "amount": 1 });
    let answer = CannedAnswer::xml(200, &fields_given);
    sandbox.answer_with("POST", path, answer.clone());
    let given = body(&post(&sandbox, path, xml()).await);
    assert_eq!(given["amount"], "1");
    assert_eq!(given["sign"], sign(sandbox.secret(), &given, false));
    sandbox.answer_with("POST", path, answer.unsigned());
    let given = body(&post(&sandbox, path, xml()).await);
    assert!(!given.contains_key("sign"));

    // A GET is signed over its query.
    sandbox.answer_with(
        "GET",
        "/papay/entrustweb",
        CannedAnswer::new(200).body("page"),
    );
    let mut all = fields(&[
        ("mch_id", sandbox.mchid()),
        ("contract_display_account", "微 信+"),
    ]);
    all.insert("sign".to_owned(), sign(sandbox.secret(), &all, false));
    let target = format!(
        "/papay/entrustweb?mch_id={}&contract_display_account=%E5%BE%AE+%e4%bf%a1%2B&sign={}",
        all["mch_id"], all["sign"]
    );
    let mut get = request(&sandbox, &target, "");
    *get.method_mut() = http::Method::GET;
    let answer = send(&sandbox, Way::PlainHttp2, get).await.unwrap();
    assert_eq!(&answer.body[..], b"page");
}

#[tokio::test]
async fn misbehaviour_knows_apiv2() {
    let sandbox = plain().await;
    order(&sandbox, "number-1", &[]).await;
    let xml = || to_xml(&signed(&sandbox, &[("out_trade_no", "number-1")]));
    let path = "/pay/orderquery";
    let verifies = |answer: &Answer| {
        let body = body(answer);
        body.get("sign")
            .is_some_and(|text| *text == sign(sandbox.secret(), &body, false))
    };
    assert!(verifies(&post(&sandbox, path, xml()).await));
    for misbehaviour in [
        Misbehaviour::Unsigned,
        Misbehaviour::SignatureAltered,
        Misbehaviour::BodyAltered,
    ] {
        sandbox.misbehave(misbehaviour);
        assert!(!verifies(&post(&sandbox, path, xml()).await));
    }
    sandbox.misbehave(Misbehaviour::status(200, "SYSTEMERROR", "系统错误"));
    let answer = post(&sandbox, path, xml()).await;
    assert!(verifies(&answer));
    assert_eq!(said(&body(&answer)), "SYSTEMERROR 系统错误");
    sandbox.misbehave(Misbehaviour::html(502));
    let answer = post(&sandbox, path, xml()).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn a_payment_is_notified_signed_and_a_refund_encrypted() {
    let sandbox = plain().await;
    let xml = |body: &[u8]| from_xml(std::str::from_utf8(body).unwrap());
    for (sign_type, length) in [("MD5", 32), ("HMAC-SHA256", 64)] {
        let given = json!({ "out_trade_no": "number-0", "total_fee": 1, "appid": null, "sign_type": sign_type });
        let notice = sandbox.notification_v2(&given);
        assert_eq!(
            notice.headers(),
            [("Content-Type".to_owned(), "text/xml".to_owned())]
        );
        let notice = xml(notice.body());
        assert_eq!(notice["sign"].len(), length);
        assert_eq!(
            notice["sign"],
            sign(sandbox.secret(), &notice, length == 64)
        );
        assert_eq!(notice["total_fee"], "1");
        assert_eq!(notice["mch_id"], sandbox.mchid());
        assert!(!notice.contains_key("appid"));
    }
    let forged = sandbox.notification_v2(&json!({ "sign": "0" }));
    assert_eq!(xml(forged.body())["sign"], "0");

    order(&sandbox, "number-1", &[("attach", "附加")]).await;
    let transaction_id = sandbox.pay("number-1").unwrap();
    let notice = xml(sandbox
        .notification_v2(&json!({ "out_trade_no": "number-1" }))
        .body());
    assert_eq!(notice["sign"], sign(sandbox.secret(), &notice, false));
    assert_eq!(notice["transaction_id"], transaction_id);
    assert_eq!(notice["total_fee"], "100");
    assert_eq!(notice["attach"], "附加");

    let refunded = refund(&sandbox, "number-1", "R1", "100", "40").await;
    let given = json!({ "out_refund_no": "R1", "refund_status": "CHANGE" });
    let notice = sandbox.refund_notification_v2(&given);
    let notice = std::str::from_utf8(notice.body()).unwrap();
    assert!(!from_xml(notice).contains_key("sign"));
    let info = opens(sandbox.secret(), notice);
    let info = info.replace("<root>", "<xml>").replace("</root>", "</xml>");
    let info = from_xml(&info);
    assert_eq!(info["refund_id"], refunded["refund_id"]);
    assert_eq!(info["settlement_refund_fee"], "40");
    assert_eq!(info["refund_status"], "CHANGE");
}
