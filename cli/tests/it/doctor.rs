//! `wechatpay doctor`.

use std::fs;

use serde_json::Value;
use wechatpay_sandbox::{Misbehaviour, Sandbox};

use crate::support::{Outcome, assert_shown, folder, run, wechatpay, wechatpay_at};

fn sandbox() -> Sandbox {
    Sandbox::builder().plain().start_blocking().unwrap()
}

fn doctor(sandbox: &Sandbox, variables: &[(&str, &str)]) -> Outcome {
    let mut command = wechatpay_at(sandbox, &["doctor"]);
    command.envs(variables.iter().copied());
    run(command)
}

/// The line of a check, and those below it.
fn line<'a>(outcome: &'a Outcome, name: &str) -> &'a str {
    let found = outcome
        .stdout
        .lines()
        .find(|line| line.get(7..).is_some_and(|rest| rest.starts_with(name)));
    found.unwrap_or_else(|| panic!("no {name}: {}", outcome.stdout))
}

#[test]
fn all_is_well() {
    let sandbox = sandbox();
    assert_shown!(doctor(&sandbox, &[]), @"
    exit 0
    --- stdout
    ok     private key  RSA of 2048 bits, from WECHATPAY_PRIVATE_KEY
    ok     certificate  5A4D42D2053AB2F377643C6EADB695C908E1DC17, valid until 2120-01-01
    ok     pair         the private key is the certificate's
    ok     serial       that of the certificate
    ok     platform key PUB_KEY_ID_0119000001092020010100000000000000, RSA of 2048 bits
    ok     APIv3 key    32 bytes
    ok     APIv2 key    32 characters
    ok     settings     merchant 1900000109 at 127.0.0.1:PORT
    ok     entrance     127.0.0.1:PORT answers within MS ms
    ok     clock        within 30 s of the server's
    ok     request      signed, and accepted by WeChat Pay
    ok     answer       signed by PUB_KEY_ID_0119000001092020010100000000000000, and verified
    ok     decryption   the APIv3 key opens the 2 platform certificates
    ok     key mode     the public key; platform certificates are there, too, so the change to it may still be under way
    --- stderr
    ");
    assert!(sandbox.received().iter().all(|it| it.method() == "GET"));
}

#[test]
fn offline_asks_nobody() {
    let sandbox = sandbox();
    let checked = run(wechatpay_at(&sandbox, &["doctor", "--offline", "--json"]));
    assert_eq!(checked.code, 0);
    let told: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(told["ok"], true);
    assert_eq!(told["checks"].as_array().unwrap().len(), 8);
    assert_eq!(sandbox.connections(), 0);
}

#[test]
fn bad_keys_end_with_3_whatever_follows_from_them() {
    let sandbox = sandbox();
    let other_key = include_str!("../../../tests/vectors/keys/merchant.key");
    let platform = sandbox.certificates()[0].clone();
    let listed_wrong = format!("AB={}", platform.pem());
    let own = format!("PUB_KEY_ID_1={}", sandbox.merchant_certificate());
    for (name, value, check, said) in [
        (
            "WECHATPAY_PRIVATE_KEY",
            "file:///no/such/file",
            "private key",
            "the file can't be read",
        ),
        (
            "WECHATPAY_PRIVATE_KEY",
            other_key,
            "pair",
            "is not that of the certificate",
        ),
        (
            "WECHATPAY_SERIAL",
            "AB12",
            "serial",
            "AB12 is configured by WECHATPAY_SERIAL",
        ),
        (
            "WECHATPAY_APIV3_KEY",
            "short-secret",
            "APIv3 key",
            "12 bytes",
        ),
        (
            "WECHATPAY_APIV3_KEY",
            "another-key-of-just-32-bytes-xx.",
            "decryption",
            "another one is set at WeChat Pay",
        ),
        (
            "WECHATPAY_CERTS",
            &listed_wrong,
            "platform key",
            "under the serial AB",
        ),
        (
            "WECHATPAY_CERTS",
            &own,
            "platform key",
            "the merchant's own key",
        ),
    ] {
        let checked = doctor(&sandbox, &[(name, value)]);
        assert_eq!(checked.code, 3, "{name}: {}", checked.stdout);
        let line = line(&checked, check);
        assert!(line.starts_with("wrong  "), "{}", checked.stdout);
        assert!(line.contains(said), "{}", checked.stdout);
        assert!(!checked.stdout.contains("secret"), "{}", checked.stdout);
    }
}

#[test]
fn what_the_gateway_says_is_told() {
    let sandbox = sandbox();
    let mut command = wechatpay_at(&sandbox, &["doctor"]);
    let other_key = include_str!("../../../tests/vectors/keys/merchant.key");
    command
        .env("WECHATPAY_PRIVATE_KEY", other_key)
        .env_remove("WECHATPAY_MERCHANT_CERT");
    let refused = run(command);
    assert_eq!(refused.code, 4, "{}", refused.stdout);
    assert!(
        line(&refused, "request").starts_with("wrong"),
        "{}",
        refused.stdout
    );

    sandbox.misbehave(Misbehaviour::ClockOffset(-400));
    let distrusted = doctor(&sandbox, &[]);
    assert_eq!(distrusted.code, 8, "{}", distrusted.stdout);
    assert!(line(&distrusted, "answer").starts_with("wrong"));

    sandbox.public_key_only(true);
    let public = doctor(&sandbox, &[]);
    assert_eq!(public.code, 0, "{}", public.stdout);
    assert!(line(&public, "key mode").contains("the public key alone"));

    let lost = doctor(&sandbox, &[("WECHATPAY_CERTS", "")]);
    assert_eq!(lost.code, 3, "{}", lost.stdout);
    assert!(line(&lost, "request").starts_with("ok"), "{}", lost.stdout);
    assert!(line(&lost, "key mode").starts_with("wrong"));
    assert!(lost.stdout.contains("微信支付公钥"), "{}", lost.stdout);

    sandbox.refuse();
    let refused = doctor(&sandbox, &[]);
    assert_eq!(refused.code, 6, "{}", refused.stdout);
    assert!(line(&refused, "entrance").starts_with("wrong"));
}

#[test]
fn a_clock_that_is_off_is_to_be_set() {
    let sandbox = sandbox();
    sandbox.misbehave(Misbehaviour::Raw {
        status: 404,
        content_type: "application/json".to_owned(),
        body: br#"{"code":"RESOURCE_NOT_EXISTS","message":"-"}"#.to_vec(),
        signed: true,
        headers: vec![(
            "Date".to_owned(),
            "Tue, 14 Nov 2023 22:13:20 GMT".to_owned(),
        )],
    });
    let checked = doctor(&sandbox, &[]);
    assert_eq!(checked.code, 3, "{}", checked.stdout);
    let clock = line(&checked, "clock");
    assert!(clock.starts_with("wrong"), "{clock}");
    assert!(clock.ends_with("s ahead of the server's"), "{clock}");
}

#[test]
fn certificates_alone_are_a_mode() {
    let sandbox = sandbox();
    let serial = sandbox.certificates()[0].serial().to_owned();
    sandbox.sign_with(serial).unwrap();
    let checked = doctor(&sandbox, &[("WECHATPAY_CERTS", "")]);
    assert_eq!(checked.code, 0, "{}", checked.stdout);
    assert!(line(&checked, "key mode").ends_with("platform certificates"));
}

#[test]
fn without_an_account_there_is_nothing_to_check() {
    let checked = run(wechatpay(&["doctor"]));
    assert_eq!((checked.code, checked.stdout.as_str()), (3, ""));
    assert!(checked.stderr.contains("--sandbox"));
}

#[test]
fn a_key_of_a_file_is_named_by_it() {
    let sandbox = sandbox();
    let folder = folder();
    let key = folder.path().join("apiclient_key.pem");
    fs::write(&key, "no key").unwrap();
    let path = format!("file://{}", key.display());
    let checked = doctor(&sandbox, &[("WECHATPAY_PRIVATE_KEY", &path)]);
    assert_eq!(checked.code, 3);
    assert!(
        checked.stdout.contains(key.to_str().unwrap()),
        "{}",
        checked.stdout
    );
}
