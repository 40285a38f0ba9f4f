//! How a [`Discovery`] is configured.

use std::fmt;

use super::discovery::Discovery;
use super::fetcher::FetcherBuilder;
use super::issuer_metadata::{locations, problem_of_issuer};
use crate::clock::Clock;
use crate::config_error::ConfigError;
use crate::shown_url::ShownUrl;

impl Discovery {
    /// Starts with the issuer as it stands in the `iss` of tokens. Metadata is looked for under its URL, in all the
    /// forms that the two specifications have. The issuer is no URL of a document and no template;
    /// [`build`](DiscoveryBuilder::build) says which are refused.
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

    /// Allows http to other than loopback addresses, for the metadata and for the `jwks_uri` in it: metadata that came
    /// over https may then point to http. An attacker on the path to either can put in keys of their own, and so
    /// make tokens that are accepted. It is for networks that are protected otherwise.
    pub fn allow_http(mut self) -> Self {
        self.fetcher.rules.allow_http = true;
        self
    }

    /// For issuers from untrusted input; as
    /// [`HttpKeySourceBuilder::ssrf_safe`](super::HttpKeySourceBuilder::ssrf_safe).
    pub fn ssrf_safe(mut self) -> Self {
        self.fetcher.rules.ssrf_safe = true;
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
    /// When the issuer, or the place to look at, is no URL that can be used: not https (but for loopback addresses and
    /// with [`allow_http`](Self::allow_http)), or with credentials in it.
    ///
    /// When what is given has no metadata [under its own URL](Discovery::builder): a URL of a document
    /// (`/.well-known/…`), a template (`{…}`), one of Entra ID's `common`, `organizations` and `consumers`, and what
    /// has white space, a query or a fragment in it. The text says what to configure instead. With
    /// [`at`](Self::at), the issuer is only a name, and may be any of these.
    pub fn build(self) -> Result<Discovery, ConfigError> {
        let rules = self.fetcher.rules;
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
