//! Tokens that are bound to a key of the client. An attacker who steals such a token cannot use it without the key.
//!
//! A token can be bound to
//!
//! - a public key, with a proof of possession in each request: DPoP (RFC 9449). Use [`BearerAuthLayer::dpop`];
//! - the certificate with which the client authenticates its TLS connection (RFC 8705). Use
//!   [`BearerAuthLayer::client_certificates`], and let the server insert a [`ClientCertificate`]. Behind a proxy, a
//!   [`ClientCertificateFromHeader`] does so.
//!
//! Its claim `cnf` (RFC 7800) names the key: [`AccessToken::confirmations`]. Without these settings, a layer refuses a
//! bound token, unless its verifier accepts such tokens as bearer tokens
//! ([`accept_unchecked_confirmation`](crate::JwtVerifierBuilder::accept_unchecked_confirmation)). A token that is bound
//! to both needs both. A `cnf` with a member that this crate does not know is refused. So is a bound token in a
//! [cookie](crate::TokenSource::cookie), because a browser adds cookies and certificates to requests of every page.
//!
//! ```
//! # #[cfg(feature = "dpop")] {
//! use axum::{Router, routing::get};
//! use tower_bearer_auth::possession::Dpop;
//! use tower_bearer_auth::{AccessToken, BearerAuthLayer, ProtectedResource};
//! # use tower_bearer_auth::{StaticToken, StaticTokenVerifier};
//!
//! # let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
//! let resource = ProtectedResource::new("https://api.example.com/notes")
//!     .authorization_servers(["https://issuer.example.com"]);
//! let auth = BearerAuthLayer::new(verifier).resource(&resource).dpop(Dpop::new());
//! let metadata = auth.protected_resource().router();
//! let app: Router = Router::new()
//!     .route("/notes", get(|token: AccessToken| async move { format!("{:?}", token.subject()) }))
//!     .layer(auth)
//!     .merge(metadata);
//! # let _ = app;
//! # }
//! ```
//!
//! # What is checked of a DPoP proof
//!
//! The token comes first, so that a client without a good token reaches nothing else. The use of the proof is recorded
//! last, so that a proof that is refused for another reason is not used up. The scopes of the token are checked after
//! it. The checks are those of RFC 9449 §4.3 and some more:
//!
//! - There is one `DPoP` field with one compact JWS of at most 16 KiB ([`max_proof_length`](Dpop::max_proof_length)).
//! - The header has `"typ": "dpop+jwt"`, an [accepted](Dpop::algorithms) asymmetric algorithm, and a public key in
//!   `jwk` that allows it. It has no `crit`, no `b64` and no member of a private key.
//! - The key is the one that the token is bound to, and it made the signature.
//! - `jti` is a string that is not empty. `htm` is the method of the request, and `htu` its URL. `ath` is the SHA-256
//!   digest of the token.
//! - `iat` is within 60 seconds ([`window`](Dpop::window)) of this server's clock. `exp` and `nbf` are respected.
//! - `nonce` was issued by this server, if the layer [requires](Dpop::nonces) nonces.
//! - The proof was not used before.
//!
//! The scheme, the host and the port of the URL come from the configuration, since a client can send any `Host`. The
//! path is the one that the client sent, also in a nested axum router. The query and the fragment are ignored. Both
//! URLs are normalized (RFC 3986 §6.2.2, §6.2.3). No proof matches a request whose path has a segment `.` or `..`.
//!
//! # Answers
//!
//! | request | status | `WWW-Authenticate` |
//! |---|---|---|
//! | no token | 401 | `Bearer …`, and in a field of its own `DPoP algs="…"` |
//! | a bound token as `Bearer` | 401 | `Bearer error="invalid_token"`, and `DPoP algs="…"` |
//! | a token that is not bound as `DPoP`, a token of another key, a bad token as `DPoP` | 401 | `DPoP error="invalid_token", algs="…"` |
//! | the proof is missing, repeated, malformed, stale, used before, or for another request or token | 401 | `DPoP error="invalid_dpop_proof", algs="…"` |
//! | the nonce is missing, unknown or too old | 401 | `DPoP error="use_dpop_nonce", algs="…"`, and a nonce in `DPoP-Nonce` |
//! | two `Authorization` headers, or two tokens | 400 | `error="invalid_request"` in both |
//! | the store of used proofs fails, or has no room for this client | 503 | none |
//! | a token that is bound to a certificate, without this certificate | 401 | `Bearer error="invalid_token"` |
//! | a good token whose user must authenticate again or in another way | 401 | `error="insufficient_user_authentication"` in the scheme of the token |
//! | a good token with too little scope | 403 | `error="insufficient_scope"` in the scheme of the token |
//! | any token as `Bearer`, if the layer accepts [bound tokens only](Dpop::required) | 401 | `DPoP error="invalid_token", algs="…"` |
//!
//! The other parameters of a challenge, such as `scope` and `resource_metadata`, are those of
//! [`reject`](crate::reject). A layer that accepts bound tokens only sends no `Bearer` challenge. If the nonce of a
//! valid request expires soon, the answer has a new one in `DPoP-Nonce`, and `Cache-Control: no-store`.
//!
//! # Checks of your own
//!
//! A [`RequestCheck`] sees the head of the request and the verified token. It can also prove what a token is bound to.
//!
//! [`AccessToken::confirmations`]: crate::AccessToken::confirmations
//! [`BearerAuthLayer::client_certificates`]: crate::BearerAuthLayer::client_certificates
#![cfg_attr(
    feature = "dpop",
    doc = "[`BearerAuthLayer::dpop`]: crate::BearerAuthLayer::dpop"
)]
#![cfg_attr(
    not(feature = "dpop"),
    doc = "[`BearerAuthLayer::dpop`]: crate::BearerAuthLayer"
)]

mod checks;
mod client_certificate;
mod client_certificate_from_header;
#[cfg(feature = "dpop")]
mod dpop;
mod request_check;
mod request_head;

pub(crate) use self::checks::{Admitted, Checks, ChecksFuture, StartedChecks};
pub use self::client_certificate::ClientCertificate;
pub use self::client_certificate_from_header::{
    ClientCertificateFromHeader, ClientCertificateMiddleware,
};
#[cfg(feature = "dpop")]
pub(crate) use self::dpop::DpopCheck;
#[cfg(feature = "dpop")]
pub use self::dpop::{Dpop, DpopNonces, MemoryReplayStore, ProofId, ReplayStore};
pub use self::request_check::{Checked, RequestCheck};
pub use self::request_head::RequestHead;
pub use crate::access_token::Confirmation;
