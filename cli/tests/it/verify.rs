//! `wechatpay verify`.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use wechatpay_sandbox::{Misbehaviour, Sandbox};

use crate::support::{
    Outcome, assert_shown, folder, run, run_with_input, wechatpay, wechatpay_at, wechatpay_with,
};

fn sandbox() -> Sandbox {
    Sandbox::builder().plain().start_blocking().unwrap()
}

fn paid() -> Value {
    json!({ "out_trade_no": "1217752501", "trade_state": "SUCCESS" })
}

/// As it is captured: start line, headers, empty line, body.
fn captured(headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut text = String::from("POST /notify HTTP/1.1\r\nHost: shop.example\r\n");
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    [text.as_bytes(), body].concat()
}

fn notification(sandbox: &Sandbox) -> (Vec<(String, String)>, Vec<u8>) {
    let sent = sandbox.notification("TRANSACTION.SUCCESS", "transaction", &paid());
    (sent.headers(), sent.body().to_vec())
}

fn verify(sandbox: &Sandbox, arguments: &[&str], message: &[u8]) -> Outcome {
    let arguments = [&["verify"], arguments].concat();
    run_with_input(wechatpay_at(sandbox, &arguments), message)
}

#[test]
fn a_genuine_notification_is_ok_line_by_line() {
    let sandbox = sandbox();
    let (headers, body) = notification(&sandbox);
    let message = captured(&headers, &body);
    assert_shown!(verify(&sandbox, &[], &message), @"
    exit 0
    --- stdout
    ok     headers      timestamp, nonce, serial and signature are there
    ok     clock        signed at DATE, N s before now
    ok     serial       signed by PUB_KEY_ID_0119000001092020010100000000000000, which is known
    ok     signature    fits the N bytes of the body
    ok     decryption   TRANSACTION.SUCCESS, 53 bytes
    --- stderr
    ");
}

#[test]
fn what_was_decrypted_is_shown_only_when_asked() {
    let sandbox = sandbox();
    let (headers, body) = notification(&sandbox);
    let message = captured(&headers, &body);
    let silent = verify(&sandbox, &["--explain"], &message);
    assert_eq!(silent.code, 0);
    assert!(!silent.stdout.contains("1217752501"));
    assert!(!silent.stdout.contains(sandbox.apiv3_key()));
    let shown = verify(&sandbox, &["--show"], &message);
    assert_eq!(shown.stdout, paid().to_string());
    assert!(
        shown.stderr.starts_with("ok     headers"),
        "{}",
        shown.stderr
    );
    let told = verify(&sandbox, &["--show", "--json"], &message);
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!((&told["trusted"], &told["data"]), (&json!(true), &paid()));
}

#[test]
fn headers_and_body_come_from_files_too() {
    let sandbox = sandbox();
    let (headers, body) = notification(&sandbox);
    let folder = folder();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect();
    fs::write(path("headers"), lines).unwrap();
    fs::write(path("body"), &body).unwrap();
    let (headers, file) = (path("headers"), path("body"));
    let files = ["--headers", &headers, "--body", &file];
    assert_eq!(verify(&sandbox, &files, b"").code, 0);
    let input = ["--headers", &headers, "--body", "-"];
    assert_eq!(verify(&sandbox, &input, &body).code, 0);
    let both = ["--headers", "-", "--body", "-"];
    assert_eq!(verify(&sandbox, &both, &body).code, 2);
}

#[test]
fn an_answer_that_was_shown_is_verified() {
    let sandbox = sandbox();
    let answer = run(wechatpay_at(&sandbox, &["get", "v3/certificates", "-i"]));
    let verified = verify(&sandbox, &[], answer.stdout.as_bytes());
    assert_shown!(verified, @"
    exit 0
    --- stdout
    ok     headers      timestamp, nonce, serial and signature are there
    ok     clock        signed at DATE, N s before now
    ok     serial       signed by PUB_KEY_ID_0119000001092020010100000000000000, which is known
    ok     signature    fits the N bytes of the body
    -      decryption   nothing in it is encrypted
    --- stderr
    ");
}

#[test]
fn what_happened_to_the_body_is_told() {
    let sandbox = sandbox();
    let (headers, body) = notification(&sandbox);
    let text = String::from_utf8(body.clone()).unwrap();
    let reordered: serde_json::Map<_, _> = serde_json::from_slice::<Value>(&body)
        .unwrap()
        .as_object()
        .unwrap()
        .clone()
        .into_iter()
        .rev()
        .collect();
    for (body, said) in [
        (format!("{text}\n"), "it fits without the last line feed"),
        (text.replace('"', r"\x22"), r"it fits after \x22"),
        (
            serde_json::to_string_pretty(&serde_json::from_str::<Value>(&text).unwrap()).unwrap(),
            "it fits without the white space",
        ),
        (
            Value::Object(reordered).to_string(),
            "probably genuine but was parsed and serialised again",
        ),
        (
            text.replacen("ciphertext\":\"", "ciphertext\":\"AAAA", 1),
            "it was altered",
        ),
    ] {
        let refused = verify(&sandbox, &[], &captured(&headers, body.as_bytes()));
        assert_eq!(refused.code, 8);
        assert!(
            refused.stdout.contains("ok     clock"),
            "{}",
            refused.stdout
        );
        assert!(
            refused.stdout.contains("wrong  signature"),
            "{}",
            refused.stdout
        );
        assert!(refused.stdout.contains(said), "{said}: {}", refused.stdout);
    }
}

#[test]
fn line_ends_are_told() {
    let sandbox = sandbox();
    for (body, happened) in [
        ("{\r\n\"a\":1\r\n}", "{\n\"a\":1\n}"),
        ("{\n\"a\":1\n}", "{\r\n\"a\":1\r\n}"),
    ] {
        let built = sandbox
            .notification_builder("TRANSACTION.SUCCESS", "transaction", &paid())
            .body(body)
            .build();
        let refused = verify(
            &sandbox,
            &[],
            &captured(&built.headers(), happened.as_bytes()),
        );
        assert!(refused.stdout.contains("CRLF"), "{}", refused.stdout);
        assert_eq!(refused.code, 8);
    }
}

#[test]
fn a_stored_one_is_checked_as_of_its_own_time() {
    let sandbox = sandbox();
    let sent = sandbox
        .notification_builder("TRANSACTION.SUCCESS", "transaction", &paid())
        .at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
        .build();
    let message = captured(&sent.headers(), sent.body());
    let late = verify(&sandbox, &[], &message);
    assert_eq!(late.code, 8);
    assert!(late.stdout.contains("--at 1700000000"), "{}", late.stdout);
    for at in ["1700000300", "2023-11-15T06:13:20+08:00"] {
        assert_eq!(verify(&sandbox, &["--at", at], &message).code, 0);
    }
    assert_eq!(verify(&sandbox, &["--at", "1700000301"], &message).code, 8);
    assert_eq!(verify(&sandbox, &["--at", "yesterday"], &message).code, 2);
}

#[test]
fn missing_headers_an_unknown_serial_a_probe_and_another_key_are_told_apart() {
    let sandbox = sandbox();
    let (mut headers, body) = notification(&sandbox);
    headers.retain(|(name, _)| name != "Wechatpay-Nonce" && name != "Wechatpay-Serial");
    assert_shown!(verify(&sandbox, &[], &captured(&headers, &body)), @"
    exit 8
    --- stdout
    wrong  headers      missing: Wechatpay-Nonce, Wechatpay-Serial
    ok     decryption   TRANSACTION.SUCCESS, 53 bytes
    --- stderr
    ");
    let built = || sandbox.notification_builder("TRANSACTION.SUCCESS", "transaction", &paid());
    for (sent, said) in [
        (
            built().signed_by("AB").build(),
            "wrong  serial       signed by \"AB\"",
        ),
        (built().probe().build(), "to refuse it is right"),
        (
            built()
                .apiv3_key("another-key-of-just-32-bytes-xx.")
                .build(),
            "wrong  decryption",
        ),
    ] {
        let refused = verify(&sandbox, &[], &captured(&sent.headers(), sent.body()));
        assert_eq!(refused.code, 8);
        assert!(refused.stdout.contains(said), "{}", refused.stdout);
    }
}

#[test]
fn explain_sets_what_came_beside_what_was_expected() {
    let sandbox = sandbox();
    let built = sandbox
        .notification_builder("TRANSACTION.SUCCESS", "transaction", &paid())
        .body("{}")
        .build();
    let message = captured(&built.headers(), b"{}\n");
    assert_shown!(verify(&sandbox, &["--explain"], &message), @r#"
    exit 8
    --- stdout
    ok     headers      timestamp, nonce, serial and signature are there
                        Wechatpay-Timestamp "SECONDS"
                        Wechatpay-Nonce "NONCE"
                        Wechatpay-Serial "PUB_KEY_ID_0119000001092020010100000000000000"
                        Wechatpay-Signature "SIGNATURE"
    ok     clock        signed at DATE, N s before now
                        came SECONDS (DATE)
                        expected the clock here, SECONDS (DATE), give or take 300 s
    ok     serial       signed by PUB_KEY_ID_0119000001092020010100000000000000, which is known
                        came "PUB_KEY_ID_0119000001092020010100000000000000"
                        expected PUB_KEY_ID_0119000001092020010100000000000000
    wrong  signature    does not fit the body as it is here
                        it fits without the last line feed, which an editor or echo adds: keep the raw bytes of the body
                        covers 48 bytes: "SECONDS\nNONCE\n{}\n\n"
                        expected a signature over these bytes by "PUB_KEY_ID_0119000001092020010100000000000000"
    -      decryption   nothing in it is encrypted
    --- stderr
    "#);
}

#[test]
fn a_key_and_an_apiv3_key_are_enough() {
    let sandbox = sandbox();
    let (headers, body) = notification(&sandbox);
    let message = captured(&headers, &body);
    let names = ["WECHATPAY_CERTS", "WECHATPAY_APIV3_KEY"];
    let verified = run_with_input(wechatpay_with(&sandbox, &names, &["verify"]), &message);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    let without = run_with_input(wechatpay_with(&sandbox, &names[..1], &["verify"]), &message);
    assert!(
        without.stdout.contains("-      decryption"),
        "{}",
        without.stdout
    );
    assert_eq!(without.code, 0);
    let nothing = run_with_input(wechatpay(&["verify"]), &message);
    assert_eq!(nothing.code, 3);
    let by_sandbox = run_with_input(wechatpay(&["verify", "--sandbox"]), &message);
    assert_eq!(by_sandbox.code, 0, "{}", by_sandbox.stdout);
    assert!(sandbox.received().is_empty());
}

#[test]
fn certificates_are_fetched_where_no_key_is_configured() {
    let sandbox = sandbox();
    let serial = sandbox.certificates()[0].serial().to_owned();
    sandbox.sign_with(serial).unwrap();
    let (headers, body) = notification(&sandbox);
    let names = [
        "WECHATPAY_MCHID",
        "WECHATPAY_SERIAL",
        "WECHATPAY_PRIVATE_KEY",
        "WECHATPAY_APIV3_KEY",
        "WECHATPAY_BASE_URI",
    ];
    let command = wechatpay_with(&sandbox, &names, &["verify"]);
    let verified = run_with_input(command, &captured(&headers, &body));
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    assert!(
        verified
            .stderr
            .contains("the certificates are fetched from 127.0.0.1")
    );
}

#[test]
fn notifications_of_v2_are_checked_by_their_sign() {
    let sandbox = sandbox();
    let paid = json!({ "out_trade_no": "1", "total_fee": "100" });
    let payment = sandbox.notification_v2(&paid).body().to_vec();
    assert_shown!(verify(&sandbox, &[], &payment), @"
    exit 0
    --- stdout
    ok     merchant     it is this merchant's
    ok     sign         fits the fields and the APIv2 key
    --- stderr
    ");
    let altered = String::from_utf8(payment).unwrap().replace("100", "1");
    let refused = verify(&sandbox, &["--explain"], altered.as_bytes());
    assert_eq!(refused.code, 8);
    assert!(refused.stdout.contains("wrong  sign"), "{}", refused.stdout);
    assert!(
        refused.stdout.contains("out_trade_no=1"),
        "{}",
        refused.stdout
    );
    assert!(!refused.stdout.contains(sandbox.secret()));
    let refund = sandbox.refund_notification_v2(&json!({ "out_refund_no": "2" }));
    let opened = verify(&sandbox, &["--show"], refund.body());
    assert_eq!(opened.code, 0);
    assert!(
        opened.stdout.contains("\"out_refund_no\":\"2\""),
        "{}",
        opened.stdout
    );
    assert!(
        opened.stderr.contains("query the refund"),
        "{}",
        opened.stderr
    );
}

#[test]
fn a_message_that_is_not_trusted_says_so_to_programs() {
    let sandbox = sandbox();
    sandbox.misbehave(Misbehaviour::BodyAltered);
    let (headers, mut body) = notification(&sandbox);
    body.push(b' ');
    let told = verify(&sandbox, &["--json"], &captured(&headers, &body));
    assert_eq!(told.code, 8);
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(told["trusted"], false);
    let states: Vec<_> = told["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["ok", "ok", "ok", "wrong", "ok"]);
}
