//! Uploads: multipart in a strict reading, of which only the part `meta` is signed.

use std::io::BufRead as _;

use aws_lc_rs::digest::{self, SHA256};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::answer::{Answer, number};
use crate::random::Random;
use crate::received::Received;

/// The largest body that is taken, in bytes: more than WeChat Pay takes, so that a client's memory
/// can be measured.
pub(crate) const LIMIT: usize = 128 * 1024 * 1024;

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Whether uploads go to this path.
pub(crate) fn is_upload(path: &str) -> bool {
    answer_field(path).is_some()
}

/// The one field of the answer at this path.
fn answer_field(path: &str) -> Option<&'static str> {
    match path {
        "/v3/merchant/media/upload" | "/v3/merchant/media/video_upload" => Some("media_id"),
        "/v3/marketing/favor/media/image-upload" => Some("media_url"),
        _ => None,
    }
}

/// What the merchant should have signed as the last line: of an upload, its `meta` as it came.
pub(crate) fn signed(request: &Received) -> &[u8] {
    meta(request).unwrap_or_else(|| request.body())
}

fn meta(request: &Received) -> Option<&[u8]> {
    if !is_upload(request.path()) {
        return None;
    }
    let parts = Parts::of(request).ok()?;
    // What stands before it was read without a mistake.
    let mut parts = parts.map_while(Result::ok);
    Some(parts.find(|part| part.name == "meta")?.content)
}

/// Answers an upload.
pub(crate) fn upload(request: &Received, random: &Random) -> Answer {
    let field = answer_field(request.path()).unwrap_or("media_id");
    match check(request) {
        Ok(()) if field == "media_url" => {
            let name = random.text(ALPHABET, 43);
            let url = format!("https://wxpaylogo.qpic.cn/wxpaylogo/{name}/0");
            Answer::ok(&json!({ field: url })).shape()
        }
        Ok(()) => Answer::ok(&json!({ field: random.text(ALPHABET, 98) })).shape(),
        Err(refusal) => refusal.answer(),
    }
}

/// Which field is wrong, and how.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    field: &'static str,
    issue: &'static str,
}

impl Refusal {
    fn answer(&self) -> Answer {
        let detail = json!({
            "field": self.field,
            "value": null,
            "issue": self.issue,
            "location": "body",
        });
        Answer::error(
            StatusCode::BAD_REQUEST,
            "PARAM_ERROR",
            "上传的文件参数错误，请检查meta与file",
            Some(detail),
            number::PARAMETER,
        )
    }
}

fn refuse<T>(field: &'static str, issue: &'static str) -> Result<T, Refusal> {
    Err(Refusal { field, issue })
}

/// `meta` first, then the file, and the one says what the other is. Other parts are not looked at.
fn check(request: &Received) -> Result<(), Refusal> {
    let mut meta = None;
    let mut file = None;
    for part in Parts::of(request)? {
        let part = part?;
        let place = match part.name {
            "meta" if file.is_some() => return refuse("/meta", "meta behind the file"),
            "meta" => &mut meta,
            "file" => &mut file,
            _ => continue,
        };
        if place.replace(part).is_some() {
            return refuse("", "a part occurs twice");
        }
    }
    let Some(meta) = meta else {
        return refuse("/meta", "required part is missing");
    };
    let Some(file) = file else {
        return refuse("/file", "required part is missing");
    };
    if meta.filename.is_some() || meta.content_type != Some("application/json") {
        return refuse("/meta", "not a part of the type application/json");
    }
    if file.content_type.is_none() {
        return refuse("/file", "the part has no type");
    }
    let Ok(meta) = serde_json::from_slice::<Value>(meta.content) else {
        return refuse("/meta", "not JSON");
    };
    let text = |name: &str| meta.get(name).and_then(Value::as_str);
    // The one character that a name between quotes can't hold.
    let filename = text("filename").map(|name| name.replace('"', "%22"));
    if filename.is_none() || filename.as_deref() != file.filename {
        return refuse("/meta/filename", "not the name of the file");
    }
    let digest = digest::digest(&SHA256, file.content);
    let digest: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    match text("sha256") {
        Some(given) if given.eq_ignore_ascii_case(&digest) => Ok(()),
        _ => refuse("/meta/sha256", "not the digest of the file"),
    }
}

/// One part, as it stands in the body.
#[derive(Debug)]
struct Part<'a> {
    name: &'a str,
    filename: Option<&'a str>,
    content_type: Option<&'a str>,
    content: &'a [u8],
}

/// The parts of a multipart body, one after the other: nothing before the first and nothing behind
/// the last.
struct Parts<'a> {
    /// `CRLF`, two hyphens and the boundary.
    delimiter: Vec<u8>,
    /// From behind a delimiter on; empty at the end and after a mistake.
    rest: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(request: &'a Received) -> Result<Self, Refusal> {
        let boundary = request
            .header(CONTENT_TYPE.as_str())
            .and_then(|value| value.strip_prefix("multipart/form-data; boundary="))
            .filter(|boundary| {
                let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
                (1..=70).contains(&boundary.len()) && boundary.bytes().all(is_sound)
            });
        let Some(boundary) = boundary else {
            return refuse("", "Content-Type not multipart/form-data with a boundary");
        };
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // The first one begins the body, without a line before it.
        match request
            .body()
            .strip_prefix(delimiter.get(2..).unwrap_or_default())
        {
            Some(rest) => Ok(Self { delimiter, rest }),
            None => refuse("", "the body does not begin with the boundary"),
        }
    }

    /// The part that begins at `rest`, and what stands behind its delimiter.
    fn part(&self, rest: &'a [u8]) -> Result<(Part<'a>, &'a [u8]), Refusal> {
        let Some(part) = rest.strip_prefix(b"\r\n") else {
            return refuse("", "no line end behind a boundary");
        };
        let (part, rest) = split(part, &self.delimiter)?;
        let (head, content) = split(part, b"\r\n\r\n")?;
        let Ok(head) = std::str::from_utf8(head) else {
            return refuse("", "a part's head is not UTF-8");
        };
        let mut part = Part {
            name: "",
            filename: None,
            content_type: None,
            content,
        };
        for line in head.split("\r\n") {
            match line.split_once(": ") {
                Some(("Content-Disposition", value)) if part.name.is_empty() => {
                    (part.name, part.filename) = disposition(value)?;
                }
                Some(("Content-Type", value)) if part.content_type.is_none() => {
                    part.content_type = Some(value);
                }
                _ => return refuse("", "a line of a part's head is not known, or there twice"),
            }
        }
        if part.name.is_empty() {
            return refuse("", "a part has no name");
        }
        Ok((part, rest))
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>, Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() || rest == b"--\r\n" {
            return None;
        }
        Some(self.part(rest).and_then(|(part, rest)| {
            if rest.is_empty() {
                return refuse("", "the last boundary has no end");
            }
            self.rest = rest;
            Ok(part)
        }))
    }
}

/// Name and file name of `form-data; name="…"; filename="…"`. What other parsers of WeChat Pay's do
/// with `filename*` is to lose the file.
fn disposition(value: &str) -> Result<(&str, Option<&str>), Refusal> {
    let parse = || {
        let rest = value.strip_prefix("form-data; name=\"")?;
        let (name, rest) = rest.split_once('"')?;
        if rest.is_empty() {
            return Some((name, None));
        }
        let filename = rest.strip_prefix("; filename=\"")?.strip_suffix('"')?;
        Some((name, Some(filename)))
    };
    let found = parse().filter(|(name, filename)| {
        let is_sound = |text: &str| !text.is_empty() && !text.contains(['"', '\r', '\n', '\0']);
        is_sound(name) && filename.is_none_or(is_sound)
    });
    match found {
        Some(found) => Ok(found),
        None => refuse(
            "",
            "Content-Disposition not form-data; name=\"…\"; filename=\"…\"",
        ),
    }
}

/// What stands before the first `mark`, which begins with a carriage return, and behind it.
fn split<'a>(text: &'a [u8], mark: &[u8]) -> Result<(&'a [u8], &'a [u8]), Refusal> {
    let mut rest = text;
    // The fast search of the standard library; reading from a slice can't fail.
    while rest.skip_until(b'\r').is_ok_and(|skipped| skipped > 0) {
        let (before, found) = text.split_at((text.len() - rest.len()).saturating_sub(1));
        if let Some(behind) = found.strip_prefix(mark) {
            return Ok((before, behind));
        }
    }
    refuse("", "a part or its head has no end")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/v3/merchant/media/upload";
    const META: &str = r#"{"filename":"a%22.jpg","sha256":"2D711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}"#;

    fn meta_part(meta: &str) -> String {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"meta\"\r\n\
             Content-Type: application/json\r\n\r\n{meta}\r\n"
        )
    }

    const FILE: &str = "--b\r\nContent-Disposition: form-data; name=\"file\"; \
                        filename=\"a%22.jpg\"\r\nContent-Type: image/jpeg\r\n\r\nx\r\n";
    const EXTRA: &str = "--b\r\nContent-Disposition: form-data; name=\"item\"\r\n\r\n1\r\n2\r\n";

    fn request(body: &str) -> Received {
        let headers = [("Content-Type", "multipart/form-data; boundary=b")];
        Received::for_test("POST", PATH, &headers, body)
    }

    fn issue(body: &str) -> &'static str {
        check(&request(body)).map_or_else(|refusal| refusal.issue, |()| "")
    }

    #[test]
    fn an_upload_whose_meta_says_what_the_file_is_is_taken() {
        for meta in [META.to_owned(), META.replace("%22", "\\\"")] {
            let whole = format!("{}{EXTRA}{FILE}--b--\r\n", meta_part(&meta));
            assert_eq!(issue(&whole), "");
            assert_eq!(signed(&request(&whole)), meta.as_bytes());
        }
    }

    #[test]
    fn an_upload_of_any_other_form_is_refused() {
        let meta = meta_part(META);
        let whole = format!("{meta}{FILE}--b--\r\n");
        for (body, expected) in [
            (format!(" {whole}"), "begin"),
            (format!("{whole} "), "line end"),
            (format!("{meta}{FILE}--b"), "no end"),
            (format!("{meta}{FILE}"), "no end"),
            (format!("{meta}--b--\r\n"), "missing"),
            (format!("{FILE}--b--\r\n"), "missing"),
            (format!("{FILE}{meta}--b--\r\n"), "behind"),
            (format!("{meta}{FILE}{FILE}--b--\r\n"), "twice"),
            (whole.replace("filename=", "filename*="), "Disposition"),
            (whole.replace("a%22.jpg\"\r", "a\".jpg\"\r"), "Disposition"),
            (
                whole.replace("application/json", "text/plain"),
                "application/json",
            ),
            (
                whole.replace("a%22.jpg\"\r", "b.jpg\"\r"),
                "name of the file",
            ),
            (whole.replace("\nx\r", "\ny\r"), "digest"),
            (whole.replace("{\"file", "{file"), "not JSON"),
            (
                whole.replace("Content-Type: image", "X: image"),
                "not known",
            ),
        ] {
            let issue = issue(&body);
            assert!(
                !issue.is_empty() && issue.contains(expected),
                "{issue}: {body}"
            );
        }
        let form = Received::for_test("POST", PATH, &[], &whole);
        assert!(check(&form).unwrap_err().issue.starts_with("Content-Type"));
        assert_eq!(signed(&form), whole.as_bytes());
    }

    #[test]
    fn only_an_upload_is_signed_in_part() {
        let whole = format!("{}{FILE}--b--\r\n", meta_part(META));
        let headers = [("Content-Type", "multipart/form-data; boundary=b")];
        let other = Received::for_test("POST", "/v3/other/upload", &headers, &whole);
        assert_eq!(signed(&other), whole.as_bytes());
    }
}
