//! The route on which an administrator revokes: `POST /admin/revocations`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tower_bearer_auth::revocation::Revocations;

/// The body of a request. Its members say what is revoked.
#[derive(Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "the members are issuer, jti and expires_at; or issuer, subject or client, and issued_before; or \
                 issuer and session; with dates in seconds since 1970"
)]
pub(crate) enum Request {
    Token {
        issuer: String,
        jti: String,
        expires_at: Seconds,
    },
    Subject {
        issuer: String,
        subject: String,
        issued_before: Seconds,
    },
    Client {
        issuer: String,
        client: String,
        issued_before: Seconds,
    },
    Session {
        issuer: String,
        session: String,
    },
}

/// Seconds since 1970, until the year 9999.
#[derive(Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Seconds(SystemTime);

impl TryFrom<f64> for Seconds {
    type Error = &'static str;

    fn try_from(seconds: f64) -> Result<Self, Self::Error> {
        const LAST_SECOND: f64 = 253_402_300_799.0;
        let time = Duration::try_from_secs_f64(seconds).ok();
        let time = time.filter(|_| seconds <= LAST_SECOND);
        let time = time.ok_or("a date is not in seconds since 1970")?;
        Ok(Self(UNIX_EPOCH + time))
    }
}

pub(crate) async fn revoke(
    State(revocations): State<Revocations>,
    Json(request): Json<Request>,
) -> Response {
    let result = match request {
        Request::Token {
            issuer,
            jti,
            expires_at,
        } => revocations.revoke_token(&issuer, &jti, expires_at.0).await,
        Request::Subject {
            issuer,
            subject,
            issued_before,
        } => {
            revocations
                .revoke_subject(&issuer, &subject, issued_before.0)
                .await
        }
        Request::Client {
            issuer,
            client,
            issued_before,
        } => {
            revocations
                .revoke_client(&issuer, &client, issued_before.0)
                .await
        }
        Request::Session { issuer, session } => revocations.revoke_session(&issuer, &session).await,
    };
    match result {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => {
            tracing::warn!(error, "a revocation was not stored");
            let text = "the revocation was not stored, try again\n";
            (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "2")], text).into_response()
        }
    }
}
