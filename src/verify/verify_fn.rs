//! A verifier made from a closure.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

use crate::access_token::AccessToken;
use crate::credentials::BearerToken;
use crate::verify_error::VerifyError;

/// Makes a verifier from an async closure.
///
/// It is tower's `service_fn` with the error type [`VerifyError`], so that the closure needs no type annotations. See the
/// [module](crate::verify) for an example.
pub fn verify_fn<F, Fut>(verify: F) -> VerifyFn<F>
where
    F: FnMut(BearerToken) -> Fut,
    Fut: Future<Output = Result<AccessToken, VerifyError>>,
{
    let name = None;
    VerifyFn { verify, name }
}

/// A verifier made from a closure; see [`verify_fn`].
#[derive(Clone)]
pub struct VerifyFn<F> {
    verify: F,
    /// `None`: tokens keep the name that the closure gives them.
    name: Option<Arc<str>>,
}

impl<F> VerifyFn<F> {
    /// Names the verifier in [audit events](crate::telemetry), in metrics and in the
    /// [principals](AccessToken::principal) of its tokens. Default: `custom`.
    ///
    /// Principals of verifiers with different names are never equal. The name replaces only the default one: a token that
    /// the closure [named](crate::AccessTokenBuilder::verifier), or that another verifier returned to it, keeps its name.
    ///
    /// ```
    /// use tower_bearer_auth::{AccessToken, verify_fn};
    ///
    /// let verifier = verify_fn(|token| async move {
    ///     Ok(AccessToken::builder(token).client_id("reports").build())
    /// })
    /// .name("api-keys");
    /// # let _ = verifier;
    /// ```
    ///
    /// # Panics
    ///
    /// If the name is empty.
    #[must_use]
    #[track_caller]
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        let name = name.into();
        assert!(!name.is_empty(), "a verifier's name is not empty");
        self.name = Some(name.into());
        self
    }
}

impl<F, Fut> Service<BearerToken> for VerifyFn<F>
where
    F: FnMut(BearerToken) -> Fut,
    Fut: Future<Output = Result<AccessToken, VerifyError>>,
{
    type Response = AccessToken;
    type Error = VerifyError;
    type Future = VerifyFnFuture<Fut>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), VerifyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, token: BearerToken) -> VerifyFnFuture<Fut> {
        VerifyFnFuture {
            verify: (self.verify)(token),
            name: self.name.clone(),
        }
    }
}

impl<F> fmt::Debug for VerifyFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyFn")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`VerifyFn`].
    pub struct VerifyFnFuture<Fut> {
        #[pin]
        verify: Fut,
        name: Option<Arc<str>>,
    }
}

impl<Fut> Future for VerifyFnFuture<Fut>
where
    Fut: Future<Output = Result<AccessToken, VerifyError>>,
{
    type Output = Result<AccessToken, VerifyError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut token = ready!(this.verify.poll(cx))?;
        if let Some(name) = this.name {
            token.name_verifier(name);
        }
        Poll::Ready(Ok(token))
    }
}

impl<Fut> fmt::Debug for VerifyFnFuture<Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyFnFuture").finish_non_exhaustive()
    }
}
