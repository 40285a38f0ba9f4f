//! Checks the encoding of an Ed25519 public key (RFC 8032 §5.1.2, §5.1.3).

/// The reason why octets are refused as an Ed25519 public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadPoint {
    /// A point of small order, for which an attacker can forge signatures.
    SmallOrder,
    /// Not 32 octets, or not the canonical encoding of y.
    Invalid,
}

/// Checks that a key is a canonical encoding, and not that of a point of small order.
///
/// A point of small order has at most eight multiples. After a few tries, an attacker finds a signature over any
/// message that such a key verifies. Libraries differ in which of these points they refuse.
pub(crate) fn check(key: &[u8]) -> Result<(), BadPoint> {
    let y: &[u8; 32] = key.try_into().map_err(|_| BadPoint::Invalid)?;
    // The last bit is the sign of x, and the rest is y in little endian.
    let mut y = *y;
    y[31] &= 0x7f;
    if SMALL_ORDER.contains(&y) {
        return Err(BadPoint::SmallOrder);
    }
    match is_reduced(&y) {
        true => Ok(()),
        false => Err(BadPoint::Invalid),
    }
}

/// Whether y is less than p = 2^255 - 19. Larger values of y are second encodings of smaller ones.
fn is_reduced(y: &[u8; 32]) -> bool {
    let has_high_bits = y[31] == 0x7f && y[1..31].iter().all(|octet| *octet == 0xff);
    !(has_high_bits && y[0] >= 0xed)
}

/// The y coordinates of the eight points whose order divides 8, in little endian. They are 0, 1, p - 1 and two values
/// for the points of order 8. The values p and p + 1 are the non-canonical encodings of 0 and 1. All were computed
/// with the group law, by multiplying points by the order of the base point.
const SMALL_ORDER: [[u8; 32]; 7] = [
    number(0, 0, 0),
    number(1, 0, 0),
    number(0xec, 0xff, 0x7f),
    number(0xed, 0xff, 0x7f),
    number(0xee, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// A number in little endian, with the same octet in all places except the lowest and the highest.
const fn number(lowest: u8, others: u8, highest: u8) -> [u8; 32] {
    let mut octets = [others; 32];
    octets[0] = lowest;
    octets[31] = highest;
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_small_order_are_no_keys_whatever_their_sign() {
        for y in SMALL_ORDER {
            for sign in [0, 0x80] {
                let mut key = y;
                key[31] |= sign;
                assert_eq!(check(&key), Err(BadPoint::SmallOrder), "{key:x?}");
            }
        }
    }

    #[test]
    fn a_key_is_less_than_the_prime() {
        for lowest in 0xed..=0xff {
            for sign in [0, 0x80] {
                let key = number(lowest, 0xff, 0x7f | sign);
                assert!(check(&key).is_err(), "{lowest:x}");
            }
        }
        for key in [
            number(0xeb, 0xff, 0x7f),
            number(0xed, 0xff, 0x7e),
            number(0xed, 0xfe, 0x7f),
            number(2, 0, 0),
            number(3, 0, 0x80),
        ] {
            assert_eq!(check(&key), Ok(()), "{key:x?}");
        }
    }

    #[test]
    fn a_key_has_32_octets() {
        for length in [0, 1, 31, 33, 44] {
            assert_eq!(check(&vec![9; length]), Err(BadPoint::Invalid));
        }
    }
}
