//! Whether a call may pass: a pure function of the rules, the request's head and its body.

use std::{iter, ptr};

use http::request::Parts;

use crate::caller::{Anonymous, Caller};
use crate::mcp::headers::check_agreement;
use crate::mcp::message::{Call, LISTEN, Unreadable, calls};
use crate::mcp::message_id::id;
use crate::mcp::rejection::Rejection;
use crate::mcp::rules::{Ambiguous, ScopeRules};
use crate::protection::Protection;
use crate::reject::{Refusal, Reply};
use crate::scope_guard::ScopeRequirement;
use crate::scope_guard::requirement::check;
use crate::telemetry::Bearer;

const WHO: &str = "ToolScopesLayer";

const AMBIGUOUS: Unreadable = Unreadable::BadParams("the URI could mean another resource");

/// `Ok` when the caller may make every call in `body`; otherwise the answer.
pub(super) fn decide(rules: &ScopeRules, head: &mut Parts, body: &[u8]) -> Result<(), Reply> {
    let required = read(rules, head, body).map_err(|rejection| {
        let id = match rejection {
            // There is none to be found.
            Rejection::Unreadable(Unreadable::NotJson) => None,
            _ => id(body),
        };
        rejection.refuse_message(WHO, bearer(head), id)
    })?;
    check(required.iter().copied(), &mut head.extensions, WHO)
}

/// What a message needs, once it is clear that it says what it seems to.
fn read<'r>(
    rules: &'r ScopeRules,
    head: &Parts,
    body: &[u8],
) -> Result<Vec<&'r ScopeRequirement>, Rejection> {
    let calls = calls(body)?;
    check_agreement(&head.headers, &calls)?;
    Ok(required(rules, &calls)?)
}

/// How many bytes of a body a caller without a token may send to a server that has something for such callers. A
/// message that opens a session or looks around has a few hundred.
const MAX_ANONYMOUS_BODY_BYTES: usize = 64 * 1024;

/// How many bytes of its body are read before there is a decision; an answer where the body does not matter.
pub(super) fn decide_limit(
    rules: &ScopeRules,
    head: &Parts,
    max_body_bytes: usize,
) -> Result<usize, Reply> {
    match Caller::of(&head.extensions) {
        Caller::Known(_) => Ok(max_body_bytes),
        Caller::Anonymous(_) if rules.opens_anything() => {
            Ok(max_body_bytes.min(MAX_ANONYMOUS_BODY_BYTES))
        }
        Caller::Anonymous(anonymous) => Err(refuse_anonymous(anonymous)),
        Caller::Unasked => {
            let nothing = Protection::default();
            Err(Refusal::NoLayer.refuse(WHO, Bearer::Nobody, &nothing, &nothing.scopes))
        }
    }
}

/// The answer to a request that cannot be decided about.
pub(super) fn reject(rejection: Rejection, head: &Parts) -> Reply {
    match Caller::of(&head.extensions) {
        // With a token it may have more.
        Caller::Anonymous(anonymous) if rejection == Rejection::TooLarge => {
            refuse_anonymous(anonymous)
        }
        caller => rejection.refuse(WHO, caller.bearer()),
    }
}

fn refuse_anonymous(anonymous: &Anonymous) -> Reply {
    let protection = &anonymous.protection;
    Refusal::NoToken.refuse(WHO, Bearer::Nobody, protection, protection.initial_scopes())
}

fn bearer(head: &Parts) -> Bearer<'_> {
    Caller::of(&head.extensions).bearer()
}

/// `Ok` when somebody may come whose request is not read.
pub(super) fn decide_unread(head: &mut Parts) -> Result<(), Reply> {
    let anyone = iter::once(&ScopeRequirement::ANYONE);
    check(anyone, &mut head.extensions, WHO)
}

/// What all these calls need together.
fn required<'r>(
    rules: &'r ScopeRules,
    calls: &[Call<'_>],
) -> Result<Vec<&'r ScopeRequirement>, Unreadable> {
    let mut required: Vec<&ScopeRequirement> = Vec::new();
    // A thousand resources under one rule need it once.
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
