//! What the crate promises about bytes that a stranger wrote, one module per promise.
//!
//! A module's `run` takes any bytes at all and panics where a promise is broken. `fuzz_targets/` hands it to
//! libFuzzer, `tests/replay.rs` runs it over the committed corpus. What is right is worked out a second time,
//! as plainly as possible and without a look at the crate: in the module itself, in `claim_rules` and in
//! `json`.

#![forbid(unsafe_code)]

pub mod challenge;
pub mod claims;
pub mod differential;
pub mod header;
pub mod introspection;
pub mod jwk_set;
pub mod jws;
pub mod pem;
pub mod tool_guard;

mod claim_rules;
mod input;
mod json;
mod keys;
mod poll;
mod signed;

/// A module of this crate, by the name of its target and corpus.
pub struct Target {
    pub name: &'static str,
    /// Panics where a promise is broken; says how far it got otherwise.
    pub run: fn(&[u8]) -> &'static str,
    /// How far the corpus has to get: one that only ever ends at the first check proves little.
    pub reaches: &'static [&'static str],
}

pub const TARGETS: [Target; 9] = [
    Target {
        name: "challenge",
        run: challenge::run,
        reaches: challenge::REACHES,
    },
    Target {
        name: "claims",
        run: claims::run,
        reaches: claims::REACHES,
    },
    Target {
        name: "differential",
        run: differential::run,
        reaches: differential::REACHES,
    },
    Target {
        name: "header",
        run: header::run,
        reaches: header::REACHES,
    },
    Target {
        name: "introspection",
        run: introspection::run,
        reaches: introspection::REACHES,
    },
    Target {
        name: "jwk_set",
        run: jwk_set::run,
        reaches: jwk_set::REACHES,
    },
    Target {
        name: "jws",
        run: jws::run,
        reaches: jws::REACHES,
    },
    Target {
        name: "pem",
        run: pem::run,
        reaches: pem::REACHES,
    },
    Target {
        name: "tool_guard",
        run: tool_guard::run,
        reaches: tool_guard::REACHES,
    },
];
