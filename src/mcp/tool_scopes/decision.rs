//! Whether a call may pass: a pure function of the rules, the request's head and its body.

use std::iter;

use http::request::Parts;

use crate::caller::Caller;
use crate::mcp::headers::check_agreement;
use crate::mcp::message::{Call, LISTEN, Unreadable, calls, id};
use crate::mcp::rejection::Rejection;
use crate::mcp::rules::{Ambiguous, ScopeRules};
use crate::reject::Reply;
use crate::scope_guard::ScopeRequirement;
use crate::scope_guard::requirement::check;
use crate::telemetry::Bearer;

const WHO: &str = "ToolScopesLayer";

const AMBIGUOUS: Unreadable = Unreadable::BadParams("the URI could mean another resource");

/// `Ok` when the caller may make every call in `body`; otherwise the answer.
pub(super) fn decide(rules: &ScopeRules, head: &mut Parts, body: &[u8]) -> Result<(), Reply> {
    let required = read(rules, head, body)
        .map_err(|rejection| rejection.refuse_message(WHO, bearer(head), id(body)))?;
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

/// The answer to a request that nobody can decide about.
pub(super) fn reject(rejection: Rejection, head: &Parts) -> Reply {
    rejection.refuse(WHO, bearer(head))
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
    let mut required = Vec::with_capacity(calls.len());
    for call in calls {
        let targets = call.targets()?;
        if targets.is_empty() || call.method == LISTEN {
            required.push(rules.for_method(&call.method));
        }
        for target in &targets {
            let rule = rules.for_target(&call.method, target);
            required.push(rule.map_err(|Ambiguous| AMBIGUOUS)?);
        }
    }
    Ok(required)
}
