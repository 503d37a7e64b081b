//! Unstage: removes the node's label after the last pod with the volume has left, if the runtime's
//! clean policy says that the fuse pod leaves too.

use std::path::Path;
use std::sync::Arc;

use tokio::time::timeout;
use wasser_api::ObjectKey;
use wasser_api::shared::FuseCleanPolicy;

use super::generation;
use super::required::required;
use crate::cluster::Volume;
use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::mount::mountinfo::Table;
use crate::mount::target::{Found, Target};
use crate::recovery::leftovers;
use crate::service::proto::csi::NodeUnstageVolumeRequest;
use crate::volume::attributes::{Attributes, Source};

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
            if let Some(source) = served.source {
                let cleared = context.blocking(move |context| leftovers::clear_at(context, &source.fluid_path));
                if let Err(error) = cleared.await {
                    tracing::warn!(volume = id, %error, "labels of clients stay mounted");
                }
            }
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
    let reading = context.blocking(move |context| Ok(generation::running(context, &fluid_path)));
    // The fuse pod can put there what it likes, a file system that hangs included.
    let running = match timeout(context.config.probe_timeout, reading).await {
        Ok(running) => running?,
        Err(_) => None,
    };
    Ok(running.is_some_and(|running| running != wanted))
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
