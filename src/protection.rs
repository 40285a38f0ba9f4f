//! The layer's configuration and the scopes that guards have required. They travel with the request, so that a guard or
//! a handler further in can answer with a complete challenge.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use http::Extensions;

use crate::metadata_reach::MetadataReach;
use crate::scopes::{ScopeHierarchy, Scopes};
use crate::shown_url::ShownUrl;

/// The part of a layer's configuration that later refusals need.
#[derive(Debug, Clone)]
pub(crate) struct Protection {
    pub(crate) realm: Option<Box<str>>,
    /// What every request needs.
    pub(crate) scopes: Scopes,
    pub(crate) hierarchy: ScopeHierarchy,
    /// Where the metadata of the protected resource is (RFC 9728 §5.1).
    pub(crate) resource_metadata: Option<MetadataUrl>,
    /// What the protected resource says there is to ask for.
    pub(crate) scopes_supported: Scopes,
    /// The maximum number of bytes that are read from a refused request's body, so that its connection stays usable.
    pub(crate) max_drained_bytes: usize,
}

/// Most requests that carry a token have a body of less than this.
const MAX_DRAINED_BYTES: usize = 64 * 1024;

impl Default for Protection {
    fn default() -> Self {
        Self {
            realm: None,
            scopes: Scopes::default(),
            hierarchy: ScopeHierarchy::default(),
            resource_metadata: None,
            scopes_supported: Scopes::default(),
            max_drained_bytes: MAX_DRAINED_BYTES,
        }
    }
}

/// The URL of a resource's metadata. Challenges contain all of it, and `Debug` omits the query.
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
    /// Records that a request without a token is refused with a challenge that names the metadata.
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

/// The scopes that guards have required of a request's token.
///
/// The latest entry is stored inline and the earlier ones in a list behind it, so that the first guard does not
/// allocate and each further one allocates a single node. The scopes are shared with the guards' configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct PassedGuards {
    latest: Option<Arc<Scopes>>,
    earlier: Option<Arc<Self>>,
}

impl PassedGuards {
    pub(crate) fn push(&mut self, required: Arc<Scopes>) {
        if let Some(latest) = &mut self.latest {
            let earlier = Self {
                latest: Some(std::mem::replace(latest, required)),
                earlier: self.earlier.take(),
            };
            self.earlier = Some(Arc::new(earlier));
        } else {
            self.latest = Some(required);
        }
    }

    /// Everything that the layer and these guards required, in the order in which the request met them.
    pub(crate) fn scopes_after(&self, layer: &Scopes) -> Scopes {
        let earlier = std::iter::successors(Some(self), |passed| passed.earlier.as_deref());
        let latest_first: Vec<_> = earlier
            .filter_map(|passed| passed.latest.as_deref())
            .collect();
        let outermost_first = latest_first.into_iter().rev();
        outermost_first.fold(layer.clone(), |scopes, required| scopes.union(required))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(names: &str) -> Scopes {
        Scopes::parse(names).unwrap()
    }

    #[test]
    fn what_guards_required_is_named_from_the_outside_in_and_once() {
        let mut passed = PassedGuards::default();
        assert_eq!(passed.scopes_after(&scopes("a")), scopes("a"));
        let clone_of_before = passed.clone();
        for names in ["b", "c a", "d"] {
            passed.push(Arc::new(scopes(names)));
        }
        assert_eq!(passed.scopes_after(&scopes("a")), scopes("a b c d"));
        assert_eq!(clone_of_before.scopes_after(&scopes("")), scopes(""));
    }
}
