//! Which claims make a token acceptable, implemented from the documentation of `verify::jwt`.

use tower_bearer_auth::AccessToken;

use crate::json::Json;
use crate::keys::{AUDIENCE, ISSUER};
use crate::signed::read_object;

/// The claims that the documentation lists.
const LISTED: [&str; 21] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "scope",
    "scp",
    "client_id",
    "azp",
    "cid",
    "appid",
    "cnf",
    "at_hash",
    "c_hash",
    "events",
    "token_use",
    "token_type",
    "typ",
    "type",
];

/// 10000-01-01T00:00:00Z.
const END_OF_TIME: f64 = 253_402_300_800.0;

/// Whether tokens with a numeric `sub`, or with the hash of another token, are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Odd {
    Refused,
    Accepted,
}

/// The claims, if a verifier for [`ISSUER`] and [`AUDIENCE`] must accept them at `now`, or the reason to refuse them.
pub(crate) fn read(payload: &str, now: u64, leeway: u64) -> Result<Json, &'static str> {
    read_with(payload, now, leeway, Odd::Refused)
}

/// The same, for a verifier that accepts unusual tokens. It does not check that a number is an integer of at most 20
/// digits.
pub(crate) fn read_with(
    payload: &str,
    now: u64,
    leeway: u64,
    odd: Odd,
) -> Result<Json, &'static str> {
    let claims = read_object(payload, &LISTED).ok_or("form")?;
    check_types(&claims, odd).ok_or("a registered member of another type")?;
    check_kind(&claims, odd).ok_or("a token of another kind")?;
    if text(&claims, "iss") != Some(ISSUER) {
        return Err("issuer");
    }
    let audiences = texts(claims.member("aud").ok_or("no audience")?).unwrap_or_default();
    if !audiences.contains(&AUDIENCE) {
        return Err("audience");
    }
    // Both are far below 2^53, so `f64` represents them exactly.
    let (now, leeway) = (now as f64, leeway as f64);
    if date(&claims, "exp").ok_or("no expiry")? <= now - leeway {
        return Err("expired");
    }
    let to_come = |name| date(&claims, name).is_some_and(|date| date > now + leeway);
    if to_come("nbf") || to_come("iat") {
        return Err("not yet");
    }
    match claims.member("cnf") {
        Some(_) => Err("bound"),
        None => Ok(claims),
    }
}

/// A member that is `null` counts as absent.
fn check_types(claims: &Json, odd: Odd) -> Option<()> {
    for name in ["iss", "sub", "jti", "client_id", "azp"] {
        match value(claims, name) {
            None | Some(Json::Text(_)) => {}
            Some(Json::Number(_)) if name == "sub" && odd == Odd::Accepted => {}
            Some(_) => return None,
        }
    }
    for name in ["aud", "scope", "scp"] {
        value(claims, name).map_or(Some(Vec::new()), texts)?;
    }
    for name in ["exp", "nbf", "iat"] {
        let is_date = |date| (0.0..END_OF_TIME).contains(&date);
        match value(claims, name) {
            None => {}
            Some(Json::Number(number)) if number.as_f64().is_some_and(is_date) => {}
            Some(_) => return None,
        }
    }
    Some(())
}

fn check_kind(claims: &Json, odd: Odd) -> Option<()> {
    let marks: &[&str] = match odd {
        Odd::Refused => &["at_hash", "c_hash", "events"],
        Odd::Accepted => &["events"],
    };
    let is_marked = marks.iter().any(|name| claims.member(name).is_some());
    let usage = value(claims, "token_use");
    let other_use =
        usage.is_some_and(|usage| !matches!(usage.as_text(), Some("access" | "access_token")));
    let other_type = ["token_type", "typ", "type"].iter().any(|name| {
        let kind = text(claims, name).unwrap_or_default().to_ascii_lowercase();
        let kind = kind.strip_prefix("application/").unwrap_or(&kind);
        ["id", "refresh", "offline", "logout"].iter().any(|other| {
            let endings = ["", "_token", "-token", " token", "token", "+jwt"];
            endings
                .iter()
                .any(|ending| kind == format!("{other}{ending}"))
        })
    });
    (!is_marked && !other_use && !other_type).then_some(())
}

/// Asserts that the accessors of a token return the values of its claims.
pub(crate) fn assert_agreement(token: &AccessToken, claims: &Json, payload: &str) {
    assert_eq!(token.raw_claims(), payload);
    assert_eq!(token.issuer(), text(claims, "iss"));
    assert_eq!(token.subject(), text(claims, "sub"));
    assert_eq!(token.jwt_id(), text(claims, "jti"));
    let client = ["client_id", "azp", "cid", "appid"];
    let client = client.iter().find_map(|name| text(claims, name));
    assert_eq!(token.client_id(), client);
    let audiences = claims.member("aud").and_then(texts).unwrap_or_default();
    assert!(token.audiences().eq(audiences));
    assert_eq!(token.scopes().iter().collect::<Vec<_>>(), scopes(claims));

    for (name, at) in [("exp", token.expires_at()), ("iat", token.issued_at())] {
        let seconds = at.map(|at| at.duration_since(std::time::UNIX_EPOCH));
        let seconds = seconds.map(|since| since.expect("no date before 1970").as_secs_f64());
        match (seconds, date(claims, name)) {
            (None, None) => {}
            // A `SystemTime` counts nanoseconds, and an `f64` cannot hold all of them.
            (Some(ours), Some(plain)) if (ours - plain).abs() < 1e-4 => {}
            (ours, plain) => panic!("{name}: {ours:?} is not {plain:?}"),
        }
    }
}

/// The names that are scopes (RFC 6749 §3.3), each once, of `scope` or else `scp`.
fn scopes(claims: &Json) -> Vec<&str> {
    let claim = value(claims, "scope").or(value(claims, "scp"));
    let names = match claim {
        Some(Json::Text(list)) => list.split(' ').collect(),
        Some(list) => texts(list).unwrap_or_default(),
        None => Vec::new(),
    };
    let mut scopes = Vec::new();
    for name in names {
        let is_scope = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        if is_scope && !scopes.contains(&name) {
            scopes.push(name);
        }
    }
    scopes
}

/// A member that is present and not `null`.
pub(crate) fn value<'j>(claims: &'j Json, name: &str) -> Option<&'j Json> {
    claims.member(name).filter(|value| **value != Json::Null)
}

fn text<'j>(claims: &'j Json, name: &str) -> Option<&'j str> {
    claims.member(name)?.as_text()
}

/// A string, or a list of strings.
pub(crate) fn texts(json: &Json) -> Option<Vec<&str>> {
    match json {
        Json::Text(text) => Some(vec![text]),
        Json::List(items) => items.iter().map(Json::as_text).collect(),
        _ => None,
    }
}

fn date(claims: &Json, name: &str) -> Option<f64> {
    match claims.member(name)? {
        Json::Number(number) => number.as_f64(),
        _ => None,
    }
}
