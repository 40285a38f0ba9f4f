//! The process's memory, and its limit of open files.

use std::fs;

/// The resident memory in KiB, on systems with `/proc`.
pub(super) fn resident() -> Option<usize> {
    let pages = fs::read_to_string("/proc/self/status").ok()?;
    let line = pages.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Open files besides the two ends of each connection, with room for clients that reconnect.
const OTHERS: usize = 500;

/// The number of connections that the limit of open files permits, at most `wanted`.
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
