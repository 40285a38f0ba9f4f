use tower_layer::Layer;

use super::service::ToolScopes;
use crate::mcp::rules::ScopeRules;

/// Lets the calls through whose token has the scopes of the tool, prompt, resource or task they are about.
///
/// In MCP every tool is behind one URL, so a guard per route guards nothing, and the headers that name
/// the tool are optional and anybody's to write. This layer decides from the body. It stands behind a
/// [`BearerAuthLayer`](crate::BearerAuthLayer), right around the MCP service; see
/// [`mcp`](crate::mcp).
///
/// What it cannot decide about it refuses; nothing of that reaches the server behind:
///
/// | the request | status |
/// |---|---|
/// | lacks a scope of anything that the message is about | 403 with all the scopes that it needs |
/// | is about something that [nobody](crate::ScopeRequirement::nobody) may use | 403 without a challenge |
/// | has a body that is not JSON | 400, JSON-RPC -32700 |
/// | is not a JSON-RPC message, is both a call and a response, has more than 1 000 members or messages, or has a member that matters twice, in another spelling, or under a name that is special to a parser | 400, -32600 |
/// | says what it is about not at all, or other than in plain text, or names more than 1 000 resources, or a resource that could be another one | 400, -32602 |
/// | has a header of MCP twice, or one that contradicts the body | 400, -32020 |
/// | has a `Content-Encoding`, or another character set than UTF-8 | 415 |
/// | has a body over the limit | 413; 401 without a token |
/// | has no token, behind an [optional](crate::BearerAuthLayer::optional) layer, and no rule is for [anyone](crate::ScopeRequirement::anyone) | 401 |
/// | is neither `POST` nor one of `GET`, `HEAD`, `DELETE`, `OPTIONS`, which pass unread | 405 |
///
/// A batch needs what all its messages need. Responses of the client (to sampling and the like) call
/// nothing and pass, from a caller without a token only where some rule is for anyone.
#[derive(Debug, Clone)]
pub struct ToolScopesLayer {
    rules: ScopeRules,
    max_body_bytes: usize,
}

/// As much as rmcp reads.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

impl ToolScopesLayer {
    /// A guard by these rules.
    pub fn new(rules: ScopeRules) -> Self {
        Self {
            rules,
            max_body_bytes: MAX_BODY_BYTES,
        }
    }

    /// The largest body to read, in bytes; it is held in memory. Default: 4 MiB, which is also what rmcp
    /// reads.
    ///
    /// Of a caller without a token, behind an [optional](crate::BearerAuthLayer::optional) layer, at most 64 KiB are
    /// read, and nothing where no rule lets such a caller do anything.
    ///
    /// How long a client may take for it is not limited here: put a timeout around the server.
    #[must_use]
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }
}

impl<S> Layer<S> for ToolScopesLayer {
    type Service = ToolScopes<S>;

    fn layer(&self, inner: S) -> ToolScopes<S> {
        ToolScopes::new(inner, self.rules.clone(), self.max_body_bytes)
    }
}
