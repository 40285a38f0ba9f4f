//! Tokens that an issuer pushes to a server: logout tokens, and security event tokens.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::dpop_proof::random_id;
use super::issuer::TestIssuer;
use super::token::TokenBuilder;
use crate::verify::claims::token_kind::{LOGOUT_EVENT, LOGOUT_TYPE, SECURITY_EVENT_TYPE};

/// # Logout tokens and security events
impl TestIssuer {
    /// Starts a logout token for this client (OpenID Connect Back-Channel Logout 1.0 §2.4), with a random `jti`. It
    /// expires in two minutes. Set `sub`, `sid` or both.
    ///
    /// ```
    /// # use tower_bearer_auth::testing::TestIssuer;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let issuer = TestIssuer::start().await;
    /// let token = issuer.logout_token("web-app").claim("sid", "session-1").build();
    /// let form = format!("logout_token={token}");
    /// # let _ = form;
    /// # }
    /// ```
    pub fn logout_token(&self, client_id: impl Into<String>) -> TokenBuilder {
        self.token()
            .token_type(LOGOUT_TYPE)
            .audience(client_id)
            .jwt_id(random_id())
            .expires_in(Duration::from_secs(120))
            .claim("events", json!({LOGOUT_EVENT: {}}))
    }

    /// Starts a security event token (RFC 8417) for this audience with one event, with a random `jti` and without
    /// `exp`.
    ///
    /// ```
    /// # use serde_json::json;
    /// # use tower_bearer_auth::testing::TestIssuer;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let issuer = TestIssuer::start().await;
    /// let event = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
    /// let token = issuer
    ///     .security_event("https://api.example.com", event, json!({"reason": "hijacking"}))
    ///     .claim("sub_id", json!({"format": "iss_sub", "iss": issuer.issuer(), "sub": "alice"}))
    ///     .build();
    /// # let _ = token;
    /// # }
    /// ```
    pub fn security_event(
        &self,
        audience: impl Into<String>,
        event_type: impl Into<String>,
        event: Value,
    ) -> TokenBuilder {
        let events = Map::from_iter([(event_type.into(), event)]);
        self.token()
            .token_type(SECURITY_EVENT_TYPE)
            .audience(audience)
            .jwt_id(random_id())
            .without_claim("exp")
            .claim("events", events)
    }
}
