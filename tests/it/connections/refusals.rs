//! Every refusal by a service of this crate, each with a request that causes it.

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};
use tower_bearer_auth::mcp::{ScopeRules, SessionBindingLayer, ToolScopesLayer};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, ProtectedResource, RequireScopesLayer, ScopeRequirement,
    Verifier, VerifyError, verify_fn,
};
use tower_layer::Layer;

use crate::support::Inner;

pub(super) type Guarded = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// A service, and the request that it refuses.
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) service: Guarded,
    pub(super) method: &'static str,
    pub(super) headers: &'static [(&'static str, &'static str)],
    pub(super) body: &'static str,
}

fn guarded<S, B>(service: S) -> Guarded
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    BoxCloneSyncService::new(service.map_response(|response| response.map(Body::new)))
}

/// Accepts every token except `bad` and `down`. Only the token `use` has a scope.
pub(super) fn auth() -> BearerAuthLayer<impl Verifier> {
    BearerAuthLayer::new(verify_fn(|token| async move {
        match token.as_str() {
            "bad" => Err(VerifyError::invalid("The account was closed")),
            "down" => Err(VerifyError::unavailable("the key server is on fire")),
            _ => Ok(AccessToken::builder(token)
                .subject("alice")
                .scopes(["use"])
                .build()),
        }
    }))
}

/// A call of a tool for which the token lacks a scope.
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"secret"}}"#;

const GOOD: (&str, &str) = ("authorization", "Bearer good");

/// Every refusal while the body may still be arriving.
pub(super) fn early() -> Vec<Refusal> {
    let layer = || guarded(auth().layer(Inner::default()));
    let scoped = guarded(auth().required_scopes(["more"]).layer(Inner::default()));
    let guard = |requirement| RequireScopesLayer::new(requirement).layer(Inner::default());
    let more = || guard(ScopeRequirement::all(["more"]));
    let tools = || ToolScopesLayer::new(rules()).layer(Inner::default());
    let sessions = || SessionBindingLayer::new().layer(Inner::default());
    let resource = || {
        ProtectedResource::new("https://api.test/")
            .authorization_servers(["https://issuer.test"])
            .also_at_root()
    };
    let table: Vec<Row> = vec![
        // The layer, with and without a call of its verifier.
        (401, layer(), "POST", &[]),
        (400, layer(), "POST", &[GOOD, GOOD]),
        (401, layer(), "POST", &[("authorization", "Bearer bad")]),
        (503, layer(), "POST", &[("authorization", "Bearer down")]),
        (403, scoped, "POST", &[GOOD]),
        // A scope guard.
        (500, guarded(more()), "POST", &[]),
        (403, guarded(auth().layer(more())), "POST", &[GOOD]),
        (401, guarded(auth().optional().layer(more())), "POST", &[]),
        (
            403,
            guarded(auth().layer(guard(ScopeRequirement::deny_all()))),
            "POST",
            &[GOOD],
        ),
        // The tool guard, before it reads the body.
        (500, guarded(tools()), "GET", &[]),
        (405, guarded(auth().layer(tools())), "PUT", &[GOOD]),
        (
            400,
            guarded(auth().layer(tools())),
            "POST",
            &[GOOD, ("mcp-method", "ping"), ("mcp-method", "ping")],
        ),
        (
            415,
            guarded(auth().layer(tools())),
            "POST",
            &[GOOD, ("content-encoding", "gzip")],
        ),
        // The session guard.
        (500, guarded(sessions()), "POST", &[]),
        (
            404,
            guarded(auth().layer(sessions())),
            "POST",
            &[GOOD, ("mcp-session-id", "made-up.AAAA")],
        ),
        (
            400,
            guarded(auth().layer(sessions())),
            "POST",
            &[GOOD, ("mcp-session-id", "a"), ("mcp-session-id", "b")],
        ),
        (
            405,
            guarded(auth().layer(sessions())),
            "GET",
            &[GOOD, ("last-event-id", "made-up.AAAA")],
        ),
        (
            401,
            guarded(auth().optional().layer(sessions())),
            "POST",
            &[("mcp-session-id", "made-up.AAAA")],
        ),
        // Metadata, which refuses only other methods.
        (405, guarded(resource().service()), "POST", &[]),
        (200, guarded(resource().service()), "GET", &[]),
        (405, guarded(at_root(resource())), "POST", &[]),
    ];
    refusals(table, CALL)
}

/// Every refusal by the tool guard after it has read all or part of the body.
pub(super) fn after_reading() -> Vec<Refusal> {
    let tools = |limit| {
        let tools = ToolScopesLayer::new(rules()).max_body_bytes(limit);
        guarded(auth().layer(tools.layer(Inner::default())))
    };
    let mut refusals = refusals(
        vec![
            (403, tools(1024), "POST", &[GOOD]),
            // A body that declares its length is refused unread, and one without a length while it is read.
            (413, tools(8), "POST", &[GOOD]),
        ],
        CALL,
    );
    let not_json = Refusal {
        status: 400,
        service: tools(1024),
        method: "POST",
        headers: &[GOOD],
        body: "this is not JSON, and the client learns of it",
    };
    refusals.push(not_json);
    refusals
}

/// Refusals by a layer that drains bodies of at most this length, and by the guards behind it.
pub(super) fn by_a_layer_that_reads(limit: usize) -> Vec<Refusal> {
    let layer = || auth().max_drained_bytes(limit);
    let guard = || RequireScopesLayer::all(["more"]).layer(Inner::default());
    let sessions = SessionBindingLayer::new().layer(Inner::default());
    let tools = ToolScopesLayer::new(rules()).layer(Inner::default());
    let table: Vec<Row> = vec![
        (401, guarded(layer().layer(Inner::default())), "POST", &[]),
        (403, guarded(layer().layer(guard())), "POST", &[GOOD]),
        (401, guarded(layer().optional().layer(guard())), "POST", &[]),
        (
            404,
            guarded(layer().layer(sessions)),
            "POST",
            &[GOOD, ("mcp-session-id", "made-up.AAAA")],
        ),
        (405, guarded(layer().layer(tools)), "PUT", &[GOOD]),
    ];
    refusals(table, "")
}

type Row = (
    u16,
    Guarded,
    &'static str,
    &'static [(&'static str, &'static str)],
);

fn refusals(table: Vec<Row>, body: &'static str) -> Vec<Refusal> {
    let refusal = |(status, service, method, headers)| Refusal {
        status,
        service,
        method,
        headers,
        body,
    };
    table.into_iter().map(refusal).collect()
}

fn rules() -> ScopeRules {
    ScopeRules::builder()
        .tool("secret", ScopeRequirement::all(["tools:secret"]))
        .default_rule(ScopeRequirement::token())
        .build()
        .unwrap()
}

/// The metadata layer, configured so that every request path is its well-known path.
fn at_root(
    resource: ProtectedResource,
) -> impl Service<
    Request<Body>,
    Response = Response<impl http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send
+ Sync
+ 'static {
    let path = resource.well_known_paths()[0].clone();
    let service = resource.layer().layer(Inner::default());
    service.map_request(move |mut request: Request<Body>| {
        *request.uri_mut() = path.parse().unwrap();
        request
    })
}

/// The response to a request that is sent in this process, and its body.
pub(super) async fn answer(service: Guarded, request: Request<Body>) -> (Response<()>, String) {
    let (head, body) = service.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    (Response::from_parts(head, ()), body)
}
