//! The decision of a guard: whether a request meets what an operation requires.

use std::sync::Arc;

use http::Extensions;

use crate::access_token::AccessToken;
use crate::authentication_requirement::AuthenticationRequirement;
use crate::challenge_config::ChallengeConfig;
use crate::credentials::Scheme;
use crate::guard::requirement::ScopeRequirement;
use crate::identity::Identity;
use crate::reject::{Refusal, RefusalMap, Reply};
use crate::scopes::Scopes;
use crate::telemetry::{Bearer, Decision};

/// What an operation requires.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Required<'a> {
    pub(crate) scopes: &'a ScopeRequirement,
    /// The required authentication of the user. If there is one, so is a token.
    pub(crate) authentication: Option<&'a Arc<AuthenticationRequirement>>,
}

impl<'a> Required<'a> {
    pub(crate) const NOTHING: Self = Self::scopes(&ScopeRequirement::PERMIT_ALL);

    pub(crate) const fn scopes(scopes: &'a ScopeRequirement) -> Self {
        Self {
            scopes,
            authentication: None,
        }
    }
}

/// `Ok` if a request with these extensions meets everything that `component` requires, otherwise the response. The
/// mapping is `refusal_map`, or else that of the layer in front.
///
/// Adds what was required to the request's token, for the challenges of inner guards and handlers.
pub(crate) fn check<'a>(
    required: impl Iterator<Item = Required<'a>> + Clone,
    extensions: &mut Extensions,
    component: &'static str,
    refusal_map: Option<&RefusalMap>,
) -> Result<(), Reply> {
    let (token, challenge_config) = match Identity::of(extensions) {
        Identity::Known(token) => (Some(token), token.shared_challenge_config()),
        Identity::Anonymous(anonymous) => (None, Arc::clone(&anonymous.challenge_config)),
        Identity::NoLayer => {
            let nothing = ChallengeConfig::default();
            return Err(Refusal::NoLayer.refuse(
                component,
                Bearer::Unknown,
                nothing.without_token().mapped_by(refusal_map),
                &nothing.scopes,
            ));
        }
    };
    let met_scopes = required.clone().try_fold(None, |met, required| {
        Some(together(met, required.scopes.met_with(token)?))
    });
    let authentication = required
        .clone()
        .filter_map(|required| required.authentication)
        .fold(None, |all, more| Some(all_of(all, more)));
    let is_authenticated = authentication
        .as_ref()
        .is_none_or(|authentication| token.is_some_and(|token| authentication.is_met_by(token)));
    if let (Some(met), true) = (met_scopes, is_authenticated) {
        Decision::passed(component, token).record();
        if let Some(token) = extensions.get_mut::<AccessToken>() {
            let passed = token.passed_guards_mut();
            if let Some(scopes) = met {
                passed.push(scopes);
            }
            if let Some(authentication) = authentication {
                passed.push_authentication(authentication);
            }
        }
        return Ok(());
    }
    // A client requests what the challenge names. So one challenge names everything that is known to be needed.
    let (scopes_so_far, authentication_so_far) = match token {
        Some(token) => (
            token.required_so_far(),
            token.required_authentication_so_far(),
        ),
        None => (challenge_config.scopes.clone(), None),
    };
    let wanted = required
        .clone()
        .map(|required| required.scopes.wanted(token));
    let scopes = match wanted.fold(None, together) {
        Some(wanted) => scopes_so_far.union(&wanted),
        None => scopes_so_far,
    };
    let authentication = match (authentication_so_far, authentication) {
        (Some(so_far), Some(more)) => Some(AuthenticationRequirement::both(so_far, &more)),
        (so_far, more) => more.or(so_far),
    };
    let is_denied = required
        .clone()
        .any(|required| required.scopes.denies_all());
    let refusal = match (token, &authentication) {
        _ if is_denied => Refusal::Forbidden,
        (None, _) => Refusal::NoToken,
        // If the token lacks scopes too, this challenge names them. After a 403, the client would need a second login.
        (Some(_), Some(authentication)) if !is_authenticated => {
            Refusal::for_authentication(authentication)
        }
        (Some(_), _) => Refusal::InsufficientScope,
    };
    let scheme = token.map_or_else(Scheme::default, AccessToken::scheme);
    let context = challenge_config.tried(scheme).mapped_by(refusal_map);
    Err(refusal.refuse(component, token.into(), context, &scopes))
}

/// The union of both sets. Shares an existing set instead of copying it if the other adds nothing.
fn together(all: Option<Arc<Scopes>>, more: Option<&Arc<Scopes>>) -> Option<Arc<Scopes>> {
    match (all, more) {
        (all, None) => all,
        (None, Some(more)) => Some(Arc::clone(more)),
        (Some(all), Some(more)) if all.is_superset(more) => Some(all),
        (Some(all), Some(more)) => Some(Arc::new(all.union(more))),
    }
}

fn all_of(
    all: Option<Arc<AuthenticationRequirement>>,
    more: &Arc<AuthenticationRequirement>,
) -> Arc<AuthenticationRequirement> {
    match all {
        Some(all) => AuthenticationRequirement::both(all, more),
        None => Arc::clone(more),
    }
}
