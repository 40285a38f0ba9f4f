//! When the layer polls its two services for readiness, and how long a request holds their permits.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio::sync::{Semaphore, mpsc};
use tower::limit::ConcurrencyLimit;
use tower::{Service, ServiceExt};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, BearerToken, Verifier, VerifyError, verify_fn,
};
use tower_layer::Layer;
use tower_test::mock;

use crate::support::{Inner, answer_of, get_with, no_token, read, serve, table, with_token};

type Incoming = Request<Full<Bytes>>;
type Outgoing = Response<Full<Bytes>>;

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The output of a future that is ready at once.
#[track_caller]
fn now<F: Future>(future: F) -> F::Output {
    match poll(pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits for something"),
    }
}

fn poll_ready<S: Service<Incoming>>(service: &mut S) -> Poll<Result<(), S::Error>> {
    service.poll_ready(&mut Context::from_waker(Waker::noop()))
}

fn permits(count: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(count))
}

fn limited<S>(service: S, permits: &Arc<Semaphore>) -> ConcurrencyLimit<S> {
    ConcurrencyLimit::with_semaphore(service, Arc::clone(permits))
}

fn without_token() -> Incoming {
    Request::new(Full::default())
}

/// A verifier that accepts every token, after it has got a permit of `gate`.
fn gated(gate: &Arc<Semaphore>) -> impl Verifier + use<> {
    let gate = Arc::clone(gate);
    verify_fn(move |token| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(AccessToken::builder(token).build())
        }
    })
}

#[tokio::test]
async fn the_instance_that_was_ready_is_the_one_that_is_called() {
    let (inner, mut handle) = mock::pair::<Incoming, Outgoing>();
    let mut service = BearerAuthLayer::new(table()).optional().layer(inner);
    // An instance of the mock panics if it is called without having been polled ready.
    for request in [with_token("reader"), without_token()] {
        assert!(poll_ready(&mut service).is_ready());
        let mut response = pin!(service.call(request));
        assert!(poll(response.as_mut()).is_pending());
        let (request, reply) = handle.next_request().await.unwrap();
        assert!(!request.headers().contains_key("authorization"));
        reply.send_response(Response::default());
        assert!(response.await.is_ok());
    }
}

#[tokio::test]
async fn the_layer_is_as_ready_as_its_inner_service() {
    let (inner, mut handle) = mock::pair::<Incoming, Outgoing>();
    let mut service = mock::Spawn::new(BearerAuthLayer::new(table()).layer(inner));
    handle.allow(0);
    assert!(service.poll_ready::<Incoming>().is_pending());
    handle.allow(1);
    assert!(service.is_woken());
    assert!(matches!(
        service.poll_ready::<Incoming>(),
        Poll::Ready(Ok(()))
    ));

    handle.send_error("the pool is gone");
    match service.poll_ready::<Incoming>() {
        Poll::Ready(Err(error)) => assert_eq!(error.to_string(), "the pool is gone"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_error_of_the_inner_service_stays_an_error() {
    let (inner, mut handle) = mock::pair::<Incoming, Outgoing>();
    let service = BearerAuthLayer::new(table()).layer(inner);
    let response = tokio::spawn(service.oneshot(with_token("reader")));
    handle
        .next_request()
        .await
        .unwrap()
        .1
        .send_error("broken pipe");
    assert_eq!(
        response.await.unwrap().unwrap_err().to_string(),
        "broken pipe"
    );
}

#[tokio::test]
async fn an_inner_permit_is_held_from_readiness_to_the_answer() {
    let (slots, gate) = (permits(1), permits(0));
    let inner = limited(Inner::default(), &slots);
    let mut service = BearerAuthLayer::new(gated(&gate)).layer(inner);
    let mut next = service.clone();

    assert!(poll_ready(&mut service).is_ready());
    let mut response = Box::pin(service.call(with_token("any")));
    assert!(poll(response.as_mut()).is_pending());
    assert_eq!(slots.available_permits(), 0);
    assert!(poll_ready(&mut service).is_pending());
    assert!(poll_ready(&mut next).is_pending());

    gate.add_permits(1);
    read(response.await.unwrap()).await.assert_passed();
    // The service that polled first gets the released permit.
    assert!(poll_ready(&mut service).is_ready());
    assert!(poll_ready(&mut next).is_pending());
}

#[tokio::test]
async fn a_refused_request_gives_its_inner_permit_back() {
    let slots = permits(1);
    let inner = Inner::default();
    let layer = BearerAuthLayer::new(table());
    let mut service = layer.layer(limited(inner.clone(), &slots));

    // The header alone is refused, so the permit is released before the response future is polled.
    assert!(poll_ready(&mut service).is_ready());
    let response = service.call(without_token());
    assert_eq!(slots.available_permits(), 1);
    read(response.await.unwrap())
        .await
        .assert_refusal(401, Some("Bearer"), &no_token());

    // The verifier refuses the token.
    assert!(poll_ready(&mut service).is_ready());
    let response = service.call(with_token("who"));
    assert_eq!(slots.available_permits(), 0);
    assert_eq!(response.await.unwrap().status(), 401);
    assert_eq!(slots.available_permits(), 1);
    assert_eq!(inner.calls(), 0);
}

#[tokio::test]
async fn a_dropped_response_future_releases_the_permits_of_both_services() {
    let (slots, verifications, gate) = (permits(1), permits(1), permits(0));
    let verifier = limited(gated(&gate), &verifications);
    let mut service = BearerAuthLayer::new(verifier).layer(limited(Inner::default(), &slots));

    // Dropped during the verification.
    assert!(poll_ready(&mut service).is_ready());
    let mut response = Box::pin(service.call(with_token("any")));
    assert!(poll(response.as_mut()).is_pending());
    assert_eq!(
        (slots.available_permits(), verifications.available_permits()),
        (0, 0)
    );
    drop(response);
    assert_eq!(
        (slots.available_permits(), verifications.available_permits()),
        (1, 1)
    );

    // Dropped before the first poll.
    assert!(poll_ready(&mut service).is_ready());
    drop(service.call(with_token("any")));
    assert_eq!(
        (slots.available_permits(), verifications.available_permits()),
        (1, 1)
    );
}

#[tokio::test]
async fn a_verified_request_keeps_no_permit_of_the_verifier_while_the_inner_service_works() {
    let verifications = permits(1);
    let (inner, mut handle) = mock::pair::<Incoming, Outgoing>();
    let verifier = limited(table(), &verifications);
    let mut service = BearerAuthLayer::new(verifier).layer(inner);
    assert!(poll_ready(&mut service).is_ready());
    let mut response = Box::pin(service.call(with_token("reader")));
    assert!(poll(response.as_mut()).is_pending());
    let (_request, _reply) = handle.next_request().await.unwrap();
    assert_eq!(verifications.available_permits(), 1);
}

#[tokio::test]
async fn a_connection_that_is_ready_and_idle_holds_no_permit_of_the_verifier() {
    let verifications = permits(1);
    let verifier = limited(table(), &verifications);
    let service = BearerAuthLayer::new(verifier).layer(Inner::default());
    let mut idle: Vec<_> = (0..3).map(|_| service.clone()).collect();
    assert!(
        idle.iter_mut()
            .all(|service| poll_ready(service).is_ready())
    );
    assert_eq!(verifications.available_permits(), 1);
    let answer = answer_of(service, with_token("reader")).await;
    answer.assert_passed();
}

#[tokio::test]
async fn one_request_more_than_the_verifier_takes_waits_for_a_permit() {
    let (verifications, gate) = (permits(2), permits(0));
    let (called, mut calls) = mpsc::unbounded_channel();
    let verifier = gated(&gate);
    let counted = tower::service_fn(move |token: BearerToken| {
        called.send(token.as_str().to_owned()).unwrap();
        verifier.clone().call(token)
    });
    let verifier = limited(counted.map_err(Into::<VerifyError>::into), &verifications);
    let address = serve(BearerAuthLayer::new(verifier).layer(Inner::default())).await;

    let mut requests = tokio::task::JoinSet::new();
    for token in ["first", "second"] {
        requests.spawn(async move { get_with(address, token).await });
        assert_eq!(calls.recv().await.unwrap(), token);
    }
    requests.spawn(async move { get_with(address, "third").await });
    gate.add_permits(1);
    requests.join_next().await.unwrap().unwrap().assert_passed();
    assert_eq!(calls.recv().await.unwrap(), "third");
    gate.add_permits(2);
    for answer in requests.join_all().await {
        answer.assert_passed();
    }
    assert_eq!(verifications.available_permits(), 2);
}

#[tokio::test]
async fn a_request_waits_for_its_verifier_in_its_own_future() {
    let (verifications, gate) = (permits(1), permits(0));
    let verifier = limited(gated(&gate), &verifications);
    let inner = Inner::default();
    let mut service = BearerAuthLayer::new(verifier).layer(inner.clone());
    let mut call = || {
        assert!(poll_ready(&mut service).is_ready());
        Box::pin(service.call(with_token("any")))
    };
    let (mut first, mut second) = (call(), call());
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    gate.add_permits(2);
    // The second request still waits for a permit of the verifier, although the gate is open.
    assert!(poll(second.as_mut()).is_pending());
    read(first.await.unwrap()).await.assert_passed();
    assert_eq!(inner.calls(), 1);
    read(second.await.unwrap()).await.assert_passed();
}

#[tokio::test]
async fn the_verifier_is_polled_for_readiness_by_a_request_and_not_by_the_connection() {
    let (verifier, mut handle) = mock::pair::<BearerToken, AccessToken>();
    let inner = Inner::default();
    let mut service = BearerAuthLayer::new(verifier).layer(inner.clone());

    // The next poll of the mock fails. The poll by the connection does not reach it.
    handle.send_error("no route to the key server");
    assert!(matches!(poll_ready(&mut service), Poll::Ready(Ok(()))));
    let answer = now(service.call(with_token("any"))).unwrap();
    read(answer).await.assert_outage();
    assert_eq!(inner.calls(), 0);

    // A request without a token does not poll the verifier.
    handle.send_error("no route to the key server");
    let answer = now(service.call(without_token())).unwrap();
    assert_eq!(answer.status(), 401);
    let answer = now(service.call(with_token("any"))).unwrap();
    assert_eq!(answer.status(), 503);
}

#[tokio::test]
async fn a_verifier_that_is_not_ready_is_waited_for_and_then_asked() {
    let (verifier, mut handle) = mock::pair::<BearerToken, AccessToken>();
    let mut service = BearerAuthLayer::new(verifier).layer(Inner::default());
    handle.allow(0);
    assert!(poll_ready(&mut service).is_ready());
    let mut response = Box::pin(service.call(with_token("any")));
    assert!(poll(response.as_mut()).is_pending());
    assert!(handle.poll_request().is_pending());

    handle.allow(1);
    assert!(poll(response.as_mut()).is_pending());
    let (token, reply) = handle.next_request().await.unwrap();
    assert_eq!(token.as_str(), "any");
    reply.send_response(AccessToken::builder(token).build());
    read(response.await.unwrap()).await.assert_passed();
}

#[tokio::test]
async fn a_verifier_that_is_gone_is_unavailable() {
    let (verifier, handle) = mock::pair::<BearerToken, AccessToken>();
    drop(handle);
    let address = serve(BearerAuthLayer::new(verifier).layer(Inner::default())).await;
    get_with(address, "any").await.assert_outage();
}
