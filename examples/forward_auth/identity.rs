//! The caller, in headers of the answer.

use std::time::UNIX_EPOCH;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tower_bearer_auth::AccessToken;

const RESULT: HeaderName = HeaderName::from_static("x-auth-result");
const SUBJECT: HeaderName = HeaderName::from_static("x-auth-subject");
const CLIENT: HeaderName = HeaderName::from_static("x-auth-client");
const ISSUER: HeaderName = HeaderName::from_static("x-auth-issuer");
const SCOPES: HeaderName = HeaderName::from_static("x-auth-scopes");
const EXPIRES: HeaderName = HeaderName::from_static("x-auth-expires");
const TOKEN_ID: HeaderName = HeaderName::from_static("x-auth-token-id");

/// The names of these headers. Every answer has all of them.
pub(crate) const NAMES: [HeaderName; 7] =
    [RESULT, SUBJECT, CLIENT, ISSUER, SCOPES, EXPIRES, TOKEN_ID];

/// Adds the headers for a request that may pass, with this token or without one.
pub(crate) fn insert(headers: &mut HeaderMap, token: Option<&AccessToken>) {
    let result = match token {
        Some(_) => "verified",
        None => "anonymous",
    };
    headers.insert(RESULT, HeaderValue::from_static(result));
    let Some(token) = token else {
        return;
    };
    let seconds = token.expires_at().map(|at| {
        let since_epoch = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        since_epoch.as_secs().to_string()
    });
    let scopes: Vec<_> = token.scopes().iter().map(encoded).collect();
    for (name, value) in [
        (SUBJECT, token.subject().map(encoded)),
        (CLIENT, token.client_id().map(encoded)),
        (ISSUER, token.issuer().map(encoded)),
        (SCOPES, Some(scopes.join(" "))),
        (EXPIRES, seconds),
        (TOKEN_ID, token.jwt_id().map(encoded)),
    ] {
        let value = HeaderValue::try_from(value.unwrap_or_default());
        headers.insert(name, value.expect("it is visible ASCII"));
    }
}

/// Adds the headers that an answer does not have, without a value: a proxy replaces only headers that it receives, and
/// would otherwise pass on what the client sent.
pub(crate) fn complete(headers: &mut HeaderMap) {
    for name in NAMES {
        headers.entry(name).or_insert(HeaderValue::from_static(""));
    }
}

/// The UTF-8 bytes of a text, percent-encoded except for unreserved characters (RFC 3986 §2.3).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
