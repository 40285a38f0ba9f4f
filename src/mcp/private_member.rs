//! Names of members that some parsers keep for themselves.

use memchr::{memchr2, memmem};

use crate::json::PRIVATE_TO_SERDE;

/// Whether an object anywhere in valid `json` has a member that is more than a member to some parser:
/// serde_json, with some features on, parses the text in one of its own once more, or takes it for a
/// number; and in JavaScript the members of a `__proto__` can become those of the object around it.
pub(super) fn has_private_member(json: &str) -> bool {
    // Few bodies have any of the characters that it takes.
    let has = |part: &str| memmem::find(json.as_bytes(), part.as_bytes()).is_some();
    if !has(PRIVATE_TO_SERDE) && !has(PROTO) && !has(ESCAPE_OF_ANYTHING) {
        return false;
    }
    let mut rest = json.as_bytes();
    while let Some(start) = rest.iter().position(|byte| *byte == b'"') {
        let text = &rest[start + 1..];
        let end = end_of_string(text);
        rest = text.get(end + 1..).unwrap_or_default();
        if is_private(&text[..end]) && rest.trim_ascii_start().starts_with(b":") {
            return true;
        }
    }
    false
}

/// Where the string ends that `text` begins inside of.
fn end_of_string(text: &[u8]) -> usize {
    let mut from = 0;
    while let Some(found) = find_special(text.get(from..).unwrap_or_default()) {
        let at = from + found;
        if text[at] == b'"' {
            return at;
        }
        from = at + 2;
    }
    text.len()
}

/// The first quote or backslash. A search has to be set up, which takes longer than to look at a few bytes.
fn find_special(text: &[u8]) -> Option<usize> {
    const FEW: usize = 16;
    let (near, far) = text.split_at(text.len().min(FEW));
    let near = near.iter().position(|byte| matches!(byte, b'\\' | b'"'));
    near.or_else(|| memchr2(b'\\', b'"', far).map(|found| found + FEW))
}

const PROTO: &str = "__proto__";

/// The only escape that stands for a character of these names.
const ESCAPE_OF_ANYTHING: &str = "\\u";

/// Whether this is such a name, as it stands between its quotes.
fn is_private(quoted: &[u8]) -> bool {
    // Most names and texts have another first letter.
    if !matches!(quoted.first(), Some(b'\\' | b'_' | b'$')) {
        return false;
    }
    starts_with(quoted, PRIVATE_TO_SERDE).is_some()
        || starts_with(quoted, PROTO).is_some_and(<[u8]>::is_empty)
}

/// What is left of `quoted` behind `start`, whose letters may be escaped there.
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

/// The ASCII character of four hexadecimal digits, and what is behind them.
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
    fn private_members_are_found_at_any_depth_and_in_disguise() {
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
