//! Proofs of possession, as a file configures them.

use tower_bearer_auth::settings::DpopSettings;
use tower_bearer_auth::testing::{DpopKey, SigningKey};
use tower_bearer_auth::{Algorithm, BearerAuthLayer, JwtVerifier};
use tower_layer::Layer;

use super::{folder, problems, toml};
use crate::support::{Inner, get, serve};

const ISSUER: &str = "https://issuer.example.com";
const ORIGIN: &str = "https://api.example.com";

#[tokio::test]
async fn a_layer_with_settings_from_a_file_checks_proofs() {
    let files = folder([("new", &[7; 32]), ("old", &[8; 40])]);
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let settings: DpopSettings = toml(&format!(
        r#"
        required = true
        origin = "{ORIGIN}"
        path_prefix = "/tools"
        algorithms = ["ES256"]
        window = 30
        max_proof_length = 4096
        nonce_secret_file = "{}"
        nonce_previous_secret_file = ["{}"]
        nonce_lifetime = 60
        "#,
        path("new"),
        path("old"),
    ));
    let issuer = SigningKey::generate(Algorithm::ES256);
    let verifier = JwtVerifier::builder()
        .key(issuer.verifying_key())
        .issuer(ISSUER)
        .audience(ORIGIN)
        .build()
        .unwrap();
    let layer = BearerAuthLayer::new(verifier).dpop(settings.dpop().unwrap());
    let address = serve(layer.layer(Inner::default())).await;

    let client = DpopKey::new();
    let plain = issuer
        .token()
        .issuer(ISSUER)
        .audience(ORIGIN)
        .subject("alice");
    let bearer = format!("Bearer {}", plain.clone().build());
    let answer = get(address, "/notes", &[("authorization", &bearer)]).await;
    assert_eq!(answer.status, 401, "{answer:?}");

    let token = plain.bound_to(&client).build();
    let authorization = format!("DPoP {token}");
    let url = format!("{ORIGIN}/tools/notes");
    let proof = client.proof("GET", &url, &token).build();
    let headers = [("authorization", authorization.as_str()), ("dpop", &proof)];
    let answer = get(address, "/notes", &headers).await;
    let challenge = answer.header("www-authenticate").unwrap();
    assert_eq!(answer.status, 401, "{answer:?}");
    assert!(
        challenge.contains(r#"error="use_dpop_nonce""#),
        "{challenge}"
    );
    assert!(challenge.contains(r#"algs="ES256""#), "{challenge}");

    let nonce = answer.header("dpop-nonce");
    let proof = client
        .proof("GET", &url, &token)
        .nonce(nonce.unwrap())
        .build();
    let headers = [("authorization", authorization.as_str()), ("dpop", &proof)];
    get(address, "/notes", &headers).await.assert_passed();
}

#[test]
fn what_the_setters_panic_for_is_an_error_here() {
    let files = folder([("short", b"31 bytes are not enough for it.")]);
    let short = files.path().join("short");
    let short = short.to_str().unwrap();
    let settings: DpopSettings = toml(&format!(
        r#"
        origin = "https://api.example.com/notes"
        path_prefix = "tools/"
        algorithms = "HS256"
        window = 301
        nonce_previous_secret_file = "{short}"
        nonce_lifetime = 5
        "#
    ));
    let error = settings.dpop().unwrap_err();
    let expected = [
        "`origin`: \"https://api.example.com/notes\" cannot be an origin: it has a path".to_owned(),
        "`path_prefix`: \"tools/\" cannot be the beginning of a path: it must begin with a slash and not end with one, \
         and other characters than visible ASCII must be percent-encoded"
            .to_owned(),
        "`algorithms`: proofs need algorithms with public keys".to_owned(),
        "`window`: the window of proofs must be between 1 and 300 seconds, not 301s".to_owned(),
        "`nonce_previous_secret_file` needs `nonce_secret_file`, which is missing".to_owned(),
        "`nonce_lifetime` needs `nonce_secret_file`, which is missing".to_owned(),
        format!(
            "`nonce_previous_secret_file`: {short:?} cannot be used: a secret of 31 bytes is too short for nonces: use \
             32 random bytes or more"
        ),
        "`nonce_lifetime`: the lifetime of nonces must be between 10 seconds and 24 hours, not 5s".to_owned(),
    ];
    assert_eq!(problems(&error), expected);
}
