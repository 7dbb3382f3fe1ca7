//! `v3/refund/domestic/refunds`: to give money back, and to ask what became of it.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, number};
use crate::clock::rfc3339;
use crate::fields::{
    self, Field, Kind, Refusal, amount, is_number, malformed, optional, required, text, wrong,
};
use crate::notifier::Notifier;
use crate::orders::{
    NotRedirected, NotRefunded, Number, Orders, Refund, RefundDraft, RefundNumber, RefundState,
    Version,
};
use crate::payments::{is_notify_url, too_fast};
use crate::received::Received;
use crate::trouble::refund_end;
use crate::voucher;

const FIELDS: [Field; 14] = [
    optional("/sub_mchid", "子商户号", Kind::Text(32)),
    optional("/transaction_id", "微信支付订单号", Kind::Text(32)),
    optional("/out_trade_no", "商户订单号", Kind::Text(32)),
    required("/out_refund_no", "商户退款单号", Kind::Text(64)),
    optional("/reason", "退款原因", Kind::Text(80)),
    optional("/notify_url", "退款结果回调url", Kind::Text(256)),
    optional("/funds_account", "退款资金来源", Kind::Text(32)),
    required("/amount", "金额信息", Kind::Object),
    required("/amount/refund", "退款金额", Kind::Integer(1)),
    required("/amount/total", "原订单金额", Kind::Integer(1)),
    required("/amount/currency", "退款币种", Kind::OneOf(&["CNY"])),
    optional("/amount/from", "退款出资账户及金额", Kind::List),
    optional("/goods_detail", "退款商品", Kind::List),
    optional("/promotion_detail", "优惠退款信息", Kind::List),
];

const KNOWN: [&str; 13] = [
    "/sub_mchid",
    "/transaction_id",
    "/out_trade_no",
    "/out_refund_no",
    "/reason",
    "/notify_url",
    "/funds_account",
    "/amount",
    "/amount/refund",
    "/amount/total",
    "/amount/currency",
    "/amount/from",
    "/goods_detail",
];

const ABNORMAL: [Field; 6] = [
    optional("/sub_mchid", "子商户号", Kind::Text(32)),
    required("/out_refund_no", "商户退款单号", Kind::Text(64)),
    required(
        "/type",
        "异常退款处理方式",
        Kind::OneOf(&["USER_BANK_CARD", "MERCHANT_BANK_CARD"]),
    ),
    optional("/bank_type", "开户银行", Kind::Text(16)),
    optional("/bank_account", "收款银行卡号", Kind::Text(1024)),
    optional("/real_name", "收款用户姓名", Kind::Text(1024)),
];

/// What refunds are made of.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) merchant: &'a str,
    pub(crate) orders: &'a Orders,
    pub(crate) notifier: &'a Notifier,
    pub(crate) now: i64,
}

impl Desk<'_> {
    /// Applies for a refund.
    pub(crate) fn apply(self, request: &Received) -> Result<Answer, Refusal> {
        let body = fields::body(request)?;
        fields::check(&body, &FIELDS)?;
        fields::only(&body, &KNOWN)?;
        let out_refund_no = text(&body, "/out_refund_no");
        check_out_refund_no(out_refund_no, "body")?;
        let notify_url = text(&body, "/notify_url");
        if !notify_url.is_empty() && !is_notify_url(notify_url) {
            return Err(malformed(
                "/notify_url",
                "退款结果回调url",
                "body",
                notify_url,
            ));
        }
        let order = match (text(&body, "/transaction_id"), text(&body, "/out_trade_no")) {
            ("", "") => {
                return Err(wrong(
                    "/out_trade_no",
                    &Value::Null,
                    "required field is missing",
                    "transaction_id和out_trade_no必须二选一",
                ));
            }
            ("", out_trade_no) => Number::OutTradeNo(out_trade_no),
            (transaction_id, _) => Number::TransactionId(transaction_id),
        };
        let draft = RefundDraft {
            order,
            out_refund_no,
            total: amount(&body, "/amount/total"),
            amount: amount(&body, "/amount/refund"),
            end: refund_end(request, out_refund_no),
            sub_mchid: Some(text(&body, "/sub_mchid")),
            version: Version::Apiv3,
            notify_url,
            funds_account: text(&body, "/funds_account"),
            from: from(&body)?,
        };
        let is_known = !self.refunds(out_refund_no).is_empty();
        let applied = self.orders.refund(self.merchant, draft, self.now);
        let applied = applied.map_err(|why| Box::new(refused(why, is_known)))?;
        if let Some(ended) = &applied.ended {
            let Self {
                merchant, orders, ..
            } = self;
            self.notifier.refund(merchant, ended, orders, self.now);
        }
        Ok(Answer::ok(&refund(&applied.refund)))
    }

    /// Asks for a refund.
    pub(crate) fn query(self, request: &Received, out_refund_no: &str) -> Result<Answer, Refusal> {
        check_out_refund_no(out_refund_no, "uri_template")?;
        let sub_mchid = request.query("sub_mchid");
        let refunds = self.refunds(out_refund_no);
        let found = refunds.first().filter(|found| found.sub_mchid == sub_mchid);
        let found = found.ok_or_else(|| Box::new(unknown()))?;
        Ok(Answer::ok(&refund(found)))
    }

    /// Sends the money of an abnormal refund to another card.
    pub(crate) fn redirect(self, request: &Received, refund_id: &str) -> Result<Answer, Refusal> {
        let body = fields::body(request)?;
        fields::check(&body, &ABNORMAL)?;
        let out_refund_no = text(&body, "/out_refund_no");
        let redirected = self
            .orders
            .redirect(self.merchant, refund_id, out_refund_no, self.now);
        let applied = redirected.map_err(|why| {
            Box::new(match why {
                NotRedirected::Unknown => unknown(),
                NotRedirected::NotAbnormal => {
                    invalid("退款单状态不是退款异常，不能发起异常退款").shape()
                }
            })
        })?;
        if let Some(ended) = &applied.ended {
            let Self {
                merchant, orders, ..
            } = self;
            self.notifier.refund(merchant, ended, orders, self.now);
        }
        Ok(Answer::ok(&refund(&applied.refund)).shape())
    }

    fn refunds(self, out_refund_no: &str) -> Vec<Refund> {
        let number = RefundNumber::OutRefundNo(out_refund_no);
        self.orders.refunds(self.merchant, number)
    }
}

/// The accounts out of which a refund is paid. Together they are the refund, and none is there twice.
fn from(body: &Value) -> Result<Vec<(String, u64)>, Refusal> {
    let list = body.pointer("/amount/from").and_then(Value::as_array);
    let mut from: Vec<(String, u64)> = Vec::new();
    for (index, part) in list.into_iter().flatten().enumerate() {
        let path = format!("/amount/from/{index}");
        let (account, amount) = (text(part, "/account"), amount(part, "/amount"));
        if account.is_empty() || amount == 0 {
            let message = format!("输入源“/body{path}”映射到字段“退款出资账户及金额”规则校验失败");
            let issue = "value is no account with its amount";
            return Err(wrong(&path, part, issue, &message));
        }
        if from.iter().any(|(known, _)| known == account) {
            return Err(Box::new(invalid("退款出资账户类型不能重复").shape()));
        }
        from.push((account.to_owned(), amount));
    }
    let sum: u64 = from.iter().map(|(_, amount)| amount).sum();
    if !from.is_empty() && sum != amount(body, "/amount/refund") {
        let message = "退款出资账户的金额之和不等于退款金额";
        return Err(Box::new(invalid(message).shape()));
    }
    Ok(from)
}

fn check_out_refund_no(out_refund_no: &str, location: &str) -> Result<(), Refusal> {
    if is_number(out_refund_no, 1, 64, b"_-|*@") {
        return Ok(());
    }
    let path = "/out_refund_no";
    Err(malformed(path, "商户退款单号", location, out_refund_no))
}

fn unknown() -> Answer {
    not_found("退款单不存在")
}

fn not_found(message: &str) -> Answer {
    Answer::error(
        StatusCode::NOT_FOUND,
        "RESOURCE_NOT_EXISTS",
        message,
        None,
        number::NOT_FOUND,
    )
}

fn invalid(message: &str) -> Answer {
    let status = StatusCode::BAD_REQUEST;
    Answer::error(status, "INVALID_REQUEST", message, None, number::PARAMETER)
}

/// `is_known` tells whether the number has a refund already.
fn refused(why: NotRefunded, is_known: bool) -> Answer {
    match why {
        NotRefunded::Unknown
        | NotRefunded::NotPaid
        | NotRefunded::Closed
        | NotRefunded::Revoked => not_found("订单不存在"),
        NotRefunded::OtherMerchant => Answer::error(
            StatusCode::FORBIDDEN,
            "NO_AUTH",
            "商户无权限",
            None,
            number::OTHER,
        ),
        NotRefunded::Mismatch => {
            let answer = invalid("订单金额或退款金额与之前请求不一致，请核实后再试");
            if is_known { answer } else { answer.shape() }
        }
        NotRefunded::TooFast => too_fast("频率超限"),
        NotRefunded::TooFastForOld => too_fast("频率限制，1个月之前的订单请降低申请频率再重试"),
        NotRefunded::TooSoon => too_fast("频率超限").shape(),
        NotRefunded::NotEnough => Answer::error(
            StatusCode::FORBIDDEN,
            "NOT_ENOUGH",
            "基本账户余额不足，请充值后重新发起",
            None,
            number::OTHER,
        ),
        NotRefunded::TooMuch => invalid("申请退款金额超过订单可退金额"),
        NotRefunded::NothingLeft => invalid("订单已全额退款"),
        NotRefunded::TooMany => invalid("该订单退款次数已达上限").shape(),
        NotRefunded::TooLate => invalid("订单已经超过退款期限").shape(),
    }
}

/// A refund, as every answer shows it.
fn refund(refund: &Refund) -> Value {
    let funds_account = match &*refund.funds_account {
        "" => "UNSETTLED",
        funds_account => funds_account,
    };
    let from = refund.from.iter();
    let from: Value = from
        .map(|(account, amount)| json!({ "account": account, "amount": amount }))
        .collect();
    let (shares, whole) = (refund.shares(), refund.order_shares());
    let mut fields = json!({
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "transaction_id": refund.transaction_id,
        "out_trade_no": refund.out_trade_no,
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "create_time": rfc3339(refund.created),
        "status": refund.state.name(),
        "funds_account": funds_account,
        "amount": {
            "total": refund.total,
            "refund": refund.amount,
            "from": from,
            "payer_total": whole.payer,
            "payer_refund": shares.payer,
            "settlement_refund": shares.settlement,
            "settlement_total": whole.settlement,
            "discount_refund": shares.discount,
            "currency": "CNY",
            "refund_fee": 0,
        },
        "promotion_detail": voucher::of_refund(refund.amount, refund.total, &refund.vouchers),
    });
    if let (RefundState::Success, Some(fields)) = (refund.state, fields.as_object_mut()) {
        fields.insert("success_time".to_owned(), json!(rfc3339(refund.at)));
    }
    fields
}

/// A refund, as its notification shows it.
pub(crate) fn notice(merchant: &str, refund: &Refund) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        fields.insert(name.to_owned(), value);
    };
    if refund.sub_mchid.is_empty() {
        put("mchid", json!(merchant));
    } else {
        put("sp_mchid", json!(merchant));
        put("sub_mchid", json!(refund.sub_mchid));
    }
    put("out_trade_no", json!(refund.out_trade_no));
    put("transaction_id", json!(refund.transaction_id));
    put("out_refund_no", json!(refund.out_refund_no));
    put("refund_id", json!(refund.refund_id));
    put("refund_status", json!(refund.state.name()));
    if refund.state == RefundState::Success {
        put("success_time", json!(rfc3339(refund.at)));
    }
    put("user_received_account", json!("支付用户零钱"));
    put(
        "amount",
        json!({
            "total": refund.total,
            "refund": refund.amount,
            "payer_total": refund.order_shares().payer,
            "payer_refund": refund.shares().payer,
        }),
    );
    Value::Object(fields)
}
