//! The notifications of APIv2, and the replies to them.

use serde_json::Value;
use zeroize::Zeroizing;

use super::answer::{text_of, verified};
use super::{MERCHANT, Merchant, SUCCESS};
use crate::crypto::{aes_ecb, hash};
use crate::error::{Check, Error, Result};
use crate::protocol::Distrust;
use crate::transformer;

/// A notification that is this merchant's.
pub(crate) enum Notice {
    /// Its `sign` was right.
    Signed(Value),
    /// A refund: nothing authenticates it, so query the refund before acting on it.
    Refund {
        /// What `req_info` held.
        data: Value,
        /// What stood around it.
        envelope: Value,
    },
}

/// Why a notification is refused.
pub(crate) enum Rejection {
    /// It is not what it should be: no XML, or a `req_info` that can't be opened.
    Unreadable(Error),
    /// It can't be trusted.
    Untrusted(Distrust),
}

impl From<Distrust> for Rejection {
    fn from(distrust: Distrust) -> Self {
        Self::Untrusted(distrust)
    }
}

/// Judges a notification: one with a `sign` is verified by it, a refund's `req_info` is opened.
pub(crate) fn notification(
    merchant: Merchant<'_>,
    body: &[u8],
) -> std::result::Result<Notice, Rejection> {
    let data = transformer::from_bytes(body).map_err(Rejection::Unreadable)?;
    let named = MERCHANT
        .iter()
        .find_map(|&name| Some((name, data.get(name)?)));
    if let Some((field, value)) = named {
        if value != merchant.mchid {
            let given = value.as_str().unwrap_or_default().to_owned();
            let other = Check::OtherMerchant { field, given };
            return Err(Distrust::from(other).into());
        }
    }
    let req_info = text_of(&data, "req_info");
    match verified(merchant, &data) {
        Ok(()) if req_info.is_empty() => return Ok(Notice::Signed(data)),
        Ok(()) => {}
        Err(distrust) if distrust.check == Check::NoSign && !req_info.is_empty() => {}
        Err(distrust) => return Err(distrust.into()),
    }
    let secret = merchant.secret();
    let secret = secret.ok_or_else(|| Distrust::from(Check::NoSecret))?;
    let inner = opened(&req_info, secret).map_err(Rejection::Unreadable)?;
    Ok(Notice::Refund {
        data: inner,
        envelope: data,
    })
}

/// Opens a refund's `req_info`: the same error for everything that is wrong after base64.
fn opened(req_info: &str, secret: &str) -> Result<Value> {
    let key = Zeroizing::new(hash::md5(secret, ""));
    // Base64 may be folded, which PHP does not mind either.
    let req_info: String = req_info.split_ascii_whitespace().collect();
    let xml = aes_ecb::decrypt(req_info, key.as_bytes())?;
    transformer::to_value(&xml).map_err(|_| aes_ecb::unreadable())
}

/// What tells WeChat Pay that a notification was taken.
pub(crate) fn reply_ok() -> String {
    reply(SUCCESS, "OK")
}

/// What tells WeChat Pay to send a notification again.
pub(crate) fn reply_fail(message: &str) -> String {
    reply("FAIL", message)
}

fn reply(code: &str, message: &str) -> String {
    let mut xml = "<xml>".to_owned();
    transformer::write_element(&mut xml, "return_code", code);
    transformer::write_element(&mut xml, "return_msg", message);
    xml.push_str("</xml>");
    xml
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixtures::{MCHID, MERCHANT_OF_TESTS, SECRET, answer};
    use super::*;
    use crate::crypto::hash::SignType;

    fn payment() -> Value {
        json!({
            "return_code": "SUCCESS", "result_code": "SUCCESS", "appid": "wx8888888888888888",
            "mch_id": MCHID, "nonce_str": "N0nce", "out_trade_no": "O1", "total_fee": "1",
            "attach": "",
        })
    }

    fn distrust(body: impl AsRef<[u8]>) -> Check {
        match notification(MERCHANT_OF_TESTS, body.as_ref()) {
            Err(Rejection::Untrusted(distrust)) => distrust.check,
            _ => panic!("the notification is not distrusted"),
        }
    }

    #[test]
    fn a_payment_notification_is_verified_by_its_sign_without_a_sign_type() {
        for kind in [SignType::Md5, SignType::HmacSha256] {
            let body = answer(kind, payment());
            match notification(MERCHANT_OF_TESTS, &body) {
                Ok(Notice::Signed(data)) => assert_eq!(data["out_trade_no"], "O1"),
                _ => panic!("a genuine payment is refused"),
            }
            let body = String::from_utf8(body).unwrap().replace(">1<", ">2<");
            assert_eq!(distrust(body), Check::WrongSign);
        }
    }

    #[test]
    fn another_merchants_notification_is_told_apart_and_one_without_any_proof_is_refused() {
        let mut other = payment();
        other["mch_id"] = json!("1900000110");
        let expected = Check::OtherMerchant {
            field: "mch_id",
            given: "1900000110".to_owned(),
        };
        assert!(distrust(answer(SignType::Md5, other)) == expected);
        assert!(distrust(transformer::to_xml(&payment())) == Check::NoSign);
        assert!(distrust("<xml><return_code>FAIL</return_code></xml>") == Check::NoSign);
        assert!(distrust("<xml><sign/><req_info/></xml>") == Check::NoSign);
        for body in [&b""[..], b"{}", b"<xml><a>", b"\xff"] {
            let rejected = notification(MERCHANT_OF_TESTS, body);
            assert!(matches!(
                rejected,
                Err(Rejection::Unreadable(Error::Decode(_)))
            ));
        }
        let merchant = Merchant {
            mchid: MCHID,
            secret: None,
        };
        for body in [answer(SignType::Md5, payment()), REFUND.into()] {
            let rejected = notification(merchant, &body);
            assert!(matches!(
                rejected,
                Err(Rejection::Untrusted(Distrust {
                    check: Check::NoSecret,
                    ..
                }))
            ));
        }
    }

    const REFUND: &str = "<xml><return_code>SUCCESS</return_code><mch_id>1900000109</mch_id>\
        <nonce_str>N0nce</nonce_str><req_info><![CDATA[\
        sQHh/cSF5F2ms58BHQoBmfmEFQJB0mBeyldEigMwceXnHd8lq/3arfpXUdDkxpMDM2mbn2Mit8y5zDoITONF0R8yRw8X\
        vbODn2divzmOs5JPohJqHPZlqobYrEulwUURPl70QShkF0NZefRuxQmR2IJ9EZFuxIK2/wyab+x6lKH1FawIUqmz8Ct+\
        0kQcGmDdO2hAEHxeb8F5bkIgH0Mbyg==]]></req_info></xml>";

    #[test]
    fn a_refund_notification_is_opened_with_the_md5_of_the_key() {
        match notification(MERCHANT_OF_TESTS, REFUND.as_bytes()) {
            Ok(Notice::Refund { data, envelope }) => {
                assert_eq!(
                    data,
                    json!({ "out_refund_no": "R1", "refund_status": "SUCCESS", "refund_fee": "1" })
                );
                assert_eq!(envelope["mch_id"], MCHID);
            }
            _ => panic!("a genuine refund is refused"),
        }
        // A sign that is there is checked on a refund, too.
        let signed = REFUND.replace("</xml>", "<sign>A</sign></xml>");
        assert_eq!(distrust(signed), Check::WrongSign);
    }

    #[test]
    fn everything_that_is_wrong_with_a_refund_after_base64_is_one_error() {
        let error = |secret: &str, req_info: &str| {
            let merchant = Merchant {
                mchid: MCHID,
                secret: Some(secret),
            };
            let body =
                format!("<xml><mch_id>{MCHID}</mch_id><req_info>{req_info}</req_info></xml>");
            match notification(merchant, body.as_bytes()) {
                Err(Rejection::Unreadable(error)) => error.to_string(),
                _ => panic!("a wrong refund is not unreadable"),
            }
        };
        let encrypted = |text: &str| aes_ecb::encrypt(text, hash::md5(SECRET, "")).unwrap();
        let good = encrypted("<root><a>1</a></root>");
        let other_key = error("another_key_of_32_characters_000", &good);
        assert!(other_key.contains("compare the APIv2 key"), "{other_key}");
        assert_eq!(error(SECRET, &encrypted("no XML")), other_key);
        assert_eq!(error(SECRET, "AAAA"), other_key);
        assert!(error(SECRET, "%%%").contains("no base64"));
    }

    #[test]
    fn the_replies_are_xml_whatever_the_message() {
        assert_eq!(
            reply_ok(),
            "<xml><return_code>SUCCESS</return_code><return_msg>OK</return_msg></xml>"
        );
        let message = "]]></return_msg><return_code>SUCCESS</return_code>";
        assert_eq!(
            transformer::to_value(&reply_fail(message)).unwrap(),
            json!({ "return_code": "FAIL", "return_msg": message })
        );
    }
}
