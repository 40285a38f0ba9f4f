//! What the crate tells about itself is an interface: names, levels, fields and labels.

mod audit;
mod mcp;
#[cfg(feature = "metrics")]
mod metrics;
mod other_events;
pub(crate) mod recorded;
mod spans;

use self::recorded::Fields;

/// The fields of a decision but for the message, which it must have.
#[track_caller]
fn fields_of(mut decision: Fields) -> Fields {
    assert_eq!(
        decision.remove("message").as_deref(),
        Some("access decision")
    );
    decision
}

/// That these are the decisions, with these fields and no others.
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
