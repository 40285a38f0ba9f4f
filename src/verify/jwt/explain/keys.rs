//! The keys: which were tried, which were not and why, and whether one made the signature.

use std::error::Error;
use std::time::UNIX_EPOCH;

use super::advice;
use super::explanation::{ExplainedCheck, KEYS, Part, SIGNATURE};
use super::words::{counted, date, printable, quoted};
use crate::verify::jwt::inner::Inner;
use crate::verify::jwt::key_wait::Mismatch;
use crate::verify::jwt::remote::RemoteView;
use crate::verify::jwt::signature::{Candidate, Signer};
use crate::verify::keys::key::VerifyingKey;
use crate::verify::keys::signer::SignatureSearch;
use crate::verify_error::{InvalidReason, VerifyError, VerifyErrorKind};

/// The maximum number of keys of one set that are listed.
const MAX_LISTED: usize = 20;

/// The checks of the keys and the signature. `fetched` is the name of the key source and the state of its keys.
pub(super) fn explain(
    inner: &Inner,
    candidate: &Candidate<'_>,
    fetched: Option<&(String, RemoteView)>,
    refusal: Option<&VerifyError>,
) -> [ExplainedCheck; 2] {
    let view = fetched.map(|(_, view)| view);
    let find = view.map(|view| |search: &SignatureSearch<'_>| search.among(&view.keys));
    let result = inner.signer_among(candidate, find);
    let keys = ExplainedCheck::new(Part::Signature, KEYS)
        .want(expected(candidate))
        .list(lines(inner, candidate, fetched));
    let signature = ExplainedCheck::new(Part::Signature, SIGNATURE);
    let length = format!(
        "{} for {}",
        counted(candidate.signature.len(), "byte"),
        candidate.algorithm
    );
    let no_key = |keys: ExplainedCheck| no_key(keys, candidate, view, refusal);
    match result {
        Ok(Signer::Known(_)) => [
            keys.got("the key that made the signature"),
            signature.got(length),
        ],
        Ok(Signer::Missing(Mismatch::BadSignature)) | Err(InvalidReason::BadSignature) => [
            keys.got("keys that did not make the signature"),
            signature
                .failed(InvalidReason::BadSignature)
                .got(length)
                .advise(advice::bad_signature(candidate.algorithm)),
        ],
        Ok(Signer::Missing(Mismatch::TooShort)) => [
            no_key(keys),
            signature
                .failed(InvalidReason::BadSignature)
                .want("at least 256 bytes, the length for an RSA key of 2048 bits")
                .got(length)
                .advise(advice::WEAK_RSA),
        ],
        Ok(Signer::Missing(Mismatch::UnknownKey) | Signer::Later(_)) | Err(_) => [
            no_key(keys),
            ExplainedCheck::not_reached(Part::Signature, SIGNATURE),
        ],
    }
}

/// The check of the keys if none is for the token. In an outage there may be such a key.
fn no_key(
    keys: ExplainedCheck,
    candidate: &Candidate<'_>,
    view: Option<&RemoteView>,
    refusal: Option<&VerifyError>,
) -> ExplainedCheck {
    let is_unknown = |error: &VerifyError| {
        matches!(
            error.kind(),
            VerifyErrorKind::Invalid(InvalidReason::UnknownKey)
        )
    };
    let last_error = view.and_then(|view| view.error.as_deref());
    match (refusal, last_error) {
        (Some(error), _) if matches!(error.kind(), VerifyErrorKind::Unavailable) => {
            let cause = error
                .source()
                .map_or_else(|| error.to_string(), |cause| cause.to_string());
            keys.failed(None)
                .got(printable(&cause))
                .advise(match last_error {
                    None => advice::MAY_BE_NEWER,
                    Some(_) => advice::OUTAGE,
                })
        }
        // The token is refused for its claims.
        (Some(error), Some(last_error)) if !is_unknown(error) => keys
            .failed(None)
            .got(format!("keys cannot be fetched: {}", printable(last_error)))
            .advise(advice::OUTAGE),
        (Some(_) | None, _) => keys
            .failed(InvalidReason::UnknownKey)
            .got("no such key")
            .advise(advice::unknown_key(candidate.key_id, view)),
    }
}

fn expected(candidate: &Candidate<'_>) -> String {
    let algorithm = candidate.algorithm;
    match candidate.key_id {
        Some(key_id) => format!("a key for {algorithm} with the kid {}", quoted(key_id)),
        None => format!("a key for {algorithm}, since the token has no kid"),
    }
}

fn lines(
    inner: &Inner,
    candidate: &Candidate<'_>,
    fetched: Option<&(String, RemoteView)>,
) -> Vec<String> {
    let mut lines = Vec::new();
    if !inner.keys.is_empty() {
        lines.push(format!(
            "{} in the configuration:",
            counted(inner.keys.len(), "key")
        ));
        list_keys(inner.key_attempts, candidate, &inner.keys, &mut lines);
    }
    if let Some((source, view)) = fetched {
        let fetched_at = match view
            .fetched_at
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
        {
            Some(at) => format!("fetched {}", date(at, inner.claims.clock.since_epoch())),
            None => "never fetched".to_owned(),
        };
        lines.push(format!(
            "{} from {}, {fetched_at}:",
            counted(view.keys.len(), "key"),
            printable(source)
        ));
        list_keys(inner.key_attempts, candidate, &view.keys, &mut lines);
        list_left_out(view, &mut lines);
        if let Some(error) = &view.error {
            lines.push(format!("the last fetch failed: {}", printable(error)));
        }
    }
    lines
}

fn list_keys(
    attempts: usize,
    candidate: &Candidate<'_>,
    keys: &[VerifyingKey],
    lines: &mut Vec<String>,
) {
    let signed = |key: &VerifyingKey| candidate.is_signed_by(key);
    let search = candidate.search(attempts, &signed);
    let tried: Vec<_> = search.attempts(keys).collect();
    let signer = tried.iter().position(|key| signed(key));
    // The keys that were tried come first.
    let is_tried = |key: &&VerifyingKey| tried.iter().any(|other| std::ptr::eq(*other, *key));
    let others = keys.iter().filter(|key| !is_tried(key));
    for (position, key) in tried
        .iter()
        .copied()
        .chain(others)
        .take(MAX_LISTED)
        .enumerate()
    {
        let what = match signer {
            Some(signer) if position == signer => "made the signature",
            Some(signer) if position < tried.len() && position > signer => {
                "not tried, since another key made the signature"
            }
            Some(_) | None if position < tried.len() => "did not make the signature",
            Some(_) | None if key.state().is_withdrawn() => "not tried, since it was withdrawn",
            Some(_) | None if !key.allows(candidate.algorithm) => {
                "not tried, since it is for another algorithm"
            }
            Some(_) | None if !search.names(key) && !search.fits_unnamed(key) => {
                "not tried, since it has another kid"
            }
            Some(_) | None => "not tried, since key_attempts(..) is exhausted",
        };
        let name = match key.key_id() {
            Some(key_id) => quoted(key_id),
            None => "a key without kid".to_owned(),
        };
        let algorithms: Vec<_> = key.algorithms().map(|a| a.as_str()).collect();
        lines.push(format!("  {name} ({}): {what}", algorithms.join(", ")));
    }
    if let Some(more) = keys.len().checked_sub(MAX_LISTED).filter(|more| *more > 0) {
        lines.push(format!("  and {more} more"));
    }
}

fn list_left_out(view: &RemoteView, lines: &mut Vec<String>) {
    if view.left_out.is_empty() && view.unread == 0 {
        return;
    }
    lines.push("left out of the set:".to_owned());
    for (key_id, reason) in view.left_out.iter().take(MAX_LISTED) {
        let name = match key_id {
            Some(key_id) => format!("\"{key_id}\""),
            None => "a key without kid".to_owned(),
        };
        lines.push(format!("  {name}: {}", advice::left_out(reason)));
    }
    if let Some(more) = view
        .left_out
        .len()
        .checked_sub(MAX_LISTED)
        .filter(|more| *more > 0)
    {
        lines.push(format!("  and {more} more"));
    }
    if view.unread > 0 {
        lines.push(format!(
            "  {} past max_keys(..)",
            counted(view.unread, "key")
        ));
    }
}
