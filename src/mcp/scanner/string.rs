//! Finds the end of a string, which most bytes of a body belong to, and checks its characters and escapes.
//!
//! A character is special if it can end a string or begin an escape, or must not be in one. Which ones are special does
//! not depend on what precedes them, so many bytes are compared at once: eight in a register, and 64 in a loop that
//! the compiler vectorizes. The special ones are then visited one by one.

use crate::json::{after_escape, special_in_word};

/// The position of the quote that closes the string whose text begins at `start`. `None` if the string does not end, or
/// has a control character or a bad escape.
#[inline]
pub(super) fn end_of_string(bytes: &[u8], start: usize) -> Option<usize> {
    match bytes.get(start)? {
        b'"' => Some(start),
        _ => end_of_text(bytes, start).ok(),
    }
}

/// The string does not end, or has a character that it must not have.
struct BadString;

/// [`end_of_string`] for a string that is not empty.
fn end_of_text(bytes: &[u8], start: usize) -> Result<usize, BadString> {
    let mut text = Text {
        bytes,
        at: start,
        unread: start,
    };
    // Most strings end here.
    for _ in 0..2 {
        if let Some(word) = bytes[text.at..].first_chunk()
            && let Some(end) = text.visit(special_in_word(u64::from_le_bytes(*word)))?
        {
            return Ok(end);
        }
    }
    let mut special = [0; BLOCK];
    while let Some(block) = bytes[text.at..].first_chunk() {
        if !mark_special(block, &mut special) {
            text.at += BLOCK;
            continue;
        }
        for word in special.as_chunks::<WORD>().0 {
            if let Some(end) = text.visit(u64::from_le_bytes(*word))? {
                return Ok(end);
            }
        }
    }
    while let Some(word) = bytes[text.at..].first_chunk() {
        if let Some(end) = text.visit(special_in_word(u64::from_le_bytes(*word)))? {
            return Ok(end);
        }
    }
    text.end_of_rest()
}

/// The number of bytes in a register.
const WORD: usize = 8;

/// The number of bytes in a block. Fewer would make no use of the vectorized loop, and more would be wasted on strings
/// that end soon.
const BLOCK: usize = 64;

/// The text of a string that is being read.
struct Text<'b> {
    bytes: &'b [u8],
    at: usize,
    /// What precedes this position belongs to an escape that was checked.
    unread: usize,
}

impl Text<'_> {
    /// Visits the `special` bytes of the next word, which has one bit set in each of them. Returns the position of the
    /// closing quote if it is there.
    #[inline]
    fn visit(&mut self, mut special: u64) -> Result<Option<usize>, BadString> {
        while special != 0 {
            let bit = special & special.wrapping_neg();
            let here = self.at + (special.trailing_zeros() / u8::BITS) as usize;
            special ^= bit;
            if here < self.unread {
                continue;
            }
            match self.bytes[here] {
                b'"' => return Ok(Some(here)),
                b'\\' => {
                    self.unread = after_escape(self.bytes, here).ok_or(BadString)?;
                    // The escaped character need not be visited if it is in this word.
                    special &= !(bit << 8);
                }
                _ => return Err(BadString),
            }
        }
        self.at += WORD;
        Ok(None)
    }

    /// Reads the last bytes, which are less than a word.
    fn end_of_rest(self) -> Result<usize, BadString> {
        let mut at = self.at.max(self.unread);
        loop {
            match self.bytes.get(at).ok_or(BadString)? {
                b'"' => return Ok(at),
                b'\\' => at = after_escape(self.bytes, at).ok_or(BadString)?,
                ..0x20 => return Err(BadString),
                _ => at += 1,
            }
        }
    }
}

/// Sets 1 for each special byte, and 0 for each other one. Returns whether there is a special one.
// A function of its own, because the compiler vectorizes it well only if it sees nothing else.
#[inline(never)]
fn mark_special(block: &[u8; BLOCK], special: &mut [u8; BLOCK]) -> bool {
    let mut any = 0;
    for (special, byte) in special.iter_mut().zip(block) {
        *special = u8::from((*byte == b'"') | (*byte == b'\\') | (*byte < 0x20));
        any |= *special;
    }
    any != 0
}
