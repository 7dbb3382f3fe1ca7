//! The options of PHP's arrays, every one of Guzzle's known by name: it works, or it is an error
//! that says how to write it here. None is ignored and none is taken for a variable.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::Value;

use crate::error::Short;

/// What is wrong and what is wanted, until the caller knows which kind of error it is.
pub(crate) type Problem = (String, String);

/// A limit of time; `None` is no limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit(pub(crate) Option<Duration>);

impl From<Duration> for Limit {
    fn from(limit: Duration) -> Self {
        Self(Some(limit).filter(|limit| !limit.is_zero()))
    }
}

impl Limit {
    /// PHP's seconds: fractions allowed, 0 is no limit.
    pub(crate) fn from_seconds(value: &Value) -> Result<Self, Problem> {
        value
            .as_f64()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .map(Self::from)
            .ok_or_else(|| {
                let wanted = "seconds as a number, such as 30 or 2.5; 0 is no limit";
                let given = match value {
                    Value::Number(number) => number.to_string(),
                    other => kind(other).to_owned(),
                };
                (format!("{given} was given"), wanted.to_owned())
            })
    }
}

/// Headers from an object of texts, numbers or lists of them.
pub(crate) fn headers(value: &Value) -> Result<HeaderMap, Problem> {
    const WANTED: &str = "an object of header names and their texts";
    let refuse = |given: String| Err((given, WANTED.to_owned()));
    let mut headers = HeaderMap::new();
    let Value::Object(fields) = value else {
        return refuse(format!("{} was given", kind(value)));
    };
    for (name, value) in fields {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        for value in values {
            let (name, value) = match value {
                Value::String(text) => header(name, text)?,
                Value::Number(number) => header(name, &number.to_string())?,
                other => return refuse(format!("{} has {}", Short(name.as_str()), kind(other))),
            };
            headers.append(name, value);
            check_count(&headers)?;
        }
    }
    Ok(headers)
}

/// Refuses more headers than any server reads, long before a `HeaderMap` is full and panics.
pub(crate) fn check_count(headers: &HeaderMap) -> Result<(), Problem> {
    const MOST: usize = 1_000;
    if headers.len() <= MOST {
        return Ok(());
    }
    let wanted = format!("{MOST} headers at the most");
    Err(("too many headers were given".to_owned(), wanted))
}

/// One header, if it may be set: those of the connection and of the message's frame may not.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Problem> {
    let Ok(name) = HeaderName::try_from(name.trim()) else {
        // A whole line, `Name: value`, may have been given for the name.
        let shown = match name.split_once(':') {
            Some((name, _)) => format!("{:?}:…", Short(name)),
            None if name.len() > 100 => crate::pem::outline(name),
            None => format!("{name:?}"),
        };
        return Err((
            format!("{shown} is no name of a header"),
            "letters, digits and hyphens".to_owned(),
        ));
    };
    let framing = [
        header::HOST,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        header::EXPECT,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
    ];
    if framing.contains(&name) {
        return Err((
            format!("the header {name} belongs to the connection"),
            "leave it out; it is set where it is needed".to_owned(),
        ));
    }
    match HeaderValue::from_bytes(value.trim().as_bytes()) {
        Ok(value) => Ok((name, value)),
        Err(_) => Err((
            format!(
                "the value of the header {name} holds a line break or another control character"
            ),
            "text on one line".to_owned(),
        )),
    }
}

/// Refuses an option that has no meaning here, and says what has.
pub(crate) fn refuse_guzzle(name: &str, value: &Value) -> Result<(), Problem> {
    let instead = match (name, value) {
        ("allow_redirects", Value::Bool(false))
        | ("http_errors" | "verify" | "synchronous" | "decode_content", Value::Bool(true))
        | ("debug" | "stream" | "expect", Value::Bool(false)) => return Ok(()),
        ("allow_redirects", _) => {
            "a redirect is never followed: it is Error::Redirect, and a \
                                   signature is for one address; leave it out"
        }
        ("http_errors", _) => {
            "a 4xx or 5xx is always Error::Api: match it, and \
                               err.into_response() is the answer"
        }
        ("verify", _) => {
            "TLS and signatures are always verified; another root is trusted by \
                          .root_certificate(pem) on the builder"
        }
        ("synchronous", _) => "`.wait()` blocks and `.await` does not; leave it out",
        ("decode_content", _) => "no Content-Encoding is asked for; leave it out",
        ("debug", _) => "true or false",
        ("expect", _) => "`Expect` is not sent; leave it out",
        ("cert" | "ssl_key", _) => {
            "the certificate and key for mutual TLS are .merchant(cert, \
                                    key) on the builder"
        }
        ("sink", _) => "a body goes into a file by .download(path) on the request",
        ("progress", _) => ".progress(…) of the request's .download(path)",
        ("stream", _) => "a body comes in pieces by .stream() on the request",
        ("on_headers", _) => ".stream() on the request, which has the headers first",
        ("read_timeout", _) => ".idle_timeout(duration) on the request or the builder",
        ("multipart", _) => "an upload is a body: .post(Media::from_path(path)?)",
        ("form_params", _) => "WeChat Pay takes no forms: a body is `json`, or the text in `body`",
        ("proxy", _) => {
            "a proxy is the client's: .proxy(address) on the builder, one text for all hosts; \
             exceptions are in the environment's NO_PROXY"
        }
        ("auth", _) => "each request is signed by itself; leave it out",
        ("cookies", _) => "there are no cookies; a header goes in `headers`",
        ("delay", _) => "wait before the call; leave it out",
        ("on_stats", _) => "time the call yourself; each request is a tracing event",
        ("version", _) => "HTTP/2 or HTTP/1.1 is agreed with the server; leave it out",
        ("force_ip_resolve" | "idn_conversion" | "crypto_method" | "crypto_method_max", _) => {
            "it is chosen by the library; leave it out"
        }
        ("curl" | "handler" | "stream_context", _) => {
            "it is Guzzle's own machinery, and there is none here; leave it out"
        }
        _ => return Err((format!("{name} is no option"), known())),
    };
    Err((
        format!("the option {name} is {}", kind(value)),
        instead.to_owned(),
    ))
}

/// Whether Guzzle, or the PHP SDK on top of it, has an option of this name.
pub(crate) fn is_guzzle(name: &str) -> bool {
    const NAMES: [&str; 38] = [
        "allow_redirects",
        "auth",
        "base_uri",
        "body",
        "cert",
        "connect_timeout",
        "cookies",
        "crypto_method",
        "crypto_method_max",
        "curl",
        "debug",
        "decode_content",
        "delay",
        "expect",
        "force_ip_resolve",
        "form_params",
        "handler",
        "headers",
        "http_errors",
        "idn_conversion",
        "json",
        "multipart",
        "nonceless",
        "on_headers",
        "on_stats",
        "progress",
        "proxy",
        "query",
        "read_timeout",
        "security",
        "sink",
        "ssl_key",
        "stream",
        "stream_context",
        "synchronous",
        "timeout",
        "verify",
        "version",
    ];
    NAMES.contains(&name) || name == "xml"
}

/// The options that work, for a message.
pub(crate) fn known() -> String {
    "json, query, headers, body, timeout, connect_timeout, base_uri, debug, xml, security, nonceless"
        .to_owned()
}

/// What a value is, for a message that must not show it.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
