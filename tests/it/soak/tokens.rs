//! The tokens that are about, by what may be said to them.

use std::time::Duration;

use serde_json::json;
use tower_bearer_auth::testing::{SigningKey, TokenBuilder};
use tower_bearer_auth::{Algorithm, Clock};

use super::gateway::{AUDIENCE, Gateway, LOCAL_ISSUER};

/// A token, and who answers to it.
#[derive(Clone)]
pub(super) struct Card {
    pub(super) token: String,
    pub(super) subject: String,
}

/// What tokens have in common whose answer depends on the hour. The order is that of the schedule's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Signed by the key that the issuer signs with, as far as the gateway can know.
    Newest,
    /// Signed by a key that is made and not adopted yet.
    Next,
    /// Signed by a key that was replaced and is still published.
    Older,
    /// Signed by a key that was withdrawn; they were good, and remembered, before.
    Gone,
    /// Good for an hour from the time when they were made.
    Brief,
    /// Of a key that does not exist, and issued long ago.
    MadeUp,
    /// Of a key that does not exist, and without `iat`.
    Undated,
    /// Of the newest key, by name.
    Forged,
    /// Known to the introspection endpoint.
    Opaque,
    /// To be refused by the introspection endpoint alone.
    Asked,
}

/// What is in use at the moment.
#[derive(Clone)]
pub(super) struct Deck {
    pub(super) newest: Vec<Card>,
    pub(super) next: Vec<Card>,
    pub(super) older: Vec<Card>,
    pub(super) gone: Vec<Card>,
    pub(super) brief: Vec<Card>,
    pub(super) forged: Vec<Card>,
    pub(super) opaque: Vec<Card>,
    pub(super) revoked: Vec<Card>,
    pub(super) partners: Vec<Card>,
    pub(super) local: Vec<Card>,
    pub(super) local_poor: Vec<Card>,
    pub(super) expired: Vec<Card>,
    pub(super) elsewhere: Vec<Card>,
    pub(super) unsigned: Vec<Card>,
    pub(super) next_key: SigningKey,
    pub(super) staff: String,
    pub(super) partner: String,
    clock: Clock,
    made: usize,
}

const USERS: usize = 12;
const HOUR: Duration = Duration::from_secs(3600);
const ALL_SCOPES: &str = "notes:read notes:write admin";

/// Longer than a life of the issuer.
const LONG: Duration = Duration::from_secs(100 * 3600);

impl Deck {
    pub(super) fn new(gateway: &Gateway) -> Self {
        let mut deck = Self {
            newest: Vec::new(),
            next: Vec::new(),
            older: Vec::new(),
            gone: Vec::new(),
            brief: Vec::new(),
            forged: Vec::new(),
            opaque: Vec::new(),
            revoked: Vec::new(),
            partners: Vec::new(),
            local: Vec::new(),
            local_poor: Vec::new(),
            expired: Vec::new(),
            elsewhere: Vec::new(),
            unsigned: Vec::new(),
            next_key: gateway.staff.issuer.key(),
            staff: gateway.staff.issuer.issuer(),
            partner: gateway.partners.issuer.issuer(),
            clock: gateway.clock.clone(),
            made: 0,
        };
        for number in 0..USERS {
            let subject = format!("opaque-{number}");
            let said = |scope: &str| json!({"sub": subject, "aud": AUDIENCE, "scope": scope});
            let token = gateway.staff.issuer.opaque_token(said(ALL_SCOPES));
            let revoked = gateway.staff.issuer.opaque_token(said(ALL_SCOPES));
            gateway.staff.issuer.revoke(&revoked);
            let card = |token| Card {
                token,
                subject: subject.clone(),
            };
            deck.opaque.push(card(token));
            deck.revoked.push(card(revoked));
        }
        deck.make_next();
        gateway.staff.issuer.add_key(deck.next_key.clone());
        gateway.staff.issuer.retire_old_keys();
        deck.adopt();
        deck
    }

    /// Makes the tokens that live for a life.
    pub(super) fn renew(&mut self, gateway: &Gateway) {
        let partner = gateway.partners.issuer.key();
        let name = self.partner.clone();
        self.partners = self.mint("partner", |deck| deck.token(&partner, &name, "notes:read"));
        let local = &gateway.local;
        self.local = self.mint("local", |deck| deck.token(local, LOCAL_ISSUER, ALL_SCOPES));
        self.local_poor = self.mint("poor", |deck| deck.token(local, LOCAL_ISSUER, "other"));
    }

    /// Makes the next key, and tokens of it.
    pub(super) fn make_next(&mut self) {
        let key_id = format!("staff-{}", self.made);
        let key = SigningKey::generate(Algorithm::ES256).with_key_id(key_id);
        self.next = self.mint("next", |deck| deck.token(&key, &deck.staff, ALL_SCOPES));
        self.next_key = key;
    }

    /// Signs with the next key, which is published or about to be.
    pub(super) fn adopt(&mut self) {
        let key = self.next_key.clone();
        let newest = std::mem::take(&mut self.next);
        self.older
            .extend(std::mem::replace(&mut self.newest, newest));
        let token = |deck: &Self| deck.token(&key, &deck.staff, ALL_SCOPES);
        self.forged = self.mint("forged", |deck| token(deck).tampered());
        self.expired = self.mint("expired", |deck| token(deck).expired());
        self.elsewhere = self.mint("elsewhere", |deck| {
            token(deck).audience("https://other.test")
        });
        self.unsigned = self.mint("unsigned", |deck| token(deck).unsigned());
        self.make_next();
    }

    /// Makes tokens of the newest key that expire soon.
    pub(super) fn make_brief(&mut self, key: &SigningKey) {
        self.brief = self.mint("brief", |deck| {
            deck.token(key, &deck.staff, ALL_SCOPES).expires_in(HOUR)
        });
    }

    /// Has the older keys' tokens be those of withdrawn keys. The last ones are kept.
    pub(super) fn bury(&mut self) {
        self.gone.append(&mut self.older);
        let surplus = self.gone.len().saturating_sub(4 * USERS);
        self.gone.drain(..surplus);
    }

    fn mint(&mut self, name: &str, token: impl Fn(&Self) -> TokenBuilder) -> Vec<Card> {
        let cards = (0..USERS).map(|number| {
            let subject = format!("{name}-{}-{number}", self.made);
            let token = token(self).subject(&subject).build();
            Card { token, subject }
        });
        let cards = cards.collect();
        self.made += 1;
        cards
    }

    fn token(&self, key: &SigningKey, issuer: &str, scope: &str) -> TokenBuilder {
        key.token()
            .clock(self.clock.clone())
            .issuer(issuer)
            .audience(AUDIENCE)
            .expires_in(LONG)
            .claim("scope", scope)
    }
}
