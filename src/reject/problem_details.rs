use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response};
use serde_json::{Map, Value};

use super::refused::Refused;
use super::reply_body::ReplyBody;

/// Answers with problem details (RFC 9457): pass it to [`map_refusal`](crate::BearerAuthLayer::map_refusal).
///
/// ```
/// use tower_bearer_auth::{BearerAuthLayer, reject};
/// # use tower_bearer_auth::{StaticToken, StaticTokenVerifier};
///
/// # let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
/// let layer = BearerAuthLayer::new(verifier).map_refusal(reject::problem_details);
/// # let _ = layer;
/// ```
///
/// Status and headers stay as they are, except for the `Content-Type`, which is `application/problem+json`. The body:
///
/// ```json
/// {
///     "type": "about:blank",
///     "title": "Unauthorized",
///     "status": 401,
///     "detail": "The access token expired",
///     "error": "invalid_token"
/// }
/// ```
///
/// The type `about:blank` says that the status is all that there is to know about the problem (RFC 9457 §4.2.1). The
/// extension member `error` has the OAuth [error code](Refused::error), if there is one.
pub fn problem_details(refused: &Refused, response: Response<ReplyBody>) -> Response<ReplyBody> {
    let mut members = Map::new();
    members.insert("type".to_owned(), "about:blank".into());
    if let Some(title) = refused.status.canonical_reason() {
        members.insert("title".to_owned(), title.into());
    }
    members.insert("status".to_owned(), refused.status.as_u16().into());
    members.insert("detail".to_owned(), refused.description.into());
    if let Some(error) = refused.error {
        members.insert("error".to_owned(), error.into());
    }
    let (mut head, _) = response.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    let content_type = HeaderValue::from_static("application/problem+json");
    head.headers.insert(CONTENT_TYPE, content_type);
    let body = Value::Object(members).to_string();
    Response::from_parts(head, ReplyBody::new(body))
}
