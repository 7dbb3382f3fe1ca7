//! The gateway between a request that has been read and the answer that is to be written. It does
//! no I/O and reads no clock: both come in.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Response;

use crate::answer::{Answer, valid};
use crate::apiv2;
use crate::authenticate::{Authenticator, Refusal};
use crate::canned::Canned;
use crate::clock::Clock;
use crate::expectation::Expectations;
use crate::keys::{Keys, Own};
use crate::misbehaviour::{Misbehaviour, Script};
use crate::notifier::Notifier;
use crate::orders::{NotPaid, Order, Payer, Refund, RefundState};
use crate::platform::Platform;
use crate::random::Random;
use crate::received::Received;
use crate::route::{self, Business};
use crate::trouble::{self, Rules};

/// How many requests and deliveries are kept unless a test says otherwise.
const KEPT: usize = 1_000;

/// How a gateway is to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// Beside the test merchant.
    pub(crate) merchants: Vec<String>,
    pub(crate) own: Own,
    pub(crate) seed: Option<u64>,
    pub(crate) kept: Option<usize>,
    pub(crate) allowed: Vec<String>,
    /// Whether WeChat Pay's rates are kept.
    pub(crate) limits: bool,
}

pub(crate) struct Gateway {
    pub(crate) keys: Arc<Keys>,
    pub(crate) platform: Platform,
    pub(crate) authenticator: Authenticator,
    pub(crate) business: Business,
    pub(crate) canned: Canned,
    pub(crate) clock: Clock,
    pub(crate) notifier: Notifier,
    /// For notifications that a test makes.
    pub(crate) notices: Random,
    /// For answers.
    answers: Random,
    kept: usize,
    received: Mutex<VecDeque<Received>>,
    connections: AtomicUsize,
    pub(crate) script: Script,
    pub(crate) rules: Rules,
    pub(crate) expectations: Expectations,
}

impl Gateway {
    pub(crate) fn new(now: i64, settings: Settings) -> io::Result<Self> {
        let random = Random::new(settings.seed.unwrap_or_else(Random::seed));
        let kept = settings.kept.unwrap_or(KEPT);
        let keys = Arc::new(Keys::new(settings.own)?);
        let notifications = random.fork("notifier");
        Ok(Self {
            platform: Platform::new(now, &random, Arc::clone(&keys))?,
            authenticator: Authenticator::new(Arc::clone(&keys), settings.merchants),
            business: Business::new(&random, settings.limits),
            canned: Canned::default(),
            clock: Clock::default(),
            notifier: Notifier::new(Arc::clone(&keys), notifications, kept, settings.allowed),
            notices: random.fork("notices"),
            answers: random.fork("answers"),
            kept,
            received: Mutex::default(),
            connections: AtomicUsize::new(0),
            script: Script::default(),
            rules: Rules::new(random.fork("rules")),
            expectations: Expectations::default(),
            keys,
        })
    }

    /// Has the user pay an order, and tells the merchant.
    pub(crate) fn pay(
        &self,
        merchant: &str,
        out_trade_no: &str,
        payer: Payer<'_>,
    ) -> Result<Order, NotPaid> {
        let now = self.clock.now();
        let orders = &self.business.orders;
        let order = orders.pay(merchant, out_trade_no, payer, now)?;
        self.notifier.payment(merchant, &order, now);
        Ok(order)
    }

    /// Ends a refund, and tells the merchant; `None` when it can't be ended.
    pub(crate) fn end_refund(
        &self,
        merchant: &str,
        out_refund_no: &str,
        end: RefundState,
    ) -> Option<Refund> {
        let now = self.clock.now();
        let orders = &self.business.orders;
        let refund = orders.end_refund(merchant, out_refund_no, end, now)?;
        self.notifier.refund(merchant, &refund, orders, now);
        Some(refund)
    }

    /// Moves the clock ahead, and has done what is due then.
    pub(crate) fn advance(&self, by: Duration) {
        let seconds = i64::try_from(by.as_secs()).unwrap_or(i64::MAX);
        self.clock.advance(seconds);
        self.notifier.wake();
    }

    /// Forgets everything but the certificates and the time of everybody else.
    pub(crate) fn reset(&self) {
        self.business.reset();
        self.canned.clear();
        self.script.clear();
        self.rules.reset();
        self.clock.reset();
        self.notifier.reset();
        self.notices.reset();
        self.answers.reset();
        self.authenticator.reset();
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.clear();
    }

    /// The trouble that a request asks for.
    pub(crate) fn asked_for(&self, request: &Received) -> Option<Misbehaviour> {
        if apiv2::is_apiv2(request) {
            return apiv2::asked_for(request);
        }
        trouble::asked_for(request)
    }

    /// Decides on the answer to a request; `whole` is false when its body was over the limit.
    pub(crate) fn judge(
        &self,
        mut request: Received,
        whole: bool,
        misbehaviour: Option<&Misbehaviour>,
        now: i64,
    ) -> Answer {
        if apiv2::is_apiv2(&request) {
            return self.judge_apiv2(request, whole, misbehaviour, now);
        }
        let verdict = whole.then(|| self.authenticator.check(&request, now));
        match &verdict {
            Some(Ok(())) => request.set_authenticated(),
            Some(Err(Refusal::Signature { mismatch, .. })) => {
                request.set_mismatch((**mismatch).clone());
            }
            _ => {}
        }
        // Noted before it is carried out: whoever has the answer finds the request.
        self.note(request.clone());
        if let Some(answer) = misbehaviour.and_then(Misbehaviour::instead_of_any) {
            return answer;
        }
        match verdict {
            None => route::too_large(),
            Some(Err(refusal)) => refusal.answer(),
            Some(Ok(())) => match misbehaviour.and_then(Misbehaviour::instead) {
                // Nothing led to it.
                Some(answer) => answer.shape(),
                None => self.answer(&request, misbehaviour, now),
            },
        }
    }

    /// Decides on the answer to a request of APIv2.
    fn judge_apiv2(
        &self,
        mut request: Received,
        whole: bool,
        misbehaviour: Option<&Misbehaviour>,
        now: i64,
    ) -> Answer {
        let merchants = self.authenticator.merchants();
        let call = whole.then(|| apiv2::check(&request, merchants, &self.keys, &self.answers));
        match &call {
            Some(Ok(_)) => request.set_authenticated(),
            Some(Err(refusal)) => {
                if let Some(mismatch) = refusal.mismatch() {
                    request.set_mismatch(mismatch.clone());
                }
            }
            None => {}
        }
        self.note(request.clone());
        if let Some(answer) = misbehaviour.and_then(Misbehaviour::instead_of_any) {
            return answer;
        }
        let call = match call {
            None => return apiv2::too_large(),
            Some(Err(refusal)) => return refusal.answer(),
            Some(Ok(call)) => call,
        };
        if let Some(Misbehaviour::Status {
            status,
            code,
            message,
        }) = misbehaviour
        {
            return apiv2::refusal(&call, valid(*status), code, message);
        }
        match self.canned.find(&request) {
            Some(answer) => answer.answer_apiv2(&call, misbehaviour),
            None => {
                let Business { apiv2, orders, .. } = &self.business;
                let now = self.clock.at(now);
                apiv2.answer(&request, &call, orders, &self.notifier, misbehaviour, now)
            }
        }
    }

    /// Answers an authenticated request of APIv3.
    fn answer(&self, request: &Received, misbehaviour: Option<&Misbehaviour>, now: i64) -> Answer {
        if let Some(answer) = self.canned.find(request) {
            return answer.answer();
        }
        if route::is_certificates(request.path()) {
            return route::get(request, || self.platform.answer(misbehaviour));
        }
        let now = self.clock.at(now);
        self.business.answer(request, &self.notifier, now)
    }

    /// Signs an answer, and does to it what is to be done to it.
    pub(crate) fn seal(
        &self,
        answer: Answer,
        misbehaviour: Option<&Misbehaviour>,
        now: i64,
    ) -> Response<Bytes> {
        if let Some(Misbehaviour::CertificateRotation) = misbehaviour {
            self.platform.rotate(now);
        }
        let signer = self.platform.signer();
        let Some(misbehaviour) = misbehaviour else {
            return answer.sign(&signer, &now.to_string(), &self.answers);
        };
        let mut answer = answer.sign(&signer, &misbehaviour.timestamp(now), &self.answers);
        misbehaviour.distort(&mut answer);
        answer
    }

    fn note(&self, request: Received) {
        if request.authenticated() {
            self.expectations.count(&request);
        }
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        if self.kept == 0 {
            return;
        }
        if received.len() >= self.kept {
            received.pop_front();
        }
        received.push_back(request);
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.iter().cloned().collect()
    }

    pub(crate) fn count_connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}
