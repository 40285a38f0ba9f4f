//! How servers parse a body: `rmcp`, and servers with a less strict JSON parser. Each function returns the first call
//! in the body that the rules of [`super`] forbid.

use rmcp::model::{ClientJsonRpcMessage, ClientNotification, ClientRequest, Reference};
use url::Url;

use super::lenient;
use crate::json::Json;

/// One message, with the parser of `rmcp`'s streamable HTTP server.
fn parse(body: &[u8]) -> Option<ClientJsonRpcMessage> {
    serde_json::from_slice(body).ok()
}

pub(super) fn is_for_rmcp(body: &[u8]) -> bool {
    parse(body).is_some()
}

/// The forbidden method that `rmcp` would run.
pub(super) fn rmcp(body: &[u8]) -> Option<String> {
    match parse(body)? {
        ClientJsonRpcMessage::Request(message) => {
            let method = message.request.method().to_owned();
            is_secret_request(message.request).then_some(method)
        }
        ClientJsonRpcMessage::Notification(message) => match message.notification {
            ClientNotification::CustomNotification(n) => {
                (n.method == "vendor/secret").then_some(n.method)
            }
            _ => None,
        },
        _ => None,
    }
}

fn is_secret_request(request: ClientRequest) -> bool {
    match request {
        ClientRequest::CallToolRequest(r) => r.params.name == "secret",
        ClientRequest::GetPromptRequest(r) => r.params.name.starts_with("secret"),
        ClientRequest::ReadResourceRequest(r) => is_secret_uri(&r.params.uri),
        ClientRequest::SubscribeRequest(r) => is_secret_uri(&r.params.uri),
        ClientRequest::UnsubscribeRequest(r) => is_secret_uri(&r.params.uri),
        ClientRequest::ReadResourceDirectoryRequest(r) => is_secret_uri(&r.params.uri),
        ClientRequest::GetSkillRequest(r) => is_secret_uri(&r.params.uri),
        ClientRequest::GetTaskRequest(r) => r.params.task_id.starts_with("secret"),
        ClientRequest::UpdateTaskRequest(r) => r.params.task_id.starts_with("secret"),
        ClientRequest::CancelTaskRequest(r) => r.params.task_id.starts_with("secret"),
        ClientRequest::SubscriptionsListenRequest(r) => {
            let uris = r.params.notifications.resource_subscriptions;
            uris.unwrap_or_default()
                .iter()
                .any(|uri| is_secret_uri(uri))
        }
        ClientRequest::CompleteRequest(r) => match r.params.r#ref {
            Reference::Prompt(prompt) => prompt.name.starts_with("secret"),
            Reference::Resource(resource) => is_secret_uri(&resource.uri),
            // A kind of reference that this target does not know counts as forbidden.
            _ => true,
        },
        ClientRequest::CustomRequest(r) => r.method == "vendor/secret",
        _ => false,
    }
}

/// The forbidden method that a lenient server could run. Such a server uses the first or the last of two equal members,
/// ignores the case of names, or accepts batches.
pub(super) fn lenient_server(body: &[u8]) -> Option<String> {
    let json = lenient::parse(body)?;
    let messages = match &json {
        Json::List(messages) => messages.as_slice(),
        message => std::slice::from_ref(message),
    };
    messages.iter().find_map(|message| {
        let methods = all(message, &["method"])
            .into_iter()
            .filter_map(Json::as_text);
        let params = all(message, &["params"]);
        let mut secret = methods.filter(|method| {
            *method == "vendor/secret" || params.iter().any(|params| is_secret_call(method, params))
        });
        secret.next().map(str::to_owned)
    })
}

fn is_secret_call(method: &str, params: &Json) -> bool {
    let any = |json, names: &[&str], is_secret: fn(&str) -> bool| {
        all(json, names)
            .into_iter()
            .filter_map(Json::as_text)
            .any(is_secret)
    };
    match method {
        "tools/call" => any(params, &["name"], |name| name == "secret"),
        "prompts/get" => any(params, &["name"], is_secret_name),
        "resources/read"
        | "resources/subscribe"
        | "resources/unsubscribe"
        | "resources/directory/read"
        | "skills/get" => any(params, &["uri"], is_secret_uri),
        "tasks/list" => false,
        method if method.starts_with("tasks/") => {
            any(params, &["taskId", "task_id", "task-id"], is_secret_name)
        }
        "completion/complete" => all(params, &["ref"]).into_iter().any(|reference| {
            any(reference, &["name"], is_secret_name) || any(reference, &["uri"], is_secret_uri)
        }),
        "subscriptions/listen" => all(params, &["notifications"])
            .into_iter()
            .flat_map(|filter| all(filter, &["resourceSubscriptions"]))
            .any(|uris| match uris {
                Json::List(uris) => uris.iter().filter_map(Json::as_text).any(is_secret_uri),
                _ => false,
            }),
        _ => false,
    }
}

fn is_secret_name(name: &str) -> bool {
    name.starts_with("secret")
}

/// All members that a lenient parser could take for one of these.
fn all<'j>(json: &'j Json, names: &[&str]) -> Vec<&'j Json> {
    let members = json.as_members().unwrap_or_default().iter();
    let is_one = |name: &str| names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
    members
        .filter(|(name, _)| is_one(name))
        .map(|(_, value)| value)
        .collect()
}

/// Whether a server could resolve the URI to a forbidden resource. A server uses the URI as it is, decodes it
/// repeatedly, normalizes it as browsers do (WHATWG URL), or passes it to a file system.
fn is_secret_uri(uri: &str) -> bool {
    let mut form = uri.to_owned();
    loop {
        if is_secret_form(&form) || Url::parse(&form).is_ok_and(|url| is_secret_form(url.as_str()))
        {
            return true;
        }
        let decoded = decode(&form);
        if decoded == form {
            return false;
        }
        form = decoded;
    }
}

fn is_secret_form(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return false;
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut path = path.to_owned();
    let scheme = scheme.to_ascii_lowercase();
    if scheme == "file" {
        while path.contains("//") {
            path = path.replace("//", "/");
        }
    }
    let uri = format!("{scheme}://{}{path}", host.to_ascii_lowercase());
    uri == "file:///public/secret"
        || uri.starts_with("file:///secret/")
        || uri.starts_with("https://docs.example.com/secret/")
}

/// Decodes percent-encoding once. If the result is not UTF-8, the text stays as it is.
fn decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let octet = digits.filter(|_| byte == b'%').and_then(|digits| {
            let are_digits = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            u8::from_str_radix(digits, 16).ok().filter(|_| are_digits)
        });
        decoded.push(octet.unwrap_or(byte));
        rest = if octet.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}
