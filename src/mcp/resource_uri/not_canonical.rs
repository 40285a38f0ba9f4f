//! The reasons to refuse the URI of a resource.

/// No rule can be chosen for a URI, for this reason: a server could read it as another resource than its text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mcp) struct NotCanonical(pub(in crate::mcp) &'static str);

impl NotCanonical {
    /// The reason with the URI left out, for an error that begins with a pattern.
    pub(in crate::mcp) fn predicate(self) -> &'static str {
        self.0.strip_prefix("the URI ").unwrap_or(self.0)
    }

    /// Whether every spelling of such a resource is refused for this reason. An exact pattern is the only way to name
    /// it, and no other spelling bypasses that pattern.
    pub(in crate::mcp) fn is_of_every_spelling(self) -> bool {
        [
            WHITE_SPACE,
            CONTROL,
            ENCODED_DELIMITER,
            ENCODED_TWICE,
            NOT_UTF8,
            NOT_ASCII,
        ]
        .contains(&self)
    }
}

macro_rules! reasons {
    ($($name:ident = $why:literal;)*) => {
        $(pub(super) const $name: NotCanonical =
            NotCanonical(concat!("the URI is not canonical: ", $why));)*
    };
}

reasons! {
    WHITE_SPACE = "it begins or ends with white space";
    BACKSLASH = "it has a backslash";
    CONTROL = "it has an encoded control character";
    DOT_SEGMENT = "it has a `.` or `..` segment";
    ENCODED_DOT = "it has an encoded `.`";
    ENCODED_DELIMITER = "it has an encoded delimiter";
    ENCODED_ORIGIN = "its scheme or authority has an encoded delimiter";
    ENCODED_TWICE = "it is percent-encoded twice";
    NOT_UTF8 = "its percent-encoding is not of UTF-8";
    NOT_ASCII = "its authority is not ASCII";
    AUTHORITY = "a URL parser would rewrite its scheme or host";
    ADDRESS = "its host is an IP address that is not in canonical form";
    TRAILING_DOT = "its host ends in a dot";
    DRIVE = "its drive letter is not in the form `file:///C:/`";
    EMPTY_SEGMENT = "its path has an empty segment";
    USER_OR_PORT = "it has a user name or port, and no pattern has its whole authority";
    EMPTY_QUERY = "it has an empty query, and the pattern that matches has none";
    FRAGMENT = "it has a fragment, and the pattern that matches has none";
}
