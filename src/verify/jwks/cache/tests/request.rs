//! A pending request of a schedule, and its result.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

use super::asker::{Asker, Told};
use super::promises::{Came, Cause};
use crate::access_token::AccessToken;
use crate::verify::jwks::RefreshError;
use crate::verify_error::{VerifyError, VerifyErrorKind};

/// A future with the result of a request, and the token if the verifier accepted it.
pub(super) type Waiting = Pin<Box<dyn Future<Output = (Told, Option<AccessToken>)>>>;

pub(super) struct Request {
    pub(super) cause: Cause,
    pub(super) future: Waiting,
    pub(super) woken: Arc<Woken>,
    pub(super) polled: bool,
    pub(super) asker: Asker,
    pub(super) came: Came,
}

#[derive(Default)]
pub(super) struct Woken(pub(super) AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

pub(super) fn told(result: Result<(), RefreshError>) -> Told {
    match result {
        Ok(()) => Told::Done,
        Err(error) => Told::Failed(error.problem),
    }
}

pub(super) fn refusal(error: &VerifyError) -> Told {
    let retry_after = error.retry_after().unwrap_or_default();
    match error.kind() {
        VerifyErrorKind::Invalid(reason) => Told::Refused(reason),
        VerifyErrorKind::InsufficientScope(_)
        | VerifyErrorKind::InvalidProof(_)
        | VerifyErrorKind::NonceRequired(_) => unreachable!("a key set knows neither"),
        VerifyErrorKind::Unavailable => {
            let cause = error.source().expect("an outage has a cause");
            let problem = cause.downcast_ref::<RefreshError>();
            Told::Unavailable(problem.expect("of fetching").problem.clone(), retry_after)
        }
    }
}
