//! `wechatpay serial`: a certificate's serial number.

use std::fmt;
use std::path::{self, Path, PathBuf};

use serde_json::json;
use wechatpay_chain::pem;

use crate::Globals;
use crate::exit::{Code, Failure, Result};
use crate::{input, output};

/// `wechatpay serial`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A certificate, PEM or DER; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn run(args: &Args, globals: &Globals) -> Result<()> {
    let file = &args.file;
    let wrong = |why: &dyn fmt::Display| {
        Failure::new(
            Code::Configuration,
            format_args!("{}: {why}", file.display()),
        )
    };
    let bytes = input::file(file, "the certificate", Code::Usage)?;
    if let Some(why) = holds_no_certificate(&bytes) {
        return Err(wrong(&why));
    }
    let certificate = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) if file == Path::new("-") => {
            return Err(wrong(&"DER is read from a file, not from standard input"));
        }
        Err(_) => {
            let path = path::absolute(file);
            let path = path.map_err(|error| wrong(&error))?;
            format!("file://{}", path.display())
        }
    };
    let serial = pem::serial_number(certificate).map_err(|error| wrong(&error))?;
    if globals.json {
        return output::json_line(&json!({ "file": file, "serial": serial }));
    }
    output::line(serial)
}

/// What a PEM holds that is no certificate, and where to find one. A key and its certificate may be in
/// one file.
fn holds_no_certificate(bytes: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(bytes);
    if text.contains("BEGIN CERTIFICATE") {
        return None;
    }
    if text.contains("PRIVATE KEY-----") {
        return Some(
            "a private key has no serial number; wanted is its certificate, apiclient_cert.pem",
        );
    }
    text.contains("PUBLIC KEY-----").then_some(
        "a public key has no serial number; WeChat Pay's has an ID, PUB_KEY_ID_…, which stands beside it \
         on the merchant platform",
    )
}
