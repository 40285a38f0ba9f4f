//! The header of the token, and which keys it leads to.

use super::advice;
use super::explanation::{CheckOutcome, ExplainedCheck, KEYS, Part, SIGNATURE};
use super::keys;
use super::words::{counted, listed, quoted, safe};
use crate::claim_lookup;
use crate::json::{Fault, Text, written_members};
use crate::verify::jwt::inner::Inner;
use crate::verify::jwt::jws::{
    BadHeader, Header, Jws, USUAL_HEADER_LENGTH, USUAL_SIGNATURE_LENGTH,
};
use crate::verify::jwt::signature::{BadAlgorithm, BadSignature, Candidate};
use crate::verify::keys::Algorithm;
use crate::verify_error::{InvalidReason, VerifyError};

const HEADER: &str = "header";
const ALG: &str = "alg";
const KID: &str = "kid";
const TYP: &str = "typ";
const ALGORITHM: &str = "algorithm";

/// Members that name or contain a key, and are not read.
const UNREAD: [&str; 4] = ["jwk", "jku", "x5u", "x5c"];

/// The checks of the header and the signature. `refusal` is the verdict, if the token is not accepted.
pub(super) fn explain(
    inner: &Inner,
    jws: &Jws<'_>,
    refusal: Option<&VerifyError>,
    checks: &mut Vec<ExplainedCheck>,
) {
    let mut buffer = [0; USUAL_HEADER_LENGTH];
    let check = ExplainedCheck::new(Part::Header, HEADER);
    let Some(json) = jws.decode_header(&mut buffer) else {
        let check = check
            .failed(InvalidReason::Malformed)
            .want("JSON in base64url without padding")
            .got("something else")
            .advise(advice::ENCODING);
        checks.push(check);
        return unreachable_after_header(&[ALG, KID, TYP, ALGORITHM], checks);
    };
    match Header::parse(&json) {
        Ok(header) => {
            checks.push(readable(check, &json));
            let name = header.algorithm.as_str();
            checks.push(ExplainedCheck::new(Part::Header, ALG).got(quoted(name)));
            checks.push(key_id(header.key_id.as_deref()));
            checks.push(token_type(inner, header.token_type.as_deref()));
            explain_signature(inner, jws, &header, refusal, checks);
        }
        Err(BadHeader::Malformed(fault)) => {
            checks.push(malformed(check, &fault));
            unreachable_after_header(&[ALG, KID, TYP, ALGORITHM], checks);
        }
        Err(BadHeader::UnsupportedAlgorithm) => {
            checks.push(readable(check, &json));
            let name = text_of(&json, ALG).unwrap_or_default();
            let supported: Vec<_> = Algorithm::ALL.iter().map(|a| a.as_str()).collect();
            checks.push(
                ExplainedCheck::new(Part::Header, ALG)
                    .failed(InvalidReason::UnsupportedAlgorithm)
                    .want(format!("one of {}", supported.join(", ")))
                    .got(quoted(&name))
                    .advise(advice::unknown_algorithm(&name)),
            );
            checks.push(key_id(text_of(&json, KID).as_deref()));
            checks.push(token_type(inner, text_of(&json, TYP).as_deref()));
            unreachable_after_header(&[ALGORITHM], checks);
        }
    }
}

/// A member of a header whose members are known to be texts.
fn text_of(json: &str, name: &str) -> Option<String> {
    let text = claim_lookup::find_value::<Text<'_>>(json, name).ok()??;
    Some(text.0.into_owned())
}

fn unreachable_after_header(names: &[&'static str], checks: &mut Vec<ExplainedCheck>) {
    let header = names
        .iter()
        .map(|name| ExplainedCheck::not_reached(Part::Header, name));
    let signature =
        [KEYS, SIGNATURE].map(|name| ExplainedCheck::not_reached(Part::Signature, name));
    checks.extend(header.chain(signature));
}

fn readable(check: ExplainedCheck, json: &str) -> ExplainedCheck {
    let members: Vec<_> = written_members(json).map(|m| m.name).collect();
    let names = listed(members.iter().map(|name| &**name), safe);
    let check = check.got(format!("JSON with {names}"));
    match members.iter().find(|name| UNREAD.contains(&&***name)) {
        None => check,
        Some(_) => check
            .outcome_is(CheckOutcome::Noted)
            .advise("jwk, jku, x5u and x5c are never read: a token must not choose the key that verifies it."),
    }
}

fn malformed(check: ExplainedCheck, fault: &Fault) -> ExplainedCheck {
    let found = match fault.member() {
        Some(member) => format!("{member}: {}", fault.rule()),
        None => fault.rule().to_owned(),
    };
    check
        .failed(InvalidReason::Malformed)
        .want("a JSON object with alg, each member once, without crit, b64, zip and enc")
        .got(found)
        .advise(advice::bad_header(fault.member()))
}

/// The `kid` is compared with those of the keys later.
fn key_id(found: Option<&str>) -> ExplainedCheck {
    ExplainedCheck::new(Part::Header, KID).got(found.map_or_else(|| "none".to_owned(), quoted))
}

fn token_type(inner: &Inner, found: Option<&str>) -> ExplainedCheck {
    let check = ExplainedCheck::new(Part::Header, TYP)
        .want(format!("one of {}", inner.token_types))
        .got(found.map_or_else(|| "none".to_owned(), quoted));
    match inner.token_types.allow(found) {
        true => check,
        false => check
            .failed(InvalidReason::WrongType)
            .advise(advice::token_type(found)),
    }
}

fn explain_signature(
    inner: &Inner,
    jws: &Jws<'_>,
    header: &Header<'_>,
    refusal: Option<&VerifyError>,
    checks: &mut Vec<ExplainedCheck>,
) {
    let algorithm = header.algorithm;
    let check = ExplainedCheck::new(Part::Header, ALGORITHM).got(quoted(algorithm.as_str()));
    let remote = match inner.keys_for(algorithm) {
        Ok(remote) => remote,
        Err(bad) => {
            let expected = match (bad, &inner.algorithms) {
                (BadAlgorithm::NotAccepted, Some(accepted)) => names(accepted.iter().copied()),
                (BadAlgorithm::NotAccepted | BadAlgorithm::NoKey, _) => {
                    names(inner.keys.iter().flat_map(|key| key.algorithms()))
                }
            };
            checks.push(
                check
                    .failed(InvalidReason::UnsupportedAlgorithm)
                    .want(expected)
                    .advise(advice::algorithm(bad, algorithm)),
            );
            return unreachable_after_header(&[], checks);
        }
    };
    checks.push(check);
    let mut buffer = [0; USUAL_SIGNATURE_LENGTH];
    match Candidate::read(jws, header, remote.is_some(), &mut buffer) {
        Ok(candidate) => {
            let view = remote.map(|remote| (remote.source_name().to_owned(), remote.view()));
            checks.extend(keys::explain(inner, &candidate, view.as_ref(), refusal));
        }
        Err(bad) => {
            checks.push(ExplainedCheck::not_reached(Part::Signature, KEYS));
            checks.push(bad_signature(bad, algorithm));
        }
    }
}

fn bad_signature(bad: BadSignature, algorithm: Algorithm) -> ExplainedCheck {
    let check = ExplainedCheck::new(Part::Signature, SIGNATURE);
    match bad {
        BadSignature::Encoding => check
            .failed(InvalidReason::Malformed)
            .want("base64url without padding")
            .got("something else, or too many bytes")
            .advise(advice::ENCODING),
        BadSignature::Length => {
            let lengths = algorithm.signature_lengths();
            let expected = match lengths.start() == lengths.end() {
                true => counted(*lengths.start(), "byte"),
                false => format!("{} to {} bytes", lengths.start(), lengths.end()),
            };
            check
                .failed(InvalidReason::BadSignature)
                .want(format!("{expected}, for {algorithm}"))
                .got("another length")
                .advise(advice::SIGNATURE_LENGTH)
        }
    }
}

fn names(algorithms: impl Iterator<Item = Algorithm>) -> String {
    let mut names: Vec<_> = algorithms.map(Algorithm::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}
