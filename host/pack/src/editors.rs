//! The files that editors and tools for merging put next to those that people write.

/// How their names begin.
const BEGINNINGS: [&str; 1] = ["#"];
/// How their names end.
const ENDINGS: [&str; 7] = ["~", ".swp", ".swx", ".tmp", ".bak", ".orig", ".rej"];
/// The file with which an editor tries whether it may write.
const PROBE: &str = "4913";

/// Returns whether a file of this name is an editor's own.
pub fn is_editors_file(name: &str) -> bool {
    name == PROBE
        || BEGINNINGS.iter().any(|begin| name.starts_with(begin))
        || ENDINGS.iter().any(|end| name.ends_with(end))
}
