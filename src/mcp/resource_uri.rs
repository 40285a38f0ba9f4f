//! Normalizes the URI of a resource for comparison with rules.
//!
//! Clients choose the URIs, so each pass over one takes linear time.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use memchr::{memchr, memchr_iter, memchr2, memmem};

use super::pattern::has_control;

/// The URI with scheme and authority in lower case, and without needless percent-encoding (RFC 3986 §6.2.2).
///
/// `None` if the URI could mean a different resource to the server than its text suggests. Such a URI has a `.` or
/// `..` segment, hides a delimiter (`%2f`, `%2e`, `\`), is encoded too many times, or has a form that WHATWG URL
/// parsers (browsers, Node) would rewrite.
///
/// After the first `?` or `#`, delimiters may be encoded and stay encoded: `&` separates parameters, and `%26` does
/// not. A server could still treat that part as a path, so it must not have a `.` or `..` segment either, encoded
/// or not.
pub(super) fn comparable(uri: &str) -> Option<Cow<'_, str>> {
    if uri.trim() != uri || memchr(b'\\', uri.as_bytes()).is_some() {
        return None;
    }
    // Searched before decoding: an encoded `?` is part of the path.
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
        // The colon is part of a path, which is case-sensitive.
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
    // An empty path segment: some servers drop it, and others start a new path there.
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

/// Whether a query, with its `?` or `#`, means the same to servers that decode it once and to those that decode it
/// repeatedly, and has no `.` or `..` segment for either.
fn is_plain_query(query: &str) -> bool {
    fully_decoded(query, Component::Query).is_some_and(|decoded| {
        !has_dot_segment(&decoded) && !has_control(&decoded) && decoded.trim_end() == decoded
    })
}

/// A part of a URI, which determines what may be percent-encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Component {
    /// An encoded `/`, `.` or `\` is refused.
    Path,
    /// Anything may be encoded, also repeatedly (a URL within a URL), but unreserved characters only once.
    Query,
}

/// Percent-decodes repeatedly until nothing is encoded. `None` for text that is encoded too many times, encodes what
/// it must not, or is not UTF-8.
fn fully_decoded(text: &str, component: Component) -> Option<Cow<'_, str>> {
    let mut decoded = Cow::Borrowed(text);
    // A client that encodes twice expects a server that decodes twice. Each pass reads the whole text, hence a limit.
    for pass in 0..=MAX_DECODINGS {
        match decode(&decoded, component, pass > 0)? {
            Cow::Borrowed(_) => return Some(decoded),
            Cow::Owned(once) => decoded = Cow::Owned(once),
        }
    }
    None
}

/// Legitimate URIs need fewer.
const MAX_DECODINGS: usize = 4;

/// Percent-decodes once; borrowed if nothing is encoded. `again` is true if the text was decoded before.
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

/// The octet that the two leading hexadecimal digits encode.
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

/// Normalizes the encoding of a query (RFC 3986 §6.2.2): unreserved characters are decoded, delimiters stay as they
/// are, and all others are encoded, including a `%` without two hexadecimal digits.
fn comparable_query(query: &str) -> Cow<'_, str> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if query.bytes().all(|byte| MAY_STAND[usize::from(byte)]) {
        return Cow::Borrowed(query);
    }
    let mut comparable = Vec::with_capacity(query.len());
    let mut rest = query.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        if MAY_STAND[usize::from(*byte)] {
            comparable.push(*byte);
            continue;
        }
        let octet = match encoded_octet(behind).filter(|_| *byte == b'%') {
            Some(octet) => {
                rest = &behind[2..];
                octet
            }
            None => *byte,
        };
        if is_unreserved(octet) {
            comparable.push(octet);
        } else {
            let digit = |digit: u8| DIGITS[usize::from(digit)];
            comparable.extend_from_slice(&[b'%', digit(octet >> 4), digit(octet & 15)]);
        }
    }
    Cow::Owned(String::from_utf8(comparable).expect("nothing but ASCII"))
}

/// The bytes that a query may have unencoded: unreserved characters and delimiters.
static MAY_STAND: [bool; 256] = {
    let mut may_stand = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        may_stand[byte as usize] = is_unreserved(byte) || is_reserved(byte);
        byte += 1;
    }
    may_stand
};

/// The unreserved characters of RFC 3986 §2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The delimiters of RFC 3986 §2.2.
const fn is_reserved(byte: u8) -> bool {
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

/// Whether there is a `.` or `..` segment. Some servers ignore what follows a `;`, so that also ends a segment.
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

/// The default port of a WHATWG special scheme, whose URLs parsers rewrite; 0 for `file`, which has none.
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

/// Whether this is a scheme (RFC 3986 §3.1).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn is_file(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("file")
}

/// Whether a WHATWG parser would leave the authority of this URL, and the slash after it, unchanged.
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
    // A host that ends in a number is an IPv4 address, of which only the dotted decimal form is canonical.
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
