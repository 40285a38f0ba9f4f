//! The settings, and what the log says.

use std::net::IpAddr;

use super::peers::TrustedPeers;
use super::{Server, settings};
use crate::support::{Logs, get};

#[test]
fn contradictory_variables_are_refused() {
    for (variables, problem) in [
        (&[("PROXY", "haproxy")][..], "PROXY must be"),
        (&[("DPOP", "yes")], "DPOP must be"),
        (&[("RESOURCE", "api.example.com")], "RESOURCE is not a URL"),
        (&[("RESOURCE", "/notes")], "RESOURCE is not a URL"),
        (&[("CHECK_PATH", "check")], "CHECK_PATH must be"),
        (&[("CHECK_PATH", "/")], "CHECK_PATH must be"),
        (&[("CHECK_PATH", "/check/")], "CHECK_PATH must be"),
        (&[("CHECK_PATH", "/.well-known/x")], "CHECK_PATH must be"),
        (&[("TRUSTED_PEERS", "proxy.internal")], "TRUSTED_PEERS"),
        (&[("TRUSTED_PEERS", "10.0.0.1,")], "TRUSTED_PEERS"),
        (&[("TRUSTED_PEERS", "10.0.0.0/33")], "TRUSTED_PEERS"),
        (&[("TRUSTED_PEERS", "10.0.0.0/+8")], "TRUSTED_PEERS"),
        (&[("TRUSTED_PEERS", "::/129")], "TRUSTED_PEERS"),
        (&[("TRUSTED_PEERS", "::ffff:10.0.0.1")], "TRUSTED_PEERS"),
        (&[("SCOPES", "/notes")], "SCOPES"),
        (&[("SCOPES", "/notes=read, /admin=admin")], "SCOPES"),
        (&[("SCOPES", "/notes=read /admin=admin")], "SCOPES"),
        (&[("SCOPES", "")], "SCOPES is set and empty"),
        (&[("ISSUER", "")], "ISSUER is set and empty"),
        (&[("ANONYMOUS", "notes")], "ANONYMOUS"),
        (&[("STATUSES", "400")], "STATUSES"),
        (&[("STATUSES", "401=200")], "STATUSES"),
        (&[("STATUSES", "200=403")], "STATUSES"),
        (&[("STATUSES", "403=302")], "STATUSES"),
        (&[("URI_HEADER", "a b")], "URI_HEADER is not"),
        (&[("URI_HEADER", "X-Original-Method")], "are the same"),
        (
            &[("PROXY", "envoy"), ("URI_HEADER", "x-uri")],
            "are for PROXY=nginx",
        ),
    ] {
        let Err(error) = settings("https://issuer.example.com", variables) else {
            panic!("{variables:?}");
        };
        assert!(error.contains(problem), "{variables:?}: {error}");
    }
}

#[test]
fn peers_are_addresses_and_networks() {
    let trusted = |list: &str, peer: &str| {
        let peer: IpAddr = peer.parse().unwrap();
        TrustedPeers::parse(list).unwrap().contains(peer)
    };
    for (list, peer, expected) in [
        ("10.0.0.7", "10.0.0.7", true),
        ("10.0.0.7", "10.0.0.8", false),
        ("10.0.0.7", "::ffff:10.0.0.7", true),
        ("10.1.0.0/16, 10.0.0.7", "10.1.255.255", true),
        ("10.1.0.0/16", "10.2.0.0", false),
        ("0.0.0.0/0", "203.0.113.9", true),
        ("0.0.0.0/0", "2001:db8::1", false),
        ("::/0", "203.0.113.9", false),
        ("::/0", "2001:db8::1", true),
        ("fd00::/8", "fdff::1", true),
        ("fd00::/8", "fe00::1", false),
        ("fd00::1", "fd00::2", false),
    ] {
        assert_eq!(trusted(list, peer), expected, "{list} {peer}");
    }
    for peer in ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"] {
        assert!(
            TrustedPeers::loopback().contains(peer.parse().unwrap()),
            "{peer}"
        );
    }
    for peer in ["128.0.0.1", "10.0.0.1", "::2", "::"] {
        assert!(
            !TrustedPeers::loopback().contains(peer.parse().unwrap()),
            "{peer}"
        );
    }
}

#[tokio::test]
async fn the_log_has_the_reason_and_nothing_that_was_sent() {
    let logs = Logs::of("forward_auth");
    let server = Server::start(&[("SCOPES", "/=read")]).await;
    for _ in 0..2 {
        server.ask(&[("x-original-method", "GET")]).await;
    }
    server.about("/secret//x?secret", Some("secret")).await;
    server.about("https://secret.example.com/", None).await;
    get(server.address, "/secret", &[]).await;
    let stranger = Server::start(&[("TRUSTED_PEERS", "10.0.0.1")]).await;
    for _ in 0..2 {
        stranger.about("/secret?secret", None).await;
    }

    let text = logs.text();
    let warning = "WARN forward_auth: the proxy and this server are not configured for each other:";
    let refused = "DEBUG forward_auth: a check is refused:";
    for (start, reason, times) in [
        (warning, "there is no x-original-uri", 1),
        (refused, "there is no x-original-uri", 2),
        (refused, "the path can be read in several ways", 1),
        (
            refused,
            "the scheme, the host or the port is not that of RESOURCE",
            1,
        ),
        (refused, "it is at another path than CHECK_PATH", 1),
        (warning, "its sender is not in TRUSTED_PEERS", 1),
        (refused, "its sender is not in TRUSTED_PEERS", 2),
    ] {
        let line = format!("{start} {reason} peer=127.0.0.1");
        assert_eq!(text.matches(&line).count(), times, "{line}\n{text}");
    }
    assert!(!text.contains("secret"), "{text}");
}
