use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::pki_types::CertificateDer;
use x509_cert::der::asn1::{AnyRef, BitStringRef, UintRef};
use x509_cert::der::{Decode, Encode as _};
use x509_cert::spki::{AlgorithmIdentifier, ObjectIdentifier, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

#[cfg(feature = "aws-lc-rs")]
use super::backend::encoding::AsDer as _;
use super::backend::rand::SystemRandom;
#[cfg(feature = "aws-lc-rs")]
use super::backend::rsa::{
    OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    Pkcs1PublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
#[cfg(feature = "aws-lc-rs")]
use super::backend::signature::ParsedPublicKey;
#[cfg(not(feature = "aws-lc-rs"))]
use super::backend::signature::UnparsedPublicKey;
use super::backend::signature::{
    KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaEncoding, RsaKeyPair,
};
use crate::error::{Error, KeyError, Result};
use crate::pem::{self, Block, Certificate, Validity};

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const PRIVATE_WANTED: &str = "an RSA private key of at least 2048 bits, as PEM text (PKCS#8 or \
     PKCS#1) or as file:///absolute/path, an encrypted one with its passphrase";
const PUBLIC_WANTED: &str = "an RSA public key (SPKI or PKCS#1) of at least 2048 bits or an X.509 \
     certificate, as PEM text or as file:///absolute/path";
const CERTIFICATE_WANTED: &str = "an X.509 certificate, as PEM text";
/// What a PEM that holds a private key says of it.
const PRIVATE_LABELS: [&str; 3] = ["PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"];
const PUBLIC_LABELS: [&str; 3] = ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"];

/// A merchant's RSA private key.
///
/// It signs requests and decrypts what WeChat Pay encrypted for the merchant. It is loaded once and
/// can be shared: a clone is cheap. Neither `Debug` nor any error prints it.
///
/// `TryFrom` takes every form a setting may hold: `file:///absolute/path`, PEM text, a bare base64
/// body, PHP's `private.pkcs8://…` and `private.pkcs1://…`, DER bytes, and `(any of these texts,
/// passphrase)`.
#[derive(Clone)]
pub struct PrivateKey {
    pair: Arc<RsaKeyPair>,
    random: SystemRandom,
    #[cfg(feature = "aws-lc-rs")]
    decrypting: Arc<OaepPrivateDecryptingKey>,
}

impl PrivateKey {
    /// Loads a key from PEM text: PKCS#8 (`BEGIN PRIVATE KEY`) or PKCS#1 (`BEGIN RSA PRIVATE KEY`).
    ///
    /// # Errors
    /// [`Error::Key`], which says what was seen instead.
    pub fn from_pem(pem: impl AsRef<str>) -> Result<Self> {
        Self::from_text(pem.as_ref(), None)
    }

    /// Loads a key from an encrypted PEM: PKCS#8 (`BEGIN ENCRYPTED PRIVATE KEY`) under PBES2, as
    /// `openssl pkcs8 -topk8` and `openssl genpkey -aes256` write it.
    ///
    /// The passphrase of a key that is not encrypted is not looked at.
    ///
    /// # Errors
    /// [`Error::Key`], which tells a wrong passphrase from an encryption that is not known.
    pub fn from_encrypted_pem(pem: impl AsRef<str>, passphrase: impl AsRef<[u8]>) -> Result<Self> {
        Self::from_text(pem.as_ref(), Some(passphrase.as_ref()))
    }

    /// Loads a key from a file: PEM or DER.
    ///
    /// # Errors
    /// [`Error::Key`] if the file can't be read or holds something else.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_path(path.as_ref(), None)
    }

    /// Loads a key from PKCS#1 in base64, without BEGIN and END lines: PHP's `Rsa::fromPkcs1`.
    ///
    /// # Errors
    /// [`Error::Key`], which says what was seen instead.
    pub fn from_pkcs1(base64: impl AsRef<str>) -> Result<Self> {
        let (block, origin) = body(base64.as_ref(), &["RSA PRIVATE KEY"], PRIVATE_WANTED)?;
        Self::from_block(&block, None, &origin)
    }

    /// Loads a key from PKCS#8 in base64, without BEGIN and END lines: PHP's `Rsa::fromPkcs8`.
    ///
    /// # Errors
    /// [`Error::Key`], which says what was seen instead.
    pub fn from_pkcs8(base64: impl AsRef<str>) -> Result<Self> {
        let (block, origin) = body(base64.as_ref(), &["PRIVATE KEY"], PRIVATE_WANTED)?;
        Self::from_block(&block, None, &origin)
    }

    /// Loads the key of a PKCS#12 file, such as WeChat Pay's `apiclient_cert.p12`, whose passphrase
    /// is the merchant's number. Files of old tools (RC2, 3DES) load too.
    ///
    /// # Errors
    /// [`Error::Key`], which tells a wrong passphrase from a file that holds no key.
    #[cfg(feature = "p12")]
    #[cfg_attr(docsrs, doc(cfg(feature = "p12")))]
    pub fn from_p12(bytes: impl AsRef<[u8]>, passphrase: impl AsRef<str>) -> Result<Self> {
        let bytes = bytes.as_ref();
        let origin = Origin::Bytes(bytes.len());
        let archive = opened(bytes, passphrase.as_ref(), &origin)?;
        match archive.keys.first() {
            Some(bag) => Self::from_der(bag.key.as_der(), "PRIVATE KEY", &origin),
            None => Err(origin.refuse("a PKCS#12 file without a private key", P12_WANTED)),
        }
    }

    /// Signs with RSASSA-PKCS1-v1_5 and SHA-256, as `WECHATPAY2-SHA256-RSA2048` wants it; base64.
    pub fn sign(&self, message: impl AsRef<[u8]>) -> String {
        STANDARD.encode(self.sign_raw(message.as_ref()))
    }

    /// Decrypts a sensitive field of an answer: base64, RSAES-OAEP with SHA-1 and MGF1-SHA-1.
    ///
    /// What comes down is encrypted for the merchant certificate, and this is its private key; what
    /// goes up is encrypted with WeChat Pay's key, and nobody else can open it.
    ///
    /// # Errors
    /// [`Error::Decode`], the same for everything that is wrong in a ciphertext of the right length,
    /// since what tells a wrong padding apart helps an attacker.
    #[cfg(feature = "aws-lc-rs")]
    #[cfg_attr(docsrs, doc(cfg(feature = "aws-lc-rs")))]
    pub fn decrypt(&self, ciphertext: impl AsRef<str>) -> Result<String> {
        const WHAT: &str = "the text can't be decrypted";
        let ciphertext = STANDARD.decode(ciphertext.as_ref()).unwrap_or_default();
        if ciphertext.len() != self.modulus_bytes() {
            return Err(Error::ciphertext(
                WHAT,
                "it is not a ciphertext, which is base64 of as many bytes as the key has; it may be \
                 plain text already",
            ));
        }
        let mut plain = Zeroizing::new(vec![0; self.decrypting.min_output_size()]);
        let opened = self
            .decrypting
            .decrypt(&OAEP_SHA1_MGF1SHA1, &ciphertext, &mut plain, None)
            .ok();
        match opened.and_then(|plain| std::str::from_utf8(plain).ok()) {
            Some(text) => Ok(text.to_owned()),
            None => Err(Error::ciphertext(
                WHAT,
                "this ciphertext was not made for this key: what goes up is encrypted for the \
                 platform and only WeChat Pay opens it, what comes down is encrypted for the \
                 merchant certificate and its private key opens it",
            )),
        }
    }

    #[expect(
        clippy::expect_used,
        reason = "the same key has signed once when it was loaded, and no input makes it fail"
    )]
    pub(crate) fn sign_raw(&self, message: &[u8]) -> Vec<u8> {
        try_sign(&self.pair, &self.random, &RSA_PKCS1_SHA256, message).expect("a loaded key signs")
    }

    /// Signs a handshake of TLS, in the encoding that was agreed there.
    pub(crate) fn sign_as(
        &self,
        encoding: &'static dyn RsaEncoding,
        message: &[u8],
    ) -> Option<Vec<u8>> {
        try_sign(&self.pair, &self.random, encoding, message)
    }

    #[cfg(feature = "aws-lc-rs")]
    fn modulus_bytes(&self) -> usize {
        modulus_bytes(&self.pair)
    }

    /// The public half, as PKCS#1 DER.
    pub(crate) fn public_der(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    fn from_text(text: &str, passphrase: Option<&[u8]>) -> Result<Self> {
        let origin = Origin::Text(text);
        match pem::read(text, &PRIVATE_LABELS) {
            Ok(block) => Self::from_block(&block, passphrase, &origin),
            Err(problem) => Err(origin.refuse(&problem, PRIVATE_WANTED)),
        }
    }

    fn from_path(path: &Path, passphrase: Option<&[u8]>) -> Result<Self> {
        let (block, origin) = read(path, &PRIVATE_LABELS, PRIVATE_WANTED)?;
        Self::from_block(&block, passphrase, &origin)
    }

    fn from_bytes(bytes: &[u8], passphrase: Option<&[u8]>) -> Result<Self> {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Self::from_setting(text, passphrase);
        }
        let origin = Origin::Bytes(bytes.len());
        match pem::from_der(bytes) {
            Ok(block) => Self::from_block(&block, passphrase, &origin),
            Err(problem) => Err(origin.refuse(&problem, PRIVATE_WANTED)),
        }
    }

    fn from_setting(text: &str, passphrase: Option<&[u8]>) -> Result<Self> {
        match file(text, PRIVATE_WANTED)? {
            Some(path) => Self::from_path(path, passphrase),
            None => Self::from_text(text, passphrase),
        }
    }

    fn from_block(block: &Block, passphrase: Option<&[u8]>, origin: &Origin<'_>) -> Result<Self> {
        let refuse = |seen: &str| Err(origin.refuse(seen, PRIVATE_WANTED));
        match block.label.as_str() {
            _ if block.proc_type => refuse(
                "a private key encrypted in the traditional way (Proc-Type: 4,ENCRYPTED), which is \
                 not supported; `openssl pkcs8 -topk8 -v2 aes256` makes a PKCS#8 key of it",
            ),
            "ENCRYPTED PRIVATE KEY" => {
                let Some(passphrase) = passphrase else {
                    return refuse(
                        "an encrypted private key (ENCRYPTED PRIVATE KEY, PKCS#8), which needs its \
                         passphrase; give the pair (key, passphrase), or load it with \
                         PrivateKey::from_encrypted_pem",
                    );
                };
                match decrypted(&block.der, passphrase) {
                    Ok(der) => Self::from_der(&der, "PRIVATE KEY", origin),
                    Err(seen) => refuse(seen),
                }
            }
            label @ ("PRIVATE KEY" | "RSA PRIVATE KEY") => {
                Self::from_der(&block.der, label, origin)
            }
            label => refuse(&format!("{} ({label})", describe(label))),
        }
    }

    fn from_der(der: &[u8], label: &str, origin: &Origin<'_>) -> Result<Self> {
        let refuse = |seen: &str| origin.refuse(seen, PRIVATE_WANTED);
        let pair = match label {
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(der),
            _ => RsaKeyPair::from_pkcs8(der),
        };
        let pair = pair.map_err(|reason| refuse(&rejection(&reason.to_string(), label)))?;
        let random = SystemRandom::new();
        // It proves that `sign` can't fail later, and pays AWS-LC's 30 ms of a first signature here.
        if try_sign(&pair, &random, &RSA_PKCS1_SHA256, b"wechatpay-chain").is_none() {
            return Err(refuse(
                "an RSA private key whose parts do not fit each other",
            ));
        }
        Ok(Self {
            #[cfg(feature = "aws-lc-rs")]
            decrypting: match decrypting(&pair) {
                Some(key) => Arc::new(key),
                None => return Err(refuse("an RSA private key that can't decrypt")),
            },
            pair: Arc::new(pair),
            random,
        })
    }
}

fn try_sign(
    pair: &RsaKeyPair,
    random: &SystemRandom,
    encoding: &'static dyn RsaEncoding,
    message: &[u8],
) -> Option<Vec<u8>> {
    let mut signature = vec![0; modulus_bytes(pair)];
    pair.sign(encoding, random, message, &mut signature).ok()?;
    Some(signature)
}

#[cfg(feature = "aws-lc-rs")]
fn modulus_bytes(pair: &RsaKeyPair) -> usize {
    pair.public_modulus_len()
}

#[cfg(not(feature = "aws-lc-rs"))]
fn modulus_bytes(pair: &RsaKeyPair) -> usize {
    pair.public().modulus_len()
}

#[cfg(feature = "aws-lc-rs")]
fn decrypting(pair: &RsaKeyPair) -> Option<OaepPrivateDecryptingKey> {
    let key = PrivateDecryptingKey::from_pkcs8(pair.as_der().ok()?.as_ref()).ok()?;
    OaepPrivateDecryptingKey::new(key).ok()
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey([redacted])")
    }
}

/// An RSA public key: WeChat Pay's own, or the one in a platform certificate.
///
/// It verifies answers and encrypts sensitive fields. A clone is cheap.
///
/// `TryFrom` takes every form a setting may hold: `file:///absolute/path`, PEM text, a bare base64
/// body, PHP's `public.spki://…` and `public.pkcs1://…`, and DER bytes.
#[derive(Clone)]
pub struct PublicKey {
    key: Verifying,
    /// What the key was read from, if that was a certificate.
    certificate: Option<Arc<Issued>>,
}

/// A certificate, and what it says of itself.
struct Issued {
    serial: String,
    validity: Validity,
    /// The certificate, and behind it those that came with it, as they are presented.
    chain: Vec<CertificateDer<'static>>,
}

impl PublicKey {
    /// Loads a key from PEM text: SPKI (`BEGIN PUBLIC KEY`), PKCS#1 (`BEGIN RSA PUBLIC KEY`) or a
    /// certificate (`BEGIN CERTIFICATE`).
    ///
    /// # Errors
    /// [`Error::Key`], which says what was seen instead.
    pub fn from_pem(pem: impl AsRef<str>) -> Result<Self> {
        let text = pem.as_ref();
        let origin = Origin::Text(text);
        match pem::read(text, &PUBLIC_LABELS) {
            Ok(block) => Self::from_block(&block, &origin),
            Err(problem) => Err(origin.refuse(&problem, PUBLIC_WANTED)),
        }
    }

    /// Loads a key or certificate from a file: PEM or DER.
    ///
    /// # Errors
    /// [`Error::Key`] if the file can't be read or holds something else.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let (block, origin) = read(path.as_ref(), &PUBLIC_LABELS, PUBLIC_WANTED)?;
        Self::from_block(&block, &origin)
    }

    /// Loads a key from PKCS#1 in base64, without BEGIN and END lines, as `risk/getpublickey`
    /// answers it: PHP's `Rsa::fromPkcs1`.
    ///
    /// # Errors
    /// [`Error::Key`], which says what was seen instead.
    pub fn from_pkcs1(base64: impl AsRef<str>) -> Result<Self> {
        let (block, origin) = body(base64.as_ref(), &["RSA PUBLIC KEY"], PUBLIC_WANTED)?;
        Self::from_block(&block, &origin)
    }

    /// Loads a key from SPKI in base64, without BEGIN and END lines: PHP's `Rsa::fromSpki`.
    ///
    /// # Errors
    /// [`Error::Key`], which says what was seen instead.
    pub fn from_spki(base64: impl AsRef<str>) -> Result<Self> {
        let (block, origin) = body(base64.as_ref(), &["PUBLIC KEY"], PUBLIC_WANTED)?;
        Self::from_block(&block, &origin)
    }

    /// Loads the key of an X.509 certificate in PEM, and nothing else.
    ///
    /// # Errors
    /// [`Error::Key`], which says what was seen instead.
    pub fn from_certificate(pem: impl AsRef<str>) -> Result<Self> {
        let (block, origin) = body(pem.as_ref(), &["CERTIFICATE"], CERTIFICATE_WANTED)?;
        Self::from_block(&block, &origin)
    }

    /// Loads the merchant certificate of a PKCS#12 file: the one that fits its private key.
    ///
    /// # Errors
    /// [`Error::Key`], which tells a wrong passphrase from a file without such a certificate.
    #[cfg(feature = "p12")]
    #[cfg_attr(docsrs, doc(cfg(feature = "p12")))]
    pub fn from_p12(bytes: impl AsRef<[u8]>, passphrase: impl AsRef<str>) -> Result<Self> {
        let bytes = bytes.as_ref();
        let origin = Origin::Bytes(bytes.len());
        let archive = opened(bytes, passphrase.as_ref(), &origin)?;
        let private = match archive.keys.first() {
            Some(bag) => Some(PrivateKey::from_der(
                bag.key.as_der(),
                "PRIVATE KEY",
                &origin,
            )?),
            None => None,
        };
        let fits = |key: &Self| {
            private
                .as_ref()
                .is_none_or(|private| private.public_der() == key.der())
        };
        let ders = || archive.certs.iter().map(|bag| bag.cert.as_der());
        let issuers = |of: &[u8]| {
            let others = ders().filter(|der| *der != of);
            others.map(<[u8]>::to_vec).collect()
        };
        ders()
            .filter_map(|der| Self::from_certificate_der(der, issuers(der)).ok())
            .find(fits)
            .ok_or_else(|| {
                let seen = "a PKCS#12 file without a certificate that fits its private key";
                origin.refuse(seen, P12_WANTED)
            })
    }

    /// Whether `signature`, in base64, is this key's over `message`: RSASSA-PKCS1-v1_5, SHA-256.
    ///
    /// A signature that is no base64 is a wrong one.
    pub fn verify(&self, message: impl AsRef<[u8]>, signature: impl AsRef<str>) -> bool {
        let Ok(signature) = STANDARD.decode(signature.as_ref()) else {
            return false;
        };
        self.key.verify(message.as_ref(), &signature)
    }

    /// Encrypts a sensitive field for whoever holds the private key: RSAES-OAEP with SHA-1 and
    /// MGF1-SHA-1; base64.
    ///
    /// A key of 2048 bits takes 214 bytes of UTF-8, one of 3072 bits 342, one of 4096 bits 470.
    ///
    /// # Errors
    /// [`Error::Request`] for a longer text, which says both sizes and nothing of the text.
    #[cfg(feature = "aws-lc-rs")]
    #[cfg_attr(docsrs, doc(cfg(feature = "aws-lc-rs")))]
    pub fn encrypt(&self, text: impl AsRef<str>) -> Result<String> {
        self.encrypt_as("text", text.as_ref(), Scheme::Oaep)
    }

    /// Encrypts with RSAES-PKCS1-v1_5, which only the customs' `verify-certificate` wants; base64.
    ///
    /// A key of 2048 bits takes 245 bytes of UTF-8. There is no decryption beside it: its padding
    /// gives attackers too much to work with. For all else use [`encrypt`](Self::encrypt).
    ///
    /// # Errors
    /// [`Error::Request`] for a longer text, which says both sizes and nothing of the text.
    #[cfg(feature = "aws-lc-rs")]
    #[cfg_attr(docsrs, doc(cfg(feature = "aws-lc-rs")))]
    pub fn encrypt_pkcs1v15(&self, text: impl AsRef<str>) -> Result<String> {
        self.encrypt_as("text", text.as_ref(), Scheme::Pkcs1v15)
    }

    /// Encrypts the text that an error calls `what`; base64.
    #[cfg(feature = "aws-lc-rs")]
    pub(crate) fn encrypt_as(&self, what: &str, text: &str, scheme: Scheme) -> Result<String> {
        let failed = || {
            let part = format!("{what}: it can't be encrypted");
            Error::request(part, "a key that encrypts")
        };
        let spki = spki_of_rsa(self.der()).ok_or_else(failed)?;
        let key = PublicEncryptingKey::from_der(&spki).map_err(|_| failed())?;
        let limit = key.key_size_bytes().saturating_sub(scheme.overhead());
        if text.len() > limit {
            return Err(Error::request(
                format!("{what}: {} bytes to encrypt", text.len()),
                format!(
                    "at most {limit} bytes under a key of {} bits",
                    key.key_size_bits()
                ),
            ));
        }
        let mut out = vec![0; key.key_size_bytes()];
        let length = scheme
            .encrypt(key, text.as_bytes(), &mut out)
            .ok_or_else(failed)?;
        out.truncate(length);
        Ok(STANDARD.encode(out))
    }

    /// The serial number of the certificate that this key was read from.
    pub(crate) fn serial(&self) -> Option<&str> {
        Some(&self.certificate.as_ref()?.serial)
    }

    /// From when to when the certificate is valid that this key was read from.
    pub(crate) fn validity(&self) -> Option<Validity> {
        Some(self.certificate.as_ref()?.validity)
    }

    /// The certificate that this key was read from, and behind it those that came with it.
    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        let certificate = self.certificate.as_deref();
        certificate.map_or(&[], |certificate| &certificate.chain)
    }

    /// The key as PKCS#1 DER.
    pub(crate) fn der(&self) -> &[u8] {
        &self.key.der
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Self::from_setting(text);
        }
        let origin = Origin::Bytes(bytes.len());
        match pem::from_der(bytes) {
            Ok(block) => Self::from_block(&block, &origin),
            Err(problem) => Err(origin.refuse(&problem, PUBLIC_WANTED)),
        }
    }

    fn from_setting(text: &str) -> Result<Self> {
        match file(text, PUBLIC_WANTED)? {
            Some(path) => Self::from_file(path),
            None => Self::from_pem(text),
        }
    }

    fn from_block(block: &Block, origin: &Origin<'_>) -> Result<Self> {
        let key = match block.label.as_str() {
            "PUBLIC KEY" => rsa_of_spki(&block.der).map(Self::bare),
            "RSA PUBLIC KEY" => Verifying::new(&block.der).map(Self::bare),
            "CERTIFICATE" => Self::from_certificate_der(&block.der, block.issuers.clone()),
            label => {
                let seen = format!("{} ({label})", describe(label));
                return Err(origin.refuse(&seen, PUBLIC_WANTED));
            }
        };
        key.map_err(|seen| origin.refuse(seen, PUBLIC_WANTED))
    }

    /// A key that came without a certificate.
    fn bare(key: Verifying) -> Self {
        Self {
            key,
            certificate: None,
        }
    }

    fn from_certificate_der(
        der: &[u8],
        issuers: Vec<Vec<u8>>,
    ) -> std::result::Result<Self, &'static str> {
        let certificate = Certificate::from_der(der)?;
        let chain = std::iter::once(der.to_vec()).chain(issuers);
        Ok(Self {
            key: rsa_of_spki(&certificate.public_key)?,
            certificate: Some(Arc::new(Issued {
                serial: certificate.serial,
                validity: certificate.validity,
                chain: chain.map(CertificateDer::from).collect(),
            })),
        })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("serial", &self.serial())
            .finish_non_exhaustive()
    }
}

/// How a text is padded before it is encrypted.
#[cfg(feature = "aws-lc-rs")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RSAES-OAEP with SHA-1 and MGF1-SHA-1.
    Oaep,
    /// RSAES-PKCS1-v1_5.
    Pkcs1v15,
}

#[cfg(feature = "aws-lc-rs")]
impl Scheme {
    /// How many bytes of a block are not the text's.
    fn overhead(self) -> usize {
        match self {
            // Two digests of SHA-1 and two bytes.
            Self::Oaep => 42,
            Self::Pkcs1v15 => 11,
        }
    }

    /// Writes the ciphertext to `out` and gives its length.
    fn encrypt(self, key: PublicEncryptingKey, text: &[u8], out: &mut [u8]) -> Option<usize> {
        let written = match self {
            Self::Oaep => {
                let key = OaepPublicEncryptingKey::new(key).ok()?;
                let written = key.encrypt(&OAEP_SHA1_MGF1SHA1, text, out, None).ok()?;
                written.len()
            }
            Self::Pkcs1v15 => {
                let key = Pkcs1PublicEncryptingKey::new(key).ok()?;
                key.encrypt(text, out).ok()?.len()
            }
        };
        Some(written)
    }
}

/// Turns a PKCS#1 public key into SPKI, base64 in and out: PHP's `Rsa::pkcs1ToSpki`.
///
/// # Errors
/// [`Error::Key`] if it is no PKCS#1 public key.
pub fn pkcs1_to_spki(base64: impl AsRef<str>) -> Result<String> {
    let text = base64.as_ref();
    let key = PublicKey::from_pkcs1(text)?;
    match spki_of_rsa(key.der()) {
        Some(spki) => Ok(STANDARD.encode(spki)),
        None => {
            let seen = "an RSA public key whose DER is broken";
            Err(Origin::Text(text).refuse(seen, PUBLIC_WANTED))
        }
    }
}

const BROKEN_PUBLIC: &str = "an RSA public key whose DER is broken";

/// The PKCS#1 key inside an SPKI, if it is RSA of a size that is allowed.
fn rsa_of_spki(spki: &[u8]) -> std::result::Result<Verifying, &'static str> {
    let Ok(info) = SubjectPublicKeyInfoRef::from_der(spki) else {
        return Err("a public key whose DER is broken");
    };
    if info.algorithm.oid != RSA_ENCRYPTION {
        return Err("a public key of another algorithm than RSA");
    }
    match info.subject_public_key.as_bytes() {
        Some(key) => Verifying::new(key),
        None => Err(BROKEN_PUBLIC),
    }
}

fn spki_of_rsa(key: &[u8]) -> Option<Vec<u8>> {
    let info = SubjectPublicKeyInfoRef {
        algorithm: AlgorithmIdentifier {
            oid: RSA_ENCRYPTION,
            parameters: Some(AnyRef::NULL),
        },
        subject_public_key: BitStringRef::from_bytes(key).ok()?,
    };
    info.to_der().ok()
}

/// A PKCS#1 public key of a size that verifies, parsed once where the backend can keep it so.
#[derive(Clone)]
struct Verifying {
    der: Arc<[u8]>,
    #[cfg(feature = "aws-lc-rs")]
    parsed: Arc<ParsedPublicKey>,
}

impl Verifying {
    fn new(der: &[u8]) -> std::result::Result<Self, &'static str> {
        let numbers: Vec<UintRef<'_>> = Decode::from_der(der).map_err(|_| BROKEN_PUBLIC)?;
        let [modulus, _exponent] = numbers.as_slice() else {
            return Err(BROKEN_PUBLIC);
        };
        let top = modulus.as_bytes().first().copied().unwrap_or_default();
        let bits = modulus.as_bytes().len() * 8 - top.leading_zeros() as usize;
        match bits {
            2048..=8192 => {}
            0..2048 => return Err("an RSA public key of fewer than 2048 bits"),
            _ => return Err("an RSA public key of more than 8192 bits"),
        }
        Ok(Self {
            der: der.into(),
            #[cfg(feature = "aws-lc-rs")]
            parsed: match ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der) {
                Ok(parsed) => Arc::new(parsed),
                Err(_) => return Err("an RSA public key whose modulus or exponent is none"),
            },
        })
    }

    #[cfg(feature = "aws-lc-rs")]
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }

    #[cfg(not(feature = "aws-lc-rs"))]
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.der);
        key.verify(message, signature).is_ok()
    }
}

/// The PKCS#8 key inside an encrypted one.
fn decrypted(
    der: &[u8],
    passphrase: &[u8],
) -> std::result::Result<Zeroizing<Vec<u8>>, &'static str> {
    use pkcs8::pkcs5::Error as Cause;

    const UNKNOWN: &str = "an encrypted private key whose encryption is none of PBES2 with AES or \
         3DES; `openssl pkcs8 -topk8 -v2 aes256` encrypts it anew";
    let info = EncryptedPrivateKeyInfoRef::try_from(der).map_err(|_| UNKNOWN)?;
    match info.decrypt(passphrase) {
        Ok(key) => Ok(Zeroizing::new(key.as_bytes().to_vec())),
        Err(pkcs8::Error::EncryptedPrivateKey(
            Cause::NoPbes1CryptSupport
            | Cause::UnsupportedAlgorithm { .. }
            | Cause::AlgorithmParametersInvalid { .. },
        )) => Err(UNKNOWN),
        Err(_) => Err("an encrypted private key that this passphrase does not open"),
    }
}

#[cfg(feature = "p12")]
const P12_WANTED: &str = "a PKCS#12 file (.p12, .pfx) with an RSA private key and its certificate, \
     and its passphrase";

#[cfg(feature = "p12")]
fn opened(
    bytes: &[u8],
    passphrase: &str,
    origin: &Origin<'_>,
) -> Result<p12_keystore::Pkcs12Archive> {
    p12_keystore::Pkcs12Archive::from_pkcs12(bytes, passphrase).map_err(|error| {
        let seen = match error {
            p12_keystore::error::Error::MacError(_) => {
                "a PKCS#12 file that this passphrase does not open; WeChat Pay's has the merchant's \
                 number for a passphrase"
            }
            _ => "no PKCS#12 file, or one that is broken or encrypted in an unknown way",
        };
        origin.refuse(seen, P12_WANTED)
    })
}

/// Base64 or a PEM of one of the types that are wanted.
fn body<'a>(text: &'a str, labels: &[&str], wanted: &str) -> Result<(Block, Origin<'a>)> {
    let origin = Origin::Text(text);
    match pem::read(text, labels) {
        Ok(block) if labels.contains(&block.label.as_str()) => Ok((block, origin)),
        Ok(Block { label, .. }) => {
            Err(origin.refuse(&format!("{} ({label})", describe(&label)), wanted))
        }
        Err(problem) => Err(origin.refuse(&problem, wanted)),
    }
}

/// Where a key came from: shown in errors, with nothing of the key.
enum Origin<'a> {
    Text(&'a str),
    Bytes(usize),
    File(PathBuf),
}

impl Origin<'_> {
    fn refuse(&self, seen: &str, wanted: &str) -> Error {
        let (origin, command) = match self {
            Self::Text(text) => (pem::outline(text), None),
            Self::Bytes(length) => (format!("{length} bytes of binary"), None),
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
    if seen.contains("PKCS#12") {
        format!("openssl pkcs12 -in '{path}' -info -noout")
    } else if seen.contains("certificate") {
        format!("openssl x509 -in '{path}' -noout -subject -serial")
    } else if seen.contains("public") {
        format!("openssl pkey -pubin -in '{path}' -noout -text")
    } else {
        format!("openssl pkey -in '{path}' -noout -text_pub")
    }
}

fn read(path: &Path, labels: &[&str], wanted: &str) -> Result<(Block, Origin<'static>)> {
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
    let block = match std::str::from_utf8(&bytes) {
        Ok(text) => pem::read(text, labels),
        Err(_) => pem::from_der(&bytes),
    };
    match block {
        Ok(block) => Ok((block, origin)),
        Err(problem) => Err(origin.refuse(&problem, wanted)),
    }
}

fn describe(label: &str) -> &'static str {
    match label {
        "CERTIFICATE" => "a certificate",
        "PRIVATE KEY" => "a private key",
        "RSA PRIVATE KEY" => "a PKCS#1 private key",
        "ENCRYPTED PRIVATE KEY" => "an encrypted private key",
        "EC PRIVATE KEY" => "an elliptic-curve private key",
        "PUBLIC KEY" => "a public key",
        "RSA PUBLIC KEY" => "a PKCS#1 public key",
        "CERTIFICATE REQUEST" => "a certificate request",
        "PKCS12" => "a PKCS#12 file, which from_p12(bytes, passphrase) reads with the feature p12",
        _ => "another kind of PEM",
    }
}

fn rejection(reason: &str, label: &str) -> String {
    match reason {
        "TooSmall" => "an RSA private key of fewer than 2048 bits".to_owned(),
        "WrongAlgorithm" => "a private key of another algorithm than RSA".to_owned(),
        _ => format!("a {label} whose content is no RSA private key ({reason})"),
    }
}

/// The path of a `file://` address, which settings may hold in the place of a key.
fn file<'a>(text: &'a str, wanted: &str) -> Result<Option<&'a Path>> {
    let trimmed = text.trim();
    let Some(rest) = trimmed.strip_prefix("file://") else {
        return Ok(None);
    };
    let path = Path::new(rest);
    let seen = if rest.contains("-----BEGIN ") {
        "PEM text behind file://"
    } else if path.is_absolute() {
        return Ok(Some(path));
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

macro_rules! from_settings {
    ($key:ident, |$text:ident| $from_setting:expr, |$bytes:ident| $from_bytes:expr) => {
        impl TryFrom<&str> for $key {
            type Error = Error;

            /// Reads what a setting holds: a `file:///absolute/path`, PEM text or bare base64.
            fn try_from($text: &str) -> Result<Self> {
                $from_setting
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

            /// Reads the bytes of such a text, or DER.
            fn try_from($bytes: &[u8]) -> Result<Self> {
                $from_bytes
            }
        }
    };
}

from_settings!(PrivateKey, |text| Self::from_setting(text, None), |bytes| {
    Self::from_bytes(bytes, None)
});
from_settings!(PublicKey, |text| Self::from_setting(text), |bytes| {
    Self::from_bytes(bytes)
});

impl<K: AsRef<[u8]>, P: AsRef<[u8]>> TryFrom<(K, P)> for PrivateKey {
    type Error = Error;

    /// Reads `(key, passphrase)`, the key in any form that a setting may hold.
    fn try_from((key, passphrase): (K, P)) -> Result<Self> {
        Self::from_bytes(key.as_ref(), Some(passphrase.as_ref()))
    }
}

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
