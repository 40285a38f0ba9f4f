//! Tokens that are revoked while clients send them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tower_bearer_auth::Clock;
use tower_bearer_auth::revocation::Revocations;

use super::answers::{Answers, NO, OK};
use super::gateway::LOCAL_ISSUER;
use super::tokens::Card;

/// A token that is valid until it is revoked. Its subject is also its `jti` and its `sid`.
#[derive(Clone)]
pub(super) struct Revocable {
    pub(super) card: Card,
    stage: Arc<AtomicU8>,
}

/// How far the revocation of a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stage(u8);

const NOT_REVOKED: Stage = Stage(0);
const BEGUN: Stage = Stage(1);
const REVOKED: Stage = Stage(2);

/// How many tokens are revoked in each hour.
pub(super) const PER_HOUR: usize = 3;

impl Revocable {
    pub(super) fn new(card: Card) -> Self {
        Self {
            card,
            stage: Arc::default(),
        }
    }

    pub(super) fn stage(&self) -> Stage {
        Stage(self.stage.load(Ordering::SeqCst))
    }

    /// The permitted responses to a request that was sent at this stage, and is answered now.
    pub(super) fn allowed(&self, sent_at: Stage) -> Answers {
        if sent_at == REVOKED {
            NO
        } else if self.stage() == NOT_REVOKED {
            OK
        } else {
            OK.or(NO)
        }
    }

    fn set(&self, stage: Stage) {
        self.stage.store(stage.0, Ordering::SeqCst);
    }
}

/// Revokes the next tokens, in each of the three ways.
pub(super) async fn revoke_some(tokens: Vec<Revocable>, revocations: Revocations, clock: Clock) {
    let left = tokens.iter().filter(|token| token.stage() == NOT_REVOKED);
    for (number, token) in left.take(PER_HOUR).enumerate() {
        let name = &token.card.subject;
        token.set(BEGUN);
        let revoked = match number % 3 {
            0 => {
                revocations
                    .revoke_token(LOCAL_ISSUER, name, clock.now() + super::tokens::LONG)
                    .await
            }
            1 => {
                revocations
                    .revoke_subject(LOCAL_ISSUER, name, clock.now())
                    .await
            }
            _ => revocations.revoke_session(LOCAL_ISSUER, name).await,
        };
        revoked.expect("there is room");
        token.set(REVOKED);
        tokio::task::yield_now().await;
    }
}
