//! Settings and keys: what is taken, and what the error of everything else says.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use wechatpay_chain::rsa::{PrivateKey, PublicKey};
use wechatpay_chain::{Client, ClientBuilder, Error, Result};
use wechatpay_sandbox::{Misbehaviour, Sandbox};

use crate::support::{
    MERCHANT_KEY, MERCHANT_PUBLIC, MERCHANT_SERIAL, PLATFORM_CERTIFICATE, PLATFORM_KEY,
    PLATFORM_SERIAL, offline, recorded,
};

const MCHID: &str = "1900000109";
const APIV3_KEY: &str = "0123456789abcdef0123456789ABCDEF";
const SECRET: &str = "exposed_your_key_here_have_risks";
const MERCHANT_CERTIFICATE: &str = include_str!("../vectors/keys/merchant.crt");
const MERCHANT_PKCS1: &str = include_str!("../vectors/keys/merchant.pkcs1.key");
const ENCRYPTED: &str = include_str!("../vectors/keys/merchant.encrypted.key");
const PLATFORM_PUBLIC: &str = include_str!("../vectors/keys/platform.pub");
const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0114232134912410000000000000000";
// Test keys, made by openssl for this file and used nowhere else.
const EC_KEY: &str = include_str!("../vectors/keys/ec.key");
const EC_PUBLIC: &str = include_str!("../vectors/keys/ec.pub");
const RSA1024_KEY: &str = include_str!("../vectors/keys/rsa1024.key");
const RSA1024_PUBLIC: &str = include_str!("../vectors/keys/rsa1024.pub");

fn builder() -> ClientBuilder {
    recorded(MCHID)
}

/// Everything but a platform key.
fn without_platform() -> ClientBuilder {
    Client::builder()
        .mchid(MCHID)
        .serial(MERCHANT_SERIAL)
        .private_key(MERCHANT_KEY)
}

/// The message reads well in a log, however odd the input was, and holds nothing of a key.
#[track_caller]
fn check_message(error: &Error) {
    let message = error.to_string();
    assert!(!message.contains(char::is_control), "{message:?}");
    assert!(message.len() < 1200, "{} bytes", message.len());
    for text in [message.as_str(), &format!("{error:?}")] {
        for key in [MERCHANT_KEY, PLATFORM_KEY, MERCHANT_PKCS1, ENCRYPTED] {
            // The first line is the form of the key and the start of its public half.
            for line in key.lines().filter(|line| line.len() == 64).skip(1) {
                assert!(
                    !text.contains(line.get(..24).unwrap()),
                    "key text in {text}"
                );
            }
        }
        assert!(!text.contains(APIV3_KEY), "{text}");
        assert!(!text.contains(SECRET), "{text}");
    }
    assert!(!error.may_have_been_sent());
    assert!(!error.is_retryable());
}

/// It is `Error::Config` of this setting, and says each of the `parts`.
#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>, setting: &str, parts: &[&str]) {
    let error = result.unwrap_err();
    check_message(&error);
    let Error::Config(config) = &error else {
        panic!("not Config: {error:?}");
    };
    assert_eq!(config.setting(), setting, "{error}");
    assert!(!config.given().is_empty() && !config.wanted().is_empty());
    let message = error.to_string();
    for part in [setting].iter().chain(parts) {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

/// It is `Error::Key` of this setting, and says each of the `parts`.
#[track_caller]
fn refused_key<T: std::fmt::Debug>(result: Result<T>, setting: &str, parts: &[&str]) {
    let error = result.unwrap_err();
    check_message(&error);
    let Error::Key(key) = &error else {
        panic!("not Key: {error:?}");
    };
    assert!(!key.seen().is_empty() && !key.origin().is_empty());
    let message = error.to_string();
    let wanted = ["wanted: ", "file:///absolute/path"];
    for part in [setting].iter().chain(&wanted).chain(parts) {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn a_merchant_number_is_digits_and_anything_else_is_shown() {
    let wanted = "1 to 32 digits such as 1900000109";
    for given in ["1900000109", " 1900000109 ", "1900000109\n", "\t1", "0"] {
        let client = builder().mchid(given).build().unwrap();
        assert!(format!("{client:?}").contains(&format!("{:?}", given.trim())));
    }
    let million = "1".repeat(1 << 20);
    let emoji = "😀".repeat(1 << 18);
    for (given, shown) in [
        ("", r#""""#),
        (" \r\n", r#"" \r\n""#),
        ("mch1900000109", r#""mch1900000109""#),
        ("1900 000109", r#""1900 000109""#),
        ("1900000109\0", r#""1900000109\0""#),
        ("19000\n00109", r#""19000\n00109""#),
        ("1900000109\u{1b}[2J", r"\u{1b}[2J"),
        ("-1900000109", "-1900000109"),
        ("１９００００", "１９００００"),
        ("٣٤٥", "٣٤٥"),
        ("111111111111111111111111111111111", "33 bytes"),
        (&million, "bytes"),
        (&emoji, "bytes"),
    ] {
        refused(builder().mchid(given).build(), "mchid", &[shown, wanted]);
    }
    let nothing = Client::builder().secret(SECRET).build();
    refused(nothing, "mchid", &["nothing was given", wanted]);
}

#[test]
fn each_setting_of_apiv3_that_is_missing_is_named() {
    let serial = Client::builder()
        .mchid(MCHID)
        .private_key(MERCHANT_KEY)
        .platform_certificate(PLATFORM_CERTIFICATE);
    refused(
        serial.build(),
        "serial",
        &[
            "nothing was given",
            "merchant certificate",
            "merchant_certificate",
        ],
    );
    let key = Client::builder()
        .mchid(MCHID)
        .serial(MERCHANT_SERIAL)
        .platform_certificate(PLATFORM_CERTIFICATE);
    refused(
        key.build(),
        "private_key",
        &[
            "nothing was given",
            "apiclient_key.pem",
            "file:///absolute/path",
        ],
    );
    refused(
        without_platform().build(),
        "certs",
        &[
            "nothing was given",
            "cert(serial, key)",
            "platform_certificate",
            "APIv3 key",
        ],
    );
    // One of them is as good as all of them: it says that APIv3 is meant, secret or not.
    for one in [
        Client::builder().serial("AB"),
        Client::builder().private_key(MERCHANT_KEY),
        Client::builder().merchant_certificate(MERCHANT_CERTIFICATE),
        Client::builder().platform_certificate(PLATFORM_CERTIFICATE),
        Client::builder().cert(PUBLIC_KEY_ID, PLATFORM_PUBLIC),
        Client::builder().apiv3_key(APIV3_KEY),
    ] {
        let error = one.mchid(MCHID).secret(SECRET).build().unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{error}");
        assert!(error.to_string().contains("nothing was given"), "{error}");
    }
    for enough in [
        without_platform().apiv3_key(APIV3_KEY),
        without_platform().cert(PUBLIC_KEY_ID, PLATFORM_PUBLIC),
        without_platform().cert(PLATFORM_SERIAL, PLATFORM_CERTIFICATE),
        Client::builder()
            .mchid(MCHID)
            .merchant_certificate(MERCHANT_CERTIFICATE)
            .private_key(MERCHANT_KEY)
            .platform_certificate(PLATFORM_CERTIFICATE),
    ] {
        enough.build().unwrap();
    }
}

#[test]
fn a_client_without_either_half_names_both() {
    refused(
        Client::builder().mchid(MCHID).build(),
        "settings",
        &["APIv3", "APIv2", "serial, private_key and cert", "secret"],
    );
    let error = Client::builder().build().unwrap_err();
    assert!(matches!(error, Error::Config(_)), "{error}");
}

#[test]
fn an_apiv3_key_of_another_length_than_32_bytes_says_how_many_were_given() {
    let wanted = "exactly 32 bytes";
    let build = |key: &str| without_platform().apiv3_key(key).build();
    build(APIV3_KEY).unwrap();
    // Bytes, not characters.
    build("微信支付微信支付微信ab").unwrap();
    let million = "k".repeat(1 << 20);
    for (given, said) in [
        (String::new(), "0 bytes"),
        ("short".to_owned(), "5 bytes"),
        (
            format!("{APIV3_KEY}\n"),
            "33 bytes were given, the last of them a line break",
        ),
        (
            format!("{APIV3_KEY}\r\n"),
            "34 bytes were given, the last of them a line break",
        ),
        (
            format!(" {APIV3_KEY}"),
            "33 bytes were given, with white space around it",
        ),
        // One character too few, and a line break makes up for it.
        (
            format!("{}\n", &APIV3_KEY[1..]),
            "32 bytes were given, the last of them a line break",
        ),
        (APIV3_KEY.replace('0', "😀"), "38 bytes"),
        (million, "1048576 bytes"),
    ] {
        refused(build(&given), "apiv3_key", &[said, wanted]);
        let beside = builder().apiv3_key(given).build();
        refused(beside, "apiv3_key", &[said, wanted]);
    }
}

#[test]
fn a_secret_with_white_space_around_it_is_refused_unseen() {
    for (given, said) in [
        ("".to_owned(), "an empty text"),
        (
            format!("{SECRET}\n"),
            "33 bytes with white space around them",
        ),
        (
            format!("\t{SECRET}"),
            "33 bytes with white space around them",
        ),
    ] {
        let built = Client::builder().mchid(MCHID).secret(given).build();
        refused(built, "secret", &[said, "the APIv2 key, 32 characters"]);
    }
}

#[test]
fn a_call_to_the_half_that_has_no_settings_says_what_it_needs() {
    let v2 = Client::builder()
        .mchid(MCHID)
        .secret(SECRET)
        .build()
        .unwrap();
    for call in [
        v2.chain("v3/certificates").get(),
        v2["v3/pay/transactions/native"].post(json!({ "a": 1 })),
        v2.url("https://api.mch.weixin.qq.com/v3/billdownload/file?token=x"),
    ] {
        refused(
            call.into_http(),
            "APIv3",
            &["APIv2's settings only", "serial, private_key and cert"],
        );
    }
    let v3 = builder().build().unwrap();
    for path in ["v2/pay/micropay", "V2/pay/micropay", "/v2/pay/micropay"] {
        refused(
            v3.chain(path).post(()).into_http(),
            "secret",
            &["APIv2", "APIv3's settings only", "secret, the APIv2 key"],
        );
    }
    refused(
        v3.chain("v2/pay/micropay").post(()).wait(),
        "secret",
        &["APIv2"],
    );
}

#[test]
fn a_serial_is_taken_as_openssl_prints_it() {
    let serial = MERCHANT_SERIAL.trim();
    for given in [
        serial.to_owned(),
        format!("{serial}\n"),
        format!(" \t{serial}\r\n"),
        format!("serial={serial}\n"),
        format!("Serial= {serial}"),
    ] {
        let client = builder().serial(given).build().unwrap();
        let request = client.chain("v3/certificates").get().into_http().unwrap();
        let header = request.headers()["authorization"].to_str().unwrap();
        assert!(
            header.contains(&format!("serial_no=\"{serial}\"")),
            "{header}"
        );
    }
    without_platform()
        .cert(
            format!("serial={}\n", PLATFORM_SERIAL.trim()),
            PLATFORM_CERTIFICATE,
        )
        .build()
        .unwrap();
    let million = "A".repeat(1 << 20);
    for (given, shown) in [
        ("", r#""" was given"#),
        ("serial=", r#""serial=""#),
        ("serial=serial=AB", "serial=serial=AB"),
        ("AB:CD", "AB:CD"),
        ("AB CD", "AB CD"),
        ("AB\nCD", r"AB\nCD"),
        ("AB\0", r"AB\0"),
        ("AB\"", r#"AB\""#),
        ("序列号序列号", "序列号"),
        ("😀", "😀"),
        ("serial文", "serial文"),
        (million.as_str(), "AAAA"),
    ] {
        let wanted = "openssl x509 -noout -serial";
        refused(builder().serial(given).build(), "serial", &[shown, wanted]);
        let cert = without_platform().cert(given, PLATFORM_PUBLIC).build();
        refused(cert, "certs", &[shown, wanted]);
    }
}

#[test]
fn the_merchants_own_certificate_or_key_is_no_platform_key() {
    let said = [
        "the merchant's own certificate or key",
        "WeChat Pay's public key",
    ];
    for own in [
        without_platform().cert(MERCHANT_SERIAL, MERCHANT_CERTIFICATE),
        without_platform().platform_certificate(MERCHANT_CERTIFICATE),
        // Its serial, as other tools write it.
        without_platform().cert(MERCHANT_SERIAL.to_ascii_lowercase(), PLATFORM_PUBLIC),
        without_platform().cert(format!("00{MERCHANT_SERIAL}"), PLATFORM_PUBLIC),
        without_platform().cert(PUBLIC_KEY_ID, MERCHANT_PUBLIC),
        builder().cert(PUBLIC_KEY_ID, MERCHANT_PUBLIC),
    ] {
        refused(own.build(), "certs", &said);
    }
}

#[test]
fn a_certificate_is_given_under_its_own_serial() {
    let own = PLATFORM_SERIAL.trim();
    for serial in [own.to_owned(), own.to_ascii_lowercase(), format!("0{own}")] {
        without_platform()
            .cert(serial, PLATFORM_CERTIFICATE)
            .build()
            .unwrap();
    }
    for serial in ["5157F09EFDC096DE15EBE81A47057A7232F1B8E1", PUBLIC_KEY_ID] {
        refused(
            without_platform()
                .cert(serial, PLATFORM_CERTIFICATE)
                .build(),
            "certs",
            &[
                serial,
                own,
                "under its own serial number",
                "platform_certificate",
            ],
        );
    }
    refused(
        without_platform()
            .platform_certificate(PLATFORM_PUBLIC)
            .build(),
        "platform_certificate",
        &[
            "a public key",
            "no serial number",
            r#"cert("PUB_KEY_ID_…", key)"#,
        ],
    );
    refused(
        builder().merchant_certificate(MERCHANT_PUBLIC).build(),
        "merchant_certificate",
        &["a public key", "no serial number", "X.509 certificate"],
    );
}

#[test]
fn a_private_key_belongs_to_the_merchant_certificate() {
    let said = [
        "does not belong to the merchant certificate",
        MERCHANT_SERIAL.trim(),
        "apiclient_key.pem",
    ];
    let other = || {
        Client::builder()
            .mchid(MCHID)
            .private_key(PLATFORM_KEY)
            .merchant_certificate(MERCHANT_CERTIFICATE)
            .apiv3_key(APIV3_KEY)
    };
    refused(other().build(), "private_key", &said);
    for equal in [
        MERCHANT_SERIAL.to_owned(),
        format!("serial={}", MERCHANT_SERIAL.to_ascii_lowercase()),
        format!("00{MERCHANT_SERIAL}"),
    ] {
        refused(other().serial(equal).build(), "private_key", &said);
    }
    // While a certificate is replaced, the old one may still serve APIv2.
    other().serial("AB01").build().unwrap();

    let pair = |serial: &str, key: &str, of_pair: &str| {
        Client::builder()
            .mchid(MCHID)
            .serial(serial)
            .private_key(key)
            .apiv3_key(APIV3_KEY)
            .merchant(MERCHANT_CERTIFICATE, of_pair)
            .build()
    };
    pair(MERCHANT_SERIAL, MERCHANT_KEY, MERCHANT_KEY).unwrap();
    pair("AB01", PLATFORM_KEY, MERCHANT_KEY).unwrap();
    refused(
        pair(MERCHANT_SERIAL, PLATFORM_KEY, MERCHANT_KEY),
        "private_key",
        &said,
    );
    refused(
        pair(MERCHANT_SERIAL, PLATFORM_KEY, PLATFORM_KEY),
        "merchant.key",
        &said,
    );
    refused(
        pair("AB01", PLATFORM_KEY, PLATFORM_KEY),
        "merchant.key",
        &said,
    );

    let v2 = || Client::builder().mchid(MCHID).secret(SECRET);
    v2().merchant(MERCHANT_CERTIFICATE, MERCHANT_PKCS1)
        .build()
        .unwrap();
    refused(
        v2().merchant(MERCHANT_CERTIFICATE, PLATFORM_KEY).build(),
        "merchant.key",
        &said,
    );
    refused(
        v2().merchant(MERCHANT_PUBLIC, MERCHANT_KEY).build(),
        "merchant.cert",
        &["no serial number", "X.509 certificate"],
    );
    refused_key(
        v2().merchant(MERCHANT_KEY, MERCHANT_KEY).build(),
        "merchant.cert",
        &["a private key"],
    );
    refused_key(
        v2().merchant(MERCHANT_CERTIFICATE, "cert.pem").build(),
        "merchant.key",
        &["looks like a path"],
    );
}

#[test]
fn a_base_address_is_absolute_and_nothing_more() {
    let wanted = "absolute https address such as https://api.mch.weixin.qq.com/";
    let million = format!("https://h/{}?", "a".repeat(1 << 20));
    for (given, said) in [
        ("", "no scheme and host"),
        ("api.mch.weixin.qq.com", r#""api.mch.weixin.qq.com""#),
        ("/v3/", r#""/v3/""#),
        ("//api.mch.weixin.qq.com/", "no scheme and host"),
        ("ftp://api.mch.weixin.qq.com/", "no http(s) host"),
        ("file:///etc/passwd", "no http(s) host"),
        ("https://api.mch.weixin.qq.com/?a=1", "a query"),
        ("https://api.mch.weixin.qq.com/?", "a query"),
        ("https://api.mch.weixin.qq.com/#v3", "a fragment"),
        ("https://api.mch.weixin.qq.com/a/../b", "rewritten"),
        ("https://api.mch.weixin.qq.com/\0", "rewritten"),
        ("https://api.mch.weixin.qq.com/😀", "rewritten"),
        ("https://微信.cn/", "rewritten"),
        ("https://h:99999/", "no scheme and host"),
        (&million, "a query"),
    ] {
        refused(
            builder().base_uri(given).build(),
            "base_uri",
            &[said, wanted],
        );
        let call = offline().chain("v3/a").get().base_uri(given);
        refused(call.into_http(), "base_uri", &[said, wanted]);
    }
    for given in [
        "https://h",
        "https://h/",
        " https://h/ \n",
        "HTTPS://H:443/",
    ] {
        let client = builder().base_uri(given).build().unwrap();
        let request = client.chain("v3/a").get().into_http().unwrap();
        assert_eq!(request.uri(), "https://h/v3/a", "{given}");
    }
    let client = builder().base_uri("https://h:8443/hk").build().unwrap();
    let request = client.chain("v3/a").get().into_http().unwrap();
    assert_eq!(request.uri(), "https://h:8443/hk/v3/a");
}

#[test]
fn credentials_in_a_base_address_are_never_shown() {
    for given in [
        "https://user:PaSsWoRd@h/",
        "https://PaSsWoRd@h/",
        "https://:PaSsWoRd@h/",
        "https://user:PaSsWoRd@h/?PaSsWoRd#PaSsWoRd",
        "https://h/?key=PaSsWoRd",
        "https://h/#PaSsWoRd",
        "user:PaSsWoRd@h",
        "http://user:PaSsWoRd@h/",
        "https://user:PaSsWoRd@",
    ] {
        for error in [
            builder().base_uri(given).build().unwrap_err(),
            offline()
                .chain("v3/a")
                .get()
                .base_uri(given)
                .into_http()
                .unwrap_err(),
        ] {
            check_message(&error);
            assert!(matches!(error, Error::Config(_)), "{error}");
            assert!(
                !format!("{error} {error:?}").contains("PaSsWoRd"),
                "{error}"
            );
        }
    }
}

#[test]
fn plain_http_is_for_loopback_and_the_one_host_that_is_named() {
    let said = [
        "plain http to",
        "https",
        ".allow_plain_http(host)",
        "never for WeChat Pay's",
    ];
    for given in [
        "http://127.0.0.1:8080/",
        "http://[::1]/",
        "http://localhost:1",
    ] {
        builder().base_uri(given).build().unwrap();
        offline()
            .chain("v3/a")
            .get()
            .base_uri(given)
            .into_http()
            .unwrap();
    }
    for given in [
        "http://api.mch.weixin.qq.com/",
        "http://h/",
        "http://192.168.0.1/",
        "http://0.0.0.0/",
        "http://localhost.evil/",
        "http://127.0.0.1.evil/",
    ] {
        refused(builder().base_uri(given).build(), "base_uri", &said);
        let call = offline().chain("v3/a").get().base_uri(given);
        refused(call.into_http(), "base_uri", &said);
    }
    let sandbox = || builder().allow_plain_http(" Sandbox ");
    let client = sandbox().base_uri("http://sandbox:8080/").build().unwrap();
    client
        .chain("v3/a")
        .get()
        .base_uri("http://SANDBOX/")
        .into_http()
        .unwrap();
    let call = client.chain("v3/a").get().base_uri("http://sandbox2/");
    refused(call.into_http(), "base_uri", &said);
    for given in [
        "http://sandbox.evil/",
        "http://evil.sandbox/",
        "http://sandbox./",
    ] {
        refused(sandbox().base_uri(given).build(), "base_uri", &said);
    }
    // It allows, it does not ask for it.
    sandbox().build().unwrap();
    let million = "/".repeat(1 << 20);
    for given in [
        "",
        " ",
        "http://sandbox",
        "sandbox:80",
        "sandbox/a",
        "u@sandbox",
        &million,
    ] {
        refused(
            builder().allow_plain_http(given).build(),
            "allow_plain_http",
            &["was given", "one host's name, without scheme, port or path"],
        );
    }
    for given in [
        "api.mch.weixin.qq.com",
        "API2.mch.weixin.qq.com.",
        "api.wechatpay.cn",
        "payapp.weixin.qq.com",
        "anything.wechatpay.cn",
    ] {
        refused(
            builder().allow_plain_http(given).build(),
            "allow_plain_http",
            &[
                given.to_ascii_lowercase().as_str(),
                "only spoken to by https",
            ],
        );
    }
}

#[test]
fn the_sandboxs_public_keys_are_for_the_sandbox_alone() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let platform = || (sandbox.platform_serial(), sandbox.platform_public_key());
    let said = [
        "a key of the sandbox, which everyone has",
        "the merchant's own keys",
        "loopback",
    ];
    let own = || {
        let (serial, key) = platform();
        Client::builder()
            .mchid(sandbox.mchid())
            .serial(sandbox.merchant_serial())
            .private_key(sandbox.merchant_private_key())
            .cert(serial, key)
    };
    refused(own().build(), "private_key", &["api.mch.weixin.qq.com"]);
    refused(own().build(), "private_key", &said);
    for host in [
        "https://api2.mch.weixin.qq.com/",
        "https://h:8443/",
        "https://10.0.0.1/",
    ] {
        refused(own().base_uri(host).build(), "private_key", &said);
    }
    // The gateway's own key is no better.
    let (serial, key) = platform();
    let verifying = without_platform().cert(serial, key).build();
    refused(verifying, "certs", &said);
    // Nor is any other that it publishes.
    let pair = builder().merchant(
        sandbox.merchant_certificate(),
        sandbox.merchant_private_key(),
    );
    refused(pair.build(), "merchant.key", &said);
    refused(builder().secret(sandbox.secret()).build(), "secret", &said);
    let decrypting = builder().apiv3_key(sandbox.apiv3_key());
    refused(decrypting.build(), "apiv3_key", &said);
    own().base_uri("https://127.0.0.1/").build().unwrap();
    let named = own()
        .allow_plain_http("sandbox")
        .base_uri("https://sandbox/");
    named.build().unwrap();

    let client = sandbox.client();
    for host in [
        "https://api.mch.weixin.qq.com/",
        "https://api.wechatpay.cn",
        "https://h/",
    ] {
        for path in ["v3/certificates", "v3/pay/transactions/native"] {
            let call = || client.chain(path).get().base_uri(host);
            refused(call().into_http(), "private_key", &said);
            refused(call().wait(), "private_key", &said);
        }
        let options = json!({ "base_uri": host });
        let call = client.chain("v3/certificates").request("GET", options);
        refused(call.into_http(), "private_key", &said);
    }
    let address = "https://api.mch.weixin.qq.com/v3/billdownload/file?token=x";
    let error = client.url(address).into_http().unwrap_err();
    check_message(&error);
    assert!(matches!(error, Error::Request(_)), "{error}");
    for part in [
        "url: ",
        "the sandbox's keys, which everyone has",
        "an address of the sandbox",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(sandbox.received().len(), 0);
    assert_eq!(sandbox.connections(), 0);
}

#[test]
fn a_root_certificate_is_pem_text_or_a_file() {
    let wanted = "one or more certificates, as PEM text or as file:///absolute/path";
    let two = format!("{MERCHANT_CERTIFICATE}{PLATFORM_CERTIFICATE}");
    let folder = Folder::new("roots");
    let file = folder.write("roots.pem", two.as_bytes());
    for given in [MERCHANT_CERTIFICATE, &two, &file, &format!(" {file}\n")] {
        builder().root_certificate(given).build().unwrap();
    }
    for given in [
        two.replace('\n', "\r\n"),
        two.replace('\n', "\\n"),
        format!("\u{feff}{two}"),
        format!("subject=CN = x, O = y\n{two}"),
    ] {
        builder().root_certificate(given).build().unwrap();
    }
    let missing = folder.address("missing.pem");
    let broken = MERCHANT_CERTIFICATE.replace("MII", "M!I");
    let truncated = MERCHANT_CERTIFICATE.get(..400).unwrap();
    let key_on_one_line = MERCHANT_KEY.replace('\n', " ");
    let million = "x".repeat(1 << 20);
    let far = format!("file:///{million}");
    let key_as_address = format!("file://{MERCHANT_KEY}");
    for (given, said) in [
        ("", "0 bytes without a certificate"),
        ("/etc/ssl/ca.pem", "bytes without a certificate"),
        (MERCHANT_KEY, "without a certificate"),
        (&missing, "missing.pem can't be read"),
        ("file://ca.pem", "not absolute"),
        ("file:///a\0b\n/c", "can't be read"),
        (&far, "can't be read"),
        (&key_as_address, "not absolute"),
        (&broken, "broken PEM"),
        (truncated, "broken PEM"),
        (&key_on_one_line, "broken PEM"),
        (&million, "1048576 bytes without a certificate"),
        ("😀", "4 bytes without a certificate"),
    ] {
        refused(
            builder().root_certificate(given).build(),
            "root_certificate",
            &[said, wanted],
        );
    }
    let der = builder().root_certificate([0x30, 0x82, 0xff, 0x00]).build();
    refused(
        der,
        "root_certificate",
        &["4 bytes without a certificate", wanted],
    );
    let empty = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
    assert!(matches!(
        builder().root_certificate(empty).build(),
        Err(Error::Config(_))
    ));
}

#[test]
fn a_header_that_cannot_be_sent_is_an_error_of_build() {
    let client = builder().header(" X-Trace ", " 追踪 ").build().unwrap();
    let request = client.chain("v3/a").get().into_http().unwrap();
    assert_eq!(request.headers()["x-trace"].as_bytes(), "追踪".as_bytes());
    let million = "x y".repeat(1 << 20);
    for (name, value, said) in [
        ("", "a", r#""" is no name of a header"#),
        ("X Trace", "a", r#""X Trace" is no name"#),
        ("X-Trace:", "a", r#""X-Trace":… is no name"#),
        ("X\r\nEvil", "a", r#""X\r\nEvil" is no name"#),
        ("X\0", "a", r#""X\0" is no name"#),
        ("追踪", "a", "追踪"),
        (&million, "a", "is no name"),
        ("X-Trace", "a\r\nEvil: 1", "x-trace holds a line break"),
        ("X-Trace", "a\0b", "x-trace holds a line break"),
        ("Host", "h", "the header host belongs to the connection"),
        ("Content-Length", "1", "content-length belongs"),
        ("transfer-encoding", "chunked", "transfer-encoding belongs"),
        ("CONNECTION", "close", "connection belongs"),
    ] {
        refused(builder().header(name, value).build(), "headers", &[said]);
        let error = offline()
            .chain("v3/a")
            .get()
            .header(name, value)
            .into_http()
            .unwrap_err();
        check_message(&error);
        assert!(matches!(error, Error::Request(_)), "{error}");
        assert!(error.to_string().contains(said), "{error}");
        let error = Client::factory(factory_with("headers", json!({ name: value }))).unwrap_err();
        check_message(&error);
        assert!(matches!(error, Error::Config(_)), "{error}");
    }
}

#[test]
fn a_limit_of_zero_is_no_limit() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let (serial, key) = (sandbox.platform_serial(), sandbox.platform_public_key());
    let coupon = json!({
        "openid": "o", "appid": "wx1234567889999", "stock_id": "12312354",
        "out_request_no": "2335465", "coupon_type": "NORMAL",
    });
    for limit in [Duration::ZERO, Duration::MAX] {
        let client = Client::builder()
            .mchid(sandbox.mchid())
            .serial(sandbox.merchant_serial())
            .private_key(sandbox.merchant_private_key())
            .cert(serial, key)
            .root_certificate(sandbox.root_certificate().unwrap())
            .base_uri(sandbox.base_uri())
            .timeout(limit)
            .connect_timeout(limit)
            .build()
            .unwrap();
        let path = client.chain("v3/marketing/busifavor/product-coupons/send");
        assert_eq!(path.post(coupon.clone()).wait().unwrap().status(), 200);
    }
    let seconds = "seconds as a number, such as 30 or 2.5; 0 is no limit";
    for name in ["timeout", "connect_timeout"] {
        for given in [json!(0), json!(0.0), json!(2.5), json!(30), json!(1e15)] {
            Client::factory(factory_with(name, given)).unwrap();
        }
        for (given, said) in [
            (json!(-1), "-1"),
            (json!(1e300), "was given"),
            (json!("30"), "a text"),
            (json!("x".repeat(1 << 20)), "was given"),
            (json!(null), "null"),
            (json!(true), "true"),
            (json!({ "a": ["b"] }), "was given"),
        ] {
            refused(
                Client::factory(factory_with(name, given)),
                name,
                &[said, seconds],
            );
        }
    }
}

/// PHP's array with everything of APIv3.
fn factory() -> Value {
    json!({
        "mchid": MCHID,
        "serial": MERCHANT_SERIAL,
        "privateKey": MERCHANT_KEY,
        "certs": { PLATFORM_SERIAL.trim(): PLATFORM_CERTIFICATE, PUBLIC_KEY_ID: PLATFORM_PUBLIC },
    })
}

fn factory_with(name: &str, value: Value) -> Value {
    let mut settings = factory();
    settings[name] = value;
    settings
}

#[test]
fn the_factory_takes_phps_keys() {
    let folder = Folder::new("factory");
    let key = folder.write("apiclient_key.pem", MERCHANT_KEY.as_bytes());
    let certificate = folder.write("apiclient_cert.pem", MERCHANT_CERTIFICATE.as_bytes());
    let client = Client::factory(json!({
        "mchid": 1_900_000_109,
        "serial": MERCHANT_SERIAL,
        "privateKey": key,
        "certs": { PUBLIC_KEY_ID: PLATFORM_PUBLIC },
        "apiv3Key": APIV3_KEY,
        "secret": SECRET,
        "merchant": { "cert": certificate, "key": key },
        "base_uri": "https://api2.mch.weixin.qq.com/hk",
        "headers": { "X-Trace": "on", "X-Number": 1 },
        "timeout": 2.5,
        "connect_timeout": 0,
        "http_errors": true,
        "verify": true,
        "allow_redirects": false,
        "debug": true,
    }))
    .unwrap();
    let request = client.chain("v3/a").get().into_http().unwrap();
    assert_eq!(request.uri(), "https://api2.mch.weixin.qq.com/hk/v3/a");
    assert_eq!(request.headers()["x-trace"], "on");
    assert_eq!(request.headers()["x-number"], "1");
    let header = request.headers()["authorization"].to_str().unwrap();
    assert!(header.contains("mchid=\"1900000109\""), "{header}");
    Client::factory(factory()).unwrap();
    // PHP's empty array.
    let mut without = factory();
    without["certs"] = json!([]);
    without["apiv3Key"] = json!(APIV3_KEY);
    Client::factory(without).unwrap();
}

#[test]
fn the_factorys_placeholders_mean_not_configured() {
    let placeholders = json!({
        "mchid": MCHID, "serial": "nop", "privateKey": "any", "certs": { "any": null },
    });
    refused(
        Client::factory(placeholders.clone()),
        "settings",
        &["APIv2", "secret"],
    );
    let mut settings = placeholders;
    settings["secret"] = SECRET.into();
    let client = Client::factory(settings).unwrap();
    refused(
        client.chain("v3/a").get().into_http(),
        "APIv3",
        &["APIv2's settings only"],
    );
    let serial = Client::factory(factory_with("serial", json!("nop")));
    refused(serial, "serial", &["nothing was given"]);
    let key = Client::factory(factory_with("privateKey", json!("any")));
    refused(key, "private_key", &["nothing was given"]);
    let certs = Client::factory(factory_with("certs", json!({ "any": null })));
    refused(certs, "certs", &["nothing was given"]);
    // Only these.
    refused(
        Client::factory(factory_with("certs", json!({ "other": null }))),
        "certs",
        &["null"],
    );
    refused_key(
        Client::factory(factory_with("privateKey", json!("nop"))),
        "private_key",
        &[],
    );
}

#[test]
fn the_factory_refuses_what_it_does_not_know_and_what_is_no_object() {
    for (given, said) in [
        (Value::Null, "null"),
        (json!([]), "a list"),
        (json!("mchid"), "a text"),
        (json!(1), "a number"),
    ] {
        refused(
            Client::factory(given),
            "factory",
            &[said, "an object such as json!({"],
        );
    }
    let million = "x".repeat(1 << 20);
    for name in [
        "mch_id",
        "private_key",
        "apiv3_key",
        "privatekey",
        "",
        "json2",
        "a\nb\0",
        "😀",
    ] {
        let error = Client::factory(factory_with(name, json!(SECRET))).unwrap_err();
        check_message(&error);
        let message = error.to_string();
        assert!(matches!(error, Error::Config(_)), "{message}");
        for known in [
            "mchid",
            "privateKey",
            "apiv3Key",
            "certs",
            "connect_timeout",
        ] {
            assert!(message.contains(known), "{known:?} is not in: {message}");
        }
    }
    let error = Client::factory(factory_with(&million, json!(1))).unwrap_err();
    check_message(&error);
    for name in ["serial", "privateKey", "apiv3Key", "secret", "base_uri"] {
        for (value, said) in [
            (Value::Null, "null"),
            (json!(1), "a number"),
            (json!([SECRET]), "a list"),
            (json!({ "a": SECRET }), "an object"),
        ] {
            let wanted = match name {
                "privateKey" => "PEM text",
                _ => "a text",
            };
            refused(
                Client::factory(factory_with(name, value)),
                name,
                &[said, wanted],
            );
        }
    }
    for (name, value) in [
        ("mchid", json!(null)),
        ("mchid", json!(1.5)),
        ("mchid", json!(-1)),
        ("certs", json!([])),
        ("certs", json!(null)),
        ("certs", json!("file:///x")),
        ("certs", json!({ PUBLIC_KEY_ID: 1 })),
        ("merchant", json!("file:///x")),
        ("headers", json!("X-Trace: on")),
        ("headers", json!({ "X-Trace": { "a": 1 } })),
    ] {
        refused(Client::factory(factory_with(name, value)), name, &[]);
    }
}

#[test]
fn the_factory_takes_a_key_with_its_passphrase_and_shows_neither() {
    let merchant = |cert: Value, key: Value| {
        Client::factory(factory_with(
            "merchant",
            json!({ "cert": cert, "key": key }),
        ))
    };
    // The passphrase of the test key is its merchant number.
    let list = |passphrase: &str| json!([ENCRYPTED, passphrase]);
    let certificate = json!(MERCHANT_CERTIFICATE);
    merchant(certificate.clone(), list("1900000109")).unwrap();
    refused_key(
        merchant(certificate.clone(), list(SECRET)),
        "merchant.key",
        &["this passphrase does not open"],
    );
    for (given, said) in [
        (json!(null), "null"),
        (json!(1), "a number"),
        (json!([ENCRYPTED]), "another list"),
        (json!([ENCRYPTED, 1]), "another list"),
    ] {
        let wanted = "a list of that and its passphrase";
        refused(
            merchant(given.clone(), json!(MERCHANT_KEY)),
            "merchant.cert",
            &[said, wanted],
        );
        refused(
            merchant(certificate.clone(), given),
            "merchant.key",
            &[said, wanted],
        );
    }
}

#[test]
fn each_of_guzzles_client_options_is_an_error_that_names_the_way() {
    for (name, value, way) in [
        ("http_errors", json!(false), "Error::Api"),
        ("verify", json!(false), ".root_certificate(pem)"),
        ("verify", json!("/path/ca.pem"), ".root_certificate(pem)"),
        (
            "proxy",
            json!({ "https": "http://user:exposed_your_key_here_have_risks@proxy:1" }),
            ".proxy(address)",
        ),
        ("handler", json!({}), "leave it out"),
        ("allow_redirects", json!(true), "never followed"),
        ("allow_redirects", json!({ "max": 3 }), "never followed"),
        ("curl", json!({}), "leave it out"),
        ("cookies", json!(true), "`headers`"),
        ("cert", json!("/path/cert.pem"), ".merchant(cert, key)"),
        (
            "ssl_key",
            json!(["/path/key.pem", SECRET]),
            ".merchant(cert, key)",
        ),
        ("auth", json!(["user", SECRET]), "signed by itself"),
        ("sink", json!("/tmp/file"), ".download(path)"),
        ("stream", json!(true), ".stream()"),
        ("multipart", json!([]), "Media::from_path"),
        ("form_params", json!({}), "no forms"),
        ("delay", json!(100), "leave it out"),
        ("decode_content", json!(false), "leave it out"),
        ("version", json!(2.0), "leave it out"),
        ("force_ip_resolve", json!("v4"), "leave it out"),
        ("read_timeout", json!(1), ".idle_timeout(duration)"),
        ("on_stats", json!(null), "tracing"),
        ("json", json!({}), "request"),
        ("query", json!({}), "request"),
        ("body", json!("x"), "request"),
    ] {
        refused(Client::factory(factory_with(name, value)), name, &[way]);
    }
}

/// A folder of this test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("wechatpay-chain settings {name} {}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Writes a file; its `file://` address comes back.
    fn write(&self, name: &str, content: &[u8]) -> String {
        fs::write(self.0.join(name), content).unwrap();
        self.address(name)
    }

    fn address(&self, name: &str) -> String {
        format!("file://{}", self.0.join(name).display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn private<K>(key: K) -> Result<Client>
where
    K: TryInto<PrivateKey>,
    K::Error: Into<Error>,
{
    builder().private_key(key).build()
}

fn public<K>(key: K) -> Result<Client>
where
    K: TryInto<PublicKey>,
    K::Error: Into<Error>,
{
    without_platform().cert(PUBLIC_KEY_ID, key).build()
}

#[test]
fn a_key_is_taken_from_each_type_of_text_and_from_a_file() {
    private(MERCHANT_KEY).unwrap();
    let owned = MERCHANT_KEY.to_owned();
    private(&owned).unwrap();
    private(owned).unwrap();
    private(MERCHANT_KEY.as_bytes()).unwrap();
    private(PrivateKey::from_pem(MERCHANT_PKCS1).unwrap()).unwrap();
    public(PLATFORM_PUBLIC).unwrap();
    let owned = PLATFORM_PUBLIC.to_owned();
    public(&owned).unwrap();
    public(owned).unwrap();
    public(PLATFORM_PUBLIC.as_bytes()).unwrap();
    public(PublicKey::from_pem(PLATFORM_PUBLIC).unwrap()).unwrap();
    let folder = Folder::new("密钥 😀");
    let forms = |text: &str| {
        [
            text.to_owned(),
            text.replace('\n', "\r\n"),
            text.replace('\n', "\\n"),
            text.replace('\n', "\\r\\n"),
            text.replace('\n', "\n\n  "),
            text.trim_end().to_owned(),
            format!("\u{feff}{text}"),
            format!("\n \t{text}\n\n"),
        ]
    };
    for key in [MERCHANT_KEY, MERCHANT_PKCS1]
        .iter()
        .flat_map(|key| forms(key))
    {
        private(key.as_str()).unwrap();
        let file = folder.write("a key.pem", key.as_bytes());
        private(file.as_str()).unwrap();
        private(format!(" {file}\n")).unwrap();
        private(file.as_bytes()).unwrap();
    }
    for key in forms(PLATFORM_PUBLIC) {
        public(key.as_str()).unwrap();
        public(folder.write("pub_key.pem", key.as_bytes())).unwrap();
    }
    for certificate in forms(PLATFORM_CERTIFICATE) {
        let file = folder.write("wechatpay.pem", certificate.as_bytes());
        for given in [certificate, file] {
            without_platform()
                .platform_certificate(given)
                .build()
                .unwrap();
        }
    }
}

#[test]
fn a_private_key_in_another_form_says_what_was_seen() {
    let folder = Folder::new("private");
    let body = |pem: &str| {
        pem.lines()
            .filter(|line| !line.starts_with('-'))
            .collect::<String>()
    };
    let altered = MERCHANT_KEY.replacen("KYwggSi", "KYwg!Si", 1);
    let swapped = MERCHANT_KEY.replacen("MIIEv", "MIIEu", 1);
    let cut = |at: usize| MERCHANT_KEY.get(..at).unwrap().to_owned();
    let short_of_a_line = MERCHANT_KEY.replacen("M\nmWAK", "M\n", 1);
    let without_a_line = {
        let lines: Vec<_> = MERCHANT_KEY.lines().collect();
        [&lines[..5], &lines[6..]].concat().join("\n")
    };
    let dashes = MERCHANT_KEY.replacen("KEY-----", "KEY----", 1);
    let another_end = MERCHANT_KEY.replace("END PRIVATE", "END RSA PRIVATE");
    let legacy = MERCHANT_PKCS1.replacen(
        "KEY-----\n",
        "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n",
        1,
    );
    let request = MERCHANT_KEY.replace("PRIVATE KEY", "CERTIFICATE REQUEST");
    let strange = MERCHANT_KEY.replace("PRIVATE KEY", "OPENSSH PRIVATE KEY");
    let pkcs1_as_pkcs8 = MERCHANT_PKCS1.replace("RSA PRIVATE", "PRIVATE");
    for (text, seen) in [
        (String::new(), "empty"),
        (" \r\n".to_owned(), "empty"),
        (body(EC_KEY), "another algorithm than RSA"),
        (EC_KEY.to_owned(), "another algorithm than RSA"),
        (RSA1024_KEY.to_owned(), "fewer than 2048 bits"),
        (ENCRYPTED.to_owned(), "an encrypted private key"),
        (legacy, "Proc-Type: 4,ENCRYPTED"),
        (
            MERCHANT_CERTIFICATE.to_owned(),
            "a certificate (CERTIFICATE)",
        ),
        (MERCHANT_PUBLIC.to_owned(), "a public key (PUBLIC KEY)"),
        (request, "a certificate request"),
        (strange, "another kind of PEM (OPENSSH PRIVATE KEY)"),
        (cut(24), "without its closing dashes"),
        (cut(300), "without its END line"),
        (cut(MERCHANT_KEY.len() - 8), "without its END line"),
        (another_end, "without its END line"),
        (altered, "no base64, so it was cut or altered"),
        (short_of_a_line, "PRIVATE KEY"),
        (without_a_line, "content is no RSA private key"),
        (swapped, "content is no RSA private key"),
        (pkcs1_as_pkcs8, "content is no RSA private key"),
        (dashes, "without its closing dashes"),
        (
            "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----".to_owned(),
            "PRIVATE KEY",
        ),
        ("-----BEGIN -----\nAAAA\n-----END -----".to_owned(), "PEM"),
        ("\0".to_owned(), "no PEM"),
        ("😀".repeat(1 << 18), "no PEM"),
        ("A".repeat(1 << 20), "bare base64"),
        (
            format!("-----BEGIN {}", "A".repeat(1 << 20)),
            "without its closing dashes",
        ),
        (
            format!("-----BEGIN {}-----", "A".repeat(1 << 20)),
            "without its closing dashes",
        ),
        (
            "-----BEGIN \u{1b}[2J\0-----".to_owned(),
            "without its closing dashes",
        ),
        ("any".to_owned(), "no BEGIN line"),
    ] {
        refused_key(
            private(text.as_str()),
            "private_key",
            &[seen, "an RSA private key of at least"],
        );
        if !text.contains("://") {
            let file = folder.write("apiclient_key.pem", text.as_bytes());
            refused_key(
                private(file),
                "private_key",
                &[seen, "apiclient_key.pem", "openssl "],
            );
        }
    }
    let mut der = PEM_DER.to_vec();
    der.push(0xff);
    refused_key(
        private(der.as_slice()),
        "private_key",
        &["no key, certificate or PKCS#12 file in DER"],
    );
    let file = folder.write("key.der", &der);
    refused_key(
        private(file),
        "private_key",
        &["no key, certificate or PKCS#12 file in DER", "key.der"],
    );
}

/// The start of a PKCS#8 key as DER.
const PEM_DER: &[u8] = &[0x30, 0x82, 0x04, 0xbc, 0x02, 0x01, 0x00, 0x30];

#[test]
fn a_public_key_in_another_form_says_what_was_seen() {
    let pkcs1 = PLATFORM_PUBLIC.replace("PUBLIC KEY", "RSA PUBLIC KEY");
    let cut_certificate = {
        let lines: Vec<_> = PLATFORM_CERTIFICATE.lines().collect();
        [&lines[..5], &lines[6..]].concat().join("\n")
    };
    let as_spki = PLATFORM_CERTIFICATE.replace("CERTIFICATE", "PUBLIC KEY");
    let as_certificate = PLATFORM_PUBLIC.replace("PUBLIC KEY", "CERTIFICATE");
    let setting = format!("certs[{PUBLIC_KEY_ID:?}]");
    for (text, seen) in [
        (String::new(), "empty"),
        (MERCHANT_KEY.to_owned(), "a private key (PRIVATE KEY)"),
        (
            MERCHANT_PKCS1.to_owned(),
            "a PKCS#1 private key (RSA PRIVATE KEY)",
        ),
        (pkcs1, "whose DER is broken"),
        (cut_certificate, "a certificate whose DER is broken"),
        (as_certificate, "a certificate whose DER is broken"),
        (as_spki, "a public key whose DER is broken"),
        (EC_PUBLIC.to_owned(), "another algorithm than RSA"),
        (RSA1024_PUBLIC.to_owned(), "fewer than 2048 bits"),
        (PUBLIC_KEY_ID.to_owned(), "no BEGIN line"),
        (
            PLATFORM_PUBLIC.get(..200).unwrap().to_owned(),
            "without its END line",
        ),
    ] {
        let wanted =
            "an RSA public key (SPKI or PKCS#1) of at least 2048 bits or an X.509 certificate";
        refused_key(public(text.as_str()), &setting, &[seen, wanted]);
        let certificate = without_platform()
            .platform_certificate(text.as_str())
            .build();
        refused_key(certificate, "platform_certificate", &[seen, wanted]);
        let merchant = builder().merchant_certificate(text).build();
        refused_key(merchant, "merchant_certificate", &[seen, wanted]);
    }
    // Serial and key the wrong way round.
    refused_key(
        without_platform()
            .cert(PLATFORM_PUBLIC, PUBLIC_KEY_ID)
            .build(),
        "certs[",
        &["no BEGIN line"],
    );
    let odd = without_platform()
        .cert("\0\n😀".repeat(1 << 18), "x")
        .build();
    refused_key(odd, "certs[", &[r"\0\n😀"]);
}

#[test]
fn a_path_is_shown_and_given_as_a_file_address() {
    let folder = Folder::new("paths");
    let file = folder.write("apiclient_key.pem", MERCHANT_KEY.as_bytes());
    let path = file.strip_prefix("file://").unwrap();
    let refused_path = |given: &str, parts: &[&str]| {
        refused_key(private(given), "private_key", parts);
        refused_key(public(given), "certs[", parts);
    };
    let like_a_path = "looks like a path; a path is given as file:///absolute/path";
    refused_path(path, &[path, like_a_path]);
    for given in [
        "/etc/wechatpay/apiclient_key.pem",
        "certs/wechatpay.pem",
        "./missing/key",
        "apiclient_key.pem",
        r"C:\certs\apiclient_key.pem",
        " /etc/wechatpay/apiclient_key.pem\n",
    ] {
        refused_path(given, &[&format!("{:?}", given.trim()), "no such file"]);
    }
    for given in [
        "file://apiclient_key.pem",
        "file://./a.pem",
        "file://",
        "file://~/a.pem",
    ] {
        refused_path(given, &["path is not absolute"]);
    }
    let far = format!("file:///{}", "a/".repeat(1 << 19));
    for given in [
        folder.address("missing.pem").as_str(),
        &folder.address(""),
        "file:///a\0b",
        "file:///a\nb\u{1b}",
        "file:///😀.pem",
        &far,
    ] {
        refused_path(given, &["can't be read: "]);
    }
    refused_path(&folder.address("missing.pem"), &["missing.pem"]);
    for given in [
        format!("file://{MERCHANT_KEY}"),
        format!("file:///{MERCHANT_KEY}"),
    ] {
        refused_path(&given, &[]);
    }
}

#[test]
fn a_short_key_of_another_algorithm_is_not_taken_for_a_path_and_shown() {
    // An Ed25519 key with slashes in it, made up.
    let body = "MC4CAQAwBQYDK2VwBCIEIP//made/up/made/up/made/up/made/up/made/up";
    let pem = format!("-----BEGIN PRIVATE KEY-----\\n{body}\\n-----END PRIVATE KEY-----");
    let ec = EC_KEY
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect::<String>();
    for given in [
        body.to_owned(),
        ec.clone(),
        pem.clone(),
        format!("\"{pem}\""),
        format!("key: {pem}"),
        pem.replace("-----END PRIVATE KEY-----", ""),
        format!("'{}", pem.replace("BEGIN", "begin")),
    ] {
        for error in [
            private(given.as_str()).unwrap_err(),
            public(given.as_str()).unwrap_err(),
        ] {
            check_message(&error);
            assert!(matches!(error, Error::Key(_)), "{error}");
            let message = format!("{error} {error:?}");
            for part in [body.get(20..40).unwrap(), ec.get(60..80).unwrap()] {
                assert!(!message.contains(part), "{message}");
            }
        }
    }
}

/// What [`child_of_the_environment`] writes: `built`, or the error.
fn from_env(variables: &[(String, String)]) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([
        "--exact",
        "settings::child_of_the_environment",
        "--nocapture",
    ]);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WECHATPAY_") {
            child.env_remove(name);
        }
    }
    child.env("SETTINGS_CHILD", "1");
    child.envs(variables.iter().map(|(name, value)| (name, value)));
    let output = child.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let (_, text) = text.split_once("<<").unwrap();
    text.split_once(">>").unwrap().0.to_owned()
}

/// Does nothing but in a process that [`from_env`] started.
#[test]
fn child_of_the_environment() {
    if std::env::var_os("SETTINGS_CHILD").is_none() {
        return;
    }
    let said = match Client::from_env() {
        Err(error) => {
            check_message(&error);
            format!("{error:?}")
        }
        Ok(client) => match std::env::var("SETTINGS_CHILD_PATH") {
            Err(_) => "built".to_owned(),
            Ok(path) => match client.chain(path).post(json!({ "stock_id": "1" })).wait() {
                Ok(response) => response.status().to_string(),
                Err(error) => format!("{error:?}"),
            },
        },
    };
    writeln!(io::stdout(), "<<{said}>>").unwrap();
}

#[test]
fn the_environment_of_the_sandbox_is_all_that_another_process_needs() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let mut variables = sandbox.environment();
    let path = "v3/marketing/busifavor/product-coupons/send".to_owned();
    variables.push(("SETTINGS_CHILD_PATH".to_owned(), path));
    let said = from_env(&variables);
    // Its signature was right and its answer verified: only fields are wanting.
    assert!(said.contains("PARAM_ERROR"), "{said}");
    assert!(sandbox.received()[0].authenticated());
}

#[test]
fn a_variable_that_is_missing_or_wrong_is_named() {
    let certs = format!("{}={PLATFORM_CERTIFICATE}", PLATFORM_SERIAL.trim());
    let with = |changes: &[(&str, &str)]| {
        let mut variables = vec![
            ("WECHATPAY_MCHID", MCHID),
            ("WECHATPAY_SERIAL", MERCHANT_SERIAL),
            ("WECHATPAY_PRIVATE_KEY", MERCHANT_KEY),
            ("WECHATPAY_CERTS", certs.as_str()),
        ];
        variables.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        variables.extend(changes);
        let owned = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        from_env(&owned.collect::<Vec<_>>())
    };
    assert_eq!(with(&[]), "built");
    let folder = Folder::new("environment");
    let key = folder.write("apiclient_key.pem", MERCHANT_KEY.as_bytes());
    let platform = folder.write("pub_key.pem", PLATFORM_PUBLIC.as_bytes());
    let two = format!("{certs}, {PUBLIC_KEY_ID} = {platform}");
    assert_eq!(
        with(&[("WECHATPAY_PRIVATE_KEY", &key), ("WECHATPAY_CERTS", &two)]),
        "built"
    );
    let certificate = [
        ("WECHATPAY_SERIAL", ""),
        ("WECHATPAY_MERCHANT_CERT", MERCHANT_CERTIFICATE),
        ("WECHATPAY_CA", MERCHANT_CERTIFICATE),
        ("WECHATPAY_APIV3_KEY", APIV3_KEY),
        ("WECHATPAY_SECRET", ""),
    ];
    assert_eq!(with(&certificate), "built");

    for (variable, value, said) in [
        ("WECHATPAY_MCHID", "", "nothing was given"),
        ("WECHATPAY_MCHID", "abc", "abc"),
        ("WECHATPAY_SERIAL", "", "nothing was given"),
        ("WECHATPAY_SERIAL", "A:B", "A:B"),
        ("WECHATPAY_PRIVATE_KEY", "", "nothing was given"),
        (
            "WECHATPAY_PRIVATE_KEY",
            "apiclient_key.pem",
            "looks like a path",
        ),
        (
            "WECHATPAY_PRIVATE_KEY",
            ENCRYPTED,
            "an encrypted private key",
        ),
        ("WECHATPAY_CERTS", "", "nothing was given"),
        (
            "WECHATPAY_CERTS",
            "=file:///x",
            "entry 1 has no serial before its `=`",
        ),
        (
            "WECHATPAY_CERTS",
            "AB=",
            "entry 1 has no key behind its `=`",
        ),
        ("WECHATPAY_CERTS", "file:///x", "entry 1 has no `=`"),
        ("WECHATPAY_CERTS", "AB=file:///x, ", "entry 2 is empty"),
        ("WECHATPAY_CERTS", "AB=file:///missing.pem", "can't be read"),
        ("WECHATPAY_CERTS", "AB=missing.pem", "no such file"),
        ("WECHATPAY_APIV3_KEY", "short", "5 bytes were given"),
        ("WECHATPAY_SECRET", " x", "white space"),
        (
            "WECHATPAY_MERCHANT_CERT",
            MERCHANT_PUBLIC,
            "no serial number",
        ),
        ("WECHATPAY_BASE_URI", "h", "no scheme and host"),
        ("WECHATPAY_CA", "x", "without a certificate"),
    ] {
        let error = with(&[(variable, value)]);
        assert!(
            error.starts_with("Config(") || error.starts_with("Key("),
            "{error}"
        );
        assert!(error.contains(variable), "{variable}: {error}");
        assert!(error.contains(said), "{said:?} is not in: {error}");
    }
}

#[test]
fn no_debug_output_shows_a_secret() {
    let builder = builder()
        .apiv3_key(APIV3_KEY)
        .secret(SECRET)
        .merchant(MERCHANT_CERTIFICATE, MERCHANT_KEY);
    let mut text = format!("{builder:?}");
    let client = builder.build().unwrap();
    text += &format!("{client:?} {:?}", PrivateKey::from_pem(MERCHANT_KEY));
    for secret in [APIV3_KEY, SECRET, "MII", "BEGIN"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn the_first_mistake_counts_and_no_later_setter_hides_it() {
    let twice = builder()
        .private_key("a.pem")
        .header("a b", "")
        .private_key(MERCHANT_KEY);
    refused_key(twice.build(), "private_key", &["a.pem"]);
    let header = builder().header("a b", "").private_key("a.pem").mchid("");
    refused(header.build(), "headers", &["a b"]);
}

#[test]
fn a_key_that_was_given_as_another_setting_is_not_shown() {
    let body: String = MERCHANT_KEY
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    for key in [MERCHANT_KEY, &body] {
        for error in [
            builder().serial(key).build().unwrap_err(),
            builder().mchid(key).build().unwrap_err(),
            builder().base_uri(key).build().unwrap_err(),
            builder().allow_plain_http(key).build().unwrap_err(),
            builder().cert(key, PLATFORM_PUBLIC).build().unwrap_err(),
            builder().cert(key, "x").build().unwrap_err(),
            builder().root_certificate(key).build().unwrap_err(),
            builder().apiv3_key(key).build().unwrap_err(),
            builder().header(key, "a").build().unwrap_err(),
        ] {
            check_message(&error);
            assert!(!error.to_string().contains(&body[..40]), "{error}");
        }
    }
}

#[test]
fn the_pair_for_mutual_tls_belongs_together_and_to_the_private_key() {
    let v2 = || Client::builder().mchid(MCHID).secret(SECRET);
    for builder in [builder(), v2()] {
        builder
            .merchant(MERCHANT_CERTIFICATE, MERCHANT_KEY)
            .build()
            .unwrap();
    }
    for builder in [builder(), v2()] {
        let pair = builder.merchant(MERCHANT_CERTIFICATE, PLATFORM_KEY);
        refused(pair.build(), "merchant.key", &["does not belong"]);
    }
    let another = builder()
        .private_key(PLATFORM_KEY)
        .cert("AB12", PLATFORM_PUBLIC);
    let another = another.merchant(MERCHANT_CERTIFICATE, MERCHANT_KEY);
    assert!(another.build().is_err());
    let pair = v2().merchant("apiclient_cert.pem", MERCHANT_KEY);
    refused_key(pair.build(), "merchant.cert", &["looks like a path"]);
}

#[test]
fn seconds_in_options_may_be_fractions_and_zero_is_no_limit() {
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    let chain = |timeout: Value| {
        let settings = json!({
            "mchid": sandbox.mchid(), "serial": sandbox.merchant_serial(),
            "privateKey": sandbox.merchant_private_key(),
            "certs": { sandbox.platform_serial(): sandbox.platform_public_key() },
            "base_uri": sandbox.base_uri(), "timeout": timeout, "connect_timeout": 0,
        });
        Client::factory(settings).unwrap().chain("v3/x")
    };
    let (hurried, patient) = (chain(json!(0.5)), chain(json!(0)));
    let fraction = json!({ "timeout": 0.5 });
    for request in [hurried.get(), patient.request("GET", fraction)] {
        sandbox.misbehave(Misbehaviour::Delay(Duration::from_secs(20)));
        let error = request.wait().unwrap_err();
        assert!(error.is_timeout() && error.may_have_been_sent(), "{error}");
    }
    for request in [
        patient.get(),
        hurried.get().timeout(Duration::ZERO),
        hurried.request("GET", json!({ "timeout": 0 })),
        hurried.request("GET", json!({ "timeout": 20.5, "connect_timeout": 0.0 })),
    ] {
        sandbox.misbehave(Misbehaviour::Delay(Duration::from_millis(700)));
        assert_eq!(request.wait().unwrap_err().api().unwrap().status(), 404);
    }
}
