//! http and https URLs, normalized for comparison (RFC 3986 §6.2.2, §6.2.3).
//!
//! Clients send some of these URLs, so every pass takes linear time.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use crate::percent_encoding::{encoded_octet, is_unreserved, push_normalized};

/// Scheme, host and port of a URL, normalized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin(Box<str>);

impl Origin {
    /// The origin of an http or https URL with any path. The error is a predicate, such as `has no host`, which
    /// completes a sentence about the URL.
    pub(crate) fn of_url(url: &str) -> Result<Self, &'static str> {
        let url = HttpUrl::parse(url)?;
        Ok(Self(format!("{}://{}", url.scheme, url.authority).into()))
    }

    /// An origin alone: `https://api.example.com`, with or without a slash behind it.
    pub(crate) fn of_origin(origin: &str) -> Result<Self, &'static str> {
        if origin.contains(['?', '#']) {
            return Err("has a query or a fragment");
        }
        match HttpUrl::parse(origin)?.path {
            "" | "/" => Self::of_url(origin),
            _ => Err("has a path"),
        }
    }

    /// Whether `text` is this origin, as the field `Origin` contains it (RFC 6454 §6.2): without a path.
    pub(crate) fn is(&self, text: &str) -> bool {
        let url = match HttpUrl::parse(text) {
            Ok(url) if url.path.is_empty() && !text.contains(['?', '#']) => url,
            Ok(_) | Err(_) => return false,
        };
        let rest = self.0.strip_prefix(url.scheme);
        let authority = rest.and_then(|rest| rest.strip_prefix("://"));
        authority == Some(&*url.authority)
    }

    /// Scheme, host and port as a text: `https://api.example.com`.
    #[cfg(feature = "dpop")]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// An http or https URL without its query and fragment.
pub(crate) struct HttpUrl<'a> {
    /// Normalized.
    pub(crate) scheme: &'static str,
    /// Normalized.
    pub(crate) authority: Cow<'a, str>,
    /// As written: empty, or with its leading slash.
    pub(crate) path: &'a str,
    /// All of it, as written.
    #[cfg_attr(
        not(feature = "dpop"),
        allow(dead_code, reason = "only the URL of a proof is returned as written")
    )]
    pub(crate) text: &'a str,
}

impl<'a> HttpUrl<'a> {
    /// The error is a predicate, as that of [`Origin::of_url`].
    pub(crate) fn parse(url: &'a str) -> Result<Self, &'static str> {
        let end = url.find(['?', '#']).unwrap_or(url.len());
        let text = &url[..end];
        let (scheme, rest) = text.split_once("://").ok_or("is not a URL")?;
        let scheme = ["https", "http"]
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(scheme))
            .ok_or("is neither https nor http")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("has credentials in it");
        }
        Ok(Self {
            scheme,
            authority: normalized_authority(scheme, authority)?,
            path,
            text,
        })
    }
}

/// Normalizes host and port. Removes a port that is empty or the default of the scheme.
fn normalized_authority<'a>(
    scheme: &str,
    authority: &'a str,
) -> Result<Cow<'a, str>, &'static str> {
    // The colons of an IPv6 address do not begin a port.
    let host_end = authority.find(']').map_or(0, |bracket| bracket + 1);
    let port_at = authority[host_end..].find(':').map(|at| host_end + at);
    let (host, port) = match port_at {
        Some(at) => (&authority[..at], &authority[at + 1..]),
        None => (authority, ""),
    };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("has a port that is not a number");
    }
    let is_default = match scheme {
        "https" => port == "443",
        _ => port == "80",
    };
    let host = normalized_host(host)?;
    Ok(match (host, port.is_empty() || is_default) {
        (host, true) => host,
        (Cow::Borrowed(_), false) => Cow::Borrowed(authority),
        (Cow::Owned(host), false) => Cow::Owned(format!("{host}:{port}")),
    })
}

fn normalized_host(host: &str) -> Result<Cow<'_, str>, &'static str> {
    const BAD: &str = "has a host that no URL may have";
    if host.is_empty() {
        return Err("has no host");
    }
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').ok_or(BAD)?;
        // One address has many spellings. This is the one of RFC 5952.
        let address: Ipv6Addr = address.parse().map_err(|_| BAD)?;
        return Ok(match format!("[{address}]") {
            normalized if normalized == host => Cow::Borrowed(host),
            normalized => Cow::Owned(normalized),
        });
    }
    let is_normalized = |byte: u8| is_reg_name_byte(byte) && !byte.is_ascii_uppercase();
    if host.bytes().all(is_normalized) {
        return Ok(Cow::Borrowed(host));
    }
    let mut normalized = String::with_capacity(host.len());
    let mut rest = host.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        let octet = match byte {
            b'%' => {
                let octet = encoded_octet(behind).ok_or(BAD)?;
                rest = &behind[2..];
                if !is_unreserved(octet) {
                    push_normalized(&mut normalized, octet);
                    continue;
                }
                octet
            }
            byte if is_reg_name_byte(*byte) => *byte,
            _ => return Err(BAD),
        };
        normalized.push(char::from(octet.to_ascii_lowercase()));
    }
    Ok(Cow::Owned(normalized))
}

/// Whether a host name (`reg-name`) may have this byte unencoded (RFC 3986 §3.2.2).
fn is_reg_name_byte(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=".contains(&byte)
}
