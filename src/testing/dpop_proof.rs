use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::dpop_key::DpopKey;
use super::jws::{self, Signature};
use super::signing_key::SigningKey;
use super::token::seconds;
use crate::clock::Clock;

/// Builds the DPoP proof of a request (RFC 9449 §4.2), valid or with a fault. [`DpopKey::proof`] starts one.
///
/// By default the proof is valid. Its header has `typ`, `alg` and `jwk`. Its claims are a random `jti`, `htm`, `htu`,
/// `ath`, and the current time as `iat`. Later settings override earlier ones.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct DpopProofBuilder {
    key: DpopKey,
    signer: SigningKey,
    clock: Clock,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    absent: Vec<String>,
    raw_header: Option<Vec<u8>>,
    raw_claims: Option<Vec<u8>>,
    signature: Signature,
}

impl DpopKey {
    /// Starts a proof for a request with this method and URL that sends this access token.
    ///
    /// The proof is for the URL without its query and its fragment, as RFC 9449 §4.2 requires. Use
    /// [`htu`](DpopProofBuilder::htu) for another value.
    pub fn proof(&self, method: impl AsRef<str>, url: &str, token: &str) -> DpopProofBuilder {
        DpopProofBuilder::new(self, method.as_ref(), url, token)
    }
}

impl DpopProofBuilder {
    fn new(key: &DpopKey, method: &str, url: &str, token: &str) -> Self {
        let end = url.find(['?', '#']).unwrap_or(url.len());
        let builder = Self {
            key: key.clone(),
            signer: key.signing_key().clone(),
            clock: Clock::system(),
            header: Map::new(),
            claims: Map::new(),
            absent: Vec::new(),
            raw_header: None,
            raw_claims: None,
            signature: Signature::Good,
        };
        builder
            .typ("dpop+jwt")
            .alg(key.algorithm().as_str())
            .jwk(key.jwk())
            .htm(method)
            .htu(&url[..end])
            .ath(URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())))
    }

    /// Sets `nonce`, the value of the last `DPoP-Nonce` of the server. Default: none.
    pub fn nonce(self, nonce: impl Into<Value>) -> Self {
        self.claim("nonce", nonce)
    }

    /// Sets `jti`. Default: a random one for each [`build`](Self::build).
    pub fn jti(self, jti: impl Into<Value>) -> Self {
        self.claim("jti", jti)
    }

    /// Sets `iat`, in whole seconds. Default: now.
    pub fn issued_at(self, at: SystemTime) -> Self {
        self.claim("iat", seconds(at))
    }

    /// Sets the clock that gives the current time. Default: the system's clock.
    pub fn clock(mut self, clock: &Clock) -> Self {
        self.clock = clock.clone();
        self
    }

    /// Sets `htm`. Default: the method of [`DpopKey::proof`].
    pub fn htm(self, method: impl Into<Value>) -> Self {
        self.claim("htm", method)
    }

    /// Sets `htu` exactly as given. Default: the URL of [`DpopKey::proof`] without its query and its fragment.
    pub fn htu(self, url: impl Into<Value>) -> Self {
        self.claim("htu", url)
    }

    /// Sets `ath` exactly as given. Default: the SHA-256 hash of the token of [`DpopKey::proof`] in base64url.
    pub fn ath(self, hash: impl Into<Value>) -> Self {
        self.claim("ath", hash)
    }

    /// Sets any claim.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = name.into();
        self.absent.retain(|absent| *absent != name);
        self.claims.insert(name, value.into());
        self
    }

    /// Omits a claim, for example `jti`.
    pub fn without_claim(mut self, name: impl Into<String>) -> Self {
        self.absent.push(name.into());
        self
    }

    /// Sets the header's `typ`. Default: `dpop+jwt`.
    pub fn typ(self, typ: impl Into<Value>) -> Self {
        self.header("typ", typ)
    }

    /// Sets the header's `alg`. It does not change the algorithm that signs. Default: the algorithm of the key.
    pub fn alg(self, alg: impl Into<Value>) -> Self {
        self.header("alg", alg)
    }

    /// Sets the header's `jwk`. It does not change the key that signs. Default: the public key.
    pub fn jwk(self, jwk: impl Into<Value>) -> Self {
        self.header("jwk", jwk)
    }

    /// Sets the header's `jwk` to the private key, which a server must refuse (RFC 9449 §4.3).
    pub fn with_private_key(self) -> Self {
        let jwk = self.key.signing_key().private_jwk();
        self.jwk(jwk)
    }

    /// Sets any member of the header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.header.insert(name.into(), value.into());
        self
    }

    /// Omits a member of the header.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Signs with another key, and leaves the header as it is.
    pub fn signed_by(mut self, other: &DpopKey) -> Self {
        self.signer = other.signing_key().clone();
        self
    }

    /// Changes one bit of the signature.
    pub fn broken_signature(mut self) -> Self {
        self.signature = Signature::Tampered;
        self
    }

    /// Removes the signature and keeps `alg`.
    pub fn stripped_signature(mut self) -> Self {
        self.signature = Signature::Stripped;
        self
    }

    /// Sets `alg` to `none` and omits the signature (RFC 7519 §6).
    pub fn unsigned(self) -> Self {
        self.alg("none").stripped_signature()
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

    /// Builds the value of the request's `DPoP` field: the proof in JWS Compact Serialization (RFC 7515 §7.1).
    pub fn build(self) -> String {
        let header = match self.raw_header {
            Some(raw) => raw,
            None => jws::to_bytes(self.header),
        };
        let claims = match self.raw_claims {
            Some(raw) => raw,
            None => {
                let mut claims = Map::new();
                claims.insert("jti".into(), random_id().into());
                claims.insert("iat".into(), self.clock.since_epoch().as_secs().into());
                claims.extend(self.claims);
                claims.retain(|name, _| !self.absent.contains(name));
                jws::to_bytes(claims)
            }
        };
        jws::serialize(&self.signer, header, claims, self.signature)
    }
}

pub(super) fn random_id() -> String {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).expect("the system has random numbers");
    URL_SAFE_NO_PAD.encode(bytes)
}
