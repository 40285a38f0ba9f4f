//! What this crate tells about itself: events and spans of [`tracing`], and metrics.
//!
//! The names on this page, their fields, levels and labels are an interface: they change with a major version
//! only. Events never contain a token, a key or a secret, or anything else from a request whose token was not
//! verified. One exception: where the `resolve` of `ByIssuer::tenants` accepts any tenant, clients
//! choose the names of key sources, which are in `source`.
//!
//! The example `observability` shows it: `cargo run --example observability --features metrics`.
//!
//! # The audit event
//!
//! Every decision about a request is one event: target `tower_bearer_auth::audit`, level `DEBUG`, message
//! `access decision`. The layer decides about each request, and each guard behind it again, so a request that
//! passes two guards makes three events. A `SessionBindingLayer` makes a second one where it refuses the session
//! that the server has just opened; extractors tell of refusals alone. A request that its client gives up while
//! its token is verified makes none. They are made in the span of the request, if there is one, such as that of
//! `tower_http::trace::TraceLayer`.
//!
//! | field | says | absent |
//! |---|---|---|
//! | `by` | who decided, by its public name: `BearerAuthLayer`, `RequireScopesLayer`, `ToolScopesLayer`, `SessionBindingLayer`, `AccessToken::require_scopes`, or the extractor: `AccessToken`, `Claims` and so on | never |
//! | `outcome` | `allowed`; `anonymous`: allowed without a token; `refused`; `unavailable`: the verifier cannot tell; `misconfigured`: a guard without a layer in front; `ended`: a stream whose token no longer counts | never |
//! | `reason` | why not: `no_token`, `repeated_header`, `insufficient_scope`, `access_denied`, `unavailable`, `no_layer`, one of [`InvalidReason::as_str`](crate::InvalidReason::as_str), or one of [those for MCP](#reasons-of-mcp-guards) | where it is allowed |
//! | `status` | the status of the answer of a layer | where it is allowed or ended, and where a handler or a tool decides, whose answer may be another |
//! | `description` | the sentence that goes with the reason; a constant | where it is allowed |
//! | `required` | the scopes that the client was told to ask for | but for `insufficient_scope` |
//! | `verifier` | the name of the verifier that vouched for the token, as set with `name(..)`; by default `jwt`, `static`, `introspection` and its endpoint, `custom` | where none did |
//! | `issuer`, `subject`, `client_id`, `jti` | from the token | where no verifier vouched, or the token has none |
//! | `token_digest` | the first 8 bytes of the SHA-256 digest of the token, in hexadecimal | where there is no token to speak of, and, in what only the `log` crate gets, of a refused token |
//! | `error` | what the verifier says that cannot tell | but for `unavailable` |
//!
//! `subject` is personal data. `token_digest` identifies the token to its holder
//! (`printf %s "$TOKEN" | sha256sum | cut -c1-16`). A weak token, such as `dev-token`, can be guessed from it.
//!
//! To keep them, and nothing else of this level:
//!
//! ```
//! use tracing_subscriber::filter::{LevelFilter, Targets};
//! use tower_bearer_auth::telemetry;
//!
//! let filter = Targets::new()
//!     .with_default(LevelFilter::INFO)
//!     .with_target(telemetry::AUDIT, LevelFilter::DEBUG);
//! # let _ = filter;
//! ```
//!
//! A disabled event costs one flag check.
//!
//! ## Reasons of MCP guards
//!
//! `bad_json`, `bad_message`, `bad_params`, `bad_headers`, `unsupported_encoding`, `body_too_large`,
//! `body_incomplete`, `http_method`, `nothing_to_resume`, `no_such_session`, `nobodys_session`.
//!
//! # Other events
//!
//! | target | level | message | fields |
//! |---|---|---|---|
//! | `tower_bearer_auth::setup` | `ERROR` | `… needs a BearerAuthLayer in front of it, and there is none` | `by` |
//! | | `ERROR` | `a BearerAuthLayer is inside another one, …`, once per layer; see [nested layers](crate::auth#nested-layers) | `by`, `optional`: whether the inner layer is |
//! | | `WARN` | what is wrong with the metadata of a resource | `resource` |
//! | | `WARN` | `the challenge names a URL outside of the nested app, …` or `the metadata is served at another path than the challenge names, …`, once per resource | `metadata_url`: what the challenge names; `nest`, its prefix, or `served_at`: the path at which the document was requested |
//! | | `DEBUG` | `a refused session could not be ended, it stays until it is idle` | `outcome`: `refused`, `failed`, `timed_out`; `status` where the server answered |
//! | | `WARN` | `the configured issuer is spelled differently from the issuer of verified tokens, which are refused for it`, once per verifier | `verifier`, `configured`, `issuer`: the one of tokens that the verifier's keys signed |
//! | | `WARN` | `tokens keep naming another issuer than the configured one`: ten in a row, and no other verifier behind this one; once, until a token is accepted | `verifier`, `configured`: up to ten names, `tokens` |
//! | `tower_bearer_auth::keys` | `INFO` | `keys refreshed`, `keys refreshed, the source works again` | `source`, `keys`: how many |
//! | | `WARN` | `keys cannot be fetched`, once per outage | `source`, `error` |
//! | | `DEBUG` | `keys still cannot be fetched` | the same |
//! | | `WARN` | `keys of the document are left out`, whenever they change: weak, private, symmetric, malformed or invalid keys, and those past [`max_keys`](crate::jwks::JwksBuilder::max_keys) | `source`, `count`, `which`: the `kid`s of the first ten, each with its reason |
//! | | `DEBUG` | `keys for other purposes are left out`, whenever they change | the same |
//! | | `WARN` | `metadata cannot be refreshed, the known key URL stays`, once per outage | `issuer`, `error` |
//! | | `DEBUG` | `metadata still cannot be refreshed` | the same |
//! | `tower_bearer_auth::introspection` | `INFO` | `the introspection endpoint works again` | `verifier` |
//! | | `WARN` | `tokens cannot be introspected`, once per outage | `verifier`, `error`: what was wrong with the endpoint's answer |
//! | | `DEBUG` | `tokens still cannot be introspected` | the same |
//! | | `DEBUG` | `the answer about a token is malformed` | `member`, where it is one that this crate reads; `rule` |
//! | `tower_bearer_auth::verification` | `DEBUG` | `the token is malformed` | `part`: `token`, `header`, `payload` or `signature`; `rule`: what it breaks, a constant; `member`: where it is one that this crate reads |
//! | | `DEBUG` | `the header names another type of token` | `expected` |
//! | `tower_bearer_auth::claims` | `DEBUG` | `a required claim is missing`, `a claim has none of the accepted values`, `a claim has another type, or occurs twice`, `a claim marks a token of another kind` | `claim`: its name |
//! | | `DEBUG` | `the token names another issuer`, `the token is meant for another audience` | `expected`: the configured ones |
//! | | `DEBUG` | `there is no verifier for the token's issuer` | `issuers`: how many `ByIssuer` has |
//! | | `DEBUG` | `scopes with characters that RFC 6749 section 3.3 does not allow are left out` | `left_out`: how many |
//! | | `DEBUG` | `the claims do not fit the handler's type` | `category`, `wanted`: the type |
//!
//! `source` is the [name](crate::jwks::KeySource::name) of a key source: a URL with a digest in the place of its query, an
//! issuer, or, of a source of your own that does not say, its type. Of two fetches, or two questions to an introspection
//! endpoint, that end at the same moment, either may be told first.
//! `verifier` is as in the audit event: of an endpoint that has a query, with a digest of that.
//!
//! # Spans
//!
//! All of them at level `DEBUG`.
//!
//! | name | target | lasts | fields |
//! |---|---|---|---|
//! | `verify_token` | `tower_bearer_auth::verification` | from the layer's question to the verifier's answer | `outcome`: `verified`, `refused`, `unavailable`; `interrupted` where the request was dropped first, or the verifier panicked |
//! | `introspect_token` | `tower_bearer_auth::introspection` | one question to an introspection endpoint, the wait for its turn included | `verifier`, `outcome`: the same |
//! | `fetch_keys` | `tower_bearer_auth::keys` | one fetch of a key set. It belongs to no request, and follows from the span that caused it | `source`, `outcome`: `fetched`, `unchanged`, `failed`, `interrupted`; `superseded` where it ended too late to count |
//!
//! # Metrics
//!
//! With the feature `metrics`, through the facade of the [`metrics`](https://docs.rs/metrics) crate: install a
//! recorder, such as that of `metrics-exporter-prometheus`, before the first request.
//!
//! | name | kind | labels |
//! |---|---|---|
//! | `bearer_auth_decisions_total` | counter | `by`, `outcome`, `reason`, `verifier`, as in the audit event; empty where absent there |
//! | `bearer_auth_verification_seconds` | histogram | `outcome`, as in the span |
//! | `bearer_auth_cache_lookups_total` | counter | `result`: `hit`, `miss`, `joined`, `refused`, as in [`CacheStats`](crate::verify::cached::CacheStats) |
//! | `bearer_auth_introspection_seconds` | histogram | `outcome`, as in the span |
//! | `bearer_auth_key_fetch_seconds` | histogram | `outcome`, as in the span |
//!
//! Every value of a label is a constant or comes from the configuration, so that no client can make more of them:
//! a verifier of your own is what you [call it](crate::AccessTokenBuilder::verifier), and an introspection endpoint
//! its URL, so that a verifier for each of a thousand tenants makes as many series. With this feature each decision,
//! lookup and measurement costs an allocation.
//!
//! How many keys there are, and of what age, says [`Jwks::status`](crate::Jwks::status).

mod activity;
mod decision;
mod histograms;
#[cfg(feature = "metrics")]
mod measure;
#[cfg(not(feature = "metrics"))]
#[path = "unmeasured.rs"]
mod measure;

pub(crate) use self::activity::Activity;
pub(crate) use self::decision::{Bearer, Decision, Outcome, may_be_heard};
#[cfg(feature = "cache")]
pub(crate) use self::measure::count_lookup;

#[cfg(feature = "metrics")]
pub use self::measure::describe_metrics;

/// The target of the audit event.
pub const AUDIT: &str = "tower_bearer_auth::audit";

/// The target of what is wrong with how a server is put together.
pub const SETUP: &str = "tower_bearer_auth::setup";

/// The target of what concerns the keys of issuers.
pub const KEYS: &str = "tower_bearer_auth::keys";

/// The target of what concerns introspection.
pub const INTROSPECTION: &str = "tower_bearer_auth::introspection";

/// The target of what concerns single claims.
pub const CLAIMS: &str = "tower_bearer_auth::claims";

/// The target of the span around a verifier, and of why a token is malformed.
pub const VERIFICATION: &str = "tower_bearer_auth::verification";
