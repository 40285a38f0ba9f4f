//! Member names that some parsers treat specially.

use crate::json::PRIVATE_TO_SERDE;
use crate::json::code_unit;

/// Whether the name of a member, as written between its quotes, is one that some parser does not read as a plain member.
/// With some features, serde_json parses the text of its private members again, or reads it as a
/// number. In JavaScript, the members of a `__proto__` can become those of the enclosing object.
#[inline]
pub(super) fn is_private(name: &[u8]) -> bool {
    // Most names begin with another letter.
    match name {
        [b'_', ..] | [b'\\', b'u', b'0', b'0', b'5', b'f' | b'F', ..] => {
            starts_with(name, PROTO).is_some_and(<[u8]>::is_empty)
        }
        [b'$', ..] | [b'\\', b'u', b'0', b'0', b'2', b'4', ..] => {
            starts_with(name, PRIVATE_TO_SERDE).is_some()
        }
        _ => false,
    }
}

const PROTO: &str = "__proto__";

/// The rest of `quoted` after the prefix `start`, whose letters may be escaped in `quoted`.
fn starts_with<'q>(mut quoted: &'q [u8], start: &str) -> Option<&'q [u8]> {
    for wanted in start.bytes() {
        let (letter, rest) = match quoted {
            [b'\\', ..] => code_unit(quoted)?,
            [letter, rest @ ..] => (u32::from(*letter), rest),
            [] => return None,
        };
        if letter != u32::from(wanted) {
            return None;
        }
        quoted = rest;
    }
    Some(quoted)
}

#[cfg(test)]
mod tests {
    use crate::mcp::scanner::Scanner;

    fn has_private_member(json: &str) -> bool {
        let mut scanner = Scanner::new(json);
        // Some of the texts are not JSON.
        scanner.skip().ok();
        scanner.has_private_member()
    }

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
