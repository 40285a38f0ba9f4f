//! Answers that are signed JWTs (RFC 9701).

use std::future::Future;
use std::pin::Pin;

use http::HeaderValue;
use http::header::CONTENT_TYPE;
use tower::BoxError;

use super::answer::Head;
use super::failure::Failure;

/// The media type of a signed answer (RFC 9701 §4).
pub(super) const MEDIA_TYPE: &str = "application/token-introspection+jwt";

/// Verifies signed answers. JWT verifiers implement it, on which this module does not depend.
pub(crate) trait AnswerVerifier: Send + Sync {
    /// The members of the answer, as JSON.
    fn verify(&self, jwt: String) -> AnswerFuture;
}

pub(crate) type AnswerFuture = Pin<Box<dyn Future<Output = Result<String, BoxError>> + Send>>;

/// The JWT of a response with status 200. One that is not signed is a failure: its sender may be another server.
pub(super) fn take(head: &Head<'_>, body: Vec<u8>) -> Result<String, Failure> {
    let mut types = head.headers.get_all(CONTENT_TYPE).iter();
    let (Some(media_type), None) = (types.next(), types.next()) else {
        return Err(head.wrong("it has no media type, or two"));
    };
    if !is_signed(media_type) {
        return Err(head.wrong("its answer is not signed (application/token-introspection+jwt)"));
    }
    String::from_utf8(body).map_err(|_| head.wrong("its signed answer is not UTF-8"))
}

fn is_signed(media_type: &HeaderValue) -> bool {
    let essence = media_type.as_bytes().split(|byte| *byte == b';').next();
    essence.is_some_and(|essence| {
        essence
            .trim_ascii()
            .eq_ignore_ascii_case(MEDIA_TYPE.as_bytes())
    })
}
