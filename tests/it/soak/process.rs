//! What the process takes and may take.

use std::fs;

/// The memory that is resident, in KiB, where the system says.
pub(super) fn resident() -> Option<usize> {
    let pages = fs::read_to_string("/proc/self/status").ok()?;
    let line = pages.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Files besides the connections' two ends, with room for those who break theirs and come back.
const OTHERS: usize = 500;

/// How many connections can be held, of as many as are wanted.
pub(super) fn connections(wanted: usize) -> usize {
    let needed = 2 * wanted + OTHERS;
    let files = files(needed);
    match files < needed {
        false => wanted,
        true => {
            let fewer = files.saturating_sub(OTHERS.min(files / 4)) / 2;
            println!(
                "{fewer} connections instead of {wanted}: the process may open {files} files (ulimit -n)"
            );
            fewer
        }
    }
}

#[cfg(unix)]
fn files(needed: usize) -> usize {
    let files = rlimit::increase_nofile_limit(needed as u64);
    files.map_or(256, |files| usize::try_from(files).unwrap_or(usize::MAX))
}

#[cfg(not(unix))]
fn files(_: usize) -> usize {
    usize::MAX
}
