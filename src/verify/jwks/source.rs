//! Sources of key documents.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tower::BoxError;

use super::document::{DocumentError, KeyDocument, KeyRules, SelectedDocument, Validators};

/// A source of JWK Sets that can be fetched repeatedly.
///
/// Implement it for keys that are neither at a URL ([`HttpKeySource`](super::HttpKeySource)) nor found by discovery
/// ([`Discovery`](super::Discovery)): in a file, a secret store, a database.
///
/// [`Jwks`](super::Jwks) decides when to fetch, limits the time of a fetch, and runs one fetch at a time. A source does
/// not cache keys itself, and must not block its thread. A fetch that blocks past its time limit counts as failed; once
/// another fetch was started, its result is dropped.
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
    /// Fetches the document. `known` are the validators of the current document: if the source finds that it has not
    /// changed, it returns [`Fetched::Unchanged`].
    ///
    /// # Errors
    ///
    /// When there is no document. The error and its sources are in the log and in
    /// [`JwksStatus::last_error`](super::JwksStatus::last_error), and not in responses to clients. Leave secrets out of
    /// its text, such as the query of a URL.
    fn fetch(
        &self,
        known: Option<&Validators>,
    ) -> impl Future<Output = Result<Fetched, BoxError>> + Send;

    /// The name of the source in logs, without secrets. It is read once, when a [`Jwks`](super::Jwks) is built. Default:
    /// the name of its type.
    ///
    /// Override it if sources of your type can have different keys, and include what tells them apart, such as the path
    /// or the tenant. With the default they all share one name, since nothing else about a source is the same in every
    /// replica of your server. Sources with one name cannot be told apart in logs. And if two verifiers
    /// [accept any issuer](crate::JwtVerifierBuilder::accept_any_issuer) and have no
    /// [name](crate::JwtVerifierBuilder::name), the name of the source is all that tells their
    /// [principals](crate::AccessToken::principal) apart: a token of one could use the sessions of the other.
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }

    /// What the fetch in progress waits for, without secrets, such as
    /// `https://issuer.example.com/jwks does not answer`.
    /// It is part of the error of a fetch that runs out of time. Default: `None`.
    fn progress(&self) -> Option<String> {
        None
    }
}

/// The result of a fetch.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Fetched {
    /// The document.
    Document(KeyDocument),
    /// The document with the known validators is still current.
    Unchanged {
        /// How long the document is fresh from now on, if the source says so.
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

/// A [`KeySource`] of any type. The box costs little beside the I/O of a fetch.
pub(super) trait ErasedSource: Send + Sync {
    fn fetch<'a>(&'a self, known: Option<&'a Validators>) -> FetchFuture<'a>;

    fn name(&self) -> &str;

    fn progress(&self) -> Option<String>;
}

impl<S: KeySource> ErasedSource for S {
    fn fetch<'a>(&'a self, known: Option<&'a Validators>) -> FetchFuture<'a> {
        Box::pin(KeySource::fetch(self, known))
    }

    fn name(&self) -> &str {
        KeySource::name(self)
    }

    fn progress(&self) -> Option<String> {
        KeySource::progress(self)
    }
}
