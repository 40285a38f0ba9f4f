//! The layer's configuration, and what guards have required. They are part of the request, so that inner guards
//! and handlers can refuse it with a complete challenge.

use std::fmt;
use std::iter;
use std::ops::Deref;
use std::sync::Arc;

use http::Extensions;

use crate::access_token::RevocationCheck;
use crate::authentication_requirement::AuthenticationRequirement;
use crate::credentials::Scheme;
use crate::metadata_reach::MetadataReach;
use crate::reject::RefusalMap;
use crate::scopes::{ScopeHierarchy, Scopes};
use crate::shown_url::ShownUrl;

/// The part of a layer's configuration that later refusals need.
#[derive(Debug, Clone)]
pub(crate) struct ChallengeConfig {
    pub(crate) realm: Option<Box<str>>,
    /// The scopes that every request needs.
    pub(crate) scopes: Scopes,
    pub(crate) hierarchy: ScopeHierarchy,
    /// Where the metadata of the protected resource is (RFC 9728 §5.1).
    pub(crate) resource_metadata: Option<MetadataUrl>,
    /// The scopes that the metadata of the protected resource lists.
    pub(crate) scopes_supported: Scopes,
    /// The maximum number of bytes that are read from a refused request's body, so that its connection stays usable.
    pub(crate) max_drained_bytes: usize,
    /// The DPoP challenge. Absent if the layer does not accept proofs of possession.
    pub(crate) dpop: Option<DpopChallenge>,
    /// Tokens that are refused before they expire. They are here because they end streams too.
    pub(crate) revocations: Option<Arc<dyn RevocationCheck>>,
    /// The application's mapping of refusals.
    pub(crate) refusal_map: Option<RefusalMap>,
}

/// The parts of a DPoP challenge that the configuration determines (RFC 9449 §7.1).
#[derive(Debug, Clone)]
pub(crate) struct DpopChallenge {
    /// The names of the accepted algorithms, with spaces between them.
    pub(crate) algorithms: Box<str>,
    /// Whether the layer accepts no other tokens.
    pub(crate) is_required: bool,
}

/// What a challenge is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChallengeContext<'a> {
    pub(crate) config: &'a ChallengeConfig,
    /// The scheme in which the client sent its token, or `Bearer` if it sent none.
    pub(crate) scheme: Scheme,
    /// The mapping of the component that refuses, or else that of the layer.
    pub(crate) refusal_map: Option<&'a RefusalMap>,
}

impl<'a> ChallengeContext<'a> {
    /// With the mapping of a component, if it has one.
    pub(crate) fn mapped_by(self, own: Option<&'a RefusalMap>) -> Self {
        Self {
            refusal_map: own.or(self.refusal_map),
            ..self
        }
    }
}

/// Most requests that carry a token have a body of less than this.
const MAX_DRAINED_BYTES: usize = 64 * 1024;

impl Default for ChallengeConfig {
    fn default() -> Self {
        Self {
            realm: None,
            scopes: Scopes::default(),
            hierarchy: ScopeHierarchy::default(),
            resource_metadata: None,
            scopes_supported: Scopes::default(),
            max_drained_bytes: MAX_DRAINED_BYTES,
            dpop: None,
            revocations: None,
            refusal_map: None,
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

impl ChallengeConfig {
    /// Records that a request without a token is refused with a challenge that names the metadata.
    pub(crate) fn refused_without_token(&self, extensions: &Extensions) {
        if let Some(metadata) = &self.resource_metadata {
            metadata.reach.refused(metadata, extensions);
        }
    }

    /// For a client that sent a token in this scheme.
    pub(crate) fn tried(&self, scheme: Scheme) -> ChallengeContext<'_> {
        ChallengeContext {
            config: self,
            scheme,
            refusal_map: self.refusal_map.as_ref(),
        }
    }

    /// For a client that sent no token.
    pub(crate) fn without_token(&self) -> ChallengeContext<'_> {
        self.tried(Scheme::Bearer)
    }

    /// The scopes that a client without a good token should request: those that every request needs, or else all that the
    /// resource lists.
    pub(crate) fn initial_scopes(&self) -> &Scopes {
        match self.scopes.is_empty() {
            true => &self.scopes_supported,
            false => &self.scopes,
        }
    }
}

/// What guards have required of a request's token.
///
/// The scopes of the first two guards need no allocation, since requests seldom pass more. All else is a list of nodes.
/// The scopes and the authentications are shared with the configuration of the guards.
#[derive(Debug, Clone, Default)]
pub(crate) struct PassedGuards {
    outermost: [Option<Arc<Scopes>>; 2],
    innermost: Option<Arc<PassedGuard>>,
}

#[derive(Debug)]
struct PassedGuard {
    required: PassedRequirement,
    /// The guard that was passed before this one, unless that is one of the outermost.
    before: Option<Arc<Self>>,
}

#[derive(Debug)]
enum PassedRequirement {
    Scopes(Arc<Scopes>),
    Authentication(Arc<AuthenticationRequirement>),
}

impl PassedGuards {
    pub(crate) fn push(&mut self, required: Arc<Scopes>) {
        if let Some(free) = self.outermost.iter_mut().find(|place| place.is_none()) {
            *free = Some(required);
            return;
        }
        self.push_node(PassedRequirement::Scopes(required));
    }

    pub(crate) fn push_authentication(&mut self, required: Arc<AuthenticationRequirement>) {
        self.push_node(PassedRequirement::Authentication(required));
    }

    fn push_node(&mut self, required: PassedRequirement) {
        let before = self.innermost.take();
        self.innermost = Some(Arc::new(PassedGuard { required, before }));
    }

    /// The scopes that the layer and these guards required, in the order in which the request passed them.
    pub(crate) fn scopes_after(&self, layer: &Scopes) -> Scopes {
        let scopes = self.inside_out().filter_map(|required| match required {
            PassedRequirement::Scopes(scopes) => Some(scopes),
            PassedRequirement::Authentication(_) => None,
        });
        let from_inside: Vec<_> = scopes.collect();
        let from_outside = from_inside.into_iter().rev();
        let required = self.outermost.iter().flatten().chain(from_outside);
        required.fold(layer.clone(), |scopes, required| scopes.union(required))
    }

    /// The authentication that these guards required, taken together.
    pub(crate) fn authentication(&self) -> Option<Arc<AuthenticationRequirement>> {
        let required = self.inside_out().filter_map(|required| match required {
            PassedRequirement::Scopes(_) => None,
            PassedRequirement::Authentication(required) => Some(required),
        });
        // The outermost guard comes last, and its order of preference counts.
        required
            .cloned()
            .reduce(|inner, outer| AuthenticationRequirement::both(outer, &inner))
    }

    fn inside_out(&self) -> impl Iterator<Item = &PassedRequirement> {
        let innermost = self.innermost.as_deref();
        iter::successors(innermost, |passed| passed.before.as_deref())
            .map(|passed| &passed.required)
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
        for (names, so_far) in [
            ("b", "a b"),
            ("c a", "a b c"),
            ("d", "a b c d"),
            ("e b", "a b c d e"),
            ("f", "a b c d e f"),
        ] {
            passed.push(Arc::new(scopes(names)));
            assert_eq!(passed.scopes_after(&scopes("a")), scopes(so_far));
        }
        assert_eq!(clone_of_before.scopes_after(&scopes("")), scopes(""));
    }

    #[test]
    fn required_authentications_count_together_and_keep_the_order_of_the_scopes() {
        let required = |values: &[&str]| Arc::new(AuthenticationRequirement::new().acr(values));
        let mut passed = PassedGuards::default();
        assert_eq!(passed.authentication(), None);
        passed.push_authentication(required(&["b", "a", "c"]));
        for names in ["a", "b", "c"] {
            passed.push(Arc::new(scopes(names)));
        }
        passed.push_authentication(required(&["a", "b"]));
        passed.push(Arc::new(scopes("d")));
        assert_eq!(passed.authentication(), Some(required(&["b", "a"])));
        assert_eq!(passed.scopes_after(&scopes("")), scopes("a b c d"));
    }
}
