//! One connection for all who ask at the same time, where one is enough.
//!
//! Over HTTP/2 a single connection carries every request, but whether a server speaks it is only known
//! once the first handshake is done. hyper's pool has each request of a cold burst make a connection
//! of its own meanwhile. Here the first one connects, and the others wait for what it finds: where it
//! is HTTP/2, the pool hands it to all of them; where it is not, each goes on by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, Scheme};
use tokio::sync::watch;

use super::connect::Attempt;
use super::ended::Ended;
use crate::options::Limit;

/// How long somebody waits for another's connection before making one, and at most half of what it
/// may take: one that got lost must not hold up the others.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a connection of HTTP/2 that is there may take to reach those who wait for it. The pool
/// hands it over at once.
const HAND_OVER: Duration = Duration::from_secs(1);

type Origin = (Scheme, Authority);
type Leaders = Arc<Mutex<HashMap<Origin, Leading>>>;

/// Those who connect now, by where to. It is empty while nobody does.
#[derive(Clone, Default)]
pub(super) struct Gate {
    leaders: Leaders,
}

/// What others see of the one who connects.
#[derive(Clone)]
struct Leading {
    attempt: Arc<Attempt>,
    found: watch::Receiver<Option<Found>>,
}

/// What the handshake came to.
#[derive(Clone)]
enum Found {
    /// HTTP/2, until this ends.
    Http2(Ended),
    Other,
}

/// How somebody gets a connection.
pub(super) enum Place {
    /// By connecting, which others may be waiting for.
    Leads(Leader),
    /// By waiting for another's.
    Waits(Waiter),
    /// By connecting, whatever others do.
    Free,
}

/// The one who connects. When this is dropped, the others know that nothing came of it.
pub(super) struct Leader {
    leaders: Leaders,
    origin: Origin,
    found: watch::Sender<Option<Found>>,
}

/// One of those who wait.
pub(super) struct Waiter(Leading);

/// What waiting came to.
pub(super) enum Waited {
    /// There is a connection, and the pool has it.
    IsThere,
    /// It needs one of its own.
    Alone,
}

impl Gate {
    /// Takes a place among those who want a connection to there.
    pub(super) fn enter(&self, destination: &Uri, attempt: &Arc<Attempt>) -> Place {
        let parts = (destination.scheme(), destination.authority());
        let origin = match parts {
            // HTTP/2 is agreed upon in the handshake of TLS.
            (Some(scheme), Some(authority)) if *scheme == Scheme::HTTPS => {
                (scheme.clone(), authority.clone())
            }
            _ => return Place::Free,
        };
        let mut leaders = lock(&self.leaders);
        if let Some(leading) = leaders.get(&origin) {
            return Place::Waits(Waiter(leading.clone()));
        }
        let (found, seen) = watch::channel(None);
        let leading = Leading {
            attempt: Arc::clone(attempt),
            found: seen,
        };
        leaders.insert(origin.clone(), leading);
        Place::Leads(Leader {
            leaders: Arc::clone(&self.leaders),
            origin,
            found,
        })
    }
}

impl Leader {
    /// Tells what the handshake came to: of HTTP/2, when its connection ends.
    pub(super) fn found(self, http2: Option<Ended>) {
        let found = http2.map_or(Found::Other, Found::Http2);
        self.found.send_replace(Some(found));
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        lock(&self.leaders).remove(&self.origin);
    }
}

impl Waiter {
    /// Whose connection it waits for.
    pub(super) fn leader(&self) -> &Arc<Attempt> {
        &self.0.attempt
    }

    /// Waits for what the other finds, who may take this long to connect. Whoever still waits a while
    /// after there is a connection of HTTP/2 was served by the pool, and waits only because hyper lets
    /// it finish.
    pub(super) async fn wait(&self, limit: Limit) -> Waited {
        let patience = limit.0.map_or(PATIENCE, |limit| PATIENCE.min(limit / 2));
        let mut found = self.0.found.clone();
        let found = found.wait_for(Option::is_some);
        let found = match tokio::time::timeout(patience, found).await {
            Ok(Ok(found)) => found.clone(),
            _ => return Waited::Alone,
        };
        let Some(Found::Http2(ended)) = found else {
            return Waited::Alone;
        };
        match tokio::time::timeout(HAND_OVER, ended.wait()).await {
            Ok(()) => Waited::Alone,
            Err(_) => Waited::IsThere,
        }
    }
}

fn lock(leaders: &Leaders) -> MutexGuard<'_, HashMap<Origin, Leading>> {
    // No code that can panic runs under the lock.
    leaders.lock().unwrap_or_else(PoisonError::into_inner)
}
