//! Bills: asked for, fetched, unzipped, and compared with the digest that was promised.

use std::fmt;
use std::future::IntoFuture;
use std::io::{self, BufRead, Cursor, Read as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use http::{HeaderMap, Method, StatusCode, header};
use serde::Serialize;
use serde_json::Value;

use crate::chain::PathText;
use crate::client::Core;
use crate::crypto::backend::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use crate::crypto::hex;
use crate::download::{Downloaded, Part, Progress, explained, on_disk};
use crate::error::{Check, Endpoint, Error, Result, Short};
use crate::payload::Payload;
use crate::pending::Pending;
use crate::query::Query;
use crate::request::Request;
use crate::response::header_text;
use crate::streamed::{BodyReader, Head, Streamed, open};
use crate::transport::{ArrivalError, Driver, block_on};

/// How much may come out of a bill's gzip, unless the caller says otherwise.
const UNZIP_LIMIT: u64 = 2 * 1024 * 1024 * 1024;
/// What is unzipped at a time.
const CHUNK: usize = 64 * 1024;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The kinds of bills (账单): see [`Client::bill`](crate::Client::bill). A date is `2024-01-01`.
pub struct Bills {
    core: Arc<Core>,
}

impl Bills {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// The bill of a day's trade (交易账单), `v3/bill/tradebill`.
    pub fn trade(&self, date: impl AsRef<str>) -> BillRequest {
        self.of("v3/bill/tradebill", date, &[])
    }

    /// The bill of a day's flow of funds (资金账单), `v3/bill/fundflowbill`.
    pub fn fund_flow(&self, date: impl AsRef<str>) -> BillRequest {
        self.of("v3/bill/fundflowbill", date, &[])
    }

    /// The flow of funds of one sub-merchant (单个子商户资金账单), for service providers:
    /// `v3/bill/sub-merchant-fundflowbill`, of the account `BASIC` unless the query says otherwise.
    ///
    /// The file is encrypted: see [`BillRequest`].
    pub fn sub_merchant_fund_flow(
        &self,
        sub_mchid: impl AsRef<str>,
        date: impl AsRef<str>,
    ) -> BillRequest {
        let defaults = [("account_type", "BASIC"), ENCRYPTED];
        let bill = self.of("v3/bill/sub-merchant-fundflowbill", date, &defaults);
        bill.query([("sub_mchid", sub_mchid.as_ref())])
    }

    /// The flow of funds of all sub-merchants of a platform (二级商户资金账单):
    /// `v3/ecommerce/bill/fundflowbill`, of the accounts `ALL`.
    ///
    /// The file is encrypted, and there may be several: see [`BillRequest`].
    pub fn ecommerce_fund_flow(&self, date: impl AsRef<str>) -> BillRequest {
        let defaults = [("account_type", "ALL"), ENCRYPTED];
        self.of("v3/ecommerce/bill/fundflowbill", date, &defaults)
    }

    fn of(
        &self,
        path: &'static str,
        date: impl AsRef<str>,
        more: &[(&'static str, &'static str)],
    ) -> BillRequest {
        let path = PathText::fixed(path);
        let ask = Request::new(Arc::clone(&self.core), Method::GET, path, Payload::none());
        let mut defaults = vec![("tar_type", "GZIP")];
        defaults.extend(more);
        BillRequest {
            ask: ask.query([("bill_date", date.as_ref())]),
            core: Arc::clone(&self.core),
            defaults,
            sequence: None,
            unzip_limit: UNZIP_LIMIT,
            answer_limit: self.core.answer_limit,
            timeout: None,
            idle_timeout: None,
        }
    }
}

const ENCRYPTED: (&str, &str) = ("algorithm", "AEAD_AES_256_GCM");

impl fmt::Debug for Bills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bills")
    }
}

/// A bill on its way: `.await` or [`.wait()`](Self::wait) for a [`Bill`] in memory,
/// [`.download(path)`](Self::download) for a file.
///
/// Two calls are made: one asks for the bill, one fetches it from the `download_url` of the answer,
/// which lives for 30 s to 5 min; one that has expired is [`Error::Api`]. What comes is unzipped and
/// compared with the SHA-1 that the first answer, which is signed, promised; another bill is
/// [`Error::Verify`] with [`Check::Bill`], and leaves no file.
///
/// A bill of sub-merchants comes encrypted, under a key that is encrypted for the merchant: it is
/// decrypted with the private key, which takes the feature `aws-lc-rs` and a key that is here. An
/// encrypted file can't be trusted before its end, so it is read within
/// [`answer_limit`](Self::answer_limit).
#[must_use = "a bill is fetched by `.await`, `.wait()` or `.download(path)`"]
pub struct BillRequest {
    ask: Request,
    core: Arc<Core>,
    /// What is asked for unless the caller's query has these names.
    defaults: Vec<(&'static str, &'static str)>,
    sequence: Option<u64>,
    unzip_limit: u64,
    answer_limit: usize,
    timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
}

impl BillRequest {
    /// More of the query, such as `json!({ "bill_type": "REFUND", "sub_mchid": "1900000110" })`: see
    /// [`Request::query`].
    ///
    /// `tar_type` is `GZIP` unless it is given here; `null` asks for a plain file.
    pub fn query(mut self, query: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(&query) {
            self.defaults.retain(|(name, _)| !has(&value, name));
        }
        self.ask = self.ask.query(query);
        self
    }

    /// Which one is meant where a bill is in several files: its `bill_sequence`.
    pub fn sequence(mut self, number: u64) -> Self {
        self.sequence = Some(number);
        self
    }

    /// The limit of the first call as a whole, and of the second until its headers are there; zero for
    /// none, by default the client's, 30 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// How long the file may stand still on its way; zero for no limit, by default the client's, 30 s.
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle_timeout = Some(limit);
        self
    }

    /// How many bytes may come out of the gzip; 2 GB by default. In memory the
    /// [`answer_limit`](Self::answer_limit) counts, too.
    pub fn unzip_limit(mut self, bytes: u64) -> Self {
        self.unzip_limit = bytes;
        self
    }

    /// How many bytes are held in memory: of a bill that does not go into a file, and of a file that is
    /// encrypted. By default the client's, 16 MB.
    pub fn answer_limit(mut self, bytes: usize) -> Self {
        self.answer_limit = bytes;
        self
    }

    /// Writes the bill into a file, unzipped, in constant memory. It is written beside `path` under
    /// another name, and renamed once its digest is right.
    pub fn download(self, path: impl Into<PathBuf>) -> BillDownload {
        BillDownload {
            bill: self,
            path: path.into(),
            progress: None,
        }
    }

    /// Fetches the bill into memory, and blocks meanwhile. It needs no runtime.
    ///
    /// # Errors
    /// Each variant of [`Error`] says when it happens.
    pub fn wait(self) -> Result<Bill> {
        block_on(self.go(Driver::Own))
    }

    async fn go(self, driver: Driver) -> Result<Bill> {
        let _flight = self.ask.begin()?;
        let limit = Limit {
            unzipped: self.unzip_limit,
            in_memory: Some(self.answer_limit),
            packed: self.answer_limit,
        };
        let (promise, streamed) = self.open(driver).await?;
        on_disk(driver, streamed, move |body, is_wanted| {
            let mut bytes = Vec::new();
            let (_, body) = take(body, promise, limit, None, is_wanted, &mut |piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            })?;
            Ok(Bill {
                bytes: bytes.into(),
                head: body.into_head(),
            })
        })
        .await
    }

    async fn save(
        self,
        path: PathBuf,
        progress: Option<Progress>,
        driver: Driver,
    ) -> Result<Downloaded> {
        // Until the file is there.
        let _flight = self.ask.begin()?;
        let endpoint = self.ask.endpoint();
        let part = Part::beside(path, driver).await;
        let mut part = part.map_err(|error| error.at(&endpoint))?;
        let limit = Limit {
            unzipped: self.unzip_limit,
            in_memory: None,
            packed: self.answer_limit,
        };
        let (promise, streamed) = self.open(driver).await?;
        on_disk(driver, streamed, move |body, is_wanted| {
            let mut write = |piece: &[u8]| part.write(piece);
            let (length, mut body) = take(body, promise, limit, progress, is_wanted, &mut write)?;
            match part.keep() {
                Ok(()) => Ok(Downloaded::new(length, body.into_head())),
                Err(error) => Err(explained(error, &mut body)),
            }
        })
        .await
    }

    /// Asks for the bill, and opens its file.
    async fn open(self, driver: Driver) -> Result<(Promise, Streamed)> {
        let mut ask = self.ask;
        if !self.defaults.is_empty() {
            ask = ask.query(&self.defaults);
        }
        if let Some(limit) = self.timeout {
            ask = ask.timeout(limit);
        }
        let endpoint = ask.endpoint();
        let answer = Box::new(ask).carry_out(driver).await?;
        let data = answer.data().map_err(|error| error.at(&endpoint))?;
        let mut promise = Promise::of(&data, self.sequence, &endpoint)?;
        promise
            .decrypt(&self.core)
            .map_err(|error| error.at(&endpoint))?;
        let mut file = Request::absolute(self.core, &promise.address);
        if let Some(limit) = self.timeout {
            file = file.timeout(limit);
        }
        if let Some(limit) = self.idle_timeout {
            file = file.idle_timeout(limit);
        }
        Ok((promise, open(file, driver).await?))
    }
}

impl IntoFuture for BillRequest {
    type Output = Result<Bill>;
    type IntoFuture = Pending<Bill>;

    fn into_future(self) -> Self::IntoFuture {
        Pending::new(self.go(Driver::Caller))
    }
}

impl fmt::Debug for BillRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BillRequest({})", self.ask.endpoint())
    }
}

/// A bill on its way into a file: see [`BillRequest::download`].
#[must_use = "a bill is fetched by `.await` or `.wait()`"]
pub struct BillDownload {
    bill: BillRequest,
    path: PathBuf,
    progress: Option<Progress>,
}

impl BillDownload {
    /// Is told after each piece how many bytes have come, and how many there will be, where the answer
    /// says that: of the file as it is on its way, which is packed unless the query says otherwise.
    ///
    /// It is called on the thread that writes the file.
    pub fn progress(mut self, report: impl FnMut(u64, Option<u64>) + Send + 'static) -> Self {
        self.progress = Some(Box::new(report));
        self
    }

    /// Fetches the bill, and blocks until the file is there. It needs no runtime.
    ///
    /// # Errors
    /// Each variant of [`Error`] says when it happens; no file is left.
    pub fn wait(self) -> Result<Downloaded> {
        block_on(self.bill.save(self.path, self.progress, Driver::Own))
    }
}

impl IntoFuture for BillDownload {
    type Output = Result<Downloaded>;
    type IntoFuture = Pending<Downloaded>;

    fn into_future(self) -> Self::IntoFuture {
        Pending::new(self.bill.save(self.path, self.progress, Driver::Caller))
    }
}

impl fmt::Debug for BillDownload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BillDownload({})", self.bill.ask.endpoint())
    }
}

/// A bill in memory, unzipped, whose digest is the one that was promised.
pub struct Bill {
    bytes: Bytes,
    head: Head,
}

impl Bill {
    /// The bill's bytes: UTF-8 with a byte order mark before it.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The bill as text, byte order mark included; bytes that are no UTF-8 become U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The HTTP status of the file: 2xx.
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// All headers of the file.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// One header's first value, if it is text; names compare without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header_text(&self.head.headers, name)
    }
}

impl fmt::Debug for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bill")
            .field("status", &self.status())
            .field("body_bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// Whether a query has this name, be it with `null`.
fn has(query: &Value, name: &str) -> bool {
    match query {
        Value::Object(fields) => fields.contains_key(name),
        other => Query::from_value(other).is_ok_and(|query| query.values(name).next().is_some()),
    }
}

/// What the first call promised of a bill.
struct Promise {
    address: String,
    /// SHA-1 in hex, of the unzipped bytes.
    digest: String,
    /// What encrypts the file: while it is still encrypted itself, and opened.
    encrypted: Option<(String, String)>,
    key: Option<FileKey>,
}

struct FileKey {
    key: zeroize::Zeroizing<String>,
    nonce: String,
}

impl Promise {
    fn of(data: &Value, sequence: Option<u64>, endpoint: &Endpoint) -> Result<Self> {
        let refuse = |problem: String| Error::bill(endpoint.clone(), problem);
        let file = match data.get("download_bill_list") {
            None if data.get("download_url").is_some() => data,
            list => {
                let files = list.and_then(Value::as_array).map(Vec::as_slice);
                chosen(files.unwrap_or_default(), sequence, endpoint)?
            }
        };
        let text = |name: &str| file.get(name).and_then(Value::as_str);
        let wanted = |name: &str| text(name).ok_or_else(|| refuse(format!("it has no {name}")));
        let hash_type = wanted("hash_type")?;
        if !hash_type.eq_ignore_ascii_case("SHA1") {
            return Err(refuse(format!(
                "its hash_type is {:?}, which this version can't check; wanted: SHA1",
                Short(hash_type)
            )));
        }
        let encrypted = match (text("encrypt_key"), text("nonce")) {
            (None, _) => None,
            (Some(key), Some(nonce)) => Some((key.to_owned(), nonce.to_owned())),
            (Some(_), None) => return Err(refuse("it has an encrypt_key and no nonce".to_owned())),
        };
        Ok(Self {
            address: wanted("download_url")?.to_owned(),
            digest: wanted("hash_value")?.trim().to_owned(),
            encrypted,
            key: None,
        })
    }

    /// Opens the key of an encrypted file.
    #[cfg(feature = "aws-lc-rs")]
    fn decrypt(&mut self, core: &Core) -> Result<()> {
        let Some((key, nonce)) = self.encrypted.take() else {
            return Ok(());
        };
        let Some(apiv3) = &core.v3 else {
            return Ok(());
        };
        let key = zeroize::Zeroizing::new(apiv3.key.here()?.decrypt(key)?);
        if key.len() != 32 {
            return Err(Error::request(
                "the bill is encrypted by another algorithm than AEAD_AES_256_GCM",
                "\"algorithm\": \"AEAD_AES_256_GCM\" in its query, which is the default",
            ));
        }
        self.key = Some(FileKey { key, nonce });
        Ok(())
    }

    #[cfg(not(feature = "aws-lc-rs"))]
    fn decrypt(&mut self, _: &Core) -> Result<()> {
        match self.encrypted.take() {
            None => Ok(()),
            Some(_) => Err(Error::request(
                "the bill is encrypted, and so is its key",
                "the feature aws-lc-rs, which decrypts it",
            )),
        }
    }
}

/// The file that is meant.
fn chosen<'a>(files: &'a [Value], sequence: Option<u64>, endpoint: &Endpoint) -> Result<&'a Value> {
    let number = |file: &Value| file.get("bill_sequence").and_then(Value::as_u64);
    match (files, sequence) {
        ([], _) => Err(Error::bill(endpoint.clone(), "it lists no file".to_owned())),
        ([only], None) => Ok(only),
        (files, wanted) => {
            let found = files
                .iter()
                .find(|file| wanted.is_some() && number(file) == wanted);
            found.ok_or_else(|| {
                let numbers: Vec<_> = files.iter().filter_map(number).collect();
                let numbers: Vec<_> = numbers.iter().map(u64::to_string).collect();
                let part = format!("the bill has the files {}", numbers.join(", "));
                Error::request(part, ".sequence(number) with one of them").at(endpoint)
            })
        }
    }
}

/// How much of a bill is taken.
#[derive(Clone, Copy)]
struct Limit {
    unzipped: u64,
    /// Where it goes into memory.
    in_memory: Option<usize>,
    /// Of a file that has to be decrypted as a whole.
    packed: usize,
}

/// Hands on the pieces of a bill, and sees at its end that it is the one that was promised.
fn take(
    mut body: BodyReader,
    promise: Promise,
    limit: Limit,
    progress: Option<Progress>,
    is_wanted: &dyn Fn() -> bool,
    sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<(u64, BodyReader)> {
    let reported = Reported::new(&mut body, progress);
    let taken = pieces(reported, &promise, limit, is_wanted, sink);
    let (length, found) = taken.map_err(|error| explained(error, &mut body))?;
    if found.eq_ignore_ascii_case(&promise.digest) {
        return Ok((length, body));
    }
    Err(body.untrusted(Check::Bill {
        promised: Short(&promise.digest).to_string(),
        found,
    }))
}

/// A body of which somebody is told how much has come.
struct Reported<'a> {
    inner: &'a mut BodyReader,
    done: u64,
    total: Option<u64>,
    progress: Option<Progress>,
}

impl<'a> Reported<'a> {
    fn new(inner: &'a mut BodyReader, progress: Option<Progress>) -> Self {
        let total = inner.header(header::CONTENT_LENGTH.as_str());
        Self {
            done: 0,
            total: total.and_then(|total| total.parse().ok()),
            inner,
            progress,
        }
    }
}

impl BufRead for Reported<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
        self.done = self.done.saturating_add(amount as u64);
        if let Some(report) = self.progress.as_mut().filter(|_| amount > 0) {
            report(self.done, self.total);
        }
    }
}

impl io::Read for Reported<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut piece = self.fill_buf()?;
        let read = piece.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

/// The bill's length and its digest.
fn pieces(
    body: Reported<'_>,
    promise: &Promise,
    limit: Limit,
    is_wanted: &dyn Fn() -> bool,
    sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<(u64, String)> {
    let status = body.inner.status();
    let too_large = |limit| io::Error::other(ArrivalError::TooLarge { status, limit });
    let Some(key) = &promise.key else {
        return unpacked(body, status, limit, is_wanted, sink);
    };
    let mut packed = Vec::new();
    body.take(limit.packed as u64 + 1)
        .read_to_end(&mut packed)?;
    if packed.len() > limit.packed {
        return Err(too_large(limit.packed));
    }
    let opened = crate::aes_gcm::open(packed, key.key.as_bytes(), key.nonce.as_bytes());
    let opened = Cursor::new(opened.map_err(io::Error::other)?);
    unpacked(opened, status, limit, is_wanted, sink)
}

fn unpacked(
    mut packed: impl BufRead,
    status: StatusCode,
    limit: Limit,
    is_wanted: &dyn Fn() -> bool,
    sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<(u64, String)> {
    let mut start = Vec::new();
    packed.by_ref().take(2).read_to_end(&mut start)?;
    let is_gzip = start == GZIP;
    let whole = Cursor::new(start).chain(packed);
    let mut plain: Box<dyn io::Read + '_> = match is_gzip {
        true => Box::new(MultiGzDecoder::new(whole)),
        false => Box::new(whole),
    };
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    let mut length = 0_u64;
    let mut chunk = vec![0; CHUNK];
    while is_wanted() {
        let read = match plain.read(&mut chunk) {
            Ok(0) => return Ok((length, hex(context.finish().as_ref()))),
            Ok(read) => read,
            Err(error) if error.get_ref().is_some_and(|inner| inner.is::<Error>()) => {
                return Err(error);
            }
            Err(error) => return Err(io::Error::other(ArrivalError::Gzip(error))),
        };
        length = length.saturating_add(read as u64);
        if let Some(limit) = limit.in_memory.filter(|limit| length > *limit as u64) {
            return Err(io::Error::other(ArrivalError::TooLarge { status, limit }));
        }
        if length > limit.unzipped {
            let limit = limit.unzipped;
            return Err(io::Error::other(ArrivalError::Unzipped { limit }));
        }
        let piece = chunk.get(..read).unwrap_or_default();
        context.update(piece);
        sink(piece)?;
    }
    Err(io::Error::other("nobody waits for it any more"))
}
