//! What an answer is worth.

use http::StatusCode;
use serde_json::{Map, Value};

use super::{
    ACCESS_TOKEN, DOWNLOADS, FOR_BROWSERS, Merchant, SIGN, SUCCESS, UNSIGNED, is_one_of, joined,
};
use crate::crypto::hash::{self, SignType};
use crate::error::{Check, DecodeError, Error, SignatureState};
use crate::protocol::{Distrust, Outcome, Refusal};
use crate::transformer;

/// Judges an answer that is no redirect.
pub(crate) fn judge(
    merchant: Merchant<'_>,
    path: &str,
    status: StatusCode,
    body: &[u8],
) -> Outcome {
    let read = if is_one_of(&[ACCESS_TOKEN], path) && !begins_with_markup(body) {
        serde_json::from_slice::<Map<String, Value>>(body)
            .map(Value::Object)
            .map_err(|error| Error::Decode(Box::new(DecodeError::json(&error))))
    } else if status.is_success() && is_one_of(&DOWNLOADS, path) && is_text(body) {
        return Outcome::Plain;
    } else {
        transformer::from_bytes(body)
    };
    if !status.is_success() {
        return Outcome::Refused(refusal_by_status(merchant, body, read.ok()));
    }
    let is_page = is_one_of(&FOR_BROWSERS, path);
    let data = match read {
        Ok(data) => data,
        Err(_) if is_page && !body.is_empty() => return Outcome::Plain,
        Err(error) => return Outcome::Unreadable(error),
    };
    if let Some((code, message)) = refused(&data) {
        return Outcome::Refused(Refusal {
            hint: is_about_sign(&code, &message).then(|| {
                "compare the APIv2 key with the one set on the merchant platform, and the sign_type \
                 with the one it wants; err.signed_message() is what was signed, without the key"
                    .to_owned()
            }),
            code,
            message,
            signature: signature(merchant, &data),
            data,
        });
    }
    if !says_success(&data, path) {
        return if is_page {
            Outcome::Plain
        } else {
            Outcome::Untrusted(Check::NoCode.into())
        };
    }
    let is_unsigned = is_one_of(&UNSIGNED, path);
    match verified(merchant, &data) {
        Ok(()) => Outcome::Accepted {
            data: Some(data),
            is_verified: true,
        },
        // What no sign can cover is as good as unsigned, where that is allowed.
        Err(distrust)
            if is_unsigned
                && (matches!(distrust.check, Check::NoSign | Check::NoSecret)
                    || is_nested(&data)) =>
        {
            Outcome::Accepted {
                data: Some(data),
                is_verified: false,
            }
        }
        Err(distrust) => Outcome::Untrusted(distrust),
    }
}

fn refusal_by_status(merchant: Merchant<'_>, body: &[u8], data: Option<Value>) -> Refusal {
    let data = data.unwrap_or_default();
    let (code, message) = refused(&data).unwrap_or_default();
    let is_empty = code.is_empty() && message.is_empty();
    let message = if is_empty { title(body) } else { message };
    // The server's words for a request without the certificate, or with another's.
    let page = String::from_utf8_lossy(body);
    let is_about_certificate = ["No required SSL certificate", "SSL certificate error"]
        .iter()
        .any(|words| page.contains(words));
    Refusal {
        code,
        message,
        hint: (is_empty && is_about_certificate).then(|| {
            "this endpoint wants the merchant certificate (apiclient_cert.pem and \
             apiclient_key.pem), and the one of this merchant: configure it, and present it with \
             .security()"
                .to_owned()
        }),
        signature: signature(merchant, &data),
        data,
    }
}

/// Whether the gateway found the sign of the request wrong.
fn is_about_sign(code: &str, message: &str) -> bool {
    code == "SIGNERROR" || code == "SIGN_ERROR" || message.contains("签名错误")
}

/// Code and message of a failure, in any dialect.
fn refused(data: &Value) -> Option<(String, String)> {
    let failed = |name: &str| data.get(name).is_some_and(|value| value != SUCCESS);
    let retcode = text_of(data, "retcode");
    let has_code = !text_of(data, "err_code").is_empty() || !text_of(data, "error_code").is_empty();
    let is_failure = if data.get("return_code").is_some() {
        failed("return_code") || failed("result_code")
    } else {
        failed("result_code") || has_code || !matches!(retcode.as_str(), "" | "0")
    };
    if !is_failure {
        return None;
    }
    let first = |names: &[&str]| {
        let mut texts = names.iter().map(|name| text_of(data, name));
        texts.find(|text| !text.is_empty()).unwrap_or_default()
    };
    let mut code = first(&["err_code", "error_code", "retcode", "return_code"]);
    // A failure whose code is SUCCESS would be read as none.
    if code == SUCCESS {
        code = text_of(data, "result_code");
    }
    Some((code, first(&["err_code_des", "return_msg", "retmsg"])))
}

fn says_success(data: &Value, path: &str) -> bool {
    text_of(data, "return_code") == SUCCESS
        || (is_one_of(&[ACCESS_TOKEN], path) && text_of(data, "retcode") == "0")
}

/// A field's text; a number's, too, as JSON has them.
pub(super) fn text_of(data: &Value, name: &str) -> String {
    match data.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// Whether an answer or a notification carries the `sign` that this merchant's key makes.
pub(super) fn verified(merchant: Merchant<'_>, data: &Value) -> Result<(), Distrust> {
    let Some(fields) = data.as_object() else {
        return Err(Check::NoSign.into());
    };
    let given = match fields.get(SIGN) {
        None => return Err(Check::NoSign.into()),
        Some(Value::String(given)) if given.is_empty() => return Err(Check::NoSign.into()),
        Some(Value::String(given)) => given,
        // No sign covers an element that nests.
        Some(_) => return Err(Check::WrongSign.into()),
    };
    let secret = merchant.secret().ok_or(Check::NoSecret)?;
    let mut pairs = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        match value {
            _ if name == SIGN => {}
            Value::String(text) => pairs.push((name.as_str(), text.as_str())),
            _ => return Err(Check::WrongSign.into()),
        }
    }
    let text = joined(pairs);
    // An answer, and a notification of an order, does not say how it was signed.
    let sign_type = match given.len() {
        64 => SignType::HmacSha256,
        _ => SignType::Md5,
    };
    if hash::equals(hash::sign(sign_type, &text, secret), given) {
        Ok(())
    } else {
        Err(Distrust {
            check: Check::WrongSign,
            text: Some(text),
        })
    }
}

fn is_nested(data: &Value) -> bool {
    let fields = data.as_object();
    fields.is_some_and(|fields| fields.values().any(|value| !value.is_string()))
}

fn signature(merchant: Merchant<'_>, data: &Value) -> SignatureState {
    match verified(merchant, data) {
        Ok(()) => SignatureState::Verified,
        Err(distrust) if distrust.check == Check::NoSign => SignatureState::Absent,
        Err(_) => SignatureState::Invalid,
    }
}

/// A download that succeeded: something, and no markup.
fn is_text(body: &[u8]) -> bool {
    !body.is_empty() && !begins_with_markup(body)
}

fn begins_with_markup(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.trim_ascii_start().starts_with(b"<")
}

/// The title of an HTML page; empty for anything else.
fn title(body: &[u8]) -> String {
    let page = String::from_utf8_lossy(body);
    // Lower-casing ASCII moves no byte.
    let lower = page.to_ascii_lowercase();
    let between = || {
        let start = lower.find("<title")?;
        let start = start + lower.get(start..)?.find('>')? + 1;
        let end = start + lower.get(start..)?.find("</title")?;
        page.get(start..end)
    };
    let words = between().unwrap_or_default().split_whitespace();
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixtures::{MCHID, MERCHANT_OF_TESTS, OK, SECRET, answer};
    use super::*;

    fn judged(path: &str, body: impl AsRef<[u8]>) -> Outcome {
        judge(MERCHANT_OF_TESTS, path, OK, body.as_ref())
    }

    fn accepted(path: &str, body: impl AsRef<[u8]>) -> (Value, bool) {
        match judged(path, body) {
            Outcome::Accepted { data, is_verified } => (data.unwrap(), is_verified),
            _ => panic!("{path} is not accepted"),
        }
    }

    fn said_no(path: &str, status: StatusCode, body: impl AsRef<[u8]>) -> Refusal {
        match judge(MERCHANT_OF_TESTS, path, status, body.as_ref()) {
            Outcome::Refused(refusal) => refusal,
            _ => panic!("{path} is not refused"),
        }
    }

    fn wrong_sign(path: &str, body: impl AsRef<[u8]>) -> String {
        match judged(path, body) {
            Outcome::Untrusted(distrust) if distrust.check == Check::WrongSign => {
                distrust.text.unwrap_or_default()
            }
            _ => panic!("{path} is not refused for its sign"),
        }
    }

    #[test]
    fn an_answer_is_trusted_by_its_sign_whose_length_says_how_it_was_made() {
        let fields = json!({
            "return_code": "SUCCESS", "return_msg": "OK", "result_code": "SUCCESS",
            "mch_id": MCHID, "nonce_str": "N0nce", "total_fee": "0", "attach": "",
        });
        for kind in [SignType::Md5, SignType::HmacSha256] {
            let body = answer(kind, fields.clone());
            let (data, is_verified) = accepted("/pay/orderquery", &body);
            assert!(is_verified);
            assert_eq!(data["total_fee"], "0");
            let body = String::from_utf8(body).unwrap();
            for empty in ["<attach/>", "<attach><![CDATA[]]></attach>"] {
                accepted("/pay/orderquery", body.replace("<attach></attach>", empty));
            }
            let text = wrong_sign("/pay/orderquery", body.replace(">0<", ">1<"));
            assert!(text.ends_with("&return_code=SUCCESS&return_msg=OK&total_fee=1"));
            let lower = body.replace("<sign>", "<sign>a");
            wrong_sign("/pay/orderquery", lower);
        }
        let unsigned = transformer::to_xml(&fields);
        for body in [
            unsigned.clone(),
            unsigned.replace("</xml>", "<sign/></xml>"),
        ] {
            let outcome = judged("/pay/orderquery", body);
            assert!(matches!(
                outcome,
                Outcome::Untrusted(Distrust {
                    check: Check::NoSign,
                    ..
                })
            ));
        }
        let without = Merchant {
            mchid: MCHID,
            secret: Some(""),
        };
        // With an empty key everybody could make the sign.
        let mut forged = fields.clone();
        forged["sign"] = json!(hash::sign(SignType::Md5, &fields, ""));
        let forged = transformer::to_xml(&forged);
        let outcome = judge(without, "/pay/orderquery", OK, forged.as_bytes());
        assert!(matches!(
            outcome,
            Outcome::Untrusted(Distrust {
                check: Check::NoSecret,
                ..
            })
        ));
    }

    #[test]
    fn four_characters_in_place_of_a_quote_show_in_the_text_that_was_signed() {
        let fields = json!({
            "return_code": "SUCCESS", "attach": "{\"key\":\"something\"}", "nonce_str": "N0nce",
        });
        let body = String::from_utf8(answer(SignType::Md5, fields)).unwrap();
        let quoted = "<![CDATA[{\"key\":\"something\"}]]>";
        for same in [
            "{&quot;key&quot;:&quot;something&quot;}",
            "{\"key\":\"something\"}",
        ] {
            accepted("/pay/orderquery", body.replace(quoted, same));
        }
        let broken = body.replace(quoted, "{\\x22key\\x22:\\x22something\\x22}");
        assert_eq!(
            wrong_sign("/pay/orderquery", broken),
            "attach={\\x22key\\x22:\\x22something\\x22}&nonce_str=N0nce&return_code=SUCCESS"
        );
    }

    #[test]
    fn no_sign_covers_an_element_that_nests() {
        let mut fields = json!({ "return_code": "SUCCESS", "a": { "b": "1" } });
        fields["sign"] = json!(hash::sign(SignType::Md5, &fields, SECRET));
        let body = transformer::to_xml(&fields);
        assert_eq!(wrong_sign("/pay/orderquery", &body), "");
        let (data, is_verified) = accepted("/mmpaymkttransfers/gethbinfo", &body);
        assert_eq!((&data["a"]["b"], is_verified), (&json!("1"), false));
        let twice = "<xml><return_code>SUCCESS</return_code><sign>A</sign><sign>B</sign></xml>";
        assert_eq!(wrong_sign("/pay/orderquery", twice), "");
        let twice = "<xml><return_code>SUCCESS</return_code><return_code>FAIL</return_code></xml>";
        said_no("/mmpaymkttransfers/gethbinfo", OK, twice);
    }

    #[test]
    fn unsigned_by_design_is_not_unchecked() {
        let path = "/mmpaymkttransfers/sendredpack";
        let success = json!({ "return_code": "SUCCESS", "result_code": "SUCCESS" });
        assert!(!accepted(path, transformer::to_xml(&success)).1);
        assert!(accepted(path, answer(SignType::Md5, success.clone())).1);
        let mut wrong = success;
        wrong["sign"] = json!("0BEAEF74E47D46933351C63550BFCE95");
        wrong_sign(path, transformer::to_xml(&wrong));
        let no = "<xml><return_code>SUCCESS</return_code><return_msg>支付失败</return_msg>\
                  <result_code>FAIL</result_code><err_code>NOTENOUGH</err_code>\
                  <err_code_des>余额不足</err_code_des></xml>";
        let no = said_no(path, OK, no);
        assert_eq!((&*no.code, &*no.message), ("NOTENOUGH", "余额不足"));
        for body in ["<xml/>", "<xml><a>1</a></xml>"] {
            let outcome = judged(path, body);
            assert!(matches!(
                outcome,
                Outcome::Untrusted(Distrust {
                    check: Check::NoCode,
                    ..
                })
            ));
        }
        for body in ["", "plain", "<html><title>x</title></html>", "<xml><a>"] {
            assert!(matches!(
                judged(path, body),
                Outcome::Unreadable(Error::Decode(_))
            ));
        }
    }

    #[test]
    fn a_failure_speaks_every_dialect_and_needs_no_sign() {
        for (fields, code, message) in [
            (
                json!({ "return_code": "FAIL", "return_msg": "签名错误" }),
                "FAIL",
                "签名错误",
            ),
            (
                json!({ "return_code": "FAIL", "retcode": "1", "retmsg": "no" }),
                "1",
                "no",
            ),
            (
                json!({ "return_code": "FAIL", "return_msg": "m", "error_code": "20002" }),
                "20002",
                "m",
            ),
            (
                json!({
                    "return_code": "SUCCESS", "return_msg": "OK", "result_code": "FAIL",
                    "err_code": "ORDERPAID", "error_code": "x", "err_code_des": "order paid",
                }),
                "ORDERPAID",
                "order paid",
            ),
            (
                json!({ "return_code": "SUCCESS", "return_msg": "OK", "result_code": "FAIL" }),
                "FAIL",
                "OK",
            ),
            (json!({ "err_code": "E", "err_code_des": "" }), "E", ""),
            (json!({ "retcode": "-1", "retmsg": "no" }), "-1", "no"),
            (json!({ "return_code": "", "return_msg": "m" }), "", "m"),
        ] {
            let refusal = said_no("/pay/refund", OK, transformer::to_xml(&fields));
            assert_eq!((&*refusal.code, &*refusal.message), (code, message));
            assert_eq!(refusal.signature, SignatureState::Absent);
            assert_eq!(refusal.data, fields);
            let signed = said_no("/pay/refund", OK, answer(SignType::Md5, fields));
            assert_eq!(signed.signature, SignatureState::Verified);
        }
        let wrong = "<xml><return_code>FAIL</return_code><sign>A</sign></xml>";
        let wrong = said_no("/pay/refund", OK, wrong);
        assert_eq!(wrong.signature, SignatureState::Invalid);
    }

    #[test]
    fn a_status_that_is_no_success_is_none_whatever_the_body_says() {
        let page = "<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n\
                    <body>\r\n<center><h1>400 Bad Request</h1></center>\r\n\
                    <center>No required SSL certificate was sent</center>\r\n\
                    <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
        let refusal = said_no("/secapi/pay/refund", StatusCode::BAD_REQUEST, page);
        assert_eq!(refusal.message, "400 No required SSL certificate was sent");
        assert!(refusal.hint.unwrap().contains("merchant certificate"));
        let page = "<HTML><TITLE a='b'>502\n Bad  Gateway</TITLE>";
        let refusal = said_no("/pay/downloadbill", StatusCode::BAD_GATEWAY, page);
        assert_eq!((&*refusal.message, refusal.hint), ("502 Bad Gateway", None));
        let body = "<xml><return_code>FAIL</return_code><return_msg>No required SSL certificate\
                    </return_msg></xml>";
        let refusal = said_no("/pay/refund", StatusCode::FORBIDDEN, body);
        assert_eq!((&*refusal.code, refusal.hint), ("FAIL", None));
        for body in [
            "",
            "<title",
            "<title>x",
            "{}",
            "<xml><return_code>SUCCESS</return_code></xml>",
        ] {
            let refusal = said_no("/pay/downloadbill", StatusCode::BAD_GATEWAY, body);
            assert_eq!((&*refusal.code, &*refusal.message), ("", ""));
        }
    }

    #[test]
    fn a_download_is_text_on_success_and_xml_on_failure() {
        for path in [
            "/pay/downloadbill",
            "pay/downloadfundflow",
            "/sandboxnew/pay/downloadbill",
        ] {
            for body in [
                &b"\xef\xbb\xbf\xe4\xba\xa4\xe6\x98\x93,`x"[..],
                b"\x1f\x8b\x08\0\xff",
            ] {
                assert!(matches!(judged(path, body), Outcome::Plain));
            }
            let no = "\u{feff}<xml><return_code><![CDATA[FAIL]]></return_code>\
                      <return_msg>No Bill Exist</return_msg><error_code>20002</error_code></xml>";
            let no = said_no(path, OK, no);
            assert_eq!((&*no.code, &*no.message), ("20002", "No Bill Exist"));
            for body in ["", "<html><body>sign in</body></html>"] {
                assert!(matches!(judged(path, body), Outcome::Unreadable(_)));
            }
        }
        assert!(matches!(
            judged("/pay/orderquery", "text"),
            Outcome::Unreadable(_)
        ));
    }

    #[test]
    fn the_access_token_answers_json() {
        let path = "/appauth/getaccesstoken";
        for body in [
            r#"{"retcode":0,"retmsg":"ok","access_token":"t"}"#,
            r#" {"retcode":"0","access_token":"t"}"#,
        ] {
            let (data, is_verified) = accepted(path, body);
            assert_eq!((&data["access_token"], is_verified), (&json!("t"), false));
        }
        let no = said_no(path, OK, r#"{"retcode":-1,"retmsg":"invalid code"}"#);
        assert_eq!((&*no.code, &*no.message), ("-1", "invalid code"));
        let no = "<xml><return_code>FAIL</return_code><return_msg>m</return_msg></xml>";
        assert_eq!(said_no(path, OK, no).code, "FAIL");
        assert!(matches!(
            judged(path, "{}"),
            Outcome::Untrusted(Distrust {
                check: Check::NoCode,
                ..
            })
        ));
        for body in ["", "[]", "1", "{\"a\":"] {
            assert!(matches!(
                judged(path, body),
                Outcome::Unreadable(Error::Decode(_))
            ));
        }
    }

    #[test]
    fn a_page_for_the_users_browser_comes_through_and_a_failure_does_not() {
        let path = "/papay/entrustweb";
        assert!(is_one_of(&FOR_BROWSERS, path));
        assert!(!is_one_of(&FOR_BROWSERS, "/papay/preentrustweb"));
        for body in [
            "<!DOCTYPE html><html></html>",
            "<html/>",
            "text",
            "<xml><a>1</a></xml>",
        ] {
            assert!(matches!(judged(path, body), Outcome::Plain));
        }
        let no = "<xml><return_code>FAIL</return_code></xml>";
        assert_eq!(said_no(path, OK, no).code, "FAIL");
    }
}
