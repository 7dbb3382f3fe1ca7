//! Trouble on request: by a header, by a number that says so, and by rule.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::endpoint::Endpoint;
use crate::misbehaviour::Misbehaviour;
use crate::orders::RefundState;
use crate::random::Random;
use crate::received::Received;

/// The header that asks for trouble, as WeChat Pay's own sandbox spells it.
const NEGATIVE_TEST: &str = "Wechatpay-Negative-Test";

/// What a number that asks for trouble begins with.
const PREFIX: &str = "SANDBOX_";

/// The largest body in which a number is looked for, in bytes: no order needs more.
const READ: usize = 64 * 1024;

/// How much later an answer is that is late.
const LATE: Duration = Duration::from_secs(1);

/// What becomes of a payment by code. It is no trouble: the endpoint itself does it.
const MICROPAY: [&str; 2] = ["USERPAYING", "PAYERROR"];

/// Where refunds are.
const REFUNDS: &str = "/v3/refund/domestic/refunds";

/// APIv3's codes, with their status and a message.
const CODES: [(&str, u16, &str); 33] = [
    ("PARAM_ERROR", 400, "参数错误"),
    (
        "INVALID_REQUEST",
        400,
        "请求参数符合参数格式，但不符合业务规则",
    ),
    ("APPID_MCHID_NOT_MATCH", 400, "appid和mch_id不匹配"),
    ("MCH_NOT_EXISTS", 400, "商户号不存在"),
    ("ORDER_CLOSED", 400, "订单已关闭"),
    ("ORDERPAID", 400, "该订单已支付"),
    ("RESOURCE_ALREADY_EXISTS", 400, "资源已存在"),
    ("SIGN_ERROR", 401, "签名错误"),
    ("NO_AUTH", 403, "商户无权限"),
    ("OUT_TRADE_NO_USED", 403, "商户订单号重复"),
    ("RULE_LIMIT", 403, "业务规则限制"),
    ("TRADE_ERROR", 403, "交易错误"),
    ("ACCOUNT_ERROR", 403, "账号异常"),
    ("NOT_ENOUGH", 403, "基本账户余额不足，请充值后重新发起"),
    ("USER_ACCOUNT_ABNORMAL", 403, "用户账户异常"),
    ("REQUEST_BLOCKED", 403, "请求被拦截"),
    ("ORDER_NOT_EXIST", 404, "订单不存在"),
    ("RESOURCE_NOT_EXISTS", 404, "订单不存在"),
    ("USER_NOT_EXISTS", 404, "openid不正确"),
    ("FREQUENCY_LIMITED", 429, "频率超限"),
    ("RATELIMIT_EXCEEDED", 429, "频率超限"),
    ("SYSTEM_ERROR", 500, "系统错误"),
    ("BANK_ERROR", 500, "银行系统异常"),
    ("INVALID_TRANSACTIONID", 500, "无效的微信支付订单号"),
    ("OPENID_MISMATCH", 500, "openid和appid不匹配"),
    ("USERPAYING", 202, "用户支付中，需要输入密码"),
    ("USER_PAYING", 202, "用户支付中，需要输入密码"),
    ("ORDERNOTEXIST", 404, "订单不存在"),
    ("NOAUTH", 403, "商户无权限"),
    ("NOTENOUGH", 403, "余额不足"),
    ("RULELIMIT", 403, "业务规则限制"),
    ("SYSTEMERROR", 500, "系统错误"),
    ("BANKERROR", 500, "银行系统异常"),
];

/// What is no code of WeChat Pay's, but happens to answers.
const ACCIDENTS: [&str; 22] = [
    "TIMEOUT",
    "PAY_QUERY_TIMEOUT",
    "CUT_BEFORE_READ",
    "CUT_AFTER_READ",
    "CUT_IN_ANSWER",
    "CUT_IN_HEADERS",
    "CUT_AFTER_ANSWER",
    "CUT",
    "RESET_AFTER_READ",
    "RESET_IN_HEADERS",
    "RESET_IN_ANSWER",
    "STALL_IN_ANSWER",
    "GO_AWAY",
    "VANISH",
    "EMPTY",
    "HALF",
    "HTML",
    "UNSIGNED",
    "BAD_SIGNATURE",
    "UNKNOWN_SERIAL",
    "CLOCK_OFFSET",
    "CERTIFICATE_ROTATION",
];

/// An answer that comes late.
pub(crate) fn late() -> Misbehaviour {
    Misbehaviour::Delay(LATE)
}

fn accident(name: &str) -> Option<Misbehaviour> {
    Some(match name {
        "TIMEOUT" | "PAY_QUERY_TIMEOUT" => late(),
        "CUT_BEFORE_READ" => Misbehaviour::CutBeforeRead,
        "CUT" | "CUT_AFTER_READ" => Misbehaviour::CutAfterRead,
        "CUT_IN_ANSWER" => Misbehaviour::CutInAnswer,
        "CUT_IN_HEADERS" => Misbehaviour::CutInHeaders,
        "CUT_AFTER_ANSWER" => Misbehaviour::CutAfterAnswer,
        "RESET_AFTER_READ" => Misbehaviour::ResetAfterRead,
        "RESET_IN_HEADERS" => Misbehaviour::ResetInHeaders,
        "RESET_IN_ANSWER" => Misbehaviour::ResetInAnswer,
        "STALL_IN_ANSWER" => Misbehaviour::StallInAnswer,
        "GO_AWAY" => Misbehaviour::GoAway,
        "VANISH" => Misbehaviour::Vanish,
        "EMPTY" => Misbehaviour::empty(),
        "HALF" => Misbehaviour::half_json(),
        "HTML" => Misbehaviour::html(502),
        "UNSIGNED" => Misbehaviour::Unsigned,
        "BAD_SIGNATURE" => Misbehaviour::SignatureAltered,
        "UNKNOWN_SERIAL" => Misbehaviour::UnknownSerial("0".repeat(40)),
        "CLOCK_OFFSET" => Misbehaviour::ClockOffset(-600),
        "CERTIFICATE_ROTATION" => Misbehaviour::CertificateRotation,
        _ => return None,
    })
}

/// What a program asks for by this name: an accident, or the error of this code.
pub(crate) fn named(name: &str, is_apiv2: bool) -> Misbehaviour {
    if let Some(accident) = accident(name) {
        return accident;
    }
    let (status, message) = CODES
        .iter()
        .find(|(code, _, _)| *code == name)
        .map_or((400, name), |(_, status, message)| (*status, *message));
    // APIv2 says everything under 200.
    let status = if is_apiv2 { 200 } else { status };
    Misbehaviour::status(status, name, message)
}

/// What the program asks for, by header or by the number that it gives to its order or refund;
/// empty for nothing.
pub(crate) fn wanted<'a>(request: &'a Received, number: &'a str) -> &'a str {
    if let Some(code) = request.header(NEGATIVE_TEST) {
        let code = code.trim();
        return code.strip_prefix("MICROPAY_").unwrap_or(code);
    }
    in_number(number)
}

/// The code in `SANDBOX_<CODE>_…`: one that is known, or else all up to the last underscore.
fn in_number(number: &str) -> &str {
    let Some(rest) = number.strip_prefix(PREFIX) else {
        return "";
    };
    let known = CODES.iter().map(|(code, _, _)| *code);
    let known = known.chain(ACCIDENTS).chain(MICROPAY);
    let longest = known
        .filter(|code| {
            let after = rest.strip_prefix(*code);
            after.is_some_and(|after| after.starts_with('_'))
        })
        .max_by_key(|code| code.len());
    match longest {
        Some(code) => rest.get(..code.len()).unwrap_or_default(),
        None => rest.rsplit_once('_').map_or("", |(code, _)| code),
    }
}

fn end(code: &str) -> Option<RefundState> {
    RefundState::named(code.strip_prefix("REFUND_").unwrap_or(code))
}

/// Where a refund ends: where the program asks for, or else well.
pub(crate) fn refund_end(request: &Received, out_refund_no: &str) -> RefundState {
    end(wanted(request, out_refund_no)).unwrap_or(RefundState::Success)
}

/// Where the code stands that a request asks for.
fn is_own_word(request: &Received, code: &str) -> bool {
    let path = request.path();
    let is_refund = path.starts_with(REFUNDS) || path.ends_with("/pay/refund");
    let is_by_code = path.ends_with("/pay/micropay") || path.ends_with("/transactions/codepay");
    (is_by_code && MICROPAY.contains(&code)) || (is_refund && end(code).is_some())
}

/// The trouble that a request of APIv3 asks for.
pub(crate) fn asked_for(request: &Received) -> Option<Misbehaviour> {
    let body = request.body();
    let is_worth_reading = request.header(NEGATIVE_TEST).is_none()
        && request.method() == "POST"
        && body.len() <= READ
        && body
            .windows(PREFIX.len())
            .any(|part| part == PREFIX.as_bytes());
    let number = if is_worth_reading {
        number(body)
    } else {
        String::new()
    };
    of(request, &number, false)
}

/// The trouble that a request asks for whose number is this.
pub(crate) fn of(request: &Received, number: &str, is_apiv2: bool) -> Option<Misbehaviour> {
    let code = wanted(request, number);
    let by_number = request.header(NEGATIVE_TEST).is_none();
    if code.is_empty() || is_own_word(request, code) || (by_number && MICROPAY.contains(&code)) {
        return None;
    }
    if code == "MCH_NOT_EXISTS" && request.path().starts_with(REFUNDS) {
        // Refunds alone say so.
        return Some(Misbehaviour::status(404, code, "商户号不存在"));
    }
    Some(named(code, is_apiv2))
}

/// The number that a body gives to its refund, or else to its order.
fn number(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let number = text("out_refund_no").or_else(|| text("out_trade_no"));
    number.unwrap_or_default().to_owned()
}

/// Trouble by rule: see [`Sandbox::add_rule`](crate::Sandbox::add_rule).
#[derive(Clone, Debug)]
#[must_use = "it does nothing before Sandbox::add_rule"]
pub struct Rule {
    endpoint: Endpoint,
    misbehaviour: Misbehaviour,
    after: u64,
    times: Option<u64>,
    probability: Option<f64>,
}

impl Rule {
    /// Every request of this endpoint goes wrong in this way: `POST v3/refund/domestic/refunds`, a
    /// path alone for any method, `*` for every request. A `*` in the path stands for a segment,
    /// and at its end for whatever follows.
    pub fn new(endpoint: impl AsRef<str>, misbehaviour: Misbehaviour) -> Self {
        Self {
            endpoint: Endpoint::parse(endpoint.as_ref()),
            misbehaviour,
            after: 0,
            times: None,
            probability: None,
        }
    }

    /// Only after this many requests of the endpoint went well, such as for a rate limit.
    pub fn after(mut self, requests: u64) -> Self {
        self.after = requests;
        self
    }

    /// Only so many times.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Only with this probability, from 0 to 1, which follows the
    /// [seed](crate::Builder::seed).
    pub fn probability(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }

    /// Whether it happens to this request.
    fn applies(&mut self, method: &str, path: &str, random: &Random) -> bool {
        if !self.endpoint.is(method, path) || self.times == Some(0) {
            return false;
        }
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        let probability = self.probability;
        if probability.is_some_and(|probability| !random.chance(probability)) {
            return false;
        }
        if let Some(times) = &mut self.times {
            *times -= 1;
        }
        true
    }
}

/// The rules that were given.
pub(crate) struct Rules {
    random: Random,
    rules: Mutex<Vec<Rule>>,
}

impl Rules {
    pub(crate) fn new(random: Random) -> Self {
        Self {
            random,
            rules: Mutex::default(),
        }
    }

    pub(crate) fn add(&self, rule: Rule) {
        self.with(|rules| rules.push(rule));
    }

    pub(crate) fn clear(&self) {
        self.with(Vec::clear);
    }

    pub(crate) fn reset(&self) {
        self.clear();
        self.random.reset();
    }

    /// What happens to this request: the first rule that says so.
    pub(crate) fn find(&self, method: &str, path: &str) -> Option<Misbehaviour> {
        self.with(|rules| {
            let mut rules = rules.iter_mut();
            let rule = rules.find_map(|rule| {
                rule.applies(method, path, &self.random)
                    .then_some(&rule.misbehaviour)
            });
            rule.cloned()
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<Rule>) -> T) -> T {
        act(&mut self.rules.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_says_which_trouble_it_wants() {
        for (number, code) in [
            ("SANDBOX_NOT_ENOUGH_1", "NOT_ENOUGH"),
            ("SANDBOX_ORDERPAID_a_b", "ORDERPAID"),
            ("SANDBOX_CUT_IN_ANSWER_1", "CUT_IN_ANSWER"),
            ("SANDBOX_CUT_1", "CUT"),
            ("SANDBOX_ANY_OTHER_1", "ANY_OTHER"),
            ("SANDBOX_USERPAYING_1", "USERPAYING"),
            ("SANDBOX_", ""),
            ("SANDBOX_X", ""),
            ("1217752501201407033233368018", ""),
        ] {
            assert_eq!(in_number(number), code, "{number}");
        }
    }

    #[test]
    fn each_accident_has_a_name() {
        for name in ACCIDENTS {
            assert!(accident(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_rule_waits_counts_and_follows_the_seed() {
        let rules = Rules::new(Random::new(1));
        rules.add(
            Rule::new("POST v3/a", Misbehaviour::Unsigned)
                .after(1)
                .times(2),
        );
        let hits: Vec<bool> = (0..4)
            .map(|_| rules.find("POST", "/v3/a").is_some())
            .collect();
        assert_eq!(hits, [false, true, true, false]);
        assert!(rules.find("GET", "/v3/a").is_none());
        let draw = || {
            rules.reset();
            rules.add(Rule::new("*", Misbehaviour::Unsigned).probability(0.5));
            let hits = (0..64).map(|_| rules.find("GET", "/v3/a").is_some());
            hits.collect::<Vec<bool>>()
        };
        let first = draw();
        assert!(first.contains(&true) && first.contains(&false));
        assert_eq!(first, draw());
    }
}
