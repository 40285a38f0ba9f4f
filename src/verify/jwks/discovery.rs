//! Keys of an issuer of which only the name is known: OpenID Connect Discovery §4, RFC 8414 §3.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tower::BoxError;
use url::Url;

use super::fetcher::{Fetcher, FetcherBuilder, UnexpectedStatus, is_loopback};
use super::source::{Fetched, KeySource, Validators};
use crate::clock::Clock;
use crate::config_error::ConfigError;

/// The keys that an issuer's metadata points to.
///
/// The metadata is fetched when keys are first needed, then once a day, and whenever the key URL
/// answers 4xx. Its `issuer` must be the expected one, to the byte. What it says about algorithms is
/// not used.
pub struct Discovery {
    fetcher: Fetcher,
    issuers: Vec<String>,
    locations: Vec<Url>,
    clock: Clock,
    found: Mutex<Option<Found>>,
}

#[derive(Clone)]
struct Found {
    key_url: Url,
    at: Duration,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// How long a key URL is good without asking again.
const METADATA_LIFETIME: Duration = Duration::from_secs(24 * 3600);

impl Discovery {
    /// Starts with the issuer as it stands in tokens. Metadata is looked for under its URL, in all the
    /// forms that the two specifications have.
    pub fn builder(issuer: impl Into<String>) -> DiscoveryBuilder {
        DiscoveryBuilder {
            issuers: vec![issuer.into()],
            location: None,
            fetcher: FetcherBuilder::default(),
            clock: Clock::system(),
        }
    }

    async fn key_url(&self) -> Result<Url, BoxError> {
        let now = self.clock.monotonic();
        let known = self.found().clone();
        match known {
            Some(found) if now.saturating_sub(found.at) < METADATA_LIFETIME => Ok(found.key_url),
            _ => {
                let key_url = self.discover().await?;
                let found = Found {
                    key_url: key_url.clone(),
                    at: now,
                };
                *self.found() = Some(found);
                Ok(key_url)
            }
        }
    }

    /// Asks one location after the other. A 4xx or something that is no JSON means that this form is
    /// not the one; a server that has trouble of its own is not passed over, since another document at
    /// the next location would then depend on who can cause such trouble.
    async fn discover(&self) -> Result<Url, BoxError> {
        let mut last: BoxError = "there is no place to look for metadata".into();
        for location in &self.locations {
            let answer = self.fetcher.get(location, None).await?;
            if answer.status.is_client_error() {
                last = format!("{location} answers {}", answer.status).into();
                continue;
            }
            if !answer.status.is_success() {
                return Err(UnexpectedStatus(answer.status).into());
            }
            match serde_json::from_slice::<Metadata>(&answer.body) {
                Ok(metadata) => return self.accept(location, &metadata),
                Err(error) => last = format!("{location} is no issuer metadata: {error}").into(),
            }
        }
        Err(last)
    }

    fn accept(&self, location: &Url, metadata: &Metadata) -> Result<Url, BoxError> {
        if !self.issuers.contains(&metadata.issuer) {
            tracing::warn!(
                expected = ?self.issuers,
                found = ?metadata.issuer,
                "the issuer's metadata is about another issuer"
            );
            return Err(format!(
                "the metadata is about the issuer {:?}, not {:?}",
                metadata.issuer, self.issuers
            )
            .into());
        }
        let key_url = Url::parse(&metadata.jwks_uri)
            .map_err(|error| format!("jwks_uri {:?} is no URL: {error}", metadata.jwks_uri))?;
        // Only a document from this machine may point to this machine, and https never to http.
        let local = is_loopback(location);
        let plain = local && location.scheme() == "http" && is_loopback(&key_url);
        self.fetcher
            .check_url(&key_url, plain)
            .map_err(|why| format!("jwks_uri {key_url} {why}"))?;
        if key_url.scheme() == "http" && location.scheme() == "https" {
            return Err(format!("jwks_uri {key_url} is not https, but its document is").into());
        }
        if is_loopback(&key_url) && !local {
            return Err(format!("jwks_uri {key_url} points to this machine").into());
        }
        Ok(key_url)
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Option<Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeySource for Discovery {
    async fn fetch(&self, known: Option<&Validators>) -> Result<Fetched, BoxError> {
        let before = self.found().as_ref().map(|found| found.key_url.clone());
        let key_url = self.key_url().await?;
        // Validators of one URL say nothing about another.
        let known = known.filter(|_| before.as_ref() == Some(&key_url));
        let fetched = self.fetcher.key_document(&key_url, known).await;
        let gone = |error: &BoxError| {
            let status = error.downcast_ref::<UnexpectedStatus>();
            status.is_some_and(|status| status.0.is_client_error())
        };
        if fetched.as_ref().is_err_and(gone) {
            *self.found() = None;
        }
        fetched
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery")
            .field("issuers", &self.issuers)
            .finish_non_exhaustive()
    }
}

/// Configures a [`Discovery`].
#[must_use = "a builder does nothing until `build`"]
pub struct DiscoveryBuilder {
    issuers: Vec<String>,
    location: Option<String>,
    fetcher: FetcherBuilder,
    clock: Clock,
}

impl DiscoveryBuilder {
    /// Looks for the metadata at this URL alone, where it does not live under the issuer's: Azure AD
    /// B2C, or a Keycloak that is reached by another name from inside a cluster.
    pub fn at(mut self, url: impl Into<String>) -> Self {
        self.location = Some(url.into());
        self
    }

    /// Uses this client; as [`HttpKeySourceBuilder::client`](super::HttpKeySourceBuilder::client).
    pub fn client(mut self, client: reqwest::Client) -> Self {
        self.fetcher.client = Some(client);
        self
    }

    /// Allows http to other than loopback addresses; as
    /// [`HttpKeySourceBuilder::allow_http`](super::HttpKeySourceBuilder::allow_http).
    pub fn allow_http(mut self) -> Self {
        self.fetcher.allow_http = true;
        self
    }

    /// For issuers from untrusted input; as
    /// [`HttpKeySourceBuilder::ssrf_safe`](super::HttpKeySourceBuilder::ssrf_safe).
    pub fn ssrf_safe(mut self) -> Self {
        self.fetcher.ssrf_safe = true;
        self
    }

    /// The clock that the age of the metadata is measured by. Default: the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Takes metadata of any of these issuers.
    pub(crate) fn issuers(mut self, issuers: Vec<String>) -> Self {
        self.issuers = issuers;
        self
    }

    /// The finished source.
    ///
    /// # Errors
    ///
    /// When the issuer, or the place to look at, is no URL that can be used.
    pub fn build(self) -> Result<Discovery, ConfigError> {
        let fetcher = self.fetcher.build()?;
        let locations = match (&self.location, self.issuers.first()) {
            (Some(location), _) => vec![fetcher.configured_url(location)?],
            (None, Some(issuer)) => locations(&fetcher.configured_url(issuer)?)?,
            (None, None) => Vec::new(),
        };
        Ok(Discovery {
            fetcher,
            issuers: self.issuers,
            locations,
            clock: self.clock,
            found: Mutex::new(None),
        })
    }
}

impl fmt::Debug for DiscoveryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiscoveryBuilder")
            .field("issuers", &self.issuers)
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}

/// Where an issuer's metadata may be. OpenID Connect appends its suffix to the issuer (§4.1), RFC 8414
/// puts its own between host and path (§3.1), and servers are found that mix the two (§5).
fn locations(issuer: &Url) -> Result<Vec<Url>, ConfigError> {
    if issuer.query().is_some() || issuer.fragment().is_some() {
        return Err(ConfigError::of(format!(
            "the issuer {issuer} has a query or fragment; discovery has no form for that"
        )));
    }
    let path = issuer.path().strip_suffix('/').unwrap_or(issuer.path());
    let (oidc, oauth) = (
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    );
    let mut paths = vec![format!("{path}{oidc}"), format!("{oauth}{path}")];
    if !path.is_empty() {
        paths.push(format!("{oidc}{path}"));
        paths.push(format!("{path}{oauth}"));
    }
    Ok(paths
        .into_iter()
        .map(|path| {
            let mut location = issuer.clone();
            location.set_path(&path);
            location
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(issuer: &str) -> Vec<String> {
        let locations = locations(&Url::parse(issuer).unwrap()).unwrap();
        locations.iter().map(Url::to_string).collect()
    }

    #[test]
    fn metadata_is_looked_for_in_both_forms_of_both_kinds() {
        let root = [
            "https://issuer.test/.well-known/openid-configuration",
            "https://issuer.test/.well-known/oauth-authorization-server",
        ];
        assert_eq!(places("https://issuer.test"), root);
        assert_eq!(places("https://issuer.test/"), root);
        let tenant = [
            "https://issuer.test/tenant/1/.well-known/openid-configuration",
            "https://issuer.test/.well-known/oauth-authorization-server/tenant/1",
            "https://issuer.test/.well-known/openid-configuration/tenant/1",
            "https://issuer.test/tenant/1/.well-known/oauth-authorization-server",
        ];
        assert_eq!(places("https://issuer.test/tenant/1"), tenant);
        assert_eq!(places("https://issuer.test/tenant/1/"), tenant);
    }

    #[test]
    fn an_issuer_that_has_no_place_for_metadata_is_a_configuration_error() {
        for issuer in [
            "issuer",
            "http://issuer.test",
            "https://issuer.test/?x=1",
            "https://i.test/#x",
        ] {
            assert!(Discovery::builder(issuer).build().is_err(), "{issuer}");
        }
    }
}
