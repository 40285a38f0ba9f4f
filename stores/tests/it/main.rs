//! What the stores promise, with real servers and files.
#![allow(missing_docs)]

mod contract;
#[cfg(feature = "redb")]
mod redb;
#[cfg(feature = "redis")]
mod redis;
mod support;
