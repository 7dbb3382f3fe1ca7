//! JSON for people: indented, in colours.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

const NAME: Style = AnsiColor::Blue.on_default();
const TEXT: Style = AnsiColor::Green.on_default();
const NUMBER: Style = AnsiColor::Cyan.on_default();
const WORD: Style = AnsiColor::Magenta.on_default();

/// The value on several lines, without a line feed at its end.
pub(crate) fn json(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, 0);
    text
}

fn write(out: &mut String, value: &Value, level: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            out.push('{');
            for (index, (name, value)) in fields.iter().enumerate() {
                next(out, index, level + 1);
                styled(out, NAME, &Value::from(name.as_str()));
                out.push_str(": ");
                write(out, value, level + 1);
            }
            next(out, 0, level);
            out.push('}');
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('[');
            for (index, value) in items.iter().enumerate() {
                next(out, index, level + 1);
                write(out, value, level + 1);
            }
            next(out, 0, level);
            out.push(']');
        }
        Value::String(_) => styled(out, TEXT, value),
        Value::Number(_) => styled(out, NUMBER, value),
        Value::Null | Value::Bool(_) => styled(out, WORD, value),
        Value::Object(_) | Value::Array(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

fn next(out: &mut String, index: usize, level: usize) {
    if index > 0 {
        out.push(',');
    }
    out.push('\n');
    out.push_str(&"  ".repeat(level));
}

fn styled(out: &mut String, style: Style, value: &Value) {
    let _ = write!(out, "{style}{}{style:#}", shown(&value.to_string()));
}

/// What would turn the direction of reading, or steer a terminal, as JSON escapes it.
fn shown(json: &str) -> String {
    let steers = |character: char| {
        character.is_control()
            || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if steers(character) {
            let _ = write!(text, "\\u{:04x}", u32::from(character));
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_json_on_several_lines() {
        let value = json!({ "b": [1, { "a": "\u{202e}x" }], "empty": {}, "null": null });
        let text = anstream::adapter::strip_str(&json(&value)).to_string();
        assert_eq!(
            text,
            "{\n  \"b\": [\n    1,\n    {\n      \"a\": \"\\u202ex\"\n    }\n  ],\n  \"empty\": {},\n  \"null\": null\n}"
        );
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
