//! `wechatpay explain`.

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{run, wechatpay};

#[test]
fn an_endpoint_is_told_with_its_fields_and_a_skeleton() {
    let explained = run(wechatpay(&["explain", "v3/merchant-service/images/upload"]));
    assert_snapshot!(explained.shown(), @"
    exit 0
    --- stdout
    POST v3/merchant-service/images/upload
    商户上传反馈图片

    host           api.mch.weixin.qq.com
    documentation  https://wechatpay.im/openapi/v3/merchant-service/images/upload
    command        wechatpay upload FILE --to v3/merchant-service/images/upload
    rust           client.v3().merchant_service().images().upload().post(media)
                       .await?

    Form
      file*        file
      meta*        string with JSON: object
        filename   string
        sha256     string

    Answer
      media_id*  string (media ID)

    * required
    --- stderr
    ");
    let explained = run(wechatpay(&["explain", "--request", "v2/pay/orderquery"]));
    assert_snapshot!(explained.shown(), @r#"
    exit 0
    --- stdout
    POST v2/pay/orderquery
    查询订单

    host           api.mch.weixin.qq.com
    documentation  https://wechatpay.im/openapi/v2/pay/orderquery
    command        wechatpay post v2/pay/orderquery @body.json
    rust           client.v2().pay().orderquery().post(json!({…})).await?

    Body (XML)
      version          string, at most 32 long, always 1.0
      appid*           string, at most 32 long
      sub_appid        string, at most 32 long
      mch_id*          string, at most 32 long
      sub_mch_id       string, at most 32 long
      transaction_id   string, at most 32 long
      out_trade_no     string
      nonce_str*       string, at most 32 long
      sign*            string, at most 32 long
      sign_type        string, at most 32 long, one of MD5 HMAC-SHA256
      one of these is required: transaction_id out_trade_no
      added by the SDK: nonce_str, sign

    * required

    Skeleton of what is required (--skeleton prints it alone)
    {
      "appid": "",
      "mch_id": "",
      "transaction_id": ""
    }
    --- stderr
    "#);
}

#[test]
fn lines_keep_to_80_columns_but_for_what_cannot_be_broken() {
    for path in [
        "v3/applyment4sub/applyment/",
        "v3/pay/transactions/id/4200",
        "v3/marketing/busifavor/stocks",
    ] {
        let explained = run(wechatpay(&["explain", path]));
        assert_eq!(explained.code, 0, "{}", explained.stderr);
        let too_long = explained.stdout.lines().filter(|line| {
            let is_ours = !line.starts_with(['d', 'c']);
            is_ours && line.chars().count() > 80
        });
        assert_eq!(too_long.collect::<Vec<_>>(), [""; 0]);
    }
}

#[test]
fn all_verbs_of_a_path_are_told_or_the_one_that_is_named() {
    let path = "v3/payscore/serviceorder";
    let both = run(wechatpay(&["explain", path])).stdout;
    assert!(both.starts_with("GET v3/payscore/serviceorder\n"), "{both}");
    assert!(
        both.contains("\n\nPOST v3/payscore/serviceorder\n"),
        "{both}"
    );
    let one = run(wechatpay(&["explain", "post", path])).stdout;
    assert!(one.starts_with("POST v3/payscore/serviceorder\n"), "{one}");
}

#[test]
fn a_skeleton_alone_can_be_piped_on() {
    let explain = |which| {
        let explained = run(wechatpay(&["explain", "v3/pay/transactions/jsapi", which]));
        serde_json::from_str::<Value>(&explained.stdout).unwrap()
    };
    let required = explain("--skeleton");
    assert_eq!(required["amount"]["total"], 0);
    assert!(required.get("attach").is_none());
    assert_eq!(explain("--skeleton=all")["attach"], "");

    let without = run(wechatpay(&["explain", "v3/certificates", "--skeleton"]));
    assert_snapshot!(without.shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: v3/certificates takes no JSON body
    ");
}

#[test]
fn json_is_the_catalogue_s_own_line() {
    let explained = run(wechatpay(&["explain", "v3/certificates", "--json"]));
    let line: Value = serde_json::from_str(&explained.stdout).unwrap();
    assert_eq!(line["path"], "/v3/certificates");
    assert_eq!(line["response"]["fields"][0]["name"], "data");
}

#[test]
fn an_unknown_path_says_what_was_probably_meant() {
    let explain = |path| run(wechatpay(&["explain", path])).shown();
    assert_snapshot!(explain("v3/pay/transaction/natve"), @"
    exit 2
    --- stdout
    --- stderr
    error: the catalogue has no v3/pay/transaction/natve; probably meant: v3/pay/transactions/native
    ");
    assert_snapshot!(explain("v3/marketing/busifavor"), @"
    exit 2
    --- stdout
    --- stderr
    error: v3/marketing/busifavor is no endpoint, but 21 begin so: wechatpay endpoints v3/marketing/busifavor
    ");
    assert_snapshot!(explain("PUT v3/certificates"), @"
    exit 2
    --- stdout
    --- stderr
    error: v3/certificates has no PUT that is known; it has GET
    ");
}
