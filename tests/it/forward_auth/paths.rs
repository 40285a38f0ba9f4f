//! What requests need, by the prefix of their path, however the path is written.

use super::{Server, assert_passed, assert_refused, rules::Rules};

const VARIABLES: &[(&str, &str)] = &[
    (
        "SCOPES",
        "/=read; /admin=admin read; /a b/%C3%A9=read; /admin/help=",
    ),
    ("ANONYMOUS", "/public; /admin/health/"),
];

#[tokio::test]
async fn the_longest_prefix_of_whole_segments_decides() {
    let server = Server::start(&[VARIABLES, &[("STATUSES", "keep")]].concat()).await;
    let none = server.token().build();
    let read = server.token().scopes(["read"]).build();
    let admin = server.token().scopes(["read", "admin"]).build();
    for (uri, anonymous, with_none, with_read, with_admin) in [
        ("/", 401, 403, 200, 200),
        ("/notes", 401, 403, 200, 200),
        ("/admin", 401, 403, 403, 200),
        ("/admin/", 401, 403, 403, 200),
        ("/admin?x=/public", 401, 403, 403, 200),
        ("/admin/users", 401, 403, 403, 200),
        ("/%61dmin", 401, 403, 403, 200),
        ("/%61d%6Din/us%65rs", 401, 403, 403, 200),
        ("https://api.example.com/admin", 401, 403, 403, 200),
        ("/administrators", 401, 403, 200, 200),
        ("/admin/help", 401, 200, 200, 200),
        ("/admin/helpers", 401, 403, 403, 200),
        ("/admin/health", 200, 200, 200, 200),
        ("/admin/health/live", 200, 200, 200, 200),
        ("/public", 200, 200, 200, 200),
        ("/public/x%20y", 200, 200, 200, 200),
        ("/PUBLIC", 401, 403, 200, 200),
        ("/publicity", 401, 403, 200, 200),
        ("/a%20b/%c3%a9", 401, 403, 200, 200),
    ] {
        for (token, expected) in [
            (None, anonymous),
            (Some(&none), with_none),
            (Some(&read), with_read),
            (Some(&admin), with_admin),
        ] {
            let answer = server.about(uri, token.map(|token| &**token)).await;
            assert_eq!(answer.status, expected, "{uri} {answer:?}");
            match expected {
                200 => assert_passed(&answer, token.map(|_| "alice")),
                401 => assert_refused(&answer, 401, None),
                _ => assert_refused(&answer, 403, Some("insufficient_scope")),
            }
        }
        // A bad token is refused where none is needed, too.
        let answer = server.about(uri, Some("made-up")).await;
        assert_refused(&answer, 401, Some("invalid_token"));
    }
    let answer = server.about("/admin", Some(&read)).await;
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains(r#"scope="admin read""#), "{challenge}");
}

#[tokio::test]
async fn a_path_with_several_readings_is_refused_where_paths_matter() {
    let with_rules = Server::start(&[VARIABLES, &[("STATUSES", "keep")]].concat()).await;
    let without = Server::start(&[("STATUSES", "keep")]).await;
    for uri in [
        "//admin",
        "/public//admin",
        "/public/../admin",
        "/public/./admin",
        "/public/..",
        "/public/%2e%2e/admin",
        "/public/%2E./admin",
        "/public%2F..%2fadmin",
        "/public%2fx",
        "/public/..%5Cadmin",
        "/public\\..\\admin",
        "/public/..;/admin",
        "/public;x=1",
        "/public%3Bx",
        "/public/%00",
        "/public/%0d%0a",
        "/public/%7f",
        "/%2561dmin",
        "/%c0%ae%c0%ae/admin",
        "/%ff",
        "/public//",
        "/public%3Fx",
        "/public%23x",
    ] {
        let token = with_rules.token().scopes(["read", "admin"]).build();
        for token in [None, Some(&*token)] {
            let answer = with_rules.about(uri, token).await;
            assert_refused(&answer, 400, Some("invalid_request"));
            assert_eq!(answer.status, 400, "{uri}");
            let description = "The request has a URI that is not accepted";
            assert_eq!(answer.json()["error_description"], description);
        }
        let token = without.token().build();
        let answer = without.about(uri, Some(&token)).await;
        // The `http` crate takes no backslash.
        match uri.contains('\\') && answer.status == 400 {
            true => assert_refused(&answer, 400, Some("invalid_request")),
            false => assert_passed(&answer, Some("alice")),
        }
    }
}

#[tokio::test]
async fn a_uri_that_is_none_is_refused_in_any_case() {
    for variables in [&[][..], VARIABLES] {
        let server = Server::start(variables).await;
        let token = server.token().scopes(["read"]).build();
        for uri in [
            "",
            "notes",
            "?x",
            "#x",
            "/notes#x",
            "/notes?x#y",
            "/%",
            "/%a",
            "/%zz",
            "/%+1",
            "/a b",
            "/\tx",
            "*",
            "/é",
            "/notes?é",
        ] {
            let answer = server.about(uri, Some(&token)).await;
            assert_refused(&answer, 400, Some("invalid_request"));
        }
        for uri in [
            "/?%",
            "/?a b".replace(' ', "+").as_str(),
            "/?//..",
            "/?https://x/",
        ] {
            assert_passed(&server.about(uri, Some(&token)).await, Some("alice"));
        }
    }
}

#[test]
fn a_rule_that_cannot_be_meant_is_an_error() {
    for (scopes, anonymous, problem) in [
        (Some("/admin"), None, "without `=`"),
        (Some("admin=admin"), None, "usable path"),
        (Some("=admin"), None, "usable path"),
        (Some("/a/../b=x"), None, "usable path"),
        (Some("/a//b=x"), None, "usable path"),
        (Some("/a%2Fb=x"), None, "usable path"),
        (Some("/a=é"), None, "no scope"),
        (Some("/a=x; /a/=y"), None, "repeats"),
        (Some("/a=x"), Some("/%61"), "repeats"),
        (Some("/=x"), Some("/"), "repeats"),
        (None, Some("public"), "usable path"),
        (None, Some("/public=x; /x/.."), "usable path"),
    ] {
        let error = Rules::parse(scopes, anonymous).unwrap_err();
        assert!(error.contains(problem), "{scopes:?} {anonymous:?}: {error}");
    }
    let nothing = Rules::parse(Some(" ; "), Some("")).unwrap();
    assert!(nothing.choose("/a/../b").is_some());
}
