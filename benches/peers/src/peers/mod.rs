//! The crate and its peers, each configured to check the signature, `exp`, `iss` and `aud`, and `nbf` if present.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Empty;
use tokio::net::TcpListener;
use tower_bearer_auth::Algorithm;
use tower_service::Service;

use crate::Result;
use crate::backend::Backend;
use crate::support::sample::{AUDIENCE, ISSUER, Sample};
use crate::support::service::{answer, request};

mod axum_jwt_auth;
mod jwt_authorizer;
mod oauth_resource_server;
mod tower_bearer_auth_itself;
mod tower_oauth2_resource_server;

/// What a verifier is configured with.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) algorithm: Algorithm,
    pub(crate) jwk_set: String,
    pub(crate) issuer: &'static str,
    pub(crate) audience: &'static str,
}

impl Setup {
    /// The setup that accepts the sample.
    pub(crate) fn of(algorithm: Algorithm) -> Self {
        Self::with_keys(algorithm, Sample::of(algorithm).jwk_set())
    }

    pub(crate) fn with_keys(algorithm: Algorithm, jwk_set: String) -> Self {
        Self {
            algorithm,
            jwk_set,
            issuer: ISSUER,
            audience: AUDIENCE,
        }
    }
}

/// Makes a request with this `Authorization` header, and sends it through the layer to the empty service.
pub(crate) type Guard = Box<dyn FnMut(&HeaderValue) -> StatusCode>;

/// An app with one route that needs a token.
pub(crate) enum App {
    Axum8(axum::Router),
    Axum7(axum_7::Router),
}

impl App {
    pub(crate) async fn serve(self, listener: TcpListener) -> Result<()> {
        match self {
            Self::Axum8(app) => axum::serve(listener, app).await?,
            Self::Axum7(app) => axum_7::serve(listener, app).await?,
        }
        Ok(())
    }
}

pub(crate) const NOTES: &str = r#"{"notes":["milk","bread"]}"#;

/// A crate with one of its backends.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) backend: Backend,
    /// Those of the [measured](crate::ALGORITHMS) algorithms that it supports.
    pub(crate) algorithms: &'static [Algorithm],
    pub(crate) guard: fn(&Setup) -> Guard,
    pub(crate) app: fn(&Setup) -> App,
}

const ASYMMETRIC: &[Algorithm] = &[Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

pub(crate) const PEERS: &[Peer] = &[
    Peer {
        name: "tower-bearer-auth, cached",
        backend: Backend::AwsLcRs,
        algorithms: crate::ALGORITHMS,
        guard: tower_bearer_auth_itself::cached_guard,
        app: tower_bearer_auth_itself::cached_app,
    },
    Peer {
        name: "tower-bearer-auth",
        backend: Backend::AwsLcRs,
        algorithms: crate::ALGORITHMS,
        guard: tower_bearer_auth_itself::guard,
        app: tower_bearer_auth_itself::app,
    },
    Peer {
        name: "jwt-authorizer",
        backend: Backend::Ring,
        algorithms: crate::ALGORITHMS,
        guard: jwt_authorizer::guard,
        app: jwt_authorizer::app,
    },
    Peer {
        name: "oauth-resource-server",
        backend: Backend::Ring,
        algorithms: ASYMMETRIC,
        guard: oauth_resource_server::guard,
        app: oauth_resource_server::app,
    },
    Peer {
        name: "axum-jwt-auth",
        backend: Backend::AwsLcRs,
        algorithms: crate::ALGORITHMS,
        guard: axum_jwt_auth::guard,
        app: axum_jwt_auth::app,
    },
    Peer {
        name: "axum-jwt-auth",
        backend: Backend::RustCrypto,
        algorithms: crate::ALGORITHMS,
        guard: axum_jwt_auth::guard,
        app: axum_jwt_auth::app,
    },
    Peer {
        name: "tower-oauth2-resource-server",
        backend: Backend::AwsLcRs,
        algorithms: crate::ALGORITHMS,
        guard: tower_oauth2_resource_server::guard,
        app: tower_oauth2_resource_server::app,
    },
    Peer {
        name: "tower-oauth2-resource-server",
        backend: Backend::RustCrypto,
        algorithms: crate::ALGORITHMS,
        guard: tower_oauth2_resource_server::guard,
        app: tower_oauth2_resource_server::app,
    },
];

/// The guard that a service is.
fn through<S, B>(mut service: S) -> Guard
where
    S: Service<http::Request<Empty<Bytes>>, Response = Response<B>> + 'static,
    S::Error: std::fmt::Debug,
{
    Box::new(move |header| answer(&mut service, request(header, Empty::new())).status())
}
