//! `pvc://` mounts: the volume behind a claim, mounted by the profile's client rather than by its
//! own driver.

use serde_json::Value;
use wasser_sdk::{Context, DatasetSpec, Error, Host, Result};

use crate::input::Spec;

const SCHEME: &str = "pvc://";
/// How soon a claim that is not bound is looked at again.
const SOON: u32 = 5;

/// What the client learns about the volume.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claim {
    /// Its CSI source: driver, handle, attributes.
    pub attributes: Option<Value>,
    /// Its mount options.
    pub mount_options: Vec<String>,
    /// The Secret that it is published with: namespace and name.
    pub publish_secret: Option<(String, String)>,
}

/// Returns the volume behind the Dataset's `pvc://` mount; `None` without one. More than one is
/// refused.
pub fn of(ctx: &Context<Spec>, dataset: &DatasetSpec, host: &impl Host) -> Result<Claim> {
    let mut claims = dataset
        .mounts
        .iter()
        .enumerate()
        .filter(|(_, mount)| mount.mount_point.starts_with(SCHEME));
    let Some((at, mount)) = claims.next() else {
        return Ok(Claim::default());
    };
    if let Some((second, _)) = claims.next() {
        let field = format!("Dataset.spec.mounts[{second}].mountPoint");
        return Err(Error::invalid(
            field,
            "is a second `pvc://` mount; a Dataset can have one",
        ));
    }
    let field = format!("Dataset.spec.mounts[{at}].mountPoint");
    let path = mount.mount_point.trim_start_matches(SCHEME);
    let name = path.split('/').next().unwrap_or_default();
    if name.is_empty() || path.split('/').any(|part| part == "..") {
        return Err(Error::invalid(
            field,
            "is not of the form `pvc://<claim>` or `pvc://<claim>/<directory>`",
        ));
    }
    let text = |object: &Value, pointer: &str| {
        let text = object.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let display = format!("{}/{name}", ctx.namespace);
    let claim = host.object("PersistentVolumeClaim", name)?.ok_or_else(|| {
        Error::retry_after(
            SOON,
            format!(
                "{field}: there is no PersistentVolumeClaim {display}; \
                 create it"
            ),
        )
    })?;
    let volume = text(&claim, "/spec/volumeName");
    if text(&claim, "/status/phase") != "Bound" || volume.is_empty() {
        return Err(Error::retry_after(
            SOON,
            format!("{field}: the PersistentVolumeClaim {display} is not bound yet"),
        ));
    }
    let volume = host.object("PersistentVolume", &volume)?.ok_or_else(|| {
        Error::retry_after(
            SOON,
            format!(
                "{field}: the PersistentVolume {volume} of {display} does \
                 not exist"
            ),
        )
    })?;
    let csi = volume.pointer("/spec/csi").ok_or_else(|| {
        Error::invalid(
            &field,
            format!("the volume of {display} has no CSI driver, so there is nothing to tell the client"),
        )
    })?;
    let options = volume.pointer("/spec/mountOptions").and_then(Value::as_array);
    let secret = (
        text(csi, "/nodePublishSecretRef/namespace"),
        text(csi, "/nodePublishSecretRef/name"),
    );
    Ok(Claim {
        mount_options: options
            .into_iter()
            .flatten()
            .filter_map(|option| Some(option.as_str()?.to_owned()))
            .collect(),
        publish_secret: (!secret.1.is_empty()).then_some(secret),
        attributes: Some(csi.clone()),
    })
}

/// Returns the Secret of the volume that the client gets as files, by the profile's policy, and
/// whether it can be missing.
pub fn publish_secret(ctx: &Context<Spec>, policy: &str, claim: &Claim) -> Result<Option<(String, bool)>> {
    let Some((namespace, name)) = &claim.publish_secret else {
        return Ok(None);
    };
    match policy {
        "NotMountNodePublishSecret" => Ok(None),
        "" | "MountNodePublishSecretIfExists" => Ok(Some((name.clone(), true))),
        "CopyNodePublishSecretAndMountIfNotExists" if namespace == &ctx.namespace => Ok(Some((name.clone(), false))),
        // Secrets of other namespaces are never read: copying one is for its owner to do.
        "CopyNodePublishSecretAndMountIfNotExists" => Ok(Some((format!("{}-thin-publish-secret", ctx.name), false))),
        other => Err(Error::invalid(
            "ThinRuntimeProfile.spec.nodePublishSecretPolicy",
            format!(
                "`{}` is none of NotMountNodePublishSecret, MountNodePublishSecretIfExists, \
                 CopyNodePublishSecretAndMountIfNotExists",
                other.escape_debug()
            ),
        )),
    }
}
