//! Reads JSON faster than serde_json, and refuses to read what it is not sure of.
//!
//! It reads the structure of a text, strings and integers of up to 18 digits. It leaves all other numbers to serde_json,
//! each by itself. It reports no faults: after a failure, the caller has serde_json read the whole text, so serde_json
//! alone decides what is refused and why. This reader only has to read everything that it accepts as serde_json does.

use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::escape::{LoneSurrogate, after_escape, unescape};
use super::text::special_byte;

/// Reads a text that is one object.
pub(super) fn read_object<'de, V: Visitor<'de>>(
    json: &'de str,
    visitor: V,
) -> Result<V::Value, NotRead> {
    let mut reader = Reader::of(json);
    let value = de::Deserializer::deserialize_map(&mut reader, visitor)?;
    reader.end()?;
    Ok(value)
}

/// The reader cannot read the text, or the visitor refuses it.
#[derive(Debug)]
pub(super) struct NotRead;

impl fmt::Display for NotRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is left to serde_json")
    }
}

impl std::error::Error for NotRead {}

impl de::Error for NotRead {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl From<LoneSurrogate> for NotRead {
    fn from(_: LoneSurrogate) -> Self {
        Self
    }
}

impl From<serde_json::Error> for NotRead {
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}

/// The nesting depth at which serde_json stops too. The visitors of this crate stop earlier.
const MAX_DEPTH: u8 = 127;

/// So many digits fit a `u64`, whatever they are.
const MAX_DIGITS: usize = 18;

struct Reader<'de> {
    json: &'de str,
    /// The position of the next byte.
    at: usize,
    /// How many objects and arrays may still begin inside each other.
    depth: u8,
    /// The last string that was written with escapes.
    unescaped: String,
}

impl<'de> Reader<'de> {
    fn of(json: &'de str) -> Self {
        Self {
            json,
            at: 0,
            depth: MAX_DEPTH,
            unescaped: String::new(),
        }
    }

    fn end(&mut self) -> Result<(), NotRead> {
        self.skip_space();
        match self.at == self.json.len() {
            true => Ok(()),
            false => Err(NotRead),
        }
    }

    /// The first byte of the next value, name or punctuation mark.
    #[inline]
    fn peek(&mut self) -> Result<u8, NotRead> {
        match self.json.as_bytes().get(self.at) {
            // Everything else that can stand between two tokens is white space.
            Some(byte) if *byte > b' ' => Ok(*byte),
            _ => self.peek_after_space(),
        }
    }

    #[cold]
    fn peek_after_space(&mut self) -> Result<u8, NotRead> {
        self.skip_space();
        let byte = self.json.as_bytes().get(self.at);
        byte.copied().ok_or(NotRead)
    }

    fn skip_space(&mut self) {
        let rest = &self.json.as_bytes()[self.at..];
        let is_space = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        self.at += rest.iter().take_while(is_space).count();
    }

    fn literal(&mut self, literal: &str) -> Result<(), NotRead> {
        let rest = &self.json.as_bytes()[self.at..];
        match rest.starts_with(literal.as_bytes()) {
            true => {
                self.at += literal.len();
                Ok(())
            }
            false => Err(NotRead),
        }
    }

    /// Reads the string whose first quote is the next byte.
    #[inline]
    fn string<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, NotRead> {
        let start = self.at + 1;
        let bytes = self.json.as_bytes();
        let end = start + special_byte(&bytes[start..]).ok_or(NotRead)?;
        if bytes[end] == b'"' {
            self.at = end + 1;
            return visitor.visit_borrowed_str(&self.json[start..end]);
        }
        self.escaped_string(end, visitor)
    }

    /// Reads a string with an escape or a control character at `special`, and none before.
    #[cold]
    fn escaped_string<V: Visitor<'de>>(
        &mut self,
        special: usize,
        visitor: V,
    ) -> Result<V::Value, NotRead> {
        let start = self.at + 1;
        let bytes = self.json.as_bytes();
        let mut end = special;
        while bytes[end] != b'"' {
            // A control character is not an escape.
            let rest = after_escape(bytes, end).ok_or(NotRead)?;
            end = rest + special_byte(&bytes[rest..]).ok_or(NotRead)?;
        }
        self.at = end + 1;
        self.unescaped.clear();
        unescape(&self.json[start..end], &mut self.unescaped)?;
        visitor.visit_str(&self.unescaped)
    }

    /// The value of a short integer, which is not negative. `None` for other numbers, which are not read.
    #[inline]
    fn integer(&mut self) -> Option<u64> {
        let rest = &self.json.as_bytes()[self.at..];
        let mut value = 0;
        let mut length = 0;
        for byte in rest.iter().take(MAX_DIGITS) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            value = value * 10 + u64::from(digit);
            length += 1;
        }
        let has_more = rest.get(length).is_some_and(|byte| is_of_number(*byte));
        let has_leading_zero = length > 1 && rest[0] == b'0';
        if length == 0 || has_more || has_leading_zero {
            return None;
        }
        self.at += length;
        Some(value)
    }

    /// Takes the text of a number, which may be malformed.
    #[cold]
    fn number_text(&mut self) -> &'de str {
        let rest = &self.json[self.at..];
        let length = rest.bytes().take_while(|byte| is_of_number(*byte)).count();
        self.at += length;
        &rest[..length]
    }

    fn object<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, NotRead> {
        self.nested(b'}', |items| visitor.visit_map(items))
    }

    fn array<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, NotRead> {
        self.nested(b']', |items| visitor.visit_seq(items))
    }

    /// Reads the object or array whose first bracket is the next byte.
    #[inline]
    fn nested<T>(
        &mut self,
        end: u8,
        read: impl FnOnce(&mut Items<'_, 'de>) -> Result<T, NotRead>,
    ) -> Result<T, NotRead> {
        self.at += 1;
        self.depth = self.depth.checked_sub(1).ok_or(NotRead)?;
        let mut items = Items {
            reader: self,
            end,
            position: Position::First,
        };
        let value = read(&mut items)?;
        // A visitor may stop early, and serde_json then refuses the rest.
        match items.position {
            Position::End => {}
            Position::First | Position::Later => return Err(NotRead),
        }
        self.depth += 1;
        Ok(value)
    }
}

/// Whether a number can contain this byte.
fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = NotRead;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotRead> {
        match self.peek()? {
            b'"' => self.string(visitor),
            b'0'..=b'9' | b'-' => match self.integer() {
                Some(value) => visitor.visit_u64(value),
                None => {
                    let mut json = serde_json::Deserializer::from_str(self.number_text());
                    let value = de::Deserializer::deserialize_any(&mut json, visitor)?;
                    json.end()?;
                    Ok(value)
                }
            },
            b'{' => self.object(visitor),
            b'[' => self.array(visitor),
            b't' => self.literal("true").and_then(|()| visitor.visit_bool(true)),
            b'f' => self
                .literal("false")
                .and_then(|()| visitor.visit_bool(false)),
            b'n' => self.literal("null").and_then(|()| visitor.visit_unit()),
            _ => Err(NotRead),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotRead> {
        match self.peek()? {
            b'"' => self.string(visitor),
            _ => Err(NotRead),
        }
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotRead> {
        match self.peek()? {
            b'{' => self.object(visitor),
            _ => Err(NotRead),
        }
    }

    /// A type that reads a `f64` gets no object, whatever features serde_json has.
    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotRead> {
        match self.peek()? {
            b'0'..=b'9' | b'-' => match self.integer() {
                Some(value) => visitor.visit_u64(value),
                None => {
                    let mut json = serde_json::Deserializer::from_str(self.number_text());
                    let value = de::Deserializer::deserialize_f64(&mut json, visitor)?;
                    json.end()?;
                    Ok(value)
                }
            },
            _ => Err(NotRead),
        }
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotRead> {
        match self.peek()? {
            b'n' => self.literal("null").and_then(|()| visitor.visit_none()),
            _ => visitor.visit_some(self),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 char string bytes byte_buf unit unit_struct newtype_struct
        seq tuple tuple_struct struct enum identifier ignored_any
    }
}

/// The members of an object, or the items of an array.
struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    /// The closing bracket.
    end: u8,
    position: Position,
}

enum Position {
    /// Before the first item.
    First,
    /// After an item.
    Later,
    /// After the closing bracket.
    End,
}

impl Items<'_, '_> {
    /// Whether there is another item. It is next then.
    #[inline]
    fn has_next(&mut self) -> Result<bool, NotRead> {
        let byte = self.reader.peek();
        match (&self.position, byte?) {
            (Position::End, _) => return Ok(false),
            (Position::Later, b',') => self.reader.at += 1,
            (Position::First | Position::Later, byte) if byte == self.end => {
                self.reader.at += 1;
                self.position = Position::End;
                return Ok(false);
            }
            (Position::First, _) => self.position = Position::Later,
            (Position::Later, _) => return Err(NotRead),
        }
        Ok(true)
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = NotRead;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, NotRead> {
        if !self.has_next()? {
            return Ok(None);
        }
        // A name is a string, whatever type the seed reads.
        match self.reader.peek()? {
            b'"' => seed.deserialize(&mut *self.reader).map(Some),
            _ => Err(NotRead),
        }
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, NotRead> {
        match self.reader.peek()? {
            b':' => self.reader.at += 1,
            _ => return Err(NotRead),
        }
        seed.deserialize(&mut *self.reader)
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = NotRead;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, NotRead> {
        match self.has_next()? {
            true => seed.deserialize(&mut *self.reader).map(Some),
            false => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
