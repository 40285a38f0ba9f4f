//! Inputs that were made to be expensive, each beside a harmless one of the same size: counted by `counts.rs`, timed
//! by `layer.rs`.

use super::scenarios::Call;

pub(crate) mod bodies;
pub(crate) mod headers;
pub(crate) mod tokens;

/// An expensive input of some size, and a harmless one that it is compared with.
pub(crate) struct Pair {
    pub(crate) name: &'static str,
    /// What the harmless input is called: pairs that share it have one name for it.
    pub(crate) base: &'static str,
    /// In bytes, where instructions are counted.
    pub(crate) size: usize,
    pub(crate) harmless: fn(usize) -> Call,
    pub(crate) hostile: fn(usize) -> Call,
}

/// How many times as much as the harmless input a hostile one may cost.
pub(crate) const LIMIT: f64 = 3.0;
