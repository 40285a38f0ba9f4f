//! An issuer, its tokens and revocations, with a clock that the test sets.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tower::Layer;
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth::testing::{SigningKey, TokenBuilder};
use tower_bearer_auth::{Algorithm, BearerAuthLayer, Clock, JwtVerifier};

use crate::support::{Inner, answer_of, with_token};

pub(super) const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://api.example.com";

pub(super) fn start() -> SystemTime {
    at(0)
}

pub(super) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

/// An issuer, its tokens, and what is revoked.
pub(super) struct Scene {
    key: SigningKey,
    pub(super) clock: Clock,
    pub(super) revocations: Revocations,
}

impl Scene {
    pub(super) fn new() -> Self {
        let clock = Clock::manual(start());
        Self {
            key: SigningKey::generate(Algorithm::ES256),
            revocations: Revocations::builder().clock(clock.clone()).in_memory(),
            clock,
        }
    }

    pub(super) fn verifier(&self) -> JwtVerifier {
        JwtVerifier::builder()
            .key(self.key.verifying_key())
            .accept_any_issuer()
            .audience(AUDIENCE)
            .accept_missing_expiry()
            .clock(self.clock.clone())
            .build()
            .unwrap()
    }

    pub(super) fn token(&self) -> TokenBuilder {
        TokenBuilder::new(&self.key)
            .clock(self.clock.clone())
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .subject("alice")
            .client_id("app")
            .jwt_id("t1")
            .claim("sid", "s1")
    }

    /// Whether a token is refused as revoked. Fails if it is neither accepted nor refused as revoked.
    pub(super) async fn is_revoked(&self, token: TokenBuilder) -> bool {
        let layer = BearerAuthLayer::new(self.verifier()).revocations(&self.revocations);
        let inner = Inner::default();
        let answer = answer_of(layer.layer(inner.clone()), with_token(&token.build())).await;
        match inner.calls() {
            0 => {
                answer.assert_invalid_token("The access token was revoked");
                true
            }
            _ => {
                answer.assert_passed();
                false
            }
        }
    }
}
