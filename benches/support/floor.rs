//! The parse floor: what a verifier of this token cannot do without, as the usual crates do it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::sample::BareCheck;

/// The registered members of a header.
#[derive(Deserialize)]
struct Header<'a> {
    alg: &'a str,
    kid: Option<&'a str>,
    typ: Option<&'a str>,
}

/// The registered claims, borrowed.
#[derive(Deserialize)]
struct Claims<'a> {
    iss: Option<&'a str>,
    sub: Option<&'a str>,
    aud: Option<&'a str>,
    exp: Option<u64>,
    nbf: Option<u64>,
    iat: Option<u64>,
    jti: Option<&'a str>,
    client_id: Option<&'a str>,
    scope: Option<&'a str>,
}

/// The bare signature check, `base64` of the three segments, and `serde_json` into structs of borrowed members. Nothing is
/// checked but the signature, and nothing is kept.
pub(crate) fn passes(check: &BareCheck, token: &str) -> bool {
    let mut segments = token.splitn(3, '.');
    let mut decode = || URL_SAFE_NO_PAD.decode(segments.next().unwrap()).unwrap();
    let (header, claims, signature) = (decode(), decode(), decode());
    let header: Header<'_> = serde_json::from_slice(&header).unwrap();
    let claims: Claims<'_> = serde_json::from_slice(&claims).unwrap();
    let Header { alg, kid, typ } = std::hint::black_box(header);
    let Claims {
        iss,
        sub,
        aud,
        exp,
        nbf,
        iat,
        jti,
        client_id,
        scope,
    } = std::hint::black_box(claims);
    let texts = [kid, typ, iss, sub, aud, jti, client_id, scope];
    let dates = [exp, nbf, iat];
    !alg.is_empty()
        && texts.iter().all(Option::is_some)
        && dates.iter().filter(|date| date.is_some()).count() == 2
        && check.accepts(&signature)
}
