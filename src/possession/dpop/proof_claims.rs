//! The claims of a proof (RFC 9449 §4.2), and whether they match the request.

use std::borrow::Cow;
use std::time::Duration;

use serde::de::MapAccess;

use super::htu::Target;
use super::proof_key::digest_text;
use super::proof_refusal::{ProofPart, ProofRefusal};
use crate::credentials::BearerToken;
use crate::json::{Fault, Member, NumericDate, Object, Text, parse_object};
use crate::sha256::sha256;
use crate::verify_error::InvalidProofReason;

/// The claims of a proof that are used. A member that is `null` counts as absent.
#[derive(Default)]
pub(super) struct ProofClaims<'a> {
    jti: Member<Text<'a>>,
    htm: Member<Text<'a>>,
    htu: Member<Text<'a>>,
    ath: Member<Text<'a>>,
    iat: Member<NumericDate>,
    exp: Member<NumericDate>,
    nbf: Member<NumericDate>,
    nonce: Member<Text<'a>>,
}

/// The request and the token that a proof must match.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) method: &'a str,
    pub(super) target: Target<'a>,
    pub(super) token: &'a BearerToken,
    /// The thumbprint of the key that the token is bound to (`jkt`).
    pub(super) thumbprint: &'a str,
    /// How far `iat` may be from `now`, in both directions.
    pub(super) window: Duration,
    /// The time since 1970.
    pub(super) now: Duration,
}

/// The claims of a proof that match the request.
#[derive(Debug)]
pub(super) struct CheckedClaims<'c> {
    pub(super) jti: &'c str,
    /// The normalized `htu`.
    pub(super) url: Cow<'c, str>,
    /// The time since 1970 at which the proof is no longer accepted.
    pub(super) ends_at: Duration,
    pub(super) nonce: Option<&'c str>,
}

impl<'de> Object<'de> for ProofClaims<'de> {
    const MEMBERS: &'static [&'static str] =
        &["jti", "htm", "htu", "ath", "iat", "exp", "nbf", "nonce"];

    fn read<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<bool, A::Error> {
        match name {
            "jti" => self.jti.read(members),
            "htm" => self.htm.read(members),
            "htu" => self.htu.read(members),
            "ath" => self.ath.read(members),
            "iat" => self.iat.read(members),
            "exp" => self.exp.read(members),
            "nbf" => self.nbf.read(members),
            "nonce" => self.nonce.read(members),
            _ => Ok(false),
        }
    }
}

impl<'a> ProofClaims<'a> {
    pub(super) fn parse(json: &'a str) -> Result<Self, ProofRefusal> {
        parse_object(json).map_err(malformed)
    }

    pub(super) fn check(&self, expected: &Expected<'_>) -> Result<CheckedClaims<'_>, ProofRefusal> {
        // The form first, so that the reason of a refusal does not depend on the request.
        let jti = text(&self.jti, "jti")?;
        if jti.is_empty() {
            return Err(malformed(Fault::in_member("jti", "it is empty")));
        }
        let [htm, htu, ath] = [
            text(&self.htm, "htm")?,
            text(&self.htu, "htu")?,
            text(&self.ath, "ath")?,
        ];
        let iat = required(&self.iat, "iat")?.0;

        if htm != expected.method {
            let rule = "it is not the method of the request";
            return Err(ProofRefusal::in_claim(OTHER_REQUEST, "htm", rule));
        }
        let url = expected.target.normalized(htu);
        let url = url.ok_or_else(|| {
            let rule = "it is not the URL of the request";
            ProofRefusal::in_claim(OTHER_REQUEST, "htu", rule)
        })?;
        if ath.as_bytes() != digest_text(&sha256(expected.token.as_bytes())) {
            let rule = "it is not the digest of the access token";
            let reason = InvalidProofReason::OtherToken;
            return Err(ProofRefusal::in_claim(reason, "ath", rule));
        }
        Ok(CheckedClaims {
            jti,
            url,
            ends_at: self.ends_at(iat, expected)?,
            nonce: self.nonce.get().map(|nonce| &*nonce.0),
        })
    }

    /// The time at which the proof is no longer accepted, which is in the future.
    fn ends_at(&self, iat: Duration, expected: &Expected<'_>) -> Result<Duration, ProofRefusal> {
        let Expected { now, window, .. } = *expected;
        let stale = |claim, rule| {
            let reason = InvalidProofReason::Stale;
            Err(ProofRefusal::in_claim(reason, claim, rule))
        };
        if iat > now.saturating_add(window) {
            return stale("iat", "it is too far in the future");
        }
        let window_end = iat.saturating_add(window);
        if window_end <= now {
            return stale("iat", "it is too long ago");
        }
        // `nbf` comes from the client's clock, which may be ahead by as much as for `iat`.
        let horizon = now.saturating_add(window);
        if self.nbf.get().is_some_and(|nbf| nbf.0 > horizon) {
            return stale("nbf", "it is too far in the future");
        }
        match self.exp.get() {
            Some(exp) if exp.0 <= now => stale("exp", "it is in the past"),
            Some(exp) => Ok(window_end.min(exp.0)),
            None => Ok(window_end),
        }
    }
}

const OTHER_REQUEST: InvalidProofReason = InvalidProofReason::OtherRequest;

fn malformed(fault: Fault) -> ProofRefusal {
    ProofRefusal::malformed(ProofPart::Payload, fault)
}

fn required<'m, T>(member: &'m Member<T>, name: &'static str) -> Result<&'m T, ProofRefusal> {
    let value = member.get();
    value.ok_or_else(|| malformed(Fault::in_member(name, "it is missing")))
}

fn text<'m>(member: &'m Member<Text<'_>>, name: &'static str) -> Result<&'m str, ProofRefusal> {
    required(member, name).map(|text| &*text.0)
}
