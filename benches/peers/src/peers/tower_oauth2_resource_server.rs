use axum::routing::get;
use axum::{Extension, Router};
use tower_layer::Layer;
use tower_oauth2_resource_server::claims::DefaultClaims;
use tower_oauth2_resource_server::layer::OAuth2ResourceServerLayer;
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;
use tower_oauth2_resource_server::validation::ClaimsValidationSpec;

use super::{App, Guard, NOTES, Setup, through};
use crate::support::service::{Nothing, at_once};

fn layer<B: Default>(setup: &Setup) -> OAuth2ResourceServerLayer<B, DefaultClaims> {
    let audiences = vec![setup.audience.to_owned()];
    // Without `nbf`: it checks the claim only if it requires the claim, which the tokens do not have.
    let claims = ClaimsValidationSpec::recommended(setup.issuer, &audiences).nbf(false);
    let tenant = TenantConfiguration::static_builder(setup.jwk_set.clone())
        .claims_validation(claims)
        .allowed_algorithms(&[setup.algorithm.as_str().parse().unwrap()])
        .build()
        .unwrap();
    let server = OAuth2ResourceServer::<DefaultClaims>::builder().add_tenant(tenant);
    at_once(server.build()).unwrap().into_layer()
}

pub(super) fn guard(setup: &Setup) -> Guard {
    through(layer(setup).layer(Nothing))
}

pub(super) fn app(setup: &Setup) -> App {
    let app = Router::new()
        .route("/notes", get(|_: Extension<DefaultClaims>| async { NOTES }))
        .layer(layer(setup));
    App::Axum8(app)
}
