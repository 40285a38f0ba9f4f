//! Which tokens are refused for which revocation.

use std::time::Duration;

use serde_json::json;
use tower::{Layer, ServiceExt};
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, BearerToken, Clock, InvalidReason, StaticToken,
    StaticTokenVerifier, VerifierExt, VerifyError, verify_fn,
};

use super::scene::{ISSUER, Scene, at, start};
use crate::support::{Inner, answer_of, with_token};
use crate::telemetry::recorded::Recorded;

#[tokio::test]
async fn a_token_is_revoked_by_its_id_and_issuer() {
    let scene = Scene::new();
    let token = || scene.token().expires_at(at(600));
    assert!(!scene.is_revoked(token()).await);
    let revoke = scene.revocations.revoke_token(ISSUER, "t1", at(600));
    revoke.await.unwrap();
    assert!(scene.is_revoked(token()).await);
    for other in [
        token().jwt_id("t2"),
        token().without_claim("jti"),
        token().issuer("https://other.example.com"),
        token().without_claim("iss"),
        // A name of one kind is no name of another kind.
        token()
            .jwt_id("t2")
            .subject("t1")
            .client_id("t1")
            .claim("sid", "t1"),
    ] {
        assert!(!scene.is_revoked(other).await);
    }
    // Revoked through its leeway, and as long as clocks may differ.
    scene.clock.set(at(659));
    assert!(scene.is_revoked(token()).await);
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_issuer_makes_no_difference() {
    for (revoked, issuer) in [
        (ISSUER.to_owned(), format!("{ISSUER}/")),
        (format!("{ISSUER}/"), ISSUER.to_owned()),
    ] {
        let scene = Scene::new();
        let revoke = scene.revocations.revoke_session(&revoked, "s1");
        revoke.await.unwrap();
        assert!(scene.is_revoked(scene.token().issuer(issuer)).await);
    }
}

#[tokio::test]
async fn a_subject_or_client_is_revoked_until_a_time() {
    for by_client in [false, true] {
        let scene = Scene::new();
        scene.clock.set(at(100));
        match by_client {
            true => scene.revocations.revoke_client(ISSUER, "app", at(50)).await,
            false => {
                scene
                    .revocations
                    .revoke_subject(ISSUER, "alice", at(50))
                    .await
            }
        }
        .unwrap();
        let token = |issued| scene.token().issued_at(at(issued)).expires_at(at(90_000));
        assert!(scene.is_revoked(token(0)).await);
        assert!(scene.is_revoked(token(50)).await);
        assert!(!scene.is_revoked(token(51)).await);
        assert!(scene.is_revoked(token(51).without_claim("iat")).await);
        assert!(
            !scene
                .is_revoked(token(0).subject("bob").client_id("other"))
                .await
        );
        assert!(
            !scene
                .is_revoked(token(0).issuer("https://other.example.com"))
                .await
        );
        // The later time counts, in any order.
        for cutoff in [80, 60] {
            let revocations = &scene.revocations;
            match by_client {
                true => revocations.revoke_client(ISSUER, "app", at(cutoff)).await,
                false => {
                    revocations
                        .revoke_subject(ISSUER, "alice", at(cutoff))
                        .await
                }
            }
            .unwrap();
        }
        assert!(scene.is_revoked(token(80)).await);
        assert!(!scene.is_revoked(token(81)).await);
        // It is kept for as long as tokens live.
        scene.clock.set(at(80 + 24 * 3600));
        assert!(scene.is_revoked(token(80)).await);
        scene.clock.set(at(80 + 24 * 3600 + 4_202));
        assert!(!scene.is_revoked(token(80).expires_at(at(200_000))).await);
    }
}

#[tokio::test]
async fn a_cutoff_has_fractions_of_a_second() {
    let scene = Scene::new();
    let cutoff = at(50) + Duration::from_millis(500);
    let revoke = scene.revocations.revoke_subject(ISSUER, "alice", cutoff);
    revoke.await.unwrap();
    scene.clock.set(at(100));
    let issued = |seconds: f64| {
        let claims = json!({"iat": 1_800_000_000.0 + seconds});
        scene.token().claims(claims)
    };
    assert!(scene.is_revoked(issued(50.0)).await);
    assert!(scene.is_revoked(issued(50.5)).await);
    assert!(!scene.is_revoked(issued(50.75)).await);
}

#[tokio::test]
async fn a_session_is_revoked_whenever_its_tokens_were_issued() {
    let scene = Scene::new();
    let revoke = scene.revocations.revoke_session(ISSUER, "s1");
    revoke.await.unwrap();
    scene.clock.set(at(7200));
    assert!(scene.is_revoked(scene.token()).await);
    assert!(scene.is_revoked(scene.token().issued_at(start())).await);
    assert!(!scene.is_revoked(scene.token().claim("sid", "s2")).await);
    assert!(!scene.is_revoked(scene.token().without_claim("sid")).await);
    assert!(!scene.is_revoked(scene.token().claim("sid", 1)).await);
}

#[tokio::test]
async fn tokens_of_other_verifiers_are_revoked_alike() {
    let scene = Scene::new();
    let without_issuer = StaticToken::new("app").subject("alice");
    let table = StaticTokenVerifier::new([("without", without_issuer)]);
    let own = verify_fn(async |token: BearerToken| {
        let token = AccessToken::builder(token).subject("alice").issuer(ISSUER);
        Ok::<_, VerifyError>(token.build())
    });
    let layer = BearerAuthLayer::new(table.or_else(own)).revocations(&scene.revocations);
    let service = layer.layer(Inner::default());
    for (issuer, token) in [(ISSUER, "with"), ("", "without")] {
        let answer = answer_of(service.clone(), with_token(token)).await;
        answer.assert_passed();
        // The token has no `iat`.
        let revoke = scene.revocations.revoke_subject(issuer, "alice", start());
        revoke.await.unwrap();
        let answer = answer_of(service.clone(), with_token(token)).await;
        answer.assert_invalid_token("The access token was revoked");
    }
}

#[tokio::test]
async fn revocations_end_and_their_number_is_bounded() {
    let clock = Clock::manual(start());
    let revocations = Revocations::builder()
        .clock(clock.clone())
        .capacity(1_000)
        .in_memory();
    let revoke = |number: u64, expires_at| {
        let revocations = revocations.clone();
        async move {
            let jti = number.to_string();
            revocations.revoke_token(ISSUER, &jti, expires_at).await
        }
    };
    for number in 0..1_000 {
        revoke(number, at(100 + number)).await.unwrap();
    }
    assert_eq!(revocations.status().revocations(), 1_000);
    let error = revoke(1_000, at(100)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "there are too many revocations: raise their capacity(..)"
    );
    // A token that has expired needs none.
    revoke(1_000, start() - Duration::from_secs(7200))
        .await
        .unwrap();
    assert_eq!(revocations.status().revocations(), 1_000);
    // Half of them have ended.
    clock.set(at(100 + 500 + 4_201));
    revoke(1_001, at(14_400)).await.unwrap();
    assert_eq!(revocations.status().revocations(), 500);
}

#[tokio::test]
async fn the_first_token_that_outlives_its_revocation_is_a_warning() {
    let scene = Scene::new();
    let revoke = scene.revocations.revoke_session(ISSUER, "another");
    revoke.await.unwrap();
    let recorded = Recorded::start();
    let warnings = || recorded.events(tower_bearer_auth::telemetry::REVOCATION);
    let token = || scene.token().issued_at(start());
    assert!(!scene.is_revoked(token().expires_at(at(24 * 3600))).await);
    assert!(warnings().is_empty());
    assert!(
        !scene
            .is_revoked(token().expires_at(at(24 * 3600 + 1)))
            .await
    );
    assert!(!scene.is_revoked(token().without_claim("exp")).await);
    let warnings = warnings();
    let [warning] = &warnings[..] else {
        panic!("{warnings:?}")
    };
    assert_eq!(warning.level, tracing::Level::WARN);
    assert_eq!(warning.fields["life"], "86401");
    assert_eq!(warning.fields["longest_token_life"], "86400");
}

#[tokio::test]
async fn a_verifier_without_a_layer_accepts_revoked_tokens() {
    let scene = Scene::new();
    let revoke = scene.revocations.revoke_session(ISSUER, "s1");
    revoke.await.unwrap();
    let token: BearerToken = scene.token().build().parse().unwrap();
    let token = scene.verifier().oneshot(token).await.unwrap();
    assert!(token.is_current());
    assert_eq!(InvalidReason::Revoked.as_str(), "revoked");
}
