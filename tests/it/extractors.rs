//! The extractors for axum handlers.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Router;
use axum::routing::get as on_get;
use serde::Deserialize;
use serde_json::json;
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{
    AccessToken, Algorithm, BearerAuthLayer, Claims, JwtVerifier, StaticToken, StaticTokenVerifier,
};

use crate::support::{Answer, Logs, get, get_with, no_token, refused, serve_axum, table};

#[derive(Deserialize)]
struct Tenant {
    tenant: u64,
}

/// A handler for each extractor, which responds with the extracted value.
fn app() -> Router {
    Router::new()
        .route(
            "/required",
            on_get(async |token: AccessToken| token.client_id().unwrap().to_owned()),
        )
        .route(
            "/optional",
            on_get(async |token: Option<AccessToken>| match token {
                Some(token) => token.client_id().unwrap().to_owned(),
                None => "anonymous".to_owned(),
            }),
        )
        .route(
            "/claims",
            on_get(async |Claims(claims): Claims<Tenant>| claims.tenant.to_string()),
        )
}

fn verifier() -> StaticTokenVerifier {
    StaticTokenVerifier::new([
        ("blue", StaticToken::new("cli").claim("tenant", 7)),
        ("stray", StaticToken::new("cli")),
        (
            "odd",
            StaticToken::new("cli").claim("tenant", "seven-of-nine"),
        ),
    ])
}

async fn get_path(address: SocketAddr, path: &str, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    get(address, path, &[("authorization", &bearer)]).await
}

#[tokio::test]
async fn with_a_token_every_extractor_has_something_to_extract() {
    for layer in [
        BearerAuthLayer::new(verifier()),
        BearerAuthLayer::new(verifier()).optional(),
    ] {
        let address = serve_axum(app().layer(layer)).await;
        for (path, expected) in [("/required", "cli"), ("/optional", "cli"), ("/claims", "7")] {
            let answer = get_path(address, path, "blue").await;
            assert_eq!(
                (answer.status.as_u16(), &*answer.body),
                (200, expected),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn without_a_token_behind_an_optional_layer_only_the_optional_extractor_extracts() {
    let layer = BearerAuthLayer::new(verifier())
        .optional()
        .realm("notes")
        .required_scopes(["read"]);
    let address = serve_axum(app().layer(layer)).await;
    let challenge = r#"Bearer realm="notes", scope="read""#;
    for headers in [&[][..], &[("authorization", "Basic dXNlcjpwYXNz")]] {
        let answer = get(address, "/optional", headers).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (200, "anonymous"));
        for path in ["/required", "/claims"] {
            let answer = get(address, path, headers).await;
            answer.assert_refusal(401, Some(challenge), &no_token());
        }
    }
}

#[tokio::test]
async fn without_a_layer_every_extractor_is_an_error_that_is_logged() {
    let logs = Logs::capture();
    let address = serve_axum(app()).await;
    let table = [
        ("/required", "AccessToken"),
        ("/optional", "Option<AccessToken>"),
        ("/claims", "Claims"),
    ];
    for (path, extractor) in table {
        let before = logs.text().len();
        get_path(address, path, "blue").await.assert_no_layer();
        get(address, path, &[]).await.assert_no_layer();
        let logged = logs.text().split_off(before);
        let message =
            format!(" {extractor} needs a BearerAuthLayer in front of it, and there is none");
        let errors: Vec<_> = logged
            .lines()
            .filter(|line| line.contains("ERROR"))
            .collect();
        assert_eq!(errors.len(), 2, "{logged}");
        assert!(
            errors.iter().all(|line| line.contains(&message)),
            "{logged}"
        );
        assert!(!logged.contains("blue"), "{logged}");
    }
}

#[tokio::test]
async fn claims_that_do_not_fit_the_handler_are_an_invalid_token() {
    let logs = Logs::capture();
    let layer = BearerAuthLayer::new(verifier()).realm("notes");
    let address = serve_axum(app().layer(layer)).await;
    let challenge = r#"Bearer realm="notes", error="invalid_token", error_description="The access token has an unacceptable claim""#;
    let body = refused(
        "invalid_token",
        "The access token has an unacceptable claim",
    );
    for token in ["stray", "odd"] {
        let answer = get_path(address, "/claims", token).await;
        answer.assert_refusal(401, Some(challenge), &body);
        assert_eq!(get_path(address, "/required", token).await.status, 200);
    }
    // Claims are private, so the log does not contain them.
    let logged = logs.text();
    assert!(
        logged.contains("invalid_claim") && !logged.contains("seven-of-nine"),
        "{logged}"
    );
}

#[tokio::test]
async fn claims_are_those_of_the_jwt() {
    #[derive(Deserialize)]
    struct Realm {
        sub: String,
        realm_access: BTreeMap<String, Vec<String>>,
    }

    let key = SigningKey::generate(Algorithm::ES256);
    let verifier = JwtVerifier::builder()
        .key(key.verifying_key())
        .issuer("https://issuer.example.com")
        .audience("https://api.example.com")
        .build()
        .unwrap();
    let app = Router::new()
        .route(
            "/",
            on_get(async |token: AccessToken, Claims(claims): Claims<Realm>| {
                assert_eq!(token.subject(), Some(&*claims.sub));
                format!("{} {:?}", claims.sub, claims.realm_access["roles"])
            }),
        )
        .layer(BearerAuthLayer::new(verifier));
    let address = serve_axum(app).await;
    let token = || {
        key.token()
            .subject("alice")
            .issuer("https://issuer.example.com")
            .audience("https://api.example.com")
            .claim("realm_access", json!({"roles": ["editor"]}))
    };
    let answer = get_with(address, &token().build()).await;
    assert_eq!(
        (answer.status.as_u16(), &*answer.body),
        (200, r#"alice ["editor"]"#)
    );

    let answer = get_with(address, &token().tampered().build()).await;
    answer.assert_invalid_token("The access token's signature does not match");
    let answer = get_with(address, &token().without_claim("realm_access").build()).await;
    answer.assert_invalid_token("The access token has an unacceptable claim");
}

#[tokio::test]
async fn an_extractor_works_beside_others_and_in_middleware() {
    use axum::extract::{Path, Request};
    use axum::middleware::{Next, from_fn};

    let app = Router::new()
        .route(
            "/{name}",
            on_get(
                async |Path(name): Path<String>, token: AccessToken, body: String| {
                    format!("{name} {} {body:?}", token.subject().unwrap())
                },
            ),
        )
        .layer(from_fn(
            async |token: AccessToken, request: Request, next: Next| {
                assert!(token.has_scope("read"));
                next.run(request).await
            },
        ))
        .layer(BearerAuthLayer::new(table()));
    let answer = get_path(serve_axum(app).await, "/notes", "reader").await;
    assert_eq!(
        (answer.status.as_u16(), &*answer.body),
        (200, r#"notes alice """#)
    );
}
