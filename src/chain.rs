use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use http::Method;
use serde_json::Value;

use crate::catalogue::Endpoint;
use crate::catalogue::tree::{self, Kind};
use crate::client::Core;
use crate::error::Error;
use crate::payload::Payload;
use crate::request::Request;
use crate::template::{encode_value, is_triplet, looks_like_value, segments};

/// A client and a path: the place where a request begins.
///
/// Every step takes `&self` and gives a new `Chain`, so a prefix can be kept and used again, from
/// any number of threads. A mistake in a step is kept and becomes the error of the request.
#[derive(Clone)]
pub struct Chain {
    core: Arc<Core>,
    path: PathText,
}

impl Chain {
    pub(crate) fn new(core: Arc<Core>, path: PathText) -> Self {
        Self { core, path }
    }

    /// Appends a path, one or more segments, by PHP's rule for keys: a leading capital is
    /// lowered, any other capital `X` becomes `-x`, and `_name_` as a whole becomes the template
    /// `{name}`.
    ///
    /// A segment with capitals stays as it is where the catalogue has it so, or has a variable in
    /// its place: an order number is not re-cased. A path with capitals that the catalogue knows
    /// neither way is an error when it is sent; values go through [`segment`](Self::segment).
    ///
    /// One leading `/` is ignored; what follows a `?` is a query, taken as it is; `""` asks for a
    /// trailing slash. An absolute address is an error when the request is sent: it goes through
    /// [`Client::url`](crate::Client::url).
    ///
    /// ```
    /// # let sandbox = wechatpay_sandbox::Sandbox::start_blocking()?;
    /// # let client = sandbox.client();
    /// let close = client.chain("v3/pay/transactions").chain("outTradeNo/{no}/close");
    /// assert_eq!(close.path(), "v3/pay/transactions/out-trade-no/{no}/close");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn chain(&self, path: impl AsRef<str>) -> Self {
        self.grown(|grown| grown.push_key(path.as_ref()))
    }

    /// Appends one value, such as an order number or an openid: percent-encoded, and its letters
    /// as they are.
    ///
    /// An empty value, `.` and `..` are errors when the request is sent.
    pub fn segment(&self, value: impl AsRef<str>) -> Self {
        self.value("…", value.as_ref())
    }

    /// The path built so far, without a leading slash.
    pub fn path(&self) -> &str {
        &self.path.text
    }

    /// What the catalogue knows of this path and verb, if it knows them.
    ///
    /// ```
    /// # let sandbox = wechatpay_sandbox::Sandbox::start_blocking()?;
    /// # let client = sandbox.client();
    /// let order = client.chain("v3/pay/transactions/out-trade-no/ORDER2024Ab");
    /// let endpoint = order.endpoint("GET").unwrap();
    /// assert_eq!(endpoint.path(), "v3/pay/transactions/out-trade-no/{out_trade_no}");
    /// assert_eq!(endpoint.title(), "商户订单号查询");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn endpoint(&self, verb: impl AsRef<str>) -> Option<Endpoint> {
        let verb = verb.as_ref().to_ascii_uppercase();
        tree::walk(&self.path.text).endpoint(&verb)
    }

    /// A GET of this path.
    pub fn get(&self) -> Request {
        self.verb(Method::GET, Payload::none())
    }

    /// A DELETE of this path.
    pub fn delete(&self) -> Request {
        self.verb(Method::DELETE, Payload::none())
    }

    /// A POST to this path; `()` is no body.
    pub fn post(&self, body: impl Into<Payload>) -> Request {
        self.verb(Method::POST, body.into())
    }

    /// A PUT to this path; `()` is no body.
    pub fn put(&self, body: impl Into<Payload>) -> Request {
        self.verb(Method::PUT, body.into())
    }

    /// A PATCH of this path; `()` is no body.
    pub fn patch(&self, body: impl Into<Payload>) -> Request {
        self.verb(Method::PATCH, body.into())
    }

    /// A request from PHP's array of options as it stands.
    ///
    /// `json`, `query`, `headers`, `body`, `timeout`, `connect_timeout` (seconds, fractions
    /// allowed, 0 for no limit), `base_uri` and `debug` are options, and to APIv2 `xml` in the place of
    /// `json`, `security` and `nonceless`; every other key fills a variable of the path. An option of
    /// Guzzle that has another form here, one of the other protocol, and a key that is neither, are
    /// errors when the request is sent.
    ///
    /// ```
    /// # use serde_json::json;
    /// # let sandbox = wechatpay_sandbox::Sandbox::start_blocking()?;
    /// # let client = sandbox.client();
    /// let request = client
    ///     .chain("v3/pay/transactions/id/{transaction_id}")
    ///     .request("GET", json!({ "transaction_id": "4200", "query": { "mchid": "1900000109" } }));
    /// assert_eq!(
    ///     request.into_http()?.uri().path_and_query().unwrap(),
    ///     "/v3/pay/transactions/id/4200?mchid=1900000109"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn request(&self, method: impl AsRef<str>, options: impl Into<Value>) -> Request {
        let request = self.verb(Method::GET, Payload::none());
        request.with_options(method.as_ref(), options.into())
    }

    /// A step of the catalogue: `full` is the whole path when nothing but the catalogue led here.
    pub(crate) fn step(&self, full: &'static str, segment: &'static str) -> Self {
        match self.path.text {
            Cow::Borrowed(_) => Self {
                core: Arc::clone(&self.core),
                path: PathText {
                    text: Cow::Borrowed(full),
                    ..self.path.clone()
                },
            },
            Cow::Owned(_) => self.grown(|grown| grown.push(segment)),
        }
    }

    /// A value in the place of the catalogue's variable `name`.
    pub(crate) fn value(&self, name: &'static str, value: &str) -> Self {
        self.grown(|grown| grown.push_value(name, value))
    }

    fn grown(&self, grow: impl FnOnce(&mut PathText)) -> Self {
        let mut path = self.path.clone();
        grow(&mut path);
        Self {
            core: Arc::clone(&self.core),
            path,
        }
    }

    fn verb(&self, method: Method, payload: Payload) -> Request {
        let core = Arc::clone(&self.core);
        Request::new(core, method, self.path.clone(), payload)
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({})", self.path.masked())
    }
}

/// A path as it grows, and what a request must know about it.
#[derive(Clone, Default)]
pub(crate) struct PathText {
    pub(crate) text: Cow<'static, str>,
    /// What stood behind a `?`.
    pub(crate) query: Option<String>,
    /// Where values stand, and under which names they may be shown.
    values: Vec<(Range<usize>, &'static str)>,
    /// The first step that can't be sent.
    mistake: Option<Mistake>,
}

#[derive(Clone)]
enum Mistake {
    Recased(Arc<str>),
    Absolute,
    EmptyValue(&'static str),
    DotValue(&'static str),
}

impl PathText {
    pub(crate) fn fixed(text: &'static str) -> Self {
        Self {
            text: Cow::Borrowed(text),
            ..Self::default()
        }
    }

    /// The path of an address, in its own letters.
    pub(crate) fn literal(path: &str) -> Self {
        Self {
            text: Cow::Owned(path.trim_start_matches('/').to_owned()),
            ..Self::default()
        }
    }

    pub(crate) fn key(key: &str) -> Self {
        let mut path = Self::default();
        path.push_key(key);
        path
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        match &self.mistake {
            None => self.check_end(),
            Some(Mistake::Recased(segment)) => Err(Error::request(
                format!("the segment {segment} has capitals, and the catalogue does not know it"),
                "a value goes through .segment(value), a known path in the letters of its \
                 documentation",
            )),
            Some(Mistake::Absolute) => Err(Error::request(
                "the path is an absolute address",
                "an address that WeChat Pay itself returned goes through client.url(address); \
                 another host is set with .base_uri(…)",
            )),
            Some(Mistake::EmptyValue(name)) => Err(Error::request(
                format!("the value of the segment {{{name}}} is empty"),
                "a value; a trailing slash is asked for with .chain(\"\")",
            )),
            Some(Mistake::DotValue(name)) => Err(Error::request(
                format!(
                    "the value of the segment {{{name}}} is `.` or `..`, which climbs the path"
                ),
                "another value",
            )),
        }
    }

    /// Refuses a trailing slash where the catalogue has a variable: an empty value was put there.
    fn check_end(&self) -> Result<(), Error> {
        let Some(before) = self.text.strip_suffix('/') else {
            return Ok(());
        };
        let mut walk = tree::walk(before);
        let has_variable = walk.has_variable();
        if has_variable && !matches!(walk.step(""), Kind::Variable(_)) {
            return Err(Error::request(
                "the path ends in a slash where a value belongs, as an empty value leaves it",
                "the value",
            ));
        }
        Ok(())
    }

    /// The path as errors and logs may show it: with names in the place of values.
    pub(crate) fn masked(&self) -> Cow<'static, str> {
        if let (Cow::Borrowed(text), true) = (&self.text, self.values.is_empty()) {
            return Cow::Borrowed(text);
        }
        let mut shown = String::with_capacity(self.text.len());
        let mut walk = tree::Walk::new();
        let mut end = 0;
        for segment in segments(&self.text) {
            let start = if shown.is_empty() { end } else { end + 1 };
            if start > end {
                shown.push('/');
            }
            end = start + segment.len();
            let value = self.values.iter().find(|(range, _)| range.start == start);
            let name = match (walk.step(segment), value) {
                _ if segment.contains('{') => None,
                (Kind::Variable("empty"), _) => None,
                (Kind::Variable(name), _) => Some(name),
                (_, Some((_, name))) => Some(*name),
                (Kind::Unknown, None) => looks_like_value(segment).then_some("…"),
                (Kind::Literal, None) => None,
            };
            match name {
                Some(name) => {
                    shown.push('{');
                    shown.push_str(name);
                    shown.push('}');
                }
                None => shown.push_str(segment),
            }
        }
        Cow::Owned(shown)
    }

    fn push(&mut self, segment: &str) {
        if self.text.is_empty() && self.values.is_empty() {
            self.text = Cow::Owned(segment.to_owned());
            return;
        }
        let text = self.text.to_mut();
        text.push('/');
        text.push_str(segment);
    }

    fn push_value(&mut self, name: &'static str, value: &str) {
        let mistake = match value {
            "" => Some(Mistake::EmptyValue(name)),
            "." | ".." => Some(Mistake::DotValue(name)),
            _ => None,
        };
        self.mistake = self.mistake.take().or(mistake);
        let mut encoded = String::with_capacity(value.len());
        encode_value(&mut encoded, value);
        self.push(&encoded);
        let end = self.text.len();
        self.values.push((end - encoded.len()..end, name));
    }

    fn push_key(&mut self, key: &str) {
        if is_absolute(key) {
            self.mistake.get_or_insert(Mistake::Absolute);
            return;
        }
        let (path, query) = split_query(key);
        if let Some(query) = query {
            match &mut self.query {
                Some(before) => {
                    before.push('&');
                    before.push_str(query);
                }
                None => self.query = Some(query.to_owned()),
            }
        }
        let path = path.strip_prefix('/').unwrap_or(path);
        let recased = recase(path);
        let marked = recased
            .strip_prefix('_')
            .and_then(|rest| rest.strip_suffix('_'));
        match marked {
            Some(name) => self.push(&format!("{{{name}}}")),
            None if recased == path => self.push(path),
            None => self.push_recased(path, &recased),
        }
    }

    /// Appends a path that has capitals, each segment in the letters that it is known by.
    fn push_recased(&mut self, written: &str, recased: &str) {
        let mut walk = if self.text.is_empty() {
            tree::Walk::new()
        } else {
            tree::walk(&self.text)
        };
        for (written, recased) in segments(written).zip(segments(recased)) {
            let is_kept = written == recased || written.contains('{');
            let segment = if !is_kept && walk.has_literal(written) {
                written
            } else if is_kept || walk.has_literal(recased) {
                recased
            } else if walk.has_variable() {
                written
            } else {
                self.mistake
                    .get_or_insert_with(|| Mistake::Recased(written.into()));
                recased
            };
            walk.step(segment);
            self.push(segment);
        }
    }
}

/// PHP's rule for the letters of a key; `%XX` that is already there is no letter.
pub(crate) fn recase(key: &str) -> Cow<'_, str> {
    if !key.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Borrowed(key);
    }
    let mut recased = String::with_capacity(key.len() + 8);
    let mut encoded = 0..0;
    for (index, character) in key.char_indices() {
        if is_triplet(key.as_bytes(), index) {
            encoded = index..index + 3;
        }
        if encoded.contains(&index) {
            recased.push(character);
            continue;
        }
        if index > 0 && character.is_ascii_uppercase() {
            recased.push('-');
        }
        recased.push(character.to_ascii_lowercase());
    }
    Cow::Owned(recased)
}

fn is_absolute(key: &str) -> bool {
    key.trim_start()
        .split_once("://")
        .is_some_and(|(scheme, _)| {
            scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        })
}

/// Parts a key at the first `?` that does not stand inside braces.
fn split_query(key: &str) -> (&str, Option<&str>) {
    let mut inside = false;
    for (index, character) in key.char_indices() {
        match character {
            '{' => inside = true,
            '}' => inside = false,
            '?' if !inside => {
                let (path, query) = key.split_at(index);
                return (path, query.strip_prefix('?'));
            }
            _ => {}
        }
    }
    (key, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_behind_the_path_keeps_its_letters_and_a_template_keeps_its_question_mark() {
        let path = PathText::key("/v3/billDownload/file?token=AbC");
        assert_eq!(path.text, "v3/bill-download/file");
        assert_eq!(path.query.as_deref(), Some("token=AbC"));
        let path = PathText::key("v3/x{?a,b}");
        assert_eq!((path.text.as_ref(), path.query), ("v3/x{?a,b}", None));
    }

    #[test]
    fn values_are_encoded_kept_in_their_letters_and_never_shown() {
        let mut path = PathText::fixed("v3/users");
        path.push_value("openid", "oUpF/8 中");
        path.push("coupons");
        path.push_value("…", "AB");
        assert_eq!(path.text, "v3/users/oUpF%2F8%20%E4%B8%AD/coupons/AB");
        assert_eq!(path.masked(), "v3/users/{openid}/coupons/{…}");
        path.check().unwrap();
    }

    #[test]
    fn a_segment_that_is_empty_or_dots_is_marked() {
        for value in ["", ".", ".."] {
            let mut path = PathText::fixed("v3");
            path.push_value("…", value);
            assert!(path.check().is_err(), "{value}");
        }
    }

    #[test]
    fn a_value_spliced_into_a_known_path_keeps_its_letters_and_is_not_shown() {
        let path = PathText::key("v3/pay/transactions/outTradeNo/ORDER2024Ab/close");
        let expected = "v3/pay/transactions/out-trade-no/ORDER2024Ab/close";
        assert_eq!(path.text, expected);
        assert_eq!(
            path.masked(),
            "v3/pay/transactions/out-trade-no/{out_trade_no}/close"
        );
        path.check().unwrap();

        let mut steps = PathText::key("v3/pay");
        for key in ["transactions/out-trade-no", "ORDER2024Ab", "Close"] {
            steps.push_key(key);
        }
        assert_eq!(steps.text, expected);
        steps.check().unwrap();
    }

    #[test]
    fn a_segment_that_the_catalogue_has_with_capitals_stays() {
        for key in [
            "v2/secapi/mch/addInstitutionsub",
            "V2/secapi/mch/addInstitutionsub",
        ] {
            let path = PathText::key(key);
            assert_eq!(path.text, "v2/secapi/mch/addInstitutionsub");
            path.check().unwrap();
        }
    }

    #[test]
    fn a_literal_wins_over_a_variable_as_written_or_recased() {
        let coupons = "v3/marketing/busifavor/coupons";
        // Inside a longer key PHP makes `-send` of it, which is no literal: it is a `card_id`.
        let path = PathText::key(&format!("{coupons}/Send"));
        assert_eq!(path.masked(), format!("{coupons}/{{card_id}}"));
        let mut path = PathText::key(coupons);
        path.push_key("Send");
        assert_eq!(path.text, format!("{coupons}/send"));
        path.check().unwrap();
    }

    #[test]
    fn capitals_that_the_catalogue_does_not_know_are_marked_and_named() {
        for (key, shown) in [
            ("A", "a"),
            ("ABC", "a-b-c"),
            ("v3/pay/TransActions/x", "v3/pay/-trans-actions/x"),
            ("v3/billDownload/file", "v3/bill-download/file"),
        ] {
            let path = PathText::key(key);
            assert_eq!(path.text, shown);
            let error = path.check().unwrap_err().to_string();
            assert!(error.contains(".segment(value)"), "{error}");
        }
    }

    #[test]
    fn what_is_encoded_already_has_no_capitals() {
        let path = PathText::key("v3/x/a%2Bb%E4C");
        assert_eq!(path.text, "v3/x/a%2Bb%E4-c");
        let path = PathText::key("v3/x/a%2Bb");
        assert_eq!(path.text, "v3/x/a%2Bb");
        path.check().unwrap();
    }

    #[test]
    fn templates_are_recased_and_never_marked() {
        let path = PathText::key("v3/pay/transactions/id/{transactionId}");
        assert_eq!(path.text, "v3/pay/transactions/id/{transaction-id}");
        path.check().unwrap();
        let path = PathText::key("{+myUrl}");
        assert_eq!(path.text, "{+my-url}");
        path.check().unwrap();
    }
}
