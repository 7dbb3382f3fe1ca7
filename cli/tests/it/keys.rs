//! `wechatpay serial` and `wechatpay pay-params`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use serde_json::Value;
use wechatpay_sandbox::Sandbox;

use crate::support::{Outcome, run, wechatpay, wechatpay_at};

/// One of the sandbox's files.
fn key(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("../sandbox/keys").join(name)
}

fn serial(name: &str) -> Outcome {
    let mut command = wechatpay(&["serial"]);
    command.arg(name).current_dir(key(""));
    run(command)
}

#[test]
fn a_certificate_tells_its_serial_number() {
    assert_snapshot!(serial("merchant.crt").shown(), @"
    exit 0
    --- stdout
    5A4D42D2053AB2F377643C6EADB695C908E1DC17
    --- stderr
    ");

    let mut piped = wechatpay(&["serial", "-", "--json"]);
    piped.stdin(std::fs::File::open(key("merchant.crt")).unwrap());
    let said: Value = serde_json::from_str(&run(piped).stdout).unwrap();
    assert_eq!(said["serial"], serial("merchant.crt").stdout.trim_end());

    let folder = tempfile::tempdir().unwrap();
    let der = folder.path().join("merchant.der");
    let mut openssl = Command::new("openssl");
    openssl
        .args(["x509", "-outform", "der", "-in"])
        .arg(key("merchant.crt"))
        .arg("-out")
        .arg(&der);
    if !openssl
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        return;
    }
    let mut command = wechatpay(&["serial"]);
    command.arg(&der);
    assert_eq!(run(command).stdout, serial("merchant.crt").stdout);
}

#[test]
fn what_is_no_certificate_says_what_it_is() {
    assert_snapshot!(serial("merchant.key").shown(), @"
    exit 3
    --- stdout
    --- stderr
    error: merchant.key: a private key has no serial number; wanted is its certificate, apiclient_cert.pem
    ");
    assert_snapshot!(serial("merchant.pub").shown(), @"
    exit 3
    --- stdout
    --- stderr
    error: merchant.pub: a public key has no serial number; WeChat Pay's has an ID, PUB_KEY_ID_…, which stands beside it on the merchant platform
    ");
    assert_snapshot!(serial("none.crt").shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: none.crt: No such file or directory (os error 2)
    ");
    let other = serial("README.md");
    assert_eq!(other.code, 3);
    assert!(other.stderr.contains("no PEM"), "{}", other.stderr);
}

#[test]
fn the_parameters_of_a_front_end_are_signed() {
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    let sign = |arguments: &[&str]| -> Value {
        let arguments = [&["pay-params"], arguments].concat();
        let outcome = run(wechatpay_at(&sandbox, &arguments));
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
        serde_json::from_str(&outcome.stdout).unwrap()
    };
    let jsapi = sign(&[
        "jsapi",
        "wx8888888888888888",
        "wx26112209580621e9b071c00d9e093b0000",
    ]);
    assert_eq!(
        jsapi["package"],
        "prepay_id=wx26112209580621e9b071c00d9e093b0000"
    );
    assert_eq!(jsapi["signType"], "RSA");
    let mini = sign(&["mini-program", "wx8888888888888888", "wx26112209580621"]);
    assert_eq!(mini["paySign"].as_str().unwrap().len(), 344);
    let app = sign(&["app", "wx8888888888888888", "wx26112209580621"]);
    assert_eq!(app["partnerid"], "1900000109");
    let of_v2 = sign(&["jsapi", "wx8", "wx2", "--v2", "hmac-sha256"]);
    assert_eq!(of_v2["signType"], "HMAC-SHA256");
    assert_eq!(of_v2["paySign"].as_str().unwrap().len(), 64);

    let empty = run(wechatpay_at(&sandbox, &["pay-params", "jsapi", "", "wx2"]));
    assert_eq!(empty.code, 2, "{}", empty.stderr);
    let unset = run(wechatpay(&["pay-params", "jsapi", "wx8", "wx2"]));
    assert_eq!(unset.code, 3, "{}", unset.stderr);
}
