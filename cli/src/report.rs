//! Checks, a line each: that it is good, or the fix in words.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::{Map, Value, json};

use crate::exit::{Code, Failure, Result};
use crate::output::{self, GOOD, WIDTH};

const BAD: Style = AnsiColor::Red.on_default().bold();
const NOTE: Style = AnsiColor::Yellow.on_default().bold();
const FAINT: Style = Style::new().dimmed();

/// Where the text of a line begins.
const INDENT: usize = 20;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Good,
    /// It works, and wants attention.
    Note,
    /// Whose exit code this is.
    Bad(Code),
    /// There was nothing to check it with.
    Skipped,
}

/// One check.
#[derive(Debug)]
pub(crate) struct Check {
    name: &'static str,
    state: State,
    text: String,
    /// What is said below it.
    more: Vec<String>,
    /// What came and what was expected, for those who ask, by name.
    explained: Vec<(&'static str, String)>,
}

impl Check {
    fn new(name: &'static str, state: State, text: impl Into<String>) -> Self {
        Self {
            name,
            state,
            text: text.into(),
            more: Vec::new(),
            explained: Vec::new(),
        }
    }

    pub(crate) fn good(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(name, State::Good, text)
    }

    pub(crate) fn note(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(name, State::Note, text)
    }

    pub(crate) fn bad(name: &'static str, code: Code, text: impl Into<String>) -> Self {
        Self::new(name, State::Bad(code), text)
    }

    pub(crate) fn skipped(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(name, State::Skipped, text)
    }

    /// Adds a line below it.
    pub(crate) fn more(mut self, text: impl Into<String>) -> Self {
        self.more.push(text.into());
        self
    }

    /// Adds what is told on request.
    pub(crate) fn explain(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.explained.push((name, text.into()));
        self
    }

    fn word(&self) -> (&'static str, Style) {
        match self.state {
            State::Good => ("ok", GOOD),
            State::Note => ("note", NOTE),
            State::Bad(_) => ("wrong", BAD),
            State::Skipped => ("-", FAINT),
        }
    }

    /// As text, in lines that fit a terminal.
    pub(crate) fn text(&self, explain: bool) -> String {
        // A line that a program reads stays one.
        let width = match output::is_terminal() {
            true => WIDTH - INDENT,
            false => usize::MAX,
        };
        let (word, style) = self.word();
        let mut lines = format!("{style}{word:<6}{style:#} {:<12} ", self.name);
        let below = format!("\n{}", " ".repeat(INDENT));
        lines.push_str(&output::wrapped(&self.text, width, &below));
        for text in &self.more {
            lines.push_str(&below);
            lines.push_str(&output::wrapped(text, width, &below));
        }
        if explain {
            for (name, text) in &self.explained {
                // As it is: it is to be compared.
                let _ = write!(lines, "{below}{FAINT}{name}{FAINT:#} {text}");
            }
        }
        lines
    }

    fn json(&self, explain: bool) -> Value {
        let mut fields = Map::new();
        let (word, _) = self.word();
        let state = if word == "-" { "skipped" } else { word };
        fields.insert("check".to_owned(), json!(self.name));
        fields.insert("state".to_owned(), json!(state));
        fields.insert("text".to_owned(), json!(self.text));
        if !self.more.is_empty() {
            fields.insert("more".to_owned(), json!(self.more));
        }
        if explain {
            for (name, text) in &self.explained {
                fields.insert((*name).to_owned(), json!(text));
            }
        }
        Value::Object(fields)
    }
}

/// All checks of a command.
#[derive(Debug, Default)]
pub(crate) struct Report {
    checks: Vec<Check>,
}

impl Report {
    pub(crate) fn add(&mut self, check: Check) {
        self.checks.push(check);
    }

    /// As text.
    pub(crate) fn text(&self, explain: bool) -> String {
        let lines: Vec<_> = self
            .checks
            .iter()
            .map(|check| check.text(explain))
            .collect();
        lines.join("\n")
    }

    pub(crate) fn json(&self, explain: bool) -> Value {
        self.checks
            .iter()
            .map(|check| check.json(explain))
            .collect()
    }

    pub(crate) fn is_good(&self) -> bool {
        self.code().is_none()
    }

    /// Whether a longer text tells only what a check has told.
    pub(crate) fn has_said(&self, text: &str) -> bool {
        let mut bad = self
            .checks
            .iter()
            .filter(|check| matches!(check.state, State::Bad(_)));
        bad.any(|check| text.contains(&check.text))
    }

    /// How the command ends: what is wrong with keys comes before what follows from it.
    pub(crate) fn end(&self) -> Result<()> {
        match self.code() {
            None => Ok(()),
            Some(code) => Err(Failure::shown(code)),
        }
    }

    fn code(&self) -> Option<Code> {
        let mut codes = self.checks.iter().filter_map(|check| match check.state {
            State::Bad(code) => Some(code),
            State::Good | State::Note | State::Skipped => None,
        });
        let first = codes.clone().next();
        codes.find(|code| *code == Code::Configuration).or(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_key_comes_before_what_follows_from_it() {
        let mut report = Report::default();
        report.add(Check::good("one", ""));
        assert!(report.end().is_ok());
        report.add(Check::bad("two", Code::Refused, ""));
        assert_eq!(report.code(), Some(Code::Refused));
        report.add(Check::bad("three", Code::Configuration, ""));
        assert_eq!(report.code(), Some(Code::Configuration));
    }
}
