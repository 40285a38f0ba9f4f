use std::sync::Arc;

use aws_lc_rs::hmac;
use bytes::Bytes;
use http::HeaderValue;

use super::WHO;
use super::binding::{Purpose, bind, unbind};
use crate::access_token::{AccessToken, Principal};
use crate::mcp::rejection::Rejection;
use crate::protection::Protection;
use crate::reject::{Refusal, Reply};
use crate::telemetry::Bearer;

/// Who a request is from, and so whose the IDs in it have to be.
pub(super) enum Owner {
    Known(Principal),
    /// Somebody whose token names neither a subject nor a client.
    Nameless(AccessToken),
    /// Somebody without a token, behind an optional layer.
    Anonymous(Arc<Protection>),
}

impl Owner {
    /// The server's own ID, if it is one of this owner's.
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

    /// The ID of a session that this owner just opened, as it may know it; an answer instead of the
    /// session where there is nobody for it to belong to.
    pub(super) fn bind_session(
        &self,
        key: &hmac::Key,
        id: &HeaderValue,
    ) -> Result<HeaderValue, Reply> {
        match self {
            Self::Known(principal) => {
                let bound = bind(key, Purpose::Session, id.as_bytes(), principal);
                Ok(HeaderValue::from_maybe_shared(Bytes::from(bound))
                    .expect("a header's value, a dot and base64url"))
            }
            Self::Nameless(token) => {
                Err(Rejection::NobodysSession.refuse(WHO, Bearer::Verified(token)))
            }
            Self::Anonymous(protection) => {
                let scopes = protection.initial_scopes();
                Err(Refusal::NoToken.refuse(WHO, Bearer::Nobody, protection, scopes))
            }
        }
    }
}
