//! The example `forward_auth`: it decides about requests that a proxy has received.

#[path = "../../../examples/forward_auth/app.rs"]
mod app;
#[path = "../../../examples/forward_auth/identity.rs"]
mod identity;
#[path = "../../../examples/forward_auth/peers.rs"]
mod peers;
#[allow(dead_code, reason = "its commands for a terminal show more")]
#[path = "../../../examples/forward_auth/proxy.rs"]
mod proxy;
#[path = "../../../examples/forward_auth/rules.rs"]
mod rules;
#[path = "../../../examples/forward_auth/settings.rs"]
mod settings;

mod callers;
mod configuration;
mod forms;
mod paths;
mod proofs;
mod statuses;

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tower_bearer_auth::testing::{TestIssuer, TokenBuilder};

use self::settings::Settings;
use crate::support::{Answer, get};

const RESOURCE: &str = "https://api.example.com";

/// Settings of a server with these variables, for this issuer.
fn settings(issuer: &str, variables: &[(&str, &str)]) -> Result<Settings, String> {
    Settings::from_variables("http://127.0.0.1:3000", |name| {
        let own = [("ISSUER", issuer), ("RESOURCE", RESOURCE)];
        let mut all = variables.iter().chain(&own);
        let variable = all.find(|(known, _)| *known == name);
        variable.map(|(_, value)| (*value).to_owned())
    })
}

/// The server, and the issuer of its tokens.
struct Server {
    address: SocketAddr,
    issuer: TestIssuer,
}

impl Server {
    async fn start(variables: &[(&str, &str)]) -> Self {
        let issuer = TestIssuer::start().await;
        let settings = settings(&issuer.issuer(), variables).unwrap();
        Self::with(issuer, &settings).await
    }

    async fn with(issuer: TestIssuer, settings: &Settings) -> Self {
        let app = app::app(settings).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, issuer }
    }

    /// A token for alice.
    fn token(&self) -> TokenBuilder {
        self.issuer.token().audience(RESOURCE).subject("alice")
    }

    /// The answer to a check with these headers.
    async fn ask(&self, headers: &[(&str, &str)]) -> Answer {
        get(self.address, "/check", headers).await
    }

    /// The answer about a `GET` request of this URI, asked as nginx does.
    async fn about(&self, uri: &str, token: Option<&str>) -> Answer {
        let authorization = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("x-original-method", "GET"), ("x-original-uri", uri)];
        headers.extend(
            authorization
                .iter()
                .map(|value| ("authorization", &**value)),
        );
        self.ask(&headers).await
    }
}

/// Asserts that the request may pass as that of this caller, or without one.
#[track_caller]
fn assert_passed(answer: &Answer, subject: Option<&str>) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body, "");
    let result = match subject {
        Some(_) => "verified",
        None => "anonymous",
    };
    assert_eq!(answer.header("x-auth-result"), Some(result));
    assert_eq!(answer.header("x-auth-subject"), subject.or(Some("")));
    assert_common(answer, 200);
}

/// Asserts that the request is refused with this status, in place of which the proxy may get another, and that nothing
/// says who the caller is.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16, error: Option<&str>) {
    assert!(answer.status.as_u16() >= 400, "{answer:?}");
    assert_common(answer, status);
    for name in identity::NAMES {
        assert_eq!(answer.header(name.as_str()), Some(""), "{name}");
    }
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json()["error"].as_str(), error, "{answer:?}");
}

/// What every answer has.
#[track_caller]
fn assert_common(answer: &Answer, status: u16) {
    assert_eq!(
        answer.header("x-auth-status"),
        Some(&*status.to_string()),
        "{answer:?}"
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    for name in identity::NAMES {
        assert!(answer.header(name.as_str()).is_some(), "{name} {answer:?}");
    }
}
