//! The files that this benchmark has in common with the crate's own.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "this benchmark does not use all of it"
)]

#[path = "../../load/client.rs"]
pub(crate) mod client;
#[path = "../../support/report.rs"]
pub(crate) mod report;
#[path = "../../support/sample.rs"]
pub(crate) mod sample;
#[path = "../../support/service.rs"]
pub(crate) mod service;

use crate::{Error, Result};
