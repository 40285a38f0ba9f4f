//! The name of a member, compared as loosely as any reader may compare it.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Visitor};

/// A name, as far as it may be one of those that are looked up in an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    /// Which one a reader could take it for.
    pub(super) position: usize,
    /// Whether every reader takes it for that.
    pub(super) is_plain: bool,
}

/// Reads the name of a member, and keeps it only as one of these, each with what else there is to know of it.
#[derive(Debug)]
pub(super) struct NameReader<T: 'static>(pub(super) &'static [(&'static str, T)]);

impl<'de, T> DeserializeSeed<'de> for NameReader<T> {
    type Value = Option<Name>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<Name>, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de, T> Visitor<'de> for NameReader<T> {
    type Value = Option<Name>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Option<Name>, E> {
        Ok(recognize(name, true, self.0))
    }

    // It had escapes.
    fn visit_str<E>(self, name: &str) -> Result<Option<Name>, E> {
        Ok(recognize(name, false, self.0))
    }
}

/// Which of `known` some reader could take `name` for. `is_verbatim` says whether it stood there as it is, since an
/// escaped letter hides something.
///
/// Each letter is folded once, and compared with the known names that begin like the letters before it. The search
/// ends when there is none.
fn recognize<T>(name: &str, is_verbatim: bool, known: &[(&'static str, T)]) -> Option<Name> {
    if is_verbatim && let Some(position) = known.iter().position(|(known, _)| *known == name) {
        return Some(Name {
            position,
            is_plain: true,
        });
    }
    let doubtful = |position| Name {
        position,
        is_plain: false,
    };
    let mut alike = Alike::all(known);
    for letter in name.chars() {
        match letter {
            // Readers in C see what is in front of it, and others what is around it.
            '\0' => {
                if let Some(position) = alike.complete() {
                    return Some(doubtful(position));
                }
            }
            // Some models have an alias in another case: `task_id` for `taskId`.
            '_' | '-' => {}
            letter if letter.is_ascii() => alike.push(letter)?,
            letter => fold(letter).try_for_each(|letter| alike.push(letter))?,
        }
    }
    alike.complete().map(doubtful)
}

/// Up and down again, so that letters come together which only one of the two would bring together.
fn fold(letter: char) -> impl Iterator<Item = char> {
    letter.to_uppercase().flat_map(char::to_lowercase)
}

/// Which of a few known names begin with the letters so far, in whatever case.
struct Alike<'k, T> {
    known: &'k [(&'static str, T)],
    /// A bit for each.
    names: u32,
    /// How many letters there were.
    length: usize,
}

impl<'k, T> Alike<'k, T> {
    fn all(known: &'k [(&'static str, T)]) -> Self {
        debug_assert!(known.len() < 32, "a bit for each name");
        Self {
            known,
            names: (1 << known.len()) - 1,
            length: 0,
        }
    }

    /// One more letter; `None` if no known name goes on with it.
    fn push(&mut self, letter: char) -> Option<()> {
        let letter = u8::try_from(letter).ok()?;
        for (at, (known, _)) in self.known.iter().enumerate() {
            let next = known.as_bytes().get(self.length);
            if !next.is_some_and(|next| next.eq_ignore_ascii_case(&letter)) {
                self.names &= !(1 << at);
            }
        }
        self.length += 1;
        (self.names != 0).then_some(())
    }

    /// The known name that has no more letters than these.
    fn complete(&self) -> Option<usize> {
        if self.length == 0 {
            return None;
        }
        let mut known = self.known.iter().enumerate();
        known
            .find(|(at, (known, _))| self.names & (1 << at) != 0 && known.len() == self.length)
            .map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, which takes its time.
    fn is_alike(name: &str, known: &str) -> bool {
        let folded = |text: &str| -> String {
            text.chars()
                .filter(|c| !matches!(c, '\0' | '_' | '-'))
                .flat_map(char::to_uppercase)
                .flat_map(char::to_lowercase)
                .collect()
        };
        let up_to_nul = name.split('\0').next().unwrap_or_default();
        [up_to_nul, name]
            .iter()
            .any(|name| folded(name) == folded(known))
    }

    #[test]
    fn every_letter_in_every_place_is_folded_as_defined() {
        // Those that may become ASCII, those that are left out, and one of each other kind.
        let becomes_ascii = |c: &char| c.to_uppercase().all(|c| c.is_ascii());
        let letters = ('\0'..=char::MAX).filter(becomes_ascii);
        let letters: Vec<char> = letters
            .chain(['é', 'İ', 'ß', '\u{212a}', '中', '😀'])
            .collect();
        let all: [&[(&str, ())]; 3] = [
            &[
                ("method", ()),
                ("params", ()),
                ("result", ()),
                ("error", ()),
            ],
            &[
                ("name", ()),
                ("uri", ()),
                ("taskId", ()),
                ("ref", ()),
                ("notifications", ()),
            ],
            &[("resourceSubscriptions", ())],
        ];
        for known in all {
            for (name, ()) in known {
                for (letter, at) in letters
                    .iter()
                    .flat_map(|c| (0..=name.len()).map(move |at| (c, at)))
                {
                    // In front of a letter, and instead of one, two or three.
                    for instead in 0..=name.len().saturating_sub(at).min(3) {
                        let changed = format!("{}{letter}{}", &name[..at], &name[at + instead..]);
                        let expected = known.iter().position(|(name, _)| is_alike(&changed, name));
                        let recognized = recognize(&changed, true, known);
                        assert_eq!(
                            recognized.map(|name| name.position),
                            expected,
                            "{changed:?}"
                        );
                        let is_plain =
                            expected.is_some_and(|position| known[position].0 == changed);
                        assert_eq!(recognized.is_some_and(|name| name.is_plain), is_plain);
                    }
                }
            }
        }
    }
}
