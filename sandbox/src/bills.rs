//! Bills: asked for by date, then fetched with a token; and files of any size, made while they go
//! out.
//!
//! Tokens of a test's own choice: `stream-N` is a file of N bytes, up to a gigabyte, and `stalled-N`
//! promises a gigabyte, sends N bytes and stands still.

use std::io::Write as _;
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::json;

use crate::answer::{Answer, Signed, number};
use crate::connect;
use crate::received::Received;

/// The one bill there is, of whatever day.
const BILL: &str = "\u{feff}交易时间,公众账号ID\r\n`2024-01-01 00:00:00,`wx8888888888888888\r\n\
    总交易单数\r\n`1\r\n";
const HASH: &str = "2e3f3dc01165deaecd4b026380ae28bff2290bb7";
const PLAIN: &str = "sandbox-plain";
const GZIP: &str = "sandbox-gzip";

/// The largest file that is made.
const LARGEST: u64 = 1024 * 1024 * 1024;
/// What is made at a time.
static PIECE: [u8; 64 * 1024] = [b'0'; 64 * 1024];

#[derive(Default)]
pub(crate) struct Bills {
    /// Where a bill's address leads to.
    base: OnceLock<String>,
}

impl Bills {
    pub(crate) fn set_base(&self, base_uri: &str) {
        // It is set once, at the start.
        let _ = self.base.set(base_uri.to_owned());
    }

    /// Tells where a bill is, and its digest.
    pub(crate) fn ask(&self, request: &Received) -> Answer {
        let is_date = |date: &str| {
            let shape = date.bytes().map(|byte| match byte {
                b'0'..=b'9' => b'0',
                other => other,
            });
            shape.eq(*b"0000-00-00")
        };
        if !query(request, "bill_date").is_some_and(is_date) {
            return wrong("bill_date");
        }
        let token = match query(request, "tar_type") {
            None => PLAIN,
            Some("GZIP") => GZIP,
            Some(_) => return wrong("tar_type"),
        };
        // Where the sandbox was the proxy, the file is at the host that was asked.
        let base = match connect::is_host(request.host()) {
            true => format!("https://{}/", request.host()),
            false => self.base.get().cloned().unwrap_or_default(),
        };
        Answer::ok(&json!({
            "hash_type": "SHA1",
            "hash_value": HASH,
            "download_url": format!("{base}v3/billdownload/file?token={token}"),
        }))
        .shape()
    }

    /// Gives the file of a token, unsigned.
    pub(crate) fn file(request: &Received) -> Answer {
        let (kind, body) = match query(request, "token") {
            Some(PLAIN) => ("text/plain", Bytes::from_static(BILL.as_bytes())),
            Some(GZIP) => ("application/x-gzip", Bytes::from(gzip())),
            _ if made(request).is_some() => ("application/octet-stream", Bytes::new()),
            _ => {
                let message = "token无效或已过期，请重新申请账单";
                return Answer::error(
                    StatusCode::BAD_REQUEST,
                    "INVALID_REQUEST",
                    message,
                    None,
                    number::OTHER,
                );
            }
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        Answer::raw(StatusCode::OK, headers, body, Signed::No)
    }
}

/// The file that a token asks to be made, while it goes out.
pub(crate) fn made(request: &Received) -> Option<Made> {
    if request.path() != "/v3/billdownload/file" {
        return None;
    }
    let (kind, length) = query(request, "token")?.split_once('-')?;
    let length = length.parse().ok().filter(|length| *length <= LARGEST)?;
    match kind {
        "stream" => Some(Made {
            promised: length,
            left: length,
        }),
        "stalled" => Some(Made {
            promised: LARGEST,
            left: length,
        }),
        _ => None,
    }
}

/// A file that is never held as a whole.
#[derive(Debug)]
pub(crate) struct Made {
    promised: u64,
    left: u64,
}

impl Made {
    /// The bytes that are promised and not sent yet.
    pub(crate) fn promised(&self) -> u64 {
        self.promised
    }

    /// The next piece; `None` where it ends or stands still.
    pub(crate) fn piece(&mut self) -> Option<Bytes> {
        let length = PIECE.len().min(usize::try_from(self.left).ok()?);
        let piece = PIECE.get(..length).filter(|piece| !piece.is_empty())?;
        self.left -= length as u64;
        self.promised -= length as u64;
        Some(Bytes::from_static(piece))
    }
}

fn wrong(name: &str) -> Answer {
    Answer::error(
        StatusCode::BAD_REQUEST,
        "PARAM_ERROR",
        "参数错误",
        Some(json!({ "location": "query", "field": name })),
        number::PARAMETER,
    )
}

fn query<'a>(request: &'a Received, name: &str) -> Option<&'a str> {
    let (_, query) = request.target().split_once('?')?;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(known, _)| *known == name)?;
    Some(value)
}

fn gzip() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Memory takes whatever is written.
    let _ = encoder.write_all(BILL.as_bytes());
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_length_comes_in_pieces() {
        let made = |token: &str| {
            let target = format!("/v3/billdownload/file?token={token}");
            made(&Received::for_test("GET", &target, &[], ""))
        };
        let mut file = made("stream-100000").unwrap();
        let mut lengths = Vec::new();
        while let Some(piece) = file.piece() {
            lengths.push(piece.len());
        }
        assert_eq!(lengths, [65536, 34464]);
        assert_eq!(file.promised(), 0);
        assert!(made("stream-1073741824").is_some());
        assert!(made("stream-1073741825").is_none());
        assert!(made("stream-x").is_none());
        assert!(made("bill-1").is_none());
        let mut stalled = made("stalled-10").unwrap();
        assert_eq!(stalled.piece().unwrap().len(), 10);
        assert!(stalled.piece().is_none());
        assert!(stalled.promised() > 0);
    }
}
