//! Decides whether a request may pass, from the rules, its head and its body.

use std::{iter, ptr};

use http::request::Parts;

use crate::challenge_config::ChallengeConfig;
use crate::guard::ScopeRequirement;
use crate::guard::requirement::check;
use crate::identity::{Anonymous, Identity};
use crate::mcp::headers::check_agreement;
use crate::mcp::message::{Call, LISTEN, Unreadable, calls};
use crate::mcp::message_id::id;
use crate::mcp::rejection::Rejection;
use crate::mcp::rules::{Ambiguous, ScopeRules};
use crate::reject::{Refusal, Reply};
use crate::telemetry::Bearer;

const WHO: &str = "ToolScopesLayer";

const AMBIGUOUS: Unreadable = Unreadable::BadParams("the URI could mean another resource");

/// `Ok` if the caller may make every call in `body`; otherwise the response.
pub(super) fn decide(rules: &ScopeRules, head: &mut Parts, body: &[u8]) -> Result<(), Reply> {
    let required = read(rules, head, body).map_err(|rejection| {
        let id = match rejection {
            // There is no ID to find.
            Rejection::Unreadable(Unreadable::NotJson) => None,
            _ => id(body),
        };
        rejection.refuse_message(WHO, bearer(head), id)
    })?;
    check(required.iter().copied(), &mut head.extensions, WHO)
}

/// The requirements of all calls in a body; an error if the body or the headers are ambiguous.
fn read<'r>(
    rules: &'r ScopeRules,
    head: &Parts,
    body: &[u8],
) -> Result<Vec<&'r ScopeRequirement>, Rejection> {
    let calls = calls(body)?;
    check_agreement(&head.headers, &calls)?;
    Ok(required(rules, &calls)?)
}

/// The largest body, in bytes, from a caller without a token, if some rule is open to such callers. A message that
/// opens a session or lists tools has a few hundred bytes.
const MAX_ANONYMOUS_BODY_BYTES: usize = 64 * 1024;

/// The maximum number of body bytes to read before the decision; the response if the head alone decides.
pub(super) fn decide_limit(
    rules: &ScopeRules,
    head: &Parts,
    max_body_bytes: usize,
) -> Result<usize, Reply> {
    match Identity::of(&head.extensions) {
        Identity::Known(_) => Ok(max_body_bytes),
        Identity::Anonymous(_) if rules.opens_anything() => {
            Ok(max_body_bytes.min(MAX_ANONYMOUS_BODY_BYTES))
        }
        Identity::Anonymous(anonymous) => Err(refuse_anonymous(anonymous)),
        Identity::NoLayer => {
            let nothing = ChallengeConfig::default();
            Err(Refusal::NoLayer.refuse(WHO, Bearer::Nobody, &nothing, &nothing.scopes))
        }
    }
}

/// The response to a request that is refused before any scope is checked.
pub(super) fn reject(rejection: Rejection, head: &Parts) -> Reply {
    match Identity::of(&head.extensions) {
        // With a token, the limit is higher.
        Identity::Anonymous(anonymous) if rejection == Rejection::TooLarge => {
            refuse_anonymous(anonymous)
        }
        caller => rejection.refuse(WHO, caller.bearer()),
    }
}

fn refuse_anonymous(anonymous: &Anonymous) -> Reply {
    let challenge_config = &anonymous.challenge_config;
    Refusal::NoToken.refuse(
        WHO,
        Bearer::Nobody,
        challenge_config,
        challenge_config.initial_scopes(),
    )
}

fn bearer(head: &Parts) -> Bearer<'_> {
    Identity::of(&head.extensions).bearer()
}

/// `Ok` if a request whose body is not read may pass.
pub(super) fn decide_unread(head: &mut Parts) -> Result<(), Reply> {
    let anyone = iter::once(&ScopeRequirement::ANYONE);
    check(anyone, &mut head.extensions, WHO)
}

/// The requirements of all these calls.
fn required<'r>(
    rules: &'r ScopeRules,
    calls: &[Call<'_>],
) -> Result<Vec<&'r ScopeRequirement>, Unreadable> {
    let mut required: Vec<&ScopeRequirement> = Vec::new();
    // A thousand resources under one rule add that rule once.
    let mut require = |rule: &'r ScopeRequirement| {
        if !required.iter().any(|known| ptr::eq(*known, rule)) {
            required.push(rule);
        }
    };
    for call in calls {
        let targets = call.targets()?;
        if targets.is_empty() || call.method == LISTEN {
            require(rules.for_method(&call.method));
        }
        for target in &targets {
            let rule = rules.for_target(&call.method, target);
            require(rule.map_err(|Ambiguous| AMBIGUOUS)?);
        }
    }
    Ok(required)
}
