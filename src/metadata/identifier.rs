//! URLs that are identifiers, of a resource or of an authorization server.

use std::net::IpAddr;

use http::Uri;

/// The well-known URI's suffix (RFC 9728 §3).
pub(super) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The parts of an absolute URL. The path and the query are as written.
pub(super) struct Identifier<'a> {
    scheme: &'a str,
    authority: &'a str,
    /// Empty, or with its leading slash.
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    is_loopback: bool,
}

impl<'a> Identifier<'a> {
    /// Reads a URL of scheme http or https without a fragment.
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        if text.contains('#') {
            return Err("has a fragment");
        }
        // The parser accepts more characters than a URL may have, such as quotes, which would get into a header.
        if !text.bytes().all(is_uri_character) {
            return Err("has a character that no URL may have");
        }
        let uri: Uri = text.parse().map_err(|_| "is not a URL")?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err("is neither https nor http");
        }
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or("has no host")?;
        let (scheme, rest) = text.split_once("://").ok_or("is not a URL")?;
        let (before_query, query) = match rest.split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (rest, None),
        };
        let end = before_query.find('/').unwrap_or(before_query.len());
        let (authority, path) = before_query.split_at(end);
        if authority.contains('@') {
            return Err("has credentials in it");
        }
        Ok(Self {
            scheme,
            authority,
            path,
            query,
            is_loopback: is_loopback(host),
        })
    }

    /// Whether it is https, or http on a loopback address.
    pub(super) fn is_secure(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("https") || self.is_loopback
    }

    /// The path of the metadata: the suffix, and the path of the identifier unless it is a single slash (RFC 9728 §3.1).
    pub(super) fn metadata_path(&self) -> String {
        let path = match self.path {
            "/" => "",
            path => path,
        };
        format!("{WELL_KNOWN}{path}")
    }

    /// The whole URL of the metadata.
    pub(super) fn metadata_url(&self) -> String {
        let (scheme, authority, path) = (self.scheme, self.authority, self.metadata_path());
        match self.query {
            Some(query) => format!("{scheme}://{authority}{path}?{query}"),
            None => format!("{scheme}://{authority}{path}"),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let address: Result<IpAddr, _> = address.parse();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// RFC 3986 §2, without `#`.
fn is_uri_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_goes_between_host_and_path() {
        let table = [
            (
                "https://h",
                "https://h/.well-known/oauth-protected-resource",
            ),
            (
                "https://h/",
                "https://h/.well-known/oauth-protected-resource",
            ),
            (
                "https://h/mcp",
                "https://h/.well-known/oauth-protected-resource/mcp",
            ),
            (
                "https://h:8443/a/b/",
                "https://h:8443/.well-known/oauth-protected-resource/a/b/",
            ),
            (
                "https://h/mcp?tenant=1",
                "https://h/.well-known/oauth-protected-resource/mcp?tenant=1",
            ),
            (
                "https://h?tenant=1",
                "https://h/.well-known/oauth-protected-resource?tenant=1",
            ),
            (
                "http://[::1]:3000/mcp",
                "http://[::1]:3000/.well-known/oauth-protected-resource/mcp",
            ),
        ];
        for (resource, metadata) in table {
            assert_eq!(
                Identifier::parse(resource).ok().unwrap().metadata_url(),
                metadata
            );
        }
    }

    #[test]
    fn what_is_no_identifier_is_refused() {
        for bad in [
            "",
            "h",
            "/mcp",
            "https://",
            "https:///mcp",
            "ftp://h",
            "https://h/#",
            "https://h#x",
            "https://user@h/",
            "https://user:pass@h/",
            "https://h/\"",
            "https://h/a b",
            "https://h/{x}",
            "https://h/\\",
            "https://ä.example",
            "https://h/\r\n",
        ] {
            assert!(Identifier::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_this_machine_may_do_without_tls() {
        let secure = |text| Identifier::parse(text).ok().unwrap().is_secure();
        for good in [
            "https://h",
            "HTTPS://h",
            "http://localhost:3000/mcp",
            "http://LOCALHOST",
            "http://127.0.0.1",
            "http://127.9.9.9:1",
            "http://[::1]:3000",
        ] {
            assert!(secure(good), "{good}");
        }
        for bad in [
            "http://h",
            "http://localhost.example.com",
            "http://10.0.0.1",
            "http://[::2]",
        ] {
            assert!(!secure(bad), "{bad}");
        }
    }
}
