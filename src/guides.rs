//! The README and each guide in `docs/` is an item here, so that a failing block is told by the text it stands in.

#[doc = include_str!("../README.md")]
mod readme {}

#[doc = include_str!("../docs/behind-a-proxy.md")]
mod behind_a_proxy {}

#[doc = include_str!("../docs/choosing-a-verifier.md")]
mod choosing_a_verifier {}

#[doc = include_str!("../docs/cors.md")]
mod cors {}

#[doc = include_str!("../docs/mcp-server.md")]
mod mcp_server {}

#[doc = include_str!("../docs/migrating/axum-jwt-auth.md")]
mod migrating_from_axum_jwt_auth {}

#[doc = include_str!("../docs/migrating/fastmcp.md")]
mod migrating_from_fastmcp {}

#[doc = include_str!("../docs/migrating/jwt-authorizer.md")]
mod migrating_from_jwt_authorizer {}

#[doc = include_str!("../docs/migrating/tower-oauth2-resource-server.md")]
mod migrating_from_tower_oauth2_resource_server {}

#[doc = include_str!("../docs/observability.md")]
mod observability {}

#[doc = include_str!("../docs/testing-your-server.md")]
mod testing_your_server {}
