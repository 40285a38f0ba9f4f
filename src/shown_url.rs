//! A URL as logs, errors and `Debug` may show it.

use std::fmt;

/// The scheme, authority and path of a URL. Credentials, query and fragment are left out, since each of them
/// may hold a secret (`?api_key=…`).
///
/// It is made from any text, because what a configuration has in the place of a URL is shown as well, and a
/// password can be what makes it no URL.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ShownUrl(Box<str>);

impl ShownUrl {
    pub(crate) fn of(url: &str) -> Self {
        let scheme = url.find("//").map_or(0, |slashes| slashes + "//".len());
        let (scheme, rest) = url.split_at(scheme);
        let query = rest.find(['?', '#']);
        let shown = match (rest.rfind('@'), query) {
            // The `@` may end credentials with a `?` in them, or stand in a query: neither part is certain.
            (Some(at), Some(query)) if query < at => format!("{scheme}…"),
            (Some(at), query) => {
                format!("{scheme}…@{}", &rest[at + 1..query.unwrap_or(rest.len())])
            }
            (None, query) => format!("{scheme}{}", &rest[..query.unwrap_or(rest.len())]),
        };
        Self(shown.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ShownUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// In quotes, as the text itself would be.
impl fmt::Debug for ShownUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_queries_and_fragments_are_left_out() {
        let table = [
            ("https://h.test/jwks", "https://h.test/jwks"),
            ("https://h.test/jwks?api_key=s3cret", "https://h.test/jwks"),
            ("https://h.test?api_key=s3cret", "https://h.test"),
            ("https://h.test/jwks#s3cret", "https://h.test/jwks"),
            ("https://user:s3cret@h.test/jwks", "https://…@h.test/jwks"),
            (
                "https://user:s3@cret@h.test:99999/",
                "https://…@h.test:99999/",
            ),
            ("https://user:s3/cret@h.test/", "https://…@h.test/"),
            ("https://user:s3cret@h.test/?x=s3cret", "https://…@h.test/"),
            ("https://user:s3?cret@h.test/", "https://…"),
            ("https://user:s3#cret@h.test/", "https://…"),
            ("https://h.test/?mail=a@b.test&api_key=s3cret", "https://…"),
            ("user:s3cret@h.test", "…@h.test"),
            ("h.test/jwks?api_key=s3cret", "h.test/jwks"),
            ("urn:example:resource", "urn:example:resource"),
            ("", ""),
        ];
        for (url, expected) in table {
            let shown = ShownUrl::of(url);
            assert_eq!(shown.as_str(), expected, "{url}");
            assert_eq!(format!("{shown:?}"), format!("{expected:?}"));
        }
    }
}
