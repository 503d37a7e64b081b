//! Mounts and records of earlier processes, and mounts of Fluid's node plugin.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::mount;
use crate::mount::mountinfo::{Mount, Table};
use crate::mount::probe::Answer;
use crate::mount::target::Target;
use crate::volume::attributes::{Attributes, Source};
use crate::volume::published::Record;

/// The most dead mounts on one path: with more, something else must be wrong.
const MOST_STACKED: usize = 256;

/// The kubelet's note next to a target.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VolumeData {
    driver_name: String,
    #[serde(rename = "specVolID")]
    volume: String,
}

/// Cleans up when the node plugin starts. Failures are logged, because they must not keep it from
/// serving pods.
pub async fn sweep(context: &Arc<Context>) {
    let warn = |what: &str, result: Result<(), Error>| {
        if let Err(error) = result {
            tracing::warn!(%error, "{what}");
        }
    };
    warn(
        "records of targets that no longer exist stay",
        context.blocking(forget_gone).await,
    );
    warn("targets without a record are not recovered", adopt(context).await);
    warn("dead mounts stay", clear_dead(context).await);
}

/// Removes records of targets that no longer exist, with their anchors.
fn forget_gone(context: &Context) -> Result<(), Error> {
    for record in context.records.all() {
        if Target::find(&context.kubelet, &record.target)?.is_none() {
            tracing::info!(target = %record.target.display(), "removing the record of a target that no longer exists");
            context.records.remove(&record.target)?;
        }
    }
    let records = context.records.all();
    context
        .anchors
        .retain(records.iter().map(|record| record.target.as_path()))
}

/// Records targets that were mounted without a record, so that recovery includes them.
async fn adopt(context: &Arc<Context>) -> Result<(), Error> {
    let table = Table::read().attempt("reading", "/proc/self/mountinfo")?;
    let pods = context.kubelet.real().join("pods");
    let targets: HashSet<&Path> = table.iter().filter_map(|mount| target_of(&pods, mount)).collect();
    for target in targets
        .into_iter()
        .filter(|target| context.records.get(target).is_none())
    {
        let Some(volume) = volume_at(target, &context.config.driver) else {
            continue;
        };
        let Some(found) = context.cluster.volume(&volume).await? else {
            continue;
        };
        let attributes = Attributes::parse(&found.attributes)?;
        let record = Record {
            volume_id: found.handle,
            target: target.to_owned(),
            source: attributes.source()?.clone(),
            read_only: table.bottom(target).is_some_and(Mount::is_read_only),
            symlink: false,
            runtime: attributes.runtime.clone(),
        };
        tracing::info!(target = %target.display(), volume, "recording a target that was mounted before");
        context.records.put(record)?;
    }
    Ok(())
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

/// Unmounts dead file systems below the mount root that no pod on this node has mounted.
async fn clear_dead(context: &Arc<Context>) -> Result<(), Error> {
    let table = Table::read().attempt("reading", "/proc/self/mountinfo")?;
    let used: HashSet<PathBuf> = context
        .records
        .all()
        .iter()
        .filter_map(|record| context.mount_root.canonical(&record.source.fluid_path).ok())
        .collect();
    let candidates: HashSet<&PathBuf> = table
        .iter()
        .filter(|mount| mount.fs_type.contains("fuse"))
        .map(|mount| &mount.mount_point)
        .filter(|path| context.mount_root.relative(path).is_ok() && !used.contains(*path))
        .collect();
    for path in candidates {
        let source = Source {
            fluid_path: path.clone(),
            mount_type: String::new(),
            sub_path: PathBuf::new(),
        };
        clear_if_dead(context, &source).await?;
    }
    Ok(())
}

/// Unmounts the mounts at a source's path as long as they are dead.
///
/// # Errors
/// The path is refused, or a system call fails.
pub async fn clear_if_dead(context: &Arc<Context>, source: &Source) -> Result<(), Error> {
    let path = context.mount_root.canonical(&source.fluid_path)?;
    let whole = Source {
        sub_path: PathBuf::new(),
        ..source.clone()
    };
    for _ in 0..MOST_STACKED {
        let table = Table::read().attempt("reading the mounts for", &path)?;
        let Some(top) = table.top(&path) else { return Ok(()) };
        if !matches!(context.prober.open(&whole, Some(&top.device)).await?, Answer::Dead) {
            return Ok(());
        }
        tracing::info!(path = %path.display(), "unmounting a dead file system");
        let (root, relative) = (context.mount_root.clone(), path.clone());
        context
            .blocking(move |_| match Target::find(&root, &relative)? {
                Some(target) => mount::unmount_top(&target.handle()),
                None => Ok(()),
            })
            .await?;
    }
    Ok(())
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
