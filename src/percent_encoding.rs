//! Percent-encoding of URIs (RFC 3986 §2).

/// The octet that the two leading hexadecimal digits encode.
pub(crate) fn encoded_octet(digits: &[u8]) -> Option<u8> {
    let [high, low, ..] = digits else {
        return None;
    };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let octet = digit(*high)? << 4 | digit(*low)?;
    u8::try_from(octet).ok()
}

/// Appends the normalized spelling of an encoded octet (RFC 3986 §6.2.2): an unreserved character itself, or `%` and
/// two upper-case digits.
pub(crate) fn push_normalized(normalized: &mut String, octet: u8) {
    match is_unreserved(octet) {
        true => normalized.push(char::from(octet)),
        false => push_encoded(normalized, octet),
    }
}

/// Appends `%` and two upper-case digits.
pub(crate) fn push_encoded(text: &mut String, octet: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |digit: u8| char::from(DIGITS[usize::from(digit)]);
    text.extend(['%', digit(octet >> 4), digit(octet & 15)]);
}

/// The unreserved characters of RFC 3986 §2.3.
pub(crate) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}
