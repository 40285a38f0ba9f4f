use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_service::Service;
use zeroize::Zeroizing;

use super::events::{Fault, Meaning, SecurityEventClaims};
use super::verifier::SecurityEventVerifier;
use crate::access_token::AccessToken;
use crate::reject::ReplyBody;
use crate::revocation::incoming::{
    Effect, EndpointFuture, Format, Intake, Receiver, Refusal, has_content_type,
};
use crate::revocation::revocations::Revocations;
use crate::telemetry::REVOCATION;
use crate::verify_error::InvalidReason;

/// The endpoint for security events (RFC 8417) that a transmitter pushes (RFC 8935): a tower service, and an axum
/// router.
///
/// It supports events of CAEP and RISC, as the Shared Signals Framework sends them. The transmitter must be able to
/// reach the endpoint without an access token, so put it outside of the auth layer. The signature of the SET is its
/// authentication; see also [`require_authorization`](Self::require_authorization).
///
/// ```
/// # #[cfg(feature = "axum")]
/// # fn app(
/// #     settings: tower_bearer_auth::JwtVerifierBuilder,
/// #     verifier: tower_bearer_auth::JwtVerifier,
/// # ) -> Result<axum::Router, tower_bearer_auth::ConfigError> {
/// use axum::{Router, routing::get};
/// use tower_bearer_auth::BearerAuthLayer;
/// use tower_bearer_auth::revocation::{Revocations, SecurityEventVerifier, SecurityEvents};
///
/// let revocations = Revocations::new();
/// let events = SecurityEvents::new(SecurityEventVerifier::new(settings)?, &revocations);
/// let app = Router::new()
///     .route("/", get(|| async { "hello" }))
///     .layer(BearerAuthLayer::new(verifier).revocations(&revocations))
///     .merge(events.router("/security-events"));
/// # Ok(app)
/// # }
/// ```
///
/// # Events
///
/// | event type | revokes |
/// |---|---|
/// | CAEP `session-revoked` | the session, if the subject names one; else the tokens of the subject |
/// | CAEP `credential-change`; RISC `account-disabled`, `account-purged`, `sessions-revoked` | the tokens of the subject |
/// | others, and the verification event of a stream | nothing; the SET is accepted |
///
/// The tokens of a subject are those that were issued until the `event_timestamp`, or until the `iat` of the SET if
/// there is none. A timestamp that is more than a minute later than the SET, such as one in milliseconds, is refused.
///
/// # Subjects
///
/// The subject is the `sub_id` of the SET (RFC 9493), else the `subject` of the event, else the `sub` of the SET with
/// its `iss`. It can be of the format `iss_sub` (`iss-sub` in older drafts), or complex with such a `user`, or with a
/// `session` of the format `opaque`. The `id` of the session is the `sid` of access tokens; its issuer is that of the
/// `user`, else that of the SET. Other members of a complex subject, such as `device`, do not limit what is revoked.
///
/// A SET with a subject of another format is accepted, changes nothing, and causes a `WARN`.
///
/// A transmitter speaks for its own issuer only: a subject of another issuer is refused with `access_denied`. See
/// [`subject_issuers`](Self::subject_issuers).
///
/// # Requests and answers
///
/// A request is a `POST` with the `Content-Type` `application/secevent+jwt` and the SET as its body, of at most 64 KiB.
/// The time that a client takes to send the body is not limited: put a timeout around the server. All answers have
/// `Cache-Control: no-store`.
///
/// | the request | status | body |
/// |---|---|---|
/// | has a valid SET, also one that was received before | 202, once all revocations are stored | empty |
/// | fails a check; nothing has changed | 400, with `Content-Language` | `{"err": ..., "description": ...}` |
/// | is no `POST` | 405, with `Allow` | empty |
/// | arrives while keys or the store are out of reach; the transmitter must send the same SET again | 503, with `Retry-After` | empty |
///
/// | `err` (RFC 8935 §2.4) | for |
/// |---|---|
/// | `invalid_issuer`, `invalid_audience` | a SET of another issuer, or for another audience |
/// | `invalid_key` | an unknown key, another algorithm, or a signature that does not match |
/// | `authentication_failed` | a request without the required `Authorization`. The status is 400, as RFC 8935 §2.3 requires |
/// | `access_denied` | a subject of an issuer for which the transmitter does not speak |
/// | `invalid_request` | all else |
///
/// # Replays
///
/// The endpoint remembers the `jti` of the last 10 000 SETs. A replay of one of them is accepted and changes nothing.
/// An older SET is carried out again, which is harmless: what it revokes is revoked already.
#[derive(Clone)]
pub struct SecurityEvents {
    intake: Arc<Intake>,
    subject_issuers: Arc<[String]>,
    authorization: Option<Arc<Zeroizing<Vec<u8>>>>,
}

impl SecurityEvents {
    /// Creates the endpoint, which adds to `revocations`.
    pub fn new(verifier: SecurityEventVerifier, revocations: &Revocations) -> Self {
        let intake = Intake::new(Self::COMPONENT, verifier.verifier, revocations);
        Self {
            intake: Arc::new(intake),
            subject_issuers: Arc::default(),
            authorization: None,
        }
    }

    /// Accepts events about subjects of these issuers, beside those of the transmitter's own issuer. Use it for a
    /// transmitter whose issuer is not that of the access tokens. The transmitter can then refuse every token of these
    /// issuers. A later call replaces an earlier one. Default: none.
    ///
    /// All transmitters of the verifier may speak for them. Where that must differ, give each transmitter an endpoint
    /// of its own.
    #[must_use]
    pub fn subject_issuers(mut self, issuers: impl IntoIterator<Item: Into<String>>) -> Self {
        self.subject_issuers = issuers.into_iter().map(Into::into).collect();
        self
    }

    /// Requires the header `Authorization` to have this value, scheme included, which is the
    /// `authorization_header` of the stream in the Shared Signals Framework. It is compared in constant time and never
    /// logged. A later call replaces an earlier one. Default: the header is not read.
    ///
    /// # Panics
    ///
    /// If the value is empty.
    #[must_use]
    #[track_caller]
    pub fn require_authorization(mut self, value: impl AsRef<str>) -> Self {
        let value = value.as_ref();
        assert!(!value.is_empty(), "the value must not be empty");
        self.authorization = Some(Arc::new(Zeroizing::new(value.as_bytes().to_vec())));
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

    fn is_authorized(&self, head: &Parts) -> bool {
        let Some(expected) = &self.authorization else {
            return true;
        };
        let mut values = head.headers.get_all(AUTHORIZATION).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => verify_slices_are_equal(value.as_bytes(), expected).is_ok(),
            (None | Some(_), _) => false,
        }
    }

    /// What a verified SET revokes.
    fn effects(&self, token: &AccessToken) -> Result<Vec<Effect>, Refusal> {
        let set = SecurityEventClaims::of(token);
        let meaning = set.meaning(&self.subject_issuers);
        let meaning = meaning.map_err(|fault| refusal_of(fault, &set.issuer))?;
        let mut effects = Vec::new();
        for meaning in meaning {
            match meaning {
                Meaning::Revokes(effect) => effects.push(effect),
                Meaning::UnknownSubject(event) => tracing::warn!(
                    target: REVOCATION,
                    by = Self::COMPONENT,
                    event,
                    issuer = set.issuer,
                    jti = token.jwt_id(),
                    "a security event revokes nothing, because its subject is no issuer and subject"
                ),
            }
        }
        Ok(effects)
    }
}

impl Receiver for SecurityEvents {
    const COMPONENT: &'static str = "SecurityEvents";
    const FORMAT: Format = Format::SecurityEvents;

    fn check(&self, head: &Parts) -> Result<(), Refusal> {
        if !self.is_authorized(head) {
            return Err(Refusal::Refused {
                error: "authentication_failed",
                description: "The Authorization header does not have the required value",
            });
        }
        match has_content_type(head, "application/secevent+jwt") {
            true => Ok(()),
            false => Err(Refusal::invalid_request(
                "The Content-Type is not application/secevent+jwt",
            )),
        }
    }

    async fn receive(&self, body: Bytes) -> Result<(), Refusal> {
        let text = std::str::from_utf8(&body).unwrap_or_default();
        let token = self.intake.verify(text.trim_ascii()).await;
        let token = token.map_err(|error| Refusal::of(&error, error_code))?;
        if self.intake.is_replay(&token) {
            return Ok(());
        }
        let effects = self.effects(&token)?;
        self.intake.carry_out(&token, &effects).await
    }
}

/// The error code for a SET that the verifier refuses (RFC 8935 §2.4).
fn error_code(reason: InvalidReason) -> &'static str {
    match reason {
        InvalidReason::WrongIssuer => "invalid_issuer",
        InvalidReason::WrongAudience => "invalid_audience",
        InvalidReason::UnsupportedAlgorithm
        | InvalidReason::UnknownKey
        | InvalidReason::BadSignature
        | InvalidReason::Revoked => "invalid_key",
        InvalidReason::Malformed
        | InvalidReason::TooLong
        | InvalidReason::Expired
        | InvalidReason::NotYetValid
        | InvalidReason::WrongType
        | InvalidReason::MissingClaim
        | InvalidReason::InvalidClaim
        | InvalidReason::BoundToKey
        | InvalidReason::OtherKey
        | InvalidReason::NotBoundToKey
        | InvalidReason::Unrecognized
        | InvalidReason::Other(_) => "invalid_request",
    }
}

fn refusal_of(fault: Fault, issuer: &str) -> Refusal {
    match fault {
        Fault::ForeignIssuer => {
            tracing::warn!(
                target: REVOCATION,
                by = SecurityEvents::COMPONENT,
                issuer,
                "a transmitter does not speak for the issuer of a subject: see subject_issuers(..)"
            );
            Refusal::Refused {
                error: "access_denied",
                description: "The transmitter does not speak for the issuer of the subject",
            }
        }
        Fault::BadSubject => Refusal::invalid_request("The subject does not conform to its format"),
        Fault::BadTimestamp => Refusal::invalid_request(
            "The event_timestamp is no number of seconds, or later than the SET",
        ),
    }
}

impl<B> Service<Request<B>> for SecurityEvents
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

/// It does not show the authorization.
impl fmt::Debug for SecurityEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecurityEvents")
            .field("intake", &self.intake)
            .field("subject_issuers", &self.subject_issuers)
            .finish_non_exhaustive()
    }
}
