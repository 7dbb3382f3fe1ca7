//! `v3/marketing/busifavor`: stocks of coupons, and what becomes of a coupon.
//!
//! A stock that the gateway doesn't know gives coupons all the same, without any rules: a test that
//! is about sending needs no stock.

mod stock;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, number};
use crate::clock::{day, from_rfc3339, rfc3339};
use crate::coupons::stock::Stock;
use crate::fields::{self, Field, Kind, Refusal, optional, required, text, wrong};
use crate::limits::{Limits, Rate};
use crate::notifier::Notifier;
use crate::payments::too_fast;
use crate::random::Random;
use crate::received::Received;

pub(crate) use crate::coupons::stock::StockState;

const DAY: i64 = 24 * 60 * 60;

/// How long a coupon without a stock is good.
const YEAR: i64 = 365 * DAY;

/// Where a coupon says with which order it is associated.
const ORDER: &str = "associate_out_trade_no";

const SEND: [Field; 5] = [
    required("/openid", "用户标识", Kind::Text(128)),
    required("/appid", "公众账号ID", Kind::Text(32)),
    required("/stock_id", "批次号", Kind::Text(32)),
    required("/out_request_no", "发放请求单号", Kind::Text(128)),
    optional("/coupon_code", "券code", Kind::Text(32)),
];

const SEND_PRODUCT: [Field; 2] = [
    required("/coupon_type", "券类型", Kind::OneOf(&["NORMAL", "MEMBER"])),
    optional("/member_card_id", "会员卡ID", Kind::Text(64)),
];

const USE: [Field; 6] = [
    required("/coupon_code", "券code", Kind::Text(32)),
    optional("/stock_id", "批次号", Kind::Text(32)),
    required("/appid", "公众账号ID", Kind::Text(32)),
    required("/use_time", "请求核销时间", Kind::Text(64)),
    required("/use_request_no", "核销请求单据号", Kind::Text(128)),
    optional("/openid", "用户标识", Kind::Text(128)),
];

const RETURN: [Field; 3] = [
    required("/coupon_code", "券code", Kind::Text(32)),
    required("/stock_id", "批次号", Kind::Text(32)),
    required("/return_request_no", "退券请求单据号", Kind::Text(128)),
];

const DEACTIVATE: [Field; 4] = [
    required("/coupon_code", "券code", Kind::Text(32)),
    required("/stock_id", "批次号", Kind::Text(32)),
    required("/deactivate_request_no", "失效请求单据号", Kind::Text(128)),
    optional("/deactivate_reason", "失效原因", Kind::Text(64)),
];

const ASSOCIATE: [Field; 4] = [
    required("/stock_id", "批次号", Kind::Text(32)),
    required("/coupon_code", "券code", Kind::Text(32)),
    required("/out_trade_no", "关联的商户订单号", Kind::Text(32)),
    required("/out_request_no", "商户请求单号", Kind::Text(128)),
];

const CALLBACKS: [Field; 2] = [
    optional("/mchid", "商户号", Kind::Text(32)),
    required("/notify_url", "通知URL地址", Kind::Text(256)),
];

/// Where a coupon stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CouponState {
    Sent,
    Used,
    Expired,
    /// By its user.
    Deleted,
    Deactivated,
}

impl CouponState {
    fn name(self) -> &'static str {
        match self {
            Self::Sent => "SENDED",
            Self::Used => "USED",
            Self::Expired => "EXPIRED",
            Self::Deleted => "DELETED",
            Self::Deactivated => "DEACTIVATED",
        }
    }
}

#[derive(Clone, Debug)]
struct Coupon {
    code: String,
    stock_id: String,
    openid: String,
    send_request_no: String,
    state: CouponState,
    received: i64,
    begin: i64,
    end: i64,
    /// What its calls left: names and texts.
    traces: Map<String, Value>,
    /// The numbers of the requests that associated it with an order and undid that, and when.
    associated: Option<(String, i64)>,
    disassociated: Option<(String, i64)>,
}

impl Coupon {
    /// What time alone does to it.
    fn age(&mut self, now: i64) {
        if self.state == CouponState::Sent && now > self.end {
            self.state = CouponState::Expired;
        }
    }

    fn trace(&self, name: &str) -> &str {
        let trace = self.traces.get(name);
        trace.and_then(Value::as_str).unwrap_or_default()
    }

    fn leave(&mut self, name: &str, value: impl Into<String>) {
        self.traces
            .insert(name.to_owned(), Value::from(value.into()));
    }

    fn json(&self, stock: Option<&Stock>) -> Value {
        let mut fields = Map::new();
        if let Some(stock) = stock {
            fields = stock.described();
        }
        for (name, text) in [
            ("coupon_state", self.state.name().to_owned()),
            ("coupon_code", self.code.clone()),
            ("stock_id", self.stock_id.clone()),
            ("available_start_time", rfc3339(self.begin)),
            ("expire_time", rfc3339(self.end)),
            ("receive_time", rfc3339(self.received)),
            ("send_request_no", self.send_request_no.clone()),
        ] {
            fields.insert(name.to_owned(), Value::from(text));
        }
        fields.extend(self.traces.clone());
        Value::Object(fields)
    }
}

/// A merchant and one of its numbers.
type Key = (String, String);

fn key(merchant: &str, number: &str) -> Key {
    (merchant.to_owned(), number.to_owned())
}

#[derive(Default)]
struct State {
    /// By `stock_id`, whoever created it.
    stocks: HashMap<String, Stock>,
    /// The `stock_id` of an `out_request_no`.
    requests: HashMap<Key, String>,
    /// By `coupon_code`.
    coupons: HashMap<Key, Coupon>,
    /// The `coupon_code` of an `out_request_no`.
    given: HashMap<Key, String>,
    /// Where a merchant wants to be told.
    callbacks: HashMap<String, String>,
    limits: Limits,
    count: u64,
}

/// All stocks and coupons.
pub(crate) struct Coupons {
    state: Mutex<State>,
}

/// Who calls, when, and what with.
#[derive(Clone, Copy)]
pub(crate) struct Counter<'a> {
    pub(crate) request: &'a Received,
    pub(crate) merchant: &'a str,
    pub(crate) notifier: &'a Notifier,
    pub(crate) random: &'a Random,
    pub(crate) now: i64,
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Refusal {
    let number = match status {
        StatusCode::NOT_FOUND => number::NOT_FOUND,
        _ => number::OTHER,
    };
    Box::new(Answer::error(status, code, message, None, number))
}

/// As [`refuse`], where nobody has seen it.
fn presume(status: StatusCode, code: &str, message: &str) -> Refusal {
    Box::new(refuse(status, code, message).shape())
}

fn unknown(message: &str) -> Refusal {
    refuse(StatusCode::NOT_FOUND, "RESOURCE_NOT_EXISTS", message)
}

/// The times that a call says must be some.
fn check_time(body: &Value, path: &str, title: &str) -> Result<(), Refusal> {
    if from_rfc3339(text(body, path)).is_some() {
        return Ok(());
    }
    Err(wrong(
        path,
        body.pointer(path).unwrap_or(&Value::Null),
        "value is not a time of RFC 3339",
        &format!("输入源“/body{path}”映射到字段“{title}”字符串规则校验失败"),
    ))
}

impl Coupons {
    /// `is_limited` has WeChat Pay's rates kept.
    pub(crate) fn new(is_limited: bool) -> Self {
        let state = State {
            limits: Limits::new(is_limited),
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
        }
    }

    pub(crate) fn reset(&self) {
        let mut state = self.lock();
        *state = State {
            limits: Limits::new(state.limits.is_kept()),
            ..State::default()
        };
    }

    /// Gives a coupon, and the same one for the same request.
    pub(crate) fn send(&self, counter: Counter<'_>, is_product: bool) -> Result<Answer, Refusal> {
        let Counter {
            request,
            merchant,
            random,
            now,
            ..
        } = counter;
        let body = fields::body(request)?;
        fields::check(&body, &SEND)?;
        if is_product {
            fields::check(&body, &SEND_PRODUCT)?;
            let is_member = text(&body, "/coupon_type") == "MEMBER";
            if is_member && text(&body, "/member_card_id").is_empty() {
                return Err(absent("/member_card_id", "会员卡ID"));
            }
        }
        let openid = text(&body, "/openid");
        let stock_id = text(&body, "/stock_id");
        let out_request_no = text(&body, "/out_request_no");
        let mut state = self.lock();
        let stock = state.stocks.get(stock_id).cloned();
        let given = key(merchant, out_request_no);
        let known = state.given.get(&given);
        let known = known.and_then(|code| state.coupons.get(&key(merchant, code)));
        if let Some(coupon) = known {
            return Ok(sent(coupon, is_product, stock.is_some()));
        }
        if let Some(stock) = &stock {
            check_send(&state, stock, openid, text(&body, "/coupon_code"), now)?;
        }
        let is_uploaded = stock
            .as_ref()
            .is_some_and(|stock| stock.mode() == "MERCHANT_UPLOAD");
        let uploaded = if is_uploaded {
            let stock = state.stocks.get_mut(stock_id);
            let code = stock.and_then(|stock| stock.dispatch(openid, now));
            let message = "批次可用的券code不足";
            code.ok_or_else(|| presume(StatusCode::FORBIDDEN, "RULE_LIMIT", message))?
        } else {
            String::new()
        };
        let code = match (&*uploaded, text(&body, "/coupon_code")) {
            ("", code) | (code, _) => code,
        };
        let code = match (code, &stock) {
            ("", None) => random.text(b"0123456789ABCDEF", 20),
            ("", Some(_)) => random.text(b"0123456789", 22),
            (code, _) => code.to_owned(),
        };
        // Without a stock there are no rules.
        if stock.is_some() && state.coupons.contains_key(&key(merchant, &code)) {
            let status = StatusCode::BAD_REQUEST;
            return Err(presume(status, "RESOURCE_ALREADY_EXISTS", "券code已存在"));
        }
        let (begin, end) = match &stock {
            Some(stock) => stock.validity(now),
            None => (now, now.saturating_add(YEAR)),
        };
        let coupon = Coupon {
            code: code.clone(),
            stock_id: stock_id.to_owned(),
            openid: openid.to_owned(),
            send_request_no: out_request_no.to_owned(),
            state: CouponState::Sent,
            received: now,
            begin,
            end,
            traces: Map::new(),
            associated: None,
            disassociated: None,
        };
        let answer = sent(&coupon, is_product, stock.is_some());
        state.given.insert(given, code.clone());
        state.coupons.insert(key(merchant, &code), coupon.clone());
        let url = state.callbacks.get(merchant).cloned();
        drop(state);
        if let (Some(url), Some(stock)) = (url, &stock) {
            let notice = notice(merchant, stock, &coupon);
            let notifier = counter.notifier;
            notifier.custom(merchant, "COUPON.SEND", &notice, &url, now);
        }
        Ok(answer)
    }

    /// Uses a coupon.
    pub(crate) fn consume(&self, counter: Counter<'_>) -> Result<Answer, Refusal> {
        let body = fields::body(counter.request)?;
        fields::check(&body, &USE)?;
        check_time(&body, "/use_time", "请求核销时间")?;
        let mut state = self.lock();
        let (code, stock_id) = (text(&body, "/coupon_code"), text(&body, "/stock_id"));
        let now = counter.now;
        if !state.limits.take(counter.merchant, Rate::UseCoupon, now) {
            return Err(Box::new(too_fast("频率超限")));
        }
        let found = state.coupons.get(&key(counter.merchant, code));
        let mode = found
            .and_then(|coupon| state.stocks.get(&coupon.stock_id))
            .map(|stock| stock.mode().to_owned());
        let needs_stock = mode.is_some_and(|mode| mode != "WECHATPAY_MODE");
        if needs_stock && stock_id.is_empty() {
            return Err(absent("/stock_id", "批次号"));
        }
        let coupon = state.coupon(counter.merchant, code, stock_id, now)?;
        let openid = text(&body, "/openid");
        if !openid.is_empty() && openid != coupon.openid {
            let status = StatusCode::NOT_FOUND;
            return Err(refuse(status, "USER_NOT_EXISTS", "openid不正确"));
        }
        let request_no = text(&body, "/use_request_no");
        match coupon.state {
            CouponState::Used if coupon.trace("use_request_no") == request_no => {
                return Ok(used(coupon).shape());
            }
            CouponState::Used => {
                return Err(refuse(
                    StatusCode::BAD_REQUEST,
                    "RESOURCE_ALREADY_EXISTS",
                    "券已被其他订单核销",
                ));
            }
            CouponState::Deactivated | CouponState::Deleted => {
                let status = StatusCode::BAD_REQUEST;
                return Err(presume(status, "INVALID_REQUEST", "券已失效"));
            }
            CouponState::Sent if now >= coupon.begin => {}
            CouponState::Sent | CouponState::Expired => {
                return Err(refuse(StatusCode::FORBIDDEN, "RULE_LIMIT", "券不在有效期"));
            }
        }
        coupon.state = CouponState::Used;
        coupon.leave("use_request_no", request_no);
        coupon.leave("use_time", rfc3339(now));
        let out_trade_no = text(&body, "/out_trade_no");
        if !out_trade_no.is_empty() {
            coupon.leave(ORDER, out_trade_no);
        }
        Ok(used(coupon))
    }

    /// Gives a used coupon back to its user.
    pub(crate) fn give_back(&self, counter: Counter<'_>) -> Result<Answer, Refusal> {
        let body = fields::body(counter.request)?;
        fields::check(&body, &RETURN)?;
        let (code, stock_id) = (text(&body, "/coupon_code"), text(&body, "/stock_id"));
        let mut state = self.lock();
        let coupon = state.coupon(counter.merchant, code, stock_id, counter.now)?;
        let request_no = text(&body, "/return_request_no");
        let is_repeat = coupon.trace("return_request_no") == request_no;
        if coupon.state != CouponState::Used && !is_repeat {
            let status = StatusCode::BAD_REQUEST;
            return Err(presume(status, "INVALID_REQUEST", "券未核销，不能退券"));
        }
        if coupon.state == CouponState::Used {
            coupon.state = CouponState::Sent;
            coupon.leave("return_request_no", request_no);
            coupon.leave("return_time", rfc3339(counter.now));
            coupon.age(counter.now);
        }
        let time = coupon.trace("return_time");
        let answer = Answer::ok(&json!({ "wechatpay_return_time": time }));
        Ok(if is_repeat { answer.shape() } else { answer })
    }

    /// Makes a coupon void.
    pub(crate) fn deactivate(&self, counter: Counter<'_>) -> Result<Answer, Refusal> {
        let body = fields::body(counter.request)?;
        fields::check(&body, &DEACTIVATE)?;
        let (code, stock_id) = (text(&body, "/coupon_code"), text(&body, "/stock_id"));
        let mut state = self.lock();
        let coupon = state.coupon(counter.merchant, code, stock_id, counter.now)?;
        let request_no = text(&body, "/deactivate_request_no");
        let is_repeat = coupon.trace("deactivate_request_no") == request_no;
        if coupon.state != CouponState::Sent && !is_repeat {
            let status = StatusCode::BAD_REQUEST;
            return Err(presume(status, "INVALID_REQUEST", "券状态不允许失效"));
        }
        if coupon.state == CouponState::Sent {
            coupon.state = CouponState::Deactivated;
            coupon.leave("deactivate_request_no", request_no);
            coupon.leave("deactivate_time", rfc3339(counter.now));
            coupon.leave("deactivate_reason", text(&body, "/deactivate_reason"));
        }
        let time = coupon.trace("deactivate_time");
        let answer = Answer::ok(&json!({ "wechatpay_deactivate_time": time }));
        Ok(if is_repeat { answer.shape() } else { answer })
    }

    /// Associates a coupon with an order.
    pub(crate) fn associate(&self, counter: Counter<'_>) -> Result<Answer, Refusal> {
        let Counter { merchant, now, .. } = counter;
        let body = fields::body(counter.request)?;
        fields::check(&body, &ASSOCIATE)?;
        let (code, stock_id) = (text(&body, "/coupon_code"), text(&body, "/stock_id"));
        let mut state = self.lock();
        if !state.limits.take(merchant, Rate::AssociateCoupon, now) {
            return Err(Box::new(too_fast("频率超限")));
        }
        let coupon = state.coupon(merchant, code, stock_id, now)?;
        let request_no = text(&body, "/out_request_no");
        let answer = |at: i64| Answer::ok(&json!({ "wechatpay_associate_time": rfc3339(at) }));
        match &coupon.associated {
            Some((known, at)) if known == request_no => return Ok(answer(*at).shape()),
            _ if coupon.state != CouponState::Sent => {
                let status = StatusCode::BAD_REQUEST;
                return Err(presume(status, "INVALID_REQUEST", "券状态不允许关联订单"));
            }
            _ => {}
        }
        coupon.associated = Some((request_no.to_owned(), now));
        coupon.leave(ORDER, text(&body, "/out_trade_no"));
        Ok(answer(now))
    }

    /// Undoes that.
    pub(crate) fn disassociate(&self, counter: Counter<'_>) -> Result<Answer, Refusal> {
        let Counter { merchant, now, .. } = counter;
        let body = fields::body(counter.request)?;
        fields::check(&body, &ASSOCIATE)?;
        let (code, stock_id) = (text(&body, "/coupon_code"), text(&body, "/stock_id"));
        let mut state = self.lock();
        let coupon = state.coupon(merchant, code, stock_id, now)?;
        let request_no = text(&body, "/out_request_no");
        let answer = |at: i64| Answer::ok(&json!({ "wechatpay_disassociate_time": rfc3339(at) }));
        match &coupon.disassociated {
            Some((known, at)) if known == request_no => return Ok(answer(*at).shape()),
            _ if coupon.trace(ORDER) != text(&body, "/out_trade_no") => {
                let status = StatusCode::BAD_REQUEST;
                return Err(presume(status, "INVALID_REQUEST", "券未关联该订单"));
            }
            _ => {}
        }
        coupon.disassociated = Some((request_no.to_owned(), now));
        coupon.traces.remove(ORDER);
        Ok(answer(now))
    }

    /// Has a user delete a coupon; `None` when there is none that could be used.
    pub(crate) fn delete(&self, merchant: &str, code: &str, now: i64) -> Option<()> {
        let mut state = self.lock();
        let coupon = state.coupon(merchant, code, "", now).ok()?;
        if coupon.state != CouponState::Sent {
            return None;
        }
        coupon.state = CouponState::Deleted;
        Some(())
    }

    /// Lists a user's coupons.
    pub(crate) fn list(&self, counter: Counter<'_>, openid: &str) -> Result<Answer, Refusal> {
        let Counter {
            request,
            merchant,
            now,
            ..
        } = counter;
        if request.query("appid").is_empty() {
            return Err(fields::missing("/appid", "公众账号ID", "query"));
        }
        let (offset, limit) = page(request)?;
        let mut state = self.lock();
        let mut coupons: Vec<Coupon> = Vec::new();
        for ((owner, _), coupon) in &mut state.coupons {
            if owner == merchant && coupon.openid == openid {
                coupon.age(now);
                coupons.push(coupon.clone());
            }
        }
        if coupons.is_empty() {
            let status = StatusCode::NOT_FOUND;
            return Err(refuse(status, "USER_NOT_EXISTS", "openid不正确"));
        }
        let (stock_id, wanted) = (request.query("stock_id"), request.query("coupon_state"));
        coupons.retain(|coupon| {
            (stock_id.is_empty() || coupon.stock_id == stock_id)
                && (wanted.is_empty() || coupon.state.name() == wanted)
        });
        coupons.sort_by(|a, b| (a.received, &a.code).cmp(&(b.received, &b.code)));
        let total_count = coupons.len();
        let data: Vec<Value> = coupons
            .iter()
            .skip(offset)
            .take(limit)
            .map(|coupon| coupon.json(state.stocks.get(&coupon.stock_id)))
            .collect();
        Ok(Answer::ok(&json!({
            "data": data,
            "total_count": total_count,
            "offset": offset,
            "limit": limit,
        })))
    }

    /// Asks for one coupon of a user.
    pub(crate) fn one(
        &self,
        counter: Counter<'_>,
        openid: &str,
        code: &str,
    ) -> Result<Answer, Refusal> {
        let mut state = self.lock();
        let coupon = state.coupon(counter.merchant, code, "", counter.now)?;
        if coupon.openid != openid {
            return Err(unknown("券不存在"));
        }
        let coupon = coupon.clone();
        let stock = state.stocks.get(&coupon.stock_id);
        Ok(Answer::ok(&coupon.json(stock)))
    }

    /// Says where to be told of coupons.
    pub(crate) fn set_callbacks(&self, counter: Counter<'_>) -> Result<Answer, Refusal> {
        let body = fields::body(counter.request)?;
        fields::check(&body, &CALLBACKS)?;
        let notify_url = text(&body, "/notify_url");
        // WeChat Pay takes https alone; on loopback there is http.
        let is_here = ["http://127.", "http://[::1]", "http://localhost"]
            .iter()
            .any(|start| notify_url.starts_with(start));
        if !(notify_url.starts_with("https://") || is_here) {
            return Err(wrong(
                "/notify_url",
                &json!(notify_url),
                "value is not an https URL",
                "输入源“/body/notify_url”映射到字段“通知URL地址”字符串规则校验失败",
            ));
        }
        let mchid = match text(&body, "/mchid") {
            "" => counter.merchant,
            mchid => mchid,
        };
        let mut state = self.lock();
        let callbacks = &mut state.callbacks;
        callbacks.insert(mchid.to_owned(), notify_url.to_owned());
        Ok(Answer::ok(&json!({
            "mchid": mchid,
            "notify_url": notify_url,
            "update_time": rfc3339(counter.now),
        })))
    }

    /// Asks where that is.
    pub(crate) fn callbacks(&self, counter: Counter<'_>) -> Result<Answer, Refusal> {
        let mchid = match counter.request.query("mchid") {
            mchid if mchid.is_empty() => counter.merchant.to_owned(),
            mchid => mchid,
        };
        let state = self.lock();
        let notify_url = state.callbacks.get(&mchid);
        let notify_url = notify_url.ok_or_else(|| unknown("未设置回调地址"))?;
        Ok(Answer::ok(
            &json!({ "mchid": mchid, "notify_url": notify_url }),
        ))
    }

    /// Everything there is, for whoever looks on.
    pub(crate) fn book(&self, now: i64) -> Vec<Value> {
        let mut state = self.lock();
        let mut coupons: Vec<Value> = Vec::new();
        let mut keys: Vec<Key> = state.coupons.keys().cloned().collect();
        keys.sort_unstable();
        for key in keys {
            if let Some(coupon) = state.coupons.get_mut(&key) {
                coupon.age(now);
                coupons.push(json!({
                    "mchid": key.0,
                    "coupon_code": coupon.code,
                    "stock_id": coupon.stock_id,
                    "openid": coupon.openid,
                    "coupon_state": coupon.state.name(),
                }));
            }
        }
        coupons
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The coupon of this code, as old as it is now; `stock_id` may be empty.
    fn coupon(
        &mut self,
        merchant: &str,
        code: &str,
        stock_id: &str,
        now: i64,
    ) -> Result<&mut Coupon, Refusal> {
        let coupon = self.coupons.get_mut(&key(merchant, code));
        let coupon = coupon
            .filter(|coupon| stock_id.is_empty() || coupon.stock_id == stock_id)
            .ok_or_else(|| unknown("券不存在"))?;
        coupon.age(now);
        Ok(coupon)
    }
}

/// Which part of a list is asked for: from where, and how many.
fn page(request: &Received) -> Result<(usize, usize), Refusal> {
    let number = |name: &str, default: usize| match &*request.query(name) {
        "" => Ok(default),
        text => text
            .parse::<usize>()
            .map_err(|_| fields::malformed(&format!("/{name}"), "分页参数", "query", text)),
    };
    Ok((number("offset", 0)?, number("limit", 20)?))
}

fn absent(path: &str, title: &str) -> Refusal {
    wrong(
        path,
        &Value::Null,
        "required field is missing",
        &format!("输入源“/body{path}”映射到字段“{title}”必填性规则校验失败，此字段为必填项"),
    )
}

/// Whether a stock gives one more coupon to this user.
fn check_send(
    state: &State,
    stock: &Stock,
    openid: &str,
    code: &str,
    now: i64,
) -> Result<(), Refusal> {
    if stock.state != StockState::Running {
        let message = "活动未开始或已结束";
        return Err(presume(StatusCode::FORBIDDEN, "REQUEST_BLOCKED", message));
    }
    if stock.mode() == "MERCHANT_API" && code.is_empty() {
        return Err(absent("/coupon_code", "券code"));
    }
    let sent: Vec<&Coupon> = state
        .coupons
        .values()
        .filter(|coupon| coupon.stock_id == stock.id)
        .collect();
    let today = day(now);
    let of_today = sent.iter().filter(|coupon| day(coupon.received) == today);
    let users = sent.iter().filter(|coupon| coupon.openid == openid);
    let is_full = |count: usize, name: &str| {
        let most = stock.rule(name);
        most.is_some_and(|most| count as u64 >= most)
    };
    let message = if is_full(sent.len(), "max_coupons") {
        "批次发放个数已达上限"
    } else if is_full(of_today.count(), "max_coupons_by_day") {
        "批次当日发放个数已达上限"
    } else if is_full(users.count(), "max_coupons_per_user") {
        "用户领取个数已达上限"
    } else {
        return Ok(());
    };
    Err(presume(StatusCode::FORBIDDEN, "RULE_LIMIT", message))
}

fn sent(coupon: &Coupon, is_product: bool, has_stock: bool) -> Answer {
    let flat = json!({
        "stock_id": coupon.stock_id,
        "coupon_code": coupon.code,
        "out_request_no": coupon.send_request_no,
    });
    if !is_product {
        // The Go SDK reads the one form, the catalogue has the other.
        let mut both = flat.clone();
        if let Some(fields) = both.as_object_mut() {
            fields.insert("send_coupon_result".to_owned(), flat);
        }
        return Answer::ok(&both).shape();
    }
    let answer = Answer::ok(&flat);
    if has_stock { answer } else { answer.shape() }
}

fn used(coupon: &Coupon) -> Answer {
    Answer::ok(&json!({
        "stock_id": coupon.stock_id,
        "openid": coupon.openid,
        "wechatpay_use_time": coupon.trace("use_time"),
    }))
}

/// What the merchant is told of a coupon that was sent.
fn notice(merchant: &str, stock: &Stock, coupon: &Coupon) -> Value {
    let mut notice = json!({
        "event_type": "EVENT_TYPE_BUSICOUPON_SEND",
        "coupon_code": coupon.code,
        "stock_id": coupon.stock_id,
        "send_time": rfc3339(coupon.received),
        "send_channel": "BUSICOUPON_SEND_CHANNEL_API",
        "send_merchant": merchant,
    });
    let tells_user = !text(&stock.body, "/notify_config/notify_appid").is_empty();
    if let (true, Some(fields)) = (tells_user, notice.as_object_mut()) {
        fields.insert("openid".to_owned(), json!(coupon.openid));
    }
    notice
}
