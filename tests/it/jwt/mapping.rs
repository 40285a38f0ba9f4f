//! The claims with the scopes and the client.

use tower_bearer_auth::InvalidReason::{InvalidClaim, Malformed};
use tower_bearer_auth::{InvalidReason, JwtVerifierBuilder};

use super::{hs256_builder, token_of, token_with, usual_claims, verify};

/// The usual claims and these members.
fn with_members(members: &str) -> String {
    let usual = usual_claims("", &[]);
    let usual = usual.strip_suffix('}').unwrap();
    match members {
        "" => token_of(format!("{usual}}}")),
        members => token_of(format!("{usual},{members}}}")),
    }
}

/// Rows of members and of the scopes that a token with them has.
fn check_scopes(builder: JwtVerifierBuilder, table: &[(&str, Result<&str, InvalidReason>)]) {
    let verifier = builder.build().unwrap();
    for (members, wanted) in table {
        let token = verify(&verifier, &with_members(members));
        let scopes = token.map(|token| token.scopes().to_string());
        assert_eq!(scopes, wanted.map(str::to_owned), "{members}");
    }
}

/// Rows of members and of the client that a token with them was issued to.
fn check_client(
    builder: JwtVerifierBuilder,
    table: &[(&str, Result<Option<&str>, InvalidReason>)],
) {
    let verifier = builder.build().unwrap();
    for (members, wanted) in table {
        let token = verify(&verifier, &with_members(members));
        let client = token.map(|token| token.client_id().map(str::to_owned));
        assert_eq!(client, wanted.map(|id| id.map(str::to_owned)), "{members}");
    }
}

#[test]
fn scopes_stand_in_scope_or_else_in_scp() {
    let table = [
        ("", Ok("")),
        (r#""scope":"read write""#, Ok("read write")),
        (r#""scope":["read","write"]"#, Ok("read write")),
        (r#""scp":"read write""#, Ok("read write")),
        (r#""scp":["read","write"]"#, Ok("read write")),
        (r#""scp":"b","scope":"a""#, Ok("a")),
        (r#""scp":["b"],"scope":["a"]"#, Ok("a")),
        (r#""scp":"b","scope":"""#, Ok("")),
        (r#""scp":"b","scope":[]"#, Ok("")),
        (r#""scp":"b","scope":[""]"#, Ok("")),
        (r#""scope":" read  write read ""#, Ok("read write")),
        (r#""scope":"r\u0065ad""#, Ok("read")),
        (r#""sc\u006fpe":"read""#, Ok("read")),
        (
            r#""scope":"https://x/read urn:a:b""#,
            Ok("https://x/read urn:a:b"),
        ),
        (r#""Scope":"read","scopes":"read","roles":["read"]"#, Ok("")),
        (r#""scope":null"#, Ok("")),
        (r#""scope":null,"scp":"a""#, Ok("a")),
        (r#""scope":7"#, Err(Malformed)),
        (r#""scope":true"#, Err(Malformed)),
        (r#""scope":{"read":true}"#, Err(Malformed)),
        (r#""scope":["read",7]"#, Err(Malformed)),
        (r#""scope":["read",null]"#, Err(Malformed)),
        (r#""scope":[["read"]]"#, Err(Malformed)),
        // Every claim is checked, even if `scope` comes first.
        (r#""scope":"read","scp":7"#, Err(Malformed)),
        (r#""scope":"read","scp":null"#, Ok("read")),
    ];
    check_scopes(hs256_builder(), &table);
}

#[test]
fn a_name_that_is_no_scope_grants_nothing_and_does_not_become_two() {
    let table = [
        (r#""scope":["read admin"]"#, Ok("")),
        (r#""scope":["Super Admin","read"]"#, Ok("read")),
        (
            r#""scope":["read\u0000","read\n","\"read\"","re\\ad","ré",""]"#,
            Ok(""),
        ),
        // Only spaces are delimiters.
        (r#""scope":"read,write""#, Ok("read,write")),
        (r#""scope":"read\twrite\nx y""#, Ok("y")),
        (r#""scope":"read\u00a0write""#, Ok("")),
    ];
    check_scopes(hs256_builder(), &table);
}

#[test]
fn other_claims_for_scopes_are_names_or_pointers() {
    let builder = hs256_builder().scope_claims([
        "permissions",
        "https://example.com/roles",
        "/realm_access/roles",
    ]);
    let table = [
        ("", Ok("")),
        (r#""scope":"no","scp":"no""#, Ok("")),
        (r#""permissions":["a","b"]"#, Ok("a b")),
        (r#""permissions":"a b""#, Ok("a b")),
        (r#""https://example.com/roles":["a"]"#, Ok("a")),
        (r#""realm_access":{"roles":["a","Super Admin"]}"#, Ok("a")),
        (r#""realm_access":{"roles":"a b"}"#, Ok("a b")),
        (r#""/realm_access/roles":["a"]"#, Ok("")),
        (
            r#""realm_access":{},"https://example.com":{"roles":["a"]}"#,
            Ok(""),
        ),
        (r#""realm_access":["a"]"#, Ok("")),
        (r#""realm_access":null"#, Ok("")),
        (
            r#""realm_access":{"roles":["b"]},"permissions":["a"]"#,
            Ok("a"),
        ),
        (r#""realm_access":{"roles":["b"]},"permissions":[]"#, Ok("")),
        (r#""realm_access":{"roles":["b"]},"permissions":"""#, Ok("")),
        (r#""permissions":null"#, Ok("")),
        (
            r#""permissions":null,"https://example.com/roles":["a"]"#,
            Ok("a"),
        ),
        (r#""permissions":7"#, Err(InvalidClaim)),
        (r#""permissions":["a",7]"#, Err(InvalidClaim)),
        (r#""permissions":["a"],"permissions":["b"]"#, Err(Malformed)),
        (r#""realm_access":{"roles":{}}"#, Err(InvalidClaim)),
        (r#""realm_access":{"roles":null}"#, Ok("")),
        (
            r#""realm_access":{"roles":["a"],"roles":["b"]}"#,
            Err(InvalidClaim),
        ),
        (
            r#""realm_access":{},"realm_access":{"roles":["b"]}"#,
            Err(Malformed),
        ),
    ];
    check_scopes(builder, &table);
}

#[test]
fn a_scope_matches_with_and_without_the_prefix() {
    let verifier = hs256_builder().scope_prefix("api://app/").build().unwrap();
    let table = [
        (r#""scp":"read""#, ["read", "api://app/read"]),
        (r#""scp":"api://app/read""#, ["read", "api://app/read"]),
        (
            r#""scp":["read","api://app/read"]"#,
            ["read", "api://app/read"],
        ),
    ];
    for (members, wanted) in table {
        let token = verify(&verifier, &with_members(members)).unwrap();
        assert_eq!(token.scopes().len(), 2, "{members}: {:?}", token.scopes());
        for scope in wanted {
            assert!(token.has_scope(scope), "{scope} by {members}");
        }
    }
    let foreign = with_members(r#""scp":"api://other/read Super""#);
    let token = verify(&verifier, &foreign).unwrap();
    assert!(token.has_scope("api://other/read") && token.has_scope("api://app/Super"));
    assert!(!token.has_scope("read") && !token.has_scope("api://app/read"));

    let plain = hs256_builder().build().unwrap();
    let token = verify(&plain, &with_members(r#""scp":"api://app/read""#)).unwrap();
    assert!(!token.has_scope("read"));
}

#[test]
fn the_client_stands_in_one_of_four_claims_and_never_in_sub() {
    let table = [
        ("", Ok(None)),
        (
            r#""client_id":"a","azp":"b","cid":"c","appid":"d""#,
            Ok(Some("a")),
        ),
        (r#""appid":"d","cid":"c","azp":"b""#, Ok(Some("b"))),
        (r#""appid":"d","cid":"c""#, Ok(Some("c"))),
        (r#""appid":"d""#, Ok(Some("d"))),
        (r#""client_id":"","azp":"b""#, Ok(Some(""))),
        (r#""client_id":"\u0061""#, Ok(Some("a"))),
        // Names that only some providers give a meaning to.
        (r#""cid":7,"appid":"d""#, Ok(Some("d"))),
        (r#""cid":null,"appid":["d"]"#, Ok(None)),
        (r#""cid":{"a":[1]},"appid":true"#, Ok(None)),
        (r#""client_id":null,"azp":"b""#, Ok(Some("b"))),
        (r#""client_id":7"#, Err(Malformed)),
        (r#""client_id":["a"]"#, Err(Malformed)),
        (r#""client_id":{}"#, Err(Malformed)),
        (r#""client_id":"a","azp":null"#, Ok(Some("a"))),
        (r#""azp":7"#, Err(Malformed)),
    ];
    check_client(hs256_builder(), &table);
}

#[test]
fn other_claims_for_the_client_replace_the_four() {
    let builder = hs256_builder().client_id_claims(["app", "/act/client", "sub"]);
    let table = [
        ("", Ok(Some("alice"))),
        (r#""client_id":"a","azp":"b""#, Ok(Some("alice"))),
        (r#""app":"x""#, Ok(Some("x"))),
        (r#""app":"x","act":{"client":"y"}"#, Ok(Some("x"))),
        (r#""act":{"client":"y"}"#, Ok(Some("y"))),
        (r#""act":"client""#, Ok(Some("alice"))),
        (r#""app":null"#, Ok(Some("alice"))),
        (r#""app":7"#, Err(InvalidClaim)),
        (r#""app":["x"]"#, Err(InvalidClaim)),
        (r#""app":"x","app":"y""#, Err(Malformed)),
    ];
    check_client(builder, &table);
}

#[test]
fn a_prefix_makes_no_scopes_out_of_nothing() {
    let verifier = hs256_builder().scope_prefix("api://app/").build().unwrap();
    for (json, wanted) in [
        (r#""""#, ""),
        (r#"[""]"#, ""),
        (r#"" read ""#, "read api://app/read"),
        (
            r#""read  write""#,
            "read api://app/read write api://app/write",
        ),
    ] {
        let token = verify(&verifier, &token_with("scope", json)).unwrap();
        assert_eq!(token.scopes().to_string(), wanted, "{json}");
    }
}
