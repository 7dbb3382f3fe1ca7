//! Everything random that is no key: it follows one seed, so that a run can be repeated.

use std::sync::{Arc, Mutex, PoisonError};

/// What SplitMix64 adds for each number.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of numbers; clones draw from the same.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    seed: u64,
    state: Arc<Mutex<u64>>,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            state: Arc::new(Mutex::new(seed)),
        }
    }

    /// A seed of the system's. Without a random source it is always the same, which weakens
    /// nothing here: only the client's own nonces matter.
    pub(crate) fn seed() -> u64 {
        let mut bytes = [0; 8];
        let _ = aws_lc_rs::rand::fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A stream of its own for this purpose, so that what is drawn for one leaves another as it is.
    pub(crate) fn fork(&self, purpose: &str) -> Self {
        // FNV-1a.
        let hash = purpose.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
        Self::new(mix(self.seed ^ hash))
    }

    /// Begins again.
    pub(crate) fn reset(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = self.seed;
    }

    pub(crate) fn number(&self) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(STEP);
        mix(*state)
    }

    /// `length` characters from `alphabet`.
    pub(crate) fn text(&self, alphabet: &[u8], length: usize) -> String {
        let count = alphabet.len().max(1) as u64;
        (0..length)
            .filter_map(|_| {
                let index = usize::try_from(self.number() % count).ok()?;
                alphabet.get(index)
            })
            .map(|&byte| char::from(byte))
            .collect()
    }

    /// Fills `bytes`.
    pub(crate) fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let [first, ..] = self.number().to_le_bytes();
            *byte = first;
        }
    }

    /// True with this probability.
    pub(crate) fn chance(&self, probability: f64) -> bool {
        // 53 bits are what a float of 64 holds.
        let number = (self.number() >> 11) as f64 / (1_u64 << 53) as f64;
        number < probability
    }
}

/// SplitMix64's last step.
fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_and_each_purpose_its_own() {
        let (one, other) = (Random::new(7), Random::new(7));
        assert_eq!(one.text(b"0123456789", 20), other.text(b"0123456789", 20));
        assert_ne!(one.number(), Random::new(8).number());
        let answers = one.fork("answers");
        assert_eq!(answers.number(), other.fork("answers").number());
        assert_ne!(one.fork("a").number(), one.fork("b").number());
        one.reset();
        assert_eq!(one.number(), Random::new(7).number());
    }

    #[test]
    fn a_chance_is_about_as_often_as_it_says() {
        let random = Random::new(1);
        let hits = (0..10_000).filter(|_| random.chance(0.25)).count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
        assert!(!random.chance(0.0));
        assert!(random.chance(1.0));
    }
}
