//! Whether two issuer identifiers are one issuer, spelled in two ways.

/// Whether two issuers are different texts that differ only in a trailing slash, the case of the scheme and the host,
/// or an explicit default port.
///
/// Issuers are compared byte by byte (OpenID Connect Discovery §4.3), so tokens are refused for each such difference.
/// This function only decides whether a warning names the misspelling. It never makes one issuer pass for the other.
pub(crate) fn differs_only_in_spelling(configured: &str, found: &str) -> bool {
    configured != found && Parts::of(configured) == Parts::of(found)
}

/// An issuer in a normalized spelling.
#[derive(PartialEq)]
struct Parts<'a> {
    scheme: String,
    authority: String,
    path: &'a str,
}

impl<'a> Parts<'a> {
    fn of(issuer: &'a str) -> Self {
        let without_slash = |text: &'a str| text.strip_suffix('/').unwrap_or(text);
        // An issuer that is not a URL is a plain name. Only a trailing slash counts as a misspelling there.
        let Some((scheme, rest)) = issuer.split_once("://") else {
            return Self {
                scheme: String::new(),
                authority: String::new(),
                path: without_slash(issuer),
            };
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "https" => ":443",
            "http" => ":80",
            _ => ":",
        };
        let host = authority.strip_suffix(default_port);
        let host = host.or_else(|| authority.strip_suffix(':'));
        Self {
            scheme,
            authority: host.unwrap_or(authority).to_ascii_lowercase(),
            path: without_slash(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_the_case_of_the_host_and_a_default_port_are_spelling() {
        for (one, other) in [
            ("https://t.test", "https://t.test/"),
            ("https://t.test/realm", "https://t.test/realm/"),
            ("https://t.test", "HTTPS://t.test"),
            ("https://t.test/Realm", "https://T.Test/Realm"),
            ("https://t.test", "https://t.test:443"),
            ("https://t.test", "https://t.test:"),
            ("https://t.test/realm", "https://t.test:443/realm"),
            ("http://t.test/realm", "http://t.test:80/realm"),
            ("https://[::1]/realm", "https://[::1]:443/realm"),
            ("https://t.test", "HTTPS://T.TEST:443/"),
            ("accounts.t.test", "accounts.t.test/"),
            ("http://t.test:80", "http://t.test/"),
        ] {
            assert!(differs_only_in_spelling(one, other), "{one} {other}");
            assert!(differs_only_in_spelling(other, one), "{other} {one}");
        }
    }

    #[test]
    fn what_names_another_issuer_is_no_spelling() {
        for (one, other) in [
            ("https://t.test", "https://t.test"),
            ("https://t.test/", "https://t.test/"),
            ("https://t.test", "http://t.test"),
            ("https://t.test", "https://t.test//"),
            ("https://t.test/realm", "https://t.test/Realm"),
            ("https://t.test/realm", "https://t.test"),
            ("https://t.test", "https://t.test:80"),
            ("http://t.test", "http://t.test:443"),
            ("https://t.test:8443", "https://t.test"),
            ("https://t.test", "https://t.test.evil.test"),
            ("https://t.test", "https://evil.test/https://t.test"),
            ("https://t.test", "https://t.test?x"),
            ("https://t.test", "t.test"),
            ("Issuer", "issuer"),
            ("https://t.test", ""),
            ("", "https://t.test/"),
            ("", "/x"),
            ("://t.test", "t.test"),
        ] {
            assert!(!differs_only_in_spelling(one, other), "{one} {other}");
            assert!(!differs_only_in_spelling(other, one), "{other} {one}");
        }
    }
}
