//! XML as APIv2 has it: one element around texts, and nothing else.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use serde_json::Value;

/// More fields than any endpoint has.
const MOST_FIELDS: usize = 256;

/// Names and texts, in the order in which they came or are to go; no name twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The text of a field; empty when there is none, which APIv2 holds for the same.
    pub(crate) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, text)| text)
    }

    /// Sets a field, at the end if it is new.
    pub(crate) fn put(&mut self, name: impl Into<String>, text: impl Into<String>) {
        let (name, text) = (name.into(), text.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = text,
            None => self.0.push((name, text)),
        }
    }

    /// Sets a field as [`put`](Self::put) does, and gives all of them back.
    pub(crate) fn with(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.put(name, text);
        self
    }

    /// Sets what a JSON object says. `null` takes a field away; what is no text goes in as JSON
    /// writes it.
    pub(crate) fn given(mut self, given: &Value) -> Self {
        for (name, value) in given.as_object().into_iter().flatten() {
            match value {
                Value::Null => self.0.retain(|(known, _)| known != name),
                Value::String(text) => self.put(name, text),
                other => self.put(name, other.to_string()),
            }
        }
        self
    }

    /// All of them.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (&**name, &**text))
    }

    /// Adds a field that came; `None` when the name came before, or there are too many.
    pub(crate) fn came(&mut self, name: String, text: String) -> Option<()> {
        if self.0.len() == MOST_FIELDS || self.0.iter().any(|(known, _)| *known == name) {
            return None;
        }
        self.0.push((name, text));
        Some(())
    }
}

/// Reads `<xml>` with elements that hold texts; `None` for anything else. White space inside an
/// element is text; what is between elements must be white space. Attributes, comments, a DOCTYPE
/// and deeper elements are refused, and of entities XML's own five are known.
pub(crate) fn read(text: &str) -> Option<Fields> {
    if !text.chars().all(is_allowed) {
        return None;
    }
    let mut reader = Reader::from_str(text.trim_start());
    let mut fields = Fields::default();
    let mut place = Place::Before;
    loop {
        let is_first = reader.buffer_position() == 0;
        place = match (place, reader.read_event().ok()?) {
            (Place::Before, Event::Decl(_)) if is_first => Place::Before,
            (Place::Before, Event::Start(tag)) if name(&tag)? == ROOT => Place::Root,
            (Place::Root, Event::Start(tag)) => Place::Field(name(&tag)?, String::new()),
            (Place::Root, Event::Empty(tag)) => {
                fields.came(name(&tag)?, String::new())?;
                Place::Root
            }
            (Place::Root, Event::End(_)) => Place::After,
            (Place::Field(name, value), Event::End(_)) => {
                fields.came(name, value)?;
                Place::Root
            }
            (Place::Field(name, value), Event::Text(text)) if !text.contains("]]>") => {
                Place::Field(name, value + &text)
            }
            (Place::Field(name, value), Event::CData(text)) => Place::Field(name, value + &text),
            (Place::Field(name, mut value), Event::GeneralRef(reference)) => {
                value.push(resolve(&reference)?);
                Place::Field(name, value)
            }
            (place, Event::Text(text)) if text.trim().is_empty() => place,
            (Place::After, Event::Eof) => return Some(fields),
            _ => return None,
        };
    }
}

/// Where in the text the reader is.
enum Place {
    Before,
    Root,
    /// In a field of this name, with what was read of its text.
    Field(String, String),
    After,
}

/// What the root is called.
const ROOT: &str = "xml";

/// The name of an element without attributes.
fn name(tag: &BytesStart<'_>) -> Option<String> {
    let name = tag.name();
    let name: &str = name.as_ref();
    let is_bare = tag.attributes_raw().trim().is_empty();
    (is_bare && is_name(name)).then(|| name.to_owned())
}

/// The character that a reference stands for.
fn resolve(reference: &BytesRef<'_>) -> Option<char> {
    let character = match reference.resolve_char_ref().ok()? {
        Some(character) => character,
        None => resolve_predefined_entity(reference)?.chars().next()?,
    };
    is_allowed(character).then_some(character)
}

/// The names that APIv2 has: ASCII, and no prefix.
fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// Whether XML 1.0 has this character.
fn is_allowed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        _ => character >= ' ',
    }
}

/// Writes the fields under this root, each text as CDATA, a line each, as WeChat Pay does.
pub(crate) fn write(root: &str, fields: &Fields) -> String {
    let lines: Vec<String> = fields
        .pairs()
        .map(|(name, text)| {
            let text = text.replace("]]>", "]]]]><![CDATA[>");
            format!("<{name}><![CDATA[{text}]]></{name}>")
        })
        .collect();
    format!("<{root}>{}</{root}>", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let pairs = pairs.iter();
        Fields(
            pairs
                .map(|&(name, text)| (name.to_owned(), text.to_owned()))
                .collect(),
        )
    }

    #[test]
    fn texts_cdata_and_references_are_read_as_they_are_meant() {
        for (text, expected) in [
            ("<xml></xml>", &[][..]),
            (
                "<?xml version=\"1.0\"?>\n<xml>\n <a>1</a>\n</xml>\n",
                &[("a", "1")],
            ),
            (
                "<xml><a> 1 </a ><b/><c /></xml>",
                &[("a", " 1 "), ("b", ""), ("c", "")],
            ),
            (
                "<xml><a>x<![CDATA[<b>&amp;]]>y</a></xml>",
                &[("a", "x<b>&amp;y")],
            ),
            (
                "<xml><a>&lt;&#20013;&#x6587;&amp;</a></xml>",
                &[("a", "<中文&")],
            ),
            ("<xml><a></a></xml>", &[("a", "")]),
        ] {
            assert_eq!(read(text), Some(fields(expected)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let many: String = (0..257).map(|n| format!("<a{n}/>")).collect();
        for text in [
            "",
            "{}",
            "<root></root>",
            "<xml>",
            "<xml><a>1</xml>",
            "<xml><a>1</b></xml>",
            "<xml><a><b>1</b></a></xml>",
            "<xml><a>1</a><a>1</a></xml>",
            "<xml><a x=\"1\">1</a></xml>",
            "<xml>text<a>1</a></xml>",
            "<xml><a>1</a></xml><xml></xml>",
            "<xml><!-- --><a>1</a></xml>",
            "<!DOCTYPE xml><xml><a>1</a></xml>",
            "<xml><a>&nbsp;</a></xml>",
            "<xml><a>&#0;</a></xml>",
            "<xml><a>&#+49;</a></xml>",
            "<xml><a>&</a></xml>",
            "<xml><a>\u{1}</a></xml>",
            "<xml><a><![CDATA[1</a></xml>",
            "<xml><a>&#1;</a></xml>",
            "<xml><a>]]></a></xml>",
            "<xml><![CDATA[ ]]><a>1</a></xml>",
            "<xml>&#32;<a>1</a></xml>",
            "<xml/>",
            "<xml x=\"1\"><a>1</a></xml>",
            "<xml><a>1</a></xml> text",
            "<xml><a>1</a><?p?></xml>",
            "<xml><?xml version=\"1.0\"?><a>1</a></xml>",
            "<!DOCTYPE xml [<!ENTITY b \"c\">]><xml><a>&b;</a></xml>",
            "<xml><1>1</1></xml>",
            "<xml><>1</></xml>",
            &format!("<xml>{many}</xml>"),
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let fields = fields(&[("a", "<中&]]>\"'"), ("b", ""), ("c", "1")]);
        let written = write("xml", &fields);
        assert_eq!(read(&written), Some(fields));
        assert!(written.contains("<c><![CDATA[1]]></c>"), "{written}");
    }
}
