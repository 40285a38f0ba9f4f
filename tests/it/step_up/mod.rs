//! Step-up authentication (RFC 9470): routes and handlers that require a certain or a recent authentication of the
//! user.

mod claims;
mod guards;
mod handlers;

use std::time::{Duration, UNIX_EPOCH};

use tower_bearer_auth::testing::{SigningKey, TokenBuilder};
use tower_bearer_auth::{
    Algorithm, AuthenticationRequirement, BearerAuthLayer, Clock, JwtVerifier,
    RequireAuthenticationLayer,
};

use crate::support::{Answer, refused};

const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://api.example.com";
const NOW: u64 = 1_800_000_000;

/// An issuer, and the clock of it and of the server.
struct World {
    key: SigningKey,
    clock: Clock,
}

impl World {
    fn new() -> Self {
        Self {
            key: SigningKey::generate(Algorithm::ES256),
            clock: Clock::manual(UNIX_EPOCH + seconds(NOW)),
        }
    }

    fn verifier(&self) -> JwtVerifier {
        JwtVerifier::builder()
            .key(self.key.verifying_key())
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .clock(self.clock.clone())
            .build()
            .unwrap()
    }

    fn auth(&self) -> BearerAuthLayer<JwtVerifier> {
        BearerAuthLayer::new(self.verifier())
    }

    fn token(&self) -> TokenBuilder {
        let token = self.key.token().issuer(ISSUER).audience(AUDIENCE);
        token.subject("alice").clock(self.clock.clone())
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn guard() -> RequireAuthenticationLayer {
    RequireAuthenticationLayer::new()
}

fn step_up() -> AuthenticationRequirement {
    AuthenticationRequirement::new()
        .acr(["phr", "phrh"])
        .max_age(seconds(300))
}

const DESCRIPTION: &str = "The user must authenticate again or in another way";

/// The challenge with these parameters between the error and its description.
fn challenge(scheme: &str, params: &str) -> String {
    format!(
        r#"{scheme} error="insufficient_user_authentication", {params}, error_description="{DESCRIPTION}""#
    )
}

#[track_caller]
fn assert_step_up(answer: &Answer, params: &str) {
    let body = refused("insufficient_user_authentication", DESCRIPTION);
    answer.assert_refusal(401, Some(&challenge("Bearer", params)), &body);
}
