use proptest::prelude::*;

use super::*;

#[test]
fn order_is_kept_and_repetitions_are_dropped() {
    let scopes = Scopes::parse("  b a  b c a ").unwrap();
    assert_eq!(scopes.to_string(), "b a c");
    assert_eq!(scopes.len(), 3);
    assert_eq!(scopes.iter().collect::<Vec<_>>(), ["b", "a", "c"]);
}

#[test]
fn a_list_means_the_same_however_it_is_spelled() {
    let many: Vec<String> = (0..40).map(|n| format!("s{n}")).collect();
    let many = many.join(" ");
    let table = [
        ("", ""),
        (" ", ""),
        ("a", "a"),
        ("a b", "a b"),
        ("a b ", "a b"),
        (" a b", "a b"),
        ("a  b", "a b"),
        ("a b a", "a b"),
        ("ab a b", "ab a b"),
        ("a b\"c d", "a d"),
        ("a é d", "a d"),
        ("a\tb c", "c"),
        (&many, &many),
    ];
    for (list, expected) in table {
        let scopes = Scopes::lossy_list(list, &mut 0);
        assert_eq!(scopes.as_str(), expected, "{list:?}");
    }
}

proptest! {
    #[test]
    fn a_list_is_its_names(list in "([a-c]{1,2}|[ \"\té]){0,30}") {
        let names = list.split(' ');
        let (mut of_list, mut of_names) = (0, 0);
        prop_assert_eq!(
            Scopes::lossy_list(&list, &mut of_list),
            Scopes::lossy_counted(names, &mut of_names)
        );
        prop_assert_eq!(of_list, of_names);
    }
}

#[test]
fn many_scopes_are_still_a_set() {
    let names: Vec<String> = (0..5_000).map(|n| format!("s{}", n % 100)).collect();
    assert_eq!(Scopes::try_from_names(&names).unwrap().len(), 100);
}

#[test]
fn the_empty_set_contains_nothing() {
    let none = Scopes::parse(" ").unwrap();
    assert!(none.is_empty());
    assert_eq!(none.iter().count(), 0);
    assert!(!none.contains(""));
    assert!(none.is_superset(&Scopes::default()));
}

#[test]
fn a_part_of_a_name_or_two_names_at_once_are_not_contained() {
    let scopes = Scopes::parse("notes:read notes:write").unwrap();
    for absent in ["notes", "read", "notes:read notes:write", " ", "NOTES:READ"] {
        assert!(!scopes.contains(absent), "{absent:?}");
    }
}

#[test]
fn names_outside_the_grammar_are_refused() {
    for bad in ["a\"b", "a\\b", "a\tb", "é", "a\u{7f}", "a\r\nb"] {
        assert!(Scopes::parse(bad).is_err(), "{bad:?}");
    }
    assert!(Scopes::try_from_names(["a b"]).is_err());
    assert!(Scopes::try_from_names([""]).is_err());
}

#[test]
fn a_role_with_a_space_does_not_become_two_scopes() {
    let mut left_out = 0;
    let scopes = Scopes::lossy_counted(["not admin", "user", ""], &mut left_out);
    assert_eq!((scopes.as_str(), left_out), ("user", 1));
}

#[test]
fn implication_is_transitive_in_whatever_order_it_is_declared() {
    let held = Scopes::parse("admin").unwrap();
    let downwards = ScopeHierarchy::new()
        .implies("admin", ["write"])
        .implies("write", ["read"]);
    let upwards = ScopeHierarchy::new()
        .implies("write", ["read"])
        .implies("admin", ["write"]);
    for hierarchy in [downwards, upwards] {
        assert!(hierarchy.grants_all(&held, &Scopes::parse("admin write read").unwrap()));
        assert!(!hierarchy.grants(&held, "other"));
        assert!(!hierarchy.grants(&Scopes::parse("read").unwrap(), "admin"));
    }
}

#[test]
fn a_circle_makes_its_members_equal() {
    let circle = ScopeHierarchy::new()
        .implies("a", ["b"])
        .implies("b", ["a"]);
    assert!(circle.grants(&Scopes::parse("a").unwrap(), "b"));
    assert!(circle.grants(&Scopes::parse("b").unwrap(), "a"));
}

#[test]
#[should_panic(expected = "is not a scope")]
fn a_hierarchy_of_illegal_names_panics() {
    let _ = ScopeHierarchy::new().implies("admin", ["no good"]);
}
