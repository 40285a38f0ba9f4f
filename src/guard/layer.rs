use std::sync::Arc;

use tower_layer::Layer;

use crate::guard::requirement::ScopeRequirement;
use crate::guard::service::RequireScopes;

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
    requirement: Arc<ScopeRequirement>,
}

impl RequireScopesLayer {
    /// Creates a layer that enforces this requirement.
    pub fn new(requirement: ScopeRequirement) -> Self {
        Self {
            requirement: Arc::new(requirement),
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
}

impl<S> Layer<S> for RequireScopesLayer {
    type Service = RequireScopes<S>;

    fn layer(&self, inner: S) -> RequireScopes<S> {
        RequireScopes::with_shared(inner, Arc::clone(&self.requirement))
    }
}
