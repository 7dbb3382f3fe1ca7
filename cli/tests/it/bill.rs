//! `wechatpay bill`.

use std::fs;
use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};
use wechatpay_sandbox::{Misbehaviour, Sandbox};

use crate::support::{run, wechatpay, wechatpay_at};

const TICKED: &str = "\u{feff}交易时间,公众账号ID\r\n`2024-01-01 00:00:00,`wx8888888888888888\r\n\
                      总交易单数\r\n`1\r\n";

fn sandbox() -> Sandbox {
    Sandbox::builder().plain().start_blocking().unwrap()
}

#[test]
fn a_bill_goes_to_standard_output_as_it_is() {
    let sandbox = sandbox();
    for more in [&[][..], &["--plain"]] {
        let arguments = [&["bill", "trade", "2024-01-01"], more].concat();
        let outcome = run(wechatpay_at(&sandbox, &arguments));
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
        assert_eq!(outcome.stdout, TICKED);
    }
}

#[test]
fn csv_has_no_ticks_and_the_summary_apart() {
    let sandbox = sandbox();
    let arguments = ["bill", "fund-flow", "2024-01-01", "--csv"];
    assert_snapshot!(run(wechatpay_at(&sandbox, &arguments)).shown(), @"
    exit 0
    --- stdout
    交易时间,公众账号ID
    2024-01-01 00:00:00,wx8888888888888888
    --- stderr
    总交易单数
    1
    ");
}

#[test]
fn a_file_is_there_as_a_whole_with_its_summary_beside_it() {
    let sandbox = sandbox();
    let folder = tempfile::tempdir().unwrap();
    let ask = |arguments: &[&str]| {
        let mut command = wechatpay_at(&sandbox, arguments);
        command.current_dir(folder.path());
        run(command)
    };
    let outcome = ask(&["bill", "trade", "2024-01-01", "-o", "bill.csv"]);
    assert_snapshot!(outcome.shown(), @"
    exit 0
    --- stdout
    --- stderr
    bill.csv: 95 bytes, as their digest says
    ");
    let file = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(file("bill.csv"), TICKED);

    let outcome = ask(&["bill", "trade", "2024-01-01", "-o", "bill.csv", "--csv"]);
    assert_snapshot!(outcome.shown(), @"
    exit 0
    --- stdout
    --- stderr
    bill.csv: 95 bytes, as their digest says; bill.csv.summary
    ");
    assert_snapshot!(file("bill.csv"), @"
    交易时间,公众账号ID
    2024-01-01 00:00:00,wx8888888888888888
    ");
    assert_snapshot!(file("bill.csv.summary"), @"
    总交易单数
    1
    ");

    let arguments = ["bill", "trade", "2024-01-01", "-o", "b", "--csv", "--json"];
    assert_snapshot!(ask(&arguments).shown(), @r#"
    exit 0
    --- stdout
    {"file":"b","bytes":95,"summary":"b.summary"}
    --- stderr
    "#);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn each_kind_asks_with_its_options() {
    let sandbox = sandbox();
    for path in [
        "/v3/bill/tradebill",
        "/v3/bill/fundflowbill",
        "/v3/bill/sub-merchant-fundflowbill",
        "/v3/ecommerce/bill/fundflowbill",
    ] {
        sandbox.answer(
            "GET",
            path,
            404,
            json!({ "code": "NO_STATEMENT_EXIST", "message": "账单不存在" }),
        );
    }
    let asked = |arguments: &[&str]| {
        let arguments = [&["bill"], arguments].concat();
        let outcome = run(wechatpay_at(&sandbox, &arguments));
        assert_eq!(outcome.code, 4, "{}", outcome.stderr);
        sandbox.received().last().unwrap().target().to_owned()
    };
    let day = "2024-01-01";
    assert_snapshot!(
        asked(&["trade", day, "--bill-type", "REFUND", "--sub-mchid", "1900000110"]),
        @"/v3/bill/tradebill?bill_date=2024-01-01&bill_type=REFUND&sub_mchid=1900000110&tar_type=GZIP"
    );
    assert_snapshot!(asked(&["fund-flow", day, "--account-type", "FEES", "--plain"]), @"/v3/bill/fundflowbill?bill_date=2024-01-01&account_type=FEES");
    assert_snapshot!(asked(&["sub-merchant-fund-flow", day, "--sub-mchid", "1900000110"]), @"/v3/bill/sub-merchant-fundflowbill?bill_date=2024-01-01&sub_mchid=1900000110&tar_type=GZIP&account_type=BASIC&algorithm=AEAD_AES_256_GCM");
    assert_snapshot!(asked(&["ecommerce-fund-flow", day, "--sequence", "2"]), @"/v3/ecommerce/bill/fundflowbill?bill_date=2024-01-01&tar_type=GZIP&account_type=ALL&algorithm=AEAD_AES_256_GCM");
}

#[test]
fn a_bill_that_does_not_come_leaves_no_file_and_says_why() {
    let sandbox = sandbox();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bill.csv");
    let ask = |arguments: &[&str]| {
        let mut command = wechatpay_at(&sandbox, arguments);
        command.arg("-o").arg(&file);
        let outcome = run(command);
        assert!(!file.exists());
        outcome
    };
    let promise = json!({
        "hash_type": "SHA1", "hash_value": "0".repeat(40),
        "download_url": format!("{}v3/billdownload/file?token=sandbox-plain", sandbox.base_uri()),
    });
    sandbox.answer_once("/v3/bill/tradebill", promise);
    let outcome = ask(&["bill", "trade", "2024-01-01"]);
    assert_eq!(outcome.code, 8, "{}", outcome.stderr);

    assert_snapshot!(ask(&["bill", "trade", "20240101"]).shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: invalid value '20240101' for '<DATE>': wanted is a day such as 2026-11-24

    For more information, try '--help'.
    ");
    let unset = run(wechatpay(&["bill", "trade", "2024-01-01"]));
    assert_eq!(unset.code, 3);
    assert!(unset.stderr.contains("--sandbox"), "{}", unset.stderr);
}

#[test]
fn a_sandbox_of_its_own_answers_where_that_is_asked() {
    let outcome = run(wechatpay(&["bill", "trade", "2024-01-01", "--sandbox"]));
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(outcome.stdout, TICKED);
    assert!(
        outcome
            .stderr
            .starts_with("a sandbox answers this command: https://127.0.0.1:")
    );
}

#[test]
fn json_of_a_failure_is_one_line() {
    let outcome = run(wechatpay(&["bill", "trade", "2024-01-01", "--json"]));
    let said: Value = serde_json::from_str(&outcome.stderr).unwrap();
    assert_eq!(said["exit"], 3);
}

#[cfg(unix)]
#[test]
fn an_interrupted_bill_leaves_no_file() {
    use std::process::{Command, Stdio};

    let sandbox = sandbox();
    sandbox.misbehave(Misbehaviour::Delay(Duration::from_secs(20)));
    let folder = tempfile::tempdir().unwrap();
    let mut command = wechatpay_at(&sandbox, &["bill", "trade", "2024-01-01", "-o"]);
    command.arg(folder.path().join("bill.csv"));
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    while sandbox.received().is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(output.stderr, b"error: interrupted\n");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_mistake() {
    use std::process::Stdio;

    let sandbox = sandbox();
    for more in [&[][..], &["--csv"]] {
        let arguments = [&["bill", "trade", "2024-01-01"], more].concat();
        let mut command = wechatpay_at(&sandbox, &arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}
