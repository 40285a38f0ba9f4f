use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tower_service::Service;

use super::JwtVerifier;
use crate::testing::SigningKey;
use crate::verify::jwt::remote::{Missing, RemoteKeys, RemoteView};
use crate::verify::keys::signer::{Found, SignatureSearch};
use crate::verify::keys::{Algorithm, VerifyingKey};
use crate::verify_error::{InvalidReason, VerifyError};

/// A key set that is replaced right after the first search, before the verifier calls the policy.
struct JustTooLate {
    key: VerifyingKey,
    generation: AtomicU64,
}

impl RemoteKeys for JustTooLate {
    fn find(&self, search: &SignatureSearch<'_>, _: bool) -> Found {
        match self.generation.fetch_add(1, Ordering::SeqCst) {
            0 => Found::NoKey,
            _ => search.among(std::slice::from_ref(&self.key)),
        }
    }

    fn source_name(&self) -> &str {
        "just too late"
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    fn missing(&self, seen: u64, _: Option<Duration>) -> Missing {
        match seen == self.generation() {
            true => Missing::Refused(VerifyError::invalid(InvalidReason::UnknownKey)),
            false => Missing::Changed,
        }
    }

    fn view(&self) -> RemoteView {
        RemoteView::default()
    }

    fn still_missing(&self, _: u64) -> VerifyError {
        VerifyError::invalid(InvalidReason::UnknownKey)
    }
}

#[test]
fn which_keys_a_token_saw_is_read_before_they_are_looked_through() {
    let key = SigningKey::generate(Algorithm::EdDSA).with_key_id("new");
    let (issuer, audience) = ("https://issuer.test", "https://api.test");
    let keys = Arc::new(JustTooLate {
        key: key.verifying_key(),
        generation: AtomicU64::new(0),
    });
    let mut verifier = JwtVerifier::builder()
        .remote_keys(move |_| Ok(Arc::clone(&keys) as Arc<dyn RemoteKeys>))
        .issuer(issuer)
        .audience(audience)
        .build()
        .unwrap();
    let token = key.token().issuer(issuer).audience(audience).build();
    let mut verification = Box::pin(verifier.call(token.parse().unwrap()));
    let answer = verification
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(answer, Poll::Ready(Ok(_))), "{answer:?}");
}
