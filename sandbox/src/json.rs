//! JSON whose fields keep their order, which `serde_json` only promises with a feature of it.

use serde_json::Value;

/// An object of these names and JSON texts.
pub(crate) fn object<'a>(fields: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let fields = fields.into_iter();
    let fields: Vec<String> = fields
        .map(|(name, value)| format!("{}:{value}", text(name)))
        .collect();
    format!("{{{}}}", fields.join(","))
}

/// A text as a JSON text.
pub(crate) fn text(text: &str) -> String {
    Value::from(text).to_string()
}

/// A JSON text in which the order of an object's fields plays no part.
pub(crate) fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            object(
                fields
                    .into_iter()
                    .map(|(name, value)| (&**name, canonical(value))),
            )
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_keeps_its_order_and_quotes_what_has_to_be() {
        let inner = object([("b", text("\"\n中")), ("a", "1".to_owned())]);
        assert_eq!(inner, r#"{"b":"\"\n中","a":1}"#);
        assert_eq!(object([]), "{}");
    }
}
