//! The directories that everything uses.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Returns the directory of the workspace.
pub fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package)
}

/// Returns `target`, which every command here shares with cargo.
pub fn target() -> PathBuf {
    root().join("target")
}

/// Returns the directory of what outlives a clone: `$XDG_CACHE_HOME/wasser`, by default
/// `~/.cache/wasser`.
pub fn cache() -> Result<PathBuf> {
    let from = |key| std::env::var_os(key).filter(|path| !path.is_empty()).map(PathBuf::from);
    let base = from("XDG_CACHE_HOME").or_else(|| from("HOME").map(|home| home.join(".cache")));
    Ok(base
        .context("neither XDG_CACHE_HOME nor HOME is set: there is no place to keep built tools")?
        .join("wasser"))
}
