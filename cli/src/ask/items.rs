//! What stands behind a path on the command line, as HTTPie has it.

use std::path::Path;

use serde_json::{Map, Value};

use crate::exit::{Code, Failure, Result};
use crate::input;

/// What the items of a request come to.
#[derive(Debug, Default)]
pub(super) struct Items {
    pub(super) body: Body,
    /// By name, in their order; a name may come again.
    pub(super) query: Vec<(String, Value)>,
    pub(super) headers: Vec<(String, String)>,
}

/// The body of a request.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Body {
    #[default]
    None,
    /// Of fields.
    Fields(Value),
    /// As it came from a file or from standard input, to be signed and sent so.
    Bytes(Vec<u8>),
}

/// One item.
#[derive(Debug, PartialEq)]
enum Item {
    Field(Vec<Step>, Value),
    Query(String, String),
    Header(String, String),
    Body(Vec<u8>),
}

/// One step from the body to a field.
#[derive(Debug, PartialEq)]
enum Step {
    Name(String),
    Index(usize),
    /// The next one of a list.
    Next,
}

/// What stands between a name and its value; of those that begin alike the longest counts.
const SEPARATORS: [&str; 6] = [":=@", "=@", "==", ":=", "=", ":"];

const WANTED: &str = "wanted is name=text, name:=json, name==query, Name:header, @file or - for the \
     body on standard input";

impl Items {
    pub(super) fn read(items: &[String]) -> Result<Self> {
        let mut read = Self::default();
        for text in items {
            match Item::parse(text)? {
                Item::Query(name, value) => read.query.push((name, Value::String(value))),
                Item::Header(name, value) => read.headers.push((name, value)),
                Item::Body(bytes) => {
                    if read.body != Body::None {
                        return Err(two_bodies());
                    }
                    read.body = Body::Bytes(bytes);
                }
                Item::Field(steps, value) => {
                    if read.body == Body::None {
                        read.body = Body::Fields(Value::Object(Map::new()));
                    }
                    let Body::Fields(fields) = &mut read.body else {
                        return Err(two_bodies());
                    };
                    put(fields, &steps, value).map_err(|problem| wrong(text, problem))?;
                }
            }
        }
        Ok(read)
    }
}

fn two_bodies() -> Failure {
    Failure::usage(
        "the body comes from one file, from standard input, or from fields, not from two",
    )
}

/// A mistake in an item; its value may be a secret.
fn wrong(text: &str, problem: &str) -> Failure {
    let name = text.split(['=', ':']).next().unwrap_or_default();
    Failure::usage(format_args!("the item {name}: {problem}"))
}

impl Item {
    fn parse(text: &str) -> Result<Self> {
        if text == "-" {
            return Ok(Self::Body(input::standard("the body (-)", Code::Usage)?));
        }
        if let Some(path) = text.strip_prefix('@') {
            return Ok(Self::Body(file(path, "the body (@-)")?));
        }
        let Some((name, separator, value)) = split(text) else {
            let hint = if text.contains('@') {
                "; a file is uploaded by wechatpay upload"
            } else {
                ""
            };
            return Err(Failure::usage(format_args!("{text:?}: {WANTED}{hint}")));
        };
        if name.is_empty() {
            return Err(Failure::usage(format_args!(
                "{text:?} has no name: {WANTED}"
            )));
        }
        let of_file = |path| {
            let bytes = file(path, &format!("the item {name}"))?;
            String::from_utf8(bytes).map_err(|_| wrong(text, "its file is not UTF-8"))
        };
        let json = |json: &str| {
            serde_json::from_str(json).map_err(|error| {
                let problem = format!("no JSON: {error}; a text is given as name=text");
                wrong(text, &problem)
            })
        };
        let field = |value| -> Result<Self> {
            let steps = steps(name).map_err(|problem| wrong(text, problem))?;
            Ok(Self::Field(steps, value))
        };
        match separator {
            "==" => Ok(Self::Query(plain(name), value.to_owned())),
            ":" => Ok(Self::Header(plain(name), value.trim().to_owned())),
            ":=" => field(json(value)?),
            ":=@" => field(json(&of_file(value)?)?),
            "=@" => field(Value::String(of_file(value)?)),
            _ => field(Value::String(value.to_owned())),
        }
    }
}

/// What an item's file holds.
fn file(path: &str, what: &str) -> Result<Vec<u8>> {
    input::file(Path::new(path), what, Code::Usage)
}

/// An item at its first separator that no backslash takes away.
fn split(text: &str) -> Option<(&str, &'static str, &str)> {
    let mut is_escaped = false;
    for (at, character) in text.char_indices() {
        if is_escaped {
            is_escaped = false;
            continue;
        }
        is_escaped = character == '\\';
        let (name, rest) = text.split_at(at);
        let separator = SEPARATORS.iter().find(|it| rest.starts_with(**it));
        if let Some(separator) = separator {
            return Some((name, separator, rest.get(separator.len()..)?));
        }
    }
    None
}

/// A name without the backslashes before what would else have a meaning.
fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut characters = name.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            _ => plain.push(character),
        }
    }
    plain
}

/// A name such as `amount[total]`, `goods[0][price]` or `tags[]`, as steps.
fn steps(name: &str) -> Result<Vec<Step>, &'static str> {
    const WANTED: &str = "wanted is a name such as amount[total], goods[0][price] or tags[]; \\[ is a \
         bracket of the name itself";
    let bracket = |text: &str, wanted: char| {
        let mut is_escaped = false;
        text.char_indices().find_map(|(at, character)| {
            let found = character == wanted && !is_escaped;
            is_escaped = character == '\\' && !is_escaped;
            found.then_some(at)
        })
    };
    let (first, mut rest) = name.split_at(bracket(name, '[').unwrap_or(name.len()));
    if first.is_empty() {
        return Err(WANTED);
    }
    let mut steps = vec![Step::Name(plain(first))];
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').ok_or(WANTED)?;
        let end = bracket(inner, ']').ok_or(WANTED)?;
        let (inner, behind) = inner.split_at(end);
        steps.push(match inner {
            "" => Step::Next,
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                Step::Index(number.parse().map_err(|_| WANTED)?)
            }
            name => Step::Name(plain(name)),
        });
        rest = behind.strip_prefix(']').unwrap_or_default();
    }
    Ok(steps)
}

/// Puts a value where the steps lead, through objects and lists that are made on the way.
fn put(slot: &mut Value, steps: &[Step], value: Value) -> Result<(), &'static str> {
    const TWICE: &str = "given twice";
    const OTHER: &str = "an item before has it as something that holds no such field";
    let Some((step, rest)) = steps.split_first() else {
        if !slot.is_null() {
            return Err(TWICE);
        }
        *slot = value;
        return Ok(());
    };
    if slot.is_null() {
        *slot = match step {
            Step::Name(_) => Value::Object(Map::new()),
            Step::Index(_) | Step::Next => Value::Array(Vec::new()),
        };
    }
    match (step, slot) {
        (Step::Name(name), Value::Object(fields)) => match fields.get_mut(name) {
            // A null that was given is no free place.
            Some(_) if rest.is_empty() => Err(TWICE),
            Some(inner) => put(inner, rest, value),
            None => put(fields.entry(name).or_insert(Value::Null), rest, value),
        },
        (Step::Next, Value::Array(items)) => {
            let mut inner = Value::Null;
            put(&mut inner, rest, value)?;
            items.push(inner);
            Ok(())
        }
        (Step::Index(index), Value::Array(items)) => {
            if *index == items.len() {
                items.push(Value::Null);
            }
            match items.get_mut(*index) {
                Some(inner) => put(inner, rest, value),
                None => Err("the elements of a list come one after the other, from 0"),
            }
        }
        _ => Err(OTHER),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(items: &[&str]) -> Result<Items, String> {
        let items: Vec<String> = items.iter().map(|&item| item.to_owned()).collect();
        Items::read(&items).map_err(|failure| failure.message().to_owned())
    }

    fn fields(items: &[&str]) -> Value {
        match read(items).unwrap().body {
            Body::Fields(fields) => fields,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_separator_has_its_meaning() {
        let items = read(&["a=1", "b:=1", "c==1", "D:1", "e=x=y:z", "f\\=g=1"]).unwrap();
        assert_eq!(
            items.body,
            Body::Fields(json!({ "a": "1", "b": 1, "e": "x=y:z", "f=g": "1" }))
        );
        assert_eq!(items.query, [("c".to_owned(), json!("1"))]);
        assert_eq!(items.headers, [("D".to_owned(), "1".to_owned())]);
        assert_eq!(
            fields(&["notify_url=https://a.example/b"]),
            json!({ "notify_url": "https://a.example/b" })
        );
    }

    #[test]
    fn fields_keep_the_order_of_the_items() {
        let fields = fields(&["b=1", "a[y]=2", "a[x]=3"]);
        assert_eq!(fields.to_string(), r#"{"b":"1","a":{"y":"2","x":"3"}}"#);
    }

    #[test]
    fn brackets_nest() {
        assert_eq!(
            fields(&["amount[total]:=1", "amount[currency]=CNY"]),
            json!({ "amount": { "total": 1, "currency": "CNY" } })
        );
        assert_eq!(
            fields(&["g[0][p]:=1", "g[0][n]=x", "g[1][p]:=2", "t[]=a", "t[]=b"]),
            json!({ "g": [{ "p": 1, "n": "x" }, { "p": 2 }], "t": ["a", "b"] })
        );
        assert_eq!(fields(&["a\\[b\\]=1"]), json!({ "a[b]": "1" }));
    }

    #[test]
    fn what_can_t_be_meant_is_an_error_that_shows_no_value() {
        for (items, said) in [
            (&["secret"][..], "wanted is name=text"),
            (&["a=1", "a=2"], "a: given twice"),
            (&["a:=null", "a=2"], "a: given twice"),
            (&["a=1", "a[b]=2"], "holds no such field"),
            (&["a[1]=1"], "one after the other"),
            (&["a[b=1"], "wanted is a name such as"),
            (&["a:=x-secret"], "a: no JSON"),
            (&["=1"], "has no name"),
            (&["licence@a.jpg"], "wechatpay upload"),
        ] {
            let error = read(items).unwrap_err();
            assert!(error.contains(said), "{error}");
            assert!(!error.contains("x-secret"), "{error}");
        }
    }
}
