//! Notifications: checked and decrypted in one call, and what is said of those that are refused.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use futures::future::join_all;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use wechatpay_chain::{Check, Client, Error, Notification};
use wechatpay_sandbox::{Misbehaviour, Notification as Sent, NotificationBuilder, Sandbox};

use crate::support::{MINUTE, assert_says, fetches, keeping, order, pass, signing_by_certificate};

const TRADE: &str = "1217752501201407033233368018";
const OPENID: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";
const OTHER_KEY: &str = "12345678901234567890123456789012";
/// An ID that nobody configured.
const MOVED: &str = "PUB_KEY_ID_0119000001092024101100397200000006";
const DAY: Duration = Duration::from_secs(86_400);

/// The headers that have to be there.
const WANTED: [&str; 4] = [
    "Wechatpay-Nonce",
    "Wechatpay-Serial",
    "Wechatpay-Signature",
    "Wechatpay-Timestamp",
];

type Pairs = Vec<(String, String)>;

fn resource() -> Value {
    json!({
        "out_trade_no": TRADE,
        "amount": { "total": 100, "currency": "CNY" },
        "payer": { "openid": OPENID },
    })
}

fn paid(sandbox: &Sandbox) -> NotificationBuilder {
    sandbox.notification_builder("TRANSACTION.SUCCESS", "transaction", &resource())
}

fn started() -> (Sandbox, Client) {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    (sandbox, client)
}

/// A client with these platform keys and the APIv3 key.
fn configured(sandbox: &Sandbox, keys: &[(&str, &str)]) -> Client {
    let builder = sandbox.client_builder().apiv3_key(sandbox.apiv3_key());
    let builder = keys.iter().fold(builder, |builder, (serial, key)| {
        builder.cert(*serial, *key)
    });
    builder.build().unwrap()
}

fn value(headers: &Pairs, name: &str) -> String {
    let mut headers = headers.iter();
    let found = headers.find(|(known, _)| known == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

/// The headers with one of them replaced.
fn with(sent: &Sent, name: &str, value: &str) -> Pairs {
    let headers = sent.headers().into_iter();
    headers
        .map(|(known, old)| {
            let new = if known == name { value.to_owned() } else { old };
            (known, new)
        })
        .collect()
}

fn map_of(pairs: &Pairs) -> HeaderMap {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
        })
        .collect()
}

fn accepted(client: &Client, sent: &Sent) -> Notification {
    let headers = sent.headers();
    client.notification(&headers, sent.body()).wait().unwrap()
}

/// Why it was refused, by an error that shows nothing of it.
#[track_caller]
fn refused(client: &Client, headers: &Pairs, body: &[u8]) -> Error {
    let error = client.notification(headers, body).wait().unwrap_err();
    let shown = format!("{error} {error:?} {error:#?}");
    let body = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let ciphertext = body.pointer("/resource/ciphertext");
    let secrets = [
        TRADE.to_owned(),
        OPENID.to_owned(),
        OTHER_KEY.to_owned(),
        value(headers, "Wechatpay-Signature"),
        ciphertext
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
    ];
    for secret in secrets.iter().filter(|secret| secret.len() > 8) {
        assert!(!shown.contains(secret.as_str()), "{shown}");
    }
    assert!(!error.to_string().contains(char::is_control), "{error}");
    assert!(!error.is_retryable(), "{error}");
    error
}

#[track_caller]
fn check(error: &Error) -> &Check {
    match error {
        Error::Verify(error) => error.check(),
        other => panic!("{other}"),
    }
}

fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_secs()
}

#[tokio::test]
async fn a_genuine_one_gives_its_content_by_either_verb() {
    let (sandbox, client) = started();
    let sent = sandbox.notification("TRANSACTION.SUCCESS", "transaction", &resource());
    let headers = sent.headers();
    let awaited = client.notification(&headers, sent.body()).await.unwrap();
    let waited = client.notification(&headers, sent.body()).wait().unwrap();
    let body: Value = serde_json::from_slice(sent.body()).unwrap();
    for got in [awaited, waited] {
        assert_eq!(*got.data(), resource());
        assert_eq!(got.id(), body["id"]);
        assert_eq!(got.create_time(), body["create_time"]);
        assert_eq!(got.event_type(), "TRANSACTION.SUCCESS");
        assert_eq!(got.resource_type(), "encrypt-resource");
        assert_eq!(got.summary(), "支付成功");
    }
    assert!(sandbox.received().is_empty());
}

#[test]
fn its_content_is_read_as_a_type_of_the_callers() {
    #[derive(Deserialize)]
    struct Order {
        out_trade_no: String,
        amount: BTreeMap<String, Value>,
    }
    let (sandbox, client) = started();
    let got = accepted(&client, &paid(&sandbox).build());
    let order: Order = got.json().unwrap();
    assert_eq!(order.out_trade_no, TRADE);
    assert_eq!(order.amount["total"], 100);
    let error = got.json::<Vec<String>>().unwrap_err();
    assert!(matches!(error, Error::Decode(_)));
    assert!(!format!("{error} {error:?}").contains(TRADE));
}

#[test]
fn headers_come_from_any_framework() {
    let (sandbox, client) = started();
    let sent = paid(&sandbox).build();
    let owned = sent.headers();
    let body = sent.body();
    let texts: Vec<(&str, &str)> = owned
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let bytes: Vec<(String, Vec<u8>)> = owned
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
        .collect();
    let slices: Vec<(&str, &[u8])> = owned
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let array: [(&str, &str); 7] = texts.clone().try_into().unwrap();
    let map = map_of(&owned);
    client.notification(&map, body).wait().unwrap();
    client.notification(&owned, body).wait().unwrap();
    client.notification(&texts, body).wait().unwrap();
    client.notification(&bytes, body).wait().unwrap();
    client.notification(&slices, body).wait().unwrap();
    client.notification(&array, body).wait().unwrap();
    client.notification(texts.as_slice(), body).wait().unwrap();
    let copied = bytes::Bytes::copy_from_slice(body);
    client.notification(&map, copied).wait().unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    client.notification(&map, text).wait().unwrap();
}

#[test]
fn names_in_any_letters_and_of_cgi_are_understood() {
    let (sandbox, client) = started();
    let sent = paid(&sandbox).build();
    let cgi = |name: &str| format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_"));
    let forms: [&dyn Fn(&str) -> String; 5] = [
        &|name| name.to_ascii_lowercase(),
        &|name| name.to_ascii_uppercase(),
        &|name| name.replace("Timestamp", "TimeStamp"),
        &cgi,
        &|name| cgi(name).to_ascii_lowercase(),
    ];
    for form in forms {
        let headers: Pairs = sent
            .headers()
            .into_iter()
            .map(|(name, value)| (form(&name), value))
            .collect();
        client.notification(&headers, sent.body()).wait().unwrap();
    }
    // A name that only contains one of them is another.
    let headers: Pairs = sent
        .headers()
        .into_iter()
        .map(|(name, value)| (format!("X-{name}"), value))
        .collect();
    let error = refused(&client, &headers, sent.body());
    assert_says(&error, &WANTED);
}

#[test]
fn white_space_around_a_value_is_dropped() {
    let (sandbox, client) = started();
    let sent = paid(&sandbox).build();
    let headers: Pairs = sent
        .headers()
        .into_iter()
        .map(|(name, value)| (format!(" {name} "), format!(" \t{value}\r\n")))
        .collect();
    client.notification(&headers, sent.body()).wait().unwrap();
}

#[test]
fn a_header_that_comes_twice_must_have_one_value() {
    let (sandbox, client) = started();
    let sent = paid(&sandbox).build();
    for name in WANTED.into_iter().chain(["Wechatpay-Signature-Type"]) {
        let original = value(&sent.headers(), name);
        let cgi = format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_"));
        let again = |values: &[&str]| {
            let mut headers = sent.headers();
            headers.extend(
                values
                    .iter()
                    .map(|value| (cgi.clone(), (*value).to_owned())),
            );
            headers
        };
        let same = again(&[&original, &original]);
        client.notification(&same, sent.body()).wait().unwrap();
        for others in [vec!["1"], vec![&original, "1"], vec!["1", &original]] {
            let error = refused(&client, &again(&others), sent.body());
            assert!(matches!(check(&error), Check::Malformed { header, .. } if *header == name));
            assert_says(&error, &[name, "two different ones"]);
        }
        let mut map = map_of(&sent.headers());
        let lower = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.append(lower, HeaderValue::from_static("1"));
        let error = client.notification(&map, sent.body()).wait().unwrap_err();
        assert_says(&error, &[name, "two different ones"]);
    }
}

#[test]
fn headers_that_are_missing_are_named() {
    let (sandbox, client) = started();
    let sent = paid(&sandbox).build();
    for name in WANTED {
        let headers: Pairs = sent.headers();
        let headers = headers.into_iter().filter(|(known, _)| known != name);
        let error = refused(&client, &headers.collect(), sent.body());
        assert!(matches!(check(&error), Check::Headers { missing, .. } if *missing == [name]));
        assert_says(&error, &[name, "missing", "as they came"]);
    }
    let error = refused(&client, &Pairs::new(), sent.body());
    assert!(matches!(check(&error), Check::Headers { missing, .. } if *missing == WANTED));
    assert_says(&error, &WANTED);
    // The signature's type may be absent.
    let headers = sent.headers().into_iter();
    let headers =
        headers.filter(|(name, _)| name.starts_with("Wechatpay-") && !name.ends_with("Type"));
    let headers: Pairs = headers.collect();
    assert_eq!(headers.len(), 4);
    client.notification(&headers, sent.body()).wait().unwrap();
}

#[test]
fn a_value_that_no_header_can_hold_is_refused_by_its_name() {
    let (sandbox, client) = started();
    let sent = paid(&sandbox).build();
    for bad in ["签名", "a\nb", "a\0b", "\u{7f}"] {
        for name in WANTED {
            let error = refused(&client, &with(&sent, name, bad), sent.body());
            assert_says(&error, &[name, "no text"]);
        }
    }
    for bad in [
        "now",
        "-1",
        "+1700000000",
        "1700000000.5",
        "99999999999999999999999",
    ] {
        let headers = with(&sent, "Wechatpay-Timestamp", bad);
        let error = refused(&client, &headers, sent.body());
        assert!(matches!(check(&error), Check::Malformed { .. }), "{bad}");
        assert_says(&error, &["Wechatpay-Timestamp", "no number of seconds"]);
    }
}

#[test]
fn an_old_one_is_refused_for_the_clock_and_told_how_to_be_examined() {
    let (sandbox, client) = started();
    let now = SystemTime::now();
    let made = now - Duration::from_secs(3_600);
    let sent = paid(&sandbox).at(made).build();
    let error = refused(&client, &sent.headers(), sent.body());
    let Check::Clock { local, remote, .. } = check(&error) else {
        panic!("{error}");
    };
    assert_eq!(*remote, seconds(made));
    assert!(*local >= seconds(now));
    let apart = local - remote;
    assert!((3_600..3_660).contains(&apart), "{apart}");
    assert_says(
        &error,
        &[
            &local.to_string(),
            &remote.to_string(),
            &format!("{apart} s apart"),
            "300 s",
            "ahead, or the notification is an old one",
            "can't be replayed",
            ".at(time)",
            "sandbox",
        ],
    );
    assert!(!error.to_string().contains("signature"), "{error}");
    let coming = paid(&sandbox).at(now + Duration::from_secs(3_600)).build();
    let error = refused(&client, &coming.headers(), coming.body());
    assert!(matches!(check(&error), Check::Clock { .. }));
    assert_says(&error, &["this machine's clock is behind"]);
    assert!(!error.to_string().contains("replayed"), "{error}");
}

#[test]
fn the_clock_is_judged_before_serial_and_signature() {
    let (sandbox, client) = started();
    let made = SystemTime::now() - Duration::from_secs(3_600);
    for sent in [
        paid(&sandbox).at(made).signed_by("AB01").build(),
        paid(&sandbox).at(made).signature("wrong").build(),
        paid(&sandbox).at(made).probe().build(),
    ] {
        let error = refused(&client, &sent.headers(), sent.body());
        assert!(matches!(check(&error), Check::Clock { .. }), "{error}");
    }
}

#[test]
fn a_stored_one_is_checked_against_its_own_time() {
    let (sandbox, client) = started();
    let made = SystemTime::now() - 400 * DAY;
    let sent = paid(&sandbox).at(made).build();
    let headers = sent.headers();
    let at = |time: u64| client.notification(&headers, sent.body()).at(time).wait();
    let made = seconds(made);
    for time in [made, made - 300, made + 300] {
        assert_eq!(*at(time).unwrap().data(), resource());
    }
    for time in [0, made - 301, made + 301, u64::MAX] {
        let error = at(time).unwrap_err();
        assert!(matches!(check(&error), Check::Clock { local, .. } if *local == time));
    }
    let forged = with(&sent, "Wechatpay-Nonce", "another");
    let error = client.notification(&forged, sent.body()).at(made);
    assert_eq!(*check(&error.wait().unwrap_err()), Check::Signature);
}

#[test]
fn a_stored_one_of_an_unknown_serial_fetches_nothing() {
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    let sent = paid(&sandbox).build();
    let headers = sent.headers();
    let incoming = client.notification(&headers, sent.body());
    let error = incoming.at(seconds(SystemTime::now())).wait().unwrap_err();
    assert!(matches!(check(&error), Check::Serial { .. }));
    assert!(sandbox.received().is_empty());
}

#[test]
fn a_probe_is_told_apart_and_other_nonsense_is_a_wrong_signature() {
    let (sandbox, client) = started();
    for sent in [
        paid(&sandbox).probe().build(),
        paid(&sandbox)
            .signature("WECHATPAY/SIGNTEST/nXPz8Wk")
            .build(),
    ] {
        let error = refused(&client, &sent.headers(), sent.body());
        assert_eq!(*check(&error), Check::Probe);
        assert_says(&error, &["probe", "WECHATPAY/SIGNTEST/"]);
    }
    let long = "A".repeat(1024 * 1024);
    let half = long.get(..344).unwrap();
    for nonsense in ["%%%", "", "====", "wechatpay/signtest/x", half, &long] {
        let sent = paid(&sandbox).signature(nonsense).build();
        let error = refused(&client, &sent.headers(), sent.body());
        assert_eq!(*check(&error), Check::Signature);
        assert!(!error.to_string().contains("probe"), "{error}");
    }
}

#[test]
fn json_that_was_serialised_again_is_refused_though_it_decrypts() {
    let (sandbox, client) = started();
    let sent = paid(&sandbox).build();
    let sorted: BTreeMap<String, Value> = serde_json::from_slice(sent.body()).unwrap();
    let spaced: Value = serde_json::from_slice(sent.body()).unwrap();
    for again in [
        serde_json::to_vec(&sorted).unwrap(),
        serde_json::to_vec_pretty(&spaced).unwrap(),
        [sent.body(), b"\n"].concat(),
    ] {
        assert_ne!(again, sent.body());
        let error = refused(&client, &sent.headers(), &again);
        assert_eq!(*check(&error), Check::Signature);
        assert_says(
            &error,
            &[
                "decrypts",
                "raw request body",
                "parsed and serialised again",
            ],
        );
    }
}

#[test]
fn a_changed_byte_is_refused_wherever_it_is() {
    let (sandbox, client) = started();
    let sent = paid(&sandbox).build();
    for place in (0..sent.body().len()).step_by(17) {
        let mut body = sent.body().to_vec();
        body[place] ^= 1;
        let error = refused(&client, &sent.headers(), &body);
        assert_eq!(*check(&error), Check::Signature, "{place}");
    }
    // In the ciphertext it is no slip of a framework.
    let mut body = sent.body().to_vec();
    let at = body.windows(13).position(|part| part == b"\"ciphertext\":");
    let at = at.unwrap() + 20;
    body[at] = if body[at] == b'A' { b'B' } else { b'A' };
    let error = refused(&client, &sent.headers(), &body);
    assert_says(&error, &["not from WeChat Pay"]);
    assert!(!error.to_string().contains("genuine"), "{error}");
}

#[test]
fn a_changed_nonce_time_or_serial_is_refused() {
    let (sandbox, client) = started();
    let sent = paid(&sandbox).build();
    let time = value(&sent.headers(), "Wechatpay-Timestamp");
    let later = (time.parse::<u64>().unwrap() + 1).to_string();
    let padded = format!("0{time}");
    for (name, changed) in [
        ("Wechatpay-Nonce", "another"),
        ("Wechatpay-Nonce", ""),
        ("Wechatpay-Timestamp", &later),
        ("Wechatpay-Timestamp", &padded),
    ] {
        let error = refused(&client, &with(&sent, name, changed), sent.body());
        assert_eq!(*check(&error), Check::Signature, "{name}");
    }
    let certificates = sandbox.certificates();
    let (first, second) = (&certificates[0], &certificates[1]);
    let keys = [
        (first.serial(), first.pem()),
        (second.serial(), second.pem()),
    ];
    let client = configured(&sandbox, &keys);
    let sent = paid(&sandbox).signed_by(first.serial()).build();
    accepted(&client, &sent);
    let headers = with(&sent, "Wechatpay-Serial", second.serial());
    let error = refused(&client, &headers, sent.body());
    assert_eq!(*check(&error), Check::Signature);
}

#[test]
fn another_apiv3_key_is_told_apart_from_a_wrong_signature() {
    let (sandbox, client) = started();
    let sent = paid(&sandbox).apiv3_key(OTHER_KEY).build();
    let error = refused(&client, &sent.headers(), sent.body());
    assert!(matches!(error, Error::Decode(_)));
    assert_says(
        &error,
        &["the signature is right", "APIv3 key", "merchant platform"],
    );
    let builder = sandbox.client_builder().apiv3_key(OTHER_KEY);
    let builder = builder.cert(sandbox.platform_serial(), sandbox.platform_public_key());
    let sent = paid(&sandbox).build();
    let error = refused(&builder.build().unwrap(), &sent.headers(), sent.body());
    assert!(matches!(error, Error::Decode(_)));
    assert!(!error.to_string().contains(sandbox.apiv3_key()), "{error}");
}

#[test]
fn another_encryption_is_named() {
    let (sandbox, client) = started();
    for algorithm in ["AEAD_SM4_GCM", "", "aead_aes_256_gcm"] {
        let sent = paid(&sandbox).algorithm(algorithm).build();
        let error = refused(&client, &sent.headers(), sent.body());
        assert!(matches!(error, Error::Decode(_)));
        let quoted = format!("{algorithm:?}");
        assert_says(&error, &[&quoted, "wanted: AEAD_AES_256_GCM"]);
        assert!(!error.to_string().contains("APIv3 key"), "{error}");
    }
}

#[test]
fn another_type_of_signature_is_named() {
    let (sandbox, client) = started();
    let sent = paid(&sandbox).build();
    let headers = with(&sent, "Wechatpay-Signature-Type", "WECHATPAY2-SM2-WITH-SM3");
    let error = refused(&client, &headers, sent.body());
    assert_says(
        &error,
        &[
            "Wechatpay-Signature-Type is \"WECHATPAY2-SM2-WITH-SM3\"",
            "wanted: WECHATPAY2-SHA256-RSA2048",
        ],
    );
    for name in ["Wechatpay-Signature-Type", "Wechatpay-Timestamp"] {
        let error = refused(&client, &with(&sent, name, " "), sent.body());
        assert_says(&error, &[name, "empty"]);
    }
}

#[test]
fn an_empty_body_has_probably_been_read_before() {
    let (sandbox, client) = started();
    let sent = paid(&sandbox).build();
    let error = refused(&client, &sent.headers(), b"");
    assert!(matches!(check(&error), Check::Body { bytes: 0, .. }));
    assert_says(&error, &["body is empty", "probably read it", "raw bytes"]);
}

#[test]
fn a_body_is_refused_over_one_megabyte_and_not_at_it() {
    let (sandbox, client) = started();
    let megabyte = 1024 * 1024;
    let mut body = paid(&sandbox).build().body().to_vec();
    body.resize(megabyte, b' ');
    let sent = paid(&sandbox).body(body.clone()).build();
    assert_eq!(accepted(&client, &sent).data()["out_trade_no"], TRADE);
    body.push(b' ');
    let sent = paid(&sandbox).body(body).build();
    let error = refused(&client, &sent.headers(), sent.body());
    assert!(matches!(check(&error), Check::Body { bytes, .. } if *bytes == megabyte + 1));
    assert_says(&error, &["1048577 bytes", "larger than 1 MB"]);
}

#[test]
fn a_signed_body_that_is_no_notification_is_a_decode_error() {
    let (sandbox, client) = started();
    let whole = paid(&sandbox).build().body().to_vec();
    let half = whole.get(..whole.len() / 2).unwrap().to_vec();
    let bodies: [&[u8]; 7] = [
        b"<xml/>",
        b"null",
        b"[]",
        b"{\"id\":\"1\"}",
        b"{\"id\":1,\"resource\":{}}",
        b"\xff\xfe",
        &half,
    ];
    for body in bodies {
        let sent = paid(&sandbox).body(body).build();
        let error = refused(&client, &sent.headers(), sent.body());
        assert!(matches!(error, Error::Decode(_)), "{error}");
        assert_says(&error, &["the notification is not the JSON wanted"]);
    }
    let sent = paid(&sandbox).plaintext("out_trade_no=1").build();
    let error = refused(&client, &sent.headers(), sent.body());
    assert!(matches!(error, Error::Decode(_)));
    assert_says(&error, &["no JSON"]);
    assert!(!error.to_string().contains("APIv3 key"), "{error}");
}

#[test]
fn associated_data_may_be_absent_null_or_empty() {
    let (sandbox, client) = started();
    let absent = paid(&sandbox).without_associated_data().build();
    let mut body: Value = serde_json::from_slice(absent.body()).unwrap();
    assert_eq!(body["resource"].get("associated_data"), None);
    body["resource"]["associated_data"] = Value::Null;
    let null = paid(&sandbox).body(body.to_string()).build();
    let empty = paid(&sandbox).associated_data("").build();
    let other = paid(&sandbox).associated_data("中 文").build();
    for sent in [&absent, &null, &empty, &other] {
        assert_eq!(*accepted(&client, sent).data(), resource());
    }
    // It is authenticated.
    body["resource"]["associated_data"] = json!("transaction");
    let changed = paid(&sandbox).body(body.to_string()).build();
    let error = refused(&client, &changed.headers(), changed.body());
    assert!(matches!(error, Error::Decode(_)));
}

#[test]
fn what_a_notification_does_not_tell_is_empty() {
    let (sandbox, client) = started();
    let mut body: Value = serde_json::from_slice(paid(&sandbox).build().body()).unwrap();
    body.as_object_mut()
        .unwrap()
        .retain(|name, _| name == "resource");
    let got = accepted(&client, &paid(&sandbox).body(body.to_string()).build());
    let told = [got.id(), got.event_type(), got.summary(), got.create_time()];
    assert_eq!(told, [""; 4]);
    assert_eq!(*got.data(), resource());
}

#[tokio::test]
async fn a_client_that_keeps_certificates_fetches_them_for_the_first_one() {
    let sandbox = signing_by_certificate();
    for waits in [false, true] {
        let client = keeping(&sandbox);
        let before = fetches(&sandbox);
        for _ in 0..3 {
            let sent = paid(&sandbox).build();
            let headers = sent.headers();
            let incoming = client.notification(&headers, sent.body());
            let got = if waits {
                incoming.wait().unwrap()
            } else {
                incoming.await.unwrap()
            };
            assert_eq!(*got.data(), resource());
        }
        assert_eq!(fetches(&sandbox), before + 1);
        order(&client).await.unwrap();
        assert_eq!(fetches(&sandbox), before + 1);
    }
}

#[tokio::test]
async fn an_unknown_serial_is_looked_up_and_a_flood_of_them_is_one_fetch() {
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    order(&client).await.unwrap();
    pass(MINUTE).await;
    let now = SystemTime::now();
    let new = sandbox.add_certificate(now - DAY, now + 100 * DAY);
    let sent = paid(&sandbox).signed_by(new.serial()).build();
    let headers = sent.headers();
    client.notification(&headers, sent.body()).await.unwrap();
    assert_eq!(fetches(&sandbox), 2);
    pass(MINUTE).await;
    let flood: Vec<_> = (0..32)
        .map(|number| {
            let serial = format!("AB{number:02}");
            let sent = paid(&sandbox).signed_by(serial).build();
            let headers = sent.headers();
            client.notification(&headers, sent.body()).into_future()
        })
        .collect();
    for (number, result) in join_all(flood).await.into_iter().enumerate() {
        let error = result.unwrap_err();
        assert!(matches!(check(&error), Check::Serial { .. }));
        let serial = format!("AB{number:02}");
        assert_says(
            &error,
            &[&serial, new.serial(), "add this platform certificate"],
        );
    }
    assert_eq!(fetches(&sandbox), 3);
    client.notification(&headers, sent.body()).await.unwrap();
}

#[tokio::test]
async fn a_fetch_that_fails_leaves_the_serial_unknown_and_says_why() {
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    sandbox.misbehave(Misbehaviour::status(500, "SYSTEM_ERROR", "系统错误"));
    let sent = paid(&sandbox).build();
    let headers = sent.headers();
    let error = client.notification(&headers, sent.body()).await;
    let error = error.unwrap_err();
    assert!(matches!(check(&error), Check::Serial { .. }));
    assert_says(&error, &["could not be fetched again", "SYSTEM_ERROR"]);
}

#[tokio::test]
async fn with_configured_certificates_nothing_is_fetched() {
    let sandbox = signing_by_certificate();
    let certificate = &sandbox.certificates()[0];
    let client = configured(&sandbox, &[(certificate.serial(), certificate.pem())]);
    let sent = paid(&sandbox).build();
    accepted(&client, &sent);
    let sent = paid(&sandbox).signed_by("AB01").build();
    let headers = sent.headers();
    let error = client.notification(&headers, sent.body()).await;
    let error = error.unwrap_err();
    let Check::Serial { unknown, known, .. } = check(&error) else {
        panic!("{error}");
    };
    assert_eq!(unknown, "AB01");
    assert_eq!(*known, [certificate.serial()]);
    assert_says(&error, &["AB01", ".cert(serial"]);
    assert!(sandbox.received().is_empty());
}

#[test]
fn serials_compare_without_regard_to_case_and_leading_zeros() {
    let sandbox = signing_by_certificate();
    let certificate = &sandbox.certificates()[0];
    let client = configured(&sandbox, &[(certificate.serial(), certificate.pem())]);
    let sent = paid(&sandbox).build();
    let serial = format!("00{}", certificate.serial().to_ascii_lowercase());
    let headers = with(&sent, "Wechatpay-Serial", &serial);
    client.notification(&headers, sent.body()).wait().unwrap();
}

#[test]
fn a_public_key_that_is_not_configured_means_that_the_merchant_is_being_moved() {
    let sandbox = signing_by_certificate();
    let certificate = sandbox.certificates()[0].clone();
    let certificate = (certificate.serial(), certificate.pem());
    let sent = paid(&sandbox).signed_by(MOVED).build();
    for client in [configured(&sandbox, &[certificate]), keeping(&sandbox)] {
        let error = refused(&client, &sent.headers(), sent.body());
        assert!(matches!(check(&error), Check::Serial { unknown, .. } if unknown == MOVED));
        assert_says(
            &error,
            &[
                MOVED,
                "being moved to the public key",
                ".cert(\"PUB_KEY_ID_",
            ],
        );
    }
    assert!(sandbox.received().is_empty());
    let public = (sandbox.platform_serial(), sandbox.platform_public_key());
    let client = configured(&sandbox, &[certificate, public]);
    for serial in [public.0, certificate.0] {
        accepted(&client, &paid(&sandbox).signed_by(serial).build());
    }
    // A second public key is another matter.
    let error = refused(&client, &sent.headers(), sent.body());
    assert_says(&error, &[MOVED, "compare the ID of the public key"]);
    assert!(!error.to_string().contains("being moved"), "{error}");
}

#[test]
fn without_the_apiv3_key_the_setting_is_named() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let builder = sandbox.client_builder();
    let builder = builder.cert(sandbox.platform_serial(), sandbox.platform_public_key());
    let client = builder.build().unwrap();
    let sent = paid(&sandbox).build();
    let error = refused(&client, &sent.headers(), sent.body());
    assert!(matches!(error, Error::Config(_)));
    assert_says(&error, &["apiv3_key", "32 bytes", "decrypts notifications"]);
}

#[test]
fn one_address_serves_many_merchants() {
    let sandboxes = [(); 3].map(|()| signing_by_certificate());
    let clients = sandboxes.each_ref().map(|sandbox| {
        let certificate = &sandbox.certificates()[0];
        configured(sandbox, &[(certificate.serial(), certificate.pem())])
    });
    for (owner, sandbox) in sandboxes.iter().enumerate() {
        let sent = paid(sandbox).build();
        let headers = sent.headers();
        let found = clients.iter().position(|client| {
            match client.notification(&headers, sent.body()).wait() {
                Ok(notification) => *notification.data() == resource(),
                Err(error) => {
                    assert!(matches!(check(&error), Check::Serial { .. }));
                    false
                }
            }
        });
        assert_eq!(found, Some(owner));
    }
}

#[test]
fn the_answers_to_send_back_are_what_wechat_pay_reads() {
    let body = |(_, body): (u16, String)| serde_json::from_str::<Value>(&body).unwrap();
    assert_eq!(Notification::success().0, 200);
    assert_eq!(body(Notification::success()), json!({ "code": "SUCCESS" }));
    let message = "库存\"不足\"\n";
    assert_eq!(Notification::failure(message).0, 500);
    let failure = body(Notification::failure(message));
    assert_eq!(failure, json!({ "code": "FAIL", "message": message }));
}

#[test]
fn nothing_of_the_content_is_shown_by_debug() {
    let (sandbox, client) = started();
    let sent = paid(&sandbox).build();
    let headers = sent.headers();
    let incoming = client.notification(&headers, sent.body());
    let shown = format!("{incoming:?}");
    assert!(shown.contains(&sent.body().len().to_string()), "{shown}");
    assert!(!shown.contains(&value(&headers, "Wechatpay-Signature")));
    let got = incoming.wait().unwrap();
    let shown = format!("{got:?} {got:#?}");
    assert!(shown.contains(got.id()), "{shown}");
    assert!(!shown.contains(TRADE) && !shown.contains(OPENID), "{shown}");
}

#[test]
fn what_was_refused_can_be_looked_at() {
    let (sandbox, client) = started();
    let sent = paid(&sandbox).probe().build();
    let headers = sent.headers();
    let error = refused(&client, &headers, sent.body());
    let Error::Verify(error) = error else {
        panic!("{error}");
    };
    assert_eq!(error.response().body(), sent.body());
    let request_id = value(&headers, "Request-ID");
    assert_eq!(error.response().headers()["request-id"], *request_id);
    assert!(error.to_string().contains(&request_id), "{error}");
}
