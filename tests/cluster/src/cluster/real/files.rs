//! The files of the node on this machine.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cluster::state::State;

/// Returns the directory of this machine that is the node's root, except for what is mounted there.
pub fn root(state: &State) -> PathBuf {
    state.directory.join("node")
}

/// Writes a file below the node's directory `/wasser`. Returns its path on the node.
pub fn write(root: &Path, file: &str, content: &str) -> Result<String> {
    let path = root.join("wasser").join(file);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
    }
    fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
    Ok(format!("/wasser/{file}"))
}
