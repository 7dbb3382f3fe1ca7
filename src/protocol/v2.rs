//! APIv2: fields become signed XML or a signed query, and an answer is judged.
//!
//! What goes into the XML and what is signed are one text, decided once.

pub(crate) mod answer;
pub(crate) mod notification;
pub(crate) mod request;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::Outcome;
use crate::error::{Error, Result};

const NONCE: &str = "nonce_str";
const SIGN: &str = "sign";
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

/// The headers that are APIv2's own.
pub(crate) fn headers() -> HeaderMap {
    const ACCEPTED: HeaderValue =
        HeaderValue::from_static("text/xml, text/plain, application/x-gzip");
    const XML: HeaderValue = HeaderValue::from_static("text/xml; charset=utf-8");
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(ACCEPT, ACCEPTED);
    headers.insert(CONTENT_TYPE, XML);
    headers
}

/// By what an answer is judged.
#[derive(Clone)]
pub(crate) struct Terms {
    /// Without a prefix of base_uri.
    pub(crate) path: String,
    /// What was signed for the request, without the key.
    pub(crate) signed: String,
}

impl Terms {
    /// Whether an answer of this status is a redirect for the user's browser, which is a success.
    pub(super) fn is_for_browsers(&self, status: StatusCode) -> bool {
        status.is_redirection() && is_one_of(&FOR_BROWSERS, &self.path)
    }

    /// What an answer is worth that is no redirect.
    pub(super) fn judge(&self, merchant: Merchant<'_>, answer: &http::Response<Bytes>) -> Outcome {
        answer::judge(merchant, &self.path, answer.status(), answer.body())
    }
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

#[cfg(test)]
mod fixtures {
    use http::StatusCode;
    use serde_json::{Value, json};

    use super::Merchant;
    use crate::crypto::hash::{self, SignType};
    use crate::transformer;

    pub(super) const SECRET: &str = "exposed_your_key_here_have_risks";
    pub(super) const MCHID: &str = "1900000109";
    pub(super) const MERCHANT_OF_TESTS: Merchant<'_> = Merchant {
        mchid: MCHID,
        secret: Some(SECRET),
    };
    pub(super) const OK: StatusCode = StatusCode::OK;

    /// The XML of an answer or a notification, signed as WeChat Pay does.
    pub(super) fn answer(kind: SignType, mut fields: Value) -> Vec<u8> {
        fields["sign"] = json!(hash::sign(kind, &fields, SECRET));
        transformer::to_xml(&fields).into_bytes()
    }
}
