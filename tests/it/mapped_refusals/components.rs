//! Every component that refuses, with a request that it refuses.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::{Request, Response};
use serde::Deserialize;
use tower::service_fn;
use tower_bearer_auth::mcp::session::SessionRequestBody;
use tower_bearer_auth::mcp::{ScopeRules, SessionBindingLayer, ToolScopesLayer};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, Claims, RequireScopesLayer, ScopeError, ScopeRequirement,
    Verifier,
};
use tower_layer::Layer;

use super::{GOOD, Guarded, Headers, Map, auth, guarded, with_dpop};
use crate::support::Inner;

/// A service that refuses a request.
pub(super) struct Case {
    pub(super) component: &'static str,
    pub(super) status: u16,
    pub(super) service: Guarded,
    pub(super) method: &'static str,
    pub(super) headers: Headers,
    pub(super) body: &'static str,
}

/// The mappings of the auth layer and of the component behind it.
#[derive(Clone, Default)]
pub(super) struct Maps {
    pub(super) layer: Option<Map>,
    pub(super) own: Option<Map>,
}

impl Maps {
    fn on<V>(&self, layer: BearerAuthLayer<V>) -> BearerAuthLayer<V> {
        match self.layer.clone() {
            Some(map) => layer.map_refusal(move |refused, response| map(refused, response)),
            None => layer,
        }
    }

    fn auth(&self) -> BearerAuthLayer<impl Verifier> {
        self.on(auth())
    }

    fn guard(&self, requirement: ScopeRequirement) -> RequireScopesLayer {
        let guard = RequireScopesLayer::new(requirement);
        match self.own.clone() {
            Some(map) => guard.map_refusal(move |refused, response| map(refused, response)),
            None => guard,
        }
    }

    fn tools(&self) -> ToolScopesLayer {
        let rules = ScopeRules::builder()
            .default_rule(ScopeRequirement::all(["more"]))
            .build()
            .unwrap();
        let tools = ToolScopesLayer::new(rules).max_body_bytes(1024);
        match self.own.clone() {
            Some(map) => tools.map_refusal(move |refused, response| map(refused, response)),
            None => tools,
        }
    }

    fn sessions(&self) -> SessionBindingLayer {
        let sessions = SessionBindingLayer::new();
        match self.own.clone() {
            Some(map) => sessions.map_refusal(move |refused, response| map(refused, response)),
            None => sessions,
        }
    }
}

const GZIP: (&str, &str) = ("content-encoding", "gzip");
const LONG_LENGTH: (&str, &str) = ("content-length", "4096");
const MADE_UP: (&str, &str) = ("mcp-session-id", "made-up.AAAA");
const EVENT: (&str, &str) = ("last-event-id", "made-up.AAAA");
const NAMELESS: (&str, &str) = ("authorization", "Bearer nameless");

const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"secret"}}"#;

type Row = (u16, Guarded, &'static str, Headers, &'static str);

fn cases(component: &'static str, rows: Vec<Row>) -> impl Iterator<Item = Case> {
    rows.into_iter()
        .map(move |(status, service, method, headers, body)| Case {
            component,
            status,
            service,
            method,
            headers,
            body,
        })
}

/// Refusals by the layer itself.
pub(super) fn by_the_layer(maps: &Maps) -> Vec<Case> {
    let layer = || guarded(maps.auth().layer(Inner::default()));
    let dpop = || guarded(maps.on(with_dpop()).layer(Inner::default()));
    let scoped = guarded(maps.auth().required_scopes(["a"]).layer(Inner::default()));
    let rows: Vec<Row> = vec![
        (401, layer(), "GET", &[], ""),
        (400, layer(), "GET", &[GOOD, GOOD], ""),
        (401, layer(), "GET", &[("authorization", "Bearer a b")], ""),
        (401, layer(), "GET", &[("authorization", "Bearer bad")], ""),
        (503, layer(), "GET", &[("authorization", "Bearer down")], ""),
        (403, scoped, "GET", &[GOOD], ""),
        (401, dpop(), "GET", &[], ""),
        (401, dpop(), "GET", &[("authorization", "DPoP bad")], ""),
        (401, dpop(), "GET", &[("authorization", "DPoP nonce")], ""),
        (401, dpop(), "GET", &[("authorization", "Bearer bad")], ""),
    ];
    cases("BearerAuthLayer", rows).collect()
}

/// Refusals by what has no mapping of its own.
pub(super) fn by_extractors_and_handlers(maps: &Maps) -> Vec<Case> {
    #[derive(Deserialize)]
    struct Tenant {
        #[expect(dead_code, reason = "no token has it")]
        tenant: u64,
    }
    async fn scoped(token: AccessToken) -> Result<(), ScopeError> {
        token.require_scopes(["write"])
    }
    let plain = service_fn(|request: Request<Body>| async move {
        let token = request.extensions().get::<AccessToken>().unwrap();
        Ok::<_, Infallible>(token.require_scopes(["write"]).unwrap_err().to_response())
    });
    let app = |route| Router::new().route("/", route);
    let token = guarded(app(any(|_: AccessToken| async {})).layer(maps.auth().optional()));
    let claims = || app(any(|_: Claims<Tenant>| async {}));
    let rows: Vec<Row> = vec![(401, token, "GET", &[], "")];
    let tokens = cases("AccessToken", rows);
    let rows: Vec<Row> = vec![
        (
            401,
            guarded(claims().layer(maps.auth().optional())),
            "GET",
            &[],
            "",
        ),
        (
            401,
            guarded(claims().layer(maps.auth())),
            "GET",
            &[GOOD],
            "",
        ),
    ];
    let claims = cases("Claims", rows);
    let handler = guarded(app(any(scoped)).layer(maps.auth()));
    let rows: Vec<Row> = vec![
        (403, handler, "GET", &[GOOD], ""),
        (403, guarded(maps.auth().layer(plain)), "GET", &[GOOD], ""),
    ];
    let calls = cases("AccessToken::require_scopes", rows);
    tokens.chain(claims).chain(calls).collect()
}

/// Refusals by guards and MCP layers behind a layer.
pub(super) fn by_guards(maps: &Maps) -> Vec<Case> {
    let all = || {
        maps.guard(ScopeRequirement::all(["more"]))
            .layer(Inner::default())
    };
    let closed = maps
        .guard(ScopeRequirement::deny_all())
        .layer(Inner::default());
    let rows: Vec<Row> = vec![
        (403, guarded(maps.auth().layer(all())), "GET", &[GOOD], ""),
        (
            401,
            guarded(maps.auth().optional().layer(all())),
            "GET",
            &[],
            "",
        ),
        (403, guarded(maps.auth().layer(closed)), "GET", &[GOOD], ""),
    ];
    let guards = cases("RequireScopesLayer", rows);

    let tools = || guarded(maps.auth().layer(maps.tools().layer(Inner::default())));
    let optional = guarded(
        maps.auth()
            .optional()
            .layer(maps.tools().layer(Inner::default())),
    );
    let rows: Vec<Row> = vec![
        (403, tools(), "POST", &[GOOD], CALL),
        (400, tools(), "POST", &[GOOD], "no JSON"),
        (400, tools(), "POST", &[GOOD], r#"{"id":7}"#),
        (415, tools(), "POST", &[GOOD, GZIP], CALL),
        (405, tools(), "PUT", &[GOOD], ""),
        (401, optional, "POST", &[], CALL),
    ];
    let too_long: Row = (413, tools(), "POST", &[GOOD, LONG_LENGTH], LONG);
    let tools = cases("ToolScopesLayer", rows).chain(cases("ToolScopesLayer", vec![too_long]));

    let bound =
        |layer: BearerAuthLayer<_>| guarded(layer.layer(maps.sessions().layer(Inner::default())));
    let opening = service_fn(|_: Request<SessionRequestBody<Body>>| async {
        let response = Response::builder().header("mcp-session-id", "1");
        Ok::<_, Infallible>(response.body(Body::empty()).unwrap())
    });
    let opens = |layer: BearerAuthLayer<_>| guarded(layer.layer(maps.sessions().layer(opening)));
    let rows: Vec<Row> = vec![
        (404, bound(maps.auth()), "POST", &[GOOD, MADE_UP], CALL),
        (
            400,
            bound(maps.auth()),
            "POST",
            &[GOOD, MADE_UP, MADE_UP],
            CALL,
        ),
        (405, bound(maps.auth()), "GET", &[GOOD, EVENT], ""),
        (401, bound(maps.auth().optional()), "POST", &[MADE_UP], CALL),
        (403, opens(maps.auth()), "POST", &[NAMELESS], CALL),
        (401, opens(maps.auth().optional()), "POST", &[], CALL),
    ];
    let sessions = cases("SessionBindingLayer", rows);
    guards.chain(tools).chain(sessions).collect()
}

/// A body over the limit.
const LONG: &str = {
    const BYTES: [u8; 4096] = [b' '; 4096];
    match std::str::from_utf8(&BYTES) {
        Ok(text) => text,
        Err(_) => unreachable!(),
    }
};

/// Refusals by guards and MCP layers without a layer in front.
pub(super) fn misconfigured(maps: &Maps) -> Vec<Case> {
    let guard = maps
        .guard(ScopeRequirement::all(["more"]))
        .layer(Inner::default());
    let tools = || guarded(maps.tools().layer(Inner::default()));
    let sessions = guarded(maps.sessions().layer(Inner::default()));
    let guard: Vec<Row> = vec![(500, guarded(guard), "GET", &[], "")];
    let tools: Vec<Row> = vec![
        (500, tools(), "POST", &[], CALL),
        (500, tools(), "GET", &[], ""),
    ];
    let sessions: Vec<Row> = vec![(500, sessions, "POST", &[], CALL)];
    cases("RequireScopesLayer", guard)
        .chain(cases("ToolScopesLayer", tools))
        .chain(cases("SessionBindingLayer", sessions))
        .collect()
}

/// Every refusal. `map`, if there is one, is on the outermost component.
pub(super) fn all(map: Option<&Map>) -> Vec<Case> {
    let on_layer = Maps {
        layer: map.map(Arc::clone),
        own: None,
    };
    let on_component = Maps {
        layer: None,
        own: map.map(Arc::clone),
    };
    let mut cases = by_the_layer(&on_layer);
    cases.extend(by_extractors_and_handlers(&on_layer));
    cases.extend(by_guards(&on_layer));
    cases.extend(misconfigured(&on_component));
    cases
}
