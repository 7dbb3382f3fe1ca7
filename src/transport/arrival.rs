//! The body of an answer on its way in.

use std::io;
use std::path::PathBuf;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::Instrument as _;

use super::{Exchanging, Failure};
use crate::error::Phase;
use crate::options::Limit;

/// Why the body of an answer is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArrivalError {
    #[error(
        "the answer ({}) is larger than the limit of {limit} bytes; wanted: .download(path) or \
         .stream() where the endpoint has them, or a larger .answer_limit(bytes)",
        .status.as_u16()
    )]
    TooLarge { status: StatusCode, limit: usize },
    #[error("the answer can't be read: {0}")]
    Broken(Box<dyn std::error::Error + Send + Sync>),
    #[error("{came} bytes came, and Content-Length promises {promised}")]
    Length { came: u64, promised: u64 },
    #[error("its gzip can't be undone: {0}")]
    Gzip(io::Error),
    #[error(
        "more than the limit of {limit} bytes came out of its gzip; wanted: a larger \
         .unzip_limit(bytes), if that is right"
    )]
    Unzipped { limit: u64 },
    #[error("the file {} can't be written: {error}", .path.display())]
    File { path: PathBuf, error: io::Error },
}

/// The whole body, of which no more than `limit` bytes are read.
pub(super) async fn whole(
    body: Incoming,
    status: StatusCode,
    limit: usize,
) -> Result<Bytes, Failure> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Failure::too_large(status, limit));
    }
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => match error.downcast::<hyper::Error>() {
            Ok(error) => Err(Failure::of_body(*error)),
            Err(error) if error.is::<LengthLimitError>() => Err(Failure::too_large(status, limit)),
            Err(error) => Err(Failure::of_arrival(ArrivalError::Broken(error))),
        },
    }
}

/// A body that is handed on in pieces. A task on the runtime of its connection reads it, so that
/// whoever takes the pieces needs no runtime; it reads one piece ahead.
pub(crate) struct Arrival {
    pieces: mpsc::Receiver<Piece>,
    reader: AbortHandle,
    is_over: bool,
}

/// The end is told, since a channel that closes may mean that the runtime is gone.
enum Piece {
    Data(Bytes),
    Failed(Failure),
    End,
}

impl Arrival {
    /// Must be called on the runtime of the connection.
    pub(super) fn start(body: Incoming, idle: Limit, exchanging: Exchanging) -> Self {
        let (sender, pieces) = mpsc::channel(1);
        let reading = async move {
            let Some(last) = read(body, idle, exchanging, &sender).await else {
                return;
            };
            // Nobody may want it any more.
            let _ = sender.send(last).await;
        };
        let reader = tokio::spawn(reading.in_current_span());
        Self {
            pieces,
            reader: reader.abort_handle(),
            is_over: false,
        }
    }

    /// The next piece; `None` at the end and after a failure.
    pub(crate) fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Failure>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let piece = ready!(self.pieces.poll_recv(context));
        if let Some(Piece::Data(data)) = piece {
            return Poll::Ready(Some(Ok(data)));
        }
        self.is_over = true;
        Poll::Ready(match piece {
            Some(Piece::End) => None,
            Some(Piece::Failed(failure)) => Some(Err(failure)),
            _ => Some(Err(Failure::lost(Phase::Read))),
        })
    }

    /// What ends it before its time, for one that was moved to another thread.
    pub(crate) fn abandon(&self) -> AbandonArrival {
        AbandonArrival(self.reader.clone())
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Ends the reading when it is dropped.
pub(crate) struct AbandonArrival(AbortHandle);

impl Drop for AbandonArrival {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Hands on what comes, and returns how it ended; `None` when nobody wants more.
async fn read(
    mut body: Incoming,
    idle: Limit,
    mut exchanging: Exchanging,
    pieces: &mpsc::Sender<Piece>,
) -> Option<Piece> {
    let promised = body.size_hint().exact();
    let mut came = 0_u64;
    loop {
        let frame = match idle.0 {
            None => body.frame().await,
            Some(limit) => match timeout(limit, body.frame()).await {
                Ok(frame) => frame,
                Err(_) => {
                    exchanging.is_over = true;
                    exchanging.avoid_connection();
                    return Some(Piece::Failed(Failure::stood_still(limit)));
                }
            },
        };
        let data = match frame {
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(error)) => {
                exchanging.is_over = true;
                return Some(Piece::Failed(Failure::of_body(error)));
            }
            None => break,
        };
        if data.is_empty() {
            continue;
        }
        came = came.saturating_add(data.len() as u64);
        pieces.send(Piece::Data(data)).await.ok()?;
    }
    exchanging.is_over = true;
    Some(match promised {
        Some(promised) if promised != came => {
            Piece::Failed(Failure::of_arrival(ArrivalError::Length { came, promised }))
        }
        _ => Piece::End,
    })
}
