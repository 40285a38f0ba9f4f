use std::sync::Arc;

use http::Extensions;
use tower_layer::Layer;

use super::service::RequireScopes;
use crate::caller::Caller;
use crate::protection::Protection;
use crate::reject::{Refusal, Reply};
use crate::scopes::Scopes;

/// Lets requests through whose token has certain scopes.
///
/// For axum's `route_layer` and `MethodRouter::layer`, and for any tower stack, behind a
/// [`BearerAuthLayer`](crate::BearerAuthLayer). See the [module](crate::scope_guard).
#[derive(Debug, Clone)]
pub struct RequireScopesLayer {
    requirement: Arc<Requirement>,
}

#[derive(Debug)]
pub(super) enum Requirement {
    All(Scopes),
    Any(Scopes),
}

impl RequireScopesLayer {
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
        Self::new(Requirement::All(Scopes::configured(scopes)))
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
        let alternatives = Scopes::configured(scopes);
        assert!(
            !alternatives.is_empty(),
            "a guard that accepts any of no scopes lets nobody through"
        );
        Self::new(Requirement::Any(alternatives))
    }

    fn new(requirement: Requirement) -> Self {
        Self {
            requirement: Arc::new(requirement),
        }
    }
}

impl<S> Layer<S> for RequireScopesLayer {
    type Service = RequireScopes<S>;

    fn layer(&self, inner: S) -> RequireScopes<S> {
        RequireScopes::new(inner, Arc::clone(&self.requirement))
    }
}

impl Requirement {
    /// Whether a request with these extensions may pass; the answer to it otherwise.
    pub(super) fn check(&self, extensions: &Extensions) -> Result<(), Reply> {
        match Caller::of(extensions) {
            Caller::Known(token) => {
                let protection = token.shared_protection();
                let held = token.scopes();
                let enough = match self {
                    Self::All(scopes) => protection.hierarchy.grants_all(held, scopes),
                    Self::Any(scopes) => protection.hierarchy.grants_any(held, scopes),
                };
                match enough {
                    true => Ok(()),
                    false => Err(self.refuse(Refusal::InsufficientScope, &protection)),
                }
            }
            Caller::Anonymous(protection) => Err(self.refuse(Refusal::NoToken, protection)),
            Caller::Unasked => Err(self.refuse(
                Refusal::NoLayer("RequireScopesLayer"),
                &Protection::default(),
            )),
        }
    }

    fn refuse(&self, refusal: Refusal<'_>, protection: &Protection) -> Reply {
        let scopes = match self {
            Self::All(scopes) => protection.scopes.union(scopes),
            Self::Any(scopes) => protection.scopes.union(&scopes.first()),
        };
        refusal.reply(protection, &scopes)
    }
}
