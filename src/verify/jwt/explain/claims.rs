//! The claims, each by the check of the verifier, and what handlers get from them.

use std::time::Duration;

use serde_json::Value;

use super::advice;
use super::explanation::{CheckOutcome, ExplainedCheck, Part};
use super::words::{configured, counted, date, duration, listed, quoted, safe};
use crate::claim_lookup;
use crate::json::{NumericDate, TextOrList};
use crate::verify::claims::Audience;
use crate::verify::claims::registered::{Claims, SubjectType};
use crate::verify::claims::rules::{ClaimFault, ClaimRules, check_required, check_value};
use crate::verify::claims::verifier::ClaimsVerifier;
use crate::verify::jwt::jws::Jws;
use crate::verify_error::InvalidReason;

const PAYLOAD: &str = "payload";

/// The claims that are always checked, if they can be read.
const CHECKED: [&str; 10] = [
    "kind", "iss", "aud", "exp", "nbf", "iat", "cnf", "scopes", "client", "sub",
];

pub(super) fn explain(verifier: &ClaimsVerifier, jws: &Jws<'_>, checks: &mut Vec<ExplainedCheck>) {
    let check = ExplainedCheck::new(Part::Claims, PAYLOAD);
    let Some(payload) = jws.decode_payload() else {
        let check = check
            .failed(InvalidReason::Malformed)
            .want("UTF-8 in base64url without padding")
            .got("something else")
            .advise(advice::ENCODING);
        checks.push(check);
        return unreached(checks);
    };
    let mut claims = Claims::default();
    let Err(fault) = verifier.read(&mut claims, &payload) else {
        checks.push(check.got(counted(payload.len(), "byte")));
        return Explained::new(verifier, &claims, &payload).run(checks);
    };
    let found = match fault.member() {
        Some(member) => format!("{member}: {}", fault.rule()),
        None => fault.rule().to_owned(),
    };
    checks.push(
        check
            .failed(InvalidReason::Malformed)
            .want("a JSON object, each claim once and with its type (RFC 7519 section 4.1)")
            .got(found)
            .advise(advice::bad_payload(fault.member())),
    );
    // The verifier reads the issuer of such a token as well.
    let mut claims = Claims::default();
    match claims.fill(&payload, SubjectType::StringOrInteger) {
        Ok(()) => Explained::new(verifier, &claims, &payload).run(checks),
        Err(_) => unreached(checks),
    }
}

fn unreached(checks: &mut Vec<ExplainedCheck>) {
    let names = CHECKED.into_iter();
    checks.extend(names.map(|name| ExplainedCheck::not_reached(Part::Claims, name)));
}

/// Claims that are explained.
struct Explained<'a> {
    verifier: &'a ClaimsVerifier,
    rules: &'a ClaimRules,
    claims: &'a Claims<'a>,
    payload: &'a str,
    now: Duration,
}

impl<'a> Explained<'a> {
    fn new(verifier: &'a ClaimsVerifier, claims: &'a Claims<'a>, payload: &'a str) -> Self {
        Self {
            verifier,
            rules: &verifier.rules,
            claims,
            payload,
            now: verifier.clock.since_epoch(),
        }
    }

    /// Adds the checks in the order of [`ClaimRules::check`].
    fn run(&self, checks: &mut Vec<ExplainedCheck>) {
        checks.extend([
            self.kind(),
            self.issuer(),
            self.audience(),
            self.expiry(),
            self.not_before(),
            self.issued_at(),
        ]);
        for name in &self.rules.required_claims {
            checks.push(self.required(name));
        }
        for (name, accepted) in &self.rules.claims_in {
            checks.push(self.value_in(name, accepted));
        }
        let subject = self.claims.sub.get().map(|subject| &*subject.0);
        checks.extend([
            self.confirmation(),
            self.scopes(),
            self.client(),
            ExplainedCheck::new(Part::Claims, "sub").got(shown_or_none(subject)),
        ]);
    }

    fn kind(&self) -> ExplainedCheck {
        let kind = self.rules.kind.description();
        let check = ExplainedCheck::new(Part::Claims, "kind").want(kind);
        match self.rules.check_kind(self.claims, self.payload) {
            Ok(()) => check.got(kind),
            Err(fault) => {
                let claim = fault.claim().unwrap_or_default();
                check
                    .failed(fault.reason())
                    .got(format!("{claim}: {}", self.shown(claim)))
                    .advise(advice::kind(fault))
            }
        }
    }

    fn issuer(&self) -> ExplainedCheck {
        let accepted = &self.rules.issuers;
        let found = self.claims.iss.get().map(|issuer| &*issuer.0);
        let check = ExplainedCheck::new(Part::Claims, "iss").got(shown_or_none(found));
        if accepted.is_empty() {
            return any(check, "any issuer");
        }
        let check = check.want(configured(accepted.iter().map(String::as_str)));
        match self.rules.check_issuer(self.claims) {
            Ok(()) => check,
            Err(fault) => check
                .failed(fault.reason())
                .advise(advice::issuer(found, accepted)),
        }
    }

    fn audience(&self) -> ExplainedCheck {
        let accepted = &self.rules.audiences;
        let found = self.claims.aud.get();
        let check = ExplainedCheck::new(Part::Claims, "aud").got(match found {
            Some(audience) => list(audience),
            None => "none".to_owned(),
        });
        if accepted.is_empty() {
            return any(check, "any audience");
        }
        let check = check.want(configured(accepted.iter().map(Audience::as_str)));
        match self.rules.check_audience(self.claims) {
            Ok(()) => check,
            Err(fault) => check.failed(fault.reason()).advise(advice::audience(fault)),
        }
    }

    fn expiry(&self) -> ExplainedCheck {
        let check = ExplainedCheck::new(Part::Claims, "exp").got(self.date(self.claims.exp.get()));
        let check = check.want(match self.rules.accept_missing_expiry {
            true => format!("none, or a date in the future, {}", self.leeway()),
            false => format!("a date in the future, {}", self.leeway()),
        });
        match self.rules.check_expiry(self.claims, self.now) {
            Ok(()) => check,
            Err(fault) => check.failed(fault.reason()).advise(advice::expiry(fault)),
        }
    }

    fn not_before(&self) -> ExplainedCheck {
        let check = ExplainedCheck::new(Part::Claims, "nbf")
            .want(format!("none, or a date in the past, {}", self.leeway()))
            .got(self.date(self.claims.nbf.get()));
        match self.rules.check_not_before(self.claims, self.now) {
            Ok(()) => check,
            Err(fault) => check.failed(fault.reason()).advise(advice::NOT_BEFORE),
        }
    }

    fn issued_at(&self) -> ExplainedCheck {
        let check = ExplainedCheck::new(Part::Claims, "iat").got(self.date(self.claims.iat.get()));
        if self.rules.accept_future_issued_at {
            return any(check, "any date");
        }
        let check = check.want(format!("none, or a date in the past, {}", self.leeway()));
        match self.rules.check_issued_at(self.claims, self.now) {
            Ok(()) => check,
            Err(fault) => check.failed(fault.reason()).advise(advice::ISSUED_AT),
        }
    }

    fn required(&self, name: &str) -> ExplainedCheck {
        let check = ExplainedCheck::new(Part::Claims, format!("required {name}"))
            .want("a value")
            .got(self.shown(name));
        match check_required(name, self.claims, self.payload) {
            Ok(()) => check,
            Err(fault) => check.failed(fault.reason()).advise(advice::required(name)),
        }
    }

    fn value_in(&self, name: &str, accepted: &[String]) -> ExplainedCheck {
        let check = ExplainedCheck::new(Part::Claims, format!("value of {name}"))
            .want(configured(accepted.iter().map(String::as_str)))
            .got(self.shown(name));
        match check_value(name, accepted, self.claims, self.payload) {
            Ok(()) => check,
            Err(fault) => check.failed(fault.reason()).advise(advice::value(name)),
        }
    }

    /// The verifier alone has no layer that checks a proof.
    fn confirmation(&self) -> ExplainedCheck {
        let check = ExplainedCheck::new(Part::Claims, "cnf").got(self.shown("cnf"));
        if self.rules.accept_unchecked_confirmation {
            return any(check, "any key");
        }
        let check = check.want("none, since a verifier alone checks no proof of possession");
        match self
            .rules
            .check_confirmation(self.claims, self.payload, false)
        {
            Ok(()) => check,
            Err(fault) => check.failed(fault.reason()).advise(advice::BOUND_TO_KEY),
        }
    }

    fn scopes(&self) -> ExplainedCheck {
        let mapping = &self.verifier.mapping;
        let names = match (&mapping.scope_claims, mapping.merge_scope_claims) {
            (None, false) => "scope, or else scp".to_owned(),
            (None, true) => "scope and scp".to_owned(),
            (Some(names), false) => names.join(", or else "),
            (Some(names), true) => names.join(" and "),
        };
        let check = ExplainedCheck::new(Part::Claims, "scopes").want(format!("from {names}"));
        match mapping.scopes(self.claims, self.payload) {
            Ok((scopes, left_out)) => {
                let found = match scopes.is_empty() {
                    true => "none".to_owned(),
                    false => safe(&scopes.to_string()),
                };
                let check = match self.other_scope_claim(&names).filter(|_| scopes.is_empty()) {
                    Some(claim) => check
                        .outcome_is(CheckOutcome::Noted)
                        .advise(advice::other_scopes(claim)),
                    None => check,
                };
                check.got(match left_out {
                    0 => found,
                    _ => format!(
                        "{found}; {} with characters that no scope has left out",
                        counted(left_out, "name")
                    ),
                })
            }
            Err(fault) => {
                let name = fault.claim().unwrap_or_default();
                check
                    .failed(fault.reason())
                    .got(format!("{name}: {}", self.shown(name)))
                    .advise(advice::unreadable(name))
            }
        }
    }

    /// A claim that usually has rights, and that is not configured.
    fn other_scope_claim(&self, names: &str) -> Option<&'static str> {
        let known = ["permissions", "roles", "/realm_access/roles", "groups"];
        known.into_iter().find(|claim| {
            let found = claim_lookup::find_value::<TextOrList<'_>>(self.payload, claim);
            found.is_ok_and(|found| found.is_some()) && !names.contains(claim)
        })
    }

    fn client(&self) -> ExplainedCheck {
        let check = ExplainedCheck::new(Part::Claims, "client");
        let names = match &self.verifier.mapping.client_id_claims {
            None => "client_id, azp, cid, or else appid".to_owned(),
            Some(names) => names.join(", or else "),
        };
        let check = check.want(format!("from {names}"));
        match self.verifier.mapping.client_id(self.claims, self.payload) {
            Ok(client) => check.got(shown_or_none(client.as_ref().map(|c| c.text(self.payload)))),
            Err(fault) => {
                let name = fault.claim().unwrap_or_default();
                check
                    .failed(fault.reason())
                    .got(format!("{name}: {}", self.shown(name)))
                    .advise(advice::unreadable(name))
            }
        }
    }

    /// The claim as JSON.
    fn shown(&self, name: &str) -> String {
        match claim_lookup::find::<Value>(self.payload, name) {
            Ok(Some(value)) => safe(&value.to_string()),
            Ok(None) => "none".to_owned(),
            Err(_) => "unreadable, or twice".to_owned(),
        }
    }

    fn date(&self, found: Option<&NumericDate>) -> String {
        match found {
            Some(found) => date(found.0, self.now),
            None => "none".to_owned(),
        }
    }

    fn leeway(&self) -> String {
        match self.rules.leeway.is_zero() {
            true => "without leeway".to_owned(),
            false => format!("with {} of leeway", duration(self.rules.leeway)),
        }
    }
}

impl ClaimFault<'_> {
    /// The claim that the fault names, if it is not clear from the check.
    fn claim(&self) -> Option<&str> {
        match self {
            Self::Marked(name) => Some(name),
            Self::Missing(name) | Self::Unreadable(name) | Self::NoneOfTheValues(name) => {
                Some(name)
            }
            Self::AnotherIssuer
            | Self::AnotherAudience
            | Self::Expired
            | Self::NotYetValid
            | Self::BoundToKey => None,
        }
    }
}

fn any(check: ExplainedCheck, expected: &str) -> ExplainedCheck {
    check.want(expected).outcome_is(CheckOutcome::NotApplicable)
}

fn shown_or_none(found: Option<&str>) -> String {
    found.map_or_else(|| "none".to_owned(), quoted)
}

fn list(found: &TextOrList<'_>) -> String {
    match found.iter().next() {
        Some(_) => listed(found.iter(), quoted),
        None => "an empty list".to_owned(),
    }
}
