//! The targets that Fluid's node plugin mounted, which have no record.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::mount::mountinfo::{Mount, Table};
use crate::volume::attributes::Attributes;
use crate::volume::published::Record;

/// The first and the longest pause before targets are looked at again whose volumes the API server
/// did not return.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The kubelet's note next to a target.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VolumeData {
    driver_name: String,
    #[serde(rename = "specVolID")]
    volume: String,
}

/// Records targets that were mounted without a record, so that recovery includes them, until each
/// is recorded or cannot be. Reports each record to `adopted`.
pub(super) async fn run(context: &Arc<Context>, adopted: &Notify, stop: &CancellationToken) {
    let mut pause = PAUSES.0;
    // Targets whose volumes can never be recorded.
    let mut given_up = HashSet::new();
    loop {
        // The API server may take its time.
        let is_done = tokio::select! {
            () = stop.cancelled() => return,
            is_done = pass(context, &mut given_up, adopted) => is_done,
        };
        if is_done || timeout(pause, stop.cancelled()).await.is_ok() {
            return;
        }
        pause = PAUSES.1.min(pause * 2);
    }
}

/// Looks at each target once. Returns whether none is left.
async fn pass(context: &Arc<Context>, given_up: &mut HashSet<PathBuf>, adopted: &Notify) -> bool {
    let table = match Table::read() {
        Ok(table) => table,
        Err(error) => {
            tracing::warn!(%error, "mounts cannot be read, and targets without a record are not recovered");
            return false;
        }
    };
    let pods = context.kubelet.real().join("pods");
    let targets: HashSet<&Path> = table.iter().filter_map(|mount| target_of(&pods, mount)).collect();
    let mut is_done = true;
    for target in targets {
        if given_up.contains(target) || context.records.get(target).is_some() {
            continue;
        }
        match adopt(context, target).await {
            Ok(true) => adopted.notify_one(),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(target = %target.display(), %error, "a target without a record is not recovered");
                if matches!(error, Error::Cluster(_)) {
                    is_done = false;
                } else {
                    given_up.insert(target.to_owned());
                }
            }
        }
    }
    is_done
}

/// Records a target. Returns false if it is not one of this driver, or a call works on it, which
/// records it or removes it.
async fn adopt(context: &Arc<Context>, target: &Path) -> Result<bool, Error> {
    let Some(volume) = volume_at(target, &context.config.driver) else {
        return Ok(false);
    };
    let Some(found) = context.cluster.volume(&volume).await? else {
        return Ok(false);
    };
    let attributes = Attributes::parse(&found.attributes)?;
    let source = attributes.source()?.clone();
    let Some(_held) = context.locks.take_for_recovery(target.to_string_lossy()) else {
        return Ok(false);
    };
    let target = target.to_owned();
    context
        .blocking(move |context| {
            // It may have been published or unpublished while the API server was asked.
            let table = Table::read().attempt("reading the mounts for", &target)?;
            let Some(bottom) = table.bottom(&target).filter(|_| context.records.get(&target).is_none()) else {
                return Ok(false);
            };
            tracing::info!(target = %target.display(), volume, "recording a target that was mounted before");
            context.records.put(Record {
                volume_id: found.handle,
                read_only: bottom.is_read_only(),
                target,
                source,
                symlink: false,
                runtime: attributes.runtime,
            })?;
            Ok(true)
        })
        .await
}

/// Returns the mount point if it is that of a CSI volume in a pod.
fn target_of<'a>(pods: &Path, mount: &'a Mount) -> Option<&'a Path> {
    let parts: Vec<&str> = mount
        .mount_point
        .strip_prefix(pods)
        .ok()?
        .iter()
        .map(|part| part.to_str())
        .collect::<Option<_>>()?;
    matches!(parts[..], [_pod, "volumes", "kubernetes.io~csi", _volume, "mount"]).then_some(mount.mount_point.as_path())
}

/// Returns the name of the PersistentVolume at a target if it is of this driver.
fn volume_at(target: &Path, driver: &str) -> Option<String> {
    let text = std::fs::read(target.with_file_name("vol_data.json")).ok()?;
    let data: VolumeData = serde_json::from_slice(&text).ok()?;
    (data.driver_name == driver).then_some(data.volume)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DRIVER;

    #[test]
    fn only_targets_of_csi_volumes_are_adopted() {
        let text = "1 0 0:9 / /k/pods/u/volumes/kubernetes.io~csi/ns-a/mount rw - fuse x rw\n\
                    2 0 0:9 / /k/pods/u/volume-subpaths/ns-a/app/0 rw - fuse x rw\n\
                    3 0 0:9 / /k/pods/u/volumes/kubernetes.io~empty-dir/ns-a/mount rw - fuse x rw\n";
        let table = Table::parse(text.as_bytes());
        let found: Vec<_> = table
            .iter()
            .filter_map(|mount| target_of(Path::new("/k/pods"), mount))
            .collect();
        assert_eq!(found, [Path::new("/k/pods/u/volumes/kubernetes.io~csi/ns-a/mount")]);
    }

    #[test]
    fn the_kubelets_note_names_driver_and_volume() {
        let directory = tempfile::tempdir().unwrap();
        let note = r#"{"attachmentID":"x","driverName":"fuse.csi.fluid.io","nodeName":"n",
            "specVolID":"ns-a","volumeHandle":"ns-b"}"#;
        std::fs::write(directory.path().join("vol_data.json"), note).unwrap();
        let target = directory.path().join("mount");
        assert_eq!(volume_at(&target, DRIVER).as_deref(), Some("ns-a"));
        assert_eq!(volume_at(&target, "other"), None);
        assert_eq!(volume_at(Path::new("/nowhere/mount"), DRIVER), None);
    }
}
