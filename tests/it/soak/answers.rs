//! Compares each response with the permitted responses.

use std::collections::BTreeMap;
use std::fmt;

use http::StatusCode;

use super::traffic::{KINDS, Message, needed};
use crate::support::Answer;

/// A set of permitted responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answers(u8);

pub(super) const OK: Answers = Answers(1);
/// 401: the token is invalid.
pub(super) const NO: Answers = Answers(2);
/// 503: the verifier is unavailable.
pub(super) const LATER: Answers = Answers(4);
/// 403: the token lacks a scope.
pub(super) const LACKS: Answers = Answers(8);
/// 400: the request is malformed.
pub(super) const WRONG: Answers = Answers(16);

impl Answers {
    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (OK, "200"),
            (NO, "401"),
            (LATER, "503"),
            (LACKS, "403"),
            (WRONG, "400"),
        ];
        let names = all.iter().filter(|(answer, _)| self.has(*answer));
        let names: Vec<_> = names.map(|(_, name)| *name).collect();
        f.write_str(&names.join(" or "))
    }
}

/// The maximum of `Retry-After`, which is the longest backoff.
const MAX_RETRY_AFTER: u64 = 60;

/// Checks that the response is permitted, complete, and for this request. Returns the problem otherwise.
pub(super) fn check(answer: &Answer, message: &Message, allowed: Answers) -> Result<(), String> {
    let challenge = answer.header("www-authenticate");
    let kind = match answer.status {
        StatusCode::OK => OK,
        StatusCode::UNAUTHORIZED => NO,
        StatusCode::SERVICE_UNAVAILABLE => LATER,
        StatusCode::FORBIDDEN => LACKS,
        StatusCode::BAD_REQUEST => WRONG,
        other => return Err(format!("{other}, not {allowed}")),
    };
    if !allowed.has(kind) {
        return Err(format!("{kind}, not {allowed}: {}", answer.body));
    }
    let has_token = message
        .authorization
        .iter()
        .any(|value| value.starts_with("Bearer"));
    let is_whole = match answer.status {
        StatusCode::OK => answer.body == message.subject,
        StatusCode::UNAUTHORIZED if has_token => challenge.is_some_and(|challenge| {
            let is_revoked = challenge.contains("The access token was revoked");
            challenge.contains(r#"error="invalid_token""#)
                && match is_revoked {
                    true => message.can_be_revoked(),
                    false => message.revocable.is_none(),
                }
        }),
        StatusCode::UNAUTHORIZED => challenge == Some(r#"Bearer scope="notes:read""#),
        StatusCode::FORBIDDEN => challenge.is_some_and(|challenge| {
            let scope = format!(r#"scope="{}""#, needed(message.path));
            challenge.contains(r#"error="insufficient_scope""#) && challenge.contains(&scope)
        }),
        StatusCode::BAD_REQUEST => {
            challenge.is_some_and(|challenge| challenge.contains(r#"error="invalid_request""#))
        }
        _ => {
            let after = answer.header("retry-after").map(str::parse);
            challenge.is_none() && matches!(after, Some(Ok(0..=MAX_RETRY_AFTER)))
        }
    };
    match is_whole {
        true => Ok(()),
        false => Err(format!(
            "it is not whole, or for {:?}: {answer:?}",
            message.subject
        )),
    }
}

/// How often each kind of request got each response, and the wrong responses.
#[derive(Default)]
pub(super) struct Tally {
    counts: BTreeMap<(usize, u16), usize>,
    mistakes: BTreeMap<String, usize>,
}

/// The number of mistakes that a failure prints.
const SHOWN: usize = 20;

impl Tally {
    pub(super) fn count(&mut self, kind: usize, status: StatusCode) {
        *self.counts.entry((kind, status.as_u16())).or_default() += 1;
    }

    pub(super) fn mistake(&mut self, what: String) {
        *self.mistakes.entry(what).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: Self) {
        for (key, count) in other.counts {
            *self.counts.entry(key).or_default() += count;
        }
        for (what, count) in other.mistakes {
            *self.mistakes.entry(what).or_default() += count;
        }
    }

    pub(super) fn total(&self) -> usize {
        self.counts.values().sum()
    }

    pub(super) fn of(&self, kind: usize, status: u16) -> usize {
        self.counts.get(&(kind, status)).copied().unwrap_or(0)
    }

    pub(super) fn print(&self) {
        let statuses = [200, 400, 401, 403, 503];
        println!(
            "{:<46}{:>9}{:>9}{:>9}{:>9}{:>9}",
            "", "200", "400", "401", "403", "503"
        );
        for (number, kind) in KINDS.iter().enumerate() {
            let cells = statuses.map(|status| match self.of(number, status) {
                0 => format!("{:>9}", ""),
                count => format!("{count:>9}"),
            });
            println!("{:<46}{}", kind.name, cells.concat());
        }
    }

    pub(super) fn assert_no_mistake(&self) {
        let shown = self.mistakes.iter().take(SHOWN);
        let shown: Vec<_> = shown
            .map(|(what, count)| format!("{count} times: {what}"))
            .collect();
        let total: usize = self.mistakes.values().sum();
        assert_eq!(total, 0, "wrong answers:\n{}", shown.join("\n"));
    }
}
