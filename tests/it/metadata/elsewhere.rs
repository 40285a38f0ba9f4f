//! A metadata document outside the well-known path: behind a gateway, and in a nested app.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get as axum_get;
use tower::Layer;
use tower_bearer_auth::{BearerAuthLayer, ProtectedResource};

use super::{ISSUER, WELL_KNOWN, assert_document, small};
use crate::support::{INSIDE, Inner, Logs, get, no_token, serve, serve_axum, table};

fn resource(identifier: &str) -> ProtectedResource {
    ProtectedResource::new(identifier).authorization_servers([ISSUER])
}

/// An app with the route `/mcp`, behind the layer.
fn guarded(resource: &ProtectedResource) -> Router {
    Router::new()
        .route("/mcp", axum_get(|| async { INSIDE }))
        .layer(BearerAuthLayer::new(table()).resource(resource))
}

/// The metadata URL in the challenge at `path`.
async fn advertised(server: SocketAddr, path: &str) -> String {
    let refused = get(server, path, &[]).await;
    let challenge = refused.header("www-authenticate").unwrap().to_owned();
    refused.assert_refusal(401, Some(&challenge), &no_token());
    let url = challenge
        .strip_prefix("Bearer resource_metadata=\"")
        .unwrap();
    url.strip_suffix('"').unwrap().to_owned()
}

/// The path of a URL of `https://api.test`.
fn path(url: &str) -> &str {
    url.strip_prefix("https://api.test").unwrap()
}

#[tokio::test]
async fn the_document_is_advertised_and_served_at_the_configured_url() {
    let identifier = "https://api.test/tools/mcp";
    for (url, paths) in [
        (
            format!("https://api.test/tools{WELL_KNOWN}/mcp"),
            vec![
                format!("/tools{WELL_KNOWN}/mcp"),
                format!("{WELL_KNOWN}/mcp"),
                format!("{WELL_KNOWN}/tools/mcp"),
            ],
        ),
        (
            format!("https://api.test/tools{WELL_KNOWN}"),
            vec![
                format!("/tools{WELL_KNOWN}"),
                WELL_KNOWN.to_owned(),
                format!("{WELL_KNOWN}/tools/mcp"),
            ],
        ),
        (
            "https://api.test/tools/metadata?resource=mcp".to_owned(),
            vec![
                "/tools/metadata".to_owned(),
                format!("{WELL_KNOWN}/tools/mcp"),
            ],
        ),
        (
            format!("https://api.test{WELL_KNOWN}/tools/mcp"),
            vec![format!("{WELL_KNOWN}/tools/mcp")],
        ),
        (
            "https://api.test".to_owned(),
            vec!["/".to_owned(), format!("{WELL_KNOWN}/tools/mcp")],
        ),
    ] {
        let resource = resource(identifier).metadata_url(&url);
        assert_eq!(resource.advertised_metadata_url().unwrap(), url);
        assert_eq!(resource.well_known_paths(), paths);
        let axum = serve_axum(guarded(&resource).merge(resource.router())).await;
        assert_eq!(advertised(axum, "/mcp").await, url);
        let inner = BearerAuthLayer::new(table()).resource(&resource);
        let tower = serve(resource.layer().layer(inner.layer(Inner::default()))).await;
        assert_eq!(advertised(tower, "/mcp").await, url);
        for server in [axum, tower] {
            for path in &paths {
                assert_document(&get(server, path, &[]).await, &small(identifier));
            }
        }
    }
    let rooted = resource(identifier)
        .also_at_root()
        .metadata_url("https://api.test/metadata");
    let expected = ["/metadata", &format!("{WELL_KNOWN}/tools/mcp"), WELL_KNOWN];
    assert_eq!(rooted.well_known_paths(), expected);
}

#[tokio::test]
async fn the_getter_returns_an_error_for_an_invalid_url_as_well() {
    let wrong = resource("https://api.test/mcp").metadata_url("http://api.test/x?s3cret");
    let error = wrong.advertised_metadata_url().unwrap_err().to_string();
    assert!(
        error.contains("metadata_url(\"http://api.test/x\")"),
        "{error}"
    );
    assert_eq!(wrong.check().unwrap_err().to_string(), error);
}

#[tokio::test]
async fn a_nested_app_that_also_nests_its_document_causes_a_warning() {
    let resource = resource("https://api.test/prefix/mcp");
    let nested = guarded(&resource).merge(resource.router());
    let server = serve_axum(Router::new().nest("/prefix", nested)).await;

    let logs = Logs::capture();
    let url = advertised(server, "/prefix/mcp").await;
    assert_eq!(get(server, path(&url), &[]).await.status, 404);
    assert!(!logs.text().contains("WARN"), "{}", logs.text());
    for _ in 0..3 {
        advertised(server, "/prefix/mcp").await;
    }
    let log = logs.text();
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    assert!(log.contains("tower_bearer_auth::setup"), "{log}");
    assert!(log.contains(&format!("metadata_url={url}")), "{log}");
    assert!(log.contains("nest=\"/prefix\""), "{log}");
    assert!(log.contains("outside of Router::nest"), "{log}");
}

#[tokio::test]
async fn a_document_that_is_requested_at_another_path_causes_a_warning() {
    let resource = resource("https://api.test/prefix/mcp");
    let nested = guarded(&resource).merge(resource.router());
    let server = serve_axum(Router::new().nest("/prefix", nested)).await;
    let logs = Logs::capture();
    for _ in 0..2 {
        let at = format!("/prefix{WELL_KNOWN}/prefix/mcp");
        let document = get(server, &at, &[]).await;
        assert_document(&document, &small("https://api.test/prefix/mcp"));
        advertised(server, "/prefix/mcp").await;
    }
    let log = logs.text();
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    let served_at = format!("served_at=\"/prefix{WELL_KNOWN}/prefix/mcp\"");
    assert!(log.contains(&served_at), "{log}");
    let expected = format!("metadata_url=https://api.test{WELL_KNOWN}/prefix/mcp");
    assert!(log.contains(&expected), "{log}");
}

/// Nested apps that serve the document at the URL in the challenge, each in a different way.
#[tokio::test]
async fn a_nested_app_whose_document_is_found_causes_no_warning() {
    let identifier = "https://api.test/prefix/mcp";
    let outside = resource(identifier);
    let within =
        resource(identifier).metadata_url(format!("https://api.test/prefix{WELL_KNOWN}/mcp"));
    let elsewhere = resource(identifier);
    let nested_itself =
        Router::new().nest_service(&format!("{WELL_KNOWN}/prefix/mcp"), elsewhere.service());
    let apps = [
        Router::new()
            .nest("/prefix", guarded(&outside))
            .merge(outside.router()),
        Router::new().nest("/prefix", guarded(&within).merge(within.router())),
        Router::new()
            .nest("/prefix", guarded(&elsewhere))
            .merge(nested_itself),
    ];
    let logs = Logs::capture();
    for app in apps {
        let server = serve_axum(app).await;
        for _ in 0..3 {
            let url = advertised(server, "/prefix/mcp").await;
            let document = get(server, path(&url), &[]).await;
            assert_document(&document, &small(identifier));
        }
    }
    assert!(!logs.text().contains("WARN"), "{}", logs.text());
}

#[tokio::test]
async fn an_app_that_is_not_nested_and_one_without_a_resource_cause_no_warning() {
    let resource = resource("https://api.test/mcp");
    let plain = Router::new()
        .route("/mcp", axum_get(|| async { INSIDE }))
        .layer(BearerAuthLayer::new(table()));
    let unserved = serve_axum(guarded(&resource)).await;
    let nested = serve_axum(Router::new().nest("/prefix", plain)).await;
    let logs = Logs::capture();
    for _ in 0..3 {
        get(unserved, "/mcp", &[]).await;
        get(nested, "/prefix/mcp", &[]).await;
    }
    assert!(!logs.text().contains("WARN"), "{}", logs.text());
}
