//! Tokens that are cached or in use when they are revoked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use futures_util::StreamExt;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tower::Layer;
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth::{AccessToken, BearerAuthLayer, VerifierExt};

use super::scene::{ISSUER, Scene, at};
use crate::support::{Inner, PATIENCE, answer_of, get_with, serve_axum, with_token};
use crate::telemetry::recorded::Recorded;

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
async fn an_open_stream_ends_and_a_handler_sees_that_its_token_is_revoked() {
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
