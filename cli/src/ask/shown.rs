//! An answer, for people on a terminal and as it came into a pipe.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use serde_json::Value;
use ureq::http::{HeaderMap, StatusCode};
use wechatpay_chain::{Error, Request, Response, transformer};

use super::pointers;
use crate::exit::{Code, Failure, Result, io as io_failure};
use crate::output::{self, STRONG};
use crate::pretty;

/// How answers are shown.
pub(super) struct Shown<'a> {
    /// With status and headers.
    pub(super) include: bool,
    /// As JSON in one line.
    pub(super) json: bool,
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
                return self.body(response.bytes(), data.as_ref());
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
            self.body(refusal.bytes(), data.ok().as_ref())?;
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
        if output::is_terminal() && !self.json {
            return output::line(pretty::json(&data));
        }
        output::json_line(&data)
    }

    fn body(&self, bytes: &[u8], data: Option<&Value>) -> Result<()> {
        // An answer of APIv2 is XML, and what is empty has no line.
        let data = data.filter(|data| !data.is_null());
        match data {
            Some(data) if self.json && !is_json(bytes) => output::json_line(data),
            Some(data) if output::is_terminal() && !self.json => output::line(pretty::json(data)),
            _ if !output::is_terminal() => output::bytes(bytes),
            _ => match std::str::from_utf8(bytes) {
                Ok("") => Ok(()),
                Ok(text) => output::line(text.trim_end_matches('\n')),
                Err(_) => {
                    output::warn(format!(
                        "{} bytes that are no text: -o FILE, or a pipe, takes them",
                        bytes.len()
                    ));
                    Ok(())
                }
            },
        }
    }
}

fn is_json(bytes: &[u8]) -> bool {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'['))
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
pub(super) fn streamed(request: Request, include: bool) -> Result<bool> {
    let mut body = match request.stream().wait() {
        Ok(body) => body,
        Err(Error::Request(_)) => return Ok(false),
        Err(error) => {
            let shown = Shown {
                include,
                json: false,
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
        if piece.is_empty() {
            return Ok(true);
        }
        output::bytes(piece)?;
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

/// How far a download is, on one line of a terminal.
pub(super) struct Progress {
    is_shown: bool,
    /// The last line.
    said: String,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            is_shown: io::stderr().is_terminal(),
            said: String::new(),
        }
    }

    pub(super) fn show(&mut self, done: u64, of: Option<u64>) {
        if !self.is_shown {
            return;
        }
        let said = match of {
            Some(of) if of > 0 => format!("{} of {}", megabytes(done), megabytes(of)),
            _ => megabytes(done),
        };
        if said != self.said {
            let _ = write!(io::stderr(), "\r{said}\x1b[K");
            self.said = said;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if !self.said.is_empty() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10)
}
