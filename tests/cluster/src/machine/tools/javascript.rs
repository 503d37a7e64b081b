//! Packages of npm, in the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::installed;
use crate::machine;
use crate::machine::debian::{self, Need};

/// Where npm installs packages.
const PACKAGES: &str = "node_modules";

/// The first version of Node that componentize-js runs with, and the package of npm that has a later one.
/// Debian 12 has 18, whose npm leaves out the native code for later ones.
const OLDEST: u32 = 20;
const LATER: (&str, &str) = ("node", "22.20.0");

/// Returns a directory `node_modules` with the packages of a package.json, and installs them if they are
/// not in the cache. That needs the network, once. A Node is among them if that of the machine is too old.
///
/// # Errors
/// There is no Node, and none can be installed, or the packages cannot be.
pub fn packages(manifest: &Path) -> Result<PathBuf> {
    let text = fs::read_to_string(manifest).with_context(|| format!("reading {}", manifest.display()))?;
    let all: Value = serde_json::from_str(&text).with_context(|| format!("reading {}", manifest.display()))?;
    debian::require(Need::JavaScript)?;
    let version = machine::run(Command::new("node").arg("--version"))?;
    let major = version.trim_start_matches('v').split('.').next().unwrap_or_default();
    let is_old = major.parse().is_ok_and(|major: u32| major < OLDEST);
    // Projects of all names share what they are built with.
    let mut wanted = json!({
        "private": true,
        "devDependencies": all["devDependencies"],
        "overrides": all["overrides"],
    });
    if is_old {
        let (package, version) = LATER;
        wanted["devDependencies"][package] = version.into();
    }
    let wanted = wanted.to_string();
    let place = installed::once("javascript", wanted.as_bytes(), &version, |place| {
        let packages = place.join(PACKAGES);
        eprintln!("installing {}", all["devDependencies"]);
        drop(fs::remove_dir_all(&packages));
        fs::write(place.join("package.json"), &wanted).context("writing a package.json in the cache")?;
        let own = packages.join(".bin");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&path)))
            .context("putting the later Node into PATH")?;
        // The first Node installs the later one, which then installs the packages that are for it.
        for _ in 0..=u8::from(is_old) {
            let npm = ["install", "--no-audit", "--no-fund", "--no-update-notifier"];
            machine::run(Command::new("npm").current_dir(place).env("PATH", &path).args(npm)).with_context(|| {
                format!(
                    "installing what {} names, which needs npm's registry",
                    manifest.display()
                )
            })?;
        }
        Ok(())
    })?;
    Ok(place.join(PACKAGES))
}
