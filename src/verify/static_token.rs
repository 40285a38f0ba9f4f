//! A verifier with a fixed table of tokens.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::future::{Ready, ready};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use aws_lc_rs::{constant_time, digest};
use serde_json::Value;
use tower_service::Service;

use crate::access_token::{AccessToken, Verified};
use crate::clock::Clock;
use crate::credentials::BearerToken;
use crate::scopes::Scopes;
use crate::verify_error::{InvalidReason, VerifyError};

/// Verifies tokens against a fixed table. Use it for development, and for a few service accounts.
///
/// The table holds SHA-256 digests instead of tokens. A token is looked up by its digest, and digests are compared in
/// constant time, so the response time does not show how close a guess is. The cost of a request does not depend on the
/// size of the table.
///
/// ```
/// use tower_bearer_auth::{BearerAuthLayer, StaticToken, StaticTokenVerifier};
///
/// let verifier = StaticTokenVerifier::new([
///     // The token and its meaning.
///     ("dev-token", StaticToken::new("dev").scopes(["read", "write"])),
///     ("ci-token", StaticToken::new("ci").subject("build").claim("team", "platform")),
/// ]);
/// let layer = BearerAuthLayer::new(verifier);
/// # let _ = layer;
/// ```
#[derive(Clone)]
pub struct StaticTokenVerifier {
    table: Arc<HashMap<Digest, Arc<Verified>>>,
}

impl StaticTokenVerifier {
    /// Makes a verifier from pairs of a token and its meaning.
    ///
    /// # Panics
    ///
    /// If a token is not a bearer token (RFC 6750 §2.1) and so can never arrive in a header, and if a token occurs twice.
    /// The message contains the token's position and not the token.
    #[track_caller]
    pub fn new<I, T>(tokens: I) -> Self
    where
        I: IntoIterator<Item = (T, StaticToken)>,
        T: AsRef<str>,
    {
        let mut table: HashMap<Digest, Arc<Verified>> = HashMap::new();
        for (position, (token, meaning)) in tokens.into_iter().enumerate() {
            let Ok(token) = token.as_ref().parse::<BearerToken>() else {
                panic!("static token {position} is not a bearer token (RFC 6750 section 2.1)");
            };
            let digest = Digest::of(&token);
            if table.insert(digest, meaning.verified(token)).is_some() {
                panic!("static token {position} is in the table already");
            }
        }
        let authority = authority(table.keys());
        for verified in table.values_mut() {
            Arc::make_mut(verified).authority = Some(Arc::clone(&authority));
        }
        Self {
            table: Arc::new(table),
        }
    }

    /// The clock by which tokens expire. Default: the system's. A later call replaces an earlier one.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        for verified in Arc::make_mut(&mut self.table).values_mut() {
            Arc::make_mut(verified).clock = clock.clone();
        }
        self
    }

    /// Names the verifier in [audit events](crate::telemetry), in metrics and in the
    /// [principals](crate::AccessToken::principal) of its tokens. Default: `static`.
    ///
    /// Principals of a table without a name include a digest of its tokens, since the client `dev` of one table is
    /// another caller than the client `dev` of another table. Principals of a table with a name stay the same if a token
    /// is added or replaced.
    ///
    /// # Panics
    ///
    /// If the name is empty.
    #[must_use]
    #[track_caller]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        assert!(!name.is_empty(), "a verifier's name is not empty");
        for verified in Arc::make_mut(&mut self.table).values_mut() {
            let verified = Arc::make_mut(verified);
            verified.verifier = name.clone().into();
            verified.authority = None;
        }
        self
    }

    fn verify(&self, token: BearerToken) -> Result<AccessToken, VerifyError> {
        let verified = self
            .table
            .get(&Digest::of(&token))
            .ok_or_else(|| VerifyError::invalid(InvalidReason::Unrecognized))?;
        let access_token = AccessToken::new(token, Arc::clone(verified));
        match access_token.invalid_reason() {
            Some(reason) => Err(VerifyError::invalid(reason)),
            None => Ok(access_token),
        }
    }
}

impl Service<BearerToken> for StaticTokenVerifier {
    type Response = AccessToken;
    type Error = VerifyError;
    type Future = Ready<Result<AccessToken, VerifyError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), VerifyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, token: BearerToken) -> Self::Future {
        ready(self.verify(token))
    }
}

impl fmt::Debug for StaticTokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticTokenVerifier")
            .field("tokens", &self.table.len())
            .finish_non_exhaustive()
    }
}

/// The meaning of a token of a [`StaticTokenVerifier`]: its client, subject, scopes and claims.
#[derive(Debug, Clone)]
pub struct StaticToken {
    client_id: String,
    subject: Option<String>,
    scopes: Scopes,
    expires_at: Option<SystemTime>,
    claims: Vec<(String, Value)>,
}

impl StaticToken {
    /// A token of this client. It has no scopes and does not expire.
    pub fn new(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            subject: None,
            scopes: Scopes::default(),
            expires_at: None,
            claims: Vec::new(),
        }
    }

    /// The user on whose behalf the client acts. Default: none. A later call replaces an earlier one.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Adds scopes. Default: none. Several calls add up.
    ///
    /// # Panics
    ///
    /// If a name is not a valid scope (RFC 6749 §3.3).
    #[must_use]
    #[track_caller]
    pub fn scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        self.scopes = Scopes::union(&self.scopes, &Scopes::configured(scopes));
        self
    }

    /// The time at which the token expires. Default: never. A later call replaces an earlier one.
    #[must_use]
    pub fn expires_at(mut self, at: SystemTime) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// Adds a claim for handlers. A later call with the same name replaces an earlier one.
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.push((name.into(), value.into()));
        self
    }

    fn verified(self, token: BearerToken) -> Arc<Verified> {
        let mut builder = AccessToken::builder(token)
            .verifier(Cow::Borrowed("static"))
            .client_id(self.client_id)
            .scopes(self.scopes.iter());
        if let Some(subject) = self.subject {
            builder = builder.subject(subject);
        }
        if let Some(at) = self.expires_at {
            builder = builder.expires_at(at);
        }
        self.claims
            .into_iter()
            .fold(builder, |builder, (name, value)| builder.claim(name, value))
            .build()
            .into_verified()
    }
}

/// A digest of the table, which distinguishes tables without a name. It is the same in every process with this table.
fn authority<'d>(tokens: impl Iterator<Item = &'d Digest>) -> Arc<str> {
    let mut tokens: Vec<_> = tokens.map(|token| token.0).collect();
    tokens.sort_unstable();
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"tower-bearer-auth: a table of static tokens\0");
    tokens.iter().for_each(|token| context.update(token));
    let digest = context.finish();
    let hexadecimal: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    hexadecimal.into()
}

/// A SHA-256 digest that is compared in constant time.
#[derive(Clone)]
struct Digest([u8; digest::SHA256_OUTPUT_LEN]);

impl Digest {
    fn of(token: &BearerToken) -> Self {
        let digest = digest::digest(&digest::SHA256, token.as_bytes());
        let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for Digest {}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify_error::VerifyErrorKind;
    use std::time::{Duration, UNIX_EPOCH};

    fn reason(result: Result<AccessToken, VerifyError>) -> InvalidReason {
        match result.unwrap_err().kind() {
            VerifyErrorKind::Invalid(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn known_tokens_are_distinguished_from_unknown_and_expired_ones() {
        let clock = Clock::manual(UNIX_EPOCH);
        let verifier = StaticTokenVerifier::new([
            (
                "one",
                StaticToken::new("a").scopes(["read"]).claim("plan", "gold"),
            ),
            (
                "two",
                StaticToken::new("b").expires_at(UNIX_EPOCH + Duration::from_secs(1)),
            ),
        ])
        .clock(clock.clone());
        let verify = |token: &str| verifier.verify(token.parse().unwrap());

        let one = verify("one").unwrap();
        assert_eq!(one.client_id(), Some("a"));
        assert_eq!(one.claim::<String>("plan").as_deref(), Some("gold"));
        assert_eq!(one.claim::<String>("client_id").as_deref(), Some("a"));
        assert_eq!(one.token().as_str(), "one");
        assert!(verify("two").is_ok());
        assert_eq!(reason(verify("on")), InvalidReason::Unrecognized);
        assert_eq!(reason(verify("ones")), InvalidReason::Unrecognized);
        clock.advance(Duration::from_secs(1));
        assert_eq!(reason(verify("two")), InvalidReason::Expired);
    }

    #[test]
    fn scopes_of_several_calls_add_up() {
        let meaning = StaticToken::new("a")
            .scopes(["read"])
            .scopes(["write", "read"]);
        let verifier = StaticTokenVerifier::new([("one", meaning)]);
        let token = verifier.verify("one".parse().unwrap()).unwrap();
        assert_eq!(token.scopes().as_str(), "read write");
    }

    #[test]
    fn principals_of_two_tables_differ_unless_both_have_one_name() {
        let table = |tokens: &[&str]| {
            let tokens = tokens.iter().map(|token| (*token, StaticToken::new("dev")));
            StaticTokenVerifier::new(tokens)
        };
        let principal = |verifier: &StaticTokenVerifier, token: &str| {
            let token = verifier.verify(token.parse().unwrap()).unwrap();
            token.principal().unwrap()
        };
        let (one, other) = (table(&["a", "b"]), table(&["a"]));
        assert_eq!(principal(&one, "a"), principal(&one, "b"));
        assert_eq!(principal(&one, "a"), principal(&table(&["b", "a"]), "a"));
        assert_ne!(principal(&one, "a"), principal(&other, "a"));
        assert_ne!(
            principal(&one, "a").to_bytes(),
            principal(&other, "a").to_bytes()
        );
        let (one, other) = (one.name("table"), other.name("table"));
        assert_eq!(principal(&one, "a"), principal(&other, "a"));
    }

    #[test]
    fn neither_the_table_nor_debug_holds_a_token() {
        let verifier = StaticTokenVerifier::new([("secret-token", StaticToken::new("a"))]);
        assert!(!format!("{verifier:?}").contains("secret"));
    }

    #[test]
    #[should_panic(expected = "static token 1 is in the table already")]
    fn a_repeated_token_panics() {
        let token = || ("same", StaticToken::new("a"));
        StaticTokenVerifier::new([token(), token()]);
    }

    #[test]
    #[should_panic(expected = "static token 0 is not a bearer token")]
    fn a_token_that_cannot_arrive_panics() {
        StaticTokenVerifier::new([("two words", StaticToken::new("a"))]);
    }
}
