//! Whose mapping applies.

use std::sync::Arc;

use http::HeaderValue;
use tower::ServiceExt;
use tower_bearer_auth::Refused;

use super::components::{
    Case, Maps, by_extractors_and_handlers, by_guards, by_the_layer, misconfigured,
};
use super::{Map, request, values};
use crate::support::read;

/// A mapping that adds a field with its name, the component and the reason.
fn named(name: &'static str) -> Map {
    Arc::new(move |refused, mut response| {
        let seen = response.extensions().get::<Refused>().unwrap();
        assert_eq!(seen.reason(), refused.reason());
        assert_eq!(response.status(), refused.status());
        let text = format!("{name} {}", refused.component());
        let text = HeaderValue::try_from(text).unwrap();
        response.headers_mut().append("x-mapped-by", text);
        response
    })
}

async fn assert_mapped_once(cases: Vec<Case>, by: Option<&str>) {
    assert!(!cases.is_empty());
    for case in cases {
        let sent = request(case.method, case.headers, case.body);
        let answer = read(case.service.oneshot(sent).await.unwrap()).await;
        assert_eq!(answer.status, case.status, "{}: {answer:?}", case.component);
        let by = by.map(|by| format!("{by} {}", case.component));
        let by: Vec<_> = by.as_deref().into_iter().collect();
        assert_eq!(values(&answer, "x-mapped-by"), by, "{answer:?}");
    }
}

#[tokio::test]
async fn everything_behind_a_layer_inherits_its_mapping() {
    let maps = Maps {
        layer: Some(named("layer")),
        own: None,
    };
    assert_mapped_once(by_the_layer(&maps), Some("layer")).await;
    assert_mapped_once(by_extractors_and_handlers(&maps), Some("layer")).await;
    assert_mapped_once(by_guards(&maps), Some("layer")).await;
}

#[tokio::test]
async fn a_guards_own_mapping_wins() {
    let maps = Maps {
        layer: Some(named("layer")),
        own: Some(named("own")),
    };
    assert_mapped_once(by_the_layer(&maps), Some("layer")).await;
    assert_mapped_once(by_extractors_and_handlers(&maps), Some("layer")).await;
    assert_mapped_once(by_guards(&maps), Some("own")).await;
    assert_mapped_once(misconfigured(&maps), Some("own")).await;
}

#[tokio::test]
async fn a_guard_may_have_a_mapping_where_the_layer_has_none() {
    let maps = Maps {
        layer: None,
        own: Some(named("own")),
    };
    assert_mapped_once(by_the_layer(&maps), None).await;
    assert_mapped_once(by_extractors_and_handlers(&maps), None).await;
    assert_mapped_once(by_guards(&maps), Some("own")).await;
    assert_mapped_once(misconfigured(&maps), Some("own")).await;
}

#[tokio::test]
async fn without_a_mapping_the_default_answer_is_sent() {
    let maps = Maps::default();
    assert_mapped_once(by_the_layer(&maps), None).await;
    assert_mapped_once(by_extractors_and_handlers(&maps), None).await;
    assert_mapped_once(by_guards(&maps), None).await;
    assert_mapped_once(misconfigured(&maps), None).await;
}
