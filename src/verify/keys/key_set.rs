//! A JWK Set from the configuration (RFC 7517 §5).

use std::fmt;

use super::jwk::{self, Accepted, Origin, Unusable, without_bom};
use super::jwk_text::JsonText;
use super::key::VerifyingKey;
use crate::config_error::{ConfigError, Problems};

/// The keys of a JWK Set that can verify signatures.
///
/// A set may have keys for other purposes. Keys for encryption, and keys of unknown types, curves or algorithms are
/// ignored, as RFC 7517 §5 recommends. A malformed, weak or private key is an error, because the set is part of the
/// server's configuration.
#[derive(Debug, Clone)]
pub struct KeySet {
    keys: Vec<VerifyingKey>,
}

impl KeySet {
    /// Parses a JWK Set, `{"keys": [..]}`.
    ///
    /// # Errors
    ///
    /// If the text is not a JWK Set, if a key is malformed, weak or private, or if no key can verify signatures. The
    /// error names every such key by its position, counted from 0, and its `kid`.
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        let jwks = jwks_of(json.as_bytes())
            .map_err(|problem| ConfigError::of(format!("the JWK Set {problem}")))?;
        Self::from_jwks(jwks)
    }

    pub(crate) fn from_jwks(
        jwks: impl IntoIterator<Item: AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        let mut keys = Vec::new();
        let mut skipped = Vec::new();
        let mut problems = Problems::default();
        for (position, jwk) in jwks.into_iter().enumerate() {
            let imported = jwk::import_text(jwk.as_ref(), Accepted::from(Origin::Local));
            let name = match imported.key_id {
                Some(key_id) => format!("{position} (kid {key_id:?})"),
                None => position.to_string(),
            };
            let describe = |unusable: Unusable| format!("key {name} of the JWK Set {unusable}");
            match imported.key {
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

/// Splits a JWK Set into the texts of its JWKs. Each text is a JSON value of any type.
///
/// A byte order mark at the start is ignored (RFC 8259 §8.1).
pub(crate) fn jwks_of(document: &[u8]) -> Result<Vec<&str>, NotAKeySet> {
    let text = str::from_utf8(document).map_err(|_| NotAKeySet::NotUtf8)?;
    let document = JsonText::parse(without_bom(text)).map_err(|error| NotAKeySet::NotJson {
        line: error.line(),
        column: error.column(),
    })?;
    let mut members = document.members().ok_or(NotAKeySet::NoKeys)?;
    let is_keys = |(name, _): &(JsonText<'_>, _)| name.string().is_some_and(|name| name == "keys");
    let (_, keys) = members.find(is_keys).ok_or(NotAKeySet::NoKeys)?;
    if members.any(|member| is_keys(&member)) {
        return Err(NotAKeySet::RepeatedKeys);
    }
    let jwks = keys.elements().ok_or(NotAKeySet::NoKeys)?;
    Ok(jwks.map(JsonText::as_str).collect())
}

/// The reason why a document is not a JWK Set. `Display` writes it as the end of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAKeySet {
    NotUtf8,
    NotJson {
        line: usize,
        column: usize,
    },
    NoKeys,
    /// It has two members `keys`. One parser could read the first and another parser the second.
    RepeatedKeys,
}

impl fmt::Display for NotAKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => f.write_str("is not UTF-8, which JSON requires"),
            Self::NotJson { line, column } => {
                write!(f, "is not JSON (line {line}, column {column})")
            }
            Self::NoKeys => f.write_str("has no array \"keys\""),
            Self::RepeatedKeys => f.write_str("has the member \"keys\" twice"),
        }
    }
}
