//! What to change about a token that is refused.

use super::words::quoted;
use crate::issuer_spelling::differs_only_in_spelling;
use crate::verify::claims::rules::ClaimFault;
use crate::verify::claims::token_type;
use crate::verify::jwt::remote::RemoteView;
use crate::verify::jwt::signature::BadAlgorithm;
use crate::verify::keys::Algorithm;

pub(super) const ENCODING: &str =
    "The token was cut or changed. Copy it again, from its first character to its last.";

pub(super) const SIGNATURE_LENGTH: &str = "The signature was cut, or is not one of this algorithm. Copy the token again. ECDSA signatures in DER are not JWS \
     signatures (RFC 7518 section 3.4).";

pub(super) const WEAK_RSA: &str = "Only an RSA key with fewer than 2048 bits makes so short a signature. Have the issuer use a longer key.";

pub(super) const OUTAGE: &str = "The token may be valid. Fetch the URL above from this machine, as with curl. Check the spelling of the issuer, \
     DNS, the proxy (HTTPS_PROXY), the firewall and the root certificates.";

pub(super) const MAY_BE_NEWER: &str = "The key set has no key for the token, and it may not be fetched again yet, because many tokens named unknown keys. \
     Try again in a minute. If that does not help, the token is from another issuer, tenant or environment.";

pub(super) const NOT_BEFORE: &str = "Wait, or compare the clocks of the issuer and this server. leeway(..) accepts a larger difference.";

pub(super) const ISSUED_AT: &str = "Compare the clocks of the issuer and this server. leeway(..) accepts a larger difference, \
     accept_future_issued_at() any.";

pub(super) const BOUND_TO_KEY: &str = "The token is bound to a key of the client. A layer with dpop(..) or client_certificates() checks the proof of \
     the client, which sends it with the scheme DPoP or over mutual TLS. If the request came with a proof, the layer \
     accepts the token despite this refusal.";

/// About a text that is no bearer token.
pub(super) fn no_token(text: &str) -> &'static str {
    match text.chars().next() {
        None => "Give the token, or write it to the standard input.",
        Some('{' | '[') => "This is JSON. Take the value of access_token out of it.",
        Some('"' | '\'' | '`') => "Remove the quotes around the token.",
        Some('$') => "This is the name of a variable. Let the shell replace it.",
        Some(_) if text.contains("-----BEGIN") => {
            "This is a key or a certificate in PEM, and no token."
        }
        Some(_) if text.contains(char::is_whitespace) => {
            "Join the lines of the token, and remove other text. A token has no white space in it."
        }
        Some(_) if text.contains('%') => "The token is percent-encoded. Decode it.",
        Some(_) => "Copy the token again, from its first character to its last.",
    }
}

pub(super) fn segments(count: usize) -> &'static str {
    match count {
        1 => {
            "This is an opaque token, which only its issuer can read: use an IntrospectionVerifier. Many providers issue \
             JWTs only if the client requests them for an API: with resource=, audience= or a scope of the API."
        }
        2 => {
            "The signature is missing. Copy the token again, from its first character to its last."
        }
        5 => {
            "This is an encrypted token (JWE, RFC 7516), which this crate does not decrypt. Have the issuer sign tokens \
             only. Auth0 encrypts the tokens that are requested without audience=."
        }
        _ => "A signed JWT has three segments. Is this the access token?",
    }
}

pub(super) fn bad_header(member: Option<&str>) -> &'static str {
    match member {
        Some("zip" | "enc") => {
            "The token is compressed or encrypted. Have the issuer sign it only."
        }
        Some("crit" | "b64") => "The token needs an extension that this crate does not support.",
        Some(_) | None => {
            "The issuer writes a header that other libraries may read differently. Report it there."
        }
    }
}

pub(super) fn bad_payload(member: Option<&str>) -> String {
    match member {
        Some("sub") => "If the issuer writes numbers, accept_numeric_subject() accepts them.".to_owned(),
        Some("exp" | "nbf" | "iat") => {
            "Dates are numbers of seconds. An issuer that writes texts or milliseconds must be corrected.".to_owned()
        }
        Some(name) => format!("Have the issuer write {name} as RFC 7519 says."),
        None => "Other libraries may read this payload differently. Have the issuer correct it.".to_owned(),
    }
}

pub(super) fn unknown_algorithm(name: &str) -> &'static str {
    match name.eq_ignore_ascii_case("none") {
        true => "A token without a signature is never accepted, since every client can make one.",
        false => "Have the issuer sign with another algorithm, such as RS256 or ES256.",
    }
}

pub(super) fn algorithm(bad: BadAlgorithm, algorithm: Algorithm) -> String {
    match bad {
        BadAlgorithm::NotAccepted => {
            format!(
                "Add {algorithm} to algorithms(..), or have the issuer sign with an accepted algorithm."
            )
        }
        BadAlgorithm::NoKey => format!(
            "No configured key is one for {algorithm}. HS256, HS384 and HS512 need secret(..), since secrets are never \
             fetched; at many providers the algorithm is a setting of the API."
        ),
    }
}

pub(super) fn token_type(found: Option<&str>) -> String {
    let Some(found) = found else {
        return "The setting token_types(..) or rfc9068() requires a typ, and the issuer writes none.".to_owned();
    };
    match token_type::short(found).to_ascii_lowercase().as_str() {
        "jwt" => {
            "rfc9068() requires at+jwt. Have the issuer write it, or do without rfc9068().".to_owned()
        }
        "dpop+jwt" => "This is a DPoP proof. Give the access token.".to_owned(),
        "oauth-id-jag+jwt" => {
            "This is an identity assertion (ID-JAG). The client must exchange it for an access token.".to_owned()
        }
        "logout+jwt" | "secevent+jwt" => {
            "This is a logout token or a security event. See the module revocation.".to_owned()
        }
        "token-introspection+jwt" => "This is an answer of an introspection endpoint.".to_owned(),
        _ => format!(
            "If access tokens of this issuer have this type, add it: also_token_types([{}]).",
            quoted(found)
        ),
    }
}

pub(super) fn unknown_key(key_id: Option<&str>, view: Option<&RemoteView>) -> String {
    let left_out = view.and_then(|view| {
        let is_named =
            |(name, _): &&(Option<String>, _)| key_id.is_some() && name.as_deref() == key_id;
        view.left_out.iter().find(is_named)
    });
    match (left_out, view) {
        (Some((_, reason)), _) => {
            format!("The key is in the document and left out of the set: it is {}.", self::left_out(reason))
        }
        (None, Some(_)) => {
            "The token is from another issuer, tenant or environment, or the issuer has replaced the key and the token is \
             old. Compare its kid with those in the JWK Set."
                .to_owned()
        }
        (None, None) => "Add the key of the issuer, with the kid of the token. Keys that are fetched follow its \
                         rotations: discover(..) or jwks_url(..)."
            .to_owned(),
    }
}

/// A [reason](crate::jwks::LeftOutKeys) in words.
pub(super) fn left_out(reason: &'static str) -> &'static str {
    match reason {
        "malformed" => "malformed",
        "unknown_key_type" => "of a key type that is not supported (kty)",
        "unknown_curve" => "on a curve that is not supported (crv)",
        "unsupported_algorithm" => "for an algorithm that is not supported for its type (alg)",
        "not_for_verifying" => {
            "for another purpose than signatures (use, key_ops); see key_uses(..)"
        }
        "private" => "published with its private part",
        "symmetric" => "a shared secret",
        "weak_rsa" => "an RSA key of fewer than 2048 or more than 8192 bits",
        "short_secret" => "a secret that is too short",
        "invalid_material" => "not a valid key",
        other => other,
    }
}

pub(super) fn bad_signature(algorithm: Algorithm) -> &'static str {
    match Algorithm::fits_secret(algorithm, usize::MAX) {
        true => {
            "The secret is not that of the issuer, or the token was changed. Is the secret base64, and must be decoded \
             first?"
        }
        false => {
            "The token was changed, or another issuer uses the same kid, such as another environment. Copy the token \
             again, and compare its issuer."
        }
    }
}

pub(super) fn kind(fault: ClaimFault<'_>) -> String {
    match fault {
        ClaimFault::Marked("at_hash" | "c_hash") => {
            "This is an ID token. The client must send the access token. For an issuer that writes at_hash into access \
             tokens, such as Dex: accept_hash_claims()."
                .to_owned()
        }
        ClaimFault::Marked("events") => "This is a logout token or a security event.".to_owned(),
        ClaimFault::Marked("token_introspection") => {
            "This is the signed answer of an introspection endpoint.".to_owned()
        }
        ClaimFault::Marked(_) => {
            "This is an ID token or a refresh token. The client must send the access token.".to_owned()
        }
        ClaimFault::Missing(name) | ClaimFault::Unreadable(name) | ClaimFault::NoneOfTheValues(name) => {
            format!("Tokens of this kind need {name}.")
        }
        ClaimFault::AnotherIssuer
        | ClaimFault::AnotherAudience
        | ClaimFault::Expired
        | ClaimFault::NotYetValid
        | ClaimFault::BoundToKey => String::new(),
    }
}

pub(super) fn issuer(found: Option<&str>, accepted: &[String]) -> String {
    let Some(found) = found else {
        return "The token names no issuer. Have the issuer write iss, or call accept_any_issuer() if its keys are \
                trusted for all their tokens."
            .to_owned();
    };
    match accepted
        .iter()
        .any(|name| differs_only_in_spelling(name, found))
    {
        true => format!(
            "Only the spelling differs. Configure it exactly as tokens have it: issuer({}).",
            quoted(found)
        ),
        false => format!(
            "Get a token from the expected issuer. If this one is trusted too, give it a verifier of its own, with \
             ByIssuer, or accept it with issuer({}) if it has the same keys.",
            quoted(found)
        ),
    }
}

pub(super) fn audience(fault: ClaimFault<'_>) -> &'static str {
    match fault {
        ClaimFault::Missing(_) => {
            "The token is for no particular server. Request it for this one, with resource= (RFC 8707), audience= or a \
             scope of the API. For providers without aud, such as Cognito: claim_in(\"client_id\", ..)."
        }
        ClaimFault::AnotherAudience
        | ClaimFault::Marked(_)
        | ClaimFault::Unreadable(_)
        | ClaimFault::AnotherIssuer
        | ClaimFault::Expired
        | ClaimFault::NotYetValid
        | ClaimFault::NoneOfTheValues(_)
        | ClaimFault::BoundToKey => {
            "The token is for another server. Request it for this one, with resource= (RFC 8707), audience= or a scope of \
             the API. If what the token names is this server, accept it with audience(..)."
        }
    }
}

pub(super) fn expiry(fault: ClaimFault<'_>) -> &'static str {
    match fault {
        ClaimFault::Missing(_) => {
            "Have the issuer write exp. accept_missing_expiry() accepts tokens that never expire."
        }
        ClaimFault::Expired
        | ClaimFault::Marked(_)
        | ClaimFault::Unreadable(_)
        | ClaimFault::AnotherIssuer
        | ClaimFault::AnotherAudience
        | ClaimFault::NotYetValid
        | ClaimFault::NoneOfTheValues(_)
        | ClaimFault::BoundToKey => {
            "Get a new token. The client must refresh it before it expires. If it is new, compare the clocks."
        }
    }
}

pub(super) fn required(name: &str) -> String {
    format!(
        "Have the issuer write {name}, often a setting of the client or a scope, or remove it from required_claims(..)."
    )
}

pub(super) fn value(name: &str) -> String {
    format!(
        "Get a token with an accepted value, or add the value: claim_in({}, ..).",
        quoted(name)
    )
}

pub(super) fn unreadable(name: &str) -> String {
    format!("{name} has another type than the setting that names it needs. Name another claim.")
}

pub(super) fn other_scopes(claim: &str) -> String {
    format!(
        "The token has rights in another claim: scope_claims([{}]) reads them.",
        quoted(claim)
    )
}
