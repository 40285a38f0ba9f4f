//! Key sets as a [`JwtVerifier`](crate::JwtVerifier)'s keys, and the short ways to make them.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use super::cache::Jwks;
use super::discovery::Discovery;
use super::discovery_builder::DiscoveryBuilder;
use super::http::HttpKeySource;
use super::policy::{Decision, Event};
use super::status::RefreshError;
use crate::config_error::ConfigError;
use crate::verify::jwt::remote::{Missing, RemoteContext, RemoteKeys};
use crate::verify::jwt::{JwtVerifier, JwtVerifierBuilder};
use crate::verify::keys::signer::{Found, SignatureSearch};
use crate::verify_error::{InvalidReason, VerifyError};

impl Jwks {
    /// Keys from a URL, with all defaults.
    ///
    /// # Errors
    ///
    /// When the URL cannot be used; see [`HttpKeySource`].
    pub fn from_url(url: impl AsRef<str>) -> Result<Self, ConfigError> {
        Self::builder(HttpKeySource::builder(url).build()?).build()
    }
}

/// # Keys that are fetched
///
/// One of these, besides any local keys. Nothing is fetched before a token needs it; see
/// [`jwks`](crate::jwks).
impl JwtVerifierBuilder {
    /// Verifies with the keys of this set.
    pub fn jwks(self, jwks: Jwks) -> Self {
        self.remote_keys(move |_| Ok(Arc::new(jwks.clone()) as Arc<dyn RemoteKeys>))
    }

    /// Verifies with the keys of the JWK Set at this URL, with all defaults.
    pub fn jwks_url(self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.remote_keys(move |context| {
            let source = HttpKeySource::builder(&url).build()?;
            let jwks = Jwks::builder(source).clock(context.clock.clone()).build()?;
            Ok(Arc::new(jwks))
        })
    }

    /// Accepts this issuer, and verifies with the keys that its metadata points to: OpenID Connect
    /// Discovery, then RFC 8414. Write the issuer exactly as it stands in the `iss` of tokens. [`build`](Self::build)
    /// refuses the URL of a document, a template, and `common` of Entra ID; see [`DiscoveryBuilder::build`].
    ///
    /// To configure the key set, build it yourself. [`JwtVerifier::jwks`] returns it, to refresh or watch it:
    ///
    /// ```
    /// use tower_bearer_auth::JwtVerifier;
    /// use tower_bearer_auth::jwks::{Discovery, Jwks};
    ///
    /// let issuer = "https://issuer.example.com";
    /// let jwks = Jwks::builder(Discovery::builder(issuer).build()?)
    ///     .max_keys(5_000)
    ///     .build()?;
    /// let verifier = JwtVerifier::builder()
    ///     .jwks(jwks)
    ///     .issuer(issuer)
    ///     .audience("https://api.example.com")
    ///     .build()?;
    /// println!("{:?}", verifier.jwks().map(Jwks::status));
    /// # Ok::<(), tower_bearer_auth::ConfigError>(())
    /// ```
    pub fn discover(self, issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        self.issuer(issuer.clone())
            .remote_keys(move |context| discovered(Discovery::builder(&issuer), &context))
    }

    /// Verifies with the keys that the metadata at this URL points to, where it does not live under
    /// the issuer's. The metadata must be about one of the issuers that are configured.
    pub fn discover_from(self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.remote_keys(move |context| {
            if context.issuers.is_empty() {
                return Err(ConfigError::of(
                    "discover_from(..) needs an issuer(..) that the metadata must be about",
                ));
            }
            let builder = Discovery::builder("")
                .issuers(context.issuers.to_vec())
                .at(&url);
            discovered(builder, &context)
        })
    }
}

/// # Keys that are fetched
impl JwtVerifier {
    /// The key set of the verifier: the one given to
    /// [`jwks`](JwtVerifierBuilder::jwks), or the one that [`jwks_url`](JwtVerifierBuilder::jwks_url),
    /// [`discover`](JwtVerifierBuilder::discover) or [`discover_from`](JwtVerifierBuilder::discover_from) made.
    /// `None` for a verifier with local keys only.
    ///
    /// Use it for a readiness probe ([`Jwks::ready`]), for the status of the keys and why some were left out
    /// ([`Jwks::status`]), to refresh the set, or to withdraw a key. Clone it before you pass the verifier to a layer.
    /// Clones share everything.
    ///
    /// ```
    /// use tower_bearer_auth::{BearerAuthLayer, JwtVerifier};
    ///
    /// let verifier = JwtVerifier::builder()
    ///     .discover("https://issuer.example.com")
    ///     .audience("https://api.example.com")
    ///     .build()?;
    /// let jwks = verifier.jwks().cloned();
    /// let layer = BearerAuthLayer::new(verifier);
    /// assert!(jwks.is_some_and(|jwks| !jwks.status().is_usable()));
    /// # let _ = layer;
    /// # Ok::<(), tower_bearer_auth::ConfigError>(())
    /// ```
    pub fn jwks(&self) -> Option<&Jwks> {
        let keys: &dyn Any = self.remote_keys()?;
        keys.downcast_ref()
    }
}

fn discovered(
    builder: DiscoveryBuilder,
    context: &RemoteContext<'_>,
) -> Result<Arc<dyn RemoteKeys>, ConfigError> {
    let source = builder.clock(context.clock.clone()).build()?;
    let jwks = Jwks::builder(source).clock(context.clock.clone()).build()?;
    Ok(Arc::new(jwks))
}

/// The error if no fetch has failed and none has succeeded.
pub(super) const NOT_LOADED: &str = "the keys are not loaded";

/// The error for a token whose key may have been published since the last fetch.
pub(super) const MAY_BE_NEWER: &str =
    "the token may be newer than the keys, and the limit of fetches for unknown keys is exhausted";

impl RemoteKeys for Jwks {
    /// Starts a refresh when one is due. As long as the keys are fresh, readers never wait for each
    /// other here: the keys are behind an atomic pointer, and whoever finds the lock taken leaves the
    /// refresh to its holder.
    fn find(&self, search: &SignatureSearch<'_>, may_wait: bool) -> Found {
        let now = self.inner.clock.monotonic();
        let snapshot = self.inner.snapshot.load();
        let Some(snapshot) = snapshot.as_ref().filter(|s| now < s.dead_at) else {
            return Found::NoKey;
        };
        if now >= snapshot.stale_at {
            if let (_, Some(fetch)) = self.inner.ask(Event::KnownKey)
                && may_wait
            {
                return Found::Later(self.inner.end_of(fetch));
            }
        } else if now >= snapshot.refresh_at {
            self.inner.ask_if_not_busy(Event::KnownKey);
        }
        search.among(&snapshot.keys)
    }

    fn source_name(&self) -> &str {
        self.inner.source.name()
    }

    fn generation(&self) -> u64 {
        self.inner.generation()
    }

    fn missing(&self, seen: u64, issued_by: Option<Duration>) -> Missing {
        let control = self.inner.control();
        // Snapshots are replaced under the lock. One that came in between may have the key, and the
        // token must neither be refused nor cost a fetch.
        if self.generation() != seen {
            return Missing::Changed;
        }
        let may_be_newer = control.may_be_newer(issued_by);
        match self
            .inner
            .ask_with(control, Event::UnknownKey { may_be_newer })
        {
            (decision, Some(fetch)) => Missing::Wait {
                end: self.inner.end_of(fetch),
                begun_before: decision == Decision::Join,
            },
            (decision, None) => Missing::Refused(self.refusal(decision, MAY_BE_NEWER)),
        }
    }

    fn still_missing(&self, seen: u64) -> VerifyError {
        match self.inner.ask(Event::StillUnknownKey).0 {
            // No document came: the fetch was lost or interrupted, and nobody knows.
            Decision::NoSuchKey if self.generation() == seen => {
                let retry_after = Duration::ZERO;
                self.refusal(Decision::Unavailable { retry_after }, NOT_LOADED)
            }
            decision => self.refusal(decision, NOT_LOADED),
        }
    }
}

impl Jwks {
    /// The error for a token. An outage has the last error of a fetch as its reason, or else `problem`.
    fn refusal(&self, decision: Decision, problem: &str) -> VerifyError {
        let retry_after = match decision {
            Decision::NoSuchKey => return VerifyError::invalid(InvalidReason::UnknownKey),
            Decision::Unavailable { retry_after } => retry_after,
            _ => Duration::ZERO,
        };
        let last_error = self.inner.control().last_error.clone();
        let problem = last_error.unwrap_or_else(|| problem.to_owned());
        VerifyError::unavailable(RefreshError { problem }).with_retry_after(retry_after)
    }
}
