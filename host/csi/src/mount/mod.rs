//! Mounts: the table of them, system calls, and the paths that they may touch.
//!
//! A bind mount is prepared on a *workbench* before anybody sees it, for two reasons. Read-only
//! must be set there: set on a mount that has already spread to the node, it would only hold in the
//! node plugin's own mount namespace. And the mount must leave the peer group of the fuse pod's
//! mount. Inside it, each change of one pod's mount would happen to those of all others, and a fuse
//! pod that mounts over its own dead mount would stack mounts in every container.
//!
//! # Invariants
//! * A path from a volume or a request is opened below its root first ([`paths`], [`target`]), and
//!   system calls work on the open directory. A path that is replaced meanwhile leads nowhere else.
//! * The table of mounts ([`mountinfo`]) is read again for each decision: other processes mount and
//!   unmount too.
//! * A file system is asked whether it answers in a thread for each question ([`probe`]), because a
//!   hung one never returns.
//! * Nothing that is mounted here ends with the process, except for the workbench.

pub mod mountinfo;
pub mod paths;
pub mod probe;
pub mod staleness;
pub mod target;
pub mod watch;

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, StatxFlags, open, statx};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount, mount_bind, mount_change,
    mount_remount, move_mount, open_tree, unmount,
};

use crate::error::{Attempt, Error};
use crate::mount::mountinfo::Table;
use crate::mount::target::Target;

/// The number of attempts to unmount a mount while others mount on it.
const RACES: usize = 8;

/// A place to prepare mounts: a small file system, private to the mount namespace of the node
/// plugin.
#[derive(Debug)]
pub struct Workbench {
    directory: PathBuf,
    next: AtomicU64,
}

impl Workbench {
    /// Sets up a workbench in a directory, which is created if it is missing.
    ///
    /// # Errors
    /// The directory cannot be created or mounted on, usually for lack of privileges.
    pub fn new(directory: &Path) -> Result<Self, Error> {
        fs::create_dir_all(directory).attempt("making directory", directory)?;
        let directory = directory.canonicalize().attempt("finding", directory)?;
        // The workbench of an earlier process in this namespace may hold mounts that it was about
        // to attach.
        unmount_all(&directory, &directory)?;
        mount(
            "wasser-csi",
            &directory,
            "tmpfs",
            MountFlags::NOSUID | MountFlags::NODEV,
            c"size=64k,mode=0700",
        )
        .attempt("mounting the workbench at", &directory)?;
        mount_change(&directory, MountPropagationFlags::PRIVATE).attempt("making private", &directory)?;
        Ok(Self {
            directory,
            next: AtomicU64::new(0),
        })
    }

    /// Prepares a bind mount of an open directory or file.
    ///
    /// # Errors
    /// A system call fails.
    pub fn prepare(&self, source: &OwnedFd, read_only: bool) -> Result<Prepared, Error> {
        let path = self
            .directory
            .join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        // The kernel knows the type. A file system that was asked for it could hang by now, and the
        // caller with it.
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        let stat = statx(source, c"", flags, StatxFlags::TYPE).attempt("looking at the source of", &path)?;
        match FileType::from_raw_mode(stat.stx_mode.into()) {
            FileType::Directory => fs::create_dir(&path),
            _ => fs::File::create(&path).map(drop),
        }
        .attempt("making", &path)?;
        // From here on, dropping it cleans up.
        let prepared = Prepared { path };
        let path = &prepared.path;
        let from = format!("/proc/self/fd/{}", source.as_raw_fd());
        mount_bind(from, path).attempt("binding to the workbench", path)?;
        mount_change(path, MountPropagationFlags::PRIVATE).attempt("making private", path)?;
        if read_only {
            let flags = kept_flags(path)? | MountFlags::BIND | MountFlags::RDONLY;
            mount_remount(path, flags, c"").attempt("making read-only", path)?;
        }
        Ok(prepared)
    }
}

impl Drop for Workbench {
    fn drop(&mut self) {
        if let Err(error) = unmount_all(&self.directory, &self.directory) {
            tracing::warn!(%error, "the workbench stays mounted");
        }
    }
}

/// A bind mount that can be attached, to several targets if need be.
#[derive(Debug)]
pub struct Prepared {
    path: PathBuf,
}

impl Prepared {
    /// Lets everybody write who could write to the file system.
    ///
    /// # Errors
    /// A system call fails.
    pub fn make_writable(&self) -> Result<(), Error> {
        let flags = kept_flags(&self.path)? | MountFlags::BIND;
        mount_remount(&self.path, flags, c"").attempt("making writable", &self.path)
    }

    /// Mounts it on a target, on top of an existing mount.
    ///
    /// # Errors
    /// A system call fails.
    pub fn attach(&self, target: &Target) -> Result<(), Error> {
        attach(&self.tree()?, target, MoveMountFlags::empty()).attempt("mounting on", target.path())
    }

    /// Mounts it on a target beneath the existing mount, which continues to hide it. Returns false
    /// if the kernel cannot do so (before Linux 6.5).
    ///
    /// # Errors
    /// A system call fails for another reason.
    pub fn attach_beneath(&self, target: &Target) -> Result<bool, Error> {
        match attach(&self.tree()?, target, MoveMountFlags::MOVE_MOUNT_BENEATH) {
            Ok(()) => Ok(true),
            Err(Errno::INVAL) => Ok(false),
            Err(error) => Err(Error::io("mounting beneath", target.path(), error)),
        }
    }

    fn tree(&self) -> Result<OwnedFd, Error> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        open_tree(CWD, &self.path, flags).attempt("copying", &self.path)
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        // It is not mounted if preparing failed: then there is only the mount point.
        if let Err(error) = unmount(&self.path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)
            && error != Errno::INVAL
        {
            tracing::warn!(%error, path = %self.path.display(), "a prepared mount stays");
        }
        let removed = fs::remove_dir(&self.path).or_else(|_| fs::remove_file(&self.path));
        if let Err(error) = removed {
            tracing::warn!(%error, path = %self.path.display(), "a mount point on the workbench stays");
        }
    }
}

/// Copies the top mount of one target onto another. The copy is in the same peer group: a mount on
/// the one appears on the other, and on all copies in containers.
///
/// # Errors
/// A system call fails.
pub fn copy(from: &Target, to: &Target) -> Result<(), Error> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    let tree = open_tree(from.parent(), from.name(), flags).attempt("copying", from.path())?;
    attach(&tree, to, MoveMountFlags::empty()).attempt("mounting on", to.path())
}

fn attach(tree: &OwnedFd, target: &Target, how: MoveMountFlags) -> Result<(), Errno> {
    move_mount(
        tree,
        c"",
        target.parent(),
        target.name(),
        how | MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    )
}

/// Unmounts the top mount of a path: properly if possible, else as soon as nobody uses it any more.
/// A path without a mount is not an error.
///
/// # Errors
/// A system call fails.
pub fn unmount_top(path: &Path) -> Result<(), Error> {
    match unmount(path, UnmountFlags::NOFOLLOW) {
        Ok(()) | Err(Errno::INVAL | Errno::NOENT) => return Ok(()),
        Err(error) => tracing::debug!(%error, path = %path.display(), "unmounting lazily"),
    }
    match unmount(path, UnmountFlags::NOFOLLOW | UnmountFlags::DETACH) {
        Ok(()) | Err(Errno::INVAL | Errno::NOENT) => Ok(()),
        Err(error) => Err(Error::io("unmounting", path, error)),
    }
}

/// Unmounts the top mount of a path if it is the one with this number, and not one that came on top
/// of it meanwhile. Returns whether it was. System calls get `handle`, while mountinfo shows
/// `path`.
///
/// # Errors
/// A system call fails.
pub fn unmount_only(id: u32, path: &Path, handle: &Path) -> Result<bool, Error> {
    for _ in 0..RACES {
        // With this flag, the kernel unmounts a mount only if it has marked this very mount before.
        let outcome = unmount(handle, UnmountFlags::NOFOLLOW | UnmountFlags::EXPIRE);
        let table = Table::read().attempt("reading the mounts for", path)?;
        match outcome {
            Ok(()) => return Ok(true),
            Err(Errno::INVAL | Errno::NOENT) => return Ok(false),
            Err(_) if table.top(path).is_none_or(|top| top.id != id) => return Ok(false),
            // It is marked now.
            Err(Errno::AGAIN) => {}
            // Somebody uses it, in whatever mount namespace.
            Err(_) => return detach_only(id, path, handle),
        }
    }
    Ok(false)
}

/// Takes the mount with this number off its path, though it is used. Another one that is on top by
/// now stays, since the system call gets the mount that is open and not the path.
fn detach_only(id: u32, path: &Path, handle: &Path) -> Result<bool, Error> {
    // The file system is not asked.
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = match open(handle, flags, Mode::empty()) {
        Ok(opened) => opened,
        Err(Errno::NOENT) => return Ok(false),
        Err(error) => return Err(Error::io("opening", path, error)),
    };
    let known = format!("/proc/self/fdinfo/{}", opened.as_raw_fd());
    let text = fs::read_to_string(&known).attempt("reading", &known)?;
    let number = text.lines().find_map(|line| line.strip_prefix("mnt_id:"));
    if number.and_then(|number| number.trim().parse().ok()) != Some(id) {
        return Ok(false);
    }
    match unmount(format!("/proc/self/fd/{}", opened.as_raw_fd()), UnmountFlags::DETACH) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL) => Ok(false),
        Err(error) => Err(Error::io("unmounting", path, error)),
    }
}

/// Unmounts everything on a path, however many mounts are stacked there. System calls get `handle`,
/// while mountinfo shows `path`.
///
/// # Errors
/// Something stays mounted.
pub fn unmount_all(path: &Path, handle: &Path) -> Result<(), Error> {
    let read = || Table::read().attempt("reading the mounts for", path);
    let mut left = read()?.count(path);
    while left > 0 {
        unmount_top(handle)?;
        let now = read()?.count(path);
        if now >= left {
            return Err(Error::io("unmounting", path, Errno::BUSY));
        }
        left = now;
    }
    Ok(())
}

/// Returns the flags of a mount that must stay when it is made read-only.
fn kept_flags(path: &Path) -> Result<MountFlags, Error> {
    let table = Table::read().attempt("reading the mounts for", path)?;
    let options = table.top(path).map(|mount| mount.options.clone()).unwrap_or_default();
    let known = [
        ("nosuid", MountFlags::NOSUID),
        ("nodev", MountFlags::NODEV),
        ("noexec", MountFlags::NOEXEC),
        ("noatime", MountFlags::NOATIME),
        ("nodiratime", MountFlags::NODIRATIME),
        ("relatime", MountFlags::RELATIME),
        ("nosymfollow", MountFlags::NOSYMFOLLOW),
    ];
    let set = |flags: MountFlags, option: &str| {
        known
            .iter()
            .find(|(name, _)| *name == option)
            .map_or(flags, |(_, flag)| flags | *flag)
    };
    Ok(options.split(',').fold(MountFlags::empty(), set))
}

/// Returns whether a mount that this process makes on a path reaches the node and its other mount
/// namespaces.
pub fn is_shared(table: &Table, path: &Path) -> bool {
    table.containing(path).is_some_and(|mount| mount.shared.is_some())
}
