use proptest::prelude::*;

use super::*;

fn headers_of(fields: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for field in fields {
        headers.append(COOKIE, HeaderValue::from_bytes(field).unwrap());
    }
    headers
}

fn show(credentials: Credentials) -> String {
    match credentials {
        Credentials::Missing => "missing".to_owned(),
        Credentials::Token(Scheme::Bearer, token) => format!("token {}", token.as_str()),
        Credentials::TwoTokens => "several".to_owned(),
        Credentials::Malformed(Scheme::Bearer) => "malformed".to_owned(),
        Credentials::TooLong(Scheme::Bearer) => "too long".to_owned(),
        other => panic!("{other:?}"),
    }
}

type Fields = &'static [&'static [u8]];

#[test]
fn only_the_cookie_of_this_name_is_cut_out() {
    let table: &[(Fields, &str, Fields)] = &[
        (&[], "missing", &[]),
        (&[b""], "missing", &[b""]),
        (&[b"a=1; b=2"], "missing", &[b"a=1; b=2"]),
        (&[b"t=abc"], "token abc", &[]),
        (&[b"t=abc; a=1"], "token abc", &[b"a=1"]),
        (&[b"a=1; t=abc"], "token abc", &[b"a=1"]),
        (&[b"a=1; t=abc; b=2"], "token abc", &[b"a=1; b=2"]),
        (&[b"a=1;t=abc;b=2"], "token abc", &[b"a=1;b=2"]),
        (&[b" a=1 ;  t=abc ; b=2 "], "token abc", &[b" a=1 ; b=2 "]),
        (&[b"a=1", b"t=abc", b"b=2"], "token abc", &[b"a=1", b"b=2"]),
        (&[b"t =abc"], "token abc", &[]),
        (&[b"t=abc=="], "token abc==", &[]),
        (&[b"t=abc;"], "token abc", &[]),
        (&[b"t=abc; ;"], "token abc", &[]),
        (&[b";t=abc;;a=1"], "token abc", &[b"a=1"]),
        // Other names.
        (&[b"T=abc"], "missing", &[b"T=abc"]),
        (&[b"tt=abc"], "missing", &[b"tt=abc"]),
        (&[b"xt=abc; t2=x"], "missing", &[b"xt=abc; t2=x"]),
        (&[b"=t=abc"], "missing", &[b"=t=abc"]),
        (&[b"t"], "missing", &[b"t"]),
        (&[b"a=t=abc"], "missing", &[b"a=t=abc"]),
        (&[b"a=1, t=abc"], "missing", &[b"a=1, t=abc"]),
        (&[b"\xff=1; a=\xe9"], "missing", &[b"\xff=1; a=\xe9"]),
        // What is no token.
        (&[b"t=; a=1"], "missing", &[b"a=1"]),
        (&[b"t= ; a=1"], "missing", &[b"a=1"]),
        (&[b"t= abc; a=1"], "malformed", &[b"a=1"]),
        (&[b"t=\"abc\"; a=1"], "malformed", &[b"a=1"]),
        (&[b"t=Bearer abc"], "malformed", &[]),
        (&[b"t=a,b"], "malformed", &[]),
        (&[b"t=%41"], "malformed", &[]),
        (&[b"a=1; t=\xff; b=2"], "malformed", &[b"a=1; b=2"]),
        (&[b"t=0123456789abcdef"], "token 0123456789abcdef", &[]),
        (&[b"t=0123456789abcdef0"], "too long", &[]),
        // Quotes protect nothing.
        (
            &[b"a=\"1; t=abc; \"; b=2"],
            "token abc",
            &[b"a=\"1; \"; b=2"],
        ),
        // Twice.
        (&[b"t=abc; t=abc"], "several", &[]),
        (&[b"t=abc; a=1; t=; b=2"], "several", &[b"a=1; b=2"]),
        (&[b"t=abc", b"a=1; t=def"], "several", &[b"a=1"]),
        (&[b"t=;t="], "several", &[]),
    ];
    for (fields, taken, rest) in table {
        let mut headers = headers_of(fields);
        let shown: Vec<_> = fields
            .iter()
            .map(|field| field.escape_ascii().to_string())
            .collect();
        assert_eq!(
            show(take_cookie(&mut headers, "t", 16)),
            *taken,
            "{shown:?}"
        );
        let left: Vec<_> = headers
            .get_all(COOKIE)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        assert_eq!(left, *rest, "{shown:?}");
    }
}

#[test]
fn the_token_is_a_copy_and_a_sensitive_field_stays_one() {
    let mut headers = headers_of(&[b"t=abc; a=1"]);
    headers.get_mut(COOKIE).unwrap().set_sensitive(true);
    let Credentials::Token(_, token) = take_cookie(&mut headers, "t", 16) else {
        panic!("a token");
    };
    assert_eq!(token.as_str(), "abc");
    assert!(headers[COOKIE].is_sensitive());
}

/// Fields from pieces that matter, and any other bytes that a field can have.
fn fields() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            &b"t=abc"[..],
            b"t=",
            b"t",
            b"=",
            b";",
            b"; ",
            b" ",
            b"\t",
            b"a=1",
            b"tt=x",
            b"\"",
            b",",
        ])
        .prop_map(<[u8]>::to_vec),
        prop::collection::vec(prop_oneof![0x20..=0x7e_u8, 0x80..=0xff_u8], 0..4),
    ];
    let field = prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
    prop::collection::vec(field, 0..4)
}

/// The cookies of all fields: trimmed pairs, without empty ones.
fn cookies(fields: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let pairs = fields
        .iter()
        .flat_map(|field| field.split(|byte| *byte == b';'));
    let pairs = pairs.map(|pair| pair.trim_ascii().to_vec());
    pairs.filter(|pair| !pair.is_empty()).collect()
}

fn is_token_cookie(pair: &[u8]) -> bool {
    let name = pair.split(|byte| *byte == b'=').next().unwrap();
    pair.contains(&b'=') && name.trim_ascii() == b"t"
}

proptest! {
    #[test]
    fn other_cookies_stay_byte_for_byte_and_two_tokens_are_never_one(fields in fields()) {
        let slices: Vec<_> = fields.iter().map(Vec::as_slice).collect();
        let mut headers = headers_of(&slices);
        let taken = take_cookie(&mut headers, "t", 16);
        let left: Vec<_> = headers.get_all(COOKIE).iter().map(|field| field.as_bytes().to_vec()).collect();

        let (ours, others): (Vec<_>, Vec<_>) =
            cookies(&fields).into_iter().partition(|pair| is_token_cookie(pair));
        prop_assert_eq!(cookies(&left), others);
        match (&ours[..], taken) {
            ([], Credentials::Missing) => prop_assert_eq!(left, fields),
            ([one], Credentials::Token(Scheme::Bearer, token)) => {
                prop_assert!(one.ends_with(token.as_bytes()));
                let value = one.splitn(2, |byte| *byte == b'=').nth(1).unwrap();
                prop_assert_eq!(value, token.as_bytes());
            }
            ([_], Credentials::Missing | Credentials::Malformed(_) | Credentials::TooLong(_)) => {}
            ([_, _, ..], Credentials::TwoTokens) => {}
            (ours, taken) => prop_assert!(false, "{ours:?} {taken:?}"),
        }
    }
}
