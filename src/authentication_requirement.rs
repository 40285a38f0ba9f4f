//! How and how recently a user must have authenticated (RFC 9470).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::scopes::Scopes;

/// Requires that the user authenticated in a certain way, or recently: step-up authentication (RFC 9470).
///
/// [`RequireAuthenticationLayer`](crate::RequireAuthenticationLayer) requires it for a route,
/// [`AccessToken::require_authentication`](crate::AccessToken::require_authentication) within a handler or a tool, and
/// a [rule](crate::mcp::Rule) for a tool of an MCP server. See the [guard module](crate::guard#step-up-authentication)
/// for what clients see.
///
/// ```
/// use std::time::Duration;
/// use tower_bearer_auth::AuthenticationRequirement;
///
/// // Resistant to phishing, and at most five minutes ago.
/// let step_up = AuthenticationRequirement::new()
///     .acr(["phr", "phrh"])
///     .max_age(Duration::from_secs(300));
/// # let _ = step_up;
/// ```
///
/// A requirement without `acr` and without `max_age` requires only a token. A token does not meet the requirement if a
/// required claim is absent, has another type, or occurs twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthenticationRequirement {
    /// The accepted values of `acr`, or `None` if it does not matter. Their characters are those of scopes. Empty if
    /// several requirements together accept no value.
    acr_values: Option<Scopes>,
    max_age: Option<MaxAge>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct MaxAge {
    age: Duration,
    /// The age in seconds, as a challenge needs it.
    seconds: Box<str>,
}

/// How far in the future an `auth_time` may be, because the issuer's clock may be ahead.
const LEEWAY: Duration = Duration::from_secs(60);

impl AuthenticationRequirement {
    /// Creates a requirement that every token meets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the accepted values of the claim `acr` (authentication context class reference), in order of preference.
    /// Default: `acr` is not checked. A later call replaces an earlier one.
    ///
    /// Values are compared for equality, since only the issuer knows their order. So list the stronger values too.
    ///
    /// # Panics
    ///
    /// If the list is empty, or a value has other characters than visible ASCII without space, `"` and `\`, which a
    /// challenge cannot contain. [`Scopes::try_from_names`] allows the same characters: check values from a
    /// configuration file with it.
    #[must_use]
    #[track_caller]
    pub fn acr<I>(mut self, values: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let check = |value: I::Item| {
            let name = value.as_ref();
            assert!(
                Scopes::try_from_names([name]).is_ok(),
                "{name:?} cannot be a value of acr_values (visible ASCII without space, quote and backslash)"
            );
            value
        };
        let values = Scopes::lossy(values.into_iter().map(check));
        assert!(
            !values.is_empty(),
            "a requirement that accepts no value of acr refuses every request"
        );
        self.acr_values = Some(values);
        self
    }

    /// Sets the maximum time since the user authenticated: the age of the claim `auth_time`. Default: unlimited.
    ///
    /// A later call replaces an earlier one.
    ///
    /// The limit is rounded down to whole seconds, the unit of the challenge. The age is measured by the clock of the
    /// token's verifier. An `auth_time` up to 60 seconds in the future counts
    /// as now, because the issuer's clock may be ahead. A later one does not meet the requirement. There is no other
    /// leeway.
    ///
    /// # Panics
    ///
    /// If it is shorter than a second.
    #[must_use]
    #[track_caller]
    pub fn max_age(mut self, age: Duration) -> Self {
        let seconds = age.as_secs();
        assert!(
            seconds > 0,
            "an authentication that may be no second old refuses every request"
        );
        self.max_age = Some(MaxAge {
            age: Duration::from_secs(seconds),
            seconds: seconds.to_string().into(),
        });
        self
    }

    /// The accepted values of `acr`, with spaces between them, as in a challenge.
    pub(crate) fn acr_values(&self) -> Option<&str> {
        self.acr_values.as_ref().map(Scopes::as_str)
    }

    /// The maximum age in seconds, as in a challenge.
    pub(crate) fn max_age_seconds(&self) -> Option<&str> {
        self.max_age.as_ref().map(|max_age| &*max_age.seconds)
    }

    /// Whether no token can meet it, since it combines requirements that accept different values of `acr`.
    pub(crate) fn is_impossible(&self) -> bool {
        self.acr_values.as_ref().is_some_and(Scopes::is_empty)
    }

    /// Whether the claims that `acr` and `auth_time` return meet it at the time `now`. Dates are durations since 1970.
    /// A claim that is not required is not looked up.
    pub(crate) fn is_met_with<A: AsRef<str>>(
        &self,
        acr: impl FnOnce() -> Option<A>,
        auth_time: impl FnOnce() -> Option<Duration>,
        now: impl FnOnce() -> Duration,
    ) -> bool {
        let has_acr = self
            .acr_values
            .as_ref()
            .is_none_or(|accepted| acr().is_some_and(|acr| accepted.contains(acr.as_ref())));
        has_acr
            && self
                .max_age
                .as_ref()
                .is_none_or(|max_age| auth_time().is_some_and(|at| max_age.allows(at, now())))
    }

    /// Like [`and`](Self::and), but shares one of the two if that is the stricter one.
    pub(crate) fn both(one: Arc<Self>, other: &Arc<Self>) -> Arc<Self> {
        let both = one.and(other);
        match both == *one {
            true => one,
            false if both == **other => Arc::clone(other),
            false => Arc::new(both),
        }
    }

    /// The requirement that a token meets if it meets both.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let acr_values = match (&self.acr_values, &other.acr_values) {
            (Some(one), Some(other)) => {
                Some(Scopes::lossy(one.iter().filter(|acr| other.contains(acr))))
            }
            (one, other) => one.as_ref().or(other.as_ref()).cloned(),
        };
        let ages = self.max_age.iter().chain(&other.max_age);
        Self {
            acr_values,
            max_age: ages.min_by_key(|max_age| max_age.age).cloned(),
        }
    }
}

impl MaxAge {
    fn allows(&self, auth_time: Duration, now: Duration) -> bool {
        auth_time.saturating_sub(now) <= LEEWAY && now.saturating_sub(auth_time) <= self.age
    }
}

/// Such as `acr phr or phrh, at most 300 seconds ago`, or `any authentication`.
impl fmt::Display for AuthenticationRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("any authentication");
        }
        let mut separator = "";
        if let Some(accepted) = &self.acr_values {
            let values: Vec<_> = accepted.iter().collect();
            write!(f, "acr {}", values.join(" or "))?;
            separator = ", ";
        }
        if let Some(max_age) = &self.max_age {
            write!(f, "{separator}at most {} seconds ago", max_age.seconds)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::panic::catch_unwind;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn acr(values: &[&str]) -> AuthenticationRequirement {
        AuthenticationRequirement::new().acr(values)
    }

    fn max_age(seconds: u64) -> AuthenticationRequirement {
        AuthenticationRequirement::new().max_age(Duration::from_secs(seconds))
    }

    fn is_met(
        required: &AuthenticationRequirement,
        acr: Option<&str>,
        auth_time: Option<Duration>,
        now: Duration,
    ) -> bool {
        required.is_met_with(|| acr, || auth_time, || now)
    }

    #[test]
    fn one_of_the_values_is_enough_if_it_is_equal() {
        let required = acr(&["phr", "phrh"]);
        for (value, expected) in [
            (Some("phr"), true),
            (Some("phrh"), true),
            (Some("ph"), false),
            (Some("PHR"), false),
            (Some("phr phrh"), false),
            (Some(" phr"), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(
                is_met(&required, value, None, seconds(0)),
                expected,
                "{value:?}"
            );
        }
    }

    #[test]
    fn the_age_is_exact_to_the_instant() {
        let now = seconds(1_800_000_000);
        let required = max_age(300);
        let moment = Duration::from_nanos(1);
        for (auth_time, expected) in [
            (now, true),
            (now - seconds(300), true),
            (now - seconds(300) - moment, false),
            (now - seconds(301), false),
            (seconds(0), false),
            (now + seconds(60), true),
            (now + seconds(60) + moment, false),
            (now + seconds(61), false),
        ] {
            assert_eq!(
                is_met(&required, None, Some(auth_time), now),
                expected,
                "{auth_time:?}"
            );
        }
        assert!(!is_met(&required, None, None, now));
        assert!(is_met(&max_age(u64::MAX), None, Some(seconds(0)), now));
    }

    #[test]
    fn a_maximum_age_is_rounded_down() {
        let required = AuthenticationRequirement::new().max_age(Duration::from_millis(1_999));
        assert_eq!(required, max_age(1));
        assert_eq!(required.max_age_seconds(), Some("1"));
    }

    #[test]
    fn a_requirement_of_neither_is_always_met() {
        let nothing = AuthenticationRequirement::new();
        assert!(is_met(&nothing, None, None, seconds(0)));
        assert_eq!(
            (nothing.acr_values(), nothing.max_age_seconds()),
            (None, None)
        );
    }

    #[test]
    fn a_requirement_that_refuses_everything_panics() {
        for values in [
            &[][..],
            &[""],
            &["a b"],
            &["ok", "\""],
            &["\\"],
            &["é"],
            &["a\n"],
        ] {
            assert!(catch_unwind(|| acr(values)).is_err(), "{values:?}");
        }
        for age in [Duration::ZERO, Duration::from_millis(999)] {
            let required = || AuthenticationRequirement::new().max_age(age);
            assert!(catch_unwind(required).is_err(), "{age:?}");
        }
    }

    #[test]
    fn what_is_required_together_is_what_all_accept() {
        let both = acr(&["c", "a", "b"])
            .max_age(seconds(60))
            .and(&acr(&["b", "c"]).max_age(seconds(30)));
        assert_eq!(both, acr(&["c", "b"]).max_age(seconds(30)));
        assert_eq!(
            acr(&["a"]).and(&max_age(5)),
            acr(&["a"]).max_age(seconds(5))
        );
        let impossible = acr(&["a"]).and(&acr(&["b"]));
        assert!(impossible.is_impossible() && !both.is_impossible());
        assert!(!is_met(&impossible, Some("a"), None, seconds(0)));
        assert!(!is_met(&impossible, Some(""), None, seconds(0)));
    }

    #[test]
    fn a_requirement_is_shown_as_a_sentence_needs_it() {
        let shown = |required: AuthenticationRequirement| required.to_string();
        assert_eq!(shown(acr(&["a", "b"])), "acr a or b");
        assert_eq!(shown(max_age(300)), "at most 300 seconds ago");
        assert_eq!(
            shown(acr(&["a"]).max_age(seconds(5))),
            "acr a, at most 5 seconds ago"
        );
        assert_eq!(
            shown(AuthenticationRequirement::new()),
            "any authentication"
        );
    }

    #[test]
    fn requirements_are_shared_where_one_is_enough() {
        let (strict, mild) = (Arc::new(max_age(5)), Arc::new(max_age(60)));
        for (one, other) in [(&strict, &mild), (&mild, &strict)] {
            let both = AuthenticationRequirement::both(Arc::clone(one), other);
            assert!(Arc::ptr_eq(&both, &strict));
        }
    }

    proptest! {
        #[test]
        fn both_are_met_where_each_is(
            one in requirement(),
            other in requirement(),
            acr in proptest::option::of("[a-d]"),
            auth_time in proptest::option::of(0_u64..200),
        ) {
            let met = |required: &AuthenticationRequirement| {
                is_met(required, acr.as_deref(), auth_time.map(seconds), seconds(100))
            };
            prop_assert_eq!(met(&one.and(&other)), met(&one) && met(&other));
        }
    }

    fn requirement() -> impl Strategy<Value = AuthenticationRequirement> {
        let acr = proptest::option::of(proptest::collection::vec("[a-d]", 1..4));
        let age = proptest::option::of(1_u64..120);
        (acr, age).prop_map(|(acr, age)| {
            let mut required = AuthenticationRequirement::new();
            if let Some(acr) = acr {
                required = required.acr(acr);
            }
            if let Some(age) = age {
                required = required.max_age(seconds(age));
            }
            required
        })
    }
}
