//! PEM text and certificates: what a key's armour says, and a certificate's serial number.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::{Decode, Encode};
use zeroize::Zeroizing;

use crate::error::{Error, KeyError, Result};

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// The serial number of a certificate, as upper-case hex with the leading zeros that OpenSSL
/// prints: what WeChat Pay calls `serial_no`.
///
/// Takes PEM text or `file:///absolute/path`, as PHP's `PemUtil::parseCertificateSerialNo`.
///
/// # Errors
/// [`Error::Key`] if it is no certificate.
pub fn serial_number(certificate: impl AsRef<str>) -> Result<String> {
    let key = crate::rsa::PublicKey::try_from(certificate.as_ref())?;
    match key.serial() {
        Some(serial) => Ok(serial.to_owned()),
        None => Err(Error::Key(Box::new(KeyError {
            setting: None,
            origin: outline(certificate.as_ref()),
            seen: "a public key, which has no serial number".to_owned(),
            wanted: "an X.509 certificate".to_owned(),
            command: None,
        }))),
    }
}

/// One armoured block, decoded.
pub(crate) struct Block {
    pub(crate) label: String,
    pub(crate) encrypted: bool,
    pub(crate) der: Zeroizing<Vec<u8>>,
}

/// What a certificate says that matters here.
pub(crate) struct Certificate {
    pub(crate) serial: String,
    /// Its public key as SPKI DER.
    pub(crate) public_key: Vec<u8>,
}

impl Certificate {
    pub(crate) fn from_der(der: &[u8]) -> std::result::Result<Self, &'static str> {
        const BROKEN: &str = "a certificate whose DER is broken";
        // `Raw` takes the serials of more than 20 bytes that some authorities issued.
        let Ok(certificate) = CertificateInner::<Raw>::from_der(der) else {
            return Err(BROKEN);
        };
        let tbs = certificate.tbs_certificate();
        let Ok(public_key) = tbs.subject_public_key_info().to_der() else {
            return Err(BROKEN);
        };
        // A DER integer has a zero byte in front where its first bit would be taken for a sign.
        let number = tbs.serial_number().as_bytes();
        let number = number.strip_prefix(&[0]).unwrap_or(number);
        let serial = number.iter().map(|byte| format!("{byte:02X}")).collect();
        Ok(Self { serial, public_key })
    }
}

/// Reads the first armoured block; the error says what the text is instead.
///
/// White space in the body carries no meaning, be it real or the two characters `\n` that
/// configuration systems make of a line break.
pub(crate) fn read(text: &str) -> std::result::Result<Block, String> {
    let Some((_, rest)) = text.split_once(BEGIN) else {
        return Err(seen(text));
    };
    // Without the dashes at the end of its line the key itself would be taken for a label.
    let label = rest
        .split_once(DASHES)
        .filter(|(label, _)| label.len() < 40 && label.bytes().all(is_label));
    let Some((label, rest)) = label else {
        return Err("a BEGIN line without its closing dashes".to_owned());
    };
    let end = format!("-----END {label}-----");
    let Some((body, _)) = rest.split_once(end.as_str()) else {
        return Err(format!("a PEM of the type {label} without its END line"));
    };
    let encrypted = label == "ENCRYPTED PRIVATE KEY" || body.contains("Proc-Type:");
    let der = if encrypted {
        Vec::new()
    } else {
        let body = Zeroizing::new(compact(body));
        STANDARD.decode(body.as_bytes()).map_err(|_| {
            format!("a PEM of the type {label} whose body is no base64, so it was cut or altered")
        })?
    };
    Ok(Block {
        label: label.to_owned(),
        encrypted,
        der: Zeroizing::new(der),
    })
}

fn is_label(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' '
}

fn compact(body: &str) -> String {
    let mut compact = String::with_capacity(body.len());
    let mut characters = body.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\\' && matches!(characters.peek(), Some('n' | 'r')) {
            characters.next();
        } else if !character.is_whitespace() {
            compact.push(character);
        }
    }
    compact
}

/// What a text without armour looks like.
fn seen(text: &str) -> String {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return "empty".to_owned();
    }
    if let Some((scheme, _)) = trimmed.split_once("://") {
        if matches!(
            scheme,
            "private.pkcs1" | "private.pkcs8" | "public.pkcs1" | "public.spki"
        ) {
            return format!("a key in PHP's form {scheme}://, which is not in this version");
        }
    }
    if is_path(trimmed) {
        let missing = if std::path::Path::new(trimmed).exists() {
            ""
        } else {
            ", and there is no such file"
        };
        return format!("it looks like a path{missing}; a path is given as file:///absolute/path");
    }
    if trimmed.len() > 200 && is_base64(trimmed) {
        return "the bare base64 of a key, without its BEGIN and END lines; put them around it"
            .to_owned();
    }
    "no PEM: there is no BEGIN line in it".to_owned()
}

/// Whether it may be base64, its line breaks real or written as `\n`.
fn is_base64(text: &str) -> bool {
    text.bytes().all(|byte| {
        byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=\\".contains(&byte)
    })
}

fn is_path(text: &str) -> bool {
    let key_file = [".pem", ".key", ".crt", ".cer", ".p12", ".pub"]
        .iter()
        .any(|ending| text.ends_with(ending));
    // The base64 of a key begins with M, the start of each DER sequence, and may hold slashes.
    let is_der =
        text.starts_with("MII") || text.starts_with('M') && text.len() > 40 && is_base64(text);
    text.len() < 200
        && !text.contains(['\n', '\r'])
        && !text.contains(DASHES)
        && !is_der
        && (key_file || text.contains(['/', '\\']))
}

/// How a file is shown in an error; what is too long for one is likely a key in its place.
pub(crate) fn file(path: &std::path::Path) -> String {
    let address = format!("file://{}", path.display());
    match is_path(&address) {
        true => address,
        false => outline(&address),
    }
}

/// How a text is shown in an error: a path as it is, anything else by its form and length.
pub(crate) fn outline(text: &str) -> String {
    let trimmed = text.trim();
    if is_path(trimmed) {
        return format!("{trimmed:?}");
    }
    match trimmed.lines().count() {
        0 | 1 => format!("a text of {} bytes", text.len()),
        lines => format!("a text of {} bytes in {lines} lines", text.len()),
    }
}
