//! Requests, and the empty service that they go to.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use tower::ServiceExt;
use tower_service::Service;

/// The `Authorization` header as hyper reads it: a slice of a shared buffer, so that clones are cheap.
pub(crate) fn authorization(token: &str) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from_owner(format!("Bearer {token}"))).unwrap()
}

/// A request with an `Authorization` header. Every figure of a request includes the cost of making it.
pub(crate) fn request<B>(header: &HeaderValue, body: B) -> Request<B> {
    let mut request = Request::new(body);
    request.headers_mut().insert(AUTHORIZATION, header.clone());
    request
}

/// The empty service behind the layer.
#[derive(Debug, Clone)]
pub(crate) struct Nothing;

impl<B> Service<Request<B>> for Nothing {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(Response::new(())))
    }
}

/// The response of a service that never waits. A server calls it in the same way: one clone per connection, many
/// requests per clone.
pub(crate) fn answer<S, R>(service: &mut S, request: R) -> S::Response
where
    S: Service<R>,
    S::Error: std::fmt::Debug,
{
    at_once(service.ready()).unwrap();
    at_once(service.call(request)).unwrap()
}

/// The output of a future that is ready at the first poll.
pub(crate) fn at_once<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("there is nothing to wait for")
}
