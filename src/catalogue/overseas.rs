//! The roots of the overseas APIs, one line a segment.

/// The paths under `hk/`.
pub mod hk {
    places! {
        hk "hk" {
            v3 "v3" {
                certificates "certificates" [GET "获取平台证书列表"]
                merchants "merchants" [POST "子商户进件（融合钱包）" (request: "/contact/name,/contact/phone,/contact/email"), PUT "修改子商户（融合钱包）" (request: "/contact/name,/contact/phone,/contact/email")] {
                    _sub_mchid_ sub_mchid "{sub_mchid}" [GET "查询子商户（融合钱包）" (response: "/contact/name,/contact/phone,/contact/email")]
                }
                refunds "refunds" [GET "查询所有退款", POST "申请退款"] {
                    id "id" {
                        _refund_id_ refund_id "{refund_id}" [GET "查询单笔退款(微信支付退款订单号)"]
                    }
                    out_refund_no "out-refund-no" {
                        _out_refund_no_ out_refund_no "{out_refund_no}" [GET "查询单笔退款(商户退款订单号)"]
                    }
                }
                settle "settle" {
                    settlements "settlements" [GET "查询结算资金明细"]
                }
                statements "statements" [GET "下载对账单"]
                transactions "transactions" {
                    app "app" [POST "APP支付下单"]
                    id "id" {
                        _transaction_id_ transaction_id "{transaction_id}" [GET "查询订单(微信支付订单号)"] {
                            close "close" [POST "关闭订单(微信支付订单号)"]
                            reverse "reverse" [POST "撤销订单(微信支付订单号)"]
                        }
                    }
                    jsapi "jsapi" [POST "小程序/公众号支付下单"]
                    micropay "micropay" [POST "提交付款码支付"]
                    mweb "mweb" [POST "H5支付下单"]
                    native "native" [POST "扫码支付下单"]
                    out_trade_no "out-trade-no" {
                        _out_trade_no_ out_trade_no "{out_trade_no}" [GET "查询订单(商户订单号)"] {
                            close "close" [POST "关闭订单(商户订单号)"]
                            reverse "reverse" [POST "撤销订单(商户订单号)"]
                        }
                    }
                }
            }
        }
    }
}

/// The paths under `global/`.
pub mod global {
    places! {
        global "global" {
            v3 "v3" @ "apihk.mch.weixin.qq.com" {
                customs "customs" {
                    orders "orders" [GET "报关查询", PATCH "报关信息修改", POST "报关"]
                    redeclare "redeclare" [POST "报关重推"]
                    verify_certificate "verify-certificate" [POST "身份信息校验" (request: "/certificate_id,/certificate_name", pkcs1v15)]
                }
            }
        }
    }
}
