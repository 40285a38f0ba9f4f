//! Connections that end when their token becomes invalid: `AccessToken::until_invalid`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::poll;
use tokio::time::{advance, timeout};
use tower::ServiceExt;
use tower_bearer_auth::jwks::{HttpKeySource, Jwks};
use tower_bearer_auth::testing::TestIssuer;
use tower_bearer_auth::{AccessToken, AccessTokenBuilder, Clock, InvalidReason, JwtVerifier};

fn start() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn builder(clock: &Clock) -> AccessTokenBuilder {
    AccessToken::builder("any".parse().unwrap()).clock(clock.clone())
}

/// Advances both clocks.
async fn pass(clock: &Clock, time: Duration) {
    clock.advance(time);
    advance(time).await;
}

#[tokio::test(start_paused = true)]
async fn it_completes_at_the_expiry_plus_the_leeway_by_the_verifiers_clock() {
    let clock = Clock::manual(start());
    let token = builder(&clock)
        .expires_at(start() + Duration::from_secs(600))
        .leeway(Duration::from_secs(30))
        .build();
    let mut until_invalid = token.until_invalid();
    assert!(poll!(&mut until_invalid).is_pending());
    pass(&clock, Duration::from_secs(629)).await;
    assert!(poll!(&mut until_invalid).is_pending());
    assert!(token.is_current());
    pass(&clock, Duration::from_secs(1)).await;
    let woken = timeout(Duration::from_secs(1), &mut until_invalid).await;
    assert_eq!(woken.unwrap(), InvalidReason::Expired);
    assert!(!token.is_current());
    // For an invalid token, the future is ready at once.
    assert_eq!(token.until_invalid().await, InvalidReason::Expired);
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_is_ahead_of_the_verifiers_clock_decides_nothing() {
    let clock = Clock::manual(start());
    let expiry = start() + Duration::from_secs(60);
    let token = builder(&clock).expires_at(expiry).build();
    let mut until_invalid = token.until_invalid();
    // Only tokio's clock advances.
    let early = timeout(Duration::from_secs(3600), &mut until_invalid).await;
    assert!(early.is_err());
    clock.set(expiry);
    let woken = timeout(Duration::from_secs(61), &mut until_invalid).await;
    assert_eq!(woken.unwrap(), InvalidReason::Expired);
}

#[tokio::test(start_paused = true)]
async fn it_ends_a_loop_that_waits_for_messages() {
    let clock = Clock::manual(start());
    let token = builder(&clock).expires_at(start() + Duration::from_secs(5));
    let token = token.build();
    let mut until_invalid = token.until_invalid();
    let mut messages = 0;
    let reason = loop {
        tokio::select! {
            reason = &mut until_invalid => break reason,
            () = tokio::time::sleep(Duration::from_secs(1)) => {
                clock.advance(Duration::from_secs(1));
                messages += 1;
            }
        }
    };
    assert_eq!((messages, reason), (5, InvalidReason::Expired));
}

#[test]
fn it_never_completes_for_a_token_without_an_end_and_needs_no_runtime_then() {
    let clock = Clock::manual(start());
    let mut until_invalid = builder(&clock).build().until_invalid();
    clock.advance(Duration::from_secs(1_000_000_000));
    let waker = std::task::Waker::noop();
    let mut context = std::task::Context::from_waker(waker);
    let polled = std::pin::Pin::new(&mut until_invalid).poll(&mut context);
    assert!(polled.is_pending());
}

#[tokio::test]
async fn it_completes_when_the_key_is_withdrawn() {
    let issuer = TestIssuer::start().await;
    let source = HttpKeySource::builder(issuer.jwks_url()).build().unwrap();
    let jwks = Jwks::builder(source).build().unwrap();
    let verifier = JwtVerifier::builder()
        .jwks(jwks.clone())
        .issuer(issuer.issuer())
        .audience("api")
        .build()
        .unwrap();
    let token = issuer.token().audience("api").build();
    let token = verifier.oneshot(token.parse().unwrap()).await.unwrap();
    let enriched = token.to_builder().claim("plan", "gold").build();
    tokio::time::pause();
    let mut until_invalid = token.until_invalid();
    let waiting = tokio::spawn(enriched.until_invalid());
    assert!(poll!(&mut until_invalid).is_pending());
    advance(Duration::from_secs(10)).await;
    assert!(poll!(&mut until_invalid).is_pending());
    assert!(jwks.withdraw("key-1"));
    // A sleeping task sees the withdrawal within a second. A future that is polled sees it at once.
    let woken = timeout(Duration::from_millis(1100), waiting).await;
    assert_eq!(woken.unwrap().unwrap(), InvalidReason::Revoked);
    assert_eq!(until_invalid.await, InvalidReason::Revoked);
}

#[tokio::test(start_paused = true)]
async fn it_completes_within_a_minute_after_the_clock_has_jumped() {
    let clock = Clock::manual(start());
    let token = builder(&clock).expires_at(start() + Duration::from_secs(3600));
    let mut until_invalid = token.build().until_invalid();
    let a_moment = timeout(Duration::from_secs(1), &mut until_invalid);
    a_moment.await.unwrap_err();
    clock.advance(Duration::from_secs(7200));
    let reason = timeout(Duration::from_secs(61), until_invalid).await;
    assert_eq!(reason, Ok(InvalidReason::Expired));
}
