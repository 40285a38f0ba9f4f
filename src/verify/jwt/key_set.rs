//! A JWK Set held locally (RFC 7517 §5).

use serde_json::Value;

use super::jwk::{self, Origin, Unusable};
use super::key::VerifyingKey;
use crate::config_error::{ConfigError, Problems};

/// The keys of a JWK Set that can verify signatures here.
///
/// A set may hold keys for other purposes: those for encryption and those of unknown types, curves
/// or algorithms are left out, as RFC 7517 §5 asks. A key that is broken, weak or private is an
/// error, because somebody put it there to be used.
#[derive(Debug, Clone)]
pub struct KeySet {
    keys: Vec<VerifyingKey>,
}

impl KeySet {
    /// Reads a set from its JSON form, `{"keys": [..]}`.
    ///
    /// # Errors
    ///
    /// When the text is no JWK Set, when a key is broken, weak or private, and when no key is left
    /// to verify with. Every such key is named by its position.
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        let document: Value = serde_json::from_str(json)
            .map_err(|error| ConfigError::of(format!("the JWK Set is not JSON: {error}")))?;
        Self::from_document(&document)
    }

    pub(super) fn from_document(document: &Value) -> Result<Self, ConfigError> {
        let jwks = document.get("keys").and_then(Value::as_array);
        let jwks = jwks.ok_or_else(|| ConfigError::of("the JWK Set has no array \"keys\""))?;

        let mut keys = Vec::new();
        let mut skipped = Vec::new();
        let mut problems = Problems::default();
        for (position, jwk) in jwks.iter().enumerate() {
            let describe = |unusable: Unusable| format!("key {position} of the JWK Set {unusable}");
            match jwk::import(jwk, Origin::Local) {
                Ok(key) => keys.push(key),
                Err(unusable) if unusable.is_for_others() => skipped.push(describe(unusable)),
                Err(unusable) => problems.push(describe(unusable)),
            }
        }
        if keys.is_empty() {
            problems.extend(skipped);
            problems.push("the JWK Set has no key to verify with");
        }
        ConfigError::check(problems)?;
        Ok(Self { keys })
    }

    /// The keys, in the order of the set.
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }
}

impl IntoIterator for KeySet {
    type Item = VerifyingKey;
    type IntoIter = std::vec::IntoIter<VerifyingKey>;

    fn into_iter(self) -> Self::IntoIter {
        self.keys.into_iter()
    }
}
