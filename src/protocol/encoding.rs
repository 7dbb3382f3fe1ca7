//! What `Content-Encoding` did to a body, undone: a signature covers what was there before.

use std::io::{self, Read as _, Write as _};
use std::mem;

use bytes::{Buf as _, Bytes};
use flate2::read::MultiGzDecoder;
use flate2::write;
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

/// What undoes the `Content-Encoding` of a body that comes in pieces; the headers then say nothing of
/// it. `None` where there is nothing to undo, or nothing that can be undone.
pub(crate) fn unzip(headers: &mut HeaderMap) -> Option<Unzip> {
    let encoding = Encoding::of(headers);
    if encoding != Encoding::Left {
        headers.remove(CONTENT_ENCODING);
    }
    if encoding != Encoding::Gzip {
        return None;
    }
    headers.remove(CONTENT_LENGTH);
    Some(Unzip {
        decoder: write::MultiGzDecoder::new(Vec::new()),
        has_begun: false,
    })
}

/// A gzip that is undone in pieces, none of which is much larger than 32 KB.
pub(crate) struct Unzip {
    decoder: write::MultiGzDecoder<Vec<u8>>,
    has_begun: bool,
}

impl Unzip {
    /// What comes out of the first bytes, which are taken from `input`.
    pub(crate) fn step(&mut self, input: &mut Bytes) -> io::Result<Bytes> {
        self.has_begun = true;
        let taken = self.decoder.write(input)?;
        let piece = mem::take(self.decoder.get_mut());
        if taken == 0 && piece.is_empty() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        input.advance(taken);
        Ok(piece.into())
    }

    /// What is left, if the gzip is whole. An empty body is taken for one of nothing.
    pub(crate) fn finish(mut self) -> io::Result<Bytes> {
        if self.has_begun {
            self.decoder.try_finish()?;
        }
        Ok(mem::take(self.decoder.get_mut()).into())
    }
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

    /// The pieces that come out of a gzip that comes in pieces of this length.
    fn pieces(gzip: &[u8], length: usize) -> io::Result<Vec<Bytes>> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, "gzip".parse().unwrap());
        let mut unzip = unzip(&mut headers).unwrap();
        assert!(headers.is_empty());
        let mut pieces = Vec::new();
        for input in gzip.chunks(length) {
            let mut input = Bytes::copy_from_slice(input);
            while !input.is_empty() {
                pieces.push(unzip.step(&mut input)?);
            }
        }
        pieces.push(unzip.finish()?);
        Ok(pieces)
    }

    #[test]
    fn a_gzip_in_pieces_is_undone_in_pieces_of_no_great_size() {
        let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 70_000) as u8).collect();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&content).unwrap();
        let gzip = encoder.finish().unwrap();
        for length in [1, 7, 4096, usize::MAX] {
            let pieces = pieces(&gzip, length).unwrap();
            assert!(pieces.iter().all(|piece| piece.len() <= 96 * 1024));
            assert!(pieces.concat() == content);
        }
        let twice = pieces(&gzip.repeat(2), 1000).unwrap().concat();
        assert!(twice == content.repeat(2));
        assert_eq!(pieces(b"", 1).unwrap().concat(), b"");
        for wrong in [
            &gzip[..gzip.len() - 1],
            &gzip[..gzip.len() - 8],
            &gzip[..20],
            &gzip[..5],
            b"no gzip",
            &[&gzip[..], b"more"].concat(),
        ] {
            assert!(pieces(wrong, 100).is_err(), "{}", wrong.len());
        }
        let mut altered = gzip.clone();
        *altered.last_mut().unwrap() ^= 1;
        assert!(pieces(&altered, 100).is_err());
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
