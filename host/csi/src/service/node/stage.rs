//! Stage: labels the node, so that the runtime's DaemonSet starts a fuse pod on it. Publish waits
//! for its mount. A session manager comes before, where the fuse pod needs one.

use std::sync::Arc;

use super::required::required;
use super::session_manager;
use crate::context::Context;
use crate::error::Error;
use crate::recovery::orphans;
use crate::service::proto::csi::NodeStageVolumeRequest;
use crate::volume::attributes::Attributes;
use wasser_api::ObjectKey;

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
    }
    session_manager::bring(&context, &attributes).await?;
    let label = label_of(&context, volume, &attributes).await?;
    let _label_held = context.locks.wait_for(&label).await;
    // The note comes first: with it, the unstage of another volume leaves the label alone.
    let (id, noted) = (volume.to_owned(), label.clone());
    context.blocking(move |context| context.staged.put(&id, &noted)).await?;
    context.cluster.label_node(&label, true).await?;
    Ok(())
}

/// Returns the node label of a volume's fuse pods.
pub(super) async fn label_of(context: &Context, volume: &str, attributes: &Attributes) -> Result<String, Error> {
    if let Some(label) = &attributes.node_label {
        return Ok(label.clone());
    }
    let runtime = match &attributes.runtime {
        Some(runtime) => runtime.clone(),
        // Volumes of early versions of Fluid name neither; their claim has the name of the Dataset.
        None => claim_of(context, volume).await?,
    };
    Ok(context.cluster.fuse_label(&runtime).await?)
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
