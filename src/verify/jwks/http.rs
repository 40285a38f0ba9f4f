//! JWK Sets over HTTP.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use tower::BoxError;
use url::Url;

use super::document::Validators;
use super::fetcher::{Fetcher, FetcherBuilder};
use super::source::{Fetched, KeySource};
use crate::config_error::ConfigError;
use crate::shown_url::ShownUrl;

/// A JWK Set at a URL. Use it for an endpoint that needs request headers, an HTTP client of your own, or another limit of
/// the document's size; pass it to [`jwks_source`](crate::JwtVerifierBuilder::jwks_source) or
/// [`Jwks::builder`](super::Jwks::builder).
#[derive(Clone)]
pub struct HttpKeySource {
    url: Url,
    name: Box<str>,
    fetcher: Fetcher,
}

impl HttpKeySource {
    /// Starts a source at `url`: https, or http on a loopback address.
    pub fn builder(url: impl AsRef<str>) -> HttpKeySourceBuilder {
        HttpKeySourceBuilder {
            url: url.as_ref().to_owned(),
            fetcher: FetcherBuilder::default(),
        }
    }
}

impl KeySource for HttpKeySource {
    async fn fetch(&self, known: Option<&Validators>) -> Result<Fetched, BoxError> {
        self.fetcher.key_document(&self.url, known).await
    }

    /// The URL, with a digest in the place of a query.
    fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for HttpKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpKeySource")
            .field("url", &ShownUrl::of(self.url.as_str()))
            .finish_non_exhaustive()
    }
}

/// Configures an [`HttpKeySource`].
#[must_use = "a builder does nothing until `build`"]
pub struct HttpKeySourceBuilder {
    url: String,
    fetcher: FetcherBuilder,
}

impl HttpKeySourceBuilder {
    /// Uses this HTTP client, for a proxy, a private CA, client certificates or another TLS library. Build it with
    /// `redirect::Policy::none()`: the answer to a redirected request is refused, but the client has followed the redirect
    /// by then.
    pub fn client(mut self, client: reqwest::Client) -> Self {
        self.fetcher.client = Some(client);
        self
    }

    /// Sends these headers with each request. The function is called for each request. The values are not logged.
    pub fn headers(mut self, headers: impl Fn() -> HeaderMap + Send + Sync + 'static) -> Self {
        self.fetcher.headers = Some(Arc::new(headers));
        self
    }

    /// The maximum size of the document, in bytes: 1 to 16 MiB. A larger document counts as a failed fetch. Default:
    /// 512 KiB.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.fetcher.max_bytes = bytes;
        self
    }

    /// Allows http to other than loopback addresses. An attacker on the path can then insert keys, and so make
    /// tokens that are accepted.
    pub fn allow_http(mut self) -> Self {
        self.fetcher.rules.allow_http = true;
        self
    }

    /// Use it for a URL from untrusted input. It allows only https on port 443 and public addresses, and neither a proxy nor
    /// a client of your own. The address that is checked is the one that is connected to.
    pub fn ssrf_safe(mut self) -> Self {
        self.fetcher.rules.ssrf_safe = true;
        self
    }

    /// The finished source.
    ///
    /// # Errors
    ///
    /// When the URL is not https (except on loopback addresses and with [`allow_http`](Self::allow_http)) or contains
    /// credentials, when settings contradict each other, and for https without the feature `tls` and without a
    /// [client](Self::client) of your own.
    pub fn build(self) -> Result<HttpKeySource, ConfigError> {
        let url = self.fetcher.url_rules().configured_url(&self.url)?;
        let fetcher = self.fetcher.build()?;
        let name = ShownUrl::name_of(url.as_str()).into();
        Ok(HttpKeySource { url, name, fetcher })
    }
}

impl fmt::Debug for HttpKeySourceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpKeySourceBuilder")
            .field("url", &ShownUrl::of(&self.url))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_urls_are_https_or_on_this_machine() {
        let build = |url| HttpKeySource::builder(url).build();
        for good in [
            "https://issuer.example.com/jwks",
            "https://issuer.example.com:8443/jwks",
            "http://localhost:1/jwks",
            "http://127.0.0.1:1/jwks",
            "http://[::1]:1/jwks",
        ] {
            assert!(build(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/jwks",
            "ftp://issuer.example.com/",
            "file:///etc/keys",
            "http://issuer.example.com/jwks",
            "http://localhost.example.com/jwks",
            "http://10.0.0.1/jwks",
            "https://user:secret@issuer.example.com/jwks",
            "https://user:secret@issuer.example.com:99999/",
            "ftp://user:s@secret@issuer.example.com/",
        ] {
            let error = build(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        let plain = HttpKeySource::builder("http://issuer.internal/jwks").allow_http();
        assert!(plain.build().is_ok());
    }

    #[test]
    fn ssrf_safe_urls_are_https_on_443_at_public_addresses() {
        let build = |url| HttpKeySource::builder(url).ssrf_safe().build();
        assert!(build("https://issuer.example.com/jwks").is_ok());
        assert!(build("https://1.1.1.1/jwks").is_ok());
        for bad in [
            "http://localhost/jwks",
            "http://issuer.example.com/jwks",
            "https://issuer.example.com:8443/jwks",
            "https://127.0.0.1/jwks",
            "https://2130706433/jwks",
            "https://169.254.169.254/jwks",
            "https://[::1]/jwks",
            "https://[::ffff:10.0.0.1]/jwks",
        ] {
            assert!(build(bad).is_err(), "{bad}");
        }
        let contradiction = HttpKeySource::builder("https://issuer.example.com/")
            .client(reqwest::Client::new())
            .allow_http()
            .ssrf_safe();
        assert_eq!(contradiction.build().unwrap_err().problems().count(), 2);
    }
}
