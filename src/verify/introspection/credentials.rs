//! The credentials of this server at the introspection endpoint.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use url::form_urlencoded::{Serializer, byte_serialize};
use zeroize::Zeroizing;

use crate::http_client;

/// The credentials of this server. Secrets are overwritten when they are dropped, except the copies that the HTTP client
/// keeps for a request.
pub(super) enum Credentials {
    Basic { id: String, secret: Secret },
    Post { id: String, secret: Secret },
    Bearer(Secret),
    Headers(Arc<dyn Fn() -> HeaderMap + Send + Sync>),
    None,
}

pub(super) type Secret = Zeroizing<String>;

impl Credentials {
    /// The headers that authorize a request.
    pub(super) fn headers(&self) -> HeaderMap {
        let value = match self {
            Self::Headers(headers) => return http_client::sensitive(headers()),
            Self::Post { .. } | Self::None => return HeaderMap::new(),
            Self::Basic { id, secret } => {
                // Both are form-encoded before base64 (RFC 6749 §2.3.1).
                let pair = format!("{}:{}", form_encoded(id), form_encoded(secret));
                let pair = Zeroizing::new(pair);
                Zeroizing::new(format!("Basic {}", STANDARD.encode(&*pair)))
            }
            Self::Bearer(token) => Zeroizing::new(format!("Bearer {}", **token)),
        };
        let mut headers = HeaderMap::new();
        let mut value =
            HeaderValue::from_str(&value).expect("`problem` accepts only text of a header");
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        headers
    }

    /// The client ID, if these are the credentials of a client.
    pub(super) fn client_id(&self) -> Option<&str> {
        match self {
            Self::Basic { id, .. } | Self::Post { id, .. } => Some(id),
            Self::Bearer(_) | Self::Headers(_) | Self::None => None,
        }
    }

    /// The body of a request for this token (RFC 7662 §2.1).
    pub(super) fn form(&self, token: &str) -> String {
        let mut form = Serializer::new(String::new());
        form.append_pair("token", token);
        form.append_pair("token_type_hint", "access_token");
        if let Self::Post { id, secret } = self {
            form.append_pair("client_id", id);
            form.append_pair("client_secret", secret);
        }
        form.finish()
    }

    /// Why these credentials cannot be used.
    pub(super) fn problem(&self) -> Option<&'static str> {
        match self {
            Self::Basic { id, secret } | Self::Post { id, secret } => {
                match (id.is_empty(), secret.is_empty()) {
                    (true, _) => Some("the client ID is empty"),
                    (false, true) => Some("the client secret is empty"),
                    (false, false) => None,
                }
            }
            Self::Bearer(token) => (token.is_empty() || !is_header_text(token))
                .then_some("the bearer token for the introspection endpoint is empty or cannot be sent in a header"),
            Self::Headers(_) | Self::None => None,
        }
    }
}

fn form_encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn is_header_text(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } => "client_secret_basic",
            Self::Post { .. } => "client_secret_post",
            Self::Bearer(_) => "bearer_token",
            Self::Headers(_) => "headers",
            Self::None => "without_credentials",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_form_encoded_before_it_is_base64() {
        let credentials = Credentials::Basic {
            id: "a:b".into(),
            secret: Zeroizing::new("p%s w+ö".into()),
        };
        let headers = credentials.headers();
        let expected = STANDARD.encode("a%3Ab:p%25s+w%2B%C3%B6");
        assert_eq!(headers[AUTHORIZATION], format!("Basic {expected}"));
        assert!(headers[AUTHORIZATION].is_sensitive());
        assert_eq!(
            credentials.form("t~k+n"),
            "token=t%7Ek%2Bn&token_type_hint=access_token"
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let secret = || Zeroizing::new("hunter2".to_owned());
        for credentials in [
            Credentials::Basic {
                id: "id".into(),
                secret: secret(),
            },
            Credentials::Post {
                id: "id".into(),
                secret: secret(),
            },
            Credentials::Bearer(secret()),
        ] {
            assert!(!format!("{credentials:?}").contains("hunter2"));
        }
    }
}
