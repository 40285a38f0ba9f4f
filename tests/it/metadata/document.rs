//! The metadata document and its well-known path.

use axum::Router;
use axum::routing::get as axum_get;
use http::Request;
use http_body_util::Full;
use serde_json::json;
use tower::{Layer, ServiceBuilder};
use tower_bearer_auth::{BearerAuthLayer, ProtectedResource};

use super::{ISSUER, WELL_KNOWN, assert_document, notes, small};
use crate::support::{INSIDE, Inner, answer_of, get, no_token, send, serve, serve_axum, table};

#[tokio::test]
async fn every_member_has_the_name_in_the_rfc() {
    let resource = notes()
        .member("resource_name", "Notes")
        .member("resource_documentation", "https://docs.test/notes#start")
        .member("resource_policy_uri", "https://docs.test/policy")
        .member("resource_tos_uri", "https://docs.test/terms")
        .member("jwks_uri", "https://api.test/keys")
        .member("resource_signing_alg_values_supported", vec!["ES256"])
        .member("authorization_details_types_supported", vec!["note"])
        .member("tls_client_certificate_bound_access_tokens", false)
        .member("dpop_bound_access_tokens_required", false)
        .member("signed_metadata", "a.b.c")
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
        r#""dpop_bound_access_tokens_required":false,"#,
        r#""signed_metadata":"a.b.c","resource_name#fr":"Carnet","vendor":{"x":[1]}}"#,
    );
    assert_document(&answer, &serde_json::from_str(expected).unwrap());
    assert!(
        answer
            .body
            .starts_with(r#"{"resource":"https://api.test/notes","#)
    );
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
        // No other path serves the document.
        for elsewhere in ["/", "/mcp", &format!("{WELL_KNOWN}/other"), "/.well-known"] {
            assert_eq!(get(axum, elsewhere, &[]).await.status, 404, "{elsewhere}");
            assert_eq!(get(tower, elsewhere, &[]).await.body, INSIDE, "{elsewhere}");
        }
        let rest = path.strip_prefix(WELL_KNOWN).unwrap();
        let url = format!("https://api.test{WELL_KNOWN}{rest}");
        assert_eq!(declared.advertised_metadata_url().unwrap(), url);
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
