use std::time::SystemTime;

use super::certificate::since_1970;
use super::{KeySet, Platform};
use crate::error::Error;
use crate::rsa::PublicKey;

/// What a client knows of its platform keys, for readiness probes: see
/// [`Client::platform_keys`](crate::Client::platform_keys).
#[derive(Debug, Clone, Default)]
pub struct PlatformKeys {
    keys: Vec<PlatformKey>,
    last_refresh: Option<SystemTime>,
    last_error: Option<Error>,
}

impl PlatformKeys {
    pub(crate) fn of(platform: &Platform) -> Self {
        let mut status = Self {
            keys: described(&platform.configured(), None),
            last_refresh: None,
            last_error: None,
        };
        for store in platform.stores() {
            let state = store.state();
            let host = store.place().host();
            status.keys.extend(described(&state.keys(), Some(host)));
            status.last_refresh = status.last_refresh.max(state.refreshed());
            if let Some(error) = state.error() {
                status.last_error = Some(error.clone());
            }
        }
        status
    }

    /// The keys: those that were configured, then those that were fetched.
    pub fn keys(&self) -> &[PlatformKey] {
        &self.keys
    }

    /// The serials of all keys.
    pub fn serials(&self) -> Vec<&str> {
        self.keys.iter().map(PlatformKey::serial).collect()
    }

    /// When certificates were last fetched; `None` if they never were.
    pub fn last_refresh(&self) -> Option<SystemTime> {
        self.last_refresh
    }

    /// Why the last fetch failed; `None` if it did not.
    pub fn last_error(&self) -> Option<&Error> {
        self.last_error.as_ref()
    }
}

/// A platform key that a client knows.
#[derive(Debug, Clone)]
pub struct PlatformKey {
    serial: String,
    not_after: Option<SystemTime>,
    host: Option<String>,
}

impl PlatformKey {
    /// The serial number of a certificate, or the `PUB_KEY_ID_…` of a public key.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// When the certificate expires; `None` for a public key, which never does.
    pub fn not_after(&self) -> Option<SystemTime> {
        self.not_after
    }

    /// The host that it was fetched from; `None` for one that was configured.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }
}

fn described(keys: &KeySet, host: Option<&str>) -> Vec<PlatformKey> {
    let describe = |(serial, key): (&str, &PublicKey)| PlatformKey {
        serial: serial.to_owned(),
        not_after: key
            .validity()
            .map(|validity| since_1970(validity.not_after)),
        host: host.map(str::to_owned),
    };
    keys.iter().map(describe).collect()
}
