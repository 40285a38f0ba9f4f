//! The mappings of this crate, for every component that refuses.

use std::sync::Arc;

use http::StatusCode;
use http_auth::ChallengeParser;
use serde_json::{Map as Object, Value, json};
use tower::ServiceExt;
use tower_bearer_auth::reject;

use super::components::{Case, all};
use super::{Map, request, values};
use crate::support::{Answer, read};

/// The default answer of each case, and the mapped one.
async fn compare(map: Map) -> Vec<(Answer, Answer)> {
    async fn answer(case: Case) -> Answer {
        let sent = request(case.method, case.headers, case.body);
        read(case.service.oneshot(sent).await.unwrap()).await
    }
    let mut answers = Vec::new();
    for (default, mapped) in all(None).into_iter().zip(all(Some(&map))) {
        assert_eq!(default.component, mapped.component);
        answers.push((answer(default).await, answer(mapped).await));
    }
    assert!(answers.len() > 25);
    let has_nonce = |(_, mapped): &(_, Answer)| mapped.headers.contains_key("dpop-nonce");
    assert_eq!(
        answers.iter().filter(|answers| has_nonce(answers)).count(),
        1
    );
    answers
}

/// Asserts that all fields but these are the same. axum adds the length of what its handlers return.
#[track_caller]
fn assert_same_headers(default: &Answer, mapped: &Answer, but: &[&str]) {
    let kept = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        for name in but.iter().chain(&["content-length"]) {
            headers.remove(*name);
        }
        headers
    };
    assert_eq!(kept(default), kept(mapped));
}

fn is_json_rpc(answer: &Answer) -> bool {
    answer.json().get("jsonrpc").is_some()
}

/// The text of the default answer.
fn description(default: &Answer) -> Value {
    let body = default.json();
    match is_json_rpc(default) {
        true => body["error"]["message"].clone(),
        false => body["error_description"].clone(),
    }
}

/// The OAuth error code of the default answer.
fn error(default: &Answer) -> Option<Value> {
    match is_json_rpc(default) {
        true => None,
        false => default.json().get("error").cloned(),
    }
}

#[tokio::test]
async fn problem_details_say_what_the_default_answer_says() {
    for (default, mapped) in compare(Arc::new(reject::problem_details)).await {
        assert_eq!(default.status, mapped.status);
        assert_same_headers(&default, &mapped, &["content-type"]);
        let content_type = mapped.header("content-type");
        assert_eq!(content_type, Some("application/problem+json"));
        let mut expected = json!({
            "type": "about:blank",
            "title": default.status.canonical_reason().unwrap(),
            "status": default.status.as_u16(),
            "detail": description(&default),
        });
        if let Some(error) = error(&default) {
            expected["error"] = error;
        }
        assert_eq!(mapped.json(), expected);
    }
}

#[tokio::test]
async fn json_rpc_errors_have_the_parameters_of_the_challenge() {
    for (default, mapped) in compare(Arc::new(reject::json_rpc)).await {
        assert_eq!(default.status, mapped.status);
        assert_same_headers(&default, &mapped, &[]);
        if is_json_rpc(&default) {
            assert_eq!(default.json(), mapped.json());
            continue;
        }
        let code = match default.status {
            StatusCode::INTERNAL_SERVER_ERROR => -32603,
            _ => -32003,
        };
        let mut data = Object::new();
        match values(&default, "www-authenticate").first() {
            Some(challenge) => {
                let mut challenges = ChallengeParser::new(challenge);
                let challenge = challenges.next().unwrap().unwrap();
                for (name, value) in challenge.params {
                    if !["realm", "error_description"].contains(&name) {
                        data.insert(name.to_owned(), value.to_unescaped().into());
                    }
                }
            }
            None => {
                data.insert("error".to_owned(), error(&default).unwrap());
            }
        }
        let error = json!({"code": code, "message": description(&default), "data": data});
        let expected = json!({"jsonrpc": "2.0", "id": null, "error": error});
        assert_eq!(mapped.json(), expected);
    }
}

#[tokio::test]
async fn grpc_statuses_are_trailers_only_with_the_challenge() {
    for (default, mapped) in compare(Arc::new(reject::grpc)).await {
        assert_eq!(mapped.status, 200);
        assert_eq!(mapped.body, "");
        let own = [
            "content-type",
            "grpc-status",
            "grpc-message",
            "grpc-retry-pushback-ms",
        ];
        assert_same_headers(&default, &mapped, &own);
        assert_eq!(mapped.header("content-type"), Some("application/grpc"));
        let expected = match default.status.as_u16() {
            400 | 415 => "3",
            401 => "16",
            403 => "7",
            404 | 405 => "12",
            413 => "8",
            500 => "13",
            503 => "14",
            other => panic!("{other}"),
        };
        assert_eq!(mapped.header("grpc-status"), Some(expected));
        let message = mapped.header("grpc-message");
        assert_eq!(message, description(&default).as_str());
        let delay = default.header("retry-after").map(|_| "5000");
        assert_eq!(mapped.header("grpc-retry-pushback-ms"), delay);
    }
}
