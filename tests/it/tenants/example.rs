//! The example `tenants`.

use serde_json::Value;
use tower_bearer_auth::testing::TestIssuer;

use super::unknown;
use crate::support::{get, serve_axum};

#[allow(dead_code, reason = "the rest of it is for a terminal")]
#[path = "../../../examples/tenants.rs"]
mod tenants;

#[tokio::test]
async fn tokens_of_two_tenants_do_not_pass_at_each_other() {
    let issuers = [TestIssuer::start().await, TestIssuer::start().await];
    let hosts = ["blue.test", "red.test"];
    let table = hosts
        .iter()
        .zip(&issuers)
        .map(|(host, issuer)| {
            let layer = tenants::tenant("https", host, &issuer.issuer()).unwrap();
            ((*host).to_owned(), layer)
        })
        .collect();
    let server = serve_axum(tenants::app(table)).await;
    for (index, issuer) in issuers.iter().enumerate() {
        // Even with the audience of the other tenant, a token of this issuer is refused there.
        for audience in hosts {
            let token = issuer.token().audience(format!("https://{audience}"));
            let token = format!("Bearer {}", token.subject("alice").build());
            for (at, host) in hosts.iter().enumerate() {
                let answer = get(server, "/", &[("host", host), ("authorization", &token)]).await;
                match index == at && audience == *host {
                    true => assert_eq!(answer.body, format!("alice, from {}\n", issuer.issuer())),
                    false => {
                        assert_eq!(answer.status, 401);
                        let challenge = answer.header("www-authenticate").unwrap();
                        let metadata = format!(
                            r#"resource_metadata="https://{host}/.well-known/oauth-protected-resource""#
                        );
                        assert!(challenge.contains(&metadata), "{challenge}");
                        assert_eq!(answer.json()["error"], Value::from("invalid_token"));
                    }
                }
            }
            let headers = [("host", "green.test"), ("authorization", &*token)];
            get(server, "/", &headers)
                .await
                .assert_refusal(404, None, &unknown());
        }
        let path = "/.well-known/oauth-protected-resource";
        let document = get(server, path, &[("host", hosts[index])]).await.json();
        assert_eq!(
            document["authorization_servers"],
            serde_json::json!([issuer.issuer()])
        );
    }
}
