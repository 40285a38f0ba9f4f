//! One binary for all integration tests: a file per behaviour.

mod support;

mod answers;
mod extractors;
mod jwks;
mod jwt;
mod layer;
mod mcp_server;
mod readiness;
mod scope_guards;
mod verifiers;
