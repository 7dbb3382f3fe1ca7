//! JSON whose fields keep their order, which `serde_json` only promises with a feature of it.

use serde_json::Value;

/// An object of these names and JSON texts.
pub(crate) fn object<const N: usize>(fields: [(&str, String); N]) -> String {
    let fields = fields.map(|(name, value)| format!("{}:{value}", text(name)));
    format!("{{{}}}", fields.join(","))
}

/// A text as a JSON text.
pub(crate) fn text(text: &str) -> String {
    Value::from(text).to_string()
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
