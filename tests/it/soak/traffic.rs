//! The kinds of requests that the test sends, and the permitted responses to each.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::answers::{Answers, LACKS, NO, OK, WRONG};
use super::gateway::{AUDIENCE, LOCAL_ISSUER};
use super::life::Hour;
use super::random::Random;
use super::revoker::Revocable;
use super::tokens::{Card, Class, Deck};

/// A request, and the subject that its response must contain.
pub(super) struct Message {
    pub(super) path: &'static str,
    /// The values of `Authorization`.
    pub(super) authorization: Vec<String>,
    pub(super) body: &'static str,
    pub(super) subject: String,
    /// The class of the token, if the permitted responses depend on the hour.
    class: Option<Class>,
    /// The token, if it is one that is revoked at some time.
    pub(super) revocable: Option<Revocable>,
}

/// A kind of request.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// The share of this kind among all requests, in about thousandths.
    pub(super) weight: usize,
    may: May,
    make: fn(&Deck, &mut Random) -> Message,
}

/// The permitted responses.
#[derive(Clone, Copy)]
enum May {
    /// These responses at any time.
    Be(Answers),
    /// The status that the schedule permits for the token.
    Depend,
}

/// The scopes that a 403 must name, by path.
pub(super) fn needed(path: &str) -> &'static str {
    match path {
        "/admin" => "notes:read admin",
        "/mcp" => "notes:read notes:write",
        _ => "notes:read",
    }
}

#[rustfmt::skip]
pub(super) static KINDS: [Kind; 31] = [
    Kind { name: "good: newest key", weight: 140, may: May::Depend, make: |d, r| of_class(Class::Newest, d, r) },
    Kind { name: "good: newest key, scope for a route", weight: 25, may: May::Depend, make: |d, r| {
        of_class(Class::Newest, d, r).to("/admin")
    } },
    Kind { name: "good: newest key, scope for a tool", weight: 50, may: May::Depend, make: |d, r| {
        of_class(Class::Newest, d, r).to("/mcp")
    } },
    Kind { name: "good: older key", weight: 60, may: May::Depend, make: |d, r| of_class(Class::Older, d, r) },
    Kind { name: "good: a partner's", weight: 60, may: May::Be(OK), make: |d, r| card(&d.partners, r) },
    Kind { name: "good: configured key", weight: 60, may: May::Be(OK), make: |d, r| card(&d.local, r) },
    Kind { name: "good until it is revoked", weight: 80, may: May::Be(OK.or(NO)), make: |d, r| revocable(d, r) },
    Kind { name: "good: opaque", weight: 40, may: May::Depend, make: |d, r| {
        card(&d.opaque, r).class(Class::Opaque)
    } },
    Kind { name: "good for an hour", weight: 25, may: May::Depend, make: |d, r| of_class(Class::Brief, d, r) },
    Kind { name: "key to be published", weight: 35, may: May::Depend, make: |d, r| of_class(Class::Next, d, r) },
    Kind { name: "key withdrawn", weight: 60, may: May::Depend, make: |d, r| of_class(Class::Gone, d, r) },
    Kind { name: "forged", weight: 40, may: May::Depend, make: |d, r| card(&d.forged, r).class(Class::Forged) },
    Kind { name: "expired", weight: 25, may: May::Be(NO), make: |d, r| card(&d.expired, r) },
    Kind { name: "for another audience", weight: 25, may: May::Be(NO), make: |d, r| card(&d.elsewhere, r) },
    Kind { name: "unsigned", weight: 15, may: May::Be(NO), make: |d, r| card(&d.unsigned, r) },
    Kind { name: "too little scope for the server", weight: 15, may: May::Be(LACKS), make: |d, r| {
        card(&d.local_poor, r)
    } },
    Kind { name: "too little scope for a route", weight: 15, may: May::Be(LACKS), make: |d, r| {
        card(&d.partners, r).to("/admin")
    } },
    Kind { name: "too little scope for a tool", weight: 25, may: May::Be(LACKS), make: |d, r| {
        card(&d.partners, r).to("/mcp")
    } },
    Kind { name: "revoked", weight: 15, may: May::Depend, make: |d, r| card(&d.revoked, r).class(Class::Introspected) },
    Kind { name: "no token", weight: 15, may: May::Be(NO), make: |_, _| message(&[]) },
    Kind { name: "another scheme", weight: 10, may: May::Be(NO), make: |_, _| message(&["Basic YTpi"]) },
    Kind { name: "two tokens", weight: 15, may: May::Be(WRONG), make: |d, r| {
        message(&[&card(&d.local, r).authorization[0], &bearer("second")])
    } },
    Kind { name: "flood: made-up keys", weight: 100, may: May::Depend, make: |d, r| {
        bare(&made_up(r, &d.staff, json!({}))).class(Class::MadeUp)
    } },
    Kind { name: "flood: made-up keys, undated", weight: 25, may: May::Depend, make: |d, r| {
        bare(&made_up(r, &d.staff, json!({"iat": null}))).class(Class::Undated)
    } },
    Kind { name: "flood: made-up keys of a partner", weight: 50, may: May::Be(NO), make: |d, r| {
        bare(&made_up(r, &d.partner, json!({})))
    } },
    Kind { name: "flood: made-up keys, expired", weight: 25, may: May::Be(NO), make: |d, r| {
        bare(&made_up(r, &d.staff, json!({"exp": 1_000_000_000})))
    } },
    Kind { name: "flood: made-up keys, no such algorithm here", weight: 10, may: May::Be(NO), make: |_, r| {
        bare(&made_up(r, LOCAL_ISSUER, json!({})))
    } },
    Kind { name: "flood: made-up issuers", weight: 20, may: May::Depend, make: |_, r| {
        let issuer = format!("https://{}.test", r.text(BULK));
        bare(&made_up(r, &issuer, json!({}))).class(Class::Introspected)
    } },
    Kind { name: "flood: made-up opaque tokens", weight: 15, may: May::Depend, make: |_, r| {
        bare(&r.text(BULK)).class(Class::Introspected)
    } },
    Kind { name: "flood: no tokens at all", weight: 10, may: May::Be(NO), make: |_, r| {
        bare(&format!("{{\"{}\"}}", r.text(BULK)))
    } },
    Kind { name: Kind::ENDLESS, weight: 0, may: May::Be(NO), make: |_, r| bare(&r.text(20_000)) },
];

/// The length of made-up tokens, so that memory use shows when they are retained.
const BULK: usize = 3_000;

impl Kind {
    /// The permitted responses to this request at this hour.
    pub(super) fn allowed(&self, message: &Message, hour: &Hour) -> Answers {
        match (self.may, message.class) {
            (May::Be(answers), _) => answers,
            (May::Depend, Some(class)) => hour.expected(class),
            (May::Depend, None) => panic!("{} has no class", self.name),
        }
    }

    pub(super) fn message(&self, deck: &Deck, random: &mut Random) -> Message {
        (self.make)(deck, random)
    }

    /// The kinds whose requests are long or slow, and get the same responses before the issuer's first fetch.
    pub(super) const LONGEST: [&str; 2] =
        ["flood: made-up keys of a partner", "flood: made-up issuers"];

    /// A kind that only some clients send.
    pub(super) const ENDLESS: &str = "flood: tokens longer than any";

    /// A random kind of request, by weight.
    pub(super) fn draw(random: &mut Random) -> usize {
        let total: usize = KINDS.iter().map(|kind| kind.weight).sum();
        let mut left = random.below(total);
        for (number, kind) in KINDS.iter().enumerate() {
            if left < kind.weight {
                return number;
            }
            left -= kind.weight;
        }
        unreachable!("it is below the total")
    }

    pub(super) fn named(name: &str) -> usize {
        let number = KINDS.iter().position(|kind| kind.name == name);
        number.expect("there is such a kind")
    }
}

impl Message {
    fn to(mut self, path: &'static str) -> Self {
        self.path = path;
        if path == "/mcp" {
            self.body = CALL;
        }
        self
    }

    /// Whether the token can be revoked, or the key that signed it be withdrawn.
    pub(super) fn can_be_revoked(&self) -> bool {
        let of_published_key = match self.class {
            Some(Class::Newest | Class::Next | Class::Older | Class::Gone | Class::Brief) => true,
            Some(
                Class::MadeUp
                | Class::Undated
                | Class::Forged
                | Class::Opaque
                | Class::Introspected,
            )
            | None => false,
        };
        self.revocable.is_some() || of_published_key
    }

    fn class(mut self, class: Class) -> Self {
        self.class = Some(class);
        self
    }
}

const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_note"}}"#;

pub(super) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn message(authorization: &[&str]) -> Message {
    Message {
        path: "/notes",
        authorization: authorization.iter().map(|&value| value.into()).collect(),
        body: "",
        subject: String::new(),
        class: None,
        revocable: None,
    }
}

fn bare(token: &str) -> Message {
    message(&[&bearer(token)])
}

fn card(cards: &[Card], random: &mut Random) -> Message {
    let card = random.pick(cards).expect("there are such tokens");
    Message {
        subject: card.subject.clone(),
        ..bare(&card.token)
    }
}

fn revocable(deck: &Deck, random: &mut Random) -> Message {
    let token = random.pick(&deck.revocable).expect("there are such tokens");
    Message {
        subject: token.card.subject.clone(),
        revocable: Some(token.clone()),
        ..bare(&token.card.token)
    }
}

/// A token of this class. If there is none yet, as before the first rotation, a token of a class with the same
/// permitted responses.
fn of_class(class: Class, deck: &Deck, random: &mut Random) -> Message {
    let (cards, otherwise) = match class {
        Class::Older => (&deck.older, Class::Newest),
        Class::Brief => (&deck.brief, Class::Newest),
        Class::Gone => (&deck.gone, Class::Next),
        Class::Next => (&deck.next, Class::Next),
        _ => (&deck.newest, Class::Newest),
    };
    match cards.is_empty() {
        true => of_class(otherwise, deck, random),
        false => card(cards, random).class(class),
    }
}

/// A token with valid claims, but with a key ID that does not exist and a random signature.
fn made_up(random: &mut Random, issuer: &str, more: Value) -> String {
    let header = json!({"alg": "ES256", "typ": "JWT", "kid": random.text(BULK)});
    let mut claims = json!({
        "iss": issuer, "aud": AUDIENCE, "sub": random.text(8), "exp": 2_500_000_000_u64, "scope": "notes:read",
        "iat": 1_500_000_000,
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    let members = claims.as_object_mut().expect("it is one");
    members.retain(|_, value| !value.is_null());
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    let signature = encode(random.text(64));
    format!(
        "{}.{}.{signature}",
        encode(header.to_string()),
        encode(claims.to_string())
    )
}
