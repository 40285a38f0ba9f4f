//! Opaque tokens of the test issuer, and their introspection (RFC 7662).

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Response;
use serde_json::{Map, Value};

use super::dpop_key::DpopKey;
use super::fault::Fault;
use super::introspection::{self, INTROSPECTION_PATH};
use super::issuer::TestIssuer;
use super::token::{TokenBuilder, add_confirmation};
use crate::possession::ClientCertificate;

/// # Opaque tokens
///
/// An introspection request must authenticate as the client [`CLIENT_ID`](Self::CLIENT_ID) or with the token
/// [`ACCESS_TOKEN`](Self::ACCESS_TOKEN).
impl TestIssuer {
    /// The ID of the client that may introspect tokens.
    pub const CLIENT_ID: &str = introspection::CLIENT_ID;

    /// The secret of this client. It has characters that form encoding changes (RFC 6749 §2.3.1).
    pub const CLIENT_SECRET: &str = introspection::CLIENT_SECRET;

    /// A token that authenticates introspection requests.
    pub const ACCESS_TOKEN: &str = introspection::ACCESS_TOKEN;

    /// The URL of the introspection endpoint.
    pub fn introspection_url(&self) -> String {
        format!("{}{INTROSPECTION_PATH}", self.base())
    }

    /// Issues an opaque token, whose introspection answer has these members.
    ///
    /// By default the answer also has `active` with `true` and `iss` with the issuer identifier. The members override
    /// both.
    ///
    /// ```
    /// # use tower_bearer_auth::testing::TestIssuer;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let issuer = TestIssuer::start().await;
    /// let token = issuer.opaque_token(serde_json::json!({"sub": "alice", "scope": "read"}));
    /// issuer.revoke(&token);
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If `members` is not a JSON object.
    #[track_caller]
    pub fn opaque_token(&self, members: Value) -> String {
        self.issue(object(members))
    }

    /// Issues an opaque token that is bound to this key (RFC 9449 §6.2): the introspection answer has the thumbprint
    /// as `jkt` in `cnf`, and `token_type` with `DPoP`.
    ///
    /// The members can override `token_type` and can add other members to `cnf`.
    ///
    /// ```
    /// # use tower_bearer_auth::testing::{DpopKey, TestIssuer};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let issuer = TestIssuer::start().await;
    /// let key = DpopKey::new();
    /// let token = issuer.opaque_token_bound_to(&key, serde_json::json!({"sub": "alice"}));
    /// let proof = key.proof("GET", "https://api.example.com/notes", &token).build();
    /// # let _ = proof;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If `members` is not a JSON object.
    #[track_caller]
    pub fn opaque_token_bound_to(&self, key: &DpopKey, members: Value) -> String {
        let mut members = object(members);
        members.entry("token_type").or_insert("DPoP".into());
        add_confirmation(&mut members, "jkt", &key.thumbprint());
        self.issue(members)
    }

    /// Issues an opaque token that is bound to this client certificate (RFC 8705 §3.2): the introspection answer has
    /// the thumbprint as `x5t#S256` in `cnf`. The members can add other members to `cnf`.
    ///
    /// # Panics
    ///
    /// If `members` is not a JSON object.
    #[track_caller]
    pub fn opaque_token_bound_to_certificate(
        &self,
        certificate: &ClientCertificate,
        members: Value,
    ) -> String {
        let mut members = object(members);
        add_confirmation(&mut members, "x5t#S256", certificate.thumbprint());
        self.issue(members)
    }

    fn issue(&self, members: Map<String, Value>) -> String {
        let mut bytes = [0; 24];
        rand::fill(&mut bytes).expect("the system has random numbers");
        let token = URL_SAFE_NO_PAD.encode(bytes);
        let mut said = Map::new();
        said.insert("active".into(), true.into());
        said.insert("iss".into(), self.issuer().into());
        said.extend(members);
        let tokens = &mut self.state().introspection.tokens;
        tokens.insert(token.clone(), said);
        token
    }

    /// Starts a signed introspection response with these members (RFC 9701 §5), for the client
    /// [`CLIENT_ID`](Self::CLIENT_ID). Use it for invalid responses: if a request has
    /// `Accept: application/token-introspection+jwt`, the issuer signs its own answers.
    ///
    /// ```
    /// # use tower_bearer_auth::testing::TestIssuer;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let issuer = TestIssuer::start().await;
    /// let members = serde_json::json!({"active": true, "sub": "alice"});
    /// let wrong_audience = issuer.signed_introspection(members).audience("another-client").build();
    /// let response = http::Response::builder()
    ///     .header("content-type", "application/token-introspection+jwt")
    ///     .body(wrong_audience.into());
    /// issuer.introspection_response(Some(response.unwrap()));
    /// # }
    /// ```
    pub fn signed_introspection(&self, members: Value) -> TokenBuilder {
        introspection::signed(&self.key(), &self.issuer(), members)
    }

    /// Revokes this token. Introspection then reports it as inactive.
    pub fn revoke(&self, token: &str) {
        self.state().introspection.tokens.remove(token);
    }

    /// Answers introspection requests with this fault from now on. `None` removes the fault.
    pub fn introspection_fault(&self, fault: Option<Fault>) {
        self.state().introspection.fault = fault;
    }

    /// Answers all introspection requests with this response from now on. `None` removes it. A
    /// [fault](Self::introspection_fault) takes precedence.
    ///
    /// ```
    /// # use tower_bearer_auth::testing::TestIssuer;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let issuer = TestIssuer::start().await;
    /// let busy = http::Response::builder().status(429).header("retry-after", "10");
    /// issuer.introspection_response(Some(busy.body("".into()).unwrap()));
    /// # }
    /// ```
    pub fn introspection_response(&self, response: Option<Response<Bytes>>) {
        self.state().introspection.response = response;
    }

    /// The number of introspection requests so far.
    pub fn introspection_requests(&self) -> usize {
        self.state().introspection.requests
    }
}

#[track_caller]
fn object(members: Value) -> Map<String, Value> {
    match members {
        Value::Object(members) => members,
        other => panic!("members must be a JSON object, not {other}"),
    }
}
