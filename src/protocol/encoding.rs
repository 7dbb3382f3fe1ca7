//! What `Content-Encoding` did to a body, undone: a signature covers what was there before.

use std::io::{self, Read as _};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

/// What `Content-Encoding` says of a body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// It is `identity`.
    Named,
    Gzip,
    /// None, or one that can't be undone.
    Left,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Self {
        let mut all = headers.get_all(CONTENT_ENCODING).iter();
        let (Some(only), None) = (all.next(), all.next()) else {
            return Self::Left;
        };
        let text = only.to_str().unwrap_or_default().trim();
        let is = |name: &str| text.eq_ignore_ascii_case(name);
        if is("identity") {
            Self::Named
        } else if is("gzip") || is("x-gzip") {
            Self::Gzip
        } else {
            Self::Left
        }
    }
}

/// More came out of a gzip than may be held in memory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// An answer whose `Content-Encoding: gzip` is undone, if no more than `largest` bytes come out; one
/// of another encoding, or that is no gzip, stays as it is, and so does its header.
pub(crate) fn plain(
    mut answer: http::Response<Bytes>,
    largest: usize,
) -> Result<http::Response<Bytes>, TooLarge> {
    let encoding = Encoding::of(answer.headers());
    if encoding == Encoding::Left {
        return Ok(answer);
    }
    if encoding == Encoding::Gzip && !answer.body().is_empty() {
        let Ok(body) = unzipped(answer.body(), largest)? else {
            return Ok(answer);
        };
        answer.headers_mut().remove(CONTENT_LENGTH);
        *answer.body_mut() = body.into();
    }
    answer.headers_mut().remove(CONTENT_ENCODING);
    Ok(answer)
}

/// What is in a gzip, if that is no more than `largest` bytes.
fn unzipped(gzip: &[u8], largest: usize) -> Result<io::Result<Vec<u8>>, TooLarge> {
    let mut body = Vec::new();
    let most = (largest as u64).saturating_add(1);
    match MultiGzDecoder::new(gzip).take(most).read_to_end(&mut body) {
        Ok(length) if length > largest => Err(TooLarge),
        Ok(_) => Ok(Ok(body)),
        Err(error) => Ok(Err(error)),
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
        assert_eq!(unzipped(&bomb, 64 * 1024).unwrap().unwrap(), zeros);
        assert!(unzipped(&bomb, 64 * 1024 - 1).is_err());
        // However many of them stand in a row.
        assert!(unzipped(&bomb.repeat(100), 64 * 1024).is_err());
    }

    #[test]
    fn an_answer_whose_gzip_can_not_be_undone_stays_as_it_is() {
        let packed = |body: &'static [u8]| {
            let answer = http::Response::builder().header(CONTENT_ENCODING, "gzip");
            plain(answer.body(Bytes::from_static(body)).unwrap(), 1024).unwrap()
        };
        let answer = packed(b"no gzip");
        assert_eq!(answer.headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(answer.body(), "no gzip");
    }
}
