use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::dpop_key::DpopKey;
use super::jws::{self, Signature};
use super::signing_key::SigningKey;
use crate::clock::Clock;
use crate::possession::ClientCertificate;

/// Builds a signed test token, valid or with a fault. [`SigningKey::token`],
/// [`TestIssuer::token`](super::TestIssuer::token) and [`RsaKeyPair::create_token`](super::RsaKeyPair::create_token)
/// start one.
///
/// By default the token has only the claims `iat`, which is now, and `exp`, which is an hour later. Later settings
/// override earlier ones.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct TokenBuilder {
    key: SigningKey,
    clock: Clock,
    expires_in: Duration,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    absent: Vec<String>,
    raw_header: Option<Vec<u8>>,
    raw_claims: Option<Vec<u8>>,
    signature: Signature,
}

impl SigningKey {
    /// Starts a token that is issued now and expires in an hour.
    pub fn token(&self) -> TokenBuilder {
        TokenBuilder::new(self)
    }
}

impl TokenBuilder {
    /// Starts a token that `key` signs, like [`SigningKey::token`].
    pub fn new(key: &SigningKey) -> Self {
        let mut header = Map::new();
        header.insert("alg".into(), key.algorithm().as_str().into());
        header.insert("typ".into(), "JWT".into());
        if let Some(key_id) = key.key_id() {
            header.insert("kid".into(), key_id.into());
        }
        Self {
            key: key.clone(),
            clock: Clock::system(),
            expires_in: Duration::from_secs(3600),
            header,
            claims: Map::new(),
            absent: Vec::new(),
            raw_header: None,
            raw_claims: None,
            signature: Signature::Good,
        }
    }

    /// Sets `sub`.
    pub fn subject(self, subject: impl Into<String>) -> Self {
        self.claim("sub", subject.into())
    }

    /// Sets `iss`.
    pub fn issuer(self, issuer: impl Into<String>) -> Self {
        self.claim("iss", issuer.into())
    }

    /// Sets `aud` to a string.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.claim("aud", audience.into())
    }

    /// Sets `aud` to a list.
    pub fn audiences(self, audiences: impl IntoIterator<Item: Into<String>>) -> Self {
        let list: Vec<String> = audiences.into_iter().map(Into::into).collect();
        self.claim("aud", list)
    }

    /// Sets `client_id`.
    pub fn client_id(self, client_id: impl Into<String>) -> Self {
        self.claim("client_id", client_id.into())
    }

    /// Sets `scope` to these scopes, joined by spaces (RFC 8693 §4.2).
    pub fn scopes(self, scopes: impl IntoIterator<Item: Into<String>>) -> Self {
        let list: Vec<String> = scopes.into_iter().map(Into::into).collect();
        self.claim("scope", list.join(" "))
    }

    /// Sets the time from now until the token expires, in whole seconds. Default: an hour.
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.expires_in = lifetime;
        self
    }

    /// Sets `exp`.
    pub fn expires_at(self, at: SystemTime) -> Self {
        self.claim("exp", seconds(at))
    }

    /// Sets `nbf`.
    pub fn not_before(self, at: SystemTime) -> Self {
        self.claim("nbf", seconds(at))
    }

    /// Sets `iat`. Default: now.
    pub fn issued_at(self, at: SystemTime) -> Self {
        self.claim("iat", seconds(at))
    }

    /// Sets `jti`.
    pub fn jwt_id(self, jwt_id: impl Into<String>) -> Self {
        self.claim("jti", jwt_id.into())
    }

    /// Sets how the user authenticated: `acr` (RFC 9068 §2.2.1).
    pub fn acr(self, acr: impl Into<String>) -> Self {
        self.claim("acr", acr.into())
    }

    /// Sets when the user authenticated: `auth_time` (RFC 9068 §2.2.1).
    pub fn auth_time(self, at: SystemTime) -> Self {
        self.claim("auth_time", seconds(at))
    }

    /// Binds the token to this key: sets `jkt` in `cnf` (RFC 9449 §6.1). Other members of `cnf` stay, so that a token
    /// can be bound to a key and to a certificate.
    pub fn bound_to(mut self, key: &DpopKey) -> Self {
        add_confirmation(&mut self.claims, "jkt", &key.thumbprint());
        self
    }

    /// Binds the token to this client certificate: sets `x5t#S256` in `cnf` (RFC 8705 §3.1). Other members of `cnf`
    /// stay.
    pub fn bound_to_certificate(mut self, certificate: &ClientCertificate) -> Self {
        add_confirmation(&mut self.claims, "x5t#S256", certificate.thumbprint());
        self
    }

    /// Sets any claim.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Sets all members of a JSON object as claims.
    ///
    /// # Panics
    ///
    /// If the value is not an object.
    #[track_caller]
    pub fn claims(mut self, claims: Value) -> Self {
        match claims {
            Value::Object(claims) => self.claims.extend(claims),
            other => panic!("claims must be a JSON object, not {other}"),
        }
        self
    }

    /// Omits a claim, for example `iat` or `exp`.
    pub fn without_claim(mut self, name: impl Into<String>) -> Self {
        self.absent.push(name.into());
        self
    }

    /// Sets the header's `kid`. Default: the key ID of the key, if it has one.
    pub fn key_id(self, key_id: impl Into<String>) -> Self {
        self.header("kid", key_id.into())
    }

    /// Sets the header's `typ`. Default: `JWT`.
    pub fn token_type(self, token_type: impl Into<String>) -> Self {
        self.header("typ", token_type.into())
    }

    /// Sets any member of the header. Setting `alg` does not change the algorithm that signs.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.header.insert(name.into(), value.into());
        self
    }

    /// Omits a member of the header.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Sets the clock that gives the current time. Default: the system's clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets `exp` to an hour ago, and `iat` to two hours ago.
    pub fn expired(self) -> Self {
        let now = self.clock.since_epoch().as_secs();
        self.claim("iat", now.saturating_sub(7200))
            .claim("exp", now.saturating_sub(3600))
    }

    /// Sets `alg` to `none` and omits the signature (RFC 7519 §6).
    pub fn unsigned(self) -> Self {
        self.header("alg", "none").stripped_signature()
    }

    /// Removes the signature and keeps `alg`.
    pub fn stripped_signature(mut self) -> Self {
        self.signature = Signature::Stripped;
        self
    }

    /// Changes one bit of the signature.
    pub fn tampered(mut self) -> Self {
        self.signature = Signature::Tampered;
        self
    }

    /// Sets `crit` to these names of header members (RFC 7515 §4.1.11).
    pub fn critical(self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        self.header("crit", names)
    }

    /// Signs this text instead of a header. Settings of the header then have no effect.
    pub fn raw_header(mut self, json: impl Into<Vec<u8>>) -> Self {
        self.raw_header = Some(json.into());
        self
    }

    /// Signs this text instead of the claims. Settings of claims then have no effect.
    pub fn raw_claims(mut self, json: impl Into<Vec<u8>>) -> Self {
        self.raw_claims = Some(json.into());
        self
    }

    /// Builds the token in JWS Compact Serialization (RFC 7515 §7.1).
    pub fn build(self) -> String {
        let header = match self.raw_header {
            Some(raw) => raw,
            None => jws::to_bytes(self.header),
        };
        let claims = match self.raw_claims {
            Some(raw) => raw,
            None => {
                let now = self.clock.since_epoch().as_secs();
                let dates =
                    json!({"iat": now, "exp": now.saturating_add(self.expires_in.as_secs())});
                let Value::Object(mut claims) = dates else {
                    unreachable!("the dates are an object")
                };
                claims.extend(self.claims);
                claims.retain(|name, _| !self.absent.contains(name));
                jws::to_bytes(claims)
            }
        };
        jws::serialize(&self.key, header, claims, self.signature)
    }
}

/// Adds a member to the `cnf` of a claims set. Replaces a `cnf` that is not an object.
pub(super) fn add_confirmation(claims: &mut Map<String, Value>, name: &str, thumbprint: &str) {
    let cnf = claims.entry("cnf").or_insert(Value::Null);
    if !cnf.is_object() {
        *cnf = json!({});
    }
    cnf[name] = thumbprint.into();
}

pub(super) fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
