//! One revocation, as it is kept in memory and in stores.

use std::cell::RefCell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::sha256::sha256;

/// What a revocation refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationKind {
    /// One token, by its `jti`.
    Token,
    /// The tokens of a subject that were issued until some time, by their `sub`.
    Subject,
    /// The tokens of a session, by their `sid`.
    Session,
    /// The tokens of a client that were issued until some time, by their `client_id`.
    Client,
}

impl RevocationKind {
    pub(super) const ALL: [Self; 4] = [Self::Token, Self::Subject, Self::Session, Self::Client];

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// Identifies what is revoked: a digest of the kind, the issuer, and the ID of the token, subject, session or client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RevocationId {
    kind: RevocationKind,
    digest: Digest,
}

/// The beginning of a SHA-256 digest. It is compared with those of verified tokens only, so an attacker who has found a
/// collision needs an issuer that signs it.
type Digest = [u8; 16];

fn digest(text: &[u8]) -> Digest {
    *sha256(text).first_chunk().expect("16 of 32 bytes")
}

/// The text of an ID: the digest of the issuer, the kind, and the name. All but the name have a fixed length, so that
/// different IDs never have the same text.
///
/// A thread keeps the text of its last ID, since most servers have one issuer. SHA-256 then reads one block for most
/// IDs.
struct IdText {
    issuer: String,
    text: Vec<u8>,
}

thread_local! {
    static LAST: RefCell<IdText> = RefCell::new(IdText::of_issuer(""));
}

impl IdText {
    fn of_issuer(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            text: digest(issuer.as_bytes()).to_vec(),
        }
    }

    fn digest(&mut self, kind: RevocationKind, name: &str) -> Digest {
        self.text.truncate(size_of::<Digest>());
        self.text.push(kind as u8);
        self.text.extend_from_slice(name.as_bytes());
        digest(&self.text)
    }
}

impl RevocationId {
    /// An issuer may have a slash at its end or not: administrators write both.
    pub(super) fn new(kind: RevocationKind, issuer: &str, name: &str) -> Self {
        let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
        let digest = LAST.with_borrow_mut(|last| {
            if last.issuer != issuer {
                *last = IdText::of_issuer(issuer);
            }
            last.digest(kind, name)
        });
        Self { kind, digest }
    }

    pub(super) fn kind(&self) -> RevocationKind {
        self.kind
    }

    /// A number that is spread evenly over all IDs.
    pub(super) fn spread(&self) -> usize {
        usize::from(self.digest[0])
    }
}

impl Hash for RevocationId {
    /// The digest contains the kind.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(u128::from_ne_bytes(self.digest));
    }
}

/// One revocation, as a [`RevocationStore`](super::RevocationStore) keeps it.
///
/// It contains a digest in place of the issuer and the token, subject, session or client, so that a store has no
/// personal data. Stores keep [its bytes](Self::to_bytes) until [`ends_at`](Self::ends_at).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revocation {
    pub(super) id: RevocationId,
    /// Refuses tokens that were issued until then, in milliseconds since 1970. `u64::MAX` refuses all.
    pub(super) cutoff: u64,
    /// In seconds since 1970.
    pub(super) ends_at: u64,
}

/// The cutoff of a revocation that refuses tokens no matter when they were issued.
pub(super) const ALL_TOKENS: u64 = u64::MAX;

impl Revocation {
    /// The length of [its bytes](Self::to_bytes).
    pub const LENGTH: usize = 1 + size_of::<Digest>() + 8 + 8;

    /// What it refuses.
    pub fn kind(&self) -> RevocationKind {
        self.id.kind
    }

    /// When a store may remove it, since every token that it refuses has expired. In whole seconds.
    pub fn ends_at(&self) -> SystemTime {
        // No later than the year 9999, which every system can represent.
        UNIX_EPOCH + Duration::from_secs(self.ends_at)
    }

    /// The bytes for a store.
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[0] = self.id.kind as u8;
        bytes[1..17].copy_from_slice(&self.id.digest);
        bytes[17..25].copy_from_slice(&self.cutoff.to_be_bytes());
        bytes[25..].copy_from_slice(&self.ends_at.to_be_bytes());
        bytes
    }

    /// Reads the bytes of [`to_bytes`](Self::to_bytes). `None` if they are something else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&[kind], rest) = bytes.split_first_chunk()?;
        let (&digest, rest) = rest.split_first_chunk()?;
        let (&cutoff, rest) = rest.split_first_chunk()?;
        let ends_at = u64::from_be_bytes(rest.try_into().ok()?);
        let kind = *RevocationKind::ALL.get(usize::from(kind))?;
        (ends_at <= LAST_SECOND).then_some(Self {
            id: RevocationId { kind, digest },
            cutoff: u64::from_be_bytes(cutoff),
            ends_at,
        })
    }

    /// Whether it has not ended at this time since 1970.
    pub(super) fn is_live(&self, now: Duration) -> bool {
        now.as_secs() < self.ends_at
    }
}

/// 9999-12-31T23:59:59Z, in seconds since 1970.
pub(super) const LAST_SECOND: u64 = 253_402_300_799;

impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocation")
            .field("kind", &self.id.kind)
            .field("ends_at", &self.ends_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_back_and_others_are_refused() {
        for kind in RevocationKind::ALL {
            let revocation = Revocation {
                id: RevocationId::new(kind, "https://issuer.example.com", "name"),
                cutoff: 1_700_000_000_123,
                ends_at: 1_700_000_000,
            };
            let bytes = revocation.to_bytes();
            assert_eq!(Revocation::from_bytes(&bytes), Some(revocation));
            assert_eq!(Revocation::from_bytes(&bytes[1..]), None);
            assert_eq!(Revocation::from_bytes(&[&bytes[..], &[0]].concat()), None);
            let mut other = bytes;
            other[0] = 4;
            assert_eq!(Revocation::from_bytes(&other), None);
            let mut late = bytes;
            late[25..].copy_from_slice(&(LAST_SECOND + 1).to_be_bytes());
            assert_eq!(Revocation::from_bytes(&late), None);
        }
        assert_eq!(Revocation::from_bytes(&[]), None);
    }

    #[test]
    fn what_differs_has_another_id() {
        let id = |kind, issuer, name| RevocationId::new(kind, issuer, name);
        let token = id(RevocationKind::Token, "a", "bc");
        assert_eq!(token, id(RevocationKind::Token, "a/", "bc"));
        for other in [
            id(RevocationKind::Subject, "a", "bc"),
            id(RevocationKind::Token, "ab", "c"),
            id(RevocationKind::Token, "", "abc"),
            id(RevocationKind::Token, "a", "bc/"),
            id(RevocationKind::Token, "a//", "bc"),
        ] {
            assert_ne!(token, other);
        }
    }
}
