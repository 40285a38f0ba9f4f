//! The `WWW-Authenticate` header (RFC 6750 §3, RFC 9110 §11.6.1).

use http::HeaderValue;

/// One `Bearer` challenge. Empty and absent parameters are left out.
pub(super) struct Challenge<'a> {
    pub(super) realm: Option<&'a str>,
    pub(super) error: Option<&'a str>,
    pub(super) scope: &'a str,
    pub(super) resource_metadata: Option<&'a str>,
    pub(super) description: Option<&'a str>,
}

impl Challenge<'_> {
    /// Writes the parameters in a fixed order, the free text last.
    ///
    /// Clients in the field read this header with regular expressions that stop at the first quote,
    /// so no value holds one, and none needs escaping.
    pub(super) fn to_header(&self) -> HeaderValue {
        let scope = Some(self.scope).filter(|scope| !scope.is_empty());
        let parameters = [
            ("realm", self.realm),
            ("error", self.error),
            ("scope", scope),
            ("resource_metadata", self.resource_metadata),
            ("error_description", self.description),
        ];
        let mut text = String::with_capacity(256);
        text.push_str("Bearer");
        let mut separator = ' ';
        for (name, value) in parameters {
            let Some(value) = value else { continue };
            text.push(separator);
            if separator == ',' {
                text.push(' ');
            }
            separator = ',';
            text.push_str(name);
            text.push_str("=\"");
            text.extend(value.chars().map(quotable));
            text.push('"');
        }
        HeaderValue::try_from(text).expect("every character is visible ASCII or a space")
    }
}

/// Whether `text` can stand between quotes as it is: the characters that RFC 6750 §3 allows in a
/// description, which are visible ASCII and space without `"` and `\`.
pub(crate) fn is_quotable(text: &str) -> bool {
    text.chars().all(|c| quotable(c) == c)
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
    use http_auth::ChallengeParser;
    use proptest::prelude::*;

    fn header(challenge: &Challenge<'_>) -> String {
        challenge.to_header().to_str().unwrap().to_owned()
    }

    #[test]
    fn parameters_come_in_a_fixed_order() {
        let full = Challenge {
            realm: Some("notes"),
            error: Some("invalid_token"),
            scope: "read write",
            resource_metadata: Some("https://api.example.com/.well-known/x"),
            description: Some("The access token expired"),
        };
        assert_eq!(
            header(&full),
            r#"Bearer realm="notes", error="invalid_token", scope="read write", resource_metadata="https://api.example.com/.well-known/x", error_description="The access token expired""#
        );
        let empty = Challenge {
            realm: None,
            error: None,
            scope: "",
            resource_metadata: None,
            description: None,
        };
        assert_eq!(header(&empty), "Bearer");
        let scope_only = Challenge {
            scope: "read",
            ..empty
        };
        assert_eq!(header(&scope_only), r#"Bearer scope="read""#);
    }

    proptest! {
        // Whatever the texts are, an independent parser reads one challenge, with these parameters
        // and no others, and the texts come back unless they hold what cannot be quoted.
        #[test]
        fn hostile_texts_stay_inside_their_quotes(
            realm in any::<Option<String>>(),
            scope in any::<String>(),
            resource_metadata in any::<Option<String>>(),
            description in any::<Option<String>>(),
        ) {
            let challenge = Challenge {
                realm: realm.as_deref(),
                error: Some("invalid_token"),
                scope: &scope,
                resource_metadata: resource_metadata.as_deref(),
                description: description.as_deref(),
            };
            let text = header(&challenge);
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
