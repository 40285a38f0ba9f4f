//! A challenge: what a refused client needs to get a token that is accepted (RFC 6750 §3, RFC 9110 §11.6.1).

use std::iter;

use serde_json::{Map, Value};

use crate::credentials::Scheme;

/// A challenge of one authentication scheme. It is rendered to a `WWW-Authenticate` field, and to the `data` of a
/// JSON-RPC error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Challenge<'a> {
    pub(super) scheme: Scheme,
    pub(super) params: Params<'a>,
}

/// The parameters of a challenge. Empty and absent ones are left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Params<'a> {
    pub(super) realm: Option<&'a str>,
    pub(super) error: Option<&'a str>,
    /// The algorithms of proofs (RFC 9449 §7.1).
    pub(super) algs: Option<&'a str>,
    pub(super) scope: &'a str,
    pub(super) resource_metadata: Option<&'a str>,
    /// The accepted values of `acr` (RFC 9470 §3).
    pub(super) acr_values: Option<&'a str>,
    /// The maximum age of the user's authentication, in seconds (RFC 9470 §3).
    pub(super) max_age: Option<&'a str>,
    pub(super) description: Option<&'a str>,
}

impl<'a> Params<'a> {
    /// The parameters that are present, in a fixed order, the free text last.
    fn present(&self) -> impl Iterator<Item = (&'static str, &'a str)> + use<'a> {
        let scope = Some(self.scope).filter(|scope| !scope.is_empty());
        let params = [
            ("realm", self.realm),
            ("error", self.error),
            ("algs", self.algs),
            ("scope", scope),
            ("resource_metadata", self.resource_metadata),
            ("acr_values", self.acr_values),
            ("max_age", self.max_age),
            ("error_description", self.description),
        ];
        params
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
    }
}

impl Challenge<'_> {
    /// Appends the value of a `WWW-Authenticate` field.
    ///
    /// Some clients parse this header with regular expressions that stop at the first quote. So no value contains a
    /// quote, and no value is escaped.
    pub(super) fn write(&self, text: &mut String) {
        text.push_str(self.scheme.as_str());
        let mut separator = " ";
        for (name, value) in self.params.present() {
            text.push_str(separator);
            separator = ", ";
            text.push_str(name);
            text.push('=');
            write_quoted(value, text);
        }
    }

    /// The [`data`] of a JSON-RPC error.
    #[cfg(feature = "rmcp")]
    pub(crate) fn to_json(self) -> Value {
        data(self.params.present())
    }
}

/// The `data` of a JSON-RPC error: `error`, `algs`, `scope`, `resource_metadata` and so on. A realm is of no use
/// without HTTP, and the error has a message of its own.
pub(super) fn data<'n, 'v>(params: impl IntoIterator<Item = (&'n str, &'v str)>) -> Value {
    let members = params
        .into_iter()
        .filter(|(name, _)| !matches!(*name, "realm" | "error_description"))
        .map(|(name, value)| (name.to_owned(), value.into()));
    Value::Object(members.collect::<Map<_, _>>())
}

/// The parameters of a challenge that [`Challenge::write`] has written: no value contains a quote.
pub(super) fn parameters(challenge: &str) -> impl Iterator<Item = (&str, &str)> {
    let (_, params) = challenge.split_once(' ').unwrap_or_default();
    let mut parts = params.split('"');
    iter::from_fn(move || {
        let (name, value) = (parts.next()?, parts.next()?);
        Some((name.trim_start_matches(", ").strip_suffix('=')?, value))
    })
}

/// Appends `value` between quotes, as an HTTP quoted-string that is a JSON string as well.
pub(super) fn write_quoted(value: &str, text: &mut String) {
    text.push('"');
    match is_quotable(value) {
        true => text.push_str(value),
        false => text.extend(value.chars().map(quotable)),
    }
    text.push('"');
}

/// Whether `text` can be quoted without a change: it has only the characters that RFC 6750 §3 allows
/// in a description, which are visible ASCII and space without `"` and `\`.
pub(crate) fn is_quotable(text: &str) -> bool {
    // No early exit, so that the compiler can vectorize the loop.
    text.bytes().fold(true, |all, byte| {
        all & matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\')
    })
}

fn quotable(c: char) -> char {
    match c {
        '"' => '\'',
        ' '..='~' if c != '\\' => c,
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http_auth::ChallengeParser;
    use proptest::prelude::*;

    fn header(params: Params<'_>) -> String {
        let mut text = String::new();
        let challenge = Challenge {
            scheme: Scheme::Bearer,
            params,
        };
        challenge.write(&mut text);
        assert!(HeaderValue::from_str(&text).is_ok(), "{text:?}");
        text
    }

    #[test]
    fn parameters_come_in_a_fixed_order() {
        let full = Params {
            realm: Some("notes"),
            error: Some("invalid_token"),
            algs: Some("ES256"),
            scope: "read write",
            resource_metadata: Some("https://api.example.com/.well-known/x"),
            acr_values: Some("phr phrh"),
            max_age: Some("300"),
            description: Some("The access token expired"),
        };
        assert_eq!(
            header(full),
            r#"Bearer realm="notes", error="invalid_token", algs="ES256", scope="read write", resource_metadata="https://api.example.com/.well-known/x", acr_values="phr phrh", max_age="300", error_description="The access token expired""#
        );
        let empty = Params {
            realm: None,
            error: None,
            algs: None,
            scope: "",
            resource_metadata: None,
            acr_values: None,
            max_age: None,
            description: None,
        };
        assert_eq!(header(empty), "Bearer");
        let scope_only = Params {
            scope: "read",
            ..empty
        };
        assert_eq!(header(scope_only), r#"Bearer scope="read""#);
    }

    #[cfg(feature = "rmcp")]
    #[test]
    fn json_data_has_what_a_client_can_act_on() {
        let challenge = Challenge {
            scheme: Scheme::Bearer,
            params: Params {
                realm: Some("notes"),
                error: Some("insufficient_scope"),
                algs: None,
                scope: "read write",
                resource_metadata: Some("https://api.example.com/.well-known/x"),
                acr_values: Some("phr phrh"),
                max_age: Some("300"),
                description: Some("The access token lacks a required scope"),
            },
        };
        assert_eq!(
            challenge.to_json(),
            serde_json::json!({
                "error": "insufficient_scope",
                "scope": "read write",
                "resource_metadata": "https://api.example.com/.well-known/x",
                "acr_values": "phr phrh",
                "max_age": "300",
            })
        );
        let params = Params {
            error: None,
            algs: None,
            scope: "",
            resource_metadata: None,
            acr_values: None,
            max_age: None,
            ..challenge.params
        };
        let empty = Challenge {
            params,
            ..challenge
        };
        assert_eq!(empty.to_json(), serde_json::json!({}));
    }

    proptest! {
        #[test]
        fn whatever_stands_between_quotes_is_one_json_string(value in any::<String>()) {
            let mut text = String::new();
            write_quoted(&value, &mut text);
            let read: String = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read == value, is_quotable(&value));
            prop_assert_eq!(read, value.chars().map(quotable).collect::<String>());
        }

        // For any texts, an independent parser reads one challenge with exactly these parameters. It
        // returns the texts unchanged, unless they have characters that cannot be quoted.
        #[test]
        fn hostile_texts_stay_inside_their_quotes(
            realm in any::<Option<String>>(),
            scope in any::<String>(),
            resource_metadata in any::<Option<String>>(),
            acr_values in any::<Option<String>>(),
            max_age in any::<Option<String>>(),
            description in any::<Option<String>>(),
        ) {
            let params = Params {
                realm: realm.as_deref(),
                error: Some("invalid_token"),
                algs: None,
                scope: &scope,
                resource_metadata: resource_metadata.as_deref(),
                acr_values: acr_values.as_deref(),
                max_age: max_age.as_deref(),
                description: description.as_deref(),
            };
            let text = header(params);
            let parsed: Vec<_> = ChallengeParser::new(&text)
                .collect::<Result<_, _>>()
                .map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert_eq!(parsed.len(), 1);
            prop_assert_eq!(parsed[0].scheme, "Bearer");

            let expected = [
                ("realm", realm.as_deref()),
                ("error", Some("invalid_token")),
                ("scope", Some(scope.as_str()).filter(|s| !s.is_empty())),
                ("resource_metadata", resource_metadata.as_deref()),
                ("acr_values", acr_values.as_deref()),
                ("max_age", max_age.as_deref()),
                ("error_description", description.as_deref()),
            ];
            let expected: Vec<_> = expected
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect();
            prop_assert_eq!(parsed[0].params.len(), expected.len());
            for ((name, value), (expected_name, expected)) in parsed[0].params.iter().zip(expected) {
                prop_assert_eq!(*name, expected_name);
                if is_quotable(expected) {
                    prop_assert_eq!(value.as_escaped(), expected);
                }
            }
        }
    }
}
