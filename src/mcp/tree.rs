//! JSON as far down as a message says what it is about, read so that nobody can read something else.
//!
//! Parsers disagree about members that occur twice, that differ in case only (Go's takes `Name` for
//! `name`, and `ſ` for an s), or that have a NUL in their names (C's strings end there). Such a document
//! may still be of no harm, so it is not the document that is refused but the look-up of a member that
//! somebody else might find elsewhere.

use std::borrow::Cow;
use std::fmt;

use memchr::{memchr2, memmem};
use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::json::{PRIVATE_TO_SERDE, Text};

/// A value; objects and arrays only as deep as [`LEVELS`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Node<'a> {
    Object(Vec<(Cow<'a, str>, Self)>),
    List(Vec<Self>),
    Text(Cow<'a, str>),
    Null,
    /// A number, a flag, or something further down.
    Other,
}

/// A batch, a message, its parameters, a filter among those, and the list in it.
const LEVELS: usize = 5;

/// The members that are looked up. Others are read, and not kept.
const LOOKED_UP: [&str; 10] = [
    "method",
    "params",
    "result",
    "error",
    "name",
    "uri",
    "taskId",
    "ref",
    "notifications",
    "resourceSubscriptions",
];

/// How many items of a list are of interest. One more is kept, by which those see it who mind.
pub(super) const MAX_ITEMS: usize = 1_000;

/// A member that another reader might take for another one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Doubtful;

impl<'a> Node<'a> {
    /// Reads one JSON value and nothing behind it.
    pub(super) fn parse(json: &'a str) -> serde_json::Result<Self> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let node = Reader { levels: LEVELS }.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(node)
    }

    /// The member called `name`, which is ASCII; `None` where there is none, or no object.
    pub(super) fn member(&self, name: &str) -> Result<Option<&Self>, Doubtful> {
        debug_assert!(LOOKED_UP.contains(&name), "`{name}` is not kept");
        let Self::Object(members) = self else {
            return Ok(None);
        };
        let mut found = None;
        for (known, value) in members {
            if !is_alike(known, name) {
                continue;
            }
            // Borrowed is as it stood there. Who escapes an ordinary letter hides something.
            let is_plain = matches!(known, Cow::Borrowed(plain) if *plain == name);
            if !is_plain || found.is_some() {
                return Err(Doubtful);
            }
            found = Some(value);
        }
        Ok(found)
    }
}

/// Whether some reader could take `known` for `name`.
fn is_alike(known: &str, name: &str) -> bool {
    if known.is_ascii() && !known.contains(['\0', '_', '-']) {
        return known.eq_ignore_ascii_case(name);
    }
    // Some models have an alias in another case: `task_id` for `taskId`.
    let is_joint = |c: &char| !matches!(c, '\0' | '_' | '-');
    let up_to_nul = known.split('\0').next().unwrap_or_default();
    let up_to_nul = up_to_nul.chars().filter(is_joint);
    let without_nul = known.chars().filter(is_joint);
    fold(up_to_nul).eq(fold(name.chars())) || fold(without_nul).eq(fold(name.chars()))
}

/// Up and down again, so that letters come together which only one of the two would bring together.
fn fold(text: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    text.flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
}

/// Whether an object anywhere in valid `json` has a member that is more than a member to some parser:
/// serde_json, with some features on, parses the text in one of its own once more, or takes it for a
/// number; and in JavaScript the members of a `__proto__` can become those of the object around it.
pub(super) fn has_private_member(json: &str) -> bool {
    // Few bodies have any of the characters that it takes.
    let has = |part: &str| memmem::find(json.as_bytes(), part.as_bytes()).is_some();
    if !has(PRIVATE_TO_SERDE) && !has(PROTO) && !has(ESCAPE_OF_ANYTHING) {
        return false;
    }
    let mut rest = json;
    while let Some(start) = rest.find('"') {
        let text = &rest[start + 1..];
        let end = end_of_string(text);
        rest = text.get(end + 1..).unwrap_or_default();
        let is_name = rest.trim_ascii_start().starts_with(':');
        if is_name && is_private(&text[..end]) {
            return true;
        }
    }
    false
}

/// Where the string ends that `text` begins inside of.
fn end_of_string(text: &str) -> usize {
    let mut from = 0;
    while let Some(found) = memchr2(b'\\', b'"', text.as_bytes().get(from..).unwrap_or_default()) {
        let at = from + found;
        if text.as_bytes()[at] == b'"' {
            return at;
        }
        from = at + 2;
    }
    text.len()
}

const PROTO: &str = "__proto__";

/// The only escape that stands for a character of these names.
const ESCAPE_OF_ANYTHING: &str = "\\u";

fn is_private(quoted: &str) -> bool {
    let is_private = |name: &str| name.starts_with(PRIVATE_TO_SERDE) || name == PROTO;
    if !quoted.contains('\\') {
        return is_private(quoted);
    }
    let unescaped: serde_json::Result<String> = serde_json::from_str(&format!("\"{quoted}\""));
    unescaped.is_ok_and(|name| is_private(&name))
}

/// Reads a node that may have this many levels of objects and arrays.
#[derive(Clone, Copy)]
struct Reader {
    levels: usize,
}

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Node<'de>, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node<'de>, E> {
        Ok(Node::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node<'de>, E> {
        Ok(Node::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node<'de>, E> {
        Ok(Node::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node<'de>, E> {
        Ok(Node::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node<'de>, A::Error> {
        let Some(levels) = self.levels.checked_sub(1) else {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Node::Other);
        };
        let mut list = Vec::new();
        while list.len() <= MAX_ITEMS {
            match items.next_element_seed(Self { levels })? {
                Some(item) => list.push(item),
                None => return Ok(Node::List(list)),
            }
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node<'de>, A::Error> {
        let Some(levels) = self.levels.checked_sub(1) else {
            while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Node::Other);
        };
        let mut object = Vec::new();
        while let Some(Text(name)) = members.next_key()? {
            if LOOKED_UP.iter().any(|known| is_alike(&name, known)) {
                object.push((name, members.next_value_seed(Self { levels })?));
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Node::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_found_under_its_own_name_only() {
        let node = Node::parse(r#"{"other":1,"name":"x"}"#).unwrap();
        assert_eq!(node.member("name"), Ok(Some(&Node::Text("x".into()))));
        assert_eq!(node.member("uri"), Ok(None));
        assert_eq!(Node::Null.member("name"), Ok(None));
    }

    #[test]
    fn what_another_reader_could_take_for_it_makes_a_member_doubtful() {
        for doubtful in [
            r#"{"name":1,"name":2}"#,
            r#"{"name":1,"Name":2}"#,
            r#"{"NAME":2}"#,
            r#"{"n\u0061me":1}"#,
            r#"{"name\u0000":1}"#,
            r#"{"\u0000name":1}"#,
            r#"{"na\u0000me":1}"#,
            r#"{"name\u0000x":1}"#,
            r#"{"NAME\u0000x":1}"#,
            r#"{"n\u0041me":1}"#,
            r#"{"na_me":1}"#,
            r#"{"name":1,"NA-ME":2}"#,
        ] {
            let node = Node::parse(doubtful).unwrap();
            assert_eq!(node.member("name"), Err(Doubtful), "{doubtful}");
        }
        for doubtful in [
            r#"{"paramſ":1}"#,
            r#"{"param\u017f":1}"#,
            r#"{"PARAMſ\u0000":1}"#,
        ] {
            let node = Node::parse(doubtful).unwrap();
            assert_eq!(node.member("params"), Err(Doubtful), "{doubtful}");
        }
        // The Kelvin sign.
        let node = Node::parse("{\"tas\u{212a}Id\":1}").unwrap();
        assert_eq!(node.member("taskId"), Err(Doubtful));
    }

    #[test]
    fn other_members_may_be_as_they_like() {
        let node = Node::parse(r#"{"x":1,"x":2,"nam":1,"names":1,"n a m e":1,"a\u0000":1}"#);
        assert_eq!(node.unwrap().member("name"), Ok(None));
    }

    #[test]
    fn values_end_where_json_ends() {
        for bad in [
            "",
            "{",
            "{}{}",
            "{} x",
            "\u{feff}{}",
            "{\"a\":NaN}",
            "{'a':1}",
        ] {
            assert!(Node::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Node::parse(" \r\n\t[] ").unwrap(), Node::List(Vec::new()));
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        assert!(Node::parse(&deep).is_ok());
    }

    #[test]
    fn private_members_are_found_at_any_depth_and_in_disguise() {
        for private in [
            r#"{"$serde_json::private::RawValue":"{}"}"#,
            r#"{"a":[{"b":{"$serde_json::private::Number" : "1"}}]}"#,
            r#"{"a":{"\u0024serde_json::private::RawValue":"{}"}}"#,
            r#"{"a":{"__proto__":{"name":"x"}}}"#,
            r#"{"\u005f_proto__":{}}"#,
            r#"{"a\"":1,"b":{"$serde_json:\u003aprivate::RawValue":1}}"#,
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
            r#"{"a":"\u0061\"#,
            r#"{"a":"\u0061"#,
            "12",
        ] {
            assert!(!has_private_member(other), "{other}");
        }
    }
}
