//! `POST /v3/marketing/busifavor/product-coupons/send`: the gateway gives a coupon, and the same
//! one for the same order.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, number};
use crate::random::Random;
use crate::received::Received;

/// One field of the body. All of this endpoint's are texts.
struct Field {
    name: &'static str,
    title: &'static str,
    required: bool,
    /// The values allowed; none means any.
    values: &'static [&'static str],
}

const fn field(name: &'static str, title: &'static str, required: bool) -> Field {
    Field {
        name,
        title,
        required,
        values: &[],
    }
}

const FIELDS: [Field; 7] = [
    field("openid", "用户标识", true),
    field("appid", "公众账号ID", true),
    field("stock_id", "批次号", true),
    field("out_request_no", "发放请求单号", true),
    field("coupon_code", "券code", false),
    Field {
        name: "coupon_type",
        title: "券类型",
        required: true,
        values: &["NORMAL", "MEMBER"],
    },
    field("member_card_id", "会员卡ID", false),
];

/// The coupons that were given, by `out_request_no`.
#[derive(Default)]
pub(crate) struct Coupons {
    given: Mutex<HashMap<String, Value>>,
}

impl Coupons {
    /// Answers a request to send a coupon.
    pub(crate) fn send(&self, request: &Received, random: &Random) -> Answer {
        let body = match serde_json::from_slice(request.body()) {
            Ok(Value::Object(body)) => body,
            Ok(_) => return not_json("body not a JSON object"),
            Err(_) => return not_json("body not JSON"),
        };
        for field in &FIELDS {
            if let Some(error) = check(field, &body) {
                return error;
            }
        }
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let out_request_no = text("out_request_no");
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let coupon = given.entry(out_request_no.to_owned()).or_insert_with(|| {
            let coupon_code = match text("coupon_code") {
                "" => random.text(b"0123456789ABCDEF", 20),
                code => code.to_owned(),
            };
            json!({
                "stock_id": text("stock_id"),
                "coupon_code": coupon_code,
                "out_request_no": out_request_no,
            })
        });
        Answer::ok(coupon)
    }
}

/// The error that this field of the body deserves, if any.
fn check(field: &Field, body: &Map<String, Value>) -> Option<Answer> {
    let Field { name, title, .. } = field;
    let Some(value) = body.get(*name) else {
        return field.required.then(|| {
            wrong(
                field,
                &Value::Null,
                "required field is missing",
                format!(
                    "输入源“/body/{name}”映射到字段“{title}”必填性规则校验失败，此字段为必填项"
                ),
            )
        });
    };
    let Some(text) = value.as_str() else {
        return Some(wrong(
            field,
            value,
            "value is not a string",
            format!(
                "无法将JSON输入源“/body/{name}”映射到目标字段“{title}”中，此字段需要一个合法的字符串"
            ),
        ));
    };
    if text.is_empty() && field.required {
        return Some(wrong(
            field,
            value,
            "value is too short",
            format!(
                "输入源“/body/{name}”映射到字段“{title}”字符串规则校验失败，字节数 0，小于最小值 1"
            ),
        ));
    }
    if !field.values.is_empty() && !field.values.contains(&text) {
        return Some(wrong(
            field,
            value,
            &format!("value is not one of {}", field.values.join(", ")),
            format!("输入源“/body/{name}”映射到枚举字段“{title}”规则校验失败，值不在枚举范围内"),
        ));
    }
    None
}

fn wrong(field: &Field, value: &Value, issue: &str, message: String) -> Answer {
    let detail = json!({
        "field": format!("/{}", field.name),
        "value": value,
        "issue": issue,
        "location": "body",
    });
    parameter(&message, detail)
}

fn not_json(issue: &str) -> Answer {
    let detail = json!({ "field": "", "value": null, "issue": issue, "location": "body" });
    parameter("请求报文主体不是合法的JSON对象", detail)
}

fn parameter(message: &str, detail: Value) -> Answer {
    Answer::error(
        StatusCode::BAD_REQUEST,
        "PARAM_ERROR",
        message,
        Some(detail),
        number::PARAMETER,
    )
}
