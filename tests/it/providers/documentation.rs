//! The recipes in the documentation are the tested recipes.

const DOCUMENTATION: &str = include_str!("../../../src/docs/providers.md");

#[test]
fn recipes_and_documentation_are_the_same() {
    let documented = normal(&visible_code(DOCUMENTATION));
    let sources = [
        include_str!("recipes.rs"),
        include_str!("opaque_recipes.rs"),
    ];
    let mut compared = 0;
    for item in sources.iter().flat_map(|source| source.split("\n\n")) {
        let item = item.trim();
        if item.starts_with("//!") || item.starts_with("use ") {
            continue;
        }
        // Of a function with a builder, only the calls on the builder are compared, and all of them.
        let code = match item.split_once("    builder\n") {
            Some((_, chain)) => format!("{}.build()?;", chain.trim_end_matches('}')),
            None => item.replace("pub(super) ", ""),
        };
        let code = normal(&code);
        assert!(documented.contains(&code), "not in providers.md:\n{item}");
        compared += 1;
    }
    assert!(compared > 25, "{compared}");
}

/// The lines of code blocks that rustdoc does not hide.
fn visible_code(markdown: &str) -> String {
    let blocks = markdown.split("```").skip(1).step_by(2);
    let lines = blocks.flat_map(|block| block.lines().skip(1));
    lines
        .filter(|line| !line.starts_with("# ") && *line != "#")
        .collect::<Vec<_>>()
        .join("\n")
}

/// The code without the characters that depend on rustfmt's line width.
fn normal(code: &str) -> String {
    let code: String = code.split_whitespace().collect();
    code.replace(",)", ")")
        .replace(",]", "]")
        .replace(",}", "}")
}
