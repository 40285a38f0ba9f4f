//! The metadata of each tenant.

use axum::Router;
use axum::routing::get as on_get;
use http::Method;
use serde_json::Value;
use tower_bearer_auth::ProtectedResource;
use tower_bearer_auth::metadata::ProtectedResources;
use tower_layer::Layer;

use crate::support::{Answer, Inner, get, serve, serve_axum};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

fn resource(url: &str) -> ProtectedResource {
    ProtectedResource::new(url).authorization_servers(["https://issuer.example.com"])
}

fn resources() -> ProtectedResources {
    ProtectedResources::new([
        resource("https://blue.example.com/mcp"),
        resource("https://red.example.com:8443/mcp").also_at_root(),
        resource("https://api.example.com/tenants/green"),
        resource("https://yellow.example.com/mcp").metadata_url(
            "https://gateway.example.com/yellow/.well-known/oauth-protected-resource/mcp",
        ),
    ])
}

#[track_caller]
fn assert_document(answer: &Answer, resource: &str) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.json()["resource"], Value::from(resource));
}

#[tokio::test]
async fn the_host_chooses_among_documents_at_one_path() {
    let by_router = serve_axum(Router::new().merge(resources().router())).await;
    let by_layer = serve(resources().layer().layer(Inner::default())).await;
    let by_service = serve(resources().service()).await;
    let mcp = format!("{WELL_KNOWN}/mcp");
    let green = format!("{WELL_KNOWN}/tenants/green");
    for server in [by_router, by_layer, by_service] {
        for (path, host, resource) in [
            (&mcp, "blue.example.com", "https://blue.example.com/mcp"),
            (&mcp, "BLUE.example.com", "https://blue.example.com/mcp"),
            (&mcp, "blue.example.com:443", "https://blue.example.com/mcp"),
            (
                &mcp,
                "red.example.com:8443",
                "https://red.example.com:8443/mcp",
            ),
            (&mcp, "yellow.example.com", "https://yellow.example.com/mcp"),
            (
                &mcp,
                "gateway.example.com",
                "https://yellow.example.com/mcp",
            ),
            // Only one resource has this path, so that any host does.
            (&green, "10.0.0.1", "https://api.example.com/tenants/green"),
            (
                &WELL_KNOWN.to_owned(),
                "10.0.0.1",
                "https://red.example.com:8443/mcp",
            ),
            (
                &format!("/yellow{mcp}"),
                "10.0.0.1",
                "https://yellow.example.com/mcp",
            ),
        ] {
            let answer = get(server, path, &[("host", host)]).await;
            assert_document(&answer, resource);
        }
    }
}

#[tokio::test]
async fn a_host_without_a_document_gets_none() {
    let app = Router::new()
        .route("/", on_get(|| async { "inside" }))
        .merge(resources().router());
    let by_router = serve_axum(app).await;
    let by_service = serve(resources().service()).await;
    let mcp = format!("{WELL_KNOWN}/mcp");
    for host in [
        "other.example.com",
        "red.example.com",
        "blue.example.com:444",
        "",
    ] {
        for server in [by_router, by_service] {
            let answer = get(server, &mcp, &[("host", host)]).await;
            assert_eq!((answer.status.as_u16(), &*answer.body), (404, ""), "{host}");
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
        // A layer passes on what it has no document for.
        let by_layer = serve(resources().layer().layer(Inner::default())).await;
        get(by_layer, &mcp, &[("host", host)]).await.assert_passed();
    }
    get(by_router, "/", &[]).await.assert_passed();
}

#[tokio::test]
async fn other_methods_are_answered_as_for_one_resource() {
    let server = serve_axum(resources().router()).await;
    let client = reqwest::Client::new();
    let url = format!("http://{server}{WELL_KNOWN}/mcp");
    for (method, status) in [
        (Method::OPTIONS, 204),
        (Method::HEAD, 200),
        (Method::POST, 405),
    ] {
        let request = client.request(method.clone(), &url);
        let answer = request.header("host", "blue.example.com").send().await;
        assert_eq!(answer.unwrap().status(), status, "{method}");
    }
}

#[test]
#[should_panic(expected = "two resources of one server have their metadata at")]
fn two_resources_with_one_authority_and_path_are_refused() {
    let _ = ProtectedResources::new([
        resource("https://api.example.com/mcp"),
        resource("https://API.example.com:443/mcp"),
    ]);
}
