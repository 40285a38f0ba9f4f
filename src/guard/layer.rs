use std::sync::Arc;

use tower_layer::Layer;

use crate::guard::requirement::ScopeRequirement;
use crate::guard::service::RequireScopes;

/// Admits only requests whose token has certain scopes.
///
/// Use it with axum's `route_layer` and `MethodRouter::layer`, or in any tower stack, behind a
/// [`BearerAuthLayer`](crate::BearerAuthLayer). See the [module](crate::guard).
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
    /// If a name is not a scope (RFC 6749 §3.3).
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
    /// If the list is empty, or a name is not a scope (RFC 6749 §3.3).
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
        RequireScopes::new(inner, Arc::clone(&self.requirement))
    }
}
