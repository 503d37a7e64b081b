//! The lock of all clusters of this workspace.

use std::fs;

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};

use crate::machine::paths;

/// Waits until no other command changes a cluster, and keeps others waiting until the result is
/// dropped: two commands that want the same cluster would each start it.
pub fn lock() -> Result<fs::File> {
    let path = paths::target().join("clusters.lock");
    fs::create_dir_all(paths::target()).context("creating the target directory")?;
    let file = fs::File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        eprintln!("waiting for another command that changes a cluster");
        flock(&file, FlockOperation::LockExclusive).with_context(|| format!("locking {}", path.display()))?;
    }
    Ok(file)
}
