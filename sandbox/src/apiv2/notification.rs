//! What APIv2 tells the merchant: a payment, signed, and a refund, encrypted.

use aws_lc_rs::cipher::{AES_256, PaddedBlockEncryptingKey, UnboundCipherKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};
use serde_json::Value;

use crate::answer::ALPHABET;
use crate::apiv2::pay;
use crate::apiv2::sign::{self, SignType};
use crate::apiv2::trial;
use crate::clock::spaced;
use crate::keys::Keys;
use crate::orders::{Number, Order, Orders, Refund, RefundNumber, RefundState};
use crate::random::Random;
use crate::xml::{self, Fields};

/// The account of a public sample.
const APPID: &str = "wx8888888888888888";

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Whom a notification is made for, with which keys and which random texts.
#[derive(Clone, Copy)]
pub(crate) struct To<'a> {
    pub(crate) keys: &'a Keys,
    pub(crate) orders: &'a Orders,
    pub(crate) merchant: &'a str,
    pub(crate) random: &'a Random,
}

/// That a user paid: what is given, before what is known of an order of this `out_trade_no`.
pub(crate) fn payment(to: To<'_>, fields: &Value, now: i64) -> String {
    let out_trade_no = Number::OutTradeNo(text(fields, "out_trade_no"));
    let order = to.orders.find(to.merchant, out_trade_no, now);
    let all = paid(to.merchant, order.as_ref(), to.random);
    signed(all.given(fields), key_of(to.keys, order.as_ref()))
}

/// What is signed and encrypted with for this order.
fn key_of<'a>(keys: &'a Keys, order: Option<&Order>) -> &'a str {
    let is_trial = order.is_some_and(|order| order.draft.terms.is_trial);
    if is_trial { trial::KEY } else { &keys.secret }
}

/// That the user paid this order.
pub(crate) fn of_order(keys: &Keys, merchant: &str, order: &Order, random: &Random) -> String {
    let all = paid(merchant, Some(order), random);
    let key = key_of(keys, Some(order));
    match order.draft.terms.sign_type {
        "" => signed(all, key),
        sign_type => signed(all.with("sign_type", sign_type), key),
    }
}

fn paid(merchant: &str, order: Option<&Order>, random: &Random) -> Fields {
    let appid = order.map_or(APPID, |order| &order.draft.appid);
    let all = Fields::default()
        .with("return_code", "SUCCESS")
        .with("result_code", "SUCCESS")
        .with("appid", appid)
        .with("mch_id", merchant)
        .with("nonce_str", random.text(ALPHABET, 32));
    match order {
        Some(order) => pay::paid(all, order),
        None => all,
    }
}

fn signed(all: Fields, key: &str) -> String {
    // A `sign` that is given stays, right or wrong.
    let all = match all.get("sign") {
        "" => {
            let sign_type = SignType::named(all.get("sign_type")).unwrap_or(SignType::Md5);
            let sign = sign_type.sign(&all, key);
            all.with("sign", sign)
        }
        _ => all,
    };
    xml::write("xml", &all)
}

/// That a refund ended: what is given, before what is known of a refund of this `out_refund_no`.
pub(crate) fn refund(to: To<'_>, info: &Value, now: i64) -> String {
    let number = RefundNumber::OutRefundNo(text(info, "out_refund_no"));
    let refunds = to.orders.refunds(to.merchant, number);
    let mut all = Fields::default();
    let mut order = None;
    if let Some(refund) = refunds.first() {
        let number = Number::OutTradeNo(&refund.out_trade_no);
        order = to.orders.find(to.merchant, number, now);
        all = ended(refund);
    }
    enveloped(to, order.as_ref(), &all.given(info))
}

/// That this refund ended.
pub(crate) fn of_refund(to: To<'_>, refund: &Refund, now: i64) -> String {
    let number = Number::OutTradeNo(&refund.out_trade_no);
    let order = to.orders.find(to.merchant, number, now);
    enveloped(to, order.as_ref(), &ended(refund))
}

/// `refund_status`.
pub(super) fn status(refund: &Refund) -> &'static str {
    match refund.state {
        RefundState::Processing => "PROCESSING",
        RefundState::Success => "SUCCESS",
        RefundState::Closed => "REFUNDCLOSE",
        RefundState::Abnormal => "CHANGE",
    }
}

fn ended(refund: &Refund) -> Fields {
    let mut all = Fields::default();
    for (name, text) in [
        ("out_refund_no", refund.out_refund_no.clone()),
        ("out_trade_no", refund.out_trade_no.clone()),
        ("refund_account", "REFUND_SOURCE_RECHARGE_FUNDS".to_owned()),
        ("refund_fee", refund.amount.to_string()),
        ("refund_id", refund.refund_id.clone()),
        ("refund_recv_accout", "支付用户零钱".to_owned()),
        ("refund_request_source", "API".to_owned()),
        ("refund_status", status(refund).to_owned()),
        (
            "settlement_refund_fee",
            refund.shares().settlement.to_string(),
        ),
        (
            "settlement_total_fee",
            refund.order_shares().settlement.to_string(),
        ),
        ("success_time", spaced(refund.at)),
        ("total_fee", refund.total.to_string()),
        ("transaction_id", refund.transaction_id.clone()),
    ] {
        all.put(name, text);
    }
    all
}

fn enveloped(to: To<'_>, order: Option<&Order>, info: &Fields) -> String {
    let info = xml::write("root", info);
    let appid = order.map_or(APPID, |order| &order.draft.appid);
    let envelope = Fields::default()
        .with("return_code", "SUCCESS")
        .with("appid", appid)
        .with("mch_id", to.merchant)
        .with("nonce_str", to.random.text(ALPHABET, 32))
        .with("req_info", encrypt(&info, key_of(to.keys, order)));
    xml::write("xml", &envelope)
}

/// AES-256-ECB under the hexadecimal digits of the key's MD5, in Base64.
///
/// It can't fail with a key of 32 bytes; when it does, the text is empty, which every client
/// refuses.
fn encrypt(text: &str, key: &str) -> String {
    let digits = sign::hexadecimal(&Md5::digest(key)).to_lowercase();
    let mut text = text.as_bytes().to_vec();
    let done = UnboundCipherKey::new(&AES_256, digits.as_bytes())
        .and_then(PaddedBlockEncryptingKey::ecb_pkcs7)
        .and_then(|key| key.encrypt(&mut text));
    match done {
        Ok(_) => BASE64.encode(text),
        Err(_) => String::new(),
    }
}
