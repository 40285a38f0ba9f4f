//! The ID of a message, for the response to a refused one: a pure function of the body.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};

use super::tree::MAX_MEMBERS;
use crate::json::written_members;

/// An integer, or a string of at most [`MAX_ID`] bytes. `None` for any other ID, or if the body is not one message.
pub(super) fn id(json: &str) -> Option<Value> {
    if !json.trim_ascii_start().starts_with('{') {
        return None;
    }
    // A message with more members is refused, and only its first members are searched.
    let members = written_members(json).take(MAX_MEMBERS);
    let mut ids = members.filter(|member| member.name == "id");
    let value = ids.next()?.value;
    // The value of a repeated ID depends on the parser. A long ID is not parsed at all.
    if ids.next().is_some() || value.len() > MAX_WRITTEN_ID {
        return None;
    }
    serde_json::from_str::<Id>(value).ok()?.0
}

/// In bytes, after unescaping.
const MAX_ID: usize = 256;

/// In bytes, as written: each byte may be an escape, and there are two quotes.
const MAX_WRITTEN_ID: usize = MAX_ID * r"\u0000".len() + 2;

/// An ID that the response can repeat, or none.
struct Id(Option<Value>);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(IdVisitor).map(Self)
    }
}

struct IdVisitor;

impl<'de> Visitor<'de> for IdVisitor {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a string")
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).ok().map(Value::from))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok((text.len() <= MAX_ID).then(|| text.into()))
    }

    /// With its feature `arbitrary_precision`, serde_json presents a number as a map. Any other object is an error.
    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        let number = Number::deserialize(MapAccessDeserializer::new(members))?;
        Ok(number.as_i64().map(Value::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_returned_unchanged_or_not_at_all() {
        let table = [
            (r#"{"id":7,"method":"x"}"#, Some(Value::from(7))),
            (r#"{"method":"x","id":"a\u0062"}"#, Some(Value::from("ab"))),
            (r#"{"id":-7}"#, Some(Value::from(-7))),
            (r#"{"id":9223372036854775807}"#, Some(Value::from(i64::MAX))),
            (r#"{"id":9223372036854775808}"#, None),
            (r#"{"id":1.5}"#, None),
            (r#"{"id":true}"#, None),
            (r#"{"id":{"a":[]}}"#, None),
            (r#"{"id":null}"#, None),
            (r#"{"id":[7]}"#, None),
            (r#"{"id":7,"id":8}"#, None),
            (r#"[{"id":7}]"#, None),
            (r#"{"id":7,"\u0069d":8}"#, None),
            (
                r#" {"ID":7,"x":{"id":8},"y":"\"id\":9", "id" : 10 } "#,
                Some(Value::from(10)),
            ),
            (r#"{"\u0069\u0064":7}"#, Some(Value::from(7))),
            (r#"{"id":"\ud800"}"#, None),
            (r#"{"id":}"#, None),
            (r#""id""#, None),
            ("{", None),
            ("", None),
        ];
        for (body, expected) in table {
            assert_eq!(id(body), expected, "{body}");
        }
        for letter in ["x", r"\u0078"] {
            let body = |length| format!(r#"{{"id":"{}"}}"#, letter.repeat(length));
            let longest = Some("x".repeat(MAX_ID).into());
            assert_eq!(id(&body(MAX_ID)), longest);
            assert_eq!(id(&body(MAX_ID + 1)), None);
        }
    }
}
