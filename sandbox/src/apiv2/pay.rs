//! Orders, payments by code and refunds.

use crate::apiv2::notification::status;
use crate::apiv2::trial::World;
use crate::apiv2::{Call, Said};
use crate::clock::{compact, from_compact, spaced};
use crate::codepay::{is_auth_code, outcome};
use crate::fields::is_number;
use crate::notifier::Notifier;
use crate::orders::{
    Draft, NotCharged, NotClosed, NotPlaced, NotRefunded, NotReversed, Number, Order, Orders,
    RefundDraft, RefundNumber, Terms, TradeState, TradeType, Version,
};
use crate::payments::{code_url, h5_url};
use crate::received::Received;
use crate::trouble::refund_end;
use crate::voucher;
use crate::xml::Fields;

/// How many refunds one answer holds.
const REFUNDS_IN_ANSWER: usize = 20;

/// Refuses a request in which one of these fields is missing.
fn needs(call: &Call, names: &[&str]) -> Result<(), Said> {
    if names.iter().any(|name| call.get(name).is_empty()) {
        return Err(missing());
    }
    Ok(())
}

fn missing() -> Said {
    Said::Wrong("缺少参数".to_owned())
}

fn invalid(name: &str) -> Said {
    Said::Wrong(format!("invalid {name}"))
}

/// An amount of at least one fen: digits only.
fn fee(call: &Call, name: &str) -> Result<u64, Said> {
    let text = call.get(name);
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(name));
    }
    let fee = text.parse().ok().filter(|&fee| fee > 0);
    fee.ok_or_else(|| invalid(name))
}

fn is_out_trade_no(text: &str) -> bool {
    is_number(text, 6, 32, b"_-|*")
}

/// The order that is meant: `transaction_id` comes first when both are there.
fn number(call: &Call) -> Result<Number<'_>, Said> {
    match (call.get("transaction_id"), call.get("out_trade_no")) {
        ("", "") => Err(missing()),
        ("", out_trade_no) => Ok(Number::OutTradeNo(out_trade_no)),
        (transaction_id, _) => Ok(Number::TransactionId(transaction_id)),
    }
}

/// The user, also one of a partner's merchant.
fn openid(call: &Call) -> &str {
    match call.get("openid") {
        "" => call.get("sub_openid"),
        openid => openid,
    }
}

/// What both ways to order have in common.
fn draft(call: &Call, trade_type: TradeType) -> Result<Draft, Said> {
    let out_trade_no = call.get("out_trade_no");
    if !is_out_trade_no(out_trade_no) {
        return Err(invalid("out_trade_no"));
    }
    let time_expire = match call.get("time_expire") {
        "" => None,
        text => Some(from_compact(text).ok_or_else(|| invalid("time_expire"))?),
    };
    let mut parameters: Vec<String> = call
        .fields
        .pairs()
        .filter(|(name, _)| !["nonce_str", "sign", "sign_type"].contains(name))
        .map(|(name, text)| format!("{name}={text}"))
        .collect();
    parameters.sort_unstable();
    Ok(Draft {
        out_trade_no: out_trade_no.to_owned(),
        appid: call.get("appid").to_owned(),
        trade_type,
        total: fee(call, "total_fee")?,
        openid: openid(call).to_owned(),
        attach: call.get("attach").to_owned(),
        time_expire,
        parameters: parameters.join("\n"),
        terms: Terms {
            version: Version::Apiv2,
            notify_url: call.get("notify_url").to_owned(),
            sub_mchid: call.get("sub_mch_id").to_owned(),
            sub_appid: call.get("sub_appid").to_owned(),
            sub_openid: call.get("sub_openid").to_owned(),
            device_id: call.get("device_info").to_owned(),
            sign_type: call.sign_type.name(),
            is_trial: call.is_trial(),
        },
    })
}

pub(super) fn unified_order(call: &Call, orders: &Orders, now: i64) -> Result<Fields, Said> {
    let needed = [
        "appid",
        "body",
        "out_trade_no",
        "total_fee",
        "spbill_create_ip",
        "notify_url",
        "trade_type",
    ];
    needs(call, &needed)?;
    let trade_type = match call.get("trade_type") {
        "JSAPI" => TradeType::Jsapi,
        "NATIVE" => TradeType::Native,
        "APP" => TradeType::App,
        "MWEB" => TradeType::H5,
        _ => return Err(invalid("trade_type")),
    };
    if trade_type == TradeType::Jsapi && openid(call).is_empty() {
        return Err(Said::Wrong("JSAPI支付必须传openid".to_owned()));
    }
    let draft = draft(call, trade_type)?;
    Ok(match orders.place(call.merchant(), draft, now) {
        Ok(order) => prepaid(call, &order),
        Err(NotPlaced::TooFast) => call.refuse("FREQUENCY_LIMITED", "频率超限"),
        Err(NotPlaced::Paid) => call.refuse("ORDERPAID", "该订单已支付"),
        Err(NotPlaced::Different | NotPlaced::Closed | NotPlaced::Burnt) => {
            call.refuse("INVALID_REQUEST", "201 商户订单号重复")
        }
        Err(NotPlaced::Expired) => {
            let fields = call.refuse("INVALID_REQUEST", "该订单已失效");
            return Err(Said::Presumed(fields));
        }
    })
}

fn prepaid(call: &Call, order: &Order) -> Fields {
    let mut fields = call
        .done()
        .with("prepay_id", &order.prepay_id)
        .with("trade_type", order.draft.trade_type.name());
    let prepay_id = &order.prepay_id;
    match order.draft.trade_type {
        TradeType::Native => fields.put("code_url", code_url(prepay_id)),
        TradeType::H5 => fields.put("mweb_url", h5_url(prepay_id)),
        TradeType::Jsapi | TradeType::App | TradeType::Micropay => {}
    }
    fields
}

/// What a paid order says of its payment.
pub(super) fn paid(mut fields: Fields, order: &Order) -> Fields {
    let Some(payment) = &order.payment else {
        return fields;
    };
    let total = order.draft.total;
    let shares = voucher::shares(total, &payment.vouchers);
    let total = total.to_string();
    for (name, text) in [
        ("openid", payment.openid.clone()),
        ("is_subscribe", "N".to_owned()),
        ("trade_type", order.draft.trade_type.name().to_owned()),
        ("bank_type", "OTHERS".to_owned()),
        ("total_fee", total),
        ("fee_type", "CNY".to_owned()),
        ("cash_fee", shares.payer.to_string()),
        ("cash_fee_type", "CNY".to_owned()),
        ("transaction_id", payment.transaction_id.clone()),
        ("out_trade_no", order.draft.out_trade_no.clone()),
        ("attach", order.draft.attach.clone()),
        ("time_end", compact(payment.at)),
    ] {
        fields.put(name, text);
    }
    if payment.vouchers.is_empty() {
        return fields;
    }
    fields.put("settlement_total_fee", shares.settlement.to_string());
    fields.put("coupon_fee", shares.discount.to_string());
    fields.put("coupon_count", payment.vouchers.len().to_string());
    for (index, voucher) in payment.vouchers.iter().enumerate() {
        fields.put(format!("coupon_type_{index}"), voucher.kind.name_v2());
        fields.put(format!("coupon_id_{index}"), &voucher.id);
        fields.put(format!("coupon_fee_{index}"), voucher.amount.to_string());
    }
    fields
}

pub(super) fn order_query(call: &Call, orders: &Orders, now: i64) -> Result<Fields, Said> {
    let number = match call.world {
        World::New => {
            needs(call, &["out_trade_no"])?;
            Number::OutTradeNo(call.get("out_trade_no"))
        }
        World::Real | World::Old => number(call)?,
    };
    let Some(order) = orders.find(call.merchant(), number, now) else {
        return Ok(call.refuse("ORDERNOTEXIST", "order not exist"));
    };
    let mut fields = call.done();
    match order.state {
        TradeState::Success | TradeState::Refund | TradeState::Revoked => {
            fields = paid(fields, &order);
        }
        TradeState::NotPay | TradeState::UserPaying | TradeState::PayError => {
            fields.put("total_fee", order.draft.total.to_string());
        }
        TradeState::Closed => fields.put("attach", ""),
    }
    fields.put("out_trade_no", &order.draft.out_trade_no);
    fields.put("trade_state", order.state.name());
    fields.put("trade_state_desc", order.state.description());
    Ok(fields)
}

pub(super) fn close_order(call: &Call, orders: &Orders, now: i64) -> Result<Fields, Said> {
    needs(call, &["out_trade_no"])?;
    if !is_out_trade_no(call.get("out_trade_no")) {
        return Err(invalid("out_trade_no"));
    }
    let closed = orders.close(call.merchant(), call.get("out_trade_no"), now);
    let fields = match closed {
        Ok(()) => call.done(),
        Err(NotClosed::Paid) => call.refuse("ORDERPAID", "order paid"),
        Err(NotClosed::Micropay | NotClosed::UserPaying) => {
            call.refuse("INVALID_REQUEST", "当前交易不允许进行普通关单(只能撤销)")
        }
    };
    let sub_mch_id = call.get("sub_mch_id");
    Ok(fields.with("sub_mch_id", sub_mch_id))
}

pub(super) fn micropay(
    request: &Received,
    call: &Call,
    orders: &Orders,
    now: i64,
) -> Result<Fields, Said> {
    needs(
        call,
        &["appid", "body", "out_trade_no", "total_fee", "auth_code"],
    )?;
    if call.world != World::New {
        needs(call, &["spbill_create_ip"])?;
    }
    let draft = draft(call, TradeType::Micropay)?;
    let code = call.get("auth_code");
    if !is_auth_code(code) {
        return Ok(call.refuse("AUTH_CODE_INVALID", "请扫描微信支付被扫条码/二维码"));
    }
    let charge = outcome(request, call.get("out_trade_no"));
    Ok(
        match orders.charge(call.merchant(), draft, code, charge, now) {
            Ok(order) => match order.state {
                TradeState::UserPaying => call.refuse("USERPAYING", "需要用户输入支付密码"),
                TradeState::PayError => call.refuse("TRADE_ERROR", "交易错误"),
                _ => paid(call.done(), &order),
            },
            Err(NotCharged::TooFast) => call.refuse("FREQUENCY_LIMITED", "频率超限"),
            Err(NotCharged::Paid) => call.refuse("ORDERPAID", "该订单已支付"),
            Err(NotCharged::Reversed) => call.refuse("ORDERREVERSED", "订单已撤销"),
            Err(NotCharged::Used) => call.refuse("OUT_TRADE_NO_USED", "商户订单号重复"),
            Err(NotCharged::CodeUsed) => {
                call.refuse("AUTH_CODE_ERROR", "每个二维码仅限使用一次，请刷新再试")
            }
        },
    )
}

pub(super) fn reverse(call: &Call, orders: &Orders, now: i64) -> Result<Fields, Said> {
    let number = number(call)?;
    let fields = match orders.reverse(call.merchant(), number, now) {
        Ok(()) => call.done(),
        Err(NotReversed::Unknown) => call.refuse("ORDERNOTEXIST", "订单不存在"),
        Err(NotReversed::Impossible) => call.refuse("INVALID_REQUEST", "该订单不支持撤销"),
        Err(NotReversed::TooLate) => call.refuse("REVERSE_EXPIRE", "订单无法撤销"),
    };
    Ok(fields.with("recall", "N"))
}

pub(super) fn refund(
    request: &Received,
    call: &Call,
    orders: &Orders,
    notifier: &Notifier,
    now: i64,
) -> Result<Fields, Said> {
    let number = number(call)?;
    needs(call, &["out_refund_no", "total_fee", "refund_fee"])?;
    let out_refund_no = call.get("out_refund_no");
    if !is_number(out_refund_no, 1, 64, b"_-|*@") {
        return Err(invalid("out_refund_no"));
    }
    let draft = RefundDraft {
        order: number,
        out_refund_no,
        total: fee(call, "total_fee")?,
        amount: fee(call, "refund_fee")?,
        end: refund_end(request, out_refund_no),
        sub_mchid: None,
        version: Version::Apiv2,
        notify_url: call.get("notify_url"),
        funds_account: "",
        from: Vec::new(),
    };
    let applied = match orders.refund(call.merchant(), draft, now) {
        Ok(applied) => applied,
        Err(refused) => {
            let (code, description) = match refused {
                NotRefunded::TooFast | NotRefunded::TooSoon => ("FREQUENCY_LIMITED", "频率限制"),
                NotRefunded::TooFastForOld => (
                    "FREQUENCY_LIMITED",
                    "频率限制，2个月之前的订单请降低申请频率再重试",
                ),
                NotRefunded::NotEnough => ("NOTENOUGH", "基本账户余额不足，请充值后重新发起"),
                NotRefunded::Unknown | NotRefunded::OtherMerchant | NotRefunded::NotPaid => {
                    ("ORDERNOTEXIST", "订单不存在")
                }
                NotRefunded::Closed => ("ERROR", "订单已关闭"),
                NotRefunded::Revoked => ("ERROR", "订单已撤销"),
                NotRefunded::Mismatch => (
                    "REFUND_FEE_MISMATCH",
                    "订单金额或退款金额与之前请求不一致，请核实后再试",
                ),
                NotRefunded::TooMuch => ("INVALID_REQUEST", "申请退款金额超过订单可退金额"),
                NotRefunded::NothingLeft => ("INVALID_REQUEST", "订单已全额退款"),
                NotRefunded::TooMany => ("INVALID_REQUEST", "该订单退款次数已达上限"),
                NotRefunded::TooLate => ("TRADE_OVERDUE", "订单已经超过退款期限"),
            };
            let fields = call.refuse(code, description);
            return match refused {
                NotRefunded::TooMany | NotRefunded::TooSoon => Err(Said::Presumed(fields)),
                _ => Ok(fields),
            };
        }
    };
    if let Some(ended) = &applied.ended {
        notifier.refund(call.merchant(), ended, orders, now);
    }
    let refund = applied.refund;
    let (shares, whole) = (refund.shares(), refund.order_shares());
    let mut fields = call.done();
    for (name, text) in [
        ("transaction_id", refund.transaction_id),
        ("out_trade_no", refund.out_trade_no),
        ("out_refund_no", refund.out_refund_no),
        ("refund_id", refund.refund_id),
        ("refund_channel", String::new()),
        ("refund_fee", refund.amount.to_string()),
        ("coupon_refund_fee", shares.discount.to_string()),
        ("total_fee", refund.total.to_string()),
        ("cash_fee", whole.payer.to_string()),
        ("coupon_refund_count", refund.vouchers.len().to_string()),
        ("cash_refund_fee", shares.payer.to_string()),
    ] {
        fields.put(name, text);
    }
    Ok(fields)
}

pub(super) fn refund_query(call: &Call, orders: &Orders) -> Result<Fields, Said> {
    let number = match (call.get("refund_id"), call.get("out_refund_no")) {
        ("", "") => RefundNumber::Order(number(call)?),
        ("", out_refund_no) => RefundNumber::OutRefundNo(out_refund_no),
        (refund_id, _) => RefundNumber::RefundId(refund_id),
    };
    let offset = match call.get("offset") {
        "" => None,
        text => match text.parse::<usize>() {
            Ok(offset) => Some(offset),
            Err(_) => return Err(invalid("offset")),
        },
    };
    let refunds = orders.refunds(call.merchant(), number);
    let total = refunds.len();
    let shown = refunds
        .into_iter()
        .skip(offset.unwrap_or(0))
        .take(REFUNDS_IN_ANSWER);
    let shown: Vec<_> = shown.collect();
    let Some(first) = shown.first() else {
        return Ok(match call.world {
            World::Old => call.refuse("ORDERNOTEXIST", "order not exist"),
            World::Real | World::New => call.refuse("REFUNDNOTEXIST", "not exist"),
        });
    };
    let sum: u64 = shown.iter().map(|refund| refund.amount).sum();
    let mut fields = call
        .done()
        .with("transaction_id", &first.transaction_id)
        .with("out_trade_no", &first.out_trade_no)
        .with("total_fee", first.total.to_string())
        .with("cash_fee", first.order_shares().payer.to_string())
        .with("refund_count", shown.len().to_string())
        .with("refund_fee", sum.to_string());
    if offset.is_some() {
        fields.put("total_refund_count", total.to_string());
    }
    for (index, refund) in shown.iter().enumerate() {
        for (name, text) in [
            ("out_refund_no", refund.out_refund_no.clone()),
            ("refund_id", refund.refund_id.clone()),
            ("refund_channel", "ORIGINAL".to_owned()),
            ("refund_fee", refund.amount.to_string()),
            ("refund_status", status(refund).to_owned()),
            ("refund_account", "REFUND_SOURCE_UNSETTLED_FUNDS".to_owned()),
            ("refund_recv_accout", "支付用户零钱".to_owned()),
            ("refund_success_time", spaced(refund.at)),
        ] {
            fields.put(format!("{name}_{index}"), text);
        }
    }
    Ok(fields)
}
