//! The names, levels, fields and labels of events and metrics are a public interface.

mod audit;
mod guards;
mod key_fetches;
mod left_out_keys;
mod mcp;
#[cfg(feature = "metrics")]
pub(crate) mod metrics;
mod other_events;
pub(crate) mod recorded;
mod spans;

use tracing::Level;

use self::recorded::{Fields, Recorded};

/// The fields of a decision without the message, which must be `access decision`.
#[track_caller]
fn fields_of(mut decision: Fields) -> Fields {
    assert_eq!(
        decision.remove("message").as_deref(),
        Some("access decision")
    );
    decision
}

/// Asserts that these are the audit events, with these fields and no others.
#[track_caller]
fn assert_decisions(decisions: Vec<Fields>, expected: &[&[(&'static str, &str)]]) {
    let decisions: Vec<_> = decisions.into_iter().map(fields_of).collect();
    let expected: Vec<Fields> = expected
        .iter()
        .map(|fields| {
            fields
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect()
        })
        .collect();
    assert_eq!(decisions, expected);
}

/// Asserts that these are the events of a target, with these fields and no others.
#[track_caller]
fn assert_events(recorded: &Recorded, target: &str, expected: &[(Level, &[(&'static str, &str)])]) {
    let events = recorded.events(target);
    let events: Vec<_> = events.iter().map(|e| (e.level, e.fields.clone())).collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(level, fields)| {
            let fields = fields.iter().map(|(name, value)| (*name, (*value).into()));
            (*level, Fields::from_iter(fields))
        })
        .collect();
    assert_eq!(events, expected);
}
