//! JSON strings, and the trait for types that can be `null` instead.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr2;
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

/// The position of the quote that closes a string, in the text after the quote that opens it. `None` if the string does
/// not end.
pub(crate) fn end_of_string(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        let (near, far) = rest.split_at(rest.len().min(NEAR));
        at += match near.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
            Some(offset) => offset,
            None => near.len() + memchr2(b'"', b'\\', far)?,
        };
        match text[at] {
            b'"' => return Some(at),
            _ => at += 2,
        }
    }
}

/// So many bytes are compared one by one, which for short strings and many escapes is faster than a search.
const NEAR: usize = 16;

/// The position of the first quote, backslash or control character.
#[inline]
pub(super) fn special_byte(text: &[u8]) -> Option<usize> {
    const WORD: usize = size_of::<u64>();
    let (words, rest) = text.as_chunks::<WORD>();
    for (n, word) in words.iter().enumerate() {
        let found = special_in_word(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(n * WORD + found.trailing_zeros() as usize / 8);
        }
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ');
    let offset = rest.iter().position(is_special)?;
    Some(words.len() * WORD + offset)
}

/// The highest bit of each byte of a word that is a quote, a backslash or a control character.
#[inline]
pub(crate) fn special_in_word(word: u64) -> u64 {
    const EACH: u64 = u64::MAX / 0xff;
    const LOW: u64 = EACH * 0x7f;
    // Only the seven low bits are added, so that no sum carries into the next byte.
    let low = word & LOW;
    let is_no_quote = (low ^ (EACH * b'"' as u64)) + LOW;
    let is_no_backslash = (low ^ (EACH * b'\\' as u64)) + LOW;
    let is_no_control = low + EACH * (0x80 - 0x20);
    !(is_no_quote & is_no_backslash & is_no_control | word) & !LOW
}

/// A type of values that can be `null` instead.
pub(crate) trait Nullable<'de>: Deserialize<'de> {
    /// Reads a value or `null`. Types that are read often override this method to read both in one step.
    fn or_null<D: Deserializer<'de>>(json: D) -> Result<Option<Self>, D::Error> {
        Option::deserialize(json)
    }
}

#[cfg(test)]
mod tests {
    use super::{end_of_string, special_byte};

    #[test]
    fn a_string_ends_at_the_first_quote_that_is_not_escaped() {
        for (text, end) in [
            (r#"""#, Some(0)),
            (r#"a",b""#, Some(1)),
            (r#"\\","#, Some(2)),
            (r#"\"\\\"","#, Some(6)),
            (
                r#"a text of more than sixteen bytes, \u0061\"b": "c""#,
                Some(44),
            ),
            (r#"é\u00e9é","#, Some(10)),
            ("", None),
            ("a", None),
            (r#"a\"#, None),
            (r#"a\""#, None),
            (r#"\\\"#, None),
        ] {
            assert_eq!(end_of_string(text.as_bytes()), end, "{text}");
        }
    }

    #[test]
    fn the_first_special_byte_is_found_at_every_position() {
        for length in 0..40 {
            for position in 0..length {
                for byte in 0..=u8::MAX {
                    // Followed by others, since a special byte can make the next ones look special.
                    let mut text = vec![byte.saturating_add(1).max(b'#'); length];
                    text[..position].fill(b'!');
                    text[position] = byte;
                    let expected = text.iter().position(|b| matches!(b, b'"' | b'\\' | ..b' '));
                    assert_eq!(special_byte(&text), expected, "{text:?}");
                }
            }
        }
    }
}
