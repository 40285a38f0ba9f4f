//! The messages and the servers of the two services. They are made from the `.proto` files by
//!
//! ```text
//! tonic_prost_build::configure()
//!     .build_client(false)
//!     .build_transport(false)
//!     .compile_fds(protox::compile(["notes.proto", "admin.proto"], ["."])?)?;
//! ```
//!
//! and kept here, so that a build needs neither `protoc` nor a build script.

#[rustfmt::skip]
#[allow(clippy::all, unreachable_pub, unused_qualifications, reason = "generated")]
pub(crate) mod admin;
#[rustfmt::skip]
#[allow(clippy::all, unreachable_pub, unused_qualifications, reason = "generated")]
pub(crate) mod notes;
