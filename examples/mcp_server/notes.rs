//! The MCP server itself: three tools that know who is calling.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CacheScope, ListToolsResult, PaginatedRequestParams, ProtocolVersion, ServerCapabilities,
    ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, schemars, tool, tool_handler, tool_router};
use serde::Deserialize;
use tower_bearer_auth::mcp::ScopeRules;
use tower_bearer_auth::{
    AccessToken, ConfigError, ProtectedResource, ScopeError, ScopeRequirement,
};

/// What clients are told about this server, and tokens are checked against.
pub(crate) fn resource(identifier: String, issuer: &str) -> ProtectedResource {
    ProtectedResource::new(identifier)
        .authorization_servers([issuer])
        // Not `admin`: many clients ask for everything that is listed here.
        .scopes(["notes:read", "notes:write"])
        .resource_name("Notes")
        .also_at_root()
}

/// What each tool asks for, beyond what the whole server does.
pub(crate) fn rules() -> Result<ScopeRules, ConfigError> {
    ScopeRules::builder()
        .tool("whoami", ScopeRequirement::token())
        .tool("add", ScopeRequirement::token())
        .tool("delete_note", ScopeRequirement::all(["notes:write"]))
        // A tool that is added later is closed until it has a rule.
        .default_rule(ScopeRequirement::nobody())
        .build()
}

#[derive(Clone)]
pub(crate) struct Notes {
    notes: Arc<Mutex<BTreeMap<u32, &'static str>>>,
    rules: ScopeRules,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct Summands {
    a: i64,
    b: i64,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct NoteId {
    id: u32,
}

/// The house rules; whoever deletes them had better be an admin.
const HOUSE_RULES: u32 = 1;

#[tool_router]
impl Notes {
    pub(crate) fn new(rules: ScopeRules) -> Self {
        let notes = [(HOUSE_RULES, "house rules"), (2, "milk"), (3, "bread")];
        Self {
            notes: Arc::new(Mutex::new(notes.into())),
            rules,
        }
    }

    #[tool(description = "Tells who the access token says you are")]
    fn whoami(&self, token: AccessToken) -> String {
        format!(
            "{} with the scopes: {}",
            token.subject().or(token.client_id()).unwrap_or("nobody"),
            token.scopes()
        )
    }

    #[tool(description = "Adds two numbers")]
    fn add(
        &self,
        Parameters(Summands { a, b }): Parameters<Summands>,
    ) -> Result<String, ErrorData> {
        let sum = a.checked_add(b);
        let sum = sum.ok_or_else(|| ErrorData::invalid_params("the sum is too large", None))?;
        Ok(sum.to_string())
    }

    #[tool(description = "Deletes the note with this number")]
    fn delete_note(
        &self,
        token: AccessToken,
        Parameters(NoteId { id }): Parameters<NoteId>,
    ) -> Result<String, ErrorData> {
        // The guard in front saw to `notes:write`. What depends on the arguments is seen to here.
        if id == HOUSE_RULES {
            token
                .require_scopes(["notes:write", "admin"])
                .map_err(ScopeError::refuse)?;
        }
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        match notes.remove(&id) {
            Some(note) => Ok(format!("deleted: {note}")),
            None => Err(ErrorData::invalid_params("there is no such note", None)),
        }
    }
}

#[tool_handler]
impl ServerHandler for Notes {
    /// Lists only what the caller may use. A server that wants its clients to ask for more scope shows
    /// everything instead, and lets them run into the 403 that says which.
    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let token = AccessToken::from_request_context_or_refuse(&context)?;
        let mut tools = Self::tool_router().list_all();
        tools.retain(|tool| self.rules.allows(&token, "tools/call", &tool.name));

        let list = ListToolsResult::with_all_items(tools);
        // Not for a cache that others share, where the client knows such a thing.
        let knows_caches = context.protocol_version() >= Some(ProtocolVersion::V_2026_07_28);
        Ok(match knows_caches {
            true => list.with_ttl_ms(0).with_cache_scope(CacheScope::Private),
            false => list,
        })
    }

    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_instructions("Ask whoami, add numbers, delete notes.")
    }
}
