//! Tokens that are bound to a key are refused in a cookie, and have no DPoP proof in a header or a subprotocol.

use std::future::{Future, ready};

use http::Version;
use tower_bearer_auth::possession::{Checked, Dpop, RequestCheck, RequestHead};
use tower_bearer_auth::testing::{DpopKey, SigningKey, TestCertificate};
use tower_bearer_auth::{
    AccessToken, Algorithm, BearerAuthLayer, JwtVerifier, Scheme, TokenSource, Verifier,
    VerifierExt, VerifyError,
};
use tower_layer::Layer;

use super::{Server, assert_passed};
use crate::support::{Answer, jwts};

const ISSUER: &str = "https://issuer.test";
const AUDIENCE: &str = "https://api.test";
const BOUND: &str = "The access token is bound to a key and cannot be used as a bearer token";

fn sources() -> [TokenSource; 3] {
    [
        TokenSource::authorization(),
        TokenSource::cookie("t"),
        TokenSource::header("x-token"),
    ]
}

fn layer(verifier: impl Verifier) -> BearerAuthLayer<impl Verifier> {
    BearerAuthLayer::new(verifier).token_sources(sources())
}

/// A check that has proved every key.
pub(super) struct Proves;

impl RequestCheck for Proves {
    fn check(
        &self,
        _: RequestHead<'_>,
        _: Scheme,
        _: &AccessToken,
    ) -> impl Future<Output = Result<Checked, VerifyError>> + Send + use<> {
        ready(Ok(Checked::Proven))
    }
}

/// Accepts requests whose only cookie, besides the token, names this tenant.
struct TenantA;

impl RequestCheck for TenantA {
    fn check(
        &self,
        head: RequestHead<'_>,
        scheme: Scheme,
        _: &AccessToken,
    ) -> impl Future<Output = Result<Checked, VerifyError>> + Send + use<> {
        assert_eq!(scheme, Scheme::Bearer);
        ready(match head.headers["cookie"] == "tenant=a" {
            true => Ok(Checked::Passed),
            false => Err(VerifyError::invalid("Another tenant")),
        })
    }
}

#[track_caller]
fn assert_bound(answer: &Answer) {
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(answer.json()["error_description"], BOUND);
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_public_key_is_refused_in_a_cookie() {
    let key = SigningKey::generate(Algorithm::ES256);
    let client = DpopKey::new();
    let token = || {
        key.token()
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .subject("alice")
    };
    let bound = token().bound_to(&client).build();
    let plain = token().build();
    let verifier = jwts(ISSUER, AUDIENCE, &key);
    let waiving = JwtVerifier::builder()
        .key(key.verifying_key())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .accept_unchecked_confirmation()
        .build()
        .unwrap();
    let dpop = || Dpop::new().origin("http://api.test");
    let by_cookie = format!("t={bound}");
    for server in [
        Server::start(layer(verifier.clone())).await,
        Server::start(layer(verifier.clone()).dpop(dpop())).await,
        Server::start(layer(verifier.clone()).dpop(dpop()).client_certificates()).await,
        Server::start(layer(verifier.clone().cached(100)).dpop(dpop())).await,
        Server::start(layer(verifier.clone()).check_request(Proves)).await,
        Server::start(layer(waiving)).await,
    ] {
        for _ in 0..2 {
            let proof = client.proof("GET", "http://api.test/", &bound).build();
            let headers = [("cookie", &*by_cookie), ("dpop", &proof)];
            assert_bound(&server.get(Version::HTTP_2, &headers).await);
            server.assert_nothing_reached();
            let answer = server
                .get(Version::HTTP_2, &[("cookie", &format!("t={plain}"))])
                .await;
            assert_passed(&answer);
            server.reached();
        }
    }

    // With its proof, it comes in the Authorization header only.
    let server = Server::start(layer(verifier).dpop(dpop())).await;
    let proof = || client.proof("GET", "http://api.test/", &bound).build();
    let headers = [("x-token", &*bound), ("dpop", &proof())];
    assert_bound(&server.get(Version::HTTP_2, &headers).await);
    let authorization = format!("DPoP {bound}");
    let headers = [("authorization", &*authorization), ("dpop", &proof())];
    assert_passed(&server.get(Version::HTTP_2, &headers).await);
    // Two tokens are two, also in the scheme DPoP.
    let headers = [headers[0], headers[1], ("x-token", &plain)];
    assert_eq!(server.get(Version::HTTP_2, &headers).await.status, 400);
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_certificate_is_refused_in_a_cookie() {
    let key = SigningKey::generate(Algorithm::ES256);
    let certificate = TestCertificate::generate("client");
    let token = key
        .token()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .subject("alice");
    let bound = token
        .bound_to_certificate(&certificate.client_certificate())
        .build();
    let layer = layer(jwts(ISSUER, AUDIENCE, &key)).client_certificates();
    let presented = certificate.client_certificate();
    // As a TLS acceptor does.
    let server = Server::around(|inner| {
        let presented = presented.clone();
        tower::ServiceBuilder::new()
            .map_request(move |mut request: http::Request<_>| {
                request.extensions_mut().insert(presented.clone());
                request
            })
            .service(layer.clone().layer(inner))
    })
    .await;
    let cookie = format!("t={bound}");
    assert_bound(&server.get(Version::HTTP_11, &[("cookie", &cookie)]).await);
    server.assert_nothing_reached();
    assert_passed(&server.get(Version::HTTP_11, &[("x-token", &bound)]).await);
}

#[tokio::test]
async fn a_layer_that_requires_proofs_refuses_tokens_from_other_places() {
    let key = SigningKey::generate(Algorithm::ES256);
    let token = key
        .token()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .subject("alice")
        .build();
    let dpop = Dpop::new().origin("http://api.test").required();
    let server = Server::start(layer(jwts(ISSUER, AUDIENCE, &key)).dpop(dpop)).await;
    for header in [
        ("cookie", format!("t={token}")),
        ("x-token", token.clone()),
        ("authorization", format!("Bearer {token}")),
    ] {
        let answer = server.get(Version::HTTP_2, &[(header.0, &header.1)]).await;
        assert_eq!(answer.status, 401, "{header:?}");
        let description = "The access token must be bound to a key and sent with a DPoP proof";
        assert_eq!(answer.json()["error_description"], description);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("DPoP "), "{challenge}");
    }
}

#[tokio::test]
async fn the_layers_own_checks_see_requests_with_a_cookie_too() {
    let layer = layer(crate::support::table()).check_request(TenantA);
    let server = Server::start(layer).await;
    let answer = server
        .get(Version::HTTP_11, &[("cookie", "tenant=a; t=reader")])
        .await;
    assert_passed(&answer);
    let answer = server
        .get(Version::HTTP_11, &[("cookie", "tenant=b; t=reader")])
        .await;
    answer.assert_invalid_token("Another tenant");
}
