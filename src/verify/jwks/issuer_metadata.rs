//! The metadata of an issuer, and its locations.

use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;
use url::Url;

use crate::json::BYTE_ORDER_MARK;
use crate::shown_url::ShownUrl;

/// The members of the metadata that are used.
pub(super) struct Metadata {
    pub(super) issuer: String,
    pub(super) jwks_uri: String,
}

/// The members that are used. The values of others are not parsed, so that a number out of range does no harm.
#[derive(Deserialize)]
struct Members {
    issuer: Option<Value>,
    jwks_uri: Option<Value>,
}

impl Metadata {
    /// Parses a JSON object, which may begin with a byte order mark (RFC 8259 §8.1). A member that is `null` counts as
    /// absent.
    pub(super) fn parse(json: &[u8]) -> Result<Self, &'static str> {
        let json = json
            .strip_prefix(BYTE_ORDER_MARK.as_bytes())
            .unwrap_or(json);
        let json = json.trim_ascii();
        if json.is_empty() {
            return Err("it is empty");
        }
        // The derived `Deserialize` would accept an array as well.
        if !json.starts_with(b"{") {
            return Err(NO_OBJECT);
        }
        let members: Members =
            serde_json::from_slice(json).map_err(|error| match error.classify() {
                Category::Data => "it has its issuer or jwks_uri twice",
                Category::Io | Category::Syntax | Category::Eof => NO_OBJECT,
            })?;
        Ok(Self {
            issuer: text(
                members.issuer,
                "it has no issuer",
                "its issuer is not a string",
            )?,
            jwks_uri: text(
                members.jwks_uri,
                "it has no jwks_uri",
                "its jwks_uri is not a string",
            )?,
        })
    }
}

/// The problem of a document that is not JSON metadata at all, such as a login page.
pub(super) const NO_OBJECT: &str = "it is not a JSON object";

fn text(
    member: Option<Value>,
    absent: &'static str,
    not_a_string: &'static str,
) -> Result<String, &'static str> {
    match member {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(not_a_string),
        None => Err(absent),
    }
}

/// The possible locations of an issuer's metadata. OpenID Connect Discovery appends its suffix to the issuer (§4.1),
/// RFC 8414 puts its own between host and path (§3.1), and some servers mix the two (RFC 8414 §5).
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

/// Why metadata cannot be fetched from under the URL of `issuer`, and what to configure instead.
pub(super) fn problem_of_issuer(issuer: &str) -> Option<String> {
    let why = if issuer.chars().any(|c| c.is_whitespace() || c.is_control()) {
        "has white space in it; write the issuer as it stands in the `iss` of tokens"
    } else if issuer.contains(['{', '}']) {
        "is a template, which no token names; configure each issuer, or all of them with ByIssuer::tenants(..)"
    } else if issuer.contains("/.well-known/") || issuer.ends_with("/.well-known") {
        "is the URL of a document; configure the issuer, which is the member \"issuer\" in it; to fetch the \
         document from this URL, use discover_from(..)"
    } else if issuer.contains(['?', '#']) {
        "has a query or fragment, which no issuer has (RFC 8414 section 2); leave it out, or if the metadata is at \
         such a URL, use discover_from(..)"
    } else if is_any_tenant_of_entra(issuer) {
        "stands for any tenant of Entra ID, and tokens name their own; configure the issuer with the tenant's ID, or \
         many of them with ByIssuer::tenants(..)"
    } else {
        return None;
    };
    Some(format!("the issuer {:?} {why}", ShownUrl::of(issuer)))
}

/// Whether this is a URL of Entra ID that stands for the tenant of any user.
fn is_any_tenant_of_entra(issuer: &str) -> bool {
    let Ok(url) = Url::parse(issuer) else {
        return false;
    };
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let is_entra = ENTRA_DOMAINS.iter().any(|domain| {
        host.strip_suffix(domain)
            .is_some_and(|name| name.is_empty() || name.ends_with('.'))
    });
    let tenant = url.path_segments().and_then(|mut path| path.next());
    let any = ["common", "organizations", "consumers"];
    is_entra && tenant.is_some_and(|tenant| any.iter().any(|any| tenant.eq_ignore_ascii_case(any)))
}

/// The domains of Entra ID's login pages and issuers in all its clouds.
const ENTRA_DOMAINS: [&str; 8] = [
    "microsoftonline.com",
    "microsoftonline.us",
    "microsoftonline.de",
    "microsoftonline.cn",
    "login.microsoft.com",
    "login.windows.net",
    "sts.windows.net",
    "chinacloudapi.cn",
];

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

    #[test]
    fn members_that_are_not_used_may_have_any_value() {
        for others in [
            r#""#,
            r#","x":null"#,
            r#","x":1e400"#,
            r#","x":"\ud800""#,
            r#","x":1,"x":2"#,
            r#","claims_supported":[[[{}]]]"#,
        ] {
            let document = format!(r#" {{"issuer":"i","jwks_uri":"j"{others}}} "#);
            for json in [document.clone(), format!("\u{feff}{document}")] {
                let metadata = Metadata::parse(json.as_bytes());
                let metadata = metadata.unwrap_or_else(|why| panic!("{json}: {why}"));
                assert_eq!((&*metadata.issuer, &*metadata.jwks_uri), ("i", "j"));
            }
        }
    }

    #[test]
    fn a_document_that_is_not_metadata_is_refused_with_the_reason() {
        for (json, why) in [
            ("", "it is empty"),
            (" ", "it is empty"),
            ("\u{feff}", "it is empty"),
            ("\u{feff}\u{feff}{}", NO_OBJECT),
            ("<!doctype html>", NO_OBJECT),
            ("null", NO_OBJECT),
            ("[]", NO_OBJECT),
            (r#"["i","j"]"#, NO_OBJECT),
            (r#"{"issuer":"i","jwks_uri":"j""#, NO_OBJECT),
            (r#"{"issuer":"i","jwks_uri":"j"}{}"#, NO_OBJECT),
            ("{}", "it has no issuer"),
            (r#"{"issuer":null,"jwks_uri":"j"}"#, "it has no issuer"),
            (
                r#"{"issuer":1,"jwks_uri":"j"}"#,
                "its issuer is not a string",
            ),
            (
                r#"{"issuer":["i"],"jwks_uri":"j"}"#,
                "its issuer is not a string",
            ),
            (r#"{"issuer":"i"}"#, "it has no jwks_uri"),
            (r#"{"issuer":"i","jwks_uri":null}"#, "it has no jwks_uri"),
            (
                r#"{"issuer":"i","jwks_uri":{}}"#,
                "its jwks_uri is not a string",
            ),
            (
                r#"{"issuer":"i","issuer":"k","jwks_uri":"j"}"#,
                "it has its issuer or jwks_uri twice",
            ),
            (
                r#"{"issuer":"i","jwks_uri":null,"jwks_uri":"j"}"#,
                "it has its issuer or jwks_uri twice",
            ),
        ] {
            assert_eq!(Metadata::parse(json.as_bytes()).err(), Some(why), "{json}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_an_issuer_is_detected() {
        for (issuer, word) in [
            (
                "https://i.test/.well-known/openid-configuration",
                "discover_from",
            ),
            (
                "https://i.test/t/.well-known/oauth-authorization-server",
                "discover_from",
            ),
            (
                "https://i.test/.well-known/oauth-authorization-server/t",
                "discover_from",
            ),
            ("https://i.test/.well-known", "discover_from"),
            (
                "https://login.microsoftonline.com/common",
                "ByIssuer::tenants",
            ),
            (
                "https://login.microsoftonline.com/common/v2.0",
                "ByIssuer::tenants",
            ),
            (
                "https://login.microsoftonline.com/organizations/v2.0",
                "ByIssuer::tenants",
            ),
            (
                "https://login.microsoftonline.com/consumers/v2.0/",
                "ByIssuer::tenants",
            ),
            (
                "https://LOGIN.microsoftonline.com/Common/v2.0",
                "ByIssuer::tenants",
            ),
            (
                "https://login.microsoftonline.us/common/v2.0",
                "ByIssuer::tenants",
            ),
            (
                "https://login.partner.microsoftonline.cn/common/v2.0",
                "ByIssuer::tenants",
            ),
            ("https://sts.windows.net/common/", "ByIssuer::tenants"),
            (
                "https://login.microsoftonline.com/{tenantid}/v2.0",
                "ByIssuer::tenants",
            ),
            ("https://i.test/realms/{realm}", "is a template"),
            ("https://i.test/}", "is a template"),
            (" https://i.test", "white space"),
            ("https://i.test ", "white space"),
            ("https://i.test\n", "white space"),
            ("https://i.test/my realm", "white space"),
            ("https://i.test/my\u{a0}realm", "white space"),
            ("https://i.test?", "leave it out"),
            ("https://i.test/?", "leave it out"),
            ("https://i.test/#", "leave it out"),
            ("https://i.test/?tenant=1", "leave it out"),
        ] {
            let problem = problem_of_issuer(issuer).unwrap_or_else(|| panic!("{issuer}"));
            assert!(problem.contains(word), "{problem}");
        }
        for issuer in [
            "https://i.test",
            "https://i.test/",
            "https://i.test/common",
            "https://i.test/realms/my%20realm",
            "https://microsoftonline.com.evil.test/common",
            "https://notmicrosoftonline.com/common",
            "https://login.microsoftonline.com/common-tenant/v2.0",
            "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
            "https://tenant.ciamlogin.com/tenant/v2.0",
            "http://127.0.0.1:1234",
        ] {
            assert_eq!(problem_of_issuer(issuer), None, "{issuer}");
        }
    }
}
