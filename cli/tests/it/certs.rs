//! `wechatpay certs`.

use std::fs;
use std::path::Path;

use serde_json::Value;
use wechatpay_chain::pem;
use wechatpay_sandbox::{Misbehaviour, Sandbox};

use crate::support::{
    Outcome, assert_shown, folder, run, run_with_input, wechatpay_at, wechatpay_with,
};

/// All that a merchant has who has fetched nothing yet.
const FRESH: [&str; 5] = [
    "WECHATPAY_MCHID",
    "WECHATPAY_SERIAL",
    "WECHATPAY_PRIVATE_KEY",
    "WECHATPAY_APIV3_KEY",
    "WECHATPAY_BASE_URI",
];

/// Of a merchant whose answers a platform certificate signs.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    let serial = sandbox.certificates()[0].serial().to_owned();
    sandbox.sign_with(serial).unwrap();
    sandbox
}

fn certs(sandbox: &Sandbox, into: &Path) -> Outcome {
    let mut command = wechatpay_with(sandbox, &FRESH, &["certs", "-o"]);
    command.arg(into);
    run(command)
}

#[test]
fn they_are_fetched_without_any_earlier_certificate() {
    let sandbox = sandbox();
    let folder = folder();
    let into = folder.path().join("new/certs");
    let saved = certs(&sandbox, &into);
    assert_eq!(saved.code, 0, "{}", saved.stderr);
    let published = sandbox.certificates();
    let files: Vec<&str> = saved.stdout.lines().collect();
    assert_eq!(files.len(), published.len());
    for certificate in published {
        let file = into.join(format!("wechatpay_{}.pem", certificate.serial()));
        assert!(files.contains(&file.to_str().unwrap()));
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(pem::serial_number(&text).unwrap(), certificate.serial());
    }
    assert_eq!(fs::read_dir(&into).unwrap().count(), files.len());
    // They are what a client wants.
    let serial = sandbox.certificates()[0].serial().to_owned();
    let file = into.join(format!("wechatpay_{serial}.pem"));
    let mut command = wechatpay_with(&sandbox, &FRESH, &["get", "v3/certificates", "--cert"]);
    command.arg(format!("{serial}={}", file.display()));
    assert_eq!(run(command).code, 0);
}

#[test]
fn a_pipe_gets_pem_and_a_program_json() {
    let sandbox = sandbox();
    let piped = run(wechatpay_with(&sandbox, &FRESH, &["certs"]));
    assert_eq!(piped.code, 0, "{}", piped.stderr);
    assert_eq!(
        piped
            .stdout
            .matches("-----BEGIN CERTIFICATE-----\n")
            .count(),
        2
    );
    let told = run(wechatpay_with(&sandbox, &FRESH, &["certs", "--json"]));
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    let serial = told[0]["serial"].as_str().unwrap();
    let pem_of_it = told[0]["pem"].as_str().unwrap();
    assert_eq!(pem::serial_number(pem_of_it).unwrap(), serial);
}

/// cli-01: each of the four settings wrong in turn.
#[test]
fn each_wrong_setting_is_told_in_one_line_and_leaves_no_file() {
    let sandbox = sandbox();
    let other_key = include_str!("../../../tests/vectors/keys/merchant.key");
    for (name, value, said) in [
        ("WECHATPAY_MCHID", "1900009999", "401"),
        (
            "WECHATPAY_SERIAL",
            "00000000000000000000000000000000000000AB",
            "401",
        ),
        (
            "WECHATPAY_PRIVATE_KEY",
            other_key,
            "the private key does not belong to the serial",
        ),
        (
            "WECHATPAY_APIV3_KEY",
            "another-key-of-just-32-bytes-xx.",
            "the APIv3 key does not open",
        ),
        ("WECHATPAY_APIV3_KEY", "too-short-a-secret", "18 bytes"),
        ("WECHATPAY_MCHID", "", "mchid"),
        ("WECHATPAY_SERIAL", "", "serial"),
        ("WECHATPAY_PRIVATE_KEY", "", "private_key"),
        ("WECHATPAY_APIV3_KEY", "", "apiv3_key"),
    ] {
        let folder = folder();
        let into = folder.path().join("certs");
        let mut command = wechatpay_with(&sandbox, &FRESH, &["certs", "-o"]);
        command.arg(&into).env(name, value);
        let failed = run(command);
        assert_ne!(failed.code, 0, "{name}");
        assert_eq!(failed.stdout, "", "{name}");
        assert!(failed.stderr.contains(said), "{name}: {}", failed.stderr);
        assert_eq!(
            failed.stderr.lines().count(),
            1,
            "{name}: {}",
            failed.stderr
        );
        assert!(!into.exists(), "{name}");
        for secret in [sandbox.apiv3_key(), "another-key", "too-short-a-secret"] {
            assert!(!failed.stderr.contains(secret), "{name}");
        }
        // Keys and settings are 3, also where only the decryption shows it.
        let is_ours = name == "WECHATPAY_APIV3_KEY" || value.is_empty();
        assert_eq!(failed.code, if is_ours { 3 } else { 4 }, "{name}");
    }
}

#[test]
fn a_merchant_with_the_public_key_only_is_told_where_it_is() {
    let sandbox = sandbox();
    sandbox.public_key_only(true);
    let folder = folder();
    let into = folder.path().join("certs");
    assert_shown!(certs(&sandbox, &into), @"
    exit 4
    --- stdout
    --- stderr
    error: no platform certificates (404 RESOURCE_NOT_EXISTS): this merchant has WeChat Pay's public key instead; download it at pay.weixin.qq.com → 账户中心 → API安全 → 微信支付公钥, and give it as --cert PUB_KEY_ID_…=pub_key.pem
    ");
    sandbox.public_key_only(false);
    for (status, code, exit) in [(403, "NO_AUTH", 4), (500, "SYSTEM_ERROR", 5)] {
        sandbox.misbehave(Misbehaviour::status(status, code, "…"));
        let failed = certs(&sandbox, &into);
        assert_eq!(failed.code, exit);
        assert!(failed.stderr.contains("微信支付公钥"), "{}", failed.stderr);
    }
    assert!(!into.exists());
}

#[test]
fn certificates_that_are_not_what_they_say_are_not_written() {
    let sandbox = sandbox();
    let folder = folder();
    for misbehaviour in [
        Misbehaviour::CertificateListedAs("AB".to_owned()),
        Misbehaviour::SignatureAltered,
        Misbehaviour::BodyAltered,
    ] {
        sandbox.misbehave(misbehaviour);
        let failed = certs(&sandbox, folder.path());
        assert_ne!(failed.code, 0);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_that_can_t_be_is_named() {
    let sandbox = sandbox();
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let failed = certs(&sandbox, &file);
    assert_eq!(failed.code, 2);
    assert!(failed.stderr.contains(file.to_str().unwrap()));
    assert_eq!(fs::read(&file).unwrap(), b"");
}

#[test]
fn with_the_public_key_beside_it_they_are_fetched_too() {
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    let fetched = run(wechatpay_at(&sandbox, &["certs"]));
    assert_eq!(fetched.code, 0, "{}", fetched.stderr);
}

#[cfg(unix)]
#[test]
fn keys_come_from_a_file_a_command_or_standard_input() {
    let sandbox = sandbox();
    let folder = folder();
    let key = folder.path().join("apiv3.key");
    fs::write(&key, format!("{}\n", sandbox.apiv3_key())).unwrap();
    let key = key.to_str().unwrap();
    let print = format!("cat '{key}'");
    let file = wechatpay_with(&sandbox, &FRESH, &["certs", "--apiv3-key-file", key]);
    let command = wechatpay_with(&sandbox, &FRESH, &["certs", "--apiv3-key-command", &print]);
    let input = wechatpay_with(&sandbox, &FRESH, &["certs", "--apiv3-key-file", "-"]);
    for mut from in [file, command, input] {
        from.env_remove("WECHATPAY_APIV3_KEY");
        let fetched = run_with_input(from, sandbox.apiv3_key().as_bytes());
        assert_eq!(fetched.code, 0, "{}", fetched.stderr);
    }
    let fails = ["certs", "--apiv3-key-command", "exit 9"];
    let failed = run(wechatpay_with(&sandbox, &FRESH, &fails));
    assert_eq!(failed.code, 3);
    assert!(
        failed.stderr.contains("exit status: 9"),
        "{}",
        failed.stderr
    );
    let mut private = wechatpay_with(&sandbox, &FRESH, &["certs", "--private-key", "-"]);
    private.env_remove("WECHATPAY_PRIVATE_KEY");
    let fetched = run_with_input(private, sandbox.merchant_private_key().as_bytes());
    assert_eq!(fetched.code, 0, "{}", fetched.stderr);
}
