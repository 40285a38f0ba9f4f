//! The document (RFC 9728 §2).

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::identifier::Identifier;
use crate::shown_url::ShownUrl;

/// The members of the document. Absent ones are left out: an empty array is not allowed (§2).
#[derive(Clone, Default, Serialize)]
pub(super) struct Document {
    pub(super) resource: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) authorization_servers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) scopes_supported: Vec<String>,
    pub(super) bearer_methods_supported: BearerMethods,
    /// The proofs of possession that the layer checks.
    #[serde(flatten)]
    pub(super) proofs: Map<String, Value>,
    /// All others, by name.
    #[serde(flatten)]
    pub(super) members: Map<String, Value>,
}

/// The places of RFC 6750 §2 where the layer looks for tokens: the header, or none of them. The RFC has no name for
/// other places, such as cookies.
#[derive(Clone, Default)]
pub(super) enum BearerMethods {
    #[default]
    Header,
    None,
}

impl Serialize for BearerMethods {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let methods: &[&str] = match self {
            Self::Header => &["header"],
            Self::None => &[],
        };
        methods.serialize(serializer)
    }
}

/// The values that a member of RFC 9728 may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Url,
    Texts,
    /// A list that says that clients prove possession of a key.
    ProofAlgorithms,
    /// A flag that says that clients prove possession of a key.
    ProofFlag,
}

/// The members of RFC 9728 §2 that [`ProtectedResource::member`](super::ProtectedResource::member) sets.
const STANDARD: [(&str, Shape); 11] = [
    ("jwks_uri", Shape::Url),
    ("resource_signing_alg_values_supported", Shape::Texts),
    ("resource_name", Shape::Text),
    ("resource_documentation", Shape::Url),
    ("resource_policy_uri", Shape::Url),
    ("resource_tos_uri", Shape::Url),
    (
        "tls_client_certificate_bound_access_tokens",
        Shape::ProofFlag,
    ),
    ("authorization_details_types_supported", Shape::Texts),
    ("dpop_signing_alg_values_supported", Shape::ProofAlgorithms),
    ("dpop_bound_access_tokens_required", Shape::ProofFlag),
    ("signed_metadata", Shape::Text),
];

/// The members that [`ProtectedResource::member`](super::ProtectedResource::member) does not set.
const OWN: [&str; 4] = [
    "resource",
    "authorization_servers",
    "scopes_supported",
    "bearer_methods_supported",
];

impl Document {
    /// What is wrong with [`members`](Self::members).
    pub(super) fn problems_of_members(&self) -> impl Iterator<Item = String> {
        let members = self.members.iter();
        members.filter_map(|(name, value)| problem_of_member(name, value))
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and JSON values can be serialized")
    }
}

fn problem_of_member(name: &str, value: &Value) -> Option<String> {
    if OWN.contains(&name) {
        return Some(format!("member({name:?}, ..) has a setter of its own"));
    }
    // `resource_name#fr` is the French form of `resource_name` (RFC 9728 §2.1).
    let (base, _language) = name.split_once('#').unwrap_or((name, ""));
    let (_, shape) = STANDARD.iter().find(|(standard, _)| *standard == base)?;
    let why = match (shape, value) {
        (Shape::Text, Value::String(_)) => return None,
        (Shape::Text, _) => "is not a text".to_owned(),
        (Shape::Url, Value::String(url)) if is_link(url) => return None,
        (Shape::Url, Value::String(url)) => format!("{:?} is not a URL", ShownUrl::of(url)),
        (Shape::Url, _) => "is not a URL".to_owned(),
        (Shape::ProofFlag, Value::Bool(false)) => return None,
        (Shape::ProofFlag, Value::Bool(true)) => PROOF.to_owned(),
        (Shape::ProofFlag, _) => "is neither true nor false".to_owned(),
        (Shape::Texts | Shape::ProofAlgorithms, Value::Array(values)) if values.is_empty() => {
            "is an empty list, which RFC 9728 section 2 does not allow; leave it out".to_owned()
        }
        (Shape::Texts, Value::Array(values)) if values.iter().all(Value::is_string) => {
            return None;
        }
        (Shape::ProofAlgorithms, Value::Array(_)) => PROOF.to_owned(),
        (Shape::Texts | Shape::ProofAlgorithms, _) => "is not a list of texts".to_owned(),
    };
    Some(format!("{name} {why}"))
}

const PROOF: &str = "says that clients prove possession of a key, which only a layer can promise; leave it out, and \
                     serve BearerAuthLayer::protected_resource()";

/// Whether a client could follow `url`. The URL of a documentation may have a fragment.
fn is_link(url: &str) -> bool {
    let without_fragment = url.split('#').next().unwrap_or_default();
    Identifier::parse(without_fragment).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
    fn members_of_the_rfc_have_the_values_that_it_allows() {
        let values = [
            json!("https://h/x"),
            json!("x"),
            json!(["x"]),
            json!([]),
            json!([1]),
            json!(true),
            json!(false),
            json!(null),
            json!(1),
            json!({}),
        ];
        for (name, shape) in STANDARD {
            let allowed = values
                .iter()
                .filter(|value| problem_of_member(name, value).is_none());
            let allowed: Vec<_> = allowed.cloned().collect();
            let expected = match shape {
                Shape::Text => vec![json!("https://h/x"), json!("x")],
                Shape::Url => vec![json!("https://h/x")],
                Shape::Texts => vec![json!(["x"])],
                Shape::ProofAlgorithms => vec![],
                Shape::ProofFlag => vec![json!(false)],
            };
            assert_eq!(allowed, expected, "{name}");
            let in_french = problem_of_member(&format!("{name}#fr"), &json!(1));
            assert!(in_french.is_some(), "{name}");
        }
        for value in &values {
            assert_eq!(problem_of_member("vendor", value), None);
            for name in OWN {
                assert!(problem_of_member(name, value).is_some(), "{name}");
            }
        }
    }
}
