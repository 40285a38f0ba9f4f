//! The party that acts for the subject of a token (RFC 8693 §4.1).

use std::fmt;

use serde::de::{DeserializeOwned, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::token::AccessToken;
use crate::claim_lookup;

/// A party that acts for the subject of a token, such as a service that exchanged the token of a user (RFC 8693 §4.1).
///
/// Decide about access by the subject of the token and by this actor alone: the [earlier](Self::previous) ones of a
/// chain are for the record only.
#[derive(Clone, PartialEq, Eq)]
pub struct Actor {
    claims: Map<String, Value>,
    previous: Option<Box<Self>>,
}

impl AccessToken {
    /// The party that acts for the subject: `act` (RFC 8693 §4.1). `None` if the subject acts itself.
    ///
    /// To accept only tokens of certain actors, or of none, check it with [`check`](crate::VerifierExt::check):
    ///
    /// ```
    /// use tower_bearer_auth::{
    ///     AccessToken, InvalidReason, Verifier, VerifierExt, VerifyError,
    /// };
    ///
    /// fn by_the_gateway_alone(verifier: impl Verifier) -> impl Verifier {
    ///     verifier.check(|token: &AccessToken| match token.actor() {
    ///         // A subject is unique at its issuer only. Without one, it is that of the token.
    ///         Ok(Some(actor))
    ///             if actor.subject() == Some("gateway")
    ///                 && actor.issuer().is_none_or(|issuer| token.issuer() == Some(issuer)) =>
    ///         {
    ///             Ok(())
    ///         }
    ///         Ok(_) | Err(_) => Err(VerifyError::invalid(InvalidReason::InvalidClaim)),
    ///     })
    /// }
    /// ```
    ///
    /// Each call parses the claims set.
    ///
    /// # Errors
    ///
    /// If the claim, or an `act` inside it, is not an object, or if a name occurs twice. Such a token names an actor
    /// that cannot be told, so do not treat it as one without.
    pub fn actor(&self) -> serde_json::Result<Option<Actor>> {
        claim_lookup::find(self.raw_claims(), "act")
    }

    /// The party that may act for the subject: `may_act` (RFC 8693 §4.4). `None` if the token names none. It is for
    /// authorization servers that exchange tokens, and for servers that decide who may present the token.
    ///
    /// # Errors
    ///
    /// As [`actor`](Self::actor).
    pub fn may_act(&self) -> serde_json::Result<Option<Actor>> {
        claim_lookup::find(self.raw_claims(), "may_act")
    }
}

impl Actor {
    /// Its subject: `sub`. It is unique at its issuer only.
    pub fn subject(&self) -> Option<&str> {
        self.text("sub")
    }

    /// The issuer of its subject: `iss`. If it has none, that is usually the issuer of the token.
    pub fn issuer(&self) -> Option<&str> {
        self.text("iss")
    }

    /// Its client: `client_id`.
    pub fn client_id(&self) -> Option<&str> {
        self.text("client_id")
    }

    /// Another of its claims. `None` if it is absent or does not fit the type.
    pub fn claim<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.claims.get(name)?).ok()
    }

    /// The actor before this one: the nested `act`. A chain begins with the most recent actor.
    pub fn previous(&self) -> Option<&Self> {
        self.previous.as_deref()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(ActorVisitor)
    }
}

struct ActorVisitor;

impl<'de> Visitor<'de> for ActorVisitor {
    type Value = Actor;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an actor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Actor, A::Error> {
        let mut claims = Map::new();
        let mut previous = None;
        while let Some(name) = members.next_key::<String>()? {
            let is_known = match name.as_str() {
                "act" => previous.replace(Box::new(members.next_value()?)).is_some(),
                _ => claims.insert(name, members.next_value()?).is_some(),
            };
            if is_known {
                return Err(A::Error::custom("a claim of an actor occurs twice"));
            }
        }
        Ok(Actor { claims, previous })
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor")
            .field("subject", &self.subject())
            .field("issuer", &self.issuer())
            .field("client_id", &self.client_id())
            .field("previous", &self.previous)
            .finish_non_exhaustive()
    }
}
