//! Unpublish: removes the volume from a pod.

use std::sync::Arc;

use super::required::required;
use crate::context::Context;
use crate::error::Error;
use crate::mount;
use crate::mount::target::{Found, Target};
use crate::service::proto::csi::NodeUnpublishVolumeRequest;

pub(super) async fn unpublish(context: Arc<Context>, request: NodeUnpublishVolumeRequest) -> Result<(), Error> {
    required("volume_id", &request.volume_id)?;
    let target = context
        .kubelet
        .canonical(required("target_path", &request.target_path)?.as_ref())?;
    let _held = context.locks.take(target.to_string_lossy()).await?;
    context
        .blocking(move |context| {
            // The record goes first, so that recovery does not restore the mount, even after a
            // restart.
            context.records.remove(&target)?;
            context.unfinished.retain(|volume| volume != target)?;
            if let Some(target) = Target::find(&context.kubelet, &target)? {
                // What is mounted goes before anybody looks at the target: opening it could ask a
                // file system that no longer answers.
                mount::unmount_all(target.path(), &target.handle())?;
                match target.found()? {
                    Found::Nothing => {}
                    Found::Link => target.remove_link()?,
                    Found::Directory | Found::Other => target.remove_directory()?,
                }
            }
            context.anchors.remove(&target)
        })
        .await
}
