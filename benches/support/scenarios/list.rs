//! The list of scenarios, each with its limit.

use http::Method;
use tower_bearer_auth::Algorithm;

use super::accepted::{
    by_issuer, cached, cached_behind_dpop, dpop, guarded, introspected, jwt, static_token,
};
use super::call::Call;
use super::limits::{bare, bare_proof, no_header, no_layer, sha256};
use super::refused::{
    another_issuer, bad_signature, expired, refused, six_segments, too_little_scope, two_headers,
    unavailable, unknown_key, unknown_static_token, unsupported_algorithm,
};
use super::revocable::{cached_revocable, new_tokens};
use super::tools::{parse, tool_scopes};
use crate::support::Sample;

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// The scenario with the minimum possible cost.
    pub(crate) limit: &'static str,
    pub(crate) prepare: fn() -> Call,
}

const fn scenario(name: &'static str, limit: &'static str, prepare: fn() -> Call) -> Scenario {
    Scenario {
        name,
        limit,
        prepare,
    }
}

const NO_LAYER: &str = "no layer";
const NO_HEADER: &str = "no layer, no header";
const SHA256: &str = "SHA-256 of the token";
const BARE_PROOF: &str = "bare ES256 of a proof";
const NEW_TOKENS: &str = "new tokens";

pub(crate) const ALL: &[Scenario] = &[
    scenario(NO_LAYER, NO_LAYER, no_layer),
    scenario(NO_HEADER, NO_HEADER, no_header),
    scenario(SHA256, SHA256, || {
        sha256(Sample::of(Algorithm::RS256).token)
    }),
    // Valid tokens.
    scenario("bare HS256", "bare HS256", || bare(Algorithm::HS256)),
    scenario("HS256", "bare HS256", || jwt(Algorithm::HS256)),
    scenario("bare RS256", "bare RS256", || bare(Algorithm::RS256)),
    scenario("RS256", "bare RS256", || jwt(Algorithm::RS256)),
    scenario("bare ES256", "bare ES256", || bare(Algorithm::ES256)),
    scenario("ES256", "bare ES256", || jwt(Algorithm::ES256)),
    scenario("bare EdDSA", "bare EdDSA", || bare(Algorithm::EdDSA)),
    scenario("EdDSA", "bare EdDSA", || jwt(Algorithm::EdDSA)),
    scenario("RS256, cached", NO_LAYER, || cached(Method::GET)),
    scenario("RS256, cached, POST", NO_LAYER, || cached(Method::POST)),
    scenario("RS256, cached, two scope guards", NO_LAYER, guarded),
    // Through a layer that checks proofs (RFC 9449).
    scenario("RS256, cached, behind DPoP", NO_LAYER, cached_behind_dpop),
    scenario(BARE_PROOF, BARE_PROOF, bare_proof),
    scenario("DPoP, ES256", BARE_PROOF, dpop),
    // With revocations of others.
    scenario("RS256, cached, nothing revoked", "RS256, cached", || {
        cached_revocable(0)
    }),
    scenario("RS256, cached, 1 000 000 revoked", "RS256, cached", || {
        cached_revocable(1_000_000)
    }),
    scenario(NEW_TOKENS, NEW_TOKENS, || new_tokens(None)),
    scenario("new tokens, 1 000 000 revoked", NEW_TOKENS, || {
        new_tokens(Some(1_000_000))
    }),
    scenario("introspected, cached", NO_LAYER, introspected),
    scenario("static token", SHA256, static_token),
    scenario("RS256, 1 issuer", "bare RS256", || by_issuer(1)),
    scenario("RS256, 100 issuers", "bare RS256", || by_issuer(100)),
    scenario("RS256, 1 000 issuers", "bare RS256", || by_issuer(1_000)),
    // Refusals.
    scenario("no token", NO_HEADER, || refused(None, 401)),
    scenario("another scheme", NO_LAYER, || {
        refused(Some("Basic dXNlcjpwYXNz".into()), 401)
    }),
    scenario("two Authorization headers", NO_LAYER, two_headers),
    scenario("illegal characters", NO_LAYER, || {
        refused(Some("Bearer a b".into()), 401)
    }),
    scenario("too long", NO_LAYER, || {
        refused(Some(format!("Bearer {}", "a".repeat(17_000))), 401)
    }),
    scenario("no JWT", NO_LAYER, || {
        refused(Some("Bearer mF_9.B5f-4.1JqM".into()), 401)
    }),
    scenario("six segments", NO_LAYER, six_segments),
    scenario("unsupported algorithm", NO_LAYER, unsupported_algorithm),
    scenario("unknown key", NO_LAYER, unknown_key),
    scenario("unknown static token", SHA256, unknown_static_token),
    scenario("bad signature", "bare RS256", bad_signature),
    scenario("expired", "bare RS256", expired),
    scenario("another issuer", "bare RS256", another_issuer),
    scenario("too little scope", NO_LAYER, too_little_scope),
    scenario("verifier unavailable", NO_LAYER, unavailable),
    // The tool guard, which reads bodies, behind a static token. Reading the same body with serde_json is no limit for
    // it: the guard has a reader of its own.
    scenario("parse 1 KiB", "parse 1 KiB", || parse(1 << 10)),
    scenario("parse 100 KiB", "parse 100 KiB", || parse(100 << 10)),
    scenario("tool guard, 1 KiB", NO_LAYER, || tool_scopes(1 << 10)),
    scenario("tool guard, 100 KiB", NO_LAYER, || tool_scopes(100 << 10)),
];

pub(crate) fn named(name: &str) -> &'static Scenario {
    let found = ALL.iter().find(|scenario| scenario.name == name);
    found.unwrap_or_else(|| panic!("no scenario is called {name:?}"))
}
