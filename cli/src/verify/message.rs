//! A captured message: an HTTP message in one piece, or its headers and its body.

use serde_json::Value;

/// Headers and body, as they were captured.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Message {
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// Of one piece: perhaps a start line, the headers, an empty line, the body. Without headers it is
    /// all body.
    pub(super) fn whole(bytes: &[u8]) -> Self {
        // `< ` is how curl -v marks a header.
        let start = bytes.trim_ascii_start();
        let is_marked = start.starts_with(b"< ");
        if matches!(start.first(), Some(b'<' | b'{')) && !is_marked {
            return Self {
                headers: Vec::new(),
                body: bytes.to_vec(),
            };
        }
        let end = |between: &[u8]| {
            let at = bytes
                .windows(between.len())
                .position(|window| window == between);
            at.map(|at| (at, at + between.len()))
        };
        let ends = [end(b"\n\n"), end(b"\r\n\r\n"), end(b"\n\r\n")];
        let (end, start) = ends
            .into_iter()
            .flatten()
            .min()
            .unwrap_or((bytes.len(), bytes.len()));
        Self::parts(
            bytes.get(..end).unwrap_or_default(),
            bytes.get(start..).unwrap_or_default(),
        )
    }

    /// Of headers and a body.
    pub(super) fn parts(headers: &[u8], body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(headers);
        let headers = match serde_json::from_str::<Value>(&text) {
            Ok(Value::Object(fields)) => of_json(fields),
            _ => text.lines().filter_map(of_line).collect(),
        };
        Self {
            headers,
            body: body.to_vec(),
        }
    }

    /// The values of a header, which must be but one; names as CGI has them count, too.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let is_it = move |given: &str| {
            let given = given.to_ascii_lowercase().replace('_', "-");
            let given = given.strip_prefix("http-").unwrap_or(&given);
            given == name.to_ascii_lowercase()
        };
        let found = self.headers.iter().filter(move |(given, _)| is_it(given));
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn has_headers(&self) -> bool {
        !self.headers.is_empty()
    }
}

/// `Name: value`, perhaps behind the mark that curl -v puts before it.
fn of_line(line: &str) -> Option<(String, String)> {
    let line = line.trim_start_matches(['<', '>']);
    let (name, value) = line.split_once(':')?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}

/// An object as frameworks print it: a value is a text, or a list with one.
fn of_json(fields: serde_json::Map<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map(|text| text.trim().to_owned());
    fields
        .iter()
        .flat_map(|(name, value)| {
            let values = match value {
                Value::Array(values) => values.iter().filter_map(text).collect(),
                value => text(value).into_iter().collect::<Vec<_>>(),
            };
            values.into_iter().map(|value| (name.clone(), value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(message: &Message, name: &str) -> String {
        message.values(name).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn the_body_begins_behind_the_first_empty_line() {
        for text in [
            "POST /notify HTTP/1.1\r\nWechatpay-Nonce: a\r\n\r\n{\n\n}\n",
            "wechatpay-nonce:a\n\n{\n\n}\n",
            "HTTP 200 OK\nX: y\nWechatpay-Nonce: a \n\n{\n\n}\n",
            "< HTTP/1.1 200 OK\n< Wechatpay-Nonce: a\n\r\n{\n\n}\n",
        ] {
            let message = Message::whole(text.as_bytes());
            assert_eq!(value(&message, "Wechatpay-Nonce"), "a", "{text:?}");
            assert_eq!(message.body, b"{\n\n}\n", "{text:?}");
        }
        let body = Message::whole(b"<xml/>\n\n");
        assert_eq!(
            (body.has_headers(), body.body),
            (false, b"<xml/>\n\n".to_vec())
        );
    }

    #[test]
    fn headers_come_in_the_forms_that_programs_print() {
        for text in [
            "HTTP_WECHATPAY_SERIAL: 1",
            r#"{"wechatpay-serial":"1"}"#,
            r#"{"Wechatpay-Serial":["1"]}"#,
        ] {
            let message = Message::parts(text.as_bytes(), b"");
            assert_eq!(value(&message, "Wechatpay-Serial"), "1", "{text}");
        }
    }
}
