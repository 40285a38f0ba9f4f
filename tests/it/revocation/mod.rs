//! Tokens that are refused before they expire.

mod clocks;
mod dates;
mod endpoints;
mod in_use;
mod logout;
mod logout_checks;
mod outages;
mod requests;
mod scene;
mod security_event_checks;
mod security_events;
