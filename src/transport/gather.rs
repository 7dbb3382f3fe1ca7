//! Lets what is written to an HTTP/2 connection in one go leave in one go.
//!
//! hyper hands a request's headers to its connection first, and the body once the connection has
//! looked at them: two writes, each a TLS record, a call of the system and a packet of its own. A
//! write that waits until the runtime has been round once finds both.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use tokio::task::yield_now;

/// Whether what is to be written now has waited.
pub(super) struct Gather {
    is_wanted: bool,
    has_waited: bool,
}

impl Gather {
    /// HTTP/1.1 has a whole request in one write already.
    pub(super) fn new(is_http2: bool) -> Self {
        Self {
            is_wanted: is_http2,
            // What opens a connection goes at once: until it has gone, hyper's pool can't lend it.
            has_waited: true,
        }
    }

    /// Writes with `write`, after one turn of the runtime if this is the first since the last flush.
    pub(super) fn poll<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if self.is_wanted && !self.has_waited {
            self.has_waited = true;
            // It comes back after all that is ready has run, and wakes no other thread for it.
            let _ = pin!(yield_now()).poll(context);
            return Poll::Pending;
        }
        write(context)
    }

    /// The outcome of a flush, with which all is written.
    pub(super) fn flushed<T>(&mut self, flush: Poll<T>) -> Poll<T> {
        let outcome = ready!(flush);
        self.has_waited = false;
        Poll::Ready(outcome)
    }
}
