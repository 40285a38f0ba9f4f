use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tower_layer::Layer;

use super::service::AuthByRequest;
use crate::auth::layer::BearerAuthLayer;
use crate::possession::RequestHead;
use crate::reject::Refusal;
use crate::telemetry;

/// Chooses a [`BearerAuthLayer`] for each request: a server with several tenants has one for each, with an issuer, a
/// resource and settings of its own.
///
/// The function gets the head of the request, and returns a clone of one of the layers that the server has built. It
/// must not build a new one: keys, caches, the memory of used proofs and revocations belong to a layer and its clones.
/// If it returns `None`, the request is refused with 404.
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
///     .layer(LayerByRequest::new(move |head| tenants.get(head.authority()?.as_str()).cloned()))
///     .merge(metadata.router());
/// # let _ = app;
/// ```
///
/// # What to choose by
///
/// - The authority: [`RequestHead::authority`] is `None` if `Host` and the URI disagree. Behind a proxy, it is the host
///   that the proxy sends. A port is part of it.
/// - The path: see [`RequestHead::uri`]. In an app that is nested with `axum::Router::nest`, the path lacks the prefix.
/// - A header that a proxy sets, and that the proxy removes from what clients send.
///
/// A client can request any tenant. This is safe, since each tenant's layer accepts only the tokens of its own issuer
/// and audience.
///
/// Tenants with different types of verifiers need [`VerifierExt::erased`](crate::VerifierExt::erased). If only the
/// issuers differ, [`ByIssuer`](crate::ByIssuer) is simpler: one layer chooses the verifier by the issuer that the token
/// names.
pub struct LayerByRequest<V> {
    choose: Arc<Choose<V>>,
}

type Choose<V> = dyn Fn(RequestHead<'_>) -> Option<BearerAuthLayer<V>> + Send + Sync;

impl<V> LayerByRequest<V> {
    /// The name of the layer in its decisions.
    pub(super) const NAME: &'static str = "LayerByRequest";

    /// Creates a layer that chooses with this function.
    ///
    /// If the function panics, or if it returns a layer with [`dpop`](BearerAuthLayer::dpop) and without a URL, the
    /// request is answered 500, and the log has an `ERROR`, target [`telemetry::SETUP`](crate::telemetry::SETUP).
    pub fn new<F>(choose: F) -> Self
    where
        F: Fn(RequestHead<'_>) -> Option<BearerAuthLayer<V>> + Send + Sync + 'static,
    {
        Self {
            choose: Arc::new(choose),
        }
    }

    /// The layer for this request, or why there is none.
    pub(super) fn choose(
        &self,
        head: RequestHead<'_>,
    ) -> Result<BearerAuthLayer<V>, Refusal<'static>> {
        // The function gets a shared reference, and nothing of it is used after a panic.
        let chosen = catch_unwind(AssertUnwindSafe(|| {
            (self.choose)(head).inspect(BearerAuthLayer::assert_origin)
        }));
        match chosen {
            Ok(Some(layer)) => Ok(layer),
            Ok(None) => Err(Refusal::UnknownTenant),
            Err(_) => {
                tracing::error!(
                    target: telemetry::SETUP,
                    by = Self::NAME,
                    "the function that chooses the layer has panicked"
                );
                Err(Refusal::Failed)
            }
        }
    }
}

impl<S, V: Clone> Layer<S> for LayerByRequest<V> {
    type Service = AuthByRequest<S, V>;

    fn layer(&self, inner: S) -> Self::Service {
        AuthByRequest::new(inner, self.clone())
    }
}

impl<V> Clone for LayerByRequest<V> {
    fn clone(&self) -> Self {
        Self {
            choose: Arc::clone(&self.choose),
        }
    }
}

impl<V> fmt::Debug for LayerByRequest<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(Self::NAME).finish_non_exhaustive()
    }
}
