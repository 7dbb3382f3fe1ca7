//! Section 8.

use crate::apiv2::{call as call_v2, said};
use crate::client::nonce;
use crate::shop::{ELSEWHERE, Shop};
use crate::states::Is;

#[tokio::test]
async fn section_8_apiv2_in_five_states() {
    // Never ordered, NOTPAY, SUCCESS, REFUND in full, CLOSED.
    let rows = [
        (
            "/pay/orderquery",
            [
                "ORDERNOTEXIST order not exist",
                "NOTPAY 订单未支付",
                "SUCCESS 支付成功",
                "REFUND 订单发生过退款，退款详情请查询退款单",
                "CLOSED 订单已关闭",
            ],
        ),
        (
            "/pay/closeorder",
            [
                "SUCCESS",
                "SUCCESS",
                "ORDERPAID order paid",
                "ORDERPAID order paid",
                "SUCCESS",
            ],
        ),
        (
            "/secapi/pay/refund",
            [
                "ORDERNOTEXIST 订单不存在",
                "ORDERNOTEXIST 订单不存在",
                "SUCCESS",
                "SUCCESS",
                "ERROR 订单已关闭",
            ],
        ),
        (
            "/pay/refundquery",
            [
                "REFUNDNOTEXIST not exist",
                "REFUNDNOTEXIST not exist",
                "REFUNDNOTEXIST not exist",
                "SUCCESS",
                "REFUNDNOTEXIST not exist",
            ],
        ),
        (
            "/pay/unifiedorder",
            [
                "SUCCESS",
                "SUCCESS",
                "ORDERPAID 该订单已支付",
                "ORDERPAID 该订单已支付",
                "INVALID_REQUEST 201 商户订单号重复",
            ],
        ),
    ];
    let states = [
        Is::Unknown,
        Is::NotPay,
        Is::Paid,
        Is::AllRefunded,
        Is::Closed,
    ];
    for (path, expected) in rows {
        for (is, expected) in states.into_iter().zip(expected) {
            let shop = Shop::open().await;
            let number = nonce();
            let fields = [
                ("appid", "wx8888888888888888"),
                ("body", "QQ公仔"),
                ("out_trade_no", &*number),
                ("total_fee", "100"),
                ("refund_fee", "100"),
                ("spbill_create_ip", "127.0.0.1"),
                ("notify_url", ELSEWHERE),
                ("trade_type", "NATIVE"),
            ];
            let order: Vec<_> = fields
                .into_iter()
                .filter(|(name, _)| *name != "refund_fee")
                .collect();
            let mut refund = fields.to_vec();
            refund.push(("out_refund_no", &number));
            let sandbox = &shop.sandbox;
            if is != Is::Unknown {
                assert_eq!(
                    said(&call_v2(sandbox, "/pay/unifiedorder", &order).await),
                    "SUCCESS"
                );
            }
            if matches!(is, Is::Paid | Is::AllRefunded) {
                sandbox.pay(&number).unwrap();
            }
            if is == Is::AllRefunded {
                call_v2(sandbox, "/secapi/pay/refund", &refund).await;
            }
            if is == Is::Closed {
                call_v2(sandbox, "/pay/closeorder", &[("out_trade_no", &number)]).await;
            }
            let answer = match path {
                "/pay/unifiedorder" => call_v2(sandbox, path, &order).await,
                "/secapi/pay/refund" => call_v2(sandbox, path, &refund).await,
                _ => call_v2(sandbox, path, &[("out_trade_no", &number)]).await,
            };
            let line = match answer.get("trade_state") {
                Some(state) => format!("{state} {}", answer["trade_state_desc"]),
                None => said(&answer),
            };
            assert_eq!(line, expected, "{path} {is:?}");
        }
    }
}
