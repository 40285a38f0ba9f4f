//! The URI of a resource, in the form in which it is compared with rules.
//!
//! Clients choose URIs, so each pass over one takes a few instructions for each byte, whatever it is.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use memchr::{memchr, memchr_iter, memchr2, memmem};

use super::pattern::has_control;

/// Scheme and authority in lower case, and what is percent-encoded without need written out (RFC 3986 §6.2.2).
///
/// `None` when it could mean another resource to the server than to a reader of its text: it climbs
/// (`..`), hides a delimiter (`%2f`, `%2e`, `\`), is encoded over and over, or has a form that the URL parsers
/// of browsers and Node (WHATWG URL) would read as another one.
///
/// What is behind the first `?` or `#` names no path, so delimiters may be encoded there, and stay so: `&` begins
/// another parameter, and `%26` does not. A server that takes it for a part of the path all the same would climb
/// there, so it must not have `.` or `..` between slashes of any kind, however encoded.
pub(super) fn comparable(uri: &str) -> Option<Cow<'_, str>> {
    if uri.trim() != uri || memchr(b'\\', uri.as_bytes()).is_some() {
        return None;
    }
    // As it stands there: what is a `?` only when decoded is still a part of the path.
    let path_length = memchr2(b'?', b'#', uri.as_bytes()).unwrap_or(uri.len());
    let (path, query) = uri.split_at(path_length);
    let path = fully_decoded(path, Component::Path)?;
    is_plain_query(query).then_some(())?;
    let path_length = path.len();
    if has_dot_segment(&path) || has_control(&path) || path.trim_start() != path {
        return None;
    }
    if query.is_empty() && path.trim_end() != path {
        return None;
    }
    let mut comparable = match (path, comparable_query(query)) {
        (Cow::Borrowed(_), Cow::Borrowed(_)) => Cow::Borrowed(uri),
        (path, query) => Cow::Owned(format!("{path}{query}")),
    };
    let Some(scheme_end) = memchr(b':', &comparable.as_bytes()[..path_length]) else {
        return Some(comparable);
    };
    let (scheme, rest) = comparable.split_at(scheme_end);
    if scheme.is_ascii() && !is_scheme(scheme) {
        // The colon is one of a path, whose letters have a case.
        return Some(comparable);
    }
    let authority = rest.strip_prefix("://");
    if let Some(port) = special_port(scheme)
        && !is_canonical(scheme, authority?, port)
    {
        return None;
    }
    let lowered = match authority {
        Some(authority) => {
            let length = authority.find(['/', '?', '#']).unwrap_or(authority.len());
            scheme_end + "://".len() + length
        }
        None => scheme_end,
    };
    if !comparable[..lowered].is_ascii() {
        return None;
    }
    // Nothing between two slashes: some servers leave it out, and others begin anew there.
    let path = comparable.as_bytes().get(lowered..path_length);
    let has_empty_segment = |path| memmem::find(path, b"//").is_some();
    if authority.is_some() && is_file(scheme) && path.is_some_and(has_empty_segment) {
        return None;
    }
    if comparable[..lowered].contains(|c: char| c.is_ascii_uppercase()) {
        comparable.to_mut()[..lowered].make_ascii_lowercase();
    }
    Some(comparable)
}

/// Whether a query, with its `?` or `#`, means the same to servers that decode it once and that do so until nothing
/// is encoded, and climbs for none of them.
fn is_plain_query(query: &str) -> bool {
    fully_decoded(query, Component::Query).is_some_and(|decoded| {
        !has_dot_segment(&decoded) && !has_control(&decoded) && decoded.trim_end() == decoded
    })
}

/// A part of a URI, and so what may be encoded in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Component {
    /// No delimiter and no dot.
    Path,
    /// Everything, also twice if it is needed: a URL in a parameter of a URL in a parameter. Letters never need it.
    Query,
}

/// Decodes what is percent-encoded until nothing is. `None` for what is encoded over and over, hides what it must
/// not, or is no text.
fn fully_decoded(text: &str, component: Component) -> Option<Cow<'_, str>> {
    let mut decoded = Cow::Borrowed(text);
    // A client that encodes twice expects a server that decodes twice. Each pass reads all of it, so there are few.
    for pass in 0..=MAX_DECODINGS {
        match decode(&decoded, component, pass > 0)? {
            Cow::Borrowed(_) => return Some(decoded),
            Cow::Owned(once) => decoded = Cow::Owned(once),
        }
    }
    None
}

/// Enough for every honest URI.
const MAX_DECODINGS: usize = 4;

/// Decodes what is percent-encoded, once; borrowed where nothing is. `again` says that it was decoded before.
fn decode(text: &str, component: Component, again: bool) -> Option<Cow<'_, str>> {
    let bytes = text.as_bytes();
    let Some(first) = memchr(b'%', bytes) else {
        return Some(Cow::Borrowed(text));
    };
    let mut decoded = Vec::with_capacity(bytes.len());
    decoded.extend_from_slice(&bytes[..first]);
    let mut rest = &bytes[first..];
    while let Some((byte, behind)) = rest.split_first() {
        let octet = match byte {
            b'%' => encoded_octet(behind),
            _ => None,
        };
        let Some(octet) = octet else {
            decoded.push(*byte);
            rest = behind;
            continue;
        };
        let is_hidden = match component {
            Component::Path => matches!(octet, b'/' | b'.' | b'\\'),
            Component::Query => again && is_unreserved(octet),
        };
        if is_hidden {
            return None;
        }
        decoded.push(octet);
        rest = &behind[2..];
    }
    match decoded.len() == bytes.len() {
        true => Some(Cow::Borrowed(text)),
        false => String::from_utf8(decoded).ok().map(Cow::Owned),
    }
}

/// The octet that the two hexadecimal digits at the start stand for.
fn encoded_octet(digits: &[u8]) -> Option<u8> {
    match digits {
        [high, low, ..] => Some(hexadecimal(*high)? << 4 | hexadecimal(*low)?),
        [] | [_] => None,
    }
}

fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// A query in which each character is encoded or not by RFC 3986 §6.2.2: unreserved ones are not, delimiters are as
/// they were, all others are; a `%` that encodes nothing is one of the others.
fn comparable_query(query: &str) -> Cow<'_, str> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let may_stand = |byte: u8| is_unreserved(byte) || is_reserved(byte);
    if query.bytes().all(may_stand) {
        return Cow::Borrowed(query);
    }
    let mut comparable = String::with_capacity(query.len());
    let mut rest = query.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        let encoded = match byte {
            b'%' => encoded_octet(behind),
            _ => None,
        };
        if encoded.is_some() {
            rest = &behind[2..];
        }
        let octet = encoded.unwrap_or(*byte);
        if is_unreserved(octet) || (encoded.is_none() && is_reserved(octet)) {
            comparable.push(char::from(octet));
        } else {
            let digit = |digit: u8| char::from(DIGITS[usize::from(digit)]);
            comparable.extend(['%', digit(octet >> 4), digit(octet & 15)]);
        }
    }
    Cow::Owned(comparable)
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The delimiters of RFC 3986 §2.2.
fn is_reserved(byte: u8) -> bool {
    matches!(
        byte,
        b':' | b'/'
            | b'?'
            | b'#'
            | b'['
            | b']'
            | b'@'
            | b'!'
            | b'$'
            | b'&'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b'+'
            | b','
            | b';'
            | b'='
    )
}

/// `.` and `..` between slashes; some servers also look no further than a `;`.
fn has_dot_segment(uri: &str) -> bool {
    let uri = uri.as_bytes();
    let is_slash = |byte: &u8| matches!(byte, b'/' | b'\\' | b'?' | b'#');
    let is_start = |at: usize| at == 0 || is_slash(&uri[at - 1]);
    let is_end = |at: usize| {
        uri.get(at)
            .is_none_or(|byte| is_slash(byte) || *byte == b';')
    };
    memchr_iter(b'.', uri).any(|at| {
        is_start(at) && (is_end(at + 1) || (uri.get(at + 1) == Some(&b'.') && is_end(at + 2)))
    })
}

/// The default port of a scheme whose URLs WHATWG's parsers rewrite; 0 where it has none.
fn special_port(scheme: &str) -> Option<u16> {
    let ports = [
        ("http", 80),
        ("https", 443),
        ("ws", 80),
        ("wss", 443),
        ("ftp", 21),
        ("file", 0),
    ];
    ports
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(scheme))
        .map(|(_, port)| *port)
}

/// RFC 3986 §3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn is_file(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("file")
}

/// Whether such a URL stands there as it would be rewritten, as far as its authority and first slash go.
fn is_canonical(scheme: &str, after_slashes: &str, default_port: u16) -> bool {
    let length = after_slashes
        .find(['/', '?', '#'])
        .unwrap_or(after_slashes.len());
    let (authority, path) = after_slashes.split_at(length);
    if !path.starts_with('/') {
        return false;
    }
    if is_file(scheme) {
        // `file://localhost/` is `file:///`.
        return !authority.eq_ignore_ascii_case("localhost");
    }
    let host = authority
        .rsplit_once(':')
        .filter(|(_, port)| !port.contains(']'));
    let (host, has_odd_port) = match host {
        Some((host, port)) => {
            let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            let is_odd = !is_number || port.starts_with('0') || port == default_port.to_string();
            (host, is_odd)
        }
        None => (authority, false),
    };
    // A host that ends in a number is an address, which can be written in many ways but one.
    let last = host
        .trim_end_matches('.')
        .rsplit('.')
        .next()
        .unwrap_or_default();
    let is_address = last.starts_with(|c: char| c.is_ascii_digit());
    let is_odd_address = is_address && host.parse::<Ipv4Addr>().is_err();
    !host.is_empty() && !has_odd_port && !host.contains('@') && !is_odd_address
}

#[cfg(test)]
mod tests;
