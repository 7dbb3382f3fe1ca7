use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::Result;

/// The future of a [`Request`](crate::Request), a notification or a fetch of certificates: signs when it is first
/// polled, sends, and verifies the answer.
///
/// It runs on the caller's tokio runtime, which needs its I/O and time drivers (`enable_all`):
/// polled on one without them it panics, as all of tokio's own I/O does. Under any other executor
/// the I/O runs on a small runtime of the library's own. Dropping it abandons the request, which
/// may have been sent.
///
/// Don't block the only thread of a tokio runtime on it with another executor's `block_on`: the
/// runtime that is to carry the request then stands still. [`Request::wait`](crate::Request::wait) is for that.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Pending<T>(Pin<Box<dyn Future<Output = Result<T>> + Send>>);

impl<T> Pending<T> {
    pub(crate) fn new(future: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}
