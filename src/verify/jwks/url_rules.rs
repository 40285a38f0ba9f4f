//! Rules for the URLs that keys and metadata are fetched from.

use url::{Host, Url};

use super::public_address::is_public;
use crate::config_error::ConfigError;
use crate::http_client::{NEEDS_TLS, address, has_credentials, is_loopback};
use crate::shown_url::ShownUrl;

/// The URLs that a key source allows. By default URLs must be https. A configured URL may be http on a loopback address.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct UrlRules {
    pub(super) allow_http: bool,
    pub(super) ssrf_safe: bool,
    /// The client of this crate is used, and the feature `tls` is off.
    pub(super) no_tls: bool,
}

impl UrlRules {
    /// Parses and checks a URL from the configuration.
    pub(super) fn configured_url(self, url: &str) -> Result<Url, ConfigError> {
        let problem = |why: &str| {
            let shown = ShownUrl::of(url);
            ConfigError::of(format!("the URL {shown:?} {why}"))
        };
        let mut parsed =
            Url::parse(url).map_err(|error| problem(&format!("is not a URL: {error}")))?;
        let plain = !self.ssrf_safe && is_loopback(&parsed);
        self.check_url(&parsed, plain)
            .map_err(|why| problem(&format!("{why}{}", self.way_out(&parsed, why))))?;
        // The fragment is not sent, and the URL of the answer has none to compare with.
        parsed.set_fragment(None);
        Ok(parsed)
    }

    /// Checks whether a URL may be fetched; http only if `plain` or the rules allow it.
    pub(super) fn check_url(self, url: &Url, plain: bool) -> Result<(), &'static str> {
        if has_credentials(url) {
            return Err("has credentials in it; send a header instead");
        }
        match url.scheme() {
            "https" if self.no_tls => return Err(NEEDS_TLS),
            "https" => {}
            "http" if plain || self.allow_http => {}
            _ => return Err(NOT_HTTPS),
        }
        if self.ssrf_safe {
            if url.port_or_known_default() != Some(443) {
                return Err("is not on port 443");
            }
            // A literal address never reaches the resolver, which checks the addresses of names.
            if address(url).is_some_and(|address| !is_public(address)) {
                return Err("is not at a public address");
            }
        }
        Ok(())
    }

    /// The setting that would allow a URL that [`check_url`](Self::check_url) refuses, as the text behind the reason.
    pub(super) fn way_out(self, url: &Url, why: &str) -> &'static str {
        match why == NOT_HTTPS && url.scheme() == "http" && !self.ssrf_safe {
            true => " (allow_http() of the key source's builder allows http)",
            false => "",
        }
    }

    /// Whether the target of a redirect could be configured in place of `from`.
    pub(super) fn check_target(self, from: &Url, target: &Url) -> Result<(), &'static str> {
        let local = from.scheme() == "http" && is_loopback(from);
        self.check_url(target, local && is_loopback(target))
    }
}

const NOT_HTTPS: &str = "is not https";

/// Whether the host of a URL names this machine: a loopback or unspecified address, or `localhost` and names below it.
pub(super) fn may_lead_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => address(url).is_none_or(|address| {
            let address = address.to_canonical();
            address.is_loopback() || address.is_unspecified()
        }),
    }
}
