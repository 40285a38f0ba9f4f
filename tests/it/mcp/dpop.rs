//! The `mcp_server` example with proofs of possession, called by the `dpop_client` example.

use http::StatusCode;
use serde_json::json;
use tower_bearer_auth::possession::{Dpop, DpopNonces};
use tower_bearer_auth::testing::DpopKey;

use super::dpop_client::{Answer, Client};
use super::serve_example_with;
use crate::support::authorization_server::AuthorizationServer;

const READER: [&str; 1] = ["notes:read"];

async fn authorization() -> AuthorizationServer {
    AuthorizationServer::start(["notes:read", "notes:write", "admin"]).await
}

/// The challenges, each as its scheme and its error.
fn challenges(answer: &Answer) -> Vec<(&str, Option<&str>)> {
    let fields = answer.headers.get_all("www-authenticate").iter();
    fields
        .map(|field| {
            let field = field.to_str().unwrap();
            let (scheme, parameters) = field.split_once(' ').unwrap();
            let (_, error) = parameters.split_once("error=\"").unzip();
            (scheme, error.map(|error| error.split('"').next().unwrap()))
        })
        .collect()
}

#[track_caller]
fn assert_result(answer: &Answer, text: &str) {
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert!(answer.body.contains(text), "{answer:?}");
}

#[tokio::test]
async fn a_client_gets_from_the_challenge_to_a_tool_with_its_key() {
    let authorization = authorization().await;
    let server = serve_example_with(&authorization, Some(Dpop::new())).await;
    let url = format!("http://{server}/mcp");
    let key = DpopKey::new();
    let token = authorization.bound_token("carol", &url, READER, &key);
    let mut client = Client::new(&url, key, token);

    let refused = client
        .call_without_token("whoami", &json!({}))
        .await
        .unwrap();
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(challenges(&refused), [("Bearer", None), ("DPoP", None)]);

    for _ in 0..2 {
        let answers = client.call("whoami", &json!({})).await.unwrap();
        assert_eq!(answers.len(), 1);
        assert_result(&answers[0], "carol with the scopes: notes:read");
    }
    let answers = client.call("add", &json!({"a": 1, "b": 2})).await.unwrap();
    assert_result(&answers[0], r#""text":"3""#);

    let answers = client.call("delete_note", &json!({"id": 2})).await.unwrap();
    assert_eq!(answers[0].status, StatusCode::FORBIDDEN);
    assert_eq!(
        challenges(&answers[0]),
        [("DPoP", Some("insufficient_scope"))]
    );
}

#[tokio::test]
async fn a_client_retries_once_with_the_nonce_of_the_server_and_keeps_it() {
    let authorization = authorization().await;
    let dpop = Dpop::new().required().nonces(DpopNonces::new([7; 32]));
    let server = serve_example_with(&authorization, Some(dpop)).await;
    let url = format!("http://{server}/mcp");
    let key = DpopKey::new();
    let token = authorization.bound_token("carol", &url, READER, &key);
    let mut client = Client::new(&url, key, token);

    let refused = client
        .call_without_token("whoami", &json!({}))
        .await
        .unwrap();
    assert_eq!(challenges(&refused), [("DPoP", None)]);

    let answers = client.call("whoami", &json!({})).await.unwrap();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0].status, StatusCode::UNAUTHORIZED);
    assert_eq!(challenges(&answers[0]), [("DPoP", Some("use_dpop_nonce"))]);
    assert_eq!(answers[0].headers["cache-control"], "no-store");
    assert_result(&answers[1], "carol");

    let answers = client.call("whoami", &json!({})).await.unwrap();
    assert_eq!(answers.len(), 1);
    assert_result(&answers[0], "carol");
}

/// The attack of a thief who has the token without its key.
#[tokio::test]
async fn a_client_with_another_key_is_refused() {
    let authorization = authorization().await;
    for dpop in [None, Some(Dpop::new())] {
        let server = serve_example_with(&authorization, dpop).await;
        let url = format!("http://{server}/mcp");
        let token = authorization.bound_token("carol", &url, READER, &DpopKey::new());
        let mut thief = Client::new(&url, DpopKey::new(), token);
        let answers = thief.call("whoami", &json!({})).await.unwrap();
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].status, StatusCode::UNAUTHORIZED, "{answers:?}");
    }
}
