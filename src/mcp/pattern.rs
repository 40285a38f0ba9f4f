//! Which rule a name falls under: exact names before prefixes, longer prefixes before shorter ones.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::Ipv4Addr;

use memchr::memchr;

use crate::scope_guard::ScopeRequirement;

/// The rules for one kind of thing.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns {
    exact: HashMap<Box<str>, ScopeRequirement>,
    /// In the order of their bytes.
    prefixes: Vec<(Box<str>, ScopeRequirement)>,
}

impl Patterns {
    /// Adds a rule for a name, or for all that start with what is before a `*` at its end.
    pub(super) fn insert(
        &mut self,
        pattern: &str,
        requirement: ScopeRequirement,
    ) -> Result<(), &'static str> {
        if pattern.is_empty() {
            return Err("is empty");
        }
        if pattern.contains(char::is_control) {
            return Err("has a control character");
        }
        let (name, is_prefix) = match pattern.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (pattern, false),
        };
        if name.contains('*') {
            return Err("has a `*` elsewhere than at its end");
        }
        if !is_prefix {
            return match self.exact.insert(name.into(), requirement) {
                None => Ok(()),
                Some(_) => Err("occurs twice"),
            };
        }
        match self
            .prefixes
            .binary_search_by(|(known, _)| (**known).cmp(name))
        {
            Ok(_) => Err("occurs twice"),
            Err(place) => {
                self.prefixes.insert(place, (name.into(), requirement));
                Ok(())
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.prefixes.is_empty()
    }

    pub(super) fn exact(&self, name: &str) -> Option<&ScopeRequirement> {
        self.exact.get(name)
    }

    pub(super) fn find(&self, name: &str) -> Option<&ScopeRequirement> {
        self.exact(name).or_else(|| self.find_prefix(name))
    }

    /// The rule of the longest prefix of `name`. A client can send a thousand names, so this does not try every
    /// prefix there is.
    pub(super) fn find_prefix(&self, name: &str) -> Option<&ScopeRequirement> {
        let mut start = name.as_bytes();
        loop {
            let behind = self
                .prefixes
                .partition_point(|(known, _)| known.as_bytes() <= start);
            let (candidate, requirement) = &self.prefixes[..behind].last()?;
            // The last one up to `start` in the order of bytes: either it is a prefix, or no prefix is longer than
            // what the two have in common.
            let common = start.iter().zip(candidate.bytes());
            let common = common.take_while(|(one, other)| **one == *other).count();
            if common == candidate.len() {
                return Some(requirement);
            }
            start = &start[..common];
        }
    }

    /// All requirements.
    pub(super) fn requirements(&self) -> impl Iterator<Item = &ScopeRequirement> {
        let prefixes = self.prefixes.iter().map(|(_, requirement)| requirement);
        self.exact.values().chain(prefixes)
    }
}

/// A URI in the form in which it is compared with rules: scheme and authority in lower case, and what is
/// percent-encoded without need written out (RFC 3986 §6.2.2).
///
/// `None` when it could mean another resource to the server than to a reader of its text: it climbs
/// (`..`), hides a delimiter (`%2f`, `%2e`, `\`), is encoded over and over, or has a form that the URL parsers
/// of browsers and Node (WHATWG URL) would read as another one.
///
/// What is behind the first `?` or `#` names no path, so it may hide delimiters. A server that takes it for a part of
/// the path all the same would climb there, so it must not have `.` or `..` between slashes of any kind, however
/// encoded.
pub(super) fn comparable(uri: &str) -> Option<Cow<'_, str>> {
    if uri.trim() != uri || uri.contains('\\') {
        return None;
    }
    // As it stands there: what is a `?` only when decoded is still a part of the path.
    let (path, query) = uri.split_at(uri.find(['?', '#']).unwrap_or(uri.len()));
    let path = fully_decoded(path, Hidden::Refused)?;
    let query = fully_decoded(query, Hidden::Decoded)?;
    if path.contains('\\') || has_dot_segment(&path) || has_dot_segment(&query) {
        return None;
    }
    let path_length = path.len();
    let mut decoded = match (path, query) {
        (Cow::Borrowed(_), Cow::Borrowed(_)) => Cow::Borrowed(uri),
        (path, query) => Cow::Owned(format!("{path}{query}")),
    };
    if decoded.contains(char::is_control) || decoded.trim() != &*decoded {
        return None;
    }
    let Some(scheme_end) = decoded.find(':') else {
        return Some(decoded);
    };
    let (scheme, rest) = decoded.split_at(scheme_end);
    if scheme.is_ascii() && !is_scheme(scheme) {
        // The colon is one of a path or query, whose letters have a case.
        return Some(decoded);
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
    let has_odd_host = !decoded[..lowered].is_ascii();
    // Nothing between two slashes: some servers leave it out, and others begin anew there.
    let path = decoded.get(lowered..path_length).unwrap_or_default();
    if has_odd_host || (authority.is_some() && path.contains("//") && is_file(scheme)) {
        return None;
    }
    if decoded[..lowered].contains(|c: char| c.is_ascii_uppercase()) {
        decoded.to_mut()[..lowered].make_ascii_lowercase();
    }
    Some(decoded)
}

/// What becomes of an encoded delimiter of a path, or an encoded dot.
#[derive(Debug, Clone, Copy)]
enum Hidden {
    Refused,
    Decoded,
}

/// Decodes what is percent-encoded until nothing is. `None` for what is encoded over and over, hides what it must
/// not, or is no text.
fn fully_decoded(text: &str, hidden: Hidden) -> Option<Cow<'_, str>> {
    let mut decoded = Cow::Borrowed(text);
    // A client that encodes twice expects a server that decodes twice. Each pass reads all of it, so there are few.
    for _ in 0..MAX_DECODINGS {
        match decode(&decoded, hidden)? {
            Cow::Borrowed(_) => return Some(decoded),
            Cow::Owned(once) => decoded = Cow::Owned(once),
        }
    }
    let is_decoded = matches!(decode(&decoded, hidden)?, Cow::Borrowed(_));
    is_decoded.then_some(decoded)
}

/// Enough for every honest URI.
const MAX_DECODINGS: usize = 4;

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

/// Decodes what is percent-encoded, once; borrowed where nothing is.
fn decode(text: &str, hidden: Hidden) -> Option<Cow<'_, str>> {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    let mut copied = text.as_bytes();
    while let Some(percent) = memchr(b'%', rest) {
        rest = &rest[percent + 1..];
        let Some(octet) = encoded_octet(rest) else {
            continue;
        };
        if matches!(hidden, Hidden::Refused) && matches!(octet, b'/' | b'.' | b'\\') {
            return None;
        }
        let before = copied.len() - rest.len() - 1;
        decoded.extend_from_slice(&copied[..before]);
        decoded.push(octet);
        rest = &rest[2..];
        copied = rest;
    }
    if copied.len() == text.len() {
        return Some(Cow::Borrowed(text));
    }
    decoded.extend_from_slice(copied);
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// The octet that the two hexadecimal digits at the start stand for.
fn encoded_octet(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

/// `.` and `..` between slashes; some servers also look no further than a `;`.
fn has_dot_segment(uri: &str) -> bool {
    uri.split(['/', '\\', '?', '#'])
        .map(|segment| segment.split(';').next().unwrap_or_default())
        .any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_rule_wins_in_whatever_order_they_are_added() {
        let rule = |name: &str| ScopeRequirement::all([name]);
        let mut orders = [
            ["note_delete", "note_*", "*", "note_delete_*"],
            ["note_delete_*", "*", "note_*", "note_delete"],
        ];
        for order in &mut orders {
            let mut patterns = Patterns::default();
            for pattern in order.iter() {
                patterns.insert(pattern, rule(pattern)).unwrap();
            }
            let expected = [
                ("note_delete", "note_delete"),
                ("note_delete_all", "note_delete_*"),
                ("note_read", "note_*"),
                ("note", "*"),
                ("NOTE_DELETE", "*"),
                ("note_delete ", "note_*"),
            ];
            for (name, pattern) in expected {
                assert_eq!(patterns.find(name), Some(&rule(pattern)), "{name}");
            }
        }
    }

    #[test]
    fn the_longest_prefix_is_found_among_many() {
        let names = [
            "", "a", "ab", "abc", "abd", "abcde", "b", "ba", "é", "éa", "zz", "aé",
        ];
        for left_out in 0..=names.len() {
            let mut patterns = Patterns::default();
            let known = || names.iter().enumerate().filter(|(at, _)| *at != left_out);
            for (_, name) in known() {
                let rule = ScopeRequirement::all([format!("s:{}", name.replace('é', "e"))]);
                patterns.insert(&format!("{name}*"), rule).unwrap();
            }
            for name in [
                "", "a", "aa", "abb", "abcd", "abcdez", "abz", "b", "bz", "c", "è", "éab", "z",
                "zzz", "aéz", "aè",
            ] {
                let longest = known()
                    .map(|(_, prefix)| *prefix)
                    .filter(|prefix| name.starts_with(prefix))
                    .max_by_key(|prefix| prefix.len());
                let expected = longest.map(|prefix| {
                    ScopeRequirement::all([format!("s:{}", prefix.replace('é', "e"))])
                });
                assert_eq!(
                    patterns.find(name),
                    expected.as_ref(),
                    "{name:?} {left_out}"
                );
            }
        }
    }

    #[test]
    fn patterns_that_mean_nothing_are_refused() {
        let mut patterns = Patterns::default();
        patterns.insert("a*", ScopeRequirement::token()).unwrap();
        patterns.insert("a", ScopeRequirement::token()).unwrap();
        for bad in ["", "*a", "a*b", "a**", "a*", "a", "a\0"] {
            assert!(
                patterns.insert(bad, ScopeRequirement::token()).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_uri_is_compared_without_its_disguise() {
        let table = [
            ("file:///a/b", "file:///a/b"),
            ("FILE://Host/A", "file://host/A"),
            ("https://Host:8443/a//b", "https://host:8443/a//b"),
            ("http://127.0.0.1:3000/a", "http://127.0.0.1:3000/a"),
            ("https://[::1]:8443/a", "https://[::1]:8443/a"),
            ("note://shared//a", "note://shared//a"),
            ("fetch:https://x", "fetch:https://x"),
            ("file:///%73ecret/%61", "file:///secret/a"),
            ("file:///100%25", "file:///100%"),
            ("file:///a%20b", "file:///a b"),
            ("file:///a...b/..c", "file:///a...b/..c"),
            ("urn:Note:1", "urn:Note:1"),
            ("URN:Note:1", "urn:Note:1"),
            ("note://{id}", "note://{id}"),
            ("%", "%"),
            ("file:///a%zz", "file:///a%zz"),
            ("file:///%", "file:///%"),
            ("file:///%4", "file:///%4"),
            ("file:///%%61%", "file:///%a%"),
            ("https://h/x?u=https%3A%2F%2Fa", "https://h/x?u=https://a"),
            (
                "https://h/x?u=https%253A%252F%252Fa",
                "https://h/x?u=https://a",
            ),
            (
                "https://h/x?u=a%2Eb%5Cc#%2F%2ea%2f",
                "https://h/x?u=a.b\\c#/.a/",
            ),
            ("https://h/x#a%2fb?c", "https://h/x#a/b?c"),
            ("note://n?a=%3f%2f", "note://n?a=?/"),
            ("note://n%3fa", "note://n?a"),
            ("ordinary text", "ordinary text"),
            // A colon behind what is no scheme changes nothing about the case of what is in front of it.
            ("Secret/1?x:y", "Secret/1?x:y"),
            ("Secret/1?x%3Ay", "Secret/1?x:y"),
            ("Secret/a:b", "Secret/a:b"),
            ("Secret#x:y", "Secret#x:y"),
            ("Two Words:x", "Two Words:x"),
            ("1A:x", "1A:x"),
            ("", ""),
        ];
        for (uri, expected) in table {
            assert_eq!(comparable(uri).as_deref(), Some(expected), "{uri}");
        }
    }

    #[test]
    fn a_uri_that_a_url_parser_would_rewrite_is_not_compared() {
        for bad in [
            " note://secret/1",
            "note://secret/1 ",
            "\u{a0}note://secret/1",
            "%20note://secret/1",
            "file:/secret/x",
            "file:secret/x",
            "file://localhost/secret",
            "file:///public//etc/passwd",
            "file:///public%3f//etc/passwd",
            "file:///public%23//etc/passwd",
            "https:/h/x",
            "https:h/x",
            "https:///h/x",
            "https://h",
            "https://h?x",
            "https://h:443/x",
            "http://h:080/x",
            "http://h:/x",
            "http://user@h/x",
            "http://0x7f.1/x",
            "http://127.1/x",
            "http://2130706433/x",
            "https://\u{ff28}ost/x",
            "note://\u{e4}/x",
        ] {
            assert_eq!(comparable(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_uri_encoded_without_end_costs_no_time() {
        let endless = format!("x:%{}", "25".repeat(1_000_000));
        assert_eq!(comparable(&endless), None);
        assert_eq!(comparable(&format!("x:?%{}", "25".repeat(1_000_000))), None);
    }

    #[test]
    fn a_uri_that_climbs_or_hides_is_not_compared() {
        for bad in [
            "file:///public/../secret",
            "file:///public/./secret",
            "file:///public/..",
            "file:///public/..?x",
            "file:///public/..#x",
            "file:///public/..;x/secret",
            "..",
            "file:///public/%2e%2e/secret",
            "file:///public/.%2E/secret",
            "file:///public%2fsecret",
            "file:///public%2Fsecret",
            "file:///public%5csecret",
            "file:///public\\..\\secret",
            "file:///public/%252e%252e/secret",
            "file:///public/%25252fsecret",
            "file:///public/%00",
            "file:///public/\n",
            "file:///public/%ff",
            // What is a query only to some readers.
            "file:///public/a%3f/%2e%2e/secret",
            "file:///public/a%3f%2fsecret",
            "file:///public/a%23%2fsecret",
            "file:///public/a%253f%2fsecret",
            "file:///public/a?b/%2e%2e/%2e%2e/secret",
            "file:///public/a?b%2f..%2f..%2fsecret",
            "file:///public/a?b%2f%2e%2e%2fsecret",
            "file:///public/a?b%252f%252e%252e%252fsecret",
            "file:///public/a?b%5c..%5csecret",
            "file:///public/a?b%5c%2e%2e",
            "file:///public/a?%2e%2e",
            "file:///public/a#%2e%2e/secret",
            "file:///public/a?b\\..\\secret",
            "file:///public/a?b\\c",
            "file:///public/a?%00",
            "file:///public/a?%0a",
            "file:///public/a?b%20",
            "file:///public/a?%ff",
            "https://h%2fx?y",
            "https://h%5cx?y",
            "https://h%3f.test%2f?y",
        ] {
            assert_eq!(comparable(bad), None, "{bad}");
        }
    }
}
