//! The fields of a JSON body, checked by hand for each endpoint that has a state.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, number};
use crate::received::Received;

/// Why a request is refused, as WeChat Pay says it.
pub(crate) type Refusal = Box<Answer>;

/// What a field may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A text of at most so many bytes.
    Text(usize),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A whole number of at least this, be it written as 1 or as 1.0.
    Integer(i64),
    Boolean,
    Object,
    List,
}

/// One field of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// A JSON pointer, such as `/amount/total`.
    path: &'static str,
    title: &'static str,
    required: bool,
    kind: Kind,
}

pub(crate) const fn required(path: &'static str, title: &'static str, kind: Kind) -> Field {
    Field {
        path,
        title,
        required: true,
        kind,
    }
}

pub(crate) const fn optional(path: &'static str, title: &'static str, kind: Kind) -> Field {
    Field {
        path,
        title,
        required: false,
        kind,
    }
}

/// The body, which must be a JSON object.
pub(crate) fn body(request: &Received) -> Result<Value, Refusal> {
    match serde_json::from_slice(request.body()) {
        Ok(body @ Value::Object(_)) => Ok(body),
        Ok(_) => Err(not_json("body not a JSON object")),
        Err(_) => Err(not_json("body not JSON")),
    }
}

/// The text of a field, empty where there is none.
pub(crate) fn text<'a>(body: &'a Value, path: &str) -> &'a str {
    let value = body.pointer(path);
    value.and_then(Value::as_str).unwrap_or_default()
}

/// The number of a field, 0 where there is none.
pub(crate) fn amount(body: &Value, path: &str) -> u64 {
    let number = body.pointer(path).and_then(integer);
    number
        .and_then(|number| number.try_into().ok())
        .unwrap_or_default()
}

/// A whole number, also one that is written as a float.
fn integer(value: &Value) -> Option<i64> {
    // A float holds whole numbers up to 2^53 exactly.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let number = value.as_f64()?;
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

/// Checks the fields in their order; one inside of an object that is not there is not missed.
pub(crate) fn check(body: &Value, fields: &[Field]) -> Result<(), Refusal> {
    for field in fields {
        let parent = field.path.rsplit_once('/').map_or("", |(parent, _)| parent);
        if body.pointer(parent).is_some() {
            check_one(field, body.pointer(field.path))?;
        }
    }
    Ok(())
}

fn check_one(field: &Field, value: Option<&Value>) -> Result<(), Refusal> {
    let Field { path, title, .. } = field;
    let source = format!("输入源“/body{path}”映射到");
    let Some(value) = value else {
        if !field.required {
            return Ok(());
        }
        return Err(wrong(
            path,
            &Value::Null,
            "required field is missing",
            &format!("{source}字段“{title}”必填性规则校验失败，此字段为必填项"),
        ));
    };
    let of_type = |is: bool, issue: &str, name: &str| {
        if is {
            return Ok(());
        }
        Err(wrong(
            path,
            value,
            issue,
            &format!(
                "无法将JSON输入源“/body{path}”映射到目标字段“{title}”中，此字段需要一个合法的{name}"
            ),
        ))
    };
    match field.kind {
        Kind::Text(most) => {
            of_type(value.is_string(), "value is not a string", "字符串")?;
            let length = value.as_str().map_or(0, str::len);
            let (issue, limit) = match length {
                0 if field.required => ("value is too short", "小于最小值 1".to_owned()),
                _ if length > most => ("value is too long", format!("大于最大值 {most}")),
                _ => return Ok(()),
            };
            Err(wrong(
                path,
                value,
                issue,
                &format!("{source}字段“{title}”字符串规则校验失败，字节数 {length}，{limit}"),
            ))
        }
        Kind::OneOf(values) => {
            of_type(value.is_string(), "value is not a string", "字符串")?;
            if value.as_str().is_some_and(|text| values.contains(&text)) {
                return Ok(());
            }
            if value == "" && field.required {
                return check_one(&required(path, title, Kind::Text(0)), Some(value));
            }
            Err(wrong(
                path,
                value,
                &format!("value is not one of {}", values.join(", ")),
                &format!("{source}枚举字段“{title}”规则校验失败，值不在枚举范围内"),
            ))
        }
        Kind::Integer(least) => {
            let number = integer(value);
            of_type(
                number.is_some(),
                "value is not an integer",
                "64位有符号整数",
            )?;
            if number.is_some_and(|number| number >= least) {
                return Ok(());
            }
            Err(wrong(
                path,
                value,
                "value is too small",
                &format!("{source}数值字段“{title}”规则校验失败，值低于最小值 {least}"),
            ))
        }
        Kind::Boolean => of_type(value.is_boolean(), "value is not a boolean", "布尔值"),
        Kind::Object => of_type(value.is_object(), "value is not an object", "JSON对象"),
        Kind::List => of_type(value.is_array(), "value is not an array", "JSON数组"),
    }
}

/// Refuses fields that are not among these paths. What is inside of an object is looked at only
/// where one of the paths leads into it.
pub(crate) fn only(body: &Value, known: &[&str]) -> Result<(), Refusal> {
    let Some(object) = body.as_object() else {
        return Ok(());
    };
    match stranger(object, "", known) {
        None => Ok(()),
        Some(path) => {
            let detail = json!({
                "field": path,
                "issue": "field is not known",
                "location": null,
                "value": [format!("/body{path}")],
            });
            let message = "请求中含有未在API文档中定义的参数";
            Err(refuse(message, detail, number::UNDEFINED))
        }
    }
}

fn stranger(object: &Map<String, Value>, place: &str, known: &[&str]) -> Option<String> {
    object.iter().find_map(|(name, value)| {
        let path = format!("{place}/{name}");
        if !known.contains(&&*path) {
            return Some(path);
        }
        let inside = format!("{path}/");
        let is_closed = known.iter().any(|known| known.starts_with(&inside));
        let value = value.as_object().filter(|_| is_closed)?;
        stranger(value, &path, known)
    })
}

/// A field of the body is wrong.
pub(crate) fn wrong(path: &str, value: &Value, issue: &str, message: &str) -> Refusal {
    let detail = json!({ "field": path, "value": value, "issue": issue, "location": "body" });
    refuse(message, detail, number::PARAMETER)
}

/// A field that should be in the path or the query is not there.
pub(crate) fn missing(path: &str, title: &str, location: &str) -> Refusal {
    let detail = json!({
        "field": path,
        "value": "",
        "issue": "required field is missing",
        "location": location,
    });
    let message =
        format!("输入源“/{location}{path}”映射到字段“{title}”必填性规则校验失败，此字段为必填项");
    refuse(&message, detail, number::PARAMETER)
}

/// A field of the path or the query has the wrong form.
pub(crate) fn malformed(path: &str, title: &str, location: &str, value: &str) -> Refusal {
    let detail = json!({
        "field": path,
        "value": value,
        "issue": "value does not match the pattern",
        "location": location,
    });
    let message = format!("输入源“/{location}{path}”映射到字段“{title}”字符串规则校验失败");
    refuse(&message, detail, number::PARAMETER)
}

fn not_json(issue: &str) -> Refusal {
    wrong("", &Value::Null, issue, "请求报文主体不是合法的JSON对象")
}

fn refuse(message: &str, detail: Value, number: u32) -> Refusal {
    Box::new(Answer::error(
        StatusCode::BAD_REQUEST,
        "PARAM_ERROR",
        message,
        Some(detail),
        number,
    ))
}

/// Whether a text is one of the numbers that a merchant may choose.
pub(crate) fn is_number(text: &str, least: usize, most: usize, others: &[u8]) -> bool {
    (least..=most).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_inside_of_an_absent_object_is_not_missed() {
        let fields = [
            optional("/payer", "支付者", Kind::Object),
            required("/payer/openid", "用户标识", Kind::Text(128)),
        ];
        assert!(check(&json!({}), &fields).is_ok());
        assert!(check(&json!({ "payer": {} }), &fields).is_err());
        assert!(check(&json!({ "payer": 1 }), &fields).is_err());
        let whole = json!({ "payer": { "openid": "o" } });
        assert!(check(&whole, &fields).is_ok());
    }

    #[test]
    fn a_whole_number_may_be_written_as_a_float() {
        let fields = [required("/total", "总金额", Kind::Integer(1))];
        for (text, is_good) in [
            ("1", true),
            ("600.0", true),
            ("6e2", true),
            ("0", false),
            ("1.5", false),
            ("\"1\"", false),
            ("1e300", false),
        ] {
            let body = serde_json::from_str(&format!("{{\"total\":{text}}}")).unwrap();
            assert_eq!(check(&body, &fields).is_ok(), is_good, "{text}");
        }
        assert_eq!(amount(&json!({ "total": 600.0 }), "/total"), 600);
    }

    #[test]
    fn a_stranger_is_found_where_the_object_is_known_in_full() {
        let known = ["/payer", "/payer/openid", "/detail"];
        let fine = json!({ "payer": { "openid": "o" }, "detail": { "x": 1 } });
        assert!(only(&fine, &known).is_ok());
        let answer = only(&json!({ "payer": { "id": "o" } }), &known).unwrap_err();
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["detail"]["value"], json!(["/body/payer/id"]));
    }
}
