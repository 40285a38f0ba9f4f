//! An MCP server with the tools, prompts and resources that the conformance suite calls. The suite defines the names
//! and texts. Most responses are written as the JSON that goes over the wire.

#![expect(
    deprecated,
    reason = "the suite also asks for what the latest version has deprecated"
)]

use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities,
    GetPromptRequestParams, GetPromptResponse, GetPromptResult, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, ServerCapabilities,
    ServerConfig, SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool,
    UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::client::{ask, elicit, notify};
use crate::resources::{contents, resources, templates};
use crate::rounds::{next_round, question, rounds};
use crate::tools::{defaults, enums, tools};
use crate::wire::{audio, image, resource, result, text};

pub(crate) type EverythingService = StreamableHttpService<Everything, LocalSessionManager>;

/// The service with a session manager of its own.
pub(crate) fn service() -> EverythingService {
    let sessions = Arc::new(LocalSessionManager::default());
    let everything = Everything {
        sessions: sessions.clone(),
        changes: broadcast::channel(8).0,
    };
    StreamableHttpService::new(
        move || Ok(everything.clone()),
        sessions,
        StreamableHttpServerConfig::default().with_allowed_origins([
            "http://localhost:*",
            "http://127.0.0.1:*",
            "http://[::1]:*",
        ]),
    )
}

#[derive(Clone)]
pub(crate) struct Everything {
    sessions: Arc<LocalSessionManager>,
    changes: broadcast::Sender<Change>,
}

#[derive(Clone, Copy)]
enum Change {
    Tools,
    Prompts,
}

impl ServerHandler for Everything {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(
            ServerCapabilities::builder()
                .enable_completions()
                .enable_logging()
                .enable_prompts()
                .enable_prompts_list_changed()
                .enable_resources()
                .enable_resources_subscribe()
                .enable_tools()
                .enable_tool_list_changed()
                .build(),
        )
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        result(json!({ "tools": tools() }))
    }

    /// rmcp reads the schema to find the arguments that headers repeat.
    fn get_tool(&self, name: &str) -> Option<Tool> {
        let tool = tools().into_iter().find(|tool| tool["name"] == name)?;
        serde_json::from_value(tool).ok()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let argument = |name| request.arguments.as_ref().map(|all| &all[name]);
        let content = match &*request.name {
            "test_simple_text" => json!([text("This is a simple text response for testing.")]),
            "test_image_content" => json!([image()]),
            "test_audio_content" => json!([audio()]),
            "test_embedded_resource" => json!([resource(
                "test://embedded-resource",
                "text/plain",
                "This is an embedded resource content.",
            )]),
            "test_multiple_content_types" => json!([
                text("Multiple content types test:"),
                image(),
                resource(
                    "test://mixed-content-resource",
                    "application/json",
                    r#"{"test":"data","value":123}"#,
                ),
            ]),
            "test_error_handling" => {
                return Ok(result::<CallToolResult>(json!({
                    "content": [text("This tool intentionally returns an error for testing")],
                    "isError": true,
                }))?
                .into());
            }
            "test_tool_with_logging" => {
                for data in [
                    "Tool execution started",
                    "Tool processing data",
                    "Tool execution completed",
                ] {
                    let params = json!({ "level": "info", "data": data });
                    notify(&context, "notifications/message", params).await?;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                json!([text("Logged.")])
            }
            "test_tool_with_progress" => {
                for progress in [0, 50, 100] {
                    if let Some(token) = context.meta.get_progress_token() {
                        let params = json!({
                            "progressToken": token,
                            "progress": progress,
                            "total": 100,
                        });
                        notify(&context, "notifications/progress", params).await?;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                json!([text("Progressed.")])
            }
            "test_sampling" => {
                let params = json!({
                    "messages": [{
                        "role": "user",
                        "content": { "type": "text", "text": argument("prompt") },
                    }],
                    "maxTokens": 100,
                });
                let answer = ask(&context, "sampling/createMessage", params).await?;
                json!([text(&format!(
                    "LLM response: {}",
                    answer["content"]["text"]
                ))])
            }
            "test_elicitation" => {
                let schema = json!({
                    "type": "object",
                    "properties": {
                        "username": { "type": "string", "description": "User's response" },
                        "email": { "type": "string", "description": "User's email address" },
                    },
                    "required": ["username", "email"],
                });
                let params = json!({ "message": argument("message"), "requestedSchema": schema });
                let answer = ask(&context, "elicitation/create", params).await?;
                json!([text(&format!("User response: {answer}"))])
            }
            "test_elicitation_sep1034_defaults" => elicit(&context, defaults()).await?,
            "test_elicitation_sep1330_enums" => elicit(&context, enums()).await?,
            "test_missing_capability" => {
                let needed = ClientCapabilities::builder().enable_sampling().build();
                match context.client_capabilities() {
                    Some(declared) if declared.sampling.is_some() => json!([text("Declared.")]),
                    _ => return Err(ErrorData::missing_required_client_capability(needed)),
                }
            }
            "test_trigger_tool_change" => {
                let _ = self.changes.send(Change::Tools);
                json!([text("Changed.")])
            }
            "test_trigger_prompt_change" => {
                let _ = self.changes.send(Change::Prompts);
                json!([text("Changed.")])
            }
            "test_reconnection" => {
                self.close_streams(&context).await;
                // Waits until the client has detected the closed stream, so that it must reconnect for the response.
                tokio::time::sleep(Duration::from_millis(100)).await;
                json!([text("Welcome back.")])
            }
            "test_logging_tool" | "test_header_parameter" | "json_schema_2020_12_tool" => {
                json!([text("Done.")])
            }
            name => {
                let rounds = rounds(name);
                if rounds.is_empty() {
                    return Err(ErrorData::invalid_params("Unknown tool", None));
                }
                match next_round(
                    rounds,
                    request.request_state.as_deref(),
                    request.input_responses,
                    context.client_capabilities(),
                )? {
                    Some(more) => return Ok(more.into()),
                    None => json!([text("Answered, and state-ok.")]),
                }
            }
        };
        Ok(result::<CallToolResult>(json!({ "content": content }))?.into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let argument = |name| json!({ "name": name, "description": name, "required": true });
        let prompt = |name, arguments: &[Value]| json!({ "name": name, "description": name, "arguments": arguments });
        result(json!({ "prompts": [
            prompt("test_simple_prompt", &[]),
            prompt("test_prompt_with_arguments", &[argument("arg1"), argument("arg2")]),
            prompt("test_prompt_with_embedded_resource", &[argument("resourceUri")]),
            prompt("test_prompt_with_image", &[]),
            prompt("test_input_required_result_prompt", &[]),
        ]}))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let argument = |name| match &request.arguments {
            Some(all) => all.get(name).and_then(Value::as_str).unwrap_or_default(),
            None => "",
        };
        let content = match &*request.name {
            "test_simple_prompt" => vec![text("This is a simple prompt for testing.")],
            "test_prompt_with_arguments" => vec![text(&format!(
                "Prompt with arguments: arg1='{}', arg2='{}'",
                argument("arg1"),
                argument("arg2"),
            ))],
            "test_prompt_with_embedded_resource" => vec![
                resource(
                    argument("resourceUri"),
                    "text/plain",
                    "Embedded resource content for testing.",
                ),
                text("Please process the embedded resource above."),
            ],
            "test_prompt_with_image" => vec![image(), text("Please analyze the image above.")],
            "test_input_required_result_prompt" => {
                match next_round(
                    vec![json!({ "user_context": question("What is the context?", "context") })],
                    request.request_state.as_deref(),
                    request.input_responses,
                    context.client_capabilities(),
                )? {
                    Some(more) => return Ok(more.into()),
                    None => vec![text("Answered.")],
                }
            }
            _ => return Err(ErrorData::invalid_params("Unknown prompt", None)),
        };
        let messages: Vec<_> = content
            .into_iter()
            .map(|content| json!({ "role": "user", "content": content }))
            .collect();
        Ok(result::<GetPromptResult>(json!({ "messages": messages }))?.into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        result(json!({ "resources": resources() }))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        result(json!({ "resourceTemplates": templates() }))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = &*request.uri;
        let Some(contents) = contents(uri) else {
            let data = Some(json!({ "uri": uri }));
            return Err(ErrorData::resource_not_found("Resource not found", data));
        };
        Ok(result::<ReadResourceResult>(json!({ "contents": [contents] }))?.into())
    }

    async fn set_level(
        &self,
        _: SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn subscribe(
        &self,
        _: SubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(
        &self,
        _: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.changes.subscribe();
        loop {
            tokio::select! {
                () = context.cancelled() => return Ok(()),
                change = changes.recv() => {
                    // The sink refuses notifications that this subscription did not request.
                    let _ = match change {
                        Ok(Change::Tools) => context.sink().notify_tool_list_changed().await,
                        Ok(Change::Prompts) => context.sink().notify_prompt_list_changed().await,
                        Err(_) => return Ok(()),
                    };
                }
            }
        }
    }
}

impl Everything {
    /// Closes the response streams of a session, as a server does before a restart. A handler does not know which
    /// stream is its own, so this closes all. The suite opens few.
    async fn close_streams(&self, context: &RequestContext<RoleServer>) {
        let id = context
            .extensions
            .get::<Parts>()
            .and_then(|request| request.headers.get("mcp-session-id")?.to_str().ok());
        let sessions = self.sessions.sessions.read().await;
        if let Some(session) = id.and_then(|id| sessions.get(id)) {
            for stream in 0..8 {
                let _ = session.close_sse_stream(stream, None).await;
            }
        }
    }
}
