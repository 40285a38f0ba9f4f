//! The header's `typ` (RFC 7515 §4.1.9, RFC 8725 §3.11).

/// Which kinds of tokens are taken.
#[derive(Debug)]
pub(super) enum TokenTypes {
    /// Plain JWTs, JWTs that say they are access tokens (RFC 9068), and those that say nothing.
    Usual,
    /// Only those named, so that saying nothing is not enough.
    Only(Vec<String>),
}

impl TokenTypes {
    pub(super) fn allow(&self, token_type: Option<&str>) -> bool {
        match (self, token_type) {
            (Self::Usual, None) => true,
            (Self::Only(_), None) => false,
            (Self::Usual, Some(name)) => ["JWT", "at+jwt"].into_iter().any(|n| same(n, name)),
            (Self::Only(names), Some(name)) => names.iter().any(|n| same(n, name)),
        }
    }
}

/// Media types are case-insensitive, and `application/` may be left out.
fn same(one: &str, other: &str) -> bool {
    short(one).eq_ignore_ascii_case(short(other))
}

pub(super) fn short(media_type: &str) -> &str {
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
        let usual = TokenTypes::Usual;
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
        }
    }
}
