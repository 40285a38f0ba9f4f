//! Identifies a token, so that the cache need not store it.
//!
//! # Why two tokens do not share a result
//!
//! A fingerprint is POLYVAL (RFC 8452 §3) of the token, zeros, its length and its mark, under a random key that every cache
//! generates for itself. POLYVAL evaluates a polynomial at a point of a field of 2^128 elements. The coefficients are the
//! blocks of 16 bytes of the message, and the key is the point. Two different messages are two different polynomials,
//! since the last block has the length. They have equal values at no more points than their degree, which is the number
//! of blocks. So for any two tokens that were chosen without knowledge of the key, the probability of a collision is at
//! most the number of blocks over 2^128: 2^-117 for tokens of the maximum length of 16 KiB.
//!
//! This holds whatever tokens an attacker chooses, and only while the key is unknown. No key and no fingerprint leaves the
//! cache: neither is logged, shown or stored. The hash table hashes fingerprints again, with a seed of its own, so neither
//! the order nor the time of a lookup depends on them in a way that an attacker could compute. What an attacker sees of
//! an attempt is that the token was not accepted, which rules out as many keys as two tokens have common points. After q
//! attempts against n cached tokens, an attacker has succeeded with a probability of about q · n · 2^-117: 2^-57 for 2^40
//! attempts against a million tokens.
//!
//! SHA-256 needs no key, and takes three times as long for a token of 1 KB. A fingerprint that leaves the process, such as `ath`
//! of a proof or the digest in a log, stays SHA-256.

use std::fmt;

use aws_lc_rs::rand;
use polyval::Polyval;
use polyval::universal_hash::UniversalHash;

use crate::credentials::BearerToken;

const BLOCK: usize = polyval::BLOCK_SIZE;

/// So many bytes are processed at a time, so the message is padded to a multiple of them.
const GROUP: usize = 4 * BLOCK;

/// Identifies a token within one cache.
///
/// It also says whether the layer checks that the sender has the key of a bound token: a verifier accepts more tokens
/// then, and a result for one layer must not reach another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint(u128);

/// Computes the fingerprints of one cache.
pub(super) struct Fingerprints {
    /// The function with its key, before the first block.
    polyval: Polyval,
}

impl Fingerprints {
    /// A function with a new random key.
    pub(super) fn random() -> Self {
        let mut key = [0; polyval::KEY_SIZE];
        rand::fill(&mut key).expect("the system has random numbers");
        Self::with_key(key)
    }

    fn with_key(key: [u8; polyval::KEY_SIZE]) -> Self {
        Self {
            polyval: Polyval::new(&key.into()),
        }
    }

    pub(super) fn of(&self, token: &BearerToken) -> Fingerprint {
        self.of_message(token.as_bytes(), token.possession_is_checked())
    }

    fn of_message(&self, token: &[u8], mark: bool) -> Fingerprint {
        let mut polyval = self.polyval.clone();
        let (groups, rest) = token.as_chunks::<GROUP>();
        polyval.update_padded(groups.as_flattened());
        // The last block has the length, which distinguishes tokens that differ in the padding only.
        let length = (token.len() as u128) << 1 | u128::from(mark);
        let mut end = [0; 2 * GROUP];
        end[..rest.len()].copy_from_slice(rest);
        let size = (rest.len() + BLOCK).next_multiple_of(GROUP);
        end[size - BLOCK..size].copy_from_slice(&length.to_le_bytes());
        polyval.update_padded(&end[..size]);
        Fingerprint(u128::from_le_bytes(polyval.finalize().into()))
    }
}

/// It shows no key.
impl fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fingerprints").finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Fingerprint {
    /// A fingerprint for tests that need no token.
    pub(super) fn from_number(number: u128) -> Self {
        Self(number)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const KEY: [u8; 16] = *b"a key for tests!";

    /// POLYVAL as RFC 8452 §3 defines it, one bit at a time.
    fn polyval_by_the_rfc(key: [u8; 16], blocks: &[[u8; 16]]) -> u128 {
        // Bit n is the coefficient of x^n. The polynomial is x^128 + x^127 + x^126 + x^121 + 1.
        let times_x = |a: u128| match a >> 127 {
            0 => a << 1,
            _ => a << 1 ^ (1 << 127 | 1 << 126 | 1 << 121 | 1),
        };
        let multiply = |a: u128, b: u128| {
            let add = |sum: u128, bit: u32| {
                let term = (0..bit).fold(a, |a, _| times_x(a));
                sum ^ if b >> bit & 1 == 1 { term } else { 0 }
            };
            (0..128).fold(0, add)
        };
        // x^-128, as the RFC gives it.
        let inverse = 1 << 127 | 1 << 124 | 1 << 121 | 1 << 114 | 1;
        let key = multiply(u128::from_le_bytes(key), inverse);
        let step = |sum: u128, block: &[u8; 16]| multiply(sum ^ u128::from_le_bytes(*block), key);
        blocks.iter().fold(0, step)
    }

    #[test]
    fn a_fingerprint_is_polyval_of_the_token_its_length_and_its_mark() {
        let fingerprints = Fingerprints::with_key(KEY);
        for length in [0, 1, 15, 16, 17, 48, 49, 63, 64, 65, 100, 112, 113, 1003] {
            for mark in [false, true] {
                let token: Vec<u8> = (0..length).map(|n| b'a' + (n % 26) as u8).collect();
                let mut blocks: Vec<[u8; 16]> = token
                    .chunks(16)
                    .map(|part| {
                        let mut block = [0; 16];
                        block[..part.len()].copy_from_slice(part);
                        block
                    })
                    .collect();
                blocks.resize((blocks.len() + 1).next_multiple_of(4) - 1, [0; 16]);
                blocks.push((length as u128 * 2 + u128::from(mark)).to_le_bytes());
                let expected = Fingerprint(polyval_by_the_rfc(KEY, &blocks));
                let found = fingerprints.of_message(&token, mark);
                assert!(found == expected, "{length} {mark}");
            }
        }
    }

    #[test]
    fn tokens_that_differ_in_length_mark_or_a_bit_have_different_fingerprints() {
        let fingerprints = Fingerprints::random();
        let mut tokens = HashSet::new();
        for length in 0..200 {
            tokens.insert(vec![0; length]);
            for position in 0..length {
                let mut token = vec![0; length];
                token[position] = 1;
                tokens.insert(token);
            }
        }
        let of_all = tokens
            .iter()
            .flat_map(|token| [false, true].map(|mark| fingerprints.of_message(token, mark)));
        assert_eq!(of_all.collect::<HashSet<_>>().len(), 2 * tokens.len());
    }

    #[test]
    fn each_cache_has_a_key_of_its_own() {
        let of_token = || Fingerprints::random().of_message(b"token", false);
        assert!(of_token() != of_token());
        let shown = format!("{:?}", Fingerprints::with_key(KEY));
        assert_eq!(shown, "Fingerprints { .. }");
    }
}
