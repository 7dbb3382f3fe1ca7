//! Which handler answers which method and path.

use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode};

use crate::answer::{Answer, number};
use crate::apiv2::{Apiv2, unescape};
use crate::authenticate;
use crate::bills::Bills;
use crate::catalogue;
use crate::codepay;
use crate::coupons::{Counter, Coupons};
use crate::fields::Refusal;
use crate::media;
use crate::notifier::Notifier;
use crate::orders::{Number, Orders, TradeType};
use crate::payments::{self, Caller};
use crate::random::Random;
use crate::received::Received;
use crate::refunds::Desk;

const MEGABYTE: usize = 1024 * 1024;

/// Everything that the gateway remembers about its merchants' business.
pub(crate) struct Business {
    pub(crate) coupons: Coupons,
    pub(crate) bills: Bills,
    pub(crate) orders: Orders,
    pub(crate) apiv2: Apiv2,
    random: Random,
}

impl Business {
    /// `is_limited` has WeChat Pay's rates kept.
    pub(crate) fn new(random: &Random, is_limited: bool) -> Self {
        Self {
            coupons: Coupons::new(is_limited),
            bills: Bills::default(),
            orders: Orders::new(random.fork("orders"), is_limited),
            apiv2: Apiv2::default(),
            random: random.fork("business"),
        }
    }

    /// Forgets everything.
    pub(crate) fn reset(&self) {
        self.orders.reset();
        self.coupons.reset();
        self.apiv2.reset();
        self.random.reset();
    }

    /// Answers an authenticated request of APIv3.
    pub(crate) fn answer(&self, request: &Received, notifier: &Notifier, now: i64) -> Answer {
        let answer = self.known(request, notifier, now);
        match answer {
            Some(Ok(answer)) => answer,
            Some(Err(refusal)) => *refusal,
            None => unknown(request),
        }
    }

    /// The answer of an endpoint that the gateway has.
    fn known(
        &self,
        request: &Received,
        notifier: &Notifier,
        now: i64,
    ) -> Option<Result<Answer, Refusal>> {
        let path = request.path();
        if media::is_upload(path) {
            return Some(post(request, || Ok(media::upload(request, &self.random))));
        }
        match path {
            "/v3/bill/tradebill" | "/v3/bill/fundflowbill" => {
                return Some(only(&Method::GET, request, || Ok(self.bills.ask(request))));
            }
            "/v3/billdownload/file" => {
                return Some(only(&Method::GET, request, || Ok(Bills::file(request))));
            }
            _ => {}
        }
        let merchant = authenticate::merchant(request);
        if let Some(rest) = path.strip_prefix("/v3/marketing/busifavor/") {
            let counter = Counter {
                request,
                merchant,
                notifier,
                random: &self.random,
                now,
            };
            return self.coupon(counter, rest);
        }
        if let Some(rest) = path.strip_prefix("/v3/refund/domestic/refunds") {
            let desk = Desk {
                merchant,
                orders: &self.orders,
                notifier,
                now,
            };
            return refund(desk, request, rest);
        }
        let (caller, rest) = match path.strip_prefix("/v3/pay/partner/transactions/") {
            Some(rest) => (Caller::Partner, rest),
            None => (
                Caller::Merchant,
                path.strip_prefix("/v3/pay/transactions/")?,
            ),
        };
        self.payment(request, caller, rest, merchant, now)
    }

    fn coupon(&self, counter: Counter<'_>, rest: &str) -> Option<Result<Answer, Refusal>> {
        let request = counter.request;
        let coupons = &self.coupons;
        let segments: Vec<String> = rest.split('/').map_while(unescape).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        Some(match segments.as_slice() {
            ["stocks"] => post(request, || coupons.create(counter)),
            ["stocks", id] if request.method() == "PATCH" => coupons.patch(counter, id),
            ["stocks", id] => only(&Method::GET, request, || coupons.stock(id)),
            ["stocks", id, "budget"] => {
                only(&Method::PATCH, request, || coupons.budget(counter, id))
            }
            ["stocks", id, "couponcodes"] if request.method() == "GET" => {
                coupons.codes(counter, id)
            }
            ["stocks", id, "couponcodes"] => post(request, || coupons.upload(counter, id)),
            ["stocks", id, "couponcodes", code] if request.method() == "DELETE" => {
                coupons.delete_code(counter, id, code)
            }
            ["stocks", id, "couponcodes", code] => {
                only(&Method::GET, request, || coupons.code(counter, id, code))
            }
            ["coupons", "associate"] => post(request, || coupons.associate(counter)),
            ["coupons", "disassociate"] => post(request, || coupons.disassociate(counter)),
            ["product-coupons", "send"] => post(request, || coupons.send(counter, true)),
            ["coupons", "send"] => post(request, || coupons.send(counter, false)),
            ["coupons", "use"] => post(request, || coupons.consume(counter)),
            ["coupons", "return"] => post(request, || coupons.give_back(counter)),
            ["coupons", "deactivate"] => post(request, || coupons.deactivate(counter)),
            ["users", openid, "coupons"] => {
                only(&Method::GET, request, || coupons.list(counter, openid))
            }
            ["users", openid, "coupons", code, "appids", _] => {
                only(&Method::GET, request, || coupons.one(counter, openid, code))
            }
            ["callbacks"] if request.method() == "GET" => coupons.callbacks(counter),
            ["callbacks"] => post(request, || coupons.set_callbacks(counter)),
            _ => return None,
        })
    }

    fn payment(
        &self,
        request: &Received,
        caller: Caller,
        rest: &str,
        merchant: &str,
        now: i64,
    ) -> Option<Result<Answer, Refusal>> {
        let orders = &self.orders;
        let trade_type = match rest {
            "native" => Some(TradeType::Native),
            "jsapi" => Some(TradeType::Jsapi),
            "app" => Some(TradeType::App),
            "h5" => Some(TradeType::H5),
            _ => None,
        };
        if let Some(trade_type) = trade_type {
            return Some(post(request, || {
                payments::place(request, caller, trade_type, merchant, orders, now)
            }));
        }
        let segments: Vec<String> = rest.split('/').map_while(unescape).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        Some(match segments.as_slice() {
            ["codepay"] => post(request, || {
                codepay::charge(request, caller, merchant, orders, now)
            }),
            ["out-trade-no", number, "reverse"] => post(request, || {
                codepay::reverse(request, caller, number, merchant, orders, now)
            }),
            ["out-trade-no", number] => {
                let number = Number::OutTradeNo(number);
                only(&Method::GET, request, || {
                    payments::query(request, caller, number, merchant, orders, now)
                })
            }
            ["id", number] => {
                let number = Number::TransactionId(number);
                only(&Method::GET, request, || {
                    payments::query(request, caller, number, merchant, orders, now)
                })
            }
            ["out-trade-no", number, "close"] => post(request, || {
                payments::close(request, caller, number, merchant, orders, now)
            }),
            _ => return None,
        })
    }
}

/// What the gateway has.
const KNOWN: &str = "v3/pay/transactions and v3/pay/partner/transactions (native, jsapi, app, h5, codepay, out-trade-no, id, close, reverse), v3/refund/domestic/refunds, v3/marketing/busifavor (stocks, coupons, users, callbacks), v3/bill (tradebill, fundflowbill), v3/certificates and uploads of media";

/// WeChat Pay has no such endpoint, or the gateway has not yet.
fn unknown(request: &Received) -> Answer {
    let path = request.path();
    let methods = catalogue::methods(path);
    if methods.is_empty() {
        return Answer::error(
            StatusCode::NOT_FOUND,
            "RESOURCE_NOT_EXISTS",
            "请求的资源不存在，请检查请求的URL",
            None,
            number::NOT_FOUND,
        )
        .shape();
    }
    let mut methods = methods.iter().map(Method::as_str);
    if !methods.clone().any(|known| known == request.method()) {
        let method = methods.next().unwrap_or_default();
        return wrong_method(method);
    }
    let message = format!(
        "the sandbox has no answer for {} {path}: give it one with Sandbox::answer; of APIv3 it has {KNOWN}",
        request.method()
    );
    let status = StatusCode::NOT_IMPLEMENTED;
    Answer::error(status, "NOT_IMPLEMENTED", &message, None, number::OTHER).without_fidelity()
}

/// Answers what is under the refunds' path.
fn refund(desk: Desk<'_>, request: &Received, rest: &str) -> Option<Result<Answer, Refusal>> {
    let segments: Vec<String> = rest.split('/').skip(1).map_while(unescape).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    Some(match segments.as_slice() {
        [] if rest.is_empty() => post(request, || desk.apply(request)),
        [number] => only(&Method::GET, request, || desk.query(request, number)),
        [number, "apply-abnormal-refund"] => post(request, || desk.redirect(request, number)),
        _ => return None,
    })
}

/// Calls `handler` if the request has this method, and otherwise says which one it should have.
fn only(
    method: &Method,
    request: &Received,
    handler: impl FnOnce() -> Result<Answer, Refusal>,
) -> Result<Answer, Refusal> {
    if request.method() == method.as_str() {
        return handler();
    }
    Err(Box::new(wrong_method(method.as_str())))
}

/// The request should have this method.
fn wrong_method(method: &str) -> Answer {
    let answer = Answer::error(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        &format!("不支持的HTTP方法，请使用{method}"),
        None,
        number::OTHER,
    );
    let mut answer = answer.shape();
    if let Ok(method) = HeaderValue::from_str(method) {
        answer.headers.insert(ALLOW, method);
    }
    answer
}

/// Calls `handler` if the request is a POST.
fn post(
    request: &Received,
    handler: impl FnOnce() -> Result<Answer, Refusal>,
) -> Result<Answer, Refusal> {
    only(&Method::POST, request, handler)
}

/// Calls `handler` if the request is a GET.
pub(crate) fn get(request: &Received, handler: impl FnOnce() -> Answer) -> Answer {
    match only(&Method::GET, request, || Ok(handler())) {
        Ok(answer) => answer,
        Err(refusal) => *refusal,
    }
}

/// Whether the platform certificates are at this path: of the mainland, of Hong Kong, or of the
/// global hosts.
pub(crate) fn is_certificates(path: &str) -> bool {
    matches!(
        path,
        "/v3/certificates" | "/hk/v3/certificates" | "/v3/global/certificates"
    )
}

/// The largest body that is taken at `path`, in bytes: 2 MB, and more where pictures and videos go.
pub(crate) fn limit(path: &str) -> usize {
    if media::is_upload(path) {
        media::LIMIT
    } else if path.ends_with("upload") || path.split('/').any(|segment| segment == "media") {
        32 * MEGABYTE
    } else {
        2 * MEGABYTE
    }
}

/// The answer to a body over the limit. It comes before any other check: a signature can't be
/// verified without the body.
pub(crate) fn too_large() -> Answer {
    Answer::error(
        StatusCode::PAYLOAD_TOO_LARGE,
        "INVALID_REQUEST",
        "请求报文主体过大，不得超过2MB",
        None,
        number::OTHER,
    )
    .shape()
}
