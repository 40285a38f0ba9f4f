//! Prints the public API of the crate whose rustdoc JSON is the only argument, an item per line.

use std::env;
use std::error::Error;

use public_api::Builder;

/// The automatic traits that are left out. `Send` and `Sync` stay: a future that loses one of them breaks its users, and
/// no line of the source shows it.
const LEFT_OUT: [&str; 5] = [
    "core::marker::Freeze",
    "core::marker::Unpin",
    "core::marker::UnsafeUnpin",
    "core::panic::unwind_safe::RefUnwindSafe",
    "core::panic::unwind_safe::UnwindSafe",
];

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args_os()
        .nth(1)
        .ok_or("usage: public-api-listing <rustdoc.json>")?;
    let api = Builder::from_rustdoc_json(path)
        .omit_blanket_impls(true)
        .build()?;
    for item in api.items() {
        let line = item.to_string();
        if !is_left_out(&line) {
            println!("{line}");
        }
    }
    Ok(())
}

fn is_left_out(line: &str) -> bool {
    line.starts_with("impl")
        && LEFT_OUT
            .iter()
            .any(|name| line.contains(&format!(" {name} for ")))
}
