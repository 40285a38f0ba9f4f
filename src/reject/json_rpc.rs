use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use super::challenge;
use super::refused::Refused;
use super::reply_body::ReplyBody;

/// The error code of a refusal. MCP defines none. This code is from the range that JSON-RPC 2.0 §5.1 reserves for
/// servers, and neither MCP nor its SDKs use it.
pub(crate) const REFUSED: i32 = -32003;

/// The code of an internal error (JSON-RPC 2.0 §5.1).
const INTERNAL_ERROR: i32 = -32603;

/// Answers with a JSON-RPC error: pass it to [`map_refusal`](crate::BearerAuthLayer::map_refusal) of a layer in front
/// of an MCP server. Use it for clients that show JSON-RPC errors but not other bodies.
///
/// ```
/// use tower_bearer_auth::{BearerAuthLayer, reject};
/// # use tower_bearer_auth::{StaticToken, StaticTokenVerifier};
///
/// # let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
/// let layer = BearerAuthLayer::new(verifier).map_refusal(reject::json_rpc);
/// # let _ = layer;
/// ```
///
/// Status and headers stay as they are, so that clients find the challenge. The body:
///
/// ```json
/// {
///     "jsonrpc": "2.0",
///     "id": null,
///     "error": {
///         "code": -32003,
///         "message": "The access token lacks a required scope",
///         "data": {"error": "insufficient_scope", "scope": "notes:write"}
///     }
/// }
/// ```
///
/// The `data` has the parameters of the first challenge, without `realm` and `error_description`: `error`, `algs`,
/// `scope`, `resource_metadata`, `acr_values` and `max_age`. Without a challenge, it has the `error` alone. A
/// misconfigured server (500) has the code -32603. The ID is null, since the layer has not read the message (JSON-RPC
/// 2.0 §5). Answers of the MCP layers that are already JSON-RPC errors stay as they are.
pub fn json_rpc(refused: &Refused, response: Response<ReplyBody>) -> Response<ReplyBody> {
    if refused.is_json_rpc {
        return response;
    }
    let code = match refused.status {
        StatusCode::INTERNAL_SERVER_ERROR => INTERNAL_ERROR,
        _ => REFUSED,
    };
    let challenge = refused.challenges().next();
    let data = match challenge.and_then(|challenge| challenge.to_str().ok()) {
        Some(challenge) => challenge::data(challenge::parameters(challenge)),
        None => challenge::data(refused.error.map(|error| ("error", error))),
    };
    let error = json!({"code": code, "message": refused.description, "data": data});
    let body = json!({"jsonrpc": "2.0", "id": null, "error": error});
    let (mut head, _) = response.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    let content_type = HeaderValue::from_static("application/json");
    head.headers.insert(CONTENT_TYPE, content_type);
    Response::from_parts(head, ReplyBody::new(body.to_string()))
}
