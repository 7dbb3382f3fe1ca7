//! `wechatpay endpoints`: which endpoints there are.

use anstyle::{AnsiColor, Style};
use serde_json::json;
use wechatpay_chain::catalogue::{Endpoint, endpoints};

use crate::Globals;
use crate::exit::{Failure, Result};
use crate::{meant, output};

pub(crate) const VERB: Style = AnsiColor::Cyan.on_default();

/// `wechatpay endpoints`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Words of a path or a title, or a verb
    ///
    /// All of them must be there. With a slash before it, a word is the beginning of a path.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// What may come next in a path that begins so, for a shell
    #[arg(long, value_name = "PREFIX", hide = true, conflicts_with = "words")]
    complete: Option<String>,
}

pub(crate) fn run(args: &Args, globals: &Globals) -> Result<()> {
    if let Some(prefix) = &args.complete {
        return complete(prefix);
    }
    let words: Vec<_> = args.words.iter().map(|word| word.to_lowercase()).collect();
    let found: Vec<_> = endpoints()
        .filter(|endpoint| words.iter().all(|word| has(endpoint, word)))
        .collect();
    if found.is_empty() {
        return Err(nothing(&args.words));
    }
    let mut text = String::new();
    for endpoint in found {
        text.push_str(&match globals.json {
            true => as_json(&endpoint),
            false => shown(&endpoint),
        });
        text.push('\n');
    }
    output::line(text.trim_end())
}

fn has(endpoint: &Endpoint, word: &str) -> bool {
    if let Some(start) = word.strip_prefix('/') {
        return endpoint.path().to_lowercase().starts_with(start);
    }
    endpoint.verb().eq_ignore_ascii_case(word)
        || endpoint.path().to_lowercase().contains(word)
        || endpoint.title().to_lowercase().contains(word)
}

fn shown(endpoint: &Endpoint) -> String {
    let (verb, path, title) = (endpoint.verb(), endpoint.path(), endpoint.title());
    format!("{VERB}{verb:<6}{VERB:#} {path}  {title}")
}

fn as_json(endpoint: &Endpoint) -> String {
    let line = json!({
        "verb": endpoint.verb(),
        "path": endpoint.path(),
        "title": endpoint.title(),
        "host": endpoint.host(),
        "documentation": endpoint.documentation(),
    });
    line.to_string()
}

fn nothing(words: &[String]) -> Failure {
    let given = words.join(" ");
    let paths = meant::paths();
    let segments: Vec<_> = paths.iter().flat_map(|path| path.split('/')).collect();
    let [word] = words else {
        return Failure::usage(format_args!("no endpoint has all of: {given}"));
    };
    let word = word.trim_start_matches('/');
    let near = match word.contains('/') {
        true => meant::word(word, paths.iter().map(String::as_str)),
        false => meant::word(word, segments),
    };
    match near {
        Some(near) => Failure::usage(format_args!(
            "no endpoint has {given}; probably meant: {near}"
        )),
        None => Failure::usage(format_args!("no endpoint has {given}")),
    }
}

/// The paths that begin so, up to their next slash; where there is only one way on, it is gone.
fn complete(prefix: &str) -> Result<()> {
    let slash = if prefix.starts_with('/') { "/" } else { "" };
    let paths = meant::paths();
    let mut prefix = prefix.trim_start_matches('/').to_owned();
    let found = loop {
        let mut found: Vec<_> = paths
            .iter()
            .filter_map(|path| path.strip_prefix(&prefix))
            .map(|rest| match rest.split_once('/') {
                Some((segment, _)) => format!("{prefix}{segment}/"),
                None => format!("{prefix}{rest}"),
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        match found.as_slice() {
            [only] if only.ends_with('/') && *only != prefix => prefix.clone_from(only),
            _ => break found,
        }
    };
    let found: Vec<_> = found
        .iter()
        .map(|path| format!("{slash}{path}\n"))
        .collect();
    output::bytes(found.concat().as_bytes())
}
