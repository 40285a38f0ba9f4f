//! Inputs that were crafted to be expensive, each with a harmless input of the same size. `counts.rs` counts their
//! instructions and `layer.rs` times them.

use super::scenarios::Call;

pub(crate) mod bodies;
pub(crate) mod headers;
pub(crate) mod proofs;
pub(crate) mod tokens;

/// An expensive input, and the harmless input that it is compared with.
pub(crate) struct Pair {
    pub(crate) name: &'static str,
    /// The name of the harmless input. Pairs with the same harmless input have the same name for it.
    pub(crate) base: &'static str,
    /// The size in bytes at which `counts.rs` counts instructions.
    pub(crate) size: usize,
    pub(crate) harmless: fn(usize) -> Call,
    pub(crate) hostile: fn(usize) -> Call,
}

/// The maximum ratio of the cost of a hostile input to the cost of the harmless one.
pub(crate) const LIMIT: f64 = 3.0;
