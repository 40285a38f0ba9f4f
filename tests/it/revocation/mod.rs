//! Tokens that are refused before they expire.

mod outages;
mod requests;
