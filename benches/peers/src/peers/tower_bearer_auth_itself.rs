use axum::Router;
use axum::routing::get;
use tower_bearer_auth::{AccessToken, BearerAuthLayer, JwtVerifier, Verifier, VerifierExt};
use tower_layer::Layer;

use super::{App, Guard, NOTES, Setup, through};
use crate::support::service::Nothing;

const CACHED_TOKENS: usize = 1_000;

fn verifier(setup: &Setup) -> JwtVerifier {
    JwtVerifier::builder()
        .jwks_json(setup.jwk_set.clone())
        .issuer(setup.issuer)
        .audience(setup.audience)
        .build()
        .unwrap()
}

pub(super) fn guard(setup: &Setup) -> Guard {
    through(BearerAuthLayer::new(verifier(setup)).layer(Nothing))
}

pub(super) fn cached_guard(setup: &Setup) -> Guard {
    let verifier = verifier(setup).cached(CACHED_TOKENS);
    through(BearerAuthLayer::new(verifier).layer(Nothing))
}

pub(super) fn app(setup: &Setup) -> App {
    app_with(verifier(setup))
}

pub(super) fn cached_app(setup: &Setup) -> App {
    app_with(verifier(setup).cached(CACHED_TOKENS))
}

fn app_with(verifier: impl Verifier) -> App {
    let app = Router::new()
        .route("/notes", get(|_: AccessToken| async { NOTES }))
        .layer(BearerAuthLayer::new(verifier));
    App::Axum8(app)
}
