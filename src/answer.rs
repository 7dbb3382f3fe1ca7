//! What comes back for a request, and who judges it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::error::{Error, Phase, Result, with_causes};
use crate::platform::refreshed;
use crate::protocol::Exchange;
use crate::protocol::v3::{Question, Verdict};
use crate::response::Response;
use crate::seen::Seen;
use crate::signer::Verifier;
use crate::transport::{Driver, Failure, drive_until};

/// Verifies what another HTTP client brought back for a request of [`Request::into_parts`](crate::Request::into_parts).
pub struct Answer {
    pub(crate) exchange: Exchange,
}

impl Answer {
    /// Judges the answer as a request sent from here would have been judged, with the keys that are
    /// known here. Where a [`Verifier`] is to be asked, only [`accept_async`](Self::accept_async)
    /// can.
    ///
    /// # Errors
    /// [`Error::Api`], [`Error::Verify`] or [`Error::Redirect`].
    pub fn accept(self, answer: http::Response<Bytes>) -> Result<Response> {
        let (mut exchange, answer) = self.plain(answer)?;
        if exchange.core.verifier().is_some() {
            let reason = "accept_async() asks the Verifier, accept() can't";
            exchange.sent.judged(Verdict::None(reason.to_owned()));
        }
        exchange.accept(answer)
    }

    /// As [`accept`](Self::accept), and asks the [`Verifier`] if there is one, or fetches the
    /// certificate that the answer was signed with if the client keeps its own and does not know it
    /// yet.
    ///
    /// # Errors
    /// [`Error::Api`], [`Error::Verify`] or [`Error::Redirect`].
    pub async fn accept_async(self, answer: http::Response<Bytes>) -> Result<Response> {
        let (exchange, answer) = self.plain(answer)?;
        accept(exchange, answer, Driver::Caller).await
    }

    fn plain(self, answer: http::Response<Bytes>) -> Result<(Exchange, http::Response<Bytes>)> {
        match self.exchange.sent.plain(answer) {
            Ok(answer) => Ok((self.exchange, answer)),
            Err(failure) => Err(self.exchange.sent.failed(failure)),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({})", self.exchange.sent.endpoint)
    }
}

/// What the transport brought back, as the caller gets it.
pub(crate) async fn finish(
    exchange: Exchange,
    answer: std::result::Result<http::Response<Bytes>, Failure>,
    driver: Driver,
    seen: &Seen,
) -> Result<Response> {
    let endpoint = exchange.sent.endpoint.clone();
    let result = match answer.and_then(|answer| exchange.sent.plain(answer)) {
        Ok(answer) => {
            seen.answer_body(&endpoint, answer.body());
            accept(exchange, answer, driver).await
        }
        Err(failure) => Err(exchange.sent.failed(failure)),
    };
    match &result {
        Ok(response) => seen
            .log
            .answered(&endpoint, response.status(), response.headers()),
        Err(error) => seen.log.failed(error),
    }
    result
}

/// Judges an answer, after fetching the certificate it was signed with if that is not known, or
/// asking the verifier that is elsewhere.
async fn accept(
    mut exchange: Exchange,
    answer: http::Response<Bytes>,
    driver: Driver,
) -> Result<Response> {
    let deadline = exchange.sent.deadline;
    if let Some(verifier) = exchange.core.verifier() {
        let verifier = Arc::clone(verifier);
        if let Some(question) = exchange.question(&answer) {
            let verdict = ask(verifier, question, driver, deadline).await;
            exchange.sent.judged(verdict);
        }
        return exchange.accept(answer);
    }
    let Some(store) = exchange.lacking(&answer) else {
        return exchange.accept(answer);
    };
    let fetched = refreshed(&exchange.core, &store, driver, deadline).await;
    let mut result = exchange.accept(answer);
    if let (Err(Error::Verify(error)), Err(reason)) = (&mut result, fetched) {
        error.note = Some(format!(
            "the certificates could not be fetched again: {reason}"
        ));
    }
    result
}

/// What the verifier that is elsewhere says.
pub(crate) async fn ask(
    verifier: Arc<dyn Verifier>,
    question: Question,
    driver: Driver,
    deadline: Option<(Duration, Instant)>,
) -> Verdict {
    let asking = async move {
        let Question {
            serial,
            message,
            signature,
        } = &question;
        verifier.verify(serial, message, signature).await
    };
    match drive_until(driver, deadline, Phase::Read, asking).await {
        Ok(Ok(true)) => Verdict::Right,
        Ok(Ok(false)) => Verdict::Wrong,
        Ok(Err(error)) => Verdict::None(format!(
            "the Verifier failed: {}",
            with_causes(error.as_ref())
        )),
        Err(_) => Verdict::None("the Verifier did not answer within the limit".to_owned()),
    }
}
