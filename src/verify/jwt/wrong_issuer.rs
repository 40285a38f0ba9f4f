//! Refused tokens whose issuer is not a configured one, or differs from one in its spelling only.

use super::inner::Inner;
use super::jws::{Header, Jws, USUAL_HEADER_LENGTH, USUAL_PAYLOAD_LENGTH, USUAL_SIGNATURE_LENGTH};
use super::signature::Signer;
use crate::credentials::BearerToken;
use crate::issuer_spelling::differs_only_in_spelling;
use crate::verify::claims::registered::{Claims, SubjectType};
use crate::verify::claims::rules::ClaimFault;
use crate::verify_error::InvalidReason;

impl Inner {
    /// The reason of a refusal: `WrongIssuer` if the token names another issuer, or else `reason`.
    ///
    /// The issuer takes precedence over other faults: with the keys of one issuer, a token of another one looks
    /// forged, and another verifier may accept it.
    pub(super) fn settle_reason(
        &self,
        token: &BearerToken,
        jws: &Jws<'_>,
        reason: InvalidReason,
    ) -> InvalidReason {
        // The audience is checked after the issuer, so a token with the wrong audience has an accepted issuer.
        if reason == InvalidReason::WrongAudience || self.claims.rules.issuers.is_empty() {
            return reason;
        }
        let mut buffer = [0; USUAL_PAYLOAD_LENGTH];
        let payload = jws.decode_payload_into(&mut buffer);
        let mut claims = Claims::default();
        // The subject type is configured for this verifier's issuers, not for others.
        let are_read = payload
            .as_deref()
            .is_some_and(|payload| claims.fill(payload, SubjectType::StringOrInteger).is_ok());
        if !are_read {
            return reason;
        }
        if self.claims.rules.check_issuer(&claims) != Err(ClaimFault::AnotherIssuer) {
            return reason;
        }
        if reason != InvalidReason::WrongIssuer {
            self.claims.rules.log(ClaimFault::AnotherIssuer);
        }
        let issuer = claims.iss.get().map_or("", |issuer| &*issuer.0);
        let is_spelling =
            reason == InvalidReason::WrongIssuer && self.warn_of_spelling(jws, issuer);
        if !is_spelling && !token.has_fallback() {
            let configured = || self.claims.rules.issuers.iter().map(String::as_str);
            self.issuer_watch.another(&self.claims.verifier, configured);
        }
        InvalidReason::WrongIssuer
    }

    /// Whether only the spelling of its issuer makes a token invalid. Emits a warning if so.
    ///
    /// This is the only place where the signature of a token is checked a second time: for a near miss, until the
    /// warning was emitted, and not if the signature is known to be bad.
    fn warn_of_spelling(&self, jws: &Jws<'_>, issuer: &str) -> bool {
        let mut configured = self.claims.rules.issuers.iter();
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
        let mut buffer = [0; USUAL_SIGNATURE_LENGTH];
        let Ok((candidate, remote)) = self.candidate(jws, &header, &mut buffer) else {
            return false;
        };
        match self.signer(&candidate, remote, false) {
            Ok(Signer::Known(_)) => {
                self.issuer_watch
                    .misspelt(&self.claims.verifier, configured, issuer);
                true
            }
            Ok(Signer::Missing(_)) => {
                // No token with this spelling causes a fetch, so discovery, which would detect the difference,
                // would never start. The fetch continues after its future is dropped.
                if let Some(remote) = remote
                    && remote.generation() == 0
                    && self.issuer_watch.is_near_miss_again()
                {
                    drop(remote.missing(0, None));
                }
                false
            }
            Ok(Signer::Later(_)) | Err(_) => false,
        }
    }
}
