//! The events and spans of [`tracing`] that this crate emits, and its metrics.
//!
//! The names on this page, their fields, levels and labels are stable: they change in major versions
//! only. Events never contain a token, a key or a secret, or anything else from a request whose token was not
//! verified. There is one exception: if the `resolve` of `ByIssuer::tenants` accepts any tenant, clients
//! choose the names of key sources, which are in `source`.
//!
//! For an example, run `cargo run --example observability --features metrics`.
//!
//! # The audit event
//!
//! Every decision about a request is one event: target `tower_bearer_auth::audit`, level `DEBUG`, message
//! `access decision`. The layer decides about each request, and each guard behind it decides again, so a request that
//! passes two guards emits three events. A `SessionBindingLayer` emits a second one if it refuses the session
//! that the server has just opened. It then sends a `DELETE`, for which guards behind it emit none. Extractors emit
//! refusals only. A request that its client cancels while its token is verified emits none. Events are in the span of
//! the request, if there is one, such as that of `tower_http::trace::TraceLayer`.
//!
//! | field | value | absent |
//! |---|---|---|
//! | `by` | the public name of the component that decided: `BearerAuthLayer`, `LayerByRequest`, `RequireScopesLayer`, `RequireAuthenticationLayer`, `ToolScopesLayer`, `SessionBindingLayer`, `AccessToken::require_scopes`, `AccessToken::require_authentication`, or the extractor: `AccessToken`, `Claims` and so on | never |
//! | `outcome` | `allowed`; `anonymous`: allowed without a token; `refused`; `unavailable`: the verifier cannot check the token; `misconfigured`: a guard without a layer in front; `ended`: a stream whose token expired, or whose key was withdrawn | never |
//! | `reason` | the reason of a refusal: `no_token`, `repeated_header`, `two_tokens`, `cross_site`, `insufficient_scope`, `insufficient_user_authentication`, `access_denied`, `unavailable`, `no_layer`, `proof_nonce`, `unknown_tenant`, `layer_choice_failed`, one of [`InvalidReason::as_str`](crate::InvalidReason::as_str), one of [`InvalidProofReason::as_str`](crate::InvalidProofReason::as_str), or one of [those for MCP](#reasons-of-mcp-guards) | if the request is allowed |
//! | `status` | the status of a layer's answer, before a [mapping](crate::reject#answers-of-your-own) | if the request is allowed or the stream ended, and if a handler or a tool decides, whose answer may have another status |
//! | `description` | the description of the reason, a constant | if the request is allowed |
//! | `required` | the scopes in the challenge | except for `insufficient_scope` |
//! | `verifier` | the name of the verifier that accepted the token, as set with `name(..)`; by default `jwt`, `static`, `introspection` and its endpoint, `custom` | if none did |
//! | `issuer`, `subject`, `client_id`, `jti` | from the token | if no verifier accepted the token, or the token has none |
//! | `actor` | the `sub`, or else the `client_id`, of the party that acts for the subject: `act` (RFC 8693 §4.1); `(unknown)` if it has neither or cannot be read | if no verifier accepted the token, or the subject acts itself |
//! | `token_digest` | the first 8 bytes of the SHA-256 digest of the token, in hexadecimal | if there is no readable token; also for refused tokens in records of the `log` crate |
//! | `error` | the error of the verifier | except for `unavailable` |
//!
//! The event has the reason of a refusal and nothing from a refused token.
//! [`JwtVerifier::explain`](crate::JwtVerifier::explain) and the example `explain` say more to the developer who has the
//! token: what each check expected, what it found and what to change.
//!
//! `subject` is personal data. The holder of a token can compute its `token_digest`
//! (`printf %s "$TOKEN" | sha256sum | cut -c1-16`). A weak token, such as `dev-token`, can be guessed from it.
//!
//! To record these events, and no others at `DEBUG`:
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
//! `body_incomplete`, `http_method`, `nothing_to_resume`, `no_such_session`, `session_without_principal`.
//!
//! # Other events
//!
//! | target | level | message | fields |
//! |---|---|---|---|
//! | `tower_bearer_auth::setup` | `ERROR` | `… needs a BearerAuthLayer in front of it, and there is none` | `by` |
//! | | `ERROR` | `a BearerAuthLayer is inside another one, …`, once per layer; see [nested layers](crate::auth#nested-layers) | `by`, `optional`: whether the inner layer is |
//! | | `ERROR` | `the function that chooses the layer has panicked`, or `a layer that checks DPoP proofs has to know its URL: …`, for each such request | `by` |
//! | | `ERROR` | `the map_refusal of the application panicked: …`, for every such request | `by`, `reason` |
//! | | `WARN` | the mistake in the metadata of a resource | `resource` |
//! | | `WARN` | `the challenge names a URL outside of the nested app, …` or `the metadata is served at another path than the challenge names, …`, once per resource | `metadata_url`: the URL in the challenge; `nest`: the prefix of the nested app, or `served_at`: the path at which the document was requested |
//! | | `DEBUG` | `a refused session could not be ended, it stays until it is idle` | `outcome`: `refused`, `failed`, `timed_out`; `status` where the server answered |
//! | | `WARN` | `the configured issuer is spelled differently from the issuer of verified tokens, which are refused for it`, once per verifier | `verifier`, `configured`, `issuer`: that of tokens which the verifier's keys signed |
//! | | `WARN` | `tokens keep naming another issuer than the configured one`: after ten in a row, if there is no fallback verifier; again only after an accepted token | `verifier`, `configured`: up to ten names, `tokens` |
//! | | `WARN` | `client certificates in a header are removed, because no proxy is trusted; …`, once per layer | `header`: its name |
//! | `tower_bearer_auth::keys` | `INFO` | `keys refreshed`, `keys refreshed, the source works again` | `source`, `keys`: their number |
//! | | `WARN` | `keys cannot be fetched`, once per outage | `source`, `error` |
//! | | `DEBUG` | `keys still cannot be fetched` | the same |
//! | | `WARN` | `keys of the document are left out`, whenever they change: weak, private, symmetric, malformed or invalid keys, and those past [`max_keys`](crate::jwks::JwksBuilder::max_keys) | `source`, `count`, `which`: the `kid`s of the first ten, each with its reason |
//! | | `DEBUG` | `keys for other purposes are left out`, whenever they change | the same |
//! | | `WARN` | `metadata cannot be refreshed, the known key URL stays`, once per outage | `issuer`, `error` |
//! | | `DEBUG` | `metadata still cannot be refreshed` | the same |
//! | `tower_bearer_auth::introspection` | `INFO` | `the introspection endpoint works again` | `verifier` |
//! | | `WARN` | `tokens cannot be introspected`, once per outage | `verifier`, `error`: the fault of the endpoint's answer |
//! | | `DEBUG` | `tokens still cannot be introspected` | the same |
//! | | `DEBUG` | `the answer about a token is malformed` | `member`: if this crate reads it; `rule` |
//! | `tower_bearer_auth::possession` | `WARN` | `the memory of used proofs is nearly full: …`, at 80 % of its capacity; again only after it was below 60 % | `proofs`: their number, `capacity` |
//! | | `DEBUG` | `the proof is refused` | `part`: `proof`, `header`, `payload` or `signature`; `rule`: the broken rule, a constant; `member`: if this crate reads it |
//! | | `DEBUG` | `a client certificate in a header is refused` | `header`: its name; `problem`: a constant |
//! | | `DEBUG` | `a client certificate in a header is removed, because it comes from no trusted proxy` | `header` |
//! | `tower_bearer_auth::revocation` | `WARN` | `the store of revocations cannot be reached`, once per outage | `error` |
//! | | `WARN` | `the store of revocations cannot be reached, requests are refused until it can`: at the start, or after [`tolerate_outage`](crate::revocation::RevocationsBuilder::tolerate_outage) | `error` |
//! | | `DEBUG` | `the store of revocations still cannot be reached` | `error` |
//! | | `INFO` | `the store of revocations works again` | `revocations`: their number |
//! | | `WARN` | `a token is valid for longer than revocations are kept: …`, once | `life`: seconds, absent if it has no expiry; `longest_token_life` |
//! | | `ERROR` | `the task that follows the store of revocations has ended`: the store has panicked, or its runtime has ended; requests are refused as in an outage | |
//! | | `INFO` | `a pushed token revokes access tokens`, once for each session and subject | `by`: `BackChannelLogout` or `SecurityEvents`; `revoked`: `session` or `subject`; `issuer`, `jti`, `token_digest`: of the pushed token |
//! | | `WARN` | `revocations of pushed tokens cannot be stored`, once per outage | `by`, `error` |
//! | | `DEBUG` | `revocations of pushed tokens still cannot be stored` | the same |
//! | | `INFO` | `revocations of pushed tokens are stored again` | `by` |
//! | | `WARN` | `a security event revokes nothing, because its subject is no issuer and subject` | `by`, `event`: its type; `issuer`, `jti` |
//! | | `WARN` | `a transmitter does not speak for the issuer of a subject: see subject_issuers(..)` | `by`, `issuer`: the transmitter |
//! | | `DEBUG` | `a pushed token is refused` | `by`; `rule`: the broken rule, a constant |
//! | | `DEBUG` | `a pushed token was received before` | `by` |
//! | `tower_bearer_auth::verification` | `DEBUG` | `the token is malformed` | `part`: `token`, `header`, `payload` or `signature`; `rule`: the broken rule, a constant; `member`: if this crate reads it |
//! | | `DEBUG` | `the header names another type of token` | `expected` |
//! | `tower_bearer_auth::claims` | `DEBUG` | `a required claim is missing`, `a claim has none of the accepted values`, `a claim has another type, or occurs twice`, `a claim marks a token of another kind` | `claim`: its name |
//! | | `DEBUG` | `the token names another issuer`, `the token is meant for another audience` | `expected`: the configured ones |
//! | | `DEBUG` | `there is no verifier for the token's issuer` | `issuers`: the number that `ByIssuer` has |
//! | | `DEBUG` | `scopes with characters that RFC 6749 section 3.3 does not allow are left out` | `left_out`: their number |
//! | | `DEBUG` | `the claims do not fit the handler's type` | `category`, `wanted`: the type |
//!
//! `source` is the [name](crate::jwks::KeySource::name) of a key source: a URL with a digest in place of its query, an
//! issuer, or the type of a custom source without a name. If two fetches or introspection requests end at the same
//! moment, their events may come in either order.
//! `verifier` is as in the audit event. The query of an endpoint is replaced by a digest.
//!
//! # Spans
//!
//! All are at level `DEBUG`.
//!
//! | name | target | duration | fields |
//! |---|---|---|---|
//! | `verify_token` | `tower_bearer_auth::verification` | from the layer's call to the verifier's answer | `outcome`: `verified`, `refused`, `unavailable`; `interrupted` if the request was dropped first, or the verifier panicked |
//! | `introspect_token` | `tower_bearer_auth::introspection` | one introspection request, with the wait for the concurrency limit | `verifier`, `outcome`: the same |
//! | `fetch_keys` | `tower_bearer_auth::keys` | one fetch of a key set. It belongs to no request, and follows from the span that caused it | `source`, `outcome`: `fetched`, `unchanged`, `failed`, `interrupted`; `superseded` if another fetch was started in its place |
//!
//! # Metrics
//!
//! The feature `metrics` records them through the facade of the [`metrics`](https://docs.rs/metrics) crate. Install a
//! recorder, such as that of `metrics-exporter-prometheus`, before the first request.
//!
//! | name | kind | labels |
//! |---|---|---|
//! | `bearer_auth_decisions_total` | counter | `by`, `outcome`, `reason`, `verifier`, as in the audit event; empty if absent there |
//! | `bearer_auth_verification_seconds` | histogram | `outcome`, as in the span |
//! | `bearer_auth_cache_lookups_total` | counter | `result`: `hit`, `miss`, `joined`, `refused`, as in [`CacheStats`](crate::verify::cached::CacheStats) |
//! | `bearer_auth_introspection_seconds` | histogram | `outcome`, as in the span |
//! | `bearer_auth_key_fetch_seconds` | histogram | `outcome`, as in the span |
//! | `bearer_auth_revocations` | gauge | none. The number of revocations in memory, of all [`Revocations`](crate::revocation::Revocations); one that has ended counts until a later request or revocation removes it |
//! | `bearer_auth_revocation_store_up` | gauge | none. 1 if the store of revocations has answered last, 0 if it is out of reach |
//! | `bearer_auth_replay_memory_proofs` | gauge | none. The number of used proofs in all [`MemoryReplayStore`](crate::possession::MemoryReplayStore)s; a proof that has ended counts until a later request removes it |
//!
//! Every label value is a constant or comes from the configuration, so clients cannot add series. A custom verifier
//! has the [name](crate::AccessTokenBuilder::verifier) that you give it, and an introspection endpoint its URL: with
//! one verifier for each of a thousand tenants there are as many series. With this feature each decision,
//! lookup and measurement costs an allocation.
//!
//! For the number and the age of the keys, see [`Jwks::status`](crate::Jwks::status).

mod activity;
mod decision;
#[cfg(feature = "metrics")]
mod measure;
#[cfg(not(feature = "metrics"))]
#[path = "noop.rs"]
mod measure;
mod names;

pub(crate) use self::activity::Activity;
#[cfg(feature = "mcp")]
pub(crate) use self::decision::poll_own_request;
pub(crate) use self::decision::{Bearer, Decision, is_recorded};
#[cfg(feature = "cache")]
pub(crate) use self::measure::count_lookup;
#[cfg(feature = "dpop")]
pub(crate) use self::measure::{add_replay_proofs, remove_replay_proofs};

#[cfg(feature = "metrics")]
pub use self::measure::describe_metrics;
pub(crate) use self::measure::{add_revocations, set_revocation_store};
pub use self::names::{
    AUDIT, CLAIMS, INTROSPECTION, KEYS, POSSESSION, REVOCATION, SETUP, VERIFICATION,
};
