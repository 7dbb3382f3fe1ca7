use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use super::{KeySet, same_serial};
use crate::aes_gcm;
use crate::rsa::PublicKey;

/// A platform certificate: WeChat Pay signs with its private key, and its public key verifies and
/// encrypts.
#[derive(Clone)]
pub struct PlatformCertificate {
    serial: String,
    pem: String,
    key: PublicKey,
}

impl PlatformCertificate {
    /// The serial number, upper-case hex.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The certificate as PEM text, to be saved.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// When it becomes valid.
    pub fn not_before(&self) -> SystemTime {
        let validity = self.key.validity();
        since_1970(validity.map_or(0, |validity| validity.not_before))
    }

    /// When it expires.
    pub fn not_after(&self) -> SystemTime {
        since_1970(self.expiry())
    }

    /// Its public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    pub(crate) fn expiry(&self) -> u64 {
        let validity = self.key.validity();
        validity.map_or(0, |validity| validity.not_after)
    }

    fn is_valid_at(&self, now: u64) -> bool {
        let validity = self.key.validity();
        validity.is_some_and(|validity| (validity.not_before..=validity.not_after).contains(&now))
    }
}

pub(crate) fn since_1970(seconds: u64) -> SystemTime {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    time.unwrap_or(UNIX_EPOCH)
}

impl fmt::Debug for PlatformCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlatformCertificate")
            .field("serial", &self.serial)
            .field("not_after", &self.expiry())
            .finish_non_exhaustive()
    }
}

/// The answer of `v3/certificates`.
#[derive(Deserialize)]
struct Answer {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    serial_no: String,
    encrypt_certificate: Sealed,
}

#[derive(Deserialize)]
struct Sealed {
    algorithm: String,
    nonce: String,
    associated_data: Option<String>,
    ciphertext: String,
}

/// Opens the certificates of an answer, all or none; the error says what is wrong with them.
pub(super) fn opened(body: &[u8], apiv3_key: &str) -> Result<Vec<PlatformCertificate>, String> {
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|_| "the answer is not the JSON of certificates".to_owned())?;
    let certificates: Result<Vec<_>, _> = answer
        .data
        .iter()
        .map(|entry| certificate(entry, apiv3_key))
        .collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err("the answer holds no certificate".to_owned())
        }
        certificates => certificates,
    }
}

/// Those that are valid now; none is an error.
pub(super) fn valid(
    certificates: Vec<PlatformCertificate>,
    now: u64,
) -> Result<Vec<PlatformCertificate>, String> {
    let count = certificates.len();
    let valid: Vec<_> = certificates
        .into_iter()
        .filter(|certificate| certificate.is_valid_at(now))
        .collect();
    if valid.is_empty() {
        return Err(format!(
            "none of the {count} certificates in the answer is valid now; compare the clock of this \
             machine"
        ));
    }
    Ok(valid)
}

fn certificate(entry: &Entry, apiv3_key: &str) -> Result<PlatformCertificate, String> {
    let sealed = &entry.encrypt_certificate;
    if sealed.algorithm != "AEAD_AES_256_GCM" {
        return Err(format!(
            "a certificate is encrypted by {:?}, which this version does not know; wanted: \
             AEAD_AES_256_GCM",
            crate::error::Short(&sealed.algorithm)
        ));
    }
    let data = sealed.associated_data.as_deref().unwrap_or_default();
    let pem = aes_gcm::decrypt(&sealed.ciphertext, apiv3_key, &sealed.nonce, data);
    let pem = pem.map_err(|_| {
        "the APIv3 key does not open the certificates in the answer: compare it with the one set on \
         the merchant platform"
            .to_owned()
    })?;
    let key = PublicKey::from_certificate(&pem)
        .map_err(|_| "what was decrypted is no certificate".to_owned())?;
    match key.serial() {
        Some(serial) if same_serial(serial, &entry.serial_no) => Ok(PlatformCertificate {
            serial: serial.to_owned(),
            pem,
            key,
        }),
        _ => Err("a certificate in the answer has another serial number than is said".to_owned()),
    }
}

#[cfg(test)]
pub(super) fn of_pem(pem: &str) -> PlatformCertificate {
    let key = PublicKey::from_certificate(pem).unwrap();
    PlatformCertificate {
        serial: key.serial().unwrap().to_owned(),
        pem: pem.to_owned(),
        key,
    }
}

/// The keys of certificates, by their serials.
pub(super) fn key_set(certificates: &[PlatformCertificate]) -> KeySet {
    let mut keys = KeySet::default();
    for certificate in certificates {
        keys.add(certificate.serial.clone(), certificate.key.clone());
    }
    keys
}
