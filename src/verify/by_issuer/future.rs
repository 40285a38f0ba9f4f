use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::access_token::AccessToken;
use crate::verify::ErasedVerifierFuture;
use crate::verify::jwt::issuer_watch::IssuerWatch;
use crate::verify_error::{InvalidReason, VerifyError, VerifyErrorKind};

/// The future of [`ByIssuer`](super::ByIssuer).
pub struct ByIssuerFuture {
    state: State,
}

enum State {
    Refused(Option<VerifyError>),
    Verifying {
        verify: ErasedVerifierFuture,
        issuer: Arc<str>,
        watch: Arc<IssuerWatch>,
    },
}

impl ByIssuerFuture {
    pub(super) fn refused(error: VerifyError) -> Self {
        let state = State::Refused(Some(error));
        Self { state }
    }

    pub(super) fn verifying(
        verify: ErasedVerifierFuture,
        issuer: Arc<str>,
        watch: Arc<IssuerWatch>,
    ) -> Self {
        let state = State::Verifying {
            verify,
            issuer,
            watch,
        };
        Self { state }
    }
}

impl Future for ByIssuerFuture {
    type Output = Result<AccessToken, VerifyError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Refused(error) => Poll::Ready(Err(error.take().expect("polled once"))),
            State::Verifying {
                verify,
                issuer,
                watch,
            } => {
                let token =
                    ready!(Pin::new(verify).poll(cx)).map_err(terminal_if_routed_wrongly)?;
                // The verifier must find the issuer by which the token was routed.
                match token.issuer() {
                    Some(found) if *found != **issuer => Poll::Ready(Err(VerifyError::invalid(
                        InvalidReason::WrongIssuer,
                    )
                    .without_fallback())),
                    Some(_) | None => {
                        watch.accepted();
                        Poll::Ready(Ok(token))
                    }
                }
            }
        }
    }
}

/// Prevents a fallback if the verifier finds another issuer than the one that selected it.
fn terminal_if_routed_wrongly(error: VerifyError) -> VerifyError {
    match error.kind() {
        VerifyErrorKind::Invalid(InvalidReason::WrongIssuer) => error.without_fallback(),
        VerifyErrorKind::Invalid(_)
        | VerifyErrorKind::InsufficientScope(_)
        | VerifyErrorKind::InsufficientAuthentication(_)
        | VerifyErrorKind::InvalidProof(_)
        | VerifyErrorKind::NonceRequired(_)
        | VerifyErrorKind::Unavailable => error,
    }
}

impl fmt::Debug for ByIssuerFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByIssuerFuture").finish_non_exhaustive()
    }
}
