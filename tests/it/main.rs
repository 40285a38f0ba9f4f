//! One binary for all integration tests: a file per behaviour.

mod support;

mod answers;
mod attacks;
mod authorization_server;
mod combined;
mod documentation;
mod extractors;
mod jwks;
#[cfg(feature = "jwks-client-rs")]
mod jwks_client_rs;
mod jwt;
mod layer;
mod mcp;
mod metadata;
mod providers;
mod readiness;
mod scope_guards;
mod shown_urls;
mod soak;
mod streams;
mod telemetry;
mod verifiers;
