//! Verifiers that call an endpoint, and combinations of verifiers.

mod by_issuer;
mod cached;
mod cached_together;
mod gateway;
mod introspection;
mod introspection_answers;
mod introspection_outages;
mod introspection_settings;
mod introspection_statuses;
mod or_else;
mod signed_introspection;
mod tenants;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tower::ServiceExt;
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{
    AccessToken, InvalidReason, JwtVerifier, Verifier, VerifyError, VerifyErrorKind, verify_fn,
};

use crate::support;

const AUDIENCE: &str = "https://api.test";

/// A verifier for JWTs with this issuer and key.
fn jwts(issuer: &str, key: &SigningKey) -> JwtVerifier {
    support::jwts(issuer, AUDIENCE, key)
}

async fn verify(verifier: &impl Verifier, token: &str) -> Result<AccessToken, VerifyError> {
    let token = token.parse().unwrap();
    verifier.clone().oneshot(token).await.map_err(Into::into)
}

#[track_caller]
fn refused(result: Result<AccessToken, VerifyError>) -> InvalidReason {
    let error = result.unwrap_err();
    match error.kind() {
        VerifyErrorKind::Invalid(reason) => reason,
        _ => panic!("not refused: {error:?}"),
    }
}

#[track_caller]
fn assert_unavailable(result: Result<AccessToken, VerifyError>) {
    let error = result.unwrap_err();
    let kind = error.kind();
    assert!(matches!(kind, VerifyErrorKind::Unavailable), "{error:?}");
}

/// Counts the calls of a verifier.
#[derive(Clone, Default)]
struct Calls(Arc<AtomicUsize>);

impl Calls {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// A verifier that always answers this way.
    fn always(
        &self,
        answer: Result<&'static str, VerifyError>,
    ) -> impl Verifier<Error = VerifyError, Future: Send> + use<> {
        let calls = self.clone();
        verify_fn(move |token| {
            calls.0.fetch_add(1, Ordering::SeqCst);
            let answer = answer.clone();
            async move {
                let subject = answer?;
                Ok(AccessToken::builder(token).subject(subject).build())
            }
        })
    }
}
