use http::{HeaderValue, Response, StatusCode};

/// Which refusal a response is: an extension of every response that this crate refuses a request with.
///
/// It is there for a layer further out, such as one that renders errors as problem details (RFC 9457), and for
/// tests, which need not parse the body. Look for it in [`Response::extensions`]; a response without it comes from
/// the inner service, or is an answer of [`metadata`](crate::metadata), which decides nothing about a caller. A
/// response that is sent on to another process has lost it.
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
/// Clones share what they hold. Nothing in it is from the request.
#[derive(Debug, Clone)]
pub struct Refused {
    component: &'static str,
    reason: &'static str,
    status: StatusCode,
    challenge: Option<HeaderValue>,
}

impl Refused {
    /// Marks `response`, which is otherwise complete.
    pub(crate) fn mark<B>(
        response: &mut Response<B>,
        component: &'static str,
        reason: &'static str,
        challenge: Option<HeaderValue>,
    ) {
        let refused = Self {
            component,
            reason,
            status: response.status(),
            challenge,
        };
        response.extensions_mut().insert(refused);
    }

    /// The status that this crate chose.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The reason, as in the [audit event](crate::telemetry): `no_token`, `expired`, `insufficient_scope`,
    /// `unavailable` and so on.
    pub fn reason(&self) -> &str {
        self.reason
    }

    /// The component that refused, by its public name: `BearerAuthLayer`, `RequireScopesLayer`, the extractor
    /// `AccessToken` and so on, as `by` in the [audit event](crate::telemetry).
    pub fn component(&self) -> &str {
        self.component
    }

    /// The values of the `WWW-Authenticate` fields, in order; none where no token and no scope would help.
    pub fn challenges(&self) -> impl Iterator<Item = &HeaderValue> {
        self.challenge.iter()
    }
}
