//! A JWK Set from another server (RFC 7517 §5): each key read on its own.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use url::Url;

use super::left_out::LeftOutKeys;
use crate::verify::keys::VerifyingKey;
use crate::verify::keys::jwk::{Accepted, Origin, USUAL_KEY_USES, import_text};
use crate::verify::keys::key_set::{NotAKeySet, jwks_of};

/// Which keys of a document a key set accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyRules {
    /// The values of `use` for keys that verify tokens.
    pub(super) key_uses: Cow<'static, [Cow<'static, str>]>,
    /// How many keys of a document are read.
    pub(super) max_keys: usize,
}

impl KeyRules {
    /// The rules of a key set with default settings.
    pub(super) const DEFAULT: Self = Self {
        key_uses: Cow::Borrowed(USUAL_KEY_USES),
        max_keys: 1_000,
    };
}

/// The upper limit of `max_keys`. No more keys of a document are kept.
pub(super) const MAX_KEYS_LIMIT: usize = 10_000;

/// The keys of a JWK Set, with their freshness lifetime and validators.
///
/// A key that cannot be used is left out and counted, and the others are used. That concerns unknown types, curves and
/// algorithms, keys for encryption, weak RSA keys (below 2048 bits), points that are not on their curve, and private and
/// symmetric keys, which an issuer must not publish.
///
/// The texts of up to 10,000 keys are kept, since the settings of a [`Jwks`](super::Jwks) may accept other keys than
/// [`keys`](Self::keys): [`key_uses`](super::JwksBuilder::key_uses), [`max_keys`](super::JwksBuilder::max_keys).
#[derive(Clone)]
pub struct KeyDocument {
    jwks: Vec<Box<str>>,
    /// The number of keys whose text is not kept.
    beyond: usize,
    /// The selection by the default rules.
    usual: Selection,
    freshness: Option<Duration>,
    validators: Option<Validators>,
}

/// The keys of a document that rules accept, and those that they leave out.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection {
    pub(super) keys: Vec<VerifyingKey>,
    pub(super) left_out: LeftOutKeys,
}

/// A document with the keys that one key set accepts.
pub(super) struct SelectedDocument {
    pub(super) selection: Selection,
    pub(super) freshness: Option<Duration>,
    pub(super) validators: Option<Validators>,
}

impl KeyDocument {
    /// Reads `{"keys": [..]}`. A byte order mark in front is ignored (RFC 8259 §8.1).
    ///
    /// # Errors
    ///
    /// When this is not a JWK Set, and when none of its keys is usable with any settings of a key set. Such a document
    /// never replaces good keys.
    pub fn from_json(json: &[u8]) -> Result<Self, DocumentError> {
        let jwks = jwks_of(json).map_err(|problem| match problem {
            NotAKeySet::NotUtf8 | NotAKeySet::NotJson { .. } => DocumentError::NotJson,
            NotAKeySet::NoKeys => DocumentError::NotAKeySet,
            NotAKeySet::RepeatedKeys => DocumentError::RepeatedKeys,
        })?;
        let beyond = jwks.len().saturating_sub(MAX_KEYS_LIMIT);
        let jwks = &jwks[..jwks.len() - beyond];
        let usual = Selection::of(jwks, beyond, &KeyRules::DEFAULT);
        let other_rules_may_take_one = usual
            .left_out
            .by_reason()
            .any(|(reason, _)| ["not_for_verifying", "too_many"].contains(&reason));
        if usual.keys.is_empty() && !other_rules_may_take_one {
            return Err(DocumentError::NoUsableKey(usual.left_out));
        }
        Ok(Self {
            jwks: jwks.iter().map(|jwk| Box::from(*jwk)).collect(),
            beyond,
            usual,
            freshness: None,
            validators: None,
        })
    }

    /// The freshness lifetime that the source gives. [`Jwks`](super::Jwks) limits it to its own
    /// [bounds](super::JwksBuilder::freshness_between).
    #[must_use]
    pub fn with_freshness(mut self, freshness: Option<Duration>) -> Self {
        self.freshness = freshness;
        self
    }

    /// The validators of the document, which the next fetch gets.
    #[must_use]
    pub fn with_validators(mut self, validators: Option<Validators>) -> Self {
        self.validators = validators;
        self
    }

    /// The keys that a [`Jwks`](super::Jwks) with default settings accepts. There may be none if all keys have another
    /// `use`.
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.usual.keys
    }

    /// The number of keys that such a set leaves out, by reason.
    pub fn skipped(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.usual.left_out.by_reason()
    }

    /// Selects the keys that a set with these rules accepts; at least one.
    pub(super) fn select(self, rules: &KeyRules) -> Result<SelectedDocument, DocumentError> {
        let selection = match *rules == KeyRules::DEFAULT {
            true => self.usual,
            false => Selection::of(&self.jwks, self.beyond, rules),
        };
        if selection.keys.is_empty() {
            return Err(DocumentError::NoUsableKey(selection.left_out));
        }
        Ok(SelectedDocument {
            selection,
            freshness: self.freshness,
            validators: self.validators,
        })
    }
}

impl Selection {
    /// Selects from these keys, and counts `beyond` further ones as not read.
    fn of(jwks: &[impl AsRef<str>], beyond: usize, rules: &KeyRules) -> Self {
        let accepted = Accepted {
            origin: Origin::Remote,
            key_uses: &rules.key_uses,
        };
        let read = jwks.len().min(rules.max_keys);
        let mut selection = Self::default();
        for jwk in &jwks[..read] {
            let imported = import_text(jwk.as_ref(), accepted);
            match imported.key {
                Ok(key) => selection.keys.push(key),
                Err(unusable) => {
                    let key_id = imported.key_id.as_deref();
                    selection.left_out.add(unusable, key_id);
                }
            }
        }
        selection.left_out.add_unread(jwks.len() - read + beyond);
        selection.left_out.sort();
        selection
    }
}

/// Omits the texts of the keys, since one of them may be private.
impl fmt::Debug for KeyDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyDocument")
            .field("keys", &self.usual.keys)
            .field("left_out", &self.usual.left_out)
            .field("freshness", &self.freshness)
            .field("validators", &self.validators)
            .finish_non_exhaustive()
    }
}

/// Why a document has no usable keys.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DocumentError {
    /// It is not JSON.
    NotJson,
    /// It has no array `keys`.
    NotAKeySet,
    /// It has the member `keys` twice. Another parser could read the other one.
    RepeatedKeys,
    /// It has no usable key. The value describes the keys that were left out.
    NoUsableKey(LeftOutKeys),
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("the key document is not JSON"),
            Self::NotAKeySet => f.write_str("the key document has no array \"keys\""),
            Self::RepeatedKeys => f.write_str("the key document has the member \"keys\" twice"),
            Self::NoUsableKey(left_out) if *left_out == LeftOutKeys::default() => {
                f.write_str("the key document has no usable key: it has no keys at all")
            }
            Self::NoUsableKey(left_out) => write!(
                f,
                "the key document has no usable key; left out: {left_out}"
            ),
        }
    }
}

impl std::error::Error for DocumentError {}

/// What a source recognizes its own document by (RFC 9110 §8.8).
#[derive(Clone, PartialEq, Eq)]
pub struct Validators {
    etag: HeaderValue,
    /// The URL of the document, where the source can change it: equal tags at two URLs are not the same document.
    url: Option<Arc<str>>,
}

impl Validators {
    /// The document's entity tag.
    pub fn from_etag(etag: HeaderValue) -> Self {
        Self { etag, url: None }
    }

    /// The same, for the document at this URL.
    pub(super) fn at(self, url: &Url) -> Self {
        let url = Some(url.as_str().into());
        Self { url, ..self }
    }

    /// Whether they are of the document at this URL.
    pub(super) fn are_at(&self, url: &Url) -> bool {
        self.url.as_deref() == Some(url.as_str())
    }

    /// The document's entity tag, for `If-None-Match`.
    pub fn etag(&self) -> &HeaderValue {
        &self.etag
    }
}

impl fmt::Debug for Validators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validators")
            .field("etag", &self.etag)
            .finish_non_exhaustive()
    }
}
