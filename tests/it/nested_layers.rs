//! A `BearerAuthLayer` inside another one.

use std::convert::Infallible;

use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_bearer_auth::{AccessToken, BearerAuthLayer, StaticTokenVerifier};
use tracing::Level;

use crate::support::{Inner, answer_of, no_token, table, with_token};
use crate::telemetry::recorded::Recorded;

type Body = Full<bytes::Bytes>;

fn auth() -> BearerAuthLayer<StaticTokenVerifier> {
    BearerAuthLayer::new(table())
}

/// Responds with the caller's identity.
fn whoami()
-> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone
{
    service_fn(|request: Request<Body>| async move {
        let token = request.extensions().get::<AccessToken>();
        let name = token.map(|token| token.subject().unwrap_or("nameless").to_owned());
        Ok(Response::new(name.unwrap_or("anonymous".to_owned()).into()))
    })
}

#[track_caller]
fn assert_logged(recorded: &Recorded, times: usize) {
    let events = recorded.events("tower_bearer_auth::setup");
    assert_eq!(events.len(), times, "{events:?}");
    for event in events {
        assert_eq!(event.level, Level::ERROR);
        assert_eq!(event.fields["by"], "BearerAuthLayer");
        let message = &event.fields["message"];
        assert!(message.contains("inside another one"), "{message}");
        assert!(message.contains("forward_authorization()"), "{message}");
    }
}

#[tokio::test]
async fn an_inner_layer_without_the_header_refuses_and_logs_the_cause_once() {
    let recorded = Recorded::start();
    let inner = Inner::default();
    let service = auth().layer(auth().layer(inner.clone()));
    for _ in 0..3 {
        let answer = answer_of(service.clone(), with_token("reader")).await;
        answer.assert_refusal(401, Some("Bearer"), &no_token());
        assert_logged(&recorded, 1);
    }
    assert_eq!(inner.calls(), 0);
    // Another pair of layers logs its own error.
    let other = auth().layer(auth().layer(inner));
    answer_of(other, with_token("reader")).await;
    assert_logged(&recorded, 2);
}

#[tokio::test]
async fn an_optional_inner_layer_does_not_adopt_the_outer_layers_token() {
    let recorded = Recorded::start();
    let service = auth().layer(auth().optional().layer(whoami()));
    for _ in 0..3 {
        let answer = answer_of(service.clone(), with_token("reader")).await;
        assert_eq!(answer.body, "anonymous");
        assert_logged(&recorded, 1);
    }
}

#[tokio::test]
async fn an_outer_layer_that_forwards_the_header_is_not_reported() {
    let recorded = Recorded::start();
    for inner in [auth(), auth().optional()] {
        let service = auth().forward_authorization().layer(inner.layer(whoami()));
        let answer = answer_of(service, with_token("reader")).await;
        assert_eq!(answer.body, "alice");
    }
    assert_logged(&recorded, 0);
}

#[tokio::test]
async fn a_request_without_a_token_is_not_reported() {
    let recorded = Recorded::start();
    let without = || Request::new(Full::default());
    let service = auth().optional().layer(auth().layer(Inner::default()));
    let answer = answer_of(service, without()).await;
    answer.assert_refusal(401, Some("Bearer"), &no_token());

    // Neither is an `AccessToken` that the application itself inserted.
    let mut request = without();
    let token = AccessToken::builder("made-up".parse().unwrap()).build();
    request.extensions_mut().insert(token);
    let answer = answer_of(auth().layer(Inner::default()), request).await;
    answer.assert_refusal(401, Some("Bearer"), &no_token());
    assert_logged(&recorded, 0);
}
