//! What would be sent: shown, or as a line for curl.

use std::fmt::Write as _;

use serde_json::{Value, json};
use ureq::http::header::AUTHORIZATION;
use wechatpay_chain::catalogue::Endpoint;
use wechatpay_chain::{Request, formatter, transformer};

use super::shown::capitalised;
use crate::Globals;
use crate::account::Account;
use crate::exit::Result;
use crate::output::{self, STRONG};

const BLANK: &str = "…";

/// Shows the request and the message that is signed, without the signature.
pub(super) fn dry_run(request: Request, is_encrypted: bool, globals: &Globals) -> Result<()> {
    let unsent = Unsent::of(request, is_encrypted)?;
    let message = unsent.message();
    let blanked: Vec<_> = unsent.headers.iter().map(blank_header).collect();
    let (url, body) = match message {
        // The signature of APIv2 stands among its fields.
        Some(_) if !unsent.is_of_v2() => (unsent.url.clone(), unsent.body.clone()),
        _ => (blank_query(&unsent.url), blank_element(&unsent.body)),
    };
    if globals.json {
        let headers: serde_json::Map<_, _> = blanked
            .into_iter()
            .map(|(name, value)| (name, json!(value)))
            .collect();
        return output::json_line(&json!({
            "method": unsent.method,
            "url": url,
            "headers": headers,
            "body": body,
            "signed": message,
        }));
    }
    let mut text = format!("{STRONG}{} {url}{STRONG:#}\n", unsent.method);
    for (name, value) in blanked {
        let _ = writeln!(text, "{name}: {value}");
    }
    if !body.is_empty() {
        let _ = write!(text, "\n{body}\n");
    }
    match message {
        Some(message) => {
            let lines = message.matches('\n').count();
            let what = match lines {
                0 => "the message that is signed, with the APIv2 key at its end".to_owned(),
                lines => {
                    format!("the message that is signed, {lines} lines, each ended by a line feed")
                }
            };
            let _ = write!(
                text,
                "\n{STRONG}{what}{STRONG:#}\n\n{}",
                message.trim_end_matches('\n')
            );
        }
        None => text.push_str("\nno message: this request is not signed"),
    }
    output::line(text)
}

/// Shows the request as a line for curl.
pub(super) fn curl(
    request: Request,
    is_encrypted: bool,
    endpoint: Option<Endpoint>,
    account: &Account,
) -> Result<()> {
    let unsent = Unsent::of(request, is_encrypted)?;
    let mut line = String::from("curl");
    if unsent.method != "GET" {
        let _ = write!(line, " -X {}", unsent.method);
    }
    let _ = write!(line, " {}", quoted(&unsent.url));
    for (name, value) in &unsent.headers {
        let _ = write!(line, " -H {}", quoted(&format!("{name}: {value}")));
    }
    if !unsent.body.is_empty() {
        let _ = write!(line, " --data-binary {}", quoted(&unsent.body));
    }
    for root in &account.roots {
        match root.value.strip_prefix("file://") {
            Some(path) => {
                let _ = write!(line, " --cacert {}", quoted(path));
            }
            None => output::warn(format!(
                "{} is a text: write it to a file, and add --cacert FILE",
                root.origin
            )),
        }
    }
    output::warn("whoever has this line can send this request, as the merchant, for five minutes");
    if endpoint.is_some_and(|endpoint| endpoint.needs_client_certificate()) {
        output::say(
            "this endpoint wants the merchant certificate: add --cert apiclient_cert.pem --key apiclient_key.pem",
        );
    }
    output::line(line)
}

/// A request that is signed, and not sent.
struct Unsent {
    method: String,
    url: String,
    /// The path and the query, as they are signed.
    target: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Unsent {
    /// Nothing leaves this machine, unless a platform key that encrypts has to be fetched.
    fn of(request: Request, is_encrypted: bool) -> Result<Self> {
        let request = if is_encrypted {
            request.sign().wait()?.0
        } else {
            request.into_http()?
        };
        let (parts, body) = request.into_parts();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let header = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
            (capitalised(name.as_str()), text(value.as_bytes()))
        };
        let target = parts.uri.path_and_query().map_or("", |it| it.as_str());
        Ok(Self {
            method: parts.method.to_string(),
            url: parts.uri.to_string(),
            target: target.to_owned(),
            headers: parts.headers.iter().map(header).collect(),
            body: text(&body),
        })
    }

    fn authorization(&self) -> Option<&str> {
        let is_it = |name: &str| name.eq_ignore_ascii_case(AUTHORIZATION.as_str());
        let found = self.headers.iter().find(|(name, _)| is_it(name));
        found.map(|(_, value)| value.as_str())
    }

    fn is_of_v2(&self) -> bool {
        self.authorization().is_none()
    }

    /// What the signature covers; of APIv2 with the key at its end blanked.
    fn message(&self) -> Option<String> {
        if let Some(authorization) = self.authorization() {
            let part = |name: &str| parameter(authorization, name);
            let (timestamp, nonce) = (part("timestamp")?, part("nonce_str")?);
            return Some(formatter::request(
                &self.method,
                &self.target,
                timestamp,
                nonce,
                &self.body,
            ));
        }
        let fields = match self.target.split_once('?') {
            Some((_, query)) if self.body.is_empty() => fields(query),
            _ => transformer::to_value(&self.body).ok()?,
        };
        fields.get("sign")?;
        let signed = formatter::query_string_like(&formatter::ksort(&fields));
        Some(format!("{signed}&key={BLANK}"))
    }
}

/// A parameter of the `Authorization` header.
fn parameter<'a>(authorization: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = authorization.split_once(&format!("{name}=\""))?;
    rest.split('"').next()
}

fn blank_header((name, value): &(String, String)) -> (String, String) {
    let value = match parameter(value, "signature") {
        Some(signature) if name == "Authorization" => value.replace(signature, BLANK),
        _ => value.clone(),
    };
    (name.clone(), value)
}

/// The XML of APIv2 without the text of its `sign`.
fn blank_element(xml: &str) -> String {
    let sign = xml.split_once("<sign>").and_then(|(before, rest)| {
        let (_, behind) = rest.split_once("</sign>")?;
        Some(format!("{before}<sign>{BLANK}</sign>{behind}"))
    });
    sign.unwrap_or_else(|| xml.to_owned())
}

/// The address of a GET of APIv2 without the value of its `sign`.
fn blank_query(url: &str) -> String {
    let Some((path, query)) = url.split_once('?') else {
        return url.to_owned();
    };
    let pairs: Vec<_> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some(("sign", _)) => format!("sign={BLANK}"),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{path}?{}", pairs.join("&"))
}

/// The fields of a query.
fn fields(query: &str) -> Value {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (decoded(name), Value::from(decoded(value))))
        .collect()
}

/// A text without its percent-encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let encoded = match rest {
            [b'%', high, low, behind @ ..] => digit(high)
                .zip(digit(low))
                .and_then(|(high, low)| u8::try_from(high * 16 + low).ok())
                .map(|byte| (byte, behind)),
            _ => None,
        };
        let (byte, behind) = encoded.unwrap_or((*byte, behind));
        bytes.push(byte);
        rest = behind;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_blanked_wherever_it_stands() {
        let header = (
            "Authorization".to_owned(),
            r#"X mchid="1",timestamp="2",nonce_str="3",signature="secret=""#.to_owned(),
        );
        let (_, value) = blank_header(&header);
        assert!(value.ends_with("signature=\"…\""), "{value}");
        assert_eq!(parameter(&value, "nonce_str"), Some("3"));
        assert_eq!(
            blank_element("<xml><a>1</a><sign>AB</sign><b>2</b></xml>"),
            "<xml><a>1</a><sign>…</sign><b>2</b></xml>"
        );
        assert_eq!(
            blank_query("https://h/p?a=1&sign=AB&sign_type=MD5"),
            "https://h/p?a=1&sign=…&sign_type=MD5"
        );
    }

    #[test]
    fn the_fields_of_a_query_are_decoded() {
        assert_eq!(
            fields("a=x%20%E5%BE%AE&b=%zz"),
            json!({ "a": "x 微", "b": "%zz" })
        );
    }

    #[test]
    fn a_word_of_the_shell_holds_quotes() {
        assert_eq!(quoted("it's {\"a\":1}"), r#"'it'\''s {"a":1}'"#);
    }
}
