//! Finds out what each peer checks: sends tokens that must be refused, and reports which are.

use http::StatusCode;
use tower_bearer_auth::Algorithm;
use tower_bearer_auth::testing::{SigningKey, TokenBuilder};

use crate::peers::{PEERS, Peer, Setup};
use crate::support::report::{Cell, Report};
use crate::support::sample::{AUDIENCE, ISSUER};
use crate::support::service::authorization;

/// A check, with tokens that fail it.
struct Check {
    name: &'static str,
    wrong: fn(TokenBuilder) -> TokenBuilder,
    /// Without what the check is about.
    absent: fn(TokenBuilder) -> TokenBuilder,
}

const CHECKS: [Check; 4] = [
    Check {
        name: "signature",
        wrong: TokenBuilder::tampered,
        absent: TokenBuilder::stripped_signature,
    },
    Check {
        name: "exp",
        wrong: TokenBuilder::expired,
        absent: |token| token.without_claim("exp"),
    },
    Check {
        name: "iss",
        wrong: |token| token.issuer("https://attacker.example"),
        absent: |token| token.without_claim("iss"),
    },
    Check {
        name: "aud",
        wrong: |token| token.audience("https://other.example.com"),
        absent: |token| token.without_claim("aud"),
    },
];

pub(crate) fn report(report: &mut Report) {
    let key = SigningKey::generate(Algorithm::ES256).with_key_id("bench");
    let rows: Vec<Vec<Cell>> = PEERS.iter().map(|peer| row(peer, &key)).collect();
    let header = ["crate", "cryptography"].into_iter();
    let header: Vec<&str> = header
        .chain(CHECKS.iter().map(|check| check.name))
        .collect();
    report.table("What each checks", &header, &rows);
}

fn row(peer: &Peer, key: &SigningKey) -> Vec<Cell> {
    peer.backend.select();
    let jwk_set = SigningKey::jwk_set([key]).to_string();
    let mut guard = (peer.guard)(&Setup::with_keys(Algorithm::ES256, jwk_set));
    let good = || {
        key.token()
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .subject("alice")
    };
    let mut refuses = |token: TokenBuilder| {
        let status = guard(&authorization(&token.build()));
        assert!(
            status == StatusCode::OK || status == StatusCode::UNAUTHORIZED,
            "{} responds with {status}",
            peer.name
        );
        status == StatusCode::UNAUTHORIZED
    };
    assert!(!refuses(good()), "{} refuses a good token", peer.name);
    let cells = CHECKS.iter().map(|check| {
        match (
            refuses((check.wrong)(good())),
            refuses((check.absent)(good())),
        ) {
            (true, true) => "yes",
            (true, false) => "if present",
            (false, _) => "NO",
        }
    });
    let name = [peer.name, peer.backend.name()].into_iter();
    name.chain(cells).map(Cell::from).collect()
}
