use crate::mcp::rules::ScopeRules;
use crate::reject::RefusalMap;

/// The default limit of a body, and the limit of `rmcp`.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// The configuration of the layer, as its services and futures share it.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) rules: ScopeRules,
    pub(super) max_body_bytes: usize,
    /// The layer's own mapping of refusals.
    pub(super) refusal_map: Option<RefusalMap>,
}

impl Settings {
    pub(super) fn new(rules: ScopeRules) -> Self {
        Self {
            rules,
            max_body_bytes: MAX_BODY_BYTES,
            refusal_map: None,
        }
    }
}
