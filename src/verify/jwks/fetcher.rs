//! Documents over HTTP: which URLs are allowed, the maximum size, and the freshness lifetime.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AGE, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use tower::BoxError;
use url::Url;

use super::document::{KeyDocument, Validators};
use super::public_address::PublicAddresses;
use super::redirect::Redirect;
use super::source::Fetched;
use super::url_rules::UrlRules;
use crate::config_error::{ConfigError, Problems};
use crate::http_client::{self, HAS_TLS, no_client};

type Headers = Arc<dyn Fn() -> HeaderMap + Send + Sync>;

/// The settings of a [`Fetcher`].
pub(super) struct FetcherBuilder {
    pub(super) client: Option<reqwest::Client>,
    pub(super) headers: Option<Headers>,
    pub(super) max_bytes: usize,
    pub(super) rules: UrlRules,
}

impl Default for FetcherBuilder {
    fn default() -> Self {
        Self {
            client: None,
            headers: None,
            max_bytes: 512 * 1024,
            rules: UrlRules::default(),
        }
    }
}

impl FetcherBuilder {
    /// The rules for URLs, which depend on the client.
    pub(super) fn url_rules(&self) -> UrlRules {
        UrlRules {
            no_tls: self.client.is_none() && !HAS_TLS,
            ..self.rules
        }
    }

    pub(super) fn build(self) -> Result<Fetcher, ConfigError> {
        let mut problems = Problems::default();
        if self.rules.ssrf_safe && self.client.is_some() {
            problems.push("ssrf_safe() needs its own client");
        }
        if self.rules.ssrf_safe && self.rules.allow_http {
            problems.push("ssrf_safe() contradicts allow_http()");
        }
        if !(1..=16 * 1024 * 1024).contains(&self.max_bytes) {
            problems.push(format!(
                "max_bytes: {} is not from 1 to 16 MiB",
                self.max_bytes
            ));
        }
        ConfigError::check(problems)?;

        let rules = self.url_rules();
        let client = match self.client {
            Some(client) => client,
            None => default_client(self.rules.ssrf_safe)
                .map_err(|error| ConfigError::of(no_client(error)))?,
        };
        Ok(Fetcher {
            client,
            headers: self.headers,
            max_bytes: self.max_bytes,
            rules,
        })
    }
}

fn default_client(ssrf_safe: bool) -> reqwest::Result<reqwest::Client> {
    let client = http_client::client();
    match ssrf_safe {
        true => client.no_proxy().dns_resolver(PublicAddresses).build(),
        false => client.build(),
    }
}

/// Fetches documents.
#[derive(Clone)]
pub(super) struct Fetcher {
    client: reqwest::Client,
    headers: Option<Headers>,
    max_bytes: usize,
    pub(super) rules: UrlRules,
}

/// A document as it came.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Fetcher {
    /// The same fetcher, which does not send the configured headers.
    pub(super) fn without_headers(&self) -> Self {
        Self {
            headers: None,
            ..self.clone()
        }
    }

    pub(super) async fn key_document(
        &self,
        url: &Url,
        known: Option<&Validators>,
    ) -> Result<Fetched, BoxError> {
        let answer = self.get(url, known).await?;
        let freshness = freshness(&answer.headers);
        match answer.status {
            StatusCode::OK => {
                let etag = answer.headers.get(ETAG).cloned();
                let validators = etag.map(|etag| Validators::from_etag(etag).at(url));
                let document = KeyDocument::from_json(&answer.body)?
                    .with_freshness(freshness)
                    .with_validators(validators);
                Ok(Fetched::Document(document))
            }
            StatusCode::NOT_MODIFIED if known.is_some() => Ok(Fetched::Unchanged { freshness }),
            status => Err(NoDocument::Status(status).into()),
        }
    }

    /// Fetches `url` and returns the answer, whatever its status. A redirect is an error, [`NoDocument::Redirect`]. The
    /// body is read only with a status of success.
    pub(super) async fn get(
        &self,
        url: &Url,
        known: Option<&Validators>,
    ) -> Result<Answer, BoxError> {
        let mut request = self.client.get(url.clone());
        if let Some(headers) = &self.headers {
            request = request.headers(http_client::sensitive(headers()));
        }
        if let Some(known) = known {
            request = request.header(IF_NONE_MATCH, known.etag());
        }
        // The text of reqwest's errors contains the whole URL with its query.
        let mut response = request.send().await.map_err(reqwest::Error::without_url)?;
        let status = response.status();
        let redirect = match response.url() == url {
            true => Redirect::of(status, response.headers(), url, |target| {
                self.rules.check_target(url, target)
            }),
            false => Some(Redirect::followed(response.url(), |target| {
                self.rules.check_target(url, target)
            })),
        };
        if let Some(redirect) = redirect {
            return Err(NoDocument::Redirect(redirect).into());
        }
        let body = match status.is_success() {
            true => http_client::read(&mut response, self.max_bytes).await?,
            false => Vec::new(),
        };
        Ok(Answer {
            status,
            headers: std::mem::take(response.headers_mut()),
            body,
        })
    }
}

impl Answer {
    /// The media type of the body, such as `text/html`, if it is safe to log.
    pub(super) fn media_type(&self) -> Option<&str> {
        let value = self.headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let name = value.split(';').next().unwrap_or_default().trim();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"/+-._".contains(&byte);
        let shown = (1..=80).contains(&name.len()) && name.bytes().all(is_name);
        shown.then_some(name)
    }
}

/// An answer that is no document.
#[derive(Debug)]
pub(super) enum NoDocument {
    Status(StatusCode),
    Redirect(Redirect),
}

impl fmt::Display for NoDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "the answer has the status {status}"),
            Self::Redirect(redirect) => {
                let text = redirect.text("has the status", "");
                write!(f, "the answer {text}")
            }
        }
    }
}

impl std::error::Error for NoDocument {}

/// The remaining freshness lifetime of a document (RFC 9111 §4.2): `max-age` less `Age`. It is zero if the server forbids
/// caching, so that the lower bound of the key set applies.
fn freshness(headers: &HeaderMap) -> Option<Duration> {
    let directives = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim);
    let mut max_age = None;
    for directive in directives {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return Some(Duration::ZERO),
            "max-age" => max_age = value.trim_matches('"').parse().ok().or(max_age),
            _ => {}
        }
    }
    let age = headers
        .get(AGE)
        .and_then(|age| age.to_str().ok()?.trim().parse().ok());
    Some(Duration::from_secs(u64::saturating_sub(
        max_age?,
        age.unwrap_or(0),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness_is_max_age_less_age() {
        let table = [
            (&[][..], None),
            (&[("cache-control", "public")][..], None),
            (&[("cache-control", "public, max-age=600")], Some(600)),
            (&[("cache-control", "Max-Age=\"600\"")], Some(600)),
            (
                &[("cache-control", "max-age=600"), ("age", "100")],
                Some(500),
            ),
            (&[("cache-control", "max-age=600"), ("age", "700")], Some(0)),
            (&[("cache-control", "max-age=600"), ("age", "x")], Some(600)),
            (&[("cache-control", "max-age=x")], None),
            (
                &[
                    ("cache-control", "max-age=600"),
                    ("cache-control", "no-store"),
                ],
                Some(0),
            ),
            (&[("cache-control", "no-cache")], Some(0)),
            (&[("age", "100")], None),
        ];
        for (headers, expected) in table {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, value.parse().unwrap());
            }
            assert_eq!(
                freshness(&map),
                expected.map(Duration::from_secs),
                "{headers:?}"
            );
        }
    }
}
