//! Reads one claim from a JSON claims set, by its literal name or by a JSON Pointer (RFC 6901). The other claims are
//! skipped.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Reads the claim called `name` as a `T`.
///
/// A name that starts with `/` is a JSON Pointer into the claims set (`/realm_access/roles`). Any other name is the
/// literal name of a member (`https://example.com/roles`). Returns `Ok(None)` if the claim is absent. Returns an error
/// if the claim has another type or occurs twice, or if `claims` is not JSON.
pub(crate) fn find<'de, T>(claims: &'de str, name: &str) -> serde_json::Result<Option<T>>
where
    T: Deserialize<'de>,
{
    let path: Vec<Cow<'_, str>> = match name.strip_prefix('/') {
        Some(pointer) => pointer.split('/').map(unescape).collect(),
        None => vec![Cow::Borrowed(name)],
    };
    let mut json = serde_json::Deserializer::from_str(claims);
    let found = At::<T>::new(&path).deserialize(&mut json)?;
    json.end()?;
    Ok(found)
}

/// Like [`find`], but a claim that is `null` counts as absent.
pub(crate) fn find_value<'de, T>(claims: &'de str, name: &str) -> serde_json::Result<Option<T>>
where
    T: Deserialize<'de>,
{
    find::<Option<T>>(claims, name).map(Option::flatten)
}

/// Decodes a segment of a JSON Pointer: `~1` is a slash and `~0` is a tilde (RFC 6901 §4).
fn unescape(segment: &str) -> Cow<'_, str> {
    if segment.contains('~') {
        Cow::Owned(segment.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(segment)
    }
}

/// Reads the value at a path, and skips all other values.
struct At<'p, T> {
    path: &'p [Cow<'p, str>],
    value: PhantomData<T>,
}

impl<'p, T> At<'p, T> {
    fn new(path: &'p [Cow<'p, str>]) -> Self {
        Self {
            path,
            value: PhantomData,
        }
    }
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for At<'_, T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<T>, D::Error> {
        if self.path.is_empty() {
            T::deserialize(json).map(Some)
        } else {
            json.deserialize_any(self)
        }
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for At<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claims set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<T>, A::Error> {
        let mut found = None;
        while let Some(here) = map.next_key_seed(Is(&self.path[0]))? {
            if !here {
                map.next_value::<IgnoredAny>()?;
            } else if found.is_some() {
                return Err(A::Error::custom("the claim occurs twice"));
            } else {
                found = Some(map.next_value_seed(Self::new(&self.path[1..]))?);
            }
        }
        Ok(found.flatten())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Option<T>, A::Error> {
        // An index is written in digits without leading zeros (RFC 6901 §4).
        let segment = &*self.path[0];
        let is_index = segment == "0" || !segment.starts_with(['0', '+']);
        let wanted: Option<usize> = segment.parse().ok().filter(|_| is_index);
        let mut found = None;
        let mut index = 0;
        loop {
            if wanted == Some(index) {
                match items.next_element_seed(Self::new(&self.path[1..]))? {
                    Some(item) => found = item,
                    None => return Ok(found),
                }
            } else if items.next_element::<IgnoredAny>()?.is_none() {
                return Ok(found);
            }
            index += 1;
        }
    }

    // A scalar has no members or elements, so a path that continues in one leads nowhere.

    fn visit_bool<E>(self, _: bool) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }
}

/// Compares the name of the next member without allocating a string.
struct Is<'p>(&'p str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const CLAIMS: &str = r#"{
        "sub": "alice", "n": 7, "none": null, "a/b": 1, "m~n": 2,
        "https://example.com/roles": ["x"],
        "realm_access": {"roles": ["user", "admin"], "n": 1.5},
        "twice": 1, "twice": 2, "esc\u0061ped": true
    }"#;

    #[test]
    fn names_are_literal_and_pointers_start_with_a_slash() {
        let table = [
            ("sub", Some(json!("alice"))),
            ("n", Some(json!(7))),
            ("none", Some(Value::Null)),
            ("a/b", Some(json!(1))),
            ("/a~1b", Some(json!(1))),
            ("/m~0n", Some(json!(2))),
            ("https://example.com/roles", Some(json!(["x"]))),
            ("/realm_access/roles", Some(json!(["user", "admin"]))),
            ("/realm_access/roles/1", Some(json!("admin"))),
            ("/realm_access/roles/01", None),
            ("/realm_access/roles/+1", None),
            ("/realm_access/roles/2", None),
            ("/realm_access/n/deeper", None),
            ("/sub/0", None),
            ("/n/0", None),
            ("/none/0", None),
            ("/realm_access/absent", None),
            ("realm_access/roles", None),
            ("escaped", Some(json!(true))),
            ("", None),
            ("/", None),
        ];
        for (name, expected) in table {
            assert_eq!(find::<Value>(CLAIMS, name).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn a_claim_of_another_type_or_said_twice_is_an_error() {
        assert!(find::<u64>(CLAIMS, "sub").is_err());
        assert!(find::<Value>(CLAIMS, "twice").is_err());
    }

    #[test]
    fn a_value_is_not_null() {
        assert_eq!(find_value::<Value>(CLAIMS, "none").unwrap(), None);
        assert_eq!(find_value::<u64>(CLAIMS, "n").unwrap(), Some(7));
        assert!(find_value::<u64>(CLAIMS, "sub").is_err());
    }

    #[test]
    fn text_behind_the_claims_set_is_an_error() {
        assert!(find::<Value>("{}{}", "sub").is_err());
    }
}
