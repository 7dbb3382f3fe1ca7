//! Whose requests they are: the settings of a merchant, from flags, the environment and a profile.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use toml::{Table, Value};
use wechatpay_chain::{Client, ClientBuilder};
use wechatpay_sandbox::Sandbox;

use crate::exit::{Code, Failure, Result, io as io_failure};
use crate::{input, output};

/// The settings of a merchant. A flag comes before the environment, and that before the profile.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Account")]
pub(crate) struct Settings {
    /// The section of the configuration file to use
    #[arg(long, value_name = "NAME", env = "WECHATPAY_PROFILE")]
    pub(crate) profile: Option<String>,
    /// The configuration file [default: wechatpay/config.toml in $XDG_CONFIG_HOME or ~/.config]
    #[arg(long, value_name = "FILE", env = "WECHATPAY_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Merchant number
    #[arg(long, value_name = "NUMBER")]
    mchid: Option<String>,
    /// Serial number of the merchant certificate
    #[arg(long, value_name = "SERIAL")]
    serial: Option<String>,
    /// The merchant's private key (apiclient_key.pem); - is standard input
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// The merchant's certificate (apiclient_cert.pem)
    #[arg(long, value_name = "FILE")]
    merchant_certificate: Option<PathBuf>,
    /// WeChat Pay's public key or a platform certificate; repeatable
    #[arg(long = "cert", value_name = "SERIAL=FILE")]
    certs: Vec<String>,
    /// A file with the APIv3 key; - is standard input
    #[arg(long, value_name = "FILE")]
    apiv3_key_file: Option<PathBuf>,
    /// A command that prints the APIv3 key
    #[arg(long, value_name = "COMMAND", conflicts_with = "apiv3_key_file")]
    apiv3_key_command: Option<String>,
    /// A file with the APIv2 key; - is standard input
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// A command that prints the APIv2 key
    #[arg(long, value_name = "COMMAND", conflicts_with = "secret_file")]
    secret_command: Option<String>,
    /// Where requests go [default: https://api.mch.weixin.qq.com/]
    #[arg(long, value_name = "URL")]
    base_uri: Option<String>,
    /// A root certificate to trust beside the built-in ones; repeatable
    #[arg(long = "ca", value_name = "FILE")]
    roots: Vec<PathBuf>,
    /// Start a sandbox for this one command, and use it
    #[arg(long)]
    pub(crate) sandbox: bool,
}

/// A value and where it comes from, for the messages about it.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) value: String,
    pub(crate) origin: String,
}

/// The settings of a merchant, found but not checked: what can be loaded is the SDK's to say.
#[derive(Default)]
pub(crate) struct Account {
    pub(crate) mchid: Option<Setting>,
    pub(crate) serial: Option<Setting>,
    pub(crate) private_key: Option<Setting>,
    pub(crate) merchant_certificate: Option<Setting>,
    /// Certificate and key of APIv2's mutual TLS, where they are others.
    pub(crate) merchant: Option<(Setting, Setting)>,
    /// By serial.
    pub(crate) certs: BTreeMap<String, Setting>,
    pub(crate) apiv3_key: Option<Setting>,
    pub(crate) secret: Option<Setting>,
    pub(crate) base_uri: Option<Setting>,
    pub(crate) roots: Vec<Setting>,
    /// Must live as long as requests are made.
    pub(crate) sandbox: Option<Sandbox>,
}

/// What a profile may hold: the keys of `Client::factory`, and files of certificates.
pub(crate) const KEYS: [&str; 10] = [
    "mchid",
    "serial",
    "privateKey",
    "certs",
    "apiv3Key",
    "secret",
    "merchant",
    "merchantCertificate",
    "base_uri",
    "ca",
];

impl Settings {
    /// Looks everything up, and reads what is in files, commands and standard input.
    pub(crate) fn account(&self) -> Result<Account> {
        if self.sandbox {
            return sandbox();
        }
        let mut account = self.of_profile()?;
        of_environment(&mut account, |name| env::var_os(name))?;
        self.of_flags(&mut account)?;
        Ok(account)
    }

    /// A client of these settings. Where there are none the way out is named: a mistyped variable
    /// must not end in a pretended payment.
    pub(crate) fn client(&self) -> Result<(Client, Account)> {
        let account = self.account()?;
        let client = account.client()?;
        Ok((client, account))
    }

    fn of_flags(&self, account: &mut Account) -> Result<()> {
        let text = |flag: &str, value: &Option<String>| {
            value.clone().map(|value| Setting {
                value,
                origin: flag.to_owned(),
            })
        };
        replace(&mut account.mchid, text("--mchid", &self.mchid));
        replace(&mut account.serial, text("--serial", &self.serial));
        replace(&mut account.base_uri, text("--base-uri", &self.base_uri));
        let key = from_file("--private-key", self.private_key.as_deref())?;
        replace(&mut account.private_key, key);
        let certificate = self.merchant_certificate.as_deref();
        let certificate = from_file("--merchant-certificate", certificate)?;
        replace(&mut account.merchant_certificate, certificate);
        let key = from_file("--apiv3-key-file", self.apiv3_key_file.as_deref())?;
        replace(&mut account.apiv3_key, key.map(trimmed));
        let key = from_command("--apiv3-key-command", self.apiv3_key_command.as_deref())?;
        replace(&mut account.apiv3_key, key);
        let key = from_file("--secret-file", self.secret_file.as_deref())?;
        replace(&mut account.secret, key.map(trimmed));
        let key = from_command("--secret-command", self.secret_command.as_deref())?;
        replace(&mut account.secret, key);
        if !self.certs.is_empty() {
            account.certs.clear();
        }
        for given in &self.certs {
            let Some((serial, file)) = given.split_once('=') else {
                return Err(Failure::usage(format_args!(
                    "--cert {given}: wanted is SERIAL=FILE, such as PUB_KEY_ID_0114232134912410000000000000000=pub_key.pem"
                )));
            };
            if let Some(setting) = from_file("--cert", Some(Path::new(file)))? {
                account.certs.insert(serial.to_owned(), setting);
            }
        }
        for file in &self.roots {
            account.roots.extend(from_file("--ca", Some(file))?);
        }
        Ok(())
    }

    /// The profile that was named, or `default` of the file where there is one.
    fn of_profile(&self) -> Result<Account> {
        let Some(path) = self.config.clone().or_else(default_path) else {
            return Ok(Account::default());
        };
        let wanted = self.profile.as_deref();
        if !path.exists() && self.config.is_none() && wanted.is_none() {
            return Ok(Account::default());
        }
        let file = read_config(&path)?;
        let name = wanted.unwrap_or("default");
        let Some(profile) = file.get(name) else {
            if wanted.is_none() {
                return Ok(Account::default());
            }
            let known: Vec<&str> = file.keys().map(String::as_str).collect();
            return Err(configuration(format_args!(
                "{} has no profile {name:?}; it has {}",
                path.display(),
                known.join(", ")
            )));
        };
        let profile = Profile {
            name,
            path: &path,
            table: profile.as_table().ok_or_else(|| {
                configuration(format_args!(
                    "{}: {name} is no table; wanted is [{name}]",
                    path.display()
                ))
            })?,
        };
        profile.account()
    }
}

impl Account {
    /// Whether there is nothing at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.mchid.is_none() && self.private_key.is_none() && self.secret.is_none()
    }

    /// A client of these settings.
    pub(crate) fn client(&self) -> Result<Client> {
        if let Some(sandbox) = &self.sandbox {
            return Ok(sandbox.client());
        }
        if self.is_empty() {
            return Err(configuration(
                "no account is configured: give --mchid, --private-key and so on, set WECHATPAY_MCHID and its \
                 companions, or write a profile (wechatpay config path says where); --sandbox starts a \
                 sandbox for this one command",
            ));
        }
        Ok(self.builder().build()?)
    }

    /// What the settings are to the SDK.
    pub(crate) fn builder(&self) -> ClientBuilder {
        let mut builder = Client::builder();
        if let Some(mchid) = &self.mchid {
            builder = builder.mchid(&mchid.value);
        }
        if let Some(serial) = &self.serial {
            builder = builder.serial(&serial.value);
        }
        if let Some(key) = &self.private_key {
            builder = builder.private_key(key.value.as_str());
        }
        if let Some(certificate) = &self.merchant_certificate {
            builder = builder.merchant_certificate(certificate.value.as_str());
        }
        if let Some((certificate, key)) = &self.merchant {
            builder = builder.merchant(certificate.value.as_str(), key.value.as_str());
        }
        for (serial, key) in &self.certs {
            builder = builder.cert(serial, key.value.as_str());
        }
        if let Some(key) = &self.apiv3_key {
            builder = builder.apiv3_key(&key.value);
        }
        if let Some(secret) = &self.secret {
            builder = builder.secret(&secret.value);
        }
        if let Some(base) = &self.base_uri {
            builder = builder.base_uri(&base.value);
        }
        for root in &self.roots {
            builder = builder.root_certificate(&root.value);
        }
        builder
    }

    /// The host of its requests.
    pub(crate) fn host(&self) -> String {
        let base = match (&self.sandbox, &self.base_uri) {
            (Some(sandbox), _) => sandbox.base_uri(),
            (None, Some(base)) => base.value.clone(),
            (None, None) => "https://api.mch.weixin.qq.com/".to_owned(),
        };
        let rest = base
            .split_once("://")
            .map_or(base.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default().to_owned()
    }
}

/// The account of a sandbox that lives as long as this.
fn sandbox() -> Result<Account> {
    let sandbox = Sandbox::start_blocking()
        .map_err(|error| io_failure(Code::Bug, "the sandbox does not start", &error))?;
    output::say(format!(
        "a sandbox answers this command: {}",
        sandbox.base_uri()
    ));
    let mut account = Account::default();
    let variables = sandbox.environment();
    of_environment(&mut account, |name| {
        let variable = variables.iter().find(|(variable, _)| variable == name);
        variable.map(|(_, value)| OsString::from(value))
    })?;
    account.sandbox = Some(sandbox);
    Ok(account)
}

/// The variables of `Client::from_env`.
fn of_environment(account: &mut Account, get: impl Fn(&str) -> Option<OsString>) -> Result<()> {
    let variable = |name: &str| -> Result<Option<Setting>> {
        let Some(value) = get(name).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let value = value
            .into_string()
            .map_err(|_| configuration(format_args!("{name}: bytes that are no UTF-8")))?;
        if let Some(path) = value.strip_prefix("file://") {
            warn_if_open(Path::new(path));
        }
        Ok(Some(Setting {
            value,
            origin: name.to_owned(),
        }))
    };
    replace(&mut account.mchid, variable("WECHATPAY_MCHID")?);
    replace(&mut account.serial, variable("WECHATPAY_SERIAL")?);
    replace(&mut account.private_key, variable("WECHATPAY_PRIVATE_KEY")?);
    let certificate = variable("WECHATPAY_MERCHANT_CERT")?;
    replace(&mut account.merchant_certificate, certificate);
    replace(&mut account.apiv3_key, variable("WECHATPAY_APIV3_KEY")?);
    replace(&mut account.secret, variable("WECHATPAY_SECRET")?);
    replace(&mut account.base_uri, variable("WECHATPAY_BASE_URI")?);
    if let Some(root) = variable("WECHATPAY_CA")? {
        account.roots = vec![root];
    }
    let Some(certs) = variable("WECHATPAY_CERTS")? else {
        return Ok(());
    };
    account.certs.clear();
    for entry in certs.value.split(',') {
        let Some((serial, key)) = entry.split_once('=') else {
            return Err(configuration(format_args!(
                "{}: an entry has no `=`; wanted is serial=file:///absolute/path, or serial=PEM; several \
                 separated by commas",
                certs.origin
            )));
        };
        let setting = Setting {
            value: key.trim().to_owned(),
            origin: certs.origin.clone(),
        };
        account.certs.insert(serial.trim().to_owned(), setting);
    }
    Ok(())
}

/// A section of the configuration file.
struct Profile<'a> {
    name: &'a str,
    path: &'a Path,
    table: &'a Table,
}

impl Profile<'_> {
    fn account(&self) -> Result<Account> {
        let mut account = Account::default();
        for (key, value) in self.table {
            match key.as_str() {
                "mchid" => account.mchid = Some(self.text(key, value)?),
                "serial" => account.serial = Some(self.text(key, value)?),
                "privateKey" => account.private_key = Some(self.key(key, value)?),
                "merchantCertificate" => account.merchant_certificate = Some(self.key(key, value)?),
                "apiv3Key" => account.apiv3_key = Some(self.secret(key, value)?),
                "secret" => account.secret = Some(self.secret(key, value)?),
                "base_uri" => account.base_uri = Some(self.text(key, value)?),
                "ca" => account.roots.push(self.key(key, value)?),
                "certs" => {
                    for (serial, value) in self.inner(key, value)? {
                        let key = self.key(&format!("certs.{serial}"), value)?;
                        account.certs.insert(serial.clone(), key);
                    }
                }
                "merchant" => {
                    let inner = self.inner(key, value)?;
                    let part = |name: &str| {
                        let value = inner.get(name);
                        let value = value.ok_or_else(|| self.wrong(key, "cert and key"))?;
                        self.key(&format!("merchant.{name}"), value)
                    };
                    account.merchant = Some((part("cert")?, part("key")?));
                }
                _ => {
                    return Err(configuration(format_args!(
                        "{}: unknown; known are {}",
                        self.origin(key),
                        KEYS.join(", ")
                    )));
                }
            }
        }
        Ok(account)
    }

    fn origin(&self, key: &str) -> String {
        format!("{}: {}.{key}", self.path.display(), self.name)
    }

    fn wrong(&self, key: &str, wanted: &str) -> Failure {
        configuration(format_args!("{}: wanted is {wanted}", self.origin(key)))
    }

    fn text(&self, key: &str, value: &Value) -> Result<Setting> {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            _ => return Err(self.wrong(key, "a text")),
        };
        Ok(Setting {
            value,
            origin: self.origin(key),
        })
    }

    fn inner<'v>(&self, key: &str, value: &'v Value) -> Result<&'v Table> {
        value.as_table().ok_or_else(|| self.wrong(key, "a table"))
    }

    /// A key as the SDK takes it, or the path of its file, relative to the configuration file's.
    fn key(&self, key: &str, value: &Value) -> Result<Setting> {
        let setting = self.secret(key, value)?;
        let folder = self.path.parent().unwrap_or_else(|| Path::new(""));
        let path = folder.join(&setting.value);
        if setting.value.contains(['\n', ':']) || !path.is_file() {
            return Ok(setting);
        }
        let value = address(&path)?;
        Ok(Setting { value, ..setting })
    }

    /// A text, `{ file = "…" }` or `{ command = "…" }`.
    fn secret(&self, key: &str, value: &Value) -> Result<Setting> {
        let Value::Table(table) = value else {
            return self.text(key, value);
        };
        let origin = self.origin(key);
        let part = |name: &str| table.get(name).and_then(Value::as_str);
        let setting = match (part("file"), part("command"), table.len()) {
            (Some(file), None, 1) => {
                let folder = self.path.parent().unwrap_or_else(|| Path::new(""));
                let setting = from_file(&origin, Some(&folder.join(file)))?;
                setting.map(trimmed)
            }
            (None, Some(command), 1) => from_command(&origin, Some(command))?,
            _ => None,
        };
        setting.ok_or_else(|| self.wrong(key, "a text, { file = \"…\" } or { command = \"…\" }"))
    }
}

/// Where the configuration file is, unless another is named.
pub(crate) fn default_path() -> Option<PathBuf> {
    let not_empty = |name| env::var_os(name).filter(|value| !value.is_empty());
    let folder = match not_empty("XDG_CONFIG_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(&not_empty("HOME")?).join(".config"),
    };
    Some(folder.join("wechatpay").join("config.toml"))
}

/// Reads the configuration file.
pub(crate) fn read_config(path: &Path) -> Result<Table> {
    let text = fs::read_to_string(path)
        .map_err(|error| io_failure(Code::Configuration, path.display(), &error))?;
    text.parse().map_err(|error: toml::de::Error| {
        // Not the error's own Display, which shows the line, and with it perhaps a key.
        let line = error.span().map_or(0, |span| {
            let before = text.get(..span.start).unwrap_or_default();
            before.matches('\n').count() + 1
        });
        configuration(format_args!(
            "{}: line {line}: {}",
            path.display(),
            error.message()
        ))
    })
}

fn configuration(message: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Configuration, message)
}

fn replace(slot: &mut Option<Setting>, value: Option<Setting>) {
    if value.is_some() {
        *slot = value;
    }
}

/// Without the line feed that editors and commands leave behind.
fn trimmed(setting: Setting) -> Setting {
    let value = setting.value.trim_end_matches(['\r', '\n']).to_owned();
    Setting { value, ..setting }
}

/// The text of a file; `-` is standard input.
fn from_file(origin: &str, path: Option<&Path>) -> Result<Option<Setting>> {
    let Some(path) = path else {
        return Ok(None);
    };
    let bytes = if path == Path::new("-") {
        input::standard(origin, Code::Configuration)?
    } else {
        warn_if_open(path);
        let what = format!("{origin}: {}", path.display());
        fs::read(path).map_err(|error| io_failure(Code::Configuration, what, &error))?
    };
    let value = String::from_utf8(bytes).map_err(|_| {
        configuration(format_args!(
            "{origin}: {}: bytes that are no UTF-8",
            path.display()
        ))
    })?;
    Ok(Some(Setting {
        value,
        origin: format!("{origin} {}", path.display()),
    }))
}

/// What a command of the shell prints.
fn from_command(origin: &str, command: Option<&str>) -> Result<Option<Setting>> {
    let Some(command) = command else {
        return Ok(None);
    };
    let failed = |why: String| configuration(format_args!("{origin}: {command:?} {why}"));
    let output = shell(command)
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(format!("can't be run: {error}")))?;
    if !output.status.success() {
        return Err(failed(format!("ended with {}", output.status)));
    }
    let value = String::from_utf8(output.stdout)
        .map_err(|_| failed("printed bytes that are no UTF-8".to_owned()))?;
    let setting = Setting {
        value,
        origin: origin.to_owned(),
    };
    Ok(Some(trimmed(setting)))
}

fn shell(command: &str) -> Command {
    let (program, option) = if cfg!(windows) {
        ("cmd", "/C")
    } else {
        ("sh", "-c")
    };
    let mut shell = Command::new(program);
    shell.arg(option).arg(command);
    shell
}

/// A file as the SDK takes it.
fn address(path: &Path) -> Result<String> {
    let path = std::path::absolute(path)
        .map_err(|error| io_failure(Code::Configuration, path.display(), &error))?;
    warn_if_open(&path);
    Ok(format!("file://{}", path.display()))
}

/// A private key that everybody on the machine can read is no private key.
#[cfg(unix)]
fn warn_if_open(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;

    let Ok(mode) = fs::metadata(path).map(|data| data.permissions().mode()) else {
        return;
    };
    if mode & 0o077 == 0 {
        return;
    }
    let is_private = fs::read(path).is_ok_and(|bytes| {
        let text = String::from_utf8_lossy(&bytes);
        text.contains("PRIVATE KEY") || !text.contains("-----BEGIN")
    });
    if is_private {
        output::warn(format!(
            "others can read {}: chmod 600 {}",
            path.display(),
            path.display()
        ));
    }
}

#[cfg(not(unix))]
fn warn_if_open(_path: &Path) {}
