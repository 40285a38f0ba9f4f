//! Decodes base64url (RFC 4648 §5) as JOSE writes it (RFC 7515 §2): without padding, white space, or bits in the last
//! character that no octet uses.
//!
//! The `base64` crate does the same with one table. Four tables, one for each position in a group of four characters, save
//! the shifts, and half of the time.

/// The most octets that a text of this length stands for.
pub(crate) const fn decoded_length(characters: usize) -> usize {
    characters / 4 * 3 + (characters % 4).saturating_sub(1)
}

/// Decodes the text. `None` if it is not strict base64url.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(decoded_length(text.len()));
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    let mut flaws = 0;
    for block in blocks {
        let (decoded, flaw) = decode_block(block);
        octets.extend_from_slice(&decoded);
        flaws |= flaw;
    }
    let (decoded, length) = decode_rest(rest)?;
    octets.extend_from_slice(&decoded[..length]);
    (flaws & INVALID == 0).then_some(octets)
}

/// Decodes the text into a buffer with room for [`decoded_length`] octets, and returns their number. `None` if it is not
/// strict base64url, or does not fit.
pub(crate) fn decode_into(buffer: &mut [u8], text: &[u8]) -> Option<usize> {
    let length = decoded_length(text.len());
    let (places, end) = buffer.get_mut(..length)?.as_chunks_mut::<OCTETS>();
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    let mut flaws = 0;
    for (place, block) in places.iter_mut().zip(blocks) {
        let (decoded, flaw) = decode_block(block);
        *place = decoded;
        flaws |= flaw;
    }
    let (decoded, count) = decode_rest(rest)?;
    end.copy_from_slice(decoded.get(..count)?);
    (flaws & INVALID == 0).then_some(length)
}

/// The characters that are decoded in one step, and their octets.
const BLOCK: usize = 16;
const OCTETS: usize = 12;

/// Decodes 16 characters. The octets mean nothing if the second part has the bit [`INVALID`].
#[inline]
fn decode_block(block: &[u8; BLOCK]) -> ([u8; OCTETS], u32) {
    let (groups, _) = block.as_chunks::<4>();
    let [a, b, c, d] = [0, 1, 2, 3].map(|n| group(&groups[n]));
    let start = u64::from(a) | u64::from(b) << 24 | u64::from(c) << 48;
    let end = c >> 16 & 0xff | d << 8;
    let mut octets = [0; OCTETS];
    octets[..8].copy_from_slice(&start.to_le_bytes());
    octets[8..].copy_from_slice(&end.to_le_bytes());
    (octets, a | b | c | d)
}

/// Decodes the up to 15 characters after the blocks.
fn decode_rest(rest: &[u8]) -> Option<([u8; OCTETS], usize)> {
    // `A` stands for six zero bits.
    let mut padded = [b'A'; BLOCK];
    padded[..rest.len()].copy_from_slice(rest);
    let (octets, flaws) = decode_block(&padded);
    let length = decoded_length(rest.len());
    // One character alone stands for no octet, and bits beyond the last octet must be zero.
    let is_canonical = rest.len() % 4 != 1 && octets[length..].iter().all(|octet| *octet == 0);
    (flaws & INVALID == 0 && is_canonical).then_some((octets, length))
}

/// The three octets of four characters, the first in the lowest bits, or a number with the bit [`INVALID`].
#[inline]
fn group(characters: &[u8; 4]) -> u32 {
    let value = |position: usize| VALUES[position][usize::from(characters[position])];
    value(0) | value(1) | value(2) | value(3)
}

/// Marks a character that is not in the alphabet. No octet of a group reaches this bit.
const INVALID: u32 = 1 << 31;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// For each of the four positions, the bits that a character contributes to the [`group`].
static VALUES: [[u32; 256]; 4] = {
    let mut values = [[INVALID; 256]; 4];
    let mut value = 0;
    while value < 64 {
        let mut position = 0;
        while position < 4 {
            // The first octet of a group has its first six bits from the first character, and so on.
            let bits = (value as u32) << (18 - 6 * position);
            let first_octet_lowest = bits.swap_bytes() >> 8;
            values[position][ALPHABET[value] as usize] = first_octet_lowest;
            position += 1;
        }
        value += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::*;

    /// Decodes in both ways, which must agree with each other and with the `base64` crate.
    fn check(text: &[u8]) -> Option<Vec<u8>> {
        let expected = URL_SAFE_NO_PAD.decode(text).ok();
        let shown = String::from_utf8_lossy(text);
        assert_eq!(decode(text), expected, "{shown}");
        let length = decoded_length(text.len());
        for room in [length, length + 1, length + 20] {
            let mut buffer = vec![0xa5; room];
            let decoded = decode_into(&mut buffer, text).map(|length| buffer[..length].to_vec());
            assert_eq!(decoded, expected, "{shown} {room}");
        }
        if length > 0 {
            assert_eq!(decode_into(&mut vec![0; length - 1], text), None, "{shown}");
        }
        expected
    }

    #[test]
    fn every_length_is_decoded() {
        let octets: Vec<u8> = (0..=255).cycle().skip(100).take(300).collect();
        for length in 0..octets.len() {
            let text = URL_SAFE_NO_PAD.encode(&octets[..length]);
            assert_eq!(check(text.as_bytes()).as_deref(), Some(&octets[..length]));
        }
    }

    #[test]
    fn every_character_is_right_or_wrong_at_every_position() {
        for length in [1, 2, 3, 4, 16, 17, 18, 19, 35, 50] {
            for position in 0..length {
                for character in 0..=u8::MAX {
                    let mut text = vec![b'A'; length];
                    text[position] = character;
                    check(&text);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn texts_are_decoded_as_by_the_base64_crate(
            text in "[A-Za-z0-9_-]{0,80}",
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..3),
        ) {
            let mut text = text.into_bytes();
            check(&text);
            for (at, byte) in changes {
                if !text.is_empty() {
                    let at = at.index(text.len());
                    text[at] = byte;
                }
            }
            check(&text);
        }
    }
}
