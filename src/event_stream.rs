//! Which responses are event streams (HTML, server-sent events).

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

pub(crate) fn is_event_stream(headers: &HeaderMap) -> bool {
    let Some(Ok(content_type)) = headers.get(CONTENT_TYPE).map(HeaderValue::to_str) else {
        return false;
    };
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("text/event-stream")
}
