//! The requests of a client that are in flight, and the end of a client.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::client::Core;
use crate::error::{Error, Phase, Result};
use crate::transport::{Driver, block_on, drive_until};

/// Says in the count that no other request may begin.
const CLOSED: usize = 1;
/// What a request counts.
const ONE: usize = 2;

/// Counts the requests of a client that are in flight.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    count: AtomicUsize,
    landed: Notify,
}

impl Flights {
    /// Another request, unless the client was shut down.
    pub(crate) fn begin(self: &Arc<Self>) -> Result<Flight> {
        let one_more = |count| (count & CLOSED == 0).then_some(count + ONE);
        let begun = self
            .count
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
        match begun {
            Ok(_) => Ok(Flight(Arc::clone(self))),
            Err(_) => Err(Error::request(
                "the client was shut down, so nothing was sent",
                "a request before client.shutdown(…), or another client",
            )),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.count.load(Ordering::Acquire) & CLOSED != 0
    }

    fn close(&self) {
        self.count.fetch_or(CLOSED, Ordering::AcqRel);
    }

    fn number(&self) -> usize {
        self.count.load(Ordering::Acquire) / ONE
    }

    /// Waits until none is in flight, once no other may begin.
    async fn landed(&self) {
        loop {
            let mut landed = pin!(self.landed.notified());
            // Before the look, so that none is missed.
            landed.as_mut().enable();
            if self.number() == 0 {
                return;
            }
            landed.await;
        }
    }
}

/// A request in flight, until it is dropped.
#[derive(Debug)]
pub(crate) struct Flight(Arc<Flights>);

impl Drop for Flight {
    fn drop(&mut self) {
        let before = self.0.count.fetch_sub(ONE, Ordering::AcqRel);
        if before == ONE | CLOSED {
            self.0.landed.notify_waiters();
        }
    }
}

/// The end of a client on its way, by `.await` or [`.wait()`](Self::wait): see
/// [`Client::shutdown`](crate::Client::shutdown).
#[must_use = "a client is shut down by `.await` or `.wait()`"]
pub struct Shutdown {
    core: Arc<Core>,
    limit: Duration,
}

impl Shutdown {
    pub(crate) fn new(core: Arc<Core>, limit: Duration) -> Self {
        Self { core, limit }
    }

    /// Blocks until no request is in flight or the limit has run out, and says how many are still in
    /// flight. It needs no runtime.
    pub fn wait(self) -> usize {
        block_on(self.go(Driver::Own))
    }

    async fn go(self, driver: Driver) -> usize {
        let flights = Arc::clone(&self.core.flights);
        flights.close();
        if let Some(apiv3) = &self.core.v3 {
            apiv3.platform.abort_background();
        }
        if flights.number() > 0 && !self.limit.is_zero() {
            let deadline = driver.now().checked_add(self.limit);
            let deadline = deadline.map(|deadline| (self.limit, deadline));
            let waited_for = Arc::clone(&flights);
            let waiting = async move { waited_for.landed().await };
            // The number tells how it went.
            let _ = drive_until(driver, deadline, Phase::Read, waiting).await;
        }
        flights.number()
    }
}

impl IntoFuture for Shutdown {
    type Output = usize;
    type IntoFuture = Pin<Box<dyn Future<Output = usize> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.go(Driver::Caller))
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shutdown({:?})", self.limit)
    }
}
