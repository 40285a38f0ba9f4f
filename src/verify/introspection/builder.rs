use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use tokio::sync::Semaphore;
use url::Url;
use zeroize::Zeroizing;

use super::backoff::Policy;
use super::credentials::Credentials;
use super::endpoint::Endpoint;
use super::gate::Gate;
use super::response::Rules;
use super::verifier::{Inner, IntrospectionVerifier};
use crate::clock::Clock;
use crate::config_error::ConfigError;
use crate::http_client::{self, no_client};
use crate::shown_url::ShownUrl;
use crate::verify::Audience;
use crate::verify::claims::mapping::ClaimMapping;
use crate::verify::claims::rules::ClaimRules;

/// Configures an [`IntrospectionVerifier`]; see [`IntrospectionVerifier::builder`].
///
/// Nothing fails before [`build`](Self::build), which then reports every problem at once.
#[must_use = "a builder does nothing until `build`"]
pub struct IntrospectionVerifierBuilder {
    pub(super) endpoint: String,
    pub(super) credentials: Vec<Credentials>,
    pub(super) client: Option<reqwest::Client>,
    pub(super) allow_http: bool,
    pub(super) issuers: Vec<String>,
    pub(super) audiences: Vec<Audience>,
    pub(super) any_audience: bool,
    pub(super) required_claims: Vec<String>,
    pub(super) claims_in: Vec<(String, Vec<String>)>,
    pub(super) leeway: Duration,
    pub(super) accept_unchecked_confirmation: bool,
    pub(super) accept_zero_expiry: bool,
    pub(super) scope_claims: Option<Vec<String>>,
    pub(super) client_id_claims: Option<Vec<String>>,
    pub(super) inactive_statuses: Vec<StatusCode>,
    pub(super) name: Option<String>,
    pub(super) timeout: Duration,
    pub(super) max_bytes: usize,
    pub(super) max_concurrency: usize,
    /// The minimum and the maximum; `None`: no backoff.
    pub(super) backoff: Option<(Duration, Duration)>,
    pub(super) clock: Clock,
}

/// Time that a probe gets to end beyond its timeout.
const PROBE_GRACE: Duration = Duration::from_secs(1);

impl IntrospectionVerifier {
    /// Starts a verifier that asks this endpoint: https, or http on a loopback address. It needs
    /// credentials and an audience.
    pub fn builder(endpoint: impl Into<String>) -> IntrospectionVerifierBuilder {
        IntrospectionVerifierBuilder {
            endpoint: endpoint.into(),
            credentials: Vec::new(),
            client: None,
            allow_http: false,
            issuers: Vec::new(),
            audiences: Vec::new(),
            any_audience: false,
            required_claims: Vec::new(),
            claims_in: Vec::new(),
            leeway: Duration::from_secs(60),
            accept_unchecked_confirmation: false,
            accept_zero_expiry: false,
            scope_claims: None,
            client_id_claims: None,
            inactive_statuses: Vec::new(),
            name: None,
            timeout: Duration::from_secs(5),
            max_bytes: 64 * 1024,
            max_concurrency: 64,
            backoff: Some((Duration::from_secs(1), Duration::from_secs(30))),
            clock: Clock::system(),
        }
    }
}

/// # Who is asking
///
/// Exactly one is needed.
impl IntrospectionVerifierBuilder {
    /// Asks as this client, by HTTP Basic (RFC 6749 §2.3.1).
    pub fn client_secret_basic(self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.asking_as(Credentials::Basic {
            id: id.into(),
            secret: Zeroizing::new(secret.into()),
        })
    }

    /// Asks as this client, with its secret in the form (RFC 6749 §2.3.1).
    pub fn client_secret_post(self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.asking_as(Credentials::Post {
            id: id.into(),
            secret: Zeroizing::new(secret.into()),
        })
    }

    /// Asks with a bearer token of this server's own.
    pub fn bearer_token(self, token: impl Into<String>) -> Self {
        self.asking_as(Credentials::Bearer(Zeroizing::new(token.into())))
    }

    /// Asks with these headers, which are made for each request: for tokens that change, and for what has
    /// no name here.
    pub fn headers(self, headers: impl Fn() -> HeaderMap + Send + Sync + 'static) -> Self {
        self.asking_as(Credentials::Headers(Arc::new(headers)))
    }

    /// Asks without saying who, for an endpoint that knows by other means, such as a client certificate of
    /// the [`client`](Self::client). RFC 7662 §2.1 wants the endpoint to know.
    pub fn without_credentials(self) -> Self {
        self.asking_as(Credentials::None)
    }

    fn asking_as(mut self, credentials: Credentials) -> Self {
        self.credentials.push(credentials);
        self
    }
}

/// # What has to be true of a token
impl IntrospectionVerifierBuilder {
    /// Accepts tokens of this issuer: `iss` must be there and the same text. By default it is not looked
    /// at, since the endpoint knows only its own tokens.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuers.push(issuer.into());
        self
    }

    /// Accepts tokens meant for this audience; see
    /// [`JwtVerifierBuilder::audience`](crate::JwtVerifierBuilder::audience).
    pub fn audience(mut self, audience: impl Into<Audience>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Accepts tokens that were issued for other services, or that do not say for which: the endpoint is
    /// then what has to know whether this server may take them.
    pub fn accept_any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// Requires these members to be there, whatever their value; see
    /// [`JwtVerifierBuilder::required_claims`](crate::JwtVerifierBuilder::required_claims). A member that is
    /// `null` is not there, and neither is an `exp` that [`accept_zero_expiry`](Self::accept_zero_expiry)
    /// ignores. Several calls add up.
    pub fn required_claims(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        self.required_claims
            .extend(names.into_iter().map(Into::into));
        self
    }

    /// Requires the member `name`, a string or an array of strings, to have one of `values`; see
    /// [`JwtVerifierBuilder::claim_in`](crate::JwtVerifierBuilder::claim_in). Several calls must all hold.
    ///
    /// On `client_id`, `azp`, `cid` or `appid` it stands in for the audience, for endpoints that answer without
    /// `aud`, such as Doorkeeper's.
    pub fn claim_in(
        mut self,
        name: impl Into<String>,
        values: impl IntoIterator<Item: Into<String>>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.claims_in.push((name.into(), values));
        self
    }

    /// Treats `"exp": 0` as a token that does not expire, as Doorkeeper writes it. By default such a token is expired.
    /// Only the integer `0` counts.
    pub fn accept_zero_expiry(mut self) -> Self {
        self.accept_zero_expiry = true;
        self
    }

    /// Accepts tokens that are bound to a key (`cnf`) as plain bearer tokens, where something else checks the
    /// binding.
    pub fn accept_unchecked_confirmation(mut self) -> Self {
        self.accept_unchecked_confirmation = true;
        self
    }

    /// How far the other clock and this one may be apart, for `exp`, `nbf` and `iat`. Default: 60 seconds; at
    /// most an hour.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Reads scopes from the first of these members that is there; see
    /// [`JwtVerifierBuilder::scope_claims`](crate::JwtVerifierBuilder::scope_claims).
    pub fn scope_claims(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        self.scope_claims = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Reads the client from the first of these members that is there; see
    /// [`JwtVerifierBuilder::client_id_claims`](crate::JwtVerifierBuilder::client_id_claims).
    pub fn client_id_claims(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        self.client_id_claims = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The clock for dates and for the backoff. Default: the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
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

    /// The finished verifier. It makes no request.
    ///
    /// # Errors
    ///
    /// Reports every problem at once: an endpoint URL that cannot be used, no credentials or several, no audience without
    /// [`accept_any_audience`](Self::accept_any_audience), numbers out of bounds, statuses that cannot mean an inactive
    /// token, an empty name, invalid names of claims.
    pub fn build(mut self) -> Result<IntrospectionVerifier, ConfigError> {
        let mut problems = self.problems();
        let endpoint = self.endpoint_url();
        if let Err(problem) = &endpoint {
            problems.push(problem.clone());
        }
        let client = match self.client.take() {
            Some(client) => Ok(client),
            None => http_client::client().build(),
        };
        let client = client.map_err(|error| problems.push(no_client(error))).ok();
        ConfigError::check(problems)?;
        let (Ok(endpoint), Some(client), Some(credentials)) =
            (endpoint, client, self.credentials.pop())
        else {
            unreachable!("each that is missing is a problem")
        };
        let verifier = match &self.name {
            Some(name) => name.clone(),
            None => name_of(&endpoint),
        };
        let authority = match self.name {
            Some(_) => None,
            None => credentials.client_id().map(Arc::from),
        };
        let backoff = self.backoff.map(|(min, max)| Policy {
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
            },
            gate: Gate::new(backoff, self.clock.clone()),
            rules: Rules {
                verifier,
                authority,
                claims: ClaimRules {
                    issuers: self.issuers,
                    audiences: self.audiences,
                    required_claims: self.required_claims,
                    claims_in: self.claims_in,
                    leeway: self.leeway,
                    // The endpoint knows when a token ends.
                    accept_missing_expiry: true,
                    accept_unchecked_confirmation: self.accept_unchecked_confirmation,
                    ..ClaimRules::default()
                },
                mapping: ClaimMapping {
                    scope_claims: self.scope_claims,
                    client_id_claims: self.client_id_claims,
                    ..ClaimMapping::default()
                },
                accept_zero_expiry: self.accept_zero_expiry,
                clock: self.clock,
            },
            timeout: self.timeout,
            turns: Semaphore::new(self.max_concurrency),
            failing: AtomicBool::new(false),
        }))
    }
}

/// What tokens of this endpoint are said to be verified by.
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
