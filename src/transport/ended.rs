//! Tells when a connection is over, to requests that it may never have taken.
//!
//! hyper hands a request to its connection through a channel. If the connection ends in that very
//! moment, the request can stay in the channel, where nobody answers it: hyper's issue 4122. What is
//! still there when the connection's stream is gone was not written, and never will be.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Extensions;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{CaptureConnection, Connected, Connection};
use tokio::sync::watch;

use super::gather::Gather;

/// The stream of a connection, which tells when it is dropped, and gathers what is written.
pub(crate) struct Watched<S> {
    /// On the heap, since hyper gives each task of a connection as much room as its largest needs.
    stream: Box<S>,
    gather: Gather,
    ended: Ended,
    /// Nothing is sent: that it goes is what is told.
    _open: watch::Sender<()>,
}

/// Waits for the end of a connection.
#[derive(Clone)]
pub(super) struct Ended(watch::Receiver<()>);

impl Ended {
    pub(super) async fn wait(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

impl<S: Connection> Watched<S> {
    pub(super) fn new(stream: S) -> Self {
        let (open, ended) = watch::channel(());
        Self {
            gather: Gather::new(stream.connected().is_negotiated_h2()),
            stream: Box::new(stream),
            ended: Ended(ended),
            _open: open,
        }
    }

    /// Waits for its end.
    pub(super) fn ended(&self) -> Ended {
        self.ended.clone()
    }
}

/// Waits until the connection that was found for a request is over.
pub(super) async fn ended(mut connection: CaptureConnection) {
    let mut extensions = Extensions::new();
    {
        let connected = connection.wait_for_connection_metadata().await;
        if let Some(connected) = connected.as_ref() {
            connected.get_extras(&mut extensions);
        }
    }
    match extensions.remove::<Ended>() {
        Some(ended) => ended.wait().await,
        None => std::future::pending().await,
    }
}

impl<S: Connection> Connection for Watched<S> {
    fn connected(&self) -> Connected {
        let stream = self.stream.connected();
        // What else the stream tells is wanted by nobody, and hyper clones it for every request.
        let connected = Connected::new()
            .proxy(stream.is_proxied())
            .extra(self.ended.clone());
        if stream.is_negotiated_h2() {
            connected.negotiated_h2()
        } else {
            connected
        }
    }
}

impl<S: Read + Unpin> Read for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<S: Write + Unpin> Write for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, gather, .. } = self.get_mut();
        gather.poll(context, |context| {
            Pin::new(&mut **stream).poll_write(context, bytes)
        })
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, gather, .. } = self.get_mut();
        gather.flushed(Pin::new(&mut **stream).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, gather, .. } = self.get_mut();
        gather.poll(context, |context| {
            Pin::new(&mut **stream).poll_write_vectored(context, bytes)
        })
    }
}
