//! A scenario's closure, and what several scenarios send to the layer.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderValue, Method, Request};
use http_body_util::Empty;
use tower_bearer_auth::testing::{SigningKey, TokenBuilder};
use tower_bearer_auth::{BearerAuthLayer, JwtVerifier, Verifier};
use tower_layer::Layer;
use tower_service::Service;

use crate::support::{AUDIENCE, ISSUER, Nothing, answer, authorization, request};

/// One round of a measurement, usually one request.
pub(crate) type Call = Box<dyn FnMut()>;

/// Sends requests with this header to a service, and asserts this status.
pub(super) fn calls<S, R>(mut service: S, header: HeaderValue, method: Method, status: u16) -> Call
where
    S: Service<Request<Empty<Bytes>>, Response = http::Response<R>, Error = Infallible> + 'static,
{
    Box::new(move || {
        let mut request = request(&header, Empty::<Bytes>::new());
        *request.method_mut() = method.clone();
        assert_eq!(answer(&mut service, request).status().as_u16(), status);
    })
}

pub(super) fn good(verifier: impl Verifier, header: HeaderValue) -> Call {
    calls(
        BearerAuthLayer::new(verifier).layer(Nothing),
        header,
        Method::GET,
        200,
    )
}

/// A token for the figures that depend on the content of the token.
pub(crate) fn token_of(key: &SigningKey) -> TokenBuilder {
    key.token()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .subject("alice")
}

/// The verifier for the tokens of [`token_of`].
pub(crate) fn verifier_of<'k>(keys: impl IntoIterator<Item = &'k SigningKey>) -> JwtVerifier {
    JwtVerifier::builder()
        .jwks_json(SigningKey::jwk_set(keys).to_string())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .build()
        .unwrap()
}

/// One request with this token to the layer around the empty service.
pub(crate) fn through_the_layer(verifier: impl Verifier, token: &str) -> Call {
    good(verifier, authorization(token))
}
