//! `wechatpay certs`: the platform certificates, which verify what WeChat Pay signs.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wechatpay_chain::{Error, PlatformCertificate};

use crate::Globals;
use crate::account::{Account, Settings};
use crate::exit::{Code, Failure, Result, io};
use crate::whole::{self, Draft};
use crate::{output, wait, when, words};

/// Where a merchant finds WeChat Pay's public key.
pub(crate) const WHERE: &str = "download it at pay.weixin.qq.com → 账户中心 → API安全 → 微信支付公钥, and give it \
     as --cert PUB_KEY_ID_…=pub_key.pem";

/// `wechatpay certs`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
No earlier certificate is needed: merchant number, serial, private key and
APIv3 key are enough. Without -o a terminal shows a list, and a pipe gets the
certificates as PEM.")]
pub(crate) struct Args {
    /// Write each to wechatpay_SERIAL.pem in this folder
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

pub(crate) fn run(args: &Args, globals: &Globals) -> Result<()> {
    let account = args.settings.account()?;
    let certificates = fetched(&account)?;
    let files = match &args.output {
        None => Vec::new(),
        Some(folder) => saved(folder, &certificates)?,
    };
    if globals.json {
        return output::json_line(&json(&certificates, &files));
    }
    if args.output.is_some() {
        for file in &files {
            output::line(file.display().to_string())?;
        }
        return Ok(());
    }
    for certificate in &certificates {
        if output::is_terminal() {
            output::line(format!(
                "{}  {} to {}",
                certificate.serial(),
                when::day(certificate.not_before()),
                when::day(certificate.not_after())
            ))?;
        } else {
            output::bytes(pem(certificate).as_bytes())?;
        }
    }
    if output::is_terminal() {
        output::say("-o FOLDER writes them to files");
    }
    Ok(())
}

/// The platform certificates, or why there are none, in one line.
fn fetched(account: &Account) -> Result<Vec<PlatformCertificate>> {
    // Before anything else: without it the list can't be read, whatever else is there.
    if account.apiv3_key.is_none() && !account.is_empty() && account.sandbox.is_none() {
        return Err(Failure::new(
            Code::Configuration,
            "apiv3_key: it decrypts the certificates, and none was given; wanted: --apiv3-key-file FILE, or \
             WECHATPAY_APIV3_KEY",
        ));
    }
    let client = account.client()?;
    wait::for_answer(client.certificates(), false)?.map_err(refusal)
}

fn refusal(error: Error) -> Failure {
    if has_public_key_only(&error) {
        let message = format!(
            "no platform certificates ({}): this merchant has WeChat Pay's public key instead; {WHERE}",
            answered(&error)
        );
        let is_theirs = error
            .api()
            .is_some_and(|error| error.status().is_server_error());
        let code = if is_theirs {
            Code::ServerError
        } else {
            Code::Refused
        };
        return Failure::new(code, message);
    }
    match error {
        Error::Decode(_) if is_about_key(&error) => {
            Failure::new(Code::Configuration, words::of(&error))
        }
        error => error.into(),
    }
}

/// Whether this answer to the request for certificates is that of a merchant that has none.
pub(crate) fn has_public_key_only(error: &Error) -> bool {
    error.api().is_some_and(|error| {
        matches!(
            (error.status().as_u16(), error.code()),
            (404, "RESOURCE_NOT_EXISTS") | (403, _) | (500, "SYSTEM_ERROR")
        )
    })
}

/// Whether the certificates came, and the APIv3 key does not open them.
pub(crate) fn is_about_key(error: &Error) -> bool {
    matches!(error, Error::Decode(_)) && error.to_string().contains("the APIv3 key")
}

/// Status and code of a refusal.
pub(crate) fn answered(error: &Error) -> String {
    error.api().map_or_else(String::new, |error| {
        format!("{} {}", error.status().as_u16(), error.code())
    })
}

/// Writes all of them, or none.
fn saved(folder: &Path, certificates: &[PlatformCertificate]) -> Result<Vec<PathBuf>> {
    let failed = |path: &Path, error: std::io::Error| io(Code::Usage, path.display(), &error);
    whole::folder(folder).map_err(|error| failed(folder, error))?;
    let mut drafts = Vec::new();
    for certificate in certificates {
        let path = folder.join(format!("wechatpay_{}.pem", certificate.serial()));
        let draft = Draft::write(&path, pem(certificate).as_bytes());
        drafts.push(draft.map_err(|error| failed(&path, error))?);
    }
    drafts
        .into_iter()
        .map(|draft| draft.keep().map_err(|error| failed(folder, error)))
        .collect()
}

/// With the line feed at its end that files have.
fn pem(certificate: &PlatformCertificate) -> String {
    format!("{}\n", certificate.pem().trim_end())
}

fn json(certificates: &[PlatformCertificate], files: &[PathBuf]) -> Value {
    let certificates = certificates.iter().enumerate();
    certificates
        .map(|(index, certificate)| {
            let time = |time| when::rfc3339(when::of_system(time));
            json!({
                "serial": certificate.serial(),
                "not_before": time(certificate.not_before()),
                "not_after": time(certificate.not_after()),
                "pem": certificate.pem(),
                "file": files.get(index),
            })
        })
        .collect()
}
