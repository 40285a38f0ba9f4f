//! The tokens that clients send, grouped by the permitted responses.

use std::time::Duration;

use serde_json::json;
use tower_bearer_auth::testing::{SigningKey, TokenBuilder};
use tower_bearer_auth::{Algorithm, Clock};

use super::gateway::{AUDIENCE, Gateway, LOCAL_ISSUER};
use super::life::LIFE;
use super::revoker::{PER_HOUR, Revocable};

/// A token and its subject.
#[derive(Clone)]
pub(super) struct Card {
    pub(super) token: String,
    pub(super) subject: String,
}

/// The classes of tokens whose response depends on the hour, in the order of the schedule's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Signed by the issuer's current key, which the gateway can know.
    Newest,
    /// Signed by the next key, which the issuer does not use yet.
    Next,
    /// Signed by a key that was replaced and is still published.
    Older,
    /// Signed by a key that was withdrawn. These tokens were valid and cached before.
    Gone,
    /// Valid for an hour after they were issued.
    Brief,
    /// With a key ID that does not exist, and issued long ago.
    MadeUp,
    /// With a key ID that does not exist, and without `iat`.
    Undated,
    /// With the key ID of the newest key, and an invalid signature.
    Forged,
    /// Opaque, and active at the introspection endpoint.
    Opaque,
    /// Tokens that only the introspection endpoint can refuse.
    Introspected,
}

/// The tokens that clients send at the moment.
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
    /// Tokens that are revoked one after the other.
    pub(super) revocable: Vec<Revocable>,
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
pub(super) const LONG: Duration = Duration::from_secs(100 * 3600);

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
            revocable: Vec::new(),
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

    /// Issues the tokens that are valid for a whole life.
    pub(super) fn renew(&mut self, gateway: &Gateway) {
        let partner = gateway.partners.issuer.key();
        let name = self.partner.clone();
        self.partners = self.mint("partner", |deck| deck.token(&partner, &name, "notes:read"));
        let local = &gateway.local;
        self.local = self.mint("local", |deck| deck.token(local, LOCAL_ISSUER, ALL_SCOPES));
        self.local_poor = self.mint("poor", |deck| deck.token(local, LOCAL_ISSUER, "other"));
        self.revocable = (0..LIFE.len() * PER_HOUR)
            .map(|number| {
                let subject = format!("revocable-{}-{number}", self.made);
                let token = self.token(local, LOCAL_ISSUER, ALL_SCOPES);
                let token = token.subject(&subject).jwt_id(&subject);
                let token = token.claim("sid", &*subject).build();
                Revocable::new(Card { token, subject })
            })
            .collect();
        self.made += 1;
    }

    /// Generates the next key, and issues tokens with it.
    pub(super) fn make_next(&mut self) {
        let key_id = format!("staff-{}", self.made);
        let key = SigningKey::generate(Algorithm::ES256).with_key_id(key_id);
        self.next = self.mint("next", |deck| deck.token(&key, &deck.staff, ALL_SCOPES));
        self.next_key = key;
    }

    /// Makes the next key the newest key. It is published already, or right after this call.
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

    /// Issues tokens that expire in an hour.
    pub(super) fn make_brief(&mut self, key: &SigningKey) {
        self.brief = self.mint("brief", |deck| {
            deck.token(key, &deck.staff, ALL_SCOPES).expires_in(HOUR)
        });
    }

    /// Moves the tokens of older keys to those of withdrawn keys, and keeps only the last of these.
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
