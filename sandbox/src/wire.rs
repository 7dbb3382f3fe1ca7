//! A connection's bytes on their way: slowly, cut off, or lost.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};

/// What the requests of one connection do to it.
#[derive(Debug, Default)]
pub(crate) struct Line {
    state: Mutex<State>,
    /// Says that the connection is to end now.
    pub(crate) cut: Notify,
    /// Says that no more requests are taken on it.
    pub(crate) leave: Notify,
    is_reset: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    is_lost: bool,
    /// How many more bytes go out before it is cut.
    left: Option<usize>,
    /// What goes out behind everything else.
    behind: Bytes,
}

impl Line {
    /// Nothing comes or goes any more, and nobody is told.
    pub(crate) fn lose(&self) {
        self.state().is_lost = true;
    }

    /// After so many more bytes it is cut.
    pub(crate) fn cut_after(&self, bytes: usize) {
        self.state().left = Some(bytes);
    }

    /// These bytes follow on what is on its way.
    pub(crate) fn add(&self, bytes: Bytes) {
        self.state().behind = bytes;
    }

    /// The end is to be a reset.
    pub(crate) fn reset(&self) {
        self.is_reset.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_reset(&self) -> bool {
        self.is_reset.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What HTTP reads from and writes to.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    line: Arc<Line>,
}

impl<S> Wire<S> {
    pub(crate) fn new(stream: S, line: Arc<Line>) -> Self {
        Self { stream, line }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.line.state().is_lost {
            return Poll::Pending;
        }
        Pin::new(&mut this.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let (is_lost, left) = {
            let state = this.line.state();
            (state.is_lost, state.left)
        };
        let bytes = match left {
            _ if is_lost => return Poll::Pending,
            None => bytes,
            Some(0) => {
                this.line.cut.notify_one();
                return Poll::Pending;
            }
            Some(left) => bytes.get(..left).unwrap_or(bytes),
        };
        let written = ready!(Pin::new(&mut this.stream).poll_write(context, bytes))?;
        if let Some(left) = &mut this.line.state().left {
            *left -= written.min(*left);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut state = this.line.state();
        if state.is_lost {
            return Poll::Pending;
        }
        while !state.behind.is_empty() {
            let writing = Pin::new(&mut this.stream).poll_write(context, &state.behind);
            let written = ready!(writing)?;
            state.behind.advance(written);
        }
        drop(state);
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.line.state().is_lost {
            return Poll::Pending;
        }
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}

/// What TLS reads from and writes to: at once, or a byte at a time with a pause before each.
#[derive(Debug)]
pub(crate) struct Drip<S> {
    stream: S,
    pause: Option<Duration>,
    pausing: Option<Pin<Box<Sleep>>>,
}

impl<S> Drip<S> {
    pub(crate) fn new(stream: S, pause: Option<Duration>) -> Self {
        Self {
            stream,
            pause,
            pausing: None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Drip<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Drip<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Some(pause) = this.pause else {
            return Pin::new(&mut this.stream).poll_write(context, bytes);
        };
        let pausing = this.pausing.get_or_insert_with(|| Box::pin(sleep(pause)));
        ready!(pausing.as_mut().poll(context));
        let byte = bytes.get(..1).unwrap_or_default();
        let written = ready!(Pin::new(&mut this.stream).poll_write(context, byte))?;
        this.pausing = None;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
