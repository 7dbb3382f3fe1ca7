//! The digests that sign APIv2.
//!
//! The names are those of PHP's `Hash`. All are lower-case hex but [`sign`]'s, which is upper-case.

use std::borrow::Cow;
use std::fmt;
use std::hint::black_box;
use std::str::FromStr;

use md5::{Digest as _, Md5};
use ring::hmac;
use serde_json::{Map, Value};

use super::hex;
use crate::error::Error;
use crate::formatter;

/// How APIv2 signs: the values of its field `sign_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SignType {
    /// `MD5`, which APIv2 takes without a `sign_type`.
    #[default]
    Md5,
    /// `HMAC-SHA256`.
    HmacSha256,
}

impl SignType {
    /// The value of the field `sign_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::HmacSha256 => "HMAC-SHA256",
        }
    }
}

impl fmt::Display for SignType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SignType {
    type Err = Error;

    /// Reads the value of a field `sign_type`; an empty one is `MD5`.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "" | "MD5" => Ok(Self::Md5),
            "HMAC-SHA256" => Ok(Self::HmacSha256),
            _ => Err(Error::request(
                "sign_type: an unknown one",
                "MD5 or HMAC-SHA256",
            )),
        }
    }
}

/// What [`sign`] signs: a text as it is, or the sorted fields of an object.
///
/// Made by `From`, from a text, a [`Value`] or a [`Map`].
pub struct SignData<'a>(Cow<'a, str>);

impl fmt::Debug for SignData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignData({} bytes)", self.0.len())
    }
}

impl<'a> From<&'a str> for SignData<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for SignData<'a> {
    fn from(text: &'a String) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for SignData<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl<'a> From<&'a Value> for SignData<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::String(text) => text.into(),
            fields => formatter::query_string_like(&formatter::ksort(fields)).into(),
        }
    }
}

impl From<Value> for SignData<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::String(text) => text.into(),
            fields => formatter::query_string_like(&formatter::ksort(&fields)).into(),
        }
    }
}

impl From<&Map<String, Value>> for SignData<'_> {
    fn from(fields: &Map<String, Value>) -> Self {
        Value::Object(fields.clone()).into()
    }
}

impl From<Map<String, Value>> for SignData<'_> {
    fn from(fields: Map<String, Value>) -> Self {
        Value::Object(fields).into()
    }
}

/// The MD5 of `thing&key=KEY`; with an empty key, of `thing` alone.
pub fn md5(thing: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> String {
    digest(thing.as_ref(), b"&key=", key.as_ref())
}

/// The MD5 of `thing&secret=KEY`, as payments to WeCom members want it; with an empty key, of
/// `thing` alone.
pub fn md5_agency(thing: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> String {
    digest(thing.as_ref(), b"&secret=", key.as_ref())
}

/// The HMAC-SHA256 of `thing&key=KEY` under the same key.
pub fn hmac_sha256(thing: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> String {
    let key = key.as_ref();
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in [thing.as_ref(), b"&key=", key] {
        context.update(part);
    }
    hex(context.sign().as_ref())
}

/// An APIv2 `sign`, in upper-case hex.
///
/// Of an object the fields are signed as [`formatter::ksort`] and
/// [`formatter::query_string_like`] make them; a text is signed as it is, as PHP does.
///
/// ```
/// # use serde_json::json;
/// use wechatpay_chain::hash::{self, SignType};
///
/// let order = json!({ "mch_id": "1900000109", "nonce_str": "5K8264", "total_fee": 0 });
/// let sign = hash::sign(SignType::Md5, &order, "exposed_your_key_here_have_risks");
/// assert_eq!(
///     sign,
///     hash::sign(
///         SignType::Md5,
///         "mch_id=1900000109&nonce_str=5K8264&total_fee=0",
///         "exposed_your_key_here_have_risks",
///     )
/// );
/// ```
pub fn sign<'a>(
    sign_type: SignType,
    data: impl Into<SignData<'a>>,
    key: impl AsRef<[u8]>,
) -> String {
    let SignData(text) = data.into();
    let mut sign = match sign_type {
        SignType::Md5 => md5(text.as_ref(), key),
        SignType::HmacSha256 => hmac_sha256(text.as_ref(), key),
    };
    sign.make_ascii_uppercase();
    sign
}

/// Whether two texts are equal, in a time that depends on their lengths alone.
///
/// Compare a `sign` that came from outside with this, so that the time an answer takes does not
/// tell how much of it was right.
pub fn equals(known: impl AsRef<[u8]>, given: impl AsRef<[u8]>) -> bool {
    let (known, given) = (known.as_ref(), given.as_ref());
    let difference = known
        .iter()
        .zip(given)
        .fold(0, |difference, (a, b)| black_box(difference | (a ^ b)));
    known.len() == given.len() && black_box(difference) == 0
}

fn digest(thing: &[u8], name: &[u8], key: &[u8]) -> String {
    let mut digest = Md5::new_with_prefix(thing);
    if !key.is_empty() {
        digest.update(name);
        digest.update(key);
    }
    hex(&digest.finalize())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "exposed_your_key_here_have_risks";

    #[test]
    fn zero_is_signed_and_what_is_empty_is_not() {
        let mut order = json!({
            "appid": "wx8888888888888888", "mch_id": "1900000109", "nonce_str": "N0nce",
            "total_fee": 0, "goods_tag": "0", "attach": "", "detail": null,
        });
        let md5 = "0BEAEF74E47D46933351C63550BFCE95";
        let hmac = "76164012DA7899D0E1877E90652047F0DF4001985C8F721612DA55EAD834B9E3";
        assert_eq!(sign(SignType::Md5, &order, SECRET), md5);
        assert_eq!(sign(SignType::Md5, order.as_object().unwrap(), SECRET), md5);
        assert_eq!(sign(SignType::Md5, order.clone(), SECRET), md5);
        order["sign_type"] = json!(SignType::HmacSha256.as_str());
        assert_eq!(sign(SignType::HmacSha256, &order, SECRET), hmac);
    }

    #[test]
    fn texts_are_equal_only_when_every_byte_is() {
        assert!(equals("", ""));
        assert!(equals("abc", String::from("abc")));
        for other in ["", "ab", "abx", "bbc", "abcd", "ABC"] {
            assert!(!equals("abc", other));
        }
    }

    #[test]
    fn a_sign_type_is_read_as_apiv2_writes_it() {
        for kind in [SignType::Md5, SignType::HmacSha256] {
            assert_eq!(kind.to_string().parse::<SignType>().unwrap(), kind);
        }
        assert_eq!("".parse::<SignType>().unwrap(), SignType::Md5);
        assert!("SHA1".parse::<SignType>().is_err());
    }

    #[test]
    fn what_is_signed_is_not_printed() {
        let data = SignData::from("openid=oUpF8uMuAJO");
        assert_eq!(format!("{data:?}"), "SignData(18 bytes)");
    }
}
