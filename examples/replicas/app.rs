//! The app of a replica, with all its layers.

use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tower::BoxError;
use tower_bearer_auth::revocation::{
    BackChannelLogout, LogoutTokenVerifier, Revocations, SecurityEventVerifier, SecurityEvents,
};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, CacheLayer, ErasedVerifier, IntrospectionVerifier, Jwks,
    JwtVerifier, ProtectedResource, RequireScopesLayer, VerifierExt,
};
use tower_layer::Layer;

use super::admin;
use super::settings::Settings;
use super::store::Store;

pub(crate) async fn app(settings: &Settings) -> Result<Router, BoxError> {
    let issuer = settings.issuer.as_deref().ok_or("there is no issuer")?;
    let resource = ProtectedResource::new(&settings.resource).authorization_servers([issuer]);
    let builder = JwtVerifier::builder().audience(&resource);
    let jwts = match &settings.jwks_url {
        Some(url) => builder.issuer(issuer).jwks_url(url),
        None => builder.discover(issuer),
    }
    .build()?;
    // Logout tokens and security events are signed with the same keys.
    let jwks = jwts.jwks().ok_or("the keys are not fetched")?.clone();
    let pushed = || {
        let audiences = [&settings.client_id, &settings.resource];
        let builder = JwtVerifier::builder().jwks(jwks.clone());
        builder
            .issuer(issuer)
            .audiences(audiences.map(String::as_str))
    };

    let store = Store::new(settings)?;
    let mut builder = Revocations::builder();
    if let Some(outage) = settings.tolerate_outage {
        builder = builder.tolerate_outage(outage);
    }
    let revocations = store.revocations(builder).await?;
    let logout = LogoutTokenVerifier::new(pushed())?;
    let logout = BackChannelLogout::new(logout, &revocations);
    let events = SecurityEventVerifier::new(pushed())?;
    let events = SecurityEvents::new(events, &revocations);

    let mut auth = BearerAuthLayer::new(verifier(jwts, settings)?)
        .resource(&resource)
        .revocations(&revocations)
        .close_streams_at_expiry();
    if let Some(dpop) = &settings.dpop {
        auth = auth.dpop(store.with_proofs(dpop.clone()));
    }
    let metadata = auth.protected_resource().router();
    Ok(Router::new()
        .route("/admin/revocations", post(admin::revoke))
        .route_layer(RequireScopesLayer::all(["admin"]))
        .with_state(revocations.clone())
        .route("/whoami", get(whoami))
        .layer(auth)
        // Outside of the layer: the issuer and the load balancer have no access token.
        .merge(logout.router("/backchannel-logout"))
        .merge(events.router("/security-events"))
        .merge(metadata)
        .route(
            "/ready",
            get(async move || ready(&jwks, &revocations).await),
        ))
}

/// JWTs are verified here and cached. Other tokens are introspected if there is an endpoint, and cached for less time:
/// the issuer can revoke them without telling.
fn verifier(jwts: JwtVerifier, settings: &Settings) -> Result<ErasedVerifier, BoxError> {
    let jwts = jwts.cached(10_000);
    let Some(introspection) = &settings.introspection else {
        return Ok(jwts.erased());
    };
    let endpoint = IntrospectionVerifier::builder(&introspection.url)
        .client_secret_basic(&introspection.client_id, &introspection.client_secret)
        .audience(settings.resource.as_str())
        .build()?;
    let cache = CacheLayer::new(10_000).max_age(Duration::from_secs(10));
    Ok(jwts.or_else(cache.layer(endpoint)).erased())
}

async fn whoami(token: AccessToken) -> Json<Value> {
    Json(json!({
        "issuer": token.issuer(),
        "subject": token.subject(),
        "client": token.client_id(),
    }))
}

async fn ready(jwks: &Jwks, revocations: &Revocations) -> (StatusCode, String) {
    let status = revocations.status();
    if !status.is_ready() {
        return (StatusCode::SERVICE_UNAVAILABLE, format!("{status}\n"));
    }
    match jwks.ready().await {
        Ok(()) => (StatusCode::OK, "ready\n".into()),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "there are no keys of the issuer\n".into(),
        ),
    }
}
