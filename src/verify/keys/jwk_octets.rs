//! Decodes numbers and secrets in a JWK: base64url without padding (RFC 7518 §2), and the variants that issuers use.

use base64::Engine;
use base64::alphabet::{self, Alphabet};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// Decodes base64url or base64, with or without padding.
///
/// Do not use it for tokens. Their encoding is strict, because a second spelling of a token would bypass caches and
/// revocation lists.
pub(crate) fn octets(encoded: &str) -> Option<Zeroizing<Vec<u8>>> {
    let is_padded = encoded.ends_with('=');
    if is_padded && !encoded.len().is_multiple_of(4) {
        return None;
    }
    let decode = |engine: GeneralPurpose| engine.decode(encoded).ok().map(Zeroizing::new);
    decode(URL_SAFE).or_else(|| decode(STANDARD))
}

const URL_SAFE: GeneralPurpose = lenient(&alphabet::URL_SAFE);
const STANDARD: GeneralPurpose = lenient(&alphabet::STANDARD);

const fn lenient(alphabet: &Alphabet) -> GeneralPurpose {
    let padding = DecodePaddingMode::Indifferent;
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(padding);
    GeneralPurpose::new(alphabet, config)
}

#[cfg(test)]
mod tests {
    use super::octets;

    #[test]
    fn both_alphabets_are_read_with_and_without_padding() {
        let decoded = |text| octets(text).map(|octets| octets.to_vec());
        for (texts, wanted) in [
            (&["-_-_", "+/+/"][..], &[0xfb, 0xff, 0xbf][..]),
            (&["-_8", "-_8=", "+/8", "+/8="], &[0xfb, 0xff]),
            (&["_w", "_w==", "/w", "/w=="], &[0xff]),
            (&["AQAB"], &[1, 0, 1]),
            (&[""], &[]),
        ] {
            for text in texts {
                assert_eq!(decoded(text).as_deref(), Some(wanted), "{text}");
            }
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            // Both alphabets at once.
            "-_+/", "+_8=", // Padding of another length, or in another place.
            "_w=", "_w===", "-_8==", "AQAB=", "AQAB==", "AQAB====", "=", "====", "_w==_w==",
            "=_w=", // Bits that stand for nothing.
            "_x", "_x==", "-_9", "/x", "A", "AQ AB", "AQAB\n", " AQAB", "AQ.B", "AQAé", "AQAB\0",
        ] {
            assert!(octets(text).is_none(), "{text:?}");
        }
    }
}
