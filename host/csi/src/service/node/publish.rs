//! Publish: binds the fuse pod's mount into a pod.

use std::sync::Arc;

use tokio::time::Instant;

use super::required::required;
use super::session_manager;
use super::stage;
use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::mount;
use crate::mount::mountinfo::Table;
use crate::mount::target::Target;
use crate::recovery::repair::put_in_place;
use crate::service::proto::csi::volume_capability::AccessType;
use crate::service::proto::csi::volume_capability::access_mode::Mode;
use crate::service::proto::csi::{NodePublishVolumeRequest, VolumeCapability};
use crate::volume::attributes::{Attributes, Source};
use crate::volume::published::Record;

pub(super) async fn publish(context: Arc<Context>, request: NodePublishVolumeRequest) -> Result<(), Error> {
    let deadline = Instant::now() + context.config.publish_timeout;
    let volume = required("volume_id", &request.volume_id)?;
    let target = required("target_path", &request.target_path)?;
    let capability = request
        .volume_capability
        .as_ref()
        .ok_or_else(|| Error::Missing("volume_capability".to_owned()))?;
    let attributes = Attributes::parse(&request.volume_context)?;
    let read_only = request.readonly || attributes.read_only || is_read_only(capability);
    let given = attributes.source()?.clone();
    context.mount_root.relative(&given.fluid_path)?;
    let target = context.kubelet.canonical(target.as_ref())?;
    let _held = context.locks.take(target.to_string_lossy()).await?;

    // A link into the file system would be followed on the node, each time that a container starts,
    // by way of directories that whoever writes to the file system can replace by links.
    let symlink = (context.config.symlink || attributes.symlink) && given.sub_path.as_os_str().is_empty();
    let mut record = Record {
        volume_id: volume.to_owned(),
        target: target.clone(),
        source: given.clone(),
        read_only,
        symlink,
        runtime: attributes.runtime.clone(),
    };
    let (in_place, fuse_is_up) = {
        let table = Table::read().attempt("reading the mounts for", &target)?;
        record.source = source_now(&context, &table, &record)?;
        (
            is_in_place(&context, &table, &record)?,
            context.fuse_mount(&table, &record.source).is_some(),
        )
    };
    if in_place {
        return context.blocking(move |context| context.records.put(record)).await;
    }
    if !fuse_is_up {
        // Stage has set the label, but an unstage of another volume, or an administrator, may have
        // removed it since.
        if let Err(error) = label_again(&context, volume, &attributes).await {
            tracing::warn!(volume, %error, "waiting for the fuse pod without having set its label again");
        }
    }
    let (source, opened) = context
        .wait_ready(&given, !attributes.skip_mount_check, deadline)
        .await?;
    record.source = source;
    context
        .blocking(move |context| {
            let target = Target::make(&context.kubelet, &record.target)?;
            // The record comes first: if the process ends here, the next one does the rest.
            context.records.put(record.clone())?;
            let done = if record.symlink {
                link(&target, &record)
            } else {
                target
                    .make_directory()
                    .and_then(|()| put_in_place(context, &record, &target, &opened))
            };
            // An earlier mount stays recorded, so that recovery tries again.
            if done.is_err()
                && !context.unfinished.has(&record.target)
                && Table::read()
                    .attempt("reading the mounts for", &record.target)?
                    .count(&record.target)
                    == 0
            {
                context.records.remove(&record.target)?;
            }
            done
        })
        .await
}

/// Sets the labels that stage has set.
async fn label_again(context: &Context, volume: &str, attributes: &Attributes) -> Result<(), Error> {
    session_manager::label(context, attributes).await?;
    let clients = stage::clients_of(context, volume, attributes).await?;
    Ok(context.cluster.label_node(&clients.label, true).await?)
}

fn link(target: &Target, record: &Record) -> Result<(), Error> {
    mount::unmount_all(target.path(), &target.handle())?;
    target.make_link(&record.source.fluid_path)
}

/// Returns where the directory of a volume is now, or was when it was published if its mount is away.
fn source_now(context: &Context, table: &Table, record: &Record) -> Result<Source, Error> {
    let source = context.resolved(table, &record.source);
    if context.fuse_mount(table, &source).is_some() {
        return Ok(source);
    }
    let path = |source: &Source| -> Result<_, Error> {
        Ok(context.mount_root.canonical(&source.fluid_path)?.join(&source.sub_path))
    };
    match context.records.get(&record.target) {
        Some(known) if known.volume_id == record.volume_id && path(&known.source)? == path(&source)? => {
            Ok(known.source.clone())
        }
        _ => Ok(source),
    }
}

/// Returns whether the target is already mounted as it should be. While the fuse pod is away, its
/// mount is left to recovery.
fn is_in_place(context: &Context, table: &Table, record: &Record) -> Result<bool, Error> {
    let Some(there) = table.top(&record.target) else {
        return Ok(false);
    };
    if record.symlink {
        return Ok(false);
    }
    let fuse = context.fuse_mount(table, &record.source);
    // A file system that is itself mounted read-only cannot be bound otherwise.
    let must_be_read_only = record.read_only || fuse.is_some_and(crate::mount::mountinfo::Mount::is_read_only);
    if fuse.is_some() && there.is_read_only() != must_be_read_only {
        let word = |read_only| if read_only { "read-only" } else { "for writing" };
        return Err(Error::Incompatible {
            target: record.target.clone(),
            is: word(there.is_read_only()),
            wanted: word(record.read_only),
        });
    }
    Ok(fuse.is_none_or(|fuse| fuse.device == there.device && table.count(&record.target) == 1))
}

fn is_read_only(capability: &VolumeCapability) -> bool {
    let mode = capability.access_mode.as_ref().map(|mode| mode.mode());
    let by_mode = matches!(mode, Some(Mode::MultiNodeReaderOnly | Mode::SingleNodeReaderOnly));
    let by_flag = match &capability.access_type {
        Some(AccessType::Mount(mount)) => {
            let mut flags = mount.mount_flags.iter().flat_map(|flags| flags.split(','));
            flags.any(|flag| flag == "ro")
        }
        _ => false,
    };
    by_mode || by_flag
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::service::proto::csi::volume_capability::{AccessMode, MountVolume};

    #[rstest]
    #[case(Mode::MultiNodeReaderOnly, &[], true)]
    #[case(Mode::SingleNodeReaderOnly, &[], true)]
    #[case(Mode::MultiNodeMultiWriter, &[], false)]
    #[case(Mode::MultiNodeMultiWriter, &["noatime", "ro"], true)]
    #[case(Mode::MultiNodeMultiWriter, &["rw"], false)]
    fn read_only_is_requested_in_two_ways(#[case] mode: Mode, #[case] flags: &[&str], #[case] expected: bool) {
        let mount = MountVolume {
            mount_flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            ..Default::default()
        };
        let capability = VolumeCapability {
            access_mode: Some(AccessMode { mode: mode.into() }),
            access_type: Some(AccessType::Mount(mount)),
        };
        assert_eq!(is_read_only(&capability), expected);
    }
}
