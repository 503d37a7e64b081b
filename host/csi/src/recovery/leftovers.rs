//! The labels of clients, which stay mounted on the node when their containers have ended.
//!
//! Clients of Fluid, and of earlier versions of Wasser, have their labels mounted next to their file
//! system, in a directory that passes mounts on to the node. Nobody takes them off there: each start
//! of a container leaves one more.

use std::collections::BTreeSet;
use std::path::Path;

use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::mount;
use crate::mount::mountinfo::Table;
use crate::mount::target::Target;

/// Where the labels are mounted, next to the file system.
const LABELS: &str = ".meta/fuse";
/// The type of the file systems of the downward API.
const TYPE: &str = "tmpfs";

/// Unmounts the labels of all clients that are not there. Those of others are still read.
///
/// # Errors
/// The table of mounts cannot be read.
pub(super) fn clear(context: &Context) -> Result<(), Error> {
    let table = Table::read().attempt("reading", "/proc/self/mountinfo")?;
    let found: BTreeSet<&Path> = table
        .iter()
        .filter(|mount| mount.fs_type == TYPE && mount.mount_point.ends_with(LABELS))
        .map(|mount| mount.mount_point.as_path())
        .filter(|path| context.mount_root.relative(path).is_ok())
        .collect();
    let is_left = |path: &&&Path| {
        let parent = path.ancestors().nth(2);
        !table.iter().any(|mount| mount.mount_point.parent() == parent)
    };
    for path in found.iter().filter(is_left) {
        if let Err(error) = unmount(context, path) {
            tracing::warn!(path = %path.display(), %error, "labels of clients stay mounted");
        }
    }
    Ok(())
}

/// Unmounts the labels next to the mount of clients that leave.
///
/// # Errors
/// The path is refused, or a system call fails.
pub fn clear_at(context: &Context, fluid_path: &Path) -> Result<(), Error> {
    match fluid_path.parent() {
        Some(parent) => unmount(context, &context.mount_root.canonical(&parent.join(LABELS))?),
        None => Ok(()),
    }
}

fn unmount(context: &Context, path: &Path) -> Result<(), Error> {
    loop {
        let table = Table::read().attempt("reading the mounts for", path)?;
        let Some(top) = table.top(path).filter(|top| top.fs_type == TYPE) else {
            return Ok(());
        };
        let Some(target) = Target::find(&context.mount_root, path)? else {
            return Ok(());
        };
        if !mount::unmount_only(top.id, target.path(), &target.handle())? {
            return Ok(());
        }
    }
}
