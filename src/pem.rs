//! PEM text and certificates: what a key's armour says, and a certificate's serial number.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::AnyRef;
use x509_cert::der::{Decode, Encode, Tag, Tagged as _};
use zeroize::Zeroizing;

use crate::error::{Error, KeyError, Result};
use crate::platform::since_1970;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";
const LONGEST_LABEL: usize = 40;

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
        None => Err(no_certificate(
            certificate.as_ref(),
            "which has no serial number",
        )),
    }
}

/// When a certificate becomes valid, and when it expires: the merchant's own, say, which has to be
/// renewed before.
///
/// Takes PEM text or `file:///absolute/path`, as [`serial_number`].
///
/// # Errors
/// [`Error::Key`] if it is no certificate.
pub fn validity(certificate: impl AsRef<str>) -> Result<(SystemTime, SystemTime)> {
    let key = crate::rsa::PublicKey::try_from(certificate.as_ref())?;
    match key.validity() {
        Some(Validity {
            not_before,
            not_after,
        }) => Ok((since_1970(not_before), since_1970(not_after))),
        None => Err(no_certificate(certificate.as_ref(), "which never expires")),
    }
}

fn no_certificate(text: &str, what: &str) -> Error {
    Error::Key(Box::new(KeyError {
        setting: None,
        origin: outline(text),
        seen: format!("a public key, {what}"),
        wanted: "an X.509 certificate".to_owned(),
        command: None,
    }))
}

/// What stands between the lines of a PEM, decoded; or the same without those lines.
pub(crate) struct Block {
    /// The type, as the BEGIN line has it or would have it.
    pub(crate) label: String,
    /// Whether it is a key encrypted in the traditional way, with headers inside the armour.
    pub(crate) proc_type: bool,
    pub(crate) der: Zeroizing<Vec<u8>>,
    /// The other certificates in the file of one: those of the authorities that issued it.
    pub(crate) issuers: Vec<Vec<u8>>,
}

impl Block {
    fn bare(label: &str, der: Zeroizing<Vec<u8>>) -> Self {
        Self {
            label: label.to_owned(),
            proc_type: false,
            der,
            issuers: Vec::new(),
        }
    }
}

/// What a PEM calls a certificate.
const CERTIFICATE: &str = "CERTIFICATE";

/// PHP's schemes before a bare base64 body, and the PEM type each stands for.
const SCHEMES: [(&str, &str); 4] = [
    ("private.pkcs1://", "RSA PRIVATE KEY"),
    ("private.pkcs8://", "PRIVATE KEY"),
    ("public.pkcs1://", "RSA PUBLIC KEY"),
    ("public.spki://", "PUBLIC KEY"),
];

/// What a certificate says that matters here.
pub(crate) struct Certificate {
    pub(crate) serial: String,
    pub(crate) validity: Validity,
    /// Its public key as SPKI DER.
    pub(crate) public_key: Vec<u8>,
}

/// From when to when a certificate is valid, both seconds since 1970 and both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
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
        let serial = match number {
            [] => "00".to_owned(),
            number => number.iter().map(|byte| format!("{byte:02X}")).collect(),
        };
        let dates = tbs.validity();
        let validity = Validity {
            not_before: dates.not_before.to_unix_duration().as_secs(),
            not_after: dates.not_after.to_unix_duration().as_secs(),
        };
        Ok(Self {
            serial,
            validity,
            public_key,
        })
    }
}

/// Reads a PEM, or one of the forms that have the same content without its BEGIN and END lines:
/// base64, with PHP's scheme before it or bare. The error says what the text is instead.
///
/// Of several blocks it takes the first whose label is wanted, else the first. White space in the
/// body carries no meaning, be it real or the two characters `\n` that configuration systems make of
/// a line break.
pub(crate) fn read(text: &str, wanted: &[&str]) -> std::result::Result<Block, String> {
    let mut blocks = text.split(BEGIN).skip(1);
    let Some(first) = blocks.next() else {
        return bare(text);
    };
    let is_wanted = |block: &&str| {
        let label = block.split(DASHES).next();
        label.is_some_and(|label| wanted.contains(&label))
    };
    let block = std::iter::once(first).chain(blocks).find(is_wanted);
    // Without its closing dashes a BEGIN line would end behind the key, which must not be shown.
    let is_label = |text: &str| {
        let is_part = |byte: u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b' ' | b'#');
        text.len() <= LONGEST_LABEL && text.bytes().all(is_part)
    };
    let lines = block.unwrap_or(first).split_once(DASHES);
    let Some((label, rest)) = lines.filter(|(label, _)| is_label(label)) else {
        return Err("a BEGIN line without its closing dashes".to_owned());
    };
    let end = format!("-----END {label}-----");
    let Some((body, _)) = rest.split_once(end.as_str()) else {
        return Err(format!("a PEM of the type {label} without its END line"));
    };
    let proc_type = body.contains("Proc-Type:");
    let der = if proc_type {
        Zeroizing::new(Vec::new())
    } else {
        decode(body).ok_or_else(|| {
            format!("a PEM of the type {label} whose body is no base64, so it was cut or altered")
        })?
    };
    let issuers = match label {
        CERTIFICATE => issuers(text, &der),
        _ => Vec::new(),
    };
    Ok(Block {
        proc_type,
        issuers,
        ..Block::bare(label, der)
    })
}

/// The certificates of a PEM but for the one that is given.
fn issuers(text: &str, of: &[u8]) -> Vec<Vec<u8>> {
    let certificates = text.split(BEGIN).skip(1).filter_map(|block| {
        let (label, rest) = block.split_once(DASHES)?;
        let (body, _) = rest.split_once(DASHES).filter(|_| label == CERTIFICATE)?;
        let der = decode(body)?;
        (der.as_slice() != of).then(|| der.to_vec())
    });
    certificates.collect()
}

/// Reads DER, whose content says what it is.
pub(crate) fn from_der(der: &[u8]) -> std::result::Result<Block, String> {
    match recognise(der) {
        Some(label) => Ok(Block::bare(label, Zeroizing::new(der.to_vec()))),
        None => Err("no key, certificate or PKCS#12 file in DER".to_owned()),
    }
}

/// Reads base64 without armour.
fn bare(text: &str) -> std::result::Result<Block, String> {
    let trimmed = text.trim_start_matches('\u{feff}').trim();
    let scheme = SCHEMES
        .iter()
        .find_map(|(scheme, label)| Some((*scheme, *label, trimmed.strip_prefix(scheme)?)));
    if let Some((scheme, label, body)) = scheme {
        let Some(der) = decode(body).filter(|der| !der.is_empty()) else {
            return Err(format!(
                "what follows {scheme} is no base64, so it was cut or altered"
            ));
        };
        return Ok(Block::bare(recognise(&der).unwrap_or(label), der));
    }
    let body = decode(trimmed);
    if let Some((der, label)) = body.and_then(|der| recognise(&der).map(|label| (der, label))) {
        return Ok(Block::bare(label, der));
    }
    Err(seen(trimmed))
}

fn decode(body: &str) -> Option<Zeroizing<Vec<u8>>> {
    let body = Zeroizing::new(compact(body));
    STANDARD.decode(body.as_bytes()).ok().map(Zeroizing::new)
}

/// What a DER sequence is, by the types of its elements.
fn recognise(der: &[u8]) -> Option<&'static str> {
    let elements: Vec<AnyRef<'_>> = Decode::from_der(der).ok()?;
    let tags: Vec<Tag> = elements.iter().map(|element| element.tag()).collect();
    match tags.as_slice() {
        [Tag::Integer, Tag::Sequence, Tag::OctetString, ..] => Some("PRIVATE KEY"),
        [Tag::Integer, Tag::Integer] => Some("RSA PUBLIC KEY"),
        [Tag::Integer, Tag::Integer, Tag::Integer, ..] => Some("RSA PRIVATE KEY"),
        [Tag::Integer, Tag::OctetString, ..] => Some("EC PRIVATE KEY"),
        [Tag::Integer, Tag::Sequence, ..] => Some("PKCS12"),
        [Tag::Sequence, Tag::BitString] => Some("PUBLIC KEY"),
        [Tag::Sequence, Tag::OctetString] => Some("ENCRYPTED PRIVATE KEY"),
        [Tag::Sequence, Tag::Sequence, Tag::BitString] => Some(CERTIFICATE),
        _ => None,
    }
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
    if is_path(trimmed) {
        let missing = if std::path::Path::new(trimmed).exists() {
            ""
        } else {
            ", and there is no such file"
        };
        return format!("it looks like a path{missing}; a path is given as file:///absolute/path");
    }
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=\\".contains(&byte);
    if trimmed.len() > 200
        && trimmed
            .bytes()
            .all(|byte| base64(byte) || byte.is_ascii_whitespace())
    {
        return "it looks like the bare base64 of a key, without BEGIN and END lines, but it holds \
             none: it was cut or altered"
            .to_owned();
    }
    "no PEM: there is no BEGIN line in it".to_owned()
}

/// Whether a text is a path that may be shown: a piece of a key is never one.
fn is_path(text: &str) -> bool {
    const LINE_OF_KEY: usize = 60;
    let key_file = [".pem", ".key", ".crt", ".cer", ".p12", ".pub"]
        .iter()
        .any(|ending| text.ends_with(ending));
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let may_be_key = text.starts_with("MII")
        || text.contains(DASHES)
        || SCHEMES.iter().any(|(scheme, _)| text.starts_with(scheme))
        || text
            .as_bytes()
            .split(|byte| !is_base64(byte))
            .any(|run| run.len() >= LINE_OF_KEY);
    text.len() < 200
        && !text.contains(['\n', '\r'])
        && !may_be_key
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
