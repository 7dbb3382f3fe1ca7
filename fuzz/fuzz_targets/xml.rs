//! Any text is read as XML or refused with its position, without a panic, and what is written is
//! read back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use wechatpay_chain::Error;
use wechatpay_chain::transformer::{to_value, to_xml};

fuzz_target!(|text: &str| {
    match to_value(text) {
        Ok(value) => {
            assert!(value.is_object());
            assert!(levels(&value) <= 32);
            // A list comes back as the items of one element, a deeper one.
            if keeps_its_shape(&value) {
                assert_eq!(to_value(&to_xml(&value)).unwrap(), value);
            }
        }
        Err(Error::Decode(error)) => {
            assert!(error.line() > 0 && error.column() > 0);
            assert!(!error.to_string().contains(['\n', '\r', '\0']));
        }
        Err(error) => panic!("{error}"),
    }

    // Whatever a field holds, but for what XML forbids.
    let mut fields = Map::new();
    for (index, line) in text.split('\n').enumerate().take(8) {
        let line = line.chars().filter(|&character| {
            !character.is_control() && !matches!(character, '\u{fffe}' | '\u{ffff}')
                || matches!(character, '\t' | '\r' | '\u{7f}'..='\u{9f}')
        });
        fields.insert(format!("f{index}"), line.collect::<String>().into());
    }
    let value = Value::Object(fields);
    assert_eq!(to_value(&to_xml(&value)).unwrap(), value);

    // What is no name of XML's does not break the XML.
    let odd = Value::Object(Map::from_iter([(text.to_owned(), Value::from(text))]));
    to_value(&to_xml(&odd)).unwrap();
});

fn levels(value: &Value) -> usize {
    match value {
        Value::Object(fields) => 1 + fields.values().map(levels).max().unwrap_or(0),
        Value::Array(items) => items.iter().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}

fn keeps_its_shape(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields
            .iter()
            .all(|(name, value)| !name.starts_with(':') && keeps_its_shape(value)),
        Value::Array(_) => false,
        _ => true,
    }
}
