//! The bill of every day, which is always the same one.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::apiv2::{Call, Said};
use crate::xml::Fields;

/// With a byte order mark, and a back-tick before each value, as WeChat Pay has it.
const BILL: &str = "\u{feff}交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\r
`2018-06-08 10:34:56,`wx8888888888888888,`1900000109,`0,`,`4200000001201806080000000001,`1217752501201407033233368018,`oUpF8uMuAJO_M2pxb1Q9zNjWeS6o,`JSAPI,`SUCCESS,`OTHERS,`CNY,`1.00,`0.00,`0,`0,`0.00,`0.00,`,`,`商品,`,`0.01000,`0.60%,`1.00,`0.00,`\r
`2018-06-08 11:34:56,`wx8888888888888888,`1900000109,`0,`,`4200000001201806080000000001,`1217752501201407033233368018,`oUpF8uMuAJO_M2pxb1Q9zNjWeS6o,`JSAPI,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`50300000001201806080000000002,`1217752501201407033233368018R1,`0.50,`0.00,`ORIGINAL,`SUCCESS,`商品,`,`0.00000,`0.60%,`0.00,`0.50,`\r
总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r
`2,`1.00,`0.50,`0.00,`0.01000,`1.00,`0.50\r
";

/// WeChat Pay gives an `error_code` here, and no `result_code`.
fn refuse(message: &str) -> Said {
    Said::Unsigned(
        Fields::default()
            .with("return_code", "FAIL")
            .with("return_msg", message)
            .with("error_code", "20001"),
    )
}

pub(super) fn download(call: &Call) -> Said {
    let date = call.get("bill_date");
    if date.is_empty() || call.get("appid").is_empty() {
        return refuse("missing parameter");
    }
    if date.len() != 8 || !date.bytes().all(|byte| byte.is_ascii_digit()) {
        return refuse("invalid bill_date");
    }
    if !["", "ALL", "SUCCESS", "REFUND", "RECHARGE_REFUND"].contains(&call.get("bill_type")) {
        return refuse("invalid bill_type");
    }
    match call.get("tar_type") {
        "" => Said::Other("text/plain; charset=utf-8", BILL.as_bytes().to_vec()),
        "GZIP" => Said::Other("application/x-gzip", zipped()),
        _ => refuse("invalid tar_type"),
    }
}

/// A file of its own, not a `Content-Encoding`.
fn zipped() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing into memory can't fail; if it did, the file would be cut short, which every reader
    // notices.
    let _ = encoder.write_all(BILL.as_bytes());
    encoder.finish().unwrap_or_default()
}
