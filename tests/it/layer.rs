//! The effect of the layer on accepted requests and on their responses, and the positions in which it works.

use std::convert::Infallible;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::routing::get as on_get;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use tokio::sync::mpsc;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer_auth::auth::BearerAuth;
use tower_bearer_auth::guard::RequireScopes;
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, Clock, RequireScopesLayer, ScopeHierarchy, ScopeRequirement,
    Verifier, verify_fn,
};
use tower_layer::Layer;

use crate::support::{
    self, INSIDE, Inner, answer_of, get, get_with, lacks_scope, no_token, refused, send, serve,
    serve_axum, table, with_token,
};

/// The request that reaches the service behind `layer`; `None` if the layer refused it.
async fn behind<V: Verifier>(
    layer: BearerAuthLayer<V>,
    request: Request<Full<Bytes>>,
) -> Option<Request<Full<Bytes>>> {
    let inner = service_fn(|request: Request<Full<Bytes>>| async {
        let mut response = Response::new(());
        response.extensions_mut().insert(request);
        Ok::<_, Infallible>(response)
    });
    let mut response = layer.layer(inner).oneshot(request).await.unwrap();
    response.extensions_mut().remove()
}

fn token_of<B>(request: &Request<B>) -> Option<&AccessToken> {
    request.extensions().get()
}

#[tokio::test]
async fn the_inner_service_gets_the_access_token_and_no_authorization() {
    let mut request = with_token("reader");
    let any = HeaderValue::from_static("*/*");
    request.headers_mut().insert("accept", any);
    let layer = BearerAuthLayer::new(table());
    let seen = behind(layer, request).await.unwrap();
    assert!(!seen.headers().contains_key("authorization"));
    assert!(seen.headers().contains_key("accept"));

    // The token and its clones outlive the request.
    let token = token_of(&seen).unwrap().clone();
    drop(seen);
    assert_eq!(token.client_id(), Some("cli"));
    assert_eq!(token.subject(), Some("alice"));
    assert_eq!(token.scopes().to_string(), "read");
    assert_eq!(token.token().as_str(), "reader");
    assert!(token.clone().is_current());
}

#[tokio::test]
async fn a_forwarded_authorization_is_marked_sensitive() {
    let layer = BearerAuthLayer::new(table()).forward_authorization();
    let seen = behind(layer.clone(), with_token("reader")).await.unwrap();
    let header = &seen.headers()["authorization"];
    assert_eq!(header, "Bearer reader");
    assert!(header.is_sensitive());
    assert!(!format!("{:?}", seen.headers()).contains("reader"));

    // A header with another scheme is sensitive as well.
    let mut basic = Request::new(Full::default());
    let value = HeaderValue::from_static("Basic dXNlcjpwYXNz");
    basic.headers_mut().insert("authorization", value);
    let seen = behind(layer.optional(), basic).await.unwrap();
    assert_eq!(seen.headers()["authorization"], "Basic dXNlcjpwYXNz");
    assert!(seen.headers()["authorization"].is_sensitive());
}

#[tokio::test]
async fn an_optional_layer_passes_what_has_no_token_and_refuses_what_has_a_bad_one() {
    let inner = Inner::default();
    let layer = BearerAuthLayer::new(table()).optional();
    let address = serve(layer.layer(inner.clone())).await;
    get(address, "/", &[]).await.assert_passed();
    for value in ["Basic dXNlcjpwYXNz", "Bearer", ""] {
        let answer = get(address, "/", &[("authorization", value)]).await;
        answer.assert_passed();
    }
    get_with(address, "reader").await.assert_passed();
    assert_eq!(inner.calls(), 5);

    let answer = get_with(address, "who").await;
    answer.assert_invalid_token("The access token is not recognized");
    let answer = get_with(address, "a b").await;
    answer.assert_invalid_token("The access token is malformed");
    let twice = [("authorization", "Bearer reader"); 2];
    let challenge = r#"Bearer error="invalid_request", error_description="The request has more than one Authorization header""#;
    let text = "The request has more than one Authorization header";
    let answer = get(address, "/", &twice).await;
    answer.assert_refusal(400, Some(challenge), &refused("invalid_request", text));
    assert_eq!(inner.calls(), 5);
}

#[tokio::test]
async fn an_access_token_that_was_there_before_is_dropped() {
    let forged = AccessToken::builder("forged".parse().unwrap())
        .subject("root")
        .build();
    let mut request = with_token("reader");
    request.extensions_mut().insert(forged.clone());
    let layer = BearerAuthLayer::new(table());
    let seen = behind(layer.clone(), request).await.unwrap();
    assert_eq!(token_of(&seen).unwrap().subject(), Some("alice"));

    let mut request = Request::new(Full::default());
    request.extensions_mut().insert(forged);
    let seen = behind(layer.optional(), request).await.unwrap();
    assert!(token_of(&seen).is_none());
}

#[tokio::test]
async fn the_innermost_of_two_layers_decides() {
    let outer = BearerAuthLayer::new(table()).realm("outer").optional();
    let inner = BearerAuthLayer::new(table()).realm("inner").optional();
    let guarded = || RequireScopesLayer::all(["read"]).layer(Inner::default());

    // The outer layer removed the header, so the request reaches the inner layer without a token.
    let service = outer.layer(inner.layer(guarded()));
    let answer = answer_of(service, with_token("reader")).await;
    let challenge = r#"Bearer realm="inner", scope="read""#;
    answer.assert_refusal(401, Some(challenge), &no_token());

    let service = outer
        .clone()
        .forward_authorization()
        .layer(inner.layer(guarded()));
    answer_of(service, with_token("reader"))
        .await
        .assert_passed();
}

#[tokio::test]
async fn the_mark_of_an_outer_optional_layer_does_not_outlive_an_inner_layer() {
    // The test adds a token between the layers, and removes the verified one behind them. If the mark of the outer
    // layer remained, the guard would see a request without a token (401). Without the mark, it sees a request
    // without a layer in front (500).
    let service = ServiceBuilder::new()
        .layer(BearerAuthLayer::new(table()).optional())
        .map_request(|mut request: Request<Full<Bytes>>| {
            let value = HeaderValue::from_static("Bearer reader");
            request.headers_mut().insert("authorization", value);
            request
        })
        .layer(BearerAuthLayer::new(table()))
        .map_request(|mut request: Request<Full<Bytes>>| {
            request.extensions_mut().remove::<AccessToken>().unwrap();
            request
        })
        .layer(RequireScopesLayer::all(["read"]))
        .service(Inner::default());
    let answer = answer_of(service, Request::default()).await;
    answer.assert_no_layer();
}

#[tokio::test]
async fn a_token_may_be_as_long_as_the_limit_and_no_longer() {
    let accept = verify_fn(|token| async move { Ok(AccessToken::builder(token).build()) });
    let default = BearerAuthLayer::new(accept);
    let limits = [
        (default.clone(), 16 * 1024),
        (default.clone().max_token_length(1), 1),
        (default.max_token_length(100), 100),
    ];
    for (layer, limit) in limits {
        let service = layer.layer(Inner::default());
        let answer = answer_of(service.clone(), with_token(&"a".repeat(limit))).await;
        answer.assert_passed();
        let answer = answer_of(service, with_token(&"a".repeat(limit + 1))).await;
        answer.assert_invalid_token("The access token is too long");
    }
}

#[test]
fn an_illegal_realm_or_scope_panics_when_it_is_configured() {
    let panics = |configure: fn(BearerAuthLayer<_>) -> BearerAuthLayer<_>| {
        catch_unwind(|| configure(BearerAuthLayer::new(table()))).is_err()
    };
    assert!(panics(|layer| layer.realm("say \"hi\"")));
    assert!(panics(|layer| layer.realm("a\\b")));
    assert!(panics(|layer| layer.realm("a\nb")));
    assert!(panics(|layer| layer.realm("café")));
    assert!(panics(|layer| layer.required_scopes([""])));
    assert!(panics(|layer| layer.required_scopes(["read", "two words"])));
    assert!(panics(|layer| layer.required_scopes(["\"read\""])));
    assert!(panics(|layer| layer.required_scopes(["lecture:é"])));
    assert!(!panics(|layer| layer.realm("Notes, {v2}; 'beta'")));
    assert!(!panics(|layer| layer.required_scopes(["a:b!c", "d/e"])));
    assert!(!panics(|layer| layer.required_scopes([""; 0])));
}

#[tokio::test]
async fn required_scopes_add_up() {
    let layer = BearerAuthLayer::new(table())
        .required_scopes(["read"])
        .required_scopes(["write", "read"])
        .required_scopes([""; 0]);
    let address = serve(layer.layer(Inner::default())).await;
    get_with(address, "writer").await.assert_passed();
    let challenge = r#"Bearer error="insufficient_scope", scope="read write", error_description="The access token lacks a required scope""#;
    let answer = get_with(address, "reader").await;
    answer.assert_refusal(403, Some(challenge), &lacks_scope());
}

#[tokio::test]
async fn a_service_is_built_without_its_layer_and_gives_its_inner_service_back() {
    let guard = RequireScopes::new(Inner::default(), ScopeRequirement::all(["write"]));
    let mut service = BearerAuth::new(guard, table());
    let address = serve(service.clone()).await;
    get_with(address, "writer").await.assert_passed();
    assert_eq!(get_with(address, "reader").await.status, 403);
    assert_eq!(get_with(address, "unknown").await.status, 401);
    let _: &mut Inner = service.get_mut().get_mut();
    let _: &Inner = service.get_ref().get_ref();
    let _: Inner = service.into_inner().into_inner();
}

#[tokio::test]
async fn required_scopes_honour_the_hierarchy_wherever_it_is_configured() {
    let hierarchy = ScopeHierarchy::new()
        .implies("admin", ["write"])
        .implies("write", ["read"]);
    let flat = BearerAuthLayer::new(table()).required_scopes(["write"]);
    let before = BearerAuthLayer::new(table())
        .scope_hierarchy(hierarchy.clone())
        .required_scopes(["write"]);
    let after = flat.clone().scope_hierarchy(hierarchy);
    let challenge = r#"Bearer error="insufficient_scope", scope="write", error_description="The access token lacks a required scope""#;
    for (layer, admin_passes) in [(flat, false), (before, true), (after, true)] {
        let address = serve(layer.layer(Inner::default())).await;
        get_with(address, "writer").await.assert_passed();
        let answer = get_with(address, "reader").await;
        answer.assert_refusal(403, Some(challenge), &lacks_scope());
        let answer = get_with(address, "admin").await;
        match admin_passes {
            true => answer.assert_passed(),
            false => answer.assert_refusal(403, Some(challenge), &lacks_scope()),
        }
    }
}

#[tokio::test]
async fn a_token_expires_although_its_verifier_vouched_for_it() {
    let expiry = UNIX_EPOCH + Duration::from_secs(100);
    let clock = Clock::manual(expiry - Duration::from_secs(1));
    let by_clock = clock.clone();
    let verifier = verify_fn(move |token| {
        let token = AccessToken::builder(token)
            .expires_at(expiry)
            .clock(by_clock.clone());
        async move { Ok(token.build()) }
    });
    let address = serve(BearerAuthLayer::new(verifier).layer(Inner::default())).await;
    get_with(address, "any").await.assert_passed();

    clock.advance(Duration::from_secs(1));
    let answer = get_with(address, "any").await;
    answer.assert_invalid_token("The access token expired");
}

#[tokio::test]
async fn every_way_to_put_the_layer_on_axum_guards_the_route() {
    let auth = || BearerAuthLayer::new(table());
    let get = || on_get(|| async { INSIDE });
    let at_root = |method_router| Router::new().route("/", method_router);
    let service = auth().layer(Inner::default());
    // The status for an unknown path, and for another method: 401 by the layer, or 404 or 405 by axum.
    let table = [
        (at_root(get()).layer(auth()), 401, 401),
        (at_root(get()).route_layer(auth()), 404, 401),
        (at_root(get().layer(auth())), 404, 401),
        (at_root(get().route_layer(auth())), 404, 405),
        (Router::new().route_service("/", service), 404, 401),
    ];
    for (app, elsewhere, other_method) in table {
        let address = serve_axum(app).await;
        get_with(address, "reader").await.assert_passed();
        let answer = support::get(address, "/", &[]).await;
        answer.assert_refusal(401, Some("Bearer"), &no_token());
        let answer = support::get(address, "/elsewhere", &[]).await;
        assert_eq!(answer.status, elsewhere);
        let post = Request::post("/").body(Full::default()).unwrap();
        assert_eq!(send(address, post).await.status, other_method);
    }
}

#[tokio::test]
async fn boxed_bodies_pass() {
    let inner = service_fn(|_: Request<_>| async {
        let body: BoxBody<Bytes, Infallible> = Full::from(INSIDE).boxed();
        Ok::<_, Infallible>(Response::new(body))
    });
    let address = serve(BearerAuthLayer::new(table()).layer(inner)).await;
    get_with(address, "reader").await.assert_passed();
    get(address, "/", &[])
        .await
        .assert_refusal(401, Some("Bearer"), &no_token());
}

/// A body with the frames that a test sends.
struct Fed(mpsc::UnboundedReceiver<Result<Frame<Bytes>, &'static str>>);

impl Body for Fed {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        self.0.poll_recv(cx)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(3)
    }
}

#[tokio::test]
async fn a_streamed_body_passes_frame_by_frame_with_its_trailers_and_its_error() {
    let (feed, frames) = mpsc::unbounded_channel();
    let body = Arc::new(Mutex::new(Some(Fed(frames))));
    let inner = service_fn(move |_: Request<Full<Bytes>>| {
        let body = body.lock().unwrap().take().unwrap();
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let service = BearerAuthLayer::new(table()).layer(inner);
    let mut body = service
        .oneshot(with_token("reader"))
        .await
        .unwrap()
        .into_body();
    assert_eq!(body.size_hint().exact(), Some(3));
    assert!(!body.is_end_stream());

    let mut poll = || Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_pending());
    feed.send(Ok(Frame::data(Bytes::from("abc")))).unwrap();
    match poll() {
        Poll::Ready(Some(Ok(frame))) => assert_eq!(frame.into_data().unwrap(), "abc"),
        other => panic!("{other:?}"),
    }
    assert!(poll().is_pending());
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    feed.send(Ok(Frame::trailers(trailers.clone()))).unwrap();
    match poll() {
        Poll::Ready(Some(Ok(frame))) => assert_eq!(frame.into_trailers().unwrap(), trailers),
        other => panic!("{other:?}"),
    }
    feed.send(Err("cut off")).unwrap();
    assert!(matches!(poll(), Poll::Ready(Some(Err("cut off")))));
    drop(feed);
    assert!(matches!(poll(), Poll::Ready(None)));
}

#[tokio::test]
async fn debug_shows_no_token_anywhere_on_the_way() {
    let layer = BearerAuthLayer::new(table())
        .realm("notes")
        .required_scopes(["read"]);
    let mut service = layer.layer(Inner::default());
    let refused = service.call(with_token("no-such-token"));
    let passing = service.call(with_token("reader"));
    let shown = format!(
        "{layer:?} {service:?} {refused:?} {passing:?} {:?}",
        table()
    );
    assert!(shown.contains("notes"), "{shown}");
    let answer = passing.await.unwrap();
    let shown = format!("{shown} {answer:?}");
    for secret in ["no-such-token", "reader", "writer", "Bearer "] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let seen = behind(layer, with_token("reader")).await.unwrap();
    assert!(!format!("{seen:?}").contains("reader"));
}
