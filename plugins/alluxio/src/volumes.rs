//! Volumes of the pods, and where their containers mount them.

use serde_json::{Value, json};
use wasser_sdk::Result;
use wasser_sdk::spec::{VolumeNames, Volumes};

use crate::input::Spec;
use crate::mounts::{Entry, LOCAL_ROOT, Mounts, Native, SECRETS, Volume};
use crate::restore::Backup;
use crate::tiers::Tiers;

/// The volumes that the chart adds.
const RESERVED: &[&str] = &[
    "alluxio-mount-conf",
    "alluxio-journal",
    "alluxio-backup",
    "alluxio-fuse-device",
    "alluxio-fuse-mount",
    "hdfs-confs",
    "dir",
    "user",
    "group",
];

/// Returns the user's mounts of a component with the volumes that they name.
pub fn of(component: &str, mounts: &[Value], spec: &Spec) -> Result<Volumes> {
    let names = VolumeNames {
        volumes: &spec.volumes,
        reserved: RESERVED,
        ..VolumeNames::default()
    };
    names.mounted(&format!("AlluxioRuntime.spec.{component}.volumeMounts"), mounts)
}

/// Adds the directories of the tiered store, under names that no other volume has.
pub fn add_tiers(volumes: &mut Volumes, tiers: &Tiers) {
    let (of_tiers, mounts) = tiers.volumes();
    for (mut volume, mut mount) in of_tiers.into_iter().zip(mounts) {
        let name = volumes.free_name(volume.get("name").and_then(Value::as_str).unwrap_or_default());
        volume["name"] = name.as_str().into();
        mount["name"] = name.into();
        volumes.add(volume, mount);
    }
}

/// Adds the `local://` and `pvc://` mounts. A directory of the node must exist: an empty one in its
/// place would be an empty Dataset.
pub fn add_native(volumes: &mut Volumes, mounts: &Mounts) {
    for (at, native) in mounts.native.iter().enumerate() {
        let name = format!("ufs-{at}");
        let path = if native.container_path.is_empty() {
            LOCAL_ROOT
        } else {
            &native.container_path
        };
        let (volume, sub_path) = match &native.volume {
            Volume::Directory(directory) => (
                json!({"name": name, "hostPath": {"path": directory, "type": "Directory"}}),
                "",
            ),
            Volume::Claim(claim, directory) => {
                let claim = json!({"name": name, "persistentVolumeClaim": {"claimName": claim}});
                (claim, directory.as_str())
            }
        };
        let mut mount = json!({"name": name, "mountPath": path, "mountPropagation": "HostToContainer"});
        if !sub_path.is_empty() {
            mount["subPath"] = sub_path.into();
        }
        volumes.add(volume, mount);
    }
}

/// Returns the directories of claims that must exist before the kubelet makes them: volume, claim
/// and directory.
pub fn claim_directories(mounts: &Mounts) -> Vec<Value> {
    let directory = |(at, native): (usize, &Native)| match &native.volume {
        Volume::Claim(claim, directory) if !directory.is_empty() => {
            Some(json!({"volume": format!("ufs-{at}"), "claim": claim, "directory": directory}))
        }
        _ => None,
    };
    mounts.native.iter().enumerate().filter_map(directory).collect()
}

/// Adds the Secrets of the mounts, as files.
pub fn add_secrets(volumes: &mut Volumes, mounts: &Mounts) {
    let secrets = mounts.entries().flat_map(|entry: &Entry| entry.secrets.values());
    let mut names: Vec<&str> = secrets.map(|secret| secret.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for (at, secret) in names.into_iter().enumerate() {
        let name = format!("ufs-secret-{at}");
        let volume = json!({"name": name, "secret": {"secretName": secret}});
        let mount = json!({"name": name, "mountPath": format!("{SECRETS}/{secret}"), "readOnly": true});
        volumes.add(volume, mount);
    }
}

/// Adds the backup that the master starts from.
pub fn add_backup(volumes: &mut Volumes, backup: &Backup) {
    let mount = json!({"name": "restore", "mountPath": backup.mount_path()});
    let volume = match &backup.claim {
        Some(claim) => json!({"name": "restore", "persistentVolumeClaim": {"claimName": claim}}),
        None => json!({"name": "restore", "hostPath": {"path": backup.directory, "type": "Directory"}}),
    };
    volumes.add(volume, mount);
}
