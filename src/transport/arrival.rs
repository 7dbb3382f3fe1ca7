//! The body of an answer on its way in.

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};

use super::Failure;

/// Why the body of an answer is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArrivalError {
    #[error(
        "the answer ({}) is larger than the limit of {limit} bytes; wanted: .download(path) or \
         .stream() where the endpoint has them, or a larger .answer_limit(bytes)",
        .status.as_u16()
    )]
    TooLarge { status: StatusCode, limit: usize },
    #[error("the answer can't be read: {0}")]
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

/// The whole body, of which no more than `limit` bytes are read.
pub(super) async fn whole(
    body: Incoming,
    status: StatusCode,
    limit: usize,
) -> Result<Bytes, Failure> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Failure::too_large(status, limit));
    }
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => match error.downcast::<hyper::Error>() {
            Ok(error) => Err(Failure::of_body(*error)),
            Err(error) if error.is::<LengthLimitError>() => Err(Failure::too_large(status, limit)),
            Err(error) => Err(Failure::of_arrival(ArrivalError::Broken(error))),
        },
    }
}
