use http::Response;
use tower_layer::Layer;

use super::choice::Choice;
use super::service::AuthByRequest;
use crate::auth::layer::BearerAuthLayer;
use crate::possession::RequestHead;
use crate::reject::{RefusalMap, Refused, ReplyBody};

/// Chooses a [`BearerAuthLayer`] for each request. Use it for several tenants whose layers have different issuers,
/// resources or settings.
///
/// The function gets the head of the request, and returns a clone of a layer that the server built at its start. It
/// must not build a layer: a layer and its clones share keys, caches, the memory of used proofs and revocations. If it
/// returns `None`, the request is refused with 404.
///
/// ```
/// use std::collections::HashMap;
///
/// use axum::{Router, routing::get};
/// use tower_bearer_auth::auth::LayerByRequest;
/// use tower_bearer_auth::metadata::ProtectedResources;
/// use tower_bearer_auth::{
///     AccessToken, BearerAuthLayer, ProtectedResource, StaticToken, StaticTokenVerifier,
/// };
///
/// let layer = |tenant: &str| {
///     let resource = ProtectedResource::new(format!("https://{tenant}.example.com"))
///         .authorization_servers([format!("https://issuer.example.com/{tenant}")]);
///     // In production, a JwtVerifier for the issuer of this tenant.
///     let token = (format!("token-of-{tenant}"), StaticToken::new("dev"));
///     BearerAuthLayer::new(StaticTokenVerifier::new([token])).resource(&resource)
/// };
/// let tenants: HashMap<_, _> = ["blue", "red"]
///     .into_iter()
///     .map(|tenant| (format!("{tenant}.example.com"), layer(tenant)))
///     .collect();
/// let metadata = ProtectedResources::new(tenants.values().map(BearerAuthLayer::protected_resource));
///
/// let app: Router = Router::new()
///     .route("/", get(|token: AccessToken| async move { format!("{:?}", token.client_id()) }))
///     .layer(LayerByRequest::new(move |head| {
///         // The case of a host does not matter.
///         let host = head.authority()?.as_str().to_ascii_lowercase();
///         tenants.get(&host).cloned()
///     }))
///     .merge(metadata.router());
/// # let _ = app;
/// ```
///
/// # What to choose by
///
/// - The authority (host and port): [`RequestHead::authority`] is `None` if `Host` and the URI disagree. Behind a
///   proxy, it is the one that the proxy sends. Its case is that of the client.
/// - The path: see [`RequestHead::uri`]. In an app that is nested with `axum::Router::nest`, the path lacks the prefix.
/// - A header that a proxy sets. The proxy must remove this header from the requests of clients.
///
/// A client can request any tenant. This is safe, since each tenant's layer accepts only the tokens of its own issuer
/// and audience.
///
/// Tenants with different types of verifiers need [`VerifierExt::erased`](crate::VerifierExt::erased). If only the
/// issuers differ, [`ByIssuer`](crate::ByIssuer) is simpler: one layer chooses the verifier by the issuer that the
/// token names.
#[derive(Debug)]
pub struct LayerByRequest<V> {
    choice: Choice<V>,
}

impl<V> LayerByRequest<V> {
    /// Creates a layer that chooses with this function.
    ///
    /// If the function panics, or if it returns a layer with [`dpop`](BearerAuthLayer::dpop) and without a URL, the
    /// request is answered 500, and the log has an `ERROR`, target [`telemetry::SETUP`](crate::telemetry::SETUP).
    pub fn new<F>(choose: F) -> Self
    where
        F: Fn(RequestHead<'_>) -> Option<BearerAuthLayer<V>> + Send + Sync + 'static,
    {
        Self {
            choice: Choice::new(choose),
        }
    }

    /// Maps the refusal of a request for which there is no layer (404, or 500 after a panic) to an answer of your own.
    /// The layers of the tenants have their own [mappings](BearerAuthLayer::map_refusal). See [answers of your
    /// own](crate::reject#answers-of-your-own). Default: none. A later call replaces an earlier one.
    #[must_use]
    pub fn map_refusal<M, R>(mut self, map: M) -> Self
    where
        M: Fn(&Refused, Response<ReplyBody>) -> Response<R> + Send + Sync + 'static,
        R: Into<ReplyBody>,
    {
        self.choice.map_refusal(RefusalMap::new(map));
        self
    }
}

impl<S, V: Clone> Layer<S> for LayerByRequest<V> {
    type Service = AuthByRequest<S, V>;

    fn layer(&self, inner: S) -> Self::Service {
        AuthByRequest::new(inner, self.choice.clone())
    }
}

impl<V> Clone for LayerByRequest<V> {
    fn clone(&self) -> Self {
        Self {
            choice: self.choice.clone(),
        }
    }
}
