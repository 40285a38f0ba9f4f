//! The server: it rebuilds the head of the client's request, and lets a layer decide about it.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Once};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use serde_json::json;
use tower::{BoxError, ServiceExt, service_fn};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, ErasedVerifier, JwtVerifier, ProtectedResource, VerifierExt,
};
use tower_layer::Layer;

use super::identity;
use super::peers::TrustedPeers;
use super::proxy::{Mistake, Origin, Original, Proxy};
use super::rules::{Access, Rules};
use super::settings::{Settings, Statuses};

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// The status before `STATUSES` replaced it.
const STATUS: HeaderName = HeaderName::from_static("x-auth-status");

/// The target of events.
const LOG: &str = "forward_auth";

type Auth = BearerAuthLayer<ErasedVerifier>;

struct Checks {
    proxy: Proxy,
    check_path: String,
    origin: Origin,
    host: HeaderValue,
    trusted_peers: TrustedPeers,
    /// Each layer is built once: its keys and the proofs that it has seen are shared by all.
    layers: Rules<Auth>,
    statuses: Statuses,
    logged_peer: Once,
    logged_header: Once,
}

/// Checks at `CHECK_PATH`, and the metadata of the resource at the path that challenges name.
pub(crate) fn app(settings: &Settings) -> Result<Router, BoxError> {
    let issuer = settings.issuer.as_deref().ok_or("there is no issuer")?;
    let resource = ProtectedResource::new(&settings.resource).authorization_servers([issuer]);
    resource.check()?;
    let builder = JwtVerifier::builder().audience(&resource);
    let verifier = match &settings.jwks_url {
        Some(url) => builder.issuer(issuer).jwks_url(url),
        None => builder.discover(issuer),
    }
    .build()?;
    let mut auth = BearerAuthLayer::new(verifier.cached(10_000).erased()).resource(&resource);
    if let Some(dpop) = &settings.dpop {
        auth = auth.dpop(dpop.clone());
    }
    let metadata = auth.protected_resource().router();
    let checks = Checks {
        proxy: settings.proxy.clone(),
        check_path: settings.check_path.clone(),
        host: HeaderValue::from_str(settings.origin.authority().as_str())?,
        origin: settings.origin.clone(),
        trusted_peers: settings.trusted_peers.clone(),
        layers: settings.rules.map(|access| match access {
            Access::Anonymous => auth.clone().optional(),
            Access::Token(scopes) => auth.clone().required_scopes(scopes.iter()),
        }),
        statuses: settings.statuses.clone(),
        logged_peer: Once::new(),
        logged_header: Once::new(),
    };
    // Not a route: axum would put the path of the check into the request, and proofs are for the path of the client.
    Ok(metadata.fallback(check).with_state(Arc::new(checks)))
}

async fn check(
    State(checks): State<Arc<Checks>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let response = match checks.rebuild(peer, &parts) {
        Ok((layer, request)) => {
            let answer = layer.layer(service_fn(pass));
            match answer.oneshot(request).await {
                Ok(response) => response.map(Body::new),
                Err(never) => match never {},
            }
        }
        Err(mistake) => checks.refused(peer, &mistake),
    };
    checks.finish(response)
}

/// Answers a request that the layer has let pass.
async fn pass(request: Request) -> Result<Response, Infallible> {
    let mut response = Response::new(Body::empty());
    let token = request.extensions().get::<AccessToken>();
    identity::insert(response.headers_mut(), token);
    Ok(response)
}

impl Checks {
    /// The request of the client, and the layer for it.
    fn rebuild(&self, peer: SocketAddr, check: &Parts) -> Result<(&Auth, Request), Mistake> {
        if !self.trusted_peers.contains(peer.ip()) {
            return Err(Mistake::UntrustedPeer);
        }
        let original = self.proxy.original(check, &self.check_path, &self.origin)?;
        let layer = self.layers.choose(original.target.path());
        let layer = layer.ok_or(Mistake::Malformed("the path can be read in several ways"))?;
        Ok((layer, self.request(original, &check.headers)))
    }

    /// A request with the method and the URI of the client, its credentials, and nothing else that it sent.
    fn request(&self, original: Original, sent: &HeaderMap) -> Request {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = original.method;
        *request.uri_mut() = Uri::from(original.target);
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        for name in [AUTHORIZATION, DPOP] {
            // All of them, since the layer refuses a request with two.
            for value in sent.get_all(&name) {
                headers.append(&name, value.clone());
            }
        }
        request
    }

    /// The refusal of a check that cannot be made. The reason is in the log.
    fn refused(&self, peer: SocketAddr, mistake: &Mistake) -> Response {
        let peer = peer.ip();
        tracing::debug!(target: LOG, %peer, "a check is refused: {mistake}");
        let (status, error, description) = match mistake {
            Mistake::UntrustedPeer => {
                self.logged_peer.call_once(|| warn(peer, mistake));
                let description = "The check does not come from a trusted proxy";
                (StatusCode::FORBIDDEN, "access_denied", description)
            }
            Mistake::NotFound => {
                let description = "The server has nothing at this address";
                (StatusCode::NOT_FOUND, "not_found", description)
            }
            Mistake::Missing(_) | Mistake::Repeated(_) => {
                self.logged_header.call_once(|| warn(peer, mistake));
                let description = "The check does not name one request";
                (StatusCode::BAD_REQUEST, "invalid_request", description)
            }
            Mistake::Malformed(_) => {
                let description = "The request has a URI that is not accepted";
                (StatusCode::BAD_REQUEST, "invalid_request", description)
            }
            Mistake::OtherOrigin => {
                let description = "The request is for another resource";
                (StatusCode::FORBIDDEN, "access_denied", description)
            }
        };
        refusal(status, error, description)
    }

    /// What every answer has, whatever it says.
    fn finish(&self, mut response: Response) -> Response {
        let status = response.status();
        let headers = response.headers_mut();
        identity::complete(headers);
        headers.insert(STATUS, HeaderValue::from(status.as_u16()));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        *response.status_mut() = self.statuses.of(status);
        response
    }
}

/// Logs a mistake in the configuration, of which each check of the proxy is likely to have the same.
fn warn(peer: IpAddr, mistake: &Mistake) {
    tracing::warn!(target: LOG, %peer, "the proxy and this server are not configured for each other: {mistake}");
}

fn refusal(status: StatusCode, error: &str, description: &str) -> Response {
    let body = json!({ "error": error, "error_description": description });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
