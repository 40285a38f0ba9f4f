//! Clerk, WorkOS AuthKit, Supabase, Descope and Scalekit.

use serde_json::{Value, json};
use tower_bearer_auth::InvalidReason::{
    self, InvalidClaim, MissingClaim, UnsupportedAlgorithm, WrongAudience, WrongIssuer, WrongType,
};
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, JwtVerifier, Verifier, VerifierExt, VerifyError};

use super::{
    LEGACY_SECRET, assert_refused, assert_refused_but, assert_taken, but, clock, id_token, jwt,
    jwt_of_type, recipes, verifier,
};

#[test]
fn clerk() {
    let sessions = verifier(recipes::clerk_sessions);
    let oauth = verifier(recipes::clerk_oauth);
    let session = json!({
        "azp": "https://app.example.com",
        "fva": [7, -1],
        "iss": "https://clerk.example.com",
        "nbf": 1_799_999_990,
        "o": {"id": "org_123", "rol": "admin", "slg": "example", "per": "read,manage"},
        "fea": "o:notes",
        "sid": "sess_2GbDB4enNdCa5vS1zpC3Xzg9tK9",
        "sts": "active",
        "sub": "user_2GIpXOEpVyJw51rkZn9Kmnc6Sxr",
        "v": 2,
    });
    let subject = "user_2GIpXOEpVyJw51rkZn9Kmnc6Sxr";
    assert_taken(&sessions, &jwt(&session), (subject, None, ""));
    let access = json!({
        "client_id": "client_2VTWUzvGC5UhdJCNx6xG1D98edc",
        "iss": "https://clerk.example.com",
        "jti": "oat_2xKa9Bgv7NxMRDFyQw8LpZ3cTmU1vHjE",
        "nbf": 1_799_999_990,
        "scope": "profile notes:read",
        "sub": subject,
    });
    let client = "client_2VTWUzvGC5UhdJCNx6xG1D98edc";
    let token = jwt_of_type(Some("at+jwt"), &access);
    assert_taken(
        &oauth,
        &token,
        (subject, Some(client), "profile notes:read"),
    );

    // Neither verifier accepts the tokens of the other.
    assert_refused(&sessions, &token, WrongType);
    assert_refused(&oauth, &jwt(&session), WrongType);
    let at = |claims: &Value| jwt_of_type(Some("at+jwt"), claims);
    assert_refused(&oauth, &at(&session), MissingClaim);

    let other_page = json!({"azp": "https://evil.example.com"});
    assert_refused_but(&sessions, &session, other_page, InvalidClaim);
    assert_refused_but(&sessions, &session, json!({"azp": null}), MissingClaim);
    let id = id_token(&access, client);
    assert_refused(&sessions, &jwt(&id), MissingClaim);
    assert_refused(&oauth, &jwt(&id), WrongType);
    let other_client = but(&access, json!({"client_id": "client_other"}));
    assert_refused(&oauth, &at(&other_client), InvalidClaim);
    let other_instance = json!({"iss": "https://clerk.example.net"});
    assert_refused(&oauth, &at(&but(&access, other_instance)), WrongIssuer);
    // Opaque OAuth and refresh tokens.
    let opaque = "oat_8XOIucKvqHVr5tYP123456789abcdefghij";
    assert_refused(&oauth, opaque, InvalidReason::Malformed);
}

#[test]
fn workos_authkit() {
    let authkit = verifier(recipes::authkit);
    let claims = json!({
        "iss": "https://notes.authkit.app",
        "aud": "https://mcp.example.com/mcp",
        "sub": "user_01HBEQKA6K4QJAS93VPE39W1JT",
        "sid": "app_consent_01KEXAMPLE",
        "jti": "01KEXAMPLEEXAMPLE",
        "scope": "openid profile email",
    });
    let subject = "user_01HBEQKA6K4QJAS93VPE39W1JT";
    let wanted = (subject, None, "openid profile email");
    assert_taken(&authkit, &jwt(&claims), wanted);
    // The audience of a client that does not send `resource`. ID tokens have it as well.
    let client = json!({"aud": "client_01HEXAMPLE"});
    assert_refused_but(&authkit, &claims, client, WrongAudience);
    let id = id_token(&claims, "client_01HEXAMPLE");
    assert_refused(&authkit, &jwt(&id), WrongAudience);
    let other_server = json!({"aud": "https://mcp.example.com/other"});
    assert_refused_but(&authkit, &claims, other_server, WrongAudience);
    let other = json!({"iss": "https://other.authkit.app"});
    assert_refused_but(&authkit, &claims, other, WrongIssuer);

    let sessions = verifier(recipes::authkit_sessions);
    let session = json!({
        "iss": "https://api.workos.com/user_management/client_01HEXAMPLE",
        "aud": "notes-api",
        "sub": subject,
        "org_id": "org_01HRDMC6CM357W30QMHMQ96Q0S",
        "role": "member",
        "roles": ["member"],
        "permissions": ["posts:read", "posts:write"],
        "entitlements": ["audit-logs"],
        "sid": "session_01HQSXZGF8FHF7A9ZZFCW4387R",
        "jti": "01HQSXZXPPFPKMDD32RKTFY6PV",
    });
    let wanted = (subject, None, "posts:read posts:write");
    assert_taken(&sessions, &jwt(&session), wanted);
    // A token without a JWT template.
    assert_refused_but(&sessions, &session, json!({"aud": null}), MissingClaim);
    let other = json!({"iss": "https://api.workos.com/user_management/client_01HOTHER"});
    assert_refused_but(&sessions, &session, other, WrongIssuer);
    assert_refused(&sessions, &jwt(&claims), WrongIssuer);
}

const PROJECT: &str = "https://abcdefghijklmnopqrst.supabase.co/auth/v1";

fn supabase_session() -> Value {
    json!({
        "iss": PROJECT,
        "aud": "authenticated",
        "sub": "123e4567-e89b-12d3-a456-426614174000",
        "role": "authenticated",
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": 1_799_999_000}],
        "session_id": "5b2f1c0e-7a3d-4e8b-9c6a-1d2e3f4a5b6c",
        "email": "alice@example.com",
        "phone": "",
        "is_anonymous": false,
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {},
    })
}

/// The check in the documentation.
fn registered(verifier: JwtVerifier) -> impl Verifier {
    verifier.check(|token| match token.claim("is_anonymous") {
        Some(true) => Err(VerifyError::invalid(
            "Anonymous users cannot call this server",
        )),
        _ => Ok(()),
    })
}

#[test]
fn supabase() {
    let supabase = registered(verifier(recipes::supabase));
    let claims = supabase_session();
    let subject = "123e4567-e89b-12d3-a456-426614174000";
    assert_taken(&supabase, &jwt(&claims), (subject, None, ""));
    let client = "9a8b7c6d-5e4f-3a2b-1c0d-9e8f7a6b5c4d";
    let oauth = but(&claims, json!({"client_id": client, "user_id": subject}));
    assert_taken(&supabase, &jwt(&oauth), (subject, Some(client), ""));

    let anonymous = InvalidReason::Other("Anonymous users cannot call this server");
    assert_refused_but(&supabase, &claims, json!({"is_anonymous": true}), anonymous);
    let service = json!({"role": "service_role"});
    assert_refused_but(&supabase, &claims, service, InvalidClaim);
    let id = but(&id_token(&oauth, client), json!({"role": null}));
    assert_refused(&supabase, &jwt(&id), WrongAudience);
    let other = json!({"iss": "https://zyxwvutsrqponmlkjihg.supabase.co/auth/v1"});
    assert_refused_but(&supabase, &claims, other, WrongIssuer);
    // The project's `anon` key, signed with the legacy secret.
    let secret = SigningKey::from_secret(Algorithm::HS256, LEGACY_SECRET);
    let anon = json!({"iss": "supabase", "ref": "abcdefghijklmnopqrst", "role": "anon"});
    let anon = secret.token().clock(clock()).claims(anon).build();
    assert_refused(&supabase, &anon, WrongIssuer);
    let session = secret.token().clock(clock()).claims(claims).build();
    assert_refused(&supabase, &session, UnsupportedAlgorithm);
}

#[test]
fn supabase_with_its_legacy_secret() {
    let supabase = verifier(recipes::supabase_legacy);
    let secret = SigningKey::from_secret(Algorithm::HS256, LEGACY_SECRET);
    let token = |claims: Value| secret.token().clock(clock()).claims(claims).build();
    let subject = "123e4567-e89b-12d3-a456-426614174000";
    let session = supabase_session();
    assert_taken(&supabase, &token(session.clone()), (subject, None, ""));
    for role in ["anon", "service_role"] {
        let key = json!({"iss": "supabase", "ref": "abcdefghijklmnopqrst", "role": role});
        assert_refused(&supabase, &token(key), WrongIssuer);
        let session = but(&session, json!({"role": role}));
        assert_refused(&supabase, &token(session), InvalidClaim);
    }
}

#[test]
fn descope() {
    let descope = verifier(recipes::descope);
    let subject = "U2example";
    let claims = json!({
        "iss": "https://api.descope.com/v1/apps/agentic/P2example/MS2example",
        "aud": ["https://mcp.example.com/mcp", "P2example"],
        "sub": subject,
        "azp": "TPA2example",
        "scope": "openid notes:read",
        "amr": ["oauth"],
    });
    let wanted = (subject, Some("TPA2example"), "openid notes:read");
    assert_taken(&descope, &jwt(&claims), wanted);
    let by_id = but(&claims, json!({"aud": "MS2example"}));
    assert_taken(&descope, &jwt(&by_id), wanted);
    let id = id_token(&claims, "TPA2example");
    assert_refused(&descope, &jwt(&id), WrongAudience);
    let project_alone = json!({"aud": ["P2example"]});
    assert_refused_but(&descope, &claims, project_alone, WrongAudience);
    let other = json!({"iss": "https://api.descope.com/v1/apps/agentic/P2example/MS2other"});
    assert_refused_but(&descope, &claims, other, WrongIssuer);

    let sessions = verifier(recipes::descope_sessions);
    let session = json!({
        "amr": ["email"],
        "aud": ["notes-api"],
        "dct": "T2example",
        "drn": "DS",
        "iss": "https://api.descope.com/P2example",
        "permissions": ["notes:read"],
        "rexp": "2027-02-12T08:00:00Z",
        "roles": ["reader"],
        "sub": subject,
        "tenants": {"T2example": {"permissions": ["notes:write"], "roles": ["writer"]}},
    });
    let token = assert_taken(&sessions, &jwt(&session), (subject, None, "notes:read"));
    let of_tenant: Vec<String> = token.claim("/tenants/T2example/permissions").unwrap();
    assert_eq!(of_tenant, ["notes:write"]);
    let short = but(&session, json!({"iss": "P2example"}));
    assert_taken(&sessions, &jwt(&short), (subject, None, "notes:read"));
    assert_refused_but(&sessions, &session, json!({"drn": "DSR"}), InvalidClaim);
    assert_refused_but(&sessions, &session, json!({"drn": null}), MissingClaim);
    assert_refused_but(&sessions, &session, json!({"aud": null}), MissingClaim);
    assert_refused_but(&sessions, &session, json!({"iss": "P2other"}), WrongIssuer);
}

#[test]
fn scalekit() {
    let scalekit = verifier(recipes::scalekit);
    let claims = json!({
        "iss": "https://example.scalekit.com",
        "aud": ["https://mcp.example.com/mcp", "res_69615647365005430"],
        "sub": "usr_987654321098765432",
        "client_id": "skc_987654321098765432",
        "scope": "notes:read",
        "jti": "tkn_987654321098765432",
        "nbf": 1_799_999_990,
        "oid": "org_69615647365005430",
    });
    let client = "skc_987654321098765432";
    let wanted = ("usr_987654321098765432", Some(client), "notes:read");
    assert_taken(&scalekit, &jwt(&claims), wanted);
    let by_id = but(&claims, json!({"aud": ["res_69615647365005430"]}));
    assert_taken(&scalekit, &jwt(&by_id), wanted);
    // The access token and the ID token of a login.
    let login = json!({
        "aud": ["skc_987654321098765432"], "sid": "ses_987654321098765432", "scope": null,
        "roles": ["member"], "permissions": ["projects:read"],
    });
    assert_refused_but(&scalekit, &claims, login, WrongAudience);
    let id = id_token(&claims, client);
    assert_refused(&scalekit, &jwt(&id), WrongAudience);
    let other_server = json!({"aud": ["https://mcp.example.com/other", "res_1"]});
    assert_refused_but(&scalekit, &claims, other_server, WrongAudience);
    let other = json!({"iss": "https://other.scalekit.com"});
    assert_refused_but(&scalekit, &claims, other, WrongIssuer);
}
