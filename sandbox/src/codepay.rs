//! `v3/pay/transactions/codepay` and its `reverse`: the merchant scans the user's code.

use http::StatusCode;
use serde_json::{Value, json};

use crate::answer::{Answer, number};
use crate::fields::{self, Field, Kind, Refusal, optional, required, text, wrong};
use crate::orders::{
    Charge, NotCharged, NotPlaced, NotReversed, Number, Orders, TradeState, TradeType,
};
use crate::payments::{
    Caller, DIRECT, PARTNER, check_merchant, check_owner, check_whose, draft, is_out_trade_no,
    mchid, not_placed, too_fast, transaction, unknown, user_paying,
};
use crate::received::Received;
use crate::trouble;

const FIELDS: [Field; 16] = [
    required("/description", "商品描述", Kind::Text(127)),
    required("/out_trade_no", "商户订单号", Kind::Text(32)),
    optional("/attach", "商户数据包", Kind::Text(128)),
    optional("/goods_tag", "订单优惠标记", Kind::Text(32)),
    optional("/support_fapiao", "电子发票入口开放标识", Kind::Boolean),
    required("/payer", "支付者", Kind::Object),
    required("/payer/auth_code", "授权码", Kind::Text(32)),
    required("/amount", "订单金额", Kind::Object),
    required("/amount/total", "总金额", Kind::Integer(1)),
    optional("/amount/currency", "货币类型", Kind::OneOf(&["CNY"])),
    required("/scene_info", "场景信息", Kind::Object),
    optional("/scene_info/device_id", "商户端设备号", Kind::Text(32)),
    optional("/scene_info/device_ip", "商户端设备IP", Kind::Text(45)),
    required("/scene_info/store_info", "商户门店信息", Kind::Object),
    optional("/detail", "优惠功能", Kind::Object),
    optional("/settle_info", "结算信息", Kind::Object),
];

const KNOWN: [&str; 20] = [
    "/appid",
    "/mchid",
    "/description",
    "/out_trade_no",
    "/attach",
    "/goods_tag",
    "/support_fapiao",
    "/payer",
    "/payer/auth_code",
    "/amount",
    "/amount/total",
    "/amount/currency",
    "/scene_info",
    "/scene_info/device_id",
    "/scene_info/device_ip",
    "/scene_info/store_info",
    "/scene_info/store_info/id",
    "/scene_info/store_info/out_id",
    "/detail",
    "/settle_info",
];

/// Whether a text is a code that a user shows: 18 digits that begin with 10 to 15.
pub(crate) fn is_auth_code(code: &str) -> bool {
    code.len() == 18
        && code.bytes().all(|byte| byte.is_ascii_digit())
        && matches!(code.as_bytes(), [b'1', b'0'..=b'5', ..])
}

/// What comes of a payment by code: what the program asks for, or else success.
pub(crate) fn outcome(request: &Received, out_trade_no: &str) -> Charge {
    match trouble::wanted(request, out_trade_no) {
        "USERPAYING" => Charge::Password,
        "PAYERROR" => Charge::Fails,
        _ => Charge::Paid,
    }
}

/// A refusal in the form of the others; which code it has is not public.
fn presume(status: StatusCode, code: &str, message: &str) -> Refusal {
    Box::new(Answer::error(status, code, message, None, number::OTHER).shape())
}

/// Has the user pay whose code was scanned.
pub(crate) fn charge(
    request: &Received,
    caller: Caller,
    merchant: &str,
    orders: &Orders,
    now: i64,
) -> Result<Answer, Refusal> {
    let body = fields::body(request)?;
    match caller {
        Caller::Merchant => fields::check(&body, &DIRECT)?,
        Caller::Partner => fields::check(&body, &PARTNER)?,
    }
    fields::check(&body, &FIELDS)?;
    let known: Vec<&str> = match caller {
        Caller::Merchant => KNOWN.to_vec(),
        Caller::Partner => {
            let own = ["/sp_appid", "/sp_mchid", "/sub_appid", "/sub_mchid"];
            own.into_iter().chain(KNOWN.into_iter().skip(2)).collect()
        }
    };
    fields::only(&body, &known)?;
    let out_trade_no = text(&body, "/out_trade_no");
    if !is_out_trade_no(out_trade_no) {
        let path = "/out_trade_no";
        let message = "输入源“/body/out_trade_no”映射到字段“商户订单号”字符串规则校验失败";
        let issue = "value does not match the pattern";
        return Err(wrong(path, &Value::from(out_trade_no), issue, message));
    }
    let path = mchid(caller);
    check_merchant(path, text(&body, path), merchant)?;
    let bad = StatusCode::BAD_REQUEST;
    let code = text(&body, "/payer/auth_code");
    if !is_auth_code(code) {
        let message = "请扫描微信支付被扫条码/二维码";
        return Err(presume(bad, "AUTH_CODE_INVALID", message));
    }
    let draft = draft(&body, caller, TradeType::Micropay);
    let charge = outcome(request, out_trade_no);
    match orders.charge(merchant, draft, code, charge, now) {
        Ok(order) => match order.state {
            TradeState::UserPaying => Err(Box::new(user_paying().shape())),
            TradeState::PayError => Err(presume(StatusCode::FORBIDDEN, "TRADE_ERROR", "交易错误")),
            _ => Ok(Answer::ok(&transaction(merchant, &order))),
        },
        Err(NotCharged::TooFast) => Err(Box::new(too_fast("频率超限"))),
        Err(NotCharged::Paid) => Err(Box::new(not_placed(NotPlaced::Paid).shape())),
        Err(NotCharged::Reversed) => Err(presume(bad, "ORDERREVERSED", "订单已撤销")),
        Err(NotCharged::Used) => {
            let (code, message) = ("OUT_TRADE_NO_USED", "商户订单号重复");
            Err(presume(StatusCode::FORBIDDEN, code, message))
        }
        Err(NotCharged::CodeUsed) => {
            let message = "每个二维码仅限使用一次，请刷新再试";
            Err(presume(bad, "AUTH_CODE_ERROR", message))
        }
    }
}

/// Ends a payment by code; if it was paid, the money goes back.
pub(crate) fn reverse(
    request: &Received,
    caller: Caller,
    out_trade_no: &str,
    merchant: &str,
    orders: &Orders,
    now: i64,
) -> Result<Answer, Refusal> {
    let body = fields::body(request)?;
    let others: &[&str] = match caller {
        Caller::Merchant => &["/appid"],
        Caller::Partner => &["/sp_appid", "/sub_appid"],
    };
    check_whose(&body, caller, others)?;
    check_owner(&body, caller, out_trade_no, merchant, orders, now)?;
    let bad = StatusCode::BAD_REQUEST;
    let number = Number::OutTradeNo(out_trade_no);
    match orders.reverse(merchant, number, now) {
        Ok(()) => {
            // The answer says what the request said.
            let mut answer = body;
            if let Some(fields) = answer.as_object_mut() {
                fields.insert("out_trade_no".to_owned(), json!(out_trade_no));
            }
            Ok(Answer::ok(&answer))
        }
        Err(NotReversed::Unknown) => Err(Box::new(unknown().shape())),
        Err(NotReversed::Impossible) => Err(presume(bad, "INVALID_REQUEST", "该订单不支持撤销")),
        Err(NotReversed::TooLate) => Err(presume(bad, "INVALID_REQUEST", "订单无法撤销")),
    }
}
