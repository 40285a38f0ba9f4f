//! Keys by discovery from the issuer identifier (OpenID Connect Discovery 1.0 §4, RFC 8414 §3).

use std::fmt;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tower::BoxError;
use url::Url;

use super::discovery_error::{DiscoveryError, KeyUrlError};
use super::document::Validators;
use super::fetcher::{Fetcher, NoDocument};
use super::issuer_metadata::{Metadata, NO_OBJECT};
use super::source::{Fetched, KeySource};
use super::url_rules::may_lead_here;
use crate::clock::Clock;
use crate::error_chain::error_chain;
use crate::http_client::{UnrequestedEncoding, is_loopback};
use crate::issuer_spelling::differs_only_in_spelling;
use crate::shown_url::ShownUrl;
use crate::telemetry::KEYS;

/// The keys that an issuer's metadata points to.
///
/// The metadata is fetched when keys are first needed, then once a day, and when the key URL answers with a 4xx other
/// than 408, 425 and 429. If it cannot be refetched within 2 seconds, the known key URL stays in use; choose a
/// [`fetch_timeout`](super::JwksBuilder::fetch_timeout) that leaves time for the keys. The `issuer` of the metadata must
/// equal the configured one byte for byte. Its lists of algorithms are not used.
pub struct Discovery {
    fetcher: Fetcher,
    /// The same without the configured headers.
    fetcher_without_headers: Fetcher,
    /// The first issuer.
    name: ShownUrl,
    issuers: Vec<String>,
    locations: Vec<Url>,
    clock: Clock,
    found: Mutex<Option<Found>>,
    /// The locations that the fetch in progress has tried so far.
    tried: Mutex<DiscoveryError>,
}

#[derive(Clone)]
struct Found {
    key_url: Url,
    at: Duration,
    /// The metadata could not be refetched, which was logged.
    overdue: bool,
}

/// The time limit for metadata if a key URL is known.
const METADATA_RENEWAL_LIMIT: Duration = Duration::from_secs(2);

/// How long a key URL is used before the metadata is refetched.
const METADATA_LIFETIME: Duration = Duration::from_secs(24 * 3600);

impl Discovery {
    /// A source for the keys of these issuers, whose metadata is at one of these locations.
    pub(super) fn new(
        fetcher: Fetcher,
        issuers: Vec<String>,
        locations: Vec<Url>,
        clock: Clock,
    ) -> Self {
        Self {
            fetcher_without_headers: fetcher.without_headers(),
            fetcher,
            name: ShownUrl::of(issuers.first().map_or("", |issuer| issuer)),
            issuers,
            locations,
            clock,
            found: Mutex::new(None),
            tried: Mutex::default(),
        }
    }

    /// The key URL.
    async fn key_url(&self) -> Result<Url, BoxError> {
        let now = self.clock.monotonic();
        let known = self.found().clone();
        if let Some(found) = &known
            && now.saturating_sub(found.at) < METADATA_LIFETIME
        {
            return Ok(found.key_url.clone());
        }
        match (self.discover_in_time(known.is_some()).await, known) {
            (Ok(key_url), _) => {
                *self.found() = Some(Found {
                    key_url: key_url.clone(),
                    at: now,
                    overdue: false,
                });
                Ok(key_url)
            }
            // An outage of the metadata need not become an outage of the keys.
            (Err(error), Some(found)) if !error.is_rejection() => {
                self.log_overdue(&error);
                Ok(found.key_url)
            }
            (Err(error), _) => {
                *self.found() = None;
                Err(error.into())
            }
        }
    }

    /// Logs that metadata cannot be refreshed: a warning once per outage, not once per attempt.
    fn log_overdue(&self, error: &DiscoveryError) {
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

    /// Fetches the metadata: `hurried` with a time limit of its own, since the keys must be fetched from the known URL
    /// within the same fetch.
    async fn discover_in_time(&self, hurried: bool) -> Result<Url, DiscoveryError> {
        *self.tried() = DiscoveryError::default();
        let found = match hurried {
            true => tokio::time::timeout(METADATA_RENEWAL_LIMIT, self.discover()).await,
            false => Ok(self.discover().await),
        };
        let tried = mem::take(&mut *self.tried());
        match found {
            Ok(Some(key_url)) => Ok(key_url),
            Ok(None) => Err(tried),
            Err(_) => Err(tried.timed_out(METADATA_RENEWAL_LIMIT)),
        }
    }

    /// Fetches from one location after the other, and records why each failed. After a redirect, a permanent
    /// 4xx, or a body that is not a JSON object, the next location is tried. After any other failure the search ends:
    /// otherwise an attacker who can cause an outage of one location could choose the document that is used.
    async fn discover(&self) -> Option<Url> {
        for location in &self.locations {
            self.tried().begin(ShownUrl::of_foreign(location.as_str()));
            match self.metadata_at(location).await {
                Ok(metadata) => match self.accept(location, &metadata) {
                    Ok(key_url) => return Some(key_url),
                    Err(why) => {
                        self.tried().rejected(&why);
                        return None;
                    }
                },
                Err(NoMetadata::Absent(problem)) => self.tried().failed(&problem),
                Err(NoMetadata::Trouble(problem, source)) => {
                    let mut tried = self.tried();
                    tried.failed(&problem);
                    tried.source = source;
                    return None;
                }
            }
        }
        None
    }

    async fn metadata_at(&self, location: &Url) -> Result<Metadata, NoMetadata> {
        let answer = match self.fetcher.get(location, None).await {
            Ok(answer) => answer,
            Err(error) => return Err(NoMetadata::from_error(error)),
        };
        let status = answer.status;
        let answers = || format!("answers {status}");
        if (status.is_client_error() && !is_passing(status)) || status.is_redirection() {
            return Err(NoMetadata::Absent(answers()));
        }
        if !status.is_success() {
            return Err(NoMetadata::Trouble(answers(), None));
        }
        Metadata::parse(&answer.body).map_err(|why| {
            let media_type = answer.media_type().filter(|_| why == NO_OBJECT);
            let media_type = media_type.map(|name| format!(" (its Content-Type is {name})"));
            let media_type = media_type.unwrap_or_default();
            NoMetadata::Absent(format!("has no issuer metadata: {why}{media_type}"))
        })
    }

    /// The fetcher for the keys. Metadata chooses their URL, so the configured headers, which may authorize this server,
    /// are sent only to the origin that they were configured for.
    fn fetcher_for(&self, key_url: &Url) -> &Fetcher {
        let is_origin = |location: &Url| location.origin() == key_url.origin();
        match self.locations.iter().any(is_origin) {
            true => &self.fetcher,
            false => &self.fetcher_without_headers,
        }
    }

    /// Returns the key URL of this metadata, or why it must not be used.
    fn accept(&self, location: &Url, metadata: &Metadata) -> Result<Url, String> {
        if !self.issuers.contains(&metadata.issuer) {
            return Err(self.names_another_issuer(&metadata.issuer));
        }
        let shown = ShownUrl::of_foreign(&metadata.jwks_uri);
        let mut key_url = Url::parse(&metadata.jwks_uri)
            .map_err(|error| format!("jwks_uri {shown:?} is not a URL: {error}"))?;
        key_url.set_fragment(None);
        let shown = ShownUrl::of_foreign(key_url.as_str());
        // Only a document from this machine may point to this machine. A document that came over https may point to http
        // only with `allow_http`.
        let local = is_loopback(location);
        let plain = local && location.scheme() == "http" && is_loopback(&key_url);
        let rules = self.fetcher.rules;
        rules.check_url(&key_url, plain).map_err(|why| {
            let way_out = rules.way_out(&key_url, why);
            format!("jwks_uri {shown} {why}{way_out}")
        })?;
        if may_lead_here(&key_url) && !local {
            return Err(format!("jwks_uri {shown} points to this machine"));
        }
        Ok(key_url)
    }

    fn names_another_issuer(&self, issuer: &str) -> String {
        let found = ShownUrl::of_foreign(issuer);
        let configured = ShownUrl::of_all(&self.issuers);
        let mut text = format!("the metadata is about the issuer {found:?}, not {configured:?}");
        let is_same = |configured: &String| differs_only_in_spelling(configured, issuer);
        if self.issuers.iter().any(is_same) {
            text += &format!(
                "; they differ only in spelling, but are compared byte by byte: configure the issuer {found:?}"
            );
        } else if configured.contains(&found) {
            text += "; they differ in parts that are not shown (credentials, query or fragment)";
        }
        text
    }

    fn found(&self) -> MutexGuard<'_, Option<Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tried(&self) -> MutexGuard<'_, DiscoveryError> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeySource for Discovery {
    async fn fetch(&self, known: Option<&Validators>) -> Result<Fetched, BoxError> {
        let key_url = self.key_url().await?;
        // The validators of one URL do not apply to another.
        let known = known.filter(|known| known.are_at(&key_url));
        self.tried().begin(ShownUrl::of_foreign(key_url.as_str()));
        let fetched = self
            .fetcher_for(&key_url)
            .key_document(&key_url, known)
            .await;
        if fetched.as_ref().is_err_and(is_gone) {
            *self.found() = None;
        }
        fetched.map_err(|source| {
            let key_url = ShownUrl::of_foreign(key_url.as_str());
            KeyUrlError { key_url, source }.into()
        })
    }

    /// The issuer.
    fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The locations that were tried, and the one that does not answer: of the metadata, or of the keys.
    fn progress(&self) -> Option<String> {
        self.tried().unanswered()
    }
}

/// Whether the answer means that the keys have moved: a permanent 4xx.
fn is_gone(error: &BoxError) -> bool {
    match error.downcast_ref() {
        Some(NoDocument::Status(status)) => status.is_client_error() && !is_passing(*status),
        Some(NoDocument::Redirect(_)) | None => false,
    }
}

/// Whether a 4xx is temporary.
fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
    )
}

/// Why a location has no metadata, as the text behind its URL.
enum NoMetadata {
    /// The location has no metadata. The next location is tried.
    Absent(String),
    /// The server failed, so it is unknown whether the location has metadata. With the source of the error.
    Trouble(String, Option<BoxError>),
}

impl NoMetadata {
    fn from_error(error: BoxError) -> Self {
        if let Some(NoDocument::Redirect(redirect)) = error.downcast_ref() {
            return Self::Absent(redirect.text("answers", " with discover_from(..)"));
        }
        if let Some(encoding) = error.downcast_ref::<UnrequestedEncoding>() {
            return Self::Absent(format!("has no issuer metadata: {encoding}"));
        }
        Self::Trouble("cannot be read".to_owned(), Some(error))
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery")
            .field("issuers", &ShownUrl::of_all(&self.issuers))
            .finish_non_exhaustive()
    }
}
