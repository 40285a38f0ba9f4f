//! What requests need, by the prefix of their path.

use tower_bearer_auth::Scopes;

/// What a request needs.
#[derive(Debug, Clone)]
pub(crate) enum Access {
    /// Nothing. A token that is sent is verified.
    Anonymous,
    /// A token with these scopes.
    Token(Scopes),
}

/// A value for each prefix, and one for all other paths.
#[derive(Debug, Clone)]
pub(crate) struct Rules<T> {
    /// Decoded, without a slash at the end. The longest is first.
    by_prefix: Vec<(String, T)>,
    otherwise: T,
}

impl Rules<Access> {
    /// Reads `SCOPES` and `ANONYMOUS`, which have entries with `;` between them.
    pub(crate) fn parse(scopes: Option<&str>, anonymous: Option<&str>) -> Result<Self, String> {
        let mut by_prefix: Vec<(String, Access)> = Vec::new();
        let mut add = |variable: &str, path: &str, access| {
            let prefix = prefix(path).ok_or_else(|| {
                format!("{variable} has an entry without a usable path: {path:?}")
            })?;
            if by_prefix.iter().any(|(known, _)| *known == prefix) {
                return Err(format!("{variable} repeats the path {path:?}"));
            }
            by_prefix.push((prefix, access));
            Ok(())
        };
        for entry in entries(scopes) {
            let (path, scopes) = entry
                .split_once('=')
                .ok_or_else(|| format!("SCOPES has an entry without `=`: {entry:?}"))?;
            let scopes = Scopes::parse(scopes)
                .map_err(|error| format!("SCOPES has an entry with no scope: {error}"))?;
            let is_path = |scope: &str| scope.starts_with('/') || scope.ends_with(',');
            if scopes.iter().any(is_path) {
                return Err(format!("SCOPES needs `;` between its entries: {entry:?}"));
            }
            add("SCOPES", path.trim(), Access::Token(scopes))?;
        }
        for path in entries(anonymous) {
            add("ANONYMOUS", path, Access::Anonymous)?;
        }
        by_prefix.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Ok(Self {
            by_prefix,
            otherwise: Access::Token(Scopes::default()),
        })
    }
}

impl<T> Rules<T> {
    pub(crate) fn map<U>(&self, value: impl Fn(&T) -> U) -> Rules<U> {
        let by_prefix = self.by_prefix.iter();
        Rules {
            by_prefix: by_prefix
                .map(|(prefix, own)| (prefix.clone(), value(own)))
                .collect(),
            otherwise: value(&self.otherwise),
        }
    }

    /// The value for this path, as a client has written it. `None` if the proxy, this server and the server behind
    /// could read the path differently. Without prefixes, the path does not matter.
    pub(crate) fn choose(&self, path: &str) -> Option<&T> {
        if self.by_prefix.is_empty() {
            return Some(&self.otherwise);
        }
        let path = decoded(path)?;
        let chosen = self.by_prefix.iter().find(|(prefix, _)| {
            let rest = path.strip_prefix(prefix.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        Some(chosen.map_or(&self.otherwise, |(_, value)| value))
    }
}

fn entries(list: Option<&str>) -> impl Iterator<Item = &str> {
    let entries = list.unwrap_or_default().split(';').map(str::trim);
    entries.filter(|entry| !entry.is_empty())
}

/// A configured path without the slash at its end, so that of `/` nothing is left.
fn prefix(path: &str) -> Option<String> {
    let decoded = decoded(path)?;
    Some(decoded.strip_suffix('/').unwrap_or(&decoded).to_owned())
}

/// Decodes a path. `None` if it can be read in several ways: it has an empty segment or one that ends with a dot or a
/// space (`.`, `..`; Windows removes these ends), a backslash, `;`, a control character, an encoded slash or an encoded
/// `%`, or is not UTF-8.
fn decoded(path: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        let octet = match byte {
            b'%' => {
                let octet = encoded_octet(behind)?;
                rest = &behind[2..];
                if matches!(octet, b'/' | b'%') {
                    return None;
                }
                octet
            }
            byte => *byte,
        };
        if matches!(octet, b'\\' | b';' | b'?' | b'#' | 0..=0x1f | 0x7f) {
            return None;
        }
        decoded.push(octet);
    }
    let decoded = String::from_utf8(decoded).ok()?;
    let segments = decoded.strip_prefix('/')?;
    let segments = segments.strip_suffix('/').unwrap_or(segments);
    let is_plain = decoded == "/"
        || segments
            .split('/')
            .all(|segment| !segment.is_empty() && !segment.ends_with(['.', ' ']));
    is_plain.then_some(decoded)
}

/// The octet that two hexadecimal digits behind a `%` stand for.
pub(crate) fn encoded_octet(behind: &[u8]) -> Option<u8> {
    let digit = |index: usize| char::from(*behind.get(index)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}
