//! When a request that failed is made again, which only the caller may ask for.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use crate::error::{Attempt, Error};

/// Makes a request again when it may succeed: on 429, on a 5xx with `SYSTEM_ERROR` or
/// `FREQUENCY_LIMITED`, and when no answer came. Given to [`Request::retry`](crate::Request::retry).
///
/// Pauses double from 0.5 s to 8 s, each with a random part; a `Retry-After` of the answer is
/// honoured. At most 3 attempts within 60 s. Each is signed anew, and the error of the last one lists
/// those before it: [`Error::attempts`].
///
/// ```
/// # use wechatpay_chain::Retry;
/// # use std::time::Duration;
/// let reads = Retry::reads();
/// let refund = Retry::idempotent().attempts(5).deadline(Duration::from_secs(120));
/// ```
#[derive(Debug, Clone)]
#[must_use = "it is given to .retry(…)"]
pub struct Retry {
    attempts: u32,
    first: Duration,
    longest: Duration,
    deadline: Duration,
    pub(crate) is_idempotent: bool,
}

impl Retry {
    /// For a GET, which changes nothing.
    pub fn reads() -> Self {
        Self {
            attempts: 3,
            first: Duration::from_millis(500),
            longest: Duration::from_secs(8),
            deadline: Duration::from_secs(60),
            is_idempotent: false,
        }
    }

    /// For any request that WeChat Pay carries out once however often it comes, by a number of its
    /// own: `out_trade_no`, `out_refund_no`, `out_request_no` …
    ///
    /// Whether that holds is the caller's to know: see the endpoint's documentation.
    pub fn idempotent() -> Self {
        Self {
            is_idempotent: true,
            ..Self::reads()
        }
    }

    /// How many attempts there are at most, the first one included; 3 by default.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The first pause, from which the others double; 0.5 s by default.
    pub fn first_pause(mut self, pause: Duration) -> Self {
        self.first = pause;
        self
    }

    /// The longest pause, but for a `Retry-After`; 8 s by default.
    pub fn longest_pause(mut self, pause: Duration) -> Self {
        self.longest = pause;
        self
    }

    /// The limit of all attempts and pauses together; 60 s by default. Each attempt has the
    /// request's own limit, too.
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = limit;
        self
    }

    pub(crate) fn plan(&self, now: Instant) -> Plan {
        let backoff = ExponentialBuilder::new()
            .with_min_delay(self.first)
            .with_max_delay(self.longest)
            .with_jitter()
            .without_max_times()
            .build();
        Plan {
            backoff,
            left: self.attempts.saturating_sub(1),
            until: now.checked_add(self.deadline),
            failed: Vec::new(),
        }
    }
}

/// The attempts of one request.
pub(crate) struct Plan {
    backoff: ExponentialBackoff,
    left: u32,
    until: Option<Instant>,
    failed: Vec<Attempt>,
}

impl Plan {
    /// How long to wait before the next attempt; `None` when there is none.
    pub(crate) fn pause(&mut self, error: &Error, now: Instant) -> Option<Duration> {
        if self.left == 0 || !error.may_pass() {
            return None;
        }
        self.left -= 1;
        let asked = error.retry_after().unwrap_or_default();
        let pause = self.backoff.next()?.max(asked);
        self.remaining(now)
            .is_none_or(|remaining| pause < remaining)
            .then_some(pause)
    }

    /// What is left of the time for all attempts; `None` for no limit.
    pub(crate) fn remaining(&self, now: Instant) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(now))
    }

    pub(crate) fn failed(&mut self, error: &Error) {
        self.failed.push(Attempt::of(error));
    }

    pub(crate) fn into_error(self, error: Error) -> Error {
        error.after(self.failed)
    }
}
