//! What holds for any input, tried with some.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};
use wechatpay_chain::rsa::{PrivateKey, PublicKey};
use wechatpay_chain::{Check, Client, Error};
use wechatpay_sandbox::Sandbox;

use crate::support::{MERCHANT_KEY, MERCHANT_PUBLIC, offline, target};

static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::from_pem(MERCHANT_KEY).unwrap());
static PUBLIC: LazyLock<PublicKey> =
    LazyLock::new(|| PublicKey::from_pem(MERCHANT_PUBLIC).unwrap());
static OFFLINE: LazyLock<Client> = LazyLock::new(offline);
static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| Sandbox::start_blocking().unwrap());

/// Any text, also with what is special to JSON, URLs and headers.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,12}",
        "[%+/?#&={}.~_\\\\\"\r\n\t\0é张🔥-]{0,8}",
    ]
}

/// Any JSON, save for floats that are whole: those go out as integers.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("it is whole", |number| number.fract() != 0.0)
            .prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(text(), inner, 0..4).prop_map(|fields| json!(fields)),
        ]
    })
}

/// A body: no array of PHP's options.
fn fields() -> impl Strategy<Value = BTreeMap<String, Value>> {
    let options = ["json", "xml", "query", "headers", "multipart"];
    let name = text().prop_filter("an option", move |name| !options.contains(&name.as_str()));
    btree_map(name, value(), 0..5)
}

/// Undoes percent-encoding, in which a bare `+` must not occur.
fn decoded(text: &str) -> String {
    assert!(!text.contains(['+', ' ', '&', '=']), "{text}");
    let pairs = url::form_urlencoded::parse(text.as_bytes());
    pairs.map(|(name, _)| name.into_owned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_signed_verifies_and_nothing_else_does(
        message in vec(any::<u8>(), 0..200),
        place in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let signature = KEY.sign(&message);
        prop_assert!(PUBLIC.verify(&message, &signature));
        let mut other = message.clone();
        other.push(0);
        let place = place.index(other.len());
        other[place] ^= 1 << bit;
        prop_assert!(!PUBLIC.verify(&other, &signature));
        let mut forged = signature.into_bytes();
        let place = place % forged.len();
        forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
        prop_assert!(!PUBLIC.verify(&message, String::from_utf8(forged).unwrap()));
    }

    #[test]
    fn any_json_body_goes_out_as_it_is(fields in fields()) {
        let body = json!(fields);
        let request = OFFLINE.chain("v3/pay/x").post(body.clone()).into_http().unwrap();
        let sent: Value = serde_json::from_slice(request.body()).unwrap();
        prop_assert_eq!(&sent, &body);
        let text = sent.to_string();
        prop_assert_eq!(request.body().as_ref(), text.as_bytes());
    }

    #[test]
    fn any_value_of_a_query_arrives(values in btree_map("[a-z_]{1,8}", text(), 1..6)) {
        let target = target(OFFLINE.chain("v3/pay/x").get().query(&values));
        prop_assert!(target.bytes().all(|byte| byte.is_ascii_graphic()), "{}", target);
        let query = target.strip_prefix("/v3/pay/x?").unwrap();
        let got: BTreeMap<String, String> = query
            .split('&')
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap();
                (decoded(name), decoded(value))
            })
            .collect();
        prop_assert_eq!(got, values);
    }

    #[test]
    fn any_name_of_a_query_arrives(name in text()) {
        prop_assume!(!name.is_empty());
        let target = target(OFFLINE.chain("v3/pay/x").get().query(json!({ &name: "1" })));
        let query = target.strip_prefix("/v3/pay/x?").unwrap();
        prop_assert_eq!(decoded(query.strip_suffix("=1").unwrap()), name);
    }

    #[test]
    fn any_variable_is_one_segment_or_is_refused(value in text()) {
        let request = OFFLINE.chain("v3/pay/{v}/close").get().var("v", &value);
        let climbs = ["", ".", ".."].contains(&value.as_str());
        match request.into_http() {
            Ok(request) => {
                prop_assert!(!climbs);
                let path = request.uri().path();
                let segment = path.strip_prefix("/v3/pay/").unwrap();
                let segment = segment.strip_suffix("/close").unwrap();
                prop_assert!(!segment.contains(['/', '?', '#']), "{}", path);
                prop_assert_eq!(decoded(segment), value);
                prop_assert_eq!(request.uri().query(), None);
            }
            Err(Error::Template(_)) => prop_assert!(climbs),
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn any_content_of_a_notification_comes_through(content in value(), summary in text()) {
        let builder = SANDBOX.notification_builder("TRANSACTION.SUCCESS", "transaction", &content);
        let sent = builder.summary(&summary).build();
        let headers = sent.headers();
        let client = SANDBOX.client();
        let got = client.notification(&headers, sent.body()).wait().unwrap();
        prop_assert_eq!(got.data(), &content);
        prop_assert_eq!(got.summary(), summary);
    }

    #[test]
    fn any_signed_body_is_a_notification_or_no_json_wanted(body in vec(any::<u8>(), 0..64)) {
        let builder = SANDBOX.notification_builder("X", "x", &Value::Null);
        let sent = builder.body(body.clone()).build();
        let headers = sent.headers();
        let client = SANDBOX.client();
        match client.notification(&headers, sent.body()).wait() {
            Ok(got) => prop_assert!(false, "{got:?}"),
            Err(Error::Decode(_)) => prop_assert!(!body.is_empty()),
            Err(Error::Verify(error)) => {
                let is_empty = matches!(error.check(), Check::Body { bytes: 0, .. });
                prop_assert!(is_empty && body.is_empty());
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
        let unsigned = client.notification(&headers, [&body[..], b" "].concat()).wait();
        let is_refused = matches!(&unsigned, Err(Error::Verify(error)) if *error.check() == Check::Signature);
        prop_assert!(is_refused);
    }
}

proptest! {
    // Each is a round trip.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_json_arrives_signed_and_comes_back_verified(fields in fields(), answer in fields()) {
        let (body, answer) = (json!(fields), json!(answer));
        SANDBOX.answer("POST", "/v3/any/body", 200, answer.clone());
        let client = SANDBOX.client();
        let response = client.chain("v3/any/body").post(body.clone()).wait().unwrap();
        prop_assert!(response.verified());
        prop_assert_eq!(response.data().unwrap(), answer);
        let received = SANDBOX.received();
        let request = received.iter().rfind(|it| it.path() == "/v3/any/body").unwrap();
        prop_assert!(request.authenticated());
        let sent: Value = serde_json::from_slice(request.body()).unwrap();
        prop_assert_eq!(sent, body);
    }
}
