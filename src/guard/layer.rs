use std::sync::Arc;

use http::Response;
use tower_layer::Layer;

use crate::guard::requirement::ScopeRequirement;
use crate::guard::service::RequireScopes;
use crate::guard::settings::Settings;
use crate::reject::{RefusalMap, Refused, ReplyBody};

/// Refuses requests whose token lacks certain scopes.
///
/// Put it behind a [`BearerAuthLayer`](crate::BearerAuthLayer), with axum's `route_layer` or `MethodRouter::layer`, or in
/// any tower stack:
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_bearer_auth::{
///     BearerAuthLayer, RequireScopesLayer, StaticToken, StaticTokenVerifier,
/// };
///
/// let tokens = [("dev-token", StaticToken::new("dev").scopes(["notes:read"]))];
/// let notes = get(|| async { "notes" }).layer(RequireScopesLayer::all(["notes:read"]));
/// let app: Router = Router::new()
///     .route("/notes", notes)
///     .layer(BearerAuthLayer::new(StaticTokenVerifier::new(tokens)));
/// # let _ = app;
/// ```
///
/// If the required scopes depend on the request, use
/// [`AccessToken::require_scopes`](crate::AccessToken::require_scopes) in the handler instead. See the
/// [module](crate::guard) for what clients see.
#[derive(Debug, Clone)]
pub struct RequireScopesLayer {
    settings: Arc<Settings<ScopeRequirement>>,
}

impl RequireScopesLayer {
    /// Creates a layer that enforces this requirement.
    pub fn new(requirement: ScopeRequirement) -> Self {
        Self {
            settings: Arc::new(Settings::new(requirement)),
        }
    }

    /// Requires all of these scopes. An empty list requires only a token.
    ///
    /// # Panics
    ///
    /// If a name is not a scope (RFC 6749 §3.3). For names from a configuration file, parse
    /// [`Scopes`](crate::Scopes), and pass them to [`new`](Self::new) with `scopes.into()`.
    #[track_caller]
    pub fn all<I>(scopes: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        Self::new(ScopeRequirement::all(scopes))
    }

    /// Requires at least one of these scopes. The challenge tells clients to request the first.
    ///
    /// # Panics
    ///
    /// If the list is empty, or a name is not a scope (RFC 6749 §3.3). For names from a configuration file, parse
    /// [`Scopes`](crate::Scopes), check that there are some, and pass [their names](crate::Scopes::iter).
    #[track_caller]
    pub fn any<I>(scopes: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        Self::new(ScopeRequirement::any(scopes))
    }

    /// Maps each refusal of this guard to an answer of your own. Default: the
    /// [mapping](crate::BearerAuthLayer::map_refusal) of the layer in front. See [answers of your
    /// own](crate::reject#answers-of-your-own). A later call replaces an earlier one.
    #[must_use]
    pub fn map_refusal<F, R>(mut self, map: F) -> Self
    where
        F: Fn(&Refused, Response<ReplyBody>) -> Response<R> + Send + Sync + 'static,
        R: Into<ReplyBody>,
    {
        Arc::make_mut(&mut self.settings).refusal_map = Some(RefusalMap::new(map));
        self
    }
}

impl<S> Layer<S> for RequireScopesLayer {
    type Service = RequireScopes<S>;

    fn layer(&self, inner: S) -> RequireScopes<S> {
        RequireScopes::with_settings(inner, Arc::clone(&self.settings))
    }
}
