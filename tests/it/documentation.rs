//! What the guides and the other texts point to is there.

use std::fs;
use std::path::{Path, PathBuf};

/// Every text that is written for people.
fn texts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = markdown_in(root);
    for folder in ["fuzz", "tests/interop", "tests/interop/conformance"] {
        texts.push(root.join(folder).join("README.md"));
    }
    texts.extend(guides());
    texts
}

/// The guides, the index included.
fn guides() -> Vec<PathBuf> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut guides = markdown_in(&docs);
    guides.extend(markdown_in(&docs.join("migrating")));
    guides
}

fn markdown_in(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

/// The targets of the inline links of a text, without those in code.
fn links(text: &str) -> Vec<&str> {
    let mut links = Vec::new();
    for line in prose(text) {
        // What is between backticks is code, too.
        for part in line.split('`').step_by(2) {
            for piece in part.split("](").skip(1) {
                links.push(piece.split(')').next().unwrap());
            }
        }
    }
    links
}

/// The lines outside of code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}

/// What GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn has_anchor(path: &Path, wanted: &str) -> bool {
    let text = fs::read_to_string(path).unwrap();
    prose(&text)
        .filter(|line| line.starts_with('#'))
        .any(|line| anchor(line) == wanted)
}

#[test]
fn every_relative_link_points_to_a_file_and_a_heading_that_are_there() {
    let mut followed = 0;
    for path in texts() {
        let text = fs::read_to_string(&path).unwrap();
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            let from = path.display();
            assert!(target.exists(), "{from} links to {link}");
            if !heading.is_empty() {
                assert!(has_anchor(&target, heading), "{from} links to {link}");
            }
            followed += 1;
        }
    }
    assert!(followed > 40, "{followed}");
}

#[test]
fn every_guide_is_in_the_index() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let index = fs::read_to_string(docs.join("README.md")).unwrap();
    let indexed = links(&index);
    for guide in guides() {
        let name = guide.strip_prefix(&docs).unwrap().to_str().unwrap();
        assert!(
            name == "README.md" || indexed.contains(&name),
            "{name} is not in docs/README.md"
        );
    }
}

#[test]
fn the_code_of_every_guide_is_compiled() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let compiled = fs::read_to_string(root.join("src/guides.rs")).unwrap();
    for guide in guides() {
        let text = fs::read_to_string(&guide).unwrap();
        let name = guide.strip_prefix(root).unwrap().to_str().unwrap();
        for fence in text.lines().filter(|line| line.starts_with("```rust")) {
            assert!(
                compiled.contains(name),
                "{name} has Rust code and is not in src/guides.rs"
            );
            assert!(
                matches!(fence, "```rust" | "```rust,no_run"),
                "{name}: {fence}"
            );
        }
    }
}
