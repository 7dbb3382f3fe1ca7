//! The second entrance: where requests go while the first can't be reached.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::uri::{Authority, Scheme};
use tokio::time::Instant;

/// How long the first entrance is left alone after it could not be reached.
const COOL_DOWN: Duration = Duration::from_secs(60);

/// A scheme, a host and a port.
pub(crate) type Origin = (Scheme, Authority);

/// The two entrances of one gateway.
#[derive(Debug)]
pub(crate) struct Entrances {
    first: Origin,
    second: Origin,
    /// Until when the first is left alone.
    away: Mutex<Option<Instant>>,
}

impl Entrances {
    pub(crate) fn new(first: Origin, second: Origin) -> Self {
        Self {
            first,
            second,
            away: Mutex::default(),
        }
    }

    /// The entrances in the order in which a request to the first tries them; none for a request to
    /// anywhere else.
    pub(crate) fn order(&self, origin: &Origin, now: Instant) -> Option<[&Origin; 2]> {
        if *origin != self.first {
            return None;
        }
        let away = *self.away.lock().unwrap_or_else(PoisonError::into_inner);
        match away.is_some_and(|until| now < until) {
            true => Some([&self.second, &self.first]),
            false => Some([&self.first, &self.second]),
        }
    }

    /// Remembers that an entrance could not be reached, or could.
    pub(crate) fn saw(&self, origin: &Origin, is_reachable: bool, now: Instant) {
        if *origin != self.first {
            return;
        }
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        *away = (!is_reachable).then(|| now + COOL_DOWN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(host: &'static str) -> Origin {
        (Scheme::HTTPS, Authority::from_static(host))
    }

    #[test]
    fn the_first_entrance_is_tried_again_after_a_minute() {
        let (first, second) = (origin("a"), origin("b"));
        let entrances = Entrances::new(first.clone(), second.clone());
        let now = Instant::now();
        assert_eq!(entrances.order(&first, now), Some([&first, &second]));
        entrances.saw(&first, false, now);
        assert_eq!(entrances.order(&first, now), Some([&second, &first]));
        let later = now + COOL_DOWN;
        assert_eq!(entrances.order(&first, later), Some([&first, &second]));
        entrances.saw(&first, true, now);
        assert_eq!(entrances.order(&first, now), Some([&first, &second]));
    }

    #[test]
    fn another_host_has_one_entrance() {
        let entrances = Entrances::new(origin("a"), origin("b"));
        assert_eq!(entrances.order(&origin("b"), Instant::now()), None);
        assert_eq!(entrances.order(&origin("c"), Instant::now()), None);
    }
}
