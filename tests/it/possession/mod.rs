//! Tokens that are bound to a key.

mod certificates;
