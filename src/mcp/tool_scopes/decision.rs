//! Whether a call may pass: a pure function of the rules, the request's head and its body.

use std::{iter, ptr};

use http::request::Parts;

use crate::caller::Caller;
use crate::mcp::headers::check_agreement;
use crate::mcp::message::{Call, LISTEN, Unreadable, calls};
use crate::mcp::message_id::id;
use crate::mcp::rejection::Rejection;
use crate::mcp::rules::{Ambiguous, ScopeRules};
use crate::reject::Reply;
use crate::scope_guard::ScopeRequirement;
use crate::scope_guard::requirement::check;
use crate::telemetry::Bearer;

const WHO: &str = "ToolScopesLayer";

const AMBIGUOUS: Unreadable = Unreadable::BadParams("the URI could mean another resource");

/// `Ok` when the caller may make every call in `body`; otherwise the answer.
pub(super) fn decide(rules: &ScopeRules, head: &Parts, body: &[u8]) -> Result<(), Reply> {
    let required = read(rules, head, body).map_err(|rejection| {
        let id = match rejection {
            // There is none to be found.
            Rejection::Unreadable(Unreadable::NotJson) => None,
            _ => id(body),
        };
        rejection.refuse_message(WHO, bearer(head), id)
    })?;
    check(required.iter().copied(), &head.extensions, WHO)
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

/// The answer to a request that nobody can decide about.
pub(super) fn reject(rejection: Rejection, head: &Parts) -> Reply {
    rejection.refuse(WHO, bearer(head))
}

fn bearer(head: &Parts) -> Bearer<'_> {
    Caller::of(&head.extensions).bearer()
}

/// `Ok` when somebody may come whose request is not read.
pub(super) fn decide_unread(head: &Parts) -> Result<(), Reply> {
    check(iter::once(&ScopeRequirement::ANYONE), &head.extensions, WHO)
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
