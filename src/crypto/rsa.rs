use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_cert::der::asn1::UintRef;
use x509_cert::der::{Decode, Reader, SliceReader};
use x509_cert::spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

use super::backend::rand::SystemRandom;
use super::backend::signature::{
    KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use crate::error::{Error, KeyError, Result};
use crate::pem::{self, Block, Certificate};

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const PRIVATE_WANTED: &str = "an RSA private key of at least 2048 bits, unencrypted, as PEM text \
     (PKCS#8 or PKCS#1) or as file:///absolute/path";
const PUBLIC_WANTED: &str = "an RSA public key (SPKI) or an X.509 certificate, as PEM text or as \
     file:///absolute/path";

/// A merchant's RSA private key.
///
/// It signs requests. It is loaded once and can be shared: a clone is cheap. Neither `Debug` nor
/// any error prints it.
#[derive(Clone)]
pub struct PrivateKey {
    pair: Arc<RsaKeyPair>,
    random: SystemRandom,
}

impl PrivateKey {
    /// Loads a key from PEM text: PKCS#8 (`BEGIN PRIVATE KEY`) or PKCS#1 (`BEGIN RSA PRIVATE KEY`).
    ///
    /// # Errors
    /// [`Error::Key`], which says what was seen instead.
    pub fn from_pem(pem: impl AsRef<str>) -> Result<Self> {
        Self::parse(pem.as_ref(), &Origin::Text(pem.as_ref()))
    }

    /// Loads a key from a PEM file.
    ///
    /// # Errors
    /// [`Error::Key`] if the file can't be read or holds something else.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let (text, origin) = read(path.as_ref(), PRIVATE_WANTED)?;
        Self::parse(&text, &origin)
    }

    /// Signs with RSASSA-PKCS1-v1_5 and SHA-256, as `WECHATPAY2-SHA256-RSA2048` wants it; base64.
    pub fn sign(&self, message: impl AsRef<[u8]>) -> String {
        STANDARD.encode(self.sign_raw(message.as_ref()))
    }

    #[expect(
        clippy::expect_used,
        reason = "the same key has signed once when it was loaded, and no input makes it fail"
    )]
    pub(crate) fn sign_raw(&self, message: &[u8]) -> Vec<u8> {
        self.try_sign(message).expect("a loaded key signs")
    }

    fn try_sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.modulus_bytes()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &self.random, message, &mut signature)
            .ok()?;
        Some(signature)
    }

    #[cfg(feature = "aws-lc-rs")]
    fn modulus_bytes(&self) -> usize {
        self.pair.public_modulus_len()
    }

    #[cfg(not(feature = "aws-lc-rs"))]
    fn modulus_bytes(&self) -> usize {
        self.pair.public().modulus_len()
    }

    /// The public half, as PKCS#1 DER.
    pub(crate) fn public_der(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    fn parse(text: &str, origin: &Origin<'_>) -> Result<Self> {
        let refuse = |seen: &str| origin.refuse(seen, PRIVATE_WANTED);
        let block = match pem::read(text) {
            Ok(block) => block,
            Err(problem) => return Err(refuse(&problem)),
        };
        let pair = match block.label.as_str() {
            _ if block.encrypted => {
                return Err(refuse(
                    "an encrypted private key, which needs its passphrase; encrypted keys are not \
                     in this version",
                ));
            }
            "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&block.der),
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(&block.der),
            label => return Err(refuse(&format!("{} ({label})", describe(label)))),
        };
        let pair = match pair {
            Ok(pair) => pair,
            Err(reason) => return Err(refuse(&rejection(&reason.to_string(), &block))),
        };
        let key = Self {
            pair: Arc::new(pair),
            random: SystemRandom::new(),
        };
        // It proves that `sign` can't fail later, and pays AWS-LC's 30 ms of a first signature here.
        match key.try_sign(b"wechatpay-chain") {
            Some(_) => Ok(key),
            None => Err(refuse(
                "an RSA private key whose parts do not fit each other",
            )),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey([redacted])")
    }
}

/// An RSA public key: WeChat Pay's own, or the one in a platform certificate.
///
/// It verifies answers. A clone is cheap.
#[derive(Clone)]
pub struct PublicKey {
    der: Arc<[u8]>,
    serial: Option<Arc<str>>,
}

impl PublicKey {
    /// Loads a key from PEM text: SPKI (`BEGIN PUBLIC KEY`) or a certificate (`BEGIN CERTIFICATE`).
    ///
    /// # Errors
    /// [`Error::Key`], which says what was seen instead.
    pub fn from_pem(pem: impl AsRef<str>) -> Result<Self> {
        Self::parse(pem.as_ref(), &Origin::Text(pem.as_ref()))
    }

    /// Loads a key or certificate from a PEM file.
    ///
    /// # Errors
    /// [`Error::Key`] if the file can't be read or holds something else.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let (text, origin) = read(path.as_ref(), PUBLIC_WANTED)?;
        Self::parse(&text, &origin)
    }

    /// Whether `signature`, in base64, is this key's over `message`: RSASSA-PKCS1-v1_5, SHA-256.
    ///
    /// A signature that is no base64 is a wrong one.
    pub fn verify(&self, message: impl AsRef<[u8]>, signature: impl AsRef<str>) -> bool {
        let Ok(signature) = STANDARD.decode(signature.as_ref()) else {
            return false;
        };
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.der)
            .verify(message.as_ref(), &signature)
            .is_ok()
    }

    /// The serial number of the certificate that this key was read from.
    pub(crate) fn serial(&self) -> Option<&str> {
        self.serial.as_deref()
    }

    /// The key as PKCS#1 DER.
    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    fn parse(text: &str, origin: &Origin<'_>) -> Result<Self> {
        let refuse = |seen: &str| origin.refuse(seen, PUBLIC_WANTED);
        let block = pem::read(text).map_err(|problem| refuse(&problem))?;
        match block.label.as_str() {
            "PUBLIC KEY" => {
                let der = rsa_of_spki(&block.der).map_err(refuse)?;
                Ok(Self { der, serial: None })
            }
            "CERTIFICATE" => {
                let certificate = Certificate::from_der(&block.der).map_err(refuse)?;
                Ok(Self {
                    der: rsa_of_spki(&certificate.public_key).map_err(refuse)?,
                    serial: Some(certificate.serial.into()),
                })
            }
            label => Err(refuse(&format!("{} ({label})", describe(label)))),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}

/// The PKCS#1 key inside an SPKI, if it is RSA of a size that is allowed.
fn rsa_of_spki(spki: &[u8]) -> std::result::Result<Arc<[u8]>, &'static str> {
    let Ok(info) = SubjectPublicKeyInfoRef::from_der(spki) else {
        return Err("a public key whose DER is broken");
    };
    if info.algorithm.oid != RSA_ENCRYPTION {
        return Err("a public key of another algorithm than RSA");
    }
    const BROKEN: &str = "an RSA public key whose DER is broken";
    let key = info.subject_public_key.as_bytes().ok_or(BROKEN)?;
    match modulus_bits(key) {
        Ok(..2048) => Err("an RSA public key of fewer than 2048 bits"),
        Ok(8193..) => Err("an RSA public key of more than 8192 bits"),
        Ok(_) => Ok(key.into()),
        Err(_) => Err(BROKEN),
    }
}

/// The size of a PKCS#1 public key.
fn modulus_bits(key: &[u8]) -> x509_cert::der::Result<u32> {
    let mut reader = SliceReader::new(key)?;
    let bits = reader.sequence(|reader| {
        let modulus = UintRef::decode(reader)?;
        UintRef::decode(reader)?;
        let bytes = modulus.as_bytes();
        let zeros = bytes.first().map_or(0, |byte| byte.leading_zeros());
        Ok::<_, x509_cert::der::Error>(u32::from(modulus.len()) * 8 - zeros)
    })?;
    reader.finish()?;
    Ok(bits)
}

/// Where a key came from: shown in errors, with nothing of the key.
enum Origin<'a> {
    Text(&'a str),
    File(PathBuf),
}

impl Origin<'_> {
    fn refuse(&self, seen: &str, wanted: &str) -> Error {
        let (origin, command) = match self {
            Self::Text(text) => (pem::outline(text), None),
            Self::File(path) => {
                let origin = pem::file(path);
                let shown = origin.strip_prefix("file://");
                let command = shown.map(|path| command(path, seen));
                (origin, command)
            }
        };
        Error::Key(Box::new(KeyError {
            setting: None,
            origin,
            seen: seen.to_owned(),
            wanted: wanted.to_owned(),
            command,
        }))
    }
}

fn command(path: &str, seen: &str) -> String {
    if seen.contains("certificate") {
        format!("openssl x509 -in '{path}' -noout -subject -serial")
    } else if seen.contains("public") {
        format!("openssl pkey -pubin -in '{path}' -noout -text")
    } else {
        format!("openssl pkey -in '{path}' -noout -text_pub")
    }
}

fn read(path: &Path, wanted: &str) -> Result<(Zeroizing<String>, Origin<'static>)> {
    let origin = Origin::File(path.to_owned());
    let bytes = match std::fs::read(path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) => {
            return Err(Error::Key(Box::new(KeyError {
                setting: None,
                origin: pem::file(path),
                seen: format!("the file can't be read: {error}"),
                wanted: wanted.to_owned(),
                command: None,
            })));
        }
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok((Zeroizing::new(text.to_owned()), origin)),
        Err(_) => Err(origin.refuse(
            &format!("{} bytes of binary (DER or PKCS#12), no PEM", bytes.len()),
            wanted,
        )),
    }
}

fn describe(label: &str) -> &'static str {
    match label {
        "CERTIFICATE" => "a certificate",
        "PRIVATE KEY" | "RSA PRIVATE KEY" => "a private key",
        "EC PRIVATE KEY" => "an elliptic-curve private key",
        "PUBLIC KEY" => "a public key",
        "RSA PUBLIC KEY" => "a PKCS#1 public key, a form that is not in this version",
        "CERTIFICATE REQUEST" => "a certificate request",
        _ => "another kind of PEM",
    }
}

fn rejection(reason: &str, block: &Block) -> String {
    match reason {
        "TooSmall" => "an RSA private key of fewer than 2048 bits".to_owned(),
        "WrongAlgorithm" => "a private key of another algorithm than RSA".to_owned(),
        _ => format!(
            "a PEM of the type {} whose content is no RSA private key ({reason})",
            block.label
        ),
    }
}

/// A key is read from what settings hold: a `file://` address or PEM text.
fn from_setting<T>(
    text: &str,
    wanted: &str,
    from_file: impl FnOnce(&Path) -> Result<T>,
    from_pem: impl FnOnce(&str) -> Result<T>,
) -> Result<T> {
    let trimmed = text.trim();
    let Some(rest) = trimmed.strip_prefix("file://") else {
        return from_pem(text);
    };
    let path = Path::new(rest);
    let seen = if rest.contains("-----BEGIN ") {
        "PEM text behind file://"
    } else if path.is_absolute() {
        return from_file(path);
    } else {
        "a file address whose path is not absolute"
    };
    Err(Error::Key(Box::new(KeyError {
        setting: None,
        origin: pem::outline(trimmed),
        seen: seen.to_owned(),
        wanted: wanted.to_owned(),
        command: None,
    })))
}

fn utf8<'a>(bytes: &'a [u8], wanted: &str) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|_| {
        Error::Key(Box::new(KeyError {
            setting: None,
            origin: format!("{} bytes", bytes.len()),
            seen: "binary (DER or PKCS#12), no PEM".to_owned(),
            wanted: wanted.to_owned(),
            command: None,
        }))
    })
}

macro_rules! from_settings {
    ($key:ident, $wanted:ident) => {
        impl TryFrom<&str> for $key {
            type Error = Error;

            /// Reads a `file:///absolute/path` or PEM text.
            fn try_from(text: &str) -> Result<Self> {
                from_setting(
                    text,
                    $wanted,
                    |path| Self::from_file(path),
                    |pem| Self::from_pem(pem),
                )
            }
        }

        impl TryFrom<&String> for $key {
            type Error = Error;

            fn try_from(text: &String) -> Result<Self> {
                Self::try_from(text.as_str())
            }
        }

        impl TryFrom<String> for $key {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                Self::try_from(Zeroizing::new(text).as_str())
            }
        }

        impl TryFrom<&[u8]> for $key {
            type Error = Error;

            fn try_from(bytes: &[u8]) -> Result<Self> {
                Self::try_from(utf8(bytes, $wanted)?)
            }
        }
    };
}

from_settings!(PrivateKey, PRIVATE_WANTED);
from_settings!(PublicKey, PUBLIC_WANTED);

#[cfg(test)]
mod tests {
    use super::*;

    const MERCHANT: &str = include_str!("../../tests/vectors/keys/merchant.key");
    const MERCHANT_PKCS1: &str = include_str!("../../tests/vectors/keys/merchant.pkcs1.key");
    const CERTIFICATE: &str = include_str!("../../tests/vectors/keys/merchant.crt");
    const PUBLIC: &str = include_str!("../../tests/vectors/keys/merchant.pub");
    const SERIAL: &str = include_str!("../../tests/vectors/keys/merchant.serial");

    #[test]
    fn a_signature_of_either_private_form_verifies_with_either_public_form() {
        for private in [MERCHANT, MERCHANT_PKCS1] {
            let signature = PrivateKey::from_pem(private).unwrap().sign("a\nb\n");
            for public in [PUBLIC, CERTIFICATE] {
                let public = PublicKey::from_pem(public).unwrap();
                assert!(public.verify("a\nb\n", &signature));
                assert!(!public.verify("a\nb", &signature));
                assert!(!public.verify("a\nb\n", "not base64"));
            }
        }
    }

    #[test]
    fn a_certificate_gives_its_key_and_serial() {
        let key = PublicKey::from_pem(CERTIFICATE).unwrap();
        assert_eq!(key.serial(), Some(SERIAL.trim()));
        assert_eq!(key.der(), PublicKey::from_pem(PUBLIC).unwrap().der());
        assert_eq!(
            key.der(),
            PrivateKey::from_pem(MERCHANT).unwrap().public_der()
        );
    }

    #[test]
    fn line_breaks_of_any_kind_a_missing_one_and_text_around_are_tolerated() {
        let variants = [
            MERCHANT.replace('\n', "\r\n"),
            MERCHANT.replace('\n', "\\n"),
            MERCHANT.trim_end().to_owned(),
            format!("\u{feff}{MERCHANT}"),
            format!("Bag Attributes\n  friendlyName: x\n{MERCHANT}\nmore\n"),
        ];
        for variant in variants {
            PrivateKey::from_pem(variant).unwrap();
        }
    }
}
