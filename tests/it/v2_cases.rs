//! What users of APIv2 ran into, and what is right: see the cases of that name.

use bytes::Bytes;
use serde_json::{Value, json};
use wechatpay_chain::{Check, Client, Error, Response, Result, hash, transformer};

use crate::support::{assert_says, body, offline};

const MCHID: &str = "1900000109";
const SECRET: &str = "exposed_your_key_here_have_risks";

fn client() -> Client {
    let builder = Client::builder().mchid(MCHID).secret(SECRET);
    builder.build().unwrap()
}

/// The XML that goes out with these fields.
fn xml(fields: &Value) -> String {
    body(client().v2().pay().unifiedorder().post(fields))
}

/// The `sign` that goes out with these fields, of both kinds.
fn signs(fields: &Value) -> [String; 2] {
    ["MD5", "HMAC-SHA256"].map(|sign_type| {
        let mut fields = fields.clone();
        if sign_type != "MD5" {
            fields["sign_type"] = sign_type.into();
        }
        let sent = transformer::to_value(&xml(&fields)).unwrap();
        sent["sign"].as_str().unwrap().to_owned()
    })
}

fn answered(xml: impl Into<Bytes>) -> Result<Response> {
    let request = client().v2().pay().orderquery();
    let request = request.post(json!({ "mch_id": MCHID }));
    let (_, accept) = request.into_parts().unwrap();
    accept.accept(http::Response::new(xml.into()))
}

fn sign_of(text: &str) -> String {
    hash::sign(hash::SignType::Md5, text, SECRET)
}

/// Case text-01.
#[test]
fn an_emoji_goes_as_it_is_in_both_versions() {
    let text = "🏠 诚信🔥 a%n?";
    let fields = json!({ "mch_id": MCHID, "nonce_str": "N0nce", "body": text });
    assert_eq!(
        signs(&fields),
        [
            "14E48DF54EA6798FA052C41465AAD015",
            "90360582660B13FAE93B23C5DE77086F69379B516398943D85110D356E649B3B"
        ]
    );
    let sent = xml(&fields);
    assert!(sent.contains(&format!("<body>{text}</body>")), "{sent}");
    for written in [
        text.to_owned(),
        format!("<![CDATA[{text}]]>"),
        "&#x1F3E0; 诚信&#128293; a%n?".to_owned(),
    ] {
        let sign = sign_of(&format!("body={text}&return_code=SUCCESS"));
        let answer = format!(
            "<xml><return_code>SUCCESS</return_code><body>{written}</body><sign>{sign}</sign></xml>"
        );
        assert_eq!(answered(answer).unwrap().data().unwrap()["body"], text);
    }
    let request = offline().chain("v3/pay/transactions/native");
    let sent = body(request.post(json!({ "description": text })));
    assert_eq!(sent, format!("{{\"description\":\"{text}\"}}"));
}

/// Case text-04.
#[test]
fn quotes_are_one_value_however_they_are_written() {
    let attach = "{\"key\":\"something\"}";
    let fields = json!({ "mch_id": MCHID, "nonce_str": "N0nce", "attach": attach });
    assert_eq!(
        signs(&fields),
        [
            "6E64174E5E9266BC6FA020C5B35CC371",
            "90B3E9ED8B289276550E7745EF600F6DE0B28894F665C6295D39FE44CEF06099"
        ]
    );
    assert!(xml(&fields).contains(&format!("<attach><![CDATA[{attach}]]></attach>")));
    let notified = |written: &str| {
        let sign = "6E64174E5E9266BC6FA020C5B35CC371";
        client().notification_v2(format!(
            "<xml><mch_id>{MCHID}</mch_id><nonce_str>N0nce</nonce_str>\
             <attach>{written}</attach><sign>{sign}</sign></xml>"
        ))
    };
    for written in [
        attach.to_owned(),
        format!("<![CDATA[{attach}]]>"),
        attach.replace('"', "&quot;"),
        attach.replace('"', "&#34;"),
        attach.replace('"', "<![CDATA[\"]]>"),
    ] {
        assert_eq!(notified(&written).unwrap().data()["attach"], attach);
    }
    let error = notified(&attach.replace('"', "\\x22")).unwrap_err();
    let is_wrong = matches!(&error, Error::Verify(error) if *error.check() == Check::WrongSign);
    assert!(is_wrong, "{error}");
    let text = error.signed_message().unwrap();
    assert_eq!(
        text,
        format!("attach={{\\x22key\\x22:\\x22something\\x22}}&mch_id={MCHID}&nonce_str=N0nce")
    );
}

/// Case v2sign-01.
#[test]
fn zero_is_a_value_and_empty_is_none() {
    let fields = json!({
        "appid": "wx8888888888888888", "mch_id": MCHID, "nonce_str": "N0nce", "total_fee": 0,
        "goods_tag": "0", "attach": "", "detail": null,
    });
    assert_eq!(
        signs(&fields),
        [
            "0BEAEF74E47D46933351C63550BFCE95",
            "76164012DA7899D0E1877E90652047F0DF4001985C8F721612DA55EAD834B9E3"
        ]
    );
    let sign = sign_of("return_code=SUCCESS&total_fee=0");
    for attach in [
        "",
        "<attach></attach>",
        "<attach/>",
        "<attach />",
        "<attach><![CDATA[]]></attach>",
        "<attach><!-- nothing --></attach>",
    ] {
        let answer = format!(
            "<xml><return_code>SUCCESS</return_code><total_fee>0</total_fee>{attach}\
             <sign>{sign}</sign></xml>"
        );
        let response = answered(answer).unwrap();
        assert!(response.verified());
        assert_eq!(response.data().unwrap()["total_fee"], "0");
    }
    // White space is a value.
    let answer = format!(
        "<xml><return_code>SUCCESS</return_code><total_fee>0</total_fee><attach> </attach>\
         <sign>{sign}</sign></xml>"
    );
    assert!(matches!(answered(answer), Err(Error::Verify(_))));
}

/// Case v2sign-04.
#[test]
fn what_nests_is_refused_and_its_json_is_one_text() {
    let scene_info = json!({ "store_info": { "id": "S1" } });
    for nested in [scene_info.clone(), json!([]), json!({}), json!([1])] {
        let path = client().v2().pay().unifiedorder();
        let request = path.post(json!({ "mch_id": MCHID, "scene_info": nested }));
        let error = request.into_http().unwrap_err();
        assert!(!error.may_have_been_sent());
        assert_says(&error, &["scene_info", "as a string"]);
    }
    let text = scene_info.to_string();
    let fields = json!({ "mch_id": MCHID, "nonce_str": "N0nce", "scene_info": text });
    let sent = xml(&fields);
    assert!(sent.contains(&format!("<scene_info><![CDATA[{text}]]></scene_info>")));
    let sign = sign_of(&format!("mch_id={MCHID}&nonce_str=N0nce&scene_info={text}"));
    assert!(sent.contains(&sign));
}

/// Case v2sign-08.
#[test]
fn the_length_of_a_sign_decides_how_it_was_made() {
    let fields = json!({
        "return_code": "SUCCESS", "mch_id": MCHID, "nonce_str": "N0nce", "total_fee": "1",
    });
    let signed = |sign: String| {
        let mut fields = fields.clone();
        fields["sign"] = sign.into();
        transformer::to_xml(&fields)
    };
    for sign_type in [hash::SignType::Md5, hash::SignType::HmacSha256] {
        let sign = hash::sign(sign_type, &fields, SECRET);
        let event = client().notification_v2(signed(sign.clone())).unwrap();
        assert_eq!(event.data()["total_fee"], "1");
        assert!(answered(signed(sign.clone())).unwrap().verified());
        for wrong in [
            sign[1..].to_owned(),
            format!("{sign}0"),
            sign.to_lowercase(),
            "0".repeat(sign.len()),
            sign.chars().rev().collect(),
            sign.repeat(2),
        ] {
            let error = client().notification_v2(signed(wrong.clone())).unwrap_err();
            assert!(matches!(error, Error::Verify(_)), "{error}");
            let error = answered(signed(wrong)).unwrap_err();
            assert!(matches!(error, Error::Verify(_)), "{error}");
        }
    }
}

/// Case refund-01, and base64 as XML writers fold it.
#[test]
fn a_refund_s_req_info_opens_under_the_hex_of_the_secret_s_md5() {
    let req_info = "sQHh/cSF5F2ms58BHQoBmfmEFQJB0mBeyldEigMwceXnHd8lq/3arfpXUdDkxpMDM2mbn2Mit8y5\
                    zDoITONF0R8yRw8XvbODn2divzmOs5JPohJqHPZlqobYrEulwUURPl70QShkF0NZefRuxQmR2IJ9\
                    EZFuxIK2/wyab+x6lKH1FawIUqmz8Ct+0kQcGmDdO2hAEHxeb8F5bkIgH0Mbyg==";
    let folded: Vec<_> = req_info.as_bytes().chunks(76).collect();
    let folded = String::from_utf8(folded.join(&b"\r\n"[..])).unwrap();
    for written in [
        req_info.to_owned(),
        format!("<![CDATA[{req_info}]]>"),
        format!("\n  {req_info}\n"),
        folded.clone(),
        format!("<![CDATA[\n{folded}\n]]>"),
    ] {
        let body = format!(
            "<xml><return_code>SUCCESS</return_code><mch_id>{MCHID}</mch_id>\
             <req_info>{written}</req_info></xml>"
        );
        let event = client().notification_v2(&body).unwrap();
        assert!(event.is_refund());
        assert_eq!(
            *event.data(),
            json!({ "out_refund_no": "R1", "refund_status": "SUCCESS", "refund_fee": "1" })
        );
        let other = Client::builder().mchid(MCHID).secret("another");
        let error = other.build().unwrap().notification_v2(&body).unwrap_err();
        assert_says(&error, &["APIv2 key"]);
    }
    for wrong in ["", "!", "AAAA", &req_info[4..], &req_info.replace("==", "")] {
        let body = format!("<xml><mch_id>{MCHID}</mch_id><req_info>{wrong}</req_info></xml>");
        client().notification_v2(body).unwrap_err();
    }
}

/// Case xml-03, as answers whose sign is made over what PHP reads.
#[test]
fn an_answer_is_verified_over_what_its_xml_says() {
    let code = "<return_code>SUCCESS</return_code>";
    let signed = |inner: &str, text: &str| {
        let sign = sign_of(&format!("{text}&return_code=SUCCESS"));
        format!("<xml>{code}{inner}<sign>{sign}</sign></xml>")
    };
    for (before, inner, text) in [
        ("\u{feff}", "<a>1</a>", "a=1"),
        ("  \n", "<a>1</a>", "a=1"),
        ("", "<a>x<![CDATA[&<]]>y</a>", "a=x&<y"),
        ("", "<c> </c><d><![CDATA[ x ]]></d>", "c= &d= x "),
        ("", "<a>1\u{8}</a>", "a=1"),
        ("", "<a>&#49;</a>", "a=1"),
        ("", "<a b=\"c\">1</a>", "a=1"),
        (
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
            "<a>1</a>",
            "a=1",
        ),
    ] {
        let answer = format!("{before}{}", signed(inner, text));
        let response = answered(answer).unwrap();
        assert!(response.verified(), "{inner}");
    }
    for wrong in [
        "",
        "<xml/>",
        "<html><title>404</title></html>",
        "<xml>\u{0}",
    ] {
        assert!(answered(wrong).is_err(), "{wrong:?}");
    }
}
