//! Fetched keys in the builder of a [`JwtVerifier`](crate::JwtVerifier).

use std::any::Any;
use std::sync::Arc;

use super::builder::JwksBuilder;
use super::discovery::Discovery;
use super::discovery_builder::DiscoveryBuilder;
use super::handle::Jwks;
use super::http::HttpKeySource;
use super::source::{ErasedSource, KeySource};
use crate::config_error::ConfigError;
use crate::verify::jwt::remote::{RemoteContext, RemoteKeys};
use crate::verify::jwt::{JwtVerifier, JwtVerifierBuilder};

impl Jwks {
    /// A key set from a URL, with default settings.
    ///
    /// # Errors
    ///
    /// When the URL cannot be used; see [`HttpKeySourceBuilder::build`](super::HttpKeySourceBuilder::build).
    pub fn from_url(url: impl AsRef<str>) -> Result<Self, ConfigError> {
        Self::builder(HttpKeySource::builder(url).build()?).build()
    }
}

/// # Keys that are fetched
///
/// Call one of these, besides any local keys. Nothing is fetched before a token needs it; see [`jwks`](crate::jwks).
///
/// | you have | call |
/// |---|---|
/// | an issuer with metadata | [`discover`](Self::discover), [`discover_from`](Self::discover_from) |
/// | the URL of a JWK Set | [`jwks_url`](Self::jwks_url) |
/// | one of these that needs request headers, an HTTP client of your own or another size limit | [`jwks_source`](Self::jwks_source) with an [`HttpKeySource`] or a [`Discovery`] |
/// | keys from anywhere else | [`jwks_source`](Self::jwks_source) with a [`KeySource`] of yours |
/// | a key set with other settings, or one that several verifiers share | [`jwks`](Self::jwks) |
impl JwtVerifierBuilder {
    /// Verifies with the keys of this set. Use it to configure the set, or to share it between verifiers.
    pub fn jwks(self, jwks: Jwks) -> Self {
        self.remote_keys(move |_| Ok(Arc::new(jwks.clone()) as Arc<dyn RemoteKeys>))
    }

    /// Verifies with the keys of the JWK Set at this URL, with default settings. The URL is https, or http on a loopback
    /// address; otherwise [`build`](Self::build) fails.
    ///
    /// To send request headers, or for another limit of the document's size, call [`jwks_source`](Self::jwks_source) with
    /// an [`HttpKeySource`].
    pub fn jwks_url(self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.remote_keys(move |context| {
            let source = HttpKeySource::builder(&url).build()?;
            fetched_from(Arc::new(source), &context)
        })
    }

    /// Verifies with the keys from this source: a key set with default settings and the [clock](Self::clock) of the
    /// verifier. Use it for a source with settings:
    ///
    /// ```
    /// use http::{HeaderMap, HeaderValue};
    /// use tower_bearer_auth::JwtVerifier;
    /// use tower_bearer_auth::jwks::HttpKeySource;
    ///
    /// # fn api_key() -> HeaderValue { HeaderValue::from_static("secret") }
    /// let source = HttpKeySource::builder("https://issuer.example.com/jwks")
    ///     // Called for each fetch, so the key may change.
    ///     .headers(|| HeaderMap::from_iter([(http::header::AUTHORIZATION, api_key())]))
    ///     .max_bytes(64 * 1024)
    ///     .build()?;
    /// let verifier = JwtVerifier::builder()
    ///     .jwks_source(source)
    ///     .issuer("https://issuer.example.com")
    ///     .audience("https://api.example.com")
    ///     .build()?;
    /// # let _ = verifier;
    /// # Ok::<(), tower_bearer_auth::ConfigError>(())
    /// ```
    ///
    /// With a [`Discovery`], call [`issuer`](Self::issuer) as well. To configure the key set, call [`jwks`](Self::jwks)
    /// instead.
    pub fn jwks_source(self, source: impl KeySource) -> Self {
        let source: Arc<dyn ErasedSource> = Arc::new(source);
        self.remote_keys(move |context| fetched_from(Arc::clone(&source), &context))
    }

    /// Accepts this issuer, and verifies with the keys that its metadata points to (OpenID Connect Discovery 1.0 §4,
    /// RFC 8414 §3). Write the issuer exactly as it stands in the `iss` of tokens. [`build`](Self::build) refuses the URL
    /// of a document, a template, and `common` of Entra ID; see [`DiscoveryBuilder::build`].
    ///
    /// To send request headers, or for another limit of a document's size, call [`jwks_source`](Self::jwks_source) with a
    /// [`Discovery`]. To configure the key set as well, build it yourself. [`JwtVerifier::jwks`] returns it, to refresh
    /// it or to read its status:
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

    /// Verifies with the keys that the metadata at this URL points to. Use it if the metadata is not under the URL of the
    /// issuer. Its `issuer` must be one of the configured [issuers](Self::issuer).
    pub fn discover_from(self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.remote_keys(move |context| {
            if context.issuers.is_empty() {
                return Err(ConfigError::of(
                    "discover_from(..) needs an issuer(..), which the metadata must name",
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
    fetched_from(Arc::new(source), context)
}

fn fetched_from(
    source: Arc<dyn ErasedSource>,
    context: &RemoteContext<'_>,
) -> Result<Arc<dyn RemoteKeys>, ConfigError> {
    let jwks = JwksBuilder::of(source).clock(context.clock.clone());
    Ok(Arc::new(jwks.build()?))
}
