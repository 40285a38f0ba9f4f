//! Requests and notifications from a running tool to the client.

use rmcp::model::{ServerNotification, ServerRequest};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Value, json};

use crate::wire::{internal, read, text};

/// Requests input from the user through the client, in the form of MCP before 2026-07-28.
pub(crate) async fn elicit(
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

pub(crate) async fn ask(
    context: &RequestContext<RoleServer>,
    method: &str,
    params: Value,
) -> Result<Value, ErrorData> {
    let request: ServerRequest = read(json!({ "method": method, "params": params }))?;
    let answer = context.peer.send_request(request).await.map_err(internal)?;
    serde_json::to_value(answer).map_err(internal)
}

pub(crate) async fn notify(
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
