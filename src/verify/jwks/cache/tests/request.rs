//! A pending request of a schedule, and its result.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

use super::model_request::{ModelRequest, RequestResult};
use super::promises::{Arrival, Cause};
use crate::access_token::AccessToken;
use crate::verify::jwks::RefreshError;
use crate::verify_error::{VerifyError, VerifyErrorKind};

/// A future with the result of a request, and the token if the verifier accepted it.
pub(super) type PendingResult = Pin<Box<dyn Future<Output = (RequestResult, Option<AccessToken>)>>>;

pub(super) struct Request {
    pub(super) cause: Cause,
    pub(super) future: PendingResult,
    pub(super) woken: Arc<Woken>,
    pub(super) polled: bool,
    pub(super) modelled: ModelRequest,
    pub(super) arrival: Arrival,
}

#[derive(Default)]
pub(super) struct Woken(pub(super) AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

pub(super) fn refresh_result(result: Result<(), RefreshError>) -> RequestResult {
    match result {
        Ok(()) => RequestResult::Done,
        Err(error) => RequestResult::Failed(error.problem),
    }
}

pub(super) fn error_result(error: &VerifyError) -> RequestResult {
    let retry_after = error.retry_after().unwrap_or_default();
    match error.kind() {
        VerifyErrorKind::Invalid(reason) => RequestResult::Refused(reason),
        VerifyErrorKind::InsufficientScope(_)
        | VerifyErrorKind::InsufficientAuthentication(_)
        | VerifyErrorKind::InvalidProof(_)
        | VerifyErrorKind::NonceRequired(_) => unreachable!("a key set knows neither"),
        VerifyErrorKind::Unavailable => {
            let cause = error.source().expect("an outage has a cause");
            let problem = cause.downcast_ref::<RefreshError>();
            RequestResult::Unavailable(problem.expect("of fetching").problem.clone(), retry_after)
        }
    }
}
