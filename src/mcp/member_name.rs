//! The name of a JSON member, compared as loosely as the most lenient parser compares it.

/// A name that some parser may read as one of the known names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    /// The index of that known name.
    pub(super) position: usize,
    /// Whether every parser reads it as that name.
    pub(super) is_plain: bool,
}

/// Which of the `known` names some parser could read `name` as. `is_verbatim` is false for a name that was written
/// with escapes, which is never plain.
///
/// Each letter is folded once, and compared with the known names that match so far. The search ends when none does.
pub(super) fn recognize<T>(
    name: &str,
    is_verbatim: bool,
    known: &[(&'static str, T)],
) -> Option<Name> {
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
            // C strings end here, and other parsers may drop the NUL.
            '\0' => {
                if let Some(position) = alike.complete() {
                    return Some(doubtful(position));
                }
            }
            // Some servers accept an alias in another case: `task_id` for `taskId`.
            '_' | '-' => {}
            letter if letter.is_ascii() => alike.push(letter)?,
            letter => fold(letter).try_for_each(|letter| alike.push(letter))?,
        }
    }
    alike.complete().map(doubtful)
}

/// Upper case, then lower case: this unifies letters that only one of the two conversions unifies.
fn fold(letter: char) -> impl Iterator<Item = char> {
    letter.to_uppercase().flat_map(char::to_lowercase)
}

/// The known names that begin with the letters read so far, ignoring case.
struct Alike<'k, T> {
    known: &'k [(&'static str, T)],
    /// One bit per known name.
    names: u32,
    /// The number of letters read so far.
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

    /// Adds a letter; `None` if no known name continues with it.
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

    /// The index of the known name that consists of exactly these letters.
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

    /// A slow reference implementation.
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
        // Letters that may fold to ASCII, those that are skipped, and one of each other kind.
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
                    // Inserts the letter, or replaces one, two or three letters with it.
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
