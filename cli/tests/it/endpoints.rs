//! `wechatpay endpoints`.

use std::process::Stdio;

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{run, wechatpay};

#[test]
fn all_of_them_are_listed_a_line_each() {
    let outcome = run(wechatpay(&["endpoints"]));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert_eq!(outcome.stdout.lines().count(), 1155);
    assert_eq!(
        outcome.stdout.lines().next(),
        Some("GET    v2/appauth/authindex  授权获取code")
    );
}

#[test]
fn they_are_found_by_the_beginning_of_a_path_and_by_words() {
    assert_snapshot!(run(wechatpay(&["endpoints", "/v3/refund"])).shown(), @"
    exit 0
    --- stdout
    POST   v3/refund/domestic/refunds  申请退款
    GET    v3/refund/domestic/refunds/{out_refund_no}  查询单笔退款
    POST   v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund  发起异常退款
    --- stderr
    ");
    assert_snapshot!(run(wechatpay(&["endpoints", "get", "退款", "v3/ecommerce"])).shown(), @"
    exit 0
    --- stdout
    GET    v3/ecommerce/refunds/id/{refund_id}  通过微信支付退款单号查询退款
    GET    v3/ecommerce/refunds/out-refund-no/{out_refund_no}  通过商户退款单号查询退款
    --- stderr
    ");
}

#[test]
fn json_is_a_line_an_endpoint() {
    let outcome = run(wechatpay(&["endpoints", "fundflowbill", "--json"]));
    let lines: Vec<Value> = outcome
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.iter().all(|line| line["verb"] == "GET"));
    assert_snapshot!(outcome.stdout.lines().next().unwrap(), @r#"{"verb":"GET","path":"v3/bill/fundflowbill","title":"申请资金账单","host":null,"documentation":"https://wechatpay.im/openapi/v3/bill/fundflowbill"}"#);
}

#[test]
fn a_word_that_none_has_says_what_was_probably_meant() {
    assert_snapshot!(run(wechatpay(&["endpoints", "transactoins"])).shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: no endpoint has transactoins; probably meant: transactions
    ");
    assert_snapshot!(run(wechatpay(&["endpoints", "v3/bill/tradebil/"])).shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: no endpoint has v3/bill/tradebil/; probably meant: v3/bill/tradebill
    ");
    assert_snapshot!(run(wechatpay(&["endpoints", "native", "refund"])).shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: no endpoint has all of: native refund
    ");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_mistake() {
    let mut command = wechatpay(&["endpoints"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_shell_is_told_how_a_path_may_go_on() {
    let complete = |prefix: &str| run(wechatpay(&["endpoints", "--complete", prefix])).stdout;
    assert_snapshot!(complete("v3/pay/transactions/"), @"
    v3/pay/transactions/app
    v3/pay/transactions/app-with-contract
    v3/pay/transactions/codepay
    v3/pay/transactions/exposure
    v3/pay/transactions/h5
    v3/pay/transactions/id/
    v3/pay/transactions/jsapi
    v3/pay/transactions/jsapi-with-contract
    v3/pay/transactions/native
    v3/pay/transactions/out-trade-no/
    ");
    assert_snapshot!(complete("/v3/bill/t"), @"/v3/bill/tradebill");
    assert_eq!(complete("v3/nothing"), "");
}
