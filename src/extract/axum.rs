//! Extractors for axum handlers behind a [`BearerAuthLayer`](crate::BearerAuthLayer).
//!
//! ```
//! use serde::Deserialize;
//! use tower_bearer_auth::{AccessToken, Claims};
//!
//! // Behind the layer, every request has a token.
//! async fn whoami(token: AccessToken) -> String {
//!     token.subject().unwrap_or("a client").to_owned()
//! }
//!
//! // Behind an optional layer, a request may have no token.
//! async fn greet(token: Option<AccessToken>) -> &'static str {
//!     if token.is_some() { "welcome back" } else { "hello" }
//! }
//!
//! #[derive(Deserialize)]
//! struct Tenant {
//!     tenant_id: u64,
//! }
//!
//! async fn tenant(Claims(tenant): Claims<Tenant>) -> String {
//!     tenant.tenant_id.to_string()
//! }
//! # let _: axum::Router = axum::Router::new()
//! #     .route("/a", axum::routing::get(whoami))
//! #     .route("/b", axum::routing::get(greet))
//! #     .route("/c", axum::routing::get(tenant));
//! ```

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::access_token::AccessToken;
use crate::challenge_config::ChallengeConfig;
use crate::credentials::Scheme;
use crate::guard::{AuthenticationError, ScopeError};
use crate::identity::Identity;
use crate::reject::Refusal;
use crate::scopes::Scopes;
use crate::telemetry::{self, Bearer};
use crate::verify_error::InvalidReason;

impl<S: Sync> FromRequestParts<S> for AccessToken {
    type Rejection = AccessTokenRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AccessTokenRejection> {
        required(parts, "AccessToken")
    }
}

/// `None` for a request without a token behind an optional layer. Without a layer in front, this extractor
/// also rejects (500): otherwise the server would treat every caller as anonymous.
impl<S: Sync> OptionalFromRequestParts<S> for AccessToken {
    type Rejection = AccessTokenRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Option<Self>, AccessTokenRejection> {
        match Identity::of(&parts.extensions) {
            Identity::Known(token) => Ok(Some(token.clone())),
            Identity::Anonymous(_) => Ok(None),
            Identity::NoLayer => Err(AccessTokenRejection::no_layer("Option<AccessToken>")),
        }
    }
}

/// The claims of the request's token, deserialized into a type of your own.
///
/// If the claims do not fit the type, the request is refused with 401 `invalid_token` (RFC 6750 §3.1). The
/// log names the type, at `debug`.
#[derive(Debug, Clone, Copy)]
pub struct Claims<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Claims<T> {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClaimsRejection> {
        let token =
            required(parts, "Claims").map_err(|error| ClaimsRejection(Cause::Token(error)))?;
        token.claims().map(Claims).map_err(|error| {
            // Logs the category only: the message could quote the claims.
            tracing::debug!(
                target: telemetry::CLAIMS,
                category = ?error.classify(),
                wanted = std::any::type_name::<T>(),
                "the claims do not fit the handler's type"
            );
            let challenge_config = token.shared_challenge_config();
            MISMATCH.record(
                "Claims",
                Bearer::Verified(&token),
                challenge_config.initial_scopes(),
            );
            ClaimsRejection(Cause::Claims(challenge_config, token.scheme()))
        })
    }
}

/// `None` for a request without a token behind an optional layer.
impl<S: Sync, T: DeserializeOwned> OptionalFromRequestParts<S> for Claims<T> {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> Result<Option<Self>, ClaimsRejection> {
        match Identity::of(&parts.extensions) {
            Identity::Anonymous(_) => Ok(None),
            Identity::Known(_) | Identity::NoLayer => {
                let claims = <Self as FromRequestParts<S>>::from_request_parts(parts, state);
                claims.await.map(Some)
            }
        }
    }
}

/// The token that `extractor` requires.
fn required(parts: &Parts, extractor: &'static str) -> Result<AccessToken, AccessTokenRejection> {
    match Identity::of(&parts.extensions) {
        Identity::Known(token) => Ok(token.clone()),
        Identity::Anonymous(anonymous) => {
            let challenge_config = Arc::clone(&anonymous.challenge_config);
            let scopes = challenge_config.initial_scopes();
            Refusal::NoToken.record(extractor, Bearer::Unknown, scopes);
            Err(AccessTokenRejection {
                extractor,
                missing: Missing::Token(challenge_config),
            })
        }
        Identity::NoLayer => Err(AccessTokenRejection::no_layer(extractor)),
    }
}

/// The rejection of [`AccessToken`]: the request has no token (401), or no
/// [`BearerAuthLayer`](crate::BearerAuthLayer) is in front (500).
#[derive(Debug)]
pub struct AccessTokenRejection {
    extractor: &'static str,
    missing: Missing,
}

#[derive(Debug)]
enum Missing {
    Token(Arc<ChallengeConfig>),
    Layer,
}

impl AccessTokenRejection {
    fn no_layer(extractor: &'static str) -> Self {
        Refusal::NoLayer.record(extractor, Bearer::Unknown, &Scopes::default());
        Self {
            extractor,
            missing: Missing::Layer,
        }
    }
}

impl IntoResponse for AccessTokenRejection {
    fn into_response(self) -> Response {
        let component = self.extractor;
        let reply = match &self.missing {
            Missing::Token(challenge_config) => Refusal::NoToken.reply(
                component,
                challenge_config.without_token(),
                challenge_config.initial_scopes(),
            ),
            Missing::Layer => {
                let nothing = ChallengeConfig::default();
                Refusal::NoLayer.reply(component, nothing.without_token(), &nothing.scopes)
            }
        };
        (*reply).map(Body::new)
    }
}

/// The rejection of [`Claims`]: the token is missing, or its claims do not fit the type (401), or no
/// [`BearerAuthLayer`](crate::BearerAuthLayer) is in front (500).
#[derive(Debug)]
pub struct ClaimsRejection(Cause);

#[derive(Debug)]
enum Cause {
    Token(AccessTokenRejection),
    Claims(Arc<ChallengeConfig>, Scheme),
}

const MISMATCH: Refusal<'_> = Refusal::InvalidToken(InvalidReason::InvalidClaim);

impl IntoResponse for ClaimsRejection {
    fn into_response(self) -> Response {
        match self.0 {
            Cause::Token(rejection) => rejection.into_response(),
            Cause::Claims(challenge_config, scheme) => (*MISMATCH.reply(
                "Claims",
                challenge_config.tried(scheme),
                challenge_config.initial_scopes(),
            ))
            .map(Body::new),
        }
    }
}

impl IntoResponse for ScopeError {
    fn into_response(self) -> Response {
        self.to_response().map(Body::new)
    }
}

impl IntoResponse for AuthenticationError {
    fn into_response(self) -> Response {
        self.to_response().map(Body::new)
    }
}
