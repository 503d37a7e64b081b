//! What is left behind: records of targets that are gone or unmounted, and dead mounts of fuse pods.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::mount;
use crate::mount::mountinfo::{Mount, Table};
use crate::mount::probe::Answer;
use crate::mount::target::{Found, Target};
use crate::volume::attributes::Source;
use crate::volume::published::Record;

/// How long a kernel mount must have been stale until it is unmounted for the next client.
const STALE: Duration = Duration::from_secs(120);
/// The most dead mounts on one path: with more, something else must be wrong.
const MOST_STACKED: usize = 256;

/// Removes records of targets that no longer exist, with their anchors. Must be called before
/// volumes are published, because an anchor without a record is taken for one of these.
///
/// # Errors
/// A record or an anchor cannot be removed.
pub fn forget_gone(context: &Context) -> Result<(), Error> {
    for record in context.records.all() {
        if Target::find(&context.kubelet, &record.target)?.is_none() {
            tracing::info!(target = %record.target.display(), "removing the record of a target that no longer exists");
            context.records.remove(&record.target)?;
        }
    }
    let records = context.records.all();
    let is_recorded = |volume: &Path| context.records.get(volume).is_some();
    context.unfinished.retain(is_recorded)?;
    context
        .anchors
        .retain(records.iter().map(|record| record.target.as_path()))
}

/// Removes records of targets that somebody else has unmounted. Whoever has done so may be deleting
/// the directory, so nothing is mounted there again; the kubelet repeats a call that it still wants.
/// The anchors stay until the volume is unpublished, since containers may still see their mounts.
///
/// # Errors
/// A record cannot be removed, or the table of mounts cannot be read.
pub(super) fn forget_unmounted(context: &Context) -> Result<(), Error> {
    let read = || Table::read().attempt("reading", "/proc/self/mountinfo");
    let is_bare = |table: &Table, record: &Record| {
        !record.symlink && table.count(&record.target) == 0 && !context.unfinished.has(&record.target)
    };
    let table = read()?;
    for record in context.records.all() {
        let parts = context.unfinished.of(&record.target);
        if !is_bare(&table, &record) && parts.is_empty() {
            continue;
        }
        // A call that holds it mounts or unmounts it.
        let Some(_held) = context.locks.take_for_recovery(record.target.to_string_lossy()) else {
            continue;
        };
        for part in parts {
            let target = Target::find(&context.kubelet, &part.target)?;
            if target
                .map(|target| target.found())
                .transpose()?
                .unwrap_or(Found::Nothing)
                == Found::Nothing
            {
                context.unfinished.remove(&part.target)?;
            }
        }
        if is_bare(&read()?, &record) {
            tracing::info!(target = %record.target.display(), "somebody else has unmounted a volume, which stays so");
            context.records.remove(&record.target)?;
            context.unfinished.retain(|volume| volume != record.target)?;
        }
    }
    Ok(())
}

/// Unmounts dead file systems below the mount root that no pod on this node has mounted.
///
/// # Errors
/// The table of mounts cannot be read.
pub(super) async fn clear_dead(context: &Arc<Context>) -> Result<(), Error> {
    let table = Table::read().attempt("reading", "/proc/self/mountinfo")?;
    let used: HashSet<PathBuf> = context
        .records
        .all()
        .iter()
        .filter_map(|record| context.mount_root.canonical(&record.source.fluid_path).ok())
        .collect();
    let candidates: HashSet<&PathBuf> = table
        .iter()
        .filter(|mount| mount.is_fuse())
        .map(|mount| &mount.mount_point)
        .filter(|path| context.mount_root.relative(path).is_ok() && !used.contains(*path))
        .collect();
    for path in candidates {
        if let Err(error) = clear_if_dead(context, &Source::at(path)).await {
            tracing::warn!(path = %path.display(), %error, "a dead mount stays");
        }
    }
    Ok(())
}

/// Unmounts the mounts at a source's path as long as they are dead. Pods keep theirs, by which they
/// get the next one. Returns whether the one that is left is a stale one.
///
/// # Errors
/// The path is refused, or a system call fails.
pub async fn clear_if_dead(context: &Arc<Context>, source: &Source) -> Result<bool, Error> {
    let path = context.mount_root.canonical(&source.fluid_path)?;
    for _ in 0..MOST_STACKED {
        let table = Table::read().attempt("reading the mounts for", &path)?;
        let Some(top) = table.top(&path) else { break };
        match ask(context, source, top).await? {
            Answer::Dead => {}
            Answer::Stale => return Ok(true),
            _ => break,
        }
        tracing::info!(path = %path.display(), "unmounting a dead file system");
        if !unmount(context, &path, top.id).await? {
            break;
        }
    }
    Ok(false)
}

/// Unmounts the kernel mounts at a source's path if they have been stale for long, which would keep
/// the next client from mounting there. While a pod has it mounted, it stays: it may come back,
/// whereas its client would not mount it again.
///
/// # Errors
/// Returns [`Error::NotReady`] if it has not been stale for long. The path is refused, or a system
/// call fails.
pub async fn clear_if_stale(context: &Arc<Context>, source: &Source) -> Result<(), Error> {
    let path = context.mount_root.canonical(&source.fluid_path)?;
    for _ in 0..MOST_STACKED {
        let table = Table::read().attempt("reading the mounts for", &path)?;
        let top = table.top(&path).filter(|top| !top.is_fuse());
        let Some(top) = top.filter(|_| !is_published(context, &path)) else {
            break;
        };
        let Answer::Stale = ask(context, source, top).await? else {
            break;
        };
        if context.staleness.note(&path, top.id, Instant::now()) < STALE {
            return Err(Error::NotReady(format!(
                "{} answers with a stale file handle on node {}: it may come back, and is unmounted for the next \
                 client once it has been so for {STALE:?}",
                path.display(),
                context.config.node_id,
            )));
        }
        tracing::warn!(path = %path.display(), "unmounting a file system that has been stale for long");
        if !unmount(context, &path, top.id).await? {
            break;
        }
    }
    context.staleness.forget(&path);
    Ok(())
}

/// Returns whether a pod on this node has the file system mounted that is at a path, or one below.
fn is_published(context: &Context, path: &Path) -> bool {
    let sources = context.records.all();
    sources
        .iter()
        .filter_map(|record| context.mount_root.canonical(&record.source.fluid_path).ok())
        .any(|source| source.starts_with(path))
}

/// Asks the mount at a source's path whether it answers.
async fn ask(context: &Context, source: &Source, mount: &Mount) -> Result<Answer, Error> {
    let whole = Source {
        sub_path: PathBuf::new(),
        ..source.clone()
    };
    context.prober.open(&whole, Some(&mount.device)).await
}

/// Unmounts the mount with this number. Returns whether it was there.
async fn unmount(context: &Arc<Context>, path: &Path, id: u32) -> Result<bool, Error> {
    let path = path.to_owned();
    context
        .blocking(move |context| match Target::find(&context.mount_root, &path)? {
            Some(target) => mount::unmount_only(id, target.path(), &target.handle()),
            None => Ok(false),
        })
        .await
}
