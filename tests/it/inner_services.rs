//! `new`, `get_ref`, `get_mut` and `into_inner` of every service that wraps another one.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::json;
use tower::{Layer, Service};
use tower_bearer_auth::auth::BearerAuth;
use tower_bearer_auth::guard::RequireScopes;
use tower_bearer_auth::mcp::ScopeRules;
use tower_bearer_auth::mcp::cors::Cors;
use tower_bearer_auth::mcp::session::SessionBinding;
use tower_bearer_auth::mcp::tool_scopes::ToolScopes;
use tower_bearer_auth::metadata::MetadataMiddleware;
use tower_bearer_auth::{BearerAuthLayer, ProtectedResource, ScopeRequirement};

use crate::support::{answer_of, table, with_token};

/// A service whose response body is its text.
#[derive(Debug, Clone, PartialEq)]
struct Says(&'static str);

impl<B> Service<Request<B>> for Says {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(Response::new(Full::from(self.0))))
    }
}

/// Asserts that the service answers `own` itself with `status`, and that `passed` reaches its inner service, which is
/// changed through `get_mut`. `behind` adds what the service needs in front of it.
macro_rules! assert_wraps {
    ($service:expr, behind: $behind:expr, own: $own:expr => $status:expr, passed: $passed:expr) => {{
        let mut service = $service;
        assert_eq!(service.get_ref(), &Says("before"));
        let before = answer_of($behind(service.clone()), $passed).await;
        assert_eq!((before.status.as_u16(), &*before.body), (200, "before"));

        service.get_mut().0 = "after";
        assert_eq!(service.get_ref(), &Says("after"));
        let after = answer_of($behind(service.clone()), $passed).await;
        assert_eq!((after.status.as_u16(), &*after.body), (200, "after"));

        let own = answer_of($behind(service.clone()), $own).await;
        assert_eq!(own.status, $status, "{own:?}");
        assert_ne!(own.body, "after");

        assert_eq!(service.into_inner(), Says("after"));
    }};
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    let mut request = with_token("reader");
    *request.method_mut() = method.parse().unwrap();
    *request.uri_mut() = path.parse().unwrap();
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    *request.body_mut() = Full::from(body.to_owned());
    request
}

#[tokio::test]
async fn a_request_reaches_the_inner_service_as_it_was_changed() {
    let auth = BearerAuthLayer::new(table());
    assert_wraps!(
        BearerAuth::new(Says("before"), table()),
        behind: |service| service,
        own: with_token("unknown") => 401,
        passed: with_token("reader")
    );
    assert_wraps!(
        RequireScopes::new(Says("before"), ScopeRequirement::all(["write"])),
        behind: |service| auth.layer(service),
        own: with_token("reader") => 403,
        passed: with_token("writer")
    );
    let rules = ScopeRules::builder()
        .tool("secret", ScopeRequirement::all(["admin"]))
        .default_rule(ScopeRequirement::token());
    let call = |tool: &str| {
        let call =
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool}});
        let json = [("content-type", "application/json")];
        request("POST", "/", &json, &call.to_string())
    };
    assert_wraps!(
        ToolScopes::new(Says("before"), rules.build().unwrap()),
        behind: |service| auth.layer(service),
        own: call("secret") => 403,
        passed: call("open")
    );
    assert_wraps!(
        SessionBinding::new(Says("before")),
        behind: |service| auth.layer(service),
        own: request("POST", "/", &[("mcp-session-id", "forged")], "") => 404,
        passed: request("POST", "/", &[], "")
    );
    let preflight = [
        ("origin", "https://app.example.com"),
        ("access-control-request-method", "POST"),
    ];
    assert_wraps!(
        Cors::new(Says("before")),
        behind: |service| service,
        own: request("OPTIONS", "/", &preflight, "") => 200,
        passed: with_token("reader")
    );
    let resource = ProtectedResource::new("https://api.example.com/mcp");
    let path = resource.well_known_paths().remove(0);
    assert_wraps!(
        MetadataMiddleware::new(Says("before"), &resource),
        behind: |service| service,
        own: request("GET", &path, &[], "") => 200,
        passed: with_token("reader")
    );
}
