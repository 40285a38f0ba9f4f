use std::time::Duration;

use http::{HeaderValue, StatusCode};

/// Describes a refusal: an extension of every response with which this crate refuses a request, and the first argument
/// of a [mapping](crate::reject#answers-of-your-own).
///
/// Use it in a layer further out, such as one that counts outages, and in tests instead of parsing the body. It is in
/// [`Response::extensions`](http::Response::extensions). A response without it comes from the inner service, or from
/// [`metadata`](crate::metadata), which makes no access decision. Extensions do not cross process boundaries.
///
/// ```
/// use http::Response;
/// use tower_bearer_auth::reject::Refused;
///
/// fn is_outage<B>(response: &Response<B>) -> bool {
///     let refused = response.extensions().get::<Refused>();
///     refused.is_some_and(|refused| refused.reason() == "unavailable")
/// }
/// # assert!(!is_outage(&Response::new(())));
/// ```
///
/// It contains nothing from the request. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Refused {
    pub(crate) component: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) error: Option<&'static str>,
    pub(crate) description: &'static str,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) challenges: [Option<HeaderValue>; 2],
    /// Whether the body of the answer is a JSON-RPC error, with the ID of the refused message.
    pub(crate) is_json_rpc: bool,
}

impl Refused {
    /// The status that this crate chose. A mapping, or a layer further out, may have changed that of the response.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The reason, as in the [audit event](crate::telemetry): `no_token`, `expired`, `insufficient_scope`,
    /// `unavailable` and so on.
    pub fn reason(&self) -> &str {
        self.reason
    }

    /// The public name of the component that refused, such as `BearerAuthLayer`, `RequireScopesLayer` or the extractor
    /// `AccessToken`: the field `by` of the [audit event](crate::telemetry).
    pub fn component(&self) -> &str {
        self.component
    }

    /// The error code in the body, such as `invalid_token` (RFC 6750 §3.1). `None` if the request has no token (401),
    /// or if an MCP layer refuses it as invalid.
    pub fn error(&self) -> Option<&str> {
        self.error
    }

    /// A fixed English text for developers. It is visible ASCII and spaces, without `"` and `\`.
    pub fn description(&self) -> &str {
        self.description
    }

    /// The delay after which the client may retry, in whole seconds: the `Retry-After` of a 503. `None` for other
    /// statuses.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The values of the `WWW-Authenticate` fields, in order. Empty for a 403 that no scope would prevent, a 404, a 500
    /// and a 503.
    pub fn challenges(&self) -> impl Iterator<Item = &HeaderValue> {
        self.challenges.iter().flatten()
    }
}
