//! What the layer left in a request's extensions for those further in.

use std::sync::Arc;

use http::Extensions;

use crate::access_token::AccessToken;
use crate::late_refusal::LateRefusal;
use crate::protection::Protection;
#[cfg(feature = "mcp")]
use crate::telemetry::Bearer;

/// Who is calling, as far as the extensions tell.
pub(crate) enum Caller<'a> {
    /// The layer verified a token.
    Known(&'a AccessToken),
    /// An optional layer passed the request on without a token.
    Anonymous(&'a Anonymous),
    /// No layer ran in front.
    Unasked,
}

impl<'a> Caller<'a> {
    pub(crate) fn of(extensions: &'a Extensions) -> Self {
        if let Some(token) = extensions.get::<AccessToken>() {
            return Self::Known(token);
        }
        match extensions.get::<Anonymous>() {
            Some(marker) => Self::Anonymous(marker),
            None => Self::Unasked,
        }
    }

    /// The bearer that a decision is about.
    #[cfg(feature = "mcp")]
    pub(crate) fn bearer(&self) -> Bearer<'a> {
        match *self {
            Self::Known(token) => Bearer::Verified(token),
            Self::Anonymous(_) | Self::Unasked => Bearer::Nobody,
        }
    }
}

/// The mark of an optional layer that found no token: it tells "no token" from "no layer".
#[derive(Debug, Clone)]
pub(crate) struct Anonymous {
    pub(crate) protection: Arc<Protection>,
    /// Where what is found out late about this request can be said.
    #[cfg_attr(
        not(feature = "rmcp"),
        allow(dead_code, reason = "only tools are late")
    )]
    pub(crate) late_refusal: LateRefusal,
}

/// The maximum number of bytes to read from a refused request's body, as the layer in front configured it.
pub(crate) fn max_drained_bytes(extensions: &Extensions) -> usize {
    match Caller::of(extensions) {
        Caller::Known(token) => token.shared_protection().max_drained_bytes,
        Caller::Anonymous(anonymous) => anonymous.protection.max_drained_bytes,
        Caller::Unasked => Protection::default().max_drained_bytes,
    }
}

/// Removes a token that the layer did not verify from the extensions. Returns whether an outer layer had verified it.
pub(crate) fn forget(extensions: &mut Extensions) -> bool {
    extensions.remove::<Anonymous>();
    let token = extensions.remove::<AccessToken>();
    token.is_some_and(|token| token.is_protected())
}

/// Marks a request that goes on without a token.
pub(crate) fn mark_anonymous(extensions: &mut Extensions, anonymous: Anonymous) {
    extensions.insert(anonymous);
}
