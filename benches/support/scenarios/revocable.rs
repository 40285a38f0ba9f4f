//! Requests through a layer with revocations of other tokens.

use std::future::ready;
use std::time::Duration;

use futures_util::FutureExt;
use http::{HeaderValue, Method};
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth::{
    AccessToken, Algorithm, BearerAuthLayer, Clock, VerifierExt, VerifyError, verify_fn,
};
use tower_layer::Layer;

use super::call::{Call, calls};
use crate::support::{ISSUER, Nothing, Sample};

pub(super) fn cached_revocable(revoked: u32) -> Call {
    let sample = Sample::of(Algorithm::RS256);
    let layer = BearerAuthLayer::new(sample.verifier().cached(1_000));
    let layer = layer.revocations(&revocations(revoked));
    calls(layer.layer(Nothing), sample.header(), Method::GET, 200)
}

/// Requests with a new token each, which has not been looked up before.
pub(super) fn new_tokens(revoked: Option<u32>) -> Call {
    let mut next = 0_u32;
    let issued_at = Clock::system().now();
    let verifier = verify_fn(move |token| {
        next = next.wrapping_add(1);
        let token = AccessToken::builder(token)
            .issuer(ISSUER)
            .jwt_id(format!("new-{next}"))
            .subject("alice")
            .issued_at(issued_at)
            .expires_at(issued_at + Duration::from_secs(60));
        ready(Ok::<_, VerifyError>(token.build()))
    });
    let layer = BearerAuthLayer::new(verifier);
    let layer = match revoked {
        Some(revoked) => layer.revocations(&revocations(revoked)),
        None => layer,
    };
    let token = HeaderValue::from_static("Bearer any");
    calls(layer.layer(Nothing), token, Method::GET, 200)
}

fn revocations(revoked: u32) -> Revocations {
    let revocations = Revocations::new();
    let expires_at = Clock::system().now() + Duration::from_secs(3600);
    for number in 0..revoked {
        let jti = number.to_string();
        let revoke = revocations.revoke_token(ISSUER, &jti, expires_at);
        revoke.now_or_never().unwrap().unwrap();
    }
    revocations
}
