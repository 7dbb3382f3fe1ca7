//! The platform certificates, and which key signs.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::StatusCode;
use serde_json::Value;
use wechatpay_chain::Client;
use wechatpay_sandbox::{Misbehaviour, PlatformCertificate, Sandbox};

use crate::client::{
    Answer, Connection, Draft, Way, decrypt, get, good, now, public_key, send, verifies,
};

const PATHS: [&str; 3] = [
    "/v3/certificates",
    "/hk/v3/certificates",
    "/v3/global/certificates",
];

async fn plain() -> Sandbox {
    Sandbox::builder().plain().start().await.unwrap()
}

fn time(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap())
}

fn entries(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, StatusCode::OK);
    answer.json()["data"].as_array().unwrap().clone()
}

fn assert_signed_by(answer: &Answer, certificate: &PlatformCertificate) {
    assert_eq!(answer.header("Wechatpay-Serial"), certificate.serial());
    assert!(answer.verifies_with(certificate.pem()));
}

#[tokio::test]
async fn the_published_certificates_are_listed_encrypted_and_signed() {
    let sandbox = plain().await;
    let certificates = sandbox.certificates();
    assert_eq!(certificates.len(), 2);
    for path in PATHS {
        let answer = get(&sandbox, path).await;
        answer.assert_genuine(&sandbox);
        let entries = entries(&answer);
        assert_eq!(entries.len(), 2);
        for (entry, certificate) in entries.iter().zip(&certificates) {
            assert_eq!(entry["serial_no"], certificate.serial());
            let encrypted = &entry["encrypt_certificate"];
            assert_eq!(encrypted["associated_data"], "certificate");
            assert_eq!(encrypted["nonce"].as_str().unwrap().len(), 12);
            assert_eq!(decrypt(&sandbox, encrypted).unwrap(), certificate.pem());
        }
        assert!(answer.body.starts_with(b"{\"data\":[{\"serial_no\":\""));
    }
}

#[tokio::test]
async fn a_certificate_is_listed_with_its_dates_in_beijing() {
    let sandbox = plain().await;
    let made = sandbox.add_certificate(time(1_528_425_296), time(1_735_660_799));
    assert_eq!(made.not_before(), 1_528_425_296);
    assert_eq!(made.not_after(), 1_735_660_799);
    let entries = entries(&get(&sandbox, "/v3/certificates").await);
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[2]["serial_no"], made.serial());
    assert_eq!(entries[2]["effective_time"], "2018-06-08T10:34:56+08:00");
    assert_eq!(entries[2]["expire_time"], "2024-12-31T23:59:59+08:00");
}

#[test]
fn the_certificates_at_the_start_are_valid_now() {
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    for certificate in sandbox.certificates() {
        assert!(certificate.not_before() < now());
        assert!(certificate.not_after() > now());
    }
}

#[test]
fn every_certificate_has_its_own_serial_and_the_three_keys_take_turns() {
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    for _ in 0..4 {
        sandbox.add_certificate(time(1), time(2));
    }
    let certificates = sandbox.certificates();
    assert_eq!(certificates.len(), 6);
    let key = |index: usize| public_key(certificates[index].pem());
    for (index, certificate) in certificates.iter().enumerate() {
        let serial = certificate.serial();
        assert_eq!(serial.len(), 40);
        assert!(serial.bytes().all(|b| b"0123456789ABCDEF".contains(&b)));
        for other in &certificates[..index] {
            assert_ne!(other.serial(), serial);
        }
        assert_ne!(key(index), key((index + 1) % 6));
        assert_eq!(key(index), key((index + 3) % 6));
    }
}

#[test]
fn openssl_reads_the_same_serial_and_dates() {
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    for (from, to, dates) in [
        (
            0,
            1_735_660_799,
            "notBefore=Jan  1 00:00:00 1970 GMT\nnotAfter=Dec 31 15:59:59 2024 GMT\n",
        ),
        // On both sides of the year from which X.509 writes dates otherwise.
        (
            2_524_607_999,
            2_524_608_000,
            "notBefore=Dec 31 23:59:59 2049 GMT\nnotAfter=Jan  1 00:00:00 2050 GMT\n",
        ),
    ] {
        let certificate = sandbox.add_certificate(time(from), time(to));
        let child = Command::new("openssl")
            .args(["x509", "-noout", "-serial", "-dates"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        // A second opinion, where there is one.
        let Ok(mut child) = child else {
            return;
        };
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(certificate.pem().as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            format!("serial={}\n{dates}", certificate.serial())
        );
    }
}

#[tokio::test]
async fn dates_that_no_certificate_holds_become_the_nearest() {
    let sandbox = plain().await;
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    let made = sandbox.add_certificate(UNIX_EPOCH - 100 * year, UNIX_EPOCH + 10_000 * year);
    assert_eq!(made.not_before(), 0);
    assert!(made.not_after() > 253_402_000_000);
    assert!(!made.pem().is_empty());
    let entries = entries(&get(&sandbox, "/v3/certificates").await);
    assert_eq!(entries[2]["effective_time"], "1970-01-01T08:00:00+08:00");
    assert_eq!(entries[2]["expire_time"], "9999-12-31T23:59:59+08:00");
}

#[tokio::test]
async fn a_withdrawn_certificate_is_no_longer_listed_but_may_still_sign() {
    let sandbox = plain().await;
    let certificates = sandbox.certificates();
    sandbox.sign_with(certificates[0].serial()).unwrap();
    assert!(sandbox.withdraw_certificate(certificates[0].serial().to_lowercase()));
    assert!(!sandbox.withdraw_certificate(certificates[0].serial()));
    assert!(!sandbox.withdraw_certificate("0"));
    assert_eq!(sandbox.certificates(), certificates[1..]);
    let answer = get(&sandbox, "/v3/certificates").await;
    assert_signed_by(&answer, &certificates[0]);
    assert_eq!(entries(&answer).len(), 1);
    sandbox.withdraw_certificate(certificates[1].serial());
    let answer = get(&sandbox, "/v3/certificates").await;
    assert_eq!(&answer.body[..], b"{\"data\":[]}");
}

#[tokio::test]
async fn the_key_that_was_chosen_signs_every_answer() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        let mut connection = Connection::open(&sandbox, way).await.unwrap();
        for certificate in sandbox.certificates() {
            sandbox.sign_with(certificate.serial()).unwrap();
            let answer = connection.send(good(&sandbox)).await.unwrap();
            assert_signed_by(&answer, &certificate);
            let mut request = good(&sandbox);
            request.headers_mut().remove("Authorization");
            let refused = connection.send(request).await.unwrap();
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
            assert_signed_by(&refused, &certificate);
        }
        sandbox.sign_with(sandbox.platform_serial()).unwrap();
        let answer = connection.send(good(&sandbox)).await.unwrap();
        answer.assert_genuine(&sandbox);
    }
}

#[tokio::test]
async fn an_unknown_serial_is_refused_and_changes_nothing() {
    let sandbox = plain().await;
    let error = sandbox.sign_with("7132D72A03E93CDDF8C03BBD1F37EEDF");
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("7132D72A03E93CDDF8C03BBD1F37EEDF"),
        "{error}"
    );
    let answer = get(&sandbox, "/v3/certificates").await;
    answer.assert_genuine(&sandbox);
}

#[tokio::test]
async fn the_serial_that_a_request_asks_for_changes_nothing() {
    let sandbox = plain().await;
    let certificate = &sandbox.certificates()[1];
    sandbox.sign_with(certificate.serial()).unwrap();
    let mut request = good(&sandbox);
    let serial = sandbox.platform_serial().parse().unwrap();
    request.headers_mut().insert("Wechatpay-Serial", serial);
    let answer = send(&sandbox, Way::PlainHttp1, request).await.unwrap();
    assert_signed_by(&answer, certificate);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serial_and_signature_belong_together_while_the_key_changes() {
    let sandbox = plain().await;
    let mut keys: Vec<(String, String)> = sandbox
        .certificates()
        .iter()
        .map(|certificate| {
            (
                certificate.serial().to_owned(),
                certificate.pem().to_owned(),
            )
        })
        .collect();
    keys.push((
        sandbox.platform_serial().to_owned(),
        sandbox.platform_public_key().to_owned(),
    ));
    let mut connection = Connection::open(&sandbox, Way::PlainHttp2).await.unwrap();
    let mut answers = Vec::new();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for (serial, _) in &keys {
                    sandbox.sign_with(serial).unwrap();
                }
            }
        });
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for _ in 0..50 {
                    answers.push(connection.send(good(&sandbox)).await.unwrap());
                }
            });
        });
        done.store(true, Ordering::Relaxed);
    });
    for answer in &answers {
        let serial = answer.header("Wechatpay-Serial");
        let (_, pem) = keys.iter().find(|(known, _)| known == serial).unwrap();
        assert!(answer.verifies_with(pem));
    }
}

#[tokio::test]
async fn an_answer_is_signed_by_the_key_of_the_moment_at_which_it_is_done() {
    let sandbox = plain().await;
    let certificate = sandbox.certificates().remove(0);
    sandbox.misbehave(Misbehaviour::Delay(Duration::from_secs(2)));
    let mut connection = Connection::open(&sandbox, Way::PlainHttp1).await.unwrap();
    let request = good(&sandbox);
    let answer = tokio::spawn(async move { connection.send(request).await.unwrap() });
    while sandbox.received().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    sandbox.sign_with(certificate.serial()).unwrap();
    assert_signed_by(&answer.await.unwrap(), &certificate);
}

#[tokio::test]
async fn a_merchant_with_the_public_key_only_gets_404() {
    let sandbox = plain().await;
    sandbox.public_key_only(true);
    for path in PATHS {
        let answer = get(&sandbox, path).await;
        answer.assert_genuine(&sandbox);
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(answer.json()["code"], "RESOURCE_NOT_EXISTS");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("无可用的平台证书"), "{message}");
    }
    sandbox.public_key_only(false);
    assert_eq!(entries(&get(&sandbox, PATHS[0]).await).len(), 2);
}

#[tokio::test]
async fn certificates_under_another_key_or_serial_wait_for_a_request_for_them() {
    let sandbox = plain().await;
    sandbox.misbehave(Misbehaviour::CertificatesUnderAnotherKey);
    sandbox.misbehave(Misbehaviour::CertificateListedAs("0".repeat(40)));
    let coupon = send(&sandbox, Way::PlainHttp1, good(&sandbox)).await;
    coupon.unwrap().assert_genuine(&sandbox);

    let answer = get(&sandbox, PATHS[0]).await;
    answer.assert_genuine(&sandbox);
    for entry in entries(&answer) {
        assert_eq!(decrypt(&sandbox, &entry["encrypt_certificate"]), None);
    }
    let answer = get(&sandbox, PATHS[0]).await;
    answer.assert_genuine(&sandbox);
    let certificates = sandbox.certificates();
    let listed = entries(&answer);
    assert_eq!(listed[0]["serial_no"], "0".repeat(40));
    assert_eq!(listed[1]["serial_no"], certificates[1].serial());
    for (entry, certificate) in listed.iter().zip(&certificates) {
        let pem = decrypt(&sandbox, &entry["encrypt_certificate"]).unwrap();
        assert_eq!(pem, certificate.pem());
    }
    let answer = get(&sandbox, PATHS[0]).await;
    assert_eq!(entries(&answer)[0]["serial_no"], certificates[0].serial());
}

#[tokio::test]
async fn certificates_are_for_get() {
    let sandbox = plain().await;
    for path in PATHS {
        let request = Draft::new(&sandbox, "POST", path, "{}").sign(&sandbox);
        let answer = send(&sandbox, Way::PlainHttp2, request).await.unwrap();
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.header("Allow"), "GET");
    }
}

#[test]
fn a_published_certificate_is_refused_for_the_real_host() {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
    let own_key = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64.encode(der.as_ref())
    );
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    // The one with the third key.
    sandbox.add_certificate(time(now() - 60), time(now() + 60));
    for certificate in sandbox.certificates() {
        let error = Client::builder()
            .mchid("1900000108")
            .serial("3775B6A45ACD588826D15E583A95F5DDA1B2C3D4")
            .private_key(own_key.as_str())
            .cert(certificate.serial(), certificate.pem())
            .build()
            .unwrap_err();
        assert!(error.to_string().contains("sandbox"), "{error}");
    }
}

#[test]
fn a_client_takes_a_certificate_whatever_its_serial_and_dates() {
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    // Enough for serials that begin with either kind of digit: X.509 writes them differently.
    for _ in 0..16 {
        sandbox.add_certificate(time(0), time(1 << 40));
    }
    for certificate in sandbox.certificates() {
        let builder = sandbox.client_builder();
        let client = builder.cert(certificate.serial(), certificate.pem());
        client.build().unwrap();
    }
}

#[tokio::test]
async fn the_builder_of_a_client_has_no_platform_key() {
    let sandbox = Sandbox::start().await.unwrap();
    assert!(sandbox.client_builder().build().is_err());
    let client = sandbox
        .client_builder()
        .cert(sandbox.platform_serial(), sandbox.platform_public_key())
        .build()
        .unwrap();
    let response = client.chain("v3/certificates").get().await.unwrap();
    let header = |name: &str| response.headers()[name].to_str().unwrap();
    assert!(verifies(
        sandbox.platform_public_key(),
        header,
        response.text().as_bytes()
    ));
}
