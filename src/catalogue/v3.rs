//! APIv3, one line a segment.

places! {
    v3 "v3" {
        certificates "certificates" [GET "获取平台证书列表"]
        marketing "marketing" {
            busifavor "busifavor" {
                callbacks "callbacks" [GET "查询商家券事件通知地址", POST "设置商家券事件通知地址"]
                coupons "coupons" {
                    (_card_id_ card_id) {
                        send "send" [POST "发放消费卡"]
                    }
                    associate "associate" [POST "关联订单信息"]
                    deactivate "deactivate" [POST "使券失效"]
                    disassociate "disassociate" [POST "取消关联订单信息"]
                    return_ "return" [POST "申请退券"]
                    send "send" [POST "向用户发券"]
                    use_ "use" [POST "核销用户券"]
                }
                product_coupons "product-coupons" {
                    pre_send "pre-send" [POST "向用户预发放商品券"]
                    send "send" [POST "向用户发放商品券"]
                }
                stocks "stocks" [POST "创建商家券"] {
                    (_stock_id_ stock_id) [GET "查询商家券详情", PATCH "修改商家券基本信息"] {
                        budget "budget" [PATCH "修改批次预算"]
                        couponcodes "couponcodes" [GET "查询预存code列表", POST "上传预存code"] {
                            (_coupon_code_ coupon_code) [DELETE "删除预存code", GET "查询预存code详情"]
                        }
                    }
                }
                subsidy "subsidy" {
                    pay_receipts "pay-receipts" [GET "查询营销补差付款单列表", POST "营销补差付款"] {
                        (_subsidy_receipt_id_ subsidy_receipt_id) [GET "查询营销补差付款单详情"]
                    }
                    return_receipts "return-receipts" [POST "营销补差回退"] {
                        (_subsidy_return_receipt_id_ subsidy_return_receipt_id) [GET "查询商家券营销补差回退单详情"]
                    }
                }
                users "users" {
                    (_openid_ openid) {
                        coupons "coupons" [GET "根据过滤条件查询用户券"] {
                            (_coupon_code_ coupon_code) {
                                appids "appids" {
                                    (_appid_ appid) [GET "查询用户单张券详情"]
                                }
                            }
                        }
                    }
                }
            }
        }
        pay "pay" {
            transactions "transactions" {
                app "app" [POST "APP下单"]
                app_with_contract "app-with-contract" [POST "APP下单并签约"]
                codepay "codepay" [POST "付款码支付"]
                exposure "exposure" [POST "微信分付-支付方式前置服务"]
                h5 "h5" [POST "H5下单"]
                id "id" {
                    (_transaction_id_ transaction_id) [GET "微信支付订单号查询"]
                }
                jsapi "jsapi" [POST "JSAPI下单"]
                jsapi_with_contract "jsapi-with-contract" [POST "JSAPI下单并授权/签约"]
                native "native" [POST "Native下单"]
                out_trade_no "out-trade-no" {
                    (_out_trade_no_ out_trade_no) [GET "商户订单号查询"] {
                        close "close" [POST "关单"]
                        reverse "reverse" [POST "撤销"]
                    }
                }
            }
        }
        refund "refund" {
            domestic "domestic" {
                refunds "refunds" [POST "申请退款"] {
                    (_out_refund_no_ out_refund_no) [GET "查询单笔退款"]
                    (_refund_id_ refund_id) {
                        apply_abnormal_refund "apply-abnormal-refund" [POST "发起异常退款"]
                    }
                }
            }
        }
    }
}
