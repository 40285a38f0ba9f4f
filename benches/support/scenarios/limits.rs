//! The minimum costs that the other scenarios are compared with.

use aws_lc_rs::digest;
use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use tower_bearer_auth::Algorithm;

use super::call::Call;
use crate::support::proofs::BoundSample;
use crate::support::{Nothing, Sample, answer, request};

pub(super) fn no_layer() -> Call {
    let header = Sample::of(Algorithm::RS256).header();
    Box::new(move || {
        drop(answer(
            &mut Nothing,
            request(&header, Empty::<Bytes>::new()),
        ))
    })
}

pub(super) fn no_header() -> Call {
    Box::new(|| drop(answer(&mut Nothing, Request::new(Empty::<Bytes>::new()))))
}

pub(super) fn sha256(token: String) -> Call {
    Box::new(move || {
        std::hint::black_box(digest::digest(&digest::SHA256, token.as_bytes()));
    })
}

pub(super) fn bare(algorithm: Algorithm) -> Call {
    let check = Sample::of(algorithm).bare_check();
    Box::new(move || assert!(check.passes()))
}

pub(super) fn bare_proof() -> Call {
    let checks = BoundSample::load().bare_checks();
    let mut next = 0;
    Box::new(move || {
        assert!(checks[next % checks.len()].passes());
        next += 1;
    })
}
