//! Environments of Python with packages from its registry, in the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::installed;
use crate::machine;
use crate::machine::debian::{self, Need};

/// The directory of an environment in its place in the cache.
const ENVIRONMENT: &str = "venv";

/// Returns an environment with the packages of a file of requirements, and makes it if it is not in the
/// cache. That needs the network, once.
///
/// # Errors
/// There is no Python, and none can be installed, or the packages cannot be.
pub fn environment(requirements: &Path) -> Result<PathBuf> {
    let wanted = fs::read(requirements).with_context(|| format!("reading {}", requirements.display()))?;
    debian::require(Need::Python)?;
    let version = machine::run(Command::new("python3").arg("--version"))?;
    let place = installed::once("python", &wanted, &version, |place| {
        eprintln!("installing {}", String::from_utf8_lossy(&wanted).trim());
        let environment = place.join(ENVIRONMENT);
        machine::run(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&environment),
        )?;
        let pip = ["install", "--quiet", "--disable-pip-version-check", "--requirement"];
        machine::run(Command::new(environment.join("bin/pip")).args(pip).arg(requirements))
            .with_context(|| format!("installing what {} names, which needs PyPI", requirements.display()))?;
        Ok(())
    })?;
    Ok(place.join(ENVIRONMENT))
}
