//! The issuer's opaque tokens, and what it says about them (RFC 7662).

use std::borrow::Cow;
use std::collections::HashMap;

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Map, Value, json};
use url::form_urlencoded::parse;

use super::fault::Fault;
use super::issuer::TestIssuer;

pub(super) const INTROSPECTION_PATH: &str = "/introspect";

/// What is known about opaque tokens.
#[derive(Default)]
pub(super) struct Introspection {
    /// What is said about a token, by the token.
    tokens: HashMap<String, Map<String, Value>>,
    pub(super) fault: Option<Fault>,
    pub(super) response: Option<Response<Bytes>>,
    pub(super) requests: usize,
}

/// # Opaque tokens
///
/// Whoever introspects says who it is, as the client [`CLIENT_ID`](Self::CLIENT_ID) or by the token
/// [`ACCESS_TOKEN`](Self::ACCESS_TOKEN).
impl TestIssuer {
    /// The client that may introspect tokens.
    pub const CLIENT_ID: &str = "resource-server";

    /// Its secret, which does not look the same when it is encoded.
    pub const CLIENT_SECRET: &str = "50% of s3cret+more: \u{e4}";

    /// A token to introspect others with.
    pub const ACCESS_TOKEN: &str = "introspector";

    /// Where tokens are introspected.
    pub fn introspection_url(&self) -> String {
        format!("{}{INTROSPECTION_PATH}", self.base())
    }

    /// Issues an opaque token that these members are said about, besides `active`; `iss` is the issuer's unless
    /// it is among them.
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
    /// When the members are no JSON object.
    #[track_caller]
    pub fn opaque_token(&self, members: Value) -> String {
        let Value::Object(members) = members else {
            panic!("members are an object, not {members}")
        };
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

    /// Says from now on that this token is not active.
    pub fn revoke(&self, token: &str) {
        self.state().introspection.tokens.remove(token);
    }

    /// Answers introspection requests this way from now on; `None` ends it.
    pub fn introspection_fault(&self, fault: Option<Fault>) {
        self.state().introspection.fault = fault;
    }

    /// Answers introspection requests with this response from now on, whatever the token; `None` ends it. A
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

    /// How many introspection requests there were.
    pub fn introspection_requests(&self) -> usize {
        self.state().introspection.requests
    }
}

impl Introspection {
    /// The right answer to a request with this form.
    pub(super) fn answer(&self, headers: &HeaderMap, form: &[u8]) -> (StatusCode, Value) {
        let form: Form<'_> = parse(form).collect();
        if !knows(headers, &form) {
            return (StatusCode::UNAUTHORIZED, json!({"error": "invalid_client"}));
        }
        let said = form
            .get("token")
            .and_then(|token| self.tokens.get(&**token));
        let inactive = || json!({"active": false});
        (
            StatusCode::OK,
            said.cloned().map_or_else(inactive, Value::Object),
        )
    }
}

type Form<'a> = HashMap<Cow<'a, str>, Cow<'a, str>>;

/// Whether somebody who may introspect is asking, by any of the ways there are to say so.
fn knows(headers: &HeaderMap, form: &Form<'_>) -> bool {
    let by_form = form.get("client_id").map(|id| &**id) == Some(TestIssuer::CLIENT_ID)
        && form.get("client_secret").map(|secret| &**secret) == Some(TestIssuer::CLIENT_SECRET);
    let header = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    by_form || header.is_some_and(|header| is_basic(header) || is_bearer(header))
}

fn is_basic(header: &str) -> bool {
    let decoded = header
        .strip_prefix("Basic ")
        .and_then(|pair| STANDARD.decode(pair).ok())
        .and_then(|pair| String::from_utf8(pair).ok());
    // Each part is form-encoded (RFC 6749 §2.3.1).
    let decode = |part: &str| -> String {
        let field = format!("x={part}");
        parse(field.as_bytes()).map(|(_, value)| value).collect()
    };
    decoded.is_some_and(|pair| {
        pair.split_once(':').is_some_and(|(id, secret)| {
            decode(id) == TestIssuer::CLIENT_ID && decode(secret) == TestIssuer::CLIENT_SECRET
        })
    })
}

fn is_bearer(header: &str) -> bool {
    header.strip_prefix("Bearer ") == Some(TestIssuer::ACCESS_TOKEN)
}
