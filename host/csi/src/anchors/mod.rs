//! Anchors: how a new mount reaches containers that already run.
//!
//! A container has a copy of what was mounted on the target when it started. With mount propagation, the copy receives what is mounted *on the
//! original*, and nothing else: neither that the original is unmounted nor what is mounted in its place. So to repair a running container, the
//! dead original must still be somewhere, and the new mount must be mounted on it. Mounting it on the target, on top of the dead one, is what
//! stacks mounts, one for each time that the fuse pod dies.
//!
//! What counts is the original, not where it is. So a dead mount is copied away from the target — the copy is in the same peer group, hence as
//! good as the original — to a directory of the node plugin's, the *anchor*, and the target is left with exactly one mount, the new one. The new mount
//! is also put on the anchor, from where it spreads to the containers that started with the dead one. When it dies in turn, it becomes the next
//! anchor, for containers that were started meanwhile, and is replaced on the older anchors. Containers thus never have more than two mounts: the
//! one that they started with, and the present one on it.
//!
//! An anchor is of use as long as a container lives that started with it; [`crate::anchors::peers`] finds out.

pub mod peers;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Attempt, Error};
use crate::mount::mountinfo::Table;
use crate::mount::paths::Root;
use crate::mount::target::{Found, Target};
use crate::mount::{self, Prepared};
use crate::volume::fingerprint::fingerprint;

/// The anchors of all targets.
#[derive(Debug, Clone)]
pub struct Anchors {
    root: Root,
    directory: PathBuf,
}

/// The anchors of one target.
#[derive(Debug, Clone)]
pub struct Anchored<'a> {
    anchors: &'a Anchors,
    /// What the names of the mount points begin with, before their number.
    prefix: PathBuf,
}

impl Anchors {
    /// Anchors below a directory of the kubelet's, where mounts reach the node and so outlive the node plugin.
    pub fn new(root: Root, directory: PathBuf) -> Self {
        Self { root, directory }
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The anchors of a target. `volume` is the target of the volume that it belongs to: the same, or for a mount of a part of the volume, the
    /// target of the whole.
    pub fn of(&self, volume: &Path, target: &Path) -> Anchored<'_> {
        Anchored {
            anchors: self,
            prefix: self.of_volume(volume).join(fingerprint(target)),
        }
    }

    /// Removes all anchors of a volume's target and of those of its parts.
    ///
    /// # Errors
    /// One stays.
    pub fn remove(&self, volume: &Path) -> Result<(), Error> {
        self.remove_directory(&self.of_volume(volume))
    }

    /// Removes anchors whose volumes are published no more, as a node plugin leaves them that was killed in between.
    ///
    /// # Errors
    /// One stays, or the directory cannot be read.
    pub fn retain<'a>(&self, volumes: impl Iterator<Item = &'a Path>) -> Result<(), Error> {
        let kept: HashSet<PathBuf> = volumes.map(|volume| self.of_volume(volume)).collect();
        for directory in entries(&self.directory)? {
            if !kept.contains(&directory) {
                self.remove_directory(&directory)?;
            }
        }
        Ok(())
    }

    fn of_volume(&self, volume: &Path) -> PathBuf {
        self.directory.join(fingerprint(volume))
    }

    fn remove_directory(&self, directory: &Path) -> Result<(), Error> {
        for point in entries(directory)? {
            self.remove_point(&point)?;
        }
        match fs::remove_dir(directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("removing", directory, error)),
            _ => Ok(()),
        }
    }

    fn remove_point(&self, point: &Path) -> Result<(), Error> {
        mount::unmount_all(point, point)?;
        let removed = if point.is_dir() {
            fs::remove_dir(point)
        } else {
            fs::remove_file(point)
        };
        removed.attempt("removing", point)
    }
}

impl Anchored<'_> {
    /// Copies what is mounted on top of the target to a new anchor.
    ///
    /// # Errors
    /// A system call fails.
    pub fn keep(&self, target: &Target) -> Result<(), Error> {
        let table = Table::read().attempt("reading the mounts for", target.path())?;
        let number = self.list(&table).last().map_or(0, |(number, _)| number + 1);
        let anchor = Target::make(&self.anchors.root, &self.point(number))?;
        match target.found()? {
            Found::Directory => anchor.make_directory()?,
            _ => drop(fs::File::create(anchor.handle()).attempt("making", anchor.path())?),
        }
        mount::copy(target, &anchor)
    }

    /// Puts the present mount on every anchor, in place of its predecessor.
    ///
    /// # Errors
    /// A system call fails; the remaining anchors were not attempted, but will be when this is called again.
    pub fn refresh(&self, present: &Prepared) -> Result<(), Error> {
        let table = Table::read().attempt("reading the mounts for", &self.prefix)?;
        for (_, path) in self.list(&table) {
            let Some(anchor) = Target::find(&self.anchors.root, &path)? else {
                continue;
            };
            for _ in 1..table.count(&path) {
                mount::unmount_top(&anchor.handle())?;
            }
            present.attach(&anchor)?;
        }
        Ok(())
    }

    /// Whether every anchor carries the file system with this device.
    pub fn carry(&self, table: &Table, device: &str) -> bool {
        self.list(table)
            .iter()
            .all(|(_, path)| table.count(path) == 2 && table.top(path).is_some_and(|mount| mount.device == device))
    }

    /// Removes anchors whose peer group nobody is in any more. The newest stays: a container that is just being made might be about to join.
    ///
    /// # Errors
    /// A system call fails.
    pub fn prune(&self, used: &HashSet<u32>) -> Result<(), Error> {
        let table = Table::read().attempt("reading the mounts for", &self.prefix)?;
        let mut list = self.list(&table);
        list.pop();
        for (_, path) in list {
            let group = table.bottom(&path).and_then(|mount| mount.shared);
            if group.is_none_or(|group| !used.contains(&group)) {
                self.anchors.remove_point(&path)?;
            }
        }
        Ok(())
    }

    /// The mounted anchors with their numbers, oldest first.
    fn list(&self, table: &Table) -> Vec<(u64, PathBuf)> {
        let number = |path: &Path| {
            let name = path.file_name()?.to_str()?;
            let stem = self.prefix.file_name()?.to_str()?;
            (path.parent() == self.prefix.parent()).then(|| name.strip_prefix(stem)?.strip_prefix('-')?.parse().ok())?
        };
        let mut found: Vec<(u64, PathBuf)> = table
            .iter()
            .filter_map(|mount| Some((number(&mount.mount_point)?, mount.mount_point.clone())))
            .collect();
        found.sort();
        found.dedup();
        found
    }

    fn point(&self, number: u64) -> PathBuf {
        let mut name = self.prefix.clone().into_os_string();
        name.push(format!("-{number}"));
        name.into()
    }
}

/// What is in a directory; nothing if it does not exist. The entries are not asked, they may be dead.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    match fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| Ok(entry.attempt("reading", directory)?.path())).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io("reading", directory, error)),
    }
}
