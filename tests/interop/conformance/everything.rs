//! An MCP server with what the conformance suite's scenarios call. The names and texts are the
//! suite's, and most answers are written as the JSON that goes over the wire.

#![expect(
    deprecated,
    reason = "the suite also asks for what the latest version has deprecated"
)]

use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ErrorCode,
    GetPromptRequestParams, GetPromptResponse, GetPromptResult, InputRequiredResult,
    InputResponses, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
    ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
    ReadResourceResult, ServerCapabilities, ServerConfig, ServerNotification, ServerRequest,
    SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool,
    UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::broadcast;

pub(crate) type EverythingService = StreamableHttpService<Everything, LocalSessionManager>;

/// With sessions of its own.
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

    /// rmcp reads the schema for the headers that repeat arguments.
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
                // Time for the client to notice, so that the answer is one that it comes back for.
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
        let resource = |name, mime_type| {
            json!({
                "uri": format!("test://{name}"),
                "name": name,
                "description": name,
                "mimeType": mime_type,
            })
        };
        result(json!({ "resources": [
            resource("static-text", "text/plain"),
            resource("static-binary", "image/png"),
            resource("watched-resource", "text/plain"),
        ]}))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        result(json!({ "resourceTemplates": [{
            "uriTemplate": "test://template/{id}/data",
            "name": "template",
            "description": "template",
            "mimeType": "application/json",
        }]}))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = &*request.uri;
        let id = uri
            .strip_prefix("test://template/")
            .and_then(|rest| rest.strip_suffix("/data"));
        let contents = match (uri, id) {
            ("test://static-text", _) => json!({
                "uri": uri,
                "mimeType": "text/plain",
                "text": "This is the content of the static text resource.",
            }),
            ("test://static-binary", _) => {
                json!({ "uri": uri, "mimeType": "image/png", "blob": PIXEL })
            }
            ("test://watched-resource", _) => {
                json!({ "uri": uri, "mimeType": "text/plain", "text": "Watched." })
            }
            (_, Some(id)) => {
                let data = format!("Data for ID: {id}");
                let text = json!({ "id": id, "templateTest": true, "data": data }).to_string();
                json!({ "uri": uri, "mimeType": "application/json", "text": text })
            }
            _ => {
                let data = Some(json!({ "uri": uri }));
                return Err(ErrorData::resource_not_found("Resource not found", data));
            }
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
                    // What this subscription did not ask for is refused by the sink.
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
    /// Closes the response streams of a session, as a server does that is about to be replaced.
    /// A handler is not told which of them is its own; the suite opens few.
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

fn tools() -> Vec<Value> {
    let plain = [
        "test_simple_text",
        "test_image_content",
        "test_audio_content",
        "test_embedded_resource",
        "test_multiple_content_types",
        "test_tool_with_logging",
        "test_error_handling",
        "test_tool_with_progress",
        "test_elicitation_sep1034_defaults",
        "test_elicitation_sep1330_enums",
        "test_reconnection",
        "test_missing_capability",
        "test_streaming_elicitation",
        "test_logging_tool",
        "test_trigger_tool_change",
        "test_trigger_prompt_change",
        "test_input_required_result_elicitation",
        "test_input_required_result_sampling",
        "test_input_required_result_list_roots",
        "test_input_required_result_request_state",
        "test_input_required_result_multiple_inputs",
        "test_input_required_result_multi_round",
        "test_input_required_result_tampered_state",
        "test_input_required_result_capabilities",
    ]
    .map(|name| (name, json!({ "type": "object" })));
    let with_text = |name: &str| {
        json!({
            "type": "object",
            "properties": { name: { "type": "string" } },
            "required": [name],
        })
    };
    let others = [
        ("test_sampling", with_text("prompt")),
        ("test_elicitation", with_text("message")),
        (
            "test_header_parameter",
            json!({
                "type": "object",
                "properties": { "region": { "type": "string", "x-mcp-header": "Region" } },
            }),
        ),
        ("json_schema_2020_12_tool", json_schema()),
    ];
    plain
        .into_iter()
        .chain(others)
        .map(|(name, schema)| json!({ "name": name, "description": name, "inputSchema": schema }))
        .collect()
}

/// The keywords that the suite looks for.
fn json_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": { "street": { "type": "string" }, "city": { "type": "string" } },
            },
        },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" },
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": {
            "properties": { "contactMethod": { "const": "phone" } },
            "required": ["contactMethod"],
        },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    })
}

fn defaults() -> Value {
    json!({
        "name": { "type": "string", "default": "John Doe" },
        "age": { "type": "integer", "default": 30 },
        "score": { "type": "number", "default": 95.5 },
        "status": {
            "type": "string",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": { "type": "boolean", "default": true },
    })
}

fn enums() -> Value {
    let options = ["option1", "option2", "option3"];
    let titled = |names: [&str; 3]| {
        names.map(|name| json!({ "const": name, "title": format!("Title of {name}") }))
    };
    json!({
        "untitledSingle": { "type": "string", "enum": options },
        "titledSingle": { "type": "string", "oneOf": titled(["value1", "value2", "value3"]) },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": { "type": "array", "items": { "type": "string", "enum": options } },
        "titledMulti": {
            "type": "array",
            "items": { "anyOf": titled(["value1", "value2", "value3"]) },
        },
    })
}

/// What a tool asks for before it answers (SEP-2322), round by round.
fn rounds(tool: &str) -> Vec<Value> {
    let name = || question("What is your name?", "name");
    let confirmation = || question("Please confirm", "ok");
    let roots = || json!({ "method": "roots/list", "params": {} });
    let sampling = |prompt| {
        json!({
            "method": "sampling/createMessage",
            "params": {
                "messages": [{ "role": "user", "content": text(prompt) }],
                "maxTokens": 100,
            },
        })
    };
    match tool {
        "test_streaming_elicitation" | "test_input_required_result_elicitation" => {
            vec![json!({ "user_name": name() })]
        }
        "test_input_required_result_sampling" => {
            vec![json!({ "capital_question": sampling("What is the capital of France?") })]
        }
        "test_input_required_result_list_roots" => vec![json!({ "client_roots": roots() })],
        "test_input_required_result_request_state"
        | "test_input_required_result_tampered_state" => {
            vec![json!({ "confirm": confirmation() })]
        }
        "test_input_required_result_multiple_inputs" => vec![json!({
            "user_name": name(),
            "greeting": sampling("Generate a greeting"),
            "client_roots": roots(),
        })],
        "test_input_required_result_multi_round" => vec![
            json!({ "step1": name() }),
            json!({ "step2": question("What is your favorite color?", "color") }),
        ],
        "test_input_required_result_capabilities" => vec![json!({
            "user_name": name(),
            "greeting": sampling("Generate a greeting"),
        })],
        _ => vec![],
    }
}

/// The questions to put next, or none when all are answered. The state is the round's number: these
/// tools keep nothing that is worth protecting, but they refuse what they did not hand out.
fn next_round(
    rounds: Vec<Value>,
    state: Option<&str>,
    answers: Option<InputResponses>,
    declared: Option<ClientCapabilities>,
) -> Result<Option<InputRequiredResult>, ErrorData> {
    let declared = declared.unwrap_or_default();
    let answers = answers.unwrap_or_default();
    let states: Vec<_> = (1..=rounds.len()).map(|n| format!("round-{n}")).collect();
    let asked = match state {
        None => 0,
        Some(state) => states
            .iter()
            .position(|known| known == state)
            .ok_or_else(|| ErrorData::invalid_params("Unknown requestState", None))?,
    };
    let answered = rounds[asked].as_object().is_some_and(|all| {
        all.keys()
            .all(|key| answers.get(key).is_some_and(Value::is_object))
    });
    let next = if answered { asked + 1 } else { asked };
    let Some(mut questions) = rounds.into_iter().nth(next) else {
        return Ok(None);
    };
    if let Some(questions) = questions.as_object_mut() {
        questions.retain(|_, question| match question["method"].as_str() {
            Some("elicitation/create") => declared.elicitation.is_some(),
            Some("sampling/createMessage") => declared.sampling.is_some(),
            _ => true,
        });
    }
    read(json!({
        "resultType": "input_required",
        "inputRequests": questions,
        "requestState": states[next],
    }))
    .map(Some)
}

fn question(message: &str, field: &str) -> Value {
    json!({
        "method": "elicitation/create",
        "params": {
            "message": message,
            "requestedSchema": {
                "type": "object",
                "properties": { field: { "type": "string" } },
                "required": [field],
            },
        },
    })
}

/// Asks the user through the client, as it was before 2026-07-28.
async fn elicit(
    context: &RequestContext<RoleServer>,
    properties: Value,
) -> Result<Value, ErrorData> {
    let schema = json!({ "type": "object", "properties": properties });
    let params = json!({ "message": "Please answer", "requestedSchema": schema });
    let answer = ask(context, "elicitation/create", params).await?;
    Ok(json!([text(&format!(
        "Elicitation completed: action={}, content={}",
        answer["action"], answer["content"],
    ))]))
}

async fn ask(
    context: &RequestContext<RoleServer>,
    method: &str,
    params: Value,
) -> Result<Value, ErrorData> {
    let request: ServerRequest = read(json!({ "method": method, "params": params }))?;
    let answer = context.peer.send_request(request).await.map_err(internal)?;
    serde_json::to_value(answer).map_err(internal)
}

async fn notify(
    context: &RequestContext<RoleServer>,
    method: &str,
    params: Value,
) -> Result<(), ErrorData> {
    let notification: ServerNotification = read(json!({ "method": method, "params": params }))?;
    context
        .peer
        .send_notification(notification)
        .await
        .map_err(internal)
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn image() -> Value {
    json!({ "type": "image", "data": PIXEL, "mimeType": "image/png" })
}

fn audio() -> Value {
    json!({ "type": "audio", "data": SILENCE, "mimeType": "audio/wav" })
}

fn resource(uri: &str, mime_type: &str, text: &str) -> Value {
    json!({
        "type": "resource",
        "resource": { "uri": uri, "mimeType": mime_type, "text": text },
    })
}

/// A PNG file of one pixel.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
/// A WAV file without samples.
const SILENCE: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";

/// A result that is complete. Since 2026-07-28 it says so itself; rmcp leaves that out for others.
fn result<T: DeserializeOwned>(mut json: Value) -> Result<T, ErrorData> {
    json["resultType"] = json!("complete");
    read(json)
}

/// The value of this JSON. That it is one is the suite's to find out.
fn read<T: DeserializeOwned>(json: Value) -> Result<T, ErrorData> {
    serde_json::from_value(json).map_err(internal)
}

fn internal(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::new(ErrorCode::INTERNAL_ERROR, error.to_string(), None)
}
