//! Protected resource metadata (RFC 9728), and what else a declared resource tells.

use axum::Router;
use axum::routing::get as axum_get;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use tower::{Layer, ServiceBuilder};
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{
    Algorithm, BearerAuthLayer, JwtVerifier, ProtectedResource, RequireScopesLayer,
};

use crate::support::{
    Answer, INSIDE, Inner, Logs, answer_of, get, get_with, lacks_scope, no_token, send, serve,
    serve_axum, table,
};

const ISSUER: &str = "https://issuer.test";
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

fn notes() -> ProtectedResource {
    ProtectedResource::new("https://api.test/notes")
        .authorization_servers([ISSUER])
        .scopes(["read", "write"])
}

#[track_caller]
fn assert_document(answer: &Answer, document: &Value) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json(), *document);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=3600"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn every_member_of_the_rfc_is_said_in_its_words() {
    let resource = notes()
        .resource_name("Notes")
        .resource_documentation("https://docs.test/notes#start")
        .resource_policy_uri("https://docs.test/policy")
        .resource_tos_uri("https://docs.test/terms")
        .jwks_uri("https://api.test/keys")
        .resource_signing_alg_values_supported(["ES256"])
        .authorization_details_types_supported(["note"])
        .tls_client_certificate_bound_access_tokens(false)
        .dpop_signing_alg_values_supported(["ES256", "EdDSA"])
        .dpop_bound_access_tokens_required(false)
        .signed_metadata("a.b.c")
        .member("resource_name#fr", "Carnet")
        .member("vendor", json!({"x": [1]}));
    let request = Request::get("/").body(Full::default()).unwrap();
    let answer = answer_of(resource.service(), request).await;
    let expected = concat!(
        r#"{"resource":"https://api.test/notes","authorization_servers":["https://issuer.test"],"#,
        r#""jwks_uri":"https://api.test/keys","scopes_supported":["read","write"],"#,
        r#""bearer_methods_supported":["header"],"resource_signing_alg_values_supported":["ES256"],"#,
        r#""resource_name":"Notes","resource_documentation":"https://docs.test/notes#start","#,
        r#""resource_policy_uri":"https://docs.test/policy","resource_tos_uri":"https://docs.test/terms","#,
        r#""tls_client_certificate_bound_access_tokens":false,"#,
        r#""authorization_details_types_supported":["note"],"#,
        r#""dpop_signing_alg_values_supported":["ES256","EdDSA"],"dpop_bound_access_tokens_required":false,"#,
        r#""signed_metadata":"a.b.c","resource_name#fr":"Carnet","vendor":{"x":[1]}}"#,
    );
    assert_document(&answer, &serde_json::from_str(expected).unwrap());
    assert!(
        answer
            .body
            .starts_with(r#"{"resource":"https://api.test/notes","#)
    );
}

fn small(resource: &str) -> Value {
    json!({
        "resource": resource,
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
    })
}

#[tokio::test]
async fn the_document_is_where_the_rfc_says_for_axum_and_for_tower() {
    let at = |resource: &str| ProtectedResource::new(resource).authorization_servers([ISSUER]);
    for (resource, path) in [
        ("https://api.test", WELL_KNOWN.to_owned()),
        ("https://api.test/", WELL_KNOWN.to_owned()),
        ("https://api.test/mcp", format!("{WELL_KNOWN}/mcp")),
        ("https://api.test/mcp/", format!("{WELL_KNOWN}/mcp/")),
        ("https://api.test/a/b?x=1", format!("{WELL_KNOWN}/a/b?x=1")),
        (
            "https://api.test/a(b)/~c,d;e=f",
            format!("{WELL_KNOWN}/a(b)/~c,d;e=f"),
        ),
    ] {
        let declared = at(resource);
        let axum = serve_axum(declared.router()).await;
        let tower = serve(declared.layer().layer(Inner::default())).await;
        for server in [axum, tower] {
            assert_document(&get(server, &path, &[]).await, &small(resource));
        }
        // And nowhere else.
        for elsewhere in ["/", "/mcp", &format!("{WELL_KNOWN}/other"), "/.well-known"] {
            assert_eq!(get(axum, elsewhere, &[]).await.status, 404, "{elsewhere}");
            assert_eq!(get(tower, elsewhere, &[]).await.body, INSIDE, "{elsewhere}");
        }
        let rest = path.strip_prefix(WELL_KNOWN).unwrap();
        let url = format!("https://api.test{WELL_KNOWN}{rest}");
        assert_eq!(declared.metadata_url().unwrap(), url);
    }
    let rooted = at("https://api.test/mcp").also_at_root();
    assert_eq!(
        rooted.well_known_paths(),
        [format!("{WELL_KNOWN}/mcp"), WELL_KNOWN.to_owned()]
    );
    let server = serve_axum(rooted.router()).await;
    for path in rooted.well_known_paths() {
        let answer = get(server, &path, &[]).await;
        assert_document(&answer, &small("https://api.test/mcp"));
    }
    let already = at("https://api.test").also_at_root();
    assert_eq!(already.well_known_paths(), [WELL_KNOWN]);
}

#[tokio::test]
async fn it_is_got_and_headed_and_preflighted_and_nothing_else() {
    let resource = notes();
    let path = format!("{WELL_KNOWN}/notes");
    let axum = serve_axum(resource.router()).await;
    let tower = serve(resource.layer().layer(Inner::default())).await;
    for server in [axum, tower] {
        let ask = async |method: &str| {
            let request = Request::builder().method(method).uri(&path);
            let request = request
                .header("origin", "https://app.test")
                .header("access-control-request-method", "GET")
                .header("access-control-request-headers", "mcp-protocol-version");
            send(server, request.body(Full::default()).unwrap()).await
        };
        let got = ask("GET").await;
        assert_eq!(got.status, 200);
        let head = ask("HEAD").await;
        assert_eq!((head.status.as_u16(), &*head.body), (200, ""));
        for name in [
            "content-type",
            "content-length",
            "cache-control",
            "access-control-allow-origin",
        ] {
            assert_eq!(head.header(name), got.header(name), "{name}");
        }
        assert_eq!(
            got.header("content-length"),
            Some(&*got.body.len().to_string())
        );

        let preflight = ask("OPTIONS").await;
        assert_eq!(preflight.status, 204);
        for (name, value) in [
            ("access-control-allow-origin", "*"),
            ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
            ("access-control-allow-headers", "*"),
            ("access-control-max-age", "86400"),
            ("allow", "GET, HEAD, OPTIONS"),
        ] {
            assert_eq!(preflight.header(name), Some(value), "{name}");
        }
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let refused = ask(method).await;
            assert_eq!(refused.status, 405, "{method}");
            assert_eq!(refused.header("allow"), Some("GET, HEAD, OPTIONS"));
            assert_eq!(refused.body, "");
        }
    }
}

#[tokio::test]
async fn two_resources_of_one_server_do_not_collide() {
    let one = ProtectedResource::new("https://api.test/one")
        .authorization_servers([ISSUER])
        .also_at_root();
    let two = ProtectedResource::new("https://api.test/two").authorization_servers([ISSUER]);
    let guarded = |path: &str, resource: &ProtectedResource| {
        Router::new()
            .route(path, axum_get(|| async { INSIDE }))
            .layer(BearerAuthLayer::new(table()).resource(resource))
    };
    let axum = Router::new()
        .merge(guarded("/one", &one))
        .merge(guarded("/two", &two))
        .merge(one.router())
        .merge(two.router());
    let server = serve_axum(axum).await;
    for (path, resource) in [
        ("/one", "https://api.test/one"),
        ("/two", "https://api.test/two"),
    ] {
        let document = get(server, &format!("{WELL_KNOWN}{path}"), &[]).await;
        assert_document(&document, &small(resource));
        let metadata = format!("https://api.test{WELL_KNOWN}{path}");
        let challenge = format!(r#"Bearer resource_metadata="{metadata}""#);
        let refused = get(server, path, &[]).await;
        refused.assert_refusal(401, Some(&challenge), &no_token());
    }
    let tower = ServiceBuilder::new()
        .layer(one.layer())
        .layer(two.layer())
        .service(Inner::default());
    let server = serve(tower).await;
    for (path, resource) in [
        ("/one", "https://api.test/one"),
        ("/two", "https://api.test/two"),
    ] {
        let document = get(server, &format!("{WELL_KNOWN}{path}"), &[]).await;
        assert_document(&document, &small(resource));
    }
}

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
    // All that the resource has, where the layer asks for nothing itself.
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

        // The operation's, and not all there are.
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
    // A malformed request would be so with any token.
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
async fn a_token_for_this_resource_is_told_from_one_for_another() {
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

/// Everything that a resource can get wrong, with a word of what is said about it.
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
            notes().resource_documentation("docs"),
            "resource_documentation",
        ),
        (notes().jwks_uri("keys"), "jwks_uri"),
        (
            notes().member("resource", "https://other.test"),
            "setter of its own",
        ),
    ]
}

#[test]
fn what_cannot_be_a_resource_is_told_by_check_and_by_build() {
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
        .resource_tos_uri("terms")
        .member("jwks_uri", 1);
    assert_eq!(everything.check().unwrap_err().problems().count(), 6);

    for good in [
        "http://localhost:3000/mcp",
        "http://127.0.0.1/",
        "http://[::1]:3000",
    ] {
        let resource = ProtectedResource::new(good).authorization_servers([good]);
        assert_eq!(resource.check(), Ok(()), "{good}");
    }
    let plain =
        ProtectedResource::new("http://api.test").authorization_servers(["http://issuer.test"]);
    assert_eq!(plain.allow_http().check(), Ok(()));
}

#[test]
fn what_cannot_be_a_resource_panics_where_it_is_used() {
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
fn what_works_and_is_a_mistake_is_a_warning() {
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

#[test]
fn the_service_is_small_and_named() {
    let service = notes().service();
    let _: Request<Full<Bytes>> = Request::default();
    assert!(format!("{service:?} {:?}", notes().layer()).contains("MetadataLayer"));
}
