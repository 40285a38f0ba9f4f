//! DPoP proofs are for the method and the URL of the client, not for those of the check.

use std::time::{Duration, UNIX_EPOCH};

use tower_bearer_auth::testing::DpopKey;

use super::{RESOURCE, Server, assert_passed, assert_refused};
use crate::support::{Answer, get};

/// The answer about a request with this proof, asked as nginx does.
async fn ask(server: &Server, request: (&str, &str), token: &str, proofs: &[&str]) -> Answer {
    let authorization = format!("DPoP {token}");
    let mut headers = vec![
        ("x-original-method", request.0),
        ("x-original-uri", request.1),
        ("authorization", &authorization),
    ];
    headers.extend(proofs.iter().map(|proof| ("dpop", *proof)));
    server.ask(&headers).await
}

#[tokio::test]
async fn a_proof_is_for_the_request_of_the_client_and_good_once() {
    let server = Server::start(&[("DPOP", "optional")]).await;
    let key = DpopKey::new();
    let token = server.token().bound_to(&key).build();
    for (request, proof, passes) in [
        (("GET", "/notes"), ("GET", "/notes"), true),
        (("GET", "/notes?page=2"), ("GET", "/notes"), true),
        (("DELETE", "/notes/1"), ("DELETE", "/notes/1"), true),
        (
            ("GET", "https://api.example.com/notes"),
            ("GET", "/notes"),
            true,
        ),
        (("GET", "/n%6ftes"), ("GET", "/notes"), true),
        (("GET", "//notes"), ("GET", "//notes"), true),
        (("GET", "/a%2Fb"), ("GET", "/a%2fb"), true),
        (("GET", "/notes"), ("POST", "/notes"), false),
        (("GET", "/notes"), ("GET", "/notes/1"), false),
        (("GET", "/notes"), ("GET", "/check"), false),
        (("GET", "/check"), ("GET", "/notes"), false),
        (("GET", "//notes"), ("GET", "/notes"), false),
        (("GET", "/a%2Fb"), ("GET", "/a/b"), false),
        (("GET", "/x/../notes"), ("GET", "/notes"), false),
    ] {
        let url = format!("{RESOURCE}{}", proof.1);
        let proof = key.proof(proof.0, &url, &token).build();
        let answer = ask(&server, request, &token, &[&proof]).await;
        match passes {
            true => {
                assert_passed(&answer, Some("alice"));
                let again = ask(&server, request, &token, &[&proof]).await;
                assert_bad_proof(&again);
            }
            false => assert_bad_proof(&answer),
        }
    }
}

#[tokio::test]
async fn a_proof_for_another_origin_is_refused() {
    let server = Server::start(&[("DPOP", "required")]).await;
    let key = DpopKey::new();
    let token = server.token().bound_to(&key).build();
    for url in [
        format!("http://{}/notes", server.address),
        format!("http://{}/check", server.address),
        "http://api.example.com/notes".into(),
        "https://other.example.com/notes".into(),
    ] {
        let proof = key.proof("GET", &url, &token).build();
        assert_bad_proof(&ask(&server, ("GET", "/notes"), &token, &[&proof]).await);
    }
    let good = || key.proof("GET", &format!("{RESOURCE}/notes"), &token);
    let stale = UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    let other = DpopKey::new();
    for proofs in [
        vec![],
        vec![good().build(), good().build()],
        vec![good().issued_at(stale).build()],
        vec![good().signed_by(&other).build()],
        vec![String::new()],
    ] {
        let proofs: Vec<_> = proofs.iter().map(String::as_str).collect();
        assert_bad_proof(&ask(&server, ("GET", "/notes"), &token, &proofs).await);
    }
    // A thief of the token has no key, and a plain token is not enough.
    for token in [&token, &server.token().build()] {
        let answer = server.about("/notes", Some(token)).await;
        assert_refused(&answer, 401, Some("invalid_token"));
    }
}

#[tokio::test]
async fn proofs_are_checked_whatever_the_path_needs() {
    let variables = [
        ("DPOP", "optional"),
        ("SCOPES", "/a=x"),
        ("ANONYMOUS", "/b"),
    ];
    let server = Server::start(&variables).await;
    let key = DpopKey::new();
    let token = server.token().scopes(["x"]).bound_to(&key).build();
    for path in ["/a", "/b", "/c"] {
        let url = format!("{RESOURCE}{path}");
        let proof = key.proof("GET", &url, &token).build();
        let ask = async |proofs: &[&str]| ask(&server, ("GET", path), &token, proofs).await;
        assert_passed(&ask(&[&proof]).await, Some("alice"));
        assert_bad_proof(&ask(&[&proof]).await);
        assert_bad_proof(&ask(&[]).await);
    }
}

#[tokio::test]
async fn traefik_and_envoy_name_the_url_in_their_own_way() {
    let key = DpopKey::new();
    let server = Server::start(&[("DPOP", "optional"), ("PROXY", "traefik")]).await;
    let token = server.token().bound_to(&key).build();
    let proof = key
        .proof("PUT", &format!("{RESOURCE}/notes"), &token)
        .build();
    let authorization = format!("DPoP {token}");
    let headers = [
        ("x-forwarded-method", "PUT"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "api.example.com"),
        ("x-forwarded-uri", "/notes?x"),
        ("authorization", &*authorization),
        ("dpop", &*proof),
    ];
    assert_passed(&server.ask(&headers).await, Some("alice"));
    assert_bad_proof(&server.ask(&headers).await);

    let server = Server::start(&[("DPOP", "optional"), ("PROXY", "envoy")]).await;
    let token = server.token().bound_to(&key).build();
    let proof = key
        .proof("GET", &format!("{RESOURCE}/notes"), &token)
        .build();
    let authorization = format!("DPoP {token}");
    let headers = [
        ("host", "api.example.com"),
        ("authorization", &*authorization),
        ("dpop", &*proof),
    ];
    let ask = async || get(server.address, "/check/notes?x", &headers).await;
    assert_passed(&ask().await, Some("alice"));
    assert_bad_proof(&ask().await);
}

#[track_caller]
fn assert_bad_proof(answer: &Answer) {
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_refused(answer, 401, Some("invalid_dpop_proof"));
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with(r#"DPoP error="invalid_dpop_proof""#),
        "{challenge}"
    );
}
