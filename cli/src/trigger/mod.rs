//! `wechatpay trigger`: a notification to a program under development, no order needed.

mod events;

use std::path::PathBuf;

use serde_json::{Value, json};
use wechatpay_chain::transformer;
use wechatpay_sandbox::{Notification, Sandbox};

use self::events::{EVENTS, Event};
use crate::Globals;
use crate::exit::{Code, Failure, Result, io};
use crate::sandbox::{Files, Own};
use crate::{meant, output};

/// `wechatpay trigger`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What it tells of, such as TRANSACTION.SUCCESS
    #[arg(value_name = "EVENT", required_unless_present = "list")]
    event: Option<String>,
    /// The address of the program: plain http, on this machine
    #[arg(long, value_name = "URL", required_unless_present_any = ["list", "dry_run"])]
    to: Option<String>,
    /// Put a value into what is told, by its JSON pointer; := for JSON that is no text; repeatable
    #[arg(long, value_name = "/PATH=VALUE")]
    set: Vec<String>,
    /// As APIv2 tells it, in XML
    #[arg(long)]
    v2: bool,
    /// Also a server of this name may be told, which need not be on loopback; repeatable
    #[arg(long, value_name = "HOST")]
    allow_notify: Vec<String>,
    /// Write the keys and certificates that the program needs into this folder
    #[arg(long, value_name = "FOLDER")]
    keys_to: Option<PathBuf>,
    /// Show what would be told, unencrypted, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// List the events that are known
    #[arg(long, conflicts_with_all = ["event", "to"])]
    list: bool,
}

pub(crate) fn run(args: &Args, globals: &Globals) -> Result<()> {
    if args.list {
        return list(globals);
    }
    let name = args.event.as_deref().unwrap_or_default().to_uppercase();
    let sandbox = start(args)?;
    let told = Told::new(&name, args, &sandbox)?;
    if args.dry_run {
        return output::value(&told.resource, globals);
    }
    if let Some(folder) = &args.keys_to {
        Files::write(&sandbox, &Own::default(), Some(folder))?;
    }
    let url = args.to.as_deref().unwrap_or_default();
    let notification = told.notification(&sandbox);
    let answered = sandbox.deliver_blocking(url, &notification);
    let (status, body) = answered.map_err(|error| undelivered(url, &error))?;
    say_keys(&sandbox, args);
    let is_accepted = is_accepted(status, &body, args.v2);
    let text = String::from_utf8_lossy(&body);
    if globals.json {
        output::json_line(&json!({
            "event": name,
            "url": url,
            "status": status,
            "body": text,
            "accepted": is_accepted,
        }))?;
    } else {
        output::say(format!("the program answered {status}"));
        let data = serde_json::from_slice(&body).ok();
        output::received(&body, data.as_ref(), globals)?;
    }
    if is_accepted {
        return Ok(());
    }
    let wanted = if args.v2 {
        "200 and return_code SUCCESS"
    } else {
        "200 or 204"
    };
    Err(Failure::new(
        Code::Refused,
        format_args!("WeChat Pay would tell it again: wanted is {wanted}"),
    ))
}

fn start(args: &Args) -> Result<Sandbox> {
    let hosts = args.allow_notify.iter();
    let sandbox = hosts.fold(Sandbox::builder().plain(), |builder, host| {
        builder.allow_notify(host)
    });
    sandbox
        .start_blocking()
        .map_err(|error| io(Code::Bug, "the sandbox does not start", &error))
}

fn list(globals: &Globals) -> Result<()> {
    for Event { name, title, .. } in &EVENTS {
        if globals.json {
            output::json_line(&json!({ "event": name, "title": title }))?;
        } else {
            output::line(format!("{name:<28} {title}"))?;
        }
    }
    Ok(())
}

/// What is told, before it is encrypted.
struct Told<'a> {
    name: &'a str,
    resource: Value,
    event: Option<&'static Event>,
    is_of_v2: bool,
}

impl<'a> Told<'a> {
    fn new(name: &'a str, args: &Args, sandbox: &Sandbox) -> Result<Self> {
        let event = events::known(name);
        let mchid = sandbox.mchid();
        let resource = match (args.v2, event) {
            (true, _) => events::of_v2(name, mchid).ok_or_else(|| {
                Failure::usage(
                    "APIv2 tells of TRANSACTION.SUCCESS, REFUND.SUCCESS, REFUND.ABNORMAL and REFUND.CLOSED",
                )
            })?,
            (false, Some(event)) => event.resource(mchid),
            (false, None) if args.set.is_empty() => return Err(unknown(name)),
            (false, None) => {
                output::say(format!(
                    "{name} is not among the events that are known: it tells what --set says, and no more"
                ));
                json!({})
            }
        };
        let mut told = Self {
            name,
            resource,
            event,
            is_of_v2: args.v2,
        };
        for given in &args.set {
            told.set(given)?;
        }
        Ok(told)
    }

    fn set(&mut self, given: &str) -> Result<()> {
        let wrong = |why: String| Failure::usage(format_args!("--set {given}: {why}"));
        let Some((pointer, text)) = given.split_once('=').filter(|_| given.starts_with('/')) else {
            return Err(wrong(
                "wanted is /path=value, such as /amount/total=100".to_owned(),
            ));
        };
        let (pointer, is_json) = match pointer.strip_suffix(':') {
            Some(pointer) => (pointer, true),
            None => (pointer, false),
        };
        if self.event.is_some() && self.resource.pointer(pointer).is_none() {
            self.say_new(pointer);
        }
        let place = place(&mut self.resource, pointer).map_err(wrong)?;
        // What was a number stays one.
        let is_text = !is_json && (place.is_string() || place.is_null());
        *place = if is_text {
            Value::String(text.to_owned())
        } else {
            let value = serde_json::from_str(text);
            value.map_err(|error| wrong(format!("{text} is no JSON: {error}")))?
        };
        Ok(())
    }

    /// Says that a field is new, which a mistyped one is, too.
    fn say_new(&self, pointer: &str) {
        let mut known = Vec::new();
        pointers(&self.resource, String::new(), &mut known);
        let near = meant::word(pointer, known.iter().map(String::as_str));
        let near = near.map_or_else(String::new, |near| format!("; perhaps meant: {near}"));
        let name = self.name;
        output::say(format!("{pointer} is new in {name}{near}"));
    }

    fn notification(&self, sandbox: &Sandbox) -> Notification {
        let Self { name, resource, .. } = self;
        match (self.is_of_v2, self.event) {
            (true, _) if name.starts_with("REFUND") => sandbox.refund_notification_v2(resource),
            (true, _) => sandbox.notification_v2(resource),
            (false, Some(event)) => event.notification(sandbox, resource),
            (false, None) => {
                let kind = name.split('.').next().unwrap_or_default();
                sandbox.notification(name, kind.to_lowercase(), resource)
            }
        }
    }
}

/// The pointers of all that is in this.
fn pointers(value: &Value, path: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                pointers(value, format!("{path}/{name}"), found);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                pointers(value, format!("{path}/{index}"), found);
            }
        }
        _ => found.push(path),
    }
}

/// The place of a JSON pointer, made if it is not there.
fn place<'v>(value: &'v mut Value, pointer: &str) -> std::result::Result<&'v mut Value, String> {
    let mut place = value;
    for step in pointer.split('/').skip(1) {
        let name = step.replace("~1", "/").replace("~0", "~");
        if place.is_null() {
            *place = json!({});
        }
        place = match place {
            Value::Object(fields) => fields.entry(name).or_insert(Value::Null),
            Value::Array(list) => {
                let length = list.len();
                let index = name.parse().unwrap_or(length);
                if index == length {
                    list.push(Value::Null);
                }
                let missing = || format!("the list has {length} elements, and no {name}");
                list.get_mut(index).ok_or_else(missing)?
            }
            other => return Err(format!("there is no {name} in {other}")),
        };
    }
    Ok(place)
}

fn unknown(name: &str) -> Failure {
    let known = EVENTS.iter().map(|event| event.name);
    let hint = "wechatpay trigger --list has those that are known, and --set /path=value tells of any other";
    match meant::word(name, known) {
        Some(near) => Failure::usage(format_args!(
            "{name} is not known; probably meant: {near}. {hint}"
        )),
        None => Failure::usage(format_args!("{name} is not known. {hint}")),
    }
}

/// Says what the program must know to trust the notification.
fn say_keys(sandbox: &Sandbox, args: &Args) {
    if args.v2 {
        let secret = sandbox.secret();
        output::say(format!("signed with the sandbox's APIv2 key {secret}"));
        return;
    }
    output::say(format!(
        "signed by the sandbox's {}\nencrypted with its APIv3 key {}",
        sandbox.platform_serial(),
        sandbox.apiv3_key()
    ));
    output::say(match &args.keys_to {
        Some(folder) => format!("the public key: {}", folder.join("pub_key.pem").display()),
        None => "--keys-to FOLDER writes the public key, as pub_key.pem".to_owned(),
    });
}

fn undelivered(url: &str, error: &std::io::Error) -> Failure {
    let code = match error.kind() {
        std::io::ErrorKind::InvalidInput => {
            return Failure::usage(format_args!(
                "--to {url}: wanted is plain http to this machine, such as \
                 http://127.0.0.1:8080/notify, or to a host that --allow-notify names"
            ));
        }
        std::io::ErrorKind::ConnectionRefused => Code::NotSent,
        _ => Code::Unknown,
    };
    io(code, url, error)
}

/// Whether WeChat Pay would be content.
fn is_accepted(status: u16, body: &[u8], is_of_v2: bool) -> bool {
    if !is_of_v2 {
        return matches!(status, 200 | 204);
    }
    let answer = transformer::to_value(&String::from_utf8_lossy(body));
    status == 200
        && answer.is_ok_and(|answer| {
            let code = answer.get("return_code");
            code.and_then(Value::as_str) == Some("SUCCESS")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_or_made() {
        let mut value = json!({ "a": { "b": 1 }, "list": [{ "x": 1 }] });
        for (pointer, put) in [
            ("/a/b", 2),
            ("/new/deep", 3),
            ("/list/0/x", 4),
            ("/list/-/x", 5),
        ] {
            *place(&mut value, pointer).unwrap() = json!(put);
        }
        let wanted = json!({
            "a": { "b": 2 }, "list": [{ "x": 4 }, { "x": 5 }], "new": { "deep": 3 },
        });
        assert_eq!(value, wanted);
        assert_eq!(
            place(&mut value, "/list/7").unwrap_err(),
            "the list has 2 elements, and no 7"
        );
        assert_eq!(
            place(&mut value, "/a/b/c").unwrap_err(),
            "there is no c in 2"
        );
    }
}
