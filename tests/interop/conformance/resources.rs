//! The resources, and their contents.

use serde_json::{Value, json};

use crate::wire::PIXEL;

pub(crate) fn resources() -> [Value; 3] {
    let resource = |name, mime_type| {
        json!({
            "uri": format!("test://{name}"),
            "name": name,
            "description": name,
            "mimeType": mime_type,
        })
    };
    [
        resource("static-text", "text/plain"),
        resource("static-binary", "image/png"),
        resource("watched-resource", "text/plain"),
    ]
}

pub(crate) fn templates() -> [Value; 1] {
    [json!({
        "uriTemplate": "test://template/{id}/data",
        "name": "template",
        "description": "template",
        "mimeType": "application/json",
    })]
}

/// The contents of a resource, if there is one with this URI.
pub(crate) fn contents(uri: &str) -> Option<Value> {
    let contents = match uri {
        "test://static-text" => json!({
            "uri": uri,
            "mimeType": "text/plain",
            "text": "This is the content of the static text resource.",
        }),
        "test://static-binary" => json!({ "uri": uri, "mimeType": "image/png", "blob": PIXEL }),
        "test://watched-resource" => {
            json!({ "uri": uri, "mimeType": "text/plain", "text": "Watched." })
        }
        _ => {
            let id = uri
                .strip_prefix("test://template/")
                .and_then(|rest| rest.strip_suffix("/data"))?;
            let data = format!("Data for ID: {id}");
            let text = json!({ "id": id, "templateTest": true, "data": data }).to_string();
            json!({ "uri": uri, "mimeType": "application/json", "text": text })
        }
    };
    Some(contents)
}
