//! Where key documents come from.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tower::BoxError;

use super::document::Validators;
use super::document::{DocumentError, KeyDocument, KeyRules, SelectedDocument};

/// Something that can be asked for a JWK Set, again and again.
///
/// [`Jwks`](super::Jwks) decides when to ask, bounds how long an answer may take, and never asks twice
/// at once. A source keeps no keys of its own, and must not block: a fetch that overruns its time limit
/// without yielding is given up, and once another was begun, what it brings is dropped.
///
/// ```
/// use std::path::PathBuf;
/// use tower_bearer_auth::jwks::{Fetched, Jwks, KeyDocument, KeySource, Validators};
///
/// /// A file that something else keeps up to date.
/// struct KeyFile(PathBuf);
///
/// impl KeySource for KeyFile {
///     async fn fetch(&self, _: Option<&Validators>) -> Result<Fetched, tower::BoxError> {
///         let json = tokio::fs::read(&self.0).await?;
///         Ok(Fetched::Document(KeyDocument::from_json(&json)?))
///     }
/// }
///
/// let jwks = Jwks::builder(KeyFile("keys.json".into())).build()?;
/// # Ok::<(), tower_bearer_auth::ConfigError>(())
/// ```
pub trait KeySource: Send + Sync + 'static {
    /// Fetches the document, or finds that it is still the one with these validators.
    ///
    /// # Errors
    ///
    /// Whatever went wrong. It shows up in logs and in [`JwksStatus`](super::JwksStatus), never in an
    /// answer to a client.
    fn fetch(
        &self,
        known: Option<&Validators>,
    ) -> impl Future<Output = Result<Fetched, BoxError>> + Send;

    /// What to call the source in logs; nothing secret. It is asked once, when a [`Jwks`](super::Jwks) is
    /// built. Default: the name of its type.
    ///
    /// A verifier that accepts any issuer, and has no [name](crate::JwtVerifierBuilder::name), tells its
    /// [principals](crate::AccessToken::principal) from those of others by this name: sources with different keys need
    /// different ones.
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }
}

/// What a source brings.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Fetched {
    /// A document.
    Document(KeyDocument),
    /// Nothing new: the document known by its validators still holds, for this much longer where the
    /// source says.
    Unchanged {
        /// How long the document counts as fresh from now on.
        freshness: Option<Duration>,
    },
}

impl Fetched {
    /// Selects the keys that a set with these rules accepts.
    pub(super) fn select(self, rules: &KeyRules) -> Result<FetchedKeys, DocumentError> {
        Ok(match self {
            Self::Document(document) => FetchedKeys::Document(document.select(rules)?),
            Self::Unchanged { freshness } => FetchedKeys::Unchanged { freshness },
        })
    }
}

/// The result of a fetch, with the keys that one key set accepts.
pub(super) enum FetchedKeys {
    Document(SelectedDocument),
    Unchanged { freshness: Option<Duration> },
}

type FetchFuture<'a> = Pin<Box<dyn Future<Output = Result<Fetched, BoxError>> + Send + 'a>>;

/// A [`KeySource`] of any type. Fetching is I/O, so the box costs nothing that matters.
pub(super) trait ErasedSource: Send + Sync {
    fn fetch<'a>(&'a self, known: Option<&'a Validators>) -> FetchFuture<'a>;

    fn name(&self) -> &str;
}

impl<S: KeySource> ErasedSource for S {
    fn fetch<'a>(&'a self, known: Option<&'a Validators>) -> FetchFuture<'a> {
        Box::pin(KeySource::fetch(self, known))
    }

    fn name(&self) -> &str {
        KeySource::name(self)
    }
}
