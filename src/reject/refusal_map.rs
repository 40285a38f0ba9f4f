//! The application's mapping of refusals to its own answers, and the only code that applies it.

use std::fmt;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::grpc::is_grpc;
use super::refused::Refused;
use super::reply_body::{Reply, ReplyBody};
use crate::telemetry::SETUP;

/// Maps a refusal and its response to the response that is sent.
#[derive(Clone)]
pub(crate) struct RefusalMap {
    map: Arc<Map>,
}

type Map =
    dyn Fn(&Refused, Response<ReplyBody>) -> Response<ReplyBody> + Send + Sync + RefUnwindSafe;

/// The error code and the description of a 500. They reveal nothing about the cause.
pub(super) const SERVER_ERROR: (&str, &str) =
    ("server_error", "The server cannot answer this request");

impl RefusalMap {
    pub(crate) fn new<F, R>(map: F) -> Self
    where
        F: Fn(&Refused, Response<ReplyBody>) -> Response<R> + Send + Sync + 'static,
        R: Into<ReplyBody>,
    {
        // Its panics are caught, so the types that contain it may be unwind-safe even if its captures are not.
        let map = AssertUnwindSafe(map);
        let map = move |refused: &Refused, response| {
            let AssertUnwindSafe(map) = &map;
            map(refused, response).map(Into::into)
        };
        Self { map: Arc::new(map) }
    }

    fn apply(&self, refused: &Refused, response: Response<ReplyBody>) -> Response<ReplyBody> {
        let mapped = catch_unwind(AssertUnwindSafe(|| (self.map)(refused, response)));
        let Ok(mut mapped) = mapped else {
            // The text of the panic could contain a secret of the application.
            tracing::error!(
                target: SETUP,
                by = refused.component,
                reason = refused.reason,
                "the map_refusal of the application panicked: the client gets 500"
            );
            return server_error();
        };
        restore_challenges(refused, &mut mapped);
        remove_wrong_length(&mut mapped);
        mapped
    }
}

/// The answer to a refused request: `response`, or what the application maps it to.
#[inline]
pub(crate) fn answer(refused: Refused, mut response: Reply, map: Option<&RefusalMap>) -> Reply {
    if let Some(map) = map {
        response = mapped(&refused, *response, map);
    }
    response.extensions_mut().insert(refused);
    response
}

// Apart, so that an answer without a mapping does not pay for it.
#[cold]
#[inline(never)]
fn mapped(refused: &Refused, mut response: Response<ReplyBody>, map: &RefusalMap) -> Reply {
    response.extensions_mut().insert(refused.clone());
    Box::new(map.apply(refused, response))
}

/// Appends the challenges that the mapping dropped from a 401 or 403. Without them, a client cannot get a better token
/// (RFC 9110 §11.6.1). A gRPC answer stays as it is.
fn restore_challenges(refused: &Refused, mapped: &mut Response<ReplyBody>) {
    let needs_challenge = matches!(
        mapped.status(),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
    );
    if !needs_challenge || is_grpc(mapped.headers()) {
        return;
    }
    let headers = mapped.headers_mut();
    for challenge in refused.challenges() {
        if !has_challenge(headers, challenge) {
            headers.append(WWW_AUTHENTICATE, challenge.clone());
        }
    }
}

fn has_challenge(headers: &HeaderMap, challenge: &HeaderValue) -> bool {
    let mut kept = headers.get_all(WWW_AUTHENTICATE).iter();
    kept.any(|kept| kept == challenge)
}

/// Removes a length of another body. The server then sends the length of this one.
fn remove_wrong_length(mapped: &mut Response<ReplyBody>) {
    let length = HeaderValue::from(mapped.body().len());
    let mut lengths = mapped.headers().get_all(CONTENT_LENGTH).iter();
    if lengths.any(|stated| stated != length) {
        mapped.headers_mut().remove(CONTENT_LENGTH);
    }
}

fn server_error() -> Response<ReplyBody> {
    let (error, description) = SERVER_ERROR;
    let body = format!(r#"{{"error":"{error}","error_description":"{description}"}}"#);
    let mut response = Response::new(ReplyBody::new(body));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl fmt::Debug for RefusalMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusalMap").finish_non_exhaustive()
    }
}
