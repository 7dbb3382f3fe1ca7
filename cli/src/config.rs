//! `wechatpay config`: the configuration file, and which settings a command would use.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Map, Value, json};

use crate::Globals;
use crate::account::{self, Account, Setting, Settings};
use crate::exit::{Code, Failure, Result, io};
use crate::output;

/// `wechatpay config` and what can be said behind it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say where the configuration file is, or would be
    Path(File),
    /// List the profiles of the configuration file
    List(File),
    /// Show the settings that a command would use, and where each comes from; no secret is shown
    Show(Box<Settings>),
    /// Write a configuration file to fill in, unless there is one
    Init(File),
}

/// Which configuration file.
#[derive(Debug, clap::Args)]
struct File {
    /// The configuration file [default: wechatpay/config.toml in $XDG_CONFIG_HOME or ~/.config]
    #[arg(long, value_name = "FILE", env = "WECHATPAY_CONFIG")]
    config: Option<PathBuf>,
}

const TEMPLATE: &str = r#"# The settings of `wechatpay`. Each table is a profile: [default] is used unless
# --profile or WECHATPAY_PROFILE names another one.
#
# A flag comes before an environment variable, and that before what stands here.
# Paths are relative to this file. `wechatpay config show` says what comes of it,
# and `wechatpay doctor` whether it fits together.

[default]
# Merchant number
# mchid = "1900000109"

# Serial number of the merchant certificate: wechatpay serial apiclient_cert.pem
# serial = "3775B6A45ACD588826D15E583A95F5DD********"

# The merchant's private key, and for APIv2's mutual TLS the certificate, too
# privateKey = "apiclient_key.pem"
# merchantCertificate = "apiclient_cert.pem"

# The APIv3 key and the APIv2 key: a text, a file, or a command that prints it
# apiv3Key = { command = "pass show wechatpay/apiv3" }
# secret = { file = "apiv2.key" }

# Where requests go, if not to https://api.mch.weixin.qq.com/, and a root
# certificate to trust there
# base_uri = "http://127.0.0.1:8080/"
# ca = "ca.pem"

# WeChat Pay's public key, platform certificates, or both, by their serials
[default.certs]
# PUB_KEY_ID_0114232134912410000000000000000 = "pub_key.pem"
"#;

pub(crate) fn run(args: Args, globals: &Globals) -> Result<()> {
    match args.action {
        Action::Path(file) => path(&file, globals),
        Action::List(file) => list(&file, globals),
        Action::Show(settings) => show(&settings.account()?, globals),
        Action::Init(file) => init(&file),
    }
}

impl File {
    fn path(&self) -> Result<PathBuf> {
        let path = self.config.clone().or_else(account::default_path);
        path.ok_or_else(|| {
            Failure::new(
                Code::Configuration,
                "neither XDG_CONFIG_HOME nor HOME says where; --config FILE does",
            )
        })
    }
}

fn path(file: &File, globals: &Globals) -> Result<()> {
    let path = file.path()?;
    if globals.json {
        return output::json_line(&json!({ "path": path, "exists": path.exists() }));
    }
    if !path.exists() {
        output::say("it is not there yet: wechatpay config init writes one");
    }
    output::line(path.display().to_string())
}

fn list(file: &File, globals: &Globals) -> Result<()> {
    let path = file.path()?;
    if !path.exists() {
        output::say(format!("there is no {}", path.display()));
        return Ok(());
    }
    for (name, profile) in account::read_config(&path)? {
        let mchid = match profile.get("mchid") {
            Some(toml::Value::String(text)) => text.clone(),
            Some(toml::Value::Integer(number)) => number.to_string(),
            _ => String::new(),
        };
        if globals.json {
            output::json_line(&json!({ "profile": name, "mchid": mchid }))?;
        } else {
            output::line(format!("{name:<16} {mchid}").trim_end())?;
        }
    }
    Ok(())
}

fn init(file: &File) -> Result<()> {
    let path = file.path()?;
    if path.exists() {
        return Err(Failure::usage(format_args!(
            "{} is there already, and stays as it is",
            path.display()
        )));
    }
    let failed = |error| io(Code::Usage, path.display(), &error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut written = options.open(&path).map_err(failed)?;
    written.write_all(TEMPLATE.as_bytes()).map_err(failed)?;
    output::say(format!("written: {}", path.display()));
    Ok(())
}

/// A setting as it may be shown.
struct Shown<'a> {
    name: String,
    /// `None` for a secret or a key.
    value: Option<&'a str>,
    origin: &'a str,
}

fn show(account: &Account, globals: &Globals) -> Result<()> {
    let shown = settings(account);
    if globals.json {
        let fields = shown.iter().map(|one| (one.name.clone(), one.json()));
        return output::json_line(&Value::Object(fields.collect::<Map<_, _>>()));
    }
    if shown.is_empty() {
        output::say("nothing is set: see wechatpay config init, and wechatpay help environment");
    }
    for Shown {
        name,
        value,
        origin,
    } in &shown
    {
        let value = value.unwrap_or("set");
        output::line(format!("{name:<20} {value}  ({origin})"))?;
    }
    Ok(())
}

impl Shown<'_> {
    fn json(&self) -> Value {
        match self.value {
            Some(value) => json!({ "value": value, "origin": self.origin }),
            None => json!({ "set": true, "origin": self.origin }),
        }
    }
}

fn settings(account: &Account) -> Vec<Shown<'_>> {
    let plain = [
        ("mchid", &account.mchid, true),
        ("serial", &account.serial, true),
        ("privateKey", &account.private_key, false),
        ("merchantCertificate", &account.merchant_certificate, false),
        ("apiv3Key", &account.apiv3_key, false),
        ("secret", &account.secret, false),
        ("base_uri", &account.base_uri, true),
    ];
    let plain = plain.into_iter().filter_map(|(name, setting, is_open)| {
        let setting = setting.as_ref()?;
        Some(as_shown(name, setting, is_open))
    });
    let mut shown: Vec<_> = plain.collect();
    if let Some((certificate, key)) = &account.merchant {
        shown.push(as_shown("merchant.cert", certificate, false));
        shown.push(as_shown("merchant.key", key, false));
    }
    for (serial, setting) in &account.certs {
        shown.push(as_shown(&format!("certs.{serial}"), setting, false));
    }
    for root in &account.roots {
        shown.push(as_shown("ca", root, false));
    }
    shown
}

fn as_shown<'a>(name: &str, setting: &'a Setting, is_open: bool) -> Shown<'a> {
    Shown {
        name: name.to_owned(),
        value: is_open.then_some(setting.value.as_str()),
        origin: &setting.origin,
    }
}
