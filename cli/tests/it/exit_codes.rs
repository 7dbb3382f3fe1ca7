//! Each exit code, by a case of its own.

use std::time::Duration;

use wechatpay_sandbox::{Misbehaviour, Sandbox};

use crate::support::{assert_shown, run, wechatpay, wechatpay_at};

const ORDER: [&str; 8] = [
    "post",
    "v3/pay/transactions/native",
    "appid=wx8888888888888888",
    "mchid=1900000109",
    "description=QQ公仔",
    "out_trade_no=1217752501",
    "notify_url=https://example.com/notify",
    "amount[total]:=100",
];

fn sandbox() -> Sandbox {
    Sandbox::builder().plain().start_blocking().unwrap()
}

#[test]
fn code_0_done() {
    let sandbox = sandbox();
    let done = run(wechatpay_at(&sandbox, &ORDER));
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    assert!(done.stdout.starts_with(r#"{"code_url":"weixin://"#));
}

#[cfg(target_os = "linux")]
#[test]
fn code_1_the_machine_under_it() {
    let sandbox = sandbox();
    let mut command = wechatpay_at(&sandbox, &["get", "v3/certificates"]);
    let full = std::fs::File::create("/dev/full").unwrap();
    let output = command.stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("standard output"), "{said}");
}

#[test]
fn code_2_the_command_line() {
    let sandbox = sandbox();
    let item = run(wechatpay_at(&sandbox, &["post", "v3/x", "nonsense"]));
    assert_shown!(item, @r#"
    exit 2
    --- stdout
    --- stderr
    error: "nonsense": wanted is name=text, name:=json, name==query, Name:header, @file or - for the body on standard input
    "#);
    let variable = run(wechatpay_at(&sandbox, &["get", "v3/x/{missing}"]));
    assert_shown!(variable, @"
    exit 2
    --- stdout
    --- stderr
    error: v3/x/{missing}: the variable missing is missing; fill it with --var missing=VALUE
    ");
    let command = run(wechatpay(&["certz"]));
    assert_eq!(command.code, 2);
    assert!(command.stderr.contains("'certs'"), "{}", command.stderr);
    assert!(sandbox.received().is_empty());
}

#[test]
fn code_3_no_account_and_a_bad_key() {
    let nothing = run(wechatpay(&ORDER));
    assert_shown!(nothing, @"
    exit 3
    --- stdout
    --- stderr
    error: no account is configured: give --mchid, --private-key and so on, set WECHATPAY_MCHID and its companions, or write a profile (wechatpay config path says where); --sandbox starts a sandbox for this one command
    ");
    let sandbox = sandbox();
    let mut command = wechatpay_at(&sandbox, &["get", "v3/certificates"]);
    command.env("WECHATPAY_PRIVATE_KEY", sandbox.merchant_certificate());
    let bad = run(command);
    assert_eq!((bad.code, bad.stdout.as_str()), (3, ""));
    assert!(bad.stderr.contains("private_key"), "{}", bad.stderr);
    assert!(sandbox.received().is_empty());
}

#[test]
fn code_4_a_refusal() {
    let sandbox = sandbox();
    let refused = run(wechatpay_at(&sandbox, &ORDER[..4]));
    assert_shown!(refused, @r#"
    exit 4
    --- stdout
    {"code":"PARAM_ERROR","message":"输入源“/body/description”映射到字段“商品描述”必填性规则校验失败，此字段为必填项","detail":{"field":"/description","value":null,"issue":"required field is missing","location":"body"}}--- stderr
    error: POST v3/pay/transactions/native: 400 PARAM_ERROR: 输入源“/body/description”映射到字段“商品描述”必填性规则校验失败，此字段为必填项, field "/description", issue "required field is missing" (Request-ID ID)
    "#);
    let of_v2 = run(wechatpay_at(
        &sandbox,
        &[
            "post",
            "v2/pay/orderquery",
            "appid=wx8888888888888888",
            "mch_id=1900000109",
            "out_trade_no=nobody",
        ],
    ));
    assert_eq!(of_v2.code, 4);
    assert!(of_v2.stdout.starts_with("<xml>"), "{}", of_v2.stdout);
    assert!(of_v2.stderr.contains("ORDERNOTEXIST"), "{}", of_v2.stderr);
}

#[test]
fn code_5_an_error_of_theirs() {
    let sandbox = sandbox();
    sandbox.misbehave(Misbehaviour::status(500, "SYSTEM_ERROR", "系统异常"));
    assert_shown!(run(wechatpay_at(&sandbox, &ORDER)), @r#"
    exit 5
    --- stdout
    {"code":"SYSTEM_ERROR","message":"系统异常"}--- stderr
    error: POST v3/pay/transactions/native: 500 SYSTEM_ERROR: 系统异常; its effect is unknown: query before repeating it (Request-ID ID)
    "#);
}

#[test]
fn code_6_not_sent() {
    let sandbox = sandbox();
    sandbox.refuse();
    assert_shown!(run(wechatpay_at(&sandbox, &ORDER)), @"
    exit 6
    --- stdout
    --- stderr
    error: POST v3/pay/transactions/native: connecting to 127.0.0.1:PORT: tcp connect error: Connection refused (os error N); the request was not sent
    ");
}

#[test]
fn code_7_the_outcome_is_unknown() {
    let sandbox = sandbox();
    sandbox.misbehave(Misbehaviour::CutAfterRead);
    assert_shown!(run(wechatpay_at(&sandbox, &ORDER)), @"
    exit 7
    --- stdout
    --- stderr
    error: POST v3/pay/transactions/native: waiting for the answer of 127.0.0.1:PORT: connection closed before message completed; the request may have been received: query before repeating it
    ");
    assert_eq!(sandbox.received().len(), 1);
}

#[test]
fn code_8_an_answer_that_is_not_trusted_is_not_shown() {
    let sandbox = sandbox();
    sandbox.misbehave(Misbehaviour::Unsigned);
    assert_shown!(run(wechatpay_at(&sandbox, &ORDER)), @"
    exit 8
    --- stdout
    --- stderr
    error: POST v3/pay/transactions/native: 200 of 127.0.0.1:PORT can't be trusted: it did not come from WeChat Pay, or not unchanged: Wechatpay-Nonce, Wechatpay-Serial, Wechatpay-Signature, Wechatpay-Timestamp missing, 52 bytes of application/json; charset=utf-8; a proxy or a captive portal may have answered; its effect is unknown: query before repeating it (Request-ID ID)
    ");
}

#[cfg(unix)]
#[test]
fn code_130_interrupted() {
    use std::process::{Command, Stdio};

    let sandbox = sandbox();
    sandbox.misbehave(Misbehaviour::Delay(Duration::from_secs(20)));
    let mut command = wechatpay_at(&sandbox, &ORDER);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    while sandbox.received().is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said,
        "error: interrupted; the request may have been received: query before repeating it\n"
    );
}

#[test]
fn for_programs_a_failure_is_a_line_of_json() {
    let mut arguments = vec!["--json"];
    arguments.extend(ORDER);
    let failed = run(wechatpay(&arguments));
    let said: serde_json::Value = serde_json::from_str(&failed.stderr).unwrap();
    assert_eq!(said["exit"], 3);
    assert!(said["error"].as_str().unwrap().contains("--sandbox"));
}
