//! Configuration of a [`Discovery`].

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;

use super::discovery::Discovery;
use super::fetcher::FetcherBuilder;
use super::issuer_metadata::{locations, problem_of_issuer};
use crate::clock::Clock;
use crate::config_error::ConfigError;
use crate::shown_url::ShownUrl;

impl Discovery {
    /// Starts a source for the issuer as it stands in the `iss` of tokens. Metadata is fetched from under its URL, at the
    /// locations of OpenID Connect Discovery §4 and RFC 8414 §3. The issuer must not be the URL of a document or a
    /// template; see [`build`](DiscoveryBuilder::build).
    pub fn builder(issuer: impl Into<String>) -> DiscoveryBuilder {
        DiscoveryBuilder {
            issuers: vec![issuer.into()],
            location: None,
            fetcher: FetcherBuilder::default(),
            clock: Clock::system(),
        }
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
    /// Fetches the metadata from this URL only. Use it where the metadata is not under the issuer's URL: Azure AD B2C, or
    /// a Keycloak that has another name inside a cluster.
    pub fn at(mut self, url: impl Into<String>) -> Self {
        self.location = Some(url.into());
        self
    }

    /// Uses this HTTP client; as [`HttpKeySourceBuilder::client`](super::HttpKeySourceBuilder::client).
    pub fn client(mut self, client: reqwest::Client) -> Self {
        self.fetcher.client = Some(client);
        self
    }

    /// Sends these headers with each request for the metadata, and with each request for the keys if their URL has the
    /// same origin. Keys at another origin are fetched without them, since they may authorize this server and the
    /// metadata chooses that URL. The function is called for each request. The values are not logged.
    pub fn headers(mut self, headers: impl Fn() -> HeaderMap + Send + Sync + 'static) -> Self {
        self.fetcher.headers = Some(Arc::new(headers));
        self
    }

    /// The maximum size of the metadata and of the key document, in bytes: 1 to 16 MiB. A larger document counts as a
    /// failed fetch. Default: 512 KiB.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.fetcher.max_bytes = bytes;
        self
    }

    /// Allows http to other than loopback addresses, for the metadata and for the `jwks_uri` in it: metadata that came
    /// over https may then point to http. An attacker on the path to either can insert keys, and so make tokens
    /// that are accepted. Use it only in networks that are protected by other means.
    pub fn allow_http(mut self) -> Self {
        self.fetcher.rules.allow_http = true;
        self
    }

    /// Use it for issuers from untrusted input; as
    /// [`HttpKeySourceBuilder::ssrf_safe`](super::HttpKeySourceBuilder::ssrf_safe).
    pub fn ssrf_safe(mut self) -> Self {
        self.fetcher.rules.ssrf_safe = true;
        self
    }

    /// The clock for the age of the metadata. Default: the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Accepts metadata of any of these issuers.
    pub(crate) fn issuers(mut self, issuers: Vec<String>) -> Self {
        self.issuers = issuers;
        self
    }

    /// The finished source.
    ///
    /// # Errors
    ///
    /// When the URL of the issuer or of [`at`](Self::at) cannot be used: it is not https (except on loopback addresses and
    /// with [`allow_http`](Self::allow_http)), or contains credentials.
    ///
    /// When the issuer cannot have metadata [under its URL](Discovery::builder): the URL of a document
    /// (`/.well-known/…`), a template (`{…}`), `common`, `organizations` or `consumers` of Entra ID, and an issuer with
    /// white space, a query or a fragment. The error says what to configure instead. With [`at`](Self::at), the issuer
    /// is only a name, and may be any of these.
    pub fn build(self) -> Result<Discovery, ConfigError> {
        let rules = self.fetcher.url_rules();
        let locations = match (&self.location, self.issuers.first()) {
            (Some(location), _) => vec![rules.configured_url(location)?],
            (None, Some(issuer)) => match problem_of_issuer(issuer) {
                Some(problem) => return Err(ConfigError::of(problem)),
                None => locations(&rules.configured_url(issuer)?),
            },
            (None, None) => Vec::new(),
        };
        let fetcher = self.fetcher.build()?;
        Ok(Discovery::new(fetcher, self.issuers, locations, self.clock))
    }
}

impl fmt::Debug for DiscoveryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiscoveryBuilder")
            .field("issuers", &ShownUrl::of_all(&self.issuers))
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
