//! Checks the scheme and the authority of a URI, and the drive letter behind them.

use std::net::{Ipv4Addr, Ipv6Addr};

use memchr::{memchr, memmem};

use super::not_canonical::{
    ADDRESS, AUTHORITY, DRIVE, EMPTY_SEGMENT, ENCODED_ORIGIN, NOT_ASCII, NotCanonical, TRAILING_DOT,
};

/// What precedes the path of a URI.
#[derive(Debug, Default)]
pub(super) struct Origin {
    /// The length of scheme and authority, in which case does not matter.
    pub(super) length: usize,
    /// Whether the authority of a custom scheme has a user name or a port. Some servers compare it as a text, and
    /// others look at the host only.
    pub(super) has_user_or_port: bool,
    /// Where the letter of a Windows drive is, in which case does not matter either.
    pub(super) drive: Option<usize>,
}

/// The origin of a URI. `uri` is as the client wrote it, and `path` is its decoded part before the query.
pub(super) fn origin(uri: &str, path: &str) -> Result<Origin, NotCanonical> {
    let Some(scheme_end) = memchr(b':', path.as_bytes()) else {
        return Ok(Origin::default());
    };
    let (scheme, rest) = path.split_at(scheme_end);
    if scheme.is_ascii() && !is_scheme(scheme) {
        // The colon is part of a path, which is case-sensitive.
        return Ok(Origin::default());
    }
    let Some(after_slashes) = rest.strip_prefix("://") else {
        let is_canonical = special_port(scheme).is_none() && scheme.is_ascii();
        // An encoded colon does not end a scheme.
        let is_verbatim = uri.starts_with(&path[..=scheme_end]);
        let origin = Origin {
            length: scheme_end,
            ..Origin::default()
        };
        return match (is_canonical, is_verbatim) {
            (true, true) => Ok(origin),
            (true, false) => Err(ENCODED_ORIGIN),
            (false, _) => Err(AUTHORITY),
        };
    };
    let authority = until_path(after_slashes);
    let start = scheme_end + "://".len();
    let length = start + authority.len();
    if !path[..length].is_ascii() {
        // URL parsers convert the host of a special scheme to ASCII, which is its canonical form.
        let has_other_form = special_port(scheme).is_some() || !scheme.is_ascii();
        return Err(if has_other_form { AUTHORITY } else { NOT_ASCII });
    }
    if !uri.starts_with(&path[..start]) {
        return Err(ENCODED_ORIGIN);
    }
    let written = until_path(&uri[start..]);
    let path = &path[length..];
    let mut origin = Origin {
        length,
        ..Origin::default()
    };
    match special_port(scheme) {
        None => {
            // An encoded delimiter is one for the servers that decode first.
            let delimiters =
                |text: &str| text.bytes().filter(|byte| b"@:[]".contains(byte)).count();
            if delimiters(written) != delimiters(authority) {
                return Err(ENCODED_ORIGIN);
            }
            let behind_user = authority.rsplit_once('@').map(|(_, host)| host);
            let (host, port) = split_port(behind_user.unwrap_or(authority));
            origin.has_user_or_port = behind_user.is_some() || port.is_some();
            check_host(host)?;
        }
        // Browsers decode a host, and other parsers do not.
        Some(_) if written != authority || !path.starts_with('/') => return Err(AUTHORITY),
        Some(_) if is_file(scheme) => {
            check_file(authority, path)?;
            if let [b'/', letter, b':', ..] = path.as_bytes()
                && letter.is_ascii_alphabetic()
            {
                origin.drive = Some(length + 1);
            }
        }
        Some(default_port) => {
            let (host, port) = split_port(authority);
            let is_canonical = port.is_none_or(|port| is_canonical_port(port, default_port));
            if host.is_empty() || !is_canonical {
                return Err(AUTHORITY);
            }
            check_special_host(host)?;
        }
    }
    Ok(origin)
}

/// The authority at the start of what follows `://`.
fn until_path(text: &str) -> &str {
    text.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Checks authority and path of a `file` URI.
fn check_file(authority: &str, path: &str) -> Result<(), NotCanonical> {
    // URL parsers read these as drives: `file://C:/x`, `file:///C|/x`.
    let first = path[1..].split('/').next().unwrap_or_default();
    let is_letter =
        |text: &str| matches!(text.as_bytes(), [letter] if letter.is_ascii_alphabetic());
    let before_mark = authority.strip_suffix([':', '|']);
    if before_mark.is_some_and(is_letter) || first.strip_suffix('|').is_some_and(is_letter) {
        return Err(DRIVE);
    }
    // `file://localhost/` is `file:///`.
    if authority.eq_ignore_ascii_case("localhost") || split_port(authority).1.is_some() {
        return Err(AUTHORITY);
    }
    check_special_host(authority)?;
    // Some servers drop an empty segment, and others start a new path there.
    match memmem::find(path.as_bytes(), b"//") {
        Some(_) => Err(EMPTY_SEGMENT),
        None => Ok(()),
    }
}

/// Host and port. The colons of an IPv6 address do not begin a port.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    let parts = authority.rsplit_once(':');
    match parts.filter(|(_, port)| !port.contains(']')) {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    }
}

fn is_canonical_port(port: &str, default_port: u16) -> bool {
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    is_number && !port.starts_with('0') && port != default_port.to_string()
}

/// Checks the host of a URL that parsers rewrite.
fn check_special_host(host: &str) -> Result<(), NotCanonical> {
    check_host(host)?;
    if host.contains('@') || (host.contains(':') && !host.starts_with('[')) {
        return Err(AUTHORITY);
    }
    // A host that ends in a number is an IPv4 address, of which only the dotted decimal form is canonical.
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_address = last.starts_with(|c: char| c.is_ascii_digit());
    match is_address && host.parse::<Ipv4Addr>().is_err() {
        true => Err(ADDRESS),
        false => Ok(()),
    }
}

/// Checks the host of any URI: many spellings of an IPv6 address, or of a name with a dot at its end, are one host.
fn check_host(host: &str) -> Result<(), NotCanonical> {
    if host.ends_with('.') {
        return Err(TRAILING_DOT);
    }
    if !host.contains(['[', ']']) {
        return Ok(());
    }
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_canonical = address.is_some_and(|text| {
        text.parse::<Ipv6Addr>().is_ok_and(|address| {
            // An IPv4 address in an IPv6 one has several canonical forms, depending on the parser.
            address.to_ipv4_mapped().is_none() && address.to_string().eq_ignore_ascii_case(text)
        })
    });
    match is_canonical {
        true => Ok(()),
        false => Err(ADDRESS),
    }
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
