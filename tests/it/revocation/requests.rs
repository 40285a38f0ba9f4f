//! Which requests are refused for which revocation, wherever their token is remembered or in use.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use futures_util::StreamExt;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tower::{Layer, ServiceExt};
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth::testing::{SigningKey, TokenBuilder};
use tower_bearer_auth::{
    AccessToken, Algorithm, BearerAuthLayer, BearerToken, Clock, InvalidReason, JwtVerifier,
    StaticToken, StaticTokenVerifier, VerifierExt, VerifyError, verify_fn,
};

use crate::support::{Inner, PATIENCE, answer_of, get_with, serve_axum, with_token};
use crate::telemetry::recorded::Recorded;

const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://api.example.com";

fn start() -> SystemTime {
    at(0)
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

/// An issuer, its tokens, and what is revoked.
struct Scene {
    key: SigningKey,
    clock: Clock,
    revocations: Revocations,
}

impl Scene {
    fn new() -> Self {
        let clock = Clock::manual(start());
        Self {
            key: SigningKey::generate(Algorithm::ES256),
            revocations: Revocations::builder().clock(clock.clone()).in_memory(),
            clock,
        }
    }

    fn verifier(&self) -> JwtVerifier {
        JwtVerifier::builder()
            .key(self.key.verifying_key())
            .accept_any_issuer()
            .audience(AUDIENCE)
            .accept_missing_expiry()
            .clock(self.clock.clone())
            .build()
            .unwrap()
    }

    fn token(&self) -> TokenBuilder {
        TokenBuilder::new(&self.key)
            .clock(self.clock.clone())
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .subject("alice")
            .client_id("app")
            .jwt_id("t1")
            .claim("sid", "s1")
    }

    /// Whether a token is refused as revoked. Everything else but being accepted is a failure.
    async fn is_revoked(&self, token: TokenBuilder) -> bool {
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
        // Names of one kind mean nothing to another.
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
        // It has no `iat`.
        let revoke = scene.revocations.revoke_subject(issuer, "alice", start());
        revoke.await.unwrap();
        let answer = answer_of(service.clone(), with_token(token)).await;
        answer.assert_invalid_token("The access token was revoked");
    }
}

#[tokio::test]
async fn a_cached_token_is_refused_by_the_layer_whose_revocations_have_it() {
    let scene = Scene::new();
    let others = Revocations::new();
    let verifier = scene.verifier().cached(10);
    let service = |revocations| {
        let layer = BearerAuthLayer::new(verifier.clone()).revocations(revocations);
        layer.layer(Inner::default())
    };
    let (service, other) = (service(&scene.revocations), service(&others));
    let token = scene.token().build();
    // Something is revoked in both, so that tokens are looked up.
    for revocations in [&scene.revocations, &others] {
        let revoke = revocations.revoke_session(ISSUER, "another");
        revoke.await.unwrap();
    }
    for _ in 0..2 {
        for service in [&service, &other] {
            answer_of(service.clone(), with_token(&token))
                .await
                .assert_passed();
        }
    }
    let recorded = Recorded::start();
    let revoke = scene.revocations.revoke_session(ISSUER, "s1");
    revoke.await.unwrap();
    for _ in 0..2 {
        let answer = answer_of(service.clone(), with_token(&token)).await;
        answer.assert_invalid_token("The access token was revoked");
        let decisions = recorded.decisions();
        let [decision] = &decisions[..] else {
            panic!("{decisions:?}")
        };
        assert_eq!(decision["outcome"], "refused");
        assert_eq!(decision["reason"], "revoked");
        assert_eq!(decision["subject"], "alice");
        answer_of(other.clone(), with_token(&token))
            .await
            .assert_passed();
        recorded.decisions();
    }
    assert!(verifier.stats().hits > 0);
}

#[tokio::test]
async fn an_open_stream_and_a_handler_notice() {
    let scene = Scene::new();
    let (started, has_started) = oneshot::channel();
    let started = Arc::new(Mutex::new(Some(started)));
    let stream = get(|| async {
        let first = futures_util::stream::iter([Ok::<_, std::io::Error>("data: 1\n\n")]);
        let events = first.chain(futures_util::stream::pending());
        Response::builder()
            .header("content-type", "text/event-stream")
            .body(Body::from_stream(events))
            .unwrap()
    });
    let wait = get(async move |token: AccessToken| {
        assert!(token.is_current());
        let until_invalid = token.until_invalid();
        started.lock().unwrap().take().unwrap().send(()).unwrap();
        let reason = until_invalid.await;
        assert!(!token.is_current());
        Json(reason.as_str())
    });
    let app = Router::new().route("/stream", stream).route("/wait", wait);
    let layer = BearerAuthLayer::new(scene.verifier())
        .close_streams_at_expiry()
        .revocations(&scene.revocations);
    let address = serve_axum(app.layer(layer)).await;
    let token = scene.token().build();
    let client = reqwest::Client::new();
    let request = |path| {
        let request = client.get(format!("http://{address}{path}"));
        request.bearer_auth(&token).send()
    };
    let mut stream = request("/stream").await.unwrap();
    assert_eq!(stream.chunk().await.unwrap().unwrap(), "data: 1\n\n");
    let waiting = tokio::spawn(request("/wait"));
    has_started.await.unwrap();

    let revoke = scene.revocations.revoke_token(ISSUER, "t1", at(7200));
    revoke.await.unwrap();
    let end = timeout(PATIENCE, stream.chunk()).await.unwrap();
    assert_eq!(end.unwrap(), None);
    let answer = timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(answer.text().await.unwrap(), r#""revoked""#);
    let answer = get_with(address, &token).await;
    answer.assert_invalid_token("The access token was revoked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_request_passes_after_the_revocation_of_its_token_has_returned() {
    let scene = Scene::new();
    let verifier = scene.verifier().cached(1_000);
    let layer = BearerAuthLayer::new(verifier).revocations(&scene.revocations);
    let service = layer.layer(Inner::default());
    for round in 0..100 {
        let token = scene.token().jwt_id(format!("t{round}")).build();
        let is_revoked = Arc::new(AtomicBool::new(false));
        let requests: Vec<_> = (0..3)
            .map(|_| {
                let (service, token) = (service.clone(), token.clone());
                let is_revoked = Arc::clone(&is_revoked);
                tokio::spawn(async move {
                    loop {
                        let was_revoked = is_revoked.load(Ordering::SeqCst);
                        let answer = answer_of(service.clone(), with_token(&token)).await;
                        if was_revoked {
                            return answer.status;
                        }
                    }
                })
            })
            .collect();
        let jti = format!("t{round}");
        let revoke = scene.revocations.revoke_token(ISSUER, &jti, at(7200));
        revoke.await.unwrap();
        is_revoked.store(true, Ordering::SeqCst);
        for request in requests {
            assert_eq!(request.await.unwrap(), 401);
        }
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
async fn a_verifier_alone_knows_no_revocations() {
    let scene = Scene::new();
    let revoke = scene.revocations.revoke_session(ISSUER, "s1");
    revoke.await.unwrap();
    let token: BearerToken = scene.token().build().parse().unwrap();
    let token = scene.verifier().oneshot(token).await.unwrap();
    assert!(token.is_current());
    assert_eq!(InvalidReason::Revoked.as_str(), "revoked");
}
