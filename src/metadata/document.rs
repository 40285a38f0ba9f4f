//! The document (RFC 9728 §2).

use serde::Serialize;
use serde_json::{Map, Value};

/// The members that have a name of their own here, in the order of the RFC's section 2. Absent ones are
/// left out: an empty array is not allowed (§2).
#[derive(Clone, Default, Serialize)]
pub(super) struct Document {
    pub(super) resource: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) authorization_servers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) jwks_uri: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) scopes_supported: Vec<String>,
    pub(super) bearer_methods_supported: BearerMethods,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) resource_signing_alg_values_supported: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource_documentation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource_policy_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource_tos_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls_client_certificate_bound_access_tokens: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) authorization_details_types_supported: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) dpop_signing_alg_values_supported: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dpop_bound_access_tokens_required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signed_metadata: Option<String>,
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

/// The one way in which the layer takes tokens.
#[derive(Clone, Default)]
pub(super) struct BearerMethods;

impl Serialize for BearerMethods {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ["header"].serialize(serializer)
    }
}

impl Document {
    /// The URLs in it that are for clients to follow or for people to read, by member.
    pub(super) fn urls(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let urls = [
            ("jwks_uri", &self.jwks_uri),
            ("resource_documentation", &self.resource_documentation),
            ("resource_policy_uri", &self.resource_policy_uri),
            ("resource_tos_uri", &self.resource_tos_uri),
        ];
        urls.into_iter()
            .filter_map(|(member, url)| Some((member, url.as_deref()?)))
    }

    /// The members that say that clients prove possession of a key.
    pub(super) fn bound_tokens(&self) -> impl Iterator<Item = &'static str> {
        let by_certificate = self.tls_client_certificate_bound_access_tokens == Some(true);
        let required = self.dpop_bound_access_tokens_required == Some(true);
        let members = [
            (by_certificate, "tls_client_certificate_bound_access_tokens"),
            (
                !self.dpop_signing_alg_values_supported.is_empty(),
                "dpop_signing_alg_values_supported",
            ),
            (required, "dpop_bound_access_tokens_required"),
        ];
        let said = members.into_iter().filter(|(is_said, _)| *is_said);
        said.map(|(_, member)| member)
    }

    /// Whether a member of this name is set by a setter of its own.
    pub(super) fn has_setter(name: &str) -> bool {
        MEMBERS.contains(&name)
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts, flags and values are JSON")
    }
}

const MEMBERS: [&str; 15] = [
    "resource",
    "authorization_servers",
    "jwks_uri",
    "scopes_supported",
    "bearer_methods_supported",
    "resource_signing_alg_values_supported",
    "resource_name",
    "resource_documentation",
    "resource_policy_uri",
    "resource_tos_uri",
    "tls_client_certificate_bound_access_tokens",
    "authorization_details_types_supported",
    "dpop_signing_alg_values_supported",
    "dpop_bound_access_tokens_required",
    "signed_metadata",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_document_has_no_empty_members() {
        let document = Document {
            resource: "https://h".into(),
            ..Document::default()
        };
        assert_eq!(
            String::from_utf8(document.to_json()).unwrap(),
            r#"{"resource":"https://h","bearer_methods_supported":["header"]}"#
        );
    }

    #[test]
    fn every_member_with_a_setter_is_known_by_name() {
        let text = || Some("x".to_owned());
        let list = || vec!["x".to_owned()];
        let full = Document {
            resource: "https://h".into(),
            authorization_servers: list(),
            jwks_uri: text(),
            scopes_supported: list(),
            bearer_methods_supported: BearerMethods,
            resource_signing_alg_values_supported: list(),
            resource_name: text(),
            resource_documentation: text(),
            resource_policy_uri: text(),
            resource_tos_uri: text(),
            tls_client_certificate_bound_access_tokens: Some(true),
            authorization_details_types_supported: list(),
            dpop_signing_alg_values_supported: list(),
            dpop_bound_access_tokens_required: Some(true),
            signed_metadata: text(),
            others: Map::new(),
        };
        let members: Map<String, Value> = serde_json::from_slice(&full.to_json()).unwrap();
        assert_eq!(members.len(), MEMBERS.len());
        assert!(members.keys().all(|name| Document::has_setter(name)));
    }
}
