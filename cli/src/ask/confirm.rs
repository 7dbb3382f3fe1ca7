//! Asks before something may change at a real host.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::net::IpAddr;

use wechatpay_chain::catalogue::Endpoint;

use super::title;
use crate::account::Account;
use crate::exit::{Code, Failure, Result};
use crate::output::{self, STRONG};

/// Whether to ask: the host is a real one, and somebody is there to answer.
pub(super) fn is_wanted(endpoint: Option<Endpoint>, account: &Account) -> bool {
    let is_attended = io::stdin().is_terminal() && io::stderr().is_terminal();
    is_attended && account.sandbox.is_none() && !is_loopback(&host(endpoint, account))
}

/// Asks whether to send it.
pub(super) fn ask(
    verb: &str,
    path: &str,
    endpoint: Option<Endpoint>,
    account: &Account,
) -> Result<()> {
    let host = host(endpoint, account);
    let merchant = account.mchid.as_ref().map_or("", |mchid| &mchid.value);
    output::say(format!(
        "merchant {STRONG}{merchant}{STRONG:#} at {STRONG}{host}{STRONG:#}: {verb} {path}{}",
        title(endpoint)
    ));
    let mut line = String::new();
    let mut stderr = io::stderr();
    let asked = stderr
        .write_all(b"send it? [y/N] ")
        .and_then(|()| stderr.flush())
        .and_then(|()| io::stdin().lock().read_line(&mut line));
    if asked.is_ok() && is_yes(&line) {
        return Ok(());
    }
    Err(Failure::new(
        Code::Interrupted,
        "not sent; --yes sends without asking",
    ))
}

/// The host that the request goes to: the endpoint's own, unless another was configured.
fn host(endpoint: Option<Endpoint>, account: &Account) -> String {
    let own = endpoint.and_then(|endpoint| endpoint.host());
    match (own, &account.base_uri) {
        (Some(own), None) => own.to_owned(),
        _ => account.host(),
    }
}

fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Whether a host, perhaps with a port, is this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.unwrap_or_default();
    let is_address = name.parse::<IpAddr>().is_ok_and(|it| it.is_loopback());
    is_address || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_no_real_host() {
        for host in ["127.0.0.1:8080", "[::1]:8080", "localhost", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["api.mch.weixin.qq.com", "127.0.0.1.example.com:443", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn only_yes_is_yes() {
        for line in ["y\n", "YES\r\n", " yes "] {
            assert!(is_yes(line));
        }
        for line in ["", "\n", "n\n", "yeah\n"] {
            assert!(!is_yes(line));
        }
    }
}
