//! APIv2: fields become signed XML or a signed query, and an answer is judged.
//!
//! What goes into the XML and what is signed are one text, decided once.

#![cfg_attr(
    not(test),
    expect(dead_code, reason = "no request goes through APIv2 yet")
)]

use std::collections::HashSet;

use http::{Method, StatusCode};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::crypto::{aes_ecb, hash};
use crate::error::{DecodeError, Error, Result, Short, SignatureState};
use crate::formatter::plain;
use crate::hash::SignType;
use crate::query;
use crate::template::encode_value;
use crate::transformer::{self, is_allowed};

const NONCE: &str = "nonce_str";
const SIGN: &str = "sign";
const SIGN_TYPE: &str = "sign_type";
const WORKWX_SIGN: &str = "workwx_sign";
/// The fields that may hold the merchant's number, in the order in which they are looked at.
const MERCHANT: [&str; 3] = ["mch_id", "mchid", "combine_mch_id"];
const SUCCESS: &str = "SUCCESS";

/// The user's browser is sent there, which can sign nothing.
const AUTHORIZE: &str = "/appauth/authindex";
/// Answers JSON.
const ACCESS_TOKEN: &str = "/appauth/getaccesstoken";

/// Take no `nonce_str`.
const NONCELESS: [&str; 25] = [
    AUTHORIZE,
    ACCESS_TOKEN,
    "/cgi-bin/mch/customs/customdeclareorder",
    "/cgi-bin/mch/customs/customdeclarequery",
    "/cgi-bin/mch/newcustoms/customdeclareredeclare",
    "/papay/deletecontract",
    "/papay/entrustweb",
    "/papay/h5entrustweb",
    "/papay/partner/deletecontract",
    "/papay/partner/entrustweb",
    "/papay/partner/h5entrustweb",
    "/papay/partner/preentrustweb",
    "/papay/partner/querycontract",
    "/papay/preentrustweb",
    "/papay/querycontract",
    "/pay/queryexchagerate",
    "/secapi/mch/addInstitutionsub",
    "/secapi/mch/addsubdevconfig",
    "/secapi/mch/channelsetting",
    "/secapi/mch/modifyInstitutionsub",
    "/secapi/mch/modifymchinfo",
    "/secapi/mch/queryInstitutionsub",
    "/secapi/mch/querysubdevconfig",
    "/secapi/mch/submchmanage",
    "/secapi/mch/uploadmedia",
];

/// Their answers are unsigned by design.
const UNSIGNED: [&str; 29] = [
    AUTHORIZE,
    ACCESS_TOKEN,
    "/billcommentsp/batchquerycomment",
    "/mchrisk/querymchrisk",
    "/mchrisk/setmchriskcallback",
    "/mchrisk/syncmchriskresult",
    "/mmpaymkttransfers/gethbinfo",
    "/mmpaymkttransfers/gettransferinfo",
    "/mmpaymkttransfers/promotion/paywwsptrans2pocket",
    "/mmpaymkttransfers/promotion/querywwsptrans2pocket",
    "/mmpaymkttransfers/promotion/transfers",
    "/mmpaymkttransfers/sendgroupredpack",
    "/mmpaymkttransfers/sendminiprogramhb",
    "/mmpaymkttransfers/sendredpack",
    "/mmpaysptrans/pay_bank",
    "/mmpaysptrans/query_bank",
    "/papay/entrustweb",
    "/papay/h5entrustweb",
    "/papay/partner/entrustweb",
    "/papay/partner/h5entrustweb",
    "/pay/downloadbill",
    "/pay/downloadfundflow",
    "/payitil/report",
    "/risk/getpublickey",
    "/risk/getviolation",
    "/sandboxnew/pay/downloadbill",
    "/sandboxnew/pay/getsignkey",
    "/secapi/mch/submchmanage",
    "/xdc/apiv2getsignkey/sign/getsignkey",
];

/// Their answers are for the user's browser: a redirect, or a page.
const FOR_BROWSERS: [&str; 5] = [
    AUTHORIZE,
    "/papay/entrustweb",
    "/papay/h5entrustweb",
    "/papay/partner/entrustweb",
    "/papay/partner/h5entrustweb",
];

/// Answer text on success, and XML on failure.
const DOWNLOADS: [&str; 4] = [
    "/billcommentsp/batchquerycomment",
    "/pay/downloadbill",
    "/pay/downloadfundflow",
    "/sandboxnew/pay/downloadbill",
];

/// The catalogue's paths have capitals in places, and callers write them in either way.
fn is_one_of(paths: &[&str], path: &str) -> bool {
    let path = path.strip_prefix('/').unwrap_or(path);
    paths.iter().any(|known| {
        let known = known.strip_prefix('/').unwrap_or(known);
        known.eq_ignore_ascii_case(path)
    })
}

/// Whether a redirect is this endpoint's success.
pub(crate) fn is_for_browsers(path: &str) -> bool {
    is_one_of(&FOR_BROWSERS, path)
}

/// Who signs.
#[derive(Clone, Copy)]
pub(crate) struct Merchant<'a> {
    pub(crate) mchid: &'a str,
    /// The APIv2 key.
    pub(crate) secret: Option<&'a str>,
}

impl<'a> Merchant<'a> {
    /// An empty key would sign, too, and anybody could do the same.
    fn secret(self) -> Option<&'a str> {
        self.secret.filter(|secret| !secret.is_empty())
    }

    fn needed_secret(self) -> Result<&'a str> {
        self.secret().ok_or_else(|| {
            Error::config(
                "secret",
                "none is set, and APIv2 signs with it",
                "the APIv2 key (32 characters) that is set on the merchant platform",
            )
        })
    }
}

/// The sign of Enterprise WeChat (企业微信), which goes into a request before APIv2's own.
pub(crate) struct Workwx<'a> {
    /// The secret of the payment application, not the APIv2 key.
    pub(crate) agent_secret: &'a str,
    /// The fields that are signed, in any order; `None` takes the list of the path.
    pub(crate) fields: Option<&'a [&'a str]>,
}

const RED_PACKET: [&str; 7] = [
    "act_name",
    "mch_billno",
    "mch_id",
    NONCE,
    "re_openid",
    "total_amount",
    "wxappid",
];

const EMPLOYEE: [&str; 8] = [
    "amount",
    "appid",
    "desc",
    "mch_id",
    NONCE,
    "openid",
    "partner_trade_no",
    "ww_msg_type",
];

/// A request that is still to be signed.
pub(crate) struct Call<'a> {
    pub(crate) verb: &'a Method,
    /// Without a prefix of base_uri.
    pub(crate) path: &'a str,
    /// Taken unless the fields have one, or the endpoint takes none.
    pub(crate) nonce: &'a str,
    /// The caller said that there be no nonce.
    pub(crate) is_nonceless: bool,
    pub(crate) workwx: Option<Workwx<'a>>,
}

/// A signed request.
pub(crate) struct Signed {
    pub(crate) content: Content,
    /// What was signed, without the key; it holds the values.
    pub(crate) signed_text_without_key: String,
}

#[derive(PartialEq, Eq)]
pub(crate) enum Content {
    /// The body.
    Xml(String),
    /// The query of a GET, percent-encoded, without `?`.
    Query(String),
}

/// Signs the fields of a request, and writes them as its verb has them.
pub(crate) fn sign(merchant: Merchant<'_>, call: &Call<'_>, fields: &Value) -> Result<Signed> {
    let (fields, signed_text_without_key) = signed(merchant, call, fields)?;
    let content = if *call.verb == Method::GET {
        Content::Query(fields.to_query())
    } else {
        Content::Xml(fields.to_xml())
    };
    Ok(Signed {
        content,
        signed_text_without_key,
    })
}

/// The fields of a request with its `sign`, and the text that was signed.
///
/// An upload sends them as parts of a form, and its `media` beside them.
pub(crate) fn signed(
    merchant: Merchant<'_>,
    call: &Call<'_>,
    fields: &Value,
) -> Result<(Fields, String)> {
    let mut fields = Fields::read(fields, *call.verb == Method::GET)?;
    fields.check_merchant(merchant.mchid)?;
    if is_one_of(&[AUTHORIZE], call.path) {
        return Ok((fields, String::new()));
    }
    let secret = merchant.needed_secret()?;
    let sign_type: SignType = fields.text(SIGN_TYPE).parse()?;
    let is_nonceless = call.is_nonceless || is_one_of(&NONCELESS, call.path);
    if !is_nonceless && fields.given(NONCE).is_none() {
        fields.set(NONCE, call.nonce.to_owned());
    }
    if let Some(workwx) = &call.workwx {
        fields.set(WORKWX_SIGN, fields.workwx_sign(workwx, call.path)?);
    }
    let text = fields.signed_text();
    fields.set(SIGN, hash::sign(sign_type, &text, secret));
    Ok((fields, text))
}

/// The fields of a request in their order, each with the text that is both signed and sent.
pub(crate) struct Fields(Vec<(String, Option<String>)>);

impl Fields {
    fn read(fields: &Value, is_query: bool) -> Result<Self> {
        let wanted = "an object of fields, such as json!({\"mch_id\": …})";
        let mut read = Self(Vec::new());
        match fields {
            Value::Null => {}
            Value::Object(fields) => {
                for (name, value) in fields {
                    read.push(name, value)?;
                }
            }
            Value::Array(pairs) if is_query => {
                for pair in pairs {
                    match pair.as_array().map(Vec::as_slice) {
                        Some([Value::String(name), value]) => read.push(name, value)?,
                        _ => return Err(Error::request("query: an element is no pair", wanted)),
                    }
                }
            }
            Value::String(text) if is_query => {
                let text = text.strip_prefix('?').unwrap_or(text);
                for pair in text.split('&').filter(|pair| !pair.is_empty()) {
                    let pair = pair.replace('+', " ");
                    let (name, value) = pair.split_once('=').unwrap_or((&pair, ""));
                    read.push(&query::decode(name), &query::decode(value).into())?;
                }
            }
            Value::String(_) => {
                return Err(Error::request(
                    "the body is a ready text, whose sign can't be known",
                    wanted,
                ));
            }
            Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                return Err(Error::request("the body is no object", wanted));
            }
        }
        let mut seen = HashSet::new();
        match read.0.iter().find(|(name, _)| !seen.insert(name)) {
            Some((name, _)) => Err(Error::request(
                format!("{}: given twice", Short(name)),
                "each field once, since one sign is over all",
            )),
            None => Ok(read),
        }
    }

    fn push(&mut self, name: &str, value: &Value) -> Result<()> {
        if !transformer::is_field_name(name) {
            return Err(Error::request(
                format!("{}: no name for a field of APIv2", Short(name)),
                "letters, digits and _, as WeChat Pay's documentation has it",
            ));
        }
        let nested = match value {
            Value::Array(_) => Some("a list"),
            Value::Object(_) => Some("an object"),
            _ => None,
        };
        if let Some(nested) = nested {
            return Err(Error::request(
                format!("{}: {nested}", Short(name)),
                "APIv2 is flat and wants the JSON of this as a string: json!({…}).to_string()",
            ));
        }
        let text = plain(value);
        if value.is_number() && !is_integer(&text) {
            return Err(Error::request(
                format!("{}: {} is no whole number", Short(name), Short(&text)),
                "an integer, as amounts are in the currency's smallest unit; a number that is \
                 meant as it is written goes as a string",
            ));
        }
        if let Some(character) = text.chars().find(|&character| !is_allowed(character)) {
            return Err(Error::request(
                format!(
                    "{}: the character U+{:04X}, which XML 1.0 forbids",
                    Short(name),
                    u32::from(character)
                ),
                "a text without it",
            ));
        }
        let text = (!value.is_null()).then(|| text.into_owned());
        self.0.push((name.to_owned(), text));
        Ok(())
    }

    /// What was given under a name, unless it is null.
    fn given(&self, name: &str) -> Option<&str> {
        let (_, text) = self.0.iter().find(|(given, _)| given == name)?;
        text.as_deref()
    }

    fn text(&self, name: &str) -> &str {
        self.given(name).unwrap_or_default()
    }

    /// Sets a field where it stands, or at the end, as PHP does.
    fn set(&mut self, name: &str, text: String) {
        match self.0.iter_mut().find(|(given, _)| given == name) {
            Some((_, old)) => *old = Some(text),
            None => self.0.push((name.to_owned(), Some(text))),
        }
    }

    fn check_merchant(&self, mchid: &str) -> Result<()> {
        let given = MERCHANT
            .iter()
            .find_map(|name| Some((name, self.given(name)?)));
        match given {
            Some((_, given)) if given == mchid => Ok(()),
            Some((name, given)) => Err(Error::request(
                format!(
                    "{name} is {:?}, and the mchid of this client is {mchid:?}",
                    Short(given)
                ),
                "the merchant number of the client, whose key signs this request",
            )),
            None => Err(Error::request(
                "none of mch_id, mchid and combine_mch_id is there",
                format!("the one that this endpoint documents, with the client's mchid {mchid:?}"),
            )),
        }
    }

    /// The sorted fields as `name=value&…`, without `sign` and what is empty.
    fn signed_text(&self) -> String {
        joined(self.pairs().filter(|(name, _)| *name != SIGN).collect())
    }

    fn workwx_sign(&self, workwx: &Workwx<'_>, path: &str) -> Result<String> {
        if workwx.agent_secret.is_empty() {
            return Err(Error::request(
                "workwx_sign: the secret is empty",
                "the secret of Enterprise WeChat's payment application",
            ));
        }
        let chosen = match workwx.fields {
            Some(fields) => fields,
            None if is_one_of(&["/mmpaymkttransfers/sendworkwxredpack"], path) => &RED_PACKET,
            None if is_one_of(&["/mmpaymkttransfers/promotion/paywwsptrans2pocket"], path) => {
                &EMPLOYEE
            }
            None => {
                return Err(Error::request(
                    "workwx_sign: this endpoint is neither the red packet nor the payment to \
                     employees",
                    "a list of the fields that are signed",
                ));
            }
        };
        if let Some(missing) = chosen.iter().find(|name| self.text(name).is_empty()) {
            return Err(Error::request(
                format!("{missing}: absent or empty"),
                "a value, as workwx_sign is made over it",
            ));
        }
        let pairs = self.pairs().filter(|(name, _)| chosen.contains(name));
        let mut sign = hash::md5_agency(joined(pairs.collect()), workwx.agent_secret);
        sign.make_ascii_uppercase();
        Ok(sign)
    }

    /// Every field with its text; null is empty.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_deref().unwrap_or_default()))
    }

    fn to_xml(&self) -> String {
        let mut xml = "<xml>".to_owned();
        for (name, text) in self.pairs() {
            transformer::write_element(&mut xml, name, text);
        }
        xml.push_str("</xml>");
        xml
    }

    fn to_query(&self) -> String {
        let mut query = String::new();
        for (name, text) in &self.0 {
            let Some(text) = text else {
                continue;
            };
            if !query.is_empty() {
                query.push('&');
            }
            encode_value(&mut query, name);
            query.push('=');
            encode_value(&mut query, text);
        }
        query
    }
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Pairs in the order of their names' bytes, without those whose text is empty.
fn joined(mut pairs: Vec<(&str, &str)>) -> String {
    pairs.sort_unstable();
    let mut joined = String::new();
    for (name, text) in pairs {
        if text.is_empty() {
            continue;
        }
        if !joined.is_empty() {
            joined.push('&');
        }
        joined.push_str(name);
        joined.push('=');
        joined.push_str(text);
    }
    joined
}

/// What an answer is worth.
pub(crate) enum Outcome {
    /// A success.
    Accepted {
        data: Value,
        /// Whether its `sign` was there and right; `false` only where none is made by design.
        is_verified: bool,
    },
    /// A success whose body is not XML: a download, or a page for the user's browser.
    Plain,
    /// WeChat Pay, or something before it, says no.
    Refused(Refusal),
    /// It says yes, and that can't be trusted.
    Untrusted(Distrust),
    /// It is not what it should be.
    Unreadable(Error),
}

/// WeChat Pay's no, in whichever words.
pub(crate) struct Refusal {
    pub(crate) code: String,
    /// WeChat Pay's message, or the title of an HTML page.
    pub(crate) message: String,
    /// What can be said beyond the gateway's words.
    pub(crate) hint: Option<&'static str>,
    /// The whole answer; null where it can't be read.
    pub(crate) data: Value,
    /// A failure needs no sign.
    pub(crate) signature: SignatureState,
}

/// Why an answer or a notification is not trusted.
#[derive(PartialEq, Eq)]
pub(crate) enum Distrust {
    /// It does not say whether it is a success: it has no `return_code` (JSON: `retcode`).
    NoCode,
    /// It has no `sign`; a notification no `req_info` either.
    NoSign,
    /// Its `sign` is wrong.
    WrongSign {
        /// What was signed here, without the key; empty where an element nests, which no sign covers.
        signed_text_without_key: String,
    },
    /// It is for another merchant.
    OtherMerchant { field: &'static str, given: String },
    /// The client has no APIv2 key to check it with.
    NoSecret,
}

/// Judges an answer that is no redirect.
pub(crate) fn judge(
    merchant: Merchant<'_>,
    path: &str,
    status: StatusCode,
    body: &[u8],
) -> Outcome {
    let read = if is_one_of(&[ACCESS_TOKEN], path) && !begins_with_markup(body) {
        serde_json::from_slice::<Map<String, Value>>(body)
            .map(Value::Object)
            .map_err(|error| Error::Decode(Box::new(DecodeError::json(&error))))
    } else if status.is_success() && is_one_of(&DOWNLOADS, path) && is_text(body) {
        return Outcome::Plain;
    } else {
        transformer::from_bytes(body)
    };
    if !status.is_success() {
        return Outcome::Refused(refusal_by_status(merchant, body, read.ok()));
    }
    let is_page = is_for_browsers(path);
    let data = match read {
        Ok(data) => data,
        Err(_) if is_page && !body.is_empty() => return Outcome::Plain,
        Err(error) => return Outcome::Unreadable(error),
    };
    if let Some((code, message)) = refused(&data) {
        return Outcome::Refused(Refusal {
            code,
            message,
            hint: None,
            signature: signature(merchant, &data),
            data,
        });
    }
    if !says_success(&data, path) {
        return if is_page {
            Outcome::Plain
        } else {
            Outcome::Untrusted(Distrust::NoCode)
        };
    }
    let is_unsigned = is_one_of(&UNSIGNED, path);
    match verified(merchant, &data) {
        Ok(()) => Outcome::Accepted {
            data,
            is_verified: true,
        },
        // What no sign can cover is as good as unsigned, where that is allowed.
        Err(Distrust::NoSign | Distrust::NoSecret) if is_unsigned => Outcome::Accepted {
            data,
            is_verified: false,
        },
        Err(_) if is_unsigned && is_nested(&data) => Outcome::Accepted {
            data,
            is_verified: false,
        },
        Err(distrust) => Outcome::Untrusted(distrust),
    }
}

fn refusal_by_status(merchant: Merchant<'_>, body: &[u8], data: Option<Value>) -> Refusal {
    let data = data.unwrap_or_default();
    let (code, message) = refused(&data).unwrap_or_default();
    let is_empty = code.is_empty() && message.is_empty();
    let message = if is_empty { title(body) } else { message };
    // The server's words for a request without the certificate, or with another's.
    let page = String::from_utf8_lossy(body);
    let is_about_certificate = ["No required SSL certificate", "SSL certificate error"]
        .iter()
        .any(|words| page.contains(words));
    Refusal {
        code,
        message,
        hint: (is_empty && is_about_certificate).then_some(
            "this endpoint wants the merchant certificate (apiclient_cert.pem and \
             apiclient_key.pem), and the one of this merchant: configure it, and present it with \
             .security()",
        ),
        signature: signature(merchant, &data),
        data,
    }
}

/// Code and message of a failure, in any dialect.
fn refused(data: &Value) -> Option<(String, String)> {
    let failed = |name: &str| data.get(name).is_some_and(|value| value != SUCCESS);
    let retcode = text_of(data, "retcode");
    let has_code = !text_of(data, "err_code").is_empty() || !text_of(data, "error_code").is_empty();
    let is_failure = if data.get("return_code").is_some() {
        failed("return_code") || failed("result_code")
    } else {
        failed("result_code") || has_code || !matches!(retcode.as_str(), "" | "0")
    };
    if !is_failure {
        return None;
    }
    let first = |names: &[&str]| {
        let mut texts = names.iter().map(|name| text_of(data, name));
        texts.find(|text| !text.is_empty()).unwrap_or_default()
    };
    let mut code = first(&["err_code", "error_code", "retcode", "return_code"]);
    // A failure whose code is SUCCESS would be read as none.
    if code == SUCCESS {
        code = text_of(data, "result_code");
    }
    Some((code, first(&["err_code_des", "return_msg", "retmsg"])))
}

fn says_success(data: &Value, path: &str) -> bool {
    text_of(data, "return_code") == SUCCESS
        || (is_one_of(&[ACCESS_TOKEN], path) && text_of(data, "retcode") == "0")
}

/// A field's text; a number's, too, as JSON has them.
fn text_of(data: &Value, name: &str) -> String {
    match data.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// Whether an answer or a notification carries the `sign` that this merchant's key makes.
fn verified(merchant: Merchant<'_>, data: &Value) -> std::result::Result<(), Distrust> {
    let Some(fields) = data.as_object() else {
        return Err(Distrust::NoSign);
    };
    let given = match fields.get(SIGN) {
        None => return Err(Distrust::NoSign),
        Some(Value::String(given)) if given.is_empty() => return Err(Distrust::NoSign),
        Some(Value::String(given)) => given,
        Some(_) => {
            return Err(Distrust::WrongSign {
                signed_text_without_key: String::new(),
            });
        }
    };
    let secret = merchant.secret().ok_or(Distrust::NoSecret)?;
    let mut pairs = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        match value {
            _ if name == SIGN => {}
            Value::String(text) => pairs.push((name.as_str(), text.as_str())),
            _ => {
                return Err(Distrust::WrongSign {
                    signed_text_without_key: String::new(),
                });
            }
        }
    }
    let text = joined(pairs);
    // An answer, and a notification of an order, does not say how it was signed.
    let sign_type = match given.len() {
        64 => SignType::HmacSha256,
        _ => SignType::Md5,
    };
    if hash::equals(hash::sign(sign_type, &text, secret), given) {
        Ok(())
    } else {
        Err(Distrust::WrongSign {
            signed_text_without_key: text,
        })
    }
}

fn is_nested(data: &Value) -> bool {
    let fields = data.as_object();
    fields.is_some_and(|fields| fields.values().any(|value| !value.is_string()))
}

fn signature(merchant: Merchant<'_>, data: &Value) -> SignatureState {
    match verified(merchant, data) {
        Ok(()) => SignatureState::Verified,
        Err(Distrust::NoSign) => SignatureState::Absent,
        Err(_) => SignatureState::Invalid,
    }
}

/// A download that succeeded: something, and no markup.
fn is_text(body: &[u8]) -> bool {
    !body.is_empty() && !begins_with_markup(body)
}

fn begins_with_markup(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.trim_ascii_start().starts_with(b"<")
}

/// The title of an HTML page; empty for anything else.
fn title(body: &[u8]) -> String {
    let page = String::from_utf8_lossy(body);
    // Lower-casing ASCII moves no byte.
    let lower = page.to_ascii_lowercase();
    let between = || {
        let start = lower.find("<title")?;
        let start = start + lower.get(start..)?.find('>')? + 1;
        let end = start + lower.get(start..)?.find("</title")?;
        page.get(start..end)
    };
    let words = between().unwrap_or_default().split_whitespace();
    words.collect::<Vec<_>>().join(" ")
}

/// A notification that is this merchant's.
pub(crate) enum Notice {
    /// Its `sign` was right.
    Signed(Value),
    /// A refund: nothing authenticates it, so query the refund before acting on it.
    Refund {
        /// What `req_info` held.
        data: Value,
        /// What stood around it.
        envelope: Value,
    },
}

/// Why a notification is refused.
pub(crate) enum Rejection {
    /// It is not what it should be: no XML, or a `req_info` that can't be opened.
    Unreadable(Error),
    /// It can't be trusted.
    Untrusted(Distrust),
}

impl From<Distrust> for Rejection {
    fn from(distrust: Distrust) -> Self {
        Self::Untrusted(distrust)
    }
}

/// Judges a notification: one with a `sign` is verified by it, a refund's `req_info` is opened.
pub(crate) fn notification(
    merchant: Merchant<'_>,
    body: &[u8],
) -> std::result::Result<Notice, Rejection> {
    let data = transformer::from_bytes(body).map_err(Rejection::Unreadable)?;
    let named = MERCHANT
        .iter()
        .find_map(|&name| Some((name, data.get(name)?)));
    if let Some((field, value)) = named {
        if value != merchant.mchid {
            let given = value.as_str().unwrap_or_default().to_owned();
            return Err(Distrust::OtherMerchant { field, given }.into());
        }
    }
    let req_info = text_of(&data, "req_info");
    match verified(merchant, &data) {
        Ok(()) if req_info.is_empty() => return Ok(Notice::Signed(data)),
        Ok(()) => {}
        Err(Distrust::NoSign) if !req_info.is_empty() => {}
        Err(distrust) => return Err(distrust.into()),
    }
    let secret = merchant.secret().ok_or(Distrust::NoSecret)?;
    let inner = opened(&req_info, secret).map_err(Rejection::Unreadable)?;
    Ok(Notice::Refund {
        data: inner,
        envelope: data,
    })
}

/// Opens a refund's `req_info`: the same error for everything that is wrong after base64.
fn opened(req_info: &str, secret: &str) -> Result<Value> {
    let key = Zeroizing::new(hash::md5(secret, ""));
    let xml = aes_ecb::decrypt(req_info.trim(), key.as_bytes())?;
    transformer::to_value(&xml).map_err(|_| aes_ecb::unreadable())
}

/// What tells WeChat Pay that a notification was taken.
pub(crate) fn reply_ok() -> String {
    reply(SUCCESS, "OK")
}

/// What tells WeChat Pay to send a notification again.
pub(crate) fn reply_fail(message: &str) -> String {
    reply("FAIL", message)
}

fn reply(code: &str, message: &str) -> String {
    let mut xml = "<xml>".to_owned();
    transformer::write_element(&mut xml, "return_code", code);
    transformer::write_element(&mut xml, "return_msg", message);
    xml.push_str("</xml>");
    xml
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "exposed_your_key_here_have_risks";
    const MCHID: &str = "1900000109";
    const MERCHANT_OF_TESTS: Merchant<'_> = Merchant {
        mchid: MCHID,
        secret: Some(SECRET),
    };
    const OK: StatusCode = StatusCode::OK;

    fn call<'a>(verb: &'a Method, path: &'a str) -> Call<'a> {
        Call {
            verb,
            path,
            nonce: "N0nce",
            is_nonceless: false,
            workwx: None,
        }
    }

    /// The body of a POST, and what was signed.
    fn posted(path: &str, fields: &Value) -> Result<(String, String)> {
        let signed = sign(MERCHANT_OF_TESTS, &call(&Method::POST, path), fields)?;
        match signed.content {
            Content::Xml(xml) => Ok((xml, signed.signed_text_without_key)),
            Content::Query(_) => panic!("a POST has a body"),
        }
    }

    fn queried(path: &str, fields: &Value) -> Result<String> {
        match sign(MERCHANT_OF_TESTS, &call(&Method::GET, path), fields)?.content {
            Content::Query(query) => Ok(query),
            Content::Xml(_) => panic!("a GET has a query"),
        }
    }

    fn refusal(fields: Value) -> String {
        posted("/pay/unifiedorder", &fields)
            .err()
            .unwrap()
            .to_string()
    }

    fn sign_of(mut fields: Value) -> String {
        fields["mch_id"] = json!(MCHID);
        let (xml, _) = posted("/pay/unifiedorder", &fields).unwrap();
        let data = transformer::to_value(&xml).unwrap();
        data["sign"].as_str().unwrap().to_owned()
    }

    fn signs_of(mut fields: Value) -> [String; 2] {
        let md5 = sign_of(fields.clone());
        fields["sign_type"] = json!("HMAC-SHA256");
        [md5, sign_of(fields)]
    }

    /// The XML of an answer or a notification, signed as WeChat Pay does.
    fn answer(kind: SignType, mut fields: Value) -> Vec<u8> {
        fields["sign"] = json!(hash::sign(kind, &fields, SECRET));
        transformer::to_xml(&fields).into_bytes()
    }

    fn judged(path: &str, body: impl AsRef<[u8]>) -> Outcome {
        judge(MERCHANT_OF_TESTS, path, OK, body.as_ref())
    }

    fn accepted(path: &str, body: impl AsRef<[u8]>) -> (Value, bool) {
        match judged(path, body) {
            Outcome::Accepted { data, is_verified } => (data, is_verified),
            _ => panic!("{path} is not accepted"),
        }
    }

    fn said_no(path: &str, status: StatusCode, body: impl AsRef<[u8]>) -> Refusal {
        match judge(MERCHANT_OF_TESTS, path, status, body.as_ref()) {
            Outcome::Refused(refusal) => refusal,
            _ => panic!("{path} is not refused"),
        }
    }

    fn wrong_sign(path: &str, body: impl AsRef<[u8]>) -> String {
        match judged(path, body) {
            Outcome::Untrusted(Distrust::WrongSign {
                signed_text_without_key,
            }) => signed_text_without_key,
            _ => panic!("{path} is not refused for its sign"),
        }
    }

    #[test]
    fn requests_are_those_that_php_sent() {
        let recording = include_str!("../../tests/vectors/requests-v2.json");
        let recording: Value = serde_json::from_str(recording).unwrap();
        let merchant = Merchant {
            mchid: recording["mchid"].as_str().unwrap(),
            secret: recording["secret"].as_str(),
        };
        let mut count = 0;
        for case in recording["cases"].as_array().unwrap() {
            let options = &case["options"];
            let fields = options.get("xml").or(options.get("query")).unwrap();
            let path = case["keys"][0].as_str().unwrap();
            let verb: Method = case["method"].as_str().unwrap().parse().unwrap();
            let mut call = call(&verb, path.strip_prefix("v2").unwrap());
            call.is_nonceless = options.get("nonceless").is_some();
            let target = case["sent"]["target"].as_str().unwrap();
            let signed = sign(merchant, &call, fields).unwrap();
            match signed.content {
                Content::Xml(xml) => {
                    assert_eq!(xml, case["sent"]["body"].as_str().unwrap());
                    assert_eq!(call.path, target);
                }
                Content::Query(query) => assert_eq!(format!("{}?{query}", call.path), target),
            }
            // The helper that a user has signs the same.
            let (text, key) = (signed.signed_text_without_key, merchant.secret.unwrap());
            let sign_type: SignType = fields["sign_type"].as_str().unwrap_or("").parse().unwrap();
            assert_eq!(
                hash::sign(sign_type, &text, key),
                hash::sign(sign_type, fields, key)
            );
            count += 1;
        }
        assert!(count > 20);
    }

    #[test]
    fn zero_is_signed_and_what_is_empty_is_not() {
        let order = json!({
            "appid": "wx8888888888888888", "mch_id": MCHID, "nonce_str": "N0nce",
            "total_fee": 0, "goods_tag": "0", "attach": "", "detail": null,
        });
        let (xml, text) = posted("/pay/unifiedorder", &order).unwrap();
        assert_eq!(
            text,
            "appid=wx8888888888888888&goods_tag=0&mch_id=1900000109&nonce_str=N0nce&total_fee=0"
        );
        assert!(xml.contains("<attach></attach><detail></detail><sign>0BEAEF74E47D"));
        assert_eq!(
            signs_of(order),
            [
                "0BEAEF74E47D46933351C63550BFCE95",
                "76164012DA7899D0E1877E90652047F0DF4001985C8F721612DA55EAD834B9E3"
            ]
        );
    }

    #[test]
    fn emoji_and_quotes_are_signed_as_they_are() {
        let body = "🏠 诚信🔥 a%n?";
        assert_eq!(
            signs_of(json!({ "nonce_str": "N0nce", "body": body })),
            [
                "14E48DF54EA6798FA052C41465AAD015",
                "90360582660B13FAE93B23C5DE77086F69379B516398943D85110D356E649B3B"
            ]
        );
        let fields = json!({ "mch_id": MCHID, "body": body });
        let (xml, _) = posted("/pay/unifiedorder", &fields).unwrap();
        assert!(xml.contains(&format!("<body>{body}</body>")));
        assert_eq!(
            signs_of(json!({ "nonce_str": "N0nce", "attach": "{\"key\":\"something\"}" })),
            [
                "6E64174E5E9266BC6FA020C5B35CC371",
                "90B3E9ED8B289276550E7745EF600F6DE0B28894F665C6295D39FE44CEF06099"
            ]
        );
    }

    #[test]
    fn what_is_written_is_what_was_signed() {
        let fields = json!({
            "mch_id": 1900000109, "a": true, "b": false, "c": 29.0 * 100.0, "d": "]]>", "e": "x\r\ny",
            "f": "<\r>", "g": " ", "h": "é&=", "i": -1, "sign_type": null, "sign": "old", "z": "",
        });
        let (xml, text) = posted("/pay/unifiedorder", &fields).unwrap();
        assert_eq!(
            text,
            "a=1&c=2900&d=]]>&e=x\r\ny&f=<\r>&g= &h=é&=&i=-1&mch_id=1900000109&nonce_str=N0nce"
        );
        let mut read = transformer::to_value(&xml).unwrap();
        assert_eq!(read["sign"], hash::sign(SignType::Md5, &text, SECRET));
        assert_eq!(
            hash::sign(SignType::Md5, &read, SECRET),
            read["sign"].take()
        );
    }

    #[test]
    fn the_nonce_and_the_sign_stand_last_or_where_they_were() {
        let sent = |path: &str, fields: Value| {
            let (xml, _) = posted(path, &fields).unwrap();
            let data = transformer::to_value(&xml).unwrap();
            let names = data.as_object().unwrap().keys().cloned();
            (names.collect::<Vec<_>>().join(" "), data)
        };
        let (names, data) = sent("/pay/refundquery", json!({ "mch_id": MCHID, "a": 1 }));
        assert_eq!(names, "mch_id a nonce_str sign");
        assert_eq!(data["nonce_str"], "N0nce");
        let fields = json!({ "sign": "", "nonce_str": null, "mch_id": MCHID });
        let (names, data) = sent("pay/refundquery", fields);
        assert_eq!(names, "sign nonce_str mch_id");
        assert_eq!(data["nonce_str"], "N0nce");
        assert_eq!(data["sign"].as_str().unwrap().len(), 32);
        for path in ["/papay/querycontract", "secapi/mch/addinstitutionsub"] {
            assert_eq!(sent(path, json!({ "mch_id": MCHID })).0, "mch_id sign");
            let given = json!({ "mch_id": MCHID, "nonce_str": "mine" });
            assert_eq!(sent(path, given).1["nonce_str"], "mine");
        }
        let mut call = call(&Method::POST, "/pay/orderquery");
        call.is_nonceless = true;
        let signed = sign(MERCHANT_OF_TESTS, &call, &json!({ "mch_id": MCHID })).ok();
        assert_eq!(signed.unwrap().signed_text_without_key, "mch_id=1900000109");
    }

    #[test]
    fn a_get_is_signed_over_the_raw_values_and_then_encoded() {
        let fields = json!({ "mch_id": MCHID, "url": "https://a.cn/?b=c d+", "n": null, "e": "" });
        let text = "mch_id=1900000109&nonce_str=N0nce&url=https://a.cn/?b=c d+";
        let sign = hash::sign(SignType::Md5, text, SECRET);
        let url = "https%3A%2F%2Fa.cn%2F%3Fb%3Dc%20d%2B";
        assert_eq!(
            queried("/x", &fields).unwrap(),
            format!("mch_id={MCHID}&url={url}&e=&nonce_str=N0nce&sign={sign}")
        );
        for same in [
            json!([
                ["mch_id", MCHID],
                ["url", "https://a.cn/?b=c d+"],
                ["e", ""]
            ]),
            json!(format!("?mch_id={MCHID}&url=https://a.cn/?b=c+d%2B&e")),
        ] {
            assert_eq!(
                queried("/x", &same).unwrap(),
                queried("/x", &fields).unwrap()
            );
        }
        for other in [
            json!(1),
            json!([["a"]]),
            json!("mch_id=1&mch_id=2"),
            json!([["a", [1]]]),
        ] {
            assert!(queried("/x", &other).is_err(), "{other}");
        }
    }

    #[test]
    fn the_page_that_asks_the_user_takes_neither_nonce_nor_sign_nor_key() {
        let merchant = Merchant {
            mchid: MCHID,
            secret: None,
        };
        let fields = json!({ "mch_id": MCHID, "scope": "pay_identity" });
        let signed = sign(merchant, &call(&Method::GET, "/appauth/authindex"), &fields).ok();
        let query = format!("mch_id={MCHID}&scope=pay_identity");
        assert!(signed.unwrap().content == Content::Query(query));
        for secret in [None, Some("")] {
            let merchant = Merchant {
                mchid: MCHID,
                secret,
            };
            let error = sign(
                merchant,
                &call(&Method::GET, "/appauth/getaccesstoken"),
                &fields,
            );
            assert!(matches!(error.err().unwrap(), Error::Config(_)));
        }
    }

    #[test]
    fn the_merchants_number_must_be_the_clients() {
        for fields in [
            json!({ "mchid": MCHID }),
            json!({ "mch_id": null, "mchid": null, "combine_mch_id": 1900000109 }),
            json!({ "mch_id": 1900000109.0, "mchid": "another" }),
        ] {
            posted("/pay/unifiedorder", &fields).unwrap();
        }
        assert_eq!(
            refusal(json!({ "mch_id": "1900000110" })),
            "mch_id is \"1900000110\", and the mchid of this client is \"1900000109\": the merchant \
             number of the client, whose key signs this request"
        );
        let empty = refusal(json!({ "mch_id": "", "mchid": MCHID }));
        assert!(empty.starts_with("mch_id is \"\", and"), "{empty}");
        for none in [
            json!({}),
            json!(null),
            json!({ "mch_id": null, "sub_mch_id": MCHID }),
        ] {
            let none = refusal(none);
            assert!(
                none.starts_with("none of mch_id, mchid and combine_mch_id"),
                "{none}"
            );
        }
    }

    #[test]
    fn what_can_not_be_signed_is_refused_with_its_name() {
        let with = |name: &str, value: Value| refusal(json!({ "mch_id": MCHID, name: value }));
        let nested = with("scene_info", json!({ "store_info": { "id": "S1" } }));
        assert_eq!(
            nested,
            "scene_info: an object: APIv2 is flat and wants the JSON of this as a string: \
             json!({…}).to_string()"
        );
        assert!(with("detail", json!([])).starts_with("detail: a list"));
        assert!(with("total_fee", json!(0.5)).starts_with("total_fee: 0.5 is no whole number"));
        assert!(with("total_fee", json!(1e300)).contains("no whole number"));
        assert!(with("a", json!("x\u{8}")).starts_with("a: the character U+0008, which XML"));
        assert!(with("a", json!("\u{ffff}")).contains("U+FFFF"));
        for name in ["", "1a", "a b", "a&b", "a=b", "<", "a\n"] {
            let error = with(name, json!("x"));
            assert!(error.contains("no name for a field"), "{error}");
            assert!(!error.contains('\n'));
        }
        for kind in [json!("SHA1"), json!("md5"), json!(1), json!(true)] {
            assert!(with("sign_type", kind).starts_with("sign_type: an unknown one"));
        }
        let text = refusal(json!("<xml><mch_id>1900000109</mch_id></xml>"));
        assert!(text.starts_with("the body is a ready text"), "{text}");
        for other in [json!([]), json!(1), json!(true)] {
            assert!(refusal(other).starts_with("the body is no object"));
        }
    }

    #[test]
    fn the_sign_of_enterprise_wechat_comes_first_and_is_signed_too() {
        let signed = |path: &str, fields: &Value, list: Option<&[&str]>, secret: &str| {
            let mut call = call(&Method::POST, path);
            call.workwx = Some(Workwx {
                agent_secret: secret,
                fields: list,
            });
            sign(MERCHANT_OF_TESTS, &call, fields).map(|signed| signed.signed_text_without_key)
        };
        let red_packet = json!({
            "mch_id": MCHID, "wxappid": "wx1", "mch_billno": "B1", "re_openid": "o1",
            "total_amount": 100, "act_name": "节日", "sender_name": "not signed", "nonce_str": "n",
        });
        let text = "act_name=节日&mch_billno=B1&mch_id=1900000109&nonce_str=n&re_openid=o1&\
                    total_amount=100&wxappid=wx1";
        let sign = hash::md5_agency(text, "agent").to_uppercase();
        let path = "/mmpaymkttransfers/sendworkwxredpack";
        let all = signed(path, &red_packet, None, "agent").unwrap();
        assert!(
            all.ends_with(&format!("&workwx_sign={sign}&wxappid=wx1")),
            "{all}"
        );
        let employee = json!({
            "amount": 1, "appid": "wx1", "desc": "d", "mch_id": MCHID, "openid": "o1",
            "partner_trade_no": "P1", "ww_msg_type": "NORMAL_MSG", "check_name": "not signed",
        });
        let text = "amount=1&appid=wx1&desc=d&mch_id=1900000109&nonce_str=N0nce&openid=o1&\
                    partner_trade_no=P1&ww_msg_type=NORMAL_MSG";
        let sign = hash::md5_agency(text, "agent").to_uppercase();
        let path = "mmpaymkttransfers/promotion/paywwsptrans2pocket";
        let all = signed(path, &employee, None, "agent").unwrap();
        assert!(all.contains(&format!("&workwx_sign={sign}&")) || all.ends_with(&sign));
        let own: &[&str] = &["openid", "amount"];
        let sign = hash::md5_agency("amount=1&openid=o1", "agent").to_uppercase();
        assert!(
            signed("/x", &employee, Some(own), "agent")
                .unwrap()
                .contains(&sign)
        );

        let error = |path, fields: &Value, list, secret| {
            let error = signed(path, fields, list, secret).err().unwrap();
            error.to_string()
        };
        assert!(error("/x", &employee, None, "agent").contains("a list of the fields"));
        assert!(error(path, &employee, None, "").contains("the secret is empty"));
        assert!(error(path, &red_packet, None, "agent").starts_with("amount: absent or empty"));
        let absent: &[&str] = &["absent"];
        assert!(error(path, &employee, Some(absent), "agent").starts_with("absent: absent"));
    }

    #[test]
    fn an_answer_is_trusted_by_its_sign_whose_length_says_how_it_was_made() {
        let fields = json!({
            "return_code": "SUCCESS", "return_msg": "OK", "result_code": "SUCCESS",
            "mch_id": MCHID, "nonce_str": "N0nce", "total_fee": "0", "attach": "",
        });
        for kind in [SignType::Md5, SignType::HmacSha256] {
            let body = answer(kind, fields.clone());
            let (data, is_verified) = accepted("/pay/orderquery", &body);
            assert!(is_verified);
            assert_eq!(data["total_fee"], "0");
            let body = String::from_utf8(body).unwrap();
            for empty in ["<attach/>", "<attach><![CDATA[]]></attach>"] {
                accepted("/pay/orderquery", body.replace("<attach></attach>", empty));
            }
            let text = wrong_sign("/pay/orderquery", body.replace(">0<", ">1<"));
            assert!(text.ends_with("&return_code=SUCCESS&return_msg=OK&total_fee=1"));
            let lower = body.replace("<sign>", "<sign>a");
            wrong_sign("/pay/orderquery", lower);
        }
        let unsigned = transformer::to_xml(&fields);
        for body in [
            unsigned.clone(),
            unsigned.replace("</xml>", "<sign/></xml>"),
        ] {
            let outcome = judged("/pay/orderquery", body);
            assert!(matches!(outcome, Outcome::Untrusted(Distrust::NoSign)));
        }
        let without = Merchant {
            mchid: MCHID,
            secret: Some(""),
        };
        // With an empty key everybody could make the sign.
        let mut forged = fields.clone();
        forged["sign"] = json!(hash::sign(SignType::Md5, &fields, ""));
        let forged = transformer::to_xml(&forged);
        let outcome = judge(without, "/pay/orderquery", OK, forged.as_bytes());
        assert!(matches!(outcome, Outcome::Untrusted(Distrust::NoSecret)));
    }

    #[test]
    fn four_characters_in_place_of_a_quote_show_in_the_text_that_was_signed() {
        let fields = json!({
            "return_code": "SUCCESS", "attach": "{\"key\":\"something\"}", "nonce_str": "N0nce",
        });
        let body = String::from_utf8(answer(SignType::Md5, fields)).unwrap();
        let quoted = "<![CDATA[{\"key\":\"something\"}]]>";
        for same in [
            "{&quot;key&quot;:&quot;something&quot;}",
            "{\"key\":\"something\"}",
        ] {
            accepted("/pay/orderquery", body.replace(quoted, same));
        }
        let broken = body.replace(quoted, "{\\x22key\\x22:\\x22something\\x22}");
        assert_eq!(
            wrong_sign("/pay/orderquery", broken),
            "attach={\\x22key\\x22:\\x22something\\x22}&nonce_str=N0nce&return_code=SUCCESS"
        );
    }

    #[test]
    fn no_sign_covers_an_element_that_nests() {
        let mut fields = json!({ "return_code": "SUCCESS", "a": { "b": "1" } });
        fields["sign"] = json!(hash::sign(SignType::Md5, &fields, SECRET));
        let body = transformer::to_xml(&fields);
        assert_eq!(wrong_sign("/pay/orderquery", &body), "");
        let (data, is_verified) = accepted("/mmpaymkttransfers/gethbinfo", &body);
        assert_eq!((&data["a"]["b"], is_verified), (&json!("1"), false));
        let twice = "<xml><return_code>SUCCESS</return_code><sign>A</sign><sign>B</sign></xml>";
        assert_eq!(wrong_sign("/pay/orderquery", twice), "");
        let twice = "<xml><return_code>SUCCESS</return_code><return_code>FAIL</return_code></xml>";
        said_no("/mmpaymkttransfers/gethbinfo", OK, twice);
    }

    #[test]
    fn unsigned_by_design_is_not_unchecked() {
        let path = "/mmpaymkttransfers/sendredpack";
        let success = json!({ "return_code": "SUCCESS", "result_code": "SUCCESS" });
        assert!(!accepted(path, transformer::to_xml(&success)).1);
        assert!(accepted(path, answer(SignType::Md5, success.clone())).1);
        let mut wrong = success;
        wrong["sign"] = json!("0BEAEF74E47D46933351C63550BFCE95");
        wrong_sign(path, transformer::to_xml(&wrong));
        let no = "<xml><return_code>SUCCESS</return_code><return_msg>支付失败</return_msg>\
                  <result_code>FAIL</result_code><err_code>NOTENOUGH</err_code>\
                  <err_code_des>余额不足</err_code_des></xml>";
        let no = said_no(path, OK, no);
        assert_eq!((&*no.code, &*no.message), ("NOTENOUGH", "余额不足"));
        for body in ["<xml/>", "<xml><a>1</a></xml>"] {
            let outcome = judged(path, body);
            assert!(matches!(outcome, Outcome::Untrusted(Distrust::NoCode)));
        }
        for body in ["", "plain", "<html><title>x</title></html>", "<xml><a>"] {
            assert!(matches!(
                judged(path, body),
                Outcome::Unreadable(Error::Decode(_))
            ));
        }
    }

    #[test]
    fn a_failure_speaks_every_dialect_and_needs_no_sign() {
        for (fields, code, message) in [
            (
                json!({ "return_code": "FAIL", "return_msg": "签名错误" }),
                "FAIL",
                "签名错误",
            ),
            (
                json!({ "return_code": "FAIL", "retcode": "1", "retmsg": "no" }),
                "1",
                "no",
            ),
            (
                json!({ "return_code": "FAIL", "return_msg": "m", "error_code": "20002" }),
                "20002",
                "m",
            ),
            (
                json!({
                    "return_code": "SUCCESS", "return_msg": "OK", "result_code": "FAIL",
                    "err_code": "ORDERPAID", "error_code": "x", "err_code_des": "order paid",
                }),
                "ORDERPAID",
                "order paid",
            ),
            (
                json!({ "return_code": "SUCCESS", "return_msg": "OK", "result_code": "FAIL" }),
                "FAIL",
                "OK",
            ),
            (json!({ "err_code": "E", "err_code_des": "" }), "E", ""),
            (json!({ "retcode": "-1", "retmsg": "no" }), "-1", "no"),
            (json!({ "return_code": "", "return_msg": "m" }), "", "m"),
        ] {
            let refusal = said_no("/pay/refund", OK, transformer::to_xml(&fields));
            assert_eq!((&*refusal.code, &*refusal.message), (code, message));
            assert_eq!(refusal.signature, SignatureState::Absent);
            assert_eq!(refusal.data, fields);
            let signed = said_no("/pay/refund", OK, answer(SignType::Md5, fields));
            assert_eq!(signed.signature, SignatureState::Verified);
        }
        let wrong = "<xml><return_code>FAIL</return_code><sign>A</sign></xml>";
        let wrong = said_no("/pay/refund", OK, wrong);
        assert_eq!(wrong.signature, SignatureState::Invalid);
    }

    #[test]
    fn a_status_that_is_no_success_is_none_whatever_the_body_says() {
        let page = "<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n\
                    <body>\r\n<center><h1>400 Bad Request</h1></center>\r\n\
                    <center>No required SSL certificate was sent</center>\r\n\
                    <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
        let refusal = said_no("/secapi/pay/refund", StatusCode::BAD_REQUEST, page);
        assert_eq!(refusal.message, "400 No required SSL certificate was sent");
        assert!(refusal.hint.unwrap().contains("merchant certificate"));
        let page = "<HTML><TITLE a='b'>502\n Bad  Gateway</TITLE>";
        let refusal = said_no("/pay/downloadbill", StatusCode::BAD_GATEWAY, page);
        assert_eq!((&*refusal.message, refusal.hint), ("502 Bad Gateway", None));
        let body = "<xml><return_code>FAIL</return_code><return_msg>No required SSL certificate\
                    </return_msg></xml>";
        let refusal = said_no("/pay/refund", StatusCode::FORBIDDEN, body);
        assert_eq!((&*refusal.code, refusal.hint), ("FAIL", None));
        for body in [
            "",
            "<title",
            "<title>x",
            "{}",
            "<xml><return_code>SUCCESS</return_code></xml>",
        ] {
            let refusal = said_no("/pay/downloadbill", StatusCode::BAD_GATEWAY, body);
            assert_eq!((&*refusal.code, &*refusal.message), ("", ""));
        }
    }

    #[test]
    fn a_download_is_text_on_success_and_xml_on_failure() {
        for path in [
            "/pay/downloadbill",
            "pay/downloadfundflow",
            "/sandboxnew/pay/downloadbill",
        ] {
            for body in [
                &b"\xef\xbb\xbf\xe4\xba\xa4\xe6\x98\x93,`x"[..],
                b"\x1f\x8b\x08\0\xff",
            ] {
                assert!(matches!(judged(path, body), Outcome::Plain));
            }
            let no = "\u{feff}<xml><return_code><![CDATA[FAIL]]></return_code>\
                      <return_msg>No Bill Exist</return_msg><error_code>20002</error_code></xml>";
            let no = said_no(path, OK, no);
            assert_eq!((&*no.code, &*no.message), ("20002", "No Bill Exist"));
            for body in ["", "<html><body>sign in</body></html>"] {
                assert!(matches!(judged(path, body), Outcome::Unreadable(_)));
            }
        }
        assert!(matches!(
            judged("/pay/orderquery", "text"),
            Outcome::Unreadable(_)
        ));
    }

    #[test]
    fn the_access_token_answers_json() {
        let path = "/appauth/getaccesstoken";
        for body in [
            r#"{"retcode":0,"retmsg":"ok","access_token":"t"}"#,
            r#" {"retcode":"0","access_token":"t"}"#,
        ] {
            let (data, is_verified) = accepted(path, body);
            assert_eq!((&data["access_token"], is_verified), (&json!("t"), false));
        }
        let no = said_no(path, OK, r#"{"retcode":-1,"retmsg":"invalid code"}"#);
        assert_eq!((&*no.code, &*no.message), ("-1", "invalid code"));
        let no = "<xml><return_code>FAIL</return_code><return_msg>m</return_msg></xml>";
        assert_eq!(said_no(path, OK, no).code, "FAIL");
        assert!(matches!(
            judged(path, "{}"),
            Outcome::Untrusted(Distrust::NoCode)
        ));
        for body in ["", "[]", "1", "{\"a\":"] {
            assert!(matches!(
                judged(path, body),
                Outcome::Unreadable(Error::Decode(_))
            ));
        }
    }

    #[test]
    fn a_page_for_the_users_browser_comes_through_and_a_failure_does_not() {
        let path = "/papay/entrustweb";
        assert!(is_for_browsers(path) && !is_for_browsers("/papay/preentrustweb"));
        for body in [
            "<!DOCTYPE html><html></html>",
            "<html/>",
            "text",
            "<xml><a>1</a></xml>",
        ] {
            assert!(matches!(judged(path, body), Outcome::Plain));
        }
        let no = "<xml><return_code>FAIL</return_code></xml>";
        assert_eq!(said_no(path, OK, no).code, "FAIL");
    }

    fn payment() -> Value {
        json!({
            "return_code": "SUCCESS", "result_code": "SUCCESS", "appid": "wx8888888888888888",
            "mch_id": MCHID, "nonce_str": "N0nce", "out_trade_no": "O1", "total_fee": "1",
            "attach": "",
        })
    }

    fn distrust(body: impl AsRef<[u8]>) -> Distrust {
        match notification(MERCHANT_OF_TESTS, body.as_ref()) {
            Err(Rejection::Untrusted(distrust)) => distrust,
            _ => panic!("the notification is not distrusted"),
        }
    }

    #[test]
    fn a_payment_notification_is_verified_by_its_sign_without_a_sign_type() {
        for kind in [SignType::Md5, SignType::HmacSha256] {
            let body = answer(kind, payment());
            match notification(MERCHANT_OF_TESTS, &body) {
                Ok(Notice::Signed(data)) => assert_eq!(data["out_trade_no"], "O1"),
                _ => panic!("a genuine payment is refused"),
            }
            let body = String::from_utf8(body).unwrap().replace(">1<", ">2<");
            assert!(matches!(distrust(body), Distrust::WrongSign { .. }));
        }
    }

    #[test]
    fn another_merchants_notification_is_told_apart_and_one_without_any_proof_is_refused() {
        let mut other = payment();
        other["mch_id"] = json!("1900000110");
        let expected = Distrust::OtherMerchant {
            field: "mch_id",
            given: "1900000110".to_owned(),
        };
        assert!(distrust(answer(SignType::Md5, other)) == expected);
        assert!(distrust(transformer::to_xml(&payment())) == Distrust::NoSign);
        assert!(distrust("<xml><return_code>FAIL</return_code></xml>") == Distrust::NoSign);
        assert!(distrust("<xml><sign/><req_info/></xml>") == Distrust::NoSign);
        for body in [&b""[..], b"{}", b"<xml><a>", b"\xff"] {
            let rejected = notification(MERCHANT_OF_TESTS, body);
            assert!(matches!(
                rejected,
                Err(Rejection::Unreadable(Error::Decode(_)))
            ));
        }
        let merchant = Merchant {
            mchid: MCHID,
            secret: None,
        };
        for body in [answer(SignType::Md5, payment()), REFUND.into()] {
            let rejected = notification(merchant, &body);
            assert!(matches!(
                rejected,
                Err(Rejection::Untrusted(Distrust::NoSecret))
            ));
        }
    }

    const REFUND: &str = "<xml><return_code>SUCCESS</return_code><mch_id>1900000109</mch_id>\
        <nonce_str>N0nce</nonce_str><req_info><![CDATA[\
        sQHh/cSF5F2ms58BHQoBmfmEFQJB0mBeyldEigMwceXnHd8lq/3arfpXUdDkxpMDM2mbn2Mit8y5zDoITONF0R8yRw8X\
        vbODn2divzmOs5JPohJqHPZlqobYrEulwUURPl70QShkF0NZefRuxQmR2IJ9EZFuxIK2/wyab+x6lKH1FawIUqmz8Ct+\
        0kQcGmDdO2hAEHxeb8F5bkIgH0Mbyg==]]></req_info></xml>";

    #[test]
    fn a_refund_notification_is_opened_with_the_md5_of_the_key() {
        match notification(MERCHANT_OF_TESTS, REFUND.as_bytes()) {
            Ok(Notice::Refund { data, envelope }) => {
                assert_eq!(
                    data,
                    json!({ "out_refund_no": "R1", "refund_status": "SUCCESS", "refund_fee": "1" })
                );
                assert_eq!(envelope["mch_id"], MCHID);
            }
            _ => panic!("a genuine refund is refused"),
        }
        // A sign that is there is checked on a refund, too.
        let signed = REFUND.replace("</xml>", "<sign>A</sign></xml>");
        assert!(matches!(distrust(signed), Distrust::WrongSign { .. }));
    }

    #[test]
    fn everything_that_is_wrong_with_a_refund_after_base64_is_one_error() {
        let error = |secret: &str, req_info: &str| {
            let merchant = Merchant {
                mchid: MCHID,
                secret: Some(secret),
            };
            let body =
                format!("<xml><mch_id>{MCHID}</mch_id><req_info>{req_info}</req_info></xml>");
            match notification(merchant, body.as_bytes()) {
                Err(Rejection::Unreadable(error)) => error.to_string(),
                _ => panic!("a wrong refund is not unreadable"),
            }
        };
        let encrypted = |text: &str| aes_ecb::encrypt(text, hash::md5(SECRET, "")).unwrap();
        let good = encrypted("<root><a>1</a></root>");
        let other_key = error("another_key_of_32_characters_000", &good);
        assert!(other_key.contains("compare the APIv2 key"), "{other_key}");
        assert_eq!(error(SECRET, &encrypted("no XML")), other_key);
        assert_eq!(error(SECRET, "AAAA"), other_key);
        assert!(error(SECRET, "%%%").contains("no base64"));
    }

    #[test]
    fn the_replies_are_xml_whatever_the_message() {
        assert_eq!(
            reply_ok(),
            "<xml><return_code>SUCCESS</return_code><return_msg>OK</return_msg></xml>"
        );
        let message = "]]></return_msg><return_code>SUCCESS</return_code>";
        assert_eq!(
            transformer::to_value(&reply_fail(message)).unwrap(),
            json!({ "return_code": "FAIL", "return_msg": message })
        );
    }
}
