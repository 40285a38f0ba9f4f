//! The configurations of the documentation of `providers`, line by line. Each function applies one to a builder that
//! already has a local key. `recipes_and_documentation_are_the_same` compares them with the documentation.

use std::collections::HashSet;

use tower_bearer_auth::{
    AccessToken, Algorithm, ByIssuer, ConfigError, Jwks, JwtVerifier, JwtVerifierBuilder, Verifier,
    VerifierExt, VerifyError,
};

use super::{LEGACY_SECRET, TENANT};

pub(super) fn auth0(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .discover("https://tenant.eu.auth0.com/")
        .audience("https://api.example.com")
}

pub(super) fn entra(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    let tenant = TENANT;
    builder
        .discover(format!("https://login.microsoftonline.com/{tenant}/v2.0"))
        .audience("3f2a1b0c-9d8e-4f7a-8b6c-5d4e3f2a1b0c")
        .required_claims(["azp"])
        .scope_claims(["scp", "roles"])
        .scope_prefix("api://notes/")
}

pub(super) fn entra_v1(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    let tenant = TENANT;
    builder
        .discover_from(format!(
            "https://login.microsoftonline.com/{tenant}/.well-known/openid-configuration"
        ))
        .issuer(format!("https://sts.windows.net/{tenant}/"))
        .audiences(["api://notes", "3f2a1b0c-9d8e-4f7a-8b6c-5d4e3f2a1b0c"])
        .required_claims(["appid"])
        .scope_claims(["scp", "roles"])
        .scope_prefix("api://notes/")
}

pub(super) fn entra_mcp(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    builder
        .discover(issuer)
        // In version 2 the audience is the API's client ID, not the resource.
        .audience("3f2a1b0c-9d8e-4f7a-8b6c-5d4e3f2a1b0c")
        .required_claims(["azp"])
        .scope_claims(["scp", "roles"])
        .scope_prefix("https://mcp.example.com/mcp/")
}

pub(super) fn ad_fs(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .issuer("http://adfs.example.com/adfs/services/trust")
        .audience("https://api.example.com")
        .required_claims(["appid"])
}

pub(super) fn okta(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .discover("https://example.okta.com/oauth2/default")
        .audience("api://default")
        .required_claims(["cid", "scp"])
}

pub(super) fn keycloak(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .discover("https://sso.example.com/realms/staff")
        .audience("notes-api")
        .scope_claims(["/resource_access/notes-api/roles"])
}

pub(super) fn dex(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .discover("https://dex.example.com")
        .audience("notes-api")
        .accept_hash_claims()
        .required_claims(["azp"])
}

pub(super) fn cognito(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .discover("https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example1")
        .claim_in("client_id", ["1example23456789"])
        .claim_in("token_use", ["access"])
}

pub(super) fn clerk_sessions(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .discover("https://clerk.example.com")
        .claim_in("azp", ["https://app.example.com"])
        .required_claims(["sid"])
        .token_types(["JWT"])
        .client_id_claims(["client_id"])
}

pub(super) fn clerk_oauth(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .discover("https://clerk.example.com")
        .claim_in("client_id", ["client_2VTWUzvGC5UhdJCNx6xG1D98edc"])
        .token_types(["at+jwt"])
}

pub(super) fn authkit(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .discover("https://notes.authkit.app")
        .audience("https://mcp.example.com/mcp")
}

pub(super) fn authkit_sessions(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .jwks_url("https://api.workos.com/sso/jwks/client_01HEXAMPLE")
        .issuer("https://api.workos.com/user_management/client_01HEXAMPLE")
        .audience("notes-api")
        .required_claims(["sid"])
        .scope_claims(["permissions"])
}

pub(super) fn supabase(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .jwks_url("https://abcdefghijklmnopqrst.supabase.co/auth/v1/.well-known/jwks.json")
        .issuer("https://abcdefghijklmnopqrst.supabase.co/auth/v1")
        .audience("authenticated")
        .algorithms([Algorithm::ES256, Algorithm::RS256])
        .claim_in("role", ["authenticated"])
}

pub(super) fn supabase_legacy(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    let secret = LEGACY_SECRET;
    builder
        .secret(Algorithm::HS256, secret)
        .issuer("https://abcdefghijklmnopqrst.supabase.co/auth/v1")
        .audience("authenticated")
        .claim_in("role", ["authenticated"])
}

pub(super) fn descope(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .discover("https://api.descope.com/v1/apps/agentic/P2example/MS2example")
        .audiences(["https://mcp.example.com/mcp", "MS2example"])
}

pub(super) fn descope_sessions(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .jwks_url("https://api.descope.com/P2example/.well-known/jwks.json")
        .issuers(["https://api.descope.com/P2example", "P2example"])
        .audience("notes-api")
        .claim_in("drn", ["DS"])
        .scope_claims(["permissions"])
}

pub(super) fn scalekit(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .jwks_url("https://example.scalekit.com/keys")
        .issuer("https://example.scalekit.com")
        .audiences(["https://mcp.example.com/mcp", "res_69615647365005430"])
}

pub(super) fn aws_sts(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .discover("https://abc123-def456-ghi789-jkl012.tokens.sts.global.api.aws")
        .audience("https://api.example.com")
        .claim_in("sub", ["arn:aws:iam::123456789012:role/Reports"])
        .claim_in(
            "/https:~1~1sts.amazonaws.com~1/aws_account",
            ["123456789012"],
        )
}

pub(super) fn google_service_accounts(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .discover("https://accounts.google.com")
        .audience("https://api.example.com")
        .claim_in("sub", ["107517467455664443766"])
}

pub(super) fn github_actions(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .discover("https://token.actions.githubusercontent.com")
        .audience("https://api.example.com")
        .claim_in("repository_id", ["74312345"])
        .claim_in("ref", ["refs/heads/main"])
}

pub(super) fn kubernetes(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .issuer("https://kubernetes.default.svc.cluster.local")
        .audience("notes")
        .claim_in("/kubernetes.io/namespace", ["jobs"])
}

pub(super) fn spiffe(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .accept_any_issuer()
        .name("spiffe")
        .audience("spiffe://example.com/notes")
        .required_claims(["sub"])
        .also_token_types(["JOSE"])
}

pub(super) fn client_credentials(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .discover("https://issuer.example.com")
        .audience("https://api.example.com")
        .claim_in("client_id", ["reports-job"])
}

pub(super) fn enterprise_managed(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder
        .discover("https://auth.example.com")
        .audience("https://mcp.example.com/mcp")
}

pub(super) fn of_a_user(verifier: impl Verifier) -> impl Verifier {
    verifier.check(|token: &AccessToken| match token.subject() {
        Some(subject) if token.client_id().is_some_and(|client| client != subject) => Ok(()),
        Some(_) | None => Err(VerifyError::invalid("The access token is not of a user")),
    })
}

pub(super) fn entra_tenants(
    customers: HashSet<String>,
    v1: Jwks,
    v2: Jwks,
) -> Result<ByIssuer, ConfigError> {
    let verifier = move |keys: &Jwks, tenant: &str, issuer: String, client: &str| {
        if !customers.contains(tenant) {
            return None;
        }
        let builder = JwtVerifier::builder()
            .jwks(keys.clone())
            .issuer(issuer)
            .audiences(["api://notes", "3f2a1b0c-9d8e-4f7a-8b6c-5d4e3f2a1b0c"])
            .required_claims([client])
            .scope_claims(["scp", "roles"])
            .scope_prefix("api://notes/");
        builder.build().ok()
    };
    let other = verifier.clone();
    ByIssuer::new()
        .tenants(
            "https://login.microsoftonline.com/{tenantid}/v2.0",
            move |tenant| {
                let issuer = format!("https://login.microsoftonline.com/{tenant}/v2.0");
                verifier(&v2, tenant, issuer, "azp")
            },
        )?
        .tenants("https://sts.windows.net/{tenantid}/", move |tenant| {
            let issuer = format!("https://sts.windows.net/{tenant}/");
            other(&v1, tenant, issuer, "appid")
        })
}

pub(super) fn keycloak_realms(
    issuers: String,
    realms: HashSet<String>,
) -> Result<ByIssuer, ConfigError> {
    ByIssuer::new().tenants(issuers.clone(), move |realm| {
        if !realms.contains(realm) {
            return None;
        }
        let verifier = JwtVerifier::builder()
            .discover(issuers.replace("{tenant}", realm))
            .audience("notes-api");
        verifier.build().ok()
    })
}
