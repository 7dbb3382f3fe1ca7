//! An answer, for people on a terminal and as it came into a pipe.

use std::io::{self, BufRead as _};

use ureq::http::{HeaderMap, StatusCode};
use wechatpay_chain::{Error, Request, Response, transformer};

use super::pointers;
use crate::Globals;
use crate::exit::{Code, Failure, Result, io as io_failure};
use crate::output::{self, STRONG};

/// How answers are shown.
pub(super) struct Shown<'a> {
    /// With status and headers.
    pub(super) include: bool,
    pub(super) globals: &'a Globals,
    /// With these ciphertexts opened.
    pub(super) decrypt: &'a [String],
}

impl Shown<'_> {
    /// Shows an answer, a refusal's too; one that is not trusted is only told of.
    pub(super) fn answer(&self, answer: wechatpay_chain::Result<Response>) -> Result<()> {
        let error = match answer {
            Ok(response) => {
                if self.include {
                    head(response.status(), response.headers())?;
                }
                if response.bytes().is_empty() && !self.include && output::is_terminal() {
                    output::say(format!("{}: no content", response.status()));
                }
                if !self.decrypt.is_empty() {
                    return self.opened(&response);
                }
                let data = response.data().ok();
                return output::received(response.bytes(), data.as_ref(), self.globals);
            }
            Err(error) => error,
        };
        if let Error::Api(refusal) = &error {
            let answer = error.clone().into_response();
            if let Some(answer) = answer.filter(|_| self.include) {
                head(answer.status(), answer.headers())?;
            }
            let text = std::str::from_utf8(refusal.bytes()).unwrap_or_default();
            let data = serde_json::from_str(text).or_else(|_| transformer::to_value(text));
            output::received(refusal.bytes(), data.ok().as_ref(), self.globals)?;
        }
        hint(&error);
        Err(error.into())
    }

    /// Shows what is sensitive in it, which was asked for.
    fn opened(&self, response: &Response) -> Result<()> {
        let (is_known, pointers) = pointers(self.decrypt);
        let data = match (is_known, pointers.as_slice()) {
            (true, []) => response.decrypt_known()?,
            (false, pointers) => response.decrypt(pointers)?,
            (true, _) => {
                return Err(Failure::usage("--decrypt: known, or pointers, not both"));
            }
        };
        output::value(&data, self.globals)
    }
}

/// What the command can do about an error, beyond the error's own words.
pub(super) fn hint(error: &Error) {
    if error.api().is_some_and(|api| api.code() == "SIGN_ERROR") {
        output::say("--dry-run shows the message that is signed; wechatpay doctor checks the keys");
    }
}

/// Status and headers, and the empty line behind them.
pub(super) fn head(status: StatusCode, headers: &HeaderMap) -> Result<()> {
    let mut text = format!("{STRONG}HTTP {status}{STRONG:#}\n");
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        text.push_str(&format!("{}: {value}\n", capitalised(name.as_str())));
    }
    output::line(text)
}

/// A header's name as it is mostly written.
pub(super) fn capitalised(name: &str) -> String {
    let mut capital = true;
    name.chars()
        .map(|character| {
            let is_first = std::mem::replace(&mut capital, character == '-');
            if is_first {
                character.to_ascii_uppercase()
            } else {
                character
            }
        })
        .collect()
}

/// Copies an answer to standard output as it comes, where the endpoint signs nothing. `false` where it
/// is signed as a whole; nothing was sent then.
pub(super) fn streamed(request: Request, include: bool, globals: &Globals) -> Result<bool> {
    let mut body = match request.stream().wait() {
        Ok(body) => body,
        Err(Error::Request(_)) => return Ok(false),
        Err(error) => {
            let shown = Shown {
                include,
                globals,
                decrypt: &[],
            };
            return shown.answer(Err(error)).map(|()| true);
        }
    };
    if include {
        head(body.status(), body.headers())?;
    }
    loop {
        let piece = body.fill_buf().map_err(broken_off)?;
        // The rest is not fetched for a reader that has seen enough.
        if piece.is_empty() || !output::piece(piece)? {
            return Ok(true);
        }
        let length = piece.len();
        body.consume(length);
    }
}

fn broken_off(error: io::Error) -> Failure {
    match error.downcast::<Error>() {
        Ok(error) => error.into(),
        Err(error) => io_failure(Code::Unknown, "the answer", &error),
    }
}
