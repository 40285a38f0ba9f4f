//! Why a token is refused: every check of a verifier on one token, for developers.

mod advice;
mod claims;
mod display;
mod explainer;
mod explanation;
mod form;
mod header;
mod keys;
mod words;

pub use self::explanation::{CheckOutcome, ExplainedCheck, Explanation};
