//! Recovery: a fuse pod has died and come back; what pods have mounted is still the dead one's.
//!
//! A mount is out of date when its file system is not the one that is mounted at the fuse pod's path now: the device tells, which is exact, and holds
//! however mounts are shared. A fuse process that has died without a successor is left alone; there is nothing to mount. Everything is looked at
//! once at the start and then whenever a mount appears or goes; only what could not be repaired is tried again after a pause.
//!
//! How the new mount gets into containers that run already is told in [`crate::anchors`].

pub mod orphans;

use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::cluster::Recovered;
use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::mount;
use crate::mount::mountinfo::Table;
use crate::mount::probe::Answer;
use crate::mount::target::Target;
use crate::volume::attributes::Source;
use crate::volume::published::Record;

/// The pause before what could not be repaired is tried again: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// A mount that should be another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// What was published: the volume, of which this may be a part.
    volume: Arc<Record>,
    /// What should be mounted, where.
    wanted: Record,
    /// The file system that it should be of.
    device: String,
}

impl Place {
    /// Whether this is a part of the volume that the kubelet mounts for a `subPath`.
    fn is_part(&self) -> bool {
        self.wanted.target != self.volume.target
    }
}

/// Repairs mounts until it is told to stop.
pub async fn run(context: Arc<Context>, stop: CancellationToken) {
    let mut watch = context.watch.clone();
    let mut pause = PAUSES.0;
    // What was said about a target that could not be repaired, so as not to say it again.
    let mut said = HashMap::new();
    loop {
        watch.mark();
        let all_done = match pass(&context, &mut said).await {
            Ok(all_done) => all_done,
            Err(error) => {
                tracing::warn!(%error, "recovery");
                false
            }
        };
        let wait = async {
            if all_done {
                watch.changed().await;
                PAUSES.0
            } else {
                // Either way it is looked at again.
                drop(timeout(pause, watch.changed()).await);
                PAUSES.1.min(pause * 2)
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            next = wait => pause = next,
        }
    }
}

/// Looks at everything once. False if something is left that no change of mounts will announce.
async fn pass(context: &Arc<Context>, said: &mut HashMap<PathBuf, String>) -> Result<bool, Error> {
    let table = Table::read().attempt("reading", "/proc/self/mountinfo")?;
    let mut broken: BTreeMap<PathBuf, Vec<Place>> = BTreeMap::new();
    for record in context.records.all() {
        for place in out_of_date(context, &table, &record) {
            broken.entry(record.source.fluid_path.clone()).or_default().push(place);
        }
    }
    if broken.is_empty() {
        said.clear();
        return Ok(true);
    }
    // One file system that does not answer must not keep the others waiting.
    let mut tasks = JoinSet::new();
    for places in broken.into_values() {
        tasks.spawn(repair_all(context.clone(), places));
    }
    let (mut all_done, mut repaired) = (true, Vec::new());
    while let Some(results) = tasks.join_next().await {
        for (place, result) in results? {
            match result {
                Ok(true) => {
                    said.remove(&place.wanted.target);
                    tell(context, &place, Recovered::Succeeded);
                    repaired.push(place);
                }
                Ok(false) => all_done = false,
                Err(error) => {
                    all_done = false;
                    let message = error.to_string();
                    if said.insert(place.wanted.target.clone(), message.clone()).as_ref() != Some(&message) {
                        tell(context, &place, Recovered::Failed(message));
                    }
                }
            }
        }
    }
    if !repaired.is_empty() {
        context.blocking(move |context| prune(context, &repaired)).await?;
    }
    Ok(all_done)
}

/// The mounts of a volume in its pod that should be others.
fn out_of_date(context: &Context, table: &Table, record: &Arc<Record>) -> Vec<Place> {
    let Some(fuse) = context.fuse_mount(table, &record.source).filter(|_| !record.symlink) else {
        return Vec::new();
    };
    let parts = parts(table, &record.target).map(|part| {
        let directory = part.root.strip_prefix(&fuse.root).unwrap_or(&part.root);
        let sub_path = directory.strip_prefix("/").unwrap_or(directory).to_owned();
        let source = Source {
            sub_path,
            ..record.source.clone()
        };
        Record {
            target: part.mount_point.clone(),
            source,
            read_only: part.is_read_only(),
            ..Record::clone(record)
        }
    });
    let mut wanted: Vec<Record> = std::iter::once(Record::clone(record)).chain(parts).collect();
    wanted.dedup_by(|a, b| a.target == b.target);
    let is_wrong = |wanted: &Record| {
        let on_target = table.top(&wanted.target).is_some_and(|mount| mount.device == fuse.device) && table.count(&wanted.target) == 1;
        !on_target || !context.anchors.of(&record.target, &wanted.target).carry(table, &fuse.device)
    };
    let place = |wanted| Place {
        volume: record.clone(),
        wanted,
        device: fuse.device.clone(),
    };
    wanted.into_iter().filter(is_wrong).map(place).collect()
}

/// The parts of a volume that the kubelet has mounted for `subPath`s: `<pod>/volume-subpaths/<volume>/<container>/<index>`, for a volume at
/// `<pod>/volumes/kubernetes.io~csi/<volume>/mount`. The lowest mount at each, which is the one the kubelet made or this plugin put there.
fn parts<'a>(table: &'a Table, target: &Path) -> impl Iterator<Item = &'a crate::mount::mountinfo::Mount> + use<'a> {
    let volume = target.parent();
    let pod = volume.and_then(|volume| volume.ancestors().nth(3));
    let directory = pod
        .zip(volume.and_then(Path::file_name))
        .map(|(pod, name)| pod.join("volume-subpaths").join(name));
    table.iter().filter(move |mount| {
        let Some(directory) = &directory else { return false };
        mount.mount_point.starts_with(directory)
            && mount.mount_point.ancestors().nth(2) == Some(directory.as_path())
            && table.bottom(&mount.mount_point).is_some_and(|bottom| bottom.id == mount.id)
    })
}

async fn repair_all(context: Arc<Context>, places: Vec<Place>) -> Vec<(Place, Result<bool, Error>)> {
    let mut results = Vec::new();
    for place in places {
        let result = repair(&context, &place).await;
        if let Err(error) = &result {
            tracing::warn!(target = %place.wanted.target.display(), %error, "a dead mount stays");
        }
        results.push((place, result));
    }
    results
}

/// Repairs one mount. False if the file system is not ready, or another call works on the target.
async fn repair(context: &Arc<Context>, place: &Place) -> Result<bool, Error> {
    let Some(_held) = context.locks.take_for_recovery(place.volume.target.to_string_lossy()) else {
        return Ok(false);
    };
    let opened = match context.prober.open(&place.wanted.source, Some(&place.device)).await? {
        Answer::Here(opened) => opened,
        Answer::NoSubPath => {
            let sub_path = place.wanted.source.sub_path.display().to_string();
            return Err(Error::NoSubPath {
                sub_path,
                fluid_path: place.wanted.source.fluid_path.clone(),
            });
        }
        Answer::Dead | Answer::Silent | Answer::Nothing => return Ok(false),
    };
    let place = place.clone();
    context
        .blocking(move |context| {
            // While the file system was asked, the volume may have been unpublished, or the kubelet may have unmounted the part.
            let table = Table::read().attempt("reading the mounts for", &place.wanted.target)?;
            let gone = context.records.get(&place.volume.target).is_none_or(|known| known != place.volume)
                || (place.is_part() && table.count(&place.wanted.target) == 0);
            if gone || !out_of_date(context, &table, &place.volume).contains(&place) {
                return Ok(false);
            }
            let target = Target::make(&context.kubelet, &place.wanted.target)?;
            if !place.is_part() {
                target.make_directory()?;
            }
            put_in_place(context, &place.volume, &target, &opened)?;
            tracing::info!(target = %target.path().display(), "mounted anew");
            Ok(true)
        })
        .await
}

/// Makes an open directory the only mount on a target, and on its anchors. What is mounted there becomes an anchor.
///
/// # Errors
/// A system call fails. Nothing is lost then: the same call does the rest.
pub fn put_in_place(context: &Context, volume: &Record, target: &Target, opened: &OwnedFd) -> Result<(), Error> {
    let table = || Table::read().attempt("reading the mounts for", target.path());
    let read_only = match table()?.bottom(target.path()) {
        // Parts are not recorded; and a volume was mounted as its record says.
        Some(mount) if target.path() != volume.target => mount.is_read_only(),
        _ => volume.read_only,
    };
    let prepared = context.workbench.prepare(opened, read_only)?;
    let anchored = context.anchors.of(&volume.target, target.path());
    let mut left = table()?.count(target.path());
    if left == 0 {
        prepared.attach(target)?;
    }
    while left > 0 {
        anchored.keep(target)?;
        // A container that starts at this moment finds the old mount or the new one, but never the bare directory below.
        let beneath = left == 1 && prepared.attach_beneath(target)?;
        mount::unmount_top(&target.handle())?;
        if left == 1 && !beneath {
            prepared.attach(target)?;
        }
        left -= 1;
    }
    anchored.refresh(&prepared)
}

/// Removes anchors that no container needs any more.
fn prune(context: &Context, repaired: &[Place]) -> Result<(), Error> {
    let Some(users) = &context.users else { return Ok(()) };
    let groups = users.groups().attempt("reading the mounts of the node's processes in", "/proc")?;
    for place in repaired {
        // Whoever works on it now will be followed by another look.
        let Some(_held) = context.locks.take_for_recovery(place.volume.target.to_string_lossy()) else {
            continue;
        };
        context.anchors.of(&place.volume.target, &place.wanted.target).prune(&groups)?;
    }
    Ok(())
}

/// Writes an event, without making recovery wait for the API server.
fn tell(context: &Arc<Context>, place: &Place, how: Recovered) {
    let Some(runtime) = place.volume.runtime.clone() else { return };
    let (cluster, target) = (context.cluster.clone(), place.wanted.target.display().to_string());
    tokio::spawn(async move {
        if let Err(error) = cluster.recovered(&runtime, &target, &how).await {
            tracing::warn!(%error, "an event is lost");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_volume_are_found_and_those_of_others_are_not() {
        let lines = [
            "1 0 0:9 / /k/pods/u/volumes/kubernetes.io~csi/ns-a/mount rw - fuse x rw",
            "2 0 0:9 /sub /k/pods/u/volume-subpaths/ns-a/app/0 rw - fuse x rw",
            "3 2 0:9 /sub /k/pods/u/volume-subpaths/ns-a/app/0 rw - fuse x rw",
            "4 0 0:9 /sub /k/pods/u/volume-subpaths/ns-ab/app/0 rw - fuse x rw",
            "5 0 0:9 /sub /k/pods/v/volume-subpaths/ns-a/app/0 rw - fuse x rw",
            "6 0 0:9 /sub /k/pods/u/volume-subpaths/ns-a/app/0/deeper rw - fuse x rw",
        ];
        let table = Table::parse(lines.join("\n").as_bytes());
        let found: Vec<u32> = parts(&table, Path::new("/k/pods/u/volumes/kubernetes.io~csi/ns-a/mount"))
            .map(|mount| mount.id)
            .collect();
        assert_eq!(found, [2]);
        assert_eq!(parts(&table, Path::new("/mount")).count(), 0);
    }
}
