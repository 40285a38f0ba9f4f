use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::refused::Refused;
use super::reply_body::ReplyBody;
use crate::percent_encoding::push_encoded;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// The delay before a retry, in milliseconds (gRPC proposal A6).
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// Answers as a gRPC server: pass it to [`map_refusal`](crate::BearerAuthLayer::map_refusal) of a layer in front of
/// gRPC services, such as those of tonic.
///
/// ```
/// use tower_bearer_auth::{BearerAuthLayer, reject};
/// # use tower_bearer_auth::{StaticToken, StaticTokenVerifier};
///
/// # let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
/// let layer = BearerAuthLayer::new(verifier)
///     .map_refusal(reject::grpc)
///     .close_streams_at_expiry();
/// # let _ = layer;
/// ```
///
/// The answer is HTTP 200 without a body, and has the gRPC status and its message in the headers (*Trailers-Only*, gRPC
/// over HTTP/2). The other headers of the refusal are its metadata: `www-authenticate` has the challenge, one value for
/// each scheme, and `dpop-nonce` the nonce that a proof needs.
///
/// | refused with | gRPC status |
/// |---|---|
/// | 400, 415 | `INVALID_ARGUMENT` (3) |
/// | 401 | `UNAUTHENTICATED` (16) |
/// | 403 | `PERMISSION_DENIED` (7) |
/// | 404, 405 | `UNIMPLEMENTED` (12), as gRPC clients interpret an HTTP 404. `NOT_FOUND` would look like an answer of the service |
/// | 413 | `RESOURCE_EXHAUSTED` (8), as gRPC servers answer a message that is too large |
/// | 500 | `INTERNAL` (13) |
/// | 503 | `UNAVAILABLE` (14), with the delay in `retry-after` (seconds) and `grpc-retry-pushback-ms` |
///
/// Any other status is `UNKNOWN` (2).
pub fn grpc(refused: &Refused, response: Response<ReplyBody>) -> Response<ReplyBody> {
    let (mut head, _) = response.into_parts();
    head.status = StatusCode::OK;
    head.headers.remove(CONTENT_LENGTH);
    head.headers
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    write_status(
        &mut head.headers,
        Code::of(refused.status),
        refused.description,
    );
    if let Some(delay) = refused.retry_after {
        head.headers.insert(PUSHBACK, pushback(delay));
    }
    Response::from_parts(head, ReplyBody::default())
}

/// A status code of gRPC.
#[derive(Debug, Clone, Copy)]
enum Code {
    Unknown = 2,
    InvalidArgument = 3,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

impl Code {
    fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::InvalidArgument,
            StatusCode::UNAUTHORIZED => Self::Unauthenticated,
            StatusCode::FORBIDDEN => Self::PermissionDenied,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Self::Unimplemented,
            StatusCode::PAYLOAD_TOO_LARGE => Self::ResourceExhausted,
            StatusCode::INTERNAL_SERVER_ERROR => Self::Internal,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            _ => Self::Unknown,
        }
    }
}

/// The trailers of a stream whose token is no longer valid.
pub(super) fn unauthenticated_trailers(description: &str) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    write_status(&mut trailers, Code::Unauthenticated, description);
    trailers
}

fn write_status(headers: &mut HeaderMap, code: Code, description: &str) {
    headers.insert(GRPC_STATUS, HeaderValue::from(code as u16));
    headers.insert(GRPC_MESSAGE, message(description));
}

/// A `grpc-message`: all but visible ASCII and space is percent-encoded, and so is `%`.
fn message(text: &str) -> HeaderValue {
    let mut message = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b' '..=b'~' if octet != b'%' => message.push(char::from(octet)),
            _ => push_encoded(&mut message, octet),
        }
    }
    HeaderValue::try_from(message).expect("visible ASCII and spaces")
}

/// The field is a signed integer of 32 bits, and a negative one forbids retries.
fn pushback(delay: Duration) -> HeaderValue {
    let milliseconds = i32::try_from(delay.as_millis()).unwrap_or(i32::MAX);
    HeaderValue::from(milliseconds)
}

/// Whether it is a response of gRPC over HTTP/2. One of gRPC-Web is not, because its trailers are in the body.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(CONTENT_TYPE) else {
        return false;
    };
    let content_type = content_type.as_bytes();
    const GRPC: &[u8] = b"application/grpc";
    content_type
        .split_at_checked(GRPC.len())
        .is_some_and(|(essence, rest)| {
            essence.eq_ignore_ascii_case(GRPC)
                && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
        })
}

/// Whether it is a gRPC response whose status follows in trailers.
pub(super) fn is_grpc_stream(headers: &HeaderMap) -> bool {
    is_grpc(headers) && !headers.contains_key(GRPC_STATUS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_encoded_as_grpc_requires() {
        assert_eq!(
            message("The access token expired"),
            "The access token expired"
        );
        assert_eq!(message("~ 100 %"), "~ 100 %25");
        assert_eq!(message("a\r\nb\u{7f}"), "a%0D%0Ab%7F");
        assert_eq!(message("caf\u{e9}"), "caf%C3%A9");
        assert_eq!(message(""), "");
    }

    #[test]
    fn a_delay_fits_its_field() {
        assert_eq!(pushback(Duration::from_secs(5)), "5000");
        assert_eq!(pushback(Duration::from_secs(u64::MAX)), "2147483647");
    }

    #[test]
    fn grpc_is_known_by_its_content_type() {
        for (content_type, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("Application/GRPC+json", true),
            ("application/grpc;charset=utf-8", true),
            ("application/grpc ; a=b", true),
            ("application/grpc-web", false),
            ("application/grpc-web+proto", false),
            ("application/grpcs", false),
            ("application/grp", false),
            ("text/event-stream", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            assert_eq!(is_grpc(&headers), expected, "{content_type}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
        let mut odd = HeaderMap::new();
        let value = HeaderValue::from_bytes(b"application/grpc\xff").unwrap();
        odd.insert(CONTENT_TYPE, value);
        assert!(!is_grpc(&odd));
    }
}
