//! It is an extractor and not a layer. The guard calls the extractor and then the empty service.
//!
//! `LocalDecoder` tries its keys in order, of which there is one here. `RemoteJwksDecoder` looks up the key by its ID,
//! which is more work.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::response::IntoResponse;
use axum::routing::get;
use axum_jwt_auth::{Claims, Decoder, LocalDecoder};
use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use jsonwebtoken_10::jwk::JwkSet;
use jsonwebtoken_10::{DecodingKey, Validation};
use serde::Deserialize;

use super::{App, Guard, NOTES, Setup};
use crate::support::service::{Nothing, answer, at_once, request};

/// The crate has no claims type of its own.
#[derive(Debug, Clone, Deserialize)]
struct User {
    #[allow(dead_code, reason = "the handlers do not read it")]
    sub: String,
}

fn decoder(setup: &Setup) -> Decoder<User> {
    let set: JwkSet = serde_json::from_str(&setup.jwk_set).unwrap();
    let keys = set
        .keys
        .iter()
        .map(|jwk| DecodingKey::from_jwk(jwk).unwrap());
    let mut validation = Validation::new(setup.algorithm.as_str().parse().unwrap());
    validation.set_issuer(&[setup.issuer]);
    validation.set_audience(&[setup.audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    validation.validate_nbf = true;
    Arc::new(LocalDecoder::new(keys.collect(), validation).unwrap())
}

pub(super) fn guard(setup: &Setup) -> Guard {
    let decoder = decoder(setup);
    Box::new(move |header| {
        let (mut parts, body) = request(header, Empty::<Bytes>::new()).into_parts();
        match at_once(Claims::<User>::from_request_parts(&mut parts, &decoder)) {
            Ok(_) => answer(&mut Nothing, Request::from_parts(parts, body)).status(),
            Err(refusal) => refusal.into_response().status(),
        }
    })
}

pub(super) fn app(setup: &Setup) -> App {
    let app = Router::new()
        .route("/notes", get(|_: Claims<User>| async { NOTES }))
        .with_state(decoder(setup));
    App::Axum8(app)
}
