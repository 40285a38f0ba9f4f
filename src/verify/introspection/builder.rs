use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use tokio::sync::Semaphore;
use url::Url;
use zeroize::Zeroizing;

use super::backoff::BackoffPolicy;
use super::credentials::Credentials;
use super::endpoint::Endpoint;
use super::gate::Gate;
use super::response::Rules;
use super::signed_answer::AnswerVerifier;
use super::verifier::{Inner, IntrospectionVerifier};
use crate::config_error::ConfigError;
use crate::http_client::{self, no_client};
use crate::shown_url::ShownUrl;
use crate::verify::claims::policy::ClaimPolicy;

/// Configures an [`IntrospectionVerifier`]; see [`IntrospectionVerifier::builder`].
///
/// Nothing fails before [`build`](Self::build), which then reports every problem at once.
#[must_use = "a builder does nothing until `build`"]
pub struct IntrospectionVerifierBuilder {
    pub(super) endpoint: String,
    pub(super) credentials: Vec<Credentials>,
    pub(super) client: Option<reqwest::Client>,
    pub(super) allow_http: bool,
    pub(super) policy: ClaimPolicy,
    pub(super) accept_zero_expiry: bool,
    pub(super) inactive_statuses: Vec<StatusCode>,
    pub(super) signed_answers: Option<Arc<dyn AnswerVerifier>>,
    pub(super) name: Option<String>,
    pub(super) timeout: Duration,
    pub(super) max_bytes: usize,
    pub(super) max_concurrency: usize,
    /// The minimum and the maximum; `None`: no backoff.
    pub(super) backoff: Option<(Duration, Duration)>,
}

/// The minimum and the maximum.
pub(crate) const DEFAULT_BACKOFF: (Duration, Duration) =
    (Duration::from_secs(1), Duration::from_secs(30));

/// Time that a probe gets to end beyond its timeout.
const PROBE_GRACE: Duration = Duration::from_secs(1);

impl IntrospectionVerifier {
    /// Configures a verifier that sends requests to this endpoint: https, or http on a loopback address. It needs
    /// credentials and an audience.
    pub fn builder(endpoint: impl Into<String>) -> IntrospectionVerifierBuilder {
        IntrospectionVerifierBuilder {
            endpoint: endpoint.into(),
            credentials: Vec::new(),
            client: None,
            allow_http: false,
            policy: ClaimPolicy::for_introspection(),
            accept_zero_expiry: false,
            inactive_statuses: Vec::new(),
            signed_answers: None,
            name: None,
            timeout: Duration::from_secs(5),
            max_bytes: 64 * 1024,
            max_concurrency: 64,
            backoff: Some(DEFAULT_BACKOFF),
        }
    }
}

/// # Credentials of this server
///
/// RFC 7662 §2.1 requires requests to be authorized. `build` refuses a builder without credentials, and one with several.
impl IntrospectionVerifierBuilder {
    /// Authenticates as this client with HTTP Basic (RFC 6749 §2.3.1).
    pub fn client_secret_basic(self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.with_credentials(Credentials::Basic {
            id: id.into(),
            secret: Zeroizing::new(secret.into()),
        })
    }

    /// Authenticates as this client with its secret in the form (RFC 6749 §2.3.1).
    pub fn client_secret_post(self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.with_credentials(Credentials::Post {
            id: id.into(),
            secret: Zeroizing::new(secret.into()),
        })
    }

    /// Authorizes requests with a bearer token of this server.
    pub fn bearer_token(self, token: impl Into<String>) -> Self {
        self.with_credentials(Credentials::Bearer(Zeroizing::new(token.into())))
    }

    /// Authorizes requests with these headers. The closure is called for each request, so use it for bearer tokens that
    /// are renewed, and for other authentication schemes.
    pub fn headers(self, headers: impl Fn() -> HeaderMap + Send + Sync + 'static) -> Self {
        self.with_credentials(Credentials::Headers(Arc::new(headers)))
    }

    /// Sends requests without credentials. Use it if the endpoint authenticates this server by other means, such as a
    /// client certificate of the [`client`](Self::client).
    pub fn without_credentials(self) -> Self {
        self.with_credentials(Credentials::None)
    }

    #[cfg(feature = "serde")]
    pub(crate) fn has_credentials(&self) -> bool {
        !self.credentials.is_empty()
    }

    fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials.push(credentials);
        self
    }
}

impl IntrospectionVerifierBuilder {
    /// Names the verifier in [audit events](crate::telemetry), in metrics and in the
    /// [principals](crate::AccessToken::principal) of its tokens. Default: `introspection` and the URL of the
    /// endpoint.
    ///
    /// Principals of verifiers with different names are never equal. Without a name, the principals of two
    /// verifiers with one endpoint are equal unless the verifiers authenticate as different clients. Name the verifiers if
    /// they send different bearer tokens or headers, and the endpoint uses one `sub` for different users.
    ///
    /// `build` refuses an empty name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Requires signed answers, which this verifies.
    pub(crate) fn with_signed_answers(mut self, verifier: Arc<dyn AnswerVerifier>) -> Self {
        self.signed_answers = Some(verifier);
        self
    }

    /// The finished verifier. It makes no request.
    ///
    /// # Errors
    ///
    /// Reports every problem at once: an endpoint URL that cannot be used, no credentials or several, no audience without
    /// [`accept_any_audience`](Self::accept_any_audience), numbers out of bounds, statuses that cannot mean an inactive
    /// token, an empty name, invalid names of claims.
    pub fn build(mut self) -> Result<IntrospectionVerifier, ConfigError> {
        let mut problems = self.problems();
        let endpoint = self
            .endpoint_url()
            .map_err(|problem| problems.push(problem))
            .ok();
        let client = match self.client.take() {
            Some(client) => Ok(client),
            None => http_client::client().build(),
        };
        let client = client.map_err(|error| problems.push(no_client(error))).ok();
        ConfigError::check(problems)?;
        let (Some(endpoint), Some(client), Some(credentials)) =
            (endpoint, client, self.credentials.pop())
        else {
            unreachable!("each that is missing is a problem")
        };
        let (name, authority) = match self.name {
            Some(name) => (name, None),
            None => (name_of(&endpoint), credentials.client_id().map(Arc::from)),
        };
        let backoff = self.backoff.map(|(min, max)| BackoffPolicy {
            min,
            max,
            probe_lost_after: self.timeout + PROBE_GRACE,
        });
        Ok(IntrospectionVerifier::new(Inner {
            endpoint: Endpoint {
                url: endpoint,
                credentials,
                client,
                max_bytes: self.max_bytes,
                inactive_statuses: self.inactive_statuses,
                signed_answers: self.signed_answers,
            },
            gate: Gate::new(backoff, self.policy.clock.clone()),
            rules: Rules {
                claims: self.policy.build(name.into(), authority),
                accept_zero_expiry: self.accept_zero_expiry,
            },
            timeout: self.timeout,
            turns: Semaphore::new(self.max_concurrency),
            failing: AtomicBool::new(false),
        }))
    }
}

/// The default name of a verifier with this endpoint.
fn name_of(endpoint: &Url) -> String {
    let name = ShownUrl::name_of(endpoint.as_str());
    format!("introspection {name}")
}

impl fmt::Debug for IntrospectionVerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionVerifierBuilder")
            .field("endpoint", &ShownUrl::of(&self.endpoint))
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
