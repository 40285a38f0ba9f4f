//! One binary for all integration tests: a file per behaviour.

// The version whose conversions are tested, under the name by which its documentation knows it.
extern crate jsonwebtoken_12 as jsonwebtoken;

mod support;

mod answers;
mod attacks;
mod authorization_server;
mod combined;
mod connections;
mod documentation;
mod dpop_proofs;
mod explain;
mod extractors;
mod forward_auth;
mod grpc;
mod inner_services;
mod jwks;
#[cfg(feature = "jwks-client-rs")]
mod jwks_client_rs;
mod jwt;
mod kept_tokens;
mod layer;
mod mapped_refusals;
mod mcp;
mod metadata;
mod nested_layers;
mod possession;
mod providers;
mod readiness;
mod refused;
mod revocation;
mod scope_guards;
mod settings;
mod shown_urls;
mod soak;
mod stacked_guards;
mod step_up;
mod streams;
mod telemetry;
mod tenants;
mod token_sources;
mod typed_claims;
mod until_invalid;
mod verifiers;
