//! The hot paths, each as a closure that runs it once. `layer.rs` times them and `counts.rs` counts their instructions.

use std::convert::Infallible;
use std::future::ready;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use bytes::Bytes;
use futures_util::FutureExt;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{Empty, Full};
use serde::de::IgnoredAny;
use serde_json::json;
use tower_bearer_auth::mcp::{ScopeRules, ToolScopesLayer};
use tower_bearer_auth::possession::Dpop;
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth::testing::{SigningKey, TestIssuer};
use tower_bearer_auth::{
    AccessToken, Algorithm, BearerAuthLayer, ByIssuer, Clock, IntrospectionVerifier, JwtVerifier,
    JwtVerifierBuilder, RequireScopesLayer, ScopeRequirement, StaticToken, StaticTokenVerifier,
    Verifier, VerifierExt, VerifyError, verify_fn,
};
use tower_layer::Layer;
use tower_service::Service;

use super::proofs::{self, BoundSample};
use super::{AUDIENCE, ISSUER, Nothing, Sample, answer, authorization, request};

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// The scenario with the minimum possible cost.
    pub(crate) limit: &'static str,
    pub(crate) prepare: fn() -> Call,
}

/// One round of a measurement, usually one request.
pub(crate) type Call = Box<dyn FnMut()>;

const fn scenario(name: &'static str, limit: &'static str, prepare: fn() -> Call) -> Scenario {
    Scenario {
        name,
        limit,
        prepare,
    }
}

const NO_LAYER: &str = "no layer";
const NO_HEADER: &str = "no layer, no header";
const SHA256: &str = "SHA-256 of the token";
const BARE_PROOF: &str = "bare ES256 of a proof";
const NEW_TOKENS: &str = "new tokens";
const SHA256_OPAQUE: &str = "SHA-256 of an opaque token";

pub(crate) const ALL: &[Scenario] = &[
    scenario(NO_LAYER, NO_LAYER, no_layer),
    scenario(NO_HEADER, NO_HEADER, no_header),
    scenario(SHA256, SHA256, || {
        sha256(Sample::of(Algorithm::RS256).token)
    }),
    scenario(SHA256_OPAQUE, SHA256_OPAQUE, || {
        sha256("o".repeat(OPAQUE_LENGTH))
    }),
    // Valid tokens.
    scenario("bare HS256", "bare HS256", || bare(Algorithm::HS256)),
    scenario("HS256", "bare HS256", || jwt(Algorithm::HS256)),
    scenario("bare RS256", "bare RS256", || bare(Algorithm::RS256)),
    scenario("RS256", "bare RS256", || jwt(Algorithm::RS256)),
    scenario("bare ES256", "bare ES256", || bare(Algorithm::ES256)),
    scenario("ES256", "bare ES256", || jwt(Algorithm::ES256)),
    scenario("bare EdDSA", "bare EdDSA", || bare(Algorithm::EdDSA)),
    scenario("EdDSA", "bare EdDSA", || jwt(Algorithm::EdDSA)),
    scenario("RS256, cached", SHA256, || cached(Method::GET)),
    scenario("RS256, cached, POST", SHA256, || cached(Method::POST)),
    scenario("RS256, cached, two scope guards", SHA256, guarded),
    // Through a layer that checks proofs (RFC 9449).
    scenario("RS256, cached, behind DPoP", SHA256, cached_behind_dpop),
    scenario(BARE_PROOF, BARE_PROOF, bare_proof),
    scenario("DPoP, ES256", BARE_PROOF, dpop),
    // With revocations of others.
    scenario("RS256, cached, nothing revoked", "RS256, cached", || {
        cached_revocable(0)
    }),
    scenario("RS256, cached, 1 000 000 revoked", "RS256, cached", || {
        cached_revocable(1_000_000)
    }),
    scenario(NEW_TOKENS, NEW_TOKENS, || new_tokens(None)),
    scenario("new tokens, 1 000 000 revoked", NEW_TOKENS, || {
        new_tokens(Some(1_000_000))
    }),
    scenario("introspected, cached", SHA256_OPAQUE, introspected),
    scenario("static token", SHA256, static_token),
    scenario("RS256, 1 issuer", "bare RS256", || by_issuer(1)),
    scenario("RS256, 100 issuers", "bare RS256", || by_issuer(100)),
    scenario("RS256, 1 000 issuers", "bare RS256", || by_issuer(1_000)),
    // Refusals.
    scenario("no token", NO_HEADER, || refused(None, 401)),
    scenario("another scheme", NO_LAYER, || {
        refused(Some("Basic dXNlcjpwYXNz".into()), 401)
    }),
    scenario("two Authorization headers", NO_LAYER, two_headers),
    scenario("illegal characters", NO_LAYER, || {
        refused(Some("Bearer a b".into()), 401)
    }),
    scenario("too long", NO_LAYER, || {
        refused(Some(format!("Bearer {}", "a".repeat(17_000))), 401)
    }),
    scenario("no JWT", NO_LAYER, || {
        refused(Some("Bearer mF_9.B5f-4.1JqM".into()), 401)
    }),
    scenario("six segments", NO_LAYER, six_segments),
    scenario("unsupported algorithm", NO_LAYER, unsupported_algorithm),
    scenario("unknown key", NO_LAYER, unknown_key),
    scenario("unknown static token", SHA256, unknown_static_token),
    scenario("bad signature", "bare RS256", bad_signature),
    scenario("expired", "bare RS256", expired),
    scenario("another issuer", "bare RS256", another_issuer),
    scenario("too little scope", SHA256, too_little_scope),
    scenario("verifier unavailable", NO_LAYER, unavailable),
    // The tool guard, which reads bodies, behind a static token.
    scenario("parse 1 KiB", "parse 1 KiB", || parse(1 << 10)),
    scenario("parse 100 KiB", "parse 100 KiB", || parse(100 << 10)),
    scenario("tool guard, 1 KiB", "parse 1 KiB", || tool_scopes(1 << 10)),
    scenario("tool guard, 100 KiB", "parse 100 KiB", || {
        tool_scopes(100 << 10)
    }),
];

pub(crate) fn named(name: &str) -> &'static Scenario {
    let found = ALL.iter().find(|scenario| scenario.name == name);
    found.unwrap_or_else(|| panic!("no scenario is called {name:?}"))
}

fn no_layer() -> Call {
    let header = Sample::of(Algorithm::RS256).header();
    Box::new(move || {
        drop(answer(
            &mut Nothing,
            request(&header, Empty::<Bytes>::new()),
        ))
    })
}

fn no_header() -> Call {
    Box::new(|| drop(answer(&mut Nothing, Request::new(Empty::<Bytes>::new()))))
}

/// The length of the test issuer's opaque tokens.
const OPAQUE_LENGTH: usize = 32;

fn sha256(token: String) -> Call {
    Box::new(move || {
        std::hint::black_box(digest::digest(&digest::SHA256, token.as_bytes()));
    })
}

fn bare(algorithm: Algorithm) -> Call {
    let check = Sample::of(algorithm).bare_check();
    Box::new(move || assert!(check.passes()))
}

/// Sends requests with this header to a service, and asserts this status.
fn calls<S, R>(mut service: S, header: HeaderValue, method: Method, status: u16) -> Call
where
    S: Service<Request<Empty<Bytes>>, Response = http::Response<R>, Error = Infallible> + 'static,
{
    Box::new(move || {
        let mut request = request(&header, Empty::<Bytes>::new());
        *request.method_mut() = method.clone();
        assert_eq!(answer(&mut service, request).status().as_u16(), status);
    })
}

fn good(verifier: impl Verifier, header: HeaderValue) -> Call {
    calls(
        BearerAuthLayer::new(verifier).layer(Nothing),
        header,
        Method::GET,
        200,
    )
}

fn jwt(algorithm: Algorithm) -> Call {
    let sample = Sample::of(algorithm);
    good(sample.verifier(), sample.header())
}

fn cached(method: Method) -> Call {
    let sample = Sample::of(Algorithm::RS256);
    let layer = BearerAuthLayer::new(sample.verifier().cached(1_000));
    calls(layer.layer(Nothing), sample.header(), method, 200)
}

/// A bearer token, which a layer that checks proofs takes as well.
fn cached_behind_dpop() -> Call {
    let sample = Sample::of(Algorithm::RS256);
    let layer = BearerAuthLayer::new(sample.verifier().cached(1_000))
        .dpop(Dpop::new().origin(proofs::ORIGIN));
    calls(layer.layer(Nothing), sample.header(), Method::GET, 200)
}

fn cached_revocable(revoked: u32) -> Call {
    let sample = Sample::of(Algorithm::RS256);
    let layer = BearerAuthLayer::new(sample.verifier().cached(1_000));
    let layer = layer.revocations(&revocations(revoked));
    calls(layer.layer(Nothing), sample.header(), Method::GET, 200)
}

/// Requests with a new token each, which no verifier has seen before.
fn new_tokens(revoked: Option<u32>) -> Call {
    let mut next = 0_u32;
    let issued_at = Clock::system().now();
    let verifier = verify_fn(move |token| {
        next = next.wrapping_add(1);
        let token = AccessToken::builder(token)
            .issuer(ISSUER)
            .jwt_id(format!("new-{next}"))
            .subject("alice")
            .issued_at(issued_at)
            .expires_at(issued_at + Duration::from_secs(60));
        ready(Ok::<_, VerifyError>(token.build()))
    });
    let layer = BearerAuthLayer::new(verifier);
    let layer = match revoked {
        Some(revoked) => layer.revocations(&revocations(revoked)),
        None => layer,
    };
    let token = HeaderValue::from_static("Bearer any");
    calls(layer.layer(Nothing), token, Method::GET, 200)
}

fn revocations(revoked: u32) -> Revocations {
    let revocations = Revocations::new();
    let expires_at = Clock::system().now() + Duration::from_secs(3600);
    for number in 0..revoked {
        let jti = number.to_string();
        let revoke = revocations.revoke_token(ISSUER, &jti, expires_at);
        revoke.now_or_never().unwrap().unwrap();
    }
    revocations
}

fn bare_proof() -> Call {
    let checks = BoundSample::load().bare_checks();
    let mut next = 0;
    Box::new(move || {
        assert!(checks[next % checks.len()].passes());
        next += 1;
    })
}

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// A remembered token with the proof of a client that the layer has seen before.
///
/// A layer accepts each proof once. After the last proof, a new layer takes over, which has not seen the client. Its cost
/// is that of a request or two, for several hundred requests.
fn dpop() -> Call {
    let sample = BoundSample::load();
    let shared = |text: String| HeaderValue::from_maybe_shared(Bytes::from_owner(text)).unwrap();
    let token = shared(format!("DPoP {}", sample.token));
    let proofs: Vec<_> = sample.proofs().into_iter().map(shared).collect();
    let verifier = sample.verifier().cached(1_000);
    let issued_at = SystemTime::UNIX_EPOCH + Duration::from_secs(proofs::ISSUED_AT);
    let service = move || {
        let dpop = Dpop::new()
            .origin(proofs::ORIGIN)
            .clock(Clock::manual(issued_at));
        BearerAuthLayer::new(verifier.clone())
            .dpop(dpop)
            .layer(Nothing)
    };
    let (mut current, mut next) = (service(), 0);
    let mut call = move || {
        if next == proofs.len() {
            (current, next) = (service(), 0);
        }
        let mut request = request(&token, Empty::<Bytes>::new());
        *request.uri_mut() = Uri::from_static(proofs::PATH);
        request.headers_mut().insert(DPOP, proofs[next].clone());
        next += 1;
        assert_eq!(answer(&mut current, request).status(), StatusCode::OK);
    };
    call();
    Box::new(call)
}

fn guarded() -> Call {
    let sample = Sample::of(Algorithm::RS256);
    let layer = BearerAuthLayer::new(sample.verifier().cached(1_000)).required_scopes(["mcp:use"]);
    let guards = (
        RequireScopesLayer::all(["notes:read"]),
        RequireScopesLayer::any(["admin", "notes:write"]),
    );
    let service = layer.layer(guards.0.layer(guards.1.layer(Nothing)));
    calls(service, sample.header(), Method::GET, 200)
}

fn static_token() -> Call {
    let token = Sample::of(Algorithm::RS256).token;
    let header = authorization(&token);
    let meaning = StaticToken::new("bench").scopes(["read"]);
    good(StaticTokenVerifier::new([(token, meaning)]), header)
}

fn introspected() -> Call {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let issuer = runtime.block_on(TestIssuer::start());
    let token = issuer.opaque_token(json!({ "aud": AUDIENCE, "scope": "read", "sub": "alice" }));
    assert_eq!(token.len(), OPAQUE_LENGTH);
    let verifier = IntrospectionVerifier::builder(issuer.introspection_url())
        .client_secret_post(TestIssuer::CLIENT_ID, TestIssuer::CLIENT_SECRET)
        .audience(AUDIENCE)
        .build()
        .unwrap()
        .cached(1_000);
    let verified: Result<AccessToken, VerifyError> =
        runtime.block_on(verifier.clone().call(token.parse().unwrap()));
    verified.unwrap();
    let mut call = good(verifier, authorization(&token));
    Box::new(move || {
        let _keep_running = (&runtime, &issuer);
        call();
    })
}

fn by_issuer(issuers: usize) -> Call {
    let sample = Sample::of(Algorithm::RS256);
    let others = (1..issuers).map(|number| format!("https://issuer-{number}.example.com"));
    let verifiers = others.fold(ByIssuer::new(), |all, issuer| {
        all.issuer(issuer, sample.verifier())
    });
    good(verifiers.issuer(ISSUER, sample.verifier()), sample.header())
}

fn refused(header: Option<String>, status: u16) -> Call {
    let header =
        header.map(|header| HeaderValue::from_maybe_shared(Bytes::from_owner(header)).unwrap());
    let mut service = BearerAuthLayer::new(Sample::of(Algorithm::RS256).verifier())
        .required_scopes(["mcp:use"])
        .layer(Nothing);
    Box::new(move || {
        let mut request = Request::new(Empty::<Bytes>::new());
        if let Some(header) = &header {
            request.headers_mut().insert(AUTHORIZATION, header.clone());
        }
        assert_eq!(answer(&mut service, request).status().as_u16(), status);
    })
}

fn two_headers() -> Call {
    let header = Sample::of(Algorithm::RS256).header();
    let mut service = BearerAuthLayer::new(Sample::of(Algorithm::RS256).verifier()).layer(Nothing);
    Box::new(move || {
        let mut request = request(&header, Empty::<Bytes>::new());
        request.headers_mut().append(AUTHORIZATION, header.clone());
        assert_eq!(
            answer(&mut service, request).status(),
            StatusCode::BAD_REQUEST
        );
    })
}

fn six_segments() -> Call {
    let token = Sample::of(Algorithm::RS256).token;
    refused(Some(format!("Bearer {token}.{token}")), 401)
}

fn unsupported_algorithm() -> Call {
    let token = Sample::of(Algorithm::ES256).token;
    refused(Some(format!("Bearer {token}")), 401)
}

fn unknown_key() -> Call {
    let sample = Sample::of(Algorithm::ES256);
    let (_, rest) = sample.token.split_once('.').unwrap();
    // {"alg":"ES256","kid":"another"}
    let token = format!("eyJhbGciOiJFUzI1NiIsImtpZCI6ImFub3RoZXIifQ.{rest}");
    let layer = BearerAuthLayer::new(sample.verifier());
    calls(
        layer.layer(Nothing),
        authorization(&token),
        Method::GET,
        401,
    )
}

fn unknown_static_token() -> Call {
    let verifier = StaticTokenVerifier::new([("another", StaticToken::new("bench"))]);
    let layer = BearerAuthLayer::new(verifier);
    calls(
        layer.layer(Nothing),
        Sample::of(Algorithm::RS256).header(),
        Method::GET,
        401,
    )
}

fn bad_signature() -> Call {
    let mut token = Sample::of(Algorithm::RS256).token;
    let (head, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    token = format!("{head}.{first}{}", &signature[1..]);
    refused(Some(format!("Bearer {token}")), 401)
}

/// An expired token: the verifier's clock is at the end of the year 9999.
fn expired() -> Call {
    let future = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    refused_by(|verifier| verifier.issuer(ISSUER).clock(Clock::manual(future)))
}

fn another_issuer() -> Call {
    refused_by(|verifier| verifier.issuer("https://another.example.com"))
}

fn refused_by(configure: impl Fn(JwtVerifierBuilder) -> JwtVerifierBuilder) -> Call {
    let sample = Sample::of(Algorithm::RS256);
    let verifier = configure(sample.verifier_builder().audience(AUDIENCE))
        .build()
        .unwrap();
    let layer = BearerAuthLayer::new(verifier);
    calls(layer.layer(Nothing), sample.header(), Method::GET, 401)
}

fn too_little_scope() -> Call {
    let sample = Sample::of(Algorithm::RS256);
    let layer = BearerAuthLayer::new(sample.verifier().cached(1_000)).required_scopes(["admin"]);
    calls(layer.layer(Nothing), sample.header(), Method::GET, 403)
}

fn unavailable() -> Call {
    let verifier = verify_fn(|_| async { Err(VerifyError::unavailable("the provider is down")) });
    let layer = BearerAuthLayer::new(verifier);
    calls(
        layer.layer(Nothing),
        Sample::of(Algorithm::RS256).header(),
        Method::GET,
        503,
    )
}

/// The body of a tool call with this length.
fn tool_call(bytes: usize) -> Bytes {
    let call = |text: String| {
        json!({
            "jsonrpc": "2.0", "id": 7, "method": "tools/call",
            "params": { "name": "add_note", "arguments": { "title": "Milk", "text": text } },
        })
        .to_string()
    };
    let text = "Ten litres, and \"fresh\" this time.\n".repeat(bytes / 30);
    let spare = call(text.clone()).len().saturating_sub(bytes);
    let kept = text.len().saturating_sub(spare);
    call(text[..kept].to_owned()).into()
}

fn parse(bytes: usize) -> Call {
    let body = tool_call(bytes);
    Box::new(move || {
        serde_json::from_slice::<IgnoredAny>(&body).unwrap();
    })
}

fn tool_scopes(bytes: usize) -> Call {
    let body = tool_call(bytes);
    let rules = ScopeRules::builder()
        .tool("add_note", ScopeRequirement::all(["write"]))
        .tool("list_*", ScopeRequirement::all(["read"]))
        .default_rule(ScopeRequirement::deny_all())
        .build()
        .unwrap();
    let verifier = StaticTokenVerifier::new([("t", StaticToken::new("bench").scopes(["write"]))]);
    let layer = BearerAuthLayer::new(verifier);
    let mut service = layer.layer(ToolScopesLayer::new(rules).layer(Nothing));
    let header = authorization("t");
    Box::new(move || {
        let mut request = request(&header, Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        let json = HeaderValue::from_static("application/json");
        request
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, json);
        assert_eq!(answer(&mut service, request).status(), StatusCode::OK);
    })
}

/// A token for the figures that depend on the content of the token.
pub(crate) fn token_of(key: &SigningKey) -> tower_bearer_auth::testing::TokenBuilder {
    key.token()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .subject("alice")
}

/// The verifier for the tokens of [`token_of`].
pub(crate) fn verifier_of<'k>(keys: impl IntoIterator<Item = &'k SigningKey>) -> JwtVerifier {
    JwtVerifier::builder()
        .jwks_json(SigningKey::jwk_set(keys).to_string())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .build()
        .unwrap()
}

/// One request with this token to the layer around the empty service.
pub(crate) fn through_the_layer(verifier: impl Verifier, token: &str) -> Call {
    good(verifier, authorization(token))
}
