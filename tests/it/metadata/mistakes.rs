//! Invalid resources, and the functions that report them.

use tower_bearer_auth::{Algorithm, BearerAuthLayer, JwtVerifier, ProtectedResource};

use super::{ISSUER, notes};
use crate::support::{Logs, table};

/// Invalid resources, each with a part of its error.
fn wrong() -> Vec<(ProtectedResource, &'static str)> {
    let new = ProtectedResource::new;
    vec![
        (new(""), "is not a URL"),
        (new("api.test"), "neither https nor http"),
        (new("ftp://api.test"), "neither https nor http"),
        (new("https://"), "is not a URL"),
        (new("http://api.test/mcp"), "is not https"),
        (new("https://api.test/#top"), "has a fragment"),
        (new("https://me@api.test/"), "has credentials"),
        (new("https://api.test/\"x"), "no URL may have"),
        (new("https://api.test/\r\n"), "no URL may have"),
        (
            notes().authorization_servers(["http://issuer.test"]),
            "is not https",
        ),
        (
            notes().authorization_servers(["issuer"]),
            "authorization server",
        ),
        (
            notes().authorization_servers(["https://issuer.test?x"]),
            "has a query",
        ),
        (
            notes().authorization_servers(["https://issuer.test#x"]),
            "has a fragment",
        ),
        (notes().scopes(["two words"]), "is not a scope"),
        (
            notes().member("resource_documentation", "docs"),
            "resource_documentation",
        ),
        (notes().member("jwks_uri", "keys"), "jwks_uri"),
        (
            notes().metadata_url("http://api.test/metadata"),
            "it is not https",
        ),
        (
            notes().metadata_url("/metadata"),
            "metadata_url(\"/metadata\")",
        ),
        (
            notes().metadata_url("https://api.test/metadata#x"),
            "has a fragment",
        ),
        (
            notes().metadata_url("https://me:pw@api.test/metadata"),
            "has credentials",
        ),
        (
            notes().metadata_url("https://api.test/\"metadata\""),
            "no URL may have",
        ),
        (notes().metadata_url(""), "is not a URL"),
        (
            notes().metadata_url("https://api.test/notes"),
            "is the resource itself",
        ),
        (
            notes().member("dpop_signing_alg_values_supported", vec!["ES256"]),
            "dpop_signing_alg_values_supported says that clients prove",
        ),
        (
            notes().member("dpop_bound_access_tokens_required", true),
            "which only a layer can promise",
        ),
        (
            notes().member("tls_client_certificate_bound_access_tokens", true),
            "which only a layer can promise",
        ),
        (
            notes().member("dpop_signing_alg_values_supported", Vec::<String>::new()),
            "is an empty list",
        ),
        (
            notes().member("dpop_bound_access_tokens_required", "false"),
            "is neither true nor false",
        ),
        (
            notes().member("authorization_details_types_supported", "note"),
            "is not a list of texts",
        ),
        (
            notes().member("resource_name#fr", 1),
            "resource_name#fr is not a text",
        ),
        (
            notes().member("resource_documentation#fr", "docs"),
            "resource_documentation#fr \"docs\" is not a URL",
        ),
        (
            notes().member("bearer_methods_supported", vec!["query"]),
            "setter of its own",
        ),
        (
            notes().member("scopes_supported", vec!["read"]),
            "setter of its own",
        ),
        (
            notes().member("resource", "https://other.test"),
            "setter of its own",
        ),
    ]
}

#[test]
fn an_invalid_resource_is_reported_by_check_and_by_build() {
    for (resource, part) in wrong() {
        let error = resource.check().unwrap_err();
        assert!(error.to_string().contains(part), "{part}: {error}");
        let built = JwtVerifier::builder()
            .secret(Algorithm::HS256, [7; 32])
            .issuer(ISSUER)
            .audience(&resource)
            .build();
        assert!(built.unwrap_err().to_string().contains(part), "{part}");
    }
    let everything = ProtectedResource::new("http://api.test#x")
        .authorization_servers(["http://one.test", "two"])
        .scopes(["a b"])
        .member("resource_tos_uri", "terms")
        .member("jwks_uri", 1);
    assert_eq!(everything.check().unwrap_err().problems().count(), 6);

    for good in [
        "http://localhost:3000/mcp",
        "http://127.0.0.1/",
        "http://[::1]:3000",
    ] {
        let resource = ProtectedResource::new(good).authorization_servers([good]);
        assert_eq!(resource.check(), Ok(()), "{good}");
        assert_eq!(notes().metadata_url(good).check(), Ok(()), "{good}");
    }
    // Metadata may state that proof of possession is not required.
    let unbound = notes()
        .member("dpop_bound_access_tokens_required", false)
        .member("tls_client_certificate_bound_access_tokens", false);
    assert_eq!(unbound.check(), Ok(()));
    let plain = ProtectedResource::new("http://api.test")
        .authorization_servers(["http://issuer.test"])
        .metadata_url("http://api.test/metadata");
    assert_eq!(plain.allow_http().check(), Ok(()));
}

#[test]
fn an_invalid_resource_panics_where_it_is_used() {
    for (resource, part) in wrong() {
        let uses: [&dyn Fn(); 5] = [
            &|| drop(resource.service()),
            &|| drop(resource.layer()),
            &|| drop(resource.router::<()>()),
            &|| drop(resource.well_known_paths()),
            &|| drop(BearerAuthLayer::new(table()).resource(&resource)),
        ];
        for using in uses {
            let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(using));
            let panic = panic.unwrap_err();
            let message = panic.downcast_ref::<String>().unwrap();
            assert!(message.contains(part), "{part}: {message}");
        }
    }
}

#[test]
fn a_resource_that_works_but_is_likely_a_mistake_logs_a_warning() {
    let logs = Logs::capture();
    drop(notes().service());
    assert_eq!(logs.text(), "");
    drop(notes().scopes(["read", "offline_access"]).service());
    assert!(logs.text().contains("WARN") && logs.text().contains("offline_access"));
    drop(ProtectedResource::new("https://api.test").service());
    assert!(
        logs.text().contains("no authorization server"),
        "{}",
        logs.text()
    );
}
