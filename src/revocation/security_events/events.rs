//! Decides what a SET revokes, from its claims alone.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::subject::{Account, Subject, member};
use crate::access_token::AccessToken;
use crate::json::NumericDate;
use crate::revocation::incoming::Effect;

/// The claims of a verified SET.
#[derive(Debug)]
pub(super) struct SecurityEventClaims {
    pub(super) issuer: String,
    issued_at: SystemTime,
    subject: Option<String>,
    /// The `sub_id`.
    identifier: Option<Value>,
    events: Map<String, Value>,
}

/// What an event means for this server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Revokes(Effect),
    /// The event revokes, but its subject is no issuer and subject. With its type.
    UnknownSubject(&'static str),
}

/// Why the SET is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The transmitter may not speak for the issuer of a subject.
    ForeignIssuer,
    BadSubject,
    BadTimestamp,
}

/// The events that revoke, and whether each can be about a single session.
const EVENTS: [(&str, bool); 5] = [
    (
        "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
        true,
    ),
    (
        "https://schemas.openid.net/secevent/caep/event-type/credential-change",
        false,
    ),
    (
        "https://schemas.openid.net/secevent/risc/event-type/account-disabled",
        false,
    ),
    (
        "https://schemas.openid.net/secevent/risc/event-type/account-purged",
        false,
    ),
    (
        "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked",
        false,
    ),
];

/// How much later than its SET an event may seem to be, for transmitters whose servers have different clocks.
const LEEWAY: Duration = Duration::from_secs(60);

impl SecurityEventClaims {
    /// The claims of this token, of which the verifier requires all but those of the subject.
    pub(super) fn of(token: &AccessToken) -> Self {
        Self {
            issuer: token.issuer().unwrap_or_default().to_owned(),
            issued_at: token.issued_at().unwrap_or(UNIX_EPOCH),
            subject: token.subject().map(str::to_owned),
            identifier: token.claim("sub_id").filter(|id: &Value| !id.is_null()),
            events: token.claim("events").unwrap_or_default(),
        }
    }

    /// What the events mean. Types that are not in [`EVENTS`] are ignored.
    ///
    /// `further_issuers` are those for whose subjects the transmitter may speak, beside its own.
    pub(super) fn meaning(&self, further_issuers: &[String]) -> Result<Vec<Meaning>, Fault> {
        let known = EVENTS.iter().filter_map(|(event, about_sessions)| {
            let payload = self.events.get(*event)?.as_object()?;
            Some((*event, *about_sessions, payload))
        });
        let mut meaning = Vec::new();
        for (event, about_sessions, payload) in known {
            let effect = match self.subject_of(payload)? {
                Subject::Session { id, account } if about_sessions => {
                    let issuer = account.map_or_else(|| self.issuer.clone(), |user| user.issuer);
                    Some(Effect::Session {
                        issuer,
                        session: id,
                    })
                }
                Subject::Account(account)
                | Subject::Session {
                    account: Some(account),
                    ..
                } => Some(self.revocation_of(account, payload)?),
                Subject::Session { account: None, .. } | Subject::Other => None,
            };
            meaning.push(match effect {
                None => Meaning::UnknownSubject(event),
                Some(effect) if self.may_speak_for(issuer_of(&effect), further_issuers) => {
                    Meaning::Revokes(effect)
                }
                Some(_) => return Err(Fault::ForeignIssuer),
            });
        }
        Ok(meaning)
    }

    /// The `sub_id` of the SET (RFC 9493 §4.1), else the `subject` of the event, as in RISC and older drafts of CAEP,
    /// else the `sub` of the SET.
    fn subject_of(&self, payload: &Map<String, Value>) -> Result<Subject, Fault> {
        let identifier = self
            .identifier
            .as_ref()
            .or_else(|| member(payload, "subject"));
        if let Some(identifier) = identifier {
            return Subject::read(identifier).map_err(|_| Fault::BadSubject);
        }
        Ok(match &self.subject {
            None => Subject::Other,
            Some(subject) => Subject::Account(Account {
                issuer: self.issuer.clone(),
                subject: subject.clone(),
            }),
        })
    }

    fn revocation_of(
        &self,
        account: Account,
        payload: &Map<String, Value>,
    ) -> Result<Effect, Fault> {
        let cutoff = match member(payload, "event_timestamp") {
            None => self.issued_at,
            Some(timestamp) => {
                let timestamp = NumericDate::deserialize(timestamp);
                UNIX_EPOCH + timestamp.map_err(|_| Fault::BadTimestamp)?.0
            }
        };
        if cutoff > self.issued_at + LEEWAY {
            return Err(Fault::BadTimestamp);
        }
        Ok(Effect::Subject {
            issuer: account.issuer,
            subject: account.subject,
            cutoff,
        })
    }

    fn may_speak_for(&self, issuer: &str, further_issuers: &[String]) -> bool {
        let mut issuers = further_issuers.iter().chain([&self.issuer]);
        issuers.any(|allowed| without_slash(allowed) == without_slash(issuer))
    }
}

fn issuer_of(effect: &Effect) -> &str {
    match effect {
        Effect::Session { issuer, .. } | Effect::Subject { issuer, .. } => issuer,
    }
}

/// Revocations do not distinguish issuers by a slash at their end either.
fn without_slash(issuer: &str) -> &str {
    issuer.strip_suffix('/').unwrap_or(issuer)
}

#[cfg(test)]
mod tests;
