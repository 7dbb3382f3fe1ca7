//! An answer's body in pieces: as a stream where the caller is async, as a reader where it blocks.

use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::io::{self, BufRead, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use futures_core::Stream;
use http::uri::Authority;
use http::{HeaderMap, StatusCode};
use tracing::Instrument as _;

use crate::answer::finish;
use crate::error::{Check, Endpoint, Error, Phase, Result, Signed, Subject, VerifyError};
use crate::pending::Pending;
use crate::protocol::{Unzip, unzip, v3};
use crate::request::Request;
use crate::response::{Response, header_text};
use crate::seen::Seen;
use crate::shutdown::Flight;
use crate::transport::{AbandonArrival, Arrival, ArrivalError, Brought, Driver, Failure, block_on};

/// A request whose answer is taken in pieces: see [`Request::stream`].
///
/// `.await` gives a [`Streamed`], `.wait()` a [`BodyReader`].
#[must_use = "a request is sent by `.await` or `.wait()`"]
#[derive(Debug)]
pub struct Streaming(Request);

impl Streaming {
    pub(crate) fn new(request: Request) -> Self {
        Self(request)
    }

    /// Sends the request and blocks until the answer's headers are there. It needs no runtime, and
    /// neither does the reader.
    ///
    /// # Errors
    /// Each variant of [`Error`] says when it happens.
    pub fn wait(self) -> Result<BodyReader> {
        block_on(self.go(Driver::Own)).map(BodyReader::new)
    }

    async fn go(self, driver: Driver) -> Result<Streamed> {
        let flight = self.0.begin()?;
        let mut streamed = open(self.0, driver).await?;
        if let Body::Arriving(body) = &mut streamed.body {
            body.flight = Some(flight);
        }
        Ok(streamed)
    }
}

impl IntoFuture for Streaming {
    type Output = Result<Streamed>;
    type IntoFuture = Pending<Streamed>;

    fn into_future(self) -> Self::IntoFuture {
        Pending::new(self.go(Driver::Caller))
    }
}

/// Sends a request that is counted as in flight, and comes back with the headers of its success.
pub(crate) async fn open(request: Request, driver: Driver) -> Result<Streamed> {
    let seen = request.seen();
    let span = seen.span();
    open_in_span(request, driver, seen).instrument(span).await
}

async fn open_in_span(request: Request, driver: Driver, seen: Seen) -> Result<Streamed> {
    let mut ready = Box::new(request.in_pieces()).prepare(driver, seen).await?;
    let sent = ready.send_by(driver, |parts| v3::is_plain(parts.status, &parts.headers));
    let sent = sent.await;
    let (exchange, outcome) = sent.inspect_err(|error| ready.seen().log.failed(error))?;
    let mut asked = Asked {
        endpoint: exchange.sent.endpoint.clone(),
        host: exchange.sent.host.clone(),
        signed: None,
    };
    let answer = match outcome {
        Ok(Brought::Begun(answer)) => {
            let log = ready.seen().log;
            log.answered(&asked.endpoint, answer.status(), answer.headers());
            asked.signed = Some(exchange.sent.terms.signed());
            return Ok(Streamed::begun(answer, asked, ready.into_seen()));
        }
        Ok(Brought::Whole(answer)) => Ok(answer),
        Err(failure) => Err(failure),
    };
    let response = finish(exchange, answer, driver, ready.seen()).await?;
    Ok(Streamed::whole(response, asked))
}

/// A success whose body is on its way: status, headers, and a [`Stream`] of bytes.
///
/// A body that breaks off, is of another length than was promised or stands still is an error as the
/// last item. Dropping it abandons the rest.
pub struct Streamed {
    head: Head,
    body: Body,
    asked: Asked,
}

/// What an error says of the request.
struct Asked {
    endpoint: Endpoint,
    host: Authority,
    signed: Option<Signed>,
}

impl Asked {
    fn error(&self, failure: Failure) -> Error {
        failure.into_error(
            self.endpoint.clone(),
            self.host.clone(),
            self.signed.clone(),
        )
    }
}

/// Status, headers, and whether a signature was checked.
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) verified: bool,
}

enum Body {
    Arriving(Box<Arriving>),
    /// What had to be read first.
    Whole(Bytes),
    Over,
}

struct Arriving {
    arrival: Arrival,
    unzip: Option<Unzip>,
    /// What came and was not unzipped yet.
    packed: Bytes,
    /// Until the body has come to its end.
    seen: Seen,
    /// As long; `None` for a part of something that is in flight itself.
    flight: Option<Flight>,
}

impl Streamed {
    fn begun(answer: http::Response<Arrival>, asked: Asked, seen: Seen) -> Self {
        let (mut parts, arrival) = answer.into_parts();
        let unzip = unzip(&mut parts.headers);
        Self {
            head: Head {
                status: parts.status,
                headers: parts.headers,
                verified: false,
            },
            body: Body::Arriving(Box::new(Arriving {
                arrival,
                unzip,
                packed: Bytes::new(),
                seen,
                flight: None,
            })),
            asked,
        }
    }

    fn whole(response: Response, asked: Asked) -> Self {
        let verified = response.verified;
        let (parts, body) = response.answer.into_parts();
        Self {
            head: Head {
                status: parts.status,
                headers: parts.headers,
                verified,
            },
            body: Body::Whole(body),
            asked,
        }
    }

    /// The HTTP status: 2xx.
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// All headers; where a compression is undone, without those that speak of it.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// One header's first value, if it is text; names compare without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header_text(&self.head.headers, name)
    }

    /// WeChat Pay's `Request-ID`, which its support asks for.
    pub fn request_id(&self) -> Option<&str> {
        self.header("request-id")
    }

    /// Whether a signature was checked; `false` for what signs nothing.
    pub fn verified(&self) -> bool {
        self.head.verified
    }

    pub(crate) fn into_head(self) -> Head {
        self.head
    }

    /// What ends it before its time, for one that is moved to another thread.
    pub(crate) fn abandon(&self) -> Option<AbandonArrival> {
        match &self.body {
            Body::Arriving(body) => Some(body.arrival.abandon()),
            Body::Whole(_) | Body::Over => None,
        }
    }

    /// The error of a thread that never came back.
    pub(crate) fn lost(&self) -> Error {
        self.asked.error(Failure::lost(Phase::Read))
    }

    /// Ends it with an error.
    pub(crate) fn fail(&mut self, failure: Failure) -> Error {
        let error = self.asked.error(failure);
        if let Body::Arriving(body) = &self.body {
            body.seen.span().in_scope(|| body.seen.log.failed(&error));
        }
        self.body = Body::Over;
        error
    }

    pub(crate) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let piece = match &mut self.body {
            Body::Over => return Poll::Ready(None),
            Body::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                self.body = Body::Over;
                return Poll::Ready(Some(bytes).filter(|bytes| !bytes.is_empty()).map(Ok));
            }
            Body::Arriving(body) => ready!(body.poll_piece(context)),
        };
        Poll::Ready(match piece {
            Some(Ok(piece)) => Some(Ok(piece)),
            Some(Err(failure)) => Some(Err(self.fail(failure))),
            None => {
                self.body = Body::Over;
                None
            }
        })
    }
}

impl Arriving {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        let of_gzip = |error| Failure::of_arrival(ArrivalError::Gzip(error));
        loop {
            if let Some(unzip) = &mut self.unzip {
                while !self.packed.is_empty() {
                    let piece = unzip.step(&mut self.packed).map_err(of_gzip);
                    if !matches!(&piece, Ok(piece) if piece.is_empty()) {
                        return Poll::Ready(Some(piece));
                    }
                }
            }
            let piece = ready!(self.arrival.poll_piece(context));
            if let Some(Ok(piece)) = &piece {
                self.seen.received(piece.len());
            }
            match piece {
                Some(Ok(piece)) if self.unzip.is_some() => self.packed = piece,
                None => {
                    let rest = match self.unzip.take() {
                        Some(unzip) => unzip.finish().map_err(of_gzip),
                        None => return Poll::Ready(None),
                    };
                    if !matches!(&rest, Ok(rest) if rest.is_empty()) {
                        return Poll::Ready(Some(rest));
                    }
                }
                piece => return Poll::Ready(piece),
            }
        }
    }
}

impl Stream for Streamed {
    type Item = Result<Bytes>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes>>> {
        self.poll_piece(context)
    }
}

impl fmt::Debug for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed")
            .field("status", &self.status())
            .field("request_id", &self.request_id())
            .finish_non_exhaustive()
    }
}

/// A success whose body is on its way, for code that blocks: status, headers, and a [`Read`] and
/// [`BufRead`] of its bytes.
///
/// An error of it holds the [`Error`]: `error.downcast::<wechatpay_chain::Error>()`. Dropping it
/// abandons the rest.
pub struct BodyReader {
    streamed: Streamed,
    piece: Bytes,
}

impl BodyReader {
    pub(crate) fn new(streamed: Streamed) -> Self {
        Self {
            streamed,
            piece: Bytes::new(),
        }
    }

    /// The HTTP status: 2xx.
    pub fn status(&self) -> StatusCode {
        self.streamed.status()
    }

    /// All headers; where a compression is undone, without those that speak of it.
    pub fn headers(&self) -> &HeaderMap {
        self.streamed.headers()
    }

    /// One header's first value, if it is text; names compare without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.streamed.header(name)
    }

    /// WeChat Pay's `Request-ID`, which its support asks for.
    pub fn request_id(&self) -> Option<&str> {
        self.streamed.request_id()
    }

    /// Whether a signature was checked; `false` for what signs nothing.
    pub fn verified(&self) -> bool {
        self.streamed.verified()
    }

    pub(crate) fn into_head(self) -> Head {
        self.streamed.into_head()
    }

    pub(crate) fn fail(&mut self, failure: Failure) -> Error {
        self.streamed.fail(failure)
    }

    /// A body that came as it was sent, and is not what it should be.
    pub(crate) fn untrusted(self, check: Check) -> Error {
        let Streamed { head, asked, .. } = self.streamed;
        let mut answer = http::Response::new(Bytes::new());
        *answer.status_mut() = head.status;
        *answer.headers_mut() = head.headers;
        Error::Verify(Box::new(VerifyError {
            subject: Subject::Answer {
                endpoint: asked.endpoint,
                host: asked.host,
            },
            check,
            note: None,
            answer,
            signed: asked.signed,
        }))
    }
}

impl BufRead for BodyReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece.is_empty() {
            let streamed = &mut self.streamed;
            match block_on(poll_fn(|context| streamed.poll_piece(context))) {
                Some(piece) => self.piece = piece.map_err(into_io)?,
                None => return Ok(&[]),
            }
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, amount: usize) {
        self.piece.advance(amount.min(self.piece.len()));
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut piece = self.fill_buf()?;
        let read = piece.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl fmt::Debug for BodyReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyReader")
            .field("status", &self.status())
            .field("request_id", &self.request_id())
            .finish_non_exhaustive()
    }
}

fn into_io(error: Error) -> io::Error {
    let kind = if error.is_timeout() {
        io::ErrorKind::TimedOut
    } else {
        io::ErrorKind::Other
    };
    io::Error::new(kind, error)
}
