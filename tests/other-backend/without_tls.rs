//! The crate without its feature `tls`: https URLs are configuration errors that name the feature, and http works.

use tower::ServiceExt;
use tower_bearer_auth::jwks::{Discovery, HttpKeySource};
use tower_bearer_auth::testing::TestIssuer;
use tower_bearer_auth::{IntrospectionVerifier, JwtVerifier};

const AUDIENCE: &str = "https://api.example.com";

#[test]
fn https_urls_are_configuration_errors_that_name_the_feature() {
    let builder = || JwtVerifier::builder().audience(AUDIENCE);
    let issuer = "https://issuer.example.com";
    let endpoint = "https://issuer.example.com/x";
    let errors = [
        HttpKeySource::builder(endpoint).build().err(),
        HttpKeySource::builder(endpoint).ssrf_safe().build().err(),
        Discovery::builder(issuer).build().err(),
        Discovery::builder(issuer).at(endpoint).build().err(),
        builder().jwks_url(endpoint).issuer(issuer).build().err(),
        builder().discover(issuer).build().err(),
        builder()
            .discover_from(endpoint)
            .issuer(issuer)
            .build()
            .err(),
        IntrospectionVerifier::builder(endpoint)
            .without_credentials()
            .audience(AUDIENCE)
            .build()
            .err(),
    ];
    for error in errors {
        let error = error.unwrap().to_string();
        let expected = "is https, which needs the feature `tls` of tower-bearer-auth, or a client(..) of your own";
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn http_on_a_loopback_address_works() {
    let issuer = TestIssuer::start().await;
    let verifier = JwtVerifier::builder()
        .discover(issuer.issuer())
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let token = issuer.key().token();
    let token = token.issuer(issuer.issuer()).audience(AUDIENCE).build();
    verifier.oneshot(token.parse().unwrap()).await.unwrap();
}
