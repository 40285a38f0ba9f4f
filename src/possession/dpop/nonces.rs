//! Nonces of the server (RFC 9449 §9), without a store.
//!
//! A nonce is `base64url(time || HMAC-SHA-256(secret, purpose || time))`: the time of its issue in seconds since 1970,
//! as 8 bytes, and the first 16 bytes of the HMAC. These are 24 bytes, so base64 has no unused bits, and each nonce has
//! one spelling. Only a holder of the secret can compute the nonce of a future time.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Issues nonces for proofs, and verifies them without a store (RFC 9449 §9).
///
/// Pass it to [`Dpop::nonces`](super::Dpop::nonces). Without nonces, an attacker who can use a client's key for a
/// moment, for example with a script in its page, can make proofs with a later `iat` and use them later. The age of a
/// proof also depends on the client's clock. With nonces, each proof has a value that the server has issued recently.
///
/// Nonces cost a client a second request when it starts, and after it was idle for longer than the
/// [`lifetime`](Self::lifetime). The first request is answered 401 with `use_dpop_nonce` and a `DPoP-Nonce` field.
///
/// ```
/// use tower_bearer_auth::possession::{Dpop, DpopNonces};
///
/// # let secret = [7; 32];
/// let dpop = Dpop::new().nonces(DpopNonces::new(secret));
/// # let _ = dpop;
/// ```
///
/// The server stores no nonce, so replicas with the same secret accept each other's. Their clocks may differ by up to 5
/// seconds. A nonce may be used in any number of proofs; the [`ReplayStore`](super::ReplayStore) detects a proof that
/// is used twice. All clients get the same nonce for a tenth of its lifetime.
///
/// `Debug` does not show the secrets.
#[derive(Clone)]
#[must_use = "it does nothing until it is passed to `Dpop::nonces`"]
pub struct DpopNonces {
    key: hmac::Key,
    previous: Vec<hmac::Key>,
    lifetime: Duration,
}

/// Whether the nonce of a proof is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NonceState {
    /// It is accepted.
    Good,
    /// It is accepted, and expires soon.
    Ending,
    /// It is too old, or not of this server.
    Unknown,
}

/// The domain separation prefix, against other uses of the same secret.
const PURPOSE: &[u8] = b"tower-bearer-auth: DPoP nonce\0";

/// In bytes.
const MIN_SECRET: usize = 32;

const DEFAULT_LIFETIME: Duration = Duration::from_secs(5 * 60);
const MIN_LIFETIME: Duration = Duration::from_secs(10);
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Times of issue are multiples of this part of the lifetime.
const ISSUES_PER_LIFETIME: u64 = 10;

/// How far the clock of another replica may be ahead.
const MAX_SKEW: Duration = Duration::from_secs(5);

const TIME_BYTES: usize = 8;
const CODE_BYTES: usize = 16;
const NONCE_BYTES: usize = TIME_BYTES + CODE_BYTES;

/// In characters of base64.
const NONCE_LENGTH: usize = NONCE_BYTES / 3 * 4;

impl DpopNonces {
    /// Issues nonces with this secret: 32 random bytes or more, the same in all replicas of the server. The same secret
    /// may be used elsewhere in this crate.
    ///
    /// # Panics
    ///
    /// If the secret is shorter than 32 bytes.
    #[track_caller]
    pub fn new(secret: impl AsRef<[u8]>) -> Self {
        Self {
            key: key(secret.as_ref()),
            previous: Vec::new(),
            lifetime: DEFAULT_LIFETIME,
        }
    }

    /// Also accepts nonces that were issued with this secret, but issues none. Default: none. A later call adds another
    /// one.
    ///
    /// To replace a secret, start the replicas with the new one in [`new`](Self::new) and the old one here. After a
    /// [`lifetime`](Self::lifetime), the old one can be removed. A replica that still has only the old secret answers
    /// nonces of the new one with `use_dpop_nonce`, and the client retries. To avoid that, start all replicas with the
    /// new secret *here* first.
    ///
    /// # Panics
    ///
    /// If the secret is shorter than 32 bytes.
    #[track_caller]
    pub fn previous_secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.previous.push(key(secret.as_ref()));
        self
    }

    /// Sets how long a nonce is accepted. Default: 5 minutes. A nonce is issued for up to a tenth of that time, so a
    /// client has at least nine tenths of it. If a proof has a nonce that is older than half of it, the answer has a
    /// new one.
    ///
    /// # Panics
    ///
    /// If it is shorter than 10 seconds or longer than 24 hours.
    #[track_caller]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        if let Err(problem) = Self::check_lifetime(lifetime) {
            panic!("{problem}");
        }
        self.lifetime = lifetime;
        self
    }

    /// Whether [`new`](Self::new) accepts this secret.
    pub(crate) fn check_secret(secret: &[u8]) -> Result<(), String> {
        match secret.len() {
            MIN_SECRET.. => Ok(()),
            length => Err(format!(
                "a secret of {length} bytes is too short for nonces: use {MIN_SECRET} random bytes or more"
            )),
        }
    }

    /// Whether [`lifetime`](Self::lifetime) accepts this time.
    pub(crate) fn check_lifetime(lifetime: Duration) -> Result<(), String> {
        match (MIN_LIFETIME..=MAX_LIFETIME).contains(&lifetime) {
            true => Ok(()),
            false => Err(format!(
                "the lifetime of nonces must be between 10 seconds and 24 hours, not {lifetime:?}"
            )),
        }
    }

    /// The nonce to send now. `now` is the time since 1970.
    pub(super) fn fresh(&self, now: Duration) -> String {
        let step = self.lifetime.as_secs() / ISSUES_PER_LIFETIME;
        let now = now.as_secs();
        let time = (now - now % step).to_be_bytes();
        let mut nonce = [0; NONCE_BYTES];
        nonce[..TIME_BYTES].copy_from_slice(&time);
        nonce[TIME_BYTES..].copy_from_slice(&code(&self.key, time));
        URL_SAFE_NO_PAD.encode(nonce)
    }

    /// Whether this nonce of a proof is accepted. `now` is the time since 1970.
    pub(super) fn state(&self, nonce: &str, now: Duration) -> NonceState {
        let Some(issued) = self.time_of_issue(nonce) else {
            return NonceState::Unknown;
        };
        if issued > now.saturating_add(MAX_SKEW) {
            return NonceState::Unknown;
        }
        let age = now.saturating_sub(issued);
        if age < self.lifetime / 2 {
            NonceState::Good
        } else if age < self.lifetime {
            NonceState::Ending
        } else {
            NonceState::Unknown
        }
    }

    /// The time since 1970 at which a nonce was issued, if it was issued with one of the secrets.
    fn time_of_issue(&self, nonce: &str) -> Option<Duration> {
        if nonce.len() != NONCE_LENGTH {
            return None;
        }
        let nonce = URL_SAFE_NO_PAD.decode(nonce).ok()?;
        let (time, sent) = nonce.split_first_chunk::<TIME_BYTES>()?;
        let is_of = |key| verify_slices_are_equal(&code(key, *time), sent).is_ok();
        let is_ours = is_of(&self.key) || self.previous.iter().any(is_of);
        is_ours.then(|| Duration::from_secs(u64::from_be_bytes(*time)))
    }
}

#[track_caller]
fn key(secret: &[u8]) -> hmac::Key {
    if let Err(problem) = DpopNonces::check_secret(secret) {
        panic!("{problem}");
    }
    hmac::Key::new(hmac::HMAC_SHA256, secret)
}

fn code(key: &hmac::Key, time: [u8; TIME_BYTES]) -> [u8; CODE_BYTES] {
    let mut context = hmac::Context::with_key(key);
    context.update(PURPOSE);
    context.update(&time);
    let mut code = [0; CODE_BYTES];
    code.copy_from_slice(&context.sign().as_ref()[..CODE_BYTES]);
    code
}

impl fmt::Debug for DpopNonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopNonces")
            .field("lifetime", &self.lifetime)
            .field("previous_secrets", &self.previous.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::NonceState::{Ending, Good, Unknown};
    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    fn nonces(secret: u8) -> DpopNonces {
        DpopNonces::new([secret; 32])
    }

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_nonce_ends_after_its_lifetime_and_is_replaced_from_half_of_it() {
        let nonces = nonces(1);
        let nonce = nonces.fresh(NOW);
        let nanosecond = Duration::from_nanos(1);
        for (now, expected) in [
            (NOW - s(5) - nanosecond, Unknown),
            (NOW - s(5), Good),
            (NOW, Good),
            (NOW + s(150) - nanosecond, Good),
            (NOW + s(150), Ending),
            (NOW + s(300) - nanosecond, Ending),
            (NOW + s(300), Unknown),
            (Duration::MAX, Unknown),
            (Duration::ZERO, Unknown),
        ] {
            assert_eq!(nonces.state(&nonce, now), expected, "{now:?}");
        }
    }

    #[test]
    fn a_nonce_is_issued_for_a_tenth_of_its_lifetime() {
        for (lifetime, step) in [(s(300), s(30)), (s(10), s(1)), (s(36_000), s(3_600))] {
            let nonces = nonces(1).lifetime(lifetime);
            let first = nonces.fresh(NOW);
            assert_eq!(nonces.fresh(NOW + step - Duration::from_nanos(1)), first);
            assert_ne!(nonces.fresh(NOW + step), first);
            assert_ne!(nonces.fresh(NOW - Duration::from_nanos(1)), first);
            let latest = NOW + step - Duration::from_nanos(1);
            assert_eq!(nonces.state(&nonces.fresh(latest), latest), Good);
        }
    }

    #[test]
    fn replicas_with_one_secret_accept_the_nonces_of_each_other() {
        let (one, other) = (nonces(1), nonces(1).lifetime(s(60)));
        assert_eq!(one.state(&other.fresh(NOW), NOW), Good);
        assert_eq!(other.state(&one.fresh(NOW), NOW), Good);
        assert_eq!(other.state(&one.fresh(NOW), NOW + s(60)), Unknown);
        // The clock of the replica that issued it is ahead.
        assert_eq!(one.state(&other.fresh(NOW + s(6)), NOW + s(1)), Good);
        assert_eq!(one.state(&other.fresh(NOW + s(6)), NOW), Unknown);
    }

    #[test]
    fn a_previous_secret_is_accepted_and_not_used() {
        let (old, new) = (nonces(1), nonces(2));
        let rotated = nonces(2).previous_secret([1; 32]);
        assert_eq!(rotated.fresh(NOW), new.fresh(NOW));
        for (nonce, expected) in [
            (old.fresh(NOW), Good),
            (new.fresh(NOW), Good),
            (nonces(3).fresh(NOW), Unknown),
        ] {
            assert_eq!(rotated.state(&nonce, NOW), expected);
        }
        assert_eq!(rotated.state(&old.fresh(NOW), NOW + s(150)), Ending);
        assert_eq!(rotated.state(&old.fresh(NOW), NOW + s(300)), Unknown);
        assert_eq!(old.state(&new.fresh(NOW), NOW), Unknown);
        assert_eq!(new.state(&old.fresh(NOW), NOW), Unknown);
        let older = rotated.previous_secret([3; 32]);
        assert_eq!(older.state(&nonces(3).fresh(NOW), NOW), Good);
        assert_eq!(older.state(&old.fresh(NOW), NOW), Good);
    }

    #[test]
    fn a_nonce_has_one_spelling_of_visible_ascii() {
        let nonces = nonces(1);
        let nonce = nonces.fresh(NOW);
        assert_eq!(nonce.len(), 32);
        assert!(nonce.bytes().all(|byte| byte.is_ascii_graphic()));
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for at in 0..nonce.len() {
            for character in alphabet.chars().chain("+/= .\0é".chars()) {
                let other = format!("{}{character}{}", &nonce[..at], &nonce[at + 1..]);
                let expected = if other == nonce { Good } else { Unknown };
                assert_eq!(nonces.state(&other, NOW), expected, "{other:?}");
            }
        }
        for other in [
            "".to_owned(),
            nonce[1..].to_owned(),
            nonce[..31].to_owned(),
            format!("{nonce}="),
            format!("{nonce}AAAA"),
            format!("AAAA{nonce}"),
            format!(" {nonce}"),
            format!("{nonce}\n"),
        ] {
            assert_eq!(nonces.state(&other, NOW), Unknown, "{other:?}");
        }
    }

    /// So that replicas of two versions of this crate accept the nonces of each other.
    #[test]
    fn the_format_is_stable() {
        let nonce = URL_SAFE_NO_PAD.decode(nonces(1).fresh(NOW)).unwrap();
        let (time, code) = nonce.split_at(8);
        assert_eq!(time, NOW.as_secs().to_be_bytes());
        let message = [b"tower-bearer-auth: DPoP nonce\0", time].concat();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]);
        assert_eq!(code, &hmac::sign(&key, &message).as_ref()[..16]);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let refused = |make: fn() -> DpopNonces| std::panic::catch_unwind(make).is_err();
        assert!(refused(|| DpopNonces::new([1; 31])));
        assert!(refused(|| DpopNonces::new("")));
        assert!(refused(|| nonces(1).previous_secret([1; 31])));
        for lifetime in [Duration::ZERO, s(9), s(86_401), Duration::MAX] {
            let make = move || nonces(1).lifetime(lifetime);
            assert!(std::panic::catch_unwind(make).is_err(), "{lifetime:?}");
        }
    }

    #[test]
    fn secrets_are_not_in_the_debug_output() {
        let shown = format!("{:?}", nonces(77).previous_secret([78; 32]));
        assert_eq!(
            shown,
            "DpopNonces { lifetime: 300s, previous_secrets: 1, .. }"
        );
    }

    proptest! {
        #[test]
        fn made_up_nonces_are_unknown(
            bytes in proptest::array::uniform24(any::<u8>()),
            text in ".{0,64}",
            seconds in 0..4_000_000_000_u64,
        ) {
            let nonces = nonces(1).previous_secret([2; 32]);
            prop_assert_eq!(nonces.state(&URL_SAFE_NO_PAD.encode(bytes), s(seconds)), Unknown);
            prop_assert_eq!(nonces.state(&text, s(seconds)), Unknown);
            // Of the right time, with another code.
            let mut near = bytes;
            near[..8].copy_from_slice(&seconds.to_be_bytes());
            prop_assert_eq!(nonces.state(&URL_SAFE_NO_PAD.encode(near), s(seconds)), Unknown);
        }

        #[test]
        fn a_nonce_is_accepted_for_nine_tenths_of_its_lifetime_at_least(
            seconds in 0..4_000_000_000_u64,
            nanoseconds in 0..1_000_000_000_u32,
            lifetime in 10..=86_400_u64,
            later in 0..200_000_u64,
        ) {
            let issued = Duration::new(seconds, nanoseconds);
            let nonces = nonces(1).lifetime(s(lifetime));
            let nonce = nonces.fresh(issued);
            let state = nonces.state(&nonce, issued + s(later));
            if later * 10 <= lifetime * 4 - 10 {
                prop_assert_eq!(state, Good);
            } else if later * 10 + 10 <= lifetime * 9 {
                prop_assert_ne!(state, Unknown);
            } else if later >= lifetime {
                prop_assert_eq!(state, Unknown);
            }
            let other = DpopNonces::new([9; 32]).lifetime(s(lifetime));
            prop_assert_eq!(other.state(&nonce, issued), Unknown);
        }
    }
}
