//! The platform keys that a client knows: the store, without I/O.

use crate::rsa::PublicKey;

/// What the identifiers of WeChat Pay's public keys begin with.
const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_";

/// The keys that answers are verified with, by serial.
#[derive(Default)]
pub(crate) struct PlatformKeys {
    keys: Vec<(String, PublicKey)>,
}

impl PlatformKeys {
    /// Adds a key; one under the same serial is replaced.
    pub(crate) fn add(&mut self, serial: String, key: PublicKey) {
        self.keys.retain(|(known, _)| !same_serial(known, &serial));
        self.keys.push((serial, key));
    }

    pub(crate) fn get(&self, serial: &str) -> Option<&PublicKey> {
        self.keys
            .iter()
            .find(|(known, _)| same_serial(known, serial))
            .map(|(_, key)| key)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The identifier of the public key, when the merchant has one.
    pub(crate) fn public_key_id(&self) -> Option<&str> {
        self.keys
            .iter()
            .map(|(serial, _)| serial.as_str())
            .find(|serial| is_public_key_id(serial))
    }

    pub(crate) fn serials(&self) -> Vec<&str> {
        self.keys
            .iter()
            .map(|(serial, _)| serial.as_str())
            .collect()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.iter().map(|(_, key)| key)
    }
}

/// Whether a serial is the ID of a public key rather than a certificate's number.
pub(crate) fn is_public_key_id(serial: &str) -> bool {
    serial.starts_with(PUBLIC_KEY_ID)
}

/// Serials are text; other tools drop leading zeros and change the case of hex.
pub(crate) fn same_serial(one: &str, other: &str) -> bool {
    let one = one.trim_start_matches('0');
    one.eq_ignore_ascii_case(other.trim_start_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_compare_without_regard_to_case_and_leading_zeros() {
        assert!(same_serial("00aB1", "Ab1"));
        assert!(same_serial("PUB_KEY_ID_01", "pub_key_id_01"));
        assert!(!same_serial("AB10", "AB1"));
        assert!(!same_serial("A0B", "AB"));
    }
}
