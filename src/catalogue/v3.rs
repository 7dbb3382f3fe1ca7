//! APIv3, one line a segment.

places! {
    v3 "v3" {
        abnormal_fund_processing "abnormal-fund-processing" {
            receipts "receipts" {
                _receipt_id_ receipt_id "{receipt_id}" [GET "查询在途异常资金付款结果"] {
                    transfer_instructions "transfer-instructions" [POST "发起在途异常资金付款指令"] {
                        _out_instruction_no_ out_instruction_no "{out_instruction_no}" [GET "查询在途异常资金付款指令执行结果"]
                    }
                }
            }
        }
        aggracct_bc "aggracct-bc" {
            wb_channel "wb-channel" {
                account "account" {
                    balance "balance" [GET "查询渠道额度" (query: "bal_account_no,card_no")]
                    mch_archives "mch_archives" [GET "查询商户资料" (
                        response: "/bal_account_no,/merchant_name,/merchant_id_no,\
                            /legal_representative/legal_representative_name,\
                            /legal_representative/legal_representative_id_no,\
                            /legal_representative/legal_representative_address,\
                            /beneficial_owner/*/beneficial_owner_name,\
                            /beneficial_owner/*/beneficial_owner_id_no,\
                            /beneficial_owner/*/beneficial_owner_address,/card_no",
                        query: "bal_account_no,card_no"
                    )]
                    mch_media "mch_media" [GET "查询商户影像件资料"]
                }
                bank_channel_account "bank-channel-account" {
                    rename "rename" [POST "受理渠道结算银行账户更名申请" (
                        request: "/bal_account_no",
                        response: "/bal_account_no,/new_account_name"
                    )] {
                        _application_id_ application_id "{application_id}" [GET "查询渠道结算银行账户更名申请" (
                            response: "/bal_account_no,/new_account_name",
                            query: "bal_account_no"
                        )]
                    }
                }
                control_orders "control-orders" {
                    info "info" {
                        update "update" {
                            result "result" {
                                notify "notify" [POST "资料更新请求审核结果回调通知"]
                            }
                        }
                    }
                    punish "punish" [POST "发起微众台账管控" (request: "/bal_account_no,/card_no")]
                    recover "recover" [POST "解除对微众台账的管控" (request: "/bal_account_no,/card_no")]
                    _out_request_no_ out_request_no "{out_request_no}" [GET "查询控制单"]
                }
                special_reduction "special-reduction" [POST "特殊减额" (
                    request: "/bal_account_no,/card_no",
                    response: "/bal_account_no"
                )] {
                    _out_request_no_ out_request_no "{out_request_no}" [GET "查询特殊减额结果" (response: "/bal_account_no", query: "bal_account_no,card_no")]
                }
            }
        }
        apply4sub "apply4sub" {
            sub_merchants "sub_merchants" {
                _sub_mchid_ sub_mchid "{sub_mchid}" {
                    application "application" {
                        _application_no_ application_no "{application_no}" [GET "查询结算账户修改申请状态"]
                    }
                    modify_settlement "modify-settlement" [POST "修改结算帐号" (request: "/account_number,/account_name")]
                    settlement "settlement" [GET "查询结算账户"]
                }
            }
        }
        apply4subject "apply4subject" {
            applyment "applyment" [GET "查询商户开户意愿申请单审核结果", POST "提交商户开户意愿申请单" (
                request: "/contact_info/name,/contact_info/id_card_number,\
                    /contact_info/mobile,/identification_info/identification_name,\
                    /identification_info/identification_number,\
                    /identification_info/identification_address,\
                    /ubo_info_list/*/ubo_id_doc_name,/ubo_info_list/*/ubo_id_doc_number,\
                    /ubo_info_list/*/ubo_id_doc_address"
            )] {
                merchants "merchants" {
                    _sub_mchid_ sub_mchid "{sub_mchid}" {
                        state "state" [GET "获取商户开户意愿确认状态"]
                    }
                }
                _applyment_id_ applyment_id "{applyment_id}" {
                    cancel "cancel" [POST "撤销商户开户意愿申请单"]
                }
                _business_code_ business_code "{business_code}" {
                    cancel "cancel" [POST "撤销商户开户意愿申请单"]
                }
            }
        }
        applyment4sub "applyment4sub" {
            applyment "applyment" {
                applyment_id "applyment_id" {
                    _applyment_id_ applyment_id "{applyment_id}" [GET "通过申请单号查询申请状态"]
                }
                business_code "business_code" {
                    _business_code_ business_code "{business_code}" [GET "通过业务申请编号查询申请状态"]
                }
                _empty_ empty "{empty}" [POST "提交申请单" (
                    request: "/contact_info/contact_name,/contact_info/contact_id_number,\
                        /contact_info/mobile_phone,/contact_info/contact_email,\
                        /subject_info/identity_info/id_card_info/id_card_name,\
                        /subject_info/identity_info/id_card_info/id_card_number,\
                        /subject_info/identity_info/id_card_info/id_card_address,\
                        /subject_info/identity_info/id_doc_info/id_doc_name,\
                        /subject_info/identity_info/id_doc_info/id_doc_number,\
                        /subject_info/identity_info/id_doc_info/id_doc_address,\
                        /subject_info/ubo_info_list/*/ubo_id_doc_name,\
                        /subject_info/ubo_info_list/*/ubo_id_doc_number,\
                        /subject_info/ubo_info_list/*/ubo_id_doc_address,\
                        /bank_account_info/account_name,\
                        /bank_account_info/account_number"
                )]
            }
        }
        bank_batch_transfer "bank-batch-transfer" {
            receipt "receipt" {
                detail_receipts "detail-receipts" [GET "查询明细电子回单受理结果", POST "受理明细电子回单"]
                summary_receipts "summary-receipts" [GET "查询汇总电子回单受理结果", POST "受理汇总电子回单"]
            }
        }
        bank_transfer "bank-transfer" {
            batches "batches" [POST "发起批量转账" (
                request: "/transfer_detail_list/*/user_name,\
                    /transfer_detail_list/*/user_id_card"
            )] {
                batch_id "batch-id" {
                    _batch_id_ batch_id "{batch_id}" [GET "微信支付批次单号查询批次单"] {
                        details "details" {
                            detail_id "detail-id" {
                                _detail_id_ detail_id "{detail_id}" [GET "微信支付明细单号查询明细单" (response: "/username")]
                            }
                        }
                    }
                }
                out_batch_no "out-batch-no" {
                    _out_batch_no_ out_batch_no "{out_batch_no}" [GET "银行批次单号查询批次单"] {
                        details "details" {
                            out_detail_no "out-detail-no" {
                                _out_detail_no_ out_detail_no "{out_detail_no}" [GET "银行明细单号查询明细单" (response: "/username")]
                            }
                        }
                    }
                }
            }
        }
        bill "bill" {
            fundflowbill "fundflowbill" [GET "申请资金账单"]
            sub_merchant_fundflowbill "sub-merchant-fundflowbill" [GET "申请单个子商户资金账单" (response: "/download_bill_list/*/encrypt_key")]
            tradebill "tradebill" [GET "申请交易账单"]
        }
        billdownload "billdownload" {
            file "file" [GET "下载账单"]
        }
        brand "brand" {
            applyments "applyments" [POST "提交入驻申请" (request: "/admin_info/admin_name,/admin_info/id_card_number")] {
                applyment_id "applyment-id" {
                    _applyment_id_ applyment_id "{applyment_id}" [GET "根据申请单ID查询申请状态"]
                }
                business_code "business-code" {
                    _business_code_ business_code "{business_code}" [GET "根据业务申请编号查询申请状态"]
                }
                cancel_applyment "cancel-applyment" [POST "撤销申请"]
            }
            card "card" {
                card_configs "card-configs" [GET "查询商家名片配置申请状态", POST "提交商家名片配置申请"] {
                    cancel_applyment "cancel-applyment" [POST "撤销商家名片配置申请"]
                    preview_url "preview-url" [GET "获取商家名片预览二维码"]
                    publish "publish" [POST "发布商家名片配置"]
                }
                card_links "card-links" [GET "查询已生效交易连接名片规则", POST "添加交易连接名片规则申请"] {
                    business_code "business-code" {
                        _business_code_ business_code "{business_code}" [GET "根据业务申请编号查询添加申请状态"]
                    }
                    cancel_applyment "cancel-applyment" [POST "撤销交易连接名片配置申请"]
                    unbind_card_link "unbind-card-link" [POST "解除已生效交易连接名片场景"]
                }
            }
            marketing "marketing" {
                shake_activities "shake-activities" {
                    activities "activities" [GET "查询摇优惠活动列表"]
                }
            }
            partner "partner" {
                card_member "card-member" {
                    cards "cards" [GET "查询会员卡模板列表", POST "创建会员卡模板"] {
                        _card_id_ card_id "{card_id}" [DELETE "删除会员卡模板", GET "查询会员卡模板信息", PATCH "修改会员卡模板信息"] {
                            invalidate "invalidate" [POST "作废会员卡模板"]
                        }
                    }
                    membership_activities "membership-activities" [GET "查询品牌会员发券活动列表", POST "创建品牌会员发券活动"] {
                        _activity_id_ activity_id "{activity_id}" [GET "查询品牌会员发券活动", PATCH "修改品牌会员发券活动信息"] {
                            terminate "terminate" [POST "终止品牌会员发券活动"]
                        }
                    }
                    pay_view_tokens "pay-view-tokens" [POST "品牌会员展示付款码组件预授权"]
                    pre_auth_tokens "pre-auth-tokens" [POST "入会组件预授权"]
                    user_cards "user-cards" [GET "查询用户在品牌下所有会员卡" (
                        response: "/data/*/phone_number,\
                            /data/*/user_information/common_field_list/*/value,\
                            /data/*/user_information/custom_field_list/*/user_chosen_values/*"
                    )] {
                        import_by_openid "import-by-openid" [POST "根据openid导入用户会员卡" (
                            request: "/phone_number,\
                                /user_information/common_field_list/*/value,\
                                /user_information/custom_field_list/*/user_chosen_values/*",
                            response: "/phone_number,\
                                /user_information/common_field_list/*/value,\
                                /user_information/custom_field_list/*/user_chosen_values/*"
                        )]
                        import_by_phone "import-by-phone" [POST "根据手机号导入用户会员卡" (
                            request: "/phone_number,\
                                /user_information/common_field_list/*/value,\
                                /user_information/custom_field_list/*/user_chosen_values/*",
                            response: "/phone_number,\
                                /user_information/common_field_list/*/value,\
                                /user_information/custom_field_list/*/user_chosen_values/*"
                        )]
                        _user_card_code_ user_card_code "{user_card_code}" [GET "查询用户会员卡信息" (
                            response: "/phone_number,\
                                /user_information/common_field_list/*/value,\
                                /user_information/custom_field_list/*/user_chosen_values/*"
                        ), PATCH "修改用户会员卡信息" (
                            request: "/phone_number,\
                                /user_information/common_field_list/*/value,\
                                /user_information/custom_field_list/*/user_chosen_values/*",
                            response: "/phone_number,\
                                /user_information/common_field_list/*/value,\
                                /user_information/custom_field_list/*/user_chosen_values/*"
                        )] {
                            confirm "confirm" [POST "同步会员开通结果" (
                                request: "/phone_number,\
                                    /user_information/common_field_list/*/value,\
                                    /user_information/custom_field_list/*/user_chosen_values/*",
                                response: "/phone_number,\
                                    /user_information/common_field_list/*/value,\
                                    /user_information/custom_field_list/*/user_chosen_values/*"
                            )]
                            invalidate "invalidate" [POST "作废用户会员卡" (
                                response: "/phone_number,\
                                    /user_information/common_field_list/*/value,\
                                    /user_information/custom_field_list/*/user_chosen_values/*"
                            )]
                        }
                    }
                    user_feeds "user-feeds" [POST "创建用户动态信息"]
                    user_points "user-points" {
                        exchange_coupon "exchange-coupon" {
                            confirm "confirm" [POST "同步积分兑券结果"]
                        }
                        sync "sync" [POST "同步积分余额"]
                    }
                }
                store "store" {
                    brandstores "brandstores" [GET "列表查询品牌门店信息", POST "创建品牌门店"] {
                        _store_id_ store_id "{store_id}" [DELETE "删除品牌门店", GET "查询品牌门店", PATCH "更新品牌门店"] {
                            bindrecipient "bindrecipient" [POST "绑定收款商户号"]
                            close "close" [POST "暂停门店营业"]
                            resume "resume" [POST "恢复门店营业"]
                            unbindrecipient "unbindrecipient" [POST "解绑收款商户号"]
                        }
                    }
                }
            }
            profitsharing "profitsharing" {
                brand_configs "brand-configs" {
                    _brand_mchid_ brand_mchid "{brand_mchid}" [GET "查询最大分账比例"]
                }
                finish_order "finish-order" [POST "完结分账"]
                orders "orders" [GET "查询分账结果", POST "请求分账" (request: "/receivers/*/name")] {
                    _transaction_id_ transaction_id "{transaction_id}" {
                        amounts "amounts" [GET "查询订单剩余待分金额"]
                    }
                }
                receivers "receivers" {
                    add "add" [POST "添加分账接收方"]
                    delete_ "delete" [POST "删除分账接收方"]
                }
                returnorders "returnorders" [GET "查询分账回退结果", POST "请求分账回退"]
            }
        }
        brand_basic "brand-basic" {
            partner "partner" {
                brands "brands" {
                    _brand_id_ brand_id "{brand_id}" {
                        product_authorities "product-authorities" [GET "获得品牌已授权且在生效中的产品权限信息"]
                    }
                }
            }
        }
        businesscircle "businesscircle" {
            parkings "parkings" [POST "商圈会员停车状态同步"]
            points "points" {
                notify "notify" [POST "商圈会员积分同步"]
            }
            user_authorizations "user-authorizations" {
                _openid_ openid "{openid}" [GET "商圈积分授权查询"]
            }
            users "users" {
                _openid_ openid "{openid}" {
                    points "points" {
                        commit_status "commit_status" [GET "商圈会员待积分状态查询"]
                    }
                }
            }
        }
        capital "capital" {
            capitallhh "capitallhh" {
                areas "areas" {
                    provinces "provinces" [GET "查询省份列表"] {
                        _province_code_ province_code "{province_code}" {
                            cities "cities" [GET "查询城市列表"]
                        }
                    }
                }
                banks "banks" {
                    corporate_banking "corporate-banking" [GET "查询支持对公业务的银行列表"]
                    personal_banking "personal-banking" [GET "查询支持个人业务的银行列表"]
                    search_banks_by_bank_account "search-banks-by-bank-account" [GET "获取对私银行卡号开户银行" (query: "account_number")]
                    _bank_alias_code_ bank_alias_code "{bank_alias_code}" {
                        branches "branches" [GET "查询支行列表"]
                    }
                }
            }
        }
        catering "catering" {
            orders "orders" {
                sync_status "sync-status" [POST "点餐订单信息同步（渠道商/服务商）"]
            }
        }
        certificates "certificates" [GET "获取平台证书列表"]
        combine_transactions "combine-transactions" {
            app "app" [POST "合单下单-APP支付" (
                request: "/combine_payer_info/identity/number,\
                    /combine_payer_info/identity/name"
            )]
            h5 "h5" [POST "合单下单-H5支付" (
                request: "/combine_payer_info/identity/number,\
                    /combine_payer_info/identity/name"
            )]
            id "id" {
                _combine_transaction_id_ combine_transaction_id "{combine_transaction_id}" [GET "个人收款交易通过微信支付订单号查单"]
            }
            jsapi "jsapi" [POST "合单下单-JSAPI支付" (
                request: "/combine_payer_info/identity/number,\
                    /combine_payer_info/identity/name"
            )]
            miniprogram "miniprogram" [POST "个人收款交易下单-小程序"]
            native "native" [POST "合单下单-Native支付" (
                request: "/combine_payer_info/identity/number,\
                    /combine_payer_info/identity/name"
            )]
            out_trade_no "out-trade-no" {
                _combine_out_trade_no_ combine_out_trade_no "{combine_out_trade_no}" [GET "合单查询订单"] {
                    close "close" [POST "合单关闭订单"]
                }
            }
        }
        compliance "compliance" {
            inactive_merchant_identity_verification "inactive-merchant-identity-verification" {
                merchants "merchants" [POST "发起不活跃商户身份核实"] {
                    _sub_mchid_ sub_mchid "{sub_mchid}" {
                        verifications "verifications" {
                            _verification_id_ verification_id "{verification_id}" [GET "查询不活跃商户身份核实结果"]
                        }
                    }
                }
            }
        }
        credit_repayment "credit-repayment" {
            partner "partner" {
                contracts "contracts" {
                    app_presign "app-presign" [POST "APP预签约自动还款协议" (
                        request: "/real_identity/identity_id,/real_identity/real_name"
                    )]
                    h5_presign "h5-presign" [POST "H5预签约自动还款协议" (
                        request: "/real_identity/identity_id,/real_identity/real_name"
                    )]
                    terminate "terminate" [POST "解除自动还款协议"]
                    _out_contract_code_ out_contract_code "{out_contract_code}" [GET "查询自动还款协议"]
                }
                deduct_orders "deduct-orders" [POST "发起还款"] {
                    _out_trade_no_ out_trade_no "{out_trade_no}" [GET "查询还款单"]
                }
                schedule_records "schedule-records" {
                    batch_create "batch-create" [POST "预约还款"]
                    _out_record_id_ out_record_id "{out_record_id}" [GET "查询预约还款记录"]
                }
            }
        }
        discount_card "discount-card" {
            cards "cards" [POST "预受理领卡请求"] {
                _out_card_code_ out_card_code "{out_card_code}" [GET "查询先享卡订单"] {
                    add_user_records "add-user-records" [POST "增加用户记录"]
                }
            }
            orders "orders" {
                out_trade_no "out-trade-no" {
                    _out_trade_no_ out_trade_no "{out_trade_no}" [GET "通过先享卡订单号查询订单"]
                }
                _out_order_no_ out_order_no "{out_order_no}" [GET "通过先享卡订单号查询订单", PATCH "更新先享卡订单"]
            }
        }
        ebike "ebike" {
            charge "charge" {
                contracts "contracts" {
                    preopen "preopen" [POST "预开通服务"]
                    _contract_id_ contract_id "{contract_id}" [GET "通过签约号查询用户状态"] {
                        confirm "confirm" [POST "创建用户当次充电代扣凭证"]
                    }
                }
                transactions "transactions" [POST "充电自行车代扣受理扣款"] {
                    id "id" {
                        _transaction_id_ transaction_id "{transaction_id}" [GET "查询订单"]
                    }
                    out_trade_no "out-trade-no" {
                        _out_trade_no_ out_trade_no "{out_trade_no}" [GET "查询订单"]
                    }
                }
                users "users" {
                    _openid_ openid "{openid}" {
                        contract "contract" [GET "通过用户标识查询用户状态"]
                    }
                }
            }
        }
        ecommerce "ecommerce" {
            account "account" {
                apply_cancel_withdraw "apply-cancel-withdraw" [POST "提交注销提现申请" (
                    request: "/payee_info/bank_account_info/account_name,\
                        /payee_info/bank_account_info/account_number,\
                        /payee_info/identity_info/identification_name,\
                        /payee_info/identity_info/identification_no"
                )] {
                    applyment_id "applyment-id" {
                        _applyment_id_ applyment_id "{applyment_id}" [GET "微信支付注销提现申请单号查询申请单状态"]
                    }
                    confirm "confirm" [POST "平台代商户确认注销"]
                    out_request_no "out-request-no" {
                        _out_request_no_ out_request_no "{out_request_no}" [GET "商户注销提现申请单号查询申请单状态"]
                    }
                    validate_cancel "validate-cancel" {
                        _sub_mchid_ sub_mchid "{sub_mchid}" [GET "商户注销资格校验"]
                    }
                }
                cancel_applications "cancel-applications" [POST "提交注销申请单"] {
                    media "media" [POST "图片上传"]
                    out_apply_no "out-apply-no" {
                        _out_apply_no_ out_apply_no "{out_apply_no}" [GET "查询注销单状态"]
                    }
                }
            }
            applyments "applyments" {
                out_request_no "out-request-no" {
                    _out_request_no_ out_request_no "{out_request_no}" [GET "通过业务申请编号查询申请状态" (
                        response: "/account_validation/account_name,\
                            /account_validation/account_no"
                    )] {
                        revoke "revoke" [POST "撤销申请单-使用业务申请编号"]
                    }
                }
                submit_account_hosting_applyment "submit-account-hosting-applyment" [POST "提交申请单" (
                    request: "/id_card_info/id_card_name,/id_card_info/id_card_number,\
                        /id_doc_info/id_doc_name,/id_doc_info/id_doc_number,\
                        /ubo_info_list/*/ubo_id_doc_name,\
                        /ubo_info_list/*/ubo_id_doc_number,\
                        /ubo_info_list/*/ubo_id_doc_address,/account_info/account_name,\
                        /account_info/account_number,/contact_info/contact_name,\
                        /contact_info/contact_id_card_number,/contact_info/mobile_phone"
                )]
                submit_sign_verify_info "submit-sign-verify-info" [POST "平台代理签约核身"]
                _applyment_id_ applyment_id "{applyment_id}" [GET "通过申请单ID查询申请状态" (
                    response: "/account_validation/account_name,/account_validation/account_no"
                )] {
                    revoke "revoke" [POST "撤销申请单-使用申请单号"]
                }
                _empty_ empty "{empty}" [POST "二级商户进件" (
                    request: "/id_card_info/id_card_name,/id_card_info/id_card_number,\
                        /id_doc_info/id_doc_name,/id_doc_info/id_doc_number,\
                        /ubo_info_list/*/ubo_id_doc_name,\
                        /ubo_info_list/*/ubo_id_doc_number,\
                        /ubo_info_list/*/ubo_id_doc_address,/account_info/account_name,\
                        /account_info/account_number,/contact_info/contact_name,\
                        /contact_info/contact_id_card_number,/contact_info/mobile_phone"
                )]
            }
            bill "bill" {
                fundflowbill "fundflowbill" [GET "申请二级商户资金账单" (response: "/download_bill_list/*/encrypt_key")]
            }
            combine_papay "combine-papay" {
                contracts "contracts" {
                    plan_id "plan-id" {
                        _plan_id_ plan_id "{plan_id}" {
                            out_contract_code "out-contract-code" {
                                _out_contract_code_ out_contract_code "{out_contract_code}" [GET "通过商户协议号查询协议"] {
                                    terminate "terminate" [POST "商户协议号解约协议"]
                                }
                            }
                        }
                    }
                    pre_entrust_sign "pre-entrust-sign" [POST "APP方式预签约"] {
                        mini_program "mini-program" [POST "小程序方式预签约"]
                    }
                }
                transactions "transactions" [POST "电商合单委托代扣支付"] {
                    _combine_out_trade_no_ combine_out_trade_no "{combine_out_trade_no}" [GET "电商合单委托代扣查询订单"] {
                        reverse "reverse" [POST "电商合单委托代扣撤销订单"]
                    }
                }
            }
            fund "fund" {
                balance "balance" {
                    _sub_mchid_ sub_mchid "{sub_mchid}" [GET "查询二级商户账户实时余额"]
                }
                enddaybalance "enddaybalance" {
                    _sub_mchid_ sub_mchid "{sub_mchid}" [GET "查询二级商户账户日终余额"]
                }
                withdraw "withdraw" [POST "账户余额提现"] {
                    out_request_no "out-request-no" {
                        _out_request_no_ out_request_no "{out_request_no}" [GET "商户提现单号查询"]
                    }
                    _withdraw_id_ withdraw_id "{withdraw_id}" [GET "微信支付提现单号查询"]
                }
            }
            individual_contracts "individual-contracts" {
                out_contract_code "out-contract-code" {
                    _out_contract_code_ out_contract_code "{out_contract_code}" [GET "根据业务申请单号查签约信息"]
                }
                pre_entrust_sign "pre-entrust-sign" {
                    app "app" [POST "APP场景预签约"]
                    mini_program "mini-program" [POST "小程序场景预签约"]
                }
                pre_entrust_sign_with_real_name_identity "pre-entrust-sign-with-real-name-identity" {
                    app "app" [POST "APP场景预签约（需要实名验证）" (request: "/real_name,/cred_id")]
                    mini_program "mini-program" [POST "小程序场景预签约（需要实名验证）" (request: "/real_name,/cred_id")]
                }
                _openid_ openid "{openid}" [GET "查询个人收款方授权结果"]
            }
            mch_transfer "mch-transfer" {
                authorizations "authorizations" [POST "申请二级商户商家转账授权"] {
                    _sub_mchid_ sub_mchid "{sub_mchid}" [GET "查询二级商户商家转账授权状态"]
                }
                transfer_bills "transfer-bills" [POST "发起转账" (request: "/user_name")] {
                    out_bill_no "out-bill-no" {
                        _out_bill_no_ out_bill_no "{out_bill_no}" [GET "商户单号查询转账单" (response: "/user_name")] {
                            cancel "cancel" [POST "撤销转账"]
                        }
                    }
                    transfer_bill_no "transfer-bill-no" {
                        _transfer_bill_no_ transfer_bill_no "{transfer_bill_no}" [GET "微信转账单号查询转账单" (response: "/user_name")]
                    }
                }
            }
            profitsharing "profitsharing" {
                after_sales_orders "after-sales-orders" [GET "查询售后服务分账结果", POST "请求售后服务分账"]
                finish_order "finish-order" [POST "完结分账"]
                orders "orders" [GET "查询分账结果", POST "请求分账" (request: "/receivers/*/receiver_name")] {
                    _transaction_id_ transaction_id "{transaction_id}" {
                        amounts "amounts" [GET "查询订单剩余待分金额"]
                    }
                }
                receivers "receivers" {
                    add "add" [POST "添加分账接收方" (request: "/encrypted_name")]
                    delete_ "delete" [POST "删除分账接收方"]
                }
                returnorders "returnorders" [GET "查询分账回退结果", POST "请求分账回退"]
            }
            refunds "refunds" {
                apply "apply" [POST "退款申请"]
                id "id" {
                    _refund_id_ refund_id "{refund_id}" [GET "通过微信支付退款单号查询退款"]
                }
                out_refund_no "out-refund-no" {
                    _out_refund_no_ out_refund_no "{out_refund_no}" [GET "通过商户退款单号查询退款"]
                }
                _refund_id_ refund_id "{refund_id}" {
                    apply_abnormal_refund "apply-abnormal-refund" [POST "发起异常退款" (request: "/bank_account,/real_name")]
                    return_advance "return-advance" [GET "查询垫付回补结果", POST "垫付退款回补"]
                }
            }
            subject_sub_merchants "subject-sub-merchants" [GET "查询指定主体子商户列表" (query: "cert_number")]
            subsidies "subsidies" {
                cancel "cancel" [POST "取消补差"]
                create "create" [POST "请求补差"]
                return_ "return" [POST "请求补差回退"]
            }
        }
        edu_papay "edu-papay" {
            contracts "contracts" {
                id "id" {
                    _contract_id_ contract_id "{contract_id}" [GET "通过协议号查询签约"]
                }
                presign "presign" [POST "预签约"]
                _contract_id_ contract_id "{contract_id}" [DELETE "解约"]
            }
            transactions "transactions" [POST "教育通扣款受理"] {
                id "id" {
                    _transaction_id_ transaction_id "{transaction_id}" [GET "微信订单号查单"]
                }
                out_trade_no "out-trade-no" {
                    _out_trade_no_ out_trade_no "{out_trade_no}" [GET "商户订单号查单"]
                }
            }
            user "user" {
                _openid_ openid "{openid}" {
                    contracts "contracts" [GET "通过用户标识查询签约"]
                }
            }
            user_notifications "user-notifications" {
                _contract_id_ contract_id "{contract_id}" {
                    send "send" [POST "发送扣款预通知"]
                }
            }
        }
        edu_star "edu-star" {
            orders "orders" [GET "通过QQ账号查询核销订单列表", POST "创建核销订单"]
            users "users" {
                openid "openid" {
                    _wechat_openid_ wechat_openid "{wechat_openid}" [GET "通过微信用户标识查询用户信息"]
                }
                qq "qq" {
                    _qq_ qq "{qq}" [GET "通过QQ账号查询用户信息"]
                }
            }
        }
        eduschoolpay "eduschoolpay" {
            contracts "contracts" {
                presign "presign" [POST "预签约" (
                    request: "/identity/real_name,/identity/id_card_number,\
                        /bank_card/bank_card_no,/bank_card/phone"
                )]
                _contract_id_ contract_id "{contract_id}" [GET "通过协议号查询签约"] {
                    terminate "terminate" [POST "商户主动解约"]
                }
            }
            transactions "transactions" [POST "扣款"] {
                id "id" {
                    _transaction_id_ transaction_id "{transaction_id}" [GET "微信支付订单号查单"]
                }
                out_trade_no "out-trade-no" {
                    _out_trade_no_ out_trade_no "{out_trade_no}" [GET "商户订单号查单"]
                }
            }
            users "users" {
                _openid_ openid "{openid}" {
                    contracts "contracts" [GET "查询用户签约列表"]
                    debt_state "debt-state" [GET "商户查询用户欠款状态"]
                }
            }
        }
        express "express" {
            users "users" {
                _openid_ openid "{openid}" {
                    transform "transform" [POST "用户openid转换"]
                }
            }
        }
        facemch "facemch" {
            users "users" {
                _face_sid_ face_sid "{face_sid}" [GET "查询用户授权的实名信息" (
                    response: "/real_name_info/encrypted_real_name,\
                        /real_name_info/encrypted_credential_id"
                )]
            }
        }
        fund_app "fund-app" {
            brand_redpacket "brand-redpacket" {
                brand_merchant_batches "brand-merchant-batches" [POST "品牌商户发放红包" (request: "/detail_list/*/user_name")] {
                    _batch_no_ batch_no "{batch_no}" [GET "微信支付批次单号查询批次单"] {
                        details "details" {
                            _detail_no_ detail_no "{detail_no}" [GET "商家明细单号查询明细单" (response: "/user_name")]
                        }
                    }
                }
                brand_merchant_out_batches "brand-merchant-out-batches" {
                    _out_batch_no_ out_batch_no "{out_batch_no}" [GET "商家批次单号查询批次单"] {
                        out_details "out-details" {
                            _out_detail_no_ out_detail_no "{out_detail_no}" [GET "商家明细单号查询明细单" (response: "/user_name")]
                        }
                    }
                }
            }
            mch_transfer "mch-transfer" {
                elecsign "elecsign" {
                    out_bill_no "out-bill-no" [POST "商户单号申请电子回单"] {
                        _out_bill_no_ out_bill_no "{out_bill_no}" [GET "商户单号查询电子回单"]
                    }
                    transfer_bill_no "transfer-bill-no" [POST "微信单号申请电子回单"] {
                        _transfer_bill_no_ transfer_bill_no "{transfer_bill_no}" [GET "微信单号查询电子回单"]
                    }
                }
                partner "partner" {
                    budget "budget" {
                        _out_budget_no_ out_budget_no "{out_budget_no}" {
                            electronic_receipts "electronic-receipts" [GET "查询预算出资的电子回单", POST "申请预算出资的电子回单"]
                        }
                    }
                    charity_budget "charity-budget" [POST "申请公益捐赠预算"] {
                        _out_budget_no_ out_budget_no "{out_budget_no}" [GET "商户单号查询公益捐赠预算详情"] {
                            unlock "unlock" [POST "解锁公益捐赠预算"]
                        }
                    }
                    charity_transfer_bills "charity-transfer-bills" [POST "发起公益捐赠"] {
                        out_transfer_no "out-transfer-no" {
                            _out_transfer_no_ out_transfer_no "{out_transfer_no}" [GET "商户单号查询公益捐赠详情"]
                        }
                    }
                    electronic_receipts "electronic-receipts" [POST "申请单笔转账电子回单"] {
                        _out_bill_no_ out_bill_no "{out_bill_no}" [GET "查询单笔转账电子回单"]
                    }
                    sub_mch_authorizations "sub-mch-authorizations" [POST "申请子商户商家转账授权"] {
                        _sub_mchid_ sub_mchid "{sub_mchid}" [GET "查询子商户商家转账授权状态"]
                    }
                    transfer_bills "transfer-bills" [POST "发起转账" (request: "/user_name")] {
                        out_bill_no "out-bill-no" {
                            _out_bill_no_ out_bill_no "{out_bill_no}" [GET "商户单号查询转账单" (response: "/user_name")] {
                                cancel "cancel" [POST "撤销转账" (response: "/user_name")]
                            }
                        }
                        pre_transfer_with_authorization "pre-transfer-with-authorization" [POST "发起转账并完成自动收款授权" (request: "/user_name")]
                        transfer "transfer" [POST "转账（用户自动收款）" (request: "/user_name", response: "/user_name")]
                    }
                    user_confirm_authorizations "user-confirm-authorizations" [POST "申请免确认收款授权"] {
                        _out_authorization_no_ out_authorization_no "{out_authorization_no}" [GET "商户单号查询自动收款授权"] {
                            close "close" [POST "解除免确认收款授权"]
                        }
                    }
                }
                transfer_bills "transfer-bills" [POST "发起转账" (request: "/user_name")] {
                    out_bill_no "out-bill-no" {
                        _out_bill_no_ out_bill_no "{out_bill_no}" [GET "商户单号查询转账单" (response: "/user_name")] {
                            cancel "cancel" [POST "撤销转账"]
                        }
                    }
                    pre_transfer_with_authorization "pre-transfer-with-authorization" [POST "发起转账并完成自动收款授权" (request: "/user_name")]
                    transfer "transfer" [POST "用户授权后转账" (request: "/user_name", response: "/user_name")]
                    transfer_bill_no "transfer-bill-no" {
                        _transfer_bill_no_ transfer_bill_no "{transfer_bill_no}" [GET "微信转账单号查询转账单" (response: "/user_name")]
                    }
                }
                transfer_to_qq_wallet_bills "transfer-to-qq-wallet-bills" [POST "发起转账到QQ钱包" (request: "/user_name", response: "/user_name")] {
                    _out_bill_no_ out_bill_no "{out_bill_no}" [GET "查询转账到QQ钱包的结果" (response: "/user_name")] {
                        cancel "cancel" [POST "撤销转账到QQ钱包" (response: "/user_name")]
                    }
                }
                user_confirm_authorization "user-confirm-authorization" [POST "申请免确认收款授权"] {
                    out_authorization_no "out-authorization-no" {
                        _out_authorization_no_ out_authorization_no "{out_authorization_no}" [GET "商户单号查询自动收款授权"] {
                            close "close" [POST "解除免确认收款授权"]
                        }
                    }
                }
            }
        }
        funds_to_oversea "funds-to-oversea" {
            bill_download_url "bill-download-url" [GET "获取购付汇账单文件下载链接"]
            orders "orders" [POST "申请资金出境"] {
                _out_order_id_ out_order_id "{out_order_id}" [GET "查询出境结果"]
            }
            return_ "return" {
                return_orders "return-orders" [POST "申请资金出境退回"] {
                    out_return_no "out-return-no" {
                        _out_return_no_ out_return_no "{out_return_no}" [GET "查询出境退回结果（通过商户出境退回单号）"]
                    }
                }
            }
            transactions "transactions" {
                _transaction_id_ transaction_id "{transaction_id}" {
                    available_abroad_amounts "available_abroad_amounts" [GET "查询订单剩余可出境余额"]
                }
            }
        }
        global "global" @ "apihk.mch.weixin.qq.com" {
            certificates "certificates" [GET "获取平台证书列表"]
            customs "customs" {
                orders "orders" [GET "报关查询", PATCH "报关信息修改", POST "报关"]
                redeclare "redeclare" [POST "报关重推"]
                verify_certificate "verify-certificate" [POST "身份信息校验" (request: "/certificate_id,/certificate_name", pkcs1v15)]
            }
            merchant "merchant" {
                h5 "h5" {
                    permission "permission" {
                        applications "applications" [POST "创建H5支付权限申请单"] {
                            _applyment_id_ applyment_id "{applyment_id}" [GET "查询H5支付权限申请单详情", PATCH "修改H5支付权限申请单"]
                        }
                        domain "domain" {
                            applications "applications" [POST "创建H5支付域名修改申请单"] {
                                _applyment_id_ applyment_id "{applyment_id}" [GET "查询H5支付域名修改申请单", PATCH "修改H5支付域名修改申请单"]
                            }
                        }
                        _sub_mchid_ sub_mchid "{sub_mchid}" [GET "查询子商户H5支付权限状态"]
                    }
                }
            }
            merchant_service "merchant-service" {
                complaint_notifications "complaint-notifications" [DELETE "删除投诉通知回调", GET "查询投诉通知回调", POST "创建投诉通知回调", PUT "更新投诉通知回调"]
                complaints "complaints" [GET "查询投诉单列表" (response: "/data/*/payer_phone")] {
                    _complaint_id_ complaint_id "{complaint_id}" [GET "查询投诉单详情" (response: "/payer_phone")] {
                        complete "complete" [POST "反馈处理完成"]
                        negotiation_historys "negotiation-historys" [GET "查询投诉协商历史"]
                        response "response" [POST "提交回复"]
                    }
                }
                images "images" {
                    upload "upload" [POST "商户上传反馈图片"]
                    _media_id_ media_id "{media_id}" [GET "图片下载"]
                }
            }
            merchant_storage "merchant-storage" {
                file "file" {
                    upload "upload" [POST "上传文件"]
                }
            }
            merchants "merchants" [POST "子商户进件（融合钱包）" (request: "/contact/name,/contact/phone,/contact/email")] {
                _sub_mchid_ sub_mchid "{sub_mchid}" [GET "查询子商户（融合钱包）" (response: "/contact/name,/contact/phone,/contact/email"), PATCH "修改子商户（融合钱包）" (request: "/contact/name,/contact/phone,/contact/email")]
            }
            micropay "micropay" {
                transactions "transactions" {
                    id "id" {
                        _transaction_id_ transaction_id "{transaction_id}" {
                            reverse "reverse" [POST "撤销订单(微信支付订单号)"]
                        }
                    }
                    out_trade_no "out-trade-no" {
                        _out_trade_no_ out_trade_no "{out_trade_no}" {
                            reverse "reverse" [POST "撤销订单(商户订单号)"]
                        }
                    }
                    pay "pay" [POST "提交付款码支付"]
                }
            }
            papay "papay" {
                contracts "contracts" {
                    app_pre_entrust_sign "app-pre-entrust-sign" [POST "APP签约"]
                    h5_pre_entrust_sign "h5-pre-entrust-sign" [POST "H5预签约"]
                    jsapi_pre_entrust_sign "jsapi-pre-entrust-sign" [POST "JSAPI预签约"]
                    miniprogram_pre_entrust_sign "miniprogram-pre-entrust-sign" [POST "小程序签约"]
                    out_contract_code "out-contract-code" {
                        _out_contract_code_ out_contract_code "{out_contract_code}" [GET "商户协议号查询签约"]
                    }
                    web_pre_entrust_sign "web-pre-entrust-sign" [POST "WEB预签约"]
                    _contract_id_ contract_id "{contract_id}" [GET "代扣协议ID查询签约"] {
                        terminate "terminate" [POST "申请解约"]
                    }
                }
                transactions "transactions" [POST "支付扣款"] {
                    out_trade_no "out-trade-no" {
                        _out_trade_no_ out_trade_no "{out_trade_no}" [GET "查询订单(商户订单号)"] {
                            reverse "reverse" [POST "撤销订单(商户订单号)"]
                        }
                    }
                    _transaction_id_ transaction_id "{transaction_id}" [GET "查询订单(微信支付订单号)"]
                }
            }
            profit_sharing "profit-sharing" {
                bill_download_url "bill-download-url" [GET "获取分账账单文件下载地址"]
                orders "orders" [POST "请求分账" (request: "/receivers/*/name")] {
                    unfreeze "unfreeze" [POST "解冻剩余资金"]
                    _out_order_no_ out_order_no "{out_order_no}" [GET "查询分账结果"]
                }
                receivers "receivers" [DELETE "删除分账接收方", POST "添加分账接收方" (request: "/name", response: "/name")] {
                    _account_ account "{account}" [GET "查询分账接收方添加结果"]
                }
                refunds "refunds" {
                    bill_download_url "bill-download-url" [GET "获取分账退款账单下载链接"]
                    refundable_balance "refundable-balance" [GET "查询可供垫付退款实时余额"]
                }
                transactions "transactions" {
                    mark "mark" [POST "分账标记"]
                    _transaction_id_ transaction_id "{transaction_id}" {
                        amounts "amounts" [GET "查询剩余待分金额"]
                        refundable_amounts "refundable-amounts" [GET "查询订单剩余可退款金额"]
                    }
                }
            }
            refund "refund" {
                partner "partner" {
                    recharge_balance "recharge-balance" {
                        sub_mchid "sub-mchid" {
                            _sub_mchid_ sub_mchid "{sub_mchid}" [GET "商家充值退款余额查询"]
                        }
                    }
                }
                recharge_balance "recharge-balance" [GET "商家充值退款余额查询"]
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
                    }
                }
                jsapi "jsapi" [POST "JSAPI支付下单"]
                mweb "mweb" [POST "H5支付下单"]
                native "native" [POST "Native支付下单"]
                out_trade_no "out-trade-no" {
                    _out_trade_no_ out_trade_no "{out_trade_no}" [GET "查询订单(商户订单号)"] {
                        close "close" [POST "关闭订单(商户订单号)"]
                    }
                }
            }
        }
        goldplan "goldplan" {
            merchants "merchants" {
                changecustompagestatus "changecustompagestatus" [POST "商家小票管理"]
                changegoldplanstatus "changegoldplanstatus" [POST "点金计划管理"]
                close_advertising_show "close-advertising-show" [POST "关闭广告展示"]
                open_advertising_show "open-advertising-show" [PATCH "开通广告展示"]
                set_advertising_industry_filter "set-advertising-industry-filter" [POST "同业过滤标签管理"]
            }
        }
        gov "gov" {
            subsidy "subsidy" {
                audit "audit" {
                    cup "cup" {
                        invalid "invalid" [POST "查询审核结果"]
                        query "query" [POST "查询审核结果"]
                        refund "refund" {
                            sync "sync" [POST "同步非银联支付交易退款信息"]
                        }
                        update "update" [POST "更新审核数据"]
                        upload "upload" [POST "上传审核数据"]
                    }
                }
                companies "companies" {
                    query "query" [POST "企业信息查询"]
                }
                goods "goods" {
                    upload "upload" [POST "商品信息上传"]
                }
                n_qualifications "n-qualifications" {
                    sync "sync" [POST "N品类同步资格核销信息" (request: "/real_name,/id_card_number,/phone_number")]
                }
                qualification "qualification" [GET "查询补贴资格" (query: "real_name,id_card_number,phone_number")]
                qualifications "qualifications" {
                    passthrough "passthrough" {
                        cancel "cancel" [POST "取消资格(透传模式)" (request: "/real_name,/id_card_number,/phone_number")]
                        claim "claim" [POST "领取资格(透传模式)" (request: "/real_name,/id_card_number,/phone_number")]
                        query "query" [POST "批量查询用户资格(透传模式)" (request: "/real_name,/id_card_number,/phone_number")]
                    }
                    query "query" [POST "批量查询用户资格" (request: "/real_name,/id_card_number,/phone_number")]
                    sync "sync" [POST "同步资格核销信息" (request: "/real_name,/id_card_number,/phone_number")]
                }
                sncode "sncode" {
                    lock "lock" [POST "sn码锁定"]
                    query "query" [POST "查询sn码状态"]
                    unlock "unlock" [POST "sn码解锁"]
                }
                transactions "transactions" {
                    query "query" [POST "交易信息查询"]
                    summary "summary" {
                        query_day "query-day" [POST "查询单日交易汇总"]
                    }
                    sync "sync" [POST "交易信息回传" (request: "/real_name,/id_card_number,/phone_number")]
                }
                zhejiang "zhejiang" {
                    authcode "authcode" {
                        cancel "cancel" [POST "品类凭证码预核销撤销"]
                        commit "commit" [POST "品类凭证码上报确认"]
                        issue "issue" [POST "申请品类凭证码" (request: "/name,/mobile,/cert_no")]
                        refund "refund" [POST "品类凭证码上报撤销"]
                        try_ "try" [POST "预核销品类凭证码"]
                    }
                    goods "goods" {
                        query "query" [POST "商品信息查询"]
                    }
                    n_qualifications "n-qualifications" {
                        confirm "confirm" [POST "n品类核销" (
                            request: "/data/*/cert_no,/data/*/name,/data/*/tel,/data/*/address"
                        )]
                    }
                    qualifications "qualifications" {
                        alter "alter" [POST "变更资格" (request: "/cert_no,/name,/tel")]
                        claim "claim" [POST "领取资格" (request: "/cert_no,/name,/tel")]
                        query "query" [POST "查询补贴资格" (request: "/cert_no")]
                        sync "sync" [POST "核销资格" (request: "/data/*/cert_no,/data/*/name,/data/*/tel")]
                    }
                    sncode "sncode" {
                        lock "lock" [POST "sn码锁定"]
                        query "query" [POST "sn码销售状态查询"]
                        unlock "unlock" [POST "sn码解锁"]
                    }
                }
            }
        }
        hire_power_bank "hire-power-bank" {
            insurance_orders "insurance-orders" [POST "创建保险订单"] {
                _out_order_no_ out_order_no "{out_order_no}" [GET "查询保险订单详情"]
            }
            user_qualifications "user-qualifications" {
                _openid_ openid "{openid}" [GET "查询用户保险订单领取资格"]
            }
        }
        industry_coupon "industry-coupon" {
            tokens "tokens" [POST "出行券切卡组件预下单"]
        }
        industry_rebate "industry-rebate" {
            retail_industry "retail-industry" {
                transactions "transactions" [POST "回传SN和商品编码"]
            }
            transactions "transactions" {
                _transaction_id_ transaction_id "{transaction_id}" [POST "支付码牌/点餐码牌交易回传"]
            }
        }
        inspolicymgr "inspolicymgr" {
            deduct "deduct" {
                authorizations "authorizations" [POST "提交保单授权信息"] {
                    _out_insurance_no_ out_insurance_no "{out_insurance_no}" [GET "查询保单授权信息"]
                }
                policies "policies" [POST "上传保单" (
                    request: "/insured_name_list/*",
                    response: "/insured_name_list/*"
                )] {
                    _out_insurance_no_ out_insurance_no "{out_insurance_no}" [GET "查询保单" (response: "/insured_name_list/*"), PATCH "更新保单信息" (
                        request: "/insured_name_list/*",
                        response: "/insured_name_list/*"
                    )]
                }
            }
        }
        iotmanage "iotmanage" {
            device_inspections "device-inspections" {
                _device_sn_ device_sn "{device_sn}" [GET "获取出厂检查结果"]
            }
            devices "devices" [GET "智能设备列表"]
        }
        lovefeast "lovefeast" {
            brands "brands" {
                _brand_id_ brand_id "{brand_id}" [GET "查询爱心餐品牌信息"]
            }
            users "users" {
                _openid_ openid "{openid}" {
                    orders "orders" {
                        brand_id "brand-id" {
                            _brand_id_ brand_id "{brand_id}" [GET "查询用户捐赠单列表"]
                        }
                        out_trade_no "out-trade-no" {
                            _out_trade_no_ out_trade_no "{out_trade_no}" [GET "查询用户捐赠单详情"]
                        }
                    }
                }
            }
        }
        marketing "marketing" {
            bank "bank" {
                packages "packages" {
                    _package_id_ package_id "{package_id}" {
                        tasks "tasks" [GET "查询上传任务列表", POST "导入定向用户协议号"]
                    }
                }
            }
            bank_favor "bank-favor" {
                users "users" {
                    _openid_ openid "{openid}" {
                        bank_multi_activity "bank-multi-activity" [POST "给指定用户报名多笔立减活动"]
                        coupons "coupons" {
                            _coupon_id_ coupon_id "{coupon_id}" [GET "查询绑定多笔立减活动的代金券详情"]
                        }
                    }
                }
            }
            busifavor "busifavor" {
                callbacks "callbacks" [GET "查询商家券事件通知地址", POST "设置商家券事件通知地址"]
                coupons "coupons" {
                    associate "associate" [POST "关联订单信息"]
                    deactivate "deactivate" [POST "使券失效"]
                    disassociate "disassociate" [POST "取消关联订单信息"]
                    return_ "return" [POST "申请退券"]
                    send "send" [POST "向用户发券"]
                    use_ "use" [POST "核销用户券"]
                    _card_id_ card_id "{card_id}" {
                        send "send" [POST "发放消费卡"]
                    }
                }
                product_coupons "product-coupons" {
                    pre_send "pre-send" [POST "向用户预发放商品券"]
                    send "send" [POST "向用户发放商品券"]
                }
                stocks "stocks" [POST "创建商家券"] {
                    _stock_id_ stock_id "{stock_id}" [GET "查询商家券详情", PATCH "修改商家券基本信息"] {
                        budget "budget" [PATCH "修改批次预算"]
                        couponcodes "couponcodes" [GET "查询预存code列表", POST "上传预存code"] {
                            _coupon_code_ coupon_code "{coupon_code}" [DELETE "删除预存code", GET "查询预存code详情"]
                        }
                    }
                }
                subsidy "subsidy" {
                    pay_receipts "pay-receipts" [GET "查询营销补差付款单列表", POST "营销补差付款"] {
                        _subsidy_receipt_id_ subsidy_receipt_id "{subsidy_receipt_id}" [GET "查询营销补差付款单详情"]
                    }
                    return_receipts "return-receipts" [POST "营销补差回退"] {
                        _subsidy_return_receipt_id_ subsidy_return_receipt_id "{subsidy_return_receipt_id}" [GET "查询商家券营销补差回退单详情"]
                    }
                }
                users "users" {
                    _openid_ openid "{openid}" {
                        coupons "coupons" [GET "根据过滤条件查询用户券"] {
                            _coupon_code_ coupon_code "{coupon_code}" {
                                appids "appids" {
                                    _appid_ appid "{appid}" [GET "查询用户单张券详情"]
                                }
                            }
                        }
                    }
                }
            }
            favor "favor" {
                callbacks "callbacks" [GET "获取已设置的消息通知地址", POST "设置消息通知地址"]
                coupon_stocks "coupon-stocks" [POST "创建代金券批次"]
                media "media" {
                    image_upload "image-upload" [POST "（营销）图片上传"]
                }
                stocks "stocks" [GET "条件查询批次列表"] {
                    _stock_id_ stock_id "{stock_id}" [GET "查询批次详情"] {
                        items "items" [GET "查询代金券可用单品"]
                        merchants "merchants" [GET "查询代金券可用商户"]
                        modify_goods_id "modify-goods-id" [POST "修改可用单品编码"]
                        pause "pause" [POST "暂停代金券批次"]
                        refund_flow "refund-flow" [GET "下载批次退款明细"]
                        refund_flow_by_day "refund-flow-by-day" [GET "获取批次退款明细下载链接"]
                        restart "restart" [POST "重启代金券批次"]
                        start "start" [POST "激活代金券批次"]
                        stop "stop" [POST "终止批次"]
                        use_flow "use-flow" [GET "下载批次核销明细"]
                        use_flow_by_day "use-flow-by-day" [GET "获取批次核销明细下载链接"]
                    }
                }
                users "users" {
                    _openid_ openid "{openid}" {
                        coupons "coupons" [GET "根据商户号查用户的券", POST "发放代金券"] {
                            _coupon_id_ coupon_id "{coupon_id}" [GET "查询代金券详情"]
                        }
                    }
                }
            }
            goods_subsidy_activity "goods-subsidy-activity" {
                activities "activities" [GET "按区域查询品牌加价购活动"]
                activity "activity" {
                    _activity_id_ activity_id "{activity_id}" {
                        apply "apply" [POST "门店报名品牌加价购活动"]
                    }
                }
                qualification "qualification" {
                    lock "lock" [POST "锁定品牌加价购活动资格"]
                    unlock "unlock" [POST "解锁品牌加价购活动资格"]
                }
                retail_store_act "retail-store-act" {
                    _activity_id_ activity_id "{activity_id}" {
                        representative "representative" [DELETE "删除零售小店活动业务代理", PUT "添加零售小店活动业务代理"]
                        representatives "representatives" [GET "查询零售小店活动业务代理"]
                    }
                    _brand_id_ brand_id "{brand_id}" {
                        materials "materials" [POST "生成小店活动物料码"]
                        stores "stores" [DELETE "删除小店活动门店", GET "查询小店活动门店列表", POST "添加小店活动门店"] {
                            _store_code_ store_code "{store_code}" [GET "查询小店活动门店详情"]
                        }
                    }
                }
            }
            membercard_activity "membercard-activity" {
                activities "activities" [GET "查询活动列表", POST "创建活动"] {
                    _activity_id_ activity_id "{activity_id}" [GET "查询活动详情"] {
                        terminate "terminate" [POST "终止活动"]
                    }
                }
            }
            membercard_open "membercard-open" {
                activate_informations "activate-informations" {
                    _activate_ticket_ activate_ticket "{activate_ticket}" [GET "获取用户信息（跳转型激活）"]
                }
                callback "callback" [GET "查询回调地址", PATCH "设置回调地址"]
                cards "cards" [GET "查询会员卡模板列表", POST "创建会员卡模板"] {
                    _card_id_ card_id "{card_id}" [DELETE "删除会员卡模板", GET "查询会员卡模板信息", PATCH "修改会员卡模板信息"] {
                        codes "codes" {
                            deposit "deposit" [POST "导入会员Code"]
                            _code_ code "{code}" [GET "查询用户会员卡信息", PATCH "修改用户会员卡信息"] {
                                activate "activate" [POST "激活会员卡（跳转型激活）"]
                                bonus "bonus" {
                                    commit "commit" [POST "设置支付后展示的积分到账"]
                                    prepare "prepare" [POST "支付结果页展示会员积分"]
                                }
                                rights "rights" [PATCH "设置会员权益"]
                                set_service_module_data "set-service-module-data" [POST "设置会员服务项用户信息"]
                                unavailable "unavailable" [POST "作废用户会员卡"]
                            }
                        }
                        decrypt_code "decrypt-code" [GET "加密code解码（跳转型激活）"]
                        permission_tokens "permission-tokens" [POST "商户预授权"]
                        phone_membercard "phone-membercard" {
                            import "import" [POST "根据手机号导入用户会员卡" (request: "/encrypted_phone_number")]
                        }
                        qrcode "qrcode" [POST "创建会员卡二维码"]
                        rights "rights" [PATCH "设置会员卡模板权益项"]
                        service_modules "service-modules" [POST "添加会员卡服务项"] {
                            _service_module_id_ service_module_id "{service_module_id}" [DELETE "移除会员卡服务项", PATCH "修改会员卡服务项"]
                        }
                        upgrade "upgrade" [POST "老会员卡模板升级"]
                        users "users" {
                            import "import" [POST "根据openid导入用户会员卡"]
                        }
                    }
                }
                phonenumber_member "phonenumber-member" {
                    import "import" [POST "导入加密手机号提醒会员领卡" (request: "/encrypted_phone_number")]
                    search "search" [GET "通过加密手机号查询会员领卡状态" (query: "encrypted_phone_number")]
                }
                user "user" {
                    cards "cards" [GET "查询用户在品牌下所有会员卡"]
                }
            }
            partner "partner" {
                delivery_plan "delivery-plan" {
                    delivery_plans "delivery-plans" [POST "创建投放计划"] {
                        _brand_id_ brand_id "{brand_id}" {
                            delivery_plans "delivery-plans" [GET "分页查询投放计划列表"]
                        }
                        _plan_id_ plan_id "{plan_id}" [PATCH "更新投放计划"] {
                            terminate "terminate" [POST "终止投放计划"]
                        }
                    }
                    _sp_mchid_ sp_mchid "{sp_mchid}" {
                        notify_url "notify-url" [POST "设置投放计划回调地址"]
                    }
                }
                product_coupon "product-coupon" {
                    image_generation_tasks "image-generation-tasks" [POST "提交图片生成任务"] {
                        _task_id_ task_id "{task_id}" [GET "查询图片生成任务执行结果"]
                    }
                    media "media" {
                        upload_image "upload-image" [POST "图片上传"]
                    }
                    notify_configs "notify-configs" [GET "获取商品券事件通知地址", POST "设置商品券事件通知地址"]
                    product_coupons "product-coupons" [POST "创建商品券"] {
                        _product_coupon_id_ product_coupon_id "{product_coupon_id}" [GET "查询商品券", PATCH "修改商品券"] {
                            deactivate "deactivate" [POST "失效商品券"]
                            stock_bundles "stock-bundles" [POST "添加商品券批次组"] {
                                _stock_bundle_id_ stock_bundle_id "{stock_bundle_id}" [PATCH "修改商品券批次组"] {
                                    associate_stores "associate-stores" [POST "批次组批量关联门店"]
                                    disassociate_stores "disassociate-stores" [POST "批次组批量取消关联门店"]
                                    update_budget "update-budget" [POST "修改商品券批次组发放预算"]
                                }
                            }
                            stocks "stocks" [GET "查询商品券批次列表", POST "添加商品券批次"] {
                                _stock_id_ stock_id "{stock_id}" [GET "查询商品券指定批次", PATCH "修改商品券指定批次"] {
                                    associate_stores "associate-stores" [POST "批次关联门店"]
                                    associated_stores "associated-stores" [GET "查询批次关联门店列表"]
                                    deactivate "deactivate" [POST "失效商品券批次"]
                                    disassociate_stores "disassociate-stores" [POST "批次取消关联门店"]
                                    update_budget "update-budget" [POST "修改商品券批次发放预算"]
                                    upload_coupon_codes "upload-coupon-codes" [POST "预上传券Code"]
                                }
                            }
                        }
                    }
                    users "users" {
                        _openid_ openid "{openid}" {
                            coupon_bundles "coupon-bundles" [POST "向用户发放商品券批次组"] {
                                _user_coupon_bundle_id_ user_coupon_bundle_id "{user_coupon_bundle_id}" {
                                    deactivate "deactivate" [POST "失效用户商品券组"]
                                }
                            }
                            coupons "coupons" [GET "指定券状态查询用户商品券列表", POST "向用户发放商品券"] {
                                _coupon_code_ coupon_code "{coupon_code}" [GET "查询用户商品券详情"] {
                                    confirm "confirm" [POST "确认发放用户商品券"]
                                    deactivate "deactivate" [POST "失效用户商品券"]
                                    return_ "return" [POST "退券"]
                                    use_ "use" [POST "核销用户商品券"]
                                }
                            }
                            pre_send_coupon "pre-send-coupon" [POST "向用户预发放商品券"]
                            pre_send_coupon_bundle "pre-send-coupon-bundle" [POST "向用户预发放商品券批次组"]
                        }
                    }
                }
            }
            partnerships "partnerships" [GET "查询合作关系列表"] {
                build "build" [POST "建立合作关系"]
                terminate "terminate" [POST "终止合作关系"]
            }
            paygiftactivity "paygiftactivity" {
                activities "activities" [GET "获取支付有礼活动列表"] {
                    _activity_id_ activity_id "{activity_id}" [GET "查询活动详情接口"] {
                        goods "goods" [GET "查询活动指定商品列表"]
                        merchants "merchants" [GET "查询活动发券商户号"] {
                            add "add" [POST "新增活动发券商户号"]
                            delete_ "delete" [POST "删除活动发券商户号"]
                        }
                        terminate "terminate" [POST "终止活动"]
                    }
                }
                unique_threshold_activity "unique-threshold-activity" [POST "创建全场满额送活动"]
            }
            shopping_receipt "shopping-receipt" {
                customentrances "customentrances" [POST "创建自定义入口"] {
                    _brand_id_ brand_id "{brand_id}" [GET "查询自定义入口", PATCH "更新自定义入口"]
                }
                merchantshoppingreceiptjumpinfos "merchantshoppingreceiptjumpinfos" [POST "上传商家电子小票跳转信息"]
                shoppingreceipts "shoppingreceipts" [POST "上传电子小票" (
                    request: "/meta!/merchant_contact_information/consultation_phone_number",
                    response: "/receipt/merchant_contact_information/consultation_phone_number"
                )]
            }
            weekly_discount "weekly-discount" {
                activities "activities" [GET "查询周周惠活动列表"] {
                    _activity_id_ activity_id "{activity_id}" [GET "查询周周惠活动详情"] {
                        apply "apply" [POST "报名周周惠活动"]
                    }
                }
            }
            withdraw_favor "withdraw-favor" {
                users "users" {
                    _openid_ openid "{openid}" {
                        coupons "coupons" [GET "查询批次下用户银行提现免费券列表", POST "为用户发银行提现免费券"]
                    }
                }
            }
        }
        mch_manage "mch-manage" {
            mch_manage_records "mch-manage-records" {
                sub_mchid "sub-mchid" {
                    _sub_mchid_ sub_mchid "{sub_mchid}" [GET "分页查询子商户名下的商户管理记录"]
                }
                _manage_record_id_ manage_record_id "{manage_record_id}" [GET "查询子商户下指定商户管理记录"] {
                    mch_manage_submissions "mch-manage-submissions" [POST "对指定商户管理记录提交资料"]
                }
            }
            submission_files "submission-files" {
                sub_mchid "sub-mchid" {
                    _sub_mchid_ sub_mchid "{sub_mchid}" {
                        upload "upload" [POST "上传商户提交资料文件"]
                    }
                }
            }
        }
        mch_operation_manage "mch-operation-manage" {
            enhanced_due_diligence "enhanced-due-diligence" {
                _due_diligence_id_ due_diligence_id "{due_diligence_id}" [GET "查询子商户强化尽调单信息"] {
                    submit "submit" [POST "提交尽调资料"]
                    upload "upload" [POST "上传尽调资料文件"]
                }
            }
            merchant_limitations "merchant-limitations" {
                sub_mchid "sub-mchid" {
                    _sub_mchid_ sub_mchid "{sub_mchid}" [GET "查询子商户管控情况"]
                }
            }
        }
        mch_operate "mch_operate" {
            risk "risk" {
                withdrawl_apply "withdrawl-apply" [POST "提交已注销商户号可用余额提现申请单" (
                    request: "/payee_info/bank_account_info/account_name,\
                        /payee_info/bank_account_info/account_number,\
                        /payee_info/identity_info/identification_name,\
                        /payee_info/identity_info/identification_no"
                )] {
                    applyment_id "applyment-id" {
                        _applyment_id_ applyment_id "{applyment_id}" [GET "微信支付提现申请单号查询提现申请单状态"]
                    }
                    out_request_no "out-request-no" {
                        _out_request_no_ out_request_no "{out_request_no}" [GET "商户提现申请单号查询提现申请单状态"]
                    }
                }
            }
        }
        mchalterapply "mchalterapply" {
            mchcontactalterapplyment "mchcontactalterapplyment" [POST "提交超管变更申请单" (
                request: "/contact_info/contact_name,/contact_info/contact_id_card_number,\
                    /contact_info/mobile_phone"
            )] {
                merchant "merchant" {
                    _merchant_code_ merchant_code "{merchant_code}" {
                        out_request_no "out-request-no" {
                            _out_request_no_ out_request_no "{out_request_no}" [GET "查询超管变更申请单状态-使用业务单号和商户号"]
                        }
                    }
                }
                _apply_id_ apply_id "{apply_id}" [GET "查询超管变更申请单状态-使用申请单号"] {
                    revoke "revoke" [POST "撤销超管变更申请单"]
                }
            }
            mchsubjectalterapplyment "mchsubjectalterapplyment" [POST "提交资料变更申请单" (
                request: "/legal_person_info/card_name,/legal_person_info/card_number,\
                    /legal_person_info/card_address,/ubo_info_list/*/card_name,\
                    /ubo_info_list/*/card_number,/ubo_info_list/*/card_address"
            )] {
                merchant "merchant" {
                    _merchant_code_ merchant_code "{merchant_code}" {
                        out_request_no "out-request-no" {
                            _out_request_no_ out_request_no "{out_request_no}" [GET "查询申请单状态-使用业务单号"]
                        }
                    }
                }
                _apply_id_ apply_id "{apply_id}" [GET "查询资料变更申请单状态-使用申请单号"] {
                    revoke "revoke" [POST "撤销资料变更申请单"]
                }
            }
            merchantnamealterapplyment "merchantnamealterapplyment" [POST "提交商户简称变更申请单"] {
                merchant "merchant" {
                    _sub_mchid_ sub_mchid "{sub_mchid}" {
                        out_request_no "out-request-no" {
                            _out_request_no_ out_request_no "{out_request_no}" [GET "查询商户简称申请单状态-使用业务单号和商户号"]
                        }
                    }
                }
                _apply_id_ apply_id "{apply_id}" [GET "查询商户简称变更申请单状态-使用申请单号"] {
                    revoke "revoke" [POST "撤销商户简称变更申请单"]
                }
            }
        }
        med_ins "med-ins" {
            orders "orders" [POST "医保自费混合收款下单" (
                request: "/payer/name,/payer/id_digest,/relative/name,/relative/id_digest"
            )] {
                mix_trade_no "mix-trade-no" {
                    _mix_trade_no_ mix_trade_no "{mix_trade_no}" [GET "使用医保自费混合订单号查看下单结果"]
                }
                out_trade_no "out-trade-no" {
                    _out_trade_no_ out_trade_no "{out_trade_no}" [GET "使用商户订单号查看下单结果"]
                }
            }
            refunds "refunds" {
                notify "notify" [POST "医保退款通知"]
            }
        }
        merchant "merchant" {
            fund "fund" {
                balance "balance" {
                    _account_type_ account_type "{account_type}" [GET "查询账户实时余额"]
                }
                dayendbalance "dayendbalance" {
                    _account_type_ account_type "{account_type}" [GET "查询账户日终余额"]
                }
                withdraw "withdraw" [POST "电商平台提现"] {
                    bill_type "bill-type" {
                        _bill_type_ bill_type "{bill_type}" [GET "按日下载提现异常文件"]
                    }
                    out_request_no "out-request-no" {
                        _out_request_no_ out_request_no "{out_request_no}" [GET "电商平台(商户提现单号查询)提现状态"]
                    }
                    withdraw_id "withdraw-id" {
                        _withdraw_id_ withdraw_id "{withdraw_id}" [GET "电商平台(微信支付提现单号)查询提现状态"]
                    }
                }
            }
            media "media" {
                upload "upload" [POST "文件上传"]
                video_upload "video_upload" [POST "视频上传"]
            }
        }
        merchant_risk_manage "merchant-risk-manage" {
            ec_trade_risk "ec-trade-risk" {
                query_risk_trades "query-risk-trades" [POST "查询风险订单"]
                recv_dispose_result "recv-dispose-result" [POST "回传处置结果"]
            }
            report_trade_union_information "report-trade-union-information" [POST "上报订单关联信息" (request: "/phone,/certificates_number")]
            trade_risk_information "trade-risk-information" [GET "查询风险信息"]
            trade_risk_result "trade-risk-result" [POST "处置结果回传"]
            violation_notifications "violation-notifications" [DELETE "删除商户违规通知回调地址", GET "查询商户违规通知回调地址", POST "创建商户违规通知回调地址", PUT "修改商户违规通知回调地址"]
        }
        merchant_service "merchant-service" {
            complaint_notifications "complaint-notifications" [DELETE "删除投诉通知回调", GET "查询投诉通知回调", POST "创建投诉通知回调", PUT "更新投诉通知回调"]
            complaints "complaints" [GET "查询投诉信息" (response: "/data/*/payer_phone")] {
                _transaction_id_ transaction_id "{transaction_id}" [GET "查询投诉详情" (response: "/payer_phone")] {
                    negotiation_historys "negotiation-historys" [GET "查询投诉协商历史"]
                }
            }
            complaints_v2 "complaints-v2" [GET "查询投诉单列表" (response: "/data/*/payer_phone")] {
                _complaint_id_ complaint_id "{complaint_id}" [GET "查询投诉单详情" (response: "/payer_phone")] {
                    complete "complete" [POST "反馈处理完成"]
                    negotiation_historys "negotiation-historys" [GET "查询投诉协商历史"]
                    response "response" [POST "提交回复"]
                    response_immediate_service "response-immediate-service" [POST "回复需要即时服务的投诉单"]
                    update_refund_progress "update-refund-progress" [POST "更新退款审批结果"]
                }
            }
            feedbacks "feedbacks" [POST "商户反馈"]
            images "images" {
                upload "upload" [POST "商户上传反馈图片"]
                _media_id_ media_id "{media_id}" [GET "图片下载"]
            }
        }
        merchant_settlement "merchant-settlement" {
            merchant_settle_rule_applications "merchant-settle-rule-applications" [POST "申请修改特约商户结算规则"] {
                _application_id_ application_id "{application_id}" [GET "根据申请单ID查询结果"]
            }
        }
        merchant_store "merchant-store" {
            stores "stores" [POST "创建门店"] {
                _store_id_ store_id "{store_id}" [GET "查询门店", PATCH "修改门店"] {
                    recipients "recipients" {
                        bind "bind" [POST "绑定门店收款信息"]
                        unbind "unbind" [POST "解除门店收款信息绑定"]
                    }
                }
            }
        }
        merchantfund "merchantfund" {
            merchant "merchant" {
                income_records "income-records" [GET "服务商银行来账查询"]
            }
            partner "partner" {
                income_records "income-records" [GET "特约商户银行来账查询"]
            }
        }
        multiuse "multiuse" {
            stocks "stocks" {
                _stock_id_ stock_id "{stock_id}" {
                    refund_flow "refund-flow" [GET "下载批次退款明细"]
                    send_flow "send-flow" [GET "下载批次发放明细"]
                    use_flow "use-flow" [GET "下载核销明细"]
                }
            }
            users "users" {
                _openid_ openid "{openid}" {
                    coupons "coupons" [POST "发放指定批次的消费金" (request: "/user_name,/id_card_number")]
                }
            }
        }
        new_tax_control_fapiao "new-tax-control-fapiao" {
            card_template "card-template" [POST "创建电子发票卡券模板"]
            fapiao_applications "fapiao-applications" [POST "开具电子发票" (request: "/buyer_information/phone,/buyer_information/email")] {
                issue_general "issue-general" [POST "开具通用行业电子发票" (request: "/buyer_information/phone,/buyer_information/email")]
                issue_passenger_transport "issue-passenger-transport" [POST "开具旅客运输行业电子发票" (
                    request: "/buyer_information/phone,/buyer_information/email,\
                        /fapiao_information/items/*/passenger_information/certificate_number"
                )]
                issue_refined_oil "issue-refined-oil" [POST "开具成品油行业电子发票" (request: "/buyer_information/phone,/buyer_information/email")]
                real_estate_leasing "real-estate-leasing" [POST "开具不动产租赁行业电子发票" (
                    request: "/buyer_information/phone,/buyer_information/email,\
                        /fapiao_information/items/*/real_estate_leasing_information/certificate_no"
                )]
                upload_fapiao_file "upload-fapiao-file" [POST "上传电子发票文件"]
                _fapiao_apply_id_ fapiao_apply_id "{fapiao_apply_id}" [GET "查询电子发票" (
                    response: "/fapiao_information/*/buyer_information/phone,\
                        /fapiao_information/*/buyer_information/email"
                )] {
                    fapiao_files "fapiao-files" [GET "获取发票下载信息"]
                    insert_cards "insert-cards" [POST "将电子发票插入微信用户卡包" (request: "/buyer_information/phone,/buyer_information/email")]
                    reverse "reverse" [POST "冲红电子发票"]
                }
            }
            fapiaomerchant "fapiaomerchant" {
                getspinviteurl "getspinviteurl" [GET "获取邀请商户开通服务商电子发票能力" (query: "operate_user")]
                listspinvitemchinfo "listspinvitemchinfo" [GET "获取邀请开通的商户信息"]
            }
            merchant "merchant" {
                base_information "base-information" [GET "获取商户开票基础信息"]
                development_config "development-config" [GET "查询商户配置的开发选项", PATCH "配置开发选项"]
                tax_codes "tax-codes" [GET "获取商品和服务税收分类对照表"]
                _sub_mchid_ sub_mchid "{sub_mchid}" {
                    check "check" [POST "检查子商户开票功能状态"]
                    check_status "check-status" [GET "检查子商户开票功能状态"]
                }
            }
            user_title "user-title" [GET "获取用户填写的抬头" (response: "/phone,/email")] {
                title_url "title-url" [GET "获取抬头填写链接"]
            }
        }
        offlineface "offlineface" {
            authinfo "authinfo" [POST "获取authinfo接口"]
            contracts "contracts" {
                presign "presign" [POST "预签约接口" (
                    request: "/facepay_user/identification/identification_number,\
                        /facepay_user/phone,/limit_bank_card/bank_card_number,\
                        /limit_bank_card/identification_name,\
                        /limit_bank_card/identification/identification_number,\
                        /limit_bank_card/phone"
                )]
                _contract_id_ contract_id "{contract_id}" [GET "签约查询接口"]
            }
            face_collections "face-collections" [GET "查询重采用户列表"] {
                _collection_id_ collection_id "{collection_id}" [GET "查询重采请求详情"]
            }
            repayment_url "repayment-url" [POST "获取还款链接接口"]
            transactions "transactions" [POST "申请扣款接口"] {
                out_trade_no "out-trade-no" {
                    _out_trade_no_ out_trade_no "{out_trade_no}" [GET "查单接口"]
                }
            }
        }
        offlinefacemch "offlinefacemch" {
            organizations "organizations" [GET "查询机构信息接口"] {
                _organization_id_ organization_id "{organization_id}" {
                    users "users" {
                        out_user_id "out-user-id" {
                            _out_user_id_ out_user_id "{out_user_id}" [GET "刷脸用户信息查询接口", PATCH "刷脸用户信息修改接口" (request: "/user_name,/phone")]
                        }
                        user_id "user-id" {
                            _user_id_ user_id "{user_id}" {
                                terminate_contract "terminate-contract" [POST "解除刷脸用户签约关系接口"]
                            }
                        }
                    }
                }
            }
            tokens "tokens" [POST "获取凭证授权接口"]
        }
        palmservice "palmservice" {
            authorization "authorization" {
                openid "openid" {
                    _openid_ openid "{openid}" [GET "查询刷掌授权"]
                }
                preauthorize "preauthorize" [POST "服务关联预授权"]
            }
        }
        papay "papay" {
            contracts "contracts" {
                _contract_id_ contract_id "{contract_id}" {
                    fail_notify "fail-notify" [POST "重试扣费通知"]
                    notify "notify" [POST "直连商户预扣费通知"]
                }
            }
            insurance_pay "insurance-pay" {
                policy_periods "policy-periods" {
                    contract_id "contract-id" {
                        _contract_id_ contract_id "{contract_id}" {
                            policy_period_id "policy-period-id" {
                                _policy_period_id_ policy_period_id "{policy_period_id}" [GET "保险商户查询保险自动续费预约"] {
                                    schedule "schedule" [POST "保险商户预约保险自动续费"]
                                }
                            }
                        }
                    }
                }
                transactions "transactions" {
                    apply "apply" [POST "保险商户受理保险自动续费扣款"]
                }
            }
            insurance_sign "insurance-sign" {
                contracts "contracts" {
                    plan_id "plan-id" {
                        _plan_id_ plan_id "{plan_id}" {
                            contract_id "contract-id" {
                                _contract_id_ contract_id "{contract_id}" {
                                    renew "renew" [POST "保险商户受理续期自动续费协议"]
                                }
                            }
                            out_contract_code "out-contract-code" {
                                _out_contract_code_ out_contract_code "{out_contract_code}" [GET "保险商户查询保险自动续费协议"] {
                                    terminate "terminate" [POST "保险商户通过商户协议号解除保险自动续费协议"]
                                }
                            }
                        }
                    }
                    pre_entrust_sign "pre-entrust-sign" {
                        app "app" [POST "保险商户App预签约" (
                            request: "/real_identity/real_name,/real_identity/id_card_number"
                        )]
                        h5 "h5" [POST "保险商户H5预签约" (
                            request: "/real_identity/real_name,/real_identity/id_card_number"
                        )]
                        jsapi "jsapi" [POST "保险商户JSAPI预签约" (
                            request: "/real_identity/real_name,/real_identity/id_card_number"
                        )]
                        mini_program "mini-program" [POST "保险商户小程序预签约" (
                            request: "/real_identity/real_name,/real_identity/id_card_number"
                        )]
                    }
                }
                policy_periods "policy-periods" {
                    plan_id "plan-id" {
                        _plan_id_ plan_id "{plan_id}" {
                            contract_id "contract-id" {
                                _contract_id_ contract_id "{contract_id}" {
                                    modify "modify" [POST "保险商户修改保险扣费周期列表"]
                                }
                            }
                        }
                    }
                }
                policy_periods_ "policy_periods" {
                    plan_id "plan-id" {
                        _plan_id_ plan_id "{plan_id}" {
                            out_contract_code "out-contract-code" {
                                _out_contract_code_ out_contract_code "{out_contract_code}" [GET "保险商户查询保险扣费周期列表"]
                            }
                        }
                    }
                }
            }
            pay "pay" {
                harmony "harmony" {
                    transactions "transactions" {
                        apply "apply" [POST "代扣受理扣款"]
                    }
                }
                partner "partner" {
                    schedules "schedules" {
                        contract_id "contract-id" {
                            _contract_id_ contract_id "{contract_id}" [GET "查询扣费预约"] {
                                schedule "schedule" [POST "预约扣费"]
                            }
                        }
                    }
                    transactions "transactions" {
                        apply "apply" [POST "受理扣款"]
                    }
                }
                schedules "schedules" {
                    contract_id "contract-id" {
                        _contract_id_ contract_id "{contract_id}" [GET "查询扣费预约"] {
                            schedule "schedule" [POST "预约扣费"]
                        }
                    }
                }
                transactions "transactions" {
                    apply "apply" [POST "受理扣款"]
                }
            }
            scheduled_deduct_sign "scheduled-deduct-sign" {
                contracts "contracts" {
                    pre_entrust_sign "pre-entrust-sign" {
                        app "app" [POST "App场景预约扣费类型签约的预签约"]
                        h5 "h5" [POST "H5场景预约扣费类型签约的预签约"]
                        jsapi "jsapi" [POST "JSAPI场景预约扣费类型签约的预签约"]
                        mini_program "mini-program" [POST "小程序场景预约扣费类型签约的预签约"]
                    }
                }
                partner "partner" {
                    contracts "contracts" {
                        pre_entrust_sign "pre-entrust-sign" {
                            app "app" [POST "App场景预约扣费类型签约的预签约"]
                            h5 "h5" [POST "H5场景预约扣费类型签约的预签约"]
                            jsapi "jsapi" [POST "JSAPI场景预约扣费类型签约的预签约"]
                            mini_program "mini-program" [POST "小程序场景预约扣费类型签约的预签约"]
                        }
                    }
                }
            }
            sign "sign" {
                contracts "contracts" {
                    harmony_plan_id "harmony-plan-id" {
                        _plan_id_ plan_id "{plan_id}" {
                            out_contract_code "out-contract-code" {
                                _out_contract_code_ out_contract_code "{out_contract_code}" [GET "通过商户协议号查询委托代扣签约协议"]
                            }
                        }
                    }
                    plan_id "plan-id" {
                        _plan_id_ plan_id "{plan_id}" {
                            out_contract_code "out-contract-code" {
                                _out_contract_code_ out_contract_code "{out_contract_code}" [GET "通过商户协议号查询委托代扣签约协议"] {
                                    terminate "terminate" [POST "通过商户协议号解除委托代扣签约协议"]
                                }
                            }
                        }
                    }
                    pre_entrust_sign "pre-entrust-sign" [POST "代扣预签约"]
                }
                partner "partner" {
                    contracts "contracts" {
                        plan_id "plan-id" {
                            _plan_id_ plan_id "{plan_id}" {
                                out_contract_code "out-contract-code" {
                                    _out_contract_code_ out_contract_code "{out_contract_code}" [GET "通过商户协议号查询委托代扣签约协议"] {
                                        terminate "terminate" [POST "通过商户协议号解除委托代扣签约协议"]
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        parking "parking" {
            reminders "reminders" {
                application "application" [POST "提交停车场进件申请"] {
                    query "query" [GET "查询停车场进件申请单"]
                    withdraw "withdraw" [POST "撤回停车场进件申请"]
                }
                applications "applications" [GET "查询停车场进件申请单列表"]
                entry "entry" [POST "同步车辆入场通知"]
                exit "exit" [POST "同步车辆离场通知"]
                ext_payment "ext-payment" [POST "同步非临停扩展支付"]
                parking_fee "parking-fee" [POST "查询停车费用"]
                parking_lot "parking-lot" [GET "查询停车场信息"]
                payment "payment" [POST "同步支付结果通知"]
            }
        }
        partner_papay "partner-papay" {
            contracts "contracts" {
                _contract_id_ contract_id "{contract_id}" {
                    fail_notify "fail-notify" [POST "服务商商户重试扣费通知"]
                    notify "notify" [POST "服务商商户预扣费通知"]
                }
            }
        }
        partner_transfer "partner-transfer" {
            batches "batches" [POST "发起批量转账" (
                request: "/transfer_detail_list/*/user_name,\
                    /transfer_detail_list/*/user_id_card"
            )] {
                batch_id "batch-id" {
                    _batch_id_ batch_id "{batch_id}" [GET "微信支付批次单号查询批次单"] {
                        details "details" {
                            detail_id "detail-id" {
                                _detail_id_ detail_id "{detail_id}" [GET "微信支付明细单号查询明细单" (response: "/username")]
                            }
                        }
                    }
                }
                out_batch_no "out-batch-no" {
                    _out_batch_no_ out_batch_no "{out_batch_no}" [GET "商家批次单号查询批次单"] {
                        details "details" {
                            out_detail_no "out-detail-no" {
                                _out_detail_no_ out_detail_no "{out_detail_no}" [GET "商家明细单号查询明细单" (response: "/username")]
                            }
                        }
                    }
                }
            }
        }
        password_exempt_contract "password-exempt-contract" {
            contracts "contracts" {
                ecommerce "ecommerce" {
                    pre_entrust_sign "pre-entrust-sign" {
                        mini_program "mini-program" [POST "电商收付通模式小程序场景预签约"]
                        pay_redirect_sign "pay-redirect-sign" [POST "电商收付通模式支付后场景预签约"]
                    }
                }
                normal "normal" {
                    pre_entrust_sign "pre-entrust-sign" {
                        mini_program "mini-program" [POST "直连商户模式小程序场景预签约"]
                        pay_redirect_sign "pay-redirect-sign" [POST "直连商户模式支付后场景预签约"]
                    }
                }
                qs "qs" {
                    pre_entrust_sign "pre-entrust-sign" {
                        mini_program "mini-program" [POST "清算机构模式小程序场景预签约"]
                        pay_redirect_sign "pay-redirect-sign" [POST "清算机构模式支付后场景预签约"]
                    }
                }
                service_id "service-id" {
                    _service_id_ service_id "{service_id}" {
                        out_contract_code "out-contract-code" {
                            _out_contract_code_ out_contract_code "{out_contract_code}" [GET "商户通过商户协议号查询协议"] {
                                terminate "terminate" [POST "商户通过商户协议号解约协议"]
                            }
                        }
                    }
                }
                service_provider "service-provider" {
                    pre_entrust_sign "pre-entrust-sign" {
                        mini_program "mini-program" [POST "服务商模式小程序场景预签约"]
                        pay_redirect_sign "pay-redirect-sign" [POST "服务商模式支付后场景预签约"]
                    }
                }
            }
        }
        pay "pay" {
            acquiring_bank "acquiring-bank" {
                transactions "transactions" {
                    exposure "exposure" [POST "微信分付-支付方式前置服务"]
                }
            }
            instal "instal" {
                exposure "exposure" [POST "商户贴息-获取微信分付曝光建议"]
                partner "partner" {
                    exposure "exposure" [POST "商户贴息-获取微信分付曝光建议"]
                }
            }
            partner "partner" {
                transactions "transactions" {
                    app "app" [POST "APP下单" (request: "/payer/identity/number,/payer/identity/name")]
                    app_with_contract "app-with-contract" [POST "APP下单并签约"]
                    codepay "codepay" [POST "付款码支付"]
                    exposure "exposure" [POST "微信分付-支付方式前置服务"]
                    h5 "h5" [POST "H5下单" (request: "/payer/identity/number,/payer/identity/name")]
                    id "id" {
                        _transaction_id_ transaction_id "{transaction_id}" [GET "微信支付订单号查询"]
                    }
                    jsapi "jsapi" [POST "JSAPI下单" (request: "/payer/identity/number,/payer/identity/name")]
                    jsapi_with_contract "jsapi-with-contract" [POST "JSAPI下单并授权/签约"]
                    miniprogram "miniprogram" [POST "小程序支付下单"]
                    native "native" [POST "Native下单" (request: "/payer/identity/number,/payer/identity/name")]
                    out_trade_no "out-trade-no" {
                        _out_trade_no_ out_trade_no "{out_trade_no}" [GET "商户订单号查询"] {
                            close "close" [POST "关单"]
                            reverse "reverse" [POST "撤销"]
                        }
                    }
                    scannedpos "scannedpos" [POST "扫码支付下单"]
                }
            }
            transactions "transactions" {
                app "app" [POST "APP下单" (request: "/payer/identity/number,/payer/identity/name")]
                app_with_contract "app-with-contract" [POST "APP下单并签约"]
                codepay "codepay" [POST "付款码支付"]
                exposure "exposure" [POST "微信分付-支付方式前置服务"]
                h5 "h5" [POST "H5下单" (request: "/payer/identity/number,/payer/identity/name")]
                id "id" {
                    _transaction_id_ transaction_id "{transaction_id}" [GET "微信支付订单号查询"]
                }
                jsapi "jsapi" [POST "JSAPI下单" (request: "/payer/identity/number,/payer/identity/name")]
                jsapi_with_contract "jsapi-with-contract" [POST "JSAPI下单并授权/签约"]
                native "native" [POST "Native下单" (request: "/payer/identity/number,/payer/identity/name")]
                out_trade_no "out-trade-no" {
                    _out_trade_no_ out_trade_no "{out_trade_no}" [GET "商户订单号查询"] {
                        close "close" [POST "关单"]
                        reverse "reverse" [POST "撤销"]
                    }
                }
            }
        }
        pay_devices "pay-devices" {
            open_scenario_speaker "open-scenario-speaker" {
                _device_sn_ device_sn "{device_sn}" [GET "查询音箱绑定信息"] {
                    bind "bind" [POST "绑定音箱设备码牌"]
                    prebind "prebind" [POST "出厂预绑定音箱和码牌"]
                    unbind "unbind" [POST "解绑音箱设备码牌"]
                }
            }
            open_scenario_speakerorder "open-scenario-speakerorder" {
                _transaction_id_ transaction_id "{transaction_id}" {
                    report "report" [POST "码牌支付结果上报"]
                }
            }
            printers "printers" {
                _device_id_ device_id "{device_id}" {
                    print_orders "print-orders" [POST "小票机打印"] {
                        _print_order_no_ print_order_no "{print_order_no}" [GET "查询订单"]
                    }
                }
            }
        }
        payroll_card "payroll-card" {
            authentications "authentications" [GET "查询核身记录"] {
                pre_order "pre-order" [POST "微工卡核身预下单"]
                pre_order_with_auth "pre-order-with-auth" [POST "微工卡核身预下单（流程中完成授权）" (request: "/user_name,/id_card_number")]
                _authenticate_number_ authenticate_number "{authenticate_number}" [GET "获取核身结果"]
            }
            relations "relations" {
                _openid_ openid "{openid}" [GET "查询微工卡授权关系"]
            }
            tokens "tokens" [POST "生成授权token" (request: "/user_name,/id_card_number")]
            transfer_batches "transfer-batches" [POST "发起批量转账" (request: "/transfer_detail_list/*/user_name")]
            wesure "wesure" {
                insurance "insurance" [POST "生成投保结果"]
                token_validations "token-validations" [POST "校验核身结果" (request: "/user_name,/id_card_number")]
            }
        }
        payscore "payscore" {
            acquiringbank "acquiringbank" {
                permissions "permissions" [POST "从业机构预授权"] {
                    authorization_code "authorization-code" {
                        _authorization_code_ authorization_code "{authorization_code}" [GET "从业机构查询与用户授权记录（授权协议号）"] {
                            terminate "terminate" [POST "从业机构解除用户授权关系（授权协议号）"]
                        }
                    }
                }
                serviceorder "serviceorder" [GET "从业机构查询微信支付分订单", POST "从业机构创建微信支付分订单"] {
                    deduction "deduction" [GET "从业机构查询微信支付分扣款信息"]
                    _out_order_no_ out_order_no "{out_order_no}" {
                        cancel "cancel" [POST "从业机构取消微信支付分订单"]
                        complete "complete" [POST "从业机构完结微信支付分订单"]
                        modify "modify" [POST "从业机构修改微信支付分订单金额"]
                        registerdeductinfo "registerdeductinfo" [POST "从业机构登记微信支付分扣款信息"]
                        sync "sync" [POST "从业机构同步微信支付分订单信息"]
                    }
                }
                servicepayondeliveryorder "servicepayondeliveryorder" [POST "从业机构创建先用后付订单"]
            }
            merchant_bill "merchant-bill" [GET "商户申请获取对账单" (response: "/download_bill_list/*/encrypt_key")]
            oversea "oversea" @ "apihk.mch.weixin.qq.com" {
                partner "partner" {
                    serviceorder "serviceorder" [GET "查询支付分订单", POST "创建支付分订单"] {
                        _out_order_no_ out_order_no "{out_order_no}" {
                            cancel "cancel" [POST "取消支付分订单"]
                            complete "complete" [POST "完结支付分订单"]
                            sync "sync" [POST "同步支付分订单信息"]
                        }
                    }
                }
            }
            partner "partner" {
                permissions "permissions" [POST "商户预授权"] {
                    apply_for_scene "apply-for-scene" [POST "服务商场景中预授权"]
                    assess_user_risk_level "assess-user-risk-level" [POST "服务商评估用户分层"]
                    authorization_code "authorization-code" {
                        _authorization_code_ authorization_code "{authorization_code}" [GET "查询与用户授权记录（授权协议号）"] {
                            terminate "terminate" [POST "解除用户授权关系（授权协议号）"]
                        }
                    }
                    search "search" [GET "查询与用户授权记录（openid）"]
                    terminate "terminate" [POST "解除用户授权关系（openid）"]
                }
                service_account_applications "service-account-applications" [POST "收付通子商户申请绑定支付分服务"] {
                    _out_apply_no_ out_apply_no "{out_apply_no}" [GET "查询收付通子商户服务绑定结果"]
                }
                serviceorder "serviceorder" [GET "查询支付分订单", POST "创建支付分订单"] {
                    direct_complete "direct-complete" [POST "创单结单合并"]
                    _out_order_no_ out_order_no "{out_order_no}" {
                        cancel "cancel" [POST "取消支付分订单"]
                        complete "complete" [POST "完结支付分订单"]
                        modify "modify" [POST "修改订单金额"]
                        pay "pay" [POST "商户发起催收扣款"]
                        send_pendingmessage "send-pendingmessage" [POST "下发服务费用待处理消息"]
                        send_prepaidmessage "send-prepaidmessage" [POST "下发服务预扣费消息"]
                        sync "sync" [POST "同步订单信息"]
                    }
                }
                servicepayondeliveryorder "servicepayondeliveryorder" [POST "创建先用后付订单"]
                servicequotas "servicequotas" {
                    service_id "service-id" {
                        _service_id_ service_id "{service_id}" [GET "查询用户分层对应建议先享金额"]
                    }
                }
            }
            payafter_orders "payafter-orders" [GET "查询先享后付订单", POST "创建先享后付订单" (request: "/name,/phone,/userid,/address")] {
                _out_order_no_ out_order_no "{out_order_no}" {
                    cancel "cancel" [POST "撤销先享后付订单"]
                    complete "complete" [POST "完结先享后付订单"]
                    sync "sync" [POST "支付分订单同步"]
                }
            }
            permissions "permissions" [POST "商户预授权"] {
                assess_user_risk_level "assess-user-risk-level" [POST "商户评估用户分层"]
                authorization_code "authorization-code" {
                    _authorization_code_ authorization_code "{authorization_code}" [GET "查询与用户授权记录（授权协议号）"] {
                        terminate "terminate" [POST "解除用户授权关系（授权协议号）"]
                    }
                }
                openid "openid" {
                    _openid_ openid "{openid}" [GET "查询与用户授权记录（openid）"] {
                        terminate "terminate" [POST "解除用户授权关系（openid）"]
                    }
                }
            }
            plan "plan" {
                partner "partner" {
                    payscore_plans "payscore-plans" [POST "创建支付分计划"] {
                        merchant_plan_no "merchant-plan-no" {
                            _merchant_plan_no_ merchant_plan_no "{merchant_plan_no}" [GET "查询支付分计划"] {
                                stop "stop" [POST "停止支付分计划"]
                            }
                        }
                    }
                }
                payscore_plans "payscore-plans" [POST "创建支付分计划"] {
                    merchant_plan_no "merchant-plan-no" {
                        _merchant_plan_no_ merchant_plan_no "{merchant_plan_no}" [GET "查询支付分计划"] {
                            stop "stop" [POST "停止支付分计划"]
                        }
                    }
                }
            }
            serviceorder "serviceorder" [GET "查询支付分订单", POST "创建支付分订单"] {
                direct_complete "direct-complete" [POST "创单结单合并"]
                _out_order_no_ out_order_no "{out_order_no}" {
                    cancel "cancel" [POST "取消支付分订单"]
                    complete "complete" [POST "完结支付分订单"]
                    modify "modify" [POST "修改订单金额"]
                    pay "pay" [POST "商户发起催收扣款"]
                    send_pendingmessage "send-pendingmessage" [POST "下发服务费用待处理消息"]
                    send_prepaidmessage "send-prepaidmessage" [POST "下发服务预扣费消息"]
                    sync "sync" [POST "同步服务订单信息"]
                }
            }
            servicepayondeliveryorder "servicepayondeliveryorder" [POST "创建先用后付订单"]
            sign_plan "sign-plan" {
                partner "partner" {
                    serviceorder "serviceorder" [POST "创建用户的签约计划详情对应的服务订单"]
                    user_sign_plans "user-sign-plans" [POST "创建用户的签约计划"] {
                        merchant_sign_plan_no "merchant-sign-plan-no" {
                            _merchant_sign_plan_no_ merchant_sign_plan_no "{merchant_sign_plan_no}" [GET "查询用户的签约计划"] {
                                stop "stop" [POST "取消用户的签约计划"]
                            }
                        }
                    }
                }
                serviceorder "serviceorder" [POST "创建用户的签约计划详情对应的服务订单"]
                user_sign_plans "user-sign-plans" [POST "创建用户的签约计划"] {
                    merchant_sign_plan_no "merchant-sign-plan-no" {
                        _merchant_sign_plan_no_ merchant_sign_plan_no "{merchant_sign_plan_no}" [GET "查询用户的签约计划"] {
                            stop "stop" [POST "直连商户取消用户的签约计划"]
                        }
                    }
                }
            }
            smartretail_orders "smartretail-orders" [GET "查询智慧零售订单", POST "创建智慧零售订单"] {
                _out_order_no_ out_order_no "{out_order_no}" {
                    cancel "cancel" [POST "撤销智慧零售订单"]
                    complete "complete" [POST "完结智慧零售订单"]
                }
            }
            user_service_state "user-service-state" [GET "查询用户授权状态"]
            users "users" {
                _openid_ openid "{openid}" {
                    permissions "permissions" {
                        _service_id_ service_id "{service_id}" {
                            terminate "terminate" [POST "商户解除用户授权关系"]
                        }
                    }
                }
            }
        }
        platsolution "platsolution" {
            ecommerce "ecommerce" {
                bank_transfer_recharges "bank-transfer-recharges" {
                    apply "apply" [POST "申请银行转账充值"]
                    out_recharge_no "out-recharge-no" {
                        _out_recharge_no_ out_recharge_no "{out_recharge_no}" [GET "查询银行转账充值结果"]
                    }
                }
                insurance_compensation_contracts "insurance-compensation-contracts" [POST "开通保险理赔功能"] {
                    sub_mchid "sub-mchid" {
                        _sub_mchid_ sub_mchid "{sub_mchid}" {
                            check_opened "check-opened" [POST "查询保险理赔功能开通状态"]
                        }
                    }
                }
                mch_transfer "mch-transfer" {
                    compensate_bills "compensate-bills" [POST "请求赔付"] {
                        bill_id "bill-id" {
                            _bill_id_ bill_id "{bill_id}" [GET "查询赔付结果（按微信支付赔付单号）"]
                        }
                        out_bill_no "out-bill-no" {
                            _out_bill_no_ out_bill_no "{out_bill_no}" [GET "查询赔付结果（按商户赔付单号）"] {
                                cancel "cancel" [POST "请求撤销赔付"]
                            }
                        }
                        pre_transfer "pre-transfer" [POST "请求赔付预下单"]
                    }
                    deposit_after_sales_compensation_bills "deposit-after-sales-compensation-bills" [POST "请求保证金售后赔付"] {
                        bill_id "bill-id" {
                            _bill_id_ bill_id "{bill_id}" [GET "查询保证金售后赔付结果（按微信支付赔付单号）"]
                        }
                        out_bill_no "out-bill-no" {
                            _out_bill_no_ out_bill_no "{out_bill_no}" [GET "查询保证金售后赔付结果（按商户赔付单号）"]
                        }
                    }
                    deposit_insurance_premiums_compensation_bills "deposit-insurance-premiums-compensation-bills" [POST "发起保证金赔付保司保费"] {
                        _out_bill_no_ out_bill_no "{out_bill_no}" [GET "查询保证金赔付保司保费结果（按商户赔付单号）"]
                    }
                    deposit_shipping_cost_compensation_bills "deposit-shipping-cost-compensation-bills" [POST "发起保证金赔付用户运费"] {
                        out_bill_no "out-bill-no" {
                            _out_bill_no_ out_bill_no "{out_bill_no}" [GET "查询保证金售后赔付运费结果（按商户赔付单号）"]
                        }
                    }
                    insurance_claim_bills "insurance-claim-bills" [POST "请求保险理赔"] {
                        bill_id "bill-id" {
                            _bill_id_ bill_id "{bill_id}" [GET "查询保险理赔结果（按微信支付赔付单号）"]
                        }
                        out_bill_no "out-bill-no" {
                            _out_bill_no_ out_bill_no "{out_bill_no}" [GET "查询保险理赔结果（按商户赔付单号）"] {
                                cancel "cancel" [POST "请求撤销保险理赔"]
                            }
                        }
                        pre_transfer "pre-transfer" [POST "请求保险理赔预下单"]
                    }
                    sub_mch_compensation_bills "sub-mch-compensation-bills" [POST "请求赔付"] {
                        _out_bill_no_ out_bill_no "{out_bill_no}" [GET "查询赔付结果（按商户赔付单号）"]
                    }
                    transfer_bills "transfer-bills" [POST "保证金赔付"] {
                        bill_id "bill-id" {
                            _bill_id_ bill_id "{bill_id}" [GET "查询保证金赔付结果（按微信支付赔付单号）"]
                        }
                        out_bill_no "out-bill-no" {
                            _out_bill_no_ out_bill_no "{out_bill_no}" [GET "查询保证金赔付结果（按商户赔付单号）"]
                        }
                    }
                }
                recharge_employees "recharge-employees" [POST "添加二级商户可扫码充值员工"] {
                    sub_mchid "sub-mchid" {
                        _sub_mchid_ sub_mchid "{sub_mchid}" [GET "查询二级商户可扫码充值员工列表"] {
                            sp_openid "sp-openid" {
                                _sp_openid_ sp_openid "{sp_openid}" {
                                    delete_ "delete" [POST "删除二级商户可扫码充值员工"]
                                }
                            }
                        }
                    }
                }
                recharges "recharges" {
                    apply "apply" [POST "申请二级商户充值"]
                    out_recharge_no "out-recharge-no" {
                        _out_recharge_no_ out_recharge_no "{out_recharge_no}" [GET "查询二级商户充值结果"] {
                            close "close" [POST "关闭二级商户充值"]
                        }
                    }
                }
                settle "settle" {
                    prepay_settle_orders "prepay-settle-orders" [POST "个人收款-申请批量结算"] {
                        _settle_batch_no_ settle_batch_no "{settle_batch_no}" [GET "个人收款-查询批量结算信息"] {
                            apply_abnormal_settle "apply-abnormal-settle" [POST "个人收款-申请异常结算批次单处理"]
                        }
                    }
                }
                withdraw "withdraw" {
                    day_end_balance_withdraw "day-end-balance-withdraw" [POST "二级商户按日终余额预约提现"] {
                        out_request_no "out-request-no" {
                            _out_request_no_ out_request_no "{out_request_no}" [GET "查询二级商户按日终余额预约提现状态"]
                        }
                    }
                }
            }
            insurance "insurance" {
                mch_transfer "mch-transfer" {
                    batches "batches" {
                        apply "apply" [POST "受理商家转账"]
                        batch_id "batch-id" {
                            _batch_id_ batch_id "{batch_id}" [GET "微信支付转账批次单号查询批次单"] {
                                details "details" {
                                    detail_id "detail-id" {
                                        _detail_id_ detail_id "{detail_id}" [GET "微信支付转账明细单号查询明细单" (response: "/user_name")]
                                    }
                                }
                            }
                        }
                        detail_receipts "detail-receipts" {
                            out_batch_no "out-batch-no" {
                                _out_batch_no_ out_batch_no "{out_batch_no}" {
                                    out_detail_no "out-detail-no" {
                                        _out_detail_no_ out_detail_no "{out_detail_no}" [GET "查询商家转账明细电子回单"] {
                                            apply "apply" [POST "申请商家转账明细电子回单"]
                                        }
                                    }
                                }
                            }
                        }
                        out_batch_no "out-batch-no" {
                            _out_batch_no_ out_batch_no "{out_batch_no}" [GET "商户转账批次单号查询批次单"] {
                                details "details" {
                                    out_detail_no "out-detail-no" {
                                        _out_detail_no_ out_detail_no "{out_detail_no}" [GET "商户明细单号查询明细单" (response: "/user_name")]
                                    }
                                }
                            }
                        }
                        summary_receipts "summary-receipts" {
                            out_batch_no "out-batch-no" {
                                _out_batch_no_ out_batch_no "{out_batch_no}" [GET "查询商家转账批次电子回单"] {
                                    apply "apply" [POST "申请商家转账批次电子回单"]
                                }
                            }
                        }
                    }
                    reservation "reservation" {
                        apply "apply" [POST "受理单次预约商家转账" (request: "/user_real_name")]
                        out_reservation_no "out-reservation-no" {
                            _out_reservation_no_ out_reservation_no "{out_reservation_no}" [GET "商户预约单号查询预约商家转账记录"] {
                                close "close" [POST "关闭预约商家转账记录"]
                            }
                        }
                        reservation_id "reservation-id" {
                            _reservation_id_ reservation_id "{reservation_id}" [GET "微信支付预约单号查询预约商家转账记录"]
                        }
                    }
                }
            }
            mch_transfer "mch-transfer" {
                batches "batches" {
                    apply "apply" [POST "受理商家转账"]
                    batch_id "batch-id" {
                        _batch_id_ batch_id "{batch_id}" [GET "微信支付转账批次单号查询批次单"] {
                            details "details" {
                                detail_id "detail-id" {
                                    _detail_id_ detail_id "{detail_id}" [GET "微信支付转账明细单号查询明细单"]
                                }
                            }
                        }
                    }
                    detail_receipts "detail-receipts" {
                        out_batch_no "out-batch-no" {
                            _out_batch_no_ out_batch_no "{out_batch_no}" {
                                out_detail_no "out-detail-no" {
                                    _out_detail_no_ out_detail_no "{out_detail_no}" [GET "查询商家转账明细电子回单"] {
                                        apply "apply" [POST "申请商家转账明细电子回单"]
                                    }
                                }
                            }
                        }
                    }
                    out_batch_no "out-batch-no" {
                        _out_batch_no_ out_batch_no "{out_batch_no}" [GET "商户转账批次单号查询批次单"] {
                            details "details" {
                                out_detail_no "out-detail-no" {
                                    _out_detail_no_ out_detail_no "{out_detail_no}" [GET "商户明细单号查询明细单"]
                                }
                            }
                        }
                    }
                    summary_receipts "summary-receipts" {
                        out_batch_no "out-batch-no" {
                            _out_batch_no_ out_batch_no "{out_batch_no}" [GET "查询商家转账批次电子回单"] {
                                apply "apply" [POST "申请商家转账批次电子回单"]
                            }
                        }
                    }
                }
                reservation "reservation" {
                    apply "apply" [POST "受理单次预约商家转账" (request: "/user_real_name")]
                    out_reservation_no "out-reservation-no" {
                        _out_reservation_no_ out_reservation_no "{out_reservation_no}" [GET "商户预约单号查询预约商家转账记录"] {
                            close "close" [POST "关闭预约商家转账记录"]
                        }
                    }
                    reservation_id "reservation-id" {
                        _reservation_id_ reservation_id "{reservation_id}" [GET "微信支付预约单号查询预约商家转账记录"]
                    }
                }
            }
        }
        profitsharing "profitsharing" {
            bills "bills" [GET "申请分账账单"]
            merchant_configs "merchant-configs" {
                _sub_mchid_ sub_mchid "{sub_mchid}" [GET "查询最大分账比例"]
            }
            orders "orders" [POST "请求分账" (request: "/receivers/*/name")] {
                unfreeze "unfreeze" [POST "解冻剩余资金"]
                _out_order_no_ out_order_no "{out_order_no}" [GET "查询分账结果"]
            }
            receivers "receivers" {
                add "add" [POST "添加分账接收方" (request: "/name", response: "/name")]
                delete_ "delete" [POST "删除分账接收方"]
            }
            return_orders "return-orders" [POST "请求分账回退"] {
                _out_return_no_ out_return_no "{out_return_no}" [GET "查询分账回退结果"]
            }
            transactions "transactions" {
                _transaction_id_ transaction_id "{transaction_id}" {
                    amounts "amounts" [GET "查询剩余待分金额"]
                }
            }
        }
        qrcode "qrcode" {
            transactions "transactions" [POST "扣费受理"] {
                out_trade_no "out-trade-no" {
                    _out_trade_no_ out_trade_no "{out_trade_no}" [GET "查询订单"]
                }
            }
            user_services "user-services" {
                contract_id "contract-id" {
                    _contract_id_ contract_id "{contract_id}" [GET "查询用户服务可用信息"]
                }
            }
        }
        rate_activity "rate-activity" {
            applications "applications" [POST "报名费率优惠活动"] {
                id "id" {
                    _application_id_ application_id "{application_id}" [GET "根据申请单ID查询申请单结果", PATCH "修改单据信息"]
                }
            }
        }
        realname "realname" {
            verify "verify" [GET "实名信息校验" (query: "encrypted_credential_id,encrypted_name")]
        }
        recharge "recharge" {
            bank_transfer_recharges "bank-transfer-recharges" {
                apply "apply" [POST "申请银行转账充值"]
                out_recharge_no "out-recharge-no" {
                    _out_recharge_no_ out_recharge_no "{out_recharge_no}" [GET "查询银行转账充值结果"]
                }
            }
        }
        refund "refund" {
            domestic "domestic" {
                refunds "refunds" [POST "申请退款"] {
                    _out_refund_no_ out_refund_no "{out_refund_no}" [GET "查询单笔退款"]
                    _refund_id_ refund_id "{refund_id}" {
                        apply_abnormal_refund "apply-abnormal-refund" [POST "发起异常退款" (request: "/bank_account,/real_name")]
                    }
                }
            }
        }
        repayment "repayment" {
            combine_transactions "combine-transactions" {
                partner "partner" {
                    out_trade_no "out-trade-no" {
                        _combine_out_trade_no_ combine_out_trade_no "{combine_out_trade_no}" [GET "还款单查询"] {
                            close "close" [POST "商户关单"]
                        }
                    }
                    prepay "prepay" [POST "还款下单" (
                        request: "/combine_payer_info/identity/number,\
                            /combine_payer_info/identity/name"
                    )]
                }
            }
        }
        security "security" {
            echo "echo" [POST "商户签名验签／加解密测试" (
                request: "/encrypted_echo_message",
                response: "/encrypted_echo_message"
            )]
        }
        smartguide "smartguide" {
            guides "guides" [GET "服务人员查询" (response: "/data/*/name,/data/*/mobile", query: "mobile"), POST "服务人员注册" (request: "/name,/mobile")] {
                _guide_id_ guide_id "{guide_id}" [PATCH "服务人员信息更新" (request: "/name,/mobile")] {
                    assign "assign" [POST "服务人员分配"]
                }
            }
        }
        taxi_invoice "taxi-invoice" {
            attendance "attendance" {
                punch "punch" [POST "签到签退"]
            }
            cards "cards" [POST "将出租车电子发票插入微信用户卡包"] {
                upload_file "upload-file" [POST "上传出租车电子发票文件"]
            }
            driver "driver" {
                update_driver "update-driver" [POST "更新司机信息" (
                    request: "/driver_name,/id_card_number",
                    response: "/driver_name,/id_card_number"
                )]
            }
            drivers "drivers" {
                _driver_license_ driver_license "{driver_license}" [GET "获取司机信息"]
            }
            taxi "taxi" {
                update_taxi "update-taxi" [POST "更新出租车信息"]
            }
            taxi_companies "taxi-companies" {
                _company_mchid_ company_mchid "{company_mchid}" [GET "获取出租车公司商户信息"]
            }
            taxi_company "taxi-company" {
                create_taxi_company "create-taxi-company" [POST "新增出租车公司"]
            }
            taxies "taxies" {
                _plate_number_ plate_number "{plate_number}" [GET "获取出租车信息"]
            }
            user_taxi_order "user-taxi-order" {
                find_by_token "find-by-token" [GET "根据凭证查询乘客行程单"]
            }
            user_taxi_orders "user-taxi-orders" [GET "获取乘客行程单列表"]
        }
        transaction_block "transaction-block" {
            transaction_block_records "transaction-block-records" {
                sub_mchid "sub-mchid" {
                    _sub_mchid_ sub_mchid "{sub_mchid}" [GET "分页查询子商户名下的交易拦截记录"]
                }
                _block_record_id_ block_record_id "{block_record_id}" [GET "查询子商户交易拦截记录详情"]
            }
            transaction_block_submissions "transaction-block-submissions" {
                sub_mchid "sub-mchid" {
                    _sub_mchid_ sub_mchid "{sub_mchid}" [POST "发起交易拦截申诉"]
                }
                _block_submission_id_ block_submission_id "{block_submission_id}" [GET "查询交易拦截申诉详情"]
            }
        }
        transfer "transfer" {
            batches "batches" [POST "发起批量转账" (
                request: "/transfer_detail_list/*/user_name,\
                    /transfer_detail_list/*/user_id_card"
            )] {
                batch_id "batch-id" {
                    _batch_id_ batch_id "{batch_id}" [GET "微信批次单号查询批次单"] {
                        details "details" {
                            detail_id "detail-id" {
                                _detail_id_ detail_id "{detail_id}" [GET "微信明细单号查询明细单" (response: "/user_name")]
                            }
                        }
                    }
                }
                out_batch_no "out-batch-no" {
                    _out_batch_no_ out_batch_no "{out_batch_no}" [GET "商家批次单号查询批次单"] {
                        details "details" {
                            out_detail_no "out-detail-no" {
                                _out_detail_no_ out_detail_no "{out_detail_no}" [GET "商家明细单号查询明细单" (response: "/user_name")]
                            }
                        }
                    }
                }
            }
            bill_receipt "bill-receipt" [POST "转账电子回单申请受理"] {
                _out_batch_no_ out_batch_no "{out_batch_no}" [GET "查询转账电子回单"]
            }
        }
        transfer_detail "transfer-detail" {
            electronic_receipts "electronic-receipts" [GET "查询转账明细电子回单受理结果", POST "转账明细电子回单受理"]
        }
        transferdownload "transferdownload" {
            elecvoucherfile "elecvoucherfile" [GET "下载电子回单"]
            signfile "signfile" [GET "下载电子回单"]
        }
        vehicle "vehicle" {
            etc "etc" {
                contracts "contracts" {
                    _contract_id_ contract_id "{contract_id}" [GET "通过商户ETC绑定号查询签约状态"]
                }
                preopen "preopen" [POST "预开通用户ETC指定卡扣费" (
                    request: "/identify/encrypted_real_name,/identify/encrypted_credential_id,\
                        /bank_card_no"
                )]
                transactions "transactions" {
                    highway "highway" [POST "高速场景商户扣款"]
                    id "id" {
                        _transaction_id_ transaction_id "{transaction_id}" [GET "查询订单"]
                    }
                    out_trade_no "out-trade-no" {
                        _out_trade_no_ out_trade_no "{out_trade_no}" [GET "查询订单"]
                    }
                }
                users "users" {
                    _openid_ openid "{openid}" {
                        contracts "contracts" [GET "查询ETC签约状态"]
                    }
                }
            }
            parking "parking" {
                parkings "parkings" [POST "创建停车入场"]
                services "services" {
                    find "find" [GET "查询车牌服务开通信息"]
                }
            }
            transactions "transactions" {
                out_trade_no "out-trade-no" {
                    _out_trade_no_ out_trade_no "{out_trade_no}" [GET "查询订单"]
                }
                parking "parking" [POST "扣费受理"]
            }
        }
        webizpay "webizpay" {
            avail_mch_ranges "avail-mch-ranges" [GET "查询可用商户范围列表", POST "创建可用商户范围"] {
                _range_id_ range_id "{range_id}" {
                    merchant_identifiers "merchant-identifiers" [GET "查询商户标识列表", POST "添加商户标识"] {
                        _merchant_identifier_ merchant_identifier "{merchant_identifier}" [DELETE "删除商户标识"]
                    }
                }
            }
            bill "bill" {
                proof "proof" [POST "申请企业商户企业支付出资凭证"]
                trade_bill "trade-bill" [POST "申请企业商户企业支付业务账单"]
            }
            employees "employees" {
                _employee_id_ employee_id "{employee_id}" {
                    out_quota_cards "out-quota-cards" {
                        _out_card_no_ out_card_no "{out_card_no}" [GET "使用商户卡号查询企业支付额度卡"]
                    }
                    quota_cards "quota-cards" [POST "企业商户为员工下发企业支付额度卡"] {
                        _card_no_ card_no "{card_no}" [GET "企业商户查询企业支付额度卡"] {
                            cancel "cancel" [POST "企业商户作废员工企业支付额度卡"]
                            payment_url "payment-url" [GET "企业商户获取指定额度卡支付链接"]
                        }
                    }
                    revoke "revoke" [POST "企业商户发起解除员工企业支付授权"]
                }
            }
            stores "stores" {
                entity_matches "entity-matches" [POST "发起门店主体匹配"] {
                    _batch_id_ batch_id "{batch_id}" [GET "查询门店主体匹配结果"]
                }
            }
            users "users" {
                _user_id_ user_id "{user_id}" {
                    authorization_state "authorization-state" [GET "企业商户查询企业员工开通授权状态"]
                    authorization_url "authorization-url" [POST "企业商户发起员工开通企业支付授权"]
                }
            }
        }
    }
}
