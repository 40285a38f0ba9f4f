//! A URL without its secrets, for logs, errors and `Debug`.

use std::fmt;

use crate::error_chain::shortened;
use crate::sha256::short_digest;

/// The maximum length of a URL that a provider chose.
const MAX_FOREIGN: usize = 200;

/// The scheme, authority and path of a URL. Credentials, query and fragment are left out, since each of them
/// may hold a secret (`?api_key=…`).
///
/// It can be made from any text, since errors show invalid URLs of a configuration as well. A password may be the reason
/// why a text is not a valid URL.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ShownUrl(Box<str>);

impl ShownUrl {
    pub(crate) fn of(url: &str) -> Self {
        let (scheme, rest) = url.split_at(scheme_length(url));
        let query = rest.find(['?', '#']);
        let shown = match (rest.rfind('@'), query) {
            // Either the credentials contain a `?`, or the query contains an `@`. So neither part is shown.
            (Some(at), Some(query)) if query < at => format!("{scheme}…"),
            (Some(at), query) => {
                format!("{scheme}…@{}", &rest[at + 1..query.unwrap_or(rest.len())])
            }
            (None, query) => format!("{scheme}{}", &rest[..query.unwrap_or(rest.len())]),
        };
        Self(shown.into())
    }

    /// A URL that a provider chose, cut after [`MAX_FOREIGN`] characters.
    #[cfg_attr(
        not(feature = "jwks"),
        allow(
            dead_code,
            reason = "only metadata and key URLs redirect or point elsewhere"
        )
    )]
    pub(crate) fn of_foreign(url: &str) -> Self {
        Self(shortened(Self::of(url).as_str(), MAX_FOREIGN).into())
    }

    /// A name that identifies a parsed URL without credentials. A query may contain a secret and is part of the identity, so
    /// its digest stands in its place.
    #[cfg_attr(
        not(any(feature = "jwks", feature = "introspection")),
        allow(dead_code, reason = "only endpoints over HTTP have such a name")
    )]
    pub(crate) fn name_of(url: &str) -> String {
        let url = url.split('#').next().unwrap_or_default();
        match url.split_once('?') {
            Some((place, query)) => format!("{place}?{}", short_digest(query.as_bytes())),
            None => url.to_owned(),
        }
    }

    /// Each name of a list in a configuration.
    pub(crate) fn of_all(names: impl IntoIterator<Item: AsRef<str>>) -> Vec<Self> {
        names
            .into_iter()
            .map(|name| Self::of(name.as_ref()))
            .collect()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The length of the scheme with its slashes, or of the slashes alone. Without slashes, the text before a colon may be
/// the name in `name:password@host`.
fn scheme_length(url: &str) -> usize {
    if url.starts_with("//") {
        return "//".len();
    }
    let is_scheme = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    match url.split_once("://") {
        Some((scheme, _)) if is_scheme(scheme) => scheme.len() + "://".len(),
        _ => 0,
    }
}

impl fmt::Display for ShownUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Quoted, as a string is.
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
            // Slashes that do not follow a scheme.
            ("user:s3cret@h.test//jwks", "…@h.test//jwks"),
            ("h.test?api_key=s3cret//", "h.test"),
            ("h.test#s3cret://", "h.test"),
            ("jdbc:https://user:s3cret@h.test/", "…@h.test/"),
            ("//user:s3cret@h.test/", "//…@h.test/"),
            // URL parsers find credentials in these as well.
            ("https:user:s3cret@h.test/", "…@h.test/"),
            ("https:/user:s3cret@h.test/", "…@h.test/"),
            ("https:\\\\user:s3cret@h.test/", "…@h.test/"),
            ("ht\ntps://user:s3cret@h.test/", "…@h.test/"),
            ("urn:example:resource", "urn:example:resource"),
            ("", ""),
        ];
        for (url, expected) in table {
            let shown = ShownUrl::of(url);
            assert_eq!(shown.as_str(), expected, "{url}");
            assert_eq!(format!("{shown:?}"), format!("{expected:?}"));
        }
    }

    #[test]
    fn what_is_not_shown_still_makes_another_name() {
        let names = [
            "https://h.test/jwks",
            "https://h.test/jwks?tenant=a",
            "https://h.test/jwks?tenant=b",
            "https://h.test/jwks?mail=a@b.test",
            "https://h.test/other?mail=a@b.test",
            "https://i.test/jwks?mail=a@b.test",
            "https://h.test/x@b.test/jwks",
            "https://i.test/x@b.test/jwks",
        ]
        .map(ShownUrl::name_of);
        assert_eq!(names[0], "https://h.test/jwks");
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name), "{names:?}");
            assert!(!name.contains("tenant") && !name.contains("mail"), "{name}");
        }
    }

    #[test]
    fn a_url_that_a_provider_chose_is_shortened() {
        let long = format!("https://h.test/{}?s3cret", "ä".repeat(500));
        let shown = ShownUrl::of_foreign(&long);
        assert_eq!(shown.as_str().chars().count(), MAX_FOREIGN + 1);
        assert!(shown.as_str().ends_with("ää…"));
        let short = "https://h.test/jwks";
        assert_eq!(ShownUrl::of_foreign(short).as_str(), short);
    }
}
