//! An answer's body into a file, which is there as a whole or not at all.

use std::fmt;
use std::fs::{self, File};
use std::future::IntoFuture;
use std::io::{self, BufRead as _, Write as _};
use std::path::{Path, PathBuf};

use http::{HeaderMap, StatusCode, header};

use crate::error::{Error, Result};
use crate::formatter;
use crate::pending::Pending;
use crate::request::Request;
use crate::response::header_text;
use crate::streamed::{BodyReader, Head, Streamed, open};
use crate::transport::body::off_thread;
use crate::transport::{ArrivalError, Driver, Failure, block_on};

pub(crate) type Progress = Box<dyn FnMut(u64, Option<u64>) + Send>;

/// A request whose answer goes into a file: see [`Request::download`].
#[must_use = "a request is sent by `.await` or `.wait()`"]
pub struct Download {
    request: Request,
    path: PathBuf,
    progress: Option<Progress>,
}

impl Download {
    pub(crate) fn new(request: Request, path: PathBuf) -> Self {
        Self {
            request,
            path,
            progress: None,
        }
    }

    /// Is told after each piece how many bytes were written, and how many there will be, where the
    /// answer says that.
    ///
    /// It is called on the thread that writes the file.
    pub fn progress(mut self, report: impl FnMut(u64, Option<u64>) + Send + 'static) -> Self {
        self.progress = Some(Box::new(report));
        self
    }

    /// Sends the request and blocks until the file is there. It needs no runtime, and works on a
    /// thread of one.
    ///
    /// # Errors
    /// Each variant of [`Error`] says when it happens; a file that can't be written is
    /// [`Error::Request`] before anything is sent, and [`Error::Transport`] after.
    pub fn wait(self) -> Result<Downloaded> {
        block_on(self.go(Driver::Own))
    }

    async fn go(self, driver: Driver) -> Result<Downloaded> {
        // Until the file is there.
        let _flight = self.request.begin()?;
        let endpoint = self.request.endpoint();
        let part = Part::beside(self.path, driver).await;
        let part = part.map_err(|error| error.at(&endpoint))?;
        let streamed = open(self.request, driver).await?;
        let progress = self.progress;
        on_disk(driver, streamed, move |body, is_wanted| {
            save(body, part, progress, is_wanted)
        })
        .await
    }
}

impl IntoFuture for Download {
    type Output = Result<Downloaded>;
    type IntoFuture = Pending<Downloaded>;

    fn into_future(self) -> Self::IntoFuture {
        Pending::new(self.go(Driver::Caller))
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

/// A file that was downloaded: its length, and the headers it came with.
pub struct Downloaded {
    bytes: u64,
    head: Head,
}

impl Downloaded {
    pub(crate) fn new(bytes: u64, head: Head) -> Self {
        Self { bytes, head }
    }

    /// How many bytes were written.
    pub fn bytes_written(&self) -> u64 {
        self.bytes
    }

    /// The HTTP status: 2xx.
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// All headers.
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
}

impl fmt::Debug for Downloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Downloaded")
            .field("status", &self.status())
            .field("request_id", &self.request_id())
            .field("bytes_written", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// Reads a body where a thread may be blocked: here if the caller waits, else on a thread for it. The
/// work is told whether it is still wanted.
pub(crate) async fn on_disk<T: Send + 'static>(
    driver: Driver,
    streamed: Streamed,
    work: impl FnOnce(BodyReader, &dyn Fn() -> bool) -> Result<T> + Send + 'static,
) -> Result<T> {
    if matches!(driver, Driver::Own) {
        return work(BodyReader::new(streamed), &|| true);
    }
    let _abandon = streamed.abandon();
    let lost = streamed.lost();
    let body = BodyReader::new(streamed);
    let done = off_thread(move |is_wanted| work(body, is_wanted)).await;
    done.unwrap_or(Err(lost))
}

fn save(
    mut body: BodyReader,
    mut part: Part,
    mut progress: Option<Progress>,
    is_wanted: &dyn Fn() -> bool,
) -> Result<Downloaded> {
    let total = body.header(header::CONTENT_LENGTH.as_str());
    let total = total.and_then(|total| total.parse().ok());
    let saved = copy(&mut body, is_wanted, |piece, done| {
        part.write(piece)?;
        if let Some(report) = &mut progress {
            report(done, total);
        }
        Ok(())
    })
    .and_then(|bytes| part.keep().map(|()| bytes));
    match saved {
        Ok(bytes) => Ok(Downloaded::new(bytes, body.into_head())),
        Err(error) => Err(explained(error, &mut body)),
    }
}

/// Hands each piece of a body on, with how many bytes there were by then.
fn copy(
    body: &mut BodyReader,
    is_wanted: &dyn Fn() -> bool,
    mut take: impl FnMut(&[u8], u64) -> io::Result<()>,
) -> io::Result<u64> {
    let mut done = 0_u64;
    while is_wanted() {
        let piece = body.fill_buf()?;
        let length = piece.len();
        if length == 0 {
            return Ok(done);
        }
        done = done.saturating_add(length as u64);
        take(piece, done)?;
        body.consume(length);
    }
    Err(io::Error::other("nobody waits for it any more"))
}

/// The error of this library that an error of I/O holds; or else what became of the body.
pub(crate) fn explained(error: io::Error, body: &mut BodyReader) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => {
            let error = error
                .downcast::<ArrivalError>()
                .unwrap_or_else(|error| ArrivalError::Broken(error.into()));
            body.fail(Failure::of_arrival(error))
        }
    }
}

/// A file under another name beside the one that is wanted, removed unless it is kept.
pub(crate) struct Part {
    target: PathBuf,
    path: PathBuf,
    file: File,
    is_kept: bool,
}

impl Part {
    /// A new file beside `target`.
    pub(crate) async fn beside(target: PathBuf, driver: Driver) -> Result<Self> {
        let refuse = |target: &Path, problem: &dyn fmt::Display| {
            let part = format!("the file {} can't be written: {problem}", target.display());
            Err(Error::request(part, "a path in a folder that is there"))
        };
        let shown = target.clone();
        let made = match driver {
            Driver::Own => Self::make(target),
            Driver::Caller => off_thread(move |_| Self::make(target))
                .await
                .and_then(|made| made),
        };
        made.or_else(|error| refuse(&shown, &error))
    }

    fn make(target: PathBuf) -> io::Result<Self> {
        let Some(name) = target.file_name() else {
            return Err(io::Error::other("it is the name of a folder"));
        };
        if target.is_dir() {
            return Err(io::Error::other("it is a folder"));
        }
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.part", formatter::nonce()));
        let path = target.with_file_name(hidden);
        let file = File::create_new(&path)?;
        Ok(Self {
            target,
            path,
            file,
            is_kept: false,
        })
    }

    pub(crate) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(piece);
        written.map_err(|error| self.unwritable(error))
    }

    /// Gives it the name that is wanted, once all of it is on the disk.
    pub(crate) fn keep(&mut self) -> io::Result<()> {
        self.file
            .sync_all()
            .and_then(|()| fs::rename(&self.path, &self.target))
            .map_err(|error| self.unwritable(error))?;
        self.is_kept = true;
        Ok(())
    }

    fn unwritable(&self, error: io::Error) -> io::Error {
        let path = self.target.clone();
        io::Error::other(ArrivalError::File { path, error })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_kept {
            // There is nobody to tell.
            let _ = fs::remove_file(&self.path);
        }
    }
}
