//! Normalizes the URI of a resource for comparison with rules, or refuses it.
//!
//! The server behind has its own idea of which URIs are the same: it compares texts, decodes percent-encoding once or
//! twice, hands the path to a file system, or parses the URI as browsers do. A rule protects a resource only if every
//! spelling that one of these servers accepts selects that rule. So what RFC 3986 §6.2.2 calls equivalent is
//! normalized, and what only some servers would read as another resource is refused, with the reason.
//!
//! Clients choose the URIs, so each pass over one takes linear time.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memchr2};

use self::not_canonical::{
    BACKSLASH, CONTROL, DOT_SEGMENT, EMPTY_QUERY, ENCODED_DELIMITER, ENCODED_DOT, ENCODED_TWICE,
    FRAGMENT, NOT_UTF8, USER_OR_PORT, WHITE_SPACE,
};
use self::origin::origin;
use super::pattern::has_control;
use crate::percent_encoding::{encoded_octet, is_unreserved, push_normalized};

mod not_canonical;
mod origin;

pub(super) use not_canonical::NotCanonical;

/// A URI in the form in which rules compare it.
#[derive(Debug)]
pub(super) struct Comparable<'a> {
    pub(super) text: Cow<'a, str>,
    /// The length of the part before the first `?` or `#`.
    path_length: usize,
    /// The length up to the end of the authority, if a pattern must have all of it because it has a user name or a
    /// port; otherwise 0.
    covered_authority: usize,
}

impl Comparable<'_> {
    /// Checks what some servers drop: the user name, the port, an empty query and the fragment. Such a server could
    /// serve the resource of another rule, unless the pattern that matches has that part, too. `length` is the number
    /// of bytes of this URI that the pattern has; 0 if none matches.
    pub(super) fn check_covered(&self, length: usize) -> Result<(), NotCanonical> {
        if length < self.covered_authority {
            return Err(USER_OR_PORT);
        }
        let query = &self.text.as_bytes()[self.path_length..];
        let is_empty_query = matches!(query, [b'?'] | [b'?', b'#', ..]);
        if is_empty_query && length <= self.path_length {
            return Err(EMPTY_QUERY);
        }
        match memchr(b'#', query) {
            Some(at) if length <= self.path_length + at => Err(FRAGMENT),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether this pattern, with its `*`, is the prefix of a `file` URI that ends in a letter, which could be that of a
    /// drive. Drives are compared in upper case, so `file:///c*` would not match `file:///c:/`.
    pub(super) fn ends_in_drive_letter(&self) -> bool {
        let path = self.text.strip_prefix("file://");
        let path = path.and_then(|path| path.split_once('/'));
        path.is_some_and(|(_, path)| matches!(path.as_bytes(), [b'a'..=b'z', b'*']))
    }
}

/// The URI with scheme and authority in lower case, and without needless percent-encoding (RFC 3986 §6.2.2).
///
/// The path is decoded, because encoded and plain characters name the same resource there, except delimiters, which
/// must not be encoded. After the first `?` or `#`, delimiters may be encoded and stay encoded: `&` separates
/// parameters, and `%26` does not. A server could still treat that part as a path, so it must not have a `.` or `..`
/// segment either, encoded or not.
pub(super) fn comparable(uri: &str) -> Result<Comparable<'_>, NotCanonical> {
    // Most URIs have none of the characters that something is to be done about.
    let (mut text, path_length) = match uri.bytes().all(|byte| IS_PLAIN[usize::from(byte)]) {
        true => (Cow::Borrowed(uri), uri.len()),
        false => normalized(uri)?,
    };
    let origin = origin(uri, &text[..path_length])?;
    if text[..origin.length].contains(|c: char| c.is_ascii_uppercase()) {
        text.to_mut()[..origin.length].make_ascii_lowercase();
    }
    if let Some(letter) = origin.drive
        && text[letter..].starts_with(|c: char| c.is_ascii_lowercase())
    {
        text.to_mut()[letter..=letter].make_ascii_uppercase();
    }
    let covered_authority = match origin.has_user_or_port {
        true => origin.length,
        false => 0,
    };
    Ok(Comparable {
        text,
        path_length,
        covered_authority,
    })
}

/// The URI with its encoding normalized, and the length of its path.
fn normalized(uri: &str) -> Result<(Cow<'_, str>, usize), NotCanonical> {
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
    let text = match (path, query) {
        (Cow::Borrowed(_), Cow::Borrowed(_)) => Cow::Borrowed(uri),
        (path, query) => Cow::Owned(format!("{path}{query}")),
    };
    Ok((text, path_length))
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
            Some(b'.') => return Err(ENCODED_DOT),
            Some(b'/' | b'\\' | b'?' | b'#') => return Err(ENCODED_DELIMITER),
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

/// Normalizes the encoding of a query (RFC 3986 §6.2.2): unreserved characters are decoded, delimiters stay as they
/// are, and all others are encoded, including a `%` without two hexadecimal digits.
fn normalized_query(query: &str) -> Cow<'_, str> {
    if query.bytes().all(|byte| MAY_STAND[usize::from(byte)]) {
        return Cow::Borrowed(query);
    }
    let mut normalized = String::with_capacity(query.len());
    let mut rest = query.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        if MAY_STAND[usize::from(*byte)] {
            normalized.push(char::from(*byte));
            continue;
        }
        let octet = match encoded_octet(behind).filter(|_| *byte == b'%') {
            Some(octet) => {
                rest = &behind[2..];
                octet
            }
            None => *byte,
        };
        push_normalized(&mut normalized, octet);
    }
    Cow::Owned(normalized)
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

/// The bytes that no step of [`normalized`] changes, searches or refuses.
static IS_PLAIN: [bool; 256] = {
    let mut is_plain = MAY_STAND;
    let others = b".?#";
    let mut at = 0;
    while at < others.len() {
        is_plain[others[at] as usize] = false;
        at += 1;
    }
    is_plain
};

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

#[cfg(test)]
mod tests;
