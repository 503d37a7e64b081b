//! Stage: labels the node, so that the runtime's DaemonSet starts a fuse pod on it. Publish waits
//! for its mount. A session manager comes before, where the fuse pod needs one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::required::required;
use super::session_manager;
use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::mount::mountinfo::Table;
use crate::mount::probe::Answer;
use crate::recovery::orphans;
use crate::service::proto::csi::NodeStageVolumeRequest;
use crate::volume::attributes::{Attributes, Source};
use crate::volume::staged::Clients;
use wasser_api::ObjectKey;

/// The pause between two looks at a client that leaves: no event says that its process has ended.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) async fn stage(context: Arc<Context>, request: NodeStageVolumeRequest) -> Result<(), Error> {
    let volume = required("volume_id", &request.volume_id)?;
    required("staging_target_path", &request.staging_target_path)?;
    if request.volume_capability.is_none() {
        return Err(Error::Missing("volume_capability".to_owned()));
    }
    let _held = context.locks.take(volume).await?;
    let attributes = Attributes::parse(&request.volume_context)?;
    if let Ok(source) = attributes.source() {
        // A dead mount would keep the new fuse pod from mounting there. If it cannot be removed,
        // the pod may still succeed.
        if let Err(error) = orphans::clear_if_dead(&context, source).await {
            tracing::warn!(volume, %error, "a dead mount stays");
        }
        match orphans::clear_if_stale(&context, source).await {
            Err(error @ Error::NotReady(_)) => return Err(error),
            Err(error) => tracing::warn!(volume, %error, "a stale mount stays"),
            Ok(()) => {}
        }
    }
    session_manager::bring(&context, &attributes).await?;
    let clients = clients_of(&context, volume, &attributes).await?;
    let label = clients.label.clone();
    let _label_held = context.locks.wait_for(&label).await;
    // The note comes first: with it, the unstage of another volume leaves the label alone.
    let id = volume.to_owned();
    context
        .blocking(move |context| context.staged.put(&id, &clients))
        .await?;
    if let Ok(source) = attributes.source() {
        wait_for_leaving(&context, &label, source).await?;
    }
    context.cluster.label_node(&label, true).await?;
    Ok(())
}

/// Waits until the client that leaves has ended. With the label, its successor is started.
async fn wait_for_leaving(context: &Arc<Context>, label: &str, source: &Source) -> Result<(), Error> {
    let mut watch = context.watch.clone();
    let deadline = Instant::now() + context.config.publish_timeout;
    let whole = Source {
        sub_path: PathBuf::new(),
        ..source.clone()
    };
    while let Some(left) = context.leaving.get(label, context.config.leave_timeout)? {
        if !left.is_certain {
            // The answer was lost. A client that was not removed then would be waited for in vain.
            context.cluster.label_node(label, false).await?;
            let label = label.to_owned();
            context.blocking(move |context| context.leaving.confirm(&label)).await?;
        }
        watch.mark();
        let table = Table::read().attempt("reading the mounts for", &source.fluid_path)?;
        let Some(mount) = context.fuse_mount(&table, source).filter(|mount| left.is(mount)) else {
            break;
        };
        if let Answer::Dead = context.prober.open(&whole, Some(&mount.device)).await? {
            orphans::clear_if_dead(context, source).await?;
            break;
        }
        if Instant::now() >= deadline {
            return Err(Error::NotReady(format!(
                "the fuse pod of the dataset on node {} is ending, and still serves {}; the next one follows",
                context.config.node_id,
                source.fluid_path.display()
            )));
        }
        let next = deadline.min(Instant::now() + AGAIN);
        // The loop looks again in either case.
        let _ = timeout_at(next, watch.changed()).await;
    }
    let label = label.to_owned();
    context.blocking(move |context| context.leaving.remove(&label)).await
}

/// Returns the fuse pods of a volume.
pub(super) async fn clients_of(context: &Context, volume: &str, attributes: &Attributes) -> Result<Clients, Error> {
    let runtime = match (&attributes.runtime, &attributes.node_label) {
        (Some(runtime), _) => Some(runtime.clone()),
        (None, Some(_)) => None,
        // Volumes of early versions of Fluid name neither; their claim has the name of the Dataset.
        (None, None) => Some(claim_of(context, volume).await?),
    };
    let label = match (&attributes.node_label, &runtime) {
        (None, Some(runtime)) => context.cluster.fuse_label(runtime).await?,
        (label, _) => label.clone().unwrap_or_default(),
    };
    Ok(Clients {
        label,
        runtime,
        source: attributes.source().ok().cloned(),
    })
}

async fn claim_of(context: &Context, volume: &str) -> Result<ObjectKey, Error> {
    let missing = || {
        Error::Missing(format!(
            "volume attribute mount_pod_node_selector_key of {volume}, or a claim that names its runtime,"
        ))
    };
    let claim = context.cluster.volume(volume).await?.and_then(|volume| volume.claim);
    let (namespace, name) = claim.ok_or_else(missing)?;
    Ok(ObjectKey { namespace, name })
}
