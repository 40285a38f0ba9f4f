//! Settings of the requests to an introspection endpoint, and of their failures.

use std::time::Duration;

use http::StatusCode;

use super::builder::IntrospectionVerifierBuilder;

/// # Requests to the endpoint
impl IntrospectionVerifierBuilder {
    /// The HTTP client for introspection requests, for proxies, private certificate authorities and client
    /// certificates. Configure it not to follow redirects: a redirect would carry the token to another server. The
    /// answer to a redirected request is refused, but the client has sent the token by then.
    pub fn client(mut self, client: reqwest::Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Allows http to other than loopback addresses. An attacker on the path can then read tokens and forge
    /// answers.
    pub fn allow_http(mut self) -> Self {
        self.allow_http = true;
        self
    }

    /// Treats an answer with one of these statuses as an inactive token, whatever the body is. Several calls
    /// add up. Default: none.
    ///
    /// RFC 7662 §2.2 requires 200 for that. By default, 400, 401 and 403 mean an inactive token if the body says so,
    /// and every other answer is an outage: a 401 without a body means that this server's credentials are wrong. With a
    /// status that is listed here, wrong credentials look like an inactive token, so list only the statuses that your
    /// endpoint sends for inactive tokens.
    ///
    /// `build` refuses statuses outside of 400 to 499, and 429.
    pub fn inactive_statuses(mut self, statuses: impl IntoIterator<Item = StatusCode>) -> Self {
        self.inactive_statuses.extend(statuses);
        self
    }

    /// The time limit of an introspection request, including the wait for one of the
    /// [concurrent requests](Self::max_concurrency). Default: 5 seconds; at most 60.
    ///
    /// Set this instead of a tower timeout around the verifier. A tower timeout drops the request, so that the
    /// [backoff](Self::backoff) does not count the missing answer.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The largest accepted answer, in bytes. Default: 65 536; at most 16 MiB. A larger one is an outage (503).
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// The number of introspection requests that may be in flight. Further ones wait. Default: 64; at least 1.
    pub fn max_concurrency(mut self, calls: usize) -> Self {
        self.max_concurrency = calls;
        self
    }

    /// How long no request is sent after a failure: `min` after the first one, doubled with each further failure up
    /// to `max`. Default: 1 second and 30 seconds. `min` is from 100 milliseconds to an hour, and `max` from `min` to an
    /// hour. A `Retry-After` header of the endpoint counts within these bounds.
    ///
    /// Until the backoff has elapsed, requests with tokens are answered 503 at once, with `Retry-After`. After that, one
    /// request at a time probes the endpoint until it answers. Requests in flight are not cancelled. See the
    /// [module](crate::verify::introspection#outages-and-backoff) for what counts as a failure.
    pub fn backoff(mut self, min: Duration, max: Duration) -> Self {
        self.backoff = Some((min, max));
        self
    }

    /// Sends a request for every token, also while the endpoint fails. Use it where the
    /// [client](Self::client) goes through a circuit breaker.
    pub fn without_backoff(mut self) -> Self {
        self.backoff = None;
        self
    }
}
