//! Shared code of the benchmarks. `benches/peers/` uses some of the files too.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "no benchmark uses all of it"
)]

pub(crate) mod floor;
pub(crate) mod hostile;
pub(crate) mod proofs;
pub(crate) mod report;
pub(crate) mod rounds;
pub(crate) mod sample;
pub(crate) mod scenarios;
pub(crate) mod service;

pub(crate) use self::sample::{AUDIENCE, BareCheck, ISSUER, Sample};
pub(crate) use self::service::{Nothing, answer, at_once, authorization, request};
