//! `wechatpay verify`: whether a captured notification or answer can be trusted, check by check.

mod message;
mod undone;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use wechatpay_chain::rsa::PublicKey;
use wechatpay_chain::{Check as Failed, Client, Error, aes_gcm, formatter};

use self::message::Message;
use crate::Globals;
use crate::account::{Account, Settings};
use crate::exit::{Code, Failure, Result};
use crate::report::{Check, Report};
use crate::{input, output, pretty, wait, when, words};

/// How far the clocks may be apart, in seconds.
const MAXIMUM_OFFSET: u64 = 300;
const ALGORITHM: &str = "WECHATPAY2-SHA256-RSA2048";
const PROBE: &str = "WECHATPAY/SIGNTEST/";
/// What is shown of a message, in characters.
const SHOWN: usize = 240;

/// `wechatpay verify`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The message is a notification or an answer as it came: perhaps a start line,
the headers, an empty line, the body. What `wechatpay get -i` prints is one.
Of APIv2 the XML is enough. Nothing is sent, unless no platform key is
configured and certificates have to be fetched. Exit code 8 where it can't be
trusted.")]
pub(crate) struct Args {
    /// The whole message; - or none is standard input
    #[arg(value_name = "FILE", conflicts_with_all = ["headers", "body"])]
    message: Option<PathBuf>,
    /// The headers: lines of Name: value, or a JSON object; - is standard input
    #[arg(long, value_name = "FILE", requires = "body")]
    headers: Option<PathBuf>,
    /// The body, byte for byte; - is standard input
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// When it came, for the check of the clock: seconds since 1970, or RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    at: Option<u64>,
    /// Show what came and what it was compared with
    #[arg(long)]
    explain: bool,
    /// Print what was decrypted; the checks then go to standard error
    #[arg(long)]
    show: bool,
    #[command(flatten)]
    settings: Settings,
}

pub(crate) fn run(args: &Args, globals: &Globals) -> Result<()> {
    let message = args.message()?;
    let account = args.settings.account()?;
    let mut checked = Checked::default();
    if is_xml(&message.body) {
        checked.of_v2(&message, &account)?;
    } else {
        checked.of_v3(&message, &account, args.at)?;
    }
    checked.tell(args, globals)?;
    checked.report.end()
}

impl Args {
    fn message(&self) -> Result<Message> {
        match (&self.headers, &self.body) {
            (Some(headers), Some(body)) => {
                let headers = input::file(headers, "--headers", Code::Usage)?;
                let body = input::file(body, "--body", Code::Usage)?;
                Ok(Message::parts(&headers, &body))
            }
            (None, Some(body)) => {
                let body = input::file(body, "--body", Code::Usage)?;
                Ok(Message::parts(b"", &body))
            }
            _ => {
                let path = self.message.as_deref().unwrap_or_else(|| Path::new("-"));
                if path == Path::new("-") && io::stdin().is_terminal() {
                    return Err(Failure::usage(
                        "give the captured message as a FILE, in a pipe, or by --headers and --body",
                    ));
                }
                let message = input::file(path, "the message", Code::Usage)?;
                Ok(Message::whole(&message))
            }
        }
    }
}

fn is_xml(body: &[u8]) -> bool {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    first == Some(&b'<')
}

/// What came of the checks.
#[derive(Default)]
struct Checked {
    report: Report,
    /// What was decrypted, or of APIv2 the fields.
    plain: Option<String>,
}

/// The headers of a signature.
struct Signed<'a> {
    timestamp: &'a str,
    nonce: &'a str,
    serial: &'a str,
    signature: &'a str,
}

impl Signed<'_> {
    fn message(&self, body: &[u8]) -> Vec<u8> {
        let mut message = formatter::joined_by_line_feed([self.timestamp, self.nonce]).into_bytes();
        message.extend_from_slice(body);
        message.push(b'\n');
        message
    }
}

impl Checked {
    fn tell(&self, args: &Args, globals: &Globals) -> Result<()> {
        if globals.json {
            let mut told = Map::new();
            told.insert("trusted".to_owned(), json!(self.report.is_good()));
            told.insert("checks".to_owned(), self.report.json(args.explain));
            if let (true, Some(plain)) = (args.show, &self.plain) {
                let data = serde_json::from_str(plain).unwrap_or_else(|_| json!(plain));
                told.insert("data".to_owned(), data);
            }
            return output::json_line(&Value::Object(told));
        }
        let text = self.report.text(args.explain);
        if !args.show {
            return output::line(text);
        }
        output::say(text);
        match &self.plain {
            None => Ok(()),
            Some(plain) if output::is_terminal() => {
                let data = serde_json::from_str::<Value>(plain);
                output::line(data.map_or_else(|_| plain.clone(), |data| pretty::json(&data)))
            }
            Some(plain) => output::bytes(plain.as_bytes()),
        }
    }

    fn of_v3(&mut self, message: &Message, account: &Account, at: Option<u64>) -> Result<()> {
        let signed = self.headers(message);
        if let Some(signed) = &signed {
            self.clock(signed, at);
        }
        let opened = opened(&message.body, account);
        if let Some(signed) = signed {
            let keys = keys(account)?;
            if let Some(key) = self.serial(&signed, &keys) {
                let is_opened = matches!(opened, Opened::Plain(..));
                self.signature(message, &signed, key, is_opened);
            }
        }
        self.decryption(opened);
        Ok(())
    }

    fn headers<'a>(&mut self, message: &'a Message) -> Option<Signed<'a>> {
        const NAME: &str = "headers";
        let bad = |text: String| Check::bad(NAME, Code::NotTrusted, text);
        let names = [
            "Wechatpay-Timestamp",
            "Wechatpay-Nonce",
            "Wechatpay-Serial",
            "Wechatpay-Signature",
        ];
        let one = |name: &'static str| {
            let mut values = message.values(name);
            let first = values.next();
            (first, values.all(|other| Some(other) == first))
        };
        let found = names.map(one);
        let explained = |mut check: Check| {
            for (name, (value, _)) in names.into_iter().zip(found) {
                check = check.explain(name, value.map_or_else(|| "missing".to_owned(), quoted));
            }
            check
        };
        let of = |is_meant: fn(&(Option<&str>, bool)) -> bool| {
            let meant = names.into_iter().zip(&found);
            let meant = meant.filter(|(_, value)| is_meant(value));
            meant.map(|(name, _)| name).collect::<Vec<_>>().join(", ")
        };
        let twice = of(|(_, is_one)| !is_one);
        let [
            (Some(timestamp), _),
            (Some(nonce), _),
            (Some(serial), _),
            (Some(signature), _),
        ] = found
        else {
            let missing = of(|(value, _)| value.is_none());
            let check = bad(format!("missing: {missing}"));
            let check = if message.has_headers() {
                check
            } else {
                check.more("a file with headers, an empty line and the body is wanted, or --headers FILE beside --body FILE")
            };
            self.report.add(explained(check));
            return None;
        };
        let kind = one("Wechatpay-Signature-Type").0;
        let check = if !twice.is_empty() {
            bad(format!("two different values: {twice}"))
        } else if let Some(kind) = kind.filter(|kind| *kind != ALGORITHM) {
            let kind = quoted(kind);
            bad(format!(
                "Wechatpay-Signature-Type is {kind}; wanted: {ALGORITHM}"
            ))
        } else {
            Check::good(NAME, "timestamp, nonce, serial and signature are there")
        };
        self.report.add(explained(check));
        Some(Signed {
            timestamp,
            nonce,
            serial,
            signature,
        })
    }

    fn clock(&mut self, signed: &Signed<'_>, at: Option<u64>) {
        const NAME: &str = "clock";
        let here = at.unwrap_or_else(when::now);
        let (whose, what) = match at {
            Some(_) => ("--at", "--at"),
            None => ("the clock here", "now"),
        };
        let is_number = signed.timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let check = match signed.timestamp.parse::<u64>() {
            Ok(there) if is_number => {
                let apart = here.abs_diff(there);
                let time = when::rfc3339(there);
                let side = if there > here { "after" } else { "before" };
                let check = if apart <= MAXIMUM_OFFSET {
                    Check::good(NAME, format!("signed at {time}, {apart} s {side} {what}"))
                } else {
                    let text = format!(
                        "signed at {time}, {apart} s {side} {what}; at most {MAXIMUM_OFFSET} s are allowed"
                    );
                    Check::bad(NAME, Code::NotTrusted, text).more(format!(
                        "a stored one is checked as of its own time by --at {there}"
                    ))
                };
                check.explain("came", format!("{there} ({time})"))
            }
            _ => Check::bad(
                NAME,
                Code::NotTrusted,
                format!(
                    "{} is no number of seconds since 1970",
                    quoted(signed.timestamp)
                ),
            ),
        };
        let expected = format!(
            "{whose}, {here} ({}), give or take {MAXIMUM_OFFSET} s",
            when::rfc3339(here)
        );
        self.report.add(check.explain("expected", expected));
    }

    fn serial<'k>(&mut self, signed: &Signed<'_>, keys: &'k Keys) -> Option<&'k PublicKey> {
        const NAME: &str = "serial";
        let known: Vec<&str> = keys.keys().map(String::as_str).collect();
        let known = known.join(", ");
        let found = keys
            .iter()
            .find(|(serial, _)| serial.eq_ignore_ascii_case(signed.serial));
        let check = match found {
            Some((serial, _)) => Check::good(NAME, format!("signed by {serial}, which is known")),
            None => {
                let text = format!(
                    "signed by {}, which is not among the keys here ({known})",
                    quoted(signed.serial)
                );
                let fix = if signed.serial.starts_with("PUB_KEY_ID_") {
                    crate::certs::WHERE
                } else {
                    "wechatpay certs -o FOLDER fetches the platform certificates; give it as --cert SERIAL=FILE"
                };
                Check::bad(NAME, Code::NotTrusted, text).more(fix)
            }
        };
        let check = check.explain("came", quoted(signed.serial));
        self.report.add(check.explain("expected", known));
        found.map(|(_, key)| key)
    }

    fn signature(
        &mut self,
        message: &Message,
        signed: &Signed<'_>,
        key: &PublicKey,
        is_opened: bool,
    ) {
        const NAME: &str = "signature";
        let body = &message.body;
        let fits = |body: &[u8]| key.verify(signed.message(body), signed.signature);
        let bad = |text: &str| Check::bad(NAME, Code::NotTrusted, text);
        let check = if fits(body) {
            Check::good(NAME, format!("fits the {} bytes of the body", body.len()))
        } else if signed.signature.starts_with(PROBE) {
            bad("one of WeChat Pay's probes, which are wrong on purpose: to refuse it is right")
        } else {
            let check = bad("does not fit the body as it is here");
            let undone = undone::candidates(body);
            let undone = undone.iter().find(|(_, candidate)| fits(candidate));
            let check = match undone {
                Some((how, _)) => check.more(format!("it fits {how}: keep the raw bytes of the body")),
                None if is_opened => check.more(
                    "its content decrypts, so it is probably genuine but was parsed and serialised again: the \
                     order of its fields and its escapes can't be restored; keep the raw bytes of the body",
                ),
                None => check.more(
                    "nothing that mostly happens to a body explains it: it was altered, or the key under this \
                     serial is another one",
                ),
            };
            match (length(message), body.len()) {
                (Some(said), here) if said != here => check.more(format!(
                    "Content-Length says {said} bytes, and here are {here}"
                )),
                _ => check,
            }
        };
        let covered = signed.message(body);
        let check = check
            .explain(
                "covers",
                format!("{} bytes: {}", covered.len(), outline(&covered)),
            )
            .explain(
                "expected",
                format!("a signature over these bytes by {}", quoted(signed.serial)),
            );
        self.report.add(check);
    }

    fn decryption(&mut self, opened: Opened) {
        const NAME: &str = "decryption";
        let check = match opened {
            Opened::Nothing => Check::skipped(NAME, "nothing in it is encrypted"),
            Opened::NoKey => Check::skipped(NAME, "no APIv3 key is here: --apiv3-key-file FILE"),
            Opened::Not(why) => Check::bad(NAME, Code::NotTrusted, why),
            Opened::Plain(plain, event) => {
                let length = plain.len();
                self.plain = Some(plain);
                Check::good(NAME, format!("{event}, {length} bytes"))
            }
        };
        self.report.add(check);
    }

    fn of_v2(&mut self, message: &Message, account: &Account) -> Result<()> {
        let bad = |name, text: &str| Check::bad(name, Code::NotTrusted, text);
        let client = client_of_v2(account)?;
        let error = match client.notification_v2(&message.body) {
            Ok(event) => {
                self.plain = Some(event.data().to_string());
                if event.is_refund() {
                    self.report.add(Check::good(
                        "decryption",
                        "req_info opens with the APIv2 key",
                    ));
                    self.report.add(Check::note(
                        "sign",
                        "nothing authenticates a refund's notification, not even its encryption: query the refund",
                    ));
                } else {
                    self.report
                        .add(Check::good("merchant", "it is this merchant's"));
                    self.report
                        .add(Check::good("sign", "fits the fields and the APIv2 key"));
                }
                return Ok(());
            }
            Err(error) => error,
        };
        let text = words::of(&error);
        let text = text
            .split_once("trusted: ")
            .map_or(&*text, |(_, text)| text);
        let name = match &error {
            Error::Verify(error) => match error.check() {
                Failed::OtherMerchant { .. } => "merchant",
                Failed::Body { .. } => "body",
                _ => "sign",
            },
            Error::Decode(_) if text.contains("XML") => "body",
            Error::Decode(_) => "decryption",
            _ => return Err(error.into()),
        };
        let check = match error.signed_message() {
            Some(covered) => bad(name, text).explain(
                "expected",
                format!("over {} and the key", outline(covered.as_bytes())),
            ),
            None => bad(name, text),
        };
        self.report.add(check);
        Ok(())
    }
}

/// By serial.
type Keys = BTreeMap<String, PublicKey>;

/// The platform keys that are configured; where there are none, the certificates, which are fetched.
fn keys(account: &Account) -> Result<Keys> {
    let mut keys = Keys::new();
    for (serial, key) in &account.certs {
        keys.insert(serial.clone(), PublicKey::try_from(&key.value)?);
    }
    if keys.is_empty() {
        let client = account.client()?;
        output::say(format!(
            "no platform key is configured: the certificates are fetched from {}",
            account.host()
        ));
        for certificate in wait::for_answer(client.certificates(), false)?? {
            let key = certificate.public_key().clone();
            keys.insert(certificate.serial().to_owned(), key);
        }
    }
    Ok(keys)
}

/// What became of the encrypted part.
enum Opened {
    Nothing,
    NoKey,
    Not(String),
    /// What it holds, and what happened.
    Plain(String, String),
}

fn opened(body: &[u8], account: &Account) -> Opened {
    let envelope: Value = serde_json::from_slice(body).unwrap_or_default();
    let part = |name: &str| envelope.get("resource")?.get(name)?.as_str();
    let (Some(ciphertext), Some(nonce)) = (part("ciphertext"), part("nonce")) else {
        return Opened::Nothing;
    };
    let Some(key) = &account.apiv3_key else {
        return Opened::NoKey;
    };
    let data = part("associated_data").unwrap_or_default();
    match aes_gcm::decrypt(ciphertext, &key.value, nonce, data) {
        Ok(plain) => {
            let event = envelope.get("event_type").and_then(Value::as_str);
            let event = event.unwrap_or_default();
            Opened::Plain(plain, event.escape_debug().to_string())
        }
        Err(error) => Opened::Not(words::of(&error)),
    }
}

/// A client of the APIv2 key alone. It sends nothing, so its address is none.
fn client_of_v2(account: &Account) -> Result<Client> {
    let (Some(mchid), Some(secret)) = (&account.mchid, &account.secret) else {
        if account.is_empty() {
            account.client()?;
        }
        return Err(Failure::new(
            Code::Configuration,
            "a notification of APIv2 wants the merchant number (--mchid) and the APIv2 key (--secret-file)",
        ));
    };
    let client = Client::builder()
        .mchid(&mchid.value)
        .secret(&secret.value)
        .base_uri("http://127.0.0.1/");
    Ok(client.build()?)
}

fn length(message: &Message) -> Option<usize> {
    message.values("Content-Length").next()?.parse().ok()
}

/// A text from outside on one line.
fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// A message with its line feeds visible; of a long one its two ends.
fn outline(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let count = text.chars().count();
    if count <= SHOWN {
        return quoted(&text);
    }
    let start: String = text.chars().take(SHOWN * 3 / 4).collect();
    let end: String = text.chars().skip(count - SHOWN / 4).collect();
    format!("{} … {}", quoted(&start), quoted(&end))
}
