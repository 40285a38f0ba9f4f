//! Member names that some parsers treat specially.

use std::iter;

use memchr::{memchr, memmem};

use crate::json::{PRIVATE_TO_SERDE, end_of_string};

/// Whether an object anywhere in valid `json` has a member that some parser does not read as a plain member.
/// With some features, serde_json parses the text of its private members again, or reads it as a
/// number. In JavaScript, the members of a `__proto__` can become those of the enclosing object.
///
/// The search visits only the places where such a name can be: where it stands verbatim, and where a string begins
/// with an escape, or with letters of the name and an escape.
pub(super) fn has_private_member(json: &str) -> bool {
    let json = json.as_bytes();
    let is_private = |start| is_private_name(json, start);
    memmem::find_iter(json, PROTO).any(is_private)
        || memmem::find_iter(json, PRIVATE_TO_SERDE).any(is_private)
        || starts_of_escaped_names(json).any(is_private)
}

const PROTO: &str = "__proto__";

/// Where the text of a string begins whose first escape could belong to a private name.
fn starts_of_escaped_names(json: &[u8]) -> impl Iterator<Item = usize> {
    // Most bodies have no such escape, so they need no visit of each backslash.
    let escapes = memmem::find(json, b"\\u").map(|_| escapes(json));
    escapes.into_iter().flatten().filter_map(|escape| {
        // The names have no other letters that are encoded like this.
        let (b"\\u00", [high @ b'2'..=b'7', low, ..]) = json[escape..].split_at_checked(4)? else {
            return None;
        };
        let before = &json[escape.saturating_sub(PRIVATE_TO_SERDE.len())..escape];
        let letters = before.iter().rev();
        let count = letters.take_while(|byte| !matches!(byte, b'"' | b'\\'));
        let start = escape - count.count();
        // Most escapes at the start of a string encode another letter than `$` and `_`.
        let begins_name = matches!((high, low), (b'2', b'4') | (b'5', b'f' | b'F'));
        if start == escape && !begins_name {
            return None;
        }
        json[..start].ends_with(b"\"").then_some(start)
    })
}

/// Where the escapes of valid `json` begin, other than those of a backslash.
fn escapes(json: &[u8]) -> impl Iterator<Item = usize> {
    let mut next = 0;
    iter::from_fn(move || {
        loop {
            let run = match json.get(next..)? {
                // For escapes in a row, a search is slower than a look.
                [b'\\', ..] => next,
                rest => next + memchr(b'\\', rest)?,
            };
            let backslashes = json[run..]
                .iter()
                .take_while(|byte| **byte == b'\\')
                .count();
            next = run + backslashes;
            // Two backslashes stand for one. A last one escapes what follows.
            if backslashes % 2 == 1 {
                let escape = next - 1;
                let is_unicode = json.get(next) == Some(&b'u');
                next = escape + if is_unicode { 6 } else { 2 };
                return Some(escape);
            }
        }
    })
}

/// Whether a member's name begins at `start`, and is a private one.
fn is_private_name(json: &[u8], start: usize) -> bool {
    let text = &json[start..];
    let rest = starts_with(text, PROTO).or_else(|| {
        let rest = starts_with(text, PRIVATE_TO_SERDE)?;
        Some(&rest[end_of_string(rest)?..])
    });
    rest.is_some_and(|rest| begins_string(&json[..start]) && ends_name(rest))
}

/// Whether `before` ends with the quote that opens a string.
fn begins_string(before: &[u8]) -> bool {
    let Some((b'"', before)) = before.split_last() else {
        return false;
    };
    let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\');
    backslashes.count() % 2 == 0
}

/// Whether `rest` begins with the quote that closes the name of a member.
fn ends_name(rest: &[u8]) -> bool {
    rest.strip_prefix(b"\"")
        .is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
}

/// The rest of `quoted` after the prefix `start`, whose letters may be escaped in `quoted`.
fn starts_with<'q>(mut quoted: &'q [u8], start: &str) -> Option<&'q [u8]> {
    for wanted in start.bytes() {
        let (letter, rest) = match quoted {
            [b'\\', b'u', rest @ ..] => unescape(rest)?,
            [letter, rest @ ..] => (*letter, rest),
            [] => return None,
        };
        if letter != wanted {
            return None;
        }
        quoted = rest;
    }
    Some(quoted)
}

/// The byte that four hexadecimal digits encode, and the rest after them. `None` above U+00FF.
fn unescape(digits: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = digits.split_at_checked(4)?;
    let code = digits.iter().try_fold(0, |code, digit| {
        Some(code * 16 + char::from(*digit).to_digit(16)?)
    })?;
    Some((u8::try_from(code).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_members_are_found_at_any_depth_and_with_escapes() {
        for private in [
            r#"{"$serde_json::private::RawValue":"{}"}"#,
            r#"{"a":[{"b":{"$serde_json::private::Number" : "1"}}]}"#,
            r#"{"a":{"\u0024serde_json::private::RawValue":"{}"}}"#,
            r#"{"a":{"__proto__":{"name":"x"}}}"#,
            r#"{"\u005f_proto__":{}}"#,
            r#"{"a\"":1,"b":{"$serde_json:\u003aprivate::RawValue":1}}"#,
            r#"{"\u005F\u005f\u0070\u0072\u006F\u0074\u006f\u005F_":1}"#,
            r#"{"\u0024\u0073erde_json::private::":1}"#,
            r#"{"a":"a text of more than sixteen bytes, \u0061","__proto__"  :1}"#,
            r#"{"a\\":{"\u0024serde_json::private::\"Number":1}}"#,
            r#"{"__prot\u006f__":1}"#,
            r#"{"$serde_json::private:\u003aRawValue":1}"#,
            r#"["__proto__",{"__proto__":1}]"#,
        ] {
            assert!(has_private_member(private), "{private}");
        }
        for other in [
            r#"{"a":"$serde_json::private::RawValue"}"#,
            r#"{"a":"\"$serde_json::private::RawValue\":"}"#,
            r#"["$serde_json::private::RawValue",1]"#,
            r#"{"serde_json::private::RawValue":1}"#,
            r#"{"\u0061":"\"__proto__\":"}"#,
            r#"{"\\":"__proto__"}"#,
            r#"{"\u005f_proto_":1,"__proto__x":1,"\u015f_proto__":1,"\\u005f_proto__":1}"#,
            r#"{"\u005":1,"\uff5f_proto__":1,"__proto\__":1}"#,
            r#"{"x__proto__":1,"\u0061__proto__":1,"__proto__\u0061":1,"\"__proto__":1}"#,
            r#"{"\\\"\u005f_proto__":1,"\\u0061\u005f_proto__":1}"#,
            r#"["\u005f_proto__",":","\u0024serde_json::private::\\",":"]"#,
            r#"{"a":"\u0061\"#,
            r#"{"a":"\u0061"#,
            "12",
        ] {
            assert!(!has_private_member(other), "{other}");
        }
    }
}
