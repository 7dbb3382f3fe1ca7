//! The three ways to a client, one set of checks, and what each message says.

use std::env;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wechatpay_chain::rsa::{PrivateKey, PublicKey};
use wechatpay_chain::{Client, ClientBuilder, Error, Request, pem};
use wechatpay_sandbox::{Misbehaviour, Sandbox};

use crate::support::{
    APIV3_KEY, MCHID, MERCHANT_CERTIFICATE, MERCHANT_KEY, MERCHANT_PUBLIC, MERCHANT_SERIAL,
    PLATFORM_CERTIFICATE, PLATFORM_KEY, PLATFORM_PUBLIC, PLATFORM_SERIAL, PUBLIC_KEY_ID, SECRET,
    assert_hides, assert_says, builder, header, key_file, sandbox_builder,
};

const PKCS1_KEY: &str = include_str!("../vectors/keys/merchant.pkcs1.key");
const PKCS1_PUBLIC: &str = include_str!("../vectors/keys/merchant.pkcs1.pub");
const ENCRYPTED_KEY: &str = include_str!("../vectors/keys/merchant.encrypted.key");
const EC_KEY: &str = include_str!("../vectors/keys/ec.key");
const EC_SEC1_KEY: &str = include_str!("../vectors/keys/ec.sec1.key");
const EC_PUBLIC: &str = include_str!("../vectors/keys/ec.pub");
const SMALL_KEY: &str = include_str!("../vectors/keys/small.key");
const SMALL_PUBLIC: &str = include_str!("../vectors/keys/small.pub");

/// The error of a builder that must be refused for this setting.
#[track_caller]
fn refused(builder: ClientBuilder, setting: &str) -> Error {
    let error = builder.build().unwrap_err();
    match &error {
        Error::Config(config) => {
            assert_eq!(config.setting(), setting, "{error}");
            assert!(!config.given().is_empty() && !config.wanted().is_empty());
        }
        _ => panic!("another error: {error}"),
    }
    assert!(!error.may_have_been_sent());
    assert_hides(&error, MERCHANT_KEY);
    error
}

/// What `Authorization` says of a client's merchant.
fn authorization(client: &Client) -> String {
    let sent = client.chain("v3/x").get().into_http().unwrap();
    header(&sent, "authorization")
}

/// A key's body on one line, without its armour.
fn bare(pem: &str) -> String {
    pem.lines()
        .filter(|line| !line.starts_with("-----"))
        .collect()
}

fn der(pem: &str) -> Vec<u8> {
    STANDARD.decode(bare(pem)).unwrap()
}

#[test]
fn a_merchant_number_is_digits_with_white_space_around_at_most() {
    for mchid in [" 1900000109 ", "1900000109\n", "\t1900000109", "1"] {
        let client = builder().mchid(mchid).build().unwrap();
        let expected = format!("mchid=\"{}\"", mchid.trim());
        assert!(authorization(&client).contains(&expected));
    }
    let long = "1".repeat(33);
    for mchid in [
        "",
        " ",
        "19000a",
        "1900 0109",
        "-1",
        "1.0",
        "１９０",
        "1900\r\n0109",
        "\0",
        &long,
    ] {
        let error = refused(builder().mchid(mchid), "mchid");
        assert_says(&error, &["mchid", "digits"]);
    }
    assert_says(&refused(builder().mchid("19\n00"), "mchid"), &["19\\n00"]);
    let nothing = Client::builder().secret(SECRET);
    assert_says(&refused(nothing, "mchid"), &["nothing was given"]);
}

#[test]
fn white_space_and_the_prefix_of_openssl_around_a_serial_carry_no_meaning() {
    for serial in [
        format!("{MERCHANT_SERIAL}\n"),
        format!("serial={MERCHANT_SERIAL}\r\n"),
        format!(" Serial={MERCHANT_SERIAL}"),
        format!("serial= {MERCHANT_SERIAL}"),
    ] {
        let client = builder().serial(&serial).build().unwrap();
        let authorization = authorization(&client);
        assert!(
            authorization.contains(&format!("serial_no=\"{MERCHANT_SERIAL}\"")),
            "{authorization}"
        );
        let platform = format!("serial={PLATFORM_SERIAL}\n");
        builder()
            .cert(platform, PLATFORM_CERTIFICATE)
            .build()
            .unwrap();
    }
    for serial in [
        "", " ", "serial=", "46 8E", "46:8E", "46\n8E", "46\"8E", "é", "\0",
    ] {
        assert_says(
            &refused(builder().serial(serial), "serial"),
            &["serial", "given", "hex"],
        );
        assert_says(
            &refused(builder().cert(serial, PLATFORM_PUBLIC), "certs"),
            &["certs", "hex"],
        );
    }
    assert_says(&refused(builder().serial("46\n8E"), "serial"), &["46\\n8E"]);
}

#[test]
fn each_missing_part_of_apiv3_is_named() {
    let merchant = || {
        Client::builder()
            .mchid(MCHID)
            .serial(MERCHANT_SERIAL)
            .private_key(MERCHANT_KEY)
    };
    let error = refused(merchant(), "certs");
    assert_says(&error, &["cert(serial, key)", "APIv3 key"]);
    let error = refused(
        Client::builder()
            .mchid(MCHID)
            .private_key(MERCHANT_KEY)
            .apiv3_key(APIV3_KEY),
        "serial",
    );
    assert_says(&error, &["merchant_certificate"]);
    let error = refused(
        Client::builder()
            .mchid(MCHID)
            .serial(MERCHANT_SERIAL)
            .apiv3_key(APIV3_KEY),
        "private_key",
    );
    assert_says(&error, &["apiclient_key.pem"]);
    let error = refused(
        Client::builder()
            .mchid(MCHID)
            .platform_certificate(PLATFORM_CERTIFICATE)
            .secret(SECRET),
        "serial",
    );
    assert_says(&error, &["nothing was given"]);
    merchant().apiv3_key(APIV3_KEY).build().unwrap();
}

#[test]
fn an_apiv3_key_that_will_be_needed_for_certificates_is_said_to_be_no_key_yet() {
    let client = Client::builder()
        .mchid(MCHID)
        .serial(MERCHANT_SERIAL)
        .private_key(MERCHANT_KEY)
        .apiv3_key(APIV3_KEY);
    let error = client
        .build()
        .unwrap()
        .chain("v3/x")
        .get()
        .wait()
        .unwrap_err();
    assert!(matches!(error, Error::Config(_)), "{error}");
    assert_says(
        &error,
        &["certs", "not in this version", "cert(serial, key)"],
    );
}

#[test]
fn an_apiv3_key_has_32_bytes() {
    for (key, fragments) in [
        (format!("{APIV3_KEY}\n"), ["33 bytes", "line break"]),
        (format!("{APIV3_KEY}\r\n"), ["34 bytes", "line break"]),
        (format!(" {APIV3_KEY}"), ["33 bytes", "white space"]),
        (APIV3_KEY[1..].to_owned(), ["31 bytes", "exactly 32"]),
        (format!("{}\n", &APIV3_KEY[1..]), ["32 bytes", "line break"]),
        ("密".repeat(32), ["96 bytes", "exactly 32"]),
        (String::new(), ["0 bytes", "exactly 32"]),
    ] {
        let error = refused(builder().apiv3_key(&key), "apiv3_key");
        assert_says(&error, &fragments);
        assert!(!error.to_string().contains("123456789abcdef"), "{error}");
    }
}

#[test]
fn a_client_may_be_for_apiv2_alone_and_says_what_an_apiv3_call_needs() {
    let client = Client::builder()
        .mchid(MCHID)
        .secret(SECRET)
        .build()
        .unwrap();
    let error = client.chain("v3/certificates").get().wait().unwrap_err();
    assert!(matches!(error, Error::Config(_)), "{error}");
    assert_says(&error, &["APIv3", "serial, private_key and cert"]);
    assert!(!error.may_have_been_sent());
    let error = builder()
        .build()
        .unwrap()
        .chain("v2/pay/orderquery")
        .get()
        .wait()
        .unwrap_err();
    assert!(matches!(error, Error::Config(_)), "{error}");
    assert_says(&error, &["APIv2", "secret"]);
    for secret in ["", "exposed_your_key_here_have_risks\n", " x"] {
        let error = refused(Client::builder().mchid(MCHID).secret(secret), "secret");
        assert!(!error.to_string().contains("exposed"), "{error}");
    }
}

#[test]
fn a_client_for_neither_half_is_refused() {
    assert_says(
        &refused(Client::builder().mchid(MCHID), "settings"),
        &["APIv3", "APIv2", "secret"],
    );
}

#[test]
fn the_merchants_own_certificate_is_no_platform_key() {
    for builder in [
        builder().cert(MERCHANT_SERIAL, PLATFORM_PUBLIC),
        builder().cert(MERCHANT_SERIAL.to_lowercase(), PLATFORM_PUBLIC),
        builder().cert(format!("00{MERCHANT_SERIAL}"), PLATFORM_PUBLIC),
        builder().cert(MERCHANT_SERIAL, MERCHANT_CERTIFICATE),
        builder().platform_certificate(MERCHANT_CERTIFICATE),
        builder().cert(PUBLIC_KEY_ID, MERCHANT_PUBLIC),
    ] {
        assert_says(
            &refused(builder, "certs"),
            &["merchant's own", "pub_key.pem"],
        );
    }
}

#[test]
fn a_certificate_stands_under_its_own_serial() {
    for serial in ["AB12", PUBLIC_KEY_ID, &format!("{PLATFORM_SERIAL}0")] {
        let error = refused(builder().cert(serial, PLATFORM_CERTIFICATE), "certs");
        assert_says(&error, &[serial, PLATFORM_SERIAL]);
    }
    builder()
        .cert(
            format!("00{}", PLATFORM_SERIAL.to_lowercase()),
            PLATFORM_CERTIFICATE,
        )
        .build()
        .unwrap();
    builder().cert("AB12", PLATFORM_PUBLIC).build().unwrap();
    let error = refused(
        builder().platform_certificate(PLATFORM_PUBLIC),
        "platform_certificate",
    );
    assert_says(&error, &["no serial number", "PUB_KEY_ID"]);
}

#[test]
fn a_private_key_that_is_not_the_merchant_certificates_is_refused() {
    let certificate = || {
        Client::builder()
            .mchid(MCHID)
            .merchant_certificate(MERCHANT_CERTIFICATE)
            .apiv3_key(APIV3_KEY)
    };
    let client = certificate().private_key(MERCHANT_KEY).build().unwrap();
    assert!(authorization(&client).contains(MERCHANT_SERIAL));
    let wrong = || certificate().private_key(PLATFORM_KEY);
    for builder in [
        wrong(),
        wrong().serial(MERCHANT_SERIAL),
        wrong().serial(MERCHANT_SERIAL.to_lowercase()),
    ] {
        assert_says(
            &refused(builder, "private_key"),
            &["does not belong", MERCHANT_SERIAL],
        );
    }
    let client = wrong().serial("AB12").build().unwrap();
    assert!(authorization(&client).contains("serial_no=\"AB12\""));
    let error = refused(
        certificate()
            .merchant_certificate(MERCHANT_PUBLIC)
            .private_key(MERCHANT_KEY),
        "merchant_certificate",
    );
    assert_says(&error, &["no serial number"]);
}

#[test]
fn the_pair_for_mutual_tls_belongs_together_and_to_the_private_key() {
    builder()
        .merchant(MERCHANT_CERTIFICATE, MERCHANT_KEY)
        .build()
        .unwrap();
    builder()
        .merchant(key_file("merchant.crt"), key_file("merchant.key"))
        .build()
        .unwrap();
    let v2 = || Client::builder().mchid(MCHID).secret(SECRET);
    v2().merchant(MERCHANT_CERTIFICATE, MERCHANT_KEY)
        .build()
        .unwrap();
    for builder in [
        builder().merchant(MERCHANT_CERTIFICATE, PLATFORM_KEY),
        v2().merchant(MERCHANT_CERTIFICATE, PLATFORM_KEY),
    ] {
        assert_says(&refused(builder, "merchant.key"), &["does not belong"]);
    }
    let error = refused(
        builder()
            .private_key(PLATFORM_KEY)
            .cert("AB12", PLATFORM_PUBLIC)
            .merchant(MERCHANT_CERTIFICATE, MERCHANT_KEY),
        "private_key",
    );
    assert_says(&error, &["does not belong"]);
    let error = v2().merchant("x.pem", MERCHANT_KEY).build().unwrap_err();
    assert_says(&error, &["merchant.cert", "looks like a path"]);
}

#[test]
fn a_base_address_is_absolute_and_bare() {
    for (base, fragment) in [
        ("", "no scheme"),
        ("api.mch.weixin.qq.com", "no scheme"),
        ("/v3", "no scheme"),
        ("//h/", "no scheme"),
        ("api.mch.weixin.qq.com:443/", "has"),
        ("ftp://h/", "has"),
        ("https://h/?token=SeCrEt", "a query"),
        ("https://h/?", "a query"),
        ("https://h/#SeCrEt", "a fragment"),
        ("https://u:SeCrEt@h/", "credentials"),
        ("https://SeCrEt@h/", "credentials"),
        ("https://u:SeCrEt?x@h/", "has"),
        ("https://u:SeCrEt#x@h/", "has"),
        ("https://h/a/../b", "rewritten"),
        ("https://h/%2e%2E/", "rewritten"),
        ("https://h\\a", "rewritten"),
        ("https://h/a b", "rewritten"),
        ("https://h/\u{1}", "rewritten"),
        ("https://", "no scheme"),
        ("https://h:99999/", "no scheme"),
    ] {
        let error = refused(builder().base_uri(base), "base_uri");
        assert_says(&error, &[fragment, "absolute https address"]);
        assert!(!format!("{error:?}").contains("SeCrEt"), "{error}");
    }
    let key = refused(builder().base_uri(MERCHANT_KEY), "base_uri");
    assert_hides(&key, MERCHANT_KEY);
    let client = builder().base_uri(" https://h/hk\n").build().unwrap();
    let sent = client.chain("v3/x").get().into_http().unwrap();
    assert_eq!(sent.uri(), "https://h/hk/v3/x");
}

#[test]
fn plain_http_is_for_loopback_and_for_the_one_host_that_was_named() {
    for base in [
        "http://127.0.0.1:8080",
        "http://127.9.9.9/",
        "http://localhost/",
        "http://[::1]:80/",
    ] {
        builder().base_uri(base).build().unwrap();
    }
    for base in [
        "http://api.mch.weixin.qq.com/",
        "http://sandbox/",
        "http://localhost.evil.example/",
        "http://10.0.0.1/",
        "http://0.0.0.0/",
    ] {
        assert_says(
            &refused(builder().base_uri(base), "base_uri"),
            &["plain http", "allow_plain_http"],
        );
    }
    let allowed = |base: &str| builder().allow_plain_http(" Sandbox ").base_uri(base);
    allowed("http://sandbox:8080/").build().unwrap();
    allowed("http://SANDBOX/").build().unwrap();
    for base in [
        "http://sandbox2/",
        "http://x.sandbox/",
        "http://api.mch.weixin.qq.com/",
    ] {
        refused(allowed(base), "base_uri");
    }
    for host in [
        "api.mch.weixin.qq.com",
        "API.MCH.WEIXIN.QQ.COM",
        "apihk.mch.weixin.qq.com.",
        "api2.wechatpay.cn",
        "payapp.weixin.qq.com",
    ] {
        assert_says(
            &refused(builder().allow_plain_http(host), "allow_plain_http"),
            &["https"],
        );
    }
    for host in ["", "http://sandbox", "sandbox:80", "u@sandbox", "a/b"] {
        refused(builder().allow_plain_http(host), "allow_plain_http");
    }
}

#[test]
fn the_sandboxs_published_keys_are_refused_for_real_hosts() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let real = "https://api.mch.weixin.qq.com/";
    for base in [real, "https://proxy.example/", "https://api2.wechatpay.cn/"] {
        let error = sandbox_builder(&sandbox)
            .base_uri(base)
            .build()
            .unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{error}");
        assert_says(&error, &["sandbox", "everyone has"]);
    }
    // Any one of them gives everything away.
    for (builder, setting) in [
        (
            builder().private_key(sandbox.merchant_private_key()),
            "private_key",
        ),
        (
            builder().cert(sandbox.platform_serial(), sandbox.platform_public_key()),
            "certs",
        ),
        (builder().apiv3_key(sandbox.apiv3_key()), "apiv3_key"),
        (builder().secret(sandbox.secret()), "secret"),
        (
            builder().merchant(
                sandbox.merchant_certificate(),
                sandbox.merchant_private_key(),
            ),
            "merchant.key",
        ),
        (
            Client::builder().mchid(MCHID).secret(sandbox.secret()),
            "secret",
        ),
    ] {
        let error = refused(builder, setting);
        assert_says(
            &error,
            &["sandbox", "everyone has", "api.mch.weixin.qq.com"],
        );
    }
    for base in ["https://127.0.0.1:1/", "http://localhost/"] {
        sandbox_builder(&sandbox).base_uri(base).build().unwrap();
    }
    let container = || sandbox_builder(&sandbox).allow_plain_http("sandbox");
    container()
        .base_uri("http://sandbox:8080/")
        .build()
        .unwrap();
    container().base_uri("https://sandbox/").build().unwrap();
    let client = sandbox.client();
    for request in [
        client.chain("v3/x").get().base_uri(real),
        client
            .chain("v3/x")
            .request("GET", json!({"base_uri": real})),
        client.url(format!("{real}v3/billdownload/file?token=x")),
    ] {
        let error = request.wait().unwrap_err();
        assert!(!error.may_have_been_sent());
        assert_says(&error, &["sandbox", "everyone has"]);
    }
    assert_eq!(sandbox.connections(), 0);
}

#[test]
fn keys_load_from_every_form_that_is_promised() {
    let file = key_file("merchant.key");
    let pem = MERCHANT_KEY.to_owned();
    let platform = key_file("platform.pub");
    let _ = [
        builder().private_key(MERCHANT_KEY),
        builder().private_key(PKCS1_KEY),
        builder().private_key(&pem),
        builder().private_key(pem.clone()),
        builder().private_key(pem.as_bytes()),
        builder().private_key(&file),
        builder().private_key(file.as_str()),
        builder().private_key(file.as_bytes()),
        builder().private_key(format!("{file}\n")),
        builder().private_key(PrivateKey::from_pem(&pem).unwrap()),
        builder().private_key(PrivateKey::from_file(file.trim_start_matches("file://")).unwrap()),
        builder().private_key(MERCHANT_KEY.replace('\n', "\r\n")),
        builder().private_key(MERCHANT_KEY.replace('\n', "\\n")),
        builder().private_key(MERCHANT_KEY.replace('\n', " ")),
        builder().private_key(format!("\u{feff}{MERCHANT_KEY}")),
        builder().cert(PUBLIC_KEY_ID, PLATFORM_PUBLIC),
        builder().cert(PUBLIC_KEY_ID, key_file("platform.pub")),
        builder().cert(PUBLIC_KEY_ID, &platform),
        builder().cert(PUBLIC_KEY_ID, PLATFORM_PUBLIC.as_bytes()),
        builder().cert(
            PUBLIC_KEY_ID.to_owned(),
            PublicKey::from_pem(PLATFORM_PUBLIC).unwrap(),
        ),
        builder().platform_certificate(key_file("platform.crt")),
        builder().merchant_certificate(MERCHANT_CERTIFICATE.as_bytes()),
    ]
    .map(|builder| builder.build().unwrap());
    assert_eq!(
        pem::serial_number(MERCHANT_CERTIFICATE).unwrap(),
        MERCHANT_SERIAL
    );
    assert_eq!(
        pem::serial_number(key_file("platform.crt")).unwrap(),
        PLATFORM_SERIAL
    );
    assert!(matches!(
        pem::serial_number(PLATFORM_PUBLIC),
        Err(Error::Key(_))
    ));
}

#[test]
fn a_private_key_of_another_form_is_an_error_that_says_what_was_seen() {
    let flattened = MERCHANT_KEY.replacen("PRIVATE KEY-----\n", "PRIVATE KEY\n", 1);
    for (given, key, fragments) in [
        (
            bare(MERCHANT_KEY),
            MERCHANT_KEY,
            &["bare base64", "BEGIN"][..],
        ),
        (bare(PKCS1_KEY), PKCS1_KEY, &["bare base64", "BEGIN"]),
        (bare(EC_KEY), EC_KEY, &["bare base64", "BEGIN"]),
        (
            format!("private.pkcs1://{}", bare(PKCS1_KEY)),
            PKCS1_KEY,
            &["private.pkcs1://", "not in this version"],
        ),
        (
            format!("private.pkcs8://{}", bare(MERCHANT_KEY)),
            MERCHANT_KEY,
            &["private.pkcs8://", "not in this version"],
        ),
        (
            format!("public.spki://{}", bare(MERCHANT_PUBLIC)),
            MERCHANT_PUBLIC,
            &["public.spki://", "not in this version"],
        ),
        (
            ENCRYPTED_KEY.to_owned(),
            ENCRYPTED_KEY,
            &["encrypted", "passphrase"],
        ),
        (EC_KEY.to_owned(), EC_KEY, &["another algorithm than RSA"]),
        (EC_SEC1_KEY.to_owned(), EC_SEC1_KEY, &["elliptic-curve"]),
        (SMALL_KEY.to_owned(), SMALL_KEY, &["fewer than 2048 bits"]),
        (
            MERCHANT_CERTIFICATE.to_owned(),
            MERCHANT_CERTIFICATE,
            &["a certificate"],
        ),
        (
            MERCHANT_PUBLIC.to_owned(),
            MERCHANT_PUBLIC,
            &["a public key"],
        ),
        (PKCS1_PUBLIC.to_owned(), PKCS1_PUBLIC, &["public key"]),
        (
            key_file("merchant.crt"),
            MERCHANT_CERTIFICATE,
            &["a certificate", "openssl x509", "merchant.crt"],
        ),
        (
            key_file("ec.key"),
            EC_KEY,
            &["another algorithm", "openssl pkey", "ec.key"],
        ),
        (flattened, MERCHANT_KEY, &["BEGIN line"]),
        (
            MERCHANT_KEY[..500].to_owned(),
            MERCHANT_KEY,
            &["without its END line"],
        ),
        (
            MERCHANT_KEY
                .replacen("AoIBA", "A\u{e9}IBA", 1)
                .replacen("M", "*", 1),
            MERCHANT_KEY,
            &["PRIVATE KEY"],
        ),
        (
            MERCHANT_KEY.replacen("MII", "NII", 1),
            MERCHANT_KEY,
            &["PRIVATE KEY"],
        ),
        (
            "/etc/wechatpay/apiclient_key.pem".to_owned(),
            "",
            &[
                "/etc/wechatpay/apiclient_key.pem",
                "looks like a path",
                "file:///absolute/path",
                "no such file",
            ],
        ),
        (
            "apiclient_key.pem".to_owned(),
            "",
            &["apiclient_key.pem", "looks like a path", "file://"],
        ),
        (
            "C:\\cert\\apiclient_key.pem".to_owned(),
            "",
            &["apiclient_key.pem", "looks like a path"],
        ),
        (
            "file://apiclient_key.pem".to_owned(),
            "",
            &["file://apiclient_key.pem", "not absolute"],
        ),
        (
            "file:///no/such/apiclient_key.pem".to_owned(),
            "",
            &["/no/such/apiclient_key.pem", "can't be read"],
        ),
        ("file:///".to_owned(), "", &["can't be read"]),
        (String::new(), "", &["empty"]),
        (" \n".to_owned(), "", &["empty"]),
        ("hello".to_owned(), "", &["no BEGIN line"]),
        ("-----BEGIN ".to_owned(), "", &["BEGIN"]),
        (
            "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----".to_owned(),
            "",
            &["PRIVATE KEY"],
        ),
    ] {
        let error = builder().private_key(&given).build().unwrap_err();
        assert!(matches!(error, Error::Key(_)), "{error}");
        assert_says(&error, &["private_key"]);
        assert_says(&error, fragments);
        assert_says(&error, &["PEM"]);
        assert_hides(&error, key);
        assert!(
            !error.to_string().contains("ASN.1") && !error.to_string().contains("no start line")
        );
        let by_name = PrivateKey::try_from(given).unwrap_err();
        assert!(matches!(by_name, Error::Key(_)));
    }
    let existing = key_file("merchant.key");
    let error = builder()
        .private_key(existing.trim_start_matches("file://"))
        .build()
        .unwrap_err();
    assert_says(&error, &["looks like a path", "file:///absolute/path"]);
    assert!(!error.to_string().contains("no such file"), "{error}");
    let error = builder()
        .private_key(der(MERCHANT_KEY).as_slice())
        .build()
        .unwrap_err();
    assert_says(&error, &["private_key", "binary"]);
}

#[test]
fn a_public_key_of_another_form_is_an_error_that_says_what_was_seen() {
    for (given, fragments) in [
        (MERCHANT_KEY.to_owned(), &["a private key"][..]),
        (PKCS1_KEY.to_owned(), &["a private key"]),
        (ENCRYPTED_KEY.to_owned(), &["ENCRYPTED PRIVATE KEY"]),
        (PKCS1_PUBLIC.to_owned(), &["PKCS#1", "not in this version"]),
        (EC_PUBLIC.to_owned(), &["another algorithm than RSA"]),
        (SMALL_PUBLIC.to_owned(), &["fewer than 2048 bits"]),
        (bare(PLATFORM_PUBLIC), &["bare base64"]),
        (bare(PLATFORM_CERTIFICATE), &["bare base64"]),
        (
            format!("public.spki://{}", bare(PLATFORM_PUBLIC)),
            &["public.spki://", "not in this version"],
        ),
        (
            "certs/wechatpay.pem".to_owned(),
            &["certs/wechatpay.pem", "looks like a path", "no such file"],
        ),
        (key_file("no.pem"), &["no.pem", "can't be read"]),
        (
            PLATFORM_CERTIFICATE.replacen("MII", "NII", 1),
            &["certificate", "broken"],
        ),
        (PLATFORM_PUBLIC.replacen("MII", "NII", 1), &["broken"]),
        (
            "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----".to_owned(),
            &["broken"],
        ),
        (
            "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----"
                .to_owned(),
            &["certificate request"],
        ),
        (String::new(), &["empty"]),
    ] {
        let error = builder().cert(PLATFORM_SERIAL, &given).build().unwrap_err();
        assert!(matches!(error, Error::Key(_)), "{error}");
        assert_says(&error, &["certs", PLATFORM_SERIAL]);
        assert_says(&error, fragments);
        if !given.starts_with("file://") {
            assert_hides(&error, &given);
        }
    }
    let error = builder()
        .platform_certificate(der(PLATFORM_CERTIFICATE).as_slice())
        .build()
        .unwrap_err();
    assert_says(&error, &["platform_certificate", "binary"]);
}

#[test]
fn a_key_that_stands_in_the_wrong_setting_is_not_shown() {
    for error in [
        builder().serial(MERCHANT_KEY).build().unwrap_err(),
        builder().mchid(MERCHANT_KEY).build().unwrap_err(),
        builder().mchid(bare(MERCHANT_KEY)).build().unwrap_err(),
        builder().base_uri(bare(MERCHANT_KEY)).build().unwrap_err(),
        builder()
            .allow_plain_http(MERCHANT_KEY)
            .build()
            .unwrap_err(),
        builder()
            .cert(MERCHANT_KEY, PLATFORM_PUBLIC)
            .build()
            .unwrap_err(),
        builder().cert(MERCHANT_KEY, "x").build().unwrap_err(),
        builder()
            .root_certificate(MERCHANT_KEY)
            .build()
            .unwrap_err(),
        builder().apiv3_key(MERCHANT_KEY).build().unwrap_err(),
        builder().header("X-A", MERCHANT_KEY).build().unwrap_err(),
    ] {
        assert_hides(&error, MERCHANT_KEY);
        assert!(error.to_string().len() < 500, "{error}");
    }
    let shown = format!("{:?}", builder().secret(SECRET).apiv3_key(APIV3_KEY));
    assert!(
        !shown.contains(SECRET) && !shown.contains(APIV3_KEY),
        "{shown}"
    );
    let client = builder()
        .secret(SECRET)
        .apiv3_key(APIV3_KEY)
        .build()
        .unwrap();
    let shown = format!("{client:?}");
    assert!(
        !shown.contains(SECRET) && !shown.contains(APIV3_KEY),
        "{shown}"
    );
}

#[test]
fn the_first_mistake_of_a_builder_counts() {
    let error = builder()
        .private_key("a.pem")
        .cert("AB", "b.pem")
        .build()
        .unwrap_err();
    assert_says(&error, &["private_key", "a.pem"]);
}

#[test]
fn a_root_certificate_is_pem_or_a_file() {
    builder()
        .root_certificate(PLATFORM_CERTIFICATE)
        .root_certificate(MERCHANT_CERTIFICATE.as_bytes())
        .build()
        .unwrap();
    builder()
        .root_certificate(key_file("platform.crt"))
        .build()
        .unwrap();
    let both = format!("{PLATFORM_CERTIFICATE}{MERCHANT_CERTIFICATE}");
    builder().root_certificate(both).build().unwrap();
    for given in ["", "x", MERCHANT_KEY, "file:///no/such.pem", "/etc/ca.pem"] {
        assert_says(
            &refused(builder().root_certificate(given), "root_certificate"),
            &["certificates"],
        );
    }
}

/// PHP's array of settings of the recorded merchant, with changes.
fn factory(changes: Value) -> Result<Client, Error> {
    let mut settings = json!({
        "mchid": MCHID, "serial": MERCHANT_SERIAL, "privateKey": MERCHANT_KEY,
        "certs": { PLATFORM_SERIAL: key_file("platform.crt") },
    });
    for (name, value) in changes.as_object().unwrap() {
        settings[name] = value.clone();
    }
    Client::factory(settings)
}

#[test]
fn php_s_factory_takes_php_s_keys() {
    let client = factory(json!({
        "mchid": 1_900_197_849, "privateKey": key_file("merchant.key"), "apiv3Key": APIV3_KEY, "secret": SECRET,
        "certs": { PLATFORM_SERIAL: PLATFORM_CERTIFICATE, PUBLIC_KEY_ID: PLATFORM_PUBLIC, "any": null },
        "merchant": { "cert": key_file("merchant.crt"), "key": key_file("merchant.key") },
        "base_uri": "https://api2.mch.weixin.qq.com/hk", "headers": { "X-A": "b", "X-L": ["c", "d"] },
        "timeout": 2.5, "connect_timeout": 0, "verify": true, "http_errors": true, "allow_redirects": false,
        "debug": true,
    }));
    let sent = client.unwrap().chain("v3/x").get().into_http().unwrap();
    assert_eq!(sent.uri(), "https://api2.mch.weixin.qq.com/hk/v3/x");
    assert_eq!(header(&sent, "x-a"), "b");
    assert_eq!(header(&sent, "wechatpay-serial"), PUBLIC_KEY_ID);
    assert!(header(&sent, "authorization").contains(&format!("mchid=\"{MCHID}\"")));
    factory(json!({})).unwrap();
}

#[test]
fn the_placeholders_of_apiv2_only_code_mean_not_configured() {
    let client = Client::factory(json!({
        "mchid": MCHID, "serial": "nop", "privateKey": "any", "certs": { "any": null }, "secret": SECRET,
        "merchant": { "cert": MERCHANT_CERTIFICATE, "key": MERCHANT_KEY },
    }));
    let error = client.unwrap().chain("v3/x").get().into_http().unwrap_err();
    assert_says(&error, &["APIv3", "private_key"]);
    let error = Client::factory(json!({
        "mchid": MCHID, "serial": "nop", "privateKey": "any", "certs": { "any": null },
    }));
    assert_says(&error.unwrap_err(), &["neither"]);
}

#[test]
fn what_the_factory_does_not_take_is_an_error_that_names_it() {
    for (changes, setting, fragments) in [
        (
            json!({"privatekey": "x"}),
            "privatekey",
            &["mchid", "privateKey", "certs"][..],
        ),
        (json!({"apiv3_key": "x"}), "apiv3_key", &["apiv3Key"]),
        (json!({"": 1}), "", &["privateKey"]),
        (json!({"query": {}}), "query", &["request"]),
        (json!({"json": {}}), "json", &["request"]),
        (json!({"body": ""}), "body", &["request"]),
        (json!({"debug": "yes"}), "debug", &["true or false"]),
        (json!({"verify": false}), "verify", &["root_certificate"]),
        (
            json!({"http_errors": false}),
            "http_errors",
            &["Error::Api"],
        ),
        (
            json!({"allow_redirects": true}),
            "allow_redirects",
            &["never followed"],
        ),
        (
            json!({"proxy": "http://h"}),
            "proxy",
            &["not in this version"],
        ),
        (json!({"handler": 1}), "handler", &["Guzzle"]),
        (json!({"timeout": "30"}), "timeout", &["seconds"]),
        (json!({"timeout": -1}), "timeout", &["seconds"]),
        (
            json!({"connect_timeout": null}),
            "connect_timeout",
            &["seconds"],
        ),
        (json!({"headers": {"X-A": "a\nb"}}), "headers", &["x-a"]),
        (json!({"headers": "X"}), "headers", &["a text"]),
        (json!({"certs": []}), "certs", &["an object"]),
        (
            json!({"certs": {PLATFORM_SERIAL: null}}),
            "certs",
            &["a text"],
        ),
        (
            json!({"certs": {"any": "x", PLATFORM_SERIAL: 1}}),
            "certs",
            &["a text"],
        ),
        (json!({"merchant": "x"}), "merchant", &["cert and key"]),
        (json!({"merchant": {"cert": "x"}}), "merchant.key", &["PEM"]),
        (
            json!({"merchant": {"cert": ["x", "y"], "key": "z"}}),
            "merchant.cert",
            &["passphrase", "not in this version"],
        ),
        (json!({"mchid": null}), "mchid", &["null"]),
        (json!({"mchid": 1.5}), "mchid", &["digits"]),
        (json!({"serial": 1}), "serial", &["a text"]),
        (json!({"privateKey": ["x", "y"]}), "privateKey", &["a text"]),
        (json!({"base_uri": 1}), "base_uri", &["a text"]),
    ] {
        let error = factory(changes.clone()).unwrap_err();
        let Error::Config(config) = &error else {
            panic!("{changes}: {error}");
        };
        assert_eq!(config.setting(), setting, "{changes}: {error}");
        assert_says(&error, fragments);
    }
    for settings in [json!(null), json!([]), json!("x")] {
        assert_says(
            &Client::factory(settings).unwrap_err(),
            &["factory", "an object"],
        );
    }
}

#[test]
fn seconds_may_be_fractions_and_zero_is_no_limit() {
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    let settings = |timeout: Value| {
        json!({
            "mchid": sandbox.mchid(), "serial": sandbox.merchant_serial(),
            "privateKey": sandbox.merchant_private_key(),
            "certs": { sandbox.platform_serial(): sandbox.platform_public_key() },
            "base_uri": sandbox.base_uri(), "timeout": timeout, "connect_timeout": 0,
        })
    };
    let status = |request: Request| {
        let error = request.wait().unwrap_err();
        error.api().map(|api| api.status().as_u16())
    };
    let hurried = Client::factory(settings(json!(0.05)))
        .unwrap()
        .chain("v3/x");
    let patient = Client::factory(settings(json!(0))).unwrap().chain("v3/x");
    sandbox.misbehave(Misbehaviour::Delay(Duration::from_secs(20)));
    let error = hurried.get().wait().unwrap_err();
    assert!(error.is_timeout() && error.may_have_been_sent(), "{error}");
    sandbox.misbehave(Misbehaviour::Delay(Duration::from_secs(20)));
    let options = json!({"timeout": 0.05});
    let error = patient.request("GET", options).wait().unwrap_err();
    assert!(error.is_timeout(), "{error}");
    for unlimited in [
        patient.get(),
        hurried.get().timeout(Duration::ZERO),
        hurried.request("GET", json!({"timeout": 0})),
        hurried.request("GET", json!({"timeout": 20.5, "connect_timeout": 0.0})),
    ] {
        sandbox.misbehave(Misbehaviour::Delay(Duration::from_millis(150)));
        assert_eq!(status(unlimited), Some(404));
    }
}

#[test]
fn a_client_from_the_environment_names_the_variable_that_is_wrong() {
    const ONLY: &str = "settings::a_client_from_the_environment_names_the_variable_that_is_wrong";
    if env::var_os("WECHATPAY_TEST_OF_ENVIRONMENT").is_some() {
        let client = Client::from_env().unwrap_or_else(|error| panic!("refused: {error}"));
        panic!("made: {} {client:?}", authorization(&client));
    }
    let certs = format!("{PLATFORM_SERIAL}={}", key_file("platform.crt"));
    let inline = format!("{PUBLIC_KEY_ID}={PLATFORM_PUBLIC}, serial_is_text={PLATFORM_PUBLIC}");
    let right = [
        ("WECHATPAY_MCHID", MCHID),
        ("WECHATPAY_SERIAL", MERCHANT_SERIAL),
        ("WECHATPAY_PRIVATE_KEY", MERCHANT_KEY),
        ("WECHATPAY_CERTS", certs.as_str()),
    ];
    let run = |variable: &str, value: &str| {
        let mut child = Command::new(env::current_exe().unwrap());
        child
            .args([ONLY, "--exact", "--nocapture"])
            .env("WECHATPAY_TEST_OF_ENVIRONMENT", "1");
        for name in ["APIV3_KEY", "SECRET", "MERCHANT_CERT", "BASE_URI", "CA"] {
            child.env_remove(format!("WECHATPAY_{name}"));
        }
        let output = child.envs(right).env(variable, value).output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout)
    };
    for (variable, value) in [
        ("WECHATPAY_SECRET", ""),
        ("WECHATPAY_CERTS", &inline),
        ("WECHATPAY_SERIAL", &format!("serial={MERCHANT_SERIAL}\n")),
        ("WECHATPAY_BASE_URI", "https://api2.mch.weixin.qq.com/"),
        ("WECHATPAY_MERCHANT_CERT", MERCHANT_CERTIFICATE),
        // A certificate of another serial says nothing about this private key.
        ("WECHATPAY_MERCHANT_CERT", PLATFORM_CERTIFICATE),
        ("WECHATPAY_CA", &key_file("platform.crt")),
    ] {
        let told = run(variable, value);
        assert!(
            told.contains(&format!(
                "made: WECHATPAY2-SHA256-RSA2048 mchid=\"{MCHID}\""
            )),
            "{variable}: {told}"
        );
        assert!(told.contains(MERCHANT_SERIAL), "{told}");
    }
    for (variable, value, fragment) in [
        ("WECHATPAY_MCHID", "", "nothing was given"),
        ("WECHATPAY_MCHID", "x", "digits"),
        ("WECHATPAY_SERIAL", "4 6", "hex"),
        (
            "WECHATPAY_PRIVATE_KEY",
            "apiclient_key.pem",
            "looks like a path",
        ),
        ("WECHATPAY_CERTS", "=file:///x.pem", "entry 1 has no serial"),
        (
            "WECHATPAY_CERTS",
            &format!("{certs},AB="),
            "entry 2 has no key",
        ),
        (
            "WECHATPAY_CERTS",
            &format!("{certs},file:///x.pem"),
            "entry 2 has no `=`",
        ),
        ("WECHATPAY_CERTS", &format!("{certs},"), "entry 2 is empty"),
        ("WECHATPAY_CERTS", "AB=x.pem", "looks like a path"),
        (
            "WECHATPAY_CERTS",
            &certs.replacen('3', "4", 1),
            PLATFORM_SERIAL,
        ),
        ("WECHATPAY_APIV3_KEY", "short", "32 bytes"),
        ("WECHATPAY_SECRET", " x ", "white space"),
        ("WECHATPAY_BASE_URI", "http://h/", "plain http"),
        ("WECHATPAY_CA", "x", "without a certificate"),
    ] {
        let told = run(variable, value);
        assert!(
            told.contains("refused: ") && told.contains(variable),
            "{variable}={value}: {told}"
        );
        assert!(told.contains(fragment), "no {fragment:?} in {told}");
    }
}
