//! Sensitive fields: encrypted on the way up with the key that is announced, decrypted on the way
//! down, and never shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use wechatpay_chain::rsa::{PrivateKey, PublicKey};
use wechatpay_chain::{Client, Error, Media, Request};
use wechatpay_sandbox::{PlatformCertificate, Received, Sandbox};

use crate::support::{
    MERCHANT_KEY, PLATFORM_KEY, PLATFORM_SERIAL, assert_says, fetches, header, keeping, offline,
    paths, signing_by_certificate,
};

const NAME: &str = "张三丰";
const CARD: &str = "6222600260001072444";
const RECEIVERS: &str = "v3/profitsharing/receivers/add";
const BANKS: &str = "v3/capital/capitallhh/banks/search-banks-by-bank-account";

/// A sandbox that answers whatever it is asked, signed by its first certificate.
fn willing() -> Sandbox {
    let sandbox = signing_by_certificate();
    for method in ["GET", "POST"] {
        for path in [
            "/v3/m*",
            "/v3/p*",
            "/v3/capital/*",
            "/v3/e*",
            "/v3/f*",
            "/global/*",
        ] {
            sandbox.answer(method, path, 200, json!({}));
        }
        sandbox.answer(method, "/v3/global/customs/*", 200, json!({}));
    }
    sandbox
}

fn with_certificates(sandbox: &Sandbox, certificates: &[&PlatformCertificate]) -> Client {
    let builder = sandbox.client_builder();
    let builder = certificates.iter().fold(builder, |builder, certificate| {
        builder.platform_certificate(certificate.pem())
    });
    builder.build().unwrap()
}

/// A client with the public key, and the certificate that signs.
fn with_public_key(sandbox: &Sandbox) -> Client {
    let certificate = &sandbox.certificates()[0];
    let builder = sandbox.client_builder();
    let builder = builder.platform_certificate(certificate.pem());
    let builder = builder.cert(sandbox.platform_serial(), sandbox.platform_public_key());
    builder.build().unwrap()
}

fn receiver(name: impl Into<Value>) -> Value {
    json!({
        "appid": "wx8888888888888888", "type": "MERCHANT_ID", "account": "1900000110",
        "name": name.into(), "relation_type": "SERVICE_PROVIDER",
    })
}

fn add(client: &Client) -> Request {
    client.chain(RECEIVERS).post(receiver(NAME))
}

/// What the sandbox got last, and that it was for the certificates of nobody.
fn last(sandbox: &Sandbox) -> Received {
    sandbox.received().pop().unwrap()
}

fn announced(request: &Received) -> String {
    let serial = request.header("wechatpay-serial");
    serial.unwrap_or_default().to_owned()
}

fn json_of(request: &Received) -> Value {
    serde_json::from_slice(request.body()).unwrap()
}

/// What the key that was announced makes of a field.
fn opened(sandbox: &Sandbox, request: &Received, pointer: &str) -> Option<String> {
    let body = json_of(request);
    let ciphertext = body.pointer(pointer).and_then(Value::as_str);
    sandbox.decrypt(announced(request), ciphertext.unwrap())
}

fn query_of(request: &Received) -> Vec<(String, String)> {
    let (_, query) = request.target().split_once('?').unwrap();
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.into_owned().collect()
}

/// The error of a request that is not sent and shows nothing.
#[track_caller]
fn unsent(sandbox: &Sandbox, request: Request, says: &[&str]) {
    let shown = format!("{request:?}");
    assert!(!shown.contains(NAME) && !shown.contains(CARD), "{shown}");
    let before = sandbox.received().len();
    let error = request.wait().unwrap_err();
    assert!(matches!(error, Error::Request(_)), "{error}");
    assert!(!error.may_have_been_sent(), "{error}");
    assert_says(&error, says);
    let shown = format!("{error} {error:?} {error:#?}");
    assert!(!shown.contains(NAME) && !shown.contains(CARD), "{shown}");
    assert_eq!(sandbox.received().len(), before);
}

#[tokio::test]
async fn a_named_field_is_encrypted_with_the_key_that_is_announced() {
    let sandbox = willing();
    let certificate = &sandbox.certificates()[0];
    let client = with_certificates(&sandbox, &[certificate]);
    add(&client).sensitive(["/name"]).await.unwrap();
    let awaited = last(&sandbox);
    add(&client).sensitive(["/name"]).wait().unwrap();
    let waited = last(&sandbox);
    assert_ne!(awaited.body(), waited.body());
    for request in [awaited, waited] {
        assert!(request.authenticated());
        assert_eq!(announced(&request), certificate.serial());
        assert_eq!(opened(&sandbox, &request, "/name").unwrap(), NAME);
        let mut body = json_of(&request);
        body["name"] = json!(NAME);
        assert_eq!(body, receiver(NAME));
    }
}

#[test]
fn a_star_is_each_element_of_a_list() {
    let sandbox = willing();
    let client = with_public_key(&sandbox);
    let body = json!({
        "payer": { "name": NAME },
        "payees": [{ "name": "甲", "id": 1 }, { "name": "", "id": 2 }, { "id": 3 }],
        "deep": [{ "list": [{ "card": CARD }, { "card": CARD }] }, { "list": [] }],
        "a/b": NAME,
    });
    let request = client.chain("v3/pay/anything").post(body);
    let request = request.sensitive(["/payer/name", "/payees/*/name"]);
    let request = request.sensitive(["/deep/*/list/*/card".to_owned()]);
    request.sensitive(["/a~1b"]).wait().unwrap();
    let got = last(&sandbox);
    for (pointer, text) in [
        ("/payer/name", NAME),
        ("/payees/0/name", "甲"),
        ("/deep/0/list/0/card", CARD),
        ("/deep/0/list/1/card", CARD),
        ("/a~1b", NAME),
    ] {
        assert_eq!(opened(&sandbox, &got, pointer).unwrap(), text, "{pointer}");
    }
    let body = json_of(&got);
    assert_eq!(body["payees"][1], json!({ "name": "", "id": 2 }));
    assert_eq!(body["payees"][2], json!({ "id": 3 }));
    assert_ne!(
        body.pointer("/deep/0/list/0/card"),
        body.pointer("/deep/0/list/1/card")
    );
}

#[test]
fn values_of_the_query_are_encrypted_in_their_places() {
    let sandbox = willing();
    let client = with_public_key(&sandbox);
    let search = client.chain(BANKS).get();
    let search = search.query([("a", "1 +"), ("account_number", CARD), ("b", "2")]);
    search.sensitive_query(["account_number"]).wait().unwrap();
    let got = last(&sandbox);
    assert!(got.authenticated());
    let query = query_of(&got);
    let [a, card, b] = query.as_slice() else {
        panic!("{query:?}");
    };
    assert_eq!((a.1.as_str(), b.1.as_str()), ("1 +", "2"));
    assert_eq!(card.0, "account_number");
    let card = sandbox.decrypt(announced(&got), &card.1);
    assert_eq!(card.unwrap(), CARD);
    assert!(!got.target().contains(CARD));
    // In the query of the path, too.
    let search = client.chain(format!("{BANKS}?account_number={CARD}"));
    search
        .get()
        .sensitive_query(["account_number"])
        .wait()
        .unwrap();
    let got = last(&sandbox);
    let card = query_of(&got)[0].1.clone();
    assert_eq!(sandbox.decrypt(announced(&got), card).unwrap(), CARD);
}

#[test]
fn what_the_catalogue_knows_is_encrypted_by_one_word() {
    let sandbox = willing();
    let client = with_public_key(&sandbox);
    let list = json!([{ "user_name": NAME }, { "user_name": null }, { "openid": "o1" }]);
    let batch = json!({ "total_num": 3, "transfer_detail_list": list });
    let batches = client
        .chain("v3/partner-transfer/batches")
        .post(batch.clone());
    batches.sensitive_known().wait().unwrap();
    let got = last(&sandbox);
    let pointer = "/transfer_detail_list/0/user_name";
    assert_eq!(opened(&sandbox, &got, pointer).unwrap(), NAME);
    let mut body = json_of(&got);
    *body.pointer_mut(pointer).unwrap() = json!(NAME);
    assert_eq!(body, batch);

    let search = client.chain(BANKS).get();
    let search = search.query([("account_number", CARD)]);
    search.sensitive_known().wait().unwrap();
    let got = last(&sandbox);
    let card = query_of(&got)[0].1.clone();
    assert_eq!(sandbox.decrypt(announced(&got), card).unwrap(), CARD);

    // What the caller names comes on top, and nothing is encrypted twice.
    let request = add(&client).sensitive(["/name", "/account"]);
    request.sensitive_known().wait().unwrap();
    let got = last(&sandbox);
    assert_eq!(opened(&sandbox, &got, "/name").unwrap(), NAME);
    assert_eq!(opened(&sandbox, &got, "/account").unwrap(), "1900000110");
}

#[test]
fn known_fields_that_are_absent_are_none_and_the_serial_is_announced_all_the_same() {
    let sandbox = willing();
    let certificate = &sandbox.certificates()[0];
    let client = with_certificates(&sandbox, &[certificate]);
    let body = json!({ "appid": "wx8888888888888888", "name": null });
    let request = client.chain(RECEIVERS).post(body.clone());
    request.sensitive_known().wait().unwrap();
    assert_eq!(json_of(&last(&sandbox)), body);
    assert_eq!(announced(&last(&sandbox)), certificate.serial());
}

#[test]
fn an_endpoint_without_known_fields_is_refused() {
    let sandbox = willing();
    let client = with_public_key(&sandbox);
    for path in [
        "v3/marketing/busifavor/product-coupons/send",
        "v3/pay/of/ones/own",
    ] {
        let request = client.chain(path).post(receiver(NAME)).sensitive_known();
        unsent(
            &sandbox,
            request,
            &["knows no sensitive field", ".sensitive([", path],
        );
    }
}

#[test]
fn both_customs_want_the_older_padding() {
    let sandbox = willing();
    let client = with_public_key(&sandbox);
    for path in [
        "v3/global/customs/verify-certificate",
        "global/v3/customs/verify-certificate",
    ] {
        let body = json!({ "certificate_id": CARD, "certificate_name": NAME, "appid": "wx1" });
        let known = client.chain(path).post(body.clone()).sensitive_known();
        let named = client.chain(path).post(body);
        let named = named.sensitive(["/certificate_id", "/certificate_name"]);
        for request in [known, named] {
            request.wait().unwrap();
            let got = last(&sandbox);
            let body = json_of(&got);
            assert_eq!(body["appid"], "wx1");
            for (field, text) in [("certificate_id", CARD), ("certificate_name", NAME)] {
                let ciphertext = body[field].as_str().unwrap();
                let open = sandbox.decrypt_pkcs1(announced(&got), ciphertext);
                assert_eq!(open.unwrap(), text, "{path} {field}");
                assert_eq!(sandbox.decrypt(announced(&got), ciphertext), None);
            }
        }
    }
    add(&client).sensitive_known().wait().unwrap();
    let got = last(&sandbox);
    let body = json_of(&got);
    let ciphertext = body["name"].as_str().unwrap();
    assert_ne!(
        sandbox
            .decrypt_pkcs1(announced(&got), ciphertext)
            .as_deref(),
        Some(NAME)
    );
}

#[test]
fn the_public_key_encrypts_before_any_certificate() {
    let sandbox = willing();
    add(&with_public_key(&sandbox))
        .sensitive_known()
        .wait()
        .unwrap();
    let got = last(&sandbox);
    assert_eq!(announced(&got), sandbox.platform_serial());
    assert_eq!(opened(&sandbox, &got, "/name").unwrap(), NAME);
}

#[tokio::test]
async fn of_several_certificates_the_one_that_expires_last_encrypts() {
    let sandbox = willing();
    let certificates = sandbox.certificates();
    let (first, second) = (&certificates[0], &certificates[1]);
    assert!(first.not_after() < second.not_after());
    for client in [
        with_certificates(&sandbox, &[first, second]),
        with_certificates(&sandbox, &[second, first]),
        keeping(&sandbox),
    ] {
        add(&client).sensitive_known().await.unwrap();
        let got = last(&sandbox);
        assert_eq!(announced(&got), second.serial());
        assert_eq!(opened(&sandbox, &got, "/name").unwrap(), NAME);
    }
    assert_eq!(fetches(&sandbox), 1);
}

#[test]
fn the_callers_serial_chooses_the_key() {
    let sandbox = willing();
    let certificates = sandbox.certificates();
    let (first, second) = (&certificates[0], &certificates[1]);
    let client = with_certificates(&sandbox, &[first, second]);
    for certificate in [first, second] {
        for serial in [
            certificate.serial().to_owned(),
            certificate.serial().to_ascii_lowercase(),
        ] {
            let request = add(&client).sensitive_known();
            let request = request.header("wechatpay-serial", &serial);
            request.wait().unwrap();
            let got = last(&sandbox);
            assert_eq!(announced(&got), serial);
            assert_eq!(got.headers().get_all("wechatpay-serial").iter().count(), 1);
            assert_eq!(opened(&sandbox, &got, "/name").unwrap(), NAME);
        }
    }
    let request = add(&client).sensitive_known();
    let request = request.header("Wechatpay-Serial", "AB01");
    unsent(
        &sandbox,
        request,
        &["Wechatpay-Serial", "AB01", first.serial(), second.serial()],
    );
}

#[test]
fn without_a_platform_key_nothing_is_sent() {
    let sandbox = willing();
    sandbox.public_key_only(true);
    let error = add(&keeping(&sandbox)).sensitive_known().wait();
    let error = error.unwrap_err();
    assert!(!error.may_have_been_sent(), "{error}");
    assert_says(&error, &["public key"]);
    assert_eq!(paths(&sandbox), ["/v3/certificates"]);
}

/// Case sensitive-01.
#[test]
fn what_the_caller_encrypted_is_announced_by_the_only_certificate() {
    let sandbox = willing();
    let certificates = sandbox.certificates();
    let (first, second) = (&certificates[0], &certificates[1]);
    let sealed = PublicKey::from_certificate(first.pem()).unwrap();
    let sealed = sealed.encrypt(NAME).unwrap();
    let body = receiver(sealed.as_str());
    let one = with_certificates(&sandbox, &[first]);
    one.chain(RECEIVERS).post(body.clone()).wait().unwrap();
    assert_eq!(announced(&last(&sandbox)), first.serial());
    assert_eq!(opened(&sandbox, &last(&sandbox), "/name").unwrap(), NAME);
    // A text that is JSON already, and a query.
    one.chain(RECEIVERS).post(body.to_string()).wait().unwrap();
    assert_eq!(announced(&last(&sandbox)), first.serial());
    let search = one.chain(BANKS).get().query([("account_number", &sealed)]);
    search.wait().unwrap();
    assert_eq!(announced(&last(&sandbox)), first.serial());

    let several = with_certificates(&sandbox, &[first, second]);
    let which = [
        "several platform keys",
        first.serial(),
        second.serial(),
        ".header(\"Wechatpay-Serial\"",
    ];
    unsent(
        &sandbox,
        several.chain(RECEIVERS).post(body.clone()),
        &which,
    );
    let search = several.chain(BANKS).get();
    let search = search.query([("account_number", &sealed)]);
    unsent(&sandbox, search, &which);
    let request = several.chain(RECEIVERS).post(body.clone());
    let request = request.header("Wechatpay-Serial", first.serial());
    request.wait().unwrap();
    assert_eq!(announced(&last(&sandbox)), first.serial());

    let public = with_public_key(&sandbox);
    public.chain(RECEIVERS).post(body.clone()).wait().unwrap();
    assert_eq!(announced(&last(&sandbox)), sandbox.platform_serial());
    let fetching = keeping(&sandbox);
    crate::support::order(&fetching).wait().unwrap();
    unsent(&sandbox, fetching.chain(RECEIVERS).post(body), &which);
}

#[test]
fn with_certificates_alone_no_serial_is_announced_where_nothing_is_encrypted() {
    let sandbox = willing();
    let certificates = sandbox.certificates();
    let one = with_certificates(&sandbox, &[&certificates[0]]);
    let two = with_certificates(&sandbox, &[&certificates[0], &certificates[1]]);
    let sealed = PublicKey::from_certificate(certificates[0].pem()).unwrap();
    let sealed = sealed.encrypt(NAME).unwrap();
    for client in [one, two] {
        add(&client).wait().unwrap();
        assert_eq!(announced(&last(&sandbox)), "");
        // By its look a ciphertext, and no field that the catalogue calls sensitive.
        let request = client.chain(RECEIVERS).post(json!({ "account": sealed }));
        request.wait().unwrap();
        assert_eq!(announced(&last(&sandbox)), "");
    }
    add(&with_public_key(&sandbox)).wait().unwrap();
    assert_eq!(announced(&last(&sandbox)), sandbox.platform_serial());
}

#[test]
fn what_can_not_be_encrypted_is_refused_before_sending_and_not_shown() {
    let sandbox = willing();
    let client = with_public_key(&sandbox);
    let key = PublicKey::from_certificate(sandbox.certificates()[0].pem()).unwrap();
    let sealed = key.encrypt(NAME).unwrap();
    let long = NAME.repeat(24);
    assert_eq!(long.len(), 216);
    let body = json!({
        "name": NAME, "long": long, "sealed": sealed, "age": 62, "none": null, "yes": true,
        "list": [{ "name": NAME }, { "name": 5 }], "empty": [],
    });
    for (pointer, says) in [
        ("/nickname", ["sensitive: /nickname", "matches nothing"]),
        (
            "/empty/*/name",
            ["sensitive: /empty/*/name", "matches nothing"],
        ),
        ("/long", ["216 bytes", "214 bytes"]),
        ("/sealed", ["/sealed", "looks encrypted already"]),
        ("/age", ["/age", "a number, where a text is wanted"]),
        ("/none", ["/none", "null, where a text is wanted"]),
        ("/yes", ["/yes", "true or false, where a text is wanted"]),
        ("/list/*", ["/list/0", "an object, where a text is wanted"]),
        ("/list/*/name", ["/list/1/name", "a number"]),
        ("name", ["name", "does not begin with /"]),
        ("/~", ["/~", "neither ~0"]),
    ] {
        let request = client.chain(RECEIVERS).post(body.clone());
        let request = request.sensitive(["/name", pointer]);
        let says = [says[0], says[1], RECEIVERS];
        unsent(&sandbox, request, &says);
    }
    let request = client.chain(RECEIVERS).get().sensitive(["/name"]);
    unsent(&sandbox, request, &["there is no body"]);
    let search = client.chain(BANKS).get().query([("long", &long)]);
    unsent(
        &sandbox,
        search.sensitive_query(["account_number"]),
        &["account_number", "it is not there"],
    );
    let search = client.chain(BANKS).get().query([("long", &long)]);
    unsent(
        &sandbox,
        search.sensitive_query(["long"]),
        &["216 bytes", "214 bytes"],
    );
    let search = client.chain(BANKS).get().query([("x", &sealed)]);
    unsent(
        &sandbox,
        search.sensitive_query(["x"]),
        &["looks encrypted already"],
    );
    assert!(sandbox.received().is_empty());
}

#[test]
fn as_much_fits_as_the_key_has_room_for() {
    let sandbox = willing();
    let client = with_public_key(&sandbox);
    let text = format!("{}1", "张".repeat(71));
    assert_eq!(text.len(), 214);
    let request = client.chain(RECEIVERS).post(receiver(text.as_str()));
    request.sensitive_known().wait().unwrap();
    assert_eq!(opened(&sandbox, &last(&sandbox), "/name").unwrap(), text);
    let text = format!("{text}1");
    let request = client.chain(RECEIVERS).post(receiver(text.as_str()));
    unsent(
        &sandbox,
        request.sensitive_known(),
        &["/name", "215 bytes", "214 bytes"],
    );
    // The older padding leaves more.
    let path = "v3/global/customs/verify-certificate";
    let body = |length| json!({ "certificate_id": "1".repeat(length) });
    let request = client.chain(path).post(body(245)).sensitive_known();
    request.wait().unwrap();
    let request = client.chain(path).post(body(246)).sensitive_known();
    unsent(&sandbox, request, &["246 bytes", "245 bytes"]);
}

#[test]
fn a_body_that_is_text_is_left_alone() {
    let sandbox = willing();
    let client = with_public_key(&sandbox);
    let text = receiver(NAME).to_string();
    for request in [
        client
            .chain(RECEIVERS)
            .post(text.clone())
            .sensitive(["/name"]),
        client.chain(RECEIVERS).post(text.clone()).sensitive_known(),
        client
            .chain(RECEIVERS)
            .post(text.into_bytes())
            .sensitive(["/name"]),
    ] {
        unsent(
            &sandbox,
            request,
            &["the body is text already", "as a Value"],
        );
    }
}

#[test]
fn fields_inside_the_meta_of_an_upload_are_encrypted() {
    let client = offline();
    let meta = json!({
        "openid": "o1", "merchant_contact_information": { "consultation_phone_number": CARD },
    });
    let receipt = || Media::new("a.jpg", "x").meta(meta.clone());
    let path = "v3/marketing/shopping-receipt/shoppingreceipts";
    let known = client.chain(path).post(receipt()).sensitive_known();
    let pointer = "/merchant_contact_information/consultation_phone_number";
    let named = client.chain(path).post(receipt()).sensitive([pointer]);
    for request in [known, named] {
        let request = request.into_http().unwrap();
        assert_eq!(header(&request, "wechatpay-serial"), PLATFORM_SERIAL.trim());
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        assert!(!body.contains(CARD));
        let meta = body.lines().find(|line| line.starts_with('{')).unwrap();
        let mut got: Value = serde_json::from_str(meta).unwrap();
        let sealed = got.pointer(pointer).and_then(Value::as_str).unwrap();
        let key = PrivateKey::from_pem(PLATFORM_KEY).unwrap();
        assert_eq!(key.decrypt(sealed).unwrap(), CARD);
        *got.pointer_mut(pointer).unwrap() = json!(CARD);
        let openid = got.get("openid").cloned();
        assert_eq!(openid, Some(json!("o1")));
    }
}

#[test]
fn a_request_for_another_client_is_encrypted_too() {
    let request = add(&offline()).sensitive(["/name"]).into_http().unwrap();
    assert_eq!(header(&request, "wechatpay-serial"), PLATFORM_SERIAL.trim());
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    let key = PrivateKey::from_pem(PLATFORM_KEY).unwrap();
    assert_eq!(key.decrypt(body["name"].as_str().unwrap()).unwrap(), NAME);

    let sandbox = willing();
    let client = keeping(&sandbox);
    let error = add(&client).sensitive(["/name"]).into_http().unwrap_err();
    assert_says(&error, &["no platform key is known yet", ".sign()"]);
    assert!(sandbox.received().is_empty());
    let (request, _) = add(&client).sensitive(["/name"]).sign().wait().unwrap();
    assert_eq!(paths(&sandbox), ["/v3/certificates"]);
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    let serial = header(&request, "wechatpay-serial");
    let name = sandbox.decrypt(serial, body["name"].as_str().unwrap());
    assert_eq!(name.unwrap(), NAME);
}

#[test]
fn fields_of_an_answer_are_decrypted_in_a_copy() {
    let sandbox = willing();
    let client = with_public_key(&sandbox);
    let sealed = |text: &str| sandbox.encrypt_for_merchant(text).unwrap();
    let answer = json!({
        "payer": { "name": sealed(NAME) }, "cards": [{ "no": sealed(CARD) }, { "no": sealed("2") }],
        "empty": "", "state": "SUCCESS",
    });
    sandbox.answer("GET", "/v3/pay/x", 200, answer.clone());
    let response = client.chain("v3/pay/x").get().wait().unwrap();
    let open = response.decrypt(["/payer/name", "/cards/*/no", "/empty"]);
    let open = open.unwrap();
    let expected = json!({
        "payer": { "name": NAME }, "cards": [{ "no": CARD }, { "no": "2" }],
        "empty": "", "state": "SUCCESS",
    });
    assert_eq!(open, expected);
    assert_eq!(response.data().unwrap(), answer);
    assert!(!format!("{response:?}").contains(NAME));
}

#[test]
fn what_the_catalogue_knows_of_an_answer_is_decrypted_by_one_word() {
    let sandbox = willing();
    let client = with_public_key(&sandbox);
    let path = "v3/fund-app/mch-transfer/transfer-bills/out-bill-no/plfk2020042013";
    let bill = |user_name| json!({ "out_bill_no": "plfk2020042013", "user_name": user_name });
    let sealed = sandbox.encrypt_for_merchant(NAME).unwrap();
    for (given, expected) in [
        (json!(sealed), json!(NAME)),
        (json!(null), json!(null)),
        (json!(""), json!("")),
    ] {
        sandbox.answer("GET", format!("/{path}"), 200, bill(given));
        let response = client.chain(path).get().wait().unwrap();
        assert_eq!(response.decrypt_known().unwrap(), bill(expected));
    }
    let absent = json!({ "out_bill_no": "plfk2020042013" });
    sandbox.answer("GET", format!("/{path}"), 200, absent.clone());
    let response = client.chain(path).get().wait().unwrap();
    assert_eq!(response.decrypt_known().unwrap(), absent);
    let response = client.chain("v3/pay/x").get().wait().unwrap();
    let error = response.decrypt_known().unwrap_err();
    assert!(matches!(error, Error::Decode(_)));
    assert_says(&error, &["knows no sensitive field", ".decrypt(["]);
}

/// Case sensitive-05.
#[test]
fn a_field_that_can_not_be_decrypted_is_named_and_explained_but_not_shown() {
    let sandbox = willing();
    let client = with_public_key(&sandbox);
    let platform = PublicKey::from_pem(sandbox.platform_public_key()).unwrap();
    let for_platform = platform.encrypt(NAME).unwrap();
    let older = PublicKey::from_pem(crate::support::MERCHANT_PUBLIC).unwrap();
    let older = older.encrypt_pkcs1v15(NAME).unwrap();
    let zeros = format!("{}==", "A".repeat(342));
    let answer = json!({
        "platform": for_platform, "older": older, "zeros": zeros,
        "plain": NAME, "short": "c2hvcnQ=", "age": 5, "list": [],
    });
    sandbox.answer("GET", "/v3/pay/x", 200, answer);
    let response = client.chain("v3/pay/x").get().wait().unwrap();
    let refused = |pointer: &str| {
        let error = response.decrypt([pointer]).unwrap_err();
        assert!(matches!(error, Error::Decode(_)), "{error}");
        assert_says(&error, &[pointer]);
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains(NAME) && !shown.contains("c2hvcnQ"),
            "{shown}"
        );
        assert!(!shown.contains(&for_platform), "{shown}");
        error.to_string().replace(pointer, "…")
    };
    let wrong = refused("/platform");
    assert!(wrong.contains("not made for the merchant key"), "{wrong}");
    assert!(wrong.contains("encrypted for the platform"), "{wrong}");
    // What fails inside must not be told apart.
    assert_eq!(refused("/older"), wrong);
    assert_eq!(refused("/zeros"), wrong);
    for pointer in ["/plain", "/short"] {
        let plain = refused(pointer);
        assert!(plain.contains("not a ciphertext"), "{plain}");
    }
    assert!(refused("/age").contains("a number"));
    assert!(refused("/nothing").contains("matches nothing"));
    assert!(refused("/list/*").contains("matches nothing"));
    let merchant = PrivateKey::from_pem(MERCHANT_KEY).unwrap();
    let error = merchant.decrypt(&for_platform).unwrap_err();
    assert_says(
        &error,
        &[
            "not made for",
            "encrypted for the platform",
            "for the merchant",
        ],
    );
}

/// The key that encrypts is the one that is announced, whatever is replaced meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_keys_rotate_each_request_announces_the_key_that_encrypted_it() {
    const TASKS: usize = 32;
    const ROUNDS: usize = 4;
    let sandbox = Arc::new(willing());
    let certificates = sandbox.certificates();
    let old = (certificates[0].serial(), certificates[0].pem());
    let new = (certificates[1].serial(), certificates[1].pem());
    let client = with_certificates(&sandbox, &[&certificates[0]]);
    add(&client).sensitive_known().await.unwrap();
    client.replace_platform_keys([old, new]).unwrap();
    add(&client).sensitive_known().await.unwrap();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let client = client.clone();
            let certificates = certificates.clone();
            tokio::spawn(async move {
                let both = certificates.iter().map(|it| (it.serial(), it.pem()));
                let both: Vec<_> = both.collect();
                for round in 0..ROUNDS {
                    // The first one signs, so it is always there; the other encrypts if it is.
                    let known = 1 + (task + round) % 2;
                    let keys = both.iter().take(known).copied();
                    client.replace_platform_keys(keys).unwrap();
                    add(&client).sensitive_known().await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let received = sandbox.received();
    assert_eq!(received.len(), 2 + TASKS * ROUNDS);
    let mut serials = BTreeSet::new();
    for request in &received {
        assert_eq!(opened(&sandbox, request, "/name").unwrap(), NAME);
        serials.insert(announced(request));
    }
    let expected = BTreeSet::from([old.0.to_owned(), new.0.to_owned()]);
    assert_eq!(serials, expected);
}
