//! Tokens that are refused before they expire.
//!
//! A JWT is valid until it expires, even if its user has logged out or was disabled. With [`Revocations`], the layer
//! refuses it at once:
//!
//! ```
//! use std::time::SystemTime;
//! use tower_bearer_auth::BearerAuthLayer;
//! use tower_bearer_auth::revocation::Revocations;
//! # use tower_bearer_auth::{StaticToken, StaticTokenVerifier};
//!
//! # let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! let revocations = Revocations::new();
//! let layer = BearerAuthLayer::new(verifier).revocations(&revocations);
//! # let _ = layer;
//!
//! // A user was disabled. Tokens that were issued to her until now are refused.
//! revocations
//!     .revoke_subject("https://issuer.example.com", "alice", SystemTime::now())
//!     .await?;
//! # Ok::<(), tower::BoxError>(())
//! # }).unwrap();
//! ```
//!
//! | method | refuses | until |
//! |---|---|---|
//! | [`revoke_token`](Revocations::revoke_token) | one token, by its `jti` | it expires |
//! | [`revoke_subject`](Revocations::revoke_subject) | the tokens of a subject that were issued until a time | the [longest life](RevocationsBuilder::longest_token_life) of a token after that time |
//! | [`revoke_session`](Revocations::revoke_session) | the tokens of a session (`sid`) | the same, after the call |
//! | [`revoke_client`](Revocations::revoke_client) | the tokens of a client that were issued until a time | the same as for a subject |
//!
//! Each is kept for 70 minutes longer: an hour for the longest leeway of a verifier, and ten minutes for clocks that
//! differ. A refused request gets 401 with the reason `revoked`. That holds for cached tokens too. [Event
//! streams](crate::BearerAuthLayer::close_streams_at_expiry) end within a second.
//! [`is_current`](crate::AccessToken::is_current) and [`until_invalid`](crate::AccessToken::until_invalid) include
//! revocations. The layer refuses a revoked token before any guard, session or tool behind it.
//!
//! Names are those of the [`AccessToken`](crate::AccessToken). If a verifier of your own wraps another one and changes
//! the issuer, subject, client or `jti`, revoke by the changed names. Behind two nested layers, `is_current` and
//! `until_invalid` look at the revocations of the inner one.
//!
//! The guide [Revocation](crate::guides::revocation) compares revocation with short lives and introspection.
//!
//! # Where revocations come from
//!
//! Your own code calls the methods above, for example behind an admin route. Issuers send revocations to two endpoints.
//! Each is a tower service, and an axum router:
//!
//! | endpoint | the issuer sends | specification |
//! |---|---|---|
//! | [`BackChannelLogout`] | a logout token when a session ends | OpenID Connect Back-Channel Logout 1.0 |
//! | [`SecurityEvents`] | a security event token (SET) when a session is revoked, a credential changes, or an account is disabled | RFC 8417, RFC 8935; CAEP and RISC of the Shared Signals Framework |
//!
//! # Replicas
//!
//! [`Revocations::new`] is for one process. With a [`RevocationStore`], such as those of the crate
//! `tower-bearer-auth-stores`, revocations survive restarts and reach all replicas: [`Revocations::open`] loads all of
//! them, and follows the changes. A request never waits for the store. The layer looks its token up in memory, where
//! each revocation takes 94 bytes or less.
//!
//! # Outages
//!
//! | the store is out of reach | requests |
//! |---|---|
//! | at the start | get 503 until everything was loaded once |
//! | for up to [`tolerate_outage`](RevocationsBuilder::tolerate_outage) (60 seconds) since its last answer | are answered from memory: what another replica has revoked meanwhile passes |
//! | for longer | get 503, or are answered from memory with [`accept_during_outage`](RevocationsBuilder::accept_during_outage) |
//! | and then answers again | are answered from memory once the replica has read what it missed; if the log does not reach back so far, they get 503 until everything was loaded anew |
//!
//! While the store is out of reach, nothing can be revoked: the methods return an error. If the store has lost its
//! data, the replicas write back the revocations that they have in memory. Open streams stay open in an outage.
//!
//! [`Revocations::status`] reports this for a readiness route. Each change is logged once; see
//! [`telemetry`](crate::telemetry#other-events).

mod builder;
mod end_clock;
mod entry;
mod feed;
mod follower;
mod incoming;
mod logout;
mod revocations;
mod security_events;
mod settings;
mod state;
mod status;
mod store;
mod table;

pub use self::builder::RevocationsBuilder;
pub use self::entry::{Revocation, RevocationKind};
pub use self::incoming::EndpointFuture;
pub use self::logout::{BackChannelLogout, LogoutTokenVerifier};
pub use self::revocations::Revocations;
pub use self::security_events::{SecurityEventVerifier, SecurityEvents};
pub use self::status::RevocationsStatus;
pub use self::store::{Followed, Misconfigured, Position, RevocationStore, Snapshot};
