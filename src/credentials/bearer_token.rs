//! The token that a client presents.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::HeaderValue;
use memchr::memchr;

/// The token of a request, in the form that RFC 6750 §2.1 allows. A verifier takes it.
///
/// It shares the bytes of the `Authorization` header instead of copying them. `Debug` does not show it.
///
/// ```
/// use tower_bearer_auth::BearerToken;
///
/// let token: BearerToken = "mF_9.B5f-4.1JqM".parse()?;
/// assert_eq!(token.as_str(), "mF_9.B5f-4.1JqM");
/// assert_eq!(format!("{token:?}"), "BearerToken(..)");
/// # Ok::<(), tower_bearer_auth::InvalidBearerToken>(())
/// ```
#[derive(Clone)]
pub struct BearerToken {
    header: HeaderValue,
    token: Range<usize>,
    has_fallback: bool,
    /// Present if the layer checks that the sender possesses the key to which the token is bound.
    possession: Option<PossessionMark>,
}

/// The mark of a layer that checks proofs of possession on the token of one request. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct PossessionMark {
    is_bound: Arc<AtomicBool>,
}

impl PossessionMark {
    /// Whether a verifier has found that the token is bound to a key.
    ///
    /// A verifier that wraps another one can build a new token without the claim that names the key. The layer allows
    /// the inner verifier to accept bound tokens. Without this record, it would accept the new token as one that is not
    /// bound.
    pub(crate) fn is_bound(&self) -> bool {
        self.is_bound.load(Ordering::Relaxed)
    }
}

impl BearerToken {
    /// The token at this range of a header. The caller has checked that it is a b64token.
    pub(super) fn of_header(header: HeaderValue, token: Range<usize>) -> Self {
        Self {
            header,
            token,
            has_fallback: false,
            possession: None,
        }
    }

    /// A copy of this token. The caller has checked that it is a b64token.
    pub(super) fn copy_of(token: &[u8]) -> Self {
        // An owned buffer, so that the first clone already shares it.
        let shared = Bytes::from_owner(token.to_vec());
        let header = HeaderValue::from_maybe_shared(shared).expect("a b64token is visible ASCII");
        Self::of_header(header, 0..token.len())
    }

    /// Marks the token for a verifier that has a fallback. The verification is the same, but tokens of other issuers are
    /// expected and cause no warning.
    pub(crate) fn with_fallback(mut self) -> Self {
        self.has_fallback = true;
        self
    }

    /// Whether another verifier is the fallback if this one does not recognize the token.
    pub(crate) fn has_fallback(&self) -> bool {
        self.has_fallback
    }

    /// Marks the token for a layer that checks proofs of possession. Without the mark, a verifier refuses a token that
    /// is bound to a key. Only a layer sets it, so that a token which reaches a verifier in another way is refused.
    pub(crate) fn with_possession_check(mut self) -> Self {
        self.possession = Some(PossessionMark::default());
        self
    }

    /// Whether the layer checks that the sender possesses the key to which the token is bound.
    pub(crate) fn possession_is_checked(&self) -> bool {
        self.possession.is_some()
    }

    /// The mark of a layer that checks proofs.
    pub(crate) fn possession_mark(&self) -> Option<&PossessionMark> {
        self.possession.as_ref()
    }

    /// Records, for a layer that checks proofs, that the token is bound to a key.
    pub(crate) fn record_bound(&self) {
        if let Some(mark) = &self.possession {
            mark.is_bound.store(true, Ordering::Relaxed);
        }
    }

    /// The token, without the scheme.
    #[expect(clippy::missing_panics_doc, reason = "what is in it is ASCII")]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("a b64token is ASCII")
    }

    /// The token's bytes, all of them ASCII.
    pub fn as_bytes(&self) -> &[u8] {
        &self.header.as_bytes()[self.token.clone()]
    }
}

impl FromStr for BearerToken {
    type Err = InvalidBearerToken;

    /// Parses a token without a scheme, of any length.
    fn from_str(token: &str) -> Result<Self, InvalidBearerToken> {
        if !is_b64token(token.as_bytes()) {
            return Err(InvalidBearerToken(()));
        }
        Ok(Self::copy_of(token.as_bytes()))
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(..)")
    }
}

/// The error for a text that is not a bearer token: it is empty, or not a `b64token` (RFC 6750 §2.1).
#[derive(Debug, Clone)]
pub struct InvalidBearerToken(());

impl fmt::Display for InvalidBearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a bearer token (RFC 6750 section 2.1)")
    }
}

impl std::error::Error for InvalidBearerToken {}

/// `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
pub(super) fn is_b64token(token: &[u8]) -> bool {
    let is_padded = token.last() == Some(&b'=');
    let first_padding = is_padded.then(|| memchr(b'=', token)).flatten();
    let (body, padding) = token.split_at(first_padding.unwrap_or(token.len()));
    // Without branches, so that the compiler can compare many bytes at a time.
    let strangeness = body.iter().fold(0, |so_far, b| so_far | strangeness(*b));
    let difference = padding.iter().fold(0, |so_far, b| so_far | (b ^ b'='));
    !body.is_empty() && strangeness == 0 && difference == 0
}

/// 0 for the characters of a token other than padding, and more for every other byte. It is computed without a branch or
/// a comparison, so that the compiler can vectorize the loop.
fn strangeness(byte: u8) -> u8 {
    // In both cases, by one bit.
    let beyond_letters = (byte | 0x20).wrapping_sub(b'a').saturating_sub(25);
    // From `-` to `9` are `-`, `.`, `/` and the digits.
    let beyond_digits = byte.wrapping_sub(b'-').saturating_sub(b'9' - b'-');
    beyond_letters
        .min(beyond_digits)
        .min(byte ^ b'_')
        .min(byte ^ b'~')
        .min(byte ^ b'+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_are_not_allowed_do_not_cancel_each_other() {
        for bad in ["  ", "a  b", "\"\"", "a,b,c", "éé", "====", "a=b="] {
            assert!(!is_b64token(bad.as_bytes()), "{bad:?}");
        }
    }

    #[test]
    fn a_token_is_not_shown_and_its_error_says_what_it_is() {
        let token: BearerToken = "secret".parse().unwrap();
        assert_eq!(format!("{token:?}"), "BearerToken(..)");
        let error = "a b".parse::<BearerToken>().unwrap_err();
        let text = "not a bearer token (RFC 6750 section 2.1)";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn a_token_is_made_of_these_characters_and_no_others() {
        let allowed = b"-._~+/";
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_alphanumeric() || allowed.contains(&byte);
            assert_eq!(strangeness(byte) == 0, expected, "{byte}");
            // At every position, including those that are compared many at a time.
            for position in [0, 15, 16, 40] {
                let mut token = [b'a'; 41];
                token[position] = byte;
                let is_padding = byte == b'=' && position == 40;
                assert_eq!(
                    is_b64token(&token),
                    expected || is_padding,
                    "{byte} at {position}"
                );
            }
        }
    }
}
