//! Files that are uploaded: multipart, of which the `meta` part is signed.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, BufRead as _};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::formatter;
use crate::options;
use crate::payload::compact;
use crate::transport::body::{Body, Content, Hashed, off_thread, sha256};

const DIGEST_KEY: &str = "sha256";
const FILENAME_KEY: &str = "filename";

/// Above this, hashing takes longer than an executor's thread should be held.
const SMALL: usize = 256 * 1024;

/// A file to upload: PHP's `MediaUtil`, given to `.post(…)` as the body.
///
/// It goes as `multipart/form-data`: the part `meta`, whose JSON is what gets signed, then the
/// fields, then the file. A file on disk is read twice in small pieces, once for its SHA-256 and
/// once while it is sent; it is never in memory as a whole. Of a file that changed in between, the
/// end is not sent, and the request fails with [`Error::Transport`], which names it.
///
/// ```
/// # use wechatpay_chain::Media;
/// # let sandbox = wechatpay_sandbox::Sandbox::start_blocking()?;
/// # let client = sandbox.client();
/// let licence = Media::new("营业执照.jpg", vec![0xff, 0xd8, 0xff]);
/// let upload = client.v3().merchant().media().upload();
/// let response = upload.post(&licence).wait()?;
/// assert!(response.data()?["media_id"].is_string());
/// // The same media can be sent again.
/// client.v3().marketing().favor().media().image_upload().post(licence).wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A mistake in a setter surfaces when the request is sent, before any byte leaves.
///
/// Source: <https://pay.weixin.qq.com/doc/v3/merchant/4012365336>.
#[derive(Clone)]
#[must_use = "a media is the body of a request"]
pub struct Media {
    source: Source,
    /// `None` for a path whose name is not UTF-8.
    filename: Option<String>,
    content_type: Option<String>,
    meta: Option<Value>,
    filename_key: Option<String>,
    digest_key: Option<String>,
    part: Option<String>,
    fields: Vec<(String, String)>,
    /// Whether it goes to APIv2: without `meta`, its fields signed.
    is_of_v2: bool,
}

#[derive(Clone)]
enum Source {
    Bytes(Bytes),
    File(Arc<Path>),
}

impl Media {
    /// A file on disk, by its path or as PHP's `file:///absolute/path`. Its name is what stands
    /// after the last slash.
    ///
    /// The address is taken as it stands, as PHP takes it: a `%20` in it is no space. The content is
    /// read when the request is sent.
    ///
    /// # Errors
    /// [`Error::Request`] with the path, when it is no file that can be read.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        let given = path.as_ref();
        let address = given.to_str().and_then(|text| text.strip_prefix("file://"));
        let path = address.map_or(given, Path::new);
        if address.is_some() && !path.is_absolute() {
            return Err(Error::request(
                format!("Media::from_path: {}", given.display()),
                "file:///absolute/path, or a path without file://",
            ));
        }
        // A pipe would block in `open`.
        let opened = std::fs::metadata(path).and_then(|metadata| {
            if metadata.is_file() {
                File::open(path)
            } else {
                Err(io::Error::other("it is no regular file"))
            }
        });
        if let Err(error) = opened {
            let wanted = if address.is_some_and(|address| address.contains('%')) {
                "a file that can be read; %XX in an address is not decoded"
            } else {
                "a file that can be read"
            };
            let part = format!("Media::from_path: {}: {error}", path.display());
            return Err(Error::request(part, wanted));
        }
        let name = path.file_name().and_then(|name| name.to_str());
        Ok(Self::with(
            Source::File(path.into()),
            name.map(str::to_owned),
        ))
    }

    /// A file in memory. Of a `filename` with slashes, only what stands after the last one is sent.
    pub fn new(filename: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self::with(Source::Bytes(bytes.into()), Some(base_name(filename)))
    }

    fn with(source: Source, filename: Option<String>) -> Self {
        Self {
            source,
            filename,
            content_type: None,
            meta: None,
            filename_key: None,
            digest_key: None,
            part: None,
            fields: Vec::new(),
            is_of_v2: false,
        }
    }

    /// Another name for the file, as WeChat Pay gets to see it.
    pub fn filename(mut self, filename: impl Into<String>) -> Self {
        self.filename = Some(base_name(filename));
        self
    }

    /// The `Content-Type` of the file's part; by default what the extension of its name says, or
    /// `application/octet-stream`.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// The JSON of the part `meta`, which is sent and signed exactly as it is given; by default
    /// `{"filename":…,"sha256":…}`.
    ///
    /// The name and the digest of the file are added to it only where
    /// [`filename_key`](Self::filename_key) and [`digest_key`](Self::digest_key) ask for them:
    ///
    /// ```
    /// # use serde_json::json;
    /// # use wechatpay_chain::Media;
    /// # let client = wechatpay_sandbox::Sandbox::start_blocking()?.client();
    /// let receipt = Media::new("a.jpg", "x").meta(json!({ "id": 1 })).digest_key("sha256");
    /// let request = client.chain("v3/marketing/shopping-receipt/shoppingreceipts").post(receipt);
    /// let body = request.into_http()?.into_body();
    /// let body = String::from_utf8_lossy(&body);
    /// assert!(body.contains(r#"{"id":1,"sha256":"2d711642b726b04401627ca9fbac32f5c8530fb1903c"#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn meta(mut self, meta: Value) -> Self {
        self.meta = Some(meta);
        self
    }

    /// The key in `meta` for the file's name; by default `filename`.
    ///
    /// With a [`meta`](Self::meta) of your own, the name is added to it under this key, unless the
    /// key is there.
    pub fn filename_key(mut self, key: impl Into<String>) -> Self {
        self.filename_key = Some(key.into());
        self
    }

    /// The key in `meta` for the file's SHA-256 in lower-case hexadecimal; by default `sha256`,
    /// and `digest` or `file_digest` at some endpoints.
    ///
    /// With a [`meta`](Self::meta) of your own, the digest is added to it under this key, unless the
    /// key is there.
    pub fn digest_key(mut self, key: impl Into<String>) -> Self {
        self.digest_key = Some(key.into());
        self
    }

    /// The name of the file's part; by default `file`, and `submission_file` or
    /// `due_diligence_file` at some endpoints; to APIv2 by default `media`.
    pub fn part(mut self, name: impl Into<String>) -> Self {
        self.part = Some(name.into());
        self
    }

    /// One more field, such as `item_id`, which goes as a part before the file. It is not signed.
    ///
    /// APIv2's one upload has no `meta`, and these are its fields, which are signed:
    ///
    /// ```
    /// # use wechatpay_chain::{Client, Media, hash};
    /// # let client = Client::builder()
    /// #     .mchid("1900000109")
    /// #     .secret("the APIv2 key, of 32 characters.")
    /// #     .build()?;
    /// let bytes = vec![0xff, 0xd8, 0xff];
    /// let media = Media::new("a.jpg", bytes.clone())
    ///     .field("mch_id", "1900000109")
    ///     .field("media_hash", hash::md5(bytes, ""))
    ///     .field("sign_type", "HMAC-SHA256");
    /// let request = client.v2().secapi().mch().uploadmedia().post(media);
    /// # Ok::<(), wechatpay_chain::Error>(())
    /// ```
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    fn part_name(&self) -> &str {
        let default = if self.is_of_v2 { "media" } else { "file" };
        self.part.as_deref().unwrap_or(default)
    }

    /// The fields of an upload to APIv2, each in a piece of its own.
    pub(crate) fn pieces(&self) -> Result<Vec<Value>> {
        if self.meta.is_some() || self.filename_key.is_some() || self.digest_key.is_some() {
            return Err(Error::request(
                "the media's meta is APIv3's, and this is a call of APIv2",
                "Media::field(name, value) for each of its fields",
            ));
        }
        let pieces = self.fields.iter();
        let piece = |(name, value): &(String, String)| json!({ name: value });
        Ok(pieces.map(piece).collect())
    }

    /// The same file with the signed fields of APIv2.
    pub(crate) fn with_signed(mut self, fields: Vec<(String, String)>) -> Self {
        self.fields = fields;
        self.is_of_v2 = true;
        self
    }

    /// The `meta` that was given, if one was.
    pub(crate) fn own_meta(&self) -> Option<&Value> {
        self.meta.as_ref()
    }

    #[cfg(feature = "aws-lc-rs")]
    pub(crate) fn own_meta_mut(&mut self) -> Option<&mut Value> {
        self.meta.as_mut()
    }

    /// Reads the file for its digest, without blocking the thread that polls.
    pub(crate) async fn prepare(self) -> Result<Upload> {
        self.check()?;
        match &self.source {
            Source::Bytes(bytes) if bytes.len() <= SMALL => self.prepare_here(&|| true),
            _ => {
                let prepared = off_thread(move |is_wanted| self.prepare_here(is_wanted)).await;
                prepared.unwrap_or_else(|error| {
                    Err(Error::request(
                        format!("the file can't be read: {error}"),
                        "a runtime that lives on",
                    ))
                })
            }
        }
    }

    /// Reads the file for its digest on this thread.
    pub(crate) fn prepare_here(self, is_wanted: &dyn Fn() -> bool) -> Result<Upload> {
        let (filename, content_type) = self.check()?;
        let (content, digest) = match &self.source {
            Source::Bytes(bytes) => (Content::Bytes(bytes.clone()), sha256(bytes)),
            Source::File(path) => {
                let hashed = Hashed::read(Arc::clone(path), is_wanted).map_err(|error| {
                    let part = format!("the file {} can't be read: {error}", path.display());
                    Error::request(part, "a file that stays until it is sent")
                })?;
                let digest = hashed.digest;
                (Content::File(hashed), digest)
            }
        };
        let mut hex = String::with_capacity(2 * digest.len());
        for byte in digest {
            let _ = write!(hex, "{byte:02x}");
        }
        let meta = self.meta_of(filename, hex)?;
        let boundary = self.boundary(&meta);
        let mut head = String::new();
        // Writing to a String can't fail.
        if !self.is_of_v2 {
            let _ = write!(
                head,
                "--{boundary}\r\nContent-Disposition: form-data; name=\"meta\"\r\n\
                 Content-Type: application/json\r\n\r\n{meta}\r\n"
            );
        }
        let (part, filename) = (quoted(self.part_name()), quoted(filename));
        let file = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{part}\"; \
             filename=\"{filename}\"\r\nContent-Type: {content_type}\r\n\r\n"
        );
        let form = format!("multipart/form-data; boundary={boundary}");
        let Ok(form) = HeaderValue::try_from(form) else {
            return Err(Error::request("the boundary can't be sent", "another one"));
        };
        let mut upload = Upload {
            meta: meta.into(),
            head,
            fields: String::new(),
            file,
            content,
            tail: format!("\r\n--{boundary}--\r\n").into(),
            content_type: form,
            boundary,
        };
        let fields = self.fields.iter();
        upload.set_fields(fields.map(|(name, value)| (name.as_str(), value.as_str())));
        Ok(upload)
    }

    /// The name of the file and its content type, when everything that is given can be sent.
    fn check(&self) -> Result<(&str, &str)> {
        let Some(filename) = self.filename.as_deref() else {
            return Err(Error::request(
                "the file's name is not UTF-8",
                "another one, by Media::filename(name)",
            ));
        };
        check_name("the file's name", filename)?;
        check_name("the name of the file's part", self.part_name())?;
        for (name, _) in &self.fields {
            check_name("the name of a field", name)?;
        }
        let content_type = self.content_type.as_deref();
        let content_type = content_type.unwrap_or_else(|| by_extension(filename));
        if content_type.is_empty() || HeaderValue::from_str(content_type).is_err() {
            return Err(Error::request(
                "the content type of the file is empty or holds a control character",
                "one such as image/jpeg",
            ));
        }
        Ok((filename, content_type))
    }

    fn meta_of(&self, filename: &str, digest: String) -> Result<String> {
        let is_default = self.meta.is_none();
        let key = |own: &Option<String>, default: &str| {
            own.clone()
                .or_else(|| is_default.then(|| default.to_owned()))
        };
        let added = [
            (key(&self.filename_key, FILENAME_KEY), filename.to_owned()),
            (key(&self.digest_key, DIGEST_KEY), digest),
        ];
        let mut meta = match &self.meta {
            Some(meta) => meta.clone(),
            None => Value::Object(Map::new()),
        };
        for (key, value) in added {
            let Some(key) = key else { continue };
            let Some(fields) = meta.as_object_mut() else {
                return Err(Error::request(
                    format!("meta is {}, and {key} is to be added", options::kind(&meta)),
                    "an object",
                ));
            };
            fields.entry(key).or_insert(Value::String(value));
        }
        Ok(compact(&meta))
    }

    /// A boundary that occurs in nothing that can be looked at. In a file on disk it would have to
    /// be guessed: it has 190 bits of randomness.
    fn boundary(&self, meta: &str) -> String {
        loop {
            let boundary = formatter::nonce();
            let occurs = |text: &[u8]| contains(text, boundary.as_bytes());
            let in_fields = |(name, value): &(String, String)| {
                occurs(name.as_bytes()) || occurs(value.as_bytes())
            };
            let in_content = match &self.source {
                Source::Bytes(bytes) => occurs(bytes),
                Source::File(_) => false,
            };
            if !in_content && !occurs(meta.as_bytes()) && !self.fields.iter().any(in_fields) {
                return boundary;
            }
        }
    }
}

impl fmt::Debug for Media {
    /// Neither the name nor the content: a licence's name may be a person's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Bytes(bytes) => write!(f, "Media({} bytes)", bytes.len()),
            Source::File(_) => f.write_str("Media(a file)"),
        }
    }
}

/// A media whose digest is known: what is signed, and a body for each attempt to send it.
#[derive(Clone)]
pub(crate) struct Upload {
    /// The JSON of the part `meta`, which is signed.
    pub(crate) meta: Bytes,
    pub(crate) content_type: HeaderValue,
    boundary: String,
    /// The part `meta`, if there is one.
    head: String,
    /// The parts that are fields.
    fields: String,
    /// What stands before the content of the file.
    file: String,
    content: Content,
    tail: Bytes,
}

impl Upload {
    pub(crate) fn body(&self) -> Body {
        let head = [self.head.as_str(), &self.fields, &self.file].concat();
        Body::stream(head.into(), self.content.clone(), self.tail.clone())
    }

    /// Takes these fields instead of those that it had.
    pub(crate) fn set_fields<'a>(&mut self, fields: impl Iterator<Item = (&'a str, &'a str)>) {
        let boundary = &self.boundary;
        self.fields.clear();
        for (name, value) in fields {
            // Writing to a String can't fail.
            let _ = write!(
                self.fields,
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n\
                 {value}\r\n",
                quoted(name)
            );
        }
    }
}

/// What stands after the last slash, as PHP's `basename`.
fn base_name(name: impl Into<String>) -> String {
    let name = name.into();
    match name.rsplit_once('/') {
        Some((_, last)) => last.to_owned(),
        None => name,
    }
}

/// Refuses what would end the line or the text in which a name stands.
fn check_name(what: &str, name: &str) -> Result<()> {
    let problem = if name.is_empty() {
        "is empty"
    } else if name.contains(['\r', '\n', '\0']) {
        "holds a line break or a NUL"
    } else {
        return Ok(());
    };
    Err(Error::request(
        format!("{what} {problem}"),
        "a name on one line",
    ))
}

/// A name between quotes, as browsers write it: raw UTF-8, but for the quote.
fn quoted(name: &str) -> String {
    name.replace('"', "%22")
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    let Some((&first, others)) = wanted.split_first() else {
        return true;
    };
    let mut rest = text;
    // The fast search of the standard library; reading from a slice can't fail. At the end, where
    // nothing was found, nothing is left.
    while rest.skip_until(first).is_ok_and(|skipped| skipped > 0) {
        if rest.starts_with(others) {
            return true;
        }
    }
    false
}

fn by_extension(filename: &str) -> &'static str {
    let extension = filename.rsplit_once('.').map_or("", |(_, last)| last);
    match extension.to_ascii_lowercase().as_str() {
        "bmp" => "image/bmp",
        "gif" => "image/gif",
        "jpeg" | "jpg" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        "avi" => "video/x-msvideo",
        "f4v" => "video/x-f4v",
        "flv" => "video/x-flv",
        "m4v" => "video/x-m4v",
        "mkv" => "video/x-matroska",
        "mov" => "video/quicktime",
        "mp4" => "video/mp4",
        "mpeg" | "mpg" => "video/mpeg",
        "rmvb" => "application/vnd.rn-realmedia-vbr",
        "wmv" => "video/x-ms-wmv",
        "csv" => "text/csv",
        "doc" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "xls" => "application/vnd.ms-excel",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn meta(media: Media) -> Result<String> {
        let upload = media.prepare_here(&|| true)?;
        Ok(String::from_utf8(upload.meta.to_vec()).unwrap())
    }

    #[test]
    fn the_keys_of_the_default_meta_have_other_names_where_they_are_given() {
        let media = || Media::new("a.png", "x");
        let digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
        let expected = json!({ "filename": "a.png", "sha256": digest });
        assert_eq!(meta(media()).unwrap(), expected.to_string());
        let expected = json!({ "file_name": "a.png", "file_digest": digest });
        let renamed = media().filename_key("file_name").digest_key("file_digest");
        assert_eq!(meta(renamed).unwrap(), expected.to_string());
        assert_eq!(meta(media().meta(json!({}))).unwrap(), "{}");
        let own = media().meta(json!({ "digest": "mine", "n": 1.0 }));
        let expected = r#"{"digest":"mine","n":1}"#;
        assert_eq!(meta(own.clone()).unwrap(), expected);
        // What is there stays.
        assert_eq!(meta(own.digest_key("digest")).unwrap(), expected);
        let list = media().meta(json!([1]));
        assert_eq!(meta(list.clone()).unwrap(), "[1]");
        let error = meta(list.digest_key("sha256")).unwrap_err().to_string();
        assert!(error.contains("meta is a list"), "{error}");
    }

    #[test]
    fn a_name_with_a_line_break_or_a_nul_is_refused_wherever_it_stands() {
        for bad in ["a\rb", "a\nb", "a\0b", ""] {
            let media = || Media::new("a.png", "x");
            for media in [
                media().filename(bad),
                media().part(bad),
                media().field(bad, ""),
                media().content_type(bad),
            ] {
                let error = meta(media).unwrap_err();
                assert!(matches!(error, Error::Request(_)), "{error:?}");
            }
        }
        meta(Media::new("a.png", "x").field("n", "two\r\nlines")).unwrap();
    }

    #[test]
    fn the_content_type_goes_by_the_extension_in_any_case() {
        assert_eq!(by_extension("营业执照.JPG"), "image/jpeg");
        assert_eq!(by_extension("a.tar.mp4"), "video/mp4");
        assert_eq!(by_extension("jpg"), "application/octet-stream");
        assert_eq!(by_extension("a."), "application/octet-stream");
    }

    #[test]
    fn a_text_is_found_anywhere() {
        assert!(contains(b"xxab", b"ab") && contains(b"aabxx", b"ab"));
        assert!(!contains(b"a", b"ab") && !contains(b"", b"ab"));
    }
}
