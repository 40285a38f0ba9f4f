use std::fmt;

use crate::config_error::ConfigError;
use crate::shown_url::ShownUrl;

/// An accepted audience: a value that a token's `aud` must be or contain (RFC 7519 §4.1.3).
///
/// It converts from two types, which are compared differently:
///
/// - A string is compared byte by byte.
/// - A [`ProtectedResource`](crate::ProtectedResource) is compared as a resource identifier (RFC 8707 §2): the case of
///   scheme and host does not matter, an empty path equals `/`, and everything else is compared byte by byte.
#[derive(Clone, PartialEq, Eq)]
pub struct Audience {
    name: String,
    comparison: Comparison,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Comparison {
    Text,
    Resource,
    /// A resource whose configuration is invalid. It matches no token, and `build` reports it.
    Misconfigured(ConfigError),
}

impl Audience {
    /// The audience of a protected resource. `check` is what is wrong with its configuration.
    pub(crate) fn resource(identifier: &str, check: Result<(), ConfigError>) -> Self {
        Self {
            name: identifier.to_owned(),
            comparison: match check {
                Ok(()) => Comparison::Resource,
                Err(error) => Comparison::Misconfigured(error),
            },
        }
    }

    /// The audience as it was configured.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Whether this is the `audience` that a token names.
    pub(crate) fn is(&self, audience: &str) -> bool {
        match self.comparison {
            Comparison::Text => self.name == audience,
            Comparison::Resource => self.name == audience || is_same_resource(&self.name, audience),
            Comparison::Misconfigured(_) => false,
        }
    }

    /// What is wrong with the resource that this was made from.
    pub(crate) fn error(&self) -> Option<&ConfigError> {
        match &self.comparison {
            Comparison::Misconfigured(error) => Some(error),
            Comparison::Text | Comparison::Resource => None,
        }
    }
}

impl From<String> for Audience {
    fn from(name: String) -> Self {
        let comparison = Comparison::Text;
        Self { name, comparison }
    }
}

impl From<&str> for Audience {
    fn from(name: &str) -> Self {
        name.to_owned().into()
    }
}

impl From<&String> for Audience {
    fn from(name: &String) -> Self {
        name.as_str().into()
    }
}

/// It shows no query of a URL.
impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audience")
            .field("name", &ShownUrl::of(&self.name))
            .field("comparison", &self.comparison)
            .finish()
    }
}

fn is_same_resource(one: &str, other: &str) -> bool {
    let (Some((origin, path)), Some((other_origin, other_path))) = (split(one), split(other))
    else {
        return false;
    };
    origin.eq_ignore_ascii_case(other_origin) && path.eq(other_path)
}

/// The scheme with the authority, and the bytes of what follows, which starts with a slash.
fn split(url: &str) -> Option<(&str, impl Iterator<Item = u8>)> {
    let authority = url.find("://")? + "://".len();
    let end = url[authority..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |length| authority + length);
    let (origin, rest) = url.split_at(end);
    let slash = (!rest.starts_with('/')).then_some(b'/');
    Some((origin, slash.into_iter().chain(rest.bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_the_same_in_another_case_and_with_or_without_the_first_slash() {
        let resource = |identifier| Audience::resource(identifier, Ok(()));
        let same = [
            ("https://api.example.com", "https://api.example.com/"),
            ("https://api.example.com/", "https://api.example.com"),
            ("https://API.example.com/mcp", "HTTPS://api.EXAMPLE.com/mcp"),
            (
                "https://api.example.com?a=1",
                "https://api.example.com/?a=1",
            ),
            ("https://[::1]:8443/mcp", "https://[::1]:8443/mcp"),
        ];
        for (one, other) in same {
            assert!(resource(one).is(other), "{one} {other}");
        }
        let different = [
            (
                "https://api.example.com/mcp",
                "https://api.example.com/mcp/",
            ),
            ("https://api.example.com/mcp", "https://api.example.com/MCP"),
            (
                "https://api.example.com/mcp",
                "https://api.example.com/mcp?x",
            ),
            (
                "https://api.example.com",
                "https://api.example.com.evil.test",
            ),
            ("https://api.example.com", "https://api.example.com#"),
            ("https://api.example.com", "https://api.example.com:443"),
            ("https://api.example.com", "http://api.example.com"),
            ("https://api.example.com", "api.example.com"),
            ("https://api.example.com", ""),
        ];
        for (one, other) in different {
            assert!(!resource(one).is(other), "{one} {other}");
        }
    }

    #[test]
    fn a_text_is_compared_byte_by_byte() {
        let audience = Audience::from("https://api.example.com");
        assert!(audience.is("https://api.example.com"));
        assert!(!audience.is("https://api.example.com/"));
        assert!(!audience.is("https://API.example.com"));
    }
}
