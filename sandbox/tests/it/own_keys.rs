//! A sandbox with the settings that a program's tests have already.

use std::io::ErrorKind;
use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rcgen::{CertificateParams, SerialNumber};
use serde_json::{Value, json};
use wechatpay_chain::{Client, ClientBuilder};
use wechatpay_sandbox::{Builder, Sandbox};

use crate::client::public_key;
use crate::shop::{Ear, OK, Shop};

const MCHID: &str = "1900000999";
const SERIAL: &str = "0A8B";
const PLATFORM: &str = "PUB_KEY_ID_0119000009992026010100000000000001";
const APIV3_KEY: &str = "OwnApiv3KeyOfSomeProgramsTests01";
const SECRET: &str = "OwnApiv2KeyOfSomeProgramsTests02";

/// What lies in a program's folder of test keys, in PEM.
struct Folder {
    certificate: String,
    key: String,
    pkcs1: String,
    platform_key: String,
    platform_public_key: String,
}

static FOLDER: LazyLock<Folder> = LazyLock::new(|| {
    let merchant = pkcs8();
    let key = pem("PRIVATE KEY", &merchant);
    let platform_key = pem("PRIVATE KEY", &pkcs8());
    Folder {
        certificate: certificate_of(&key),
        // A PKCS#8 of a key of 2048 bits is this much more than its PKCS#1.
        pkcs1: pem("RSA PRIVATE KEY", &merchant[26..]),
        platform_public_key: pem("PUBLIC KEY", &public_key(&certificate_of(&platform_key))),
        platform_key,
        key,
    }
});

fn pkcs8() -> Vec<u8> {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    der.as_ref().to_vec()
}

fn pem(label: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        BASE64.encode(der)
    )
}

fn certificate_of(key: &str) -> String {
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from(0x0A8B_u64));
    let key = rcgen::KeyPair::from_pem(key).unwrap();
    params.self_signed(&key).unwrap().pem()
}

pub(crate) fn builder() -> Builder {
    Sandbox::builder()
        .mchid(MCHID)
        .merchant_key(&FOLDER.certificate, &FOLDER.key)
        .platform_key(PLATFORM, &FOLDER.platform_key)
        .apiv3_key(APIV3_KEY)
        .secret(SECRET)
}

/// The program's own client, but for the address.
fn client(sandbox: &Sandbox) -> ClientBuilder {
    let builder = Client::builder()
        .mchid(MCHID)
        .serial(SERIAL)
        .private_key(&*FOLDER.key)
        .cert(PLATFORM, &*FOLDER.platform_public_key)
        .apiv3_key(APIV3_KEY)
        .secret(SECRET)
        .merchant(&*FOLDER.certificate, &*FOLDER.key)
        .base_uri(sandbox.base_uri())
        .without_proxy();
    match sandbox.root_certificate() {
        Some(root) => builder.root_certificate(root),
        None => builder,
    }
}

fn order(out_trade_no: &str, notify_url: &str) -> Value {
    json!({
        "appid": "wx8888888888888888", "mchid": MCHID, "description": "QQ公仔",
        "out_trade_no": out_trade_no, "notify_url": notify_url, "amount": { "total": 100 },
    })
}

fn order_v2(out_trade_no: &str, notify_url: &str) -> Value {
    json!({
        "appid": "wx8888888888888888", "mch_id": MCHID, "body": "商品", "out_trade_no": out_trade_no,
        "total_fee": 100, "spbill_create_ip": "127.0.0.1", "notify_url": notify_url,
        "trade_type": "NATIVE",
    })
}

#[tokio::test]
async fn an_order_of_apiv3_lives_and_is_told_of_under_own_keys() {
    for builder in [builder(), builder().plain()] {
        let sandbox = builder.start().await.unwrap();
        let client = client(&sandbox).build().unwrap();
        let ear = Ear::open(&[OK]);
        client
            .chain("v3/pay/transactions/native")
            .post(order("OWN00001", &ear.url))
            .await
            .unwrap();
        sandbox.pay("OWN00001").unwrap();
        client
            .chain("v3/refund/domestic/refunds")
            .post(json!({
                "out_trade_no": "OWN00001", "out_refund_no": "R1", "notify_url": ear.url,
                "amount": { "refund": 40, "total": 100, "currency": "CNY" },
            }))
            .await
            .unwrap();
        sandbox.settled().await;
        let deliveries = sandbox.deliveries();
        assert_eq!(deliveries.len(), 2);
        for (delivery, number) in deliveries.iter().zip(["out_trade_no", "out_refund_no"]) {
            assert!(delivery.acknowledged());
            assert_eq!(delivery.mchid(), MCHID);
            let notification = delivery.notification();
            let headers = notification.headers();
            let told = client.notification(&headers, notification.body());
            let told = told.await.unwrap();
            assert_eq!(told.data()[number], delivery.subject());
        }
    }
}

/// APIv2's money moves with the merchant's certificate, which is the given one and no longer the
/// published one.
#[tokio::test]
async fn an_order_of_apiv2_lives_and_is_told_of_under_own_keys() {
    let published = Sandbox::builder().plain().start().await.unwrap();
    let sandbox = builder().start().await.unwrap();
    let ear = Ear::open(&[OK]);
    let client_of = |certificate: &str, key: &str| {
        let builder = client(&sandbox).merchant(certificate, key);
        builder.build().unwrap()
    };
    let ours = client_of(&FOLDER.certificate, &FOLDER.key);
    ours.chain("v2/pay/unifiedorder")
        .post(order_v2("OWN00002", &ear.url))
        .await
        .unwrap();
    sandbox.pay("OWN00002").unwrap();
    let refund = json!({
        "appid": "wx8888888888888888", "mch_id": MCHID, "out_trade_no": "OWN00002", "out_refund_no": "R2",
        "total_fee": 100, "refund_fee": 40, "notify_url": ear.url,
    });
    let theirs = client_of(
        published.merchant_certificate(),
        published.merchant_private_key(),
    );
    for (client, works) in [(theirs, false), (ours.clone(), true)] {
        let answer = client.chain("v2/secapi/pay/refund").post(refund.clone());
        assert_eq!(answer.await.is_ok(), works);
    }
    sandbox.settled().await;
    let deliveries = sandbox.deliveries();
    assert_eq!(deliveries.len(), 2);
    for (delivery, number) in deliveries.iter().zip(["out_trade_no", "out_refund_no"]) {
        let told = ours.notification_v2(delivery.notification().body());
        assert_eq!(told.unwrap().data()[number], delivery.subject());
    }
    // Those that a test makes are no others.
    for told in [
        sandbox.notification_v2(&json!({ "out_trade_no": "OWN00002" })),
        sandbox.refund_notification_v2(&json!({ "out_refund_no": "R2" })),
    ] {
        ours.notification_v2(told.body()).unwrap();
    }
}

#[tokio::test]
async fn certificates_come_under_the_own_apiv3_key() {
    let sandbox = builder().plain().start().await.unwrap();
    let certificate = &sandbox.certificates()[0];
    sandbox.sign_with(certificate.serial()).unwrap();
    // It has no platform key, and fetches what it needs.
    let client = Client::builder()
        .mchid(MCHID)
        .serial(SERIAL)
        .private_key(&*FOLDER.key)
        .apiv3_key(APIV3_KEY)
        .base_uri(sandbox.base_uri())
        .without_proxy()
        .build()
        .unwrap();
    client
        .chain("v3/pay/transactions/native")
        .post(order("OWN00003", "http://127.0.0.1:9/"))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_published_keys_are_nobodys_then() {
    let published = Sandbox::builder().plain().start().await.unwrap();
    let sandbox = builder().plain().start().await.unwrap();
    let theirs = published.client_builder().base_uri(sandbox.base_uri());
    let key = published.merchant_private_key();
    for builder in [
        theirs,
        client(&sandbox)
            .private_key(key)
            .merchant(published.merchant_certificate(), key),
    ] {
        let client = builder
            .cert(PLATFORM, &*FOLDER.platform_public_key)
            .build()
            .unwrap();
        let error = client.chain("v3/certificates").get().await.unwrap_err();
        assert_eq!(error.api().unwrap().code(), "SIGN_ERROR", "{error}");
    }
    let client = client(&sandbox).secret(published.secret()).build().unwrap();
    let ordered = client.chain("v2/pay/unifiedorder");
    let error = ordered
        .post(order_v2("OWN00004", "http://127.0.0.1:9/"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("签名错误"), "{error}");
}

/// Whatever says no number is about the first merchant.
#[tokio::test]
async fn the_own_number_is_the_first_merchants() {
    let mut shop = Shop::with(builder().merchant("1900000110")).await;
    let number = shop.order().await;
    let body = json!({ "out_trade_no": number }).to_string();
    let paid = shop.control("POST", "/_sandbox/pay", &body, &[]).await;
    assert_eq!(paid.status, 200, "{paid:?}");
    assert!(shop.sandbox.merchant(MCHID).is_some());
    assert!(shop.sandbox.merchant("1900000109").is_none());
    let another = shop.sandbox.merchant("1900000110").unwrap();
    let answer = another.client().unwrap().chain("v3/certificates").get();
    assert!(answer.await.unwrap().verified());
}

#[test]
fn everything_hands_out_own_keys() {
    let sandbox = builder()
        .merchant_key(&FOLDER.certificate, &FOLDER.pkcs1)
        .plain()
        .start_blocking()
        .unwrap();
    let certs = format!("{PLATFORM}={}", sandbox.platform_public_key());
    let environment = sandbox.environment();
    for (name, value) in [
        ("WECHATPAY_MCHID", MCHID),
        ("WECHATPAY_SERIAL", SERIAL),
        ("WECHATPAY_CERTS", &certs),
        ("WECHATPAY_APIV3_KEY", APIV3_KEY),
        ("WECHATPAY_SECRET", SECRET),
        ("WECHATPAY_MERCHANT_CERT", &FOLDER.certificate),
    ] {
        let pair = (name.to_owned(), value.to_owned());
        assert!(environment.contains(&pair), "{name}");
    }
    assert_eq!(
        public_key(sandbox.platform_public_key()),
        public_key(&FOLDER.platform_public_key)
    );
    // PKCS#1 becomes what every SDK reads.
    let key = sandbox.merchant_private_key();
    assert_eq!(key.replace('\n', ""), FOLDER.key.replace('\n', ""));
}

#[test]
fn what_cant_be_used_is_told_at_the_start_without_a_key() {
    let Folder {
        certificate,
        key,
        platform_key,
        ..
    } = &*FOLDER;
    let new = Sandbox::builder;
    let encrypted = pem("ENCRYPTED PRIVATE KEY", b"anything");
    let rows = [
        (new().mchid("19O0000109"), "mchid: \"19O0000109\" was given"),
        (new().mchid(key), "mchid: a text of 1"),
        (
            new().merchant_key("apiclient_cert.pem", key),
            "merchant_key: a text without a certificate was given",
        ),
        (
            new().merchant_key(pem("CERTIFICATE", b"anything"), key),
            "merchant_key: a certificate that can't be used",
        ),
        (
            new().merchant_key(certificate, "apiclient_key.pem"),
            "merchant_key: a text without a private key was given",
        ),
        (
            new().merchant_key(certificate, encrypted),
            "merchant_key: an encrypted private key was given",
        ),
        (
            new().merchant_key(certificate, platform_key),
            "merchant_key: a private key that does not belong to the certificate 0A8B was given",
        ),
        (
            new().platform_key(PLATFORM, pem("PRIVATE KEY", b"anything")),
            "platform_key: a private key that is not RSA's",
        ),
        (
            new().platform_key("", platform_key),
            "platform_key: \"\" was given; wanted: an ID",
        ),
        (
            new().apiv3_key("OwnApiv3Key"),
            "apiv3_key: a key of 11 bytes was given",
        ),
        (
            new().apiv3_key(format!("{APIV3_KEY}\n")),
            "apiv3_key: a key of 33 bytes, with white space around it, was given",
        ),
        (new().secret(""), "secret: a key of 0 bytes was given"),
    ];
    for (builder, expected) in rows {
        let shown = format!("{builder:?}");
        let error = builder.plain().start_blocking().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        let error = error.to_string();
        assert!(error.starts_with(expected), "{error}");
        for text in [error, shown] {
            assert!(!text.contains("-----"), "{text}");
            assert!(!text.contains("OwnApiv"), "{text}");
        }
    }
}
