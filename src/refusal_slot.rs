//! Refusals by a tool that finds out, while it runs, that the token does not suffice.
//!
//! An MCP server runs its tools in tasks of their own, and what a tool returns becomes JSON. So the layer leaves a slot
//! with the request, the tool writes the cause of its refusal into the slot, and the layer reads the slot when the
//! response starts.
//!
//! This works if the server waits for the tool before it starts the response. Only then does the layer read the slot:
//! otherwise the answer would depend on whether the tool or the response is faster. One race remains: a tool that
//! reports progress or logs to the client before it refuses may have started its response. Both answers are refusals.

// Only tools write into it.
#![cfg_attr(not(feature = "rmcp"), allow(dead_code))]

use std::sync::{Arc, OnceLock};

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response};

use crate::authentication_requirement::AuthenticationRequirement;
use crate::scopes::Scopes;

/// The slot of one request. It is absent if no tool can write into it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RefusalSlot {
    slot: Option<Arc<Slot>>,
}

#[derive(Debug)]
struct Slot {
    cause: OnceLock<RefusalCause>,
    /// Whether the server waits for the tool, whatever the type of its response.
    waits: bool,
}

/// Why a tool refuses its request.
#[derive(Debug)]
pub(crate) enum RefusalCause {
    NoToken,
    /// The token lacks some of these.
    InsufficientScope(Scopes),
    /// The user has not authenticated like this. The client needs these scopes, too.
    InsufficientAuthentication(Arc<AuthenticationRequirement>, Scopes),
}

/// Since this revision of MCP, a server waits for the first message of its response before it starts the response,
/// whatever its type.
const WAITS_SINCE: &str = "2026-07-28";

impl RefusalSlot {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        // In MCP, every call is a POST.
        if !cfg!(feature = "rmcp") || request.method() != Method::POST {
            return Self::default();
        }
        let version = request.headers().get("mcp-protocol-version");
        let version = version.and_then(|version| version.to_str().ok());
        let slot = Slot {
            cause: OnceLock::new(),
            // Revisions are dates, and compare as text.
            waits: version.is_some_and(|version| version >= WAITS_SINCE),
        };
        Self {
            slot: Some(Arc::new(slot)),
        }
    }

    /// Whether a tool can refuse the request.
    pub(crate) fn is_usable(&self) -> bool {
        self.slot.is_some()
    }

    /// Requests that the layer refuses the request. The first cause decides.
    pub(crate) fn refuse(&self, cause: RefusalCause) {
        if let Some(slot) = &self.slot {
            let _ = slot.cause.set(cause);
        }
    }

    /// The cause of the refusal to send instead of `response`, if a tool requested one.
    pub(crate) fn instead_of<B>(&self, response: &Response<B>) -> Option<&RefusalCause> {
        let slot = self.slot.as_deref()?;
        let cause = slot.cause.get()?;
        (slot.waits || is_json(response.headers())).then_some(cause)
    }
}

/// Whether the response is one JSON document, which a server builds after its tool has ended. An event stream may have
/// started before.
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
