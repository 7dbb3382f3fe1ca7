//! What a request carries, and the JSON that goes out.

use std::borrow::Cow;
use std::fmt;
use std::io;

use bytes::Bytes;
use http::HeaderValue;
use serde::Serialize as _;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::error::{Error, Result};
use crate::media::{Media, Upload};
use crate::protocol::v2::request::Fields;
#[cfg(feature = "aws-lc-rs")]
use crate::sensitive::By;
use crate::transport::Driver;
use crate::transport::body::Body;

/// The largest whole number that every float of JSON can tell from its neighbours: 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The body of a request.
///
/// Made by `From`: a `Value` is serialised once; `()` and `null` are no body; text and bytes are
/// JSON already and go out byte for byte; a [`Media`] is an upload.
pub struct Payload(pub(crate) Kind);

pub(crate) enum Kind {
    None,
    Json(Value),
    Raw(Bytes),
    Media(Box<Media>),
}

/// What a payload comes to, for as many attempts as are made.
#[derive(Clone)]
pub(crate) enum Content {
    Bytes { bytes: Bytes, is_json: bool },
    Upload(Box<Upload>),
}

impl Content {
    /// What is signed: all of the body, but of an upload its `meta` only.
    pub(crate) fn signed(&self) -> &Bytes {
        match self {
            Self::Bytes { bytes, .. } => bytes,
            Self::Upload(upload) => &upload.meta,
        }
    }

    /// What a log may see of it, blanked: not of a file, nor of APIv2's fields beside one.
    pub(crate) fn shown(&self, is_v3: bool) -> Option<&[u8]> {
        match self {
            Self::Bytes { bytes, .. } => Some(bytes),
            Self::Upload(upload) => is_v3.then_some(&upload.meta),
        }
    }

    pub(crate) fn body(&self) -> Body {
        match self {
            Self::Bytes { bytes, .. } => bytes.clone().into(),
            Self::Upload(upload) => upload.body(),
        }
    }

    /// Takes other fields of APIv2, signed anew.
    pub(crate) fn set_fields(&mut self, fields: &Fields) {
        match self {
            Self::Bytes { bytes, .. } => *bytes = fields.to_xml().into(),
            Self::Upload(upload) => upload.set_fields(fields.pairs()),
        }
    }

    /// Of an upload, whose boundary only it can tell.
    pub(crate) fn content_type(&self) -> Option<&HeaderValue> {
        match self {
            Self::Bytes { .. } => None,
            Self::Upload(upload) => Some(&upload.content_type),
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        matches!(self, Self::Bytes { is_json: true, .. })
    }
}

impl Payload {
    pub(crate) fn none() -> Self {
        Self(Kind::None)
    }

    /// What is signed and sent. A media is read for its digest: on this thread where the caller
    /// blocks on it anyway, else on one that may be blocked.
    pub(crate) async fn into_content(self, driver: Driver) -> Result<Content> {
        match self.0 {
            Kind::Media(media) if matches!(driver, Driver::Caller) => {
                Ok(Content::Upload(Box::new(media.prepare().await?)))
            }
            kind => Self(kind).into_content_here(),
        }
    }

    /// The same on this thread.
    pub(crate) fn into_content_here(self) -> Result<Content> {
        let is_json = matches!(self.0, Kind::Json(_));
        let bytes = match self.0 {
            Kind::None => Bytes::new(),
            Kind::Raw(bytes) => bytes,
            Kind::Json(value) => {
                refuse_options(&value)?;
                compact(&value).into()
            }
            Kind::Media(media) => {
                return Ok(Content::Upload(Box::new(media.prepare_here(&|| true)?)));
            }
        };
        Ok(Content::Bytes { bytes, is_json })
    }

    /// Takes out the fields of a request to APIv2, in one piece or several, which were not looked at yet.
    pub(crate) fn take_pieces(&mut self) -> Result<Vec<Value>> {
        Ok(match &mut self.0 {
            Kind::None => Vec::new(),
            Kind::Json(value) => {
                if value.is_object() {
                    refuse_options(value)?;
                }
                vec![value.take()]
            }
            // Refused there, like any other text: its sign can't be known.
            Kind::Raw(_) => vec![Value::String(String::new())],
            Kind::Media(media) => media.pieces()?,
        })
    }

    /// The same with signed fields, as it goes to APIv2.
    pub(crate) fn signed(self, fields: &Fields) -> Self {
        match self.0 {
            Kind::Media(media) => {
                let owned = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
                let fields = fields.pairs().map(owned).collect();
                media.with_signed(fields).into()
            }
            _ => fields.to_xml().into(),
        }
    }

    /// The JSON of the body, of an upload that of its part `meta`, wherever it comes from.
    pub(crate) fn peek(&self) -> Option<Cow<'_, Value>> {
        match &self.0 {
            Kind::None => None,
            Kind::Json(value) => Some(Cow::Borrowed(value)),
            Kind::Raw(bytes) => serde_json::from_slice(bytes).ok().map(Cow::Owned),
            Kind::Media(media) => media.own_meta().map(Cow::Borrowed),
        }
    }

    /// The JSON of the body, to change its fields; `None` where the catalogue's fields may be in the
    /// query alone.
    #[cfg(feature = "aws-lc-rs")]
    pub(crate) fn json_mut(&mut self, by: By) -> Result<Option<&mut Value>> {
        let problem = match &mut self.0 {
            Kind::Json(value) => return Ok(Some(value)),
            Kind::None if by == By::Catalogue => return Ok(None),
            Kind::Media(media) => match media.own_meta_mut() {
                None if by == By::Catalogue => return Ok(None),
                None => "sensitive: the upload has no meta of its own",
                meta => return Ok(meta),
            },
            Kind::None => "sensitive: there is no body",
            Kind::Raw(_) => "sensitive: the body is text already, which goes byte for byte",
        };
        Err(Error::request(problem, "the body as a Value"))
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::None => f.write_str("Payload(none)"),
            Kind::Json(_) => f.write_str("Payload(JSON)"),
            Kind::Raw(bytes) => write!(f, "Payload({} bytes)", bytes.len()),
            Kind::Media(_) => f.write_str("Payload(media)"),
        }
    }
}

impl From<()> for Payload {
    fn from((): ()) -> Self {
        Self::none()
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::none(),
            value => Self(Kind::Json(value)),
        }
    }
}

impl From<&Value> for Payload {
    fn from(value: &Value) -> Self {
        value.clone().into()
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Raw(bytes))
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Bytes::copy_from_slice(text.as_bytes()).into()
    }
}

impl From<Media> for Payload {
    fn from(media: Media) -> Self {
        Self(Kind::Media(Box::new(media)))
    }
}

impl From<&Media> for Payload {
    fn from(media: &Media) -> Self {
        media.clone().into()
    }
}

/// A body that is PHP's array of options would reach WeChat Pay as JSON and be refused there.
fn refuse_options(body: &Value) -> Result<()> {
    if body.is_string() {
        return Err(Error::request(
            "the body is a JSON string",
            "a text that is JSON already goes as &str or String, which is sent as it is; a Value \
             would encode it twice",
        ));
    }
    let Some(fields) = body.as_object() else {
        return Ok(());
    };
    let has = |name: &str| fields.contains_key(name);
    let options = ["json", "xml", "query", "headers"];
    if has("json") || has("xml") || (has("query") && has("headers")) {
        let found = options.into_iter().filter(|name| has(name));
        return Err(Error::request(
            format!(
                "the body holds {} on top, as an array of options does",
                found.collect::<Vec<_>>().join(", ")
            ),
            "the verbs take the body itself; an array of options goes through \
             .request(\"POST\", options)",
        ));
    }
    Ok(())
}

/// Compact JSON in which a whole float is an integer, since APIv3 wants integers for money.
pub(crate) fn compact(value: &Value) -> String {
    let mut bytes = Vec::with_capacity(256);
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, WholeNumbers);
    // A Value has only text for keys, and a Vec takes every byte.
    let _ = value.serialize(&mut serializer);
    String::from_utf8(bytes).unwrap_or_default()
}

struct WholeNumbers;

impl Formatter for WholeNumbers {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, number: f64) -> io::Result<()> {
        if number.fract() == 0.0 && number.abs() <= EXACT {
            write!(writer, "{number:.0}")
        } else {
            CompactFormatter.write_f64(writer, number)
        }
    }

    // Numbers are text where something in the graph turns on `arbitrary_precision`.
    fn write_number_str<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        number: &str,
    ) -> io::Result<()> {
        match whole(number) {
            Some(number) => write!(writer, "{number:.0}"),
            None => writer.write_all(number.as_bytes()),
        }
    }
}

/// The value of a decimal text that is a whole number though it is written as a float.
fn whole(text: &str) -> Option<f64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (_, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_float = exponent.is_some() || mantissa.contains('.');
    // Digits behind the point may be too small for an f64 to see, unless an exponent moves them.
    let rounds = exponent.is_none() && fraction.bytes().any(|digit| digit != b'0');
    if !is_float || rounds || mantissa.len() > 17 {
        return None;
    }
    let number = text.parse::<f64>().ok()?;
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_whole_float_goes_out_as_an_integer_and_no_other_is_rounded() {
        let value = json!({"a": 29.0 * 100.0, "b": [1.1 * 100.0, -3.0], "c": 0.5, "d": 1e15});
        let expected = r#"{"a":2900,"b":[110.00000000000001,-3],"c":0.5,"d":1000000000000000}"#;
        assert_eq!(compact(&value), expected);
        assert_eq!(compact(&json!(9_007_199_254_740_992.0)), "9007199254740992");
        assert_eq!(compact(&json!(1e300)), "1e+300");
    }

    #[test]
    fn a_number_that_is_text_follows_the_same_rule() {
        assert_eq!(whole("2900.0"), Some(2900.0));
        assert_eq!(whole("29e2"), Some(2900.0));
        assert_eq!(whole("2900"), None);
        assert_eq!(whole("2900.000000000000000000001"), None);
        assert_eq!(whole("1.5"), None);
        assert_eq!(whole("1e300"), None);
    }

    #[test]
    fn options_are_no_body() {
        for body in [
            json!({"json": {"a": 1}}),
            json!({"xml": {}}),
            json!({"query": {}, "headers": {}}),
            json!("{}"),
        ] {
            assert!(Payload::from(body).into_content_here().is_err());
        }
        for body in [json!({"body": "x"}), json!({"query": 1}), json!([1])] {
            Payload::from(body).into_content_here().unwrap();
        }
    }
}
