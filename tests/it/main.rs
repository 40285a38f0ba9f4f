//! One binary for all integration tests: a file per behaviour.

mod support;

mod answers;
mod extractors;
mod jwks;
mod jwt_algorithms;
mod jwt_claims;
mod jwt_config;
mod jwt_dates;
mod jwt_fixtures;
mod jwt_form;
mod jwt_key_sets;
mod jwt_keys;
mod jwt_kinds;
mod jwt_mapping;
mod jwt_members;
mod jwt_signatures;
mod jwt_vectors;
mod layer;
mod mcp_server;
mod readiness;
mod scope_guards;
mod verifiers;
