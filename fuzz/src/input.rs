//! Bytes as lines, so that a corpus can be read and written with an editor.

/// Exactly `N` parts: all but the last end at a line feed, the last is the rest. What is missing is empty.
pub(crate) fn lines<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut lines = data.splitn(N, |byte| *byte == b'\n');
    std::array::from_fn(|_| lines.next().unwrap_or_default())
}
