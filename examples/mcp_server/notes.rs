//! The MCP server itself: three tools that identify their caller.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{Implementation, ServerCapabilities, ServerConfig};
use rmcp::{ErrorData, ServerHandler, schemars, tool, tool_handler, tool_router};
use serde::Deserialize;
use tower_bearer_auth::mcp::ScopeRules;
use tower_bearer_auth::{
    AccessToken, ConfigError, ProtectedResource, ScopeError, ScopeRequirement,
};

/// The protected resource: its metadata for clients, and the audience that tokens must have.
pub(crate) fn resource(identifier: String, issuer: &str) -> ProtectedResource {
    ProtectedResource::new(identifier)
        .authorization_servers([issuer])
        // `admin` is not listed, because many clients request all scopes that are listed here.
        //
        // The order differs from that of challenges, which begin with the layer's scopes: mcp-remote (0.15)
        // ignores the scope of a challenge that equals this list, joined by spaces, and then never requests
        // more scopes.
        .scopes(["notes:write", "notes:read"])
        .member("resource_name", "Notes")
        .also_at_root()
}

/// The scopes that each tool requires, in addition to those of the server.
pub(crate) fn rules() -> Result<ScopeRules, ConfigError> {
    ScopeRules::builder()
        .tool("whoami", ScopeRequirement::token())
        .tool("add", ScopeRequirement::token())
        .tool("delete_note", ScopeRequirement::all(["notes:write"]))
        // A tool that is added later is refused until it has a rule.
        .default_rule(ScopeRequirement::deny_all())
        .build()
}

#[derive(Clone)]
pub(crate) struct Notes {
    notes: Arc<Mutex<BTreeMap<u32, &'static str>>>,
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

/// The note that only an admin may delete.
const HOUSE_RULES: u32 = 1;

#[tool_router]
impl Notes {
    pub(crate) fn new() -> Self {
        let notes = [(HOUSE_RULES, "house rules"), (2, "milk"), (3, "bread")];
        Self {
            notes: Arc::new(Mutex::new(notes.into())),
        }
    }

    #[tool(description = "Returns the identity in the access token")]
    fn whoami(&self, token: AccessToken) -> String {
        format!(
            "{} with the scopes: {}",
            token.subject().or(token.client_id()).unwrap_or("unknown"),
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
        // The guard has already checked `notes:write`. The tool makes the checks that depend on its arguments.
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
    // `tool_handler` adds `list_tools`, which deliberately lists every tool to every caller: a model only calls
    // tools that it has seen, and a client only requests more scopes after a call was refused. If the list had
    // only what `ScopeRules::allows`, a reader would never learn that notes can be deleted. Filter the list
    // if the names of tools are secret, or if clients get all their scopes at login.

    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            // The default name that clients show is "rmcp".
            .with_server_info(Implementation::new("notes", env!("CARGO_PKG_VERSION")))
            .with_instructions("Call whoami, add numbers, delete notes.")
    }
}
