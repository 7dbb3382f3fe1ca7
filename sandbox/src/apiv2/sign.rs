//! The two signatures of APIv2.

use aws_lc_rs::hmac;
use md5::{Digest as _, Md5};

use crate::received::Mismatch;
use crate::xml::Fields;

/// How a request is signed, and therefore its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignType {
    Md5,
    HmacSha256,
}

/// What is signed: the fields in their order, and the key.
fn message(fields: &Fields, key: &str, with_empty: bool) -> String {
    let mut pairs: Vec<_> = fields
        .pairs()
        .filter(|(name, text)| *name != "sign" && (with_empty || !text.is_empty()))
        .collect();
    pairs.sort_unstable();
    pairs.push(("key", key));
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, text)| format!("{name}={text}"))
        .collect();
    pairs.join("&")
}

/// What should have been signed, beside what was, where it is one of the usual mistakes.
pub(super) fn mismatch(fields: &Fields, sign_type: SignType, key: &str) -> Mismatch {
    let expected = message(fields, key, false);
    let unkeyed = expected.replace(&format!("&key={key}"), "");
    let with_empty = message(fields, key, true);
    let texts = [&expected, &with_empty, &unkeyed];
    let given = fields.get("sign");
    let is_it = |text: &&&String| {
        [SignType::Md5, SignType::HmacSha256]
            .iter()
            .any(|sign_type| sign_type.of(text, key).eq_ignore_ascii_case(given))
    };
    let signed = texts.iter().find(is_it).map(|text| (*text).clone());
    let algorithm = match sign_type {
        SignType::Md5 => "MD5",
        SignType::HmacSha256 => "HMAC-SHA256",
    };
    Mismatch::new(format!("{algorithm} {expected}"), signed)
}

impl SignType {
    /// By the field `sign_type`, which is empty for MD5.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "" | "MD5" => Some(Self::Md5),
            "HMAC-SHA256" => Some(Self::HmacSha256),
            _ => None,
        }
    }

    /// `sign_type` where it must be said; MD5 needs no word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Md5 => "",
            Self::HmacSha256 => "HMAC-SHA256",
        }
    }

    /// The merchant's signature over all fields but `sign` and the empty ones.
    pub(crate) fn sign(self, fields: &Fields, key: &str) -> String {
        self.of(&message(fields, key, false), key)
    }

    /// The signature of this text.
    fn of(self, text: &str, key: &str) -> String {
        match self {
            Self::Md5 => hexadecimal(&Md5::digest(text)),
            Self::HmacSha256 => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
                hexadecimal(hmac::sign(&key, text.as_bytes()).as_ref())
            }
        }
    }
}

/// Upper-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SECRET;

    #[test]
    fn a_signature_is_over_what_is_not_empty_in_the_order_of_the_names() {
        let fields = Fields::default()
            .with("b", "0")
            .with("sign", "whatever")
            .with("a", "中 文")
            .with("B", "")
            .with("C", "1");
        // What `openssl md5` and `openssl mac` say of
        // `C=1&a=中 文&b=0&key=WechatpaySandboxPublicSecretV201`.
        assert_eq!(
            SignType::Md5.sign(&fields, SECRET),
            "5D5A3FBDDD057A73164036BDA7042621"
        );
        assert_eq!(
            SignType::HmacSha256.sign(&fields, SECRET),
            "9640893DB132CD432326840331C5FF3A24351CC24E50FAD3CFC5096EE8C530DF"
        );
    }

    #[test]
    fn a_sign_type_is_one_of_two() {
        assert_eq!(SignType::named(""), Some(SignType::Md5));
        assert_eq!(SignType::named("MD5"), Some(SignType::Md5));
        assert_eq!(SignType::named("HMAC-SHA256"), Some(SignType::HmacSha256));
        for name in ["md5", "HMAC_SHA256", "RSA"] {
            assert_eq!(SignType::named(name), None);
        }
    }
}
