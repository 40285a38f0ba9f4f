//! The URL that a proof is for: `htu` (RFC 9449 §4.2), compared after normalization (RFC 3986 §6.2.2, §6.2.3).

/// Scheme, host and port of this server as its clients see them, normalized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin(Box<str>);

impl Origin {
    /// The origin of an http or https URL, whatever its path. The error is the end of a sentence.
    pub(super) fn of_url(_url: &str) -> Result<Self, &'static str> {
        unimplemented!()
    }

    /// An origin alone: `https://api.example.com`, with or without a slash behind it.
    pub(super) fn of_origin(_origin: &str) -> Result<Self, &'static str> {
        unimplemented!()
    }
}

/// The URL of a request as its client sees it, without query and fragment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) origin: &'a Origin,
    /// What a proxy in front has removed from the path. Empty, or with a leading slash.
    pub(super) path_prefix: &'a str,
    pub(super) path: &'a str,
}

impl Target<'_> {
    /// Whether `htu` is this URL.
    pub(super) fn is(&self, _htu: &str) -> bool {
        unimplemented!()
    }
}
