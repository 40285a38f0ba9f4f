//! Protected resource metadata (RFC 9728), and the other effects of a declared resource.

mod document;
mod elsewhere;
mod mistakes;
mod uses;

use serde_json::{Value, json};
use tower_bearer_auth::ProtectedResource;

use crate::support::Answer;

const ISSUER: &str = "https://issuer.test";
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

fn notes() -> ProtectedResource {
    ProtectedResource::new("https://api.test/notes")
        .authorization_servers([ISSUER])
        .scopes(["read", "write"])
}

#[track_caller]
fn assert_document(answer: &Answer, document: &Value) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json(), *document);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=3600"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

fn small(resource: &str) -> Value {
    json!({
        "resource": resource,
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
    })
}
