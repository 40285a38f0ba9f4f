//! The OAuth error responses of the endpoints.

use axum::Json;
use axum::extract::rejection::{FormRejection, JsonRejection, QueryRejection};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;

/// Responses of an authorization server must not be cached.
pub(super) const NO_STORE: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// An `error` of RFC 6749 §4.1.2.1 and §5.2, RFC 7591 §3.2.2 or RFC 8707 §2.
#[derive(Debug)]
pub(super) struct OAuthError(pub(super) &'static str);

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let status = match self.0 {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        (status, NO_STORE, Json(json!({ "error": self.0 }))).into_response()
    }
}

impl From<JsonRejection> for OAuthError {
    fn from(_: JsonRejection) -> Self {
        Self("invalid_client_metadata")
    }
}

/// Also for a repeated parameter (RFC 6749 §3.1).
impl From<QueryRejection> for OAuthError {
    fn from(_: QueryRejection) -> Self {
        Self("invalid_request")
    }
}

impl From<FormRejection> for OAuthError {
    fn from(_: FormRejection) -> Self {
        Self("invalid_request")
    }
}
