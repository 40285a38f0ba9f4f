//! The keys that the source may publish, and the tokens that requests carry.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use crate::testing::SigningKey;
use crate::verify::jwks::KeyDocument;
use crate::verify::keys::Algorithm;

/// A key ID, and the number of the key material that it stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Name {
    pub(super) key_id: Option<&'static str>,
    pub(super) material: usize,
}

const fn name(key_id: Option<&'static str>, material: usize) -> Name {
    Name { key_id, material }
}

pub(super) const MATERIALS: usize = 5;

pub(super) const A: Name = name(Some("a"), 0);
pub(super) const B: Name = name(Some("b"), 1);
pub(super) const C: Name = name(Some("c"), 2);
/// The key ID of `A` with other material.
pub(super) const OTHER_A: Name = name(Some("a"), 3);
/// The material of `A` with another key ID.
pub(super) const SECOND_A: Name = name(Some("z"), 0);
pub(super) const UNNAMED: Name = name(None, 4);

/// The documents that the source may publish. Each has at most four keys, because a verifier tries at most four keys
/// for one token.
pub(super) const DOCUMENTS: [&[Name]; 9] = [
    &[A],
    &[A, B],
    &[B, C],
    &[B],
    &[OTHER_A, B],
    &[A, SECOND_A],
    &[SECOND_A, C],
    &[B, UNNAMED],
    &[A, B, C, UNNAMED],
];

/// The key ID of each token, and the material that signed it. The key IDs of the last three are never published.
pub(super) const TOKENS: [Name; 9] = [
    A,
    B,
    C,
    OTHER_A,
    SECOND_A,
    name(None, 1),
    name(Some("u"), 4),
    name(Some("x"), 0),
    name(Some("y"), 0),
];

/// The `iat` of each token, which may be long after the token arrives.
pub(super) const ISSUED: [Option<Duration>; TOKENS.len()] = [
    Some(LONG_BEFORE),
    Some(after(3600)),
    None,
    Some(LONG_BEFORE),
    Some(after(86_400)),
    None,
    Some(after(3 * 86_400)),
    Some(LONG_BEFORE),
    Some(after(86_400)),
];

const LONG_BEFORE: Duration = Duration::from_secs(1_700_000_000);

const fn after(seconds: u64) -> Duration {
    Duration::from_secs(START.as_secs() + seconds)
}

/// The default leeway of verifiers for the issuer's clock.
pub(super) const LEEWAY: Duration = Duration::from_secs(60);

/// Whether a verifier tries this key for the token, and the signature matches.
pub(super) fn is_signed_by(token: Name, key: Name) -> bool {
    let may_try = token.key_id.is_none() || key.key_id.is_none() || token.key_id == key.key_id;
    may_try && token.material == key.material
}

struct Pool {
    documents: Vec<KeyDocument>,
    tokens: Vec<String>,
}

static POOL: LazyLock<Pool> = LazyLock::new(|| {
    let materials: Vec<SigningKey> = (0..MATERIALS)
        .map(|_| SigningKey::generate(Algorithm::ES256))
        .collect();
    let token = |(token, issued): (&Name, Option<Duration>)| {
        let mut key = materials[token.material].clone();
        if let Some(key_id) = token.key_id {
            key = key.with_key_id(key_id);
        }
        let token = key
            .token()
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .subject("alice");
        let token = token.expires_at(SystemTime::UNIX_EPOCH + EXPIRY);
        match issued {
            Some(at) => token.issued_at(SystemTime::UNIX_EPOCH + at).build(),
            None => token.without_claim("iat").build(),
        }
    };
    let document = |names: &&[Name]| {
        let keys = names.iter().map(|name| {
            let key = materials[name.material].clone();
            match name.key_id {
                Some(key_id) => key.with_key_id(key_id),
                None => key,
            }
        });
        let keys: Vec<_> = keys.collect();
        let json = SigningKey::jwk_set(&keys).to_string();
        KeyDocument::from_json(json.as_bytes()).unwrap()
    };
    Pool {
        documents: DOCUMENTS.iter().map(document).collect(),
        tokens: TOKENS.iter().zip(ISSUED).map(token).collect(),
    }
});

pub(super) const ISSUER: &str = "https://issuer.test";
pub(super) const AUDIENCE: &str = "https://api.test";
/// The start of every schedule.
pub(super) const START: Duration = Duration::from_secs(1_800_000_000);
/// The `exp` of every token, which is after the end of every schedule.
const EXPIRY: Duration = Duration::from_secs(4_000_000_000);

/// The token with this index in [`TOKENS`].
pub(super) fn token(token: usize) -> &'static str {
    &POOL.tokens[token]
}

/// The document with this index in [`DOCUMENTS`].
pub(super) fn document(document: usize) -> KeyDocument {
    POOL.documents[document].clone()
}
