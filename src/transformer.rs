//! The XML of APIv2: from text to a value, and back.
//!
//! The names are those of PHP's `Transformer`. Every text is a text: `<total_fee>1</total_fee>` is
//! `"1"`. Repeated elements are a list, an element without content is `""`, the root's name does not
//! matter, and attributes, text beside elements and elements of a declared prefix are dropped.
//!
//! ```
//! use serde_json::json;
//! use wechatpay_chain::transformer;
//!
//! let order = json!({ "body": "<b>", "total_fee": 1 });
//! let xml = transformer::to_xml(&order);
//! assert!(xml.contains("<body><![CDATA[<b>]]></body>"));
//! assert_eq!(transformer::to_value(&xml)?, json!({ "body": "<b>", "total_fee": "1" }));
//! # Ok::<(), wechatpay_chain::Error>(())
//! ```

use std::borrow::Cow;
use std::collections::HashSet;
use std::slice;

use quick_xml::Reader;
use quick_xml::errors::{IllFormedError, SyntaxError};
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value, map};

use crate::error::{Error, Result};
use crate::formatter::plain;

/// How deep elements may nest, the root counted. Nothing of APIv2 comes near, and to drop a value
/// that nests 100,000 deep aborts the process.
const MAXIMUM_LEVELS: usize = 32;
/// What an element of a list is called, and one whose own name XML does not allow.
const ITEM: &str = "item";

/// Reads XML into an object.
///
/// Characters that XML 1.0 forbids are left out, as PHP does, and line ends become `\n`, as XML
/// wants. No entity is expanded but XML's own five, and no file or address is ever read.
///
/// # Errors
/// [`Error::Decode`] with the position, for what is no well-formed XML: nothing at all, plain text,
/// an HTML page, an element that is not closed, a second root, an unknown entity. PHP makes an
/// empty array of these. The same for a DOCTYPE, and for more than 32 levels.
pub fn to_value(xml: &str) -> Result<Value> {
    let xml = xml.strip_prefix('\u{feff}').unwrap_or(xml);
    let xml = clean(xml);
    match Parser::new(&xml).run() {
        Ok(fields) => Ok(Value::Object(fields)),
        Err((problem, offset)) => Err(Error::xml(problem, &xml, offset)),
    }
}

/// The same of bytes, which must be UTF-8.
pub(crate) fn from_bytes(xml: &[u8]) -> Result<Value> {
    match std::str::from_utf8(xml) {
        Ok(text) => to_value(text),
        Err(error) => {
            let start = xml.get(..error.valid_up_to()).unwrap_or_default();
            let start = std::str::from_utf8(start).unwrap_or_default();
            Err(Error::xml("it is not UTF-8", start, start.len()))
        }
    }
}

/// Writes a value as XML under the root `<xml>`.
///
/// The elements of a list are `<item>`, and so is a key that is no XML name. `true` is `1`; `false`
/// and null are empty. A whole float is written as an integer. A text that holds `<`, `>`, `&` or
/// `"` goes in CDATA; what XML 1.0 forbids is left out.
pub fn to_xml(value: &Value) -> String {
    let mut xml = String::with_capacity(256);
    // Not by recursion: how deep a value nests is the caller's doing.
    let mut open: Vec<(&str, Children<'_>)> = Vec::new();
    let mut next = Some(("xml", value));
    loop {
        match next {
            Some((name, value)) => match Children::of(value) {
                Some(children) if children.is_empty() => {
                    xml.push('<');
                    xml.push_str(name);
                    xml.push_str("/>");
                }
                Some(children) => {
                    write_start(&mut xml, name);
                    open.push((name, children));
                }
                None => write_element(&mut xml, name, &plain(value)),
            },
            None => {
                if let Some((name, _)) = open.pop() {
                    write_end(&mut xml, name);
                }
            }
        }
        match open.last_mut() {
            Some((_, children)) => next = children.next(),
            None => return xml,
        }
    }
}

/// Writes one element that holds a text, as [`to_xml`] does.
pub(crate) fn write_element(xml: &mut String, name: &str, text: &str) {
    write_start(xml, name);
    let text = allowed(text);
    // A bare CR would be read as LF.
    if text.contains(['<', '>', '&', '"']) {
        let text = text.replace("]]>", "]]]]><![CDATA[>");
        xml.push_str("<![CDATA[");
        xml.push_str(&text.replace('\r', "]]>&#13;<![CDATA["));
        xml.push_str("]]>");
    } else {
        xml.push_str(&text.replace('\r', "&#13;"));
    }
    write_end(xml, name);
}

fn write_start(xml: &mut String, name: &str) {
    xml.push('<');
    xml.push_str(name);
    xml.push('>');
}

fn write_end(xml: &mut String, name: &str) {
    xml.push_str("</");
    xml.push_str(name);
    xml.push('>');
}

/// What is still to be written of an object or a list.
enum Children<'a> {
    Fields(map::Iter<'a>),
    Items(slice::Iter<'a, Value>),
}

impl<'a> Children<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Object(fields) => Some(Self::Fields(fields.iter())),
            Value::Array(items) => Some(Self::Items(items.iter())),
            _ => None,
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Fields(fields) => fields.len() == 0,
            Self::Items(items) => items.len() == 0,
        }
    }

    fn next(&mut self) -> Option<(&'a str, &'a Value)> {
        match self {
            Self::Fields(fields) => {
                let (name, value) = fields.next()?;
                let name = if is_field_name(name) { name } else { ITEM };
                Some((name, value))
            }
            Self::Items(items) => Some((ITEM, items.next()?)),
        }
    }
}

/// Whether a name can be an element's as it stands.
pub(crate) fn is_field_name(name: &str) -> bool {
    is_name(name) && !name.starts_with(':')
}

/// XML 1.0's `Name`.
fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(starts_a_name) && characters.all(is_in_a_name)
}

fn starts_a_name(character: char) -> bool {
    matches!(
        character,
        'A'..='Z' | 'a'..='z' | '_' | ':' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}'
        | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}'
        | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}'
        | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}'
    )
}

fn is_in_a_name(character: char) -> bool {
    starts_a_name(character)
        || matches!(
            character,
            '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}'
        )
}

/// Whether XML 1.0 has this character.
pub(crate) fn is_allowed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        other => other >= ' ',
    }
}

/// A text without what XML 1.0 forbids.
fn allowed(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_allowed) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(
            text.chars()
                .filter(|&character| is_allowed(character))
                .collect(),
        )
    }
}

/// A document without what XML 1.0 forbids, its line ends as XML wants them read.
fn clean(xml: &str) -> Cow<'_, str> {
    let xml = allowed(xml);
    if xml.contains('\r') {
        Cow::Owned(xml.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        xml
    }
}

/// What is wrong, and the byte at which it is.
type Wrong = (&'static str, usize);

const HTML: &str = "it is an HTML page, not XML";
const UNCLOSED: &str = "an element is not closed";
const NO_NAME: &str = "the name of an element or an attribute is none that XML allows";
const REFERENCE: &str = "an & begins no character reference and none of XML's five entities";
const OUTSIDE: &str = "there is text outside of the root element";
const SYNTAX: &str = "it is no well-formed XML";

/// An element that is open.
struct Element {
    name: String,
    text: String,
    fields: Map<String, Value>,
    /// The prefixes that it declares.
    prefixes: HashSet<String>,
    is_dropped: bool,
}

struct Parser<'a> {
    xml: &'a str,
    reader: Reader<&'a [u8]>,
    open: Vec<Element>,
    root: Option<Map<String, Value>>,
}

impl<'a> Parser<'a> {
    fn new(xml: &'a str) -> Self {
        let mut reader = Reader::from_str(xml);
        reader.config_mut().check_comments = true;
        Self {
            xml,
            reader,
            open: Vec::new(),
            root: None,
        }
    }

    fn run(mut self) -> std::result::Result<Map<String, Value>, Wrong> {
        if self.xml.starts_with('\u{feff}') {
            return Err((OUTSIDE, 0));
        }
        loop {
            let at = position(self.reader.buffer_position());
            let rest = self.xml.get(at..).unwrap_or_default().as_bytes();
            // Seen here, it is not even parsed.
            if rest.starts_with(b"<!") && !matches!(rest.get(2), Some(b'-' | b'[')) {
                let is_html = rest
                    .get(..14)
                    .is_some_and(|start| start.eq_ignore_ascii_case(b"<!doctype html"));
                let doctype = "a DOCTYPE is not accepted";
                return Err((if is_html { HTML } else { doctype }, at));
            }
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => {
                    let at = position(self.reader.error_position()).max(at);
                    return Err((explained(&error), at));
                }
            };
            match event {
                Event::Start(tag) => self.start(&tag, at)?,
                Event::Empty(tag) => {
                    self.start(&tag, at)?;
                    self.end(at)?;
                }
                Event::End(_) => self.end(at)?,
                Event::Text(text) => {
                    if text.contains("]]>") {
                        return Err(("]]> stands outside of CDATA", at));
                    }
                    self.text(&text, at)?;
                }
                // White space may stand outside of the root, but only as it is.
                Event::CData(_) | Event::GeneralRef(_) if self.open.is_empty() => {
                    return Err((OUTSIDE, at));
                }
                Event::CData(text) => self.text(&text, at)?,
                Event::GeneralRef(name) => {
                    let character = resolved(&name).ok_or((REFERENCE, at))?;
                    self.text(character.encode_utf8(&mut [0; 4]), at)?;
                }
                Event::Decl(declaration) => {
                    if at > 0 || declaration.version().is_err() {
                        return Err(("the XML declaration is malformed, or not at the start", at));
                    }
                }
                Event::PI(instruction) => {
                    if !is_name(instruction.target()) {
                        return Err((SYNTAX, at));
                    }
                }
                Event::Comment(_) => {}
                Event::DocType(_) => return Err((SYNTAX, at)),
                Event::Eof if self.open.is_empty() => {
                    return self.root.ok_or(("there is no element in it", at));
                }
                Event::Eof => return Err((UNCLOSED, at)),
            }
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>, at: usize) -> std::result::Result<(), Wrong> {
        let name = tag.name();
        let name: &str = name.as_ref();
        if !is_name(name) {
            return Err((NO_NAME, at));
        }
        if self.open.is_empty() {
            if self.root.is_some() {
                return Err(("there is a second root element", at));
            }
            if name.eq_ignore_ascii_case("html") {
                return Err((HTML, at));
            }
        }
        if self.open.len() == MAXIMUM_LEVELS {
            return Err(("elements nest more than 32 deep", at));
        }
        let mut element = Element {
            name: name.to_owned(),
            text: String::new(),
            fields: Map::new(),
            prefixes: declared(tag, at)?,
            is_dropped: false,
        };
        if let Some((prefix, _)) = name.split_once(':') {
            element.is_dropped = prefix == "xml"
                || element.prefixes.contains(prefix)
                || self.open.iter().any(|open| open.prefixes.contains(prefix));
        }
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self, at: usize) -> std::result::Result<(), Wrong> {
        let Some(element) = self.open.pop() else {
            return Err((SYNTAX, at));
        };
        let Some(parent) = self.open.last_mut() else {
            if element.fields.is_empty() && !is_blank(&element.text) {
                return Err(("the root holds text and no element", at));
            }
            self.root = Some(element.fields);
            return Ok(());
        };
        if element.is_dropped {
            return Ok(());
        }
        let value = if element.fields.is_empty() {
            Value::String(element.text)
        } else {
            Value::Object(element.fields)
        };
        match parent.fields.get_mut(&element.name) {
            None => {
                parent.fields.insert(element.name, value);
            }
            Some(Value::Array(items)) => items.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
        Ok(())
    }

    fn text(&mut self, text: &str, at: usize) -> std::result::Result<(), Wrong> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if is_blank(text) => {}
            None => return Err((OUTSIDE, at)),
        }
        Ok(())
    }
}

/// The prefixes that an element declares; its attributes are otherwise only looked at for mistakes.
fn declared(tag: &BytesStart<'_>, at: usize) -> std::result::Result<HashSet<String>, Wrong> {
    let mut prefixes = HashSet::new();
    let mut seen = HashSet::new();
    // quick-xml's own check for doubles compares each with each.
    for attribute in tag.attributes().with_checks(false) {
        let wrong = ("an attribute is malformed or stands twice", at);
        let attribute = attribute.map_err(|_| wrong)?;
        let name: &str = attribute.key.as_ref();
        if !is_name(name) {
            return Err((NO_NAME, at));
        }
        if attribute.value.contains('<') || !seen.insert(name.to_owned()) {
            return Err(wrong);
        }
        let mut references = attribute.value.split('&');
        references.next();
        for reference in references {
            let name = reference.split_once(';').map(|(name, _)| name);
            name.and_then(resolved).ok_or((REFERENCE, at))?;
        }
        match name.strip_prefix("xmlns:") {
            Some(prefix) if !attribute.value.is_empty() => {
                prefixes.insert(prefix.to_owned());
            }
            _ => {}
        }
    }
    Ok(prefixes)
}

/// The character that a reference stands for, its `&` and `;` taken away.
fn resolved(reference: &str) -> Option<char> {
    match reference {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => {}
    }
    let number = reference.strip_prefix('#')?;
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let number = u32::from_str_radix(digits, radix).ok()?;
    char::from_u32(number).filter(|&character| is_allowed(character))
}

fn is_blank(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

fn position(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// quick-xml's words hold names of elements, which are not ours to print.
fn explained(error: &quick_xml::Error) -> &'static str {
    use quick_xml::Error as Cause;
    match error {
        Cause::Syntax(SyntaxError::UnclosedCData) => "CDATA is not closed",
        Cause::Syntax(SyntaxError::UnclosedComment) => "a comment is not closed",
        Cause::Syntax(_) => "a tag is not closed",
        Cause::IllFormed(IllFormedError::MismatchedEndTag { .. }) => {
            "an end tag is not that of the element that is open"
        }
        Cause::IllFormed(IllFormedError::UnmatchedEndTag(_)) => "an end tag closes no element",
        Cause::IllFormed(IllFormedError::UnclosedReference) => REFERENCE,
        _ => SYNTAX,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_xml_forbids_can_be_no_name_and_no_character() {
        for name in ["a", "_", "ok-key", "ns:k", "é.1", "退款"] {
            assert!(is_field_name(name), "{name}");
        }
        for name in [
            "", "1num", "bad key", "-a", ".", ":a", "a<b", "a\u{1}", "a/",
        ] {
            assert!(!is_field_name(name), "{name}");
        }
        for character in ['\t', '\n', '\r', ' ', '\u{7f}', '\u{fffd}', '🏠'] {
            assert!(is_allowed(character), "{character:?}");
        }
        for character in ['\0', '\u{8}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
            assert!(!is_allowed(character), "{character:?}");
        }
    }

    #[test]
    fn a_value_that_nests_deeper_than_a_stack_is_written() {
        let mut deep = json!("x");
        for _ in 0..100_000 {
            deep = Value::Array(vec![deep]);
        }
        assert!(to_xml(&deep).ends_with("</item></xml>"));
        // To drop it in one would overflow the stack.
        while let Value::Array(mut items) = deep {
            deep = items.pop().unwrap();
        }
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_an_error_with_their_position() {
        let error = from_bytes(b"<xml>\n<a>\xff</a></xml>").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the XML can't be read: it is not UTF-8 at line 2, column 4"
        );
        assert_eq!(from_bytes(b"<xml/>").unwrap(), json!({}));
    }
}
