use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::document::{BearerMethods, Document};
use super::identifier::{Identifier, WELL_KNOWN};
use crate::config_error::{ConfigError, Problems};
use crate::metadata_reach::MetadataReach;
use crate::scopes::Scopes;
use crate::shown_url::ShownUrl;

/// The description of this server for OAuth clients (RFC 9728): its identifier, its authorization servers and its
/// scopes. See the [module](crate::metadata) for examples.
///
/// It is plain data, and its setters do not fail. [`check`](Self::check) and the `build()` of a verifier return the
/// problems of an invalid resource. The router, the services and the layers panic, at the caller's line.
#[derive(Clone)]
#[must_use = "a protected resource does nothing until it is passed to a layer, a verifier or a router"]
pub struct ProtectedResource {
    pub(super) document: Document,
    pub(super) reach: Arc<MetadataReach>,
    /// The URL of the document, if it is not the well-known one.
    metadata_url: Option<String>,
    at_root: bool,
    allow_http: bool,
}

/// The locations of the metadata of a valid resource.
pub(super) struct Checked {
    /// The URL in challenges.
    pub(super) metadata_url: String,
    /// The paths at which the document is served.
    pub(super) paths: Vec<String>,
}

/// # Settings
impl ProtectedResource {
    /// A resource with this identifier: the URL that clients call, such as `https://api.example.com/mcp`.
    ///
    /// It must be https, or http on a loopback address, without a fragment and credentials (RFC 9728 §1.2). Clients compare
    /// it with the URL that they call, so a trailing slash makes a difference.
    pub fn new(identifier: impl Into<String>) -> Self {
        Self {
            document: Document {
                resource: identifier.into(),
                ..Document::default()
            },
            reach: Arc::default(),
            metadata_url: None,
            at_root: false,
            allow_http: false,
        }
    }

    /// The issuer identifiers of the authorization servers that issue tokens for this resource: the member
    /// `authorization_servers`. MCP clients need at least one. A later call replaces an earlier one.
    pub fn authorization_servers(mut self, issuers: impl IntoIterator<Item: Into<String>>) -> Self {
        self.document.authorization_servers = texts(issuers);
        self
    }

    /// The scopes that clients may request: the member `scopes_supported`, and the `scope` of a 401 if the layer itself
    /// requires no scopes. Many clients request all of them at once, so leave out scopes that few clients should have. A
    /// later call replaces an earlier one.
    ///
    /// Do not list `offline_access`, which concerns the client and the authorization server only. A warning is logged.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item: Into<String>>) -> Self {
        self.document.scopes_supported = texts(scopes);
        self
    }

    /// Serves the document at `/.well-known/oauth-protected-resource` as well, for clients that leave out the path of the
    /// resource. Only one resource of a server can be there.
    pub fn also_at_root(mut self) -> Self {
        self.at_root = true;
        self
    }

    /// Advertises the document at this URL: it is the `resource_metadata` of challenges (RFC 9728 §5.1). Use it if requests
    /// for the [well-known path](crate::metadata#where-the-document-is) of the resource do not reach this server: behind
    /// a gateway that routes only `/tools/*`, or in an app that is nested with `axum::Router::nest`.
    ///
    /// ```
    /// use tower_bearer_auth::ProtectedResource;
    ///
    /// let resource = ProtectedResource::new("https://gateway.example.com/tools/mcp")
    ///     .authorization_servers(["https://issuer.example.com"])
    ///     .metadata_url("https://gateway.example.com/tools/.well-known/oauth-protected-resource/mcp");
    /// assert_eq!(
    ///     resource.well_known_paths(),
    ///     [
    ///         "/tools/.well-known/oauth-protected-resource/mcp",
    ///         // For a gateway that removes the prefix.
    ///         "/.well-known/oauth-protected-resource/mcp",
    ///         // For clients that do not read challenges.
    ///         "/.well-known/oauth-protected-resource/tools/mcp",
    ///     ]
    /// );
    /// ```
    ///
    /// The [router](Self::router) and the [layer](Self::layer) serve the document at the path of this URL, at that path
    /// without a prefix in front of `/.well-known/oauth-protected-resource`, and at the well-known path. The URL must be
    /// https, or http on a loopback address, without a fragment and credentials; otherwise [`check`](Self::check) fails.
    /// Default: the well-known URL. A later call replaces an earlier one.
    pub fn metadata_url(mut self, url: impl Into<String>) -> Self {
        self.metadata_url = Some(url.into());
        self.reach = Arc::default();
        self
    }

    /// Sets another member of the document (RFC 9728 §2): one without a setter here, a text in another language
    /// (`resource_name#fr`, §2.1), or an extension. A later call with the same name replaces the value.
    ///
    /// ```
    /// use tower_bearer_auth::ProtectedResource;
    ///
    /// let resource = ProtectedResource::new("https://api.example.com/mcp")
    ///     .authorization_servers(["https://issuer.example.com"])
    ///     .member("resource_name", "Notes")
    ///     .member("resource_name#fr", "Carnet")
    ///     .member("resource_documentation", "https://docs.example.com/notes")
    ///     .member("authorization_details_types_supported", vec!["note"]);
    /// assert!(resource.check().is_ok());
    /// ```
    ///
    /// [`check`](Self::check) knows the members of the RFC, and refuses values that they cannot have:
    ///
    /// | members | value |
    /// |---|---|
    /// | `resource_name`, `signed_metadata` | a text |
    /// | `resource_documentation`, `resource_policy_uri`, `resource_tos_uri`, `jwks_uri` | a URL |
    /// | `resource_signing_alg_values_supported`, `authorization_details_types_supported` | a list of texts, not empty |
    /// | `tls_client_certificate_bound_access_tokens`, `dpop_bound_access_tokens_required` | `false` only: [`BearerAuthLayer::protected_resource`](crate::BearerAuthLayer::protected_resource) sets `true` if the layer checks such proofs |
    /// | `dpop_signing_alg_values_supported` | none, for the same reason |
    /// | `resource`, `authorization_servers`, `scopes_supported`, `bearer_methods_supported` | none: they have setters of their own or follow from the layer |
    ///
    /// `jwks_uri` names the keys with which the resource itself signs. The keys of tokens are those of the authorization
    /// server.
    pub fn member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.document.members.insert(name.into(), value.into());
        self
    }

    /// Allows http for other than loopback addresses, for the resource, its metadata and its authorization
    /// servers. An attacker on the path can then redirect clients to another server.
    pub fn allow_http(mut self) -> Self {
        self.allow_http = true;
        self
    }
}

impl ProtectedResource {
    /// The identifier that was passed to [`new`](Self::new).
    pub fn identifier(&self) -> &str {
        &self.document.resource
    }

    /// The URL of the document: the value of `resource_metadata` in challenges. It is the configured
    /// [`metadata_url`](Self::metadata_url), or else derived from the identifier (RFC 9728 §3.1).
    ///
    /// # Errors
    ///
    /// When the identifier or the metadata URL is invalid.
    pub fn advertised_metadata_url(&self) -> Result<String, ConfigError> {
        let identifier = Identifier::parse(self.identifier())
            .map_err(|why| ConfigError::of(self.problem_of_identifier(why)))?;
        match (&self.metadata_url, self.problem_of_metadata_url()) {
            (None, _) => Ok(identifier.metadata_url()),
            (Some(url), None) => Ok(url.clone()),
            (Some(_), Some(problem)) => Err(ConfigError::of(problem)),
        }
    }

    /// Checks the values. Call it where they come from a configuration file: the layer and the router panic on a
    /// resource that fails this check.
    ///
    /// # Errors
    ///
    /// All problems at once: an identifier, a metadata URL or an authorization server that is not a URL, is not https
    /// (except on loopback addresses and with [`allow_http`](Self::allow_http)), or has a fragment; an invalid scope; a
    /// [member](Self::member) with a value that it cannot have.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut problems = Problems::default();
        match Identifier::parse(self.identifier()) {
            Err(why) => problems.push(self.problem_of_identifier(why)),
            Ok(identifier) if !self.is_allowed(&identifier) => {
                problems.push(self.problem_of_identifier("is not https"));
            }
            Ok(_) => {}
        }
        problems.extend(self.problem_of_metadata_url());
        for issuer in &self.document.authorization_servers {
            let why = match Identifier::parse(issuer) {
                Err(why) => why,
                Ok(parsed) if !self.is_allowed(&parsed) => "is not https",
                // RFC 8414 §2.
                Ok(parsed) if parsed.query.is_some() => "has a query",
                Ok(_) => continue,
            };
            let issuer = ShownUrl::of(issuer);
            problems.push(format!(
                "{issuer:?} cannot be an authorization server's identifier: it {why}"
            ));
        }
        if let Err(error) = Scopes::try_from_names(&self.document.scopes_supported) {
            problems.push(error.to_string());
        }
        problems.extend(self.document.problems_of_members());
        ConfigError::check(problems)
    }

    /// The resource behind a layer that checks these proofs of possession.
    pub(super) fn with_proofs(&self, proofs: Vec<(&'static str, Value)>) -> Self {
        let mut resource = self.clone();
        for (name, value) in proofs {
            resource.document.members.remove(name);
            resource.document.proofs.insert(name.to_owned(), value);
        }
        resource
    }

    /// The resource behind a layer that does not take tokens from the `Authorization` header.
    pub(super) fn without_bearer_methods(mut self) -> Self {
        self.document.bearer_methods_supported = BearerMethods::None;
        self
    }

    fn is_allowed(&self, identifier: &Identifier<'_>) -> bool {
        self.allow_http || identifier.is_secure()
    }

    fn problem_of_identifier(&self, why: &str) -> String {
        let identifier = ShownUrl::of(self.identifier());
        format!("{identifier:?} cannot be a protected resource: it {why} (RFC 9728 section 1.2)")
    }

    fn problem_of_metadata_url(&self) -> Option<String> {
        let url = self.metadata_url.as_deref()?;
        let why = match Identifier::parse(url) {
            Err(why) => why,
            Ok(parsed) if !self.is_allowed(&parsed) => "is not https",
            Ok(_) if url == self.identifier() => "is the resource itself",
            Ok(_) => return None,
        };
        let url = ShownUrl::of(url);
        Some(format!(
            "metadata_url({url:?}) cannot be the URL of the metadata: it {why}"
        ))
    }

    /// The locations of the metadata.
    ///
    /// # Panics
    ///
    /// When the resource is invalid.
    #[track_caller]
    pub(super) fn checked(&self) -> Checked {
        if let Err(error) = self.check() {
            panic!("{error}");
        }
        let identifier = Identifier::parse(self.identifier()).expect("check() parses it");
        let metadata_url = match &self.metadata_url {
            Some(url) => url.clone(),
            None => identifier.metadata_url(),
        };
        let advertised = Identifier::parse(&metadata_url).expect("check() parses it");
        let advertised = match advertised.path {
            "" => "/",
            path => path,
        };
        let mut paths = vec![advertised.to_owned()];
        // A gateway or a nest may remove the prefix.
        let without_prefix = advertised
            .find(WELL_KNOWN)
            .map(|start| &advertised[start..]);
        let root = self.at_root.then_some(WELL_KNOWN);
        let of_identifier = identifier.metadata_path();
        for path in without_prefix
            .into_iter()
            .chain([&*of_identifier])
            .chain(root)
        {
            if paths.iter().all(|known| known != path) {
                paths.push(path.to_owned());
            }
        }
        Checked {
            metadata_url,
            paths,
        }
    }
}

/// Shows the identifier, the authorization servers and the URL of the metadata, without queries.
impl fmt::Debug for ProtectedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let document = &self.document;
        let metadata_url = self.metadata_url.as_deref().map(ShownUrl::of);
        f.debug_struct("ProtectedResource")
            .field("resource", &ShownUrl::of(&document.resource))
            .field(
                "authorization_servers",
                &ShownUrl::of_all(&document.authorization_servers),
            )
            .field("scopes_supported", &document.scopes_supported)
            .field("metadata_url", &metadata_url)
            .finish_non_exhaustive()
    }
}

fn texts(values: impl IntoIterator<Item: Into<String>>) -> Vec<String> {
    values.into_iter().map(Into::into).collect()
}
