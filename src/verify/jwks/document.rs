//! A JWK Set from somewhere else (RFC 7517 §5): each key read on its own.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::validators::Validators;
use crate::verify::jwt::VerifyingKey;
use crate::verify::jwt::jwk::{self, Origin};

/// How many keys of a document are looked at.
pub(super) const MAX_KEYS: usize = 100;

/// The usable keys of a JWK Set, and what its source says about how long it holds.
///
/// A key that is of no use here does no harm to the others: it is left out and counted. That goes for
/// unknown types, curves and algorithms, keys for encryption, weak RSA keys (below 2048 bits), points
/// off their curve, and for private and symmetric keys, which nobody should publish.
#[derive(Debug, Clone)]
pub struct KeyDocument {
    pub(super) keys: Vec<VerifyingKey>,
    pub(super) skipped: BTreeMap<&'static str, usize>,
    pub(super) freshness: Option<Duration>,
    pub(super) validators: Option<Validators>,
}

impl KeyDocument {
    /// Reads `{"keys": [..]}`. Past the first 100 keys, the rest is left out and counted.
    ///
    /// # Errors
    ///
    /// When this is no JWK Set, and when none of its keys is usable: such a document never takes the
    /// place of good keys.
    pub fn from_json(json: &[u8]) -> Result<Self, DocumentError> {
        let document: Value = serde_json::from_slice(json).map_err(|_| DocumentError::NotJson)?;
        let jwks = document.get("keys").and_then(Value::as_array);
        let jwks = jwks.ok_or(DocumentError::NotAKeySet)?;

        let mut keys = Vec::new();
        let mut skipped = BTreeMap::new();
        for (position, jwk) in jwks.iter().enumerate() {
            let key = match position < MAX_KEYS {
                true => jwk::import(jwk, Origin::Remote).map_err(|unusable| unusable.as_str()),
                false => Err("too_many"),
            };
            match key {
                Ok(key) => keys.push(key),
                Err(reason) => *skipped.entry(reason).or_insert(0) += 1,
            }
        }
        if keys.is_empty() {
            return Err(DocumentError::NoUsableKey(skipped));
        }
        Ok(Self {
            keys,
            skipped,
            freshness: None,
            validators: None,
        })
    }

    /// How long the document counts as fresh, as its source says. [`Jwks`](super::Jwks) keeps it within
    /// its own bounds.
    #[must_use]
    pub fn with_freshness(mut self, freshness: Option<Duration>) -> Self {
        self.freshness = freshness;
        self
    }

    /// What the source will recognize the document by.
    #[must_use]
    pub fn with_validators(mut self, validators: Option<Validators>) -> Self {
        self.validators = validators;
        self
    }

    /// The usable keys.
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// The other keys: how many, by reason.
    pub fn skipped(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.skipped.iter().map(|(reason, count)| (*reason, *count))
    }
}

/// Why a document brings no keys.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DocumentError {
    /// It is not JSON.
    NotJson,
    /// It has no array `keys`.
    NotAKeySet,
    /// It has no key that is usable here; how many were left out, by reason.
    NoUsableKey(BTreeMap<&'static str, usize>),
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("the key document is not JSON"),
            Self::NotAKeySet => f.write_str("the key document has no array \"keys\""),
            Self::NoUsableKey(skipped) => {
                write!(
                    f,
                    "the key document has no usable key; left out: {skipped:?}"
                )
            }
        }
    }
}

impl std::error::Error for DocumentError {}
