//! Unstage: removes the node's label after the last pod with the volume has left, if the runtime's
//! clean policy says that the fuse pod leaves too.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxFlags, open, statx};
use tokio::time::timeout;
use wasser_api::ObjectKey;
use wasser_api::labels;
use wasser_api::shared::FuseCleanPolicy;

use super::required::required;
use crate::cluster::Volume;
use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::mount::mountinfo::Table;
use crate::mount::paths;
use crate::mount::target::{Found, Target};
use crate::service::proto::csi::NodeUnstageVolumeRequest;
use crate::volume::attributes::{Attributes, Source};

/// The most bytes of the file with the labels of a fuse pod that are read.
const LABELS: u64 = 64 << 10;

pub(super) async fn unstage(context: Arc<Context>, request: NodeUnstageVolumeRequest) -> Result<(), Error> {
    let id = required("volume_id", &request.volume_id)?;
    required("staging_target_path", &request.staging_target_path)?;
    let _held = context.locks.take(id).await?;
    let Some(served) = served(&context, id).await? else {
        return forget(&context, id).await;
    };
    let leaves = match context.cluster.clean_policy(&served.runtime).await? {
        None | Some(FuseCleanPolicy::Unset | FuseCleanPolicy::OnRuntimeDeleted) => false,
        Some(FuseCleanPolicy::OnDemand) => true,
        Some(FuseCleanPolicy::OnFuseChanged) => is_outdated(&context, &served).await?,
        Some(FuseCleanPolicy::Other(policy)) => {
            let why = "it must be OnDemand, OnRuntimeDeleted or OnFuseChanged".to_owned();
            return Err(Error::Invalid {
                what: "cleanPolicy",
                value: policy,
                why,
            });
        }
    };
    if !leaves {
        return forget(&context, id).await;
    }
    let label = match served.label {
        Some(label) => label,
        None => context.cluster.fuse_label(&served.runtime).await?,
    };
    let _label_held = context.locks.wait_for(&label).await;
    let volume_id = id.to_owned();
    context
        .blocking(move |context| check_unused(context, &volume_id))
        .await?;
    match context.staged.other(id, &label) {
        Some(other) => tracing::debug!(volume = id, other, "the client stays, since it serves another volume"),
        None => {
            let (noted, source) = (label.clone(), served.source.clone());
            let is_new = context
                .blocking(move |context| note_mount(context, &noted, source.as_ref()))
                .await?;
            let removed = context.cluster.label_node(&label, false).await;
            let is_refused = removed.as_ref().is_err_and(|error| error.is_refused);
            let (noted, is_removed) = (label.clone(), removed.is_ok());
            context
                .blocking(move |context| match (is_removed, is_refused && is_new) {
                    (true, _) => context.leaving.confirm(&noted),
                    (false, true) => context.leaving.remove(&noted),
                    (false, false) => Ok(()),
                })
                .await?;
            removed?;
        }
    }
    forget(&context, id).await
}

/// What serves a volume.
struct Served {
    runtime: ObjectKey,
    /// The mount of its clients, if it is known.
    source: Option<Source>,
    /// The node label that brings the clients; `None` if it is that of the runtime.
    label: Option<String>,
}

/// Returns what serves a volume; `None` if nobody knows. A volume can be deleted while pods use it, as
/// with a Dataset that refers to another one, whose clients live on: then the note of its stage says
/// which they are. If the runtime is gone too, the operator removes the labels of all nodes.
async fn served(context: &Context, id: &str) -> Result<Option<Served>, Error> {
    let noted = context.staged.get(id);
    let Some(volume) = context.cluster.volume(id).await? else {
        return Ok(noted.and_then(|clients| {
            Some(Served {
                runtime: clients.runtime?,
                source: clients.source,
                label: Some(clients.label),
            })
        }));
    };
    let attributes = Attributes::parse(&volume.attributes)?;
    Ok(runtime_of(&attributes, &volume).map(|runtime| Served {
        runtime,
        source: attributes.source().ok().cloned(),
        label: attributes.node_label.or(noted.map(|clients| clients.label)),
    }))
}

/// Notes the mount of the client that is about to leave. Returns whether it was not noted before.
fn note_mount(context: &Context, label: &str, source: Option<&Source>) -> Result<bool, Error> {
    let Some(source) = source else { return Ok(false) };
    let table = Table::read().attempt("reading the mounts for", &source.fluid_path)?;
    match context.fuse_mount(&table, source) {
        Some(mount) => context.leaving.put(label, mount),
        None => Ok(false),
    }
}

/// Removes the note of a staged volume.
async fn forget(context: &Arc<Context>, id: &str) -> Result<(), Error> {
    let id = id.to_owned();
    context.blocking(move |context| context.staged.remove(&id)).await
}

fn runtime_of(attributes: &Attributes, volume: &Volume) -> Option<ObjectKey> {
    let claim = || {
        volume
            .claim
            .clone()
            .map(|(namespace, name)| ObjectKey { namespace, name })
    };
    attributes.runtime.clone().or_else(claim)
}

/// Returns whether the claim of the runtime's own Dataset is labelled with another generation of fuse
/// pods than the running one. If either is unknown, the running one is not outdated. The claim of a
/// Dataset that refers to that one has no such label.
async fn is_outdated(context: &Arc<Context>, served: &Served) -> Result<bool, Error> {
    let Some(wanted) = context.cluster.fuse_generation(&served.runtime).await? else {
        return Ok(false);
    };
    let source = served.source.as_ref();
    let source = source.ok_or_else(|| Error::Missing("volume attribute fluid_path".to_owned()))?;
    let fluid_path = source.fluid_path.clone();
    let reading = context.blocking(move |context| Ok(running_generation(context, &fluid_path)));
    // The fuse pod can put there what it likes, a file system that hangs included.
    let running = match timeout(context.config.probe_timeout, reading).await {
        Ok(running) => running?,
        Err(_) => None,
    };
    Ok(running.is_some_and(|running| running != wanted))
}

/// Returns the generation label of the fuse pod. The downward API has written it next to the mount,
/// in lines of `key="value"`.
fn running_generation(context: &Context, fluid_path: &Path) -> Option<String> {
    let directory = context
        .mount_root
        .open_below(&fluid_path.parent()?.join(".meta/fuse"))
        .ok()?;
    generation_in(&labels_in(&directory)?)
}

/// Returns the text of the file with the labels; `None` if it is not a small regular file in this
/// directory. The downward API makes it a link to a file next to it.
fn labels_in(directory: &OwnedFd) -> Option<String> {
    let file = paths::open_inside(directory, Path::new("labels")).ok()?;
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let stat = statx(&file, c"", flags, StatxFlags::TYPE).ok()?;
    if FileType::from_raw_mode(stat.stx_mode.into()) != FileType::RegularFile {
        return None;
    }
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let opened = open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut text = String::new();
    File::from(opened).take(LABELS).read_to_string(&mut text).ok()?;
    Some(text)
}

fn generation_in(labels_file: &str) -> Option<String> {
    let value = labels_file
        .lines()
        .find_map(|line| line.strip_prefix(labels::FUSE_GENERATION)?.strip_prefix('='))?;
    Some(value.trim().trim_matches('"').to_owned())
}

/// Fails while the volume is mounted in a pod.
fn check_unused(context: &Context, id: &str) -> Result<(), Error> {
    let table = Table::read().attempt("reading the mounts for", id)?;
    let in_use = |target: &Path| Error::InUse {
        volume: id.to_owned(),
        target: target.to_owned(),
    };
    for record in context.records.all().iter().filter(|record| record.volume_id == id) {
        let linked = record.symlink
            && Target::find(&context.kubelet, &record.target)?
                .map(|target| target.found())
                .transpose()?
                == Some(Found::Link);
        if linked || table.count(&record.target) > 0 {
            return Err(in_use(&record.target));
        }
    }
    // Fluid's node plugin made mounts without a record. Their directory has the name of the volume,
    // which is also its handle.
    let pods = context.kubelet.real().join("pods");
    let end = Path::new("volumes/kubernetes.io~csi").join(id).join("mount");
    let others = table
        .iter()
        .map(|mount| &mount.mount_point)
        .find(|path| path.starts_with(&pods) && path.ends_with(&end));
    others.map_or(Ok(()), |path| Err(in_use(path)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, mkfifoat};

    use super::*;

    #[test]
    fn the_generation_is_read_as_the_downward_api_writes_it() {
        let text = "app=\"juicefs\"\nfuse.runtime.fluid.io/generation=\"3\"\nx=\"y\"";
        assert_eq!(generation_in(text).as_deref(), Some("3"));
        assert_eq!(generation_in("fuse.runtime.fluid.io/generation-old=\"3\""), None);
        assert_eq!(generation_in(""), None);
    }

    #[test]
    fn only_a_small_file_of_the_fuse_pod_is_read() {
        let pod = tempfile::tempdir().unwrap();
        let labels = pod.path().join("labels");
        let directory: OwnedFd = File::open(pod.path()).unwrap().into();
        // As the downward API makes it.
        std::fs::create_dir(pod.path().join("..2026_1")).unwrap();
        std::fs::write(pod.path().join("..2026_1/labels"), "x").unwrap();
        symlink("..2026_1", pod.path().join("..data")).unwrap();
        symlink("..data/labels", &labels).unwrap();
        assert_eq!(labels_in(&directory).as_deref(), Some("x"));
        std::fs::write(pod.path().join("..2026_1/labels"), vec![b'x'; 1 << 20]).unwrap();
        assert_eq!(labels_in(&directory).map(|text| text.len()), Some(64 << 10));

        for elsewhere in ["/dev/zero", "/proc/self/status", "..data"] {
            std::fs::remove_file(&labels).unwrap();
            symlink(elsewhere, &labels).unwrap();
            assert_eq!(labels_in(&directory), None, "{elsewhere}");
        }
        std::fs::remove_file(&labels).unwrap();
        // Opening a pipe waits for whoever writes to it.
        mkfifoat(CWD, &labels, Mode::RUSR).unwrap();
        assert_eq!(labels_in(&directory), None);
    }
}
