//! Packages of other languages' registries, installed once into the cache.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use crate::machine::paths;

/// Returns the directory of what is `wanted` of a language, which depends on the version of that too, and
/// has it filled unless that was done before.
///
/// # Errors
/// The cache cannot be written, or `install` fails.
pub fn once(
    language: &str,
    wanted: &[u8],
    version: &str,
    install: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let mut digest = Sha256::new();
    digest.update(wanted);
    digest.update(version);
    let key: String = digest
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let place = paths::cache()?.join("tools").join(format!("{language}-{key}"));
    fs::create_dir_all(&place).with_context(|| format!("creating {}", place.display()))?;
    // Two tests at the same time install one after the other, and the second finds it done.
    let lock = File::create(place.join("lock")).context("creating a lock file in the cache")?;
    flock(&lock, FlockOperation::LockExclusive).context("waiting for another installation of the same packages")?;
    let done = place.join("done");
    if !done.is_file() {
        install(&place)?;
        // An interrupted installation is made again.
        File::create(&done).with_context(|| format!("creating {}", done.display()))?;
    }
    Ok(place)
}
