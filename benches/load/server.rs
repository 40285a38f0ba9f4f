//! The server under load: one app per mode of authentication.

use axum::Router;
use axum::routing::get;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ServerHandler, schemars, tool, tool_handler, tool_router};
use serde::Deserialize;
use tokio::net::TcpListener;
use tower_bearer_auth::mcp::{ScopeRules, ToolScopesLayer};
use tower_bearer_auth::{AccessToken, Algorithm, BearerAuthLayer, ScopeRequirement, VerifierExt};

use super::support::Sample;
use super::{Error, Result};

/// How an app authenticates.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    Unauthenticated,
    Rs256,
    Cached,
}

pub(crate) const MODES: [Mode; 3] = [Mode::Unauthenticated, Mode::Rs256, Mode::Cached];

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unauthenticated => "none",
            Self::Rs256 => "RS256",
            Self::Cached => "RS256, cached",
        }
    }

    fn app(self) -> Result<Router> {
        let verifier = Sample::of(Algorithm::RS256).verifier();
        let app = match self {
            Self::Unauthenticated => Router::new()
                .route("/notes", get(|| async { NOTES }))
                .route_service("/mcp", mcp()),
            Self::Rs256 => guarded()?.layer(BearerAuthLayer::new(verifier)),
            Self::Cached => guarded()?.layer(BearerAuthLayer::new(verifier.cached(1_000))),
        };
        Ok(app)
    }
}

const NOTES: &str = r#"{"notes":["milk","bread"]}"#;

/// Serves an app for each mode, and prints their addresses.
pub(crate) async fn serve() -> Result<()> {
    let mut servers = Vec::new();
    for mode in MODES {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        servers.push(tokio::spawn(async move {
            axum::serve(listener, mode.app()?).await?;
            Ok::<_, Error>(())
        }));
    }
    for server in servers {
        server.await??;
    }
    Ok(())
}

/// The layers of the example `mcp_server`: the auth layer, and a guard that reads the tool's name.
fn guarded() -> Result<Router> {
    let rules = ScopeRules::builder()
        .tool("add", ScopeRequirement::all(["notes:read"]))
        .default_rule(ScopeRequirement::deny_all())
        .build()?;
    Ok(Router::new()
        .route_service("/mcp", mcp())
        .route_layer(ToolScopesLayer::new(rules))
        .route("/notes", get(|_: AccessToken| async { NOTES })))
}

type Mcp = StreamableHttpService<Calculator, NeverSessionManager>;

/// Without sessions and with JSON responses, the fastest configuration of `rmcp`.
fn mcp() -> Mcp {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true);
    StreamableHttpService::new(|| Ok(Calculator), Default::default(), config)
}

#[derive(Clone)]
struct Calculator;

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct Summands {
    a: i64,
    b: i64,
}

#[tool_router]
impl Calculator {
    #[tool(description = "Adds two numbers")]
    fn add(&self, Parameters(Summands { a, b }): Parameters<Summands>) -> String {
        (a + b).to_string()
    }
}

#[tool_handler]
impl ServerHandler for Calculator {}
