//! What the layer was configured with, carried along so that a guard or a handler can answer with
//! the same challenge.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use http::Extensions;

use crate::metadata_reach::MetadataReach;
use crate::scopes::{ScopeHierarchy, Scopes};
use crate::shown_url::ShownUrl;

/// The part of a layer's configuration that challenges and scope checks need.
#[derive(Debug, Clone, Default)]
pub(crate) struct Protection {
    pub(crate) realm: Option<Box<str>>,
    /// What every request needs.
    pub(crate) scopes: Scopes,
    pub(crate) hierarchy: ScopeHierarchy,
    /// Where the metadata of the protected resource is (RFC 9728 §5.1).
    pub(crate) resource_metadata: Option<MetadataUrl>,
    /// What the protected resource says there is to ask for.
    pub(crate) scopes_supported: Scopes,
}

/// The URL of a resource's metadata. Clients are told all of it, and `Debug` no query.
#[derive(Clone)]
pub(crate) struct MetadataUrl {
    url: Box<str>,
    reach: Arc<MetadataReach>,
}

impl MetadataUrl {
    pub(crate) fn new(url: String, reach: Arc<MetadataReach>) -> Self {
        Self {
            url: url.into(),
            reach,
        }
    }
}

impl Deref for MetadataUrl {
    type Target = str;

    fn deref(&self) -> &str {
        &self.url
    }
}

impl fmt::Debug for MetadataUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ShownUrl::of(&self.url).fmt(f)
    }
}

impl Protection {
    /// Notices that a request without a token is refused, whose challenge sends the client to the metadata.
    pub(crate) fn refused_without_token(&self, extensions: &Extensions) {
        if let Some(metadata) = &self.resource_metadata {
            metadata.reach.refused(metadata, extensions);
        }
    }

    /// What a client that has no good token is told to ask for: what every request needs, or else all
    /// that there is.
    pub(crate) fn initial_scopes(&self) -> &Scopes {
        match self.scopes.is_empty() {
            true => &self.scopes_supported,
            false => &self.scopes,
        }
    }
}
