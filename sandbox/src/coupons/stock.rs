//! Stocks of coupons: how they are made and changed, and the codes that a merchant uploads.

use std::collections::HashMap;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::clock::{from_rfc3339, rfc3339};
use crate::coupons::{
    Counter, Coupons, DAY, YEAR, check_time, key, page, presume, refuse, unknown,
};
use crate::fields::{self, Field, Kind, Refusal, optional, required, text, wrong};
use crate::json::canonical;
use crate::limits::Rate;
use crate::payments::{nothing, too_fast};

/// The mode in which the merchant uploads codes.
const UPLOADED: &str = "MERCHANT_UPLOAD";

/// How many codes one upload may have.
const CODES: usize = 200;

const STOCK: [Field; 19] = [
    required("/stock_name", "商家券批次名称", Kind::Text(63)),
    required("/belong_merchant", "批次归属商户号", Kind::Text(32)),
    optional("/comment", "批次备注", Kind::Text(60)),
    required("/goods_name", "适用商品范围", Kind::Text(45)),
    required(
        "/stock_type",
        "批次类型",
        Kind::OneOf(&["NORMAL", "DISCOUNT", "EXCHANGE"]),
    ),
    required("/coupon_use_rule", "核销规则", Kind::Object),
    required(
        "/coupon_use_rule/coupon_available_time",
        "券可核销时间",
        Kind::Object,
    ),
    required(
        "/coupon_use_rule/coupon_available_time/available_begin_time",
        "开始时间",
        Kind::Text(64),
    ),
    required(
        "/coupon_use_rule/coupon_available_time/available_end_time",
        "结束时间",
        Kind::Text(64),
    ),
    optional(
        "/coupon_use_rule/coupon_available_time/available_day_after_receive",
        "生效后N天内有效",
        Kind::Integer(1),
    ),
    optional(
        "/coupon_use_rule/coupon_available_time/wait_days_after_receive",
        "领取后N天开始生效",
        Kind::Integer(0),
    ),
    required(
        "/coupon_use_rule/use_method",
        "核销方式",
        Kind::OneOf(&["OFF_LINE", "MINI_PROGRAMS", "SELF_CONSUME", "PAYMENT_CODE"]),
    ),
    required("/stock_send_rule", "发放规则", Kind::Object),
    optional(
        "/stock_send_rule/max_coupons",
        "批次最大发放个数",
        Kind::Integer(1),
    ),
    required(
        "/stock_send_rule/max_coupons_per_user",
        "用户最大领取个数",
        Kind::Integer(1),
    ),
    required("/out_request_no", "商户请求单号", Kind::Text(128)),
    required(
        "/coupon_code_mode",
        "券code模式",
        Kind::OneOf(&["WECHATPAY_MODE", "MERCHANT_API", "MERCHANT_UPLOAD"]),
    ),
    optional("/notify_config", "事件通知配置", Kind::Object),
    optional(
        "/notify_config/notify_appid",
        "事件通知appid",
        Kind::Text(64),
    ),
];

const PATCH: [Field; 9] = [
    required("/out_request_no", "商户请求单号", Kind::Text(128)),
    optional("/stock_name", "商家券批次名称", Kind::Text(63)),
    optional("/comment", "批次备注", Kind::Text(60)),
    optional("/goods_name", "适用商品范围", Kind::Text(45)),
    optional("/custom_entrance", "自定义入口", Kind::Object),
    optional("/display_pattern_info", "样式信息", Kind::Object),
    optional("/coupon_use_rule", "核销规则", Kind::Object),
    optional("/stock_send_rule", "发放规则", Kind::Object),
    optional("/notify_config", "事件通知配置", Kind::Object),
];

/// What of a stock can be changed.
const CHANGEABLE: [&str; 15] = [
    "/out_request_no",
    "/stock_name",
    "/comment",
    "/goods_name",
    "/custom_entrance",
    "/display_pattern_info",
    "/coupon_use_rule",
    "/coupon_use_rule/use_method",
    "/coupon_use_rule/mini_programs_appid",
    "/coupon_use_rule/mini_programs_path",
    "/stock_send_rule",
    "/stock_send_rule/natural_person_limit",
    "/stock_send_rule/prevent_api_abuse",
    "/notify_config",
    "/subsidy",
];

const BUDGET: [Field; 5] = [
    optional(
        "/target_max_coupons",
        "目标批次最大发放个数",
        Kind::Integer(1),
    ),
    optional(
        "/target_max_coupons_by_day",
        "目标单天发放上限个数",
        Kind::Integer(1),
    ),
    optional(
        "/current_max_coupons",
        "当前批次最大发放个数",
        Kind::Integer(1),
    ),
    optional(
        "/current_max_coupons_by_day",
        "当前单天发放上限个数",
        Kind::Integer(1),
    ),
    required(
        "/modify_budget_request_no",
        "修改预算请求单据号",
        Kind::Text(128),
    ),
];

const UPLOAD: [Field; 2] = [
    required("/coupon_code_list", "券code列表", Kind::List),
    required("/upload_request_no", "请求业务单据号", Kind::Text(128)),
];

/// What a coupon shows of its stock.
const SHOWN: [&str; 8] = [
    "stock_name",
    "belong_merchant",
    "comment",
    "goods_name",
    "stock_type",
    "coupon_use_rule",
    "custom_entrance",
    "display_pattern_info",
];

/// Where a stock stands, in WeChat Pay's spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StockState {
    Unaudit,
    Running,
    Stoped,
    Paused,
}

impl StockState {
    fn name(self) -> &'static str {
        match self {
            Self::Unaudit => "UNAUDIT",
            Self::Running => "RUNNING",
            Self::Stoped => "STOPED",
            Self::Paused => "PAUSED",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Unaudit, Self::Running, Self::Stoped, Self::Paused]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Stock {
    pub(super) id: String,
    /// As it was created.
    pub(super) body: Value,
    created: i64,
    pub(super) state: StockState,
    /// Those that the merchant uploaded, in their order.
    codes: Vec<Code>,
    /// The answers to uploads and changes of the budget, by the number of the request.
    done: HashMap<String, Value>,
}

/// A code that the merchant uploaded.
#[derive(Clone, Debug)]
struct Code {
    code: String,
    uploaded: i64,
    /// To whom it went, and when.
    dispatched: Option<(String, i64)>,
}

impl Code {
    fn json(&self) -> Value {
        let mut fields = json!({
            "code": self.code,
            "coupon_code": self.code,
            "code_status": "AVAILABLE",
            "upload_time": rfc3339(self.uploaded),
        });
        if let (Some((openid, at)), Some(fields)) = (&self.dispatched, fields.as_object_mut()) {
            fields.insert("code_status".to_owned(), json!("DISPATCHED"));
            fields.insert("dispatched_time".to_owned(), json!(rfc3339(*at)));
            fields.insert("openid".to_owned(), json!(openid));
        }
        fields
    }
}

impl Stock {
    pub(super) fn mode(&self) -> &str {
        text(&self.body, "/coupon_code_mode")
    }

    pub(super) fn rule(&self, name: &str) -> Option<u64> {
        let rule = self.body.get("stock_send_rule")?.get(name)?;
        rule.as_u64()
    }

    /// From when until when a coupon is good that is received now.
    pub(super) fn validity(&self, now: i64) -> (i64, i64) {
        let place = "/coupon_use_rule/coupon_available_time";
        let time = |name: &str| from_rfc3339(text(&self.body, &format!("{place}/{name}")));
        let days = |name: &str| {
            let days = self.body.pointer(&format!("{place}/{name}"));
            days.and_then(Value::as_i64)
                .map(|days| days.saturating_mul(DAY))
        };
        let wait = days("wait_days_after_receive").unwrap_or(0);
        let begin = time("available_begin_time").unwrap_or(now);
        let begin = begin.max(now.saturating_add(wait));
        let end = time("available_end_time").unwrap_or_else(|| now.saturating_add(YEAR));
        let end = match days("available_day_after_receive") {
            Some(days) => end.min(begin.saturating_add(days)),
            None => end,
        };
        (begin, end)
    }

    /// What its coupons show of it.
    pub(super) fn described(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let rules = self.body.get("stock_send_rule").unwrap_or(&Value::Null);
        let shown = SHOWN.iter().map(|name| (name, &self.body));
        let rules = ["transferable", "shareable"]
            .iter()
            .map(|name| (name, rules));
        for (name, place) in shown.chain(rules) {
            if let Some(value) = place.get(*name) {
                fields.insert((*name).to_owned(), value.clone());
            }
        }
        fields
    }

    /// Gives the first uploaded code that is free to this user.
    pub(super) fn dispatch(&mut self, openid: &str, now: i64) -> Option<String> {
        let mut codes = self.codes.iter_mut();
        let free = codes.find(|code| code.dispatched.is_none())?;
        free.dispatched = Some((openid.to_owned(), now));
        Some(free.code.clone())
    }
}

fn no_stock() -> Refusal {
    unknown("批次不存在")
}

/// What can't be done with a stock as it is.
fn invalid(message: &str) -> Refusal {
    refuse(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message)
}

/// Puts what is given over what is there, inside of objects, too.
fn merge(there: &mut Value, given: &Value) {
    match (there.as_object_mut(), given.as_object()) {
        (Some(fields), Some(given)) => {
            for (name, value) in given {
                merge(fields.entry(name).or_insert(Value::Null), value);
            }
        }
        _ => *there = given.clone(),
    }
}

impl Coupons {
    /// Creates a stock.
    pub(crate) fn create(&self, counter: Counter<'_>) -> Result<Answer, Refusal> {
        let body = fields::body(counter.request)?;
        fields::check(&body, &STOCK)?;
        for (name, title) in [
            ("available_begin_time", "开始时间"),
            ("available_end_time", "结束时间"),
        ] {
            let path = format!("/coupon_use_rule/coupon_available_time/{name}");
            check_time(&body, &path, title)?;
        }
        let mut state = self.lock();
        if !state
            .limits
            .take(counter.merchant, Rate::CreateStock, counter.now)
        {
            return Err(Box::new(too_fast("频率超限")));
        }
        let request = key(counter.merchant, text(&body, "/out_request_no"));
        let known = state.requests.get(&request);
        if let Some(known) = known.and_then(|id| state.stocks.get(id)) {
            if canonical(&known.body) != canonical(&body) {
                let code = "RESOURCE_ALREADY_EXISTS";
                return Err(refuse(StatusCode::BAD_REQUEST, code, "批次已存在"));
            }
            return Ok(created(known).shape());
        }
        state.count += 1;
        let stock = Stock {
            id: format!("{:016}", 1_000_000_000_000_000 + state.count),
            body,
            created: counter.now,
            state: StockState::Running,
            codes: Vec::new(),
            done: HashMap::new(),
        };
        let answer = created(&stock);
        state.requests.insert(request, stock.id.clone());
        state.stocks.insert(stock.id.clone(), stock);
        Ok(answer)
    }

    /// Asks for a stock.
    pub(crate) fn stock(&self, id: &str) -> Result<Answer, Refusal> {
        let state = self.lock();
        let stock = state.stocks.get(id).ok_or_else(no_stock)?;
        let sent = state.coupons.values().filter(|one| one.stock_id == id);
        let sent = sent.count();
        let mut body = stock.body.clone();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("out_request_no");
            fields.insert("stock_id".to_owned(), json!(id));
            fields.insert("stock_state".to_owned(), json!(stock.state.name()));
            let information = json!({ "total_send_num": sent });
            fields.insert("send_count_information".to_owned(), information);
            if stock.mode() == UPLOADED {
                let free = stock.codes.iter().filter(|code| code.dispatched.is_none());
                let count = json!({
                    "total_count": stock.codes.len(), "available_count": free.count(),
                });
                fields.insert("coupon_code_count".to_owned(), count);
            }
        }
        Ok(Answer::ok(&body))
    }

    /// Changes what a stock says.
    pub(crate) fn patch(&self, counter: Counter<'_>, id: &str) -> Result<Answer, Refusal> {
        let mut body = fields::body(counter.request)?;
        fields::check(&body, &PATCH)?;
        fields::only(&body, &CHANGEABLE)?;
        if let Some(fields) = body.as_object_mut() {
            fields.remove("out_request_no");
        }
        let mut state = self.lock();
        let stock = state.stocks.get_mut(id).ok_or_else(no_stock)?;
        merge(&mut stock.body, &body);
        Ok(nothing())
    }

    /// Changes how many coupons a stock gives.
    pub(crate) fn budget(&self, counter: Counter<'_>, id: &str) -> Result<Answer, Refusal> {
        let body = fields::body(counter.request)?;
        fields::check(&body, &BUDGET)?;
        let given = |name: &str| body.get(name).and_then(Value::as_u64);
        let mut state = self.lock();
        let stock = state.stocks.get_mut(id).ok_or_else(no_stock)?;
        let request = text(&body, "/modify_budget_request_no").to_owned();
        if let Some(known) = stock.done.get(&request) {
            return Ok(Answer::ok(known).shape());
        }
        let changes = ["max_coupons", "max_coupons_by_day"].map(|name| {
            let target = given(&format!("target_{name}"))?;
            Some((name, target, given(&format!("current_{name}"))))
        });
        if changes.iter().flatten().next().is_none() {
            return Err(wrong(
                "/target_max_coupons",
                &Value::Null,
                "required field is missing",
                "target_max_coupons和target_max_coupons_by_day必须二选一",
            ));
        }
        for (name, _, current) in changes.iter().flatten() {
            if current.is_some() && *current != stock.rule(name) {
                let message = "当前批次预算与请求中的当前预算不一致";
                return Err(Box::new(invalid(message).shape()));
            }
        }
        for (name, target, _) in changes.iter().flatten() {
            let change = json!({ "stock_send_rule": { *name: target } });
            merge(&mut stock.body, &change);
        }
        let mut answer = Map::new();
        for name in ["max_coupons", "max_coupons_by_day"] {
            if let Some(most) = stock.rule(name) {
                answer.insert(name.to_owned(), json!(most));
            }
        }
        let answer = Value::Object(answer);
        stock.done.insert(request, answer.clone());
        Ok(Answer::ok(&answer))
    }

    /// Takes codes that the merchant made.
    pub(crate) fn upload(&self, counter: Counter<'_>, id: &str) -> Result<Answer, Refusal> {
        let body = fields::body(counter.request)?;
        fields::check(&body, &UPLOAD)?;
        let list = body.get("coupon_code_list").and_then(Value::as_array);
        let list: Vec<&Value> = list.into_iter().flatten().collect();
        let codes: Vec<&str> = list.iter().filter_map(|code| code.as_str()).collect();
        let is_good = codes.len() == list.len()
            && (1..=CODES).contains(&list.len())
            && codes.iter().all(|code| (1..=32).contains(&code.len()));
        if !is_good {
            return Err(wrong(
                "/coupon_code_list",
                &json!(list),
                "value is no list of 1 to 200 codes",
                "输入源“/body/coupon_code_list”映射到字段“券code列表”规则校验失败",
            ));
        }
        let mut state = self.lock();
        let stock = state.stocks.get_mut(id).ok_or_else(no_stock)?;
        if stock.mode() != UPLOADED {
            return Err(invalid("发券模式不合法"));
        }
        let request = text(&body, "/upload_request_no").to_owned();
        if let Some(known) = stock.done.get(&request) {
            return Ok(Answer::ok(known).shape());
        }
        let (mut new, mut exist, mut duplicate) = (Vec::new(), Vec::new(), Vec::new());
        for code in &codes {
            if stock.codes.iter().any(|known| known.code == **code) {
                exist.push(*code);
            } else if new.contains(code) {
                duplicate.push(*code);
            } else {
                new.push(*code);
            }
        }
        let most = stock.rule("max_coupons");
        let count = (stock.codes.len() + new.len()) as u64;
        if most.is_some_and(|most| count > most) {
            return Err(Box::new(invalid("上传的自定义code已达上限").shape()));
        }
        stock.codes.extend(new.iter().map(|code| Code {
            code: (*code).to_owned(),
            uploaded: counter.now,
            dispatched: None,
        }));
        let answer = json!({
            "stock_id": id,
            "total_count": codes.len(),
            "success_count": new.len(),
            "success_codes": new,
            "success_time": rfc3339(counter.now),
            "fail_count": exist.len() + duplicate.len(),
            "exist_codes": exist,
            "duplicate_codes": duplicate,
        });
        stock.done.insert(request, answer.clone());
        Ok(Answer::ok(&answer))
    }

    /// Lists the uploaded codes.
    pub(crate) fn codes(&self, counter: Counter<'_>, id: &str) -> Result<Answer, Refusal> {
        let request = counter.request;
        let (offset, limit) = page(request)?;
        let status = request.query("status");
        let state = self.lock();
        let stock = state.stocks.get(id).ok_or_else(no_stock)?;
        let codes = stock.codes.iter().map(Code::json);
        let codes = codes.filter(|code| status.is_empty() || code["code_status"] == *status);
        let codes: Vec<Value> = codes.collect();
        let total_count = codes.len();
        let data: Vec<Value> = codes.into_iter().skip(offset).take(limit).collect();
        Ok(Answer::ok(&json!({
            "stock_id": id,
            "total_count": total_count,
            "limit": limit,
            "offset": offset,
            "data": data,
        })))
    }

    /// Asks for one of them.
    pub(crate) fn code(
        &self,
        counter: Counter<'_>,
        id: &str,
        code: &str,
    ) -> Result<Answer, Refusal> {
        let state = self.lock();
        let stock = state.stocks.get(id).ok_or_else(no_stock)?;
        let mut codes = stock.codes.iter();
        let known = codes.find(|known| known.code == code);
        let known = known.ok_or_else(|| unknown("券code不存在"))?;
        let coupon = state.coupons.get(&key(counter.merchant, code));
        let coupon = match coupon {
            Some(coupon) => coupon.json(Some(stock)),
            None => Value::Object(stock.described()),
        };
        Ok(Answer::ok(&json!({
            "code_information": known.json(),
            "coupon_information": coupon,
        })))
    }

    /// Deletes one that nobody has.
    pub(crate) fn delete_code(
        &self,
        counter: Counter<'_>,
        id: &str,
        code: &str,
    ) -> Result<Answer, Refusal> {
        let request_no = counter.request.query("delete_request_no");
        if request_no.is_empty() {
            return Err(fields::missing(
                "/delete_request_no",
                "请求业务单据号",
                "query",
            ));
        }
        let mut state = self.lock();
        let stock = state.stocks.get_mut(id).ok_or_else(no_stock)?;
        if let Some(known) = stock.done.get(&*request_no) {
            return Ok(Answer::ok(known).shape());
        }
        let index = stock.codes.iter().position(|known| known.code == code);
        let index = index.ok_or_else(|| unknown("券code不存在"))?;
        let is_free = stock
            .codes
            .get(index)
            .is_some_and(|code| code.dispatched.is_none());
        if !is_free {
            let status = StatusCode::BAD_REQUEST;
            return Err(presume(status, "INVALID_REQUEST", "券code已发放，不能删除"));
        }
        stock.codes.remove(index);
        let answer = json!({ "stock_id": id, "delete_time": rfc3339(counter.now) });
        stock.done.insert(request_no, answer.clone());
        Ok(Answer::ok(&answer))
    }

    /// Puts a stock into this state; `None` when there is no such stock.
    pub(crate) fn set_state(&self, id: &str, to: StockState) -> Option<()> {
        let mut state = self.lock();
        state.stocks.get_mut(id)?.state = to;
        Some(())
    }
}

fn created(stock: &Stock) -> Answer {
    let create_time = rfc3339(stock.created);
    Answer::ok(&json!({ "stock_id": stock.id, "create_time": create_time }))
}
