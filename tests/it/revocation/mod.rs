//! Tokens that are refused before they expire.

mod clocks;
mod outages;
mod requests;
