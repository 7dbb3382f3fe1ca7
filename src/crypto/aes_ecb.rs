//! AES-256-ECB with PKCS#7 padding: how APIv2 encrypts the `req_info` of a refund notification.
//!
//! The names are those of PHP's `AesEcb`. The key is the MD5 of the APIv2 key, in 32 characters of
//! lower-case hex:
//!
//! ```
//! use wechatpay_chain::{aes_ecb, hash};
//!
//! let key = hash::md5("exposed_your_key_here_have_risks", "");
//! let req_info = aes_ecb::encrypt("<root><refund_status>SUCCESS</refund_status></root>", &key)?;
//! assert!(aes_ecb::decrypt(req_info, &key)?.starts_with("<root>"));
//! # Ok::<(), wechatpay_chain::Error>(())
//! ```
//!
//! **Nothing authenticates such a text.** Who can send to a notification's address can alter it
//! unnoticed, or send an old one again. Take it as a hint: query the refund, and act on that answer.

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::wrong_length;
use crate::error::{Error, Result};

const BLOCK: usize = 16;
const WHAT: &str = "the AES-256-ECB ciphertext can't be opened";

/// Encrypts a text; base64.
///
/// # Errors
/// [`Error::Key`] for a key that has not 32 bytes.
pub fn encrypt(text: impl AsRef<str>, key: impl AsRef<[u8]>) -> Result<String> {
    let cipher: ecb::Encryptor<Aes256> = prepared(key.as_ref())?;
    let text = text.as_ref().as_bytes();
    let mut bytes = text.to_vec();
    bytes.resize(text.len() + BLOCK, 0);
    match cipher.encrypt_padded::<Pkcs7>(&mut bytes, text.len()) {
        Ok(encrypted) => Ok(STANDARD.encode(encrypted)),
        Err(_) => Err(Error::request("text: it can't be padded", "a shorter text")),
    }
}

/// Decrypts a text that nothing authenticates: query the refund before acting on it.
///
/// # Errors
/// [`Error::Decode`], the same for everything that is wrong after base64: what tells a wrong padding
/// from a wrong text helps those who guess. [`Error::Key`] for a key that has not 32 bytes.
pub fn decrypt(ciphertext: impl AsRef<str>, key: impl AsRef<[u8]>) -> Result<String> {
    let cipher: ecb::Decryptor<Aes256> = prepared(key.as_ref())?;
    let bytes = STANDARD.decode(ciphertext.as_ref());
    let bytes = bytes.map_err(|_| Error::ciphertext(WHAT, "it is no base64"))?;
    let mut bytes = Zeroizing::new(bytes);
    let plain = cipher.decrypt_padded::<Pkcs7>(&mut bytes).ok();
    match plain.and_then(|plain| std::str::from_utf8(plain).ok()) {
        Some(text) => Ok(text.to_owned()),
        None => Err(unreadable()),
    }
}

/// What is said of everything that is wrong after base64.
pub(crate) fn unreadable() -> Error {
    Error::ciphertext(
        WHAT,
        "it was encrypted under another key, or was cut or altered; the key is the MD5 of the \
         APIv2 key in lower-case hex, so compare the APIv2 key with the one set on the merchant \
         platform",
    )
}

fn prepared<C: KeyInit>(key: &[u8]) -> Result<C> {
    C::new_from_slice(key).map_err(|_| {
        let wanted = "the MD5 of the APIv2 key, in 32 characters of lower-case hex";
        wrong_length(key.len(), wanted)
    })
}
