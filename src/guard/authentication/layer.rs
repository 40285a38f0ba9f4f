use std::sync::Arc;
use std::time::Duration;

use http::Response;
use tower_layer::Layer;

use super::service::RequireAuthentication;
use crate::authentication_requirement::AuthenticationRequirement;
use crate::guard::settings::Settings;
use crate::reject::{RefusalMap, Refused, ReplyBody};

/// Refuses requests whose user has not authenticated in a certain way, or not recently (RFC 9470).
///
/// Put it behind a [`BearerAuthLayer`](crate::BearerAuthLayer), around the routes that need it:
///
/// ```
/// use std::time::Duration;
/// use axum::{Router, routing::{get, post}};
/// use tower_bearer_auth::{BearerAuthLayer, RequireAuthenticationLayer};
///
/// # fn app(verifier: tower_bearer_auth::JwtVerifier) -> Router {
/// let step_up = RequireAuthenticationLayer::new()
///     .acr(["phr", "phrh"])
///     .max_age(Duration::from_secs(300));
/// Router::new()
///     .route("/transfers", post(|| async { "done" }).layer(step_up))
///     .route("/balance", get(|| async { "42" }))
///     .layer(BearerAuthLayer::new(verifier))
/// # }
/// ```
///
/// The answer is 401 with `acr_values` and `max_age`, from which the client makes its next authorization request. If
/// the requirement depends on the request, use
/// [`AccessToken::require_authentication`](crate::AccessToken::require_authentication) in the handler instead.
///
/// Without [`acr`](Self::acr) and [`max_age`](Self::max_age), it requires only a token.
#[derive(Debug, Clone)]
pub struct RequireAuthenticationLayer {
    settings: Arc<Settings<Arc<AuthenticationRequirement>>>,
}

impl RequireAuthenticationLayer {
    /// Creates a layer that requires only a token.
    pub fn new() -> Self {
        Self::from(AuthenticationRequirement::new())
    }

    /// Sets the accepted values of the claim `acr`, in order of preference; see [`AuthenticationRequirement::acr`].
    ///
    /// # Panics
    ///
    /// If the list is empty, or a value has other characters than visible ASCII without space, `"` and `\`.
    #[must_use]
    #[track_caller]
    pub fn acr<I>(self, values: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        self.require(|requirement| requirement.acr(values))
    }

    /// Sets the maximum time since the user authenticated, in whole seconds; see
    /// [`AuthenticationRequirement::max_age`].
    ///
    /// # Panics
    ///
    /// If it is shorter than a second.
    #[must_use]
    #[track_caller]
    pub fn max_age(self, age: Duration) -> Self {
        self.require(|requirement| requirement.max_age(age))
    }

    /// Maps each refusal of this guard to an answer of your own. Default: the
    /// [mapping](crate::BearerAuthLayer::map_refusal) of the layer in front. See [answers of your
    /// own](crate::reject#answers-of-your-own). A later call replaces an earlier one.
    #[must_use]
    pub fn map_refusal<F, R>(mut self, map: F) -> Self
    where
        F: Fn(&Refused, Response<ReplyBody>) -> Response<R> + Send + Sync + 'static,
        R: Into<ReplyBody>,
    {
        Arc::make_mut(&mut self.settings).refusal_map = Some(RefusalMap::new(map));
        self
    }

    fn require(
        mut self,
        change: impl FnOnce(AuthenticationRequirement) -> AuthenticationRequirement,
    ) -> Self {
        let requirement = &mut Arc::make_mut(&mut self.settings).requirement;
        *requirement = Arc::new(change((**requirement).clone()));
        self
    }
}

impl Default for RequireAuthenticationLayer {
    fn default() -> Self {
        Self::new()
    }
}

/// Creates a layer that enforces this requirement.
impl From<AuthenticationRequirement> for RequireAuthenticationLayer {
    fn from(requirement: AuthenticationRequirement) -> Self {
        Self {
            settings: Arc::new(Settings::new(Arc::new(requirement))),
        }
    }
}

impl<S> Layer<S> for RequireAuthenticationLayer {
    type Service = RequireAuthentication<S>;

    fn layer(&self, inner: S) -> RequireAuthentication<S> {
        RequireAuthentication::with_settings(inner, Arc::clone(&self.settings))
    }
}
