//! Refusals as HTTP: status, challenge and body (RFC 6750 §3, RFC 9110 §11.6.1).
//!
//! | the request | status | `WWW-Authenticate: Bearer …` | body |
//! |---|---|---|---|
//! | has no bearer token | 401 | no `error` (RFC 6750 §3.1), `scope`, `resource_metadata` | `error_description` |
//! | has two `Authorization` headers, or [two tokens](crate::BearerAuthLayer::token_sources) | 400 | `error="invalid_request"` | `error`, `error_description` |
//! | has its token in a [cookie](crate::TokenSource::cookie), and comes from another site | 403 | none | the same, `access_denied` |
//! | has a token that is refused | 401 | `error="invalid_token"`, `scope`, `resource_metadata` | the same |
//! | has a token whose user must authenticate again or in another way | 401 | `error="insufficient_user_authentication"`, `scope`, `resource_metadata`, `acr_values`, `max_age` (RFC 9470 §3) | the same |
//! | has a token with too little scope | 403 | `error="insufficient_scope"`, `scope`, `resource_metadata` | the same |
//! | needs what no scope and no authentication allow | 403 | none | the same, `access_denied` |
//! | comes during an outage of the verifier | 503, `Retry-After` (the verifier's, or 5 seconds) | none | `error`, `error_description` |
//! | comes while the store of [revocations](crate::revocation#outages) has been out of reach for too long | 503, `Retry-After` | none | `error`, `error_description` |
//! | reaches a guard with no layer in front | 500 | none | generic |
//! | is for none of [several tenants](crate::auth::LayerByRequest) | 404 | none | `error` (`not_found`), `error_description` |
//! | makes the function that chooses a tenant's layer panic | 500 | none | generic |
//!
//! A layer that checks DPoP proofs has challenges of the scheme `DPoP` and more answers:
//! [`possession`](crate::possession#answers) lists them.
//!
//! The order of the parameters is `realm`, `error`, `algs` (DPoP only), `scope`, `resource_metadata`, `acr_values`,
//! `max_age`, `error_description`. Optional parameters are present if the layer or guard has a value for them. Without
//! realm, scopes and metadata, the challenge for a request without a token is the single word `Bearer`: RFC 6750 §3
//! requires a parameter there, RFC 9110 §11.6.1 does not, and clients have no use for an invented realm. Bodies are
//! JSON with `Cache-Control: no-store`. A refusal never repeats what the client sent.
//!
//! # Scopes
//!
//! The `scope` of a 401 has the scopes that the layer
//! [requires](crate::BearerAuthLayer::required_scopes) of every request. If it requires none, it has those of the
//! [resource](crate::ProtectedResource::scopes).
//!
//! The `scope` of a 403 has all scopes that are required by the layer, by the guards that the request has passed,
//! and by the guard, handler or tool that refuses it. This includes scopes that the token has, because clients
//! request exactly the scopes of the challenge. For a passed guard of
//! [alternatives](crate::RequireScopesLayer::any) it has the alternative that the token has. The requirements of
//! guards further in are unknown: a client that lacks scopes of two guards is refused twice, the second time with
//! the scopes of both.
//!
//! | behind a layer that requires `a`, a guard of `b`, and inside it one of `c` | `scope` of the 403 |
//! |---|---|
//! | a token with `a b` | `a b c` |
//! | a token with `a c` | `a b` |
//! | a token with `b c` | `a` |
//!
//! A 401 for the [authentication of the user](crate::guard#step-up-authentication) has the scopes of a 403, because the
//! client already has a token. If a rule requires scopes and an authentication, and the token lacks both, the answer is
//! this 401. Its challenge names both, so that one login is enough.
//!
//! # The connection
//!
//! A refusal is sent before the inner service has read the request's body. On HTTP/1.0 and HTTP/1.1 the
//! connection can carry the client's next request only after this body was read. So the rest of it is read and
//! discarded first: up to 64 KiB
//! ([`max_drained_bytes`](crate::BearerAuthLayer::max_drained_bytes)), and for at most one second after the body
//! is pending for the first time. The answer is sent at once, with `Connection: close`, if the body
//!
//! - is longer, or takes longer;
//! - fails;
//! - is held back by the client until the server requests it (`Expect: 100-continue`).
//!
//! A client that is still sending when its connection closes may see a connection error instead of the
//! answer. On HTTP/2 and HTTP/3 no answer waits, and none has a `Connection` header.
//!
//! The layer, the guards, and [`metadata`](crate::metadata) do this. Waiting needs a tokio runtime with its timer;
//! outside of a tokio runtime, a pending body closes the connection.
//!
//! # Answers of your own
//!
//! [`BearerAuthLayer::map_refusal`](crate::BearerAuthLayer::map_refusal) maps each refusal to another response. Three
//! mappings are ready-made:
//!
//! | mapping | for |
//! |---|---|
//! | [`problem_details`] | APIs whose errors are problem details (RFC 9457) |
//! | [`json_rpc`] | MCP servers whose clients show JSON-RPC errors |
//! | [`grpc()`] | gRPC services, such as those of tonic |
//!
//! A mapping of your own gets the [`Refused`] and the response above. Its body can be a `String`, a `&'static str`, a
//! `Vec<u8>`, [`Bytes`](bytes::Bytes) or the [`ReplyBody`] as it is:
//!
//! ```
//! use http::header::CONTENT_TYPE;
//! use http::{HeaderValue, Response};
//! use tower_bearer_auth::reject::{Refused, ReplyBody};
//!
//! fn page(refused: &Refused, response: Response<ReplyBody>) -> Response<String> {
//!     let page = format!("<!doctype html><title>{}</title>", refused.status());
//!     let mut response = response.map(|_| page);
//!     let html = HeaderValue::from_static("text/html");
//!     response.headers_mut().insert(CONTENT_TYPE, html);
//!     response
//! }
//! # let verifier = tower_bearer_auth::StaticTokenVerifier::new(Vec::<(&str, _)>::new());
//! # let _ = tower_bearer_auth::BearerAuthLayer::new(verifier).map_refusal(page);
//! ```
//!
//! What it returns is sent as it is, with these exceptions:
//!
//! - If a response with the status 401 or 403 lacks a challenge of the refusal, it is appended, because a client cannot
//!   get a better token without it. The exception is a gRPC response (`application/grpc`, with or without a suffix).
//! - A `Content-Length` that is not that of the body is removed, so that the server sends the right one.
//! - The [`Refused`] stays an extension of the response.
//! - If the mapping panics, the client gets 500 with the generic body of a misconfigured server, and the log gets an
//!   `ERROR`, target [`telemetry::SETUP`](crate::telemetry::SETUP), without the text of the panic. The request is never
//!   passed on. (A program that is built with `panic = "abort"` ends.)
//!
//! The mapping of the layer also applies to the refusals of guards, extractors, handlers
//! ([`require_scopes`](crate::AccessToken::require_scopes),
//! [`require_authentication`](crate::AccessToken::require_authentication)) and tools behind it. A guard or MCP layer
//! with its own `map_refusal` uses that for its own refusals. A mapping does not see the request. To choose an answer
//! by `Accept`, use a layer further out that looks for [`Refused`].
//!
//! The [audit event](crate::telemetry) has the status that this crate chose, which is [`Refused::status`].
//!
//! # Recognizing refusals
//!
//! Every refusal has [`Refused`] in the extensions of its response, mapped or not.

mod body;
mod challenge;
mod drain;
mod for_error;
mod future;
mod grpc;
mod json_rpc;
mod problem_details;
mod refusal;
mod refusal_map;
mod refused;
mod reply;
mod reply_body;

pub use self::body::ResponseBody;
pub(crate) use self::body::StreamEnd;
#[cfg(feature = "mcp")]
pub(crate) use self::body::is_event_stream;
pub(crate) use self::challenge::is_quotable;
#[cfg(feature = "mcp")]
pub(crate) use self::drain::Drain;
pub(crate) use self::drain::Draining;
pub(crate) use self::for_error::refuse_for;
pub use self::future::ResponseFuture;
pub use self::grpc::grpc;
#[cfg(feature = "rmcp")]
pub(crate) use self::json_rpc::REFUSED;
pub use self::json_rpc::json_rpc;
pub use self::problem_details::problem_details;
pub(crate) use self::refusal::Refusal;
pub(crate) use self::refusal_map::RefusalMap;
#[cfg(feature = "mcp")]
pub(crate) use self::refusal_map::answer;
pub use self::refused::Refused;
pub(crate) use self::reply::DPOP_NONCE;
pub(crate) use self::reply_body::Reply;
pub use self::reply_body::ReplyBody;
