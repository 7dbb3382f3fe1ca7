//! Whatever comes in as a notification of APIv2 is judged without a panic, and only what was signed
//! with the merchant's key is trusted.

#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};
use wechatpay_chain::hash::{self, SignType};
use wechatpay_chain::transformer::{to_value, to_xml};
use wechatpay_chain::{Client, Error, NotificationV2, aes_ecb};

const SECRET: &str = "exposed_your_key_here_have_risks";
const MCHID: &str = "1900000109";

static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    let builder = Client::builder().mchid(MCHID).secret(SECRET);
    builder.build().unwrap()
});

/// What the seeds `md5` and `hmac` hold.
static GENUINE: LazyLock<[(Value, String); 2]> = LazyLock::new(|| {
    [SignType::Md5, SignType::HmacSha256].map(|sign_type| {
        let fields = json!({
            "return_code": "SUCCESS", "result_code": "SUCCESS", "mch_id": MCHID,
            "nonce_str": "N0nce", "out_trade_no": "O1", "total_fee": "1", "attach": "{\"a\":1}",
        });
        let sign = hash::sign(sign_type, &fields, SECRET);
        (fields, sign)
    })
});

// The first line says what to do with the rest: sign the fields in it, seal it as the req_info of a
// refund, or take it as it came.
fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (task, rest) = match end {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[][..]),
    };
    match task {
        b"sign" => signed(SignType::Md5, &String::from_utf8_lossy(rest)),
        b"hmac" => signed(SignType::HmacSha256, &String::from_utf8_lossy(rest)),
        b"seal" => sealed(&String::from_utf8_lossy(rest)),
        _ => came(data),
    }
});

/// Bytes of anybody's.
fn came(body: &[u8]) {
    match CLIENT.notification_v2(body) {
        // Nothing signs a refund.
        Ok(notification) if notification.is_refund() => {
            let envelope = notification.envelope().unwrap();
            let sign = envelope.get("sign").and_then(Value::as_str);
            assert!(sign.is_none_or(str::is_empty), "no such sign was made");
        }
        Ok(notification) => {
            let mut fields = notification.data().clone();
            let sign = fields["sign"].take();
            let is_genuine = GENUINE
                .iter()
                .any(|(genuine, made)| *made == sign && text_of(genuine) == text_of(&fields));
            assert!(is_genuine, "fields that were not signed were trusted");
        }
        Err(error) => shown(&error),
    }
}

/// Fields that WeChat Pay signs, whatever they are; and the same with one more that it did not.
fn signed(sign_type: SignType, lines: &str) {
    let mut fields = Map::from_iter([("mch_id".to_owned(), Value::from(MCHID))]);
    for line in lines.lines() {
        let (name, text) = line.split_once('=').unwrap_or((line, ""));
        // What comes out of XML as it went in.
        let read = to_value(&to_xml(&json!({ name: text })));
        if read.is_ok_and(|read| read == json!({ name: text })) {
            fields.insert(name.to_owned(), text.into());
        }
    }
    fields.remove("sign");
    let sign = hash::sign(sign_type, Value::Object(fields.clone()), SECRET);
    fields.insert("sign".to_owned(), sign.into());
    let is_other = ["mch_id", "mchid", "combine_mch_id"]
        .iter()
        .find_map(|name| fields.get(*name))
        .is_some_and(|mchid| mchid != MCHID);
    let req_info = fields.get("req_info").and_then(Value::as_str);
    let is_refund = req_info.is_some_and(|req_info| !req_info.is_empty());
    match CLIENT.notification_v2(to_xml(&Value::Object(fields.clone()))) {
        Ok(notification) => {
            assert!(!is_other);
            assert_eq!(notification.is_refund(), is_refund);
            if !is_refund {
                assert_eq!(*notification.data(), Value::Object(fields.clone()));
            }
        }
        Err(error) => {
            assert!(is_other || is_refund, "{error}");
            shown(&error);
        }
    }
    fields.insert("zzzz_more".to_owned(), "1".into());
    let error = refused(CLIENT.notification_v2(to_xml(&Value::Object(fields))));
    shown(&error);
}

fn sealed(inside: &str) {
    let key = hash::md5(SECRET, "");
    let req_info = aes_ecb::encrypt(inside, key).unwrap();
    let body = to_xml(&json!({ "mch_id": MCHID, "req_info": req_info }));
    match CLIENT.notification_v2(body) {
        Ok(notification) => {
            assert!(notification.is_refund());
            assert_eq!(to_value(inside).unwrap(), *notification.data());
        }
        Err(error) => {
            assert!(to_value(inside).is_err(), "{error}");
            shown(&error);
        }
    }
}

fn refused(answer: Result<NotificationV2, Error>) -> Error {
    match answer {
        Ok(_) => panic!("a field that was not signed was trusted"),
        Err(error) => error,
    }
}

/// What was signed, by our own reading of the rule. Where a value holds `&`, other fields may have
/// the same text: that is APIv2's weakness.
fn text_of(fields: &Value) -> String {
    let fields: BTreeMap<_, _> = fields.as_object().unwrap().iter().collect();
    let pairs = fields.into_iter().filter_map(|(name, text)| {
        let text = text.as_str().filter(|text| !text.is_empty())?;
        (name != "sign").then(|| format!("{name}={text}"))
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn shown(error: &Error) {
    let text = format!("{error} {error:?}");
    assert!(!text.contains(['\n', '\r', '\0']), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}
