//! The query of a request: values are given raw and encoded by RFC 3986.

use std::borrow::Cow;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::payload::compact;
use crate::template::{encode_text, encode_value, is_query_text};

const WANTED: &str = "an object such as json!({\"mchid\": …}), pairs such as [(\"mchid\", …)], or \
     a text such as \"mchid=…\"";

/// The pairs of a query, encoded, in the order in which they were given.
#[derive(Default)]
pub(crate) struct Query {
    encoded: String,
}

impl Query {
    /// A text is kept but for characters that no query may hold.
    pub(crate) fn from_text(text: &str) -> Self {
        let mut encoded = String::with_capacity(text.len());
        let text = text.strip_prefix('?').unwrap_or(text);
        encode_text(&mut encoded, text, is_query_text);
        Self { encoded }
    }

    pub(crate) fn from_value(value: &Value) -> Result<Self> {
        let mut query = Self::default();
        match value {
            Value::Null => {}
            Value::String(text) => return Ok(Self::from_text(text)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    query.push(name, value)?;
                }
            }
            Value::Array(pairs) => {
                for pair in pairs {
                    match pair.as_array().map(Vec::as_slice) {
                        Some([Value::String(name), value]) => query.push(name, value)?,
                        _ => return Err(Error::request("query: an element is no pair", WANTED)),
                    }
                }
            }
            Value::Bool(_) | Value::Number(_) => {
                return Err(Error::request("query: it is a single value", WANTED));
            }
        }
        Ok(query)
    }

    /// Adds another query, of whose names none may be here already.
    pub(crate) fn join(&mut self, other: &Self) -> Result<()> {
        if let Some(name) = other
            .names()
            .find(|name| self.names().any(|mine| mine == *name))
        {
            return Err(Error::request(
                format!("query: the name {name} is given twice, in the path and in .query()"),
                "each name in one place; a list repeats a name",
            ));
        }
        self.append(&other.encoded);
        Ok(())
    }

    /// The values of this name, decoded.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = String> + 'a {
        self.pairs()
            .filter(move |(known, _)| decode(known) == name)
            .map(|(_, value)| decode(value))
    }

    /// The same query with other values for these names.
    #[cfg(feature = "aws-lc-rs")]
    pub(crate) fn replaced(
        &self,
        is_meant: impl Fn(&str) -> bool,
        replace: impl Fn(&str, &str) -> Result<String>,
    ) -> Result<Self> {
        let mut replaced = Self::default();
        for pair in self.encoded.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let meant = Some(decode(name)).filter(|name| is_meant(name));
            let Some(plain_name) = meant else {
                replaced.append(pair);
                continue;
            };
            let mut pair = format!("{name}=");
            encode_value(&mut pair, &replace(&plain_name, &decode(value))?);
            replaced.append(&pair);
        }
        Ok(replaced)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.encoded
    }

    fn push(&mut self, name: &str, value: &Value) -> Result<()> {
        let text = match value {
            Value::Null => return Ok(()),
            Value::Array(items) => {
                for item in items {
                    if item.is_array() {
                        return Err(Error::request(
                            format!("query: the value of {name} is a list within a list"),
                            "a list of texts and numbers, which repeats the name",
                        ));
                    }
                    self.push(name, item)?;
                }
                return Ok(());
            }
            Value::String(text) => Cow::Borrowed(text.as_str()),
            other => Cow::Owned(compact(other)),
        };
        let mut pair = String::with_capacity(name.len() + text.len() + 1);
        encode_value(&mut pair, name);
        pair.push('=');
        encode_value(&mut pair, &text);
        self.append(&pair);
        Ok(())
    }

    fn append(&mut self, pairs: &str) {
        if !self.encoded.is_empty() && !pairs.is_empty() {
            self.encoded.push('&');
        }
        self.encoded.push_str(pairs);
    }

    fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.pairs()
            .map(|(name, _)| decode(name))
            .filter(|name| !name.is_empty())
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.encoded
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }
}

/// Undoes `%XX`, so that a name is compared however it was written.
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let triplet = match after {
            [high, low, ..] if *first == b'%' => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|hex| u8::from_str_radix(hex, 16).ok()),
            _ => None,
        };
        match triplet {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn encoded(value: Value) -> String {
        Query::from_value(&value).unwrap().encoded
    }

    #[test]
    fn values_are_encoded_by_rfc_3986_and_typed_ones_as_the_official_pages_have_them() {
        assert_eq!(
            encoded(json!([["x", "a b+c/d=&"], ["y", "中文~-_."]])),
            "x=a%20b%2Bc%2Fd%3D%26&y=%E4%B8%AD%E6%96%87~-_."
        );
        assert_eq!(
            encoded(json!([
                ["a", true],
                ["b", null],
                ["c", []],
                ["d", 5.0],
                ["e", [1, "2"]]
            ])),
            "a=true&d=5&e=1&e=2"
        );
        assert_eq!(
            encoded(json!({"o": {"k": "v"}})),
            "o=%7B%22k%22%3A%22v%22%7D"
        );
        assert_eq!(
            encoded(json!({"t": "2024-05-20T13:29:35%2B08:00"})),
            "t=2024-05-20T13%3A29%3A35%252B08%3A00"
        );
        assert_eq!(encoded(json!({"a": ""})), "a=");
    }

    #[test]
    fn a_text_is_kept_but_for_what_no_query_may_hold() {
        assert_eq!(
            encoded(json!("?a=1%2B&b=x y#中")),
            "a=1%2B&b=x%20y%23%E4%B8%AD"
        );
    }

    #[test]
    fn a_name_in_two_places_is_an_error_however_it_is_written() {
        let mut query = Query::from_text("mch%69d=1");
        assert!(
            query
                .join(&Query::from_value(&json!({"mchid": 2})).unwrap())
                .is_err()
        );
        assert!(query.join(&Query::from_text("limit=1&limit=2")).is_ok());
        assert_eq!(query.as_str(), "mch%69d=1&limit=1&limit=2");
    }

    #[test]
    fn other_shapes_are_refused() {
        for value in [json!(1), json!([1]), json!([["a"]]), json!({"a": [[1]]})] {
            assert!(Query::from_value(&value).is_err(), "{value}");
        }
    }
}
