//! `v3/pay/transactions/…` and `v3/pay/partner/transactions/…`: to order, to ask, and to close.

use http::StatusCode;
use http::header::HeaderMap;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Fidelity, Signed, number};
use crate::clock::{from_rfc3339, rfc3339};
use crate::fields::{
    self, Field, Kind, Refusal, amount, is_number, malformed, missing, optional, required, text,
    wrong,
};
use crate::json::canonical;
use crate::orders::{
    Draft, NotClosed, NotPlaced, Number, Order, Orders, Terms, TradeState, TradeType, Version,
};
use crate::received::Received;
use crate::voucher;

/// Who calls: a merchant for itself, or a partner for one of its merchants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    Merchant,
    Partner,
}

pub(crate) const DIRECT: [Field; 2] = [
    required("/appid", "公众账号ID", Kind::Text(32)),
    required("/mchid", "直连商户号", Kind::Text(32)),
];

pub(crate) const PARTNER: [Field; 4] = [
    required("/sp_appid", "服务商公众账号ID", Kind::Text(32)),
    required("/sp_mchid", "服务商户号", Kind::Text(32)),
    optional("/sub_appid", "子商户公众账号ID", Kind::Text(32)),
    required("/sub_mchid", "子商户号", Kind::Text(32)),
];

const COMMON: [Field; 15] = [
    required("/description", "商品描述", Kind::Text(127)),
    required("/out_trade_no", "商户订单号", Kind::Text(32)),
    optional("/time_expire", "支付结束时间", Kind::Text(64)),
    optional("/attach", "商户数据包", Kind::Text(128)),
    required("/notify_url", "商户回调地址", Kind::Text(255)),
    optional("/goods_tag", "订单优惠标记", Kind::Text(32)),
    optional("/support_fapiao", "电子发票入口开放标识", Kind::Boolean),
    required("/amount", "订单金额", Kind::Object),
    required("/amount/total", "总金额", Kind::Integer(1)),
    optional("/amount/currency", "货币类型", Kind::OneOf(&["CNY"])),
    optional("/detail", "优惠功能", Kind::Object),
    optional("/settle_info", "结算信息", Kind::Object),
    optional("/settle_info/profit_sharing", "分账标识", Kind::Boolean),
    optional("/limit_pay", "指定支付方式", Kind::List),
    optional("/scene_info/device_id", "商户端设备号", Kind::Text(32)),
];

const PAYER: [Field; 1] = [required("/payer", "支付者", Kind::Object)];

const OPENID: [Field; 1] = [required("/payer/openid", "用户标识", Kind::Text(128))];

const PARTNER_OPENID: [Field; 2] = [
    optional("/payer/sp_openid", "用户服务标识", Kind::Text(128)),
    optional("/payer/sub_openid", "用户子标识", Kind::Text(128)),
];

const SCENE: [Field; 2] = [
    optional("/scene_info", "场景信息", Kind::Object),
    required("/scene_info/payer_client_ip", "用户终端IP", Kind::Text(45)),
];

const H5: [Field; 3] = [
    required("/scene_info", "场景信息", Kind::Object),
    required("/scene_info/h5_info", "H5场景信息", Kind::Object),
    required("/scene_info/h5_info/type", "场景类型", Kind::Text(32)),
];

/// What every order may have.
const KNOWN: [&str; 19] = [
    "/description",
    "/out_trade_no",
    "/time_expire",
    "/attach",
    "/notify_url",
    "/goods_tag",
    "/support_fapiao",
    "/amount",
    "/amount/total",
    "/amount/currency",
    "/detail",
    "/settle_info",
    "/limit_pay",
    "/scene_info",
    "/scene_info/payer_client_ip",
    "/scene_info/device_id",
    "/scene_info/store_info",
    "/payer",
    "/payer/identity",
];

fn check(body: &Value, caller: Caller, trade_type: TradeType) -> Result<(), Refusal> {
    let mut known = KNOWN.to_vec();
    match caller {
        Caller::Merchant => {
            fields::check(body, &DIRECT)?;
            known.extend(["/appid", "/mchid"]);
        }
        Caller::Partner => {
            fields::check(body, &PARTNER)?;
            known.extend(["/sp_appid", "/sp_mchid", "/sub_appid", "/sub_mchid"]);
        }
    }
    fields::check(body, &COMMON)?;
    match (trade_type, caller) {
        (TradeType::Jsapi, Caller::Merchant) => {
            fields::check(body, &PAYER)?;
            fields::check(body, &OPENID)?;
            known.push("/payer/openid");
        }
        (TradeType::Jsapi, Caller::Partner) => {
            fields::check(body, &PAYER)?;
            fields::check(body, &PARTNER_OPENID)?;
            known.extend(["/payer/sp_openid", "/payer/sub_openid"]);
        }
        (TradeType::H5, _) => {
            fields::check(body, &H5)?;
            known.push("/scene_info/h5_info");
        }
        _ => {}
    }
    if matches!(trade_type, TradeType::Jsapi | TradeType::App) {
        known.push("/subsidy_info");
    }
    fields::check(body, &SCENE)?;
    fields::only(body, &known)?;
    check_texts(body)?;
    let is_nobody = ["/payer/openid", "/payer/sp_openid", "/payer/sub_openid"]
        .iter()
        .all(|path| text(body, path).is_empty());
    if trade_type == TradeType::Jsapi && is_nobody {
        return Err(wrong(
            "/payer/sp_openid",
            &Value::Null,
            "required field is missing",
            "JSAPI支付必须传openid",
        ));
    }
    Ok(())
}

/// What a type doesn't say of a text.
fn check_texts(body: &Value) -> Result<(), Refusal> {
    let refuse = |path: &str, title: &str| {
        let value = Value::from(text(body, path));
        Err(wrong(
            path,
            &value,
            "value does not match the pattern",
            &format!("输入源“/body{path}”映射到字段“{title}”字符串规则校验失败"),
        ))
    };
    if !is_out_trade_no(text(body, "/out_trade_no")) {
        return refuse("/out_trade_no", "商户订单号");
    }
    if !is_notify_url(text(body, "/notify_url")) {
        return refuse("/notify_url", "商户回调地址");
    }
    let time_expire = text(body, "/time_expire");
    if !time_expire.is_empty() && from_rfc3339(time_expire).is_none() {
        return refuse("/time_expire", "支付结束时间");
    }
    Ok(())
}

pub(crate) fn is_out_trade_no(text: &str) -> bool {
    is_number(text, 6, 32, b"_-|*")
}

/// http or https, and no query.
pub(crate) fn is_notify_url(url: &str) -> bool {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty()) && !url.contains('?')
}

/// The caller must be who signed.
pub(crate) fn check_merchant(path: &str, given: &str, merchant: &str) -> Result<(), Refusal> {
    if given == merchant {
        return Ok(());
    }
    let answer = Answer::error(
        StatusCode::BAD_REQUEST,
        "INVALID_REQUEST",
        "商户号和订单不匹配",
        Some(json!({ "field": path, "value": given, "issue": "not the merchant who signed" })),
        number::MERCHANT,
    );
    Err(Box::new(answer.shape()))
}

/// What an order says.
pub(crate) fn draft(body: &Value, caller: Caller, trade_type: TradeType) -> Draft {
    let appid = match caller {
        Caller::Merchant => "/appid",
        Caller::Partner => "/sp_appid",
    };
    let openid = match text(body, "/payer/openid") {
        "" => text(body, "/payer/sp_openid"),
        openid => openid,
    };
    Draft {
        out_trade_no: text(body, "/out_trade_no").to_owned(),
        appid: text(body, appid).to_owned(),
        trade_type,
        total: amount(body, "/amount/total"),
        openid: openid.to_owned(),
        attach: text(body, "/attach").to_owned(),
        time_expire: from_rfc3339(text(body, "/time_expire")),
        parameters: format!("{} {}", trade_type.name(), canonical(body)),
        terms: Terms {
            version: Version::Apiv3,
            notify_url: text(body, "/notify_url").to_owned(),
            sub_mchid: text(body, "/sub_mchid").to_owned(),
            sub_appid: text(body, "/sub_appid").to_owned(),
            sub_openid: text(body, "/payer/sub_openid").to_owned(),
            device_id: text(body, "/scene_info/device_id").to_owned(),
            sign_type: "",
            is_trial: false,
        },
    }
}

/// Where the caller's own number stands in a body.
pub(crate) fn mchid(caller: Caller) -> &'static str {
    match caller {
        Caller::Merchant => "/mchid",
        Caller::Partner => "/sp_mchid",
    }
}

/// Orders.
pub(crate) fn place(
    request: &Received,
    caller: Caller,
    trade_type: TradeType,
    merchant: &str,
    orders: &Orders,
    now: i64,
) -> Result<Answer, Refusal> {
    let body = fields::body(request)?;
    check(&body, caller, trade_type)?;
    let mchid = mchid(caller);
    check_merchant(mchid, text(&body, mchid), merchant)?;
    let draft = draft(&body, caller, trade_type);
    match orders.place(merchant, draft, now) {
        Ok(order) => Ok(prepaid(&order)),
        Err(why) => Err(Box::new(not_placed(why))),
    }
}

pub(crate) fn not_placed(why: NotPlaced) -> Answer {
    if why == NotPlaced::TooFast {
        return too_fast("频率超限");
    }
    let (code, message, number) = match why {
        NotPlaced::Different | NotPlaced::Burnt | NotPlaced::TooFast => (
            "INVALID_REQUEST",
            "请求重入时，参数与首次请求时不一致",
            number::REENTRY,
        ),
        NotPlaced::Paid => ("ORDERPAID", "该订单已支付", number::PAID),
        NotPlaced::Closed => ("ORDER_CLOSED", "该订单已失效", number::VOID),
        NotPlaced::Expired => ("INVALID_REQUEST", "该订单已失效", number::VOID),
    };
    let answer = Answer::error(StatusCode::BAD_REQUEST, code, message, None, number);
    match why {
        NotPlaced::Closed | NotPlaced::Expired => answer.shape(),
        _ => answer,
    }
}

/// There were too many.
pub(crate) fn too_fast(message: &str) -> Answer {
    let status = StatusCode::TOO_MANY_REQUESTS;
    Answer::error(status, "FREQUENCY_LIMITED", message, None, number::RATE)
}

fn prepaid(order: &Order) -> Answer {
    let prepay_id = &order.prepay_id;
    let body = match order.draft.trade_type {
        TradeType::Native => json!({ "code_url": code_url(prepay_id) }),
        TradeType::H5 => json!({ "h5_url": h5_url(prepay_id) }),
        TradeType::Jsapi | TradeType::App | TradeType::Micropay => {
            json!({ "prepay_id": prepay_id })
        }
    };
    Answer::ok(&body)
}

/// What a QR code says.
pub(crate) fn code_url(prepay_id: &str) -> String {
    let token: String = prepay_id.chars().skip(10).take(9).collect();
    format!("weixin://wxpay/bizpayurl?pr={token}")
}

/// Where a browser goes.
pub(crate) fn h5_url(prepay_id: &str) -> String {
    let token: u32 = prepay_id.bytes().map(u32::from).sum();
    format!(
        "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id={prepay_id}&package={token}"
    )
}

/// Asks for an order.
pub(crate) fn query(
    request: &Received,
    caller: Caller,
    number: Number<'_>,
    merchant: &str,
    orders: &Orders,
    now: i64,
) -> Result<Answer, Refusal> {
    let (mchid, title) = match caller {
        Caller::Merchant => ("mchid", "直连商户号"),
        Caller::Partner => ("sp_mchid", "服务商户号"),
    };
    let given = request.query(mchid);
    if given.is_empty() {
        return Err(missing(&format!("/{mchid}"), title, "query"));
    }
    let sub_mchid = request.query("sub_mchid");
    if caller == Caller::Partner && sub_mchid.is_empty() {
        return Err(missing("/sub_mchid", "子商户号", "query"));
    }
    if let Number::OutTradeNo(out_trade_no) = number {
        check_out_trade_no(out_trade_no)?;
    }
    check_merchant(mchid, &given, merchant)?;
    let Some(order) = orders.find(merchant, number, now) else {
        return Err(Box::new(match number {
            Number::TransactionId(id) if orders.belongs_to_another(merchant, id) => {
                not_theirs(caller).shape()
            }
            _ => unknown(),
        }));
    };
    check_sub_merchant(&order, caller, &sub_mchid)?;
    Ok(Answer::ok(&transaction(merchant, &order)))
}

fn check_out_trade_no(out_trade_no: &str) -> Result<(), Refusal> {
    if is_out_trade_no(out_trade_no) {
        return Ok(());
    }
    let path = "/out_trade_no";
    Err(malformed(path, "商户订单号", "uri_template", out_trade_no))
}

/// The order must be that of the partner's merchant, or of none.
fn check_sub_merchant(order: &Order, caller: Caller, sub_mchid: &str) -> Result<(), Refusal> {
    let ordered = &order.draft.terms.sub_mchid;
    let is_same = match caller {
        Caller::Merchant => ordered.is_empty(),
        Caller::Partner => ordered == sub_mchid,
    };
    if is_same {
        return Ok(());
    }
    Err(Box::new(not_theirs(caller).shape()))
}

/// The order is another merchant's.
fn not_theirs(caller: Caller) -> Answer {
    let (message, number) = match caller {
        Caller::Merchant => ("商户号和订单不匹配", number::MERCHANT),
        Caller::Partner => ("子商户号和订单信息不匹配", number::SUB_MERCHANT),
    };
    let status = StatusCode::BAD_REQUEST;
    Answer::error(status, "INVALID_REQUEST", message, None, number)
}

pub(crate) fn unknown() -> Answer {
    Answer::error(
        StatusCode::NOT_FOUND,
        "ORDER_NOT_EXIST",
        "订单不存在",
        None,
        number::NOT_FOUND,
    )
}

/// A body that says whose order it is, and nothing else but perhaps these.
pub(crate) fn check_whose(body: &Value, caller: Caller, others: &[&str]) -> Result<(), Refusal> {
    let needed: &[(&str, &str)] = match caller {
        Caller::Merchant => &[("/mchid", "直连商户号")],
        Caller::Partner => &[("/sp_mchid", "服务商户号"), ("/sub_mchid", "子商户号")],
    };
    for (path, title) in needed {
        if text(body, path).is_empty() {
            // Seen so, though it belongs into the body.
            return Err(missing(path, title, "uri_template"));
        }
    }
    let known = needed.iter().map(|(path, _)| *path);
    let known: Vec<&str> = known.chain(others.iter().copied()).collect();
    fields::only(body, &known)
}

/// Refuses to end an order that is not the caller's, as far as there is one.
pub(crate) fn check_owner(
    body: &Value,
    caller: Caller,
    out_trade_no: &str,
    merchant: &str,
    orders: &Orders,
    now: i64,
) -> Result<(), Refusal> {
    check_out_trade_no(out_trade_no)?;
    let path = mchid(caller);
    check_merchant(path, text(body, path), merchant)?;
    match orders.find(merchant, Number::OutTradeNo(out_trade_no), now) {
        Some(order) => check_sub_merchant(&order, caller, text(body, "/sub_mchid")),
        None => Ok(()),
    }
}

/// Closes an order.
pub(crate) fn close(
    request: &Received,
    caller: Caller,
    out_trade_no: &str,
    merchant: &str,
    orders: &Orders,
    now: i64,
) -> Result<Answer, Refusal> {
    let body = fields::body(request)?;
    check_whose(&body, caller, &[])?;
    check_owner(&body, caller, out_trade_no, merchant, orders, now)?;
    match orders.close(merchant, out_trade_no, now) {
        Ok(()) => Ok(nothing()),
        Err(NotClosed::Paid) => Err(Box::new(not_placed(NotPlaced::Paid))),
        Err(NotClosed::UserPaying) => Err(Box::new(user_paying())),
        Err(NotClosed::Micropay) => {
            let message = "当前交易不允许进行普通关单(只能撤销)";
            let status = StatusCode::BAD_REQUEST;
            let answer = Answer::error(status, "INVALID_REQUEST", message, None, number::MICROPAY);
            Err(Box::new(answer.shape()))
        }
    }
}

/// An error under a status of success: the user is about to type a password.
pub(crate) fn user_paying() -> Answer {
    let (code, message) = ("USERPAYING", "用户支付中，需要输入密码");
    Answer::error(StatusCode::ACCEPTED, code, message, None, number::OTHER)
}

/// 204.
pub(crate) fn nothing() -> Answer {
    let empty = bytes::Bytes::new();
    let mut answer = Answer::raw(
        StatusCode::NO_CONTENT,
        HeaderMap::new(),
        empty,
        Signed::Body,
    );
    answer.fidelity = Some(Fidelity::State);
    answer
}

/// An order, as a query and a notification show it.
pub(crate) fn transaction(merchant: &str, order: &Order) -> Value {
    let draft = &order.draft;
    let terms = &draft.terms;
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        fields.insert(name.to_owned(), value);
    };
    let is_partner = !terms.sub_mchid.is_empty();
    if is_partner {
        put("sp_appid", json!(draft.appid));
        put("sp_mchid", json!(merchant));
        put("sub_mchid", json!(terms.sub_mchid));
        if !terms.sub_appid.is_empty() {
            put("sub_appid", json!(terms.sub_appid));
        }
    } else {
        put("appid", json!(draft.appid));
        put("mchid", json!(merchant));
    }
    put("out_trade_no", json!(draft.out_trade_no));
    put("trade_state", json!(order.state.name()));
    put("trade_state_desc", json!(order.state.description()));
    let is_paid = matches!(
        order.state,
        TradeState::Success | TradeState::Refund | TradeState::Revoked
    );
    let Some(payment) = order.payment.as_ref().filter(|_| is_paid) else {
        return Value::Object(fields);
    };
    put("trade_type", json!(draft.trade_type.name()));
    put("transaction_id", json!(payment.transaction_id));
    put("bank_type", json!("OTHERS"));
    put("attach", json!(draft.attach));
    put("success_time", json!(rfc3339(payment.at)));
    put("promotion_detail", voucher::of_order(&payment.vouchers));
    let payer = match (is_partner, &*terms.sub_openid) {
        (false, _) => json!({ "openid": payment.openid }),
        (true, "") => json!({ "sp_openid": payment.openid }),
        (true, sub_openid) => json!({ "sp_openid": payment.openid, "sub_openid": sub_openid }),
    };
    put("payer", payer);
    let total = draft.total;
    put(
        "amount",
        json!({
            "total": total,
            "payer_total": voucher::shares(total, &payment.vouchers).payer,
            "currency": "CNY",
            "payer_currency": "CNY",
        }),
    );
    if !terms.device_id.is_empty() {
        put("scene_info", json!({ "device_id": terms.device_id }));
    }
    Value::Object(fields)
}
