//! Sets of scopes (RFC 6749 §3.3), and hierarchies of scopes.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use foldhash::quality::RandomState;

use crate::telemetry::CLAIMS;

/// A set of scopes that keeps the order in which they were added.
///
/// A scope is one or more visible ASCII characters except `"` and `\` (RFC 6749 §3.3). Scopes are compared byte by
/// byte.
///
/// ```
/// use tower_bearer_auth::Scopes;
///
/// let held = Scopes::parse("notes:read notes:write")?;
/// assert!(held.contains("notes:read"));
/// assert!(held.is_superset(&Scopes::parse("notes:write")?));
/// assert_eq!(held.to_string(), "notes:read notes:write");
/// # Ok::<(), tower_bearer_auth::InvalidScope>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Scopes {
    // The names, joined by single spaces. This needs one allocation, and a challenge needs this form.
    joined: Box<str>,
}

impl Scopes {
    /// Parses a space-delimited list, such as a `scope` parameter or claim.
    ///
    /// # Errors
    ///
    /// If a name has a character that RFC 6749 §3.3 does not allow.
    pub fn parse(list: &str) -> Result<Self, InvalidScope> {
        Self::try_from_names(names(list))
    }

    /// Collects names that are one scope each. A name with a space in it is an error, not two scopes.
    ///
    /// # Errors
    ///
    /// If a name is empty or has a character that RFC 6749 §3.3 does not allow.
    pub fn try_from_names<I>(names: I) -> Result<Self, InvalidScope>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut set = Collector::default();
        for name in names {
            let name = name.as_ref();
            if !is_scope(name) {
                return Err(InvalidScope { name: name.into() });
            }
            set.push(name);
        }
        Ok(set.finish())
    }

    /// Collects the names that are scopes, and ignores the others.
    ///
    /// Use it for the claims of tokens. A name that is not a scope, such as a role called `Super Admin`, matches no
    /// requirement. So ignoring it changes no decision.
    pub(crate) fn lossy<I>(names: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        Self::lossy_counted(names, &mut 0)
    }

    /// Like [`lossy`](Self::lossy), and adds the number of ignored names to `left_out`. Empty names are not counted.
    pub(crate) fn lossy_counted<I>(names: I, left_out: &mut usize) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut set = Collector::default();
        for name in names {
            let name = name.as_ref();
            if is_scope(name) {
                set.push(name);
            } else if !name.is_empty() {
                *left_out += 1;
            }
        }
        set.finish()
    }

    /// Like [`lossy_counted`](Self::lossy_counted), for a space-delimited list.
    pub(crate) fn lossy_list(list: &str, left_out: &mut usize) -> Self {
        match is_spelled_as_a_set(list) {
            true => Self {
                joined: list.into(),
            },
            false => Self::lossy_counted(names(list), left_out),
        }
    }

    /// Like [`try_from_names`](Self::try_from_names), for names in the code of the server. Panics if a name is not a
    /// scope.
    #[track_caller]
    pub(crate) fn configured<I>(names: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        match Self::try_from_names(names) {
            Ok(scopes) => scopes,
            Err(error) => panic!("{error}"),
        }
    }

    /// Whether `scope` is in the set.
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|held| held == scope)
    }

    /// Whether this set has every scope of `other`.
    pub fn is_superset(&self, other: &Self) -> bool {
        other.iter().all(|scope| self.contains(scope))
    }

    /// The scopes, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        names(&self.joined)
    }

    /// The number of scopes.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are no scopes.
    pub fn is_empty(&self) -> bool {
        self.joined.is_empty()
    }

    /// The scopes as a space-delimited list, as in a challenge or a `scope` claim: `a b`.
    pub fn as_str(&self) -> &str {
        &self.joined
    }

    /// The scopes of this set, followed by those of `other` that this set lacks.
    pub(crate) fn union(&self, other: &Self) -> Self {
        if self.is_superset(other) {
            return self.clone();
        }
        Self::lossy(self.iter().chain(other.iter()))
    }
}

impl FromStr for Scopes {
    type Err = InvalidScope;

    fn from_str(list: &str) -> Result<Self, InvalidScope> {
        Self::parse(list)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.joined)
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The error for a name that is not a scope: it is empty, or has a character that RFC 6749 §3.3 does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidScope {
    name: Box<str>,
}

impl fmt::Display for InvalidScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a scope (RFC 6749 section 3.3: visible ASCII without space, quote and backslash)",
            self.name
        )
    }
}

impl std::error::Error for InvalidScope {}

/// A hierarchy of scopes, in which a scope can imply others.
///
/// If `admin` implies `write` and `write` implies `read`, a token with `admin` meets every requirement of the three:
/// implication is transitive. The layer, the guards, [`AccessToken::has_scope`](crate::AccessToken::has_scope) and
/// [`AccessToken::require_scopes`](crate::AccessToken::require_scopes) use it. The token's
/// [`scopes`](crate::AccessToken::scopes) do not include the implied ones.
///
/// ```
/// use tower_bearer_auth::{ScopeHierarchy, Scopes};
///
/// let hierarchy = ScopeHierarchy::new()
///     .implies("admin", ["write"])
///     .implies("write", ["read"]);
/// assert!(hierarchy.grants(&Scopes::parse("admin")?, "read"));
/// assert!(!hierarchy.grants(&Scopes::parse("read")?, "write"));
/// # Ok::<(), tower_bearer_auth::InvalidScope>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ScopeHierarchy {
    // For each scope, the scopes that imply it, directly or transitively.
    implied_by: Arc<BTreeMap<Box<str>, BTreeSet<Box<str>>>>,
}

impl ScopeHierarchy {
    /// Creates a hierarchy in which no scope implies another.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds that `scope` implies each of `implied`.
    ///
    /// # Panics
    ///
    /// If a name is not a scope (RFC 6749 §3.3).
    #[must_use]
    #[track_caller]
    pub fn implies<I>(mut self, scope: &str, implied: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let scope = Scopes::configured([scope]);
        let implied = Scopes::configured(implied);
        let implied_by = Arc::make_mut(&mut self.implied_by);

        // Every scope that implies `scope` also implies `implied`, and the scopes that `implied` implies.
        let mut above = implied_by.get(scope.as_str()).cloned().unwrap_or_default();
        above.insert(scope.as_str().into());
        for name in implied.iter() {
            let below = implied_by
                .iter()
                .filter(|(_, above)| above.contains(name))
                .map(|(below, _)| below.clone());
            let below: Vec<_> = below.chain([name.into()]).collect();
            for target in below {
                implied_by
                    .entry(target)
                    .or_default()
                    .extend(above.iter().cloned());
            }
        }
        self
    }

    /// Whether `held` includes `scope` or a scope that implies it.
    pub fn grants(&self, held: &Scopes, scope: &str) -> bool {
        held.contains(scope)
            || self
                .implied_by
                .get(scope)
                .is_some_and(|above| held.iter().any(|name| above.contains(name)))
    }

    /// Whether `held` includes or implies every scope of `required`.
    pub(crate) fn grants_all(&self, held: &Scopes, required: &Scopes) -> bool {
        required.iter().all(|scope| self.grants(held, scope))
    }
}

/// Logs the number of names in a token that were ignored, if there are any.
pub(crate) fn log_left_out(left_out: usize) {
    if left_out > 0 {
        tracing::debug!(
            target: CLAIMS,
            left_out,
            "scopes with characters that RFC 6749 section 3.3 does not allow are left out",
        );
    }
}

/// The names of a space-delimited list.
pub(crate) fn names(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(' ');
        // Names are short, so a plain loop is faster than a search with setup costs.
        let end = rest.bytes().position(|byte| byte == b' ');
        let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
        rest = behind;
        (!name.is_empty()).then_some(name)
    })
}

/// Whether a list already has the form of a set: at most 16 scopes without a duplicate, with single spaces between
/// them. Almost all tokens have such lists, so they take this fast path.
fn is_spelled_as_a_set(list: &str) -> bool {
    let mut known = [""; 16];
    let mut rest = list;
    for count in 0..known.len() {
        let end = rest.bytes().position(|byte| !is_scope_char(byte));
        let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
        if name.is_empty() || known[..count].contains(&name) {
            return false;
        }
        known[count] = name;
        match behind.strip_prefix(' ') {
            Some(next) => rest = next,
            None => return behind.is_empty(),
        }
    }
    false
}

fn is_scope(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_scope_char)
}

#[inline]
fn is_scope_char(byte: u8) -> bool {
    SCOPE_CHARS[usize::from(byte)]
}

/// `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )` (RFC 6749 §3.3)
static SCOPE_CHARS: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte: u8 = 0x21;
    while byte <= 0x7E {
        allowed[byte as usize] = !matches!(byte, b'"' | b'\\');
        byte += 1;
    }
    allowed
};

/// Joins names without duplicates.
///
/// The first names are compared with each other. If there are more, a hash set removes the duplicates at the end. So a
/// token with thousands of scopes does not take quadratic time.
#[derive(Default)]
struct Collector {
    joined: String,
    count: usize,
}

impl Collector {
    const INDEXED_FROM: usize = 32;

    fn push(&mut self, name: &str) {
        if self.count < Self::INDEXED_FROM && names(&self.joined).any(|known| known == name) {
            return;
        }
        if self.count > 0 {
            self.joined.push(' ');
        }
        self.joined.push_str(name);
        self.count += 1;
    }

    fn finish(self) -> Scopes {
        let mut joined = self.joined;
        if self.count > Self::INDEXED_FROM {
            let mut known = HashSet::with_capacity_and_hasher(self.count, RandomState::default());
            let mut unique = String::with_capacity(joined.len());
            for name in names(&joined).filter(|name| known.insert(*name)) {
                if !unique.is_empty() {
                    unique.push(' ');
                }
                unique.push_str(name);
            }
            joined = unique;
        }
        Scopes {
            joined: joined.into(),
        }
    }
}

#[cfg(test)]
mod tests;
