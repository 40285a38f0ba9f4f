//! JSON that keeps all members of an object, including duplicate ones, in order.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

const PRIVATE: &str = "$serde_json::private::";
const NUMBER_IN_DISGUISE: &str = "$serde_json::private::Number";

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// `None` if `serde_json` cannot parse it.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        // `serde_json` checks UTF-8 only in the strings that it parses, and not in those that it skips.
        std::str::from_utf8(bytes).ok()?;
        serde_json::from_slice(bytes).ok()
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The members of an object.
    pub(crate) fn as_members(&self) -> Option<&[(String, Self)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The first member with this name.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        let mut members = self.as_members().unwrap_or_default().iter();
        members.find(|(n, _)| n == name).map(|(_, value)| value)
    }

    /// Whether it is an object that represents a number with a feature of `serde_json`. The crate reads it like a
    /// number that it does not use.
    fn is_number_in_disguise(&self) -> bool {
        match self.as_members() {
            Some([(name, Self::Text(digits))]) if name == NUMBER_IN_DISGUISE => {
                let is_finite = digits.parse().is_ok_and(f64::is_finite);
                is_finite && digits.parse::<Number>().is_ok()
            }
            Some(_) | None => false,
        }
    }

    /// The nesting depth of objects and arrays, including this one.
    pub(crate) fn depth(&self) -> usize {
        if self.is_number_in_disguise() {
            return 0;
        }
        let deepest = self.children().map(Self::depth).max();
        match self {
            Self::List(_) | Self::Object(_) => 1 + deepest.unwrap_or(0),
            _ => 0,
        }
    }

    /// Whether a member of this object, or one inside it, has a name that is private to `serde_json`.
    pub(crate) fn has_private_name(&self) -> bool {
        let here = self.as_members().unwrap_or_default();
        here.iter().any(|(name, _)| name.starts_with(PRIVATE))
            || self
                .children()
                .any(|child| !child.is_number_in_disguise() && child.has_private_name())
    }

    /// The value of `serde_json`, which keeps the last of duplicate members.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(it) => Value::Bool(*it),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::String(text.clone()),
            Self::List(items) => items.iter().map(Self::to_value).collect(),
            Self::Object(members) => members
                .iter()
                .map(|(name, value)| (name.clone(), value.to_value()))
                .collect(),
        }
    }

    fn children(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        match self {
            Self::List(items) => Box::new(items.iter()),
            Self::Object(members) => Box::new(members.iter().map(|(_, value)| value)),
            _ => Box::new(std::iter::empty()),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, it: bool) -> Result<Json, E> {
        Ok(Json::Bool(it))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Json, E> {
        let number = Number::from_f64(number).ok_or_else(|| E::custom("infinite"))?;
        Ok(Json::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Json::Object(object))
    }
}
