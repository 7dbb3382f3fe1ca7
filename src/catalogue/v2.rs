//! APIv2, one line a segment. Its paths go without `v2/` on the wire.

places! {
    v2 "v2" {
        appauth "appauth" {
            authindex "authindex" @ "payapp.weixin.qq.com" [GET "授权获取code"]
            getaccesstoken "getaccesstoken" [GET "通过code换取accesstoken"]
        }
        applyment "applyment" {
            micro "micro" {
                getstate "getstate" [POST "查询申请状态" (certificate)]
                getupgradestate "getupgradestate" [POST "查询升级申请单状态" (certificate)]
                modifyarchives "modifyarchives" [POST "修改结算银行卡" (certificate)]
                modifycontactinfo "modifycontactinfo" [POST "修改联系信息" (certificate)]
                signcontract "signcontract" [POST "签约报备" (certificate)]
                submit "submit" [POST "申请入驻" (certificate)]
                submitupgrade "submitupgrade" [POST "提交升级申请单" (certificate)]
            }
        }
        billcommentsp "billcommentsp" {
            batchquerycomment "batchquerycomment" [POST "拉取订单评价数据" (certificate)]
        }
        cgi_bin "cgi-bin" {
            mch "mch" {
                customs "customs" {
                    customdeclareorder "customdeclareorder" [POST "订单附加信息提交接口"]
                    customdeclarequery "customdeclarequery" [POST "订单附加信息查询接口"]
                }
                newcustoms "newcustoms" {
                    customdeclareredeclare "customdeclareredeclare" [POST "订单附加信息重推接口"]
                }
            }
        }
        deposit "deposit" {
            consume "consume" [POST "消费押金" (certificate)]
            facepay "facepay" [POST "支付押金（人脸支付）"]
            micropay "micropay" [POST "支付押金（付款码支付）"]
            orderquery "orderquery" [POST "查询订单"]
            refund "refund" [POST "申请退款（押金）" (certificate)]
            refundquery "refundquery" [POST "查询退款（押金）"]
            reverse "reverse" [POST "撤销订单" (certificate)]
            unifiedorder "unifiedorder" [POST "支付押金（JSAPI/APP支付）"]
        }
        face "face" {
            get_wxpayface_authinfo "get_wxpayface_authinfo" @ "payapp.weixin.qq.com" [POST "人脸识别SDK-获取调用凭证"]
        }
        fund "fund" {
            queryautowithdrawbydate "queryautowithdrawbydate" [POST "查询提现状态" (certificate)]
            reautowithdrawbydate "reautowithdrawbydate" [POST "重新发起提现" (certificate)]
        }
        mchrisk "mchrisk" {
            bankquerymchauditinfo "bankquerymchauditinfo" [POST "间联模式查询商户审核状态开放接口"]
            channelquerymchauditinfo "channelquerymchauditinfo" [POST "渠道商查询商户审核信息"]
            querymchrisk "querymchrisk" [POST "事前-风险商户核查接口" (
                certificate,
                request: "/certificates_number,/certificates_name,/settlement_card_no,\
                    /settlement_card_name,/business_license_number"
            )]
            setmchriskcallback "setmchriskcallback" [POST "设置风险通知回调链接"]
            syncmchriskresult "syncmchriskresult" [POST "事后-风险商户处理结果同步接口" (certificate)]
        }
        mmpaymkttransfers "mmpaymkttransfers" {
            gethbinfo "gethbinfo" [POST "查询红包记录" (certificate)]
            gettransferinfo "gettransferinfo" [POST "查询企业向微信用户个人付款" (certificate)]
            promotion "promotion" {
                paywwsptrans2pocket "paywwsptrans2pocket" [POST "向员工付款" (certificate)]
                querywwsptrans2pocket "querywwsptrans2pocket" [POST "查询付款记录" (certificate)]
                transfers "transfers" [POST "向微信用户个人付款" (certificate)]
            }
            query_coupon_stock "query_coupon_stock" [POST "查询代金券批次"]
            querycouponsinfo "querycouponsinfo" [POST "查询代金券信息"]
            queryworkwxredpack "queryworkwxredpack" [POST "查询红包记录" (certificate)]
            send_coupon "send_coupon" [POST "发放代金券" (certificate)]
            sendgroupredpack "sendgroupredpack" [POST "发放裂变红包" (certificate)]
            sendminiprogramhb "sendminiprogramhb" [POST "发放小程序红包接口" (certificate)]
            sendredpack "sendredpack" [POST "发放普通红包" (certificate)]
            sendworkwxredpack "sendworkwxredpack" [POST "发放企业红包" (certificate)]
        }
        mmpaysptrans "mmpaysptrans" {
            pay_bank "pay_bank" [POST "企业付款到银行卡" (certificate, request: "/enc_bank_no,/enc_true_name")]
            query_bank "query_bank" [POST "查询企业付款银行卡" (certificate)]
        }
        papay "papay" {
            deletecontract "deletecontract" [POST "申请解约"]
            entrustweb "entrustweb" [GET "公众号纯签约"]
            h5entrustweb "h5entrustweb" [GET "H5纯签约"]
            partner "partner" {
                deletecontract "deletecontract" [POST "申请解约"]
                entrustweb "entrustweb" [GET "公众号纯签约"]
                h5entrustweb "h5entrustweb" [GET "H5纯签约"]
                preentrustweb "preentrustweb" [POST "APP纯签约"]
                querycontract "querycontract" [POST "查询签约关系"]
            }
            preentrustweb "preentrustweb" [POST "APP纯签约"]
            querycontract "querycontract" [POST "查询签约关系"]
        }
        pay "pay" {
            closecombinedorder "closecombinedorder" [POST "合单关单"]
            closeorder "closeorder" [POST "关闭订单"]
            combinedorder "combinedorder" [POST "合单下单"]
            contractorder "contractorder" [POST "支付中签约"]
            downloadbill "downloadbill" [POST "下载对账单"]
            downloadfundflow "downloadfundflow" [POST "下载资金账单" (certificate)]
            facepay "facepay" [POST "提交刷脸支付"]
            facepayquery "facepayquery" [POST "查询订单"]
            micropay "micropay" [POST "提交付款码支付"]
            orderquery "orderquery" [POST "查询订单"]
            paporderquery "paporderquery" [POST "查询订单"]
            pappayapply "pappayapply" [POST "申请扣款"]
            partner "partner" {
                paporderquery "paporderquery" [POST "查询订单"]
                pappayapply "pappayapply" [POST "申请扣款"]
            }
            profitsharingaddreceiver "profitsharingaddreceiver" [POST "添加分账接收方"]
            profitsharingmerchantratioquery "profitsharingmerchantratioquery" [POST "查询最大分账比例"]
            profitsharingorderamountquery "profitsharingorderamountquery" [POST "查询订单待分账金额"]
            profitsharingquery "profitsharingquery" [POST "查询分账结果"]
            profitsharingremovereceiver "profitsharingremovereceiver" [POST "删除分账接收方"]
            profitsharingreturnquery "profitsharingreturnquery" [POST "回退结果查询"]
            querycombinedorder "querycombinedorder" [POST "合单查单"]
            queryexchagerate "queryexchagerate" [POST "汇率查询"]
            refundquery "refundquery" [POST "查询退款"]
            refundqueryv2 "refundqueryv2" [POST "查询退款（支持单品）"]
            settlementquery "settlementquery" [POST "查询结算资金"]
            unifiedorder "unifiedorder" [POST "统一下单"]
        }
        payitil "payitil" {
            report "report" [POST "交易保障"]
        }
        risk "risk" {
            getcertficates "getcertficates" [POST "获取平台证书"]
            getpublickey "getpublickey" @ "fraud.mch.weixin.qq.com" [POST "获取RSA加密公钥" (certificate)]
            getviolation "getviolation" [POST "银行特约商户违规信息查询" (certificate)]
        }
        sandboxnew "sandboxnew" {
            pay "pay" {
                downloadbill "downloadbill" [POST "下载对账单"]
                getsignkey "getsignkey" [POST "获取验签密钥"]
                micropay "micropay" [POST "提交付款码支付"]
                orderquery "orderquery" [POST "查询订单"]
                refund "refund" [POST "申请退款"]
                refundquery "refundquery" [POST "查询退款"]
                unifiedorder "unifiedorder" [POST "统一下单"]
            }
        }
        secapi "secapi" {
            mch "mch" {
                add_institutionsub "addInstitutionsub" @ "apihk.mch.weixin.qq.com" [POST "进件子商户" (certificate)]
                addsubdevconfig "addsubdevconfig" [POST "服务商子商户开发配置新增支付目录/新增对应APPID关联" (certificate)]
                channelsetting "channelsetting" [POST "银行服务商特约子商户指定渠道号" (certificate)]
                modify_institutionsub "modifyInstitutionsub" @ "apihk.mch.weixin.qq.com" [POST "修改子商户" (certificate)]
                modifymchinfo "modifymchinfo" [POST "银行特约商户信息修改" (certificate)]
                query_institutionsub "queryInstitutionsub" @ "apihk.mch.weixin.qq.com" [POST "查询子商户" (certificate)]
                querysubdevconfig "querysubdevconfig" [POST "配置查询" (certificate)]
                submchmanage "submchmanage" [POST "银行特约商户录入/银行特约商户资料查询" (certificate)]
                uploadmedia "uploadmedia" [POST "图片上传" (certificate)]
            }
            mkt "mkt" {
                addrecommendconf "addrecommendconf" [POST "服务商特约商户关注功能配置" (certificate)]
            }
            pay "pay" {
                facepayreverse "facepayreverse" [POST "撤销订单" (certificate)]
                multiprofitsharing "multiprofitsharing" [POST "请求多次分账" (certificate)]
                profitsharing "profitsharing" [POST "请求单次分账" (certificate)]
                profitsharingfinish "profitsharingfinish" [POST "完结分账" (certificate)]
                profitsharingreturn "profitsharingreturn" [POST "分账回退" (certificate)]
                refund "refund" [POST "申请退款" (certificate)]
                refundv2 "refundv2" [POST "申请退款（支持单品）" (certificate)]
                reverse "reverse" [POST "撤销订单" (certificate)]
            }
        }
        secsvc "secsvc" {
            getrealnameinfo "getrealnameinfo" @ "fraud.mch.weixin.qq.com" [POST "微信支付实名授权"]
            realnameauth "realnameauth" @ "fraud.mch.weixin.qq.com" [POST "微信支付实名验证"]
        }
        tools "tools" {
            authcodetoopenid "authcodetoopenid" [POST "授权码查询openid"]
            shorturl "shorturl" [POST "转换短链接"]
        }
        transit "transit" {
            partnerpay "partnerpay" {
                payapply "payapply" [POST "申请扣款"]
                queryorder "queryorder" [POST "查询订单"]
                querystate "querystate" [POST "查询用户状态接口"]
            }
            pay "pay" {
                payapply "payapply" [POST "申请扣款"]
                querystate "querystate" [POST "查询用户状态接口"]
            }
            queryorder "queryorder" [POST "查询订单"]
        }
        vehicle "vehicle" {
            partnerpay "partnerpay" {
                notification "notification" [POST "用户入场通知api"]
                payapply "payapply" [POST "申请扣款"]
                querystate "querystate" [POST "用户状态查询"]
            }
            pay "pay" {
                notification "notification" [POST "用户入场通知api"]
                payapply "payapply" [POST "申请扣款"]
                querystate "querystate" [POST "用户状态查询"]
            }
        }
        wxv "wxv" {
            cancelbill "cancelbill" [POST "撤销租借订单" (certificate)]
            changerentmoney "changerentmoney" [POST "修改租借订单" (certificate)]
            createhotelbill "createhotelbill" [POST "创建速住订单" (certificate)]
            createrentbill "createrentbill" [POST "创建租借订单" (certificate)]
            finishhotelbill "finishhotelbill" [POST "完结速住订单" (certificate)]
            finishrentbill "finishrentbill" [POST "完结租借订单" (certificate)]
            queryhotelbill "queryhotelbill" [POST "查询速住订单" (certificate)]
            queryrentbill "queryrentbill" [POST "查询租借订单" (certificate)]
        }
        xdc "xdc" {
            apiv2getsignkey "apiv2getsignkey" {
                sign "sign" {
                    getsignkey "getsignkey" [POST "获取验签密钥"]
                }
            }
            apiv2sandbox "apiv2sandbox" {
                pay "pay" {
                    micropay "micropay" [POST "提交付款码支付"]
                    orderquery "orderquery" [POST "查询订单"]
                }
            }
        }
    }
}
