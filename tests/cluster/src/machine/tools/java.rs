//! Programs in Java: their jars from Maven's repository, and a small runtime of this machine's JDK.
//! Both are kept like the tools in Go.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use crate::machine::debian::{self, Need};
use crate::machine::{self, paths};

/// The modules of the runtime: all of Java's own interfaces, and those that widely used libraries
/// need in addition.
const MODULES: &str = "java.se,jdk.crypto.ec,jdk.management,jdk.net,jdk.security.auth,jdk.unsupported,jdk.zipfs";

/// Where both are.
#[derive(Debug, Clone)]
pub struct Java {
    /// A directory of jars.
    pub jars: PathBuf,
    /// A directory with `bin/java`.
    pub runtime: PathBuf,
}

impl Java {
    /// Returns what `tests/cluster/programs/NAME/pom.xml` asks for, from the cache or fetched.
    pub fn ensure(name: &str) -> Result<Self> {
        let pom = paths::root().join("tests/cluster/programs").join(name).join("pom.xml");
        let directory = paths::cache()?.join("tools").join(format!("{name}-{}", key(&pom)?));
        let java = Self {
            jars: directory.join("jars"),
            runtime: directory.join("runtime"),
        };
        fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
        // Two commands at the same time work one after the other, and the second finds it done.
        let lock = File::create(directory.join("lock")).context("creating a lock file in the cache")?;
        flock(&lock, FlockOperation::LockExclusive).context("waiting for another command that fetches the same")?;
        let unfinished = directory.join("unfinished");
        for (wanted, make) in [
            (&java.jars, fetch as fn(&Path, &Path) -> Result<()>),
            (&java.runtime, link),
        ] {
            if wanted.is_dir() {
                continue;
            }
            if unfinished.exists() {
                fs::remove_dir_all(&unfinished).with_context(|| format!("removing {}", unfinished.display()))?;
            }
            make(&pom, &unfinished)?;
            fs::rename(&unfinished, wanted).with_context(|| format!("moving {} into place", wanted.display()))?;
        }
        Ok(java)
    }

    /// Returns every file of a directory and of those below it, with its path from there.
    pub fn files(directory: &Path) -> Result<Vec<(String, PathBuf)>> {
        let mut found = Vec::new();
        let mut open = vec![directory.to_owned()];
        while let Some(next) = open.pop() {
            for entry in fs::read_dir(&next).with_context(|| format!("reading {}", next.display()))? {
                let path = entry.with_context(|| format!("reading {}", next.display()))?.path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let name = path
                        .strip_prefix(directory)
                        .context("a file is outside of its directory")?;
                    found.push((name.display().to_string(), path));
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

fn key(pom: &Path) -> Result<String> {
    let mut digest = Sha256::new();
    digest.update(fs::read(pom).with_context(|| format!("reading {}", pom.display()))?);
    digest.update(MODULES);
    digest.update(std::env::consts::ARCH);
    Ok(digest
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// Fetches the jars from the repository that Maven is set up for.
fn fetch(pom: &Path, into: &Path) -> Result<()> {
    debian::require(Need::Maven)?;
    eprintln!("fetching the jars that {} names", pom.display());
    let mut maven = Command::new("mvn");
    maven
        .args(["--quiet", "--batch-mode", "--file"])
        .arg(pom)
        .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg(format!("-DoutputDirectory={}", into.display()));
    machine::run(&mut maven)
        .with_context(|| format!("fetching what {} names", pom.display()))
        .map(drop)
}

/// Builds the runtime, with the classes that every program loads prepared for a fast start.
fn link(_: &Path, into: &Path) -> Result<()> {
    debian::require(Need::Java)?;
    let mut jlink = Command::new("jlink");
    jlink
        .args(["--add-modules", MODULES])
        .args([
            "--strip-java-debug-attributes",
            "--no-man-pages",
            "--no-header-files",
            "--output",
        ])
        .arg(into);
    machine::run(&mut jlink).context("making a Java runtime of this machine's JDK")?;
    machine::run(Command::new(into.join("bin/java")).arg("-Xshare:dump"))
        .context("preparing the classes of the Java runtime")
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_in_every_directory() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("bin")).unwrap();
        for name in ["bin/java", "release"] {
            fs::write(directory.path().join(name), name).unwrap();
        }
        let files = Java::files(directory.path()).unwrap();
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["bin/java", "release"]);
        assert!(files.iter().all(|(name, path)| path.ends_with(name)));
    }

    #[test]
    fn the_key_depends_on_what_is_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let pom = directory.path().join("pom.xml");
        fs::write(&pom, "one").unwrap();
        let first = key(&pom).unwrap();
        fs::write(&pom, "another").unwrap();
        assert_ne!(first, key(&pom).unwrap());
    }
}
