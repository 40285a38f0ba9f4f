//! Reads subject identifiers (RFC 9493), and those of older drafts.

use serde_json::{Map, Value};

/// The user or session that an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Account(Account),
    Session {
        id: String,
        /// The user of the session, if the event names it.
        account: Option<Account>,
    },
    /// The format names no issuer and subject, such as an email address.
    Other,
}

/// A subject of an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) issuer: String,
    pub(super) subject: String,
}

/// The error for a subject that does not conform to its format.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Subject {
    /// Reads a subject identifier, simple or complex.
    pub(super) fn read(identifier: &Value) -> Result<Self, Malformed> {
        let members = identifier.as_object().ok_or(Malformed)?;
        let is_complex = match format(members)? {
            Some(format) => format == "complex",
            // Older drafts give the format of the members only.
            None => members.contains_key("user") || members.contains_key("session"),
        };
        if !is_complex {
            return Ok(read_account(members)?.map_or(Self::Other, Self::Account));
        }
        let account = match member(members, "user") {
            None => None,
            Some(user) => read_account(user.as_object().ok_or(Malformed)?)?,
        };
        let session = match member(members, "session") {
            None => None,
            Some(session) => read_session(session.as_object().ok_or(Malformed)?)?,
        };
        Ok(match (session, account) {
            (Some(id), account) => Self::Session { id, account },
            (None, Some(account)) => Self::Account(account),
            (None, None) => Self::Other,
        })
    }
}

/// The issuer and subject, unless the format is another one.
fn read_account(members: &Map<String, Value>) -> Result<Option<Account>, Malformed> {
    match format(members)? {
        Some("iss_sub" | "iss-sub") => Ok(Some(Account {
            issuer: text(members, "iss")?,
            subject: text(members, "sub")?,
        })),
        Some(_) | None => Ok(None),
    }
}

/// The ID of a session, unless the format is another one.
fn read_session(members: &Map<String, Value>) -> Result<Option<String>, Malformed> {
    match format(members)? {
        Some("opaque") => text(members, "id").map(Some),
        Some(_) | None => Ok(None),
    }
}

/// The name of the format: `format`, or `subject_type` in older drafts.
fn format(members: &Map<String, Value>) -> Result<Option<&str>, Malformed> {
    let format = member(members, "format").or_else(|| member(members, "subject_type"));
    format
        .map(|format| format.as_str().ok_or(Malformed))
        .transpose()
}

fn text(members: &Map<String, Value>, name: &str) -> Result<String, Malformed> {
    let value = member(members, name).and_then(Value::as_str);
    value.map(str::to_owned).ok_or(Malformed)
}

/// A member with a value other than `null`.
pub(super) fn member<'m>(members: &'m Map<String, Value>, name: &str) -> Option<&'m Value> {
    members.get(name).filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn identifiers_are_read_in_every_form() {
        let account = || Account {
            issuer: "https://a".into(),
            subject: "alice".into(),
        };
        let user = json!({"format": "iss_sub", "iss": "https://a", "sub": "alice"});
        let session = json!({"format": "opaque", "id": "s1"});
        let email = json!({"format": "email", "email": "alice@example.com"});
        let of_session = |account| Subject::Session {
            id: "s1".into(),
            account,
        };
        for (identifier, expected) in [
            (user.clone(), Ok(Subject::Account(account()))),
            (
                json!({"subject_type": "iss-sub", "iss": "https://a", "sub": "alice"}),
                Ok(Subject::Account(account())),
            ),
            (
                json!({"format": null, "subject_type": "iss_sub", "iss": "https://a", "sub": "alice"}),
                Ok(Subject::Account(account())),
            ),
            (email.clone(), Ok(Subject::Other)),
            (session.clone(), Ok(Subject::Other)),
            (json!({}), Ok(Subject::Other)),
            (
                json!({"iss": "https://a", "sub": "alice"}),
                Ok(Subject::Other),
            ),
            (
                json!({"format": "complex", "user": user, "session": session}),
                Ok(of_session(Some(account()))),
            ),
            (
                json!({"user": user, "session": session, "tenant": {"format": "opaque", "id": "t"}}),
                Ok(of_session(Some(account()))),
            ),
            (
                json!({"format": "complex", "session": session}),
                Ok(of_session(None)),
            ),
            (
                json!({"user": email, "session": session}),
                Ok(of_session(None)),
            ),
            (
                json!({"format": "complex", "user": user}),
                Ok(Subject::Account(account())),
            ),
            (
                json!({"user": user, "session": {"format": "uri", "uri": "x:y"}}),
                Ok(Subject::Account(account())),
            ),
            (
                json!({"format": "complex", "user": email}),
                Ok(Subject::Other),
            ),
            (
                json!({"format": "complex", "device": session}),
                Ok(Subject::Other),
            ),
            (json!("alice"), Err(Malformed)),
            (json!({"format": 7}), Err(Malformed)),
            (
                json!({"format": "iss_sub", "iss": "https://a"}),
                Err(Malformed),
            ),
            (
                json!({"format": "iss_sub", "iss": "https://a", "sub": 7}),
                Err(Malformed),
            ),
            (
                json!({"format": "complex", "user": "alice"}),
                Err(Malformed),
            ),
            (
                json!({"format": "complex", "session": {"format": "opaque"}}),
                Err(Malformed),
            ),
        ] {
            assert_eq!(Subject::read(&identifier), expected, "{identifier}");
        }
    }
}
