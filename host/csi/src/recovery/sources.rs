//! The mounts of the clients themselves, from which volumes are published.
//!
//! A client that has crashed leaves a dead mount at its path, and no event tells of the death. Many
//! clients do not start where such a mount is, so it is unmounted for them. Pods keep theirs, since
//! their file system is still recognized by it.
//!
//! A client that ends late can unmount the mount of its successor. That goes on, since pods have its
//! file system mounted, but nobody else gets it any more, and the successor does not know. So the
//! mount is copied back from a pod. A client that ends properly unmounts its own mount a moment
//! before it ends: a mount must therefore be missing twice, and the process answer.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::orphans::clear_if_dead;
use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::mount::mountinfo::{Mount, Table};
use crate::mount::probe::Answer;
use crate::mount::target::{Found, Target};
use crate::volume::attributes::Source;
use crate::volume::published::Record;

/// Looks after the mounts of all clients whose volumes are published, until `stop`.
pub(super) async fn run(context: &Arc<Context>, stop: &CancellationToken) {
    let mut rounds = interval(context.config.probe_interval);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut missing = HashSet::new();
    // The last reported error of each path, which is not reported again.
    let mut reported = HashMap::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = rounds.tick() => missing = round(context, &missing, &mut reported).await,
        }
    }
}

/// Looks at each client's mount once. Returns the paths without one.
async fn round(
    context: &Arc<Context>,
    missing: &HashSet<PathBuf>,
    reported: &mut HashMap<PathBuf, String>,
) -> HashSet<PathBuf> {
    let mut sources = BTreeMap::<PathBuf, Vec<Arc<Record>>>::new();
    for record in context.records.all() {
        sources
            .entry(record.source.fluid_path.clone())
            .or_default()
            .push(record);
    }
    reported.retain(|path, _| sources.contains_key(path));
    // A file system that does not answer must not delay the others.
    let mut tasks = JoinSet::new();
    for (path, records) in sources {
        let (context, was_missing) = (context.clone(), missing.contains(&path));
        tasks.spawn(async move {
            let is_missing = look(&context, &path, &records, was_missing).await;
            (path, is_missing)
        });
    }
    let mut now_missing = HashSet::new();
    while let Some(looked) = tasks.join_next().await {
        match looked {
            Ok((path, Ok(is_missing))) => {
                reported.remove(&path);
                if is_missing {
                    now_missing.insert(path);
                }
            }
            Ok((path, Err(error))) => {
                let message = error.to_string();
                if reported.get(&path) != Some(&message) {
                    tracing::warn!(path = %path.display(), %error, "a client's mount is not looked after");
                    reported.insert(path, message);
                }
            }
            Err(error) => tracing::error!(%error, "a look at a client's mount ended unexpectedly"),
        }
    }
    now_missing
}

/// Looks after the mount at a client's path. Returns whether none is there.
async fn look(context: &Arc<Context>, path: &Path, records: &[Arc<Record>], was_missing: bool) -> Result<bool, Error> {
    if clear_if_dead(context, &Source::at(path)).await? {
        let why = "answers with a stale file handle; it stays, since it may come back and pods have it mounted";
        return Err(Error::NotReady(format!("{} {why}", path.display())));
    }
    let path = context.mount_root.canonical(path)?;
    let table = Table::read().attempt("reading the mounts for", &path)?;
    if table.count(&path) > 0 {
        return Ok(false);
    }
    if !was_missing {
        return Ok(true);
    }
    for mount in copies(&table, records) {
        if put_back(context, &path, mount).await? {
            tracing::warn!(path = %path.display(), from = %mount.mount_point.display(),
                "mounted a client's file system again that somebody else had unmounted");
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns the mounts in pods that show the whole file system of a client, writable ones first. Only
/// of FUSE it is certain that its process lives if it answers. What is mounted below a client's path
/// is another file system, however whole it is.
fn copies<'a>(table: &'a Table, records: &[Arc<Record>]) -> Vec<&'a Mount> {
    let mount = |record: &Arc<Record>| {
        let mount = table.top(&record.target)?;
        let is_whole = record.source.sub_path.as_os_str().is_empty()
            && mount.root == Path::new("/")
            && mount.is_fuse()
            && mount.is_of_type(&record.source.mount_type);
        is_whole.then_some(mount)
    };
    let mut found: Vec<&Mount> = records.iter().filter_map(mount).collect();
    found.sort_by_key(|mount| mount.is_read_only());
    found
}

/// Copies a mount in a pod to the client's path if its process answers. Returns whether it did so.
async fn put_back(context: &Arc<Context>, path: &Path, mount: &Mount) -> Result<bool, Error> {
    let seen = Source::at(&mount.mount_point);
    let answer = context.prober.open_below(&context.kubelet, &seen, Some(&mount.device));
    let Answer::Here(opened) = answer.await? else {
        return Ok(false);
    };
    let only_in_pod = mount.is_read_only() && !mount.is_of_read_only_file_system();
    let path = path.to_owned();
    context
        .blocking(move |context| {
            // Whoever removes a client's directory wants it gone.
            let Some(target) = Target::find(&context.mount_root, &path)? else {
                return Ok(false);
            };
            let table = Table::read().attempt("reading the mounts for", &path)?;
            if table.count(target.path()) > 0 || target.found()? != Found::Directory {
                return Ok(false);
            }
            let prepared = context.workbench.prepare(&opened, false)?;
            if only_in_pod {
                prepared.make_writable()?;
            }
            prepared.attach(&target)?;
            Ok(true)
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_file_systems_of_living_processes_are_copied() {
        let lines = [
            "1 0 0:9 / /k/whole ro - fuse.juicefs JuiceFS:x rw",
            "2 0 0:9 / /k/writable rw - fuse.juicefs JuiceFS:x rw",
            "3 0 0:9 /sub /k/part rw - fuse.juicefs JuiceFS:x rw",
            "4 0 0:8 / /k/other rw - fuse.other other rw",
            "5 0 0:7 / /k/disk rw - ext4 JuiceFS:x rw",
            "6 0 0:6 / /k/below rw - fuse.juicefs JuiceFS:y rw",
        ];
        let table = Table::parse(lines.join("\n").as_bytes());
        let record = |name: &&str| {
            Arc::new(Record {
                volume_id: "v".to_owned(),
                target: Path::new("/k").join(name),
                source: Source {
                    mount_type: "JuiceFS".to_owned(),
                    sub_path: if *name == "below" { "y".into() } else { PathBuf::new() },
                    ..Source::at(Path::new("/m"))
                },
                read_only: false,
                symlink: false,
                runtime: None,
            })
        };
        let records: Vec<_> = ["whole", "writable", "part", "other", "disk", "below", "absent"]
            .iter()
            .map(record)
            .collect();
        let found: Vec<u32> = copies(&table, &records).iter().map(|mount| mount.id).collect();
        assert_eq!(found, [2, 1]);
    }
}
