//! Step-up authentication (RFC 9470) for tools: by the tool itself, and by a rule.

mod in_tools;
mod rules;

use serde_json::{Value, json};

use crate::support::refused;

/// The body of the refusal.
fn body() -> Value {
    let description = "The user must authenticate again or in another way";
    refused("insufficient_user_authentication", description)
}

/// The data of the JSON-RPC error, for [`step_up`](super::tool_server::step_up).
fn data(scope: &str) -> Value {
    json!({
        "error": "insufficient_user_authentication",
        "scope": scope,
        "resource_metadata": "https://api.test/.well-known/oauth-protected-resource/mcp",
        "acr_values": "phr phrh",
        "max_age": "300",
    })
}
