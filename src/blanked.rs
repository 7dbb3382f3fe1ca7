//! A body as a log may show it: without what is sensitive or secret.

use std::collections::HashSet;
use std::fmt;

use serde_json::Value;

use crate::catalogue::tree;
use crate::error::Endpoint;
use crate::transformer;

const BLANK: &str = "[redacted]";

/// How the names of secret fields end, in small letters and without what joins words: signs and
/// signatures, keys, tokens, and the code that a user shows to pay.
const SECRET: [&str; 12] = [
    "sign",
    "signature",
    "signkey",
    "apikey",
    "privatekey",
    "encryptkey",
    "secret",
    "token",
    "password",
    "passwd",
    "authcode",
    "authinfo",
];

/// Shows a body as JSON, its sensitive fields blanked wherever they are; of what is neither JSON nor XML
/// the length only. Nothing is done before it is shown.
pub(crate) struct Blanked<'a> {
    endpoint: &'a Endpoint,
    /// JSON pointers, beside those of the catalogue.
    pointers: &'a [String],
    body: &'a [u8],
}

impl<'a> Blanked<'a> {
    pub(crate) fn new(endpoint: &'a Endpoint, pointers: &'a [String], body: &'a [u8]) -> Self {
        Self {
            endpoint,
            pointers,
            body,
        }
    }

    /// The names of the fields that are sensitive.
    fn names(&self) -> HashSet<String> {
        let endpoint = tree::walk(&self.endpoint.template).endpoint(self.endpoint.method.as_str());
        let known = endpoint.iter().flat_map(|known| {
            let sides = known.sensitive_request().chain(known.sensitive_response());
            sides.chain(known.sensitive_query())
        });
        let mut names: HashSet<_> = known.filter_map(name_of).collect();
        names.extend(self.pointers.iter().filter_map(|own| name_of(own)));
        names
    }
}

impl fmt::Display for Blanked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match read(self.body) {
            Some(mut value) => {
                blank(&mut value, &self.names());
                write!(f, "{value}")
            }
            None => write!(f, "{} bytes, neither JSON nor XML", self.body.len()),
        }
    }
}

/// The fields of a body.
fn read(body: &[u8]) -> Option<Value> {
    let structured = |value: &Value| value.is_object() || value.is_array();
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        return Some(value).filter(structured);
    }
    let text = std::str::from_utf8(body).ok()?;
    transformer::to_value(text).ok().filter(structured)
}

/// The last name of a pointer; the elements of a list are named by the list.
fn name_of(pointer: &str) -> Option<String> {
    let name = pointer.rsplit('/').find(|token| *token != "*")?;
    let name = name.replace("~1", "/").replace("~0", "~");
    Some(name).filter(|name| !name.is_empty())
}

fn is_secret(name: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|end| name.ends_with(end))
}

fn blank(value: &mut Value, names: &HashSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if names.contains(name) || is_secret(name) {
                    *value = BLANK.into();
                } else {
                    blank(value, names);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| blank(item, names)),
        Value::String(text) => blank_text(text, names),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// APIv2 has JSON in its texts; and the query of an address may let whoever has it in.
fn blank_text(text: &mut String, names: &HashSet<String>) {
    if text.starts_with(['{', '[']) {
        if let Ok(mut inner) = serde_json::from_str::<Value>(text) {
            blank(&mut inner, names);
            *text = inner.to_string();
        }
        return;
    }
    let query = text.find('?').filter(|_| text.contains("://"));
    if let Some(query) = query {
        text.truncate(query);
        text.push('?');
        text.push_str(BLANK);
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::*;

    fn shown(template: &'static str, pointers: &[&str], body: &str) -> String {
        let endpoint = Endpoint::new(Method::POST, template);
        let pointers: Vec<_> = pointers.iter().map(|it| (*it).to_owned()).collect();
        Blanked::new(&endpoint, &pointers, body.as_bytes()).to_string()
    }

    #[test]
    fn what_the_catalogue_or_the_request_calls_sensitive_is_blanked_wherever_it_is() {
        let body = json!({
            "account": "1", "name": "张三", "list": [{ "card": "2" }, { "deep": { "name": "李四" } }],
            "amount": 100, "cards": ["3", "4"],
        });
        let path = "v3/profitsharing/receivers/add";
        let text = shown(path, &["/list/*/card", "/cards/*"], &body.to_string());
        let text: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            text,
            json!({
                "account": "1", "name": BLANK, "list": [{ "card": BLANK }, { "deep": { "name": BLANK } }],
                "amount": 100, "cards": BLANK,
            })
        );
    }

    #[test]
    fn secrets_and_the_queries_of_addresses_are_blanked() {
        let body = json!({
            "sign": "A", "paySign": "B", "workwx_sign": "C", "access_token": "D", "auth_code": "E",
            "sandbox_signkey": "F", "encrypt_key": { "g": "G" }, "Secret": ["H"], "signed": "kept",
            "download_url": "https://h/v3/billdownload/file?token=I", "url": "https://h/path",
            "detail": "{\"sign\":\"J\",\"goods\":1}", "note": "why?",
        });
        let text = shown("v3/x", &[], &body.to_string());
        for secret in 'A'..='J' {
            assert!(!text.contains(&format!("\"{secret}")), "{text}");
        }
        for kept in [
            "kept",
            "billdownload/file?[redacted]",
            "goods",
            "why?",
            "https://h/path\"",
        ] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
        assert!(!text.contains("token=I"), "{text}");
    }

    #[test]
    fn xml_is_shown_as_its_fields_and_anything_else_by_its_length() {
        let xml = "<xml><mch_id>1900000109</mch_id><sign><![CDATA[ABC]]></sign></xml>";
        let text = shown("v2/pay/orderquery", &[], xml);
        assert_eq!(text, r#"{"mch_id":"1900000109","sign":"[redacted]"}"#);
        for body in [
            "交易时间,`1",
            "\"text\"",
            "5",
            "<html>secret",
            "{\"a\":",
            "a=b&sign=c",
        ] {
            let text = shown("v3/x", &[], body);
            let length = body.len();
            assert_eq!(text, format!("{length} bytes, neither JSON nor XML"));
        }
    }
}
