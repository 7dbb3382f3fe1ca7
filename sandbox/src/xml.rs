//! XML as APIv2 has it: one element around texts, and nothing else.

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
/// element is text; what is between elements must be white space.
pub(crate) fn read(text: &str) -> Option<Fields> {
    if !text.chars().all(is_allowed) {
        return None;
    }
    let mut rest = text.trim_start();
    if let Some(declaration) = rest.strip_prefix("<?xml ") {
        let (_, after) = declaration.split_once("?>")?;
        rest = after.trim_start();
    }
    rest = rest.strip_prefix("<xml>")?;
    let mut fields = Fields::default();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("</xml>") {
            return after.trim().is_empty().then_some(fields);
        }
        let (tag, after) = rest.strip_prefix('<')?.split_once('>')?;
        if let Some(name) = tag.strip_suffix('/') {
            let name = name.trim_end();
            if !is_name(name) {
                return None;
            }
            fields.came(name.to_owned(), String::new())?;
            rest = after;
            continue;
        }
        if !is_name(tag) {
            return None;
        }
        let (value, after) = content(after)?;
        rest = after.strip_prefix("</")?.strip_prefix(tag)?;
        rest = rest.trim_start().strip_prefix('>')?;
        fields.came(tag.to_owned(), value)?;
    }
}

/// Text and CDATA up to the next tag, which is left.
fn content(mut rest: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    loop {
        let (text, _) = rest.split_once('<')?;
        decode(text, &mut value)?;
        rest = rest.get(text.len()..)?;
        let Some(raw) = rest.strip_prefix("<![CDATA[") else {
            return Some((value, rest));
        };
        let (raw, after) = raw.split_once("]]>")?;
        value.push_str(raw);
        rest = after;
    }
}

/// Appends a text with its references replaced.
fn decode(mut text: &str, value: &mut String) -> Option<()> {
    while let Some((before, after)) = text.split_once('&') {
        value.push_str(before);
        let (name, after) = after.split_once(';')?;
        value.push(reference(name)?);
        text = after;
    }
    value.push_str(text);
    Some(())
}

fn reference(name: &str) -> Option<char> {
    match name {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => {}
    }
    let number = name.strip_prefix('#')?;
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // `from_str_radix` would also take a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = u32::from_str_radix(digits, radix).ok()?;
    char::from_u32(number).filter(|&character| is_allowed(character))
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
