//! JSON strings, and the trait for types that can be `null` instead.

use std::borrow::Cow;
use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

/// A string. It is borrowed from the input unless it has escapes.
#[derive(Debug)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_str(TextVisitor).map(Self)
    }
}

impl<'de: 'a, 'a> Nullable<'de> for Text<'a> {
    fn or_null<D: Deserializer<'de>>(json: D) -> Result<Option<Self>, D::Error> {
        json.deserialize_any(TextOrNullVisitor)
    }
}

struct TextOrNullVisitor;

impl<'de> Visitor<'de> for TextOrNullVisitor {
    type Value = Option<Text<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        TextVisitor.expecting(f)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Text(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Text(Cow::Owned(text.to_owned()))))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// A type of values that can be `null` instead.
pub(crate) trait Nullable<'de>: Deserialize<'de> {
    /// Reads a value or `null`. Types that are read often override this method to read both in one step.
    fn or_null<D: Deserializer<'de>>(json: D) -> Result<Option<Self>, D::Error> {
        Option::deserialize(json)
    }
}
