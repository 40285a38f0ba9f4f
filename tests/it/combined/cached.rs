//! Which results are cached, for how long, and which requests share a verification.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use serde_json::json;
use tower::{Layer, ServiceBuilder};
use tower_bearer_auth::jwks::{HttpKeySource, Jwks};
use tower_bearer_auth::testing::{Fault, TestIssuer};
use tower_bearer_auth::{
    AccessToken, CacheLayer, Cached, Clock, IntrospectionVerifier, InvalidReason, JwtVerifier,
    VerifierExt, VerifyError, verify_fn,
};

use super::{AUDIENCE, Calls, assert_unavailable, refused, verify};

const MINUTE: Duration = Duration::from_secs(60);

fn start() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn cache(clock: &Clock) -> CacheLayer {
    CacheLayer::new(100).clock(clock.clone())
}

#[tokio::test]
async fn a_token_is_verified_once_and_carries_its_own_header() {
    let calls = Calls::default();
    let verifier = calls.always(Ok("alice")).cached(100);
    for _ in 0..3 {
        let token = verify(&verifier, "one").await.unwrap();
        assert_eq!(token.token().as_str(), "one");
    }
    verify(&verifier, "two").await.unwrap();
    assert_eq!(calls.count(), 2);

    let stats = verifier.stats();
    assert_eq!((stats.hits, stats.misses, stats.joined), (2, 2, 0));
    assert_eq!((stats.refused, stats.entries), (0, 2));
}

#[tokio::test]
async fn clones_share_what_they_remember_and_layers_do_not() {
    let calls = Calls::default();
    let layer = CacheLayer::new(100);
    let one = layer.layer(calls.always(Ok("alice")));
    let other = layer.layer(calls.always(Ok("alice")));
    verify(&one.clone(), "token").await.unwrap();
    verify(&one, "token").await.unwrap();
    assert_eq!(calls.count(), 1);
    verify(&other, "token").await.unwrap();
    assert_eq!(calls.count(), 2);
}

#[tokio::test]
async fn what_is_older_than_its_time_is_verified_again() {
    let (clock, calls) = (Clock::manual(start()), Calls::default());
    let verifier = cache(&clock)
        .max_age(MINUTE)
        .layer(calls.always(Ok("alice")));
    verify(&verifier, "token").await.unwrap();
    clock.advance(MINUTE - Duration::from_millis(1));
    verify(&verifier, "token").await.unwrap();
    assert_eq!(calls.count(), 1);
    clock.advance(Duration::from_millis(1));
    verify(&verifier, "token").await.unwrap();
    assert_eq!(calls.count(), 2);
}

#[tokio::test]
async fn five_minutes_is_the_longest_by_default() {
    let (clock, calls) = (Clock::manual(start()), Calls::default());
    let verifier = cache(&clock).layer(calls.always(Ok("alice")));
    for (seconds, expected) in [(0, 1), (299, 1), (1, 2)] {
        clock.advance(Duration::from_secs(seconds));
        verify(&verifier, "token").await.unwrap();
        assert_eq!(calls.count(), expected);
    }
}

#[tokio::test]
async fn an_expired_token_is_never_served() {
    let clock = Clock::manual(start());
    let issuer = TestIssuer::start().await;
    let jwts = JwtVerifier::builder()
        .key(issuer.key().verifying_key())
        .issuer(issuer.issuer())
        .audience(AUDIENCE)
        .clock(clock.clone())
        .build()
        .unwrap();
    let verifier = cache(&clock).max_age(100 * MINUTE).layer(jwts);
    let token = issuer.token().audience(AUDIENCE).clock(clock.clone());
    let token = token.expires_in(10 * MINUTE).build();
    verify(&verifier, &token).await.unwrap();
    // The leeway of the verifier applies.
    clock.advance(11 * MINUTE - Duration::from_secs(1));
    verify(&verifier, &token).await.unwrap();
    assert_eq!(verifier.stats().hits, 1);
    clock.advance(Duration::from_secs(1));
    let expired = verify(&verifier, &token).await;
    assert_eq!(refused(expired), InvalidReason::Expired);
}

/// A verifier with fetched keys, behind a cache that keeps tokens for days.
async fn fetched(clock: &Clock) -> (TestIssuer, Jwks, Cached<JwtVerifier>, String) {
    let issuer = TestIssuer::start().await;
    let source = HttpKeySource::builder(issuer.jwks_url()).build().unwrap();
    let jwks = Jwks::builder(source).clock(clock.clone()).build().unwrap();
    let jwts = JwtVerifier::builder()
        .jwks(jwks.clone())
        .issuer(issuer.issuer())
        .audience(AUDIENCE)
        .clock(clock.clone())
        .build()
        .unwrap();
    let token = issuer.token().audience(AUDIENCE).clock(clock.clone());
    let token = token.expires_in(10_000 * MINUTE).build();
    let verifier = cache(clock).max_age(10_000 * MINUTE).layer(jwts);
    (issuer, jwks, verifier, token)
}

#[tokio::test]
async fn a_token_of_a_withdrawn_key_is_never_served() {
    let clock = Clock::manual(start());
    let (_issuer, jwks, verifier, token) = fetched(&clock).await;
    verify(&verifier, &token).await.unwrap();
    verify(&verifier, &token).await.unwrap();
    assert_eq!(verifier.stats().hits, 1);
    assert!(jwks.withdraw("key-1"));
    verify(&verifier, &token).await.unwrap_err();
    assert_eq!(verifier.stats().hits, 1);
}

#[tokio::test]
async fn a_key_that_left_its_set_takes_its_tokens_along() {
    let clock = Clock::manual(start());
    let (issuer, jwks, verifier, token) = fetched(&clock).await;
    verify(&verifier, &token).await.unwrap();
    issuer.rotate();
    issuer.retire_old_keys();
    jwks.refresh().await.unwrap();
    let retired = verify(&verifier, &token).await;
    assert_eq!(refused(retired), InvalidReason::UnknownKey);
}

#[tokio::test]
async fn a_server_that_remembers_all_its_tokens_still_refreshes_its_keys() {
    let clock = Clock::manual(start());
    let (issuer, jwks, verifier, token) = fetched(&clock).await;
    verify(&verifier, &token).await.unwrap();
    verify(&verifier, &token).await.unwrap();
    assert_eq!((verifier.stats().hits, issuer.jwks_requests()), (1, 1));

    // The keys are stale after fifteen minutes, so the next token waits for a fetch.
    clock.advance(16 * MINUTE);
    verify(&verifier, &token).await.unwrap();
    assert_eq!((verifier.stats().hits, issuer.jwks_requests()), (1, 2));
    // The key is still published, so the cached token is still valid.
    verify(&verifier, &token).await.unwrap();
    assert_eq!((verifier.stats().hits, issuer.jwks_requests()), (2, 2));

    // During an outage, each token is verified again with the stale keys.
    issuer.jwks_fault(Some(Fault::Status(http::StatusCode::BAD_GATEWAY)));
    clock.advance(16 * MINUTE);
    for _ in 0..3 {
        verify(&verifier, &token).await.unwrap();
    }
    assert_eq!(verifier.stats().hits, 2);
    assert!(jwks.status().last_error().is_some());
}

#[tokio::test]
async fn failures_are_not_remembered() {
    for error in [
        VerifyError::invalid(InvalidReason::Revoked),
        VerifyError::unavailable("down"),
    ] {
        let calls = Calls::default();
        let verifier = calls.always(Err(error)).cached(100);
        verify(&verifier, "token").await.unwrap_err();
        verify(&verifier, "token").await.unwrap_err();
        assert_eq!(calls.count(), 2);
        assert_eq!(verifier.stats().entries, 0);
    }
}

#[tokio::test]
async fn definite_refusals_are_remembered_for_a_while_where_that_is_asked_for() {
    use InvalidReason as Reason;
    for (reason, is_remembered) in [
        (Reason::Unrecognized, true),
        (Reason::Revoked, true),
        (Reason::Expired, true),
        (Reason::BadSignature, true),
        (Reason::UnknownKey, false),
        (Reason::NotYetValid, false),
    ] {
        let (clock, calls) = (Clock::manual(start()), Calls::default());
        let inner = calls.always(Err(VerifyError::invalid(reason)));
        let verifier = cache(&clock).remember_refusals(MINUTE).layer(inner);
        assert_eq!(refused(verify(&verifier, "token").await), reason);
        clock.advance(MINUTE - Duration::from_secs(1));
        assert_eq!(refused(verify(&verifier, "token").await), reason);
        let expected = if is_remembered { 1 } else { 2 };
        assert_eq!(calls.count(), expected, "{reason:?}");
        assert_eq!(verifier.stats().refused, u64::from(is_remembered));
        clock.advance(Duration::from_secs(1));
        assert_eq!(refused(verify(&verifier, "token").await), reason);
        assert_eq!(calls.count(), expected + 1, "{reason:?}");
    }
    let calls = Calls::default();
    let inner = calls.always(Err(VerifyError::unavailable("down")));
    let verifier = CacheLayer::new(100).remember_refusals(MINUTE).layer(inner);
    assert_unavailable(verify(&verifier, "token").await);
    assert_unavailable(verify(&verifier, "token").await);
    assert_eq!(calls.count(), 2);
}

#[tokio::test]
async fn made_up_tokens_drive_out_no_good_ones() {
    let calls = Calls::default();
    let good = calls.always(Ok("alice"));
    let inner = verify_fn(move |token| {
        let good = good.clone();
        async move {
            match token.as_str() {
                "good" => tower::ServiceExt::oneshot(good, token).await,
                _ => Err(VerifyError::invalid(InvalidReason::Unrecognized)),
            }
        }
    });
    let verifier = CacheLayer::new(10).remember_refusals(MINUTE).layer(inner);
    verify(&verifier, "good").await.unwrap();
    for n in 0..1_000 {
        verify(&verifier, &format!("made-up-{n}"))
            .await
            .unwrap_err();
    }
    verify(&verifier, "good").await.unwrap();
    assert_eq!(calls.count(), 1);
    assert!(verifier.stats().entries <= 20, "{:?}", verifier.stats());
}

#[tokio::test]
async fn it_holds_no_more_than_it_may() {
    let verifier = Calls::default().always(Ok("alice")).cached(10);
    for n in 0..1_000 {
        verify(&verifier, &format!("token-{n}")).await.unwrap();
    }
    assert!(verifier.stats().entries <= 10, "{:?}", verifier.stats());
}

#[tokio::test]
async fn checks_inside_are_remembered_and_those_outside_are_made_each_time() {
    let outer = Calls::default();
    let count = outer.clone();
    let verifier =
        Calls::default()
            .always(Ok("alice"))
            .cached(100)
            .check(move |_: &AccessToken| {
                count.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                Ok(())
            });
    for _ in 0..3 {
        verify(&verifier, "token").await.unwrap();
    }
    assert_eq!(outer.count(), 3);
}

#[tokio::test]
async fn a_token_that_is_remembered_takes_no_turn() {
    let calls = Calls::default();
    let shedding = ServiceBuilder::new()
        .layer(CacheLayer::new(100))
        .load_shed()
        .concurrency_limit(1)
        .service(calls.always(Ok("alice")));
    verify(&shedding, "token").await.unwrap();
    let all = join_all((0..50).map(|_| verify(&shedding, "token"))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(calls.count(), 1);
}

#[tokio::test]
async fn a_thousand_requests_with_a_cold_token_introspect_it_once() {
    let issuer = TestIssuer::start().await;
    let opaque = IntrospectionVerifier::builder(issuer.introspection_url())
        .client_secret_basic(TestIssuer::CLIENT_ID, TestIssuer::CLIENT_SECRET)
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let verifier = opaque.cached(100);
    let good = issuer.opaque_token(json!({"sub": "alice", "aud": AUDIENCE}));
    let all = join_all((0..1_000).map(|_| verify(&verifier, &good))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(issuer.introspection_requests(), 1);

    let all = join_all((0..1_000).map(|_| verify(&verifier, "unknown"))).await;
    assert!(
        all.into_iter()
            .all(|r| refused(r) == InvalidReason::Unrecognized)
    );
    assert_eq!(issuer.introspection_requests(), 2);

    issuer.introspection_fault(Some(Fault::Reset));
    let all = join_all((0..1_000).map(|_| verify(&verifier, "another"))).await;
    all.into_iter().for_each(assert_unavailable);
    // The HTTP client may retry once after a broken connection.
    assert!(issuer.introspection_requests() <= 4);
}

#[tokio::test]
async fn a_revocation_takes_effect_within_the_bound() {
    let clock = Clock::manual(start());
    let issuer = TestIssuer::start().await;
    let opaque = IntrospectionVerifier::builder(issuer.introspection_url())
        .bearer_token(TestIssuer::ACCESS_TOKEN)
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let verifier = cache(&clock).max_age(MINUTE).layer(opaque);
    let token = issuer.opaque_token(json!({"aud": AUDIENCE}));
    verify(&verifier, &token).await.unwrap();
    issuer.revoke(&token);
    clock.advance(MINUTE - Duration::from_secs(1));
    verify(&verifier, &token).await.unwrap();
    clock.advance(Duration::from_secs(1));
    let revoked = verify(&verifier, &token).await;
    assert_eq!(refused(revoked), InvalidReason::Unrecognized);
}

#[test]
fn debug_shows_counts_and_no_token() {
    let verifier = Calls::default().always(Ok("alice")).cached(10);
    let shown = format!("{verifier:?} {:?}", CacheLayer::new(1));
    assert!(shown.contains("hits"), "{shown}");
    let mut future = pin!(verify(&verifier, "secret-token"));
    let waker = futures_util::task::noop_waker();
    let mut cx = std::task::Context::from_waker(&waker);
    assert!(matches!(future.as_mut().poll(&mut cx), Poll::Ready(Ok(_))));
    assert!(!format!("{verifier:?}").contains("secret-token"));
}

#[test]
#[should_panic(expected = "must not be zero")]
fn a_cache_of_nothing_panics() {
    let _ = CacheLayer::new(0);
}
