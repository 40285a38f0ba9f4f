//! Normalizes the URI of a resource for comparison with rules, or refuses it.
//!
//! The server behind has its own idea of which URIs are the same: it compares texts, decodes percent-encoding once or
//! twice, hands the path to a file system, or parses the URI as browsers do. A rule protects a resource only if every
//! spelling that one of these servers accepts selects that rule. So what RFC 3986 §6.2.2 calls equivalent is
//! normalized, and what only some servers would read as another resource is refused, with the reason.
//!
//! Clients choose the URIs, so each pass over one takes linear time.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use memchr::{memchr, memchr_iter, memchr2, memmem};

use super::pattern::has_control;

/// No rule can be chosen for a URI, for this reason: a server could read it as another resource than its text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotCanonical(pub(super) &'static str);

impl NotCanonical {
    /// The reason with the URI left out, for an error that begins with a pattern.
    pub(super) fn predicate(self) -> &'static str {
        self.0.strip_prefix("the URI ").unwrap_or(self.0)
    }
}

const WHITE_SPACE: NotCanonical =
    NotCanonical("the URI is not canonical: it begins or ends with white space");
const BACKSLASH: NotCanonical = NotCanonical("the URI is not canonical: it has a backslash");
const CONTROL: NotCanonical =
    NotCanonical("the URI is not canonical: it has an encoded control character");
const DOT_SEGMENT: NotCanonical =
    NotCanonical("the URI is not canonical: it has a `.` or `..` segment");
const ENCODED_DELIMITER: NotCanonical =
    NotCanonical("the URI is not canonical: it has an encoded delimiter or scheme");
const ENCODED_TWICE: NotCanonical =
    NotCanonical("the URI is not canonical: it is percent-encoded twice");
const NOT_UTF8: NotCanonical =
    NotCanonical("the URI is not canonical: its percent-encoding is not of UTF-8");
const AUTHORITY: NotCanonical =
    NotCanonical("the URI is not canonical: a URL parser would rewrite its scheme or host");
const EMPTY_SEGMENT: NotCanonical =
    NotCanonical("the URI is not canonical: its path has an empty segment");

/// The URI with scheme and authority in lower case, and without needless percent-encoding (RFC 3986 §6.2.2).
///
/// The path is decoded, because encoded and plain characters name the same resource there, except delimiters, which
/// must not be encoded. After the first `?` or `#`, delimiters may be encoded and stay encoded: `&` separates
/// parameters, and `%26` does not. A server could still treat that part as a path, so it must not have a `.` or `..`
/// segment either, encoded or not.
pub(super) fn comparable(uri: &str) -> Result<Cow<'_, str>, NotCanonical> {
    if memchr(b'\\', uri.as_bytes()).is_some() {
        return Err(BACKSLASH);
    }
    // Searched before decoding: an encoded `?` would be part of the path.
    let path_length = memchr2(b'?', b'#', uri.as_bytes()).unwrap_or(uri.len());
    let (path, query) = uri.split_at(path_length);
    let path = decoded_path(path)?;
    let query = normalized_query(query);
    let read_twice = fully_decoded_query(&query)?;
    for part in [&path, &read_twice] {
        if has_dot_segment(part) {
            return Err(DOT_SEGMENT);
        }
        if has_control(part) {
            return Err(CONTROL);
        }
    }
    let last = if query.is_empty() { &path } else { &read_twice };
    if path.trim_start() != path || last.trim_end() != last {
        return Err(WHITE_SPACE);
    }
    let path_length = path.len();
    let mut comparable = match (path, query) {
        (Cow::Borrowed(_), Cow::Borrowed(_)) => Cow::Borrowed(uri),
        (path, query) => Cow::Owned(format!("{path}{query}")),
    };
    let lowered = origin_length(uri, &comparable[..path_length])?;
    if comparable[..lowered].contains(|c: char| c.is_ascii_uppercase()) {
        comparable.to_mut()[..lowered].make_ascii_lowercase();
    }
    Ok(comparable)
}

/// The length of the scheme and authority of `path`, in which case does not matter. `uri` is the URI as the client
/// wrote it, and `path` its decoded part before the query.
fn origin_length(uri: &str, path: &str) -> Result<usize, NotCanonical> {
    let Some(scheme_end) = memchr(b':', path.as_bytes()) else {
        return Ok(0);
    };
    let (scheme, rest) = path.split_at(scheme_end);
    if scheme.is_ascii() && !is_scheme(scheme) {
        // The colon is part of a path, which is case-sensitive.
        return Ok(0);
    }
    let Some(after_slashes) = rest.strip_prefix("://") else {
        let is_canonical = special_port(scheme).is_none() && scheme.is_ascii();
        // An encoded colon does not end a scheme.
        let is_verbatim = uri.starts_with(&path[..=scheme_end]);
        return match (is_canonical, is_verbatim) {
            (true, true) => Ok(scheme_end),
            (true, false) => Err(ENCODED_DELIMITER),
            (false, _) => Err(AUTHORITY),
        };
    };
    let authority = after_slashes.split('/').next().unwrap_or_default();
    let length = scheme_end + "://".len() + authority.len();
    if !path[..length].is_ascii() {
        return Err(AUTHORITY);
    }
    if !uri.starts_with(&path[..scheme_end + "://".len()]) {
        return Err(ENCODED_DELIMITER);
    }
    let Some(default_port) = special_port(scheme) else {
        return Ok(length);
    };
    let path = &path[length..];
    // Browsers decode a host, and other parsers do not.
    let is_verbatim = uri[scheme_end..]["://".len()..].starts_with(authority);
    let is_canonical = match is_file(scheme) {
        // `file://localhost/` is `file:///`.
        true => !authority.eq_ignore_ascii_case("localhost"),
        false => is_canonical_authority(authority, default_port),
    };
    if !is_verbatim || !is_canonical || !path.starts_with('/') {
        return Err(AUTHORITY);
    }
    // Some servers drop an empty segment, and others start a new path there.
    if is_file(scheme) && memmem::find(path.as_bytes(), b"//").is_some() {
        return Err(EMPTY_SEGMENT);
    }
    Ok(length)
}

/// Percent-decodes a path, with scheme and authority; borrowed if nothing is encoded.
fn decoded_path(path: &str) -> Result<Cow<'_, str>, NotCanonical> {
    let bytes = path.as_bytes();
    let Some(first) = memchr(b'%', bytes) else {
        return Ok(Cow::Borrowed(path));
    };
    let mut decoded = Vec::with_capacity(bytes.len());
    decoded.extend_from_slice(&bytes[..first]);
    let mut rest = &bytes[first..];
    while let [byte, behind @ ..] = rest {
        rest = behind;
        let octet = encoded_octet(behind).filter(|_| *byte == b'%');
        match octet {
            Some(b'/' | b'.' | b'\\' | b'?' | b'#') => return Err(ENCODED_DELIMITER),
            Some(octet) => {
                decoded.push(octet);
                rest = &behind[2..];
            }
            None => decoded.push(*byte),
        }
    }
    // A server that decodes twice would read another path.
    let is_encoded = |at: usize| encoded_octet(&decoded[at + 1..]).is_some();
    if memchr_iter(b'%', &decoded).any(is_encoded) {
        return Err(ENCODED_TWICE);
    }
    let decoded = String::from_utf8(decoded).map_err(|_| NOT_UTF8)?;
    Ok(Cow::Owned(decoded))
}

/// Decodes a normalized query as often as it is encoded, in one pass: `%2520` is the space that a server sees after two
/// rounds. Borrowed if nothing is encoded.
///
/// Delimiters and other characters may be encoded repeatedly, as in a URL within a URL. An unreserved character may
/// not: the servers that decode twice would read a text that the comparison did not.
fn fully_decoded_query(query: &str) -> Result<Cow<'_, str>, NotCanonical> {
    if memchr(b'%', query.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(query));
    }
    let mut decoded = Vec::with_capacity(query.len());
    let mut rest = query.as_bytes();
    let mut last_depth = 0;
    while let [byte, behind @ ..] = rest {
        rest = behind;
        let mut depth = 0;
        let mut octet = *byte;
        while octet == b'%'
            && let Some(encoded) = encoded_octet(rest)
        {
            depth += 1;
            octet = encoded;
            rest = &rest[2..];
        }
        if depth > MAX_DEPTH || (depth > 1 && is_unreserved(octet)) {
            return Err(ENCODED_TWICE);
        }
        // The bytes of a character belong to one round of decoding.
        let continues_character = octet & 0xc0 == 0x80;
        if continues_character && depth != last_depth {
            return Err(NOT_UTF8);
        }
        last_depth = depth;
        decoded.push(octet);
    }
    let decoded = String::from_utf8(decoded).map_err(|_| NOT_UTF8)?;
    Ok(Cow::Owned(decoded))
}

/// How often a query may be encoded. Legitimate ones need less.
const MAX_DEPTH: usize = 4;

/// The octet that the two leading hexadecimal digits encode.
fn encoded_octet(digits: &[u8]) -> Option<u8> {
    let [high, low, ..] = digits else {
        return None;
    };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let octet = digit(*high)? << 4 | digit(*low)?;
    u8::try_from(octet).ok()
}

/// Normalizes the encoding of a query (RFC 3986 §6.2.2): unreserved characters are decoded, delimiters stay as they
/// are, and all others are encoded, including a `%` without two hexadecimal digits.
fn normalized_query(query: &str) -> Cow<'_, str> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if query.bytes().all(|byte| MAY_STAND[usize::from(byte)]) {
        return Cow::Borrowed(query);
    }
    let mut normalized = Vec::with_capacity(query.len());
    let mut rest = query.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        if MAY_STAND[usize::from(*byte)] {
            normalized.push(*byte);
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
            normalized.push(octet);
        } else {
            let digit = |digit: u8| DIGITS[usize::from(digit)];
            normalized.extend_from_slice(&[b'%', digit(octet >> 4), digit(octet & 15)]);
        }
    }
    Cow::Owned(String::from_utf8(normalized).expect("nothing but ASCII"))
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

/// Whether a WHATWG parser would leave the authority of a URL with this default port unchanged.
fn is_canonical_authority(authority: &str, default_port: u16) -> bool {
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
