//! Keys from a provider with rotations, slow responses and outages.
//!
//! The policy runs on a manual clock. Only the timeout of fetches is in real time, because the sockets are real.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use tower::{Service, ServiceExt};
use tower_bearer_auth::jwks::{HttpKeySource, JwksBuilder, KeySource};
use tower_bearer_auth::testing::{Fault, SigningKey, TestIssuer, TokenBuilder};
use tower_bearer_auth::{
    AccessToken, Clock, InvalidReason, Jwks, JwtVerifier, VerifyError, VerifyErrorKind,
};

use crate::support::PATIENCE;

mod abuse;
mod cancellation;
mod causes;
mod discovery;
mod discovery_rules;
mod documents;
mod faults;
mod freshness;
mod issuer_names;
mod lifecycle;
mod locations;
mod newer_tokens;
mod outage;
mod redirects;
mod replaced_keys;
mod rotation;
mod same_names;
mod settings;
mod source_settings;
mod sources;
mod subtleties;
mod threads;
mod tls;

const AUDIENCE: &str = "https://api.test";

/// An issuer, a set of its keys, a verifier that uses the set, and the one clock of all three.
struct Fixture {
    issuer: TestIssuer,
    clock: Clock,
    jwks: Jwks,
    verifier: JwtVerifier,
}

impl Fixture {
    async fn new() -> Self {
        Self::configured(|jwks| jwks).await
    }

    async fn loaded() -> Self {
        let fixture = Self::new().await;
        fixture.jwks.refresh().await.unwrap();
        fixture
    }

    async fn configured(configure: impl FnOnce(JwksBuilder) -> JwksBuilder) -> Self {
        let issuer = TestIssuer::start().await;
        let source = HttpKeySource::builder(issuer.jwks_url()).build().unwrap();
        Self::from_source(issuer, source, configure)
    }

    fn from_source(
        issuer: TestIssuer,
        source: impl KeySource,
        configure: impl FnOnce(JwksBuilder) -> JwksBuilder,
    ) -> Self {
        Self::with_clock(manual_clock(), issuer, source, configure)
    }

    fn with_clock(
        clock: Clock,
        issuer: TestIssuer,
        source: impl KeySource,
        configure: impl FnOnce(JwksBuilder) -> JwksBuilder,
    ) -> Self {
        let jwks = Jwks::builder(source).clock(clock.clone());
        let jwks = configure(jwks).build().unwrap();
        let verifier = JwtVerifier::builder()
            .jwks(jwks.clone())
            .issuer(issuer.issuer())
            .audience(AUDIENCE)
            .clock(clock.clone())
            .build()
            .unwrap();
        Self {
            issuer,
            clock,
            jwks,
            verifier,
        }
    }

    /// A token that is valid as long as its key is.
    fn token(&self) -> TokenBuilder {
        self.signed_by(&self.issuer.key())
    }

    fn signed_by(&self, key: &SigningKey) -> TokenBuilder {
        key.token()
            .issuer(self.issuer.issuer())
            .audience(AUDIENCE)
            .clock(self.clock.clone())
    }

    /// An `iat` that is older than keys fetched now, even with the leeway for the issuer's clock.
    fn an_hour_ago(&self) -> SystemTime {
        self.clock.now() - Duration::from_secs(3600)
    }

    async fn verify(&self, token: &str) -> Result<AccessToken, VerifyError> {
        verify(&self.verifier, token).await
    }

    async fn accept(&self, token: TokenBuilder) -> AccessToken {
        self.verify(&token.build()).await.unwrap()
    }

    fn at_once(&self, token: &str) -> Result<AccessToken, VerifyError> {
        at_once(&self.verifier, token)
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn fetches(&self) -> usize {
        self.issuer.jwks_requests()
    }

    /// Retries after the backoff until a fetch succeeds. For key sets whose fetch timeout is so short that a fetch can
    /// fail on a busy machine.
    async fn recover(&self) {
        let recovery = async {
            while self.jwks.refresh().await.is_err() {
                self.advance(60);
            }
        };
        within_reason(recovery).await;
    }
}

/// The fetch timeout for a test with this fault.
fn limit_for(fault: &Fault) -> Duration {
    match fault {
        Fault::Hang | Fault::Drip | Fault::Delay(_) => Duration::from_millis(300),
        _ => PATIENCE,
    }
}

async fn verify(verifier: &JwtVerifier, token: &str) -> Result<AccessToken, VerifyError> {
    verifier.clone().oneshot(token.parse().unwrap()).await
}

/// Polls the future once with a no-op waker.
#[track_caller]
fn at_once(verifier: &JwtVerifier, token: &str) -> Result<AccessToken, VerifyError> {
    let mut future = pin!(verifier.clone().call(token.parse().unwrap()));
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the token waits"),
    }
}

#[track_caller]
fn refused(result: Result<AccessToken, VerifyError>) -> InvalidReason {
    let error = result.unwrap_err();
    match error.kind() {
        VerifyErrorKind::Invalid(reason) => reason,
        _ => panic!("{error:?} is no refusal"),
    }
}

/// The `Retry-After` of an unavailable result, in seconds.
#[track_caller]
fn unavailable(result: Result<AccessToken, VerifyError>) -> u64 {
    let error = result.unwrap_err();
    assert!(
        matches!(error.kind(), VerifyErrorKind::Unavailable),
        "{error:?}"
    );
    error.retry_after().unwrap().as_secs()
}

/// The error of the key source, as it is logged.
fn cause(error: &VerifyError) -> String {
    std::error::Error::source(error).unwrap().to_string()
}

fn manual_clock() -> Clock {
    Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))
}

/// Waits until `reached` returns true.
async fn eventually(reached: impl Fn() -> bool) {
    let reached = async {
        while !reached() {
            tokio::task::yield_now().await;
        }
    };
    within_reason(reached).await;
}

async fn within_reason<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap()
}
