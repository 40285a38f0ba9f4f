//! The server terminates TLS.

use http::Request;
use http_body_util::Full;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tower_bearer_auth::BearerAuthLayer;

use super::{ANOTHER, AUDIENCE, ISSUER, NOT_PROVEN, Server, certificates, checked, get_over};
use crate::support::jwts;

#[tokio::test]
async fn a_token_that_is_bound_to_a_certificate_needs_a_connection_with_this_certificate() {
    let server = Server::start(checked).await;
    let [alice, mallory] = certificates();
    let bound = server.token(Some(&alice));
    let plain = server.token(None);
    for version in [&TLS12, &TLS13] {
        for _ in 0..2 {
            for (client, refusal) in [
                (Some(&alice), None),
                (Some(&mallory), Some(ANOTHER)),
                (None, Some(NOT_PROVEN)),
            ] {
                let identity = client.map(|client| (client, client));
                let mut sender = server.connect(version, identity).await.unwrap();
                // Each request of the connection gets its certificate.
                for _ in 0..2 {
                    let answer = get_over(&mut sender, &bound, &[]).await;
                    match refusal {
                        None => answer.assert_passed(),
                        Some(description) => answer.assert_invalid_token(description),
                    }
                    get_over(&mut sender, &plain, &[]).await.assert_passed();
                }
            }
        }
    }
}

#[tokio::test]
async fn a_client_cannot_present_a_certificate_whose_key_it_does_not_have() {
    let server = Server::start(checked).await;
    let [alice, mallory] = certificates();
    let bound = server.token(Some(&alice));
    for version in [&TLS12, &TLS13] {
        let connected = server.connect(version, Some((&alice, &mallory))).await;
        // In TLS 1.3, the client's handshake ends before the server has verified the signature.
        if let Ok(mut sender) = connected {
            assert_eq!(*version, TLS13);
            let request = Request::get("/")
                .header("host", "api.example.com")
                .header("authorization", format!("Bearer {bound}"))
                .body(Full::default())
                .unwrap();
            sender.send_request(request).await.unwrap_err();
        }
    }
}

#[tokio::test]
async fn a_layer_that_does_not_check_certificates_refuses_the_token() {
    let server = Server::start(|app, issuer| {
        app.layer(BearerAuthLayer::new(jwts(ISSUER, AUDIENCE, issuer)))
    })
    .await;
    let [alice, _] = certificates();
    let bound = server.token(Some(&alice));
    for client in [Some(&alice), None] {
        let answer = server.get(client, &bound, &[]).await;
        answer.assert_invalid_token(NOT_PROVEN);
    }
    let plain = server.token(None);
    server.get(None, &plain, &[]).await.assert_passed();
}
