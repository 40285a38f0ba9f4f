//! The links of the guides and the other documents are valid, and the dashboard names metrics that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every Markdown document of the repository.
fn texts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = markdown_in(root);
    for folder in [
        "fuzz",
        "stores",
        "tests/interop",
        "tests/interop/conformance",
    ] {
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

/// The link targets in a text, except those in code.
fn links(text: &str) -> Vec<&str> {
    let mut links: Vec<_> = definitions(text).map(|(_, target)| target).collect();
    for line in prose(text) {
        // Text between backticks is code as well.
        for part in line.split('`').step_by(2) {
            for piece in part.split("](").skip(1) {
                links.push(piece.split(')').next().unwrap());
            }
        }
    }
    links
}

/// The links that are defined on lines of their own, `[label]: target`.
fn definitions(text: &str) -> impl Iterator<Item = (&str, &str)> {
    prose(text).filter_map(|line| line.strip_prefix('[')?.split_once("]: "))
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

/// The anchor that GitHub generates for a heading.
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
fn every_relative_link_points_to_an_existing_file_and_heading() {
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

/// The source file that includes the guides as pages of the API documentation.
fn pages() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join("src/guides.rs")).unwrap()
}

/// The position in that source at which a guide is included, by the path of the guide.
fn page_of(path: &str) -> Option<String> {
    let pages = pages();
    let page = pages
        .split("guide!(")
        .skip(1)
        .find(|page| page.contains(&format!("\"../{path}\"")))?;
    Some(page.split(");").next().unwrap().to_owned())
}

#[test]
fn every_guide_is_a_page_that_lib_rs_links_to() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let front_page = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    for guide in guides() {
        let path = guide.strip_prefix(root).unwrap().to_str().unwrap();
        if path == "docs/README.md" {
            continue;
        }
        let page = page_of(path).unwrap_or_else(|| panic!("{path} is not in src/guides.rs"));
        let name = page.trim_start().split(',').next().unwrap();
        let link = format!("(guides::{name})");
        assert!(
            front_page.contains(&link),
            "src/lib.rs does not lead to {name}"
        );
        // Relative links do not work in the API documentation, so each is redefined there.
        let text = fs::read_to_string(&guide).unwrap();
        for (label, _) in definitions(&text) {
            let defined = format!("\"{label}\" => ");
            assert!(page.contains(&defined), "{path}: [{label}]");
        }
        let defined = definitions(&text).map(|(_, target)| target);
        let defined: Vec<_> = defined.collect();
        for link in links(&text) {
            let leads_elsewhere = link.contains("://") || link.starts_with('#');
            assert!(
                leads_elsewhere || defined.contains(&link),
                "{path}: define the link to {link} by a label"
            );
        }
    }
}

#[test]
fn every_linked_page_exists() {
    let pages = pages();
    let address = "https://docs.rs/tower-bearer-auth/latest/tower_bearer_auth/guides/";
    let mut followed = 0;
    for path in texts() {
        let text = fs::read_to_string(&path).unwrap();
        for link in links(&text) {
            let Some(rest) = link.strip_prefix(address) else {
                continue;
            };
            let name = rest.split('/').next().unwrap();
            let is_there = pages.contains(&format!("{name},")) || name.is_empty();
            assert!(is_there, "{} links to {link}", path.display());
            followed += 1;
        }
    }
    assert!(followed > 10, "{followed}");
}

#[test]
fn the_code_of_every_guide_is_compiled() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for guide in guides() {
        let text = fs::read_to_string(&guide).unwrap();
        let name = guide.strip_prefix(root).unwrap().to_str().unwrap();
        for fence in text.lines().filter(|line| line.starts_with("```rust")) {
            assert!(
                page_of(name).is_some(),
                "{name} has Rust code and is not in src/guides.rs"
            );
            assert!(
                matches!(fence, "```rust" | "```rust,no_run"),
                "{name}: {fence}"
            );
        }
    }
}

/// The metrics that a text names, as the crate names them.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let words = text.split(|c| !is_name(c));
    words
        .filter(|word| word.starts_with("bearer_auth_"))
        .map(|word| {
            let of_histogram = ["_bucket", "_count", "_sum"];
            let name = of_histogram.iter().find_map(|end| word.strip_suffix(end));
            name.unwrap_or(word)
        })
        .collect()
}

#[test]
fn the_dashboard_and_the_alerts_name_metrics_and_labels_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let source = read("src/telemetry/measure.rs") + &read("src/telemetry/names.rs");
    let described = read("src/telemetry/mod.rs");
    let known = metrics_in(&source);
    assert_eq!(known, metrics_in(&described));
    assert!(known.len() > 7, "{known:?}");
    let dashboard = read("docs/grafana-dashboard.json");
    let alerts = read("docs/prometheus-alerts.yml");
    assert_eq!(metrics_in(&dashboard), known, "in the dashboard");
    assert!(metrics_in(&alerts).is_subset(&known), "in the alerts");

    // What a label is compared with. In JSON, quotes are escaped.
    let reasons = read("src/invalid_reason.rs") + &read("src/invalid_proof_reason.rs");
    let texts = (dashboard + &alerts).replace("\\\"", "\"");
    let mut compared = 0;
    for label in ["outcome", "reason", "by", "result"] {
        for operator in ["=\"", "=~\""] {
            for comparison in texts.split(&format!("{label}{operator}")).skip(1) {
                let values = comparison.split('"').next().unwrap();
                for value in values.split('|').filter(|value| !value.contains('.')) {
                    let is_there = described.contains(&format!("`{value}`"))
                        || reasons.contains(&format!("\"{value}\""));
                    assert!(is_there, "{label} is never {value}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 10, "{compared}");
}
