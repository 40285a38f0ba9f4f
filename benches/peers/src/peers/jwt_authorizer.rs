//! Its responses are those of axum 0.7.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use axum_7::Router;
use axum_7::routing::get;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Empty;
use jwt_authorizer::layer::AuthorizationLayer;
use jwt_authorizer::{
    AuthError, IntoLayer, JwtAuthorizer, JwtClaims, RegisteredClaims, Validation,
};
use tower_layer::Layer;
use tower_service::Service;

use super::{App, Guard, NOTES, Setup};
use crate::support::service::{answer, at_once, request};

fn layer(setup: &Setup) -> AuthorizationLayer<RegisteredClaims> {
    let validation = Validation::new()
        .iss(&[setup.issuer])
        .aud(&[setup.audience])
        .nbf(true);
    let authorizer = JwtAuthorizer::from_jwks_text(&setup.jwk_set).validation(validation);
    at_once(authorizer.build()).unwrap().into_layer()
}

/// The response of the empty service, with the conversion that the layer needs.
struct Reply(StatusCode);

impl From<AuthError> for Reply {
    fn from(error: AuthError) -> Self {
        Self(axum_7::response::IntoResponse::into_response(error).status())
    }
}

#[derive(Debug, Clone)]
struct Empties;

impl<B> Service<Request<B>> for Empties {
    type Response = Reply;
    type Error = Infallible;
    type Future = Ready<Result<Reply, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(Reply(StatusCode::OK)))
    }
}

pub(super) fn guard(setup: &Setup) -> Guard {
    let mut service = layer(setup).layer(Empties);
    Box::new(move |header| answer(&mut service, request(header, Empty::<Bytes>::new())).0)
}

pub(super) fn app(setup: &Setup) -> App {
    let app = Router::new()
        .route(
            "/notes",
            get(|_: JwtClaims<RegisteredClaims>| async { NOTES }),
        )
        .layer(layer(setup));
    App::Axum7(app)
}
