//! What a protocol does to a request and to its answer. No I/O happens here, and neither the
//! clock nor a random source is read.

mod encoding;
pub(crate) mod v2;
pub(crate) mod v3;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;
use tokio::time::Instant;

use crate::catalogue::tree;
use crate::client::Core;
use crate::error::{
    ApiError, Check, Endpoint, Error, RedirectError, Result, SignatureState, Signed, Subject,
    VerifyError,
};
use crate::formatter;
use crate::platform::{KeySet, Store};
use crate::response::Response;
use crate::transport::Failure;

use self::encoding::TooLarge;
pub(crate) use self::encoding::{Unzip, unzip};

const AGENT: HeaderValue = HeaderValue::from_static(if cfg!(feature = "aws-lc-rs") {
    concat!(
        "wechatpay-chain/",
        env!("CARGO_PKG_VERSION"),
        " (aws-lc-rs)"
    )
} else {
    concat!("wechatpay-chain/", env!("CARGO_PKG_VERSION"), " (ring)")
});

/// The headers of a request but for `Authorization`: the caller's, over the client's, over those that
/// are the protocol's own.
pub(crate) fn headers(mut headers: HeaderMap, core: &Core, own: &HeaderMap) -> HeaderMap {
    headers.insert(USER_AGENT, AGENT);
    for more in [&core.headers, own] {
        for name in more.keys() {
            headers.remove(name);
            for value in more.get_all(name) {
                headers.append(name, value.clone());
            }
        }
    }
    headers
}

/// What is known of a request that was made.
pub(crate) struct Sent {
    pub(crate) endpoint: Endpoint,
    pub(crate) host: Authority,
    /// Until when the caller waits, and how long that is in all.
    pub(crate) deadline: Option<(Duration, Instant)>,
    /// How many bytes of an answer may be held in memory.
    pub(crate) answer_limit: usize,
    pub(crate) terms: Terms,
}

/// By what an answer is judged.
pub(crate) enum Terms {
    V3(v3::Terms),
    V2(v2::Terms),
}

impl Terms {
    pub(crate) fn signed(self) -> Signed {
        match self {
            Self::V3(terms) => Signed::V3(terms.signed),
            Self::V2(terms) => Signed::V2(terms.signed),
        }
    }
}

impl Sent {
    /// Why there is no answer.
    pub(crate) fn failed(self, failure: Failure) -> Error {
        failure.into_error(self.endpoint, self.host, Some(self.terms.signed()))
    }

    /// Whether the caller's time has run out.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|(_, deadline)| now >= deadline)
    }

    /// The answer without its `Content-Encoding`, if that does not make it too large.
    pub(crate) fn plain(
        &self,
        answer: http::Response<Bytes>,
    ) -> std::result::Result<http::Response<Bytes>, Failure> {
        let status = answer.status();
        encoding::plain(answer, self.answer_limit)
            .map_err(|TooLarge| Failure::too_large(status, self.answer_limit))
    }

    /// Trusts these certificates instead of those that were fetched before.
    pub(crate) fn trusting(mut self, fetched: KeySet) -> Self {
        if let Terms::V3(terms) = &mut self.terms {
            terms.trust = terms.trust.clone().with_fetched(fetched);
        }
        self
    }

    /// Takes what a verifier elsewhere says of the answer's signature.
    pub(crate) fn judged(&mut self, verdict: v3::Verdict) {
        if let Terms::V3(terms) = &mut self.terms {
            terms.verdict = Some(verdict);
        }
    }
}

/// What an answer is worth.
pub(crate) enum Outcome {
    /// A success.
    Accepted {
        /// What its body was read as, where it had to be read.
        data: Option<Value>,
        /// Whether its signature was there and right; `false` only where none is made by design.
        is_verified: bool,
    },
    /// A success that nothing signs, whatever is in its body: a download, or a page for the user's
    /// browser.
    Plain,
    /// WeChat Pay, or something before it, says no.
    Refused(Refusal),
    /// It says yes, and that can't be trusted.
    Untrusted(Distrust),
    /// It is not what it should be.
    Unreadable(Error),
}

/// WeChat Pay's no, in whichever words.
pub(crate) struct Refusal {
    pub(crate) code: String,
    /// WeChat Pay's message, or the title of an HTML page.
    pub(crate) message: String,
    /// What can be said beyond the gateway's words.
    pub(crate) hint: Option<String>,
    /// The whole answer; null where it can't be read.
    pub(crate) data: Value,
    /// A failure needs no signature.
    pub(crate) signature: SignatureState,
}

/// Why an answer or a notification is not trusted.
#[derive(PartialEq, Eq)]
pub(crate) struct Distrust {
    pub(crate) check: Check,
    /// What its wrong APIv2 sign should cover, without the key.
    pub(crate) text: Option<String>,
}

impl From<Check> for Distrust {
    fn from(check: Check) -> Self {
        Self { check, text: None }
    }
}

/// A request that was made, and everything that its answer is judged by.
pub(crate) struct Exchange {
    pub(crate) core: Arc<Core>,
    pub(crate) sent: Sent,
}

impl Exchange {
    /// Where to fetch the certificate that a success was signed with, if it is not known.
    pub(crate) fn lacking(&self, answer: &http::Response<Bytes>) -> Option<Arc<Store>> {
        match &self.sent.terms {
            Terms::V3(terms) => terms.lacking(&self.core, answer),
            Terms::V2(_) => None,
        }
    }

    /// What a verifier elsewhere is to be asked about an answer; `None` where that makes no
    /// difference.
    pub(crate) fn question(&self, answer: &http::Response<Bytes>) -> Option<v3::Question> {
        match &self.sent.terms {
            Terms::V3(terms) => terms.question(answer),
            Terms::V2(_) => None,
        }
    }

    /// The one place that decides whether an answer is trusted, which is [plain](Sent::plain) by then.
    pub(crate) fn accept(self, answer: http::Response<Bytes>) -> Result<Response> {
        self.accept_at(answer, formatter::now())
    }

    fn accept_at(self, answer: http::Response<Bytes>, now: u64) -> Result<Response> {
        let Sent {
            endpoint,
            host,
            terms,
            ..
        } = self.sent;
        let outcome = match &terms {
            Terms::V2(terms) if terms.is_for_browsers(answer.status()) => Outcome::Plain,
            _ if answer.status().is_redirection() => {
                return Err(Error::Redirect(Box::new(RedirectError {
                    endpoint,
                    answer,
                    signed: Some(terms.signed()),
                })));
            }
            Terms::V3(terms) => terms.judge(&self.core, &answer, now),
            Terms::V2(terms) => terms.judge(self.core.merchant(), &answer),
        };
        let (data, verified) = match outcome {
            Outcome::Accepted { data, is_verified } => (data, is_verified),
            Outcome::Plain => (None, false),
            Outcome::Refused(refusal) => {
                let unknown = || unknown_endpoint(&endpoint, answer.status());
                return Err(Error::Api(Box::new(ApiError {
                    hint: refusal.hint.or_else(unknown),
                    endpoint,
                    answer,
                    code: refusal.code,
                    message: refusal.message,
                    body: refusal.data,
                    signature: refusal.signature,
                    signed: Some(terms.signed()),
                    attempts: Vec::new(),
                })));
            }
            Outcome::Untrusted(distrust) => {
                let text = distrust.text.map(Signed::V2);
                return Err(Error::Verify(Box::new(VerifyError {
                    subject: Subject::Answer { endpoint, host },
                    check: distrust.check,
                    note: None,
                    answer,
                    signed: Some(text.unwrap_or_else(|| terms.signed())),
                })));
            }
            Outcome::Unreadable(error) => return Err(error.at(&endpoint)),
        };
        Ok(Response {
            answer,
            verified,
            data,
            #[cfg(feature = "aws-lc-rs")]
            opens: match (terms, &self.core.v3) {
                (Terms::V3(terms), Some(apiv3)) => Some((terms.signed, apiv3.key.clone())),
                _ => None,
            },
        })
    }
}

/// Refuses to hand on in pieces what can only be trusted as a whole.
pub(crate) fn check_in_pieces(is_v3: bool, is_exempt: bool) -> Result<()> {
    let part = match (is_v3, is_exempt) {
        (true, true) => return Ok(()),
        (true, false) => {
            "a stream or a download: this endpoint signs its answer as a whole, so nothing of it can \
             be trusted before its end"
        }
        (false, _) => "a stream or a download: whether a call of APIv2 failed is said in the body",
    };
    let wanted = ".await or .wait(), and .answer_limit(bytes) for a large answer";
    Err(Error::request(part, wanted))
}

/// What the catalogue says of a path or a verb that the gateway does not know.
fn unknown_endpoint(endpoint: &Endpoint, status: StatusCode) -> Option<String> {
    if !matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
    ) {
        return None;
    }
    let verb = endpoint.method.as_str();
    let walk = tree::walk(&endpoint.template);
    let verbs = walk.place().map(|place| place.node().verbs);
    match verbs.filter(|verbs| !verbs.is_empty()) {
        Some(_) if walk.endpoint(verb).is_some() => None,
        Some(verbs) => {
            let verbs: Vec<_> = verbs.iter().map(|verb| verb.verb).collect();
            let verbs = verbs.join(", ");
            Some(format!(
                "the catalogue knows this path with {verbs}, not with {verb}"
            ))
        }
        None => match tree::nearest(&endpoint.template).as_slice() {
            [] => Some("the catalogue does not know this path".to_owned()),
            near => {
                let near = near.join(" or ");
                Some(format!(
                    "the catalogue does not know this path; did you mean {near}?"
                ))
            }
        },
    }
}
