//! Waits for the SDK, and for Ctrl-C.

use std::future::IntoFuture;

use crate::exit::{Code, Failure, Result, io};

/// What the SDK answers, unless Ctrl-C comes first. `changes` tells whether something may come of the
/// request though its answer is not waited for.
pub(crate) fn for_answer<F: IntoFuture>(asked: F, changes: bool) -> Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| io(Code::Bug, "no runtime", &error))?;
    runtime.block_on(async {
        tokio::select! {
            answer = asked.into_future() => Ok(answer),
            _ = tokio::signal::ctrl_c() => Err(interrupted(changes)),
        }
    })
}

fn interrupted(changes: bool) -> Failure {
    let after = if changes {
        "; the request may have been received: query before repeating it"
    } else {
        ""
    };
    Failure::new(Code::Interrupted, format_args!("interrupted{after}"))
}
