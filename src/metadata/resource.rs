use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::document::Document;
use super::identifier::{Identifier, WELL_KNOWN};
use crate::config_error::{ConfigError, Problems};
use crate::metadata_reach::MetadataReach;
use crate::scopes::Scopes;
use crate::shown_url::ShownUrl;

/// What this server is to OAuth clients: its identifier, who issues tokens for it, and the scopes there
/// are (RFC 9728). See the [module](crate::metadata) for examples.
///
/// It is plain data, and nothing fails before it is used. What is wrong with it is told by
/// [`check`](Self::check), by a verifier's `build()`, and by the panic of whatever it is handed to.
#[derive(Clone)]
#[must_use = "a protected resource does nothing until it is handed on"]
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

/// # What every resource has
impl ProtectedResource {
    /// A resource of this identifier: the URL that clients call, such as
    /// `https://api.example.com/mcp`.
    ///
    /// It is https, or http on a loopback address, and has neither a fragment nor credentials
    /// (RFC 9728 §1.2). A trailing slash counts: clients compare it with the URL they were given.
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

    /// Who issues tokens for it: `authorization_servers`, by their issuer identifiers. MCP clients
    /// need at least one. A later call replaces an earlier one, as with all lists here.
    pub fn authorization_servers(mut self, issuers: impl IntoIterator<Item: Into<String>>) -> Self {
        self.document.authorization_servers = texts(issuers);
        self
    }

    /// The scopes that clients may ask for: `scopes_supported`, and the `scope` of a 401 where the
    /// layer requires no scopes of its own. Many clients ask for all of them at once, so leave out what few
    /// should have.
    ///
    /// `offline_access` does not belong here, since it is between the client and the authorization
    /// server; a warning is logged.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item: Into<String>>) -> Self {
        self.document.scopes_supported = texts(scopes);
        self
    }

    /// Serves the document at `/.well-known/oauth-protected-resource` too, where clients look that do
    /// not know about the resource's path. For one resource of a server only.
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

    /// Allows http for other than loopback addresses, for the resource, its metadata and its authorization
    /// servers. An attacker on the path can then redirect clients to another server.
    pub fn allow_http(mut self) -> Self {
        self.allow_http = true;
        self
    }
}

/// # What it may say besides
///
/// Each is the member of that name in RFC 9728 §2.
impl ProtectedResource {
    /// A name for people.
    pub fn resource_name(mut self, name: impl Into<String>) -> Self {
        self.document.resource_name = Some(name.into());
        self
    }

    /// Where developers find out how to use it.
    pub fn resource_documentation(mut self, url: impl Into<String>) -> Self {
        self.document.resource_documentation = Some(url.into());
        self
    }

    /// What clients may do with its data.
    pub fn resource_policy_uri(mut self, url: impl Into<String>) -> Self {
        self.document.resource_policy_uri = Some(url.into());
        self
    }

    /// Its terms of service.
    pub fn resource_tos_uri(mut self, url: impl Into<String>) -> Self {
        self.document.resource_tos_uri = Some(url.into());
        self
    }

    /// Where the resource's own keys are, for what it signs itself. Not where the keys of tokens are:
    /// those are the authorization server's.
    pub fn jwks_uri(mut self, url: impl Into<String>) -> Self {
        self.document.jwks_uri = Some(url.into());
        self
    }

    /// What the resource signs its own answers with.
    pub fn resource_signing_alg_values_supported(
        mut self,
        algorithms: impl IntoIterator<Item: Into<String>>,
    ) -> Self {
        self.document.resource_signing_alg_values_supported = texts(algorithms);
        self
    }

    /// Which types of `authorization_details` it understands (RFC 9396).
    pub fn authorization_details_types_supported(
        mut self,
        types: impl IntoIterator<Item: Into<String>>,
    ) -> Self {
        self.document.authorization_details_types_supported = texts(types);
        self
    }

    /// Whether the resource accepts tokens that are bound to a client certificate (RFC 8705). This crate does not check the
    /// binding, so `true` is an error of [`check`](Self::check).
    pub fn tls_client_certificate_bound_access_tokens(mut self, supported: bool) -> Self {
        self.document.tls_client_certificate_bound_access_tokens = Some(supported);
        self
    }

    /// The algorithms of DPoP proofs (RFC 9449). This crate does not check proofs, so any algorithm is an error of
    /// [`check`](Self::check).
    pub fn dpop_signing_alg_values_supported(
        mut self,
        algorithms: impl IntoIterator<Item: Into<String>>,
    ) -> Self {
        self.document.dpop_signing_alg_values_supported = texts(algorithms);
        self
    }

    /// Whether tokens must be bound to a key by DPoP (RFC 9449). This crate does not check proofs, so `true` is an error of
    /// [`check`](Self::check).
    pub fn dpop_bound_access_tokens_required(mut self, required: bool) -> Self {
        self.document.dpop_bound_access_tokens_required = Some(required);
        self
    }

    /// The same metadata as a JWT that somebody else vouches with (RFC 9728 §2.2).
    pub fn signed_metadata(mut self, jwt: impl Into<String>) -> Self {
        self.document.signed_metadata = Some(jwt.into());
        self
    }

    /// Another member: a text in another language (`resource_name#fr`), or an extension. Members that
    /// have a setter are left to it.
    pub fn member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.document.others.insert(name.into(), value.into());
        self
    }
}

impl ProtectedResource {
    /// The identifier, as it was given.
    pub fn identifier(&self) -> &str {
        &self.document.resource
    }

    /// Where clients find the document: the value of `resource_metadata` in challenges. It is what
    /// [`metadata_url`](Self::metadata_url) says, or else made from the identifier (RFC 9728 §3.1).
    ///
    /// # Errors
    ///
    /// When the identifier or that URL cannot be one.
    pub fn advertised_metadata_url(&self) -> Result<String, ConfigError> {
        let identifier = Identifier::parse(self.identifier())
            .map_err(|why| ConfigError::of(self.problem_of_identifier(why)))?;
        match (&self.metadata_url, self.problem_of_metadata_url()) {
            (None, _) => Ok(identifier.metadata_url()),
            (Some(url), None) => Ok(url.clone()),
            (Some(_), Some(problem)) => Err(ConfigError::of(problem)),
        }
    }

    /// Whether it can be a protected resource.
    ///
    /// # Errors
    ///
    /// Every problem at once: an identifier, authorization server or other URL that is none, that is not
    /// https without being on a loopback address, or that has a fragment; a scope that is none; a
    /// [member](Self::member) that has a setter of its own; tokens that are bound to a key or a certificate, which
    /// nothing here checks.
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
        for (member, url) in self.document.urls() {
            if !is_link(url) {
                let url = ShownUrl::of(url);
                problems.push(format!("{member} {url:?} is not a URL"));
            }
        }
        if let Err(error) = Scopes::try_from_names(&self.document.scopes_supported) {
            problems.push(error.to_string());
        }
        for member in self.document.bound_tokens() {
            problems.push(format!(
                "{member} says that clients prove possession of a key, and nothing here checks such proofs; leave it out"
            ));
        }
        for name in self.document.others.keys() {
            if Document::has_setter(name) {
                problems.push(format!("member({name:?}, ..) has a setter of its own"));
            }
        }
        ConfigError::check(problems)
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

    /// Where the metadata is.
    ///
    /// # Panics
    ///
    /// When there is a problem with the resource.
    #[track_caller]
    pub(super) fn checked(&self) -> Checked {
        if let Err(error) = self.check() {
            panic!("{error}");
        }
        let identifier = Identifier::parse(self.identifier()).expect("it was checked");
        let metadata_url = match &self.metadata_url {
            Some(url) => url.clone(),
            None => identifier.metadata_url(),
        };
        let advertised = Identifier::parse(&metadata_url).expect("it was checked");
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

/// Whether somebody could follow `url`; documentation may have a fragment.
fn is_link(url: &str) -> bool {
    let without_fragment = url.split('#').next().unwrap_or_default();
    Identifier::parse(without_fragment).is_ok()
}

fn texts(values: impl IntoIterator<Item: Into<String>>) -> Vec<String> {
    values.into_iter().map(Into::into).collect()
}
