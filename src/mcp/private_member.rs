//! Member names that some parsers treat specially.

use memchr::{memchr2, memmem};

use crate::json::PRIVATE_TO_SERDE;

/// Whether an object anywhere in valid `json` has a member that some parser does not read as a plain member.
/// With some features, serde_json parses the text of its private members again, or reads it as a
/// number. In JavaScript, the members of a `__proto__` can become those of the enclosing object.
pub(super) fn has_private_member(json: &str) -> bool {
    // Most bodies have none of these substrings, so they need no scan.
    let has = |part: &str| memmem::find(json.as_bytes(), part.as_bytes()).is_some();
    if !has(PRIVATE_TO_SERDE) && !has(PROTO) && !has(ESCAPE_OF_ANYTHING) {
        return false;
    }
    let json = json.as_bytes();
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        at += 1;
        if *byte == b'"' {
            let start = at;
            let end = end_of_string(json, start);
            at = end + 1;
            if is_private(&json[start..end]) && is_name(json, at) {
                return true;
            }
        }
    }
    false
}

/// Whether the string that ends before `end` is the name of a member.
fn is_name(json: &[u8], end: usize) -> bool {
    json.get(end..)
        .is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
}

/// The position of the closing quote of the string whose text begins at `at`.
fn end_of_string(json: &[u8], mut at: usize) -> usize {
    // For a few bytes, a loop is faster than the setup of a search.
    const FEW: usize = 16;
    loop {
        for _ in 0..FEW {
            match json.get(at) {
                Some(b'"') => return at,
                Some(b'\\') => at += 2,
                Some(_) => at += 1,
                None => return json.len(),
            }
        }
        let rest = json.get(at..).unwrap_or_default();
        at += memchr2(b'\\', b'"', rest).unwrap_or(rest.len());
    }
}

const PROTO: &str = "__proto__";

/// The start of the only escape that can stand for a character of these names.
const ESCAPE_OF_ANYTHING: &str = "\\u";

/// Whether the text between the quotes, with its escapes, is such a name.
fn is_private(quoted: &[u8]) -> bool {
    // Most strings do not begin with `$` or `_`, escaped or not.
    let may_be = match quoted {
        [b'$' | b'_', ..] => true,
        [b'\\', b'u', b'0', b'0', high, low, ..] => {
            matches!((high, low), (b'2', b'4') | (b'5', b'f' | b'F'))
        }
        _ => false,
    };
    if !may_be {
        return false;
    }
    starts_with(quoted, PRIVATE_TO_SERDE).is_some()
        || starts_with(quoted, PROTO).is_some_and(<[u8]>::is_empty)
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
            r#"{"a":"\u0061\"#,
            r#"{"a":"\u0061"#,
            "12",
        ] {
            assert!(!has_private_member(other), "{other}");
        }
    }
}
