use super::requirement::ScopeRequirement;
use crate::reject::RefusalMap;

/// The configuration of a guard, as its services share it.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) requirement: ScopeRequirement,
    /// The guard's own answers to refused requests.
    pub(super) refusal_map: Option<RefusalMap>,
}

impl Settings {
    pub(super) fn new(requirement: ScopeRequirement) -> Self {
        Self {
            requirement,
            refusal_map: None,
        }
    }
}
