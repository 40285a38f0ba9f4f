//! An error and its sources.

use std::error::Error;
use std::io;

/// The text of an error and its sources, which contain the cause of a failed HTTP request. The length is limited, since
/// a provider may choose part of the text. A source is omitted if the text before it ends with the same words.
pub(crate) fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = shortened(&error.to_string(), MAX_ERROR);
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = shortened(&cause.to_string(), MAX_CAUSE);
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    shortened(&text, MAX_CHAIN)
}

/// The first error of this type among an error and its sources.
pub(crate) fn find_error<'e, E: Error + 'static>(
    error: &'e (dyn Error + 'static),
) -> Option<&'e E> {
    let mut link = Some(error);
    while let Some(current) = link {
        if let Some(found) = current.downcast_ref() {
            return Some(found);
        }
        link = match current.downcast_ref::<io::Error>() {
            // Its `source` skips the error inside it.
            Some(wrapper) => wrapper.get_ref().map(|inner| inner as _),
            None => current.source(),
        };
    }
    None
}

/// The first `max` characters of a text, with an ellipsis if there are more.
pub(crate) fn shortened(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The maximum length of the text of one error, in characters. Enough for the four locations of an issuer's metadata, each
/// with its URL and its problem.
pub(crate) const MAX_ERROR: usize = 2_000;
const MAX_CAUSE: usize = 300;
const MAX_CHAIN: usize = 2_500;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    /// An error of this text, and what caused it.
    #[derive(Debug)]
    struct Caused(String, Option<Box<Self>>);

    impl fmt::Display for Caused {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.0)
        }
    }

    impl Error for Caused {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            let cause = self.1.as_deref()?;
            Some(cause)
        }
    }

    fn caused(text: impl Into<String>, cause: Option<Caused>) -> Caused {
        Caused(text.into(), cause.map(Box::new))
    }

    #[test]
    fn causes_follow_their_errors_and_none_is_repeated() {
        let refused = caused("refused", None);
        let connect = caused("connect: refused", Some(refused));
        let error = caused("no keys", Some(connect));
        assert_eq!(error_chain(&error), "no keys: connect: refused");
    }

    #[test]
    fn each_text_is_bounded_and_so_are_all() {
        let mut error = caused("x".repeat(10_000), None);
        for letter in 'a'..='j' {
            error = caused(letter.to_string().repeat(10_000), Some(error));
        }
        let text = error_chain(&error);
        assert_eq!(text.chars().count(), MAX_CHAIN + 1);
        assert!(text.ends_with('…'));

        let one = error_chain(&caused(
            "ä".repeat(10_000),
            Some(caused("z".repeat(400), None)),
        ));
        assert!(
            one.ends_with(&format!(": {}…", "z".repeat(MAX_CAUSE))),
            "{one}"
        );
    }
}
