use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_service::Service;

use super::algorithm::{Algorithm, KeyKind};
use super::claims::{Claims, SubjectType};
use super::issuer_watch::{IssuerWatch, differs_only_in_spelling};
use super::jws::{
    BadHeader, Header, Jws, MAX_SIGNATURE_LENGTH, THREE_SEGMENTS, USUAL_HEADER_LENGTH,
};
use super::key::VerifyingKey;
use super::mapping::ClaimMapping;
use super::refusal::{TokenPart, malformed, refusal, undecodable};
use super::remote::{Missing, RemoteKeys};
use super::rules::ClaimRules;
use super::signer::{Found, find_signer};
use super::token_type::TokenTypes;
use crate::access_token::{AccessToken, Verified};
use crate::bearer::BearerToken;
use crate::clock::Clock;
use crate::json::Fault;
use crate::key_state::KeyState;
use crate::telemetry::VERIFICATION;
use crate::verify_error::{InvalidReason, VerifyError};

/// Verifies signed JWT access tokens (RFC 7519, RFC 9068).
///
/// See the [module](crate::verify::jwt) for examples and for all rules. Clones share everything.
#[derive(Clone)]
pub struct JwtVerifier {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) name: Cow<'static, str>,
    /// What tells this verifier's principals from those of others, where no issuer does.
    pub(super) authority: Option<Arc<str>>,
    pub(super) keys: Vec<VerifyingKey>,
    pub(super) remote: Option<Arc<dyn RemoteKeys>>,
    /// `None`: whatever the keys allow.
    pub(super) algorithms: Option<Vec<Algorithm>>,
    pub(super) token_types: TokenTypes,
    pub(super) subject_type: SubjectType,
    pub(super) rules: ClaimRules,
    pub(super) mapping: ClaimMapping,
    pub(super) clock: Clock,
    pub(super) issuer_watch: IssuerWatch,
}

/// How often a token waits for keys to be replaced before it makes do with those there are.
const MAX_DELAYS: u32 = 2;

/// Why a token is not verified at this moment.
enum NotVerified {
    Invalid(InvalidReason),
    /// Everything else about it is in order, but its key is not at hand: not among the keys of this
    /// generation.
    KeyMissing {
        seen: u64,
    },
    /// Everything else about it is in order, and the keys are about to be replaced.
    Later(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// The key that made a signature, as far as one can tell now.
enum Signer {
    Known(Arc<KeyState>),
    Missing,
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
}

impl Inner {
    fn verify(self: &Arc<Self>, token: BearerToken) -> State {
        match self.verify_now(&token, true) {
            Ok(verified) => State::Done(Some(Ok(AccessToken::new(token, verified)))),
            Err(NotVerified::Invalid(reason)) => State::Done(Some(Err(refusal(&token, reason)))),
            Err(later) => State::Waiting(Box::pin(Arc::clone(self).verify_later(token, later))),
        }
    }

    /// Fetches what is missing, or waits for others who do, and looks again.
    async fn verify_later(
        self: Arc<Self>,
        token: BearerToken,
        mut not_verified: NotVerified,
    ) -> Result<AccessToken, VerifyError> {
        let Some(remote) = &self.remote else {
            return Err(VerifyError::invalid(InvalidReason::UnknownKey));
        };
        // Somebody else's fetch may bring nothing because it came too early. One's own is the last word,
        // and so is a second one of others.
        let (mut joined, mut asked) = (false, None);
        let mut delays = 0;
        loop {
            match not_verified {
                NotVerified::Invalid(reason) => return Err(refusal(&token, reason)),
                NotVerified::Later(end) => {
                    end.await;
                    delays += 1;
                }
                NotVerified::KeyMissing { seen } => match remote.missing(seen) {
                    Missing::Changed => {}
                    Missing::Refused(error) => return Err(error),
                    Missing::Wait { end, begun_before } => {
                        end.await;
                        asked = (joined || !begun_before).then_some(seen);
                        joined = true;
                    }
                },
            }
            not_verified = match (self.verify_now(&token, delays < MAX_DELAYS), asked) {
                (Ok(verified), _) => return Ok(AccessToken::new(token, verified)),
                (Err(NotVerified::KeyMissing { .. }), Some(seen)) => {
                    return Err(remote.still_missing(seen));
                }
                (Err(still), _) => still,
            };
        }
    }

    /// Verifies with the keys that are at hand.
    fn verify_now(
        &self,
        token: &BearerToken,
        may_wait: bool,
    ) -> Result<Arc<Verified>, NotVerified> {
        let jws = Jws::split(token.as_bytes())
            .ok_or_else(|| malformed(TokenPart::Token, &Fault::of(THREE_SEGMENTS)))?;
        self.verify_jws(&jws, may_wait)
            .map_err(|error| match error {
                NotVerified::Invalid(reason) => self.settle_reason(token, &jws, reason).into(),
                error => error,
            })
    }

    /// Why a token is refused that is refused for `reason`. Whatever else is wrong with it: with the keys of one
    /// issuer, a token of another one looks forged, and some other verifier may know better.
    fn settle_reason(
        &self,
        token: &BearerToken,
        jws: &Jws<'_>,
        reason: InvalidReason,
    ) -> InvalidReason {
        let payload = jws.decode_payload();
        let claims = payload.as_deref().map(|payload| {
            // Which type another issuer's subjects have is not this verifier's business.
            Claims::parse_with(payload, SubjectType::StringOrInteger)
        });
        let Some(Ok(claims)) = claims else {
            return reason;
        };
        if self.rules.check_issuer(&claims) != Err(InvalidReason::WrongIssuer) {
            return reason;
        }
        if reason != InvalidReason::WrongIssuer {
            self.rules.log_issuer(InvalidReason::WrongIssuer);
        }
        let issuer = claims.iss.get().map_or("", |issuer| &*issuer.0);
        let is_spelling =
            reason == InvalidReason::WrongIssuer && self.warn_of_spelling(jws, issuer);
        if !is_spelling && !token.has_fallback() {
            let configured = || self.rules.issuers.iter().map(String::as_str);
            self.issuer_watch.another(&self.name, configured);
        }
        InvalidReason::WrongIssuer
    }

    /// Whether a token is good but for the spelling of its issuer, which is worth a warning.
    ///
    /// The signature of a token is looked at a second time only here: for a near miss, as long as there was no
    /// warning, and not if it is known to be bad.
    fn warn_of_spelling(&self, jws: &Jws<'_>, issuer: &str) -> bool {
        let mut configured = self.rules.issuers.iter();
        let Some(configured) = configured.find(|name| differs_only_in_spelling(name, issuer))
        else {
            return false;
        };
        if self.issuer_watch.has_warned_of_spelling() {
            return true;
        }
        let mut buffer = [0; USUAL_HEADER_LENGTH];
        let header = jws.decode_header(&mut buffer);
        let Some(Ok(header)) = header.as_deref().map(Header::parse) else {
            return false;
        };
        match self.signer(jws, &header, false) {
            Ok(Signer::Known(_)) => {
                self.issuer_watch.misspelt(&self.name, configured, issuer);
                true
            }
            Ok(Signer::Missing) => {
                // No token with this spelling ever causes a fetch, so that discovery, which would see the
                // difference, never begins. It goes on by itself.
                if let Some(remote) = &self.remote
                    && remote.generation() == 0
                    && self.issuer_watch.is_near_miss_again()
                {
                    drop(remote.missing(0));
                }
                false
            }
            Ok(Signer::Later(_)) | Err(_) => false,
        }
    }

    fn verify_jws(&self, jws: &Jws<'_>, may_wait: bool) -> Result<Arc<Verified>, NotVerified> {
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
        let seen = self.remote.as_ref().map_or(0, |remote| remote.generation());
        let signer = self.signer(jws, &header, may_wait)?;
        let payload = jws.decode_payload();
        let payload = payload.ok_or_else(|| undecodable(TokenPart::Payload))?;
        // A token that fails anyway is refused without any fetch.
        match signer {
            Signer::Known(key) => {
                let verified = self.verify_payload(payload, Some(key))?;
                self.issuer_watch.accepted();
                Ok(verified)
            }
            Signer::Missing => {
                self.verify_payload(payload, None)?;
                Err(NotVerified::KeyMissing { seen })
            }
            Signer::Later(end) => {
                self.verify_payload(payload, None)?;
                Err(NotVerified::Later(end))
            }
        }
    }

    fn signer(
        &self,
        jws: &Jws<'_>,
        header: &Header<'_>,
        may_wait: bool,
    ) -> Result<Signer, InvalidReason> {
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
            .ok_or_else(|| undecodable(TokenPart::Signature))?;
        // What cannot be a signature needs no key to be refused.
        if !algorithm.signature_lengths().contains(&signature.len()) {
            return Err(InvalidReason::BadSignature);
        }
        let signed = |key: &VerifyingKey| key.verifies(algorithm, jws.signing_input, signature);

        let found = match (find_signer(&self.keys, key_id, algorithm, signed), remote) {
            (Found::Signer(state), _) => return Ok(Signer::Known(state)),
            (Found::NoKey, None) => return Err(InvalidReason::UnknownKey),
            (_, None) => return Err(InvalidReason::BadSignature),
            (_, Some(remote)) => remote.find(key_id, algorithm, &signed, may_wait),
        };
        match found {
            Found::Signer(state) => Ok(Signer::Known(state)),
            Found::NotTheSigner => Err(InvalidReason::BadSignature),
            // It may be a key that was added since.
            Found::NoKey | Found::NotAnUnnamedSigner => Ok(Signer::Missing),
            Found::Later(end) => Ok(Signer::Later(end)),
        }
    }

    fn verify_payload(
        &self,
        payload: String,
        key: Option<Arc<KeyState>>,
    ) -> Result<Arc<Verified>, InvalidReason> {
        let claims = Claims::parse_with(&payload, self.subject_type)
            .map_err(|fault| malformed(TokenPart::Payload, &fault))?;
        self.rules
            .check(&claims, &payload, self.clock.since_epoch())?;

        let mut verified = Verified {
            verifier: self.name.clone(),
            authority: self.authority.clone(),
            leeway: self.rules.leeway,
            clock: self.clock.clone(),
            key,
            ..Verified::default()
        };
        self.mapping.fill(&mut verified, &claims, &payload)?;
        verified.claims = payload;
        Ok(Arc::new(verified))
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

#[cfg(test)]
mod tests;
