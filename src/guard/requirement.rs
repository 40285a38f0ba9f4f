use std::sync::Arc;

use crate::access_token::AccessToken;
use crate::scopes::Scopes;

/// What a caller needs for an operation: certain scopes, any token, or nothing. Or the operation is denied to all
/// callers.
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
    PermitAll,
    All(Arc<Scopes>),
    /// Each alternative is a set of one scope, so that the requests that meet it can share it.
    Any(Arc<[Arc<Scopes>]>),
    DenyAll,
}

impl ScopeRequirement {
    pub(crate) const PERMIT_ALL: Self = Self(Kind::PermitAll);

    /// Requires all of these scopes. An empty list requires only a token.
    ///
    /// # Panics
    ///
    /// If a name is not a scope (RFC 6749 §3.3). For names from untrusted input, parse [`Scopes`] and convert them with
    /// `From`.
    #[track_caller]
    pub fn all<I>(scopes: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        Self::from(Scopes::configured(scopes))
    }

    /// Requires at least one of these scopes. The challenge tells clients to request the first.
    ///
    /// # Panics
    ///
    /// If the list is empty, or a name is not a scope (RFC 6749 §3.3). For names from untrusted input, parse [`Scopes`],
    /// check that there are some, and pass [their names](Scopes::iter).
    #[track_caller]
    pub fn any<I>(scopes: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let alternatives = Scopes::configured(scopes);
        assert!(
            !alternatives.is_empty(),
            "a guard that accepts any of no scopes refuses every request"
        );
        let alternative = |name| Arc::new(Scopes::lossy([name]));
        Self(Kind::Any(alternatives.iter().map(alternative).collect()))
    }

    /// Requires a token, with any scopes.
    pub fn token() -> Self {
        Self::from(Scopes::default())
    }

    /// Requires nothing beyond what the layer in front requires. Behind an
    /// [optional](crate::BearerAuthLayer::optional) layer, that is not even a token.
    pub fn permit_all() -> Self {
        Self::PERMIT_ALL
    }

    /// Denies every caller, whatever its scopes: 403, without a challenge that would make clients request more scopes.
    pub fn deny_all() -> Self {
        Self(Kind::DenyAll)
    }

    /// Whether this token meets the requirement, by scope name or through the layer's
    /// [`ScopeHierarchy`](crate::ScopeHierarchy).
    pub fn is_met_by(&self, token: &AccessToken) -> bool {
        self.met_with(Some(token)).is_some()
    }

    /// Whether it denies every caller.
    pub(super) fn denies_all(&self) -> bool {
        self.0 == Kind::DenyAll
    }

    /// The scopes by which this token meets the requirement, or `Some(None)` if it needs no scopes. `None` if the token
    /// does not meet it.
    pub(super) fn met_with(&self, token: Option<&AccessToken>) -> Option<Option<&Arc<Scopes>>> {
        match (&self.0, token) {
            (Kind::PermitAll, _) => Some(None),
            (Kind::DenyAll, _) | (_, None) => None,
            (Kind::All(scopes), Some(token)) => {
                has_all(token, scopes).then(|| Some(scopes).filter(|scopes| !scopes.is_empty()))
            }
            (Kind::Any(alternatives), Some(token)) => {
                let mut alternatives = alternatives.iter();
                alternatives.find(|scopes| has_all(token, scopes)).map(Some)
            }
        }
    }

    /// The scopes that a client must request, if any. Of alternatives, this is the one that its token already has, or
    /// else the first.
    pub(super) fn wanted(&self, token: Option<&AccessToken>) -> Option<&Arc<Scopes>> {
        match &self.0 {
            Kind::PermitAll | Kind::DenyAll => None,
            Kind::All(scopes) => Some(scopes).filter(|scopes| !scopes.is_empty()),
            Kind::Any(alternatives) => {
                let held =
                    |scopes: &&Arc<Scopes>| token.is_some_and(|token| has_all(token, scopes));
                alternatives.iter().find(held).or(alternatives.first())
            }
        }
    }
}

fn has_all(token: &AccessToken, scopes: &Scopes) -> bool {
    scopes.iter().all(|scope| token.has_scope(scope))
}

/// Requires all of these scopes.
impl From<Scopes> for ScopeRequirement {
    fn from(scopes: Scopes) -> Self {
        Self(Kind::All(Arc::new(scopes)))
    }
}
