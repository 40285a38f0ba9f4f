//! The hot paths, each as a closure that runs it once. `layer.rs` times them and `counts.rs` counts their instructions.

mod accepted;
mod call;
mod limits;
mod list;
mod refused;
mod revocable;
mod tools;

pub(crate) use self::call::{Call, through_the_layer, token_of, verifier_of};
pub(crate) use self::list::{ALL, Scenario, named};
