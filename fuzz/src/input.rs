//! Splits an input into lines, so that a corpus can be read and written with an editor.

/// Exactly `N` parts. All but the last end at a line feed, and the last is the rest. A missing part is empty.
pub(crate) fn lines<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut lines = data.splitn(N, |byte| *byte == b'\n');
    std::array::from_fn(|_| lines.next().unwrap_or_default())
}
