use std::sync::Arc;

use tower_layer::Layer;

use super::requirement::ScopeRequirement;
use super::service::RequireScopes;

/// Lets requests through whose token has certain scopes.
///
/// For axum's `route_layer` and `MethodRouter::layer`, and for any tower stack, behind a
/// [`BearerAuthLayer`](crate::BearerAuthLayer). See the [module](crate::scope_guard).
#[derive(Debug, Clone)]
pub struct RequireScopesLayer {
    requirement: Arc<ScopeRequirement>,
}

impl RequireScopesLayer {
    /// Requires what is described there.
    pub fn new(requirement: ScopeRequirement) -> Self {
        Self {
            requirement: Arc::new(requirement),
        }
    }

    /// Requires every one of these scopes; with none at all, only that there is a token.
    ///
    /// # Panics
    ///
    /// When a name is not a scope (RFC 6749 §3.3).
    #[track_caller]
    pub fn all<I>(scopes: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        Self::new(ScopeRequirement::all(scopes))
    }

    /// Requires at least one of these scopes. The first is the one clients are told to ask for.
    ///
    /// # Panics
    ///
    /// When there is none, and when a name is not a scope (RFC 6749 §3.3).
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
