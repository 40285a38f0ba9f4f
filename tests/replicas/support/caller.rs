//! A client with a token.

use tower_bearer_auth::testing::DpopKey;

use super::replica::RESOURCE;

/// A client, with a token that may be bound to its key.
pub(crate) struct Caller {
    pub(crate) token: String,
    key: Option<DpopKey>,
}

impl Caller {
    pub(crate) fn bearer(token: String) -> Self {
        Self { token, key: None }
    }

    pub(crate) fn bound(token: String, key: DpopKey) -> Self {
        Self {
            token,
            key: Some(key),
        }
    }

    /// A new proof, if the token is bound.
    pub(crate) fn proof(&self) -> Option<String> {
        let url = format!("{RESOURCE}/whoami");
        let key = self.key.as_ref()?;
        Some(key.proof("GET", &url, &self.token).build())
    }
}
