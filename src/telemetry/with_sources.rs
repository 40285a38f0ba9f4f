use std::error::Error;

/// An error with its sources, which is where clients of HTTP hide what happened. Shortened, since some of
/// it may be the provider's own words.
pub(crate) fn with_sources(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    match text.char_indices().nth(MAX_LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

const MAX_LENGTH: usize = 300;
