use http::{HeaderValue, Response, StatusCode};

/// Describes a refusal: an extension of every response with which this crate refuses a request.
///
/// Use it in a layer further out, such as one that renders errors as problem details (RFC 9457), and in tests
/// instead of parsing the body. It is in [`Response::extensions`]. A response without it comes from the inner
/// service, or from [`metadata`](crate::metadata), which makes no access decision. Extensions do not cross process
/// boundaries.
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
    component: &'static str,
    reason: &'static str,
    status: StatusCode,
    challenges: [Option<HeaderValue>; 2],
}

impl Refused {
    /// Marks `response`, whose status must be set.
    pub(crate) fn mark<B>(
        response: &mut Response<B>,
        component: &'static str,
        reason: &'static str,
        challenges: [Option<HeaderValue>; 2],
    ) {
        let refused = Self {
            component,
            reason,
            status: response.status(),
            challenges,
        };
        response.extensions_mut().insert(refused);
    }

    /// The status that this crate chose. A layer further out may have changed that of the response.
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

    /// The values of the `WWW-Authenticate` fields, in order. Empty for a 403 that no scope would prevent, a 500 and a
    /// 503.
    pub fn challenges(&self) -> impl Iterator<Item = &HeaderValue> {
        self.challenges.iter().flatten()
    }
}
