//! A resource as a setting of the layer and of verifiers.

use crate::auth::BearerAuthLayer;
use crate::challenge_config::MetadataUrl;
use crate::metadata::resource::ProtectedResource;
use crate::scopes::Scopes;
use crate::verify::Audience;

impl<V> BearerAuthLayer<V> {
    /// Puts the URL of this resource's metadata into challenges: `resource_metadata` (RFC 9728 §5.1). If the layer itself
    /// [requires](Self::required_scopes) no scopes, its 401s name the [scopes](ProtectedResource::scopes) of the resource.
    ///
    /// Serve the metadata outside of this layer; see [`metadata`](crate::metadata).
    ///
    /// # Panics
    ///
    /// When the resource is [invalid](ProtectedResource::check).
    #[must_use]
    #[track_caller]
    pub fn resource(mut self, resource: &ProtectedResource) -> Self {
        let metadata_url = resource.checked().metadata_url;
        let scopes = Scopes::configured(&resource.document.scopes_supported);
        let challenge_config = self.challenge_config();
        challenge_config.resource_metadata =
            Some(MetadataUrl::new(metadata_url, resource.reach.clone()));
        challenge_config.scopes_supported = scopes;
        self.set_resource(resource.clone());
        self
    }

    /// The [resource](Self::resource) of this layer, whose metadata says which proofs of possession the layer checks,
    /// and whether it takes tokens from the `Authorization` header (RFC 9728 §2). Serve the metadata of this resource:
    /// that of the original one does not list the proofs.
    ///
    /// | member | if the layer has |
    /// |---|---|
    /// | `dpop_signing_alg_values_supported` | `dpop(..)`: the algorithms |
    /// | `dpop_bound_access_tokens_required` | `dpop(..)` with `required()`: `true` |
    /// | `tls_client_certificate_bound_access_tokens` | [`client_certificates()`](Self::client_certificates): `true` |
    /// | `bearer_methods_supported` | [`token_sources(..)`](Self::token_sources) without [`TokenSource::authorization`](crate::TokenSource::authorization): `[]`; otherwise `["header"]` |
    ///
    /// # Panics
    ///
    /// If the layer has no [resource](Self::resource).
    #[track_caller]
    pub fn protected_resource(&self) -> ProtectedResource {
        let Some(resource) = self.configured_resource() else {
            panic!("the layer has no resource(..)");
        };
        let resource = match self.checked_proofs() {
            Some(checks) => resource.with_proofs(checks.metadata()),
            None => resource.clone(),
        };
        match self.reads_authorization() {
            true => resource,
            false => resource.without_bearer_methods(),
        }
    }
}

/// The identifier of the resource as the audience, compared as RFC 8707 §2 compares resources. The problems of an
/// [invalid](ProtectedResource::check) resource are problems of the verifier's `build()`.
impl From<&ProtectedResource> for Audience {
    fn from(resource: &ProtectedResource) -> Self {
        Self::resource(resource.identifier(), resource.check())
    }
}
