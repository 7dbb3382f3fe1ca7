//! Commands to a sandbox that runs already, over its `/_sandbox/`.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::Globals;
use crate::exit::{Code, Failure, Result, io};
use crate::output;

/// How often a sandbox is asked for what is new.
const PAUSE: Duration = Duration::from_millis(100);

/// Which sandbox.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Running {
    /// Its base URI
    #[arg(long, env = "WECHATPAY_BASE_URI", value_name = "URL")]
    url: String,
    /// The authority of its TLS: a file, or PEM text
    #[arg(
        long,
        env = "WECHATPAY_CA",
        value_name = "FILE",
        hide_env_values = true
    )]
    ca: Option<String>,
}

/// `wechatpay sandbox wait`
#[derive(Debug, clap::Args)]
pub(crate) struct Wait {
    #[command(flatten)]
    running: Running,
    /// How long, in seconds
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    timeout: u64,
}

/// `wechatpay sandbox pay`
#[derive(Debug, clap::Args)]
pub(crate) struct Pay {
    #[command(flatten)]
    running: Running,
    /// The order's number
    out_trade_no: String,
    /// The merchant, where there are several
    #[arg(long, value_name = "NUMBER")]
    mchid: Option<String>,
    /// The user who pays
    #[arg(long)]
    openid: Option<String>,
}

/// `wechatpay sandbox fail`
#[derive(Debug, clap::Args)]
pub(crate) struct Fail {
    #[command(flatten)]
    running: Running,
    /// The order's number
    out_trade_no: String,
    /// The merchant, where there are several
    #[arg(long, value_name = "NUMBER")]
    mchid: Option<String>,
    /// Why, such as USER_CANCEL
    #[arg(long)]
    reason: Option<String>,
}

/// `wechatpay sandbox notify`
#[derive(Debug, clap::Args)]
pub(crate) struct Notify {
    #[command(flatten)]
    running: Running,
    /// The event, such as TRANSACTION.SUCCESS
    event: String,
    /// The server to notify
    #[arg(long, value_name = "URL")]
    to: String,
    /// What it is about, as JSON
    #[arg(long, default_value = "{}", value_name = "JSON")]
    data: String,
}

/// `wechatpay sandbox clock`
#[derive(Debug, clap::Args)]
pub(crate) struct Clock {
    #[command(flatten)]
    running: Running,
    /// Move it ahead by so many seconds
    #[arg(long, value_name = "SECONDS")]
    advance: Option<u64>,
}

/// `wechatpay sandbox tail`
#[derive(Debug, clap::Args)]
pub(crate) struct Tail {
    #[command(flatten)]
    running: Running,
    /// Show what came so far, and end
    #[arg(long)]
    once: bool,
}

impl Wait {
    pub(crate) fn run(self) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(self.timeout);
        loop {
            let answer = self.running.ask("GET", "health", None);
            match answer {
                Ok(_) => return Ok(()),
                Err(failure) if Instant::now() >= until => return Err(failure),
                Err(_) => sleep(PAUSE),
            }
        }
    }
}

impl Pay {
    pub(crate) fn run(self) -> Result<()> {
        let call = json!({
            "out_trade_no": self.out_trade_no,
            "mchid": self.mchid,
            "openid": self.openid,
        });
        output::json_line(&self.running.ask("POST", "pay", Some(call))?)
    }
}

impl Fail {
    pub(crate) fn run(self) -> Result<()> {
        let call = json!({
            "out_trade_no": self.out_trade_no,
            "mchid": self.mchid,
            "reason": self.reason,
        });
        self.running.ask("POST", "pay_fails", Some(call))?;
        Ok(())
    }
}

impl Notify {
    pub(crate) fn run(self) -> Result<()> {
        let data: Value = serde_json::from_str(&self.data)
            .map_err(|error| Failure::usage(format_args!("--data is no JSON: {error}")))?;
        let call = json!({ "event_type": self.event, "url": self.to, "data": data });
        self.running.ask("POST", "notify", Some(call))?;
        Ok(())
    }
}

impl Clock {
    pub(crate) fn run(self) -> Result<()> {
        let answer = match self.advance {
            None => self.running.ask("GET", "clock", None)?,
            Some(seconds) => {
                let call = json!({ "advance": seconds });
                self.running.ask("POST", "clock", Some(call))?
            }
        };
        output::json_line(&answer)
    }
}

impl Tail {
    pub(crate) fn run(self, globals: &Globals) -> Result<()> {
        let mut shown = 0;
        loop {
            let answer = self.running.ask("GET", "received", None)?;
            let received = answer
                .get("data")
                .and_then(Value::as_array)
                .map_or(&[][..], Vec::as_slice);
            // A sandbox that was reset begins again.
            let new = received.get(shown..).unwrap_or(received);
            for request in new {
                if globals.json {
                    output::json_line(request)?;
                } else {
                    output::line(summary(request))?;
                }
            }
            shown = received.len();
            if self.once {
                return Ok(());
            }
            sleep(PAUSE);
        }
    }
}

fn summary(request: &Value) -> String {
    let text = |name: &str| request[name].as_str().unwrap_or_default();
    let signed = match request["authenticated"].as_bool() {
        Some(true) => "signed",
        _ => "NOT AUTHENTIC",
    };
    format!("{} {} {signed}", text("method"), text("target"))
}

impl Running {
    pub(crate) fn reset(self) -> Result<()> {
        self.ask("DELETE", "state", None)?;
        Ok(())
    }

    /// Asks the sandbox itself, which answers in JSON.
    fn ask(&self, method: &str, what: &str, call: Option<Value>) -> Result<Value> {
        let url = format!("{}/_sandbox/{what}", self.url.trim_end_matches('/'));
        let body = call.map(|call| without_nulls(call).to_string());
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(&url)
            .header("Content-Type", "application/json")
            .body(body.unwrap_or_default())
            .map_err(|error| Failure::usage(format_args!("{url}: {error}")))?;
        let failed = |error: ureq::Error| {
            Failure::new(
                Code::NotSent,
                format_args!("no sandbox answers at {url}: {error}"),
            )
        };
        let mut answer = self.agent()?.run(request).map_err(failed)?;
        let status = answer.status();
        let body = answer.body_mut().read_json::<Value>();
        let body = body.map_err(|error| {
            let message =
                format_args!("{url} answers {status} and no JSON; is it a sandbox? {error}");
            Failure::new(Code::NotTrusted, message)
        })?;
        if status.is_success() {
            return Ok(body);
        }
        let why = body
            .get("error")
            .and_then(Value::as_str)
            .unwrap_or_default();
        Err(Failure::new(
            Code::Refused,
            format_args!("the sandbox says: {why}"),
        ))
    }

    fn agent(&self) -> Result<Agent> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(10)));
        if let Some(ca) = &self.ca {
            let pem = if ca.contains("-----BEGIN") {
                ca.clone()
            } else {
                let path = ca.strip_prefix("file://").unwrap_or(ca);
                fs::read_to_string(path).map_err(|error| io(Code::Configuration, path, &error))?
            };
            let root = Certificate::from_pem(pem.as_bytes()).map_err(|error| {
                Failure::new(
                    Code::Configuration,
                    format_args!("--ca is no certificate: {error}"),
                )
            })?;
            let roots = RootCerts::new_with_certs(&[root]);
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        Ok(config.build().into())
    }
}

/// What was not said is not there.
fn without_nulls(mut call: Value) -> Value {
    if let Some(fields) = call.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    call
}
