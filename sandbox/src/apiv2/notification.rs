//! What APIv2 tells the merchant: a payment, signed, and a refund, encrypted.

use aws_lc_rs::cipher::{AES_256, PaddedBlockEncryptingKey, UnboundCipherKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};
use serde_json::Value;

use crate::answer::ALPHABET;
use crate::apiv2::pay;
use crate::apiv2::sign::{self, SignType};
use crate::clock::spaced;
use crate::keys::{self, random_text};
use crate::orders::{Number, Orders, RefundNumber};
use crate::xml::{self, Fields};

/// The account of a public sample.
const APPID: &str = "wx8888888888888888";

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// That a user paid: what is given, before what is known of an order of this `out_trade_no`.
pub(crate) fn payment(orders: &Orders, fields: &Value, now: i64) -> String {
    let out_trade_no = Number::OutTradeNo(text(fields, "out_trade_no"));
    let order = orders.find(keys::MCHID, out_trade_no, now);
    let appid = order.as_ref().map_or(APPID, |order| &order.draft.appid);
    let mut all = Fields::default()
        .with("return_code", "SUCCESS")
        .with("result_code", "SUCCESS")
        .with("appid", appid)
        .with("mch_id", keys::MCHID)
        .with("nonce_str", random_text(ALPHABET, 32));
    if let Some(order) = &order {
        all = pay::paid(all, order);
    }
    let all = all.given(fields);
    // A `sign` that is given stays, right or wrong.
    let all = match all.get("sign") {
        "" => {
            let sign_type = SignType::named(all.get("sign_type")).unwrap_or(SignType::Md5);
            let sign = sign_type.sign(&all);
            all.with("sign", sign)
        }
        _ => all,
    };
    xml::write("xml", &all)
}

/// That a refund ended: what is given, before what is known of a refund of this `out_refund_no`.
pub(crate) fn refund(orders: &Orders, info: &Value, now: i64) -> String {
    let number = RefundNumber::OutRefundNo(text(info, "out_refund_no"));
    let refunds = orders.refunds(keys::MCHID, number);
    let mut all = Fields::default();
    let mut appid = APPID.to_owned();
    if let Some(refund) = refunds.first() {
        let number = Number::OutTradeNo(&refund.out_trade_no);
        if let Some(order) = orders.find(keys::MCHID, number, now) {
            appid = order.draft.appid;
        }
        for (name, text) in [
            ("out_refund_no", refund.out_refund_no.clone()),
            ("out_trade_no", refund.out_trade_no.clone()),
            ("refund_account", "REFUND_SOURCE_RECHARGE_FUNDS".to_owned()),
            ("refund_fee", refund.amount.to_string()),
            ("refund_id", refund.refund_id.clone()),
            ("refund_recv_accout", "支付用户零钱".to_owned()),
            ("refund_request_source", "API".to_owned()),
            ("refund_status", "SUCCESS".to_owned()),
            ("settlement_refund_fee", refund.amount.to_string()),
            ("settlement_total_fee", refund.total.to_string()),
            ("success_time", spaced(refund.at)),
            ("total_fee", refund.total.to_string()),
            ("transaction_id", refund.transaction_id.clone()),
        ] {
            all.put(name, text);
        }
    }
    let info = xml::write("root", &all.given(info));
    let envelope = Fields::default()
        .with("return_code", "SUCCESS")
        .with("appid", appid)
        .with("mch_id", keys::MCHID)
        .with("nonce_str", random_text(ALPHABET, 32))
        .with("req_info", encrypt(&info));
    xml::write("xml", &envelope)
}

/// AES-256-ECB under the hexadecimal digits of the secret's MD5, in Base64.
///
/// It can't fail with a key of 32 bytes; when it does, the text is empty, which every client
/// refuses.
fn encrypt(text: &str) -> String {
    let digits = sign::hexadecimal(&Md5::digest(keys::SECRET)).to_lowercase();
    let mut text = text.as_bytes().to_vec();
    let done = UnboundCipherKey::new(&AES_256, digits.as_bytes())
        .and_then(PaddedBlockEncryptingKey::ecb_pkcs7)
        .and_then(|key| key.encrypt(&mut text));
    match done {
        Ok(_) => BASE64.encode(text),
        Err(_) => String::new(),
    }
}
