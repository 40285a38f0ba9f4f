//! Checks of the application's own.

use std::future::{Future, ready};
use std::net::IpAddr;

use tower_bearer_auth::possession::{Checked, RequestCheck, RequestHead};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, InvalidProofReason, InvalidReason, Scheme, Scopes, VerifyError,
};
use tower_layer::Layer;

use super::{PATH, Server, World, challenges};
use crate::support::{Inner, get, refused, serve};

/// A check with this result.
struct Always(Result<Checked, VerifyError>);

impl RequestCheck for Always {
    fn check(
        &self,
        _: RequestHead<'_>,
        _: Scheme,
        _: &AccessToken,
    ) -> impl Future<Output = Result<Checked, VerifyError>> + Send + use<> {
        let result = self.0.clone();
        async move {
            tokio::task::yield_now().await;
            result
        }
    }
}

#[tokio::test]
async fn a_binding_that_no_check_proves_is_refused() {
    let world = World::new();
    let bearer = format!("Bearer {}", world.bound().build());
    let headers = [("authorization", &*bearer)];
    let layer = || BearerAuthLayer::new(world.verifier());
    let passed = || Always(Ok(Checked::Passed));
    let proven = || Always(Ok(Checked::Proven));
    for (layer, status) in [
        (layer(), 401),
        (layer().check_request(passed()), 401),
        (layer().check_request(proven()), 200),
        (layer().check_request(proven()).check_request(passed()), 200),
        (layer().check_request(passed()).check_request(proven()), 200),
        // A check of the application does not replace the built-in check.
        (layer().dpop(world.dpop()).check_request(proven()), 401),
    ] {
        let server = Server::start(layer).await;
        let answer = server.get(&headers).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(server.inner.calls(), usize::from(status == 200));
    }
}

#[tokio::test]
async fn a_check_refuses_with_the_answer_of_its_error() {
    let world = World::new();
    let bearer = format!("Bearer {}", world.plain().build());
    let headers = [("authorization", &*bearer)];
    let write = Scopes::parse("write").unwrap();
    for (error, status, challenge, code, description) in [
        (
            VerifyError::invalid(InvalidReason::Revoked),
            401,
            Some(
                r#"Bearer error="invalid_token", error_description="The access token was revoked""#,
            ),
            "invalid_token",
            "The access token was revoked",
        ),
        (
            VerifyError::insufficient_scope(write),
            403,
            Some(
                r#"Bearer error="insufficient_scope", scope="write", error_description="The access token lacks a required scope""#,
            ),
            "insufficient_scope",
            "The access token lacks a required scope",
        ),
        (
            VerifyError::unavailable("a store is away"),
            503,
            None,
            "temporarily_unavailable",
            "The access token cannot be verified at the moment",
        ),
        // The layer offers no DPoP.
        (
            VerifyError::invalid_proof(InvalidProofReason::Stale),
            401,
            Some(
                r#"Bearer error="invalid_dpop_proof", error_description="The DPoP proof is too old or from the future""#,
            ),
            "invalid_dpop_proof",
            "The DPoP proof is too old or from the future",
        ),
    ] {
        let layer = BearerAuthLayer::new(world.verifier()).check_request(Always(Err(error)));
        let server = Server::start(layer).await;
        let answer = server.get(&headers).await;
        answer.assert_refusal(status, challenge, &refused(code, description));
        assert_eq!(server.inner.calls(), 0);
    }
}

#[tokio::test]
async fn a_check_sees_the_request_and_the_token() {
    /// Accepts a token only from the address that it names.
    struct SameAddress;

    impl RequestCheck for SameAddress {
        fn check(
            &self,
            head: RequestHead<'_>,
            scheme: Scheme,
            token: &AccessToken,
        ) -> impl Future<Output = Result<Checked, VerifyError>> + Send + use<> {
            assert_eq!(scheme, Scheme::Bearer);
            assert_eq!(head.uri.path(), PATH);
            assert!(head.headers.get("authorization").is_none());
            let sender = head
                .headers
                .get("x-sender")
                .and_then(|v| v.to_str().ok()?.parse().ok());
            ready(match token.claim::<IpAddr>("ip") == sender {
                true => Ok(Checked::Passed),
                false => Err(VerifyError::invalid(
                    "The access token was issued to another address",
                )),
            })
        }
    }

    let world = World::new();
    let token = world.plain().claim("ip", "192.0.2.1").build();
    let layer = BearerAuthLayer::new(world.verifier()).check_request(SameAddress);
    let address = serve(layer.layer(Inner::default())).await;
    let bearer = format!("Bearer {token}");
    let from = async |sender: &str| {
        let headers = [("authorization", &*bearer), ("x-sender", sender)];
        get(address, PATH, &headers).await
    };
    from("192.0.2.1").await.assert_passed();
    let answer = from("192.0.2.2").await;
    let challenge = r#"Bearer error="invalid_token", error_description="The access token was issued to another address""#;
    assert_eq!(challenges(&answer), [challenge]);
}

#[tokio::test]
async fn a_nonce_of_a_check_reaches_the_client() {
    let world = World::new();
    let bearer = format!("Bearer {}", world.plain().build());
    let error = VerifyError::nonce_required("abc");
    let layer = BearerAuthLayer::new(world.verifier()).check_request(Always(Err(error)));
    let server = Server::start(layer).await;
    let answer = server.get(&[("authorization", &bearer)]).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("dpop-nonce"), Some("abc"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[test]
fn a_nonce_that_no_header_can_have_panics() {
    for nonce in ["", "a b", "a\"b", "a\\b", "a\nb", "é"] {
        let made = std::panic::catch_unwind(|| VerifyError::nonce_required(nonce));
        assert!(made.is_err(), "{nonce:?}");
    }
}
