//! Refusals from further in than a guard can stand: a tool that finds out, in the middle of its work,
//! that the token does not suffice.
//!
//! An MCP server runs its tools in tasks of their own, and what they return becomes JSON. So the layer
//! leaves a slot with the request; whatever wants the request refused writes there; and when the
//! response comes, the layer looks. That works where the server waits for the tool before it begins to
//! answer, and only there is the slot looked at: otherwise the answer would depend on who is faster. It still
//! does for a tool that has something to say (progress, a log line) before it finds the token lacking; both
//! answers are refusals.

// Only tools write into it.
#![cfg_attr(not(feature = "rmcp"), allow(dead_code))]

use std::sync::{Arc, OnceLock};

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response};

use crate::scopes::Scopes;

/// The slot of one request; none where nobody could write into it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RefusalSlot {
    slot: Option<Arc<Slot>>,
}

#[derive(Debug)]
struct Slot {
    lack: OnceLock<RefusalCause>,
    waits: bool,
}

/// What the request lacks.
#[derive(Debug)]
pub(crate) enum RefusalCause {
    Token,
    /// A token with all of these.
    Scopes(Scopes),
}

/// From this revision of MCP on, a server waits for what it is going to say before it starts its
/// response, whatever the response's type.
const WAITS_SINCE: &str = "2026-07-28";

impl RefusalSlot {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        // Every call in MCP is a POST.
        if !cfg!(feature = "rmcp") || request.method() != Method::POST {
            return Self::default();
        }
        let version = request.headers().get("mcp-protocol-version");
        let version = version.and_then(|version| version.to_str().ok());
        let slot = Slot {
            lack: OnceLock::new(),
            // Revisions are dates, and compare as text.
            waits: version.is_some_and(|version| version >= WAITS_SINCE),
        };
        Self {
            slot: Some(Arc::new(slot)),
        }
    }

    /// Wants the request refused. The first to say so decides.
    pub(crate) fn refuse(&self, lack: RefusalCause) {
        if let Some(slot) = &self.slot {
            let _ = slot.lack.set(lack);
        }
    }

    /// What to answer instead of `response`, if somebody wants that.
    pub(crate) fn instead_of<B>(&self, response: &Response<B>) -> Option<&RefusalCause> {
        let slot = self.slot.as_deref()?;
        let lack = slot.lack.get()?;
        (slot.waits || is_json(response.headers())).then_some(lack)
    }
}

/// A response that is one JSON document was put together after the tool was done. An event stream may
/// have been started before.
fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        let essence = value.as_bytes().split(|byte| *byte == b';').next();
        essence.is_some_and(|essence| {
            essence
                .trim_ascii()
                .eq_ignore_ascii_case(b"application/json")
        })
    })
}
