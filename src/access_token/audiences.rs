use std::slice;

use super::claim_text::ClaimText;

/// The audiences of a token, in order. Most tokens have one, which needs no allocation.
#[derive(Debug, Clone)]
pub(crate) enum Audiences {
    One(ClaimText),
    /// Any other number.
    Several(Box<[ClaimText]>),
}

impl Audiences {
    pub(super) fn iter(&self) -> slice::Iter<'_, ClaimText> {
        match self {
            Self::One(audience) => slice::from_ref(audience),
            Self::Several(audiences) => audiences,
        }
        .iter()
    }

    /// A copy that does not depend on the claims set.
    pub(super) fn detached(&self, claims: &str) -> Self {
        let detached = self.iter().map(|audience| audience.detached(claims));
        detached.collect()
    }
}

impl Default for Audiences {
    fn default() -> Self {
        Self::Several(Box::default())
    }
}

impl FromIterator<ClaimText> for Audiences {
    fn from_iter<I: IntoIterator<Item = ClaimText>>(audiences: I) -> Self {
        let mut audiences = audiences.into_iter();
        let Some(first) = audiences.next() else {
            return Self::default();
        };
        match audiences.next() {
            None => Self::One(first),
            Some(second) => {
                let all = [first, second].into_iter().chain(audiences);
                Self::Several(all.collect())
            }
        }
    }
}
