//! What a front end needs to open the payment.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wechatpay_chain::rsa::PublicKey;
use wechatpay_chain::{Client, Error};

use crate::openssl::OpenSsl;
use crate::support::{MERCHANT_PUBLIC, assert_says, offline};

const APPID: &str = "wx8888888888888888";
const PREPAY: &str = "wx201410272009395522657a690389285100";

#[track_caller]
fn text<'a>(params: &'a serde_json::Value, name: &str) -> &'a str {
    params[name].as_str().unwrap_or_else(|| panic!("no {name}"))
}

#[track_caller]
fn assert_signed(lines: [&str; 4], signature: &str) {
    let key = PublicKey::from_pem(MERCHANT_PUBLIC).unwrap();
    let message = format!("{}\n{}\n{}\n{}\n", lines[0], lines[1], lines[2], lines[3]);
    assert!(key.verify(message, signature));
}

#[test]
fn jsapi_and_mini_program_sign_the_package_as_they_hand_it_over() {
    let params = offline().pay_params();
    for prepay_id in [
        PREPAY,
        &format!("prepay_id={PREPAY}"),
        &format!(" {PREPAY}\n"),
    ] {
        for values in [
            params.jsapi(APPID, prepay_id).unwrap(),
            params.mini_program(APPID, prepay_id).unwrap(),
        ] {
            assert_eq!(values["appId"], APPID);
            assert_eq!(values["package"], format!("prepay_id={PREPAY}"));
            assert_eq!(values["signType"], "RSA");
            assert_eq!(text(&values, "nonceStr").len(), 32);
            let time = text(&values, "timeStamp");
            assert_eq!(time.parse::<u64>().unwrap().to_string(), time);
            assert_eq!(values.as_object().unwrap().len(), 6);
            let lines = [
                APPID,
                time,
                text(&values, "nonceStr"),
                text(&values, "package"),
            ];
            assert_signed(lines, text(&values, "paySign"));
        }
    }
}

#[test]
fn an_app_signs_the_bare_prepay_id() {
    let params = offline().pay_params();
    for prepay_id in [PREPAY.to_owned(), format!("prepay_id={PREPAY}")] {
        let values = params.app(APPID, prepay_id).unwrap();
        assert_eq!(values["appid"], APPID);
        assert_eq!(values["partnerid"], "1900000109");
        assert_eq!(values["prepayid"], PREPAY);
        assert_eq!(values["package"], "Sign=WXPay");
        assert!(values.get("signType").is_none());
        assert_eq!(values.as_object().unwrap().len(), 7);
        let lines = [
            APPID,
            text(&values, "timestamp"),
            text(&values, "noncestr"),
            PREPAY,
        ];
        assert_signed(lines, text(&values, "sign"));
    }
}

#[test]
fn openssl_verifies_the_signatures() {
    let Some(openssl) = OpenSsl::new("pay") else {
        return;
    };
    let params = offline().pay_params();
    let jsapi = params.jsapi(APPID, PREPAY).unwrap();
    let app = params.app(APPID, PREPAY).unwrap();
    openssl.write("public", MERCHANT_PUBLIC);
    for (values, names) in [
        (
            jsapi,
            ["appId", "timeStamp", "nonceStr", "package", "paySign"],
        ),
        (app, ["appid", "timestamp", "noncestr", "prepayid", "sign"]),
    ] {
        let [appid, time, nonce, order, signature] = names.map(|name| text(&values, name));
        openssl.write("message", format!("{appid}\n{time}\n{nonce}\n{order}\n"));
        openssl.write("signature", STANDARD.decode(signature).unwrap());
        openssl.run("dgst -sha256 -verify public -signature signature message");
    }
}

#[test]
fn each_call_has_its_own_nonce() {
    let params = offline().pay_params();
    let one = params.jsapi(APPID, PREPAY).unwrap();
    let other = params.jsapi(APPID, PREPAY).unwrap();
    assert_ne!(one["nonceStr"], other["nonceStr"]);
}

#[test]
fn the_raw_signer_signs_lines_for_any_other_front_end() {
    let params = offline().pay_params();
    let signature = params.sign(["a", "b", "", "中"]).unwrap();
    assert_signed(["a", "b", "", "中"], &signature);
}

#[test]
fn an_empty_text_and_a_line_break_are_refused() {
    let params = offline().pay_params();
    for (appid, prepay_id, says) in [
        ("", PREPAY, "appid is empty"),
        (APPID, "", "prepay_id is empty"),
        (APPID, "prepay_id=", "prepay_id is empty"),
        (APPID, "a\nb", "line break"),
        ("a\rb", PREPAY, "line break"),
    ] {
        for result in [params.jsapi(appid, prepay_id), params.app(appid, prepay_id)] {
            let error = result.unwrap_err();
            assert!(matches!(error, Error::Request(_)));
            assert_says(&error, &[says]);
        }
    }
    assert_says(&params.sign(["a\nb"]).unwrap_err(), &["line break"]);
}

#[test]
fn a_client_of_apiv2_alone_has_no_key_for_it() {
    let client = Client::builder().mchid("1").secret("s").build().unwrap();
    let error = client.pay_params().jsapi(APPID, PREPAY).unwrap_err();
    assert!(matches!(error, Error::Config(_)));
}
