//! Extractors for axum handlers behind a [`BearerAuthLayer`](crate::BearerAuthLayer).
//!
//! ```
//! use serde::Deserialize;
//! use tower_bearer_auth::{AccessToken, Claims};
//!
//! // Behind the layer there is always a token.
//! async fn whoami(token: AccessToken) -> String {
//!     token.subject().unwrap_or("a client").to_owned()
//! }
//!
//! // Behind an optional layer there may be none.
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
use crate::caller::Caller;
use crate::protection::Protection;
use crate::reject::Refusal;
use crate::scope_guard::ScopeError;
use crate::scopes::Scopes;
use crate::telemetry::{self, Bearer};
use crate::verify_error::InvalidReason;

impl<S: Sync> FromRequestParts<S> for AccessToken {
    type Rejection = AccessTokenRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AccessTokenRejection> {
        required(parts, "AccessToken")
    }
}

/// `None` is for requests without a token behind an optional layer. Without a layer, this extractor
/// too is rejected: the server would otherwise take everybody for a stranger.
impl<S: Sync> OptionalFromRequestParts<S> for AccessToken {
    type Rejection = AccessTokenRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Option<Self>, AccessTokenRejection> {
        match Caller::of(&parts.extensions) {
            Caller::Known(token) => Ok(Some(token.clone())),
            Caller::Anonymous(_) => Ok(None),
            Caller::Unasked => Err(AccessTokenRejection::no_layer("Option<AccessToken>")),
        }
    }
}

/// The claims of the request's token, as a type of your own.
///
/// A token whose claims do not fit the type is answered 401 `invalid_token`: it is not one that
/// this handler can work with. The log says, at `debug`, which type it was.
#[derive(Debug, Clone, Copy)]
pub struct Claims<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Claims<T> {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClaimsRejection> {
        let token =
            required(parts, "Claims").map_err(|lack| ClaimsRejection(Misfit::Token(lack)))?;
        token.claims().map(Claims).map_err(|error| {
            // The category tells enough; the message could quote the claims.
            tracing::debug!(
                target: telemetry::CLAIMS,
                category = ?error.classify(),
                wanted = std::any::type_name::<T>(),
                "the claims do not fit the handler's type"
            );
            let protection = token.shared_protection();
            MISFIT.record(
                "Claims",
                Bearer::Verified(&token),
                protection.initial_scopes(),
            );
            ClaimsRejection(Misfit::Claims(protection))
        })
    }
}

/// `None` is for requests without a token behind an optional layer.
impl<S: Sync, T: DeserializeOwned> OptionalFromRequestParts<S> for Claims<T> {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> Result<Option<Self>, ClaimsRejection> {
        match Caller::of(&parts.extensions) {
            Caller::Anonymous(_) => Ok(None),
            Caller::Known(_) | Caller::Unasked => {
                let claims = <Self as FromRequestParts<S>>::from_request_parts(parts, state);
                claims.await.map(Some)
            }
        }
    }
}

/// The token that `extractor` cannot do without.
fn required(parts: &Parts, extractor: &'static str) -> Result<AccessToken, AccessTokenRejection> {
    match Caller::of(&parts.extensions) {
        Caller::Known(token) => Ok(token.clone()),
        Caller::Anonymous(anonymous) => {
            let protection = Arc::clone(&anonymous.protection);
            let scopes = protection.initial_scopes();
            Refusal::NoToken.record(extractor, Bearer::Nobody, scopes);
            Err(AccessTokenRejection {
                extractor,
                lack: Lack::Token(protection),
            })
        }
        Caller::Unasked => Err(AccessTokenRejection::no_layer(extractor)),
    }
}

/// Why there is no [`AccessToken`] for a handler: the request has none (401), or no
/// [`BearerAuthLayer`](crate::BearerAuthLayer) is in front (500).
#[derive(Debug)]
pub struct AccessTokenRejection {
    extractor: &'static str,
    lack: Lack,
}

#[derive(Debug)]
enum Lack {
    Token(Arc<Protection>),
    Layer,
}

impl AccessTokenRejection {
    fn no_layer(extractor: &'static str) -> Self {
        Refusal::NoLayer.record(extractor, Bearer::Nobody, &Scopes::default());
        Self {
            extractor,
            lack: Lack::Layer,
        }
    }
}

impl IntoResponse for AccessTokenRejection {
    fn into_response(self) -> Response {
        let by = self.extractor;
        let reply = match &self.lack {
            Lack::Token(protection) => {
                Refusal::NoToken.reply(by, protection, protection.initial_scopes())
            }
            Lack::Layer => Refusal::NoLayer.reply(by, &Protection::default(), &Scopes::default()),
        };
        (*reply).map(Body::new)
    }
}

/// Why there are no [`Claims`] for a handler.
#[derive(Debug)]
pub struct ClaimsRejection(Misfit);

#[derive(Debug)]
enum Misfit {
    Token(AccessTokenRejection),
    Claims(Arc<Protection>),
}

const MISFIT: Refusal<'_> = Refusal::InvalidToken(InvalidReason::InvalidClaim);

impl IntoResponse for ClaimsRejection {
    fn into_response(self) -> Response {
        match self.0 {
            Misfit::Token(rejection) => rejection.into_response(),
            Misfit::Claims(protection) => {
                (*MISFIT.reply("Claims", &protection, protection.initial_scopes())).map(Body::new)
            }
        }
    }
}

impl IntoResponse for ScopeError {
    fn into_response(self) -> Response {
        self.to_response().map(Body::new)
    }
}
