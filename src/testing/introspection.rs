//! The introspection endpoint of the test issuer (RFC 7662).

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};
use url::form_urlencoded::parse;

use super::fault::Fault;
use super::signing_key::SigningKey;
use super::token::TokenBuilder;
use crate::verify::claims::token_kind::{INTROSPECTION_CLAIM, INTROSPECTION_TYPE};

pub(super) const INTROSPECTION_PATH: &str = "/introspect";
pub(super) const CLIENT_ID: &str = "resource-server";
pub(super) const CLIENT_SECRET: &str = "50% of s3cret+more: \u{e4}";
pub(super) const ACCESS_TOKEN: &str = "introspector";

/// The state of the introspection endpoint.
#[derive(Default)]
pub(super) struct Introspection {
    /// The members of the answer for each active token, by the token.
    pub(super) tokens: HashMap<String, Map<String, Value>>,
    pub(super) fault: Option<Fault>,
    pub(super) response: Option<Response<Bytes>>,
    pub(super) requests: usize,
}

impl Introspection {
    /// The correct answer to a request with this form.
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

/// Whether the client requests signed answers (RFC 9701 §4).
pub(super) fn wants_signed(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .is_some_and(|accepted| accepted == MEDIA_TYPE)
}

/// Starts a signed answer for the client.
pub(super) fn signed(key: &SigningKey, issuer: &str, answer: Value) -> TokenBuilder {
    key.token()
        .token_type(INTROSPECTION_TYPE)
        .issuer(issuer)
        .audience(CLIENT_ID)
        .without_claim("exp")
        .without_claim("sub")
        .claim(INTROSPECTION_CLAIM, answer)
}

pub(super) fn jwt_response(jwt: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(jwt));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

const MEDIA_TYPE: &str = "application/token-introspection+jwt";

type Form<'a> = HashMap<Cow<'a, str>, Cow<'a, str>>;

/// Whether the request authenticates the client: in the form, with HTTP Basic or with a bearer token.
fn knows(headers: &HeaderMap, form: &Form<'_>) -> bool {
    let by_form = form.get("client_id").map(|id| &**id) == Some(CLIENT_ID)
        && form.get("client_secret").map(|secret| &**secret) == Some(CLIENT_SECRET);
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
        pair.split_once(':')
            .is_some_and(|(id, secret)| decode(id) == CLIENT_ID && decode(secret) == CLIENT_SECRET)
    })
}

fn is_bearer(header: &str) -> bool {
    header.strip_prefix("Bearer ") == Some(ACCESS_TOKEN)
}
