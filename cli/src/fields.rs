//! What the catalogue knows of the fields of an endpoint: packed in here, and read a line at a time.

use std::io::{BufRead as _, BufReader};

use flate2::bufread::GzDecoder;
use serde_json::{Map, Value};
use wechatpay_chain::catalogue::Endpoint;

use crate::exit::{Code, Failure, Result, io};
use crate::meant;

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/fields.jsonl.gz"));

/// The line of an endpoint, as the catalogue has it.
pub(crate) fn line(endpoint: &Endpoint) -> Result<Option<String>> {
    let path = endpoint.path();
    // The catalogue writes APIv2's paths without the prefix by which this SDK tells them.
    let path = path.strip_prefix("v2/").unwrap_or(&path);
    let verb = endpoint.verb();
    let start = format!("{{\"verb\": \"{verb}\", \"path\": \"/{path}\", ");
    for line in BufReader::new(GzDecoder::new(PACKED)).lines() {
        let line = line.map_err(|error| io(Code::Bug, "the catalogue of fields", &error))?;
        if line.starts_with(&start) {
            return Ok(Some(line));
        }
    }
    Ok(None)
}

/// What is known of an endpoint; null where that is nothing.
pub(crate) fn of(endpoint: &Endpoint) -> Result<Value> {
    let Some(line) = line(endpoint)? else {
        return Ok(Value::Null);
    };
    serde_json::from_str(&line).map_err(|error| {
        let message = format!("the catalogue's fields of {endpoint:?}: {error}");
        Failure::new(Code::Bug, message)
    })
}

/// A field that is not known.
#[derive(Debug, PartialEq)]
pub(crate) struct Unknown {
    /// Its JSON pointer.
    pub(crate) place: String,
    /// The pointer of what it was probably meant to be, with `*` for each element of a list.
    pub(crate) meant: Option<String>,
}

/// Whether a field has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Required,
    /// One source says so, another doesn't.
    Disputed,
    Optional,
}

/// A field, or what a list or a body consists of.
#[derive(Clone, Copy)]
pub(crate) struct Schema<'a>(&'a Value);

impl<'a> Schema<'a> {
    pub(crate) fn new(value: &'a Value) -> Self {
        Self(value)
    }

    fn text(self, name: &str) -> &'a str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn number(self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    fn is(self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool) == Some(true)
    }

    pub(crate) fn name(self) -> &'a str {
        self.text("name")
    }

    pub(crate) fn need(self) -> Need {
        match (self.is("required"), self.is("disputed")) {
            (true, true) => Need::Disputed,
            (true, false) => Need::Required,
            (false, _) => Need::Optional,
        }
    }

    pub(crate) fn is_file(self) -> bool {
        self.text("type") == "file"
    }

    /// The fields of an object, of the objects of a list, or of the JSON in a text.
    pub(crate) fn fields(self) -> impl Iterator<Item = Schema<'a>> {
        let inner = self.holder().0.get("fields");
        let inner = inner.and_then(Value::as_array);
        inner.into_iter().flatten().map(Schema)
    }

    /// Groups of fields of which one each is wanted.
    pub(crate) fn one_of(self) -> Vec<Vec<&'a str>> {
        groups(self.holder().0.get("one_of"))
    }

    /// The fields of a value that are not known, at any depth. Where no field is known, all may be.
    pub(crate) fn unknown(self, value: &Value) -> Vec<Unknown> {
        let mut found = Vec::new();
        self.look(self, value, "", &mut found);
        found
    }

    fn look(self, root: Self, value: &Value, at: &str, found: &mut Vec<Unknown>) {
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.look(root, item, &format!("{at}/{index}"), found);
                }
            }
            Value::Object(given) => {
                let known: Vec<_> = self.fields().collect();
                if known.is_empty() {
                    return;
                }
                for (name, value) in given {
                    let place = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                    if let Some(field) = known.iter().find(|field| field.name() == name) {
                        field.look(root, value, &place, found);
                    } else if !is_added(name) && name != "sign_type" {
                        let near = || meant::word(name, known.iter().map(|field| field.name()));
                        let meant = root
                            .place_of(name, "")
                            .or_else(|| Some(format!("{at}/{}", near()?)));
                        found.push(Unknown { place, meant });
                    }
                }
            }
            _ => {}
        }
    }

    /// Where there is a field of this name.
    fn place_of(self, name: &str, at: &str) -> Option<String> {
        // What is within a text has no pointer.
        if self.0.get("json").is_some() {
            return None;
        }
        let list = self.0.get("items").map_or("", |_| "/*");
        self.fields().find_map(|field| {
            let place = format!("{at}{list}/{}", field.name());
            match field.name() == name {
                true => Some(place),
                false => field.place_of(name, &place),
            }
        })
    }

    /// What the fields belong to: past lists and JSON in texts.
    fn holder(self) -> Self {
        let inner = self.0.get("json").or_else(|| self.0.get("items"));
        inner.map_or(self, |inner| Schema(inner).holder())
    }

    /// What may stand here, in words.
    pub(crate) fn words(self) -> String {
        let mut words = vec![self.kind()];
        if self.is("sensitive") {
            words.push("encrypted".to_owned());
        }
        let limits = [
            range(self.number("minLength"), self.number("maxLength"), " long"),
            range(self.number("minimum"), self.number("maximum"), ""),
            range(self.number("minItems"), self.number("maxItems"), " of them"),
        ];
        words.extend(limits.into_iter().flatten());
        if let Some(items) = self.0.get("items").map(Schema) {
            let limit = range(
                items.number("minLength"),
                items.number("maxLength"),
                " long",
            );
            words.extend(limit.map(|limit| format!("each {limit}")));
            words.extend(items.choice());
        }
        let pattern = self.text("pattern");
        if !pattern.is_empty() {
            words.push(format!("like {pattern}"));
        }
        words.extend(self.choice());
        words.join(", ")
    }

    fn kind(self) -> String {
        if let Some(inner) = self.0.get("json") {
            return format!("string with JSON: {}", Schema(inner).kind());
        }
        if let Some(items) = self.0.get("items") {
            let each = Schema(items).kind();
            return format!("list of {each}");
        }
        let format = match self.text("format") {
            // The number's width says nothing to who writes JSON, and `encrypted` says the rest.
            "" | "base64" | "int32" | "int64" | "uint" | "uint32" | "uint64" | "integer"
            | "jsonObjectLike" | "jsonArrayLike" => "",
            "rfc3339" => "RFC 3339",
            "MediaId" => "media ID",
            "MediaUrl" => "media URL",
            "url" => "URL",
            other => other,
        };
        let kind = match self.text("type") {
            "" => "anything",
            kind => kind,
        };
        match format {
            "" => kind.to_owned(),
            format => format!("{kind} ({format})"),
        }
    }

    fn choice(self) -> Option<String> {
        let values: Vec<_> = self.values().map(plain).collect();
        match values.as_slice() {
            [] => None,
            [only] => Some(format!("always {only}")),
            values => Some(format!("one of {}", values.join(" "))),
        }
    }

    fn values(self) -> impl Iterator<Item = &'a Value> {
        let values = self.0.get("enum").and_then(Value::as_array);
        values.into_iter().flatten()
    }

    /// JSON with something of the right type at each place: the required ones, or all.
    pub(crate) fn skeleton(self, all: bool) -> Value {
        if let Some(inner) = self.0.get("json") {
            return Value::String(Schema(inner).skeleton(all).to_string());
        }
        if let Some(items) = self.0.get("items") {
            return Value::Array(vec![Schema(items).skeleton(all)]);
        }
        if let Some(value) = self.values().next() {
            return value.clone();
        }
        match self.text("type") {
            "object" => Value::Object(self.object(all)),
            "array" => Value::Array(Vec::new()),
            "integer" | "number" => self.number("minimum").unwrap_or(0).into(),
            "boolean" => Value::Bool(false),
            _ => Value::String(String::new()),
        }
    }

    fn object(self, all: bool) -> Map<String, Value> {
        // Of each group one is enough: the first.
        let chosen: Vec<_> = self
            .one_of()
            .iter()
            .filter_map(|group| group.first().copied())
            .collect();
        let fields = self.fields().filter(|field| {
            let name = field.name();
            let is_wanted = all || field.need() == Need::Required || chosen.contains(&name);
            is_wanted && !is_added(name)
        });
        fields
            .map(|field| (field.name().replace("$n", "0"), field.skeleton(all)))
            .collect()
    }
}

/// The groups of which one field each is wanted.
pub(crate) fn groups(value: Option<&Value>) -> Vec<Vec<&str>> {
    let groups = value.and_then(Value::as_array);
    let groups = groups.into_iter().flatten().filter_map(Value::as_array);
    groups
        .map(|group| group.iter().filter_map(Value::as_str).collect())
        .collect()
}

/// Whether the SDK writes this field itself.
pub(crate) fn is_added(name: &str) -> bool {
    matches!(name, "sign" | "nonce_str")
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn range(least: Option<i64>, most: Option<i64>, unit: &str) -> Option<String> {
    match (least, most) {
        (None, None) => None,
        (Some(least), None) => Some(format!("at least {least}{unit}")),
        (None, Some(most)) => Some(format!("at most {most}{unit}")),
        (Some(least), Some(most)) if least == most => Some(format!("{most}{unit}")),
        (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wechatpay_chain::catalogue::endpoints;

    use super::*;

    #[test]
    fn every_endpoint_has_a_line_and_every_line_an_endpoint() {
        let all = std::io::read_to_string(GzDecoder::new(PACKED)).unwrap();
        let mut named: Vec<_> = all
            .lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                let text = |name: &str| line[name].as_str().unwrap().to_owned();
                format!("{} {}", text("verb"), text("path"))
            })
            .collect();
        let mut known: Vec<_> = endpoints()
            .map(|endpoint| {
                let path = endpoint.path();
                let path = path.strip_prefix("v2/").unwrap_or(&path);
                format!("{} /{path}", endpoint.verb())
            })
            .collect();
        named.sort();
        known.sort();
        assert_eq!(named, known);
        let last = endpoints().last().unwrap();
        assert!(line(&last).unwrap().is_some());
    }

    #[test]
    fn a_schema_is_told_in_words() {
        for (schema, words) in [
            (json!({ "type": "string" }), "string"),
            (
                json!({ "type": "string", "minLength": 6, "maxLength": 32 }),
                "string, 6 to 32 long",
            ),
            (
                json!({ "type": "string", "format": "base64", "sensitive": true }),
                "string, encrypted",
            ),
            (
                json!({ "type": "array", "maxItems": 2, "items": { "type": "string", "enum": ["A", "B"] } }),
                "list of string, at most 2 of them, one of A B",
            ),
            (
                json!({ "type": "string", "json": { "type": "array", "items": { "type": "object" } } }),
                "string with JSON: list of object",
            ),
            (json!({ "type": "number", "enum": [0] }), "number, always 0"),
        ] {
            assert_eq!(Schema::new(&schema).words(), words);
        }
    }

    #[test]
    fn what_is_unknown_is_told_by_its_place() {
        let schema = json!({ "type": "object", "fields": [
            { "name": "amount", "type": "object", "fields": [{ "name": "total", "type": "integer" }] },
            { "name": "goods", "type": "array", "items": { "type": "object", "fields": [
                { "name": "price", "type": "integer" },
            ] } },
            { "name": "free", "type": "object" },
            { "name": "detail", "type": "string", "json": { "fields": [{ "name": "cost", "type": "integer" }] } },
        ] });
        let schema = Schema::new(&schema);
        let known = json!({
            "amount": { "total": 1 }, "goods": [{ "price": 1 }], "free": { "x": 1 }, "detail": "{}",
            "sign": "", "nonce_str": "", "sign_type": "",
        });
        assert_eq!(schema.unknown(&known), []);
        for (value, place, meant) in [
            (json!({ "amuont": {} }), "/amuont", Some("/amount")),
            (
                json!({ "amount": { "totl": 1 } }),
                "/amount/totl",
                Some("/amount/total"),
            ),
            (json!({ "total": 1 }), "/total", Some("/amount/total")),
            (
                json!({ "goods": [{}, { "prize": 1 }] }),
                "/goods/1/prize",
                Some("/goods/1/price"),
            ),
            (json!({ "price": 1 }), "/price", Some("/goods/*/price")),
            (json!({ "a/b": 1 }), "/a~1b", None),
            (json!({ "cost": 1 }), "/cost", None),
        ] {
            let found = Unknown {
                place: place.to_owned(),
                meant: meant.map(str::to_owned),
            };
            assert_eq!(schema.unknown(&value), [found]);
        }
    }

    #[test]
    fn a_skeleton_has_what_is_required_and_the_first_of_each_group() {
        let schema = json!({ "type": "object", "one_of": [["a", "b"]], "fields": [
            { "name": "a", "type": "string" },
            { "name": "b", "type": "string" },
            { "name": "c_$n", "required": true, "type": "integer", "minimum": 1 },
            { "name": "d", "required": true, "disputed": true, "type": "boolean" },
            { "name": "e", "required": true, "type": "string", "json": { "type": "object", "fields": [
                { "name": "f", "required": true, "type": "string", "enum": ["X", "Y"] },
            ] } },
            { "name": "sign", "required": true, "type": "string" },
        ] });
        let schema = Schema::new(&schema);
        assert_eq!(
            schema.skeleton(false),
            json!({ "a": "", "c_0": 1, "e": "{\"f\":\"X\"}" })
        );
        assert_eq!(
            schema.skeleton(true),
            json!({ "a": "", "b": "", "c_0": 1, "d": false, "e": "{\"f\":\"X\"}" })
        );
    }
}
