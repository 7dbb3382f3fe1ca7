//! `wechatpay trigger`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::thread::{self, JoinHandle};

use insta::{Settings, assert_snapshot};
use serde_json::Value;
use wechatpay_chain::Client;
use wechatpay_sandbox::Sandbox;

use crate::support::{Outcome, run, wechatpay};

/// What a program under development was told.
struct Told {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A program that answers so, once.
fn program(answer: &'static str) -> (String, JoinHandle<Told>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/notify", listener.local_addr().unwrap());
    let told = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut headers = Vec::new();
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap() > 2 {
            if let Some((name, value)) = line.split_once(": ") {
                headers.push((name.to_lowercase(), value.trim_end().to_owned()));
            }
            line.clear();
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let mut body = vec![0; length.unwrap().1.parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        Told { headers, body }
    });
    (url, told)
}

const FINE: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// Of the keys that the command writes.
fn client(folder: &std::path::Path) -> Client {
    let file = |name: &str| format!("file://{}", folder.join(name).display());
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    Client::builder()
        .mchid(sandbox.mchid())
        .merchant_certificate(file("apiclient_cert.pem"))
        .private_key(file("apiclient_key.pem"))
        .cert(sandbox.platform_serial(), file("pub_key.pem"))
        .apiv3_key(sandbox.apiv3_key())
        .secret(sandbox.secret())
        .base_uri(sandbox.base_uri())
        .build()
        .unwrap()
}

fn shown(outcome: &Outcome, check: impl FnOnce(String)) {
    let mut settings = Settings::clone_current();
    settings.add_filter(r"/tmp/\.tmp\w+", "FOLDER");
    settings.add_filter(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT");
    settings.bind(|| check(outcome.shown()));
}

#[test]
fn a_program_is_told_and_can_trust_it_with_the_sandbox_s_keys() {
    let folder = tempfile::tempdir().unwrap();
    let (url, told) = program(FINE);
    let mut command = wechatpay(&["trigger", "transaction.success", "--to", &url]);
    command.args([
        "--set",
        "/out_trade_no=20261125",
        "--set",
        "/amount/total=250",
    ]);
    command.arg("--keys-to").arg(folder.path());
    let outcome = run(command);
    shown(&outcome, |outcome| {
        assert_snapshot!(outcome, @"
    exit 0
    --- stdout
    --- stderr
    signed by the sandbox's PUB_KEY_ID_0119000001092020010100000000000000
    encrypted with its APIv3 key WechatpaySandboxPublicApiv3Key01
    the public key: FOLDER/pub_key.pem
    the program answered 204
    ")
    });

    let told = told.join().unwrap();
    let event = client(folder.path())
        .notification(&told.headers, &told.body)
        .wait()
        .unwrap();
    assert_eq!(event.event_type(), "TRANSACTION.SUCCESS");
    assert_eq!(event.data()["out_trade_no"], "20261125");
    assert_eq!(event.data()["amount"]["total"], 250);
    assert_eq!(event.data()["amount"]["payer_total"], 100);
}

#[test]
fn every_known_event_can_be_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let listed = run(wechatpay(&["trigger", "--list"]));
    assert_snapshot!(listed.shown(), @"
    exit 0
    --- stdout
    TRANSACTION.SUCCESS          支付成功
    REFUND.SUCCESS               退款成功
    REFUND.ABNORMAL              退款异常
    REFUND.CLOSED                退款关闭
    COUPON.SEND                  商家券领券通知
    COUPON.USE                   用券成功
    MCHTRANSFER.BILL.FINISHED    商家转账单据终态通知
    MCHTRANSFER.BATCH.FINISHED   商家转账批次回调通知
    PAYSCORE.USER_OPEN_SERVICE   微信支付分服务用户授权成功通知
    PAYSCORE.USER_CLOSE_SERVICE  微信支付分服务用户解除授权通知
    PAYSCORE.USER_CONFIRM        微信支付分服务用户确认成功通知
    PAYSCORE.USER_PAID           微信支付分服务用户支付成功通知
    PROFITSHARING.SUCCESS        分账成功
    COMPLAINT.CREATE             产生新投诉
    --- stderr
    ");
    for line in listed.stdout.lines() {
        let name = line.split(' ').next().unwrap();
        let (url, told) = program(FINE);
        let mut command = wechatpay(&["trigger", name, "--to", &url, "--keys-to"]);
        command.arg(folder.path());
        let outcome = run(command);
        assert_eq!(outcome.code, 0, "{name}: {}", outcome.stderr);
        let told = told.join().unwrap();
        let event = client(folder.path())
            .notification(&told.headers, &told.body)
            .wait()
            .unwrap();
        assert_eq!(event.event_type(), name);
    }
}

#[test]
fn an_answer_that_is_no_success_ends_with_4() {
    let (url, told) = program(
        "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 15\r\n\r\n{\"code\":\"FAIL\"}",
    );
    let outcome = run(wechatpay(&["trigger", "REFUND.CLOSED", "--to", &url]));
    told.join().unwrap();
    assert_eq!(outcome.code, 4);
    shown(&outcome, |outcome| {
        assert_snapshot!(outcome, @r#"
    exit 4
    --- stdout
    {"code":"FAIL"}--- stderr
    signed by the sandbox's PUB_KEY_ID_0119000001092020010100000000000000
    encrypted with its APIv3 key WechatpaySandboxPublicApiv3Key01
    --keys-to FOLDER writes the public key, as pub_key.pem
    the program answered 500
    error: WeChat Pay would tell it again: wanted is 200 or 204
    "#)
    });

    let (url, told) = program(FINE);
    let outcome = run(wechatpay(&[
        "trigger",
        "REFUND.CLOSED",
        "--to",
        &url,
        "--json",
    ]));
    told.join().unwrap();
    let line: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(
        (&line["status"], &line["accepted"]),
        (&204.into(), &true.into())
    );
}

#[test]
fn apiv2_is_told_in_xml() {
    let (url, told) = program(
        "HTTP/1.1 200 OK\r\nContent-Length: 51\r\n\r\n<xml><return_code>SUCCESS</return_code></xml>      ",
    );
    let outcome = run(wechatpay(&[
        "trigger",
        "TRANSACTION.SUCCESS",
        "--v2",
        "--to",
        &url,
    ]));
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let told = told.join().unwrap();
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    let event = sandbox.client().notification_v2(&told.body).unwrap();
    assert_eq!(event.data()["total_fee"], "100");

    for name in ["REFUND.SUCCESS", "REFUND.ABNORMAL"] {
        let (url, told) = program(FINE);
        let outcome = run(wechatpay(&["trigger", name, "--v2", "--to", &url]));
        assert_eq!(outcome.code, 4, "204 is no success to APIv2");
        let told = told.join().unwrap();
        let event = sandbox.client().notification_v2(&told.body).unwrap();
        assert!(event.data()["refund_status"].is_string());
    }
    let other = run(wechatpay(&["trigger", "COUPON.USE", "--v2", "--to", &url]));
    assert_snapshot!(other.shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: APIv2 tells of TRANSACTION.SUCCESS, REFUND.SUCCESS, REFUND.ABNORMAL and REFUND.CLOSED
    ");
}

#[test]
fn what_would_be_told_is_shown_and_an_unknown_event_says_what_it_is_given() {
    let dry = |arguments: &[&str]| {
        let arguments = [&["trigger", "--dry-run"], arguments].concat();
        run(wechatpay(&arguments))
    };
    let refund: Value = serde_json::from_str(&dry(&["REFUND.ABNORMAL"]).stdout).unwrap();
    assert_eq!(refund["refund_status"], "ABNORMAL");
    assert!(refund.get("success_time").is_none());
    assert_snapshot!(dry(&["PAPAY.SIGN", "--set", "/plan_id:=12", "--set", "/a/b=c"]).shown(), @r#"
    exit 0
    --- stdout
    {"plan_id":12,"a":{"b":"c"}}
    --- stderr
    PAPAY.SIGN is not among the events that are known: it tells what --set says, and no more
    "#);
    assert_snapshot!(dry(&["TRANSACTION.SUCESS"]).shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: TRANSACTION.SUCESS is not known; probably meant: TRANSACTION.SUCCESS. wechatpay trigger --list has those that are known, and --set /path=value tells of any other
    ");
    assert_snapshot!(dry(&["PAPAY.SIGN"]).shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: PAPAY.SIGN is not known. wechatpay trigger --list has those that are known, and --set /path=value tells of any other
    ");
    assert_snapshot!(dry(&["REFUND.CLOSED", "--set", "/amount/total=x"]).shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: --set /amount/total=x: x is no JSON: expected value at line 1 column 1
    ");
    let mistyped = dry(&["REFUND.CLOSED", "--set", "/amount/totl:=1"]);
    assert_snapshot!(mistyped.stderr, @"/amount/totl is new in REFUND.CLOSED; perhaps meant: /amount/total");
    assert_snapshot!(dry(&["REFUND.CLOSED", "--set", "amount=1"]).shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: --set amount=1: wanted is /path=value, such as /amount/total=100
    ");
}

#[test]
fn a_program_that_is_not_there_and_one_elsewhere_are_told_apart() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/", free.local_addr().unwrap());
    drop(free);
    let outcome = run(wechatpay(&["trigger", "REFUND.CLOSED", "--to", &url]));
    assert_eq!(outcome.code, 6, "{}", outcome.stderr);
    let outcome = run(wechatpay(&[
        "trigger",
        "REFUND.CLOSED",
        "--to",
        "https://example.com/",
    ]));
    assert_snapshot!(outcome.shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: --to https://example.com/: wanted is plain http to this machine, such as http://127.0.0.1:8080/notify, or to a host that --allow-notify names
    ");
}
