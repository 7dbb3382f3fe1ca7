//! What `Content-Encoding` did to a body, undone: a signature covers what was there before.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::HeaderValue;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

/// How much may come out of a gzip: a statement of millions of lines, and no more.
const LARGEST: u64 = 512 * 1024 * 1024;

/// An answer whose `Content-Encoding: gzip` is undone; one of another encoding, or that is no gzip,
/// stays as it is, and so does its header.
pub(crate) fn plain(answer: http::Response<Bytes>) -> http::Response<Bytes> {
    let is_gzip = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        ["gzip", "x-gzip"]
            .iter()
            .any(|name| text.trim().eq_ignore_ascii_case(name))
    };
    let headers = answer.headers();
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if headers.get_all(CONTENT_ENCODING).iter().count() == 1 => {
            if encoding.as_bytes().eq_ignore_ascii_case(b"identity") {
                return without_encoding(answer, None);
            }
            if !is_gzip(encoding) {
                return answer;
            }
            if answer.body().is_empty() {
                return without_encoding(answer, None);
            }
        }
        _ => return answer,
    }
    match unzipped(answer.body(), LARGEST) {
        Some(body) => without_encoding(answer, Some(body)),
        None => answer,
    }
}

/// What is in a gzip, if that is no more than `largest` bytes.
fn unzipped(gzip: &[u8], largest: u64) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    let length = MultiGzDecoder::new(gzip)
        .take(largest + 1)
        .read_to_end(&mut body)
        .ok()?;
    (length as u64 <= largest).then_some(body)
}

fn without_encoding(
    mut answer: http::Response<Bytes>,
    body: Option<Vec<u8>>,
) -> http::Response<Bytes> {
    answer.headers_mut().remove(CONTENT_ENCODING);
    match body {
        None => answer,
        Some(body) => {
            answer.headers_mut().remove(CONTENT_LENGTH);
            answer.map(|_| body.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn a_gzip_is_not_expanded_beyond_the_limit() {
        let zeros = vec![0; 64 * 1024];
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&zeros).unwrap();
        let bomb = encoder.finish().unwrap();
        assert!(bomb.len() < 200, "{}", bomb.len());
        assert_eq!(unzipped(&bomb, 64 * 1024), Some(zeros));
        assert_eq!(unzipped(&bomb, 64 * 1024 - 1), None);
        // However many of them stand in a row.
        assert_eq!(unzipped(&bomb.repeat(100), 64 * 1024), None);
    }

    #[test]
    fn an_answer_whose_gzip_can_not_be_undone_stays_as_it_is() {
        let packed = |body: &'static [u8]| {
            let answer = http::Response::builder().header(CONTENT_ENCODING, "gzip");
            plain(answer.body(Bytes::from_static(body)).unwrap())
        };
        let answer = packed(b"no gzip");
        assert_eq!(answer.headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(answer.body(), "no gzip");
    }
}
