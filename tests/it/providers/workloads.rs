//! Identity tokens of workloads: AWS STS, Google service accounts, GitHub Actions, Kubernetes.

use serde_json::json;
use tower_bearer_auth::InvalidReason::{
    InvalidClaim, MissingClaim, WrongAudience, WrongIssuer, WrongType,
};

use super::{KEY, assert_refused, assert_refused_but, assert_taken, clock, jwt, jwt_of_type};
use super::{recipes, verifier};

#[test]
fn aws_sts() {
    let aws = verifier(recipes::aws_sts);
    let claims = json!({
        "iss": "https://abc123-def456-ghi789-jkl012.tokens.sts.global.api.aws",
        "aud": "https://api.example.com",
        "sub": "arn:aws:iam::123456789012:role/Reports",
        "jti": "xyz123-def456-ghi789-jkl012",
        "https://sts.amazonaws.com/": {
            "aws_account": "123456789012",
            "source_region": "eu-central-1",
            "org_id": "o-abc1234567",
            "principal_tags": {"team": "reporting"},
            "lambda_source_function_arn": "arn:aws:lambda:eu-central-1:123456789012:function:reports",
        },
    });
    let subject = "arn:aws:iam::123456789012:role/Reports";
    assert_taken(&aws, &jwt(&claims), (subject, None, ""));

    let other_role = json!({"sub": "arn:aws:iam::123456789012:role/Anything"});
    assert_refused_but(&aws, &claims, other_role, InvalidClaim);
    let other_account = json!({"https://sts.amazonaws.com/": {"aws_account": "210987654321"}});
    assert_refused_but(&aws, &claims, other_account, InvalidClaim);
    let no_account = json!({"https://sts.amazonaws.com/": null});
    assert_refused_but(&aws, &claims, no_account, MissingClaim);
    let elsewhere = json!({"aud": "https://other.example.com"});
    assert_refused_but(&aws, &claims, elsewhere, WrongAudience);
    let other_issuer = json!({"iss": "https://zzz.tokens.sts.global.api.aws"});
    assert_refused_but(&aws, &claims, other_issuer, WrongIssuer);
}

#[test]
fn google_service_accounts() {
    let google = verifier(recipes::google_service_accounts);
    let claims = json!({
        "iss": "https://accounts.google.com",
        "azp": "107517467455664443766",
        "aud": "https://api.example.com",
        "sub": "107517467455664443766",
        "email": "reports@example-project.iam.gserviceaccount.com",
        "email_verified": true,
    });
    let subject = "107517467455664443766";
    assert_taken(&google, &jwt(&claims), (subject, Some(subject), ""));

    // A user's ID token.
    let application = "407408718192.apps.googleusercontent.com";
    let user = json!({
        "azp": application, "aud": application, "sub": "110169484474386276334",
        "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q", "hd": "example.com", "email": "alice@example.com",
    });
    assert_refused_but(&google, &claims, user, WrongType);
    let one_tap =
        json!({"azp": application, "aud": application, "nonce": "0394852-3190485-2490358"});
    assert_refused_but(&google, &claims, one_tap, WrongAudience);
    let unknown_client = json!({"azp": "100000000000000000000", "sub": "100000000000000000000"});
    assert_refused_but(&google, &claims, unknown_client, InvalidClaim);
    let old_name = json!({"iss": "accounts.google.com"});
    assert_refused_but(&google, &claims, old_name, WrongIssuer);
}

#[test]
fn github_actions() {
    let github = verifier(recipes::github_actions);
    let claims = json!({
        "jti": "0a1b2c3d-example",
        "sub": "repo:octo-org/octo-repo:ref:refs/heads/main",
        "aud": "https://api.example.com",
        "ref": "refs/heads/main",
        "sha": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "repository": "octo-org/octo-repo",
        "repository_owner": "octo-org",
        "repository_id": "74312345",
        "repository_owner_id": "65312345",
        "repository_visibility": "private",
        "actor": "octocat",
        "actor_id": "12312345",
        "workflow": "deploy",
        "workflow_ref": "octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main",
        "job_workflow_ref": "octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main",
        "event_name": "push",
        "ref_type": "branch",
        "ref_protected": "true",
        "head_ref": "",
        "base_ref": "",
        "run_id": "1234567890",
        "run_number": "10",
        "run_attempt": "2",
        "runner_environment": "github-hosted",
        "iss": "https://token.actions.githubusercontent.com",
        "nbf": 1_799_999_700,
    });
    let subject = "repo:octo-org/octo-repo:ref:refs/heads/main";
    let token = assert_taken(&github, &jwt(&claims), (subject, None, ""));
    assert_eq!(
        token.claim::<String>("repository").as_deref(),
        Some("octo-org/octo-repo")
    );

    // A workflow in any repository can request this audience.
    let unknown_client = json!({"repository": "evil/octo-repo", "repository_id": "99999999"});
    assert_refused_but(&github, &claims, unknown_client, InvalidClaim);
    let pull_request = json!({"ref": "refs/pull/1/merge", "event_name": "pull_request"});
    assert_refused_but(&github, &claims, pull_request, InvalidClaim);
    let by_default = json!({"aud": "https://github.com/octo-org"});
    assert_refused_but(&github, &claims, by_default, WrongAudience);
    let own_server = json!({"iss": "https://github.example.com/_services/token"});
    assert_refused_but(&github, &claims, own_server, WrongIssuer);
}

#[test]
fn kubernetes() {
    let cluster = verifier(recipes::kubernetes);
    let claims = json!({
        "aud": ["notes"],
        "iss": "https://kubernetes.default.svc.cluster.local",
        "jti": "e51f1fbc-4733-4b85-a59f-ba80c0523874",
        "kubernetes.io": {
            "namespace": "jobs",
            "node": {"name": "worker-1", "uid": "517eb86e-b863-451b-bf70-86cb61439a3a"},
            "pod": {"name": "reports-x7k2p", "uid": "0d8b260e-ef0e-45fb-be8e-ff44f97722e8"},
            "serviceaccount": {"name": "reports", "uid": "e6a8680e-d103-4cce-80ea-03acbbeacf7d"},
            "warnafter": 1_800_003_607,
        },
        "nbf": 1_800_000_000,
        "sub": "system:serviceaccount:jobs:reports",
    });
    let subject = "system:serviceaccount:jobs:reports";
    let token = assert_taken(&cluster, &jwt_of_type(None, &claims), (subject, None, ""));
    let pod: String = token.claim("/kubernetes.io/pod/name").unwrap();
    assert_eq!(pod, "reports-x7k2p");

    // The token that is mounted in every pod by default.
    let mounted = json!({"aud": ["https://kubernetes.default.svc.cluster.local"]});
    assert_refused_but(&cluster, &claims, mounted, WrongAudience);
    let other_namespace = json!({"kubernetes.io": {"namespace": "default"}});
    assert_refused_but(&cluster, &claims, other_namespace, InvalidClaim);
    let other_cluster = json!({"iss": "https://oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE"});
    assert_refused_but(&cluster, &claims, other_cluster, WrongIssuer);
    // A legacy token from a Secret.
    let legacy = KEY.token().clock(clock()).claims(json!({
        "iss": "kubernetes/serviceaccount",
        "kubernetes.io/serviceaccount/namespace": "jobs",
        "kubernetes.io/serviceaccount/service-account.name": "reports",
        "sub": subject,
    }));
    let legacy = legacy.without_claim("exp").without_claim("iat").build();
    assert_refused(&cluster, &legacy, WrongIssuer);
}
