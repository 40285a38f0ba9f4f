//! The type of a token in the header's `typ` (RFC 7515 §4.1.9, RFC 8725 §3.11).

use std::fmt;

/// The accepted types of tokens.
#[derive(Debug)]
pub(crate) enum TokenTypes {
    /// `JWT`, `at+jwt` (RFC 9068), no `typ`, and these types.
    UsualAnd(Vec<String>),
    /// Only these types. A token without `typ` is refused.
    Only(Vec<String>),
    /// Only these types, and no `typ`.
    NoneOr(Vec<String>),
}

/// The type of the profile for JWT access tokens (RFC 9068 §2.1).
pub(crate) const RFC9068_TYPE: &str = "at+jwt";

const USUAL: [&str; 2] = ["JWT", RFC9068_TYPE];

impl TokenTypes {
    pub(crate) fn allow(&self, token_type: Option<&str>) -> bool {
        match (self, token_type) {
            (Self::UsualAnd(_) | Self::NoneOr(_), None) => true,
            (Self::Only(_), None) => false,
            (Self::UsualAnd(names), Some(name)) => {
                USUAL.into_iter().any(|n| same(n, name)) || names.iter().any(|n| same(n, name))
            }
            (Self::Only(names) | Self::NoneOr(names), Some(name)) => {
                names.iter().any(|n| same(n, name))
            }
        }
    }
}

/// For logs: `JWT, at+jwt, none`.
impl fmt::Display for TokenTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UsualAnd(names) => {
                for name in USUAL.into_iter().chain(names.iter().map(String::as_str)) {
                    write!(f, "{name}, ")?;
                }
                f.write_str("none")
            }
            Self::Only(names) => f.write_str(&names.join(", ")),
            Self::NoneOr(names) => write!(f, "{}, none", names.join(", ")),
        }
    }
}

/// Whether two media types are equal. They are case-insensitive, and `application/` may be omitted.
pub(crate) fn same(one: &str, other: &str) -> bool {
    short(one).eq_ignore_ascii_case(short(other))
}

/// The media type without `application/`.
pub(crate) fn short(media_type: &str) -> &str {
    const PREFIX: &str = "application/";
    match media_type.get(..PREFIX.len()) {
        Some(start) if start.eq_ignore_ascii_case(PREFIX) => &media_type[PREFIX.len()..],
        _ => media_type,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_types_and_the_named_ones() {
        let usual = TokenTypes::UsualAnd(Vec::new());
        let more = TokenTypes::UsualAnd(vec!["x+jwt".into(), "application/y".into()]);
        let only = TokenTypes::Only(vec!["application/at+jwt".into()]);
        let table = [
            (None, true, false),
            (Some("JWT"), true, false),
            (Some("jwt"), true, false),
            (Some("application/JWT"), true, false),
            (Some("at+jwt"), true, true),
            (Some("AT+JWT"), true, true),
            (Some("Application/at+jwt"), true, true),
            (Some("dpop+jwt"), false, false),
            (Some("logout+jwt"), false, false),
            (Some("secevent+jwt"), false, false),
            (Some("JWE"), false, false),
            (Some(""), false, false),
            (Some("application/"), false, false),
            (Some("x/JWT"), false, false),
        ];
        for (name, by_usual, by_only) in table {
            assert_eq!(usual.allow(name), by_usual, "{name:?}");
            assert_eq!(only.allow(name), by_only, "{name:?}");
            assert_eq!(more.allow(name), by_usual, "{name:?}");
        }
        for added in ["x+jwt", "X+JWT", "application/x+jwt", "y"] {
            assert!(
                more.allow(Some(added)) && !usual.allow(Some(added)),
                "{added}"
            );
        }
        assert_eq!(usual.to_string(), "JWT, at+jwt, none");
        assert_eq!(only.to_string(), "application/at+jwt");
    }
}
