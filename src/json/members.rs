//! Finds the raw text of an object's members, so that it can be copied byte for byte.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;

use super::text::{Text, end_of_string};

/// A member of an object, as written in the text.
pub(crate) struct WrittenMember<'a> {
    /// The name, unescaped.
    pub(crate) name: Cow<'a, str>,
    /// The position of the member, from the first quote of its name to the end of its value.
    pub(crate) range: Range<usize>,
    /// The value, as written in the text.
    pub(crate) value: &'a str,
}

/// The members of the outermost object of `json`, in order.
///
/// The text must be a JSON object that [`parse_object`](super::parse_object) accepts, because this function only finds
/// where members begin and end. For any other text the result is unspecified, but the function does not panic.
pub(crate) fn written_members(json: &str) -> impl Iterator<Item = WrittenMember<'_>> {
    let mut at = json.find('{').map_or(json.len(), |brace| brace + 1);
    std::iter::from_fn(move || {
        let start = find(json, at, b'"')?;
        let name_end = after_string(json, start)?;
        let name = unescape(json.get(start..name_end)?)?;
        let colon = find(json, name_end, b':')?;
        let value_start = colon + 1 + leading_space(&json[colon + 1..]);
        let value_end = end_of_value(json, value_start)?;
        at = value_end;
        Some(WrittenMember {
            name,
            range: start..value_end,
            value: &json[value_start..value_end],
        })
    })
}

/// The position of the next `byte` at or after `start`. It is near, so a plain loop is the fastest search.
fn find(json: &str, start: usize, byte: u8) -> Option<usize> {
    let mut bytes = json.as_bytes().get(start..)?.iter();
    Some(start + bytes.position(|here| *here == byte)?)
}

/// Decodes a string in quotes.
fn unescape(quoted: &str) -> Option<Cow<'_, str>> {
    if memchr(b'\\', quoted.as_bytes()).is_some() {
        return serde_json::from_str(quoted).ok().map(|Text(text)| text);
    }
    let text = quoted.strip_prefix('"')?.strip_suffix('"')?;
    Some(Cow::Borrowed(text))
}

fn leading_space(text: &str) -> usize {
    text.len() - text.trim_ascii_start().len()
}

/// The position after the string that begins at `start`.
fn after_string(json: &str, start: usize) -> Option<usize> {
    let text = start + 1;
    Some(text + end_of_string(&json.as_bytes()[text..])? + 1)
}

/// The position after the value that begins at `start`, without trailing white space.
fn end_of_value(json: &str, start: usize) -> Option<usize> {
    let bytes = json.as_bytes();
    let mut depth = 0_usize;
    let mut at = start;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = after_string(json, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => break,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    Some(start + json[start..at].trim_ascii_end().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_as_they_are_written() {
        let json = " {\"a\" : 1 ,\n\"\\u0062\":\"}\\\"{,\",\"c\":{\"d\":[1,{\"a\":2}], \"e\":\"]\"},\
                    \"d\":[ ] , \"\u{e9}\":-1.50e+2,\"f\":null } ";
        let members: Vec<_> = written_members(json)
            .map(|member| {
                assert!(json[member.range.clone()].starts_with('"'));
                assert!(json[member.range].ends_with(member.value));
                (member.name.into_owned(), member.value)
            })
            .collect();
        let members: Vec<_> = members
            .iter()
            .map(|(name, value)| (&**name, *value))
            .collect();
        assert_eq!(
            members,
            [
                ("a", "1"),
                ("b", r#""}\"{,""#),
                ("c", r#"{"d":[1,{"a":2}], "e":"]"}"#),
                ("d", "[ ]"),
                ("\u{e9}", "-1.50e+2"),
                ("f", "null"),
            ]
        );
        assert_eq!(written_members("{}").count(), 0);
        assert_eq!(written_members(" { } ").count(), 0);
    }

    #[test]
    fn a_text_that_is_no_object_is_no_reason_to_panic() {
        for text in [
            "", "{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":[", "]", "{\"\\", "\u{e9}",
        ] {
            assert_eq!(written_members(text).count(), 0, "{text}");
        }
    }
}
