//! The cryptographic backend: AWS-LC where the feature is on, else ring, behind the same names.

pub mod aes_ecb;
pub mod aes_gcm;
pub mod hash;
pub(crate) mod rsa;

use self::backend::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use crate::error::{Error, KeyError};

#[cfg(feature = "aws-lc-rs")]
pub(crate) use aws_lc_rs as backend;
#[cfg(not(feature = "aws-lc-rs"))]
pub(crate) use ring as backend;

/// The SHA-256 of `data` in lower-case hex.
pub(crate) fn sha256_hex(data: &[u8]) -> String {
    hex(digest(&SHA256, data).as_ref())
}

/// The SHA-1 of `data` in lower-case hex: what WeChat Pay promises of bills and statements.
pub(crate) fn sha1_hex(data: &[u8]) -> String {
    hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, data).as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A key of another length than the 32 bytes of AES-256.
fn wrong_length(length: usize, wanted: &str) -> Error {
    Error::Key(Box::new(KeyError {
        setting: None,
        origin: "the AES key".to_owned(),
        seen: format!("{length} bytes"),
        wanted: wanted.to_owned(),
        command: None,
    }))
}
