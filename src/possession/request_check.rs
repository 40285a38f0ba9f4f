//! Checks of a request whose token is verified.

use std::future::Future;
use std::pin::Pin;

use super::request_head::RequestHead;
use crate::access_token::AccessToken;
use crate::credentials::Scheme;
use crate::verify_error::VerifyError;

/// A check of a request whose token is verified, such as whether its sender has the key that the token is bound to.
///
/// A verifier sees the token alone, and its result can be cached. A `RequestCheck` sees the request too, and runs for
/// every request. Pass it to [`BearerAuthLayer::check_request`](crate::BearerAuthLayer::check_request).
///
/// ```
/// use std::future::{Future, ready};
/// use std::net::IpAddr;
///
/// use tower_bearer_auth::possession::{Checked, RequestCheck, RequestHead};
/// use tower_bearer_auth::{AccessToken, Scheme, VerifyError};
///
/// /// Accepts a token with the claim `ip` only from this address, which an outer layer inserted as an extension.
/// struct SameAddress;
///
/// impl RequestCheck for SameAddress {
///     fn check(
///         &self,
///         head: RequestHead<'_>,
///         _: Scheme,
///         token: &AccessToken,
///     ) -> impl Future<Output = Result<Checked, VerifyError>> + Send + use<> {
///         let wanted = token.claim::<IpAddr>("ip");
///         let sender = head.extensions.get::<IpAddr>().copied();
///         ready(match wanted {
///             Some(_) if wanted != sender => {
///                 Err(VerifyError::invalid("The access token was issued to another address"))
///             }
///             Some(_) | None => Ok(Checked::Passed),
///         })
///     }
/// }
/// ```
pub trait RequestCheck: Send + Sync + 'static {
    /// Checks the request. The future must not borrow from the head or the token: copy what it needs before.
    ///
    /// A layer with several checks calls `check` of each, and then awaits the futures one after the other until the
    /// first refusal. So put side effects, such as counting the request, into the future: a check that refuses the
    /// request prevents them. [`AccessToken::has_scope`] does not know the layer's
    /// [`ScopeHierarchy`](crate::ScopeHierarchy) here.
    ///
    /// # Errors
    ///
    /// If the check refuses the request: [`VerifyError::invalid`], [`VerifyError::invalid_proof`],
    /// [`VerifyError::nonce_required`], [`VerifyError::insufficient_scope`], or [`VerifyError::unavailable`] if the
    /// check is not possible now.
    fn check(
        &self,
        head: RequestHead<'_>,
        scheme: Scheme,
        token: &AccessToken,
    ) -> impl Future<Output = Result<Checked, VerifyError>> + Send + use<Self>;
}

/// The result of a [`RequestCheck`] that does not refuse the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checked {
    /// The check does not refuse the request, and proves no key. A token that is bound to a key needs another check.
    Passed,
    /// The sender has shown that it has each key that the token is bound to, except those that
    /// [`dpop`](crate::BearerAuthLayer::dpop) and
    /// [`client_certificates`](crate::BearerAuthLayer::client_certificates) check.
    Proven,
}

pub(super) type CheckFuture = Pin<Box<dyn Future<Output = Result<Checked, VerifyError>> + Send>>;

/// A [`RequestCheck`] of any type.
pub(super) trait ErasedCheck: Send + Sync {
    fn check(&self, head: RequestHead<'_>, scheme: Scheme, token: &AccessToken) -> CheckFuture;
}

impl<C: RequestCheck> ErasedCheck for C {
    fn check(&self, head: RequestHead<'_>, scheme: Scheme, token: &AccessToken) -> CheckFuture {
        Box::pin(RequestCheck::check(self, head, scheme, token))
    }
}
