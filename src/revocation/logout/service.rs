use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_service::Service;

use super::verifier::LogoutTokenVerifier;
use crate::access_token::AccessToken;
use crate::reject::ReplyBody;
use crate::revocation::incoming::{
    Effect, EndpointFuture, Format, Intake, Receiver, Refusal, has_content_type,
};
use crate::revocation::revocations::Revocations;

/// The endpoint for logout tokens (OpenID Connect Back-Channel Logout 1.0): a tower service, and an axum router.
///
/// The issuer sends a logout token when a user logs out, or when an administrator ends the session. With a `sid`, all
/// tokens of that session are refused. With `sub` alone, the tokens of that subject are refused that were issued until
/// the `iat` of the logout token.
///
/// Register the URL of this endpoint as `backchannel_logout_uri` of the client, and set
/// `backchannel_logout_session_required`. The issuer must be able to reach it without an access token, so put it
/// outside of the auth layer. The logout token is its own authentication.
///
/// A session ends only if access tokens have a `sid`. If those of the issuer have none, call
/// [`also_revoke_subjects`](Self::also_revoke_subjects).
///
/// ```
/// # #[cfg(feature = "axum")]
/// # fn app(
/// #     settings: tower_bearer_auth::JwtVerifierBuilder,
/// #     verifier: tower_bearer_auth::JwtVerifier,
/// # ) -> Result<axum::Router, tower_bearer_auth::ConfigError> {
/// use axum::{Router, routing::get};
/// use tower_bearer_auth::BearerAuthLayer;
/// use tower_bearer_auth::revocation::{BackChannelLogout, LogoutTokenVerifier, Revocations};
///
/// let revocations = Revocations::new();
/// let logout = BackChannelLogout::new(LogoutTokenVerifier::new(settings)?, &revocations);
/// let app = Router::new()
///     .route("/", get(|| async { "hello" }))
///     .layer(BearerAuthLayer::new(verifier).revocations(&revocations))
///     .merge(logout.router("/backchannel-logout"));
/// # Ok(app)
/// # }
/// ```
///
/// # Requests
///
/// A `POST` with the `Content-Type` `application/x-www-form-urlencoded`, exactly one `logout_token` and a body of at
/// most 64 KiB. Other parameters are ignored. The time for the body is not limited here: put a timeout around the
/// server.
///
/// # Answers
///
/// All have `Cache-Control: no-store`.
///
/// | the request | status | body |
/// |---|---|---|
/// | has a valid logout token, also one that was received before | 200, once all revocations are stored | empty |
/// | fails a check; nothing has changed | 400 | `{"error": "invalid_request", "error_description": ...}` |
/// | is no `POST` | 405, with `Allow` | empty |
/// | arrives while keys or the store are out of reach; the issuer must send the same token again | 503, with `Retry-After` | empty |
///
/// # Replays
///
/// The endpoint remembers the `jti` of the last 10 000 tokens. A replay of one of them is accepted and changes nothing.
/// An older token is carried out again, which is harmless: what it revokes is revoked already.
#[derive(Debug, Clone)]
pub struct BackChannelLogout {
    intake: Arc<Intake>,
    revokes_subjects: bool,
}

impl BackChannelLogout {
    /// Creates the endpoint, which adds to `revocations`.
    pub fn new(verifier: LogoutTokenVerifier, revocations: &Revocations) -> Self {
        let intake = Intake::new(Self::COMPONENT, verifier.verifier, revocations);
        Self {
            intake: Arc::new(intake),
            revokes_subjects: false,
        }
    }

    /// Revokes the tokens of the subject even if the logout token names a session. Use it for an issuer whose access
    /// tokens have no `sid`. The other sessions of the user end too. A logout token with `sid` and without `sub` still
    /// revokes the session only. Default: only the session.
    #[must_use]
    pub fn also_revoke_subjects(mut self) -> Self {
        self.revokes_subjects = true;
        self
    }

    /// An axum router with this endpoint at `path`. Merge it after the auth layer, and so outside of it.
    ///
    /// # Panics
    ///
    /// If axum does not accept the path.
    #[cfg(feature = "axum")]
    #[track_caller]
    pub fn router<S>(&self, path: &str) -> axum::Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        axum::Router::new().route_service(path, self.clone())
    }

    fn effects(&self, token: &AccessToken) -> Vec<Effect> {
        let issuer = token.issuer().unwrap_or_default();
        let session = token.claim::<String>("sid").map(|session| Effect::Session {
            issuer: issuer.to_owned(),
            session,
        });
        let names_subject = session.is_none() || self.revokes_subjects;
        let subject = token
            .subject()
            .zip(token.issued_at())
            .filter(|_| names_subject)
            .map(|(subject, cutoff)| Effect::Subject {
                issuer: issuer.to_owned(),
                subject: subject.to_owned(),
                cutoff,
            });
        session.into_iter().chain(subject).collect()
    }
}

impl Receiver for BackChannelLogout {
    const COMPONENT: &'static str = "BackChannelLogout";
    const FORMAT: Format = Format::Logout;

    fn check(&self, head: &Parts) -> Result<(), Refusal> {
        match has_content_type(head, "application/x-www-form-urlencoded") {
            true => Ok(()),
            false => Err(Refusal::invalid_request(
                "The Content-Type is not application/x-www-form-urlencoded",
            )),
        }
    }

    async fn receive(&self, body: Bytes) -> Result<(), Refusal> {
        let token = logout_token(&body)?;
        let token = self.intake.verify(&token).await;
        let token = token.map_err(|error| Refusal::of(&error, |_| "invalid_request"))?;
        if self.intake.is_replay(&token) {
            return Ok(());
        }
        self.intake.carry_out(&token, &self.effects(&token)).await
    }
}

/// The only `logout_token` of a form.
fn logout_token(form: &[u8]) -> Result<String, Refusal> {
    let mut tokens = form_urlencoded::parse(form).filter(|(name, _)| name == "logout_token");
    let token = tokens.next();
    let (_, token) = token.ok_or(Refusal::invalid_request("There is no logout_token"))?;
    match tokens.next() {
        None => Ok(token.into_owned()),
        Some(_) => Err(Refusal::invalid_request("There are two logout_tokens")),
    }
}

impl<B> Service<Request<B>> for BackChannelLogout
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = EndpointFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> EndpointFuture {
        EndpointFuture::new(self.clone(), request)
    }
}
