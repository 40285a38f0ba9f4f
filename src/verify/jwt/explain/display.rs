//! The text of an explanation.

use std::fmt;

use super::explanation::{CheckOutcome, ExplainedCheck, Explanation, Part};
use crate::verify_error::VerifyErrorKind;

/// The width of a line, in characters.
const WIDTH: usize = 100;

/// The column in which texts begin.
const INDENT: usize = 20;

/// A text of several lines: the verdict, and a mark for each check.
///
/// | mark | outcome |
/// |---|---|
/// | `✓` | passed |
/// | `✗` | failed; the line of the decisive check ends with the reason |
/// | `!` | noted |
/// | `-` | not applicable |
/// | `?` | not reached |
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_verdict(f)?;
        let mut part = None;
        for check in self.checks() {
            if part != Some(check.part) {
                part = Some(check.part);
                writeln!(f, "\n{}", self.title(check.part))?;
            }
            write_check(f, check)?;
        }
        Ok(())
    }
}

impl Explanation {
    fn write_verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = match self.verdict() {
            Ok(_) => return writeln!(f, "ACCEPTED by the verifier"),
            Err(error) => error,
        };
        match error.kind() {
            VerifyErrorKind::Invalid(reason) => {
                writeln!(f, "REFUSED: {}. {}.", reason.as_str(), reason.description())?;
            }
            VerifyErrorKind::InsufficientScope(_)
            | VerifyErrorKind::InsufficientAuthentication(_)
            | VerifyErrorKind::InvalidProof(_)
            | VerifyErrorKind::NonceRequired(_)
            | VerifyErrorKind::Unavailable => writeln!(f, "UNAVAILABLE: {error}.")?,
        }
        match self.decisive() {
            Some(check) => writeln!(f, "The check that decides: {}", check.name()),
            None => writeln!(f, "The keys changed meanwhile. Try again."),
        }
    }

    fn title(&self, part: Part) -> &'static str {
        match (part, self.is_signed()) {
            (Part::Text, _) => "Form",
            (Part::Header, true) => "Header",
            (Part::Header, false) => "Header (not trusted: it may be forged)",
            (Part::Signature, _) => "Signature",
            (Part::Claims, true) => "Claims",
            (Part::Claims, false) => "Claims (not trusted: they may be forged)",
            (Part::Layer, _) => "Checked by the layer and its guards, not by the verifier",
        }
    }
}

fn write_check(f: &mut fmt::Formatter<'_>, check: &ExplainedCheck) -> fmt::Result {
    let mark = match check.outcome() {
        CheckOutcome::Passed => '✓',
        CheckOutcome::Failed => '✗',
        CheckOutcome::Noted => '!',
        CheckOutcome::NotApplicable => '-',
        CheckOutcome::NotReached => '?',
    };
    let label = format!("  {mark} {:<width$}", check.name(), width = INDENT - 4);
    let found = match check.outcome() {
        CheckOutcome::NotReached => "cannot be checked",
        CheckOutcome::Passed
        | CheckOutcome::Failed
        | CheckOutcome::Noted
        | CheckOutcome::NotApplicable => check.found().unwrap_or("as expected"),
    };
    write_wrapped(f, &label, found, INDENT)?;
    let is_fault = matches!(check.outcome(), CheckOutcome::Failed | CheckOutcome::Noted);
    if let Some(expected) = check.expected().filter(|_| is_fault) {
        write_wrapped(f, "", &format!("expected: {expected}"), INDENT)?;
    }
    for line in check.details() {
        write_wrapped(f, "", line, INDENT)?;
    }
    match check.advice() {
        Some(advice) => write_wrapped(f, "", &format!("→ {advice}"), INDENT),
        None => Ok(()),
    }
}

/// Writes a text from this column on, in lines of at most [`WIDTH`] characters unless a word is longer.
fn write_wrapped(
    f: &mut fmt::Formatter<'_>,
    label: &str,
    text: &str,
    column: usize,
) -> fmt::Result {
    let indented = text.len() - text.trim_start().len();
    let column = column + indented;
    let mut line = format!("{label:<column$}");
    let mut has_words = false;
    for word in text.split_whitespace() {
        let length = line.chars().count() + word.chars().count();
        if has_words && length + 1 > WIDTH {
            writeln!(f, "{line}")?;
            line = " ".repeat(column);
            has_words = false;
        }
        // A label can be longer than the column.
        if has_words || line.chars().count() > column {
            line.push(' ');
        }
        line.push_str(word);
        has_words = true;
    }
    writeln!(f, "{}", line.trim_end())
}
