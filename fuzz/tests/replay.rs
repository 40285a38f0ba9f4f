//! Replays the committed corpus, on any toolchain.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use tower_bearer_auth_fuzz::{TARGETS, Target};

/// Runs a target over its corpus, and reports every file that breaks a guarantee.
fn replay(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name);
    let Target { run, reaches, .. } = target.expect("a target of this name");
    let (mut broken, mut reached) = (Vec::new(), BTreeSet::new());
    for path in files(&Path::new("corpus").join(name)) {
        let data = fs::read(&path).expect("a readable file");
        match catch_unwind(|| run(&data)) {
            Ok(how_far) => _ = reached.insert(how_far),
            Err(_) => broken.push(path),
        }
    }
    assert!(broken.is_empty(), "{name} panics on {broken:#?}");
    for how_far in *reaches {
        assert!(
            reached.contains(how_far),
            "nothing in the corpus of {name} gets to {how_far:?}"
        );
    }
}

/// The files of the folder, at least one.
fn files(folder: &Path) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert!(!files.is_empty(), "{folder:?} is empty");
    files.sort();
    files
}

#[test]
fn challenge_holds_over_its_corpus() {
    replay("challenge");
}

#[test]
fn claims_holds_over_its_corpus() {
    replay("claims");
}

#[test]
fn differential_holds_over_its_corpus() {
    replay("differential");
}

#[test]
fn dpop_proof_holds_over_its_corpus() {
    replay("dpop_proof");
}

#[test]
fn escaped_pem_holds_over_its_corpus() {
    replay("escaped_pem");
}

#[test]
fn header_holds_over_its_corpus() {
    replay("header");
}

#[test]
fn introspection_holds_over_its_corpus() {
    replay("introspection");
}

#[test]
fn jwk_set_holds_over_its_corpus() {
    replay("jwk_set");
}

#[test]
fn jws_holds_over_its_corpus() {
    replay("jws");
}

#[test]
fn pem_holds_over_its_corpus() {
    replay("pem");
}

#[test]
fn token_sources_holds_over_its_corpus() {
    replay("token_sources");
}

#[test]
fn tool_guard_holds_over_its_corpus() {
    replay("tool_guard");
}

#[test]
fn xfcc_header_holds_over_its_corpus() {
    replay("xfcc_header");
}

#[test]
fn every_target_is_there_as_a_program_and_has_a_test() {
    let names: BTreeSet<_> = TARGETS
        .iter()
        .map(|target| target.name.to_owned())
        .collect();
    let stems = |folder: &str| -> BTreeSet<String> {
        let stem = |path: PathBuf| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        };
        files(Path::new(folder)).into_iter().map(stem).collect()
    };
    assert_eq!(stems("fuzz_targets"), names);
    assert_eq!(stems("corpus"), names);
    for name in names {
        assert!(
            include_str!("../Cargo.toml").contains(&format!("path = \"fuzz_targets/{name}.rs\""))
        );
        assert!(include_str!("replay.rs").contains(&format!("replay(\"{name}\")")));
    }
}
