//! Environments of Python with packages from its registry, in the cache.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use crate::machine::debian::{self, Need};
use crate::machine::{self, paths};

/// Returns an environment with the packages of a file of requirements, and makes it if it is not in the
/// cache. That needs the network, once.
///
/// # Errors
/// There is no Python, and none can be installed, or the packages cannot be.
pub fn environment(requirements: &Path) -> Result<PathBuf> {
    let wanted = fs::read(requirements).with_context(|| format!("reading {}", requirements.display()))?;
    debian::require(Need::Python)?;
    let version = machine::run(Command::new("python3").arg("--version"))?;
    let mut digest = Sha256::new();
    digest.update(&wanted);
    digest.update(version);
    let key: String = digest
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let parent = paths::cache()?.join("tools").join(format!("python-{key}"));
    fs::create_dir_all(&parent).with_context(|| format!("creating {}", parent.display()))?;
    // Two tests at the same time install one after the other, and the second finds it done.
    let lock = File::create(parent.join("lock")).context("creating a lock file in the cache")?;
    flock(&lock, FlockOperation::LockExclusive).context("waiting for another installation of the same packages")?;
    let (environment, done) = (parent.join("venv"), parent.join("done"));
    if done.is_file() {
        return Ok(environment);
    }
    eprintln!("installing {}", String::from_utf8_lossy(&wanted).trim());
    machine::run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&environment),
    )?;
    let pip = ["install", "--quiet", "--disable-pip-version-check", "--requirement"];
    machine::run(Command::new(environment.join("bin/pip")).args(pip).arg(requirements))
        .with_context(|| format!("installing what {} names, which needs PyPI", requirements.display()))?;
    // An interrupted installation is made again.
    File::create(&done).with_context(|| format!("creating {}", done.display()))?;
    Ok(environment)
}
