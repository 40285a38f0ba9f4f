//! The metadata of an issuer: where it may be, and what it says.

use serde_json::{Map, Value};
use url::Url;

/// What is needed of the metadata.
pub(super) struct Metadata {
    pub(super) issuer: String,
    pub(super) jwks_uri: String,
}

impl Metadata {
    pub(super) fn parse(json: &[u8]) -> Result<Self, &'static str> {
        let document: Map<String, Value> =
            serde_json::from_slice(json).map_err(|_| "it is not a JSON object")?;
        let text = |name| {
            document
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        Ok(Self {
            issuer: text("issuer").ok_or("it has no issuer")?,
            jwks_uri: text("jwks_uri").ok_or("it has no jwks_uri")?,
        })
    }
}

/// Where an issuer's metadata may be. OpenID Connect appends its suffix to the issuer (§4.1), RFC 8414
/// puts its own between host and path (§3.1), and servers are found that mix the two (§5).
pub(super) fn locations(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().strip_suffix('/').unwrap_or(issuer.path());
    let (oidc, oauth) = (
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    );
    let mut paths = vec![format!("{path}{oidc}"), format!("{oauth}{path}")];
    if !path.is_empty() {
        paths.push(format!("{oidc}{path}"));
        paths.push(format!("{path}{oauth}"));
    }
    paths
        .into_iter()
        .map(|path| {
            let mut location = issuer.clone();
            location.set_path(&path);
            location
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(issuer: &str) -> Vec<String> {
        let locations = locations(&Url::parse(issuer).unwrap());
        locations.iter().map(Url::to_string).collect()
    }

    #[test]
    fn metadata_is_looked_for_in_both_forms_of_both_kinds() {
        let root = [
            "https://issuer.test/.well-known/openid-configuration",
            "https://issuer.test/.well-known/oauth-authorization-server",
        ];
        assert_eq!(places("https://issuer.test"), root);
        assert_eq!(places("https://issuer.test/"), root);
        let tenant = [
            "https://issuer.test/tenant/1/.well-known/openid-configuration",
            "https://issuer.test/.well-known/oauth-authorization-server/tenant/1",
            "https://issuer.test/.well-known/openid-configuration/tenant/1",
            "https://issuer.test/tenant/1/.well-known/oauth-authorization-server",
        ];
        assert_eq!(places("https://issuer.test/tenant/1"), tenant);
        assert_eq!(places("https://issuer.test/tenant/1/"), tenant);
    }
}
