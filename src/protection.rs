//! What the layer was configured with, carried along so that a guard or a handler can answer with
//! the same challenge.

use crate::scopes::{ScopeHierarchy, Scopes};

/// The part of a layer's configuration that challenges and scope checks need.
#[derive(Debug, Clone, Default)]
pub(crate) struct Protection {
    pub(crate) realm: Option<Box<str>>,
    /// What every request needs.
    pub(crate) scopes: Scopes,
    pub(crate) hierarchy: ScopeHierarchy,
}
