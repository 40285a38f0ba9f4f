//! A cookie whose value is the token (RFC 6265 §4.2, §5.4).

use bytes::Bytes;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use memchr::memchr;

use super::header::problem_of;
use crate::credentials::authorization::Credentials;
use crate::credentials::bearer_token::BearerToken;
use crate::credentials::scheme::Scheme;

/// Removes the cookie from the `Cookie` fields and reads it. Other cookies stay as they are, in their order.
pub(super) fn take_cookie(
    headers: &mut HeaderMap,
    name: &str,
    max_token_length: usize,
) -> Credentials {
    // HTTP/2 sends a field for each cookie (RFC 9113 §8.2.3).
    let fields = headers.get_all(COOKIE).iter();
    let mut values = fields
        .flat_map(pairs)
        .filter_map(|pair| value_of(pair, name));
    let credentials = match (values.next(), values.next()) {
        (None, _) => return Credentials::Missing,
        // A page of another host of the same site may have set one of the two.
        (Some(_), Some(_)) => Credentials::TwoTokens,
        (Some(token), None) => match problem_of(token, max_token_length) {
            Some(problem) => problem,
            // A copy, so that a cached token does not keep the other cookies in memory.
            None => Credentials::Token(Scheme::Bearer, BearerToken::copy_of(token)),
        },
    };
    drop(values);
    let fields: Vec<_> = headers.get_all(COOKIE).iter().cloned().collect();
    headers.remove(COOKIE);
    for field in fields {
        if let Some(rest) = without(field, name) {
            headers.append(COOKIE, rest);
        }
    }
    credentials
}

/// The parts of a field between its semicolons. Quotes have no meaning here (RFC 6265 §4.1.1).
fn pairs(field: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    field.as_bytes().split(|byte| *byte == b';')
}

/// The value of this pair, if its cookie has this name.
fn value_of<'p>(pair: &'p [u8], name: &str) -> Option<&'p [u8]> {
    let pair = pair.trim_ascii();
    let (found, value) = pair.split_at(memchr(b'=', pair)?);
    (found.trim_ascii_end() == name.as_bytes()).then(|| &value[1..])
}

/// The field without the cookie, or `None` if nothing is left.
fn without(field: HeaderValue, name: &str) -> Option<HeaderValue> {
    if pairs(&field).all(|pair| value_of(pair, name).is_none()) {
        return Some(field);
    }
    let mut rest = Vec::with_capacity(field.len());
    for (index, pair) in pairs(&field).enumerate() {
        if value_of(pair, name).is_some() {
            continue;
        }
        match rest.is_empty() && index > 0 {
            true => rest.extend_from_slice(pair.trim_ascii_start()),
            false => {
                if index > 0 {
                    rest.push(b';');
                }
                rest.extend_from_slice(pair);
            }
        }
    }
    if rest.iter().all(|byte| b"; \t".contains(byte)) {
        return None;
    }
    let rest = HeaderValue::from_maybe_shared(Bytes::from(rest));
    let mut rest = rest.expect("it has no other characters than the field");
    rest.set_sensitive(field.is_sensitive());
    Some(rest)
}

#[cfg(test)]
mod tests;
