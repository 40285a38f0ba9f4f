//! Keys of an issuer of which only the name is known: OpenID Connect Discovery §4, RFC 8414 §3.

use std::fmt;
use std::mem;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tower::BoxError;
use url::Url;

use super::fetcher::{Fetcher, FetcherBuilder, UnexpectedStatus, may_lead_here};
use super::issuer_metadata::{Metadata, locations};
use super::source::{Fetched, KeySource};
use super::validators::Validators;
use crate::clock::Clock;
use crate::config_error::ConfigError;
use crate::error_chain::error_chain;
use crate::outgoing::is_loopback;
use crate::shown_url::ShownUrl;
use crate::telemetry::KEYS;

/// The keys that an issuer's metadata points to.
///
/// The metadata is fetched when keys are first needed, then once a day, and when the key URL answers with
/// a 4xx other than 408, 425 and 429. If it cannot be renewed within 2 seconds, the known key URL stays in
/// use, for which a [`fetch_timeout`](super::JwksBuilder::fetch_timeout) has to leave time. Its `issuer` must
/// be the expected one, to the byte. What it says about algorithms is not used.
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
    /// Keys came from there since, so that their validators are this URL's.
    answered: bool,
    /// The metadata could not be renewed.
    overdue: bool,
}

/// How long metadata may take when there is a key URL already.
const METADATA_RENEWAL_LIMIT: Duration = Duration::from_secs(2);

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

    /// The key URL, and whether keys came from there already.
    async fn key_url(&self) -> Result<(Url, bool), BoxError> {
        let now = self.clock.monotonic();
        let known = self.found().clone();
        if let Some(found) = &known
            && now.saturating_sub(found.at) < METADATA_LIFETIME
        {
            return Ok((found.key_url.clone(), found.answered));
        }
        match (self.discover_in_time(known.is_some()).await, known) {
            (Ok(key_url), known) => {
                let same = known.is_some_and(|found| found.answered && found.key_url == key_url);
                *self.found() = Some(Found {
                    key_url: key_url.clone(),
                    at: now,
                    answered: same,
                    overdue: false,
                });
                Ok((key_url, same))
            }
            // Metadata that is down need not take the keys with it.
            (Err(error), Some(found)) if !error.is::<Rejected>() => {
                self.tell_overdue(&*error);
                Ok((found.key_url, found.answered))
            }
            (Err(error), _) => {
                *self.found() = None;
                Err(error)
            }
        }
    }

    /// Tells that metadata cannot be renewed: once per outage, not once per try.
    fn tell_overdue(&self, error: &(dyn std::error::Error + 'static)) {
        let (issuer, error) = (self.name(), error_chain(error));
        let again = self
            .found()
            .as_mut()
            .is_some_and(|found| mem::replace(&mut found.overdue, true));
        match again {
            false => {
                tracing::warn!(target: KEYS, issuer, error, "metadata cannot be refreshed, the known key URL stays");
            }
            true => {
                tracing::debug!(target: KEYS, issuer, error, "metadata still cannot be refreshed");
            }
        }
    }

    /// Where there is a key URL to fall back on, metadata must leave time to ask it: both are one fetch.
    async fn discover_in_time(&self, hurried: bool) -> Result<Url, BoxError> {
        if !hurried {
            return self.discover().await;
        }
        let discovery = tokio::time::timeout(METADATA_RENEWAL_LIMIT, self.discover());
        discovery
            .await
            .unwrap_or_else(|_| Err("no answer in time".into()))
    }

    /// Asks one location after the other. A redirect, a lasting 4xx, or something that is no JSON object
    /// means that this form is not the one; a server that has trouble of its own is not passed over, since
    /// another document at the next location would then depend on who can cause such trouble.
    async fn discover(&self) -> Result<Url, BoxError> {
        let mut last: BoxError = "there is no place to look for metadata".into();
        for location in &self.locations {
            let answer = self.fetcher.get(location, None).await?;
            let status = answer.status;
            let shown = ShownUrl::of(location.as_str());
            if (status.is_client_error() && !is_passing(status)) || status.is_redirection() {
                last = format!("{shown} answers {status}").into();
                continue;
            }
            if !status.is_success() {
                return Err(UnexpectedStatus(status).into());
            }
            match Metadata::parse(&answer.body) {
                Ok(metadata) => return Ok(self.accept(location, &metadata)?),
                Err(why) => last = format!("{shown} has no issuer metadata: {why}").into(),
            }
        }
        Err(last)
    }

    fn accept(&self, location: &Url, metadata: &Metadata) -> Result<Url, Rejected> {
        if !self.issuers.contains(&metadata.issuer) {
            let found: String = metadata.issuer.chars().take(200).collect();
            let expected = &self.issuers;
            return Err(Rejected(format!(
                "the metadata is about the issuer {found:?}, not {expected:?}"
            )));
        }
        let mut key_url = Url::parse(&metadata.jwks_uri)
            .map_err(|error| Rejected(format!("jwks_uri is not a URL: {error}")))?;
        key_url.set_fragment(None);
        // Only a document from this machine may point to this machine, and https never to http.
        let local = is_loopback(location);
        let plain = local && location.scheme() == "http" && is_loopback(&key_url);
        self.fetcher
            .check_url(&key_url, plain)
            .map_err(|why| Rejected(format!("jwks_uri {why}")))?;
        let shown = ShownUrl::of(key_url.as_str());
        if key_url.scheme() == "http" && location.scheme() == "https" {
            return Err(Rejected(format!(
                "jwks_uri {shown} is not https, but its document is"
            )));
        }
        if may_lead_here(&key_url) && !local {
            return Err(Rejected(format!("jwks_uri {shown} points to this machine")));
        }
        Ok(key_url)
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Option<Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeySource for Discovery {
    async fn fetch(&self, known: Option<&Validators>) -> Result<Fetched, BoxError> {
        let (key_url, answered) = self.key_url().await?;
        // Validators of one URL say nothing about another.
        let known = known.filter(|_| answered);
        let fetched = self.fetcher.key_document(&key_url, known).await;
        match &fetched {
            Ok(_) => {
                if let Some(found) = &mut *self.found()
                    && found.key_url == key_url
                {
                    found.answered = true;
                }
            }
            Err(error) if is_gone(error) => *self.found() = None,
            Err(_) => {}
        }
        fetched
    }

    /// The issuer.
    fn name(&self) -> &str {
        &self.issuers[0]
    }
}

/// Whether the keys have moved, as opposed to being asked for too often or too slowly.
fn is_gone(error: &BoxError) -> bool {
    error
        .downcast_ref::<UnexpectedStatus>()
        .is_some_and(|status| status.0.is_client_error() && !is_passing(status.0))
}

/// Whether a 4xx is about the moment, not about what was asked for.
fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
    )
}

/// Metadata that was there and is not acceptable: about somebody else, or with a key URL that must not be
/// asked.
#[derive(Debug)]
struct Rejected(String);

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Rejected {}

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
            (None, Some(issuer)) if issuer.contains(['?', '#']) => {
                return Err(ConfigError::of(format!(
                    "the issuer {:?} has a query or fragment; discovery has no form for that",
                    ShownUrl::of(issuer),
                )));
            }
            (None, Some(issuer)) => locations(&fetcher.configured_url(issuer)?),
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
            .field("location", &self.location.as_deref().map(ShownUrl::of))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
