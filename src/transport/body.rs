//! The body of a request: bytes that are there, or a file that is read while it is sent.

use std::fs::File;
use std::future::Future;
use std::io::{self, Read as _};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

use crate::crypto::backend::digest;

/// What is read and sent at a time. One more is read ahead.
const CHUNK: usize = 64 * 1024;

/// A SHA-256.
pub(crate) type Digest = [u8; digest::SHA256_OUTPUT_LEN];

/// The body of a request, of a length that is known.
pub(crate) struct Body {
    inner: Inner,
    /// Turns true when a connection looks at it, which each does before it writes anything.
    is_taken: Option<Arc<AtomicBool>>,
}

enum Inner {
    /// `None` when it is empty or was handed over.
    Whole(Option<Bytes>),
    Stream(Box<Stream>),
}

impl Body {
    /// What stands before a content and behind it, and the content itself in pieces.
    pub(crate) fn stream(head: Bytes, content: Content, tail: Bytes) -> Self {
        let around = head.len().saturating_add(tail.len()) as u64;
        let stream = Inner::Stream(Box::new(Stream {
            left: around.saturating_add(content.length()),
            head: Some(head),
            content: match content {
                Content::Bytes(bytes) => State::Bytes(bytes),
                Content::File(file) => State::File(file),
            },
            tail: Some(tail),
            watch: Arc::default(),
        }));
        Self::new(stream)
    }

    fn new(inner: Inner) -> Self {
        Self {
            inner,
            is_taken: None,
        }
    }

    /// What tells whether a connection has taken the request from whoever gave it.
    pub(crate) fn is_taken(&mut self) -> Arc<AtomicBool> {
        Arc::clone(self.is_taken.get_or_insert_default())
    }

    fn take(&self) {
        if let Some(is_taken) = &self.is_taken {
            is_taken.store(true, Ordering::SeqCst);
        }
    }

    /// The bytes that are yet to be sent.
    pub(crate) fn length(&self) -> u64 {
        match &self.inner {
            Inner::Whole(bytes) => bytes.as_ref().map_or(0, Bytes::len) as u64,
            Inner::Stream(stream) => stream.left,
        }
    }

    /// All of it in one piece; `None` for what has to be read from a file.
    pub(crate) fn into_bytes(self) -> Option<Bytes> {
        let stream = match self.inner {
            Inner::Whole(bytes) => return Some(bytes.unwrap_or_default()),
            Inner::Stream(stream) => stream,
        };
        let State::Bytes(content) = stream.content else {
            return None;
        };
        let (head, tail) = (
            stream.head.unwrap_or_default(),
            stream.tail.unwrap_or_default(),
        );
        Some([head, content, tail].concat().into())
    }

    /// What tells how a stream fares after it was handed to a connection.
    pub(crate) fn watch(&self) -> Option<Arc<Watch>> {
        match &self.inner {
            Inner::Whole(_) => None,
            Inner::Stream(stream) => Some(Arc::clone(&stream.watch)),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::new(Inner::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Arc<Trouble>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Arc<Trouble>>>> {
        self.take();
        let chunk = match &mut self.get_mut().inner {
            Inner::Whole(bytes) => bytes.take().map(Ok),
            Inner::Stream(stream) => ready!(stream.poll_chunk(context)),
        };
        Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.take();
        self.length() == 0
    }

    fn size_hint(&self) -> SizeHint {
        self.take();
        SizeHint::with_exact(self.length())
    }
}

/// What a stream carries.
#[derive(Clone)]
pub(crate) enum Content {
    Bytes(Bytes),
    File(Hashed),
}

impl Content {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(file) => file.length,
        }
    }
}

/// A file, and what it held when it was hashed.
#[derive(Clone)]
pub(crate) struct Hashed {
    pub(crate) path: Arc<Path>,
    pub(crate) length: u64,
    pub(crate) digest: Digest,
}

impl Hashed {
    /// Reads the whole file, as long as somebody wants it.
    pub(crate) fn read(path: Arc<Path>, is_wanted: &dyn Fn() -> bool) -> io::Result<Self> {
        let mut file = File::open(&path)?;
        let mut context = digest::Context::new(&digest::SHA256);
        let mut chunk = vec![0; CHUNK];
        let mut length = 0_u64;
        while is_wanted() {
            let read = match file.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            context.update(chunk.get(..read).unwrap_or_default());
            length = length.saturating_add(read as u64);
        }
        Ok(Self {
            path,
            length,
            digest: finish(context),
        })
    }
}

/// The SHA-256 of bytes that are there.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(bytes);
    finish(context)
}

fn finish(context: digest::Context) -> Digest {
    let mut sum = Digest::default();
    sum.copy_from_slice(context.finish().as_ref());
    sum
}

struct Stream {
    head: Option<Bytes>,
    content: State,
    tail: Option<Bytes>,
    left: u64,
    watch: Arc<Watch>,
}

enum State {
    Bytes(Bytes),
    File(Hashed),
    /// The next chunk is being read. hyper polls a body on tokio only, which has threads for it.
    Reading(JoinHandle<Result<(Reader, Bytes), Trouble>>),
    Over,
}

impl Stream {
    fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Arc<Trouble>>>> {
        if let Some(head) = self.head.take() {
            return Poll::Ready(Some(Ok(self.hand_over(head))));
        }
        match ready!(self.content.poll_chunk(context)) {
            Some(Ok(chunk)) => return Poll::Ready(Some(Ok(self.hand_over(chunk)))),
            Some(Err(trouble)) => {
                self.tail = None;
                let trouble = Arc::new(trouble);
                // Whoever waits for the answer must find it before the connection breaks.
                let _ = self.watch.trouble.set(Arc::clone(&trouble));
                return Poll::Ready(Some(Err(trouble)));
            }
            None => {}
        }
        let tail = self.tail.take();
        Poll::Ready(tail.map(|tail| Ok(self.hand_over(tail))))
    }

    fn hand_over(&mut self, chunk: Bytes) -> Bytes {
        self.left = self.left.saturating_sub(chunk.len() as u64);
        self.watch.touch(chunk.len());
        chunk
    }
}

impl State {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Trouble>>> {
        loop {
            match self {
                Self::Over => return Poll::Ready(None),
                Self::Bytes(bytes) if bytes.is_empty() => *self = Self::Over,
                Self::Bytes(bytes) => {
                    let chunk = bytes.split_to(bytes.len().min(CHUNK));
                    return Poll::Ready(Some(Ok(chunk)));
                }
                Self::File(file) => {
                    let file = file.clone();
                    *self = Self::Reading(spawn_blocking(|| Reader::open(file)?.next()));
                }
                Self::Reading(task) => {
                    let outcome = ready!(Pin::new(task).poll(context));
                    *self = Self::Over;
                    let (reader, chunk) = match outcome {
                        Ok(Ok(read)) => read,
                        Ok(Err(trouble)) => return Poll::Ready(Some(Err(trouble))),
                        Err(_) => return Poll::Ready(Some(Err(Trouble::Ended))),
                    };
                    if reader.left > 0 {
                        *self = Self::Reading(spawn_blocking(|| reader.next()));
                    }
                    if !chunk.is_empty() {
                        return Poll::Ready(Some(Ok(chunk)));
                    }
                }
            }
        }
    }
}

/// Reads a file once more, and sees that it is still what was hashed and signed.
struct Reader {
    file: File,
    hashed: Hashed,
    context: digest::Context,
    left: u64,
}

impl Reader {
    fn open(hashed: Hashed) -> Result<Self, Trouble> {
        let opened = File::open(&hashed.path);
        let file = opened.map_err(|error| Trouble::unreadable(&hashed, error))?;
        Ok(Self {
            file,
            left: hashed.length,
            hashed,
            context: digest::Context::new(&digest::SHA256),
        })
    }

    /// The next chunk. The last one is given out only when the whole file is right, so that no
    /// server ever gets the whole of a wrong one.
    fn next(mut self) -> Result<(Self, Bytes), Trouble> {
        let length = usize::try_from(self.left).unwrap_or(CHUNK).min(CHUNK);
        let mut chunk = vec![0; length];
        self.file
            .read_exact(&mut chunk)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => Trouble::changed(&self.hashed),
                _ => Trouble::unreadable(&self.hashed, error),
            })?;
        self.context.update(&chunk);
        self.left -= length as u64;
        if self.left == 0 {
            let more = self.file.read(&mut [0]);
            let more = more.map_err(|error| Trouble::unreadable(&self.hashed, error))?;
            if more > 0 || finish(self.context.clone()) != self.hashed.digest {
                return Err(Trouble::changed(&self.hashed));
            }
        }
        Ok((self, chunk.into()))
    }
}

/// Why a stream was given up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("the file {} changed while it was sent", .0.display())]
    Changed(Arc<Path>),
    #[error("the file {} can't be read: {}", .0.display(), .1)]
    Unreadable(Arc<Path>, io::Error),
    #[error("the runtime ended while a file was read")]
    Ended,
}

impl Trouble {
    fn changed(file: &Hashed) -> Self {
        Self::Changed(Arc::clone(&file.path))
    }

    fn unreadable(file: &Hashed, error: io::Error) -> Self {
        Self::Unreadable(Arc::clone(&file.path), error)
    }
}

/// How a stream fares, for whoever waits for the answer: over HTTP/2 hyper tells nobody why a body
/// was given up.
#[derive(Default)]
pub(crate) struct Watch {
    trouble: OnceLock<Arc<Trouble>>,
    touched: Mutex<Option<Instant>>,
    /// How many bytes it took.
    taken: AtomicU64,
}

impl Watch {
    /// Why the stream was given up, if it was.
    pub(crate) fn trouble(&self) -> Option<Arc<Trouble>> {
        self.trouble.get().cloned()
    }

    /// When the connection last took something of the stream; `None` before it began.
    pub(crate) fn touched(&self) -> Option<Instant> {
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes of the stream the connection has taken.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    fn touch(&self, bytes: usize) {
        self.taken.fetch_add(bytes as u64, Ordering::Relaxed);
        let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        *touched = Some(Instant::now());
    }
}

/// Does work that blocks on a thread that may be blocked, under any executor. The work is told
/// whether it is still wanted.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
) -> io::Result<T> {
    let runtime = match Handle::try_current() {
        Ok(runtime) => runtime,
        Err(_) => super::shared_runtime()?.handle().clone(),
    };
    let (done, outcome) = oneshot::channel();
    runtime.spawn_blocking(move || {
        let outcome = work(&|| !done.is_closed());
        // Nobody may want it any more.
        let _ = done.send(outcome);
    });
    let ended = |_| io::Error::other("the runtime ended while a file was read");
    outcome.await.map_err(ended)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use http_body_util::BodyExt as _;
    use hyper::body::Body as _;

    use super::*;

    /// A file of this test's own, removed at its end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str, content: &[u8]) -> Self {
            let name = format!("wechatpay-chain body {name} {}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::write(&path, content).unwrap();
            Self(path)
        }

        fn hashed(&self) -> Hashed {
            Hashed::read(self.0.clone().into(), &|| true).unwrap()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn body(content: Content) -> Body {
        Body::stream(Bytes::from("head"), content, Bytes::from("tail"))
    }

    fn collect(body: Body) -> Result<Bytes, Arc<Trouble>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        Ok(runtime.block_on(body.collect())?.to_bytes())
    }

    #[test]
    fn a_body_says_its_length_and_has_it() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let content = vec![7; length];
            let file = Scratch::new(&format!("length {length}"), &content);
            let expected = [b"head", &content[..], b"tail"].concat();
            for content in [
                Content::Bytes(content.clone().into()),
                Content::File(file.hashed()),
            ] {
                let body = body(content);
                assert!(!body.is_end_stream());
                assert_eq!(body.size_hint().exact(), Some(expected.len() as u64));
                assert_eq!(collect(body).unwrap(), expected);
            }
        }
    }

    #[test]
    fn bytes_are_handed_over_as_they_are() {
        let bytes = Bytes::from(vec![1; 10]);
        let body = Body::from(bytes.clone());
        assert_eq!(body.size_hint().exact(), Some(10));
        assert_eq!(collect(body).unwrap().as_ptr(), bytes.as_ptr());
        assert!(Body::from(Bytes::new()).is_end_stream());
    }

    #[test]
    fn what_is_in_memory_can_be_had_in_one_piece_and_a_file_can_t() {
        let memory = body(Content::Bytes("content".into()));
        assert_eq!(memory.into_bytes().unwrap(), "headcontenttail");
        let file = Scratch::new("piece", b"content");
        assert!(body(Content::File(file.hashed())).into_bytes().is_none());
    }

    #[test]
    fn a_file_that_is_not_what_was_hashed_never_goes_out_whole() {
        let content = vec![7; 2 * CHUNK];
        let mut altered = content.clone();
        altered[5] = 8;
        let longer = [&content[..], b"x"].concat();
        for (name, now) in [
            ("altered", &altered[..]),
            ("longer", &longer),
            ("shorter", &content[1..]),
            ("empty", b""),
        ] {
            let file = Scratch::new(name, &content);
            let body = body(Content::File(file.hashed()));
            let watch = body.watch().unwrap();
            std::fs::write(&file.0, now).unwrap();
            let trouble = collect(body).unwrap_err();
            let text = trouble.to_string();
            assert!(text.contains("changed while it was sent"), "{text}");
            assert!(text.contains(file.0.to_str().unwrap()), "{text}");
            assert_eq!(watch.trouble().unwrap().to_string(), text);
        }
        let empty = Scratch::new("grown", b"");
        let body = body(Content::File(empty.hashed()));
        std::fs::write(&empty.0, b"x").unwrap();
        collect(body).unwrap_err();
    }

    #[test]
    fn a_file_that_is_gone_is_named() {
        let file = Scratch::new("gone", b"x");
        let body = body(Content::File(file.hashed()));
        std::fs::remove_file(&file.0).unwrap();
        let text = collect(body).unwrap_err().to_string();
        assert!(
            text.contains("body gone") && text.contains("can't be read"),
            "{text}"
        );
    }

    #[test]
    fn work_that_blocks_needs_no_runtime_and_stops_when_nobody_wants_it() {
        let sum = futures::executor::block_on(off_thread(|_| 1 + 1)).unwrap();
        assert_eq!(sum, 2);
        let (stopped, has_stopped) = std::sync::mpsc::channel();
        let work = off_thread(move |is_wanted| {
            while is_wanted() {
                std::thread::yield_now();
            }
            let _ = stopped.send(());
        });
        let mut work = Box::pin(work);
        let waker = std::task::Waker::noop();
        assert!(
            work.as_mut()
                .poll(&mut Context::from_waker(waker))
                .is_pending()
        );
        drop(work);
        has_stopped
            .recv_timeout(std::time::Duration::from_secs(20))
            .unwrap();
    }
}
