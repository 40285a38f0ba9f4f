//! The query, fragment and credentials of a URL appear in no `Debug` output, error, panic or log line.

use std::fmt::{Debug, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;
use serde_json::json;
use tower::{Layer, ServiceExt};
use tower_bearer_auth::jwks::{Discovery, HttpKeySource};
use tower_bearer_auth::testing::{Fault, SigningKey, TestIssuer};
use tower_bearer_auth::verify::Audience;
use tower_bearer_auth::{
    Algorithm, BearerAuthLayer, ByIssuer, ErasedVerifier, IntrospectionVerifier, Jwks, JwtVerifier,
    ProtectedResource,
};

use crate::support::{Inner, Logs, NoNames, get, serve, table};

const SECRET: &str = "s3cret";

/// Strings used as URLs, with a secret in each part that can contain one.
fn hostile() -> Vec<String> {
    let mut texts: Vec<String> = [
        "https://h.test/x?api_key=s3cret",
        "https://h.test?s3cret",
        "https://h.test/x#s3cret",
        "https://h.test/x?a=b#s3cret",
        "https://user:s3cret@h.test/x",
        "https://s3cret@h.test/x",
        "https://user:s3cret@h.test/x?api_key=s3cret#s3cret",
        "https://user:s3@s3cret@h.test/",
        "https://user:s3/s3cret@h.test/",
        "https://user:pa?s3cret@h.test/",
        "https://user:pa#s3cret@h.test/",
        "https://h.test/?mail=a@b.test&api_key=s3cret",
        "https://h.test/?s3cret@b",
        "https://user:s3cret@h.test:99999/",
        "https://user:s3cret@[::1/",
        "https://user:s3cret@h.test/.well-known/openid-configuration",
        "https://h.test/{tenant}?s3cret",
        "https://login.microsoftonline.com/common/v2.0?s3cret",
        "https://h.test/a b?s3cret",
        "http://h.test/x?s3cret",
        "http://localhost:1/x?s3cret",
        "http://127.0.0.1:1/x#s3cret",
        "ftp://user:s3cret@h.test/x?s3cret",
        "HTTPS://user:s3cret@h.test/",
        // Not URLs, or URLs only to some parsers.
        "user:s3cret@h.test",
        "user:s3cret@h.test//x",
        "h.test/x?api_key=s3cret",
        "h.test?api_key=s3cret//x",
        "//user:s3cret@h.test/",
        "https:user:s3cret@h.test/",
        "https:/user:s3cret@h.test/",
        "https:\\\\user:s3cret@h.test/",
        "ht\ntps://user:s3cret@h.test/",
        "?s3cret",
        "#s3cret",
        "urn:x?s3cret",
    ]
    .map(str::to_owned)
    .into();
    texts.push(format!("https://h.test/{}?s3cret", "x".repeat(5_000)));
    texts
}

#[track_caller]
fn assert_clean(text: &str, url: &str) {
    assert!(!text.contains(SECRET), "{url}: {text}");
}

/// The ways in which a server may log a value.
#[track_caller]
fn shows<T: Debug>(value: &T, url: &str) {
    assert_clean(&format!("{value:?} {value:#?}"), url);
}

/// The result of `build`, and an error in all its forms.
#[track_caller]
fn built<T: Debug, E: Debug + Display + std::error::Error>(built: Result<T, E>, url: &str) {
    match built {
        Ok(value) => shows(&value, url),
        Err(error) => {
            assert_clean(&format!("{error} {error:?} {error:#?}"), url);
            let mut source = error.source();
            while let Some(cause) = source {
                assert_clean(&format!("{cause} {cause:?}"), url);
                source = cause.source();
            }
        }
    }
}

#[test]
fn key_sources_and_verifiers_show_no_secret_part_of_a_url() {
    let key = SigningKey::generate(Algorithm::ES256).verifying_key();
    // One HTTP client for all rows, because building one is slow.
    let client = reqwest::Client::new();
    for url in &hostile() {
        for builder in [
            HttpKeySource::builder(url).client(client.clone()),
            HttpKeySource::builder(url)
                .client(client.clone())
                .allow_http(),
            HttpKeySource::builder(url).ssrf_safe(),
        ] {
            shows(&builder, url);
            built(builder.build(), url);
        }
        let discovery = |issuer: &str| Discovery::builder(issuer).client(client.clone());
        for builder in [
            discovery(url),
            discovery(url).allow_http(),
            discovery(url).at("https://h.test/"),
            discovery("https://h.test").at(url),
            discovery(url).at(url).ssrf_safe(),
        ] {
            shows(&builder, url);
            match builder.build() {
                Ok(source) => {
                    shows(&source, url);
                    let jwks = Jwks::builder(source);
                    shows(&jwks, url);
                    built(jwks.build(), url);
                }
                Err(error) => built(Err::<(), _>(error), url),
            }
        }
        built(Jwks::from_url(url), url);

        let jwt = || JwtVerifier::builder().key(key.clone());
        for builder in [
            JwtVerifier::builder().discover(url).audience(url),
            JwtVerifier::builder().discover_from(url).issuer(url),
            JwtVerifier::builder()
                .jwks_url(url)
                .issuer(url)
                .audience(url),
            jwt().issuer(url).audience(url),
            jwt().issuers([url]).accept_any_issuer().audience(url),
            jwt().issuer(url).audience(url).accept_any_audience(),
            jwt().issuer(url).audience(&ProtectedResource::new(url)),
        ] {
            shows(&builder, url);
            built(builder.build(), url);
        }
        let introspection = |endpoint: &str| {
            IntrospectionVerifier::builder(endpoint)
                .client(client.clone())
                .client_secret_basic("id", "password")
        };
        for builder in [
            introspection(url).audience(url),
            introspection(url).audience(url).allow_http(),
            introspection("https://h.test/").issuer(url).audience(url),
            introspection(url).audience(url).accept_any_audience(),
            introspection(url).audience(&ProtectedResource::new(url)),
        ] {
            shows(&builder, url);
            built(builder.build(), url);
        }
        shows(&Audience::from(url), url);
        shows(&Audience::from(&ProtectedResource::new(url)), url);
        shows(&ByIssuer::new().issuer(url.as_str(), table()), url);
        let no_tenant = |_: &str| -> Option<ErasedVerifier> { None };
        built(ByIssuer::new().tenants(url, no_tenant), url);
        let template = format!("{url}{{tenantid}}");
        let twice = ByIssuer::new().tenants(&template, no_tenant);
        built(twice.and_then(|one| one.tenants(&template, no_tenant)), url);
    }
}

#[test]
fn log_lines_about_refused_tokens_show_no_secret_part_of_a_url() {
    let logs = Logs::capture();
    let key = SigningKey::generate(Algorithm::ES256);
    for url in &hostile() {
        let builder = JwtVerifier::builder().key(key.verifying_key());
        let verifier = builder.issuer(url).audience(url).build().unwrap();
        let by_issuer = ByIssuer::new().issuer(url.as_str(), verifier.clone());
        // Ten refusals in a row trigger the warning.
        for _ in 0..10 {
            for token in [
                key.token().issuer("https://other.test"),
                key.token().issuer(url),
            ] {
                let token = token.audience("https://other.test").build();
                assert!(ready(verifier.clone().oneshot(token.parse().unwrap())).is_err());
                assert!(ready(by_issuer.clone().oneshot(token.parse().unwrap())).is_err());
            }
        }
        for _ in 0..10 {
            let token = key
                .token()
                .issuer("https://other.test")
                .audience(url)
                .build();
            assert!(ready(verifier.clone().oneshot(token.parse().unwrap())).is_err());
            assert!(ready(by_issuer.clone().oneshot(token.parse().unwrap())).is_err());
        }
    }
    let text = logs.text();
    for line in ["another issuer", "another audience", "keep naming another"] {
        assert!(text.contains(line), "{line}");
    }
    assert_clean(&text, "the log");
}

/// The result of a future that is ready at once.
fn ready<T>(future: impl Future<Output = T>) -> T {
    future
        .now_or_never()
        .expect("it needs nothing but its keys")
}

#[test]
fn resources_show_no_secret_part_of_a_url() {
    let logs = Logs::capture();
    for url in &hostile() {
        let good = || ProtectedResource::new("https://api.test/x");
        for resource in [
            ProtectedResource::new(url),
            ProtectedResource::new(url).allow_http(),
            good().authorization_servers([url]),
            good().metadata_url(url),
            good().metadata_url(url).allow_http(),
            good().member("jwks_uri", url.as_str()),
            good().member("resource_documentation", url.as_str()),
            good().member("resource_policy_uri", url.as_str()),
            good().member("resource_tos_uri", url.as_str()),
            good().member("vendor", url.as_str()),
        ] {
            shows(&resource, url);
            built(resource.check(), url);
            if let Err(error) = resource.advertised_metadata_url() {
                built(Err::<(), _>(error), url);
            }
            let uses: [&dyn Fn(); 4] = [
                &|| shows(&resource.service(), url),
                &|| shows(&resource.layer(), url),
                &|| shows(&resource.layer().layer(()), url),
                &|| {
                    let layer = BearerAuthLayer::new(table()).resource(&resource);
                    shows(&layer, url);
                    shows(&layer.layer(Inner::default()), url);
                },
            ];
            for using in uses {
                if let Err(panic) = catch_unwind(AssertUnwindSafe(using)) {
                    let message = panic.downcast_ref::<String>().unwrap();
                    assert_clean(message, url);
                }
            }
        }
    }
    assert!(logs.text().contains("no authorization server"));
    assert_clean(&logs.text(), "the log");
}

#[tokio::test]
async fn fetches_show_no_secret_part_of_a_url() {
    let issuer = TestIssuer::start().await;
    let base = issuer.issuer();
    let logs = Logs::capture();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .dns_resolver(NoNames)
        .build()
        .unwrap();
    let discovery = || Discovery::builder(&base).client(client.clone());
    let http = |url: &str| HttpKeySource::builder(url).client(client.clone());
    for url in &hostile() {
        // As the `jwks_uri` of metadata, as the `issuer` of metadata, and as the target of a redirect.
        let about = [
            json!({"issuer": base, "jwks_uri": url}),
            json!({"issuer": url, "jwks_uri": "https://h.test/"}),
        ];
        for metadata in about {
            issuer.metadata(Some(metadata));
            failed(discovery().build().unwrap(), url).await;
        }
        issuer.metadata(None);
        let redirect = Some(Fault::Redirect(url.replace('\n', "")));
        issuer.metadata_fault(redirect.clone());
        failed(discovery().build().unwrap(), url).await;
        issuer.metadata_fault(None);
        issuer.jwks_fault(redirect);
        failed(discovery().build().unwrap(), url).await;
        failed(http(&issuer.jwks_url()).build().unwrap(), url).await;
        issuer.jwks_fault(None);
    }
    // The configured URL, where it cannot be reached.
    for status in [404, 500] {
        let status = http::StatusCode::from_u16(status).unwrap();
        issuer.jwks_fault(Some(Fault::Status(status)));
        issuer.metadata_fault(Some(Fault::Status(status)));
        let url = issuer.jwks_url() + "?api_key=s3cret#s3cret";
        failed(http(&url).build().unwrap(), &url).await;
        let url = format!("{base}/metadata?api_key=s3cret");
        failed(discovery().at(&url).build().unwrap(), &url).await;
    }
    assert_clean(&logs.text(), "the log");
}

/// Asserts that a fetch from this source fails, and returns all resulting text.
async fn failed(source: impl tower_bearer_auth::jwks::KeySource, url: &str) {
    let jwks = Jwks::builder(source).build().unwrap();
    let verifier = JwtVerifier::builder()
        .jwks(jwks.clone())
        .issuer("https://i.test")
        .audience("https://api.test")
        .build()
        .unwrap();
    let error = jwks.refresh().await.unwrap_err();
    built(Err::<(), _>(error), url);
    built(jwks.ready().await, url);
    shows(&jwks, url);
    shows(&jwks.status(), url);
    shows(&verifier, url);
    assert_clean(jwks.status().last_error().unwrap(), url);
}

/// The challenge itself still has the complete URL, because clients need it.
#[tokio::test]
async fn a_challenge_has_the_complete_metadata_url() {
    let resource = ProtectedResource::new("https://api.test/x?tenant=s3cret")
        .authorization_servers(["https://i.test"]);
    let layer = BearerAuthLayer::new(table()).resource(&resource);
    let server = serve(layer.layer(Inner::default())).await;
    let refused = get(server, "/", &[]).await;
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.ends_with("/x?tenant=s3cret\""), "{challenge}");
}
