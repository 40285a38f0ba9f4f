//! Requests that are cancelled, and runtimes that shut down, while keys are fetched.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tower::Service;

use super::{Fixture, at_once, eventually, unavailable, verify};
use tower_bearer_auth::testing::Fault;
use tower_bearer_auth::verify::jwt::JwtVerifierFuture;

fn slow() -> Option<Fault> {
    Some(Fault::Delay(Duration::from_millis(100)))
}

impl Fixture {
    /// A request that was polled once and is pending.
    fn waiting(&self, token: &str) -> JwtVerifierFuture {
        let mut future = self.verifier.clone().call(token.parse().unwrap());
        let polled = pin!(&mut future).poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        future
    }
}

#[tokio::test]
async fn who_waits_for_a_fetch_gets_it_though_the_request_that_started_it_is_gone() {
    let fixture = Fixture::new().await;
    fixture.issuer.jwks_fault(slow());
    let token = fixture.token().build();
    let first = fixture.waiting(&token);
    let others = [fixture.waiting(&token), fixture.waiting(&token)];
    eventually(|| fixture.fetches() == 1).await;
    drop(first);
    for other in others {
        other.await.unwrap();
    }
    assert_eq!(fixture.fetches(), 1);
}

#[tokio::test]
async fn a_fetch_completes_after_its_requests_were_dropped() {
    let fixture = Fixture::new().await;
    fixture.issuer.jwks_fault(slow());
    let token = fixture.token().build();
    // The requests are dropped before the fetch runs.
    drop([fixture.waiting(&token), fixture.waiting(&token)]);
    eventually(|| fixture.jwks.status().is_usable()).await;
    fixture.at_once(&token).unwrap();
    assert_eq!(fixture.fetches(), 1);
}

#[tokio::test]
async fn a_fetch_whose_requests_were_dropped_still_times_out() {
    let fixture = Fixture::configured(|jwks| jwks.fetch_timeout(Duration::from_millis(100))).await;
    fixture.issuer.jwks_fault(Some(Fault::Hang));
    let token = fixture.token().build();
    drop(fixture.waiting(&token));
    eventually(|| fixture.jwks.status().last_error().is_some()).await;
    assert_eq!(unavailable(fixture.at_once(&token)), 1);
    fixture.issuer.jwks_fault(None);
    fixture.recover().await;
    fixture.at_once(&token).unwrap();
}

#[tokio::test]
async fn a_refresh_that_is_dropped_completes_as_well() {
    let fixture = Fixture::loaded().await;
    fixture.issuer.rotate();
    fixture.issuer.jwks_fault(slow());
    {
        let mut refresh = pin!(fixture.jwks.refresh());
        let polled = refresh
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
    eventually(|| fixture.jwks.status().keys() == 2).await;
    assert_eq!(fixture.fetches(), 2);
}

/// An issuer on a separate runtime, which outlives the runtimes of the test.
fn elsewhere() -> (Runtime, Fixture) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let fixture = runtime.block_on(Fixture::new());
    (runtime, fixture)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_runtime_that_shuts_down_during_a_fetch_leaves_the_set_usable_from_another() {
    let (_serving, fixture) = elsewhere();
    let token = fixture.token().build();
    fixture.issuer.jwks_fault(Some(Fault::Hang));
    let first = runtime();
    let waiting = {
        let _entered = first.enter();
        fixture.waiting(&token)
    };
    first.block_on(eventually(|| fixture.fetches() == 1));
    drop(first);
    // The interruption is not a failure of the source, so it starts no backoff.
    assert_eq!(fixture.jwks.status().last_error(), None);

    let second = runtime();
    second.block_on(async {
        assert_eq!(unavailable(waiting.await), 0);
        fixture.issuer.jwks_fault(None);
        fixture.verify(&token).await.unwrap();
    });
    assert_eq!(fixture.fetches(), 2);
}

#[test]
fn a_set_may_be_loaded_in_one_runtime_and_refreshed_in_others() {
    let (_serving, fixture) = elsewhere();
    // The connections in the HTTP client's pool end with the runtime that they were opened in.
    for _ in 0..3 {
        runtime().block_on(fixture.jwks.refresh()).unwrap();
    }
    assert_eq!(fixture.fetches(), 3);
    fixture.at_once(&fixture.token().build()).unwrap();
}

#[test]
fn outside_a_runtime_keys_that_are_there_are_used_and_others_are_unavailable() {
    let (_serving, fixture) = elsewhere();
    let token = fixture.token().build();
    assert_eq!(unavailable(at_once(&fixture.verifier, &token)), 1);
    let status = fixture.jwks.status();
    assert!(status.last_error().unwrap().contains("tokio runtime"));
    let mut refresh = pin!(fixture.jwks.refresh());
    let mut no_waker = Context::from_waker(Waker::noop());
    assert!(matches!(
        refresh.as_mut().poll(&mut no_waker),
        Poll::Ready(Err(_))
    ));
    assert_eq!(fixture.fetches(), 0);

    fixture.advance(2);
    runtime()
        .block_on(verify(&fixture.verifier, &token))
        .unwrap();
    at_once(&fixture.verifier, &token).unwrap();
    // The refresh that is due cannot start outside a runtime. The keys still verify tokens.
    fixture.advance(800);
    at_once(&fixture.verifier, &fixture.token().build()).unwrap();
    assert!(fixture.jwks.status().last_error().is_some());
}
