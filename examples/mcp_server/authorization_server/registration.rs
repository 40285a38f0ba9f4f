//! Dynamic client registration (RFC 7591).

use reqwest::Url;
use serde::Deserialize;

use super::oauth_error::OAuthError;

/// A client's registration request (RFC 7591 §2).
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Registration {
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) token_endpoint_auth_method: Option<String>,
    pub(crate) scope: Option<String>,
}

/// How the server handles requests without optional parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Refuses a registration for anything but a public client, and a token request without `resource`.
    Strict,
    /// Registers every client as a public one, even if it requested another authentication method (RFC 7591 §3.2.1
    /// lets a server replace metadata). For a token request without `resource` it uses the resource of the grant (RFC
    /// 8707 §2.2).
    Lenient,
}

impl Registration {
    /// The error in the registration. The server issues no client secrets, so each client is a public one, which
    /// proves with PKCE that it requested the code.
    pub(super) fn check(&self, mode: Mode) -> Result<(), OAuthError> {
        if self.redirect_uris.is_empty() || !self.redirect_uris.iter().all(|uri| is_safe(uri)) {
            return Err(OAuthError("invalid_redirect_uri"));
        }
        // An absent method means `client_secret_basic` (RFC 7591 §2).
        let method = self.token_endpoint_auth_method.as_deref();
        match (method.unwrap_or("client_secret_basic"), mode) {
            ("none", _) => Ok(()),
            ("client_secret_basic" | "client_secret_post", Mode::Lenient) => Ok(()),
            // A client that requests authentication by a key or a certificate relies on it, and would not get it.
            _ => Err(OAuthError("invalid_client_metadata")),
        }
    }
}

/// Whether a redirect URI is allowed: over TLS or to a loopback address, and without a fragment
/// (RFC 6749 §3.1.2).
fn is_safe(redirect_uri: &str) -> bool {
    Url::parse(redirect_uri).is_ok_and(|url| {
        let is_loopback = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
        url.fragment().is_none()
            && (url.scheme() == "https" || url.scheme() == "http" && is_loopback)
    })
}
