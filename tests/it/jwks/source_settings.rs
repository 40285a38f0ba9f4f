//! Request headers, size limits and time limits of the sources that fetch over HTTP.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::routing::get;
use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use serde_json::json;
use tower_bearer_auth::jwks::{Discovery, HttpKeySource, Jwks, KeySource};
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, Clock, JwtVerifier, JwtVerifierBuilder};

use super::{AUDIENCE, cause, verify};
use crate::support::{Logs, serve_axum};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const METADATA: &str = "/.well-known/openid-configuration";

fn api_key() -> HeaderMap {
    HeaderMap::from_iter([(API_KEY, HeaderValue::from_static("s3cret"))])
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::ES256).with_key_id("key")
}

/// The values of the API key that a server got, one for each request.
type Received = Arc<Mutex<Vec<Option<String>>>>;

/// A server with the keys at `/jwks`. It answers 401 to a request without the API key if it requires one.
async fn key_server(key: &SigningKey, requires_key: bool) -> (String, Received) {
    let (document, received) = (SigningKey::jwk_set([key]).to_string(), Received::default());
    let seen = Arc::clone(&received);
    let answer = async move |headers: HeaderMap| {
        let sent = headers
            .get(API_KEY)
            .map(|key| key.to_str().unwrap().to_owned());
        let is_allowed = !requires_key || sent.as_deref() == Some("s3cret");
        seen.lock().unwrap().push(sent);
        match is_allowed {
            true => Ok(document.clone()),
            false => Err(StatusCode::UNAUTHORIZED),
        }
    };
    let address = serve_axum(Router::new().route("/jwks", get(answer))).await;
    (format!("http://{address}"), received)
}

/// An issuer whose metadata names this key URL, or its own `/jwks`. All its documents require the API key.
async fn issuer(key: &SigningKey, key_url: Option<String>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let name = format!("http://{}", listener.local_addr().unwrap());
    let key_url = key_url.unwrap_or_else(|| format!("{name}/jwks"));
    let metadata = json!({"issuer": name, "jwks_uri": key_url}).to_string();
    let keys = SigningKey::jwk_set([key]).to_string();
    let guarded = |document: String| {
        get(async move |headers: HeaderMap| match headers.get(API_KEY) {
            Some(value) if value == "s3cret" => Ok(document),
            Some(_) | None => Err(StatusCode::UNAUTHORIZED),
        })
    };
    let app = Router::new()
        .route(METADATA, guarded(metadata))
        .route("/jwks", guarded(keys));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    name
}

fn verifier(builder: JwtVerifierBuilder, issuer: &str) -> JwtVerifier {
    let builder = builder.issuer(issuer).audience(AUDIENCE);
    builder.build().unwrap()
}

fn token(key: &SigningKey, issuer: &str) -> String {
    key.token().issuer(issuer).audience(AUDIENCE).build()
}

#[tokio::test]
async fn a_key_endpoint_that_requires_a_header_gets_it() {
    let key = key();
    let (server, received) = key_server(&key, true).await;
    let (url, token) = (format!("{server}/jwks"), token(&key, &server));

    let without = verifier(JwtVerifier::builder().jwks_url(&url), &server);
    let error = verify(&without, &token).await.unwrap_err();
    assert!(cause(&error).contains("401 Unauthorized"), "{error:?}");

    let source = HttpKeySource::builder(&url).headers(api_key);
    let with = JwtVerifier::builder().jwks_source(source.build().unwrap());
    let with = verifier(with, &server);
    verify(&with, &token).await.unwrap();
    assert!(with.jwks().unwrap().status().is_usable());
    let expected = [None, Some("s3cret".to_owned())];
    assert_eq!(*received.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_document_over_the_size_limit_is_an_outage_that_names_the_limit() {
    let key = key();
    let (server, _) = key_server(&key, false).await;
    let (url, token) = (format!("{server}/jwks"), token(&key, &server));
    let size = SigningKey::jwk_set([&key]).to_string().len();
    for (limit, fits) in [(size - 1, false), (size, true)] {
        let source = HttpKeySource::builder(&url).max_bytes(limit);
        let limited = JwtVerifier::builder().jwks_source(source.build().unwrap());
        let verified = verify(&verifier(limited, &server), &token).await;
        assert_eq!(verified.is_ok(), fits, "{limit}");
        if let Err(error) = verified {
            let expected = format!("the answer is larger than {limit} bytes");
            assert!(cause(&error).contains(&expected), "{error:?}");
        }
    }
}

#[tokio::test]
async fn discovery_sends_headers_to_its_own_origin_only() {
    let key = key();
    let name = issuer(&key, None).await;
    let discovery = || Discovery::builder(&name).headers(api_key).build().unwrap();
    let with = verifier(JwtVerifier::builder().jwks_source(discovery()), &name);
    verify(&with, &token(&key, &name)).await.unwrap();
    let without = JwtVerifier::builder().discover(&name).audience(AUDIENCE);
    let error = verify(&without.build().unwrap(), &token(&key, &name)).await;
    let error = cause(&error.unwrap_err());
    assert!(error.contains("answers 401 Unauthorized"), "{error}");

    // The metadata points to another server, which must not get the header.
    let (elsewhere, received) = key_server(&key, false).await;
    let name = issuer(&key, Some(format!("{elsewhere}/jwks"))).await;
    let source = Discovery::builder(&name).headers(api_key).build().unwrap();
    let with = verifier(JwtVerifier::builder().jwks_source(source), &name);
    verify(&with, &token(&key, &name)).await.unwrap();
    assert_eq!(*received.lock().unwrap(), [None]);
}

#[tokio::test]
async fn discovery_limits_the_size_of_its_documents() {
    let key = key();
    let name = issuer(&key, None).await;
    let source = Discovery::builder(&name).headers(api_key).max_bytes(20);
    let problem = problem_of(source.build().unwrap(), Duration::from_secs(5)).await;
    assert!(
        problem.contains("the answer is larger than 20 bytes"),
        "{problem}"
    );
    let too_much = Discovery::builder(&name).max_bytes(17 * 1024 * 1024);
    let error = too_much.build().unwrap_err().to_string();
    assert!(error.starts_with("max_bytes: "), "{error}");
}

/// The error of a refresh, which is also in the log.
async fn problem_of(source: impl KeySource, limit: Duration) -> String {
    let jwks = Jwks::builder(source).fetch_timeout(limit).build().unwrap();
    let logs = Logs::capture();
    let problem = jwks.refresh().await.unwrap_err().to_string();
    let logged = problem.strip_prefix("keys cannot be fetched: ").unwrap();
    assert!(logs.text().contains(logged), "{}", logs.text());
    problem
}

#[tokio::test]
async fn a_location_that_does_not_answer_is_named_in_the_error() {
    let limit = Duration::from_millis(300);
    let silent = || get(async || pending::<()>().await);
    let second = "/.well-known/oauth-authorization-server";

    let address = serve_axum(Router::new().route(METADATA, silent())).await;
    let source = Discovery::builder(format!("http://{address}"));
    let problem = problem_of(source.build().unwrap(), limit).await;
    let expected = format!(
        "keys cannot be fetched: no answer within 300ms: http://{address}{METADATA} does not answer"
    );
    assert_eq!(problem, expected);

    let address = serve_axum(Router::new().route(second, silent())).await;
    let source = Discovery::builder(format!("http://{address}"));
    let problem = problem_of(source.build().unwrap(), limit).await;
    let expected = format!(
        "keys cannot be fetched: no answer within 300ms: http://{address}{METADATA} answers 404 Not Found; \
         http://{address}{second} does not answer"
    );
    assert_eq!(problem, expected);

    // The metadata has been fetched, and the fetch of the keys fails.
    let address = serve_axum(Router::new().route("/jwks", silent())).await;
    let key_url = format!("http://{address}/jwks?s3cret");
    let name = issuer(&key(), Some(key_url)).await;
    let source = Discovery::builder(name).headers(api_key);
    let problem = problem_of(source.build().unwrap(), limit).await;
    let expected = format!(
        "keys cannot be fetched: no answer within 300ms: http://{address}/jwks does not answer"
    );
    assert_eq!(problem, expected);
}

/// Two key URLs whose documents have the same entity tag, as servers give out that count versions.
#[tokio::test]
async fn the_entity_tag_of_one_key_url_is_not_sent_to_another() {
    let (old, new) = (key(), key());
    let moved = Arc::new(AtomicUsize::new(0));
    let conditions = Arc::new(Mutex::new(Vec::new()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let name = format!("http://{}", listener.local_addr().unwrap());
    let documents = [
        SigningKey::jwk_set([&old]).to_string(),
        json!({"keys": []}).to_string(),
        SigningKey::jwk_set([&new]).to_string(),
    ];
    let metadata = {
        let (moved, name) = (Arc::clone(&moved), name.clone());
        get(async move || {
            let path = ["old", "new", "new"][moved.load(Ordering::Relaxed)];
            json!({"issuer": name, "jwks_uri": format!("{name}/{path}")}).to_string()
        })
    };
    let keys = {
        let (moved, conditions) = (Arc::clone(&moved), Arc::clone(&conditions));
        get(async move |uri: Uri, headers: HeaderMap| {
            let condition = headers.get(IF_NONE_MATCH).cloned();
            conditions
                .lock()
                .unwrap()
                .push((uri.path().to_owned(), condition.is_some()));
            let document = documents[moved.load(Ordering::Relaxed)].clone();
            match condition {
                Some(_) => (StatusCode::NOT_MODIFIED, [(ETAG, "\"1\"")], String::new()),
                None => (StatusCode::OK, [(ETAG, "\"1\"")], document),
            }
        })
    };
    let app = Router::new()
        .route(METADATA, metadata)
        .route("/old", keys.clone())
        .route("/new", keys);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let clock = Clock::manual(SystemTime::UNIX_EPOCH);
    let source = Discovery::builder(&name)
        .clock(clock.clone())
        .build()
        .unwrap();
    let jwks = Jwks::builder(source).clock(clock.clone()).build().unwrap();
    jwks.refresh().await.unwrap();
    jwks.refresh().await.unwrap();
    // The metadata is fetched again, and names another URL. Its first document has no key.
    moved.store(1, Ordering::Relaxed);
    clock.advance(Duration::from_secs(25 * 3600));
    jwks.refresh().await.unwrap_err();
    moved.store(2, Ordering::Relaxed);
    clock.advance(Duration::from_secs(60));
    jwks.refresh().await.unwrap();
    jwks.refresh().await.unwrap();
    let expected = [
        ("/old", false),
        ("/old", true),
        ("/new", false),
        ("/new", false),
        ("/new", true),
    ];
    let conditions = conditions.lock().unwrap();
    let conditions: Vec<_> = conditions
        .iter()
        .map(|(path, is_sent)| (&**path, *is_sent))
        .collect();
    assert_eq!(conditions, expected);
}
