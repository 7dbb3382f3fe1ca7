//! The account's keys: the public test keys, unless a test brought its own.
//!
//! Every constant in this file and everything in `keys/` is published: it proves nothing and protects
//! nothing. No account at WeChat Pay has these values, so a request signed with them that goes astray
//! is refused there.

use std::fmt;
use std::io;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeyPair as RsaKeyPair, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    Pkcs1PrivateDecryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};
use rustls::server::ParsedCertificate;

/// The number of the test merchant.
pub(crate) const MCHID: &str = "1900000109";

// Public on purpose: see keys/README.md.
pub(crate) const MERCHANT_PRIVATE_KEY: &str = include_str!("../keys/merchant.key");
const MERCHANT_CERTIFICATE: &str = include_str!("../keys/merchant.crt");

/// The serial of `keys/merchant.crt`.
#[cfg(test)]
pub(crate) const MERCHANT_SERIAL: &str = "5A4D42D2053AB2F377643C6EADB695C908E1DC17";

/// The ID of the WeChat Pay public key under which the answers are signed.
const PLATFORM_SERIAL: &str = "PUB_KEY_ID_0119000001092020010100000000000000";

// Public on purpose: see keys/README.md.
const PLATFORM_PRIVATE_KEY: &str = include_str!("../keys/platform.key");

/// The keys of the platform certificates, which take turns. Public on purpose: see keys/README.md.
pub(crate) const CERTIFICATE_PRIVATE_KEYS: [&str; 3] = [
    include_str!("../keys/platform-certificate-1.key"),
    include_str!("../keys/platform-certificate-2.key"),
    include_str!("../keys/platform-certificate-3.key"),
];

/// The APIv3 key. Public on purpose, and it says so.
const APIV3_KEY: &str = "WechatpaySandboxPublicApiv3Key01";

/// The APIv2 key. Public on purpose, and it says so.
pub(crate) const SECRET: &str = "WechatpaySandboxPublicSecretV201";

/// What a test brought of its own, unchecked.
#[derive(Clone, Default)]
pub(crate) struct Own {
    pub(crate) mchid: Option<String>,
    /// Certificate and private key in PEM.
    pub(crate) merchant: Option<(String, String)>,
    /// ID or serial, and private key in PEM.
    pub(crate) platform: Option<(String, String)>,
    pub(crate) apiv3_key: Option<String>,
    pub(crate) secret: Option<String>,
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own")
            .field("mchid", &self.mchid.as_deref().map(outline))
            .field("merchant_key", &self.merchant.is_some())
            .field("platform_key", &self.platform.is_some())
            .field("apiv3_key", &self.apiv3_key.is_some())
            .field("secret", &self.secret.is_some())
            .finish()
    }
}

/// What proves who is who: the merchant, and WeChat Pay.
pub(crate) struct Keys {
    pub(crate) mchid: String,
    /// Of the certificate, in upper-case hexadecimal digits.
    pub(crate) merchant_serial: String,
    /// PKCS#8 in PEM.
    pub(crate) merchant_private_key: String,
    /// PEM.
    pub(crate) merchant_certificate: String,
    /// Checks every request.
    pub(crate) merchant: MerchantKey,
    certificate: CertificateDer<'static>,
    /// Or the ID of its public key.
    pub(crate) platform_serial: String,
    /// SPKI in PEM.
    pub(crate) platform_public_key: String,
    pub(crate) platform: Arc<PlatformKey>,
    pub(crate) apiv3_key: String,
    pub(crate) secret: String,
}

impl Keys {
    /// Checks what was given, and takes the published keys for the rest.
    pub(crate) fn new(own: Own) -> io::Result<Self> {
        let (merchant_certificate, merchant_private_key) = match own.merchant {
            Some(pair) => pair,
            None => (
                MERCHANT_CERTIFICATE.to_owned(),
                MERCHANT_PRIVATE_KEY.to_owned(),
            ),
        };
        let (platform_serial, platform_private_key) = match own.platform {
            Some((serial, key)) => (serial, key),
            None => (PLATFORM_SERIAL.to_owned(), PLATFORM_PRIVATE_KEY.to_owned()),
        };
        let certificate = certificate(&merchant_certificate)?;
        let merchant = PlatformKey::load(&merchant_private_key)
            .map_err(|given| invalid("merchant_key", given, "a private key of RSA in PEM"))?;
        if merchant.public_key().ok().as_deref() != Some(&*certificate.public_key) {
            return Err(invalid(
                "merchant_key",
                format!(
                    "a private key that does not belong to the certificate {}",
                    certificate.serial
                ),
                "the private key that this certificate was made for",
            ));
        }
        let platform = PlatformKey::load(&platform_private_key)
            .map_err(|given| invalid("platform_key", given, "a private key of RSA in PEM"))?;
        let public_key = platform
            .public_key()
            .map_err(|_| invalid("platform_key", UNUSABLE, "a private key of RSA in PEM"))?;
        Ok(Self {
            mchid: mchid(own.mchid)?,
            merchant_serial: certificate.serial,
            merchant_private_key: merchant.pkcs8_pem(merchant_private_key),
            merchant_certificate,
            merchant: MerchantKey::new(certificate.public_key),
            certificate: certificate.der,
            platform_serial: serial(platform_serial)?,
            platform_public_key: pem("PUBLIC KEY", &public_key),
            platform: Arc::new(platform),
            apiv3_key: apiv3_key(own.apiv3_key)?,
            secret: secret(own.secret)?,
        })
    }

    /// Whether a client certificate, in DER, is the merchant's.
    pub(crate) fn is_merchants(&self, certificate: &[u8]) -> bool {
        *self.certificate == *certificate
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("mchid", &self.mchid)
            .field("merchant_serial", &self.merchant_serial)
            .field("platform_serial", &self.platform_serial)
            .finish_non_exhaustive()
    }
}

/// What can't be used: the setting comes first, which the command relies on to name the file.
fn invalid(setting: &str, given: impl fmt::Display, wanted: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("{setting}: {given} was given; wanted: {wanted}"),
    )
}

fn mchid(given: Option<String>) -> io::Result<String> {
    let Some(mchid) = given else {
        return Ok(MCHID.to_owned());
    };
    if (1..=32).contains(&mchid.len()) && mchid.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(mchid);
    }
    Err(invalid(
        "mchid",
        outline(&mchid),
        "a merchant number, 1 to 32 digits",
    ))
}

fn serial(given: String) -> io::Result<String> {
    let is_text = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=128).contains(&given.len()) && given.bytes().all(is_text) {
        return Ok(given);
    }
    Err(invalid(
        "platform_key",
        outline(&given),
        "an ID of a public key (PUB_KEY_ID_…), or a serial in hexadecimal digits",
    ))
}

fn apiv3_key(given: Option<String>) -> io::Result<String> {
    let Some(key) = given else {
        return Ok(APIV3_KEY.to_owned());
    };
    if key.len() == 32 && key.trim().len() == 32 {
        return Ok(key);
    }
    Err(invalid(
        "apiv3_key",
        bytes(&key),
        "the APIv3 key, exactly 32 bytes",
    ))
}

fn secret(given: Option<String>) -> io::Result<String> {
    let Some(key) = given else {
        return Ok(SECRET.to_owned());
    };
    if !key.is_empty() && key.trim().len() == key.len() {
        return Ok(key);
    }
    Err(invalid(
        "secret",
        bytes(&key),
        "the APIv2 key, 32 characters",
    ))
}

/// A short text, which is no key; of a longer one its length, as it may be a key in the wrong place.
fn outline(given: &str) -> String {
    match given.len() {
        0..=20 => format!("{given:?}"),
        length => format!("a text of {length} bytes"),
    }
}

/// A key's length, and that white space is around it.
fn bytes(key: &str) -> String {
    let around = if key.trim().len() < key.len() {
        ", with white space around it,"
    } else {
        ""
    };
    format!("a key of {} bytes{around}", key.len())
}

/// A merchant's certificate, read.
struct Certificate {
    der: CertificateDer<'static>,
    serial: String,
    public_key: Vec<u8>,
}

fn certificate(given: &str) -> io::Result<Certificate> {
    const WANTED: &str = "an X.509 certificate in PEM";
    let der = CertificateDer::from_pem_slice(given.as_bytes()).map_err(|_| {
        let given = "a text without a certificate";
        invalid("merchant_key", given, WANTED)
    })?;
    let damaged = |why: &dyn fmt::Display| {
        let given = format!("a certificate that can't be used ({why})");
        invalid("merchant_key", given, WANTED)
    };
    let public_key = ParsedCertificate::try_from(&der)
        .map_err(|error| damaged(&error))?
        .subject_public_key_info()
        .to_vec();
    let serial = serial_of(&der).ok_or_else(|| damaged(&"it has no serial"))?;
    Ok(Certificate {
        serial: serial.iter().map(|byte| format!("{byte:02X}")).collect(),
        public_key,
        der,
    })
}

/// The serial of a certificate: the first integer in it, behind the version where there is one.
fn serial_of(certificate: &[u8]) -> Option<&[u8]> {
    let (SEQUENCE, certificate, _) = element(certificate)? else {
        return None;
    };
    let (SEQUENCE, signed, _) = element(certificate)? else {
        return None;
    };
    let first = element(signed)?;
    let (tag, serial, _) = match first {
        (VERSION, _, rest) => element(rest)?,
        first => first,
    };
    match serial {
        _ if tag != INTEGER => None,
        // It only says that the number is not negative.
        [0, rest @ ..] if !rest.is_empty() => Some(rest),
        serial => Some(serial),
    }
}

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;

/// The first element of DER: its tag, what is in it, and what comes after it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match *length {
        short @ ..0x80 => (usize::from(short), rest),
        long => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7F))?;
            let mut length = 0_usize;
            for digit in digits {
                length = length.checked_mul(256)? + usize::from(*digit);
            }
            (length, rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}

const UNUSABLE: &str = "a private key that is not RSA's, or not of 2048 to 8192 bits,";

/// One of the private keys.
pub(crate) struct PlatformKey {
    pkcs8: Pkcs8V1Der<'static>,
    is_pkcs1: bool,
    pair: RsaKeyPair,
    random: SystemRandom,
}

impl PlatformKey {
    /// Loads a key in PEM, PKCS#8 or PKCS#1, or says what it is instead.
    pub(crate) fn load(pem: &str) -> Result<Self, &'static str> {
        if pem.contains("ENCRYPTED") {
            return Err("an encrypted private key");
        }
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| "a text without a private key")?;
        let is_pkcs1 = matches!(der, PrivateKeyDer::Pkcs1(_));
        let pair = match &der {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err(UNUSABLE),
        };
        let pair = pair.map_err(|_: KeyRejected| UNUSABLE)?;
        Ok(Self {
            pkcs8: pair.as_der().map_err(|_| UNUSABLE)?,
            is_pkcs1,
            pair,
            random: SystemRandom::new(),
        })
    }

    /// The public half, SPKI in DER.
    fn public_key(&self) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
        let der: PublicKeyX509Der<'_> = self.pair.public_key().as_der()?;
        Ok(der.as_ref().to_vec())
    }

    /// As it was given in PEM, if that was PKCS#8, which some SDKs want.
    fn pkcs8_pem(&self, given: String) -> String {
        if self.is_pkcs1 {
            pem("PRIVATE KEY", self.pkcs8.as_ref())
        } else {
            given
        }
    }

    /// Signs with RSA PKCS#1 v1.5 and SHA-256, as Base64.
    ///
    /// A key that was loaded can't fail to sign. If it did, the signature would be empty, which every
    /// client refuses: a gateway that can't sign must not look like one that did.
    pub(crate) fn sign(&self, message: &[u8]) -> String {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        match self
            .pair
            .sign(&RSA_PKCS1_SHA256, &self.random, message, &mut signature)
        {
            Ok(()) => BASE64.encode(signature),
            Err(_) => String::new(),
        }
    }

    /// Opens a field in Base64; `None` when it was not encrypted for this key, or not so.
    pub(crate) fn decrypt(&self, padding: Padding, ciphertext: &str) -> Option<String> {
        let ciphertext = BASE64.decode(ciphertext).ok()?;
        let key = PrivateDecryptingKey::from_pkcs8(self.pkcs8.as_ref()).ok()?;
        let mut plaintext = vec![0; key.key_size_bytes()];
        let plaintext = match padding {
            Padding::Oaep => OaepPrivateDecryptingKey::new(key).ok()?.decrypt(
                &OAEP_SHA1_MGF1SHA1,
                &ciphertext,
                &mut plaintext,
                None,
            ),
            Padding::Pkcs1 => Pkcs1PrivateDecryptingKey::new(key)
                .ok()?
                .decrypt(&ciphertext, &mut plaintext),
        };
        String::from_utf8(plaintext.ok()?.to_vec()).ok()
    }
}

/// How a field is padded before RSA encrypts it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Padding {
    /// OAEP with SHA-1, which nearly all fields have.
    Oaep,
    /// PKCS#1 v1.5, which a few have.
    Pkcs1,
}

/// The merchant's public key, which checks every request.
pub(crate) struct MerchantKey {
    der: SubjectPublicKeyInfoDer<'static>,
    key: UnparsedPublicKey<Vec<u8>>,
}

impl MerchantKey {
    /// Takes SPKI in DER.
    fn new(der: Vec<u8>) -> Self {
        Self {
            key: UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der.clone()),
            der: der.into(),
        }
    }

    /// Tells whether `signature`, in Base64, is the merchant's over `message`.
    pub(crate) fn verify(&self, message: &[u8], signature: &str) -> bool {
        match BASE64.decode(signature) {
            Ok(signature) => self.key.verify(message, &signature).is_ok(),
            Err(_) => false,
        }
    }

    /// Encrypts a field with OAEP and SHA-1, as Base64; `None` for a text for which the key has no
    /// room.
    pub(crate) fn encrypt(&self, text: &str) -> Option<String> {
        let key = PublicEncryptingKey::from_der(&self.der).ok()?;
        let key = OaepPublicEncryptingKey::new(key).ok()?;
        let mut ciphertext = vec![0; key.ciphertext_size()];
        let ciphertext = key
            .encrypt(&OAEP_SHA1_MGF1SHA1, text.as_bytes(), &mut ciphertext, None)
            .ok()?;
        Some(BASE64.encode(ciphertext))
    }
}

/// Encrypts with AES-256-GCM, as Base64 with the tag at the end.
///
/// It can't fail with a key of 32 bytes and a nonce of 12; when it does, the ciphertext is empty,
/// which every client refuses.
pub(crate) fn seal(key: &[u8], nonce: &str, associated_data: &str, text: &[u8]) -> String {
    let mut sealed = text.to_vec();
    let done = UnboundKey::new(&AES_256_GCM, key).and_then(|key| {
        LessSafeKey::new(key).seal_in_place_append_tag(
            Nonce::try_assume_unique_for_key(nonce.as_bytes())?,
            Aad::from(associated_data.as_bytes()),
            &mut sealed,
        )
    });
    match done {
        Ok(()) => BASE64.encode(sealed),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_keys_belong_together() {
        let keys = Keys::new(Own::default()).unwrap();
        assert_eq!(keys.merchant_serial, MERCHANT_SERIAL);
        assert_eq!(keys.merchant_private_key, MERCHANT_PRIVATE_KEY);
        assert_eq!(
            pem("PUBLIC KEY", &keys.merchant.der),
            include_str!("../keys/merchant.pub")
        );
        assert_eq!(
            keys.platform_public_key,
            include_str!("../keys/platform.pub")
        );
        assert_eq!((APIV3_KEY.len(), SECRET.len()), (32, 32));
    }

    #[test]
    fn a_serial_is_the_first_integer_of_what_was_signed() {
        let rows: [(&[u8], Option<&[u8]>); 8] = [
            // Version 3, and a number whose first bit is set.
            (
                &[0x30, 12, 0x30, 10, 0xA0, 3, 2, 1, 2, 2, 3, 0x00, 0x8A, 0x01],
                Some(&[0x8A, 0x01]),
            ),
            // No version; a length in two bytes.
            (&[0x30, 0x81, 5, 0x30, 3, 2, 1, 7], Some(&[7])),
            (&[0x30, 5, 0x30, 3, 2, 1, 0], Some(&[0])),
            (&[0x30, 5, 0x30, 3, 4, 1, 7], None),
            (&[0x30, 5, 0x31, 3, 2, 1, 7], None),
            (&[0x30, 5, 0x30, 4, 2, 1, 7], None),
            (&[0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1], None),
            (&[], None),
        ];
        for (certificate, serial) in rows {
            assert_eq!(serial_of(certificate), serial, "{certificate:?}");
        }
    }
}
