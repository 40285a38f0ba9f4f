//! Texts of the claims set, which are not copied.

use std::borrow::Cow;
use std::ops::Range;

/// A text of a claims set: its range, or a copy. A text that is written with escapes needs a copy.
#[derive(Debug, Clone)]
pub(crate) enum ClaimText {
    Within(Range<u32>),
    Apart(Box<str>),
}

impl ClaimText {
    /// For a text that borrows from `claims`, or was unescaped.
    pub(crate) fn of(text: &str, claims: &str) -> Self {
        Self::find(text, claims).unwrap_or_else(|| Self::Apart(text.into()))
    }

    /// Like [`of`](Self::of), without a copy of a text that was unescaped.
    pub(crate) fn taken(text: Cow<'_, str>, claims: &str) -> Self {
        match text {
            Cow::Borrowed(text) => Self::of(text, claims),
            Cow::Owned(text) => text.into(),
        }
    }

    fn find(text: &str, claims: &str) -> Option<Self> {
        let start = (text.as_ptr() as usize).checked_sub(claims.as_ptr() as usize)?;
        let range = start..start.checked_add(text.len())?;
        // The range must yield this text again.
        let is_there = claims.get(range.clone()) == Some(text);
        let range = u32::try_from(range.start).ok()?..u32::try_from(range.end).ok()?;
        is_there.then_some(Self::Within(range))
    }

    /// The text. `claims` is the claims set that it was made for.
    pub(crate) fn text<'a>(&'a self, claims: &'a str) -> &'a str {
        match self {
            Self::Within(range) => &claims[range.start as usize..range.end as usize],
            Self::Apart(text) => text,
        }
    }

    /// A copy that does not depend on the claims set.
    pub(super) fn detached(&self, claims: &str) -> Self {
        Self::Apart(self.text(claims).into())
    }
}

impl From<String> for ClaimText {
    fn from(text: String) -> Self {
        Self::Apart(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_range_of_its_claims_or_a_copy() {
        let claims = r#"{"sub":"alice"}"#;
        let within = ClaimText::of(&claims[8..13], claims);
        assert!(matches!(&within, ClaimText::Within(range) if *range == (8..13)));
        assert_eq!(within.text(claims), "alice");
        let apart = ClaimText::of(&String::from("alice"), claims);
        assert!(matches!(apart, ClaimText::Apart(_)));
        assert_eq!(apart.text(claims), "alice");
        assert_eq!(within.detached(claims).text("{}"), "alice");
    }
}
