//! How the dates of tokens, their leeway, and the cutoffs of revocations meet.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tower::Layer;
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth::testing::{SigningKey, TokenBuilder};
use tower_bearer_auth::{Algorithm, BearerAuthLayer, Clock, JwtVerifier};

use crate::support::{Answer, Inner, answer_of, with_token};

const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://api.example.com";
const HOUR: Duration = Duration::from_secs(3600);

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

struct Scene {
    key: SigningKey,
    clock: Clock,
    revocations: Revocations,
}

impl Scene {
    fn new() -> Self {
        let clock = Clock::manual(at(0));
        let revocations = Revocations::builder().clock(clock.clone());
        Self {
            key: SigningKey::generate(Algorithm::ES256),
            clock,
            revocations: revocations.longest_token_life(HOUR).in_memory(),
        }
    }

    /// A token of alice that was issued at the start and lives for an hour.
    fn token(&self) -> TokenBuilder {
        let token = TokenBuilder::new(&self.key).issuer(ISSUER);
        let token = token.audience(AUDIENCE).subject("alice").jwt_id("t1");
        token.issued_at(at(0)).expires_at(at(0) + HOUR)
    }

    async fn send(&self, token: TokenBuilder) -> Answer {
        let verifier = JwtVerifier::builder()
            .key(self.key.verifying_key())
            .issuer(ISSUER)
            .audience(AUDIENCE)
            // The longest that there is.
            .leeway(HOUR)
            .clock(self.clock.clone());
        let layer = BearerAuthLayer::new(verifier.build().unwrap()).revocations(&self.revocations);
        answer_of(layer.layer(Inner::default()), with_token(&token.build())).await
    }
}

#[tokio::test]
async fn a_token_is_refused_through_the_longest_leeway() {
    for by_token in [true, false] {
        let scene = Scene::new();
        let revocations = &scene.revocations;
        match by_token {
            true => revocations.revoke_token(ISSUER, "t1", at(0) + HOUR).await,
            false => revocations.revoke_subject(ISSUER, "alice", at(0)).await,
        }
        .unwrap();
        scene.clock.set(at(0) + 2 * HOUR - Duration::from_secs(1));
        let bystander = scene.token().jwt_id("t2").subject("bob");
        scene.send(bystander).await.assert_passed();
        let answer = scene.send(scene.token()).await;
        answer.assert_invalid_token("The access token was revoked");
    }
}

#[tokio::test]
async fn a_cutoff_in_whole_seconds_includes_all_of_the_second() {
    // An issuer whose access tokens have fractions in `iat`, and whose logout tokens have none: 50.9 is written 50.
    let scene = Scene::new();
    let revoke = scene.revocations.revoke_subject(ISSUER, "alice", at(50));
    revoke.await.unwrap();
    scene.clock.set(at(100));
    let issued = |seconds: f64| {
        let claims = json!({"iat": 1_800_000_000.0 + seconds});
        scene.token().claims(claims)
    };
    for seconds in [50.0, 50.4, 50.99] {
        let answer = scene.send(issued(seconds)).await;
        answer.assert_invalid_token("The access token was revoked");
    }
    scene.send(issued(51.0)).await.assert_passed();
}
