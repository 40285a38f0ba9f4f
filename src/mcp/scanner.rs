//! Scans JSON (RFC 8259) without building values: finds where strings, numbers and whole values end, and checks their
//! grammar on the way. It accepts and rejects the same texts as serde_json; the tests compare the two.
//!
//! As in serde_json, a string that is [read](Scanner::text) must not have a lone surrogate, but one that is
//! [skipped](Scanner::skip) may.

use std::borrow::Cow;

use memchr::memchr;

use self::string::end_of_string;
use super::private_member::is_private;
use crate::json::{LoneSurrogate, unescape};

mod string;

/// The text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotJson;

impl From<LoneSurrogate> for NotJson {
    fn from(_: LoneSurrogate) -> Self {
        Self
    }
}

/// The rest of a text that is being scanned.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    json: &'a str,
    at: usize,
    /// Whether a member so far has a private name.
    has_private_member: bool,
    /// The last name that was written with escapes.
    unescaped: String,
}

/// The name of a member.
#[derive(Debug)]
pub(super) struct ReadName<'s> {
    pub(super) text: &'s str,
    /// Whether it is written without escapes.
    pub(super) is_verbatim: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(json: &'a str) -> Self {
        Self {
            json,
            at: 0,
            has_private_member: false,
            unescaped: String::new(),
        }
    }

    /// Whether some member that was read or skipped has a name that [is private](is_private).
    pub(super) fn has_private_member(&self) -> bool {
        self.has_private_member
    }

    /// The next byte after white space, which begins a value or is punctuation.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<u8, NotJson> {
        self.at = after_space(self.json.as_bytes(), self.at);
        self.json.as_bytes().get(self.at).copied().ok_or(NotJson)
    }

    /// Whether `byte` is next, after white space. If so, consumes it.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> Result<bool, NotJson> {
        let is_next = self.peek()? == byte;
        self.at += usize::from(is_next);
        Ok(is_next)
    }

    /// Whether another item or member of a list or an object follows. `is_first` is true right after the opening bracket.
    /// Consumes a comma before it, or the bracket `end`.
    #[inline]
    pub(super) fn has_next(&mut self, end: u8, is_first: bool) -> Result<bool, NotJson> {
        match self.peek()? {
            byte if byte == end => {
                self.at += 1;
                Ok(false)
            }
            _ if is_first => Ok(true),
            b',' => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(NotJson),
        }
    }

    /// Reads the name of a member, without the colon.
    #[inline]
    pub(super) fn name(&mut self) -> Result<ReadName<'_>, NotJson> {
        if self.peek()? != b'"' {
            return Err(NotJson);
        }
        let quoted = self.quoted()?;
        self.has_private_member |= is_private(quoted.as_bytes());
        if !has_escape(quoted) {
            return Ok(ReadName {
                text: quoted,
                is_verbatim: true,
            });
        }
        self.unescaped.clear();
        unescape(quoted, &mut self.unescaped)?;
        Ok(ReadName {
            text: &self.unescaped,
            is_verbatim: false,
        })
    }

    /// Consumes the colon after a name.
    #[inline]
    pub(super) fn colon(&mut self) -> Result<(), NotJson> {
        match self.take(b':')? {
            true => Ok(()),
            false => Err(NotJson),
        }
    }

    /// Reads a string, whose opening quote is next.
    pub(super) fn text(&mut self) -> Result<Cow<'a, str>, NotJson> {
        let quoted = self.quoted()?;
        if !has_escape(quoted) {
            return Ok(Cow::Borrowed(quoted));
        }
        let mut text = String::with_capacity(quoted.len());
        unescape(quoted, &mut text)?;
        Ok(Cow::Owned(text))
    }

    /// The text between two quotes, the first of which is next.
    #[inline]
    fn quoted(&mut self) -> Result<&'a str, NotJson> {
        let start = self.at + 1;
        let end = end_of_string(self.json.as_bytes(), start).ok_or(NotJson)?;
        self.at = end + 1;
        self.json.get(start..end).ok_or(NotJson)
    }

    /// Reads a number, a boolean or `null`, which is next, and returns it as written.
    pub(super) fn scalar(&mut self) -> Result<&'a str, NotJson> {
        let start = self.at;
        self.at = end_of_scalar(self.json.as_bytes(), start).ok_or(NotJson)?;
        self.json.get(start..self.at).ok_or(NotJson)
    }

    /// Skips a value.
    pub(super) fn skip(&mut self) -> Result<(), NotJson> {
        let end = end_of_value(self.json.as_bytes(), self.at, &mut self.has_private_member);
        self.at = end.ok_or(NotJson)?;
        Ok(())
    }

    /// Checks that only white space is left.
    pub(super) fn end(&mut self) -> Result<(), NotJson> {
        self.at = after_space(self.json.as_bytes(), self.at);
        match self.at == self.json.len() {
            true => Ok(()),
            false => Err(NotJson),
        }
    }
}

/// The position of the first byte at or after `at` that is no white space.
#[inline]
fn after_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\t' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

fn has_escape(quoted: &str) -> bool {
    match quoted.len() {
        // A call costs more than so few comparisons.
        ..16 => quoted.bytes().any(|byte| byte == b'\\'),
        _ => memchr(b'\\', quoted.as_bytes()).is_some(),
    }
}

/// The position after the value that begins at or after `at`. It can be nested to any depth.
fn end_of_value(bytes: &[u8], mut at: usize, has_private_member: &mut bool) -> Option<usize> {
    let mut open = Open::default();
    loop {
        at = after_space(bytes, at);
        // Here a value begins.
        match bytes.get(at)? {
            b'"' => at = end_of_string(bytes, at + 1)? + 1,
            b'{' => {
                at = after_space(bytes, at + 1);
                if *bytes.get(at)? == b'}' {
                    at += 1;
                } else {
                    open.push(Bracket::Object);
                    at = after_name(bytes, at, has_private_member)?;
                    continue;
                }
            }
            b'[' => {
                at = after_space(bytes, at + 1);
                if *bytes.get(at)? == b']' {
                    at += 1;
                } else {
                    open.push(Bracket::List);
                    continue;
                }
            }
            _ => at = end_of_scalar(bytes, at)?,
        }
        // Here a value has ended.
        loop {
            let Some(bracket) = open.last() else {
                return Some(at);
            };
            at = after_space(bytes, at);
            let byte = *bytes.get(at)?;
            at += 1;
            match (byte, bracket) {
                (b',', Bracket::Object) => {
                    at = after_name(bytes, after_space(bytes, at), has_private_member)?;
                    break;
                }
                (b',', Bracket::List) => break,
                (b'}', Bracket::Object) | (b']', Bracket::List) => open.pop(),
                (_, Bracket::Object | Bracket::List) => return None,
            }
        }
    }
}

/// The position after the colon of a member whose name begins at `at`.
#[inline]
fn after_name(bytes: &[u8], at: usize, has_private_member: &mut bool) -> Option<usize> {
    if *bytes.get(at)? != b'"' {
        return None;
    }
    let end = end_of_string(bytes, at + 1)?;
    *has_private_member |= is_private(&bytes[at + 1..end]);
    let colon = after_space(bytes, end + 1);
    (*bytes.get(colon)? == b':').then_some(colon + 1)
}

/// The lists and objects that are open, one bit for each.
#[derive(Default)]
struct Open {
    /// The innermost ones, the last in the lowest bit.
    last: u64,
    /// The outer ones, 64 in each item.
    outer: Vec<u64>,
    /// How many are in `last`.
    count: u32,
}

#[derive(Clone, Copy)]
enum Bracket {
    List,
    Object,
}

impl Open {
    #[inline]
    fn push(&mut self, bracket: Bracket) {
        if self.count == u64::BITS {
            self.outer.push(self.last);
            self.count = 0;
        }
        self.last = self.last << 1 | u64::from(matches!(bracket, Bracket::Object));
        self.count += 1;
    }

    #[inline]
    fn pop(&mut self) {
        self.last >>= 1;
        self.count = self.count.saturating_sub(1);
        if self.count == 0
            && let Some(outer) = self.outer.pop()
        {
            self.last = outer;
            self.count = u64::BITS;
        }
    }

    #[inline]
    fn last(&self) -> Option<Bracket> {
        match (self.count, self.last & 1) {
            (0, _) => None,
            (_, 0) => Some(Bracket::List),
            (_, _) => Some(Bracket::Object),
        }
    }
}

/// The position after the number, boolean or `null` that begins at `at`.
#[inline]
fn end_of_scalar(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'0'..=b'9' | b'-' => end_of_number(bytes, at),
        b't' => after_word(bytes, at, b"true"),
        b'f' => after_word(bytes, at, b"false"),
        b'n' => after_word(bytes, at, b"null"),
        _ => None,
    }
}

#[inline]
fn after_word(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    bytes[at..].starts_with(word).then_some(at + word.len())
}

#[inline]
fn end_of_number(bytes: &[u8], at: usize) -> Option<usize> {
    let first = at + usize::from(bytes.get(at) == Some(&b'-'));
    let mut end = after_digits(bytes, first)?;
    if bytes[first] == b'0' && end > first + 1 {
        return None;
    }
    if bytes.get(end) == Some(&b'.') {
        end = after_digits(bytes, end + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        let sign = matches!(bytes.get(end + 1), Some(b'+' | b'-'));
        end = after_digits(bytes, end + 1 + usize::from(sign))?;
    }
    Some(end)
}

/// The position after the digits at `at`, of which there must be one.
#[inline]
fn after_digits(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    while bytes.get(end).is_some_and(u8::is_ascii_digit) {
        end += 1;
    }
    (end > at).then_some(end)
}

#[cfg(test)]
mod tests;
