//! Key sets as a [`JwtVerifier`](crate::JwtVerifier)'s keys, and the short ways to make them.

use std::sync::Arc;

use super::cache::Jwks;
use super::discovery::{Discovery, DiscoveryBuilder};
use super::http::HttpKeySource;
use crate::config_error::ConfigError;
use crate::verify::jwt::JwtVerifierBuilder;
use crate::verify::jwt::remote::{RemoteContext, RemoteKeys};

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
    /// Discovery, then RFC 8414.
    ///
    /// To refresh or watch the keys, make the set yourself:
    ///
    /// ```
    /// use tower_bearer_auth::JwtVerifier;
    /// use tower_bearer_auth::jwks::{Discovery, Jwks};
    ///
    /// let issuer = "https://issuer.example.com";
    /// let jwks = Jwks::builder(Discovery::builder(issuer).build()?).build()?;
    /// let verifier = JwtVerifier::builder()
    ///     .jwks(jwks.clone())
    ///     .issuer(issuer)
    ///     .audience("https://api.example.com")
    ///     .build()?;
    /// println!("{:?}", jwks.status());
    /// # let _ = verifier;
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

fn discovered(
    builder: DiscoveryBuilder,
    context: &RemoteContext<'_>,
) -> Result<Arc<dyn RemoteKeys>, ConfigError> {
    let source = builder.clock(context.clock.clone()).build()?;
    let jwks = Jwks::builder(source).clock(context.clock.clone()).build()?;
    Ok(Arc::new(jwks))
}
