//! Refusals that the application maps to answers of its own.

mod components;
mod connections;
mod inheritance;
mod mapping;
mod panics;
mod ready_made;
mod refused;

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};
use tower_bearer_auth::possession::Dpop;
use tower_bearer_auth::reject::{Refused, ReplyBody};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, InvalidReason, Verifier, VerifyError, verify_fn,
};

use crate::support::{Answer, read};

type Guarded = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// A mapping as a value.
type Map = Arc<dyn Fn(&Refused, Response<ReplyBody>) -> Response<ReplyBody> + Send + Sync>;

fn guarded<S, B>(service: S) -> Guarded
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    BoxCloneSyncService::new(service.map_response(|response| response.map(Body::new)))
}

/// Refuses certain tokens by their text. `nameless` has no principal.
fn auth() -> BearerAuthLayer<impl Verifier> {
    BearerAuthLayer::new(verify_fn(|token| async move {
        match token.as_str() {
            "bad" => Err(VerifyError::invalid(InvalidReason::Expired)),
            "down" => Err(VerifyError::unavailable("the key server is on fire")),
            "nonce" => Err(VerifyError::nonce_required("n-0S6_WzA2Mj")),
            "nameless" => Ok(AccessToken::builder(token).build()),
            _ => Ok(AccessToken::builder(token).subject("alice").build()),
        }
    }))
    .realm("notes")
}

/// The same, with challenges of two schemes.
fn with_dpop() -> BearerAuthLayer<impl Verifier> {
    auth().dpop(Dpop::new().origin("https://api.test"))
}

type Headers = &'static [(&'static str, &'static str)];

const GOOD: (&str, &str) = ("authorization", "Bearer good");

fn request(method: &str, headers: Headers, body: &'static str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body)).unwrap()
}

/// The whole answer of a service to a request without a body.
async fn answer<S, B>(service: S, headers: Headers) -> Answer
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Error: std::fmt::Debug>,
{
    let request = request("POST", headers, "");
    read(service.oneshot(request).await.unwrap()).await
}

/// The values of a field, in order.
fn values<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    let values = answer.headers.get_all(name).iter();
    values.map(|value| value.to_str().unwrap()).collect()
}
