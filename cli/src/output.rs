//! What is shown: data on standard output, talk on standard error.

use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::Globals;
use crate::exit::{Code, Failure, Result};

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

/// Whether somebody reads standard output on a terminal.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Writes bytes to standard output as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .or_else(unless_closed)
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
        true => line(format!("{value:#}")),
        false => json_line(value),
    }
}

/// Writes what was received: as it is into a pipe; on a terminal JSON is indented, and the last line
/// ends.
pub(crate) fn received(body: &[u8], globals: &Globals) -> Result<()> {
    if !is_terminal() {
        return bytes(body);
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(json) => value(&json, globals),
        Err(_) if body.is_empty() => Ok(()),
        Err(_) => line(String::from_utf8_lossy(body).trim_end()),
    }
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
