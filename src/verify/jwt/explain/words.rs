//! Values of tokens and settings as texts for a terminal.

use std::time::Duration;

use der::DateTime;

use crate::error_chain::shortened;
use crate::shown_url::ShownUrl;

/// The maximum length of a value, in characters.
const MAX_SHOWN: usize = 120;

/// The maximum number of names in a list.
const MAX_LISTED: usize = 10;

/// A text of the token in quotes: shortened, and with control characters escaped.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", safe(text))
}

/// A text of the token: shortened, and with control characters escaped.
pub(super) fn safe(text: &str) -> String {
    printable(&shortened(text, MAX_SHOWN))
}

/// A text with its control characters escaped, which could control the terminal.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

/// The first items, separated by commas, and the number of the others.
pub(super) fn listed<'n>(
    items: impl Iterator<Item = &'n str>,
    shown: fn(&str) -> String,
) -> String {
    let (mut names, mut more) = (Vec::new(), 0);
    for item in items {
        match names.len() < MAX_LISTED {
            true => names.push(shown(item)),
            false => more += 1,
        }
    }
    match more {
        0 => names.join(", "),
        _ => format!("{} and {more} more", names.join(", ")),
    }
}

/// Names of the configuration in quotes, without the queries of URLs.
pub(super) fn configured<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names = names
        .into_iter()
        .map(|name| quoted(ShownUrl::of(name).as_str()));
    names.collect::<Vec<_>>().join(" or ")
}

/// `3 keys`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// A date, and how far it is from now: `2026-11-30T02:10:12Z, 5 minutes ago`.
pub(super) fn date(at: Duration, now: Duration) -> String {
    let whole_seconds = Duration::from_secs(at.as_secs());
    let date = match DateTime::from_unix_duration(whole_seconds) {
        Ok(date) => date.to_string(),
        Err(_) => format!("{} seconds after 1970", at.as_secs()),
    };
    let distance = match (at.checked_sub(now), now.checked_sub(at)) {
        (Some(Duration::ZERO), _) => "now".to_owned(),
        (Some(ahead), _) => format!("in {}", duration(ahead)),
        (None, behind) => format!("{} ago", duration(behind.unwrap_or_default())),
    };
    format!("{date}, {distance}")
}

/// A duration in its two largest units.
pub(super) fn duration(duration: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [
        (86_400, "day"),
        (3600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let mut rest = duration.as_secs();
    let mut parts = Vec::new();
    for (seconds, unit) in UNITS {
        let count = rest / seconds;
        rest %= seconds;
        if count > 0 {
            parts.push(counted(usize::try_from(count).unwrap_or(usize::MAX), unit));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    match parts.is_empty() {
        true => "less than a second".to_owned(),
        false => parts.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_their_two_largest_units() {
        for (seconds, text) in [
            (0, "less than a second"),
            (1, "1 second"),
            (61, "1 minute 1 second"),
            (3600, "1 hour"),
            (3605, "1 hour"),
            (7500, "2 hours 5 minutes"),
            (90_000, "1 day 1 hour"),
            (400 * 86_400 + 1, "400 days"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn dates_are_written_with_their_distance() {
        let at = |seconds| Duration::from_secs(seconds);
        let now = at(1_800_000_000);
        for (seconds, text) in [
            (1_800_000_000, "2027-01-15T08:00:00Z, now"),
            (1_799_999_940, "2027-01-15T07:59:00Z, 1 minute ago"),
            (1_800_003_600, "2027-01-15T09:00:00Z, in 1 hour"),
            (0, "1970-01-01T00:00:00Z, 20833 days 8 hours ago"),
        ] {
            assert_eq!(date(at(seconds), now), text);
        }
        let last = date(at(253_402_300_799), now);
        assert!(last.starts_with("9999-12-31T23:59:59Z, in"), "{last}");
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<_> = (0..12).map(|n| n.to_string()).collect();
        let listed = |count: usize| listed(names[..count].iter().map(String::as_str), quoted);
        assert_eq!(listed(0), "");
        assert_eq!(listed(2), r#""0", "1""#);
        assert!(listed(10).ends_with(r#""9""#));
        assert!(listed(12).ends_with(r#""9" and 2 more"#));
    }

    #[test]
    fn what_a_token_says_cannot_control_the_terminal() {
        assert_eq!(
            safe("a\u{1b}[31m\u{202e}\n'\"\\é"),
            r#"a\u{1b}[31m\u{202e}\n'"\é"#
        );
        assert_eq!(printable("a\nb \u{7}"), r"a\nb \u{7}");
        let long = "k".repeat(100_000);
        assert_eq!(safe(&long), format!("{}…", "k".repeat(MAX_SHOWN)));
    }
}
