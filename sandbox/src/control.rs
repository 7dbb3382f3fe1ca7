//! `/_sandbox/…`: for programs on this machine, in any language. Nothing here is signed.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HOST, HeaderValue, ORIGIN};
use http::request::Parts;
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::answer::JSON;
use crate::clock::rfc3339;
use crate::gateway::Gateway;
use crate::orders::{Book, Order, Payer, Refund, RefundState, TradeState};
use crate::received::{Peer, Received};
use crate::trouble::{self, Rule};
use crate::voucher;
use crate::{delete_coupon, end_refund, pay, pay_fails, set_stock_state, withdraw};

/// Whether a request is one of these.
pub(crate) fn is_control(path: &str) -> bool {
    path == "/_sandbox" || path.starts_with("/_sandbox/")
}

/// Why a request is not carried out.
struct Refusal {
    status: StatusCode,
    message: String,
    allow: Option<&'static str>,
}

fn refuse(status: StatusCode, message: impl Into<String>) -> Refusal {
    Refusal {
        status,
        message: message.into(),
        allow: None,
    }
}

fn bad(message: impl Into<String>) -> Refusal {
    refuse(StatusCode::BAD_REQUEST, message)
}

/// Answers a request for the sandbox itself.
pub(crate) fn answer(gateway: &Gateway, parts: Parts, body: Bytes) -> Response<Bytes> {
    let result = check(&parts).and_then(|()| {
        let request = Received::new(parts, body, Peer::default());
        act(gateway, &request)
    });
    let mut response = match &result {
        Ok(value) => Response::new(Bytes::from(value.to_string())),
        Err(refusal) => {
            let body = json!({ "error": refusal.message });
            let mut response = Response::new(Bytes::from(body.to_string()));
            *response.status_mut() = refusal.status;
            if let Some(allow) = refusal.allow {
                response
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static(allow));
            }
            response
        }
    };
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

/// A page of the web that a browser here shows may not play the payer, by whatever name it found
/// this port.
fn check(parts: &Parts) -> Result<(), Refusal> {
    let forbidden = |message: &str| Err(refuse(StatusCode::FORBIDDEN, message));
    if parts.headers.contains_key(ORIGIN) || parts.headers.contains_key("sec-fetch-site") {
        return forbidden("a browser's page has no business here");
    }
    let authority = parts.uri.authority().map(|host| host.as_str());
    let hosts = parts.headers.get_all(HOST).iter();
    let hosts = hosts.map(|host| host.to_str().unwrap_or_default());
    let mut hosts = authority.into_iter().chain(hosts).peekable();
    if hosts.peek().is_some() && hosts.all(is_here) {
        return Ok(());
    }
    forbidden("the Host is not loopback")
}

/// Whether a host, with or without a port, is this machine by an address of it or as `localhost`.
fn is_here(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(name, _)| name),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// What a call says, in a JSON object.
struct Call<'a> {
    /// The merchant whose business it is, unless another is said.
    mchid: &'a str,
    value: Value,
}

impl Call<'_> {
    fn text(&self, name: &str) -> &str {
        let value = self.value.get(name);
        value.and_then(Value::as_str).unwrap_or_default()
    }

    fn needs(&self, name: &str) -> Result<&str, Refusal> {
        match self.text(name) {
            "" => Err(bad(format!("{name} is missing, or is no text"))),
            text => Ok(text),
        }
    }

    fn merchant(&self) -> &str {
        match self.text("mchid") {
            "" => self.mchid,
            mchid => mchid,
        }
    }
}

impl Call<'_> {
    /// The coupon that a user pays with.
    fn coupon(&self) -> Result<Option<(voucher::Kind, u64)>, Refusal> {
        let Some(coupon) = self.value.get("coupon") else {
            return Ok(None);
        };
        let kind = coupon.get("type").and_then(Value::as_str);
        let kind = kind.and_then(voucher::Kind::named);
        let amount = coupon.get("amount").and_then(Value::as_u64);
        match (kind, amount) {
            (Some(kind), Some(amount @ 1..)) => Ok(Some((kind, amount))),
            _ => Err(bad("coupon is no type (CASH or NOCASH) and amount")),
        }
    }
}

fn act(gateway: &Gateway, request: &Received) -> Result<Value, Refusal> {
    let value = match request.body() {
        [] => json!({}),
        body => match serde_json::from_slice(body) {
            Ok(value @ Value::Object(_)) => value,
            _ => return Err(bad("the body is no JSON object")),
        },
    };
    let call = Call {
        mchid: &gateway.keys.mchid,
        value,
    };
    let path = request.path().strip_prefix("/_sandbox").unwrap_or_default();
    let method = request.method();
    match (method, path) {
        ("GET", "/health") => Ok(json!({ "status": "ok" })),
        ("POST", "/pay") => {
            let number = call.needs("out_trade_no")?;
            let payer = Payer {
                openid: call.text("openid"),
                coupon: call.coupon()?,
            };
            let paid = pay(gateway, call.merchant(), number, payer);
            let transaction_id = paid.map_err(|error| refused(&error))?;
            Ok(json!({ "transaction_id": transaction_id }))
        }
        ("POST", "/pay_fails") => {
            let number = call.needs("out_trade_no")?;
            let (openid, reason) = (call.text("openid"), call.text("reason"));
            let failed = pay_fails(gateway, call.merchant(), number, openid, reason);
            failed.map_err(|error| refused(&error))?;
            Ok(json!({}))
        }
        ("POST", "/end_refund") => {
            let (number, status) = (call.needs("out_refund_no")?, call.needs("status")?);
            let ended = end_refund(gateway, call.merchant(), number, status);
            ended.map_err(|error| refused(&error))?;
            Ok(json!({}))
        }
        ("POST", "/delete_coupon") => {
            let code = call.needs("coupon_code")?;
            let deleted = delete_coupon(gateway, call.merchant(), code);
            deleted.map_err(|error| refused(&error))?;
            Ok(json!({}))
        }
        ("POST", "/set_stock_state") => {
            let (id, state) = (call.needs("stock_id")?, call.needs("stock_state")?);
            set_stock_state(gateway, id, state).map_err(|error| refused(&error))?;
            Ok(json!({}))
        }
        ("POST", "/withdraw") => {
            let amount = call.value.get("amount").and_then(Value::as_u64);
            let amount = amount.ok_or_else(|| bad("amount is no number of fen"))?;
            withdraw(gateway, call.merchant(), amount).map_err(|error| refused(&error))?;
            Ok(json!({}))
        }
        ("POST", "/notify") => {
            let (event, url) = (call.needs("event_type")?, call.needs("url")?);
            let data = call.value.get("data").cloned().unwrap_or_default();
            let now = gateway.clock.now();
            let notifier = &gateway.notifier;
            notifier.custom(call.merchant(), event, &data, url, now);
            Ok(json!({}))
        }
        ("POST", "/probe") => {
            let url = call.needs("url")?;
            let now = gateway.clock.now();
            gateway.notifier.probe(call.merchant(), url, now);
            Ok(json!({}))
        }
        ("GET", "/clock") => Ok(clock(gateway)),
        ("POST", "/clock") => {
            let seconds = call.value.get("advance").and_then(Value::as_u64);
            let seconds = seconds.ok_or_else(|| bad("advance is no number of seconds"))?;
            gateway.advance(Duration::from_secs(seconds));
            Ok(clock(gateway))
        }
        ("GET", "/state") => Ok(state(gateway)),
        ("DELETE", "/state") => {
            gateway.reset();
            Ok(json!({}))
        }
        ("GET", "/received") => {
            let received = gateway.received();
            Ok(json!({ "data": received.iter().map(Received::json).collect::<Vec<_>>() }))
        }
        ("GET", "/deliveries") => {
            let deliveries = gateway.notifier.deliveries();
            let deliveries: Vec<Value> = deliveries.iter().map(|one| one.json()).collect();
            Ok(json!({ "data": deliveries, "pending": gateway.notifier.pending() }))
        }
        ("POST", "/rules") => {
            gateway.rules.add(rule(&call)?);
            Ok(json!({}))
        }
        ("DELETE", "/rules") => {
            gateway.rules.clear();
            Ok(json!({}))
        }
        _ => Err(unknown(path)),
    }
}

fn unknown(path: &str) -> Refusal {
    let allow = match path {
        "/health" | "/received" | "/deliveries" => "GET",
        "/pay" | "/pay_fails" | "/end_refund" | "/withdraw" | "/delete_coupon"
        | "/set_stock_state" | "/notify" | "/probe" => "POST",
        "/clock" => "GET, POST",
        "/state" => "GET, DELETE",
        "/rules" => "POST, DELETE",
        _ => {
            return refuse(
                StatusCode::NOT_FOUND,
                "there are pay, pay_fails, end_refund, withdraw, delete_coupon, set_stock_state, notify, probe, clock, state, received, deliveries, rules and health",
            );
        }
    };
    Refusal {
        allow: Some(allow),
        ..refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("{path} wants {allow}"),
        )
    }
}

fn refused(error: &std::io::Error) -> Refusal {
    let status = match error.kind() {
        std::io::ErrorKind::NotFound => StatusCode::NOT_FOUND,
        _ => StatusCode::CONFLICT,
    };
    refuse(status, error.to_string())
}

fn rule(call: &Call<'_>) -> Result<Rule, Refusal> {
    let (endpoint, trouble) = (call.needs("endpoint")?, call.needs("trouble")?);
    let is_apiv2 = call.value.get("apiv2") == Some(&Value::Bool(true));
    let mut rule = Rule::new(endpoint, trouble::named(trouble, is_apiv2));
    if let Some(after) = call.value.get("after").and_then(Value::as_u64) {
        rule = rule.after(after);
    }
    if let Some(times) = call.value.get("times").and_then(Value::as_u64) {
        rule = rule.times(times);
    }
    if let Some(probability) = call.value.get("probability").and_then(Value::as_f64) {
        rule = rule.probability(probability);
    }
    Ok(rule)
}

fn clock(gateway: &Gateway) -> Value {
    json!({
        "now": rfc3339(gateway.clock.now()),
        "ahead": gateway.clock.ahead(),
    })
}

/// Everything there is.
fn state(gateway: &Gateway) -> Value {
    let now = gateway.clock.now();
    let Book {
        orders,
        refunds,
        balances,
        withdrawn,
    } = gateway.business.orders.book(now);
    let mut merchants = Map::new();
    for mchid in gateway.authenticator.merchants() {
        let mut payments = 0;
        let mut back = 0;
        for (_, order) in orders.iter().filter(|(merchant, _)| merchant == mchid) {
            if order.payment.is_some() {
                payments += order.draft.total;
                if order.state == TradeState::Revoked {
                    back += order.draft.total;
                }
            }
        }
        for (_, refund) in refunds.iter().filter(|(merchant, _)| merchant == mchid) {
            if refund.state != RefundState::Closed {
                back += refund.amount;
            }
        }
        let balance = balances.iter().find(|(merchant, _)| merchant == mchid);
        merchants.insert(
            mchid.clone(),
            json!({
                "payments": payments,
                "refunds": back,
                "withdrawn": withdrawn.get(mchid).copied().unwrap_or(0),
                "balance": balance.map_or(0, |(_, balance)| *balance),
            }),
        );
    }
    let orders: Vec<Value> = orders
        .iter()
        .map(|(mchid, one)| order(mchid, one))
        .collect();
    let refunds: Vec<Value> = refunds
        .iter()
        .map(|(mchid, one)| refund(mchid, one))
        .collect();
    json!({
        "clock": clock(gateway),
        "merchants": merchants,
        "orders": orders,
        "refunds": refunds,
        "coupons": gateway.business.coupons.book(now),
        "pending": gateway.notifier.pending(),
    })
}

fn order(mchid: &str, order: &Order) -> Value {
    let payment = order.payment.as_ref();
    json!({
        "mchid": mchid,
        "sub_mchid": order.draft.terms.sub_mchid,
        "out_trade_no": order.draft.out_trade_no,
        "trade_type": order.draft.trade_type.name(),
        "trade_state": order.state.name(),
        "total": order.draft.total,
        "transaction_id": payment.map(|payment| &payment.transaction_id),
        "success_time": payment.map(|payment| rfc3339(payment.at)),
        "notify_url": order.draft.terms.notify_url,
    })
}

fn refund(mchid: &str, refund: &Refund) -> Value {
    json!({
        "mchid": mchid,
        "out_trade_no": refund.out_trade_no,
        "out_refund_no": refund.out_refund_no,
        "refund_id": refund.refund_id,
        "status": refund.state.name(),
        "total": refund.total,
        "refund": refund.amount,
        "notify_url": refund.notify_url,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_of_this_machine_is_here() {
        for (host, is) in [
            ("127.0.0.1", true),
            ("127.0.0.1:8080", true),
            ("127.9.9.9", true),
            ("[::1]:80", true),
            ("localhost", true),
            ("LOCALHOST:1", true),
            ("", false),
            ("example.com", false),
            ("localhost.example.com", false),
            ("127.0.0.1.example.com", false),
            ("192.0.2.1", false),
            ("[2001:db8::1]", false),
            ("0.0.0.0", false),
        ] {
            assert_eq!(is_here(host), is, "{host}");
        }
    }
}
