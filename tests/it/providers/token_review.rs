//! Kubernetes' TokenReview, with a test server that plays the API server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower_bearer_auth::{AccessToken, BearerAuthLayer, VerifierExt, verify_fn};

use super::opaque_recipes::{client, review};
use crate::support::{get_with, serve_axum};

const POD: &str = "system:serviceaccount:jobs:reports";

/// The API server. It records the tokens that it reviews.
#[derive(Clone, Default)]
struct ApiServer {
    reviewed: Arc<Mutex<Vec<String>>>,
    fault: Arc<Mutex<Option<StatusCode>>>,
}

impl ApiServer {
    fn fail(&self, status: Option<StatusCode>) {
        *self.fault.lock().unwrap() = status;
    }

    fn reviewed(&self) -> Vec<String> {
        self.reviewed.lock().unwrap().clone()
    }
}

async fn token_review(
    State(server): State<ApiServer>,
    headers: HeaderMap,
    Json(review): Json<Value>,
) -> Response {
    if headers["authorization"] != "Bearer own-token" {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    assert_eq!(review["apiVersion"], "authentication.k8s.io/v1");
    assert_eq!(review["kind"], "TokenReview");
    assert_eq!(review["spec"]["audiences"], json!(["notes"]));
    let token = review["spec"]["token"].as_str().unwrap();
    server.reviewed.lock().unwrap().push(token.to_owned());
    if let Some(status) = *server.fault.lock().unwrap() {
        return status.into_response();
    }
    let user = |name: &str, audiences: Value| {
        json!({
            "authenticated": true,
            "audiences": audiences,
            "user": {
                "username": name,
                "uid": "e6a8680e-d103-4cce-80ea-03acbbeacf7d",
                "groups": ["system:serviceaccounts", "system:authenticated"],
                "extra": {"authentication.kubernetes.io/pod-name": ["reports-x7k2p"]},
            },
        })
    };
    let status = match token {
        "pod" => user(POD, json!(["notes"])),
        "other-audience" => user(POD, json!(["https://kubernetes.default.svc"])),
        // Older API servers do not know audiences.
        "audience-unaware" => {
            let mut status = user(POD, json!(null));
            status.as_object_mut().unwrap().remove("audiences");
            status
        }
        "other-namespace" => user("system:serviceaccount:jobs2:reports", json!(["notes"])),
        "administrator" => user("alice@example.com", json!(["notes"])),
        "status-of-another-form" => json!({"authenticated": "yes"}),
        "says-nothing" => json!({}),
        _ => json!({"user": {}, "error": "[invalid bearer token, Token has been invalidated]"}),
    };
    let mut answer = review.clone();
    answer["status"] = status;
    (StatusCode::CREATED, Json(answer)).into_response()
}

/// A server behind the recipe, the API server, and the folder with the server's own token.
async fn start() -> (SocketAddr, ApiServer, TempDir) {
    let kubernetes = ApiServer::default();
    let api = Router::new()
        .route(
            "/apis/authentication.k8s.io/v1/tokenreviews",
            post(token_review),
        )
        .with_state(kubernetes.clone());
    let api: &str = format!("http://{}", serve_axum(api).await).leak();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "own-token\n").unwrap();
    let pod: &str = folder.path().to_str().unwrap().to_owned().leak();

    let http = client().unwrap();
    let verifier = verify_fn(move |token| review(http.clone(), api, pod, token));
    let show = |token: AccessToken| async move {
        json!({
            "subject": token.subject(),
            "audiences": token.audiences().collect::<Vec<_>>(),
            "verifier": token.verifier(),
        })
        .to_string()
    };
    let app = Router::new().route("/", get(show));
    let server = serve_axum(app.layer(BearerAuthLayer::new(verifier.cached(100)))).await;
    (server, kubernetes, folder)
}

#[tokio::test]
async fn the_api_server_decides_about_tokens_of_pods() {
    let (server, kubernetes, _folder) = start().await;
    for _ in 0..3 {
        let answer = get_with(server, "pod").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let wanted = json!({"subject": POD, "audiences": ["notes"], "verifier": "kubernetes"});
        assert_eq!(answer.json(), wanted);
    }
    assert_eq!(kubernetes.reviewed(), ["pod"]);

    for token in ["unknown", "says-nothing"] {
        let answer = get_with(server, token).await;
        answer.assert_invalid_token("The access token is not recognized");
    }
    for token in ["other-audience", "audience-unaware"] {
        let answer = get_with(server, token).await;
        answer.assert_invalid_token("The access token is meant for another audience");
    }
    for token in ["other-namespace", "administrator"] {
        let answer = get_with(server, token).await;
        answer.assert_invalid_token("The access token has an unacceptable claim");
    }
}

#[tokio::test]
async fn failures_of_the_api_server_are_outages() {
    let (server, kubernetes, folder) = start().await;
    assert_eq!(get_with(server, "pod").await.status, 200);
    get_with(server, "status-of-another-form")
        .await
        .assert_outage();
    // 403: the server's service account may not create token reviews.
    for status in [
        StatusCode::FORBIDDEN,
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::TEMPORARY_REDIRECT,
    ] {
        kubernetes.fail(Some(status));
        get_with(server, "new").await.assert_outage();
        // A cached token causes no request.
        assert_eq!(get_with(server, "pod").await.status, 200);
    }
    kubernetes.fail(None);
    let unknown = "The access token is not recognized";
    get_with(server, "new").await.assert_invalid_token(unknown);

    // The kubelet replaces the file.
    let file = folder.path().join("token");
    std::fs::write(&file, "expired-token").unwrap();
    get_with(server, "later").await.assert_outage();
    std::fs::remove_file(&file).unwrap();
    get_with(server, "later").await.assert_outage();
    std::fs::write(&file, "own-token").unwrap();
    get_with(server, "later")
        .await
        .assert_invalid_token(unknown);
}
