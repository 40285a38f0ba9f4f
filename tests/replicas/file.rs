//! One replica with a file, which is killed.

use tower_bearer_auth::testing::{DpopKey, TestIssuer};

use serde_json::json;

use crate::support::{Caller, Outcome, Replica, client, now, token};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_that_the_process_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let issuer = TestIssuer::start().await;
    let client = client();
    let start = async || {
        let variables = [
            ("ISSUER", &*issuer.issuer()),
            ("STORE", path.to_str().expect("it is text")),
        ];
        let replica = Replica::start(&client, &variables).await;
        replica.until_ready().await;
        replica
    };
    let admin = token(&issuer, "admin").scopes(["admin"]).build();
    let good = Caller::bearer(token(&issuer, "good").build());
    let key = DpopKey::new();
    let bound = Caller::bound(token(&issuer, "bound").bound_to(&key).build(), key);

    let mut revoked: Vec<Caller> = Vec::new();
    let mut used_proofs: Vec<Option<String>> = Vec::new();
    for what in ["jti", "subject", "client", "session"] {
        let caller = Caller::bearer(token(&issuer, what).build());
        let mut body = json!({"issuer": issuer.issuer(), what: what});
        match what {
            "jti" => body["expires_at"] = (now() + 3_600).into(),
            "session" => {}
            _ => body["issued_before"] = now().into(),
        }
        let replica = start().await;
        assert_eq!(replica.whoami(&caller).await, Outcome::Passed);
        let answer = replica.revoke(&admin, &body).await;
        replica.kill();
        assert_eq!(answer.status, 204, "{answer:?}");
        revoked.push(caller);

        let proof = bound.proof();
        let replica = start().await;
        let first = replica.whoami_with(&bound, proof.as_deref()).await;
        replica.kill();
        assert_eq!(first, Outcome::Passed);
        used_proofs.push(proof);

        let replica = start().await;
        for caller in &revoked {
            assert_eq!(replica.whoami(caller).await, Outcome::Revoked);
        }
        for proof in &used_proofs {
            let again = replica.whoami_with(&bound, proof.as_deref()).await;
            assert_eq!(again, Outcome::Replayed);
        }
        assert_eq!(replica.whoami(&good).await, Outcome::Passed);
        assert_eq!(replica.whoami(&bound).await, Outcome::Passed);
        replica.kill();
    }
}
