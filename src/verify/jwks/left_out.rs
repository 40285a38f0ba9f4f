//! The keys of a document that a key set leaves out.

use std::collections::BTreeMap;
use std::fmt;

use crate::verify::keys::jwk::Unusable;

/// The keys of a document that are left out: how many, which, and why.
///
/// Keys for another purpose are normal: for encryption, or with a type, curve or algorithm that is not supported. The
/// others are faults of the document: weak, private, symmetric, malformed or invalid keys, and keys past
/// [`max_keys`](super::JwksBuilder::max_keys).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOutKeys {
    pub(super) faulty: LeftOut,
    pub(super) for_others: LeftOut,
}

/// Keys that are left out for one class of reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// Each with its reason. They are sorted, so that the order of keys in a document makes no difference.
    keys: Vec<(&'static str, Option<Box<str>>)>,
    /// The number of keys that were not read.
    too_many: usize,
}

const TOO_MANY: &str = "too_many";

impl LeftOutKeys {
    /// The number of keys, by reason.
    pub fn by_reason(&self) -> impl Iterator<Item = (&'static str, usize)> {
        let mut counts = BTreeMap::new();
        for list in [&self.faulty, &self.for_others] {
            for (reason, _) in &list.keys {
                *counts.entry(*reason).or_insert(0) += 1;
            }
            if list.too_many > 0 {
                counts.insert(TOO_MANY, list.too_many);
            }
        }
        counts.into_iter()
    }

    /// The keys that were read: the `kid`, if it has one, and the reason. A `kid` is shortened to 40 characters, and
    /// control characters in it are escaped.
    pub fn keys(&self) -> impl Iterator<Item = (Option<&str>, &'static str)> {
        let keys = self.faulty.keys.iter().chain(&self.for_others.keys);
        keys.map(|(reason, key_id)| (key_id.as_deref(), *reason))
    }

    /// The number of keys that were not read, because the document has too many.
    pub(super) fn unread(&self) -> usize {
        self.faulty.too_many
    }

    pub(super) fn add(&mut self, unusable: Unusable, key_id: Option<&str>) {
        let list = match unusable.is_for_others() {
            true => &mut self.for_others,
            false => &mut self.faulty,
        };
        list.keys.push((unusable.as_str(), key_id.map(shown)));
    }

    pub(super) fn add_unread(&mut self, count: usize) {
        self.faulty.too_many += count;
    }

    /// The classes of keys that differ from those left out `before`, for the log.
    pub(super) fn changed_since(&self, before: &Self) -> Option<Box<Self>> {
        let new = |list: &LeftOut, before: &LeftOut| match list == before {
            true => LeftOut::default(),
            false => list.clone(),
        };
        let news = Self {
            faulty: new(&self.faulty, &before.faulty),
            for_others: new(&self.for_others, &before.for_others),
        };
        (news != Self::default()).then(|| Box::new(news))
    }

    pub(super) fn sort(&mut self) {
        self.faulty.keys.sort_unstable();
        self.for_others.keys.sort_unstable();
    }
}

impl LeftOut {
    pub(super) fn count(&self) -> usize {
        self.keys.len() + self.too_many
    }
}

/// The maximum number of keys that a text names.
const MAX_NAMED: usize = 10;

/// The maximum length of a `kid` in a text. It is limited because the issuer chooses it.
const MAX_KEY_ID_LENGTH: usize = 40;

fn shown(key_id: &str) -> Box<str> {
    let mut shown: String = key_id
        .chars()
        .take(MAX_KEY_ID_LENGTH)
        .flat_map(char::escape_debug)
        .collect();
    if key_id.chars().nth(MAX_KEY_ID_LENGTH).is_some() {
        shown.push('…');
    }
    shown.into()
}

/// Shows the first keys, each with its reason.
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (reason, key_id) in self.keys.iter().take(MAX_NAMED) {
            match key_id {
                Some(key_id) => write!(f, "{separator}\"{key_id}\": {reason}")?,
                None => write!(f, "{separator}a key without kid: {reason}")?,
            }
            separator = ", ";
        }
        if let Some(more) = self.keys.len().checked_sub(MAX_NAMED + 1) {
            write!(f, "{separator}{} more", more + 1)?;
        }
        if self.too_many > 0 {
            write!(f, "{separator}{} past max_keys: {TOO_MANY}", self.too_many)?;
        }
        Ok(())
    }
}

impl fmt::Display for LeftOutKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_both = self.faulty.count() > 0 && self.for_others.count() > 0;
        let separator = if has_both { ", " } else { "" };
        write!(f, "{}{separator}{}", self.faulty, self.for_others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(unusable: Unusable, key_ids: &[Option<&str>]) -> LeftOutKeys {
        let mut keys = LeftOutKeys::default();
        for key_id in key_ids {
            keys.add(unusable, *key_id);
        }
        keys.sort();
        keys
    }

    #[test]
    fn a_text_names_ten_keys_and_counts_the_others() {
        let names: Vec<String> = (10..22).map(|n| n.to_string()).collect();
        let names: Vec<_> = names.iter().map(|name| Some(name.as_str())).collect();
        for (count, end) in [
            (9, "\"18\": private"),
            (10, "\"19\": private"),
            (11, "\"19\": private, 1 more"),
            (12, "\"19\": private, 2 more"),
        ] {
            let text = left_out(Unusable::Private, &names[..count]).to_string();
            assert!(text.ends_with(end), "{text}");
        }
        let mut keys = left_out(Unusable::Private, &names[..1]);
        keys.add_unread(7);
        keys.add(Unusable::UnknownKeyType, None);
        let text =
            "\"10\": private, 7 past max_keys: too_many, a key without kid: unknown_key_type";
        assert_eq!(keys.to_string(), text);
        let by_reason: Vec<_> = keys.by_reason().collect();
        let expected = [("private", 1), ("too_many", 7), ("unknown_key_type", 1)];
        assert_eq!(by_reason, expected);
    }

    #[test]
    fn a_key_id_is_shortened_and_escaped() {
        let long = "k".repeat(1_000_000);
        for (key_id, shown) in [
            ("2026-11", "2026-11".to_owned()),
            ("", String::new()),
            ("Schlüssel", "Schlüssel".to_owned()),
            ("a\nb\r\t\0", r"a\nb\r\t\0".to_owned()),
            ("\u{1b}[31m\"", r#"\u{1b}[31m\""#.to_owned()),
            ("\u{202e}\u{2028}", r"\u{202e}\u{2028}".to_owned()),
            (&long[..40], long[..40].to_owned()),
            (&long, format!("{}…", &long[..40])),
        ] {
            let keys = left_out(Unusable::Private, &[Some(key_id)]);
            let (is, _) = keys.keys().next().unwrap();
            assert_eq!(is, Some(&*shown));
        }
    }

    #[test]
    fn the_order_of_keys_in_a_document_makes_no_difference() {
        let names = [Some("a"), Some("b"), None];
        let reverse = [None, Some("b"), Some("a")];
        let (one, other) = (
            left_out(Unusable::Private, &names),
            left_out(Unusable::Private, &reverse),
        );
        assert_eq!(one, other);
    }
}
