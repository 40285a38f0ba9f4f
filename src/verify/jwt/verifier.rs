use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_service::Service;

use super::algorithm::{Algorithm, KeyKind};
use super::builder::JwtVerifierBuilder;
use super::claims::Claims;
use super::jws::{Header, Jws, MAX_SIGNATURE_LENGTH};
use super::key::VerifyingKey;
use super::mapping::ClaimMapping;
use super::remote::{Missing, RemoteKeys};
use super::rules::ClaimRules;
use super::signer::{Found, find_signer};
use super::token_type::TokenTypes;
use crate::access_token::{AccessToken, Verified};
use crate::bearer::BearerToken;
use crate::clock::Clock;
use crate::key_state::KeyState;
use crate::verify_error::{InvalidReason, VerifyError};

/// Verifies signed JWT access tokens (RFC 7519, RFC 9068).
///
/// See the [module](crate::verify::jwt) for examples and for all rules. Clones share everything.
#[derive(Clone)]
pub struct JwtVerifier {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) keys: Vec<VerifyingKey>,
    pub(super) remote: Option<Arc<dyn RemoteKeys>>,
    /// `None`: whatever the keys allow.
    pub(super) algorithms: Option<Vec<Algorithm>>,
    pub(super) token_types: TokenTypes,
    pub(super) rules: ClaimRules,
    pub(super) mapping: ClaimMapping,
    pub(super) clock: Clock,
}

/// Why a token is not verified at this moment.
enum NotVerified {
    Invalid(InvalidReason),
    /// Everything else about it is in order, but its key is not at hand: not among the keys of this
    /// generation.
    KeyMissing {
        seen: u64,
    },
}

impl From<InvalidReason> for NotVerified {
    fn from(reason: InvalidReason) -> Self {
        Self::Invalid(reason)
    }
}

impl JwtVerifier {
    /// Starts a verifier. It needs a key, an issuer and an audience.
    pub fn builder() -> JwtVerifierBuilder {
        JwtVerifierBuilder::default()
    }

    pub(super) fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }
}

impl Inner {
    fn verify(self: &Arc<Self>, token: BearerToken) -> State {
        let mut seen = match self.verify_now(&token) {
            Err(NotVerified::KeyMissing { seen }) => seen,
            decided => return State::Done(Some(self.decided(token, decided))),
        };
        loop {
            let missing = match &self.remote {
                Some(remote) => remote.missing(seen),
                None => Missing::Refused(VerifyError::invalid(InvalidReason::UnknownKey)),
            };
            match missing {
                Missing::Refused(error) => return State::Done(Some(Err(error))),
                Missing::Wait(waiting) => {
                    let inner = Arc::clone(self);
                    return State::Waiting(Box::pin(async move {
                        waiting.await;
                        let verified = inner.verify_now(&token);
                        inner.decided(token, verified)
                    }));
                }
                Missing::Changed => match self.verify_now(&token) {
                    Err(NotVerified::KeyMissing { seen: newer }) => seen = newer,
                    decided => return State::Done(Some(self.decided(token, decided))),
                },
            }
        }
    }

    /// The last word on a token.
    fn decided(
        &self,
        token: BearerToken,
        verified: Result<Verified, NotVerified>,
    ) -> Result<AccessToken, VerifyError> {
        match (verified, &self.remote) {
            (Ok(verified), _) => Ok(AccessToken::new(token, Arc::new(verified))),
            (Err(NotVerified::KeyMissing { .. }), Some(remote)) => Err(remote.still_missing()),
            (Err(NotVerified::KeyMissing { .. }), None) => {
                Err(VerifyError::invalid(InvalidReason::UnknownKey))
            }
            (Err(NotVerified::Invalid(reason)), _) => Err(VerifyError::invalid(reason)),
        }
    }

    /// Verifies with the keys that are at hand.
    fn verify_now(&self, token: &BearerToken) -> Result<Verified, NotVerified> {
        let jws = Jws::split(token.as_bytes()).ok_or(InvalidReason::Malformed)?;
        let header = jws.decode_header().ok_or(InvalidReason::Malformed)?;
        let header = Header::parse(&header)?;
        if !self.token_types.allow(header.token_type.as_deref()) {
            return Err(InvalidReason::WrongType.into());
        }
        let seen = self.remote.as_ref().map_or(0, |remote| remote.generation());
        let signer = self.signer(&jws, &header)?;
        let payload = jws.decode_payload().ok_or(InvalidReason::Malformed)?;
        let verified = self.verify_payload(payload, signer.clone())?;
        match signer {
            Some(_) => Ok(verified),
            // A token that fails anyway is refused without any fetch.
            None => Err(NotVerified::KeyMissing { seen }),
        }
    }

    /// The key that made the signature; `None` when it may be one that is not at hand.
    fn signer(
        &self,
        jws: &Jws<'_>,
        header: &Header<'_>,
    ) -> Result<Option<Arc<KeyState>>, InvalidReason> {
        let (algorithm, key_id) = (header.algorithm, header.key_id.as_deref());
        let accepted = self.algorithms.as_ref();
        if accepted.is_some_and(|accepted| !accepted.contains(&algorithm)) {
            return Err(InvalidReason::UnsupportedAlgorithm);
        }
        // Secrets are never fetched.
        let remote = self
            .remote
            .as_ref()
            .filter(|_| algorithm.key_kind() != KeyKind::Secret);
        if remote.is_none() && !self.keys.iter().any(|key| key.allows(algorithm)) {
            return Err(InvalidReason::UnsupportedAlgorithm);
        }

        let mut buffer = [0; MAX_SIGNATURE_LENGTH];
        let signature = jws
            .decode_signature(&mut buffer)
            .ok_or(InvalidReason::Malformed)?;
        let signed = |key: &VerifyingKey| key.verifies(algorithm, jws.signing_input, signature);

        let local = candidates(&self.keys, key_id);
        let found = find_signer(local, algorithm, signed);
        match (found, remote) {
            (Found::Signer(state), _) => Ok(Some(state)),
            (Found::NotTheSigner, None) => Err(InvalidReason::BadSignature),
            (Found::NoKey | Found::Withdrawn, None) => Err(InvalidReason::UnknownKey),
            (_, Some(remote)) => match remote.find(key_id, algorithm, &signed) {
                Found::Signer(state) => Ok(Some(state)),
                Found::NotTheSigner if key_id.is_some() => Err(InvalidReason::BadSignature),
                Found::Withdrawn => Err(InvalidReason::UnknownKey),
                // Without a key ID, it may be a key that was added since.
                Found::NotTheSigner | Found::NoKey => Ok(None),
            },
        }
    }

    fn verify_payload(
        &self,
        payload: String,
        key: Option<Arc<KeyState>>,
    ) -> Result<Verified, InvalidReason> {
        let claims = Claims::parse(&payload)?;
        self.rules
            .check(&claims, &payload, self.clock.since_epoch())?;

        let scopes = self.mapping.scopes(&claims, &payload)?;
        let client_id = self.mapping.client_id(&claims, &payload)?;
        let owned = |text: super::json::Text<'_>| Box::from(text.0);
        Ok(Verified {
            verifier: "jwt".into(),
            subject: claims.sub.0.map(owned),
            client_id,
            issuer: claims.iss.0.map(owned),
            audiences: claims
                .aud
                .0
                .map_or_else(Vec::new, |aud| aud.iter().map(str::to_owned).collect()),
            scopes,
            jwt_id: claims.jti.0.map(owned),
            expires_at: claims.exp.0.map(|date| date.0),
            issued_at: claims.iat.0.map(|date| date.0),
            leeway: self.rules.leeway,
            clock: self.clock.clone(),
            key,
            claims: payload.into(),
        })
    }
}

/// The keys that may have made the signature of a token that names `wanted`: those of that name, then
/// those without one. A token that names none may be signed by any.
fn candidates<'k>(
    keys: &'k [VerifyingKey],
    wanted: Option<&'k str>,
) -> impl Iterator<Item = &'k VerifyingKey> {
    let named = keys.iter().filter(move |key| match wanted {
        Some(_) => key.key_id() == wanted,
        None => true,
    });
    let unnamed = keys
        .iter()
        .filter(move |key| wanted.is_some() && key.key_id().is_none());
    named.chain(unnamed)
}

impl Service<BearerToken> for JwtVerifier {
    type Response = AccessToken;
    type Error = VerifyError;
    type Future = JwtVerifierFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), VerifyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, token: BearerToken) -> JwtVerifierFuture {
        JwtVerifierFuture {
            state: self.inner.verify(token),
        }
    }
}

impl fmt::Debug for JwtVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifier")
            .field("keys", &self.inner.keys)
            .field("rules", &self.inner.rules)
            .finish_non_exhaustive()
    }
}

/// The future of [`JwtVerifier`]: done at once, unless the token's key has to be fetched.
pub struct JwtVerifierFuture {
    state: State,
}

enum State {
    Done(Option<Result<AccessToken, VerifyError>>),
    Waiting(Pin<Box<dyn Future<Output = Result<AccessToken, VerifyError>> + Send>>),
}

impl Future for JwtVerifierFuture {
    type Output = Result<AccessToken, VerifyError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Done(result) => Poll::Ready(result.take().expect("polled after completion")),
            State::Waiting(future) => future.as_mut().poll(cx),
        }
    }
}

impl fmt::Debug for JwtVerifierFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifierFuture").finish_non_exhaustive()
    }
}
