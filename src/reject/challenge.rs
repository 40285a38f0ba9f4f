//! The `WWW-Authenticate` header (RFC 6750 §3, RFC 9110 §11.6.1).

/// One `Bearer` challenge. Empty and absent parameters are left out.
pub(super) struct Challenge<'a> {
    pub(super) realm: Option<&'a str>,
    pub(super) error: Option<&'a str>,
    pub(super) scope: &'a str,
    pub(super) resource_metadata: Option<&'a str>,
    pub(super) description: Option<&'a str>,
}

impl Challenge<'_> {
    /// Appends the parameters in a fixed order, the free text last.
    ///
    /// Some clients parse this header with regular expressions that stop at the first quote, so no
    /// value contains a quote, and no value is escaped.
    pub(super) fn write(&self, text: &mut String) {
        let scope = Some(self.scope).filter(|scope| !scope.is_empty());
        let parameters = [
            ("realm", self.realm),
            ("error", self.error),
            ("scope", scope),
            ("resource_metadata", self.resource_metadata),
            ("error_description", self.description),
        ];
        text.push_str("Bearer");
        let mut separator = " ";
        for (name, value) in parameters {
            let Some(value) = value else { continue };
            text.push_str(separator);
            separator = ", ";
            text.push_str(name);
            text.push('=');
            write_quoted(value, text);
        }
    }
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

    fn header(challenge: &Challenge<'_>) -> String {
        let mut text = String::new();
        challenge.write(&mut text);
        assert!(HeaderValue::from_str(&text).is_ok(), "{text:?}");
        text
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
