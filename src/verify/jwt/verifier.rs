use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_service::Service;

use super::inner::Inner;
use super::jws::{
    BadHeader, Header, Jws, THREE_SEGMENTS, USUAL_HEADER_LENGTH, USUAL_SIGNATURE_LENGTH,
};
use super::key_wait::{KeyWait, NoSigner};
use super::payload::{Payload, ReadPayload};
use super::refusal::{TokenPart, malformed, refusal, undecodable};
#[cfg(feature = "jwks")]
use super::remote::RemoteKeys;
use super::signature::Signer;
use crate::access_token::{AccessToken, Verified};
use crate::credentials::BearerToken;
use crate::json::Fault;
use crate::key_state::KeyState;
use crate::telemetry::VERIFICATION;
use crate::verify::claims::registered::Claims;
use crate::verify::keys::signer::DEFAULT_KEY_ATTEMPTS;
use crate::verify_error::{InvalidReason, VerifyError};

/// Verifies signed JWT access tokens (RFC 7519, RFC 9068).
///
/// Use an `IntrospectionVerifier` instead if the tokens are opaque. See the [module](crate::verify::jwt) for examples and
/// for all rules. Clones share everything.
#[derive(Clone)]
pub struct JwtVerifier {
    pub(super) inner: Arc<Inner>,
}

/// How often a token waits for the keys to be replaced. After that it is verified with the current keys.
const MAX_DELAYS: u32 = 2;

/// Why a token was not verified.
enum NotVerified {
    Invalid(InvalidReason),
    /// Its claims are valid, but none of the current keys made its signature.
    NoSigner(NoSigner),
    /// Its claims are valid, and the keys are about to be replaced. Retry after this future.
    Later(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl From<InvalidReason> for NotVerified {
    fn from(reason: InvalidReason) -> Self {
        Self::Invalid(reason)
    }
}

impl JwtVerifier {
    pub(super) fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The fetched keys, if the verifier has any.
    #[cfg(feature = "jwks")]
    pub(crate) fn remote_keys(&self) -> Option<&dyn RemoteKeys> {
        self.inner.remote.as_deref()
    }
}

impl JwtVerifier {
    /// Verifies a token: the call of the service, which is always ready.
    pub(crate) fn verify(&self, token: BearerToken) -> JwtVerifierFuture {
        self.inner.verify(token, None)
    }

    /// Verifies a token whose payload was read already.
    pub(crate) fn verify_read(
        &self,
        token: BearerToken,
        payload: &mut ReadPayload<'_>,
    ) -> JwtVerifierFuture {
        self.inner.verify(token, Some(payload))
    }
}

impl Inner {
    /// Verifies a token, whose payload may have been read already.
    pub(super) fn verify(
        self: &Arc<Self>,
        token: BearerToken,
        payload: Option<&mut ReadPayload<'_>>,
    ) -> JwtVerifierFuture {
        JwtVerifierFuture {
            state: self.begin(token, payload),
        }
    }

    fn begin(
        self: &Arc<Self>,
        token: BearerToken,
        payload: Option<&mut ReadPayload<'_>>,
    ) -> VerificationState {
        match self.verify_now(&token, payload, true) {
            Ok(verified) => VerificationState::Done(Some(Ok(AccessToken::new(token, verified)))),
            Err(NotVerified::Invalid(reason)) => {
                VerificationState::Done(Some(Err(refusal(&token, reason))))
            }
            Err(later @ (NotVerified::NoSigner(_) | NotVerified::Later(_))) => {
                VerificationState::Waiting(Box::pin(Arc::clone(self).verify_later(token, later)))
            }
        }
    }

    /// Verifies the token again after each fetch of keys that it starts or joins.
    async fn verify_later(
        self: Arc<Self>,
        token: BearerToken,
        mut not_verified: NotVerified,
    ) -> Result<AccessToken, VerifyError> {
        let Some(remote) = &self.remote else {
            return Err(VerifyError::invalid(InvalidReason::UnknownKey));
        };
        let mut wait = KeyWait::new(&**remote);
        let mut delays = 0;
        loop {
            match not_verified {
                NotVerified::Invalid(reason) => return Err(refusal(&token, reason)),
                NotVerified::Later(end) => {
                    end.await;
                    delays += 1;
                }
                NotVerified::NoSigner(no_signer) => wait.wait(no_signer).await?,
            }
            not_verified = match self.verify_now(&token, None, delays < MAX_DELAYS) {
                Ok(verified) => return Ok(AccessToken::new(token, verified)),
                Err(still) => still,
            };
        }
    }

    /// Verifies with the current keys.
    fn verify_now(
        &self,
        token: &BearerToken,
        payload: Option<&mut ReadPayload<'_>>,
        may_wait: bool,
    ) -> Result<Arc<Verified>, NotVerified> {
        let jws = Jws::split(token.as_bytes())
            .ok_or_else(|| malformed(TokenPart::Token, &Fault::of(THREE_SEGMENTS)))?;
        let possession_is_checked = token.possession_is_checked();
        let payload = payload.map_or(Payload::Encoded(&jws), Payload::Read);
        self.verify_jws(&jws, payload, possession_is_checked, may_wait)
            .map_err(|error| match error {
                NotVerified::Invalid(reason) => self.settle_reason(token, &jws, reason).into(),
                NotVerified::NoSigner(_) | NotVerified::Later(_) => error,
            })
    }

    fn verify_jws<'r>(
        &self,
        jws: &'r Jws<'r>,
        mut payload: Payload<'r, '_>,
        possession_is_checked: bool,
        may_wait: bool,
    ) -> Result<Arc<Verified>, NotVerified> {
        let mut buffer = [0; USUAL_HEADER_LENGTH];
        let header = jws.decode_header(&mut buffer);
        let header = header.ok_or_else(|| undecodable(TokenPart::Header))?;
        let header = Header::parse(&header).map_err(|refusal| match refusal {
            BadHeader::Malformed(fault) => malformed(TokenPart::Header, &fault),
            BadHeader::UnsupportedAlgorithm => InvalidReason::UnsupportedAlgorithm,
        })?;
        if !self.token_types.allow(header.token_type.as_deref()) {
            let expected = &self.token_types;
            tracing::debug!(target: VERIFICATION, %expected, "the header names another type of token");
            return Err(InvalidReason::WrongType.into());
        }
        let mut buffer = [0; USUAL_SIGNATURE_LENGTH];
        let (candidate, remote) = self.candidate(jws, &header, &mut buffer)?;
        let mut verify_payload = |key| {
            // Claims that were read before are taken, so they can be used only once.
            let payload = mem::replace(&mut payload, Payload::Encoded(jws));
            self.verify_payload(payload, key, possession_is_checked)
        };
        if self.key_attempts > DEFAULT_KEY_ATTEMPTS {
            // Many keys may be tried. Checking the claims twice costs less than one signature check.
            verify_payload(None)?;
        }
        let seen = self.remote.as_ref().map_or(0, |remote| remote.generation());
        // A token with invalid claims is refused without a fetch.
        match self.signer(&candidate, remote, may_wait)? {
            Signer::Known(key) => {
                let verified = verify_payload(Some(key))?;
                self.issuer_watch.accepted();
                Ok(verified)
            }
            Signer::Missing(mismatch) => {
                let issued_at = match verify_payload(None) {
                    Ok(verified) => verified.issued_at,
                    Err(reason) => return Err(mismatch.with_bad_claims(reason).into()),
                };
                let leeway = self.claims.rules.leeway;
                Err(NotVerified::NoSigner(NoSigner {
                    seen,
                    issued_by: issued_at.map(|issued_at| issued_at.saturating_add(leeway)),
                    mismatch,
                }))
            }
            Signer::Later(end) => {
                verify_payload(None)?;
                Err(NotVerified::Later(end))
            }
        }
    }

    fn verify_payload(
        &self,
        payload: Payload<'_, '_>,
        key: Option<Arc<KeyState>>,
        possession_is_checked: bool,
    ) -> Result<Arc<Verified>, InvalidReason> {
        let is_malformed = |fault| malformed(TokenPart::Payload, &fault);
        let mut verified = Verified {
            key,
            ..Verified::default()
        };
        match payload {
            Payload::Encoded(jws) => {
                let text = jws.decode_payload();
                let text = text.ok_or_else(|| undecodable(TokenPart::Payload))?;
                let mut claims = Claims::default();
                let read = self.claims.read(&mut claims, &text);
                read.map_err(is_malformed)?;
                self.verify_claims(&mut verified, &mut claims, &text, possession_is_checked)?;
                verified.claims = text;
            }
            Payload::Read(ReadPayload { text, claims }) => {
                self.claims.settle(claims, text).map_err(is_malformed)?;
                self.verify_claims(&mut verified, claims, text, possession_is_checked)?;
                verified.claims = (*text).to_owned();
            }
        }
        Ok(Arc::new(verified))
    }

    /// Checks the claims, and fills `verified` except for the claims set itself.
    fn verify_claims(
        &self,
        verified: &mut Verified,
        claims: &mut Claims<'_>,
        payload: &str,
        possession_is_checked: bool,
    ) -> Result<(), InvalidReason> {
        self.claims.check(claims, payload, possession_is_checked)?;
        self.claims.fill(verified, claims, payload)
    }
}

impl Service<BearerToken> for JwtVerifier {
    type Response = AccessToken;
    type Error = VerifyError;
    type Future = JwtVerifierFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), VerifyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, token: BearerToken) -> JwtVerifierFuture {
        self.verify(token)
    }
}

impl fmt::Debug for JwtVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifier")
            .field("keys", &self.inner.keys)
            .field("rules", &self.inner.claims.rules)
            .finish_non_exhaustive()
    }
}

/// The future of [`JwtVerifier`]. It is ready at once, unless the token's key has to be fetched.
pub struct JwtVerifierFuture {
    state: VerificationState,
}

enum VerificationState {
    Done(Option<Result<AccessToken, VerifyError>>),
    Waiting(Pin<Box<dyn Future<Output = Result<AccessToken, VerifyError>> + Send>>),
}

impl Future for JwtVerifierFuture {
    type Output = Result<AccessToken, VerifyError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            VerificationState::Done(result) => {
                Poll::Ready(result.take().expect("polled after completion"))
            }
            VerificationState::Waiting(future) => future.as_mut().poll(cx),
        }
    }
}

impl fmt::Debug for JwtVerifierFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifierFuture").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
