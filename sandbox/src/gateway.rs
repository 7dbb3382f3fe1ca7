//! The gateway between a request that has been read and the answer that is to be written. It does
//! no I/O and reads no clock: both come in.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::Response;

use crate::answer::{Answer, valid};
use crate::apiv2;
use crate::authenticate::Authenticator;
use crate::canned::Canned;
use crate::misbehaviour::{Misbehaviour, Script};
use crate::platform::Platform;
use crate::received::Received;
use crate::route::{self, Business};

/// How many requests are kept for [`Sandbox::received`](crate::Sandbox::received): more than a test
/// looks at, and not so many that a benchmark fills the memory.
pub(crate) const KEPT: usize = 65_536;

pub(crate) struct Gateway {
    pub(crate) platform: Platform,
    pub(crate) authenticator: Authenticator,
    pub(crate) business: Business,
    pub(crate) canned: Canned,
    received: Mutex<VecDeque<Received>>,
    connections: AtomicUsize,
    pub(crate) script: Script,
}

impl Gateway {
    pub(crate) fn new(now: i64) -> io::Result<Self> {
        Ok(Self {
            platform: Platform::new(now)?,
            authenticator: Authenticator::new()?,
            business: Business::default(),
            canned: Canned::default(),
            received: Mutex::default(),
            connections: AtomicUsize::new(0),
            script: Script::default(),
        })
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
        if let Some(Ok(())) = verdict {
            request.set_authenticated();
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
                Some(answer) => answer,
                None => self.answer(&request, misbehaviour),
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
        let call = whole.then(|| apiv2::check(&request));
        if let Some(Ok(_)) = call {
            request.set_authenticated();
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
                apiv2.answer(&request, &call, orders, misbehaviour, now)
            }
        }
    }

    /// Answers an authenticated request of APIv3.
    fn answer(&self, request: &Received, misbehaviour: Option<&Misbehaviour>) -> Answer {
        if let Some(answer) = self.canned.find(request) {
            return answer.answer();
        }
        if route::is_certificates(request.path()) {
            return route::get(request, || self.platform.answer(misbehaviour));
        }
        self.business.answer(request)
    }

    /// Signs an answer, and does to it what is to be done to it.
    pub(crate) fn seal(
        &self,
        answer: Answer,
        misbehaviour: Option<&Misbehaviour>,
        now: i64,
    ) -> Response<Bytes> {
        let signer = self.platform.signer();
        let Some(misbehaviour) = misbehaviour else {
            return answer.sign(&signer, &now.to_string());
        };
        let mut answer = answer.sign(&signer, &misbehaviour.timestamp(now));
        misbehaviour.distort(&mut answer);
        answer
    }

    fn note(&self, request: Received) {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        if received.len() == KEPT {
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
