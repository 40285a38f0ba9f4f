//! Selects the rule for a name: exact names before prefixes, longer prefixes before shorter ones.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use memchr::memchr_iter;

use super::rule::Rule;

/// The rules for one kind of target, or for methods.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns {
    exact: HashMap<Box<str>, Rule, RandomState>,
    /// Sorted by their bytes.
    prefixes: Vec<(Box<str>, Rule)>,
}

impl Patterns {
    /// Adds a rule for a name, or, if the pattern ends in `*`, for all names with that prefix.
    pub(super) fn insert(&mut self, pattern: &str, rule: Rule) -> Result<(), &'static str> {
        match split_star(pattern)? {
            (prefix, true) => self.insert_prefix(prefix, rule),
            (name, false) => self.insert_exact(name, rule),
        }
    }

    /// Adds a rule for a name, in which a `*` is an ordinary character.
    pub(super) fn insert_exact(&mut self, name: &str, rule: Rule) -> Result<(), &'static str> {
        if name.is_empty() {
            return Err("is empty");
        }
        if has_control(name) {
            return Err(HAS_CONTROL);
        }
        match self.exact.insert(name.into(), rule) {
            None => Ok(()),
            Some(_) => Err(OCCURS_TWICE),
        }
    }

    /// Adds a rule for all names with this prefix, in which a `*` is an ordinary character.
    pub(super) fn insert_prefix(&mut self, prefix: &str, rule: Rule) -> Result<(), &'static str> {
        if has_control(prefix) {
            return Err(HAS_CONTROL);
        }
        match self
            .prefixes
            .binary_search_by(|(known, _)| (**known).cmp(prefix))
        {
            Ok(_) => Err(OCCURS_TWICE),
            Err(place) => {
                self.prefixes.insert(place, (prefix.into(), rule));
                Ok(())
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.prefixes.is_empty()
    }

    pub(super) fn exact(&self, name: &str) -> Option<&Rule> {
        self.exact.get(name)
    }

    pub(super) fn find(&self, name: &str) -> Option<&Rule> {
        self.find_covering(name).map(|(rule, _)| rule)
    }

    /// The rule for a name, and how many bytes of the name its pattern has.
    pub(super) fn find_covering(&self, name: &str) -> Option<(&Rule, usize)> {
        let exact = self.exact(name).map(|rule| (rule, name.len()));
        exact.or_else(|| self.find_longest(name))
    }

    pub(super) fn find_prefix(&self, name: &str) -> Option<&Rule> {
        self.find_longest(name).map(|(rule, _)| rule)
    }

    /// The rule of the longest prefix of `name`, and the length of that prefix. A client can send a thousand names, so this
    /// is a binary search instead of a scan of all prefixes.
    fn find_longest(&self, name: &str) -> Option<(&Rule, usize)> {
        let mut start = name.as_bytes();
        loop {
            let behind = self
                .prefixes
                .partition_point(|(known, _)| known.as_bytes() <= start);
            let (candidate, rule) = &self.prefixes[..behind].last()?;
            // The candidate is the last one that sorts at or before `start`. If it is not a prefix of `start`, no
            // prefix is longer than what the two have in common.
            let common = start.iter().zip(candidate.bytes());
            let common = common.take_while(|(one, other)| **one == *other).count();
            if common == candidate.len() {
                return Some((rule, common));
            }
            start = &start[..common];
        }
    }

    /// All rules.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        let prefixes = self.prefixes.iter().map(|(_, rule)| rule);
        self.exact.values().chain(prefixes)
    }
}

const HAS_CONTROL: &str = "has a control character";
const OCCURS_TWICE: &str = "occurs twice";

/// A pattern without the `*` at its end, and whether it had one.
pub(super) fn split_star(pattern: &str) -> Result<(&str, bool), &'static str> {
    let (name, is_prefix) = match pattern.strip_suffix('*') {
        Some(prefix) => (prefix, true),
        None => (pattern, false),
    };
    match name.contains('*') {
        true => Err("has a `*` elsewhere than at its end"),
        false => Ok((name, is_prefix)),
    }
}

/// Whether a text has a control character (U+0000 to U+001F, U+007F to U+009F), at which some parsers stop.
pub(super) fn has_control(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Without an early exit, the compiler can vectorize this loop.
    let is_printable = |all: bool, byte: &u8| all & (0x20..0x7f).contains(byte);
    if bytes.iter().fold(true, is_printable) {
        return false;
    }
    let is_ascii_control = |found: bool, byte: &u8| found | (*byte < 0x20) | (*byte == 0x7f);
    // U+0080 to U+009F are 0xc2, followed by a byte below 0xa0.
    let is_other = |at: usize| bytes.get(at + 1).is_some_and(|next| *next < 0xa0);
    bytes.iter().fold(false, is_ascii_control) || memchr_iter(0xc2, bytes).any(is_other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::ScopeRequirement;

    #[test]
    fn the_most_specific_rule_wins_in_whatever_order_they_are_added() {
        let rule = |name: &str| Rule::new(ScopeRequirement::all([name]));
        let mut orders = [
            ["note_delete", "note_*", "*", "note_delete_*"],
            ["note_delete_*", "*", "note_*", "note_delete"],
        ];
        for order in &mut orders {
            let mut patterns = Patterns::default();
            for pattern in order.iter() {
                patterns.insert(pattern, rule(pattern)).unwrap();
            }
            let expected = [
                ("note_delete", "note_delete"),
                ("note_delete_all", "note_delete_*"),
                ("note_read", "note_*"),
                ("note", "*"),
                ("NOTE_DELETE", "*"),
                ("note_delete ", "note_*"),
            ];
            for (name, pattern) in expected {
                assert_eq!(patterns.find(name), Some(&rule(pattern)), "{name}");
            }
        }
    }

    #[test]
    fn the_longest_prefix_is_found_among_many() {
        let names = [
            "", "a", "ab", "abc", "abd", "abcde", "b", "ba", "é", "éa", "zz", "aé",
        ];
        let rule = |name: &str| {
            let scope = format!("s:{}", name.replace('é', "e"));
            Rule::new(ScopeRequirement::all([scope]))
        };
        for left_out in 0..=names.len() {
            let mut patterns = Patterns::default();
            let known = || names.iter().enumerate().filter(|(at, _)| *at != left_out);
            for (_, name) in known() {
                let rule = rule(name);
                patterns.insert(&format!("{name}*"), rule).unwrap();
            }
            for name in [
                "", "a", "aa", "abb", "abcd", "abcdez", "abz", "b", "bz", "c", "è", "éab", "z",
                "zzz", "aéz", "aè",
            ] {
                let longest = known()
                    .map(|(_, prefix)| *prefix)
                    .filter(|prefix| name.starts_with(prefix))
                    .max_by_key(|prefix| prefix.len());
                let expected = longest.map(rule);
                assert_eq!(
                    patterns.find(name),
                    expected.as_ref(),
                    "{name:?} {left_out}"
                );
            }
        }
    }

    #[test]
    fn malformed_and_repeated_patterns_are_refused() {
        let token = || Rule::new(ScopeRequirement::token());
        let mut patterns = Patterns::default();
        patterns.insert("a*", token()).unwrap();
        patterns.insert("a", token()).unwrap();
        for bad in ["", "*a", "a*b", "a**", "a*", "a", "a\0"] {
            assert!(patterns.insert(bad, token()).is_err(), "{bad}");
        }
    }

    #[test]
    fn control_characters_are_those_of_unicode() {
        for letter in ('\0'..='\u{17ff}').chain(['\u{2028}', '\u{feff}', '\u{10ffff}']) {
            let is_control = letter.is_control();
            assert_eq!(has_control(&letter.to_string()), is_control, "{letter:?}");
            assert_eq!(has_control(&format!("\u{a0}é{letter}é")), is_control);
        }
        assert!(!has_control(""));
    }

    #[test]
    fn control_characters_do_not_cancel_each_other() {
        for text in [
            "\u{1}",
            "\u{1}\u{1}",
            "a\u{0}b\u{1f}",
            "\u{7f}",
            "\u{7f}\u{7f}",
            "\u{1}\u{7f}",
            "\u{80}",
            "\u{9f}\u{9f}",
        ] {
            assert!(has_control(text), "{text:?}");
        }
        for text in ["", " ", "~", "é", "\u{a0}", "\u{a0}\u{a0}"] {
            assert!(!has_control(text), "{text:?}");
        }
    }

    #[test]
    fn patterns_know_their_rules_and_whether_they_have_any() {
        let rule = |name: &str| Rule::new(ScopeRequirement::all([name]));
        let mut patterns = Patterns::default();
        assert!(patterns.is_empty());
        patterns.insert("a*", rule("prefix")).unwrap();
        assert!(!patterns.is_empty());
        assert_eq!(patterns.find_prefix("ab"), Some(&rule("prefix")));
        patterns.insert("ab", rule("exact")).unwrap();
        assert_eq!(patterns.find("ab"), Some(&rule("exact")));
        assert_eq!(patterns.find_prefix("ab"), Some(&rule("prefix")));
        let all: Vec<_> = patterns.rules().cloned().collect();
        assert_eq!(all, [rule("exact"), rule("prefix")]);
        let mut exact = Patterns::default();
        exact.insert("ab", rule("exact")).unwrap();
        assert!(!exact.is_empty());
        assert_eq!(exact.find_prefix("ab"), None);
    }
}
