//! What is shown: data on standard output, talk on standard error.

use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::exit::{Code, Failure, Result};
use crate::{Globals, pretty};

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Also in a pipe
    Always,
    /// Nowhere
    Never,
}

impl Color {
    /// Decides for the whole process.
    pub(crate) fn apply(self) {
        let choice = match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const STRONG: Style = Style::new().bold();

/// Texts keep to so many columns.
pub(crate) const WIDTH: usize = 80;

/// Whether somebody reads standard output on a terminal.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Writes bytes to standard output as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<()> {
    piece(bytes).map(drop)
}

/// Writes bytes of which more will come, unless this says that nobody reads them any more.
pub(crate) fn piece(bytes: &[u8]) -> Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) => unless_closed(error).map(|()| false),
    }
}

/// Writes a text and a line feed to standard output; colours go where they are wanted.
pub(crate) fn line(text: impl AsRef<str>) -> Result<()> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{}", text.as_ref())
        .and_then(|()| out.flush())
        .or_else(unless_closed)
}

/// Writes JSON in one line to standard output.
pub(crate) fn json_line(value: &Value) -> Result<()> {
    line(value.to_string())
}

/// Writes JSON: indented for who reads it on a terminal, in one line for programs.
pub(crate) fn value(value: &Value, globals: &Globals) -> Result<()> {
    match is_terminal() && !globals.json {
        true => line(pretty::json(value)),
        false => json_line(value),
    }
}

/// Writes what was received, and what it says: as it is into a pipe; on a terminal indented, and no
/// bytes that are no text.
pub(crate) fn received(body: &[u8], data: Option<&Value>, globals: &Globals) -> Result<()> {
    // An answer of APIv2 is XML, and what is empty has no line.
    let data = data.filter(|data| !data.is_null());
    match data {
        Some(data) if globals.json && !is_json(body) => json_line(data),
        Some(data) if is_terminal() && !globals.json => line(pretty::json(data)),
        _ if !is_terminal() => bytes(body),
        _ => match std::str::from_utf8(body) {
            Ok("") => Ok(()),
            Ok(text) => line(text.trim_end_matches('\n')),
            Err(_) => {
                warn(format!(
                    "{} bytes that are no text: -o FILE, or a pipe, takes them",
                    body.len()
                ));
                Ok(())
            }
        },
    }
}

fn is_json(bytes: &[u8]) -> bool {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'['))
}

/// A text in lines of at most this width, broken at spaces; `below` begins each line but the first.
pub(crate) fn wrapped(text: &str, width: usize, below: &str) -> String {
    let mut wrapped = String::with_capacity(text.len());
    let mut used = 0;
    for word in text.split(' ') {
        let length = columns(word);
        if used > 0 && used + 1 + length > width {
            wrapped.push_str(below);
            used = 0;
        } else if used > 0 {
            wrapped.push(' ');
            used += 1;
        }
        wrapped.push_str(word);
        used += length;
    }
    wrapped
}

/// How many columns of a terminal a text takes: a Chinese character has two.
fn columns(text: &str) -> usize {
    let wide = |character| matches!(character, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{ffef}');
    text.chars()
        .map(|character| if wide(character) { 2 } else { 1 })
        .sum()
}

/// A reader that has seen enough, as `head` has, is no mistake.
pub(crate) fn unless_closed(error: io::Error) -> Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Ok(());
    }
    Err(crate::exit::io(Code::Bug, "standard output", &error))
}

/// Says something beside the data.
pub(crate) fn say(text: impl AsRef<str>) {
    // There is nowhere left to say that this can't be said.
    let _ = writeln!(anstream::stderr().lock(), "{}", text.as_ref());
}

pub(crate) fn warn(text: impl AsRef<str>) {
    say(format!("{WARNING}warning{WARNING:#}: {}", text.as_ref()));
}

/// Says why a command failed: for a person, or for a program as one line of JSON.
pub(crate) fn failed(failure: &Failure, as_json: bool) {
    if failure.message().is_empty() {
        return;
    }
    if as_json {
        let exit = failure.code();
        say(json!({ "error": failure.message(), "exit": exit }).to_string());
        return;
    }
    say(format!("{ERROR}error{ERROR:#}: {}", failure.message()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_spaces() {
        assert_eq!(wrapped("one two three", 7, "|"), "one two|three");
        assert_eq!(wrapped("微信 支付", 8, "|"), "微信|支付");
        assert_eq!(wrapped("longerthanthat x", 5, "|"), "longerthanthat|x");
    }
}
