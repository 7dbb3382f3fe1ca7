//! Red packets, whose answers are unsigned by design and say everything twice.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::apiv2::{Call, Said};
use crate::clock::{day, spaced};
use crate::xml::Fields;

/// The least and the most that one packet may hold, in fen.
const AMOUNTS: std::ops::RangeInclusive<u64> = 100..=20_000;

/// The red packets that were sent, by `mch_billno`.
#[derive(Default)]
pub(crate) struct RedPackets {
    sent: Mutex<HashMap<String, RedPacket>>,
}

#[derive(Clone)]
struct RedPacket {
    /// What must be the same when the number is used again.
    request: [String; 3],
    send_listid: String,
    at: i64,
}

fn begin(code: &str, message: &str, call: &Call) -> Fields {
    let is_done = code == "SUCCESS";
    Fields::default()
        .with("return_code", "SUCCESS")
        .with("return_msg", message)
        .with("result_code", if is_done { "SUCCESS" } else { "FAIL" })
        .with("err_code", code)
        .with("err_code_des", message)
        .with("mch_billno", call.get("mch_billno"))
        .with("mch_id", call.get("mch_id"))
}

impl RedPackets {
    pub(super) fn reset(&self) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.clear();
    }

    /// Sends one, and the same one for the same number.
    pub(super) fn send(&self, call: &Call, now: i64) -> Said {
        let needed = [
            "mch_billno",
            "wxappid",
            "send_name",
            "re_openid",
            "total_amount",
            "total_num",
            "wishing",
            "client_ip",
            "act_name",
            "remark",
        ];
        if let Some(name) = needed.iter().find(|name| call.get(name).is_empty()) {
            let message = format!("参数错误:{name}字段必填");
            return Said::Unsigned(begin("PARAM_ERROR", &message, call));
        }
        let number = call.get("mch_billno");
        if number.len() > 28 || !number.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let message = "参数错误:mch_billno格式错误";
            return Said::Unsigned(begin("PARAM_ERROR", message, call));
        }
        if call.get("total_num") != "1" {
            let message = "参数错误:total_num必须为1";
            return Said::Unsigned(begin("PARAM_ERROR", message, call));
        }
        let amount = call.get("total_amount").parse();
        if !amount.is_ok_and(|amount| AMOUNTS.contains(&amount)) {
            return Said::Unsigned(begin("MONEY_LIMIT", "红包金额发放限制", call));
        }
        let request =
            ["wxappid", "re_openid", "total_amount"].map(|name| call.get(name).to_owned());
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let count = sent.len() + 1;
        let packet = sent.entry(number.to_owned()).or_insert_with(|| RedPacket {
            request: request.clone(),
            send_listid: format!("1000041701{}{count:010}", day(now)),
            at: now,
        });
        if packet.request != request {
            return Said::Unsigned(begin("FATAL_ERROR", "openid和原始单参数不一致", call));
        }
        Said::Unsigned(
            begin("SUCCESS", "发放成功", call)
                .with("wxappid", call.get("wxappid"))
                .with("re_openid", call.get("re_openid"))
                .with("total_amount", call.get("total_amount"))
                .with("send_listid", &packet.send_listid),
        )
    }

    /// Says what became of one: it is sent, and nobody opens it.
    pub(super) fn query(&self, call: &Call) -> Said {
        if call.get("bill_type") != "MCHT" || call.get("mch_billno").is_empty() {
            let message = "参数错误";
            return Said::Unsigned(begin("PARAM_ERROR", message, call));
        }
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(packet) = sent.get(call.get("mch_billno")) else {
            return Said::Unsigned(begin("NOT_FOUND", "指定单号数据不存在", call));
        };
        let [_, _, total_amount] = &packet.request;
        Said::Unsigned(
            begin("SUCCESS", "OK", call)
                .with("detail_id", &packet.send_listid)
                .with("status", "SENT")
                .with("send_type", "API")
                .with("hb_type", "NORMAL")
                .with("total_num", "1")
                .with("total_amount", total_amount)
                .with("send_time", spaced(packet.at)),
        )
    }
}
