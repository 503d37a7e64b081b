//! Anchors: the way of a new mount into containers that already run.
//!
//! A container has a copy of the mount that was on the target when it started. With mount
//! propagation, the copy receives what is mounted *on the original*, and nothing else: neither that
//! the original is unmounted nor what is mounted in its place. To repair a running container, the
//! dead original must therefore still exist somewhere, and the new mount must be mounted on it.
//! Mounting it on the target, on top of the dead one, would stack one mount for each death of the
//! fuse pod.
//!
//! The original matters, not its place. So a dead mount is copied away from the target to a
//! directory of the node plugin, the *anchor*. The copy is in the same peer group, hence as good as
//! the original, and the target is left with exactly one mount, the new one. The new mount is also
//! put on the anchor, from where it spreads to the containers that started with the dead one. When
//! it dies in turn, it becomes the next anchor, for containers that were started meanwhile, and is
//! replaced on the older anchors.
//!
//! # Invariants
//! * A target has one mount, an anchor two: a dead original, and the present mount on it.
//! * A container never has more than two mounts: the one with which it started, and the present one
//!   on it.
//! * Anchors are below the kubelet's root directory, where mounts reach the node, so they outlive
//!   the process.
//! * An anchor stays as long as a container lives that started with it ([`peers`] finds out), and
//!   no longer than its volume is published.

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
    /// The path of the mount points without the number at their end.
    prefix: PathBuf,
}

impl Anchors {
    /// Returns the anchors in a directory below the kubelet's root.
    pub fn new(root: Root, directory: PathBuf) -> Self {
        Self { root, directory }
    }

    /// Returns the directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the anchors of a target. `volume` is the target of the whole volume, of which
    /// `target` may be a part.
    pub fn of(&self, volume: &Path, target: &Path) -> Anchored<'_> {
        Anchored {
            anchors: self,
            prefix: self.of_volume(volume).join(fingerprint(target)),
        }
    }

    /// Removes all anchors of a volume's target and of its parts.
    ///
    /// # Errors
    /// An anchor cannot be removed.
    pub fn remove(&self, volume: &Path) -> Result<(), Error> {
        self.remove_directory(&self.of_volume(volume))
    }

    /// Removes the anchors of volumes that are no longer published. A process that was killed can
    /// leave some.
    ///
    /// # Errors
    /// An anchor cannot be removed, or the directory cannot be read.
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
    /// Copies what is mounted on top of the target to a new anchor. Returns false if that is not the
    /// file system with this device any more: without its mount, the target is a directory of the
    /// node, and what is mounted on a copy of that would appear on the target.
    ///
    /// # Errors
    /// A system call fails.
    pub fn keep(&self, target: &Target, device: &str) -> Result<bool, Error> {
        let read = || Table::read().attempt("reading the mounts for", target.path());
        let table = read()?;
        let number = self.list(&table).last().map_or(0, |(number, _)| number + 1);
        let anchor = Target::make(&self.anchors.root, &self.point(number))?;
        match target.found()? {
            Found::Directory => anchor.make_directory()?,
            _ => drop(fs::File::create(anchor.handle()).attempt("making", anchor.path())?),
        }
        mount::copy(target, &anchor)?;
        let is_kept = read()?.top(anchor.path()).is_some_and(|mount| mount.device == device);
        if !is_kept {
            self.anchors.remove_point(anchor.path())?;
        }
        Ok(is_kept)
    }

    /// Puts the present mount on every anchor, replacing its predecessor.
    ///
    /// # Errors
    /// A system call fails; the next call does the remaining anchors.
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

    /// Returns whether every anchor carries the file system with this device.
    pub fn carry(&self, table: &Table, device: &str) -> bool {
        self.list(table)
            .iter()
            .all(|(_, path)| table.count(path) == 2 && table.top(path).is_some_and(|mount| mount.device == device))
    }

    /// Removes the anchors whose peer groups are no longer in use. The newest anchor stays, because
    /// a container that is being created may be about to join its group.
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

    /// Returns the mounted anchors with their numbers, oldest first.
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

/// Returns the entries of a directory; none if it does not exist. It does not look at the entries
/// themselves, because their file systems may be dead.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    match fs::read_dir(directory) {
        Ok(entries) => entries
            .map(|entry| Ok(entry.attempt("reading", directory)?.path()))
            .collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io("reading", directory, error)),
    }
}
