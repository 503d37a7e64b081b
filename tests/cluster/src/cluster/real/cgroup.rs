//! The cgroup that all pods of a node are in.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::machine::process::wait;

/// Where the kernel's cgroups are.
const MOUNT: &str = "/sys/fs/cgroup";
/// The controllers that the kubelet insists on.
const CONTROLLERS: [&str; 4] = ["cpu", "cpuset", "memory", "pids"];
/// How long the kernel may take to see that the processes in a cgroup are gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// Returns the kubelet's name for the cgroup of a cluster.
pub fn path(name: &str) -> String {
    format!("/{}", folder(name))
}

fn folder(name: &str) -> String {
    format!("wasser-{name}")
}

/// Returns the hierarchies: one of version 2, or one for each controller of version 1.
pub fn hierarchies() -> Result<Vec<PathBuf>> {
    let mount = PathBuf::from(MOUNT);
    if mount.join("cgroup.controllers").is_file() {
        return Ok(vec![mount]);
    }
    let mut all = Vec::new();
    for entry in fs::read_dir(&mount).with_context(|| format!("reading {MOUNT}"))? {
        let path = entry.with_context(|| format!("reading {MOUNT}"))?.path();
        // Some hierarchies have a second name.
        if path.join("cgroup.procs").is_file() && !path.is_symlink() {
            all.push(path);
        }
    }
    Ok(all)
}

/// Tries to enable the controllers that the kubelet insists on in cgroups of version 2, and returns
/// those that are still missing.
pub fn missing_controllers() -> Vec<&'static str> {
    let file = Path::new(MOUNT).join("cgroup.subtree_control");
    let lacks = |controller: &str| {
        let enabled = fs::read_to_string(&file).unwrap_or_default();
        !enabled.split_whitespace().any(|word| word == controller)
    };
    if !file.is_file() {
        return Vec::new();
    }
    let missing = CONTROLLERS.into_iter().filter(|controller| lacks(controller));
    // A controller that the kernel refuses is reported as missing below.
    missing
        .filter(|controller| fs::write(&file, format!("+{controller}")).is_err() || lacks(controller))
        .collect()
}

/// Creates the cgroup in each hierarchy, because the kubelet expects it there.
pub fn create(name: &str) -> Result<()> {
    for hierarchy in hierarchies()? {
        let path = hierarchy.join(folder(name));
        fs::create_dir_all(&path).with_context(|| format!("creating {}", path.display()))?;
    }
    Ok(())
}

/// Removes the cgroup and those in it. Its processes must have ended, but the kernel may not have
/// noticed yet.
pub fn remove(name: &str) -> Result<()> {
    for hierarchy in hierarchies()? {
        let path = hierarchy.join(folder(name));
        let mut last = None;
        let gone = wait(PATIENCE, || match remove_tree(&path) {
            Ok(()) => true,
            Err(error) => {
                last = Some(error);
                false
            }
        });
        if let (false, Some(error)) = (gone, last) {
            bail!("removing {}: {error}", path.display());
        }
    }
    Ok(())
}

/// `remove_dir_all` would try to delete the files, which the kernel does not allow and removes by
/// itself.
fn remove_tree(path: &Path) -> std::io::Result<()> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    match fs::remove_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
