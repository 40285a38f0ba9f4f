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
    All(Arc<Scopes>),
    /// Each alternative is a set of its own, to be shared with the requests that meet it.
    Any(Arc<[Arc<Scopes>]>),
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
        Self::from(Scopes::configured(scopes))
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
        let alternative = |name| Arc::new(Scopes::lossy([name]));
        Self(Kind::Any(alternatives.iter().map(alternative).collect()))
    }

    /// A token, whatever its scopes.
    pub fn token() -> Self {
        Self::from(Scopes::default())
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
        self.met_with(Some(token)).is_some()
    }

    /// The scopes with which a bearer of this token meets the requirement, `Some(None)` where it takes none; `None`
    /// if the bearer does not meet it.
    fn met_with(&self, token: Option<&AccessToken>) -> Option<Option<&Arc<Scopes>>> {
        match (&self.0, token) {
            (Kind::Anyone, _) => Some(None),
            (Kind::Nobody, _) | (_, None) => None,
            (Kind::All(scopes), Some(token)) => {
                has_all(token, scopes).then(|| Some(scopes).filter(|scopes| !scopes.is_empty()))
            }
            (Kind::Any(alternatives), Some(token)) => {
                let mut alternatives = alternatives.iter();
                alternatives.find(|scopes| has_all(token, scopes)).map(Some)
            }
        }
    }

    /// What a client has to ask for, if anything: of alternatives the one that its token has already, or the
    /// first.
    fn wanted(&self, token: Option<&AccessToken>) -> Option<&Arc<Scopes>> {
        match &self.0 {
            Kind::Anyone | Kind::Nobody => None,
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

/// All of these scopes.
impl From<Scopes> for ScopeRequirement {
    fn from(scopes: Scopes) -> Self {
        Self(Kind::All(Arc::new(scopes)))
    }
}

/// Whether a request with these extensions meets every one of `requirements`; the answer to it
/// otherwise. `by` is the component that requires them.
///
/// What was met is left with the request's token, for the challenges of guards and handlers further in.
pub(crate) fn check<'a>(
    requirements: impl Iterator<Item = &'a ScopeRequirement> + Clone,
    extensions: &mut Extensions,
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
    let all_met = requirements.clone().try_fold(None, |met, required| {
        Some(together(met, required.met_with(token)?))
    });
    if let Some(met) = all_met {
        Decision::passed(by, token).record();
        if let (Some(met), Some(token)) = (met, extensions.get_mut::<AccessToken>()) {
            token.passed_guards_mut().push(met);
        }
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
    let so_far = match token {
        Some(token) => token.required_so_far(),
        None => protection.scopes.clone(),
    };
    let wanted = requirements.map(|required| required.wanted(token));
    let scopes = match wanted.fold(None, together) {
        Some(wanted) => so_far.union(&wanted),
        None => so_far,
    };
    Err(refusal.refuse(by, token.into(), &protection, &scopes))
}

/// All of these scopes as one set. One set is shared as it is, and so are many that add nothing to it.
fn together(all: Option<Arc<Scopes>>, more: Option<&Arc<Scopes>>) -> Option<Arc<Scopes>> {
    match (all, more) {
        (all, None) => all,
        (None, Some(more)) => Some(Arc::clone(more)),
        (Some(all), Some(more)) if all.is_superset(more) => Some(all),
        (Some(all), Some(more)) => Some(Arc::new(all.union(more))),
    }
}
