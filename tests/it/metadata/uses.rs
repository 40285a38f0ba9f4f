//! The effect of a declared resource on the layer and the verifier.

use tower::{Layer, ServiceBuilder};
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{
    Algorithm, BearerAuthLayer, JwtVerifier, ProtectedResource, RequireScopesLayer,
};

use super::{ISSUER, WELL_KNOWN, notes};
use crate::support::{Inner, get, get_with, lacks_scope, no_token, serve, table};

#[tokio::test]
async fn challenges_name_the_metadata_and_the_scopes_that_fit() {
    let metadata = format!(r#"resource_metadata="https://api.test{WELL_KNOWN}/notes""#);
    let open = BearerAuthLayer::new(table())
        .realm("notes")
        .resource(&notes());
    let strict = open.clone().required_scopes(["read"]);
    let described = |error: &str, scope: &str, description: &str| {
        format!(
            r#"Bearer realm="notes", error="{error}", scope="{scope}", {metadata}, error_description="{description}""#
        )
    };
    // If the layer requires no scopes, the challenge names all scopes of the resource.
    for (layer, scope) in [(&open, "read write"), (&strict, "read")] {
        let guarded = RequireScopesLayer::all(["admin"]).layer(Inner::default());
        let server = serve(layer.layer(guarded)).await;
        let bare = format!(r#"Bearer realm="notes", scope="{scope}", {metadata}"#);
        get(server, "/", &[])
            .await
            .assert_refusal(401, Some(&bare), &no_token());

        let answer = get_with(server, "stale").await;
        let challenge = answer.header("www-authenticate").unwrap();
        let expired = described("invalid_token", scope, "The access token expired");
        assert_eq!((answer.status.as_u16(), challenge), (401, &*expired));

        // A 403 names only the scopes of the operation.
        let required = if scope == "read" {
            "read admin"
        } else {
            "admin"
        };
        let lacking = "The access token lacks a required scope";
        let challenge = described("insufficient_scope", required, lacking);
        let answer = get_with(server, "reader").await;
        answer.assert_refusal(403, Some(&challenge), &lacks_scope());
    }
    // Another token would not make a malformed request valid, so the challenge does not name the metadata.
    let server = serve(strict.layer(Inner::default())).await;
    let twice = [("authorization", "Bearer a"), ("authorization", "Bearer b")];
    let answer = get(server, "/", &twice).await;
    assert_eq!(answer.status, 400);
    assert!(
        !answer
            .header("www-authenticate")
            .unwrap()
            .contains("resource_metadata")
    );
}

#[tokio::test]
async fn nothing_in_a_request_moves_the_metadata() {
    let layer = BearerAuthLayer::new(table()).resource(&notes());
    let service = ServiceBuilder::new()
        .layer(notes().layer())
        .layer(layer)
        .service(Inner::default());
    let server = serve(service).await;
    let hostile = [
        ("host", "evil.test"),
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "host=evil.test;proto=http"),
        ("x-original-url", "https://evil.test/"),
    ];
    let refused = get(server, "/", &hostile).await;
    let document = get(server, &format!("{WELL_KNOWN}/notes"), &hostile).await;
    for answer in [&refused, &document] {
        assert!(!format!("{answer:?}").contains("evil"), "{answer:?}");
    }
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.contains(&format!("https://api.test{WELL_KNOWN}/notes")));
}

#[tokio::test]
async fn a_token_for_this_resource_is_distinguished_from_one_for_another() {
    let key = SigningKey::generate(Algorithm::ES256);
    let verifier = JwtVerifier::builder()
        .key(key.verifying_key())
        .issuer(ISSUER)
        .audience(&ProtectedResource::new("https://api.test/mcp"))
        .audience(&ProtectedResource::new("https://root.test"))
        .build()
        .unwrap();
    let server = serve(BearerAuthLayer::new(verifier).layer(Inner::default())).await;
    for audience in [
        "https://api.test/mcp",
        "HTTPS://API.test/mcp",
        "https://root.test",
        "https://root.test/",
        "https://Root.Test/",
    ] {
        let token = key.token().issuer(ISSUER).audience(audience).build();
        get_with(server, &token).await.assert_passed();
        let several = ["https://other.test", audience];
        let token = key.token().issuer(ISSUER).audiences(several).build();
        get_with(server, &token).await.assert_passed();
    }
    for audience in [
        "https://api.test",
        "https://api.test/mcp/",
        "https://api.test/MCP",
        "https://api.test/mcp?x",
        "https://api.test:443/mcp",
        "http://api.test/mcp",
        "https://api.test.evil.test/mcp",
        "https://root.test//",
        "https://root.test#",
        "",
    ] {
        let token = key.token().issuer(ISSUER).audience(audience).build();
        let answer = get_with(server, &token).await;
        answer.assert_invalid_token("The access token is meant for another audience");
    }
}
