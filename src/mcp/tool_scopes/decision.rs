//! Decides whether a request may pass, from the rules, its head and its body.

use std::iter;

use http::request::Parts;

use super::settings::Settings;
use crate::challenge_config::ChallengeConfig;
use crate::guard::check::{Required, check};
use crate::identity::{Anonymous, Identity};
use crate::mcp::few::Few;
use crate::mcp::headers::check_agreement;
use crate::mcp::message::{Unreadable, calls};
use crate::mcp::message_id::id;
use crate::mcp::rejection::Rejection;
use crate::mcp::resource_uri::NotCanonical;
use crate::mcp::rule::Rule;
use crate::mcp::rules::ScopeRules;
use crate::reject::{Refusal, RefusalMap, Reply};
use crate::telemetry::Bearer;

/// The name under which the layer records its decisions.
const COMPONENT: &str = "ToolScopesLayer";

/// `Ok` if the caller may make every call in `body`; otherwise the response.
pub(super) fn decide(settings: &Settings, head: &mut Parts, body: &[u8]) -> Result<(), Reply> {
    let own_map = settings.refusal_map.as_ref();
    // Text that is not UTF-8 is not JSON (RFC 8259 §8.1).
    let json = str::from_utf8(body).map_err(|_| Unreadable::NotJson.into());
    let required = json.and_then(|json| read(&settings.rules, head, json));
    let required = required.map_err(|rejection| {
        // Looked up only here: most bodies pass, and some that do not cannot be read as calls.
        let is_json = rejection != Rejection::Unreadable(Unreadable::NotJson);
        let id = json.ok().filter(|_| is_json).and_then(id);
        let caller = Identity::of(&head.extensions);
        rejection.refuse_message(COMPONENT, caller.bearer(), caller.refusal_map(own_map), id)
    })?;
    let required = required.iter().map(|rule| rule.required());
    check(required, &mut head.extensions, COMPONENT, own_map)
}

/// The requirements of all calls in a body; an error if the body or the headers are ambiguous.
fn read<'r>(rules: &'r ScopeRules, head: &Parts, json: &str) -> Result<Few<&'r Rule>, Rejection> {
    let calls = calls(json)?;
    check_agreement(&head.headers, &calls)?;
    let required = rules.rules_for(&calls);
    required.map_err(|NotCanonical(why)| Unreadable::BadParams(why).into())
}

/// The largest body, in bytes, from a caller without a token, if some rule is open to such callers. A message that
/// opens a session or lists tools has a few hundred bytes.
const MAX_ANONYMOUS_BODY_BYTES: usize = 64 * 1024;

/// The maximum number of body bytes to read before the decision; the response if the head alone decides.
pub(super) fn decide_limit(settings: &Settings, head: &Parts) -> Result<usize, Reply> {
    let Settings {
        rules,
        max_body_bytes,
        refusal_map,
    } = settings;
    let max_body_bytes = *max_body_bytes;
    match Identity::of(&head.extensions) {
        Identity::Known(_) => Ok(max_body_bytes),
        Identity::Anonymous(_) if rules.opens_anything() => {
            Ok(max_body_bytes.min(MAX_ANONYMOUS_BODY_BYTES))
        }
        Identity::Anonymous(anonymous) => Err(refuse_anonymous(anonymous, refusal_map.as_ref())),
        Identity::NoLayer => {
            let nothing = ChallengeConfig::default();
            let context = nothing.without_token().mapped_by(refusal_map.as_ref());
            Err(Refusal::NoLayer.refuse(COMPONENT, Bearer::Unknown, context, &nothing.scopes))
        }
    }
}

/// The response to a request that is refused before any scope is checked.
pub(super) fn reject(rejection: Rejection, settings: &Settings, head: &Parts) -> Reply {
    let own_map = settings.refusal_map.as_ref();
    match Identity::of(&head.extensions) {
        // With a token, the limit is higher.
        Identity::Anonymous(anonymous) if rejection == Rejection::TooLarge => {
            refuse_anonymous(anonymous, own_map)
        }
        caller @ (Identity::Known(_) | Identity::Anonymous(_) | Identity::NoLayer) => {
            rejection.refuse(COMPONENT, caller.bearer(), caller.refusal_map(own_map))
        }
    }
}

fn refuse_anonymous(anonymous: &Anonymous, own_map: Option<&RefusalMap>) -> Reply {
    let challenge_config = &anonymous.challenge_config;
    Refusal::NoToken.refuse(
        COMPONENT,
        Bearer::Unknown,
        challenge_config.without_token().mapped_by(own_map),
        challenge_config.initial_scopes(),
    )
}

/// `Ok` if a request whose body is not read may pass.
pub(super) fn decide_unread(settings: &Settings, head: &mut Parts) -> Result<(), Reply> {
    check(
        iter::once(Required::NOTHING),
        &mut head.extensions,
        COMPONENT,
        settings.refusal_map.as_ref(),
    )
}
