//! Which handler answers which method and path.

use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode};

use crate::answer::{Answer, number};
use crate::apiv2::Apiv2;
use crate::bills::Bills;
use crate::coupons::Coupons;
use crate::media;
use crate::orders::Orders;
use crate::received::Received;

const MEGABYTE: usize = 1024 * 1024;

/// Everything that the gateway remembers about its merchant's business.
#[derive(Default)]
pub(crate) struct Business {
    coupons: Coupons,
    pub(crate) bills: Bills,
    pub(crate) orders: Orders,
    pub(crate) apiv2: Apiv2,
}

impl Business {
    /// Answers an authenticated request of APIv3.
    pub(crate) fn answer(&self, request: &Received) -> Answer {
        match request.path() {
            "/v3/marketing/busifavor/product-coupons/send" => {
                only(&Method::POST, request, || self.coupons.send(request))
            }
            "/v3/bill/tradebill" | "/v3/bill/fundflowbill" => {
                get(request, || self.bills.ask(request))
            }
            "/v3/billdownload/file" => get(request, || Bills::file(request)),
            path if media::is_upload(path) => {
                only(&Method::POST, request, || media::upload(request))
            }
            _ => Answer::error(
                StatusCode::NOT_FOUND,
                "RESOURCE_NOT_EXISTS",
                "请求的资源不存在，请检查请求的URL",
                None,
                number::NOT_FOUND,
            ),
        }
    }
}

/// Calls `handler` if the request has this method, and otherwise says which one it should have.
fn only(method: &Method, request: &Received, handler: impl FnOnce() -> Answer) -> Answer {
    if request.method() == method.as_str() {
        return handler();
    }
    let mut answer = Answer::error(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        &format!("不支持的HTTP方法，请使用{method}"),
        None,
        number::OTHER,
    );
    if let Ok(method) = HeaderValue::from_str(method.as_str()) {
        answer.headers.insert(ALLOW, method);
    }
    answer
}

/// Calls `handler` if the request is a GET.
pub(crate) fn get(request: &Received, handler: impl FnOnce() -> Answer) -> Answer {
    only(&Method::GET, request, handler)
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
}
