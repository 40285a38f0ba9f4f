//! The URL that a proof is for: `htu` (RFC 9449 §4.2), compared after normalization (RFC 3986 §6.2.2, §6.2.3).
//!
//! Clients choose these texts, so each pass over one takes linear time.

use std::borrow::Cow;

use crate::http_url::{HttpUrl, Origin};
use crate::percent_encoding::{encoded_octet, is_unreserved, push_normalized};

/// The URL of a request as its client sees it, without query and fragment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) origin: &'a Origin,
    /// The prefix that a proxy in front has removed from the path. Empty, or with a leading slash.
    pub(super) path_prefix: &'a str,
    pub(super) path: &'a str,
}

impl Target<'_> {
    /// The normalized form of `htu` if it is this URL. Query and fragment of `htu` are ignored (RFC 9449 §4.3).
    pub(super) fn normalized<'h>(&self, htu: &'h str) -> Option<Cow<'h, str>> {
        let htu = normalized(htu)?;
        let is_same = htu
            .strip_prefix(self.origin.as_str())
            .is_some_and(|path| self.has_path(path));
        is_same.then_some(htu)
    }

    /// Whether `path`, which is normalized, is the path of this URL.
    fn has_path(&self, path: &str) -> bool {
        let (prefix, own) = match (self.path_prefix, self.path) {
            ("", "") => ("", "/"),
            parts => parts,
        };
        if !own.is_empty() && !own.starts_with('/') {
            // The `*` of an OPTIONS request.
            return false;
        }
        // Some routers match such a path as written, and others remove the dot segments first. A proof for one of the
        // two paths must not be valid for the other.
        if has_dot_segment(own) {
            return false;
        }
        match (PathForm::of(prefix), PathForm::of(own)) {
            // Each part ends with a segment, so the whole is normalized too.
            (Some(PathForm::Normalized), Some(PathForm::Normalized)) => {
                path.strip_prefix(prefix) == Some(own)
            }
            (Some(_), Some(_)) => normalize_path(&format!("{prefix}{own}")) == path,
            (None, _) | (_, None) => false,
        }
    }
}

/// The normalized form of an http or https URL, without query and fragment. `None` if
/// the text is not such a URL.
fn normalized(url: &str) -> Option<Cow<'_, str>> {
    let url = HttpUrl::parse(url).ok()?;
    let path = match (url.path, PathForm::of(url.path)?) {
        ("", _) => Cow::Borrowed("/"),
        (_, PathForm::Normalized) if has_normalized_origin(&url) => {
            return Some(Cow::Borrowed(url.text));
        }
        (path, PathForm::Normalized) => Cow::Borrowed(path),
        (path, PathForm::Other) => Cow::Owned(normalize_path(path)),
    };
    Some(Cow::Owned(format!(
        "{}://{}{path}",
        url.scheme, url.authority
    )))
}

/// Whether scheme and authority are written as normalized.
fn has_normalized_origin(url: &HttpUrl<'_>) -> bool {
    let rest = url.text.strip_prefix(url.scheme);
    let rest = rest.and_then(|rest| rest.strip_prefix("://"));
    let path = rest.and_then(|rest| rest.strip_prefix(&*url.authority));
    path.is_some_and(|path| path.len() == url.path.len())
}

/// How a path is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PathForm {
    Normalized,
    Other,
}

impl PathForm {
    /// `None` for a text that cannot be the path of a URL: it has a `%` without two hexadecimal digits, a byte that is
    /// not visible ASCII, or a backslash, which some parsers read as a slash. Browsers send other characters that RFC
    /// 3986 §3.3 does not allow, such as `|`. They are compared byte for byte.
    fn of(path: &str) -> Option<Self> {
        let path = path.as_bytes();
        let mut is_normalized = true;
        let mut at = 0;
        while let Some(byte) = path.get(at) {
            match byte {
                b'%' => {
                    let digits = &path[at + 1..];
                    let octet = encoded_octet(digits)?;
                    let is_upper_case = !digits[..2].iter().any(u8::is_ascii_lowercase);
                    is_normalized &= is_upper_case && !is_unreserved(octet);
                    at += 2;
                }
                b'/' => is_normalized &= !begins_with_dot_segment(&path[at + 1..]),
                b'?' | b'#' | b'\\' => return None,
                0x21..=0x7e => {}
                _ => return None,
            }
            at += 1;
        }
        Some(match is_normalized {
            true => Self::Normalized,
            false => Self::Other,
        })
    }
}

/// Whether a text can be in the path of a URL.
pub(super) fn is_path(text: &str) -> bool {
    PathForm::of(text).is_some()
}

fn begins_with_dot_segment(path: &[u8]) -> bool {
    matches!(
        path,
        [b'.'] | [b'.', b'/', ..] | [b'.', b'.'] | [b'.', b'.', b'/', ..]
    )
}

/// Whether a segment of the path is `.` or `..`, encoded or not.
fn has_dot_segment(path: &str) -> bool {
    path.split('/').any(is_dot_segment)
}

fn is_dot_segment(segment: &str) -> bool {
    let dots = |rest: &str| -> Option<usize> {
        match rest.as_bytes() {
            [b'.', ..] => Some(1),
            [b'%', b'2', b'e' | b'E', ..] => Some(3),
            _ => None,
        }
    };
    let Some(first) = dots(segment) else {
        return false;
    };
    let rest = &segment[first..];
    rest.is_empty() || dots(rest) == Some(rest.len())
}

/// Decodes unreserved characters and removes dot segments (RFC 3986 §5.2.4). The path begins with a slash,
/// and [`PathForm::of`] accepts it.
fn normalize_path(path: &str) -> String {
    let mut normalized = String::with_capacity(path.len());
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let start = normalized.len();
        normalized.push('/');
        push_segment(&mut normalized, segment);
        match &normalized[start..] {
            "/." => normalized.truncate(start),
            "/.." => {
                normalized.truncate(start);
                let parent = normalized.rfind('/').unwrap_or_default();
                normalized.truncate(parent);
            }
            _ => continue,
        }
        if segments.peek().is_none() {
            normalized.push('/');
        }
    }
    normalized
}

fn push_segment(normalized: &mut String, segment: &str) {
    let mut rest = segment;
    while let Some((plain, encoded)) = rest.split_once('%') {
        normalized.push_str(plain);
        let octet = encoded_octet(encoded.as_bytes()).expect("`PathForm::of` accepted the path");
        push_normalized(normalized, octet);
        rest = &encoded[2..];
    }
    normalized.push_str(rest);
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
