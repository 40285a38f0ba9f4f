//! The text of an error together with what caused it.

use std::error::Error;

/// An error with its sources, which is where HTTP clients say what happened. It is shortened, since part of it
/// may be the provider's own words. A source that its error repeats is left out.
pub(crate) fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    match text.char_indices().nth(MAX_LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

const MAX_LENGTH: usize = 300;
