//! What a front end needs to open the payment, signed with the merchant's private key.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::client::{Core, missing};
use crate::error::{Error, Result};
use crate::formatter;
use crate::hash::{self, SignType};
use crate::rsa::PrivateKey;

const PREFIX: &str = "prepay_id=";

/// Signs what a front end needs to open the payment: see
/// [`Client::pay_params`](crate::Client::pay_params).
pub struct PayParams {
    core: Arc<Core>,
}

impl PayParams {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// For `WeixinJSBridge`'s `getBrandWCPayRequest`, in a page inside WeChat: `appId`, `timeStamp`,
    /// `nonceStr`, `package`, `signType` and `paySign`.
    ///
    /// `prepay_id` is what the order's answer has; a `prepay_id=` before it is taken once.
    ///
    /// # Errors
    /// [`Error::Request`] for an empty text, one with a line break, or a private key that is
    /// elsewhere; [`Error::Config`] for a client without APIv3's settings.
    ///
    /// Source: <https://pay.weixin.qq.com/doc/v3/merchant/4012791857>.
    pub fn jsapi(&self, appid: impl AsRef<str>, prepay_id: impl AsRef<str>) -> Result<Value> {
        let appid = checked("appid", appid.as_ref())?;
        let package = format!("{PREFIX}{}", bare(prepay_id.as_ref())?);
        let (timestamp, nonce) = (formatter::timestamp(), formatter::nonce());
        let signature = self.sign([appid, &timestamp, &nonce, &package])?;
        Ok(json!({
            "appId": appid,
            "timeStamp": timestamp,
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": signature,
        }))
    }

    /// For `wx.requestPayment` in a mini program: the same as [`jsapi`](Self::jsapi), and the
    /// `appId` in it does no harm there.
    ///
    /// # Errors
    /// As [`jsapi`](Self::jsapi).
    pub fn mini_program(
        &self,
        appid: impl AsRef<str>,
        prepay_id: impl AsRef<str>,
    ) -> Result<Value> {
        self.jsapi(appid, prepay_id)
    }

    /// For the SDK inside an app: `appid`, `partnerid`, `prepayid`, `package`, `noncestr`,
    /// `timestamp` and `sign`. iOS wants the timestamp as a number: parse it there.
    ///
    /// # Errors
    /// As [`jsapi`](Self::jsapi).
    ///
    /// Source: <https://pay.weixin.qq.com/doc/v3/merchant/4013070351>.
    pub fn app(&self, appid: impl AsRef<str>, prepay_id: impl AsRef<str>) -> Result<Value> {
        let appid = checked("appid", appid.as_ref())?;
        let prepay_id = bare(prepay_id.as_ref())?;
        let (timestamp, nonce) = (formatter::timestamp(), formatter::nonce());
        let signature = self.sign([appid, &timestamp, &nonce, prepay_id])?;
        Ok(json!({
            "appid": appid,
            "partnerid": self.core.mchid,
            "prepayid": prepay_id,
            "package": "Sign=WXPay",
            "noncestr": nonce,
            "timestamp": timestamp,
            "sign": signature,
        }))
    }

    /// The signature in base64 of any lines, with a line feed after each: for front ends that are
    /// not above.
    ///
    /// # Errors
    /// [`Error::Request`] for a line that holds a line break, or a private key that is elsewhere;
    /// [`Error::Config`] for a client without APIv3's settings.
    pub fn sign<L: AsRef<str>>(&self, lines: impl IntoIterator<Item = L>) -> Result<String> {
        let mut message = String::new();
        for line in lines {
            message.push_str(one_line("line", line.as_ref())?);
            message.push('\n');
        }
        Ok(self.key()?.sign(message))
    }

    /// [`jsapi`](Self::jsapi) for an order of APIv2, signed with the APIv2 key and the sign type that
    /// the order was made with; for mini programs, too.
    ///
    /// # Errors
    /// [`Error::Request`] for an empty text; [`Error::Config`] for a client without the APIv2 key.
    pub fn jsapi_v2(
        &self,
        appid: impl AsRef<str>,
        prepay_id: impl AsRef<str>,
        sign_type: SignType,
    ) -> Result<Value> {
        let fields = json!({
            "appId": checked("appid", appid.as_ref())?,
            "timeStamp": formatter::timestamp(),
            "nonceStr": formatter::nonce(),
            "package": format!("{PREFIX}{}", bare(prepay_id.as_ref())?),
            "signType": sign_type.as_str(),
        });
        self.with_sign("paySign", fields, sign_type)
    }

    /// [`app`](Self::app) for an order of APIv2, signed with the APIv2 key and the sign type that the
    /// order was made with.
    ///
    /// # Errors
    /// As [`jsapi_v2`](Self::jsapi_v2).
    pub fn app_v2(
        &self,
        appid: impl AsRef<str>,
        prepay_id: impl AsRef<str>,
        sign_type: SignType,
    ) -> Result<Value> {
        let fields = json!({
            "appid": checked("appid", appid.as_ref())?,
            "partnerid": self.core.mchid,
            "prepayid": bare(prepay_id.as_ref())?,
            "package": "Sign=WXPay",
            "noncestr": formatter::nonce(),
            "timestamp": formatter::timestamp(),
        });
        self.with_sign("sign", fields, sign_type)
    }

    /// What the plugin that hands out busifavor coupons (商家券) in a mini program wants:
    /// `send_coupon_params`, `send_coupon_merchant` and `sign`.
    ///
    /// `coupons` is a list of `stock_id`, `out_request_no` and, for stocks whose codes the merchant
    /// gives, `coupon_code`. What is signed is each of these with its index, by HMAC-SHA256 and the
    /// APIv2 key.
    ///
    /// # Errors
    /// [`Error::Request`] for what is no list of such objects; [`Error::Config`] for a client without
    /// the APIv2 key.
    ///
    /// Source: <https://pay.weixin.qq.com/wiki/doc/apiv3/apis/chapter9_3_1.shtml>.
    pub fn mini_program_coupons(&self, coupons: &Value) -> Result<Value> {
        let list = coupons.as_array().filter(|list| !list.is_empty());
        let wanted = "a list of objects with stock_id, out_request_no and perhaps coupon_code";
        let refuse = || Error::request("mini_program_coupons: no such list", wanted);
        let mut flat = Map::new();
        for (index, coupon) in list.ok_or_else(refuse)?.iter().enumerate() {
            for (name, value) in coupon.as_object().ok_or_else(refuse)? {
                flat.insert(format!("{name}{index}"), value.clone());
            }
        }
        flat.insert("send_coupon_merchant".to_owned(), json!(self.core.mchid));
        let sign = self.sign_v2(&Value::Object(flat), SignType::HmacSha256)?;
        Ok(json!({
            "send_coupon_params": coupons,
            "send_coupon_merchant": self.core.mchid,
            "sign": sign,
        }))
    }

    /// The query of the page that hands out a busifavor coupon (商家券) to a user of H5: the fields
    /// given (`stock_id`, `out_request_no`, `open_id` and, for stocks whose codes the merchant gives,
    /// `coupon_code`), `send_coupon_merchant` and their `sign` by HMAC-SHA256 and the APIv2 key.
    ///
    /// # Errors
    /// [`Error::Request`] for what is no object; [`Error::Config`] for a client without the APIv2 key.
    ///
    /// Source: <https://pay.weixin.qq.com/wiki/doc/apiv3/apis/chapter9_4_1.shtml>.
    pub fn h5_coupon(&self, coupon: &Value) -> Result<Value> {
        let Value::Object(fields) = coupon else {
            return Err(Error::request(
                "h5_coupon: no object",
                "an object with stock_id, out_request_no, open_id and perhaps coupon_code",
            ));
        };
        let mut fields = fields.clone();
        fields.insert("send_coupon_merchant".to_owned(), json!(self.core.mchid));
        self.with_sign("sign", Value::Object(fields), SignType::HmacSha256)
    }

    fn with_sign(&self, name: &str, mut fields: Value, sign_type: SignType) -> Result<Value> {
        let sign = self.sign_v2(&fields, sign_type)?;
        if let Some(fields) = fields.as_object_mut() {
            fields.insert(name.to_owned(), Value::String(sign));
        }
        Ok(fields)
    }

    fn sign_v2(&self, fields: &Value, sign_type: SignType) -> Result<String> {
        match &self.core.secret {
            Some(secret) => Ok(hash::sign(sign_type, fields, secret.as_str())),
            None => Err(missing("secret", "the APIv2 key")),
        }
    }

    fn key(&self) -> Result<&PrivateKey> {
        let Some(apiv3) = &self.core.v3 else {
            return Err(missing(
                "private_key",
                "the merchant's private key, for orders of APIv3; those of APIv2 go through \
                 jsapi_v2() and app_v2()",
            ));
        };
        apiv3.key.here().map_err(|_| {
            Error::request(
                "pay_params: the private key is elsewhere, behind a Signer",
                "the signature of that service over the lines, each with a line feed: appid, \
                 timestamp, nonce, and `prepay_id=…` (in an app the bare prepay_id)",
            )
        })
    }
}

impl fmt::Debug for PayParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayParams")
            .field("mchid", &self.core.mchid)
            .finish_non_exhaustive()
    }
}

/// A prepay_id without what JSAPI puts before it.
fn bare(prepay_id: &str) -> Result<&str> {
    let bare = prepay_id.trim();
    checked("prepay_id", bare.strip_prefix(PREFIX).unwrap_or(bare))
}

fn checked<'a>(what: &str, text: &'a str) -> Result<&'a str> {
    match text.trim() {
        "" => Err(Error::request(
            format!("pay_params: {what} is empty"),
            "what the order was made with, and what its answer has",
        )),
        text => one_line(what, text),
    }
}

fn one_line<'a>(what: &str, text: &'a str) -> Result<&'a str> {
    if text.contains(['\n', '\r']) {
        return Err(Error::request(
            format!("pay_params: {what} holds a line break"),
            "a text on one line, since lines are what is signed",
        ));
    }
    Ok(text)
}
