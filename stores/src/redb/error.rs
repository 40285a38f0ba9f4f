//! The errors of the store.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use redb::DatabaseError;

/// The file of a [`RedbStore`](super::RedbStore) cannot be opened, read or written.
///
/// Its [source](Error::source) is the error of redb, if there is one.
#[derive(Debug, Clone)]
pub struct RedbStoreError {
    text: String,
    /// Shared, since all calls of a batch fail for the same reason.
    cause: Option<Arc<redb::Error>>,
}

impl RedbStoreError {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            cause: None,
        }
    }

    pub(super) fn open(path: &Path, error: DatabaseError) -> Self {
        let path = path.display();
        let text = match &error {
            DatabaseError::DatabaseAlreadyOpen => format!(
                "{path} is open already: one process at a time can use it, and one RedbStore, of which there can be \
                 clones"
            ),
            _ => format!("{path} cannot be opened as a store"),
        };
        Self {
            text,
            cause: Some(Arc::new(error.into())),
        }
    }

    pub(super) fn failed(doing: &str, error: impl Into<redb::Error>) -> Self {
        Self {
            text: format!("the file of the store cannot be {doing}"),
            cause: Some(Arc::new(error.into())),
        }
    }
}

impl fmt::Display for RedbStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for RedbStoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let cause = self.cause.as_deref()?;
        Some(cause)
    }
}
