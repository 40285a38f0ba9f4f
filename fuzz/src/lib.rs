//! The crate's guarantees about untrusted input, one module per guarantee.
//!
//! A module's `run` takes any bytes and panics if a guarantee is broken. `fuzz_targets/` passes it to libFuzzer, and
//! `tests/replay.rs` runs it over the committed corpus. The expected result is computed a second time, as plainly as
//! possible and independently of the crate: in the module itself, in `certificates`, `claim_rules` and `json`.

#![forbid(unsafe_code)]

pub mod challenge;
pub mod claims;
pub mod differential;
pub mod dpop_proof;
pub mod escaped_pem;
pub mod header;
pub mod introspection;
pub mod jwk_set;
pub mod jws;
pub mod pem;
pub mod token_sources;
pub mod tool_guard;
pub mod xfcc_header;

mod certificates;
mod claim_rules;
mod input;
mod json;
mod keys;
mod poll;
mod signed;

/// A module of this crate, by the name of its target and corpus.
pub struct Target {
    pub name: &'static str,
    /// Panics if a guarantee is broken. Otherwise returns how far the input got.
    pub run: fn(&[u8]) -> &'static str,
    /// The results that the corpus must reach. A corpus that always fails the first check proves little.
    pub reaches: &'static [&'static str],
}

pub const TARGETS: [Target; 13] = [
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
        name: "dpop_proof",
        run: dpop_proof::run,
        reaches: dpop_proof::REACHES,
    },
    Target {
        name: "escaped_pem",
        run: escaped_pem::run,
        reaches: escaped_pem::REACHES,
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
        name: "token_sources",
        run: token_sources::run,
        reaches: token_sources::REACHES,
    },
    Target {
        name: "tool_guard",
        run: tool_guard::run,
        reaches: tool_guard::REACHES,
    },
    Target {
        name: "xfcc_header",
        run: xfcc_header::run,
        reaches: xfcc_header::REACHES,
    },
];
