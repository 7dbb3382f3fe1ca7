//! The platform keys that a client knows: the store, without I/O. [`refresh`] fetches certificates
//! into it.

mod certificate;
mod refresh;
mod status;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::task::AbortHandle;

use crate::formatter::now;
use crate::rsa::PublicKey;

pub use self::certificate::PlatformCertificate;
pub(crate) use self::certificate::since_1970;
pub use self::refresh::Certificates;
pub(crate) use self::refresh::{Place, Store, refresh_in_background, refreshed};
pub use self::status::{PlatformKey, PlatformKeys};

/// What the identifiers of WeChat Pay's public keys begin with.
const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_";

/// Of how many hosts fetched certificates are kept: of those that were asked last.
const MOST_STORES: usize = 64;

/// Keys that answers are verified with, by serial. A set never changes: it is replaced as a whole.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    keys: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    serial: String,
    key: PublicKey,
    /// Whether it was said in the log that it has expired.
    is_warned_of: AtomicBool,
}

impl KeySet {
    /// Adds a key; one under the same serial is replaced.
    pub(crate) fn add(&mut self, serial: String, key: PublicKey) {
        self.keys
            .retain(|known| !same_serial(&known.serial, &serial));
        self.keys.push(Known {
            serial,
            key,
            is_warned_of: AtomicBool::new(false),
        });
    }

    /// The key of this serial; one that has expired still verifies, with a warning.
    pub(crate) fn get(&self, serial: &str) -> Option<&PublicKey> {
        let known = self
            .keys
            .iter()
            .find(|known| same_serial(&known.serial, serial))?;
        if known.has_expired(now()) && !known.is_warned_of.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: "wechatpay_chain",
                serial = known.serial,
                "a platform certificate has expired, and still verifies"
            );
        }
        Some(&known.key)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether one of the keys has not expired.
    pub(crate) fn is_current(&self) -> bool {
        let now = now();
        self.keys.iter().any(|known| !known.has_expired(now))
    }

    /// The identifier of the public key, when the merchant has one.
    pub(crate) fn public_key_id(&self) -> Option<&str> {
        self.serials().find(|serial| is_public_key_id(serial))
    }

    /// Which key encrypts sensitive fields, with its serial: the public key, else of the
    /// certificates the one that expires last.
    #[cfg(feature = "aws-lc-rs")]
    pub(crate) fn encrypting(&self) -> Option<(&str, &PublicKey)> {
        let rank = |known: &&Known| {
            let expiry = known.key.validity().map(|validity| validity.not_after);
            (is_public_key_id(&known.serial), expiry)
        };
        let known = self.keys.iter().max_by_key(rank)?;
        Some((&known.serial, &known.key))
    }

    pub(crate) fn serials(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|known| known.serial.as_str())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &PublicKey)> {
        self.keys
            .iter()
            .map(|known| (known.serial.as_str(), &known.key))
    }
}

impl Known {
    fn has_expired(&self, now: u64) -> bool {
        let validity = self.key.validity();
        validity.is_some_and(|validity| validity.not_after < now)
    }
}

/// The platform keys of one client: those that were configured, and a store of fetched certificates
/// for each host.
#[derive(Debug)]
pub(crate) struct Platform {
    configured: RwLock<Arc<KeySet>>,
    stores: RwLock<Vec<Arc<Store>>>,
    /// Counts the uses of the stores.
    uses: AtomicU64,
    /// Refreshes that no request waits for.
    background: Mutex<Vec<AbortHandle>>,
}

impl Platform {
    pub(crate) fn new(configured: KeySet) -> Self {
        Self {
            configured: RwLock::new(Arc::new(configured)),
            stores: RwLock::default(),
            uses: AtomicU64::default(),
            background: Mutex::default(),
        }
    }

    pub(crate) fn configured(&self) -> Arc<KeySet> {
        let configured = self.configured.read();
        Arc::clone(&configured.unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace(&self, keys: KeySet) {
        let configured = self.configured.write();
        *configured.unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// The store of a host, which is empty at first. Of very many hosts the one that was not asked
    /// for the longest time is forgotten.
    pub(crate) fn store(&self, place: &Place) -> Arc<Store> {
        let use_number = self.uses.fetch_add(1, Ordering::Relaxed);
        let known = |stores: &[Arc<Store>]| {
            let store = stores.iter().find(|store| store.place() == place)?;
            store.used(use_number);
            Some(Arc::clone(store))
        };
        if let Some(store) = known(&self.stores.read().unwrap_or_else(PoisonError::into_inner)) {
            return store;
        }
        let mut stores = self.stores.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = known(&stores) {
            return store;
        }
        if stores.len() >= MOST_STORES {
            let longest_ago = stores.iter().map(|store| store.last_use()).min();
            // A request that is on its way with it still has it.
            stores.retain(|store| Some(store.last_use()) != longest_ago);
        }
        let store = Arc::new(Store::new(place.clone()));
        store.used(use_number);
        stores.push(Arc::clone(&store));
        store
    }

    pub(crate) fn stores(&self) -> Vec<Arc<Store>> {
        let stores = self.stores.read().unwrap_or_else(PoisonError::into_inner);
        stores.clone()
    }

    /// What an answer is verified with, as of now.
    pub(crate) fn trust(&self, store: Option<Arc<Store>>) -> Trust {
        Trust {
            configured: self.configured(),
            fetched: store.as_ref().map(|store| store.keys()),
            store,
        }
    }

    /// A key that was trusted when the request was made, or is now.
    pub(crate) fn key(&self, trust: &Trust, serial: &str) -> Option<PublicKey> {
        if let Some(key) = trust.get(serial) {
            return Some(key.clone());
        }
        let now = self.trust(trust.store.clone());
        now.get(serial).cloned()
    }

    /// A key of any host, for what came from none.
    pub(crate) fn any(&self, serial: &str) -> Option<PublicKey> {
        if let Some(key) = self.configured().get(serial) {
            return Some(key.clone());
        }
        let stores = self.stores();
        stores
            .iter()
            .find_map(|store| store.keys().get(serial).cloned())
    }

    pub(crate) fn serials(&self) -> Vec<String> {
        let sets = std::iter::once(self.configured());
        let sets = sets.chain(self.stores().into_iter().map(|store| store.keys()));
        sets.flat_map(|keys| keys.serials().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }

    /// Ends with the client: the task of a refresh that no request waits for.
    fn abort_with_client(&self, task: AbortHandle) {
        let mut background = self.background();
        background.retain(|task| !task.is_finished());
        background.push(task);
    }

    /// Ends the refreshes that no request waits for.
    pub(crate) fn abort_background(&self) {
        for task in self.background().iter() {
            task.abort();
        }
    }

    fn background(&self) -> MutexGuard<'_, Vec<AbortHandle>> {
        self.background
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the answers to one request are verified with: the keys that were known when it was made.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    configured: Arc<KeySet>,
    fetched: Option<Arc<KeySet>>,
    /// Where the client fetches certificates.
    store: Option<Arc<Store>>,
}

impl Trust {
    pub(crate) fn get(&self, serial: &str) -> Option<&PublicKey> {
        let configured = self.configured.get(serial);
        configured.or_else(|| self.fetched.as_ref()?.get(serial))
    }

    pub(crate) fn store(&self) -> Option<&Arc<Store>> {
        self.store.as_ref()
    }

    /// Trusts these instead of what was fetched before.
    pub(crate) fn with_fetched(mut self, fetched: KeySet) -> Self {
        self.fetched = Some(Arc::new(fetched));
        self
    }

    pub(crate) fn public_key_id(&self) -> Option<&str> {
        self.configured.public_key_id()
    }

    /// Which key encrypts sensitive fields, with its serial.
    #[cfg(feature = "aws-lc-rs")]
    pub(crate) fn encrypting(&self) -> Option<(&str, &PublicKey)> {
        let configured = self.configured.encrypting();
        configured.or_else(|| self.fetched.as_ref()?.encrypting())
    }

    pub(crate) fn serials(&self) -> Vec<String> {
        let fetched = self.fetched.iter().flat_map(|fetched| fetched.serials());
        let serials = self.configured.serials().chain(fetched);
        serials.map(str::to_owned).collect()
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
    use http::uri::Scheme;

    use super::*;

    #[test]
    fn of_very_many_hosts_the_stores_of_those_that_are_asked_are_kept() {
        let platform = Platform::new(KeySet::default());
        let store = |host: &str| {
            let authority = host.parse().unwrap();
            platform.store(&Place::beside(&Scheme::HTTPS, &authority, "/").unwrap())
        };
        let own = store("own.example");
        for number in 0..10 * MOST_STORES {
            let other = store(&format!("host-{number}.example"));
            assert!(Arc::ptr_eq(
                &other,
                &store(&format!("host-{number}.example"))
            ));
            assert!(Arc::ptr_eq(&own, &store("own.example")));
            assert!(platform.stores().len() <= MOST_STORES);
        }
    }

    #[test]
    fn serials_compare_without_regard_to_case_and_leading_zeros() {
        assert!(same_serial("00aB1", "Ab1"));
        assert!(same_serial("PUB_KEY_ID_01", "pub_key_id_01"));
        assert!(!same_serial("AB10", "AB1"));
        assert!(!same_serial("A0B", "AB"));
    }
}
