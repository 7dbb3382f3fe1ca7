//! The public test keys, and what the gateway does with its own.
//!
//! Everything in this file and in `keys/` is published: it proves nothing and protects nothing. No
//! account at WeChat Pay has these values, so a request signed with them that goes astray is
//! refused there.

use std::io;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeyPair as RsaKeyPair, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    Pkcs1PrivateDecryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};

/// The number of the test merchant.
pub(crate) const MCHID: &str = "1900000109";

/// The serial of `keys/merchant.crt`.
pub(crate) const MERCHANT_SERIAL: &str = "5A4D42D2053AB2F377643C6EADB695C908E1DC17";

// Public on purpose: see keys/README.md.
pub(crate) const MERCHANT_PRIVATE_KEY: &str = include_str!("../keys/merchant.key");
pub(crate) const MERCHANT_CERTIFICATE: &str = include_str!("../keys/merchant.crt");
const MERCHANT_PUBLIC_KEY: &str = include_str!("../keys/merchant.pub");

/// The ID of the WeChat Pay public key under which the answers are signed.
pub(crate) const PLATFORM_SERIAL: &str = "PUB_KEY_ID_0119000001092020010100000000000000";

// Public on purpose: see keys/README.md.
pub(crate) const PLATFORM_PRIVATE_KEY: &str = include_str!("../keys/platform.key");
pub(crate) const PLATFORM_PUBLIC_KEY: &str = include_str!("../keys/platform.pub");

/// The keys of the platform certificates, which take turns. Public on purpose: see keys/README.md.
pub(crate) const CERTIFICATE_PRIVATE_KEYS: [&str; 3] = [
    include_str!("../keys/platform-certificate-1.key"),
    include_str!("../keys/platform-certificate-2.key"),
    include_str!("../keys/platform-certificate-3.key"),
];

/// The APIv3 key. Public on purpose, and it says so.
pub(crate) const APIV3_KEY: &str = "WechatpaySandboxPublicApiv3Key01";

/// The APIv2 key. Public on purpose, and it says so.
pub(crate) const SECRET: &str = "WechatpaySandboxPublicSecretV201";

const _: () = assert!(APIV3_KEY.len() == 32 && SECRET.len() == 32);

/// Whether a client certificate, in DER, is the merchant's.
pub(crate) fn is_merchants(certificate: &[u8]) -> bool {
    let merchants = CertificateDer::from_pem_slice(MERCHANT_CERTIFICATE.as_bytes());
    merchants.is_ok_and(|merchants| *merchants == *certificate)
}

/// One of the gateway's private keys.
pub(crate) struct PlatformKey {
    der: PrivatePkcs8KeyDer<'static>,
    pair: RsaKeyPair,
    random: SystemRandom,
}

impl PlatformKey {
    /// Loads a PKCS#8 key in PEM.
    pub(crate) fn load(pem: &str) -> io::Result<Self> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| {
            io::Error::other(format!("a key of the sandbox is damaged: {error}"))
        })?;
        let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|error| {
            io::Error::other(format!("a key of the sandbox is damaged: {error}"))
        })?;
        Ok(Self {
            der,
            pair,
            random: SystemRandom::new(),
        })
    }

    /// Signs with RSA PKCS#1 v1.5 and SHA-256, as Base64.
    ///
    /// The fixed key can't fail to sign. If it did, the signature would be empty, which every
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
        let key = PrivateDecryptingKey::from_pkcs8(self.der.secret_pkcs8_der()).ok()?;
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
    pub(crate) fn load() -> io::Result<Self> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(MERCHANT_PUBLIC_KEY.as_bytes()).map_err(
            |error| io::Error::other(format!("the sandbox's merchant.pub is damaged: {error}")),
        )?;
        Ok(Self {
            key: UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der.to_vec()),
            der,
        })
    }

    /// Tells whether `signature`, in Base64, is the merchant's over `message`.
    pub(crate) fn verify(&self, message: &[u8], signature: &str) -> bool {
        match BASE64.decode(signature) {
            Ok(signature) => self.key.verify(message, &signature).is_ok(),
            Err(_) => false,
        }
    }

    /// Encrypts a field with OAEP and SHA-1, as Base64; `None` for a text of more than 214 bytes,
    /// which the key has no room for.
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
