//! Refusals from further in than a guard can stand: a tool that finds out, in the middle of its work,
//! that the token does not suffice.
//!
//! An MCP server runs its tools in tasks of their own, and what they return becomes JSON. So the layer
//! leaves a slot with the request; whatever wants the request refused writes there; and when the
//! response comes, the layer looks. That works where the server waits for the tool before it begins to
//! answer, and only there is the slot looked at, so that the answer does not depend on who is faster.

/// The slot of one request; none where nobody could write into it.
#[derive(Debug, Clone, Default)]
pub(crate) struct LateRefusal {
    #[cfg(feature = "rmcp")]
    slot: Option<std::sync::Arc<slot::Slot>>,
}

#[cfg(feature = "rmcp")]
pub(crate) use self::slot::Wanted;

#[cfg(feature = "rmcp")]
mod slot {
    use std::sync::{Arc, OnceLock};

    use http::header::CONTENT_TYPE;
    use http::{HeaderMap, Method, Request, Response};

    use super::LateRefusal;
    use crate::protection::Protection;
    use crate::reject::{Refusal, Reply};
    use crate::scopes::Scopes;

    /// From this revision of MCP on, a server waits for what it is going to say before it starts its
    /// response, whatever the response's type.
    const WAITS_SINCE: &str = "2026-07-28";

    #[derive(Debug)]
    pub(super) struct Slot {
        wanted: OnceLock<Wanted>,
        protection: Arc<Protection>,
        waits: bool,
    }

    /// What the request lacks.
    #[derive(Debug)]
    pub(crate) enum Wanted {
        Token,
        Scopes(Scopes),
    }

    impl LateRefusal {
        pub(crate) fn of<B>(request: &Request<B>, protection: &Arc<Protection>) -> Self {
            // Every call in MCP is a POST.
            if request.method() != Method::POST {
                return Self::default();
            }
            let version = request.headers().get("mcp-protocol-version");
            let version = version.and_then(|version| version.to_str().ok());
            let slot = Slot {
                wanted: OnceLock::new(),
                protection: Arc::clone(protection),
                // Revisions are dates, and compare as text.
                waits: version.is_some_and(|version| version >= WAITS_SINCE),
            };
            Self {
                slot: Some(Arc::new(slot)),
            }
        }

        /// Wants the request refused. The first to say so decides.
        pub(crate) fn refuse(&self, wanted: Wanted) {
            if let Some(slot) = &self.slot {
                let _ = slot.wanted.set(wanted);
            }
        }

        /// The answer to give instead of `response`, if somebody wants it.
        pub(crate) fn instead_of<B>(&self, response: &Response<B>) -> Option<Reply> {
            let slot = self.slot.as_deref()?;
            let wanted = slot.wanted.get()?;
            if !slot.waits && !is_json(response.headers()) {
                return None;
            }
            let protection = &slot.protection;
            Some(match wanted {
                Wanted::Token => Refusal::NoToken.reply(protection, protection.initial_scopes()),
                Wanted::Scopes(scopes) => Refusal::InsufficientScope.reply(protection, scopes),
            })
        }
    }

    /// A response that is one JSON document was put together after the tool was done. An event stream
    /// may have been started before.
    fn is_json(headers: &HeaderMap) -> bool {
        headers
            .get(CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
    }
}

#[cfg(not(feature = "rmcp"))]
mod nobody {
    use std::sync::Arc;

    use http::{Request, Response};

    use super::LateRefusal;
    use crate::protection::Protection;
    use crate::reject::Reply;

    impl LateRefusal {
        pub(crate) fn of<B>(_: &Request<B>, _: &Arc<Protection>) -> Self {
            Self::default()
        }

        pub(crate) fn instead_of<B>(&self, _: &Response<B>) -> Option<Reply> {
            None
        }
    }
}
