//! Settings that a program's tests have already, for a sandbox that takes them.

use std::fs;
use std::path::{Path, PathBuf};

use wechatpay_sandbox::{Builder, Sandbox};

use crate::exit::{Code, Failure, Result, io};

/// What the sandbox is to take instead of its published keys.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Own {
    /// The merchant number of your tests, instead of 1900000109
    #[arg(long, value_name = "MCHID")]
    mchid: Option<String>,
    /// The keys of your tests: apiclient_key.pem and apiclient_cert.pem in this folder, and
    /// platform_key.pem, if it is there, with which the sandbox signs
    #[arg(long, value_name = "FOLDER")]
    keys: Option<PathBuf>,
    /// The ID (PUB_KEY_ID_…) or serial of platform_key.pem
    #[arg(long, value_name = "ID", requires = "keys")]
    platform_serial: Option<String>,
    /// A file with the APIv3 key of your tests
    #[arg(long, value_name = "FILE")]
    apiv3_key_file: Option<PathBuf>,
    /// A file with the APIv2 key of your tests
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

impl Own {
    pub(crate) fn add(&self, mut builder: Builder) -> Result<Builder> {
        if let Some(mchid) = &self.mchid {
            builder = builder.mchid(mchid);
        }
        if let Some(keys) = &self.keys {
            let certificate = read(&keys.join("apiclient_cert.pem"))?;
            let private_key = read(&keys.join("apiclient_key.pem"))?;
            builder = builder.merchant_key(certificate, private_key);
            builder = self.add_platform(builder, &keys.join("platform_key.pem"))?;
        }
        if let Some(file) = &self.apiv3_key_file {
            builder = builder.apiv3_key(read(file)?.trim_end_matches(['\r', '\n']));
        }
        if let Some(file) = &self.secret_file {
            builder = builder.secret(read(file)?.trim_end_matches(['\r', '\n']));
        }
        Ok(builder)
    }

    fn add_platform(&self, builder: Builder, key: &Path) -> Result<Builder> {
        match &self.platform_serial {
            Some(serial) => Ok(builder.platform_key(serial, read(key)?)),
            None if key.exists() => Err(Failure::new(
                Code::Configuration,
                format_args!(
                    "{} wants --platform-serial, the ID or serial under which your tests know it",
                    key.display()
                ),
            )),
            None => Ok(builder),
        }
    }

    /// What the sandbox says that it can't use, with the file that it came from.
    pub(crate) fn refused(&self, error: &std::io::Error) -> Failure {
        let message = error.to_string();
        let (setting, why) = message.split_once(": ").unwrap_or_default();
        let (names, place) = match setting {
            "merchant_key" => ("apiclient_cert.pem and apiclient_key.pem of ", &self.keys),
            "platform_key" => ("--platform-serial and platform_key.pem of ", &self.keys),
            "apiv3_key" => ("", &self.apiv3_key_file),
            "secret" => ("", &self.secret_file),
            _ => ("", &None),
        };
        match place {
            Some(place) => Failure::new(
                Code::Configuration,
                format_args!("{names}{}: {why}", place.display()),
            ),
            None => Failure::new(Code::Configuration, message),
        }
    }

    /// How to show the APIv3 key: the published one, or where one's own is.
    pub(crate) fn apiv3_key(&self, sandbox: &Sandbox) -> String {
        shown(sandbox.apiv3_key(), self.apiv3_key_file.as_deref())
    }

    /// How to show the APIv2 key, in the same way.
    pub(crate) fn secret(&self, sandbox: &Sandbox) -> String {
        shown(sandbox.secret(), self.secret_file.as_deref())
    }

    /// Whether this variable of the environment holds a key of one's own, which is not shown.
    pub(crate) fn hides(&self, variable: &str) -> bool {
        match variable {
            "WECHATPAY_PRIVATE_KEY" => self.keys.is_some(),
            "WECHATPAY_APIV3_KEY" => self.apiv3_key_file.is_some(),
            "WECHATPAY_SECRET" => self.secret_file.is_some(),
            _ => false,
        }
    }

    pub(crate) fn is_any(&self) -> bool {
        self.keys.is_some() || self.apiv3_key_file.is_some() || self.secret_file.is_some()
    }
}

fn shown(key: &str, file: Option<&Path>) -> String {
    match file {
        Some(file) => format!("<the one in {}>", file.display()),
        None => key.to_owned(),
    }
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).map_err(|error| io(Code::Configuration, file.display(), &error))
}
