use std::sync::Arc;

use axum::routing::get;
use axum::{Extension, Router};
use oauth_resource_server::http_layer::HttpAuthLayer;
use oauth_resource_server::{AuthorizedToken, KeyNaming, OAuthConfig, OAuthValidator};
use tower_layer::Layer;

use super::{App, Guard, NOTES, Setup, through};
use crate::support::service::Nothing;

fn layer(setup: &Setup) -> HttpAuthLayer {
    let config = OAuthConfig {
        enabled: true,
        issuer: setup.issuer.into(),
        // Not fetched: the keys are there from the start.
        jwks_uri: Some(format!("{}/keys", setup.issuer)),
        audience: setup.audience.into(),
        resource: setup.audience.into(),
        algorithms: vec![setup.algorithm.as_str().into()],
        allow_unscoped_tokens: true,
        ..OAuthConfig::default()
    };
    let config = config.resolve(KeyNaming::Dotted("oauth")).unwrap().unwrap();
    let validator = OAuthValidator::builder(&config)
        .initial_jwks(&setup.jwk_set)
        .build()
        .unwrap();
    HttpAuthLayer::builder()
        .oauth(Arc::new(validator))
        .build()
        .unwrap()
}

pub(super) fn guard(setup: &Setup) -> Guard {
    through(layer(setup).layer(Nothing))
}

pub(super) fn app(setup: &Setup) -> App {
    let app = Router::new()
        .route(
            "/notes",
            get(|_: Extension<AuthorizedToken>| async { NOTES }),
        )
        .layer(layer(setup));
    App::Axum8(app)
}
