//! APIv2: XML in, XML out, and a signature inside it.
//!
//! What is wrong with a request as such is said by `return_code` and `return_msg` alone, unsigned;
//! what is wrong with the business by `result_code`, `err_code` and `err_code_des`, signed as the
//! request was. Either has status 200; only nginx, which asks for the client certificate, says 400.

mod bill;
mod notification;
mod pay;
mod red_packet;
mod sign;
mod trial;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderMap};
use http::{HeaderValue, StatusCode};

use crate::answer::{ALPHABET, Answer, Fidelity, Signed, XML};
use crate::keys::Keys;
use crate::misbehaviour::Misbehaviour;
use crate::notifier::Notifier;
use crate::orders::Orders;
use crate::random::Random;
use crate::received::{Mismatch, Received};
use crate::trouble;
use crate::xml::{self, Fields};

pub(crate) use crate::apiv2::notification::{To, of_order, of_refund, payment, refund};
use crate::apiv2::red_packet::RedPackets;
use crate::apiv2::sign::SignType;
use crate::apiv2::trial::World;

/// What the paths of APIv2 begin with.
const PLACES: [&str; 22] = [
    "appauth",
    "applyment",
    "billcommentsp",
    "cgi-bin",
    "deposit",
    "face",
    "fund",
    "mchrisk",
    "mmpaymkttransfers",
    "mmpaysptrans",
    "papay",
    "pay",
    "payitil",
    "risk",
    "sandboxnew",
    "secapi",
    "secsvc",
    "tools",
    "transit",
    "vehicle",
    "wxv",
    "xdc",
];

/// The endpoints that the gateway knows itself.
const KNOWN: [&str; 10] = [
    "/mmpaymkttransfers/gethbinfo",
    "/mmpaymkttransfers/sendredpack",
    "/pay/closeorder",
    "/pay/downloadbill",
    "/pay/micropay",
    "/pay/orderquery",
    "/pay/refundquery",
    "/pay/unifiedorder",
    "/secapi/pay/refund",
    "/secapi/pay/reverse",
];

/// The fields that may hold the merchant's number.
const MERCHANT: [&str; 3] = ["mch_id", "mchid", "combine_mch_id"];

/// Where the user's browser goes, which can't sign.
const AUTHORIZE: &str = "/appauth/authindex";

/// Whether a request is one of APIv2: by its path, unless it is signed as APIv3's are.
pub(crate) fn is_apiv2(request: &Received) -> bool {
    let first = request.path().split('/').nth(1).unwrap_or_default();
    PLACES.contains(&first) && request.header("Authorization").is_none()
}

/// Whether nginx demands the merchant's certificate at this path.
fn needs_certificate(path: &str) -> bool {
    let without = [
        "/mmpaymkttransfers/query_coupon_stock",
        "/mmpaymkttransfers/querycouponsinfo",
    ];
    let places = ["/secapi/", "/mmpaymkttransfers/", "/mmpaysptrans/"];
    places.iter().any(|place| path.starts_with(place)) && !without.contains(&path)
}

/// A request whose signature is right.
#[derive(Debug)]
pub(crate) struct Call {
    fields: Fields,
    sign_type: SignType,
    world: World,
    keys: Arc<Keys>,
    random: Random,
}

impl Call {
    pub(crate) fn get(&self, name: &str) -> &str {
        self.fields.get(name)
    }

    /// Whether it came to the paths of WeChat Pay's own sandbox.
    fn is_trial(&self) -> bool {
        self.world != World::Real
    }

    /// What it is signed with, and its answer.
    fn key(&self) -> &str {
        if self.is_trial() {
            trial::KEY
        } else {
            &self.keys.secret
        }
    }

    /// The merchant's number, in whichever field it stands.
    pub(crate) fn merchant(&self) -> &str {
        merchant(&self.fields)
    }

    /// Signs an answer as the request was.
    pub(crate) fn sign(&self, fields: Fields, misbehaviour: Option<&Misbehaviour>) -> Fields {
        let sign = self.sign_type.sign(&fields, self.key());
        match misbehaviour {
            Some(Misbehaviour::Unsigned) => fields,
            Some(misbehaviour) => fields.with("sign", misbehaviour.sign(sign)),
            None => fields.with("sign", sign),
        }
    }

    /// The beginning of every signed answer.
    fn begin(&self) -> Fields {
        let mut fields = Fields::default().with("return_code", "SUCCESS");
        if self.world == World::Old {
            fields.put("retcode", "0");
            fields.put("retmsg", "ok");
        } else {
            fields.put("return_msg", "OK");
        }
        for name in ["appid", "mch_id", "sub_appid", "sub_mch_id", "device_info"] {
            match self.get(name) {
                "" => {}
                text => fields.put(name, text),
            }
        }
        if self.world == World::Old {
            fields.put("device_info", "sandbox");
        }
        fields.with("nonce_str", self.random.text(ALPHABET, 32))
    }

    /// The beginning of a success.
    fn done(&self) -> Fields {
        self.begin().with("result_code", "SUCCESS")
    }

    /// The business can't be done.
    fn refuse(&self, code: &str, description: &str) -> Fields {
        self.begin()
            .with("result_code", "FAIL")
            .with("err_code", code)
            .with("err_code_des", description)
    }
}

/// What an endpoint says otherwise than signed and known.
enum Said {
    /// Signed, but nobody has seen it.
    Presumed(Fields),
    /// What is unsigned by design.
    Unsigned(Fields),
    /// The request as such is wrong, for this reason.
    Wrong(String),
    /// Something other than XML.
    Other(&'static str, Vec<u8>),
}

impl Said {
    fn answer(self) -> Answer {
        match self {
            Self::Presumed(fields) | Self::Unsigned(fields) => answer(StatusCode::OK, &fields),
            Self::Wrong(message) => wrong(&message),
            Self::Other(content_type, body) => {
                let mut headers = HeaderMap::new();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
                Answer::raw(StatusCode::OK, headers, Bytes::from(body), Signed::No)
            }
        }
    }
}

/// What the gateway remembers for APIv2 alone.
#[derive(Default)]
pub(crate) struct Apiv2 {
    red_packets: RedPackets,
}

impl Apiv2 {
    /// Forgets everything.
    pub(crate) fn reset(&self) {
        self.red_packets.reset();
    }

    /// Answers a request whose signature is right.
    pub(crate) fn answer(
        &self,
        request: &Received,
        call: &Call,
        orders: &Orders,
        notifier: &Notifier,
        misbehaviour: Option<&Misbehaviour>,
        now: i64,
    ) -> Answer {
        let path = request.path();
        if trial::is_sign_key(path) {
            return trial::sign_key(call).answer();
        }
        let Some(endpoint) = trial::known(path) else {
            return unknown(path);
        };
        let business = match endpoint {
            "/pay/unifiedorder" => pay::unified_order(call, orders, now),
            "/pay/orderquery" => pay::order_query(call, orders, now),
            "/pay/closeorder" => pay::close_order(call, orders, now),
            "/pay/micropay" => pay::micropay(request, call, orders, now),
            "/secapi/pay/reverse" => pay::reverse(call, orders, now),
            "/secapi/pay/refund" => pay::refund(request, call, orders, notifier, now),
            "/pay/refundquery" => pay::refund_query(call, orders),
            "/mmpaymkttransfers/sendredpack" => Err(self.red_packets.send(call, now)),
            "/mmpaymkttransfers/gethbinfo" => Err(self.red_packets.query(call)),
            _ => Err(bill::download(call)),
        };
        match business {
            Ok(fields) => answer(StatusCode::OK, &call.sign(fields, misbehaviour)),
            Err(Said::Presumed(fields)) => {
                answer(StatusCode::OK, &call.sign(fields, misbehaviour)).shape()
            }
            Err(said) => said.answer(),
        }
    }
}

/// Why a request goes no further.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// nginx says so, in a page of this title.
    Certificate(&'static str),
    /// WeChat Pay says so.
    Wrong(&'static str),
    /// The signature is not the one over this.
    Signature(Mismatch),
    /// The same, in one of WeChat Pay's own sandboxes.
    TrialSignature(Mismatch, &'static str),
}

impl Refusal {
    /// What should have been signed.
    pub(crate) fn mismatch(&self) -> Option<&Mismatch> {
        match self {
            Self::Signature(mismatch) | Self::TrialSignature(mismatch, _) => Some(mismatch),
            Self::Certificate(_) | Self::Wrong(_) => None,
        }
    }

    pub(crate) fn answer(&self) -> Answer {
        match self {
            Self::Certificate(title) => page(StatusCode::BAD_REQUEST, title),
            Self::Wrong(message) | Self::TrialSignature(_, message) => wrong(message),
            Self::Signature(_) => wrong("签名错误"),
        }
    }
}

/// Checks who sent a request: first as nginx does, then as WeChat Pay does.
pub(crate) fn check(
    request: &Received,
    merchants: &[String],
    keys: &Arc<Keys>,
    random: &Random,
) -> Result<Call, Refusal> {
    if needs_certificate(request.path()) && request.is_tls() {
        match request.client_certificate() {
            None => return Err(Refusal::Certificate(NO_CERTIFICATE)),
            Some(certificate) if !keys.is_merchants(certificate) => {
                return Err(Refusal::Certificate(WRONG_CERTIFICATE));
            }
            Some(_) => {}
        }
    }
    let fields = fields(request).map_err(Refusal::Wrong)?;
    let sign_type = SignType::named(fields.get("sign_type"));
    let sign_type = sign_type.ok_or(Refusal::Wrong("sign_type参数格式错误"))?;
    let call = Call {
        fields,
        sign_type,
        world: trial::world(request.path()),
        keys: Arc::clone(keys),
        random: random.clone(),
    };
    if request.path() == AUTHORIZE {
        return Ok(call);
    }
    let mchid = call.merchant();
    if mchid.is_empty() || mchid.len() > 32 || !mchid.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::Wrong("mch_id参数格式错误"));
    }
    if !merchants.iter().any(|known| known == mchid) {
        return Err(Refusal::Wrong("商户号mch_id或sub_mch_id不存在"));
    }
    if is_known(request.path()) {
        match call.get("nonce_str").len() {
            0 => return Err(Refusal::Wrong("缺少参数")),
            1..=32 => {}
            _ => return Err(Refusal::Wrong("nonce_str参数格式错误")),
        }
    }
    if call.get("sign").is_empty() {
        return Err(Refusal::Wrong("缺少参数"));
    }
    let fields = &call.fields;
    if call.get("sign") != sign_type.sign(fields, call.key()) {
        let mismatch = sign::mismatch(fields, sign_type, call.key());
        if !call.is_trial() {
            return Err(Refusal::Signature(mismatch));
        }
        let wrong = if call.get("sign") == sign_type.sign(fields, &keys.secret) {
            trial::Wrong::MerchantsKey
        } else {
            trial::Wrong::Otherwise
        };
        return Err(Refusal::TrialSignature(mismatch, wrong.message()));
    }
    Ok(call)
}

/// The trouble that a request asks for.
pub(crate) fn asked_for(request: &Received) -> Option<Misbehaviour> {
    let fields = match trial::known(request.path()) {
        Some("/pay/unifiedorder" | "/pay/micropay" | "/secapi/pay/refund") => fields(request).ok(),
        _ => None,
    };
    let fields = fields.unwrap_or_default();
    let number = match fields.get("out_refund_no") {
        "" => fields.get("out_trade_no"),
        out_refund_no => out_refund_no,
    };
    let is_trial = trial::world(request.path()) == World::New;
    if is_trial && trouble::wanted(request, number) == "PAYERROR" {
        // It fails, and is late besides.
        return Some(trouble::late());
    }
    trouble::of(request, number, true)
}

fn is_known(path: &str) -> bool {
    trial::is_sign_key(path) || trial::known(path).is_some()
}

fn merchant(fields: &Fields) -> &str {
    let mut names = MERCHANT.iter().map(|name| fields.get(name));
    names.find(|text| !text.is_empty()).unwrap_or_default()
}

/// The fields of a request: in the body of a POST, and in the query of a GET.
fn fields(request: &Received) -> Result<Fields, &'static str> {
    if request.method() != "POST" {
        if is_known(request.path()) {
            return Err("请使用post方法");
        }
        let (_, query) = request.target().split_once('?').unwrap_or_default();
        return from_query(query).ok_or("参数格式错误");
    }
    if request.body().is_empty() {
        return Err("post数据为空");
    }
    let body = std::str::from_utf8(request.body()).map_err(|_| "编码格式错误")?;
    xml::read(body).ok_or("XML格式错误")
}

/// `name=text` pairs, with `%` and `+` undone.
fn from_query(query: &str) -> Option<Fields> {
    let mut fields = Fields::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        fields.came(unescape(name)?, unescape(text)?)?;
    }
    Some(fields)
}

pub(crate) fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// What nginx titles its page.
const NO_CERTIFICATE: &str = "No required SSL certificate was sent";
const WRONG_CERTIFICATE: &str = "The SSL certificate error";

/// A page of nginx.
fn page(status: StatusCode, title: &str) -> Answer {
    let (title, heading) = if status == StatusCode::BAD_REQUEST {
        (
            format!("400 {title}"),
            format!("<h1>400 Bad Request</h1></center>\r\n<center>{title}"),
        )
    } else {
        (status.to_string(), format!("<h1>{status}</h1>"))
    };
    let page = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center>{heading}</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    Answer::raw(status, headers, Bytes::from(page), Signed::No)
}

/// The answer to a body over the limit.
pub(crate) fn too_large() -> Answer {
    page(StatusCode::PAYLOAD_TOO_LARGE, "")
}

/// The request as such is wrong.
fn wrong(message: &str) -> Answer {
    let fields = Fields::default()
        .with("return_code", "FAIL")
        .with("return_msg", message);
    let mut answer = answer(StatusCode::OK, &fields);
    if message == "请使用post方法" {
        answer
            .headers
            .insert(ALLOW, HeaderValue::from_static("POST"));
    }
    answer
}

/// The gateway has no such endpoint, and says which ones it has.
fn unknown(path: &str) -> Answer {
    let message = format!(
        "the sandbox has no answer for {path}: give it one with Sandbox::answer_with; of APIv2 it knows {}, those of pay and secapi/pay also under sandboxnew, and pay/micropay and pay/orderquery under xdc/apiv2sandbox",
        KNOWN.join(", ")
    );
    let fields = Fields::default()
        .with("return_code", "FAIL")
        .with("return_msg", message);
    answer(StatusCode::NOT_IMPLEMENTED, &fields).without_fidelity()
}

/// The error that [`Misbehaviour::Status`] asks for.
pub(crate) fn refusal(call: &Call, status: StatusCode, code: &str, message: &str) -> Answer {
    answer(status, &call.sign(call.refuse(code, message), None)).shape()
}

fn answer(status: StatusCode, fields: &Fields) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(XML));
    let body = Bytes::from(xml::write("xml", fields));
    let mut answer = Answer::raw(status, headers, body, Signed::No);
    answer.fidelity = Some(Fidelity::State);
    answer
}
