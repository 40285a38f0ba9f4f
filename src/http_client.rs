//! Requests to an authorization server: the client, which URLs it may use, and how much of an answer is read.

use std::fmt;
use std::net::IpAddr;

use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use reqwest::redirect;
use tower::BoxError;
use url::{Host, Url};

use crate::config_error::Problem;

/// A client with this crate's user agent. It follows no redirects, since a redirect could lead to any server.
pub(crate) fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!(
            env!("CARGO_PKG_NAME"),
            "/",
            env!("CARGO_PKG_VERSION")
        ))
        .redirect(redirect::Policy::none())
}

/// Whether the client of this crate can fetch https URLs.
pub(crate) const HAS_TLS: bool = cfg!(feature = "tls");

/// What is wrong with an https URL without TLS, as the text behind the URL.
pub(crate) const NEEDS_TLS: &str =
    "is https, which needs the feature `tls` of tower-bearer-auth, or a client(..) of your own";

/// The problem that no HTTP client can be built, such as on a machine without certificate authorities.
pub(crate) fn no_client(error: reqwest::Error) -> Problem {
    Problem::caused_by("there is no HTTP client", error)
}

/// Marks these headers as sensitive, so that `Debug` does not show their values.
pub(crate) fn sensitive(mut headers: HeaderMap) -> HeaderMap {
    headers
        .values_mut()
        .for_each(|value| value.set_sensitive(true));
    headers
}

/// Reads a body of at most this many bytes.
///
/// An encoded body is an error, [`UnrequestedEncoding`]: no request here accepts an encoding. The user's client may
/// accept one, but it removes the header when it decodes the body.
pub(crate) async fn read(
    response: &mut reqwest::Response,
    max_bytes: usize,
) -> Result<Vec<u8>, BoxError> {
    if let Some(encoding) = UnrequestedEncoding::of(response.headers()) {
        return Err(encoding.into());
    }
    let mut body = Vec::new();
    // The text of reqwest's errors contains the whole URL with its query.
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

/// The error for a body in an encoding that no request here accepts (RFC 9110 §8.4).
#[derive(Debug)]
pub(crate) struct UnrequestedEncoding(Option<String>);

impl UnrequestedEncoding {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(CONTENT_ENCODING).iter();
        let codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        let mut codings = codings.map(<[u8]>::trim_ascii);
        let unrequested = codings.find(|coding| !is_identity(coding))?;
        Some(Self(shown_coding(unrequested)))
    }
}

/// Whether this coding leaves the body unchanged. Some servers name the character set here.
fn is_identity(coding: &[u8]) -> bool {
    let same: [&[u8]; 4] = [b"", b"identity", b"utf-8", b"utf8"];
    same.iter().any(|same| coding.eq_ignore_ascii_case(same))
}

/// The name of a coding, if it is safe to log.
fn shown_coding(coding: &[u8]) -> Option<String> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.+*".contains(byte);
    let shown = coding.len() <= 32 && coding.iter().all(is_name);
    shown.then(|| String::from_utf8_lossy(coding).into_owned())
}

impl fmt::Display for UnrequestedEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let coding = self.0.as_deref().unwrap_or("not a valid name");
        write!(
            f,
            "the answer is compressed or encoded (Content-Encoding: {coding}), which the request does not accept"
        )
    }
}

impl std::error::Error for UnrequestedEncoding {}

/// Whether the host of a URL is `localhost` or a loopback address.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => {
            address(url).is_some_and(|address| address.is_loopback())
        }
    }
}

/// The host of a URL if it is an IP address.
pub(crate) fn address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(IpAddr::V4(address)),
        Host::Ipv6(address) => Some(IpAddr::V6(address)),
        Host::Domain(_) => None,
    }
}

/// Whether a URL contains a user name or a password, which would be shown with the URL.
pub(crate) fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_except_identity_is_named() {
        let encoding = |values: &[&[u8]]| {
            let values = values.iter().map(|value| {
                let value = http::HeaderValue::from_bytes(value).unwrap();
                (CONTENT_ENCODING, value)
            });
            UnrequestedEncoding::of(&HeaderMap::from_iter(values)).map(|error| error.to_string())
        };
        let none: [&[&[u8]]; 6] = [
            &[],
            &[b""],
            &[b"identity"],
            &[b"Identity, identity"],
            &[b"UTF-8"],
            &[b"identity", b" "],
        ];
        for values in none {
            assert_eq!(encoding(values), None, "{values:?}");
        }
        let named: [(&[&[u8]], &str); 9] = [
            (&[b"gzip"], "gzip"),
            (&[b"br"], "br"),
            (&[b"deflate"], "deflate"),
            (&[b"zstd"], "zstd"),
            (&[b"X-GZip"], "X-GZip"),
            (&[b"identity, br"], "br"),
            (&[b"identity", b"gzip"], "gzip"),
            (&[b"two words"], "not a valid name"),
            (&["\u{202e}gzip".as_bytes()], "not a valid name"),
        ];
        for (values, name) in named {
            let text = encoding(values).unwrap();
            assert!(
                text.contains(&format!("Content-Encoding: {name})")),
                "{text}"
            );
        }
    }
}
