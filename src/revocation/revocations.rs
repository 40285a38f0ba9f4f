//! The public handle: revokes tokens, and reports its status.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::timeout;
use tower::BoxError;

use super::entry::{ALL_TOKENS, LAST_SECOND, Revocation, RevocationId, RevocationKind};
use super::follower::{APPEND_TIMEOUT, Follower, in_time};
use super::settings::Settings;
use super::state::State;
use super::status::RevocationsStatus;
use super::store::ErasedStore;
use crate::access_token::RevocationCheck;
use crate::verify::claims::problems::MAX_LEEWAY;

/// The tokens that are refused before they expire. See the [module](crate::revocation).
///
/// Clones share everything.
#[derive(Clone)]
pub struct Revocations {
    state: Arc<State>,
    store: Option<Arc<dyn ErasedStore>>,
}

/// How long revocations are kept after the tokens have expired: for the longest leeway of a verifier, and for clocks
/// that differ by ten minutes.
const MARGIN: Duration = MAX_LEEWAY.saturating_add(Duration::from_secs(600));

/// How long [`Revocations::open`] waits for the first load, which goes on afterwards.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

impl Revocations {
    pub(super) fn in_memory(settings: Settings) -> Self {
        Self {
            state: Arc::new(State::in_memory(settings)),
            store: None,
        }
    }

    pub(super) async fn with_store(
        settings: Settings,
        store: Arc<dyn ErasedStore>,
    ) -> Result<Self, BoxError> {
        let state = Arc::new(State::with_feed(settings));
        let mut follower = Follower::new(&state, Arc::clone(&store));
        let mut first_step = Box::pin(async move {
            let result = follower.step().await;
            (follower, result)
        });
        match timeout(OPEN_TIMEOUT, &mut first_step).await {
            Ok((_, Some(Err(failure)))) if failure.is_misconfiguration() => {
                return Err(failure.error);
            }
            Ok((follower, result)) => {
                tokio::spawn(follower.run(result));
            }
            Err(_) => {
                tokio::spawn(async move {
                    let (follower, result) = first_step.await;
                    follower.run(result).await;
                });
            }
        }
        Ok(Self {
            state,
            store: Some(store),
        })
    }

    /// Refuses the token with this `jti`, until it expires at `expires_at`.
    ///
    /// It returns when the store has the revocation and this process refuses the token. Another replica refuses it once
    /// it has read the revocation from the store. The same holds for the methods below.
    ///
    /// The issuer is spelled as in the token, with or without a slash at its end. A token without an issuer has the
    /// issuer `""`.
    ///
    /// # Errors
    ///
    /// If the store does not confirm it within 5 seconds, or if there are too many revocations. This process then
    /// accepts the tokens as before. Try again: to revoke something twice is harmless.
    pub async fn revoke_token(
        &self,
        issuer: &str,
        jti: &str,
        expires_at: SystemTime,
    ) -> Result<(), BoxError> {
        let id = RevocationId::new(RevocationKind::Token, issuer, jti);
        self.revoke(id, ALL_TOKENS, since_epoch(expires_at)).await
    }

    /// Refuses the tokens of a subject (`sub`) that were issued until `cutoff`, and those without an `iat`. A cutoff in
    /// whole seconds includes all of its second.
    ///
    /// # Errors
    ///
    /// As [`revoke_token`](Self::revoke_token).
    pub async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        cutoff: SystemTime,
    ) -> Result<(), BoxError> {
        let id = RevocationId::new(RevocationKind::Subject, issuer, subject);
        self.revoke_until(id, cutoff).await
    }

    /// Refuses the tokens of a session (`sid`), no matter when they were issued: a refreshed token is newer than the
    /// end of its session.
    ///
    /// # Errors
    ///
    /// As [`revoke_token`](Self::revoke_token).
    pub async fn revoke_session(&self, issuer: &str, session: &str) -> Result<(), BoxError> {
        let id = RevocationId::new(RevocationKind::Session, issuer, session);
        let now = self.state.settings.clock.since_epoch();
        self.revoke(id, ALL_TOKENS, self.last_expiry(now)).await
    }

    /// Refuses the tokens of a client (`client_id`) that were issued until `cutoff`, and those without an `iat`. A
    /// cutoff in whole seconds includes all of its second.
    ///
    /// # Errors
    ///
    /// As [`revoke_token`](Self::revoke_token).
    pub async fn revoke_client(
        &self,
        issuer: &str,
        client_id: &str,
        cutoff: SystemTime,
    ) -> Result<(), BoxError> {
        let id = RevocationId::new(RevocationKind::Client, issuer, client_id);
        self.revoke_until(id, cutoff).await
    }

    /// The status now, for a readiness route.
    pub fn status(&self) -> RevocationsStatus {
        RevocationsStatus::of(&self.state)
    }

    #[cfg(test)]
    pub(super) fn of(state: Arc<State>, store: Arc<dyn ErasedStore>) -> Self {
        Self {
            state,
            store: Some(store),
        }
    }

    #[cfg(test)]
    pub(super) fn standing(&self) -> super::feed::Standing {
        self.state.standing()
    }

    pub(crate) fn check(&self) -> Arc<dyn RevocationCheck> {
        Arc::clone(&self.state) as _
    }

    async fn revoke_until(&self, id: RevocationId, cutoff: SystemTime) -> Result<(), BoxError> {
        let cutoff = since_epoch(cutoff);
        let millis = u64::try_from(cutoff.as_millis()).unwrap_or(ALL_TOKENS);
        let millis = match cutoff.subsec_nanos() {
            // Rounded down, as in most tokens, while the `iat` of others can have fractions.
            0 => millis.saturating_add(999),
            _ => millis,
        };
        self.revoke(id, millis, self.last_expiry(cutoff)).await
    }

    /// When the last token that was issued until then has expired.
    fn last_expiry(&self, issued_at: Duration) -> Duration {
        issued_at.saturating_add(self.state.settings.longest_token_life)
    }

    async fn revoke(
        &self,
        id: RevocationId,
        cutoff: u64,
        last_expiry: Duration,
    ) -> Result<(), BoxError> {
        let ends_at = last_expiry.saturating_add(MARGIN).as_secs();
        let revocation = Revocation {
            id,
            cutoff,
            // Rounded up.
            ends_at: ends_at.saturating_add(1).min(LAST_SECOND),
        };
        if !revocation.is_live(self.state.end_clock.now()) {
            // Its tokens have expired.
            return Ok(());
        }
        if !self.state.has_room() {
            return Err(TooMany.into());
        }
        if let Some(store) = &self.store {
            in_time(APPEND_TIMEOUT, Arc::clone(store).append(vec![revocation])).await?;
        }
        self.state.add([revocation]);
        Ok(())
    }
}

/// The time since 1970. Zero before.
fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The error when there are too many revocations.
#[derive(Debug)]
struct TooMany;

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there are too many revocations: raise their capacity(..)")
    }
}

impl std::error::Error for TooMany {}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
