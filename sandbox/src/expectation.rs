//! How many requests a test expects.

use std::sync::{Mutex, PoisonError};

use crate::endpoint::Endpoint;
use crate::received::Received;

/// An endpoint, and how many requests of it there are to be.
struct Expectation {
    text: String,
    endpoint: Endpoint,
    expected: usize,
    seen: usize,
}

/// What a test expects. It counts for itself: what was received is not all kept.
#[derive(Default)]
pub(crate) struct Expectations {
    all: Mutex<Vec<Expectation>>,
}

impl Expectations {
    pub(crate) fn add(&self, text: &str, expected: usize) {
        let expectation = Expectation {
            text: text.to_owned(),
            endpoint: Endpoint::parse(text),
            expected,
            seen: 0,
        };
        self.with(|all| all.push(expectation));
    }

    /// Counts a request.
    pub(crate) fn count(&self, request: &Received) {
        self.with(|all| {
            for expectation in all {
                if expectation.endpoint.matches(request) {
                    expectation.seen += 1;
                }
            }
        });
    }

    /// What didn't come true, a line each.
    pub(crate) fn unmet(&self) -> Vec<String> {
        self.with(|all| {
            all.iter()
                .filter(|expectation| expectation.expected != expectation.seen)
                .map(|expectation| {
                    let Expectation {
                        text,
                        expected,
                        seen,
                        ..
                    } = expectation;
                    format!("{text}: expected {expected}, received {seen}")
                })
                .collect()
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<Expectation>) -> T) -> T {
        act(&mut self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
