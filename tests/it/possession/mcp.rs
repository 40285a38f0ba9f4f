//! A bound token needs its proof at an MCP server too, for sessions and tools.

use http::{HeaderValue, Request};
use serde_json::json;
use tower::ServiceBuilder;
use tower_bearer_auth::mcp::{ScopeRules, SessionBindingLayer, ToolScopesLayer};
use tower_bearer_auth::{BearerAuthLayer, JwtVerifier, ScopeRequirement};

use super::{PATH, URL, World};
use crate::support::{Inner, answer_of};

#[tokio::test]
async fn an_mcp_server_needs_the_proof_for_sessions_and_tools_too() {
    let world = World::new();
    let rules = ScopeRules::builder()
        .tool("write", ScopeRequirement::all(["write"]))
        .default_rule(ScopeRequirement::permit_all())
        .build()
        .unwrap();
    let server = |auth: BearerAuthLayer<JwtVerifier>| {
        ServiceBuilder::new()
            .layer(auth)
            .layer(SessionBindingLayer::new())
            .layer(ToolScopesLayer::new(rules.clone()))
            .service(Inner::default())
    };
    let call =
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "write"}});
    let call = call.to_string();
    let token = world.bound().build();
    let request = |scheme: &str, proof: Option<String>| {
        let mut request = Request::post(PATH)
            .header("authorization", format!("{scheme} {token}"))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(http_body_util::Full::from(bytes::Bytes::from(call.clone())))
            .unwrap();
        if let Some(proof) = proof {
            let proof = HeaderValue::try_from(proof).unwrap();
            request.headers_mut().insert("dpop", proof);
        }
        request
    };
    let proof = || {
        world
            .client
            .proof("POST", URL, &token)
            .clock(&world.clock)
            .build()
    };
    let without = server(BearerAuthLayer::new(world.verifier()));
    for (scheme, proof) in [("Bearer", None), ("DPoP", Some(proof()))] {
        let answer = answer_of(without.clone(), request(scheme, proof)).await;
        assert_eq!(answer.status, 401);
    }
    let checking = server(BearerAuthLayer::new(world.verifier()).dpop(world.dpop()));
    for (scheme, proof) in [("Bearer", Some(proof())), ("DPoP", None)] {
        let answer = answer_of(checking.clone(), request(scheme, proof)).await;
        assert_eq!(answer.status, 401);
    }
    let answer = answer_of(checking, request("DPoP", Some(proof()))).await;
    assert_eq!(answer.status, 403);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with(r#"DPoP error="insufficient_scope", algs=""#)
            && challenge.contains(r#"scope="write""#),
        "{challenge}"
    );
}
