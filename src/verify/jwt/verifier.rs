use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_service::Service;

use super::algorithm::Algorithm;
use super::builder::JwtVerifierBuilder;
use super::claims::Claims;
use super::jws::{Header, Jws, MAX_SIGNATURE_LENGTH};
use super::key::VerifyingKey;
use super::mapping::ClaimMapping;
use super::rules::ClaimRules;
use super::token_type::TokenTypes;
use crate::access_token::{AccessToken, Verified};
use crate::bearer::BearerToken;
use crate::clock::Clock;
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
    /// `None`: whatever the keys allow.
    pub(super) algorithms: Option<Vec<Algorithm>>,
    pub(super) token_types: TokenTypes,
    pub(super) rules: ClaimRules,
    pub(super) mapping: ClaimMapping,
    pub(super) clock: Clock,
}

/// How many keys are tried for one token, where its `kid` does not tell them apart.
const MAX_CANDIDATES: usize = 4;

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
    fn verify(&self, token: BearerToken) -> Result<AccessToken, VerifyError> {
        let verified = self.verify_jws(token.as_bytes());
        let verified = verified.map_err(VerifyError::invalid)?;
        Ok(AccessToken::new(token, Arc::new(verified)))
    }

    fn verify_jws(&self, token: &[u8]) -> Result<Verified, InvalidReason> {
        let jws = Jws::split(token).ok_or(InvalidReason::Malformed)?;
        let header = jws.decode_header().ok_or(InvalidReason::Malformed)?;
        let header = Header::parse(&header)?;
        if !self.token_types.allow(header.token_type.as_deref()) {
            return Err(InvalidReason::WrongType);
        }
        self.verify_signature(&jws, &header)?;
        self.verify_payload(jws.decode_payload().ok_or(InvalidReason::Malformed)?)
    }

    fn verify_signature(&self, jws: &Jws<'_>, header: &Header<'_>) -> Result<(), InvalidReason> {
        let algorithm = header.algorithm;
        let accepted = self.algorithms.as_ref();
        if accepted.is_some_and(|accepted| !accepted.contains(&algorithm)) {
            return Err(InvalidReason::UnsupportedAlgorithm);
        }
        let mut suitable = self
            .keys
            .iter()
            .filter(|key| key.allows(algorithm))
            .peekable();
        if suitable.peek().is_none() {
            return Err(InvalidReason::UnsupportedAlgorithm);
        }
        let mut candidates = suitable
            .filter(|key| may_be(key, header.key_id.as_deref()))
            .take(MAX_CANDIDATES)
            .peekable();
        if candidates.peek().is_none() {
            return Err(InvalidReason::UnknownKey);
        }
        let mut buffer = [0; MAX_SIGNATURE_LENGTH];
        let signature = jws
            .decode_signature(&mut buffer)
            .ok_or(InvalidReason::Malformed)?;
        match candidates.any(|key| key.verifies(algorithm, jws.signing_input, signature)) {
            true => Ok(()),
            false => Err(InvalidReason::BadSignature),
        }
    }

    fn verify_payload(&self, payload: String) -> Result<Verified, InvalidReason> {
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
            claims: payload.into(),
        })
    }
}

/// Whether a token that names `wanted` may be signed by this key. Where one of the two has no key
/// ID there is nothing to compare.
fn may_be(key: &VerifyingKey, wanted: Option<&str>) -> bool {
    match (key.key_id(), wanted) {
        (Some(key_id), Some(wanted)) => key_id == wanted,
        _ => true,
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
            result: std::future::ready(self.inner.verify(token)),
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

/// The future of [`JwtVerifier`].
#[derive(Debug)]
pub struct JwtVerifierFuture {
    result: std::future::Ready<Result<AccessToken, VerifyError>>,
}

impl Future for JwtVerifierFuture {
    type Output = Result<AccessToken, VerifyError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.result).poll(cx)
    }
}
