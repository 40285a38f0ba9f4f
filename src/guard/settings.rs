use crate::reject::RefusalMap;

/// The configuration of a guard with a requirement `R`, as its services share it.
#[derive(Debug, Clone)]
pub(super) struct Settings<R> {
    pub(super) requirement: R,
    /// The guard's own mapping of refusals.
    pub(super) refusal_map: Option<RefusalMap>,
}

impl<R> Settings<R> {
    pub(super) fn new(requirement: R) -> Self {
        Self {
            requirement,
            refusal_map: None,
        }
    }
}
