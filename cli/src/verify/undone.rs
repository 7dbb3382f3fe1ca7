//! What mostly happens to a body between the network and a file, undone.

use std::borrow::Cow;

use serde_json::Value;

/// A body as it may have been, and what was undone for it.
pub(super) type Undone = (&'static str, Vec<u8>);

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The bodies that this one may have been, the likely ones first.
pub(super) fn candidates(body: &[u8]) -> Vec<Undone> {
    let mut candidates = vec![
        (
            "without the last line feed, which an editor or echo adds",
            without_end(body).map(<[u8]>::to_vec),
        ),
        (
            "with a line feed at its end, which was lost",
            Some([body, b"\n"].concat()),
        ),
    ];
    let repairs: [(&str, &str, Option<Vec<u8>>); 6] = [
        (
            "with LF for CRLF, which a copy as text makes",
            "with LF for CRLF and without the last line feed",
            replaced(body, b"\r\n", b"\n"),
        ),
        (
            "with CRLF for LF, which a copy as text loses",
            "with CRLF for LF and without the last line feed",
            with_cr(body),
        ),
        (
            r"after \x22 and its like are undone, which a log writes",
            r"after \x22 and its like are undone, without the last line feed",
            without_hex(body),
        ),
        (
            "without the byte order mark, which an editor adds",
            "without the byte order mark and the last line feed",
            body.strip_prefix(BYTE_ORDER_MARK).map(<[u8]>::to_vec),
        ),
        (
            "as the content of the JSON text it stands in",
            "as the content of the JSON text it stands in, without the last line feed",
            within_text(body),
        ),
        (
            "without the white space around and between its values, as indenting adds",
            "",
            compact(body),
        ),
    ];
    for (how, how_without_end, repaired) in repairs {
        let Some(repaired) = repaired.filter(|repaired| repaired != body) else {
            continue;
        };
        let shorter = without_end(&repaired).map(<[u8]>::to_vec);
        candidates.push((how, Some(repaired)));
        candidates.push((how_without_end, shorter));
    }
    candidates
        .into_iter()
        .filter_map(|(how, body)| Some((how, body?)))
        .collect()
}

fn without_end(body: &[u8]) -> Option<&[u8]> {
    let shorter = body.strip_suffix(b"\n")?;
    Some(shorter.strip_suffix(b"\r").unwrap_or(shorter))
}

fn replaced(body: &[u8], what: &[u8], by: &[u8]) -> Option<Vec<u8>> {
    let mut rest = body;
    let mut replaced = Vec::with_capacity(body.len());
    while let Some((byte, behind)) = rest.split_first() {
        if let Some(behind) = rest.strip_prefix(what) {
            replaced.extend_from_slice(by);
            rest = behind;
        } else {
            replaced.push(*byte);
            rest = behind;
        }
    }
    Some(replaced)
}

fn with_cr(body: &[u8]) -> Option<Vec<u8>> {
    replaced(&replaced(body, b"\r\n", b"\n")?, b"\n", b"\r\n")
}

/// `\xHH` as bytes, as nginx and Apache escape them.
fn without_hex(body: &[u8]) -> Option<Vec<u8>> {
    let mut rest = body;
    let mut plain = Vec::with_capacity(body.len());
    while let Some((byte, behind)) = rest.split_first() {
        match rest {
            [b'\\', b'x', high, low, behind @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let value = digit(*high)? * 16 + digit(*low)?;
                plain.push(u8::try_from(value).ok()?);
                rest = behind;
            }
            _ => {
                plain.push(*byte);
                rest = behind;
            }
        }
    }
    Some(plain)
}

/// The text, where the body is a JSON text that holds another JSON; also without the quotes around it.
fn within_text(body: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let quoted = if text.starts_with('"') {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("\"{text}\""))
    };
    let inner: String = serde_json::from_str(&quoted).ok()?;
    Some(inner.into_bytes())
}

fn compact(body: &[u8]) -> Option<Vec<u8>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    serde_json::to_vec(&value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_undone() {
        let body: &[u8] = r#"{"a":"微\n","b":[1,2]}"#.as_bytes();
        let with_lines: &[u8] = b"{\n\"a\":1\n}";
        let text = String::from_utf8(body.to_vec()).unwrap();
        let hex: String = body
            .iter()
            .map(|byte| match byte {
                b'"' | b'\\' | 0x80.. => format!("\\x{byte:02X}"),
                byte => char::from(*byte).to_string(),
            })
            .collect();
        let indented: Value = serde_json::from_slice(body).unwrap();
        let quoted = Value::from(text.as_str()).to_string();
        for (happened, was) in [
            ([body, b"\n"].concat(), body),
            ([body, b"\r\n"].concat(), body),
            (b"{\r\n\"a\":1\r\n}".to_vec(), with_lines),
            (b"{\r\n\"a\":1\r\n}\r\n".to_vec(), with_lines),
            (with_lines.to_vec(), b"{\r\n\"a\":1\r\n}"),
            (hex.clone().into_bytes(), body),
            (format!("{hex}\n").into_bytes(), body),
            ([BYTE_ORDER_MARK, body].concat(), body),
            (quoted.clone().into_bytes(), body),
            (quoted.trim_matches('"').as_bytes().to_vec(), body),
            (serde_json::to_vec_pretty(&indented).unwrap(), body),
        ] {
            let all = candidates(&happened);
            assert!(
                all.iter().any(|(_, candidate)| candidate == was),
                "{}",
                String::from_utf8_lossy(&happened)
            );
        }
    }
}
