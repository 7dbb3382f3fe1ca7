//! AES-256-GCM: how APIv3 encrypts notifications and platform certificates under the APIv3 key.
//!
//! The names are those of PHP's `AesGcm`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::wrong_length;
use crate::error::{Error, Result};

const WHAT: &str = "the AES-256-GCM ciphertext can't be opened";

/// Encrypts a text; base64, with the 16 bytes of the tag at its end.
///
/// `key` is the APIv3 key of 32 bytes, `nonce` has 12 bytes, `aad` may be empty. A nonce must never
/// serve twice under one key.
///
/// # Errors
/// [`Error::Key`] and [`Error::Request`] for a key or a nonce of another length.
pub fn encrypt(
    text: impl AsRef<str>,
    key: impl AsRef<[u8]>,
    nonce: impl AsRef<[u8]>,
    aad: impl AsRef<[u8]>,
) -> Result<String> {
    let (key, nonce) = prepared(key.as_ref(), nonce.as_ref())?;
    let mut bytes = text.as_ref().as_bytes().to_vec();
    key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut bytes)
        .map_err(|_| Error::request("text: too long for AES-256-GCM", "at most 64 GB"))?;
    Ok(STANDARD.encode(bytes))
}

/// Decrypts what [`encrypt`] and WeChat Pay make: `ciphertext`, `nonce` and `associated_data` of a
/// notification's `resource` or of a platform certificate.
///
/// `aad` is empty where `associated_data` is absent or null.
///
/// # Errors
/// [`Error::Decode`] if it was encrypted under another key, nonce or `aad`, or altered;
/// [`Error::Key`] and [`Error::Request`] for a key or a nonce of another length.
pub fn decrypt(
    ciphertext: impl AsRef<str>,
    key: impl AsRef<[u8]>,
    nonce: impl AsRef<[u8]>,
    aad: impl AsRef<[u8]>,
) -> Result<String> {
    let (key, nonce) = prepared(key.as_ref(), nonce.as_ref())?;
    let bytes = STANDARD.decode(ciphertext.as_ref());
    let bytes = bytes.map_err(|_| Error::ciphertext(WHAT, "it is no base64"))?;
    let mut bytes = Zeroizing::new(bytes);
    let opened = key.open_in_place(nonce, Aad::from(aad), &mut bytes);
    let plain = opened.map_err(|_| {
        Error::ciphertext(
            WHAT,
            "it was encrypted under another APIv3 key, nonce or associated data, or was altered; \
             compare the key with the one set on the merchant platform",
        )
    })?;
    match std::str::from_utf8(plain) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(Error::ciphertext(WHAT, "what it holds is no text")),
    }
}

/// Decrypts a file, with the 16 bytes of the tag at its end.
pub(crate) fn open(mut bytes: Vec<u8>, key: &[u8], nonce: &[u8]) -> Result<Vec<u8>> {
    let (key, nonce) = prepared(key, nonce)?;
    let opened = key.open_in_place(nonce, Aad::empty(), &mut bytes);
    let length = opened.map(|plain| plain.len()).map_err(|_| {
        let problem = "it was encrypted under another key or nonce, or was altered";
        Error::ciphertext("the AES-256-GCM file can't be opened", problem)
    })?;
    bytes.truncate(length);
    Ok(bytes)
}

fn prepared(key: &[u8], nonce: &[u8]) -> Result<(LessSafeKey, Nonce)> {
    let Ok(unbound) = UnboundKey::new(&AES_256_GCM, key) else {
        let wanted = "the APIv3 key, which has 32 bytes";
        return Err(wrong_length(key.len(), wanted));
    };
    let Ok(nonce) = Nonce::try_assume_unique_for_key(nonce) else {
        return Err(Error::request(
            format!("nonce: {} bytes", nonce.len()),
            format!("{NONCE_LEN} bytes"),
        ));
    };
    Ok((LessSafeKey::new(unbound), nonce))
}
