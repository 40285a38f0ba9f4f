//! Guides to this crate, step by step.
//!
//! | guide | question |
//! |---|---|
//! | [`choosing_a_verifier`] | Which verifier is for my tokens? |
//! | [`mcp_server`] | How do I protect an MCP server, from `cargo new` to a client? |
//! | [`behind_a_proxy`] | What must I configure behind a proxy, a gateway or a load balancer? |
//! | [`forward_auth`] | How do I verify tokens for a server in another language, behind nginx, Traefik or Envoy? |
//! | [`cors`] | How do browsers call my server? |
//! | [`browsers_and_websockets`] | How do pages and WebSockets send their token? |
//! | [`proof_of_possession`] | How do I make stolen tokens useless, with DPoP or client certificates? |
//! | [`revocation`] | How do I refuse tokens before they expire? |
//! | [`refusals`] | How do I answer refused requests with problem details, a login page, JSON-RPC or gRPC? |
//! | [`replicas`] | What do several processes of my server need to share? |
//! | [`step_up`] | How do I require a recent login or a second factor for some operations? |
//! | [`testing_your_server`] | How do I test my server with good and bad tokens? |
//! | [`why_refused`] | Why is my token refused? |
//! | [`observability`] | What do the logs and metrics contain? |
//! | [`performance`] | What does a token cost? |
//! | [`comparison`] | Which other crates are there, and when are they a better choice? |
//! | [`migrating_from_jwt_authorizer`], [`migrating_from_tower_oauth2_resource_server`], [`migrating_from_axum_jwt_auth`], [`migrating_from_fastmcp`] | How do I migrate from another library? |
//!
//! Settings for identity providers are in [`providers`](crate::providers). [`security`] lists the guarantees of the
//! crate, [`design`] explains its structure and decisions, and [`changelog`] lists the changes of each version.

/// Includes a file of `docs/` as a page. The file ends with link definitions that work on GitHub. The definitions from
/// this macro precede them, and rustdoc uses the first definition of a link.
macro_rules! guide {
    ($name:ident, $path:literal $(, $label:literal => $page:literal)*) => {
        $(#[doc = concat!("[", $label, "]: ", $page)])*
        #[doc = ""]
        #[doc = include_str!($path)]
        pub mod $name {}
    };
}

guide!(
    behind_a_proxy,
    "../docs/behind-a-proxy.md",
    "browsers" => "self::browsers_and_websockets",
    "forward-auth" => "self::forward_auth",
    "mcp" => "self::mcp_server",
    "timeouts" => "self::choosing_a_verifier#timeouts-and-limits"
);

guide!(
    browsers_and_websockets,
    "../docs/browsers-and-websockets.md",
    "added-token" => "self::behind_a_proxy#a-proxy-that-adds-a-token",
    "cors" => "self::cors#cookies",
    "possession" => "self::proof_of_possession",
    "revocation" => "self::revocation"
);

guide!(
    choosing_a_verifier,
    "../docs/choosing-a-verifier.md",
    "performance" => "self::performance",
    "readiness" => "self::behind_a_proxy#health-and-readiness",
    "revocation" => "self::revocation"
);

guide!(changelog, "../CHANGELOG.md");

guide!(
    comparison,
    "../docs/comparison.md",
    "browsers" => "self::browsers_and_websockets",
    "forward-auth" => "self::forward_auth",
    "grpc" => "self::refusals#grpc",
    "refusals" => "self::refusals",
    "step-up" => "self::step_up",
    "tenants" => "crate::auth::LayerByRequest",
    "why-refused" => "self::why_refused"
);

guide!(
    cors,
    "../docs/cors.md",
    "added-token" => "self::behind_a_proxy#a-proxy-that-adds-a-token",
    "browsers" => "self::browsers_and_websockets"
);

guide!(design, "../DESIGN.md");

guide!(
    forward_auth,
    "../docs/forward-auth.md",
    "replicas" => "self::replicas"
);

guide!(
    mcp_server,
    "../docs/mcp-server.md",
    "cors" => "self::cors",
    "observability" => "self::observability",
    "possession" => "self::proof_of_possession",
    "proxy" => "self::behind_a_proxy",
    "step-up" => "self::step_up",
    "testing" => "self::testing_your_server"
);

guide!(
    migrating_from_axum_jwt_auth,
    "../docs/migrating/axum-jwt-auth.md",
    "browsers" => "self::browsers_and_websockets",
    "cors" => "self::cors"
);

guide!(
    migrating_from_fastmcp,
    "../docs/migrating/fastmcp.md",
    "mcp" => "self::mcp_server"
);

guide!(
    migrating_from_jwt_authorizer,
    "../docs/migrating/jwt-authorizer.md",
    "browsers" => "self::browsers_and_websockets",
    "grpc" => "self::refusals#grpc"
);

guide!(
    migrating_from_tower_oauth2_resource_server,
    "../docs/migrating/tower-oauth2-resource-server.md",
    "browsers" => "self::browsers_and_websockets",
    "refusals" => "self::refusals"
);

guide!(
    observability,
    "../docs/observability.md",
    "possession" => "self::proof_of_possession",
    "why-refused" => "self::why_refused"
);

guide!(
    performance,
    "../docs/performance.md",
    "by-issuer" => "crate::verify::by_issuer#hundreds-of-issuers",
    "chart-http" => "https://docs.rs/crate/tower-bearer-auth/latest/source/docs/charts/http.svg",
    "chart-paths" => "https://docs.rs/crate/tower-bearer-auth/latest/source/docs/charts/paths.svg",
    "chart-peers" => "https://docs.rs/crate/tower-bearer-auth/latest/source/docs/charts/peers.svg"
);

guide!(
    proof_of_possession,
    "../docs/proof-of-possession.md",
    "client-certificate" => "crate::possession::ClientCertificate",
    "possession" => "crate::possession",
    "replay-store" => "crate::possession::Dpop::replay_store",
    "replicas" => "self::replicas"
);

guide!(
    refusals,
    "../docs/refusals.md",
    "observability" => "self::observability",
    "refused" => "crate::Refused",
    "reject" => "crate::reject"
);

guide!(
    replicas,
    "../docs/replicas.md",
    "mcp" => "self::mcp_server",
    "performance" => "self::performance",
    "replay-store" => "crate::possession::ReplayStore",
    "revocation-store" => "crate::revocation::RevocationStore"
);

guide!(
    revocation,
    "../docs/revocation.md",
    "replicas" => "self::replicas",
    "verifier" => "self::choosing_a_verifier"
);

guide!(
    security,
    "../SECURITY.md",
    "browsers" => "self::browsers_and_websockets",
    "possession" => "self::proof_of_possession",
    "proxy" => "self::behind_a_proxy",
    "revocation" => "self::revocation"
);

guide!(
    step_up,
    "../docs/step-up.md",
    "mcp" => "self::mcp_server"
);

guide!(testing_your_server, "../docs/testing-your-server.md");

guide!(
    why_refused,
    "../docs/why-refused.md",
    "observability" => "self::observability",
    "proofs" => "self::observability#reasons-for-refused-proofs",
    "proxy" => "self::behind_a_proxy",
    "revocation" => "self::revocation"
);

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
