//! Keys from a provider that rotates, stalls and goes down.

use tower::ServiceExt;
use tower_bearer_auth::testing::TestIssuer;
use tower_bearer_auth::{AccessToken, JwtVerifier, VerifyError};

const AUDIENCE: &str = "https://api.test";

async fn verify(verifier: &JwtVerifier, token: &str) -> Result<AccessToken, VerifyError> {
    verifier.clone().oneshot(token.parse().unwrap()).await
}

#[tokio::test]
async fn keys_are_fetched_once_for_the_first_token() {
    let issuer = TestIssuer::start().await;
    let verifier = JwtVerifier::builder()
        .discover(issuer.issuer())
        .audience(AUDIENCE)
        .build()
        .unwrap();
    assert_eq!(issuer.jwks_requests(), 0);
    let token = issuer.token().audience(AUDIENCE).subject("alice").build();
    for _ in 0..3 {
        let verified = verify(&verifier, &token).await.unwrap();
        assert_eq!(verified.subject(), Some("alice"));
    }
    assert_eq!(issuer.jwks_requests(), 1);
    issuer.rotate();
    let token = issuer.token().audience(AUDIENCE).subject("bob").build();
    let verified = verify(&verifier, &token).await.unwrap();
    assert_eq!(verified.subject(), Some("bob"));
    assert_eq!((issuer.jwks_requests(), issuer.metadata_requests()), (2, 1));
}
