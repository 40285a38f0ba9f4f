//! A layer per tenant, chosen by the request.

mod choice;
mod example;
mod metadata;
mod proofs;

use tower_bearer_auth::{BearerAuthLayer, StaticToken, StaticTokenVerifier};

use crate::support::refused;

/// The layer of a tenant with one token, `token-of-NAME`. Its realm is the name.
fn layer(name: &str) -> BearerAuthLayer<StaticTokenVerifier> {
    let token = (format!("token-of-{name}"), StaticToken::new("cli"));
    BearerAuthLayer::new(StaticTokenVerifier::new([token])).realm(name)
}

/// The body for a request of an unknown tenant.
fn unknown() -> serde_json::Value {
    refused("not_found", "The server has nothing at this address")
}
