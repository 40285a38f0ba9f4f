//! What a declared resource tells the layer and the verifier.

use crate::auth::BearerAuthLayer;
use crate::challenge_config::MetadataUrl;
use crate::metadata::resource::ProtectedResource;
use crate::scopes::Scopes;
use crate::verify::Audience;

impl<V> BearerAuthLayer<V> {
    /// Tells clients where the metadata of this resource is: `resource_metadata` in challenges
    /// (RFC 9728 §5.1). Where the layer [requires](Self::required_scopes) no scopes itself, its 401s name
    /// the [scopes](ProtectedResource::scopes) of the resource.
    ///
    /// The metadata has to be served outside this layer; see [`metadata`](crate::metadata).
    ///
    /// # Panics
    ///
    /// When [something is wrong](ProtectedResource::check) with the resource.
    #[must_use]
    #[track_caller]
    pub fn resource(mut self, resource: &ProtectedResource) -> Self {
        let metadata_url = resource.checked().metadata_url;
        let scopes = Scopes::configured(&resource.document.scopes_supported);
        let challenge_config = self.challenge_config();
        challenge_config.resource_metadata =
            Some(MetadataUrl::new(metadata_url, resource.reach.clone()));
        challenge_config.scopes_supported = scopes;
        self
    }
}

/// The audience that is this resource, compared as RFC 8707 §2 compares resources. Something wrong with
/// the resource becomes an error of the verifier's `build()`.
impl From<&ProtectedResource> for Audience {
    fn from(resource: &ProtectedResource) -> Self {
        Self::resource(resource.identifier(), resource.check())
    }
}
