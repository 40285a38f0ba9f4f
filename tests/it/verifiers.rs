//! Every form of verifier, tested with HTTP requests.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::{Semaphore, mpsc};
use tower::buffer::Buffer;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, BearerToken, Clock, ErasedVerifier, InvalidReason, StaticToken,
    StaticTokenVerifier, Verifier, VerifierExt, VerifyError, VerifyErrorKind, verify_fn,
};
use tower_layer::Layer;

use crate::support::{Inner, get_with, lacks_scope, serve, table};

async fn serve_with(verifier: impl Verifier) -> SocketAddr {
    serve(BearerAuthLayer::new(verifier).layer(Inner::default())).await
}

/// Accepts the token `good` and no other.
fn closure() -> impl Verifier<Error = VerifyError, Future: Send> {
    verify_fn(|token| async move {
        match token.as_str() {
            "good" => Ok(AccessToken::builder(token).build()),
            _ => Err(VerifyError::invalid(InvalidReason::Revoked)),
        }
    })
}

#[tokio::test]
async fn a_refusal_stays_a_refusal_through_every_wrapper() {
    let in_time = ServiceBuilder::new()
        .timeout(Duration::from_secs(60))
        .concurrency_limit(1)
        .service(closure());
    let shedding = ServiceBuilder::new()
        .load_shed()
        .concurrency_limit(1)
        .service(closure());
    let addresses = [
        serve_with(closure()).await,
        serve_with(closure().erased()).await,
        serve_with(closure().erased().erased()).await,
        serve_with(closure().check(|_| Ok(()))).await,
        serve_with(closure().map_err(BoxError::from)).await,
        serve_with(in_time).await,
        serve_with(shedding).await,
        serve_with(Buffer::new(closure(), 4)).await,
        serve_with(Buffer::new(Buffer::new(closure(), 4), 4).erased()).await,
        serve_with(BoxCloneSyncService::new(closure())).await,
    ];
    for address in addresses {
        get_with(address, "good").await.assert_passed();
        let answer = get_with(address, "bad").await;
        answer.assert_invalid_token("The access token was revoked");
        get_with(address, "good").await.assert_passed();
    }
}

#[tokio::test]
async fn the_static_table_answers_by_its_clock() {
    let start = UNIX_EPOCH + Duration::from_secs(1_000);
    let clock = Clock::manual(start);
    let expiry = start + Duration::from_secs(10);
    let verifier = StaticTokenVerifier::new([
        ("forever", StaticToken::new("ci")),
        ("for-a-while", StaticToken::new("cli").expires_at(expiry)),
    ])
    .clock(clock.clone());
    let address = serve_with(verifier).await;
    let unrecognized = "The access token is not recognized";

    get_with(address, "forever").await.assert_passed();
    get_with(address, "for-a-while").await.assert_passed();
    for unknown in ["for-a-whil", "for-a-while=", "For-a-while", "x"] {
        get_with(address, unknown)
            .await
            .assert_invalid_token(unrecognized);
    }
    clock.set(expiry - Duration::from_nanos(1));
    get_with(address, "for-a-while").await.assert_passed();
    clock.set(expiry);
    let answer = get_with(address, "for-a-while").await;
    answer.assert_invalid_token("The access token expired");
    get_with(address, "forever").await.assert_passed();
}

#[tokio::test]
async fn a_verifier_that_cannot_fail_needs_no_error_type() {
    let verifier = service_fn(|token: BearerToken| async move {
        Ok::<_, Infallible>(AccessToken::builder(token).build())
    });
    let address = serve_with(verifier).await;
    get_with(address, "whatever").await.assert_passed();
    let answer = get_with(address, "what ever").await;
    answer.assert_invalid_token("The access token is malformed");
}

#[tokio::test]
async fn a_boxed_error_means_an_outage_unless_a_refusal_travels_in_it() {
    let verifier = service_fn(|token: BearerToken| async move {
        let stale = Wrapped(VerifyError::invalid("The key is stale"));
        let outage = VerifyError::unavailable("down").with_retry_after(Duration::from_secs(7));
        match token.as_str() {
            "text" => Err(BoxError::from("bad key")),
            "io" => Err(io::Error::other("connection reset").into()),
            "stale" => Err(stale.into()),
            "later" => Err(io::Error::other(Wrapped(outage)).into()),
            _ => Ok(AccessToken::builder(token).build()),
        }
    });
    let address = serve_with(verifier).await;
    for (token, seconds) in [("text", "5"), ("io", "5"), ("later", "7")] {
        let answer = get_with(address, token).await;
        answer.assert_outage();
        assert_eq!(answer.header("retry-after"), Some(seconds), "{token}");
    }
    let answer = get_with(address, "stale").await;
    answer.assert_invalid_token("The key is stale");
    get_with(address, "good").await.assert_passed();
}

#[derive(Debug)]
struct Wrapped(VerifyError);

impl std::fmt::Display for Wrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("wrapped")
    }
}

impl std::error::Error for Wrapped {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[tokio::test]
async fn a_buffer_whose_service_failed_is_an_outage() {
    let (verifier, mut handle) = tower_test::mock::pair::<BearerToken, AccessToken>();
    handle.send_error(VerifyError::unavailable("gone").with_retry_after(Duration::from_secs(30)));
    let address = serve_with(Buffer::new(verifier, 4)).await;
    for _ in 0..2 {
        let answer = get_with(address, "any").await;
        answer.assert_outage();
        assert_eq!(answer.header("retry-after"), Some("30"));
    }
}

#[tokio::test]
async fn a_condition_is_asked_about_verified_tokens_only() {
    let verifier = table().check(|token| {
        assert_eq!(token.client_id(), Some("cli"));
        match token.token().as_str() {
            "admin" => Err(VerifyError::invalid("Administrators are on holiday")),
            "writer" => Err(VerifyError::unavailable("no list of authors")),
            _ => Ok(token.require_scopes(["read", "review"])?),
        }
    });
    let layer = BearerAuthLayer::new(verifier.clone()).required_scopes(["use"]);
    let address = serve(layer.layer(Inner::default())).await;
    let lacking = r#"Bearer error="insufficient_scope", scope="use read review", error_description="The access token lacks a required scope""#;
    let answer = get_with(address, "reader").await;
    answer.assert_refusal(403, Some(lacking), &lacks_scope());

    let address = serve_with(verifier).await;
    let answer = get_with(address, "admin").await;
    answer.assert_invalid_token("Administrators are on holiday");
    get_with(address, "writer").await.assert_outage();
    let answer = get_with(address, "who").await;
    answer.assert_invalid_token("The access token is not recognized");
    let answer = get_with(address, "stale").await;
    answer.assert_invalid_token("The access token expired");
}

#[tokio::test]
async fn verifiers_of_several_types_share_one_by_erasure() {
    let closed = verify_fn(|_| async { Err(VerifyError::invalid("Closed")) });
    let verifiers: [ErasedVerifier; 2] = [table().erased(), closed.erased()];
    let mut answers = Vec::new();
    for verifier in verifiers {
        let verified = verifier.oneshot("reader".parse().unwrap()).await;
        answers.push(verified.map(|token| token.subject().map(str::to_owned)));
    }
    assert_eq!(answers[0].as_ref().unwrap().as_deref(), Some("alice"));
    let refusal = answers[1].as_ref().unwrap_err().kind();
    assert!(matches!(
        refusal,
        VerifyErrorKind::Invalid(InvalidReason::Other("Closed"))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_verifier_that_runs_into_its_timeout_is_unavailable() {
    let verifier = ServiceBuilder::new()
        .timeout(Duration::from_secs(2))
        .concurrency_limit(8)
        .service(verify_fn(|_| pending()));
    let inner = Inner::default();
    let address = serve(BearerAuthLayer::new(verifier).layer(inner.clone())).await;
    let answer = get_with(address, "good").await;
    answer.assert_outage();
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(inner.calls(), 0);
}

#[tokio::test]
async fn a_verifier_that_sheds_load_is_unavailable_until_it_has_room() {
    let go = Arc::new(Semaphore::new(0));
    let (called, mut calls) = mpsc::unbounded_channel();
    let slow = verify_fn({
        let go = Arc::clone(&go);
        move |token| {
            let (go, called) = (Arc::clone(&go), called.clone());
            async move {
                called.send(()).unwrap();
                let _permit = go.acquire().await.unwrap();
                Ok(AccessToken::builder(token).build())
            }
        }
    });
    let verifier = ServiceBuilder::new()
        .load_shed()
        .concurrency_limit(1)
        .service(slow);
    let address = serve_with(verifier).await;

    let first = tokio::spawn(async move { get_with(address, "first").await });
    calls.recv().await.unwrap();
    get_with(address, "second").await.assert_outage();

    go.add_permits(1);
    first.await.unwrap().assert_passed();
    get_with(address, "third").await.assert_passed();
}

#[tokio::test]
async fn the_longest_delay_does_not_overflow() {
    let verifier =
        verify_fn(|_| async { Err(VerifyError::unavailable("x").with_retry_after(Duration::MAX)) });
    let answer = get_with(serve_with(verifier).await, "any").await;
    answer.assert_outage();
    assert_eq!(answer.header("retry-after"), Some("18446744073709551615"));
}
