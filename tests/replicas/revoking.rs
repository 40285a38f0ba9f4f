//! What is revoked at one replica is refused at the others.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Answer, Caller, Gateway, Outcome, RESOURCE, Replica, answer, now, print_delays,
};

/// A request that revokes the tokens with this name.
type Request = Box<dyn Fn(&Gateway, &Replica, &str) -> reqwest::RequestBuilder>;

const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";

fn by_administrator(body: impl Fn(&str) -> Value + 'static) -> Request {
    Box::new(move |gateway, replica, name| {
        let mut body = body(name);
        body["issuer"] = gateway.issuer.issuer().into();
        let request = replica.post("/admin/revocations", "application/json", body.to_string());
        request.bearer_auth(&gateway.admin)
    })
}

/// A logout token with these claims.
fn logout(claims: &'static [&'static str]) -> Request {
    Box::new(move |gateway, replica, name| {
        let mut token = gateway
            .issuer
            .logout_token(RESOURCE)
            .without_claim("client_id");
        for claim in ["sub", "sid"] {
            token = match claims.contains(&claim) {
                true => token.claim(claim, name),
                false => token.without_claim(claim),
            };
        }
        let form = format!("logout_token={}", token.build());
        replica.post(
            "/backchannel-logout",
            "application/x-www-form-urlencoded",
            form,
        )
    })
}

fn event(family: &'static str, event: &'static str) -> Request {
    Box::new(move |gateway, replica, name| {
        let issuer = gateway.issuer.issuer();
        let event = gateway
            .issuer
            .security_event(RESOURCE, format!("{family}{event}"), json!({}));
        let event = event.without_claim("sub");
        let id = json!({"format": "iss_sub", "iss": issuer, "sub": name});
        let event = event.claim("sub_id", id).build();
        replica.post("/security-events", "application/secevent+jwt", event)
    })
}

/// Each way to revoke, with the status of its answer.
fn ways() -> Vec<(&'static str, u16, Request)> {
    vec![
        (
            "a token",
            204,
            by_administrator(|name| json!({"jti": name, "expires_at": now() + 3_600})),
        ),
        (
            "a subject",
            204,
            by_administrator(|name| json!({"subject": name, "issued_before": now()})),
        ),
        (
            "a client",
            204,
            by_administrator(|name| json!({"client": name, "issued_before": now()})),
        ),
        (
            "a session",
            204,
            by_administrator(|name| json!({"session": name})),
        ),
        ("logout with sub", 200, logout(&["sub"])),
        ("logout with sid", 200, logout(&["sid"])),
        ("logout with both", 200, logout(&["sub", "sid"])),
        ("session-revoked", 202, event(CAEP, "session-revoked")),
        ("credential-change", 202, event(CAEP, "credential-change")),
        ("account-disabled", 202, event(RISC, "account-disabled")),
        ("account-purged", 202, event(RISC, "account-purged")),
        ("sessions-revoked", 202, event(RISC, "sessions-revoked")),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_revoked_at_one_replica_is_refused_at_all() {
    let Some(gateway) = Gateway::start().await else {
        return;
    };
    let others = [gateway.bearer("bystander"), gateway.bound("bystander")];
    assert_all(&gateway, &others, Outcome::Passed).await;
    let (mut delays, mut revoked) = (Vec::new(), Vec::new());
    for (number, (name, status, request)) in ways().into_iter().enumerate() {
        // They are cached at each replica.
        let callers = [gateway.bearer(name), gateway.bound(name)];
        assert_all(&gateway, &callers, Outcome::Passed).await;
        let one = &gateway.replicas[number % gateway.replicas.len()];
        let request = request(&gateway, one, name);
        let again = request.try_clone().unwrap();
        let acknowledged = answer(request).await;
        assert_eq!(acknowledged.status, status, "{name}: {acknowledged:?}");
        for caller in &callers {
            assert_eq!(one.whoami(caller).await, Outcome::Revoked, "{name}");
        }
        let refused = gateway.replicas.iter().map(async |replica| {
            let refused = callers
                .iter()
                .map(|caller| replica.until(caller, Outcome::Revoked, &[Outcome::Passed]));
            join_all(refused).await.into_iter().max()
        });
        delays.extend(join_all(refused).await.into_iter().flatten());
        // To revoke something twice is harmless.
        let answer = answer(again).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        revoked.extend(callers);
    }
    print_delays("refused at each replica after", delays);
    assert_all(&gateway, &others, Outcome::Passed).await;
    gateway.assert_revoked(&revoked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_not_understood_revokes_nothing() {
    let Some(gateway) = Gateway::start().await else {
        return;
    };
    let issuer = gateway.issuer.issuer();
    let callers = [gateway.bearer("alice"), gateway.bound("alice")];
    let one = &gateway.replicas[0];

    let good = json!({"issuer": issuer, "session": "alice"}).to_string();
    let kind = "application/json";
    let route = "/admin/revocations";
    let mut answers: Vec<(u16, Answer)> = Vec::new();
    answers.push((401, answer(one.post(route, kind, good.clone())).await));
    let alice = one
        .post(route, kind, good.clone())
        .bearer_auth(&callers[0].token);
    answers.push((403, answer(alice).await));
    let text = one
        .post(route, "text/plain", good.clone())
        .bearer_auth(&gateway.admin);
    answers.push((415, answer(text).await));
    for malformed in [
        "",
        "{",
        "\u{feff}{}",
        &good[..good.len() - 1],
        r#"{"expires_at": NaN}"#,
    ] {
        let request = one.post(route, kind, malformed.to_owned());
        answers.push((400, answer(request.bearer_auth(&gateway.admin)).await));
    }
    for meaningless in [
        json!(null),
        json!([]),
        json!({}),
        json!({"issuer": issuer}),
        json!({"session": "alice"}),
        json!({"issuer": null, "session": "alice"}),
        json!({"issuer": issuer, "session": ["alice"]}),
        json!({"issuer": issuer, "session": "alice", "jti": "alice"}),
        json!({"issuer": issuer, "session": "alice", "reason": "none"}),
        json!({"issuer": issuer, "jti": "alice"}),
        json!({"issuer": issuer, "jti": 1, "expires_at": now() + 60}),
        json!({"issuer": issuer, "jti": "alice", "expires_at": "tomorrow"}),
        json!({"issuer": issuer, "jti": "alice", "expires_at": -1}),
        json!({"issuer": issuer, "jti": "alice", "expires_at": 1e300}),
        json!({"issuer": issuer, "jti": "alice", "issued_before": now()}),
        json!({"issuer": issuer, "subject": "alice"}),
        json!({"issuer": issuer, "subject": "alice", "client": "alice", "issued_before": now()}),
        json!({"issuer": issuer, "client": "alice", "issued_before": 253_402_300_800_u64}),
    ] {
        let answer = one.revoke(&gateway.admin, &meaningless).await;
        assert_eq!(answer.status, 422, "{meaningless}: {answer:?}");
    }

    let form = "application/x-www-form-urlencoded";
    let logout = || gateway.issuer.logout_token(RESOURCE).subject("alice");
    for token in [
        callers[0].token.clone(),
        String::new(),
        "nonsense".to_owned(),
        logout().audience("https://other.example.com").build(),
        logout().claim("nonce", "n").build(),
        logout().without_claim("events").build(),
        logout().without_claim("sub").build(),
        logout().expired().build(),
        logout().tampered().build(),
    ] {
        let request = one.post("/backchannel-logout", form, format!("logout_token={token}"));
        answers.push((400, answer(request).await));
    }
    let event = |kind: &str| {
        let event = format!("{RISC}account-disabled");
        let event = gateway.issuer.security_event(RESOURCE, event, json!({}));
        event.subject("alice").token_type(kind)
    };
    let set = || event("secevent+jwt");
    for token in [
        callers[0].token.clone(),
        event("JWT").build(),
        set().audience("https://other.example.com").build(),
        set().issuer("https://other.example.com").build(),
        set().tampered().build(),
    ] {
        let request = one.post("/security-events", "application/secevent+jwt", token);
        answers.push((400, answer(request).await));
    }

    for (number, (status, answer)) in answers.iter().enumerate() {
        assert_eq!(answer.status, *status, "number {number}: {answer:?}");
    }
    assert_eq!(gateway.redis.revocations(), 0);
    assert_all(&gateway, &callers, Outcome::Passed).await;
}

async fn assert_all(gateway: &Gateway, callers: &[Caller], expected: Outcome) {
    for replica in &gateway.replicas {
        for caller in callers {
            assert_eq!(replica.whoami(caller).await, expected, "{}", replica.url);
        }
    }
}
