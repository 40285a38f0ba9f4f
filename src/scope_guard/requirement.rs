use std::sync::Arc;

use http::Extensions;

use crate::access_token::AccessToken;
use crate::caller::Caller;
use crate::protection::Protection;
use crate::reject::{Refusal, Reply};
use crate::scopes::Scopes;
use crate::telemetry::{Bearer, Decision};

/// Who may do something: the holders of certain scopes, anybody, or nobody.
///
/// ```
/// use tower_bearer_auth::ScopeRequirement;
///
/// let read_and_write = ScopeRequirement::all(["read", "write"]);
/// let staff = ScopeRequirement::any(["admin", "ops"]);
/// # let _ = (read_and_write, staff);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeRequirement(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Anyone,
    All(Scopes),
    Any(Scopes),
    Nobody,
}

impl ScopeRequirement {
    pub(crate) const ANYONE: Self = Self(Kind::Anyone);

    /// Every one of these scopes; with none at all, only that there is a token.
    ///
    /// # Panics
    ///
    /// When a name is not a scope (RFC 6749 §3.3). Names that come from elsewhere go through
    /// [`Scopes`], which becomes a requirement of all of them.
    #[track_caller]
    pub fn all<I>(scopes: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        Self(Kind::All(Scopes::configured(scopes)))
    }

    /// At least one of these scopes. The first is the one clients are told to ask for.
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
        Self(Kind::Any(alternatives))
    }

    /// A token, whatever its scopes.
    pub fn token() -> Self {
        Self(Kind::All(Scopes::default()))
    }

    /// Nothing beyond what the layer in front asks for. Behind an
    /// [optional](crate::BearerAuthLayer::optional) one that is not even a token.
    pub fn anyone() -> Self {
        Self::ANYONE
    }

    /// What no scope allows: 403, without a challenge that would make clients ask for one.
    pub fn nobody() -> Self {
        Self(Kind::Nobody)
    }

    /// Whether a bearer of this token meets the requirement, by name or by the layer's
    /// [`ScopeHierarchy`](crate::ScopeHierarchy).
    pub fn is_met_by(&self, token: &AccessToken) -> bool {
        match &self.0 {
            Kind::Anyone => true,
            Kind::All(scopes) => scopes.iter().all(|scope| token.has_scope(scope)),
            Kind::Any(scopes) => scopes.iter().any(|scope| token.has_scope(scope)),
            Kind::Nobody => false,
        }
    }

    /// What a client has to ask for: of alternatives the one that its token has already, or the
    /// first.
    fn wanted(&self, token: Option<&AccessToken>) -> Scopes {
        match &self.0 {
            Kind::Anyone | Kind::Nobody => Scopes::default(),
            Kind::All(scopes) => scopes.clone(),
            Kind::Any(scopes) => {
                let held = |scope: &&str| token.is_some_and(|token| token.has_scope(scope));
                let named = scopes.iter().find(held).or(scopes.iter().next());
                Scopes::lossy(named)
            }
        }
    }
}

/// All of these scopes.
impl From<Scopes> for ScopeRequirement {
    fn from(scopes: Scopes) -> Self {
        Self(Kind::All(scopes))
    }
}

/// Whether a request with these extensions meets every one of `requirements`; the answer to it
/// otherwise. `by` is who asks.
pub(crate) fn check<'a>(
    requirements: impl Iterator<Item = &'a ScopeRequirement> + Clone,
    extensions: &Extensions,
    by: &'static str,
) -> Result<(), Reply> {
    let (token, protection) = match Caller::of(extensions) {
        Caller::Known(token) => (Some(token), token.shared_protection()),
        Caller::Anonymous(anonymous) => (None, Arc::clone(&anonymous.protection)),
        Caller::Unasked => {
            let nothing = Protection::default();
            return Err(Refusal::NoLayer.refuse(by, Bearer::Nobody, &nothing, &nothing.scopes));
        }
    };
    let is_met = |required: &ScopeRequirement| match token {
        Some(token) => required.is_met_by(token),
        None => required.0 == Kind::Anyone,
    };
    if requirements.clone().all(is_met) {
        Decision::passed(by, token).record();
        return Ok(());
    }
    let refusal = match token {
        _ if requirements
            .clone()
            .any(|required| required.0 == Kind::Nobody) =>
        {
            Refusal::Forbidden
        }
        Some(_) => Refusal::InsufficientScope,
        None => Refusal::NoToken,
    };
    // Everything that the operation needs, in one challenge: clients ask for what they are told.
    let scopes = requirements.fold(protection.scopes.clone(), |scopes, required| {
        scopes.union(&required.wanted(token))
    });
    Err(refusal.refuse(by, token.into(), &protection, &scopes))
}
