//! The escapes in JSON strings (RFC 8259 §7).

/// A string has half a surrogate pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LoneSurrogate;

/// The position after the escape that begins at `at`; `None` if it is not one.
#[inline]
pub(crate) fn after_escape(bytes: &[u8], at: usize) -> Option<usize> {
    let [b'\\', letter, ..] = *bytes.get(at..)? else {
        return None;
    };
    if IS_SIMPLE[usize::from(letter)] {
        return Some(at + 2);
    }
    let [b'\\', b'u', digits @ ..] = bytes.get(at..at + 6)? else {
        return None;
    };
    let are_digits = digits.iter().fold(0, |all, digit| all | hex(*digit)) < 0x10;
    are_digits.then_some(at + 6)
}

/// Appends the text of a string whose escapes were [checked](after_escape).
pub(crate) fn unescape(quoted: &str, text: &mut String) -> Result<(), LoneSurrogate> {
    let mut rest = quoted;
    while let Some(at) = rest.bytes().position(|byte| byte == b'\\') {
        let (plain, escape) = rest.split_at(at);
        text.push_str(plain);
        let (letter, length) = match escape.as_bytes() {
            [_, b'u', ..] => code_point(escape.as_bytes()).ok_or(LoneSurrogate)?,
            [_, b'b', ..] => ('\u{8}', 2),
            [_, b'f', ..] => ('\u{c}', 2),
            [_, b'n', ..] => ('\n', 2),
            [_, b'r', ..] => ('\r', 2),
            [_, b't', ..] => ('\t', 2),
            [_, letter, ..] => (char::from(*letter), 2),
            _ => break,
        };
        text.push(letter);
        rest = &escape[length..];
    }
    text.push_str(rest);
    Ok(())
}

/// The character that one or two escapes at the start of `escapes` encode, and their length.
fn code_point(escapes: &[u8]) -> Option<(char, usize)> {
    let (unit, rest) = code_unit(escapes)?;
    if let Some(letter) = char::from_u32(unit) {
        return Some((letter, 6));
    }
    let (low, _) = code_unit(rest)?;
    match (unit, low) {
        (0xd800..=0xdbff, 0xdc00..=0xdfff) => {
            let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            Some((char::from_u32(code)?, 12))
        }
        _ => None,
    }
}

/// The UTF-16 code unit that an escape with `\u` encodes, and what follows the escape.
#[inline]
pub(crate) fn code_unit(escape: &[u8]) -> Option<(u32, &[u8])> {
    let [b'\\', b'u', a, b, c, d, rest @ ..] = escape else {
        return None;
    };
    let digits = [a, b, c, d].map(|digit| u32::from(hex(*digit)));
    let [a, b, c, d] = digits;
    (a | b | c | d < 0x10).then_some((a << 12 | b << 8 | c << 4 | d, rest))
}

/// The value of a hexadecimal digit; 0x10 for any other byte.
#[inline]
fn hex(digit: u8) -> u8 {
    HEX[usize::from(digit)]
}

/// The letters that are a complete escape after a backslash.
static IS_SIMPLE: [bool; 256] = {
    let mut table = [false; 256];
    let letters = br#""\/bfnrt"#;
    let mut at = 0;
    while at < letters.len() {
        table[letters[at] as usize] = true;
        at += 1;
    }
    table
};

static HEX: [u8; 256] = {
    let mut table = [0x10; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        table[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    table
};
