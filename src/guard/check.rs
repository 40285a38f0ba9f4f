//! The decision of a guard: whether a request meets what an operation requires.

use std::sync::Arc;

use http::Extensions;

use crate::access_token::AccessToken;
use crate::challenge_config::ChallengeConfig;
use crate::credentials::Scheme;
use crate::guard::requirement::ScopeRequirement;
use crate::identity::Identity;
use crate::reject::{Refusal, Reply};
use crate::scopes::Scopes;
use crate::telemetry::{Bearer, Decision};

/// `Ok` if a request with these extensions meets all `requirements`, otherwise the response. `component` requires
/// them.
///
/// Adds the met scopes to the request's token, for the challenges of inner guards and handlers.
pub(crate) fn check<'a>(
    requirements: impl Iterator<Item = &'a ScopeRequirement> + Clone,
    extensions: &mut Extensions,
    component: &'static str,
) -> Result<(), Reply> {
    let (token, challenge_config) = match Identity::of(extensions) {
        Identity::Known(token) => (Some(token), token.shared_challenge_config()),
        Identity::Anonymous(anonymous) => (None, Arc::clone(&anonymous.challenge_config)),
        Identity::NoLayer => {
            let nothing = ChallengeConfig::default();
            return Err(Refusal::NoLayer.refuse(
                component,
                Bearer::Unknown,
                nothing.without_token(),
                &nothing.scopes,
            ));
        }
    };
    let all_met = requirements.clone().try_fold(None, |met, required| {
        Some(together(met, required.met_with(token)?))
    });
    if let Some(met) = all_met {
        Decision::passed(component, token).record();
        if let (Some(met), Some(token)) = (met, extensions.get_mut::<AccessToken>()) {
            token.passed_guards_mut().push(met);
        }
        return Ok(());
    }
    let refusal = match token {
        _ if requirements.clone().any(|required| required.denies_all()) => Refusal::Forbidden,
        Some(_) => Refusal::InsufficientScope,
        None => Refusal::NoToken,
    };
    // One challenge names everything that the operation needs, because clients request what it names.
    let so_far = match token {
        Some(token) => token.required_so_far(),
        None => challenge_config.scopes.clone(),
    };
    let wanted = requirements.map(|required| required.wanted(token));
    let scopes = match wanted.fold(None, together) {
        Some(wanted) => so_far.union(&wanted),
        None => so_far,
    };
    let context = challenge_config.tried(token.map_or_else(Scheme::default, AccessToken::scheme));
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
