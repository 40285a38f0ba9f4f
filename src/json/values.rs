//! Types for the values of members.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::de::{Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::checked::{CheckedVisitor, NUMBER_IN_DISGUISE, check_number};
use super::fault::DATE_OUT_OF_RANGE;
use super::text::{Nullable, Text};

/// A string, or a value of another type, which is checked and ignored.
#[derive(Debug)]
pub(crate) enum MaybeText<'a> {
    Text(Cow<'a, str>),
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for MaybeText<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(MaybeTextVisitor)
    }
}

impl<'de: 'a, 'a> Nullable<'de> for MaybeText<'a> {}

struct MaybeTextVisitor;

impl<'de> Visitor<'de> for MaybeTextVisitor {
    type Value = MaybeText<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(MaybeText::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(MaybeText::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(MaybeText::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(MaybeText::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(MaybeText::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(MaybeText::Other)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(MaybeText::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        CheckedVisitor::MEMBER
            .visit_seq(items)
            .map(|_| MaybeText::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        CheckedVisitor::MEMBER
            .visit_map(members)
            .map(|_| MaybeText::Other)
    }
}

/// A string, `null` or a number. The caller must take the digits of a number from the text, because parsing can lose
/// digits.
#[derive(Debug)]
pub(crate) enum TextOrNumber<'a> {
    Text(Cow<'a, str>),
    Number,
    Null,
}

impl<'de: 'a, 'a> Deserialize<'de> for TextOrNumber<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(TextOrNumberVisitor)
    }
}

struct TextOrNumberVisitor;

impl<'de> Visitor<'de> for TextOrNumberVisitor {
    type Value = TextOrNumber<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a number")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(TextOrNumber::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(TextOrNumber::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(TextOrNumber::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(TextOrNumber::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(TextOrNumber::Number)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(TextOrNumber::Null)
    }

    /// Reads a number, which is an object if `arbitrary_precision` is enabled. The caller must check in the text that
    /// it is a number.
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        match members.next_key()? {
            Some(Text(name)) if name == NUMBER_IN_DISGUISE => {
                let Text(digits) = members.next_value()?;
                check_number(&digits)?;
                match members.next_key::<Text<'_>>()? {
                    None => Ok(TextOrNumber::Number),
                    Some(_) => Err(A::Error::invalid_type(Unexpected::Map, &self)),
                }
            }
            Some(Text(_)) | None => Err(A::Error::invalid_type(Unexpected::Map, &self)),
        }
    }
}

/// A string or an array of strings. `aud` and several scope claims can be either.
#[derive(Debug)]
pub(crate) enum TextOrList<'a> {
    Text(Cow<'a, str>),
    List(Vec<Text<'a>>),
}

impl TextOrList<'_> {
    /// The string, or the strings of the array.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let (text, list) = match self {
            Self::Text(text) => (Some(&**text), &[][..]),
            Self::List(list) => (None, list.as_slice()),
        };
        text.into_iter().chain(list.iter().map(|item| &*item.0))
    }
}

impl<'a> TextOrList<'a> {
    /// The string, or the strings of the array.
    pub(crate) fn into_texts(self) -> impl Iterator<Item = Cow<'a, str>> {
        let (text, list) = match self {
            Self::Text(text) => (Some(text), Vec::new()),
            Self::List(list) => (None, list),
        };
        text.into_iter().chain(list.into_iter().map(|item| item.0))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for TextOrList<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(TextOrListVisitor)
    }
}

impl<'de: 'a, 'a> Nullable<'de> for TextOrList<'a> {}

struct TextOrListVisitor;

impl<'de> Visitor<'de> for TextOrListVisitor {
    type Value = TextOrList<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(TextOrList::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(TextOrList::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(TextOrList::List(list))
    }
}

/// Seconds since 1970-01-01T00:00:00Z, with an optional fraction (NumericDate, RFC 7519 §2).
///
/// Strings, negative numbers and dates after the year 9999 are refused. Dates after 9999 usually come from an issuer
/// that writes milliseconds instead of seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NumericDate(pub(crate) Duration);

/// 10000-01-01T00:00:00Z, in seconds since 1970.
const END_OF_TIME: u64 = 253_402_300_800;

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_f64(NumericDateVisitor)
    }
}

impl Nullable<'_> for NumericDate {}

struct NumericDateVisitor;

impl Visitor<'_> for NumericDateVisitor {
    type Value = NumericDate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of seconds since 1970")
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<NumericDate, E> {
        if seconds >= END_OF_TIME {
            return Err(E::custom(DATE_OUT_OF_RANGE));
        }
        Ok(NumericDate(Duration::from_secs(seconds)))
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<NumericDate, E> {
        self.visit_f64(seconds as f64)
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<NumericDate, E> {
        if !(0.0..END_OF_TIME as f64).contains(&seconds) {
            return Err(E::custom(DATE_OUT_OF_RANGE));
        }
        Ok(NumericDate(Duration::from_secs_f64(seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_numbers_in_range() {
        let date = |json| serde_json::from_str::<NumericDate>(json).ok().map(|d| d.0);
        assert_eq!(date("0"), Some(Duration::ZERO));
        assert_eq!(date("1700000000"), Some(Duration::from_secs(1_700_000_000)));
        assert_eq!(date("1.5"), Some(Duration::from_millis(1_500)));
        assert_eq!(date("1.7e9"), Some(Duration::from_secs(1_700_000_000)));
        assert_eq!(
            date("253402300799"),
            Some(Duration::from_secs(253_402_300_799))
        );
        let refused = [
            "\"1700000000\"",
            "null",
            "-1",
            "-0.5",
            "1e400",
            "-1e400",
            "253402300800",
            "18446744073709551615",
            "99999999999999999999999",
            "true",
            "[1]",
            "{}",
            "NaN",
            r#"{"$serde_json::private::Number":"1700000000"}"#,
        ];
        for json in refused {
            assert_eq!(date(json), None, "{json}");
        }
    }
}
