//! The `Authorization` header → a token and its scheme (RFC 6750 §2.1, RFC 9449 §7.1, RFC 9110 §11.6.2).

use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderMap};

use super::bearer_token::{BearerToken, is_b64token};
use super::scheme::Scheme;

/// The credentials in the headers of a request.
#[derive(Debug)]
pub(crate) enum Credentials {
    /// No token: no `Authorization` header, another scheme, or a scheme without a token.
    Missing,
    /// One well-formed token.
    Token(Scheme, BearerToken),
    /// More than one `Authorization` header. Servers disagree about which of them they read.
    Repeated,
    /// More than one token, not all of them in `Authorization` headers.
    TwoTokens,
    /// The token is in a cookie, and the request does not come from a page of this server.
    CrossSite,
    /// The text in the place of the token is not a b64token.
    Malformed(Scheme),
    /// The token is longer than the limit.
    TooLong(Scheme),
}

/// Removes the `Authorization` header from the map and reads it. The scheme is `Bearer`, or `DPoP` if `accepts_dpop`.
pub(crate) fn take_credentials(
    headers: &mut HeaderMap,
    max_token_length: usize,
    accepts_dpop: bool,
) -> Credentials {
    let values_before = headers.len();
    let Some(header) = headers.remove(AUTHORIZATION) else {
        return Credentials::Missing;
    };
    // All values of the field were removed.
    if values_before - headers.len() > 1 {
        return Credentials::Repeated;
    }
    read(header, max_token_length, accepts_dpop)
}

fn read(header: HeaderValue, max_token_length: usize, accepts_dpop: bool) -> Credentials {
    let bytes = header.as_bytes();
    // Servers remove the white space around a field value (RFC 9110 §5.5). A request that was made in the same process
    // may still have some.
    let start = bytes.len() - bytes.trim_ascii_start().len();
    let value = bytes.trim_ascii();

    let (scheme, rest) = match without_scheme(value, Scheme::Bearer) {
        Some(rest) => (Scheme::Bearer, rest),
        None if !accepts_dpop => return Credentials::Missing,
        None => match without_scheme(value, Scheme::Dpop) {
            Some(rest) => (Scheme::Dpop, rest),
            None => return Credentials::Missing,
        },
    };
    let spaces = leading_spaces(rest);
    let token = &rest[spaces..];
    if token.len() > max_token_length {
        return Credentials::TooLong(scheme);
    }
    if spaces == 0 || !is_b64token(token) {
        return Credentials::Malformed(scheme);
    }
    let start = start + scheme.as_str().len() + spaces;
    let token = start..start + token.len();
    Credentials::Token(scheme, BearerToken::of_header(header, token))
}

/// What follows the scheme, if the value begins with it and does not end there.
#[inline]
fn without_scheme(value: &[u8], scheme: Scheme) -> Option<&[u8]> {
    let name = scheme.as_str().as_bytes();
    let (start, rest) = value.split_at_checked(name.len())?;
    // Not `eq_ignore_ascii_case`, which compares one byte at a time. A name has letters only, so one bit is their case.
    let difference = start
        .iter()
        .zip(name)
        .fold(0, |so_far, (a, b)| so_far | ((a ^ b) & !0x20));
    let goes_on = rest.first().is_none_or(|next| is_tchar(*next));
    (difference == 0 && !goes_on).then_some(rest)
}

/// The number of spaces at the beginning of a text.
fn leading_spaces(text: &[u8]) -> usize {
    // Compares sixteen bytes at a time, since clients choose how many spaces they send.
    let difference = |bytes: &[u8]| bytes.iter().fold(0, |so_far, b| so_far | (b ^ b' '));
    let blank = text
        .chunks_exact(16)
        .take_while(|bytes| difference(bytes) == 0);
    let blank = blank.count() * 16;
    blank + text[blank..].iter().take_while(|b| **b == b' ').count()
}

/// Whether a scheme, or another token of HTTP, may have this character (RFC 9110 §5.6.2).
pub(super) fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(value: &[u8]) -> String {
        show(read(HeaderValue::from_bytes(value).unwrap(), 16, false))
    }

    fn show(credentials: Credentials) -> String {
        let name = |scheme: Scheme| match scheme {
            Scheme::Bearer => "",
            Scheme::Dpop => "DPoP ",
        };
        match credentials {
            Credentials::Missing => "missing".into(),
            Credentials::Token(scheme, token) => {
                format!("{}token {}", name(scheme), token.as_str())
            }
            Credentials::Repeated => "repeated".into(),
            Credentials::TwoTokens | Credentials::CrossSite => panic!("there is one header"),
            Credentials::Malformed(scheme) => format!("{}malformed", name(scheme)),
            Credentials::TooLong(scheme) => format!("{}too long", name(scheme)),
        }
    }

    #[test]
    fn the_header_is_read_as_the_rfcs_say() {
        let table: &[(&[u8], &str)] = &[
            (b"Bearer abc", "token abc"),
            (b"bearer abc", "token abc"),
            (b"BEARER   abc", "token abc"),
            (b" Bearer abc ", "token abc"),
            (b"Bearer a-._~+/9==", "token a-._~+/9=="),
            (b"Bearer 0123456789abcdef", "token 0123456789abcdef"),
            (b"Bearer 0123456789abcdef0", "too long"),
            (b"", "missing"),
            (b"Bearer", "missing"),
            (b"Bearer  ", "missing"),
            (b"Basic dXNlcjpwYXNz", "missing"),
            (b"Bearerabc", "missing"),
            (b"Basic \xff", "missing"),
            (b"Bearer abc def", "malformed"),
            (b"Bearer abc,", "malformed"),
            (b"Bearer,abc", "malformed"),
            (b"Bearer\tabc", "malformed"),
            (b"Bearer \tabc", "malformed"),
            (b"Bearer \"abc\"", "malformed"),
            (b"Bearer a=b", "malformed"),
            (b"Bearer a=b=", "malformed"),
            (b"Bearer a==b==", "malformed"),
            (b"Bearer a====", "token a===="),
            (b"Bearer ==", "malformed"),
            (b"Bearer caf\xc3\xa9", "malformed"),
        ];
        for (value, expected) in table {
            assert_eq!(outcome(value), *expected, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn dpop_is_a_scheme_only_where_proofs_are_checked() {
        let table: &[(&[u8], &str)] = &[
            (b"DPoP abc", "DPoP token abc"),
            (b"dpop   abc==", "DPoP token abc=="),
            (b"Bearer abc", "token abc"),
            (b"DPoP", "missing"),
            (b"DPoPabc", "missing"),
            (b"DPoP-x abc", "missing"),
            (b"Basic abc", "missing"),
            (b"DPoP a b", "DPoP malformed"),
            (b"DPoP,abc", "DPoP malformed"),
            (b"DPoP abc, Bearer abc", "DPoP malformed"),
            (b"DPoP 0123456789abcdef0", "DPoP too long"),
        ];
        for (value, expected) in table {
            let header = || HeaderValue::from_bytes(value).unwrap();
            assert_eq!(show(read(header(), 16, true)), *expected);
            if expected.starts_with("DPoP") {
                assert_eq!(show(read(header(), 16, false)), "missing");
            }
        }
    }

    #[test]
    fn any_number_of_spaces_may_precede_the_token() {
        for spaces in 1..70 {
            let value = format!("Bearer{}abc", " ".repeat(spaces));
            assert_eq!(outcome(value.as_bytes()), "token abc");
        }
    }

    #[test]
    fn two_headers_are_distinguished_from_one_and_all_are_removed() {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Basic b"));
        assert!(matches!(
            take_credentials(&mut headers, 16, true),
            Credentials::Repeated
        ));
        assert!(headers.is_empty());
    }

    #[test]
    fn a_token_from_a_string_has_the_same_grammar() {
        for bad in ["", "=", "a b", "a\"", "a\n", "é"] {
            assert!(bad.parse::<BearerToken>().is_err(), "{bad:?}");
        }
        let token: BearerToken = "abc==".parse().unwrap();
        assert_eq!(token.as_bytes(), b"abc==");
        assert!(!format!("{token:?}").contains("abc"));
    }
}
