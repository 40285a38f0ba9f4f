//! DPoP proofs: a request with a bound token passes exactly if its proof follows RFC 9449 §4.3 and the documentation of
//! `possession`, and is for this request, token and key.

use std::collections::HashSet;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use jsonwebtoken::crypto;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_bearer_auth::possession::{Dpop, ProofId, ReplayStore};
use tower_bearer_auth::verify::VerifyFn;
use tower_bearer_auth::{AccessToken, BearerAuthLayer, BearerToken, Clock, VerifyError, verify_fn};
use url::Url;

use crate::json::Json;
use crate::keys::{AUDIENCE, EC, EC_JWK, NOW};
use crate::signed::{self, octets, read_object};
use crate::{input, poll};

pub const REACHES: &[&str] = &[
    "no header",
    "refused for its form",
    "refused for its header",
    "refused for its key",
    "refused for its signature",
    "refused for its payload",
    "refused for its request",
    "refused for its time",
    "another spelling of the URL",
    "accepted",
];

const TOKEN: &str = "the-token";

/// The SHA-256 digest of the token in base64url.
const TOKEN_DIGEST: &str = "wqc_z2HfvcrceaELozCy7162b8Cmc17Wm3lrs8l7l64";

/// The thumbprint of the EC key.
const THUMBPRINT: &str = "S-jmFkyM35UqiBPc9lXd2T-drwa8nO2sKJRP48liFx4";

/// The default window, in seconds.
const WINDOW: f64 = 60.0;

/// The default maximum length, in bytes.
const MAX_LENGTH: usize = 16 * 1024;

/// Keys that were seen before are remembered by the layer, so all inputs share one.
static LAYER: LazyLock<BearerAuthLayer<Verifier>> = LazyLock::new(|| {
    let dpop = Dpop::new()
        .origin(AUDIENCE)
        .clock(Clock::manual(UNIX_EPOCH + Duration::from_secs(NOW)))
        .replay_store(NoMemory);
    BearerAuthLayer::new(verify_fn(bound as _)).dpop(dpop)
});

/// The first line selects how the rest of the input becomes a proof:
///
/// - `sign`: the rest is `header.payload`, and gets a valid signature;
/// - `json`: the rest is a line with the header and then the payload, and gets a valid signature;
/// - otherwise the rest is the proof.
pub fn run(data: &[u8]) -> &'static str {
    let [how, rest] = input::lines(data);
    let [header, payload] = input::lines(rest);
    let proof = match how {
        b"sign" => signed::sign(&String::from_utf8_lossy(rest), &EC).into_bytes(),
        b"json" => signed::token(header, payload, &EC).into_bytes(),
        _ => rest.to_vec(),
    };
    let Ok(value) = HeaderValue::from_bytes(&proof) else {
        return "no header";
    };
    let reached = judge(&String::from_utf8_lossy(&proof));
    // The second time, the key may be known.
    for _ in 0..2 {
        check(&value, reached);
    }
    reached
}

fn check(proof: &HeaderValue, reached: &str) {
    let response = send(proof);
    match reached {
        "accepted" => assert_eq!(response.status(), StatusCode::OK, "it is valid"),
        "another spelling of the URL" if response.status() == StatusCode::OK => {}
        _ => {
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{reached}");
            let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
            let challenges: Vec<_> = challenges.map(|value| value.to_str().unwrap()).collect();
            let has = |error: &str| challenges.iter().any(|value| value.contains(error));
            // Another key is the only reason to call the token invalid.
            let is_other_key = has("error=\"invalid_token\"");
            assert!(is_other_key || has("error=\"invalid_dpop_proof\""));
            assert!(!is_other_key || reached == "refused for its key");
        }
    }
}

/// What the documentation says about a proof, computed with `serde_json`, `url` and the signature checks of
/// `jsonwebtoken`.
fn judge(proof: &str) -> &'static str {
    let segments: Vec<_> = proof.split('.').collect();
    let [header, payload, signature] = segments[..] else {
        return "refused for its form";
    };
    let decode = |segment| String::from_utf8(octets(segment)?).ok();
    let Some(header) = decode(header).filter(|_| proof.len() <= MAX_LENGTH) else {
        return "refused for its form";
    };
    let Some(jwk) = jwk_of(&header) else {
        return "refused for its header";
    };
    if !is_the_key(&jwk) {
        return "refused for its key";
    }
    let (message, _) = proof.rsplit_once('.').expect("three segments");
    let is_signed = crypto::verify(signature, message.as_bytes(), &EC.public, EC.algorithm);
    if octets(signature).is_none() || !is_signed.unwrap_or(false) {
        return "refused for its signature";
    }
    let Some(claims) = decode(payload).and_then(|payload| Claims::read(&payload)) else {
        return "refused for its payload";
    };
    let url = is_the_url(&claims.htu);
    if claims.htm != "GET" || url == Some(false) || claims.ath != TOKEN_DIGEST {
        return "refused for its request";
    }
    if !claims.is_timely() {
        return "refused for its time";
    }
    match url {
        Some(_) => "accepted",
        None => "another spelling of the URL",
    }
}

/// The JWK of a header for proofs with ES256. `None` if there is another rule that it breaks.
fn jwk_of(header: &str) -> Option<Json> {
    let json = read_object(header, &["typ", "alg", "jwk"])?;
    let unsupported = ["crit", "b64", "zip", "enc"];
    if unsupported.iter().any(|name| json.member(name).is_some()) {
        return None;
    }
    let typ = json.member("typ")?.as_text()?;
    if !typ.eq_ignore_ascii_case("dpop+jwt") {
        return None;
    }
    let jwk = json.member("jwk")?;
    Some(match json.member("alg")?.as_text()? {
        "ES256" => jwk.clone(),
        // The key is for no other algorithm, so there is no such key.
        _ => Json::Null,
    })
}

/// Whether this is the EC key, in its only spelling, and a public key for signatures.
fn is_the_key(jwk: &Json) -> bool {
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
    let texts = ["kty", "crv", "alg", "n", "e", "x", "y", "pub"];
    let is_object = jwk.as_members().is_some_and(|members| {
        let names: HashSet<_> = members.iter().map(|(name, _)| name.as_str()).collect();
        let others = names.iter().filter(|name| !texts.contains(name)).count();
        names.len() == members.len() && others <= 256
    });
    let is_public = private.iter().all(|name| jwk.member(name).is_none());
    let text_or_absent = |name: &str| match jwk.member(name) {
        None | Some(Json::Null) => Some(None),
        Some(value) => value.as_text().map(Some),
    };
    let are_texts = texts.iter().all(|name| text_or_absent(name).is_some());
    let is_one_of = |name, values: &[Option<&str>]| {
        text_or_absent(name).is_some_and(|value| values.contains(&value))
    };
    let own = Json::parse(EC_JWK.as_bytes()).expect("a JWK");
    let is_same = ["kty", "crv", "x", "y"]
        .iter()
        .all(|name| own.member(name) == jwk.member(name));
    let verifies = match jwk.member("key_ops") {
        None | Some(Json::Null) => true,
        Some(Json::List(operations)) => {
            operations
                .iter()
                .all(|operation| operation.as_text().is_some())
                && operations
                    .iter()
                    .any(|operation| operation.as_text() == Some("verify"))
        }
        Some(_) => false,
    };
    is_object
        && is_public
        && are_texts
        && is_same
        && is_one_of("alg", &[None, Some("ES256")])
        && is_one_of("use", &[None, Some("sig")])
        && text_or_absent("kid").is_some()
        && verifies
}

struct Claims {
    htm: String,
    htu: String,
    ath: String,
    iat: f64,
    exp: Option<f64>,
    nbf: Option<f64>,
}

impl Claims {
    /// `None` if a required member is missing, or one has another type.
    fn read(payload: &str) -> Option<Self> {
        let names = ["jti", "htm", "htu", "ath", "iat", "exp", "nbf", "nonce"];
        let json = read_object(payload, &names)?;
        let text = |name| Some(json.member(name)?.as_text()?.to_owned());
        let date = |name| match json.member(name) {
            None | Some(Json::Null) => Some(None),
            Some(Json::Number(number)) => {
                let seconds = number.as_f64()?;
                (0.0..253_402_300_800.0)
                    .contains(&seconds)
                    .then_some(Some(seconds))
            }
            Some(_) => None,
        };
        match json.member("nonce") {
            None | Some(Json::Null | Json::Text(_)) => {}
            Some(_) => return None,
        }
        if text("jti")?.is_empty() {
            return None;
        }
        Some(Self {
            htm: text("htm")?,
            htu: text("htu")?,
            ath: text("ath")?,
            iat: date("iat")??,
            exp: date("exp")?,
            nbf: date("nbf")?,
        })
    }

    fn is_timely(&self) -> bool {
        let now = NOW as f64;
        self.iat <= now + WINDOW
            && self.iat + WINDOW > now
            && self.exp.is_none_or(|exp| exp > now)
            && self.nbf.is_none_or(|nbf| nbf <= now + WINDOW)
    }
}

/// Whether this is the URL of the request. `None` if it is for browsers, and RFC 3986 may see it otherwise.
fn is_the_url(htu: &str) -> Option<bool> {
    let own = format!("{AUDIENCE}/mcp");
    let before_query = htu.split(['?', '#']).next().expect("a first part");
    if before_query == own {
        return Some(true);
    }
    let Ok(mut url) = Url::parse(before_query) else {
        return Some(false);
    };
    // `url` does not decode paths. In the path of this URL, all characters are unreserved.
    let mut path = url.path().to_owned();
    for (octet, character) in "/mcp".char_indices().map(|(_, c)| (c as u8, c)).skip(1) {
        for encoded in [format!("%{octet:02x}"), format!("%{octet:02X}")] {
            path = path.replace(&encoded, &character.to_string());
        }
    }
    url.set_path(&path);
    match url.as_str() == own {
        true => None,
        false => Some(false),
    }
}

type Verifier = VerifyFn<fn(BearerToken) -> Ready<Result<AccessToken, VerifyError>>>;

/// A token that is bound to the EC key.
fn bound(token: BearerToken) -> Ready<Result<AccessToken, VerifyError>> {
    let cnf = serde_json::json!({ "jkt": THUMBPRINT });
    let token = AccessToken::builder(token).subject("alice");
    ready(Ok(token.claim("cnf", cnf).build()))
}

fn send(proof: &HeaderValue) -> Response<()> {
    let inner = service_fn(|_: Request<Empty<Bytes>>| {
        ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    let request = Request::get("/mcp")
        .header(AUTHORIZATION, format!("DPoP {TOKEN}"))
        .header("dpop", proof)
        .body(Empty::new())
        .expect("a request");
    let response = poll::now(LAYER.layer(inner).oneshot(request));
    response.expect("infallible").map(drop)
}

/// Takes each proof for its first use, so that an input can be run twice.
struct NoMemory;

impl ReplayStore for NoMemory {
    fn first_use(
        &self,
        _: &ProofId,
        _: Duration,
    ) -> impl Future<Output = Result<bool, BoxError>> + Send {
        ready(Ok(true))
    }
}
