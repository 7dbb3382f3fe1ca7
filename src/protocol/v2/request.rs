//! The fields of a request, made ready and signed.

use std::collections::HashSet;

use http::Method;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{AUTHORIZE, MERCHANT, Merchant, NONCE, NONCELESS, SIGN, is_one_of, joined};
use crate::crypto::hash::{self, SignType};
use crate::error::{Error, Result, Short};
use crate::formatter::plain;
use crate::query;
use crate::template::encode_value;
use crate::transformer::{self, is_allowed};

/// The sign of Enterprise WeChat (企业微信), which goes into a request before APIv2's own.
pub(crate) struct Workwx {
    /// The secret of the payment application, not the APIv2 key.
    pub(crate) agent_secret: Zeroizing<String>,
    /// The fields that are signed, in any order; `None` takes the list of the path.
    pub(crate) fields: Option<Vec<String>>,
}

const SIGN_TYPE: &str = "sign_type";
const WORKWX_SIGN: &str = "workwx_sign";

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
    pub(crate) workwx: Option<&'a Workwx>,
}

/// The fields of a request with its `sign`, and the text that was signed, without the key. Those of a
/// query or a form may come in several pieces.
pub(crate) fn signed(
    merchant: Merchant<'_>,
    call: &Call<'_>,
    fields: &[Value],
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
    if let Some(workwx) = call.workwx {
        fields.set(WORKWX_SIGN, fields.workwx_sign(workwx, call.path)?);
    }
    let text = fields.signed_text();
    fields.set(SIGN, hash::sign(sign_type, &text, secret));
    Ok((fields, text))
}

/// The fields of a request in their order, each with the text that is both signed and sent.
pub(crate) struct Fields(Vec<(String, Option<String>)>);

impl Fields {
    fn read(pieces: &[Value], is_query: bool) -> Result<Self> {
        let mut read = Self(Vec::new());
        for piece in pieces {
            read.add(piece, is_query)?;
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

    fn add(&mut self, piece: &Value, is_query: bool) -> Result<()> {
        let wanted = "an object of fields, such as json!({\"mch_id\": …})";
        match piece {
            Value::Null => {}
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.push(name, value)?;
                }
            }
            Value::Array(pairs) if is_query => {
                for pair in pairs {
                    match pair.as_array().map(Vec::as_slice) {
                        Some([Value::String(name), value]) => self.push(name, value)?,
                        _ => return Err(Error::request("query: an element is no pair", wanted)),
                    }
                }
            }
            Value::String(text) if is_query => {
                let text = text.strip_prefix('?').unwrap_or(text);
                for pair in text.split('&').filter(|pair| !pair.is_empty()) {
                    let pair = pair.replace('+', " ");
                    let (name, value) = pair.split_once('=').unwrap_or((&pair, ""));
                    self.push(&query::decode(name), &query::decode(value).into())?;
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
        Ok(())
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
                format!("{}: a number that is not whole", Short(name)),
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

    fn workwx_sign(&self, workwx: &Workwx, path: &str) -> Result<String> {
        if workwx.agent_secret.is_empty() {
            return Err(Error::request(
                "workwx_sign: the secret is empty",
                "the secret of Enterprise WeChat's payment application",
            ));
        }
        let chosen: Vec<&str> = match &workwx.fields {
            Some(fields) => fields.iter().map(String::as_str).collect(),
            None if is_one_of(&["/mmpaymkttransfers/sendworkwxredpack"], path) => {
                RED_PACKET.to_vec()
            }
            None if is_one_of(&["/mmpaymkttransfers/promotion/paywwsptrans2pocket"], path) => {
                EMPLOYEE.to_vec()
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
        let mut sign = hash::md5_agency(joined(pairs.collect()), workwx.agent_secret.as_str());
        sign.make_ascii_uppercase();
        Ok(sign)
    }

    /// Every field with its text; null is empty.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_deref().unwrap_or_default()))
    }

    /// As the body of a request.
    pub(crate) fn to_xml(&self) -> String {
        let mut xml = "<xml>".to_owned();
        for (name, text) in self.pairs() {
            transformer::write_element(&mut xml, name, text);
        }
        xml.push_str("</xml>");
        xml
    }

    /// As the query of a GET, percent-encoded, without `?`.
    pub(crate) fn to_query(&self) -> String {
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

#[cfg(test)]
mod tests {
    use std::slice;

    use serde_json::json;

    use super::super::fixtures::{MCHID, MERCHANT_OF_TESTS, SECRET};
    use super::*;

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
        let (fields, text) = signed(
            MERCHANT_OF_TESTS,
            &call(&Method::POST, path),
            slice::from_ref(fields),
        )?;
        Ok((fields.to_xml(), text))
    }

    fn queried(path: &str, fields: &Value) -> Result<String> {
        let call = call(&Method::GET, path);
        let (fields, _) = signed(MERCHANT_OF_TESTS, &call, slice::from_ref(fields))?;
        Ok(fields.to_query())
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

    #[test]
    fn requests_are_those_that_php_sent() {
        let recording = include_str!("../../../tests/vectors/requests-v2.json");
        let recording: Value = serde_json::from_str(recording).unwrap();
        let merchant = Merchant {
            mchid: recording["mchid"].as_str().unwrap(),
            secret: recording["secret"].as_str(),
        };
        let mut count = 0;
        for case in recording["cases"].as_array().unwrap() {
            let options = &case["options"];
            let fields = options.get("xml").unwrap_or_else(|| &options["query"]);
            let path = case["keys"][0].as_str().unwrap();
            let verb: Method = case["method"].as_str().unwrap().parse().unwrap();
            let mut call = call(&verb, path.strip_prefix("v2").unwrap());
            call.is_nonceless = options.get("nonceless").is_some();
            let target = case["sent"]["target"].as_str().unwrap();
            let (made, text) = signed(merchant, &call, slice::from_ref(fields)).unwrap();
            if verb == Method::GET {
                assert_eq!(format!("{}?{}", call.path, made.to_query()), target);
            } else {
                assert_eq!(made.to_xml(), case["sent"]["body"].as_str().unwrap());
                assert_eq!(call.path, target);
            }
            // The helper that a user has signs the same.
            let key = merchant.secret.unwrap();
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
        let (_, text) = signed(MERCHANT_OF_TESTS, &call, &[json!({ "mch_id": MCHID })]).unwrap();
        assert_eq!(text, "mch_id=1900000109");
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
        let call_of_page = call(&Method::GET, "/appauth/authindex");
        let (made, text) = signed(merchant, &call_of_page, slice::from_ref(&fields)).unwrap();
        assert_eq!(
            made.to_query(),
            format!("mch_id={MCHID}&scope=pay_identity")
        );
        assert_eq!(text, "");
        for secret in [None, Some("")] {
            let merchant = Merchant {
                mchid: MCHID,
                secret,
            };
            let error = signed(
                merchant,
                &call(&Method::GET, "/appauth/getaccesstoken"),
                slice::from_ref(&fields),
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
        assert!(with("total_fee", json!(0.5)).starts_with("total_fee: a number that is not whole"));
        assert!(with("total_fee", json!(1e300)).contains("is not whole"));
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
        let text_of = |path: &str, fields: &Value, list: Option<&[&str]>, secret: &str| {
            let workwx = Workwx {
                agent_secret: secret.to_owned().into(),
                fields: list.map(|list| list.iter().map(|&name| name.to_owned()).collect()),
            };
            let mut call = call(&Method::POST, path);
            call.workwx = Some(&workwx);
            let made = signed(MERCHANT_OF_TESTS, &call, slice::from_ref(fields));
            made.map(|(_, text)| text)
        };
        let red_packet = json!({
            "mch_id": MCHID, "wxappid": "wx1", "mch_billno": "B1", "re_openid": "o1",
            "total_amount": 100, "act_name": "节日", "sender_name": "not signed", "nonce_str": "n",
        });
        let text = "act_name=节日&mch_billno=B1&mch_id=1900000109&nonce_str=n&re_openid=o1&\
                    total_amount=100&wxappid=wx1";
        let sign = hash::md5_agency(text, "agent").to_uppercase();
        let path = "/mmpaymkttransfers/sendworkwxredpack";
        let all = text_of(path, &red_packet, None, "agent").unwrap();
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
        let all = text_of(path, &employee, None, "agent").unwrap();
        assert!(all.contains(&format!("&workwx_sign={sign}&")) || all.ends_with(&sign));
        let own: &[&str] = &["openid", "amount"];
        let sign = hash::md5_agency("amount=1&openid=o1", "agent").to_uppercase();
        assert!(
            text_of("/x", &employee, Some(own), "agent")
                .unwrap()
                .contains(&sign)
        );

        let error = |path, fields: &Value, list, secret| {
            let error = text_of(path, fields, list, secret).err().unwrap();
            error.to_string()
        };
        assert!(error("/x", &employee, None, "agent").contains("a list of the fields"));
        assert!(error(path, &employee, None, "").contains("the secret is empty"));
        assert!(error(path, &red_packet, None, "agent").starts_with("amount: absent or empty"));
        let absent: &[&str] = &["absent"];
        assert!(error(path, &employee, Some(absent), "agent").starts_with("absent: absent"));
    }
}
