//! What a front end needs to open the payment.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use wechatpay_chain::hash::{self, SignType};
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

const SECRET: &str = "exposed_your_key_here_have_risks";

fn of_v2() -> Client {
    let builder = Client::builder().mchid("1900000109").secret(SECRET);
    builder.build().unwrap()
}

#[test]
fn apiv2_signs_as_the_order_was_made() {
    let params = of_v2().pay_params();
    for (sign_type, name) in [
        (SignType::Md5, "MD5"),
        (SignType::HmacSha256, "HMAC-SHA256"),
    ] {
        let jsapi = params.jsapi_v2(APPID, format!("prepay_id={PREPAY}"), sign_type);
        let jsapi = jsapi.unwrap();
        assert_eq!(jsapi["signType"], name);
        assert_eq!(jsapi.as_object().unwrap().len(), 6);
        let signed = format!(
            "appId={APPID}&nonceStr={}&package=prepay_id={PREPAY}&signType={name}&timeStamp={}",
            text(&jsapi, "nonceStr"),
            text(&jsapi, "timeStamp"),
        );
        assert_eq!(jsapi["paySign"], hash::sign(sign_type, &*signed, SECRET));
        let app = params.app_v2(APPID, PREPAY, sign_type).unwrap();
        assert_eq!(app.as_object().unwrap().len(), 7);
        let signed = format!(
            "appid={APPID}&noncestr={}&package=Sign=WXPay&partnerid=1900000109&prepayid={PREPAY}\
             &timestamp={}",
            text(&app, "noncestr"),
            text(&app, "timestamp"),
        );
        assert_eq!(app["sign"], hash::sign(sign_type, &*signed, SECRET));
    }
    let error = offline()
        .pay_params()
        .jsapi_v2(APPID, PREPAY, SignType::Md5);
    assert_says(&error.unwrap_err(), &["secret", "APIv2 key"]);
}

#[test]
fn coupons_of_a_mini_program_are_signed_flat_with_their_index() {
    let params = of_v2().pay_params();
    let coupons = json!([
        { "stock_id": "1234567", "out_request_no": "abc123", "coupon_code": "asdsada" },
        { "stock_id": "2345678", "out_request_no": "123abc" },
    ]);
    let values = params.mini_program_coupons(&coupons).unwrap();
    assert_eq!(values["send_coupon_params"], coupons);
    assert_eq!(values["send_coupon_merchant"], "1900000109");
    let signed = "coupon_code0=asdsada&out_request_no0=abc123&out_request_no1=123abc\
                  &send_coupon_merchant=1900000109&stock_id0=1234567&stock_id1=2345678";
    let expected = hash::sign(SignType::HmacSha256, signed, SECRET);
    assert_eq!(values["sign"], expected);
    for wrong in [json!([]), json!({}), json!(["a"])] {
        let error = params.mini_program_coupons(&wrong).unwrap_err();
        assert_says(&error, &["mini_program_coupons", "stock_id"]);
    }
}

#[test]
fn a_coupon_of_h5_is_signed_with_its_fields() {
    let params = of_v2().pay_params();
    let coupon = json!({ "stock_id": "1212", "out_request_no": "1234", "open_id": "o1" });
    let values = params.h5_coupon(&coupon).unwrap();
    let signed = "open_id=o1&out_request_no=1234&send_coupon_merchant=1900000109&stock_id=1212";
    assert_eq!(
        values["sign"],
        hash::sign(SignType::HmacSha256, signed, SECRET)
    );
    assert_eq!(values.as_object().unwrap().len(), 5);
    assert_says(&params.h5_coupon(&json!(1)).unwrap_err(), &["h5_coupon"]);
}
