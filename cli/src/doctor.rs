//! `wechatpay doctor`: whether keys, clock and network are as WeChat Pay wants them, check by check.

use std::time::{Duration, Instant};

use serde_json::json;
use wechatpay_chain::rsa::{PrivateKey, PublicKey};
use wechatpay_chain::{Client, Error, Response, pem};

use crate::Globals;
use crate::account::{Account, Setting, Settings};
use crate::certs::{WHERE, answered, has_public_key_only, is_about_key};
use crate::exit::{Code, Result};
use crate::report::{Check, Report};
use crate::{output, wait, when, words};

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Before a certificate expires, in seconds: a new one takes a few days to be made and rolled out.
const SOON: u64 = 30 * 24 * 60 * 60;
/// How far the clocks may be apart, in seconds, and from where on it is told of.
const MAXIMUM_OFFSET: u64 = 300;
const NOTICEABLE_OFFSET: u64 = 30;
const PLACE: &str = "pay.weixin.qq.com → 账户中心 → API安全";
const ENTRANCES: [&str; 2] = [
    "https://api.mch.weixin.qq.com/",
    "https://api2.mch.weixin.qq.com/",
];
/// What is asked for: it changes nothing, and every merchant may ask.
const PROBED: &str = "v3/certificates";

/// `wechatpay doctor`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each line is ok, or says what to do. Exit code 3 where a key or a setting is
bad, otherwise that of the first failure. Nothing is changed anywhere: the
requests are GET v3/certificates.")]
pub(crate) struct Args {
    /// Check what needs no network
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    settings: Settings,
}

pub(crate) fn run(args: &Args, globals: &Globals) -> Result<()> {
    let account = args.settings.account()?;
    if account.is_empty() {
        account.client()?;
    }
    let mut doctor = Doctor {
        account: &account,
        report: Report::default(),
        is_quiet: globals.json,
    };
    doctor.keys()?;
    let client = doctor.settings()?;
    match client {
        _ if args.offline => {}
        Some(_) if account.private_key.is_some() => doctor.network()?,
        _ => doctor.say(Check::skipped(
            "network",
            "not tried: it takes a request of APIv3, and its settings are not all there",
        ))?,
    }
    if globals.json {
        output::json_line(&json!({
            "ok": doctor.report.is_good(),
            "checks": doctor.report.json(false),
        }))?;
    }
    doctor.report.end()
}

struct Doctor<'a> {
    account: &'a Account,
    report: Report,
    /// All is shown at the end.
    is_quiet: bool,
}

/// What a request came to.
type Outcome = wechatpay_chain::Result<Response>;

impl Doctor<'_> {
    /// Tells of a check at once: the next one may take its time.
    fn say(&mut self, check: Check) -> Result<()> {
        if !self.is_quiet {
            output::line(check.text(false))?;
        }
        self.report.add(check);
        Ok(())
    }

    /// Every key by itself, and what fits together.
    fn keys(&mut self) -> Result<()> {
        let account = self.account;
        let private = self.private_key()?;
        self.merchant_certificate(private.as_ref())?;
        for (serial, setting) in &account.certs {
            self.say(platform_key(serial, setting, private.as_ref()))?;
        }
        if account.certs.is_empty() && account.private_key.is_some() {
            self.say(match account.apiv3_key {
                Some(_) => Check::skipped(
                    "platform key",
                    "none is configured: certificates are fetched with the APIv3 key",
                ),
                None => Check::bad(
                    "platform key",
                    Code::Configuration,
                    "none is configured, and there is no APIv3 key to fetch certificates with",
                )
                .more(WHERE),
            })?;
        }
        self.say(match &account.apiv3_key {
            None => Check::skipped(
                "APIv3 key",
                "none is configured; notifications and certificates want it: --apiv3-key-file FILE",
            ),
            Some(key) if key.value.len() == 32 => Check::good("APIv3 key", "32 bytes"),
            Some(key) => Check::bad(
                "APIv3 key",
                Code::Configuration,
                format!(
                    "{} bytes, from {}; wanted are 32",
                    key.value.len(),
                    key.origin
                ),
            )
            .more(format!("it is set at {PLACE} → APIv3密钥")),
        })?;
        if let Some(key) = &account.secret {
            self.say(match key.value.len() {
                32 => Check::good("APIv2 key", "32 characters"),
                length => Check::note(
                    "APIv2 key",
                    format!(
                        "{length} characters, from {}; WeChat Pay's have 32",
                        key.origin
                    ),
                ),
            })?;
        }
        Ok(())
    }

    fn private_key(&mut self) -> Result<Option<PrivateKey>> {
        const NAME: &str = "private key";
        let Some(setting) = &self.account.private_key else {
            self.say(match self.account.secret {
                Some(_) => Check::skipped(NAME, "none is configured: requests of APIv2 alone"),
                None => Check::bad(
                    NAME,
                    Code::Configuration,
                    "none is configured: --private-key FILE with apiclient_key.pem",
                ),
            })?;
            return Ok(None);
        };
        match PrivateKey::try_from(&setting.value) {
            Ok(key) => {
                let bits = bits(&key.sign(""));
                self.say(Check::good(
                    NAME,
                    format!("RSA of {bits} bits, from {}", origin(setting)),
                ))?;
                Ok(Some(key))
            }
            Err(error) => {
                self.say(broken(NAME, setting, &error))?;
                Ok(None)
            }
        }
    }

    /// The merchant's certificate: its dates, its serial, and whether the private key is its own.
    fn merchant_certificate(&mut self, private: Option<&PrivateKey>) -> Result<()> {
        const NAME: &str = "certificate";
        let account = self.account;
        let Some(setting) = &account.merchant_certificate else {
            if account.private_key.is_some() {
                self.say(Check::skipped(
                    NAME,
                    "none is configured; --merchant-certificate FILE with apiclient_cert.pem has its dates, its \
                     serial and its private key checked",
                ))?;
            }
            return Ok(());
        };
        let loaded = pem::serial_number(&setting.value).and_then(|serial| {
            let key = PublicKey::try_from(&setting.value)?;
            Ok((serial, pem::validity(&setting.value)?, key))
        });
        let (own, dates, key) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => return self.say(broken(NAME, setting, &error)),
        };
        let renew = format!("a new one is made at {PLACE} → 商户API证书");
        self.say(dated(NAME, &own, dates, &renew))?;
        if let Some(private) = private {
            let is_pair = key.verify("", private.sign(""));
            self.say(if is_pair {
                Check::good("pair", "the private key is the certificate's")
            } else {
                Check::bad(
                    "pair",
                    Code::Configuration,
                    format!(
                        "the private key ({}) is not that of the certificate ({})",
                        origin(account.private_key.as_ref().unwrap_or(setting)),
                        origin(setting)
                    ),
                )
                .more("apiclient_key.pem and apiclient_cert.pem must come from the same download")
            })?;
        }
        self.say(match &account.serial {
            None => Check::good("serial", format!("the certificate says it: {own}")),
            Some(given) if given.value.trim().eq_ignore_ascii_case(&own) => {
                Check::good("serial", "that of the certificate")
            }
            Some(given) => Check::bad(
                "serial",
                Code::Configuration,
                format!(
                    "{} is configured by {}, and the certificate's is {own}",
                    given.value, given.origin
                ),
            ),
        })
    }

    /// What the SDK says of all settings together.
    fn settings(&mut self) -> Result<Option<Client>> {
        const NAME: &str = "settings";
        let account = self.account;
        match account.builder().build() {
            Ok(client) => {
                let mchid = account.mchid.as_ref().map_or("", |mchid| &mchid.value);
                self.say(Check::good(
                    NAME,
                    format!("merchant {mchid} at {}", account.host()),
                ))?;
                Ok(Some(client))
            }
            Err(error) => {
                let text = words::of(&error);
                self.say(if self.report.has_said(&text) {
                    Check::skipped(NAME, "not tried: see above")
                } else {
                    Check::bad(NAME, Code::Configuration, text)
                })?;
                Ok(None)
            }
        }
    }

    fn network(&mut self) -> Result<()> {
        let account = self.account;
        let bases: Vec<String> = match &account.base_uri {
            Some(base) => vec![base.value.clone()],
            None => ENTRANCES.map(str::to_owned).to_vec(),
        };
        let mut outcome = None;
        for base in bases {
            let builder = account.builder().base_uri(&base).without_second_entrance();
            let client = builder.build()?;
            let started = Instant::now();
            let request = client.chain(PROBED).get().timeout(LIMIT);
            let answered = wait::for_answer(request, false)?;
            let now = when::now();
            self.say(entrance(&base, &answered, started.elapsed()))?;
            if outcome.is_none() && is_answered(&answered) {
                outcome = Some((client, answered, now));
            }
        }
        let Some((client, answered, now)) = outcome else {
            return self.say(Check::skipped("request", "not tried: nothing answers"));
        };
        if let Some(check) = clock(&answered, now) {
            self.say(check)?;
        }
        self.say(request(&answered))?;
        if let Some(check) = answer(&answered) {
            self.say(check)?;
        }
        self.decryption_and_mode(&client, &answered)
    }

    /// Whether the APIv3 key opens what comes, and by which keys the merchant is told.
    fn decryption_and_mode(&mut self, client: &Client, answered: &Outcome) -> Result<()> {
        const NAME: &str = "decryption";
        let is_of_keys = |serial: &String| serial.starts_with("PUB_KEY_ID_");
        let has_public_key = self.account.certs.keys().any(is_of_keys);
        let mut has_certificates = answered.is_ok();
        if self.account.apiv3_key.is_some() {
            let fetched = wait::for_answer(client.certificates(), false)?;
            has_certificates |= fetched.is_ok();
            self.say(match &fetched {
                Ok(certificates) => Check::good(
                    NAME,
                    format!("the APIv3 key opens the {} platform certificates", certificates.len()),
                ),
                Err(error) if is_about_key(error) => {
                    has_certificates = true;
                    Check::bad(
                        NAME,
                        Code::Configuration,
                        "the APIv3 key does not open the platform certificates: another one is set at WeChat Pay",
                    )
                    .more(format!("compare it with the one at {PLACE} → APIv3密钥"))
                }
                Err(error) if has_public_key_only(error) => Check::skipped(
                    NAME,
                    "there are no certificates to try the APIv3 key on; wechatpay verify tries it on a notification",
                ),
                Err(error) => Check::skipped(NAME, format!("no certificates came: {error}")),
            })?;
        }
        let is_without = answered.as_ref().is_err_and(has_public_key_only);
        let check = match (has_certificates, has_public_key) {
            (true, true) => Check::good(
                "key mode",
                "the public key; platform certificates are there, too, so the change to it may still be under way",
            ),
            (true, false) => Check::good("key mode", "platform certificates"),
            (false, true) if is_without => Check::good("key mode", "the public key alone"),
            (false, false) if is_without => Check::bad(
                "key mode",
                Code::Configuration,
                "the public key alone, and it is not configured here",
            )
            .more(WHERE),
            _ => Check::skipped(
                "key mode",
                "unknown: the request for certificates did not tell",
            ),
        };
        self.say(check)
    }
}

/// Where a setting comes from: of a file its address.
fn origin(setting: &Setting) -> String {
    match setting.value.strip_prefix("file://") {
        Some(path) => format!("{} {path}", setting.origin),
        None => setting.origin.clone(),
    }
}

fn broken(name: &'static str, setting: &Setting, error: &Error) -> Check {
    Check::bad(name, Code::Configuration, words::of(error))
        .more(format!("from {}", origin(setting)))
}

/// How many bits a text in base64 has, which is the size of the RSA key that made it.
fn bits(base64: &str) -> usize {
    let padding = base64
        .bytes()
        .rev()
        .take_while(|byte| *byte == b'=')
        .count();
    (base64.len() / 4 * 3 - padding) * 8
}

/// What a certificate's dates say.
fn dated(
    name: &'static str,
    serial: &str,
    (from, to): (std::time::SystemTime, std::time::SystemTime),
    renew: &str,
) -> Check {
    let now = when::now();
    let day = when::day(to);
    let to = when::of_system(to);
    if when::of_system(from) > now {
        let from = when::day(from);
        let text = format!("{serial} is valid from {from} on: compare the clock of this machine");
        Check::bad(name, Code::Configuration, text)
    } else if to < now {
        let text = format!("{serial} expired on {day}");
        Check::bad(name, Code::Configuration, text).more(renew)
    } else if to - now < SOON {
        Check::note(name, format!("{serial} expires on {day}")).more(renew)
    } else {
        Check::good(name, format!("{serial}, valid until {day}"))
    }
}

fn platform_key(serial: &str, setting: &Setting, private: Option<&PrivateKey>) -> Check {
    const NAME: &str = "platform key";
    let key = match PublicKey::try_from(&setting.value) {
        Ok(key) => key,
        Err(error) => return broken(NAME, setting, &error),
    };
    if private.is_some_and(|private| key.verify("", private.sign(""))) {
        let text = format!(
            "{serial} is the merchant's own key, from {}",
            origin(setting)
        );
        return Check::bad(NAME, Code::Configuration, text).more(WHERE);
    }
    match (
        pem::serial_number(&setting.value),
        pem::validity(&setting.value),
    ) {
        (Ok(own), _) if !own.eq_ignore_ascii_case(serial.trim()) => Check::bad(
            NAME,
            Code::Configuration,
            format!("a certificate under the serial {serial}, and its own is {own}"),
        ),
        (_, Ok(dates)) => dated(
            NAME,
            serial,
            dates,
            "wechatpay certs -o FOLDER fetches those of today",
        ),
        _ => {
            let size = key.encrypt("").map_or(0, |text| bits(&text));
            Check::good(NAME, format!("{serial}, RSA of {size} bits"))
        }
    }
}

/// Whether anything came back.
fn is_answered(outcome: &Outcome) -> bool {
    !matches!(
        outcome,
        Err(Error::Connect(_) | Error::Timeout(_) | Error::Transport(_))
    )
}

fn entrance(base: &str, outcome: &Outcome, took: Duration) -> Check {
    const NAME: &str = "entrance";
    let host = base.split_once("://").map_or(base, |(_, rest)| rest);
    let host = host.trim_end_matches('/');
    match outcome {
        Err(error) if !is_answered(outcome) => {
            let code = if error.is_connect() {
                Code::NotSent
            } else {
                Code::Unknown
            };
            Check::bad(NAME, code, words::of(error))
                .more("see to the name server, the firewall and the route of this machine")
        }
        _ => Check::good(
            NAME,
            format!("{host} answers within {} ms", took.as_millis()),
        ),
    }
}

/// The clock here, when the answer had come, against that of the server.
fn clock(outcome: &Outcome, here: u64) -> Option<Check> {
    const NAME: &str = "clock";
    let date = match outcome {
        Ok(response) => response.header("date").map(str::to_owned),
        Err(error) => {
            let answer = error.clone().into_response()?;
            let date = answer.headers().get("date")?;
            date.to_str().ok().map(str::to_owned)
        }
    };
    let there = when::of_http_date(&date?)?;
    let apart = here.abs_diff(there);
    let side = if here > there { "ahead of" } else { "behind" };
    let text = format!("{apart} s {side} the server's");
    Some(if apart > MAXIMUM_OFFSET {
        Check::bad(NAME, Code::Configuration, text).more(format!(
            "at most {MAXIMUM_OFFSET} s are allowed: set the clock of this machine, and keep it so by NTP"
        ))
    } else if apart > NOTICEABLE_OFFSET {
        Check::note(NAME, text).more("keep the clock of this machine by NTP")
    } else {
        let text = format!("within {NOTICEABLE_OFFSET} s of the server's");
        Check::good(NAME, text)
    })
}

/// Whether the signature of the request was accepted.
fn request(outcome: &Outcome) -> Check {
    const NAME: &str = "request";
    match outcome {
        Ok(_) | Err(Error::Verify(_) | Error::Decode(_)) => {
            Check::good(NAME, "signed, and accepted by WeChat Pay")
        }
        Err(error) if has_public_key_only(error) => {
            let text = format!("signed, and accepted by WeChat Pay ({})", answered(error));
            Check::good(NAME, text)
        }
        Err(error) => {
            let code = match error.api() {
                Some(api) if api.status().is_server_error() => Code::ServerError,
                Some(_) => Code::Refused,
                None => Code::NotTrusted,
            };
            let check = Check::bad(NAME, code, words::of(error));
            if error.api().is_some_and(|api| api.status().as_u16() == 401) {
                check.more(
                    "merchant number, serial and private key must be of one merchant certificate",
                )
            } else {
                check
            }
        }
    }
}

/// Whether the answer is verified; nothing where there is none to verify.
fn answer(outcome: &Outcome) -> Option<Check> {
    const NAME: &str = "answer";
    match outcome {
        Ok(response) => {
            let serial = response.header("wechatpay-serial").unwrap_or_default();
            Some(Check::good(
                NAME,
                format!("signed by {serial}, and verified"),
            ))
        }
        Err(error @ (Error::Verify(_) | Error::Decode(_))) => {
            Some(Check::bad(NAME, Code::NotTrusted, words::of(error)))
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_key_is_read_from_what_it_makes() {
        assert_eq!(bits(&format!("{}==", "A".repeat(342))), 2048);
        assert_eq!(bits(&"A".repeat(512)), 3072);
    }
}
