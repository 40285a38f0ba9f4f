use std::sync::Arc;

use aws_lc_rs::hmac;
use bytes::Bytes;
use http::HeaderValue;

use super::binding::{COMPONENT, Purpose, bind, unbind};
use super::settings::Settings;
use crate::access_token::{AccessToken, Principal};
use crate::challenge_config::ChallengeConfig;
use crate::identity::Identity;
use crate::mcp::rejection::Rejection;
use crate::reject::{Refusal, Reply};
use crate::telemetry::Bearer;

/// The sender of a request, which must own the IDs in it.
pub(super) enum Owner {
    Known(Principal),
    /// A caller whose token names neither a subject nor a client.
    Nameless(AccessToken),
    /// A caller without a token, behind an optional layer.
    Anonymous(Arc<ChallengeConfig>),
}

impl Owner {
    /// The server's ID, if `bound` was signed for this owner.
    pub(super) fn unbind(
        &self,
        key: &hmac::Key,
        purpose: Purpose,
        bound: &HeaderValue,
    ) -> Option<HeaderValue> {
        let Self::Known(principal) = self else {
            return None;
        };
        let id = unbind(key, purpose, bound.as_bytes(), principal)?;
        HeaderValue::from_bytes(id).ok()
    }

    /// The signed ID of a session that this owner opened; the refusal if this owner cannot have a session.
    pub(super) fn bind_session(
        &self,
        Settings { key, refusal_map }: &Settings,
        id: &HeaderValue,
    ) -> Result<HeaderValue, Reply> {
        let own_map = refusal_map.as_ref();
        match self {
            Self::Known(principal) => {
                let bound = bind(key, Purpose::Session, id.as_bytes(), principal);
                Ok(HeaderValue::from_maybe_shared(Bytes::from(bound))
                    .expect("a header's value, a dot and base64url"))
            }
            Self::Nameless(token) => {
                let map = Identity::Known(token).refusal_map(own_map);
                let bearer = Bearer::Verified(token);
                Err(Rejection::SessionWithoutPrincipal.refuse(COMPONENT, bearer, map))
            }
            Self::Anonymous(challenge_config) => {
                let scopes = challenge_config.initial_scopes();
                let context = challenge_config.without_token().mapped_by(own_map);
                Err(Refusal::NoToken.refuse(COMPONENT, Bearer::Unknown, context, scopes))
            }
        }
    }
}
