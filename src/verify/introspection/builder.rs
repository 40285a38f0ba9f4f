use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::Semaphore;
use url::Url;
use zeroize::Zeroizing;

use super::credentials::Credentials;
use super::response::Rules;
use super::verifier::{Inner, IntrospectionVerifier};
use crate::clock::Clock;
use crate::config_error::{ConfigError, Problems};
use crate::outgoing::{self, has_credentials, is_loopback, no_client};
use crate::short_digest::short_digest;
use crate::shown_url::ShownUrl;
use crate::verify::Audience;
use crate::verify::jwt::mapping::ClaimMapping;
use crate::verify::jwt::rules::ClaimRules;

/// Configures an [`IntrospectionVerifier`]; see [`IntrospectionVerifier::builder`].
///
/// Nothing fails before [`build`](Self::build), which then reports every problem at once.
#[must_use = "a builder does nothing until `build`"]
pub struct IntrospectionVerifierBuilder {
    endpoint: String,
    credentials: Vec<Credentials>,
    client: Option<reqwest::Client>,
    allow_http: bool,
    issuers: Vec<String>,
    audiences: Vec<Audience>,
    any_audience: bool,
    leeway: Duration,
    accept_unchecked_confirmation: bool,
    scope_claims: Option<Vec<String>>,
    client_id_claims: Option<Vec<String>>,
    timeout: Duration,
    max_bytes: usize,
    max_concurrency: usize,
    clock: Clock,
}

const MAX_LEEWAY: Duration = Duration::from_secs(3600);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

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
            leeway: Duration::from_secs(60),
            accept_unchecked_confirmation: false,
            scope_claims: None,
            client_id_claims: None,
            timeout: Duration::from_secs(5),
            max_bytes: 64 * 1024,
            max_concurrency: 64,
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

    /// The clock that dates are compared with. Default: the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }
}

/// # How to ask
impl IntrospectionVerifierBuilder {
    /// The HTTP client to ask with, for proxies, private certificate authorities and client certificates.
    /// It should follow no redirects, which take the token with them. What comes of one is refused, but only
    /// after such a client followed it.
    pub fn client(mut self, client: reqwest::Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Allows http to other than loopback addresses. Whoever sits on the way can then read tokens and make
    /// up answers.
    pub fn allow_http(mut self) -> Self {
        self.allow_http = true;
        self
    }

    /// How long an answer may take, waiting for a turn included. Default: 5 seconds; at most 60.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The largest answer to read, in bytes. Default: 65 536; at most 16 MiB.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How many questions may be under way. Others wait for their turn. Default: 64.
    pub fn max_concurrency(mut self, calls: usize) -> Self {
        self.max_concurrency = calls;
        self
    }

    /// The finished verifier. It makes no request.
    ///
    /// # Errors
    ///
    /// Every problem at once: an endpoint that cannot be asked, no credentials or several, no audience and no
    /// explicit word that none is checked, numbers out of bounds.
    pub fn build(mut self) -> Result<IntrospectionVerifier, ConfigError> {
        let mut problems = self.problems();
        let endpoint = self.endpoint();
        if let Err(problem) = &endpoint {
            problems.push(problem.clone());
        }
        let client = match self.client.take() {
            Some(client) => Ok(client),
            None => outgoing::client().build(),
        };
        let client = client.map_err(|error| problems.push(no_client(error))).ok();
        ConfigError::check(problems)?;
        let (Ok(endpoint), Some(client), Some(credentials)) =
            (endpoint, client, self.credentials.pop())
        else {
            unreachable!("each that is missing is a problem")
        };
        let verifier = name_of(&endpoint);
        Ok(IntrospectionVerifier::new(Inner {
            endpoint,
            credentials,
            client,
            rules: Rules {
                verifier,
                claims: ClaimRules {
                    issuers: self.issuers,
                    audiences: self.audiences,
                    required_claims: Vec::new(),
                    claims_in: Vec::new(),
                    leeway: self.leeway,
                    // The endpoint knows when a token ends.
                    accept_missing_expiry: true,
                    accept_future_issued_at: false,
                    accept_unchecked_confirmation: self.accept_unchecked_confirmation,
                },
                mapping: ClaimMapping {
                    scope_claims: self.scope_claims,
                    client_id_claims: self.client_id_claims,
                    scope_prefix: None,
                },
                clock: self.clock,
            },
            timeout: self.timeout,
            max_bytes: self.max_bytes,
            turns: Semaphore::new(self.max_concurrency),
            failing: AtomicBool::new(false),
        }))
    }

    fn endpoint(&self) -> Result<Url, String> {
        let problem = |why: &str| {
            let shown = ShownUrl::of(&self.endpoint);
            format!("the introspection endpoint {shown:?} {why}")
        };
        let url = Url::parse(&self.endpoint)
            .map_err(|error| problem(&format!("is not a URL: {error}")))?;
        if has_credentials(&url) {
            return Err(problem(
                "has credentials in it; use client_secret_basic(..)",
            ));
        }
        match url.scheme() {
            "https" => Ok(url),
            "http" if self.allow_http || is_loopback(&url) => Ok(url),
            _ => Err(problem("is not https")),
        }
    }

    fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        match self.credentials.as_slice() {
            [credentials] => problems.extend(credentials.problem().map(str::to_owned)),
            [] => problems.push(
                "there are no credentials for the introspection endpoint; name them with \
                 client_secret_basic(..), or spell out without_credentials()",
            ),
            several => problems.push(format!("there are several credentials: {several:?}")),
        }
        if self.audiences.is_empty() && !self.any_audience {
            problems.push(
                "there is no audience; name it with audience(..), or spell out \
                 accept_any_audience()",
            );
        }
        if !self.audiences.is_empty() && self.any_audience {
            let audiences = ShownUrl::of_all(self.audiences.iter().map(Audience::as_str));
            problems.push(format!(
                "accept_any_audience() contradicts the audiences {audiences:?}"
            ));
        }
        for audience in &self.audiences {
            problems.extend(audience.problems().map(str::to_owned));
        }
        if self.issuers.iter().any(String::is_empty)
            || self.audiences.iter().any(|a| a.as_str().is_empty())
        {
            problems.push("an issuer or audience is empty");
        }
        if self.leeway > MAX_LEEWAY {
            let leeway = self.leeway;
            problems.push(format!(
                "a leeway of {leeway:?} is more than {MAX_LEEWAY:?}"
            ));
        }
        if self.timeout.is_zero() || self.timeout > LONGEST_TIMEOUT {
            let timeout = self.timeout;
            problems.push(format!("timeout: {timeout:?} is not up to 60 s"));
        }
        if !(1..=LARGEST_ANSWER).contains(&self.max_bytes) {
            let bytes = self.max_bytes;
            problems.push(format!("max_bytes: {bytes} is not from 1 to 16 MiB"));
        }
        if !(1..=Semaphore::MAX_PERMITS).contains(&self.max_concurrency) {
            let calls = self.max_concurrency;
            problems.push(format!("max_concurrency: {calls} is no number of calls"));
        }
        problems
    }
}

/// What tokens of this endpoint are said to be verified by. A query may have a secret in it and still tells one
/// endpoint from another, so its digest stands there.
fn name_of(endpoint: &Url) -> String {
    let shown = ShownUrl::of(endpoint.as_str());
    match endpoint.query() {
        None => format!("introspection {shown}"),
        Some(query) => {
            let digest = short_digest(query.as_bytes());
            format!("introspection {shown}?{digest}")
        }
    }
}

impl fmt::Debug for IntrospectionVerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionVerifierBuilder")
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
