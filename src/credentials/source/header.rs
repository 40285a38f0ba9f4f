//! A header whose value is the token alone.

use http::{HeaderMap, HeaderName};

use crate::credentials::authorization::Credentials;
use crate::credentials::bearer_token::{BearerToken, is_b64token};
use crate::credentials::scheme::Scheme;

/// Removes the header from the map and reads it.
pub(super) fn take_header(
    headers: &mut HeaderMap,
    name: &HeaderName,
    max_token_length: usize,
) -> Credentials {
    let mut values = headers.get_all(name).iter();
    let is_repeated = values.next().is_some() && values.next().is_some();
    let Some(header) = headers.remove(name) else {
        return Credentials::Missing;
    };
    if is_repeated {
        return Credentials::TwoTokens;
    }
    let bytes = header.as_bytes();
    // Servers remove the white space around a field value (RFC 9110 §5.5). A request that was made in the same process
    // may still have some.
    let start = bytes.len() - bytes.trim_ascii_start().len();
    let token = bytes.trim_ascii();
    let end = start + token.len();
    match problem_of(token, max_token_length) {
        Some(problem) => problem,
        None => Credentials::Token(Scheme::Bearer, BearerToken::of_header(header, start..end)),
    }
}

/// Why the text in the place of a token is not a token. `None` if it is one.
pub(super) fn problem_of(text: &[u8], max_token_length: usize) -> Option<Credentials> {
    if text.is_empty() {
        return Some(Credentials::Missing);
    }
    if text.len() > max_token_length {
        return Some(Credentials::TooLong(Scheme::Bearer));
    }
    (!is_b64token(text)).then_some(Credentials::Malformed(Scheme::Bearer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_what_the_white_space_surrounds() {
        let name = HeaderName::from_static("x-token");
        for (value, expected) in [
            ("abc", Some("abc")),
            (" \tabc", Some("abc")),
            ("abc\t ", Some("abc")),
            ("  a0123456789bcdef ", Some("a0123456789bcdef")),
            ("a0123456789bcdefg", None),
            ("a b", None),
            (" \t", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(&name, value.parse().unwrap());
            let found = match take_header(&mut headers, &name, 16) {
                Credentials::Token(Scheme::Bearer, token) => Some(token.as_str().to_owned()),
                _ => None,
            };
            assert_eq!(found.as_deref(), expected, "{value:?}");
            assert!(headers.is_empty());
        }
    }
}
