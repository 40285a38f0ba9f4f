//! Refused tokens whose issuer is another one than those configured, or one of them misspelt.

use super::claims::{Claims, SubjectType};
use super::jws::{Header, Jws, MAX_SIGNATURE_LENGTH, USUAL_HEADER_LENGTH, USUAL_PAYLOAD_LENGTH};
use super::verifier::{Inner, Signer};
use crate::bearer::BearerToken;
use crate::issuer_spelling::differs_only_in_spelling;
use crate::verify_error::InvalidReason;

impl Inner {
    /// Why a token is refused that is refused for `reason`. Whatever else is wrong with it: with the keys of one
    /// issuer, a token of another one looks forged, and some other verifier may know better.
    pub(super) fn settle_reason(
        &self,
        token: &BearerToken,
        jws: &Jws<'_>,
        reason: InvalidReason,
    ) -> InvalidReason {
        // The audience is checked after the issuer, so the issuer is an accepted one.
        if reason == InvalidReason::WrongAudience || self.rules.issuers.is_empty() {
            return reason;
        }
        let mut buffer = [0; USUAL_PAYLOAD_LENGTH];
        let payload = jws.decode_payload_into(&mut buffer);
        let mut claims = Claims::default();
        // Which type another issuer's subjects have is not this verifier's business.
        let are_read = payload
            .as_deref()
            .is_some_and(|payload| claims.fill(payload, SubjectType::StringOrInteger).is_ok());
        if !are_read {
            return reason;
        }
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
        let mut buffer = [0; MAX_SIGNATURE_LENGTH];
        let Ok((candidate, remote)) = self.candidate(jws, &header, &mut buffer) else {
            return false;
        };
        match self.signer(&candidate, remote, false) {
            Ok(Signer::Known(_)) => {
                self.issuer_watch.misspelt(&self.name, configured, issuer);
                true
            }
            Ok(Signer::Missing(_)) => {
                // No token with this spelling ever causes a fetch, so that discovery, which would see the
                // difference, never begins. It goes on by itself.
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
