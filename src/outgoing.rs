//! Requests to somebody else's server: which URLs, and how much to read.

use std::net::IpAddr;

use http::HeaderMap;
use reqwest::redirect;
use tower::BoxError;
use url::{Host, Url};

use crate::config_error::Problem;

/// Starts an HTTP client that says who it is and follows no redirects, which could lead anywhere.
pub(crate) fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!(
            env!("CARGO_PKG_NAME"),
            "/",
            env!("CARGO_PKG_VERSION")
        ))
        .redirect(redirect::Policy::none())
}

/// What is wrong where no client can be built, such as on a machine without certificate authorities.
pub(crate) fn no_client(error: reqwest::Error) -> Problem {
    Problem::caused_by("there is no HTTP client", error)
}

/// Headers that are marked, so that nobody shows them in a log.
pub(crate) fn sensitive(mut headers: HeaderMap) -> HeaderMap {
    headers
        .values_mut()
        .for_each(|value| value.set_sensitive(true));
    headers
}

/// Reads a body to its end, and no further than this many bytes.
pub(crate) async fn read(
    response: &mut reqwest::Response,
    max_bytes: usize,
) -> Result<Vec<u8>, BoxError> {
    let mut body = Vec::new();
    // Their own text has the whole URL, query and all.
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(reqwest::Error::without_url)?
    {
        if body.len() + chunk.len() > max_bytes {
            return Err(format!("the answer is larger than {max_bytes} bytes").into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Whether a URL names this machine in one of the usual ways.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        _ => address(url).is_some_and(|address| address.is_loopback()),
    }
}

/// The address that a URL has for a host, where it is not a name.
pub(crate) fn address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(IpAddr::V4(address)),
        Host::Ipv6(address) => Some(IpAddr::V6(address)),
        Host::Domain(_) => None,
    }
}

/// Whether a URL has a name or a password in it, which would be shown wherever the URL is.
pub(crate) fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}
