//! What WeChat Pay tells of, and a resource as it would be for each.
//!
//! The fields of payments, refunds and coupons are those that were seen or documented for the sandbox;
//! the others are those that <https://wechatpay.im/webhook/> marks as required.

use serde_json::{Value, json};
use wechatpay_sandbox::{Notification, Sandbox};

use crate::when::Moment;

/// The account of public samples.
const APPID: &str = "wx8888888888888888";
const OPENID: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";

/// An event that is known.
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// `original_type`, and `associated_data` unless that is empty on the wire.
    kind: &'static str,
    is_associated: bool,
    resource: fn(&Facts<'_>) -> Value,
}

/// What resources are made of.
struct Facts<'a> {
    mchid: &'a str,
    now: Moment,
    /// The event's last word: `SUCCESS`, `CLOSED` …
    state: &'a str,
}

impl Facts<'_> {
    fn time(&self) -> String {
        self.now.rfc3339()
    }

    fn transaction_id(&self) -> String {
        self.now.number("4200", 28)
    }

    fn merchants_own(&self, start: &str) -> String {
        format!("{start}{}", self.now.digits())
    }
}

const fn event(
    name: &'static str,
    title: &'static str,
    kind: &'static str,
    resource: fn(&Facts<'_>) -> Value,
) -> Event {
    Event {
        name,
        title,
        kind,
        is_associated: true,
        resource,
    }
}

pub(crate) const EVENTS: [Event; 14] = [
    event(
        "TRANSACTION.SUCCESS",
        "支付成功",
        "transaction",
        transaction,
    ),
    event("REFUND.SUCCESS", "退款成功", "refund", refund),
    event("REFUND.ABNORMAL", "退款异常", "refund", refund),
    event("REFUND.CLOSED", "退款关闭", "refund", refund),
    event("COUPON.SEND", "商家券领券通知", "coupon", coupon_send),
    Event {
        is_associated: false,
        ..event("COUPON.USE", "用券成功", "coupon", coupon_use)
    },
    event(
        "MCHTRANSFER.BILL.FINISHED",
        "商家转账单据终态通知",
        "mch_payment",
        transfer,
    ),
    event(
        "MCHTRANSFER.BATCH.FINISHED",
        "商家转账批次回调通知",
        "mch_payment",
        transfer_batch,
    ),
    event(
        "PAYSCORE.USER_OPEN_SERVICE",
        "微信支付分服务用户授权成功通知",
        "payscore",
        payscore_permission,
    ),
    event(
        "PAYSCORE.USER_CLOSE_SERVICE",
        "微信支付分服务用户解除授权通知",
        "payscore",
        payscore_permission,
    ),
    event(
        "PAYSCORE.USER_CONFIRM",
        "微信支付分服务用户确认成功通知",
        "payscore",
        payscore_order,
    ),
    event(
        "PAYSCORE.USER_PAID",
        "微信支付分服务用户支付成功通知",
        "payscore",
        payscore_order,
    ),
    event(
        "PROFITSHARING.SUCCESS",
        "分账成功",
        "profitsharing",
        profitsharing,
    ),
    event("COMPLAINT.CREATE", "产生新投诉", "complaint", complaint),
];

/// The event of this name.
pub(crate) fn known(name: &str) -> Option<&'static Event> {
    EVENTS.iter().find(|event| event.name == name)
}

impl Event {
    /// What would be told of now.
    pub(crate) fn resource(&self, mchid: &str) -> Value {
        let state = self.name.rsplit('.').next().unwrap_or_default();
        (self.resource)(&Facts {
            mchid,
            now: Moment::now(),
            state,
        })
    }

    pub(crate) fn notification(&self, sandbox: &Sandbox, resource: &Value) -> Notification {
        let made = sandbox
            .notification_builder(self.name, self.kind, resource)
            .summary(self.title);
        match self.is_associated {
            true => made.build(),
            false => made.associated_data("").build(),
        }
    }
}

/// APIv2's notifications: a payment, and a refund by its state.
pub(crate) fn of_v2(name: &str, mchid: &str) -> Option<Value> {
    let now = Moment::now();
    let state = match name {
        "TRANSACTION.SUCCESS" => None,
        "REFUND.SUCCESS" => Some("SUCCESS"),
        "REFUND.ABNORMAL" => Some("CHANGE"),
        "REFUND.CLOSED" => Some("REFUNDCLOSE"),
        _ => return None,
    };
    let transaction_id = now.number("4200", 28);
    let out_trade_no = format!("TRIGGER{}", now.digits());
    let Some(state) = state else {
        return Some(json!({
            "appid": APPID,
            "mch_id": mchid,
            "openid": OPENID,
            "is_subscribe": "N",
            "trade_type": "JSAPI",
            "bank_type": "OTHERS",
            "total_fee": "100",
            "fee_type": "CNY",
            "cash_fee": "100",
            "transaction_id": transaction_id,
            "out_trade_no": out_trade_no,
            "attach": "",
            "time_end": now.digits(),
        }));
    };
    let mut refund = json!({
        "out_refund_no": format!("REFUND{}", now.digits()),
        "out_trade_no": out_trade_no,
        "refund_account": "REFUND_SOURCE_RECHARGE_FUNDS",
        "refund_fee": "100",
        "refund_id": now.number("5030", 29),
        "refund_recv_accout": "支付用户零钱",
        "refund_request_source": "API",
        "refund_status": state,
        "settlement_refund_fee": "100",
        "settlement_total_fee": "100",
        "total_fee": "100",
        "transaction_id": transaction_id,
    });
    if let (Some(fields), "SUCCESS") = (refund.as_object_mut(), state) {
        let time = now.rfc3339();
        let time = time.trim_end_matches("+08:00").replace('T', " ");
        fields.insert("success_time".to_owned(), json!(time));
    }
    Some(refund)
}

fn transaction(facts: &Facts<'_>) -> Value {
    json!({
        "mchid": facts.mchid,
        "appid": APPID,
        "out_trade_no": facts.merchants_own("TRIGGER"),
        "transaction_id": facts.transaction_id(),
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "bank_type": "OTHERS",
        "attach": "",
        "success_time": facts.time(),
        "payer": { "openid": OPENID },
        "amount": { "total": 100, "payer_total": 100, "currency": "CNY", "payer_currency": "CNY" },
    })
}

fn refund(facts: &Facts<'_>) -> Value {
    let mut refund = json!({
        "mchid": facts.mchid,
        "out_trade_no": facts.merchants_own("TRIGGER"),
        "transaction_id": facts.transaction_id(),
        "out_refund_no": facts.merchants_own("REFUND"),
        "refund_id": facts.now.number("5030", 29),
        "refund_status": facts.state,
        "success_time": facts.time(),
        "user_received_account": "支付用户零钱",
        "amount": { "total": 100, "refund": 100, "payer_total": 100, "payer_refund": 100 },
    });
    if let Some(fields) = refund.as_object_mut().filter(|_| facts.state != "SUCCESS") {
        fields.shift_remove("success_time");
    }
    refund
}

fn coupon_send(facts: &Facts<'_>) -> Value {
    json!({
        "event_type": "EVENT_TYPE_BUSICOUPON_SEND",
        "coupon_code": facts.now.number("11", 22),
        "stock_id": "1212000000000001",
        "send_time": facts.time(),
        "openid": OPENID,
        "unionid": null,
        "send_channel": "BUSICOUPON_SEND_CHANNEL_API",
        "send_merchant": facts.mchid,
        "attach_info": null,
    })
}

fn coupon_use(facts: &Facts<'_>) -> Value {
    json!({
        "stock_creator_mchid": facts.mchid,
        "stock_id": "9865000",
        "coupon_id": facts.now.number("98674556", 20),
        "coupon_name": "微信支付代金券",
        "status": "USED",
        "description": "微信支付营销",
        "create_time": facts.time(),
        "coupon_type": "NORMAL",
        "no_cash": false,
        "available_begin_time": facts.time(),
        "available_end_time": facts.time(),
        "singleitem": false,
        "normal_coupon_information": { "coupon_amount": 100, "transaction_minimum": 100 },
        "consume_information": {
            "consume_time": facts.time(),
            "consume_mchid": facts.mchid,
            "transaction_id": facts.transaction_id(),
        },
    })
}

fn transfer(facts: &Facts<'_>) -> Value {
    json!({
        "out_bill_no": facts.merchants_own("TRANSFER"),
        "transfer_bill_no": facts.now.number("1330000", 31),
        "state": "SUCCESS",
        "mch_id": facts.mchid,
        "transfer_amount": 100,
        "openid": OPENID,
        "create_time": facts.time(),
        "update_time": facts.time(),
    })
}

fn transfer_batch(facts: &Facts<'_>) -> Value {
    json!({
        "mchid": facts.mchid,
        "out_batch_no": facts.merchants_own("BATCH"),
        "batch_id": facts.now.number("1310000", 31),
        "batch_status": "FINISHED",
        "total_num": 1,
        "total_amount": 100,
        "success_amount": 100,
        "success_num": 1,
        "fail_amount": 0,
        "fail_num": 0,
        "update_time": facts.time(),
    })
}

fn payscore_permission(facts: &Facts<'_>) -> Value {
    // The event's last word is the status, but for the prefix.
    json!({
        "appid": APPID,
        "mchid": facts.mchid,
        "service_id": "500001",
        "openid": OPENID,
        "user_service_status": facts.state,
        "openorclose_time": facts.now.digits(),
        "authorization_code": facts.merchants_own("AUTH"),
        "out_request_no": facts.merchants_own("TRIGGER"),
    })
}

fn payscore_order(facts: &Facts<'_>) -> Value {
    let is_paid = facts.state == "USER_PAID";
    let mut order = json!({
        "appid": APPID,
        "mchid": facts.mchid,
        "service_id": "500001",
        "out_order_no": facts.merchants_own("TRIGGER"),
        "order_id": facts.now.number("1500000", 28),
        "openid": OPENID,
        "state": if is_paid { "DONE" } else { "DOING" },
        "service_introduction": "充电宝租借",
        "total_amount": 100,
        "post_payments": [{ "name": "就餐费用", "amount": 100, "count": 1 }],
        "risk_fund": { "name": "DEPOSIT", "amount": 10000 },
        "time_range": { "start_time": facts.now.digits() },
        "attach": "",
        "need_collection": true,
    });
    let Some(fields) = order.as_object_mut() else {
        return order;
    };
    if is_paid {
        let collection = json!({
            "state": "USER_PAID",
            "total_amount": 100,
            "paying_amount": 0,
            "paid_amount": 100,
            "details": [{
                "seq": 1,
                "amount": 100,
                "paid_type": "NEWTON",
                "paid_time": facts.now.digits(),
                "transaction_id": facts.transaction_id(),
            }],
        });
        fields.insert("collection".to_owned(), collection);
    } else {
        fields.insert("state_description".to_owned(), json!("USER_CONFIRM"));
    }
    order
}

fn profitsharing(facts: &Facts<'_>) -> Value {
    json!({
        "mchid": facts.mchid,
        "transaction_id": facts.transaction_id(),
        "order_id": facts.now.number("3008", 28),
        "out_order_no": facts.merchants_own("SHARE"),
        "receiver": {
            "type": "MERCHANT_ID",
            "account": facts.mchid,
            "amount": 10,
            "description": "运费/交易分账",
        },
        "success_time": facts.time(),
    })
}

fn complaint(facts: &Facts<'_>) -> Value {
    json!({
        "complaint_id": facts.now.number("2002", 28),
        "action_type": "CREATE_COMPLAINT",
    })
}
